"""Properties of models of sequences whose steps have times, as `Sequences(times=)` or in a channel (`time_feature`)."""

import copy
import pickle
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rows import assert_same_rows
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.inspection import SaliencyDisplay, gate_activations, integrated_gradients, step_importance
from sklstm.network import Network, apply
from sklstm.preprocessing import PerStep, RelativeRegressor, make_windows, with_static

WAYS = ("error", "indicator", "decay")
each_way = pytest.mark.parametrize("missing", WAYS)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(missing="error", **options):
    return LSTMRegressor(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | options, missing=missing)


def data(rng, missing="error", n=30, dtype=np.float64):
    """Ragged sequences with integer times, and a y."""
    lengths = rng.integers(1, 9, size=n)
    X = Sequences.from_list([rng.normal(3, 2, size=(length, 2)).astype(dtype) for length in lengths])
    if missing != "error":
        X.values[rng.random(X.values.shape) < 0.4] = np.nan
    times = np.concatenate([rng.integers(-50, 50) + np.cumsum(rng.integers(1, 60, size=length)) for length in lengths])
    return X.with_times(times), rng.normal(size=n)


def dense(rng, n=20, n_steps=4):
    """Arrays (n, n_steps, 2) and their times (n, n_steps), and a y."""
    return rng.normal(size=(n, n_steps, 2)), np.cumsum(rng.integers(1, 60, size=(n, n_steps)), axis=1), rng.normal(size=n)


def in_channel(X, at=1):
    """The same with the times in a channel."""
    return X.with_times(None).with_values(np.insert(X.values, at, X.times, axis=1))


# ---- the network ----


@each_way
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"cell": "layernorm", "pooling": None}], ids=str)
def test_at_regular_times_the_network_is_that_of_x_and_ones(rng, missing, options):
    network = Network(3, 1, (3,), missing=missing, gap_channel=2, **options)
    both = 1 + network.bidirectional
    blocks = 1 if missing == "error" else 1 + 2 * both
    plain = Network(2 * blocks + both, 1, (3,), **options)
    X = Sequences.from_list([rng.normal(size=(length, 2)) for length in (5, 1, 3)])
    ones = np.ones_like(X.values)
    theta, of_plain = network.initialize(rng, np.float64), np.ones(plain.layout.size)
    views = network.layout.views(theta)
    for name, view in plain.layout.views(of_plain).items():
        if name != "input.scale":
            view[...] = views[name] if not name.startswith("input.") else 0
    columns = np.hstack([*[X.values, ones, ones, X.values, ones][:blocks], ones[:, :both]])
    expected = apply(plain, of_plain, X.with_values(columns))
    found = apply(network, theta, X.with_values(np.hstack([X.values, ones[:, :1]])))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_a_reversed_sequence_at_reversed_times_is_the_same_for_both_directions(rng):
    X, times, y = dense(rng)
    X[rng.random(X.shape) < 0.3] = np.nan
    model = regressor("decay", bidirectional=True, merge_mode="sum", pooling="mean").fit(
        Sequences.from_list(list(X)).with_times(times.ravel()), y
    )
    weights = dict(model.weights_)
    n = len(weights["layer_0.W"]) - 2
    order = [6, 7, 2, 3, 8, 9, 0, 1, 4, 5, n + 1, n]
    swapped = {}
    for name, value in weights.items():
        part, _, own = name.partition(".")
        other = own.removeprefix("reverse.") if own.startswith("reverse.") else f"reverse.{own}"
        swapped[name] = weights.get(f"{part}.{other}", value)
        if own.endswith("W"):
            swapped[name] = swapped[name][order]
    backwards = Sequences.from_list(list(X[:, ::-1])).with_times(-times[:, ::-1].ravel())
    expected = model.predict(Sequences.from_list(list(X)).with_times(times.ravel()))
    found = clone(model).fit(backwards, y).set_weights(swapped).predict(backwards)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_ten_thousand_random_holes_and_gaps_give_finite_predictions_and_those_of_each_alone(rng):
    X, y = data(rng, "decay")
    model = regressor("decay", bidirectional=True).fit(X, y)
    values = rng.normal(3, 2, size=(10000, 5, 2))
    values[rng.random(values.shape) < rng.random((10000, 1, 1))] = np.nan
    times = np.cumsum(10.0 ** rng.uniform(-6, 6, size=(10000, 5)), axis=1)
    many = Sequences.from_list(list(values)).with_times(times.ravel())
    together = model.predict(many)
    assert np.isfinite(together).all()
    for i in range(20):
        assert_same_rows(model.predict(many[[i]]), together[[i]])
        assert_same_rows(model.predict(many[[-i, i, 3]])[1:2], together[[i]])


# ---- units and forms ----


@each_way
def test_the_unit_of_times_changes_nothing(rng, missing):
    X, y = data(rng, missing)
    hours = X.times

    def predicted(times):
        return regressor(missing).fit(X.with_times(times), y).predict(X.with_times(times))

    expected = predicted(hours)
    for factor in (0.25, 64, 2.0**40):
        assert (predicted(hours * factor) == expected).all()
    start = pd.Timestamp("2024-03-31", tz="Europe/Berlin")  # when clocks go forward
    dates = start + pd.to_timedelta(hours, unit="h")
    naive = dates.tz_convert(None).to_numpy()
    for times in (hours * 3600, hours / 24, hours - 1e4, dates, dates.tz_convert("UTC"), dates.to_series().tolist()):
        np.testing.assert_allclose(predicted(times), expected, rtol=0, atol=1e-12)
    of_dates = predicted(naive)
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        assert (predicted(naive.astype(f"M8[{unit}]")) == of_dates).all()
        assert (predicted((naive - naive.min()).astype(f"m8[{unit}]")) == of_dates).all()
    assert (predicted([str(date) for date in naive]) == of_dates).all()


def test_the_median_gap_is_in_seconds_or_numbers_and_weighted(rng):
    X = Sequences.from_list([[1.0, 2.0, 3.0], [4.0, 5.0], [6.0]])
    times, y = np.array([0, 1, 11, 5, 9, 7]), [1.0, 2.0, 3.0]
    assert regressor().fit(X.with_times(times), y).median_gap_ == 4
    assert regressor().fit(X.with_times(times.astype("m8[m]")), y).median_gap_ == 240
    assert regressor().fit(X.with_times(times), y, sample_weight=[1, 0, 1]).median_gap_ == 5.5
    assert regressor().fit(X[[0, 0, 1, 2]].with_times(np.append(times[:3], times)), [1.0, *y]).median_gap_ == (
        regressor().fit(X.with_times(times), y, sample_weight=[2, 1, 1]).median_gap_
    )
    model = regressor().partial_fit(X.with_times(times), y)
    assert model.partial_fit(X.with_times(100 * times), y).median_gap_ == 4


def test_digits_of_large_times_are_kept(rng):
    X, y = data(rng, dtype=np.float32)
    model = regressor().fit(X, y)
    late = X.with_times(X.times + 2**62)
    assert (model.predict(late) == model.predict(X)).all()
    nanoseconds = np.datetime64("2024-01-01", "ns") + X.times.astype("m8[ns]")
    assert regressor().fit(X.with_times(nanoseconds), y).median_gap_ == pytest.approx(model.median_gap_ * 1e-9, rel=1e-15)


@each_way
def test_all_forms_of_x_have_the_same_bits(rng, missing):
    X, times, y = dense(rng)
    if missing != "error":
        X[rng.random(X.shape) < 0.3] = np.nan
    ragged = Sequences.from_list(list(X)).with_times(times.ravel())
    expected = regressor(missing).fit(ragged, y).predict(ragged)
    full = np.concatenate([X, times[:, :, np.newaxis]], axis=2)
    frames = [pd.DataFrame(x, columns=["a", "b", "t"]) for x in full]
    flat = pd.DataFrame(full.reshape(len(X), -1), columns=[f"{c}_{t}" for t in range(4) for c in "abt"])
    table = pd.concat(frames, keys=range(len(X)), names=["id", "step"]).reset_index().drop(columns="step")
    padded = np.concatenate([full, np.full((len(X), 2, 3), -1.0)], axis=1)
    long = Sequences.from_long(table.iloc[::-1].sort_values("id", kind="stable"), id="id", time="t", elapsed=True)
    for form, options in (
        (full, {"time_feature": 2}),
        (list(full), {"time_feature": 2}),
        (Sequences.from_list(list(full)), {"time_feature": np.int64(2)}),
        (frames, {"time_feature": "t"}),
        (flat, {"time_feature": "t", "n_channels": 3}),
        (flat.to_numpy(), {"time_feature": 2, "n_channels": 3}),
        (padded, {"time_feature": 2, "padding": -1}),
        (long, {}),
    ):
        model = regressor(missing, **options).fit(form, y)
        assert (model.predict(form) == expected).all()
        assert model.n_features_in_ == (12 if "n_channels" in options else 3 if "time_feature" in options else 2)


def test_sequences_keep_times_wherever_they_go(rng):
    X, y = data(rng)
    assert X[[3, 1]].times.tolist() == [*X.times[X.offsets[3] : X.offsets[4]], *X.times[X.offsets[1] : X.offsets[2]]]
    for same in (X[:], X.with_values(X.values), with_static(X, {"a": y}), pickle.loads(pickle.dumps(X)), copy.deepcopy(X)):
        assert same.times.tolist() == X.times.tolist() and "times (int64)" in repr(same)
    assert X.with_times(None).times is None and "times" not in repr(X.with_times(None))
    assert PerStep(StandardScaler()).fit_transform(X).times.tolist() == X.times.tolist()
    with pytest.raises(ValueError, match="read-only"):
        X.times[0] = 3
    taken = np.arange(len(X.values))
    copied = X.with_times(taken)
    taken[:] = 0
    assert copied.times[-1] == len(taken) - 1
    windows, _ = make_windows(X[[int(X.lengths.argmax())]], 2)
    pairs = windows.times.reshape(-1, 2)
    longest = X[[X.lengths.argmax()]].times.tolist()
    assert pairs.tolist() == [list(pair) for pair in pairwise(longest[:-1])]
    model = regressor().fit(X, y)
    scaled = make_pipeline(PerStep(StandardScaler()), regressor()).fit(X, y)
    np.testing.assert_allclose(scaled.predict(X), model.predict(X), atol=1e-12)
    assert np.isfinite(RelativeRegressor(regressor(), "last", target=0).fit(X, y).predict(X)).all()
    assert cross_val_predict(regressor(), X, y, cv=2).shape == y.shape


def test_from_long_sorts_by_times_and_keeps_them():
    frame = {"id": ["b", "a", "b"], "t": ["2024-01-03", "2024-01-01", "2024-01-01"], "v": [20.0, 5.0, 10.0]}
    X = Sequences.from_long(frame, id="id", time="t", elapsed=True)
    assert X.values.ravel().tolist() == [10, 20, 5]
    assert X.times.tolist() == np.array(["2024-01-01", "2024-01-03", "2024-01-01"], "M8[D]").tolist()
    assert Sequences.from_long(frame, id="id", time="t").times is None


def test_months_and_periods_have_their_own_lengths():
    X = Sequences.from_list([[1.0, 2.0, 3.0]])
    for times in (np.array(["2024-01", "2024-02", "2024-03"], "M8[M]"), pd.period_range("2024-01", periods=3, freq="M")):
        assert X.with_times(times)._times.gaps(X.offsets)[1:].tolist() == [31 * 86400, 29 * 86400]


# ---- what is done with fitted models ----


@each_way
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dates", [False, True])
def test_a_stream_has_the_bits_of_whole_sequences(rng, missing, dtype, dates):
    X, times, y = dense(rng)
    if missing != "error":
        X[rng.random(X.shape) < 0.3] = np.nan
    X, times = X.astype(dtype), np.datetime64("2024-01-01") + times.astype("m8[ms]") if dates else times
    whole = Sequences.from_list(list(X)).with_times(times.ravel())
    model, n = regressor(missing, num_layers=2).fit(whole, y), len(X)
    stream = model.stream()
    for t in range(4):
        if t == 3:
            others = [pickle.loads(pickle.dumps(stream)), copy.copy(stream), model.stream()]
            others[2].state = stream.state
            assert (stream.state["input.time"] == times[:, 2]).all()
        got = stream.step(X[:, t], time=times[:, t])
        part = Sequences.from_list(list(X[:, : t + 1])).with_times(times[:, : t + 1].ravel())
        assert_same_rows(got, model.predict(part))
    for other in others:
        assert (other.step(X[:, 3], times[:, 3]) == got).all()
    before = stream.state
    for wrong in (times[:, 3], times[:, 0], None, times[:3, 3], np.full(n, "NaT", "M8[s]"), times[:, 3].astype("m8[s]")):
        with pytest.raises(ValueError, match="time"):
            stream.step(X[:, 0], time=wrong)
        assert all((before[name] == array).all() for name, array in stream.state.items())
    stream.reset([1])
    later = times[:, 3] + (times[0, 1] - times[0, 0])
    later[1] = times[1, 0]
    first = Sequences.from_list([X[1, :1]]).with_times(times[1, :1])
    assert_same_rows(stream.step(X[:, 0], time=later)[1:2], model.predict(first))
    stream.reset()
    assert np.isfinite(stream.step(X[0, 0], time=times[0, 0])).all()


def test_a_stream_reads_the_time_from_its_channel(rng):
    X, times, y = dense(rng)
    full = np.concatenate([X, 1.7e9 + times[:, :, np.newaxis]], axis=2)
    model = regressor(time_feature=2).fit(full, y)
    stream = model.stream()
    for t in range(4):
        got = stream.step(full[:, t])
    assert_same_rows(got, model.predict(full))
    with pytest.raises(ValueError, match="increase"):
        stream.step(full[:, 3])
    with pytest.raises(ValueError, match="Leave the argument time out"):
        stream.step(full[:, 3] + 1, time=3)
    with pytest.raises(ValueError, match="without times"):
        regressor().fit(X, y).stream().step(X[0, 0], time=3)


@pytest.mark.parametrize("options", [{}, {"time_feature": 1}])
def test_persistence_and_continuation(rng, options, tmp_path):
    X, y = data(rng, "decay")
    X = in_channel(X) if options else X
    options |= {"max_iter": 4, "early_stopping": False}
    whole = regressor("decay", **options, checkpoint=tmp_path / "fit.npz").fit(X, y)
    assert (clone(whole).fit(X, y).predict(X) == whole.predict(X)).all()
    save(whole, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz")
    assert (loaded.predict(X) == whole.predict(X)).all() and loaded.median_gap_ == whole.median_gap_
    assert (loaded.set_params(warm_start=True, checkpoint=None).fit(X, y).predict(X) == (
        whole.set_params(warm_start=True, checkpoint=None).fit(X, y).predict(X)
    )).all()
    with pytest.raises(ValueError, match="time_feature"):
        whole.set_params(time_feature=0).fit(X, y)
    np.testing.assert_allclose(loaded.set_weights(loaded.weights_).predict(X), loaded.predict(X))
    without = X.with_times(None) if X.times is not None else X
    assert not hasattr(whole.set_params(time_feature=None, warm_start=False).fit(without, y), "median_gap_")


@pytest.mark.parametrize("missing", ["error", "indicator"])
@pytest.mark.parametrize("at", [None, 1])
def test_inspection_reports_the_channels_of_the_user(rng, missing, at):
    X, y = data(rng, missing)
    X = X if at is None else in_channel(X, at)
    X.channel_names = ["a", "b"] if at is None else ["a", "t", "b"]
    model = regressor(missing, bidirectional=True, time_feature=None if at is None else "t").fit(X, y)
    for baseline in (None, 0.0, [0.0] * X.n_channels, X):
        explained = integrated_gradients(model, X, baseline=baseline)
        found = explained.attributions
        assert found.values.shape == X.values.shape and found.channel_names == X.channel_names
        sums = np.add.reduceat(found.values.sum(axis=1), X.offsets[:-1])
        np.testing.assert_allclose(sums, explained.outputs - explained.baseline_outputs, atol=2e-3)
        assert at is None or not found.values[:, at].any()
    assert not found.values.any()  # of itself as the baseline
    importances = step_importance(model, X, y, n_repeats=1, random_state=0).importances_mean
    assert np.isnan(importances).all(axis=0).tolist() == [channel == at for channel in range(X.n_channels)]
    assert gate_activations(model, X)["h"].lengths.tolist() == X.lengths.tolist()
    pytest.importorskip("matplotlib")
    display = SaliencyDisplay.from_estimator(model, X, sequence=2, channel_names=list("xyz")[: X.n_channels])
    assert display.attributions.shape == (X.lengths[2], X.n_channels)


OPTIONS = [{"bptt_steps": 2}, {"return_sequences": True}, {"categorical_features": [0]}, {"initial_state": "learned"}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_of_the_network(rng, options):
    X, y = data(rng, "decay")
    if "categorical_features" in options:
        X.values[:, 0] = rng.integers(3, size=len(X.values))
    y = np.split(X.times * 0.01, X.offsets[1:-1]) if "return_sequences" in options else y
    whole, one = regressor("decay", **options), regressor("decay", time_feature=2, **options)
    at_end = in_channel(X, 2)
    for expected, found in zip(whole.fit(X, y).predict(X), one.fit(at_end, y).predict(at_end), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert (whole.encode(X) == one.encode(at_end)).all()


def test_what_happens_depends_on_when_it_did():
    # The class is whether the last two steps are near each other: nothing in the channels says so.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 4, 1)), rng.integers(2, size=300)
    times = np.cumsum(rng.uniform(1, 2, size=(300, 4)), axis=1)
    times[:, 3] = times[:, 2] + np.where(y, 0.2, 3)
    X = Sequences.from_list(list(X)).with_times(times.ravel())
    model = LSTMClassifier(8, max_iter=30, random_state=0).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.99


def test_single_steps_have_no_gap_and_times_alone_are_enough(rng):
    single = Sequences.from_list(list(rng.normal(size=(20, 1, 1)))).with_times(np.arange(20))
    with pytest.warns(UserWarning, match="two steps"):
        model = regressor().fit(single, rng.normal(size=20))
    assert model.median_gap_ == 1
    times = np.cumsum(rng.uniform(1, 9, size=(30, 5, 1)), axis=1)
    alone = regressor("indicator", time_feature=0, bidirectional=True).fit(times, times[:, -1, 0] - times[:, -2, 0])
    assert (alone.predict(times + 100) != alone.predict(times**2)).any()
    np.testing.assert_allclose(alone.predict(times + 100), alone.predict(times), atol=1e-10)


def test_the_code_of_the_page_on_times_runs():
    page = (Path(__file__).parent.parent / "docs" / "times.md").read_text()
    names = {}
    for code in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(code, names)
    assert names["model"].median_gap_ == 29 * 86400


# ---- bad input ----

IDS = ["amy", "bob"]
X2 = Sequences.from_list([[1.0, 2.0, 3.0], [4.0, 5.0]])


@pytest.mark.parametrize(
    ("times", "match"),
    [
        ([0, 1, 1, 5, 6], "repeats at step 2 of sequence 0 \\(id 'amy'\\)"),
        ([0, 1, 2, 5, 4], "decreases at step 1 of sequence 1 \\(id 'bob'\\): 4 comes after 5"),
        ([0, 1, 2, np.nan, 4], "step 0 of sequence 1 \\(id 'bob'\\) is missing"),
        ([0, 1, np.inf, 3, 4], "step 2 of sequence 0 \\(id 'amy'\\) is infinite"),
        (np.array(["2024", "2025", "NaT", "2024", "2025"], "M8[Y]"), "missing"),
        (np.array([1, 2, 3, 1, 2], "m8[M]"), "differ in length"),
        ([0, 1], "for each of the 5 steps, got 2"),
        (np.zeros((5, 1)), "1-D, got shape"),
        (3.0, "1-D, got float"),
        ("2024", "1-D, got str"),
        ({"a": 1}, "1-D, got dict"),
        (["a", "b", "c", "a", "b"], "ambiguous"),
        ([1, "b", 2, 3, 4], "do not compare"),
        ([None] * 5, "missing"),
        (pd.Categorical(["low", "mid", "high", "low", "mid"], ["low", "mid", "high"], ordered=True), "no distances"),
        (np.ma.masked_equal([1, 2, 3, 1, 2], 3), "missing"),
        (np.arange(5) * 1j, "holds no times"),
    ],
)
def test_times_that_are_none(times, match):
    with pytest.raises(ValueError, match=match):
        Sequences(X2.values, X2.offsets, ids=IDS, times=times)


def test_times_may_decrease_from_one_sequence_to_the_next():
    assert X2.with_times([5, 6, 7, 0, 6]).times.tolist() == [5, 6, 7, 0, 6]
    empty = Sequences(X2.values, [0, 0, 3, 3, 5, 5])
    assert empty.with_times([5, 6, 7, 0, 6])._times.gaps(empty.offsets)[[1, 2, 4]].tolist() == [1, 1, 6]


def test_x_with_and_without_times(rng):
    X, y = data(rng)
    plain, model = X.with_times(None), regressor().fit(X, y)
    with pytest.raises(ValueError, match="X has no times of its steps"):
        model.predict(plain)
    with pytest.raises(ValueError, match="fitted without any"):
        regressor().fit(plain, y).predict(X)
    with pytest.raises(ValueError, match="numbers in fit, but are dates"):
        model.predict(X.with_times(X.times.astype("M8[s]")))
    with pytest.raises(ValueError, match=r"validation data.*no times"):
        regressor().fit(X, y, X_val=plain, y_val=y)
    with pytest.raises(ValueError, match="with_times\\(None\\)"):
        regressor(time_feature=0).fit(X, y)
    with pytest.raises(ValueError, match=r"has 3 channels per step.* expecting 2 channels"):
        model.predict(X.with_values(X.values[:, :1].repeat(3, axis=1)))
    with pytest.raises(AttributeError, match="with_times"):
        X.times = X.times
    for options, match in (({}, "Name their column"), ({"time": "t", "freq": 1}, "Leave out one")):
        with pytest.raises(ValueError, match=match):
            Sequences.from_long({"id": [1, 1], "t": [1, 2], "v": [1, 2]}, id="id", elapsed=True, **options)


@pytest.mark.parametrize("wrong", [3, -1, True, "t", 1.0, [0]])
def test_channels_that_are_none(rng, wrong):
    X, y = data(rng)
    with pytest.raises(ValueError, match="time_feature"):
        regressor(time_feature=wrong).fit(in_channel(X), y)


def test_a_channel_of_times_is_checked(rng):
    X, y = data(rng)
    for values, match in ((0, "repeats at step 1"), (np.nan, "NaN"), (np.inf, "inf")):
        wrong = in_channel(X)
        wrong.values[:, 1] = values
        with pytest.raises(ValueError, match=match):
            regressor(time_feature=1).fit(wrong, y)
    wrong.values[:, 1] = np.nan
    with pytest.raises(ValueError, match="time of step 0 of sequence 0 is missing"):
        regressor("decay", time_feature=1).fit(wrong, y)
    with pytest.raises(ValueError, match="also in categorical_features"):
        regressor(time_feature=1, categorical_features=[1]).fit(in_channel(X), y)
    wrong.values[:, 1] = 1.7e9 + np.arange(len(wrong.values))
    with pytest.raises(ValueError, match="float32 holds few digits"):
        regressor(time_feature=1).fit(wrong.with_values(wrong.values.astype(np.float32)), y)
