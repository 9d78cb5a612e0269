"""Models of ONNX: ONNX Runtime computes what Python does, for all that a model can be."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklstm import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq, Sequences
from sklstm.export import to_onnx
from sklstm.export.onnx import recurrent, steps
from sklstm.network import pooling_names

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::UserWarning")

from onnx_cases import (  # noqa: E402 - what these import may be missing, which the lines before ask
    WORDS,
    Stepper,
    deviation,
    draw,
    draw_X,
    feeds,
    padded,
    run,
    session,
    typed,
    with_noise,
)
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument  # noqa: E402 - likewise

TOLERANCE = 1e-5  # float32


@pytest.mark.parametrize("seed", [*range(25), *(pytest.param(k, marks=pytest.mark.slow) for k in range(25, 500))])
def test_equals_predictions(seed):
    model, X = draw(seed)
    for lengths in (True, False) if len(set(X.lengths)) == 1 else (True,):
        exported = to_onnx(model, lengths=lengths)
        onnx.checker.check_model(exported, full_check=True)
        difference, wrong = deviation(model, X, run(exported, feeds(X)))
        assert difference < TOLERANCE and not wrong


# ---- sequences ----


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_sequence_alone_is_what_it_is_among_others(bidirectional):
    rng = np.random.default_rng(0)
    X, options = draw_X(rng, 200, categories="texts", times="beside", static="numbers", missing=True, longest=20)
    options |= {"pooling": ("last", "mean", "max", "attention"), "missing": "decay", "bidirectional": bidirectional}
    model = with_noise(LSTMClassifier(5, max_iter=1, random_state=0, **options).fit(X, np.arange(200) % 3), rng)
    own = session(to_onnx(model))
    together, others = (own.run(["probabilities"], typed(own, feeds(X, fill)))[0] for fill in (np.nan, 3.0))
    np.testing.assert_array_equal(together, others)  # padding is not read
    alone = [own.run(["probabilities"], typed(own, feeds(X[[k]])))[0][0] for k in range(200)]
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)


def test_the_end_of_a_sequence_takes_no_pass_over_its_steps(rng):
    X = rng.normal(size=(20, 6, 2))
    model = LSTMRegressor(4, pooling="last", max_iter=1, random_state=0).fit(X, X[:, 0, 0])
    assert "ReduceSum" not in {node.op_type for node in to_onnx(model).graph.node}


def test_without_lengths_all_steps_are_read(rng):
    X = rng.normal(size=(20, 6, 2)).astype(np.float32)
    model = with_noise(LSTMRegressor(4, pooling=("mean", "attention"), max_iter=1, random_state=0).fit(X, X[:, 0, 0]), rng)
    own = session(to_onnx(model, lengths=False))
    assert [i.name for i in own.get_inputs()] == ["X"]
    np.testing.assert_allclose(own.run(None, {"X": X})[0][:, 0], model.predict(X), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("options", [{}, {"cell": "gru"}, {"cell": "layernorm"}, {"proj_size": 2, "missing": "decay"}], ids=str)
def test_a_length_above_the_number_of_steps_is_an_error(options, rng):
    X = rng.normal(size=(20, 6, 2)).astype(np.float32)
    model = LSTMRegressor(4, pooling="mean", max_iter=1, random_state=0, **options).fit(X, X[:, 0, 0])
    own = session(to_onnx(model))
    assert np.isfinite(own.run(None, {"X": X, "lengths": np.full(20, 6)})[0]).all()
    with pytest.raises(InvalidArgument):
        own.run(None, {"X": X, "lengths": np.array([7] + [6] * 19)})


# ---- inputs ----


KNOWN = [[0, 1, 2], [2, 3, 4], [1, 2, 5], [3, 5000], [0.5, 0.1, -2.0], [9], ["a", "b", "ü"]]
# What float32 does not tell from each other, and what it does not tell from others that are unknown.
KNOWN += [[1e8, 1e8 + 1, 1e8 + 2], [2.0**40, -(2.0**40) - 1], [2.0**24, 3], [0.5, 0.5 + 1e-12, 7.5], [1e300, 2.0**70, 4]]


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_categories_are_found_by_their_values(known, rng):
    known, codes = np.array(known, dtype=object if isinstance(known[0], str) else float), np.arange(20) % len(known)
    X = Sequences(np.column_stack([codes, rng.normal(size=20)]), np.arange(0, 21, 2), categories={0: known})
    model = with_noise(LSTMRegressor(4, categorical_features=[0], max_iter=1, random_state=0).fit(X, np.arange(10.0)), rng, 1.0)
    others = ["z", "", "A"] if isinstance(known[0], str) else [100.0, -1.0, 7.0, 2.5, 1e8 + 3, 2.0**24 + 1, 2.0**40 + 1]
    values = np.concatenate([known, np.array(others, dtype=known.dtype)])
    one_each = Sequences(np.arange(len(values))[:, np.newaxis] * [1.0, 0.0], np.arange(len(values) + 1), categories={0: values})
    found = run(to_onnx(model), feeds(one_each))
    np.testing.assert_allclose(found["variable"][:, 0], model.predict(one_each), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("known", [[1e8, 1e8 + 1, 1e8 + 2], [0.5, 0.5 + 1e-12]], ids=str)
def test_categories_of_static_features_are_found_by_their_values(known, rng):
    column, X = np.resize(known, 10), Sequences(rng.normal(size=(20, 1)), np.arange(0, 21, 2))
    X = X.with_static({"number": pd.Categorical(column)})
    model = with_noise(LSTMRegressor(4, max_iter=1, random_state=0).fit(X, np.arange(10.0)), rng, 1.0)
    given = {"X": padded(X.values, X.lengths, 0.0), "lengths": X.lengths, "static": column[:, np.newaxis]}
    np.testing.assert_allclose(run(to_onnx(model), given)["variable"][:, 0], model.predict(X), rtol=0, atol=TOLERANCE)


def test_texts_are_inputs_of_their_own_names():
    X = Sequences(np.zeros((20, 3)), np.arange(0, 21, 2), categories={0: WORDS, 2: WORDS}, channel_names=["tree", "age", "X"])
    X = X.with_static({"size": np.arange(10.0), "tree": np.resize(WORDS, 10)})
    model = LSTMClassifier(2, categorical_features=["tree", "X"], max_iter=1, random_state=0).fit(X, np.arange(10) % 2)
    names = {i.name: i.type.tensor_type.elem_type for i in to_onnx(model).graph.input}
    FLOAT, STRING = onnx.TensorProto.FLOAT, onnx.TensorProto.STRING
    assert names == {"X": FLOAT, "tree": STRING, "channel_2": STRING, "lengths": 7, "static": FLOAT, "static_1": STRING}


def test_times_in_a_channel_keep_their_digits(rng):
    clock = 1.7e9 + np.cumsum(rng.exponential(size=100))
    X = Sequences(np.column_stack([rng.normal(size=100), clock]), np.arange(0, 101, 5))
    model = with_noise(LSTMRegressor(4, time_feature=1, max_iter=1, random_state=0).fit(X, np.arange(20.0)), rng)
    np.testing.assert_allclose(run(to_onnx(model), feeds(X))["variable"][:, 0], model.predict(X), rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"residual": True, "hidden_size": 2}, {"missing": "decay", "bidirectional": True}])
def test_columns_far_from_0_keep_their_digits(options, rng):
    X = Sequences(rng.normal(size=(100, 2)) * [1, 1e-3] + [1e4, 30], np.arange(0, 101, 5))
    X = X.with_static({"year": rng.integers(2020, 2025, 20), "size": rng.normal(size=20)})
    options = {"hidden_size": 4, "max_iter": 1, "random_state": 0} | options
    exported = to_onnx(model := with_noise(LSTMClassifier(**options).fit(X, np.arange(20) % 2), rng))
    assert deviation(model, X, run(exported, feeds(X)))[0] < TOLERANCE
    assert [i.type.tensor_type.elem_type for i in exported.graph.input] == [11, 7, 11]  # double, int64, double
    single = Sequences(X.values.astype(np.float32), X.offsets)
    model = LSTMClassifier(**options).fit(single, np.arange(20) % 2)
    assert to_onnx(model).graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_labels_that_must_not_follow_each_other(rng):
    X, _ = draw_X(rng, 40, longest=9)
    y = [np.sort(rng.integers(4, size=length)) for length in X.lengths]
    options = {"structure": "crf", "allowed_transitions": np.triu(np.ones((4, 4))), "return_sequences": True}
    model = with_noise(LSTMClassifier(4, max_iter=1, random_state=0, **options).fit(X, y), rng, 1.0)
    outputs = run(to_onnx(model), feeds(X))
    difference, wrong = deviation(model, X, outputs)
    assert difference < TOLERANCE and not wrong
    assert all((np.diff(labels[:n]) >= 0).all() for labels, n in zip(outputs["label"], X.lengths, strict=True))


# ---- other losses ----


@pytest.mark.parametrize("one_word", [True, False])
def test_labels_that_have_no_steps(one_word):
    rng = np.random.default_rng(0)
    X, _ = draw_X(rng, 30, longest=12)
    codes = [rng.integers(3, size=rng.integers((length + 1) // 2 + 1)) for length in X.lengths]
    y = ["".join("abc"[code] for code in one) for one in codes] if one_word else [5 * one for one in codes]
    model = with_noise(LSTMClassifier(6, loss="ctc", return_sequences=True, max_iter=1, random_state=0).fit(X, y), rng, 1.0)
    found, expected = run(to_onnx(model), feeds(X)), model.predict(X)
    assert max(map(len, expected)) > 1
    for labels, n, one in zip(found["label"], found["n_labels"], expected, strict=True):
        assert list(labels[:n]) == list(one) and set(labels[n:]) <= {"" if one_word else -1}
    for p, one, n_steps in zip(found["probabilities"], model.predict_proba(X), X.lengths, strict=True):
        np.testing.assert_allclose(p[:n_steps], one, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("return_sequences", [True, False])
def test_mixtures(return_sequences):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 6, 2)).astype(np.float32)
    y = 10 * rng.normal(size=(30, 6, 3))
    options = {"loss": "gaussian_mixture", "n_components": 4, "return_sequences": return_sequences, "max_iter": 1}
    model = with_noise(LSTMRegressor(5, **options).fit(X, y if return_sequences else y[:, 0]), rng)
    found = run(to_onnx(model), {"X": X, "lengths": np.full(30, 6)})
    for name, expected in zip(["weights", "means", "deviations"], model.predict_mixture(X), strict=True):
        np.testing.assert_allclose(found[name], np.reshape(expected, found[name].shape), rtol=1e-4, atol=1e-5)


# ---- detectors ----


def detector(rng, **options):
    """A fitted detector, and sequences in which all can be scored."""
    X, _ = draw_X(rng, 60, longest=30, missing=options.get("missing", "error") != "error", d=2)
    X = X.with_values(X.values + np.array([0, 3e4]))
    X = X[np.flatnonzero(X.lengths > 5)]
    return LSTMOutlierDetector(5, max_iter=1, random_state=0, **options).fit(X), X


@pytest.mark.parametrize("aggregation", ["mean", "max", "top"])
@pytest.mark.parametrize("error_model", ["gaussian", "quantile"])
@pytest.mark.parametrize(("missing", "horizon"), [("error", 1), ("decay", 1), ("error", 3), ("indicator", 2)])
def test_detectors(aggregation, error_model, missing, horizon):
    options = {"aggregation": aggregation, "error_model": error_model, "missing": missing, "horizon": horizon}
    model, X = detector(np.random.default_rng(0), smoothing=0.7 if aggregation == "top" else 0.0, **options)
    exported = to_onnx(model)
    onnx.checker.check_model(exported, full_check=True)
    found, expected = run(exported, feeds(X)), model.decision_function(X)
    np.testing.assert_allclose(found["scores"], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found["label"], np.where(expected < 0, -1, 1))
    of_steps, labels = model.score_steps(X).values[:, 0], model.predict_steps(X).values[:, 0]
    real = np.arange(X.lengths.max()) < X.lengths[:, np.newaxis]
    of_each, label_of_each = (found[name][real] for name in ("step_scores", "step_labels"))
    np.testing.assert_allclose(of_each, of_steps, rtol=1e-4, atol=1e-4)
    assert (label_of_each != labels).sum() <= (abs(of_steps - model.step_offset_) < 1e-3).sum()


@pytest.mark.parametrize("options", [{"horizon": 3, "smoothing": 0.5}, {"missing": "decay"}])
def test_the_graph_of_a_step_equals_a_stream_of_scores(options):
    model, X = detector(np.random.default_rng(0), **options)
    stream, own = model.stream(), Stepper(to_onnx(model, streaming=True), 3)
    x = np.random.default_rng(1).choice(X.values, size=(200, 3))
    for x_t in x:
        np.testing.assert_allclose(own.step({"X": x_t})["scores"], stream.step(x_t), rtol=1e-4, atol=1e-4)


# ---- outputs of other lengths ----

PAIRS = {
    "dot": {"attention": "dot", "bidirectional": True, "unknown": "map"},
    "additive": {"attention": "additive", "cell": "coupled", "residual": True},
    "states alone": {"attention": None, "cell": "gru", "bidirectional": True, "merge_mode": "sum", "initial_state": "learned"},
    "normalised": {"attention": "dot", "cell": "layernorm", "bidirectional": True},
    "projected": {"attention": "additive", "cell": "peephole", "bidirectional": True, "proj_size": 5},
}


@pytest.mark.parametrize("name", PAIRS)
def test_tokens_of_outputs(name):
    rng = np.random.default_rng(0)
    X = ["".join(rng.choice(list("abc"), rng.integers(1, 8))) for _ in range(60)]
    model = LSTMSeq2Seq((9, 9), max_iter=1, random_state=0, **PAIRS[name]).fit(X, [x[::-1] for x in X])
    exported = to_onnx(with_noise(model, rng, 0.5))
    onnx.checker.check_model(exported, full_check=True)
    lengths = np.array(list(map(len, X)))
    found = run(exported, {"channel_0": padded(np.array(list("".join(X)), dtype=object), lengths, ""), "lengths": lengths})
    labels = ["".join(tokens[:n]) for tokens, n in zip(found["label"], found["n_labels"], strict=True)]
    assert labels == model.predict(X)


@pytest.mark.parametrize("same_length", [True, False])
@pytest.mark.parametrize("attention", ["dot", None])
def test_numbers_of_outputs(same_length, attention):
    rng = np.random.default_rng(0)
    X, options = draw_X(rng, 40, missing=True, times="beside", static="texts", categories="codes")
    y = [3 * rng.normal(size=(5 if same_length else n, 2)) for n in rng.integers(2, 5, 40)]
    options |= {"attention": attention, "missing": "decay", "bidirectional": True, "max_iter": 1, "random_state": 0}
    model = with_noise(LSTMSeq2Seq((5, 4), **options).fit(X, y), rng)
    found = run(to_onnx(model), feeds(X) | {"n_steps": np.array(6)})["variable"]
    expected = np.array(model.predict(X, n_steps=None if same_length else 6))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


# ---- step by step ----

STREAMS = {
    "plain": {},
    "pooled": {"pooling": ("max", "last", "mean"), "cell": "gru", "initial_state": "learned"},
    "normalised": {"cell": "layernorm", "hidden_size": (9, 8), "pooling": "mean", "initial_state": "learned"},
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
    model = LSTMClassifier(max_iter=1, random_state=0, **{"hidden_size": 4} | of_X | options).fit(X, y)
    model = with_noise(model, rng)
    row = None if static == "none" else X[:2].static
    stream, own = model.stream("predict_proba", static=row), Stepper(to_onnx(model, streaming=True), 2)
    x = rng.choice(X.values[:, : X.n_channels], size=(n_steps, 2))
    clock = np.cumsum(rng.exponential(size=(n_steps, 2)), axis=0)
    for t in range(n_steps):
        expected = stream.step(x[t], **{"time": clock[t]} if times == "beside" else {})
        given = {"X": x[t], "time": clock[t], "static": row}
        np.testing.assert_allclose(own.step(given)["probabilities"], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("before", [10**6, 10**9])
def test_a_mean_of_many_steps_takes_in_the_next_ones(before):
    """Of a sequence of a million steps, and of a billion, whose mean is as far from 0 as outputs can be."""
    X = np.random.default_rng(0).normal(size=(30, 6, 2))
    model = LSTMClassifier(4, pooling="mean", max_iter=1, random_state=0).fit(X, np.arange(30) % 2)
    own, other = (Stepper(to_onnx(model, streaming=True), 1) for _ in range(2))
    own.states |= {"state_in_n_steps": np.full(1, before), "state_in_pooled_sum": np.full((1, 4), 1.0 * before)}
    for x in X.reshape(-1, 1, 2):
        found, expected = own.step({"X": x}), other.step({"X": x})
    assert found["state_out_n_steps"] == before + 180
    added = found["state_out_pooled_sum"] - before
    np.testing.assert_allclose(added, expected["state_out_pooled_sum"], rtol=0, atol=180 * before * 2.0**-52)


def test_the_page_names_every_state():
    page = (Path(__file__).parent.parent / "docs" / "onnx.md").read_text()
    types = {"tensor(float)": "float", "tensor(double)": "double", "tensor(int64)": "int64"}
    options = {"hidden_size": (3, 3), "pooling": ("mean", "max"), "missing": "decay"}
    X = Sequences.from_list(list(np.random.default_rng(0).normal(size=(30, 6, 2)))).with_times(np.arange(180.0))
    chain = LSTMClassifier(3, return_sequences=True, structure="crf", max_iter=1).fit(X, [np.arange(6) % 2] * 30)
    for model in (LSTMClassifier(max_iter=1, **options).fit(X, np.arange(30) % 2), chain):
        for state in session(to_onnx(model, streaming=True)).get_inputs():
            name = state.name.removeprefix("state_in_").replace("layer_1", "layer_0")
            if name != state.name:
                assert re.search(rf"^\| [^|]*`{name}`[^|]* \| {types[state.type]} \(N", page, flags=re.MULTILINE), name


@pytest.mark.parametrize("seed", [*range(1000, 1020), *(pytest.param(k, marks=pytest.mark.slow) for k in range(1020, 1200))])
def test_step_by_step_the_outputs_are_those_of_sequences(seed):
    model, X = draw(seed)
    if model.bidirectional or "attention" in pooling_names(model._network_spec["pooling"]):
        with pytest.raises(ValueError, match="cannot stream"):
            to_onnx(model, streaming=True)
        return
    if getattr(model, "structure", None) is not None:
        pytest.skip("a stream does not know the steps that follow")
    given, own = feeds(X, 0.0), Stepper(to_onnx(model, streaming=True), len(X))
    for name, expected in run(to_onnx(model), given).items():
        own.begin()
        for t in range(X.lengths.max()):
            step = {key: value[:, t] if value.ndim > 1 and key != "static" else value for key, value in given.items()}
            found, has = own.step(step | {"time": step.get("times")})[name], X.lengths > t
            if model.return_sequences:
                assert _alike(found[has], expected[has, t])
            else:
                assert _alike(found[X.lengths == t + 1], expected[X.lengths == t + 1])


def _alike(found, expected):
    return (found == expected).all() if found.dtype.kind in "OUSib" else np.allclose(found, expected, rtol=1e-5, atol=1e-6)


# ---- what must not go unnoticed ----


def mutant(monkeypatch, name):
    """An exporter with a mistake."""
    operator = recurrent.OPERATORS["gru"]
    if name == "reset gate":
        monkeypatch.setitem(recurrent.OPERATORS, "gru", replace(operator, attributes={"linear_before_reset": 0}))
    elif name == "layout":
        monkeypatch.setitem(recurrent.OPERATORS, "gru", replace(operator, attributes=operator.attributes | {"layout": 1}))
    elif name == "sequences and steps":
        monkeypatch.setattr(steps.Steps, "enter", lambda steps, tensor, n_axes: tensor)
    elif name == "no mask":
        monkeypatch.setattr(steps.Steps, "masked", lambda steps, tensor, value: tensor)


MUTANTS = ["reset gate", "layout", "sequences and steps", "no mask"]


@pytest.mark.parametrize("name", ["none", *MUTANTS])
def test_mistakes_of_an_exporter_show(name, monkeypatch):
    rng = np.random.default_rng(0)
    X = Sequences.from_list([rng.normal(size=(length, 3)) for length in range(1, 9)])  # as many as the longest has steps
    model = LSTMClassifier(4, cell="gru", pooling=("attention", "max"), max_iter=1, random_state=0).fit(X, np.arange(8) % 2)
    model = with_noise(model, rng, 1.0)
    mutant(monkeypatch, name)
    try:
        difference, _ = deviation(model, X, run(to_onnx(model), feeds(X, 3.0)))
    except Fail:  # ONNX Runtime takes layout=0 only
        difference = np.inf
    assert (difference > 1e-3) == (name != "none")
