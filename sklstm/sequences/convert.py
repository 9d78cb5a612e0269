"""Conversions that keep every value: to arrays, to numbers, and of several arrays to one; and which values are missing."""

from numbers import Integral

import numpy as np

from .errors import describe_non_number, holds_no_numbers
from .refusals import array_of


def is_missing(column):
    """Boolean array: which entries are NaN, NaT or None."""
    if column.dtype.kind in "fcmM":
        return np.isnan(column) if column.dtype.kind in "fc" else np.isnat(column)
    if column.dtype.kind == "O":
        return np.array([entry is None or not equals_itself(entry) for entry in column], dtype=bool)
    return np.zeros(len(column), dtype=bool)


def equals_itself(entry):
    """False for NaN and NaT, and for pandas' NA, whose comparison has no truth value; True for arrays and tables."""
    try:
        return bool(entry == entry)
    except (TypeError, ArithmeticError):  # the latter for Decimal's signalling NaN
        return False
    except ValueError:
        return True


def refuse_missing(missing, name, role):
    """Raise a ValueError where an id or a time of a table is missing."""
    if missing.any():
        row = missing.argmax()
        raise ValueError(f"The {role} in column {name!r} is missing in row {row}. Drop such rows or fill the {role}.")


def as_floats(values):
    """An array of numbers, or of objects that are numbers, in float64: NaN where there is None, NaN or pandas' NA.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If one is not a number; texts and times are none, whatever NumPy would make of them.
    """
    if values.dtype.kind == "O":
        values = np.where(is_missing(values.ravel()).reshape(values.shape), np.nan, values)
    if holds_no_numbers(values):
        raise TypeError("texts, times and records are not numbers")
    return values.astype(np.float64)


def numbers_of_steps(values, offsets, names=None, first=0, first_channel=0, what="X"):
    """Values as they are if their type is one of numbers, else `as_floats` of them.

    Parameters
    ----------
    values : ndarray of shape (total_steps, n_channels)
    offsets, names, first, first_channel, what
        As in `describe_non_number`.

    Raises
    ------
    ValueError
        That says where the first value is that is not a number.
    """
    if values.dtype.kind in "fiub":
        return values
    if values.dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported: sequence {first} is complex, but {what} must be real. Pass its real and imaginary parts"
            " as two channels."
        )
    try:
        return as_floats(values)
    except (TypeError, ValueError, OverflowError) as error:
        where = describe_non_number(offsets, values, first, names, first_channel, what)
        raise ValueError(where or f"{what} must hold numbers, but NumPy does not convert all of it: {error}.") from error


def numbers_of_channel(values, offsets, channel, names=None):
    """The same of the values (total_steps,) of one channel; `names` are those of all."""
    named = None if names is None else {channel: names[channel]}
    return numbers_of_steps(numbers_or_objects(values)[:, np.newaxis], offsets, named, first_channel=channel)[:, 0]


NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)


def numbers_or_objects(array):
    """An array of objects that are all booleans, integers or floats as an array of those; any other as it is.

    Integers of which NumPy would make floats stay objects.
    """
    if array.dtype.kind != "O":
        return array
    kinds = set(map(type, array.ravel().tolist()))
    if not kinds or not all(issubclass(kind, NUMBERS) and not issubclass(kind, np.timedelta64) for kind in kinds):
        return array
    plain = np.array(array.tolist())
    exact = plain.dtype.kind in "biu" or any(issubclass(kind, (float, np.floating)) for kind in kinds)
    return plain.reshape(array.shape) if exact and plain.dtype.kind in "biuf" else array


def unmixed(array, convert=np.asarray):
    """`convert`, but objects for lists of tuples, and of texts and others, of which NumPy would make texts."""
    try:
        values = convert(array)
        if values.ndim == 1 and values.dtype.kind not in "US":
            return values
    except ValueError:  # tuples of different lengths
        values = None
    kinds = set(map(type, array)) if isinstance(array, (list, tuple)) else set()
    if tuple in kinds or (len(kinds) > 1 and values is not None and values.dtype.kind in "US" and values.ndim == 1):
        return np.fromiter(array, dtype=object, count=len(array))
    return convert(array) if values is None else values


def exactly_joined(arrays):
    """1-D arrays one after the other; as objects where NumPy would make one out of two values, or texts of numbers."""
    kinds = {array.dtype.kind for array in arrays}
    if len(kinds) == 1 or kinds <= set("US"):
        return np.concatenate(arrays)
    if kinds <= set("fiub"):
        joined = np.concatenate(arrays)
        if joined.dtype.kind in "fiub" and all(is_exact(array, joined.dtype) for array in arrays):
            return joined
    return np.concatenate([array.astype(object) for array in arrays])


def exact_array(values):
    """Values as an array; of a list of integers and floats as objects, where NumPy would make one out of two values."""
    array = array_of("A list of categories", values)
    if hasattr(values, "dtype") or array.ndim != 1 or array.dtype.kind != "f":
        return array
    whole = [value for value in values if isinstance(value, Integral) and abs(int(value)) > 1 << np.finfo(array.dtype).nmant + 1]
    return np.array(list(values), dtype=object) if whole else array


def is_exact(values, dtype):
    """Whether a dtype of floats, or one as wide, holds each of some numbers exactly."""
    if values.dtype == dtype or dtype.kind in "iu" or values.dtype.kind in "fb" or not len(values):
        return True
    largest = 1 << np.finfo(dtype).nmant + 1
    return bool(values.max() <= largest and (values.dtype.kind == "u" or values.min() >= -largest))
