"""Streams: what a method returns for the steps so far, to the bit, step by step."""

import pickle

import numpy as np
import pytest

from sklstm import LSTMClassifier, LSTMRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, T, D = 7, 9, 3
CELLS = ("lstm", "peephole", "coupled", "layernorm", "gru", "gru_reset_before", "rnn")


@pytest.fixture
def X(rng):
    return rng.normal(size=(N, T, D))


def fitted(estimator, X, **parameters):
    total = X[:, :, 0].sum(axis=1)
    y = np.array(["low", "middle", "high"])[np.argsort(np.argsort(total)) % 3] if estimator is LSTMClassifier else total
    return estimator(**{"hidden_size": 6, "max_iter": 2, "random_state": 0} | parameters).fit(X, y)


def assert_streams(model, X, method):
    """As one batch, and each sequence alone."""
    answer, batch, alone = getattr(model, method), model.stream(method), model.stream(method)
    for t in range(X.shape[1]):
        expected = answer(X[:, : t + 1].copy())
        np.testing.assert_array_equal(batch.step(X[:, t]), expected, strict=True)
        np.testing.assert_array_equal(alone.step(X[1, t]), expected[1:2], strict=True)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_the_method_on_the_prefix(X, cell, pooling, dtype):
    model = fitted(LSTMClassifier, X.astype(dtype), cell=cell, pooling=pooling)
    for method in ("predict", "predict_proba", "predict_log_proba", "encode"):
        assert_streams(model, X.astype(dtype), method)


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_size": (5, 18)},
        {"hidden_size": 17, "num_layers": 3, "residual": True, "pooling": "mean"},
        {"hidden_size": D, "residual": True},
        {"initial_state": "learned", "num_layers": 2, "pooling": "max"},
        {"activation": "relu", "dropout": 0.3, "recurrent_dropout": 0.2},
        {"standardize": False},
    ],
    ids=str,
)
def test_equals_the_method_for_every_kind_of_network(X, parameters):
    assert_streams(fitted(LSTMRegressor, X, **parameters), X, "predict")
    assert_streams(fitted(LSTMRegressor, X, **parameters), X, "encode")


def test_categories(X):
    X[:, :, 1] = np.round(np.abs(X[:, :, 1]))
    model = fitted(LSTMClassifier, X, categorical_features=[1])
    assert_streams(model, X, "predict_proba")
    X[:, 3:, 1] = 77  # unknown
    assert_streams(model, X, "predict_proba")


def test_kinds_of_y(X, rng):
    for estimator, y, method in [
        (LSTMRegressor, rng.normal(size=(N, 2)), "predict"),
        (LSTMClassifier, np.arange(N) % 2, "predict_proba"),
        (LSTMClassifier, np.eye(N, 3, dtype=int) + np.eye(N, 3, 1, dtype=int), "predict"),
    ]:
        assert_streams(estimator(4, max_iter=2, random_state=0).fit(X, y), X, method)
    model = LSTMRegressor(4, max_iter=2, loss="quantile", quantile=[0.9, 0.1], random_state=0)
    assert_streams(model.fit(X, X[:, 0, 0]), X, "predict")


def test_answers_for_steps_are_those_of_the_newest(X):
    model = LSTMRegressor(6, return_sequences=True, max_iter=2, random_state=0).fit(X, X[:, :, 0].cumsum(axis=1))
    stream, expected = model.stream(), model.predict(X)
    for t in range(T):
        np.testing.assert_array_equal(stream.step(X[:, t]), expected[:, t])


def test_forms_of_a_step(X):
    model, x = fitted(LSTMRegressor, X.astype(np.float32)), X[0, 0].astype(np.float32)
    expected = model.predict(x[np.newaxis, np.newaxis])
    strided = np.repeat(x, 2)[::2]
    for form in (x, x[np.newaxis], x.tolist(), [x.tolist()], x.astype(float), strided, np.asfortranarray(x[np.newaxis])):
        stream = model.stream()
        for _ in range(2):
            stream.reset()
            np.testing.assert_array_equal(stream.step(form), expected)
        stream.step(x)  # the same forms where a stream is under way
        assert stream.step(form).shape == (1,)


def test_a_model_of_a_table(X):
    model = LSTMRegressor(4, n_channels=D, max_iter=2, random_state=0).fit(X.reshape(N, -1), X[:, 0, 0])
    stream = model.stream()
    for t in range(T):
        answers = stream.step(X[:, t])
    np.testing.assert_array_equal(answers, model.predict(X.reshape(N, -1)))


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "layernorm"])
def test_state_goes_out_and_in(X, pooling, cell):
    model = fitted(LSTMClassifier, X, pooling=pooling, cell=cell, num_layers=2)
    stream = model.stream("predict_proba")
    assert stream.state is None
    for t in range(4):
        stream.step(X[:, t])
    state = stream.state
    assert all(type(array) is np.ndarray for array in state.values())
    assert state["n_steps"].tolist() == [4] * N
    others = [model.stream("predict_proba"), pickle.loads(pickle.dumps(stream))]
    others[0].state = {name: array.copy() for name, array in state.items()}
    expected = [stream.step(X[:, t]) for t in range(4, T)]
    for other in others:
        for t in range(4, T):
            np.testing.assert_array_equal(other.step(X[:, t]), expected[t - 4])
    stream.state = state  # what was read does not change with the stream
    np.testing.assert_array_equal(stream.step(X[:, 4]), expected[0])
    stream.state = {name: array[2:5] for name, array in state.items()}
    np.testing.assert_array_equal(stream.step(X[2:5, 4]), expected[0][2:5])
    stream.state = None
    np.testing.assert_array_equal(stream.step(X[:, 0]), model.predict_proba(X[:, :1]))


def test_state_that_is_none_is_refused(X):
    stream = fitted(LSTMRegressor, X, pooling="mean").stream()
    stream.step(X[:, 0])
    state, expected = stream.state, stream.step(X[:, 1])
    for wrong, match in [
        ([1], "is a dict of n_steps, layer_0.h, layer_0.c, pooled; got list"),
        ({name: state[name] for name in ("n_steps", "pooled")}, "got n_steps, pooled"),
        (state | {"layer_0.h": np.zeros((N, 5))}, r"'layer_0.h' of the state must have shape \(7, 6\), got \(7, 5\)"),
        (state | {"n_steps": np.full(N, -1)}, "0 or more"),
    ]:
        with pytest.raises(ValueError, match=match):
            stream.state = wrong
    stream.state = state  # nothing was lost
    np.testing.assert_array_equal(stream.step(X[:, 1]), expected)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("initial_state", ["zeros", "learned"])
def test_reset(X, pooling, initial_state):
    model = fitted(LSTMRegressor, X, pooling=pooling, initial_state=initial_state)
    stream = model.stream()
    with pytest.raises(ValueError, match="No step has come yet"):
        stream.reset(0)
    for t in range(3):
        stream.step(X[:, t])
    stream.reset([1, 4])
    for t in range(3, 6):
        answers = stream.step(X[:, t])
    expected = model.predict(X[:, :6].copy())
    expected[[1, 4]] = model.predict(X[[1, 4], 3:6])
    np.testing.assert_array_equal(answers, expected)
    for wrong in (N, -1, [0.5]):
        with pytest.raises(ValueError, match="numbers of streams, 0 to 6"):
            stream.reset(wrong)
    stream.reset()
    assert stream.n_streams is None
    np.testing.assert_array_equal(stream.step(X[:2, 0]), model.predict(X[:2, :1]))


def test_has_the_weights_of_its_moment(X):
    model = fitted(LSTMRegressor, X)
    stream, expected = model.stream(), model.predict(X[:, :1])
    model.weights_["head.b"][:] = 100
    model.set_params(hidden_size=3).fit(X, -X[:, 0, 0])
    np.testing.assert_array_equal(stream.step(X[:, 0]), expected)


def test_a_wrong_step_is_refused_and_changes_nothing(X):
    model = fitted(LSTMClassifier, X)
    stream = model.stream("predict_proba")
    for first in (True, False):
        for wrong, match in [
            (X[0], r"must have shape") if first is False else (X[0, 0, :2], r"must have shape \(3,\) for one stream or"),
            (X[:, 0, :2], "must have shape"),
            (X[:, 0].T, "must have shape"),
            (1.0, "must have shape"),
            ([["a"] * D] * N, "a"),
            (np.where(np.arange(D) == 1, np.nan, X[:, 0]), "NaN"),
            (np.where(np.arange(D) == 1, np.inf, X[:, 0]), "infinit"),
        ]:
            with pytest.raises(ValueError, match=match):
                stream.step(wrong)
        if first:
            stream.step(X[:, 0])
    with pytest.raises(ValueError, match=r"call reset\(\)"):
        stream.step(X[:2, 1])
    np.testing.assert_array_equal(stream.step(X[:, 1]), model.predict_proba(X[:, :2].copy()))


def test_what_cannot_stream_says_why(X):
    with pytest.raises(ValueError, match="begins at the end of a sequence"):
        fitted(LSTMRegressor, X, bidirectional=True).stream()
    with pytest.raises(ValueError, match="pooling='attention' cannot stream"):
        fitted(LSTMRegressor, X, pooling="attention").stream()
    with pytest.raises(ValueError, match="response_method must be one of 'predict', 'encode', got 'predict_proba'"):
        fitted(LSTMRegressor, X).stream("predict_proba")
    with pytest.raises(ValueError, match="not fitted"):
        LSTMRegressor().stream()


def test_a_large_network_and_batch(rng):
    X = rng.normal(size=(300, 3, 5))
    model = LSTMRegressor(130, num_layers=2, max_iter=1, random_state=0).fit(X[:20], X[:20, 0, 0])
    assert_streams(model, X, "predict")
