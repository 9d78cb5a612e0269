"""`Conclusion`: what a detector learns from errors once its network is trained."""

from itertools import pairwise

import numpy as np

from .error_model import fit_error_model
from .step_scores import kept, scores_of_errors, scores_of_sequences, threshold_of_sequences, threshold_of_steps

# Least scale of an error, in standard deviations of its channel.
LEAST_SCALE = 1e-3


class Conclusion:
    """Learns the distribution of the errors of a trained network, and thresholds of the scores by it.

    Parameters
    ----------
    estimator : LSTMOutlierDetector
        Its hyper-parameters.
    errors : callable
        ``errors(network, theta, sequences) -> ndarray`` of shape (total_steps, n_leads, n_channels).
    channels : list of int
        Those that errors are of.
    sequences : Sequences
        All of X.
    is_used : ndarray of bool of shape (n_sequences,)
        Which have a weight.
    is_held_out : ndarray of bool of shape (total_steps,)
        Steps of X that no training has seen, and that have a weight.
    piece : int or None
        Number of steps after which the ends of sequences count as further sequences, for their threshold.
    others : tuple (Sequences, ndarray of bool of shape (total_steps,)), default=None
        What is held out instead: other sequences, and which steps have a weight.
    """

    def __init__(self, estimator, errors, channels, sequences, is_used, is_held_out, piece, others=None):
        self.error_model, self.smoothing, self.aggregation = estimator.error_model, estimator.smoothing, estimator.aggregation
        self.contamination, self.alarm_rate = estimator.contamination, estimator.alarm_rate
        self.errors, self.channels, self.sequences, self.is_used = errors, channels, sequences, is_used
        self.is_held_out, self.piece, self.others = is_held_out, piece, others

    def __call__(self, network, theta):
        """Attributes of the detector by their names."""
        errors = self._finite(self.errors(network, theta, self.sequences))
        if self.others is None:
            others, sequences, is_held_out = errors, self.sequences, self.is_held_out
        else:
            sequences, is_held_out = self.others
            others = self._finite(self.errors(network, theta, sequences))
        held_out = others[is_held_out]
        least = np.tile(self._least_scales(), errors.shape[1])
        model = fit_error_model(self.error_model, held_out.reshape(len(held_out), -1), least)
        scores = scores_of_errors(model, errors, self.sequences.offsets, self.smoothing)
        of_sequences = scores_of_sequences(scores, self.sequences.offsets, self.aggregation)[self.is_used]
        if self.others is not None:
            scores = scores_of_errors(model, others, sequences.offsets, self.smoothing)
        steps = np.where(is_held_out, scores, np.nan)
        attributes = {"quantiles_": None} | model | {
            "_step_scores": kept(steps),
            "_sequence_scores": np.sort(of_sequences[~np.isnan(of_sequences)]),
            "_held_out_scores": self._of_held_out_sequences(steps, sequences.offsets),
        }
        step_offset = threshold_of_steps(attributes["_step_scores"], self.alarm_rate)
        both = attributes["_sequence_scores"], attributes["_held_out_scores"]
        offset = threshold_of_sequences(*both, self.contamination, self.alarm_rate)
        return attributes | {"step_offset_": step_offset, "offset_": offset}

    @staticmethod
    def _finite(errors):
        """Errors without those of a network that has diverged."""
        return np.where(np.isfinite(errors), errors, np.nan)

    def _least_scales(self):
        """Least scale of the errors of each channel (n_channels,)."""
        x = self.sequences.values[:, self.channels].astype(np.float64)
        x = x[np.repeat(self.is_used, self.sequences.lengths)]
        x = np.where(np.isnan(x).all(axis=0), 0.0, x)
        deviations, sizes = np.nanstd(x, axis=0), np.abs(np.nanmean(x, axis=0))
        scales = np.where(deviations > 0, deviations, np.where(sizes > 0, sizes, 1.0))
        return np.maximum(LEAST_SCALE * scales, np.finfo(np.float64).tiny)

    def _of_held_out_sequences(self, steps, offsets):
        """Sorted scores of the sequences, or of their pieces, that no training has seen."""
        edges = [0]
        for first, last in pairwise(offsets.tolist()):
            start = first + int(np.argmax(~np.isnan(steps[first:last])))  # of what is held out, if anything
            edges += [stop for stop in range(start, last, self.piece or last) if stop > edges[-1]] + [last]
        scores = scores_of_sequences(steps, np.array(edges), self.aggregation)
        return np.sort(scores[~np.isnan(scores)])
