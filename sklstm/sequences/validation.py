"""The entry point of X: any accepted format -> `Sequences` that the kernels can read.

Which format an X has is decided by its type alone, never by its values, nor by the lengths that its sequences happen to have:

    Sequences                                         ragged
    list, tuple or 1-D object array of arrays         ragged; 1-D arrays are univariate sequences
    list or tuple of lists of numbers                 ragged and univariate, even if they are equally long
    list or tuple of lists of lists of numbers        ragged
    3-D array                                         n sequences of T steps with d channels
    Arrow column of lists, awkward array              ragged, by `Sequences.from_arrow`; a table of such columns, too
    2-D array, DataFrame                              rows are flattened (T, n_channels) sequences; the caller reads
                                                      these with scikit-learn's own validation

A new format that is not 2-D is a reader that makes `Sequences` of it, in a separate file beside this one, and a branch of
`array_or_list` that calls it, before `_refuse_foreign` where that would refuse its type. Columns of lists also have a public
constructor, `Sequences.from_arrow` (constructors.py), which is optional.
"""

from contextlib import nullcontext

import numpy as np
from sklearn import config_context, get_config

from .arrow import is_column_of_lists
from .container import Sequences, snapshot
from .convert import numbers_of_steps
from .errors import TIMES_AMONG_NUMBERS, raise_if_not_finite, refuse_mask, repeated, two_columns
from .items import column_names
from .padding import without_padding
from .refusals import array_of
from .static import static_in_dtype
from .unsupported import foreign

X_FORMATS = (
    "Expected a 3-D array of shape (n_sequences, n_steps, n_channels), a list of arrays of shape (n_steps, n_channels),"
    " sklstm.Sequences, or a 2-D array whose rows are flattened sequences."
)

DEEPEST = 8  # lists in lists, more than which mean nothing here: a list may contain itself


def numpy_alone():
    """A context in which scikit-learn reads arrays of any library as NumPy's, also where it is told to dispatch to their own."""
    return config_context(array_api_dispatch=False) if get_config()["array_api_dispatch"] else nullcontext()


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
        raise ValueError(f"X must be an array or a list of arrays, got {kind}. {X_FORMATS} Reshape your data.")
    refuse_mask(X, "X")
    if np.iterable(getattr(X, "columns", None)) and hasattr(X, "__getitem__"):
        twice = repeated(column_names(X))
        if twice:
            raise two_columns(twice[0])
        return X
    return X if hasattr(X, "shape") and hasattr(X, "dtype") else _converted(X)


def _converted(X):
    """What has no dtype as an array."""
    array = array_of("X", X, X_FORMATS)
    if array.ndim == 0:
        raise ValueError(f"X must be an array or a list of arrays, got {type(X).__name__}. {X_FORMATS} Reshape your data.")
    return array


def _refuse_foreign(X):
    """Raise a ValueError for what is in none of the formats, and say what to call to get one."""
    known = foreign(X)
    if known is None or (known.family == "sparse" and len(X.shape) == 2):  # of which scikit-learn says so
        return
    raise ValueError(f"X must be an array or a list of arrays, got {type(X).__name__}: {known.advice('X')} {X_FORMATS}")


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


def refuse_times_and_records(X):
    """Raise a ValueError where an array by its type holds what is not a number and becomes none."""
    if isinstance(X, np.ndarray) and X.dtype.kind in "mMV":
        advice = "Convert records to columns first." if X.dtype.kind == "V" else TIMES_AMONG_NUMBERS
        raise ValueError(f"X must hold numbers, got {X.dtype}. {advice}")


def holds_arrays(X):
    """Whether X is a 1-D array (or Series) whose items are arrays."""
    return len(getattr(X, "shape", ())) == 1 and X.dtype == object and any(np.ndim(item) > 0 for item in X)


def as_sequences(X, padding=None, allows_missing=False):
    """Read an X that is not tabular, as `array_or_list` returns it.

    Parameters
    ----------
    X : Sequences, 3-D array-like, column of lists, or list, tuple, Series or 1-D object array of sequences
    padding : float, default=None
        Leave steps out at either end of the rows of a 3-D array whose channels all have this value.
    allows_missing : bool, default=False
        Whether channels without categories may have NaN.

    Returns
    -------
    Sequences
        In C order, float32 or float64, at least one sequence, every length at least 1, every value finite, or missing where
        that is allowed. Its buffer is that of X where X already has this layout.

    Raises
    ------
    ValueError
        If X has no sequence, a sequence no step, the numbers of channels differ, or a value is NaN, infinite or no
        number.
    """
    if isinstance(X, Sequences):
        sequences = snapshot(X)
    elif isinstance(X, (list, tuple)) or holds_arrays(X):
        check_not_empty(np.ones(len(X)), 1)
        sequences = Sequences.from_list(X)
    else:
        sequences = from_dense(np.asarray(X), padding)
    return checked(sequences, allows_missing)


def checked(sequences, allows_missing=False):
    """The same sequences with values in C order and a dtype to compute in; raises where `as_sequences` says."""
    check_not_empty(sequences.lengths, sequences.n_channels)
    values = sequences.values
    numbers = numbers_of_steps(values, sequences.offsets, sequences.channel_names)
    values = np.ascontiguousarray(numbers, dtype=compute_dtype(values.dtype))
    # Any NaN or infinity makes the sum NaN or infinite; a finite sum can only come from finite values. A sum in float32, which
    # takes a quarter of the time of one in float64, may overflow: that costs no more than a look at each value.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(values.sum())
    if suspicious:
        categorical = sequences.categories
        raise_if_not_finite(
            sequences.offsets, values, sequences.channel_names, categorical=categorical, allows_missing=allows_missing
        )
    return sequences if values is sequences.values else sequences.with_values(values)


def check_not_empty(lengths, n_channels):
    """Raise a ValueError unless there is a sequence, each has a step, and the steps a channel."""
    if len(lengths) == 0:
        raise ValueError(f"Found array with 0 sample(s): X has no sequence, at least one is needed. {X_FORMATS}")
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        raise ValueError(
            f"Sequence {empty[0]} of X has no step; every sequence needs at least one. Drop it, and its y."
        )
    if n_channels == 0:
        raise ValueError("Found array with 0 feature(s): the sequences of X have no channel, at least one is needed.")


def from_dense(X, padding=None):
    """A 3-D array as `Sequences`, without the padding at its ends; raises a ValueError where it is not 3-D."""
    if X.ndim != 3:
        raise ValueError(f"Found array with dim {X.ndim}. {X_FORMATS}")
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


def in_dtype(sequences, dtype, allows_missing=False):
    """The sequences in the dtype that a model computes in; raises a ValueError where a value is too large for it."""
    sequences = static_in_dtype(sequences, dtype)
    if sequences.values.dtype == dtype:
        return sequences
    with np.errstate(over="ignore"):
        values = sequences.values.astype(dtype)
    infinity = f"a number too large for {dtype}, which the fitted model computes in"
    raise_if_not_finite(sequences.offsets, values, sequences.channel_names, infinity, allows_missing=allows_missing)
    return sequences.with_values(values)
