"""skforecast: recursive and direct forecasts; the columns of its X are lags, the latest first, then exogenous variables."""

import numpy as np
import pandas as pd
import pytest
from clients.easy import FORECASTS, HORIZON, MARKS, classifier, error_of, naive_error, regressor, series
from skforecast.direct import ForecasterDirect
from skforecast.model_selection import TimeSeriesFold, backtesting_forecaster, grid_search_forecaster
from skforecast.recursive import ForecasterRecursive, ForecasterRecursiveClassifier, ForecasterRecursiveMultiSeries
from skforecast.utils import load_forecaster, save_forecaster
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

pytestmark = MARKS

N, LAGS = 400, 24


def monthly(n):
    return pd.Series(series(n), index=pd.date_range("1950-01-01", periods=n, freq="MS"), name="y")


@pytest.fixture
def y():
    return monthly(N)


def lags_in_order(X):
    return np.asarray(X)[:, ::-1]


def lags_and_future(X):
    """Steps (n, LAGS, 2), the earliest first, each with what is known of the month to forecast."""
    X = np.asarray(X)
    lags, future = X[:, LAGS - 1 :: -1], X[:, LAGS:]
    return np.stack([lags, np.broadcast_to(future, lags.shape)], axis=2)


ESTIMATORS = {
    "the latest lag first": lambda: regressor(**FORECASTS),
    "the latest lag last": lambda: make_pipeline(FunctionTransformer(lags_in_order), regressor(**FORECASTS)),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_recursive_forecasts(name, y):
    forecaster = ForecasterRecursive(estimator=ESTIMATORS[name](), lags=LAGS)
    forecaster.fit(y[:-HORIZON])
    forecast = forecaster.predict(steps=HORIZON)
    assert error_of(forecast, y) < 0.6 * naive_error(y)
    # By hand: every prediction is the first lag of the next.
    model = ESTIMATORS[name]().fit(*(np.asarray(part) for part in forecaster.create_train_X_y(y[:-HORIZON])))
    known = list(y[:-HORIZON])
    for _ in range(HORIZON):
        known.append(model.predict(np.array(known[: -LAGS - 1 : -1])[np.newaxis])[0])
    np.testing.assert_array_equal(forecast, known[-HORIZON:])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_direct_forecasts(name, y):
    steps = 4
    forecaster = ForecasterDirect(estimator=ESTIMATORS[name](), lags=LAGS, steps=steps, n_jobs=1)
    forecaster.fit(y[:-HORIZON])
    forecast = forecaster.predict()
    assert len(forecast) == len(forecaster.estimators_) == steps
    assert error_of(forecast, y) < 0.6 * naive_error(y)


def test_what_is_known_of_the_future(y):
    weather = pd.DataFrame({"weather": np.random.default_rng(1).normal(size=N)}, index=y.index)
    y = y + weather["weather"]
    past, future = slice(None, -HORIZON), slice(-HORIZON, None)
    estimator = make_pipeline(FunctionTransformer(lags_and_future), regressor(**FORECASTS | {"max_iter": 120}))
    errors = {}
    for name, model in {"as one more step": regressor(**FORECASTS), "as a channel": estimator}.items():
        forecaster = ForecasterRecursive(estimator=model, lags=LAGS)
        forecaster.fit(y[past], exog=weather[past])
        errors[name] = error_of(forecaster.predict(steps=HORIZON, exog=weather[future]), y)
    blind = ForecasterRecursive(estimator=regressor(**FORECASTS), lags=LAGS)
    blind.fit(y[past])
    blind = error_of(blind.predict(steps=HORIZON), y)
    assert errors["as one more step"] < 0.8 * blind and errors["as a channel"] < 0.5 * blind


def test_intervals_cover():
    n_train, n_residuals, n_test = 200, 200, 300
    y = monthly(n_train + n_residuals + n_test)
    how = {"cv": TimeSeriesFold(steps=1, initial_train_size=n_train, refit=False), "metric": "mean_absolute_error"}
    how |= {"show_progress": False, "n_jobs": 1}
    forecaster = ForecasterRecursive(estimator=regressor(**FORECASTS), lags=LAGS)
    _, forecasts = backtesting_forecaster(forecaster=forecaster, y=y[:-n_test], **how)
    forecaster.fit(y[:n_train], store_in_sample_residuals=True)
    forecaster.set_out_sample_residuals(y_true=y[forecasts.index], y_pred=forecasts["pred"])
    how |= {"interval": (0.1, 0.9), "interval_method": "conformal", "use_in_sample_residuals": False}
    _, forecasts = backtesting_forecaster(forecaster=forecaster, y=y, **how)
    forecasts, y = forecasts[-n_test:], y[-n_test:]
    covered = (forecasts["lower_bound"] <= y) & (y <= forecasts["upper_bound"])
    # Three standard deviations, of the residuals and of the test.
    assert abs(covered.mean() - 0.8) < 3 * np.sqrt(0.8 * 0.2 * (1 / n_residuals + 1 / n_test))
    assert (forecasts["upper_bound"] - forecasts["lower_bound"]).mean() < 0.3 * np.subtract(*np.quantile(y, [0.9, 0.1]))


def test_searches_over_lags_and_hyper_parameters(y):
    results = grid_search_forecaster(
        forecaster=ForecasterRecursive(estimator=regressor(**FORECASTS), lags=LAGS),
        y=y,
        cv=TimeSeriesFold(steps=HORIZON, initial_train_size=300, refit=False),
        param_grid={"learning_rate_init": [1e-6, 0.02]},
        lags_grid=[2, LAGS],
        metric="mean_absolute_error",
        show_progress=False,
        verbose=False,
        n_jobs=1,
    )
    assert results.iloc[0]["params"] == {"learning_rate_init": 0.02} and len(results.iloc[0]["lags"]) == LAGS
    assert results["mean_absolute_error"].iloc[0] < 0.3 * results["mean_absolute_error"].iloc[-1]


def test_one_model_of_several_series(y):
    both = {"first": y, "second": 2 * y[::-1].set_axis(y.index) + 1}
    forecaster = ForecasterRecursiveMultiSeries(estimator=regressor(**FORECASTS), lags=LAGS)
    forecaster.fit(series={name: each[:-HORIZON] for name, each in both.items()})
    forecasts = forecaster.predict(steps=HORIZON)
    for name, each in both.items():
        assert error_of(forecasts.loc[forecasts["level"] == name, "pred"], each) < 0.8 * naive_error(each)


def test_forecasts_of_classes(y):
    moves = np.sign(y.diff().bfill()).map({-1: "falls", 1: "rises"})
    forecaster = ForecasterRecursiveClassifier(estimator=classifier(**FORECASTS), lags=LAGS)
    forecaster.fit(moves[:-HORIZON])
    assert (forecaster.predict(steps=HORIZON) == moves[-HORIZON:]).mean() > 0.7
    probabilities = forecaster.predict_proba(steps=HORIZON)
    assert list(probabilities.columns) == ["falls_proba", "rises_proba"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_forecasters_are_saved(y, tmp_path):
    forecaster = ForecasterRecursive(estimator=regressor(**FORECASTS), lags=LAGS)
    forecaster.fit(y)
    save_forecaster(forecaster, file_name=str(tmp_path / "forecaster.joblib"), verbose=False)
    other = load_forecaster(str(tmp_path / "forecaster.joblib"), verbose=False)
    pd.testing.assert_series_equal(other.predict(steps=HORIZON), forecaster.predict(steps=HORIZON))
