"""Static features: a table with one row for each sequence, from `Sequences` to predictions."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import reference
from rows import assert_same_rows
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.inspection import gate_activations, integrated_gradients, step_importance
from sklstm.preprocessing import PerStep, make_windows, with_static

pandas = pytest.importorskip("pandas")
QUICK = {"hidden_size": 4, "max_iter": 4, "random_state": 0}


def draw(rng, n=60, n_channels=2, dtype=np.float64):
    """Ragged sequences, and columns of a static table."""
    lengths = rng.integers(1, 7, size=n)
    values = rng.normal(size=(lengths.sum(), n_channels)).astype(dtype)
    sites = rng.choice(["north", "south", "west"], size=n)
    table = {"age": rng.normal(60, 10, size=n), "site": sites, "dose": rng.normal(size=n)}
    return Sequences(values, np.concatenate([[0], np.cumsum(lengths)])), table


def sums(X):
    """A y that depends on both."""
    return np.add.reduceat(X.values[:, 0], X.offsets[:-1]) + X.static[:, 0] / 10


# ---- Sequences ----


def test_every_form_of_a_table_is_the_same_table(rng):
    X, table = draw(rng)
    rows = [list(row) for row in zip(*table.values(), strict=True)]
    frame = pandas.DataFrame(table)
    forms = [table, frame, rows, frame.astype({"site": "category"}), np.array(rows, dtype=object)]
    read = [X.with_static(form) for form in forms]
    for one in read[1:]:
        np.testing.assert_array_equal(one.static, read[0].static)
        assert one.static_categories.keys() == {1}
        assert one.static_categories[1].tolist() == ["north", "south", "west"]
    assert read[0].static_names == read[1].static_names == ["age", "site", "dose"]
    model = LSTMRegressor(**QUICK).fit(read[0], sums(read[0]))
    for one in read:
        np.testing.assert_array_equal(model.predict(one), model.predict(read[0]))
        np.testing.assert_array_equal(LSTMRegressor(**QUICK).fit(one, sums(one))._theta, model._theta)


@pytest.mark.parametrize("rows", [slice(2, 5), [4, 0, 0], np.arange(60) % 7 == 0, slice(None, None, -3)])
def test_rows_are_cut_along(rng, rows):
    X, table = draw(rng)
    X = X.with_static(table)
    np.testing.assert_array_equal(X[rows].static, X.static[rows])
    assert X[rows].static_names == X.static_names


def test_booleans_are_categories_and_numbers_are_numbers(rng):
    X, _ = draw(rng, 4)
    X = X.with_static(pandas.DataFrame({"ill": [True, False, True, True], "n": [3, 1, 2, 2]}))
    assert X.static.tolist() == [[1, 3], [0, 1], [1, 2], [1, 2]]
    assert X.static_categories.keys() == {0}


def test_pickles_and_copies_have_the_table(rng):
    X, table = draw(rng)
    X = X.with_static(table)
    for other in (pickle.loads(pickle.dumps(X)), copy.deepcopy(X), X.with_values(2 * X.values)):
        np.testing.assert_array_equal(other.static, X.static)
        assert other.static_names == X.static_names
        assert other.static_categories[1].tolist() == X.static_categories[1].tolist()


def test_an_index_of_ids_brings_rows_into_the_order_of_the_sequences(rng):
    X, table = draw(rng, 5)
    ids = np.array(list("abcde"))
    X.ids = ids
    frame = pandas.DataFrame(table, index=ids).iloc[[3, 1, 4, 0, 2]]
    np.testing.assert_array_equal(X.with_static(frame).static[:, 0], table["age"])
    with pytest.raises(ValueError, match="static must have the sequences of X, but sequence 2 of X has the id 'c'"):
        X.with_static(frame.rename({"c": "z"}))


def test_from_long_takes_columns_or_a_table():
    steps = {"who": ["b", "a", "b"], "v": [1.0, 2.0, 3.0], "age": [61, 48, 61], "sex": ["m", "f", "m"]}
    by_columns = Sequences.from_long(steps, id="who", static=["age", "sex"])
    people = {"sex": ["f", "m"], "who": ["a", "b"], "age": [48, 61]}
    by_table = Sequences.from_long({name: steps[name] for name in ("who", "v")}, id="who", static=people)
    assert by_columns.channel_names == by_table.channel_names == ["v"]
    np.testing.assert_array_equal(by_columns.static, [[61, 1], [48, 0]])
    np.testing.assert_array_equal(by_table.static, [[1, 61], [0, 48]])
    with pytest.raises(ValueError, match="Column 'age' is static, but changes within the sequence with the id 'b'"):
        Sequences.from_long(steps | {"age": [61, 48, 62]}, id="who", static=["age"])
    with pytest.raises(ValueError, match="The table static has no row with the id 'b'"):
        Sequences.from_long(steps, id="who", static={"who": ["a", "c"], "age": [1, 2]})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.ones((59, 1)), "static must have one row for each of the 60 sequences, got 59 rows"),
        (np.ones(60), "static must be a table of at least one column"),
        (np.ones((60, 0)), "static must be a table of at least one column"),
        ({"a": np.ones(60), "b": np.ones(59)}, "different numbers of rows"),
        ({"when": np.full(60, np.datetime64("2024-01-01"))}, "Column 'when' holds times"),
        ({"code": ["1", "2"] * 30}, "Column 'code' of static"),
        ([["a"], [1]] * 30, "mixes|holds no numbers"),
    ],
)
def test_tables_that_are_none(rng, table, message):
    with pytest.raises(ValueError, match=message):
        draw(rng)[0].with_static(table)


@pytest.mark.parametrize("form", ["array", "list", "flat", "Sequences"])
def test_with_static_takes_any_form(rng, form):
    values, table = rng.normal(size=(8, 3, 2)), rng.normal(size=(8, 1))
    X = {"array": values, "list": list(values), "flat": values.reshape(8, 6), "Sequences": Sequences.from_list(values)}[form]
    X = with_static(X, table, n_channels=2)
    np.testing.assert_array_equal(X.values, values.reshape(-1, 2))
    np.testing.assert_array_equal(X.static, table)


def test_transformers_keep_static_features(rng):
    X, table = draw(rng)
    X = X.with_static(table)
    np.testing.assert_array_equal(PerStep(StandardScaler()).fit_transform(X).static, X.static)


def test_windows_have_the_static_features_of_their_series(rng):
    X, table = draw(rng)
    X = X.with_static(table)
    windows, _, shop = make_windows(X, window=3, on_short="drop", groups=np.arange(60))
    np.testing.assert_array_equal(windows.static, X.static[shop])
    np.testing.assert_array_equal(windows[0], X[shop[0]][:3])
    assert windows.static_categories.keys() == {1}


# ---- tables that were read as something else ----

STEPS = {"who": ["b", "a", "b"], "visit": [1, 1, 2], "v": [1.0, 2.0, 3.0], "age": [61, 48, 61]}


@pytest.mark.parametrize(
    ("static", "message"),
    [
        ("age", r"list of names of columns, or a table, got 'age'. Pass \['age'\]"),
        ({"age"}, r"a set, whose order is undefined \(set\). Pass sorted\(static\)"),
        ((name for name in ["age"]), r"an iterator \(generator\). Pass list\(static\)"),
        ([], "static names no column"),
        (["age", "age"], "static has 'age' twice"),
        ({"who": ["a", "b"], "q": [1, 2, 3]}, "different numbers of rows"),
        ({"who": ["a", "b"]}, "no column besides the column 'who' of ids"),
    ],
)
def test_what_from_long_takes_for_no_table(static, message):
    with pytest.raises(ValueError, match=message):
        Sequences.from_long(STEPS, id="who", static=static)


@pytest.mark.parametrize("masked", [lambda rows: rows, list], ids=["array", "list"])
def test_masks_texts_and_lazy_tables_are_refused(rng, masked):
    X = draw(rng, 2)[0]
    with pytest.raises(ValueError, match="static is a masked array"):
        X.with_static(masked(np.ma.masked_array([[1.0], [99.0]], [[0], [1]])))
    with pytest.raises(ValueError, match="static must be a table, got 'ab'"):
        X.with_static("ab")
    with pytest.raises(ValueError, match=r"must be a table of at least one column, got shape \(2,\)"):
        X.with_static(["ab", "cd"])  # no table of letters
    with pytest.raises(ValueError, match=r"it is sparse.*Pass static.toarray\(\)"):
        X.with_static(csr_array(np.eye(2)))
    with pytest.raises(AttributeError, match=r"X.with_static\(table\)"):
        X.static = [[1.0], [2.0]]


def test_several_columns_of_ids_are_matched_by_all():
    table = pandas.DataFrame({"visit": [2, 1, 1], "who": ["b", "a", "b"], "dose": [3.0, 2.0, 1.0]})
    X = Sequences.from_long(STEPS, id=["who", "visit"], static=table)
    assert (X.ids.tolist(), X.static.tolist(), X.static_names) == ([("b", 1), ("a", 1), ("b", 2)], [[1], [2], [3]], ["dose"])
    one = Sequences.from_long(STEPS, id=["who"], static={"who": ["a", "b"], "sex": ["f", "m"]})
    assert one.static.tolist() == [[1], [0]]
    with pytest.raises(ValueError, match="has no column 'visit', but others of those that id names"):
        Sequences.from_long(STEPS, id=["who", "visit"], static=table[["who", "dose"]])
    with pytest.raises(ValueError, match=r"has no row with the id \('b', 1\), in the columns 'who', 'visit'"):
        Sequences.from_long(STEPS, id=["who", "visit"], static=table[:2])
    with pytest.raises(ValueError, match="has no row with the id 'b'"):
        Sequences.from_long(STEPS, id="who", static={"who": pandas.Categorical(["a", None]), "dose": [1, 2]})


@pytest.mark.parametrize("unit", ["ns", "us", "s", "D"])
def test_ids_that_are_dates_of_another_unit(unit):
    days = np.array(["2020-01-02", "2020-01-01"], dtype="M8[ns]")
    table = {"day": days[::-1].astype(f"M8[{unit}]"), "a": [1, 2]}
    X = Sequences.from_long({"day": days, "v": [1.0, 2.0]}, id="day", static=table)
    assert X.static.tolist() == [[2], [1]]


def test_a_static_column_that_is_too_short():
    with pytest.raises(ValueError, match="Column 'age' has 2 rows, column 'who' has 3"):
        Sequences.from_long(STEPS | {"age": [61, 48]}, id="who", columns=["v"], static=["age"])


def test_booleans_are_categories_in_all_forms(rng):
    X, frame = draw(rng, 3)[0], pandas.DataFrame({"ill": [True, False, True], "age": [1.5, 2.5, 3.5]})
    rows = [[True, 1.5], [False, 2.5], [True, 3.5]]
    for form in (frame, frame.to_dict("list"), rows, np.array(rows, dtype=object), frame.astype({"ill": "boolean"})):
        assert X.with_static(form).static_categories.keys() == {0}
    for column in (pandas.array([True, False, None], dtype="boolean"), [True, False, None]):
        X = X.with_static({"ill": column})
        np.testing.assert_array_equal(X.static[:, 0], [1, 0, np.nan])
        with pytest.raises(ValueError, match=r"0 \('ill'\) of sequence 2 has no category"):
            LSTMRegressor(**QUICK).fit(X, np.arange(3.0))


def test_with_static_leaves_padding_out():
    X = with_static(np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]]), [[1.0], [2.0]], padding=0)
    assert X.lengths.tolist() == [2, 1]
    assert with_static(X.to_padded(-9), X.static, padding=-9).lengths.tolist() == [2, 1]


def test_with_static_keeps_what_names_of_columns_tell(rng):
    frame = pandas.DataFrame(rng.normal(size=(9, 6)), columns=[f"{name}_{step}" for step in range(3) for name in "ab"])
    X = with_static(frame, np.arange(9.0)[:, None], n_channels=2)
    assert X.channel_names == ["a", "b"]
    model = LSTMRegressor(**QUICK).fit(X, np.arange(9.0))
    with pytest.raises(ValueError, match="The feature names should match"):
        model.predict(with_static(frame.rename(columns=lambda name: name.replace("b", "c")), X.static, n_channels=2))
    with pytest.raises(ValueError, match="not in the order of steps"):
        with_static(frame[sorted(frame)], X.static, n_channels=2)


def test_what_with_static_refuses_as_X():
    with pytest.raises(ValueError, match="list of univariate sequences, but n_channels=2"):
        with_static([[1.0, 2.0], [3.0, 4.0]], [[1.0], [2.0]], n_channels=2)
    with pytest.raises(ValueError, match="X has no sequence"):
        with_static(np.zeros((0, 4)), np.zeros((0, 1)))
    with pytest.raises(ValueError, match=r"it is sparse.*Pass X.toarray\(\)"):
        with_static(csr_array(np.eye(2)), [[1.0], [2.0]])


# ---- estimators ----

ARCHITECTURES = {
    "plain": {},
    "deep": {"num_layers": 2, "bidirectional": True, "pooling": ("last", "mean", "attention"), "initial_state": "learned"},
    "gru": {"cell": "gru", "pooling": "max", "bidirectional": True, "merge_mode": "sum"},
    "layernorm": {"cell": "layernorm", "residual": True, "num_layers": 2},
    "truncated": {"bptt_steps": 2, "n_jobs": 2},
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def test_predictions_are_those_of_the_twin_and_a_row_does_not_depend_on_the_others(rng, options, dtype):
    X, table = draw(rng, dtype=dtype)
    X = X.with_static(table)
    model = LSTMRegressor(**QUICK | options).fit(X, sums(X))
    predicted = model.predict(X)
    for i in (0, 7, 59):
        assert_same_rows(model.predict(X[i : i + 1]), predicted[i : i + 1])
    assert_same_rows(model.predict(X[[9, 3, 30]]), predicted[[9, 3, 30]])
    names = ("cell", "activation", "bidirectional", "merge_mode", "residual", "pooling")
    fitted = {name: model._network_spec[name] for name in names}
    fitted["pooling"] = tuple(fitted["pooling"]) if isinstance(fitted["pooling"], list) else fitted["pooling"]
    static = X.static + np.array([0, 1, 0])  # row 0 of the vectors is that of the unknown
    expected = reference.scores(model.weights_, X.to_list(), options.get("num_layers", 1), static=static, **fitted)
    assert reference.relative_error(predicted, expected[:, 0]) < 2000 * np.finfo(dtype).eps  # ages are far from 0


@pytest.mark.parametrize("scale", [2.0**20, 2.0**-30])
def test_units_of_static_features_change_nothing(rng, scale):
    X, table = draw(rng)
    first, y = X.with_static(table), sums(X.with_static(table))
    second = X.with_static(table | {"age": scale * table["age"]})
    a, b = (LSTMRegressor(**QUICK).fit(one, y).predict(one) for one in (first, second))
    np.testing.assert_array_equal(a, b)


def test_predictions_for_every_step(rng):
    X, table = draw(rng)
    X = X.with_static(table)
    y = Sequences(np.repeat(X.static[:, :1], X.lengths, axis=0), X.offsets)
    model = LSTMRegressor(**QUICK, return_sequences=True).fit(X, y)
    whole = model.predict(X)
    assert_same_rows(model.predict(X[5:6]).values, whole[5])
    static = X.static + np.array([0, 1, 0])
    expected = reference.scores(model.weights_, X.to_list(), 1, pooling=None, static=static)
    assert reference.relative_error(whole.values, expected) < 1e-12


def test_threads_make_the_same_bits(rng, monkeypatch):
    monkeypatch.setattr("sklstm.training.batching.SHARD_FLOPS", 1e3)
    X, table = draw(rng, 200)
    X = X.with_static(table)
    one, two = (LSTMRegressor(**QUICK, batch_size=200, n_jobs=n).fit(X, sums(X))._theta for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_fits_without_are_those_of_before(rng):
    X, table = draw(rng)
    y = sums(X.with_static(table))
    model = LSTMRegressor(**QUICK).fit(X, y)
    assert not any("static" in name for name in vars(model))
    assert "static_size" not in model._network_spec
    np.testing.assert_array_equal(LSTMRegressor(**QUICK).fit(X.with_static(table).with_static(None), y)._theta, model._theta)


def test_a_refit_without_leaves_nothing(rng):
    X, table = draw(rng)
    model = LSTMRegressor(**QUICK).fit(X.with_static(table), sums(X.with_static(table)))
    assert model.static_names_in_.tolist() == ["age", "site", "dose"]
    assert [values.tolist() for values in model.static_categories_] == [["north", "south", "west"]]
    model.fit(X, sums(X.with_static(table)))
    assert not hasattr(model, "static_names_in_")


def test_equal_sequences_of_other_static_features_are_not_merged(rng):
    values, table = np.zeros((40, 3, 1)), np.arange(40.0)[:, np.newaxis] % 2
    model = LSTMRegressor(8, solver="lbfgs", max_iter=50, random_state=0).fit(with_static(values, table), table[:, 0])
    np.testing.assert_allclose(model.predict(with_static(values[:2], [[0.0], [1.0]])), [0, 1], atol=0.05)


def test_repeats_are_weights(rng):
    X, table = draw(rng, 12)
    X = X.with_static(table)
    counts = rng.integers(1, 3, size=12)
    rows = np.repeat(np.arange(12), counts)
    models = LSTMRegressor(**QUICK).fit(X, sums(X), sample_weight=counts), LSTMRegressor(**QUICK).fit(X[rows], sums(X)[rows])
    np.testing.assert_array_equal(models[0]._theta, models[1]._theta)


def test_categories_are_compared_by_value(rng):
    X, table = draw(rng)
    model = LSTMRegressor(**QUICK).fit(X.with_static(table), sums(X.with_static(table)))
    predicted = model.predict(X.with_static(table))
    other = pandas.DataFrame(table).assign(site=pandas.Categorical(table["site"], categories=["west", "east", "south", "north"]))
    np.testing.assert_array_equal(model.predict(X.with_static(other)), predicted)
    unseen = [model.predict(X[:1].with_static([[60.0, site, 0.0]])) for site in ("moon", "mars", "north")]
    assert unseen[0] == unseen[1] != unseen[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, table: X, "X has no static features, but LSTMRegressor is expecting 3, as in fit"),
        (lambda X, table: X.to_list(), "X has no static features, but LSTMRegressor is expecting 3, as in fit"),
        (lambda X, table: X.with_static({"age": table["age"]}), "X has 1 static features, but LSTMRegressor is expecting 3"),
        (lambda X, table: X.with_static(dict(reversed(table.items()))), "names of static features"),
        (lambda X, table: X.with_static(table | {"site": np.ones(60)}), "1 .'site'. held categories in fit, but"),
        (lambda X, table: X.with_static(table | {"dose": ["a"] * 60}), "2 .'dose'. held numbers in fit, but"),
        (lambda X, table: X.with_static(table | {"site": [True] * 60}), "1 .'site'. was fitted on categories"),
        (lambda X, table: X.with_static(table | {"age": [1.0, np.nan] * 30}), r"0 .'age'. of sequence 1 is NaN.*Impute"),
        (lambda X, table: X.with_static(table | {"age": [1.0, np.inf] * 30}), r"feature 0 \('age'\) of sequence 1 is infinity"),
        (lambda X, table: X.with_static(table | {"site": ["north", None] * 30}), "1 .'site'. of sequence 1 has no category"),
    ],
)
def test_other_tables_than_in_fit(rng, change, message):
    X, table = draw(rng)
    model = LSTMRegressor(**QUICK).fit(X.with_static(table), sums(X.with_static(table)))
    for method in (model.predict, model.encode):
        with pytest.raises(ValueError, match=message):
            method(change(X, table))


def test_static_features_of_a_model_without(rng):
    X, table = draw(rng)
    model = LSTMRegressor(**QUICK).fit(X, sums(X.with_static(table)))
    with pytest.raises(ValueError, match="X has 3 static features, but LSTMRegressor was fitted without any"):
        model.predict(X.with_static(table))
    with pytest.raises(ValueError, match="fitted without any"):
        model.stream(static=[1.0])


def test_validation_data_have_them_too(rng):
    X, table = draw(rng)
    X = X.with_static(table)
    model = LSTMRegressor(**QUICK, early_stopping=True)
    model.fit(X[:40], sums(X)[:40], X_val=X[40:], y_val=sums(X)[40:])
    assert len(model.validation_scores_) == model.n_iter_
    with pytest.raises(ValueError, match=r"In the validation data.*X has no static features"):
        model.fit(X[:40], sums(X)[:40], X_val=X[40:].with_static(None), y_val=sums(X)[40:])


def test_categories_of_held_out_sequences_alone_are_unknown(rng):
    X, table = draw(rng, 100)
    table["site"][:] = "north"
    table["site"] = np.where(np.arange(100) == 17, "rare", table["site"])
    vocabularies = set()
    for seed in range(6):
        model = LSTMRegressor(4, max_iter=1, random_state=seed, early_stopping=True, validation_fraction=0.5)
        y = sums(X.with_static(table))
        vocabularies.add(len(model.fit(X.with_static(table), y).static_categories_[0]))
    assert vocabularies == {1, 2}


def test_numbers_of_which_float32_keeps_nothing(rng):
    seconds = 1.7e9 + rng.uniform(0, 60, size=40)
    values = rng.normal(size=(40, 3, 1)).astype(np.float32)
    with pytest.warns(UserWarning, match=r"Static feature 0 \('when'\) varies by little compared with its size"):
        LSTMRegressor(**QUICK).fit(with_static(values, {"when": seconds}), seconds)
    for X, when in ((values, seconds - seconds.mean()), (values, np.full(40, 0.1)), (values.astype(np.float64), seconds)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ConvergenceWarning)
            LSTMRegressor(**QUICK).fit(with_static(X, {"when": when}), seconds)


# ---- training that continues, files ----


def test_warm_starts_and_chunks(rng, tmp_path):
    X, table = draw(rng)
    X = X.with_static(table)
    y = sums(X)
    model = LSTMRegressor(**QUICK, warm_start=True).fit(X, y)
    saved = tmp_path / "model.npz"
    save(model, saved)
    loaded, pickled = load(saved), pickle.loads(pickle.dumps(model))
    for other in (loaded, pickled):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
    thetas = [one.fit(X, y)._theta for one in (model, loaded, pickled)]
    np.testing.assert_array_equal(thetas[0], thetas[1])
    np.testing.assert_array_equal(thetas[0], thetas[2])
    with pytest.raises(ValueError, match="X has no static features"):
        model.fit(X.with_static(None), y)


def test_partial_fit_continues_means_and_scales(rng):
    X, table = draw(rng)
    X, model = X.with_static(table), LSTMRegressor(4, random_state=0)
    for rows in (slice(0, 10), slice(10, 40), slice(40, 60)):
        model.partial_fit(X[rows], sums(X)[rows])
    moments = model._moments["static"]
    np.testing.assert_allclose(moments["mean"][0], table["age"].mean(), rtol=1e-12)
    np.testing.assert_allclose(moments["deviation"][0], table["age"].std(), rtol=1e-12)
    # What a chunk of no new weight changes are the units alone: the function stays.
    before = model.predict(X)
    model.set_params(learning_rate_init=1e-300).partial_fit(X[[0] * 30], sums(X)[[0] * 30])
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-9)


def test_a_checkpoint_is_continued(rng, tmp_path):
    X, table = draw(rng)
    X = X.with_static(table)
    path = str(tmp_path / "fit.npz")
    whole = LSTMRegressor(**QUICK).fit(X, sums(X))
    model = LSTMRegressor(**QUICK, checkpoint=path)

    class Stop(Exception):
        pass

    from sklstm.training import checkpoint as module

    original, saves = module.Checkpoint.save, []

    def save_twice(self, state):
        original(self, state)
        saves.append(state.n_epochs)
        if len(saves) == 2:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Checkpoint, "save", save_twice)
        with pytest.raises(Stop):
            model.fit(X, sums(X))
    with pytest.raises(ValueError, match="X \\(data\\)"):
        model.fit(X.with_static(table | {"dose": table["dose"] + 1}), sums(X))
    np.testing.assert_array_equal(model.fit(X, sums(X))._theta, whole._theta)


# ---- streams ----


@pytest.mark.parametrize("options", [{}, {"pooling": ("last", "max", "mean"), "num_layers": 2}, {"cell": "gru"}])
def test_streams_predict_the_same(rng, options):
    values, table = rng.normal(size=(20, 5, 2)), {"age": rng.normal(60, 9, size=20), "site": rng.choice(["a", "b"], size=20)}
    X = with_static(values, table)
    model = LSTMRegressor(**QUICK | options).fit(X, sums(X))
    expected, rows = model.predict(X), pandas.DataFrame(table)
    several, single = model.stream(static=rows[:3]), model.stream(static=rows.iloc[4].to_dict())
    for t in range(5):
        if t == 2:
            others = [single, copy.copy(single), pickle.loads(pickle.dumps(single)), model.stream(static=rows[:1])]
            others[-1].state = single.state
        for stream in [single] if t < 2 else others:
            last = stream.step(values[4, t])
        if t >= 2:
            assert len({float(stream.step(values[4, t])[0]) for stream in map(copy.copy, others)}) == 1
        answers = several.step(values[:3, t])
    assert last == expected[4]
    assert_same_rows(answers, expected[:3])
    several.reset(1, static=[table["age"][7], table["site"][7]])
    for t in range(5):
        answers = several.step(values[[0, 7, 2], t])
    assert answers[1] == expected[7]
    for forget in (lambda: several.reset(), lambda: several.reset([0, 1, 2]), lambda: setattr(several, "state", several.state)):
        forget()
        several.reset()
        own = rows.iloc[[0, 7, 2]].reset_index(drop=True)
        assert_same_rows(several.step(values[:3, 0]), model.predict(with_static(values[:3, :1], own)))


def test_streams_without_their_row(rng):
    X, table = draw(rng)
    model = LSTMRegressor(**QUICK).fit(X.with_static(table), sums(X.with_static(table)))
    with pytest.raises(ValueError, match="A stream needs the 3 static features"):
        model.stream()
    with pytest.raises(ValueError, match="has 1 static features"):
        model.stream(static=[1.0])
    stream = model.stream(static=[[60.0, "north", 1.0], [70.0, "moon", 0.0]])
    with pytest.raises(ValueError, match="static has 2 rows, but there are 3 streams"):
        stream.step(np.zeros((3, 2)))


def test_streams_know_which_columns_are_categories(rng):
    values, codes = rng.normal(size=(20, 2, 2)), np.arange(20) % 2
    zips, sites = pandas.Categorical(np.where(codes, "10115", "20095")), pandas.Categorical(codes)
    table = pandas.DataFrame({"zip": zips, "age": rng.normal(60, 9, size=20), "site": sites, "ill": codes == 1})
    X = with_static(values, table)
    model = LSTMRegressor(**QUICK).fit(X, sums(X))
    expected = model.predict(X)
    np.testing.assert_array_equal(model.predict(with_static(values, table.assign(site=codes, ill=codes))), expected)
    row, first = table.iloc[0].to_dict(), model.predict(with_static(values[:, :1], table))[0]
    for form in (table.iloc[0], row, list(row.values()), table[:1], row | {"ill": 0}):
        assert model.stream(static=form).step(values[0, 0]) == first
    for name, column in (("zip", 0), ("site", 2), ("ill", 3)):
        with pytest.raises(ValueError, match=f"Static feature {column} .'{name}'. of sequence 0 has no category"):
            model.stream(static=row | {name: None})
    with pytest.raises(ValueError, match=r"0 .'zip'. held categories in fit, but holds numbers"):
        model.stream(static=row | {"zip": 20095})


def test_a_reset_or_assigned_stream_keeps_its_row_and_one_row_for_all_remains_that(rng):
    table, x = rng.normal(size=(20, 1)), rng.normal(size=(3, 2))
    X = with_static(rng.normal(size=(20, 3, 2)), table)
    model = LSTMRegressor(**QUICK).fit(X, sums(X))
    one, other = model.stream(static=table[0]), model.stream(static=table[:2])
    one.step(x), other.step(x[:2])
    copies, rows = copy.copy(one), model.predict(with_static(x[:2, np.newaxis], table[:2]))
    one.state = one.state
    one.reset()
    assert len(one.step(x[:2])) == 2
    one.reset(1, static=table[1])
    one.reset()
    assert_same_rows(one.step(x[:2]), rows)
    copies.state = other.state
    copies.reset()
    assert_same_rows(copies.step(x[:2]), rows)


# ---- inspection ----


@pytest.mark.parametrize("options", [{}, {"cell": "layernorm", "bidirectional": True}])
def test_inspection_knows_static_features(rng, options):
    X, table = draw(rng, 30)
    X = X.with_static(table)
    model = LSTMRegressor(**QUICK | options).fit(X, sums(X))
    explained = integrated_gradients(model, X)
    contributions = np.add.reduceat(explained.attributions.values.sum(axis=1), X.offsets[:-1])
    np.testing.assert_allclose(contributions, explained.outputs - explained.baseline_outputs, atol=1e-2)
    np.testing.assert_allclose(explained.outputs, model.predict(X), rtol=1e-9)
    baseline = X.with_values(0 * X.values + 0.5)
    with_own, without = (integrated_gradients(model, X, baseline=one) for one in (baseline, baseline.with_static(None)))
    np.testing.assert_array_equal(with_own.attributions.values, without.attributions.values)
    np.testing.assert_allclose(with_own.baseline_outputs, model.predict(baseline), rtol=1e-9)
    last = gate_activations(model, X)["h"].values[X.offsets[1:] - 1]
    np.testing.assert_allclose(last, model.encode(X)[:, :4], rtol=1e-9)
    assert step_importance(model, X, sums(X), n_repeats=1, random_state=0).score == model.score(X, sums(X))


# ---- a label that is the exclusive or of a static bit and one of the sequence ----


@pytest.fixture(scope="module")
def exclusive_or():
    rng = np.random.default_rng(0)
    n = 360
    static, dynamic, values = rng.integers(2, size=n), rng.integers(2, size=n), 0.1 * rng.normal(size=(n, 4, 1))
    values[:, 1, 0] += dynamic
    X = with_static(values, {"treated": static.astype(bool), "age": rng.normal(60, 10, size=n)})
    return X, static ^ dynamic, static


XOR = {"hidden_size": 8, "max_iter": 60, "learning_rate_init": 0.02, "random_state": 0}
WAYS = {
    "plain": lambda model: model,
    "search": lambda model: GridSearchCV(model, {"hidden_size": [6, 8]}, cv=2),
    "calibrated": lambda model: CalibratedClassifierCV(model, cv=2),
    "stacking": lambda model: StackingClassifier([("lstm", model)], LogisticRegression(), cv=2),
    "pipeline": lambda model: make_pipeline(PerStep(StandardScaler()), model),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_exclusive_or(exclusive_or, way):
    X, y, _ = exclusive_or
    assert way(LSTMClassifier(**XOR)).fit(X[:240], y[:240]).score(X[240:], y[240:]) >= 0.99


def test_neither_bit_alone_tells(exclusive_or):
    X, y, _ = exclusive_or
    shuffled = X.with_static(X._static[np.random.default_rng(1).permutation(len(X))])
    for one in (X.with_static(None), X.with_values(0 * X.values), shuffled):
        score = LSTMClassifier(**XOR | {"max_iter": 10}).fit(one[:240], y[:240]).score(one[240:], y[240:])
        assert 0.3 < score < 0.7


def test_rows_follow_the_splitters(exclusive_or):
    X, y, _ = exclusive_or
    order = np.random.default_rng(2).permutation(len(X))
    predicted = cross_val_predict(clone(LSTMClassifier(**XOR)), X[order], y[order], cv=3)
    assert (predicted == y[order]).mean() >= 0.99


@pytest.mark.parametrize("static", [{"values": np.zeros((3, 1))}, {"values": [[1]], "names": None, "categories": {}}, "table"])
def test_pickles_with_other_static_features_are_refused(rng, static):
    X, table = draw(rng, 3)
    X = X.with_static(table)
    state = X.__getstate__() | {"static": static}
    with pytest.raises(ValueError, match="static"):
        Sequences.__new__(Sequences).__setstate__(state)


def test_static_features_are_read_only(rng):
    X, table = draw(rng, 3)
    with pytest.raises(ValueError, match="read-only"):
        X.with_static(table).static[0] = 1


def test_weights_can_be_set(rng):
    X, table = draw(rng)
    X = X.with_static(table)
    model = LSTMRegressor(**QUICK).fit(X, sums(X))
    predicted, weights = model.predict(X), {name: np.zeros_like(model.weights_[name]) for name in ("layer_0.S", "static.V")}
    model.set_weights(weights)
    one, other = model.predict(X), model.predict(X.with_static(X._static[::-1]))
    np.testing.assert_array_equal(one, other)
    assert (one != predicted).any()
    model.set_params(warm_start=True).fit(X, sums(X))
