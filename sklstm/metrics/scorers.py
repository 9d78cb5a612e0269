"""Scorers for estimators that predict every step (`return_sequences=True`)."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest

from ..compat import scorer_parts
from ..estimators import LSTMClassifier, LSTMRegressor, LSTMSeq2Seq
from ..estimators.base import BaseRecurrent
from ..estimators.unaligned import predicts_labels
from ..sequences import Sequences
from ..sequences.alignment import ids_of, in_order_of, one_per_sequence
from ..sequences.step_targets import read_step_weights, read_steps
from ..sequences.targets import as_array
from .sequences import by_sequence

# By scikit-learn's convention, smaller values of functions with these endings are better.
LOWER_IS_BETTER = ("_error", "_loss", "_deviance")


def step_scorer(metric, *, response_method=None, greater_is_better=None, **kwargs):
    """Make a scorer that compares predictions with y step by step, for cross-validation and searches.

    Parameters
    ----------
    metric : str or callable
        Name of one of scikit-learn's scorers, such as "f1_macro", "roc_auc" or "neg_mean_absolute_error"; a scorer from
        :func:`sklearn.metrics.make_scorer`; or a function ``metric(y_true, y_pred, **kwargs)``.
    response_method : {"predict", "predict_proba"} or list of these, default=None
        Method whose predictions the function `metric` gets; None is "predict". Pass it only with a function: scorers have their
        own.
    greater_is_better : bool, default=None
        Whether larger values of the function `metric` are better; if not, the score is its negative. None is False for functions
        whose name ends with "_error", "_loss" or "_deviance", else True. Pass it only with a function.
    **kwargs : dict
        Further arguments of the metric, such as ``average="macro"``.

    Returns
    -------
    callable
        The scorer, Scorer ``scorer(estimator, X, y, sample_weight=None)``, to pass as `scoring`.

    Raises
    ------
    ValueError
        If there is no scorer of that name, or if `response_method` or `greater_is_better` is passed with a scorer.

    See Also
    --------
    sklearn.metrics.make_scorer : Make scorers for one prediction per sequence.

    Notes
    -----
    scikit-learn's own scorers compare arrays with one row for each sequence, so that they cannot score steps. This scorer puts
    the steps of all sequences one after the other: in y, the predictions and the weights, each in any of the forms of `fit`.
    Steps whose y has the mask value (NaN or None, for labels -100) are left out. An estimator that makes one prediction per
    sequence is scored as usual.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.metrics import step_scorer
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(2, 9), 1)) for _ in range(60)]
    >>> y = [(x[:, 0] > 0).astype(int) for x in X]
    >>> model = LSTMClassifier(4, return_sequences=True, max_iter=20, random_state=0)
    >>> scores = cross_val_score(model, X, y, cv=3, scoring=step_scorer("f1_macro"))
    >>> bool(scores.min() > 0.9)
    True
    """
    is_scorer = isinstance(metric, str) or isinstance(metric, type(get_scorer("accuracy")))
    if isinstance(metric, str) and metric not in get_scorer_names():
        raise ValueError(
            f"metric={metric!r} is not the name of a scorer of scikit-learn. See sklearn.metrics.get_scorer_names(), or pass a"
            " function metric(y_true, y_pred)."
        )
    if not is_scorer and not callable(metric):
        raise ValueError(f"metric must be the name of a scorer or a function metric(y_true, y_pred), got {metric!r}.")
    if is_scorer and not (response_method is None and greater_is_better is None):
        raise ValueError(
            f"metric={metric!r} is a scorer, which has a response_method and a sign of its own. Leave response_method and"
            " greater_is_better out, or pass the function of the metric."
        )
    return _StepScorer(metric, response_method, greater_is_better, kwargs)


def _scorer_of(metric, response_method, greater_is_better, kwargs):
    """The scorer of scikit-learn that computes the score."""
    scorer = get_scorer(metric) if isinstance(metric, str) else metric
    if isinstance(scorer, type(get_scorer("accuracy"))):
        if not kwargs:
            return scorer
        metric, response_method, greater_is_better, own = scorer_parts(scorer)
        kwargs = own | kwargs
    if greater_is_better is None:
        name = getattr(getattr(metric, "func", metric), "__name__", "")
        greater_is_better = not name.endswith(LOWER_IS_BETTER)
    return make_scorer(metric, response_method=response_method or "predict", greater_is_better=greater_is_better, **kwargs)


class _Routed:
    """Metadata routing, as in scikit-learn's scorers."""

    def _accept_sample_weight(self):
        return True

    def set_score_request(self, *, sample_weight):
        """Set whether metadata routing passes `sample_weight`, as scorers of scikit-learn do."""
        self._metadata_request = self._request(sample_weight)
        return self

    def get_metadata_routing(self):
        """Return what metadata routing passes."""
        return getattr(self, "_metadata_request", None) or self._request(None)

    def _request(self, alias):
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=alias)
        return request

    def _routing_repr(self):
        return repr(self)


class _StepScorer(_Routed):
    """The scorer that `step_scorer` returns. It holds plain values, so that it can be cloned and pickled."""

    def __init__(self, metric, response_method, greater_is_better, kwargs):
        self.metric, self.response_method = metric, response_method
        self.greater_is_better, self.kwargs = greater_is_better, kwargs
        self._scorer = _scorer_of(metric, response_method, greater_is_better, kwargs)

    def __call__(self, estimator, X, y=None, sample_weight=None):
        if y is None:
            raise ValueError("A scorer of steps needs y. Pass the targets that the predictions are compared with.")
        if model_inside(estimator, LSTMSeq2Seq) is not None:
            raise ValueError(
                "step_scorer compares predictions with y step by step, but outputs of LSTMSeq2Seq have lengths of their own. Use"
                " sequence_scorer(token_accuracy_score), or another metric of sklstm.metrics for sequences."
            )
        of_rows, y_true, weights = in_rows(estimator, X, y, sample_weight, scorer_parts(self._scorer)[1])
        return self._scorer(of_rows, X, y_true, **{} if weights is None else {"sample_weight": weights})

    def __repr__(self):
        metric = self.metric if isinstance(self.metric, str) else getattr(self.metric, "__name__", self.metric)
        given = {"response_method": self.response_method, "greater_is_better": self.greater_is_better}
        arguments = {key: value for key, value in given.items() if value is not None} | self.kwargs
        return f"step_scorer({', '.join([repr(metric), *(f'{key}={value!r}' for key, value in arguments.items())])})"


def sequence_scorer(metric, *, greater_is_better=None, **kwargs):
    """Make a scorer that compares predicted label sequences with y, each as a whole, for cross-validation and searches.

    It calls ``predict``, or of an outlier detector ``predict_steps``, whose alarms are compared with the events in y.

    Parameters
    ----------
    metric : callable
        Function ``metric(y_true, y_pred, *, sample_weight=None, **kwargs)`` of lists with the labels of each sequence, such as
        :func:`exact_match_score` and :func:`edit_distance_rate`, or of alarms :func:`event_f1_score`. Labels of a text are its
        characters.
    greater_is_better : bool, default=None
        Whether larger values are better; if not, the score is the negative value. None is False for functions whose name ends
        with "_rate", "_error" or "_loss", else True.
    **kwargs : dict
        Further arguments of the metric.

    Returns
    -------
    callable
        The scorer, Scorer ``scorer(estimator, X, y, sample_weight=None)``, to pass as `scoring`.

    Raises
    ------
    ValueError
        If `metric` is no function.

    See Also
    --------
    step_scorer : Scores steps; ``step_scorer("accuracy")`` is the share of the labelled steps that are right.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.metrics import exact_match_score, sequence_scorer
    >>> X = np.random.default_rng(0).normal(size=(60, 4, 1))
    >>> model = LSTMClassifier(4, return_sequences=True, max_iter=20, random_state=0)
    >>> scores = cross_val_score(model, X, (X[:, :, 0] > 0).astype(int), cv=3, scoring=sequence_scorer(exact_match_score))
    >>> bool(scores.min() > 0.5)
    True
    """
    if not callable(metric):
        raise ValueError(f"metric must be a function metric(y_true, y_pred) of lists of sequences, got {metric!r}.")
    if greater_is_better is None:
        greater_is_better = not getattr(metric, "__name__", "").endswith(("_rate", *LOWER_IS_BETTER))
    return _SequenceScorer(metric, bool(greater_is_better), kwargs)


class _SequenceScorer(_Routed):
    """The scorer that `sequence_scorer` returns. It holds plain values, so that it can be cloned and pickled."""

    def __init__(self, metric, greater_is_better, kwargs):
        self.metric, self.greater_is_better, self.kwargs = metric, greater_is_better, kwargs

    def __call__(self, estimator, X, y=None, sample_weight=None):
        if y is None:
            raise ValueError("A scorer of sequences needs y. Pass the targets that the predictions are compared with.")
        ids, predicted = ids_of(X), by_sequence(_label_sequences(estimator, X))
        y = one_per_sequence("y", y, len(predicted), ids, "one label for every step of it.", most_dimensions=3)
        weights = {} if sample_weight is None else {"sample_weight": in_order_of(ids, "sample_weight", sample_weight)}
        value = self.metric(by_sequence(y), predicted, **weights, **self.kwargs)
        return float(value if self.greater_is_better else -value)

    def __repr__(self):
        arguments = [f"{key}={value!r}" for key, value in {"greater_is_better": self.greater_is_better, **self.kwargs}.items()]
        return f"sequence_scorer({', '.join([getattr(self.metric, '__name__', repr(self.metric)), *arguments])})"


def _label_sequences(estimator, X):
    """Predictions by `predict_steps`, also of the last step of a Pipeline; of an estimator without it by `predict`."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if isinstance(estimator, Pipeline) and hasattr(estimator[-1], "predict_steps"):
        estimator, X = estimator[-1], estimator[:-1].transform(X) if len(estimator) > 1 else X
    return getattr(estimator, "predict_steps", estimator.predict)(X)


# ---- one row for each prediction ----


def in_rows(estimator, X, y, sample_weight, methods):
    """What a metric of scikit-learn compares: one row for each sequence, or for each step with a y, of all sequences in a row.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X, y, sample_weight
        In any of the forms of `fit`.
    methods : str or list of str
        Methods whose predictions are needed; those that the estimator does not have are ignored.

    Returns
    -------
    of_rows : estimator
        Its methods predict such rows, from X.
    y : array-like of shape (n_rows, ...)
    sample_weight : array-like of shape (n_rows,), or None where there is none
    """
    ids = ids_of(X)
    if _predicts_steps(estimator, y):
        _refuse_labels(estimator)
        flat = (_FlatClassifier if is_classifier(estimator) else _FlatRegressor)(estimator, ids)
        steps = flat.steps_of(X, methods)
        y_true, _ = read_steps("y", y, steps)
        flat.used = used = flat.model._labelled(y_true, "score")
        weights = None if sample_weight is None else read_step_weights(sample_weight, steps, used)
        return flat, as_array("y", y_true[used]), weights
    if ids is not None:
        y = one_per_sequence("y", y, len(ids), ids)
    return estimator, y, None if sample_weight is None else in_order_of(ids, "sample_weight", sample_weight)


# ---- which estimators predict steps ----

INNER = ("best_estimator_", "estimator_", "regressor_", "classifier_", "_final_estimator")


def model_inside(estimator, kind=BaseRecurrent):
    """The recurrent estimator of a kind inside a search, a Pipeline or another wrapper; None if it has none."""
    while not isinstance(estimator, kind):
        inner = next((name for name in INNER if getattr(estimator, name, None) is not None), None)
        if inner is None:
            return None
        estimator = getattr(estimator, inner)
    return estimator


def _predicts_steps(estimator, y):
    """Whether an estimator predicts steps; for one without a recurrent estimator inside, judged by the form of y."""
    model = model_inside(estimator)
    if model is not None and model.__sklearn_is_fitted__():
        return model._per_step
    return isinstance(y, (Sequences, list, tuple)) and len(y) > 0 and np.ndim(y[0]) > 0


def _refuse_labels(estimator):
    """Raise where the labels that an estimator predicts have no steps."""
    model = model_inside(estimator)
    if model is not None and model.__sklearn_is_fitted__() and predicts_labels(model):
        raise ValueError(
            'step_scorer compares predictions with y step by step, but with loss="ctc" labels have no steps. Use'
            " sequence_scorer(exact_match_score) or sequence_scorer(edit_distance_rate) of sklstm.metrics."
        )


# ---- predictions of steps, one after the other ----


class _Flat(BaseEstimator):
    """An estimator whose predictions are those of another for its steps, one after the other, without the masked ones.

    Attributes
    ----------
    used : ndarray of bool of shape (total_steps,) or None
        Whether each step has a y.
    """

    def __init__(self, estimator, ids):
        self.estimator, self.ids, self.used = estimator, ids, None
        self.model = model_inside(estimator) or (LSTMClassifier if is_classifier(estimator) else LSTMRegressor)()
        self._known = {}

    def __sklearn_is_fitted__(self):
        return True

    def steps_of(self, X, methods):
        """The lengths of the sequences as `Sequences` without channels, by the first method that the estimator has."""
        methods = [methods] if isinstance(methods, str) else methods
        offsets = self._flat(next((name for name in methods if hasattr(self, name)), "predict"), X)[1]
        return Sequences(np.empty((offsets[-1], 0)), offsets, ids=self.ids)

    def _flat(self, method, X):
        """Predictions (total_steps, ...), and where those of each sequence begin."""
        if method not in self._known:
            predicted = getattr(self.estimator, method)(X)
            if isinstance(predicted, Sequences):
                flat, offsets = predicted.values, predicted.offsets
            else:
                flat = np.concatenate(list(predicted))
                offsets = np.concatenate([[0], np.cumsum([len(one) for one in predicted])])
            self._known[method] = flat[:, 0] if flat.shape[1:] == (1,) and method == "predict" else flat, offsets
        return self._known[method]

    def predict(self, X):
        return self._flat("predict", X)[0][self.used]


class _FlatRegressor(RegressorMixin, _Flat):
    pass


class _FlatClassifier(ClassifierMixin, _Flat):
    @property
    def classes_(self):
        classes = self.estimator.classes_
        # For several labels, a list as in scikit-learn's forests; `classes_` of a network are the numbers of the labels.
        return [np.arange(2)] * len(classes) if getattr(self.model, "_multilabel", False) else classes

    def predict_proba(self, X):
        return self._flat("predict_proba", X)[0][self.used]

    def predict_log_proba(self, X):
        return self._flat("predict_log_proba", X)[0][self.used]
