"""Scores of steps by the model of their errors, scores of sequences by those of their steps, and thresholds of both."""

from itertools import pairwise
from math import ceil

import numpy as np
from scipy.special import stdtrit

from .._kernels import _distances
from .error_model import distances

# Share of the steps that aggregation="top" takes the mean of, the most abnormal ones.
TOP = 0.1
# Share of the held-out steps, the most abnormal ones, to which a generalised Pareto distribution is fitted for the threshold if
# they are so many; the threshold stays between the quantiles of this times less and more than the rate. Measured at a rate of
# 0.01 with 1000 held-out steps, 60 series: 0.0064 to 0.0194 of new steps are below it; the empirical quantile: 0.0054 to 0.0243.
TAIL, LEAST_TAIL, SPREAD = 0.1, 30, 2.5
ENOUGH = 100  # held-out steps below the threshold, with which it is their quantile
# Scores of steps that are kept for later thresholds, at most, of which so many are the lowest.
KEPT, LOWEST = 10_000, 5_000

MAX_LOG = 700.0  # whose exponential does not overflow


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
    return smoothed(-squares, offsets, smoothing)


def smoothed(scores, offsets, smoothing):
    """The scores (total_steps,), which are overwritten, as exponential means along sequences."""
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
    """The scores that are not NaN in ascending order, and of very many the lowest and some of the others; and their number."""
    scores = np.sort(scores[~np.isnan(scores)])
    return scores[_ranks(len(scores))], len(scores)


def _ranks(n):
    """Ranks, from 0 on, of those of n scores that are kept."""
    if n <= KEPT:
        return np.arange(n)
    return np.concatenate([np.arange(LOWEST), np.linspace(LOWEST, n - 1, KEPT - LOWEST).astype(np.intp)])


def threshold_of_steps(scores, n, alarm_rate):
    """The score that a further step is below with the probability `alarm_rate`, if it is like those.

    Parameters
    ----------
    scores, n
        As from `kept`.
    alarm_rate : float
    """
    ranks = _ranks(n)

    def quantile(p):
        return np.interp(p * (n + 1) - 1, ranks, scores)

    n_tail = min(int(TAIL * n), LOWEST)  # all of which are kept
    share = n_tail / n
    if alarm_rate >= share or alarm_rate * n >= ENOUGH or n_tail < LEAST_TAIL:
        return float(quantile(alarm_rate))
    start = scores[n_tail]
    beyond = start - scores[n_tail - 1 :: -1]
    # Probability-weighted moments a_0 = E y and a_1 = E y (1 - F(y)) of a generalised Pareto distribution with
    # 1 - F(y) = (1 - k y / s)^(1 / k): k = a_0 / (a_0 - 2 a_1) - 2 and s = 2 a_0 a_1 / (a_0 - 2 a_1).
    a_0, a_1 = beyond.mean(), (np.arange(n_tail - 1, -1, -1) / (n_tail - 1) * beyond).mean()
    if a_0 - 2 * a_1 <= 0:
        return float(quantile(alarm_rate))
    k, s = a_0 / (a_0 - 2 * a_1) - 2, 2 * a_0 * a_1 / (a_0 - 2 * a_1)
    ratio = alarm_rate / share
    distance = -s * np.log(ratio) if abs(k) < 1e-6 else s / k * (1 - ratio**k)
    return float(np.clip(start - distance, quantile(alarm_rate / SPREAD), quantile(min(alarm_rate * SPREAD, share))))


def threshold_of_sequences(scores, held_out, contamination, alarm_rate):
    """The score below which sequences are abnormal: by the share of the training sequences, or by held-out ones.

    Of held-out ones it is the quantile, or the lowest score; of fewer than half of those that the quantile needs, at most the
    limit that the logarithm of minus a further score exceeds with the probability `alarm_rate`, by the t distribution. Of 10
    held-out sequences of 58 steps, at a rate of 0.01, 3 % of new ones are then below it (median of 20 fits 1 %); with the linear
    quantile it was 10 %.
    """
    if not isinstance(contamination, str):
        return float(np.quantile(scores, contamination))
    n, lowest = len(held_out), float(np.quantile(held_out, alarm_rate, method="weibull"))
    if alarm_rate * (n + 1) >= 0.5 or n < 2:
        return lowest
    logs = np.log(np.maximum(-held_out, np.finfo(np.float64).tiny))
    limit = logs.mean() + stdtrit(n - 1, 1 - alarm_rate) * logs.std(ddof=1) * np.sqrt(1 + 1 / n)
    return min(lowest, -float(np.exp(min(limit, MAX_LOG))))
