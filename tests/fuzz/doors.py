"""Every public function that takes something of the user's, by name: a function of one object, and what it may raise."""

import os
import tempfile

import numpy as np
from sklearn.preprocessing import StandardScaler

from sklstm import (
    LSTMClassifier,
    LSTMOutlierDetector,
    LSTMRegressor,
    LSTMSeq2Seq,
    Sequences,
    datasets,
    inspection,
    load,
    save,
)  # fmt: skip
from sklstm.preprocessing import PerStep, RelativeRegressor, SequenceTokenizer, make_windows

from .errors import REFUSALS
from .models import data, fitted, unfitted

KINDS = "lstm", "univariate", "per step", "categorical", "flat", "regressor"
ONES = np.ones(6)
CONSTRAINTS = ("sklearn.utils._param_validation",)  # they compare parameters and show them, which may raise
WRAPPERS = "PerStep", "RelativeRegressor"
AFTER = np.arange(6.0)
LAST = LSTMRegressor(2, max_iter=1, random_state=0)
LONG = {"id": [1, 1, 2], "t": [1, 2, 1], "v": [1.0, 2.0, 3.0]}


class Door:
    """One argument of one function.

    Attributes: `call`, a function of the object; `allowed`, types of exceptions; `model`, the recipe of the fitted model that a
    refused call must leave as it was (the first argument of `call`), or None; `others`, modules whose errors are the user's own.
    """

    def __init__(self, call, allowed=REFUSALS, model=None, others=()):
        self.call, self.allowed, self.model, self.others = call, allowed, model, others


def _inside(call):
    """The call in a folder of its own: some objects are names of files."""

    def door(*arguments):
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                return call(*arguments)
            finally:
                os.chdir(before)

    return door


def _of_models():
    for kind in KINDS:
        X, y = data(kind)
        for name, call in {
            "predict": lambda m, o: m.predict(o),
            "encode": lambda m, o: m.encode(o),
            "score X": lambda m, o, y=y: m.score(o, y),
            "score y": lambda m, o, X=X: m.score(X, o),
            "score sample_weight": lambda m, o, X=X, y=y: m.score(X, y, o),
            "partial_fit X": lambda m, o, y=y: m.partial_fit(o, y),
            "partial_fit y": lambda m, o, X=X: m.partial_fit(X, o),
            "partial_fit sample_weight": lambda m, o, X=X, y=y: m.partial_fit(X, y, sample_weight=o),
            "fit X": lambda m, o, y=y: m.fit(o, y),
            "fit y": lambda m, o, X=X: m.fit(X, o),
            "fit sample_weight": lambda m, o, X=X, y=y: m.fit(X, y, o),
            "fit X_val": lambda m, o, X=X, y=y: m.fit(X, y, X_val=o, y_val=y),
            "fit y_val": lambda m, o, X=X, y=y: m.fit(X, y, X_val=X, y_val=o),
            "fit sample_weight_val": lambda m, o, X=X, y=y: m.fit(X, y, X_val=X, y_val=y, sample_weight_val=o),
            "warm_start X": lambda m, o, y=y: m.set_params(warm_start=True).fit(o, y),
        }.items():
            yield f"{kind}: {name}", Door(call, model=kind)
    yield "lstm: predict_proba", Door(lambda m, o: m.predict_proba(o), model="lstm")
    yield "per step: predict_log_proba", Door(lambda m, o: m.predict_log_proba(o), model="per step")
    yield "attention: attention", Door(lambda m, o: m.attention(o), model="attention")
    X, y = data("lstm")
    yield "partial_fit classes", Door(lambda o: unfitted("lstm").partial_fit(X, y, classes=o))
    parameters = LSTMClassifier().get_params() | LSTMRegressor(loss="quantile").get_params()
    of_regressor = parameters.keys() - LSTMClassifier().get_params().keys()
    for name in parameters:
        kind = "regressor" if name in of_regressor else "lstm"
        if name not in ("verbose", "n_jobs", "max_iter"):
            yield (
                f"parameter {name}",
                Door(
                    _inside(lambda o, name=name, kind=kind: unfitted(kind, **{name: o}).fit(*data(kind))),
                    (*REFUSALS, OSError) if name == "checkpoint" else REFUSALS,
                ),
            )


def _of_outputs():
    texts, numbers = ["ab", "b", "aab", "ba", "bb", "a"], [np.arange(2.0) + i for i in range(6)]
    X, own = data("lstm")[0], {"hidden_size": 2, "max_iter": 1, "random_state": 0}
    for kind, source, y in (("texts", texts, texts), ("tokens", X, list(map(list, texts))), ("numbers", X, numbers)):

        def model(source=source, y=y):
            return LSTMSeq2Seq(**own).fit(source, y)

        fitted_one = model()
        doors = {
            "fit X": lambda o, y=y: LSTMSeq2Seq(**own).fit(o, y),
            "fit y": lambda o, source=source: LSTMSeq2Seq(**own).fit(source, o),
            "fit sample_weight": lambda o, source=source, y=y: LSTMSeq2Seq(**own).fit(source, y, o),
            "fit y_val": lambda o, source=source, y=y: LSTMSeq2Seq(**own).fit(source, y, X_val=source, y_val=o),
            "partial_fit y": lambda o, model=model, source=source: model().partial_fit(source, o),
            "partial_fit classes": lambda o, source=source, y=y: LSTMSeq2Seq(**own).partial_fit(source, y, classes=o),
            "predict": fitted_one.predict,
            "predict n_best": lambda o, model=fitted_one, source=source: model.predict(source, n_best=o),
            "predict n_steps": lambda o, model=fitted_one, source=source: model.predict(source, n_steps=o),
            "score X": lambda o, model=fitted_one, y=y: model.score(o, y),
            "score y": lambda o, model=fitted_one, source=source: model.score(source, o),
            "score sample_weight": lambda o, model=fitted_one, source=source, y=y: model.score(source, y, o),
            "attention_weights y": lambda o, model=fitted_one, source=source: model.attention_weights(source, o),
        }
        if kind != "numbers":
            doors["log_likelihood y"] = lambda o, model=fitted_one, source=source: model.log_likelihood(source, o)
        yield from ((f"{kind}: outputs {name}", Door(call)) for name, call in doors.items())
    parameters = LSTMSeq2Seq().get_params().keys() - LSTMClassifier().get_params().keys()
    for name in sorted(parameters):
        yield f"outputs {name}", Door(lambda o, name=name: LSTMSeq2Seq(**own | {name: o}).fit(texts, texts))


def _of_detectors():
    own, X = {"hidden_size": 2, "max_iter": 1, "random_state": 0}, [np.sin(np.arange(9.0) + i)[:, np.newaxis] for i in range(4)]

    def model():
        return LSTMOutlierDetector(**own).fit(X)

    def begun():
        stream = fitted_one.stream()
        stream.step([0.0])
        return stream

    fitted_one = model()
    doors = {
        "fit X": lambda o: LSTMOutlierDetector(**own).fit(o),
        "fit sample_weight": lambda o: LSTMOutlierDetector(**own).fit(X, sample_weight=o),
        "fit X_val": lambda o: LSTMOutlierDetector(**own).fit(X, X_val=o),
        "fit groups": lambda o: LSTMOutlierDetector(**own).fit(X * 3, groups=o),
        "predict": fitted_one.predict,
        "score_steps": fitted_one.score_steps,
        "score": fitted_one.score,
        "set_threshold X": lambda o: model().set_threshold(o),
        "set_threshold contamination": lambda o: model().set_threshold(contamination=o),
        "set_threshold alarm_rate": lambda o: model().set_threshold(alarm_rate=o),
        "stream step": lambda o: begun().step(o),
        "stream state": lambda o: setattr(begun(), "state", o),
        "stream detector.predictions": lambda o: setattr(begun(), "state", begun().state | {"detector.predictions": o}),
        "stream detector.smoothed": lambda o: setattr(begun(), "state", begun().state | {"detector.smoothed": o}),
    }
    yield from ((f"detectors: {name}", Door(call)) for name, call in doors.items())
    for name in sorted(LSTMOutlierDetector().get_params().keys() - LSTMClassifier().get_params().keys()):
        yield f"detectors: parameter {name}", Door(lambda o, name=name: LSTMOutlierDetector(**own | {name: o}).fit(X))


def _of_streams():
    for kind in ("lstm", "univariate", "float32", "categorical", "layernorm", "mean"):

        def begun(kind=kind):
            stream = fitted(kind).stream("predict_proba")
            stream.step(data(kind)[0][0][0])
            return stream

        yield f"{kind}: stream first step", Door(lambda o, kind=kind: fitted(kind).stream().step(o))
        yield f"{kind}: stream step", Door(lambda o, begun=begun: begun().step(o))
        yield f"{kind}: stream state", Door(lambda o, begun=begun: setattr(begun(), "state", o))
        for part in ("n_steps", "layer_0.h"):
            yield (
                f"{kind}: stream {part}",
                Door(lambda o, begun=begun, part=part: (lambda s: setattr(s, "state", s.state | {part: o}))(begun())),
            )
    yield "stream reset", Door(lambda o: begun().reset(o))
    yield "stream response_method", Door(lambda o: fitted("lstm").stream(o))


def _of_sequences():
    values, offsets = np.zeros((6, 2)), [0, 2, 6]
    index = (*REFUSALS, IndexError)
    X = Sequences(values, offsets, ids=["a", "b"])
    doors = {
        "Sequences values": lambda o: Sequences(o, offsets),
        "Sequences offsets": lambda o: Sequences(values, o),
        "Sequences ids": lambda o: Sequences(values, offsets, ids=o),
        "Sequences channel_names": lambda o: Sequences(values, offsets, channel_names=o),
        "Sequences categories": lambda o: Sequences(values, offsets, categories=o),
        "Sequences categories of one": lambda o: Sequences(values, offsets, categories={0: o}),
        "from_list": Sequences.from_list,
        "from_list item": lambda o: Sequences.from_list([np.zeros((2, 2)), o]),
        "from_padded X": lambda o: Sequences.from_padded(o, padding=0),
        "from_padded padding": lambda o: Sequences.from_padded(np.ones((6, 4, 2)), padding=o),
        "from_padded lengths": lambda o: Sequences.from_padded(np.ones((6, 4, 2)), lengths=o),
        "from_long frame": lambda o: Sequences.from_long(o, id="a"),
        "from_long id": lambda o: Sequences.from_long(LONG, id=o),
        "from_long time": lambda o: Sequences.from_long(LONG, id="id", time=o),
        "from_long columns": lambda o: Sequences.from_long(LONG, id="id", columns=o),
        "from_long freq": lambda o: Sequences.from_long(LONG, id="id", time="t", freq=o),
        **{
            f"from_long column {name}": lambda o, name=name: Sequences.from_long(LONG | {name: o}, id="id", time="t")
            for name in LONG
        },
        "from_arrow": Sequences.from_arrow,
        "to_padded": X.to_padded,
        "with_values": X.with_values,
    }
    yield from ((name, Door(call)) for name, call in doors.items())
    yield "Sequences index", Door(lambda o: X[o], index)


def _of_preprocessing():
    X = data("lstm")[0]
    tokens = SequenceTokenizer().fit(["a b", "c"])
    relative = RelativeRegressor(LAST, target=0).fit(X, AFTER)
    doors = {
        "PerStep fit": lambda o: PerStep(StandardScaler()).fit(o),
        "PerStep transform": lambda o: PerStep(StandardScaler()).fit(X).transform(o),
        "PerStep inverse_transform": lambda o: PerStep(StandardScaler()).fit(X).inverse_transform(o),
        "PerStep transformer": lambda o: PerStep(o).fit(X),
        "SequenceTokenizer fit": lambda o: SequenceTokenizer().fit(o),
        "SequenceTokenizer vectorizer": lambda o: SequenceTokenizer(o).fit(["a b", "c"]),
        "SequenceTokenizer transform": lambda o: tokens.transform(o),
        "SequenceTokenizer inverse_transform": lambda o: tokens.inverse_transform(o),
        "make_windows series": lambda o: make_windows(o, window=1),
        "make_windows window": lambda o: make_windows(np.arange(9.0), window=o),
        "make_windows horizon": lambda o: make_windows(np.arange(9.0), window=2, horizon=o),
        "make_windows stride": lambda o: make_windows(np.arange(9.0), window=2, stride=o),
        "make_windows target": lambda o: make_windows(np.zeros((9, 2)), window=2, target=o),
        "make_windows known_future": lambda o: make_windows(np.zeros((9, 2)), window=2, known_future=o),
        "make_windows groups": lambda o: make_windows(np.zeros((6, 2)), window=1, groups=o),
        "make_windows on_short": lambda o: make_windows(np.zeros((6, 2)), window=1, on_short=o),
        "make_windows relative": lambda o: make_windows(np.zeros((6, 2)), window=1, relative=o),
        "make_windows n_blocks": lambda o: make_windows(np.zeros((6, 2)), window=1, n_blocks=o),
        "RelativeRegressor regressor": lambda o: RelativeRegressor(o, target=0).fit(X, AFTER),
        "RelativeRegressor target": lambda o: RelativeRegressor(LAST, target=o).fit(X, AFTER),
        "RelativeRegressor channels": lambda o: RelativeRegressor(LAST, target=0, channels=o).fit(X, AFTER),
        "RelativeRegressor fit X": lambda o: RelativeRegressor(LAST, target=0).fit(o, AFTER),
        "RelativeRegressor fit y": lambda o: RelativeRegressor(LAST, target=0).fit(X, o),
        "RelativeRegressor fit X_val": lambda o: RelativeRegressor(LAST, target=0).fit(X, AFTER, X_val=o, y_val=AFTER),
        "RelativeRegressor predict": lambda o: relative.predict(o),
        "RelativeRegressor score y": lambda o: relative.score(X, o),
        "RelativeRegressor score sample_weight": lambda o: relative.score(X, AFTER, o),
    }
    for name, call in doors.items():
        yield name, Door(call, others=("sklearn.",) if name.split()[0] in WRAPPERS else CONSTRAINTS)  # what is inside says


def _of_files():
    allowed = (*REFUSALS, OSError)
    yield "save estimator", Door(_inside(lambda o: save(o, "model")), allowed)
    yield "save path", Door(_inside(lambda o: save(fitted("lstm"), o)), allowed)
    yield "load", Door(_inside(load), allowed)


def _of_inspection():
    X, y = data("lstm")
    model, attention = fitted("lstm"), fitted("attention")
    doors = {
        "attention_weights X": lambda o: inspection.attention_weights(attention, o),
        "attention_weights estimator": lambda o: inspection.attention_weights(o, X),
        "gate_activations X": lambda o: inspection.gate_activations(model, o),
        "gate_activations layer": lambda o: inspection.gate_activations(model, X, layer=o),
        "gate_activations direction": lambda o: inspection.gate_activations(model, X, direction=o),
        "integrated_gradients X": lambda o: inspection.integrated_gradients(model, o),
        "integrated_gradients baseline": lambda o: inspection.integrated_gradients(model, X, baseline=o),
        "integrated_gradients target": lambda o: inspection.integrated_gradients(model, X, target=o),
        "integrated_gradients step": lambda o: inspection.integrated_gradients(model, X, step=o),
        "step_importance X": lambda o: inspection.step_importance(model, o, y, n_repeats=1),
        "step_importance y": lambda o: inspection.step_importance(model, X, o, n_repeats=1),
        "step_importance steps": lambda o: inspection.step_importance(model, X, y, steps=o, n_repeats=1),
        "step_importance channels": lambda o: inspection.step_importance(model, X, y, channels=o, n_repeats=1),
        "step_importance scoring": lambda o: inspection.step_importance(model, X, y, scoring=o, n_repeats=1),
        "step_importance sample_weight": lambda o: inspection.step_importance(model, X, y, sample_weight=o, n_repeats=1),
        "training_curves": inspection.training_curves,
    }
    for name, call in doors.items():
        yield name, Door(call, others=("sklearn.",) if name.endswith("scoring") else CONSTRAINTS)


def _of_datasets():
    arguments = {
        datasets.make_adding_problem: {"n_steps": 6, "ragged": False},
        datasets.make_copy_memory: {"lag": 3, "n_copy": 2, "n_symbols": 3, "masked": True},
        datasets.make_temporal_order: {"n_steps": 20, "n_bits": 2, "encode": "onehot"},
        datasets.make_embedded_reber: {"targets": "symbol", "encode": "onehot"},
        datasets.make_sine_mixture: {
            "n_steps": 5,
            "n_channels": 1,
            "n_classes": 2,
            "n_components": 1,
            "noise": 0.1,
            "targets": "class",
        },
    }
    for make, others in arguments.items():
        for name in ("n_samples", *others, "random_state"):
            yield (
                f"{make.__name__} {name}",
                Door(lambda o, make=make, a={"n_samples": 4} | others, name=name: make(**a | {name: o})),
            )
    seasonal = {"n_steps": 40, "period": 4, "n_harmonics": 1, "trend": 0.1, "noise": 0.1, "window": None, "horizon": 1}
    for name in seasonal:
        yield f"make_seasonal {name}", Door(lambda o, name=name: datasets.make_seasonal(**seasonal | {name: o}))
    anomalies = {
        "n_series": 2,
        "n_steps": 60,
        "n_channels": 2,
        "kind": "ar",
        "anomalies": "all",
        "rate": 0.1,
        "size": 3.0,
        "duration": 10,
        "period": 10,
        "noise": 0.1,
        "correlation": 0.5,
        "missing": "last",
        "clean_fraction": 0.5,
        "targets": "steps",
        "random_state": 0,
    }
    for name in anomalies:
        yield f"make_anomalies {name}", Door(lambda o, name=name: datasets.make_anomalies(**anomalies | {name: o}))
    yield "reber_legal_next", Door(datasets.reber_legal_next)


DOORS = {
    name: door
    for doors in (
        _of_models, _of_outputs, _of_detectors, _of_streams, _of_sequences, _of_preprocessing, _of_files, _of_inspection,
        _of_datasets,
    )
    for name, door in doors()
}
