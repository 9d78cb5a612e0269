"""Errors of forecasts of held-out steps, and the quantiles of forecasts that they give: split conformal prediction."""

import numpy as np
from scipy.special import stdtrit


def error_quantiles(errors, levels, strict=True):
    """Quantiles of the error at each step ahead.

    The quantile q of n errors is the value of rank (n + 1) q, between two by interpolation: of n + 1 exchangeable errors, the
    last is below it with probability q.

    Parameters
    ----------
    errors : ndarray of shape (n_errors, horizon, n_targets)
        NaN where what was forecast is not known.
    levels : ndarray of shape (n_levels,)
        Between 0 and 1.
    strict : bool, default=True
        Whether to raise for too few errors, instead of returning NaN.

    Returns
    -------
    ndarray of shape (horizon, n_targets, n_levels)

    Raises
    ------
    ValueError
        If there are too few errors for a level.
    """
    n_known = (~np.isnan(errors)).sum(axis=0)
    fewest = int(n_known.min(initial=np.iinfo(np.int64).max))
    tail = np.minimum(levels, 1 - levels).min()
    needed = int(np.ceil(1 / tail - 1 - 1e-9))
    if fewest < needed and not strict:
        return np.full((*errors.shape[1:], len(levels)), np.nan)
    if fewest < needed:
        lead = int(np.argmin(n_known.min(axis=1))) + 1
        raise ValueError(
            f"A quantile of {tail:.4g} or {1 - tail:.4g} needs {needed} errors of held-out forecasts, but there are {fewest} for"
            f" {lead} step{'s' * (lead != 1)} ahead. Pass longer series, set validation_fraction higher or coverage lower, or a"
            " shorter window or horizon."
        )
    with np.errstate(invalid="ignore"):
        # One by one: the bits of a quantile do not depend on which others are asked for.
        found = [np.nanquantile(errors, level, axis=0, method="weibull") for level in levels.tolist()]
    found = np.stack(found, axis=-1)
    median = np.nanmedian(errors, axis=0)[..., np.newaxis]
    return median + _widening(n_known, levels) * (found - median)


def _widening(n_known, levels):
    """Factors (horizon, n_targets, n_levels) for the distances of quantiles from the median.

    Errors h steps ahead from consecutive origins have h - 1 steps in common, so that n of them tell as much as n / h. The factor
    is that of quantiles of normal errors whose scale is estimated from so many: of Student's t with n / h degrees of freedom,
    with the variance of the mean, over the same with n. It is 1 for one step ahead.
    """
    ahead = np.arange(1, len(n_known) + 1)[:, np.newaxis]
    upper = np.maximum(levels, 1 - levels)
    few, all_of = (np.maximum(n, 1)[..., np.newaxis] for n in (n_known / ahead, n_known))
    widths = [stdtrit(n, np.where(upper > 0.5, upper, 0.75)) * np.sqrt(1 + 1 / n) for n in (few, all_of)]
    return widths[0] / widths[1]
