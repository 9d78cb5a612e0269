"""What a message about X tells the user to do works as it is written."""

from collections import namedtuple

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklstm import LSTMClassifier, Sequences
from sklstm.preprocessing import PerStep

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, T, D = 6, 3, 2
X = np.arange(N * T * D, dtype=float).reshape(N, T, D)
Y = np.arange(N) % 2
RAGGED = [x[: 1 + i % T] for i, x in enumerate(X)]
Point = namedtuple("Point", "x y")


def pandas():
    return pytest.importorskip("pandas")


def polars():
    return pytest.importorskip("polars")


def nested():
    """A table with a series in each cell, one column for each channel."""
    return pandas().DataFrame({name: [pandas().Series(x[:, j]) for x in X] for j, name in enumerate("ab")})


def flat():
    return X.reshape(N, -1)


# What is refused, what the message says to pass instead, and the parameters that the estimator has.
ADVICE = {
    "texts": (lambda: X.astype("U5"), "X.astype(float)", {}),
    "texts in a table": (lambda: flat().astype("U5").astype(object), "X.astype(float)", {}),
    "texts in a DataFrame": (lambda: pandas().DataFrame(flat()).astype("string"), "X.astype(float)", {}),
    "texts in a list": (lambda: [x.astype("U5") for x in RAGGED], "[np.asarray(x, dtype=float) for x in X]", {}),
    "texts in lists": (lambda: [[str(v) for v in x[:, 0]] for x in RAGGED], "[np.asarray(x, dtype=float) for x in X]", {}),
    "times": (lambda: X[0, :, 0].astype("M8[D]").reshape(1, -1), '(X - X[0]) / np.timedelta64(1, "D")', {}),
    "series in cells": (nested, "[np.column_stack(list(row)) for row in X.to_numpy()]", {}),
    "sparse": (lambda: coo_array(X), "X.toarray()", {}),
    "sparse in a list": (lambda: [csr_array(x) for x in RAGGED], "[x.toarray() for x in X]", {}),
    "sparse columns": (lambda: pandas().DataFrame(flat()).astype(pandas().SparseDtype(float)), "X.sparse.to_dense()", {}),
    "lazy": (lambda: polars().LazyFrame(flat()), "X.collect()", {}),
    "lazy in a list": (lambda: [polars().LazyFrame(x) for x in RAGGED], "[x.collect() for x in X]", {}),
    "an iterator": (lambda: iter(RAGGED), "list(X)", {}),
    "iterators in a list": (lambda: [iter(x.tolist()) for x in RAGGED], "[list(x) for x in X]", {}),
    "a mapping": (lambda: dict(enumerate(RAGGED)), "list(X.values())", {}),
    "a named tuple": (lambda: Point(X[0], X[1]), "list(X)", {}),
    "named tuples": (lambda: [Point(1.0, 2.0), Point(3.0, 4.0)], "[list(x) for x in X]", {}),
    "rows in a list": (lambda: flat().tolist(), "np.asarray(X)", {"n_channels": 2}),
    "one dimension": (lambda: X[:, 0, 0], "[X]", {}),
    "a series": (lambda: pandas().Series(X[:, 0, 0]), "[X]", {}),
    "columns of one name": (lambda: pandas().DataFrame(flat(), columns=list("abcabc")), "X.to_numpy()", {}),
    "channels first in a list": (lambda: [x.T for x in (X[0], X[1, :2])], "[x.T for x in X]", {}),
    "a masked array": (lambda: np.ma.masked_equal(X, 3), "X.filled(0)", {}),
}


@pytest.mark.parametrize("name", ADVICE)
def test_what_a_message_says_to_pass_can_be_fitted(name):
    make, advice, params = ADVICE[name]
    refused = make()
    model = LSTMClassifier(2, max_iter=1, random_state=0, **params)
    y = Y[: len(refused)] if isinstance(refused, (list, tuple, dict)) else Y
    with pytest.raises((ValueError, TypeError)) as caught:
        model.fit(refused, y)
    said = advice.replace("(X - X[0])", "(times - times[0])").replace("X.filled(0)", ".filled")
    assert said in str(caught.value)
    advised = eval(advice, {"X": refused, "np": np})
    n = len(advised)
    model.fit([advised[0], advised[0]] if n == 1 else advised, [0, 1] if n == 1 else Y[:n])


def test_imputing_what_is_missing():
    holes = X.copy()
    holes[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"PerStep\(SimpleImputer\(\)\)"):
        LSTMClassifier(2, max_iter=1).fit(holes, Y)
    make_pipeline(PerStep(SimpleImputer()), LSTMClassifier(2, max_iter=1)).fit(holes, Y)


def test_ways_to_use_what_is_no_code():
    fractions = X / 2
    model = LSTMClassifier(2, max_iter=1, categorical_features=[0])
    with pytest.raises(ValueError, match=r"OrdinalEncoder, convert a column of a DataFrame.*, or leave the channel out"):
        model.fit(fractions + 0.25, Y)
    make_pipeline(PerStep(OrdinalEncoder()), model).fit(fractions, Y)
    frames = [pandas().DataFrame(x).rename(columns=str).astype({"0": "category"}) for x in fractions]
    model.fit(frames, Y)
    LSTMClassifier(2, max_iter=1).fit(fractions, Y)


def test_a_table_that_has_one_row_for_each_step():
    table = pandas().DataFrame({"who": np.repeat(range(N), T), "kind": ["a", "b", "c"] * N})
    with pytest.raises(ValueError, match=r"pass Sequences\.from_long\(X, id=\.\.\., time=\.\.\.\)"):
        LSTMClassifier(2, max_iter=1).fit(table, Y)
    LSTMClassifier(2, max_iter=1, categorical_features="all").fit(Sequences.from_long(table, id="who"), Y)
