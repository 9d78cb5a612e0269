"""An encoder and a decoder on packed batches, ready to run forward and backward, for tests below the estimators."""

import numpy as np
from problems import Problem

from sklstm.network import LOSSES, EncoderDecoder
from sklstm.sequences import Packed, Sequences
from sklstm.training import PairedData

CODES, NUMBERS = 4, 2  # scores of a step of tokens, the end included, and of numbers


class PairedProblem:
    """A network with random weights, sources as those of a `Problem`, and targets of other lengths.

    Attributes: `network`, `theta`, `sources` (Sequences), `static` (n_sequences, n_static) or None, `inputs` (Sequences, what the
    decoder reads), `targets`, `weights`, `data`.
    """

    def __init__(
        self, sequences, lengths, hidden_sizes=(3,), tokens=True, dtype=np.float64, seed=0, training_seed=None, attention="dot",
        timed=False, scheduled_sampling=0.0, reads_outputs=True, **of_encoder,
    ):  # fmt: skip
        rng = np.random.default_rng(seed + 10)
        source = Problem(sequences, "squared_error", hidden_sizes, dtype, seed, timed=timed, pooling=None, **of_encoder)
        names = ("input_size", "categories", "missing", "input_dropout", "static_size", "static_categories", "gap_channel")
        names += ("cell", "activation", "bidirectional", "merge_mode", "residual", "learned_state")
        names += ("dropout", "recurrent_dropout", "proj_size")
        own = {name: getattr(source.network, name) for name in names}
        self.network = EncoderDecoder(
            output_size=CODES if tokens else NUMBERS, hidden_sizes=tuple(hidden_sizes), attention=attention,
            token_width=3 if tokens else 0, scheduled_sampling=scheduled_sampling, reads_outputs=reads_outputs, **own,
        )  # fmt: skip
        self.sources, self.static, self.dtype, self.training_seed = source.sequences, source.static, dtype, training_seed
        if tokens:
            y = [rng.integers(1, CODES, size=(length - 1, 1)) for length in lengths]
            inputs, targets = [np.vstack([[[0]], part]) for part in y], [np.vstack([part, [[0]]]) for part in y]
        else:
            targets = [rng.normal(size=(length, NUMBERS)) for length in lengths]
            inputs = [np.vstack([np.zeros(NUMBERS), part[:-1]]) for part in targets]
            inputs = inputs if reads_outputs else [np.zeros((length, 1)) for length in lengths]
        self.inputs = Sequences.from_list([part.astype(dtype) for part in inputs])
        self.targets, self.weights = np.concatenate(targets).astype(dtype), rng.uniform(0.5, 2, size=sum(lengths))
        self.loss = LOSSES["multinomial_log_loss" if tokens else "squared_error"]
        self.theta = rng.normal(scale=0.5, size=self.network.layout.size).astype(dtype)
        zeros, ones = np.zeros(self.network.input_size, dtype), np.ones(self.network.input_size, dtype)
        rows = np.arange(len(lengths))
        self.data = PairedData(self.sources, self.targets, self.weights, zeros, ones, rows, inputs=self.inputs)
        bound = self.network if training_seed is not None else self.network.without_dropout()
        n_weights = int((self.sources.lengths * self.inputs.lengths).sum())
        sizes = len(self.sources.values), len(self.inputs.values), n_weights
        self.ws = bound.workspace(self.theta, len(lengths), sizes, of_input=True)

    def scores(self):
        """In the order of the packed batch."""
        rows, units = np.arange(len(self.sources)), (np.zeros(self.inputs.n_channels), np.ones(self.inputs.n_channels))
        units = [part.astype(self.dtype) for part in units]
        shift, factor = self.data.shift, self.data.factor
        sources = self.sources if self.static is None else self.sources.with_static(self.static)  # which may have changed
        self.source = Packed.gather(sources, rows, shift, factor, lambda n, n_rows: self.ws.encoder.values)
        self.target = Packed.gather(self.inputs, rows, *units, lambda n, n_rows: self.ws.decoder.values)
        rng = None if self.training_seed is None else np.random.default_rng(self.training_seed)
        return self.ws.forward(self.source, self.target, rng)

    @staticmethod
    def unpacking(packed, offsets):
        """For each row of a packed batch, which row of the values it is."""
        counts = np.diff(packed.starts)
        return np.concatenate([offsets[packed.order[:count]] + t for t, count in enumerate(counts)])

    def mean_loss(self):
        scores = self.scores()
        order = self.unpacking(self.target, self.inputs.offsets)
        total, self.dscores = self.weights.sum(), np.empty_like(scores)
        return self.loss.value_and_gradient(scores, self.targets[order], self.weights[order], total, self.dscores) / total

    def gradients(self):
        """Gradients of `mean_loss` with respect to theta, to the channels and to the static features of the sources."""
        self.mean_loss()
        grad, static = np.zeros_like(self.theta), self.static
        self.ws.dvalues[...] = np.nan
        packed_dstatic = None if static is None else np.full_like(static, np.nan)
        self.ws.backward(grad, self.dscores, packed_dstatic)
        unpacked, dstatic = np.empty_like(self.sources.values), None
        unpacked[self.unpacking(self.source, self.sources.offsets)] = self.ws.dvalues
        if static is not None:
            dstatic = np.empty_like(static)
            dstatic[self.source.order] = packed_dstatic
        return grad, unpacked, dstatic
