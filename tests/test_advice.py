"""The advice in every message works as written, and every message with advice has a case here."""

import ast
import pathlib
import re
from collections import namedtuple
from functools import cache

import numpy as np
import pytest
from advice import (
    c_models,
    crf,
    ctc,
    detectors,
    estimators,
    export_weights,
    files,
    forecasting,
    inspection,
    onnx_models,
    preprocessing,
    sampling,
    seq2seq,
    sequences,
    static,
    times,
)
from advice.case import message_of, messages_while
from scipy.sparse import coo_array, csr_array
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

import sklstm
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


def fit_refused(name, refused):
    y = Y[: len(refused)] if isinstance(refused, (list, tuple, dict)) else Y
    LSTMClassifier(2, max_iter=1, **ADVICE[name][2]).fit(refused, y)


@pytest.mark.parametrize("name", ADVICE)
def test_what_a_message_says_to_pass_can_be_fitted(name):
    make, advice, params = ADVICE[name]
    refused = make()
    model = LSTMClassifier(2, max_iter=1, random_state=0, **params)
    with pytest.raises((ValueError, TypeError)) as caught:
        fit_refused(name, refused)
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


# ---- what the messages of all modules say: cause it, find the advice in it, and do as it says ----

OF_SEQUENCES = crf.CASES + ctc.CASES + sampling.CASES + seq2seq.CASES
OF_ESTIMATORS = static.CASES + times.CASES + OF_SEQUENCES + estimators.CASES + detectors.CASES
CASES = sequences.CASES + OF_ESTIMATORS + preprocessing.CASES + forecasting.CASES + inspection.CASES + files.CASES
CASES += export_weights.CASES + onnx_models.CASES + c_models.CASES


def name_of(case):
    return re.sub(r"\W+", " ", case.says).strip()[:60]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_what_a_message_says_to_do_works(case):
    said = message_of(case.wrong)
    found = re.search(case.says, said, re.DOTALL)
    assert found, f"expected the advice {case.says}, got the message {said}"
    for right in case.right:
        said = messages_while(right, *found.groups())
        assert not [message for message in said if re.search(case.says, message, re.DOTALL)]


# ---- no advice is left out ----

VERBS = (
    "add begin call choose clip convert correct cut delete draw drop encode fill fit flatten free give impute increase index keep"
    " label leave load lower make merge name open parse pass put raise read rename reshape restore round save say see set sort"
    " subtract take try turn upgrade use write"
).split()
TELLS = re.compile(rf"(?:^|[.:;,?!(] )(?:or |else )?(?:{'|'.join(VERBS)})\b", re.IGNORECASE)

# Messages, by how they begin, whose advice cannot be followed here, and why.
NOT_RUN = {
    "Pass the number of a channel, or a list of such": "an object has to fail where it is listed",
    "Pass numbers, texts and booleans of Python": "an object has to fail where scikit-learn compares it",
    "Pass a list of the values that the codes": "an object has to fail where it is read",
    "it has hyper-parameters that this version of sklstm": "the way out is another version of sklstm",
    "{} was written by a newer sklstm": "the way out is another version of sklstm",
    "The checkpoint {} could not be written: {}. Training": "the disk has to be full; test_checkpoint.py lets writing fail",
    "x must have {} channels, got {}. Pass what": "test_export_torch.py",
    "static was passed, but the model has": "test_export_torch.py",
    "The model has static features: static must": "test_export_torch.py",
    "The converters of sklstm could not": "test_export_skl2onnx.py",
    "Pass a file of numpy.save": "test_export_main.py",
    "Written by sklstm": "the first comment of a header in C",
}


def strings_of(source):
    """The strings of a module that are no docstrings: pieces of text, None where a value is put in."""
    tree = ast.parse(source)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in inner | docstrings:
            continue
        if isinstance(node, ast.JoinedStr):
            yield [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = re.split(r"(?<!\{)\{\w*\}", node.value.replace("}}", "\0"))  # a template of str.format
            texts = [part.replace("{{", "{").replace("\0", "}") for part in parts]
            yield [text for part in texts for text in (None, part)][1:]


@cache
def advice_of(path):
    """The strings of a module with advice: the text, and the regular expression of it in a message."""
    found = []
    for pieces in strings_of(path.read_text(encoding="utf-8")):
        text = "".join("{}" if piece is None else piece for piece in pieces)
        if " " in text and len(text) > 25 and "\n" not in text and TELLS.search(text):
            pattern = "".join(".*?" if piece is None else re.escape(piece.strip(" .")) + "[ .]*" for piece in pieces)
            found.append((text.strip(), pattern))
    return found


def test_every_advice_is_tried():
    package = pathlib.Path(sklstm.__file__).parent
    said = [message_of(case.wrong) for case in CASES]
    said += [message_of(lambda name=name: fit_refused(name, ADVICE[name][0]())) for name in ADVICE]
    untried = [
        f"{path.relative_to(package)}: {text}"
        for path in sorted(package.rglob("*.py"))
        for text, pattern in advice_of(path)
        if not text.startswith(tuple(NOT_RUN))
        and not any(re.search(pattern, message, re.DOTALL | re.IGNORECASE) for message in said)
    ]
    assert not untried, "advice that no case tries, and that NOT_RUN does not name:\n" + "\n".join(untried)


def test_what_is_not_run_is_said():
    texts = [text for path in pathlib.Path(sklstm.__file__).parent.rglob("*.py") for text, _ in advice_of(path)]
    assert [begin for begin in NOT_RUN if not any(text.startswith(begin) for text in texts)] == []
