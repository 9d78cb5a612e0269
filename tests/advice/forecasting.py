"""Forecasts of series."""

from datetime import timedelta, timezone

import numpy as np
import pandas as pd

from sklstm import LSTMForecaster, Sequences
from sklstm.inspection import ForecastDisplay

from .case import case, frame, regress

WAVE = np.sin(np.arange(40) / 3)
KNOWN = np.cos(np.arange(46) / 3)
WINTER_TIME = timezone(timedelta(hours=1), "MEZ")
DAYS = pd.date_range("2001-01-01", periods=40)
HOLES = np.where(np.arange(40) % 3 == 0, np.nan, WAVE)
SHOPS = {"shop": ["a"] * 40 + ["b"] * 30, "y": np.r_[WAVE, WAVE[:30]]}
KINDS = SHOPS | {"kind": [1] * 70}
NAMED = {name: pd.Series(WAVE, [str(k) for k in range(40)], name=name) for name in "ab"}
BUSINESS = pd.offsets.CustomBusinessDay(holidays=["2001-02-01"])
MIDDLES = pd.DatetimeIndex([f"{2001 + k // 12}-{k % 12 + 1}-15" for k in range(40)])
OF_ONE_STEP = {"window": 1, "scale": None, "validation_fraction": 0}


def forecast(series=WAVE, future=None, static=None, **params):
    quick = {"hidden_size": 2, "max_iter": 1, "n_estimators": 1, "n_splits": 1, "random_state": 0}
    return LSTMForecaster(**{"horizon": 3} | quick | params).fit(series, future=future, static=static)


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
        lambda: forecast(dated(pd.DatetimeIndex(DAYS[:2].to_numpy())), horizon=1, **OF_ONE_STEP).predict(),
        "Pass an index with a freq, or more steps",
        lambda: forecast(dated(pd.date_range("2001", periods=5, freq="D")), **OF_ONE_STEP).predict(),
        lambda: forecast(dated(pd.DatetimeIndex(DAYS[:5].to_numpy())), **OF_ONE_STEP).predict(),
    ),
    case(
        lambda: forecast(dated(pd.date_range("2001-01-01", periods=40, freq=BUSINESS))),
        "Use one that has a name, such as 'B', with NaN for the days that are left out; or pass the values without their index",
        lambda: forecast(dated(pd.date_range("2001-01-01", periods=40, freq=BUSINESS)).asfreq("B"), missing="indicator"),
        lambda: forecast(dated(pd.date_range("2001-01-01", periods=40, freq=BUSINESS)).to_numpy()),
    ),
    case(
        lambda: forecast(dated(MIDDLES)),
        r"Set index\.freq, or convert them, such as by series\.to_period\('M'\) or series\.to_timestamp\(\)",
        lambda: forecast(dated(MIDDLES).to_period("M")),
        lambda: forecast(dated(pd.period_range("2001-01", periods=60, freq="M")[::3], np.tile(WAVE, 2)).to_timestamp()),
    ),
    case(
        lambda: forecast(dated(DAYS[:30])).update(dated(DAYS[[30, 32]])),
        "Pass each step once, in the order of time",
        lambda: forecast(dated(DAYS[:30])).update(dated(DAYS[[30, 31]])),
    ),
    case(
        lambda: forecast(dated(DAYS.tz_localize(WINTER_TIME))),
        r"Convert it, such as by index\.tz_convert\('Europe/Berlin'\)",
        lambda: forecast(dated(DAYS.tz_localize(WINTER_TIME).tz_convert("Europe/Berlin"))),
    ),
    case(
        lambda: forecast(dated(DAYS[:30])).update(dated(DAYS[30:]).to_period()),
        "their kind is 'periods' instead of 'dates'. Convert them",
        lambda: forecast(dated(DAYS[:30])).update(dated(DAYS[30:]).to_period().to_timestamp()),
    ),
    case(
        lambda: forecast([dated(DAYS), dated(pd.date_range("2001-01-01", periods=40, freq="W"))]),
        "Resample one of them, or fit them apart",
        lambda: forecast([dated(DAYS), dated(pd.date_range("2001-01-01", periods=40, freq="W")).resample("D").interpolate()]),
        lambda: forecast(dated(pd.date_range("2001-01-01", periods=40, freq="W"))),
    ),
    case(
        lambda: forecast(SHOPS, id=["shop", "kind"]),
        "Name another in id or time",
        lambda: forecast(SHOPS, id=["shop"]),
    ),
    case(
        lambda: forecast(KINDS, id=["shop", "kind"], static={"shop": ["a", "b"], "size": [1, 2]}),
        "Pass all columns of id, or none",
        lambda: forecast(KINDS, id=["shop", "kind"], static={"shop": ["a", "b"], "kind": [1, 1], "size": [1, 2]}),
        lambda: forecast(KINDS, id=["shop", "kind"], static={"size": [1, 2]}),
    ),
    case(
        lambda: forecast(SHOPS, id="shop", static={"shop": ["a", "a"], "size": [1, 2]}),
        "'a' twice. Pass one row for each series",
        lambda: forecast(SHOPS, id="shop", static={"shop": ["b", "a"], "size": [1, 2]}),
    ),
    case(
        lambda: forecast(SHOPS, id="shop", static={"shop": ["a"], "size": [1]}),
        "no series 'b', but has .*Pass one row for each series",
        lambda: forecast(SHOPS, id="shop", static={"shop": ["b", "a"], "size": [1, 2]}),
    ),
    case(
        lambda: forecast(SHOPS, id="shop", static={"size": [1, np.nan]}),
        "is not finite for series 'b'. Fill it",
        lambda: forecast(SHOPS, id="shop", static={"size": [1, 2]}),
    ),
    case(
        lambda: forecast([NAMED["a"], NAMED["b"]]).update([NAMED["b"], NAMED["a"]]),
        "Pass series in the order of fit",
        lambda: forecast([NAMED["a"], NAMED["b"]]).update([NAMED["a"], NAMED["b"]]),
    ),
    case(
        lambda: forecast(differences=1, missing="indicator"),
        "Fill those, or set differences=0",
        lambda: forecast(differences=1),
        lambda: forecast(missing="indicator"),
    ),
    case(lambda: forecast(np.ones(40)).score(WAVE), "Fit to series that vary", lambda: forecast(WAVE).score(WAVE)),
    case(lambda: forecast(target=[]), "None takes all", forecast),
    case(lambda: forecast(1e308 * WAVE), "Use other units", lambda: forecast(1e300 * WAVE)),
    case(
        lambda: fitted().update(frame(shop=["c"], y=[1.0])),
        "Leave it out, or fit again",
        lambda: fitted().update(frame(shop=["b"], y=[1.0])),
    ),
    case(
        lambda: forecast(window=1),
        "Set window to at least 2, or scale=None",
        lambda: forecast(window=2),
        lambda: forecast(**OF_ONE_STEP),
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
        "Leave it out, or pass features of whole series as static",
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
        lambda: forecast(shops("a", "b"), id="shop", future=shops("a")),
        "Pass the same series as in fit",
        lambda: forecast(shops("a", "b"), id="shop", future=shops("b", "a")),
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
        "3 are needed. Pass future with at least so many steps",
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
        lambda: forecast(window=7, season_length=4),
        "Set window to at least 8",
        lambda: forecast(window=8, season_length=4),
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
