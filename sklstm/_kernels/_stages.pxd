"""The stages of a network that is bound to its weights and to buffers: what each does with the steps of a packed minibatch."""


cdef struct batch:
    # Steps of a packed minibatch, all of them or a chunk, and what goes through the stages with them.
    Py_ssize_t n_all            # sequences of the minibatch, the longest first
    Py_ssize_t n_sequences      # those that have the first of these steps
    Py_ssize_t n_continuing     # those that continue after the last of these steps
    Py_ssize_t first            # number of steps before these
    Py_ssize_t n_steps, n_rows
    const Py_ssize_t *starts    # (n_steps + 1,) row at which each of these steps begins
    const Py_ssize_t *lengths   # (n_all,) number of steps of each sequence, those before and after these included
    const void *values          # (n_rows, n_channels) IN, what the first stage reads
    void *dvalues               # (n_rows, n_channels) OUT, the gradient of that; NULL where it is not wanted
    const void *statics         # (n_all, n_static) IN, static features of each sequence; NULL for a network without
    void *dstatics              # (n_all, n_static) OUT, the gradient of that; NULL where it is not wanted
    char *gradients             # IN/OUT, those of the parameters, in the order of theta; NULL before the backward pass
    # Of a decoder, NULL elsewhere: the batch of the encoder, whole, and which of its sequences each of these belongs to, (n_all,).
    const batch *source
    const Py_ssize_t *pairs


cdef class Stage:
    cdef:
        int dtype               # 0 for float32, 1 for float64
        Py_ssize_t itemsize
        const char *theta
        list kept               # the arrays that pointers of this stage lead to
    cdef int bind(self, theta) except -1
    cdef void *hold(self, array, Py_ssize_t rows, Py_ssize_t columns, bint writable=*, Py_ssize_t *ld=*) except? NULL
    cdef void begin(self, const batch *b) noexcept nogil
    cdef int forward(self, const batch *b) except -1 nogil
    cdef int recompute(self, const batch *b) except -1 nogil
    cdef void finish(self, const batch *b) noexcept nogil
    cdef void backward(self, const batch *b) noexcept nogil
    cdef void carry(self, const batch *b) noexcept nogil


cdef inline void *gradient_of(Stage stage, const batch *b, const void *parameter) noexcept nogil:
    """Where the gradient of a parameter lies: as far from the first one as the parameter from the first of theta."""
    return b.gradients + (<const char *> parameter - stage.theta) if parameter != NULL else NULL


cdef class Dropout(Stage):
    cdef:
        Py_ssize_t width
        const void *x           # (n_rows, width), NULL for what the first stage reads
        const void *mask        # (n_rows, width)
        void *out               # (n_rows, width)
        void *dx                # (n_rows, width) IN/OUT, the gradient of `out` and then of x
