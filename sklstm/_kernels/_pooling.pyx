"""From one vector per step to one per sequence, over packed rows, and the way back.

Everywhere: `starts` (n_steps + 1,) and `lengths` (n_sequences,), the sequences longest first; y (>= n_rows, F) one row per
step; out and dout (n_sequences, F) one row per sequence. dy is overwritten.
"""
from libc.string cimport memcpy, memset

from ._real cimport real


def last_step(const Py_ssize_t[::1] starts, const Py_ssize_t[::1] lengths, const real[:, :] y, real[:, :] out, bint reverse):
    """out[r] := y at the step where the direction's walk ends: the sequence's last, or its first if `reverse`."""
    cdef Py_ssize_t r, j, row
    with nogil:
        for r in range(lengths.shape[0]):
            row = r if reverse else starts[lengths[r] - 1] + r
            for j in range(out.shape[1]):
                out[r, j] = y[row, j]


def mean(const Py_ssize_t[::1] starts, const Py_ssize_t[::1] lengths, const real[:, ::1] y, real[:, ::1] out):
    """out[r] := mean of y over the steps of sequence r"""
    cdef Py_ssize_t t, r, j, n, F = out.shape[1]
    cdef real scale
    cdef const real *source
    cdef real *target
    with nogil:
        memset(&out[0, 0], 0, lengths.shape[0] * F * sizeof(real))
        for t in range(starts.shape[0] - 1):
            n = starts[t + 1] - starts[t]
            source = &y[starts[t], 0]
            target = &out[0, 0]
            for j in range(n * F):
                target[j] += source[j]
        for r in range(lengths.shape[0]):
            scale = <real> 1 / lengths[r]
            target = &out[r, 0]
            for j in range(F):
                target[j] *= scale


def mean_backward(const Py_ssize_t[::1] starts, const Py_ssize_t[::1] lengths, const real[:, ::1] dout, real[:, ::1] dy):
    """dy at each step of sequence r := dout[r] / length of r"""
    cdef Py_ssize_t t, r, j, n, F = dout.shape[1]
    cdef real scale
    with nogil:
        for t in range(starts.shape[0] - 1):
            n = starts[t + 1] - starts[t]
            for r in range(n):
                scale = <real> 1 / lengths[r]
                for j in range(F):
                    dy[starts[t] + r, j] = scale * dout[r, j]


def maximum(const Py_ssize_t[::1] starts, const real[:, ::1] y, real[:, ::1] out, Py_ssize_t[:, ::1] argmax):
    """out[r] := largest value of y over the steps of sequence r, argmax[r] := the first step that has it"""
    cdef Py_ssize_t t, r, j, n, F = out.shape[1], B = starts[1] - starts[0]
    with nogil:
        memcpy(&out[0, 0], &y[0, 0], B * F * sizeof(real))
        memset(&argmax[0, 0], 0, B * F * sizeof(Py_ssize_t))
        for t in range(1, starts.shape[0] - 1):
            n = starts[t + 1] - starts[t]
            for r in range(n):
                for j in range(F):
                    # Or NaN, which then stays: nothing is larger.
                    if y[starts[t] + r, j] > out[r, j] or y[starts[t] + r, j] != y[starts[t] + r, j]:
                        out[r, j] = y[starts[t] + r, j]
                        argmax[r, j] = t


def maximum_backward(
    const Py_ssize_t[::1] starts, const Py_ssize_t[:, ::1] argmax, const real[:, ::1] dout, real[:, ::1] dy,
):
    """dy at step argmax[r] of sequence r := dout[r], elsewhere 0"""
    cdef Py_ssize_t r, j, F = dout.shape[1], B = starts[1] - starts[0]
    with nogil:
        memset(&dy[0, 0], 0, starts[starts.shape[0] - 1] * F * sizeof(real))
        for r in range(B):
            for j in range(F):
                dy[starts[argmax[r, j]] + r, j] = dout[r, j]
