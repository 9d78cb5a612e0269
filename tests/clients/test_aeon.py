"""aeon: arrays (n, n_channels, n_steps), or lists of arrays (n_channels, n_steps): transposed, they are sequences."""

import numpy as np
import pytest
from aeon.classification.compose import ClassifierPipeline
from aeon.classification.sklearn import SklearnClassifierWrapper
from aeon.datasets import load_basic_motions, load_japanese_vowels
from aeon.forecasting import RegressionForecaster
from aeon.regression.sklearn import SklearnRegressorWrapper
from aeon.transformations.collection import Normalizer
from clients.easy import FORECASTS, MARKS, classifier, problem, regressor, series
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

pytestmark = MARKS


def steps_first(X):
    return [x.T for x in X]


def forecast_error(forecast, y):
    return np.abs(forecast - y[-len(forecast) :]).mean()


def test_data_sets_of_several_channels():
    (X, y), (X_test, y_test) = load_basic_motions(split="train"), load_basic_motions(split="test")
    model = make_pipeline(FunctionTransformer(steps_first), classifier(hidden_size=16, max_iter=30)).fit(X, y)
    assert X.shape == (40, 6, 100) and model[-1].n_features_in_ == 6
    assert model.score(X_test, y_test) > 0.8
    np.testing.assert_array_equal(model[-1].predict(X.transpose(0, 2, 1)), model.predict(X))
    grid = {"lstmclassifier__hidden_size": [2, 16]}
    assert GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, y).best_score_ > 0.7


def test_data_sets_of_sequences_of_different_lengths():
    (X, y), (X_test, y_test) = load_japanese_vowels(split="train"), load_japanese_vowels(split="test")
    model = make_pipeline(FunctionTransformer(steps_first), classifier(hidden_size=16)).fit(X, y)
    assert model.score(X_test, y_test) > 0.8
    assert cross_val_score(model, X, y, cv=2, error_score="raise").mean() > 0.7
    with pytest.raises(ValueError, match=r"\[x\.T for x in X\]"):
        classifier().fit(X, y)


def test_transformers_of_aeon_in_a_pipeline_of_scikit_learn():
    X, y = load_basic_motions(split="train")
    model = make_pipeline(Normalizer(), FunctionTransformer(steps_first), classifier(hidden_size=16, max_iter=30)).fit(X, y)
    assert model.score(*load_basic_motions(split="test")) > 0.7


def test_pipelines_of_aeon_take_the_estimator_in_its_wrapper():
    # Of series of one channel, which the wrapper hands on as rows (n, n_steps).
    (X, y), (X_test, y_test) = ((data[:, np.newaxis, :, 0], labels) for data, labels, _ in (problem(), problem(500, 1)))
    model = ClassifierPipeline(Normalizer(), SklearnClassifierWrapper(classifier())).fit(X, y)
    assert model.score(X_test, y_test) > 0.8
    inner = model.steps_[-1][1].classifier_
    assert inner.n_features_in_ == X.shape[2]
    np.testing.assert_array_equal(model.predict_proba(X), inner.predict_proba(Normalizer().fit_transform(X)[:, 0, :, np.newaxis]))
    with pytest.raises(ValueError, match="multivariate"):
        SklearnClassifierWrapper(classifier()).fit(*load_basic_motions(split="train"))


def test_regression_in_its_wrapper():
    (X, _, y), (X_test, _, y_test) = problem(), problem(500, 1)
    X, X_test = (data[:, np.newaxis, :, 0] for data in (X, X_test))
    assert SklearnRegressorWrapper(regressor()).fit(X, y).score(X_test, y_test, metric="r2") > 0.8


def test_forecasts():
    y, window, horizon = series(400), 24, 12
    model = RegressionForecaster(window=window, regressor=regressor(**FORECASTS)).fit(y[:-horizon])
    forecast = model.iterative_forecast(y[:-horizon], horizon)
    naive = np.abs(y[-horizon:] - y[-horizon - 12 : -12]).mean()
    assert forecast_error(forecast, y) < 0.6 * naive
    assert forecast_error(model.direct_forecast(y[:-horizon], 3), y[: 3 - horizon]) < 0.6 * naive
    # By hand: every prediction is the last step of the next.
    past = y[:-horizon]
    windows = np.lib.stride_tricks.sliding_window_view(past, window)
    by_hand = regressor(**FORECASTS).fit(windows[:-1], past[window:])
    for _ in range(horizon):
        past = np.append(past, by_hand.predict(past[np.newaxis, -window:]))
    np.testing.assert_array_equal(forecast, past[-horizon:])
