"""Weighted sums over the steps of sequences, channel by channel, in float64 whatever the dtype of the values.

Several steps are added side by side: a sequence is read as rows of `width` numbers, a multiple of the channels, and what it adds up
to lies in arrays as wide, in which a channel has several places. Those of a sequence are added up before they get its weight: with
many steps, rounding errors are smaller than in one running sum.
"""
from ._real cimport real


cdef int check(Py_ssize_t n_values, Py_ssize_t n_channels, const Py_ssize_t[::1] offsets, const Py_ssize_t[::1] rows,
               Py_ssize_t n_shares, Py_ssize_t width, Py_ssize_t other) except -1:
    """Raise a ValueError unless every row is a sequence whose steps are there and has a share, and the widths go together."""
    cdef Py_ssize_t i
    for i in range(rows.shape[0]):
        if not 0 <= rows[i] < offsets.shape[0] - 1 or not 0 <= offsets[rows[i]] <= offsets[rows[i] + 1] <= n_values:
            raise ValueError(f"Row {rows[i]} is none of the {offsets.shape[0] - 1} sequences of {n_values} steps.")
    if n_shares != rows.shape[0]:
        raise ValueError(f"{rows.shape[0]} sequences need as many shares, got {n_shares}.")
    if n_channels < 1 or width < 1 or width % n_channels or other != width:
        raise ValueError(f"Expected arrays of one width, a multiple of the {n_channels} channels, got {width} and {other}.")
    return 0


def extremes(const real[:, ::1] values, const Py_ssize_t[::1] offsets, const Py_ssize_t[::1] rows, double[::1] low, double[::1] high):
    """Lowest and highest values.

    Parameters
    ----------
    values : (n_steps, n_channels) IN
    offsets : (n_sequences + 1,) IN
    rows : (n_rows,) IN, the sequences to look at
    low, high : (width,) IN/OUT, so far
    """
    cdef Py_ssize_t i, j, n, at, end, width = low.shape[0]
    cdef const real *x
    cdef double *lowest
    cdef double *highest
    check(values.shape[0], values.shape[1], offsets, rows, rows.shape[0], width, high.shape[0])
    if not values.shape[0]:
        return
    x, lowest, highest = &values[0, 0], &low[0], &high[0]
    with nogil:
        for i in range(rows.shape[0]):
            at, end = offsets[rows[i]] * values.shape[1], offsets[rows[i] + 1] * values.shape[1]
            while at < end:
                n = min(width, end - at)
                for j in range(n):
                    lowest[j] = x[at + j] if x[at + j] < lowest[j] else lowest[j]
                    highest[j] = x[at + j] if x[at + j] > highest[j] else highest[j]
                at += n


def weighted_sums(
    const real[:, ::1] values, const Py_ssize_t[::1] offsets, const Py_ssize_t[::1] rows, const double[::1] shares,
    const double[:, ::1] affine, bint squared, double[:, ::1] sums,
):
    """sums[0] += sum over the rows of share * sum over the steps of (scale x - origin), or of its square.

    Parameters
    ----------
    values, offsets, rows
        As in `extremes`.
    shares : (n_rows,) IN
    affine : (2, width) IN, scale and origin
    squared : bool
    sums : (2, width) IN/OUT; the second row is overwritten
    """
    cdef Py_ssize_t i, j, n, at, end, used, width = sums.shape[1]
    cdef const real *x
    cdef const double *scale
    cdef const double *origin
    cdef double *total
    cdef double *part
    cdef double d
    check(values.shape[0], values.shape[1], offsets, rows, shares.shape[0], width, affine.shape[1])
    if affine.shape[0] != 2 or sums.shape[0] != 2:
        raise ValueError(f"Scale and origin, and the sums, are two rows each, got {affine.shape[0]} and {sums.shape[0]}.")
    if not values.shape[0]:
        return
    x, scale, origin, total, part = &values[0, 0], &affine[0, 0], &affine[1, 0], &sums[0, 0], &sums[1, 0]
    with nogil:
        for i in range(rows.shape[0]):
            at, end = offsets[rows[i]] * values.shape[1], offsets[rows[i] + 1] * values.shape[1]
            used = min(width, end - at)
            for j in range(used):
                part[j] = 0
            while at < end:
                n = min(width, end - at)
                if squared:
                    for j in range(n):
                        d = x[at + j] * scale[j] - origin[j]
                        part[j] += d * d
                else:
                    for j in range(n):
                        part[j] += x[at + j] * scale[j] - origin[j]
                at += n
            for j in range(used):
                total[j] += shares[i] * part[j]
