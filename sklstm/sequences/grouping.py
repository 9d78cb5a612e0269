"""Rows that belong together: numbers in place of ids or groups of any hashable type."""

import reprlib

import numpy as np


def number_ids(ids):
    """Number of each id (n_rows,), counted in the order in which they first appear, and the ids in that order."""
    begins = np.ones(len(ids), dtype=bool)
    try:
        begins[1:] = ids[1:] != ids[:-1]  # most tables have the rows of an id in one piece, or in a few
    except (TypeError, ValueError, OverflowError):  # objects that do not compare
        begins[:] = True
    starts = np.flatnonzero(begins)
    pieces = ids[starts]
    if ids.dtype == object:  # of any hashable types, which need not compare
        numbers_of = {}
        try:
            numbers = np.array([numbers_of.setdefault(entry, len(numbers_of)) for entry in pieces], dtype=np.intp)
        except (TypeError, ValueError, OverflowError):
            raise _unhashable(pieces) from None
        firsts = np.unique(numbers, return_index=True)[1]
    else:
        _, first, inverse = np.unique(pieces, return_index=True, return_inverse=True)
        firsts = np.sort(first)
        numbers = np.searchsorted(firsts, first)[inverse]
    return np.repeat(numbers, np.diff(starts, append=len(ids))), pieces[firsts]


def _unhashable(entries):
    """The error about the first entry that is not hashable."""
    for entry in entries:
        try:
            hash(entry)
        except TypeError:
            return ValueError(
                f"An id or group must be hashable, got {reprlib.repr(entry)} ({type(entry).__name__}). Make a number, text or"
                " tuple of it."
            )
    return ValueError("Ids or groups do not compare with each other. Make numbers, texts or tuples of them.")
