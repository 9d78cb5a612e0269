"""The index of a pandas Series or DataFrame, where it tells the order of the rows: times that fall, repeat or leave steps out."""

import sys
import warnings
from datetime import date, timedelta

import numpy as np

from .convert import is_missing
from .frequency import are_in_calendar, month_marks
from .iso import DATE
from .times import OrderedTimes, Times, times_of

SORT = "Sort it by sort_index(), or, if the rows are in the order of time, drop the index by reset_index(drop=True)."

HOLE = 1.5  # of the smallest distance: two steps that are further apart have another between them, months and days in a zone none


def index_of(table):
    """The index of what pandas has as a Series or DataFrame, None of anything else."""
    return table.index if hasattr(type(table), "iloc") else None


def times_of_index(index, what):
    """`Times` of an index (its last level) whose entries are times, None of any other."""
    if index.nlevels > 1:
        index = index.get_level_values(-1)
    if not len(index) or getattr(index.dtype, "kind", "O") in "iufb":
        return None
    if hasattr(index, "asi8") and not index.hasnans:
        if hasattr(index, "to_timestamp"):
            return Times(index.asi8, freq=index.freq)
        if getattr(index, "tz", None) is not None:
            return Times(index.tz_convert(None).to_numpy(), wall=index.tz_localize(None).to_numpy())
        return Times(index.to_numpy())
    ends = (index[0], index[-1])
    if not all(isinstance(end, (date, timedelta)) or (isinstance(end, str) and DATE.fullmatch(end)) for end in ends):
        return None
    values = np.asarray(index)
    missing = is_missing(values)
    if missing.any():
        raise ValueError(f"The index of {what} has no time in row {missing.argmax()}. Drop such rows, or fill the time.")
    try:
        return times_of(values, "index")
    except ValueError:
        return None  # texts of which some are no times


def refuse_falling_index(table, what, rows=None, offsets=None):
    """Raise a ValueError where the index of a table says that a step was before the one that it follows.

    Parameters
    ----------
    table : object
        Only what pandas has as a Series or DataFrame has an index.
    what : str
        What it is called in the message.
    rows : ndarray of int, default=None
        In which order its rows are the steps.
    offsets : ndarray of int of shape (n_sequences + 1,), default=None
        Where sequences begin, in that order; None for a single one.
    """
    index = index_of(table)
    if index is None or index.is_monotonic_increasing:
        return
    times = times_of_index(index, what)
    if times is not None:
        _refuse_falling(OrderedTimes.of(times, rows, offsets), what)


def _refuse_falling(order, what):
    falls = order.first(order.times.values[1:] < order.times.values[:-1])
    if falls:
        raise ValueError(f"The index of {what} contradicts the order of its rows: {falls[1]} comes after {falls[0]}. {SORT}")


def check_regular_index(table, what, rows=None, offsets=None):
    """Raise where times in the index of a table fall or repeat, warn where steps are missing; parameters as above."""
    index = index_of(table)
    if index is None:
        return
    if index.nlevels > 1 and offsets is None:
        groups = "level_0" if index.names[0] is None else index.names[0]
        raise ValueError(
            f"The index of {what} has {index.nlevels} levels ({', '.join(map(repr, index.names))}): rows may belong to different"
            f" series. Pass series.reset_index(level=0) with groups={groups!r}, or drop the index by reset_index(drop=True) if"
            " they are one series."
        )
    times = times_of_index(index, what)
    if times is None:
        _warn_of_shuffled_numbers(index, what, rows, offsets)
        return
    order = OrderedTimes.of(times, rows, offsets)
    _refuse_falling(order, what)
    twice = order.first(order.times.values[1:] == order.times.values[:-1])
    if twice:
        raise ValueError(
            f"The index of {what} has {twice[0]} twice: the order of such rows is unknown. Drop or merge one, or, if rows belong"
            " to different series, name these in groups."
        )
    _warn_of_holes(order, what, offsets is not None)


def _warn_of_shuffled_numbers(index, what, rows, offsets):
    """Numbers that neither rise nor fall tell of rows that were shuffled, or sorted by something else."""
    if index.nlevels > 1 or getattr(index.dtype, "kind", "O") not in "iuf" or index.is_monotonic_increasing:
        return
    order = OrderedTimes.of(Times(np.asarray(index)), rows, offsets)
    values = order.times.values
    falls, rises = order.first(values[1:] < values[:-1]), order.first(values[1:] > values[:-1])
    if falls and rises:
        _warn(f"The index of {what} is in no order: {falls[1]} comes after {falls[0]}. {SORT}")


def _warn_of_holes(order, what, grouped):
    """Warn where two steps are much further apart than others of the same series."""
    times, continues = order.times, order.continues
    distances, smallest = _distances(times.values, continues)
    day = np.timedelta64(20, "h")  # from here on, days by the clock of the zone
    if times.wall is not None and len(distances) and np.min(np.diff(times.values)[continues]) > day:
        distances, smallest = _distances(times.wall, continues)
    advice = None  # or business days, where steps are days and none of them is a Saturday or Sunday
    days = _days(times)
    if days is not None and np.is_busday(days).all() and (np.diff(days)[continues] != np.timedelta64(0, "D")).all():
        distances, smallest = _distances(np.busday_count("1970-01-01", days), continues)
        smallest = np.where(smallest == 1, 2 / HOLE, smallest)  # one missing weekday is a holiday
        advice = "pandas.offsets.BDay()"
    far = np.zeros(len(continues), dtype=bool)
    far[continues] = distances > HOLE * smallest
    hole = order.first(far)
    if hole:
        _warn(
            f"Steps of {what} are missing: its index goes from {hole[0]} to {hole[1]}, where others are nearer to each other."
            f" Insert the missing steps as NaN ({_insertion(times, distances, advice, grouped)}) and cut windows with"
            " missing='drop', or drop the index by reset_index(drop=True)."
        )


def _distances(values, continues):
    """Distances of consecutive steps within series, as floats, and for each the smallest of its series."""
    distances = np.diff(values)[continues].astype(np.int64).astype(np.float64)
    series = np.cumsum(~continues)[continues]
    starts = np.flatnonzero(np.diff(series, prepend=-1))  # in the distances
    smallest = np.minimum.reduceat(distances, starts) if len(starts) else distances
    return distances, np.repeat(smallest, np.diff(starts, append=len(distances)))


def _days(times):
    """The days of dates from year 1 to 9999, None for other times."""
    return times.dates().astype("M8[D]") if times.kind == "dates" and are_in_calendar(times.dates()) else None


def _insertion(times, distances, offset, grouped):
    """The call that makes rows for missing steps."""
    if times.freq is not None:
        call = "series.reindex(pandas.period_range(series.index[0], series.index[-1], freq=series.index.freq))"
        return "sklstm.Sequences.from_long(series.reset_index(), id=..., time=..., freq=1)" if grouped else call
    offset = offset or _months(times) or _fixed(times, distances)
    if offset is None:
        return "series.resample(...).mean()"
    if grouped:
        return f"sklstm.Sequences.from_long(series.reset_index(), id=..., time=..., freq={offset})"
    if times.kind == "durations":
        return f"series.reindex(pandas.timedelta_range(series.index[0], series.index[-1], freq={offset}))"
    return f"series.asfreq({offset})"


def _months(times):
    """The offset of months that the times step by, None if they do not."""
    days = _days(times)
    if days is None:
        return None
    months, phase = month_marks(times.dates(), np.array([0, len(times)]))
    steps = np.diff(months)
    smallest = steps.min(initial=12)
    if smallest < 1 or (np.diff(phase) != 0).any() or (steps % smallest).any():
        return None
    ends = ((days + 1).astype("M8[M]") != days.astype("M8[M]")).all()
    return f"pandas.offsets.MonthEnd({smallest})" if ends else f"pandas.DateOffset(months={smallest})"


def _fixed(times, distances):
    """The frequency of times that are multiples of the smallest distance apart, None if they are not."""
    smallest = distances.min()
    if (distances % smallest).any():
        return None
    unit = np.datetime_data(times.values.dtype)[0]
    nanoseconds = sys.modules["pandas"].Timedelta(np.timedelta64(int(smallest), unit)).value
    return next(repr(f"{nanoseconds // length}{unit}") for unit, length in NANOSECONDS.items() if nanoseconds % length == 0)


NANOSECONDS = {"D": 86_400 * 10**9, "h": 3600 * 10**9, "min": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def _warn(message):
    warnings.warn(message, UserWarning, stacklevel=2)
