"""Loss and gradient of a minibatch, shard by shard."""

from copy import deepcopy
from itertools import pairwise

import numpy as np

from .._kernels import _optim
from ..sequences import Batch
from .batching import shards


class GradientComputer:
    """Computes losses and gradients of minibatches into one flat vector.

    Owns the workspace and the gradient of every shard, which it reuses from minibatch to minibatch.

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
        self._shards = [_Shard(network, self.grad)]

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
        while len(self._shards) < len(parts):
            self._shards.append(_Shard(self.network, np.empty_like(self.grad)))
        # A generator for each shard: what it draws does not depend on which thread runs when.
        rngs = [None] * len(parts)
        if self.network.draws:
            rngs = [np.random.default_rng(seed) for seed in rng.integers(1 << 63, size=len(parts))]
        total = sum(self.threads.map(lambda k: self._shards[k].run(self, parts[k], total_weight, rngs[k]), range(len(parts))))
        for shard in self._shards[1 : len(parts)]:
            self.grad += shard.grad
        for weights, grad in self._penalties if self.alpha else ():
            total += 0.5 * self.alpha * _optim.sum_of_squares(weights)
            _optim.add_scaled(self.alpha / total_weight, weights, grad)
        return total, total_weight


class _Shard:
    """Workspace and gradient of one shard."""

    def __init__(self, network, grad):
        self.network = network
        self.grad = grad
        self.grads = network.bind(grad)
        self.ws = None

    def _reserve(self, n_sequences, n_rows, carries):
        if self.ws is None or not self.ws.holds(n_sequences, n_rows):
            # A quarter of head room: ragged minibatches differ a little from one to the next.
            capacity = n_rows if self.ws is None else max(n_rows + n_rows // 4, self.ws.n_rows)
            most = n_sequences if self.ws is None else max(n_sequences, self.ws.n_sequences)
            self.ws = None  # let go of the old one first
            self.ws = self.network.workspace(most, capacity, self.grad.dtype, backward=True, carries=carries)

    def run(self, task, rows, total_weight, rng):
        """Overwrite `grad`; return the weighted sum of the losses."""
        batch = Batch(task.data.sequences.offsets, rows)
        bounds = batch.bounds(task.bptt_steps)
        most = max(map(batch.rows_between, bounds, bounds[1:]))
        self._reserve(len(rows), most, task.bptt_steps is not None)
        # Training that overflows shows in the loss and the gradient; NumPy's warnings would only add noise.
        with np.errstate(over="ignore", invalid="ignore"):
            self.network.begin(len(rows), self.ws, rng)
            run = self._run_steps if self.network.per_step else self._run_sequences
            return run(task, batch, bounds, total_weight, rng)

    def _run_sequences(self, task, batch, bounds, total_weight, rng):
        """One loss per sequence: known after the last chunk, so that all but the only one are computed twice."""
        network, ws, params, data = self.network, self.ws, task.params, task.data
        whole = len(bounds) == 2
        replay = None if whole else deepcopy(rng)
        for packed in self._chunks(task, batch, bounds):
            network.forward_chunk(params, packed, ws, rng, keep=whole)
            if not whole:
                network.carry(packed, ws)
        scores = network.scores(params, batch.lengths, ws, rng)
        dscores = ws.dscores[: len(scores)]
        targets, weights = data.targets[batch.order], data.weights[batch.order]
        total = task.loss.value_and_gradient(scores, targets, weights, total_weight, dscores)
        self.grad[:] = 0  # late, to be in the cache
        network.backward_scores(params, self.grads, ws, dscores)
        if whole:
            network.backward_chunk(params, self.grads, packed, ws)
            return total
        for packed in self._chunks(task, batch, bounds):
            network.forward_chunk(params, packed, ws, replay, pooled=False)
            network.backward_chunk(params, self.grads, packed, ws)
            network.carry(packed, ws)
        return total

    def _run_steps(self, task, batch, bounds, total_weight, rng):
        """One loss per step, chunk by chunk."""
        network, ws, params, data, total = self.network, self.ws, task.params, task.data, 0.0
        one, zero = np.ones(data.targets.shape[1], data.targets.dtype), np.zeros(data.targets.shape[1], data.targets.dtype)
        self.grad[:] = 0
        for packed in self._chunks(task, batch, bounds):
            first, last, n = packed.first, packed.first + packed.n_steps, packed.n_rows
            targets = batch.pack(data.targets, first, last, zero, one, np.empty((n, len(one)), data.targets.dtype))
            weights = batch.pack(data.weights[:, np.newaxis], first, last, np.zeros(1), np.ones(1), np.empty((n, 1)))[:, 0]
            network.forward_chunk(params, packed, ws, rng)
            scores = network.step_scores(params, packed, ws, rng)
            dscores = ws.dscores[:n]
            total += task.loss.value_and_gradient(scores, targets, weights, total_weight, dscores)
            network.backward_chunk(params, self.grads, packed, ws, dscores)
            if packed.n_continuing:
                network.carry(packed, ws)
        return total

    def _chunks(self, task, batch, bounds):
        data = task.data
        for first, last in pairwise(bounds):
            values = batch.pack(data.sequences.values, first, last, data.shift, data.factor, self.ws.values)
            yield batch.chunk(first, last, values)
