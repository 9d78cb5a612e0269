"""Vocabularies: the values that a categorical channel has, and the row of the embedding for each."""

from numbers import Real

import numpy as np

from .channels import positions_in
from .columns import KIND_NAMES
from .convert import is_exact


def rows_of_codes(codes, categories, vocabulary, channel):
    """`rows_of` the categories that codes stand for; None: of the codes themselves. A negative code is unknown."""
    if categories is None:
        return rows_of(codes, vocabulary, channel, unknown=codes < 0)
    rows, vocabulary = rows_of(in_own_type(categories), vocabulary, channel)
    return np.append(rows, 0)[np.maximum(codes, -1).astype(np.intp)], vocabulary


def in_own_type(values):
    """Categories in one of the types in which they are compared: numbers in float64 where that holds each exactly.

    Other numbers stay what they are, as Python objects where NumPy has no type for all of them; texts and times do, too.
    """
    if values.dtype.kind == "O":
        kinds = set(map(type, values.ravel().tolist()))
        if not kinds or not all(issubclass(kind, Real) for kind in kinds):
            return values
        items = [value.item() if isinstance(value, np.generic) else value for value in values.ravel().tolist()]
        if all(_is_exact(item) for item in items):
            return np.array(items, np.float64).reshape(values.shape)
        return np.fromiter(items, object, len(items)).reshape(values.shape)
    if values.dtype.kind in "fb" or (values.dtype.kind in "iu" and is_exact(values.ravel(), np.dtype(np.float64))):
        return values.astype(np.float64)
    return values


def _is_exact(number):
    try:
        return float(number) == number
    except OverflowError:
        return False


def rows_of(values, vocabulary, channel, unknown=None):
    """Rows of the table for some values, 0 for those that the vocabulary does not have, and the vocabulary.

    Parameters
    ----------
    values : ndarray
        Of a type that `in_own_type` gives.
    vocabulary : ndarray or None
        None takes the values themselves.
    channel : int
        For messages.
    unknown : ndarray of bool of the same shape, default=None
        Values that stand for the unknown.
    """
    known = values if unknown is None or not unknown.any() else values[~unknown]
    if vocabulary is None:
        try:
            vocabulary = np.unique(known)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Channel {channel} of X mixes categories that cannot be sorted: {error}. Convert them to text."
            ) from error
    if vocabulary.size and known.size and _kind_name(vocabulary) != _kind_name(known):
        raise ValueError(
            f"Channel {channel} of X was fitted on categories that are {_kind_name(vocabulary)}, such as {vocabulary[0]!r}, but"
            f" got {known.ravel()[0]!r}. Pass the same kind of categories as in fit."
        )
    rows = positions_in(vocabulary, values) + 1
    return (rows if unknown is None else np.where(unknown, 0, rows)), vocabulary


def _kind_name(values):
    """What kind of values an array holds, in words."""
    if values.dtype.kind == "O" and isinstance(values.ravel()[0], Real):
        return "numbers"
    return "texts" if values.dtype.kind in "OS" else KIND_NAMES[values.dtype.kind]
