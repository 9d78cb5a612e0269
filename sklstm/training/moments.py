"""Mean and standard deviation of each column, weighted, and mergeable over chunks of data."""

import numpy as np

BLOCK = 1 << 14  # rows that are converted to float64 at a time
LARGEST = float(np.finfo(np.float64).max)
EXPONENTS = 1000  # of the powers of two that columns are scaled by: within float64, and so are their reciprocals


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
    Columns are scaled by a power of two before their values are squared, so neither large nor small units overflow, and
    a column in units 2^k times as large has exactly 2^k times the mean and deviation. They are measured from their first
    value, so that rounding errors are those of the spread and not of the offset.
    """
    blocks = _Blocks(values, weights, offsets, rows)
    low = np.min([x.min(axis=0) for x, _ in blocks], axis=0).astype(np.float64)
    high = np.max([x.max(axis=0) for x, _ in blocks], axis=0).astype(np.float64)
    largest = np.maximum(np.abs(low), np.abs(high))
    scale = np.ldexp(1.0, -np.clip(np.frexp(largest)[1], -EXPONENTS, EXPONENTS))
    origin = next(iter(blocks))[0][0] * scale
    mean = sum(shares @ (x * scale - origin) for x, shares in blocks)
    variance = sum(shares @ np.square(x * scale - origin - mean) for x, shares in blocks)
    moments = {"mean": (origin + mean) / scale, "deviation": np.sqrt(variance) / scale, "low": low, "high": high}
    return {"weight": blocks.weight} | _without_rounding(moments)


class _Blocks:
    """Some rows at a time, with their shares of the total weight, without an array for all of them."""

    def __init__(self, values, weights, offsets, rows):
        self.values, self.shifts, self.ends = values, None, np.array([len(values)])
        if offsets is not None:
            rows = np.arange(len(weights)) if rows is None else rows
            weights, lengths = weights[rows], np.diff(offsets)[rows]
            self.ends = np.cumsum(lengths)
            self.shifts = offsets[rows] - (self.ends - lengths)  # from a row among these sequences to one of the values
        total = weights.sum if offsets is None else lambda: weights @ lengths
        with np.errstate(over="ignore"):
            self.weight = float(total())
        if np.isfinite(self.weight):
            self.shares = weights / self.weight
        else:  # in parts of the largest, whose total does not overflow
            weights = weights / weights.max()
            self.weight, self.shares = LARGEST, weights / total()
        self.all = offsets is None or (self.ends[-1] == len(values) and not self.shifts.any())

    def __iter__(self):
        for first in range(0, self.ends[-1], BLOCK):
            block = slice(first, min(first + BLOCK, self.ends[-1]))
            if self.shifts is None:
                yield self.values[block], self.shares[block]
                continue
            steps = np.arange(block.start, block.stop)
            of = np.searchsorted(self.ends, steps, side="right")
            where = block if self.all else self.shifts[of] + steps
            yield self.values[where], self.shares[of]


def merge_moments(a, b):
    """Moments of two chunks together (Chan, Golub and LeVeque 1979).

    A mean that overflows is not finite; a total weight that does stays the largest number.
    """
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


def _without_rounding(moments):
    """The moments with a deviation of 0 for columns that are constant, or vary by no more than their last bits."""
    rounding = 10 * np.finfo(np.float64).eps * np.abs(moments["mean"])
    constant = (moments["low"] == moments["high"]) | (moments["deviation"] <= rounding)
    return moments | {"deviation": np.where(constant, 0.0, moments["deviation"])}


def check_moments(moments, n_channels):
    """Raise a ValueError unless moments are those of `n_channels` channels, or None, and of a y; the message is a clause."""
    parts = [moments.get("x"), moments.get("y")] if isinstance(moments, dict) else [moments, None]
    for part, n in zip(parts, (n_channels, None), strict=True):
        if part is not None and not (isinstance(part, dict) and _are_moments(part, n)):
            raise ValueError("its means and standard deviations are not what a fit leaves")


def _are_moments(part, n):
    arrays = [part.get(name) for name in ("mean", "deviation", "low", "high")]
    sound = all(isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype == np.float64 for array in arrays)
    return sound and len({len(array) for array in arrays} | ({n} if n else set())) == 1 and np.isscalar(part.get("weight"))
