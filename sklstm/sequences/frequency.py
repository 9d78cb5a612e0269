"""The distance of two consecutive steps: of fixed length (numbers, durations) or of the calendar (months, business days)."""

import re
import sys
import warnings
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real

import numpy as np

# Seconds of NumPy's units of fixed length.
SECONDS = {unit: Fraction(n) for unit, n in {"W": 604_800, "D": 86_400, "h": 3600, "m": 60, "s": 1}.items()}
SECONDS |= {unit: Fraction(1, 1000**k) for k, unit in enumerate(("ms", "us", "ns", "ps", "fs", "as"), start=1)}
MONTHS = {"M": 1, "Y": 12}

# Frequencies as polars writes them, such as "1mo" and "1d12h".
POLARS = re.compile(r"(?:\d+(?:ns|us|ms|mo|[smhdwqy]))+")
POLARS_MONTHS = {"mo": 1, "q": 3, "y": 12}

LONGEST = np.timedelta64(1000 * 366, "D")  # pandas lists dates one by one

WAY_OUT = "Make the time a number instead, such as year * 12 + month for months, and pass freq=1."


@dataclass(frozen=True, eq=False)
class Ruler:
    """Times as marks on a line: two are k steps apart where their marks differ by k units and their phases are the same.

    Attributes
    ----------
    marks : ndarray of int64, uint64 or float of shape (n_rows,)
    unit : Fraction, or float for marks that are floats
    phase : ndarray of shape (n_rows,) or None
        What has to be the same, such as the time of day in steps of days.
    """

    marks: np.ndarray
    unit: Fraction | float
    phase: np.ndarray | None = None


def ruler(freq, times, offsets, name):
    """The `Ruler` on which times are measured in steps.

    Parameters
    ----------
    freq : object
        As the user passed it.
    times : Times
        Those of each sequence one after the other, rising.
    offsets : ndarray of int of shape (n_sequences + 1,)
    name : str
        Of their column, for messages.

    Raises
    ------
    ValueError
        If it is no distance, not positive, or no distance of such times.
    """
    distance = parse_freq(freq)
    if distance is not None and not distance.positive:
        raise ValueError(f"freq must be positive, got {freq!r}. Pass the distance of two consecutive steps.")
    if distance is not None and not len(times):
        return Ruler(np.zeros(0, dtype=np.int64), Fraction(1))
    found = None if distance is None else distance.on(times, offsets)
    if found is None:
        raise ValueError(
            f"freq={freq!r} is no distance of the times in column {name!r} ({times.kind}, {times.values.dtype})."
            f" {EXPECTED[times.kind]}"
        )
    return found


def calendar_hint(freq, times):
    """What to add to an error about a distance of fixed length, where one of the calendar may be meant."""
    distance = parse_freq(freq)
    if times.kind != "dates" or not isinstance(distance, (Duration, Days)):
        return ""
    seconds = distance.size if isinstance(distance, Duration) else 86_400 * distance.size
    if seconds >= 28 * 86_400:
        return " Months have no fixed length: pass np.timedelta64(1, 'M') for them, and np.timedelta64(1, 'Y') for years."
    if times.wall is not None and isinstance(distance, Duration) and not seconds % 86_400:
        return f" For days of the calendar, some of which have 23 or 25 hours, pass freq='{seconds // 86_400}d'."
    return ""


DURATION = "a duration, such as np.timedelta64(1, 'h')"
EXPECTED = {
    "numbers": "Pass a number for times that are numbers.",
    "dates": f"Pass {DURATION} (a timedelta), or a frequency of the calendar, such as 'MS' or np.timedelta64(1, 'M').",
    "durations": f"Pass {DURATION} (a timedelta). Months and years have no fixed length.",
    "periods": "Pass 1 for steps of one period, or their frequency.",
    "ranks": "Ordered categories have no distances: leave freq out, or make the time a number.",
}


def parse_freq(freq):
    """A distance from what a user passes, None if it is none."""
    if isinstance(freq, str):
        months = re.fullmatch(r"(\d*)([MQYA])", freq)  # as pandas calls periods
        if months:
            return Months(int(months[1] or 1) * {"M": 1, "Q": 3}.get(months[2], 12))
        return _of_polars(freq) if POLARS.fullmatch(freq) else _of_pandas(freq)
    if isinstance(freq, np.timedelta64):
        return _of_timedelta64(freq)
    if isinstance(freq, timedelta):
        if hasattr(freq, "to_timedelta64"):  # pandas' Timedelta has nanoseconds
            return _of_timedelta64(freq.to_timedelta64())
        return Duration(Fraction(freq // timedelta.resolution, 10**6)) if freq == freq else Duration(Fraction(0))
    if isinstance(freq, (Real, Decimal)) and not isinstance(freq, bool):
        return Number(freq)
    if hasattr(type(freq), "is_on_offset"):  # of pandas
        return _of_pandas(freq)
    return None


def _of_timedelta64(freq):
    unit, count = np.datetime_data(freq.dtype)
    if np.isnat(freq):
        return Duration(Fraction(0))
    number = int(freq.astype(np.int64)) * count
    if unit in MONTHS:
        return Months(number * MONTHS[unit])
    return Duration(number * SECONDS[unit]) if unit in SECONDS else None


def _of_polars(text):
    months, days, seconds = 0, 0, Fraction(0)
    for number, unit in re.findall(r"(\d+)([a-z]+)", text):
        if unit in POLARS_MONTHS:
            months += int(number) * POLARS_MONTHS[unit]
        elif unit in ("d", "w"):
            days += int(number) * (7 if unit == "w" else 1)
        else:
            seconds += int(number) * SECONDS[unit]
    return _of_parts(months, days, seconds, text)


def _of_parts(months, days, seconds, freq):
    if months and (days or seconds):
        raise ValueError(f"freq={freq!r} mixes months and parts of fixed length. {WAY_OUT}")
    if months:
        return Months(months)
    return Duration(seconds + 86_400 * days) if seconds else Days(days)


def _of_pandas(freq):
    """A frequency, or an offset of pandas."""
    try:
        import pandas
    except ImportError:
        raise ValueError(
            f"freq={freq!r} is read by pandas, which is not installed. Pass a duration, such as np.timedelta64(1, 'h'), or"
            f" np.timedelta64(1, 'M') for months. {WAY_OUT}"
        ) from None
    offset = freq
    if isinstance(freq, str):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of names that will be others
                offset = pandas.tseries.frequencies.to_offset(freq)
        except (ValueError, TypeError, OverflowError):
            raise ValueError(
                f"freq={freq!r} is no frequency that pandas or polars knows. Pass one, such as 'h', 'D', 'B', 'MS' or"
                f" '15min', or {DURATION}."
            ) from None
    read = OFFSETS.get(type(offset).__name__)
    return Anchored(offset) if read is None else read(offset, freq)


def _of_tick(offset, _):
    return _of_timedelta64(sys.modules["pandas"].Timedelta(offset).to_timedelta64())


def _of_dateoffset(offset, freq):
    parts = {name: offset.n * value for name, value in offset.kwds.items()} or {"days": offset.n}
    months = parts.pop("years", 0) * 12 + parts.pop("months", 0)
    days = parts.pop("weeks", 0) * 7 + parts.pop("days", 0)
    nanoseconds = parts.pop("nanoseconds", 0)
    try:
        seconds = Fraction(timedelta(**parts) // timedelta.resolution, 10**6) + Fraction(nanoseconds, 10**9)
    except TypeError:
        raise ValueError(f"freq={freq!r} is no distance: it sets parts of a date. {WAY_OUT}") from None
    return _of_parts(months, days, seconds, freq)


def _refuse_hours(_, freq):
    raise ValueError(f"freq={freq!r} is not read: hours of business. {WAY_OUT}")


# By the class of the offset; any other is one whose dates pandas can list.
OFFSETS = dict.fromkeys(("Hour", "Minute", "Second", "Milli", "Micro", "Nano"), _of_tick)
OFFSETS |= dict.fromkeys(("BusinessHour", "CustomBusinessHour"), _refuse_hours)
OFFSETS |= {
    "Day": lambda offset, _: Days(offset.n),
    "Week": lambda offset, _: Days(7 * offset.n) if offset.weekday is None else Anchored(offset),
    "DateOffset": _of_dateoffset,
}


@dataclass(frozen=True)
class Distance:
    """What a subclass says of its `size`: in which unit it is, and how times are measured by it."""

    size: object

    @property
    def positive(self):
        return self.size > 0


class Number(Distance):
    """A distance of numbers, or of periods."""

    @property
    def positive(self):
        try:
            return bool(0 < self.size < float("inf"))
        except ArithmeticError:  # Decimal's NaN
            return False

    def on(self, times, offsets):
        values = times.values
        if times.kind == "periods":
            return Ruler(values, Fraction(int(self.size)) * times.freq.n) if self.size == int(self.size) else None
        if times.kind != "numbers":
            return None
        if values.dtype.kind == "f" or not isinstance(self.size, (Integral, Fraction, Decimal)):
            try:
                return Ruler(values.astype(np.result_type(values.dtype, np.float64)), float(self.size))
            except OverflowError:
                return Ruler(values, float("inf"))
        return Ruler(values if values.dtype == np.uint64 else values.astype(np.int64), Fraction(self.size))


class Duration(Distance):
    """A fixed number of seconds, a Fraction."""

    def on(self, times, offsets):
        if times.kind not in ("dates", "durations", "periods"):
            return None
        values = _calendar_dates(times) if times.kind == "periods" else times.values
        unit, count = np.datetime_data(values.dtype)
        if unit in MONTHS and times.kind == "durations":
            return None
        if unit in MONTHS:
            values, unit, count = _calendar_dates(times).astype("M8[D]"), "D", 1
        return Ruler(values.astype(np.int64), self.size / (SECONDS[unit] * count))


class Days(Distance):
    """Days of the calendar: in a zone with summer time some have 23 hours, some 25."""

    def on(self, times, offsets):
        if times.wall is None:
            return Duration(Fraction(86_400 * self.size)).on(times, offsets)
        days, time_of_day = _split(times.wall)
        return Ruler(days.astype(np.int64), Fraction(self.size), time_of_day)


class Months(Distance):
    """Months or years of any length: the same day of the month, or its last day where it has no such day."""

    def on(self, times, offsets):
        if times.kind == "durations" and np.datetime_data(times.values.dtype)[0] in MONTHS:
            return Ruler(times.values.astype("m8[M]").astype(np.int64), Fraction(self.size))
        if times.kind not in ("dates", "periods"):
            return None
        months, phase = month_marks(_calendar_dates(times), offsets)
        return Ruler(months, Fraction(self.size), phase)


class Anchored(Distance):
    """The dates that an offset of pandas steps on: business days, ends of months, Fridays ..."""

    @property
    def positive(self):
        return self.size.n > 0

    def on(self, times, offsets):
        if times.kind not in ("dates", "periods"):
            return None
        unit = Fraction(self.size.n)
        if times.freq is not None and times.freq.base == self.size.base:
            return Ruler(times.values, unit)
        days, time_of_day = _split(_calendar_dates(times))
        marks, there = _business_days(self.size, days) if hasattr(self.size, "weekmask") else _listed(self.size, days)
        return Ruler(marks, unit, np.where(there, time_of_day, -1 - np.arange(len(days))))


def are_in_calendar(dates):
    """Whether all dates are of the years 1 to 9999."""
    years = dates.astype("M8[Y]").astype(np.int64) + 1970
    return bool(((years >= 1) & (years <= 9999)).all())


def _calendar_dates(times):
    try:
        dates = times.dates()
    except (ValueError, OverflowError):  # periods
        dates = None
    if dates is None or not are_in_calendar(dates):
        raise ValueError(f"Distances of the calendar are those of dates from year 1 to 9999, but some are not. {WAY_OUT}")
    return dates


def month_marks(dates, offsets):
    """Number of the month of each date, and what is the same in dates that are whole months apart."""
    days, time_of_day = _split(dates)
    months = days.astype("M8[M]")
    day = (days - months.astype("M8[D]")).astype(np.int64)  # of the month, from 0
    last = ((months + 1).astype("M8[D]") - months.astype("M8[D]")).astype(np.int64) - 1
    latest = np.repeat(np.maximum.reduceat(day, offsets[:-1]) if len(day) else day, np.diff(offsets))
    day = np.where(day == np.minimum(last, latest), latest, day)
    return months.astype(np.int64), np.unique(time_of_day, return_inverse=True)[1] * 31 + day


def _split(dates):
    """Days, and the time of day in the unit of the dates, as integers."""
    days = dates.astype("M8[D]")
    if np.datetime_data(dates.dtype)[0] in (*MONTHS, "W", "D"):
        return days, np.zeros(len(days), dtype=np.int64)
    return days, (dates - days).astype(np.int64)


def _business_days(offset, days):
    """Number of business days before each day since the first, and which are business days."""
    calendar = offset.calendar or np.busdaycalendar()
    start = days.min() if len(days) else np.datetime64("1970-01-01")
    return np.busday_count(start, days, busdaycal=calendar).astype(np.int64), np.is_busday(days, busdaycal=calendar)


def _listed(offset, days):
    """Position of each day among the dates that an offset steps on, and which are among them."""
    pandas = sys.modules["pandas"]
    if not len(days):
        return np.zeros(0, np.int64), np.zeros(0, bool)
    if days.max() - days.min() > LONGEST:
        raise ValueError(f"The times span more than 1000 years, too many to list the dates of freq={offset!r}. {WAY_OUT}")
    try:
        dates = pandas.date_range(days.min(), days.max(), freq=offset.base, unit="s").to_numpy().astype("M8[D]")
    except (ValueError, OverflowError) as error:
        raise ValueError(f"pandas cannot list the dates of freq={offset!r}: {error}. {WAY_OUT}") from None
    marks = np.searchsorted(dates, days)
    return marks.astype(np.int64), np.append(dates, np.datetime64("NaT"))[marks] == days
