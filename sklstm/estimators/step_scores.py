"""Scores of steps by the model of their errors, scores of sequences by those of their steps, and thresholds of both."""

from itertools import pairwise
from math import ceil

import numpy as np

from .._kernels import _distances
from .error_model import distances

# Share of the steps that aggregation="top" takes the mean of, the most abnormal ones.
TOP = 0.1
# Share of the held-out steps, the most abnormal ones, to which a generalised Pareto distribution is fitted for the threshold if
# they are so many; the threshold stays between the quantiles of this times less and more than the rate. Measured at a rate of
# 0.01 with 1000 held-out steps, 60 series: 0.0064 to 0.0194 of new steps are below it; the empirical quantile: 0.0054 to 0.0243.
TAIL, LEAST_TAIL, SPREAD = 0.1, 30, 2.5
# Scores of steps that are kept for later thresholds, at most: quantiles of all.
KEPT = 10_000


def _means(scores, offsets):
    return np.add.reduceat(scores, offsets[:-1]) / np.diff(offsets)


def _least(scores, offsets):
    return np.minimum.reduceat(scores, offsets[:-1])


def _means_of_least(scores, offsets):
    parts = [np.sort(scores[first:last]) for first, last in pairwise(offsets.tolist())]
    return np.array([part[: ceil(TOP * len(part))].mean() for part in parts])


# Value of the parameter `aggregation` -> function of the scores of steps and the offsets of sequences of at least one.
AGGREGATIONS = {"mean": _means, "max": _least, "top": _means_of_least}


def scores_of_errors(model, errors, offsets, smoothing, parts=False):
    """Scores (total_steps,) of steps, or of the channels (total_steps, n_channels) whose sums they are.

    Parameters
    ----------
    model : dict of str to ndarray
        As from `fit_error_model`.
    errors : ndarray of shape (total_steps, n_leads, n_channels)
    offsets : ndarray of int of shape (n_sequences + 1,)
    smoothing : float
        Of the scores of steps.
    parts : bool, default=False
    """
    squares, of_each = distances(model, errors.reshape(len(errors), -1), parts)
    if parts:
        of_each = of_each.reshape(errors.shape)
        return np.where(np.isnan(of_each).all(axis=1), np.nan, -np.nansum(of_each, axis=1))
    scores = -squares
    if smoothing:
        _distances.smooth(scores, np.ascontiguousarray(offsets, np.intp), smoothing, np.full(len(offsets) - 1, np.nan))
    return scores


def scores_of_sequences(scores, offsets, aggregation):
    """Scores (n_sequences,) of sequences by those of their steps; NaN where no step has one."""
    is_scored = ~np.isnan(scores)
    counts = np.add.reduceat(is_scored.astype(np.intp), offsets[:-1])
    result, has_scores = np.full(len(counts), np.nan), counts > 0
    if has_scores.any():
        own = np.concatenate([[0], np.cumsum(counts[has_scores])])
        result[has_scores] = AGGREGATIONS[aggregation](scores[is_scored], own)
    return result


def kept(scores):
    """The scores that are not NaN in ascending order; of very many, quantiles."""
    scores = np.sort(scores[~np.isnan(scores)])
    return scores if len(scores) <= KEPT else np.quantile(scores, np.linspace(0, 1, KEPT))


def threshold_of_steps(scores, alarm_rate):
    """The score that a further step is below with the probability `alarm_rate`, if it is like those."""
    empirical = float(np.quantile(scores, alarm_rate, method="weibull"))
    start = np.quantile(scores, TAIL)
    beyond = np.sort(start - scores[scores < start])
    if alarm_rate >= TAIL or len(beyond) < LEAST_TAIL:
        return empirical
    # Probability-weighted moments a_0 = E y and a_1 = E y (1 - F(y)) of a generalised Pareto distribution with
    # 1 - F(y) = (1 - k y / s)^(1 / k): k = a_0 / (a_0 - 2 a_1) - 2 and s = 2 a_0 a_1 / (a_0 - 2 a_1).
    n = len(beyond)
    a_0, a_1 = beyond.mean(), (np.arange(n - 1, -1, -1) / (n - 1) * beyond).mean()
    if a_0 - 2 * a_1 <= 0:
        return empirical
    k, s = a_0 / (a_0 - 2 * a_1) - 2, 2 * a_0 * a_1 / (a_0 - 2 * a_1)
    ratio = alarm_rate / TAIL
    distance = -s * np.log(ratio) if abs(k) < 1e-6 else s / k * (1 - ratio**k)
    return float(np.clip(start - distance, *np.quantile(scores, [alarm_rate / SPREAD, min(alarm_rate * SPREAD, TAIL)])))


def threshold_of_sequences(scores, held_out, contamination, alarm_rate):
    """The score below which sequences are abnormal: by the share of the training sequences, or by held-out ones."""
    if isinstance(contamination, str):
        return float(np.quantile(held_out, alarm_rate))
    return float(np.quantile(scores, contamination))
