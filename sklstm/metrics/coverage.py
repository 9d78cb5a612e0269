"""Shares of the targets below predicted quantiles, and between them."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from ..compat import validate_params
from ..sequences.targets import read_sample_weight


@validate_params(
    {"y_true": ["array-like"], "y_pred": ["array-like"], "sample_weight": ["array-like", None]},
    prefer_skip_nested_validation=True,
)
def quantile_coverage(y_true, y_pred, *, sample_weight=None):
    """Compute the share of the targets that are at most their predicted quantile; for the quantile q it should be q.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.
    y_pred : array-like of shape (n_samples,), (n_samples, n_quantiles) or (n_samples, n_outputs)
        Predicted quantiles: several of one target, or one of each output.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.

    Returns
    -------
    float or ndarray of shape (n_quantiles,) or (n_outputs,)
        Share for each column of `y_pred`.

    Raises
    ------
    ValueError
        If the arrays do not match.

    See Also
    --------
    interval_coverage : Share of the targets between two quantiles.
    sklearn.metrics.mean_pinball_loss : Loss of a quantile, which also rewards narrow intervals.
    sklstm.inspection.ReliabilityDisplay : Plot of the shares.

    Examples
    --------
    >>> from sklstm.metrics import quantile_coverage
    >>> quantile_coverage([1, 2, 3, 4], [[0, 2], [2, 4], [2, 3], [3, 5]]).tolist()
    [0.25, 1.0]
    """
    y_true, y_pred = _read_numbers(y_true), _read_numbers(y_pred)
    check_consistent_length(y_true, y_pred)
    if y_true.ndim == 1 and y_pred.ndim == 2:
        y_true = np.repeat(y_true[:, np.newaxis], y_pred.shape[1], axis=1)
    _check_shapes(y_true, y_pred)
    return _shares(y_true <= y_pred, sample_weight)


@validate_params(
    {"y_true": ["array-like"], "y_lower": ["array-like"], "y_upper": ["array-like"], "sample_weight": ["array-like", None]},
    prefer_skip_nested_validation=True,
)
def interval_coverage(y_true, y_lower, y_upper, *, sample_weight=None):
    """Compute the share of the targets that are in their predicted interval; between the quantiles a and b it should be b - a.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.
    y_lower, y_upper : array-like of the shape of `y_true`
        Ends of the intervals, which belong to them.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        Share for each output.

    Raises
    ------
    ValueError
        If the arrays do not match.

    See Also
    --------
    quantile_coverage : Share of the targets that are at most a quantile.

    Examples
    --------
    >>> from sklstm.metrics import interval_coverage
    >>> interval_coverage([1, 2, 3, 4], [0, 2, 4, 4], [2, 3, 5, 6])
    0.75
    """
    y_true, y_lower, y_upper = map(_read_numbers, (y_true, y_lower, y_upper))
    _check_shapes(y_true, y_lower, y_upper)
    return _shares((y_lower <= y_true) & (y_true <= y_upper), sample_weight)


def _read_numbers(values):
    return check_array(values, ensure_2d=False, dtype=np.float64)


def _shares(covered, sample_weight):
    """Weighted share of the samples for which it is so, in each column."""
    shares = np.average(covered, axis=0, weights=read_sample_weight(sample_weight, len(covered)))
    return float(shares) if shares.ndim == 0 else shares


def _check_shapes(y_true, *others):
    """Raise unless arrays have the shape of the targets."""
    shapes = [array.shape for array in (y_true, *others)]
    if len(set(shapes)) > 1:
        raise ValueError(f"Targets and predictions must have the same shape, got {', '.join(map(str, shapes))}.")
