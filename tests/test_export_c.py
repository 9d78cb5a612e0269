"""Headers in C: compiled, run, and compared with the model that they were written from."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sklstm
from sklstm import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq
from sklstm.export import to_c, verify
from sklstm.export.__main__ import main
from sklstm.export.c_header import read_header
from sklstm.export.c_model import LIMITS, read_model
from sklstm.export.c_run import compiler, run, samples
from sklstm.network import CELLS

if not any(map(shutil.which, ("cc", "gcc", "clang"))):
    pytest.skip("needs a C compiler", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")

INTEGERS = ("q15", "int8")
DTYPES = ("float32", *INTEGERS)
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wconversion", "-Wdouble-promotion"]
SANITIZERS = ["-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@cache
def data(n=60, seed=0):
    """Sequences of 3 to 30 steps with two channels and two categories, and classes (n,) of 4."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(rng.integers(3, 31), 4)) for _ in range(n)]
    for x in X:
        x[:, 2], x[:, 3] = np.arange(len(x)) % 4, 3 * (np.arange(len(x)) % 5)
    y = np.array([2 * (x[:, 0].sum() > 0) + (x[-1, 1] > 0) for x in X]).astype(int)
    return X, y


Y = {  # of sequences of `data`: estimator and y
    "classes": (LSTMClassifier, lambda X, y: y),
    "two": (LSTMClassifier, lambda X, y: np.where(y > 1, "high", "low")),
    "labels": (LSTMClassifier, lambda X, y: np.column_stack([y > 1, y % 2, y == 2]).astype(int)),
    "steps": (LSTMClassifier, lambda X, y: [(x[:, 0] > 0).astype(int) + (x[:, 1] > 0) for x in X]),
    "number": (LSTMRegressor, lambda X, y: np.array([x[:, 0].mean() for x in X])),
    "numbers": (LSTMRegressor, lambda X, y: np.array([[x[-1, 0], 100 + 50 * x[-1, 1]] for x in X])),
    "counts": (LSTMRegressor, lambda X, y: y.astype(float)),
    "numbers of steps": (LSTMRegressor, lambda X, y: [x[:, 1] for x in X]),
}


@cache
def fitted(kind="classes", **parameters):
    """A model, fitted for some epochs on `data`."""
    Estimator, target = Y[kind]
    X, y = data()
    defaults = {"hidden_size": 6, "max_iter": 10, "random_state": 0, "return_sequences": "steps" in kind}
    return Estimator(**defaults | parameters).fit(X, target(X, y))


def written(model, folder, dtype="float32", **options):
    path = folder / "model.h"
    sizes = to_c(model, path, dtype=dtype, X_calibration=data()[0], **options)
    return path, sizes


def outputs_of_steps(path, model, x, command=None):
    """Outputs and classes after each step of one sequence."""
    text, name, dtype = read_header(path)
    exported = read_model(model, dtype)
    values = samples(exported, model._read_fitted([x]))
    return run(text, name, exported, values, np.array([0, len(x)]), str(path), each_step=True, command=command)


def stream_of(model, x, method):
    stream = model.stream(method)
    return np.concatenate([stream.step(x_t) for x_t in x])


# What a network can consist of; each cell with each activation.
NETWORKS = [{"cell": cell, "activation": activation} for cell in CELLS for activation in ("tanh", "relu")]
NETWORKS += [{"pooling": pooling} for pooling in ("last", "mean", "max", ("last", "mean", "max"))]
NETWORKS += [
    {"hidden_size": (5, 7), "initial_state": "learned", "cell": "gru"},
    {"hidden_size": 4, "num_layers": 2, "residual": True},  # the first layer has as many channels
    {"hidden_size": 4, "residual": True, "pooling": "mean", "cell": "rnn"},
    {"categorical_features": [2, 3], "cell": "gru"},
    {"categorical_features": [2], "cell": "layernorm", "embedding_dim": 3},
]


def long_sequence(n_steps=10_000):
    X, _ = data()
    return np.concatenate(X * (n_steps // sum(map(len, X)) + 1))[:n_steps]


@pytest.mark.parametrize("parameters", NETWORKS, ids=str)
def test_float_equals_the_stream_at_every_step(parameters, tmp_path):
    """Relu is not bounded: a network that does not forget may leave the range of numbers, so it takes shorter sequences."""
    model, x = fitted(**parameters), long_sequence(200 if parameters.get("activation") == "relu" else 10_000)
    path, _ = written(model, tmp_path)
    found, expected = outputs_of_steps(path, model, x), stream_of(model, x, "predict_proba")
    assert np.abs(found[:, :-1] - expected).max() < 2e-6
    top = np.sort(expected, axis=1)
    clear = top[:, -1] - top[:, -2] > 1e-5
    assert (model.classes_[found[clear, -1].astype(int)] == stream_of(model, x, "predict")[clear]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", Y)
def test_every_kind_of_y(kind, dtype, tmp_path):
    model = fitted(kind, loss="poisson") if kind == "counts" else fitted(kind)
    path, _ = written(model, tmp_path, dtype)
    result = verify(path, model, data()[0])
    scale = 100 if kind == "numbers" else 1
    assert result["deviation"] < scale * {"float32": 2e-6, "q15": 1e-2, "int8": 1e-1}[dtype]
    assert result.get("agreement", 1) >= (1 if dtype == "float32" else 0.95)
    assert ("agreement" in result) == isinstance(model, LSTMClassifier)
    assert result["n_outputs"] == (sum(map(len, data()[0])) if "steps" in kind else 60)
