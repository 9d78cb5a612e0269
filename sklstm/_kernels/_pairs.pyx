"""An encoder and a decoder that are bound, and minibatches of pairs of sequences: of a source and of a target.

Each side is packed by itself, with its own longest sequence first. The batch of the target says which source each of its sequences
belongs to.
"""
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memset

from ._events cimport AGAIN, BEGIN, CHUNK, END, draw, heed_signals
from ._given cimport pointer
from ._minibatch cimport MANY_ROWS, BoundNetwork, Minibatch
from ._stages cimport batch

import numpy as np


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
