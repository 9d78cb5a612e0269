"""`Calibration`: what a detector learns from errors once its network is trained."""

from itertools import pairwise

import numpy as np

from ..training import observed_moments
from .error_model import FEW, counts_of, distances, fit_error_model
from .step_scores import kept, scores_of_errors, scores_of_sequences, smoothed, threshold_of_sequences, threshold_of_steps
from .warned import warn_of_few_errors, warn_of_rate

# Least scale of an error, in standard deviations of its channel.
LEAST_SCALE = 1e-3
# Scores by a model that was fitted to the same errors are too small, by about m / n of n steps with m errors. Below so many steps
# for each error the thresholds are those of scores by models of the other blocks of steps. Shares of new steps with an alarm at a
# rate of 0.01, 400 held-out steps of four AR(2) channels 1 to 10 steps ahead, 20 seeds: 0.002 to 0.054, median 0.013; by the same
# model for all 0.007 to 0.093, median 0.035. With 2000 held-out steps they are 0.007 to 0.021.
CROSSED, N_BLOCKS = 1000, 5


class Calibration:
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
    is_predicted : ndarray of bool of shape (total_steps,)
        Steps of X with an error, and with a weight.
    is_held_out : ndarray of bool of shape (total_steps,)
        Steps of X that no training has seen, and that have a weight.
    piece : int or None
        Number of steps after which the ends of sequences count as further sequences, for their threshold.
    others : tuple (Sequences, ndarray of bool of shape (total_steps,)), default=None
        What is held out instead: other sequences, and which steps have a weight.
    """

    def __init__(self, estimator, errors, channels, sequences, is_used, is_predicted, is_held_out, piece, others=None):
        self.error_model, self.smoothing, self.aggregation = estimator.error_model, estimator.smoothing, estimator.aggregation
        self.contamination, self.alarm_rate = estimator.contamination, estimator.alarm_rate
        self.errors, self.channels, self.sequences, self.is_used = errors, channels, sequences, is_used
        self.is_predicted, self.is_held_out, self.piece, self.others = is_predicted, is_held_out, piece, others

    def __call__(self, network, theta):
        """Attributes of the detector by their names."""
        own = self._finite(self.errors(network, theta, self.sequences))
        if self.others is None:
            errors, sequences, is_held_out = own, self.sequences, self.is_held_out
        else:
            sequences, is_held_out = self.others
            errors = self._finite(self.errors(network, theta, sequences))
        least = np.tile(self._least_scales(), own.shape[1])
        sample = self._sample(own, errors, is_held_out)
        model = fit_error_model(self.error_model, sample, least)
        scores = scores_of_errors(model, own, self.sequences.offsets, self.smoothing)
        of_sequences = scores_of_sequences(scores, self.sequences.offsets, self.aggregation)[self.is_used]
        scores = self._unseen_scores(model, errors.reshape(len(errors), -1), np.flatnonzero(is_held_out), sample, least)
        steps = np.where(is_held_out, smoothed(scores, sequences.offsets, self.smoothing), np.nan)
        step_scores, n_step_scores = kept(steps)
        warn_of_rate(self.alarm_rate, n_step_scores)
        attributes = {"quantiles_": None} | model | {
            "_step_scores": step_scores,
            "_n_step_scores": n_step_scores,
            "_smoothing": float(self.smoothing),
            "_aggregation": self.aggregation,
            "_sequence_scores": np.sort(of_sequences[~np.isnan(of_sequences)]),
            "_held_out_scores": self._of_held_out_sequences(steps, sequences.offsets),
        }
        step_offset = threshold_of_steps(step_scores, n_step_scores, self.alarm_rate)
        both = attributes["_sequence_scores"], attributes["_held_out_scores"]
        offset = threshold_of_sequences(*both, self.contamination, self.alarm_rate)
        return attributes | {"step_offset_": step_offset, "offset_": offset}

    def _sample(self, own, errors, is_held_out):
        """The errors (n, m) that their model is fitted to: the held-out ones, which are the last rows, and in columns where these
        are too few also those of all of X."""
        n_leads = own.shape[1]
        held_out = errors[is_held_out].reshape(np.count_nonzero(is_held_out), -1)
        few = counts_of(held_out) < FEW
        if not few.any():
            return held_out
        rest = own[self.is_predicted if self.others else self.is_predicted & ~is_held_out]
        rest = np.where(few, rest.reshape(len(rest), -1), np.nan)
        sample = np.concatenate([rest, held_out])
        counts = counts_of(sample)
        if (counts < FEW).all() or np.isnan(held_out).all():
            raise ValueError(
                f"X (n_samples = {len(self.is_used)}) has {counts.max()} errors of prediction to learn their size from,"
                f" {counts_of(held_out).max()} of them on what is held out; expected at least {FEW} and 1. Pass longer sequences,"
                " another validation_fraction, or X_val."
            )
        warn_of_few_errors(few, counts, FEW, n_leads, self.channels, self.sequences.channel_names)
        return sample

    def _unseen_scores(self, model, errors, rows, sample, least):
        """Scores of all errors by the model; of the held-out rows, if they are few, by models of the others in the sample."""
        scores, n_before = -distances(model, errors)[0], len(sample) - len(rows)
        if len(rows) >= CROSSED * errors.shape[1]:
            return scores
        known, crossed = ~np.isnan(model["scale_"]), scores.copy()
        for block in np.array_split(np.arange(len(rows)), N_BLOCKS):
            others = np.delete(sample, n_before + block, axis=0)
            if (counts_of(others)[known] < FEW).any():
                return scores
            crossed[rows[block]] = -distances(fit_error_model(self.error_model, others, least), errors[rows[block]])[0]
        return crossed

    @staticmethod
    def _finite(errors):
        """Errors without those of a network that has diverged."""
        return np.where(np.isfinite(errors), errors, np.nan)

    def _least_scales(self):
        """Least scale of the errors of each channel (n_channels,)."""
        x, rows = self.sequences.values[:, self.channels].astype(np.float64), np.flatnonzero(self.is_used)
        moments = observed_moments(x, np.ones(len(self.sequences)), self.sequences.offsets, rows)
        deviations, sizes = moments["deviation"], np.abs(moments["mean"])
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
