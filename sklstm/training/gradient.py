"""Loss and gradient of a minibatch, shard by shard."""

from threading import Lock

import numpy as np

from .._kernels import _optim, _pack
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
        self.threads = threads
        self.bptt_steps = bptt_steps
        self.lengths = data.lengths
        self.total_weights = np.ascontiguousarray(data.total_weights)
        self._mean_weight = float(self.total_weights[data.rows].mean())
        self.grad = np.zeros_like(theta)
        self._penalty = _optim.Penalty(alpha, network.penalized(theta), network.penalized(self.grad)) if alpha else None
        self._shards = _Reused(lambda: _Shard(network, loss, data, theta, bptt_steps))
        self._sum = _SumInOrder(self.grad)

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
        total_weight = _pack.total_weight(self.total_weights, rows)
        parts = shards(rows, self.lengths, self.network)
        # A generator for each shard: what it draws does not depend on which thread runs when.
        rngs = [None] * len(parts)
        if self.network.is_stochastic:
            rngs = [np.random.default_rng(seed) for seed in rng.integers(1 << 63, size=len(parts))]
        if len(parts) == 1:
            shard = self._shards.take()
            shared = self.threads.n_threads > 1 and repays_team(rows, self.lengths, self.network)
            arguments = rows, total_weight, rngs[0], self.grad
            total = self.threads.together(shard.run, *arguments) if shared else shard.run(*arguments)
            self._shards.give_back(shard)
        else:
            total = self._run_shards(parts, total_weight, rngs)
        # The gradient so far is that of the mean loss of this minibatch: one of samples that hardly count would count as much as
        # any, and more than the penalty.
        usual_weight = self._mean_weight * len(rows)
        if total_weight < usual_weight:
            self.grad *= self.grad.dtype.type(total_weight / usual_weight)
        if self._penalty is not None:
            total = self._penalty.add(total, total_weight)
        return total, total_weight

    def _run_shards(self, parts, total_weight, rngs):
        """Compute the shards on the threads; their gradients end up in `self.grad`, and their losses are returned as a sum."""
        self._sum.start()

        def run(k):
            shard, gradient = self._shards.take(), self._sum.take(k)
            total = shard.run(parts[k], total_weight, rngs[k], gradient)
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


class _SumInOrder:
    """Sums the gradients of shards in the order of the shards, so that the bits do not depend on which thread ends when.

    Whoever completes the next one in this order adds it, and those that wait behind it: no thread waits for another. With n
    threads that take about as long as each other n + 1 gradients exist at a time; while one stands still, the others may
    complete all other shards, whose gradients then wait for its own.

    Parameters
    ----------
    out : ndarray of shape (n_params,)
        Where the sum ends up: shard 0 overwrites it, and the others are added to it.
    """

    def __init__(self, out):
        self.out = out
        self._others = _Reused(lambda: np.empty_like(out))
        self._lock = Lock()

    def start(self):
        """Before the first shard of a minibatch."""
        self._waiting, self._next = {}, 0

    def take(self, k):
        """A gradient for shard k to overwrite."""
        return self._others.take() if k else self.out

    def add(self, k, gradient):
        """Add that of shard k as soon as all before it have been added."""
        with self._lock:
            self._waiting[k] = gradient
            while self._next in self._waiting:
                gradient = self._waiting.pop(self._next)
                if gradient is not self.out:
                    self.out += gradient
                    self._others.give_back(gradient)
                self._next += 1


class _Shard:
    """Computes one shard at a time, in a workspace that it keeps; the parameters are those of `GradientComputer`."""

    def __init__(self, network, loss, data, theta, bptt_steps):
        self.network, self.theta, self.carries = network, theta, bptt_steps is not None
        self.minibatch = data.minibatch(loss.value_and_gradient, bptt_steps)
        self.ws = None

    def run(self, rows, total_weight, rng, gradient):
        """Overwrite `gradient`; return the weighted sum of the losses of the samples `rows`."""
        n_rows = self.minibatch.arrange(rows)
        if self.ws is None or not self.ws.holds(len(rows), n_rows):
            self._grow(len(rows), n_rows)
        return self.ws.gradient(self.minibatch, total_weight, gradient, rng)

    def _grow(self, n_sequences, n_rows):
        """A workspace that holds so many, and what the one before held."""
        if self.ws is not None:
            n_sequences, n_rows = self.ws.at_least(n_sequences, n_rows)
        self.ws = None  # let go of the old one first
        self.ws = self.network.workspace(self.theta, n_sequences, n_rows, carries=self.carries)
