"""Intervals: central ones between quantiles, and those of a share that was observed."""

import numpy as np
from scipy.special import ndtri


def central_intervals(levels):
    """Nominal coverage -> lower and upper level, for the symmetric pairs of quantiles, in the order of the lower levels."""
    pairs = {}
    for low in levels:
        high = next((level for level in levels if np.isclose(low + level, 1)), None)
        if high is not None and low < high:
            pairs[round(high - low, 10)] = low, high
    return pairs


def share_interval(share, n, confidence_level):
    """Confidence interval of a probability, by the share of n independent samples for which it was observed.

    Parameters
    ----------
    share : ndarray
    n : ndarray or float
        It need not be whole.
    confidence_level : float

    Returns
    -------
    lower, upper : ndarray
        Wilson's interval: the probabilities p from which the share s deviates by at most z standard errors, where
        (s - p)^2 <= z^2 p (1 - p) / n.
    """
    z = ndtri((1 + confidence_level) / 2)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)
