"""Small fitted models of every kind, and whether one is as it was."""

import copy
import warnings
from functools import cache

import numpy as np

from sklstm import LSTMClassifier, LSTMRegressor

SMALL = {"hidden_size": 3, "max_iter": 1, "random_state": 0}
LENGTHS = (4, 1, 3, 4, 2, 3)

RECIPES = {
    "lstm": (LSTMClassifier, {}),
    "regressor": (LSTMRegressor, {}),
    "float32": (LSTMClassifier, {"batch_size": 2}),
    **{cell: (LSTMClassifier, {"cell": cell}) for cell in ("gru", "gru_reset_before", "rnn", "peephole", "coupled", "layernorm")},
    "bidirectional": (LSTMRegressor, {"bidirectional": True, "merge_mode": "sum"}),
    "deep": (LSTMClassifier, {"num_layers": 2, "residual": True, "initial_state": "learned", "solver": "sgd"}),
    "projected": (LSTMClassifier, {"proj_size": 2, "num_layers": 2}),
    "mean": (LSTMClassifier, {"pooling": "mean", "standardize": False}),
    "max": (LSTMRegressor, {"pooling": "max", "solver": "rmsprop"}),
    "attention": (LSTMClassifier, {"pooling": "attention", "bidirectional": True}),
    "per step": (LSTMClassifier, {"return_sequences": True}),
    "regressor per step": (LSTMRegressor, {"return_sequences": True}),
    "categorical": (LSTMClassifier, {"categorical_features": [1]}),
    "univariate": (LSTMClassifier, {}),
    "univariate regressor": (LSTMRegressor, {"cell": "gru"}),
    "flat": (LSTMClassifier, {"n_channels": 2}),
    "quantiles": (LSTMRegressor, {"loss": "quantile", "quantile": [0.1, 0.9]}),
}


def data(recipe):
    """X and y of a recipe: six sequences."""
    rng = np.random.default_rng(7)
    n_channels = 1 if recipe.startswith("univariate") else 2
    X = [np.ascontiguousarray(rng.normal(size=(n, n_channels))) for n in LENGTHS]
    if recipe == "categorical":
        X = [np.column_stack([x[:, 0], np.arange(len(x)) % 3]) for x in X]
    if recipe == "float32":
        X = [x.astype(np.float32) for x in X]
    if recipe == "flat":
        X = rng.normal(size=(6, 8))
    y = np.arange(6) % 2
    if RECIPES[recipe][0] is LSTMRegressor:
        y = y + 0.5
    if "per step" in recipe:
        y = [np.arange(n) % 2 + (0.5 if "regressor" in recipe else 0) for n in LENGTHS]
        y = [part if "regressor" in recipe else part.astype(int) for part in y]
    return X, y


def unfitted(recipe, **parameters):
    estimator, own = RECIPES[recipe]
    return estimator(**SMALL | own | parameters)


@cache
def _fitted(recipe):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return unfitted(recipe).fit(*data(recipe))


def fitted(recipe):
    """A model of its own."""
    return copy.deepcopy(_fitted(recipe))


def fingerprint(value):
    """Hashable, and equal for values that are equal to the bit."""
    if isinstance(value, np.ndarray):
        content = tuple(map(fingerprint, value.ravel().tolist())) if value.dtype == object else value.tobytes()
        return value.dtype.str, value.shape, content
    if isinstance(value, dict):
        return tuple((key, fingerprint(value[key])) for key in sorted(value, key=repr))
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *map(fingerprint, value))
    if isinstance(value, np.random.Generator):
        return fingerprint(value.bit_generator.state)
    return repr(value)


def state_of(estimator):
    """What an estimator is, without what scikit-learn's callbacks leave on it."""
    return fingerprint(
        {key: value for key, value in vars(estimator).items() if not key.startswith(("_skl", "_parent", "_callback"))}
    )


def bits(values):
    """Predictions of any form as bytes."""
    if isinstance(values, (list, tuple)):
        return tuple(map(bits, values))
    values = getattr(values, "values", values)
    return fingerprint(np.asarray(values))
