"""Where a minibatch holds all sequences, a weight of two is the sequence twice, in the same bits, whatever the order."""

import itertools

import numpy as np
import pytest

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.estimators.target import _sortable
from sklstm.network import CELLS, POOLINGS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, WEIGHTS = 9, np.array([2, 1, 0, 3, 1, 0, 2, 1, 4])


@pytest.fixture
def sequences(rng):
    return [rng.integers(0, 9, size=(length, 2)).astype(float) for length in rng.integers(1, 6, size=N)]


def assert_repeats_are_weights(Estimator, sequences, y, rng, *, weight=None, max_iter=5, **parameters):
    """Fits of the sequences by weight, of their repetitions, and of those in another order."""
    rows = np.repeat(np.arange(N), WEIGHTS)
    shuffled = rng.permutation(rows)
    scale = 1.0 if weight is None else weight
    fits = {}
    for name, chosen, weights in [
        ("weighted", np.arange(N), scale * WEIGHTS),
        ("repeated", rows, None if weight is None else np.full(len(rows), weight)),
        ("shuffled", shuffled, None if weight is None else np.full(len(rows), weight)),
    ]:
        model = Estimator(3, max_iter=max_iter, random_state=0, **parameters)
        fits[name] = model.fit([sequences[i] for i in chosen], [y[i] for i in chosen], sample_weight=weights)
    for model in fits.values():
        assert model.loss_curve_ == fits["weighted"].loss_curve_
        for name, value in model.weights_.items():
            np.testing.assert_array_equal(value, fits["weighted"].weights_[name], err_msg=name)


@pytest.mark.parametrize(("cell", "depth", "pooling"), [*itertools.product(CELLS, (1, 2), POOLINGS)])
def test_every_cell_depth_and_pooling(sequences, rng, cell, depth, pooling):
    parameters = {"cell": cell, "num_layers": depth, "pooling": pooling}
    assert_repeats_are_weights(LSTMClassifier, sequences, list("abcabcabc"), rng, **parameters)
    assert_repeats_are_weights(LSTMRegressor, sequences, rng.normal(size=N), rng, **parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.5, "recurrent_dropout": 0.5, "num_layers": 2},
        {"categorical_features": [0], "embedding_dim": 2},
        {"class_weight": "balanced"},
        {"learning_rate": "invscaling"},
        {"solver": "lbfgs"},
        {"batch_size": 14},
        {"bptt_steps": 2},
        {"weight": 0.1},
        {"weight": 1 / 3, "class_weight": {"a": 0.1, "b": 0.7}},
    ],
    ids=str,
)
def test_what_draws_counts_and_weights(sequences, rng, parameters):
    assert_repeats_are_weights(LSTMClassifier, sequences, list("abcabcabc"), rng, **parameters)


def test_targets_of_steps(sequences, rng):
    y = [rng.normal(size=len(x)) for x in sequences]
    y[3][0] = np.nan
    assert_repeats_are_weights(LSTMRegressor, sequences, y, rng, return_sequences=True)


def test_a_difference_that_training_would_multiply(rng):
    # At the default rate and size, these two fits ended 30-fold apart when they were computed in their own orders.
    X = rng.uniform(size=(N, 30))
    X = [x[:, np.newaxis] for x in X]
    assert_repeats_are_weights(LSTMRegressor, X, rng.integers(0, 3, size=N), rng, max_iter=100, num_layers=2, pooling="mean")


def test_partial_fit(sequences, rng):
    y, rows = rng.normal(size=N), rng.permutation(np.repeat(np.arange(N), WEIGHTS))
    weighted, repeated = (LSTMRegressor(3, random_state=0) for _ in range(2))
    for _ in range(3):
        weighted.partial_fit(sequences, y, sample_weight=WEIGHTS)
        repeated.partial_fit(Sequences.from_list(sequences)[rows], y[rows])
    assert weighted.loss_curve_ == repeated.loss_curve_


def test_equal_sequences_with_other_targets_stay(sequences, rng):
    X, y = sequences[:1] * 2, np.array([0.0, 1.0])
    model = LSTMRegressor(3, max_iter=2, random_state=0).fit(X, y)
    assert model.t_ == 4
    assert LSTMRegressor(3, max_iter=2, random_state=0).fit(X, y * 0).t_ == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bytes_compare_like_numbers(rng, dtype):
    numbers = np.concatenate([rng.normal(size=50) * 10.0 ** rng.integers(-30, 30, size=50), [0, 1, -1]]).astype(dtype)
    keys = [_sortable(np.array([number])) for number in numbers]
    np.testing.assert_array_equal(numbers[np.argsort(np.array(keys, dtype=object))], np.sort(numbers))
    assert _sortable(np.array([-0.0], dtype)) == _sortable(np.array([0.0], dtype))
