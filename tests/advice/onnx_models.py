"""Advice of messages about models in ONNX."""

from unittest import mock

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMForecaster, LSTMOutlierDetector, LSTMSeq2Seq, Sequences
from sklstm.export import to_onnx
from sklstm.preprocessing import PerStep

from .case import STEPS, X, Y, case, classify, quick, regress, value

DATES = np.resize(np.array(["2020-01-01", "2021-01-01"], "M8[D]"), 6)
TEXTS = ["ab", "b", "aab", "ba", "bb", "a"]


def export(model=None, **options):
    return to_onnx(classify() if model is None else model, **options)


def with_categories(categories):
    codes = Sequences(np.resize([0.0, 1.0], (18, 1)), np.arange(0, 19, 3), categories={0: np.array(categories)})
    return classify(codes, categorical_features=[0])


def ctc(**params):
    return classify(X, ["a", "b"] * 3, loss="ctc", return_sequences=True, **params)


def translate(**params):
    return quick(LSTMSeq2Seq, params).fit(X, TEXTS)


def detect(**params):
    return quick(LSTMOutlierDetector, params).fit(np.random.default_rng(0).normal(size=(6, 30, 2)))


def on_version(version):
    import onnx

    with mock.patch.object(onnx, "__version__", version):
        export()


def with_little_room():
    from sklstm.export.onnx import to_onnx as converter

    with mock.patch.object(converter, "MOST_BYTES", 100):
        export()


def in_large_units(scale):
    model = regress(X, X[:, 0, 0] * scale)
    export(model)


def forecast():
    return quick(LSTMForecaster, {"horizon": 3, "n_estimators": 1, "n_splits": 1}).fit(np.sin(np.arange(40) / 3))


PIPELINE = make_pipeline(PerStep(StandardScaler()), LSTMClassifier(2, max_iter=1))


def search(model=None, **options):
    return GridSearchCV(LSTMClassifier(2, max_iter=1) if model is None else model, {}, cv=2, **options)


CASES = [
    case(
        lambda: export(search().fit(X, Y)),
        "Export its `(.*?)`",
        lambda code: export(getattr(search().fit(X, Y), code)),
    ),
    case(
        lambda: export(search()),
        "Fit it with (refit=True), and export its `(.*?)`",
        lambda code, name: export(getattr(search(**value(f"dict({code})")).fit(X, Y), name)),
    ),
    case(
        lambda: export(search(PIPELINE).fit(X, Y)),
        "Export its `(.*?)`",
        lambda code: export(eval(f"model.{code}", {"model": search(PIPELINE).fit(X, Y)})),
    ),
    case(lambda: export(3), "Pass a fitted estimator", lambda: export(classify())),
    case(lambda: export(LSTMClassifier), "Pass a fitted instance", lambda: export(classify())),
    case(
        lambda: export(forecast()),
        "Export its networks, `(.*?)`",
        lambda code: [export(model) for model in getattr(forecast(), code)],
    ),
    case(
        lambda: export(PIPELINE.fit(X, Y)),
        r"Export (model\[-1\]), which reads what the other steps make of X",
        lambda code: export(eval(code, {"model": make_pipeline(LSTMClassifier(2, max_iter=1)).fit(X, Y)})),
    ),
    case(lambda: on_version("1.9.0"), "Upgrade it: pip install -U onnx", lambda: on_version("1.20.0")),
    case(with_little_room, "Fit a smaller network", lambda: export()),
    case(lambda: in_large_units(1e60), "Bring the channels of X, or y, to other units", lambda: in_large_units(1.0)),
    case(
        lambda: export(detect(target="reconstruct")),
        "Fit with (target='next')",
        lambda code: export(detect(**value(f"dict({code})"))),
    ),
    case(
        lambda: export(classify(X, DATES)),
        "Encode them as texts or as integers",
        lambda: export(classify(X, DATES.astype(str))),
        lambda: export(classify(X, DATES.astype(int))),
    ),
    case(
        lambda: export(classify(X, np.where(Y, 2**63 + 5, 3).astype(np.uint64))),
        "Encode them as texts or as smaller integers",
        lambda: export(classify(X, np.where(Y, "9223372036854775813", "3"))),
        lambda: export(classify(X, np.where(Y, 5, 3))),
    ),
    case(
        lambda: export(with_categories(DATES[:2])),
        "Encode them as texts or as integers",
        lambda: export(with_categories(["a", "b"])),
        lambda: export(with_categories([3, 5])),
    ),
    case(
        lambda: export(classify(cell="layernorm"), target_opset=15),
        "Leave it at its default",
        lambda: export(classify(cell="layernorm")),
    ),
    case(
        lambda: export(classify(padding=0), lengths=False),
        "Set (lengths=True)",
        lambda code: export(classify(padding=0), **value(f"dict({code})")),
    ),
    case(
        lambda: export(classify(bidirectional=True), streaming=True),
        "Export it with streaming=False, or fit with (bidirectional=False)",
        lambda code: export(classify(bidirectional=True), streaming=False),
        lambda code: export(classify(**value(f"dict({code})")), streaming=True),
    ),
    case(
        lambda: export(classify(pooling="attention"), streaming=True),
        "Export it with streaming=False, or fit with pooling='last', 'mean' or 'max'",
        lambda: export(classify(pooling="attention"), streaming=False),
        *[lambda name=name: export(classify(pooling=name), streaming=True) for name in ("last", "mean", "max")],
    ),
    case(
        lambda: export(regress(), zipmap=True),
        "zipmap=True is for .*Set (zipmap=False)",
        lambda code: export(regress(), **value(f"dict({code})")),
    ),
    case(
        lambda: export(classify(X, Y > 0), zipmap=True),
        "texts or integers, got bool. Set (zipmap=False)",
        lambda code: export(classify(X, Y > 0), **value(f"dict({code})")),
    ),
    case(
        lambda: export(translate(beam_width=3)),
        r"Call (set_params\(beam_width=1\)) on the model",
        lambda code: export(eval(f"model.{code}", {"model": translate(beam_width=3)})),
    ),
    case(
        lambda: export(translate(), streaming=True),
        "Export it with streaming=False, or an LSTMClassifier or LSTMRegressor with return_sequences=True",
        lambda: export(translate(), streaming=False),
        lambda: export(classify(X, STEPS, return_sequences=True), streaming=True),
    ),
    case(
        lambda: export(ctc(beam_width=3)),
        r"Call (set_params\(beam_width=1\)) on the model, or search in its output probabilities",
        lambda code: export(eval(f"model.{code}", {"model": ctc(beam_width=3)})),
        lambda code: export(ctc(beam_width=1)),
    ),
    case(
        lambda: export(ctc(), streaming=True, probabilities=False),
        "Export it with (probabilities=True)",
        lambda code: export(ctc(), streaming=True, **value(f"dict({code})")),
    ),
]
