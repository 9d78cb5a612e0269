"""Calendars: the times of the steps of series as plain arrays, and the times that follow them.

A calendar is a dict of plain values, which a file can hold: its "kind", a key of KINDS; "freq", the distance of two steps;
"zone", of dates that have one; and the "name" of the index. Of dates, periods and durations pandas knows what comes next.
"""

import warnings
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Kind:
    """What is done with the times of a kind.

    Attributes
    ----------
    freq_of : callable
        ``freq_of(index)``: text or number of the distance of the steps; None where they differ.
    advance : callable
        ``advance(last, n, calendar)``: the n times after a last one.
    index_of : callable
        ``index_of(times, calendar)``: times as an index of pandas.
    """

    freq_of: object
    advance: object
    index_of: object


def _pandas():
    import pandas

    return pandas


def _freq_of_dates(index):
    if index.freq is not None:
        return index.freqstr
    if len(index) < 3:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the type that later versions return
        found = _pandas().infer_freq(index)
    return getattr(found, "freqstr", found)


def _dates_after(last, n, calendar):
    index = _index_of_dates(np.array([last]), calendar)
    after = _pandas().date_range(index[0], periods=n + 1, freq=calendar["freq"])
    after = after[after > index[0]][:n]  # a first date that is no date of the frequency is left out
    return _naive(after)


def _naive(index):
    return (index if index.tz is None else index.tz_convert("UTC").tz_localize(None)).to_numpy()


def _index_of_dates(times, calendar):
    index = _pandas().DatetimeIndex(times)
    return index if calendar["zone"] is None else index.tz_localize("UTC").tz_convert(calendar["zone"])


def _index_of_periods(times, calendar):
    pandas = _pandas()
    return pandas.PeriodIndex.from_ordinals(times, freq=calendar["freq"])


def _distance_of(values):
    """The distance of equidistant values; None if they are not."""
    steps = np.diff(values)
    if not len(steps):
        return values.dtype.type(1) if values.dtype.kind in "iuf" else None
    if values.dtype.kind == "f":
        return steps[0] if np.allclose(steps, steps[0], rtol=1e-6) and steps[0] > 0 else None
    return steps[0] if (steps == steps[0]).all() and steps[0] > 0 * steps[0] else None


def _freq_of_periods(index):
    step = _distance_of(index.asi8) if len(index) > 1 else 1
    return index.freqstr if step in (1, index.freq.n) else None


def _freq_of_numbers(index):
    step = _distance_of(np.asarray(index))
    return None if step is None else step.item()


def _freq_of_durations(index):
    step = _distance_of(index.to_numpy().astype("m8[ns]").astype(np.int64)) if len(index) > 1 else None
    return None if step is None else int(step)


KINDS = {
    "dates": Kind(_freq_of_dates, _dates_after, _index_of_dates),
    "periods": Kind(
        _freq_of_periods,
        lambda last, n, calendar: last + np.arange(1, n + 1) * _index_of_periods(np.array([last]), calendar).freq.n,
        _index_of_periods,
    ),
    "durations": Kind(
        _freq_of_durations,
        lambda last, n, calendar: last + np.arange(1, n + 1) * np.timedelta64(calendar["freq"], "ns").astype(last.dtype),
        lambda times, calendar: _pandas().TimedeltaIndex(times),
    ),
    "numbers": Kind(
        _freq_of_numbers,
        lambda last, n, calendar: last + np.arange(1, n + 1) * calendar["freq"],
        lambda times, calendar: _range_or_index(times),
    ),
}


def _range_or_index(times):
    pandas = _pandas()
    if times.dtype.kind != "i" or not len(times):
        return pandas.Index(times)
    step = int(times[1] - times[0]) if len(times) > 1 else 1
    return pandas.RangeIndex(int(times[0]), int(times[-1]) + step, step)


def kind_of(index):
    """Key of KINDS for an index of pandas, None for one of other things, such as names."""
    if hasattr(index, "to_timestamp"):
        return "periods"
    kinds = {"M": "dates", "m": "durations", "i": "numbers", "u": "numbers", "f": "numbers"}
    return "dates" if hasattr(index, "tz_localize") else kinds.get(getattr(index.dtype, "kind", "O"))


def read_index(index, what):
    """Times and calendar of an index of pandas; None and None for one that holds no times.

    Parameters
    ----------
    index : pandas Index
        In the order of the steps.
    what : str
        Of which series, for messages.

    Returns
    -------
    times : ndarray of shape (n_steps,)
        Dates in UTC, ordinals of periods, durations or numbers.
    calendar : dict

    Raises
    ------
    ValueError
        If times are missing, fall, repeat, or are not equally far apart.
    """
    kind = kind_of(index)
    if kind is None:
        return None, None
    if index.hasnans:
        row = int(np.argmax(index.isna()))
        raise ValueError(f"The index of {what} has no time in row {row}. Drop such rows, or fill the time.")
    zone = getattr(index, "tz", None)
    times = index.asi8.copy() if kind == "periods" else _naive(index) if kind == "dates" else np.array(index)
    calendar = {"kind": kind, "freq": None, "zone": None if zone is None else str(zone), "name": index.name}
    _refuse_falling(times, calendar, what)
    calendar["freq"] = KINDS[kind].freq_of(index)
    if calendar["freq"] is None and len(times) > 2:
        _refuse_gap(times, calendar, what)
    return times, calendar


def literal(time, calendar):
    """A time as a user would write it."""
    if calendar["kind"] in ("dates", "periods"):
        return str(KINDS[calendar["kind"]].index_of(np.array([time]), calendar)[0]).replace(" 00:00:00", "")
    return str(time)


def _refuse_falling(times, calendar, what):
    wrong = np.flatnonzero(times[1:] <= times[:-1])
    if len(wrong):
        before, after = (literal(time, calendar) for time in times[wrong[0] : wrong[0] + 2])
        if before == after:
            raise ValueError(f"{what} has the time {before} twice. Merge or drop one of the two steps.")
        raise ValueError(f"The times of {what} are not sorted: {after} comes after {before}. Sort the series by time.")


def _refuse_gap(times, calendar, what):
    steps = np.diff(times).astype(np.int64) if times.dtype.kind != "f" else np.diff(times)
    usual = np.median(steps)
    wrong = np.flatnonzero(steps > 1.5 * usual)
    if not len(wrong):
        wrong = np.flatnonzero(steps != usual)
    before, after = (literal(time, calendar) for time in times[wrong[0] : wrong[0] + 2])
    raise ValueError(
        f"The steps of {what} are not equally far apart: {after} follows {before}. Insert missing steps as NaN, such as by"
        " series.asfreq(...), and fill these by interpolate() or set missing='indicator'; or aggregate by series.resample(...)."
    )


def times_to_draw(times, calendar):
    """Times as numbers or dates for matplotlib: periods by their beginning, dates by the clock of their zone."""
    index = KINDS[calendar["kind"]].index_of(times, calendar) if calendar["kind"] in ("periods", "dates") else None
    if index is None:
        return times / np.timedelta64(1, "s") if times.dtype.kind == "m" else times
    return index.to_timestamp().to_numpy() if calendar["kind"] == "periods" else index.tz_localize(None).to_numpy()


def advance(times, calendar, n, what):
    """The n times after the last of some; None for series without times."""
    if calendar is None:
        return None
    if calendar["freq"] is None:
        raise ValueError(
            f"{what} has {len(times)} times, which do not tell how far steps are apart. Pass an index with a freq, or more steps."
        )
    return KINDS[calendar["kind"]].advance(times[-1], n, calendar)


def index_of(times, calendar):
    """Times as an index of pandas."""
    index = KINDS[calendar["kind"]].index_of(times, calendar)
    index.name = calendar["name"]
    return index


def check_follows(times, calendar, last, what, argument):
    """Raise a ValueError unless times begin at the step after a last one."""
    expected = KINDS[calendar["kind"]].advance(last, 1, calendar)[0]
    same = np.isclose(times[0], expected) if isinstance(expected, (float, np.floating)) else times[0] == expected
    if not same:
        raise ValueError(
            f"{argument} must continue {what} at {literal(expected, calendar)}, the step after its last,"
            f" {literal(last, calendar)}, but begins at {literal(times[0], calendar)}. Pass the steps that follow."
        )


def common_calendar(calendars):
    """The calendar of several series: the first that knows how far steps are apart; None if one has no times."""
    if any(calendar is None for calendar in calendars):
        return None
    return next((calendar for calendar in calendars if calendar["freq"] is not None), calendars[0])
