"""`Windows`: series cut into windows and what follows them, and the blocks of steps that are held out."""

from dataclasses import dataclass

import numpy as np

from ..preprocessing import make_windows


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of all series, one series after the other, each in the order of time.

    Attributes
    ----------
    past : ndarray of shape (n_windows, window, n_channels)
        Channels of which only the past is known.
    known : ndarray of shape (n_windows, window + horizon, n_known) or None
        Channels that are known in advance.
    y : ndarray of shape (n_windows, horizon, n_targets)
    series : ndarray of int of shape (n_windows,)
        Number of the series.
    start : ndarray of int of shape (n_windows,)
        Step of the series that y begins with.
    """

    past: np.ndarray
    known: np.ndarray | None
    y: np.ndarray
    series: np.ndarray
    start: np.ndarray

    def __len__(self):
        return len(self.past)

    def __getitem__(self, rows):
        known = None if self.known is None else self.known[rows]
        return Windows(self.past[rows], known, self.y[rows], self.series[rows], self.start[rows])


def cut(values, known, window, horizon, targets):
    """`Windows` of series (n_steps, n_channels) and their known channels (n_steps or more, n_known), or None."""
    n_channels = values[0].shape[1]
    names = None if known is None else list(range(n_channels, n_channels + known[0].shape[1]))
    if known is not None:
        values = [np.column_stack([one, of[: len(one)]]) for one, of in zip(values, known, strict=True)]
    X, y, series, start = make_windows(
        list(values),
        window,
        horizon,
        target=targets,
        known_future=names,
        groups=np.arange(len(values)),
        on_short="drop",
        return_index=True,
    )
    ahead = None
    if known is not None:
        own, shifted = np.split(X[:, :, n_channels:], 2, axis=2)
        ahead = np.concatenate([own, shifted[:, -horizon:]], axis=1)
    return Windows(X[:, :, :n_channels], ahead, y, series, start)


def borders(lengths, fraction, n_splits):
    """First steps of the held-out blocks of each series, and its end: an array of int (n_splits + 1, n_series)."""
    held_out = np.floor(fraction * np.asarray(lengths)).astype(int)
    return np.array([lengths - held_out + k * held_out // n_splits for k in range(n_splits + 1)])


def length_groups(windows, span):
    """Groups of windows that begin in the same stretch of so many steps, so that few overlap windows of another group."""
    stretch = windows.start // span
    return windows.series * (stretch.max() + 1) + stretch
