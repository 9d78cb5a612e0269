"""Bound networks and minibatches, for the module that runs an encoder and a decoder."""
from cpython.ref cimport PyObject

from ._losses cimport LossFunction
from ._stages cimport Stage, batch


cdef enum:
    MANY_ROWS = 1 << 12     # whose passes may take so long that Ctrl-C is to be heard between them


cdef class BoundNetwork(Stage):
    cdef:
        PyObject **steps            # stages over chunks of steps, in the order of the forward pass
        PyObject **ends             # stages over what the pooling makes of all steps
        int n_steps, n_ends
        readonly Py_ssize_t n_sequences, n_rows
        readonly bint per_step
        Py_ssize_t n_params, n_channels, n_scores, n_static
        void *values
        void *statics
        void *scores
        void *dscores
        void *structure
        batch b                     # the last batch from Python, and what it points to
        object held
    cdef int read_stages(self, list stages, PyObject ***into, int *n) except -1
    cdef void backward_ends(self, const batch *b) noexcept nogil
    cdef int read_batch(self, starts, lengths, values, statics) except -1


cdef class Minibatch:
    cdef:
        LossFunction loss
        list kept
        int dtype
        Py_ssize_t itemsize, n_samples, n_channels, total, width, n_targets, bptt_steps, n_static
        const Py_ssize_t *offsets
        const char *values
        const char *shift
        const char *factor
        const char *targets
        const char *statics
        const double *weights
        # Of the minibatch:
        Py_ssize_t n, T, most_rows                  # sequences, steps of the longest, rows of the largest chunk
        Py_ssize_t capacity, target_capacity        # integers and bytes in these:
        Py_ssize_t *order                           # (n,) which sequences, the longest first
        Py_ssize_t *lengths                         # (n,)
        Py_ssize_t *first_rows                      # (n,) of values: where each begins
        Py_ssize_t *starts                          # (T + 1,) row of each step, among all rows
        Py_ssize_t *chunk_starts                    # (T + 1,) the same, among those of a chunk
        char *own_targets                           # (rows, width) behind as many weights
        double *own_weights
    cdef int reserve(self, Py_ssize_t n, Py_ssize_t T) except -1
    cdef int reserve_targets(self, Py_ssize_t n) except -1
    cdef Py_ssize_t chunk_end(self, Py_ssize_t first) noexcept nogil
    cdef int begin_batch(self, BoundNetwork network, batch *b, grad) except -1
    cdef int check_loss(self, BoundNetwork network) except -1
    cdef double whole_sequences(self, BoundNetwork network, batch *b, double total_weight, draws) except? -1 nogil
    cdef double every_step(self, BoundNetwork network, batch *b, double total_weight, draws) except? -1 nogil
    cdef Py_ssize_t pack_chunk(self, BoundNetwork network, batch *b, Py_ssize_t first) except -1 nogil
    cdef void gather_targets(self, BoundNetwork network, const batch *b) noexcept nogil
    cdef double find_loss(self, BoundNetwork network, const batch *b, double total_weight) except? -1 nogil
