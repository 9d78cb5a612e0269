"""MLForecast: columns are exogenous and static variables, then lags in the given order."""

import numpy as np
import pandas as pd
import pytest
from clients.easy import FORECASTS, HORIZON, MARKS, error_of, naive_error, regressor, series
from mlforecast import MLForecast
from mlforecast.target_transforms import Differences, LocalStandardScaler
from mlforecast.utils import PredictionIntervals
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

pytestmark = MARKS

N, LAGS = 400, 24
OLDEST_FIRST = list(range(LAGS, 0, -1))
MONTHS = pd.date_range("1950-01-01", periods=N, freq="MS")


def long(y, name="a", **columns):
    return pd.DataFrame({"unique_id": name, "ds": MONTHS, **columns, "y": y})


def forecaster(model=None, **params):
    return MLForecast(models={"lstm": model or regressor(**FORECASTS)}, freq="MS", **{"lags": OLDEST_FIRST} | params)


def by_month(forecast, column="lstm"):
    return forecast.set_index("ds")[column]


@pytest.fixture
def y():
    return pd.Series(series(N), index=MONTHS)


def test_recursive_forecasts_read_the_lags_as_they_are_listed(y):
    model = forecaster().fit(long(y.to_numpy())[:-HORIZON])
    assert list(model.models_["lstm"].feature_names_in_) == [f"lag{k}" for k in OLDEST_FIRST]
    forecast = by_month(model.predict(HORIZON))
    assert error_of(forecast, y) < 0.6 * naive_error(y)
    past = y[:-HORIZON].to_numpy()
    windows = np.lib.stride_tricks.sliding_window_view(past, LAGS)
    by_hand = regressor(**FORECASTS).fit(windows[:-1], past[LAGS:])
    for _ in range(HORIZON):
        past = np.append(past, by_hand.predict(past[np.newaxis, -LAGS:]))
    np.testing.assert_array_equal(forecast, past[-HORIZON:])


def others_as_channels(X):
    """Steps (n, LAGS, 1 + n_others) of a table in which the lags stand behind the others: a constant channel of each."""
    X = np.asarray(X, dtype=float)
    others, lags = X[:, :-LAGS], X[:, -LAGS:]
    return np.dstack([lags, *(np.broadcast_to(other[:, np.newaxis], lags.shape) for other in others.T)])


def test_columns_beside_the_lags_are_steps_unless_a_pipeline_makes_them_channels(y):
    weather = np.random.default_rng(1).normal(size=N)
    data = long(y.to_numpy() + weather, weather=weather, height=3.0)
    y = y + weather
    how = {"static_features": ["height"]}
    future = data[-HORIZON:].drop(columns=["y", "height"])
    as_channels = make_pipeline(FunctionTransformer(others_as_channels), regressor(**FORECASTS))
    model = forecaster(regressor(**FORECASTS)).fit(data[:-HORIZON], **how)
    assert list(model.models_["lstm"].feature_names_in_[:3]) == ["weather", "height", "lag24"]
    assert model.models_["lstm"].n_features_in_ == LAGS + 2
    forecast = by_month(forecaster(as_channels).fit(data[:-HORIZON], **how).predict(HORIZON, X_df=future))
    blind = by_month(forecaster().fit(data[:-HORIZON].drop(columns=["weather", "height"])).predict(HORIZON))
    assert error_of(forecast, y) < 0.6 * error_of(blind, y)


def test_several_series_and_transforms_of_the_target(y):
    data = {"a": y, "b": 20 * y[::-1].set_axis(y.index) + 100}
    frame = pd.concat([long(each.to_numpy(), name)[:-HORIZON] for name, each in data.items()])
    for transforms in ([LocalStandardScaler()], [Differences([12])]):
        forecasts = forecaster(target_transforms=transforms).fit(frame).predict(HORIZON)
        for name, each in data.items():
            assert error_of(by_month(forecasts[forecasts["unique_id"] == name]), each) < 0.8 * naive_error(each)


def test_direct_forecasts_and_cross_validation(y):
    data = long(y.to_numpy())
    direct = by_month(forecaster().fit(data[:-HORIZON], max_horizon=3).predict(3))
    assert error_of(direct, y) < 0.6 * naive_error(y)
    results = forecaster().cross_validation(data, n_windows=2, h=HORIZON, refit=False)
    assert len(results) == 2 * HORIZON and np.abs(results["lstm"] - results["y"]).mean() < 0.6 * naive_error(y)


def test_intervals(y):
    model = forecaster().fit(long(y.to_numpy())[:-HORIZON], prediction_intervals=PredictionIntervals(n_windows=12, h=HORIZON))
    forecast = model.predict(HORIZON, level=[90])
    inside = (forecast["lstm-lo-90"] <= y[-HORIZON:].to_numpy()) & (y[-HORIZON:].to_numpy() <= forecast["lstm-hi-90"])
    assert inside.mean() > 0.7 and (forecast["lstm-lo-90"] < forecast["lstm-hi-90"]).all()


def test_forecasters_are_saved(y, tmp_path):
    model = forecaster().fit(long(y.to_numpy()))
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(MLForecast.load(tmp_path / "model").predict(HORIZON), model.predict(HORIZON))
