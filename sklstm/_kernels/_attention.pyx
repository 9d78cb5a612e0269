"""Attention of a decoder over the steps of an encoder.

It is computed for all steps of the decoder at once, after its recursion. With d_t the decoder's outputs (H,), e_s the encoder's
(F,), both of one pair of sequences, and l (L, S) the logits of L steps of the target and S of its source:

    dot         l_ts = (d_t A) e_s                      A (H, F)                            Luong, Pham and Manning (2015), "general"
    additive    l_ts = v tanh(d_t A + e_s B)            A (H, H), B (F, H), v (H,)          Bahdanau, Cho and Bengio (2015)

    weights = softmax of l over s,      context c_t = sum_s weights_ts e_s,      out_t = tanh([c_t; d_t] C + b),      C (F + H, H)

Rows are gathered sequence by sequence first, so that what is done for a pair are products of matrices without gaps.
"""
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from ._dense cimport add_gradients, multiply_rows
from ._ftz cimport ftz_enter, ftz_leave
from ._given cimport pointer
from ._product cimport add_product_of_transpose, make_operand, multiply, operand, packed_size
from ._real cimport real
from ._simd cimport simd
from ._stages cimport Stage, batch, gradient_of

import numpy as np


cdef struct reading:
    # What the steps of n targets read of their sources, row by row and sequence by sequence.
    int dtype
    Py_ssize_t F, H, M          # widths of the encoder's and of the decoder's outputs, and of what their logits are made of
    const void *A               # (H, M)
    const void *B               # (F, M), with v (M,); NULL for "dot", where M is F
    const void *v
    const void *C               # (F + H, H)
    const void *b               # (H,)
    Py_ssize_t n
    const Py_ssize_t *rows      # (n + 1,) where the rows of each target begin
    const Py_ssize_t *sources   # (n,) which source it reads
    const Py_ssize_t *offsets   # where the rows of each source begin, and end
    const void *E               # (rows of the sources, F)
    const void *Q               # (rows of the sources, M), E B; NULL for "dot"
    const void *D               # (rows of the targets, H)
    void *P                     # (rows of the targets, M), D A
    void *weights               # (L S,) for each target, one after the other
    void *context               # (rows of the targets, F)
    void *out                   # (rows of the targets, H)
    void *scratch               # (`scratch_size(...)`,)


cdef void attend(const reading *a, real *scratch) noexcept nogil:
    """P := D A, then for each target the weights and the context; out := tanh([context; D] C + b)"""
    cdef:
        Py_ssize_t k, t, first, L, S, N = a.rows[a.n], F = a.F, H = a.H, M = a.M
        int dtype = 0 if real is float else 1
        operand op
        real *P = <real *> a.P
        real *weights = <real *> a.weights
        real *out = <real *> a.out
        const real *b = <const real *> a.b
        const real *E
        uint64_t mode = ftz_enter()
    make_operand(&op, dtype, False, H, M, a.A, M, scratch)
    multiply_rows(&op, N, <const real *> a.D, H, P, M, False)
    for k in range(a.n):
        first, L = a.rows[k], a.rows[k + 1] - a.rows[k]
        E = <const real *> a.E + a.offsets[a.sources[k]] * F
        S = a.offsets[a.sources[k] + 1] - a.offsets[a.sources[k]]
        if a.B == NULL:
            make_operand(&op, dtype, True, F, S, E, F, scratch)
            multiply(&op, L, P + first * M, M, weights, S, False)
        else:
            for t in range(L):
                simd().additive_logits[dtype](
                    S, M, P + (first + t) * M, <const real *> a.Q + a.offsets[a.sources[k]] * M, a.v, weights + t * S
                )
        simd().softmax_rows[dtype](L, S, weights)
        make_operand(&op, dtype, False, S, F, E, F, scratch)
        multiply(&op, L, weights, S, <real *> a.context + first * F, F, False)
        weights += L * S
    make_operand(&op, dtype, False, F, H, a.C, H, scratch)
    multiply_rows(&op, N, <const real *> a.context, F, out, H, False)
    make_operand(&op, dtype, False, H, H, <const real *> a.C + F * H, H, scratch)
    multiply_rows(&op, N, <const real *> a.D, H, out, H, True)
    for t in range(N):
        for k in range(H):
            out[t * H + k] += b[k]
    simd().tanh_array[dtype](N * H, out, out)
    ftz_leave(mode)


cdef struct reading_gradients:
    # What the way back adds to, and what it overwrites.
    void *dA
    void *dB
    void *dv
    void *dC
    void *db
    void *dE                # (rows of the sources, F) OUT
    void *dQ                # (rows of the sources, M) scratch
    void *dD                # (rows of the targets, H) OUT
    void *dP                # (rows of the targets, M) scratch
    void *dweights          # as weights, scratch
    void *dcontext          # (rows of the targets, F) scratch
    void *dout              # (rows of the targets, H) IN, overwritten
    Py_ssize_t n_sources


cdef void attend_backward(const reading *a, const reading_gradients *g, real *scratch) noexcept nogil:
    """dE and dD := gradients with respect to E and D, and those of the parameters are added to; after `attend`."""
    cdef:
        Py_ssize_t j, k, t, first, place, L, S, N = a.rows[a.n], n_rows = a.offsets[g.n_sources], F = a.F, H = a.H, M = a.M
        int dtype = 0 if real is float else 1
        operand op
        const real *out = <const real *> a.out
        const real *weights = <const real *> a.weights
        const real *P = <const real *> a.P
        const real *E
        const real *dc
        real *dE
        real *dP = <real *> g.dP
        real *d = <real *> g.dweights
        real *dz = <real *> g.dout
        uint64_t mode = ftz_enter()
    for j in range(N * H):
        dz[j] *= 1 - out[j] * out[j]
    add_gradients(N, F, H, <const real *> a.context, <const real *> a.C, dz, <real *> g.dC, <real *> g.db, <real *> g.dcontext, scratch)
    add_gradients(N, H, H, <const real *> a.D, <const real *> a.C + F * H, dz, <real *> g.dC + F * H, NULL, <real *> g.dD, scratch)
    memset(g.dE, 0, n_rows * F * sizeof(real))
    if a.B != NULL:
        memset(g.dQ, 0, n_rows * M * sizeof(real))
        memset(dP, 0, N * M * sizeof(real))
    for k in range(a.n):
        first, L = a.rows[k], a.rows[k + 1] - a.rows[k]
        place = a.offsets[a.sources[k]]
        S = a.offsets[a.sources[k] + 1] - place
        E, dE, dc = <const real *> a.E + place * F, <real *> g.dE + place * F, <const real *> g.dcontext + first * F
        # d := gradient of the weights, dc E', and then of the logits
        make_operand(&op, dtype, True, F, S, E, F, scratch)
        multiply(&op, L, dc, F, d, S, False)
        simd().softmax_backward[dtype](L, S, weights, d)
        # dE += weights' dc
        make_operand(&op, dtype, False, L, F, dc, F, scratch)
        add_product_of_transpose(&op, 0, L, F, S, weights, S, dE, F)
        if a.B == NULL:
            # dE += d' P,   dP := d E
            make_operand(&op, dtype, False, L, F, P + first * M, F, scratch)
            add_product_of_transpose(&op, 0, L, F, S, d, S, dE, F)
            make_operand(&op, dtype, False, S, F, E, F, scratch)
            multiply(&op, L, d, S, dP + first * M, F, False)
        else:
            for t in range(L):
                simd().additive_backward[dtype](
                    S, M, P + (first + t) * M, <const real *> a.Q + place * M, a.v, d + t * S, dP + (first + t) * M,
                    <real *> g.dQ + place * M, g.dv,
                )
        weights += L * S
    add_gradients(N, H, M, <const real *> a.D, <const real *> a.A, dP, <real *> g.dA, NULL, <real *> g.dD, scratch, True)
    if a.B != NULL:
        add_gradients(n_rows, F, M, <const real *> a.E, <const real *> a.B, <const real *> g.dQ, <real *> g.dB, NULL, <real *> g.dE,
                      scratch, True)
    ftz_leave(mode)


cdef class CrossAttention(Stage):
    """Attention of a decoder over the encoder's steps, bound.

    Parameters
    ----------
    theta : (n_params,) array
    A, B, v, C, b : views of theta
        As the module describes them; B and v are None for "dot".
    e, de : (n_source_rows, F) arrays
        The encoder's outputs, packed, and their gradient, which is overwritten.
    d, dd : (n_rows, H) arrays
        The decoder's outputs, packed, and their gradient, which is overwritten.
    out, dout : (n_rows, H) arrays
        The result, packed, and its gradient.
    buffers : dict of str to array
        "E", "dE" (n_source_rows, F); "Q", "dQ" (n_source_rows, M), for "additive" alone; "D", "dD", "state", "dstate" (n_rows, H); "P",
        "dP" (n_rows, M); "context", "dcontext" (n_rows, F); "weights", "dweights" (n_weights,); "rows", "offsets" (n_sequences + 1,)
        arrays of int; "scratch" (`scratch_size(...)`,), aligned to 64 bytes.
    """
    cdef:
        reading a
        reading_gradients g
        const void *e
        void *de
        const void *d
        void *dd
        void *packed_out
        const void *packed_dout
        Py_ssize_t *rows
        Py_ssize_t *offsets
        Py_ssize_t n_sequences
        readonly Py_ssize_t n_weights

    def __init__(self, theta, A, B, v, C, b, e, de, d, dd, out, dout, dict buffers):
        cdef Py_ssize_t n_source_rows = len(e), n_rows = len(d), F = e.shape[1], H = d.shape[1], M = A.shape[1]
        cdef reading *a = &self.a
        cdef reading_gradients *g = &self.g
        self.bind(theta)
        if B is None and M != F:
            raise ValueError(f"Logits of products need as many columns as the source has, {F}, got {M}.")
        a.dtype, a.F, a.H, a.M = self.dtype, F, H, M
        a.A, a.B, a.v = self.hold(A, H, M), self.hold(B, F, M), self.hold(v, M, 0)
        a.C, a.b = self.hold(C, F + H, H), self.hold(b, H, 0)
        self.e, self.de = self.hold(e, n_source_rows, F), self.hold(de, n_source_rows, F, True)
        self.d, self.dd = self.hold(d, n_rows, H), self.hold(dd, n_rows, H, True)
        self.packed_out, self.packed_dout = self.hold(out, n_rows, H, True), self.hold(dout, n_rows, H)
        a.E, g.dE = self.hold(buffers["E"], n_source_rows, F, True), self.hold(buffers["dE"], n_source_rows, F, True)
        a.Q, g.dQ = self.hold(buffers.get("Q"), n_source_rows, M, True), self.hold(buffers.get("dQ"), n_source_rows, M, True)
        a.D, g.dD = self.hold(buffers["D"], n_rows, H, True), self.hold(buffers["dD"], n_rows, H, True)
        a.P, g.dP = self.hold(buffers["P"], n_rows, M, True), self.hold(buffers["dP"], n_rows, M, True)
        a.context, g.dcontext = self.hold(buffers["context"], n_rows, F, True), self.hold(buffers["dcontext"], n_rows, F, True)
        a.out, g.dout = self.hold(buffers["state"], n_rows, H, True), self.hold(buffers["dstate"], n_rows, H, True)
        self.n_weights, self.n_sequences = len(buffers["weights"]), len(buffers["rows"]) - 1
        a.weights = self.hold(buffers["weights"], self.n_weights, 0, True)
        g.dweights = self.hold(buffers["dweights"], self.n_weights, 0, True)
        a.scratch = self.hold(buffers["scratch"], 1, 0, True)
        if (a.B == NULL) != (a.v == NULL) or (a.B == NULL) != (a.Q == NULL) or (a.B == NULL) != (g.dQ == NULL):
            raise ValueError("Additive attention needs weights of the source, and a buffer for its products with them.")
        self.kept += [buffers["rows"], buffers["offsets"]]
        self.rows = <Py_ssize_t *> pointer(buffers["rows"], 2, self.n_sequences + 1, 0, True)
        self.offsets = <Py_ssize_t *> pointer(buffers["offsets"], 2, self.n_sequences + 1, 0, True)
        a.rows, a.offsets = self.rows, self.offsets

    cdef int forward(self, const batch *b) except -1 nogil:
        sum_lengths(b.lengths, b.n_all, self.rows)
        sum_lengths(b.source.lengths, b.source.n_all, self.offsets)
        self.a.n, self.a.sources, self.g.n_sources = b.n_all, b.pairs, b.source.n_all
        by_sequence(b.source, self.offsets, self.a.F * self.itemsize, <const char *> self.e, <char *> self.a.E)
        by_sequence(b, self.rows, self.a.H * self.itemsize, <const char *> self.d, <char *> self.a.D)
        if self.dtype == 0:
            run_attention(&self.a, b.source.n_rows, <float *> self.a.scratch)
        else:
            run_attention(&self.a, b.source.n_rows, <double *> self.a.scratch)
        by_step(b, self.rows, self.a.H * self.itemsize, <const char *> self.a.out, <char *> self.packed_out)
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        cdef reading *a = &self.a
        cdef reading_gradients *g = &self.g
        g.dA, g.dB, g.dv = gradient_of(self, b, a.A), gradient_of(self, b, a.B), gradient_of(self, b, a.v)
        g.dC, g.db = gradient_of(self, b, a.C), gradient_of(self, b, a.b)
        by_sequence(b, self.rows, a.H * self.itemsize, <const char *> self.packed_dout, <char *> g.dout)
        if self.dtype == 0:
            attend_backward(a, g, <float *> a.scratch)
        else:
            attend_backward(a, g, <double *> a.scratch)
        by_step(b, self.rows, a.H * self.itemsize, <const char *> g.dD, <char *> self.dd)
        by_step(b.source, self.offsets, a.F * self.itemsize, <const char *> g.dE, <char *> self.de)


cdef void run_attention(const reading *a, Py_ssize_t n_source_rows, real *scratch) noexcept nogil:
    """Q := E B, and what `attend` does"""
    cdef operand op
    cdef uint64_t mode = ftz_enter()
    if a.B != NULL:
        make_operand(&op, a.dtype, False, a.F, a.M, a.B, a.M, scratch)
        multiply_rows(&op, n_source_rows, <const real *> a.E, a.F, <real *> a.Q, a.M, False)
    attend(a, scratch)
    ftz_leave(mode)


cdef void sum_lengths(const Py_ssize_t *lengths, Py_ssize_t n, Py_ssize_t *sums) noexcept nogil:
    """sums (n + 1,) := 0 and the sums of the first lengths (n,)"""
    cdef Py_ssize_t k
    sums[0] = 0
    for k in range(n):
        sums[k + 1] = sums[k] + lengths[k]


cdef void by_sequence(const batch *b, const Py_ssize_t *rows, Py_ssize_t n_bytes, const char *packed, char *out) noexcept nogil:
    """out := packed rows of n_bytes, sequence by sequence, each from a row on"""
    cdef Py_ssize_t t, r
    for t in range(b.n_steps):
        for r in range(b.starts[t + 1] - b.starts[t]):
            memcpy(out + (rows[r] + t) * n_bytes, packed + (b.starts[t] + r) * n_bytes, n_bytes)


cdef void by_step(const batch *b, const Py_ssize_t *rows, Py_ssize_t n_bytes, const char *values, char *packed) noexcept nogil:
    """The way back."""
    cdef Py_ssize_t t, r
    for t in range(b.n_steps):
        for r in range(b.starts[t + 1] - b.starts[t]):
            memcpy(packed + (b.starts[t] + r) * n_bytes, values + (rows[r] + t) * n_bytes, n_bytes)


def scratch_size(Py_ssize_t n_source_rows, Py_ssize_t n_rows, Py_ssize_t F, Py_ssize_t H, Py_ssize_t M, Py_ssize_t itemsize):
    """Elements of scratch for so many rows of the sources and the targets together."""
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    cdef Py_ssize_t most = 1
    for rows, columns in (
        (H, M), (M, H), (F, H), (H, F), (H, H), (F, M), (M, F), (F, n_source_rows), (n_source_rows, F), (n_source_rows, M), (n_rows, F),
        (n_rows, H), (n_rows, M),
    ):
        most = max(most, packed_size(rows, columns, dtype))
    return most


def read_source(tuple parameters, E, Q, offsets, sources, D, scratch):
    """Attention for one step of some targets, each by itself, for predictions.

    Parameters
    ----------
    parameters : tuple of arrays
        A, B, v, C and b; B and v None for "dot".
    E, Q : (n_source_rows, F) and (n_source_rows, M) arrays
        The steps of all sources, and E B, None for "dot".
    offsets : (n_sources + 1,) array of int
    sources : (m,) array of int
        Which source each of the targets reads. Targets of one source that follow each other are read faster.
    D : (m, H) array
        The decoder's outputs.
    scratch : array, aligned to 64 bytes
        As `CrossAttention` has.

    Returns
    -------
    out : ndarray of shape (m, H)
    weights : ndarray of shape (total,)
        Of the steps of the source of each target, one after the other.
    """
    cdef Py_ssize_t m = len(D), n = len(offsets) - 1, n_rows = len(E), k, F = E.shape[1], H = D.shape[1], M = parameters[0].shape[1]
    cdef reading a
    cdef int dtype = 0 if D.dtype.itemsize == sizeof(float) else 1
    A, B, v, C, b = parameters
    memset(&a, 0, sizeof(a))
    a.dtype, a.F, a.H, a.M = dtype, F, H, M
    a.A, a.B, a.v = pointer(A, dtype, H, M), pointer(B, dtype, F, M), pointer(v, dtype, M, 0)
    a.C, a.b = pointer(C, dtype, F + H, H), pointer(b, dtype, H, 0)
    a.E, a.Q = pointer(E, dtype, n_rows, F), pointer(Q, dtype, n_rows, M)
    a.D = pointer(D, dtype, m, H)
    a.sources, a.offsets = <const Py_ssize_t *> pointer(sources, 2, m, 0), <const Py_ssize_t *> pointer(offsets, 2, n + 1, 0)
    for k in range(n):
        if not 0 <= a.offsets[k] < a.offsets[k + 1] <= n_rows:
            raise ValueError("The offsets are not those of the steps of sources.")
    for k in range(m):
        if not 0 <= a.sources[k] < n:
            raise ValueError(f"There are {n} sources, and none is number {a.sources[k]}.")
    if (a.B == NULL) != (a.Q == NULL) or (a.B == NULL) != (a.v == NULL) or (a.B == NULL and M != F):
        raise ValueError("Additive attention needs products of the steps of the source, and that by products has none.")
    if len(scratch) < scratch_size(n_rows, m, F, H, M, D.dtype.itemsize):
        raise ValueError("The scratch is too small.")
    rows = np.flatnonzero(np.diff(sources, prepend=-1, append=-1))  # where a run of one source begins, and the last one ends
    firsts = sources[rows[:-1]]
    P, context = np.empty((m, M), D.dtype), np.empty((m, F), D.dtype)
    weights, out = np.empty(np.diff(offsets)[sources].sum(), D.dtype), np.empty((m, H), D.dtype)
    a.n, a.sources = len(firsts), <const Py_ssize_t *> pointer(firsts, 2, len(firsts), 0)
    a.rows = <const Py_ssize_t *> pointer(rows, 2, a.n + 1, 0)
    a.P, a.context, a.out = pointer(P, dtype, m, M, True), pointer(context, dtype, m, F, True), pointer(out, dtype, m, H, True)
    a.weights = pointer(weights, dtype, len(weights), 0, True)
    a.scratch = pointer(scratch, dtype, len(scratch), 0, True)
    with nogil:
        if dtype == 0:
            attend(&a, <float *> a.scratch)
        else:
            attend(&a, <double *> a.scratch)
    return out, weights
