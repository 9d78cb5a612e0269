"""Looking up the vectors of categorical channels, and adding to the gradients of the rows that were used."""
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from ._ftz cimport ftz_enter, ftz_leave
from ._real cimport real


def numeric(
    const real[:, ::1] values, const Py_ssize_t[::1] channels, const real[::1] scale, const real[::1] offset, real[:, ::1] out,
    Py_ssize_t n_rows,
):
    """out[:, k] := scale[k] values[:, channels[k]] + offset[k], over the first n_rows rows of values (>= n_rows, d)"""
    cdef Py_ssize_t row, k
    with nogil:
        for row in range(n_rows):
            for k in range(channels.shape[0]):
                out[row, k] = scale[k] * values[row, channels[k]] + offset[k]


def numeric_backward(
    const real[:, ::1] dout, const Py_ssize_t[::1] channels, const real[::1] scale, real[:, ::1] dvalues, Py_ssize_t n_rows,
):
    """dvalues[:, channels[k]] := scale[k] dout[:, k]; the other channels are left"""
    cdef uint64_t mode
    cdef Py_ssize_t row, k
    with nogil:
        mode = ftz_enter()
        for row in range(n_rows):
            for k in range(channels.shape[0]):
                dvalues[row, channels[k]] = scale[k] * dout[row, k]
        ftz_leave(mode)


def read_codes(const real[:, ::1] values, Py_ssize_t channel, Py_ssize_t[::1] codes, Py_ssize_t n_rows):
    """codes := values[:, channel], which holds the rows of a table"""
    cdef Py_ssize_t row
    with nogil:
        for row in range(n_rows):
            codes[row] = <Py_ssize_t> values[row, channel]


def lookup(const Py_ssize_t[::1] codes, const real[:, ::1] E, real[:, ::1] out, Py_ssize_t column, Py_ssize_t n_rows):
    """out[:, column : column + dim] := E[codes], with E (n_codes, dim); raises a ValueError where a code is none of its rows"""
    cdef Py_ssize_t row, dim = E.shape[1], n_codes = E.shape[0]
    cdef bint known = True
    with nogil:
        for row in range(n_rows):
            if codes[row] < 0 or codes[row] >= n_codes:
                known = False
                break
            memcpy(&out[row, column], &E[codes[row], 0], dim * sizeof(real))
    if not known:
        raise ValueError(f"A category has the code {codes[row]}, but the network knows codes from 0 to {n_codes - 1}.")


def lookup_backward(const Py_ssize_t[::1] codes, const real[:, ::1] dout, Py_ssize_t column, real[:, ::1] dE, Py_ssize_t n_rows):
    """dE[codes] += dout[:, column : column + dim], row by row"""
    cdef uint64_t mode
    cdef Py_ssize_t row, k, dim = dE.shape[1]
    with nogil:
        mode = ftz_enter()
        for row in range(n_rows):
            for k in range(dim):
                dE[codes[row], k] += dout[row, column + k]
        ftz_leave(mode)
