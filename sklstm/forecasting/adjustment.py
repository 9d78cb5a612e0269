"""Adjustment of windows: each less its season and its level, divided by its scale, so that one network suits all series.

What is subtracted and divided by depends on the window only; nothing is learned from other windows, or from what follows.
"""

from dataclasses import dataclass

import numpy as np

from ..preprocessing.levels import levels_of
from .means import mean_of_known

# A scale of fewer roundings of the largest value of a window than these is rounding error: the window is constant.
ROUNDINGS = 16

# The kinds of scale, by the name of the parameter `scale`.
SCALES = {}


def scale_named(name):
    """A decorator that puts a function ``(windows, period) -> scales (n, d)`` of SCALES."""
    return lambda function: SCALES.setdefault(name, function)


@scale_named("std")
def _deviation(windows, period):
    return np.sqrt(mean_of_known((windows - mean_of_known(windows)[:, np.newaxis]) ** 2))


@scale_named("mean")
def _mean_size(windows, period):
    return mean_of_known(np.abs(windows))


@scale_named("difference")
def _mean_difference(windows, period):
    lag = period if windows.shape[1] > period else 1
    if windows.shape[1] <= lag:
        return np.zeros(windows[:, 0].shape)
    return mean_of_known(np.abs(windows[:, lag:] - windows[:, :-lag]))


@dataclass(frozen=True)
class Adjustment:
    """How windows are adjusted.

    Attributes
    ----------
    differences : int
    season_length : int or None
    relative : str or None
    scale : str or None
    """

    differences: int
    season_length: int | None
    relative: str | None
    scale: str | None

    def of(self, windows):
        """The `Reference` of windows (n, window + differences, d), NaN where nothing was observed."""
        season = None if self.season_length is None else _profile(windows, self.season_length)
        adjusted = windows if season is None else windows - _repeat(season, windows.shape[1], before=True)
        ends = []
        for _ in range(self.differences):
            ends.append(_last(adjusted))
            adjusted = np.diff(adjusted, axis=1)
        n, n_steps, n_channels = adjusted.shape
        flat, offsets = adjusted.reshape(-1, n_channels), n_steps * np.arange(n + 1)
        level = levels_of(self.relative, flat, offsets)
        scale = np.ones((n, n_channels))
        if self.scale is not None:
            of = windows if self.scale == "mean" else adjusted
            scale = SCALES[self.scale](of, self.season_length or 1)
            largest = np.nanmax(np.abs(windows), axis=1, initial=0)
            scale = np.where(scale > ROUNDINGS * np.finfo(windows.dtype).eps * largest, scale, 0)  # and where it is NaN
        return Reference(season, ends, level, scale, adjusted)


@dataclass(frozen=True, eq=False)
class Reference:
    """What windows are measured from: with `windows` what remains of them.

    Attributes
    ----------
    season : ndarray of shape (n, season_length, d) or None
        Means of each phase, the first that of the step after the window.
    ends : list of ndarray of shape (n, d)
        For each difference the value that it begins from.
    level, scale : ndarray of shape (n, d)
        The scale is 0 where a window is constant.
    adjusted : ndarray of shape (n, window, d)
        Less season and differenced, but not less the level, and not divided by the scale.
    """

    season: np.ndarray | None
    ends: list
    level: np.ndarray
    scale: np.ndarray
    adjusted: np.ndarray

    @property
    def windows(self):
        """The windows (n, window, d) for the network."""
        return (self.adjusted - self.level[:, np.newaxis]) / self._divisor

    @property
    def _divisor(self):
        return np.where(self.scale > 0, self.scale, 1)[:, np.newaxis]

    def targets(self, values, channels):
        """Values (n, horizon, k) of some channels that follow the windows, measured in the same way."""
        if self.season is not None:
            values = values - _repeat(self.season[:, :, channels], values.shape[1])
        for end in self.ends:
            values = np.diff(values, axis=1, prepend=end[:, np.newaxis, channels])
        return (values - self.level[:, np.newaxis, channels]) / self._divisor[:, :, channels]

    def restored(self, predicted, channels):
        """Values in the units of the series from predictions (n, horizon, k)."""
        values = predicted * self.scale[:, np.newaxis, channels] + self.level[:, np.newaxis, channels]
        for end in self.ends[::-1]:
            values = np.cumsum(values, axis=1) + end[:, np.newaxis, channels]
        if self.season is not None:
            values = values + _repeat(self.season[:, :, channels], values.shape[1])
        return values


def _profile(windows, period):
    """Mean deviation of each phase (n, period, d) from the mean of its season, over the whole seasons at the end of windows."""
    n, n_steps, n_channels = windows.shape
    n_seasons = n_steps // period
    seasons = windows[:, n_steps - n_seasons * period :].reshape(n, n_seasons, period, n_channels)
    level = mean_of_known(seasons.reshape(n * n_seasons, period, n_channels)).reshape(n, n_seasons, 1, n_channels)
    profile = mean_of_known((seasons - level).reshape(n, n_seasons, period * n_channels)).reshape(n, period, n_channels)
    return np.where(np.isnan(profile), 0, profile)


def _repeat(profile, n_steps, before=False):
    """A profile (n, period, d) for the n_steps after the windows, or for those of the windows themselves."""
    period = profile.shape[1]
    phases = np.arange(-n_steps, 0) if before else np.arange(n_steps)
    return profile[:, phases % period]


def _last(windows):
    """The last value of each channel (n, d) that is not NaN; NaN where there is none."""
    n, n_steps, n_channels = windows.shape
    return levels_of("last", windows.reshape(-1, n_channels), n_steps * np.arange(n + 1))
