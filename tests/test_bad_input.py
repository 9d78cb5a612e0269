"""Bad input is an error before any work, with a helpful message, and leaves the estimator unchanged; so does a failed fit."""
import re
import signal
import sys
import threading
import warnings
from collections import deque, namedtuple
from datetime import date, timedelta

import joblib
import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import sklstm.estimators.fitting
import sklstm.training.loop
import sklstm.training.state
import sklstm.training.stopping
from sklstm import LSTMClassifier, LSTMRegressor, LSTMSeq2Seq, Sequences
from sklstm.estimators.progress import Progress

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")

N, T, D = 20, 5, 2
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, D))
RAGGED = [x[: 1 + i % T] for i, x in enumerate(X)]
Y = {LSTMClassifier: np.arange(N) % 3, LSTMRegressor: X.sum(axis=(1, 2))}
ESTIMATORS = [LSTMClassifier, LSTMRegressor]


def make(Estimator, **params):
    return Estimator(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | params)


def state_of(estimator):
    """Everything an estimator holds, by identity and by content."""
    return {name: id(value) for name, value in vars(estimator).items()}, joblib.hash(vars(estimator))


@pytest.fixture
def no_work(monkeypatch):
    """From here on, training that is so much as begun is an error."""

    def train(*args, **kwargs):
        pytest.fail("Training began before the input was refused.")

    return lambda: monkeypatch.setattr(sklstm.estimators.fitting, "train", train)


def refuses(estimator, call, words):
    """That `call` raises with all the words, and that the estimator is what it was."""
    before = state_of(estimator)
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    for word in words:
        assert re.search(word, str(caught.value)), f"{word!r} is not in: {caught.value}"
    assert state_of(estimator) == before


# ---- X ----

# An imperative that tells what to do.
DO = r"\b(Check|Clip|Convert|Drop|Encode|Give|Impute|Pass|Remove|Reshape|Set|Use)\b"


def with_cell(value, sequence=3, step=2, channel=1, dtype=np.float64):
    bad = X.astype(dtype)
    bad[sequence, step, channel] = value
    return bad


def with_item(item, at=5):
    return [*RAGGED[:at], item, *RAGGED[at + 1 :]]


def with_ragged_cell(value, sequence=14, step=2, channel=0, dtype=np.float64):
    items = [x.astype(dtype) for x in RAGGED]
    items[sequence][step, channel] = value
    return items


def object_array(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def flat(X):
    return X.reshape(N, -1)


def frame(X):
    return pytest.importorskip("pandas").DataFrame(flat(X))


def polars_lists(items):
    return pytest.importorskip("polars").Series([None if x is None else x.tolist() for x in items])


def polars():
    return pytest.importorskip("polars")


def pandas():
    return pytest.importorskip("pandas")


def with_column(value):
    """A DataFrame whose last column is that value."""
    table = frame(X)
    return pandas().concat([table[range(9)], pandas().DataFrame({9: [value] * N})], axis=1)


def timed(x):
    return pandas().DataFrame({"v": x[:, 0], "when": pandas().date_range("2024", periods=len(x))})


Point = namedtuple("Point", "x y")
PackedSequence = namedtuple("PackedSequence", "data batch_sizes sorted_indices unsorted_indices")


class Graph:
    """As a collection of dask is whose length is not known before its values are computed."""

    shape, ndim, dtype = (np.nan, T, D), 3, np.dtype(float)

    def __dask_graph__(self):
        return {}

    def __array__(self, dtype=None, copy=None):
        pytest.fail("The values were computed.")


class OnAnotherDevice:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("it is on a GPU.")


TIMES = ["must hold numbers", "Convert times to numbers first"]
NUMERIC_TEXT = ["must hold numbers", r"Convert texts to numbers first: X\.astype\(float\)"]
DENSE_PLACE, RAGGED_PLACE = "sequence 3, step 2, channel 1", "sequence 14, step 2, channel 0"
NAN = ["NaN", "Expected finite", "Impute or drop", r"PerStep\(SimpleImputer\(\)\)"]
INF = ["infinity", "Expected finite", "Clip or drop"]
ONE_SEQUENCE = ["expected an array of shape", DO]
FORMS = "3-D.*Sequences"  # X is nothing of the kind: say what kinds there are

# name: (X, words the message must have); a 2-D X is read with n_channels=2.
BAD_X = {
    # not finite
    "NaN in 3-D": (lambda: with_cell(np.nan), [DENSE_PLACE, *NAN]),
    "NaN in 3-D float32": (lambda: with_cell(np.nan, dtype=np.float32), [DENSE_PLACE, *NAN]),
    "NaN in 2-D": (lambda: flat(with_cell(np.nan)), [DENSE_PLACE, *NAN]),
    "NaN in a DataFrame": (lambda: frame(with_cell(np.nan)), [DENSE_PLACE, *NAN]),
    "NaN in a list": (lambda: with_ragged_cell(np.nan), [RAGGED_PLACE, *NAN]),
    "NaN in an object array": (lambda: object_array(with_ragged_cell(np.nan)), [RAGGED_PLACE, *NAN]),
    "NaN in Sequences": (lambda: Sequences.from_list(with_ragged_cell(np.nan)), [RAGGED_PLACE, *NAN]),
    "NaN in nested lists": (lambda: [x.tolist() for x in with_ragged_cell(np.nan)], [RAGGED_PLACE, *NAN]),
    "NaN as None": (lambda: with_ragged_cell(None, dtype=object), [RAGGED_PLACE, *NAN]),
    "pandas NA": (lambda: frame(with_cell(np.nan)).convert_dtypes(), [DENSE_PLACE, *NAN]),
    "inf in 3-D": (lambda: with_cell(np.inf), [DENSE_PLACE, *INF]),
    "-inf in 3-D float32": (lambda: with_cell(-np.inf, dtype=np.float32), [DENSE_PLACE, *INF]),
    "inf in 2-D": (lambda: flat(with_cell(np.inf)), [DENSE_PLACE, *INF]),
    "-inf in a DataFrame": (lambda: frame(with_cell(-np.inf)), [DENSE_PLACE, *INF]),
    "inf in a list": (lambda: with_ragged_cell(np.inf), [RAGGED_PLACE, *INF]),
    "inf and -inf": (lambda: with_cell([np.inf, -np.inf], channel=slice(2)), ["sequence 3, step 2, channel 0", *INF]),
    "too large for float64": (lambda: with_ragged_cell(10**400, dtype=object), [RAGGED_PLACE, DO]),
    # nothing there
    "no step in a list": (lambda: with_item(np.empty((0, D))), ["Sequence 5", "no step", "at least one", "Drop"]),
    "no step in an object array": (lambda: object_array(with_item(np.empty((0, D)))), ["Sequence 5", "no step", "Drop"]),
    "no step in Sequences": (lambda: Sequences.from_list(with_item(np.empty((0, D)))), ["Sequence 5", "no step", "Drop"]),
    "no step in 3-D": (lambda: X[:, :0], ["Sequence 0", "no step"]),
    "[] in a list": (lambda: with_item([]), ["Sequence 5", "no step", "Drop"]),
    "[] first in a list": (lambda: with_item([], at=0), ["Sequence 0", "no step", "Drop"]),
    "1-D array without steps in a list": (lambda: with_item(np.empty(0)), ["Sequence 5", "no step", "Drop"]),
    "no channel": (lambda: X[:, :, :0], ["no channel", "at least one"]),
    "no column": (lambda: flat(X)[:, :0], [r"0 feature\(s\)", "minimum of 1"]),
    "no sequence in 3-D": (lambda: X[:0], ["no sequence", "at least one"]),
    "no sequence in 2-D": (lambda: flat(X)[:0], [r"0 sample\(s\)", "minimum of 1"]),
    "no sequence in a list": (lambda: [], ["no sequence", "at least one"]),
    "no sequence in Sequences": (lambda: Sequences.from_list(RAGGED)[:0], ["no sequence", "at least one"]),
    # channels
    "columns no multiple of channels": (lambda: flat(X)[:, :9], ["n_channels=2", "got 9 columns", "multiple", "Set n_channels"]),
    "mixed channels": (lambda: with_item(np.ones((2, 3))), ["sequence 0 has 2", "sequence 5 has 3", "same channels"]),
    "mixed channels in objects": (lambda: object_array(with_item(np.ones((2, 1)))), ["sequence 0 has 2", "sequence 5 has 1"]),
    "mixed channels from step to step": (lambda: with_item([[1, 2], [3]]), ["Sequence 5", "steps differ", "same channels"]),
    # no numbers
    "text in 3-D": (lambda: with_cell("red", dtype="U9"), [DENSE_PLACE, "red", "must hold numbers", "Encode"]),
    "text in 2-D": (lambda: flat(with_cell("red", dtype=object)), [DENSE_PLACE, "red", "must hold numbers", "Encode"]),
    "text in a DataFrame": (lambda: frame(with_cell("red", dtype=object)), [DENSE_PLACE, "red", "must hold numbers", "Encode"]),
    "text in a list": (lambda: with_ragged_cell("red", dtype=object), [RAGGED_PLACE, "red", "must hold numbers", "Encode"]),
    "text in nested lists": (lambda: with_item([[1, 2], [3, "red"]]), ["sequence 5, step 1, channel 1", "red", "Encode"]),
    "object in 3-D": (lambda: with_cell({}, dtype=object), [DENSE_PLACE, "{}", "must hold numbers", DO]),
    "object in 2-D": (lambda: flat(with_cell({}, dtype=object)), [DENSE_PLACE, "{}", "must hold numbers", DO]),
    "object in a DataFrame": (lambda: frame(with_cell({}, dtype=object)), [DENSE_PLACE, "{}", "must hold numbers", DO]),
    "object in a list": (lambda: with_ragged_cell({}, dtype=object), [RAGGED_PLACE, "{}", "must hold numbers", DO]),
    "complex in 3-D": (lambda: X + 1j, ["Complex", "must be real", "two channels"]),
    "complex in a list": (lambda: with_item(np.ones((2, D)) * 1j), ["[sS]equence 5", "Complex", "two channels"]),
    # dimensions
    "0-D": (lambda: np.array(3.0), ["scalar", "Reshape"]),
    "1-D": (lambda: X[:, 0, 0], ["1D array", "Reshape"]),
    "4-D": (lambda: X[np.newaxis], ["dim 4", "Expected a 3-D array", FORMS]),
    "list of numbers": (lambda: X[:, 0, 0].tolist(), ["Sequence 0", "0 dimensions", *ONE_SEQUENCE]),
    "list with a number": (lambda: with_item(7.0), ["Sequence 5", "0 dimensions", *ONE_SEQUENCE]),
    "numbers after lists": (lambda: [[1.0, 2.0]] * (N - 1) + [7.0], ["Sequence 19", "0 dimensions", *ONE_SEQUENCE]),
    "list with None": (lambda: with_item(None), ["Sequence 5", *ONE_SEQUENCE]),
    "list of 3-D": (lambda: with_item(X), ["Sequence 5", "3 dimensions", r"shape \(20, 5, 2\)", *ONE_SEQUENCE]),
    "list of texts": (lambda: ["red"] * N, ["Sequence 0 of X is a text", "SequenceTokenizer", "categorical_features"]),
    "1-D objects that are no arrays": (lambda: object_array([None] * N), ["None|1D array", DO]),
    # something else altogether
    "sparse": (lambda: csr_array(flat(X)), ["[sS]parse", "dense"]),
    "polars Series of numbers": (lambda: pytest.importorskip("polars").Series(X[:, 0, 0]), [FORMS]),
    "no list in a polars Series": (lambda: polars_lists(with_item(None)), ["no list for sequence 5", "null", "Drop"]),
    "NaN in a polars Series": (lambda: polars_lists(with_ragged_cell(np.nan)), [RAGGED_PLACE, *NAN]),
    "None": (lambda: None, [FORMS]),
    "text": (lambda: "red", [FORMS]),
    "dict": (lambda: {"a": [1.0, 2.0]}, ["a mapping", r"Pass list\(X.values\(\)\)", FORMS]),
    "generator": (lambda: (x for x in X), ["an iterator", r"Pass list\(X\)", FORMS]),
    "iterator": (lambda: map(np.asarray, RAGGED), ["an iterator", r"Pass list\(X\)", FORMS]),
    "view of a dict": (lambda: dict(enumerate(RAGGED)).values(), ["an iterator", r"Pass list\(X\)", FORMS]),
    "set": (lambda: {1.0, 2.0}, ["a set", FORMS]),
    "lazy": (lambda: polars().DataFrame(flat(X)).lazy(), ["lazy", r"X\.collect\(\)", FORMS]),
    "lazy in a list": (lambda: with_item(polars().LazyFrame(X[0])), ["Sequence 5 .*lazy", r"\[x\.collect\(\) for x in X\]"]),
    "graph": (lambda: Graph(), ["lazy", r"X\.compute\(\)", FORMS]),
    "sparse in 3-D": (lambda: coo_array(X), ["sparse", r"X\.toarray\(\)", FORMS]),
    "sparse in a list": (lambda: with_item(csr_array(X[0])), ["Sequence 5 .*sparse", r"\[x\.toarray\(\) for x in X\]"]),
    "dict in a list": (lambda: with_item({"a": [1.0]}), ["Sequence 5 .*a mapping", DO]),
    "generator in a list": (lambda: with_item(x for x in X[0]), ["Sequence 5 .*an iterator", r"\[list\(x\) for x in X\]"]),
    "PackedSequence": (lambda: PackedSequence(X[0], np.ones(5, int), None, None), ["named fields", "unpack_sequence", FORMS]),
    "named tuple": (lambda: Point(X[0], X[1]), ["named fields", r"Pass list\(X\)", FORMS]),
    "rows of named tuples": (lambda: with_item(Point(1.0, 2.0)), ["Sequence 5 .*named fields", DO]),
    "what fails to become an array": (lambda: with_item(OnAnotherDevice()), ["Sequence 5", "on a GPU", DO]),
    # times and texts that NumPy would convert
    "datetime64 among objects": (lambda: with_ragged_cell(np.datetime64("2024-01-01"), dtype=object), [RAGGED_PLACE, *TIMES]),
    "timedelta64 among objects": (lambda: with_ragged_cell(np.timedelta64(90, "m"), dtype=object), [RAGGED_PLACE, *TIMES]),
    "datetime64 in 3-D": (lambda: with_cell(np.datetime64("2024-01-01"), dtype=object), [DENSE_PLACE, *TIMES]),
    "datetime64 in 2-D": (lambda: flat(with_cell(np.datetime64("2024-01-01"), dtype=object)), [DENSE_PLACE, *TIMES]),
    "date in 3-D": (lambda: with_cell(date(2024, 1, 1), dtype=object), [DENSE_PLACE, *TIMES]),
    "timedelta in nested lists": (lambda: with_item([[1, 2], [3, timedelta(1)]]), ["sequence 5, step 1, channel 1", *TIMES]),
    "Timestamp in 2-D": (lambda: flat(with_cell(pandas().Timestamp("2024"), dtype=object)), [DENSE_PLACE, *TIMES]),
    "Period in a list": (lambda: with_ragged_cell(pandas().Period("2024"), dtype=object), [RAGGED_PLACE, *TIMES]),
    "times in a DataFrame": (lambda: with_column(pandas().Timestamp("2024")), ["sequence 0, step 4, channel 1", *TIMES]),
    "nothing but times in a DataFrame": (lambda: frame(X.astype("M8[s]")), ["sequence 0, step 0, channel 0", *TIMES]),
    "durations in a DataFrame": (lambda: frame(X.astype("m8[s]")), ["sequence 0, step 0, channel 0", *TIMES]),
    "times in DataFrames in a list": (lambda: [timed(x) for x in RAGGED], [r"sequence 0, step 0, channel 1 \('when'\)", *TIMES]),
    "texts of numbers in 3-D": (lambda: X.astype("U9"), ["sequence 0, step 0, channel 0", *NUMERIC_TEXT]),
    "text of a number in 3-D": (lambda: with_cell("1.5", dtype=object), [DENSE_PLACE, *NUMERIC_TEXT]),
    "texts of numbers in 2-D": (lambda: flat(X.astype("U9")), ["sequence 0, step 0, channel 0", *NUMERIC_TEXT]),
    "bytes of numbers in 2-D": (lambda: flat(X.astype("S9")), ["sequence 0, step 0, channel 0", *NUMERIC_TEXT]),
    "text of a number in 2-D": (lambda: flat(with_cell("1.5", dtype=object)), [DENSE_PLACE, *NUMERIC_TEXT]),
    "text of a number in a DataFrame": (lambda: frame(with_cell("1.5", dtype=object)), [DENSE_PLACE, *NUMERIC_TEXT]),
    "texts of numbers in a DataFrame": (lambda: frame(X).astype("string"), ["sequence 0, step 0, channel 0", *NUMERIC_TEXT]),
    "texts of numbers in polars": (
        lambda: polars().DataFrame(flat(X.astype("U9")).tolist(), orient="row"), ["sequence 0, step 0, channel 0", *NUMERIC_TEXT]
    ),
    "texts of numbers in a list": (lambda: [x.astype("U9") for x in RAGGED], ["sequence 0, step 0, channel 0", *NUMERIC_TEXT]),
    "text of a number in a list": (lambda: with_ragged_cell("1.5", dtype=object), [RAGGED_PLACE, *NUMERIC_TEXT]),
    "text of a number in nested lists": (lambda: with_item([[1, 2], [3, "4"]]), ["sequence 5, step 1, channel 1", *NUMERIC_TEXT]),
    "texts of numbers in Sequences": (
        lambda: Sequences(X.reshape(-1, D).astype("U9"), np.arange(N + 1) * T), ["sequence 0, step 0, channel 0", *NUMERIC_TEXT]
    ),
    "time in a DataFrame with a column too many": (lambda: with_column(0.0).assign(**{"x": pandas().Timestamp("2024")}), TIMES),
    "columns of one name": (lambda: frame(X).set_axis([*"abcdefgha", "b"], axis=1), ["two columns called 'a'", "Rename"]),
    "sparse columns": (lambda: frame(X).astype(pandas().SparseDtype(float, np.nan)), ["sparse", r"X\.sparse\.to_dense\(\)"]),
    "deque": (lambda: deque(RAGGED), ["a deque", r"Pass list\(X\)", FORMS]),
    "series of numbers": (lambda: pandas().Series(X[:, 0, 0]), ["1D array", r"\[X\]", DO]),
    # rows in lists
    "rows in a list": (lambda: flat(X).tolist(), ["list of univariate sequences", "n_channels=2", r"np\.asarray\(X\)", DO]),
    "1-D arrays in a list": (lambda: list(flat(X)), ["list of univariate sequences", "n_channels=2", r"np\.asarray\(X\)", DO]),
}


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("name", BAD_X)
class TestBadX:
    def test_fit(self, Estimator, name, no_work):
        bad, words = BAD_X[name]
        y, classes = Y[Estimator], {"classes": [0, 1, 2]} if Estimator is LSTMClassifier else {}
        estimator = make(Estimator, n_channels=D)
        no_work()
        refuses(estimator, lambda: estimator.fit(bad(), y), words)
        refuses(estimator, lambda: estimator.partial_fit(bad(), y, **classes), words)

    @pytest.mark.parametrize("warm_start", [False, True])
    def test_refit(self, Estimator, name, warm_start, no_work):
        bad, words = BAD_X[name]
        y = Y[Estimator]
        estimator = make(Estimator, n_channels=D, warm_start=warm_start).fit(RAGGED, y)
        before = estimator.predict(X)
        no_work()
        refuses(estimator, lambda: estimator.fit(bad(), y), words)
        refuses(estimator, lambda: estimator.partial_fit(bad(), y), words)
        np.testing.assert_array_equal(estimator.predict(X), before)

    def test_predict(self, Estimator, name):
        bad, words = BAD_X[name]
        estimator = make(Estimator, n_channels=D).fit(RAGGED, Y[Estimator])
        refuses(estimator, lambda: estimator.predict(bad()), words)
        refuses(estimator, lambda: estimator.encode(bad()), words)

    def test_validation_data(self, Estimator, name, no_work):
        bad, words = BAD_X[name]
        if name == "None":
            words = ["X_val", "y_val"]  # None is "not given"
        estimator = make(Estimator, n_channels=D)
        no_work()
        refuses(estimator, lambda: estimator.fit(X, Y[Estimator], X_val=bad(), y_val=Y[Estimator]), ["X_val", *words])


OTHER_CHANNELS = {
    "3-D": lambda n: np.ones((N, T, n)),
    "list": lambda n: [np.ones((1 + i % T, n)) for i in range(N)],
    "object array": lambda n: object_array([np.ones((1 + i % T, n)) for i in range(N)]),
    "Sequences": lambda n: Sequences(np.ones((N, n)), np.arange(N + 1)),
}


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("form", OTHER_CHANNELS)
@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("fitted_on", ["3-D", "2-D"])
def test_other_channels_than_in_fit(Estimator, form, n_channels, fitted_on, no_work):
    estimator = make(Estimator, n_channels=D, warm_start=True).fit(X if fitted_on == "3-D" else flat(X), Y[Estimator])
    bad, words = OTHER_CHANNELS[form](n_channels), [f"{n_channels} channel", r"expecting 2 channel", "Pass"]
    no_work()
    refuses(estimator, lambda: estimator.predict(bad), words)
    refuses(estimator, lambda: estimator.encode(bad), words)
    refuses(estimator, lambda: estimator.fit(bad, Y[Estimator]), words)
    refuses(estimator, lambda: estimator.partial_fit(bad, Y[Estimator]), words)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_2d_X_is_held_against_the_columns_and_n_channels_of_fit(Estimator):
    estimator = make(Estimator, n_channels=D).fit(flat(X), Y[Estimator])
    refuses(estimator, lambda: estimator.predict(flat(X)[:, :8]), ["8 features", "expecting 10 features"])
    refuses(estimator, lambda: estimator.predict(flat(X).tolist()[0]), ["[Ss]equence 0|1D array"])
    estimator.set_params(n_channels=1)
    refuses(estimator, lambda: estimator.predict(flat(X)), ["1 channel", "expecting 2 channel", "n_channels=1"])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_column_names_are_held_against_those_of_fit(Estimator):
    named = frame(X).add_prefix("c")
    estimator = make(Estimator, n_channels=D).fit(named, Y[Estimator])
    refuses(estimator, lambda: estimator.predict(named[named.columns[::-1]]), ["same order"])
    refuses(estimator, lambda: estimator.predict(named.add_prefix("x")), ["unseen at fit time", "xc0"])


# ---- y ----

BAD_Y = {
    "too short": (lambda y: y[:-1], [r"\b20\b", r"\b19\b", DO]),
    "too long": (lambda y: np.append(y, y[0]), [r"\b20\b", r"\b21\b", DO]),
    "None": (lambda y: None, ["requires y"]),
    "a number": (lambda y: 3, []),
    "3-D": (lambda y: np.ones((N, 2, 2)), ["dim 3"]),
    "no column": (lambda y: np.ones((N, 0)), [r"0 feature\(s\)|no column"]),
    "NaN": (lambda y: np.where(np.arange(N) == 7, np.nan, y), ["y", "NaN"]),
    "infinity": (lambda y: np.where(np.arange(N) == 7, np.inf, y), ["y", "infinity"]),
    "None among numbers": (lambda y: np.array([*y[:7], None, *y[8:]], dtype=object), ["y|label", "NaN|None|unknown"]),
    "complex": (lambda y: y + 1j, ["[cC]omplex"]),
}


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("name", BAD_Y)
def test_bad_y(Estimator, name, no_work):
    bad, words = BAD_Y[name]
    bad = bad(Y[Estimator])
    fresh, fitted = make(Estimator), make(Estimator).fit(X, Y[Estimator])
    before = fitted.predict(X)
    no_work()
    refuses(fresh, lambda: fresh.fit(X, bad), words)
    refuses(fitted, lambda: fitted.fit(X, bad), words)
    refuses(fitted, lambda: fitted.partial_fit(X, bad), words)
    if bad is not None:
        refuses(fresh, lambda: fresh.fit(X, Y[Estimator], X_val=X, y_val=bad), ["X_val", *words])
    np.testing.assert_array_equal(fitted.predict(X), before)


BAD_CLASSES = {
    "one class": (np.zeros(N), ["only one class", "0", "at least 2 classes", DO]),
    "one class, text": (np.full(N, "red"), ["only one class", "red", "at least 2 classes", DO]),
    "numbers that are no classes": (np.linspace(0, 1, N), ["continuous", "regression"]),
    "several multiclass outputs": (np.arange(2 * N).reshape(N, 2) % 3, [r"shape \(20, 2\)", "MultiOutputClassifier"]),
    # type_of_target calls any two integers indicators; as targets of the log-loss they are only 0 and 1.
    "labels -1 and 1": (np.where(np.arange(3 * N).reshape(N, 3) % 2, 1, -1), ["-1", "0", DO]),
    "labels 1 and 2": (1 + np.arange(3 * N).reshape(N, 3) % 2, ["2", "0", DO]),
}


@pytest.mark.parametrize("name", BAD_CLASSES)
def test_bad_classes(name, no_work):
    bad, words = BAD_CLASSES[name]
    fresh, fitted = make(LSTMClassifier), make(LSTMClassifier).fit(X, Y[LSTMClassifier])
    no_work()
    refuses(fresh, lambda: fresh.fit(X, bad), words)
    refuses(fitted, lambda: fitted.fit(X, bad), words)


@pytest.mark.parametrize("value", ["red", np.datetime64("2020-01-01")], ids=["text", "dates"])
def test_regressor_wants_numbers(value, no_work):
    estimator, bad = make(LSTMRegressor), np.full(N, value)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, bad), ["must hold numbers", "got", "LSTMClassifier"])


@pytest.mark.parametrize(
    ("classes", "y", "words"),
    [
        ([0, 1, 2], np.where(np.arange(N) == 4, 7, 0), ["7", "0.*1.*2", "not among the known classes"]),
        ([0, 1, 2], np.array(list("ab"))[np.arange(N) % 2], ["a.*b", "0.*1.*2"]),
        (list("ab"), np.array(list("abc"))[np.arange(N) % 3], ["c", "a.*b"]),
        (list("ab"), np.arange(N) % 2, ["0.*1", "a.*b"]),
        ([0], np.zeros(N), ["one class", "at least 2"]),
        ([[0, 1, 2]], np.arange(N) % 3, ["classes", r"shape \(1, 3\)"]),
        (0, np.arange(N) % 3, ["classes"]),
        (None, np.arange(N) % 3, ["classes", "first call"]),
    ],
)
def test_partial_fit_refuses_unknown_labels(classes, y, words, no_work):
    estimator = make(LSTMClassifier)
    no_work()
    refuses(estimator, lambda: estimator.partial_fit(X, y, classes=classes), words)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_labels_that_come_later_are_refused(method, no_work):
    estimator = make(LSTMClassifier, warm_start=True).partial_fit(X, np.arange(N) % 2, classes=[0, 1, 2])
    before = estimator.predict_proba(X)
    no_work()
    call = getattr(estimator, method)
    refuses(estimator, lambda: call(X, np.full(N, 5)), ["5", "0.*1.*2"])
    refuses(estimator, lambda: call(X, np.array(list("ab"))[np.arange(N) % 2]), ["a.*b", "0.*1.*2"])
    refuses(estimator, lambda: call(X, np.eye(N, 3, dtype=int)), ["3 label columns", "0.*1.*2"])
    if method == "partial_fit":
        refuses(estimator, lambda: call(X, np.arange(N) % 2, classes=[0, 1]), ["first call", "0.*1.*2"])
    np.testing.assert_array_equal(estimator.predict_proba(X), before)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_outputs_that_come_later_are_refused(method, no_work):
    one, two = make(LSTMRegressor, warm_start=True), make(LSTMRegressor, warm_start=True)
    y = Y[LSTMRegressor]
    one.fit(X, y)
    two.fit(X, np.column_stack([y, y]))
    no_work()
    refuses(one, lambda: getattr(one, method)(X, np.column_stack([y, y])), [r"shape \(20, 2\)", "1 output", "Pass"])
    refuses(two, lambda: getattr(two, method)(X, y), [r"shape \(20,\)", "2 output", "Pass"])


@pytest.mark.parametrize(
    ("y", "bad", "value"),
    [
        (np.arange(N) % 3, np.where(np.arange(N) == 4, 7, 0), "7"),
        (np.arange(N) % 3.0, np.where(np.arange(N) == 4, 7.5, 0) * 2, "15"),
        (np.array(list("abc"))[np.arange(N) % 3], np.array(list("ad"))[np.arange(N) % 2], "'d'"),
    ],
)
def test_messages_show_labels_as_the_user_wrote_them(y, bad, value):
    # [5], not [np.int64(5)]
    estimator = make(LSTMClassifier).fit(X, y)
    refuses(estimator, lambda: estimator.partial_fit(X, bad), [re.escape(f"[{value}"), "^((?!np\\.).)*$"])


# ---- weights ----

BAD_WEIGHTS = {
    "negative": (np.where(np.arange(N) == 7, -0.5, 1), ["[Nn]egative", "sequence 7", "-0.5", "at least 0"]),
    "all zero": (np.zeros(N), ["zero", "[aA]t least one"]),
    "NaN": (np.where(np.arange(N) == 7, np.nan, 1), ["sample_weight", "NaN"]),
    "infinite": (np.where(np.arange(N) == 7, np.inf, 1), ["sample_weight", "infinity"]),
    "too few": (np.ones(N - 1), ["sample_weight", "19", "expected.*20"]),
    "2-D": (np.ones((N, 2)), ["1D"]),
    "text": (["heavy"] * N, ["heavy"]),
    # The sum overflows, and every weighted mean is 0 or NaN.
    "sum to infinity": (np.full(N, 1e308), ["sample_weight|[wW]eights", "large|infinit"]),
}


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_sample_weight(Estimator, name, no_work):
    bad, words = BAD_WEIGHTS[name]
    y = Y[Estimator]
    fresh, fitted = make(Estimator), make(Estimator).fit(X, y)
    before = fitted.predict(X)
    no_work()
    refuses(fresh, lambda: fresh.fit(X, y, sample_weight=bad), words)
    refuses(fresh, lambda: fresh.fit(X, y, X_val=X, y_val=y, sample_weight_val=bad), ["X_val", *words])
    refuses(fitted, lambda: fitted.fit(X, y, sample_weight=bad), words)
    refuses(fitted, lambda: fitted.partial_fit(X, y, sample_weight=bad), words)
    np.testing.assert_array_equal(fitted.predict(X), before)


@pytest.mark.parametrize("weight", [1e-300, 1e-46, 1e-40, 1e30, 1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_common_factor_of_the_weights_changes_nothing(Estimator, dtype, weight):
    # Without the penalty, which is measured against the weights, they only matter relative to each other. The factor is no power
    # of two, so quotients are rounded differently: a few units in the last place per step, and Adam divides by small numbers.
    data, y, w = X.astype(dtype), Y[Estimator], 1 + np.arange(N) % 4
    plain = make(Estimator, alpha=0).fit(data, y, sample_weight=w)
    scaled = make(Estimator, alpha=0).fit(data, y, sample_weight=w * weight)
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    for name, value in plain.weights_.items():
        np.testing.assert_allclose(scaled.weights_[name], value, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ({0: -1}, ["class_weight", "-1", "not negative", "class 0"]),
        ({0: np.nan}, ["class_weight", "nan", "finite"]),
        ({0: np.inf}, ["class_weight", "inf", "finite"]),
        ({0: "heavy"}, ["class_weight", "heavy"]),
        ({0: None}, ["class_weight", "None"]),
        ({7: 1.0}, ["class_weight", "7", "0.*1.*2"]),
        ({0: 0, 1: 0, 2: 0}, ["class_weight", "zero|positive"]),
        ([1, 2, 3], ["class_weight", "list", "Pass a dict"]),
        ("even", ["class_weight", "even", "balanced"]),
    ],
)
def test_bad_class_weight(class_weight, words, no_work):
    y = Y[LSTMClassifier]
    fresh, fitted = make(LSTMClassifier, class_weight=class_weight), make(LSTMClassifier).fit(X, y)
    fitted.set_params(class_weight=class_weight)
    no_work()
    refuses(fresh, lambda: fresh.fit(X, y), words)
    refuses(fitted, lambda: fitted.fit(X, y), words)


def test_class_weight_leaves_no_sample_of_this_chunk(no_work):
    estimator = make(LSTMClassifier, class_weight={0: 0})
    no_work()
    refuses(estimator, lambda: estimator.partial_fit(X, np.zeros(N), classes=[0, 1]), ["weight", "zero|positive"])
    y = np.arange(N) % 2
    refuses(estimator, lambda: estimator.fit(X, y, X_val=X, y_val=np.zeros(N)), ["X_val", "weight", "zero|positive"])


# ---- validation data, early stopping ----


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_validation_data_come_in_pairs(Estimator, no_work):
    estimator, y = make(Estimator), Y[Estimator]
    no_work()
    refuses(estimator, lambda: estimator.fit(X, y, X_val=X), ["X_val and y_val go together", "only X_val"])
    refuses(estimator, lambda: estimator.fit(X, y, y_val=y), ["X_val and y_val go together", "only y_val"])
    refuses(estimator, lambda: estimator.fit(X, y, sample_weight_val=np.ones(N)), ["sample_weight_val", "X_val is not given"])


def test_validation_labels_have_to_be_known(no_work):
    estimator = make(LSTMClassifier)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, np.arange(N) % 2, X_val=X, y_val=np.arange(N) % 3), ["X_val", "2", "0.*1"])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_early_stopping_says_when_it_cannot_split(Estimator, fraction, no_work):
    # One sequence is no validation set: a class is missing from it, and the coefficient of determination is undefined.
    estimator = make(Estimator, early_stopping=True, validation_fraction=fraction)
    no_work()
    words = ["early_stopping", f"validation_fraction={fraction}", "20", "Set another", "X_val", "turn early_stopping off"]
    refuses(estimator, lambda: estimator.fit(X, Y[Estimator]), words)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_failed_fit_takes_nothing_from_the_generator(Estimator):
    # The state of the generator is the estimator's, too: the fit after a failed one is the one that would have been.
    y = Y[Estimator]
    failed, twin = (make(Estimator, random_state=np.random.RandomState(0), n_channels=D) for _ in range(2))
    refuses(failed, lambda: failed.fit(X, y, X_val=X[:, :, :1], y_val=y), ["X_val"])
    failed.set_params(early_stopping=True, validation_fraction=0.999)
    refuses(failed, lambda: failed.fit(X, y), ["early_stopping"])
    failed.set_params(early_stopping=False)
    np.testing.assert_array_equal(failed.fit(X, y).predict(X), twin.fit(X, y).predict(X))


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined:UserWarning")
def test_one_sequence_is_not_enough_to_stop_a_regressor_by(no_work):
    # The coefficient of determination of one value is undefined; the loss, which is recorded, is not.
    estimator, y = make(LSTMRegressor), Y[LSTMRegressor]
    assert np.isfinite(estimator.fit(X, y, X_val=X[:1], y_val=y[:1]).validation_loss_curve_).all()
    estimator.set_params(early_stopping=True)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, y, X_val=X[:1], y_val=y[:1]), ["X_val", "two|at least 2|more than one", DO])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_validation_data_beyond_float32(Estimator, no_work):
    estimator, y, data = make(Estimator), Y[Estimator], X.astype(np.float32)
    no_work()
    refuses(estimator, lambda: estimator.fit(data, y, X_val=with_cell(1e300), y_val=y), ["X_val", DENSE_PLACE, "float32"])
    if Estimator is LSTMRegressor:
        refuses(estimator, lambda: estimator.fit(data, y, X_val=data, y_val=y * 1e300), ["y_val", "too large for float32", DO])


# ---- hyper-parameters ----

INTEGERS_FROM_1 = [0, -1, 1.5, "many", None, np.nan, [4]]
BAD_PARAMS = {
    "hidden_size": [*INTEGERS_FROM_1[:-1], (), (4, 0), [4, "many"], (2.5, 3), (True, 3)],
    "cell": ["LSTM", None, 1],
    "activation": ["sigmoid", None, 1],
    "dropout": [-0.1, 1, "some", None, np.nan],
    "recurrent_dropout": [-0.1, 1, "some", None, np.nan],
    "proj_size": [-1, 1.5, "half", None, True, [2]],
    "residual": ["yes", None],
    "return_sequences": ["yes", None],
    "categorical_features": ["some", 1.5, [7], [-1], [0.5], [True]],
    "embedding_dim": [0, 1.5, "wide", None],
    "missing": ["ignore", None, True],
    "time_feature": [-1, 99, 1.0, True, "t", [0]],
    "input_dropout": [-0.1, 1, "some", None, np.nan],
    "initial_state": ["ones", None, 0],
    "bptt_steps": [0, -1, 1.5, "all", np.inf],
    "num_layers": INTEGERS_FROM_1,
    "n_channels": INTEGERS_FROM_1,
    "padding": ["zero", [0], 1j],
    "max_iter": [*INTEGERS_FROM_1, np.inf],
    "n_iter_no_change": INTEGERS_FROM_1,
    "batch_size": [*INTEGERS_FROM_1, np.inf],
    "bidirectional": ["yes", None, 2],
    "merge_mode": ["mean", None, 1],
    "pooling": ["first", None, 1, (), ("last", "last"), ["last", "first"], ("last", None), (["last"], "max")],
    "standardize": ["yes", None],
    "solver": ["newton", None, 1],
    "learning_rate": ["linear", None, 1],
    "power_t": [-0.5, "half", None, np.nan],
    "warmup_fraction": [-0.1, 1, "some", None, np.nan],
    "forget_bias": ["one", None, np.nan, np.inf],
    "rho": [-0.1, 1, "some", None, np.nan],
    "checkpoint": [1, True, 2.5, ["file"]],
    "alpha": [-1e-4, "much", None, np.nan, np.inf],
    "learning_rate_init": [0, -1e-3, "fast", None, np.nan, np.inf],
    "shuffle": ["yes", None],
    "tol": [-1e-4, "low", None, np.nan],
    "early_stopping": ["yes", None],
    "scoring": ["accuracy", None, 1],
    "validation_fraction": [0, 1, -0.1, 1.5, "half", None, np.nan],
    "max_grad_norm": [0, -1, "small", np.nan],
    "momentum": [-0.1, 1, "some", None, np.nan],
    "nesterovs_momentum": ["yes", None],
    "beta_1": [-0.1, 1, "some", None, np.nan],
    "beta_2": [-0.1, 1, "some", None, np.nan],
    "epsilon": [0, -1e-8, "small", None, np.nan],
    "warm_start": ["yes", None],
    "n_jobs": [0, 1.5, "all"],
    "random_state": ["seed", -1, 1.5, np.random.default_rng(0)],
    "verbose": ["loud", None, -1],
}
PARAM_CASES = [(name, value) for name, values in BAD_PARAMS.items() for value in values]


def test_every_hyper_parameter_has_bad_values():
    for Estimator in ESTIMATORS:
        of_classifier = {"class_weight", "label_smoothing", "temperature", "structure", "allowed_transitions"}
        of_classifier |= {"loss", "beam_width"}
        of_regressor = {"loss", "huber_delta", "quantile", "n_components"}
        own = of_classifier if Estimator is LSTMClassifier else of_regressor
        assert set(Estimator().get_params()) == set(BAD_PARAMS) | own


@pytest.mark.parametrize("value", ["tree", "CRF", True, 1, ["crf"], np.nan])
def test_bad_structure(value, no_work):
    estimator = make(LSTMClassifier, structure=value)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[LSTMClassifier]), ["structure", re.escape(repr(value))])


BAD_LABELS = {"loss": ["CTC", "auto", None, 1, ["ctc"]], "beam_width": [0, 1.5, None, "all"]}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_LABELS.items() for value in values])
def test_bad_losses_and_beams(name, value, no_work):
    estimator = make(LSTMClassifier, return_sequences=True, **{"loss": "ctc", name: value})
    no_work()
    refuses(estimator, lambda: estimator.fit(X, ["a"] * N), [name, re.escape(repr(value))])


@pytest.mark.parametrize(
    "value", ["iob", 3, [[1, 2, 1]] * 3, np.ones((2, 3)), np.full((3, 3), np.nan), {9: [0]}, {0: [9]}, {0: [[1]]}]
)
def test_bad_allowed_transitions(value, no_work):
    estimator = make(LSTMClassifier, structure="crf", return_sequences=True, allowed_transitions=value)
    y = np.repeat(np.asarray(Y[LSTMClassifier])[:, np.newaxis], np.shape(X)[1], axis=1)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, y), ["allowed_transitions"])


@pytest.mark.parametrize("value", [-0.1, 1, "some", None, np.nan])
def test_bad_label_smoothing(value, no_work):
    estimator = make(LSTMClassifier, label_smoothing=value)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[LSTMClassifier]), ["label_smoothing", re.escape(repr(value))])


BAD_QUANTILES = [0, 1, -0.1, 1.5, "half", [], [0.1, 1.0], [0.5, 0.5], [[0.1, 0.9]], [np.nan], None]


@pytest.mark.parametrize("quantile", BAD_QUANTILES, ids=str)
def test_bad_quantiles(quantile, no_work):
    estimator = make(LSTMRegressor, loss="quantile", quantile=quantile)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[LSTMRegressor]), ["quantile", re.escape(repr(quantile))])


@pytest.mark.parametrize("delta", [0, -1, np.inf, np.nan, "auto", None, [1.0]], ids=str)
def test_bad_deltas(delta, no_work):
    estimator = make(LSTMRegressor, huber_delta=delta)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[LSTMRegressor]), ["huber_delta", re.escape(repr(delta))])


@pytest.mark.parametrize("n_components", [0, -1, 2.0, np.nan, "auto", None, [2]], ids=str)
def test_bad_numbers_of_components(n_components, no_work):
    estimator = make(LSTMRegressor, loss="gaussian_mixture", n_components=n_components)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[LSTMRegressor]), ["n_components", re.escape(repr(n_components))])


def test_quantile_without_its_loss(no_work):
    estimator = make(LSTMRegressor, quantile=0.9)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[LSTMRegressor]), ["loss='quantile'", "auto", "0.9"])


def test_several_quantiles_of_several_outputs(no_work):
    estimator = make(LSTMRegressor, loss="quantile", quantile=[0.1, 0.9])
    no_work()
    refuses(estimator, lambda: estimator.fit(X, np.stack([Y[LSTMRegressor]] * 2, axis=1)), ["quantile", "one output", "has 2"])


@pytest.mark.parametrize("loss", ["log_loss", None, 1])
def test_bad_loss(loss, no_work):
    estimator = make(LSTMRegressor, loss=loss)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[LSTMRegressor]), ["loss", re.escape(repr(loss))])


def test_negative_counts(no_work):
    estimator = make(LSTMRegressor, loss="poisson")
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[LSTMRegressor] - 100), ["poisson", "not be negative"])


CONTRADICTIONS = {
    "widths and layers": ({"hidden_size": (3, 4, 5), "num_layers": 2}, ["3 layers", "num_layers is 2", "num_layers"]),
    "residual and widths": ({"hidden_size": (3, 4), "residual": True}, ["residual", r"\(3, 4\)", "as wide as"]),
    "bptt_steps and directions": ({"bptt_steps": 5, "bidirectional": True}, ["bptt_steps", "reverse", "bidirectional=False"]),
}


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_hyper_parameters_that_contradict_each_other(Estimator, name, no_work):
    params, words = CONTRADICTIONS[name]
    estimator = make(Estimator, **params)
    no_work()
    refuses(estimator, lambda: estimator.fit(X, Y[Estimator]), words)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize(("name", "value"), PARAM_CASES, ids=str)
def test_bad_hyper_parameters(Estimator, name, value, no_work):
    fresh, fitted = make(Estimator), make(Estimator).fit(X, Y[Estimator])
    before = fitted.predict(X)
    for estimator in (fresh, fitted):
        estimator.set_params(**{name: value})
    no_work()
    words = [name, re.escape(repr(value)) if not isinstance(value, np.random.Generator) else "Generator"]
    refuses(fresh, lambda: fresh.fit(X, Y[Estimator]), words)
    refuses(fitted, lambda: fitted.fit(X, Y[Estimator]), words)
    fitted.set_params(**{name: make(Estimator).get_params()[name]})
    np.testing.assert_array_equal(fitted.predict(X), before)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("name", [name for name in BAD_PARAMS if name not in ("max_iter", "n_iter_no_change", "tol")])
def test_a_further_partial_fit_checks_hyper_parameters_too(Estimator, name, no_work):
    # scikit-learn leaves that out to save time. What it lets through is used, though: max_grad_norm=-1 ascends the gradient.
    estimator = make(Estimator).partial_fit(X, Y[Estimator], **({"classes": [0, 1, 2]} if Estimator is LSTMClassifier else {}))
    estimator.set_params(**{name: BAD_PARAMS[name][0]})
    no_work()
    refuses(estimator, lambda: estimator.partial_fit(X, Y[Estimator]), [name, re.escape(repr(BAD_PARAMS[name][0]))])


OTHER_NETWORKS = [
    {"hidden_size": 4}, {"num_layers": 2}, {"bidirectional": True}, {"merge_mode": "sum"}, {"pooling": "mean"}, {"cell": "gru"},
    {"activation": "relu"}, {"residual": True}, {"proj_size": 2}, {"initial_state": "learned"},
]  # fmt: skip


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("change", OTHER_NETWORKS, ids=str)
def test_a_fitted_network_cannot_become_another(Estimator, change, no_work):
    estimator = make(Estimator, warm_start=True, bidirectional="bidirectional" not in change).fit(X, Y[Estimator])
    before = estimator.predict(X)
    estimator.set_params(**change)
    no_work()
    words = ["cannot continue", "warm_start=False"]
    refuses(estimator, lambda: estimator.fit(X, Y[Estimator]), words)
    refuses(estimator, lambda: estimator.partial_fit(X, Y[Estimator]), words)
    np.testing.assert_array_equal(estimator.predict(X), before)


# ---- training that becomes non-finite ----

# The loss of the first epochs is finite, then plain gradient descent on a squared error explodes.
EXPLODES = {
    "solver": "sgd", "learning_rate_init": 1e3, "standardize": False, "max_grad_norm": None, "max_iter": 50,
    "n_iter_no_change": 50, "learning_rate": "constant", "batch_size": N, "forget_bias": 1.0,
}  # fmt: skip


def diverges(estimator, X, y, **arguments):
    """Fit; the epoch that the warning names. Nothing else may be warned of, RuntimeWarnings least."""
    with pytest.warns(ConvergenceWarning) as caught:
        warnings.filterwarnings("ignore", "early_stopping has . sequences to validate on")
        estimator.fit(X, y, **arguments)
    assert len(caught) == 1, [str(warning.message) for warning in caught]
    message = str(caught[0].message)
    for word in ["non-finite", "restored", "learning_rate_init", "max_grad_norm", "standardize"]:
        assert word in message
    return int(re.search(r"epoch (\d+)", message)[1])


def assert_sound(estimator, X, n_epochs, n_samples=N):
    assert all(np.isfinite(value).all() for value in estimator.weights_.values())
    outputs = estimator.predict_proba(X) if isinstance(estimator, LSTMClassifier) else estimator.predict(X)
    assert np.isfinite(outputs).all()
    assert estimator.n_iter_ == len(estimator.loss_curve_) == len(estimator.history_) == n_epochs
    assert np.isfinite(estimator.loss_curve_).all()
    assert estimator.t_ == n_epochs * n_samples


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("params", [{}, {"num_layers": 2, "bidirectional": True}], ids=["", "deep"])
def test_non_finite_training_restores_the_best_weights(dtype, n_jobs, params):
    data, y = X.astype(dtype), Y[LSTMRegressor]
    settings = EXPLODES | params | {"n_jobs": n_jobs}
    estimator = make(LSTMRegressor, **settings)
    epoch = diverges(estimator, data, y)
    assert epoch > 2, "this is to explode after some epochs"
    assert_sound(estimator, data, epoch - 1)
    # The best epoch is the one with the smallest loss; that many epochs alone end with the same weights.
    best = 1 + int(np.argmin(estimator.loss_curve_))
    assert estimator.best_loss_ == min(estimator.loss_curve_)
    alone = make(LSTMRegressor, **settings | {"max_iter": best}).fit(data, y)
    for name, value in alone.weights_.items():
        np.testing.assert_array_equal(estimator.weights_[name], value)


NON_FINITE = {
    "huge step": {"learning_rate_init": 1e38},
    "huge step, Adam's epsilon": {"learning_rate_init": 1e30, "epsilon": 1e-30},
    "huge step, SGD": {"learning_rate_init": 1e38, "solver": "sgd"},
    "huge step, standardised": {"learning_rate_init": 1e38, "standardize": True},
    "huge step, clipped": {"learning_rate_init": 1e38, "max_grad_norm": 1.0},
    "huge penalty": {"alpha": 1e300},
    "huge step, mean of two directions": {"learning_rate_init": 1e38, "pooling": "mean", "bidirectional": True},
    "huge step, maximum of two layers": {"learning_rate_init": 1e38, "pooling": "max", "num_layers": 2},
    "huge step, early stopping": {"learning_rate_init": 1e38, "early_stopping": True, "validation_fraction": 0.3},
}


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("name", NON_FINITE)
@pytest.mark.parametrize("scale", [1, 1e30])
def test_non_finite_from_the_start_leaves_a_sound_model(Estimator, name, scale):
    data = (X * scale).astype(np.float32)
    settings = {"standardize": False, "max_grad_norm": None, "max_iter": 5} | NON_FINITE[name]
    estimator = make(Estimator, **settings)
    epoch = diverges(estimator, data, Y[Estimator])
    assert epoch <= 2
    assert_sound(estimator, data, epoch - 1, n_samples=14 if estimator.early_stopping is True else N)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_training_goes_on_after_it_was_non_finite(Estimator):
    estimator = make(Estimator, learning_rate_init=1e38, warm_start=True)
    assert diverges(estimator, X.astype(np.float32), Y[Estimator]) == 1
    estimator.set_params(learning_rate_init=1e-2, max_iter=3).fit(X.astype(np.float32), Y[Estimator])
    assert_sound(estimator, X, 3)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_non_finite_in_several_shards_warns_of_nothing_else(n_jobs, monkeypatch):
    # Shards are computed on other threads, where the error state of NumPy is another one.
    monkeypatch.setattr("sklstm.training.batching.SHARD_FLOPS", 1.0)
    data = np.tile(X, (4, 1, 1)).astype(np.float32)
    y = np.tile(Y[LSTMRegressor], 4)
    estimator = make(LSTMRegressor, **EXPLODES | {"n_jobs": n_jobs})
    epoch = diverges(estimator, data, y)
    assert estimator.n_iter_ == epoch - 1
    assert np.isfinite(estimator.predict(data)).all()


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_validation_that_becomes_non_finite_is_no_crash(Estimator, early_stopping):
    # After the only step every weight is +-3e37, which is finite in float32, but the sum of 64 of them, a score, is not.
    settings = {"standardize": False, "max_grad_norm": None, "learning_rate_init": 3e37, "alpha": 0, "max_iter": 1}
    settings |= {"learning_rate": "constant"}
    estimator = make(Estimator, hidden_size=64, early_stopping=early_stopping, **settings)
    data, y = X.astype(np.float32), Y[Estimator]
    with pytest.warns(ConvergenceWarning):
        estimator.fit(data, y, X_val=data, y_val=y)
    assert all(np.isfinite(value).all() for value in estimator.weights_.values())


@pytest.mark.filterwarnings("ignore:.*non-finite:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("scale", [1e30, 1e200, 1e300])
def test_targets_of_any_size_give_a_sound_model_or_an_error(dtype, standardize, scale):
    estimator = make(LSTMRegressor, standardize=standardize)
    data, y = X.astype(dtype), Y[LSTMRegressor] * scale
    try:
        estimator.fit(data, y)
    except ValueError as error:
        assert re.search(r"\by\b.*(large|scale|float32)", str(error))
        assert "_theta" not in vars(estimator)
    else:
        assert np.isfinite(estimator.predict(data)).all()


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e100, 1e200])
def test_standardised_fits_are_the_same_in_any_units_of_X(Estimator, scale):
    # Variances over- and underflow long before the values do. What is left is rounding, which a few epochs hardly magnify.
    plain = make(Estimator, max_iter=5).fit(X, Y[Estimator])
    scaled = make(Estimator, max_iter=5).fit(X * scale, Y[Estimator])
    np.testing.assert_allclose(scaled.loss_curve_, plain.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(scaled.encode(X * scale), plain.encode(X), rtol=1e-9)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 1e-40), (np.float32, 1e38), (np.float64, 1e-310), (np.float64, 1e307)])
def test_X_at_the_ends_of_the_range_gives_a_sound_model_or_an_error(Estimator, dtype, scale):
    # The reciprocal of a standard deviation of 1e-40, which the weights would take, is no number in float32.
    estimator, data = make(Estimator), (X * scale).astype(dtype)
    try:
        estimator.fit(data, Y[Estimator])
    except ValueError as error:
        assert re.search(r"channel.*(small|large|scale)", str(error))
        assert "_theta" not in vars(estimator)
    else:
        assert all(np.isfinite(value).all() for value in estimator.weights_.values())
        assert np.isfinite(estimator.encode(data)).all()


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_X_beyond_float32_is_refused_by_a_float32_model(Estimator):
    estimator = make(Estimator).fit(X.astype(np.float32), Y[Estimator])
    beyond = with_cell(1e300)
    refuses(estimator, lambda: estimator.predict(beyond), ["sequence 3, step 2, channel 1", "float32"])
    refuses(estimator, lambda: estimator.partial_fit(beyond, Y[Estimator]), ["sequence 3, step 2, channel 1", "float32"])


# ---- sequences from sequences ----

OUTPUTS = [("ab" * 3)[: 1 + i % 4] for i in range(N)]
PATHS = np.stack([X[:, :2, 0], X[:, 1:3, 0]], axis=2)


def with_output(value, at=3, outputs=OUTPUTS):
    return [*outputs[:at], value, *outputs[at + 1 :]]


# name: (y, hyper-parameters, words the message must have)
BAD_OUTPUTS = {
    "an empty text": (with_output(""), {}, ["y of sequence 3 is empty", DO]),
    "white space as words": (with_output("  "), {"tokens": "words"}, ["y of sequence 3 is empty", DO]),
    "an empty list": (with_output([], outputs=[list(text) for text in OUTPUTS]), {}, ["y of sequence 3 is empty", DO]),
    "an empty array": (with_output(np.empty((0, 2)), outputs=list(PATHS)), {}, ["y of sequence 3 is empty", DO]),
    "longer than max_length": (OUTPUTS, {"max_length": 3}, ["y of sequence 3 has 4 steps", "max_length=3", "or set"]),
    "fewer than X": (OUTPUTS[1:], {}, ["inconsistent numbers of samples", "Pass one entry"]),
    "one text": ("ab", {}, ["one entry per sequence", "'ab'"]),
    "one label each": (np.arange(N), {}, ["a sequence for each sequence of X", "LSTMClassifier"]),
    "texts and numbers": (with_output(3.0), {}, ["mixes texts with others", "sequence 3", "3.0"]),
    "texts and lists": (with_output(["a"]), {}, ["mixes texts with others", "sequence 3"]),
    "tokens of two kinds": ([["a", 1]] * N, {}, ["cannot be sorted"]),
    "NaN among numbers": (
        with_output(np.array([1.0, np.nan]), outputs=list(PATHS[:, :, 0])),
        {},
        ["NaN", "sequence 3, step 1", DO],
    ),
    "infinity among numbers": (
        np.where(PATHS == PATHS[2, 1, 0], np.inf, PATHS),
        {},
        ["infinity", "sequence 2, step 0, output 1", DO],
    ),
    "None among tokens": (
        with_output(["a", None], outputs=[list(text) for text in OUTPUTS]),
        {},
        ["missing", "sequence 3, step 1"],
    ),
    "several tokens a step": (np.ones((N, 2, 2), dtype=int), {}, ["one token for each step"]),
    "numbers as other shapes": (with_output(np.zeros((2, 3)), outputs=list(PATHS)), {}, ["different shapes"]),
    "a beam of numbers": (PATHS, {"beam_width": 2}, ["beam_width=2 is for tokens", "Set beam_width=1"]),
    "texts as numbers": (OUTPUTS, {"loss": "squared_error"}, ["must hold numbers"]),
    "attention": (OUTPUTS, {"attention": "general"}, ["attention"]),
    "scheduled_sampling": (OUTPUTS, {"scheduled_sampling": 1.0}, ["scheduled_sampling"]),
    "L-BFGS and scheduled_sampling": (OUTPUTS, {"solver": "lbfgs", "scheduled_sampling": 0.1}, ["same function", "Set"]),
    "beam_width": (OUTPUTS, {"beam_width": 0}, ["beam_width"]),
    "max_length": (OUTPUTS, {"max_length": 0}, ["max_length"]),
    "embedding_dim": (OUTPUTS, {"embedding_dim": (3, 3)}, ["embedding_dim"]),
}


@pytest.mark.parametrize("name", BAD_OUTPUTS)
def test_bad_outputs_are_refused_before_any_work(name, no_work):
    y, params, words = BAD_OUTPUTS[name]
    no_work()
    estimator = make(LSTMSeq2Seq, **params)
    refuses(estimator, lambda: estimator.fit(X, y), words)


def test_bad_outputs_of_a_fitted_model(no_work):
    model, numbers = make(LSTMSeq2Seq).fit(X, OUTPUTS), make(LSTMSeq2Seq, attention=None).fit(X, list(PATHS))
    new, where = with_output("zz"), ["'z'", "sequence 3, step 0", "unknown='map'"]
    no_work()
    refuses(model, lambda: model.partial_fit(X, new), where)
    refuses(model, lambda: model.log_likelihood(X, new), where)
    refuses(model, lambda: model.attention_weights(X, new), where)
    refuses(model, lambda: make(LSTMSeq2Seq).fit(X, OUTPUTS, X_val=X, y_val=new), ["X_val, y_val", *where])
    refuses(model, lambda: model.score(X, OUTPUTS[1:]), ["inconsistent numbers"])
    refuses(model, lambda: model.score(X, PATHS), ["fitted on the tokens", DO])
    refuses(model, lambda: model.predict(X, n_steps=3), ["n_steps is for numbers"])
    refuses(model, lambda: model.predict(X, n_best=0), ["n_best must be an int of at least 1"])
    for width in (0, 1.5, "wide"):  # which may be set after the fit
        refuses(model.set_params(beam_width=width), lambda: model.predict(X), ["beam_width"])
    model.set_params(beam_width=1)
    refuses(numbers, lambda: numbers.predict(X, n_best=2), ["n_best is for tokens"])
    refuses(numbers, lambda: numbers.predict(X, n_steps=[1, 2]), ["n_steps", f"each of the {N} sequences"])
    refuses(numbers, lambda: numbers.predict(X, n_steps=0), ["n_steps"])
    refuses(numbers, lambda: numbers.score(X, OUTPUTS), ["must hold numbers"])
    refuses(numbers, lambda: numbers.score(X, PATHS[:, :, :1]), ["fitted on 2", "Pass as many"])
    with pytest.raises(AttributeError) as caught:
        numbers.attention_weights(X)
    assert 'attention="dot"' in str(caught.value.__cause__)
    for name in ("pooling", "return_sequences", "bptt_steps"):
        with pytest.raises(TypeError, match=name):
            LSTMSeq2Seq(**{name: None})
    with pytest.raises(ValueError, match="the hyper-parameters of the network"):
        model.set_params(warm_start=True, attention=None).fit(X, OUTPUTS)


# ---- interruption ----

LONG = {"max_iter": 1000, "n_iter_no_change": 1000, "tol": 0, "batch_size": 5, "learning_rate": "constant"}


def interrupt_in_epoch(monkeypatch, epoch):
    """Raise KeyboardInterrupt in the second minibatch of an epoch."""
    calls = []

    class Interrupted(sklstm.training.loop.GradientComputer):
        def __call__(self, rows, rng):
            calls.append(rows)
            if len(calls) == (epoch - 1) * 4 + 2:
                raise KeyboardInterrupt
            return super().__call__(rows, rng)

    monkeypatch.setattr(sklstm.training.loop, "GradientComputer", Interrupted)


def interrupt_after_epoch(monkeypatch, epoch):
    """Raise KeyboardInterrupt while an epoch is reported."""

    def report(row):
        if row["epoch"] == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "show", lambda progress, row: report(row))


def signal_after_epoch(monkeypatch, epoch):
    """What Ctrl-C does, from another thread, some time after an epoch."""

    def report(row):
        if row["epoch"] == epoch:
            threading.Timer(0.002, signal.raise_signal, [signal.SIGINT]).start()

    monkeypatch.setattr(Progress, "show", lambda progress, row: report(row))


INTERRUPTIONS = {
    "in the fifth epoch": (lambda monkeypatch: interrupt_in_epoch(monkeypatch, 5), 4),
    "after the fourth epoch": (lambda monkeypatch: interrupt_after_epoch(monkeypatch, 4), 4),
    "after the first epoch": (lambda monkeypatch: interrupt_after_epoch(monkeypatch, 1), 1),
    "by a signal": (lambda monkeypatch: signal_after_epoch(monkeypatch, 3), None),
}


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("name", INTERRUPTIONS)
@pytest.mark.parametrize("params", [{}, {"n_jobs": 2}, {"solver": "sgd", "num_layers": 2}], ids=str)
def test_interruption_keeps_the_epochs_that_are_done(Estimator, name, params, monkeypatch):
    interrupt, n_epochs = INTERRUPTIONS[name]
    y = Y[Estimator]
    estimator = make(Estimator, verbose=True, warm_start=True, **LONG | params)
    with monkeypatch.context() as patch:
        interrupt(patch)
        with pytest.raises(KeyboardInterrupt, match=r"epochs? that (is|are) done (is|are) kept") as caught:
            estimator.fit(X, y)
    n_epochs = n_epochs or estimator.n_iter_
    assert n_epochs == 1 or f"The {n_epochs} epochs" in str(caught.value)
    assert_sound(estimator, X, n_epochs)
    # It is the model of that many epochs, and it goes on as if nothing had happened.
    settings = LONG | params | {"warm_start": True}
    alone = make(Estimator, **settings | {"max_iter": n_epochs}).fit(X, y)
    np.testing.assert_array_equal(estimator.encode(X), alone.encode(X))
    for model in (estimator, alone):
        model.set_params(max_iter=2, verbose=False).fit(X, y)
    np.testing.assert_array_equal(estimator.encode(X), alone.encode(X))
    assert estimator.loss_curve_ == alone.loss_curve_


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("params", [{}, {"n_jobs": 2}, {"early_stopping": True, "validation_fraction": 0.3}], ids=str)
def test_interruption_of_the_first_epoch_leaves_the_estimator_as_it_was(Estimator, params, monkeypatch):
    y = Y[Estimator]
    fresh = make(Estimator, **LONG | params)
    fitted = make(Estimator, **LONG | params | {"max_iter": 2}).fit(X, y)
    warm = clone(fitted).set_params(warm_start=True).fit(X, y)
    before = fitted.predict(X)
    for estimator, call in [(fresh, fresh.fit), (fitted, fitted.fit), (warm, warm.fit), (fitted, fitted.partial_fit)]:
        state = state_of(estimator)
        with monkeypatch.context() as patch:
            interrupt_in_epoch(patch, 1)
            with pytest.raises(KeyboardInterrupt):
                call(X, y)
        assert state_of(estimator) == state
    assert not fresh.__sklearn_is_fitted__()
    np.testing.assert_array_equal(fitted.predict(X), before)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_interruption_under_early_stopping_ends_with_the_best_weights(Estimator, monkeypatch):
    y = Y[Estimator]
    settings = LONG | {"early_stopping": True, "validation_fraction": 0.3, "learning_rate_init": 0.1}
    estimator = make(Estimator, verbose=True, **settings)
    interrupt_after_epoch(monkeypatch, 8)
    with pytest.raises(KeyboardInterrupt, match="The 8 epochs that are done are kept"):
        estimator.fit(X, y)
    assert estimator.n_iter_ == len(estimator.validation_scores_) == 8
    alone = make(Estimator, **settings | {"max_iter": estimator.best_epoch_}).fit(X, y)
    np.testing.assert_array_equal(estimator.encode(X), alone.encode(X))


OF_AN_EPOCH = {sklstm.training.loop.__file__, sklstm.training.state.__file__, sklstm.training.stopping.__file__}


def interruption_at(instruction, epoch):
    """A trace function that raises KeyboardInterrupt at that instruction of the end of an epoch."""
    n_ended, n_executed = 0, 0

    def trace(frame, event, arg):
        nonlocal n_ended, n_executed
        if frame.f_code.co_filename not in OF_AN_EPOCH:
            return None
        n_ended += event == "call" and frame.f_code.co_name == "after_epoch"
        frame.f_trace_opcodes = True
        n_executed += event == "opcode" and n_ended == epoch
        if n_executed == instruction:
            raise KeyboardInterrupt
        return trace

    return trace


def parts_of_state(estimator):
    return joblib.hash({key: value for key, value in estimator._state.to_dict().items() if key != "history"})


@pytest.mark.parametrize("params", [{}, {"early_stopping": True, "validation_fraction": 0.3}, {"solver": "lbfgs"}], ids=str)
def test_an_interrupt_while_an_epoch_ends_leaves_the_state_of_one_that_has_ended(params):
    X, y, settings = np.ones((8, 2, 1)) * np.arange(8)[:, None, None], np.arange(8.0) ** 2, LONG | params | {"tol": 1e-9}
    states = {n: parts_of_state(make(LSTMRegressor, **settings | {"max_iter": n}).fit(X, y)) for n in (2, 3)}
    assert states[2] != states[3]
    model, before, counts = make(LSTMRegressor, **settings | {"max_iter": 5}), sys.gettrace(), []
    for instruction in range(1, 6000, 3):
        sys.settrace(interruption_at(instruction, 3))
        try:
            model.fit(X, y)
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        counts.append(model.n_iter_)
        assert len(model.history_) == model.n_iter_
        assert parts_of_state(model) == states[model.n_iter_], instruction
    assert counts == sorted(counts) and set(counts) == {2, 3}
    assert counts.count(3) > 20


def test_an_error_in_training_leaves_the_estimator_as_it_was(monkeypatch):
    # Say, the machine is out of memory.
    def fail(self, rows, rng):
        raise MemoryError

    estimator = make(LSTMRegressor).fit(X, Y[LSTMRegressor])
    state = state_of(estimator)
    monkeypatch.setattr(sklstm.training.loop.GradientComputer, "__call__", fail)
    with pytest.raises(MemoryError):
        estimator.fit(X, Y[LSTMRegressor])
    assert state_of(estimator) == state


@pytest.mark.parametrize("categorical_features", [None, "all"])
def test_an_array_of_texts_without_rows(categorical_features):
    model = LSTMClassifier(2, categorical_features=categorical_features)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        model.fit(np.empty((0, 2), dtype="U1"), [])
