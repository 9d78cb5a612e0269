"""Weighted sums over the steps of sequences, channel by channel, in float64 whatever the dtype of the values.

Several steps are added side by side: a sequence is read as rows of `width` numbers, a multiple of the channels, and what it adds up
to lies in arrays as wide, in which a channel has several places. Those of a sequence are added up before they get its weight: with
many steps, rounding errors are smaller than in one running sum.
"""
from ._real cimport real
from ._simd cimport simd


cdef int check(Py_ssize_t n_values, Py_ssize_t n_channels, const Py_ssize_t[::1] offsets, const Py_ssize_t[::1] rows,
               Py_ssize_t n_shares, Py_ssize_t width, Py_ssize_t n_origin, Py_ssize_t n_sums) except -1:
    """Raise a ValueError unless every row is a sequence whose steps are there and has a share, and the widths go together."""
    cdef Py_ssize_t i
    for i in range(rows.shape[0]):
        if not 0 <= rows[i] < offsets.shape[0] - 1 or not 0 <= offsets[rows[i]] <= offsets[rows[i] + 1] <= n_values:
            raise ValueError(f"Row {rows[i]} is none of the {offsets.shape[0] - 1} sequences of {n_values} steps.")
    if n_shares != rows.shape[0]:
        raise ValueError(f"{rows.shape[0]} sequences need as many shares, got {n_shares}.")
    if n_channels < 1 or width < 1 or width % n_channels or n_origin != width:
        raise ValueError(f"Expected arrays of one width, a multiple of the {n_channels} channels, got {width} and {n_origin}.")
    if n_sums != 2:
        raise ValueError(f"The sums of all sequences and of one are two rows, got {n_sums}.")
    return 0


cdef void add_share(double share, Py_ssize_t n, double *sums, Py_ssize_t width) noexcept nogil:
    """The first row of sums += share * the second, in its first n columns."""
    cdef Py_ssize_t j
    for j in range(min(n, width)):
        sums[j] += share * sums[width + j]
        sums[width + j] = 0


def sums_of_differences(
    const real[:, ::1] values, const Py_ssize_t[::1] offsets, const Py_ssize_t[::1] rows, const double[::1] shares,
    const double[::1] origin, real[:, ::1] extremes, double[:, ::1] sums,
):
    """sums[0] += sum over the rows of share * sum over the steps of x - origin; and the lowest and the highest values.

    Parameters
    ----------
    values : (n_steps, n_channels) IN
    offsets : (n_sequences + 1,) IN
    rows : (n_rows,) IN, the sequences to look at
    shares : (n_rows,) IN
    origin : (width,) IN
    extremes : (2, width) IN/OUT, lowest and highest values so far
    sums : (2, width) IN/OUT; the second row is 0
    """
    cdef Py_ssize_t i, at, n, width = sums.shape[1], n_channels = values.shape[1]
    check(values.shape[0], n_channels, offsets, rows, shares.shape[0], width, origin.shape[0], sums.shape[0])
    if extremes.shape[0] != 2 or extremes.shape[1] != width:
        raise ValueError(f"The extremes are two rows of {width}, got {extremes.shape[0]} of {extremes.shape[1]}.")
    if not values.shape[0]:
        return
    with nogil:
        for i in range(rows.shape[0]):
            at, n = offsets[rows[i]] * n_channels, (offsets[rows[i] + 1] - offsets[rows[i]]) * n_channels
            simd().add_differences[0 if real is float else 1](
                n, width, &values[0, 0] + at, &origin[0], &extremes[0, 0], &extremes[1, 0], &sums[1, 0]
            )
            add_share(shares[i], n, &sums[0, 0], width)


def sums_of_squared_differences(
    const real[:, ::1] values, const Py_ssize_t[::1] offsets, const Py_ssize_t[::1] rows, const double[::1] shares,
    const double[::1] origin, double[:, ::1] sums,
):
    """sums[0] += sum over the rows of share * sum over the steps of (x - origin)^2; arguments as in `sums_of_differences`."""
    cdef Py_ssize_t i, at, n, width = sums.shape[1], n_channels = values.shape[1]
    check(values.shape[0], n_channels, offsets, rows, shares.shape[0], width, origin.shape[0], sums.shape[0])
    if not values.shape[0]:
        return
    with nogil:
        for i in range(rows.shape[0]):
            at, n = offsets[rows[i]] * n_channels, (offsets[rows[i] + 1] - offsets[rows[i]]) * n_channels
            simd().add_squared_differences[0 if real is float else 1](n, width, &values[0, 0] + at, &origin[0], &sums[1, 0])
            add_share(shares[i], n, &sums[0, 0], width)
