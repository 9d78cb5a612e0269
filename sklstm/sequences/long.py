"""A table with one row per step ("long" format), read into the parts of `Sequences`."""

import reprlib

import numpy as np

from .columns import Column, side_by_side
from .frames import open_table
from .index import refuse_falling_index
from .refusals import list_of, refused_as
from .spacing import calendar_hint, ruler
from .times import read_times

# A distance of floating times counts as a multiple of the spacing up to this part of it.
TOLERANCE = 1e-3

# More steps than both of these are taken for a mistake in the spacing: they would fill the memory with NaN.
MOST_STEPS = 10**7
MOST_STEPS_PER_ROW = 1000


@refused_as("frame", "Expected a table with a row for each step, or a dict of 1-D arrays.")
def read_long(frame, id, time, columns, spacing):
    """The arguments of `Sequences` from those of `Sequences.from_long`."""
    table = open_table(frame)
    keys = _id_columns(table.names, id, frame)
    columns = _chosen(table.names, frame, keys, time, columns)
    if spacing is not None and time is None:
        raise ValueError(f"spacing={spacing!r} is a distance of times. Name their column: time=...")
    group, ids = _number_rows(table, id, keys)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=len(ids)))])
    times = None if time is None else _of_length(len(group), _read_times(table, time, spacing is not None), time, keys[0])
    rows, positions = _sorted_rows(group, len(ids), None if times is None else times.values), None
    if times is None:
        refuse_falling_index(frame, "frame", rows, offsets)
    else:
        steps = _Steps(ids, offsets, rows, times)
        steps.refuse_two_at_a_time()
        if spacing is not None:
            positions, offsets = steps.on_grid(spacing, time)
    channels = [_numbers(_of_length(len(group), table.read(name), name, keys[0]), name) for name in columns]
    values, categories = side_by_side(channels, rows, positions, int(offsets[-1]))
    return {"values": values, "offsets": offsets, "ids": ids, "channel_names": columns, "categories": categories}


def _id_columns(names, id, frame):
    """Names of the columns of ids: those of a list, or of a tuple that is no name itself."""
    several = isinstance(id, list) or (isinstance(id, tuple) and not _is_name(id, names))
    keys = list(id) if several else [id]
    if not keys:
        raise ValueError("id names no column. Name one, or several in a list.")
    _refuse_absent(keys, names, frame)
    twice = [name for k, name in enumerate(keys) if name in keys[:k]]
    if twice:
        raise ValueError(f"id names {twice[0]!r} twice. Name each column once.")
    return keys


def _chosen(names, frame, keys, time, columns):
    """Names of the channels; raises unless all names are those of columns."""
    _refuse_absent([] if time is None else [time], names, frame)
    if columns is None:
        columns = [name for name in names if name not in (*keys, time)]
    if isinstance(columns, str):
        raise ValueError(f"columns must be a list of column names, got {columns!r}. Pass [{columns!r}].")
    columns = list_of("columns", columns, "Pass a list of column names.")
    _refuse_absent(columns, names, frame)
    if not columns:
        raise ValueError("There is no channel: the frame has no column besides id and time. Add one.")
    twice = [name for k, name in enumerate(columns) if name in columns[:k]]
    if twice:
        raise ValueError(f"columns names {twice[0]!r} twice. Name each channel once.")
    return columns


def _is_name(name, names):
    """Whether it is one of the names; no array, Series or expression, whose comparisons have no truth value, is."""
    try:
        return name in set(names)
    except (TypeError, ValueError):
        return False


def _refuse_absent(wanted, names, frame):
    """Raise unless all are names of columns."""
    absent = [name for name in wanted if not _is_name(name, names)]
    if absent:
        levels = getattr(getattr(frame, "index", None), "names", ())
        remedy = " It is a level of the index: pass frame.reset_index()." if _is_name(absent[0], levels) else ""
        raise ValueError(f"The frame has no column {reprlib.repr(absent[0])}; its columns are {names}.{remedy}")


def _number_rows(table, id, keys):
    """Number of the sequence of each row, and the ids of the sequences: tuples, if several columns are named."""
    group, first, parts = None, None, []
    for name in keys:
        column = _key(table, name, "id")
        numbers, own = number_ids(column.values)
        parts.append((numbers, own if column.categories is None else column.categories[own]))
        if group is None:
            group = numbers
        else:
            group, _ = number_ids(group * len(own) + _of_length(len(group), numbers, name, keys[0]))
    if len(keys) == 1 and keys[0] is id:
        return group, parts[0][1]
    first = np.unique(group, return_index=True)[1]  # row of each sequence
    labels = [(own.tolist() if own.dtype.kind not in "mM" else list(own), numbers[first].tolist()) for numbers, own in parts]
    return group, np.fromiter(zip(*([own[k] for k in at] for own, at in labels), strict=True), dtype=object, count=len(first))


def _read_times(table, name, wall):
    times, missing = read_times(table, name, wall)
    _refuse_missing(missing, name, "time")
    return times


def _numbers(column, name):
    """Numbers of a channel, and what they are codes of; raises for numbers that are texts."""
    column = column.encoded()
    column.refuse_numerals(f"Column {name!r}", f"frame[{name!r}]")
    return column.numbers(name)


def _key(table, name, role):
    """The column of ids or times, which has to be complete."""
    column = table.read(name)
    _refuse_missing(column.missing, name, role)
    return column


def _refuse_missing(missing, name, role):
    if missing.any():
        row = missing.argmax()
        raise ValueError(f"The {role} in column {name!r} is missing in row {row}. Drop such rows or fill the {role}.")


def _of_length(n_rows, column, name, id):
    """The column; raises unless it has as many rows as that of the ids."""
    if len(column) != n_rows:
        raise ValueError(f"Column {name!r} has {len(column)} rows, column {id!r} has {n_rows}. Pass as many.")
    return column


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
        rank = np.empty(len(first), dtype=np.intp)
        rank[np.argsort(first)] = np.arange(len(first))
        numbers = rank[inverse]
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


def _sorted_rows(group, n_groups, times):
    """Rows by group, then time, else as they are; None if they are so already."""
    if n_groups <= 1 << 16:
        group = group.astype(np.uint16)  # which NumPy sorts by radix: a tenth of the time
    same, later = group[1:] == group[:-1], group[1:] > group[:-1]
    if times is None:
        return None if (same | later).all() else np.argsort(group, kind="stable")
    if (later | (same & np.asarray(times[1:] >= times[:-1], dtype=bool))).all():
        return None
    return np.lexsort((times.view(np.int64) if times.dtype.kind in "mM" else times, group))


class _Steps:
    """The times of all sequences in order, and which row of the table each is of.

    Parameters
    ----------
    ids : ndarray of shape (n_sequences,)
    offsets : ndarray of int of shape (n_sequences + 1,)
    rows : ndarray of int of shape (n_rows,) or None
        In which order; None leaves that of the table.
    times : Times
        In the order of the table.
    """

    def __init__(self, ids, offsets, rows, times):
        self.ids, self.offsets, self.rows = Column.of(ids), offsets, rows
        self.times = times if rows is None else times[rows]

    def _rows_at(self, step):
        """The rows of two consecutive steps."""
        return tuple(int(row) for row in (np.arange(step, step + 2) if self.rows is None else self.rows[step : step + 2]))

    def _id_at(self, step):
        return self.ids.literal(self.ids.values[np.searchsorted(self.offsets, step, side="right") - 1])

    def _continues(self):
        """Which steps but the first belong to the same sequence as the one before."""
        continues = np.ones(max(len(self.times) - 1, 0), dtype=bool)
        continues[self.offsets[1:-1] - 1] = False
        return continues

    def refuse_two_at_a_time(self):
        twice = np.flatnonzero(self._continues() & (self.times.values[1:] == self.times.values[:-1]))
        if len(twice):
            who, (first, second) = self._id_at(twice[0]), self._rows_at(twice[0])
            raise ValueError(
                f"Sequence {who} has two rows at time {self.times.literal(twice[0])}, rows {first} and {second} of the frame:"
                " their order is unknown. Drop or merge one."
            )

    def on_grid(self, spacing, name):
        """Where each step is if none were missing between the first and the last of its sequence, and offsets of such.

        `name` is that of the column of times, for messages.
        """
        continues = self._continues()
        measured = ruler(spacing, self.times, self.offsets, name)
        count = _count_floats if isinstance(measured.unit, float) else _count_integers
        multiples, unit, off = count(measured, continues)
        if measured.phase is not None:
            off |= np.diff(measured.phase)[continues] != 0
        if off.any():
            step = np.flatnonzero(continues)[off.argmax()]
            who, (first, second) = self._id_at(step), self._rows_at(step)
            raise ValueError(
                f"The times of sequence {who} are on no grid of spacing {spacing}: rows {first} and {second} of the"
                f" frame follow each other at {self.times.literal(step)} and {self.times.literal(step + 1)}. Round the times,"
                f" or leave spacing out.{calendar_hint(spacing, self.times)}"
            )
        n_missing = multiples.sum(dtype=np.float64) * min(unit, 10**300) - len(multiples)
        self._refuse_too_many(len(self.times) + n_missing, spacing)
        advances = np.ones(len(self.times), dtype=np.intp)
        advances[1:][continues] = multiples.astype(np.intp) * unit
        positions = np.cumsum(advances) - 1
        return positions, np.append(positions, advances.sum())[self.offsets]

    def _refuse_too_many(self, n_steps, spacing):
        """Raise where a spacing makes far more steps than there are rows."""
        if n_steps > max(MOST_STEPS, MOST_STEPS_PER_ROW * len(self.times)):
            raise ValueError(
                f"With spacing={spacing!r} the {len(self.times)} rows of the frame would become {n_steps:.3g} steps, nearly all"
                " missing. Pass the distance of two consecutive steps, cut sequences where they pause, or leave spacing out."
            )


def _count_floats(measured, continues):
    """How many spacings lie between consecutive steps (as floats, times an int), and where that is no number of them."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinite times, tiny spacings
        ratio = np.diff(measured.marks)[continues] / measured.unit
        n_spacings = np.rint(ratio)
        return n_spacings, 1, ~(np.abs(ratio - n_spacings) <= TOLERANCE) | (n_spacings < 1)


def _count_integers(measured, continues):
    """The same of integers, exactly: p / q spacings in a unit make the distance a multiple of p, which has q times as many."""
    p, q = measured.unit.numerator, measured.unit.denominator
    distances = np.diff(measured.marks).view(np.uint64)[continues]  # which holds the distance of any two int64
    if p > np.iinfo(np.uint64).max:
        return distances, q, np.ones(len(distances), dtype=bool)
    multiples, rest = np.divmod(distances, np.uint64(p))
    return multiples, q, (rest != 0) | (multiples == 0)
