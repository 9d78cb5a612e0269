"""Static features as stages: the vector s of each sequence, before the first layer, and its part of the scores, behind the head.

What s does to the states that sequences begin with is in `_recurrent`.
"""
from libc.stdint cimport uint64_t
from libc.string cimport memset

from ._ftz cimport ftz_enter, ftz_leave
from ._real cimport real
from ._stages cimport Stage, batch, gradient_of
from ._static cimport add_static, add_static_gradients


cdef class StaticInput(Stage):
    """The first stage: s := what an input layer makes of the static features of each sequence, once for all chunks.

    Parameters
    ----------
    theta : (n_params,) array
    entry : InputLayer
        It reads rows of static features, and writes s.
    ds : (n_sequences, k) array
        Gradient of s: the stages that read s add to it, and `entry` reads it.
    """
    cdef:
        Stage entry
        Py_ssize_t n_bytes          # of a row of ds
        void *ds

    def __init__(self, theta, Stage entry, ds):
        self.bind(theta)
        self.entry = entry
        self.ds = self.hold(ds, len(ds), ds.shape[1], True)
        self.n_bytes = ds.shape[1] * self.itemsize

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef batch own
        if b.first:
            return 0
        memset(self.ds, 0, b.n_all * self.n_bytes)
        own = of_statics(b)
        return self.entry.forward(&own)

    cdef int recompute(self, const batch *b) except -1 nogil:
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        cdef batch own = of_statics(b)
        self.entry.backward(&own)
        memset(self.ds, 0, b.n_all * self.n_bytes)  # that of later chunks is added to what there is by now


cdef inline batch of_statics(const batch *b) noexcept nogil:
    """The rows of static features of all sequences, as the input layer reads rows of channels."""
    cdef batch own
    memset(&own, 0, sizeof(batch))
    own.n_all = own.n_sequences = own.n_rows = b.n_all
    own.values, own.dvalues, own.gradients = b.statics, b.dstatics, b.gradients
    return own


cdef class StaticHead(Stage):
    """Adds s V to the scores of each sequence or, with `sums`, of each of its steps.

    Parameters
    ----------
    theta : (n_params,) array
    V : (k, K) view of theta
    s, ds : (n_sequences, k) arrays
        Static vectors, and their gradient, which is added to.
    scores, dscores : (n, K) arrays
        What the head has written, and the gradient of that.
    sums : (n_sequences, K) array or None
        Scratch, where there are scores of every step.
    """
    cdef:
        Py_ssize_t k, K
        const void *V
        const void *s
        void *ds
        void *scores
        const void *dscores
        void *sums

    def __init__(self, theta, V, s, ds, scores, dscores, sums=None):
        cdef Py_ssize_t n = len(s)
        self.bind(theta)
        self.k, self.K = V.shape
        self.V = self.hold(V, self.k, self.K)
        self.s = self.hold(s, n, self.k)
        self.ds = self.hold(ds, n, self.k, True)
        self.scores = self.hold(scores, len(scores), self.K, True)
        self.dscores = self.hold(dscores, len(scores), self.K)
        self.sums = self.hold(sums, n, self.K, True)

    cdef int forward(self, const batch *b) except -1 nogil:
        if self.dtype == 0:
            add_to_scores(self, b, <const float *> self.V, <const float *> self.s, <float *> self.scores, <float *> self.sums)
        else:
            add_to_scores(self, b, <const double *> self.V, <const double *> self.s, <double *> self.scores, <double *> self.sums)
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        cdef void *dV = gradient_of(self, b, self.V)
        if self.dtype == 0:
            backward_of_scores(self, b, <const float *> self.V, <const float *> self.s, <const float *> self.dscores,
                               <float *> self.sums, <float *> dV, <float *> self.ds)
        else:
            backward_of_scores(self, b, <const double *> self.V, <const double *> self.s, <const double *> self.dscores,
                               <double *> self.sums, <double *> dV, <double *> self.ds)


cdef void add_to_scores(StaticHead self, const batch *b, const real *V, const real *s, real *scores, real *sums) noexcept nogil:
    cdef Py_ssize_t t, j, K = self.K
    cdef uint64_t mode = ftz_enter()
    if sums == NULL:
        add_static(b.n_all, self.k, K, s, V, scores, K)
    else:
        memset(sums, 0, b.n_sequences * K * sizeof(real))
        add_static(b.n_sequences, self.k, K, s, V, sums, K)
        for t in range(b.n_steps):
            for j in range((b.starts[t + 1] - b.starts[t]) * K):
                scores[b.starts[t] * K + j] += sums[j]
    ftz_leave(mode)


cdef void backward_of_scores(
    StaticHead self, const batch *b, const real *V, const real *s, const real *dscores, real *sums, real *dV, real *ds,
) noexcept nogil:
    """dV += s' dscores, ds += dscores V', with dscores summed over the steps of each sequence"""
    cdef Py_ssize_t t, j, K = self.K
    cdef uint64_t mode = ftz_enter()
    if sums == NULL:
        add_static_gradients(b.n_all, self.k, K, s, V, dscores, dV, ds)
    else:
        memset(sums, 0, b.n_sequences * K * sizeof(real))
        for t in range(b.n_steps):
            for j in range((b.starts[t + 1] - b.starts[t]) * K):
                sums[j] += dscores[b.starts[t] * K + j]
        add_static_gradients(b.n_sequences, self.k, K, s, V, sums, dV, ds)
    ftz_leave(mode)
