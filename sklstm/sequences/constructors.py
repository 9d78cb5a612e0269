"""`Constructors`: the class methods of `Sequences` that make them from the formats that data come in."""

from collections.abc import Mapping, Set

from .arrow import read_arrow
from .items import read_items
from .long import read_long
from .padding import read_padded
from .refusals import list_of


class Constructors:
    """What `Sequences` are made from, other than values and offsets."""

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
        return cls(*read_padded(X, lengths, padding, side))

    @classmethod
    def from_long(cls, frame, *, id, time=None, columns=None, freq=None):
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
        freq : number, timedelta, str or pandas DateOffset, default=None
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
            is none of the above, times are on no grid of that frequency, or it asks for far more steps than there are rows.

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

        >>> Sequences.from_long(steps, id="who", time="t", columns=["v"], freq=1)[0].ravel()
        array([10., nan, 20.])

        Months have no fixed length, and still one distance:

        >>> sales = {"shop": ["a", "a"], "month": ["2024-01-31", "2024-03-31"], "sold": [5, 7]}
        >>> Sequences.from_long(sales, id="shop", time="month", freq=np.timedelta64(1, "M"))[0].ravel()
        array([ 5., nan,  7.])
        """
        return cls(**read_long(frame, id, time, columns, freq))

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
