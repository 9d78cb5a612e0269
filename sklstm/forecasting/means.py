"""Means of what is known."""

import numpy as np


def mean_of_known(values, axis=1):
    """Mean over an axis, or several, of the values that are not NaN; NaN where there is none."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    return np.where(count > 0, np.where(known, values, 0).sum(axis=axis) / np.maximum(count, 1), np.nan)
