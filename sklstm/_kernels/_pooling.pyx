"""From one vector per step to one per sequence, over packed rows, chunk by chunk, and the way back.

Everywhere: `starts` (n_steps + 1,) of a chunk of steps, the sequences longest first; y (>= n_rows, F) one row per step; out
and dout (>= n_sequences, F) one row per sequence, which may lie apart: as columns of a wider array, of that row stride `ld`.
dy is overwritten, or with `add` added to.
"""
from libc.math cimport INFINITY, exp
from libc.stdint cimport uint64_t
from libc.string cimport memset

from ._ftz cimport ftz_enter, ftz_leave
from ._real cimport real
from ._simd cimport simd


def last_step(
    const Py_ssize_t[::1] starts, const Py_ssize_t[::1] lengths, Py_ssize_t first, const real[:, :] y, real[:, :] out, bint reverse,
    bint add,
):
    """out[r] := y, or += if add, for the sequences from `first` on, at the step where the direction's walk ends: the last, or
    the first if `reverse`"""
    cdef Py_ssize_t r, j, row
    with nogil:
        for r in range(first, lengths.shape[0]):
            row = r if reverse else starts[lengths[r] - 1] + r
            for j in range(out.shape[1]):
                out[r, j] = out[r, j] + y[row, j] if add else y[row, j]


cdef inline Py_ssize_t row_stride(const real[:, :] rows) noexcept nogil:
    return rows.strides[0] // <Py_ssize_t> sizeof(real)


def add_steps(const Py_ssize_t[::1] starts, const real[:, ::1] y, real[:, :] out):
    """out[r] += sum of y over the steps of sequence r"""
    cdef uint64_t mode
    with nogil:
        mode = ftz_enter()
        sum_steps(&starts[0], starts.shape[0] - 1, out.shape[1], &y[0, 0], &out[0, 0], row_stride(out))
        ftz_leave(mode)


cdef void sum_steps(const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t F, const real *y, real *out, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t t, r
    for t in range(T):
        if ld == F:
            add_row((starts[t + 1] - starts[t]) * F, y + starts[t] * F, out)
        else:
            for r in range(starts[t + 1] - starts[t]):
                add_row(F, y + (starts[t] + r) * F, out + r * ld)


cdef inline void add_row(Py_ssize_t n, const real *x, real *out) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        out[j] += x[j]


def mean(const Py_ssize_t[::1] lengths, real[:, :] out):
    """out[r] := out[r] / length of r"""
    cdef uint64_t mode
    with nogil:
        mode = ftz_enter()
        divide_by_lengths(lengths.shape[0], out.shape[1], &lengths[0], &out[0, 0], &out[0, 0], row_stride(out))
        ftz_leave(mode)


cdef void divide_by_lengths(
    Py_ssize_t n, Py_ssize_t F, const Py_ssize_t *lengths, const real *sums, real *out, Py_ssize_t ld,
) noexcept nogil:
    cdef Py_ssize_t r, j
    cdef real factor
    for r in range(n):
        factor = <real> (1.0 / lengths[r])
        for j in range(F):
            out[r * ld + j] = sums[r * ld + j] * factor


def mean_backward(const Py_ssize_t[::1] starts, const Py_ssize_t[::1] lengths, const real[:, :] dout, real[:, ::1] dy, bint add=False):
    """dy at each step of sequence r := dout[r] / length of r"""
    cdef uint64_t mode
    cdef Py_ssize_t t, r
    with nogil:
        mode = ftz_enter()
        for t in range(starts.shape[0] - 1):
            for r in range(starts[t + 1] - starts[t]):
                scale_row(dout.shape[1], <real> 1 / lengths[r], &dout[r, 0], &dy[starts[t] + r, 0], add)
        ftz_leave(mode)


cdef inline void scale_row(Py_ssize_t n, real factor, const real *x, real *out, bint add) noexcept nogil:
    """out (n,) := factor x, or with `add` += that"""
    cdef Py_ssize_t j
    if add:
        for j in range(n):
            out[j] += factor * x[j]
    else:
        for j in range(n):
            out[j] = factor * x[j]


def maximum(const Py_ssize_t[::1] starts, Py_ssize_t first, const real[:, ::1] y, real[:, :] out, Py_ssize_t[:, ::1] argmax):
    """out[r] := largest value of y over the steps of sequence r, argmax[r] := the first step that has it; steps count from `first`,
    and a chunk that does not begin at 0 continues from what is in out."""
    cdef Py_ssize_t r, j, F = out.shape[1], n = starts[1] - starts[0]
    cdef int dtype = 0 if real is float else 1
    with nogil:
        if first == 0:
            memset(&argmax[0, 0], 0, n * F * sizeof(Py_ssize_t))
            for r in range(n):
                for j in range(F):
                    (&out[r, 0])[j] = -INFINITY
        simd().enlarge[dtype](&starts[0], starts.shape[0] - 1, F, first, &y[0, 0], &out[0, 0], row_stride(out), &argmax[0, 0])


def maximum_backward(
    const Py_ssize_t[::1] starts, Py_ssize_t first, const Py_ssize_t[:, ::1] argmax, const real[:, :] dout, real[:, ::1] dy,
    bint add=False,
):
    """dy at step argmax[r] of sequence r := dout[r], elsewhere 0"""
    cdef Py_ssize_t r, j, t, F = dout.shape[1], B = starts[1] - starts[0], T = starts.shape[0] - 1
    cdef const real *dout_r
    with nogil:
        if not add:
            memset(&dy[0, 0], 0, starts[T] * F * sizeof(real))
        for r in range(B):
            dout_r = &dout[r, 0]
            for j in range(F):
                t = argmax[r, j] - first
                if 0 <= t < T:
                    dy[starts[t] + r, j] = dy[starts[t] + r, j] + dout_r[j] if add else dout_r[j]


def attention_scores(const real[:, ::1] u, const real[::1] v, real[::1] e, Py_ssize_t n_rows):
    """e := u v for the first n_rows rows of u (>= n_rows, K), with v (K,)"""
    cdef uint64_t mode
    with nogil:
        mode = ftz_enter()
        score_rows(&u[0, 0], &v[0], &e[0], n_rows, v.shape[0])
        ftz_leave(mode)


cdef void score_rows(const real *u, const real *v, real *e, Py_ssize_t n_rows, Py_ssize_t K) noexcept nogil:
    cdef Py_ssize_t row, k
    cdef real total
    for row in range(n_rows):
        total = 0
        for k in range(K):
            total += u[row * K + k] * v[k]
        e[row] = total


def attention(
    const Py_ssize_t[::1] starts, const real[::1] e, const real[:, ::1] y, double[::1] top, double[::1] norm, real[:, :] out,
):
    """One more chunk into out[r] = sum_t exp(e_t - top[r]) y_t and norm[r] = sum_t exp(e_t - top[r]), top[r] = max_t e_t

    Before the first chunk top is -inf, norm and out are 0.
    """
    cdef uint64_t mode
    with nogil:
        mode = ftz_enter()
        attend(&starts[0], starts.shape[0] - 1, &e[0], &y[0, 0], &top[0], &norm[0], out.shape[1], &out[0, 0], row_stride(out))
        ftz_leave(mode)


cdef void attend(
    const Py_ssize_t *starts, Py_ssize_t T, const real *e, const real *y, double *top, double *norm, Py_ssize_t F, real *out,
    Py_ssize_t ld,
) noexcept nogil:
    cdef Py_ssize_t t, r, j, row
    cdef real scale
    for t in range(T):
        for r in range(starts[t + 1] - starts[t]):
            row = starts[t] + r
            if e[row] > top[r]:
                scale = <real> exp(top[r] - e[row])
                norm[r] *= scale
                for j in range(F):
                    out[r * ld + j] *= scale
                top[r] = e[row]
            scale = <real> exp(e[row] - top[r])
            norm[r] += scale
            for j in range(F):
                out[r * ld + j] += scale * y[row * F + j]


def attention_mean(const double[::1] norm, real[:, :] out, Py_ssize_t n):
    """out[r] := out[r] / norm[r], for the first n rows: the weighted mean, after the last chunk"""
    cdef uint64_t mode
    with nogil:
        mode = ftz_enter()
        divide_by_norms(n, out.shape[1], &norm[0], &out[0, 0], &out[0, 0], row_stride(out))
        ftz_leave(mode)


cdef void divide_by_norms(
    Py_ssize_t n, Py_ssize_t F, const double *norm, const real *sums, real *out, Py_ssize_t ld,
) noexcept nogil:
    cdef Py_ssize_t r, j
    for r in range(n):
        for j in range(F):
            out[r * ld + j] = sums[r * ld + j] / <real> norm[r]


def attention_weights(const Py_ssize_t[::1] starts, const double[::1] top, const double[::1] norm, real[::1] e):
    """e := exp(e - top) / norm, the weights of the steps: over a sequence they sum to 1"""
    cdef uint64_t mode
    cdef Py_ssize_t t, r
    with nogil:
        mode = ftz_enter()
        for t in range(starts.shape[0] - 1):
            for r in range(starts[t + 1] - starts[t]):
                e[starts[t] + r] = weigh(e[starts[t] + r], top[r], norm[r])
        ftz_leave(mode)


cdef real weigh(real e, double top, double norm) noexcept nogil:
    return <real> (exp(e - top) / norm)


def attention_backward(
    const Py_ssize_t[::1] starts, const real[::1] alpha, const real[:, ::1] y, const real[::1] v, const real[:, :] out,
    const real[:, :] dout, real[:, ::1] u, real[::1] dv,
):
    """de = alpha dout (y - out)',   dv += de u,   u := du_before_tanh = de v (1 - u^2)"""
    cdef uint64_t mode
    cdef Py_ssize_t t, r, j, k, row, F = out.shape[1], K = v.shape[0]
    cdef real de
    cdef const real *out_r
    cdef const real *dout_r
    with nogil:
        mode = ftz_enter()
        for t in range(starts.shape[0] - 1):
            for r in range(starts[t + 1] - starts[t]):
                row = starts[t] + r
                out_r, dout_r = &out[r, 0], &dout[r, 0]
                de = 0
                for j in range(F):
                    de += dout_r[j] * (y[row, j] - out_r[j])
                de *= alpha[row]
                for k in range(K):
                    dv[k] += de * u[row, k]
                    u[row, k] = de * v[k] * (1 - u[row, k] * u[row, k])
        ftz_leave(mode)


def add_weighted(const Py_ssize_t[::1] starts, const real[::1] alpha, const real[:, :] dout, real[:, ::1] dy):
    """dy at each step of sequence r += alpha dout[r]"""
    cdef uint64_t mode
    cdef Py_ssize_t t, r, row
    with nogil:
        mode = ftz_enter()
        for t in range(starts.shape[0] - 1):
            for r in range(starts[t + 1] - starts[t]):
                row = starts[t] + r
                scale_row(dout.shape[1], alpha[row], &dout[r, 0], &dy[row, 0], True)
        ftz_leave(mode)
