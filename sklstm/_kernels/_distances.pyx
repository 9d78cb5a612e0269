"""Scores of errors: squared Mahalanobis distances where some numbers may be missing, and exponential smoothing along sequences.

The result for a row does not depend on the other rows, not by a bit: every row takes the same sums in the same order.
"""
from libc.math cimport cbrt, sqrt
from libc.stdlib cimport free, malloc

from ._given cimport pointer

cdef double LEAST_PIVOT = 1e-12     # of the correlations that are factorised, whose rounding errors are of the order of 1e-16


def squared_distances(z, covariance, distances, parts=None):
    """d = z^T S^-1 z of each row, over the numbers of z that are not NaN and the rows and columns of S that belong to them.

    Where only k of m numbers are there, d is replaced by what has about the same probability to be exceeded with all m there, if
    the errors are normal: chi^2 of k and of m degrees of freedom are nearly normal after a cube root (Wilson and Hilferty 1931).

    Parameters
    ----------
    z : (n, m) IN, float64
        Errors in standard units.
    covariance : (m, m) IN, float64
        S, positive definite.
    distances : (n,) OUT, float64
        NaN where all of z is missing.
    parts : (n, m) OUT, float64, default=None
        z_j (S^-1 z)_j, which sum to d; NaN where z is missing.
    """
    cdef Py_ssize_t n = len(z), m = len(covariance)
    cdef const double *values = <const double *> pointer(z, 1, n, m)
    cdef const double *S = <const double *> pointer(covariance, 1, m, m)
    cdef double *d = <double *> pointer(distances, 1, n, 0, True)
    cdef double *p = <double *> pointer(parts, 1, n, m, True)
    cdef double *memory = <double *> malloc(m * (m + 2) * sizeof(double))
    cdef Py_ssize_t *known = <Py_ssize_t *> malloc(m * sizeof(Py_ssize_t))
    if memory == NULL or known == NULL:
        free(memory)
        free(known)
        raise MemoryError
    with nogil:
        distances_of_rows(values, S, n, m, d, p, memory, known)
    free(memory)
    free(known)


cdef void distances_of_rows(
    const double *z, const double *S, Py_ssize_t n, Py_ssize_t m, double *d, double *parts, double *memory, Py_ssize_t *known,
) noexcept nogil:
    """memory (m * (m + 2),) and known (m,) are scratch."""
    cdef double *L = memory             # (k, k), of the rows and columns of S that are known
    cdef double *y = memory + m * m     # (k,)
    cdef double *u = y + m              # (k,)
    cdef Py_ssize_t i, j, a, b, k = -1, n_known, place
    cdef double total, full
    cdef bint same
    for i in range(n):
        # Rows that follow each other mostly lack the same numbers.
        same, n_known = k >= 0, 0
        for j in range(m):
            if z[i * m + j] == z[i * m + j]:
                same = same and n_known < k and known[n_known] == j
                n_known += 1
        if not same or n_known != k:
            k = 0
            for j in range(m):
                if z[i * m + j] == z[i * m + j]:
                    known[k] = j
                    k += 1
            factorise(S, m, known, k, L)
        if parts != NULL:
            for j in range(m):
                parts[i * m + j] = z[i * m + j]     # which keeps what is missing
        if k == 0:
            d[i] = z[i * m]
            continue
        total = 0
        for a in range(k):                          # L y = z
            y[a] = z[i * m + known[a]]
            for b in range(a):
                y[a] -= L[a * k + b] * y[b]
            y[a] /= L[a * k + a]
            total += y[a] * y[a]
        full = total if k == m else of_all(total, k, m)
        d[i] = full
        if parts == NULL:
            continue
        for place in range(k):                      # L^T u = y
            a = k - 1 - place
            u[a] = y[a]
            for b in range(a + 1, k):
                u[a] -= L[b * k + a] * u[b]
            u[a] /= L[a * k + a]
            parts[i * m + known[a]] = z[i * m + known[a]] * u[a] * (full / total if total > 0 else 1)


cdef void factorise(const double *S, Py_ssize_t m, const Py_ssize_t *known, Py_ssize_t k, double *L) noexcept nogil:
    """L L^T = S, of the known rows and columns (Cholesky)."""
    cdef Py_ssize_t a, b, c
    cdef double sum
    for a in range(k):
        for b in range(a + 1):
            sum = S[known[a] * m + known[b]]
            for c in range(b):
                sum -= L[a * k + c] * L[b * k + c]
            L[a * k + b] = sqrt(max(sum, LEAST_PIVOT)) if a == b else sum / L[b * k + b]


cdef double of_all(double d, Py_ssize_t k, Py_ssize_t m) noexcept nogil:
    """The value of chi^2 with m degrees of freedom that is about as probable as d is with k."""
    cdef double a = 2.0 / (9 * k), b = 2.0 / (9 * m)
    cdef double root = 1 - b + (cbrt(d / k) - 1 + a) * sqrt(b / a)
    return m * root * root * root if root > 0 else 0


def smooth(values, offsets, double factor, last):
    """s_t = factor s_{t-1} + (1 - factor) v_t along each sequence, where v_t is there; the first s is the first v.

    Parameters
    ----------
    values : (total_steps,) IN/OUT, float64
        v, replaced by s; NaN stays.
    offsets : (n_sequences + 1,) IN
        Where each sequence begins, from 0 on.
    factor : float
    last : (n_sequences,) IN/OUT, float64
        The s before each sequence, replaced by its last one; NaN where there is none.
    """
    cdef Py_ssize_t n = len(last), total = len(values), i, t
    cdef double *v = <double *> pointer(values, 1, total, 0, True)
    cdef double *s = <double *> pointer(last, 1, n, 0, True)
    cdef const Py_ssize_t *ends = <const Py_ssize_t *> pointer(offsets, 2, n + 1, 0)
    for i in range(n):
        if ends[i] < 0 or ends[i] > ends[i + 1] or ends[i + 1] > total:
            raise ValueError("The offsets are not those of sequences in these values.")
    with nogil:
        for i in range(n):
            for t in range(ends[i], ends[i + 1]):
                if v[t] == v[t]:
                    if s[i] == s[i]:
                        v[t] = factor * s[i] + (1 - factor) * v[t]
                    s[i] = v[t]
