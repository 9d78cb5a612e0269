"""Tables with one row per step: `Sequences.from_long`, and what estimators make of its names, ids and categories."""

import builtins
import copy
import decimal
import io
import pickle
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

import awkward as ak
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.model_selection import GroupKFold, cross_val_score, train_test_split

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.sequences import channels

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def arrow_frame(table):
    return pd.DataFrame({name: pd.Series(pa.array(column), dtype=None) for name, column in table.items()}).convert_dtypes(
        dtype_backend="pyarrow"
    )


def shuffled_index(table):
    frame = pd.DataFrame(table)
    frame.index = np.arange(len(frame))[::-1] % 3  # says nothing about the rows
    return frame


FRAMES = {
    "dict of lists": dict,
    "dict of arrays": lambda table: {name: np.array(column) for name, column in table.items()},
    "pandas": shuffled_index,
    "pandas nullable": lambda table: pd.DataFrame(table).convert_dtypes(),
    "pandas Arrow": arrow_frame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}


def from_long_slowly(table, id, time, columns):
    """Naive twin: ids in order of appearance, and for each the rows (as lists) by time."""
    rows = list(zip(*(table[name] for name in (id, time, *columns)), strict=True))
    return {who: [list(row[2:]) for row in sorted(r for r in rows if r[0] == who)] for who in dict.fromkeys(table[id])}


def some_table(seed=0, n=60):
    """Rows in random order, of 7 sequences, with two channels of numbers."""
    rng = np.random.default_rng(seed)
    keys = rng.permutation([(who, t) for who in range(7) for t in range(20)])[:n]
    return {
        "b": rng.normal(size=n).tolist(),
        "t": keys[:, 1].tolist(),
        "who": (keys[:, 0] * 3 - 5).tolist(),
        "a": rng.normal(size=n).tolist(),
    }


# ---- rows, ids and channels ----


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("kind", ["int", "str"])
@pytest.mark.parametrize("n", [1, 2, 60])
def test_from_long_equals_the_slow_loop(frame, kind, n):
    table = some_table(seed=n, n=n)
    if kind == "str":
        table["who"] = [f"p{who}" for who in table["who"]]
    X = Sequences.from_long(FRAMES[frame](table), id="who", time="t")
    expected = from_long_slowly(table, "who", "t", ["b", "a"])
    assert X.ids.tolist() == list(expected)
    assert X.channel_names == ["b", "a"]
    assert [x.tolist() for x in X] == list(expected.values())
    assert X.dtype == np.float64


@pytest.mark.parametrize("n_ids", [3, 70_000])
def test_few_and_many_ids_with_rows_in_any_order(n_ids):
    # NumPy sorts few ids by another algorithm.
    rng = np.random.default_rng(0)
    rows = rng.permutation(2 * n_ids)
    table = {"who": rows // 2, "t": rows % 2, "v": rows}
    X = Sequences.from_long(table, id="who", time="t")
    np.testing.assert_array_equal(X.ids, list(dict.fromkeys((rows // 2).tolist())))
    np.testing.assert_array_equal(X.values.reshape(-1, 2), 2 * X.ids[:, np.newaxis] + [0, 1])


@pytest.mark.parametrize("frame", FRAMES)
def test_without_time_rows_keep_their_order(frame):
    table = {"who": ["b", "a", "b", "a", "b"], "v": [5.0, 4.0, 3.0, 2.0, 1.0]}
    X = Sequences.from_long(FRAMES[frame](table), id="who")
    assert [x.ravel().tolist() for x in X] == [[5, 3, 1], [4, 2]]


TIMES = {
    "date": [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)],
    "timedelta": [timedelta(hours=-1), timedelta(0), timedelta(days=2)],
    "datetime": np.array(["2024-02-28T23:59", "2024-02-29T00:00", "2024-02-29T00:01"], dtype="M8[ns]"),
    "zone": pd.to_datetime(["2024-10-27 00:30", "2024-10-27 01:30", "2024-10-27 02:30"], utc=True).tz_convert("Europe/Berlin"),
    "ordered": pd.Categorical(["low", "mid", "high"], categories=["low", "mid", "high"], ordered=True),
    "period": pd.period_range("2024-01", periods=3, freq="M"),
    "text": ["2024-01", "2024-02", "2024-10"],
    "unsigned": np.array([0, 200, 250], dtype=np.uint8),
}
NO_PERIODS = ("period", "polars")


@pytest.mark.parametrize(("kind", "library"), [(k, lib) for k in TIMES for lib in ("pandas", "polars") if (k, lib) != NO_PERIODS])
def test_times_of_any_kind(kind, library):
    # In Berlin's autumn 02:30 comes twice: once in summer time (00:30 UTC), once after (01:30 UTC).
    frame = pd.DataFrame({"who": "x", "t": TIMES[kind], "v": [1.0, 2.0, 3.0]}).iloc[[2, 0, 1]]
    if library == "polars":
        frame = pl.from_pandas(frame)
        if kind == "ordered":
            frame = frame.with_columns(pl.col("t").cast(pl.String).cast(pl.Enum(["low", "mid", "high"])))
    assert Sequences.from_long(frame, id="who", time="t")[0].ravel().tolist() == [1, 2, 3]


@pytest.mark.parametrize("frame", FRAMES)
def test_labels_and_groups_by_id(frame):
    table = some_table()
    X = Sequences.from_long(FRAMES[frame](table), id="who", time="t")
    labels = pd.Series({who: f"label of {who}" for who in sorted(set(table["who"]))})
    assert labels.loc[X.ids].tolist() == [f"label of {who}" for who in X.ids]


def test_ids_of_categories_are_the_categories():
    for kind in ("category", pd.CategoricalDtype([7, 5, 3])):
        frame = pd.DataFrame({"who": pd.Series([5, 3, 5], dtype=kind), "v": [1.0, 2.0, 3.0]})
        assert Sequences.from_long(frame, id="who").ids.tolist() == [5, 3]
    frame = pl.DataFrame({"who": pl.Series(["b", "a", "b"], dtype=pl.Enum(["c", "a", "b"])), "v": [1.0, 2.0, 3.0]})
    assert Sequences.from_long(frame, id="who").ids.tolist() == ["b", "a"]


# ---- kinds of channels ----

BOOL = [True, False, None]
CHANNELS = {
    "int": ([1, 2, 3], [1, 2, 3]),
    "bool": ([True, False, True], [1, 0, 1]),
    "float, NaN": ([1.5, float("nan"), 3], [1.5, np.nan, 3]),
    "float, None": ([1.5, None, 3], [1.5, np.nan, 3]),
    "int, None": ([1, None, 3], [1, np.nan, 3]),
    "bool, None": ([True, None, False], [1, np.nan, 0]),
    "decimal": ([decimal.Decimal("1.5"), None, decimal.Decimal("2")], [1.5, np.nan, 2]),
    "nothing": ([None, None, None], [np.nan] * 3),
}


@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize("frame", FRAMES)
def test_missing_values_are_nan_in_any_library(kind, frame):
    values, expected = CHANNELS[kind]
    X = Sequences.from_long(FRAMES[frame]({"who": [1, 1, 1], "v": values}), id="who")
    np.testing.assert_array_equal(X.values.ravel(), expected)
    assert X.categories == {}


PANDAS_DTYPES = ["Int8", "UInt32", "Float32", "Float64", "boolean", "int16[pyarrow]", "double[pyarrow]", "bool[pyarrow]"]


@pytest.mark.parametrize("dtype", PANDAS_DTYPES)
def test_nullable_dtypes_of_pandas(dtype):
    for values in ([1, None, 0], [1, 1, 0]):
        frame = pd.DataFrame({"who": ["a", "a", "a"], "v": pd.Series(values, dtype=dtype)})
        expected = [np.nan if value is None else value for value in values]
        np.testing.assert_array_equal(Sequences.from_long(frame, id="who").values.ravel(), expected)


def test_masked_entries_are_missing():
    table = {"who": [1, 1], "v": np.ma.array([1.0, 99.0], mask=[False, True]), "w": np.ma.array([7, 8])}
    np.testing.assert_array_equal(Sequences.from_long(table, id="who").values, [[1, 7], [np.nan, 8]])
    with pytest.raises(ValueError, match="id in column 'v' is missing in row 1"):
        Sequences.from_long(table, id="v")


@pytest.mark.parametrize(
    ("dtypes", "dtype"),
    [
        ([np.float32, np.float32], np.float32),
        ([np.float32, np.float64], np.float64),
        ([np.float32, np.int8], np.float64),
        ([np.int8, np.int8], np.int8),
        ([np.int8, np.uint8], np.float64),
        ([np.float32, str], np.float32),
        ([np.int8, str], np.float64),
        ([str, str], np.float64),
    ],
)
@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame])
def test_dtype(dtypes, dtype, frame):
    channels = {f"c{j}": np.array(["b", "a"] if kind is str else [1, 0], dtype=kind) for j, kind in enumerate(dtypes)}
    table = {"who": [1, 1]} | channels
    assert Sequences.from_long(frame(table), id="who").dtype == dtype


@pytest.mark.parametrize(("exact", "dtype"), [(2, np.float32), (1, np.float64)])
def test_codes_are_exact(monkeypatch, exact, dtype):
    monkeypatch.setattr(channels, "EXACT_CODES", exact)
    table = {"who": [1, 1], "v": np.float32([0.5, 1.5]), "mood": ["fine", "sad"]}
    assert Sequences.from_long(table, id="who").dtype == dtype


def test_frame_is_left_alone():
    frame = pd.DataFrame({"who": [1, 0, 1], "t": [2, 1, 1], "v": [1.0, None, 3.0], "k": pd.Categorical(["b", "a", None])})
    before = frame.copy(deep=True)
    X = Sequences.from_long(frame, id="who", time="t")
    X.values[:] = -1
    pd.testing.assert_frame_equal(frame, before)


# ---- categories ----

MOODS = ["sad", "fine", None, "sad", "angry"]
MOOD_CODES = {"sorted": [2, 1, np.nan, 2, 0], "given": [1, 0, np.nan, 1, 3]}  # of angry fine sad; of fine sad bored angry
GIVEN = ["fine", "sad", "bored", "angry"]
CATEGORY_FRAMES = {
    "dict": ("sorted", lambda table: table),
    "dict of objects": ("sorted", lambda table: table | {"mood": np.array(table["mood"], dtype=object)}),
    "pandas texts": ("sorted", pd.DataFrame),
    "pandas objects": ("sorted", lambda table: pd.DataFrame(table).astype({"mood": object})),
    "pandas nullable": ("sorted", lambda table: pd.DataFrame(table).astype({"mood": "string"})),
    "pandas Arrow": ("sorted", lambda table: pd.DataFrame(table).astype({"mood": "string[pyarrow]"})),
    "pandas category": ("given", lambda table: pd.DataFrame(table).astype({"mood": pd.CategoricalDtype(GIVEN)})),
    "pandas ordered": ("given", lambda table: pd.DataFrame(table).astype({"mood": pd.CategoricalDtype(GIVEN, ordered=True)})),
    "polars texts": ("sorted", pl.DataFrame),
    "polars Categorical": ("sorted", lambda table: pl.DataFrame(table).with_columns(pl.col("mood").cast(pl.Categorical))),
    "polars Enum": ("given", lambda table: pl.DataFrame(table).with_columns(pl.col("mood").cast(pl.Enum(GIVEN)))),
    "pyarrow texts": ("sorted", pa.table),
    "pyarrow dictionary": (
        "sorted",
        lambda table: pa.table(table | {"mood": pa.array(table["mood"]).dictionary_encode()}),
    ),
}


@pytest.mark.parametrize("frame", CATEGORY_FRAMES)
def test_categories_are_codes_and_kept(frame):
    order, make = CATEGORY_FRAMES[frame]
    table = {"who": [1, 1, 1, 2, 2], "mood": MOODS, "v": [0.5, 1.0, 2.0, 3.0, 4.0]}
    X = Sequences.from_long(make(table), id="who")
    np.testing.assert_array_equal(X.values[:, 0], MOOD_CODES[order])
    np.testing.assert_array_equal(X.values[:, 1], table["v"])
    assert {channel: list(values) for channel, values in X.categories.items()} == {
        0: GIVEN if order == "given" else ["angry", "fine", "sad"]
    }


def test_categories_of_numbers():
    kind = pd.CategoricalDtype([30, 10, 20])
    X = Sequences.from_long(pd.DataFrame({"who": 1, "k": pd.Series([10, 30, None], dtype=kind)}), id="who")
    np.testing.assert_array_equal(X.values[:, 0], [1, 0, np.nan])
    assert X.categories[0].tolist() == [30, 10, 20]


def a_problem(rng, n=40, words=("lo", "mid", "hi")):
    """A long table with a number and a word per step, and a y by id that both tell of."""
    lengths = rng.integers(3, 7, size=n)
    who = np.repeat([f"p{k}" for k in range(n)], lengths)
    mood = rng.integers(len(words), size=len(who))
    v = rng.normal(size=len(who))
    y = pd.Series(v + mood).groupby(who).sum()
    frame = pd.DataFrame({"who": who, "t": np.arange(len(who)), "mood": np.array(words)[mood], "v": v})
    return frame.sample(frac=1, random_state=0), y


def test_codes_may_differ_from_one_table_to_the_next(rng):
    # The texts of a part are fewer, and so its codes others; what counts is the text.
    frame, y = a_problem(rng)
    X = Sequences.from_long(frame, id="who", time="t")
    model = LSTMRegressor(4, max_iter=3, categorical_features=["mood"], random_state=0).fit(X, y.loc[X.ids])
    assert model.categories_[0].tolist() == ["hi", "lo", "mid"]
    assert list(model.feature_names_in_) == ["mood", "v"]
    expected = pd.Series(model.predict(X), X.ids)
    part = frame[frame.mood.ne("lo").groupby(frame.who).transform("all")]
    assert 0 < part.who.nunique() < 10 and set(part.mood) == {"mid", "hi"}
    reordered = part.astype({"mood": pd.CategoricalDtype(["mid", "new", "hi"])})
    for piece in (part, pl.from_pandas(part), reordered):
        some = Sequences.from_long(piece, id="who", time="t")
        np.testing.assert_array_equal(model.predict(some), expected.loc[some.ids])
    # What fit did not have is the unknown, as for codes.
    unknown = part.assign(mood=part.mood.replace({"hi": "never seen"}))
    other = part.assign(mood=part.mood.replace({"hi": "nor that"}))
    answers = [model.predict(Sequences.from_long(piece, id="who", time="t")) for piece in (unknown, other)]
    np.testing.assert_array_equal(*answers)
    assert not np.array_equal(answers[0], expected.loc[some.ids])


def test_the_fit_is_that_on_codes(rng):
    frame, y = a_problem(rng)
    X = Sequences.from_long(frame, id="who", time="t")
    settings = {"hidden_size": 4, "max_iter": 3, "random_state": 0}
    by_name = LSTMRegressor(categorical_features=["mood"], **settings).fit(X, y.loc[X.ids])
    by_code = LSTMRegressor(categorical_features=[0], **settings).fit(X.to_list(), y.loc[X.ids])
    np.testing.assert_array_equal(by_name.predict(X), by_code.predict(X.to_list()))
    assert by_code.categories_[0].tolist() == [0, 1, 2]
    # A fitted model does not take codes for texts, or texts for codes.
    with pytest.raises(ValueError, match="fitted on categories that are texts, such as 'hi'"):
        by_name.predict(X.to_list())
    with pytest.raises(ValueError, match="fitted on categories that are numbers"):
        by_code.predict(X)


def test_categories_survive_scikit_learns_cutting(rng):
    frame, y = a_problem(rng)
    X = Sequences.from_long(frame, id="who", time="t")
    model = LSTMRegressor(4, max_iter=2, categorical_features=["mood"], random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y.loc[X.ids], random_state=0)
    assert X_test.ids.tolist() == y_test.index.tolist()
    assert np.isfinite(model.fit(X_train, y_train).score(X_test, y_test))
    scores = cross_val_score(model, X, y.loc[X.ids], cv=GroupKFold(3), groups=X.ids, error_score="raise")
    assert np.isfinite(scores).all()
    # The one in the units of y, the other in standard units: equal up to rounding.
    model.fit(X_train, y_train, X_val=X_test, y_val=y_test)
    np.testing.assert_allclose(model.validation_scores_[-1], model.score(X_test, y_test), rtol=1e-12)
    for part in (X_train, X_train[:9]):
        model.partial_fit(part, y_train[: len(part)])


def test_categories_not_named_are_refused(rng):
    frame, y = a_problem(rng)
    X = Sequences.from_long(frame, id="who", time="t")
    with pytest.raises(ValueError, match=r"Channel 0 \('mood'\) of X holds categories, such as 'hi'.*categorical_features"):
        LSTMRegressor().fit(X, y.loc[X.ids])
    with pytest.raises(ValueError, match=r"names 'moods', which is no column of X; the columns are \['mood', 'v'\]"):
        LSTMRegressor(categorical_features=["moods"]).fit(X, y.loc[X.ids])
    without = Sequences.from_long(frame, id="who", time="t", columns=["v"])
    LSTMRegressor(2, max_iter=1).fit(without, y.loc[without.ids])


def test_codes_beyond_their_categories_are_refused():
    X = Sequences([[0.0], [2.0]], [0, 1, 2], categories={0: ["a", "b"]})
    with pytest.raises(ValueError, match="sequence 1, step 0 is 2, but the channel has 2 categories"):
        LSTMRegressor(categorical_features=[0]).fit(X, [1.0, 2.0])


def test_labels_of_the_steps_from_a_column_of_texts(rng):
    frame, _ = a_problem(rng)
    frame["label"] = np.where(frame.v > 0, "up", "down").astype(object)
    frame.loc[frame.index[:5], "label"] = None  # left out of training, as in a list
    X = Sequences.from_long(frame, id="who", time="t", columns=["v"])
    y = Sequences.from_long(frame, id="who", time="t", columns=["label"])
    in_order = {who: part.sort_values("t").label.tolist() for who, part in frame.groupby("who")}
    by_hand = [[None if pd.isna(label) else label for label in in_order[who]] for who in X.ids]
    settings = {"hidden_size": 4, "max_iter": 3, "return_sequences": True, "random_state": 0}
    model = LSTMClassifier(**settings).fit(X, y)
    same = LSTMClassifier(**settings).fit(X, [np.array(labels, dtype=object) for labels in by_hand])
    assert model.classes_.tolist() == ["down", "up"]
    assert model.loss_curve_ == same.loss_curve_
    assert isinstance(model.predict(X), Sequences)
    np.testing.assert_array_equal(model.predict(X).values.ravel(), np.concatenate(same.predict(X)))
    assert model.score(X, y) == same.score(X, [np.array(labels, dtype=object) for labels in by_hand])


# ---- names of the channels ----


def test_names_are_held_against_those_of_fit(rng):
    frame, y = a_problem(rng)
    frame["w"] = frame.v**2
    X = Sequences.from_long(frame, id="who", time="t", columns=["v", "w"])
    model = LSTMRegressor(2, max_iter=1).fit(X, y.loc[X.ids])
    assert model.feature_names_in_.dtype == object and model.feature_names_in_.tolist() == ["v", "w"]
    swapped = Sequences.from_long(frame, id="who", time="t", columns=["w", "v"])
    with pytest.raises(ValueError, match=r"same order: X has the channels \['w', 'v'\], LSTMRegressor is expecting \['v', 'w'\]"):
        model.predict(swapped)
    # Plain arrays have no names that could disagree, nor has a stream.
    np.testing.assert_array_equal(model.predict(X.to_list()), model.predict(X))
    assert model.stream().step(X[0][0]).shape in [(), (1,)]
    model.fit(swapped, y.loc[X.ids], X_val=swapped, y_val=y.loc[X.ids])
    assert model.feature_names_in_.tolist() == ["w", "v"]
    model.fit(X.to_list(), y.loc[X.ids])
    assert not hasattr(model, "feature_names_in_")


def test_names_and_categories_outlive_the_conversion_to_floats():
    table = {"who": [1, 1, 2, 3], "a": [1, 2, 3, 4], "k": [0, 1, 1, 0]}
    X = Sequences.from_long(table, id="who")
    X = Sequences(X.values, X.offsets, channel_names=X.channel_names, categories={1: ["x", "y"]})
    assert X.dtype == np.int64
    model = LSTMRegressor(2, max_iter=1, categorical_features=["k"]).fit(X, [1.0, 2.0, 3.0])
    assert model.feature_names_in_.tolist() == ["a", "k"]
    assert model.categories_[0].tolist() == ["x", "y"]


def test_only_categories_that_occur_are_learned():
    X = Sequences([[0.0], [2.0], [2.0]], [0, 1, 2, 3], categories={0: ["c", "b", "a"]})
    model = LSTMRegressor(2, max_iter=1, categorical_features=[0]).fit(X, [1.0, 2.0, 3.0])
    assert model.categories_[0].tolist() == ["a", "c"]
    assert len(model.weights_["input.E0"]) == 3


def test_names_that_are_no_texts_are_no_feature_names():
    X = Sequences.from_long(pd.DataFrame({0: [1, 1, 2], 1: [0.0, 1.0, 2.0], 2: [1.0, 2.0, 3.0]}), id=0)
    assert X.channel_names == [1, 2]
    assert not hasattr(LSTMRegressor(2, max_iter=1).fit(X, [1.0, 2.0]), "feature_names_in_")


# ---- ids, names and categories in the container ----

KEYS = [slice(1, 3), slice(None, None, -1), [2, 0, 0], np.array([True, False, True, False]), []]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_indexing_keeps_what_belongs(key):
    names = {"ids": list("wxyz"), "channel_names": ["c"], "categories": {0: ["a", "b"]}}
    X = Sequences(np.arange(10.0)[:, np.newaxis] % 2, [0, 1, 3, 6, 10], **names)
    part = X[key]
    chosen = np.arange(4)[key if len(np.shape(key)) == 0 or len(key) else slice(0, 0)]
    assert part.ids.tolist() == [list("wxyz")[k] for k in chosen]
    assert (part.channel_names, part.categories) == (["c"], X.categories)


@pytest.mark.parametrize("round_trip", [copy.copy, copy.deepcopy, lambda X: pickle.loads(pickle.dumps(X))])
def test_copies_keep_all(round_trip):
    X = Sequences([[0.0], [1.0]], [0, 1, 2], ids=["x", "y"], channel_names=["c"], categories={0: ["a", "b"]})
    twin = round_trip(X)
    assert (twin.ids.tolist(), twin.channel_names, twin.categories[0].tolist()) == (["x", "y"], ["c"], ["a", "b"])
    other = X.with_values([[5.0], [6.0]])
    assert (other.ids.tolist(), other.channel_names, other.values.ravel().tolist()) == (["x", "y"], ["c"], [5, 6])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ids": ["x"]}, r"ids must hold 2 entries, one per sequence, got shape \(1,\)"),
        ({"ids": [["x"], ["y"]]}, r"ids must hold 2 entries.*got shape \(2, 1\)"),
        ({"channel_names": ["a", "b"]}, r"channel_names must hold 1 entries, one per channel, got shape \(2,\)"),
        ({"categories": {1: ["a"]}}, "channels from 0 to 0, got 1"),
        ({"categories": {"c": ["a"]}}, "channels from 0 to 0, got 'c'"),
        ({"categories": {0: "abc"}}, r"Categories must be 1-D, .*got shape \(\) for channel 0"),
        ({"categories": {0: [["a"], ["b"]]}}, r"Categories must be 1-D, .*got shape \(2, 1\)"),
    ],
)
def test_constructor_refuses(arguments, words):
    with pytest.raises(ValueError, match=words):
        Sequences([[0.0], [1.0]], [0, 1, 2], **arguments)


@pytest.mark.parametrize("ids", [[1, "1"], [("ward", 1), ("ward", 2)], [1, None]])
def test_ids_stay_what_they_are(ids):
    X = Sequences([[0.0], [1.0]], [0, 1, 2], ids=ids)
    assert X.ids.tolist() == ids and X[::-1].ids.tolist() == ids[::-1]


def test_channel_names_of_several_levels():
    names = [("ward", "heart"), ("ward", "breath")]
    assert Sequences([[0.0, 1.0]], [0, 1], channel_names=names).channel_names == names


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_value_names_its_channel(Estimator, value):
    X = Sequences.from_long({"who": [4, 4, 2], "Heart": [1, 2, 3], "Breath": [1, 2, value]}, id="who")
    for bad in (X, X.with_values(X.values.astype(object))):
        with pytest.raises(ValueError, match=r"sequence 1, step 0, channel 1 \('Breath'\)\. Expected finite numbers"):
            Estimator().fit(bad, [0, 1])
    with pytest.raises(ValueError, match=r"sequence 0, step 0, channel 0 \('Heart'\) is 'fast'"):
        Estimator().fit(X.with_values([["fast", 1], [1, 1], [1, 1]]), [0, 1])


# ---- missing steps ----

FREQUENCIES = {
    "int": ([3, 6, 12, 0], 3),
    "int by float": ([3, 6, 12, 0], 3.0),
    "float": ([0.3, 0.1 * 6, 1.2, -7.5], 0.3),
    "negative": ([-9, -6, 0, 5], 3),
    "unsigned": (np.array([3, 6, 12, 0], dtype=np.uint8), 3),
    "date": ([date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 2), date(2024, 1, 1)], timedelta(days=1)),
    "datetime": (np.array(["2024-01-01T00", "2024-01-01T06", "2024-01-01T18", "2020"], dtype="M8[ns]"), np.timedelta64(6, "h")),
    "Timedelta": (np.array(["2024-01-01T00", "2024-01-01T06", "2024-01-01T18", "2020"], dtype="M8[us]"), pd.Timedelta("6h")),
    "nanoseconds": (np.array([0, 7, 21, 1], dtype="M8[ns]"), pd.Timedelta(7, "ns")),
    "duration": ([timedelta(hours=0), timedelta(hours=2), timedelta(hours=6), timedelta(5)], timedelta(hours=2)),
}


@pytest.mark.parametrize("kind", FREQUENCIES)
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, lambda table: {k: np.array(v) for k, v in table.items()}])
def test_missing_steps_are_nan_and_missing_values_are_too(kind, frame):
    times, freq = FREQUENCIES[kind]
    if kind == "nanoseconds" and frame is pl.DataFrame:
        times = np.asarray(times)
    order = [2, 3, 0, 1]
    table = {
        "who": [["a", "a", "a", "b"][k] for k in order],
        "t": [times[k] for k in order] if isinstance(times, list) else times[order],
        "v": [[1, 2, 4, 9][k] for k in order],
        "k": [["x", None, "y", "x"][k] for k in order],
    }
    X = Sequences.from_long(frame(table), id="who", time="t", freq=freq)
    assert X.ids.tolist() == ["a", "b"]
    np.testing.assert_array_equal(X[0], [[1, 0], [2, np.nan], [np.nan, np.nan], [4, 1]])
    np.testing.assert_array_equal(X[1], [[9, 0]])
    # Without the freq the sequence is shorter.
    np.testing.assert_array_equal(Sequences.from_long(frame(table), id="who", time="t").lengths, [3, 1])
    with pytest.raises(ValueError, match="NaN: sequence 0, step 1, channel 1"):
        LSTMRegressor(categorical_features=["k"]).fit(X, [1.0, 2.0])


@pytest.mark.parametrize("seed", range(5))
def test_the_grid_equals_the_slow_loop(seed):
    rng = np.random.default_rng(seed)
    table = some_table(seed) | {"v": rng.normal(size=60).tolist()}
    X = Sequences.from_long(table, id="who", time="t", columns=["v"], freq=1)
    for who, x in zip(X.ids.tolist(), X, strict=True):
        found = {t: v for w, t, v in zip(table["who"], table["t"], table["v"], strict=True) if w == who}
        expected = [found.get(t, np.nan) for t in range(min(found), max(found) + 1)]
        np.testing.assert_array_equal(x.ravel(), expected)


def test_a_regular_table_is_the_same_with_and_without_spacing():
    table = {"who": np.repeat([1, 2], 5), "t": np.tile(np.arange(5) * 10, 2), "v": np.arange(10, dtype=np.float32)}
    one, two = (Sequences.from_long(table, id="who", time="t", freq=freq) for freq in (None, 10))
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.offsets, two.offsets)
    assert one.dtype == two.dtype == np.float32


@pytest.mark.parametrize(
    ("times", "freq", "words"),
    [
        ([0, 3, 7], 3, "sequence 'a' are on no grid with freq=3: rows 1 and 2 of the frame follow each other at 3 and 7"),
        ([0.0, 0.3, 0.65], 0.3, "freq=0.3: rows 1 and 2"),
        ([0.0, 0.3, np.inf], 0.3, "freq=0.3: rows 1 and 2"),
        ([0.0, 0.3, 0.30001], 0.3, "freq=0.3: rows 1 and 2"),
        ([0, 3, 6], 0, "freq must be positive, got 0"),
        ([0, 3, 6], -3, "freq must be positive, got -3"),
        ([0, 3, 6], float("nan"), "freq must be positive, got nan"),
        ([0, 3, 6], True, "freq=True is no distance"),
        ([0, 3, 6], timedelta(1), "no distance of the times in column 't' .*Pass a number"),
        (np.array([0, 1, 2], "M8[D]"), 1, "no distance of the times in column 't' .*timedelta"),
        (np.array([0, 1, 2], "M8[D]"), "1 day", "no frequency that pandas or polars knows"),
        (np.array([0, 1, 2], "M8[D]"), timedelta(0), "must be positive"),
        (np.array([0, 1, 3], "M8[h]"), timedelta(hours=2), "no grid with freq=.*rows 0 and 1 .*1970-01-01T00 and 1970-01-01T01"),
        (["2024-01", "2024-02", "2024-03"], 1, "no distance of the times"),
        ([0.0, 1.0, 3.0], 1e-300, r"With freq=1e-300 the 3 rows .* become 3e\+300 steps, nearly all missing\. Pass"),
        ([0, 1, 10**12], 1, r"With freq=1 the 3 rows of the frame would become 1e\+12 steps"),
        ([0, 1, 10_000_001], 1, r"become 1e\+07 steps"),
        (np.array([0, 1, 2], "M8[D]"), np.timedelta64(1, "ns"), r"become 1\.73e\+14 steps"),
        (np.array([-100, 100, 101], np.int8), 1000, "no grid with freq=1000: rows 0 and 1 .* at -100 and 100"),
    ],
)
def test_bad_spacing(times, freq, words):
    table = {"who": ["a", "a", "a"], "t": times, "v": [1.0, 2.0, 3.0]}
    with pytest.raises(ValueError, match=words):
        Sequences.from_long(table, id="who", time="t", freq=freq)
    if not isinstance(times, np.ndarray) or times.dtype != "M8[h]":  # which pandas does not have
        with pytest.raises(ValueError, match=words.replace(" .*1970", ".*1970")):
            Sequences.from_long(pd.DataFrame(table), id="who", time="t", freq=freq)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint64, np.float32])
def test_differences_of_narrow_times_do_not_wrap(dtype):
    times = np.array([0, 120, 250] if np.dtype(dtype).kind == "u" else [-120, 100, 120]).astype(dtype)
    X = Sequences.from_long({"who": [1, 1, 1], "t": times, "v": [1, 2, 3]}, id="who", time="t", freq=10)
    assert X.lengths.tolist() == [26 if np.dtype(dtype).kind == "u" else 25]


def test_many_missing_steps_are_filled_in():
    X = Sequences.from_long({"who": [1, 1], "t": [0, 99_999], "v": [1, 2]}, id="who", time="t", freq=1)
    assert X.lengths.tolist() == [100_000]


def test_spacing_needs_a_time():
    with pytest.raises(ValueError, match=r"freq=1 is a distance of times.*time="):
        Sequences.from_long({"who": [1], "v": [1.0]}, id="who", freq=1)


# ---- errors ----


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("who", [["b", "a", "b", "a", "b"], [7, 5, 7, 5, 7]])
def test_two_rows_at_one_time_are_named(frame, who):
    table = {"who": who, "t": [3, 1, 9, 2, 3], "v": [1.0, 2.0, 3.0, 4.0, 5.0]}
    with pytest.raises(ValueError, match=f"Sequence {who[0]!r} has two rows at time 3, rows 0 and 4 of the frame.*Drop or merge"):
        Sequences.from_long(FRAMES[frame](table), id="who", time="t")


BAD_CHANNELS = {
    "dates": [date(2024, 1, 1), date(2024, 1, 2)],
    "durations": [timedelta(1), timedelta(2)],
    "lists": [[1.0], [2.0]],
    "bytes": [b"a", b"b"],
}


@pytest.mark.parametrize("kind", BAD_CHANNELS)
@pytest.mark.parametrize("frame", ["dict of lists", "pandas", "polars", "pyarrow"])
def test_a_channel_that_is_no_number_is_named(kind, frame):
    table = {"who": [1, 1], "ok": [1.0, 2.0], "odd": BAD_CHANNELS[kind]}
    with pytest.raises(ValueError, match=r"Column 'odd' .*(Expected numbers|expected \(n_rows,\))"):
        Sequences.from_long(FRAMES[frame](table), id="who")


@pytest.mark.parametrize("value", [3 + 1j, {"a": 1}, "text", object()])
def test_objects_that_are_no_numbers_are_named_with_their_row(value):
    column = np.array([1, None, value, 2.5], dtype=object)
    for frame in (dict, pd.DataFrame):
        with pytest.raises(ValueError, match="Column 'odd' holds no numbers: row 2 is "):
            Sequences.from_long(frame({"who": [1, 1, 1, 1], "odd": column}), id="who")


@pytest.mark.parametrize(
    ("frame", "arguments", "words"),
    [
        (np.ones((3, 2)), {}, "frame must be a DataFrame .*or a dict of arrays, got ndarray.*from_list"),
        ([{"who": 1}], {}, "got list"),
        (None, {}, "got NoneType"),
        (pl.LazyFrame({"who": [1], "v": [2.0]}), {}, r"lazy.*collect\(\)"),
        (ak.Array([[1.0]]), {}, "frame must be a DataFrame"),
        (pd.DataFrame({"who": [1], "v": [2.0]}).set_index("who"), {}, r"no column 'who'.*level of the index.*reset_index\(\)"),
        (pd.DataFrame([[1, 2.0, 3.0]], columns=["who", "v", "v"]), {}, "two columns of one name"),
        ({"who": [1], "v": [2.0]}, {"columns": ["v", "v"]}, "names 'v' twice"),
        ({"who": [1], "v": [2.0]}, {"columns": "v"}, r"list of column names, got 'v'. Pass \['v'\]"),
        ({"who": [1, 2], "v": [2.0]}, {}, "'v' has 1 rows, column 'who' has 2"),
        ({"who": [1, 2], "v": [2.0, 3.0], "t": [1]}, {"time": "t"}, "'t' has 1 rows, column 'who' has 2"),
        ({"who": [1, 2], "v": [[2.0], [3.0]]}, {}, r"'v' has shape \(2, 1\)"),
    ],
)
def test_bad_frames(frame, arguments, words):
    with pytest.raises(ValueError, match=words):
        Sequences.from_long(frame, **{"id": "who"} | arguments)


def test_without_narwhals_the_error_says_what_to_install(monkeypatch):
    find = builtins.__import__

    def without_narwhals(name, *args, **kwargs):
        if name.split(".")[0] == "narwhals":
            raise ModuleNotFoundError(name, name=name)
        return find(name, *args, **kwargs)

    table = {"who": [1, 1], "v": [2.0, 3.0]}
    frame = pd.DataFrame(table)
    monkeypatch.setattr(builtins, "__import__", without_narwhals)
    with pytest.raises(ImportError, match=r"pip install 'sklstm\[frames\]'.*to_numpy"):
        Sequences.from_long(frame, id="who")
    assert len(Sequences.from_long(table, id="who")) == 1


LONG_FRAMES = {
    "texts": pd.DataFrame({"who": ["a", "a", "b"], "v": [1.0, 2.0, 3.0]}),
    "categories": pd.DataFrame({"who": pd.Categorical(["a", "a", "b"]), "v": [1.0, 2.0, 3.0]}),
    "times": pd.DataFrame({"t": pd.to_datetime(["2024", "2025", "2026"]), "v": [1.0, 2.0, 3.0]}),
    "polars": pl.DataFrame({"who": ["a", "a", "b"], "v": [1.0, 2.0, 3.0]}),
    "numbers": pd.DataFrame({"who": [1, 1, 2], "v": [1.0, 2.0, 3.0]}),
}


@pytest.mark.parametrize("name", LONG_FRAMES)
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_a_long_frame_as_X_is_told_of_from_long(name, Estimator):
    with pytest.raises((ValueError, TypeError), match=r"one row per step, pass Sequences.from_long\(X, id=..., time=...\)"):
        Estimator().fit(LONG_FRAMES[name], [0, 1])


# ---- times that are texts ----

V = [1.0, 2.0, 3.0]
TEXTS_IN_ORDER = {
    "month": ["2023-12", "2024-01", "2024-10"],
    "day": ["2024-02-28", "2024-02-29", "2024-03-01"],
    "minute": ["2024-01-01 08:00", "2024-01-01T09:00", "2024-01-01T09:00:00.5"],
    "zones": ["2024-01-01T10:00+02:00", "2024-01-01T08:30Z", "2024-01-01 09:00:00-0100"],
    "log": ["2024-01-01 08:00:00,001", "2024-01-01 08:00:00,010", "2024-01-01 08:00:00,100"],
    "clock": ["08:00", "09:00:30", "10:00"],
}
TEXT_FORMS = {
    "dict": lambda table: table,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
    "category": lambda table: pd.DataFrame(table).astype({"t": "category"}),
    "polars Categorical": lambda table: pl.DataFrame(table).with_columns(pl.col("t").cast(pl.Categorical)),
}


@pytest.mark.parametrize("form", TEXT_FORMS)
@pytest.mark.parametrize("kind", TEXTS_IN_ORDER)
def test_texts_whose_order_is_known_are_times(kind, form):
    texts = TEXTS_IN_ORDER[kind]
    table = {"who": ["x"] * 3, "t": [texts[k] for k in (2, 0, 1)], "v": [V[k] for k in (2, 0, 1)]}
    assert Sequences.from_long(TEXT_FORMS[form](table), id="who", time="t")[0].ravel().tolist() == V


# Texts, a part of the message, and what it says to do.
TEXTS_IN_NO_ORDER = {
    "US dates": (["9/30/2024", "10/1/2024", "10/2/2024"], "%m/%d/%Y", lambda t: pd.to_datetime(t, format="%m/%d/%Y")),
    "European dates": (["16/12/2006", "17/12/2006", "01/01/2007"], "%d/%m/%Y", lambda t: pd.to_datetime(t, format="%d/%m/%Y")),
    "dots": (["31.1.2024", "1.2.2024", "10.2.2024"], r"%d\.%m\.%Y", lambda t: pd.to_datetime(t, format="%d.%m.%Y")),
    "hours": (["8:00", "9:00", "10:00"], "%H:%M", lambda t: pd.to_datetime(t, format="%H:%M")),
    "noon": (["11:00 AM", "12:00 PM", "01:00 PM"], "%I:%M %p", lambda t: pd.to_datetime(t, format="%I:%M %p")),
    "integers": (["1", "2", "10"], r"astype\(int\)", lambda t: t.astype(int)),
    "years": (["2023", "2024", "2025"], r"astype\(int\)", lambda t: t.astype(int)),
    "decimals": (["0.5", "2", "10"], r"astype\(float\)", lambda t: t.astype(float)),
    "quarters": (["2023Q4", "2024Q1", "2024Q2"], "PeriodIndex", lambda t: pd.PeriodIndex(t, freq="Q")),
    "names": (["January", "February", "March"], "format=...", lambda t: pd.to_datetime(t, format="%B")),
}


@pytest.mark.parametrize("kind", TEXTS_IN_NO_ORDER)
@pytest.mark.parametrize("form", TEXT_FORMS)
def test_other_texts_are_refused_with_advice_that_works(kind, form):
    texts, words, mend = TEXTS_IN_NO_ORDER[kind]
    table = {"who": ["x"] * 3, "t": texts, "v": V}
    with pytest.raises(ValueError, match=rf"Column 't' holds times as texts, such as '.*' and '.*{words}.*leave time out"):
        Sequences.from_long(TEXT_FORMS[form](table), id="who", time="t")
    frame = pd.DataFrame(table)
    frame["t"] = mend(frame["t"])
    for arguments in ({"time": "t"}, {"columns": ["v"]}):
        assert Sequences.from_long(frame, id="who", **arguments)[0].ravel().tolist() == V


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["2024-01-01", "2024-01-02T00:00Z", "2024-01-03"], "mixes times with a zone and without"),
        (["2024-01-01", "10:00", "11:00"], "mixes dates and clock times"),
        (["2024-02-28", "2024-02-30", "2024-03-01"], "'2024-02-30', which is no date"),
        (["1500-01-01", "2024-01-01T00:00:00.123456789", "2025-01-01"], "'1500-01-01', which is too far .* nanoseconds"),
        (["2024-01-01", "", "2024-01-03"], "such as '', whose order"),
        (["10:60", "10:00", "11:00"], "such as '10:60'"),
    ],
)
def test_texts_that_are_nearly_times(texts, words):
    with pytest.raises(ValueError, match=words):
        Sequences.from_long({"who": ["x"] * 3, "t": texts, "v": V}, id="who", time="t")


def test_categories_without_an_order_sort_by_their_values():
    frame = pd.DataFrame({"who": 1, "t": pd.Categorical([3, 1, 2], categories=[3, 2, 1]), "v": [3.0, 1.0, 2.0]})
    assert Sequences.from_long(frame, id="who", time="t", freq=1)[0].ravel().tolist() == V
    ordered = pa.DictionaryArray.from_arrays([2, 0, 1], ["low", "mid", "high"], ordered=True)
    table = pa.table({"who": [1, 1, 1], "t": ordered, "v": [3.0, 1.0, 2.0]})
    assert Sequences.from_long(table, id="who", time="t")[0].ravel().tolist() == V


# ---- one column in any library ----

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = [datetime(2024, 10, 27, hour, tzinfo=UTC) for hour in (0, 1, 3)]  # at 1 the clocks of Berlin are put back
ZONED = {
    "datetimes": HOURS,
    "datetimes of a zone": [hour.astimezone(BERLIN) for hour in HOURS],
    "of several zones": [HOURS[0], HOURS[1].astimezone(BERLIN), HOURS[2].astimezone(timezone(timedelta(hours=9)))],
    "Timestamps": [pd.Timestamp(hour).tz_convert("Asia/Tokyo") for hour in HOURS],
    "Series": pd.Series(HOURS).dt.tz_convert(BERLIN),
    "Index": pd.DatetimeIndex(HOURS),
    "object array": np.array(HOURS, dtype=object),
    "polars": pl.Series(HOURS).dt.convert_time_zone("Europe/Berlin"),
    "pyarrow": pa.array(HOURS),
    "texts": [hour.astimezone(BERLIN).isoformat() for hour in HOURS],
    "naive": [hour.replace(tzinfo=None) for hour in HOURS],
    "datetime64 objects": np.array([np.datetime64(hour.replace(tzinfo=None)) for hour in HOURS], dtype=object),
}


@pytest.mark.parametrize("kind", ZONED)
def test_times_with_a_zone_in_a_dict(kind):
    X = Sequences.from_long({"who": [1] * 3, "t": ZONED[kind], "v": V}, id="who", time="t", freq=timedelta(hours=1))
    np.testing.assert_array_equal(X[0].ravel(), [1, 2, np.nan, 3])


def test_without_pandas_times_with_a_zone_are_read_one_by_one(monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas")
    for kind in ("datetimes", "datetimes of a zone", "of several zones", "object array"):
        X = Sequences.from_long({"who": [1] * 3, "t": ZONED[kind], "v": V}, id="who", time="t", freq=timedelta(hours=1))
        assert X.lengths.tolist() == [4]


def test_times_with_and_without_a_zone_do_not_compare():
    mixed = [HOURS[0], HOURS[1].replace(tzinfo=None), HOURS[2]]
    with pytest.raises(ValueError, match="mixes times with a zone and without: '2024-10-27 00:00:00\\+00:00' and '2024-10-27 01"):
        Sequences.from_long({"who": [1] * 3, "t": mixed, "v": V}, id="who", time="t")
    with pytest.raises(ValueError, match=r"do not compare: row 0 is 1 \(int\), row 1 is 'a' \(str\)"):
        Sequences.from_long({"who": [1] * 3, "t": [1, "a", 3], "v": V}, id="who", time="t")


@pytest.mark.parametrize("wrap", [lambda column: column, lambda column: {"who": column["who"], "k": column["k"]}])
def test_categories_of_a_series_are_kept_in_a_dict(wrap):
    frame = wrap(pd.DataFrame({"who": [1, 1], "k": pd.Categorical(["b", "a"], categories=["b", "c", "a"])}))
    X = Sequences.from_long(frame, id="who")
    assert X.values.ravel().tolist() == [0, 2] and X.categories[0].tolist() == ["b", "c", "a"]


def test_missing_texts_in_a_list_are_no_texts():
    X = Sequences.from_long({"who": [1, 1], "k": ["a", float("nan")]}, id="who")
    assert X.categories[0].tolist() == ["a"] and np.isnan(X.values[1, 0])
    with pytest.raises(ValueError, match="id in column 'who' is missing in row 1"):
        Sequences.from_long({"who": ["a", float("nan")], "v": [1, 2]}, id="who")


# ---- distances of the calendar ----

MONTHS = pd.date_range("2023-01-01", periods=6, freq="MS").delete(3)
ENDS = pd.date_range("2023-11-30", periods=6, freq=pd.offsets.MonthEnd()).delete(3)
CALENDAR = {
    "NumPy months": (MONTHS, np.timedelta64(1, "M")),
    "offset": (MONTHS, pd.offsets.MonthBegin()),
    "DateOffset": (MONTHS, pd.DateOffset(months=1)),
    "MS": (MONTHS, "MS"),
    "polars": (MONTHS, "1mo"),
    "M": (MONTHS, "M"),
    "ends": (ENDS, np.timedelta64(1, "M")),
    "ends by ME": (ENDS, pd.offsets.MonthEnd()),
    "the 30th": (pd.to_datetime(["2023-12-30", "2024-01-30", "2024-02-29", "2024-04-30", "2024-05-30"]), "1mo"),
    "at noon": (MONTHS + pd.Timedelta("12h"), "MS"),
    "quarters": (pd.date_range("2020-01-01", periods=6, freq="QS").delete(3), "QS"),
    "quarters of polars": (pd.date_range("2020-02-15", periods=6, freq=pd.DateOffset(months=3)).delete(3), "1q"),
    "years": (pd.to_datetime(["2020-02-29", "2021-02-28", "2022-02-28", "2024-02-29", "2025-02-28"]), np.timedelta64(1, "Y")),
    "business days": (pd.bdate_range("2024-01-04", periods=6).delete(3), "B"),
    "business days but one": (pd.bdate_range("2024-01-04", periods=11)[::2].delete(3), pd.offsets.BDay(2)),
    "Fridays": (pd.date_range("2024-01-05", periods=6, freq="7D").delete(3), "W-FRI"),
    "weeks": (pd.date_range("2024-01-05", periods=6, freq="7D").delete(3), "1w"),
    "hours": (pd.date_range("2024-01-05", periods=6, freq="h").delete(3), "h"),
    "minutes": (pd.date_range("2024-01-05", periods=6, freq="90min").delete(3), "1h30m"),
    "days of a zone": (pd.date_range("2024-03-29", periods=6, freq="D", tz="Europe/Berlin").delete(3), "D"),
    "months of a zone": (pd.date_range("2024-01-01", periods=6, freq="MS", tz="Europe/Berlin").delete(3), "MS"),
    "periods": (pd.period_range("2024-01", periods=6, freq="M").delete(3), 1),
    "periods by their frequency": (pd.period_range("2024-01", periods=6, freq="M").delete(3), "M"),
    "periods by months": (pd.period_range("2024-01", periods=6, freq="Q").delete(3), np.timedelta64(3, "M")),
    "NumPy's months": (np.array(["2023-11", "2023-12", "2024-01", "2024-03", "2024-04"], dtype="M8[M]"), np.timedelta64(1, "M")),
    "texts": (["2023-11", "2023-12", "2024-01", "2024-03", "2024-04"], "1mo"),
    "dates": ([date(2023, 11, 1), date(2023, 12, 1), date(2024, 1, 1), date(2024, 3, 1), date(2024, 4, 1)], "MS"),
    "a number": ([month.year * 12 + month.month for month in MONTHS], 1),  # what errors tell of
}


@pytest.mark.parametrize("kind", CALENDAR)
def test_distances_of_the_calendar(kind):
    times, freq = CALENDAR[kind]
    table = {"who": [1] * 5, "t": times, "v": np.arange(5.0)}
    X = Sequences.from_long(table, id="who", time="t", freq=freq)
    np.testing.assert_array_equal(X[0].ravel(), [0, 1, 2, np.nan, 3, 4])
    if getattr(times, "dtype", None) != "M8[M]":  # which pandas does not have
        shuffled = pd.DataFrame(table).iloc[[3, 0, 2, 1, 4]]
        np.testing.assert_array_equal(Sequences.from_long(shuffled, id="who", time="t", freq=freq).values, X.values)


def test_each_sequence_has_its_own_day_of_the_month():
    table = {"who": list("aabb"), "t": ["2024-01-01", "2024-03-01", "2024-01-31", "2024-02-29"], "v": np.arange(4.0)}
    X = Sequences.from_long(table, id="who", time="t", freq="1mo")
    np.testing.assert_array_equal(X.values.ravel(), [0, np.nan, 1, 2, 3])


@pytest.mark.parametrize(
    ("times", "freq", "words"),
    [
        (MONTHS, pd.Timedelta("30D"), "rows 0 and 1 .*2023-01-01 and 2023-02-01.*Months have no fixed length.*'M'"),
        (MONTHS, "ME", "no grid with freq=ME: rows 0 and 1"),
        (MONTHS + pd.to_timedelta([0, 0, 0, 0, 1], unit="h"), "MS", "rows 3 and 4 .*2023-05-01 and 2023-06-01T01:00"),
        (pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-15", "2024-05-15"]), "1mo", "rows 2 and 3"),
        (pd.date_range("2024-01-04", periods=5), "B", "rows 1 and 2 .*2024-01-05 and 2024-01-06"),
        (pd.date_range("2024-03-29", periods=5, tz="Europe/Berlin"), timedelta(days=1), "rows 2 and 3 .*23 or 25 hours.*'1d'"),
        (MONTHS, "fortnight", "'fortnight' is no frequency that pandas or polars knows"),
        (MONTHS, "bh", "hours of business. Make the time a number"),
        (MONTHS, "1mo1d", "mixes months and parts of fixed length"),
        (MONTHS, pd.DateOffset(day=1), "sets parts of a date"),
        (MONTHS, "-1MS", "must be positive"),
        (MONTHS, np.timedelta64("NaT"), "must be positive"),
        (MONTHS, np.timedelta64(1), "no distance of the times .*Pass a duration"),
        (np.arange(5), "MS", "no distance of the times .*Pass a number"),
        (pd.timedelta_range(0, periods=5, freq="D"), "MS", "no distance of the times .*Months and years have no fixed length"),
        (pd.period_range("2024-01", periods=5, freq="M"), 1.5, "no distance of the times .*Pass 1"),
        (pd.Categorical(list("abcde"), ordered=True), 1, "Ordered categories have no distances"),
        (np.arange(5, dtype=np.uint8), 1000, "no grid with freq=1000"),
        (np.arange(5), 10**30, "no grid"),
        (np.arange(5.0), 10**400, "no grid"),
        (np.arange(5), decimal.Decimal("nan"), "must be positive"),
    ],
)
def test_what_is_no_distance(times, freq, words):
    with pytest.raises(ValueError, match=words):
        Sequences.from_long({"who": [1] * 5, "t": times, "v": np.arange(5.0)}, id="who", time="t", freq=freq)


def test_distances_of_any_two_integers_are_exact():
    ends = np.array([-(2**63), 2**63 - 1])
    X = Sequences.from_long({"who": [1, 1], "t": ends, "v": [1, 2]}, id="who", time="t", freq=2**64 - 1)
    assert X.lengths.tolist() == [2]
    halves = Sequences.from_long({"who": [1, 1], "t": [0, 2], "v": [1, 2]}, id="who", time="t", freq=Fraction(1, 2))
    assert halves.lengths.tolist() == [5]


def test_without_pandas_frequencies_say_what_to_pass(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = {"who": [1, 1], "t": ["2024-01", "2024-03"], "v": [1.0, 2.0]}
    with pytest.raises(ValueError, match=r"'MS' is read by pandas, which is not installed.*np.timedelta64\(1, 'M'\)"):
        Sequences.from_long(table, id="who", time="t", freq="MS")
    for freq in (np.timedelta64(1, "M"), "1mo", "M"):
        assert Sequences.from_long(table, id="who", time="t", freq=freq).lengths.tolist() == [3]


# ---- numbers that are texts ----

NUMERALS = {
    "plain": (["1.5", "2", "10"], "to_numeric"),
    "with a mark": ([str(k / 10) for k in range(30)] + ["?"], r"and '\?', which is none.*errors='coerce'.*na_values=\['\?'\]"),
    "few with a mark": (["3", "NA", "4"], "and 'NA'"),
    "exponents": (["1e5", "-2E-3", "+.5"], "to_numeric"),
    "decimal comma": (["1,5", "2,25", "3"], "decimal=','"),
    "thousands": (["1,234", "12,345.6", "7"], "thousands=','"),
    "European": (["1.234,5", "7,0", "8,5"], r"decimal=',', thousands='\.'"),
    "spaces": (["1 234", "12 345", "6"], "thousands=' '"),
    "percent": (["12%", "5.5%", "3 %"], r"rstrip\('%'\)"),
}


@pytest.mark.parametrize("form", ["dict", "pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("kind", NUMERALS)
def test_numbers_that_are_texts_are_no_categories(kind, form):
    texts, words = NUMERALS[kind]
    table = TEXT_FORMS[form]({"who": [1] * len(texts), "power": texts})
    with pytest.raises(ValueError, match=rf"Column 'power' holds numbers as texts, such as .*{words}.*ZIP codes"):
        Sequences.from_long(table, id="who")
    if form == "pyarrow":
        with pytest.raises(ValueError, match="holds numbers as texts"):
            Sequences.from_arrow(pa.array([texts]))


def test_the_advice_about_numbers_that_are_texts():
    csv = "house;power\n" + "".join(f"{k // 10};{'?' if k % 11 == 0 else k / 100}\n" for k in range(100))
    frame = pd.read_csv(io.StringIO(csv), sep=";")
    read = pd.read_csv(io.StringIO(csv), sep=";", na_values=["?"])
    coerced = frame.assign(power=pd.to_numeric(frame["power"], errors="coerce"))
    for numbers in (read, coerced):
        X = Sequences.from_long(numbers, id="house")
        assert not X.categories and np.isnan(X.values).sum() == 10
    codes = frame.astype({"power": "category"})
    assert len(Sequences.from_long(codes, id="house").categories[0]) == 91
    for kind, arguments in {"decimal comma": {"decimal": ","}, "European": {"decimal": ",", "thousands": "."}}.items():
        column = io.StringIO("\n".join(["who;v", *(f"1;{text}" for text in NUMERALS[kind][0])]))
        assert not Sequences.from_long(pd.read_csv(column, sep=";", **arguments), id="who").categories
    percent = pd.Series(NUMERALS["percent"][0])
    assert percent.str.rstrip("%").astype(float).tolist() == [12, 5.5, 3]


def test_texts_of_which_few_are_numbers_are_categories():
    X = Sequences.from_long({"who": [1] * 4, "k": ["a1", "2", "b", "3"]}, id="who")
    assert X.categories[0].tolist() == ["2", "3", "a1", "b"]


# ---- ids of several columns ----


@pytest.mark.parametrize("frame", FRAMES)
def test_ids_of_several_columns(frame):
    table = {"person": [2, 1, 2, 2, 1], "day": ["b", "a", "a", "b", "a"], "t": [2, 1, 1, 1, 2], "v": [1.0, 2.0, 3.0, 4.0, 5.0]}
    X = Sequences.from_long(FRAMES[frame](table), id=["person", "day"], time="t")
    assert X.ids.tolist() == [(2, "b"), (1, "a"), (2, "a")]
    assert [x.ravel().tolist() for x in X] == [[4, 1], [2, 5], [3]]
    assert X.channel_names == ["v"]
    one = Sequences.from_long(FRAMES[frame](table), id=["person"], columns=["v"])
    assert one.ids.tolist() == [(2,), (1,)]


def test_a_tuple_is_a_name_if_there_is_such_a_column():
    table = {("a", "b"): [1, 2], "a": [1, 1], "v": [1.0, 2.0]}
    assert Sequences.from_long(table, id=("a", "b"), columns=["v"]).ids.tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"no column 'c'; its columns are \['a', 'v'\]"):
        Sequences.from_long({"a": [1], "v": [1.0]}, id=["a", "c"])
    for id, words in (([], "names no column"), (["a", "a"], "names 'a' twice")):
        with pytest.raises(ValueError, match=words):
            Sequences.from_long(table, id=id)


def test_ids_must_be_hashable():
    table = {"who": np.array([[1], (2,)], dtype=object), "v": [1.0, 2.0]}
    table["who"] = np.empty(2, dtype=object)
    table["who"][:] = [{1}, {2}]
    with pytest.raises(ValueError, match=r"must be hashable, got \{1\} \(set\)"):
        Sequences.from_long(table, id="who")


# ---- times among numbers, and an index that contradicts the order ----

TIMES_AMONG_NUMBERS = {
    "datetime64": np.datetime64("2024-01-01"),
    "datetime64[h]": np.datetime64("2024-01-01T00", "h"),
    "timedelta64": np.timedelta64(90, "m"),
    "Timestamp": pd.Timestamp("2024"),
    "Timedelta": pd.Timedelta("1h"),
    "Period": pd.Period("2024"),
    "date": date(2024, 1, 1),
    "timedelta": timedelta(1),
}


@pytest.mark.parametrize("kind", TIMES_AMONG_NUMBERS)
def test_times_are_no_numbers(kind):
    value = TIMES_AMONG_NUMBERS[kind]
    column = np.array([1.0, value, None], dtype=object)
    with pytest.raises(ValueError, match="Column 'v' holds no numbers: row 1 is"):
        Sequences.from_long({"who": [1] * 3, "v": column}, id="who")
    with pytest.raises(ValueError, match="X must hold numbers: sequence 0, step 1, channel 0 is"):
        Sequences.from_list([column])
    with pytest.raises(ValueError, match="must hold numbers"):
        LSTMRegressor(2, max_iter=1).fit([column, column], [0.0, 1.0])


def test_numbers_of_other_classes_stay_numbers():
    column = np.array([decimal.Decimal("1.5"), Fraction(1, 2), True, None, pd.NaT], dtype=object)
    np.testing.assert_array_equal(Sequences.from_list([column]).values.ravel(), [1.5, 0.5, 1, np.nan, np.nan])


def test_without_time_an_index_that_falls_is_refused():
    days = pd.date_range("2024-01-01", periods=4)
    frame = pd.DataFrame({"who": list("abab"), "v": np.arange(4.0)}, index=days)
    falling = frame[::-1]
    with pytest.raises(ValueError, match="index of frame contradicts the order of its rows: 2024-01-02 comes after 2024-01-04"):
        Sequences.from_long(falling, id="who")
    assert Sequences.from_long(falling.sort_index(), id="who")[0].ravel().tolist() == [0, 2]
    assert Sequences.from_long(falling.reset_index(drop=True), id="who")[0].ravel().tolist() == [3, 1]
    assert Sequences.from_long(falling.assign(t=days[::-1]), id="who", time="t")[1].ravel().tolist() == [0, 2]
    apart = pd.concat([frame[2:], frame[:2]])[["v"]].assign(who=list("aabb"))  # it falls from one id to the next only
    assert Sequences.from_long(apart, id="who").lengths.tolist() == [2, 2]


@pytest.mark.parametrize("kind", ["dates", "zone", "periods", "durations", "texts", "objects"])
def test_frames_in_a_list_whose_index_falls_are_refused(kind):
    days = pd.date_range("2024-01-01", periods=3)
    index = {
        "dates": days,
        "zone": days.tz_localize("Asia/Tokyo"),
        "periods": days.to_period(),
        "durations": days - days[0],
        "texts": days.strftime("%Y-%m-%d"),
        "objects": days.date,
    }[kind]
    frame = pd.DataFrame({"v": V}, index=index)
    Sequences.from_list([frame, frame])
    for items in ([frame, frame[::-1]], [frame["v"], frame["v"][::-1]]):
        with pytest.raises(ValueError, match="index of sequence 1 contradicts the order of its rows"):
            Sequences.from_list(items)
        with pytest.raises(ValueError, match="index of sequence 1 contradicts the order of its rows"):
            LSTMRegressor(2, max_iter=1).fit(items, [0.0, 1.0])
        Sequences.from_list([item.sort_index() for item in items])
        Sequences.from_list([item.reset_index(drop=True) for item in items])
