"""`PaddingRemover`: from equally long rows with padding to `Sequences` without it."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from ..compat import Interval, StrOptions, _check_feature_names_in, _fit_context
from ..sequences import Sequences
from ..sequences.flattened import check_columns, is_tabular, numeric_table
from ..sequences.padding import SIDES, numbers_of_rows, without_padding
from ..sequences.refusals import refused_as
from ..sequences.validation import X_FORMATS, array_or_list


class PaddingRemover(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Make sequences of different lengths from rows that were padded to the same length.

    Use it for tools that require a 2-D X: before an estimator in a Pipeline, it removes the padding that made the rows equally
    long. The transformer is stateless: `fit` only records the number and names of the columns.

    Parameters
    ----------
    n_channels : int, default=1
        Number of channels per step in a 2-D `X`, whose rows are sequences flattened step by step. Ignored for a 3-D `X`, whose
        channels are its own.
    padding : float, default=nan
        Value of the padding. Steps at that side of a row whose channels all have this value do not belong to its sequence; the
        same value between two other steps is data.
    side : {"both", "end", "start"}, default="both"
        Side of the rows that has the padding.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of a 2-D `X`, or of channels of a 3-D one.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Column names, if `X` was a DataFrame whose column names are all str.

    See Also
    --------
    sklstm.Sequences.from_padded : The same as a function, which can also take the lengths of the sequences.
    sklstm.LSTMClassifier : The estimator, whose parameter `padding` has the same meaning.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.preprocessing import PaddingRemover, PerStep
    >>> X = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0], [np.nan, 6.0, 7.0]])
    >>> PaddingRemover().fit_transform(X)
    Sequences(3 sequences of 2 to 3 steps, 1 channel, float64)
    >>> pipe = make_pipeline(PaddingRemover(), PerStep(StandardScaler()), LSTMClassifier())
    """

    _parameter_constraints: ClassVar = {
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "padding": [Real],
        "side": [StrOptions(set(SIDES))],
    }

    def __init__(self, n_channels=1, *, padding=np.nan, side="both"):
        self.n_channels = n_channels
        self.padding = padding
        self.side = side

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Record the number and names of the columns.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps * n_channels) or (n_sequences, n_steps, n_channels)
            Rows with padding.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.
        """
        self._read(X, reset=True)
        return self

    def transform(self, X):
        """Remove the padding.

        Parameters
        ----------
        X : array-like of shape (n_sequences, n_steps * n_channels) or (n_sequences, n_steps, n_channels)
            Rows with padding. `Sequences` and lists of arrays have no padding and are only converted.

        Returns
        -------
        Sequences
            The sequences without the padding. Missing values elsewhere are kept.

        Raises
        ------
        ValueError
            If a row is nothing but padding, or X does not have one of these forms.
        """
        rows = self._read(X, reset=False)
        return rows if isinstance(rows, Sequences) else Sequences(*without_padding(rows, self.padding, self.side))

    def get_feature_names_out(self, input_features=None):
        """Return names for the channels of the sequences that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features_in_,), default=None
            Names of the columns or channels of X. None takes `feature_names_in_`, or else "x0", "x1", ...

        Returns
        -------
        ndarray of str of shape (n_channels,)
            Names of the channels: those of the first columns of a 2-D X.
        """
        names = _check_feature_names_in(self, input_features)
        return names[: self.n_channels] if self._flat else names

    @refused_as("X", X_FORMATS)
    def _read(self, X, *, reset):
        """X as an array (n_sequences, n_steps, n_channels), or as `Sequences` where it has no padding."""
        X = array_or_list(X)
        flat = is_tabular(X)
        if flat:
            table = numeric_table(self, X, self.n_channels, reset if reset or vars(self).get("_flat") else None)
            check_columns(table.shape[1], self.n_channels)
            rows = table.reshape(len(table), -1, self.n_channels)
        elif isinstance(X, Sequences):
            rows = X
        else:
            rows = Sequences.from_list(X) if isinstance(X, (list, tuple)) or len(X.shape) != 3 else numbers_of_rows(np.asarray(X))
        if reset:
            self._flat = flat
            if not flat:
                self.n_features_in_ = rows.shape[2] if isinstance(rows, np.ndarray) else rows.n_channels
                vars(self).pop("feature_names_in_", None)
        return rows

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags
