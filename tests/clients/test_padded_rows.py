"""Sequences of different lengths through tools that insist on two dimensions: as padded rows, they are the list of sequences.

The other side of each comparison is an estimator whose rows are the numbers of sequences in a list, which it fits as they are.
"""

import numpy as np
import pytest
from clients.easy import MARKS, D, T, classifier, flattened, problem, ragged, regressor
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, ExponentiatedGradient
from imblearn.ensemble import BalancedBaggingClassifier, EasyEnsembleClassifier, RUSBoostClassifier
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from lime.lime_tabular import LimeTabularExplainer
from mapie.classification import CrossConformalClassifier, SplitConformalClassifier
from mapie.regression import CrossConformalRegressor, JackknifeAfterBootstrapRegressor, SplitConformalRegressor
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier
from sklearn.pipeline import make_pipeline

from sklstm import Sequences
from sklstm.preprocessing import PaddingRemover

pytestmark = MARKS

X, Y, AMOUNTS = problem(120)
SEQUENCES = ragged(X)
NUMBERS = np.repeat(np.arange(len(X), dtype=float)[:, np.newaxis], T * D, axis=1)  # as many columns: some draw among them
CODES = (Y == "rises").astype(int)
GROUPS = np.where(np.random.default_rng(0).random(len(X)) < 0.3 + 0.5 * CODES, "a", "b")
FEW = (CODES == 0) | (np.arange(len(X)) % 6 == 1)  # an imbalanced part

few = {"max_iter": 3}


class OfNumberedSequences(BaseEstimator):
    """The estimator in the place of which padded rows are read."""

    def __init__(self, random_state=0):
        self.random_state = random_state  # which ensembles set

    def fit(self, numbers, y, sample_weight=None):
        self.model_ = (
            self._make().set_params(random_state=self.random_state).fit(self._of(numbers), y, sample_weight=sample_weight)
        )
        self.n_features_in_ = numbers.shape[1]
        return self

    def predict(self, numbers):
        return self.model_.predict(self._of(numbers))

    def _of(self, numbers):
        return [SEQUENCES[k] for k in numbers[:, 0].astype(int)]


class NumberedClassifier(ClassifierMixin, OfNumberedSequences):
    def _make(self):
        return classifier(**few)

    @property
    def classes_(self):
        return self.model_.classes_

    def predict_proba(self, numbers):
        return self.model_.predict_proba(self._of(numbers))


class NumberedRegressor(RegressorMixin, OfNumberedSequences):
    def _make(self):
        return regressor(**few)


def rows_of(padding, side="end"):
    return flattened(Sequences.from_list(SEQUENCES).to_padded(padding, side=side))


# How the padding is taken off: the classifier and the regressor.
WAYS = {
    "parameter": lambda padding: [make(n_channels=D, padding=padding, **few) for make in (classifier, regressor)],
    "pipeline": lambda padding: [
        make_pipeline(PaddingRemover(D, padding=padding), make(**few)) for make in (classifier, regressor)
    ],
}


def mitigated(model, X, **options):
    fair = ExponentiatedGradient(model, DemographicParity(), max_iter=2, **options)
    return fair.fit(X, CODES, sensitive_features=GROUPS)._pmf_predict(X)


def thresholded(model, X):
    fair = ThresholdOptimizer(estimator=model, predict_method="predict_proba").fit(X, CODES, sensitive_features=GROUPS)
    return fair.predict(X, sensitive_features=GROUPS, random_state=0)


def balanced(Ensemble):
    return lambda model, X: Ensemble(estimator=model, n_estimators=2, random_state=0).fit(X[FEW], Y[FEW]).predict_proba(X)


def resampled(Sampler):
    return lambda model, X: make_resampling_pipeline(Sampler(random_state=0), model).fit(X[FEW], Y[FEW]).predict_proba(X)


def in_folds(Conformal, y):
    method = {"CrossConformalClassifier": "predict_set"}.get(Conformal.__name__, "predict_interval")
    folds = {"resampling": 16} if Conformal is JackknifeAfterBootstrapRegressor else {"cv": 2}
    return lambda model, X: getattr(Conformal(model, random_state=0, **folds).fit_conformalize(X, y), method)(X)


def split(Conformal, y, method):
    return lambda model, X: getattr(Conformal(model, prefit=False).fit(X, y).conformalize(X, y), method)(X)


# name: (what it predicts, of a classifier or a regressor, the values of padding that it lets through)
ANY, NUMBER = (np.nan, -999.0), (-999.0,)
TOOLS = {
    "bagging": (lambda model, X: BaggingClassifier(model, 2, random_state=0).fit(X, Y).predict_proba(X), 0, ANY),
    "fairlearn, thresholds": (thresholded, 0, ANY),
    "imbalanced-learn, BalancedBagging": (balanced(BalancedBaggingClassifier), 0, ANY),
    "imbalanced-learn, EasyEnsemble": (balanced(EasyEnsembleClassifier), 0, ANY),
    "imbalanced-learn, over": (resampled(RandomOverSampler), 0, ANY),
    "imbalanced-learn, under": (resampled(RandomUnderSampler), 0, ANY),
    "MAPIE, split sets": (split(SplitConformalClassifier, Y, "predict_set"), 0, ANY),
    "MAPIE, split intervals": (split(SplitConformalRegressor, AMOUNTS, "predict_interval"), 1, ANY),
    "MAPIE, cross sets": (in_folds(CrossConformalClassifier, Y), 0, ANY),
    "MAPIE, cross intervals": (in_folds(CrossConformalRegressor, AMOUNTS), 1, ANY),
    "MAPIE, jackknife": (in_folds(JackknifeAfterBootstrapRegressor, AMOUNTS), 1, ANY),
    "AdaBoostRegressor": (
        lambda model, X: AdaBoostRegressor(model, n_estimators=2, random_state=0).fit(X, AMOUNTS).predict(X),
        1,
        NUMBER,
    ),
}
# A Pipeline takes no sample_weight, or only by a name of its own.
WEIGHING = {
    "AdaBoostClassifier": (
        lambda model, X: AdaBoostClassifier(model, n_estimators=2, random_state=0).fit(X, Y).predict_proba(X),
        NUMBER,
    ),
    "fairlearn, reductions": (mitigated, ANY),
    "imbalanced-learn, RUSBoost": (balanced(RUSBoostClassifier), NUMBER),
}


def assert_same(found, expected):
    for each, other in zip(*(result if isinstance(result, tuple) else (result,) for result in (found, expected)), strict=True):
        np.testing.assert_array_equal(each, other)


@pytest.mark.parametrize("tool", TOOLS)
def test_padded_rows_are_the_list_of_sequences(tool):
    predict, kind, paddings = TOOLS[tool]
    numbered = (NumberedClassifier(), NumberedRegressor())[kind]
    # Bagging draws samples for a Pipeline, and weights for what takes weights.
    for way, twin in {"parameter": numbered, "pipeline": make_pipeline(numbered)}.items():
        expected = predict(twin, NUMBERS)
        for padding, side in zip(paddings, ("end", "start"), strict=False):
            assert_same(predict(WAYS[way](padding)[kind], rows_of(padding, side)), expected)


@pytest.mark.parametrize("tool", WEIGHING)
def test_tools_that_weigh_samples_want_the_parameter(tool):
    predict, paddings = WEIGHING[tool]
    expected = predict(NumberedClassifier(), NUMBERS)
    for padding in paddings:
        assert_same(predict(WAYS["parameter"](padding)[0], rows_of(padding)), expected)
        with pytest.raises(ValueError, match="sample_weight"):
            predict(WAYS["pipeline"](padding)[0], rows_of(padding))


def test_a_pipeline_takes_weights_by_a_name_of_its_own():
    pipeline = WAYS["pipeline"](np.nan)[0]
    found = mitigated(pipeline, rows_of(np.nan), sample_weight_name="lstmclassifier__sample_weight")
    assert_same(found, mitigated(NumberedClassifier(), NUMBERS))


@pytest.mark.parametrize("way", WAYS)
def test_columns_are_perturbed_where_there_is_no_padding(way):
    # lime draws all columns anew, so the padding is put back; how far those columns were drawn is all that its weights see.
    padding, model = 0.0, WAYS[way](0.0)[0].fit(rows_of(0.0), Y)
    alone = classifier(**few).fit(SEQUENCES, Y)
    k, rows = 1, rows_of(padding)
    row, n_real = rows[k], SEQUENCES[k].size
    assert n_real < row.size

    def of_rows(drawn):
        return model.predict_proba(np.where(row == padding, padding, drawn))

    def of_sequences(drawn):
        return alone.predict_proba([each[:n_real].reshape(-1, D) for each in drawn])

    def explained(function):
        explainer = LimeTabularExplainer(rows, discretize_continuous=False, random_state=0)
        return explainer.explain_instance(row, function, num_features=T * D, num_samples=500)

    found, expected = explained(of_rows), explained(of_sequences)
    assert found.as_list() == expected.as_list()
    np.testing.assert_array_equal(found.predict_proba, alone.predict_proba(SEQUENCES[k : k + 1])[0])
    weights = np.abs([weight for _, weight in sorted(found.as_map()[1])])
    assert weights[n_real:].max() < 0.1 * weights.max()


def test_what_mixes_rows_of_different_lengths_is_an_error_with_missing_values_as_padding():
    pipeline = make_resampling_pipeline(SMOTE(random_state=0), classifier(n_channels=D, padding=np.nan, **few))
    with pytest.raises(ValueError, match="NaN"):
        pipeline.fit(rows_of(np.nan)[FEW], Y[FEW])
