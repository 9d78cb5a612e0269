"""skl2onnx: pipelines, calibration, voting and searches around the estimators become models of ONNX, for any number of steps."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from clients.easy import MARKS, D, classifier, flattened, problem, regressor
from onnx import TensorProto
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklstm.export  # which registers the converters
from sklstm import LSTMOutlierDetector
from sklstm.export.onnx.skl2onnx import register_when_imported
from sklstm.preprocessing import PerStep, with_static

pytestmark = MARKS

X, LABELS, RISE = problem(60)
X = (3 + 2 * X).astype(np.float32)
CODES = np.arange(len(X)) % 3
few = {"max_iter": 3}


def exported(model, width=D, kind=FloatTensorType, flat=False, **options):
    """The model of ONNX, checked, and what runs it."""
    form = kind([None, width] if flat else [None, None, width])
    proto = to_onnx(model, initial_types=[("X", form)], **options)
    onnx.checker.check_model(proto, full_check=True)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # voting leaves a constant that nothing reads
    return proto, onnxruntime.InferenceSession(proto.SerializeToString(), settings, providers=["CPUExecutionProvider"])


def scaled(model, *steps):
    return make_pipeline(PerStep(make_pipeline(*steps) if steps else StandardScaler()), model)


COLUMNS = ColumnTransformer([("scaled", StandardScaler(), [1]), ("component", PCA(1), [0, 1])])
CLASSIFIERS = {
    "alone": lambda: classifier(**few),
    "pipeline": lambda: scaled(classifier(**few)),
    "several steps": lambda: make_pipeline(PerStep(StandardScaler()), PerStep(PCA(1)), classifier(**few)),
    "columns": lambda: scaled(classifier(**few), COLUMNS),
    "loops": lambda: scaled(classifier(cell="layernorm", bidirectional=True, **few)),
    "learned states": lambda: classifier(cell="peephole", initial_state="learned", pooling=("last", "attention"), **few),
    "calibrated": lambda: CalibratedClassifierCV(classifier(**few), cv=2),
    "calibrated pipeline": lambda: CalibratedClassifierCV(scaled(classifier(**few)), cv=2),
    "votes": lambda: VotingClassifier(
        [("a", classifier(**few)), ("b", classifier(cell="gru", **few))], voting="soft", flatten_transform=False
    ),
    "search": lambda: GridSearchCV(classifier(**few), {"hidden_size": [2, 3]}, cv=2),
}


@pytest.mark.parametrize("y", [LABELS, CODES], ids=["two texts", "three numbers"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_predict_the_same(name, y):
    model = CLASSIFIERS[name]().fit(X, y)
    _, session = exported(model, options={"zipmap": False})
    for rows in (X, X[:7, :4], X[:1, :1]):
        label, probabilities = session.run(["label", "probabilities"], {"X": rows})
        expected = model.predict_proba(rows)
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)
        clear = np.ptp(np.sort(expected, axis=1)[:, -2:], axis=1) > 1e-4
        np.testing.assert_array_equal(label[clear], model.predict(rows)[clear])


def test_isotonic_calibration_takes_the_nearest_threshold():
    """As docs/other_packages.md says; also around the classifiers of scikit-learn."""
    model = CalibratedClassifierCV(classifier(max_iter=20), method="isotonic", cv=2).fit(X, CODES > 0)
    rows, nearest = X[:, :4], 0
    for one in model.calibrated_classifiers_:
        (step,) = one.calibrators
        places = abs(one.estimator.predict_proba(rows)[:, 1:] - step.X_thresholds_).argmin(axis=1)
        nearest = nearest + step.y_thresholds_[places] / 2
    found = exported(model, options={"zipmap": False})[1].run(["probabilities"], {"X": rows})[0][:, 1]
    np.testing.assert_allclose(found, nearest, atol=1e-5)
    assert abs(found - model.predict_proba(rows)[:, 1]).max() > 1e-3


def test_the_example_of_the_page_runs():
    page = (Path(__file__).parent.parent.parent / "docs" / "onnx.md").read_text()
    code = re.findall(r"```py(?:thon)?\n(.*?)```", page, flags=re.DOTALL)
    assert "from skl2onnx" in code[-1]
    known = {}
    exec("\n".join(code), known)
    session = onnxruntime.InferenceSession(known["exported"].SerializeToString())
    rows = np.stack([x[:3] for x in known["X"]])
    expected = known["pipeline"].predict_proba(rows)
    np.testing.assert_allclose(session.run(["probabilities"], {"X": rows})[0], expected, atol=1e-5)


def test_missing_values_are_filled_in():
    holes = X.copy()
    holes[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    model = scaled(classifier(**few), SimpleImputer(), StandardScaler()).fit(holes, LABELS)
    _, session = exported(model, options={"zipmap": False})
    np.testing.assert_allclose(session.run(["probabilities"], {"X": holes})[0], model.predict_proba(holes), atol=1e-5)


@pytest.mark.parametrize("y", [RISE, np.stack([RISE, -RISE], axis=1)], ids=["one output", "two"])
def test_regressors_predict_the_same(y):
    model = scaled(regressor(**few)).fit(X, y)
    _, session = exported(model)
    (variable,) = session.run(["variable"], {"X": X[:7, :4]})
    assert variable.shape == (7, y.size // len(y))
    np.testing.assert_allclose(variable, model.predict(X[:7, :4]).reshape(7, -1), atol=1e-5)


def test_detectors_predict_the_same():
    model = scaled(LSTMOutlierDetector(4, max_iter=2, random_state=0)).fit(X)
    label, scores = exported(model)[1].run(["label", "scores"], {"X": X})
    np.testing.assert_allclose(scores, model.decision_function(X), atol=1e-5)
    np.testing.assert_array_equal(label, model.predict(X))


def test_predictions_of_steps_and_of_several_labels():
    steps, many = (X[:, :, 0] > 3).astype(int), (X[:, -1] > 3).astype(int)
    for kind, y in (({"return_sequences": True}, steps), ({}, many)):
        model = scaled(classifier(**few, **kind)).fit(X, y)
        _, session = exported(model)  # no dict of class to probability, although no option says so
        label, probabilities = session.run(["label", "probabilities"], {"X": X})
        np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)
        assert label.shape == y.shape and (label == model.predict(X)).mean() > 0.99


@pytest.mark.parametrize("y", [LABELS, CODES, LABELS == "falls"], ids=["texts", "numbers", "booleans"])
def test_probabilities_are_dicts_or_columns_on_demand(y):
    model = scaled(classifier(**few)).fit(X, y)
    expected, classes = model.predict_proba(X), model.classes_.tolist()
    labels, dicts = exported(model)[1].run(None, {"X": X})
    assert [type(label) for label in labels[:1].tolist()] == [type(classes[0]) if classes[0] != 0 else int]
    for row, one in zip(expected, dicts, strict=True):
        assert list(one) == classes
        np.testing.assert_allclose(list(one.values()), row, atol=1e-5)
    session = exported(model, options={id(model): {"zipmap": "columns"}})[1]
    columns = session.run(None, {"X": X})[1:]
    np.testing.assert_allclose(np.stack(columns, axis=1).reshape(expected.shape), expected, atol=1e-5)


def test_flattened_rows_and_double_precision():
    model = make_pipeline(PerStep(StandardScaler(), n_channels=D), classifier(n_channels=D, **few)).fit(flattened(X), LABELS)
    _, session = exported(model, flattened(X).shape[1], flat=True, options={"zipmap": False})
    np.testing.assert_allclose(
        session.run(["probabilities"], {"X": flattened(X)})[0], model.predict_proba(flattened(X)), atol=1e-5
    )
    model = scaled(classifier(**few)).fit(X.astype(float), LABELS)
    proto, session = exported(model, kind=DoubleTensorType, options={"zipmap": False})
    assert proto.graph.output[1].type.tensor_type.elem_type == TensorProto.DOUBLE
    np.testing.assert_allclose(
        session.run(["probabilities"], {"X": X.astype(float)})[0], model.predict_proba(X.astype(float)), atol=1e-5
    )


def test_what_it_cannot_pass_is_refused():
    table = with_static(list(X), {"age": np.arange(len(X))})
    model = classifier(**few).fit(table, LABELS)
    with pytest.raises(ValueError, match=r"this one reads static, too. Export it by sklstm.export.to_onnx"):
        exported(model)
    assert sklstm.export.to_onnx(model, lengths=False).graph.input[1].name == "static"
    with pytest.raises(ValueError, match="The option nocl is not available"):
        exported(classifier(**few).fit(X, LABELS), options={"nocl": True})


@pytest.mark.parametrize("first", ["sklstm.export", "skl2onnx"])
def test_the_order_of_imports_makes_no_difference(first):
    """Only what needs skl2onnx imports it."""
    second = ({"sklstm.export", "skl2onnx"} - {first}).pop()
    code = (
        f"import sys; import {first}; print('skl2onnx' in sys.modules); import {second};"
        "from skl2onnx import supported_converters; print('SklstmPerStep' in supported_converters())"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == [str(first == "skl2onnx"), "True"], done.stderr


def test_to_register_again_is_harmless():
    register_when_imported()
    register_when_imported()
    exported(classifier(**few).fit(X, LABELS))
