"""The poolings of a network, for the module that runs it whole; without a change of mode (`_ftz`)."""
from ._real cimport real


cdef void sum_steps(const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t F, const real *y, real *out, Py_ssize_t ld) noexcept nogil

cdef void divide_by_lengths(
    Py_ssize_t n, Py_ssize_t F, const Py_ssize_t *lengths, const real *sums, real *out, Py_ssize_t ld) noexcept nogil

cdef void score_rows(const real *u, const real *v, real *e, Py_ssize_t n_rows, Py_ssize_t K) noexcept nogil

cdef void attend(
    const Py_ssize_t *starts, Py_ssize_t T, const real *e, const real *y, double *top, double *norm, Py_ssize_t F, real *out,
    Py_ssize_t ld) noexcept nogil

cdef void divide_by_norms(
    Py_ssize_t n, Py_ssize_t F, const double *norm, const real *sums, real *out, Py_ssize_t ld) noexcept nogil

cdef real weigh(real e, double top, double norm) noexcept nogil
