"""Forecasts of a short series that grows: airline passengers, with absolute and relative windows, beside simpler methods.

    python benchmarks/airline.py                 under a minute
    python benchmarks/airline.py --seeds 10

Monthly totals of international airline passengers, 1949 to 1960 (Box and Jenkins; ``pip install aeon`` brings them), as
logarithms. The last 24 of the 144 months are the test: from each month on from which twelve follow, the next 1 to 12 are
forecast. The error is the mean absolute one over all of these. A model is fitted once, to what ended before the test. Choices
are made by the column "validation", the same for two earlier ends of the training part, 84 and 96 months. Never choose by "test".
"""

import argparse
import json
import os

from machine import ONE_THREAD, describe, report, table

os.environ.update(ONE_THREAD)

import numpy as np
from aeon.datasets import load_airline
from sklearn.linear_model import LinearRegression, RidgeCV

from sklstm import LSTMRegressor
from sklstm.preprocessing import RelativeRegressor, make_windows

PERIOD, WINDOW, HORIZON, TEST = 12, 24, 12, 24
ENDS = {"validation": (84, 96), "test": (120,)}  # of the training part
PENALTIES = np.logspace(-4, 2, 13)


class Flat:
    """A regressor of univariate windows for one of tables."""

    def __init__(self, regressor):
        self.regressor = regressor

    def fit(self, X, y):
        self.regressor.fit(X[:, :, 0], y)
        return self

    def predict(self, X):
        return self.regressor.predict(X[:, :, 0])


class SeasonalNaive:
    """The values of one period ago."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, -PERIOD:, 0][:, :HORIZON]


class Autoregression:
    """An autoregression of order 13, one month more than a period, by least squares; forecasts are steps of one."""

    order = PERIOD + 1

    def fit(self, X, y):
        self.model = LinearRegression().fit(X[:, -self.order :, 0], y[:, 0])
        return self

    def predict(self, X):
        seen = X[:, :, 0]
        for _ in range(HORIZON):
            seen = np.column_stack([seen, self.model.predict(seen[:, -self.order :])])
        return seen[:, -HORIZON:]


METHODS = {  # functions of the seed
    "seasonal naive": lambda seed: SeasonalNaive(),
    "autoregression": lambda seed: Autoregression(),
    "ridge, absolute": lambda seed: Flat(RidgeCV(PENALTIES)),
    "ridge, last": lambda seed: Flat(RelativeRegressor(RidgeCV(PENALTIES))),
    "ridge, mean": lambda seed: Flat(RelativeRegressor(RidgeCV(PENALTIES), "mean")),
    "LSTM, absolute": lambda seed: LSTMRegressor(random_state=seed),
    "LSTM, last": lambda seed: RelativeRegressor(LSTMRegressor(random_state=seed)),
    "LSTM, mean": lambda seed: RelativeRegressor(LSTMRegressor(random_state=seed), "mean"),
}
DRAWN = [name for name in METHODS if name.startswith("LSTM")]  # that depend on the seed


def error(series, end, method, seed):
    """Mean absolute error over the 24 months after the training part, for a fit to that."""
    X, y, start = make_windows(series[: end + TEST], WINDOW, HORIZON, return_index=True)
    past, later = start + HORIZON <= end, start >= end
    return float(np.abs(METHODS[method](seed).fit(X[past], y[past]).predict(X[later]) - y[later]).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="of the networks, for the test; half as many for the validation")
    parser.add_argument("--json", help="file to write everything to")
    arguments = parser.parse_args()
    series = np.log(np.ravel(load_airline()))
    found, n_seeds = {}, {"validation": -(-arguments.seeds // 2), "test": arguments.seeds}
    for name in METHODS:
        found[name] = {
            part: [error(series, end, name, seed) for end in ends for seed in range(n_seeds[part] if name in DRAWN else 1)]
            for part, ends in ENDS.items()
        }
    rows = [
        [name, f"{np.mean(of['validation']):.3f}", f"{np.mean(of['test']):.3f}", f"{max(of['test']):.3f}"]
        for name, of in found.items()
    ]
    print(table([["method", "validation", "test", "worst seed"], *rows]))
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"errors": found, "machine": describe()}, file, indent=1)
    print(report(describe()))


if __name__ == "__main__":
    main()
