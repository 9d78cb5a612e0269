"""Plain arrays of numbers: forms of X that are read without `read_X`, to the same values.

Whatever is not plainly fine is left to `read_X`, which knows every form and says what is wrong.
"""

import sys

import numpy as np

from ..sequences.validation import compute_dtype


def plain_arrays(model, X):
    """X as one array (n_sequences, n_steps, n_channels) or a list of arrays (n_steps, n_channels), of any numbers and strides.

    Parameters
    ----------
    model : BaseRecurrent
        Fitted.
    X : object

    Returns
    -------
    ndarray, list of ndarray or None
        None where X is no such array, list, flat array or DataFrame, or is to be refused.
    """
    spec, known = model._network_spec, vars(model)
    if known.get("padding") is not None and type(X) is not list:
        return None
    if type(X) is np.ndarray and X.ndim == 3:
        return X if X.shape[2] == spec["input_size"] and X.size else None
    if spec["pooling"] is None or spec["categories"]:  # which no quick way takes
        return None
    if type(X) is list:
        X = X.copy()  # which nobody else shortens meanwhile
        return X if all([_is_plain(x, spec["input_size"]) for x in X]) else None
    if type(X) is np.ndarray:
        return _unflattened(model, X) if "feature_names_in_" not in vars(model) else None
    return _of_table(model, X)


def _is_plain(x, n_channels):
    return type(x) is np.ndarray and x.ndim == 2 and x.shape[1] == n_channels and x.size > 0


def _unflattened(model, X):
    """The sequences in the rows of a 2-D array like that of fit."""
    known, n_channels = vars(model), model.n_channels
    if (
        X.ndim != 2
        or not known.get("_flat")
        or n_channels != model._network_spec["input_size"]
        or X.shape[1] != model.n_features_in_
        or X.shape[1] % n_channels
        or X.size == 0
    ):
        return None
    return X.reshape(len(X), X.shape[1] // n_channels, n_channels)


def _of_table(model, X):
    """The same of a DataFrame with the columns of fit, all of them numbers by NumPy's types or polars'."""
    names = vars(model).get("feature_names_in_")
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if names is None:
        return None
    if pandas is not None and type(X) is pandas.DataFrame:
        if X.columns.tolist() != names.tolist() or not all([isinstance(t, np.dtype) and t.kind in "fiu" for t in set(X.dtypes)]):
            return None
    elif polars is not None and type(X) is polars.DataFrame:
        if X.columns != names.tolist() or not all([t.is_float() or t.is_integer() for t in set(X.dtypes)]):
            return None
    else:
        return None
    return _unflattened(model, X.to_numpy())


def in_c_order(arrays, dtype):
    """The same in C order and of a dtype, None where they are no numbers; by the way that `read_X` takes, since integers may be
    rounded twice."""
    if type(arrays) is np.ndarray:
        return arrays if arrays.dtype == dtype and arrays.flags.c_contiguous else _in_c_order(arrays, dtype)
    if all([x.dtype == dtype and x.flags.c_contiguous for x in arrays]):
        return arrays
    converted = [_in_c_order(x, dtype) for x in arrays]
    return None if any([x is None for x in converted]) else converted


def _in_c_order(x, dtype):
    if x.dtype.kind not in "fiu":
        return None
    # What is too large becomes infinite, and is refused for that.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(x, compute_dtype(x.dtype)).astype(dtype, copy=False)
