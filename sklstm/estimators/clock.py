"""`Clock`: the last times of some streams, and the gaps to the next ones."""

import numpy as np

from ..sequences.frames import Table
from ..sequences.step_times import StepTimes, distances, step_times_of
from ..sequences.times import read_times
from .times import WHAT, relative_gaps

EMPTY = {"seconds": "M8[s]", "numbers": np.float64}  # dtype of times that have not come yet
START_ANEW = "The stream is unchanged; reset() starts a new sequence."


class Clock:
    """The last time of each of some streams, of a model that was fitted with times.

    Parameters
    ----------
    model : BaseRecurrent
    n_streams : int

    Attributes
    ----------
    last : ndarray of shape (n_streams,)
        As they came: numbers, datetime64 or timedelta64. Of no meaning where a stream has not begun.
    begun : ndarray of bool of shape (n_streams,)
    """

    def __init__(self, model, n_streams):
        self.channel, self.unit, self.median = model._time_channel, model._time_unit, model.median_gap_
        self.last, self.begun = np.zeros(n_streams, EMPTY[self.unit]), np.zeros(n_streams, dtype=bool)

    def read(self, x, time):
        """The times (n_streams,) of a step, in its channel of x (n_streams, n_channels) or passed beside it."""
        if self.channel is not None:
            if time is not None:
                raise ValueError(f"Channel {self.channel} of x_t holds the time, by time_feature. Leave the argument time out.")
            times = x[:, self.channel]
        elif time is None:
            raise ValueError("The model was fitted with times: pass that of the step, as step(x_t, time=...).")
        else:
            times = _plain(time)
        self._check(times)
        return times

    def _check(self, times):
        n = len(self.last)
        if times.shape != (n,):
            raise ValueError(f"time must be one for each of the {n} streams, got shape {times.shape}. Pass as many.")
        unit = StepTimes(times).unit
        if unit != self.unit:
            raise ValueError(f"The times were {WHAT[self.unit]} in fit, but are {WHAT[unit]}. Pass the same kind.")
        bad = np.flatnonzero(~np.isfinite(times))
        if len(bad):
            raise ValueError(f"The time of stream {bad[0]} is missing or infinite. Pass a finite one. {START_ANEW}")

    def gaps(self, times):
        """Gaps (n_streams,) between the last times and these, as the network reads them; raises where they do not increase."""
        if not self.begun.any():
            return np.ones(len(times))
        last, times = self._alike(times)
        wrong = np.flatnonzero(self.begun & (times <= last))
        if len(wrong):
            before, now = (StepTimes(part).literal(wrong[0]) for part in (last, times))
            raise ValueError(
                f"The time of stream {wrong[0]} must increase, but {now} comes after {before}. {START_ANEW}"
            )
        return relative_gaps(np.where(self.begun, distances(last, times), np.nan), self.median)

    def advance(self, times):
        """Let these be the last ones."""
        self.last, self.begun = times.copy(), np.ones(len(times), dtype=bool)

    def restart(self, stream):
        """Let a stream be one that has not begun."""
        self.begun[stream] = False

    def set(self, times, begun):
        """Continue from other last times (n_streams,) of streams, some of which have begun."""
        if begun.any():
            self._check(times)
        self.last, self.begun = times, begun

    def _alike(self, times):
        """The last times and these, of one type."""
        if self.last.dtype.kind in "mM" and self.last.dtype.kind != times.dtype.kind:
            raise ValueError(f"Times of a stream are all dates or all durations, got {times.dtype} after {self.last.dtype}.")
        dtype = np.result_type(self.last, times)
        return self.last.astype(dtype), times.astype(dtype)


def _plain(time):
    """One time, or one for each stream, as an array of numbers, datetime64 or timedelta64."""
    if type(time) in (int, float):
        return np.array([time])
    if isinstance(time, (np.ndarray, np.generic)) and time.dtype.kind in "iufmM":
        time = np.atleast_1d(time)
        if time.dtype.kind in "iuf":
            return time
    elif np.ndim(time) == 0:
        time = [time]
    return step_times_of(read_times(Table({"time": time}), "time", wall=False), "time").values
