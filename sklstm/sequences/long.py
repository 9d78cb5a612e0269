"""A table with one row per step ("long" format), read into the parts of `Sequences`."""

import reprlib

import numpy as np

from .channels import stack_channels
from .columns import of_length
from .convert import refuse_missing
from .errors import repeated
from .frames import Table
from .grouping import number_ids
from .index import refuse_falling_index
from .parts import offsets_of
from .refusals import list_of, refused_as
from .static import names_of_static, static_of_long
from .step_times import check_increasing, step_times_of
from .timeline import Timeline
from .times import read_times


@refused_as("frame", "Expected a table with a row for each step, or a dict of 1-D arrays.")
def read_long(frame, id, time, columns, freq, static=None, elapsed=False):
    """The arguments of `Sequences` from those of `Sequences.from_long`."""
    table = Table(frame)
    keys = _id_columns(table.names, id, frame)
    own_static = [] if static is None else names_of_static(static)
    columns = _chosen(table.names, frame, keys, time, columns, own_static)
    if freq is not None and time is None:
        raise ValueError(f"freq={freq!r} is a distance of times. Name their column: time=...")
    if elapsed:
        _check_elapsed(time, freq)
    group, ids = _number_rows(table, id, keys)
    offsets = offsets_of(np.bincount(group, minlength=len(ids)))
    times = None if time is None else of_length(len(group), read_times(table, time, freq is not None), time, keys[0])
    rows, positions = _sorted_rows(group, len(ids), None if times is None else times.values), None
    if times is None:
        refuse_falling_index(frame, "frame", rows, offsets)
    else:
        steps = Timeline(ids, offsets, rows, times)
        steps.refuse_two_at_a_time()
        if freq is not None:
            positions, offsets = steps.on_grid(freq, time)
    channels = [_numbers(of_length(len(group), table.read(name), name, keys[0]), name) for name in columns]
    values, categories = stack_channels(channels, rows, positions, int(offsets[-1]))
    parts = {"values": values, "offsets": offsets, "ids": ids, "channel_names": columns, "categories": categories}
    if elapsed:
        parts["times"] = step_times_of(times, time, rows)
        check_increasing(parts["times"], offsets, ids)
    return parts if static is None else parts | {"static": static_of_long(table, static, group, ids, keys)}


def _check_elapsed(time, freq):
    """Raise a ValueError unless there are times to keep, of steps that freq does not make equally distant."""
    if time is None:
        raise ValueError("elapsed=True keeps the times of the steps. Name their column: time=...")
    if freq is not None:
        raise ValueError(
            f"freq={freq!r} makes all steps equally distant, and elapsed=True keeps their distances. Leave out one."
        )


def _id_columns(names, id, frame):
    """Names of the columns of ids: those of a list, or of a tuple that is no name itself."""
    several = isinstance(id, list) or (isinstance(id, tuple) and not _is_name(id, names))
    keys = list(id) if several else [id]
    if not keys:
        raise ValueError("id names no column. Name one, or several in a list.")
    _refuse_absent(keys, names, frame)
    twice = repeated(keys)
    if twice:
        raise ValueError(f"id names {twice[0]!r} twice. Name each column once.")
    return keys


def _chosen(names, frame, keys, time, columns, static):
    """Names of the channels; raises unless all names are those of columns."""
    _refuse_absent([*static] if time is None else [time, *static], names, frame)
    if columns is None:
        columns = [name for name in names if name not in (*keys, time, *static)]
    if isinstance(columns, str):
        raise ValueError(f"columns must be a list of column names, got {columns!r}. Pass [{columns!r}].")
    columns = list_of("columns", columns, "Pass a list of column names.")
    _refuse_absent(columns, names, frame)
    if not columns:
        raise ValueError("There is no channel: the frame has no column besides id and time. Add one.")
    twice = repeated(columns)
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
        column = table.read(name)
        refuse_missing(column.missing, name, "id")
        numbers, own = number_ids(column.values)
        parts.append((numbers, own if column.categories is None else column.categories[own]))
        if group is None:
            group = numbers
        else:
            group, _ = number_ids(group * len(own) + of_length(len(group), numbers, name, keys[0]))
    if len(keys) == 1 and keys[0] is id:
        return group, parts[0][1]
    first = np.unique(group, return_index=True)[1]  # row of each sequence
    labels = [(own.tolist() if own.dtype.kind not in "mM" else list(own), numbers[first].tolist()) for numbers, own in parts]
    return group, np.fromiter(zip(*([own[k] for k in at] for own, at in labels), strict=True), dtype=object, count=len(first))


def _numbers(column, name):
    """Numbers of a channel, and what they are codes of; raises for numbers that are texts."""
    column = column.encoded()
    column.refuse_numerals(f"Column {name!r}", f"frame[{name!r}]")
    return column.numbers(name)


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
