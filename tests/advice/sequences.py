"""Advice of messages about `Sequences`, long tables, times and padding."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from scipy.sparse import coo_array

from sklstm import Sequences

from .case import RAGGED, Unreadable, X, Y, case, classify, frame, long, regress, same, timed, value, without

S = Sequences.from_list(RAGGED)
PADDED = np.array([[1.0, 2, 0], [3, 0, 0]])
DAYS = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
ZONED = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
MONTHS = pd.date_range("2024-01-01", periods=4, freq="MS").delete(2)
HOURS = {"id": [1, 1], "x": [1.0, 2.0], "t": np.array(["2024-01-01T00", "2024-01-01T01"], "M8[h]")}
PERIODS = pd.period_range("2024-01", periods=3, freq="M")
PARTS = [
    pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}),
    pd.DataFrame({"b": [1.0, 2.0], "a": [3.0, 4.0]}),
]
IDS = long(frame(id=[2, 2, 1], x=[1.0, 2.0, 3.0]))
TEXT_IDS = long(frame(id=["b", "a"], x=[1.0, 2.0]))


class Incomparable:
    """Of one hash value, and equal to nothing else without an error."""

    def __eq__(self, other):
        if other is not self:
            raise TypeError("these do not compare")
        return True

    def __hash__(self):
        return 1


def set_values(X):
    X.values = np.zeros(1)


def text_times(texts, remedy):
    """Times as texts, and what makes times of them."""
    table = {"id": [1] * len(texts), "t": pd.Series(texts), "x": np.arange(len(texts), dtype=float)}

    def made(code):
        return value(code, frame=table)

    return case(
        lambda: Sequences.from_long(table, id="id", time="t"),
        rf"For others, \w+ them \w* ?by ({remedy}) ?.*or leave time out to keep the order of the rows",
        lambda code: Sequences.from_long(table | {"t": made(code)}, id="id", time="t"),
        lambda code: Sequences.from_long({name: table[name] for name in ("id", "x")}, id="id"),
    )


CONTAINER = [
    case(lambda: Sequences(X, [0, 1]), r"Use Sequences\.from_list for a list", lambda: Sequences.from_list(RAGGED)),
    case(
        lambda: Sequences.from_padded(X[0, 0], padding=0),
        r"Use Sequences\.from_list for a list",
        lambda: Sequences.from_list(RAGGED),
    ),
    case(
        lambda: Sequences.from_padded(PADDED),
        "Give exactly one of lengths and padding",
        lambda: same(Sequences.from_padded(PADDED, padding=0), Sequences.from_padded(PADDED, lengths=[2, 1])),
    ),
    case(
        lambda: set_values(S),
        r"(X\.with_values\(values\)) returns .* and (X\[rows\]) some .* in place, set (X\.values\[\.\.\.\])\.",
        lambda new, some, place: same(value(new, X=S, values=S.values + 1), [x + 1 for x in RAGGED]),
        lambda new, some, place: same(value(some, X=S, rows=[1, 0]), [RAGGED[1], RAGGED[0]]),
        lambda new, some, place: exec(f"{place} = X.values + 0", {"X": S.with_values(S.values.copy())}),
    ),
    case(
        lambda: setattr(S, "offsets", np.arange(3)),
        r"(Sequences\(X\.values, offsets\)) cuts .* and (X\[rows\]) returns",
        lambda cut, some: same(value(cut, X=S, offsets=S.offsets), S),
        lambda cut, some: same(value(some, X=S, rows=[0]), RAGGED[:1]),
    ),
    case(
        lambda: S[1, 0],
        r"Index the steps of a single one: (X\[i\]\[step\])",
        lambda code: np.testing.assert_array_equal(value(code, X=S, i=1, step=0), RAGGED[1][0]),
    ),
    case(
        lambda: S["a"],
        "Index sequences by an int, a slice, a boolean mask or an array of integers",
        *[lambda key=key: S[key] for key in (1, slice(2), Y == 1, np.array([2, 0]))],
    ),
    case(
        lambda: np.take(S, [0, 1], axis=1),
        r"Use (X\[indices\])",
        lambda code: same(value(code, X=S, indices=[1, 0]), [RAGGED[1], RAGGED[0]]),
    ),
    case(
        lambda: np.asarray(S, dtype=float),
        r"Use (to_padded\(\))",
        lambda code: value(f"X.{code}", X=S),
    ),
    case(lambda: Sequences.from_list([]), "Give at least one", lambda: Sequences.from_list(RAGGED)),
]

CONTAINER += [
    case(
        lambda: Sequences.from_list("abc"),
        r"Pass a single sequence x as \[x\]",
        lambda: Sequences.from_list([[1.0, 2.0]]),
    ),
    case(
        lambda: long(frame(id=[0], x=[1.0]), columns=5),
        "Pass a list of column names",
        lambda: long(frame(id=[0], x=[1.0]), columns=["x"]),
    ),
    case(
        lambda: Sequences(S.values, S.offsets, channel_names=["a", "a"]),
        "twice. Name each once",
        lambda: Sequences(S.values, S.offsets, channel_names=["a", "b"]),
    ),
    case(
        lambda: Sequences(S.values, S.offsets, channel_names=5),
        "Pass a list with a name for each channel",
        lambda: Sequences(S.values, S.offsets, channel_names=["a", "b"]),
    ),
    case(
        lambda: Sequences(S.values, S.offsets, categories=[1]),
        "a dict of the number of a channel to its values.* Pass a dict",
        lambda: Sequences(S.values, S.offsets, categories={0: list("abcdefg")}),
    ),
    case(
        lambda: Sequences.from_list(3.0),
        r"Pass a single sequence x as (\[x\])",
        lambda code: Sequences.from_list(value(code, x=RAGGED[1])),
    ),
    case(lambda: S[Unreadable()], "Index sequences by an array of integers", lambda: S[np.array([1, 0])]),
    case(
        lambda: Sequences(S.values, Unreadable()),
        r"Pass n_sequences \+ 1 integers",
        lambda: Sequences(S.values, [0, len(S.values)]),
    ),
    case(
        lambda: Sequences.from_padded(PADDED, lengths=Unreadable()),
        "Pass 2 integers, one per row of X",
        lambda: Sequences.from_padded(PADDED, lengths=[2, 1]),
    ),
    case(
        lambda: Sequences.from_padded(PADDED, padding="0"),
        "Pass one, such as (0)",
        lambda code: Sequences.from_padded(PADDED, padding=value(code)),
    ),
]

ITEMS = [
    case(
        lambda: classify(["a b", "b"], [0, 1]),
        r'SequenceTokenizer, and fit with (categorical_features="all")',
        lambda code: classify([[0, 1], [1]], [0, 1], **value(f"dict({code})")),
    ),
    case(
        lambda: classify(X[0].tolist()[0], [0, 1]),
        r"a single sequence x is passed as (\[x\])",
        lambda code: classify(value(code, x=X[0]) * 2, [0, 1]),
    ),
    case(
        lambda: classify([pl.LazyFrame(x) for x in X[:2]], [0, 1]),
        r"Pass (\[x\.collect\(\) for x in X\])",
        lambda code: classify(value(code, X=[pl.LazyFrame(x) for x in X[:2]]), [0, 1]),
    ),
    case(
        lambda: classify(PARTS, [0, 1]),
        "Pass the same columns in the same order",
        lambda: classify([part[["a", "b"]] for part in PARTS], [0, 1]),
    ),
    case(
        lambda: classify([[[1.0, 2.0], [3.0]], [[1.0, 2.0]]], [0, 1]),
        "Every step needs the same channels. Pass an array",
        lambda: classify([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0]]], [0, 1]),
    ),
    case(
        lambda: classify([x + 1j for x in RAGGED]),
        "Pass its real and imaginary parts as two channels",
        lambda: classify([np.hstack([x.real, x.imag]) for x in (x + 1j for x in RAGGED)]),
    ),
    case(
        lambda: classify([np.ones((3, 2)), np.ones((3, 4))], [0, 1]),
        r"as an array of shape \(n_steps, n_channels\)\. .* transpose them: (\[x\.T for x in X\])",
        lambda code: classify([np.ones((3, 2)), np.ones((4, 2))], [0, 1]),
        lambda code: classify(value(code, X=[np.ones((3, 2)), np.ones((3, 4))]), [0, 1]),
    ),
    case(
        lambda: Sequences.from_list([frame(a=pd.Categorical(["u"])), frame(a=pd.Categorical([1]))]),
        "Convert them to texts",
        lambda: Sequences.from_list([frame(a=pd.Categorical(["u"])), frame(a=pd.Categorical(["1"]))]),
    ),
]

LONG = [
    case(
        lambda: long(frame(id=[(1,), [2]], x=[1.0, 2.0])),
        "Make a number, text or tuple of it",
        lambda: long(frame(id=[(1,), (2,)], x=[1.0, 2.0])),
    ),
    case(
        lambda: long({"id": [Incomparable(), Incomparable()], "x": [1.0, 2.0]}),
        "Make numbers, texts or tuples of them",
        lambda: long(frame(id=["1", "a"], x=[1.0, 2.0])),
    ),
    case(
        lambda: long(freq=1),
        r"Name their column: (time)=\.\.\.",
        lambda name: long(frame(id=[1, 1], x=[1.0, 2.0], t=[0, 1]), freq=1, **{name: "t"}),
    ),
    case(lambda: long({"id": [1, 2]}), "no column besides id and time. Add one", long),
    case(lambda: long(id=[]), "Name one, or several in a list", long, lambda: long(id=["id", "x"], columns=["x"])),
    case(lambda: long(id=["id", "id"]), "Name each column once", lambda: long(id=["id"])),
    case(
        lambda: long(columns="x"),
        r"Pass (\['x'\])",
        lambda code: same(long(columns=value(code)), long()),
    ),
    case(
        lambda: long(frame(id=[1, 2], x=[1.0, 2.0]).set_index("id")),
        r"It is a level of the index: pass (frame\.reset_index\(\))",
        lambda code: same(long(value(code, frame=frame(id=[1, 2], x=[1.0, 2.0]).set_index("id"))), [[[1]], [[2]]]),
    ),
    case(lambda: long(columns=["x", "x"]), "Name each channel once", lambda: long(columns=["x"])),
    case(
        lambda: long(frame(id=[1, None], x=[1.0, 2.0])),
        "Drop such rows or fill the id",
        lambda: long(frame(id=[1, None], x=[1.0, 2.0]).dropna()),
        lambda: long(frame(id=[1, None], x=[1.0, 2.0]).fillna(2)),
    ),
    case(
        lambda: long({"id": [1, 1], "x": [1.0]}),
        "Pass as many",
        lambda: long({"id": [1, 1], "x": [1.0, 2.0]}),
    ),
    case(
        lambda: timed([1, 1, 2]),
        "Drop or merge one",
        lambda: same(timed([1, 2]), [[[0], [1]]]),
    ),
    case(
        lambda: timed([0, 1.5, 2], freq=1),
        "Round the times, or leave freq out",
        lambda: timed(np.floor([0, 1.5, 2]), freq=1),
        lambda: timed([0, 1.5, 2]),
    ),
    case(
        lambda: timed(MONTHS, freq=pd.Timedelta("31D")),
        r"Months have no fixed length: pass (np\.timedelta64\(1, 'M'\)) for them, and (np\.timedelta64\(1, 'Y'\)) for years",
        lambda month, year: same(timed(MONTHS, freq=value(month)), [[[0], [1], [np.nan], [2]]]),
        lambda month, year: same(timed(MONTHS[[0]], freq=value(year)), [[[0]]]),
    ),
    case(
        lambda: timed(pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin"), freq=dt.timedelta(1)),
        r"pass freq=('1d')",
        lambda code: timed(pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin"), freq=value(code)),
    ),
    case(
        lambda: timed([0, 10**9], freq=1),
        "Pass the distance of two consecutive steps, cut sequences where they pause, or leave freq out",
        lambda: timed([0, 10**9], freq=10**9),
        lambda: timed([0, 10**9], freq=1, ids=[0, 1]),
        lambda: timed([0, 10**9]),
    ),
    case(
        lambda: long(frame(id=[1, 2], x=DAYS[:2])),
        r"Convert it, name it as id or time, or leave it out with (columns)=\[\.\.\.\]",
        lambda name: long(frame(id=[1, 2], x=DAYS[:2].dayofyear)),
        lambda name: long(frame(id=[1, 2], x=DAYS[:2], v=[1.0, 2.0]), time="x"),
        lambda name: long(frame(id=[1, 2], x=DAYS[:2], v=[1.0, 2.0]), **{name: ["v"]}),
    ),
    case(
        lambda: long(frame(id=[1, 2], x=[[1], 2])),
        "Convert it, name it as id or time, or leave it out",
        lambda: long(frame(id=[1, 2], x=[1, 2])),
    ),
    case(
        lambda: long(frame(id=[1, 2], x=["1", "2"])),
        r"(pandas\.to_numeric\(.*?\))",
        lambda code: same(long(frame(id=[1, 2], x=value(code, frame=frame(x=["1", "2"])))), [[[1]], [[2]]]),
    ),
    case(
        lambda: long(frame(id=[1, 2], x=["94110", "02139"])),
        r"give the column a categorical type \(pandas: (astype\('category'\)), polars: (cast\(pl\.Categorical\))\)",
        lambda pandas, polars: long(frame(id=[1, 2], x=value(f"x.{pandas}", x=pd.Series(["94110", "02139"])))),
        lambda pandas, polars: long(
            pl.DataFrame({"id": [1, 2], "x": value(f"x.{polars}", x=pl.Series(["94110", "02139"]), pl=pl)})
        ),
    ),
    case(
        lambda: long({"id": [1, 1], "x": np.ones((2, 2))}),
        "Pass one entry for each row",
        lambda: long({"id": [1, 1], "x": np.ones(2)}),
    ),
    case(
        lambda: long({"id": [1, 1], "x": [[1.0, 2.0], [3.0]]}),
        "is no 1-D array.* Pass one entry for each row",
        lambda: long({"id": [1, 1], "x": [1.0, 3.0]}),
    ),
    case(
        lambda: long(pl.LazyFrame({"id": [1, 1], "x": [1.0, 2.0]})),
        r"Pass (frame\.collect\(\))",
        lambda code: same(long(value(code, frame=pl.LazyFrame({"id": [1, 1], "x": [1.0, 2.0]}))), [[[1], [2]]]),
    ),
]

TIMES = [
    text_times(["1", "10", "9"], r"\S+\.astype\(int\)"),
    text_times(["1.5", "10", "9"], r"\S+\.astype\(float\)"),
    text_times(["3/4/2024", "12/4/2024"], r"pandas\.to_datetime\(.*?format='%m/%d/%Y'\)"),
    text_times(["3.4.2024", "12.4.2024"], r"pandas\.to_datetime\(.*?\)"),
    text_times(["9:00 am", "10:00 PM"], r"pandas\.to_datetime\(.*?\)"),
    text_times(["9:00", "10:00"], r"pandas\.to_datetime\(.*?\)"),
    text_times(["2024Q1", "2024-Q2"], r"pandas\.PeriodIndex\(.*?\)"),
    case(
        lambda: timed(["3 Apr 2024", "12 Apr 2024"]),
        r"parse them by pandas\.to_datetime\(.*format=\.\.\.\)",
        lambda: timed(pd.to_datetime(["3 Apr 2024", "12 Apr 2024"], format="%d %b %Y")),
    ),
    case(lambda: timed(["2024-01-01", "08:00"]), "Write all times in one form", lambda: timed(["2024-01-01", "2024-01-02"])),
    case(
        lambda: timed(["2024-01-01T00:00Z", "2024-01-02T00:00"]),
        "Write all times in one zone",
        lambda: timed(["2024-01-01T00:00Z", "2024-01-02T00:00Z"]),
    ),
    case(
        lambda: timed(["1024-01-01T00:00:00.123456789", "1025-01-01"]),
        "too far for times in nanoseconds. Round the times",
        lambda: timed(["1024-01-01T00:00:00.123456", "1025-01-01"]),
    ),
    case(lambda: timed(["2024-02-30", "2024-02-28"]), "Correct or drop such rows", lambda: timed(["2024-02-28"])),
    case(
        lambda: long({"id": [1, 1], "t": [np.timedelta64(1, "D"), np.timedelta64(1, "Y")], "x": [1.0, 2.0]}, time="t"),
        "Give all times one, such as seconds",
        lambda: timed([np.timedelta64(1, "s"), np.timedelta64(2, "s")]),
    ),
    case(
        lambda: timed(np.array([ZONED, dt.datetime(2024, 1, 2)], dtype=object)),
        "Give all times a zone, or none",
        lambda: timed([ZONED, ZONED + dt.timedelta(1)]),
        lambda: timed([dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2)]),
    ),
    case(
        lambda: timed(np.array([dt.time(1, tzinfo=dt.UTC), dt.time(2, tzinfo=dt.UTC)], dtype=object)),
        "Pass dates with them",
        lambda: timed([ZONED, ZONED + dt.timedelta(hours=1)]),
    ),
    case(
        lambda: timed(np.array([pd.Period("2024-01", "M"), pd.Period("2024-02-01", "D")], dtype=object)),
        r"Convert them by (asfreq)",
        lambda name: timed([getattr(p, name)("D") for p in (pd.Period("2024-01", "M"), pd.Period("2024-02-01", "D"))]),
    ),
    case(
        lambda: timed(np.array([2**80, 2**80 + 1], dtype=object)),
        "Subtract the first",
        lambda: timed([t - 2**80 for t in (2**80, 2**80 + 1)]),
    ),
]

SPACING = [
    case(lambda: timed([0, 1], freq=-1), "Pass the distance of two consecutive steps", lambda: timed([0, 1], freq=1)),
    case(lambda: timed([0, 1], freq="D"), r"Pass a (number) for times that are", lambda _: timed([0, 1], freq=1)),
    case(
        lambda: timed(DAYS, freq=1),
        r"Pass a duration, such as (np\.timedelta64\(1, 'h'\)) .*, or a frequency .*, such as ('MS') or (\S+\(1, 'M'\))",
        lambda hour, name, month: timed(DAYS, freq=value(hour)),
        lambda hour, name, month: timed(MONTHS, freq=value(name)),
        lambda hour, name, month: timed(MONTHS, freq=value(month)),
    ),
    case(
        lambda: timed(DAYS - DAYS[0], freq="MS"),
        r"Pass a duration, such as (np\.timedelta64\(1, 'h'\)) \(a timedelta\)\. Months and years have no fixed length",
        lambda code: timed(DAYS - DAYS[0], freq=value(code)),
    ),
    case(
        lambda: timed(PERIODS, freq=1.5),
        r"Pass (1) for steps of one period, or their frequency",
        lambda code: timed(PERIODS, freq=value(code)),
        lambda code: timed(PERIODS, freq=PERIODS.freq),
        lambda code: timed(PERIODS, freq=PERIODS.freqstr),
    ),
    case(
        lambda: timed(pd.Categorical(["low", "high"], ["low", "high"], ordered=True), freq=1),
        "leave freq out, or make the time a number",
        lambda: timed(pd.Categorical(["low", "high"], ["low", "high"], ordered=True)),
        lambda: timed([0, 1], freq=1),
    ),
    case(
        lambda: timed(DAYS, freq=pd.DateOffset(months=1, hours=1)),
        r"Make the time a number instead, such as (year \* 12 \+ month) for months, and pass freq=(1)",
        lambda code, one: same(
            timed(value(code, year=MONTHS.year, month=MONTHS.month), freq=value(one)), [[[0], [1], [np.nan], [2]]]
        ),
    ),
    case(
        lambda: timed(DAYS, freq="fortnight"),
        r"Pass one, such as ('h'), ('D'), ('B'), ('MS') or ('15min'), or a duration, such as (np\.timedelta64\(1, 'h'\))",
        lambda *codes: [timed(DAYS[:1], freq=value(code)) for code in codes],
    ),
]

PACKAGES = [
    case(
        lambda: without("narwhals", lambda: long(frame(id=[1, 1], x=[1.0, 2.0]))),
        r"pass a dict of arrays, such as (\{name: .*?\})\.",
        lambda code: without("narwhals", lambda: long(value(code, frame=frame(id=[1, 1], x=[1.0, 2.0])))),
    ),
    case(
        lambda: without("pyarrow", lambda: Sequences.from_arrow(pa.array([[1.0, 2.0], [3.0]]))),
        r"or pass a list of arrays of shape \(n_steps, n_channels\)",
        lambda: without("pyarrow", lambda: Sequences.from_list([[[1.0], [2.0]], [[3.0]]])),
    ),
    case(
        lambda: without("pandas", lambda: without("polars", lambda: long(HOURS, time="t", freq="MS"))),
        r"Pass a duration, such as (np\.timedelta64\(1, 'h'\)), or (np\.timedelta64\(1, 'M'\)) for months",
        lambda hour, month: long(HOURS, time="t", freq=value(hour)),
        lambda hour, month: long(HOURS | {"t": MONTHS.to_numpy()[:2]}, time="t", freq=value(month)),
    ),
]

PADDING = [
    case(
        lambda: Sequences.from_padded(coo_array(PADDED), padding=0),
        r"X must be an array with padding, but it is sparse.* Pass (X\.toarray\(\))\.",
        lambda code: Sequences.from_padded(value(code, X=coo_array(PADDED)), padding=0),
    ),
    case(
        lambda: Sequences.from_padded(PADDED, padding=0, side="start"),
        r"Set side=('end') or ('both'); or give lengths",
        lambda end, both: same(Sequences.from_padded(PADDED, padding=0, side=value(end)), [[[1], [2]], [[3]]]),
        lambda end, both: same(Sequences.from_padded(PADDED, padding=0, side=value(both)), [[[1], [2]], [[3]]]),
        lambda end, both: Sequences.from_padded(PADDED, lengths=[3, 3]),
    ),
    case(
        lambda: Sequences.from_padded(PADDED, lengths=[2, 1], side="both"),
        r"Set side=('end') or ('start'), or give padding",
        lambda end, start: same(Sequences.from_padded(PADDED, lengths=[2, 1], side=value(end)), [[[1], [2]], [[3]]]),
        lambda end, start: same(Sequences.from_padded(PADDED, lengths=[2, 1], side=value(start)), [[[2], [0]], [[0]]]),
        lambda end, start: Sequences.from_padded(PADDED, padding=0, side="both"),
    ),
    case(
        lambda: Sequences.from_padded(PADDED, lengths=[2.5]),
        "lengths must hold 2 integers.* Pass one length",
        lambda: Sequences.from_padded(PADDED, lengths=[2, 1]),
    ),
    case(
        lambda: Sequences.from_padded(PADDED, lengths=[4, 1]),
        "between 0 and the 3 steps of X.* Pass one length",
        lambda: Sequences.from_padded(PADDED, lengths=[2, 1]),
    ),
    case(
        lambda: classify(X * 0, padding=0),
        "Drop it, and its y, or set padding to a value that is no data",
        lambda: classify(X[1:], Y[1:], padding=0),
        lambda: classify(X * 0, padding=-1),
    ),
]

ORDER = [
    case(
        lambda: regress(IDS, {"2": 1.0, "3": 2.0}),
        r"Pass a dict with an entry for each id of X and no others: (\{.*?\})\.",
        lambda code: regress(IDS, value(code, X=IDS, y={2: 1.0, 1: 2.0, 3: 4.0})),
    ),
    case(
        lambda: regress(X, dict(enumerate(Y))),
        r"Pass its values in the order of X, or X with ids: (Sequences\.from_long)\(\.\.\., id=\.\.\.\)",
        lambda code: regress(X, list(Y)),
        lambda code: regress(value(code)(frame(id=[2, 1], x=[1.0, 2.0]), id="id"), {1: 1.0, 2: 2.0}),
    ),
    case(
        lambda: regress(TEXT_IDS, pd.Series([1.0, 2.0, 3.0], index=["a", "b", "b"])),
        r"Drop one\. Pass (y\.loc\[X\.ids\]) of a y with all ids, or (y\.to_numpy\(\)) if",
        lambda by_id, as_is: regress(TEXT_IDS, pd.Series([1.0, 2.0], index=["a", "b"])),
        lambda by_id, as_is: regress(TEXT_IDS, value(by_id, X=TEXT_IDS, y=pd.Series([1.0, 2, 3], index=["a", "b", "c"]))),
        lambda by_id, as_is: regress(TEXT_IDS, value(as_is, y=pd.Series([1.0, 2.0], index=["b", "b"]))),
    ),
    case(
        lambda: regress(long(frame(id=[1, 0], x=[1.0, 2.0])), pd.Series([1.0, 2.0])),
        r"Pass (y\.to_numpy\(\)) if it is in the order of X, (y\.loc\[X\.ids\]) if its rows",
        lambda as_is, by_id: regress(
            long(frame(id=[1, 0], x=[1.0, 2.0])), value(as_is, y=pd.Series([1.0, 2.0]))
        ),
        lambda as_is, by_id: regress(
            long(frame(id=[1, 0], x=[1.0, 2.0])),
            value(by_id, y=pd.Series([1.0, 2.0]), X=long(frame(id=[1, 0], x=[1.0, 2.0]))),
        ),
    ),
    case(
        lambda: regress(IDS, long(frame(id=[2, 7], x=[1.0, 2.0])), return_sequences=True),
        r"Pass y with an entry for each id of X, or (Sequences\(y\.values, y\.offsets\)) without ids",
        lambda code: regress(IDS, IDS, return_sequences=True),
        lambda code: regress(
            IDS, value(code, y=long(frame(id=[7, 7, 8], x=[1.0, 2.0, 3.0]))), return_sequences=True
        ),
    ),
]

CASES = CONTAINER + ITEMS + LONG + TIMES + SPACING + PACKAGES + PADDING + ORDER
