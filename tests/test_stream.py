"""Streams: each step returns what the method returns for the steps so far, with the same bits."""

import array
import copy
import ctypes
import gc
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest
from rows import assert_same_rows

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.estimators.streaming import Stream

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
        assert_same_rows(batch.step(X[:, t]), expected)
        assert_same_rows(alone.step(X[1, t]), expected[1:2])


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
        {"hidden_size": (17, 6), "proj_size": 5, "residual": True, "initial_state": "learned", "pooling": ("last", "mean")},
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
    for wrong in (N, -1, [0.5], 2**70, np.uint64(2**63), [True], [[0], [0, 1]], "0", [[0]], []):
        with pytest.raises(ValueError, match="numbers of streams, 0 to 6"):
            stream.reset(wrong)
    stream.reset()
    assert stream.n_streams is None
    np.testing.assert_array_equal(stream.step(X[:2, 0]), model.predict(X[:2, :1]))


def test_has_the_weights_of_its_moment(X):
    model = fitted(LSTMRegressor, X)
    stream, expected = model.stream(), model.predict(X[:, :1])
    model.set_weights({"head.b": [100] * len(model.weights_["head.b"])})
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


# ---- nothing unchecked reaches a kernel ----


def univariate(rng, dtype, **options):
    X = rng.normal(size=(12, 6, 1)).astype(dtype)
    return X, LSTMRegressor(4, max_iter=1, random_state=0, **options).fit(X, X.sum(axis=(1, 2)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cell", ["lstm", "layernorm"])
def test_a_scalar_is_no_step(rng, dtype, cell):
    X, model = univariate(rng, dtype, cell=cell)
    kind = ctypes.c_float if dtype is np.float32 else ctypes.c_double
    number = X[1, 1, 0]
    scalars = [number, np.array(number), memoryview(np.array(number)), kind(number), float(number), 1, np.float16(1), np.array(1)]
    for encoded in (False, True):
        stream = model.stream("encode" if encoded else "predict")
        for n_steps in (1, 2):
            for scalar in scalars:
                with pytest.raises(ValueError, match=r"It has shape \(\)\. Pass a single number x as \[x\]\."):
                    stream.step(scalar)
            stream.step([number])  # as the message says
            assert stream.state["n_steps"].tolist() == [n_steps]


class Lender:
    """An exporter of NumPy's: a buffer without a type that anyone checks."""

    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__
        self.kept = array


def test_any_buffer_is_read_as_what_it_is_or_refused(X):
    model = fitted(LSTMRegressor, X, pooling="last")  # whose state before the first step is all zeros
    x = X[0, 0].copy()
    expected = model.predict(X[:1, :1])
    wide = np.zeros((D, 2))
    wide[:, 0] = x
    backwards = x[::-1].copy()[::-1]
    read_only = x.copy()
    read_only.flags.writeable = False
    same = [
        x, read_only, memoryview(x), memoryview(x).cast("B").cast("d"), array.array("d", x), backwards, wide[:, 0],
        x.astype(x.dtype.newbyteorder()), Lender(x), (ctypes.c_double * D)(*x), np.ma.array(x), x.astype(object), tuple(x),
        np.asarray(x[np.newaxis], order="F"),
    ]  # fmt: skip
    stream = model.stream()
    stream.step(x)
    for form in same:
        stream.state = {name: np.zeros_like(part) for name, part in stream.state.items()}
        np.testing.assert_array_equal(stream.step(form), expected)
    wrong = [
        x.view("V8"), x.view(np.int64).view("M8[s]"), x.view(np.int64).view("m8[s]"), x[:0], x[:, np.newaxis], x.tobytes(),
        np.ma.array(x, mask=[0, 1, 0]), x + 0j, "abc", None, {}, [[1.0], [2.0, 3.0]], [x, x[:2]], object(), np.zeros((0, D)),
        np.zeros((1, 1, D)), memoryview(b"12"), array.array("b", b"123456789012345678901234"),
    ]  # fmt: skip
    for form in wrong:
        with pytest.raises(ValueError):
            stream.step(form)
    assert stream.state["n_steps"].tolist() == [1]


class Meddler:
    """A step that changes the stream while it is read."""

    def __init__(self, change, x):
        self.change, self.x = change, x

    def __array__(self, dtype=None, copy=None):
        self.change()
        return self.x


def test_a_step_that_changes_the_stream_while_it_is_read(X):
    model = fitted(LSTMRegressor, X)
    stream = model.stream()
    stream.step(X[:2, 0])
    larger = model.stream()
    larger.step(X[:, 0])
    for change in (stream.reset, lambda: setattr(stream, "state", larger.state), lambda: stream.step(X[: stream.n_streams, 1])):
        n = stream.n_streams or 2
        assert stream.step(Meddler(change, X[:n, 1])).shape == (n,)


HOSTILE = {
    "NaN": lambda state: state | {"layer_0.h": np.full((N, 6), np.nan)},
    "infinite c": lambda state: state | {"layer_0.c": np.full((N, 6), np.inf)},
    "infinite sum": lambda state: state | {"pooled": np.full((N, 6), -np.inf)},
    "too large for the dtype": lambda state: state | {"layer_0.h": np.full((N, 6), 1e300)},
    "largest count": lambda state: state | {"n_steps": np.full(N, 2**63 - 1)},
    "count beyond integers": lambda state: state | {"n_steps": np.full(N, 2**63, np.uint64)},
    "huge count": lambda state: state | {"n_steps": [2**70] * N},
    "negative count": lambda state: state | {"n_steps": np.full(N, -(2**63))},
    "part of a step": lambda state: state | {"n_steps": np.full(N, 1.5)},
    "whole floats": lambda state: state | {"n_steps": np.full(N, 4.0)},
    "truth values": lambda state: state | {"n_steps": np.ones(N, bool)},
    "texts": lambda state: state | {"layer_0.h": np.full((N, 6), "0.5")},
    "objects": lambda state: state | {"layer_0.h": np.full((N, 6), 0.5, object)},
    "complex": lambda state: state | {"layer_0.h": np.full((N, 6), 0.5 + 1j)},
    "times": lambda state: state | {"layer_0.h": np.zeros((N, 6), "m8[s]")},
    "masked": lambda state: state | {"layer_0.h": np.ma.array(np.zeros((N, 6)), mask=True)},
    "ragged": lambda state: state | {"layer_0.h": [[0.0] * 6] * (N - 1) + [[0.0]]},
    "None": lambda state: state | {"layer_0.h": None},
    "fewer rows": lambda state: state | {"layer_0.h": np.zeros((N - 1, 6))},
    "one dimension": lambda state: state | {"layer_0.h": np.zeros(N * 6)},
    "no streams": lambda state: {name: part[:0] for name, part in state.items()},
    "a sum of no steps": lambda state: state | {"n_steps": np.zeros(N, int)},
    "a part too many": lambda state: state | {"layer_1.h": np.zeros((N, 6))},
    "no dict": lambda state: list(state.values()),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_hostile_state_is_refused_and_changes_nothing(X, kind, pooling):
    stream = fitted(LSTMRegressor, X.astype(np.float32), pooling=pooling).stream()
    stream.step(X[:, 0])
    before = stream.state
    hostile = HOSTILE[kind](stream.state)
    with pytest.raises(ValueError, match="state"):
        stream.state = hostile
    saved = stream.__getstate__() | {"state": hostile}
    with pytest.raises(ValueError, match="state"):
        Stream.__new__(type(stream)).__setstate__(saved)
    for name, part in stream.state.items():
        np.testing.assert_array_equal(part, before[name])


def test_a_damaged_pickle_is_refused(X):
    saved = fitted(LSTMRegressor, X).stream().__getstate__()
    theta = saved["model"]._theta
    damaged = [saved | {"model": None}, saved | {"model": LSTMRegressor()}, {}, [1], saved | {"response_method": "score"}]
    for wrong in (theta[:-1], np.append(theta, 0), theta.astype(int), theta[np.newaxis], theta.astype(object)):
        model = copy.copy(saved["model"])
        model._theta = wrong
        damaged.append(saved | {"model": model})
    for state in damaged:
        with pytest.raises(ValueError, match=r"Make a new stream|weights must be|response_method"):
            Stream.__new__(Stream).__setstate__(state)


def test_states_as_lists_and_of_streams_that_begin(X):
    """What JSON makes of a state; and a stream that begins beside others that go on."""
    for pooling in ("last", "mean", "max"):
        model = fitted(LSTMRegressor, X.astype(np.float32), pooling=pooling)
        stream = model.stream()
        stream.step(X[:, 0])
        other = model.stream()
        other.state = {name: part.tolist() for name, part in stream.state.items()}
        stream.reset(2)
        pickle.loads(pickle.dumps(stream)).step(X[:, 1])
        for name, part in stream.state.items():
            np.testing.assert_array_equal(np.isfinite(part).all(), pooling != "max" or name != "pooled")
        expected = model.predict(X[:, :2])
        np.testing.assert_array_equal(other.step(X[:, 1]), expected)
        other.state = {name: part[0] if name == "n_steps" else part[:1] for name, part in other.state.items()}
        assert other.n_streams == 1


# ---- what streams share ----


def test_streams_of_one_model_share_its_weights(X):
    model = fitted(LSTMClassifier, X)
    first, second = model.stream("predict_proba"), model.stream("encode")
    assert first._served is second._served
    for stream in (first, second):
        stream.step(X[:, 0])
    assert first._begun[0].weights is second._begun[0].weights
    for other in (copy.copy(first), copy.deepcopy(first)):
        assert other._begun[0].weights is first._begun[0].weights
        np.testing.assert_array_equal(other.step(X[:, 1]), model.predict_proba(X[:, :2].copy()))
    np.testing.assert_array_equal(first.step(X[:, 1]), model.predict_proba(X[:, :2].copy()))
    a, b = pickle.loads(pickle.dumps([first, second]))
    assert a._served is b._served


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_later_streams_have_what_the_model_has_become(X, pooling):
    """Whatever changes it; and earlier ones go on as they were."""
    model = fitted(LSTMClassifier, X, pooling=pooling, initial_state="learned")

    def relabel():
        model.classes_ = np.array(["a", "b", "c"])

    def edit():
        model.set_weights({"head.V": -2 * model.weights_["head.V"]})

    def edit_again():
        model.set_weights({"layer_0.h0": 1 + model.weights_["layer_0.h0"]})

    y = np.arange(N) % 3
    changes = [relabel, edit, edit_again, lambda: model.fit(X, y), lambda: model.partial_fit(X, y)]
    changes += [lambda: model.set_params(n_channels=2)]
    streams, expected = [], []
    for change in changes:
        streams.append((model.stream("predict"), model.stream("predict_proba")))
        expected.append((model.predict(X[:, :2].copy()), model.predict_proba(X[:, :2].copy())))
        change()
    for pair, answers in zip(streams, expected, strict=True):
        for stream, answer in zip(pair, answers, strict=True):
            stream.step(X[:, 0])
            np.testing.assert_array_equal(stream.step(X[:, 1]), answer)


def test_a_pickle_has_nothing_of_training(X):
    model = fitted(LSTMRegressor, X, hidden_size=40, max_iter=3)
    stream = model.stream()
    stream.step(X[:, 0])
    pickled = pickle.dumps(stream)
    assert len(pickled) < 1.5 * model._theta.nbytes + 4 * N * 40 * 8
    assert not {"_state", "history_"} & set(vars(pickle.loads(pickled)._served.model))


def test_a_new_state_keeps_the_engine(X):
    stream = fitted(LSTMRegressor, X).stream()
    stream.step(X[:, 0])
    engine, state = stream._begun[0], stream.state
    stream.step(X[:, 1])
    stream.state = state
    assert stream._begun[0] is engine
    stream.state = {name: part[:2] for name, part in state.items()}
    assert stream._begun[0] is not engine


def test_a_model_and_its_streams_can_be_collected(X):
    model = fitted(LSTMRegressor, X)
    stream, theta = model.stream(), weakref.ref(model._theta)
    stream.step(X[:, 0])
    expected = model.predict(X[:, :2].copy())
    del model
    gc.collect()
    assert theta() is None
    np.testing.assert_array_equal(stream.step(X[:, 1]), expected)
    kept = weakref.ref(stream._served)
    del stream
    gc.collect()
    assert kept() is None


def test_memory_of_many_streams():
    """At H = 128 in float64, 10 KB each: the state is 5 KB."""
    pytest.importorskip("resource")
    script = """
        import resource, sys
        import numpy as np
        from sklstm import LSTMRegressor

        X = np.random.default_rng(0).normal(size=(8, 3, 4))
        model = LSTMRegressor(128, max_iter=1, random_state=0).fit(X, X[:, 0, 0])
        x = X[0, 0].copy()
        model.stream().step(x)
        unit = 1 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        streams = [model.stream() for _ in range(1000)]
        for stream in streams:
            stream.step(x)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit)
    """
    run = subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert int(run.stdout) < 1000 * 10_000


def test_threads_that_use_one_stream(X):
    """Which is not what it is for: the order of the steps is anybody's guess, but nothing breaks."""
    model = fitted(LSTMRegressor, X, pooling="mean")
    stream, errors = model.stream(), []
    states = []
    for n in (1, 2, N):
        stream.reset()
        stream.step(X[:n, 0])
        states.append(stream.state)

    def work(k):
        try:
            for j in range(200):
                if k == 0:
                    stream.state = states[j % 3]
                else:
                    try:
                        stream.step(X[: (1, 2, N)[j % 3], 0])
                        stream.state  # noqa: B018
                    except ValueError as error:
                        assert "must have shape" in str(error)
                if k == 1 and j % 50 == 0:
                    stream.reset()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
