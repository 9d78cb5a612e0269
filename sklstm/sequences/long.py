"""A table with one row per step ("long" format), read into the parts of `Sequences`."""

from datetime import timedelta
from numbers import Real

import numpy as np

from .columns import Column, as_times, side_by_side
from .frames import open_table

# A distance of floating times counts as a multiple of the spacing up to this part of it.
TOLERANCE = 1e-3

# More steps than both of these are taken for a mistake in the spacing: they would fill the memory with NaN.
MOST_STEPS = 10**7
MOST_STEPS_PER_ROW = 1000


def read_long(frame, id, time, columns, spacing):
    """The arguments of `Sequences` from those of `Sequences.from_long`."""
    table = open_table(frame)
    columns = _chosen(table.names, frame, id, time, columns)
    who = _key(table, id, "id")
    group, ids = number_ids(who.values)
    ids = ids if who.categories is None else who.categories[ids]
    times = None if time is None else _of_length(len(group), _key(table, time, "time"), time, id)
    if times is not None and times.categories is None:
        times = Column.of(as_times(times.values))
    if spacing is not None:
        spacing = _comparable_spacing(spacing, time, times)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=len(ids)))])
    rows, positions = _sorted_rows(group, len(ids), None if times is None else times.values), None
    if times is not None:
        steps = _Steps(ids, offsets, rows, times)
        steps.refuse_two_at_a_time()
        if spacing is not None:
            positions, offsets = steps.on_grid(spacing)
    channels = [_of_length(len(group), table.read(name), name, id).numbers(name) for name in columns]
    values, categories = side_by_side(channels, rows, positions, int(offsets[-1]))
    return {"values": values, "offsets": offsets, "ids": ids, "channel_names": columns, "categories": categories}


def _chosen(names, frame, id, time, columns):
    """Names of the channels; raises unless all names are those of columns."""
    if columns is None:
        columns = [name for name in names if name not in (id, time)]
    if isinstance(columns, str):
        raise ValueError(f"columns must be a list of column names, got {columns!r}. Pass [{columns!r}].")
    columns = list(columns)
    absent = [name for name in [id, *([] if time is None else [time]), *columns] if name not in names]
    if absent:
        levels = getattr(getattr(frame, "index", None), "names", ())
        remedy = " It is a level of the index: pass frame.reset_index()." if absent[0] in levels else ""
        raise ValueError(f"The frame has no column {absent[0]!r}; its columns are {names}.{remedy}")
    if not columns:
        raise ValueError("There is no channel: the frame has no column besides id and time.")
    twice = [name for k, name in enumerate(columns) if name in columns[:k]]
    if twice:
        raise ValueError(f"columns names {twice[0]!r} twice. Name each channel once.")
    return columns


def _key(table, name, role):
    """The column of ids or times, which has to be complete."""
    column = table.read(name)
    if column.missing.any():
        raise ValueError(
            f"The {role} in column {name!r} is missing in row {column.missing.argmax()}. Drop such rows or fill the {role}."
        )
    return column


def _of_length(n_rows, column, name, id):
    """The column; raises unless it has as many rows as that of the ids."""
    if len(column) != n_rows:
        raise ValueError(f"Column {name!r} has {len(column)} rows, column {id!r} has {n_rows}. Pass as many.")
    return column


def number_ids(ids):
    """Number of each id (n_rows,), counted in the order in which they first appear, and the ids in that order."""
    begins = np.ones(len(ids), dtype=bool)
    begins[1:] = ids[1:] != ids[:-1]  # most tables have the rows of an id in one piece, or in a few
    starts = np.flatnonzero(begins)
    pieces = ids[starts]
    if ids.dtype == object:  # of any hashable types, which need not compare
        numbers_of = {}
        numbers = np.array([numbers_of.setdefault(entry, len(numbers_of)) for entry in pieces], dtype=np.intp)
        firsts = np.unique(numbers, return_index=True)[1]
    else:
        _, first, inverse = np.unique(pieces, return_index=True, return_inverse=True)
        firsts = np.sort(first)
        rank = np.empty(len(first), dtype=np.intp)
        rank[np.argsort(first)] = np.arange(len(first))
        numbers = rank[inverse]
    return np.repeat(numbers, np.diff(starts, append=len(ids))), pieces[firsts]


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


def _comparable_spacing(spacing, time, times):
    """The spacing as NumPy compares it with differences of the times; raises unless it is positive and of their kind."""
    if times is None:
        raise ValueError(f"spacing={spacing!r} is a distance of times. Name their column: time=...")
    values, is_number = times.values, isinstance(spacing, Real) and not isinstance(spacing, (bool, np.timedelta64))
    if values.dtype.kind in "mM" and isinstance(spacing, (timedelta, np.timedelta64)):
        exact = getattr(spacing, "to_timedelta64", None)  # pandas' Timedelta has nanoseconds
        spacing = exact() if exact else np.timedelta64(spacing)
        positive = spacing > np.timedelta64(0)
    elif values.dtype.kind in "iuf" and times.categories is None and is_number:
        positive = 0 < spacing < np.inf
    else:
        raise ValueError(
            f"spacing={spacing!r} is no distance of the times in column {time!r} ({values.dtype}). Pass a number for times that"
            " are numbers, and a timedelta, such as np.timedelta64(1, 'h'), for dates and durations."
        )
    if not positive:
        raise ValueError(f"spacing must be positive, got {spacing!r}. Pass the distance of two consecutive steps.")
    return spacing


class _Steps:
    """The times of all sequences in order, and which row of the table each is of.

    Parameters
    ----------
    ids : ndarray of shape (n_sequences,)
    offsets : ndarray of int of shape (n_sequences + 1,)
    rows : ndarray of int of shape (n_rows,) or None
        In which order; None leaves that of the table.
    times : Column
        In the order of the table.
    """

    def __init__(self, ids, offsets, rows, times):
        self.ids, self.offsets, self.rows = Column.of(ids), offsets, rows
        self.times = times.values if rows is None else times.values[rows]
        self._literal = times.literal

    def _time_at(self, step):
        return self._literal(self.times[step])

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
        twice = np.flatnonzero(self._continues() & np.asarray(self.times[1:] == self.times[:-1], dtype=bool))
        if len(twice):
            who, (first, second) = self._id_at(twice[0]), self._rows_at(twice[0])
            raise ValueError(
                f"Sequence {who} has two rows at time {self._time_at(twice[0])}, rows {first} and {second} of the frame:"
                " their order is unknown. Drop or merge one."
            )

    def on_grid(self, spacing):
        """Where each step is if none were missing between the first and the last of its sequence, and offsets of such."""
        continues = self._continues()
        # Differences of narrow integers do not fit in these.
        times = self.times.astype(np.int64) if self.times.dtype.kind == "i" else self.times
        distances = np.diff(times)[continues]
        if distances.dtype.kind == "f" or isinstance(spacing, (float, np.floating)):
            with np.errstate(invalid="ignore", over="ignore"):  # infinite times, tiny spacings
                n_spacings = np.rint(distances / spacing)
                off = ~(np.abs(distances / spacing - n_spacings) <= TOLERANCE)
        else:
            n_spacings, rest = np.divmod(distances, spacing)
            off = rest != rest.dtype.type(0)
        off |= n_spacings < 1
        if off.any():
            step = np.flatnonzero(continues)[off.argmax()]
            who, (first, second) = self._id_at(step), self._rows_at(step)
            raise ValueError(
                f"The times of sequence {who} are on no grid of spacing {spacing}: rows {first} and {second} of the"
                f" frame follow each other at {self._time_at(step)} and {self._time_at(step + 1)}. Round the times,"
                " or leave spacing out."
            )
        self._refuse_too_many(len(times) - len(n_spacings) + n_spacings.sum(dtype=np.float64), spacing)
        advances = np.ones(len(self.times), dtype=np.intp)
        advances[1:][continues] = n_spacings
        positions = np.cumsum(advances) - 1
        return positions, np.append(positions, advances.sum())[self.offsets]

    def _refuse_too_many(self, n_steps, spacing):
        """Raise where a spacing makes far more steps than there are rows."""
        if n_steps > max(MOST_STEPS, MOST_STEPS_PER_ROW * len(self.times)):
            raise ValueError(
                f"With spacing={spacing!r} the {len(self.times)} rows of the frame would become {n_steps:.3g} steps, nearly all"
                " missing. Pass the distance of two consecutive steps, cut sequences where they pause, or leave spacing out."
            )
