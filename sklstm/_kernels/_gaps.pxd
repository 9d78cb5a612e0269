"""The time between two steps, in units of the median of training, which a channel of the values holds for the step that ends it."""
from libc.math cimport log2, log2f

from ._real cimport real
from ._stages cimport batch


cdef inline real log2_of_1_plus(real d) noexcept nogil:
    if d == 1:
        return 1
    return log2f(1 + d) if real is float else log2(1 + d)


cdef inline bint begins(const batch *b, int direction, Py_ssize_t t, Py_ssize_t r) noexcept nogil:
    """Whether step t of these is the one where the walk over sequence r begins: the first, or in the reverse direction the last."""
    if direction == 0:
        return b.first + t == 0
    return t + 1 == b.n_steps or r >= b.starts[t + 2] - b.starts[t + 1]


cdef inline real gap_before(
    const batch *b, const real *values, Py_ssize_t n_channels, Py_ssize_t channel, int direction, Py_ssize_t t, Py_ssize_t r,
) noexcept nogil:
    """The gap between step t of sequence r and the one that the walk in a direction comes from, 1 where it begins; 1 without times,
    which have no channel (-1)."""
    if channel < 0 or (direction == 1 and begins(b, direction, t, r)):
        return 1
    return values[(b.starts[t + direction] + r) * n_channels + channel]
