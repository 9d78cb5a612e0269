"""From one vector per step to one per sequence, over packed rows, chunk by chunk, and the way back.

Everywhere: `starts` (n_steps + 1,) of a chunk of steps, the sequences longest first; y (n_rows, F) one row per step; out and dout
(n_sequences, F) one row per sequence, which may lie apart: as columns of a wider array, of that row stride `ld`. dy is overwritten,
or with `add` added to.
"""
from libc.math cimport INFINITY, exp
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from ._dense cimport add_gradients, project
from ._ftz cimport ftz_enter, ftz_leave
from ._given cimport pointer
from ._real cimport real
from ._recurrent cimport Layer
from ._simd cimport simd
from ._stages cimport Stage, batch, gradient_of


cdef class Pooling(Stage):
    """What the poolings share.

    Parameters
    ----------
    theta : (n_params,) array
    y : (n_rows, F) array
        Outputs of the last layer.
    out, dout : (n_sequences, F) arrays
        The result, and its gradient.
    dy : (n_rows, F) array, or None for a pooling without a gradient per step
        Gradient of y.
    add : bool, default=False
        Whether dy has that of another pooling, to which that of this one is added.
    """
    cdef:
        Py_ssize_t n_sequences, n_rows, F, ld, ld_dout
        const void *y
        void *out
        const void *dout
        void *dy
        bint add

    def __init__(self, theta, y, out, dout, dy, bint add=False):
        self.bind(theta)
        self.n_rows, self.F = y.shape
        self.n_sequences = len(out)
        self.add = add
        self.y = self.hold(y, self.n_rows, self.F)
        self.out = self.hold(out, self.n_sequences, self.F, True, &self.ld)
        self.dout = self.hold(dout, self.n_sequences, self.F, False, &self.ld_dout)
        self.dy = self.hold(dy, self.n_rows, self.F, True)


cdef class Last(Pooling):
    """The outputs where each direction of the last layer ends its walk.

    Parameters
    ----------
    layer : Layer
    *args
        As for all poolings.
    """
    cdef Layer layer

    def __init__(self, Layer layer, *args):
        Pooling.__init__(self, *args)
        self.layer = layer

    cdef int forward(self, const batch *b) except -1 nogil:
        self.layer.end_states(b, self.out, self.ld)
        return 0

    cdef int recompute(self, const batch *b) except -1 nogil:
        return 0


cdef class Mean(Pooling):
    """The mean over the steps."""

    cdef void begin(self, const batch *b) noexcept nogil:
        clear_rows(b.n_all, self.F * self.itemsize, <char *> self.out, self.ld * self.itemsize)

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef uint64_t mode = ftz_enter()
        if self.dtype == 0:
            sum_steps(b.starts, b.n_steps, self.F, <const float *> self.y, <float *> self.out, self.ld)
        else:
            sum_steps(b.starts, b.n_steps, self.F, <const double *> self.y, <double *> self.out, self.ld)
        ftz_leave(mode)
        return 0

    cdef int recompute(self, const batch *b) except -1 nogil:
        return 0

    cdef void finish(self, const batch *b) noexcept nogil:
        cdef uint64_t mode = ftz_enter()
        if self.dtype == 0:
            divide_by_lengths(b.n_all, self.F, b.lengths, <float *> self.out, <float *> self.out, self.ld)
        else:
            divide_by_lengths(b.n_all, self.F, b.lengths, <double *> self.out, <double *> self.out, self.ld)
        ftz_leave(mode)

    cdef void backward(self, const batch *b) noexcept nogil:
        cdef uint64_t mode = ftz_enter()
        if self.dtype == 0:
            mean_backward(self, b, <const float *> self.dout, <float *> self.dy)
        else:
            mean_backward(self, b, <const double *> self.dout, <double *> self.dy)
        ftz_leave(mode)


cdef void clear_rows(Py_ssize_t n, Py_ssize_t n_bytes, char *rows, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t r
    for r in range(n):
        memset(rows + r * ld, 0, n_bytes)


cdef void sum_steps(const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t F, const real *y, real *out, Py_ssize_t ld) noexcept nogil:
    """out[r] += sum of y over the steps of sequence r"""
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


cdef void divide_by_lengths(
    Py_ssize_t n, Py_ssize_t F, const Py_ssize_t *lengths, const real *sums, real *out, Py_ssize_t ld,
) noexcept nogil:
    """out[r] := sums[r] / length of r"""
    cdef Py_ssize_t r, j
    cdef real factor
    for r in range(n):
        factor = <real> (1.0 / lengths[r])
        for j in range(F):
            out[r * ld + j] = sums[r * ld + j] * factor


cdef void mean_backward(Mean self, const batch *b, const real *dout, real *dy) noexcept nogil:
    """dy at each step of sequence r := dout[r] / length of r"""
    cdef Py_ssize_t t, r, F = self.F
    for t in range(b.n_steps):
        for r in range(b.starts[t + 1] - b.starts[t]):
            scale_row(F, <real> 1 / b.lengths[r], dout + r * self.ld_dout, dy + (b.starts[t] + r) * F, self.add)


cdef inline void scale_row(Py_ssize_t n, real factor, const real *x, real *out, bint add) noexcept nogil:
    """out (n,) := factor x, or with `add` += that"""
    cdef Py_ssize_t j
    if add:
        for j in range(n):
            out[j] += factor * x[j]
    else:
        for j in range(n):
            out[j] = factor * x[j]


cdef class Max(Pooling):
    """The largest value of each unit over the steps.

    Parameters
    ----------
    argmax : (n_sequences, F) array of int
        The first step that has it.
    largest : (n_sequences, F) array, or None for `out`
        So far, in rows without gaps: one loop for all sequences of a step is faster than one for each.
    *args
        As for all poolings.
    """
    cdef:
        Py_ssize_t *argmax
        void *largest

    def __init__(self, argmax, largest, *args):
        Pooling.__init__(self, *args)
        self.kept.append(argmax)
        self.argmax = <Py_ssize_t *> pointer(argmax, 2, self.n_sequences, self.F, True)
        self.largest = self.hold(largest, self.n_sequences, self.F, True) if largest is not None else self.out

    cdef int forward(self, const batch *b) except -1 nogil:
        if self.dtype == 0:
            maximum(self, b, <const float *> self.y, <float *> self.largest)
        else:
            maximum(self, b, <const double *> self.y, <double *> self.largest)
        return 0

    cdef int recompute(self, const batch *b) except -1 nogil:
        return 0

    cdef void finish(self, const batch *b) noexcept nogil:
        cdef Py_ssize_t r, n_bytes = self.F * self.itemsize
        for r in range(b.n_all if self.largest != self.out else 0):
            memcpy(<char *> self.out + r * self.ld * self.itemsize, <char *> self.largest + r * n_bytes, n_bytes)

    cdef void backward(self, const batch *b) noexcept nogil:
        if self.dtype == 0:
            maximum_backward(self, b, <const float *> self.dout, <float *> self.dy)
        else:
            maximum_backward(self, b, <const double *> self.dout, <double *> self.dy)


cdef void maximum(Max self, const batch *b, const real *y, real *largest) noexcept nogil:
    """largest[r] := largest value of y over the steps of sequence r, argmax[r] := the first step that has it; a chunk that does
    not begin at 0 continues from what is there."""
    cdef Py_ssize_t k, n = b.n_sequences * self.F
    if b.first == 0:
        memset(self.argmax, 0, n * sizeof(Py_ssize_t))
        for k in range(n):
            largest[k] = -INFINITY
    simd().enlarge[self.dtype](b.starts, b.n_steps, self.F, b.first, y, largest, self.F, self.argmax)


cdef void maximum_backward(Max self, const batch *b, const real *dout, real *dy) noexcept nogil:
    """dy at step argmax[r] of sequence r := dout[r], elsewhere 0"""
    cdef Py_ssize_t r, j, t, place, F = self.F
    if not self.add:
        memset(dy, 0, b.n_rows * F * sizeof(real))
    for r in range(b.n_sequences):
        for j in range(F):
            t = self.argmax[r * F + j] - b.first
            if 0 <= t < b.n_steps:
                place = (b.starts[t] + r) * F + j
                dy[place] = dy[place] + dout[r * self.ld_dout + j] if self.add else dout[r * self.ld_dout + j]


cdef class Attention(Pooling):
    """Additive attention: the mean over the steps with learned weights alpha.

        e_t = v tanh(y_t A + b),   alpha = softmax of e over the steps,   out = sum_t alpha_t y_t

    Parameters
    ----------
    A, b, v : (F, F), (F,) and (F,) views of theta
    top, norm : (n_sequences,) arrays of float64
    u : (n_rows, F) array
    e : (n_rows,) array
    scratch : (`_dense.scratch_size(n_rows, F, F, ...)`,) array, aligned to 64 bytes
    *args
        As for all poolings.
    """
    cdef:
        const void *A
        const void *b
        const void *v
        double *top     # of e so far
        double *norm    # sum of exp(e - top) so far
        void *u         # tanh(y A + b), and in the backward pass the gradient of y A + b
        void *e         # and in the backward pass alpha
        void *scratch

    def __init__(self, A, b, v, top, norm, u, e, scratch, *args):
        cdef Py_ssize_t n_rows, F
        Pooling.__init__(self, *args)
        n_rows, F = self.n_rows, self.F
        self.A = self.hold(A, F, F)
        self.b = self.hold(b, F, 0)
        self.v = self.hold(v, F, 0)
        self.u = self.hold(u, n_rows, F, True)
        self.e = self.hold(e, n_rows, 0, True)
        self.scratch = self.hold(scratch, 1, 0, True)
        self.kept += [top, norm]
        self.top = <double *> pointer(top, 1, self.n_sequences, 0, True)
        self.norm = <double *> pointer(norm, 1, self.n_sequences, 0, True)

    cdef void begin(self, const batch *b) noexcept nogil:
        cdef Py_ssize_t r
        for r in range(b.n_all):
            self.top[r] = -INFINITY
            self.norm[r] = 0
        clear_rows(b.n_all, self.F * self.itemsize, <char *> self.out, self.ld * self.itemsize)

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef uint64_t mode
        self.recompute(b)
        mode = ftz_enter()
        if self.dtype == 0:
            attend(b.starts, b.n_steps, <float *> self.e, <const float *> self.y, self.top, self.norm, self.F, <float *> self.out, self.ld)
        else:
            attend(b.starts, b.n_steps, <double *> self.e, <const double *> self.y, self.top, self.norm, self.F, <double *> self.out,
                   self.ld)
        ftz_leave(mode)
        return 0

    cdef int recompute(self, const batch *b) except -1 nogil:
        if self.dtype == 0:
            find_scores(self, b, <float *> self.u)
        else:
            find_scores(self, b, <double *> self.u)
        return 0

    cdef void finish(self, const batch *b) noexcept nogil:
        cdef uint64_t mode = ftz_enter()
        if self.dtype == 0:
            divide_by_norms(b.n_all, self.F, self.norm, <float *> self.out, <float *> self.out, self.ld)
        else:
            divide_by_norms(b.n_all, self.F, self.norm, <double *> self.out, <double *> self.out, self.ld)
        ftz_leave(mode)

    cdef void backward(self, const batch *b) noexcept nogil:
        if self.dtype == 0:
            attention_backward(self, b, <const float *> self.y, <float *> self.u, <float *> self.e)
        else:
            attention_backward(self, b, <const double *> self.y, <double *> self.u, <double *> self.e)


cdef void find_scores(Attention self, const batch *b, real *u) noexcept nogil:
    """u := tanh(y A + b), e := u v"""
    cdef Py_ssize_t F = self.F, n = b.n_rows
    cdef uint64_t mode
    project(n, F, F, <const real *> self.y, <const real *> self.A, <const real *> self.b, u, <real *> self.scratch)
    simd().tanh_array[self.dtype](n * F, u, u)
    mode = ftz_enter()
    score_rows(u, <const real *> self.v, <real *> self.e, n, F)
    ftz_leave(mode)


cdef void score_rows(const real *u, const real *v, real *e, Py_ssize_t n_rows, Py_ssize_t K) noexcept nogil:
    """e := u v, with u (n_rows, K) and v (K,)"""
    cdef Py_ssize_t row, k
    cdef real total
    for row in range(n_rows):
        total = 0
        for k in range(K):
            total += u[row * K + k] * v[k]
        e[row] = total


cdef void attend(
    const Py_ssize_t *starts, Py_ssize_t T, const real *e, const real *y, double *top, double *norm, Py_ssize_t F, real *out,
    Py_ssize_t ld,
) noexcept nogil:
    """One more chunk into out[r] = sum_t exp(e_t - top[r]) y_t and norm[r] = sum_t exp(e_t - top[r]), top[r] = max_t e_t

    Before the first chunk top is -inf, norm and out are 0.
    """
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


cdef void divide_by_norms(
    Py_ssize_t n, Py_ssize_t F, const double *norm, const real *sums, real *out, Py_ssize_t ld,
) noexcept nogil:
    """out[r] := sums[r] / norm[r]: the weighted mean, after the last chunk"""
    cdef Py_ssize_t r, j
    for r in range(n):
        for j in range(F):
            out[r * ld + j] = sums[r * ld + j] / <real> norm[r]


cdef real weigh(real e, double top, double norm) noexcept nogil:
    """The weight of a step: over a sequence they sum to 1"""
    return <real> (exp(e - top) / norm)


cdef void attention_backward(Attention self, const batch *b, const real *y, real *u, real *e) noexcept nogil:
    """alpha := weights of the steps,   de = alpha dout (y - out)',   dv += de u,   u := du_before_tanh = de v (1 - u^2)
    dA, db += gradients,   dy := u A' + alpha dout"""
    cdef:
        Py_ssize_t t, r, j, k, row, F = self.F
        real de
        const real *out_r
        const real *dout_r
        const real *v = <const real *> self.v
        real *dv = <real *> gradient_of(self, b, self.v)
        real *dy = <real *> self.dy
        uint64_t mode = ftz_enter()
    for t in range(b.n_steps):
        for r in range(b.starts[t + 1] - b.starts[t]):
            row = b.starts[t] + r
            e[row] = weigh(e[row], self.top[r], self.norm[r])
            out_r = <const real *> self.out + r * self.ld
            dout_r = <const real *> self.dout + r * self.ld_dout
            de = 0
            for j in range(F):
                de += dout_r[j] * (y[row * F + j] - out_r[j])
            de *= e[row]
            for k in range(F):
                dv[k] += de * u[row * F + k]
                u[row * F + k] = de * v[k] * (1 - u[row * F + k] * u[row * F + k])
    ftz_leave(mode)
    add_gradients(b.n_rows, F, F, y, <const real *> self.A, u, <real *> gradient_of(self, b, self.A),
                  <real *> gradient_of(self, b, self.b), dy, <real *> self.scratch)
    mode = ftz_enter()
    for t in range(b.n_steps):
        for r in range(b.starts[t + 1] - b.starts[t]):
            row = b.starts[t] + r
            scale_row(F, e[row], <const real *> self.dout + r * self.ld_dout, dy + row * F, True)
    ftz_leave(mode)
