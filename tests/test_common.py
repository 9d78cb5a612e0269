"""scikit-learn's own checks in the default configuration and with every cell and option."""

import numpy as np
import pytest
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _check_sample_weight, column_or_1d

from sklstm import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq
from sklstm.network import CELLS

# As with the MLP, plain gradient descent wants a larger step than Adam for the checks that ask for a score.
SGD = {
    "solver": "sgd", "learning_rate_init": 0.1, "learning_rate": "constant", "max_grad_norm": 1.0, "max_iter": 200,
    "n_iter_no_change": 10, "forget_bias": 1.0,
}  # fmt: skip
# All but the defaults, to save time.
BRIEF = {"max_iter": 100}
# A check sets alpha to 0.01: a strong penalty for attention, quantiles and steps in so few epochs, but a usual weight decay.
QUICK = [{}, {"bidirectional": True, **BRIEF}, {"cell": "gru", **BRIEF}]
SLOW = [
    *({"cell": cell} for cell in CELLS if cell not in ("lstm", "gru")),
    {"solver": "adamw", "learning_rate": "constant", "max_iter": "auto"},
    {"solver": "rmsprop", "learning_rate": "plateau", "max_iter": "auto"},
    {"solver": "lbfgs", "forget_bias": "chrono", "pooling": "last", "max_iter": "auto"},
    {"cell": "rnn", "activation": "relu", **SGD},
    {"dropout": 0.2, "recurrent_dropout": 0.2, "num_layers": 2},
    {"residual": True, "num_layers": 2, "pooling": "mean"},
    {"initial_state": "learned", "bptt_steps": 6, "pooling": "max"},
    SGD,
]
OWN = [
    LSTMClassifier(class_weight="balanced", **BRIEF),
    LSTMClassifier(label_smoothing=0.1, **BRIEF),
    LSTMRegressor(bidirectional=True, merge_mode="sum", **BRIEF),
    LSTMRegressor(loss="absolute_error", **BRIEF),
    LSTMRegressor(loss="huber", **BRIEF),
    LSTMRegressor(loss="poisson", **BRIEF),
    LSTMRegressor(loss="gaussian_mixture", **BRIEF),
    LSTMRegressor(loss="quantile", quantile=0.5, solver="adamw", **BRIEF),
]


def over_steps(X, y):
    """y for every step, where X is a table of univariate sequences; anything else as it is."""
    table, labels = np.asarray(X), np.asarray(y)
    if y is None or table.ndim != 2 or labels.ndim == 0 or len(table) != len(labels):
        return y
    if labels.shape[1:] == (1,):
        labels = column_or_1d(labels, warn=True)  # as one of the checks wants it
    return y if labels.ndim > 1 else np.repeat(labels[:, np.newaxis], table.shape[1], axis=1)


class PerStep:
    """The checks have one y per sequence: here it is that of every step, and the answer is that of the last step."""

    def fit(self, X, y, sample_weight=None):
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, y)  # one per sequence, too
        return super().fit(X, over_steps(X, y), sample_weight)

    def partial_fit(self, X, y, sample_weight=None, **classes):
        return super().partial_fit(X, over_steps(X, y), sample_weight=sample_weight, **classes)

    def predict(self, X):
        return super().predict(X)[:, -1]

    def score(self, X, y, sample_weight=None):
        # Of the last step too: the first ones have not seen enough.
        return self.metric(y, self.predict(X), sample_weight=sample_weight)


class PerStepClassifier(PerStep, LSTMClassifier):
    metric = staticmethod(accuracy_score)

    def predict_proba(self, X):
        return super().predict_proba(X)[:, -1]

    def predict_log_proba(self, X):
        return super().predict_log_proba(X)[:, -1]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = False  # one label per sequence is all that over_steps knows
        return tags


class PerStepRegressor(PerStep, LSTMRegressor):
    metric = staticmethod(r2_score)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags


def as_sequences(X, y):
    """y as sequences of one label or number, where there is one for each sequence of a table; anything else as it is."""
    table, labels = np.asarray(X), np.asarray(y)
    if y is None or table.ndim != 2 or labels.ndim == 0 or len(table) != len(labels):
        return y
    if labels.shape[1:] == (1,):
        labels = column_or_1d(labels, warn=True)
    return y if labels.ndim > 1 else labels[:, np.newaxis]


class OneLabelClassifier(LSTMClassifier):
    """The checks have one class per sequence: here it is a label without a step, and the prediction the likeliest at any step."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, as_sequences(X, y), sample_weight)

    def partial_fit(self, X, y, sample_weight=None, **classes):
        return super().partial_fit(X, as_sequences(X, y), sample_weight=sample_weight, **classes)

    def predict(self, X):
        chosen = self.predict_proba(X).argmax(axis=1)
        return self.classes_[chosen]

    def predict_proba(self, X):
        p = np.array([steps[:, :-1].max(axis=0) for steps in super().predict_proba(X)])
        return p / p.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X):
        return np.log(self.predict_proba(X))

    def score(self, X, y, sample_weight=None):
        return accuracy_score(y, self.predict(X), sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = False
        return tags


def coded(X):
    """The checks have tables of any numbers: here they are rounded to codes; anything else as it is."""
    values = np.asarray(X)
    if values.dtype.kind == "O":
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError):
            return X
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        return X
    codes = np.clip(np.round(3 * values) + 60, 0, 1000).astype(values.dtype)
    return type(X)(codes, columns=X.columns, index=X.index) if hasattr(X, "columns") else codes


class Coded:
    def fit(self, X, y, sample_weight=None):
        return super().fit(coded(X), y, sample_weight)

    def partial_fit(self, X, y, sample_weight=None, **classes):
        return super().partial_fit(coded(X), y, sample_weight=sample_weight, **classes)

    def _read_fitted(self, X):
        return super()._read_fitted(coded(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = tags.input_tags.positive_only = False
        return tags


class CodedClassifier(Coded, LSTMClassifier):
    pass


class CodedRegressor(Coded, LSTMRegressor):
    pass


class OneStep:
    """The checks have one y per sequence: here it is an output of one step."""

    def fit(self, X, y, sample_weight=None):
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, y)
        return super().fit(X, as_sequences(X, y), sample_weight)

    def partial_fit(self, X, y, sample_weight=None, classes=None):
        return super().partial_fit(X, as_sequences(X, y), sample_weight=sample_weight, classes=classes)

    def predict(self, X):
        return super().predict(X)[:, 0]

    def score(self, X, y, sample_weight=None):
        return self.metric(y, self.predict(X), sample_weight=sample_weight)


class OneToken(OneStep, ClassifierMixin, LSTMSeq2Seq):
    metric = staticmethod(accuracy_score)


class OneNumber(OneStep, RegressorMixin, LSTMSeq2Seq):
    metric = staticmethod(r2_score)


pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.SkipTestWarning"
)


@parametrize_with_checks(
    [
        *(Estimator(**parameters) for Estimator in (LSTMClassifier, LSTMRegressor) for parameters in QUICK),
        LSTMClassifier(pooling="attention", **BRIEF),
        LSTMRegressor(pooling="attention", solver="adamw", **BRIEF),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


HELD_OUT = "which sequences are held out depends on their number"
OF_WEIGHTS = {f"check_sample_weight_equivalence_on_{data}_data": HELD_OUT for data in ("dense", "sparse")}


@parametrize_with_checks([LSTMOutlierDetector(max_iter=10)], expected_failed_checks=lambda _: OF_WEIGHTS)
def test_scikit_learns_checks_of_detectors(estimator, check):
    check(estimator)


# With these too: the deep, and those that read all steps.
DECAYED = [parameters for parameters in SLOW if parameters.get("num_layers") == 2 or parameters.get("pooling") in ("mean", "max")]
# Both estimators share what these options are of: each is checked with one of them.
OPTIONS = [
    *(LSTMClassifier(**BRIEF | parameters) for parameters in SLOW[::2]),
    *(LSTMRegressor(**BRIEF | parameters | ({"solver": "adamw"} if parameters in DECAYED else {})) for parameters in SLOW[1::2]),
    *OWN,
    PerStepClassifier(return_sequences=True, **BRIEF),
    PerStepClassifier(return_sequences=True, structure="crf", **BRIEF),
    OneLabelClassifier(return_sequences=True, loss="ctc", bidirectional=True, **BRIEF),
    PerStepRegressor(return_sequences=True, solver="adamw", **BRIEF),
    OneToken(loss="log_loss", **BRIEF),
    OneNumber(loss="squared_error", bidirectional=True, attention="additive", **BRIEF),
    LSTMClassifier(missing="indicator", **BRIEF),
    LSTMRegressor(missing="decay", **BRIEF),
    CodedClassifier(categorical_features="all", embedding_dim=3, **BRIEF),
    CodedRegressor(categorical_features="all", embedding_dim=3, **BRIEF),
]


def not_meant(estimator):
    """Checks of what an option excludes: for whole label sequences a class_weight is an error, which test_crf.py and test_ctc.py
    have; tokens may be any numbers."""
    if isinstance(estimator, OneToken):
        return {"check_classifiers_regression_target": "floats are tokens with loss='log_loss'"}
    of_sequences = vars(estimator).get("structure") or vars(estimator).get("loss") == "ctc"
    return {"check_class_weight_classifiers": "a label sequence is one outcome"} if of_sequences else {}


DETECTORS = [
    LSTMOutlierDetector(error_model="gaussian", aggregation="max", early_stopping=True, **BRIEF),
    LSTMOutlierDetector(error_model="quantile", aggregation="top", contamination=0.05, smoothing=0.5, solver="adamw"),
    LSTMOutlierDetector(missing="indicator", loss="absolute_error", window=4, **BRIEF),
    LSTMOutlierDetector(target="reconstruct", bidirectional=True, **BRIEF),
]


@pytest.mark.slow
@parametrize_with_checks(DETECTORS, expected_failed_checks=lambda _: OF_WEIGHTS)
def test_scikit_learns_checks_of_options_of_detectors(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(OPTIONS, expected_failed_checks=not_meant)
def test_scikit_learns_checks_of_options(estimator, check):
    check(estimator)
