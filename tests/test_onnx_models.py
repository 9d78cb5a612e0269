"""Models of ONNX: their form, files, and what is refused."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMForecaster, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq
from sklstm.export import to_onnx
from sklstm.export.onnx import refusals

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::UserWarning")

from onnx_cases import draw, run  # noqa: E402 - it imports onnxruntime, which may be missing

TOLERANCE = 1e-5  # float32


# ---- the model ----


def small(cls=LSTMClassifier, **options):
    X = np.random.default_rng(0).normal(size=(20, 5, 2))
    return cls(3, max_iter=1, random_state=0, **options).fit(X, np.arange(20) % 2)


def pairs(**options):
    return LSTMSeq2Seq(3, max_iter=1, **options).fit(["ab", "ba"] * 10, ["b", "a"] * 10)


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
    model = LSTMClassifier((200, 100, 50), max_iter=1, random_state=0, **options).fit(X, np.arange(10) % 3)
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
    model = LSTMClassifier(3, max_iter=1, random_state=0).fit(X, y)
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


FLAGS = ("lengths", "streaming", "zipmap", "probabilities")


def test_what_cannot_be_exported_says_what_can(tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 5, 2))
    dates = np.resize(np.array(["2020-01-01", "2021-01-01"], "M8[D]"), 20)
    large = np.resize(np.array([2**63 + 5, 3], np.uint64), 20)
    cases = [
        (small(bidirectional=True), {"streaming": True}, ["bidirectional", "streaming=False"]),
        (small(pooling=("max", "attention")), {"streaming": True}, ["attention", "streaming=False"]),
        (small(cell="layernorm"), {"target_opset": 16}, ["layernorm", "17"]),
        (small(LSTMOutlierDetector, target="reconstruct"), {}, ["reconstruct", "target='next'"]),
        (pairs(), {"streaming": True}, ["streaming=False"]),
        (pairs(beam_width=4), {}, ["set_params(beam_width=1)"]),
        (small(), {"target_opset": 13}, ["from 14", "13"]),
        (small(), {"target_opset": 1000}, ["newest", "1000"]),
        (small(), {"target_opset": "17"}, ["int", "'17'"]),
        (small(padding=np.nan), {"lengths": False}, ["padding=nan", "lengths=True"]),
        (small(LSTMRegressor), {"zipmap": True}, ["zipmap=False"]),
        (small(), {"zipmap": True, "probabilities": False}, ["zipmap=False"]),
        (LSTMClassifier(3, max_iter=1, random_state=0).fit(X, dates), {}, ["datetime64", "Encode"]),
        (LSTMClassifier(3, max_iter=1, random_state=0).fit(X, large), {}, [str(2**63 + 5), "Encode"]),
        (GridSearchCV(LSTMClassifier(), {}), {}, ["got GridSearchCV", "refit=True", "best_estimator_"]),
        (GridSearchCV(make_pipeline(LSTMClassifier()), {}), {}, ["got GridSearchCV", "refit=True", "best_estimator_[-1]"]),
        (make_pipeline(LSTMClassifier()), {}, ["got Pipeline", "model[-1]"]),
        *[(small(), {name: bad}, [name, "bool"]) for name in FLAGS for bad in (None, "no", 0, np.ones(2))],
    ]
    for model, options, words in cases:
        with pytest.raises(ValueError) as caught:
            to_onnx(model, tmp_path / "model.onnx", **options)
        assert all(word in str(caught.value) for word in words), str(caught.value)
    with pytest.raises(NotFittedError):
        to_onnx(LSTMClassifier())
    with pytest.raises(ValueError, match="got StandardScaler"):
        to_onnx(StandardScaler().fit(X[0]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [None, "x", LSTMClassifier, Path("model.onnx"), onnx.ModelProto()], ids=repr)
def test_what_is_no_estimator_is_a_type_error(wrong):
    with pytest.raises(TypeError, match=r"to_onnx takes one of LSTMClassifier, .*Pass a fitted"):
        to_onnx(wrong)


def test_classes_up_to_the_largest_integer():
    y = np.resize(np.array([2**63 - 1, 3], np.uint64), 20)
    X = np.random.default_rng(0).normal(size=(20, 5, 2)).astype(np.float32)
    model = LSTMClassifier(3, max_iter=1, random_state=0).fit(X, y)
    found = run(to_onnx(model), {"X": X, "lengths": np.full(20, 5)})
    np.testing.assert_array_equal(found["label"].astype(np.uint64), model.predict(X))


def test_the_page_says_of_every_estimator_whether_it_is_exported():
    page = (Path(__file__).parent.parent / "docs" / "onnx.md").read_text()
    assert all(re.search(rf"^\|.*`{cls.__name__}`.* \| (?!no \|)", page, re.MULTILINE) for cls in refusals.EXPORTED)
    assert all(f"| `{name}` | no | no |" in page for name in refusals.OTHERS)


def test_an_old_onnx_is_refused(monkeypatch):
    model = small()
    monkeypatch.setattr(onnx, "__version__", "1.9.0")
    with pytest.raises(ImportError, match="pip install -U onnx"):
        to_onnx(model)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        to_onnx(model)
