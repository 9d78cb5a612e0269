"""Padding: which steps of equally long rows are their sequences."""

import reprlib
from numbers import Real

import numpy as np

from .convert import numbers_of_steps
from .errors import refuse_mask
from .parts import offsets_of
from .refusals import array_of
from .unsupported import foreign

SIDES = ("end", "start", "both")


def check_side(side, sides=SIDES):
    """Raise a ValueError unless `side` is one of those."""
    if side not in sides:
        raise ValueError(f"side must be one of {', '.join(map(repr, sides))}, got {side!r}.")


def check_padding(padding):
    """Raise a ValueError unless `padding` is a real number, NaN included."""
    if not isinstance(padding, (Real, np.bool_)) or isinstance(padding, np.timedelta64):
        got = f"{reprlib.repr(padding)} ({type(padding).__name__})"
        raise ValueError(f"padding must be a number, got {got}. Pass one, such as 0.")


def real_steps(X, padding, side):
    """First step of each sequence, and the one after its last; the same twice where a row is nothing but padding.

    Parameters
    ----------
    X : ndarray of shape (n_sequences, n_steps, n_channels)
    padding : float
        Padding are the steps at that side whose channels all have this value.
    side : {"end", "start", "both"}

    Returns
    -------
    first, last : ndarray of int of shape (n_sequences,)
    """
    check_padding(padding)
    n_sequences, n_steps, _ = X.shape
    is_real = ~(X != X if padding != padding else X == padding).astype(bool).all(axis=2)
    any_real = is_real.any(axis=1)
    first, last = np.zeros(n_sequences, np.intp), np.full(n_sequences, n_steps, np.intp)
    if n_steps and side != "end":
        first = np.argmax(is_real, axis=1)
    if n_steps and side != "start":
        last = n_steps - np.argmax(is_real[:, ::-1], axis=1)
    return np.where(any_real, first, 0), np.where(any_real, last, 0)


def steps_by_padding(X, padding, side):
    """`real_steps`; raises a ValueError where padding seems to be at the other side."""
    first, last = real_steps(X, padding, side)
    other = {"end": "start", "start": "end"}.get(side)
    if other is None:
        return first, last
    there_first, there_last = real_steps(X, padding, other)
    at_side, at_other = last - first < X.shape[1], there_last - there_first < X.shape[1]
    if not at_side.any() and at_other.any():
        row = int(at_other.argmax())
        raise ValueError(
            f"No row of X has padding ({padding!r}) at its {side}, but row {row} has"
            f" {X.shape[1] - (there_last - there_first)[row]} such steps at its {other}. Set side={other!r} or"
            " 'both'; or give lengths, if these steps are data."
        )
    return first, last


def steps_by_length(lengths, n_sequences, n_steps, side):
    """First step of each sequence, and the one after its last, by the numbers of steps.

    Raises
    ------
    ValueError
        If these are no numbers of steps, or `side` is "both".
    """
    if side == "both":
        raise ValueError("lengths do not tell how much padding is at either side. Set side='end' or 'start', or give padding.")
    lengths = array_of("lengths", lengths, f"Pass {n_sequences} integers, one per row of X.")
    if lengths.shape != (n_sequences,) or not np.issubdtype(lengths.dtype, np.integer):
        raise ValueError(
            f"lengths must hold {n_sequences} integers, one per row of X, got shape {lengths.shape}, {lengths.dtype}."
            " Pass one length for each row."
        )
    bad = np.flatnonzero((lengths < 0) | (lengths > n_steps))
    if len(bad):
        raise ValueError(
            f"lengths must lie between 0 and the {n_steps} steps of X, got {lengths[bad[0]]} for sequence {bad[0]}. Pass one"
            " length for each row."
        )
    lengths = lengths.astype(np.intp)
    return (np.zeros_like(lengths), lengths) if side == "end" else (n_steps - lengths, np.full_like(lengths, n_steps))


def cut(X, first, last):
    """The steps from `first` to before `last` of each row, one after the other, and where each sequence begins.

    Returns
    -------
    values : ndarray of shape (total_steps, n_channels)
    offsets : ndarray of int of shape (n_sequences + 1,)
    """
    steps = np.arange(X.shape[1])
    chosen = (steps >= first[:, np.newaxis]) & (steps < last[:, np.newaxis])
    return X[chosen], offsets_of(last - first)


def without_padding(X, padding, side="both"):
    """The steps of a 3-D array without the padding at that side of each row, as `cut`.

    Raises
    ------
    ValueError
        If a row is nothing but padding.
    """
    first, last = real_steps(X, padding, side)
    if X.shape[1]:
        refuse_nothing_but_padding(first, last, padding)
    return cut(X, first, last)


def refuse_nothing_but_padding(first, last, padding):
    """Raise a ValueError where a row has no step that is real."""
    empty = np.flatnonzero(last == first)
    if len(empty):
        raise ValueError(
            f"Row {empty[0]} of X is nothing but padding ({padding!r}): its sequence has no step, and at least one is needed."
            " Drop it, and its y, or set padding to a value that is no data."
        )


def read_padded(X, lengths, padding, side):
    """Values and offsets of `Sequences` from the arguments of `Sequences.from_padded`."""
    refuse_mask(X, "X")
    known = foreign(X)
    if known is not None:
        raise ValueError(f"X must be an array with padding, but {known.advice('X')}")
    X = array_of("X", X)
    if X.ndim not in (2, 3):
        raise ValueError(
            "X must be an array of shape (n_sequences, n_steps, n_channels), or (n_sequences, n_steps) of one channel, got"
            f" shape {X.shape}. Use Sequences.from_list for a list of sequences."
        )
    X = X if X.ndim == 3 else X[:, :, np.newaxis]
    check_side(side)
    if (lengths is None) == (padding is None):
        raise ValueError("Give exactly one of lengths and padding, to tell the end of each sequence.")
    if lengths is None:
        first, last = steps_by_padding(numbers_of_rows(X), padding, side)
    else:
        first, last = steps_by_length(lengths, len(X), X.shape[1], side)
    return cut(X, first, last)


def numbers_of_rows(X):
    """A 3-D array of numbers; raises a ValueError that names the first value that is none."""
    n_sequences, n_steps, n_channels = X.shape
    values = X.reshape(n_sequences * n_steps, n_channels)
    return numbers_of_steps(values, n_steps * np.arange(n_sequences + 1)).reshape(X.shape)
