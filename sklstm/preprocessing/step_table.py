"""The table with one row for each step that `PerStep` passes to a transformer, and the one that the transformer returns."""

import numpy as np
from scipy.sparse import issparse


def as_table(steps, names):
    """The values of steps, with categories in place of their codes: a DataFrame if the channels have names, else an array."""
    if hasattr(steps.values, "columns"):
        return steps.values
    if names is None or (steps.names is not None and not all(isinstance(name, str) for name in names)):
        return as_array(steps)
    if len(names) != steps.n_channels:
        raise ValueError(
            f"channel_names has {len(names)} names, but X has {steps.n_channels} channels per step. Give one for each."
        )
    try:
        from pandas import DataFrame
    except ImportError:
        if steps.names is not None:  # the names came with X, and the transformer may not need them
            return as_array(steps)
        raise
    if not steps.categories:
        frame = DataFrame(steps.values, columns=names, copy=False)
        return frame.infer_objects() if steps.values.dtype == object else frame
    return DataFrame(dict(enumerate(steps.columns()))).set_axis(names, axis=1)


def as_array(steps):
    """The values of steps as an array, of objects if there are categories that are not numbers."""
    return np.column_stack([column.astype(object) for column in steps.columns()]) if steps.categories else steps.values


def dense(values):
    """A sparse array or a DataFrame, as a transformer returns it, as an array."""
    if issparse(values):
        return values.toarray()
    array = np.asarray(values)
    if array.dtype == object and hasattr(values, "columns"):  # such as bools beside floats
        columns = [np.asarray(values[name]) for name in values.columns]
        if all(column.dtype.kind in "fiub" for column in columns):
            return np.column_stack(columns)
    return array
