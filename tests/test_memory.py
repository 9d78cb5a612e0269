"""Memory of a fit, compared with the formula in benchmarks/README.md."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from sklstm import LSTMRegressor, Sequences
from sklstm.network import Network
from sklstm.training.batching import minibatches, shards

# Of the formula; it leaves out Python's own objects, y and the weights.
TOLERANCE = 0.15
# As in _scan.pyx.
CHUNK_BYTES = 1 << 18  # of gates
CHUNK_ROWS = 128


def peak_words(network, itemsize, parts, lengths, n_threads=1):
    """The formula: words at the peak of a fit of one LSTM layer by Adam, whose largest minibatch is cut into `parts`.

    Parameters
    ----------
    network : Network
    itemsize : int
        Bytes per word.
    parts : list of ndarray of int
    lengths : ndarray of int
    n_threads : int
    """
    D, H, P = network.input_size, network.hidden_sizes[0], network.layout.size
    rows = max(int(lengths[part].sum()) for part in parts)
    sequences = max(map(len, parts))
    chunk = min(rows, max(CHUNK_BYTES // (4 * H * itemsize), sequences + CHUNK_ROWS - 1))
    # Gates, c, h and x of every step; packed weights; gates and h of a chunk of time; states and their gradients.
    workspace = (6 * H + D) * rows + 4 * H * (H + D) + 5 * H * chunk + 7 * H * sequences
    # theta, the gradient, Adam's two moments, the best theta, and a copy of four of those, of the last epoch that has ended.
    vectors = 5 + 4
    waiting = min(len(parts) - 1, n_threads)  # gradients of other shards
    return n_threads * workspace + (vectors + waiting) * P


def measured(function):
    """Bytes at the peak of a call, beyond those before."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def draw(shape, ragged, dtype, rng, n_batches=2):
    """Sequences and y of so many minibatches; shape is (B, T, D, H)."""
    B, T, D, _ = shape
    lengths = rng.integers(T // 4, T + 1, size=n_batches * B) if ragged else np.full(n_batches * B, T)
    X = Sequences.from_list([rng.standard_normal((length, D)).astype(dtype) for length in lengths])
    return X, rng.standard_normal(len(X)).astype(dtype)


def largest_minibatch(network, lengths, batch_size):
    """Parts of the minibatch with the most steps; sorted by length, which sequences meet does not depend on the shuffling."""
    batches = minibatches(lengths, batch_size, np.random.default_rng(0))
    return shards(max(batches, key=lambda rows: lengths[rows].sum()), lengths, network)


# (B, T, D, H), and in how many shards the minibatch is.
SHAPES = {
    "weights": ((4, 5, 64, 400), 1),
    "one sequence": ((1, 1000, 8, 64), 1),
    "rows": ((32, 100, 16, 64), 2),
    "narrow": ((128, 150, 4, 8), 1),
    "shards": ((256, 100, 8, 32), 4),
    "wide": ((48, 20, 32, 256), 1),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_the_peak_of_a_fit_is_that_of_the_formula(name, ragged, dtype, rng):
    shape, n_shards = SHAPES[name]
    B, _, D, H = shape
    X, y = draw(shape, ragged, dtype, rng)
    model = LSTMRegressor(H, pooling="last", batch_size=B, max_iter=2, random_state=0)
    model.fit(X[:2], y[:2])  # what is imported and read once
    network = Network(D, 1, (H,))
    parts = largest_minibatch(network, X.lengths, B)
    if not ragged:
        assert len(parts) == n_shards
    itemsize = np.dtype(dtype).itemsize
    expected = peak_words(network, itemsize, parts, X.lengths) * itemsize
    assert measured(lambda: model.fit(X, y)) == pytest.approx(expected, rel=TOLERANCE)


def test_a_second_thread_takes_no_more_than_the_formula(rng):
    shape, _ = SHAPES["shards"]
    B, _, D, H = shape
    X, y = draw(shape, False, np.float32, rng)
    model = LSTMRegressor(H, pooling="last", batch_size=B, max_iter=2, n_jobs=2, random_state=0)
    network = Network(D, 1, (H,))
    parts = largest_minibatch(network, X.lengths, B)
    model.fit(X[:2], y[:2])
    assert measured(lambda: model.fit(X, y)) <= (1 + TOLERANCE) * 4 * peak_words(network, 4, parts, X.lengths, n_threads=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options, words",
    [
        (dict(input_size=7, hidden_sizes=(16,)), 6 * 16 + 7),
        # A layer above another one has the gradient of its input too.
        (dict(input_size=7, hidden_sizes=(16, 24)), 6 * 16 + 7 + 6 * 24 + 16),
        (dict(input_size=7, hidden_sizes=(16,), bidirectional=True), 2 * 6 * 16 + 7),
        (dict(input_size=7, hidden_sizes=(16,), cell="gru"), None),
        # The gradient of every output, as the pooling passes it on.
        (dict(input_size=7, hidden_sizes=(16,), pooling="mean"), 6 * 16 + 7 + 16),
        (dict(input_size=7, hidden_sizes=(16,), pooling=("last", "mean", "max")), 6 * 16 + 7 + 16),
    ],
    ids=str,
)
def test_words_kept_per_row_and_step(options, words, dtype):
    """6 H for an LSTM, no more for another cell, and x."""
    network = Network(output_size=1, **options)
    few, many = 20_000, 30_000  # more than a chunk of time
    theta = np.zeros(network.layout.size, dtype)
    sizes = [measured(lambda n=n: network.workspace(theta, 10, n)) for n in (few, many)]
    kept = (sizes[1] - sizes[0]) / (many - few) / np.dtype(dtype).itemsize
    if words is None:
        assert kept <= 6 * 16 + 7
    else:
        assert kept == pytest.approx(words, abs=0.1)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("params", [{}, {"bptt_steps": 20}, {"num_layers": 2, "dropout": 0.2}], ids=str)
def test_workspaces_are_used_again(ragged, params, rng, monkeypatch):
    X, y = draw((64, 60, 3, 32), ragged, np.float32, rng, n_batches=3)
    made, original = [], Network.workspace

    def counted(self, theta, n_sequences, n_rows, **kwargs):
        made.append((n_sequences, n_rows))
        return original(self, theta, n_sequences, n_rows, **kwargs)

    monkeypatch.setattr(Network, "workspace", counted)
    model = LSTMRegressor(32, batch_size=64, random_state=0, **params)
    counts = []
    for max_iter in (1, 8):
        made.clear()
        model.set_params(max_iter=max_iter).fit(X, y)
        counts.append(len(made))
        # Never twice for the same size, and never for a smaller one.
        assert all(a[0] <= b[0] and a[1] <= b[1] and a != b for a, b in pairwise(made))
    if not ragged:
        assert counts == [1, 1]
    # Where which sequences meet is always the same, all is there after an epoch; only the order may make it grow in steps.
    assert counts[1] <= 3


def test_longer_training_takes_no_more(rng):
    X, y = draw((32, 50, 4, 32), True, np.float32, rng, n_batches=4)
    model = LSTMRegressor(32, batch_size=32, random_state=0)
    model.set_params(max_iter=1).fit(X, y)
    few, many = (measured(lambda n=n: model.set_params(max_iter=n).fit(X, y)) for n in (2, 20))
    assert many <= 1.05 * few  # a history of 18 epochs more
