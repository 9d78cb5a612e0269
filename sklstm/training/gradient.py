"""Loss and gradient of a minibatch, shard by shard."""

from copy import deepcopy
from itertools import pairwise
from threading import Lock

import numpy as np

from .._kernels import _optim
from ..sequences import Batch
from .batching import repays_team, shards


class NonFinite(ArithmeticError):
    """A loss, gradient or weight became NaN or infinite."""


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
        Strength of the L2 penalty: ``alpha / 2 ||weights||^2`` is added to the weighted mean loss of all samples, whatever the
        size of the minibatches and the scale of the weights.
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
        self._mean_weight = float(self.total_weights[data.rows].mean())
        self.params = network.bind(theta)
        self.grad = np.zeros_like(theta)
        self._penalties = list(zip(network.penalized(theta), network.penalized(self.grad), strict=True))
        shard = _StepShard if network.returns_sequences else _SequenceShard
        self._shards = _Reused(lambda: shard(network))
        self._sum = _SumInOrder(network, self.grad)

    def __call__(self, rows, rng):
        """Gradient of the mean loss over the samples `rows`, in `self.grad`; less where they weigh less than others.

        Parameters
        ----------
        rows : ndarray of int
        rng : Generator
            For dropout and the hiding of categories; not drawn from by networks without either.

        Returns
        -------
        total : float
            Sum over the minibatch of weight times loss, plus `total_weight` times the penalty.
        total_weight : float
        """
        total_weight = float(self.total_weights[rows].sum())
        parts = shards(rows, self.lengths, self.network)
        # A generator for each shard: what it draws does not depend on which thread runs when.
        rngs = [None] * len(parts)
        if self.network.is_stochastic:
            rngs = [np.random.default_rng(seed) for seed in rng.integers(1 << 63, size=len(parts))]
        if len(parts) == 1:
            shard = self._shards.take()
            shared = self.threads.n_threads > 1 and repays_team(rows, self.lengths, self.network)
            arguments = self, rows, total_weight, rngs[0], self._sum.first
            total = self.threads.together(shard.run, *arguments) if shared else shard.run(*arguments)
            self._shards.give_back(shard)
        else:
            total = self._run_shards(parts, total_weight, rngs)
        # The gradient so far is that of the mean loss of this minibatch: one of samples that hardly count would count as much as
        # any, and more than the penalty.
        usual_weight = self._mean_weight * len(rows)
        if total_weight < usual_weight:
            self.grad *= self.grad.dtype.type(total_weight / usual_weight)
        for weights, grad in self._penalties if self.alpha else ():
            total += total_weight * (0.5 * self.alpha * _optim.sum_of_squares(weights))
            _optim.add_scaled(self.alpha, weights, grad)
        return total, total_weight

    def _run_shards(self, parts, total_weight, rngs):
        """Compute the shards on the threads; their gradients end up in `self.grad`, and their losses are returned as a sum."""
        self._sum.start()

        def run(k):
            shard, gradient = self._shards.take(), self._sum.take(k)
            total = shard.run(self, parts[k], total_weight, rngs[k], gradient)
            self._sum.add(k, gradient)
            self._shards.give_back(shard)
            return total

        return sum(self.threads.map(run, range(len(parts))))


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


class _SumInOrder:
    """Sums the gradients of shards in the order of the shards, so that the bits do not depend on which thread ends when.

    Whoever completes the next one in this order adds it, and those that wait behind it: no thread waits for another. With n
    threads that take about as long as each other n + 1 gradients exist at a time; while one stands still, the others may
    complete all other shards, whose gradients then wait for its own.

    Parameters
    ----------
    network : Network
    out : ndarray of shape (n_params,)
        Where the sum ends up.

    Attributes
    ----------
    first : _Gradient
        The one over `out`, which shard 0 overwrites and the others are added to.
    """

    def __init__(self, network, out):
        self.first = _Gradient(network, out)
        self._others = _Reused(lambda: _Gradient(network, np.empty_like(out)))
        self._lock = Lock()

    def start(self):
        """Before the first shard of a minibatch."""
        self._waiting, self._next = {}, 0

    def take(self, k):
        """A gradient for shard k to overwrite."""
        return self._others.take() if k else self.first

    def add(self, k, gradient):
        """Add that of shard k as soon as all before it have been added."""
        with self._lock:
            self._waiting[k] = gradient
            while self._next in self._waiting:
                gradient = self._waiting.pop(self._next)
                if gradient is not self.first:
                    self.first.vector += gradient.vector
                    self._others.give_back(gradient)
                self._next += 1


class _Shard:
    """Computes one shard at a time, in a workspace that it keeps. A subclass has the order of forward and backward."""

    def __init__(self, network):
        self.network = network
        self.ws = None

    def _start(self, computer, rows, rng):
        """The batch of these samples, and the steps between which it is cut into chunks; a workspace that holds them."""
        batch = Batch(computer.data.sequences.offsets, rows)
        bounds = batch.bounds(computer.bptt_steps)
        n_sequences, n_rows = len(rows), max(map(batch.rows_between, bounds, bounds[1:]))
        ws = self.ws
        if ws is None or not ws.holds(n_sequences, n_rows):
            if ws is not None:
                n_sequences, n_rows = max(n_sequences, ws.n_sequences), max(n_rows, ws.n_rows)
            self.ws = ws = None  # let go of the old one first
            self.ws = self.network.workspace(n_sequences, n_rows, computer.grad.dtype, carries=computer.bptt_steps is not None)
        self.network.begin(len(rows), self.ws, rng)
        return batch, bounds

    def _chunks(self, data, batch, bounds):
        for first, last in pairwise(bounds):
            values = batch.pack(data.sequences.values, first, last, data.shift, data.factor, self.ws.values)
            yield batch.chunk(first, last, values)


class _SequenceShard(_Shard):
    """One loss per sequence: known after the last chunk, so that all but the only one are computed twice."""

    def run(self, computer, rows, total_weight, rng, gradient):
        """Overwrite `gradient`; return the weighted sum of the losses."""
        network, params, data = self.network, computer.params, computer.data
        # Training that overflows shows in the loss and the gradient; NumPy's warnings would only add noise.
        with np.errstate(over="ignore", invalid="ignore"):
            batch, bounds = self._start(computer, rows, rng)
            ws, whole = self.ws, len(bounds) == 2
            replay = None if whole else deepcopy(rng)
            for packed in self._chunks(data, batch, bounds):
                network.forward_chunk(params, packed, ws, rng)
                if not whole:
                    network.carry(packed, ws)
            scores = network.scores(params, batch.lengths, ws, rng)
            dscores = ws.dscores[: len(scores)]
            targets, weights = data.targets[batch.order], data.weights[batch.order]
            total = computer.loss.value_and_gradient(scores, targets, weights, total_weight, dscores)
            gradient.vector[:] = 0  # late, to be in the cache
            network.backward_scores(params, gradient.views, ws, dscores)
            if whole:
                network.backward_chunk(params, gradient.views, packed, ws)
                return total
            for packed in self._chunks(data, batch, bounds):
                network.recompute_chunk(params, packed, ws, replay)
                network.backward_chunk(params, gradient.views, packed, ws)
                network.carry(packed, ws)
            return total


class _StepShard(_Shard):
    """One loss per step, chunk by chunk."""

    def run(self, computer, rows, total_weight, rng, gradient):
        """Overwrite `gradient`; return the weighted sum of the losses."""
        network, params, data, total = self.network, computer.params, computer.data, 0.0
        one, zero = np.ones(data.targets.shape[1], data.targets.dtype), np.zeros(data.targets.shape[1], data.targets.dtype)
        gradient.vector[:] = 0
        with np.errstate(over="ignore", invalid="ignore"):
            batch, bounds = self._start(computer, rows, rng)
            ws = self.ws
            for packed in self._chunks(data, batch, bounds):
                first, last, n = packed.first, packed.first + packed.n_steps, packed.n_rows
                targets = batch.pack(data.targets, first, last, zero, one, np.empty((n, len(one)), data.targets.dtype))
                weights = batch.pack(data.weights[:, np.newaxis], first, last, np.zeros(1), np.ones(1), np.empty((n, 1)))[:, 0]
                network.forward_chunk(params, packed, ws, rng)
                scores = network.step_scores(params, packed, ws, rng)
                dscores = ws.dscores[:n]
                total += computer.loss.value_and_gradient(scores, targets, weights, total_weight, dscores)
                network.backward_chunk(params, gradient.views, packed, ws, dscores)
                if packed.n_continuing:
                    network.carry(packed, ws)
            return total
