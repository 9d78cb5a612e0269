"""Loss and gradient of a minibatch, shard by shard."""

import numpy as np

from .._kernels import _optim
from ..sequences import Packed
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

    Attributes
    ----------
    grad : ndarray of shape (n_params,)
    """

    def __init__(self, network, loss, data, theta, alpha, threads):
        self.network = network
        self.loss = loss
        self.data = data
        self.alpha = alpha
        self.threads = threads
        self.lengths = data.sequences.lengths
        self.params = network.bind(theta)
        self.grad = np.zeros_like(theta)
        self._penalties = list(zip(network.penalized(theta), network.penalized(self.grad), strict=True))
        self._shards = [_Shard(network, self.grad)]

    def __call__(self, rows):
        """Gradient of the mean loss over the samples `rows`, in `self.grad`.

        Returns
        -------
        total : float
            Sum over the minibatch of weight times loss, with the penalty in it.
        total_weight : float
        """
        total_weight = float(self.data.weights[rows].sum())
        parts = shards(rows, self.lengths, self.network)
        while len(self._shards) < len(parts):
            self._shards.append(_Shard(self.network, np.empty_like(self.grad)))
        total = sum(self.threads.map(lambda k: self._shards[k].run(self, parts[k], total_weight), range(len(parts))))
        for shard in self._shards[1 : len(parts)]:
            self.grad += shard.grad
        for weights, grad in self._penalties if self.alpha else ():
            weights, grad = weights.reshape(-1), grad.reshape(-1)
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

    def _values(self, n_sequences, n_rows):
        if self.ws is None or not self.ws.holds(n_sequences, n_rows):
            # A quarter of head room: ragged minibatches differ a little from one to the next.
            capacity = n_rows if self.ws is None else max(n_rows + n_rows // 4, self.ws.n_rows)
            most = n_sequences if self.ws is None else max(n_sequences, self.ws.n_sequences)
            self.ws = None  # let go of the old one first
            self.ws = self.network.workspace(most, capacity, self.grad.dtype, backward=True)
        return self.ws.values

    def run(self, task, rows, total_weight):
        """Overwrite `grad`; return the weighted sum of the losses."""
        data = task.data
        packed = Packed.gather(data.sequences, rows, data.shift, data.factor, self._values)
        ws, n = self.ws, len(rows)
        dscores, targets, weights = ws.dscores[:n], data.targets[packed.order], data.weights[packed.order]
        # Training that overflows shows in the loss and the gradient; NumPy's warnings would only add noise.
        with np.errstate(over="ignore", invalid="ignore"):
            scores = self.network.forward(task.params, packed, ws)
            total = task.loss.value_and_gradient(scores, targets, weights, total_weight, dscores)
            self.grad[:] = 0
            self.network.backward(task.params, self.grads, packed, ws, dscores)
        return total
