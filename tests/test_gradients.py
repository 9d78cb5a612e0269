"""Gradients against central differences, before anything is trained."""

import itertools

import numpy as np
import pytest
from problems import Problem
from reference import central_differences, relative_error

from sklstm._kernels.threads import Threads
from sklstm.network import LOSSES
from sklstm.training import Data
from sklstm.training import batching as batching_module
from sklstm.training.gradient import GradientComputer

DIRECTIONS = [{}, {"bidirectional": True, "merge_mode": "concat"}, {"bidirectional": True, "merge_mode": "sum"}]
BATCHES = {
    "ragged": [3, 1, 5, 5, 2, 1, 7],
    "equal": [4, 4, 4],
    "one step": [1, 1],
    "one sequence": [6],
}


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize(
    ("hidden_sizes", "direction", "pooling", "loss"),
    list(itertools.product([(3,), (3, 2)], DIRECTIONS, ["last", "mean", "max"], LOSSES)),
)
def test_every_gradient_equals_central_differences(rng, hidden_sizes, direction, pooling, loss, batch):
    # The differences are good to 1e-12 absolutely and the smallest of these gradients have a norm of 1e-5, so 1e-6
    # shows any error.
    sequences = [rng.normal(size=(length, 2)) for length in BATCHES[batch]]
    problem = Problem(sequences, loss, hidden_sizes, pooling=pooling, **direction)
    grad, dx = problem.gradients()
    numeric = central_differences(problem.mean_loss, problem.theta)
    views, numeric_views = problem.network.layout.views(grad), problem.network.layout.views(numeric)
    for name in views:
        assert relative_error(views[name], numeric_views[name]) <= 1e-6, name
    numeric_dx = central_differences(problem.mean_loss, problem.values.reshape(-1)).reshape(dx.shape)
    assert relative_error(dx, numeric_dx) <= 1e-6


@pytest.mark.parametrize("hidden_size", [1, 5, 16, 17, 40])
@pytest.mark.parametrize("n_sequences", [1, 7, 13, 30])
def test_gradient_of_wide_layers_along_random_directions(rng, hidden_size, n_sequences):
    # Widths and row counts around the kernels' tile sizes; a directional derivative checks all parameters at once.
    sequences = [rng.normal(size=(length, 3)) for length in rng.integers(1, 9, size=n_sequences)]
    problem = Problem(sequences, "multinomial_log_loss", (hidden_size, hidden_size), bidirectional=True)
    grad, _ = problem.gradients()
    for _ in range(3):
        direction = rng.normal(size=len(grad))
        direction /= np.linalg.norm(direction)
        theta, step = problem.theta.copy(), 1e-5
        losses = []
        for sign in (1, -1):
            problem.theta[:] = theta + sign * step * direction
            losses.append(problem.mean_loss())
        problem.theta[:] = theta
        # A direction may be almost orthogonal to the gradient: compare on the scale of the gradient.
        assert abs((losses[0] - losses[1]) / (2 * step) - grad @ direction) <= 1e-7 * np.linalg.norm(grad)


def test_long_sequences_cross_chunks_of_time(rng):
    # 400 steps of 20 rows with 4 * 40 gates are several chunks of time: the seams must not show.
    sequences = [rng.normal(size=(length, 2)) for length in rng.integers(200, 400, size=20)]
    problem = Problem(sequences, "squared_error", (40,), bidirectional=True, pooling="mean")
    problem.theta *= 0.2
    grad, _ = problem.gradients()
    direction = rng.normal(size=len(grad)) / np.sqrt(len(grad))
    theta, step, losses = problem.theta.copy(), 1e-5, []
    for sign in (1, -1):
        problem.theta[:] = theta + sign * step * direction
        losses.append(problem.mean_loss())
    assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(grad @ direction, rel=1e-7)


def as_data(problem):
    d = problem.network.input_size
    return Data(problem.sequences, problem.targets, problem.weights, np.zeros(d), np.ones(d))


def test_penalty_is_half_alpha_of_squared_weights_without_biases(ragged):
    problem = Problem(ragged, "squared_error", (3,))
    gradient = GradientComputer(problem.network, problem.loss, as_data(problem), problem.theta, 0.3, Threads(1))
    rows = np.arange(len(ragged))
    total, total_weight = gradient(rows)
    weights = [value for name, value in problem.network.layout.views(problem.theta).items() if not name.endswith("b")]
    penalty = 0.5 * 0.3 * sum((value**2).sum() for value in weights) / total_weight
    assert total / total_weight == pytest.approx(problem.mean_loss() + penalty, rel=1e-12)
    numeric = central_differences(lambda: gradient(rows)[0] / total_weight, problem.theta)
    gradient(rows)
    assert relative_error(gradient.grad, numeric) <= 1e-6


def test_shards_add_up_to_the_gradient_of_the_minibatch(rng, monkeypatch):
    sequences = [rng.normal(size=(length, 3)) for length in rng.integers(1, 30, size=100)]
    problem = Problem(sequences, "multinomial_log_loss", (5,))
    rows = rng.permutation(100)
    whole, _ = problem.gradients()
    monkeypatch.setattr(batching_module, "SHARD_FLOPS", 1.0)
    assert len(batching_module.shards(rows, problem.sequences.lengths, problem.network)) == 6
    for n_threads in (1, 2):
        with Threads(n_threads) as threads:
            gradient = GradientComputer(problem.network, problem.loss, as_data(problem), problem.theta, 0.0, threads)
            gradient(rows)
        # The same sum in another order: equal up to rounding.
        assert relative_error(gradient.grad, whole) < 1e-14
