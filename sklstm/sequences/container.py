"""`Sequences`: sequences of any lengths, in one buffer."""

import numbers
import reprlib
from collections.abc import Mapping, Set
from itertools import pairwise

import numpy as np

from ..compat import get_namespace
from .arrow import read_arrow
from .columns import as_floats
from .faults import describe_non_number, refuse_mask
from .foreign import foreign
from .items import exact_array, read_items
from .long import read_long
from .offsets import own_offsets
from .padding import check_padding, check_side, cut, steps_by_length, steps_by_padding
from .refusals import array_of, list_of, refused_as

# Names under which `Sequences` keep the arguments of their constructor.
STORED = ("_values", "_offsets", "_ids", "_channel_names", "_categories")


class Sequences:
    """Sequences of different lengths over the same channels.

    The steps of all sequences lie one after the other in one buffer, and offsets say where each begins. It has a length
    and can be indexed, so `train_test_split`, `cross_val_score`, `GridSearchCV` and the like cut it as they cut an
    array: by whole sequences.

    Parameters
    ----------
    values : array-like of shape (total_steps, n_channels)
        The steps of all sequences.
    offsets : array-like of int of shape (n_sequences + 1,)
        Sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``. Begins with 0, never decreases and ends with
        ``total_steps``.
    ids : array-like of shape (n_sequences,), default=None
        What each sequence is called.
    channel_names : list of shape (n_channels,), default=None
        What each channel is called.
    categories : dict of int to array-like, default=None
        For channels that hold categories: the number of the channel, and the values that its codes 0, 1, ... stand for.

    Attributes
    ----------
    values : ndarray of shape (total_steps, n_channels)
        The steps of all sequences: the array that was passed, if it was one. Its numbers may be changed in place; for another
        array there is `with_values`.
    offsets : ndarray of int of shape (n_sequences + 1,)
        Where each sequence begins in `values`, and at last where the last one ends. A copy, which is read-only.
    ids : ndarray of shape (n_sequences,) or None
        Cut along with the sequences. It may be set.
    channel_names : list or None
        Names that are texts become ``feature_names_in_`` of an estimator, may be used in its `categorical_features`, and are
        compared with those of later X. They may be set.
    categories : dict of int to ndarray
        Estimators compare categories by these values, so that codes may differ from one X to the next. They may be set.
    lengths : ndarray of int of shape (n_sequences,)
        Number of steps of each sequence.
    n_channels : int
        Number of channels of each step.
    shape : tuple of int
        ``(n_sequences,)``: what array-minded code asks for the number of samples.
    dtype : numpy.dtype
        That of `values`.

    Raises
    ------
    ValueError
        If values, offsets, ids, names or categories do not fit each other.

    See Also
    --------
    Sequences.from_list : From a list of arrays.
    Sequences.from_padded : From a padded 3-D array.
    Sequences.from_long : From a table with one row per step.
    Sequences.from_arrow : From a column of lists.

    Notes
    -----
    The data structures of other packages become sequences, or what estimators take as it is, so:

    - aeon and sktime, array ``X`` of shape (n_sequences, n_channels, n_steps): ``X.transpose(0, 2, 1)``;
    - aeon, list of arrays of shape (n_channels, n_steps): ``[x.T for x in X]``;
    - sktime, DataFrame with a Series in each cell ("nested_univ"): ``[np.column_stack(list(row)) for row in X.to_numpy()]``;
    - sktime, DataFrame with the instances and times in its index ("pd-multiindex"): ``Sequences.from_long(X.rename_axis(["who",
      "when"]).reset_index(), id="who", time="when")``;
    - sktime, list of DataFrames ("df-list"): as it is;
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

    def __init__(self, values, offsets, *, ids=None, channel_names=None, categories=None):
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

    @classmethod
    def from_list(cls, sequences):
        """From a list of sequences.

        Parameters
        ----------
        sequences : iterable of array-likes of shape (n_steps, n_channels) or (n_steps,)
            A 1-D sequence has one channel. DataFrames must have the same columns in the same order.

        Returns
        -------
        Sequences
            In float32 if every sequence is, else in float64. From DataFrames with `channel_names`, and with `categories` where a
            column holds categories or texts, as by :meth:`from_long`.

        Raises
        ------
        ValueError
            If there is no sequence, or if one is neither 1-D nor 2-D, is not numeric, or has another number of channels than the
            first.

        See Also
        --------
        to_list : The way back.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> Sequences.from_list([[1.0, 2.0, 3.0], [4.0]])
        Sequences(2 sequences of 1 to 3 steps, 1 channel, float64)
        """
        if isinstance(sequences, (str, bytes, Mapping, Set)) or hasattr(sequences, "levels"):
            raise ValueError(f"Expected a list of sequences, got {type(sequences).__name__}. Pass a single sequence x as [x].")
        return cls(**read_items(list_of("The list of sequences", sequences, "Pass a single sequence x as [x].")))

    @classmethod
    def from_padded(cls, X, lengths=None, padding=None, *, side="end"):
        """From a padded array.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps, n_channels) or (n_sequences, n_steps)
            Each row a sequence, filled up to the length of the longest; a 2-D array has one channel.
        lengths : array-like of int of shape (n_sequences,), default=None
            How many steps of each row are its sequence: the first ones, or with ``side="start"`` the last ones.
        padding : float, default=None
            Instead of `lengths`: the value of padding. Steps at that side of a row whose channels all have it are
            padding; the same value between two real steps is data. NaN is allowed.
        side : {"end", "start", "both"}, default="end"
            Where the rows are filled up. "start" is what the `pad_sequences` of Keras does by default.

        Returns
        -------
        Sequences
            In the dtype of X, as a copy.

        Raises
        ------
        ValueError
            If not exactly one of `lengths` and `padding` is given, if a length is negative or above ``n_steps``, if X is neither
            2-D nor 3-D, or if no row has padding at that side, but one has at the other.

        See Also
        --------
        to_padded : The way back.
        sklstm.preprocessing.PaddingRemover : The same as a step of a Pipeline.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import Sequences
        >>> X = np.array([[[1.0], [2.0], [0.0]], [[3.0], [0.0], [4.0]]])
        >>> Sequences.from_padded(X, padding=0).lengths
        array([2, 3])
        >>> Sequences.from_padded(X, lengths=[3, 1]).lengths
        array([3, 1])
        >>> Sequences.from_padded([[0, 0, 5], [0, 6, 7]], padding=0, side="start").lengths
        array([1, 2])
        """
        refuse_mask(X, "X")
        known = foreign(X)
        if known is not None:
            raise ValueError(f"X must be an array with padding, but {known.advice('X')}")
        X = array_of("X", X)
        if X.ndim not in (2, 3):
            raise ValueError(
                "X must be an array of shape (n_sequences, n_steps, n_channels), or (n_sequences, n_steps) of one channel, got"
                f" shape {X.shape}. Use Sequences.from_list for a list of sequences."
            )
        X = X if X.ndim == 3 else X[:, :, np.newaxis]
        check_side(side)
        if (lengths is None) == (padding is None):
            raise ValueError("Give exactly one of lengths and padding: what tells the end of a sequence?")
        if lengths is None:
            first, last = steps_by_padding(_comparable(X), padding, side)
        else:
            first, last = steps_by_length(lengths, len(X), X.shape[1], side)
        return cls(*cut(X, first, last))

    @classmethod
    def from_long(cls, frame, *, id, time=None, columns=None, spacing=None):
        """From a table with one row per step ("long" format), in any order of the rows.

        Parameters
        ----------
        frame : DataFrame (pandas, polars, pyarrow and others that narwhals reads) or mapping of column name to array
            The table. An index of pandas is not read: make columns of it by ``reset_index()``. Without `time`, an index of
            times that fall within a sequence is refused.
        id : column name or list of those
            Which sequence a row belongs to; the ids of several columns are tuples. The sequences come in the order in which
            their ids first appear.
        time : column name, default=None
            What the rows of a sequence are sorted by: numbers, dates, durations, periods, ordered categories, or texts that are
            ISO 8601 dates or clock times with two digits for the hour. Times with a zone are read in UTC. None keeps the order
            of the rows.
        columns : list of column names, default=None
            The channels; None takes all other columns.
        spacing : number, timedelta, str or pandas DateOffset, default=None
            Distance of two consecutive steps, if it is always the same: a number (of periods 1), a duration, or a distance of
            the calendar: ``np.timedelta64(1, "M")`` or ``"Y"``, a frequency as pandas (``"MS"``, ``"QE"``, ``"B"``, ``"15min"``)
            or polars (``"1mo"``, ``"1q"``) writes it. Where rows are missing in between, a sequence then gets
            steps whose channels are all NaN, to be imputed; None takes the rows as they are, so that a sequence with missing
            steps is shorter. More than 1000 steps for each row are refused if they are more than ten million.

        Returns
        -------
        Sequences
            With `ids`, `channel_names` and `categories`. In the dtype of the channels if they share one, else in float64.
            A missing value is NaN. Booleans are 0 and 1. Categories and texts are codes, in the order of the categories
            (texts: sorted), to be named in the `categorical_features` of an estimator. Texts of which nine in ten are numbers
            are refused: make numbers of them, or, if they are codes, a column of a categorical type.

        Raises
        ------
        ImportError
            If the frame is no mapping, and narwhals, which scikit-learn 1.9 and later bring along, is not installed.
        ValueError
            If a column is absent, an id or a time is missing, two rows of one sequence have the same time, a time or a channel
            is none of the above, times are on no grid of that spacing, or it asks for far more steps than there are rows.

        See Also
        --------
        from_arrow : From a column that has a list for each sequence.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import Sequences
        >>> steps = {"who": ["b", "a", "b"], "t": [3, 1, 1], "v": [20.0, 5.0, 10.0], "mood": ["fine", "sad", "sad"]}
        >>> X = Sequences.from_long(steps, id="who", time="t")
        >>> X[0]
        array([[10.,  1.],
               [20.,  0.]])
        >>> X.channel_names, X.categories
        (['v', 'mood'], {1: array(['fine', 'sad'], dtype=object)})

        Labels by id, brought into the order of X (with pandas ``labels.loc[X.ids]``):

        >>> labels = {"a": "broken", "b": "fine"}
        >>> [labels[who] for who in X.ids.tolist()]
        ['fine', 'broken']

        A missing step, told apart from a shorter sequence:

        >>> Sequences.from_long(steps, id="who", time="t", columns=["v"], spacing=1)[0].ravel()
        array([10., nan, 20.])

        Months have no fixed length, and still one distance:

        >>> sales = {"shop": ["a", "a"], "month": ["2024-01-31", "2024-03-31"], "sold": [5, 7]}
        >>> Sequences.from_long(sales, id="shop", time="month", spacing=np.timedelta64(1, "M"))[0].ravel()
        array([ 5., nan,  7.])
        """
        return cls(**read_long(frame, id, time, columns, spacing))

    @classmethod
    def from_arrow(cls, data):
        """From a column of lists in Arrow's memory layout, one list per sequence, or from an awkward array.

        Estimators take these as X, too; `Sequences` are what splitters cut without a copy of each list.

        Parameters
        ----------
        data : array or table
            A column of pyarrow, polars (List, Array), pandas (ArrowDtype), or anything that speaks Arrow's protocols, in which
            each step is a number (one channel), a list of n_channels numbers, or a struct with a number for each channel;
            an awkward array of such (``n * var * n_channels * float64``); or a table in which each column holds the lists of
            one channel. Needs pyarrow.

        Returns
        -------
        Sequences
            With `channel_names` from structs and tables, and `categories` of texts and dictionaries. The values are those of
            `data`, uncopied and read-only, if they are float32 or float64 without nulls, in one chunk, and one channel or
            lists; else they are copied. A null in a list is NaN, and so is every channel of a step that is null.

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        ValueError
            If there is no list for a sequence (null), steps differ in their channels, or what is in the lists is none of the
            above.

        See Also
        --------
        from_long : From a table with one row per step.

        Examples
        --------
        >>> import pyarrow as pa
        >>> from sklstm import Sequences
        >>> column = pa.array([[{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": None}], [{"x": 5.0, "y": 6.0}]])
        >>> X = Sequences.from_arrow(column)
        >>> X.channel_names
        ['x', 'y']
        >>> X[0]
        array([[ 1.,  2.],
               [ 3., nan]])
        """
        return cls(**read_arrow(data))

    def to_padded(self, padding=np.nan, *, side="end"):
        """Copy into a 3-D array, in which the sequences are filled up to the length of the longest.

        Parameters
        ----------
        padding : float, default=nan
            What they are filled up with.
        side : {"end", "start"}, default="end"
            Where they are filled up.

        Returns
        -------
        ndarray of shape (n_sequences, longest, n_channels)
            In the dtype of the values, or in one that holds `padding` too.

        See Also
        --------
        from_padded : The way back.

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
        from_list : The way back.

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
        """The steps of all sequences, an ndarray of shape (total_steps, n_channels)."""
        return self._values

    @values.setter
    def values(self, values):
        raise AttributeError(
            "values of Sequences cannot be set: X.with_values(values) returns the same sequences with other values, and X[rows]"
            " some of the sequences. To change numbers in place, set X.values[...]."
        )

    @property
    def offsets(self):
        """Where each sequence begins in `values`, and at last where the last one ends: a read-only ndarray of int."""
        return self._offsets[:]

    @offsets.setter
    def offsets(self, offsets):
        raise AttributeError(
            "offsets of Sequences cannot be set: Sequences(X.values, offsets) cuts the same steps otherwise, and X[rows] returns"
            " some of the sequences."
        )

    @property
    def ids(self):
        """What each sequence is called, an ndarray of shape (n_sequences,), or None."""
        return self._ids

    @ids.setter
    def ids(self, ids):
        self._ids = None if ids is None else _one_each("ids", _ids(ids), len(self), "sequence")

    @property
    def channel_names(self):
        """What each channel is called, a list, or None."""
        return self._channel_names

    @channel_names.setter
    def channel_names(self, names):
        self._channel_names = None if names is None else _names(names, self.n_channels)

    @property
    def categories(self):
        """Channels that hold categories, and the values that their codes stand for: a dict of int to ndarray."""
        return self._categories

    @categories.setter
    def categories(self, categories):
        self._categories = {} if categories is None else _categories(categories, self.n_channels)

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
                raise IndexError(f"Sequence {key} of {len(self)}.")
            key = int(key) % len(self)
            return self._values[self._offsets[key] : self._offsets[key + 1]]
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                offsets = self._offsets[start : max(start, stop) + 1]
                return self._cut(slice(start, max(start, stop)), self._values[offsets[0] : offsets[-1]], offsets - offsets[0])
            key = np.arange(start, stop, step)
        if isinstance(key, tuple):
            raise IndexError("Sequences have one index. Index the steps of a single one: X[i][step].")
        X = snapshot(self)
        rows = _rows(key, len(X))
        lengths = X.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        steps = np.arange(offsets[-1]) + np.repeat(X.offsets[rows] - offsets[:-1], lengths)
        return X._cut(rows, X.values[steps], offsets)

    def take(self, indices, axis=0, out=None, mode="raise"):
        """Return some of the sequences, ``X[indices]``: what ``numpy.take`` calls.

        Parameters
        ----------
        indices : array-like of int
            Which.
        axis : {0, None}, default=0
            There is no other.
        out : None
            For compatibility with NumPy.
        mode : {"raise"}, default="raise"
            For compatibility with NumPy.

        Returns
        -------
        Sequences
            As many as there are indices.

        Raises
        ------
        ValueError
            If another axis, `out` or `mode` is asked for.
        IndexError
            If there is no such sequence.

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

    def _cut(self, rows, values, offsets):
        """Some of the sequences, with the names and categories of all."""
        ids = None if self.ids is None else self.ids[rows]
        return Sequences(values, offsets, ids=ids, channel_names=self.channel_names, categories=self.categories)

    def with_values(self, values):
        """Return the same sequences with other values.

        Parameters
        ----------
        values : array-like of shape (total_steps, n_channels)
            Of as many channels; they keep their names and categories.

        Returns
        -------
        Sequences
            With the offsets and ids of these.

        Raises
        ------
        ValueError
            If there are more or fewer steps, or, where channels have names or categories, other channels.

        Examples
        --------
        >>> from sklstm import Sequences
        >>> X = Sequences.from_list([[1.0, 2.0], [4.0]])
        >>> X.with_values(10 * X.values)[0].ravel()
        array([10., 20.])
        """
        return Sequences(
            values, self.offsets, ids=self.ids, channel_names=self.channel_names, categories=self.categories
        )

    def __array__(self, dtype=None, copy=None):
        """A 1-D array of objects, one per sequence: what scikit-learn looks at to tell what kind of y it has."""
        if dtype is not None and np.dtype(dtype) != object:
            raise ValueError(f"Sequences of any lengths are no array of {np.dtype(dtype)}. Use to_padded().")
        sequences = self.to_list()
        items = np.empty(len(sequences), dtype=object)
        items[:] = sequences
        return items

    def __array_namespace__(self, api_version=None):
        """The namespace of NumPy's arrays: scikit-learn, told to dispatch to array libraries, cuts these by its `take`."""
        return get_namespace(np.empty(0))[0]

    def __getstate__(self):
        """What a pickle and a copy hold: the arguments of the constructor, and what else was set."""
        others = {name: value for name, value in vars(self).items() if name not in STORED}
        return others | {name.removeprefix("_"): vars(self)[name] for name in STORED if name in vars(self)}

    def __setstate__(self, state):
        """Through the constructor: what comes from a pickle is checked like anything else."""
        arguments = {name.removeprefix("_") for name in STORED}
        if not isinstance(state, dict) or not arguments <= state.keys():
            raise ValueError(f"These are no pickled Sequences: expected a dict with {sorted(arguments)}.")
        Sequences.__init__(self, **{name: state[name] for name in arguments})
        vars(self).update({name: value for name, value in state.items() if name not in arguments | set(STORED)})

    def __repr__(self):
        lengths = self.lengths
        low, high = (lengths.min(), lengths.max()) if len(lengths) else (0, 0)
        steps = f"{low}" if low == high else f"{low} to {high}"
        parts = f"{_counted(len(self), 'sequence')} of {steps} step{'' if high == low == 1 else 's'}"
        return f"Sequences({parts}, {_counted(self.n_channels, 'channel')}, {self.values.dtype})"


def snapshot(sequences):
    """The same sequences as they are at this moment, checked: every door of the package begins with this.

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
        If their offsets, shape, ids, names or categories do not fit each other any more.
    """
    parts = vars(sequences)
    try:
        values, offsets = parts["_values"], parts["_offsets"]
        named = {name: parts[f"_{name}"] for name in ("ids", "channel_names", "categories")}
        return Sequences(values[:] if type(values) is np.ndarray else values, offsets, **named)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"These Sequences were changed since they were made, and do not fit together any more: {error} Make them anew, by"
            " Sequences(values, offsets) or X.with_values(values)."
        ) from error


def _counted(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _one_each(name, entries, n, of_what):
    """The entries; raises unless there are n."""
    shape = (len(entries),) if isinstance(entries, list) else entries.shape
    if shape != (n,):
        raise ValueError(f"{name} must hold {n} entries, one per {of_what}, got shape {shape}.")
    return entries


def _rows(key, n):
    """Numbers of the sequences that a mask or an array of integers chooses from n."""
    try:
        key = np.asarray(key)
    except Exception as error:  # of the library that it is of
        raise IndexError(f"Index sequences by an array of integers, got {type(key).__name__}: {error}") from error
    if key.size == 0 and key.ndim == 1:
        key = key.astype(bool if key.dtype == bool else np.intp)
    if key.ndim != 1 or key.dtype.kind not in "iub":
        raise IndexError(
            f"Index sequences by an int, a slice, a boolean mask or an array of integers, got {key.dtype} of shape {key.shape}."
        )
    if key.dtype.kind == "b" and len(key) != n:
        raise IndexError(f"A boolean mask must have an entry for each of the {n} sequences, got {len(key)}.")
    if key.dtype.kind != "b":
        outside = key[(key < -n) | (key >= n)]
        if len(outside):
            raise IndexError(f"Sequence {outside[0]} of {n}.")
    return np.arange(n)[key]


def _comparable(X):
    """Values (n_sequences, n_steps, n_channels) as numbers, to be compared with padding; raises where one is none."""
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: X must be real. Pass its real and imaginary parts as two channels.")
    if X.dtype.kind in "fiub":
        return X
    try:
        return as_floats(X)
    except (TypeError, ValueError, OverflowError) as error:
        fault = describe_non_number(X.shape[1] * np.arange(len(X) + 1), X.reshape(-1, X.shape[2]))
        raise ValueError(fault or f"X must hold numbers where padding is one, got {X.dtype}. Give lengths instead.") from error


def _names(names, n_channels):
    """Names of channels as a list; raises unless they have an order, and each is another."""
    if isinstance(names, (str, bytes, dict, set, frozenset)) or hasattr(names, "columns"):
        raise ValueError(f"channel_names must be a list with a name for each channel, got {type(names).__name__}.")
    names = list_of("channel_names", names, "Pass a list with a name for each channel.")
    _one_each("channel_names", names, n_channels, "channel")
    _refuse_twice("channel_names", names)
    return names


def _refuse_twice(what, values):
    """Raise where a value is there twice, or cannot be looked up."""
    try:
        if len(set(values)) == len(values):
            return
        twice = next(value for k, value in enumerate(values) if value in values[:k])
    except TypeError as error:
        raise ValueError(f"{what} must be hashable, such as texts and numbers: {error}.") from error
    raise ValueError(f"{what} has {twice!r} twice. Name each once.")


def _ids(ids):
    """Ids as an array, in which those that differ in type, and tuples, stay what they are."""
    if isinstance(ids, (list, tuple)) and (len(set(map(type, ids))) > 1 or any(isinstance(one, tuple) for one in ids)):
        return np.fromiter(ids, dtype=object, count=len(ids))
    if isinstance(ids, (str, bytes, dict, set, frozenset)) or hasattr(ids, "columns"):
        raise ValueError(f"ids must be a list or an array with an id for each sequence, got {type(ids).__name__}.")
    return array_of("ids", ids)


def _is_number_of(channel, n_channels):
    """Whether it is the number of a channel."""
    return isinstance(channel, numbers.Integral) and not isinstance(channel, bool) and 0 <= channel < n_channels


def _categories(categories, n_channels):
    """The categories as 1-D arrays; raises where there is no such channel."""
    if not isinstance(categories, Mapping):
        raise ValueError(
            f"categories must be a dict of the number of a channel to its values, got {type(categories).__name__}. Pass such."
        )
    unknown = [channel for channel in categories if not _is_number_of(channel, n_channels)]
    if unknown:
        raise ValueError(f"categories must be those of channels from 0 to {n_channels - 1}, got {reprlib.repr(unknown[0])}.")
    with refused_as("categories", "Pass a list of the values that the codes 0, 1, ... stand for."):
        arrays = {int(channel): exact_array(values) for channel, values in categories.items()}
    for channel, values in arrays.items():
        if values.ndim != 1:
            raise ValueError(f"Categories must be 1-D, an entry for each code, got shape {values.shape} for channel {channel}.")
        _refuse_twice(f"categories of channel {channel}", values.tolist())
    return arrays
