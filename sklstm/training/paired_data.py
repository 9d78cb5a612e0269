"""What a fit trains on that maps sequences to sequences of other lengths."""

from dataclasses import dataclass, replace

import numpy as np

from .._kernels import _minibatch, _pairs
from ..network.cached import cached
from ..sequences import Sequences
from .data import Data, digest


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedData(Data):
    """Sequences, each with a sequence of targets, as `Data` whose targets and weights are those of the steps of the targets.

    Attributes
    ----------
    inputs : Sequences
        What the decoder reads at each of these steps, in the dtype of the sequences: codes (total_steps, 1), or numbers in
        standard units.
    per_step : bool
        True.
    """

    inputs: Sequences
    per_step: bool = True

    @cached
    def lengths(self):
        """What each pair costs: steps of both sides."""
        return self.sequences.lengths + self.inputs.lengths

    def minibatch(self, loss, bptt_steps=None):
        """A `PairedMinibatch`, with a LossFunction; gradients reach back over all steps."""
        if bptt_steps is not None:
            raise ValueError("The gradient of an encoder and a decoder reaches back over all steps.")
        X, d = self.standard, self.inputs
        dtype, y = X.values.dtype, map(np.ascontiguousarray, (self.targets, self.weights))
        source = _minibatch.Minibatch(X.offsets, X.values, self.shift, self.factor, None, None, loss, None, X.static)
        units = np.zeros(d.n_channels, dtype), np.ones(d.n_channels, dtype)
        return _pairs.PairedMinibatch(source, _minibatch.Minibatch(d.offsets, d.values, *units, *y, loss))

    @property
    def ends(self):
        """Where the steps of the targets of each sequence end (n_sequences,)."""
        return self.inputs.offsets[1:]

    @property
    def total_weights(self):
        """Total weight of each sequence."""
        return np.add.reduceat(self.weights, self.inputs.offsets[:-1])

    def scores(self, network, theta, n_threads):
        """Scores of all steps of the targets, given those before, without dropout."""
        units = {"shift": self.shift, "factor": self.factor}
        return network.scores(theta, self.standard, self.inputs, **units, n_threads=n_threads)

    def only(self, rows):
        """The same, to train on some of the sequences: the others have the weight 0."""
        kept = np.zeros(len(self.sequences), dtype=bool)
        kept[rows] = True
        return replace(self, rows=rows, weights=np.where(np.repeat(kept, self.inputs.lengths), self.weights, 0.0))

    def take(self, rows):
        """Copies of some sequences and of their targets and weights."""
        offsets = self.inputs.offsets
        targets = Sequences(self.targets, offsets)[rows].values
        weights = Sequences(self.weights[:, np.newaxis], offsets)[rows].values[:, 0]
        return replace(
            self, sequences=self.sequences[rows], inputs=self.inputs[rows], targets=targets, weights=weights,
            rows=np.arange(len(rows)),
        )  # fmt: skip

    def digests(self):
        """SHA-256 of X, y and the weights: a dict of name to hexadecimal digits."""
        return super().digests() | {"y": digest(self.targets, self.inputs.values, self.inputs.offsets)}
