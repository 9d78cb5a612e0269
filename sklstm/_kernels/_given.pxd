"""What callers hand over, checked and as pointers."""


cdef struct sequence:
    const void *values          # (length, D)
    Py_ssize_t length


cdef class Given:
    cdef:
        sequence *sequences     # (n,), the longest first
        Py_ssize_t n, n_rows    # sequences, and steps of all
        Py_buffer *views
        Py_ssize_t n_views


cdef char native_type(const char *format) noexcept nogil

cdef Given hold(object X, int dtype, Py_ssize_t D)

cdef int acquire(object array, Py_buffer *view, int dtype, Py_ssize_t size, bint writable) except -1

cdef bint all_finite(Given given, Py_ssize_t D, int dtype) noexcept nogil

cdef bint is_finite(const void *x, Py_ssize_t n, int dtype) noexcept nogil

cdef void *pointer(object array, int kind, Py_ssize_t rows, Py_ssize_t columns, bint writable=*) except? NULL

cdef Py_ssize_t pack_steps(
    const sequence *sequences, Py_ssize_t *active, Py_ssize_t first, Py_ssize_t n_steps, Py_ssize_t n_bytes, void *x,
    Py_ssize_t *starts) noexcept nogil
