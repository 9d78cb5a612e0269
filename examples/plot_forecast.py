"""
Forecasts with prediction intervals that have their nominal coverage
====================================================================

A vital sign of a patient with internal bleeding (UCR Anomaly Archive 135, from ``pip install aeon``; unit and rate not stated),
every fourth value: a period has 46. Forecasts of the next 24 values are direct or recursive, one at a time; they are compared
with the last period and with gradient boosting on lags. Too few outcomes lie between the learned quantiles of 10% and 90%.
Conformal prediction (Romano, Patterson, Candes 2019) moves these by what the last 300 known outcomes required for 80% or 95%.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from aeon.datasets import load_kdd_tsad_135
from sklearn.ensemble import HistGradientBoostingRegressor

from sklstm import LSTMRegressor
from sklstm.inspection import ForecastDisplay
from sklstm.preprocessing import make_windows

TRAIN, WINDOW, LAGS, HORIZON, PERIOD, RECENT = 1100, 96, 48, 24, 46, 300  # in steps; RECENT in forecasts
COLORS = {"seasonal naive": "#009E73", "gradient boosting": "#0072B2", "LSTM, recursive": "#E69F00", "LSTM, direct": "#D55E00"}
series = np.concatenate([load_kdd_tsad_135(part)[0] for part in ("train", "test")])[::4].astype(np.float32)  # (2176,)
X, y, start = make_windows(series, WINDOW, HORIZON, return_index=True)  # (n, 96, 1), (n, 24), (n,)
past, later = start + HORIZON <= TRAIN, start >= TRAIN
first = RECENT + HORIZON - 1  # the first later forecast before which so many outcomes are known
X_test, y_test = X[later][first:], y[later][first:]
model, noise, seen = LSTMRegressor(32, max_iter=60, random_state=0), np.random.default_rng(0).normal(size=X[past].shape), X_test
model.fit(X[past] + noise.astype(np.float32), y[past, 0])  # noise in training makes recursive forecasts robust to their errors
for _ in range(HORIZON):
    seen = np.hstack([seen, model.predict(seen[:, -WINDOW:]).reshape(-1, 1, 1)])
models = [model.set_params(loss="quantile", quantile=q).fit(X[past], y[past]).predict(X[later]) for q in (0.1, 0.5, 0.9)]
low, middle, high = np.sort(models, axis=0)  # so that quantiles do not cross; each (n, 24)
boosted = [HistGradientBoostingRegressor(random_state=0).fit(X[past, -LAGS:, 0], y[past, h]) for h in range(HORIZON)]
boosting = np.transpose([model.predict(X_test[:, -LAGS:, 0]) for model in boosted])
forecasts = X_test[:, -PERIOD : HORIZON - PERIOD, 0], boosting, seen[:, WINDOW:, 0], middle[first:]
fig, axes = plt.subplot_mosaic("aa;bc", figsize=(6.4, 6.4), layout="constrained")
for (name, color), forecast in zip(COLORS.items(), forecasts, strict=True):
    error = np.sqrt(np.mean((forecast - y_test) ** 2, axis=0))
    print(f"{name:18} root mean squared error {error[0]:.2f} one step, {error[-1]:.2f} {HORIZON} steps ahead")
    axes["b"].plot(np.arange(HORIZON) + 1, error, color=color, label=name)
missing = np.maximum(low - y[later], y[later] - high)  # from the interval to the outcome; negative inside
known = np.lib.stride_tricks.sliding_window_view(missing, RECENT, axis=0)[: len(X_test)]  # when each forecast is made
room = {q: np.quantile(known, q * (1 + 1 / RECENT), axis=2, method="higher") for q in (0.8, 0.95)}
for name, color, wider in (("80%, learned", "#E69F00", 0), ("80%", "#0072B2", room[0.8]), ("95%", "#D55E00", room[0.95])):
    inside = missing[first:] <= wider
    print(f"{name:12} {inside.mean():.1%} of the outcomes inside")
    axes["c"].plot(np.arange(HORIZON) + 1, 100 * inside.mean(axis=0), color=color, label=name)
moves = {0.025: (low, -room[0.95]), 0.1: (low, -room[0.8]), 0.9: (high, room[0.8]), 0.975: (high, room[0.95])}
bands = np.transpose([values[first + 225] + move[225] for values, move in moves.values()])
ForecastDisplay.from_predictions(X_test[225, :, 0], bands, quantiles=[*moves], y_true=y_test[225], ax=axes["a"])
axes["b"].set(xlabel="Steps ahead", ylabel="Root mean squared error", ylim=(0, 4.4))
axes["c"].set(xlabel="Steps ahead", ylabel="Outcomes within the interval (%)", ylim=(20, 100))
axes["b"].legend(fontsize="small")
axes["c"].legend(fontsize="small", loc="lower left")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
