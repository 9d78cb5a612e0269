"""`StepTimes`: the time of each step of some sequences, which increases along each of them."""

from dataclasses import dataclass, replace

import numpy as np

from .errors import locate
from .frames import Table
from .refusals import refused_as
from .times import Times, read_times

EXPECTED = "Expected one time for each step: numbers, dates, durations or texts that are ISO 8601."
# Seconds of a unit of datetime64 and timedelta64, or how many of it are a second.
SECONDS = {"W": 604800, "D": 86400, "h": 3600, "m": 60, "s": 1}
PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15, "as": 10**18}


@dataclass(frozen=True, eq=False)
class StepTimes:
    """The times of the steps of all sequences.

    Attributes
    ----------
    values : ndarray of shape (total_steps,)
        Numbers, datetime64 (in UTC if they had a zone) or timedelta64. Read-only.
    """

    values: np.ndarray

    def __post_init__(self):
        values = self.values[:]
        values.flags.writeable = False
        object.__setattr__(self, "values", values)  # a frozen dataclass sets what it derives this way

    def __len__(self):
        return len(self.values)

    def __getitem__(self, steps):
        return replace(self, values=self.values[steps])

    @property
    def unit(self):
        """What gaps are in: "seconds", or "numbers" of a unit that only the user knows."""
        return "seconds" if self.values.dtype.kind in "mM" else "numbers"

    def literal(self, step):
        """The time of a step, as a user would write it."""
        return Times(self.values).literal(step)

    def gaps(self, offsets):
        """Time (total_steps,) since the step before, in float64: in seconds, or in the unit of the numbers; NaN at first steps.

        Parameters
        ----------
        offsets : ndarray of int of shape (n_sequences + 1,)
        """
        gaps = np.full(len(self), np.nan)
        gaps[1:] = distances(self.values[:-1], self.values[1:])
        gaps[offsets[:-1][np.diff(offsets) > 0]] = np.nan
        return gaps


def distances(earlier, later):
    """From times to later ones of the same type, in seconds or in the unit of the numbers: float64, subtracted in their type."""
    kind = later.dtype.kind
    if kind == "f":
        precise = np.result_type(later.dtype, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            return (later.astype(precise) - earlier.astype(precise)).astype(np.float64)
    unit, count = np.datetime_data(later.dtype) if kind in "mM" else (None, 1)
    if later.dtype != np.uint64:
        earlier, later = (times.view(np.int64) if kind in "mM" else times.astype(np.int64) for times in (earlier, later))
    # Modulo 2^64, which is exact for any two integers of 64 bits of which the second is the larger one.
    ticks = (later.view(np.uint64) - earlier.view(np.uint64)).astype(np.float64)
    if unit in PER_SECOND:
        return ticks * count / PER_SECOND[unit]
    return ticks * (count * SECONDS.get(unit, 1))


@refused_as("times", EXPECTED)
def read_step_times(times, offsets, ids=None):
    """Times of any kind as `StepTimes`.

    Parameters
    ----------
    times : StepTimes, 1-D array, Series or list
    offsets : ndarray of int of shape (n_sequences + 1,)
    ids : ndarray of shape (n_sequences,), default=None
        Of the sequences, for messages.

    Raises
    ------
    ValueError
        If there is not one finite time for each step, they have no distances, or they do not increase along a sequence.
    """
    if isinstance(times, StepTimes):
        _check_length(len(times), offsets)
        return times
    if np.ndim(getattr(times, "values", times)) != 1 or isinstance(times, (dict, set)):
        shape = getattr(times, "shape", None)
        raise ValueError(f"times must be 1-D, got {type(times).__name__ if shape is None else f'shape {shape}'}. {EXPECTED}")

    def refuse_missing(missing, *_):
        _check_length(len(missing), offsets)
        if missing.any():
            raise ValueError(f"The time of {_place(offsets, missing.argmax(), ids)} is missing. Fill it, or drop the step.")

    read = step_times_of(read_times(Table({"times": times}, "times"), "times", wall=False, refuse=refuse_missing), "times")
    check_increasing(read, offsets, ids)
    return read


def step_times_of(times, name, rows=None):
    """`StepTimes` of `Times`, in another order of rows where one is given; raises where they have no distances."""
    if times.ranked is not None:
        raise ValueError(
            f"The times in {name!r} have an order, but no distances: they are {times.literal(0)} and the like. {EXPECTED}"
        )
    values = times.dates() if times.freq is not None else times.values
    unit = np.datetime_data(values.dtype)[0] if values.dtype.kind in "mM" else None
    if unit in ("Y", "M"):
        if values.dtype.kind == "m":
            raise ValueError(f"The times in {name!r} are durations in years or months, which differ in length. Pass days.")
        values = values.astype("M8[D]")
    return StepTimes(values.copy() if rows is None else values[rows])


def check_increasing(times, offsets, ids=None):
    """Raise a ValueError where a time is infinite, or does not come after that of the step before."""
    values = times.values
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        step = int(np.isfinite(values).argmin())
        raise ValueError(f"The time of {_place(offsets, step, ids)} is infinite ({values[step]}). Drop the step.")
    falls = values[1:] <= values[:-1]
    falls[offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < len(values))] - 1] = False
    if falls.any():
        step = int(falls.argmax()) + 1
        verb = "repeats" if values[step] == values[step - 1] else "decreases"
        raise ValueError(
            f"The time {verb} at {_place(offsets, step, ids)}: {times.literal(step)} comes after {times.literal(step - 1)}. Times"
            f" must increase along each sequence. {REMEDIES[verb]}"
        )


REMEDIES = {
    "repeats": "Merge or drop one of the two steps, or pass times with more digits.",
    "decreases": "Sort the steps of each sequence by time, and leave padding out.",
}


def _check_length(n_times, offsets):
    if n_times != offsets[-1]:
        raise ValueError(f"times must have one entry for each of the {offsets[-1]} steps, got {n_times}. Pass as many.")


def _place(offsets, row, ids):
    sequence, step = locate(offsets, row)
    name = "" if ids is None else f" (id {ids[sequence : sequence + 1].tolist()[0]!r})"
    return f"step {step} of sequence {sequence}{name}"
