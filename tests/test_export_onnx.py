"""Models of ONNX: ONNX Runtime computes what Python does, for all that a model can be."""

import io
from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMForecaster, LSTMRegressor, Sequences
from sklstm.export import onnx_recurrent, onnx_steps, to_onnx

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx_cases import TYPES, deviation, draw, draw_X, feeds, run, session, typed, with_noise  # noqa: E402
from onnxruntime.capi.onnxruntime_pybind11_state import Fail  # noqa: E402

TOLERANCE = 1e-5  # float32


@pytest.mark.parametrize("seed", [*range(25), *(pytest.param(k, marks=pytest.mark.slow) for k in range(25, 500))])
def test_equals_predictions(seed):
    model, X = draw(seed)
    exported = to_onnx(model)
    onnx.checker.check_model(exported, full_check=True)
    difference, wrong = deviation(model, X, run(exported, feeds(X)))
    assert difference < TOLERANCE and not wrong


# ---- sequences ----


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_sequence_alone_is_what_it_is_among_others(bidirectional):
    rng = np.random.default_rng(0)
    X, options = draw_X(rng, 200, categories="texts", times="beside", static="numbers", missing=True, longest=20)
    options |= {"pooling": ("last", "mean", "max", "attention"), "missing": "decay", "bidirectional": bidirectional}
    model = with_noise(LSTMClassifier(5, max_iter=1, **options).fit(X, np.arange(200) % 3), rng)
    own = session(to_onnx(model))
    together, others = (own.run(["probabilities"], typed(own, feeds(X, fill)))[0] for fill in (np.nan, 3.0))
    np.testing.assert_array_equal(together, others)  # padding is not read
    alone = [own.run(["probabilities"], typed(own, feeds(X[[k]])))[0][0] for k in range(200)]
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)


def test_without_lengths_all_steps_are_read(rng):
    X = rng.normal(size=(20, 6, 2)).astype(np.float32)
    model = with_noise(LSTMRegressor(4, pooling=("mean", "attention"), max_iter=1).fit(X, X[:, 0, 0]), rng)
    own = session(to_onnx(model, lengths=False))
    assert [i.name for i in own.get_inputs()] == ["X"]
    np.testing.assert_allclose(own.run(None, {"X": X})[0][:, 0], model.predict(X), rtol=0, atol=TOLERANCE)


# ---- step by step ----

STREAMS = {
    "plain": {},
    "pooled": {"pooling": ("max", "last", "mean"), "cell": "gru", "initial_state": "learned"},
    "normalised": {"cell": "layernorm", "hidden_size": (4, 3), "pooling": "mean", "initial_state": "learned"},
    "missing": {"missing": "decay", "residual": True, "hidden_size": (4, 4), "cell": "peephole", "pooling": "last"},
    "chain": {"return_sequences": True, "missing": "indicator", "structure": "crf", "cell": "coupled"},
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("static", ["none", "numbers"])
def test_the_graph_of_a_step_equals_a_stream(name, static):
    rng, options, n_steps = np.random.default_rng(0), STREAMS[name], 1000 if static == "none" else 20
    has_missing = "missing" in options
    times = "beside" if static == "none" else "none"
    X, of_X = draw_X(rng, 30, missing=has_missing, categories="codes", times=times, static=static)
    y = rng.integers(3, size=30)
    if "return_sequences" in options:
        y = [np.resize(codes, length) for codes, length in zip(y, X.lengths, strict=True)]
    model = LSTMClassifier(max_iter=1, **{"hidden_size": 4} | of_X | options).fit(X, y)
    model = with_noise(model, rng)
    row = None if static == "none" else X[:2].static
    stream, own = model.stream("predict_proba", static=row), session(to_onnx(model, streaming=True))
    outputs = [output.name for output in own.get_outputs()]
    state = {i.name: np.zeros([2, *i.shape[1:]], TYPES[i.type]) for i in own.get_inputs() if i.name.startswith("state_in_")}
    x = rng.choice(X.values[:, : X.n_channels], size=(n_steps, 2))
    clock = np.cumsum(rng.exponential(size=(n_steps, 2)), axis=0)
    for t in range(n_steps):
        expected = stream.step(x[t], **{"time": clock[t]} if times == "beside" else {})
        given = {"X": x[t], "time": clock[t], "static": row}
        found = dict(zip(outputs, own.run(None, typed(own, given | state)), strict=True))
        np.testing.assert_allclose(found["probabilities"], expected, rtol=0, atol=1e-4)
        state = {name: found[name.replace("in", "out", 1)] for name in state}


# ---- what must not go unnoticed ----


def mutant(monkeypatch, name):
    """An exporter with a mistake."""
    operator = onnx_recurrent.OPERATORS["gru"]
    if name == "reset gate":
        monkeypatch.setitem(onnx_recurrent.OPERATORS, "gru", replace(operator, attributes={"linear_before_reset": 0}))
    elif name == "layout":
        monkeypatch.setitem(onnx_recurrent.OPERATORS, "gru", replace(operator, attributes=operator.attributes | {"layout": 1}))
    elif name == "sequences and steps":
        monkeypatch.setattr(onnx_steps.Steps, "enter", lambda steps, tensor, n_axes: tensor)
    elif name == "no mask":
        monkeypatch.setattr(onnx_steps.Steps, "masked", lambda steps, tensor, value: tensor)


MUTANTS = ["reset gate", "layout", "sequences and steps", "no mask"]


@pytest.mark.parametrize("name", ["none", *MUTANTS])
def test_mistakes_of_an_exporter_show(name, monkeypatch):
    rng = np.random.default_rng(0)
    X = Sequences.from_list([rng.normal(size=(length, 3)) for length in range(1, 9)])  # as many as the longest has steps
    model = LSTMClassifier(4, cell="gru", pooling=("attention", "max"), max_iter=1).fit(X, np.arange(8) % 2)
    model = with_noise(model, rng, 1.0)
    mutant(monkeypatch, name)
    try:
        difference, _ = deviation(model, X, run(to_onnx(model), feeds(X, 3.0)))
    except Fail:  # ONNX Runtime takes layout=0 only
        difference = np.inf
    assert (difference > 1e-3) == (name != "none")


# ---- the model ----


def small(cls=LSTMClassifier, **options):
    X = np.random.default_rng(0).normal(size=(20, 5, 2))
    return cls(3, max_iter=1, **options).fit(X, np.arange(20) % 2)


@pytest.mark.parametrize("opset", [14, 17, 18, 21])
@pytest.mark.parametrize("options", [{"pooling": ("max", "attention")}, {"missing": "decay", "bidirectional": True}])
def test_any_opset_from_14_on(opset, options):
    model = small(**options)
    exported = to_onnx(model, target_opset=opset)
    onnx.checker.check_model(exported, full_check=True)
    assert exported.ir_version == (8 if opset < 19 else 10)
    X = np.random.default_rng(1).normal(size=(4, 3, 2)).astype(np.float32)
    found = run(exported, {"X": X, "lengths": np.full(4, 3)})
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(8))
def test_shape_inference_knows_every_output(seed):
    model, _ = draw(seed)
    exported = to_onnx(model)
    said = [[d.dim_value or d.dim_param for d in o.type.tensor_type.shape.dim] for o in exported.graph.output]
    for output in exported.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(exported, check_type=True, strict_mode=True, data_prop=True)
    for output, shape in zip(inferred.graph.output, said, strict=True):
        found = output.type.tensor_type.shape.dim
        assert len(found) == len(shape)
        assert all(d.dim_value == n for d, n in zip(found, shape, strict=True) if d.dim_value)


@pytest.mark.parametrize("cell", ["lstm", "coupled", "layernorm", "gru"])
def test_a_file_is_as_small_as_its_weights(cell):
    X = np.random.default_rng(0).normal(size=(10, 4, 3))
    options = {"bidirectional": True, "missing": "decay", "pooling": ("last", "max", "attention"), "cell": cell}
    model = LSTMClassifier((200, 100, 50), max_iter=1, **options).fit(X, np.arange(10) % 3)
    assert len(to_onnx(model).SerializeToString()) <= 4 * len(model._theta) + 10_000


def test_names_are_those_of_the_converters_of_scikit_learn():
    exported = to_onnx(small())
    assert [i.name for i in exported.graph.input] == ["X", "lengths"]
    assert [o.name for o in exported.graph.output] == ["label", "probabilities"]
    assert [o.name for o in to_onnx(small(), probabilities=False).graph.output] == ["label"]
    assert [o.name for o in to_onnx(small(LSTMRegressor)).graph.output] == ["variable"]
    known = {prop.key: prop.value for prop in exported.metadata_props}
    assert known["estimator"] == "LSTMClassifier" and known["classes"] == "[0, 1]" and known["cell"] == "lstm"


@pytest.mark.parametrize("y", [["no", "yes"] * 10, np.arange(20) % 3])
def test_probabilities_as_dicts(y):
    X = np.random.default_rng(0).normal(size=(20, 5, 2)).astype(np.float32)
    model = LSTMClassifier(3, max_iter=1).fit(X, y)
    found = run(to_onnx(model, zipmap=True), {"X": X, "lengths": np.full(20, 5)})
    assert [list(one) for one in found["probabilities"]] == [model.classes_.tolist()] * 20
    values = [list(one.values()) for one in found["probabilities"]]
    np.testing.assert_allclose(values, model.predict_proba(X), rtol=0, atol=TOLERANCE)


# ---- files and refusals ----


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    model, path = small(), tmp_path / "model.onnx"
    exported = to_onnx(model, path)
    assert onnx.load(path) == exported and list(tmp_path.iterdir()) == [path]
    file = io.BytesIO()
    to_onnx(model, file)
    assert file.getvalue() == path.read_bytes()
    with pytest.raises(OSError):
        to_onnx(model, tmp_path / "nowhere" / "model.onnx")
    path.write_bytes(b"before")
    for bad in (LSTMClassifier(), LSTMForecaster(), small(bidirectional=True)):
        with pytest.raises(ValueError):
            to_onnx(bad, path, streaming=True)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_exported_says_what_can(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 5, 2))
    dates = np.resize(np.array(["2020-01-01", "2021-01-01"], "M8[D]"), 20)
    cases = [
        (small(bidirectional=True), {"streaming": True}, ["bidirectional", "streaming=False"]),
        (small(pooling=("max", "attention")), {"streaming": True}, ["attention", "streaming=False"]),
        (small(cell="layernorm"), {"target_opset": 16}, ["layernorm", "17"]),
        (small(), {"target_opset": 13}, ["from 14", "13"]),
        (small(), {"target_opset": 1000}, ["newest", "1000"]),
        (small(), {"target_opset": "17"}, ["int", "'17'"]),
        (small(padding=np.nan), {"lengths": False}, ["padding=nan", "lengths=True"]),
        (small(LSTMRegressor), {"zipmap": True}, ["zipmap=False"]),
        (small(), {"zipmap": True, "probabilities": False}, ["zipmap=False"]),
        (LSTMClassifier(3, max_iter=1).fit(X, dates), {}, ["datetime64", "Encode"]),
    ]
    for model, options, words in cases:
        with pytest.raises(ValueError) as caught:
            to_onnx(model, tmp_path / "model.onnx", **options)
        assert all(word in str(caught.value) for word in words), str(caught.value)
    with pytest.raises(NotFittedError):
        to_onnx(LSTMClassifier())
    with pytest.raises(TypeError, match="got StandardScaler"):
        to_onnx(StandardScaler().fit(X[0]))
    with pytest.raises(ValueError, match="only its last step"):
        to_onnx(make_pipeline(small()))
    assert not list(tmp_path.iterdir())


def test_an_old_onnx_is_refused(monkeypatch):
    model = small()
    monkeypatch.setattr(onnx, "__version__", "1.9.0")
    with pytest.raises(ImportError, match="pip install -U onnx"):
        to_onnx(model)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        to_onnx(model)
