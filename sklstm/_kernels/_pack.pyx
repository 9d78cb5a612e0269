"""Gather the sequences of a minibatch into packed, time-major rows."""
from libc.string cimport memcpy

from ._real cimport real

import numpy as np


def arrange(const Py_ssize_t[::1] offsets, const Py_ssize_t[:] rows):
    """Sort sequences by length, the longest first and equally long ones as they come, and count those that have each step.

    Parameters
    ----------
    offsets : (n_samples + 1,) IN
        Where each sequence begins, and the last one ends; each has a step at least.
    rows : (n_sequences,) IN
        Which of them, at least one.

    Returns
    -------
    order : ndarray of int of shape (n_sequences,)
        `rows`, sorted.
    lengths, first_rows : ndarray of int of shape (n_sequences,)
        Of each in that order: its steps, and the row it begins in.
    starts : ndarray of int of shape (n_steps + 1,)
        Packed row at which each step begins.
    """
    cdef Py_ssize_t n = rows.shape[0], T = 0, k, t, row, length, place
    cdef Py_ssize_t[::1] order, lengths, first_rows, starts, longer
    for k in range(n):
        T = max(T, offsets[rows[k] + 1] - offsets[rows[k]])
    results = tuple([np.empty(size, np.intp) for size in (n, n, n, T + 1)])
    order, lengths, first_rows, starts = results
    longer = np.zeros(T + 1, np.intp)
    with nogil:
        for k in range(n):
            longer[offsets[rows[k] + 1] - offsets[rows[k]]] += 1
        # longer[t] := how many have more than t steps; the rows of step t, and where sequences of t steps go in the order
        place = 0
        for t in range(T, -1, -1):
            k = longer[t]
            longer[t] = place
            place += k
        starts[0] = 0
        for t in range(T):
            starts[t + 1] = starts[t] + longer[t]
        for k in range(n):
            row = rows[k]
            length = offsets[row + 1] - offsets[row]
            place = longer[length]
            longer[length] += 1
            order[place] = row
            lengths[place] = length
            first_rows[place] = offsets[row]
    return results


cdef void pack_rows(
    Py_ssize_t n_steps, Py_ssize_t d, const Py_ssize_t *starts, const Py_ssize_t *first_rows, const real *values,
    const real *shift, const real *factor, real *out,
) noexcept nogil:
    cdef Py_ssize_t t, r, j, n
    cdef const real *source
    for t in range(n_steps):
        n = starts[t + 1] - starts[t]
        for r in range(n):
            source = values + (first_rows[r] + t) * d
            for j in range(d):
                out[j] = (source[j] - shift[j]) * factor[j]
            out += d


def pack(
    const Py_ssize_t[::1] starts, const Py_ssize_t[::1] first_rows, const real[:, ::1] values, const real[::1] shift,
    const real[::1] factor, real[:, ::1] out,
):
    """out[starts[t] + r] := (values[first_rows[r] + t] - shift) * factor

    Parameters
    ----------
    starts : (n_steps + 1,) IN
        Packed row at which each step begins, counted from any origin.
    first_rows : (n_sequences,) IN
        Row of `values` with the first of these steps of each sequence, longest sequence first.
    values : (total, d) IN
    shift, factor : (d,) IN
        Standardisation of each channel: 0 and 1 leave the bits as they are.
    out : (>= starts[-1] - starts[0], d) OUT
    """
    with nogil:
        pack_rows(starts.shape[0] - 1, values.shape[1], &starts[0], &first_rows[0], &values[0, 0], &shift[0], &factor[0], &out[0, 0])


def unpack(const Py_ssize_t[::1] starts, const Py_ssize_t[::1] first_rows, const real[:, ::1] packed, real[:, ::1] out):
    """out[first_rows[r] + t] := packed[starts[t] + r], the way back: starts, first_rows as in `pack`, out (total, d)."""
    cdef Py_ssize_t t, r, d = out.shape[1]
    with nogil:
        for t in range(starts.shape[0] - 1):
            for r in range(starts[t + 1] - starts[t]):
                memcpy(&out[first_rows[r] + t, 0], &packed[starts[t] + r, 0], d * sizeof(real))
