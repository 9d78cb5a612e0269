"""`ReconstructionTarget`: the steps of a sequence, which a network writes from what it remembers once it has read all."""

from dataclasses import dataclass, replace

import numpy as np

from .held_out import cut
from .output_target import decoder_inputs, paired
from .series_target import SeriesTarget, weighted_values


@dataclass(frozen=True, eq=False)
class ReconstructionTarget(SeriesTarget):
    """A `SeriesTarget` whose outputs at a step are the channels of this step.

    The decoder begins with the last step: what the encoder has read last, it remembers best (Sutskever, Vinyals and Le 2014, and
    of anomalies Malhotra et al. 2016). Shares of the variance of new series that were not reconstructed, forwards and backwards,
    after 30 epochs of 4000 steps with 32 units: in pieces of 32 steps 0.016 and 0.015 (seasonal), 0.0113 and 0.0111 (three waves
    in six channels), 0.48 and 0.39 (AR(2)); in pieces of 100 steps 0.029 and 0.028, 0.0152 and 0.0118, 1.12 and 0.86. A decoder
    that reads how far it has come was no better on the whole: 0.018, 0.0112 and 0.33, and 0.024, 0.0121 and 0.97.

    """

    @property
    def window(self):
        """Number of steps of the pieces, at most, that sequences are cut into; None for whole sequences."""
        return self.attributes["window_"]

    def predicted_steps(self):
        """Which steps (total_steps,) have a value, and a weight."""
        return ~np.isnan(self.targets).all(axis=1)

    def data(self, sequences, scaling):
        """`PairedData` to train or validate on, in the dtype of X: targets and weights from the last step of each piece on."""
        pieces = cut(sequences, self.window)
        own = self if len(pieces) == len(sequences) else replace(self, offsets=pieces.offsets, order=None)
        scales = {name: getattr(scaling, name) for name in ("shift", "factor", "static_shift", "static_factor")}
        rows = backwards(own.offsets)
        targets = scaling.to_scores(own.targets)[rows]
        return paired(pieces, targets, own.offsets, None, own.weights[rows], own.weighted_rows(), **scales)

    def scores(self, network, theta, sequences, rows, scaling, n_threads):
        """Reconstructions, in the units of the data, of the sequences `rows`."""
        chosen = sequences if len(rows) == len(sequences) else sequences[rows]
        return reconstruct(network, theta, chosen, self.window, n_threads)


def same_steps(estimator, sample_weight, sequences, channels):
    """The `ReconstructionTarget` at each step: its numeric channels, and its weight.

    Parameters
    ----------
    estimator : LSTMOutlierDetector
    sample_weight
        As `fit` got it; a step of weight 0 is not reconstructed.
    sequences : Sequences
    channels : list of int
        The channels to reconstruct.
    """
    x, weights = weighted_values(sample_weight, sequences, channels)
    return ReconstructionTarget(
        loss=estimator.loss,
        n_outputs=len(channels),
        targets=x,
        weights=np.where(np.isnan(x).all(axis=1), 0.0, weights),
        attributes={"_channels": list(channels)},
        offsets=sequences.offsets,
    )


def reconstruct(network, theta, sequences, window, n_threads=1):
    """What a network writes for each step (total_steps, output_size) of sequences, piece by piece.

    Parameters
    ----------
    network : EncoderDecoder
        Whose decoder reads no outputs.
    theta : ndarray of shape (n_params,)
        In the units of the data.
    sequences : Sequences
        In theta's dtype.
    window : int or None
        As in `ReconstructionTarget`.
    n_threads : int, default=1
    """
    pieces = cut(sequences, window)
    nothing = decoder_inputs(np.empty((len(pieces.values), 0), theta.dtype), pieces.offsets, None)
    return network.scores(theta, pieces, nothing, n_threads=n_threads)[backwards(pieces.offsets)]


def backwards(offsets):
    """Rows (total_steps,) of sequences, those of each from the last one to the first."""
    ends = offsets[:-1] + offsets[1:] - 1
    return np.repeat(ends, np.diff(offsets)) - np.arange(offsets[-1])
