"""Predictions whose steps a team of threads shares: the bits, who takes part, and what stays on one thread."""

import numpy as np
import pytest
from test_team import n_shared, until

import sklstm.estimators.engines as engines
import sklstm.network.inference as inference
import sklstm.parallel as parallel
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm._kernels import _inference, _team
from sklstm.network import Network
from sklstm.network.cells import CELLS

pytestmark = [
    # Without vectors, or with products by BLAS, threads have sequences of their own: bits would depend on how columns are cut.
    pytest.mark.skipif(not _team.available(), reason="a build without teams"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture
def cpus(monkeypatch):
    """Has all predictions shared, and sets the number of CPUs that the machine seems to have."""
    before = _inference.share_from(0, 0)
    monkeypatch.setattr(inference, "THREAD_FLOPS", 1e-9)
    monkeypatch.setattr(engines, "THREAD_FLOPS", 1e-9)
    monkeypatch.setattr(inference, "ROWS_OF_STEPS", 100)
    monkeypatch.setattr(parallel, "HINDERED", 2.0)  # however late helpers are
    monkeypatch.setattr(parallel, "_hindrance", parallel._Hindrance())
    yield lambda n: monkeypatch.setattr(parallel, "_cpu_count", lambda: n)
    _inference.share_from(*before)


def ragged(rng, n, dtype, most=8):
    return [rng.normal(size=(length, 3)).astype(dtype) for length in rng.integers(1, most, n)]


OPTIONS = [
    dict(),
    dict(bidirectional=True, num_layers=2, merge_mode="sum", pooling="mean"),
    dict(bidirectional=True, pooling=("max", "attention"), initial_state="learned"),
    dict(num_layers=2, residual=True, activation="relu"),
]


# Units that are no multiple of a vector, and fewer than a slice for each member; then several slices for each.
@pytest.mark.parametrize("hidden_size", [21, 130])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", CELLS)
def test_bits_do_not_depend_on_threads(cell, dtype, options, hidden_size, cpus, rng):
    X = ragged(rng, 8, dtype)
    model = LSTMRegressor(hidden_size, cell=cell, max_iter=1, random_state=0, **options).fit(X, rng.normal(size=8))
    inputs = [X[:1], ragged(rng, 3, dtype), ragged(rng, 20, dtype)]  # in wide tiles, also, and in tiles of rows
    expected = [(model.predict(X), model.encode(X)) for X in inputs]

    def predict_with_threads():
        for n_jobs in (2, 5):
            cpus(n_jobs)
            model.set_params(n_jobs=n_jobs)
            for X, (predicted, encoded) in zip(inputs, expected, strict=True):
                np.testing.assert_array_equal(model.predict(X), predicted, err_msg=f"{n_jobs} threads, {len(X)} sequences")
                np.testing.assert_array_equal(model.encode(X), encoded, err_msg=f"{n_jobs} threads, {len(X)} sequences")

    before, has_slices = n_shared(), hidden_size > 32
    predict_with_threads()
    if has_slices and CELLS[cell].fused:
        until(lambda: n_shared() > before, predict_with_threads)
    if not CELLS[cell].fused:
        assert n_shared() == before


def test_labels_of_steps_and_what_they_weigh(cpus, rng):
    X = ragged(rng, 6, "float32")
    y = [rng.integers(0, 2, len(x)) for x in X]
    y[0][0], y[1][0] = 0, 1
    tagger = LSTMClassifier(70, return_sequences=True, max_iter=1, random_state=0).fit(X, y)
    attentive = LSTMRegressor(70, pooling="attention", max_iter=1, random_state=0).fit(X, rng.normal(size=6))
    tags, weights = tagger.predict_proba(X), attentive.attention(X).values

    def predict_with_threads():
        for n_jobs in (2, 3):
            cpus(n_jobs)
            for some, same in zip(tagger.set_params(n_jobs=n_jobs).predict_proba(X), tags, strict=True):
                np.testing.assert_array_equal(some, same)
            np.testing.assert_array_equal(attentive.set_params(n_jobs=n_jobs).attention(X).values, weights)

    before = n_shared()
    until(lambda: n_shared() > before, predict_with_threads)


def test_streams_stay_on_one_thread(cpus, rng):
    cpus(2)
    X = ragged(rng, 6, "float32")
    model = LSTMRegressor(70, max_iter=1, random_state=0).fit(X, rng.normal(size=6)).set_params(n_jobs=2)
    stream, before = model.stream(), n_shared()
    for x in X[0]:
        predicted = stream.step(x)
    assert n_shared() == before
    assert predicted == model.predict(X[:1])[0]


@pytest.mark.parametrize(
    "cell, hidden_size, n_sequences, n_threads, shares",
    [
        ("lstm", 32, 1, 2, True),
        ("lstm", 32, 4, 2, True),
        ("lstm", 32, 5, 2, False),
        ("gru", 256, 32, 2, True),
        ("gru", 256, 33, 2, False),
        ("layernorm", 256, 1, 2, False),
    ],
)
def test_few_sequences_are_shared_by_steps_and_many_by_sequences(cell, hidden_size, n_sequences, n_threads, shares):
    assert inference.shares_steps(Network(3, 1, (hidden_size,), cell=cell), n_sequences, n_threads) == shares
