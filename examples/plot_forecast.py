"""
Forecasting a series several steps ahead
========================================

The series is the voltage across the membrane of a firing nerve cell, sampled every 0.5 ms: ``membrane.dat`` of Matplotlib's
sample data, the curve in its first logo. From the last 25 ms, ``LSTMRegressor`` forecasts the next 20 steps at once: ``y`` has
one column per step ahead. One learns how to cut a series into windows, how to split them by time, and to hold a forecast
against simple ones: the last value (persistence), and ridge regression on the same window. One step ahead ridge does as well
as the LSTM; further ahead it misses when the cell fires.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from sklearn.linear_model import Ridge

from sklstm import LSTMRegressor

STEP, WINDOW, HORIZON = 0.5, 50, 20  # ms, steps, steps
voltage = 100 * np.fromfile(get_sample_data("membrane.dat", asfileobj=False), dtype=np.float32)  # mV, (12000,)


def windows(start, stop):
    """X (n, WINDOW) and y (n, HORIZON), both from voltage[start:stop]."""
    return np.split(np.lib.stride_tricks.sliding_window_view(voltage[start:stop], WINDOW + HORIZON), [WINDOW], axis=1)


# Neighbouring windows are near copies: a random split, also that of early_stopping, would test on what it has trained on.
(X, y), (X_val, y_val), (X_test, y_test) = windows(1000, 8000), windows(8000, 9000), windows(9000, 10900)
lstm = LSTMRegressor(32, num_layers=2, early_stopping=True, random_state=0)
forecasts = {
    "persistence": np.repeat(X_test[:, -1:], HORIZON, axis=1),
    "ridge": Ridge().fit(X, y).predict(X_test),
    "LSTM": lstm.fit(X, y, X_val=X_val, y_val=y_val).predict(X_test),
}
rmse = {name: np.sqrt(np.mean((forecast - y_test) ** 2, axis=0)) for name, forecast in forecasts.items()}
ahead = STEP * np.arange(1, HORIZON + 1)  # ms
print(f"RMSE in mV over {len(y_test)} windows; the standard deviation of the voltage there is {y_test.std():.1f} mV.")
print("ms ahead  persistence        ridge         LSTM")
for row in zip(ahead, *rmse.values(), strict=True):
    print("{:8.1f}{:13.2f}{:13.2f}{:13.2f}".format(*row))

fig, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 5.6), layout="constrained")
colors = {"persistence": "#009E73", "ridge": "#0072B2", "LSTM": "#D55E00"}
for start in range(0, 400, HORIZON):  # forecasts end to end over the first 200 ms
    top.plot(STEP * start + ahead, y_test[start], color="0.75", linewidth=4)
    for name in ("ridge", "LSTM"):
        top.plot(STEP * start + ahead, forecasts[name][start], color=colors[name])
top.legend(["measured", "ridge", "LSTM"], loc="upper right")
top.set(xlabel="Time after the first forecast (ms)", ylabel="Voltage (mV)", title="A forecast every 10 ms, for the 10 ms to come")
for (name, errors), marker in zip(rmse.items(), "s^o", strict=True):
    bottom.plot(ahead, errors, color=colors[name], marker=marker, markersize=4, label=name)
bottom.set(xlabel="Time ahead (ms)", ylabel="RMSE (mV)", title="Error by time ahead, all test windows", ylim=0)
bottom.legend()
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
