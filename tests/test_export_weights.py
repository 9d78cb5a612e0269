"""Weights as state dicts of PyTorch and lists of Keras, and back, without either."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklstm
from sklstm import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, Sequences
from sklstm.export import from_keras_weights, from_state_dict, keras_weights, to_state_dict
from sklstm.preprocessing import PerStep

QUICK = {"max_iter": 1, "random_state": 0}


def sequences(n=20, dtype=np.float64, n_channels=3):
    rng = np.random.default_rng(1)
    return [rng.normal(1, 2, size=(length, n_channels)).astype(dtype) for length in rng.integers(1, 9, size=n)]


def labels_of_steps(X, n_labels=3):
    return [np.arange(len(x)) % n_labels for x in X]


def whole(X):
    """The same data with missing values, a channel of categories, times and static features."""
    rng = np.random.default_rng(2)
    columns = [np.hstack([np.where(rng.random(x.shape) < 0.2, np.nan, x), np.ones_like(x[:, :1])]) for x in X]
    X = Sequences.from_list(columns)
    X = X.with_times(rng.exponential(size=len(X.values)).cumsum())
    return X.with_static({"age": rng.normal(size=len(X)), "kind": np.array(["a", "b"] * (len(X) // 2))})


def fitted(dtype=np.float64, kind=LSTMClassifier, hidden_size=4, **options):
    X = sequences(dtype=dtype)
    y = np.arange(len(X)) % 3
    if options.get("return_sequences"):
        y = labels_of_steps(X)
    if options.get("missing"):
        X = whole(X)
    elif options.get("categorical_features"):
        X = [np.column_stack([x[:, :2], np.arange(len(x)) % 5]).astype(dtype) for x in X]
    return kind(hidden_size, **QUICK | options).fit(X, y), X


# What a class alone comes back from: with the same options.
PLAIN = {
    "lstm": {},
    "gru": {"cell": "gru", "num_layers": 2},
    "rnn": {"cell": "rnn", "activation": "relu"},
    "both directions": {"bidirectional": True, "num_layers": 2},
    "different widths": {"hidden_size": (3, 5)},
    "summed": {"bidirectional": True, "merge_mode": "sum", "num_layers": 2, "cell": "gru"},
    "residual": {"num_layers": 3, "residual": True},
    "learned states": {"initial_state": "learned", "num_layers": 2},
    "learned states of several modules": {"initial_state": "learned", "hidden_size": (3, 5), "bidirectional": True},
    "projection": {"proj_size": 2, "num_layers": 2, "bidirectional": True, "initial_state": "learned"},
    "poolings": {"pooling": ("last", "max", "attention")},
    "steps": {"return_sequences": True},
    "structure": {"return_sequences": True, "structure": "crf"},
    "regressor": {"kind": LSTMRegressor, "loss": "poisson"},
}
# What only a model has the rest of.
OTHERS = {
    "categories": {"categorical_features": [2]},
    "missing values, times and static features": {"missing": "decay", "bidirectional": True, "categorical_features": [3]},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", (PLAIN | OTHERS).values(), ids=(PLAIN | OTHERS).keys())
def test_a_model_gets_its_weights_back_to_the_bit(dtype, options):
    model, X = fitted(dtype, **{"pooling": "last"} | options)
    state = to_state_dict(model)
    assert all(array.dtype == dtype and array.flags.c_contiguous for array in state.values())
    zeros = from_state_dict({name: np.zeros_like(array) for name, array in state.items()}, model)
    assert all(not np.any(view) for view in zeros.weights_.values())
    back = from_state_dict(state, zeros)
    assert_same_weights(back, model)
    np.testing.assert_equal(back.predict(X), model.predict(X))


@pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN.keys())
def test_a_class_becomes_the_model(options):
    model, X = fitted(np.float32, standardize=False, **{"pooling": "last"} | options)
    of_weights = {"hidden_size", "num_layers", "cell", "bidirectional", "initial_state", "proj_size", "kind"}
    others = {name: value for name, value in options.items() if name not in of_weights}
    back = from_state_dict(to_state_dict(model), options.get("kind", LSTMClassifier), **others)
    assert_same_weights(back, model)
    np.testing.assert_equal(back.predict(X), model.predict(X))
    assert back._network_spec == model._network_spec


def assert_same_weights(a, b):
    assert a.weights_.keys() == b.weights_.keys()
    for name, view in a.weights_.items():
        np.testing.assert_array_equal(view, b.weights_[name], err_msg=name)


def test_names_and_shapes_are_those_of_torch():
    model, _ = fitted(cell="gru", bidirectional=True, pooling=("last", "attention"), initial_state="learned")
    of_direction = {"weight_ih_l0": (12, 3), "weight_hh_l0": (12, 4), "bias_ih_l0": (12,), "bias_hh_l0": (12,)}
    state = to_state_dict(model, rnn="encoder.gru", head="out")
    shapes = {f"encoder.gru.{name}{suffix}": shape for suffix in ("", "_reverse") for name, shape in of_direction.items()}
    shapes |= {"h0": (2, 1, 4), "attention.0.weight": (8, 8), "attention.0.bias": (8,), "attention.2.weight": (1, 8)}
    assert {name: array.shape for name, array in state.items()} == shapes | {"out.weight": (3, 16), "out.bias": (3,)}
    b = model.weights_["layer_0.b"]
    np.testing.assert_array_equal(state["encoder.gru.bias_ih_l0"], b[:12])
    np.testing.assert_array_equal(state["encoder.gru.bias_hh_l0"], np.r_[np.zeros(8), b[12:]])
    assert "weight_ih_l0" in to_state_dict(model, rnn="")
    back = from_state_dict({f"module.{name}" if "gru" in name else name: array for name, array in state.items()}, model)
    assert_same_weights(back, model)


def test_no_package_is_imported():
    code = (
        "import sys, numpy as np; from sklstm import LSTMClassifier; from sklstm.export import *;"
        "X = np.zeros((4, 3, 2)); X[::2] = 1; m = LSTMClassifier(2, pooling='last', max_iter=1).fit(X, [0, 1, 0, 1]);"
        "from_state_dict(to_state_dict(m)); from_keras_weights(keras_weights(m));"
        "print({'torch', 'keras', 'tensorflow', 'jax', 'onnx', 'skl2onnx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


# ---- what becomes of a state ----


def state_of(n_scores=3, n_channels=2, H=4, n_gates=4, **others):
    rng = np.random.default_rng(3)
    shapes = {"lstm.weight_ih_l0": (n_gates * H, n_channels), "lstm.weight_hh_l0": (n_gates * H, H)}
    shapes |= {"lstm.bias_ih_l0": n_gates * H, "lstm.bias_hh_l0": n_gates * H, "fc.weight": (n_scores, H), "fc.bias": n_scores}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()} | others


X2 = np.random.default_rng(4).normal(size=(30, 5, 2)).astype(np.float32)


def test_classes_are_in_the_order_of_the_scores():
    state = state_of(3) | {"fc.bias": np.zeros(3), "lstm.bias_ih_l0": np.zeros(16)}
    plain, named = from_state_dict(state), from_state_dict(state, classes=["walk", "run", "sit"])
    assert plain.classes_.tolist() == [0, 1, 2] and named.classes_.tolist() == ["run", "sit", "walk"]
    np.testing.assert_allclose(named.predict_proba(X2), plain.predict_proba(X2)[:, [1, 2, 0]], rtol=1e-14)
    assert len(set(plain.predict(X2))) > 1
    np.testing.assert_array_equal(named.predict(X2), np.array(["walk", "run", "sit"])[plain.predict(X2)])


def test_two_classes_have_one_score_or_two():
    one = state_of(1)
    plain, swapped = from_state_dict(one), from_state_dict(one, classes=["b", "a"])
    assert plain.classes_.tolist() == [0, 1] and swapped.classes_.tolist() == ["a", "b"]
    np.testing.assert_allclose(swapped.predict_proba(X2), plain.predict_proba(X2)[:, ::-1], rtol=1e-6)
    # Two scores of which the first is 0 are the same probabilities.
    two = one | {"fc.weight": np.vstack([np.zeros((1, 4)), one["fc.weight"]]), "fc.bias": np.r_[0, one["fc.bias"]]}
    for classes, expected in ((None, plain), (["b", "a"], swapped)):
        model = from_state_dict(two, classes=classes)
        np.testing.assert_allclose(model.predict_proba(X2), expected.predict_proba(X2), atol=1e-6)


def test_each_score_may_be_that_of_a_label():
    state = state_of(3)
    model = from_state_dict(state, multilabel=True)
    scores = from_state_dict(state, LSTMRegressor).predict(X2)
    np.testing.assert_allclose(model.predict_proba(X2), 1 / (1 + np.exp(-scores)), atol=1e-6)
    assert model.predict(X2).shape == (30, 3)


@pytest.mark.parametrize("blank", [0, 1, -1])
def test_labels_without_steps_have_a_score_of_blank(blank):
    state = state_of(3)
    model = from_state_dict(state, return_sequences=True, loss="ctc", classes=["b", "a"], blank=blank)
    assert model.classes_.tolist() == ["a", "b"]
    first, second = [k for k in range(3) if k != blank % 3]
    plain = from_state_dict(state, return_sequences=True).predict_proba(X2[:2])
    expected = [row[:, [second, first, blank]] for row in plain]
    np.testing.assert_allclose(model.predict_proba(X2[:2]), expected, rtol=1e-6)
    assert {label for labels in model.predict(X2) for label in labels} <= {"a", "b"}
    model.set_params(warm_start=True, max_iter=1, random_state=0).fit(X2, ["ab"] * 30)
    for bad in (3, -4):
        with pytest.raises(ValueError, match="blank must be one of the 3 outputs"):
            from_state_dict(state, return_sequences=True, loss="ctc", blank=bad)


def test_a_missing_bias_is_zero():
    state = state_of()
    zero = {name: array * ("bias" not in name) for name, array in state.items()}
    without = {name: array for name, array in state.items() if "bias" not in name}
    np.testing.assert_array_equal(from_state_dict(without).predict_proba(X2), from_state_dict(zero).predict_proba(X2))


def test_biases_that_are_lost_are_named():
    """A module of torch has biases in all of its layers and directions or in none."""
    model, _ = fitted(num_layers=2, bidirectional=True, pooling=("last", "attention"))
    state = to_state_dict(model)
    for part in ("l1", "l0_reverse"):
        lost = {name: array for name, array in state.items() if not name.endswith((f"bias_ih_{part}", f"bias_hh_{part}"))}
        with pytest.raises(ValueError, match=f"has no 'rnn.bias_ih_{part}' of shape"):
            from_state_dict(lost, model)
    with pytest.raises(ValueError, match=r"has no 'attention.0.bias' of shape"):
        from_state_dict({name: array for name, array in state.items() if name != "attention.0.bias"}, model)


def test_a_table_of_vectors_is_of_categories():
    rng = np.random.default_rng(5)
    state, table, words = state_of(), rng.normal(size=(6, 2)), list("fbdace")
    ids = rng.integers(6, size=(10, 7))
    expected = from_state_dict(state).predict_proba(table.astype(np.float32)[ids])
    model = from_state_dict({"emb.weight": table} | state)
    np.testing.assert_allclose(model.predict_proba(list(ids)), expected, atol=1e-6)
    named = from_state_dict({"emb.weight": table} | state, categories=words)
    np.testing.assert_allclose(named.predict_proba([[words[i] for i in row] for row in ids]), expected, atol=1e-6)
    unknown = from_state_dict(state).predict_proba(table.mean(axis=0, keepdims=True)[np.newaxis])
    np.testing.assert_allclose(named.predict_proba([["z"]]), unknown, atol=1e-6)
    with pytest.raises(ValueError, match="categories must be 6 different values"):
        from_state_dict({"emb.weight": table} | state, categories=list("abcdee"))
    of_keras = from_keras_weights([table, *keras_weights(from_state_dict(state))], categories=words)
    np.testing.assert_allclose(of_keras.predict_proba([[words[i] for i in row] for row in ids]), expected, atol=1e-6)


def test_the_table_of_a_model_of_ours_has_a_row_of_the_unknown():
    codes = [np.arange(k, k + 5) % 6 for k in range(12)]
    model = LSTMClassifier(4, pooling="last", categorical_features="all", **QUICK).fit(codes, np.arange(12) % 3)
    state = to_state_dict(model)
    for embedding in (None, "input.embedding.0"):
        back = from_state_dict(state, embedding=embedding)
        np.testing.assert_array_equal(back.predict_proba([*codes, [77]]), model.predict_proba([*codes, [77]]))
    other, _ = fitted(categorical_features=[2], pooling="last")
    with pytest.raises(ValueError, match="reads more than numbers or one channel"):
        from_state_dict(to_state_dict(other))
    with pytest.raises(ValueError, match="2 linear layers"):  # a linear layer without a bias before the recurrent one
        from_state_dict({"pre.weight": np.ones((2, 2))} | state_of())


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_what_wraps_a_module_makes_no_difference(wrapper):
    model, _ = fitted(pooling="attention", initial_state="learned", standardize=False)
    state = {f"{wrapper}{name}": array for name, array in to_state_dict(model).items()}
    for back in (from_state_dict(state, pooling="attention"), from_state_dict(state, model, rnn=f"{wrapper}rnn", head="head")):
        assert_same_weights(back, model)


def test_modules_that_may_stand_side_by_side_are_named():
    towers = {f"towers.{k}.{name}": array for k in (0, 1) for name, array in state("", H=2).items()}
    with pytest.raises(ValueError, match=r"2 recurrent modules: 'towers\.0\.', 'towers\.1\.'"):
        from_state_dict(towers | {"fc.weight": np.ones((3, 2))})
    with pytest.raises(ValueError, match="rnn must be the name of a module, or a list of different ones"):
        from_state_dict(state_of(), rnn=["lstm", "lstm"])


def state(prefix, H):
    return {f"{prefix}weight_ih_l0": np.ones((4 * H, 2)), f"{prefix}weight_hh_l0": np.ones((4 * H, H))}


def test_delta_of_huber_is_that_of_others():
    assert from_state_dict(state_of(), LSTMRegressor, loss="huber")._network_spec["loss_parameters"] == {"deltas": [1.0] * 3}


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_table_as_wide_as_the_kernel_is_one(cell):
    n_gates = {"lstm": 4, "gru": 3, "rnn": 1}[cell]
    model = LSTMClassifier(4, pooling="last", cell=cell, categorical_features="all", embedding_dim=4 * n_gates, **QUICK)
    codes = [np.arange(k, k + 5) % 6 for k in range(12)]
    table, *weights = keras_weights(model.fit(codes, np.arange(12) % 3))
    back = from_keras_weights([table[1:], *weights])
    np.testing.assert_allclose(back.predict_proba(codes), model.predict_proba(codes), atol=1e-7)


def test_it_is_a_fitted_estimator_like_others(tmp_path):
    model = from_state_dict(state_of(), classes=["a", "b", "c"], warm_start=True, max_iter=2, random_state=0)
    proba = model.predict_proba(X2)
    sklstm.save(model, tmp_path / "model.npz")
    for other in (sklstm.load(tmp_path / "model.npz"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict_proba(X2), proba)
    assert not clone(model).__sklearn_is_fitted__()
    stream = model.stream("predict_proba")
    np.testing.assert_array_equal(np.vstack([stream.step(x) for x in X2[0]])[-1:], proba[:1])
    scaler = PerStep(StandardScaler()).fit(X2)
    np.testing.assert_array_equal(make_pipeline(scaler, model).predict_proba(X2), model.predict_proba(scaler.transform(X2)))
    y = model.predict(X2)
    model.partial_fit(X2, y)
    with pytest.raises(ValueError, match="label"):
        model.partial_fit(X2, ["d"] * 30)


@pytest.mark.parametrize("kind", [LSTMClassifier, LSTMRegressor])
def test_training_continues_at_the_loss_of_the_weights(kind):
    """One minibatch an epoch, so that the loss of the first is that of the weights."""
    state, y = state_of(), np.arange(30) % 3
    options = {"warm_start": True, "max_iter": 5, "batch_size": 30, "alpha": 0.0, "random_state": 0}
    model = from_state_dict(state, kind, **options)
    targets = y if kind is LSTMClassifier else np.eye(3)[y]
    before = log_loss(y, model.predict_proba(X2)) if kind is LSTMClassifier else 0.5 * np.mean((model.predict(X2) - targets) ** 2)
    model.fit(X2, targets)
    assert model.loss_curve_[0] == pytest.approx(before, rel=1e-6)
    assert model.loss_curve_[-1] < before and model.n_iter_ == 5


# ---- errors ----

BAD = {
    "no dict": (lambda state: list(state), TypeError, "must be a dict of names to arrays, got list"),
    "empty": (lambda state: {}, ValueError, "It is empty"),
    "no layer": (lambda state: {"fc.weight": state["fc.weight"]}, ValueError, "no recurrent layer: expected names like"),
    "missing": (lambda s: without(s, "lstm.bias_hh_l0"), ValueError, r"has no 'lstm.bias_hh_l0' of shape \(16,\)"),
    "missing matrix": (lambda s: without(s, "lstm.weight_hh_l0"), ValueError, "has no 'lstm.weight_hh_l0'"),
    "missing head": (lambda s: without(s, "fc.weight"), ValueError, "no linear layer, but one is expected"),
    "missing layer": (lambda s: s | {"lstm.weight_ih_l2": s["lstm.weight_hh_l0"]}, ValueError, "has no 'lstm.weight_ih_l1'"),
    "missing direction": (
        lambda s: s | {"lstm.weight_ih_l0_reverse": s["lstm.weight_ih_l0"], "fc.weight": np.zeros((3, 8))},
        ValueError,
        r"has no 'lstm.weight_hh_l0_reverse' of shape \(16, 4\)",
    ),
    "surplus": (lambda s: s | {"norm.weight": np.ones(4)}, ValueError, "has 'norm.weight', which this network does not have"),
    "two heads": (lambda s: s | {"fc2.weight": np.ones((3, 3))}, ValueError, "2 linear layers: 'fc.', 'fc2.'"),
    "two modules": (lambda s: s | {"b.weight_ih_l0": np.ones((16, 4))}, ValueError, "2 recurrent modules: 'lstm.', 'b.'"),
    "shape": (lambda s: s | {"lstm.bias_ih_l0": np.zeros(15)}, ValueError, r"'lstm.bias_ih_l0' must have .* \(16,\) .* \(15,\)"),
    "shape of W": (lambda s: s | {"lstm.weight_ih_l0": np.zeros((15, 2))}, ValueError, r"_ih_l0' must have shape \(16, 2\)"),
    "shape of R": (lambda s: s | {"lstm.weight_hh_l0": np.zeros((16, 5))}, ValueError, "an LSTM of 5 units has 20 rows there"),
    "axes": (lambda s: s | {"lstm.weight_ih_l0": np.zeros(16)}, ValueError, "must have 2 axes"),
    "a checkpoint": (lambda s: {"model": s}, ValueError, "'model' must be an array of numbers, got a dict"),
    "ragged": (lambda s: s | {"fc.bias": [[1], [2, 3]]}, ValueError, "'fc.bias' .* cannot be read"),
    "complex": (lambda s: s | {"fc.bias": np.ones(3) * 1j}, ValueError, "'fc.bias' must be an array of real numbers"),
    "no number": (lambda s: s | {"lstm.weight_hh_l0": np.ones((0, 0))}, ValueError, "at least one number"),
    "not finite": (lambda s: s | {"fc.bias": np.full(3, np.nan)}, ValueError, "'fc.bias' must be finite, got nan"),
    "text": (lambda s: s | {"fc.bias": np.array(["a"] * 3)}, ValueError, "'fc.bias' must be an array of real numbers"),
    "width": (lambda s: s | {"fc.weight": np.zeros((3, 8))}, ValueError, "reads 8 numbers, but pooling='last' .* makes 4"),
}


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(("change", "kind", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_state_is_refused_by_name(change, kind, message):
    with pytest.raises(kind, match=message):
        from_state_dict(change(state_of()))


OPTIONS = {
    "another class": ({"estimator": StandardScaler}, TypeError, "must be the class LSTMClassifier or LSTMRegressor"),
    "not fitted": ({"estimator": LSTMClassifier()}, NotFittedError, "Pass the class"),
    "unknown": ({"hiden_size": 3}, TypeError, "has no parameter 'hiden_size'"),
    "decided": ({"hidden_size": 3}, ValueError, "hidden_size is that of the weights. Leave it out"),
    "units": ({"standardize": True}, ValueError, "standardize cannot be used: weights keep the units of their training"),
    "of a fit": ({"missing": "decay"}, ValueError, "missing needs what only a fit on data knows"),
    "classes": ({"classes": [1, 2]}, ValueError, "so classes must be 3 different labels"),
    "repeated classes": ({"classes": [1, 2, 2]}, ValueError, "so classes must be 3 different labels"),
    "classes of a regressor": ({"estimator": LSTMRegressor, "classes": [1, 2]}, ValueError, "are for an LSTMClassifier"),
    "categories": ({"categories": [1, 2]}, ValueError, "categories are of a table"),
    "loss": ({"estimator": LSTMRegressor, "loss": "auto"}, ValueError, "loss='auto' depends on y"),
    "quantiles": (
        {"estimator": LSTMRegressor, "loss": "quantile", "quantile": [0.1, 0.9]}, ValueError, "3 outputs, but the loss .* needs 2"
    ),
    "activation": ({"activation": "relu"}, ValueError, "torch.nn.LSTM has no activation='relu'"),
    "pooling": ({"pooling": "sum"}, ValueError, "'pooling' parameter of LSTMClassifier must be"),
    "module": ({"rnn": "gru"}, ValueError, "has no 'gru.weight_ih_l0', which rnn='gru' means"),
    "linear layer": ({"head": "out"}, ValueError, "has no 'out.weight'"),
    "no name": ({"head": 3}, TypeError, "head must be the name of a module, got 3"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "kind", "message"), OPTIONS.values(), ids=OPTIONS.keys())
def test_bad_options_are_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        from_state_dict(state_of(), **options)


def test_a_model_is_not_changed_by_a_state():
    model, X = fitted(pooling="last")
    before, state = model.predict_proba(X), to_state_dict(model)
    for bad in (without(state, "head.bias") | {"head.bias": np.zeros(4)}, state | {"more": np.zeros(1)}, state_of()):
        with pytest.raises(ValueError, match=re.compile("head.bias|more|shape")):
            from_state_dict(bad, model)
    with pytest.raises(ValueError, match="classes, pooling of a fitted model cannot be changed"):
        from_state_dict(state, model, classes=[1, 2, 3], pooling="mean")
    from_state_dict({name: 0 * array for name, array in state.items()}, model)
    np.testing.assert_array_equal(model.predict_proba(X), before)


REFUSED = {
    "peephole": ({"cell": "peephole"}, "no recurrent module with cell='peephole'"),
    "reset before": ({"cell": "gru_reset_before"}, "no recurrent module with cell='gru_reset_before'"),
    "relu": ({"activation": "relu"}, "torch.nn.LSTM has no activation='relu', only 'tanh'"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_torch_lacks_is_refused(options, message):
    with pytest.raises(ValueError, match=f"{message}.*to_torch"):
        to_state_dict(fitted(**options)[0])


@pytest.mark.parametrize("export", [to_state_dict, keras_weights])
def test_other_objects_are_refused(export):
    with pytest.raises(NotFittedError):
        export(LSTMClassifier())
    for other in (LSTMOutlierDetector(), make_pipeline(LSTMClassifier()), 3):
        with pytest.raises(TypeError, match="needs a fitted LSTMClassifier or LSTMRegressor"):
            export(other)


# ---- Keras ----

OF_KERAS = {name: options for name, options in PLAIN.items() if not {"learned", "crf"} & set(map(str, options.values()))}
OF_KERAS["reset before"] = {"cell": "gru_reset_before", "bidirectional": True}


@pytest.mark.parametrize("options", OF_KERAS.values(), ids=OF_KERAS.keys())
def test_weights_of_keras_come_back_to_the_bit(options):
    model, _ = fitted(np.float32, standardize=False, **{"pooling": "last"} | options)
    of_weights = {"hidden_size", "num_layers", "cell", "kind"}
    others = {name: value for name, value in options.items() if name not in of_weights}
    weights = keras_weights(model)
    back = from_keras_weights(weights, options.get("kind", LSTMClassifier), **others)
    assert_same_weights(back, model)
    assert back._network_spec == model._network_spec


OF_SKLSTM = {
    "peephole": ({"cell": "peephole"}, "Keras has no layer with cell='peephole'"),
    "learned states": ({"initial_state": "learned"}, "begin with zeros"),
    "missing values": ({"missing": "decay"}, "no layer that fills in values"),
    "structure": ({"return_sequences": True, "structure": "crf"}, "no such layer"),
    "projection": ({"proj_size": 2}, "layers of Keras have none"),
    "scaled residual": ({"hidden_size": 3, "residual": True}, "its weights do not contain the scale"),
}


@pytest.mark.parametrize(("options", "message"), OF_SKLSTM.values(), ids=OF_SKLSTM.keys())
def test_what_keras_lacks_is_refused(options, message):
    with pytest.raises(ValueError, match=f"{message}.*to_torch"):
        keras_weights(fitted(**options)[0])


def test_bad_weights_of_keras_are_refused():
    good = keras_weights(from_state_dict(state_of()))
    bad = {
        "must be a list of arrays, got dict": {},
        "must begin with kernel": [np.zeros(3)],
        "must end with those of a Dense": good[:3],
        r"Expected the head kernel of shape \(4, 3\), got \(8, 3\)": [*good[:3], np.zeros((8, 3)), good[4]],
        "Expected 5 arrays": [*good, np.zeros(3)],
        r"weights\[4\] must be finite": [*good[:4], np.full(3, np.inf)],
    }
    for message, weights in bad.items():
        with pytest.raises((TypeError, ValueError), match=message):
            from_keras_weights(weights)
    with pytest.raises(ValueError, match="forward and backward"):
        from_keras_weights(good, bidirectional=True)
