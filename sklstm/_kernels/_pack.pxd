"""Packing, for the module that runs whole minibatches."""
from ._real cimport real


cdef Py_ssize_t longest(
    const Py_ssize_t *offsets, Py_ssize_t n_samples, const Py_ssize_t *rows, Py_ssize_t step, Py_ssize_t n) noexcept nogil

cdef void arrange_rows(
    const Py_ssize_t *offsets, const Py_ssize_t *rows, Py_ssize_t step, Py_ssize_t n, Py_ssize_t T, Py_ssize_t *order,
    Py_ssize_t *lengths, Py_ssize_t *first_rows, Py_ssize_t *starts, Py_ssize_t *longer) noexcept nogil

cdef bint is_layout(
    const Py_ssize_t *starts, Py_ssize_t n_steps, const Py_ssize_t *first_rows, Py_ssize_t n, Py_ssize_t total,
    Py_ssize_t n_packed) noexcept nogil

cdef void pack_rows(
    const Py_ssize_t *starts, Py_ssize_t n_steps, const Py_ssize_t *first_rows, Py_ssize_t d, const real *values, const real *shift,
    const real *factor, real *out) noexcept nogil

cdef void gather_steps(
    const Py_ssize_t *starts, Py_ssize_t n_steps, const Py_ssize_t *first_rows, Py_ssize_t n_bytes, const char *values,
    char *out) noexcept nogil

cdef real sum_pairwise(const real *x, const Py_ssize_t *rows, Py_ssize_t n) noexcept nogil
