"""The losses, for the module that runs whole minibatches."""


cdef struct scored:
    Py_ssize_t n, K, width      # samples, scores and targets of each
    int dtype                   # of all but the weights: 0 for float32, 1 for float64
    const void *scores          # (n, K) IN
    const void *targets         # (n, width) IN
    const double *weights       # (n,) IN
    double total_weight
    void *dscores               # (n, K) OUT


cdef class LossFunction:
    cdef:
        double smoothing
        const double *numbers
        Py_ssize_t n_numbers
        object kept             # what `numbers` points into
    cdef double evaluate(self, const scored *s) noexcept nogil
