"""Several poolings side by side: each pair, and all of them."""

import itertools
import pickle

import numpy as np
import pytest
from problems import Problem
from reference import central_differences, relative_error
from reference import scores as reference_scores
from rows import assert_same_rows
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.inspection import AttentionDisplay, integrated_gradients
from sklstm.network import POOLINGS, apply
from sklstm.parallel import Threads
from sklstm.training.gradient import GradientComputer

PAIRS = list(itertools.permutations(POOLINGS, 2))
SEVERAL = [*PAIRS, ("max", "attention", "last"), ("last", "mean", "max", "attention")]
CAUSAL = [names for names in SEVERAL if "attention" not in names]
# Both ways of a stack whose layers add their input; the first does not, as it is wider.
BIDIRECTIONAL = {"bidirectional": True, "merge_mode": "sum", "num_layers": 2, "residual": True}
DIRECTIONS = [{}, {"bidirectional": True}, {"bidirectional": True, "merge_mode": "sum"}]

several = pytest.mark.parametrize("pooling", SEVERAL, ids="+".join)


@pytest.fixture
def ragged(rng):
    return [rng.normal(size=(n, 2)) for n in (5, 1, 3, 4, 2, 5)]


def fitted(X, pooling, Estimator=LSTMClassifier, **params):
    return Estimator(4, pooling=pooling, **{"max_iter": 2, "random_state": 0} | params).fit(X, np.arange(len(X)) % 2)


def assert_same_fit(one, other, X):
    np.testing.assert_array_equal(one._theta, other._theta)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


@several
@pytest.mark.parametrize("direction", [*DIRECTIONS, BIDIRECTIONAL], ids=str)
def test_gradients_equal_central_differences(ragged, pooling, direction):
    options = dict(direction)
    problem = Problem(ragged, hidden_sizes=(3,) * options.pop("num_layers", 1), pooling=pooling, **options)
    of_theta, of_values = problem.gradients()
    assert relative_error(of_theta, central_differences(problem.mean_loss, problem.theta)) < 1e-8
    assert relative_error(of_values.ravel(), central_differences(problem.mean_loss, problem.values.reshape(-1))) < 1e-8


@several
@pytest.mark.parametrize("direction", DIRECTIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_equal_the_twin(ragged, pooling, direction, dtype):
    problem = Problem(ragged, hidden_sizes=(3, 3), dtype=dtype, pooling=pooling, **direction)
    network, theta = problem.network, problem.theta
    expected = reference_scores(network.layout.views(theta), ragged, 2, pooling=pooling, **direction)
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(problem.scores(), expected[problem.order], **tolerance)
    np.testing.assert_allclose(apply(network, theta, problem.sequences), expected, **tolerance)


def gradients(problem, bptt_steps):
    """Name -> gradient as training computes it, in chunks of so many steps."""
    data, rows = problem.data(), np.arange(len(problem.sequences))
    threads = Threads(1)
    computer = GradientComputer(problem.network, problem.loss, data, problem.theta, 0.0, threads, bptt_steps)
    computer(rows, None)
    return problem.network.layout.views(computer.grad)


@pytest.mark.parametrize("first, second", PAIRS)
@pytest.mark.parametrize("bptt_steps", [None, 2])
def test_a_pooling_that_the_head_ignores_changes_nothing(ragged, first, second, bptt_steps):
    pair, alone = Problem(ragged, pooling=(first, second)), Problem(ragged, pooling=first)
    weights, own = pair.network.layout.views(pair.theta), alone.network.layout.views(alone.theta)
    weights["head.V"][3:] = 0
    for name, view in own.items():
        view[...] = weights[name][:3] if name == "head.V" else weights[name]
    np.testing.assert_allclose(pair.scores(), alone.scores(), rtol=1e-14, atol=1e-15)
    of_pair, of_alone = gradients(pair, bptt_steps), gradients(alone, bptt_steps)
    for name, gradient in of_alone.items():
        found = of_pair[name][:3] if name == "head.V" else of_pair[name]
        # Summed in another order where both give gradients per step.
        np.testing.assert_allclose(found, gradient, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("name", POOLINGS)
def test_a_tuple_of_one_is_that_one(ragged, name):
    one, other = fitted(ragged, name), fitted(ragged, (name,))
    assert_same_fit(one, other, ragged)
    assert other._network_spec == one._network_spec
    assert other.weights_.keys() == one.weights_.keys()


@several
@pytest.mark.parametrize("params", [{}, {"cell": "gru", "num_layers": 2, "dropout": 0.3}, BIDIRECTIONAL], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fit_and_predict(ragged, pooling, params, dtype):
    X = [x.astype(dtype) for x in ragged]
    model = fitted(X, pooling, **params)
    assert model.weights_["head.V"].shape == (len(pooling) * 4, 1)
    assert model.encode(X).shape == (6, 4)
    together = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(sklstm.Sequences.from_list(X)), together)
    for k in range(len(X)):
        assert_same_rows(model.predict_proba(X[k : k + 1]), together[k : k + 1])
    for steps in (5, 7):
        if not params.get("bidirectional"):
            assert_same_fit(model, fitted(X, pooling, bptt_steps=steps, **params), X)
    assert_same_fit(model, fitted(X, list(pooling), n_jobs=2, **params), X)


@several
def test_truncation_changes_gradients_but_no_loss(ragged, pooling):
    """In chunks of two steps, which end in the middle of sequences: the loss before the first update is that of whole ones."""
    whole, truncated = (fitted(ragged, pooling, bptt_steps=steps) for steps in (None, 2))
    np.testing.assert_allclose(truncated.loss_curve_[0], whole.loss_curve_[0], rtol=1e-12)
    assert (whole._theta != truncated._theta).any()


@pytest.mark.parametrize("pooling", CAUSAL, ids="+".join)
@pytest.mark.parametrize("params", [{}, {"cell": "gru", "num_layers": 2}], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_has_the_bits_of_predict(rng, pooling, params, dtype):
    X = rng.normal(size=(6, 7, 2)).astype(dtype)
    model = fitted(X, pooling, **params)
    stream = model.stream("predict_proba")
    for t in range(7):
        found = stream.step(X[:2, t])
        np.testing.assert_array_equal(found, model.predict_proba(X[:2, : t + 1]))
        # The state, and a pickle, are all that the next step depends on.
        state, stream = stream.state, pickle.loads(pickle.dumps(stream))
        stream.reset()
        stream.state = state
        for name, part in stream.state.items():
            np.testing.assert_array_equal(part, state[name])
    pooled = sorted(name for name in stream.state if "pooled" in name)
    assert pooled == sorted(f"pooled.{name}" for name in pooling if name != "last")
    stream.reset(0)
    found = stream.step(X[2:4, 0])
    np.testing.assert_array_equal(found[0], model.predict_proba(X[2:3, :1])[0])


@pytest.mark.parametrize("name, value", [("pooled.mean", 1.0), ("pooled.max", 0.0)])
def test_a_stream_without_steps_has_no_pooled_values(ragged, name, value):
    stream = fitted(ragged, ("max", "last", "mean")).stream()
    stream.step(ragged[0][0])
    stream.reset(0)
    state = stream.state
    state[name] = state[name] + value if name == "pooled.mean" else np.full_like(state[name], value)
    with pytest.raises(ValueError, match=f"has had no step, so '{name}' must be"):
        stream.state = state


def test_attention_among_others(ragged):
    model = fitted(ragged, ("last", "attention"))
    assert {"attention.A", "attention.b", "attention.v"} < model.weights_.keys()
    found = model.attention(ragged)
    np.testing.assert_allclose(np.add.reduceat(found.values[:, 0], found.offsets[:-1]), 1)
    assert not hasattr(fitted(ragged, ("last", "max")), "attention")
    with pytest.raises(ValueError, match="cannot stream: 'attention' weights all steps again"):
        model.stream()
    pytest.importorskip("matplotlib").use("agg")
    AttentionDisplay.from_estimator(model, ragged)


@pytest.mark.parametrize("pooling", [("last", "max"), ("mean", "attention")])
def test_integrated_gradients_are_complete(ragged, pooling):
    explained = integrated_gradients(fitted(ragged, pooling, LSTMRegressor), ragged)
    sums = np.add.reduceat(explained.attributions.values.sum(axis=1), explained.attributions.offsets[:-1])
    np.testing.assert_allclose(sums, explained.outputs - explained.baseline_outputs, atol=1e-3)


@pytest.mark.parametrize("pooling", [("last", "max"), ["mean", "attention"]])
def test_copies_and_files(ragged, pooling, tmp_path):
    model = fitted(ragged, pooling)
    assert clone(model).get_params()["pooling"] == pooling
    sklstm.save(model, tmp_path / "model.sklstm")
    for copy in (sklstm.load(tmp_path / "model.sklstm"), pickle.loads(pickle.dumps(model)), clone(model).fit(ragged, [0, 1] * 3)):
        assert copy.pooling == pooling
        assert_same_fit(model, copy, ragged)


@pytest.mark.parametrize("again", [("last", "max"), ["last", "max"]])
def test_a_fit_continues(ragged, again):
    y = [0, 1] * 3
    model = fitted(ragged, ("last", "max"), warm_start=True).set_params(pooling=again, max_iter=3).fit(ragged, y)
    with pytest.raises(ValueError, match="pooling"):
        model.set_params(pooling=("max", "last")).fit(ragged, y)


def test_a_search_over_poolings(ragged):
    candidates = ["last", ("last",), ("last", "max"), ["mean", "attention"]]
    search = GridSearchCV(LSTMClassifier(2, max_iter=1, random_state=0), {"pooling": candidates}, cv=2).fit(ragged, [0, 1] * 3)
    assert [params["pooling"] for params in search.cv_results_["params"]] == candidates
    assert search.best_estimator_.get_params()["pooling"] in candidates


@pytest.mark.parametrize("pooling", [("last", "max"), ("last",), "last"])
def test_every_step_has_no_pooling(ragged, pooling):
    model = LSTMClassifier(3, return_sequences=True, pooling=pooling, max_iter=1, random_state=0)
    model.fit(ragged, [np.arange(len(x)) % 2 for x in ragged])
    assert model.weights_["head.V"].shape == (3, 1)


@pytest.mark.parametrize("pooling", [(), [], ("last", "last"), ("last", "min"), ("last", None), (["last"],)], ids=str)
def test_what_is_no_pooling_is_refused(ragged, pooling):
    with pytest.raises(ValueError, match=r"pooling must be one of 'last', .* or a tuple of different ones"):
        fitted(ragged, pooling)
