"""2-D X: arrays and DataFrames, each row a flattened (n_steps, n_channels) sequence."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from .categories import ADVICE, find_bad_code, in_own_type
from .channels import codes_of, stack_channels
from .container import Sequences
from .convert import exactly_joined, is_missing, numbers_of_channel
from .errors import PASS_LONG_TABLE, TIMES_AMONG_NUMBERS, describe_non_number, holds_no_numbers, two_columns
from .items import category_kind, column_names, column_of_times, column_types, may_hold_no_numbers
from .padding import real_steps, refuse_nothing_but_padding
from .parts import offsets_of
from .validation import X_FORMATS, checked, from_dense, holds_arrays

DTYPES = [np.float64, np.float32]  # anything else is converted to the first


def is_tabular(X):
    """Whether X is 2-D: a table whose rows are flattened sequences, for scikit-learn's own validation to read.

    Raises
    ------
    ValueError
        If what is no list of sequences has one dimension.
    """
    if isinstance(X, (Sequences, list, tuple)) or holds_arrays(X):
        return False
    # DataFrames, sparse matrices and the like have a shape; of anything else scikit-learn says what is wrong.
    shape = getattr(X, "shape", ())
    if len(shape) == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead: X has shape {X.shape}. {X_FORMATS} Reshape your data: one univariate"
            " sequence is passed as [X]."
        )
    return len(shape) < 3


def from_rows(X, n_channels, padding=None, allows_missing=False):
    """Read a 2-D array, each row a flattened (n_steps, n_channels) sequence, without the padding at its ends.

    Raises
    ------
    ValueError
        If the columns are no multiple of `n_channels`, or a value is infinite or, unless `allows_missing`, NaN.
    """
    n_sequences, n_columns = X.shape
    check_columns(n_columns, n_channels)
    return checked(from_dense(X.reshape(n_sequences, n_columns // n_channels, n_channels), padding), allows_missing)


def check_columns(n_columns, n_channels):
    """Raise a ValueError unless the columns of a 2-D X are a multiple of the channels."""
    if not isinstance(n_channels, Integral) or n_channels < 1:
        raise ValueError(f"n_channels must be an int of at least 1, got {n_channels!r}.")
    if n_columns % n_channels:
        raise ValueError(
            "A 2-D X holds one flattened (n_steps, n_channels) sequence per row, so its columns must be a multiple of"
            f" n_channels={n_channels}, got {n_columns} columns. Set n_channels, or pass a 3-D array."
        )


def refuse_converted(X, n_channels):
    """Raise a ValueError where a 2-D X, which NumPy took for numbers, holds texts or times."""
    is_frame = hasattr(X, "columns")
    types = column_types(X) if is_frame else [getattr(X, "dtype", np.dtype(object))]
    if not any(map(may_hold_no_numbers, types)):
        return
    where = locate_non_number(X, n_channels) if holds_no_numbers(np.asarray(X)) else None
    if where is None and is_frame and (name := column_of_times(X)) is not None:  # of which polars makes numbers
        where = f"X must hold numbers: column {name!r} holds times. {TIMES_AMONG_NUMBERS}"
    if where is not None:
        raise ValueError(where)


def locate_non_number(X, n_channels):
    """What to say of a value in a 2-D X that is not a number; None if there is none, or X is not 2-D.

    Where the columns are no multiple of the channels, each counts as a step.
    """
    if hasattr(X, "columns") and any("sparse" in str(dtype).lower() for dtype in column_types(X)):
        return "X has sparse columns, which are not supported. Pass X.sparse.to_dense()."
    try:
        X = np.asarray(X)
    except (TypeError, ValueError):
        return None
    if not isinstance(n_channels, Integral) or n_channels < 1 or X.ndim != 2 or X.size == 0 or X.dtype.kind not in "OUSTmM":
        return None
    sequences = from_dense(X.reshape(len(X), -1, n_channels if X.shape[1] % n_channels == 0 else 1))
    return describe_non_number(sequences.offsets, sequences.values)


def numeric_table(estimator, X, n_channels, reset=None):
    """A 2-D X by scikit-learn's own validation, finiteness apart; of a value that is not a number an error says where it is.

    Parameters
    ----------
    estimator : estimator
        Which gets `n_features_in_` and `feature_names_in_`, or has those that X is compared with, unless `reset` is None.
    X : 2-D
    n_channels : int
    reset : bool or None, default=None
    """
    check = {"dtype": DTYPES, "order": "C", "ensure_all_finite": False}
    try:
        if reset is None:
            table = check_array(X, **check, estimator=estimator, input_name="X")
        else:
            table = validate_data(estimator, X, **check, reset=reset)
    except (TypeError, ValueError, OverflowError) as error:
        where = locate_non_number(X, n_channels)
        if where is None:
            raise
        # scikit-learn tells a cell that is no string (TypeError) from a string that is not a number (ValueError).
        hint = f" {PASS_LONG_TABLE}" if hasattr(X, "columns") else ""
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{where} ({error}){hint}") from error
    refuse_converted(X, n_channels)
    return table


# ---- DataFrames with categories ----


def names_of_columns(X):
    """Names of the columns of a DataFrame, as texts; None for what is none."""
    if not (hasattr(X, "columns") and hasattr(X, "__getitem__")):
        return None
    names = [str(name) for name in column_names(X)]
    if not names:
        raise ValueError("Found array with 0 feature(s): X is a DataFrame without columns, at least one is needed.")
    return names


def refuse_other_categories(X, names, channels, n_channels):
    """Raise if a column of categories belongs to a channel that is read as numbers."""
    for j, (name, dtype) in enumerate(zip(names, column_types(X), strict=True)):
        kind = category_kind(dtype)
        if kind and j % n_channels not in channels:
            raise ValueError(
                f"Column {name!r} of X holds categories ({kind}), but its channel {j % n_channels} is read as numbers. Name it in"
                f" categorical_features, or convert the column to numbers. {PASS_LONG_TABLE}"
            )


def read_frame(X, channels, n_channels, padding=None, allows_missing=False):
    """The sequences in the rows of a DataFrame; its categorical channels hold codes of what is in their columns.

    Parameters
    ----------
    X : DataFrame
    channels : tuple of int
        The categorical ones.
    n_channels : int
        Column j belongs to channel j modulo n_channels.
    padding : float, default=None
        Leave steps out at either end of the rows whose channels all have this value.
    allows_missing : bool, default=False
        Whether numeric channels may have NaN.

    Returns
    -------
    Sequences
    """
    names = column_names(X)
    columns = [_column(X, name) for name in names]
    by_type = [bool(category_kind(dtype)) for dtype in column_types(X)]
    first, last = _real_steps(columns, n_channels, padding)
    steps = np.arange(len(columns) // n_channels)
    is_real = (steps >= first[:, np.newaxis]) & (steps < last[:, np.newaxis])
    offsets = offsets_of(last - first)
    read = []
    for channel in range(n_channels):
        own, own_names = columns[channel::n_channels], names[channel::n_channels]
        if channel in channels:
            read.append(_categories_of(own, own_names, by_type[channel::n_channels], is_real, channel))
        else:
            read.append((_numbers_of(own, is_real, offsets, channel), None))
    values, categories = stack_channels(read)
    return checked(Sequences(values, offsets, categories=categories), allows_missing)


def _column(X, name):
    """The column of a name as an array (n_rows,)."""
    column = np.asarray(X[name])
    if column.ndim != 1:  # several: two NaN differ, but each names both columns
        raise two_columns(name)
    return column


def _real_steps(columns, n_channels, padding):
    """First step of each row that is no padding, and the one after its last."""
    n_rows, n_steps = len(columns[0]), len(columns) // n_channels
    if padding is None:
        return np.zeros(n_rows, np.intp), np.full(n_rows, n_steps)
    same = [is_missing(column) if padding != padding else np.asarray(column == padding, dtype=bool) for column in columns]
    first, last = real_steps(np.stack(same, axis=1).reshape(n_rows, n_steps, n_channels), True, "both")
    refuse_nothing_but_padding(first, last, padding)
    return first, last


def _in_steps(columns, is_real):
    """Values (total_steps,) of the columns of a channel, of all columns one after the other."""
    return columns.reshape(is_real.shape[1], is_real.shape[0]).T[is_real]


def _numbers_of(columns, is_real, offsets, channel):
    """Numbers (total_steps,) of a channel, float32 if all of its columns are, else float64."""
    if all(column.dtype.kind in "fiub" for column in columns):
        dtype = np.float32 if all(column.dtype == np.float32 for column in columns) else np.float64
        return _in_steps(np.concatenate(columns, dtype=dtype), is_real)
    values = _in_steps(np.concatenate([column.astype(object) for column in columns]), is_real)
    return numbers_of_channel(values, offsets, channel).astype(np.float64)


def _categories_of(columns, names, by_type, is_real, channel):
    """Codes (total_steps,) of the values of a channel, -1 for numbers below 0 that are no categories by type, and the values."""
    unknown = np.zeros(is_real.shape, dtype=bool)
    for step, (column, name) in enumerate(zip(columns, names, strict=True)):
        real = is_real[:, step]
        missing = is_missing(column) & real
        if missing.any():
            raise ValueError(
                f"Input X contains NaN: the categorical column {name!r} has no value in row {missing.argmax()}."
                " Fill missing values, for instance with a category of their own."
            )
        if column.dtype.kind in "fiub" and not by_type[step]:
            bad = find_bad_code(np.where(real, column, np.float64(0)))
            if bad:
                raise ValueError(f"Column {name!r} of X is categorical, but row {bad[0]} is {bad[1]}. {ADVICE}")
            unknown[:, step] = column < 0
    unknown = unknown[is_real]
    values = in_own_type(_in_steps(exactly_joined(columns), is_real))
    return codes_of(values, unknown, f"Channel {channel} of X", is_sorted=False)
