"""A fit that ends at the level of a constant warns and names what to try; others do not."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier, LSTMRegressor

WORDS = "The network has learned nothing from X"
N = 30


@pytest.fixture
def X(rng):
    return rng.normal(size=(N, 4, 2))


def warning_of(model, X, y, **fit):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model.fit(X, y, **fit)
    texts = [str(warning.message) for warning in seen if str(warning.message).startswith(WORDS)]
    assert all(warning.category is ConvergenceWarning for warning in seen)
    return texts[0] if texts else ""


def targets(X):
    """Of each loss, what a constant predicts badly."""
    sums = X[:, :, 0].sum(axis=1)
    return {
        "squared_error": sums, "absolute_error": sums, "huber": sums, "poisson": np.exp(sums / 2), "quantile": sums,
        "two classes": sums > 0, "three classes": np.digitize(sums, [-1, 1]), "labels": np.column_stack([sums > 0, sums > 1]),
        "steps": list(X[:, :, 0]),
    }  # fmt: skip


@pytest.mark.parametrize("kind", targets(np.zeros((2, 4, 2))))
def test_a_penalty_that_freezes_the_weights(X, kind):
    y = targets(X)[kind]
    parameters = {"max_iter": 200, "random_state": 0}
    if "classes" in kind or kind == "labels":
        model = LSTMClassifier(4, **parameters)
    elif kind == "steps":
        model = LSTMRegressor(4, return_sequences=True, **parameters)
    else:
        model = LSTMRegressor(4, loss=kind, quantile=0.7 if kind == "quantile" else None, **parameters)
    assert warning_of(model, X, y) == ""
    message = warning_of(model.set_params(alpha=10.0), X, y)
    assert "The penalty has shrunk the weights." in message
    assert "Try, in this order, a smaller alpha (it is 10), cell=" in message


@pytest.mark.parametrize("solver", ["adamw", "sgd", "rmsprop", "lbfgs"])
def test_every_solver(X, solver):
    settings = {"learning_rate_init": 0.5, "alpha": 1.0} if solver == "sgd" else {"alpha": 30.0}
    model = LSTMRegressor(4, solver=solver, pooling="last", max_iter=200, random_state=0, **settings)
    message = warning_of(model, X, X[:, :, 0].sum(axis=1))
    assert f"a smaller alpha (it is {model.alpha:g})" in message
    assert ("a lower learning_rate_init" in message) == (solver != "lbfgs")


def test_a_fit_that_has_not_left_the_plateau(X):
    y = X[:, :, 0].sum(axis=1)
    slow = {"learning_rate_init": 1e-8, "max_iter": 200, "random_state": 0}
    message = warning_of(LSTMRegressor(4, pooling="last", **slow), X, y)
    advice = 'cell="gru", pooling=("last", "max"), another random_state, a lower learning_rate_init.'
    assert f"Try, in this order, {advice}" in message
    message = warning_of(LSTMRegressor(4, cell="gru", pooling="mean", **slow), X, -y)
    assert "Try, in this order, another random_state, a lower learning_rate_init." in message


def test_no_false_alarms(X, rng):
    y = X[:, :, 0].sum(axis=1)
    slow = {"learning_rate_init": 1e-8, "random_state": 0}
    assert not warning_of(LSTMRegressor(4, max_iter=199, **slow), X, y)  # too few steps to tell
    assert not warning_of(LSTMRegressor(4, max_iter=200, **slow), X, np.ones(N))  # nothing is better than this constant
    noisy = {"dropout": 0.8, "num_layers": 2, "alpha": 1e-3, "max_iter": 400, "learning_rate": "constant"}
    model = LSTMRegressor(4, random_state=0, **noisy)
    assert not warning_of(model, X, y)
    assert model.score(X, y) > 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LSTMRegressor(4, **slow)
        for _ in range(300):
            model.partial_fit(X[:4], y[:4])


def test_sequences_of_weight_zero_do_not_count(X):
    y = X[:, :, 0].sum(axis=1)
    weights = np.r_[np.ones(N - 5), np.zeros(5)]
    y[-5:] = 1e6
    assert not warning_of(LSTMRegressor(4, max_iter=200, random_state=0), X, y, sample_weight=weights)
    assert warning_of(LSTMRegressor(4, max_iter=200, random_state=0, alpha=10.0), X, y, sample_weight=weights)
