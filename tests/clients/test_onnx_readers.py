"""Other readers of models of `to_onnx`: OpenVINO and tract predict what the estimators do, or do not, as the page says."""

from pathlib import Path

import numpy as np
import openvino
import pytest
import tract
from clients.easy import MARKS

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.export import to_onnx
from sklstm.network import CELLS
from sklstm.preprocessing import with_static

pytestmark = MARKS

PAGE = (Path(__file__).parent.parent.parent / "docs" / "onnx_readers.md").read_text()
RNG = np.random.default_rng(0)
N, T, D = 12, 7, 3
LENGTHS = np.array([T, *RNG.integers(1, T + 1, size=N - 1)])
X = RNG.normal(size=(N, T, D)).astype(np.float32)
RAGGED = [x[:length] for x, length in zip(X, LENGTHS, strict=True)]
CODES, NUMBERS, STEPS = np.arange(N) % 3, np.arange(N) / N, np.arange(N * T).reshape(N, T) % 3


def run_openvino(path, arrays):
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})  # else bfloat16 on some
    found = compiled(arrays)
    return [np.array(found[output]) for output in compiled.outputs]


def run_tract(path, arrays):
    model = tract.onnx().load(path)
    names = [model.input_name(k) for k in range(model.input_count())]
    for k, name in enumerate(names):
        kind = {"float32": "f32", "int64": "i64"}[arrays[name].dtype.name]
        model.set_input_fact(k, f"{','.join(map(str, arrays[name].shape))},{kind}")
    model.analyse()
    return [result.to_numpy() for result in model.into_model().into_runnable().run([arrays[name] for name in names])]


READERS = {"OpenVINO": run_openvino, "tract": run_tract}


def numeric(X):
    return X


def with_codes(X):
    return [np.column_stack([x[:, :2], np.arange(len(x)) % 4]).astype(np.float32) for x in X]


def with_holes(X):
    return [np.where(np.arange(x.size).reshape(x.shape) % 5, x, np.nan).astype(np.float32) for x in X]


def with_features(X):
    return with_static(X, {"age": np.arange(len(X)) / len(X)})


LAST = {"pooling": "last"}
# Row of the page -> class, y, what X has, and options.
CASES = {
    **{f'cell="{cell}"': (LSTMClassifier, CODES, numeric, LAST | {"cell": cell}) for cell in CELLS},
    **{
        f'cell="{cell}", bidirectional': (LSTMClassifier, CODES, numeric, LAST | {"cell": cell, "bidirectional": True})
        for cell in CELLS
    },
    "proj_size": (LSTMClassifier, CODES, numeric, LAST | {"proj_size": 2}),
    "proj_size, bidirectional": (LSTMClassifier, CODES, numeric, LAST | {"proj_size": 2, "bidirectional": True}),
    'activation="relu"': (LSTMClassifier, CODES, numeric, {"activation": "relu"}),
    'pooling="mean", "max", "attention"': (LSTMClassifier, CODES, numeric, {"pooling": ("mean", "max", "attention")}),
    "several layers, residual, summed": (
        LSTMClassifier, CODES, numeric, {"num_layers": 3, "residual": True, "bidirectional": True, "merge_mode": "sum"},
    ),
    "learned states": (LSTMClassifier, CODES, numeric, {"initial_state": "learned"}),
    "categories": (LSTMClassifier, CODES, with_codes, {"categorical_features": [2]}),
    "missing values": (LSTMClassifier, CODES, with_holes, {"missing": "decay"}),
    "static features": (LSTMClassifier, CODES, with_features, {}),
    "return_sequences": (LSTMClassifier, STEPS, numeric, {"return_sequences": True}),
    'structure="crf"': (LSTMClassifier, STEPS, numeric, {"return_sequences": True, "structure": "crf"}),
    "LSTMRegressor": (LSTMRegressor, NUMBERS, numeric, {}),
    "several quantiles": (LSTMRegressor, NUMBERS, numeric, {"loss": "quantile", "quantile": [0.9, 0.1, 0.5]}),
    'loss="gaussian_mixture"': (LSTMRegressor, NUMBERS, numeric, {"loss": "gaussian_mixture"}),
}  # fmt: skip


def outcome(reader, name, lengths, tmp_path):
    """ "yes", "refused" or "wrong": whether a reader predicts what the estimator does."""
    kind, y, form, options = CASES[name]
    rows, padded = (RAGGED, X) if lengths else (list(X), X)
    y = [steps[: len(x)] for steps, x in zip(y, rows, strict=True)] if y is STEPS else y
    rows = form(rows)
    model = kind(4, max_iter=3, random_state=0, **options).fit(rows, y)
    proto = to_onnx(model, tmp_path / "model.onnx", lengths=lengths)
    arrays = {"X": padded.copy(), "lengths": LENGTHS, "static": (np.arange(N, dtype=np.float32) / N)[:, np.newaxis]}
    for one, x in zip(arrays["X"], rows.to_list() if hasattr(rows, "to_list") else rows, strict=True):
        one[: len(x)] = x
    wanted = [value.name for value in proto.graph.input]
    try:
        results = READERS[reader](str(tmp_path / "model.onnx"), {name: arrays[name] for name in wanted})
    except Exception:  # of any kind
        return "refused"
    found = dict(zip([value.name for value in proto.graph.output], results, strict=True))
    got = found["probabilities" if kind is LSTMClassifier else "variable"]
    expected = model.predict_proba(rows) if kind is LSTMClassifier else model.predict(rows)
    if isinstance(expected, list):
        got, expected = np.concatenate([one[: len(x)] for one, x in zip(got, expected, strict=True)]), np.concatenate(expected)
    return "yes" if np.abs(got.reshape(expected.shape) - expected).max() <= 1e-5 else "wrong"


def table():
    """(row, reader, lengths) -> what the page says."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]
    columns = [(reader, lengths) for reader in READERS for lengths in (False, True)]
    return {(name.strip("`"), *column): said for name, *cells in rows for column, said in zip(columns, cells, strict=True)}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", CASES)
def test_readers_do_what_the_page_says(name, reader, tmp_path):
    said = table()
    for lengths in (False, True):
        assert outcome(reader, name, lengths, tmp_path) == said[name, reader, lengths], lengths


def test_the_page_has_a_row_for_each_case():
    assert {name for name, *_ in table()} == set(CASES)
