"""darts: its columns are lags, the oldest first, those of all covariates behind those of the series."""

import numpy as np
import pandas as pd
import pytest
from clients.easy import FORECASTS, HORIZON, MARKS, classifier, error_of, naive_error, regressor, series
from darts import TimeSeries
from darts.metrics import mae
from darts.models import SKLearnClassifierModel, SKLearnModel
from darts.utils.serialization.base import UnpicklingError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of darts and pandas among each other

N, LAGS = 400, 24


def monthly(values, name="y"):
    return pd.Series(values, index=pd.date_range("1950-01-01", periods=len(values), freq="MS"), name=name)


@pytest.fixture
def y():
    return monthly(series(N))


def forecaster(model=None, lags=LAGS, **params):
    params = {"output_chunk_length": 1} | params
    return SKLearnModel(lags=lags, model=model or regressor(**FORECASTS), **params)


def test_recursive_forecasts(y):
    past = y[:-HORIZON].to_numpy()
    forecast = forecaster().fit(TimeSeries.from_series(y[:-HORIZON])).predict(HORIZON).to_series()
    assert error_of(forecast, y) < 0.6 * naive_error(y)
    # By hand: every prediction is the last step of the next.
    windows = np.lib.stride_tricks.sliding_window_view(past, LAGS)
    model = regressor(**FORECASTS).fit(windows[:-1], past[LAGS:])
    for _ in range(HORIZON):
        past = np.append(past, model.predict(past[np.newaxis, -LAGS:]))
    np.testing.assert_array_equal(forecast, past[-HORIZON:])


def test_several_months_at_once(y):
    model = forecaster(output_chunk_length=4).fit(TimeSeries.from_series(y[:-HORIZON]))
    assert type(model.model) is type(regressor()) and model.model.predict(np.zeros((1, LAGS))).shape == (1, 4)
    assert error_of(model.predict(4).to_series(), y) < 0.6 * naive_error(y)


def test_components_of_a_series_are_channels(y):
    both = TimeSeries.from_dataframe(pd.DataFrame({"y": y, "double": 2 * y + 1}))
    model = forecaster(regressor(**FORECASTS | {"n_channels": 2})).fit(both[:-HORIZON])
    assert model.lagged_feature_names[:3] == ["y_target_lag-24", "double_target_lag-24", "y_target_lag-23"]
    window = np.zeros((1, LAGS, 2))
    np.testing.assert_array_equal(model.model.predict(window), model.model.predict(window.reshape(1, -1)))
    forecast = model.predict(HORIZON).to_dataframe()
    assert error_of(forecast["y"], y) < 0.6 * naive_error(y)


def lags_as_channels(X):
    """Steps (n, LAGS, 2) of columns that hold the lags of the series, and behind them those of the covariate."""
    return np.reshape(X, (-1, 2, LAGS)).transpose(0, 2, 1)


def test_covariates_are_steps_unless_a_pipeline_makes_them_channels(y):
    # y follows the weather of the month before.
    weather = monthly(np.random.default_rng(1).normal(size=N), "weather")
    y = (y + weather.shift(1, fill_value=0.0)).rename("y")
    as_channels = make_pipeline(FunctionTransformer(lags_as_channels), regressor(**FORECASTS | {"max_iter": 120}))
    errors = {}
    for name, model in {"blind": None, "steps": regressor(**FORECASTS), "channels": as_channels}.items():
        covariates = {} if name == "blind" else {"past_covariates": TimeSeries.from_series(weather)}
        model = forecaster(model, lags_past_covariates=LAGS if covariates else None)
        model.fit(TimeSeries.from_series(y[:-HORIZON]), **covariates)
        errors[name] = error_of(model.predict(HORIZON, **covariates).to_series(), y)
        if name == "steps":
            assert model.lagged_feature_names[LAGS - 1 : LAGS + 1] == ["y_target_lag-1", "weather_pastcov_lag-24"]
            assert model.model.n_features_in_ == 2 * LAGS
    assert errors["channels"] < 0.6 * errors["blind"]


def test_forecasts_of_the_past_and_weights(y):
    past = TimeSeries.from_series(y)
    model = forecaster().fit(past[:300], sample_weight="linear")
    forecasts = model.historical_forecasts(past, start=300, forecast_horizon=1, retrain=False)
    assert len(forecasts) == N - 300 and mae(past, forecasts) < 0.25
    unweighted = forecaster().fit(past[:300])
    assert not np.array_equal(model.predict(3).values(), unweighted.predict(3).values())


def test_several_series_share_a_model(y):
    both = [TimeSeries.from_series(y), TimeSeries.from_series(2 * y[::-1].set_axis(y.index) + 1)]
    forecasts = forecaster().fit([each[:-HORIZON] for each in both]).predict(HORIZON, series=[each[:-HORIZON] for each in both])
    for forecast, each in zip(forecasts, both, strict=True):
        assert error_of(forecast.to_series(), each.to_series()) < 0.8 * naive_error(each.to_series())


def test_forecasts_of_classes(y):
    rises = (y.diff().bfill() > 0).astype(float)
    model = SKLearnClassifierModel(lags=LAGS, output_chunk_length=1, model=classifier(**FORECASTS))
    forecast = model.fit(TimeSeries.from_series(rises[:-HORIZON])).predict(HORIZON).to_series()
    assert (forecast == rises[-HORIZON:]).mean() > 0.7


def test_forecasters_are_saved_and_loaded_where_they_are_trusted(y, tmp_path):
    model = forecaster().fit(TimeSeries.from_series(y))
    path = str(tmp_path / "model.pkl")
    model.save(path)
    with pytest.raises(UnpicklingError, match=r"sklstm\.LSTMRegressor"):
        SKLearnModel.load(path)
    other = SKLearnModel.load(path, trusted=True)
    np.testing.assert_array_equal(other.predict(HORIZON).values(), model.predict(HORIZON).values())
