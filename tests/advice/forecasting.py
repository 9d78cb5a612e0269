"""Forecasts of series."""

import numpy as np
import pandas as pd

from sklstm import LSTMForecaster, Sequences
from sklstm.inspection import ForecastDisplay

from .case import case, frame, regress

WAVE = np.sin(np.arange(40) / 3)
KNOWN = np.cos(np.arange(46) / 3)
DAYS = pd.date_range("2001-01-01", periods=40)
HOLES = np.where(np.arange(40) % 3 == 0, np.nan, WAVE)
SHOPS = {"shop": ["a"] * 40 + ["b"] * 30, "y": np.r_[WAVE, WAVE[:30]]}


def forecast(series=WAVE, future=None, **params):
    quick = {"hidden_size": 2, "max_iter": 1, "n_estimators": 1, "n_splits": 1, "random_state": 0}
    return LSTMForecaster(**{"horizon": 3} | quick | params).fit(series, future=future)


def dated(index, values=WAVE):
    return pd.Series(values[: len(index)], index)


def shops(*names):
    rows = [name in names for name in SHOPS["shop"]]
    return frame(shop=np.array(SHOPS["shop"])[rows], y=SHOPS["y"][rows])


def fitted():
    return forecast(shops("a", "b"), id="shop")


def known():
    return forecast(future=KNOWN[:40])


CASES = [
    case(
        lambda: forecast().backtest(WAVE, n_windows=14),
        "Set them lower, or pass more steps",
        lambda: forecast().backtest(WAVE, n_windows=3),
        lambda: forecast().backtest(np.r_[WAVE, WAVE], n_windows=14),
    ),
    case(
        lambda: forecast(dated(DAYS.where(DAYS != DAYS[4]))),
        "Drop such rows, or fill the time",
        lambda: forecast(dated(DAYS[5:])),
        lambda: forecast(dated(DAYS)),
    ),
    case(lambda: forecast(dated(DAYS[::-1])), "Sort the series by time", lambda: forecast(dated(DAYS[::-1]).sort_index())),
    case(
        lambda: forecast(dated(DAYS[[*range(39), 38]])),
        "Merge or drop one of the two steps",
        lambda: forecast(dated(DAYS[:39])),
        lambda: forecast(dated(DAYS[[*range(39), 38]]).groupby(level=0).mean()),
    ),
    case(
        lambda: forecast(dated(DAYS.delete(20))),
        r"Insert missing steps as NaN, such as by series\.asfreq\(\.\.\.\), and fill these by interpolate\(\) or set"
        r" missing='indicator'; or aggregate by series\.resample",
        lambda: forecast(dated(DAYS.delete(20)).asfreq("D").interpolate()),
        lambda: forecast(dated(DAYS.delete(20)).asfreq("D"), missing="indicator"),
        lambda: forecast(dated(DAYS.delete(20)).resample("2D").mean()),
    ),
    case(
        lambda: forecast(dated(pd.DatetimeIndex(DAYS[:2].to_numpy())), horizon=1, window=1, validation_fraction=0).predict(),
        "Pass an index with a freq, or more steps",
        lambda: forecast(dated(pd.date_range("2001", periods=5, freq="D")), window=1, validation_fraction=0).predict(),
        lambda: forecast(dated(pd.DatetimeIndex(DAYS[:5].to_numpy())), window=1, validation_fraction=0).predict(),
    ),
    case(
        lambda: forecast(dated(DAYS[:30])).update(dated(DAYS[31:])),
        "Pass the steps that follow",
        lambda: forecast(dated(DAYS[:30])).update(dated(DAYS[30:])),
    ),
    case(
        lambda: forecast().predict_interval(coverage=0.99),
        "Pass longer series, set validation_fraction higher or coverage lower, or a shorter window or horizon",
        lambda: forecast(np.tile(WAVE, 20)).predict_interval(coverage=0.99),
        lambda: forecast(validation_fraction=0.5, window=4).predict_interval(coverage=0.8),
        lambda: forecast(window=2).predict_interval(coverage=0.7),
    ),
    case(
        lambda: forecast(Sequences(np.zeros((40, 1)), [0, 40], categories={0: ["a", "b"]})),
        "Leave it out",
        lambda: forecast(Sequences(np.ones((40, 1)), [0, 40])),
    ),
    case(
        lambda: forecast(SHOPS | {"kind": SHOPS["shop"]}, id="shop"),
        "Leave it out, or pass facts of whole series as static",
        lambda: forecast(SHOPS, id="shop"),
        lambda: LSTMForecaster(3, id="shop", max_iter=1).fit(SHOPS, static={"kind": ["a", "b"]}),
    ),
    case(lambda: forecast(np.zeros((0, 40, 1))), "Pass at least one", lambda: forecast(np.ones((1, 40, 1)))),
    case(
        lambda: forecast([dated(DAYS), pd.Series(WAVE)]),
        "Give all the same",
        lambda: forecast([dated(DAYS), dated(DAYS)]),
    ),
    case(lambda: forecast(SHOPS, id="store"), "Name another in id or time", lambda: forecast(SHOPS, id="shop")),
    case(
        lambda: forecast([WAVE, np.ones((40, 2))]),
        "Pass the same channels in the same order",
        lambda: forecast([WAVE, np.ones((40, 1))]),
    ),
    case(lambda: forecast([WAVE, WAVE]).update([WAVE]), "Pass as many", lambda: forecast([WAVE, WAVE]).update([WAVE, WAVE])),
    case(
        lambda: fitted().update(shops("a", "b").replace("b", "c")),
        "Pass the same series as in fit",
        lambda: fitted().update(shops("b", "a")),
    ),
    case(
        lambda: forecast(future=KNOWN[:39]),
        "Pass values for all steps of the series",
        lambda: forecast(future=KNOWN[:40]),
    ),
    case(
        lambda: forecast().update(np.ones((3, 2))),
        "new has .*Pass the same channels in the same order",
        lambda: forecast().update(np.ones((3, 1))),
    ),
    case(
        lambda: forecast(HOLES),
        r"Fill it, such as by series\.interpolate\(\), or set missing='indicator'",
        lambda: forecast(pd.Series(HOLES).interpolate(limit_direction="both")),
        lambda: forecast(np.where(np.arange(40) == 20, np.nan, WAVE), missing="indicator"),
    ),
    case(
        lambda: forecast(dated(DAYS), future=dated(DAYS[1:])),
        "Pass values from the first step of the series on",
        lambda: forecast(dated(DAYS), future=dated(DAYS)),
    ),
    case(
        lambda: forecast().predict(future=KNOWN[40:]),
        "Leave it out, or pass future to fit, too",
        lambda: forecast().predict(),
        lambda: known().predict(future=KNOWN[40:]),
    ),
    case(
        lambda: known().predict(future=np.ones((3, 2))),
        "future has .*Pass the same channels in the same order",
        lambda: known().predict(future=np.ones((3, 1))),
    ),
    case(
        lambda: known().predict(future=KNOWN[40:42]),
        "Pass future with at least 3 steps to predict",
        lambda: known().predict(future=KNOWN[40:43]),
    ),
    case(
        lambda: known().predict(future=[1.0, np.nan, 1.0]),
        "2 steps ahead. Fill it",
        lambda: known().predict(future=[1.0, 1.0, 1.0]),
    ),
    case(lambda: forecast(future=HOLES), "at step 0. Fill it", lambda: forecast(future=np.nan_to_num(HOLES))),
    case(
        lambda: LSTMForecaster().fit(WAVE, WAVE),
        "Leave y out, and set target",
        lambda: LSTMForecaster(target=0, max_iter=1).fit(np.column_stack([WAVE, WAVE])),
    ),
    case(
        lambda: forecast(np.column_stack([WAVE, KNOWN[:40]]), target=0, strategy="recursive"),
        "Pass those that are known in advance as future, or set strategy='direct'",
        lambda: forecast(future=KNOWN, strategy="recursive"),
        lambda: forecast(np.column_stack([WAVE, KNOWN[:40]]), target=0, strategy="direct"),
    ),
    case(
        lambda: forecast(window=3, season_length=4),
        "Set window to at least one season",
        lambda: forecast(window=4, season_length=4),
    ),
    case(lambda: forecast(window=2, future=KNOWN), "Set window higher", lambda: forecast(window=3, future=KNOWN)),
    case(
        lambda: forecast([WAVE, WAVE[:9]], window=8),
        "Set them lower, pass more steps, or leave the series out",
        lambda: forecast([WAVE, WAVE[:9]], window=4),
        lambda: forecast([WAVE, WAVE[:19]], window=8),
        lambda: forecast([WAVE], window=8),
    ),
    case(
        lambda: forecast(HOLES, missing="indicator"),
        "Fill the series, or set horizon lower",
        lambda: forecast(np.nan_to_num(HOLES)),
        lambda: LSTMForecaster(1, missing="indicator", max_iter=1, n_estimators=1).fit(HOLES),
    ),
    case(
        lambda: forecast(missing="indicator").score([np.nan]),
        "Pass at least one whose value is known",
        lambda: forecast(missing="indicator").score([np.nan, 1.0]),
    ),
    case(
        lambda: forecast(np.column_stack([WAVE, KNOWN[:40]]), target=0).predict(4),
        "needs forecasts of channels that are not in target. Fit with a longer horizon",
        lambda: LSTMForecaster(4, target=0, max_iter=1).fit(np.column_stack([WAVE, KNOWN[:40]])).predict(4),
    ),
    case(
        lambda: forecast().predict_interval(4),
        "but not for 4. Fit with a longer horizon",
        lambda: LSTMForecaster(4, window=4, max_iter=1).fit(WAVE).predict_interval(4),
    ),
    case(
        lambda: ForecastDisplay.from_forecaster(regress()),
        "Pass other estimators to ForecastDisplay.from_estimator",
        lambda: ForecastDisplay.from_estimator(regress(), np.ones((1, 3, 2))),
    ),
]
