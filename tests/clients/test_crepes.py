"""crepes: conformal classifiers and regressors, which hold the truth as often as they say."""

import numpy as np
import pytest
from clients.easy import FORMS, MARKS, D, classifier, flattened, problem, ragged, regressor
from crepes import WrapClassifier, WrapRegressor
from crepes.extras import DifficultyEstimator

pytestmark = MARKS

N_CONFORMAL, N_TEST, LEVEL = 500, 1000, 0.9
EVERY_FORM = {**FORMS, "ragged": ragged, "flat": flattened}


def assert_nominal(error):
    """Share of test samples outside: within three standard deviations, of the scores and of the test sample."""
    assert abs(error - (1 - LEVEL)) < 3 * np.sqrt(LEVEL * (1 - LEVEL) * (1 / N_CONFORMAL + 1 / N_TEST))


def three_parts(form, which):
    """X in a form and y, for training, calibration and the test."""
    for k, n in enumerate((240, N_CONFORMAL, N_TEST)):
        data = problem(n, k)
        yield form(data[0]), data[which]


@pytest.mark.parametrize("form", EVERY_FORM.values(), ids=EVERY_FORM)
def test_sets_of_classes(form):
    (X, y), (X_conformal, y_conformal), (X_test, y_test) = three_parts(form, 1)
    model = WrapClassifier(classifier(n_channels=D if form is flattened else 1))
    model.fit(X, y)
    for how in ({}, {"class_cond": True}):
        model.calibrate(X_conformal, y_conformal, seed=0, **how)
        assert_nominal(model.evaluate(X_test, y_test, confidence=LEVEL, metrics=["error"], seed=0)["error"])
    sets = model.predict_set(X_test, confidence=LEVEL, seed=0)
    assert_nominal(np.mean([label not in labels for label, labels in zip(y_test, sets, strict=True)]))
    np.testing.assert_array_equal(model.predict_proba(X_test), model.learner.predict_proba(X_test))


@pytest.mark.parametrize("form", EVERY_FORM.values(), ids=EVERY_FORM)
def test_intervals(form):
    (X, y), (X_conformal, y_conformal), (X_test, y_test) = three_parts(form, 2)
    model = WrapRegressor(regressor(n_channels=D if form is flattened else 1))
    model.fit(X, y)
    model.calibrate(X_conformal, y_conformal, seed=0)
    assert_nominal(model.evaluate(X_test, y_test, confidence=LEVEL, metrics=["error"], seed=0)["error"])
    low, high = model.predict_int(X_test, confidence=LEVEL, seed=0).T
    assert np.mean(high - low) < 0.5 * np.subtract(*np.quantile(y_test, [0.95, 0.05]))


def test_difficulty_of_flat_rows():
    (X, y), (X_conformal, y_conformal), (X_test, y_test) = three_parts(flattened, 2)
    model = WrapRegressor(regressor(n_channels=D))
    model.fit(X, y)
    difficulty = DifficultyEstimator().fit(X=X, y=y, scaler=True)
    model.calibrate(X_conformal, y_conformal, de=difficulty, seed=0)
    assert_nominal(model.evaluate(X_test, y_test, confidence=LEVEL, metrics=["error"], seed=0)["error"])
