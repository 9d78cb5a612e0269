"""`Sequences`: sequences of any lengths, in one buffer."""

import numbers
from itertools import pairwise

import numpy as np

from ..compat import get_namespace
from .constructors import Constructors
from .errors import refuse_mask
from .padding import check_padding, check_side
from .parts import chosen_rows, offsets_of, own_offsets, read_categories, read_ids, read_names
from .refusals import array_of
from .static import StaticTable, read_static
from .static_attributes import StaticAttributes
from .step_times import read_step_times
from .time_attributes import TimeAttributes

# Names under which `Sequences` keep the arguments of their constructor.
STORED = ("_values", "_offsets", "_ids", "_channel_names", "_categories", "_static", "_times")
LATER = {"static", "times"}  # of those, what pickles of earlier versions have not


class Sequences(StaticAttributes, TimeAttributes, Constructors):
    """Sequences of different lengths over the same channels.

    The steps of all sequences are stored one after the other in one array, and offsets give the start of each sequence.
    `Sequences` have a length and can be indexed. `train_test_split`, `cross_val_score`, `GridSearchCV` and similar tools
    therefore split them like an array, by whole sequences.

    Parameters
    ----------
    values : array-like of shape (total_steps, n_channels)
        The steps of all sequences.
    offsets : array-like of int of shape (n_sequences + 1,)
        Start of each sequence, then the end of the last one: sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``. The
        first offset is 0, the last is ``total_steps``, and offsets never decrease.
    ids : array-like of shape (n_sequences,), default=None
        Identifiers of the sequences.
    channel_names : list of shape (n_channels,), default=None
        Names of the channels.
    categories : dict of int to array-like, default=None
        Categories of the categorical channels: a dict from channel number to the values that the codes 0, 1, ... stand for.
    static : 2-D array-like, DataFrame, dict of columns or list of rows, default=None
        Static features: a table with one row for each sequence. Columns of texts, categories or booleans are categorical. A
        pandas DataFrame whose index has the `ids` is brought into their order.
    times : array-like of shape (total_steps,), default=None
        Time of each step, which increases along each sequence: numbers of any unit, dates, durations or ISO 8601 texts.

    Attributes
    ----------
    values : ndarray of shape (total_steps, n_channels)
        Steps of all sequences. An array that was passed is not copied. Its elements can be changed in place; use
        `with_values` for another array.
    offsets : ndarray of int of shape (n_sequences + 1,)
        Start of each sequence in `values`, then the end of the last one. A read-only copy.
    ids : ndarray of shape (n_sequences,) or None
        Identifiers of the sequences, which indexing keeps. Can be assigned.
    channel_names : list or None
        Names of the channels. Estimators store names that are strings as ``feature_names_in_``, accept them in
        `categorical_features`, and compare them with those of later X. Can be assigned.
    categories : dict of int to ndarray
        Values that the codes of categorical channels stand for. Estimators compare categories by these values, so codes may
        differ between two X. Can be assigned.
    static : ndarray of shape (n_sequences, n_static) or None
        Static features, which indexing cuts along with the sequences; of categorical ones codes.
    static_names : list or None
        Names of the static features.
    static_categories : dict of int to ndarray
        Values that the codes of categorical static features stand for, by number of the feature.
    times : ndarray of shape (total_steps,) or None
        Time of each step: numbers, datetime64 (in UTC if they had a zone) or timedelta64. A read-only copy.
    lengths : ndarray of int of shape (n_sequences,)
        Number of steps of each sequence.
    n_channels : int
        Number of channels of each step.
    shape : tuple of int
        ``(n_sequences,)``, for code that reads the number of samples from the shape.
    dtype : numpy.dtype
        Data type of `values`.

    Raises
    ------
    ValueError
        If values, offsets, ids, names or categories are inconsistent, or times do not increase along a sequence.

    See Also
    --------
    Sequences.from_list : From a list of arrays.
    Sequences.from_padded : From a padded 3-D array.
    Sequences.from_long : From a table with one row per step.
    Sequences.from_arrow : From a column of lists.

    Notes
    -----
    Convert the data structures of other packages as follows, to `Sequences` or to another form that estimators accept:

    - aeon and sktime, array ``X`` of shape (n_sequences, n_channels, n_steps): ``X.transpose(0, 2, 1)``;
    - aeon, list of arrays of shape (n_channels, n_steps): ``[x.T for x in X]``;
    - sktime, DataFrame with a Series in each cell ("nested_univ"): ``[np.column_stack(list(row)) for row in X.to_numpy()]``;
    - sktime, DataFrame with the instances and times in its index ("pd-multiindex"): ``Sequences.from_long(X.rename_axis(["who",
      "when"]).reset_index(), id="who", time="when")``;
    - sktime, list of DataFrames ("df-list"): no conversion;
    - tslearn, array of shape (n_sequences, n_steps, n_channels) with NaN at the end of shorter sequences:
      ``Sequences.from_padded(X, padding=np.nan)``, and back ``.to_padded()``;
    - Keras, array that ``pad_sequences`` made, with zeros in front: ``Sequences.from_padded(X, padding=0, side="start")``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import Sequences
    >>> X = Sequences.from_list([[[1, 2], [3, 4], [5, 6]], [[7, 8]]])
    >>> X
    Sequences(2 sequences of 1 to 3 steps, 2 channels, float64)
    >>> X[1]
    array([[7., 8.]])
    >>> X[[1, 0]].lengths
    array([1, 3])
    """

    def __init__(self, values, offsets, *, ids=None, channel_names=None, categories=None, static=None, times=None):
        refuse_mask(values, "values")
        values = array_of("values", values)
        if values.ndim != 2:
            raise ValueError(
                f"values must be a 2-D array of shape (total_steps, n_channels), got shape {values.shape}. "
                "Use Sequences.from_list for a list of sequences."
            )
        self._offsets = own_offsets(offsets, len(values))
        self._values = values
        self.ids = ids
        self.channel_names = channel_names
        self.categories = categories
        self._static = None if static is None else read_static(static, len(self), self._ids)
        self._times = None if times is None else read_step_times(times, self._offsets, self._ids)

    def to_padded(self, padding=np.nan, *, side="end"):
        """Copy the sequences into a 3-D array, padded to the length of the longest.

        Parameters
        ----------
        padding : float, default=nan
            Value of the padding.
        side : {"end", "start"}, default="end"
            Side of the padding.

        Returns
        -------
        ndarray of shape (n_sequences, longest, n_channels)
            Padded array, in the dtype of the values or in one that can also represent `padding`.

        See Also
        --------
        from_padded : Inverse operation.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> Sequences.from_list([[1.0, 2.0, 3.0], [4.0]]).to_padded(padding=0)[:, :, 0]
        array([[1., 2., 3.],
               [4., 0., 0.]])
        """
        check_side(side, ("end", "start"))
        check_padding(padding)
        X = snapshot(self)
        lengths, values = X.lengths[:, np.newaxis], X.values
        n_steps = lengths.max(initial=0)
        holds = np.can_cast(np.min_scalar_type(padding), values.dtype)
        dtype = values.dtype if holds else np.result_type(values, np.float64)
        out = np.full((len(lengths), n_steps, values.shape[1]), padding, dtype=dtype)
        steps = np.arange(n_steps)
        out[steps < lengths if side == "end" else steps >= n_steps - lengths] = values
        return out

    def to_list(self):
        """Return the sequences one by one.

        Returns
        -------
        list of ndarray of shape (n_steps, n_channels)
            Views of `values`.

        See Also
        --------
        from_list : Inverse operation.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> Sequences.from_list([[1.0, 2.0], [4.0]]).to_list()
        [array([[1.],
               [2.]]), array([[4.]])]
        """
        X = snapshot(self)
        return [X.values[start:stop] for start, stop in pairwise(X.offsets.tolist())]

    @property
    def values(self):
        """Steps of all sequences, an ndarray of shape (total_steps, n_channels)."""
        return self._values

    @values.setter
    def values(self, values):
        raise AttributeError(
            "values of Sequences cannot be set: X.with_values(values) returns the same sequences with other values, and X[rows]"
            " some of the sequences. To change numbers in place, set X.values[...]."
        )

    @property
    def offsets(self):
        """Start of each sequence in `values`, then the end of the last one, as a read-only ndarray of int."""
        return self._offsets[:]

    @offsets.setter
    def offsets(self, offsets):
        raise AttributeError(
            "offsets of Sequences cannot be set: Sequences(X.values, offsets) cuts the same steps otherwise, and X[rows] returns"
            " some of the sequences."
        )

    @property
    def ids(self):
        """Identifiers of the sequences, an ndarray of shape (n_sequences,), or None."""
        return self._ids

    @ids.setter
    def ids(self, ids):
        self._ids = None if ids is None else read_ids(ids, len(self))

    @property
    def channel_names(self):
        """Names of the channels, a list, or None."""
        return self._channel_names

    @channel_names.setter
    def channel_names(self, names):
        self._channel_names = None if names is None else read_names(names, self.n_channels)

    @property
    def categories(self):
        """Categories of the categorical channels: a dict from channel number to the values that the codes stand for."""
        return self._categories

    @categories.setter
    def categories(self, categories):
        self._categories = {} if categories is None else read_categories(categories, self.n_channels)

    @property
    def lengths(self):
        """Number of steps of each sequence, an ndarray of int of shape (n_sequences,)."""
        return np.diff(self._offsets)

    @property
    def n_channels(self):
        """Number of channels of each step."""
        return self._values.shape[1]

    @property
    def shape(self):
        """Number of sequences, as a tuple of one entry."""
        return (len(self),)

    @property
    def dtype(self):
        """The dtype of the values."""
        return self._values.dtype

    def __len__(self):
        return len(self._offsets) - 1

    def __iter__(self):
        return iter(self.to_list())

    def __getitem__(self, key):
        """One sequence for an int; the chosen sequences for a slice, a boolean mask or an array of integers."""
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]  # scikit-learn cuts arrays by X[rows, ...]
        if isinstance(key, numbers.Integral) and not isinstance(key, (bool, np.bool_)):
            if not -len(self) <= key < len(self):
                raise IndexError(f"Sequence {key} does not exist: there are {len(self)} sequences.")
            key = int(key) % len(self)
            return self._values[self._offsets[key] : self._offsets[key + 1]]
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                offsets = self._offsets[start : max(start, stop) + 1]
                return self._cut(slice(start, max(start, stop)), slice(offsets[0], offsets[-1]), offsets - offsets[0])
            key = np.arange(start, stop, step)
        if isinstance(key, tuple):
            raise IndexError("Sequences have one index. Index the steps of a single one: X[i][step].")
        X = snapshot(self)
        rows = chosen_rows(key, len(X))
        lengths = X.lengths[rows]
        offsets = offsets_of(lengths)
        steps = np.arange(offsets[-1]) + np.repeat(X.offsets[rows] - offsets[:-1], lengths)
        return X._cut(rows, steps, offsets)

    def take(self, indices, axis=0, out=None, mode="raise"):
        """Return the sequences ``X[indices]``; used by ``numpy.take``.

        Parameters
        ----------
        indices : array-like of int
            Numbers of the sequences.
        axis : {0, None}, default=0
            Axis of the sequences, which is the only one.
        out : None
            For compatibility with NumPy.
        mode : {"raise"}, default="raise"
            For compatibility with NumPy.

        Returns
        -------
        Sequences
            Selected sequences.

        Raises
        ------
        ValueError
            If `axis`, `out` or `mode` has another value.
        IndexError
            If an index is out of range.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> Sequences.from_list([[1.0, 2.0], [4.0]]).take([1, 1]).lengths
        array([1, 1])
        """
        if axis not in (0, None) or out is not None or mode != "raise":
            raise ValueError(
                f"Sequences have one axis and are not taken into other arrays, got axis={axis!r}, out={out!r}, mode={mode!r}."
                " Use X[indices]."
            )
        return self[np.atleast_1d(indices)]

    def _cut(self, rows, steps, offsets):
        """Some of the sequences, with these steps and offsets and the names and categories of all."""
        ids, static = (None if part is None else part[rows] for part in (self.ids, self._static))
        values, times = (None if part is None else part[steps] for part in (self._values, self._times))
        return Sequences(values, offsets, **self._named() | {"ids": ids, "static": static, "times": times})

    def _named(self):
        """What belongs to the sequences beside values and offsets, as arguments of the constructor."""
        own = {"ids": self.ids, "channel_names": self.channel_names, "categories": self.categories}
        return own | {"static": self._static, "times": self._times}

    def with_values(self, values):
        """Return the same sequences with other values.

        Parameters
        ----------
        values : array-like of shape (total_steps, n_channels)
            New values of the steps. Channel names and categories are kept and need the same number of channels.

        Returns
        -------
        Sequences
            Sequences with the new values and the same offsets, ids, static features and times.

        Raises
        ------
        ValueError
            If the number of steps differs or, with channel names or categories, the number of channels.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> X = Sequences.from_list([[1.0, 2.0], [4.0]])
        >>> X.with_values(10 * X.values)[0].ravel()
        array([10., 20.])
        """
        return Sequences(values, self.offsets, **self._named())

    def __array__(self, dtype=None, copy=None):
        """A 1-D array of objects, one per sequence: what scikit-learn looks at to tell what kind of y it has."""
        if dtype is not None and np.dtype(dtype) != object:
            raise ValueError(f"Sequences cannot be converted to an array of {np.dtype(dtype)}. Use to_padded().")
        sequences = self.to_list()
        return np.fromiter(sequences, object, len(sequences))

    def __array_namespace__(self, api_version=None):
        """The namespace of NumPy's arrays: scikit-learn, told to dispatch to array libraries, cuts these by its `take`."""
        return get_namespace(np.empty(0))[0]

    def __getstate__(self):
        """What a pickle and a copy hold: the arguments of the constructor, and what else was set."""
        others = {name: value for name, value in vars(self).items() if name not in STORED}
        stored = {name.removeprefix("_"): vars(self)[name] for name in STORED if name in vars(self)}
        if self._static is not None:
            stored["static"] = vars(self._static).copy()
        if self._times is not None:
            stored["times"] = self._times.values
        return others | stored

    def __setstate__(self, state):
        """Through the constructor: what comes from a pickle is checked like anything else."""
        arguments = {name.removeprefix("_") for name in STORED}
        required = arguments - LATER
        if not isinstance(state, dict) or not required <= state.keys():
            raise ValueError(f"This is not the state of pickled Sequences: expected a dict with {sorted(required)}.")
        static = state.get("static")
        static = StaticTable.from_dict(static) if isinstance(static, dict) else static
        Sequences.__init__(self, **{name: state[name] for name in required}, static=static, times=state.get("times"))
        vars(self).update({name: value for name, value in state.items() if name not in arguments | set(STORED)})

    def __repr__(self):
        lengths = self.lengths
        low, high = (lengths.min(), lengths.max()) if len(lengths) else (0, 0)
        steps = f"{low}" if low == high else f"{low} to {high}"
        parts = f"{_counted(len(self), 'sequence')} of {steps} step{'' if high == low == 1 else 's'}"
        static = "" if self.static is None else f", {_counted(self.static.shape[1], 'static feature')}"
        times = "" if self.times is None else f", times ({self.times.dtype})"
        return f"Sequences({parts}, {_counted(self.n_channels, 'channel')}{static}{times}, {self.values.dtype})"


def snapshot(sequences):
    """The same sequences as they are at this moment, checked: every entry point of the package begins with this.

    The offsets are immutable and the values a view of their own, so what another name or thread does to `sequences` from now on
    can change numbers, but neither offsets nor shapes.

    Parameters
    ----------
    sequences : Sequences

    Returns
    -------
    Sequences

    Raises
    ------
    ValueError
        If their offsets, shape, ids, names, categories or times do not fit each other any more.
    """
    parts = vars(sequences)
    try:
        values, offsets = parts["_values"], parts["_offsets"]
        named = {name: parts[f"_{name}"] for name in ("ids", "channel_names", "categories", "static", "times")}
        return Sequences(values[:] if type(values) is np.ndarray else values, offsets, **named)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"These Sequences were changed since they were made, and do not fit together any more: {error} Make them anew, by"
            " Sequences(values, offsets) or X.with_values(values)."
        ) from error


def _counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"
