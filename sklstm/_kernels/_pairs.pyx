"""An encoder and a decoder that are bound, the bridge between their states, and minibatches of pairs of a source and a target.

Each side is packed by itself, with its own longest sequence first. The batch of the target says which source each of its sequences
belongs to.
"""
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memset

from ._dense cimport add_gradients, project
from ._events cimport AGAIN, BEGIN, CHUNK, END, draw, heed_signals
from ._given cimport pointer
from ._minibatch cimport MANY_ROWS, BoundNetwork, Minibatch
from ._real cimport real
from ._recurrent cimport Layer
from ._stages cimport Stage, batch, gradient_of

import numpy as np


cdef class Bridge(Stage):
    """out := ends W + b: from where the walks of an encoder's layer end to a state that a layer of the decoder begins with.

    Parameters
    ----------
    theta : (n_params,) array
    layer : Layer
        Of the encoder, of n_directions directions of H units.
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
        Py_ssize_t F, K
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
        if self.F != layer.n_directions * layer.H or len(d_ends) != layer.n_directions or not 0 <= state <= 1:
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
            self.d_ends[k] = self.hold(d_ends[k], n, layer.H, True)
        self.scratch = self.hold(scratch, 1, 0, True)

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef int k
        for k in range(self.layer.n_directions):
            self.layer.end_of_walk(
                b.source, k, self.state, b.pairs, b.n_all, <char *> self.ends + k * self.layer.H * self.itemsize, self.F
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
    cdef Py_ssize_t i, j, H = self.layer.H
    cdef int k
    cdef real *out
    for k in range(self.layer.n_directions):
        memset(self.d_ends[k], 0, b.source.n_all * H * sizeof(real))
        for i in range(b.n_all):
            out = <real *> self.d_ends[k] + b.pairs[i] * H
            for j in range(H):
                out[j] += dends[i * self.F + k * H + j]


cdef class BoundPair:
    """An encoder and a decoder, bound to one vector and its buffers.

    Parameters
    ----------
    source, target : BoundNetwork
        Scores of the source are the outputs of every step of the encoder, their gradient is written by the decoder's stages.
    n_weights : int
        Products of the steps of a target and of its source, summed over a batch, at most.
    """
    cdef:
        readonly BoundNetwork source, target
        readonly Py_ssize_t n_weights
        object held

    def __init__(self, BoundNetwork source not None, BoundNetwork target not None, Py_ssize_t n_weights):
        if source.theta != target.theta or source.dtype != target.dtype:
            raise ValueError("An encoder and its decoder are bound to one vector.")
        self.source, self.target, self.n_weights = source, target, n_weights

    def run(self, tuple source, tuple target, pairs):
        """Run over a packed batch of each side; scores are where they are written to.

        Parameters
        ----------
        source, target : tuple
            The four arguments of `BoundNetwork.run`.
        pairs : (n_targets,) array of int
            In the order of the target: the row of its source in the order of the source.
        """
        cdef batch *s = &self.source.b
        cdef batch *t = &self.target.b
        cdef Py_ssize_t k, n_weights = 0
        t.source = NULL
        for side, given in ((self.source, source), (self.target, target)):
            read(side, given)
        t.source, t.pairs = s, <const Py_ssize_t *> pointer(pairs, 2, t.n_all, 0)
        self.held = pairs
        for k in range(t.n_all):
            if not 0 <= t.pairs[k] < s.n_all:
                t.source = NULL
                raise ValueError(f"There are {s.n_all} sources, and none is number {pairs[k]}.")
            n_weights += t.lengths[k] * s.lengths[t.pairs[k]]
        if n_weights > self.n_weights:
            t.source = NULL
            raise ValueError(f"A batch has at most {self.n_weights} pairs of steps, got {n_weights}.")
        with nogil:
            self.source.begin(s)
            self.source.forward(s)
            self.target.begin(t)
            self.target.forward(t)

    def run_backward(self, grad, dvalues=None, dstatics=None):
        """Add to the gradients, after `run`; as `BoundNetwork.run_backward`, with values and static features of the source."""
        if self.target.b.source == NULL:
            raise ValueError("A backward pass comes after a forward pass.")
        self.target.run_backward(grad)
        self.source.run_backward(grad, dvalues, dstatics)


cdef int read(BoundNetwork network, tuple given) except -1:
    starts, lengths, values, statics = given
    return network.read_batch(starts, lengths, values, statics)


cdef class PairedMinibatch:
    """One minibatch of pairs after the other.

    Parameters
    ----------
    source, target : Minibatch
        Of as many sequences; the target has the loss.
    """
    cdef:
        Minibatch source, target
        Py_ssize_t *place           # (n_samples,) position of each sequence of the minibatch in the order of the source
        Py_ssize_t *pairs           # (n,) for each row of the target, that of its source
        Py_ssize_t n_weights

    def __init__(self, Minibatch source not None, Minibatch target not None):
        if source.n_samples != target.n_samples or source.dtype != target.dtype:
            raise ValueError(f"There are {source.n_samples} sources and {target.n_samples} targets, or they have two dtypes.")
        self.source, self.target = source, target
        self.place = <Py_ssize_t *> PyMem_Realloc(NULL, max(source.n_samples, 1) * sizeof(Py_ssize_t))
        if not self.place:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.place)
        PyMem_Free(self.pairs)

    def arrange(self, rows):
        """Turn to the minibatch of the sequences `rows`; returns the rows of both sides, and the pairs of their steps."""
        cdef Py_ssize_t k, n_source = self.source.arrange(rows), n_target = self.target.arrange(rows)
        cdef void *memory = PyMem_Realloc(self.pairs, self.source.n * sizeof(Py_ssize_t))
        if not memory:
            raise MemoryError
        self.pairs = <Py_ssize_t *> memory
        for k in range(self.source.n):
            self.place[self.source.order[k]] = k
        self.n_weights = 0
        for k in range(self.target.n):
            self.pairs[k] = self.place[self.target.order[k]]
            self.n_weights += self.target.lengths[k] * self.source.lengths[self.pairs[k]]
        return n_source, n_target, self.n_weights

    def target_starts(self):
        """Row at which each step of the target begins: an array (n_steps + 1,) of int."""
        cdef Py_ssize_t t
        return np.array([self.target.starts[t] for t in range(self.target.T + 1)], np.intp)

    def gradient(self, BoundPair network not None, double total_weight, grad, draws=None, bint twice=False):
        """Loss and gradient of the minibatch that `arrange` has turned to; as `Minibatch.gradient`.

        Parameters
        ----------
        network : BoundPair
        total_weight : float
        grad : (n_params,) array
        draws : object, default=None
            For a network that draws random numbers: ``begin(n_sequences)``; ``chunk(n_rows)`` with the rows of the source, before
            the encoder, and ``end(n_rows)`` with those of the target, before the decoder; with `twice` ``again()``.
        twice : bool, default=False
            Whether the decoder runs twice, and ``draws.again()``, called in between, may change its inputs.
        """
        cdef batch s, t
        cdef double total
        self.source.begin_batch(network.source, &s, grad)
        self.target.begin_batch(network.target, &t, grad)
        self.target.check_loss(network.target)
        if self.n_weights > network.n_weights:
            raise ValueError(f"A minibatch of {self.n_weights} pairs of steps does not fit into the buffers.")
        t.source, t.pairs = &s, self.pairs
        with nogil:
            draw(draws, BEGIN, self.source.n)
            self.source.pack_chunk(network.source, &s, 0)
            draw(draws, CHUNK, s.n_rows)
            network.source.begin(&s)
            network.source.forward(&s)
            if s.n_rows > MANY_ROWS:
                heed_signals()
            self.target.pack_chunk(network.target, &t, 0)
            draw(draws, END, t.n_rows)
            network.target.begin(&t)
            network.target.forward(&t)
            if twice:
                draw(draws, AGAIN, 0)
                network.target.forward(&t)
            if s.n_rows > MANY_ROWS:
                heed_signals()
            total = self.target.find_loss(network.target, &t, total_weight)
            memset(t.gradients, 0, network.target.n_params * self.target.itemsize)
            network.target.backward(&t)
            network.source.backward(&s)
        return total
