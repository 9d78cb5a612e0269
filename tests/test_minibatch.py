"""What training binds once: networks, minibatches and optimisers refuse what does not fit, and Python does little in between."""

import sys

import numpy as np
import pytest
from problems import Problem

from sklstm import LSTMRegressor
from sklstm._kernels import _losses, _minibatch, _optim, _pack

LENGTHS = [3, 1, 5, 5, 2]


@pytest.fixture
def problem(rng):
    return Problem([rng.normal(size=(n, 2)) for n in LENGTHS])


def minibatch(problem, **changes):
    data, loss = problem.data(), problem.loss.value_and_gradient
    arrays = {"offsets": data.sequences.offsets, "values": data.sequences.values, "shift": data.shift, "factor": data.factor}
    arrays |= {"targets": data.targets, "weights": data.weights}
    return _minibatch.Minibatch(*(arrays | changes).values(), loss)


def test_one_workspace_computes_any_number_of_gradients(problem):
    bound, batch = problem.ws.bound, minibatch(problem)
    gradients = np.full((2, len(problem.theta)), np.nan)
    for rows in ([2, 0], [1], [4, 3, 2, 1, 0]):
        batch.arrange(np.array(rows))
        totals = [batch.gradient(bound, 2.5, gradient) for gradient in gradients]
        assert totals[0] == totals[1]
        np.testing.assert_array_equal(*gradients)
    expected, _ = problem.gradients()
    np.testing.assert_allclose(gradients[0], expected * problem.weights.sum() / 2.5, rtol=1e-12)


def test_what_is_bound_stays_alive(problem):
    # Nothing else refers to the arrays: what points to them keeps them.
    batch = minibatch(problem, targets=problem.targets.copy(), weights=problem.weights.copy())
    network = problem.network.workspace(problem.theta.copy(), len(LENGTHS), sum(LENGTHS)).bound
    batch.arrange(np.arange(len(LENGTHS)))
    results = np.empty((2, len(problem.theta)))
    batch.gradient(network, 1.0, results[0])
    filler = [np.full(200, np.nan) for _ in range(1000)]
    batch.gradient(network, 1.0, results[1])
    assert len(filler) == 1000
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("rows", [[], [5], [-1]])
def test_a_minibatch_of_no_such_sequences(problem, rows):
    with pytest.raises(ValueError, match="offsets of these sequences"):
        minibatch(problem).arrange(np.array(rows, np.intp))


def test_what_does_not_fit_is_refused(problem):
    small, batch, grad = problem.network.workspace(problem.theta, 2, 7).bound, minibatch(problem), np.empty_like(problem.theta)
    with pytest.raises(ValueError, match="does not fit into the buffers"):
        batch.gradient(problem.ws.bound, 1.0, grad)  # none has been arranged
    assert batch.arrange(np.array([0, 1, 4])) == 6
    with pytest.raises(ValueError, match="does not fit into the buffers"):
        batch.gradient(small, 1.0, grad)
    assert batch.arrange(np.array([2, 3])) == 10
    with pytest.raises(ValueError, match="does not fit into the buffers"):
        batch.gradient(small, 1.0, grad)
    with pytest.raises(ValueError, match="must have shape"):
        batch.gradient(problem.ws.bound, 1.0, grad[1:])
    with pytest.raises(ValueError, match="at most 2 sequences and 7 rows, got 5 and 16"):
        small.run(problem.packed.starts, problem.packed.lengths, problem.values)
    with pytest.raises(ValueError, match="after a forward pass"):
        small.run_backward(grad)
    with pytest.raises(ValueError, match="targets of each sequence"):
        other = minibatch(problem, targets=problem.targets[1:], weights=problem.weights[1:])
        other.arrange(np.array([0]))
        other.gradient(problem.ws.bound, 1.0, grad)
    with pytest.raises(ValueError, match="must have shape"):
        minibatch(problem, shift=np.zeros(3))
    with pytest.raises(ValueError, match="another dtype"):
        narrow = problem.network.workspace(problem.theta.astype(np.float32), 5, 16).bound
        batch.gradient(narrow, 1.0, grad.astype(np.float32))


@pytest.mark.parametrize("n", [1, 7, 8, 9, 127, 128, 129, 1000])
def test_sums_over_a_minibatch(rng, n):
    weights, lengths, rows = rng.uniform(0.1, 2, size=2000), rng.integers(1, 9, size=2000), rng.integers(2000, size=n)
    assert _pack.total_weight(weights, rows) == pytest.approx(weights[rows].sum(), rel=1e-15)
    assert _pack.count_steps(lengths, rows) == lengths[rows].sum()


def test_optimisers_and_losses_refuse_other_dtypes():
    theta, grad = np.zeros(3), np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="must have shape"):
        _optim.Step("sgd", theta, grad, {"velocity": theta}, {"momentum": 0.9, "nesterov": True})
    with pytest.raises(ValueError, match="must have shape"):
        _optim.Penalty(0.1, [theta], [grad])
    with pytest.raises(ValueError, match="must have shape"):
        _losses.SquaredError()(np.zeros((2, 1)), np.zeros((2, 1)), np.ones(3), 1.0, np.zeros((2, 1)))


def calls_of_a_fit(n_minibatches):
    """Number of calls from Python, of functions of Python and of C, in a fit of that many minibatches of the same size."""
    X, calls = np.ones((4 * n_minibatches, 3, 2)), []
    model = LSTMRegressor(2, batch_size=4, max_iter=1, shuffle=False, random_state=0)
    model.fit(X, X[:, 0, 0])
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, arg: calls.append(event) if event in ("call", "c_call") else None)
    try:
        model.fit(X, X[:, 0, 0])
    finally:
        sys.setprofile(before)
    return len(calls)


def test_python_does_little_between_minibatches():
    few, many = calls_of_a_fit(10), calls_of_a_fit(60)
    assert (many - few) / 50 < 35  # what is inside a call of a kernel does not count
