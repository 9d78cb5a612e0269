"""Errors of forecasts of steps that were held out, and the quantiles of forecasts that they give: conformal prediction."""

import numpy as np
from scipy.special import stdtrit

# Step of adaptive conformal inference, and bounds of what tails are multiplied by.
ADAPTATION, SMALLEST, LARGEST = 0.05, 0.1, 3.0


def error_quantiles(errors, levels, tails=None, strict=True):
    """Quantiles of the error at each step ahead.

    The quantile q of n errors is the value of rank (n + 1) q, between two by interpolation: of n + 1 exchangeable errors, the
    last is below it with probability q.

    Parameters
    ----------
    errors : ndarray of shape (n_errors, horizon, n_targets)
        NaN where what was forecast is not known.
    levels : ndarray of shape (n_levels,)
        Between 0 and 1.
    tails : ndarray of shape (horizon, n_targets), default=None
        What the probability beyond a quantile, of the side that is farther from the median, is multiplied by where it is small;
        by less towards the median, which stays as it is.
    strict : bool or ndarray of bool of shape (n_targets,), default=True
        Whether to raise for too few errors of a target, instead of returning NaN.

    Returns
    -------
    ndarray of shape (horizon, n_targets, n_levels)

    Raises
    ------
    ValueError
        If there are too few errors for a level.
    """
    n_known = (~np.isnan(errors)).sum(axis=0)
    tail = np.minimum(levels, 1 - levels).min()
    needed = int(np.ceil(1 / tail - 1 - 1e-9))
    lacking = (n_known < needed).any(axis=0)
    if (lacking & strict).any():
        of_lead = np.where(lacking & strict, n_known, np.iinfo(n_known.dtype).max).min(axis=1)
        fewest, lead = int(of_lead.min()), int(of_lead.argmin()) + 1
        raise ValueError(
            f"A quantile of {tail:.4g} or {1 - tail:.4g} needs {needed} errors of held-out forecasts, but there are {fewest} for"
            f" {lead} step{'s' * (lead != 1)} ahead. Pass longer series, set validation_fraction higher or coverage lower, or a"
            " shorter window or horizon; windows that are constant give none."
        )
    found = np.full((*errors.shape[1:], len(levels)), np.nan)
    for ahead, target in np.ndindex(*errors.shape[1:]):
        if lacking[target]:
            continue
        known = errors[:, ahead, target]
        known = np.sort(known[~np.isnan(known)])
        median, factor = np.median(known), 1.0 if tails is None else tails[ahead, target]
        for k, level in enumerate(levels.tolist()):
            beyond = _moved(min(level, 1 - level), factor)
            value = np.quantile(known, beyond if level <= 0.5 else 1 - beyond, method="weibull")
            found[ahead, target, k] = median + _widening(len(known), ahead + 1, 1 - beyond) * (value - median)
    return found


def _moved(beyond, factor):
    """A probability of at most 0.5, times a factor where it is small; increasing, continuous, and 0.5 for 0.5."""
    return factor * beyond / (1 + 2 * (factor - 1) * beyond)


def _widening(n, ahead, upper):
    """Factor for the distance of a quantile from the median.

    Errors h steps ahead from consecutive origins have h - 1 steps in common, so that n of them tell as much as n / h. The factor
    is that of quantiles of normal errors whose scale is estimated from so many: of Student's t with n / h degrees of freedom,
    with the variance of the mean, over the same with n. It is 1 for one step ahead.
    """
    if upper == 0.5:
        return 1.0
    few, many = (stdtrit(max(count, 1), upper) * np.sqrt(1 + 1 / max(count, 1)) for count in (n / ahead, n))
    return few / many


def adapted(tails, errors, new, coverage):
    """What tails are multiplied by after new errors: adaptive conformal inference.

    Parameters
    ----------
    tails, errors
        As in `error_quantiles`: until now.
    new : ndarray of shape (n_series, horizon, n_targets)
        Errors at the next step, of forecasts one and more steps ahead. NaN for none.
    coverage : float
        Share of them that is to be within the central interval.

    Returns
    -------
    ndarray of shape (horizon, n_targets)
        Smaller where more were outside than should be.
    """
    beyond = 1 - coverage
    ends = error_quantiles(errors, np.array([beyond / 2, 1 - beyond / 2]), tails, strict=False)
    outside = (new < ends[..., 0]) | (new > ends[..., 1])
    known = ~np.isnan(new + ends.sum(axis=-1))
    share = np.where(known, outside, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    moved = tails + ADAPTATION * (beyond - share) / beyond
    return np.where(known.any(axis=0), np.clip(moved, SMALLEST, LARGEST), tails)
