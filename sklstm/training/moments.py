"""Mean and standard deviation of each column, weighted, and mergeable over chunks of data."""

import numpy as np

BLOCK = 1 << 14  # rows that are converted to float64 at a time
EXPONENTS = 1000  # of the powers of two that columns are scaled by: within float64, and so are their reciprocals


def weighted_moments(values, weights):
    """Total weight, mean and standard deviation of each column.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,), float64

    Returns
    -------
    dict
        ``weight`` float, ``mean`` and ``deviation`` (n_columns,), in float64. The deviation of a column that is
        constant up to rounding is exactly 0.

    Notes
    -----
    Columns are scaled by a power of two before their values are squared, so neither large nor small units overflow, and
    a column in units 2^k times as large has exactly 2^k times the mean and deviation.
    """
    blocks = [slice(k, k + BLOCK) for k in range(0, len(values), BLOCK)]
    largest = np.max([np.abs(values[block]).max(axis=0) for block in blocks], axis=0).astype(np.float64)
    scale = np.ldexp(1.0, -np.clip(np.frexp(largest)[1], -EXPONENTS, EXPONENTS))
    shares = weights / weights.sum()
    mean = sum(shares[block] @ (values[block] * scale) for block in blocks)
    variance = sum(shares[block] @ np.square(values[block] * scale - mean) for block in blocks)
    deviation = np.sqrt(variance)
    # A constant column's mean is off by a rounding error, and so are its deviations. The bound scales with the units.
    deviation = np.where(deviation > 10 * np.finfo(np.float64).eps * np.abs(mean), deviation, 0.0)
    return {"weight": float(weights.sum()), "mean": mean / scale, "deviation": deviation / scale}


def merge_moments(a, b):
    """Moments of two chunks together (Chan, Golub and LeVeque 1979)."""
    total = a["weight"] + b["weight"]
    share = b["weight"] / total
    difference = b["mean"] - a["mean"]
    between = np.sqrt(share * (1 - share)) * np.abs(difference)
    within = np.hypot(np.sqrt(1 - share) * a["deviation"], np.sqrt(share) * b["deviation"])
    return {"weight": total, "mean": a["mean"] + share * difference, "deviation": np.hypot(within, between)}
