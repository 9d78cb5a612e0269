"""The items of a list as sequences: arrays, lists of numbers or of steps, DataFrames."""

import reprlib

import numpy as np

from .channels import stack_channels
from .columns import Column
from .convert import exactly_joined, numbers_of_channel, numbers_of_steps
from .errors import channels_first_hint, refuse_mask
from .index import refuse_falling_index
from .parts import offsets_of
from .refusals import refused_as
from .unsupported import foreign


@refused_as("X", "Expected a list of arrays of shape (n_steps, n_channels).")
def read_items(items):
    """The arguments of `Sequences` from a list of sequences.

    Raises
    ------
    ValueError
        If the list is empty, or if a sequence is neither 1-D nor 2-D, is not numeric, or has a different number of channels.
    """
    if not items:
        raise ValueError("The list has no sequence, so the number of channels is unknown. Give at least one.")
    names = common_columns(items)
    if names is not None and not all(map(_is_of_numbers, items)):
        return _read_frames(items, names)
    arrays = of_one_width([_numeric_array(item, i) for i, item in enumerate(items)])
    single = all(array.dtype == np.float32 for array in arrays)
    offsets = offsets_of(list(map(len, arrays)))
    values = np.concatenate(arrays, dtype=np.float32 if single else np.float64)
    return {"values": values, "offsets": offsets, "channel_names": names}


# ---- DataFrames ----


def common_columns(items):
    """Names of the columns of those items that are DataFrames, None if none is; raises if they differ, or an index falls."""
    if any(hasattr(kind, "iloc") for kind in set(map(type, items))):
        for i, item in enumerate(items):
            refuse_falling_index(item, f"sequence {i}")
    if not any(hasattr(kind, "columns") for kind in set(map(type, items))):
        return None
    for i, item in enumerate(items):
        if hasattr(type(item), "columns") and foreign(item):
            _converted(item, i)  # which says what it is
    (first, names), *others = ((i, column_names(item)) for i, item in enumerate(items) if hasattr(item, "columns"))
    for i, other in others:
        if other != names:
            raise ValueError(
                f"All sequences of X must have the same channels: the columns of sequence {first} are {names}, those of sequence"
                f" {i} are {other}. Pass the same columns in the same order."
            )
    return names


def column_names(item):
    """Names of the columns of a DataFrame, or of an Arrow table, whose `columns` are these themselves."""
    return list(item.column_names if hasattr(item, "column_names") else item.columns)


def category_kind(dtype):
    """Name of the type of a column that is categories by its type; empty for others."""
    kind = "" if isinstance(dtype, np.dtype) else str(dtype).lower()
    return kind if kind.startswith(("category", "categorical", "enum", "dictionary")) else ""


def column_types(frame):
    """The dtype of each column of a DataFrame, of any library."""
    if hasattr(frame, "schema") and hasattr(frame.schema, "types"):  # an Arrow table
        return list(frame.schema.types)
    if hasattr(frame, "dtypes"):
        return list(frame.dtypes)
    return [getattr(frame[name], "dtype", "object") for name in frame.columns]


def column_of_times(frame):
    """Name of the first column that holds times by its type, which some libraries make numbers of; None if there is none."""
    types = zip(column_names(frame), column_types(frame), strict=True)
    return next((name for name, dtype in types if str(dtype).lower().startswith(OF_TIMES)), None)


OF_TIMES = ("date", "time", "duration", "period", "interval")


def may_hold_no_numbers(dtype):
    """Whether the column of a DataFrame may hold something else than numbers, by its dtype."""
    kind = getattr(dtype, "kind", None)
    return kind not in "fiub" if kind else not str(dtype).lower().startswith(("int", "uint", "float", "double", "bool", "half"))


def _is_of_numbers(item):
    return not hasattr(item, "columns") or not any(map(may_hold_no_numbers, column_types(item)))


def _read_frames(items, names):
    """`read_items` of DataFrames, which are read as one that has the rows of all would be."""
    offsets = offsets_of(list(map(len, items)))
    arrays = [None if hasattr(item, "columns") else sequence_array(item, i).astype(object) for i, item in enumerate(items)]
    of_one_width([np.empty((1, len(names))), *(array for array in arrays if array is not None)])
    channels = []
    for j, name in enumerate(names):
        parts = [
            np.asarray(item[name]) if array is None else array[:, j] for item, array in zip(items, arrays, strict=True)
        ]
        by_type = any(hasattr(item, "columns") and category_kind(column_types(item)[j]) for item in items)
        channels.append(_read_channel(exactly_joined(parts), by_type, j, offsets, names))
    values, categories = stack_channels(channels)
    values = values.astype(values.dtype if values.dtype == np.float32 else np.float64, copy=False)
    return {"values": values, "offsets": offsets, "channel_names": names, "categories": categories}


def _read_channel(values, by_type, channel, offsets, names):
    """Numbers (total_steps,) of a channel, and the categories that they are codes of, or None."""
    column = Column.of(values)
    if by_type:
        return column.categorical(f"Column {names[channel]!r}").numbers(names[channel])
    if column.holds_texts():
        return column.numbers(names[channel])
    return numbers_of_channel(values, offsets, channel, names), None


# ---- arrays ----


def of_one_width(arrays):
    """The arrays (n_steps, n_channels), which must agree in their channels."""
    # A sequence without steps does not tell its channels.
    first = next((i for i, array in enumerate(arrays) if array.size), 0)
    n_channels = arrays[first].shape[1]
    for i, array in enumerate(arrays):
        if array.shape[1] != n_channels and array.size:
            raise ValueError(
                f"All sequences of X must have the same channels: sequence {first} has {n_channels}, sequence {i}"
                f" has {array.shape[1]}. Pass every sequence as an array of shape (n_steps, n_channels)."
                + channels_first_hint({len(array) for array in arrays}, "[x.T for x in X]")
            )
    return [array if array.size else array.reshape(0, n_channels) for array in arrays]


def sequence_array(item, i):
    """One sequence as an array (n_steps, n_channels), of whatever it holds."""
    array = item if type(item) is np.ndarray else _converted(item, i)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.dtype.kind in "SUT" and array.ndim == 0:
        raise ValueError(
            f"Sequence {i} of X is a text, {reprlib.repr(array.item())}, expected numbers. Make codes of texts first, with"
            ' sklstm.preprocessing.SequenceTokenizer, and fit with categorical_features="all".'
        )
    if array.ndim != 2:
        kind = f"is a {type(item).__name__} that " if array.dtype.kind == "O" and array.ndim == 0 else ""
        raise ValueError(
            f"Sequence {i} of X {kind}has {array.ndim} dimensions (shape {array.shape}), expected an array of shape (n_steps,"
            " n_channels) or (n_steps,). Reshape your data: a single sequence x is passed as [x]."
        )
    return array


def _converted(item, i):
    """An item that is no plain array as one."""
    known = None
    if type(item) is not list:  # the most common, and neither
        refuse_mask(item, f"Sequence {i} of X")
        known = foreign(item)
    if known is not None:
        raise ValueError(
            f"Sequence {i} of X is {known}, expected an array of shape (n_steps, n_channels) or (n_steps,). Pass"
            f" [{known.call.format('x')} for x in X] if each is so."
        )
    if hasattr(item, "as_py"):  # a scalar of Arrow, whose buffer NumPy would take for numbers
        item = item.as_py() if getattr(item, "values", None) is None else item.values
    try:
        array = np.asarray(item)
    except ValueError as error:
        raise ValueError(
            f"Sequence {i} of X is no array: its steps differ in length. Every step needs the same channels. Pass an array of"
            " shape (n_steps, n_channels)."
        ) from error
    except Exception as error:  # of the library that it is of
        raise ValueError(
            f"Sequence {i} of X, a {type(item).__name__}, does not become an array: {error} Convert it to a NumPy array first."
        ) from error
    if array.dtype.kind in "US" and array.ndim and not hasattr(item, "dtype"):  # numbers among texts are to stay numbers
        array = np.asarray(item, dtype=object)
    return array


def _numeric_array(item, i):
    """One sequence as a numeric array (n_steps, n_channels)."""
    array = sequence_array(item, i)
    return array if array.dtype.kind in "fiub" else numbers_of_steps(array, np.array([0, len(array)]), first=i)
