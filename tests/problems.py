"""A network on a packed batch, ready to run forward and backward, for tests below the estimators."""

import numpy as np

from sklstm.network import LOSSES, Network
from sklstm.sequences import Packed, Sequences

TARGETS = {
    "binary_log_loss": lambda rng, n: (rng.integers(2, size=(n, 1)).astype(float), 1),
    "multilabel_log_loss": lambda rng, n: (rng.integers(2, size=(n, 3)).astype(float), 3),
    "multinomial_log_loss": lambda rng, n: (rng.integers(4, size=(n, 1)).astype(float), 4),
    "squared_error": lambda rng, n: (rng.normal(size=(n, 2)), 2),
}


class Problem:
    """A network with random weights, a batch, targets and weights.

    Attributes: `network`, `theta`, `sequences` (Sequences), `packed`, `ws`, `targets` and `weights` in the order of the
    sequences.
    """

    def __init__(
        self,
        sequences,
        loss="squared_error",
        hidden_sizes=(3,),
        dtype=np.float64,
        seed=0,
        backward=True,
        **architecture,
    ):
        rng = np.random.default_rng(seed)
        self.sequences = Sequences.from_list(sequences)
        n = len(sequences)
        targets, n_outputs = TARGETS[loss](rng, n)
        self.loss = LOSSES[loss]
        self.targets = targets.astype(dtype)
        self.weights = rng.uniform(0.5, 2, size=n)
        self.network = Network(self.sequences.n_channels, n_outputs, tuple(hidden_sizes), **architecture)
        # Biases too are random, so that none of their errors hides behind a zero.
        self.theta = rng.normal(scale=0.5, size=self.network.layout.size).astype(dtype)
        self.values = np.ascontiguousarray(self.sequences.values, dtype=dtype)
        self.ws = self.network.workspace(n, len(self.values), dtype, backward)
        self.dtype = dtype
        self.pack()

    def pack(self):
        d = self.network.input_size
        sequences = Sequences(self.values, self.sequences.offsets)
        shift, factor = np.zeros(d, self.dtype), np.ones(d, self.dtype)
        self.packed = Packed.gather(sequences, np.arange(len(sequences)), shift, factor, lambda n, rows: self.ws.values)

    def scores(self):
        """In the order of the packed batch."""
        return self.network.forward(self.network.bind(self.theta), self.packed, self.ws)

    def mean_loss(self):
        self.pack()
        order = self.packed.order
        scores = self.scores()
        total = self.weights.sum()
        dscores = np.empty_like(scores)
        value = self.loss.value_and_gradient(scores, self.targets[order], self.weights[order], total, dscores)
        self.dscores = dscores
        return value / total

    def gradients(self):
        """Gradients of `mean_loss` with respect to theta, and to the values in the order of the sequences."""
        self.mean_loss()
        grad = np.zeros_like(self.theta)
        dx = np.full_like(self.values, np.nan)
        bind = self.network.bind
        self.network.backward(bind(self.theta), bind(grad), self.packed, self.ws, self.dscores, dx=dx)
        unpacked = np.empty_like(dx)
        packed, offsets = self.packed, self.sequences.offsets
        for r, i in enumerate(packed.order):
            for t in range(packed.lengths[r]):
                unpacked[offsets[i] + t] = dx[packed.starts[t] + r]
        return grad, unpacked
