"""y, weights and the like, brought into the order of the sequences of X by their ids."""

import reprlib
from collections.abc import Mapping
from datetime import UTC, date, datetime

import numpy as np

from ..compat import _num_samples
from .errors import PASS_LONG_TABLE, repeated
from .unsupported import foreign


def ids_of(X):
    """The ids of an X, None where it has none."""
    return X.ids if _is_container(X) else None


def _is_container(X):
    """Whether X is `Sequences`, whose module builds on this one."""
    return hasattr(X, "offsets") and hasattr(X, "with_values")


def in_order_of(ids, name, values):
    """Values with one entry for each sequence, in the order of the sequences.

    Parameters
    ----------
    ids : ndarray of shape (n_sequences,) or None
        Of the sequences of X.
    name : str
        Of the values, for messages.
    values : object
        A pandas Series or DataFrame carries ids as its index, a dict as its keys, `Sequences` as their ids. Anything else is
        in the order of X, and so is everything where X has no ids.

    Returns
    -------
    object
        The values as they are, or in another order; of a dict a list.

    Raises
    ------
    ValueError
        If the values belong to other sequences by their ids, or if it cannot be told in which order they are.
    """
    if ids is None and isinstance(values, Mapping):
        raise ValueError(
            f"{name} is a dict, whose keys need ids of X to compare with. Pass its values in the order of X, or X with ids:"
            " Sequences.from_long(..., id=...)."
        )
    index, carried, remedy = (None, "", "") if ids is None else _carried(name, values)
    if index is None:
        return values
    own, wanted = keys_of(index), keys_of(ids)
    if own == wanted:
        return list(values.values()) if isinstance(values, Mapping) else values
    rows = _rows(name, own, wanted, index, carried, remedy)
    return values if rows is None else _taken(values, rows)


def _rows(name, own, wanted, index, carried, remedy):
    """Which entry belongs to each sequence; None where the index tells nothing about that."""
    entry_of = dict(zip(own, range(len(own)), strict=True))
    without = [i for i, key in enumerate(wanted) if key not in entry_of]
    if len(without) == len(wanted) and _may_be_positional(index, own, wanted):
        return None
    if len(entry_of) < len(own):
        twice = repeated(own)[0]
        raise ValueError(f"{carried} of {name} has {twice!r} twice: its order is ambiguous. Drop one. {remedy}")
    if without:
        i = without[0]
        raise ValueError(
            f"{name} must have the sequences of X, but sequence {i} of X has the id {wanted[i]!r}, which {carried} of"
            f" {name} does not have; that begins with {own[:1]}. {remedy}"
        )
    if len(own) != len(wanted):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {len(wanted)} sequences, {name} has {len(own)}"
            f" entries, among them all ids of X. {remedy}"
        )
    if _counts_rows(index):
        i = next(i for i, key in enumerate(wanted) if own[i] != key)
        raise ValueError(
            f"{name} has no index but the numbers of its rows, and the ids of X are the same numbers in another order: sequence"
            f" {i} of X has the id {wanted[i]!r}. Pass {name}.to_numpy() if it is in the order of X, {name}.loc[X.ids] if its"
            " rows are numbered by the ids."
        )
    return [entry_of[key] for key in wanted]


def keys_of(ids):
    """Ids as a list of hashable Python objects that compare across containers."""
    array = ids if isinstance(ids, (np.ndarray, list)) else ids.to_numpy()
    unit = None if isinstance(array, list) else {"M": "M8[us]", "m": "m8[us]"}.get(array.dtype.kind)
    if unit is None:
        entries = array if isinstance(array, list) else array.tolist()
        return entries if set(map(type, entries)) <= {str, int, float, bool} else list(map(_key, entries))
    coarse = array.astype(unit)
    keys = coarse.tolist()
    for k in np.flatnonzero((coarse != array) & ~np.isnat(array)):
        keys[k] = array[k]  # finer than Python's dates
    return keys


def _key(key):
    """An id as it compares with others: dates are datetimes, and those with a zone are in UTC without it, as tables are read."""
    if isinstance(key, tuple):
        return tuple(map(_key, key))
    if isinstance(key, (np.datetime64, np.timedelta64)):
        return keys_of(np.array([key]))[0]
    if type(key) is date:
        return datetime(key.year, key.month, key.day)
    if isinstance(key, datetime) and key == key:  # which NaT does not
        key = key if key.tzinfo is None else key.astimezone(UTC).replace(tzinfo=None)
        return key.to_datetime64() if getattr(key, "nanosecond", 0) else key
    return key


def _carried(name, values):
    """Ids that values carry along, how a message calls them, and what it says to do; None for ids where they carry none."""
    if hasattr(values, "iloc") and hasattr(values, "index"):  # Series and DataFrames of pandas
        remedy = "Pass {0}.loc[X.ids] of a {0} with all ids, or {0}.to_numpy() if it is in the order of X."
        return values.index, "the index", remedy.format(name)
    if _is_container(values):
        remedy = (
            "Pass {0} with an entry for each id of X, or Sequences({0}.values, {0}.offsets) without ids if they are in the order"
            " of X."
        )
        return values.ids, "the ids", remedy.format(name)
    if isinstance(values, Mapping):
        remedy = f"Pass a dict with an entry for each id of X and no others: {{who: {name}[who] for who in X.ids.tolist()}}."
        return list(values), "the keys", remedy
    return None, "", ""


def _taken(values, rows):
    """Some of the entries of what carries ids; of a dict a list."""
    if isinstance(values, Mapping):
        entries = list(values.values())
        return [entries[row] for row in rows]
    return values.iloc[rows] if hasattr(values, "iloc") else values[rows]


def _is_unnamed(index):
    """Whether it is an index of pandas without a name."""
    return list(getattr(index, "names", ())) == [None]


def _may_be_positional(index, own, wanted):
    """Whether an index, none of which is an id of X, may be no ids of sequences: it has no name, or another kind of values."""
    return _is_unnamed(index) or (hasattr(index, "names") and [*map(_kind, own[:1])] != [*map(_kind, wanted[:1])])


def _counts_rows(index):
    """Whether an index is what a Series has that was given none."""
    return _is_unnamed(index) and type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1)


def _kind(key):
    """Numbers, texts, tuples, times ..."""
    if isinstance(key, (bool, int, float)):
        return "number"
    return "time" if isinstance(key, (datetime, np.datetime64)) else type(key).__name__


PER_SEQUENCE = "one entry (or one row of outputs) per sequence. For targets of every step set return_sequences=True."


def one_per_sequence(name, values, n_sequences, ids, entries=PER_SEQUENCE, most_dimensions=2):
    """Values with one entry for each sequence of X, in its order; raises where they are not.

    Parameters
    ----------
    name : str
        For messages.
    values : array-like, or what carries ids
    n_sequences : int
    ids : ndarray of shape (n_sequences,) or None
        Of the sequences of X.
    entries : str
        What else is expected of them.
    most_dimensions : int
    """
    values = in_order_of(ids, name, values)
    known = None if type(values) in (list, np.ndarray) else foreign(values)
    if known is not None and known.family == "lazy":
        raise ValueError(f"{name} must be an array with one entry per sequence, but {known.advice(name)}")
    holds_entries = hasattr(values, "__len__") or hasattr(values, "__array__")
    if not holds_entries or isinstance(values, (str, bytes, dict, set)) or getattr(values, "shape", None) == ():
        raise ValueError(
            f"{name} must be an array with one entry per sequence, got {reprlib.repr(values)}. Pass {n_sequences} entries."
        )
    if not isinstance(values, (list, tuple)) and len(getattr(values, "shape", (0,))) > most_dimensions:
        dimensions = "1-D or 2-D" if most_dimensions == 2 else f"at most {most_dimensions}-D"
        raise ValueError(f"Found array with dim {len(values.shape)}: {name} must be {dimensions}, {entries}")
    n_entries = _num_samples(values)
    if n_entries != n_sequences:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_sequences} sequences, {name} has"
            f" {n_entries} entries ([{n_sequences}, {n_entries}]). Pass one entry of {name} for each sequence of X."
            + (f" {PASS_LONG_TABLE}" if n_entries < n_sequences else "")
        )
    return values
