"""Mean and variance of each column, weighted, and mergeable over chunks of data."""

import numpy as np

BLOCK = 1 << 14  # rows that are converted to float64 at a time


def weighted_moments(values, weights):
    """Total weight, mean and summed squared deviations of each column.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,)

    Returns
    -------
    dict
        ``weight`` float, ``mean`` and ``squares`` (n_columns,), in float64.
    """
    blocks = [slice(k, k + BLOCK) for k in range(0, len(values), BLOCK)]
    weights = weights.astype(np.float64, copy=False)
    total = weights.sum()
    mean = sum(weights[block] @ values[block].astype(np.float64) for block in blocks) / total
    squares = sum(weights[block] @ np.square(values[block] - mean) for block in blocks)
    return {"weight": float(total), "mean": mean, "squares": squares}


def merge_moments(a, b):
    """Moments of two chunks together (Chan, Golub and LeVeque 1979)."""
    total = a["weight"] + b["weight"]
    difference = b["mean"] - a["mean"]
    return {
        "weight": total,
        "mean": a["mean"] + difference * (b["weight"] / total),
        "squares": a["squares"] + b["squares"] + np.square(difference) * (a["weight"] * b["weight"] / total),
    }


def standard_deviation(moments):
    """Standard deviation of each column; exactly 0 for a column that is constant up to rounding."""
    deviation = np.sqrt(moments["squares"] / moments["weight"])
    # A constant column's mean is off by a rounding error, and so are all its deviations. The bound scales with the
    # units.
    return np.where(deviation > 10 * np.finfo(np.float64).eps * np.abs(moments["mean"]), deviation, 0.0)
