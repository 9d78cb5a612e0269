"""`LSTMRegressor`."""

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d, validate_data

from .base import AUTO_BATCH_SIZE, BaseRecurrent
from .documentation import document
from .task import Task


@document(
    standardize_y=", and the targets likewise",
    stratified="",
    loss_units=", for standardised targets: in units of their variance",
    validation_score="Coefficient of determination, weighted by sample weights,",
    and_y=" and y",
    batch_size_auto=f"``min({AUTO_BATCH_SIZE}, n_sequences)``",
)
class LSTMRegressor(RegressorMixin, BaseRecurrent):
    """Long short-term memory network for predicting quantities from sequences.

    One or several outputs, by minimising half the squared error (the mean over the outputs).

    Parameters
    ----------
    <<architecture>>
    <<training>>
    <<control>>

    Attributes
    ----------
    <<attributes>>

    See Also
    --------
    LSTMClassifier : The same network for classes.
    Sequences : Container for sequences of different lengths.

    Notes
    -----
    <<notes>>

    References
    ----------
    <<references>>

    Examples
    --------
    The next value of a sine from the eight before it:

    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> wave = np.sin(0.5 * np.arange(400))
    >>> X = np.lib.stride_tricks.sliding_window_view(wave, 9)
    >>> model = LSTMRegressor(hidden_size=8, max_iter=100, random_state=0)
    >>> model = model.fit(X[:300, :8], X[:300, 8])
    >>> bool(model.score(X[300:, :8], X[300:, 8]) > 0.99)
    True
    """

    @document()
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on a chunk of data.

        Parameters
        ----------
        <<X>>
        y : array-like of shape (n_sequences,) or (n_sequences, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As `fit`.
        """
        return self._partial_fit(X, y, sample_weight)

    def _decode(self, scores):
        return scores[:, 0] if self._one_dimensional else scores

    @staticmethod
    def _validation_score(loss, targets, weights, scores):
        if len(targets) < 2:
            return np.nan  # the variance of a single target is 0
        return r2_score(targets, scores, sample_weight=weights)

    def _read_y(self, y, weights, role, known=None, classes=None):
        # A stand-in takes what validate_data writes.
        y = validate_data(LSTMRegressor(), X="no_validation", y=y, multi_output=True, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if y.ndim > 2:
            raise ValueError(f"y must have shape (n_sequences,) or (n_sequences, n_outputs), got {y.shape}.")
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must hold numbers, got {y.dtype}. For classes use LSTMClassifier.")
        if not np.isfinite(y).all():
            raise ValueError("Input y contains NaN: an entry is missing (None). Drop such sequences, or fill it.")
        one_dimensional = y.ndim == 1
        targets = y.reshape(len(y), -1).astype(np.float64)
        if known is not None and (known["_one_dimensional"], known["_n_targets"]) != (
            one_dimensional,
            targets.shape[1],
        ):
            raise ValueError(
                f"y has shape {y.shape}, but the regressor was fitted on {known['_n_targets']} outputs. Pass as many."
            )
        return Task(
            loss="squared_error",
            n_outputs=targets.shape[1],
            targets=targets,
            weights=weights,
            attributes={"_one_dimensional": one_dimensional, "_n_targets": targets.shape[1]},
            has_units=True,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
