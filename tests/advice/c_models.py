"""Advice of messages about models in C."""

import os
import subprocess
import sys
import tempfile
from copy import copy
from pathlib import Path
from unittest import mock

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMOutlierDetector, Sequences
from sklstm.estimators.architecture import build
from sklstm.export import to_c, to_onnx, verify
from sklstm.export.c.run import compiler
from sklstm.preprocessing import PerStep, with_static

from .case import STEPS, N, X, Y, case, classify, regress, value

AGES = np.arange(N, dtype=float)[:, np.newaxis]
TIMES = np.tile(np.arange(3.0), N)
HOLES = np.where(np.arange(3)[:, np.newaxis] == 1, np.nan, X)


def detect():
    return LSTMOutlierDetector(2, max_iter=1, random_state=0).fit([np.sin(np.arange(200.0))])


def export(model=None, **options):
    """Write a header to a file that does not last."""
    with tempfile.TemporaryDirectory() as folder:
        return to_c(classify() if model is None else model, os.path.join(folder, "model.h"), **options)


def in_integers(model=None, X_calibration=X, dtype="q15"):
    return export(model, dtype=dtype, X_calibration=X_calibration)


def again(code, model):
    """Export a model with the options that a message gives."""
    return export(model, **value(f"dict({code})"))


def with_weights(part, name, change, **params):
    """A model of which some weights are other ones."""
    model = copy(classify(**params))
    model._theta = model._theta.copy()
    weights = build(model._network_spec).bind(model._theta)[part][name]
    weights[...] = change(weights)
    return model


def growing():
    """A model whose states become three times as large in a step."""
    return with_weights("layer_0", "R", lambda R: 3 * np.eye(len(R)), cell="rnn", activation="relu")


def of_large_sums():
    """A model with states of some hundreds, which large weights take away from others."""
    model = with_weights("layer_0", "b", lambda b: b + 1000, cell="rnn", activation="relu")
    build(model._network_spec).bind(model._theta)["layer_0"]["R"][...] = -50
    return model


def of_large_numbers(**params):
    return in_integers(classify(1e6 * X, **params), 1e6 * X)


def with_many_categories(n=33_000):
    codes = np.arange(n, dtype=float).reshape(N, -1, 1)
    return classify(codes, categorical_features=[0], embedding_dim=1), codes


def timed(clipped=False):
    if clipped:
        gaps = np.diff(TIMES, prepend=0.0).clip(0, 5).reshape(N, 3, 1)
        return np.concatenate([X, gaps], axis=2)
    return Sequences.from_list(list(X)).with_times(TIMES)


def verify_without_run(model, text=None, written=None):
    """Compare a header, or what else is in its file, with a model, up to the run of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.h")
        to_c(classify() if written is None else written, path)
        if text is not None:
            Path(path).write_text(text)
        outputs = np.zeros((N, 3), dtype=np.float32)
        with mock.patch("sklstm.export.c.to_c.run", lambda *args, **options: outputs):
            return verify(path, model, X)


def compiler_called(command):
    with mock.patch.dict(os.environ, {"CC": command}):
        return compiler()


def compiled_by_none():
    """Verify with a command that ends well, and does nothing."""
    done = subprocess.CompletedProcess([], 0, b"", "")
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"CC": sys.executable}):
        path = os.path.join(folder, "model.h")
        to_c(classify(), path)
        with mock.patch("sklstm.export.c.run.subprocess.run", lambda *args, **options: done):
            return verify(path, classify(), X)


def with_outliers(clipped=False, **options):
    """Export a model of data of which few values are far larger than the others."""
    data = np.random.default_rng(0).normal(size=(40, 20, 2))
    data[::9, 7] *= 1e4
    data = data.clip(-4, 4) if clipped else data
    return export(regress(data, data[:, -1, 0], standardize=False), **{"dtype": "q15", "X_calibration": data} | options)


def of_both(data):
    """Data, and a model that is fitted on them."""
    return classify(data), data


CASES = [
    case(
        lambda: export(detect()),
        "an LSTMRegressor that forecasts a step, or use to_onnx",
        lambda: export(regress([x[:-1] for x in X], [x[1:] for x in X], return_sequences=True)),
        lambda: to_onnx(detect()),
    ),
    case(
        lambda: export(classify(bidirectional=True)),
        "fit with (bidirectional=False), or use to_onnx",
        lambda code: export(classify(**value(f"dict({code})"))),
        lambda code: to_onnx(classify(bidirectional=True)),
    ),
    case(
        lambda: in_integers(classify(X, STEPS, structure="crf", return_sequences=True)),
        '(dtype="float32"), or fit with (structure=None)',
        lambda dtype, _: again(dtype, classify(X, STEPS, structure="crf", return_sequences=True)),
        lambda _, code: in_integers(classify(X, STEPS, return_sequences=True, **value(f"dict({code})"))),
    ),
    case(
        lambda: in_integers(*of_both(with_static(X, AGES))),
        '(dtype="float32"), or pass them as channels that are the same at every step',
        lambda dtype: again(dtype, classify(with_static(X, AGES))),
        lambda dtype: in_integers(*of_both(np.concatenate([X, np.repeat(AGES[:, np.newaxis], 3, axis=1)], axis=2))),
    ),
    case(
        lambda: in_integers(*of_both(timed())),
        '(dtype="float32"), or the time since the sample before as a channel, clipped',
        lambda dtype: again(dtype, classify(timed())),
        lambda dtype: in_integers(*of_both(timed(clipped=True))),
    ),
    case(
        lambda: in_integers(classify(HOLES, missing="indicator"), HOLES),
        '(dtype="float32"), or fit with (missing="error"), and repeat the last value on the device',
        lambda dtype, _: again(dtype, classify(HOLES, missing="indicator")),
        lambda _, code: in_integers(classify(HOLES[:, [0, 0, 2]], **value(f"dict({code})")), HOLES[:, [0, 0, 2]]),
    ),
    case(
        lambda: in_integers(classify(proj_size=1)),
        '(dtype="float32"), or fit with (proj_size=0)',
        lambda dtype, _: again(dtype, classify(proj_size=1)),
        lambda _, code: in_integers(classify(**value(f"dict({code})"))),
    ),
    case(
        lambda: in_integers(classify(cell="layernorm")),
        '(dtype="float32"), or fit with another cell',
        lambda dtype: again(dtype, classify(cell="layernorm")),
        lambda dtype: in_integers(classify(cell="gru")),
    ),
    case(
        lambda: export(with_weights("layer_0", "b", lambda b: b + 1e50)),
        "Fit it afresh, with data in smaller units",
        lambda: export(classify()),
    ),
    case(
        lambda: export(make_pipeline(PerStep(StandardScaler()), classify()).fit(X, Y)),
        r"its last step, (model\[-1\]), for channels that were transformed before",
        lambda code: export(value(code, model=make_pipeline(PerStep(StandardScaler()), classify()).fit(X, Y))),
    ),
    case(
        lambda: export(dtype="q15"),
        "Pass X_calibration, data like those of fit, or use (dtype='float32')",
        lambda code: in_integers(),
        lambda code: again(code, classify()),
    ),
    case(
        lambda: export(name="1st"),
        "a small letter, and then small letters, digits or single underscores between them, at most 31, and no word of C",
        lambda: export(name="first_1"),
    ),
    # ---- ranges of integers ----
    case(
        lambda: in_integers(growing(), [np.ones((2000, 2))]),
        "Pass data as those that the model was fitted on",
        lambda: in_integers(growing()),
    ),
    case(
        lambda: in_integers(growing(), [np.ones((20, 2))]),
        "16 bits cannot hold precisely. Use (dtype='float32'), or fit with (activation='tanh')",
        lambda dtype, _: again(dtype, growing()),
        lambda _, code: in_integers(classify(cell="rnn", **value(f"dict({code})")), [np.ones((20, 2))]),
    ),
    case(
        lambda: in_integers(with_weights("layer_0", "R", lambda R: 1e4 * R)),
        "beside the small ones. Use (dtype='float32'), or fit with (standardize=True) and a larger alpha",
        lambda dtype, _: again(dtype, with_weights("layer_0", "R", lambda R: 1e4 * R)),
        lambda _, code: in_integers(classify(alpha=1.0, **value(f"dict({code})"))),
    ),
    case(
        lambda: in_integers(of_large_sums()),
        "Use (dtype='float32'), or fit with (activation='tanh', standardize=True) and a larger alpha",
        lambda dtype, _: again(dtype, of_large_sums()),
        lambda _, code: in_integers(classify(cell="rnn", alpha=1.0, **value(f"dict({code})"))),
    ),
    case(
        lambda: in_integers(with_weights("layer_0", "b", lambda b: b + 1e4)),
        "too large for integers. Use (dtype='float32')",
        lambda code: again(code, with_weights("layer_0", "b", lambda b: b + 1e4)),
    ),
    case(
        lambda: of_large_numbers(standardize=False),
        "Use (dtype='float32'), or fit with (standardize=True)",
        lambda dtype, _: again(dtype, classify(1e6 * X, standardize=False)),
        lambda _, code: of_large_numbers(**value(f"dict({code})")),
    ),
    case(
        lambda: in_integers(*with_many_categories()),
        "more than 16 bits count. Use (dtype='float32')",
        lambda code: again(code, with_many_categories()[0]),
    ),
    case(
        lambda: in_integers(classify(), X[:1]),
        "Pass some hundred steps of data like those of fit",
        lambda: in_integers(classify(), np.tile(X, (10, 1, 1))),
    ),
    case(
        with_outliers,
        "Use (dtype='float32'), or clip X before fit, in X_calibration and on the device",
        lambda code: with_outliers(**value(f"dict({code})")),
        lambda code: with_outliers(clipped=True),
    ),
    # ---- verify ----
    case(
        lambda: verify_without_run(classify(), "int x;"),
        "is no header that to_c wrote. Pass the path of one",
        lambda: verify_without_run(classify()),
    ),
    case(
        lambda: verify_without_run(classify(hidden_size=3)),
        "is of another model.*Pass the model that it is of, as it was then, or write it again",
        lambda: verify_without_run(classify()),
        lambda: verify_without_run(classify(hidden_size=3), written=classify(hidden_size=3)),
    ),
    case(
        lambda: compiler_called("no-such-compiler"),
        "Install one, such as gcc, or name it in the variable CC",
        lambda: compiler_called(sys.executable),
    ),
    case(
        compiled_by_none,
        "wrote no program of .*Name a C compiler in the variable CC",
        lambda: compiler_called(sys.executable),
    ),
]
