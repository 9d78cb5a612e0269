"""`Sequences`, `Packed` and `minibatches`: nothing is lost, reordered or needlessly copied on the way to a kernel."""
import copy
import os
import pickle
import subprocess
import sys
from datetime import date

import numpy as np
import pytest
from sklearn.model_selection import KFold, train_test_split
from sklearn.utils import resample, shuffle

from sklstm import LSTMRegressor, Sequences
from sklstm.sequences import Packed, as_sequences
from sklstm.training.batching import POOL_BATCHES, minibatches

LENGTHS = [[3, 1, 4], [1], [2, 2, 2], [1, 5, 1, 7, 2, 7], [0, 3, 0, 1]]


def some_list(lengths, n_channels=2, dtype=np.float64):
    """Sequences as a list of arrays; no two values of it are equal, none is 0."""
    ends = np.cumsum(lengths)
    values = 1 + np.arange(ends[-1] * n_channels, dtype=dtype).reshape(-1, n_channels)
    return np.split(values, ends[:-1])


def assert_same(sequences, expected, dtype=np.float64):
    assert isinstance(sequences, Sequences)
    assert len(sequences) == len(expected)
    assert sequences.values.dtype == dtype
    for one, array in zip(sequences.to_list(), expected, strict=True):
        array = np.asarray(array)
        np.testing.assert_array_equal(one, array if array.ndim == 2 else array[:, np.newaxis])


# ---- the constructor ----


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
def test_constructor_keeps_the_buffer(lengths, dtype):
    values = np.concatenate(some_list(lengths, 3)).astype(dtype)
    sequences = Sequences(values, np.concatenate([[0], np.cumsum(lengths)]))
    assert np.shares_memory(sequences.values, values)
    assert len(sequences) == len(lengths)
    assert sequences.shape == (len(lengths),)
    assert (sequences.n_channels, sequences.dtype) == (3, dtype)
    np.testing.assert_array_equal(sequences.lengths, lengths)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8, np.uint32, np.uint64])
def test_offsets_of_any_integer_dtype(dtype):
    sequences = Sequences(np.ones((6, 1)), np.array([0, 4, 4, 6], dtype=dtype))
    np.testing.assert_array_equal(sequences.lengths, [4, 0, 2])


@pytest.mark.parametrize(
    ("values", "offsets", "words"),
    [
        (np.zeros(6), [0, 6], r"2-D .*got shape \(6,\).*from_list"),
        (np.zeros((1, 2, 3)), [0, 1], r"2-D .*got shape \(1, 2, 3\)"),
        (np.zeros((6, 1)), [], r"offsets .*got shape \(0,\)"),
        (np.zeros((6, 1)), 6, r"offsets .*got shape \(\)"),
        (np.zeros((6, 1)), [[0, 6]], r"offsets .*got shape \(1, 2\)"),
        (np.zeros((6, 1)), [0.0, 6.0], "offsets .*integers.*float64"),
        (np.zeros((6, 1)), [1, 6], "begin with 0"),
        (np.zeros((6, 1)), [0, 5], "end with the number of steps, 6"),
        (np.zeros((6, 1)), [0, 7], "end with the number of steps, 6"),
        (np.zeros((6, 1)), [0, 5, 3, 6], "never decrease"),
        (np.zeros((6, 1)), np.array([0, 5, 3, 6], dtype=np.uint64), "never decrease"),
        (np.zeros((6, 1)), np.array([0, 5, 3, 6], dtype=np.uint8), "never decrease"),
        (np.zeros((20, 1)), np.array([0, 120, -10, 20], dtype=np.int8), "never decrease.* 20, got -10"),
        (np.zeros((20, 1)), np.array([0, 32_000, -1_000, 20], dtype=np.int16), "never decrease"),
        (np.zeros((20, 1)), np.array([0, 2**31 - 8, -(2**30), 20], dtype=np.int32), "never decrease"),
        (np.zeros((20, 1)), np.array([0, 2**62 + 2**61, -(2**62), 20]), "never decrease"),
        (np.zeros((20, 1)), np.array([0, 2**63 + 5, 20], dtype=np.uint64), "got 9223372036854775813"),
        (np.zeros((20, 1)), np.array([0, 2**64 - 1, 20], dtype=np.uint64), "never decrease"),
        (np.zeros((6, 1)), np.array([False, True]), "integers.*bool"),
        (np.zeros((6, 1)), np.array([0, 6], dtype=object), "integers.*object"),
        (np.zeros((6, 1)), np.array([0, 6], dtype="m8[s]"), "integers.*timedelta"),
        (np.zeros((6, 1)), ["0", "6"], "integers.*<U1"),
        (np.zeros((6, 1)), [0, 10**30], "integers.*object"),
        (np.zeros((6, 1)), [0, 4, 2, 6], r"offsets\[1\] is 4, offsets\[2\] is 2"),
    ],
)
def test_constructor_refuses(values, offsets, words):
    with pytest.raises(ValueError, match=words):
        Sequences(values, offsets)


# ---- from_list ----


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("container", [list, tuple, iter, Sequences.from_list])
def test_from_list_round_trip(lengths, container):
    expected = some_list(lengths)
    assert_same(Sequences.from_list(container(expected)), expected)


@pytest.mark.parametrize(
    ("dtypes", "result"),
    [
        ([np.float32, np.float32], np.float32),
        ([np.float32, np.float64], np.float64),
        ([np.float32, np.int8], np.float64),
        ([np.int64, np.bool_], np.float64),
        ([np.float16, np.float16], np.float64),
        ([object, object], np.float64),
    ],
)
def test_from_list_dtype(dtypes, result):
    arrays = [np.array([[1], [0]], dtype=dtype) for dtype in dtypes]
    assert_same(Sequences.from_list(arrays), [[1, 0], [1, 0]], result)


@pytest.mark.parametrize(
    "items", [[[1, 2], [3]], [np.array([1, 2]), np.array([[3]])], [np.array([1.0, 2.0])[::-1][::-1], range(3, 4)]], ids=str
)
def test_from_list_takes_one_dimension_as_one_channel(items):
    assert_same(Sequences.from_list(items), [[1, 2], [3]])


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([], "no sequence"),
        ([np.ones((2, 2)), np.ones((2, 3))], "sequence 0 has 2, sequence 1 has 3"),
        ([np.ones((2, 2)), np.ones((1, 2, 2))], r"Sequence 1 .*3 dimensions \(shape \(1, 2, 2\)\), expected"),
        ([[1, 2], 3], r"Sequence 1 .*0 dimensions"),
        ([[[1, 2], [3, 4]], [[1, 2], [3]]], "Sequence 1 .*steps differ in length"),
        ([[1, 2], [3, "four"]], "sequence 1, step 1, channel 0 is .*four"),
        ([[1j]], "[cC]omplex"),
        ([[1.0], np.ma.masked_equal([1.0, 2.0], 2)], "Sequence 1 of X is a masked array.*Fill"),
        ([np.array(["2020-01-01", "NaT"], "M8[D]")], "sequence 0, step 0, channel 0 is .*2020-01-01"),
        ([[1.0], np.array([5], "m8[s]")], "sequence 1, step 0, channel 0 is .*5"),
    ],
)
def test_from_list_refuses(items, words):
    with pytest.raises(ValueError, match=words):
        Sequences.from_list(items)


def test_masked_arrays_are_refused():
    X = np.ma.masked_equal(np.ones((2, 3, 1)), 1)
    with pytest.raises(ValueError, match="X is a masked array"):
        Sequences.from_padded(X, lengths=[1, 2])
    with pytest.raises(ValueError, match="values is a masked array"):
        Sequences(X[0], [0, 3])
    assert Sequences(np.ma.ones((2, 1)), [0, 2]).lengths.tolist() == [2]


@pytest.mark.parametrize("dtype", ["M8[D]", "m8[s]"])
def test_times_are_no_numbers(dtype):
    with pytest.raises(ValueError, match="X must hold numbers: sequence 0, step 0, channel 0 is"):
        as_sequences(Sequences(np.zeros((3, 1), dtype), [0, 3]))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_dataframes_in_a_list(library):
    DataFrame = pytest.importorskip(library).DataFrame
    frames = [DataFrame({"a": [1.0, None], "b": [3, 4]}), DataFrame({"a": [5.0], "b": [6]})]
    X = Sequences.from_list(frames)
    assert X.channel_names == ["a", "b"]
    np.testing.assert_array_equal(X.values, [[1, 3], [np.nan, 4], [5, 6]])
    with pytest.raises(ValueError, match=r"columns of sequence 0 are \['a', 'b'\], those of sequence 1 are \['b', 'a'\]"):
        Sequences.from_list([frames[0], frames[1][["b", "a"]]])


def test_nothing_in_a_cell_is_nan():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": pandas.array([1, None], dtype="Int64"), "b": [1.5, 2.5]})
    for X in (Sequences.from_list([frame]), as_sequences_of_objects([[1, 1.5], [None, 2.5]])):
        np.testing.assert_array_equal(X.values, [[1, 1.5], [np.nan, 2.5]])


def as_sequences_of_objects(rows):
    return Sequences.from_list([np.array(rows, dtype=object)])


# ---- padded arrays ----


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("padding", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padded_round_trip(lengths, padding, dtype):
    expected = some_list(lengths, dtype=dtype)
    sequences = Sequences.from_list(expected)
    padded = sequences.to_padded(padding)
    assert padded.shape == (len(lengths), max(lengths), 2)
    assert padded.dtype == dtype
    for row, one in zip(padded, expected, strict=True):
        np.testing.assert_array_equal(row[: len(one)], one)
        np.testing.assert_array_equal(row[len(one) :], np.full((max(lengths) - len(one), 2), padding))
    assert_same(Sequences.from_padded(padded, padding=padding), expected, dtype)
    assert_same(Sequences.from_padded(padded, lengths=lengths), expected, dtype)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
@pytest.mark.parametrize("container", [np.array, list], ids=["array", "list"])
def test_from_padded_takes_lengths_of_any_integer_dtype(dtype, container):
    expected = some_list([3, 1, 4])
    lengths = container(np.array([3, 1, 4], dtype=dtype))
    assert_same(Sequences.from_padded(Sequences.from_list(expected).to_padded(), lengths=lengths), expected)


def test_lengths_of_a_small_integer_dtype_do_not_wrap():
    sequences = Sequences.from_padded(np.ones((300, 4, 1)), lengths=np.full(300, 3, dtype=np.int8))
    assert sequences.offsets[-1] == 900


@pytest.mark.parametrize("padding", [0.0, np.nan])
def test_padding_value_before_the_last_real_step_is_data(padding):
    p = padding
    X = np.array([[[p, p], [1, 2], [p, p], [3, p], [p, p]], [[p, p], [p, p], [p, p], [p, 4], [5, p]]])
    assert_same(Sequences.from_padded(X, padding=padding), [X[0, :4], X[1]])


def test_padding_may_be_given_in_another_precision():
    X = np.full((1, 2, 1), 0.1, dtype=np.float32)
    X[0, 0] = 1
    assert_same(Sequences.from_padded(X, padding=0.1), [[1]], np.float32)


def test_lengths_decide_even_where_data_and_padding_look_alike():
    np.testing.assert_array_equal(Sequences.from_padded(np.zeros((3, 4, 1)), lengths=[4, 0, 2]).lengths, [4, 0, 2])


@pytest.mark.parametrize("shape", [(0, 4, 2), (3, 0, 2)])
def test_from_padded_with_nothing_in_it(shape):
    assert Sequences.from_padded(np.ones(shape), padding=0).values.shape == (0, 2)
    assert Sequences.from_padded(np.ones(shape), lengths=np.zeros(shape[0], dtype=int)).values.shape == (0, 2)


@pytest.mark.parametrize(("padding", "dtype"), [(-1, np.int32), (np.nan, np.float64), (0.5, np.float64), (2**40, np.float64)])
def test_to_padded_widens_integers_only_where_the_padding_needs_it(padding, dtype):
    padded = Sequences(np.array([[1], [2], [3]], dtype=np.int32), [0, 2, 3]).to_padded(padding)
    assert padded.dtype == dtype
    np.testing.assert_array_equal(padded[:, :, 0], [[1, 2], [3, padding]])


@pytest.mark.parametrize(
    ("X", "arguments", "words"),
    [
        (np.ones(3), {"padding": 0}, r"of shape \(n_sequences.*got shape \(3,\)"),
        (np.ones((3, 4, 1)), {}, "exactly one of lengths and padding"),
        (np.ones((3, 4, 1)), {"padding": 0, "lengths": [1, 2, 3]}, "exactly one of lengths and padding"),
        (np.ones((3, 4, 1)), {"lengths": [1, 2]}, r"3 integers.*got shape \(2,\)"),
        (np.ones((3, 4, 1)), {"lengths": [1.0, 2.0, 3.0]}, "3 integers.*float64"),
        (np.ones((3, 4, 1)), {"lengths": [1, -2, 3]}, "between 0 and the 4 steps.*got -2 for sequence 1"),
        (np.ones((3, 4, 1)), {"lengths": [1, 2, 5]}, "between 0 and the 4 steps.*got 5 for sequence 2"),
    ],
)
def test_from_padded_refuses(X, arguments, words):
    with pytest.raises(ValueError, match=words):
        Sequences.from_padded(X, **arguments)


# ---- from_long ----


def as_dict(table):
    return table


def as_pandas(table):
    frame = pytest.importorskip("pandas").DataFrame(table)
    frame.index = np.arange(len(frame))[::-1] % 3  # an index that says nothing about the order of the rows
    return frame


def as_polars(table):
    return pytest.importorskip("polars").DataFrame({name: list(column) for name, column in table.items()})


FRAMES = [as_dict, as_pandas, as_polars]
IDS = {"int": np.array([40, -3, 7]), "str": np.array(["z", "a", "ä"]), "float": np.array([0.5, -1.0, 9.0])}
TIMES = {
    "int": np.arange(5) * 10 - 20,
    "float": np.arange(5) / 3,
    "date": np.array("2024-02-27", dtype="datetime64[D]") + np.arange(5),
    "str": np.array(["2023-12-31", "2024-01-01", "2024-01-01T12:00", "2024-01-01T12:00:01", "2024-10-01"]),
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("id_kind", IDS)
@pytest.mark.parametrize("time_kind", TIMES)
def test_from_long_undoes_any_order_of_rows(frame, id_kind, time_kind):
    lengths = [3, 1, 5]
    expected = some_list(lengths)
    values = np.concatenate(expected)
    which = np.repeat(np.arange(3), lengths)
    step = np.concatenate([np.arange(n) for n in lengths])
    for seed in range(3):
        rows = np.random.default_rng(seed).permutation(len(which))
        times = TIMES[time_kind][step][rows]
        if frame is as_polars:
            times = times.tolist()
        table = {"t": times, "a": values[rows, 0], "who": IDS[id_kind][which][rows], "b": values[rows, 1]}
        sequences = Sequences.from_long(frame(table), id="who", time="t")
        # The sequences come in the order in which their ids first appear.
        appearance = list(dict.fromkeys(which[rows].tolist()))
        assert_same(sequences, [expected[k] for k in appearance])


@pytest.mark.parametrize("frame", FRAMES)
def test_from_long_without_time_keeps_the_order_of_rows(frame):
    table = {"who": ["b", "a", "b", "a", "b"], "v": [1.0, 2.0, 3.0, 4.0, 5.0]}
    assert_same(Sequences.from_long(frame(table), id="who"), [[1, 3, 5], [2, 4]])


@pytest.mark.parametrize("frame", FRAMES)
def test_from_long_takes_the_channels_in_the_order_of_columns(frame):
    table = {"who": [1, 1, 2], "t": [2, 1, 1], "a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0], "c": [7.0, 8.0, 9.0]}
    for columns in (["c", "a"], ("c", "a")):
        assert_same(Sequences.from_long(frame(table), id="who", time="t", columns=columns), [[[8, 2], [7, 1]], [[9, 3]]])
    assert Sequences.from_long(frame(table), id="who", time="t").n_channels == 3


def as_index(names):
    return pytest.importorskip("pandas").Index(names)


@pytest.mark.parametrize("container", [np.array, as_index])
def test_from_long_takes_columns_as_an_array(container):
    # frame.columns[2:] is how a pandas user names the rest.
    table = {"who": [1, 1, 2], "t": [2, 1, 1], "a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}
    assert_same(Sequences.from_long(table, id="who", time="t", columns=container(["b", "a"])), [[[5, 2], [4, 1]], [[6, 3]]])


def test_from_long_float32_stays_float32():
    table = {"who": [1, 1], "v": np.ones(2, dtype=np.float32), "w": np.zeros(2, dtype=np.float32)}
    assert Sequences.from_long(table, id="who").dtype == np.float32


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"t": [3, 1, 1, 1]}, r"Sequence .*'?b'?.* has two rows at time .*1.*Drop or merge"),
        ({"t": [date(2024, 1, 2), date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 1)]}, r"two rows at time .*2024\D+0?1\D+0?1"),
        ({"t": [1.0, None, 2.0, 3.0]}, r"time in column 't' is missing in row 1.*Drop"),
        ({"t": [1.0, float("nan"), 2.0, 3.0]}, r"time in column 't' is missing in row 1.*Drop"),
        ({"t": [date(2024, 1, 1), None, date(2024, 1, 2), date(2024, 1, 3)]}, r"time in column 't' is missing in row 1.*Drop"),
        ({"who": ["a", "b", None, "b"]}, r"id in column 'who' is missing in row 2.*Drop"),
        ({"who": [1.0, 2.0, float("nan"), 2.0]}, r"id in column 'who' is missing in row 2.*Drop"),
    ],
)
def test_from_long_says_which_row_is_wrong(frame, change, words):
    table = {"who": ["a", "b", "a", "b"], "t": [1, 2, 3, 4], "v": [1.0, 2.0, 3.0, 4.0]} | change
    with pytest.raises(ValueError, match=words):
        Sequences.from_long(frame(table), id="who", time="t")


@pytest.mark.parametrize("dtype", ["string", "Int64", "datetime64[ns]", "category"])
@pytest.mark.parametrize(("column", "row"), [("who", 1), ("t", 2)])
def test_from_long_finds_what_pandas_calls_missing(dtype, column, row):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"who": [1, 1, 2], "t": [3, 4, 5], "v": [1.0, 2.0, 3.0]})
    entries = [10, 20, 30] if dtype != "datetime64[ns]" else list(pd.to_datetime(["2020", "2021", "2022"]))
    entries[row] = None
    if dtype == "string":
        entries = [None if entry is None else str(entry) for entry in entries]
    frame[column] = pd.Series(entries, dtype=dtype)
    with pytest.raises(ValueError, match=f"column '{column}' is missing in row {row}"):
        Sequences.from_long(frame, id="who", time="t")


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"id": "whom"}, "no column 'whom'.*who"),
        ({"id": "who", "time": "when"}, "no column 'when'.*'t'"),
        ({"id": "who", "columns": ["v", "x"]}, "no column 'x'.*'v'"),
        ({"id": "who", "columns": []}, "no channel"),
    ],
)
def test_from_long_says_which_column_is_absent(frame, arguments, words):
    with pytest.raises(ValueError, match=words):
        Sequences.from_long(frame({"who": [1], "t": [2], "v": [3.0]}), **arguments)


def test_from_long_of_nothing_is_empty():
    assert len(Sequences.from_long({"who": [], "t": [], "v": []}, id="who", time="t")) == 0


# ---- indexing, iterating, printing, copying ----

KEYS = [
    slice(None), slice(1, 4), slice(-3, None), slice(4, 1), slice(10, 20), slice(None, None, 2), slice(None, None, -1),
    slice(-2, 0, -2), [0], [5, 0, 0, -1], np.array([2, 1]), np.array([3, 2], dtype=np.uint8), np.array([-1, -6], dtype=np.int8),
    range(2, 5), [True, False, True, False, False, True], np.zeros(6, dtype=bool), np.ones(6, dtype=bool), [],
    np.array([], dtype=int), np.array([]),
]  # fmt: skip
NO_KEYS = [
    6, -7, 1.0, "a", None, [6], [-7], [[0, 1]], [0.0, 1.0], [True, False], np.ones(7, dtype=bool), ["a"], (0, slice(None)),
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS, ids=repr)
@pytest.mark.parametrize("wrap", [lambda key: key, lambda key: (key, Ellipsis)], ids=["key", "(key, ...)"])
def test_indexing_chooses_what_it_would_of_an_array(key, wrap):
    expected = some_list([1, 5, 0, 7, 2, 7])
    chosen = np.arange(6)[key if isinstance(key, slice) or len(key) else slice(0, 0)]
    assert_same(Sequences.from_list(expected)[wrap(key)], [expected[k] for k in chosen])


@pytest.mark.parametrize("key", [0, 3, -1, -6, np.int8(-2), np.uint64(5)], ids=repr)
@pytest.mark.parametrize("wrap", [lambda key: key, lambda key: (key, Ellipsis)], ids=["key", "(key, ...)"])
def test_an_integer_gives_the_sequence_itself_without_a_copy(key, wrap):
    expected = some_list([1, 5, 3, 7, 2, 7])
    sequences = Sequences.from_list(expected)
    np.testing.assert_array_equal(sequences[wrap(key)], expected[int(key)])
    assert np.shares_memory(sequences[wrap(key)], sequences.values)


def test_a_contiguous_slice_is_a_view_and_pickles_no_more_than_itself():
    sequences = Sequences(np.ones((10_000, 2)), np.arange(0, 10_001, 10))
    assert np.shares_memory(sequences[10:20].values, sequences.values)
    assert len(pickle.dumps(sequences[10:20])) < 100 * 2 * 8 + 1000


@pytest.mark.parametrize("key", NO_KEYS, ids=repr)
def test_indexing_refuses(key):
    with pytest.raises(IndexError):
        Sequences.from_list(some_list([1, 5, 0, 7, 2, 7]))[key]


def test_nested_indexing_composes():
    expected = some_list([1, 5, 3, 7, 2, 7])
    assert_same(Sequences.from_list(expected)[[5, 3, 1, 0]][1:][[True, False, True]][::-1], [expected[0], expected[3]])


@pytest.mark.parametrize("lengths", LENGTHS)
def test_iteration_gives_the_list(lengths):
    expected = some_list(lengths)
    for one, array in zip(Sequences.from_list(expected), expected, strict=True):
        np.testing.assert_array_equal(one, array)


@pytest.mark.parametrize(
    ("lengths", "dtype", "text"),
    [
        ([3, 1], np.float64, "Sequences(2 sequences of 1 to 3 steps, 2 channels, float64)"),
        ([4, 4], np.float32, "Sequences(2 sequences of 4 steps, 2 channels, float32)"),
    ],
)
def test_repr(lengths, dtype, text):
    sequences = Sequences.from_list(some_list(lengths, dtype=dtype))
    assert repr(sequences) == text
    assert repr(sequences[:0]).startswith("Sequences(0 sequences")


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
ROUND_TRIPS = [copy.copy, copy.deepcopy, *(lambda x, protocol=p: pickle.loads(pickle.dumps(x, protocol)) for p in PROTOCOLS)]


@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
def test_copies_are_equal(round_trip):
    expected = some_list([3, 0, 4], dtype=np.float32)
    assert_same(round_trip(Sequences.from_list(expected)), expected, np.float32)


def test_scikit_learn_cuts_by_whole_sequences():
    expected = some_list([1, 5, 3, 7, 2, 7])
    sequences, names = Sequences.from_list(expected), np.arange(6)
    X_train, X_test, train, test = train_test_split(sequences, names, test_size=2, random_state=0)
    shuffled, resampled = shuffle(sequences, names, random_state=0), resample(sequences, names, random_state=0)
    for part, chosen in [(X_train, train), (X_test, test), shuffled, resampled]:
        assert_same(part, [expected[k] for k in chosen])
    for train, test in KFold(3, shuffle=True, random_state=0).split(sequences):
        assert sorted([*train, *test]) == list(range(6))


def test_take_is_what_numpy_takes():
    expected = some_list([3, 1, 2])
    X = Sequences.from_list(expected)
    assert_same(np.take(X, [2, 0], axis=0), [expected[2], expected[0]])
    assert_same(X.take(1), [expected[1]])
    for arguments in ({"axis": 1}, {"mode": "wrap"}, {"out": np.empty(2, object)}):
        with pytest.raises(ValueError, match=r"one axis.*X\[indices\]"):
            X.take([0], **arguments)
    with pytest.raises(IndexError):
        X.take([3])


DISPATCHED = """
import warnings
import numpy as np, sklearn
from sklearn import model_selection as ms
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample, shuffle
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.preprocessing import PerStep

class Foreign:  # an array of another library, as far as scikit-learn looks
    def __init__(self, array):
        self.array = array
        self.shape, self.ndim = array.shape, array.ndim
    dtype = "float of that library"
    def __len__(self):
        return len(self.array)
    def __array__(self, dtype=None, copy=None):
        return self.array
    def __array_namespace__(self, api_version=None):
        raise TypeError("nothing here knows this library")

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
lists = [rng.normal(size=(k % 4 + 2, 2)) for k in range(12)]
X, y, groups = Sequences.from_list(lists), np.arange(12) % 2, np.arange(12) % 3
X.ids = np.arange(12)
model = LSTMClassifier(2, max_iter=1, random_state=0)
expected = ms.cross_val_score(model, X, y, cv=2), model.fit(X, y).predict_proba(X)
with sklearn.config_context(array_api_dispatch=True):
    for cv in (
        ms.KFold(3), ms.StratifiedKFold(3), ms.GroupKFold(3), ms.ShuffleSplit(2), ms.StratifiedShuffleSplit(2),
        ms.TimeSeriesSplit(2), ms.RepeatedStratifiedKFold(n_splits=2),
        ms.LeaveOneGroupOut(), ms.LeavePGroupsOut(1), ms.StratifiedGroupKFold(2), ms.RepeatedKFold(n_splits=2, n_repeats=1),
        ms.PredefinedSplit(groups), ms.GroupShuffleSplit(2), ms.LeaveOneOut(), ms.LeavePOut(11),
    ):
        for train, test in cv.split(X, y, groups):
            assert X[train].ids.tolist() == train.tolist()
    assert np.array_equal(ms.cross_val_score(model, X, y, cv=2), expected[0])
    assert np.array_equal(model.fit(X, y).predict_proba(X), expected[1])
    ms.GridSearchCV(model, {"hidden_size": [2, 3]}, cv=2, error_score="raise").fit(X, y)
    ms.cross_val_predict(model, X, y, cv=2)
    ms.permutation_test_score(model, X, y, cv=2, n_permutations=1)
    parts = *ms.train_test_split(X, stratify=y), resample(X), shuffle(X)
    assert all(isinstance(part, Sequences) and part.ids is not None for part in parts)
    steps = Sequences(X.values[:, :1], X.offsets)
    LSTMRegressor(2, max_iter=1, return_sequences=True).fit(X, steps, X_val=X, y_val=steps).score(X, steps)
    flat = rng.normal(size=(12, 6))
    one = LSTMRegressor(2, max_iter=1, random_state=0).fit(flat, y)
    two = LSTMRegressor(2, max_iter=1, random_state=0).fit(Foreign(flat), Foreign(y), sample_weight=Foreign(np.ones(12)))
    assert np.array_equal(one.predict(flat), two.predict(Foreign(flat)))
    assert one.score(flat, y) == two.score(Foreign(flat), Foreign(y))
    PerStep(StandardScaler(), n_channels=2).fit(Foreign(flat)).transform(Foreign(flat))
print("all of it")
"""


def test_scikit_learn_told_to_dispatch_to_array_libraries_cuts_sequences():
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}  # which SciPy reads when it is imported
    run = subprocess.run([sys.executable, "-P", "-c", DISPATCHED], env=environment, capture_output=True, text=True)
    if "No module named 'array_api" in run.stderr or "array-api-compat is required" in run.stderr:
        pytest.skip("this scikit-learn needs array-api-compat to dispatch")
    assert run.stdout == "all of it\n", run.stderr


# ---- the door: any X -> Sequences ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_input_is_not_copied(dtype):
    X = np.arange(24, dtype=dtype).reshape(3, 4, 2)
    X.flags.writeable = False
    sequences = as_sequences(X)
    assert np.shares_memory(sequences.values, X)
    assert_same(sequences, X, dtype)
    assert np.shares_memory(as_sequences(sequences).values, X)  # a snapshot of them, with the same buffer


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_read_only_memmap_is_not_copied_and_trains(tmp_path, dtype):
    X = np.random.default_rng(0).normal(size=(20, 4, 2)).astype(dtype)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert np.shares_memory(as_sequences(mapped).values, mapped)
    model = LSTMRegressor(hidden_size=2, max_iter=1, tol=0, learning_rate="constant", random_state=0)
    with pytest.warns(UserWarning, match="not converged"):
        on_file = model.fit(mapped, np.arange(20.0)).predict(mapped)
        in_memory = model.fit(X, np.arange(20.0)).predict(X)
    np.testing.assert_array_equal(on_file, in_memory)


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda X: X[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "every other": lambda X: np.repeat(np.repeat(X, 2, axis=1), 2, axis=2)[:, ::2, ::2],
    "other byte order": lambda X: X.astype(X.dtype.newbyteorder()),
    "object": lambda X: X.astype(object),
    "nested lists": lambda X: X.tolist(),
    "list": list,
    "tuple": tuple,
    "list of Fortran order": lambda X: [np.asfortranarray(x) for x in X],
    "pandas Series": lambda X: pytest.importorskip("pandas").Series(list(X), index=[9, 4, 4]),
    "Sequences in Fortran order": lambda X: Sequences(np.asfortranarray(X.reshape(-1, 2)), [0, 4, 8, 12]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_is_read_as_the_same_values(layout):
    X = np.arange(24.0).reshape(3, 4, 2)
    sequences = as_sequences(LAYOUTS[layout](X))
    assert_same(sequences, X)
    assert sequences.values.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint64, np.float16, np.longdouble])
def test_other_numbers_are_read_as_float64(dtype):
    X = (np.arange(24).reshape(3, 4, 2) % 2).astype(dtype)
    assert_same(as_sequences(X), X.astype(np.float64))


# ---- packed minibatches ----


def gather_slowly(sequences, rows, shift, factor):
    """Naive twin of `Packed.gather`: order, row starts of the steps, rows."""
    order = sorted(rows, key=lambda i: -len(sequences[int(i)]))  # sorted is stable
    starts, packed = [0], []
    for t in range(len(sequences[int(order[0])])):
        packed += [(sequences[int(i)][t] - shift) * factor for i in order if t < len(sequences[int(i)])]
        starts.append(len(packed))
    return order, starts, np.array(packed)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gather_equals_the_slow_loop(seed, dtype):
    rng = np.random.default_rng(seed)
    longest, n_channels = int(rng.integers(1, 12)), int(rng.integers(1, 5))
    arrays = [rng.normal(size=(n, n_channels)).astype(dtype) for n in rng.integers(1, longest + 1, size=30)]
    sequences = Sequences.from_list(arrays)
    shift, factor = rng.normal(size=n_channels).astype(dtype), rng.normal(size=n_channels).astype(dtype)
    rows = rng.choice(30, size=int(rng.integers(1, 30)), replace=False)
    buffer = np.full((500, n_channels), 77, dtype=dtype)

    packed = Packed.gather(sequences, rows, shift, factor, lambda n_sequences, n_rows: buffer)

    order, starts, values = gather_slowly(sequences, rows, shift, factor)
    np.testing.assert_array_equal(packed.order, order)
    np.testing.assert_array_equal(packed.starts, starts)
    np.testing.assert_array_equal(packed.lengths, [len(arrays[i]) for i in order])
    assert (packed.n_sequences, packed.n_rows) == (len(rows), len(values))
    # One subtraction and one product per value, each rounded: the same bits.
    np.testing.assert_array_equal(packed.values[: packed.n_rows], values)
    assert (buffer[packed.n_rows :] == 77).all(), "gather wrote beyond its rows"


def test_gather_asks_for_what_it_needs():
    asked = []

    def allocate(n_sequences, n_rows):
        asked.append((n_sequences, n_rows))
        return np.empty((n_rows, 2))

    Packed.gather(Sequences.from_list(some_list([3, 1, 4])), np.array([2, 0]), np.zeros(2), np.ones(2), allocate)
    assert asked == [(2, 7)]


# ---- minibatches ----

SOME_LENGTHS = {
    "equal": lambda n: np.full(n, 5),
    "ragged": lambda n: np.random.default_rng(1).integers(1, 100, size=n),
    "two lengths": lambda n: np.where(np.arange(n) % 7 == 0, 90, 3),
}


@pytest.mark.parametrize("kind", SOME_LENGTHS)
@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 700])
@pytest.mark.parametrize("batch_size", [1, 2, 32, 1000])
@pytest.mark.parametrize("shuffled", [True, False])
def test_every_sample_is_in_exactly_one_minibatch(kind, n, batch_size, shuffled):
    batches = minibatches(SOME_LENGTHS[kind](n), batch_size, np.random.default_rng(0) if shuffled else None)
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(n))
    # All minibatches are full but for one that takes the rest.
    full, rest = divmod(n, batch_size)
    assert sorted(len(batch) for batch in batches) == sorted([batch_size] * full + [rest] * (rest > 0))
    if not shuffled:
        np.testing.assert_array_equal(np.concatenate(batches), np.arange(n))


@pytest.mark.parametrize("kind", SOME_LENGTHS)
def test_minibatches_are_determined_by_the_generator_and_differ_from_epoch_to_epoch(kind):
    lengths = SOME_LENGTHS[kind](200)
    first, second = np.random.default_rng(0), np.random.default_rng(0)
    epochs = []
    for _ in range(3):
        one, other = minibatches(lengths, 16, first), minibatches(lengths, 16, second)
        for batch, twin in zip(one, other, strict=True):
            np.testing.assert_array_equal(batch, twin)
        epochs.append(np.concatenate(one))
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])


def test_similar_lengths_share_minibatches():
    lengths = SOME_LENGTHS["ragged"](3200)
    grouped = minibatches(lengths, 32, np.random.default_rng(0))
    # 32 random lengths between 1 and 99 spread over some 93. Sorting a pool of 16 minibatches leaves about 99 / 16 = 6 to each.
    spread = np.mean([np.ptp(lengths[batch]) for batch in grouped])
    assert spread < 2 * 99 / POOL_BATCHES
    # What the kernels gain: rows that padding to the longest would have multiplied for nothing are few.
    rows = sum(lengths[batch].sum() for batch in grouped)
    padded = sum(lengths[batch].max() * len(batch) for batch in grouped)
    assert rows > 0.9 * padded


@pytest.mark.parametrize("kind", SOME_LENGTHS)
def test_grouping_does_not_lose_the_shuffle(kind):
    n, batch_size, n_epochs = 640, 16, 400
    n_batches = n // batch_size
    lengths = SOME_LENGTHS[kind](n)
    rng = np.random.default_rng(0)
    position, met = np.zeros((n_epochs, n)), np.zeros(n)
    for epoch in range(n_epochs):
        for k, batch in enumerate(minibatches(lengths, batch_size, rng)):
            position[epoch, batch] = k
            if 0 in batch:
                met[batch] += 1
    # Where in the epoch a sample comes is uniform, whatever its length: the mean of 400 uniform positions deviates by
    # n_batches / sqrt(12 * 400) (standard deviation), and of 640 samples the most extreme lies within 5 of these.
    bound = 5 * n_batches / np.sqrt(12 * n_epochs)
    np.testing.assert_array_less(np.abs(position.mean(axis=0) - (n_batches - 1) / 2), bound)
    # Sample 0 meets many others, none of them (nearly) always.
    met[0] = 0
    assert np.count_nonzero(met) > 3 * batch_size
    assert met.max() < 0.9 * n_epochs
