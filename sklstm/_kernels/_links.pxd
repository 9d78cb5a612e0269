"""What a network predicts, from its scores, for the module that answers steps."""


cdef struct link_entry:
    const char *name
    Py_ssize_t widening     # columns of a result for each score
    void (*of_floats)(Py_ssize_t n, Py_ssize_t K, const float *scores, float *out) noexcept nogil
    void (*of_doubles)(Py_ssize_t n, Py_ssize_t K, const double *scores, double *out) noexcept nogil


cdef struct decision_entry:
    const char *name
    bint of_each            # whether each score has a code, else the scores of a sample have one
    Py_ssize_t n_codes      # different ones; 0 for as many as scores
    void (*on_floats)(Py_ssize_t n, Py_ssize_t K, const float *scores, Py_ssize_t *codes) noexcept nogil
    void (*on_doubles)(Py_ssize_t n, Py_ssize_t K, const double *scores, Py_ssize_t *codes) noexcept nogil


cdef class Link:
    cdef const link_entry *entry

    cdef void apply(self, int dtype, Py_ssize_t n, Py_ssize_t K, const void *scores, void *out) noexcept nogil


cdef class Decision:
    cdef const decision_entry *entry

    cdef void apply(self, int dtype, Py_ssize_t n, Py_ssize_t K, const void *scores, Py_ssize_t *codes) noexcept nogil
