"""MAPIE: intervals and sets that hold the truth as often as they say, around any form of X."""

import numpy as np
import pytest
from clients.easy import FORMS, MARKS, D, classifier, flattened, problem, ragged, regressor
from mapie.classification import CrossConformalClassifier, SplitConformalClassifier
from mapie.regression import (
    ConformalizedQuantileRegressor,
    CrossConformalRegressor,
    JackknifeAfterBootstrapRegressor,
    SplitConformalRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

pytestmark = MARKS

LEVELS = [0.8, 0.95]
N_TRAIN, N_CONFORMAL, N_TEST = 240, 1000, 2000


def noisy(n, seed):
    """X, labels and amounts that no model can know better than up to their noise."""
    X, _, rise = problem(n, seed)
    amounts = rise + np.random.default_rng(seed + 100).normal(scale=0.5, size=n)
    return X, np.where(amounts > 1, "high", np.where(amounts < -1, "low", "between")), amounts


def assert_nominal(covered, above=0.0, levels=LEVELS):
    """The shares of covered samples (n, n_levels): within three standard deviations, of the scores and of the test sample."""
    for share, level in zip(covered.mean(axis=0), levels, strict=True):
        deviation = np.sqrt(level * (1 - level) * (1 / N_CONFORMAL + 1 / len(covered)))
        assert -3 * deviation < share - level < 3 * deviation + above, (share, level)


def assert_good_intervals(model, X, y):
    predicted, intervals = model.predict_interval(X)
    assert intervals.shape == (len(y), 2, len(LEVELS))
    assert_nominal((intervals[:, 0] <= y[:, np.newaxis]) & (y[:, np.newaxis] <= intervals[:, 1]))
    # Without a look at X it takes the quantiles of y; the noise is a third of its deviation.
    widths = (intervals[:, 1] - intervals[:, 0]).mean(axis=0)
    assert np.all(widths < 0.6 * (np.quantile(y, [0.9, 0.975]) - np.quantile(y, [0.1, 0.025])))
    assert np.all(widths[0] < widths[1])
    assert np.corrcoef(predicted, y)[0, 1] > 0.85


def assert_good_sets(model, X, y, above=0.0):
    predicted, sets = model.predict_set(X)
    assert sets.shape == (len(y), 3, len(LEVELS))
    assert_nominal(sets[np.arange(len(y)), np.searchsorted(["between", "high", "low"], y)], above)
    assert np.all(sets.sum(axis=1).mean(axis=0) < 1.8)
    assert np.mean(predicted == y) > 0.65  # of three classes, with that noise


@pytest.mark.parametrize("form", FORMS)
def test_split_conformal_intervals(form):
    X, _, y = noisy(N_TRAIN, 0)
    X_conformal, _, y_conformal = noisy(N_CONFORMAL, 1)
    X_test, _, y_test = noisy(N_TEST, 2)
    model = SplitConformalRegressor(regressor(), confidence_level=LEVELS, prefit=False)
    model.fit(FORMS[form](X), y).conformalize(FORMS[form](X_conformal), y_conformal)
    assert_good_intervals(model, FORMS[form](X_test), y_test)


# MAPIE compares the second dimension of X with the `n_features_in_` of a classifier. In two dimensions they agree; those of a
# pipeline are what scikit-learn's FunctionTransformer found in the same place.
DOORS = {"flattened": (flattened, classifier(n_channels=D))} | {
    name: (form, make_pipeline(FunctionTransformer(), classifier())) for name, form in FORMS.items()
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("prefit", [False, True])
def test_split_conformal_sets(door, prefit):
    form, estimator = DOORS[door]
    X, y, _ = noisy(N_TRAIN, 0)
    X_conformal, y_conformal, _ = noisy(N_CONFORMAL, 1)
    X_test, y_test, _ = noisy(N_TEST, 2)
    estimator = estimator.fit(form(X), y) if prefit else estimator
    model = SplitConformalClassifier(estimator, confidence_level=LEVELS, prefit=prefit)
    model = model if prefit else model.fit(form(X), y)
    assert_good_sets(model.conformalize(form(X_conformal), y_conformal), form(X_test), y_test)


@pytest.mark.parametrize("form", FORMS)
def test_cross_conformal_intervals(form):
    X, _, y = noisy(N_CONFORMAL, 0)
    X_test, _, y_test = noisy(N_TEST, 2)
    model = CrossConformalRegressor(regressor(max_iter=5), confidence_level=LEVELS, cv=3, random_state=0)
    assert_good_intervals(model.fit_conformalize(FORMS[form](X), y), FORMS[form](X_test), y_test)


@pytest.mark.parametrize("form", FORMS)
def test_cross_conformal_sets(form):
    X, y, _ = noisy(N_CONFORMAL, 0)
    X_test, y_test, _ = noisy(N_TEST, 2)
    model = CrossConformalClassifier(classifier(), confidence_level=LEVELS, cv=3, random_state=0)
    # The folds' models together are better than each, by which the sets are measured: they hold the truth somewhat more often.
    assert_good_sets(model.fit_conformalize(FORMS[form](X), y), FORMS[form](X_test), y_test, above=0.03)


def test_jackknife_after_bootstrap():
    X, _, y = noisy(N_CONFORMAL, 0)
    X_test, _, y_test = noisy(N_TEST, 2)
    model = JackknifeAfterBootstrapRegressor(regressor(max_iter=5), confidence_level=LEVELS, resampling=24, random_state=0)
    assert_good_intervals(model.fit_conformalize(X, y), X_test, y_test)


def test_ragged_sequences():
    X, _, y = noisy(N_TRAIN, 0)
    X_conformal, _, y_conformal = noisy(N_CONFORMAL, 1)
    X_test, _, y_test = noisy(N_TEST, 2)
    model = SplitConformalRegressor(regressor(), confidence_level=LEVELS, prefit=False)
    model.fit(ragged(X), y).conformalize(ragged(X_conformal), y_conformal)
    assert_good_intervals(model, ragged(X_test), y_test)


def test_conformalized_quantiles():
    X, _, y = noisy(N_TRAIN * 4, 0)
    X_conformal, _, y_conformal = noisy(N_CONFORMAL, 1)
    X_test, _, y_test = noisy(N_TEST, 2)
    # In this order: lower, upper, median.
    models = [regressor(loss="quantile", quantile=quantile).fit(X, y) for quantile in (0.1, 0.9, 0.5)]
    model = ConformalizedQuantileRegressor(models, confidence_level=0.8, prefit=True).conformalize(X_conformal, y_conformal)
    _, intervals = model.predict_interval(X_test)
    covered = (intervals[:, 0, 0] <= y_test) & (y_test <= intervals[:, 1, 0])
    assert_nominal(covered[:, np.newaxis], levels=[0.8])
    assert (intervals[:, 1, 0] - intervals[:, 0, 0]).mean() < 0.6 * np.subtract(*np.quantile(y_test, [0.9, 0.1]))
