"""feature-engine: its transformers give DataFrames, whose rows are flattened sequences, and keep the names of their columns."""

import numpy as np
import pandas as pd
import pytest
from clients.easy import FORECASTS, MARKS, D, T, classifier, flattened, problem, regressor, series
from feature_engine.encoding import OrdinalEncoder
from feature_engine.imputation import DropMissingData, MeanMedianImputer
from feature_engine.outliers import Winsorizer
from feature_engine.pipeline import Pipeline as ResizingPipeline
from feature_engine.selection import DropConstantFeatures, SelectByShuffling, SelectBySingleFeaturePerformance
from feature_engine.timeseries.forecasting import LagFeatures
from feature_engine.transformation import YeoJohnsonTransformer
from feature_engine.wrappers import SklearnTransformerWrapper
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = MARKS

NAMES = [f"step{t}_channel{d}" for t in range(T) for d in range(D)]
ESTIMATORS = {"classifier": (classifier, 1), "regressor": (regressor, 2)}


def frames(name):
    """Training and test data as DataFrames, and their y."""
    (train, test), which = (problem(), problem(500, 1)), ESTIMATORS[name][1]
    X, X_test = (pd.DataFrame(flattened(data[0]), columns=NAMES) for data in (train, test))
    return X, pd.Series(train[which]), X_test, pd.Series(test[which])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_transformers_before_the_estimator(name):
    X, y, X_test, y_test = frames(name)
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.05)
    before = make_pipeline(
        MeanMedianImputer(),
        DropConstantFeatures(),
        Winsorizer(capping_method="quantiles", tail="both", fold=0.02),
        YeoJohnsonTransformer(),
        SklearnTransformerWrapper(StandardScaler()),
    )
    model = make_pipeline(before, ESTIMATORS[name][0](n_channels=D)).fit(X, y)
    assert model.score(X_test, y_test) > 0.8
    assert list(model[-1].feature_names_in_) == NAMES
    steps, steps_test = (before.transform(frame).to_numpy().reshape(-1, T, D) for frame in (X, X_test))
    np.testing.assert_array_equal(model.predict(X_test), ESTIMATORS[name][0]().fit(steps, y).predict(steps_test))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pipelines_are_searched_and_cross_validated(name):
    X, y, X_test, y_test = frames(name)
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.05)
    pipeline = make_pipeline(MeanMedianImputer(), ESTIMATORS[name][0](n_channels=D))
    grid = {"meanmedianimputer__imputation_method": ["mean", "median"], f"{pipeline.steps[-1][0]}__hidden_size": [2, 4]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.score(X_test, y_test) > 0.8
    assert cross_val_score(pipeline, X, y, cv=3, error_score="raise").mean() > 0.7


@pytest.mark.parametrize("name", ESTIMATORS)
def test_selection_by_the_estimator(name):
    X, y, _, _ = frames(name)
    y = (y == "rises").astype(int) if name == "classifier" else y
    scoring, threshold = {"classifier": ("roc_auc", 0.55), "regressor": ("r2", 0.05)}[name]
    single = SelectBySingleFeaturePerformance(ESTIMATORS[name][0](), scoring=scoring, cv=2, threshold=threshold).fit(X, y)
    shuffling = SelectByShuffling(ESTIMATORS[name][0](), scoring=scoring, cv=2, threshold=0.02, random_state=0).fit(X, y)
    for scores in (single.feature_performance_, shuffling.performance_drifts_):
        noise, signal = ([scores[f"step{t}_channel{d}"] for t in range(T)] for d in (1, 0))
        assert np.mean(signal) > np.mean(noise) + 0.02
    assert shuffling.transform(X).shape[1] < X.shape[1]


def test_lags_of_a_series():
    y = series(400)
    lags = list(range(23, 0, -1))  # the earliest first
    months = pd.date_range("1990-01-01", periods=len(y), freq="MS")
    frame = pd.DataFrame({"y": y}, index=months)
    model = ResizingPipeline(
        [
            ("lags", LagFeatures(variables=["y"], periods=lags, missing_values="ignore")),
            ("complete", DropMissingData()),
            ("lstm", regressor(**FORECASTS)),
        ]
    )
    target = frame["y"].shift(-1)
    model.fit(frame[:-50], target[:-50])
    assert model["lstm"].n_features_in_ == 24
    forecasts = model.predict(frame[-73:])  # of the months after the last 50, the very last of which nobody knows
    assert forecasts.shape == (50,)
    assert np.abs(forecasts[:-1] - y[-49:]).mean() < 0.6 * np.abs(y[-49:] - y[-61:-12]).mean()


def test_codes_of_categories():
    X, y, X_test, y_test = problem()[0], problem()[1], problem(500, 1)[0], problem(500, 1)[1]
    as_words = [
        pd.DataFrame({f"step{t}": np.where(values[:, t, 0] > 0, "up", "down") for t in range(T)}, dtype=object)
        for values in (X, X_test)
    ]
    encoder = OrdinalEncoder(encoding_method="arbitrary", variables=[f"step{t}" for t in range(T)])
    model = make_pipeline(encoder, classifier(categorical_features="all")).fit(as_words[0], y)
    assert model.score(as_words[1], y_test) > 0.75
    # The estimator reads the words themselves too.
    assert classifier(categorical_features="all").fit(as_words[0], y).score(as_words[1], y_test) > 0.75
