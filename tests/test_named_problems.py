"""Well-known sequence problems and data sets, solved with the defaults or few changes."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.datasets import make_adding_problem, make_copy_memory, make_embedded_reber, make_temporal_order

pytestmark = pytest.mark.slow

SEEDS = range(3)
# Of the usual recipe in torch over ten seeds; `benchmarks/defaults.py test` measures it.
TORCH_GUNPOINT_STD = 0.147
# Beside what says what the data are (return_sequences, categorical_features), at most two parameters are named.
TOKENS = {"return_sequences": True, "categorical_features": "all"}


def single(X):
    """In float32, which takes half of the time."""
    return Sequences(X.values.astype(np.float32), X.offsets) if isinstance(X, Sequences) else X.astype(np.float32)


def split(make, n_train, seed, n_test=1000, **options):
    X, y = make(n_train, random_state=seed, **options)
    X_test, y_test = make(n_test, random_state=1000 + seed, **options)
    return single(X), y, single(X_test), y_test


@pytest.mark.parametrize(
    ("n_steps", "n_samples", "parameters", "limit"),
    [(100, 5000, {"max_iter": 20}, 0.005), (400, 2000, {"cell": "coupled", "max_iter": 20}, 0.02)],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_adding_problem(seed, n_steps, n_samples, parameters, limit):
    X, y, X_test, y_test = split(make_adding_problem, n_samples, seed, n_steps=n_steps)
    model = LSTMRegressor(random_state=seed, **parameters).fit(X, y)
    assert np.mean((model.predict(X_test) - y_test) ** 2) < limit


@pytest.mark.parametrize("seed", SEEDS)
def test_temporal_order(seed):
    X, y, X_test, y_test = split(make_temporal_order, 2000, seed, n_steps=50)
    assert LSTMClassifier(max_iter=20, random_state=seed).fit(X, y).score(X_test, y_test) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_embedded_reber_grammar(seed):
    X, y = make_embedded_reber(2000, random_state=seed)
    X_test, legal = make_embedded_reber(1000, targets="legal", random_state=1000 + seed)
    predicted = LSTMClassifier(return_sequences=True, max_iter=20, random_state=seed).fit(single(X), y).predict(single(X_test))
    symbols = predicted.values[:, 0].astype(int)
    assert legal.values[np.arange(len(symbols)), symbols].all()


@pytest.mark.parametrize("seed", SEEDS)
def test_copy_memory(seed):
    X, y, X_test, y_test = split(make_copy_memory, 5000, seed, n_test=500, lag=50)
    model = LSTMClassifier(hidden_size=128, max_iter=25, random_state=seed, **TOKENS).fit(X, y)
    assert model.score(X_test, y_test) > 0.99  # of the symbols that are to be recalled; chance is 1/8


@pytest.mark.parametrize(
    ("shape", "parameters", "limit"),
    [((-1, 8, 8), {"bidirectional": True, "dropout": 0.2}, 0.98), ((-1, 64, 1), {}, 0.95)],
    ids=["rows", "pixels"],
)
def test_digits(shape, parameters, limit):
    X, y = load_digits(return_X_y=True)
    scores = []
    for seed in SEEDS:
        X_train, X_test, y_train, y_test = train_test_split(single(X.reshape(shape)), y, random_state=seed, stratify=y)
        scores.append(LSTMClassifier(random_state=seed, **parameters).fit(X_train, y_train).score(X_test, y_test))
    assert np.mean(scores) >= limit, scores


# ---- sets that aeon brings, with their official splits ----


def official(name):
    """X_train, y_train, X_test, y_test, with steps before channels."""
    load = getattr(pytest.importorskip("aeon.datasets"), f"load_{name}")

    def read(part):
        X, y = load(split=part)
        return [np.ascontiguousarray(x.T, dtype=np.float32) for x in X], y

    return *read("train"), *read("test")


def scores_of(name, seeds, **parameters):
    X, y, X_test, y_test = official(name)
    return np.array([LSTMClassifier(random_state=seed, **parameters).fit(X, y).score(X_test, y_test) for seed in seeds])


@pytest.mark.parametrize(
    ("name", "parameters", "limit"),
    [
        ("japanese_vowels", {}, 0.965),
        ("japanese_vowels", {"bidirectional": True, "hidden_size": 100, "max_iter": 100}, 0.972),
        ("basic_motions", {}, 0.95),
        # PyTorch's recipe has 0.965; ours has 0.958, and no candidate of benchmarks/defaults.py does better in cross-validation.
        ("italy_power_demand", {}, 0.95),
    ],
)
def test_official_splits(name, parameters, limit):
    scores = scores_of(name, SEEDS, **parameters)
    assert scores.mean() >= limit, scores


def test_gunpoint_is_steady():
    scores = scores_of("gunpoint", range(10))
    assert scores.mean() > 0.7 and scores.std() < 0.5 * TORCH_GUNPOINT_STD, scores


# ---- units ----

UNITS = [(1e-6, 0), (1e6, 0), (3.7, 1e6), (0.9, -1e6), (1e-6, 1e-6), (1e6, -1e6)]


@pytest.mark.parametrize(("factor", "shift"), UNITS)
def test_units_leave_the_score_within_the_spread_of_seeds(factor, shift):
    # float64: in float32 a shift of 1e6 leaves one digit.
    X, y = make_adding_problem(300, n_steps=12, random_state=0)
    X_test, y_test = make_adding_problem(300, n_steps=12, random_state=1)
    plain = [LSTMRegressor(16, random_state=seed).fit(X, y).score(X_test, y_test) for seed in range(5)]

    def moved(a):
        return a * factor + shift

    for scale_X, scale_y in [(moved, np.asarray), (np.asarray, moved), (moved, moved)]:
        model = LSTMRegressor(16, random_state=0).fit(scale_X(X), scale_y(y))
        score = r2_score(scale_y(y_test), model.predict(scale_X(X_test)))
        assert min(plain) - np.ptp(plain) <= score <= max(plain) + np.ptp(plain), (score, plain)
