"""The buffers of a network that runs, and what happens in them; without checks."""
from libc.stdint cimport uintptr_t

from ._real cimport real
from ._weights cimport Weights


cdef enum:
    LAST
    MEAN
    MAX
    ATTENTION
    N_POOLINGS
    STACK_BYTES = 1 << 14   # scratch of a step that lies on the stack, so that no stream has its own


cdef struct buffers:
    Py_ssize_t n_sequences, n_rows      # at most; no rows where there are single steps of all sequences only
    Py_ssize_t column[N_POOLINGS]       # where the outputs of each pooling begin in a row of `pooled`; -1 where it is none
    Py_ssize_t width                    # of a row of `pooled`: F for each pooling
    bint keeps_steps                    # the outputs of the last layer at every step of a chunk
    bint encodes                        # results are pooled outputs, not scores
    Py_ssize_t active                   # sequences that have begun
    int parity                          # which row of the pairs of states is read next
    Py_ssize_t chunk_rows               # rows of the last chunk
    void **states                       # of each layer's forward direction, as in `run_steps`
    # All that follows lies in one piece of memory; NULL is what nobody needs.
    void *reverse_state                 # of the reverse direction that runs
    void *y[2]                          # (n_rows, F): outputs of a layer, and of the one before
    void *summand                       # (n_rows, N): outputs of a reverse direction that are added
    void *end_summand                   # (n_sequences, N)
    void *pooled                        # (n_sequences, width): last outputs, sums, maxima or weighted sums so far
    void *means                         # (n_sequences, width): pooled, with sums divided
    void *u                             # (n_rows, F) of the attention
    void *e                             # (n_rows,)
    double *top                         # (n_sequences,)
    double *norm
    void *x                             # (n_rows, D)
    void *scratch                       # NULL where a step has its own on the stack
    void *s                             # (n_sequences, k): static vectors
    Py_ssize_t *lengths                 # (n_sequences,): steps that each has had
    Py_ssize_t *starts                  # (n_rows + 1,)


cdef uintptr_t lay_out(Weights w, buffers *b, uintptr_t begin) noexcept

cdef void begin_sequences(Weights w, buffers *b, Py_ssize_t first, Py_ssize_t last) noexcept nogil

cdef void run_chunk(
    Weights w, buffers *b, const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t n_continuing, const real *x, real *scratch) noexcept nogil

cdef void find_results(Weights w, buffers *b, real *out) noexcept nogil
