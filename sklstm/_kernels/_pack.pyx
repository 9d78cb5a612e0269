"""Gather the sequences of a minibatch into packed, time-major rows."""
from libc.string cimport memcpy

from ._real cimport real

import numpy as np

BEYOND = "The rows of a minibatch are not those of its sequences: their offsets, or what they belong to, were changed."


def arrange(const Py_ssize_t[::1] offsets, const Py_ssize_t[:] rows):
    """Sort sequences by length, the longest first and equally long ones as they come, and count those that have each step.

    Parameters
    ----------
    offsets : (n_samples + 1,) IN
        Where each sequence begins, and the last one ends, from 0 on; each has a step at least. Nobody writes to them meanwhile.
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

    Raises
    ------
    ValueError
        If there is no such sequence, or if one has no step or reaches beyond the last.
    """
    cdef Py_ssize_t n = rows.shape[0], n_samples = offsets.shape[0] - 1, T = 0, k, t, row, length, place
    cdef Py_ssize_t[::1] order, lengths, first_rows, starts, longer
    cdef bint sound = n > 0
    for k in range(n):
        row = rows[k]
        if row < 0 or row >= n_samples or offsets[row] < 0 or not offsets[row] < offsets[row + 1] <= offsets[n_samples]:
            sound = False
            break
        T = max(T, offsets[row + 1] - offsets[row])
    if not sound:
        raise ValueError("The offsets of these sequences are not those of sequences with a step each, or there is no such row.")
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


cdef bint is_layout(
    const Py_ssize_t[::1] starts, const Py_ssize_t[::1] first_rows, Py_ssize_t total, Py_ssize_t n_packed,
) noexcept nogil:
    """Whether each step has no more rows than the one before, all of them within `n_packed`, and each sequence lies within `total`
    rows."""
    cdef Py_ssize_t t, r = 0, size, n_steps = starts.shape[0] - 1, last = first_rows.shape[0]
    if n_steps < 1 or n_packed < 0:
        return False
    for t in range(n_steps):
        size = starts[t + 1] - starts[t]
        if size < 0 or size > last:
            return False
        last = size
    if starts[n_steps] - starts[0] > n_packed:
        return False
    for t in range(n_steps - 1, -1, -1):
        size = starts[t + 1] - starts[t]
        while r < size:  # row r has its last step here
            if first_rows[r] < 0 or first_rows[r] >= total - t:
                return False
            r += 1
    return True


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

    Raises
    ------
    ValueError
        If a row would be read or written that is not there.
    """
    cdef Py_ssize_t t, r, j, d = values.shape[1]
    cdef real *place
    cdef const real *source
    cdef const real *shifts
    cdef const real *factors
    if out.shape[1] != d or shift.shape[0] != d or factor.shape[0] != d:
        raise ValueError(f"The steps have {d} channels, what they are packed by or into has others.")
    if not is_layout(starts, first_rows, values.shape[0], out.shape[0]):
        raise ValueError(BEYOND)
    with nogil:
        place, shifts, factors = &out[0, 0], &shift[0], &factor[0]
        for t in range(starts.shape[0] - 1):
            for r in range(starts[t + 1] - starts[t]):
                source = &values[first_rows[r] + t, 0]
                for j in range(d):
                    place[j] = (source[j] - shifts[j]) * factors[j]
                place += d


def unpack(const Py_ssize_t[::1] starts, const Py_ssize_t[::1] first_rows, const real[:, ::1] packed, real[:, ::1] out):
    """out[first_rows[r] + t] := packed[starts[t] + r], the way back: starts from 0 on, first_rows as in `pack`, out (total, d).

    Raises a ValueError where `pack` does.
    """
    cdef Py_ssize_t t, r, d = out.shape[1]
    if packed.shape[1] != d:
        raise ValueError(f"The rows have {packed.shape[1]} entries, what they are unpacked into has {d}.")
    if starts.shape[0] == 0 or starts[0] < 0 or not is_layout(starts, first_rows, out.shape[0], packed.shape[0] - starts[0]):
        raise ValueError(BEYOND)
    with nogil:
        for t in range(starts.shape[0] - 1):
            for r in range(starts[t + 1] - starts[t]):
                memcpy(&out[first_rows[r] + t, 0], &packed[starts[t] + r, 0], d * sizeof(real))
