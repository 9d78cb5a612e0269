"""Advice of messages about static features and missing values."""

import pickle

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from sklstm import Sequences
from sklstm.preprocessing import with_static

from .case import N, X, Y, case, classify, frame, value

AGES = np.arange(N, dtype=float)[:, np.newaxis]
NAMED = {"age": AGES[:, 0], "dose": AGES[:, 0] % 2}
TABLE = with_static(X, AGES)
LONG = {"id": [1, 1, 2], "x": [1.0, 2.0, 3.0], "age": [5.0, 5.0, 6.0]}
HIDDEN = np.where(np.arange(X.shape[2]) == 1, np.nan, X)


def fitted(table=AGES):
    return classify(with_static(X, table))


def replaced(table, column, value):
    return table | {column: np.array([value, *table[column][1:]])}


def long_static(static, **changed):
    return Sequences.from_long(frame(**LONG | changed), id="id", static=static)


def pickled(static):
    stream = fitted().stream(static=AGES[0])
    parts = stream.__getstate__() | {"static": static}
    copy = stream.__class__.__new__(stream.__class__)
    copy.__setstate__(parts)
    return copy


CASES = [
    case(
        lambda: classify(input_dropout=0.5),
        r"Set (missing='indicator') or ('decay'), or (input_dropout=0)",
        lambda one, other, zero: classify(input_dropout=0.5, **value(f"dict({one})")),
        lambda one, other, zero: classify(input_dropout=0.5, missing=value(other)),
        lambda one, other, zero: classify(**value(f"dict({zero})")),
    ),
    case(
        lambda: classify(HIDDEN, missing="indicator"),
        "Leave the channel out of X",
        lambda: classify(HIDDEN[:, :, :1], missing="indicator"),
    ),
    case(
        lambda: classify(HIDDEN, missing="indicator", categorical_features=[1]),
        "Fill missing categories in X, for instance with a code of their own",
        lambda: classify(np.where(np.isnan(HIDDEN), 9, HIDDEN), missing="indicator", categorical_features=[1]),
    ),
    case(
        lambda: classify(X).predict(TABLE),
        r"Pass (X\.with_static\(None\)), or fit with them",
        lambda code: classify(X).predict(value(code, X=TABLE)),
        lambda code: fitted().predict(TABLE),
    ),
    case(
        lambda: fitted().predict(with_static(X, np.tile(AGES, 2))),
        r"is expecting 1, as in fit\. Pass the same table",
        lambda: fitted().predict(TABLE),
    ),
    case(
        lambda: fitted(NAMED).predict(with_static(X, dict(reversed(NAMED.items())))),
        r"Choose them in this order, such as (table\[.*?\])\.",
        lambda code: fitted(NAMED).predict(with_static(X, value(code, table=pd.DataFrame(NAMED)[["dose", "age"]]))),
    ),
    case(
        lambda: fitted().stream().step(X[0, 0]),
        r"Pass one row of them, or a table with one for each stream: stream\(static=\.\.\.\)",
        lambda: fitted().stream(static=AGES[0]).step(X[0, 0]),
        lambda: fitted().stream(static=AGES).step(X[:, 0]),
    ),
    case(
        lambda: fitted().stream(static=AGES[:0]),
        r"static has no row\. Pass one row, or one for each stream",
        lambda: fitted().stream(static=AGES[:1]),
        lambda: fitted().stream(static=AGES).step(X[:, 0]),
    ),
    case(
        lambda: fitted(NAMED).predict(with_static(X, NAMED | {"dose": ["a"] * N})),
        "Pass the same kind: texts, booleans and categorical types are categories, everything else is numbers",
        lambda: fitted(NAMED).predict(with_static(X, NAMED)),
    ),
    case(
        lambda: fitted().stream(static=AGES[:2]).step(X[:3, 0]),
        "Pass one row for all, or one for each",
        lambda: fitted().stream(static=AGES[:1]).step(X[:3, 0]),
        lambda: fitted().stream(static=AGES[:3]).step(X[:3, 0]),
    ),
    case(
        lambda: pickled(np.zeros((1, 2))),
        "The static features of the pickled stream are not those of its model. Make a new stream",
        lambda: pickle.loads(pickle.dumps(fitted().stream(static=AGES[0]))).step(X[0, 0]),
    ),
    case(
        lambda: fitted(replaced(NAMED, "age", np.inf)),
        "Expected finite numbers only. Clip or drop such values first",
        lambda: fitted({name: np.clip(column, -9, 9) for name, column in replaced(NAMED, "age", np.inf).items()}),
    ),
    case(
        lambda: fitted(replaced(NAMED, "age", np.nan)),
        "Impute the table before it is attached to the sequences, for instance by sklearn.impute.SimpleImputer, or drop such",
        lambda: fitted(value("SimpleImputer()").fit_transform(pd.DataFrame(replaced(NAMED, "age", np.nan)))),
        lambda: classify(with_static(X[1:], {name: column[1:] for name, column in NAMED.items()}), Y[1:]),
    ),
    case(
        lambda: fitted({"site": [None, *"abcde"[: N - 1]]}),
        "Fill missing categories, for instance with a category of their own",
        lambda: fitted({"site": ["unknown", *"abcde"[: N - 1]]}),
    ),
    case(
        lambda: with_static(X, AGES[1:]),
        "static must have one row for each of the 6 sequences, got 5 rows. Pass as many",
        lambda: with_static(X, AGES),
    ),
    case(
        lambda: with_static(X, pd.DataFrame(index=range(N))),
        "static has no column. Pass at least one, or None",
        lambda: with_static(X, NAMED),
        lambda: TABLE.with_static(None),
    ),
    case(
        lambda: with_static(X, NAMED | {"dose": [1.0]}),
        "Pass as many in each",
        lambda: with_static(X, NAMED),
    ),
    case(
        lambda: with_static(X, AGES[:, 0]),
        r"Pass a single column as (np\.reshape\(static, \(-1, 1\)\))",
        lambda code: with_static(X, value(code, static=AGES[:, 0])),
        lambda code: with_static(X, value(code, static=list("abcdef"))),
    ),
    case(
        lambda: long_static(frame(id=[1, 1, 2], age=[5.0, 6.0, 7.0])),
        "Pass one row for each id",
        lambda: long_static(frame(id=[1, 2], age=[5.0, 6.0])),
    ),
    case(
        lambda: long_static(["age"], age=[5.0, 6.0, 6.0]),
        "Leave it out of static, so that it is a channel, or make it the same in all rows of a sequence",
        lambda: Sequences.from_long(frame(**LONG | {"age": [5.0, 6.0, 6.0]}), id="id"),
        lambda: long_static(["age"]),
    ),
    case(
        lambda: with_static(X, {"when": pd.date_range("2024", periods=N)}),
        "Convert it, such as dates to numbers of days, or leave it out",
        lambda: with_static(X, {"when": (pd.date_range("2024", periods=N) - pd.Timestamp("2024")).days}),
        lambda: with_static(X, NAMED),
    ),
    case(
        lambda: with_static(X, csr_array(AGES)),
        r"static must be a table, but it is sparse \(csr_array\)\. Pass (static\.toarray\(\))",
        lambda code: with_static(X, value(code, static=csr_array(AGES))),
    ),
    case(
        lambda: with_static(csr_array(X[:, :, 0]), AGES),
        r"X must be an array, but it is sparse \(csr_array\)\. Pass (X\.toarray\(\))",
        lambda code: with_static(value(code, X=csr_array(X[:, :, 0])), AGES),
    ),
    case(
        lambda: with_static(X, "ages"),
        "static must be a table, got 'ages'. Expected a table with one row for each sequence: a 2-D array, a DataFrame",
        lambda: with_static(X, NAMED),
    ),
    case(
        lambda: with_static(X, np.ma.masked_equal(AGES, 3)),
        r"Fill them \(\.filled\), or drop such rows",
        lambda: with_static(X, np.ma.masked_equal(AGES, 3).filled()),
        lambda: with_static(X[:3], np.ma.masked_equal(AGES, 3)[:3]),
    ),
    case(
        lambda: long_static("age"),
        r"static must be a list of names of columns, or a table, got 'age'\. Pass (\['age'\])",
        lambda code: long_static(value(code)),
    ),
    case(
        lambda: long_static([]),
        "static names no column. Name at least one, or pass None",
        lambda: long_static(["age"]),
        lambda: long_static(None),
    ),
    case(
        lambda: long_static(["age", "age"]),
        "static has 'age' twice. Name each once",
        lambda: long_static(["age"]),
    ),
    case(
        lambda: Sequences.from_long({"id": [1, 1, 2], "x": [1.0, 2.0, 3.0], "age": [5.0]}, id="id", static=["age"]),
        "Column 'age' has 1 rows, column 'id' has 3. Pass as many",
        lambda: long_static(["age"]),
    ),
    case(
        lambda: Sequences.from_long(frame(**LONG), id=["id", "age"], static=frame(id=[1, 2], dose=[0.0, 1.0])),
        "Pass it with all of them, or with none, and its rows in the order of the sequences",
        lambda: Sequences.from_long(frame(**LONG), id=["id", "age"], static=frame(id=[1, 2], age=[5.0, 6.0], dose=[0.0, 1.0])),
        lambda: Sequences.from_long(frame(**LONG), id=["id", "age"], static=frame(dose=[0.0, 1.0])),
    ),
    case(
        lambda: long_static(frame(id=[1, 2])),
        "static has no column besides the column 'id' of ids. Pass at least one, or None",
        lambda: long_static(frame(id=[1, 2], age=[5.0, 6.0])),
        lambda: long_static(None),
    ),
    case(
        lambda: classify(with_static(X.astype(np.float32), AGES + 1e9)),
        "Subtract a constant from it, such as its mean, or pass X in float64",
        lambda: classify(with_static(X.astype(np.float32), AGES + 1e9 - (AGES + 1e9).mean())),
        lambda: classify(with_static(X, AGES + 1e9)),
    ),
]
