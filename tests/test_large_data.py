"""Data larger than memory: memory-mapped arrays, and chunks from a generator."""

import tracemalloc

import numpy as np
import pytest

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.datasets import make_adding_problem

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SHAPE = (16000, 50, 10)  # 32 MB


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A read-only float32 memory map (n, T, d), written block by block, and classes."""
    path, rng = tmp_path_factory.mktemp("large") / "X.npy", np.random.default_rng(0)
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=SHAPE)
    for block in np.array_split(np.arange(len(X)), 8):
        X[block] = rng.normal(size=(len(block), *SHAPE[1:]))
    y = X[:, :, 0].sum(axis=1) > 0
    X.flush()
    return np.load(path, mmap_mode="r"), np.asarray(y)


FORMS = {
    "3-D": (lambda X: X, {}),
    "2-D": (lambda X: X.reshape(len(X), -1), {"n_channels": SHAPE[2]}),
    "Sequences": (lambda X: Sequences(X.reshape(-1, SHAPE[2]), np.arange(len(X) + 1) * SHAPE[1]), {}),
}
FITS = {
    "defaults": {},
    "early stopping": {"early_stopping": True},
    "L-BFGS": {"solver": "lbfgs"},
    "not standardised": {"standardize": False},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FITS)
def test_fit_on_a_memory_map_makes_no_full_copy(mapped, name, form, tmp_path):
    X, y = mapped
    shape, parameters = FORMS[form]
    data = shape(X)
    options = FITS[name] | parameters | {"checkpoint": tmp_path / "checkpoint" if name == "defaults" else None}
    model = LSTMClassifier(4, max_iter=1, batch_size=256, random_state=0, **options)
    weights = np.where(np.arange(len(y)) % 7, 1.0, 0.0)  # leaving sequences out takes no copy either
    tracemalloc.start()
    model.fit(data, y, weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A tenth of X are the validation sequences, which are copied; blocks of some MB are converted to float64 for the statistics.
    assert peak < (0.35 if name == "early stopping" else 0.2) * X.nbytes
    if form != "3-D":
        return
    # The same bits as from an array in memory.
    model.set_params(checkpoint=None)
    bits = model._theta.tobytes()
    model.fit(np.array(data), y, weights)
    assert model._theta.tobytes() == bits


def test_partial_fit_on_slices_of_a_memory_map_and_on_a_generator(mapped):
    X, y = mapped
    blocks = np.array_split(np.arange(6000), 6)

    def chunks():
        for block in blocks:
            yield np.array(X[block[0] : block[-1] + 1]), y[block]

    of_map, of_generator = (LSTMClassifier(8, random_state=0) for _ in range(2))
    for block in blocks:
        of_map.partial_fit(X[block[0] : block[-1] + 1], y[block], classes=[False, True])
    for X_chunk, y_chunk in chunks():
        of_generator.partial_fit(X_chunk, y_chunk, classes=[False, True])
    assert of_map._theta.tobytes() == of_generator._theta.tobytes()
    assert of_map.t_ == 6000 and of_map.n_iter_ == 6
    for block in blocks:  # after a single pass the score is near 0.9, on either side of it with products by BLAS
        of_map.partial_fit(X[block[0] : block[-1] + 1], y[block])
    assert of_map.score(X[6000:], y[6000:]) > 0.9


def test_partial_fit_solves_a_problem_from_fresh_chunks():
    model = LSTMRegressor(32, random_state=0)
    for seed in range(30):
        X, y = make_adding_problem(500, n_steps=20, random_state=seed)
        model.partial_fit(X.astype(np.float32), y)
    X, y = make_adding_problem(1000, n_steps=20, random_state=999)
    assert np.mean((model.predict(X.astype(np.float32)) - y) ** 2) < 0.01  # the variance of y is 1/6


def test_predict_on_a_memory_map_makes_no_full_copy(mapped):
    X, y = mapped
    model = LSTMClassifier(4, max_iter=1, batch_size=64, random_state=0).fit(X[:500], y[:500])
    tracemalloc.start()
    model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * X.nbytes
