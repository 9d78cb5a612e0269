"""A recurrent layer as a stage, for the poolings that read its last states."""
from ._stages cimport Dropout, Stage, batch
from ._walk cimport direction


cdef struct bound_direction:
    direction d             # x, the walk and the state to begin with are those of a batch, the rest is bound
    Py_ssize_t ld_h
    void *gates             # (n_rows, n_blocks H)
    void *c                 # (n_rows, H)
    void *h                 # (n_rows, N), row stride ld_h
    void *m                 # (n_rows, H), what is projected; NULL where h is not
    void *first[2]          # (n_sequences, N or H), h and c that a batch begins with; NULL where those are always zeros
    const void *learned[2]  # (N or H,), parameters h0 and c0; NULL where states are not learned
    const void *S           # (k, N), weights of static vectors in h0; NULL where there are none
    bint begins             # whether sequences begin with other states than zeros
    const void *d_ends[2]   # (n_sequences, N or H), gradients of h and c where the walk ends, beside those of the outputs; NULL for zeros


cdef class Layer(Stage):
    cdef:
        bound_direction directions[2]
        int n_directions
        bint sums, has_skip
        Py_ssize_t D, H, N, F   # widths of the input, of c, of h and of the output
        Dropout dropout
        const void *x
        void *y
        const void *dy
        const void *d_end
        Py_ssize_t ld_d_end
        void *dx
        void *dh
        void *dc
        void *scratch
        Py_ssize_t n_static     # k
        const void *s           # (n_sequences, k), static vectors; NULL where there are none
        void *ds
    cdef int bind_direction(
        self, bound_direction *bound, tuple kernel, dict arrays, Py_ssize_t n_rows, Py_ssize_t n_sequences) except -1
    cdef Py_ssize_t state_width(self, int state) noexcept nogil
    cdef const void *input(self, const batch *b) noexcept nogil
    cdef void end_states(self, const batch *b, void *out, Py_ssize_t ld) noexcept nogil
    cdef void end_of_walk(
        self, const batch *b, int k, int state, const Py_ssize_t *which, Py_ssize_t n, void *out, Py_ssize_t ld) noexcept nogil
