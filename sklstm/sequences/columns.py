"""`Column`: a column of a table as NumPy has it, the numbers that a channel gets from it, and channels side by side."""

import reprlib
from dataclasses import dataclass

import numpy as np

from .faults import describe_non_number, holds_no_numbers, locate, name_of
from .numerals import as_float, describe_numerals


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Attributes
    ----------
    values : ndarray of shape (n_rows,)
    missing : ndarray of bool of shape (n_rows,)
        Where there is no value, whatever `values` has there.
    categories : ndarray or None, default=None
        What the values are codes of, if they are.
    texts : bool, default=False
        Whether the categories are the texts that occur in a column whose type is no categorical one.
    ordered : bool, default=False
        Whether the order of the categories has a meaning.
    """

    values: np.ndarray
    missing: np.ndarray
    categories: np.ndarray | None = None
    texts: bool = False
    ordered: bool = False

    @classmethod
    def of(cls, array):
        """From an array-like; None, NaN, NaT and masked entries are missing."""
        if np.ma.isMaskedArray(array):
            return cls(array.data, np.ma.getmaskarray(array) | is_missing(array.data))
        values = unmixed(array)
        if values.dtype.kind == "T":
            values = values.astype(object)
        return cls(values, is_missing(values) if values.ndim == 1 else np.zeros(values.shape, dtype=bool))

    def __len__(self):
        return len(self.values)

    def numbers(self, name):
        """The numbers of a channel (n_rows,), NaN where missing, and the categories that they are codes of, or None.

        Parameters
        ----------
        name : str
            For messages.

        Raises
        ------
        ValueError
            If the column holds neither numbers nor booleans, categories or texts.
        """
        column = self.encoded()
        values, missing, categories = column.values, column.missing, column.categories
        if values.dtype.kind == "O":
            values = _object_numbers(values, missing, name)
        if values.dtype.kind not in "fiub":
            raise ValueError(f"Column {name!r} holds {KINDS.get(values.dtype.kind, 'no numbers')} ({values.dtype}). {REMEDY}")
        if missing.any() and not (values.dtype.kind == "f" and np.isnan(values[missing]).all()):
            values = values.astype(values.dtype if values.dtype.kind == "f" else np.float64)
            values[missing] = np.nan
        return values, categories

    def encoded(self):
        """The same column; if it holds texts, as codes of those."""
        if self.categories is not None or not self._holds_texts():
            return self
        return Column(*_codes(self.values, self.missing), texts=True)

    def refuse_numerals(self, what, literal):
        """Raise a ValueError if the texts in it are meant as numbers; `literal` is how a user writes the column."""
        error = describe_numerals(self.categories.tolist(), what, literal) if self.texts else None
        if error:
            raise ValueError(error)

    def literal(self, value):
        """One of the values, as a user would write it."""
        if self.categories is not None:
            value = self.categories[value]
        if isinstance(value, (np.datetime64, np.timedelta64)):
            return str(value)
        return repr(value.item() if isinstance(value, np.generic) else value)

    def _holds_texts(self):
        """Whether all values are texts, and there is one."""
        if self.values.dtype.kind != "O":
            return self.values.dtype.kind == "U"
        kinds = set(map(type, self.values[~self.missing].tolist()))
        return bool(kinds) and all(issubclass(kind, str) for kind in kinds)


# What an array holds, by the kind of its dtype.
KINDS = {**dict.fromkeys("biuf", "numbers"), **dict.fromkeys("UT", "texts"), "S": "bytes", "M": "times", "m": "durations"}
KINDS |= {"c": "complex numbers", "V": "records"}
REMEDY = (
    "Expected numbers, booleans, categories or texts. Convert it, name it as id or time, or leave it out with columns=[...]."
)


def _codes(texts, missing):
    """Positions (n_rows,) of texts among all that occur, sorted, -1 where missing; where that is; and the latter."""
    present = texts[~missing].tolist()
    categories = sorted(set(present))
    number = {category: code for code, category in enumerate(categories)}
    codes = np.full(len(texts), -1)
    codes[~missing] = np.fromiter(map(number.__getitem__, present), np.intp, len(present))
    return codes, missing, np.array(categories, dtype=object)


def _object_numbers(values, missing, name):
    """Objects that are numbers as float64 (n_rows,), NaN where missing."""
    numbers = np.full(len(values), np.nan)
    for row in np.flatnonzero(~missing):
        try:
            if isinstance(values[row], (str, bytes)) or np.ndim(values[row]):
                raise TypeError
            numbers[row] = as_float(values[row])
        except (TypeError, ValueError, OverflowError):
            value, kind = reprlib.repr(values[row]), type(values[row]).__name__
            raise ValueError(f"Column {name!r} holds no numbers: row {row} is {value} ({kind}). {REMEDY}") from None
    return numbers


EXACT_CODES = 1 << 24  # as many codes as float32 tells apart


def side_by_side(channels, rows=None, positions=None, n_rows=None):
    """Channels as the columns of one array.

    Parameters
    ----------
    channels : list of (ndarray of shape (n_table_rows,), ndarray or None)
        Numbers, and the categories that they are codes of.
    rows : ndarray of int of shape (n_taken,), default=None
        Which rows to take, in which order; None takes all.
    positions : ndarray of int of shape (n_taken,), default=None
        Rows of the result to write them to; None leaves no gap.
    n_rows : int, default=None
        Rows of the result, if there are positions. Those without a value are NaN.

    Returns
    -------
    values : ndarray of shape (n_rows, n_channels)
        In the dtype of the channels of numbers if they share one that can hold everything, else in float64.
    categories : dict of int to ndarray
        By number of the channel.
    """
    categories = {j: known for j, (_, known) in enumerate(channels) if known is not None}
    dtypes = {numbers.dtype for j, (numbers, _) in enumerate(channels) if j not in categories}
    dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float64)
    longest = max(map(len, categories.values()), default=0)
    if (categories or positions is not None) and (dtype != np.float32 or longest > EXACT_CODES):
        dtype = np.dtype(np.float64)
    if positions is None:
        values = np.empty((len(channels[0][0]) if rows is None else len(rows), len(channels)), dtype)
    else:
        values = np.full((n_rows, len(channels)), np.nan, dtype)
    for j, (numbers, _) in enumerate(channels):
        values[slice(None) if positions is None else positions, j] = numbers if rows is None else numbers[rows]
    return values, categories


def decoded(sequences, channel):
    """The categories (total_steps,) that the codes in a channel of `Sequences` stand for, NaN where a code is missing.

    Raises
    ------
    ValueError
        If a code is no number of a category.
    """
    codes, categories = sequences.values[:, channel], sequences.categories[channel]
    missing = is_missing(codes)
    known = np.isin(codes, np.arange(len(categories)))
    bad = np.flatnonzero(~(known | missing))
    if len(bad):
        sequence, step = locate(sequences.offsets, bad[0])
        name = name_of(channel, sequences.channel_names)
        raise ValueError(
            f"Channel {channel}{name} of X holds codes of {len(categories)} categories, but sequence {sequence}, step {step} is"
            f" {codes[bad[0]]}. Pass integers from 0 to {len(categories) - 1}, NaN where there is none, or X without categories."
        )
    if not missing.any():
        return categories[codes.astype(np.intp)]
    values = np.full(len(codes), np.nan, categories.dtype if categories.dtype.kind == "f" else object)
    values[~missing] = categories[codes[~missing].astype(np.intp)]
    return values


def as_floats(values):
    """An array of numbers, or of objects that are numbers, in float64: NaN where there is None, NaN or pandas' NA.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If one is no number; texts and times are none, whatever NumPy would make of them.
    """
    if values.dtype.kind == "O":
        values = np.where(is_missing(values.ravel()).reshape(values.shape), np.nan, values)
    if holds_no_numbers(values):
        raise TypeError("texts, times and records are no numbers")
    return values.astype(np.float64)


def floats_of_steps(values, offsets, names=None, first=0, first_channel=0, what="X"):
    """`as_floats` of values (total_steps, n_channels); the ValueError says where the first is that is no number.

    Parameters
    ----------
    values : ndarray of shape (total_steps, n_channels)
    offsets, names, first, first_channel, what
        As in `describe_non_number`.
    """
    try:
        return as_floats(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(describe_non_number(offsets, values, first, names, first_channel, what)) from error


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


def unmixed(array):
    """`numpy.asarray`, but objects for lists of tuples, and of texts and others, of which NumPy would make texts."""
    try:
        values = np.asarray(array)
        if values.ndim == 1 and values.dtype.kind not in "US":
            return values
    except ValueError:  # tuples of different lengths
        values = None
    kinds = set(map(type, array)) if isinstance(array, (list, tuple)) else set()
    if tuple in kinds or (len(kinds) > 1 and values is not None and values.dtype.kind in "US" and values.ndim == 1):
        return np.fromiter(array, dtype=object, count=len(array))
    return np.asarray(array) if values is None else values


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
