"""Which entries of an array are missing."""

import numpy as np


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
