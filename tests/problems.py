"""A network on a packed batch, ready to run forward and backward, for tests below the estimators."""

import numpy as np

from sklstm.network import LOSSES, Network
from sklstm.sequences import Packed, Sequences
from sklstm.training import Data

# Loss -> targets for n samples, and the number of scores.
TARGETS = {
    "binary_log_loss": lambda rng, n: (rng.integers(2, size=(n, 1)).astype(float), 1),
    "multilabel_log_loss": lambda rng, n: (rng.integers(2, size=(n, 3)).astype(float), 3),
    "multinomial_log_loss": lambda rng, n: (rng.integers(4, size=(n, 1)).astype(float), 4),
    "chain_log_loss": lambda rng, n: (rng.integers(3, size=(n, 1)).astype(float), 3),
    "ctc_log_loss": lambda rng, n: (rng.integers(3, size=(n, 1)).astype(float), 4),
    "squared_error": lambda rng, n: (rng.normal(size=(n, 2)), 2),
    "absolute_error": lambda rng, n: (rng.normal(size=(n, 2)), 2),
    "huber": lambda rng, n: (rng.normal(scale=3, size=(n, 2)), 2),
    "quantile": lambda rng, n: (rng.normal(size=(n, 2)), 2),
    "quantiles": lambda rng, n: (rng.normal(size=(n, 1)), 3),
    "poisson": lambda rng, n: (rng.poisson(1.5, size=(n, 2)).astype(float), 2),
    "gaussian_mixture": lambda rng, n: (rng.normal(size=(n, 2)), 3 * (1 + 2 * 2)),
}


# Losses of a sample each; those of whole sequences are in test_crf.py and test_ctc.py.
LOSSES_OF_SAMPLES = [name for name, loss in LOSSES.items() if not loss.is_structured]


class Problem:
    """A network with random weights, a batch, targets and weights.

    With `training_seed`, dropout and the hiding of categories are on, with the same masks at every call. Channels that
    `categories` names are turned into codes; of other channels, 2 values in 5 are missing where `missing` allows it.

    With `static_size` there are static features, `static` (n_sequences, static_size), and with `timed` one more channel,
    the last, has the gaps of time between steps.

    Attributes: `network`, `theta`, `sequences` (Sequences), `packed`, `ws`, `targets` and `weights` in the order of the
    sequences (of their steps, for a network with scores for every step).
    """

    def __init__(
        self,
        sequences,
        loss="squared_error",
        hidden_sizes=(3,),
        dtype=np.float64,
        seed=0,
        training_seed=None,
        timed=False,
        **architecture,
    ):
        rng = np.random.default_rng(seed)
        self.sequences = Sequences.from_list(sequences)
        self.values = np.ascontiguousarray(self.sequences.values, dtype=dtype)
        for channel, n_codes, _ in architecture.get("categories", ()):
            self.values[:, channel] = rng.integers(n_codes, size=len(self.values))
        if architecture.get("missing", "error") != "error":
            numeric = [k for k in range(self.values.shape[1]) if k not in {one[0] for one in architecture.get("categories", ())}]
            hidden = np.zeros(self.values.shape, dtype=bool)
            hidden[:, numeric] = rng.random((len(self.values), len(numeric))) < 0.4
            self.values[hidden] = np.nan
        if timed:
            architecture["gap_channel"] = self.values.shape[1]
            gaps = np.random.default_rng(seed + 1).exponential(size=(len(self.values), 1)).astype(dtype)
            gaps[self.sequences.offsets[:-1]] = 1
            self.values = np.hstack([self.values, gaps])
        self.static = None
        if architecture.get("static_size"):
            self.static = rng.normal(size=(len(sequences), architecture["static_size"])).astype(dtype)
            for column, n_codes, _ in architecture.get("static_categories", ()):
                self.static[:, column] = rng.integers(n_codes, size=len(sequences))
        self.sequences = Sequences(self.values, self.sequences.offsets, static=self.static)
        n_samples = len(self.values) if "pooling" in architecture and architecture["pooling"] is None else len(sequences)
        targets, n_outputs = TARGETS[loss](rng, n_samples)
        self.loss = LOSSES[loss]
        self.targets = targets.astype(dtype)
        self.weights = rng.uniform(0.5, 2, size=n_samples)
        if self.loss.is_structured:
            architecture["structure"] = "ctc" if self.loss.is_unaligned else "crf"
        if self.loss.is_unaligned:  # sequences have as many labels as there is a path for, and one weight
            lengths, starts = self.sequences.lengths, self.sequences.offsets[:-1]
            place = np.arange(n_samples) - np.repeat(starts, lengths)
            self.targets[place >= (np.repeat(lengths, lengths) + 1) // 2] = -1
            self.weights = np.repeat(self.weights[starts], lengths)
        self.network = Network(self.sequences.n_channels, n_outputs, tuple(hidden_sizes), **architecture)
        # Biases too are random, so that none of their errors hides behind a zero.
        self.theta = rng.normal(scale=0.5, size=self.network.layout.size).astype(dtype)
        bound = self.network if training_seed is not None else self.network.without_dropout()
        self.ws = bound.workspace(self.theta, len(sequences), len(self.values), of_input=True)
        self.dtype = dtype
        self.training_seed = training_seed
        self.pack()

    def pack(self):
        d = self.network.input_size
        shift, factor = np.zeros(d, self.dtype), np.ones(d, self.dtype)
        rows = np.arange(len(self.sequences))
        sequences = self.sequences if self.static is None else self.sequences.with_static(self.static)  # which may have changed
        self.packed = Packed.gather(sequences, rows, shift, factor, lambda n, rows: self.ws.values)

    @property
    def unpacking(self):
        """For each row of the packed batch, which row of the values it is."""
        offsets, packed = self.sequences.offsets, self.packed
        steps = np.concatenate(
            [offsets[packed.order[: packed.starts[t + 1] - packed.starts[t]]] + t for t in range(packed.n_steps)]
        )
        return steps

    @property
    def order(self):
        """Where the sample of each score is in targets and weights."""
        return self.unpacking if self.network.returns_sequences else self.packed.order

    def data(self):
        """The same as `Data` to train on."""
        zeros, ones = np.zeros(self.network.input_size), np.ones(self.network.input_size)
        rows = np.arange(len(self.sequences))
        return Data(self.sequences, self.targets, self.weights, zeros, ones, rows, self.network.returns_sequences)

    def scores(self):
        """In the order of the packed batch."""
        rng = None if self.training_seed is None else np.random.default_rng(self.training_seed)
        return self.ws.forward(self.packed, rng)

    def mean_loss(self):
        self.pack()
        scores, order = self.scores(), self.order
        total = self.weights.sum()
        dscores = np.empty_like(scores)
        value = self.loss.value_and_gradient(scores, self.targets[order], self.weights[order], total, dscores)
        self.dscores = dscores
        return value / total

    def gradients(self):
        """Gradients of `mean_loss` with respect to theta, and to the values in the order of the sequences.

        `dstatic` has that with respect to static features.
        """
        self.mean_loss()
        grad = np.zeros_like(self.theta)
        self.ws.dvalues[...] = np.nan
        packed_dstatic = None if self.static is None else np.full_like(self.static, np.nan)
        self.ws.backward(grad, self.dscores, packed_dstatic)
        unpacked = np.empty_like(self.values)
        unpacked[self.unpacking] = self.ws.dvalues
        if self.static is not None:
            self.dstatic = np.empty_like(self.static)
            self.dstatic[self.packed.order] = packed_dstatic
        return grad, unpacked
