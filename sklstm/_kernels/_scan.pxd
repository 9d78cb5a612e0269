"""The recursion over time, for the module that binds a layer."""
from ._passes cimport scan


cdef void forward_steps(scan *s, int dtype) noexcept nogil

cdef void backward_steps(scan *s, int dtype) noexcept nogil
