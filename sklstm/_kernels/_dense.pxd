"""Affine maps of rows, for the modules that run whole networks, and for the attention."""
from ._product cimport operand
from ._real cimport real


# Without a change of mode (`_ftz`).
cdef void multiply_rows(
    const operand *op, Py_ssize_t m, const real *A, Py_ssize_t lda, real *C, Py_ssize_t ldc, bint add) noexcept nogil

cdef void affine(const operand *op, const real *b, Py_ssize_t n, const real *x, real *out) noexcept nogil

cdef void project(
    Py_ssize_t n, Py_ssize_t F, Py_ssize_t K, const real *x, const real *V, const real *b, real *out, real *scratch) noexcept nogil

cdef void add_gradients(
    Py_ssize_t n, Py_ssize_t F, Py_ssize_t K, const real *x, const real *V, const real *dout, real *dV, real *db, real *dx,
    real *scratch, bint adds=*) noexcept nogil
