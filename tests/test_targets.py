"""y and weights: order of X by ids, labels of any kind, and errors that give the position."""

import datetime as dt
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from test_bad_input import object_array, refuses

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.preprocessing import PerStep
from sklstm.sequences.alignment import in_order_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_size": 2, "max_iter": 2, "random_state": 0}
N, T = 6, 3
DENSE = np.random.default_rng(0).normal(size=(N, T, 1))
LENGTHS = np.array([3, 1, 2, 3, 2, 1])
RAGGED = [x[:n] for x, n in zip(DENSE, LENGTHS, strict=True)]
ORDER = np.array([3, 1, 5, 0, 4, 2])


def classifier(**params):
    return LSTMClassifier(**QUICK | params)


def regressor(**params):
    return LSTMRegressor(**QUICK | params)


def refused(estimator, call, *words):
    refuses(estimator, call, words)


# ---- by the ids of X ----

TUPLES = object_array([("a", 1), ("a", 2), ("b", 1), ("b", 2), ("c", 1), ("c", 2)])
IDS = {
    "texts": np.array(["p1", "p2", "p3", "p10", "p11", "p20"]),
    "numbers": np.array([101, 7, 30, 4, 5, 66]),
    "negative numbers": np.array([-1, -2, 0, 1, 2, 3]),
    "dates": np.array(["2024-01-01", "2024-03-01", "2024-02-01", "2023-01-01", "2025-01-01", "1999-01-01"], "M8[D]"),
    "tuples": TUPLES,
    "mixed": object_array(["a", 1, 2.5, "b", (1, 2), "c"]),
}


def named(ids):
    return Sequences(np.concatenate(RAGGED), np.cumsum([0, *LENGTHS]), ids=ids)


def index_of(ids, pd):
    return pd.MultiIndex.from_tuples(ids.tolist()) if ids is TUPLES else pd.Index(ids)


NUMBERS = np.array([1.0, -2.0, 3.0, 0.5, 0.0, 8.0])
WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0, 1.0, 0.25])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")  # a DataFrame is a column
@pytest.mark.parametrize("kind", IDS)
@pytest.mark.parametrize("carrier", ["Series", "DataFrame", "dict", "Categorical index"])
def test_what_carries_ids_is_aligned(kind, carrier):
    pd = pytest.importorskip("pandas")
    ids = IDS[kind]
    X = named(ids)

    def carry(values, order=ORDER):
        if carrier == "dict":
            return dict(zip([ids.tolist()[k] for k in order], values[order], strict=True))
        index = index_of(ids, pd)[order]
        if carrier == "Categorical index" and ids is not TUPLES:
            index = pd.CategoricalIndex(index)
        return pd.DataFrame({"v": values[order]}, index) if carrier == "DataFrame" else pd.Series(values[order], index)

    if carrier == "dict" and kind == "dates":
        ids = object_array(ids.tolist())  # as Python has them
        X = named(ids)
    weights = carry(WEIGHTS) if carrier != "DataFrame" else WEIGHTS
    expected = regressor().fit(X, NUMBERS, WEIGHTS, X, NUMBERS, WEIGHTS)
    aligned = regressor().fit(X, carry(NUMBERS), weights, X, carry(NUMBERS), weights)
    np.testing.assert_array_equal(aligned.predict(X).ravel(), expected.predict(X))
    assert aligned.validation_loss_curve_ == expected.validation_loss_curve_
    assert aligned.score(X, carry(NUMBERS), weights) == expected.score(X, NUMBERS, WEIGHTS)
    in_order = regressor().fit(X, carry(NUMBERS, range(N)), weights, X, carry(NUMBERS), weights)
    assert in_order.loss_curve_ == expected.loss_curve_
    aligned.partial_fit(X, carry(NUMBERS), weights)
    expected.partial_fit(X, NUMBERS, WEIGHTS)
    np.testing.assert_array_equal(aligned.predict(X).ravel(), expected.predict(X))
    # A part of X needs its part of y.
    part = X[[4, 0, 2]]
    assert regressor().fit(part, carry(NUMBERS, np.array([0, 2, 4]))).loss_curve_ == regressor().fit(
        part, NUMBERS[[4, 0, 2]]
    ).loss_curve_  # fmt: skip


def test_groupby_sorts_ids_otherwise_than_the_table():
    pd = pytest.importorskip("pandas")
    who = np.repeat([f"p{k}" for k in range(1, 13)], 2)
    table = pd.DataFrame({"who": who, "v": np.arange(24.0), "ill": np.repeat(np.arange(12) % 2, 2)})
    X = Sequences.from_long(table, id="who", columns=["v"])
    y = table.groupby("who")["ill"].first()
    assert list(y.index) != list(X.ids)
    assert classifier().fit(X, y).loss_curve_ == classifier().fit(X, y.loc[X.ids]).loss_curve_


def times_of_kind(kind, pd):
    """Six times that are ids as a table has them, and as y may have them."""
    days = pd.date_range("2024-03-29", periods=N, freq="D", tz="Europe/Berlin")
    fine = pd.DatetimeIndex(np.datetime64("2024-01-01", "ns") + np.arange(N))
    return {
        "in a zone": (days, days),
        "in two zones": (days, days.tz_convert("America/New_York")),
        "a nanosecond apart": (fine, fine),
        "dates of Python": (pd.date_range("2024-01-01", periods=N), pd.Index([dt.date(2024, 1, 1 + k) for k in range(N)])),
    }[kind]


@pytest.mark.parametrize("kind", ["in a zone", "in two zones", "a nanosecond apart", "dates of Python"])
@pytest.mark.parametrize("several", [False, True])
def test_ids_that_are_times_are_compared_as_moments(kind, several):
    pd = pytest.importorskip("pandas")
    times, index = times_of_kind(kind, pd)
    table = pd.DataFrame({"at": times, "who": "a", "v": np.arange(float(N))})
    X = Sequences.from_long(table, id=["who", "at"] if several else "at", columns=["v"])
    index = pd.MultiIndex.from_arrays([["a"] * N, index]) if several else index
    order = np.arange(N)[::-1]
    assert in_order_of(X.ids, "y", pd.Series(order, index[order])).tolist() == list(range(N))


@pytest.mark.parametrize("form", ["Series of arrays", "dict", "Sequences"])
def test_steps_are_aligned(form):
    pd = pytest.importorskip("pandas")
    ids = IDS["texts"]
    X, y = named(ids), [np.arange(n) + 10.0 * n for n in LENGTHS]
    weights = [np.arange(n) + 1.0 for n in LENGTHS]

    def carry(values):
        if form == "dict":
            return {ids[k]: values[k] for k in ORDER}
        if form == "Sequences":
            return Sequences(np.concatenate(values)[:, np.newaxis], X.offsets, ids=ids)[ORDER]
        return pd.Series([values[k] for k in ORDER], index=ids[ORDER])

    model = regressor(return_sequences=True)
    expected, aligned = (regressor(return_sequences=True).fit(X, *args) for args in ((y, weights), (carry(y), carry(weights))))
    assert aligned.loss_curve_ == expected.loss_curve_
    assert aligned.score(X, carry(y), carry(weights)) == expected.score(X, y, weights)
    by_sequence = pd.Series(WEIGHTS[ORDER], ids[ORDER])
    assert model.fit(X, y, by_sequence).loss_curve_ == regressor(return_sequences=True).fit(X, y, WEIGHTS).loss_curve_


def test_y_and_weights_of_transformers_are_aligned():
    pd = pytest.importorskip("pandas")
    X = named(IDS["texts"])
    weights = pd.Series(WEIGHTS[ORDER], IDS["texts"][ORDER])
    scaled, expected = (PerStep(StandardScaler()).fit(X, sample_weight=w) for w in (weights, WEIGHTS))
    assert scaled.transformer_.mean_ == expected.transformer_.mean_ != PerStep(StandardScaler()).fit(X).transformer_.mean_

    class Target(StandardScaler):
        def fit(self, X, y):
            self.y_ = y
            return super().fit(X)

    y = pd.Series(NUMBERS[ORDER], IDS["texts"][ORDER])
    per_step = PerStep(Target())
    per_step.fit(X, y)
    np.testing.assert_array_equal(per_step.transformer_.y_, np.repeat(NUMBERS, LENGTHS))


@pytest.mark.parametrize("index", [None, "letters", "shuffled rows"])
def test_an_index_of_something_else_is_none(index):
    pd = pytest.importorskip("pandas")
    X = named(IDS["texts"])
    own = {None: None, "letters": list("uvwxyz"), "shuffled rows": [5, 3, 1, 0, 2, 4]}[index]
    assert regressor().fit(X, pd.Series(NUMBERS, own)).loss_curve_ == regressor().fit(X, NUMBERS).loss_curve_


def test_ids_that_contradict_are_refused_with_advice_that_works():
    pd = pytest.importorskip("pandas")
    ids, numbered = IDS["texts"], np.array([3, 0, 1, 2, 5, 4])
    X, model = named(ids), regressor()
    other = pd.Series(NUMBERS, ["q7", *ids[1:]])
    more = pd.Series([*NUMBERS, 9.0], [*ids, "p99"])
    twice = pd.Series([*NUMBERS, 9.0], [*ids, "p1"])
    strangers = pd.Series(NUMBERS, pd.Index([f"q{k}" for k in range(N)], name="who"))
    rows = pd.Series(NUMBERS)
    for data, y, words in [
        (X, other, ["y must have the sequences of X", "sequence 0 of X has the id 'p1'", "the index of y", r"\.loc\[X\.ids\]"]),
        (X, strangers, ["sequence 0 of X has the id 'p1'", "begins with \\['q0'\\]"]),
        (X, more, ["inconsistent numbers of samples", r"y\.loc\[X\.ids\]"]),
        (X, twice, ["'p1' twice", "Drop one"]),
        (X, dict(other), ["the keys of y", "q7", r"for who in X\.ids"]),
        (named(numbered), rows, ["numbers of its rows", "another order", r"y\.to_numpy\(\)", r"y\.loc\[X\.ids\]"]),
        (named(numbered + 1), rows, ["sequence 4 of X has the id 6", r"y\.to_numpy\(\)"]),
    ]:
        refused(model, lambda data=data, y=y: model.fit(data, y), *words)
        refused(model, lambda data=data, y=y: model.fit(data, NUMBERS, X_val=data, y_val=y), "X_val", *words)
        refused(model, lambda data=data, y=y: model.fit(data, NUMBERS, y), "sample_weight", *[w for w in words if "y" not in w])
        fitted = regressor().fit(data, NUMBERS)
        refused(fitted, lambda data=data, y=y, fitted=fitted: fitted.score(data, y), *words)
        if isinstance(y, dict) or y is twice:
            continue
        advised = y.to_numpy() if len(y) == N else y.loc[data.ids]
        assert regressor().fit(data, advised).loss_curve_ == regressor().fit(data, NUMBERS).loss_curve_
    y = rows.loc[named(numbered).ids]
    assert regressor().fit(named(numbered), y).loss_curve_ == regressor().fit(named(numbered), NUMBERS[numbered]).loss_curve_
    by_id = dict(more)
    advised = {who: by_id[who] for who in X.ids.tolist()}
    assert regressor().fit(X, advised).loss_curve_ == regressor().fit(X, NUMBERS).loss_curve_


def test_a_dict_without_ids_of_X_is_refused():
    model = regressor()
    refused(model, lambda: model.fit(RAGGED, dict(enumerate(NUMBERS))), "y", "a dict", "ids of X", "from_long")


# ---- padded targets and weights ----


@pytest.mark.parametrize("kind", ["array", "rows", "lists", "texts", "DataFrame", "list of arrays"])
@pytest.mark.parametrize("X", [RAGGED, Sequences.from_list(RAGGED)], ids=["list", "Sequences"])
def test_padded_targets_beside_ragged_X(kind, X):
    codes = np.arange(N * T).reshape(N, T) % 2
    padded = {
        "array": codes, "rows": codes[:, :, np.newaxis], "lists": codes.tolist(), "texts": np.array(list("ab"))[codes],
        "DataFrame": codes, "list of arrays": list(codes),
    }[kind]  # fmt: skip
    if kind == "DataFrame":
        padded = pytest.importorskip("pandas").DataFrame(padded)
    model = classifier(return_sequences=True)
    with pytest.raises(ValueError, match=r"y is padded: it has 3 entries .* 1 to 3 steps; sequence 1 has 1") as caught:
        model.fit(X, padded)
    advice = re.search(r"(Sequences\.from_padded\(.*\))\.$", str(caught.value)).group(1)
    y = eval(advice, {"Sequences": Sequences, "np": np, "X": X, "y": padded})
    expected = [row[:n] for row, n in zip(np.asarray(padded).reshape(N, T), LENGTHS, strict=True)]
    assert model.fit(X, y).loss_curve_ == classifier(return_sequences=True).fit(X, expected).loss_curve_
    weights = np.ones((N, T))
    with pytest.raises(ValueError, match="sample_weight is padded") as caught:
        model.fit(X, y, weights)
    advice = re.search(r"(Sequences\.from_padded\(.*\))\.$", str(caught.value)).group(1)
    model.fit(X, y, eval(advice, {"Sequences": Sequences, "np": np, "X": X, "sample_weight": weights}))
    with pytest.raises(ValueError, match="y is padded"):
        model.score(X, padded)


# ---- labels ----

DATES = [dt.date(2024, 1, 1), dt.date(2025, 1, 1)]
KINDS = {
    "ints among objects": ([0, 1], object_array),
    "NumPy's ints among objects": ([np.int8(3), np.int64(4)], object_array),
    "booleans": ([False, True], list),
    "booleans among objects": ([False, True], object_array),
    "floats among objects": ([1.0, 2.0], object_array),
    "integers beyond int64": ([3, 2**70], list),
    "integers beyond float64": ([2**63, -1], object_array),
    "texts": (["a", "b"], list),
    "texts among objects": (["a", "b"], object_array),
    "bytes": ([b"a", b"b"], np.array),
    "dates": (DATES, object_array),
    "datetimes": ([dt.datetime(2024, 1, 1, 5), dt.datetime(2025, 1, 1)], list),
    "datetimes with a zone": ([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2025, 1, 1, tzinfo=dt.UTC)], list),
    "times of the day": ([dt.time(1, 30), dt.time(2)], list),
    "durations": ([dt.timedelta(1), dt.timedelta(2, 5, 7)], list),
    "datetime64": (np.array(DATES, "M8[D]"), np.array),
    "datetime64 of nanoseconds": (np.array(DATES, "M8[ns]"), np.array),
    "datetime64 among objects": (list(np.array(DATES, "M8[D]")), object_array),
    "timedelta64": (np.array([1, 2], "m8[h]"), np.array),
    "decimals": ([Decimal("0.10"), Decimal("2")], list),
    "tuples": ([("a", 1), ("a", 2)], object_array),
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_any_kind(kind, tmp_path):
    (low, high), make = KINDS[kind]
    labels = [low, high] * 3
    y = make(labels)
    model = classifier().fit(DENSE, y)
    assert len(model.classes_) == 2 and sorted([low, high]) == list(model.classes_)
    assert type(model.classes_.tolist()[0]) is type(np.asarray(y).tolist()[0]) or kind == "NumPy's ints among objects"
    codes = classifier().fit(DENSE, (model.classes_[1] == np.asarray(y, dtype=model.classes_.dtype)).astype(int) if
                             kind != "tuples" else np.array([0, 1] * 3))  # fmt: skip
    assert model.loss_curve_ == codes.loss_curve_
    right = [k for k, label in enumerate(model.predict(DENSE).tolist()) if label == np.asarray(y, object if make is object_array
             else None).tolist()[k]]  # fmt: skip
    assert model.score(DENSE, y) == len(right) / N
    model.partial_fit(DENSE, y)
    classifier().partial_fit(DENSE, y, classes=make([high, low]))
    classifier(class_weight={low: 2.0, high: 1.0}).fit(DENSE, y)
    steps = classifier(return_sequences=True).fit(DENSE, [make([label] * T) for label in labels])
    assert list(steps.classes_) == list(model.classes_)
    # What can be fitted can be saved.
    save(model, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz")
    assert loaded.classes_.dtype == model.classes_.dtype and loaded.classes_.tolist() == model.classes_.tolist()
    assert [type(label) for label in loaded.classes_] == [type(label) for label in model.classes_]
    np.testing.assert_array_equal(loaded.predict(DENSE), model.predict(DENSE))


def test_labels_in_containers_of_other_libraries():
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    texts, numbers = ["a", "b"] * 3, [3, 4] * 3
    for y in [
        pd.Series(texts), pd.Series(texts, dtype="string"), pd.Series(texts, dtype="category"), pd.Categorical(texts),
        pd.Series(texts, dtype="string[pyarrow]"), pl.Series(texts), pl.Series(texts, dtype=pl.Categorical), pa.array(texts),
        pa.array(texts).dictionary_encode(), pa.chunked_array([texts[:2], texts[2:]]),
    ]:  # fmt: skip
        assert classifier().fit(DENSE, y).classes_.tolist() == ["a", "b"]
    for y in [
        pd.Series(numbers, dtype="Int64"), pd.Series(numbers, dtype="int64[pyarrow]"), pl.Series(numbers), pa.array(numbers)
    ]:  # fmt: skip
        model = classifier().fit(DENSE, y)
        assert model.classes_.tolist() == [3, 4] and model.classes_.dtype.kind == "i"
    assert classifier().fit(DENSE, pd.Series([True, False] * 3, dtype="boolean")).classes_.dtype == bool
    zoned = pd.Series(pd.to_datetime(["2024", "2025"] * 3)).dt.tz_localize("UTC")
    model = classifier().fit(DENSE, zoned)
    assert model.predict(DENSE)[0] in set(zoned) and model.score(DENSE, zoned) >= 0.5
    with pytest.raises(TypeError, match=r"classes_.*pandas\.Timestamp.*cannot be saved.*Convert"):
        save(model, "model.npz")


def test_labels_of_numpys_strings():
    StringDType = pytest.importorskip("numpy.dtypes").__dict__.get("StringDType")
    if StringDType is None:
        pytest.skip("NumPy 2 has them")
    y = np.array(["a", "b"] * 3)
    model = classifier().fit(DENSE, y.astype(StringDType()))
    assert model.classes_.tolist() == ["a", "b"] and model.score(DENSE, y.astype(StringDType())) == model.score(DENSE, y)
    steps = np.array([list("aab")] * N, StringDType())
    assert classifier(return_sequences=True).fit(DENSE, steps).classes_.tolist() == ["a", "b"]
    missing = np.array(["a", None] * 3, StringDType(na_object=None))
    refused(model, lambda: model.fit(DENSE, missing), "y contains NaN", "sequence 1")


def missing_labels():
    yield "None", ["a", None] * 3, 1
    yield "NaN among texts", ["a", np.nan] * 3, 1
    yield "None among ints", [0, 1, None] * 2, 2
    yield "NaT", np.array(["2024", "2025", "NaT"] * 2, "M8[D]"), 2
    yield "NaN", [0.0, 1.0, np.nan] * 2, 2
    yield "sNaN", object_array([Decimal(1), Decimal(2), Decimal("sNaN")] * 2), 2


@pytest.mark.parametrize(("y", "first"), [pytest.param(y, first, id=name) for name, y, first in missing_labels()])
def test_a_missing_label_is_refused(y, first):
    model = classifier()
    refused(model, lambda: model.fit(DENSE, y), "Input y contains NaN", f"sequence {first}", "Drop")
    refused(model, lambda: model.partial_fit(DENSE, y, classes=[0, 1]), "Input y contains NaN", f"sequence {first}")
    fitted = classifier().fit(DENSE, [0, 1] * 3)
    refused(fitted, lambda: fitted.score(DENSE, y), "Input y contains NaN", f"sequence {first}")


@pytest.mark.parametrize("dtype", ["string", "category", "boolean", "Int64", "Float64", "string[pyarrow]"])
def test_a_missing_label_of_pandas_is_refused(dtype):
    pd = pytest.importorskip("pandas")
    if "arrow" in dtype:
        pytest.importorskip("pyarrow")
    values = {"boolean": [True, False, None], "Int64": [1, 2, None], "Float64": [1.0, 2.0, None]}.get(dtype, ["a", "b", None])
    y, model = pd.Series(values * 2, dtype=dtype), classifier()
    refused(model, lambda: model.fit(DENSE, y), "Input y contains NaN", "sequence 2")
    # Among steps it is the mask.
    steps = [pd.Series(values, dtype=dtype)] * N
    assert len(classifier(return_sequences=True).fit(DENSE, steps).classes_) == 2


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1, "a"] * 3, ["cannot be sorted together", r"1 \(int\) and 'a' \(str\)"]),
        ([dt.date(2024, 1, 1), "a"] * 3, ["cannot be sorted together", r"\(date\) and 'a' \(str\)"]),
        ([b"a", "b"] * 3, ["cannot be sorted together", "bytes", "str"]),
        (object_array([[1], [2]] * 3), ["kind that cannot be sorted", r"\[1\] \(list\)"]),
        (object_array([1j, 2j] * 3), ["kind that cannot be sorted", "complex"]),
        ([[1], [2, 3]] * 3, ["no array", "differ in shape", "return_sequences=True"]),
        ([1.5, 2.5, 3.0] * 2, ["Unknown label type: continuous", "1.5: sequence 0", "LSTMRegressor"]),
        ([1.0, 2.5, 3.0] * 2, ["2.5: sequence 1"]),
        (np.ma.array([0, 1] * 3, mask=[0, 0, 1, 0, 0, 0]), ["y is a masked array"]),
        (np.zeros(N, [("a", float)]), ["records"]),
    ],
)
def test_what_is_no_label(y, words):
    model = classifier()
    refused(model, lambda: model.fit(DENSE, y), *words)
    if "together" in words[0]:
        assert len(classifier().fit(DENSE, [str(label) for label in y]).classes_) == 2


def test_labels_of_another_kind_are_not_scored_as_wrong():
    model = classifier().fit(DENSE, [0, 1] * 3)
    refused(model, lambda: model.score(DENSE, ["0", "1"] * 3), "y holds texts", "'0'", r"numbers: \[0, 1\]")
    assert model.score(DENSE, [7] * N) == 0.0  # a class that fit did not have
    assert model.score(DENSE, [0.0, 1.0] * 3) == model.score(DENSE, [0, 1] * 3)
    dates = classifier().fit(DENSE, np.array(DATES * 3, "M8[D]"))
    assert dates.score(DENSE, np.array(DATES * 3, "M8[ns]")) == dates.score(DENSE, np.array(DATES * 3, "M8[D]"))
    dates.partial_fit(DENSE, np.array(DATES * 3, "M8[ns]"))
    refused(dates, lambda: dates.partial_fit(DENSE, np.array(["1999"] * N, "M8[D]")), "1999", "not among the known", "sequence 0")


# ---- quantities ----


@pytest.mark.parametrize(
    "y",
    [
        [True, False] * 3, object_array([1.5, 2] * 3), [Decimal("1.5"), Decimal(2)] * 3, [Fraction(3, 2), 2] * 3,
        object_array([np.float32(1.5), 2] * 3),
    ],
    ids=["booleans", "objects", "decimals", "fractions", "NumPy's numbers"],
)  # fmt: skip
def test_quantities_of_any_kind(y):
    expected = regressor().fit(DENSE, [float(value) for value in y])
    assert regressor().fit(DENSE, y).loss_curve_ == expected.loss_curve_
    assert regressor().fit(DENSE, NUMBERS, y).loss_curve_ == regressor().fit(DENSE, NUMBERS, [float(w) for w in y]).loss_curve_
    assert expected.score(DENSE, y) == expected.score(DENSE, [float(value) for value in y])


def test_quantities_in_containers_of_other_libraries():
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    expected = regressor().fit(DENSE, NUMBERS).loss_curve_
    for y in [
        pd.Series(NUMBERS, dtype="Float64"), pd.Series(NUMBERS, dtype="double[pyarrow]"), pl.Series(NUMBERS), pa.array(NUMBERS)
    ]:  # fmt: skip
        assert regressor().fit(DENSE, y).loss_curve_ == expected


TIMES = {
    "datetime64": np.array(["2024-01-01"] * N, "M8[D]"),
    "datetime64 among objects": object_array([np.datetime64("2024-01-01")] * N),
    "dates": [dt.date(2024, 1, 1)] * N,
    "datetimes": [dt.datetime(2024, 1, 1)] * N,
    "timedelta64": np.array([90] * N, "m8[m]"),
    "timedelta64 among objects": object_array([np.timedelta64(90, "m")] * N),
    "durations": [dt.timedelta(hours=1.5)] * N,
}


@pytest.mark.parametrize("kind", TIMES)
def test_times_are_no_numbers(kind):
    values, model = TIMES[kind], regressor()
    for name, call in {
        "y": lambda y: regressor().fit(DENSE, y),
        "sample_weight": lambda w: regressor().fit(DENSE, NUMBERS, w),
    }.items():
        with pytest.raises(ValueError, match=f"{name} must hold numbers, got .*") as caught:
            call(values)
        expression = re.search(r"such as \w+: (.*?)\.( For|$)", str(caught.value)).group(1)
        converted = eval(expression, {"np": np, name: values})
        assert converted.tolist() == ([1.5] if "delta" in kind or "dur" in kind else [8766.0]) * N
        call(converted)
    refused(model, lambda: model.fit(DENSE, NUMBERS, X_val=DENSE, y_val=values), "X_val", "must hold numbers")
    steps = regressor(return_sequences=True)
    refused(steps, lambda: steps.fit(DENSE, [[value] * T for value in values]), "must hold numbers")


@pytest.mark.parametrize("value", ["1.5", "red", dt.time(1), 10**400, 1j, [1, 2], b"1"], ids=str)
def test_what_is_no_number(value):
    model = regressor()
    for bad in (object_array([1.0, value, 2.0] * 2), object_array([value] * N)):
        for call in (lambda bad=bad: model.fit(DENSE, bad), lambda bad=bad: model.fit(DENSE, NUMBERS, bad)):
            with pytest.raises(ValueError, match=r"must hold numbers|Complex data"):
                call()
    refused(model, lambda: model.fit(DENSE, object_array([1.0, value, 2.0] * 2)), "sequence 1")


def test_numbers_as_texts_are_converted_as_the_message_says():
    with pytest.raises(ValueError, match="texts") as caught:
        regressor().fit(DENSE, ["1.5", "2"] * 3)
    expression = re.search(r"np\.asarray\(.*?\)", str(caught.value)).group()
    assert regressor().fit(DENSE, eval(expression, {"np": np, "y": ["1.5", "2"] * 3})).loss_curve_


# ---- where ----


def spoilt(values, at, value):
    values = np.array(values, dtype=float)
    values[at] = value
    return values


@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_errors_say_where(value, name):
    model, steps = regressor(), regressor(return_sequences=True)
    rows, of_steps, outputs = np.zeros((N, 2)), np.zeros((N, T)), np.zeros((N, T, 2))
    for estimator, good, bad, place in [
        (model, NUMBERS, spoilt(NUMBERS, 4, value), "sequence 4\\."),
        (model, rows, spoilt(rows, (3, 1), value), "sequence 3, output 1"),
        (steps, outputs, spoilt(outputs, (2, 1, 1), value), "sequence 2, step 1, output 1"),
        *([(steps, of_steps, spoilt(of_steps, (4, 2), value), "sequence 4, step 2")] if name != "NaN" else []),  # the mask
    ]:
        words = [f"Input y contains {name}", place]
        refused(estimator, lambda e=estimator, bad=bad: e.fit(DENSE, bad), *words)
        refused(estimator, lambda e=estimator, bad=bad: e.partial_fit(DENSE, bad), *words)
        refused(estimator, lambda e=estimator, bad=bad, good=good: e.fit(DENSE, good, X_val=DENSE, y_val=bad), "y_val", *words)
        fitted = type(estimator)(**estimator.get_params()).fit(DENSE, good)
        refused(fitted, lambda e=fitted, bad=bad: e.score(DENSE, bad), *words)
    for estimator, y, bad, place in [
        (model, NUMBERS, spoilt(WEIGHTS, 4, value), "sequence 4\\."),
        (steps, of_steps, spoilt(WEIGHTS, 4, value), "sequence 4\\."),
        (steps, of_steps, spoilt(of_steps + 1, (4, 2), value), "sequence 4, step 2"),
    ]:
        words = [f"Input sample_weight contains {name}", place]
        refused(estimator, lambda e=estimator, y=y, bad=bad: e.fit(DENSE, y, bad), *words)
        fitted = type(estimator)(**estimator.get_params()).fit(DENSE, y)
        refused(fitted, lambda e=fitted, y=y, bad=bad: e.score(DENSE, y, bad), *words)


def test_places_count_masked_steps():
    y = np.zeros((N, T, 2))
    y[0], y[1, 1] = np.nan, np.nan  # left out
    y[1, 2, 0] = np.nan
    model = regressor(return_sequences=True)
    refused(model, lambda: model.fit(DENSE, y), "sequence 1, step 2, output 0")


def test_negative_weights_say_where():
    model, steps = regressor(), regressor(return_sequences=True)
    refused(model, lambda: model.fit(DENSE, NUMBERS, spoilt(WEIGHTS, 2, -1)), "Negative", "sequence 2 has -1.0")
    bad = spoilt(np.ones((N, T)), (2, 1), -0.5)
    refused(steps, lambda: steps.fit(DENSE, np.zeros((N, T)), bad), "Negative", "sequence 2, step 1 has -0.5")
    per_step = PerStep(StandardScaler())
    with pytest.raises(ValueError, match=r"sequence 2, step 1 has -0\.5"):
        per_step.fit(DENSE, sample_weight=list(bad))


def test_windows_over_a_gap():
    from sklstm.preprocessing import make_windows

    series = np.sin(np.arange(100) / 5)
    series[40:43] = np.nan
    X, y = make_windows(series, window=8, horizon=2)
    model = regressor()
    refused(model, lambda: model.fit(np.nan_to_num(X), y), "Input y contains NaN", "sequence 31, output 1")
