"""Gather the sequences of a minibatch into packed, time-major rows."""
from libc.string cimport memcpy

from ._real cimport real


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
