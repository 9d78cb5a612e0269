"""Errors of other libraries, and input that they accept silently, lead to errors of this package at every public function."""

import datetime as dt
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from fuzz.errors import complaint
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.datasets import make_seasonal
from sklstm.inspection import step_importance
from sklstm.preprocessing import PerStep, SequenceTokenizer, make_windows
from sklstm.sequences.refusals import array_of, refused_as

X = np.random.default_rng(0).normal(size=(6, 4, 2))
Y = [0, 1] * 3
MODEL = LSTMClassifier(2, max_iter=1, random_state=0).fit(X, Y)
UNIVARIATE = LSTMClassifier(2, max_iter=1, random_state=0).fit(X[:, :, :1], Y)
STEPS = Sequences(np.arange(6.0).reshape(3, 2), [0, 1, 3])


def refused(call, match=None, allowed=(ValueError,)):
    with pytest.raises(allowed, match=match) as caught:
        call()
    assert not complaint(caught.value, allowed)
    return caught.value


# ---- the context ----


def test_errors_of_others_become_ours_and_keep_the_cause():
    with (
        pytest.raises(ValueError, match=r"^X could not be read: could not convert .* Pass numbers\.$") as caught,
        refused_as("X", "Pass numbers."),
    ):
        sklearn.utils.check_array([["a"]], dtype=float)
    assert isinstance(caught.value.__cause__, ValueError)
    assert not complaint(caught.value)


def test_own_errors_and_those_of_the_machine_pass():
    class Interrupted(BaseException):
        pass

    own = refused(lambda: MODEL.predict([]))
    for error in (own, MemoryError("full"), Interrupted()):
        with pytest.raises(type(error)) as caught, refused_as("X"):
            raise error
        assert caught.value is error


def test_what_becomes_no_array_is_named():
    class Odd:
        def __array__(self, dtype=None, copy=None):
            return None

    refused(lambda: array_of("values", Odd(), "Pass numbers."), r"^values is no array: .*\. Pass numbers\.$")
    refused(lambda: MODEL.predict(Odd()), "X is no array")


# ---- X ----

ITSELF = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    "door",
    [
        lambda X: LSTMClassifier(2, max_iter=1).fit(X, Y),
        MODEL.predict,
        UNIVARIATE.predict,
        lambda X: LSTMClassifier(2, max_iter=1, n_channels=2).fit(np.zeros((6, 8)), Y).predict(X),
        lambda X: LSTMClassifier(2, max_iter=1).fit(np.zeros((6, 4, 2)), Y, X_val=X, y_val=Y),
        Sequences.from_list,
        Sequences.from_padded,
        PerStep(StandardScaler()).fit,
        lambda X: make_windows(X, window=1),
        MODEL.stream().step,
    ],
)
def test_a_list_in_itself_ends(door):
    refused(lambda: door(ITSELF))


@pytest.mark.parametrize("column", [[dt.date(2024, 1, 1)] * 4, [dt.timedelta(1)] * 4, [dt.time(1)] * 4])
def test_times_of_polars_are_no_numbers(column):
    table = pl.DataFrame({"a": column, "b": [1.0] * 4})
    for call in (UNIVARIATE.predict, MODEL.predict_proba, lambda t: LSTMRegressor(2, max_iter=1).fit(t, Y[:4])):
        refused(lambda call=call: call(table), "column 'a' holds times")
    refused(lambda: MODEL.stream().step(table), "column 'a' holds times")


def test_scalars_of_arrow_are_read_as_what_they_are():
    refused(lambda: Sequences.from_list(pa.array(["a", "b"])), "is a text")
    refused(lambda: Sequences.from_list(list(pa.array(["12", "3"]))), "is a text")
    refused(lambda: Sequences.from_list(pa.array([{"x": 1.0}, {"x": 2.0}])))
    refused(lambda: Sequences.from_list(pa.array([["a"], ["b", "c"]])))
    read = Sequences.from_list(pa.array([[1.0], [2.0, 3.0]]))
    np.testing.assert_array_equal(read.values[:, 0], [1, 2, 3])


def test_an_index_of_several_levels_is_no_list_of_sequences():
    index = pd.MultiIndex.from_product([[0, 1], [0, 1]])
    refused(lambda: UNIVARIATE.predict(index), r"to_frame\(\).to_numpy\(\)")
    refused(lambda: Sequences.from_list(index), "list of sequences")
    refused(lambda: Sequences.from_list([index, index]), r"\[x.to_frame\(\).to_numpy\(\) for x in X\]")
    assert Sequences.from_list([x.to_frame().to_numpy() for x in [index, index]]).n_channels == 2


@pytest.mark.parametrize("odd", [np.ndarray, np, len, memoryview(b"abc"), memoryview(np.array(1.5))])
def test_what_only_looks_like_an_array_is_refused(odd):
    for call in (MODEL.predict, UNIVARIATE.predict, PerStep(StandardScaler()).fit, Sequences.from_list):
        refused(lambda call=call: call(odd))


def test_a_memoryview_is_read_as_the_array_that_it_is():
    np.testing.assert_array_equal(MODEL.predict(memoryview(X)), MODEL.predict(X))


# ---- y and weights ----


@pytest.mark.parametrize(
    "y", [1j * np.ones(6), [[1], [2, 3], 1, 2, 3, 4], np.ma.masked, pl.col("a"), object(), ITSELF, pd.Series([pd.NA] * 6)]
)
def test_odd_targets_and_weights(y):
    for call in (MODEL.fit, MODEL.score, lambda X, y: MODEL.fit(X, Y, y), lambda X, y: MODEL.score(X, Y, y)):
        refused(lambda call=call: call(X, y), allowed=(ValueError, TypeError))


# ---- Sequences ----


@pytest.mark.parametrize(
    "padding", ["0", [0, 1], None, 1j, np.datetime64("2024"), np.timedelta64(1, "s"), {}, len, np.ones((1, 2, 1))]
)
def test_padding_is_a_number(padding):
    refused(lambda: STEPS.to_padded(padding), "padding must be a number")
    if padding is not None:
        refused(lambda: Sequences.from_padded(X, padding=padding), "padding must be a number")


@pytest.mark.parametrize("padding", [0, 0.0, np.nan, False, np.float32(0), np.int8(0), Fraction(0)])
def test_any_real_number_is_padding(padding):
    padded = STEPS.to_padded(padding)
    np.testing.assert_array_equal(Sequences.from_padded(padded, padding=padding).lengths, [1, 2])


@pytest.mark.parametrize(
    "values", [np.zeros((2, 3, 1), "M8[s]"), np.full((2, 3, 1), "a"), 1j * np.ones((2, 3, 1)), np.full((2, 3, 1), "a", object)]
)
def test_what_cannot_be_compared_with_padding(values):
    refused(lambda: Sequences.from_padded(values, padding=0))


def test_missing_numbers_among_objects_are_no_padding():
    padded = np.array([[1, pd.NA, 0], [2, 0, 0]], dtype=object)
    np.testing.assert_array_equal(Sequences.from_padded(padded, padding=0).lengths, [2, 1])


@pytest.mark.parametrize(
    "names", ["ab", {"a", "b"}, {"a": 1, "b": 2}, pd.DataFrame({"a": [1], "b": [2]}), ["a", "a"], 1.5, [[], []], len]
)
def test_names_of_channels_have_an_order_and_differ(names):
    refused(lambda: Sequences(np.zeros((3, 2)), [0, 3], channel_names=names), "channel_names")


@pytest.mark.parametrize("names", [["a", "b"], ("a", 1), np.array(["a", "b"]), pd.Index(["a", "b"]), {"a": 1, "b": 2}.keys()])
def test_lists_of_names_of_any_kind(names):
    assert Sequences(np.zeros((3, 2)), [0, 3], channel_names=names).channel_names == list(names)


@pytest.mark.parametrize(
    "categories",
    [
        {0: ["a", "a"]},
        {True: ["a"]},
        {1.0: ["b"]},
        {2: ["a"]},
        np.ones(3),
        pd.DataFrame({0: ["a"]}),
        {0: [[1], [2, 3]]},
        {0: 1},
        ["a"],
    ],
)
def test_categories_are_those_of_channels(categories):
    refused(lambda: Sequences(np.zeros((3, 2)), [0, 3], categories=categories), "[cC]ategories|channels")


@pytest.mark.parametrize("ids", ["ab", {"a", "b"}, 1, np.float64(1), pd.Timestamp("2024"), [[1], [2, [3]]], len])
def test_ids_are_one_for_each_sequence(ids):
    refused(lambda: Sequences(np.zeros((3, 2)), [0, 1, 3], ids=ids), "ids")


@pytest.mark.parametrize("key", [[2], [-3], np.array([2], np.uint64), [True], [True] * 3, [[0], [0, 1]], ["a"], pd.NA])
def test_an_index_beyond_the_sequences(key):
    refused(lambda: STEPS[key], allowed=(IndexError,))


# ---- tables with one row per step ----


@pytest.mark.parametrize(
    "name", [np.array([1, 2]), pd.Series(["id"]), pl.col("id"), pd.DataFrame({"id": [1]}), {}, np.nan, object()]
)
def test_names_of_columns_are_looked_up_without_comparing(name):
    table = {"id": [1, 1, 2], "t": [1, 2, 1], "v": [1.0, 2.0, 3.0]}
    refused(lambda: Sequences.from_long(table, id=name), "no column")
    refused(lambda: Sequences.from_long(table, id="id", time=name), "no column")
    refused(lambda: Sequences.from_long(table, id="id", columns=[name]), "no column")


@pytest.mark.parametrize("column", [1.5, np.array(1.5), np.ma.masked, [[1], [2, 3], 4], None])
def test_a_column_is_an_array(column):
    for name in ("id", "t", "v"):
        table = {"id": [1, 1, 2], "t": [1, 2, 1], "v": [1.0, 2.0, 3.0]} | {name: column}
        refused(lambda table=table: Sequences.from_long(table, id="id", time="t"))


# ---- tokens, importance, parameters ----


@pytest.mark.parametrize("codes", [pl.Series([["zz"], ["b"]]), pa.array([["a"], ["b", None]]), [[1j + 1, 2.0]], [["1"]]])
def test_texts_and_complex_numbers_are_no_codes_of_words(codes):
    tokens = SequenceTokenizer().fit(["a b"])
    refused(lambda: tokens.inverse_transform(codes), "Pass what transform returned|numbers|Complex")


@pytest.mark.parametrize("channels", [1, np.inf, pd.NA, [[0], 5], ["a"], [[0, [1]]]])
def test_channels_of_importance(channels):
    refused(lambda: step_importance(MODEL, X, Y, channels=channels, n_repeats=1), "channels must be|channels is no array")


@pytest.mark.parametrize("scoring", [1, X, pd.DataFrame({"a": [1]})])
def test_scoring_of_importance(scoring):
    refused(lambda: step_importance(MODEL, X, Y, scoring=scoring, n_repeats=1), "scoring must be")


@pytest.mark.parametrize("method", [X, pd.Series(["predict"]), ["predict"], None])
def test_response_methods_are_texts(method):
    refused(lambda: MODEL.stream(method), "response_method must be")


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": "a"},
        {"alpha": "a"},
        {"beta_1": None},
        {"embedding_dim": 1.5},
        {"categorical_features": 1.5},
        {"hidden_size": "a"},
        {"alpha": np.timedelta64(1, "s")},
        {"loss": "unknown"},
        {"loss": [1]},
    ],
)
@pytest.mark.parametrize("skip", [False, True])
def test_types_of_parameters_where_validation_is_skipped_too(parameters, skip):
    with sklearn.config_context(skip_parameter_validation=skip):
        for fit in ("fit", "partial_fit"):
            model = LSTMRegressor(2, max_iter=1).set_params(**parameters)
            refused(lambda model=model, fit=fit: getattr(model, fit)(X, Y))
            assert not hasattr(model, "n_iter_")


def test_a_model_whose_network_was_emptied():
    model = LSTMClassifier(2, max_iter=1).fit(X, Y)
    model._network_spec = {}
    for call in (
        model.predict,
        model.encode,
        lambda X: model.score(X, Y),
        lambda X: model.predict(list(X)),
        lambda X: model.stream(),
    ):
        refused(lambda call=call: call(X), "changed since it was fitted")


def test_calls_with_wrong_arguments_are_errors_of_the_call():
    for call in (lambda: make_windows(np.arange(9.0), width=3), lambda: make_seasonal(steps=3), lambda: make_windows()):
        with pytest.raises(TypeError, match="argument"):
            call()
