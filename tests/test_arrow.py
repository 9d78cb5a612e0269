"""Columns of lists, of Arrow, polars, pandas and awkward: `Sequences.from_arrow`, and as X of an estimator."""

import builtins

import awkward as ak
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn.utils._indexing
from sklearn.model_selection import cross_val_score, train_test_split

from sklstm import LSTMClassifier, LSTMRegressor, Sequences

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

UNIVARIATE = [[1.0, 2.0, 3.0], [4.0], [5.0, 6.0]]
LISTS = [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0]], [[9.0, 10.0], [11.0, 12.0]]]
STRUCTS = [[{"p": a, "q": b} for a, b in x] for x in LISTS]
P, Q = ([[step[k] for step in x] for x in LISTS] for k in (0, 1))


def pandas_series(items, of):
    return pd.Series(pa.array(items, pa.list_(of)), index=[9, 4, 4], dtype=pd.ArrowDtype(pa.list_(of)))


NUMBER, PAIR = pa.float64(), pa.list_(pa.float64(), 2)
STRUCT = pa.struct({"p": pa.float64(), "q": pa.float64()})
COLUMNS = {
    "list": (UNIVARIATE, pa.array(UNIVARIATE)),
    "large_list": (UNIVARIATE, pa.array(UNIVARIATE, pa.large_list(NUMBER))),
    "chunked": (UNIVARIATE, pa.chunked_array([UNIVARIATE[:2], UNIVARIATE[2:]])),
    "one chunk": (UNIVARIATE, pa.chunked_array([UNIVARIATE])),
    "slice": (UNIVARIATE, pa.array([[0.0], *UNIVARIATE, None])[1:4]),
    "polars": (UNIVARIATE, pl.Series(UNIVARIATE)),
    "pandas": (UNIVARIATE, pandas_series(UNIVARIATE, NUMBER)),
    "awkward": (UNIVARIATE, ak.Array(UNIVARIATE)),
    "awkward, rows by index": (UNIVARIATE, ak.Array([[0.0], *UNIVARIATE[::-1]])[[3, 2, 1]]),
    "list of lists": (LISTS, pa.array(LISTS)),
    "list of fixed lists": (LISTS, pa.array(LISTS, pa.list_(PAIR))),
    "slice of fixed lists": (LISTS, pa.array([[[0.0, 0.0]], *LISTS], pa.list_(PAIR))[1:]),
    "polars list of lists": (LISTS, pl.Series(LISTS)),
    "polars list of arrays": (LISTS, pl.Series(LISTS, dtype=pl.List(pl.Array(pl.Float64, 2)))),
    "pandas list of lists": (LISTS, pandas_series(LISTS, PAIR)),
    "awkward list of lists": (LISTS, ak.Array(LISTS)),
    "awkward list of regular": (LISTS, ak.to_regular(ak.Array(LISTS), axis=2)),
    "struct": (LISTS, pa.array(STRUCTS)),
    "polars struct": (LISTS, pl.Series(STRUCTS)),
    "pandas struct": (LISTS, pandas_series(STRUCTS, STRUCT)),
    "awkward records": (LISTS, ak.Array(STRUCTS)),
    "table": (LISTS, pa.table({"p": P, "q": Q})),
    "record batch": (LISTS, pa.RecordBatch.from_pydict({"p": P, "q": Q})),
    "polars frame": (LISTS, pl.DataFrame({"p": P, "q": Q})),
    "pandas frame": (LISTS, pd.DataFrame({"p": pandas_series(P, NUMBER), "q": pandas_series(Q, NUMBER)})),
    "table of structs": (LISTS, pa.table({"pq": STRUCTS})),
    "table of lists": (LISTS, pa.table({"pq": LISTS})),
}
NAMED = {"struct", "polars struct", "pandas struct", "awkward records", "table", "record batch", "polars frame", "pandas frame"}


@pytest.mark.parametrize("name", COLUMNS)
def test_any_column_is_read_as_its_lists(name):
    lists, column = COLUMNS[name]
    X = Sequences.from_arrow(column)
    expected = Sequences.from_list(lists)
    np.testing.assert_array_equal(X.values, expected.values)
    np.testing.assert_array_equal(X.offsets, expected.offsets)
    assert X.dtype == np.float64
    assert X.channel_names == (["p", "q"] if name in NAMED | {"table of structs"} else None)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
def test_estimators_take_any_column_as_X(name, Estimator):
    lists, column = COLUMNS[name]
    settings = {"hidden_size": 2, "max_iter": 2, "random_state": 0}
    y = [0.0, 1.0, 1.0]
    model = Estimator(**settings).fit(column, y, X_val=column, y_val=y)
    same = Estimator(**settings).fit([np.array(x) for x in lists], y)
    np.testing.assert_array_equal(model.predict(column), same.predict([np.array(x) for x in lists]))
    assert model.loss_curve_ == same.loss_curve_
    assert list(getattr(model, "feature_names_in_", [])) == (["p", "q"] if name in NAMED | {"table of structs"} else [])


CUT = ["polars", "pandas", "awkward", "polars frame"]
CUT += ["list", "chunked", "table"] if hasattr(sklearn.utils._indexing, "is_pyarrow_data") else []  # older ones cannot


@pytest.mark.parametrize("name", CUT)
def test_scikit_learn_cuts_columns(name):
    _, column = COLUMNS[name]
    column = {"awkward": lambda: ak.concatenate([column] * 4), "list": lambda: pa.concat_arrays([column] * 4)}.get(
        name, lambda: column
    )()
    if len(column) == 3:
        repeat = {"polars": pl.concat, "polars frame": pl.concat, "pandas": pd.concat, "table": pa.concat_tables}
        join = repeat.get(name, lambda parts: pa.chunked_array([chunk for part in parts for chunk in part.chunks]))
        column = join([column] * 4)
    model = LSTMRegressor(2, max_iter=2, random_state=0)
    y = np.arange(12.0)
    scores = cross_val_score(model, column, y, cv=3, error_score="raise")
    np.testing.assert_array_equal(scores, cross_val_score(model, Sequences.from_arrow(column), y, cv=3))
    train, test, y_train, _ = train_test_split(column, y, random_state=0)
    assert len(model.fit(train, y_train).predict(test)) == 3


# ---- whose memory it is ----


def arrow_of(values, offsets):
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))


def fixed_lists(values, offsets):
    items = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    return pa.LargeListArray.from_arrays(pa.array(offsets), items)


def awkward_of(values, offsets):
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), ak.contents.NumpyArray(values)))


OFFSETS = np.array([0, 3, 4, 6])
ZERO_COPY = {
    "Arrow": (1, arrow_of),
    "Arrow, sliced": (1, lambda v, o: arrow_of(v, o)[1:]),
    "Arrow, one chunk": (1, lambda v, o: pa.chunked_array([arrow_of(v, o)])),
    "Arrow, fixed lists": (2, fixed_lists),
    "Arrow, table": (1, lambda v, o: pa.table({"v": arrow_of(v, o)})),
    "polars": (1, lambda v, o: pl.from_arrow(arrow_of(v, o))),
    "pandas": (1, lambda v, o: pd.Series(pd.arrays.ArrowExtensionArray(arrow_of(v, o)))),
    "awkward": (1, awkward_of),
    "awkward, two channels": (2, awkward_of),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ZERO_COPY)
def test_numbers_without_nulls_are_not_copied(name, dtype):
    n_channels, make = ZERO_COPY[name]
    values = np.arange(6 * n_channels, dtype=dtype)
    values = values.reshape(6, n_channels) if n_channels > 1 else values
    column = make(values, OFFSETS)
    X = Sequences.from_arrow(column)
    assert np.shares_memory(X.values, values)
    assert X.dtype == dtype
    assert not X.values.flags.writeable
    model = LSTMRegressor(2, max_iter=1).fit(column, np.arange(len(X)))
    assert np.isfinite(model.predict(column)).all()


# ---- nulls ----


@pytest.mark.parametrize("convert", [pa.array, pl.Series, ak.Array], ids=["pyarrow", "polars", "awkward"])
def test_a_null_in_a_list_is_nan(convert):
    for items in ([[1.0, None, 3.0], [None]], [[1, None, 3], [None]], [[True, None, True], [None]]):
        X = Sequences.from_arrow(convert(items))
        np.testing.assert_array_equal(X.values.ravel(), [1, np.nan, items[0][2], np.nan])
        with pytest.raises(ValueError, match="NaN: sequence 0, step 1, channel 0"):
            LSTMRegressor().fit(convert(items), [1.0, 2.0])


def test_dtype_with_nulls_stays_single():
    X = Sequences.from_arrow(pa.array([[1.0, None]], pa.list_(pa.float32())))
    assert X.dtype == np.float32


@pytest.mark.parametrize("convert", [pa.array, pl.Series, ak.Array], ids=["pyarrow", "polars", "awkward"])
@pytest.mark.parametrize("step", [[7.0, 8.0], {"p": 7.0, "q": 8.0}], ids=["list", "struct"])
def test_a_null_step_is_nan_in_all_channels(convert, step):
    X = Sequences.from_arrow(convert([[step, None, step], [None]]))
    np.testing.assert_array_equal(X.values, [[7, 8], [np.nan] * 2, [7, 8], [np.nan] * 2])
    np.testing.assert_array_equal(X.lengths, [3, 1])


def test_a_null_list_of_fixed_size_is_nan_whatever_lies_under_it():
    items = pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0, 77.0, 77.0]), 2, mask=pa.array([False, True]))
    X = Sequences.from_arrow(pa.ListArray.from_arrays(pa.array([0, 2]), items))
    np.testing.assert_array_equal(X.values, [[1, 2], [np.nan, np.nan]])
    X = Sequences.from_arrow(pa.array([[None, None]], pa.list_(pa.list_(pa.float64(), 3))))
    np.testing.assert_array_equal(X.values, np.full((2, 3), np.nan))


@pytest.mark.parametrize("convert", [pa.array, pl.Series, ak.Array], ids=["pyarrow", "polars", "awkward"])
def test_a_missing_sequence_is_no_sequence_without_steps(convert):
    with pytest.raises(ValueError, match=r"X has no list for sequence 1, which is null\. Drop the sequence and its y"):
        Sequences.from_arrow(convert([[1.0], None, [2.0]]))
    X = Sequences.from_arrow(convert([[1.0], [], [2.0]]))
    np.testing.assert_array_equal(X.lengths, [1, 0, 1])
    with pytest.raises(ValueError, match="Sequence 1 of X has no step"):
        LSTMRegressor().fit(convert([[1.0], [], [2.0]]), [1.0, 2.0, 3.0])


def test_a_missing_sequence_of_a_table_names_its_column():
    with pytest.raises(ValueError, match="Column 'q' has no list for sequence 0"):
        Sequences.from_arrow(pa.table({"p": [[1.0], [2.0]], "q": [None, [2.0]]}))


# ---- other values ----


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float16(), pa.float32(), pa.bool_(), pa.decimal128(5, 1)], ids=str)
def test_numbers_of_any_type(kind):
    items = [[np.float16(1), np.float16(0)], [np.float16(1)]] if kind == pa.float16() else [[1, 0], [1]]
    column = pa.array([[1, 0], [1]]).cast(pa.list_(kind)) if kind == pa.bool_() else pa.array(items, pa.list_(kind))
    np.testing.assert_array_equal(Sequences.from_arrow(column).values.ravel(), [1, 0, 1])
    model = LSTMRegressor(2, max_iter=1, random_state=0)
    expected = model.fit([[1.0, 0.0], [1.0]], [0.0, 1.0]).predict([[1.0, 0.0], [1.0]])
    if kind != pa.float32():
        np.testing.assert_array_equal(model.fit(column, [0.0, 1.0]).predict(column), expected)


TOKENS = [["to", "be", "or", "not"], ["to", None], ["be"]]
TEXTS = {
    "pyarrow": pa.array(TOKENS),
    "large": pa.array(TOKENS, pa.large_list(pa.large_string())),
    "view": pa.array(TOKENS, pa.list_(pa.string_view())),
    "dictionary": pa.ListArray.from_arrays(pa.array([0, 4, 6, 7]), pa.array([t for x in TOKENS for t in x]).dictionary_encode()),
    "polars": pl.Series(TOKENS),
    "polars Categorical": pl.Series(TOKENS, dtype=pl.List(pl.Categorical)),
    "awkward": ak.Array(TOKENS),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_categories(name):
    X = Sequences.from_arrow(TEXTS[name])
    assert X.categories[0].tolist() == ["be", "not", "or", "to"]
    np.testing.assert_array_equal(X.values.ravel(), [3, 0, 2, 1, 3, np.nan, 0])
    column = pa.array([TOKENS[0], TOKENS[2]])
    model = LSTMClassifier(2, max_iter=2, categorical_features=[0], random_state=0).fit(column, [0, 1])
    # As everywhere, the text counts and not its code: "be" alone has code 0 here, and another one there.
    np.testing.assert_array_equal(model.predict_proba(pa.array([["be"]]))[0], model.predict_proba(column)[1])


def test_texts_in_structs_and_tables():
    steps = [[{"word": "b", "v": 1.0}, {"word": "a", "v": 2.0}], [{"word": None, "v": 3.0}]]
    table = pa.table({"word": [["b", "a"], [None]], "v": [[1.0, 2.0], [3.0]]})
    kind = pa.list_(pa.struct({"word": pa.string(), "v": pa.float64()}))
    for column in (pa.array(steps, kind), pl.Series(steps), ak.Array(steps), table, pl.DataFrame(table)):
        X = Sequences.from_arrow(column)
        assert (X.channel_names, X.categories[0].tolist()) == (["word", "v"], ["a", "b"])
        np.testing.assert_array_equal(X.values, [[1, 1], [0, 2], [np.nan, 3]])


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.list_(pa.list_(pa.float64())), pa.list_(PAIR)], ids=str)
def test_of_nothing(kind):
    assert len(Sequences.from_arrow(pa.array([], kind))) == 0
    X = Sequences.from_arrow(pa.array([[], []], kind))
    np.testing.assert_array_equal(X.lengths, [0, 0])


# ---- errors ----


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([1.0, 2.0]), "must be a column of lists, one per sequence, got double"),
        (pa.array(["a"]), "must be a column of lists.*got string"),
        (pl.Series([1.0]), "must be a column of lists.*got double"),
        ([[1.0]], "Expected an Arrow column of lists or an awkward array, got list.*from_list"),
        (np.ones((2, 3)), "got ndarray"),
        (pd.Series([[1.0], [2.0]]), None),
        (pa.array([[[1.0, 2.0]], [[3.0, 4.0], [5.0]]]), "same channels: the first has 2, sequence 1, step 1 has 1"),
        (pa.array([[[[1.0]]]]), "X holds list<item: double> in its lists"),
        (pa.array([[pd.Timestamp("2024")]]), "X holds timestamp.* in its lists.*Each step must be"),
        (ak.Array([[1.0, "a"]]), "X holds dense_union.* in its lists"),
        (pa.table({"p": [[1.0, 2.0]], "q": [[1.0]]}), "same steps: in sequence 0, 'p' has 2 and 'q' has 1"),
        (pa.table({"p": [[1.0]], "q": [[[1.0, 2.0]]]}), "Column 'q' has 2 values in each step.*every column is one channel"),
        (pa.table({"p": [[1.0]], "q": [2.0]}), "Column 'q' must be a column of lists, one per sequence, got double"),
        (pa.table({}), "no column"),
    ],
)
def test_bad_columns(column, words):
    if words is None:  # objects, which pandas converts
        assert len(Sequences.from_arrow(column)) == 2
        return
    with pytest.raises(ValueError, match=words):
        Sequences.from_arrow(column)


def unchecked(offsets, items, dtype=np.int32):
    """A column of lists with offsets that pyarrow does not look at before `validate(full=True)`."""
    kind = pa.list_(items.type) if dtype == np.int32 else pa.large_list(items.type)
    buffer = pa.py_buffer(np.array(offsets, dtype).tobytes())
    return pa.Array.from_buffers(kind, len(offsets) - 1, [None, buffer], children=[items])


NUMBERS = pa.array(np.arange(12.0))
UNSOUND = {
    "far beyond": unchecked([0, 2**31 - 8, -(2**30), 12], NUMBERS),
    "decreasing": unchecked([0, 8, 4, 12], NUMBERS),
    "large list": unchecked([0, 2**62, -(2**62), 12], NUMBERS, np.int64),
    "large list, decreasing": unchecked([0, 8, 4, 12], NUMBERS, np.int64),
    "steps": unchecked([0, 3, 6], unchecked([0, 2, 8, 6, 8, 10, 12], NUMBERS)),
    "negative step": unchecked([0, 3, 6], unchecked([0, 2, 4, 6, 8, -10, 12], NUMBERS)),
    "chunked": pa.chunked_array([unchecked([0, 8, 4, 12], NUMBERS), unchecked([0, 4, 8, 12], NUMBERS)]),
    "category": unchecked([0, 2, 3], pa.DictionaryArray.from_arrays(np.array([0, 10**9, 1]), pa.array(["a", "b"]), safe=False)),
    "negative category": unchecked([0, 2, 3], pa.DictionaryArray.from_arrays(np.array([0, -1, 1]), ["a", "b"], safe=False)),
}


@pytest.mark.parametrize("kind", UNSOUND)
def test_offsets_and_indices_that_lead_elsewhere_are_refused(kind):
    column = UNSOUND[kind]
    for act in (Sequences.from_arrow, lambda column: LSTMRegressor().fit(column, np.arange(len(column)))):
        with pytest.raises(ValueError, match=r"X is no sound Arrow array: .*Create it again") as caught:
            act(column)
        assert type(caught.value) is ValueError
    with pytest.raises(ValueError, match="Column 'p' is no sound Arrow array"):
        Sequences.from_arrow(pa.table({"p": column}))


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch):
    find = builtins.__import__

    def without_pyarrow(name, *args, **kwargs):
        if name.split(".")[0] == "pyarrow":
            raise ModuleNotFoundError(name, name=name)
        return find(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    for act in (Sequences.from_arrow, lambda column: LSTMRegressor().fit(column, [1.0, 2.0, 3.0])):
        with pytest.raises(ImportError, match=r"pip install 'sklstm\[arrow\]'"):
            act(COLUMNS["polars"][1])


def test_a_pyarrow_that_cannot_be_imported_says_why(monkeypatch):
    find = builtins.__import__

    def broken(name, *args, **kwargs):
        if name == "pyarrow":
            raise ImportError("numpy.core.multiarray failed to import", name="numpy.core.multiarray")
        return find(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(ImportError, match=r"is installed but cannot be imported \(numpy.core.multiarray failed to import\)"):
        Sequences.from_arrow(COLUMNS["polars"][1])
