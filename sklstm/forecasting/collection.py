"""`Collection`: one or several series as they came in, read into arrays; and forecasts in the form of what came in."""

import importlib
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..preprocessing.series import read_series, refuse_no_series
from ..sequences import Sequences
from ..sequences.frames import Table
from ..sequences.index import index_of as pandas_index_of
from ..sequences.refusals import refused_as
from ..sequences.validation import array_or_list, holds_arrays
from .calendars import common_calendar, index_of, read_index

EXPECTED = "Expected an array of shape (n_steps,) or (n_steps, n_channels), a Series or DataFrame, or a list of such."


@dataclass(eq=False)
class Collection:
    """Series in the order of time.

    Attributes
    ----------
    values : list of ndarray of float of shape (n_steps, n_channels)
    names : list or None
        Of the channels.
    ids : ndarray or None
        Of the series, if they have such.
    times : list of ndarray or None
    calendar : dict or None
    form : dict
        What the series came in as: plain values, from which `restore` makes the same again.
    static : StaticTable or None
    """

    values: list
    names: list | None
    form: dict
    ids: np.ndarray | None = None
    times: list | None = None
    calendar: dict | None = None
    static: object = field(default=None)

    def __len__(self):
        return len(self.values)

    @property
    def n_channels(self):
        return self.values[0].shape[1]

    def what(self, i, name="series"):
        """What a message calls a series."""
        return called(self.ids, len(self), i, name)


def called(ids, n_series, i, name="series"):
    """What a message calls series i of n_series."""
    if ids is not None:
        return f"{name} {np.asarray(ids, dtype=object)[i]!r}"
    return f"the {name}" if n_series == 1 and name == "series" else name if n_series == 1 else f"{name} {i}"


def read_collection(data, id=None, time=None, what="series"):
    """One or several series in any form.

    Parameters
    ----------
    data : array-like, Series, DataFrame, Sequences, or list of such
    id, time : str, list of str or None
        Columns of a table with a row for each step that say to which series the row belongs, and when it was.
    what : str
        Name of the argument, for messages.
    """
    with refused_as(what, EXPECTED):
        return _read(data, id, time, what)


def _read(data, id, time, what):
    is_table = isinstance(data, Mapping) or hasattr(data, "columns")
    index = pandas_index_of(data)
    if is_table and (id is not None or time is not None or index is None):
        return _read_long(data, id, time, what)
    if index is not None and index.nlevels > 1:
        return _read_levels(data, what)
    if index is not None:
        return _read_pandas(data, what)
    refuse_no_series(data, what)
    data = array_or_list(data)
    if isinstance(data, Sequences):
        return _read_sequences(data, what)
    shape = getattr(data, "shape", ())
    if len(shape) == 3:
        return _of_parts([_read_array(one, f"{what} {i}") for i, one in enumerate(data)], {"kind": "block"}, what)
    if isinstance(data, (list, tuple)) or holds_arrays(data):
        if any(np.ndim(item) > 0 for item in data):
            parts = [_read_one(item, f"{what} {i}") for i, item in enumerate(data)]
            return _of_parts(parts, {"kind": "list", "items": [part.form for part in parts]}, what)
    return _read_array(data, what)


def _read_one(item, what):
    if pandas_index_of(item) is not None:
        return _read_pandas(item, what)
    return _read_long(item, None, None, what) if hasattr(item, "columns") else _read_array(item, what)


def _numbers(table, what):
    """Values (n_steps, n_channels) and names of one series without an index; what is missing is NaN."""
    try:
        values, names, *_ = read_series(table, None)
    except ValueError as error:
        message = str(error)
        raise ValueError(message if what == "series" or what in message else f"{what}: {message}") from None
    values = values if values.dtype.kind == "f" and values.dtype.itemsize >= 4 else values.astype(np.float64)
    return values, names


def _read_array(data, what):
    values, _ = _numbers(data, what)
    return Collection([values], None, {"kind": "array", "is_1d": np.ndim(data) == 1})


def _read_pandas(data, what):
    times, calendar = read_index(data.index, what)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the index says, which is read here
        values, names = _numbers(data.reset_index(drop=True), what)
    is_series = names is None
    name = data.name if is_series else None
    form = {"kind": "pandas", "is_series": is_series, "name": name}
    names = names if not is_series else None if name is None else [name]
    return Collection([values], names, form, None, None if times is None else [times], calendar)


def _read_sequences(data, what):
    if data.categories:
        channel = next(iter(data.categories))
        raise ValueError(f"Channel {channel} of {what} holds categories, which are not forecast. Leave it out.")
    values = [np.asarray(one, dtype=np.float64 if one.dtype.kind != "f" else None) for one in data]
    times = calendar = None
    if data.times is not None:
        pieces = np.split(data.times, data.offsets[1:-1])
        times, calendar = _of_times(pieces, lambda i: called(data.ids, len(values), i), None)
    return Collection(values, data.channel_names, {"kind": "sequences"}, data.ids, times, calendar, data._static)


def _of_times(pieces, what, name, zone=None):
    """Times and the common calendar of series whose times are arrays."""
    if pieces[0].dtype.kind in "mM":
        import pandas

        pieces = [pandas.Index(piece) for piece in pieces]
        if zone is not None:
            pieces = [piece.tz_localize("UTC").tz_convert(zone) for piece in pieces]
        read = [read_index(piece, what(i)) for i, piece in enumerate(pieces)]
    else:
        read = [read_index(_NumberIndex(piece), what(i)) for i, piece in enumerate(pieces)]
    times = [times for times, _ in read]
    return times, common_calendar([one for _, one in read], times, what) | {"name": name}


class _NumberIndex:
    """Times that are numbers, as much of an index as `read_index` needs."""

    hasnans, name = False, None

    def __init__(self, values):
        self.values = values
        self.dtype = values.dtype

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def _read_long(data, id, time, what):
    """A table with a row for each step."""
    table = Table(data, what)
    if not table.names:
        raise ValueError(f"{what} has no column. {EXPECTED}")
    for name in [*(id if isinstance(id, list) else [id]), time]:
        if name is not None and name not in table.names:
            raise ValueError(f"{what} has no column {name!r}; its columns are {table.names}. Name another in id or time.")
    columns, is_date = {name: data[name] for name in table.names}, False
    key = id
    if id is None:
        key = "series"
        while key in columns:
            key += "_"
        columns |= {key: np.zeros(len(next(iter(columns.values()))), dtype=int)}
    sequences = Sequences.from_long(columns, id=key, time=time, elapsed=time is not None)
    if sequences.categories:
        name = sequences.channel_names[next(iter(sequences.categories))]
        raise ValueError(f"Column {name!r} of {what} holds no numbers. Leave it out, or pass features of whole series as static.")
    read = _read_sequences(Sequences(sequences.values, sequences.offsets, channel_names=sequences.channel_names), what)
    read.ids = None if id is None else sequences.ids
    if time is not None:
        pieces = np.split(sequences.times, sequences.offsets[1:-1])
        zone, is_date = _type_of_times(data[time])
        read.times, read.calendar = _of_times(pieces, read.what, time, zone)
    library = "builtins" if isinstance(data, Mapping) else type(data).__module__.partition(".")[0]
    read.form = {"kind": "long", "id": id, "time": time, "library": library, "is_date": is_date}
    return read


def _type_of_times(column):
    """Time zone of a column of any library, or None, and whether it holds dates without a time of day."""
    dtype = getattr(column, "dtype", None) if hasattr(column, "dtype") else getattr(column, "type", None)
    dtype = getattr(dtype, "pyarrow_dtype", dtype)
    zone = getattr(dtype, "time_zone", getattr(dtype, "tz", None))
    return None if zone is None else str(zone), str(dtype) in ("Date", "date32[day]", "date64[ms]")


def _read_levels(data, what):
    """What has an index of several levels: the last is the time, the others say which series a row belongs to."""
    names = list(data.index.names)
    levels = [f"level_{k}" if name is None else name for k, name in enumerate(names)]
    is_series = not hasattr(data, "columns")
    has_name = is_series and data.name is not None and data.name not in levels
    frame = data.to_frame(data.name if has_name else "values") if is_series else data
    frame = frame.rename_axis(levels).reset_index()
    read = _read_long(frame, levels[:-1] if len(levels) > 2 else levels[0], levels[-1], what)
    period = data.index.levels[-1]
    if hasattr(period, "to_timestamp"):  # which `Sequences` keep as dates
        import pandas

        indexes = [pandas.DatetimeIndex(times).to_period(period.freq) for times in read.times]
        parts = [read_index(index, read.what(i)) for i, index in enumerate(indexes)]
        read.times = [times for times, _ in parts]
        read.calendar = common_calendar([one for _, one in parts], read.times, read.what)
    read.form = {"kind": "levels", "names": names, "is_series": is_series, "name": data.name if is_series else None}
    return read


def _of_parts(parts, form, what):
    """Several series, each read by itself."""
    if not parts:
        raise ValueError(f"{what} holds no series. Pass at least one.")
    first, all_series = parts[0], all(part.form.get("is_series") for part in parts)
    for i, part in enumerate(parts):
        if part.n_channels != first.n_channels or (part.names != first.names and not all_series):
            raise ValueError(
                f"{what} {i} has the channels {part.names or part.n_channels}, but {what} 0 has"
                f" {first.names or first.n_channels}. Pass the same channels in the same order."
            )
    calendars = [part.calendar for part in parts]
    kinds = {None if calendar is None else calendar["kind"] for calendar in calendars}
    if len(kinds) > 1:
        raise ValueError(f"The indexes of {what} hold times of different kinds: {sorted(map(str, kinds))}. Give all the same.")
    times = None if None in calendars else [part.times[0] for part in parts]
    calendar = common_calendar(calendars, times, lambda i: f"{what} {i}")
    names = None if first.form.get("is_series") else first.names
    return Collection([part.values[0] for part in parts], names, form, None, times, calendar)


# ---- forecasts in the form of what came in ----


def restore(form, blocks, times, calendar, ids, names, suffixes=None):
    """Forecasts in the form of the series.

    Parameters
    ----------
    form : dict
        As a `Collection` has it.
    blocks : list of ndarray of shape (horizon, n_targets) or (horizon, n_targets, n_suffixes)
    times : list of ndarray of shape (horizon,), or None
    calendar : dict or None
    ids : ndarray or None
    names : list
        Of the targets; None for those without names.
    suffixes : list of str, default=None
        Names of the last axis.
    """
    return RESTORE[form["kind"]](form, blocks, times, calendar, ids, names, suffixes)


def _columns_of(block, names, suffixes):
    """Columns by their names, of a block (horizon, n_targets) or with a last axis."""
    if suffixes is None:
        return {name: block[:, j] for j, name in enumerate(names)}
    return {_joined(name, suffix): block[:, j, k] for j, name in enumerate(names) for k, suffix in enumerate(suffixes)}


def _joined(name, suffix):
    return suffix if name is None else f"{name}_{suffix}"


def _as_array(form, blocks, *_):
    return blocks[0][:, 0] if form["is_1d"] and blocks[0].shape[1] == 1 else blocks[0]


def _as_pandas(form, blocks, times, calendar, ids, names, suffixes):
    import pandas

    index = None if calendar is None else index_of(times[0], calendar)
    if form["is_series"] and suffixes is None:
        return pandas.Series(blocks[0][:, 0], index=index, name=form["name"])
    names = [form["name"]] if form["is_series"] else names
    return pandas.DataFrame(_columns_of(blocks[0], names, suffixes), index=index)


def _as_list(form, blocks, times, calendar, ids, names, suffixes):
    times = [None] * len(blocks) if times is None else times
    each = zip(form["items"], blocks, times, strict=True)
    return [restore(item, [block], None if of is None else [of], calendar, None, names, suffixes) for item, block, of in each]


def _as_block(form, blocks, *_):
    return np.stack(blocks)


def _as_sequences(form, blocks, times, calendar, ids, names, suffixes):
    values = np.concatenate([block.reshape(len(block), -1) for block in blocks])
    offsets = np.cumsum([0, *map(len, blocks)])
    channels = None if None in names else names
    if suffixes is not None and channels is not None:
        channels = [_joined(name, suffix) for name in names for suffix in suffixes]
    kept = None if times is None else np.concatenate(times)
    return Sequences(values, offsets, ids=ids, channel_names=channels, times=kept)


def _rows(blocks, times, calendar, ids, names, suffixes):
    """Columns of ids, times and values with a row for each step of each series."""
    columns = [_columns_of(block, names, suffixes) for block in blocks]
    values = {name: np.concatenate([of[name] for of in columns]) for name in columns[0]}
    stamps = None
    if times is not None:
        stamps = np.concatenate(times)
    numbers = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
    return numbers, stamps, values


def _as_long(form, blocks, times, calendar, ids, names, suffixes):
    numbers, stamps, values = _rows(blocks, times, calendar, ids, names, suffixes)
    if stamps is not None:
        stamps = _as_column(stamps, calendar, form)
    keys = {}
    if isinstance(form["id"], list):
        keys = {name: np.array([ids[i][k] for i in numbers]) for k, name in enumerate(form["id"])}
    elif form["id"] is not None:
        keys = {form["id"]: ids[numbers]}
    columns = keys | ({} if stamps is None else {form["time"]: stamps}) | values
    if form["library"] == "builtins":
        return columns
    library = sys.modules.get(form["library"]) or importlib.import_module(form["library"])
    return (library.table if form["library"] == "pyarrow" else library.DataFrame)(columns)


def _as_column(stamps, calendar, form):
    """Times as a column of the library of a table, with their zone."""
    library, zone = form["library"], calendar["zone"]
    if stamps.dtype.kind == "M" and library in ("polars", "pyarrow"):
        stamps = stamps if stamps.dtype.str.endswith(("[ms]", "[us]", "[ns]")) else stamps.astype("M8[us]")
        module = importlib.import_module(library)
        if library == "polars":
            column = module.Series(stamps)
            if form["is_date"]:
                return column.cast(module.Date)
            return column if zone is None else column.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        column = module.array(stamps)
        if form["is_date"]:
            return column.cast(module.date32())
        return column if zone is None else column.cast(module.timestamp(column.type.unit, zone))
    return index_of(stamps, calendar) if zone is not None or calendar["kind"] == "periods" else stamps


def _as_levels(form, blocks, times, calendar, ids, names, suffixes):
    import pandas

    numbers, stamps, values = _rows(blocks, times, calendar, ids, names, suffixes)
    if calendar["zone"] is not None or calendar["kind"] == "periods":
        stamps = index_of(stamps, calendar)
    n_keys = len(form["names"]) - 1
    keys = [ids[numbers]] if n_keys == 1 else [np.array([ids[i][k] for i in numbers]) for k in range(n_keys)]
    index = pandas.MultiIndex.from_arrays([*keys, stamps], names=form["names"])
    if form["is_series"] and suffixes is None:
        return pandas.Series(next(iter(values.values())), index=index, name=form["name"])
    return pandas.DataFrame(values, index=index)


RESTORE = {
    "array": _as_array,
    "pandas": _as_pandas,
    "list": _as_list,
    "block": _as_block,
    "sequences": _as_sequences,
    "long": _as_long,
    "levels": _as_levels,
}
