"""The one door for X: any accepted form -> `Sequences` that the kernels can read.

Which form an X has is decided by its type alone, never by its values, nor by the lengths that its sequences happen to have:

    Sequences                                         ragged
    list, tuple or 1-D object array of arrays         ragged; 1-D arrays are univariate sequences
    list or tuple of lists of numbers                 ragged and univariate, even if they are equally long
    list or tuple of lists of lists of numbers        ragged
    3-D array                                         n sequences of T steps with d channels
    Arrow column of lists, awkward array              ragged, by `Sequences.from_arrow`; a table of such columns, too
    2-D array, DataFrame                              rows are flattened (T, n_channels) sequences; the caller reads
                                                      these with scikit-learn's own validation
"""

from collections import Counter
from numbers import Integral

import numpy as np

from .arrow import is_column_of_lists
from .columns import as_floats
from .container import Sequences, snapshot
from .faults import TIMES_AMONG_NUMBERS, describe_non_number, holds_no_numbers, raise_if_not_finite, refuse_mask
from .foreign import foreign
from .items import column_names, column_of_times, column_types, may_hold_no_numbers
from .padding import without_padding
from .refusals import array_of

FORMS = (
    "Expected a 3-D array of shape (n_sequences, n_steps, n_channels), a list of arrays of shape (n_steps, n_channels),"
    " sklstm.Sequences, or a 2-D array whose rows are flattened sequences."
)


DEEPEST = 8  # lists in lists, more than which mean nothing here: a list may contain itself


def compute_dtype(dtype):
    """The dtype to compute in: float32 stays float32, everything else is float64."""
    return np.dtype(np.float32) if dtype.kind == "f" and dtype.itemsize == 4 else np.dtype(np.float64)


def array_or_list(X):
    """Any X as `Sequences`, a list or tuple, or what has a shape: the latter as it is, columns of lists as `Sequences`, arrays of
    dask computed.

    Raises
    ------
    ValueError
        If X is no list or array (or what scikit-learn takes or refuses as one), or hides values behind a mask.
    """
    if type(X) in (list, tuple) or isinstance(X, Sequences):
        return X
    if not isinstance(X, np.ndarray):
        _refuse_foreign(X)
        if isinstance(X, (list, tuple)):
            return X
        if is_column_of_lists(X):
            return Sequences.from_arrow(X)
        if hasattr(type(X), "__dask_graph__"):
            X = np.asarray(X)  # computed once, here
    shape = getattr(X, "shape", (0,))
    is_array = (hasattr(X, "shape") or hasattr(X, "__array__")) and not isinstance(X, type) and hasattr(shape, "__len__")
    if not is_array or len(shape) == 0:
        kind = "a scalar" if hasattr(X, "__array__") and not isinstance(X, type) else type(X).__name__
        raise ValueError(f"X must be an array or a list of arrays, got {kind}. {FORMS} Reshape your data.")
    refuse_mask(X, "X")
    if np.iterable(getattr(X, "columns", None)) and hasattr(X, "__getitem__"):
        _refuse_same_names(column_names(X))
        return X
    return X if hasattr(X, "shape") and hasattr(X, "dtype") else _converted(X)


def _converted(X):
    """What has no dtype as an array."""
    array = array_of("X", X, FORMS)
    if array.ndim == 0:
        raise ValueError(f"X must be an array or a list of arrays, got {type(X).__name__}. {FORMS} Reshape your data.")
    return array


def _refuse_foreign(X):
    """Raise a ValueError for what is none of the forms, and say what to call to get one."""
    known = foreign(X)
    if known is None or (known.family == "sparse" and len(X.shape) == 2):  # of which scikit-learn says so
        return
    raise ValueError(f"X must be an array or a list of arrays, got {type(X).__name__}: {known.advice('X')} {FORMS}")


def _refuse_same_names(names):
    if len(set(names)) < len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise ValueError(f"X has two columns called {twice!r}. Rename one, or pass X.to_numpy().")


def refuse_one_dimension(X):
    """Raise a ValueError where what is no list has one dimension."""
    if len(getattr(X, "shape", (0, 0))) == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead: X has shape {X.shape}. {FORMS} Reshape your data: one univariate sequence"
            " is passed as [X]."
        )


def is_tabular(X):
    """Whether X is 2-D: a table whose rows are flattened sequences, for scikit-learn's own validation to read."""
    if isinstance(X, (Sequences, list, tuple)):
        return False
    # DataFrames, sparse matrices and the like have a shape; of anything else scikit-learn says what is wrong.
    n_dimensions = len(getattr(X, "shape", ()))
    return n_dimensions < 3 and not holds_arrays(X)


def refuse_lists_of_rows(X, n_channels):
    """Raise a ValueError where the items of a list are univariate sequences, but `n_channels` says that there are several."""
    if n_channels == 1 or not (isinstance(X, (list, tuple)) or holds_arrays(X)):
        return
    if _nesting(X) == 2 or all(isinstance(item, np.ndarray) and item.ndim == 1 for item in X):
        raise ValueError(
            f"A list of lists of numbers, or of 1-D arrays, is a list of univariate sequences, but n_channels={n_channels}. Pass"
            " a table whose rows are flattened sequences as an array, np.asarray(X), and sequences of several channels as arrays"
            " of shape (n_steps, n_channels); or set n_channels=1."
        )


def holds_arrays(X):
    """Whether X is a 1-D array (or Series) whose items are arrays."""
    return len(getattr(X, "shape", ())) == 1 and X.dtype == object and any(np.ndim(item) > 0 for item in X)


def as_sequences(X, padding=None):
    """Read an X that is not tabular.

    Parameters
    ----------
    X : Sequences, 3-D array-like, column of lists, or list, tuple, Series or 1-D object array of sequences
    padding : float, default=None
        Leave steps out at either end of the rows of a 3-D array whose channels all have this value.

    Returns
    -------
    Sequences
        In C order, float32 or float64, at least one sequence, every length at least 1, every value finite. Its buffer
        is that of X where X already has that form.

    Raises
    ------
    ValueError
        If X has no sequence, a sequence no step, the numbers of channels differ, or a value is NaN, infinite or no
        number.
    """
    X = array_or_list(X)
    if isinstance(X, Sequences):
        sequences = snapshot(X)
    elif isinstance(X, (list, tuple)) or holds_arrays(X):
        if len(X) == 0:
            raise ValueError(f"Found array with 0 sample(s): X has no sequence, at least one is needed. {FORMS}")
        sequences = Sequences.from_list(X)
    else:
        X = np.asarray(X)
        if X.ndim != 3:
            raise ValueError(f"Found array with dim {X.ndim}. {FORMS}")
        sequences = _from_dense(X, padding)
    return checked(sequences)


def from_rows(X, n_channels, padding=None):
    """Read a 2-D array, each row a flattened (n_steps, n_channels) sequence, without the padding at its ends.

    Raises
    ------
    ValueError
        If the columns are no multiple of `n_channels`, or a value is NaN or infinite.
    """
    n_sequences, n_columns = X.shape
    check_columns(n_columns, n_channels)
    return checked(_from_dense(X.reshape(n_sequences, n_columns // n_channels, n_channels), padding))


def check_columns(n_columns, n_channels):
    """Raise a ValueError unless the columns of a 2-D X are a multiple of the channels."""
    if not isinstance(n_channels, Integral) or n_channels < 1:
        raise ValueError(f"n_channels must be an int of at least 1, got {n_channels!r}.")
    if n_columns % n_channels:
        raise ValueError(
            "A 2-D X holds one flattened (n_steps, n_channels) sequence per row, so its columns must be a multiple of"
            f" n_channels={n_channels}, got {n_columns} columns. Set n_channels, or pass a 3-D array."
        )


def checked(sequences):
    """The same sequences with values in C order and a dtype to compute in; raises where `as_sequences` says."""
    check_not_empty(sequences.lengths, sequences.n_channels)
    values = sequences.values
    if values.dtype.kind == "c":
        raise ValueError(
            "Complex data not supported: X must be real. Pass its real and imaginary parts as two channels."
        )
    try:
        plain = values if values.dtype.kind in "fiub" else as_floats(values)
        values = np.ascontiguousarray(plain, dtype=compute_dtype(values.dtype))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(describe_non_number(sequences.offsets, values, names=sequences.channel_names)) from error
    # Any NaN or infinity makes the sum NaN or infinite; a finite sum can only come from finite values.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(values.sum(dtype=np.float64))
    if suspicious:
        raise_if_not_finite(sequences.offsets, values, sequences.channel_names, categorical=sequences.categories)
    return sequences if values is sequences.values else sequences.with_values(values)


def check_not_empty(lengths, n_channels):
    """Raise a ValueError unless there is a sequence, each has a step, and the steps a channel."""
    if len(lengths) == 0:
        raise ValueError(f"Found array with 0 sample(s): X has no sequence, at least one is needed. {FORMS}")
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        raise ValueError(
            f"Sequence {empty[0]} of X has no step; every sequence needs at least one. Drop it, and its y."
        )
    if n_channels == 0:
        raise ValueError("Found array with 0 feature(s): the sequences of X have no channel, at least one is needed.")


def _from_dense(X, padding=None):
    if padding is not None:
        return Sequences(*without_padding(X, padding))
    n_sequences, n_steps, n_channels = X.shape
    return Sequences(X.reshape(n_sequences * n_steps, n_channels), np.arange(n_sequences + 1) * n_steps)


def _nesting(X):
    """How deeply lists are nested in X, as far as the first item tells: 1 for a list of numbers, 2 for a list of those; 0 where
    arrays are inside."""
    depth = 0
    while isinstance(X, (list, tuple)) and depth < DEEPEST:
        depth += 1
        if len(X) == 0:
            return depth
        X = X[0]
    return 0 if hasattr(X, "shape") and len(X.shape) else depth


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
    """What to say of a value in a 2-D X that is no number; None if there is none, or X is not 2-D.

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
    sequences = _from_dense(X.reshape(len(X), -1, n_channels if X.shape[1] % n_channels == 0 else 1))
    return describe_non_number(sequences.offsets, sequences.values)
