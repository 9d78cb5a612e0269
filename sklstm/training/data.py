"""What a fit trains on."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

from .._kernels import _minibatch
from ..network import apply
from ..network.cached import cached
from ..sequences import Sequences


def digest(*parts):
    """SHA-256 of arrays and texts, as hexadecimal digits."""
    result = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            result.update(part.encode())
        else:
            result.update(f"{part.dtype.str}{part.shape}".encode())
            result.update(np.ascontiguousarray(part).data)
    return result.hexdigest()


@dataclass(frozen=True, eq=False)
class Data:
    """Sequences with their targets and weights, and how channels are standardised on the way into a minibatch.

    Attributes
    ----------
    sequences : Sequences
        Checked, in the dtype of the computation.
    targets : ndarray of shape (n_samples, width), or (total_steps, width) if every step has its own
    weights : ndarray of shape (n_samples,) or (total_steps,), float64
        Of those, not negative; positive in sum for every sequence of `rows`.
    shift, factor : ndarray of shape (n_channels,)
        A channel enters the network as ``(x - shift) * factor``.
    rows : ndarray of int
        The sequences to train on; others are there because leaving them out would take a copy.
    per_step : bool
        Whether targets and weights are those of steps.
    static_shift, static_factor : ndarray of shape (n_static,), default=None
        Of static features, as of channels; None leaves them as they are.
    """

    sequences: Sequences
    targets: np.ndarray
    weights: np.ndarray
    shift: np.ndarray
    factor: np.ndarray
    rows: np.ndarray
    per_step: bool = False
    static_shift: np.ndarray | None = None
    static_factor: np.ndarray | None = None

    def __len__(self):
        return len(self.rows)

    @cached
    def standard(self):
        """The sequences with static features in standard units."""
        static = self.sequences.static
        if static is None or self.static_shift is None:
            return self.sequences
        return self.sequences.with_static((static - self.static_shift) * self.static_factor)

    @property
    def lengths(self):
        """What each sequence costs, in steps."""
        return self.sequences.lengths

    def minibatch(self, loss, bptt_steps=None):
        """A `Minibatch` of these sequences, with a LossFunction."""
        X, y = self.standard, map(np.ascontiguousarray, (self.targets, self.weights))
        return _minibatch.Minibatch(X.offsets, X.values, self.shift, self.factor, *y, loss, bptt_steps, X.static)

    @property
    def ends(self):
        """Where the samples of each sequence end (n_sequences,), if it has several."""
        return self.sequences.offsets[1:] if self.per_step else np.arange(1, len(self.sequences) + 1)

    @property
    def total_weights(self):
        """Total weight of each sequence."""
        return np.add.reduceat(self.weights, self.sequences.offsets[:-1]) if self.per_step else self.weights

    def scores(self, network, theta, n_threads):
        """Outputs of a network in standard units for all sequences, without dropout: one row for each target."""
        return apply(network, theta, self.standard, shift=self.shift, factor=self.factor, n_threads=n_threads)

    def chain(self, network, theta):
        """The `Chain` for those scores; None for a network without a structure."""
        return network.chain(theta, self.sequences.lengths)

    def only(self, rows):
        """The same, to train on some of the sequences: the others have the weight 0."""
        kept = np.zeros(len(self.sequences), dtype=bool)
        kept[rows] = True
        if self.per_step:
            kept = np.repeat(kept, self.sequences.lengths)
        return replace(self, rows=rows, weights=np.where(kept, self.weights, 0.0))

    def take(self, rows):
        """Copies of some sequences and of their targets and weights."""
        targets, weights = self.targets, self.weights
        if self.per_step:
            offsets = self.sequences.offsets
            targets = Sequences(targets, offsets)[rows].values
            weights = Sequences(weights[:, np.newaxis], offsets)[rows].values[:, 0]
        else:
            targets, weights = targets[rows], weights[rows]
        return replace(self, sequences=self.sequences[rows], targets=targets, weights=weights, rows=np.arange(len(rows)))

    def digests(self):
        """SHA-256 of X, y and the weights: a dict of name to hexadecimal digits."""
        X = self.sequences
        static = () if X.static is None else (X.static, self.static_shift, self.static_factor)
        return {
            "X": digest(X.values, X.offsets, self.rows, self.shift, self.factor, *static),
            "y": digest(self.targets),
            "sample weights": digest(self.weights),
        }
