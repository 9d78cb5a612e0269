"""The attention of a network, for the module that runs it whole; without a change of mode (`_ftz`)."""
from ._real cimport real


cdef void score_rows(const real *u, const real *v, real *e, Py_ssize_t n_rows, Py_ssize_t K) noexcept nogil

cdef void attend(
    const Py_ssize_t *starts, Py_ssize_t T, const real *e, const real *y, double *top, double *norm, real *out,
    Py_ssize_t F) noexcept nogil
