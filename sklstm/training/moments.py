"""Mean and standard deviation of each column, weighted, and mergeable over chunks of data."""

import numpy as np

BLOCK = 1 << 14  # rows that are converted to float64 at a time
EXPONENTS = 1000  # of the powers of two that columns are scaled by: within float64, and so are their reciprocals


def weighted_moments(values, weights, offsets=None):
    """Total weight, mean and standard deviation of each column.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,), float64
    offsets : ndarray of int of shape (n_sequences + 1,), default=None
        If given, weights are (n_sequences,), each that of the rows between its offset and the next.

    Returns
    -------
    dict
        ``weight`` float; ``mean``, ``deviation``, ``low`` and ``high`` (n_columns,), in float64. The deviation of a constant
        column is exactly 0.

    Notes
    -----
    Columns are scaled by a power of two before their values are squared, so neither large nor small units overflow, and
    a column in units 2^k times as large has exactly 2^k times the mean and deviation. They are measured from their first
    value, so that rounding errors are those of the spread and not of the offset.
    """
    blocks = [slice(k, k + BLOCK) for k in range(0, len(values), BLOCK)]
    low = np.min([values[block].min(axis=0) for block in blocks], axis=0).astype(np.float64)
    high = np.max([values[block].max(axis=0) for block in blocks], axis=0).astype(np.float64)
    largest = np.maximum(np.abs(low), np.abs(high))
    scale = np.ldexp(1.0, -np.clip(np.frexp(largest)[1], -EXPONENTS, EXPONENTS))
    origin = values[0] * scale
    total = float(weights.sum() if offsets is None else weights @ np.diff(offsets))
    shares = weights / total
    mean = sum(_of_rows(shares, block, offsets) @ (values[block] * scale - origin) for block in blocks)
    variance = sum(_of_rows(shares, block, offsets) @ np.square(values[block] * scale - origin - mean) for block in blocks)
    moments = {"mean": (origin + mean) / scale, "deviation": np.sqrt(variance) / scale, "low": low, "high": high}
    return {"weight": total} | _without_rounding(moments)


def _of_rows(shares, block, offsets):
    """Shares of the rows of a block, without an array for all rows."""
    if offsets is None:
        return shares[block]
    rows = np.arange(block.start, min(block.stop, offsets[-1]))
    return shares[np.searchsorted(offsets, rows, side="right") - 1]


def merge_moments(a, b):
    """Moments of two chunks together (Chan, Golub and LeVeque 1979)."""
    total = a["weight"] + b["weight"]
    share = b["weight"] / total
    difference = b["mean"] - a["mean"]
    between = np.sqrt(share * (1 - share)) * np.abs(difference)
    within = np.hypot(np.sqrt(1 - share) * a["deviation"], np.sqrt(share) * b["deviation"])
    moments = {
        "mean": a["mean"] + share * difference,
        "deviation": np.hypot(within, between),
        "low": np.minimum(a["low"], b["low"]),
        "high": np.maximum(a["high"], b["high"]),
    }
    return {"weight": total} | _without_rounding(moments)


def _without_rounding(moments):
    """The moments with a deviation of 0 for columns that are constant, or vary by no more than their last bits."""
    rounding = 10 * np.finfo(np.float64).eps * np.abs(moments["mean"])
    constant = (moments["low"] == moments["high"]) | (moments["deviation"] <= rounding)
    return moments | {"deviation": np.where(constant, 0.0, moments["deviation"])}
