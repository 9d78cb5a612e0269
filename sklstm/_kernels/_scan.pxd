"""The recursion over time, for the module that binds a layer; without a change of mode (`_ftz`)."""
from ._real cimport real
from ._walk cimport direction, gradients


cdef void forward_steps(const direction *d, real *a, real *c, real *h, Py_ssize_t ld_h, real *scratch) noexcept nogil

cdef void backward_steps(
    const direction *d, real *a, const real *c, const real *h, Py_ssize_t ld_h, const real *dy, Py_ssize_t ld_dy, real *dh, real *dc,
    const gradients *g, real *scratch) noexcept nogil
