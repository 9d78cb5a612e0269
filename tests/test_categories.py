"""Properties of categorical channels (`categorical_features`, `embedding_dim`)."""

import pickle
import re
import warnings
from functools import partial

import numpy as np
import pytest
from reference import relative_error
from reference import scores as reference_scores
from rows import assert_same_rows
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from test_bad_input import refuses

import sklstm.estimators.fitting
import sklstm.training.gradient
from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.preprocessing import PerStep

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, T = 24, 4
WORDS = np.array(["apple", "fig", "kiwi", "lime", "plum"])


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 4, "max_iter": 4, "categorical_features": [0], "random_state": 0} | params)


@pytest.fixture
def codes(rng):
    """Codes (N, T) from 0 to 4, each of which occurs."""
    codes = rng.integers(5, size=(N, T))
    codes[0], codes[1, 0] = range(T), 4
    return codes


@pytest.fixture
def X(codes, rng):
    """Sequences (N, T, 2) of a code and a number."""
    return np.stack([codes, rng.normal(size=(N, T))], axis=2)


@pytest.fixture
def y(X, rng):
    return rng.normal(size=5)[X[:, -1, 0].astype(int)] + X[:, :, 1].sum(axis=1)


@pytest.fixture
def ragged_codes(ragged, rng):
    """Ragged sequences of 3 channels, the middle one codes."""
    sequences = [x.copy() for x in ragged]
    for x in sequences:
        x[:, 1] = rng.integers(4, size=len(x))
    return sequences


def assert_same_bits(a, b, X, X_of_b=None):
    np.testing.assert_array_equal(a.predict(X), b.predict(X if X_of_b is None else X_of_b))
    assert a.loss_curve_ == b.loss_curve_


# ---- values are names ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("relabel", [lambda c: 10 * c, lambda c: c**3 + 7, lambda c: c + 1e6], ids=["10 c", "c^3 + 7", "c + 1e6"])
def test_codes_are_names_in_order(X, y, dtype, relabel):
    X = X.astype(dtype)
    other = X.copy()
    other[:, :, 0] = relabel(X[:, :, 0])
    model = regressor().fit(X, y)
    renamed = clone(model).fit(other, y)
    assert_same_bits(model, renamed, X, other)
    assert model.predict(X).dtype == dtype
    np.testing.assert_array_equal(renamed.categories_[0], relabel(model.categories_[0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forms_of_X_give_the_same_bits(X, y, dtype):
    X = X.astype(dtype)
    objects = np.empty(N, dtype=object)
    objects[:] = list(X)
    expected = regressor().fit(X, y)
    for form in (X, list(X), objects, Sequences.from_list(X), X.reshape(N, -1)):
        model = regressor(n_channels=2).fit(form, y)
        assert_same_bits(expected, model, X, form)
        np.testing.assert_array_equal(model.predict(X), expected.predict(X))


def test_all_is_every_channel_and_the_order_of_the_channels_does_not_matter(codes, y):
    X = np.stack([codes, codes[::-1], codes[:, ::-1]], axis=2)
    expected = regressor(categorical_features="all").fit(X, y)
    for features in ([0, 1, 2], (2, 0, 1), np.array([1, 2, 0])):
        model = regressor(categorical_features=features).fit(X, y)
        assert_same_bits(expected, model, X)
        assert model._categorical == (0, 1, 2)
    assert len(expected.categories_) == 3


def test_integers_are_codes_too(codes, y):
    # Integer arrays are computed in float64, as any that is not float32.
    expected = regressor().fit(codes[:, :, np.newaxis].astype(float), y)
    for form in (codes[:, :, np.newaxis], list(codes), codes, codes.tolist(), codes.astype(np.uint8)):
        model = regressor().fit(form, y)
        assert_same_bits(expected, model, codes[:, :, np.newaxis], form)


def test_attributes(X, y):
    model = regressor().fit(X, y)
    np.testing.assert_array_equal(model.categories_[0], np.arange(5))
    assert model.n_features_in_ == 2
    # Row 0 for the unknown; round(1.6 * 5 ** 0.56) = 4 columns.
    assert model.weights_["input.E0"].shape == (6, 4)
    assert regressor(embedding_dim=7).fit(X, y).weights_["input.E0"].shape == (6, 7)
    assert regressor(categorical_features=None).fit(X, y).categories_ == []
    both = np.concatenate([X, X[:, :, :1] % 2], axis=2)
    model = regressor(categorical_features=[2, 0], embedding_dim=(3, 1)).fit(both, y)
    # Widths are in the order of the channels, however they are named.
    assert model.weights_["input.E0"].shape == (6, 3)
    assert model.weights_["input.E2"].shape == (3, 1)


def test_without_categorical_channels_nothing_changes(X, y):
    assert_same_bits(regressor(categorical_features=None).fit(X, y), regressor(categorical_features=[]).fit(X, y), X)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"cell": "layernorm", "num_layers": 2},
        {"hidden_size": 5, "embedding_dim": 3, "residual": True},
        {"bidirectional": True, "pooling": "mean"},
        {"standardize": False, "pooling": "attention", "initial_state": "learned"},
        {"return_sequences": True},
    ],
    ids=str,
)
def test_predictions_are_those_of_the_named_weights(ragged_codes, params):
    shifted = [x * [7, 1, 50] + [100, 0, -3] for x in ragged_codes]
    per_step = params.get("return_sequences", False)
    y = [x[:, :2] * 50 if per_step else x[-1, :2] * 50 for x in shifted]
    model = regressor(categorical_features=[1], **params).fit(shifted, y)
    rows = [x.copy() for x in shifted]
    for x in rows:
        x[:, 1] = np.searchsorted(model.categories_[0], x[:, 1]) + 1
    keys = ("cell", "bidirectional", "residual", "pooling")
    options = {key: params[key] for key in keys if key in params} | ({"pooling": None} if per_step else {})
    expected = reference_scores(model.weights_, rows, params.get("num_layers", 1), **options)
    predicted = model.predict(shifted)
    assert relative_error(np.concatenate(predicted) if per_step else predicted, expected) < 1e-12


def test_it_learns_what_only_the_codes_tell(rng):
    # Codes in an order that tells nothing: read as numbers a small network finds no such table of 12 values.
    table = rng.permutation(np.linspace(-1, 1, 12))
    X = rng.integers(12, size=(300, 3, 1))
    y = table[X[:, :, 0]].sum(axis=1)
    model = regressor(hidden_size=16, max_iter=40, learning_rate_init=0.02).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.95


# ---- the unknown ----


def test_any_unseen_value_is_the_unknown(X, y):
    model = regressor().fit(3 * X, y)
    answers = set()
    for value in (1, 2, 4, 13, 77, 1e6, 1e15):
        changed = X[:1] * 3
        changed[0, 2, 0] = value
        answers.add(model.predict(changed)[0])
    assert len(answers) == 1
    weights = model.weights_
    row = np.array([[[0.0, 1.5]]])
    unknown = np.array([[[2.0, 1.5]]])
    assert relative_error(model.predict(unknown), reference_scores(weights, row, 1)[:, 0]) < 1e-12


def test_the_unknown_vector_learns(X, y):
    # By 1 in 100 values that training hides.
    before = regressor(max_iter=1, learning_rate_init=1e-300, solver="sgd").fit(X, y).weights_["input.E0"]
    after = regressor(max_iter=60).fit(X, y).weights_["input.E0"]
    assert (after[0] != before[0]).all()


def test_hiding_is_for_training_only(X, y):
    model = regressor().fit(X, y)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))


@pytest.mark.parametrize("later", ["partial_fit", "warm_start"])
def test_values_that_come_later_are_unknown(X, y, later):
    model = regressor(warm_start=True).fit(X, y)
    shape = model.weights_["input.E0"].shape
    more = X + np.array([9, 0])
    (model.partial_fit if later == "partial_fit" else model.fit)(more, y)
    np.testing.assert_array_equal(model.categories_[0], np.arange(5))
    assert model.weights_["input.E0"].shape == shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_touch_only_the_rows_in_use(X, y, dtype):
    # SGD without momentum leaves what has no gradient, and the penalty is not on the vectors. In the first chunk all
    # values occur, in the second 1 and 3. 0 is the row of the unknown, which hidden values may have touched.
    model = regressor(solver="sgd", momentum=0, nesterovs_momentum=False, alpha=0.1, embedding_dim=3)
    X = X.astype(dtype)
    model.partial_fit(X, y)
    before = model.weights_["input.E0"].copy()
    chunk = X.copy()
    chunk[:, :, 0] = np.where(X[:, :, 0] < 2, 1, 3)
    model.partial_fit(chunk, y)
    after = model.weights_["input.E0"]
    np.testing.assert_array_equal(after[[1, 3, 5]], before[[1, 3, 5]])
    assert (after[[2, 4]] != before[[2, 4]]).all()


def test_a_sequence_of_weight_zero_is_as_good_as_absent_for_the_categories(X, y):
    # As for the statistics of numbers: its values are not those that the model saw.
    extra = X[:1].copy()
    extra[0, 1, 0] = 9
    weights = np.append(np.ones(N), 0)
    model = regressor().fit(np.concatenate([X, extra]), np.append(y, 0), sample_weight=weights)
    np.testing.assert_array_equal(model.categories_[0], np.arange(5))
    assert_same_bits(regressor().fit(X, y), model, X)


# ---- units and continuation ----


def test_units_of_the_numeric_channels_do_not_change_the_fit(X, y):
    plain = regressor(max_iter=10).fit(X, y)
    moved = X * [1, 1e4] + [0, 1e5]
    # A shift by 1e5, ten deviations, leaves 14 digits; training multiplies differences.
    np.testing.assert_allclose(clone(plain).fit(moved, y).predict(moved), plain.predict(X), atol=1e-7)
    doubled = X * [1, 1024]
    np.testing.assert_array_equal(clone(plain).fit(doubled, y).predict(doubled), plain.predict(X))


def test_codes_are_not_standardised(codes, y):
    X = codes[:, :, np.newaxis]
    standardized, raw = (regressor(standardize=s).fit(X, (y - y.mean()) / y.std()) for s in (True, False))
    # y in standard units already, up to rounding.
    np.testing.assert_allclose(standardized.predict(X), raw.predict(X), rtol=1e-8)


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_copies_and_continuation(ragged_codes, Estimator):
    y = np.arange(len(ragged_codes)) % 2
    params = {"hidden_size": 4, "categorical_features": [1], "learning_rate": "constant", "random_state": 0}
    once = Estimator(max_iter=6, **params).fit(ragged_codes, y)
    twice = Estimator(max_iter=3, warm_start=True, **params).fit(ragged_codes, y)
    twice = pickle.loads(pickle.dumps(twice)).fit(ragged_codes, y)
    assert_same_bits(once, twice, ragged_codes)
    assert_same_bits(once, clone(once).fit(ragged_codes, y), ragged_codes)


def test_cross_validation_with_values_that_only_some_parts_have(X, y):
    X[0, 0, 0] = 17
    for form in (X, list(X), Sequences.from_list(X), X.reshape(N, -1)):
        scores = cross_val_score(regressor(n_channels=2), form, y, cv=3, error_score="raise")
        assert np.isfinite(scores).all()
    grid = {"embedding_dim": [1, "auto", (3,)], "categorical_features": [[0]]}
    search = GridSearchCV(regressor(), [grid, {"categorical_features": [None]}], cv=2, error_score="raise")
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()


def test_dropout_hiding_and_threads_give_the_same_bits(rng, monkeypatch):
    # More work than one shard takes: 2 x 1e8 multiplications and additions.
    counts = []
    original = sklstm.training.gradient.shards
    monkeypatch.setattr(sklstm.training.gradient, "shards", lambda *a: counts.append(len(original(*a))) or original(*a))
    X = rng.integers(9, size=(96, 120, 2))
    y = X[:, :, 0].mean(axis=1)
    params = {"hidden_size": 32, "batch_size": 96, "max_iter": 2, "categorical_features": "all", "dropout": 0.2}
    fitted = [regressor(n_jobs=n_jobs, **params).fit(X, y) for n_jobs in (1, 2)]
    assert max(counts) > 1
    assert_same_bits(*fitted, X)


# ---- DataFrames ----


def columns(values):
    """Columns of a table (N, 2 T) of which every other is a category: name -> column."""
    return {f"{kind}{t}": values[kind][:, t] for t in range(T) for kind in ("c", "v")}


def as_categories(frame):
    return frame.astype({name: "category" for name in frame.columns if name.startswith("c")})


def pandas_frames(codes, numbers):
    pd = pytest.importorskip("pandas")
    integers = pd.DataFrame(columns({"c": codes, "v": numbers}))
    texts = pd.DataFrame(columns({"c": WORDS[codes].astype(object), "v": numbers}))
    names = [name for name in texts.columns if name.startswith("c")]
    return {
        "integers": integers,
        "small integers": integers.astype({name: "int8" for name in names}),
        "whole floats": integers.astype({name: float for name in names}),
        "nullable integers": integers.astype({name: "Int64" for name in names}),
        "categories of integers": as_categories(integers),
        "objects": texts,
        "texts": texts.astype({name: "str" for name in names}),
        "nullable texts": texts.astype({name: "string" for name in names}),
        "categories": as_categories(texts),
    }


def polars_frames(codes, numbers):
    pl = pytest.importorskip("polars")
    texts = pl.DataFrame({k: v.tolist() for k, v in columns({"c": WORDS[codes], "v": numbers}).items()})
    chosen = [name for name in texts.columns if name.startswith("c")]
    return {
        "polars integers": pl.DataFrame(columns({"c": codes, "v": numbers})),
        "polars texts": texts,
        "polars categories": texts.with_columns(pl.col(chosen).cast(pl.Categorical)),
        "polars enums": texts.with_columns(pl.col(chosen).cast(pl.Enum(WORDS.tolist()))),
    }


FRAMES = [
    "integers", "small integers", "whole floats", "nullable integers", "categories of integers", "objects", "texts",
    "nullable texts", "categories", "polars integers", "polars texts", "polars categories", "polars enums",
]  # fmt: skip


def frame_of(name, X):
    codes, numbers = X[:, :, 0].astype(int), X[:, :, 1]
    return (polars_frames if name.startswith("polars") else pandas_frames)(codes, numbers)[name]


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("features", [[0], [f"c{t}" for t in range(T)]], ids=["number", "names"])
def test_frames_are_the_arrays_they_stand_for(X, y, name, features):
    # WORDS are in the order of their codes.
    frame = frame_of(name, X)
    expected = regressor().fit(X, y)
    model = regressor(n_channels=2, categorical_features=features).fit(frame, y)
    assert_same_bits(expected, model, X, frame)
    assert list(model.feature_names_in_) == list(frame.columns)
    of_numbers = "integers" in name or "floats" in name
    assert model.categories_[0].tolist() == (list(range(5)) if of_numbers else WORDS.tolist())
    model.partial_fit(frame, y)
    assert_same_bits(expected.partial_fit(X, y), model, X, frame)


@pytest.mark.parametrize("fitted_on", ["objects", "categories", "polars texts", "polars enums"])
@pytest.mark.parametrize("asked_with", ["objects", "nullable texts", "categories", "polars texts", "polars categories"])
def test_texts_are_the_same_in_any_container(X, y, fitted_on, asked_with):
    model = regressor(n_channels=2).fit(frame_of(fitted_on, X), y)
    expected = regressor().fit(X, y).predict(X)
    np.testing.assert_array_equal(model.predict(frame_of(asked_with, X)), expected)


@pytest.mark.parametrize("name", ["integers", "objects", "categories", "polars texts"])
def test_frames_of_categories_alone_are_computed_in_float64(codes, y, name):
    # "float32 for a float32 X and float64 for any other".
    frame = frame_of(name, np.stack([codes, codes], axis=2))[[f"c{t}" for t in range(T)]]
    model = regressor().fit(frame, y)
    assert model.predict(frame).dtype == np.float64
    assert_same_bits(regressor().fit(codes[:, :, np.newaxis], y), model, codes[:, :, np.newaxis], frame)


def test_small_integers_beside_categories_are_computed_in_float64(codes, y):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(columns({"c": WORDS[codes], "v": codes.astype(np.int8)}))
    assert regressor(n_channels=2).fit(frame, y).predict(frame).dtype == np.float64
    halves = frame.astype({name: np.float32 for name in frame.columns if name.startswith("v")})
    assert regressor(n_channels=2).fit(halves, y).predict(halves).dtype == np.float32


def test_large_codes_in_a_frame_keep_their_identity(codes, y):
    # float32 could not tell them apart.
    pd = pytest.importorskip("pandas")
    plain = pd.DataFrame(codes)
    model, large = regressor().fit(plain, y), regressor().fit(plain + (1 << 40), y)
    assert_same_bits(model, large, plain, plain + (1 << 40))
    assert len(large.categories_[0]) == 5


@pytest.mark.parametrize("name", ["objects", "categories", "polars texts"])
def test_unseen_texts_are_the_unknown(X, y, name):
    model = regressor(n_channels=2).fit(frame_of(name, X), y)
    frame = pytest.importorskip("pandas").DataFrame(columns({"c": WORDS[X[:, :, 0].astype(int)], "v": X[:, :, 1]}))
    answers = []
    for word in ("", "a", "zzzzzzzzzzzzzzz", "appl", "apple ", "Apple"):
        asked = frame.astype({"c1": object})
        asked.loc[0, "c1"] = word
        answers.append(model.predict(asked)[0])
    assert len(set(answers)) == 1
    assert answers[0] != model.predict(frame)[0]


def test_the_values_of_a_channel_are_those_of_all_its_columns(y):
    pd = pytest.importorskip("pandas")
    words = np.resize(["b", "a"], N)
    frame = pd.DataFrame({"first": words, "second": np.where(words == "a", "c", "a")})
    assert regressor().fit(frame, y).categories_[0].tolist() == ["a", "b", "c"]


def test_unused_categories_of_a_dtype_do_not_matter(X, y):
    pd = pytest.importorskip("pandas")
    frame = frame_of("objects", X)
    wide = frame.astype({f"c{t}": pd.CategoricalDtype([*WORDS[::-1], "zucchini"]) for t in range(T)})
    assert_same_bits(regressor(n_channels=2).fit(frame, y), regressor(n_channels=2).fit(wide, y), frame, wide)


def test_a_model_of_sequences_reads_frames_of_codes_and_the_other_way_round(X, y):
    frame = frame_of("integers", X)
    by_list, by_frame = (regressor(n_channels=2).fit(form, y) for form in (list(X), frame))
    np.testing.assert_array_equal(by_list.predict(frame), by_frame.predict(list(X)))


def test_the_frame_is_not_changed(X, y):
    frame = frame_of("categories", X)
    before = frame.copy(deep=True)
    regressor(n_channels=2).fit(frame, y).predict(frame)
    assert frame.equals(before)
    array = X.copy()
    regressor().fit(array, y).predict(array)
    np.testing.assert_array_equal(array, X)


# ---- bad input ----


def refused(monkeypatch, estimator, call, words):
    """That `call` raises a ValueError with the words before training begins, and leaves the estimator as it was."""
    monkeypatch.setattr(sklstm.estimators.fitting, "train", lambda *a, **k: pytest.fail("Training began."))
    refuses(estimator, call, words)
    with pytest.raises(ValueError):
        call()


def with_code(value, sequence=3, step=2):
    def change(X):
        bad = X.copy()
        bad[sequence, step, 0] = value
        return bad

    return change


PLACE = ["[cC]hannel 0", "sequence 3, step 2"]
ENCODE = "OrdinalEncoder|Encode"
BAD_CODES = {
    "negative fraction": (with_code(-1.5), [*PLACE, "is -1.5", "no integer", "Expected codes from 0", ENCODE]),
    "too large a negative": (with_code(-(2.0**53)), [*PLACE, "too large", "Expected codes from 0", ENCODE]),
    "fraction": (with_code(1.5), [*PLACE, "is 1.5", "no integer", "Expected codes from 0", ENCODE]),
    "too large": (with_code(2.0**53), [*PLACE, "too large", "Expected codes from 0", ENCODE]),
    "too large for float32": (lambda X: with_code(2.0**24)(X).astype(np.float32), [*PLACE, "too large: float32", ENCODE]),
    "NaN": (with_code(np.nan), [*PLACE, "NaN", "Impute"]),
    "infinity": (with_code(np.inf), [*PLACE, "infinity"]),
    "text": (lambda X: with_code("red")(X.astype(object)), [*PLACE, "red", "Encode"]),
}


@pytest.mark.parametrize("name", BAD_CODES)
@pytest.mark.parametrize("form", ["3-D", "list", "Sequences", "2-D"])
def test_bad_codes(X, y, name, form, monkeypatch):
    change, words = BAD_CODES[name]
    make = {"3-D": lambda X: X, "list": list, "Sequences": None, "2-D": lambda X: X.reshape(N, -1)}[form]
    if make is None:
        bad = Sequences(change(X).reshape(-1, 2), np.arange(N + 1) * T)
    else:
        bad = make(change(X))
    model, fitted = regressor(n_channels=2), regressor(n_channels=2, warm_start=True).fit(X, y)
    refused(monkeypatch, model, lambda: model.fit(bad, y), words)
    refused(monkeypatch, model, lambda: model.partial_fit(bad, y), words)
    refused(monkeypatch, model, lambda: model.fit(X, y, X_val=bad, y_val=y), [*words, "validation data"])
    refused(monkeypatch, fitted, lambda: fitted.fit(bad, y), words)
    refused(monkeypatch, fitted, lambda: fitted.predict(bad), words)


@pytest.mark.parametrize(("value", "fault"), [(-1.5, "no integer"), (1.5, "no integer"), (2.0**53, "too large")])
def test_bad_codes_in_a_frame_say_where_they_are(X, y, value, fault, monkeypatch):
    # Row 3 of column "c2" is sequence 3, step 2, as it is in an array.
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(columns({"c": with_code(value)(X)[:, :, 0], "v": X[:, :, 1]}))
    model = regressor(n_channels=2)
    refused(monkeypatch, model, lambda: model.fit(frame, y), [fault, "sequence 3, step 2|'c2'.*row 3", "Expected codes from 0"])


@pytest.mark.parametrize("name", ["objects", "nullable texts", "categories", "nullable integers", "polars texts"])
def test_missing_categories_in_a_frame(X, y, name, monkeypatch):
    frame = frame_of(name, X)
    if name.startswith("polars"):
        words = frame["c2"].to_list()
        words[3] = None
        bad = frame.with_columns(pytest.importorskip("polars").Series("c2", words))
    else:
        bad = frame.copy()
        bad.loc[3, "c2"] = None
    model, fitted = regressor(n_channels=2), regressor(n_channels=2).fit(frame, y)
    words = ["NaN|no value", "'c2'", "row 3", "Fill"]
    refused(monkeypatch, model, lambda: model.fit(bad, y), words)
    refused(monkeypatch, fitted, lambda: fitted.predict(bad), words)


BAD_FEATURES = {
    "twice": ([0, 0], ["twice", r"\[0, 0\]", "once"]),
    "too large": ([2], ["from 0 to 1", r"\[2\]"]),
    "negative": ([-1], ["from 0 to 1", r"\[-1\]"]),
    "a fraction": ([0.5], ["from 0 to 1", "0.5"]),
    "a mask": ([True, False], ["from 0 to 1", "True"]),
    "None inside": ([None], ["from 0 to 1", "None"]),
    "names without a frame": (["c0"], ["names of columns", "no DataFrame", "Pass a DataFrame"]),
    "names and numbers": (["c0", 1], ["c0"]),
    "another text": ("some", ["categorical_features", "'all'", "'some'"]),
    "a number": (0, ["categorical_features", "array-like", "Got 0"]),
}


@pytest.mark.parametrize("name", BAD_FEATURES)
@pytest.mark.parametrize("form", ["3-D", "list", "2-D"])
def test_bad_categorical_features(X, y, name, form, monkeypatch):
    features, words = BAD_FEATURES[name]
    form = {"3-D": X, "list": list(X), "2-D": X.reshape(N, -1)}[form]
    model = regressor(categorical_features=features, n_channels=2)
    refused(monkeypatch, model, lambda: model.fit(form, y), words)
    refused(monkeypatch, model, lambda: model.partial_fit(form, y), words)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (["c9"], ["'c9'", "no column", "c0"]),
        (["c0", "c0"], ["twice", "once"]),
        (["c0", "c1"], ["Channel 0", "some steps", "'c2'", "Name all or none"]),
        (["c0", "c1", "c2", "c3", "v1"], ["Channel 1", "some steps", "'v0'", "Name all or none"]),
        (None, ["'c0'", "categor", "read as numbers", "categorical_features"]),
        ([1], ["'c0'", "categor", "read as numbers", "categorical_features"]),
    ],
    ids=str,
)
def test_bad_names_in_a_frame(X, y, features, words, monkeypatch):
    frame = frame_of("categories", X)
    model = regressor(categorical_features=features, n_channels=2)
    refused(monkeypatch, model, lambda: model.fit(frame, y), words)


def test_categories_where_fit_saw_numbers(X, y, monkeypatch):
    plain = X.copy()
    model = regressor(categorical_features=None, n_channels=2).fit(plain.reshape(N, -1), y)
    refused(monkeypatch, model, lambda: model.predict(frame_of("categories", X)), ["'c0'", "read as numbers"])


def test_another_kind_of_categories_than_in_fit(X, y, monkeypatch):
    texts, numbers = frame_of("objects", X), frame_of("integers", X)
    by_texts, by_numbers = (regressor(n_channels=2).fit(frame, y) for frame in (texts, numbers))
    refused(monkeypatch, by_texts, lambda: by_texts.predict(numbers), ["are text", "apple", "same kind"])
    refused(monkeypatch, by_texts, lambda: by_texts.predict(list(X)), ["are text", "apple", "same kind"])
    refused(monkeypatch, by_numbers, lambda: by_numbers.predict(texts), ["are numbers", "same kind"])


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1, "x"], ["hannel 0", "cannot be sorted", "Convert"]),
        ([[1], [2]], ["hannel 0", "Convert"]),
    ],
    ids=["mixed", "lists"],
)
def test_values_that_are_no_categories(y, column, words, monkeypatch):
    frame = pytest.importorskip("pandas").DataFrame({"a": column * (N // 2)})
    model = regressor()
    refused(monkeypatch, model, lambda: model.fit(frame, y), words)


def test_dates_and_codes_do_not_mix(y, monkeypatch):
    pd = pytest.importorskip("pandas")
    model = regressor().fit(pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"] * (N // 2))}), y)
    refused(monkeypatch, model, lambda: model.predict(pd.DataFrame({"day": [3] * N})), ["same kind"])


def test_a_frame_without_columns(y, monkeypatch):
    frame = pytest.importorskip("pandas").DataFrame(index=range(N))
    model = regressor(categorical_features="all")
    refused(monkeypatch, model, lambda: model.fit(frame, y), ["0 feature|no channel|no column"])


def test_columns_that_are_no_multiple_of_n_channels(X, y, monkeypatch):
    model = regressor(n_channels=3)
    refused(monkeypatch, model, lambda: model.fit(frame_of("objects", X), y), ["n_channels", "multiple|8 columns"])


@pytest.mark.parametrize(
    ("width", "words"),
    [
        ((2, 3), ["2 entries", "1 categorical", "one width for each"]),
        ((), ["0 entries", "1 categorical", "one width for each"]),
        ((0,), ["at least 1", "got 0"]),
        ((2.5,), ["at least 1", "got 2.5"]),
        (("4",), ["at least 1", "got '4'"]),
        (0, ["embedding_dim", "Got 0"]),
        (-3, ["embedding_dim", "Got -3"]),
        ("large", ["embedding_dim", "'auto'", "'large'"]),
        (None, ["embedding_dim", "Got None"]),
    ],
    ids=str,
)
def test_bad_embedding_dim(X, y, width, words, monkeypatch):
    model = regressor(embedding_dim=width)
    refused(monkeypatch, model, lambda: model.fit(X, y), words)


@pytest.mark.parametrize("change", [{"categorical_features": None}, {"categorical_features": [1]}, {"embedding_dim": 2}], ids=str)
def test_a_fitted_network_cannot_become_another(codes, y, change, monkeypatch):
    X = np.stack([codes, codes], axis=2)
    model = regressor(warm_start=True).fit(X, y).set_params(**change)
    refused(monkeypatch, model, lambda: model.fit(X, y), ["cannot continue", "warm_start=False"])
    refused(monkeypatch, model, lambda: model.partial_fit(X, y), ["cannot continue"])


def test_categories_of_a_frame_may_be_any_numbers(rng):
    pd = pytest.importorskip("pandas")
    y = rng.normal(size=6)
    frame = pd.DataFrame({"kind": pd.Categorical([-1.5, 2.5, -1.5, 7.0, 2.5, 7.0])})
    model = LSTMRegressor(hidden_size=2, max_iter=2, categorical_features="all", random_state=0).fit(frame, y)
    np.testing.assert_array_equal(model.categories_[0], [-1.5, 2.5, 7.0])


def test_validation_data_of_a_continued_fit_keep_the_column_names(rng):
    pd = pytest.importorskip("pandas")
    frame, y = pd.DataFrame(rng.normal(size=(20, 3)), columns=list("abc")), rng.normal(size=20)
    model = LSTMRegressor(hidden_size=2, max_iter=2, warm_start=True, random_state=0).fit(frame, y)
    model.fit(frame, y, X_val=frame, y_val=y)
    with pytest.raises(ValueError, match=r"X_val.*feature names"):
        model.fit(frame, y, X_val=frame[["c", "b", "a"]], y_val=y)


# ---- numbers that float64 does not tell apart ----

LARGE = 1_700_000_000_000_000_000


def large_categories(kind):
    """Two or three categories that are one in float64."""
    return {
        "int64": np.array([LARGE, LARGE + 1]),
        "negative int64": np.array([-LARGE - 1, -LARGE]),
        "uint64": np.array([2**64 - 2, 2**64 - 1], dtype=np.uint64),
        "Python ints": np.array([2**70, 2**70 + 1], dtype=object),
        "ints and a float": np.array([0.5, LARGE, LARGE + 1], dtype=object),
        "durations": np.array([LARGE, LARGE + 1], dtype="m8[ns]"),
        "times": np.array([LARGE, LARGE + 1], dtype="M8[ns]"),
    }[kind]


KINDS = ["int64", "negative int64", "uint64", "Python ints", "ints and a float", "durations", "times"]


def of_categories(categories, codes):
    return Sequences(np.asarray(codes, float).reshape(-1, 1), np.arange(0, len(codes) + 1, 2), categories={0: categories})


@pytest.mark.parametrize("kind", KINDS)
def test_large_numbers_are_compared_exactly(kind, tmp_path):
    categories = large_categories(kind)
    n = len(categories)
    codes = np.arange(4 * n) % n
    X, y = of_categories(categories, codes), np.arange(2 * n) % 2
    model = LSTMClassifier(2, max_iter=2, categorical_features="all", random_state=0).fit(X, y)
    assert model.categories_[0].tolist() == categories.tolist()
    plain = LSTMClassifier(2, max_iter=2, categorical_features="all", random_state=0).fit(of_categories(np.arange(n), codes), y)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(of_categories(np.arange(n), codes)))
    # In another order, with another beside them, and of another type.
    other = of_categories(np.append(categories[::-1], categories[:1] - 1), n - 1 - codes)
    np.testing.assert_array_equal(model.predict_proba(other), model.predict_proba(X))
    objects = np.empty(n, dtype=object)
    if kind not in ("times", "durations"):
        objects[:] = categories.tolist()
        np.testing.assert_array_equal(model.predict_proba(of_categories(objects, codes)), model.predict_proba(X))
    save(model, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(X), model.predict_proba(X))


def test_integers_and_floats_are_equal_where_they_are_the_same_number():
    y = [0, 1, 0, 1]
    model = regressor().fit(of_categories(np.array([1, 2, LARGE]), np.arange(8) % 3), y)
    floats = model.predict(of_categories(np.array([1.0, 2.0, float(LARGE)]), np.arange(8) % 3))
    unsigned = model.predict(of_categories(np.array([1, 2, LARGE], dtype=np.uint64), np.arange(8) % 3))
    np.testing.assert_array_equal(floats, unsigned)
    unknown = model.predict(of_categories(np.array([1, 2, LARGE + 1]), np.arange(8) % 3))
    assert (unknown != floats).any()


@pytest.mark.parametrize("door", ["from_long", "table", "list of DataFrames", "polars"])
def test_large_categories_of_tables(door):
    pd = pytest.importorskip("pandas")
    users = np.repeat([LARGE, LARGE + 1], 8)
    y = np.arange(8) >= 4
    column = pd.Categorical(users)
    if door == "from_long":
        X = Sequences.from_long(pd.DataFrame({"id": np.arange(16) // 2, "user": column}), id="id")
    elif door == "polars":
        pl = pytest.importorskip("polars")
        X = pl.DataFrame({f"t{t}": pl.Series(users[t::2].astype(str), dtype=pl.Categorical) for t in range(2)})
    elif door == "table":
        X = pd.DataFrame({f"t{t}": column[t::2] for t in range(2)})
    else:
        X = [pd.DataFrame({"user": column[k : k + 2]}) for k in range(0, 16, 2)]
    model = regressor(categorical_features="all").fit(X, y)
    assert len(model.categories_[0]) == 2 and len(set(model.predict(X))) == 2


def test_columns_of_one_channel_of_different_types():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"t0": pd.Categorical([LARGE, LARGE + 1] * 4), "t1": pd.Categorical([0.5, 1.5] * 4)})
    model = regressor().fit(table, np.arange(8))
    assert model.categories_[0].tolist() == [0.5, 1.5, LARGE, LARGE + 1]
    with pytest.raises(ValueError, match="cannot be sorted"):
        regressor().fit(table.assign(t1=pd.Categorical(["a", "b"] * 4)), np.arange(8))


# ---- negative codes ----


@pytest.mark.parametrize("form", ["3-D", "list", "Sequences", "2-D", "DataFrame", "integers"])
def test_a_negative_code_is_the_unknown(X, y, form):
    asked = X.copy()
    asked[0, 1, 0], asked[1, 2, 0] = -1, -7
    unseen = np.where(asked < -0.5, 99, asked)
    unseen[:, :, 1] = asked[:, :, 1]
    make = {
        "3-D": lambda X: X,
        "list": list,
        "Sequences": Sequences.from_list,
        "2-D": lambda X: X.reshape(N, -1),
        "DataFrame": lambda X: pytest.importorskip("pandas").DataFrame(X.reshape(N, -1)),
        "integers": lambda X: pytest.importorskip("pandas").DataFrame(columns({"c": X[:, :, 0].astype(int), "v": X[:, :, 1]})),
    }[form]
    model = regressor(n_channels=2).fit(make(X), y)
    np.testing.assert_array_equal(model.predict(make(asked)), model.predict(make(unseen)))
    # In fit too: it is no category.
    fitted = regressor(n_channels=2).fit(make(asked), y)
    assert fitted.categories_[0].min() == 0
    np.testing.assert_array_equal(fitted.predict(make(asked)), fitted.predict(make(unseen)))


def test_a_channel_of_nothing_but_negative_codes():
    X = np.full((6, 2, 1), -1)
    model = regressor().fit(X, np.arange(6))
    assert len(model.categories_[0]) == 0
    np.testing.assert_array_equal(model.predict(X), model.predict(X + 9))


def test_negative_codes_of_categories_are_the_unknown():
    model = regressor().fit(of_categories(np.array(["a", "b"], object), [0, 1, 1, 0, 1, 0]), [0, 1, 2])
    found = model.predict(of_categories(np.array(["a", "b"], object), [-1, 1, 1, 0]))
    np.testing.assert_array_equal(found, model.predict(of_categories(np.array(["a", "b", "c"], object), [2, 1, 1, 0])))


def test_an_encoder_that_writes_minus_one():
    X = np.array(list("abc"))[np.random.default_rng(0).integers(0, 3, (20, 5, 1))]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    pipe = make_pipeline(PerStep(encoder), regressor()).fit(X, np.arange(20))
    other = X.copy()
    X[0, 0, 0], other[0, 0, 0] = "z", "y"
    np.testing.assert_array_equal(pipe.predict(X), pipe.predict(other))


# ---- letters ----

LETTER_FORMS = {
    "3-D": lambda L: L[:, :, None],
    "3-D objects": lambda L: L[:, :, None].astype(object),
    "3-D StringDType": lambda L: L[:, :, None].astype(np.dtypes.StringDType()),
    "2-D": lambda L: L,
    "2-D objects": lambda L: L.astype(object),
    "DataFrame": lambda L: pytest.importorskip("pandas").DataFrame(L),
    "list of arrays": list,
    "list of objects": lambda L: [x.astype(object) for x in L],
    "list of lists": lambda L: L.tolist(),
    "list of lists of lists": lambda L: L[:, :, None].tolist(),
    "list of columns": lambda L: [x[:, None] for x in L],
    "object array": lambda L: list_as_objects(list(L)),
    "Sequences": lambda L: Sequences(L.reshape(-1, 1), np.arange(len(L) + 1) * T),
    "DataFrames": lambda L: [pytest.importorskip("pandas").DataFrame({"c": x}) for x in L],
    "categories in DataFrames": lambda L: [pytest.importorskip("pandas").DataFrame({"c": x}, dtype="category") for x in L],
    "polars frames": lambda L: [pytest.importorskip("polars").DataFrame({"c": x.tolist()}) for x in L],
}


def list_as_objects(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


@pytest.mark.parametrize("features", ["all", [0]])
@pytest.mark.parametrize("name", LETTER_FORMS)
def test_letters_are_categories_in_every_form(codes, y, name, features):
    letters = WORDS[codes]
    expected = regressor().fit(codes[:, :, np.newaxis], y)
    model = regressor(categorical_features=features).fit(LETTER_FORMS[name](letters), y)
    assert list(model.categories_[0]) == WORDS.tolist()
    np.testing.assert_array_equal(model.predict(LETTER_FORMS[name](letters)), expected.predict(codes[:, :, np.newaxis]))
    few = letters[:3].copy()
    few[0, 0] = "unseen"
    np.testing.assert_array_equal(model.predict(LETTER_FORMS[name](few)), model.predict(LETTER_FORMS["3-D"](few)))
    model.partial_fit(LETTER_FORMS[name](letters), y)
    expected.partial_fit(codes[:, :, np.newaxis], y)
    np.testing.assert_array_equal(model.predict(LETTER_FORMS["2-D"](letters)), expected.predict(codes[:, :, np.newaxis]))


@pytest.mark.parametrize(
    "form", [lambda X: X, list, lambda X: X.reshape(N, -1), lambda X: X.tolist()], ids=["3-D", "list", "2-D", "lists"]
)
def test_letters_beside_numbers(X, y, form):
    mixed = X.astype(object)
    mixed[:, :, 0] = WORDS[X[:, :, 0].astype(int)]
    expected = regressor().fit(X, y)
    model = regressor(n_channels=2).fit(form(mixed), y)
    np.testing.assert_array_equal(model.predict(form(mixed)), expected.predict(X))
    mixed[3, 2, 1] = "red"
    with pytest.raises(ValueError, match="must hold numbers: sequence 3, step 2, channel 1 is 'red'"):
        model.predict(form(mixed))
    mixed[3, 2] = None, 0.0
    with pytest.raises(ValueError, match=r"NaN: sequence 3, step 2, channel 0.*most_frequent"):
        model.predict(form(mixed))


def test_texts_of_numbers_are_categories_where_they_are_named(codes, y):
    model = regressor().fit(codes.astype(str)[:, :, None], y)
    assert model.categories_[0].tolist() == list("01234")
    with pytest.raises(ValueError, match="same kind of categories as in fit"):
        model.predict(codes[:, :, None])


# ---- tables in lists ----


def test_dataframes_in_a_list_are_one_table(rng):
    pd = pytest.importorskip("pandas")
    kinds = pd.Categorical(list("xyz") * 8)
    long = pd.DataFrame({"id": np.repeat(range(8), 3), "v": rng.normal(size=24), "kind": kinds, "ok": [True, False] * 12})
    frames = [part.drop(columns="id") for _, part in long.groupby("id")]
    y = np.arange(8.0)
    X = Sequences.from_long(long, id="id")
    expected = regressor(categorical_features=["kind"]).fit(X, y)
    texts = [frame.astype({"kind": str}) for frame in frames]
    other_types = [frame.assign(kind=frame["kind"].cat.reorder_categories(list("zyx"))) for frame in frames]
    for items in (frames, tuple(frames), texts, other_types, [*frames[:4], *other_types[4:]]):
        model = regressor(categorical_features=["kind"]).fit(items, y)
        np.testing.assert_array_equal(model.predict(items), expected.predict(X))
        np.testing.assert_array_equal(model.predict(X), expected.predict(X))
        assert Sequences.from_list(items).categories[1].tolist() == list("xyz")
        with pytest.raises(ValueError, match=r"Channel 1 \('kind'\) of X holds categories, such as 'x', but is read as numbers"):
            regressor(categorical_features=None).fit(items, y)


@pytest.mark.parametrize("values", [[12345, 99999], [1.5, 2.5], [True, False]], ids=["integers", "floats", "bools"])
def test_categories_that_are_numbers_are_no_numbers_in_lists(values):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"v": [1.0, 2.0], "zip": pd.Categorical(values)})
    with pytest.raises(ValueError, match=r"Channel 1 \('zip'\) of X holds categories"):
        regressor(categorical_features=None).fit([frame, frame[:1]], [0, 1])
    assert regressor(categorical_features=["zip"]).fit([frame, frame[:1]], [0, 1]).categories_[0].tolist() == sorted(values)


# ---- advice ----


@pytest.mark.parametrize("form", ["Sequences", "3-D"])
def test_the_advice_for_a_missing_category_works(form):
    pd = pytest.importorskip("pandas")
    if form == "Sequences":
        X = Sequences.from_long(pd.DataFrame({"id": np.arange(20) // 2, "c": ["a", None, "b", "a"] * 5}), id="id")
    else:
        X = np.array(["a", None, "b", "a"] * 5, dtype=object).reshape(10, 2, 1)
    model = regressor(categorical_features="all")
    with pytest.raises(ValueError, match="NaN: sequence 0, step 1, channel 0") as caught:
        model.fit(X, np.arange(10))
    advice = re.search(r"sklstm\.preprocessing\.(PerStep\(.*?\"\)\)) before", str(caught.value)).group(1)
    missing = None if form == "3-D" else np.nan  # what there is
    transformer = eval(advice, {"PerStep": PerStep, "SimpleImputer": partial(SimpleImputer, missing_values=missing)})
    make_pipeline(transformer, model).fit(X, np.arange(10))


def test_codes_without_their_categories_are_warned_of():
    pandas = pytest.importorskip("pandas")
    kinds = pandas.Categorical(np.where(np.repeat(np.arange(20) % 2, 4) == 1, 7, 90))
    X = Sequences.from_long(pandas.DataFrame({"id": np.repeat(np.arange(20), 4), "kind": kinds}), id="id")
    model = LSTMClassifier(3, max_iter=5, categorical_features=["kind"], random_state=0).fit(X, np.arange(20) % 2)
    expected = model.predict_proba(X)
    for codes in (list(X), X.to_padded(), [X[0]]):
        with pytest.warns(UserWarning, match=r"channel 0 of X are unknown.*such as 7"):
            model.predict_proba(codes)
    themselves = [[7.0 if code == 0 else 90.0 for code in x[:, 0]] for x in X]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same_rows(model.predict_proba(X[[0]]), expected[:1])
        np.testing.assert_array_equal(model.predict_proba(themselves), expected)
        model.predict_proba([[1234.0, 5678.0]])  # unknown, and no codes


def test_columns_without_a_name_are_refused():
    # Of two NaN neither equals the other, but each is the name of both columns.
    pd = pytest.importorskip("pandas")
    named = pd.DataFrame({"a": list("abab"), "b": np.arange(4.0)})
    model = LSTMClassifier(2, max_iter=1, n_channels=2, categorical_features=[0], random_state=0).fit(named, [0, 1, 0, 1])
    unnamed = pd.DataFrame(np.zeros((4, 2)), columns=[np.nan, None])
    for act in (lambda: model.predict(unnamed), lambda: clone(model).fit(unnamed, [0, 1, 0, 1])):
        with pytest.raises(ValueError, match=r"two columns called nan\. Rename one"):
            act()
