"""Calendars: the times of the steps of series as plain arrays, and the times that follow them.

A calendar is a dict of plain values, which a file can hold: its "kind", a key of KINDS; "freq", the distance of two steps;
"zone", of dates that have one; and the "name" of the index. Of dates, periods and durations pandas knows what comes next.
"""

import warnings
from dataclasses import dataclass
from datetime import date

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
    if index.freq is not None and _is_written(index.freq):
        return index.freqstr
    if len(index) < 3:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the type that later versions return
        found = _pandas().infer_freq(index)
    return getattr(found, "freqstr", found)


def _is_written(freq):
    """Whether a freq is known by its text alone, which is kept: business days of a custom calendar are not."""
    try:
        return _pandas().tseries.frequencies.to_offset(freq.freqstr) == freq
    except ValueError:
        return False


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
        step = (values[-1] - values[0]) / len(steps)
        return step if step > 0 and (np.abs(steps - step) <= _rounding(values, step)).all() else None
    return steps[0] if (steps == steps[0]).all() and steps[0] > 0 * steps[0] else None


def _rounding(times, step):
    """By how much times that are floating-point numbers may differ from where they should be."""
    return 1e-6 * np.abs(step) + 4 * np.finfo(times.dtype).eps * np.abs(times).max()


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
    index = _of_dates(index)
    kind = kind_of(index)
    if kind is None:
        return None, None
    if index.hasnans:
        row = int(np.argmax(index.isna()))
        raise ValueError(f"The index of {what} has no time in row {row}. Drop such rows, or fill the time.")
    zone = getattr(index, "tz", None)
    _refuse_unwritten(index, zone, what)
    times = index.asi8.copy() if kind == "periods" else _naive(index) if kind == "dates" else np.array(index)
    freq = index.freqstr if kind == "periods" else None
    calendar = {"kind": kind, "freq": freq, "zone": None if zone is None else str(zone), "name": index.name}
    _refuse_falling(times, calendar, what)
    found = KINDS[kind].freq_of(index)
    if found is None and (len(times) > 2 or kind == "periods"):
        _refuse_gap(times, calendar, what)
    return times, calendar | {"freq": found}


def _of_dates(index):
    """An index of Python's dates, or of those of Arrow, as pandas' own; any other as it is."""
    dtype = getattr(index, "dtype", None)
    is_arrow = str(getattr(dtype, "pyarrow_dtype", "")).startswith(("timestamp", "date"))
    if is_arrow or (getattr(dtype, "kind", "") == "O" and len(index) and all(isinstance(entry, date) for entry in index)):
        return _pandas().DatetimeIndex(index.tolist(), name=index.name)
    return index


def _refuse_unwritten(index, zone, what):
    """Raise a ValueError for a zone or a freq that is not known by its name, by which it is kept."""
    freq = getattr(index, "freq", None)
    if hasattr(index, "tz_localize") and freq is not None and not _is_written(freq):
        raise ValueError(
            f"The index of {what} has the freq {freq!r}, which its text {index.freqstr!r} does not tell. Use one that has a name,"
            " such as 'B', with NaN for the days that are left out; or pass the values without their index."
        )
    try:
        _pandas().DatetimeIndex([0]).tz_localize(None if zone is None else str(zone))
    except Exception as error:
        raise ValueError(
            f"The index of {what} has the time zone {str(zone)!r}, which is no name of one. Convert it, such as by"
            " index.tz_convert('Europe/Berlin')."
        ) from error


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
    usual = np.sort(steps)[(len(steps) - 1) // 2]
    wrong = np.flatnonzero(steps > 1.5 * usual)
    if not len(wrong) and calendar["kind"] in ("dates", "periods"):
        raise ValueError(
            f"The times of {what} follow no rule that pandas knows, such as {literal(times[1], calendar)} after"
            f" {literal(times[0], calendar)}. Set index.freq, or convert them, such as by series.to_period('M') or"
            " series.to_timestamp()."
        )
    if not len(wrong):
        wrong = np.flatnonzero(steps != usual)
    before, after = (literal(time, calendar) for time in times[wrong[0] : wrong[0] + 2])
    raise ValueError(
        f"The steps of {what} are not equally far apart: {after} follows {before}. Insert missing steps as NaN, such as by"
        " series.asfreq(...), and fill these by interpolate() or set missing='indicator'; or aggregate by series.resample(...)."
    )


def times_to_draw(times, calendar):
    """Times as numbers or dates for matplotlib: periods by their beginning, dates by the clock of their zone, as at their end."""
    index = KINDS[calendar["kind"]].index_of(times, calendar) if calendar["kind"] in ("periods", "dates") else None
    if index is None:
        return times / np.timedelta64(1, "s") if times.dtype.kind == "m" else times
    return index.to_timestamp().to_numpy() if calendar["kind"] == "periods" else _by_clock(index)


def _by_clock(index):
    """Dates as the clock of their zone has them at the last one, which no change of it repeats."""
    return _naive(index) if index.tz is None else _naive(index) + np.timedelta64(index[-1].utcoffset())


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


def check_calendar(calendar, known, what, argument):
    """Raise a ValueError unless two calendars have times of the same kind and zone, and periods of the same length."""
    names = ("kind", "zone", "freq") if known["kind"] == "periods" else ("kind", "zone")
    for name in names:
        if calendar[name] != known[name]:
            raise ValueError(
                f"The times of {argument} must be like those of {what}, but their {name} is {calendar[name]!r} instead of"
                f" {known[name]!r}. Convert them."
            )


def _are_close(times, expected, calendar):
    """Which times are those that are expected; numbers up to a thousandth of a step."""
    if times.dtype.kind != "f" or not len(times):
        return times == expected
    return np.abs(times - expected) <= 1e3 * _rounding(times, calendar["freq"])


def check_times(times, calendar, expected, what, argument):
    """Raise a ValueError unless times are those that are expected, as many as there are."""
    expected = expected[: len(times)]
    close = _are_close(times, expected, calendar)
    if not close.all():
        k = int(np.argmin(close))
        raise ValueError(
            f"The steps of {argument} must be as far apart as those of {what}: expected {literal(expected[k], calendar)}, got"
            f" {literal(times[k], calendar)}. Pass each step once, in the order of time."
        )


def check_follows(times, calendar, last, what, argument):
    """Raise a ValueError unless times are those of the steps after a last one."""
    if not len(times):
        return
    expected = KINDS[calendar["kind"]].advance(last, len(times), calendar)
    if not _are_close(times, expected, calendar)[0]:
        raise ValueError(
            f"{argument} must continue {what} at {literal(expected[0], calendar)}, the step after its last,"
            f" {literal(last, calendar)}, but begins at {literal(times[0], calendar)}. Pass the steps that follow."
        )
    check_times(times, calendar, expected, what, argument)


def common_calendar(calendars, times, what):
    """The calendar of several series: the first that knows how far steps are apart; None if one has no times.

    Parameters
    ----------
    calendars : list of dict or None
    times : list of ndarray or None
        Of each series.
    what : callable
        ``what(i)``: how a message calls series i.

    Raises
    ------
    ValueError
        If they have other zones, or are of other frequency.
    """
    if any(calendar is None for calendar in calendars):
        return None
    k = next((k for k, calendar in enumerate(calendars) if calendar["freq"] is not None), 0)
    common = calendars[k]
    for i, calendar in enumerate(calendars):
        check_calendar(calendar, common, what(k), what(i))
        if calendar["freq"] != common["freq"] and len(times[i]) > 1 and not _goes_on(times[i], common):
            raise ValueError(
                f"{what(i)} has steps of {calendar['freq']!r}, but {what(k)} has steps of {common['freq']!r}. Resample one of"
                " them, or fit them apart."
            )
    return common


def _goes_on(times, calendar):
    """Whether times are as far apart as a calendar says, whose freq may be written in another way, such as "7D" for "W"."""
    expected = KINDS[calendar["kind"]].advance(times[0], len(times) - 1, calendar)
    return bool(_are_close(times[1:], expected, calendar).all())
