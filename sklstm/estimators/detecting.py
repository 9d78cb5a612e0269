"""`DetectMixin`: from X to scores of sequences and of their steps, and thresholds of both."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..compat import validate_parameter_constraints
from ..sequences import Sequences
from ..sequences.refusals import refused_as
from ..sequences.validation import numpy_alone
from .architecture import build
from .copies import at_this_moment
from .detector_documentation import document
from .detector_targets import TARGETS
from .error_model import error_model_of
from .series_target import explained
from .step_predictions import restore_format
from .step_scores import kept, scores_of_errors, scores_of_sequences, threshold_of_sequences, threshold_of_steps
from .warned import warn_of_rate


class DetectMixin:
    """Methods of a fitted detector, which they read as it is at one moment."""

    @document()
    def score_samples(self, X):
        """Return the score of each sequence; the higher, the more normal.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences,)
            Scores of the steps, as from `score_steps`, reduced as `aggregation` says.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, has other channels than in `fit`, or has a sequence without any step that can be scored.
        """
        model, sequences, scores = self._scored(X)
        result = scores_of_sequences(scores, sequences.offsets, model._aggregation)
        unscored = np.flatnonzero(np.isnan(result))
        if len(unscored):
            raise ValueError(
                f"Sequence {unscored[0]} of X has {sequences.lengths[unscored[0]]} steps, none of which can be scored: expected a"
                " step with a value, after another step. Leave the sequence out, or pass more of it."
            )
        return result

    @document()
    def decision_function(self, X):
        """Return the score of each sequence minus the threshold; negative for abnormal sequences.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences,)
            ``score_samples(X) - offset_``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            For the same reasons as `score_samples`.
        """
        return self.score_samples(X) - self.offset_

    @document()
    def predict(self, X):
        """Tell abnormal sequences from normal ones.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of int of shape (n_sequences,)
            -1 for sequences whose score is below `offset_`, 1 for the others.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            For the same reasons as `score_samples`.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    @document()
    def score_steps(self, X, channels=False):
        """Return the score of each step; the higher, the more normal.

        Parameters
        ----------
        <<X>>
        channels : bool, default=False
            Whether to return the parts that the numeric channels have in the score, before smoothing, instead of the score.

        Returns
        -------
        list of ndarray, ndarray or Sequences
            Minus the squared error of each step in units of the errors on held-out data, by their covariance (squared Mahalanobis
            distance). It is NaN for steps without a prediction, such as the first one, and for steps without a value. It has the
            form of X: an array (n_sequences, n_steps), or :class:`~sklstm.Sequences` with one channel, or else a list of arrays
            (n_steps,). With `channels` there is a last axis (n_numeric_channels) of parts that sum to the score
            before smoothing. A part is slightly positive where the error of a channel makes those of others more likely.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, or has other channels than in `fit`.
        """
        model, sequences, scores = self._scored(X, parts=channels)
        names = None
        if channels and sequences.channel_names is not None:
            names = [sequences.channel_names[channel] for channel in model._channels]
        return restore_format(scores, sequences, {"kind": _form_of(X), "column": False}, names)

    @document()
    def predict_steps(self, X):
        """Tell abnormal steps from normal ones.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        list of ndarray, ndarray or Sequences
            In the form of `score_steps`: -1 for steps whose score is below `step_offset_`, 1 for the others, also for those
            without a score.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, or has other channels than in `fit`.
        """
        model, sequences, scores = self._scored(X)
        predicted = np.where(scores < model.step_offset_, -1, 1)
        return restore_format(predicted, sequences, {"kind": _form_of(X), "column": False})

    @document()
    def set_threshold(self, X=None, *, contamination=None, alarm_rate=None):
        """Set the thresholds `offset_` and `step_offset_`, without any training.

        Parameters
        ----------
        X : any accepted form of sequences, default=None
            Sequences whose scores determine the thresholds. None takes the scores that `fit` has kept: of the training sequences
            for `contamination`, and of held-out steps for `alarm_rate`.
        contamination : "auto" or float, default=None
            Share of the sequences that `predict` is to call abnormal, as the hyper-parameter. None leaves `offset_` as it is,
            unless both are None.
        alarm_rate : float, default=None
            Share of the steps that `predict_steps` is to call abnormal. None leaves `step_offset_` as it is, unless both are
            None. Where both are None, both thresholds are set by the hyper-parameters.

        Returns
        -------
        self
            The estimator, whose weights and hyper-parameters are unchanged.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X, `contamination` or `alarm_rate` is invalid.
        """
        check_is_fitted(self)
        if contamination is None and alarm_rate is None:
            contamination, alarm_rate = self.contamination, self.alarm_rate
        given = {"contamination": contamination, "alarm_rate": alarm_rate}
        given = {name: value for name, value in given.items() if value is not None}
        constraints = {name: self._parameter_constraints[name] for name in given}
        with refused_as("A threshold", "Pass numbers."):
            validate_parameter_constraints(constraints, given, caller_name="set_threshold")
        of_steps, of_sequences, of_others = (self._step_scores, self._n_step_scores), self._sequence_scores, self._held_out_scores
        if X is not None:
            model, sequences, scores = self._scored(X)
            of_steps = kept(scores)
            of_sequences = scores_of_sequences(scores, sequences.offsets, model._aggregation)
            of_sequences = of_others = np.sort(of_sequences[~np.isnan(of_sequences)])
            if not of_steps[1]:
                raise ValueError("X has no step that can be scored: a value with steps before it. Pass longer sequences.")
        attributes = {}
        if contamination is not None:
            rate = self.alarm_rate if alarm_rate is None else alarm_rate
            attributes["offset_"] = threshold_of_sequences(of_sequences, of_others, contamination, rate)
        if alarm_rate is not None:
            warn_of_rate(alarm_rate, of_steps[1])
            attributes["step_offset_"] = threshold_of_steps(*of_steps, alarm_rate)
        self.__dict__ = vars(self) | attributes
        return self

    @document()
    def score(self, X, y=None):
        """Return how well the network predicts X: the share of the absolute deviations that it explains.

        It compares hyper-parameters of the network without any labels, as :class:`~sklearn.model_selection.GridSearchCV` does.
        Where there are labels of sequences, pass ``scoring="roc_auc"`` to that.

        Parameters
        ----------
        <<X>>
        y : object, default=None
            Ignored.

        Returns
        -------
        float
            1 minus the sum of absolute errors over the sum of absolute deviations from the median, as
            :func:`~sklearn.metrics.d2_absolute_error_score`, the mean over channels, and over the steps ahead. 1 is perfect,
            0 is the score of predicting the median.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, or has other channels than in `fit`.
        """
        model, sequences, errors = self._errors(X)
        x = sequences.values[:, np.newaxis, model._channels].astype(np.float64)
        shape = len(x), -1
        return explained(np.broadcast_to(x, errors.shape).reshape(shape), (x - errors).reshape(shape))

    def stream(self, static=None):
        """Score step by step, for sequences that arrive one step at a time.

        Parameters
        ----------
        static : array-like, dict, Series or DataFrame, default=None
            Static features, of a model that was fitted with such: one row for all streams, or a table with one row for each.

        Returns
        -------
        ScoreStream
            Object whose ``step(x_t)`` returns the score of each new step, with the bits of `score_steps`. Its ``reset()`` starts
            new sequences, and its ``state`` can be read and assigned as plain arrays.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If static features are not those of fit, or if steps are scored by later ones.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMOutlierDetector
        >>> x = np.sin(np.arange(400) / 5)
        >>> detector = LSTMOutlierDetector(8, max_iter=20, random_state=0).fit([x])
        >>> stream = detector.stream()
        >>> scores = [stream.step([x_t])[0] for x_t in x]
        >>> np.array_equal(scores, detector.score_steps([x])[0], equal_nan=True)
        True
        """
        check_is_fitted(self)
        kind = TARGETS[self._target].stream
        if kind is None:
            raise ValueError(
                f"target={self._target!r} scores a step by later ones too, so that it cannot stream. Fit with target='next'."
            )
        return kind(self, static)

    def _errors(self, X):
        """The detector at this moment, X as it reads it, and the errors of steps."""
        check_is_fitted(self)
        model = at_this_moment(self)
        sequences = model._read_fitted(X)
        network, kind = build(model._network_spec), TARGETS[model._target]
        with numpy_alone():
            return model, sequences, kind.errors(network, model._theta, sequences, vars(model), model.n_jobs)

    def _scored(self, X, parts=False):
        """The detector at this moment, X as it reads it, and the scores of steps, or their parts."""
        model, sequences, errors = self._errors(X)
        scores = scores_of_errors(error_model_of(model), errors, sequences.offsets, model._smoothing, parts)
        return model, sequences, scores


def _form_of(X):
    """The form of X, as of a y for every step."""
    if isinstance(X, Sequences):
        return "Sequences"
    shape = getattr(X, "shape", ())
    return "array" if len(shape) > 1 else "list"
