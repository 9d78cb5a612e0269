"""Gather the sequences of a minibatch into packed, time-major rows."""
from libc.string cimport memcpy

from ._real cimport real

import numpy as np

NOT_SEQUENCES = "The offsets of these sequences are not those of sequences with a step each, or there is no such row."
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
    cdef Py_ssize_t n = rows.shape[0], n_samples = offsets.shape[0] - 1
    cdef Py_ssize_t step = rows.strides[0] // <Py_ssize_t> sizeof(Py_ssize_t)
    cdef Py_ssize_t T = longest(&offsets[0], n_samples, &rows[0], step, n) if n and n_samples > 0 else -1
    cdef Py_ssize_t[::1] order, lengths, first_rows, starts, longer
    if T < 0:
        raise ValueError(NOT_SEQUENCES)
    results = tuple([np.empty(size, np.intp) for size in (n, n, n, T + 1)])
    order, lengths, first_rows, starts = results
    longer = np.empty(T + 1, np.intp)
    with nogil:
        arrange_rows(&offsets[0], &rows[0], step, n, T, &order[0], &lengths[0], &first_rows[0], &starts[0], &longer[0])
    return results


cdef Py_ssize_t longest(
    const Py_ssize_t *offsets, Py_ssize_t n_samples, const Py_ssize_t *rows, Py_ssize_t step, Py_ssize_t n,
) noexcept nogil:
    """Number of steps of the longest of n sequences rows[0], rows[step], ...; -1 if there is no such sequence, or if one has no step
    or reaches beyond the last."""
    cdef Py_ssize_t k, row, T = -1
    for k in range(n):
        row = rows[k * step]
        if row < 0 or row >= n_samples or offsets[row] < 0 or not offsets[row] < offsets[row + 1] <= offsets[n_samples]:
            return -1
        T = max(T, offsets[row + 1] - offsets[row])
    return T


cdef void arrange_rows(
    const Py_ssize_t *offsets, const Py_ssize_t *rows, Py_ssize_t step, Py_ssize_t n, Py_ssize_t T, Py_ssize_t *order,
    Py_ssize_t *lengths, Py_ssize_t *first_rows, Py_ssize_t *starts, Py_ssize_t *longer,
) noexcept nogil:
    """What `arrange` returns, of n sequences of at most T steps; longer (T + 1,) is scratch."""
    cdef Py_ssize_t k, t, row, length, place = 0
    for t in range(T + 1):
        longer[t] = 0
    for k in range(n):
        row = rows[k * step]
        longer[offsets[row + 1] - offsets[row]] += 1
    # longer[t] := how many have more than t steps; the rows of step t, and where sequences of t steps go in the order
    for t in range(T, -1, -1):
        k = longer[t]
        longer[t] = place
        place += k
    starts[0] = 0
    for t in range(T):
        starts[t + 1] = starts[t] + longer[t]
    for k in range(n):
        row = rows[k * step]
        length = offsets[row + 1] - offsets[row]
        place = longer[length]
        longer[length] += 1
        order[place] = row
        lengths[place] = length
        first_rows[place] = offsets[row]


cdef bint is_layout(
    const Py_ssize_t *starts, Py_ssize_t n_steps, const Py_ssize_t *first_rows, Py_ssize_t n, Py_ssize_t total, Py_ssize_t n_packed,
) noexcept nogil:
    """Whether each step has no more rows than the one before, all of them within `n_packed`, and each of n sequences lies within
    `total` rows."""
    cdef Py_ssize_t t, r = 0, size, last = n
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
    cdef Py_ssize_t d = values.shape[1], n_steps = starts.shape[0] - 1, n = first_rows.shape[0]
    if out.shape[1] != d or shift.shape[0] != d or factor.shape[0] != d:
        raise ValueError(f"The steps have {d} channels, what they are packed by or into has others.")
    if n_steps < 1 or n < 1 or not is_layout(&starts[0], n_steps, &first_rows[0], n, values.shape[0], out.shape[0]):
        raise ValueError(BEYOND)
    with nogil:
        pack_rows(&starts[0], n_steps, &first_rows[0], d, &values[0, 0], &shift[0], &factor[0], &out[0, 0])


cdef void pack_rows(
    const Py_ssize_t *starts, Py_ssize_t n_steps, const Py_ssize_t *first_rows, Py_ssize_t d, const real *values, const real *shift,
    const real *factor, real *out,
) noexcept nogil:
    """What `pack` does, with pointers."""
    cdef Py_ssize_t t, r, j
    cdef const real *source
    for t in range(n_steps):
        for r in range(starts[t + 1] - starts[t]):
            source = values + (first_rows[r] + t) * d
            for j in range(d):
                out[j] = (source[j] - shift[j]) * factor[j]
            out += d


cdef void gather_steps(
    const Py_ssize_t *starts, Py_ssize_t n_steps, const Py_ssize_t *first_rows, Py_ssize_t n_bytes, const char *values, char *out,
) noexcept nogil:
    """out[starts[t] + r] := values[first_rows[r] + t], rows of so many bytes"""
    cdef Py_ssize_t t, r
    for t in range(n_steps):
        for r in range(starts[t + 1] - starts[t]):
            memcpy(out, values + (first_rows[r] + t) * n_bytes, n_bytes)
            out += n_bytes


def count_steps(const Py_ssize_t[:] lengths, const Py_ssize_t[:] rows):
    """Sum of lengths[rows]."""
    cdef Py_ssize_t k, total = 0
    for k in range(rows.shape[0]):
        total += lengths[rows[k]]
    return total


def total_weight(const double[::1] weights, const Py_ssize_t[::1] rows):
    """Sum of weights[rows]."""
    return sum_pairwise(&weights[0], &rows[0], rows.shape[0]) if rows.shape[0] else 0.0


cdef real sum_pairwise(const real *x, const Py_ssize_t *rows, Py_ssize_t n) noexcept nogil:
    """Sum of x[rows], or of x (n,) with rows NULL, in the order in which NumPy adds: in 8 sums, and of more than 128 in two halves.

    It rounds like the sum of a NumPy array does, and little.
    """
    cdef Py_ssize_t i, j, half
    cdef real[8] sums
    cdef real total = 0
    if n > 128:
        half = n // 2 // 8 * 8
        if rows != NULL:
            return sum_pairwise(x, rows, half) + sum_pairwise(x, rows + half, n - half)
        return sum_pairwise(x, rows, half) + sum_pairwise(x + half, rows, n - half)
    if n >= 8:
        for j in range(8):
            sums[j] = x[rows[j] if rows != NULL else j]
        for i in range(8, n - n % 8, 8):
            for j in range(8):
                sums[j] += x[rows[i + j] if rows != NULL else i + j]
        total = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
    for i in range(n - n % 8 if n >= 8 else 0, n):
        total += x[rows[i] if rows != NULL else i]
    return total


def unpack(const Py_ssize_t[::1] starts, const Py_ssize_t[::1] first_rows, const real[:, ::1] packed, real[:, ::1] out):
    """out[first_rows[r] + t] := packed[starts[t] + r], the way back: starts from 0 on, first_rows as in `pack`, out (total, d).

    Raises a ValueError where `pack` does.
    """
    cdef Py_ssize_t t, r, d = out.shape[1]
    if packed.shape[1] != d:
        raise ValueError(f"The rows have {packed.shape[1]} entries, what they are unpacked into has {d}.")
    cdef Py_ssize_t n_steps = starts.shape[0] - 1, n = first_rows.shape[0]
    if n_steps < 1 or n < 1 or starts[0] < 0:
        raise ValueError(BEYOND)
    if not is_layout(&starts[0], n_steps, &first_rows[0], n, out.shape[0], packed.shape[0] - starts[0]):
        raise ValueError(BEYOND)
    with nogil:
        for t in range(starts.shape[0] - 1):
            for r in range(starts[t + 1] - starts[t]):
                memcpy(&out[first_rows[r] + t, 0], &packed[starts[t] + r, 0], d * sizeof(real))
