"""An easy problem in which the order of the steps matters, in every form of X, and estimators that learn it in a second."""

import numpy as np
import pytest

from sklstm import LSTMClassifier, LSTMRegressor, Sequences

N, T, D = 240, 6, 2

# A few steps are enough for the easy problem if they are large to the end.
QUICK = {
    "hidden_size": 4,
    "max_iter": 15,
    "learning_rate": "constant",
    "learning_rate_init": 0.05,
    "batch_size": 32,
    "random_state": 0,
}

# Of every test here. What scikit-learn says of an estimator that does not keep to its rules (tags, metadata, feature names) is
# an error.
MARKS = [
    pytest.mark.clients,
    *(pytest.mark.filterwarnings(f"error::{category}:sklearn") for category in ("FutureWarning", "UserWarning")),
    pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning"),
]


def classifier(**params):
    return LSTMClassifier(**QUICK | params)


def regressor(**params):
    return LSTMRegressor(**QUICK | params)


def rise(X):
    """How much higher the second half of the first channel is than the first half; the second channel is noise."""
    half = X.shape[1] // 2
    return X[:, half:, 0].mean(axis=1) - X[:, :half, 0].mean(axis=1)


def problem(n=N, seed=0):
    """X (n, T, D), labels "falls" or "rises", and the rise itself."""
    X = np.random.default_rng(seed).normal(size=(n, T, D))
    X[:, T // 2 :, 0] += np.where(np.arange(n) % 2, 1.0, -1.0)[:, np.newaxis]
    return X, np.where(rise(X) > 0, "rises", "falls"), rise(X)


def flattened(X):
    """What tools that insist on two dimensions get, for an estimator with ``n_channels=D``."""
    return X.reshape(len(X), -1)


def object_array(X):
    array = np.empty(len(X), dtype=object)
    array[:] = list(X)
    return array


FORMS = {"3-D": np.asarray, "list": list, "object array": object_array, "Sequences": Sequences.from_list}


def ragged(X):
    """The same without the first step of every other sequence: sequences of T - 1 and T steps."""
    return [x[k % 2 :] for k, x in enumerate(X)]


def series(n):
    """A seasonal series of n months that no repetition of its last year forecasts well: the seasons grow and shrink."""
    t = np.arange(n)
    noise = np.random.default_rng(0).normal(scale=0.1, size=n)
    return 3 + np.sin(2 * np.pi * t / 12) * (1 + 0.5 * np.sin(2 * np.pi * t / 48)) + noise


# What learns to forecast it in half a second.
FORECASTS = {"pooling": "last", "hidden_size": 8, "max_iter": 60, "learning_rate": "cosine", "learning_rate_init": 0.02}
HORIZON = 12  # months that are forecast in the tests


def error_of(forecast, y):
    """Mean absolute error of a forecast, a Series, held against the months of y that it is of."""
    return np.abs(forecast - y.loc[forecast.index]).mean()


def naive_error(y):
    """That of repeating the year before the last `HORIZON` months."""
    return np.abs(y[-HORIZON:].to_numpy() - y[-HORIZON - 12 : -12].to_numpy()).mean()
