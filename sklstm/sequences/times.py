"""`Times`: a column of times of any kind as an array that can be sorted, and subtracted if it has distances."""

import re
import sys
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from numbers import Real

import numpy as np

from .convert import numbers_or_objects, refuse_missing
from .iso import parse_times

MIDNIGHT = re.compile(r"(T00:00(:00)?)?(\.0+)?$")  # what a date does not need


@dataclass(frozen=True, eq=False)
class Times:
    """The times of the rows of a table.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
        Numbers, datetime64 (in UTC if they have a zone), timedelta64, ordinals of periods, or ranks.
    wall : ndarray of datetime64 of shape (n_rows,) or None
        As the clocks of their zone show them, where all have the same.
    freq : pandas offset or None
        Of periods.
    ranked : ndarray or None
        What the values are ranks in, if they are.
    """

    values: np.ndarray
    wall: np.ndarray | None = None
    freq: object = None
    ranked: np.ndarray | None = None

    @property
    def kind(self):
        """One of "ranks", "periods", "dates", "durations" and "numbers"."""
        if self.ranked is not None:
            return "ranks"
        return "periods" if self.freq is not None else {"M": "dates", "m": "durations"}.get(self.values.dtype.kind, "numbers")

    def __len__(self):
        return len(self.values)

    def __getitem__(self, rows):
        return replace(self, values=self.values[rows], wall=None if self.wall is None else self.wall[rows])

    def literal(self, row):
        """The time of a row, as a user would write it."""
        value = self.values[row]
        if self.freq is not None:
            return str(sys.modules["pandas"].Period(ordinal=int(value), freq=self.freq))
        if self.ranked is not None:
            value = self.ranked[value]
        if isinstance(value, np.datetime64):
            return MIDNIGHT.sub("", str(value))
        if isinstance(value, np.timedelta64):
            return str(value.item() if isinstance(value.item(), timedelta) else value)
        return repr(value.item() if isinstance(value, np.generic) else value)

    def dates(self):
        """Dates and periods (by their beginning) as datetime64, by the clock of their zone if they have one."""
        if self.freq is None:
            dates = self.values if self.wall is None else self.wall
            finer = np.datetime_data(dates.dtype)[0] in ("ps", "fs", "as")  # which NumPy does not convert to months
            return dates.astype("M8[ns]") if finer else dates
        pandas = sys.modules["pandas"]
        periods = pandas.arrays.PeriodArray(self.values, dtype=pandas.PeriodDtype(self.freq))
        return pandas.PeriodIndex(periods).to_timestamp(how="start").to_numpy()


@dataclass(frozen=True, eq=False)
class OrderedTimes:
    """Times in the order of steps: which steps but the first of each series follow another."""

    times: Times
    continues: np.ndarray

    @classmethod
    def of(cls, times, rows=None, offsets=None):
        continues = np.ones(max(len(times) - 1, 0), dtype=bool)
        if offsets is not None:
            inner = offsets[1:-1]
            continues[inner[(inner > 0) & (inner < len(times))] - 1] = False
        return cls(times if rows is None else times[rows], continues)

    def first(self, wrong):
        """Literals of the first two consecutive times that are wrong; None if none are."""
        steps = np.flatnonzero(wrong & self.continues)
        return (self.times.literal(steps[0]), self.times.literal(steps[0] + 1)) if len(steps) else None


def read_times(table, name, wall=True, refuse=refuse_missing):
    """The `Times` in a column of a table; `wall` says whether those on the clock of their zone are wanted, and `refuse` raises
    where some are missing.

    Raises
    ------
    ValueError
        If some are missing, or they have no order: texts that are no ISO 8601, or things that do not compare.
    """
    series = table.series(name)
    native = None if series is None else series.to_native()
    if str(getattr(native, "dtype", None)).startswith("period["):  # of pandas
        refuse(series.is_null().to_numpy(), name, "time")
        return Times(native.array.asi8, freq=native.dtype.freq)
    column = table.read(name)
    refuse(column.missing, name, "time")
    column = column.encoded()
    if column.ordered:
        return Times(column.values, ranked=column.categories)
    if column.categories is not None:
        occurring, rank = np.unique(column.values, return_inverse=True)
        return times_of(column.categories[occurring], name)[rank]
    times = times_of(column.values, name)
    if wall and getattr(getattr(series, "dtype", None), "time_zone", None) is not None and times.values.dtype.kind == "M":
        times = replace(times, wall=series.dt.replace_time_zone(None).to_numpy())
    return times


def times_of(values, name):
    """`Times` of an array, of which none is missing; `name` is that of its column, for messages."""
    kind = values.dtype.kind
    if kind in "cVS":
        raise ValueError(f"Column {name!r} holds no times ({values.dtype}). Expected {EXPECTED_TIMES}.")
    if kind == "b":
        return Times(values.astype(np.uint8))
    if kind == "m" and np.datetime_data(values.dtype)[0] == "generic":
        return Times(values.astype(np.int64))  # of no unit: numbers
    return Times(values) if kind != "O" else _of_objects(values, name)


EXPECTED_TIMES = "numbers, dates, durations, periods, ordered categories, or texts that are ISO 8601"


def _of_objects(values, name):
    entries = values.tolist()
    kinds = set(map(type, entries))
    for family, read in READERS:
        if all(issubclass(kind, family) for kind in kinds):
            return _of_one_unit(read, entries, name)
    pandas = sys.modules.get("pandas")
    if pandas is not None and kinds == {pandas.Period}:
        return _read_periods(entries, name, pandas)
    try:
        ranked, ranks = np.unique(values, return_inverse=True)
    except (TypeError, ValueError):
        first = type(entries[0])
        other = next((row for row, entry in enumerate(entries) if type(entry) is not first), 0)
        raise ValueError(
            f"The times in column {name!r} do not compare: row 0 is {entries[0]!r} ({first.__name__}), row {other} is"
            f" {entries[other]!r} ({type(entries[other]).__name__}). Expected {EXPECTED_TIMES}, all of one kind."
        ) from None
    return Times(ranks, ranked=ranked)


def _of_one_unit(read, entries, name):
    try:
        times = read(entries, name)
    except (TypeError, OverflowError):
        times = None
    if times is None or times.values.dtype.kind == "O":
        raise ValueError(f"The times in column {name!r} have no unit in common. Give all times one, such as seconds.")
    return times


def _read_numbers(entries, name):
    numbers = numbers_or_objects(np.fromiter(entries, object, len(entries)))
    if numbers.dtype.kind == "O":
        try:
            numbers = np.array([float(entry) for entry in entries])
        except OverflowError:
            numbers = None
        if numbers is None or len(np.unique(numbers)) < len(set(entries)):  # floats do not tell large integers apart
            raise ValueError(f"The numbers in column {name!r} are too large for times. Subtract the first.") from None
    return Times(numbers)


def _read_texts(entries, name):
    return Times(*parse_times(entries, name))


def _read_moments(entries, name):
    """Dates, datetimes, Timestamps and datetime64, in UTC where they have a zone."""
    kinds = set(map(type, entries))
    if kinds == {date}:
        return Times(np.array(entries, dtype="M8[D]"))
    if kinds == {np.datetime64}:
        return Times(np.array(entries))
    zones = set(map(_zone, entries))
    if None in zones and len(zones) > 1:
        naive, aware = (next(entry for entry in entries if (_zone(entry) is None) == wanted) for wanted in (True, False))
        raise ValueError(
            f"Column {name!r} mixes times with a zone and without: {str(aware)!r} and {str(naive)!r}. Give all times a zone, or"
            " none."
        )
    if kinds == {datetime} and zones == {None}:
        return Times(np.array(entries, dtype="M8[us]"))
    zone = zones.pop() if len(zones) == 1 else None
    return _read_moments_by_pandas(entries, zone, bool(zones)) or _read_moments_one_by_one(entries, zone)


def _zone(entry):
    return getattr(entry, "tzinfo", None)


def _read_moments_by_pandas(entries, zone, mixed):
    """In one go; None where pandas is not loaded, or cannot hold them."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    try:
        index = pandas.to_datetime(entries, utc=mixed or zone is not None)
    except (ValueError, TypeError, OverflowError):
        return None
    if index.tz is None:
        return Times(index.to_numpy())
    wall = None if zone is None else index.tz_convert(zone).tz_localize(None).to_numpy()
    return Times(index.tz_localize(None).to_numpy(), wall=wall)


def _read_moments_one_by_one(entries, zone):
    values = np.array([_in_utc(entry) for entry in entries])
    return Times(values, wall=None if zone is None else np.array([entry.replace(tzinfo=None) for entry in entries], "M8[us]"))


def _in_utc(entry):
    offset = entry.utcoffset() if _zone(entry) is not None else None
    return np.datetime64(entry if offset is None else entry.replace(tzinfo=None) - offset)


def _read_durations(entries, _):
    pandas = sys.modules.get("pandas")
    if pandas is not None and pandas.Timedelta in set(map(type, entries)):  # which has nanoseconds
        return Times(pandas.to_timedelta(entries).to_numpy())
    return Times(np.array([np.timedelta64(entry) for entry in entries]))


def _read_clock(entries, name):
    """Times of a day, as durations since midnight."""
    zones = {entry.tzinfo for entry in entries}
    if zones != {None}:
        raise ValueError(f"Column {name!r} holds times of a day with a zone, such as {entries[0]!r}. Pass dates with them.")
    micros = [((t.hour * 60 + t.minute) * 60 + t.second) * 10**6 + t.microsecond for t in entries]
    return Times(np.array(micros, dtype="m8[us]"))


def _read_periods(entries, name, pandas):
    try:
        index = pandas.PeriodIndex(entries)
    except (TypeError, ValueError) as error:
        raise ValueError(f"The periods in column {name!r} differ in their frequency: {error}. Convert them by asfreq.") from None
    return Times(index.asi8, freq=index.freq)


# How objects that are all of some types are read, the first that fits.
READERS = (
    ((str,), _read_texts),
    ((date, np.datetime64), _read_moments),
    ((timedelta, np.timedelta64), _read_durations),
    ((time,), _read_clock),
    ((Real, Decimal), _read_numbers),
)
