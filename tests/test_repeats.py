"""Where a minibatch holds all sequences, a weight of two is the sequence twice, in the same bits, whatever the order."""

import itertools

import numpy as np
import pytest

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.estimators import target as target_module
from sklstm.network import CELLS, POOLINGS
from sklstm.training.moments import weighted_moments

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


@pytest.mark.parametrize("block", [1, 2, 1024])
def test_sequences_compare_like_lists(rng, monkeypatch, block):
    monkeypatch.setattr(target_module, "BLOCK", block)
    arrays = [rng.integers(0, 2, size=length).astype(float) for length in rng.integers(0, 6, size=30)]
    for a, b in itertools.product(arrays, arrays):
        x, y = a.tolist(), b.tolist()
        assert np.sign(target_module._compare(a, b)) == (x > y) - (x < y)


def test_statistics_in_another_order(rng):
    # Statistics of all rows in another order: those of each channel's values with the weights of their own sequences.
    X, weights = rng.normal(size=(5, 3, 2)), rng.uniform(size=5)
    rows = rng.permutation(5)
    values, offsets = X.reshape(-1, 2), np.arange(0, 16, 3)
    plain = weighted_moments(values, weights, offsets, np.arange(5))
    for name, value in weighted_moments(values, weights, offsets, rows).items():
        np.testing.assert_allclose(value, plain[name], rtol=1e-12)
