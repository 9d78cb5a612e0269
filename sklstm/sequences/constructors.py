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
        """Make `Sequences` from a list of sequences.

        Parameters
        ----------
        sequences : iterable of array-likes of shape (n_steps, n_channels) or (n_steps,)
            A 1-D sequence has one channel. DataFrames must have the same columns in the same order.

        Returns
        -------
        Sequences
            The sequences, in float32 if all are float32, else in float64. DataFrames give `channel_names` and, for columns of
            categories or texts, `categories`, as in :meth:`from_long`.

        Raises
        ------
        ValueError
            If the list is empty, or if a sequence is neither 1-D nor 2-D, is not numeric, or has a different number of channels.

        See Also
        --------
        to_list : Inverse operation.

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
        """Make `Sequences` from a padded array.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps, n_channels) or (n_sequences, n_steps)
            Sequences, padded to the length of the longest. A 2-D array has one channel.
        lengths : array-like of int of shape (n_sequences,), default=None
            Number of steps of each sequence: the first steps of a row or, with ``side="start"``, the last ones.
        padding : float, default=None
            Value that marks padding; pass it instead of `lengths`. Steps at that side of a row are removed if all their
            channels have this value. Between other steps the value is data. NaN is allowed.
        side : {"end", "start", "both"}, default="end"
            Side of the padding. "start" is the default of Keras' `pad_sequences`.

        Returns
        -------
        Sequences
            Copy of the sequences, in the dtype of X.

        Raises
        ------
        ValueError
            If not exactly one of `lengths` and `padding` is given, if a length is negative or above ``n_steps``, if X is neither
            2-D nor 3-D, or if no row has padding at that side, but one has at the other.

        See Also
        --------
        to_padded : Inverse operation.
        sklstm.preprocessing.PaddingRemover : Transformer with the same effect, for a Pipeline.

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
    def from_long(cls, frame, *, id, time=None, columns=None, freq=None, static=None, elapsed=False):
        """Make `Sequences` from a table with one row per step ("long" format), in any order.

        Parameters
        ----------
        frame : DataFrame (pandas, polars, pyarrow and others that narwhals reads) or mapping of column name to array
            Table with one row per step. The index of a pandas DataFrame is ignored; ``reset_index()`` turns it into columns.
            Without `time`, an index of times that decrease within a sequence is an error.
        id : column name or list of those
            Column with the id of the sequence of each row. Several columns give ids that are tuples. Sequences are in the
            order in which their ids first appear.
        time : column name, default=None
            Column by which the rows of a sequence are sorted: numbers, dates, durations, periods, ordered categories, or
            texts that are ISO 8601 dates or clock times with two digits for the hour. Times with a zone are read in UTC. None
            keeps the order of the rows.
        columns : list of column names, default=None
            Columns that become channels. None means all columns but `id`, `time` and those of `static`.
        freq : number, timedelta, str or pandas DateOffset, default=None
            Distance of two consecutive steps, if it is always the same: a number (of periods 1), a duration, or a distance of
            the calendar: ``np.timedelta64(1, "M")`` or ``"Y"``, a frequency as pandas (``"MS"``, ``"QE"``, ``"B"``, ``"15min"``)
            or polars (``"1mo"``, ``"1q"``) writes it. Missing rows become steps whose channels are all NaN, to be imputed.
            None inserts no steps, so that a sequence with missing rows is shorter. More than 1000 steps per row are an error
            if they are more than ten million.
        static : list of column names, DataFrame, dict of columns or 2-D array-like, default=None
            Static features: columns of `frame` that are the same in all rows of a sequence, or a table with one row for each
            sequence. A table that has a column of the name `id`, or a pandas DataFrame whose index has the ids, is brought into
            their order; any other is in the order of the sequences.
        elapsed : bool, default=False
            Whether to keep the times as `times` of the sequences, so that networks read how much time is between two steps.
            `time` must have distances then, which ordered categories do not. Not together with `freq`.

        Returns
        -------
        Sequences
            Sequences with `ids`, `channel_names` and `categories`, in the dtype of the channels if they share one, else in
            float64. Missing values are NaN, and booleans are 0 and 1. Categories and texts become codes in the order of the
            categories (texts are sorted); name their channels in the `categorical_features` of an estimator. A column of
            texts is an error if nine in ten are numbers: convert it to numbers or, if they are codes, to a categorical type.

        Raises
        ------
        ImportError
            If `frame` is not a mapping and narwhals is not installed. scikit-learn 1.9 and later install it.
        ValueError
            If a column is absent, an id or a time is missing, two rows of one sequence have the same time, a time or a channel
            is none of the above, times are on no grid of that frequency, it asks for far more steps than there are rows, or a
            static column changes within a sequence.

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

        Labels by id in the order of X (with pandas, ``labels.loc[X.ids]``):

        >>> labels = {"a": "broken", "b": "fine"}
        >>> [labels[who] for who in X.ids.tolist()]
        ['fine', 'broken']

        A missing step becomes NaN:

        >>> Sequences.from_long(steps, id="who", time="t", columns=["v"], freq=1)[0].ravel()
        array([10., nan, 20.])

        Steps can be months, which have no fixed length:

        >>> sales = {"shop": ["a", "a"], "month": ["2024-01-31", "2024-03-31"], "sold": [5, 7]}
        >>> Sequences.from_long(sales, id="shop", time="month", freq=np.timedelta64(1, "M"))[0].ravel()
        array([ 5., nan,  7.])

        Static features, by the names of their columns:

        >>> Sequences.from_long(steps | {"age": [61, 48, 61]}, id="who", time="t", static=["age"]).static
        array([[61],
               [48]])

        The times are kept, so that networks know how long ago the step before was:

        >>> Sequences.from_long(steps, id="who", time="t", columns=["v"], elapsed=True).times
        array([1, 3, 1])
        """
        return cls(**read_long(frame, id, time, columns, freq, static, elapsed))

    @classmethod
    def from_arrow(cls, data):
        """Make `Sequences` from an Arrow column of lists, one list per sequence, or from an awkward array.

        Estimators also accept such data as X. scikit-learn splits `Sequences` without a copy of each list.

        Parameters
        ----------
        data : array or table
            A column of pyarrow, polars (List, Array), pandas (ArrowDtype), or an object that implements Arrow's protocols, in
            which each step is a number (one channel), a list of n_channels numbers, or a struct with a number for each
            channel; an awkward array of such (``n * var * n_channels * float64``); or a table in which each column holds the
            lists of one channel. Needs pyarrow.

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
