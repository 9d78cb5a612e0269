"""Headers in C: compiled, run, and compared with the model that they were written from."""

import ctypes
import re
import shutil
import subprocess
import sys
from copy import copy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import sklstm
from sklstm import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq, Sequences
from sklstm.export import to_c, verify
from sklstm.export.__main__ import main
from sklstm.export.c.header import read_header
from sklstm.export.c.model import LIMITS, read_model
from sklstm.export.c.run import compiler, run, samples
from sklstm.network import CELLS
from sklstm.preprocessing import with_static

if not any(map(shutil.which, ("cc", "gcc", "clang"))):
    pytest.skip("needs a C compiler", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")

INTEGERS = ("q15", "int8")
DTYPES = ("float32", *INTEGERS)
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wconversion", "-Wdouble-promotion"]
SANITIZERS = ["-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(autouse=True)
def quick_compilation(monkeypatch):
    """Most sequences are short, so that to optimise takes longer than to run."""
    monkeypatch.setattr("sklstm.export.c.run.FLAGS", ("-std=c99", "-O0"))


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
    text, name, dtype, _ = read_header(path)
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
    {"categorical_features": (2, 3), "cell": "gru"},
    {"categorical_features": (2,), "cell": "layernorm", "embedding_dim": 3},
]
NETWORKS += [{"cell": cell, "proj_size": 3, "num_layers": 2} for cell in ("peephole", "layernorm")]
NETWORKS += [{"proj_size": 4, "residual": True, "initial_state": "learned"}]


def long_sequence(n_steps=2_000):
    X, _ = data()
    return np.concatenate(X * (n_steps // sum(map(len, X)) + 1))[:n_steps]


@pytest.mark.parametrize("parameters", NETWORKS, ids=str)
def test_float_equals_the_stream_at_every_step(parameters, tmp_path):
    """To 2e-6, and where a network is so steep that the package's own float32 is about as far from float64, to three times that:
    two ways of rounding differ by as much as each does.

    Relu is not bounded: a network that does not forget may leave the range of numbers, so it takes shorter sequences."""
    model = fitted(**parameters)
    plain = parameters == {"cell": "lstm", "activation": "tanh"}
    x = long_sequence(200 if parameters.get("activation") == "relu" else 10_000 if plain else 1000)
    path, _ = written(model, tmp_path)
    found, expected = outputs_of_steps(path, model, x), stream_of(model, x, "predict_proba")
    deviation = np.abs(found[:, :-1] - expected).max()
    if deviation > 2e-6:
        in_float32 = copy(model)
        in_float32._theta = model._theta.astype(np.float32)
        deviation_of_stream = np.abs(stream_of(in_float32, x.astype(np.float32), "predict_proba") - expected).max()
        assert deviation < 3 * deviation_of_stream
    top = np.sort(expected, axis=1)
    clear = top[:, -1] - top[:, -2] > 1e-4
    assert clear.mean() > 0.9
    assert (found[clear, -1] == expected[clear].argmax(axis=1)).all()
    assert (model.classes_[found[:100, -1].astype(int)] == stream_of(model, x[:100], "predict"))[clear[:100]].all()


def test_attention_equals_predictions(tmp_path):
    """A stream cannot pool by attention, but the header does, in one pass, also where a step weighs far more than others."""
    model = fitted(pooling=("attention", "last"), cell="gru")
    steep = copy(model)
    steep._theta = model._theta.copy()
    read_model(steep, "float32").network.bind(steep._theta)["attention"]["v"][...] *= 30
    x = long_sequence(2000)
    for one in (model, steep):
        path, _ = written(one, tmp_path)
        found = outputs_of_steps(path, one, x)[:, :-1]
        for n in (1, 2, 500, 2000):
            assert np.abs(found[n - 1] - one.predict_proba([x[:n]])).max() < 2e-6
        for dtype in INTEGERS:
            path, _ = written(one, tmp_path, dtype)
            result = verify(path, one, data()[0])
            assert result["mean_deviation"] < (2e-3 if dtype == "q15" else 2e-2)


LOSSES = {
    "counts": {"loss": "poisson"},
    "number": {"loss": "quantile", "quantile": (0.9, 0.1, 0.5)},
    "numbers": {"loss": "huber"},
}


OUTPUTS = [(kind, dtype) for kind in (*Y, "mixture") for dtype in ("float32", "q15")]
OUTPUTS += [("chain", "float32"), ("classes", "int8"), ("numbers", "int8")]


@pytest.mark.parametrize(("kind", "dtype"), OUTPUTS)
def test_every_kind_of_y(kind, dtype, tmp_path):
    if kind == "chain":
        model = fitted("steps", structure="crf", max_iter=5)
    else:
        model = fitted("numbers", loss="gaussian_mixture") if kind == "mixture" else fitted(kind, **LOSSES.get(kind, {}))
    path, _ = written(model, tmp_path, dtype)
    result = verify(path, model, data()[0])
    scale = 100 if kind in ("numbers", "mixture") else 1
    assert result["deviation"] < scale * {"float32": 2e-6, "q15": 1e-2, "int8": 1e-1}[dtype]
    assert result.get("agreement", 1) >= (1 if dtype == "float32" else 0.95)
    assert ("agreement" in result) == isinstance(model, LSTMClassifier)
    assert result["n_outputs"] == (sum(map(len, data()[0])) if "steps" in kind or kind == "chain" else 60)


# Kind of y -> the call of the function that takes whole sequences, for one sequence x of n steps.
PREDICTIONS = {
    "two": "labels[0] = m_predict(&state, x, n);",
    "labels": "m_predict(&state, x, n, y);",
    "steps": "m_predict(&state, x, n, labels);",
    "numbers of steps": "m_predict(&state, x, n, y);",
    "chain": "m_predict(&state, x, n, labels, ways);",
}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_whole_sequences(kind, tmp_path):
    """With a chain, the labels are those of `predict`, and not those of a stream, which knows the steps so far."""
    model = fitted("steps", structure="crf", max_iter=5) if kind == "chain" else fitted(kind)
    to_c(model, tmp_path / "m.h", name="m")
    source = f"""#include "m.h"
    static m_state state;
    static unsigned char ways[4096];
    void call(const float *x, int n, int *labels, float *y) {{ (void)labels; (void)y; (void)ways; {PREDICTIONS[kind]} }}"""
    (tmp_path / "m.c").write_text(source)
    library = tmp_path / "m.so"
    subprocess.run([*compiler(), "-std=c99", "-shared", "-fPIC", tmp_path / "m.c", "-o", library, "-lm"], check=True)
    call = ctypes.CDLL(str(library)).call
    steps, numbers = "steps" in kind or kind == "chain", kind in ("labels", "numbers of steps")
    differs = False
    for x in data()[0][:20]:
        values, labels, y = x.astype(np.float32), np.zeros(len(x), np.int32), np.zeros((len(x), 3), np.float32)
        call(values.ctypes.data_as(ctypes.c_void_p), len(x), *(a.ctypes.data_as(ctypes.c_void_p) for a in (labels, y)))
        expected = model.predict([x])[0]
        if not numbers:
            assert np.all(model.classes_[labels if steps else labels[0]] == expected)
        elif steps:
            assert y.ravel()[: len(x)] == pytest.approx(expected, abs=1e-5)
        else:
            assert ((y[0] > 0.5) == expected).all()
        if kind == "chain":
            differs |= (stream_of(model, x, "predict") != expected).any()
    assert differs == (kind == "chain")


@cache
def with_more(what):
    """A model that reads more than channels, and its X."""
    rng = np.random.default_rng(0)
    X = [x[:, :3].copy() for x in data()[0]]
    for x in X:
        x[:, :2][rng.random((len(x), 2)) < 0.3] = np.nan
    X = Sequences.from_list(X)
    parameters = {"missing": "decay" if "decay" in what else "indicator", "categorical_features": (2,)}
    if "times" in what:
        X = X.with_times(np.cumsum(rng.exponential(5, size=len(X.values))))
    if "static" in what:
        X = with_static(X, {"age": rng.normal(50, 10, size=len(X)), "sex": np.array(["m", "f"] * (len(X) // 2), dtype=object)})
    model = LSTMClassifier(6, max_iter=8, cell="gru", num_layers=2, random_state=0, **parameters)
    return model.fit(X, data()[1]), X


@pytest.mark.parametrize("what", ["indicator times static", "decay static", "decay times"])
def test_missing_values_times_and_static_features(what, tmp_path):
    """Categories that are texts are numbers on the device."""
    model, X = with_more(what)
    path = tmp_path / "model.h"
    to_c(model, path)
    result = verify(path, model, X)
    assert result["deviation"] < 2e-6 and result["agreement"] == 1
    assert ("0 f,  1 m" in path.read_text()) == ("static" in what)
    other = tmp_path / "other.h"
    for dtype in INTEGERS:
        with pytest.raises(ValueError, match="float32"):
            to_c(model, other, dtype=dtype, X_calibration=X)
    assert not other.exists()


# ---- compilers ----

# Networks whose headers have every template between them, and few of them that have most.
FEW = [
    {"pooling": ("last", "mean", "max", "attention"), "initial_state": "learned"},
    {"hidden_size": 4, "num_layers": 2, "residual": True, "categorical_features": (2, 3), "embedding_dim": 1},
    {"categorical_features": (2,), "cell": "gru"},
    {"cell": "rnn", "activation": "relu"},
]
VARIED = FEW + [{"cell": cell, "activation": activation} for cell in CELLS for activation in ("tanh", "relu")]
CALLS = """\
int use(const float *x, float *y, int *labels, size_t n);
int use(const float *x, float *y, int *labels, size_t n)
{
    static @_state s;
    (void)labels;
    @_init(&s);
    @_step(&s, x);
    @_output(&s, y);
    return n > 0;
}
"""


def headers(folder, networks, kinds=()):
    """Headers of several networks in every dtype that they have, which include each other's files: their names differ."""
    models = [("classes", parameters) for parameters in networks] + [(kind, {}) for kind in kinds]
    for k, (kind, parameters) in enumerate(models):
        for dtype in DTYPES:
            if dtype != "float32" and parameters.get("cell") == "layernorm":
                continue
            name = f"m{k}_{dtype}"
            try:
                to_c(fitted(kind, **parameters), folder / f"{name}.h", name=name, dtype=dtype, X_calibration=data()[0])
            except ValueError as error:  # states of relu may be too large
                assert "bits cannot hold" in str(error) and parameters["activation"] == "relu"
                continue
            yield name


@pytest.fixture(scope="module")
def header_folder(tmp_path_factory):
    """A function that returns a folder with headers, few of them or all, and their names."""

    @cache
    def folder_of(how_many):
        folder = tmp_path_factory.mktemp("headers")
        networks, kinds = {"few": (FEW, ["labels", "steps"]), "all": (VARIED, Y)}[how_many]
        names = list(headers(folder, networks, kinds))
        to_c(with_more("decay times")[0], folder / "more_float32.h", name="more_float32")
        return folder, [*names, "more_float32"]

    return folder_of


@pytest.mark.parametrize(
    ("command", "how_many"),
    [
        ("gcc -std=c99 -O0", "few"),
        ("g++ -std=c++11 -fsyntax-only", "few"),
        ("clang -std=c99 -fsyntax-only", "few"),
        *(pytest.param(one, "all", marks=pytest.mark.slow) for one in ("gcc -std=c99 -O1", "g++ -std=c++11 -fsyntax-only")),
        pytest.param("clang++ -std=c++11 -fsyntax-only", "all", marks=pytest.mark.slow),
    ],
)
def test_compilers_find_nothing(command, how_many, header_folder, tmp_path):
    """Neither in one header nor in all of them together, with all names their own."""
    if not shutil.which(command.split()[0]):
        pytest.skip(f"needs {command.split()[0]}")
    folder, names = header_folder(how_many)
    text = "".join(f'#include "{name}.h"\n' for name in names)
    text += "".join(CALLS.replace("@", name).replace("use(", f"use_{name}(") for name in names)
    source = tmp_path / ("all.cpp" if "++" in command else "all.c")
    source.write_text(text)
    command_line = [*command.split(), *STRICT, "-I", folder, "-c", source, "-o", tmp_path / "all.o"]
    done = subprocess.run(command_line, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr[:3000]
    if command.startswith("gcc"):
        symbols = subprocess.run(["nm", "-u", tmp_path / "all.o"], capture_output=True, text=True, check=True).stdout.split()
        assert set(symbols) - {"U"} <= {"expf", "tanhf", "memcpy", "memset", "_GLOBAL_OFFSET_TABLE_"}


def test_every_name_begins_with_the_name(tmp_path):
    path, _ = written(fitted(categorical_features=(2, 3), pooling=("attention", "mean")), tmp_path, name="gesture", dtype="q15")
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    defined = re.findall(r"^#define (\w+)", text, flags=re.MULTILINE)
    defined += re.findall(r"^(?:static|typedef|\}).*?(\w+)(?:\[\d+\] =|\(|;)", text, flags=re.MULTILINE)
    assert len(defined) > 30
    assert all(re.match("gesture_|GESTURE_", name) for name in defined), defined


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_sanitizers_find_nothing(dtype, tmp_path):
    """With samples far outside of the range of calibration, and in float32 such that are no numbers."""
    rng = np.random.default_rng(0)
    for parameters in [*FEW[:-1], {"cell": "layernorm" if dtype == "float32" else "peephole"}, {"cell": "gru_reset_before"}]:
        model = fitted(**parameters)
        path, _ = written(model, tmp_path, dtype)
        x = rng.normal(size=(2000, 4)) * 10 ** rng.uniform(-3, 6, size=(2000, 1))
        values = x.astype(np.float32)
        values[::97, 0], values[::89, 1] = np.nan, np.inf
        text, name, *_ = read_header(path)
        command = [*compiler(), *SANITIZERS]
        run(text, name, read_model(model, dtype), values, np.array([0, len(x)]), str(path), each_step=True, command=command)


# ---- what cannot be exported ----


def refused(model, words, tmp_path, **options):
    path = tmp_path / "model.h"
    with pytest.raises((ValueError, TypeError, NotFittedError)) as caught:
        to_c(model, path, **options)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parameters", "dtype", "words"),
    [
        ({"bidirectional": True}, "float32", ["bidirectional=True", "to_onnx"]),
        ({"cell": "layernorm"}, "q15", ["layernorm", "float32"]),
        ({"proj_size": 3}, "int8", ["proj_size", "float32"]),
    ],
    ids=str,
)
def test_a_network_that_cannot_be_exported_is_refused(parameters, dtype, words, tmp_path):
    refused(fitted(**parameters), ["cannot be exported to C", *words], tmp_path, dtype=dtype, X_calibration=data()[0])


@pytest.mark.filterwarnings("ignore:alarm_rate")
def test_what_is_no_model_of_sequences_is_refused(tmp_path):
    X, _ = data()
    rows = np.array([x[:3] for x in X])
    refused(LSTMClassifier(), ["not fitted"], tmp_path)
    refused(make_pipeline(FunctionTransformer(), fitted()), ["Pipeline", "[-1]"], tmp_path)
    refused(LSTMSeq2Seq(4, max_iter=1).fit(["ab", "ba"], ["b", "a"]), ["LSTMSeq2Seq", "to_onnx"], tmp_path)
    refused(LSTMOutlierDetector(hidden_size=4, max_iter=1).fit(rows), ["LSTMOutlierDetector", "LSTMRegressor"], tmp_path)
    number = TransformedTargetRegressor(LSTMRegressor(2, max_iter=1), func=np.log, inverse_func=np.exp)
    refused(number.fit(rows, 1 + rows[:, 0, 0] ** 2), ["TransformedTargetRegressor", "its regressor_"], tmp_path)
    chosen = TunedThresholdClassifierCV(LSTMClassifier(2, max_iter=1), cv=2).fit(rows, np.arange(len(rows)) % 2)
    refused(chosen, ["TunedThresholdClassifierCV", "its estimator_"], tmp_path)
    refused("model", ["'model'"], tmp_path)
    refused(fitted(), ["dtype", "'float32'", "'q7'"], tmp_path, dtype="q7")
    refused(fitted(), ["X_calibration"], tmp_path, dtype="q15")
    refused(fitted(), ["2 channels"], tmp_path, dtype="q15", X_calibration=rows[:, :, :2])
    refused(fitted(), ["dtype", "'float32'", "array"], tmp_path, dtype=np.array(["q15"]))
    refused(GridSearchCV(LSTMClassifier(), {"alpha": [0]}), ["GridSearchCV", "best_estimator_"], tmp_path)
    refused(make_pipeline(LSTMClassifier()), ["Pipeline", "[-1]"], tmp_path)
    for name in ("", "1a", "a b", "int", "_a", "a__b", "a_", "modèle", None, "M", "myModel", "a" * 32):
        refused(fitted(), ["name must be an identifier"], tmp_path, name=name)


def test_sizes_are_those_that_every_compiler_makes(tmp_path):
    """What is on the stack is up to the compiler."""
    path, sizes = written(fitted(), tmp_path)
    assert sizes.keys() == {"weights", "tables", "state"}
    assert "stack" not in path.read_text()


def test_a_header_of_the_same_weights_that_do_something_else_is_refused(tmp_path):
    X, _ = data()
    model = fitted(categorical_features=(2, 3))
    path, _ = written(model, tmp_path)
    for change in ({"categories_": [values + 1 for values in model.categories_]}, {"residual": True}):
        other = copy(model)
        if "residual" in change:
            other._network_spec = model._network_spec | change
        else:
            vars(other).update(change)
        with pytest.raises(ValueError, match="of another model"):
            verify(path, other, X)
    sklstm.save(model, tmp_path / "model.npz")
    assert read_model(sklstm.load(tmp_path / "model.npz"), "float32").checksum == read_model(model, "float32").checksum


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path):
    model = fitted()
    for path in (tmp_path, tmp_path / "no folder" / "model.h"):
        with pytest.raises(OSError, match=re.escape(str(path))):
            to_c(model, path)
    with pytest.raises(TypeError, match="path-like"):
        to_c(model, 3)
    path = tmp_path / "model.h"
    path.write_text("as it was")
    with pytest.raises(ValueError, match="contains infinity"):
        to_c(model, path, dtype="q15", X_calibration=[np.where(x > 1, np.inf, x) for x in data()[0]])
    assert [file.name for file in tmp_path.iterdir()] == ["model.h"] and path.read_text() == "as it was"


def test_verify_says_what_is_wrong(tmp_path, monkeypatch):
    model, (X, _) = fitted(), data()
    path, _ = written(model, tmp_path)
    for other in (fitted("two"), fitted(max_iter=9)):  # the second with the same numbers of channels and outputs
        with pytest.raises(ValueError, match="of another model"):
            verify(path, other, X)
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "none.h", model, X)
    other = tmp_path / "other.h"
    other.write_text("#define MODEL_H\n")
    with pytest.raises(ValueError, match="no header that to_c wrote"):
        verify(other, model, X)
    other.write_text(path.read_text().replace("model_step", "model_stop"))
    with pytest.raises(RuntimeError, match=r"cannot compile.*other\.h"):
        verify(other, model, X)
    for command, words in {"false": "it ended with status 1", "true": "wrote no program.*CC"}.items():
        monkeypatch.setenv("CC", command)
        with pytest.raises(RuntimeError, match=words):
            verify(path, model, X)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(RuntimeError, match=r"needs a C compiler.*no-such-compiler"):
        verify(path, model, X)


def test_verify_notices_a_changed_weight(tmp_path):
    model, (X, _) = fitted(cell="gru"), data()
    path, _ = written(model, tmp_path)
    text, (first, *_) = path.read_text(), re.findall(r"model_r0\[\d+\] = \{\n    (\S+)f,", path.read_text())
    path.write_text(text.replace(f"    {first}f,", "    0.5f,", 1))
    assert verify(path, model, X)["deviation"] > 1e-4


# ---- the command line ----


def test_command_line(tmp_path, capsys):
    model, (X, _) = fitted(cell="gru"), data()
    saved, path, calibration = (str(tmp_path / name) for name in ("model.npz", "gesture.h", "X.npz"))
    sklstm.save(model, saved)
    np.savez(calibration, *X)
    assert main([saved, "--to", "c", path, "--name", "gesture", "--dtype", "int8", "--calibration", calibration]) == 0
    assert "weights" in capsys.readouterr().out
    assert "gesture_step" in Path(path).read_text()
    assert verify(path, model, X)["agreement"] > 0.9
    assert main([saved, "--to", "c", path, "--dtype", "q15"]) == 1
    assert "X_calibration" in capsys.readouterr().err
    command = [sys.executable, "-P", "-m", "sklstm.export", str(tmp_path / "none.npz"), "--to", "c", path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "none.npz" in done.stderr and "Traceback" not in done.stderr


def test_the_page_says_what_is_refused():
    page = (Path(__file__).parent.parent / "docs" / "devices.md").read_text()
    for limit in LIMITS:
        dtypes = ", ".join(f'"{dtype}"' for dtype in limit.dtypes) or "none"
        assert f"| `{limit.what}` | {dtypes} | {limit.reason} | {limit.instead} |" in page
