"""Odd objects, by name: each entry makes a new one, as some are used up or written to."""

import array
import ctypes
import datetime as dt
import decimal
import enum
import fractions
import io
import pathlib
import uuid

import awkward
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import scipy.sparse as sp

from .errors import OwnError


def _cells(*values):
    """A 1-D array of objects."""
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


class _LongerThanItIs:
    def __len__(self):
        return 7

    def __getitem__(self, key):
        if key >= 3:
            raise IndexError(key)
        return [1.0, 2.0]


class _Shape:
    """Has a shape, and nothing else."""

    def __init__(self, shape, **others):
        self.shape = shape
        vars(self).update(others)


class _Array:
    def __init__(self, result):
        self._result = result

    def __array__(self, dtype=None, copy=None):
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result


class _NoLength:
    def __len__(self):
        raise OwnError("no length")


class _NegativeLength:
    def __len__(self):
        return -1

    def __getitem__(self, key):
        raise IndexError(key)


class _NoTruth:
    def __bool__(self):
        raise OwnError("no truth value")

    def __eq__(self, other):
        raise OwnError("no comparison")

    __hash__ = None


class _Subclass(np.ndarray):
    """An array whose every attribute of its own is lost."""

    def __array_finalize__(self, other):
        self.lost = None


class _Colour(enum.Enum):
    RED = 1


def _frame(column):
    return pd.DataFrame({"a": column, "b": [1.0] * len(column)})


TABLE = {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}

OBJECTS = {
    # scalars
    "None": lambda: None,
    "True": lambda: True,
    "0": lambda: 0,
    "-1": lambda: -1,
    "2**70": lambda: 2**70,
    "-(2**70)": lambda: -(2**70),
    "1.5": lambda: 1.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "complex": lambda: 1 + 2j,
    "Fraction": lambda: fractions.Fraction(1, 3),
    "Decimal": lambda: decimal.Decimal("1.5"),
    "Decimal nan": lambda: decimal.Decimal("sNaN"),
    "np.float64": lambda: np.float64(1.5),
    "np.float32": lambda: np.float32(1.5),
    "np.float16": lambda: np.float16(1.5),
    "np.longdouble": lambda: np.longdouble(1.5),
    "np.int64": lambda: np.int64(3),
    "np.bool": lambda: np.bool_(True),
    "np.datetime64": lambda: np.datetime64("2024-01-01"),
    "np.timedelta64": lambda: np.timedelta64(90, "m"),
    "np.datetime64 NaT": lambda: np.datetime64("NaT"),
    "np.str_": lambda: np.str_("abc"),
    "np.void": lambda: np.void(b"abc"),
    "0-d array": lambda: np.array(1.5),
    "0-d object": lambda: np.array(None, dtype=object),
    "0-d memoryview": lambda: memoryview(np.array(1.5)),
    "date": lambda: dt.date(2024, 1, 1),
    "datetime": lambda: dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    "timedelta": lambda: dt.timedelta(hours=1),
    "Timestamp": lambda: pd.Timestamp("2024-01-01"),
    "Timedelta": lambda: pd.Timedelta("1h"),
    "Period": lambda: pd.Period("2024-01"),
    "Interval": lambda: pd.Interval(0, 1),
    "DateOffset": lambda: pd.offsets.MonthBegin(),
    "pd.NA": lambda: pd.NA,
    "pd.NaT": lambda: pd.NaT,
    "UUID": lambda: uuid.UUID(int=1),
    "Enum": lambda: _Colour.RED,
    "ctypes scalar": lambda: ctypes.c_double(1.5),
    "pyarrow scalar": lambda: pa.scalar(1.5),
    # texts and bytes
    "empty str": lambda: "",
    "str": lambda: "abc",
    "number as str": lambda: "1.5",
    "surrogate": lambda: "\udc80",
    "nul": lambda: "a\0b",
    "bytes": lambda: b"abc",
    "empty bytes": lambda: b"",
    "bytearray": lambda: bytearray(b"abc"),
    "path": lambda: pathlib.Path("not", "there"),
    # objects of other kinds
    "object": object,
    "class": lambda: np.ndarray,
    "function": lambda: len,
    "module": lambda: np,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "slice": lambda: slice(None),
    "range": lambda: range(3),
    "empty range": lambda: range(0),
    "generator": lambda: (x for x in [[1.0], [2.0]]),
    "iterator": lambda: iter([[1.0], [2.0]]),
    "map": lambda: map(float, "123"),
    "file": lambda: io.BytesIO(b"abc"),
    "text file": lambda: io.StringIO("abc"),
    "exception": lambda: ValueError("x"),
    "dict": lambda: {"a": [1.0, 2.0]},
    "empty dict": dict,
    "dict of dicts": lambda: {"a": {"b": 1}},
    "dict views": lambda: {"a": 1.0}.values(),
    "set": lambda: {1.0, 2.0},
    "frozenset": lambda: frozenset({1.0}),
    # lists
    "empty list": list,
    "empty tuple": tuple,
    "[None]": lambda: [None],
    "[[]]": lambda: [[]],
    "[[[]]]": lambda: [[[]]],
    "list with None": lambda: [[1.0, None], [2.0, 3.0]],
    "list with NA": lambda: [[1.0, pd.NA], [2.0, 3.0]],
    "list of scalars": lambda: [1.0, 2.0, 3.0],
    "list of 0-d": lambda: [np.array(1.0), np.array(2.0)],
    "list of strs": lambda: ["a", "b", "c"],
    "list of number strs": lambda: [["1", "2"], ["3", "4"]],
    "list of bytes": lambda: [b"a", b"b"],
    "list of bools": lambda: [True, False, True],
    "list of huge": lambda: [[2**70, 1], [1, 2]],
    "list of fractions": lambda: [[fractions.Fraction(1, 3), 1], [1, 2]],
    "list of decimals": lambda: [[decimal.Decimal("1.5"), decimal.Decimal("sNaN")]],
    "list of complex": lambda: [[1j, 2.0]],
    "list of times": lambda: [[np.datetime64("2024"), 1.0]],
    "list of Timestamps": lambda: [pd.Timestamp("2024"), pd.Timestamp("2025")],
    "list of dicts": lambda: [{"a": 1.0}, {"a": 2.0}],
    "list of sets": lambda: [{1.0, 2.0}, {3.0}],
    "list of generators": lambda: [(x for x in [1.0, 2.0])],
    "list of objects": lambda: [object(), object()],
    "list of functions": lambda: [len, len],
    "list of frames": lambda: [pd.DataFrame(TABLE), pd.DataFrame(TABLE)],
    "list of other frames": lambda: [pd.DataFrame(TABLE), pd.DataFrame({"b": [1.0], "a": [2.0]})],
    "list of Series": lambda: [pd.Series([1.0, 2.0]), pd.Series([3.0])],
    "list of polars": lambda: [pl.DataFrame(TABLE), pl.DataFrame(TABLE)],
    "list of tables": lambda: [pa.table(TABLE), pa.table(TABLE)],
    "list of sparse": lambda: [sp.eye(2, format="csr"), sp.eye(2, format="csr")],
    "list of structured": lambda: [np.zeros(3, dtype=[("a", float), ("b", float)])],
    "list of masked": lambda: [np.ma.masked_equal([[1.0, 2.0]], 1.0)],
    "list of 3-D": lambda: [np.zeros((2, 2, 2))],
    "list of mixed ranks": lambda: [np.zeros((2, 2)), np.zeros(2), np.zeros(())],
    "list of mixed widths": lambda: [np.zeros((2, 2)), np.zeros((2, 3))],
    "list of empties": lambda: [np.zeros((0, 2)), np.zeros((0, 2))],
    "list of no channels": lambda: [np.zeros((2, 0))],
    "ragged steps": lambda: [[[1.0, 2.0], [3.0]]],
    "ragged nested": lambda: [[1.0, [2.0, [3.0]]]],
    "deeply nested": lambda: [[[[[1.0]]]]],
    "list in itself": lambda: (lambda x: (x.append(x), x)[1])([]),
    "tuple of pairs": lambda: ((1.0, 2.0), (3.0, 4.0)),
    "array.array": lambda: array.array("d", [1.0, 2.0]),
    "array.array of chars": lambda: array.array("u", "abc"),
    "memoryview": lambda: memoryview(np.zeros((3, 2))),
    "memoryview of bytes": lambda: memoryview(b"abc"),
    "ctypes array": lambda: (ctypes.c_double * 3)(1, 2, 3),
    # arrays by shape
    "(0,)": lambda: np.zeros(0),
    "(0, 2)": lambda: np.zeros((0, 2)),
    "(2, 0)": lambda: np.zeros((2, 0)),
    "(0, 3, 2)": lambda: np.zeros((0, 3, 2)),
    "(2, 0, 2)": lambda: np.zeros((2, 0, 2)),
    "(2, 3, 0)": lambda: np.zeros((2, 3, 0)),
    "(3,)": lambda: np.zeros(3),
    "(6,)": lambda: np.zeros(6),
    "(6, 1)": lambda: np.zeros((6, 1)),
    "(3, 2)": lambda: np.zeros((3, 2)),
    "(6, 8)": lambda: np.zeros((6, 8)),
    "(6, 4, 2)": lambda: np.zeros((6, 4, 2)),
    "(6, 4, 1)": lambda: np.zeros((6, 4, 1)),
    "(6, 2, 4)": lambda: np.zeros((6, 2, 4)),
    "(2, 2, 2, 2)": lambda: np.zeros((2, 2, 2, 2)),
    "32 dimensions": lambda: np.zeros((1,) * 32),
    "huge view": lambda: np.broadcast_to(np.zeros(1), (2**40, 1, 1)),
    # arrays by dtype
    **{
        f"(6, 4, 2) of {name}": lambda dtype=dtype: np.zeros((6, 4, 2), dtype)
        for name, dtype in {
            "float16": np.float16,
            "longdouble": np.longdouble,
            "big-endian": ">f8",
            "big-endian float32": ">f4",
            "int8": np.int8,
            "uint64": np.uint64,
            "bool": bool,
            "complex64": np.complex64,
            "clongdouble": np.clongdouble,
            "U3": "U3",
            "S3": "S3",
            "V8": "V8",
            "object": object,
            "datetime64": "M8[s]",
            "timedelta64": "m8[s]",
            "generic datetime64": "M8",
            "StringDType": np.dtypes.StringDType(),
        }.items()
    },
    **{
        f"(6,) of {name}": lambda dtype=dtype: np.arange(6).astype(dtype)
        for name, dtype in {
            "float16": np.float16,
            "longdouble": np.longdouble,
            "big-endian": ">i4",
            "uint8": np.uint8,
            "uint64": np.uint64,
            "complex": complex,
            "U3": "U3",
            "S3": "S3",
            "datetime64": "M8[D]",
            "timedelta64": "m8[h]",
            "StringDType": np.dtypes.StringDType(),
            "object": object,
        }.items()
    },
    "nan among": lambda: np.where(np.arange(48).reshape(6, 4, 2) == 13, np.nan, 1.0),
    "inf among": lambda: np.where(np.arange(48).reshape(6, 4, 2) == 13, -np.inf, 1.0),
    "huge values": lambda: np.where(np.arange(48).reshape(6, 4, 2) == 13, 1e308, -1e308),
    "tiny values": lambda: np.full((6, 4, 2), 5e-324),
    "uint64 max": lambda: np.full((6, 4, 2), 2**64 - 1, np.uint64),
    "longdouble huge": lambda: np.full((6, 4, 2), np.longdouble("1e400")),
    "all nan": lambda: np.full((6, 4, 2), np.nan),
    "1-D nan": lambda: np.array([1.0, np.nan, 1.0, 2.0, 3.0, 4.0]),
    "strided": lambda: np.zeros((12, 8, 4))[::2, ::-2, ::2],
    "Fortran": lambda: np.asfortranarray(np.zeros((6, 4, 2))),
    "read-only": lambda: (lambda x: (x.setflags(write=False), x)[1])(np.zeros((6, 4, 2))),
    "unaligned": lambda: np.frombuffer(b"\0" * (48 * 8 + 1), np.uint8)[1:].view(np.float64).reshape(6, 4, 2),
    "broadcast": lambda: np.broadcast_to(1.0, (6, 4, 2)),
    "masked": lambda: np.ma.masked_equal(np.arange(48.0).reshape(6, 4, 2), 3),
    "masked, none": lambda: np.ma.array(np.zeros((6, 4, 2))),
    "masked constant": lambda: np.ma.masked,
    "matrix": lambda: np.matrix([[1.0, 2.0], [3.0, 4.0]]),
    "subclass": lambda: np.zeros((6, 4, 2)).view(_Subclass),
    "structured": lambda: np.zeros((6, 4), dtype=[("a", float), ("b", float)]),
    "recarray": lambda: np.rec.fromarrays([[1.0, 2.0], [3.0, 4.0]], names="a,b"),
    "chararray": lambda: np.char.array(["a", "b"]),
    "objects mixed": lambda: _cells(1.0, "a", None, [1.0]),
    "objects of arrays": lambda: _cells(np.zeros((3, 2)), np.zeros((2, 2))),
    "objects of texts": lambda: _cells("a", "b", "c"),
    "objects of None": lambda: _cells(None, None),
    "objects of NA": lambda: _cells(1.0, pd.NA, 2.0),
    "objects of ints": lambda: _cells(0, 1, 0, 1, 0, 1),
    "objects of huge ints": lambda: _cells(2**70, 1, 0, 1, 0, 1),
    "objects of dates": lambda: _cells(*[dt.date(2024, 1, 1 + k) for k in range(6)]),
    "objects of times": lambda: np.full((6, 4, 2), np.datetime64("2024-01-01"), dtype=object),
    "objects of strs 3-D": lambda: np.full((6, 4, 2), "a", dtype=object),
    "objects 2-D mixed": lambda: np.array([[1.0, "a"], [None, 2.0]], dtype=object),
    "objects of lists": lambda: _cells([1.0], [1.0, 2.0]),
    "objects of dicts": lambda: _cells({"a": 1}, {"a": 2}),
    # sparse
    "csr": lambda: sp.random(6, 8, density=0.3, format="csr", random_state=0),
    "coo": lambda: sp.random(6, 8, density=0.3, format="coo", random_state=0),
    "dok": lambda: sp.dok_matrix((3, 2)),
    "coo 1-D": lambda: sp.coo_array(np.ones(6)),
    "coo 3-D": lambda: sp.coo_array(np.ones((6, 4, 2))),
    "csr of objects": lambda: sp.csr_matrix(np.eye(2, dtype=bool)),
    # pandas
    "DataFrame": lambda: pd.DataFrame(TABLE),
    "empty DataFrame": pd.DataFrame,
    "no rows": lambda: pd.DataFrame(TABLE).iloc[:0],
    "no columns": lambda: pd.DataFrame(index=range(3)),
    "DataFrame with NaN": lambda: _frame([1.0, np.nan, 2.0]),
    "DataFrame of texts": lambda: _frame(["a", "b", "c"]),
    "DataFrame of objects": lambda: _frame([object(), 1, "a"]),
    "DataFrame of lists": lambda: _frame([[1.0], [1.0, 2.0], []]),
    "DataFrame of Series": lambda: _frame([pd.Series([1.0, 2.0])] * 3),
    "DataFrame of dates": lambda: _frame(pd.date_range("2024", periods=3)),
    "DataFrame of zoned dates": lambda: _frame(pd.date_range("2024", periods=3, tz="UTC")),
    "DataFrame of timedeltas": lambda: _frame(pd.timedelta_range("1h", periods=3)),
    "DataFrame of periods": lambda: _frame(pd.period_range("2024-01", periods=3, freq="M")),
    "DataFrame of intervals": lambda: _frame(pd.interval_range(0, 3)),
    "DataFrame of categories": lambda: _frame(pd.Categorical(["a", "b", "a"])),
    "DataFrame of number categories": lambda: _frame(pd.Categorical([1, 2, 1])),
    "DataFrame of Int64": lambda: _frame(pd.array([1, None, 2], dtype="Int64")),
    "DataFrame of boolean": lambda: _frame(pd.array([True, None, False], dtype="boolean")),
    "DataFrame of Float32": lambda: _frame(pd.array([1.0, None, 2.0], dtype="Float32")),
    "DataFrame of complex": lambda: _frame(np.array([1j, 2j, 3j])),
    "DataFrame of sparse": lambda: _frame(pd.arrays.SparseArray([0.0, 1.0, 0.0])),
    "DataFrame of decimals": lambda: _frame([decimal.Decimal("1.5")] * 3),
    "DataFrame of ArrowDtype": lambda: _frame(pd.array([1.5, None, 2.5], dtype=pd.ArrowDtype(pa.float64()))),
    "DataFrame of arrow lists": lambda: pd.DataFrame(
        {"a": pd.array([[1.0], [1.0, 2.0]], dtype=pd.ArrowDtype(pa.list_(pa.float64())))}
    ),
    "same names": lambda: pd.DataFrame(np.zeros((3, 2)), columns=["a", "a"]),
    "mixed names": lambda: pd.DataFrame(np.zeros((3, 2)), columns=["a", 1]),
    "NaN as name": lambda: pd.DataFrame(np.zeros((3, 2)), columns=[np.nan, None]),
    "MultiIndex columns": lambda: pd.DataFrame(np.zeros((3, 4)), columns=pd.MultiIndex.from_product([["a", "b"], [0, 1]])),
    "MultiIndex rows": lambda: pd.DataFrame(np.zeros((4, 2)), index=pd.MultiIndex.from_product([["a", "b"], [0, 1]])),
    "falling dates": lambda: pd.DataFrame(np.zeros((3, 2)), index=pd.date_range("2024", periods=3)[::-1]),
    "NaT in index": lambda: pd.DataFrame(np.zeros((2, 2)), index=[pd.NaT, pd.Timestamp("2024")]),
    "Series": lambda: pd.Series([1.0, 2.0, 3.0]),
    "empty Series": lambda: pd.Series([], dtype=float),
    "Series of six": lambda: pd.Series(np.arange(6.0), index=list("fedcba")),
    "Series of texts": lambda: pd.Series(["a", "b", None, "a", "b", "a"]),
    "Series of categories": lambda: pd.Series(pd.Categorical(["a", "b", None])),
    "Series of dates": lambda: pd.Series(pd.date_range("2024", periods=6)),
    "Series of zoned dates": lambda: pd.Series(pd.date_range("2024", periods=6, tz="UTC")),
    "Series of periods": lambda: pd.Series(pd.period_range("2024-01", periods=6, freq="M")),
    "Series of Int64": lambda: pd.Series([0, 1, None, 0, 1, 0], dtype="Int64"),
    "Series of string": lambda: pd.Series(["a", "b", pd.NA, "a", "b", "a"], dtype="string"),
    "Series of lists": lambda: pd.Series([[1.0], [1.0, 2.0]]),
    "Series of arrays": lambda: pd.Series([np.zeros((2, 2)), np.zeros((1, 2))]),
    "Series of arrow lists": lambda: pd.Series([[1.0], None], dtype=pd.ArrowDtype(pa.list_(pa.float64()))),
    "Index": lambda: pd.Index([1.0, 2.0]),
    "MultiIndex": lambda: pd.MultiIndex.from_product([[0, 1], [0, 1]]),
    "DatetimeIndex": lambda: pd.date_range("2024", periods=6),
    "Categorical": lambda: pd.Categorical(["a", "b"]),
    "IntervalArray": lambda: pd.interval_range(0, 3).array,
    "groupby": lambda: pd.DataFrame(TABLE).groupby("a"),
    # polars
    "polars": lambda: pl.DataFrame(TABLE),
    "polars empty": pl.DataFrame,
    "polars lazy": lambda: pl.DataFrame(TABLE).lazy(),
    "polars expression": lambda: pl.col("a"),
    "polars of texts": lambda: pl.DataFrame({"a": ["x", None], "b": [1.0, 2.0]}),
    "polars of dates": lambda: pl.DataFrame({"a": [dt.date(2024, 1, 1)], "b": [1.0]}),
    "polars of lists": lambda: pl.DataFrame({"a": [[1.0], [1.0, 2.0]]}),
    "polars of ragged lists": lambda: pl.DataFrame({"a": [[1.0], [2.0]], "b": [[1.0], [1.0, 2.0]]}),
    "polars of structs": lambda: pl.DataFrame({"a": [{"x": 1.0}, {"x": 2.0}]}),
    "polars of objects": lambda: pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}),
    "polars Series": lambda: pl.Series([1.0, None, 2.0]),
    "polars Series of texts": lambda: pl.Series(["a", "b", None]),
    "polars Series of lists": lambda: pl.Series([[1.0], [1.0, 2.0]]),
    "polars Series of lists of texts": lambda: pl.Series([["a"], ["b", "c"]]),
    "polars Series of nulls": lambda: pl.Series([None, None]),
    "polars Array": lambda: pl.Series([[1.0, 2.0]], dtype=pl.Array(pl.Float64, 2)),
    "polars Decimal": lambda: pl.Series([decimal.Decimal("1.5")]),
    # Arrow
    "arrow table": lambda: pa.table(TABLE),
    "arrow empty table": lambda: pa.table({}),
    "arrow array": lambda: pa.array([1.0, None, 2.0]),
    "arrow texts": lambda: pa.array(["a", "b"]),
    "arrow lists": lambda: pa.array([[1.0], [1.0, 2.0]]),
    "arrow lists with null": lambda: pa.array([[1.0], None]),
    "arrow lists of lists": lambda: pa.array([[[1.0, 2.0]], [[3.0, 4.0], [5.0]]]),
    "arrow lists of texts": lambda: pa.array([["a"], ["b", None]]),
    "arrow lists of times": lambda: pa.array([[dt.datetime(2024, 1, 1)]]),
    "arrow lists of decimals": lambda: pa.array([[decimal.Decimal("1.5")]]),
    "arrow lists of maps": lambda: pa.array([[{"x": [1.0]}], [{"x": [2.0]}]]),
    "arrow structs": lambda: pa.array([{"x": 1.0}, {"x": 2.0}]),
    "arrow lists of nulls": lambda: pa.array([[None], [None, None]]),
    "arrow lists of half": lambda: pa.array([[np.float16(1)]], pa.list_(pa.float16())),
    "arrow large lists": lambda: pa.array([[1.0], [2.0, 3.0]], pa.large_list(pa.float64())),
    "arrow fixed lists": lambda: pa.array([[1.0, 2.0], [2.0, 3.0]], pa.list_(pa.float64(), 2)),
    "arrow list views": lambda: pa.array([[1.0], [2.0, 3.0]], pa.list_view(pa.float64())),
    "arrow dictionary": lambda: pa.array(["a", "b", "a"]).dictionary_encode(),
    "arrow run ends": lambda: pa.RunEndEncodedArray.from_arrays([2, 3], [1.0, 2.0]),
    "arrow union": lambda: pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1.0, 2.0]), pa.array(["a", "b"])]),
    "arrow chunks": lambda: pa.chunked_array([[[1.0]], [[1.0, 2.0]]]),
    "arrow no chunks": lambda: pa.chunked_array([], pa.list_(pa.float64())),
    "arrow batch": lambda: pa.record_batch(TABLE),
    "arrow schema": lambda: pa.schema({"a": pa.float64()}),
    "awkward": lambda: awkward.Array([[1.0], [1.0, 2.0]]),
    "awkward of records": lambda: awkward.Array([[{"x": 1.0}], [{"x": 2.0}, {"x": None}]]),
    "awkward of unions": lambda: awkward.Array([[1.0], ["a", [2.0]]]),
    "awkward empty": lambda: awkward.Array([]),
    "awkward of texts": lambda: awkward.Array([["a"], ["b", "c"]]),
    "awkward 4-D": lambda: awkward.Array([[[[1.0]]]]),
    # objects that say what is not so
    "longer than it is": _LongerThanItIs,
    "shape only": lambda: _Shape((6, 4, 2)),
    "shape of texts": lambda: _Shape("abc"),
    "shape of None": lambda: _Shape(None),
    "shape of floats": lambda: _Shape((6.0, 4.0)),
    "shape and dtype": lambda: _Shape((6, 4, 2), dtype=np.dtype(float)),
    "shape () and dtype": lambda: _Shape((), dtype=np.dtype(float)),
    "1-D shape of objects": lambda: _Shape((6,), dtype=np.dtype(object)),
    "columns only": lambda: _Shape((6, 2), columns=["a", "b"]),
    "columns of None": lambda: _Shape((6, 2), columns=None, dtypes=None),
    "__array__ of None": lambda: _Array(None),
    "__array__ of a list": lambda: _Array([1.0, 2.0]),
    "__array__ that raises": lambda: _Array(OwnError("no array")),
    "__array__ of 3-D": lambda: _Array(np.zeros((6, 4, 2))),
    "__array__ of 0-d": lambda: _Array(np.array(1.0)),
    "no length": _NoLength,
    "negative length": _NegativeLength,
    "no truth": _NoTruth,
    "list of no truth": lambda: [_NoTruth(), _NoTruth()],
}
