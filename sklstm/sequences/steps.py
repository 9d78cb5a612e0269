"""`Steps`: the steps of any accepted X one after the other, of whatever they hold, and the way back to the format of X."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .channels import decoded, stack_channels
from .columns import Column
from .container import Sequences, snapshot
from .convert import numbers_or_objects
from .items import common_columns, of_one_width, sequence_array
from .parts import offsets_of
from .validation import check_not_empty, from_dense, holds_arrays


@dataclass(frozen=True, eq=False)
class Steps:
    """The steps of all sequences.

    Attributes
    ----------
    values : ndarray or DataFrame of shape (total_steps, n_channels)
        The buffer of X where that has this layout in C order, else a copy, so that the same data in any format are the same
        table; of X's dtype. A DataFrame if the sequences were some.
    offsets : ndarray of int of shape (n_sequences + 1,)
        Sequence i is the rows ``offsets[i]`` to ``offsets[i + 1] - 1``.
    rebuild : callable
        ``rebuild(values, offsets)`` gives other values (total_steps, k) the format that X had: views where the layout allows.
    names : list or None
        What the channels are called.
    container : Sequences or None
        X, if it is that.
    """

    values: object
    offsets: np.ndarray
    rebuild: Callable
    names: list | None = None
    container: Sequences | None = None

    @property
    def lengths(self):
        return np.diff(self.offsets)

    @property
    def n_channels(self):
        return self.values.shape[1]

    @property
    def ids(self):
        return None if self.container is None else self.container.ids

    @property
    def categories(self):
        return {} if self.container is None else self.container.categories

    @property
    def static(self):
        return None if self.container is None else self.container._static

    @property
    def times(self):
        return None if self.container is None else self.container._times

    def __len__(self):
        return len(self.offsets) - 1

    def columns(self):
        """The channels one by one, each an array (total_steps,): of categories these themselves, not their codes."""
        return [
            decoded(self.container, channel) if channel in self.categories else self.values[:, channel]
            for channel in range(self.n_channels)
        ]

    @classmethod
    def from_table(cls, table, n_channels):
        """From a 2-D array, each row a flattened (n_steps, n_channels) sequence."""
        n_rows, n_steps = len(table), table.shape[1] // n_channels
        values = np.ascontiguousarray(table).reshape(n_rows * n_steps, n_channels)
        return cls(values, n_steps * np.arange(n_rows + 1), lambda values, _: values.reshape(n_rows, -1))

    @classmethod
    def from_sequences(cls, X, may_be_empty=False):
        """From an X that is not 2-D.

        Parameters
        ----------
        X : Sequences, 3-D array, or list, tuple, Series or 1-D object array of arrays or DataFrames
        may_be_empty : bool, default=False
            Whether a sequence may have no step.

        Raises
        ------
        ValueError
            If X is nothing of the kind or has no sequence, if a sequence has no step but must, or if their channels differ.
        """
        if isinstance(X, Sequences):
            steps = _of_container(snapshot(X))
        elif isinstance(X, (list, tuple)) or holds_arrays(X):
            steps = _of_items(X)
        else:
            steps = _of_dense(np.asarray(X))
        check_not_empty(np.ones(len(steps)) if may_be_empty else steps.lengths, steps.n_channels)
        return steps

    def restore_format(self, values):
        """Other values (total_steps, k), in the format that X had."""
        return self.rebuild(values, self.offsets)


def _of_container(X):
    def rebuild(values, offsets):
        categories = None
        if values.dtype.kind not in "fiub" and X.values.dtype.kind in "fiub":  # texts, which such Sequences have as codes
            channels = [Column.of(numbers_or_objects(channel)) for channel in values.T]
            values, categories = stack_channels([channel.numbers(f"{j} of what came out") for j, channel in enumerate(channels)])
        return Sequences(values, offsets, ids=X.ids, categories=categories, static=X._static, times=X._times)

    return Steps(np.ascontiguousarray(X.values), X.offsets, rebuild, X.channel_names, X)


def _of_dense(X):
    dense = from_dense(np.asarray(X, order="C"))
    return Steps(dense.values, dense.offsets, lambda values, _: values.reshape(*X.shape[:2], values.shape[1]))


def _of_items(X):
    items = list(X)
    check_not_empty(np.ones(len(items)), 1)
    names = common_columns(items)
    values = _stacked_arrays(items) if names is None else _stacked_frames(items)
    offsets = offsets_of(list(map(len, items)))
    gather = next((gather for kind, gather in GATHERERS.items() if isinstance(X, kind)), _series)
    return Steps(values, offsets, lambda values, offsets: gather(_views(values, offsets), X), names)


def _views(values, offsets):
    """The rows of each sequence, views of the values."""
    return [values[first:last] for first, last in pairwise(offsets.tolist())]


def _object_array(items, _=None):
    return np.fromiter(items, object, len(items))


def _series(items, original):
    """A pandas Series of arrays with the index of another one."""
    return type(original)(_object_array(items), index=original.index, name=original.name)


def _list(items, original):
    """A list of arrays; a 3-D array, which means the same everywhere, of equally long lists of numbers.

    scikit-learn's checks of transformers pass such lists, and ask for the shape of what comes out.
    """
    of_numbers = all(isinstance(item, (list, tuple)) and np.ndim(item[0]) == 0 for item in original)
    return np.stack(items) if of_numbers and len(set(map(len, items))) == 1 else items


# From a list of arrays to the kind of X; anything else that holds arrays is a Series.
GATHERERS = {
    list: _list,
    tuple: lambda items, _: tuple(items),
    np.ndarray: _object_array,
}


def _stacked_arrays(items):
    """Sequences one below the other; texts and numbers as objects, where NumPy would turn numbers into texts."""
    if set(map(type, items)) == {np.ndarray}:  # as quickly as can be: most are 2-D arrays of numbers
        try:
            values = np.concatenate(items)
        except ValueError:
            pass
        else:
            if values.ndim == 2 and values.dtype.kind in "fiub":
                return values
    arrays = of_one_width([sequence_array(item, i) for i, item in enumerate(items)])
    if len({array.dtype.kind in "US" for array in arrays}) > 1:
        arrays = [array.astype(object) for array in arrays]
    return np.concatenate(arrays)


# How a library puts frames one below the other.
CONCAT = {
    "pandas": lambda pandas, frames: pandas.concat(frames, ignore_index=True),
    "polars": lambda polars, frames: polars.concat(frames),
}


def _stacked_frames(frames):
    """DataFrames with the same columns one below the other; raises unless they are of one library."""
    libraries = {type(frame).__module__.partition(".")[0] for frame in frames}
    if len(libraries) > 1 or not libraries <= CONCAT.keys():
        raise ValueError(
            f"Sequences given as DataFrames must all be of pandas, or all of polars, got {sorted(libraries)}. Convert them, or"
            " pass arrays."
        )
    (library,) = libraries
    return CONCAT[library](sys.modules[library], frames)
