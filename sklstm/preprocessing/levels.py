"""Levels of windows: the last or the mean value of each channel, which relative windows are measured from."""

import numpy as np

# The kinds of level, by the name of the parameter `relative`.
LEVELS = {}


def level_named(name):
    """A decorator that puts a function ``(values, offsets) -> levels`` of LEVELS."""
    return lambda function: LEVELS.setdefault(name, function)


@level_named("last")
def _last(values, offsets):
    last = values[offsets[1:] - 1]
    if np.isfinite(last).all():
        return last
    rows = np.where(np.isfinite(values), np.arange(len(values))[:, np.newaxis], -1)
    rows = np.maximum.reduceat(rows, offsets[:-1])  # (n_sequences, n_channels), -1 where nothing was observed
    return np.where(rows < 0, np.nan, np.take_along_axis(values, rows.clip(0), axis=0))


@level_named("mean")
def _mean(values, offsets):
    observed = np.isfinite(values)
    total = np.add.reduceat(np.where(observed, values, 0), offsets[:-1], dtype=np.float64)
    count = np.add.reduceat(observed, offsets[:-1], dtype=np.int64)
    return np.where(count > 0, total / count.clip(1), np.nan)


def levels_of(relative, values, offsets):
    """Level of each channel of each sequence.

    Parameters
    ----------
    relative : str or None
        A key of LEVELS; None for levels of 0.
    values : ndarray of float of shape (total_steps, n_channels)
        Values that are not finite are not observed.
    offsets : ndarray of int of shape (n_sequences + 1,)
        Sequence i, which must have a step, is the rows ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Returns
    -------
    ndarray of shape (n_sequences, n_channels), of the dtype of `values`
        NaN where no value of the channel was observed.
    """
    if relative is None:
        return np.zeros((len(offsets) - 1, values.shape[1]), values.dtype)
    return LEVELS[relative](values, offsets).astype(values.dtype, copy=False)


def subtract_levels(relative, values, offsets, channels, copy=True):
    """Subtract from some channels of each sequence their levels.

    Parameters
    ----------
    relative, offsets
        As in `levels_of`.
    values : ndarray of numbers of shape (total_steps, n_channels)
    channels : list of int
    copy : bool, default=True
        Whether `values` must remain as they are.

    Returns
    -------
    values : ndarray of float of shape (total_steps, n_channels)
        Of float64 if they were integers or booleans.
    levels : ndarray of float of shape (n_sequences, len(channels))
    """
    values = values.astype(values.dtype if values.dtype.kind == "f" else np.float64, copy=copy)
    chosen = slice(None) if channels == list(range(values.shape[1])) else channels  # a slice is a view
    levels = levels_of(relative, values[:, chosen], offsets)
    values[:, chosen] -= np.repeat(levels, np.diff(offsets), axis=0)
    return values, levels
