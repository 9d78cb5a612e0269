"""The one door for X: any accepted form -> `Sequences` that the kernels can read.

Which form an X has is decided by its structure alone, never by its values:

    Sequences                                         ragged
    list, tuple or 1-D object array of arrays         ragged; 1-D arrays are univariate sequences
    list or tuple of lists of numbers                 2-D if they are equally long, else ragged and univariate
    list or tuple of lists of lists of numbers        3-D if they are equally long, else ragged
    3-D array                                         n sequences of T steps with d channels
    Arrow column of lists, awkward array              ragged, by `Sequences.from_arrow`; a table of such columns, too
    2-D array, DataFrame                              rows are flattened (T, n_channels) sequences; the caller reads
                                                      these with scikit-learn's own validation
"""

from numbers import Integral

import numpy as np

from .arrow import is_column_of_lists
from .columns import as_floats
from .container import Sequences, snapshot
from .faults import describe_non_number, raise_if_not_finite, refuse_mask

FORMS = (
    "Expected a 3-D array of shape (n_sequences, n_steps, n_channels), a list of arrays of shape (n_steps, n_channels),"
    " sklstm.Sequences, or a 2-D array whose rows are flattened sequences."
)


def compute_dtype(dtype):
    """The dtype to compute in: float32 stays float32, everything else is float64."""
    return np.dtype(np.float32) if dtype.kind == "f" and dtype.itemsize == 4 else np.dtype(np.float64)


def array_or_list(X):
    """Any X as `Sequences`, a list or tuple, or what has a shape: the latter as it is, columns of lists as `Sequences`.

    Raises
    ------
    ValueError
        If X is no list or array (or what scikit-learn takes or refuses as one), or hides values behind a mask.
    """
    if not isinstance(X, (Sequences, np.ndarray, list, tuple)) and is_column_of_lists(X):
        return Sequences.from_arrow(X)
    if isinstance(X, (Sequences, list, tuple)):
        return X
    if not (hasattr(X, "shape") or hasattr(X, "__array__")) or len(getattr(X, "shape", (0,))) == 0:
        kind = "a scalar" if hasattr(X, "__array__") else type(X).__name__
        raise ValueError(f"X must be an array or a list of arrays, got {kind}. {FORMS} Reshape your data.")
    refuse_mask(X, "X")
    return X if hasattr(X, "shape") else np.asarray(X)


def is_tabular(X, lists_are_ragged=False):
    """Whether X is 2-D: a table whose rows are flattened sequences, for scikit-learn's own validation to read.

    Parameters
    ----------
    X : object
    lists_are_ragged : bool, default=False
        Read lists of numbers as sequences even where they are equally long: what a model of sequences does, for which
        one batch may happen to be so.
    """
    if isinstance(X, Sequences):
        return False
    if isinstance(X, (list, tuple)):
        return (
            not lists_are_ragged
            and _nesting(X) == 2
            and len({np.shape(row)[:1] if np.ndim(row) == 0 else len(row) for row in X}) == 1
        )
    # DataFrames, sparse matrices and the like have a shape; of anything else scikit-learn says what is wrong.
    n_dimensions = len(getattr(X, "shape", ()))
    return n_dimensions < 3 and not holds_arrays(X)


def holds_arrays(X):
    """Whether X is a 1-D array (or Series) whose items are arrays."""
    return len(getattr(X, "shape", ())) == 1 and X.dtype == object and any(np.ndim(item) > 0 for item in X)


def as_sequences(X):
    """Read an X that is not tabular.

    Parameters
    ----------
    X : Sequences, 3-D array-like, column of lists, or list, tuple, Series or 1-D object array of sequences

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
        sequences = _from_dense(X)
    return checked(sequences)


def from_rows(X, n_channels):
    """Read a 2-D array, each row a flattened (n_steps, n_channels) sequence.

    Raises
    ------
    ValueError
        If the columns are no multiple of `n_channels`, or a value is NaN or infinite.
    """
    n_sequences, n_columns = X.shape
    check_columns(n_columns, n_channels)
    return checked(_from_dense(X.reshape(n_sequences, n_columns // n_channels, n_channels)))


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
        raise_if_not_finite(sequences.offsets, values, sequences.channel_names)
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


def _from_dense(X):
    n_sequences, n_steps, n_channels = X.shape
    return Sequences(X.reshape(n_sequences * n_steps, n_channels), np.arange(n_sequences + 1) * n_steps)


def _nesting(X):
    """How deeply lists are nested in X: 1 for a list of numbers, 2 for a list of those; 0 where arrays are inside."""
    depth = 0
    while isinstance(X, (list, tuple)):
        depth += 1
        if len(X) == 0:
            return depth
        if depth == 1 and any(isinstance(item, np.ndarray) for item in X):
            return 0
        X = X[0]
    return depth if np.ndim(X) == 0 else 0


def locate_non_number(X, n_channels):
    """What to say of a value in a 2-D X that is no number; None if there is none, or X is not 2-D."""
    try:
        X = np.asarray(X)
    except (TypeError, ValueError):
        return None
    if not isinstance(n_channels, Integral) or n_channels < 1:
        return None
    if X.ndim != 2 or X.dtype.kind not in "OUS" or X.shape[1] % n_channels:
        return None
    sequences = _from_dense(X.reshape(len(X), -1, n_channels))
    return describe_non_number(sequences.offsets, sequences.values)
