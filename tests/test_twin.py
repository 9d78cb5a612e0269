"""Equality with the slow twin in reference.py: scores, whatever the network is made of; and truncated gradients, every cell's.

That whole gradients are right is in test_gradients.py; that truncated ones equal PyTorch's, in test_torch.py.
"""

from itertools import pairwise

import numpy as np
import pytest
import reference
from problems import Problem
from reference import central_differences, relative_error

from sklstm.network import ACTIVATIONS, CELLS, POOLINGS, apply
from sklstm.parallel import Threads
from sklstm.training.gradient import GradientComputer

DIRECTIONS = {
    "forward": {},
    "concat": {"bidirectional": True, "merge_mode": "concat"},
    "sum": {"bidirectional": True, "merge_mode": "sum"},
}
# Of layers of 3 units on 3 channels, so that `residual` applies from the first layer on (side by side: from the second).
OPTIONS = {
    "two layers": {"hidden_sizes": (3, 4)},
    "learned state": {"learned_state": True},
    "residual": {"residual": True, "hidden_sizes": (3, 3)},
    "one category": {"categories": ((1, 5, 2),)},
    "two categories": {"categories": ((0, 4, 2), (2, 3, 1))},
    "missing": {"missing": "indicator", "categories": ((1, 5, 2),)},
    "missing, decays": {"missing": "decay", "timed": True},
    "times": {"timed": True, "categories": ((1, 5, 2),)},
    "static": {"static_size": 3, "static_categories": ((1, 4, 2),), "learned_state": True},
    # Two numeric channels and a vector of four are as wide as two directions of three units.
    "everything": {"residual": True, "hidden_sizes": (3, 3, 3), "learned_state": True, "categories": ((1, 5, 4),)},
}
BATCHES = {"ragged": [3, 1, 5, 5, 2, 1, 7], "one step": [1, 1], "one sequence": [6], "equal": [4] * 9}

each_cell = pytest.mark.parametrize("cell", CELLS)
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
each_direction = pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS.keys())
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
each_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def tolerance(dtype):
    """100 units in the last place: a sum of some dozen products is a few, and a recurrence that expands makes 20 of them."""
    return 100 * np.finfo(dtype).eps


def draw(rng, lengths):
    return [rng.normal(size=(length, 3)) for length in lengths]


def slow(problem):
    """Arguments of the twin's functions for a problem: weights, sequences and options."""
    network = problem.network
    weights = {name: view.astype(np.float64) for name, view in network.layout.views(problem.theta).items()}
    sequences = np.split(problem.values.astype(np.float64), problem.sequences.offsets[1:-1])
    names = ("cell", "activation", "bidirectional", "merge_mode", "residual")
    options = {"num_layers": len(network.layers)} | {name: getattr(network, name) for name in names}
    gaps = [None] * len(sequences)
    if network.gap_channel is not None:
        sequences, gaps = zip(*((x[:, :-1], x[:, -1]) for x in sequences), strict=True)
    return weights, sequences, gaps, options


def assert_scores_equal(problem):
    weights, sequences, gaps, options = slow(problem)
    options |= {"pooling": problem.network.pooling, "gaps": None if gaps[0] is None else gaps}
    static = None if problem.static is None else problem.static.astype(np.float64)
    expected = reference.scores(weights, sequences, static=static, **options)[problem.order]
    error = relative_error(problem.scores(), expected)
    assert error < tolerance(problem.dtype), problem.network
    error = relative_error(apply(problem.network, problem.theta, problem.sequences)[problem.order], expected)
    assert error < tolerance(problem.dtype), problem.network


@each_cell
@each_activation
@each_direction
@each_dtype
@pytest.mark.parametrize("hidden_size", [3, 16, 37])
def test_scores(rng, cell, activation, direction, dtype, hidden_size):
    sequences = draw(rng, BATCHES["ragged"])
    for pooling in [*POOLINGS, None]:
        choice = {"hidden_sizes": (hidden_size,), "cell": cell, "activation": activation, "pooling": pooling}
        assert_scores_equal(Problem(sequences, dtype=dtype, **choice, **direction))


@each_cell
@each_activation
@each_direction
@each_dtype
@each_option
def test_scores_with_options(rng, cell, activation, direction, dtype, options):
    sequences = draw(rng, BATCHES["ragged"])
    for pooling in [*POOLINGS, None]:
        choice = {"cell": cell, "activation": activation, "pooling": pooling}
        assert_scores_equal(Problem(sequences, dtype=dtype, **choice, **direction, **options))


@each_cell
@each_direction
@pytest.mark.parametrize("batch", BATCHES)
def test_scores_of_other_batches(rng, cell, direction, batch):
    for pooling in [*POOLINGS, None]:
        assert_scores_equal(Problem(draw(rng, BATCHES[batch]), cell=cell, pooling=pooling, **direction, **OPTIONS["everything"]))


@each_cell
@each_direction
@pytest.mark.parametrize("learned_state", [False, True])
def test_scores_of_long_sequences(rng, cell, direction, learned_state):
    # Several of the kernels' chunks of time (256 kB of gates), where sequences end, and begin in the reverse direction.
    sequences = draw(rng, rng.integers(20, 40, size=60))
    problem = Problem(sequences, hidden_sizes=(37,), cell=cell, pooling="mean", learned_state=learned_state, **direction)
    problem.theta *= 0.2  # a recurrence that expands would, over so many steps, leave nothing of its rounding errors
    assert_scores_equal(problem)


@each_cell
@each_direction
@each_option
def test_end_states_and_attention(ragged, cell, direction, options):
    problem = Problem(ragged, cell=cell, pooling="attention", **direction, **options)
    weights, sequences, gaps, choice = slow(problem)
    vectors = [None] * len(sequences)
    if problem.static is not None:
        vectors = [reference.static_vector(weights, row) for row in problem.static]
    parts = zip(sequences, vectors, gaps, strict=True)
    outputs, ends = zip(*(reference.outputs(weights, x, s=s, gaps=own, **choice) for x, s, own in parts), strict=True)
    end_states = apply(problem.network, problem.theta, problem.sequences, "end_states")
    assert relative_error(end_states, np.array(ends)) < tolerance(np.float64)
    alpha = apply(problem.network, problem.theta, problem.sequences, "attention")[:, 0]
    expected = np.concatenate([reference.attention(reference.part(weights, "attention."), y) for y in outputs])
    assert relative_error(alpha, expected) < tolerance(np.float64)


# ---- truncated back-propagation through time ----


def gradient_computer(problem, bptt_steps):
    return GradientComputer(problem.network, problem.loss, problem.data(), problem.theta, 0.0, Threads(1), bptt_steps)


# What training draws random numbers for.
DRAWS = {"dropout": 0.4, "recurrent_dropout": 0.3, "categories": ((1, 5, 2),)}
DRAWS |= {"static_size": 3, "static_categories": ((1, 4, 2),)}


@each_cell
@each_activation
@pytest.mark.parametrize("pooling", [*POOLINGS, None])
@pytest.mark.parametrize("options", [{}, OPTIONS["everything"], DRAWS], ids=["plain", "everything", "random"])
def test_chunks_longer_than_the_sequences_change_no_bit(ragged, rng, cell, activation, pooling, options):
    problem = Problem(ragged, cell=cell, activation=activation, pooling=pooling, **{"hidden_sizes": (3, 4)} | options)
    rows = rng.permutation(len(ragged))
    whole = gradient_computer(problem, None)
    expected = whole(rows, np.random.default_rng(1))
    for bptt_steps in (7, 8, 100):
        truncated = gradient_computer(problem, bptt_steps)
        assert truncated(rows, np.random.default_rng(1)) == expected
        np.testing.assert_array_equal(truncated.grad, whole.grad)


@each_cell
@each_activation
@pytest.mark.parametrize("pooling", [*POOLINGS, None])
@pytest.mark.parametrize("options", [OPTIONS[name] for name in ("learned state", "residual", "static")])
def test_truncation_leaves_the_loss_as_it_is(ragged, rng, cell, activation, pooling, options):
    problem = Problem(ragged, cell=cell, activation=activation, pooling=pooling, **options)
    rows = np.arange(len(ragged))
    expected, _ = gradient_computer(problem, None)(rows, rng)
    for bptt_steps in (1, 2, 5):
        # The same steps in other products: equal up to rounding.
        assert gradient_computer(problem, bptt_steps)(rows, rng)[0] == pytest.approx(expected, rel=1e-12)


@each_cell
@each_activation
@pytest.mark.parametrize("bptt_steps", [1, 3])
def test_truncated_gradient_is_that_of_the_chunks_alone(rng, cell, activation, bptt_steps):
    # Each chunk a sequence of its own, begun with the state that the one before left as a learned state, through which
    # nothing is passed back.
    problem = Problem(draw(rng, [7]), cell=cell, activation=activation, pooling=None)
    truncated = gradient_computer(problem, bptt_steps)
    truncated(np.array([0]), rng)
    problem.scores()
    ws, expected = problem.ws.layers[0], 0
    bounds = sorted({0, *range(7, 0, -bptt_steps)})
    for first, last in pairwise(bounds):
        chunk = Problem([problem.values[first:last]], cell=cell, activation=activation, pooling=None, learned_state=True)
        parameters = chunk.network.layout.views(chunk.theta)
        for name, value in problem.network.layout.views(problem.theta).items():
            parameters[name][...] = value
        for state, rows in (("h0", ws.h[0]), ("c0", ws.c[0])):
            if f"layer_0.{state}" in parameters:
                parameters[f"layer_0.{state}"][...] = rows[first - 1] if first else 0
        chunk.targets, chunk.weights = problem.targets[first:last], problem.weights[first:last]
        gradients = chunk.network.layout.views(chunk.gradients()[0])
        share = chunk.weights.sum() / problem.weights.sum()
        expected = expected + share * np.concatenate([gradients[name].ravel() for name in problem.network.layout.slices])
    assert relative_error(truncated.grad, expected) < tolerance(np.float64)


@each_cell
def test_truncation_passes_the_first_chunk_back_to_static_features(rng, cell):
    # And what later steps say of the scores.
    problem = Problem(draw(rng, [7]), cell=cell, pooling=None, **OPTIONS["static"])
    truncated, views = gradient_computer(problem, 3), problem.network.layout.views
    truncated(np.array([0]), rng)
    total, problem.weights[1:] = problem.weights.sum(), 0  # of the first chunk, of one step
    first = views(problem.gradients()[0])
    share = problem.weights[0] / total
    assert relative_error(views(truncated.grad)["layer_0.S"], share * first["layer_0.S"]) < tolerance(np.float64)
    assert relative_error(views(truncated.grad)["static.V"], share * first["static.V"]) > 0.01


@pytest.mark.parametrize("pooling", [*POOLINGS, None])
@pytest.mark.parametrize(
    "options", [DRAWS, DRAWS | {"residual": True, "hidden_sizes": (4, 4), "learned_state": True}], ids=["random", "residual"]
)
def test_truncated_gradient_with_dropout(ragged, rng, pooling, options):
    # With R = 0 a vanilla cell passes nothing back from step to step: the truncated gradient is the whole one, if the chunks are
    # computed the second time with the masks of the first.
    problem = Problem(ragged, cell="rnn", pooling=pooling, **{"hidden_sizes": (3, 4)} | options)
    for name, part in problem.network.layout.slices.items():
        if name.endswith("R"):
            problem.theta[part] = 0
    truncated, rows = gradient_computer(problem, 2), rng.permutation(len(ragged))

    def mean_loss():
        total, total_weight = truncated(rows, np.random.default_rng(1))
        return total / total_weight

    # Points close together, so that no kink of max is between them; their rounding is 1e-11.
    numeric = central_differences(mean_loss, problem.theta, 1e-5)
    mean_loss()
    for name, part in problem.network.layout.slices.items():
        if name not in ("input.scale", "input.offset", "static.scale", "static.offset"):
            assert np.linalg.norm(truncated.grad[part] - numeric[part]) <= 1e-6 * np.linalg.norm(numeric[part]) + 1e-9, name
