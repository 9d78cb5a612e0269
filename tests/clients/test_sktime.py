"""sktime: `make_reduction` turns a regressor into a forecaster, and `LSTMForecaster` is one behind its interface."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from clients.easy import FORECASTS, HORIZON, MARKS, error_of, naive_error, regressor, series
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sktime.forecasting.base import BaseForecaster
from sktime.forecasting.compose import make_reduction
from sktime.forecasting.model_evaluation import evaluate
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.split import ExpandingWindowSplitter
from sktime.utils.estimator_checks import check_estimator

from sklstm import LSTMForecaster

pytestmark = [
    *MARKS,
    # Of what its forecasters will remember of their data from version 1.3 on.
    pytest.mark.filterwarnings("ignore:The default of config ``remember_data``:FutureWarning"),
]

N, WINDOW = 400, 24
FH = np.arange(1, HORIZON + 1)


@pytest.fixture
def y():
    return pd.Series(series(N), index=pd.period_range("1990-01", periods=N, freq="M"), name="y")


def steps_first(X):
    """Windows of sktime (n, n_variables, n_steps) as (n, n_steps, n_channels)."""
    return np.swapaxes(X, 1, 2)


def of_steps(**params):
    """A regressor for ``scitype="time-series-regressor"``, whose windows have the variables first."""
    return make_pipeline(FunctionTransformer(steps_first), regressor(**FORECASTS | params))


# Strategies that fit a model for every month make do with fewer epochs.
STRATEGIES = {"recursive": 120, "multioutput": 200, "direct": 60, "dirrec": 60}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_forecasts(strategy, y):
    horizon = FH if strategy in ("recursive", "multioutput") else FH[:3]
    identical = {"windows_identical": False} if strategy == "direct" else {}
    params = {"max_iter": STRATEGIES[strategy]}
    forecasts = []
    for scitype, estimator in {"infer": regressor(**FORECASTS | params), "time-series-regressor": of_steps(**params)}.items():
        forecaster = make_reduction(estimator, strategy=strategy, window_length=WINDOW, scitype=scitype, **identical)
        forecasts.append(forecaster.fit(y[:-HORIZON], fh=horizon).predict())
        assert error_of(forecasts[-1], y) < 0.6 * naive_error(y)
        # sktime takes the regressor for tabular, as scikit-learn's are.
        assert ("Tabular" in type(forecaster).__name__) == (scitype == "infer")
    # A window of one variable is the same in both ways.
    pd.testing.assert_series_equal(*forecasts, check_exact=True)


def test_recursive_forecasts_are_those_of_a_loop(y):
    forecaster = make_reduction(regressor(**FORECASTS), strategy="recursive", window_length=WINDOW)
    forecast = forecaster.fit(y[:-HORIZON]).predict(FH)
    known = y[:-HORIZON].to_numpy()
    windows = np.lib.stride_tricks.sliding_window_view(known, WINDOW)
    model = regressor(**FORECASTS).fit(windows[:-1], known[WINDOW:])
    for _ in FH:
        known = np.append(known, model.predict(known[np.newaxis, -WINDOW:]))
    np.testing.assert_array_equal(forecast, known[-HORIZON:])


def test_what_else_is_measured_are_channels(y):
    # y follows x of the month before: windows of x are of use, and each is a channel.
    x = pd.DataFrame({"x": np.random.default_rng(1).normal(size=N)}, index=y.index)
    y = y + x["x"].shift(1, fill_value=0.0)
    past = slice(None, -HORIZON)
    errors = {}
    for name, arguments in {"blind": {}, "sees x": {"X": x}}.items():
        forecaster = make_reduction(
            of_steps(max_iter=120), strategy="recursive", window_length=WINDOW, scitype="time-series-regressor"
        )
        forecaster.fit(y[past], **{key: value[past] for key, value in arguments.items()})
        errors[name] = error_of(forecaster.predict(FH, **{key: value[-HORIZON:] for key, value in arguments.items()}), y)
    assert errors["sees x"] < 0.6 * errors["blind"]


def test_forecasters_are_evaluated_and_searched(y):
    forecaster = make_reduction(regressor(**FORECASTS), strategy="recursive", window_length=WINDOW)
    folds = ExpandingWindowSplitter(fh=FH, initial_window=300, step_length=50)
    results = evaluate(forecaster, cv=folds, y=y, error_score="raise")
    assert len(results) == 2 and (results["test_MeanAbsolutePercentageError"] < 0.1).all()
    grid = {"estimator__learning_rate_init": [1e-6, 0.02], "window_length": [WINDOW]}
    search = ForecastingGridSearchCV(forecaster, cv=folds, param_grid=grid, error_score="raise", backend=None).fit(y[:-HORIZON])
    assert search.best_params_["estimator__learning_rate_init"] == 0.02
    assert error_of(search.predict(FH), y) < 0.6 * naive_error(y)


class Forecaster(BaseForecaster):
    """`LSTMForecaster` by sktime's contract."""

    _tags: ClassVar = {
        "y_inner_mtype": "pd.Series",
        "capability:exogenous": False,
        "capability:insample": False,
        "capability:missing_values": False,
        "requires-fh-in-fit": False,
    }

    def __init__(self, horizon=3, max_iter=2):
        self.horizon = horizon
        self.max_iter = max_iter
        super().__init__()

    def _fit(self, y, X, fh):
        quick = {"hidden_size": 2, "n_estimators": 1, "validation_fraction": 0, "random_state": 0}
        self.forecaster_ = LSTMForecaster(self.horizon, self.horizon, max_iter=self.max_iter, **quick).fit(y)
        self.last_ = y.index[-1]
        return self

    def _predict(self, fh, X):
        steps = fh.to_relative(self.cutoff).to_numpy()
        return self.forecaster_.predict(int(steps.max())).iloc[steps - 1]

    def _update(self, y, X=None, update_params=True):
        later = y.index > self.last_  # sktime may repeat steps
        if later.any():
            self.forecaster_.update(y[later])
            self.last_ = y.index[-1]
        return self

    @classmethod
    def get_test_params(cls, parameter_set="default"):
        return [{"horizon": 3}, {"horizon": 6, "max_iter": 1}]


def test_the_forecaster_keeps_the_contract_of_sktime():
    # Examples in docstrings are for classes that users read.
    check_estimator(Forecaster, raise_exceptions=True, tests_to_exclude=["test_class_has_doctest_example"], verbose=False)


def test_forecasts_of_the_forecaster(y):
    found = Forecaster(HORIZON, max_iter=60).fit(y[:-HORIZON]).predict(FH)
    pd.testing.assert_index_equal(found.index, y.index[-HORIZON:])
