"""Loss and gradient of a minibatch, shard by shard."""

from copy import deepcopy
from itertools import pairwise
from threading import Lock

import numpy as np

from .._kernels import _optim
from ..sequences import Batch
from .batching import shards


class GradientComputer:
    """Computes losses and gradients of minibatches into one flat vector.

    Owns a workspace for each thread, and gradients for the shards that are being computed or wait for their neighbours; all
    are reused from minibatch to minibatch.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : Data
    theta : ndarray of shape (n_params,)
        Updated in place by the caller.
    alpha : float
        Strength of the L2 penalty, ``alpha / 2 ||weights||^2 / total weight of the minibatch``, as in scikit-learn's
        MLP.
    threads : Threads
    bptt_steps : int or None
        Gradients reach back over chunks of that many steps; None is all steps.

    Attributes
    ----------
    grad : ndarray of shape (n_params,)
    """

    def __init__(self, network, loss, data, theta, alpha, threads, bptt_steps=None):
        self.network = network
        self.loss = loss
        self.data = data
        self.alpha = alpha
        self.threads = threads
        self.bptt_steps = bptt_steps
        self.lengths = data.sequences.lengths
        self.total_weights = data.total_weights
        self.params = network.bind(theta)
        self.grad = np.zeros_like(theta)
        self._penalties = list(zip(network.penalized(theta), network.penalized(self.grad), strict=True))
        self._shards = _Reused(lambda: _Shard(network))
        self._sum = _SumOfGradients(network, self.grad)

    def __call__(self, rows, rng):
        """Gradient of the mean loss over the samples `rows`, in `self.grad`.

        Parameters
        ----------
        rows : ndarray of int
        rng : Generator
            For dropout and the hiding of categories; not drawn from by networks without either.

        Returns
        -------
        total : float
            Sum over the minibatch of weight times loss, with the penalty in it.
        total_weight : float
        """
        total_weight = float(self.total_weights[rows].sum())
        parts = shards(rows, self.lengths, self.network)
        # A generator for each shard: what it draws does not depend on which thread runs when.
        rngs = [None] * len(parts)
        if self.network.draws:
            rngs = [np.random.default_rng(seed) for seed in rng.integers(1 << 63, size=len(parts))]
        self._sum.begin(len(parts))

        def run(k):
            shard, gradient = self._shards.take(), self._sum.take(k)
            total = shard.run(self, parts[k], total_weight, rngs[k], gradient)
            self._sum.add(k, gradient)
            self._shards.give_back(shard)
            return total

        total = sum(self.threads.map(run, range(len(parts))))
        for weights, grad in self._penalties if self.alpha else ():
            total += 0.5 * self.alpha * _optim.sum_of_squares(weights)
            _optim.add_scaled(self.alpha / total_weight, weights, grad)
        return total, total_weight


class _Reused:
    """What threads take, and give back for the next to take; made where none is there."""

    def __init__(self, make):
        self._make = make
        self._idle = []

    def take(self):
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()

    def give_back(self, item):
        self._idle.append(item)


class _Gradient:
    """A flat vector and the views of it that layers add to."""

    def __init__(self, network, vector):
        self.vector = vector
        self.views = network.bind(vector)


class _SumOfGradients:
    """Sums the gradients of shards in pairs: 0 + 1, 2 + 3, (0 + 1) + (2 + 3), ...

    The order depends on nothing but the number of shards, so the bits do not depend on which thread ends when. Whoever
    completes a pair adds it up: no thread waits for another, and of n shards run one after the other at most 1 + log2(n)
    gradients exist at a time.

    Parameters
    ----------
    network : Network
    out : ndarray of shape (n_params,)
        Where the sum ends up: the gradient of shard 0.
    """

    def __init__(self, network, out):
        self._first = _Gradient(network, out)
        self._others = _Reused(lambda: _Gradient(network, np.empty_like(out)))
        self._lock = Lock()

    def begin(self, n_shards):
        self.n_shards = n_shards
        self._partners = {}

    def take(self, k):
        """A gradient for shard k to overwrite."""
        return self._others.take() if k else self._first

    def add(self, k, gradient):
        """Add that of shard k, and all sums that this completes."""
        size = 1  # k is the first of so many shards that `gradient` is the sum of
        while size < self.n_shards:
            partner = k ^ size
            if partner < self.n_shards:
                with self._lock:
                    if (partner, size) not in self._partners:
                        self._partners[k, size] = gradient
                        return
                    other = self._partners.pop((partner, size))
                left, right = (gradient, other) if k < partner else (other, gradient)
                left.vector += right.vector
                self._others.give_back(right)
                k, gradient = min(k, partner), left
            size *= 2


class _Shard:
    """Computes one shard at a time, in a workspace that it keeps."""

    def __init__(self, network):
        self.network = network
        self.ws = None

    def _reserve(self, n_sequences, n_rows, dtype, carries):
        if self.ws is None or not self.ws.holds(n_sequences, n_rows):
            if self.ws is not None:
                n_sequences, n_rows = max(n_sequences, self.ws.n_sequences), max(n_rows, self.ws.n_rows)
            self.ws = None  # let go of the old one first
            self.ws = self.network.workspace(n_sequences, n_rows, dtype, carries=carries)

    def run(self, task, rows, total_weight, rng, gradient):
        """Overwrite `gradient`; return the weighted sum of the losses."""
        batch = Batch(task.data.sequences.offsets, rows)
        bounds = batch.bounds(task.bptt_steps)
        most = max(map(batch.rows_between, bounds, bounds[1:]))
        self._reserve(len(rows), most, gradient.vector.dtype, task.bptt_steps is not None)
        # Training that overflows shows in the loss and the gradient; NumPy's warnings would only add noise.
        with np.errstate(over="ignore", invalid="ignore"):
            self.network.begin(len(rows), self.ws, rng)
            run = self._run_steps if self.network.per_step else self._run_sequences
            return run(task, batch, bounds, total_weight, rng, gradient)

    def _run_sequences(self, task, batch, bounds, total_weight, rng, gradient):
        """One loss per sequence: known after the last chunk, so that all but the only one are computed twice."""
        network, ws, params, data = self.network, self.ws, task.params, task.data
        whole = len(bounds) == 2
        replay = None if whole else deepcopy(rng)
        for packed in self._chunks(task, batch, bounds):
            network.forward_chunk(params, packed, ws, rng)
            if not whole:
                network.carry(packed, ws)
        scores = network.scores(params, batch.lengths, ws, rng)
        dscores = ws.dscores[: len(scores)]
        targets, weights = data.targets[batch.order], data.weights[batch.order]
        total = task.loss.value_and_gradient(scores, targets, weights, total_weight, dscores)
        gradient.vector[:] = 0  # late, to be in the cache
        network.backward_scores(params, gradient.views, ws, dscores)
        if whole:
            network.backward_chunk(params, gradient.views, packed, ws)
            return total
        for packed in self._chunks(task, batch, bounds):
            network.recompute_chunk(params, packed, ws, replay)
            network.backward_chunk(params, gradient.views, packed, ws)
            network.carry(packed, ws)
        return total

    def _run_steps(self, task, batch, bounds, total_weight, rng, gradient):
        """One loss per step, chunk by chunk."""
        network, ws, params, data, total = self.network, self.ws, task.params, task.data, 0.0
        one, zero = np.ones(data.targets.shape[1], data.targets.dtype), np.zeros(data.targets.shape[1], data.targets.dtype)
        gradient.vector[:] = 0
        for packed in self._chunks(task, batch, bounds):
            first, last, n = packed.first, packed.first + packed.n_steps, packed.n_rows
            targets = batch.pack(data.targets, first, last, zero, one, np.empty((n, len(one)), data.targets.dtype))
            weights = batch.pack(data.weights[:, np.newaxis], first, last, np.zeros(1), np.ones(1), np.empty((n, 1)))[:, 0]
            network.forward_chunk(params, packed, ws, rng)
            scores = network.step_scores(params, packed, ws, rng)
            dscores = ws.dscores[:n]
            total += task.loss.value_and_gradient(scores, targets, weights, total_weight, dscores)
            network.backward_chunk(params, gradient.views, packed, ws, dscores)
            if packed.n_continuing:
                network.carry(packed, ws)
        return total

    def _chunks(self, task, batch, bounds):
        data = task.data
        for first, last in pairwise(bounds):
            values = batch.pack(data.sequences.values, first, last, data.shift, data.factor, self.ws.values)
            yield batch.chunk(first, last, values)
