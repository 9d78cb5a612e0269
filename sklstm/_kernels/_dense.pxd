"""The affine map of a head, for the modules that run whole networks; without a change of mode (`_ftz`)."""
from ._product cimport operand
from ._real cimport real


cdef void affine(const operand *op, const real *b, Py_ssize_t n, const real *x, real *out) noexcept nogil
