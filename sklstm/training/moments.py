"""Mean and standard deviation of each column, weighted, and mergeable over chunks of data."""

import numpy as np

from .._kernels import _moments

LARGEST = float(np.finfo(np.float64).max)
WIDTH = 64  # numbers that are added side by side: a multiple of the channels of about this
SAFE_EXPONENT = 400  # up to which powers of two, and down to which, squares and their sums are within float64
EXPONENTS = 1000  # of the powers of two that columns are scaled by: within float64, and so are their reciprocals


def observed_moments(values, weights, offsets, rows):
    """`weighted_moments` of what is not missing (NaN): ``weight`` is then (n_columns,), 0 for a column without any value.

    The mean and deviation of such a column are 0.
    """
    if not np.isnan(values).any():
        moments = weighted_moments(values, weights, offsets, rows)
        return moments | {"weight": np.full(values.shape[1], moments["weight"])}
    lengths = np.diff(offsets)
    is_used = np.zeros(len(lengths), dtype=bool)
    is_used[rows] = True
    is_used, weights = np.repeat(is_used, lengths), np.repeat(weights, lengths)
    columns = []
    for column in values.T:
        seen = is_used & ~np.isnan(column)
        unseen = {"weight": 0.0} | {name: np.zeros(1) for name in ("mean", "deviation", "low", "high")}
        columns.append(weighted_moments(column[seen, np.newaxis], weights[seen]) if seen.any() else unseen)
    return {name: np.hstack([column[name] for column in columns]) for name in columns[0]}


def weighted_moments(values, weights, offsets=None, rows=None):
    """Total weight, mean and standard deviation of each column.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    weights : ndarray of shape (n_rows,), float64
    offsets : ndarray of int of shape (n_sequences + 1,), default=None
        If given, weights are (n_sequences,), each that of the rows between its offset and the next.
    rows : ndarray of int, default=None
        With `offsets`: the sequences to take; the others are ignored. None is all.

    Returns
    -------
    dict
        ``weight`` float; ``mean``, ``deviation``, ``low`` and ``high`` (n_columns,), in float64. The deviation of a constant
        column is exactly 0.

    Notes
    -----
    Values are measured from the first one, so that rounding errors are those of the spread and not of the offset. Columns whose
    squares would leave the range of float64 are scaled by a power of two before. So neither large nor small units overflow, and
    a column in units 2^k times as large has exactly 2^k times the mean and deviation.
    """
    offsets = np.arange(len(values) + 1) if offsets is None else offsets
    rows = np.arange(len(weights)) if rows is None else rows
    values, n_channels = np.ascontiguousarray(values), values.shape[1]
    shares, weight = _shares(weights[rows], np.diff(offsets)[rows])
    n_tiles = max(1, WIDTH // n_channels)
    extremes = np.repeat(np.array([[np.inf], [-np.inf]], dtype=values.dtype), n_tiles * n_channels, axis=1)

    def mean_of(sums_of, origin, *extremes):
        sums = np.zeros((2, n_tiles * n_channels))
        sums_of(values, offsets, rows, shares, np.tile(origin, n_tiles), *extremes, sums)
        return sums[0].reshape(n_tiles, -1).sum(axis=0)

    origin = values[offsets[rows[0]]].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = origin + mean_of(_moments.sums_of_differences, origin, extremes)
    low = extremes[0].reshape(n_tiles, -1).min(axis=0).astype(np.float64)
    high = extremes[1].reshape(n_tiles, -1).max(axis=0).astype(np.float64)
    exponents = np.frexp(np.maximum(np.abs(low), np.abs(high)))[1]
    if (np.abs(exponents) > SAFE_EXPONENT).any():
        scale = np.ldexp(1.0, -np.clip(exponents, -EXPONENTS, EXPONENTS))
        moments = weighted_moments(values * scale, weights, offsets, rows)
        return moments | {"mean": moments["mean"] / scale, "deviation": moments["deviation"] / scale, "low": low, "high": high}
    variance = mean_of(_moments.sums_of_squared_differences, mean)
    moments = {"mean": mean, "deviation": np.sqrt(variance), "low": low, "high": high}
    return {"weight": weight} | _without_rounding(moments)


def _shares(weights, lengths):
    """Shares of the weight that all steps have together, for a step of each sequence; and that weight."""
    with np.errstate(over="ignore"):
        total = float(weights @ lengths)
    if np.isfinite(total):
        return weights / total, total
    weights = weights / weights.max()  # in parts of the largest, whose total does not overflow
    return weights / (weights @ lengths), LARGEST


def merge_moments(a, b):
    """Moments of two chunks together (Chan, Golub and LeVeque 1979).

    A mean that overflows is not finite; a total weight that does stays the largest number.
    """
    if np.ndim(a["weight"]):
        columns = [_merged_columns(*(_column(part, k) for part in (a, b))) for k in range(len(a["weight"]))]
        return {name: np.hstack([column[name] for column in columns]) for name in a}
    total = a["weight"] + b["weight"]
    share = b["weight"] / total if np.isfinite(total) else 1 / (1 + a["weight"] / b["weight"])
    total = min(total, LARGEST)
    with np.errstate(over="ignore", invalid="ignore"):
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


def _column(moments, k):
    """Those of one column of `observed_moments`."""
    return {name: float(values[k]) if name == "weight" else values[k : k + 1] for name, values in moments.items()}


def _merged_columns(a, b):
    return merge_moments(a, b) if a["weight"] and b["weight"] else a if a["weight"] else b


def _without_rounding(moments):
    """The moments with a deviation of 0 for columns that are constant, or vary by no more than their last bits."""
    rounding = 10 * np.finfo(np.float64).eps * np.abs(moments["mean"])
    constant = (moments["low"] == moments["high"]) | (moments["deviation"] <= rounding)
    return moments | {"deviation": np.where(constant, 0.0, moments["deviation"])}


def check_moments(moments, n_channels, n_static=0):
    """Raise a ValueError unless moments are those of `n_channels` channels, or None, of a y and of `n_static` static features.

    The message is a clause.
    """
    parts = [moments.get(name) for name in ("x", "y", "static")] if isinstance(moments, dict) else [moments, None, None]
    for part, n in zip(parts, (n_channels, None, n_static), strict=True):
        if part is not None and not (isinstance(part, dict) and _are_moments(part, n)):
            raise ValueError("its means and standard deviations are not what a fit leaves")


def _are_moments(part, n):
    arrays = [part.get(name) for name in ("mean", "deviation", "low", "high")]
    if isinstance(part.get("weight"), np.ndarray):
        arrays.append(part["weight"])
    elif not np.isscalar(part.get("weight")):
        return False
    sound = all(isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype == np.float64 for array in arrays)
    return sound and len({len(array) for array in arrays} | ({n} if n else set())) == 1
