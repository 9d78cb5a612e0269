"""`Column`: a column of a table as NumPy has it, and the numbers that a channel gets from it."""

import reprlib
from dataclasses import dataclass

import numpy as np

from .channels import codes_of
from .convert import is_missing, unmixed
from .errors import NO_NUMBERS
from .numerals import describe_numerals


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

    def numbers(self, name, remedy=None):
        """The numbers of a channel (n_rows,), NaN where missing, and the categories that they are codes of, or None.

        Parameters
        ----------
        name : str
            For messages.
        remedy : str, default=None
            What they say to do; None of a table with one row for each step.

        Raises
        ------
        ValueError
            If the column holds neither numbers nor booleans, categories or texts.
        """
        column, remedy = self.encoded(), remedy or REMEDY
        values, missing, categories = column.values, column.missing, column.categories
        if values.dtype.kind == "O":
            values = _object_numbers(values, missing, name, remedy)
        if values.dtype.kind not in "fiub":
            kind = KIND_NAMES.get(values.dtype.kind, "no numbers")
            raise ValueError(f"Column {name!r} holds {kind} ({values.dtype}). {remedy}")
        if missing.any() and not (values.dtype.kind == "f" and np.isnan(values[missing]).all()):
            values = values.astype(values.dtype if values.dtype.kind == "f" else np.float64)
            values[missing] = np.nan
        return values, categories

    def encoded(self):
        """The same column; if it holds texts, as codes of those."""
        return self.categorical(texts=True) if self.categories is None and self.holds_texts() else self

    def categorical(self, what="X", texts=False):
        """The values as codes of those that occur; `what` holds them, for messages."""
        codes, categories = codes_of(self.values.astype(object) if texts else self.values, self.missing, what)
        return Column(codes, self.missing, categories, texts)

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

    def holds_texts(self):
        """Whether all values are texts, and there is one."""
        if self.values.dtype.kind != "O":
            return self.values.dtype.kind == "U"
        kinds = set(map(type, self.values[~self.missing].tolist()))
        return bool(kinds) and all(issubclass(kind, str) for kind in kinds)


# What an array holds, by the kind of its dtype.
KIND_NAMES = {**dict.fromkeys("biuf", "numbers"), **dict.fromkeys("UT", "texts"), "S": "bytes", "M": "times", "m": "durations"}
KIND_NAMES |= {"c": "complex numbers", "V": "records"}
REMEDY = (
    "Expected numbers, booleans, categories or texts. Convert it, name it as id or time, or leave it out with columns=[...]."
)


def _object_numbers(values, missing, name, remedy):
    """Objects that are numbers as float64 (n_rows,), NaN where missing."""
    numbers = np.full(len(values), np.nan)
    for row in np.flatnonzero(~missing):
        try:
            if isinstance(values[row], NO_NUMBERS) or np.ndim(values[row]):
                raise TypeError
            numbers[row] = float(values[row])
        except (TypeError, ValueError, OverflowError):
            value, kind = reprlib.repr(values[row]), type(values[row]).__name__
            raise ValueError(f"Column {name!r} holds no numbers: row {row} is {value} ({kind}). {remedy}") from None
    return numbers


def of_length(n_rows, column, name, id):
    """A column; raises unless it has as many rows as that of the ids."""
    if len(column) != n_rows:
        raise ValueError(f"Column {name!r} has {len(column)} rows, column {id!r} has {n_rows}. Pass as many.")
    return column
