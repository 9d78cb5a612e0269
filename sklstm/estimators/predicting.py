"""`PredictMixin`: from X to the outputs of the fitted network, by the short way or by way of `Sequences`."""

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..network import LOSSES, apply, pooling_names
from ..sequences import Sequences
from ..sequences.alignment import ids_of, in_order_of, one_per_sequence
from ..sequences.refusals import refused_as
from ..sequences.step_targets import read_step_weights, read_steps
from ..sequences.targets import Places, read_sample_weight
from ..sequences.validation import numpy_alone
from .architecture import build
from .copies import at_this_moment
from .documentation import document
from .engines import fast_path_scores, lent_engine
from .reading import Y_AND_WEIGHTS
from .responses import respond
from .step_predictions import restore_format
from .streaming import Stream
from .unaligned import found_labels, predicts_labels, share_of_right_sequences

OF_ANY_NETWORK = {"input_size", "pooling", "categories", "missing", "loss"}  # in every spec


def _has_attention(estimator):
    """Whether the fitted network, or the one that will be fitted, pools by attention."""
    spec = vars(estimator).get("_network_spec")
    pooling = spec["pooling"] if spec else None if estimator.return_sequences else estimator.pooling
    return "attention" in pooling_names(pooling)


class PredictMixin:
    """Methods of a fitted estimator. They read it as it is at one moment, whatever another thread fits meanwhile."""

    def _check_spec(self):
        """Raise a ValueError where the spec of the network has been emptied."""
        if not OF_ANY_NETWORK <= getattr(self._network_spec, "keys", set)():
            build(self._network_spec)  # which raises

    def _apply(self, sequences, output="scores"):
        """Outputs of the fitted network, in the units of the data."""
        network, n_threads = build(self._network_spec), effective_n_jobs(self.n_jobs)
        return apply(network, self._theta, sequences, output, n_threads=n_threads)

    def _respond(self, X, method):
        """What a response method returns for every sequence, or for every step in the form that y had."""
        model = at_this_moment(self)
        scores = fast_path_scores(self, model, X)
        if scores is not None:
            return respond(model, method, scores)
        sequences = model._read_fitted(X)
        if not model._per_step:
            return respond(model, method, model._apply(sequences))
        if method == "predict" and predicts_labels(model):
            return found_labels(model, model._apply(sequences), sequences)
        return restore_format(respond(model, method, model._apply(sequences), sequences.lengths), sequences, model._y_format)

    @property
    def _scored(self):
        """What `score` compares with y: a name in `RESPONSES`."""
        return "scores" if LOSSES[self._network_spec["loss"]].distribution else "predict"

    @property
    def _per_step(self):
        return self._network_spec["pooling"] is None

    def _score(self, X, y, sample_weight):
        """The metric of the predictions for all sequences, or for the steps that have a y."""
        check_is_fitted(self)
        model = at_this_moment(self)
        with numpy_alone():
            model._check_spec()
            if not model._per_step:
                with lent_engine(self, model):
                    predicted = model.predict(X) if model._scored == "predict" else model._respond(X, model._scored)
                ids = ids_of(X)
                with refused_as("y or sample_weight", Y_AND_WEIGHTS):
                    y = one_per_sequence("y", y, len(predicted), ids)
                    if sample_weight is not None:
                        sample_weight = read_sample_weight(in_order_of(ids, "sample_weight", sample_weight), len(predicted))
                    return model._metric(y, predicted, sample_weight)
            sequences = model._read_fitted(X)
            if predicts_labels(model):
                return share_of_right_sequences(model, sequences, y, sample_weight)
            predicted = respond(model, model._scored, model._apply(sequences), sequences.lengths)
            with refused_as("y or sample_weight", Y_AND_WEIGHTS):
                flat, _ = read_steps("y", y, sequences)
                used = model._labelled(flat, "score")
                weights = None if sample_weight is None else read_step_weights(sample_weight, sequences, used)
                places = Places(sequences.offsets, np.flatnonzero(used))
                return model._metric(flat[used], predicted[used], weights, places)

    def _labelled(self, y, purpose):
        """Which steps (total_steps,) have a y; raises where none has one. `purpose` is what y is for, in the message."""
        masked = self._masked(y)
        left_out = masked if y.ndim == 1 else masked.all(axis=1)
        if left_out.all():
            raise ValueError(f"All steps of y have the mask value, so there is nothing to {purpose}. Label at least one step.")
        return ~left_out

    @document()
    def predict(self, X):
        """Predict class labels or target values.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            Class labels of a classifier (0/1 indicators for multilabel y), or target values of a regressor in the units of y.
            With several quantiles there is one column per quantile, in the order of `quantile`. With `return_sequences` there
            is an entry for every step, in the form of y in `fit`: a list of arrays, an array (n_sequences, n_steps[,
            n_outputs]), or :class:`~sklstm.Sequences`. An array becomes a list if X has sequences of different lengths. With
            ``loss="ctc"`` there are the labels of each sequence: a list of texts if y was texts, else a list of arrays.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, or has other channels (other columns, if it is 2-D) than in `fit`.
        """
        return self._respond(X, "predict")

    @document()
    def encode(self, X):
        """Return the last hidden state of each sequence, as features for another estimator.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences, n_features)
            State h of the last layer: of the forward direction after the last step, and of the reverse direction after the
            first step. `merge_mode` combines them into `hidden_size` or `proj_size` features, or twice as many for "concat".

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            For the same reasons as `predict`.

        See Also
        --------
        sklstm.inspection.gate_activations : The states and gates at every step.
        """
        model = at_this_moment(self)
        return model._apply(model._read_fitted(X), "end_states")

    def stream(self, response_method="predict", static=None):
        """Predict step by step, for sequences that arrive one step at a time.

        Parameters
        ----------
        response_method : {"predict", "predict_proba", "predict_log_proba", "encode"}, default="predict"
            Method whose output each step returns. Probabilities need a classifier.
        static : array-like, dict, Series or DataFrame, default=None
            Static features, of a model that was fitted with such: one row for all streams, or a table with one row for each.

        Returns
        -------
        Stream
            Object whose ``step(x_t)`` returns what the method returns for the steps so far. Its ``reset()`` starts new
            sequences, and its ``state`` can be read and assigned as plain arrays.

        Raises
        ------
        ValueError
            If the model is bidirectional or pools by "attention", which needs all steps at once, or if static features are not
            those of fit, or for "predict" of a model with ``loss="ctc"``, whose labels belong to no step.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 20, 2))
        >>> model = LSTMRegressor(8, max_iter=20, random_state=0).fit(X, X[:, :, 0].sum(axis=1))
        >>> stream = model.stream()
        >>> for x_t in X[0]:
        ...     y = stream.step(x_t)
        >>> bool(y == model.predict(X[:1]))
        True
        """
        check_is_fitted(self)
        return Stream(self, response_method, static)

    @available_if(_has_attention)
    @document()
    def attention(self, X):
        """Return the attention weight of each step; requires ``pooling="attention"``, alone or among others.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        Sequences
            Attention weights, in one channel. The weights of a sequence are positive and sum to 1.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            For the same reasons as `predict`.

        See Also
        --------
        sklstm.inspection.AttentionDisplay : Plot of these weights.
        """
        model = at_this_moment(self)
        sequences = model._read_fitted(X)
        return Sequences(model._apply(sequences, "attention"), sequences.offsets, ids=sequences.ids)
