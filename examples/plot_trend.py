"""
Forecasts of a series that grows: windows relative to their level
=================================================================

Passengers of airlines, 1949 to 1960 (Box and Jenkins; ``pip install aeon`` has them): 144 months, logarithms because the series
grows by a percentage. The next twelve months are forecast from the last 24. In the last two years, which are held out, the
series is higher than it has ever been, and a network does not extrapolate. `RelativeRegressor` subtracts the last value or the
mean of each window from X and y, and adds it to the predictions. Which of them to use is chosen on earlier years: two earlier
ends of the training part, with the two years that follow each. A linear model of so short a series, relative too, takes no time
and no luck: try it first.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from aeon.datasets import load_airline
from sklearn.linear_model import RidgeCV

from sklstm import LSTMRegressor
from sklstm.preprocessing import RelativeRegressor, make_windows

WINDOW, HORIZON, HELD_OUT = 24, 12, 24  # in months
series = np.log(np.ravel(load_airline()))  # (144,)
X, y, start = make_windows(series, WINDOW, HORIZON, return_index=True)  # (109, 24, 1), (109, 12), (109,)


def forecasts(model, end):
    """Forecasts of the two years after the first `end` months from a model of these, and what came."""
    past, later = start + HORIZON <= end, (start >= end) & (start + HORIZON <= end + HELD_OUT)
    return model.fit(X[past], y[past]).predict(X[later]), y[later]


def error(model, end):
    predicted, outcome = forecasts(model, end)
    return np.abs(predicted - outcome).mean(axis=0)  # of each month ahead


lstm = LSTMRegressor(random_state=0)
models = {"absolute": lstm, "last": RelativeRegressor(lstm, "last"), "mean": RelativeRegressor(lstm, "mean")}
colors = {"absolute": "#0072B2", "last": "#E69F00", "mean": "#D55E00"}
validation = {name: np.mean([error(model, end) for end in (84, 96)]) for name, model in models.items()}
print("          chosen by  held out: mean absolute errors")
fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.2), width_ratios=[3, 2], layout="constrained")
left.plot(np.arange(60, 144), series[60:], color="0.5", label="passengers")
for name, model in models.items():
    predicted, outcome = forecasts(model, 120)
    errors = np.abs(predicted - outcome).mean(axis=0)
    print(f"{name:9}{validation[name]:10.3f}{errors.mean():10.3f}")
    left.plot(120 + np.arange(HORIZON), predicted[0], color=colors[name], label=f"forecast, {name}")
    right.plot(np.arange(HORIZON) + 1, errors, color=colors[name])
linear = RelativeRegressor(RidgeCV(np.logspace(-4, 2, 13)), "mean").fit(X[start <= 108, :, 0], y[start <= 108])
print(f"{'linear':19}{np.abs(linear.predict(X[start >= 120, :, 0]) - y[start >= 120]).mean():10.3f}")
left.set(xlabel="Month", ylabel="Log of passengers (thousands)")
left.legend(fontsize="small")
right.set(xlabel="Months ahead", ylabel="Mean absolute error", ylim=(0, None), xticks=[1, 4, 8, 12])
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
