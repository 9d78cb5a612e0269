"""The losses, for the module that runs whole minibatches."""


cdef struct scored:
    Py_ssize_t n, K, width      # samples, scores and targets of each
    int dtype                   # of all but the weights: 0 for float32, 1 for float64
    const void *scores          # (n, K) IN
    const void *targets         # (n, width) IN
    const double *weights       # (n,) IN
    double total_weight
    void *dscores               # (n, K) OUT
    # For losses of whole sequences of samples; NULL and 0 for the others:
    Py_ssize_t n_sequences
    const Py_ssize_t *lengths   # (n_sequences,) IN, samples of each
    const Py_ssize_t *starts    # IN, sample t of sequence i is starts[t] + i; NULL where those of a sequence are consecutive
    const void *structure       # (K + 2, K) IN
    void *dstructure            # (K + 2, K) IN/OUT, its gradient is added to that; NULL where it is not wanted


cdef struct layout:
    # Where the scores of a sequence lie: step t at `first + t`, or at `first + starts[t]`.
    Py_ssize_t first
    const Py_ssize_t *starts


cdef inline Py_ssize_t row_of(const layout *rows, Py_ssize_t t) noexcept nogil:
    return rows.first + (t if rows.starts == NULL else rows.starts[t])


cdef class LossFunction:
    cdef:
        double smoothing
        const double *numbers
        Py_ssize_t n_numbers
        object kept             # what `numbers` points into
        readonly bint is_structured     # whether it is one of whole sequences
        readonly bint has_structure     # whether it reads a structure
    cdef int check(self, Py_ssize_t K, const void *structure, bint whole=*) except -1
    cdef double evaluate(self, const scored *s) except? -1 nogil


cdef const Py_ssize_t *lengths_of(array, Py_ssize_t n) except NULL
