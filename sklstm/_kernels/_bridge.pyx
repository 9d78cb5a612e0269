"""Between an encoder and a decoder: the bridge from the last states of the one to the first states of the other."""
from libc.string cimport memset

from ._dense cimport add_gradients, project
from ._real cimport real
from ._recurrent cimport Layer
from ._stages cimport Stage, batch, gradient_of


cdef class Bridge(Stage):
    """out := ends W + b: from where the walks of an encoder's layer end to a state that a layer of the decoder begins with.

    Parameters
    ----------
    theta : (n_params,) array
    layer : Layer
        Of the encoder, of n_directions directions with a state of H values.
    state : int
        0 for h, 1 for c.
    W, b : (n_directions H, K) and (K,) views of theta
    ends, dends : (n_sequences, n_directions H) arrays
        Scratch.
    out, dout : (n_sequences, K) arrays
        In the order of the target.
    d_ends : list of (n_sequences, H) arrays
        For each direction: overwritten by the gradient of its end, in the order of the source.
    scratch : (`_dense.scratch_size(n_sequences, n_directions H, K, ...)`,) array, aligned to 64 bytes
    """
    cdef:
        Layer layer
        int state
        Py_ssize_t F, H, K
        const void *W
        const void *b
        void *ends
        void *dends
        void *out
        const void *dout
        void *d_ends[2]
        void *scratch

    def __init__(self, theta, Layer layer, int state, W, b, ends, dends, out, dout, list d_ends, scratch):
        cdef Py_ssize_t n = len(out), k
        self.bind(theta)
        self.layer, self.state = layer, state
        self.F, self.K = W.shape
        self.H = layer.state_width(state)
        if self.F != layer.n_directions * self.H or len(d_ends) != layer.n_directions or not 0 <= state <= 1:
            raise ValueError("A bridge reads the states of each direction of a layer.")
        if state == 1 and layer.directions[0].d.cell.n_states != 2:
            raise ValueError("A bridge reads a state that its cell has.")
        self.W = self.hold(W, self.F, self.K)
        self.b = self.hold(b, self.K, 0)
        self.ends = self.hold(ends, n, self.F, True)
        self.dends = self.hold(dends, n, self.F, True)
        self.out = self.hold(out, n, self.K, True)
        self.dout = self.hold(dout, n, self.K)
        for k in range(layer.n_directions):
            self.d_ends[k] = self.hold(d_ends[k], n, self.H, True)
        self.scratch = self.hold(scratch, 1, 0, True)

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef int k
        for k in range(self.layer.n_directions):
            self.layer.end_of_walk(
                b.source, k, self.state, b.pairs, b.n_all, <char *> self.ends + k * self.H * self.itemsize, self.F
            )
        if self.dtype == 0:
            project(b.n_all, self.F, self.K, <const float *> self.ends, <const float *> self.W, <const float *> self.b,
                    <float *> self.out, <float *> self.scratch)
        else:
            project(b.n_all, self.F, self.K, <const double *> self.ends, <const double *> self.W, <const double *> self.b,
                    <double *> self.out, <double *> self.scratch)
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        cdef void *dW = gradient_of(self, b, self.W)
        cdef void *db = gradient_of(self, b, self.b)
        if self.dtype == 0:
            add_gradients(b.n_all, self.F, self.K, <const float *> self.ends, <const float *> self.W, <const float *> self.dout,
                          <float *> dW, <float *> db, <float *> self.dends, <float *> self.scratch)
            scatter_ends(self, b, <const float *> self.dends)
        else:
            add_gradients(b.n_all, self.F, self.K, <const double *> self.ends, <const double *> self.W, <const double *> self.dout,
                          <double *> dW, <double *> db, <double *> self.dends, <double *> self.scratch)
            scatter_ends(self, b, <const double *> self.dends)


cdef void scatter_ends(Bridge self, const batch *b, const real *dends) noexcept nogil:
    """The columns of each direction, in the order of the source; a source of several targets gets the sum"""
    cdef Py_ssize_t i, j, H = self.H
    cdef int k
    cdef real *out
    for k in range(self.layer.n_directions):
        memset(self.d_ends[k], 0, b.source.n_all * H * sizeof(real))
        for i in range(b.n_all):
            out = <real *> self.d_ends[k] + b.pairs[i] * H
            for j in range(H):
                out[j] += dends[i * self.F + k * H + j]
