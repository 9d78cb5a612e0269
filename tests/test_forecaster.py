"""`LSTMForecaster`: forecasts in the form of the series, from the past alone, with intervals that cover what they promise."""

import pickle
import re
from datetime import timedelta, timezone
from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from sklstm import LSTMForecaster, LSTMRegressor, Sequences, load, save
from sklstm.forecasting.adjustment import SCALES, Adjustment
from sklstm.forecasting.calibration import error_quantiles
from sklstm.forecasting.rolling import naive_errors
from sklstm.inspection import ForecastDisplay
from sklstm.preprocessing.levels import LEVELS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_size": 4, "max_iter": 3, "n_estimators": 1, "n_splits": 1, "random_state": 0}
HORIZON = 3


def wave(n=80, seed=0):
    return np.sin(np.arange(n) / 3) + np.random.default_rng(seed).normal(scale=0.1, size=n)


def forecaster(horizon=HORIZON, **params):
    return LSTMForecaster(horizon, **QUICK | params)


def pandas():
    return pytest.importorskip("pandas")


# ---- windows measured from their own season, level and scale ----


def adjusted_by_loop(window, y, differences, period, relative, scale):
    """A window (n_steps,) and what follows it (horizon,), as networks get them; the naive twin of `Adjustment`."""
    season = np.zeros(len(window) + len(y))
    if period is not None:
        whole = window[len(window) % period :]
        of_phase = [np.mean([s[j] - np.mean(s) for s in whole.reshape(-1, period)]) for j in range(period)]
        season = np.array([of_phase[(t - len(window)) % period] for t in range(len(season))])
    both = np.concatenate([window, y]) - season
    past = both[: len(window)]
    for _ in range(differences):
        both, past = both[1:] - both[:-1], past[1:] - past[:-1]
    level = {None: 0.0, "last": past[-1], "mean": past.mean()}[relative]
    lag = period if period is not None and len(past) > period else 1
    by = {None: 1.0, "std": past.std(), "mean": np.abs(window).mean()}
    by = (by | {"difference": np.abs(past[lag:] - past[:-lag]).mean()})[scale]
    return (past - level) / by, (both[len(past) :] - level) / by


CASES = list(product([0, 1, 2], [None, 4], [None, *LEVELS], [None, *SCALES]))


@pytest.mark.parametrize(("differences", "period", "relative", "scale"), CASES)
def test_windows_are_adjusted_as_by_a_loop_and_restored(differences, period, relative, scale, rng):
    windows, y = 3 + rng.normal(size=(5, 10 + differences, 2)), rng.normal(size=(5, 6, 2))
    reference = Adjustment(differences, period, relative, scale).of(windows)
    targets = reference.targets(y, [0, 1])
    for i, j in product(range(5), range(2)):
        expected = adjusted_by_loop(windows[i, :, j], y[i, :, j], differences, period, relative, scale)
        np.testing.assert_allclose(reference.windows[i, :, j], expected[0], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(targets[i, :, j], expected[1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(reference.restored(targets, [0, 1]), y, rtol=1e-9, atol=1e-9)
    # A window's adjustment does not depend on the others by a bit, and a channel's not on the other channels.
    alone = Adjustment(differences, period, relative, scale).of(windows[2:3])
    np.testing.assert_array_equal(alone.windows[0], reference.windows[2])


def test_values_that_are_missing_do_not_count(rng):
    windows = rng.normal(size=(1, 12, 1))
    windows[0, [0, 5, 11]] = np.nan
    reference = Adjustment(0, None, "last", "std").of(windows)
    assert reference.level[0, 0] == windows[0, 10, 0]
    assert reference.scale[0, 0] == pytest.approx(np.nanstd(windows))
    np.testing.assert_array_equal(np.isnan(reference.windows), np.isnan(windows))


# ---- what is forecast ----


@pytest.mark.parametrize("params", [{}, {"strategy": "recursive"}, {"differences": 1}, {"scale": "mean"}, {"season_length": 4}])
def test_a_trend_continues(params):
    model = forecaster(5, max_iter=30, validation_fraction=0, **params).fit(np.arange(1.0, 101))
    np.testing.assert_allclose(model.predict(), np.arange(101.0, 106), rtol=0.01)
    if "scale" not in params:  # which grows with the level
        np.testing.assert_allclose(model.predict(horizon=12), np.arange(101.0, 113), rtol=0.02)  # from forecasts of forecasts


def test_a_trend_continues_beside_a_season_and_far_from_zero():
    steps = np.arange(100.0)
    series = steps + np.tile([0.0, 5, -5, 0], 25)
    assert forecaster(4, season_length=4).fit(series[:15]).window_ == 8  # a window of one season would repeat that
    model = forecaster(4, season_length=4, window=8, max_iter=30).fit(series[:60])
    np.testing.assert_allclose(model.predict(), series[60:64], atol=0.5)
    assert np.isfinite(model.errors_).all()
    far = 1.7e9 + steps + 0.1 * wave(100)
    np.testing.assert_allclose(forecaster(max_iter=30).fit(far).predict() - 1.7e9, [100, 101, 102], atol=0.5)


def test_a_constant_continues():
    np.testing.assert_array_equal(forecaster().fit(np.full(50, 7.0)).predict(), [7, 7, 7])


@pytest.mark.parametrize("params", [{}, {"season_length": 4}, {"relative": "mean", "scale": "std"}, {"differences": 1}])
def test_forecasts_do_not_depend_on_units(params):
    series = wave()
    expected = forecaster(**params).fit(series).predict()
    found = forecaster(**params).fit(1024 * series + 4096).predict()
    np.testing.assert_allclose((found - 4096) / 1024, expected, rtol=1e-5, atol=1e-6)


def test_recursive_forecasts_are_those_of_a_loop():
    series = wave()
    model = forecaster(5, strategy="recursive", window=9, relative="last", scale=None).fit(series)
    seen = series.tolist()
    for _ in range(5):
        window = np.array(seen[-9:])
        seen.append(window[-1] + model.regressors_[0].predict((window - window[-1]).reshape(1, 9, 1))[0])
    np.testing.assert_allclose(model.predict(), seen[-5:], rtol=1e-12)


def test_several_networks_are_averaged():
    model = forecaster(n_estimators=3, window=9, relative=None, scale=None).fit(wave())
    each = [regressor.predict(wave()[-9:].reshape(1, 9, 1))[0] for regressor in model.regressors_]
    assert len(each) == 3 and not np.array_equal(each[0], each[1])
    np.testing.assert_allclose(model.predict(), np.mean(each, axis=0), rtol=1e-12)


def test_a_series_does_not_depend_on_the_others_it_is_forecast_with():
    series = [wave(80, 0), wave(60, 1), wave(70, 2)]
    model = forecaster(strategy="recursive").fit(series)
    state = model._state
    past = np.stack([values[-model._size :] for values in state.series.values])
    together, _ = model._networks(state).forecast(past, None, np.arange(3), 7)
    for i in range(3):
        alone, _ = model._networks(state).forecast(past[i : i + 1], None, np.array([i]), 7)
        np.testing.assert_array_equal(alone[0], together[i])


def test_channels_known_in_advance_are_used():
    rng = np.random.default_rng(0)
    future = rng.normal(size=300)
    series = future + 0.1 * rng.normal(size=300)
    model = forecaster(max_iter=60, hidden_size=8, relative=None, scale=None, validation_fraction=0)
    found = model.fit(series[:-3], future=future).predict()
    assert np.abs(found - future[-3:]).max() < 0.5
    np.testing.assert_array_equal(found, clone(model).fit(series[:-3], future=future[:-3]).predict(future=future[-3:]))
    assert not np.array_equal(found, model.predict(future=-future[-3:]))
    # One step at a time reads them a step ahead.
    model.set_params(strategy="recursive").fit(series[:-3], future=future)
    assert np.abs(model.predict() - future[-3:]).max() < 0.5
    # What is beyond the horizon is not read.
    beyond = np.concatenate([future[-3:], [1e9]])
    np.testing.assert_array_equal(model.predict(future=beyond), model.predict(future=future[-3:]))


def test_the_past_of_other_channels_and_static_facts_are_used():
    rng = np.random.default_rng(0)
    cause = rng.normal(size=300)
    series = np.column_stack([np.roll(cause, 3), cause])  # which repeats the other one three steps later
    params = {"max_iter": 60, "hidden_size": 8, "relative": None, "scale": None, "validation_fraction": 0}
    found = forecaster(target=0, window=6, **params).fit(series[3:]).predict()
    assert found.shape == (3, 1) and np.abs(found[:, 0] - cause[-3:]).max() < 0.5
    signs = {"sign": [1.0, -1.0] * 10}
    many = [sign * np.r_[np.zeros(4), 1.0, 2.0, 3.0, np.zeros(4)] for sign in signs["sign"]]
    model = forecaster(window=4, max_iter=60, scale=None, validation_fraction=0).fit(many, static=signs)
    found = np.array(model.predict())  # the last windows are zeros: only the static features tell what follows
    assert np.sign(found[:, 2]).tolist() == signs["sign"]


def test_missing_values():
    series = wave()
    series[[7, 30, 31, 79]] = np.nan
    with pytest.raises(ValueError, match=r"at step 7 of the series is missing.*interpolate\(\), or set missing='indicator'"):
        forecaster().fit(series)
    model = forecaster(missing="indicator").fit(series)
    assert np.isfinite(model.predict()).all() and np.isfinite(model.predict_interval()).all()


# ---- forms ----


def forms():
    pd = pandas()
    one, two = wave(80), wave(70, 1)
    months = pd.date_range("2000-01-01", periods=80, freq="MS", name="month")
    table = pd.DataFrame({"shop": ["b"] * 80 + ["a"] * 70, "month": [*months, *months[10:]], "sold": np.r_[one, two]})
    columns = {"id": "shop", "time": "month"}
    return {
        "list": [one, two],
        "tuple": (one, two),
        "Series in a list": [pd.Series(one, months, name="x"), pd.Series(two, months[10:], name="x")],
        "tables in a list": [pd.DataFrame({"x": one}), pd.DataFrame({"x": two})],
        "Sequences": Sequences.from_list([one, two]),
        "long": (table, dict(columns)),
        "long, mixed": (table.iloc[np.argsort(np.arange(150) % 7 + 7 * (table["shop"] == "a"), kind="stable")], dict(columns)),
        "dict": (dict(table), dict(columns)),
        "levels": table.set_index(["shop", "month"]),
        "Series with levels": table.set_index(["shop", "month"])["sold"],
    }


def values_of(forecasts):
    if isinstance(forecasts, list):
        return np.concatenate([np.ravel(one) for one in forecasts])
    if hasattr(forecasts, "columns"):
        return forecasts["sold"].to_numpy()
    return np.ravel(forecasts["sold"]) if isinstance(forecasts, dict) else np.ravel(getattr(forecasts, "values", forecasts))


def test_the_same_series_in_any_form():
    pd = pandas()
    found = {}
    for name, form in forms().items():
        series, params = form if isinstance(form, tuple) and isinstance(form[1], dict) else (form, {})
        model = forecaster(**params).fit(series)
        found[name] = model.predict()
        again = model.fit(series).predict_interval()
        assert type(again) is (pd.DataFrame if isinstance(found[name], pd.Series) else type(found[name]))
    for name, forecasts in found.items():
        np.testing.assert_array_equal(values_of(forecasts), values_of(found["list"]), err_msg=name)
    after = pd.date_range("2006-09-01", periods=3, freq="MS", name="month")
    pd.testing.assert_index_equal(found["Series in a list"][0].index, after)
    assert found["Series in a list"][1].name == "x" and found["tables in a list"][0].index.tolist() == [80, 81, 82]
    assert found["long"]["shop"].tolist() == ["b"] * 3 + ["a"] * 3 and list(found["long"]) == ["shop", "month", "sold"]
    assert found["long"]["month"].tolist() == [*after, *after]
    assert found["levels"].index.names == ["shop", "month"] and found["levels"].index[3] == ("a", after[0])
    assert found["Series with levels"].name == "sold"
    assert forecaster().fit(forms()["Series with levels"].rename("shop")).predict().name == "shop"


@pytest.mark.parametrize(
    "freq", ["MS", "ME", "D", "B", "h", "15min", "W-WED", "QS-OCT", "QE", "YS", "7D", "2MS", "BME", "s"], ids=str
)
def test_the_index_goes_on(freq):
    pd = pandas()
    index = pd.date_range("2001-03-01", periods=43, freq=freq, name="when")
    given = pd.DatetimeIndex(index[:40].to_numpy(), name="when")  # which does not know its freq
    forecasts = forecaster(window=5).fit(pd.DataFrame({"a": wave(40), "b": wave(40, 1)}, given)).predict()
    pd.testing.assert_index_equal(forecasts.index, index[40:], exact="equiv")
    assert list(forecasts.columns) == ["a", "b"]


def test_other_indexes_go_on():
    pd = pandas()
    berlin = pd.date_range("2001-02-20", periods=43, freq="D", tz="Europe/Berlin")  # over the change of the clocks
    for index in (
        berlin,
        pd.period_range("2001-01", periods=43, freq="Q"),
        pd.timedelta_range("1h", periods=43, freq="90min"),
        pd.RangeIndex(10, 96, 2),
        pd.Index(np.arange(43) * 0.25),
        pd.Index(1.7e9 + np.arange(43) * 0.01),  # of which each step is rounded
        pd.date_range("2001-02-20", periods=43, freq="D").as_unit("s"),
    ):
        forecasts = forecaster(window=5).fit(pd.Series(wave(40), index[:40], name="y")).predict()
        pd.testing.assert_index_equal(forecasts.index, index[40:], exact="equiv")
        assert forecasts.name == "y"


def test_polars():
    pl = pytest.importorskip("polars")
    table = pl.DataFrame({"shop": ["a"] * 40 + ["b"] * 40, "day": [*range(40)] * 2, "sold": np.r_[wave(40), wave(40, 1)]})
    found = forecaster(id="shop", time="day").fit(table).predict()
    assert isinstance(found, pl.DataFrame) and found["day"].to_list() == [40, 41, 42] * 2


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_tables_of_other_libraries_keep_dates_zones_and_names(zone):
    pl = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    days = every("D", zone, n=43)  # zones: over the change of the clocks
    days = days if zone is None else pandas().date_range("2000-02-20", periods=43, freq="D", tz=zone)
    stamps = [*days.date] if zone is None else [*days.tz_convert("UTC").tz_localize(None).to_pydatetime()]
    column = pl.Series("day", stamps)
    column = column if zone is None else column.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    table = pl.DataFrame({"day": column[:40], "sold": wave(40)})
    for given in (table, table.to_arrow()):
        found = forecaster(time="day").fit(given).predict()
        assert type(found) is type(given)
        found = found if given is table else pl.from_arrow(found)
        assert found["day"].dtype == column.dtype and found["day"].to_list() == column[40:].to_list()
    values = table.select("sold", other="sold")
    assert forecaster(target="other").fit(values).predict().columns == ["other"]
    assert forecaster(target="other").fit([values, values]).predict()[1].columns == ["other"]


def test_a_static_table_with_ids_belongs_to_the_series_of_its_ids():
    pd = pandas()
    series = {"shop": ["b"] * 40 + ["a"] * 40, "sold": wave()}
    model = forecaster(id="shop").fit(series, static={"shop": ["c", "a", "b"], "size": [3.0, 1.0, 2.0]})
    static = model._state.static
    assert static.names == ["size"] and static.values.ravel().tolist() == [2, 1]  # b and a
    several = {"shop": series["shop"], "kind": [1] * 80, "sold": wave()}
    static = pd.DataFrame({"kind": [1, 1], "shop": ["a", "b"], "size": [1.0, 2.0]})
    assert forecaster(id=["shop", "kind"]).fit(several, static=static)._state.static.values.ravel().tolist() == [2, 1]
    for shops, words in ((["a", "a"], "the series 'a' twice"), (["a", "c"], "static has no series 'b'")):
        with pytest.raises(ValueError, match=words):
            model.fit(series, static={"shop": shops, "size": [1.0, 2.0]})


def test_forecasts_keep_the_dtype():
    model = forecaster().fit(wave().astype(np.float32))
    assert model.predict().dtype == model.regressors_[0].weights_["head.V"].dtype == np.float32


# ---- intervals ----


def test_quantiles_of_errors_have_their_probability():
    # Of n errors and one more, exchangeable, the last is at most the quantile q with probability q: over 20,000 draws the share
    # has a standard error of 0.003.
    rng = np.random.default_rng(0)
    levels = np.array([0.1, 0.5, 0.9])
    errors = rng.exponential(size=(15, 1, 20_000))
    found = error_quantiles(errors, levels)
    shares = (rng.exponential(size=(1, 20_000, 1)) <= found).mean(axis=(0, 1))
    np.testing.assert_allclose(shares, levels, atol=0.012)
    with pytest.raises(ValueError, match="needs 19 errors of held-out forecasts, but there are 15 for 1 step ahead"):
        error_quantiles(errors, np.array([0.05, 0.95]))


def test_quantiles_are_in_order_whatever_the_tails():
    errors = np.random.default_rng(0).normal(size=(200, 1, 1))
    levels = np.linspace(0.02, 0.98, 97)
    for tails in (0.1, 0.5, 3.0):
        found = error_quantiles(errors, levels, np.full((1, 1), tails))[0, 0]
        assert (np.diff(found) >= 0).all()
        near = error_quantiles(errors, np.array([0.5 - 1e-6, 0.5, 0.5 + 1e-6]), np.full((1, 1), tails))[0, 0]
        np.testing.assert_allclose(near, near[1], atol=1e-4)
    model = forecaster().fit(pandas().Series(wave(), name="y"))
    assert model.predict_quantile([0.25, 0.2500001]).columns.tolist() == ["y_0.25", "y_0.2500001"]
    for quantiles, words in (([0.5, 0.5], "each number once"), ([[0.5], [0.1, 0.2]], "quantile is no array")):
        with pytest.raises(ValueError, match=words):
            model.predict_quantile(quantiles)


def test_errors_are_those_of_networks_that_have_not_seen_the_block():
    series, window = wave(120), 10
    model = forecaster(window=window, scale="std", n_splits=2, validation_fraction=0.25).fit(series)
    rows = []
    for begin, end in ((90, 105), (105, 120)):
        before = forecaster(window=window, scale="std", validation_fraction=0).fit(series[:begin])
        for origin in range(begin, min(end, 120 - HORIZON + 1)):
            if origin > begin:
                before.update(series[origin - 1 : origin])
            scale = series[origin - window : origin].std()
            rows.append((series[origin : origin + HORIZON] - before.predict()) / scale)
    np.testing.assert_allclose(model.errors_[:, :, 0], rows, rtol=1e-9, atol=1e-12)
    interval = model.predict_interval(coverage=0.8)
    n, ahead = len(rows), np.arange(1, HORIZON + 1)
    t = [stats.t.ppf(0.9, few) * np.sqrt(1 + 1 / few) for few in (n / ahead, n)]
    median, wider = np.median(rows, axis=0), t[0] / t[1]  # 1 for one step ahead
    expected = [median + wider * (np.quantile(rows, q, axis=0, method="weibull") - median) for q in (0.1, 0.9)]
    scale = series[-window:].std()
    np.testing.assert_allclose(interval, (model.predict() + scale * np.array(expected)).T, rtol=1e-9)
    np.testing.assert_allclose(model.predict_quantile([0.1, 0.9]), interval, rtol=1e-12)  # (1 - 0.8) / 2 is not quite 0.1
    np.testing.assert_array_equal(model.predict_quantile(0.1), model.predict_quantile([0.5, 0.1])[:, 1])


@pytest.mark.slow
def test_intervals_cover_what_they_promise():
    # 60 series of their own, an autoregression, 12 values ahead of each: the share of those inside.
    inside = []
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(size=420)
        series = np.zeros(420)
        for t in range(1, 420):
            series[t] = 0.8 * series[t - 1] + noise[t]
        model = LSTMForecaster(6, hidden_size=8, max_iter=15, n_estimators=1, random_state=0)
        result = model.backtest(series[20:], n_windows=10, step=6)
        inside.append(result.coverage[0, 0])
    assert 0.77 < np.mean(inside) < 0.83


# ---- nothing is known before its time ----


def test_what_follows_changes_no_forecast_by_a_bit():
    series, changed = wave(100), wave(100)
    changed[91:] += 1000
    one, other = (forecaster().backtest(values, n_windows=4, step=3) for values in (series, changed))
    # Origins are the steps 88, 91, 94 and 97.
    np.testing.assert_array_equal(one.forecasts[:2], other.forecasts[:2])
    np.testing.assert_array_equal(one.lower[:2], other.lower[:2])
    assert not np.array_equal(one.forecasts[2], other.forecasts[2])
    changed = wave(100)
    changed[-1] = 1000  # is in the last held-out block: errors of the block before are those that they were
    first, later = (forecaster(n_splits=2).fit(values).errors_ for values in (series, changed))
    np.testing.assert_array_equal(first[:15], later[:15])


def test_a_backtest_is_the_loop_over_origins():
    series, model = [wave(60), 2 + 5 * wave(70, 1)], forecaster(season_length=5)
    result = model.backtest(series, n_windows=3, step=2)
    firsts = [60 - 7, 70 - 7]
    current = clone(model).fit([one[:first] for one, first in zip(series, firsts, strict=True)])
    scale = naive_errors([one[:first, np.newaxis] for one, first in zip(series, firsts, strict=True)], 5, [0])
    np.testing.assert_array_equal(current.naive_errors_, scale)
    errors, naive, inside = [], [], []
    for w in range(3):
        if w:
            current.update([one[first + 2 * w - 2 : first + 2 * w] for one, first in zip(series, firsts, strict=True)])
        true = [one[first + 2 * w :][:3] for one, first in zip(series, firsts, strict=True)]
        ago = [one[first + 2 * w - 5 :][:3] for one, first in zip(series, firsts, strict=True)]
        np.testing.assert_array_equal(result.forecasts[w, :, :, 0], current.predict())
        ends = np.array(current.predict_interval())
        np.testing.assert_array_equal(np.stack([result.lower[w, :, :, 0], result.upper[w, :, :, 0]], axis=-1), ends)
        errors.append(np.abs(np.array(true) - current.predict()))
        naive.append(np.abs(np.array(true) - ago))
        inside.append((ends[..., 0] <= true) & (true <= ends[..., 1]))
    np.testing.assert_allclose(result.mase, np.mean(errors, axis=(0, 2))[:, np.newaxis] / scale)
    np.testing.assert_allclose(result.naive_mase, np.mean(naive, axis=(0, 2))[:, np.newaxis] / scale)
    np.testing.assert_allclose(result.coverage[:, 0], np.mean(inside, axis=(0, 2)))
    assert list(result.to_dict()) == ["series", "mase", "naive_mase", "pinball", "coverage"] == repr(result).split()[:5]
    refitted = model.backtest(series, n_windows=3, step=2, refit=True)
    np.testing.assert_array_equal(refitted.forecasts[0], result.forecasts[0])
    assert not np.array_equal(refitted.forecasts[1], result.forecasts[1])


def test_a_refitted_backtest_fits_once_for_each_origin(monkeypatch):
    fits, fit = [], LSTMForecaster._fit
    monkeypatch.setattr(LSTMForecaster, "_fit", lambda self, data: fits.append(data.lengths[0]) or fit(self, data))
    forecaster().backtest(wave(60), n_windows=3, step=2, refit=True)
    assert fits == [53, 55, 57]


def test_series_that_are_changed_afterwards_change_nothing():
    series = wave()
    model = forecaster().fit(series)
    expected = model.predict()
    series[:] = 0
    np.testing.assert_array_equal(model.predict(), expected)


def test_updates_with_known_channels_count_each_error_once():
    series, future = wave(110), wave(120, 1)
    model = forecaster().fit(series[:80], future=future[:80])
    at_once, in_turn = (pickle.loads(pickle.dumps(model)) for _ in range(2))
    at_once.update(series[80:], future=future[80:110])
    for step in range(80, 110):
        in_turn.update(series[step : step + 1], future=future[step : step + 1])
    for lead in range(HORIZON):
        first, second = (one.errors_[:, lead, 0] for one in (at_once, in_turn))
        first, second = first[~np.isnan(first)], second[~np.isnan(second)]
        np.testing.assert_array_equal(first, second)
        # The last origin that has its known channels is 107, and steps 80 to 109 are forecast from 80 - lead on.
        assert len(first) == np.isfinite(model.errors_[:, lead, 0]).sum() + 28 + lead
    ahead = future[110:113]
    np.testing.assert_array_equal(at_once.predict_interval(future=ahead), in_turn.predict_interval(future=ahead))
    assert model.score(series[80:83], future=future[80:83]) < 0
    with pytest.raises(ValueError, match=r"no step to compare .*, and future for at least 3 steps"):
        model.score(series[80:82], future=future[80:82])


def test_updates_of_some_series_and_what_fit_knew_ahead():
    series, future = {"shop": ["a"] * 40 + ["b"] * 40, "sold": wave()}, {"shop": ["a"] * 50 + ["b"] * 50, "price": wave(100, 1)}
    model = forecaster(id="shop").fit(series, future=future)
    one = {"shop": ["b"], "sold": [0.5]}
    known = model.update(one, future={"shop": ["c", "b", "a"], "price": [9.0, *wave(100, 1)[[90, 40]]]}).predict()["sold"]
    np.testing.assert_array_equal(known, forecaster(id="shop").fit(series, future=future).update(one).predict()["sold"])
    with pytest.raises(ValueError, match="new has the series 'c', which was not there in fit"):
        model.update({"shop": ["c"], "sold": [0.5]})
    model = forecaster().fit([wave(), wave(80, 1)], future=[wave(), wave()])
    model.update([wave(3), wave(1)], future=[wave(3), wave(1)])
    np.testing.assert_array_equal(model._n_steps, [83, 81])


def test_constants_beside_others_have_intervals_of_no_width():
    model = forecaster().fit(np.column_stack([np.ones(80), wave()]))
    interval = model.predict_interval()
    np.testing.assert_array_equal(interval[:, 0], np.ones((3, 2)))
    assert (interval[:, 1, 0] < interval[:, 1, 1]).all()
    constant = forecaster().fit(np.ones(80))
    np.testing.assert_array_equal(constant.predict_interval(), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"scaled error is not defined: .* constant"):
        constant.score(np.arange(5.0))
    with pytest.raises(ValueError, match="windows that are constant give none"):
        constant.update(np.arange(2.0)).predict_interval()


def test_an_update_is_as_good_as_having_known():
    series = wave(90)
    model = forecaster().fit(series[:80])
    weights = {name: values.copy() for name, values in model.regressors_[0].weights_.items()}
    at_once, in_turn = (pickle.loads(pickle.dumps(model)) for _ in range(2))
    at_once.update(series[80:])
    for step in range(80, 90):
        in_turn.update(series[step : step + 1])
    np.testing.assert_array_equal(at_once.predict(), in_turn.predict())
    # Each error of a step of `new` counts once, however it came in.
    for lead in range(HORIZON):
        first, second = (np.sort(one.errors_[:, lead, 0]) for one in (at_once, in_turn))
        first, second = first[~np.isnan(first)], second[~np.isnan(second)]
        np.testing.assert_array_equal(first, second)
        assert len(first) == np.isfinite(model.errors_[:, lead, 0]).sum() + 10
    np.testing.assert_array_equal(at_once.tails_, in_turn.tails_)
    assert (at_once.tails_ != 1).any() and (model.tails_ == 1).all()
    for name, values in at_once.regressors_[0].weights_.items():
        np.testing.assert_array_equal(values, weights[name])


def test_the_score_is_that_of_every_origin():
    series = wave(90)
    model = forecaster().fit(series[:80])
    before = model.predict()
    found, moving, errors = model.score(series[80:]), pickle.loads(pickle.dumps(model)), []
    for origin in range(80, 90):
        errors += np.abs(series[origin : origin + HORIZON] - moving.predict()[: 90 - origin]).tolist()
        moving.update(series[origin : origin + 1])
    assert found == pytest.approx(-np.mean(errors) / np.abs(np.diff(series[:80])).mean())
    np.testing.assert_array_equal(model.predict(), before)


# ---- scikit-learn ----


def test_a_search_with_splits_by_time():
    series = pandas().Series(wave(100), name="y")
    search = GridSearchCV(forecaster(), {"differences": [0, 1], "window": [6, 12]}, cv=TimeSeriesSplit(2, test_size=15))
    search.fit(series)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all() and search.best_estimator_.predict().index[0] == 100


def test_files_pickles_and_threads_keep_the_bits(tmp_path):
    pd = pandas()
    index = pd.date_range("2000-01-01", periods=80, freq="MS", tz="UTC", name="month")
    series = [pd.DataFrame({"a": wave(80), "b": wave(80, 1)}, index), pd.DataFrame({"a": wave(70), "b": wave(70, 2)}, index[:70])]
    later = pd.date_range("2000-01-01", periods=90, freq="MS", tz="UTC")
    future, static = [pd.DataFrame({"c": wave(90, 3)}, later)] * 2, [["x"], ["y"]]
    model = forecaster(n_estimators=2, target="b", season_length=4).fit(series, future=future, static=static)
    save(model, tmp_path / "model.npz")
    threads = forecaster(n_estimators=2, target="b", season_length=4, n_jobs=2).fit(series, future=future, static=static)
    for other in (load(tmp_path / "model.npz"), pickle.loads(pickle.dumps(model)), threads):
        assert other.get_params() | {"n_jobs": None} == model.get_params()
        for one, same in zip(model.predict_interval(), other.predict_interval(), strict=True):
            pd.testing.assert_frame_equal(one, same, check_exact=True, check_freq=False)
    save(forecaster(), tmp_path / "model.npz")
    with pytest.raises(NotFittedError):
        load(tmp_path / "model.npz").predict()


def test_parameters_are_checked_as_those_of_a_forecaster():
    assert LSTMForecaster._parameter_constraints.keys() == LSTMForecaster().get_params().keys()
    for name, value in {"hidden_size": -1, "loss": "poisson", "checkpoint": 5, "relative": "first", "coverage": 1.0}.items():
        with pytest.raises(ValueError, match=f"The '{name}' parameter of LSTMForecaster must be"):
            forecaster(**{name: value}).fit(wave())


def test_the_docstring_speaks_of_what_a_forecaster_has():
    text = LSTMForecaster.__doc__
    assert set(re.findall(r"\[(\d+)\]_", text)) == set(re.findall(r"^ *\.\. \[(\d+)\]", text, flags=re.MULTILINE))
    others = {"attention", "make_windows", "series"}  # of other things
    assert {name for name in re.findall(r"`(\w+)`", text) if not hasattr(LSTMForecaster(), name)} <= others


def test_the_clock_does_not_repeat_in_a_picture():
    hours = pandas().date_range("2001-10-27", periods=40, freq="h", tz="Europe/Berlin")  # to winter time
    times = forecaster().fit(pandas().Series(wave(40), hours))._to_draw(0, 0, 3)[1]
    assert (np.diff(times) == np.timedelta64(1, "h")).all()
    assert times[-4] == np.datetime64("2001-10-28T14")


def test_a_changed_forecaster_is_not_saved(tmp_path):
    model = forecaster().fit(wave())
    model.regressors_ = [LSTMRegressor()]
    with pytest.raises(ValueError, match="could not be loaded again"):
        save(model, tmp_path / "model.npz")


def test_checkpoints(tmp_path):
    path = tmp_path / "fit"
    first = forecaster(checkpoint=path, n_estimators=2).fit(wave())
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fit.0", "fit.1", "fit.2", "fit.3"]
    again = forecaster(checkpoint=path, n_estimators=2).fit(wave())
    np.testing.assert_array_equal(again.predict_interval(), first.predict_interval())
    np.testing.assert_array_equal(forecaster(n_estimators=2).fit(wave()).predict_interval(), first.predict_interval())
    backtest = again.backtest(wave(), n_windows=2, refit=True)  # of other data
    np.testing.assert_array_equal(backtest.forecasts, forecaster(n_estimators=2).backtest(wave(), 2, refit=True).forecasts)
    # Random numbers that nobody chose are those of the file.
    one, other = (forecaster(checkpoint=tmp_path / "random", random_state=None).fit(wave()) for _ in range(2))
    np.testing.assert_array_equal(one.predict_interval(), other.predict_interval())


def test_a_picture():
    pytest.importorskip("matplotlib").use("Agg")
    pd = pandas()
    series = pd.DataFrame({"y": wave()}, pd.period_range("2000-01", periods=80, freq="M"))
    model = forecaster().fit(series)
    display = ForecastDisplay.from_forecaster(model, coverage=0.8, y_true=[1, 2, 3])
    np.testing.assert_array_equal(display.forecast_line_.get_ydata(), model.predict()["y"])
    band = display.bands_[0.8].get_paths()[0].vertices
    interval = model.predict_interval()
    assert {*band[:, 1]} >= {*interval["y_lower"], *interval["y_upper"]}
    assert display.ax_.get_ylabel() == "y" and str(display.forecast_line_.get_xdata()[0])[:7] == "2006-09"
    with pytest.raises(TypeError, match="needs an LSTMForecaster, got LSTMRegressor"):
        ForecastDisplay.from_forecaster(LSTMRegressor())
    with pytest.raises(ValueError, match="series must be a number from 0 to 0, got 1"):
        ForecastDisplay.from_forecaster(model, series=1)


# ---- what is refused ----


def dated(times):
    pd = pandas()
    return pd.Series(wave(len(times)), pd.DatetimeIndex(times))


def every(freq, zone=None, n=40):
    return pandas().date_range("2000-01-01", periods=n, freq=freq, tz=zone)


def named(name):
    return pandas().Series(wave(40).tolist(), name=name).rename_axis("step").set_axis([str(k) for k in range(40)])


def numbered(step):
    return pandas().Series(wave(40), 1.7e9 + step * np.arange(40))


def days(n=40):
    return pandas().date_range("2001-01-01", periods=n, freq="D").to_series().reset_index(drop=True).tolist()


REFUSED = {
    "too short": (lambda: forecaster(window=30).fit([wave(), wave(20)]), r"series 1 has 20, but window=30.*need 33"),
    "too short for its id": (
        lambda: forecaster(window=30, id="shop").fit({"shop": ["a"] * 40 + ["b"] * 9, "y": wave(49)}),
        "series 'b' has 9, but window=30",
    ),
    "too short for any window": (lambda: forecaster().fit([1.0, 2.0, 3.0]), "the series has 3, but window=2.*need 5"),
    "unsorted": (lambda: forecaster().fit(dated(days()[::-1])), "not sorted: 2001-02-08 comes after 2001-02-09. Sort"),
    "repeated": (lambda: forecaster().fit(dated([*days(), days()[-1]])), "the time 2001-02-09 twice"),
    "a gap": (lambda: forecaster().fit(dated([*days()[:20], *days()[21:]])), "2001-01-22 follows 2001-01-20.*asfreq"),
    "a gap in one of several": (
        lambda: forecaster().fit([dated(days()), dated([*days()[:20], *days()[21:]])]),
        "The steps of series 1 are not equally far apart",
    ),
    "repeated in a table": (
        lambda: forecaster(id="shop", time="day").fit({"shop": ["a"] * 4, "day": [1, 2, 2, 3], "y": [1.0, 2, 3, 4]}),
        "'a'",
    ),
    "future too short in fit": (lambda: forecaster().fit(wave(), future=wave(79)), "ends too early: it has 79 steps"),
    "future too short": (
        lambda: forecaster().fit(wave(), future=wave()).predict(future=[1.0, 2.0]),
        "future ends too early|ends too early: it has 2 steps after the end of the series, but 3 are needed",
    ),
    "no future": (lambda: forecaster().fit(wave(), future=wave()).predict(), "it has 0 steps after the end"),
    "future that fit had not": (lambda: forecaster().fit(wave()).predict(future=[1.0]), "fit had none"),
    "future at another time": (
        lambda: forecaster().fit(dated(days()), future=dated(days())).predict(future=dated(days())),
        "must continue the series at 2001-02-10.*begins at 2001-01-01",
    ),
    "new at another time": (lambda: forecaster().fit(dated(days())).update(dated(days(45)[41:])), "begins at 2001-02-11"),
    "other frequencies": (
        lambda: forecaster().fit([dated(every("MS")), dated(every("D"))]),
        "series 1 has steps of 'D', but series 0 has steps of 'MS'. Resample",
    ),
    "other zones": (
        lambda: forecaster().fit([dated(every("D")), dated(every("D", "UTC"))]),
        "their zone is 'UTC' instead of None",
    ),
    "future of other frequency": (
        lambda: forecaster().fit(dated(every("MS")), future=dated(every("D", n=50))),
        "future must be as far apart as those of the series: expected 2000-02-01, got 2000-01-02",
    ),
    "future of other kind": (
        lambda: forecaster().fit(dated(every("D")), future=dated(every("D")).to_period()),
        "future must be like those of the series, but their kind is 'periods' instead of 'dates'",
    ),
    "new with a gap": (
        lambda: forecaster().fit(dated(every("D"))).update(dated(every("D", n=44)[[40, 41, 43]])),
        "steps of new are not equally far apart: 2000-02-13 follows 2000-02-11",
    ),
    "new of other frequency": (
        lambda: forecaster().fit(dated(every("D"))).update(dated(every("D", n=44)[[40, 42]])),
        "new must be as far apart as those of the series: expected 2000-02-11, got 2000-02-12",
    ),
    "seconds that are floating-point numbers": (
        lambda: forecaster().fit(numbered(60.0)).update(numbered(60.0)[:1]),
        "new must continue the series at 1700002400.0",
    ),
    "holidays": (
        lambda: forecaster().fit(dated(every(pandas().offsets.CustomBusinessDay(holidays=["2000-05-01"])))),
        "has the freq <CustomBusinessDay>, which its text 'C' does not tell",
    ),
    "days of months": (
        lambda: forecaster().fit(dated([f"2000-{k + 1:02d}-15" for k in range(12)])),
        "follow no rule that pandas knows, such as 2000-02-15 after 2000-01-15",
    ),
    "each third period": (
        lambda: forecaster().fit(dated(every("MS", n=60)).to_period("M")[::3]),
        "follow no rule that pandas knows, such as 2000-04 after 2000-01",
    ),
    "a zone without a name": (
        lambda: forecaster().fit(dated(every("D", timezone(timedelta(hours=1), "MEZ")))),
        "the time zone .*, which is no name of one",
    ),
    "dates of Python, unsorted": (
        lambda: forecaster().fit(pandas().Series(wave(40), list(every("D").date)[::-1])),
        "not sorted: 2000-02-08 comes after 2000-02-09",
    ),
    "a Series and a table of another name": (
        lambda: forecaster().fit([pandas().Series(wave(), name="a"), pandas().DataFrame({"b": wave()})]),
        "series 1 has the channels ..., but series 0 has ...".replace("...", ".*"),
    ),
    "other channels": (lambda: forecaster().fit(wave()).update(np.ones((3, 2))), "has the channels 2, but in fit there were 1"),
    "other series": (lambda: forecaster().fit([wave(), wave()]).update([wave()]), "one entry for each of the 2 series, got 1"),
    "texts": (lambda: forecaster().fit(np.array(["a", "b"] * 30)), "series must hold numbers: .* channel 0 is 'a'"),
    "infinite": (lambda: forecaster().fit([wave(), np.r_[wave(40), np.inf]]), "at step 40 of series 1 is infinite"),
    "y": (lambda: forecaster().fit(wave(), wave()), "A forecaster has no y"),
    "no such target": (lambda: forecaster(target="z").fit(pandas().DataFrame({"a": wave()})), "target must name channels"),
    "recursive without a target": (
        lambda: forecaster(target=0, strategy="recursive").fit(np.ones((60, 2))),
        "1 channels of series are not in target",
    ),
    "a longer horizon": (lambda: forecaster().fit(wave()).predict_interval(4), "known for 3 steps ahead.*not for 4"),
    "no errors": (lambda: forecaster(validation_fraction=0).fit(wave()).predict_interval(), "needs 9 errors .* there are 0"),
    "coverage": (lambda: forecaster().fit(wave()).predict_interval(coverage=80), "coverage must be a number between 0 and 1"),
    "quantile": (lambda: forecaster().fit(wave()).predict_quantile([0.5, 1.0]), "quantile must be a number between 0 and 1"),
    "horizon": (lambda: forecaster().fit(wave()).predict(0), "horizon must be an integer of at least 1, got 0"),
    "a window within a season": (
        lambda: forecaster(window=23, season_length=12).fit(wave()),
        "shorter than two seasons of season_length=12.*at least 24",
    ),
    "a window of one step": (
        lambda: forecaster(window=1).fit(wave()),
        "window=1 has no scale='difference'. Set window to at least 2",
    ),
    "missing in what is held out": (
        lambda: forecaster().backtest(np.r_[wave(60), np.nan, wave(4)], n_windows=3),
        "at step 60 of the series is missing",
    ),
    "a window within the horizon": (
        lambda: forecaster(6, window=5).fit(wave(), future=wave()),
        "window must be at least horizon=6, got 5",
    ),
    "differences of what is missing": (
        lambda: forecaster(differences=1, missing="indicator").fit(wave()),
        "differences=1 needs every value, but missing='indicator'",
    ),
    "missing, as in the fit": (
        lambda: forecaster().fit(wave()).set_params(missing="indicator").update([np.nan]),
        "at step 0 of the series is missing",
    ),
    "no target": (lambda: forecaster(target=[]).fit(wave()), "target must name at least one channel"),
    "a scalar of update": (lambda: forecaster().fit(wave()).update(3.0), "new must be an array"),
    "a future without columns": (lambda: forecaster().fit(wave(), future=wave(90)).predict(future={}), "future has no column"),
    "too large": (lambda: forecaster().fit(1e308 * wave()), r"at step \d+ of the series is larger than 1.76e\+305. Use other"),
    "static that is missing": (
        lambda: forecaster().fit([wave(), wave()], static={"size": [1.0, np.nan]}),
        "Column 'size' of static is not finite for series 1",
    ),
    "series in another order": (
        lambda: forecaster().fit([named("a"), named("b")]).update([named("b"), named("a")]),
        "new 0 is called 'b', but series 0 'a'. Pass series in the order of fit",
    ),
    "no column": (lambda: forecaster(id="store").fit({"shop": [1], "y": [1.0]}), "no column 'store'; its columns are"),
    "a backtest of everything": (lambda: forecaster().backtest(wave(20), n_windows=7), "hold out the last 21"),
    "a scalar": (lambda: forecaster().fit(3.0), "series must be an array"),
    "categories": (
        lambda: forecaster(id="shop").fit({"shop": [1] * 40, "y": wave(40), "kind": ["a", "b"] * 20}),
        "Column 'kind' of series holds no numbers",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_message_says_what_is_wrong_and_where(name):
    call, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        call()


def test_a_fit_that_fails_changes_nothing():
    model = forecaster().fit(wave())
    before = vars(model).copy()
    with pytest.raises(ValueError, match="is infinite"):
        model.fit(np.r_[wave(), np.inf])
    assert vars(model) == before
    with pytest.raises(NotFittedError):
        forecaster().predict()
