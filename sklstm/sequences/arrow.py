"""Columns of lists in the memory layout of Arrow, a list for each sequence, read by their buffers.

Whatever speaks Arrow's protocols (pyarrow, polars, pandas, awkward ...) comes in through pyarrow, which copies no buffer.
"""

from typing import NamedTuple

import numpy as np

from .channels import stack_channels
from .columns import Column
from .errors import place_of
from .extras import why_not
from .refusals import refused_as

LISTS = ("list", "large_list", "fixed_size_list", "array(")  # how the names of such types begin in pyarrow, pandas and polars

UNSOUND = "Create it again with pyarrow.array(lists), and check it with validate(full=True)."

TEXTS = {"string", "large_string", "string_view"}


def is_column_of_lists(X):
    """Whether X is a column of lists by its type, an awkward array, or a table of nothing but such columns."""
    if type(X).__module__.partition(".")[0] == "awkward":
        return hasattr(X, "__arrow_array__")
    if hasattr(X, "columns"):
        kinds = X.schema.types if hasattr(X, "schema") and hasattr(X.schema, "types") else getattr(X, "dtypes", ())
    else:
        kinds = [X.dtype if hasattr(X, "dtype") else getattr(X, "type", None)]
    kinds = list(kinds) if np.iterable(kinds) else []
    return bool(kinds) and all(str(kind).lower().startswith(LISTS) for kind in kinds)


@refused_as("The column of lists", "Expected a list of numbers, or of steps, for each sequence.")
def read_arrow(data):
    """The arguments of `Sequences` from a column of lists, or a table of such."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError(
            f"Columns of lists are read through pyarrow, which {why_not('pyarrow', error, 'arrow')}, or pass a list of arrays of"
            " shape (n_steps, n_channels)."
        ) from error
    if hasattr(data, "columns"):
        names = list(data.column_names if isinstance(data, (pa.Table, pa.RecordBatch)) else data.columns)
        lists = _stack_columns(names, [_read_column(data[name], pa, f"Column {name!r}") for name in names])
    else:
        lists = _read_column(data, pa, "X")
    return lists._asdict()


class _Lists(NamedTuple):
    """What is in the lists of a column; the attributes are those of `Sequences`."""

    values: np.ndarray
    offsets: np.ndarray
    channel_names: list | None
    categories: dict


def _stack_columns(names, columns):
    """The channels of a table, one column each, or the column of a table that has no other."""
    if not columns:
        raise ValueError("The table has no column. Expected a column of lists for each channel.")
    first = columns[0]
    if len(columns) == 1 and first.values.shape[1] > 1:
        return first
    expected = np.diff(first.offsets)
    for name, column in zip(names, columns, strict=True):
        if column.values.shape[1] != 1:
            raise ValueError(
                f"Column {name!r} has {column.values.shape[1]} values in each step, but in a table every column is one channel."
                " Pass the column alone, or each channel as a column of its own."
            )
        lengths = np.diff(column.offsets)
        differs = np.flatnonzero(lengths != expected)
        if len(differs):
            raise ValueError(
                f"All channels of a sequence must have the same steps: in sequence {differs[0]}, {names[0]!r} has"
                f" {expected[differs[0]]} and {name!r} has {lengths[differs[0]]}. Write nulls where values are"
                " missing."
            )
    if len(columns) == 1:
        return _Lists(first.values, first.offsets, names, first.categories)
    values, categories = stack_channels([(column.values[:, 0], column.categories.get(0)) for column in columns])
    return _Lists(values, first.offsets, names, categories)


def _array(column, pa, what):
    """A column of any library as one pyarrow array, checked."""
    if not isinstance(column, (pa.Array, pa.ChunkedArray)):
        if hasattr(column, "__arrow_array__") or hasattr(column, "__arrow_c_array__"):
            column = pa.array(column)
        elif hasattr(column, "__arrow_c_stream__"):
            column = pa.chunked_array(column)
        elif hasattr(column, "array"):  # a Series of pandas before 3
            column = pa.array(column)
        else:
            raise ValueError(
                f"Expected an Arrow column of lists or an awkward array, got {type(column).__name__}. For a list of arrays use"
                " Sequences.from_list."
            )
    try:
        column.validate(full=True)  # offsets and indices of categories too: Arrow takes the buffers of others unchecked
    except pa.ArrowInvalid as error:
        raise ValueError(f"{what} is no sound Arrow array: {error}. {UNSOUND}") from error
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def _read_column(column, pa, what):
    """`_Lists` of a column of any library; `what` names it in messages."""
    array = _array(column, pa, what)
    if array.null_count:
        missing = array.is_null().to_numpy(zero_copy_only=False).argmax()
        raise ValueError(
            f"{what} has no list for sequence {missing}, which is null. Drop the sequence and its y. (A sequence without steps"
            " would be an empty list.)"
        )
    split = _split(array, pa)
    if split is None:
        raise ValueError(f"{what} must be a column of lists, one per sequence, got {array.type}.")
    offsets, steps = split
    if pa.types.is_struct(steps.type) and steps.type.num_fields:
        names = [field.name for field in steps.type]
        values, categories = stack_channels([_read_numbers(field, pa, what) for field in steps.flatten()])
        return _Lists(values, offsets, names, categories)
    split = _split(steps, pa)
    numbers, known = _read_numbers(steps if split is None else split[1], pa, what)
    values = numbers[:, np.newaxis] if split is None else _read_inner_lists(steps, split[0], numbers, offsets, what)
    return _Lists(values, offsets, None, {} if known is None else dict.fromkeys(range(values.shape[1]), known))


def _split(array, pa):
    """Offsets from 0, and the items of all lists one after the other; None for what is no array of lists."""
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        size = kind.list_size
        return np.arange(len(array) + 1) * size, array.values.slice(array.offset * size, len(array) * size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        offsets = array.offsets.to_numpy()
        return offsets - offsets[0], array.values.slice(offsets[0], offsets[-1] - offsets[0])
    return None


def _read_inner_lists(steps, ends, numbers, offsets, what):
    """Values (n_steps, n_channels) of steps that are lists of as many numbers; NaN for a step that is null."""
    there, widths = ~steps.is_null().to_numpy(zero_copy_only=False), np.diff(ends)
    n_channels = int(widths[there.argmax()]) if there.any() else int(widths.max(initial=0))
    other = np.flatnonzero(there & (widths != n_channels))
    if len(other):
        raise ValueError(
            f"Every step of {what} needs the same channels: the first has {n_channels}, {place_of(offsets, other[0])} has"
            f" {widths[other[0]]}."
        )
    if there.all():
        return numbers.reshape(len(steps), n_channels)
    values = np.full((len(steps), n_channels), np.nan, np.float32 if numbers.dtype == np.float32 else np.float64)
    values[there] = numbers[np.repeat(there, widths)].reshape(-1, n_channels)
    return values


def _read_numbers(array, pa, what):
    """Numbers (n,), NaN where null, and the categories that they are codes of, or None."""
    kinds, kind, missing = pa.types, array.type, array.is_null().to_numpy(zero_copy_only=False)
    if str(kind) in TEXTS:
        column = _read_categories(array.cast(pa.large_string()).dictionary_encode(), missing, texts=True)
        column.refuse_numerals(what, "column")
        return column.numbers(what)
    if kinds.is_dictionary(array.type):
        return _read_categories(array, missing).numbers(what)
    if kinds.is_decimal(kind) or kinds.is_null(kind) or (kinds.is_boolean(kind) and array.null_count):
        array = array.cast(pa.float64())
    elif not (kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind)):
        raise ValueError(
            f"{what} holds {kind} in its lists. Each step must be a number, boolean, category or text, a list of a fixed number"
            " of these, or a struct of them."
        )
    return Column(array.to_numpy(zero_copy_only=False), missing).numbers(what)


def _read_categories(array, missing, texts=False):
    """Codes of a dictionary array, in the order of its sorted values."""
    values = array.dictionary.to_numpy(zero_copy_only=False)
    categories, rank = np.unique(values, return_inverse=True)
    codes = np.full(len(array), -1)
    codes[~missing] = rank[array.indices.drop_null().to_numpy(zero_copy_only=False)]
    return Column(codes, missing, categories, texts)
