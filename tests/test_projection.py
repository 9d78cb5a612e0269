"""Projected hidden states (`proj_size`): equality with the slow twin and with the forward pass, first weights, bad values.

Gradients are in test_gradients.py and test_encoder_decoder.py, PyTorch's in test_torch.py, bits of teams in test_team.py.
"""

import numpy as np
import pytest
import reference
from problems import Problem
from reference import central_differences, relative_error
from rows import assert_same_rows
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from test_gradients import trained
from test_twin import DIRECTIONS, OPTIONS, assert_scores_equal, draw, gradient_computer

from sklstm import LSTMClassifier, LSTMForecaster, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq
from sklstm._kernels import _scan
from sklstm.inspection import gate_activations, integrated_gradients
from sklstm.network import ACTIVATIONS, CELLS, POOLINGS, Network, apply
from sklstm.network.recurrent import RecurrentLayer
from sklstm.training import batching

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PROJECTED = [name for name, cell in CELLS.items() if cell.can_project]
each_cell = pytest.mark.parametrize("cell", PROJECTED)
each_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])
each_direction = pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS.keys())
LENGTHS = [3, 1, 5, 5, 2, 1, 7]


def test_cells_that_are_projected():
    assert PROJECTED == ["lstm", "peephole", "coupled", "layernorm"]


# ---- below the estimators ----


@each_cell
@each_direction
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_scores_are_those_of_the_slow_twin(rng, cell, direction, options):
    # Two widths, neither of which is that of h; residual connections are as wide as the outputs, whatever the units are.
    for pooling in [*POOLINGS, None]:
        sizes = {"hidden_sizes": (5, 17, 4)[: len(options.get("hidden_sizes", (3,)))], "proj_size": 3}
        choice = {"cell": cell, "activation": list(ACTIVATIONS)[pooling == "max"], "pooling": pooling}
        assert_scores_equal(Problem(draw(rng, LENGTHS), **direction, **options | choice | sizes))


@each_cell
@each_dtype
@pytest.mark.parametrize(("H", "N"), [(2, 1), (17, 16), (37, 5), (130, 33)])
def test_predictions_have_the_bits_of_the_forward_pass_of_training(rng, cell, dtype, H, N):
    for n_sequences, bidirectional in [(1, False), (1, True), (2, False), (13, True), (40, False)]:
        sequences = draw(rng, rng.integers(1, 10, size=n_sequences))
        for pooling in (None, "last"):
            options = {"pooling": pooling, "bidirectional": bidirectional, "learned_state": True, "proj_size": N}
            problem = Problem(sequences, hidden_sizes=(H, H + 3), dtype=dtype, cell=cell, **options)
            problem.theta /= dtype(max(1, np.sqrt(H) / 4))
            assert_same_rows(apply(problem.network, problem.theta, problem.sequences)[problem.order], problem.scores())


@each_cell
@each_direction
@pytest.mark.parametrize("learned_state", [False, True])
def test_long_sequences_cross_chunks_of_time(rng, cell, direction, learned_state):
    sequences = draw(rng, rng.integers(40, 90, size=60))
    options = {"hidden_sizes": (37,), "proj_size": 6, "pooling": "mean", "learned_state": learned_state, **direction}
    problem = Problem(sequences, cell=cell, **options)
    problem.theta *= 0.2
    assert_scores_equal(problem)
    grad, _ = problem.gradients()
    step, differences = rng.normal(size=len(grad)) / np.sqrt(len(grad)), []
    for name, part in problem.network.layout.slices.items():
        step[part] *= trained(name)
    theta = problem.theta.copy()
    for sign in (1, -1):
        problem.theta[:] = theta + sign * 1e-5 * step
        differences.append(sign * problem.mean_loss())
    assert sum(differences) / 2e-5 == pytest.approx(grad @ step, rel=1e-7, abs=1e-9)


@each_dtype
def test_projections_so_wide_that_blas_makes_their_gradients(rng, dtype):
    problem = Problem(draw(rng, [2, 3, 1]), hidden_sizes=(520,), proj_size=515, dtype=dtype)
    problem.theta /= dtype(10)
    grad = problem.gradients()[0]
    found = problem.network.layout.views(grad)["layer_0.P"]
    twin = Problem(problem.sequences.to_list(), hidden_sizes=(520,), proj_size=515, dtype=np.float64)
    twin.theta[:] = problem.theta
    expected = twin.network.layout.views(twin.gradients()[0])["layer_0.P"]
    rows, columns = rng.integers(520, size=3), rng.integers(515, size=3)
    P = twin.network.layout.views(twin.theta)["layer_0.P"]
    for i, j in zip(rows, columns, strict=True):
        entry = P[i, j : j + 1]
        assert central_differences(twin.mean_loss, entry, 1e-5)[0] == pytest.approx(expected[i, j], rel=1e-6, abs=1e-10)
    assert relative_error(found, expected) < 1000 * np.finfo(dtype).eps


@each_cell
@pytest.mark.parametrize(
    "options", [{}, OPTIONS["learned state"], {"recurrent_dropout": 0.3}], ids=["plain", "learned", "random"]
)
def test_truncation(rng, cell, options):
    problem = Problem(draw(rng, LENGTHS), cell=cell, pooling=None, **options | {"hidden_sizes": (5, 4), "proj_size": 3})
    rows, whole = np.arange(len(LENGTHS)), gradient_computer(problem, None)
    expected = whole(rows, np.random.default_rng(1))
    for bptt_steps in (1, 2, 5, 7):
        truncated = gradient_computer(problem, bptt_steps)
        found = truncated(rows, np.random.default_rng(1))
        assert found[0] == pytest.approx(expected[0], rel=1e-12)
        assert np.array_equal(truncated.grad, whole.grad) == (bptt_steps == 7)


@each_cell
@pytest.mark.parametrize(("H", "N"), [(8, 1), (128, 32), (512, 500)])
def test_a_workspace_has_room_for_fewer_sequences_too(cell, H, N):
    for n in (1, 16, 163, 256):
        ws = RecurrentLayer(5, H, cell, proj_size=N).workspace(n, 1000, np.float32)
        needed = [_scan.scratch_size(CELLS[cell].index, fewer, 1000, 5, H, N, 4) for fewer in range(1, n + 1)]
        assert ws.scratch.size >= max(needed)


@pytest.mark.parametrize(("H", "N"), [(7, 3), (80, 70)])
def test_first_weights_keep_lengths(rng, H, N):
    layer = RecurrentLayer(4, H, proj_size=N, bidirectional=True)
    for dtype in (np.float32, np.float64):
        p = {name: np.empty(shape, dtype) for name, shape in layer.param_shapes().items()}
        layer.initialize(p, rng)
        for prefix in ("", "reverse."):
            P, R = p[f"{prefix}P"], p[f"{prefix}R"]
            np.testing.assert_allclose(P.T @ P, np.eye(N), atol=100 * np.finfo(dtype).eps)
            for block in np.split(R, 4, axis=1):
                np.testing.assert_allclose(block @ block.T, np.eye(N), atol=100 * np.finfo(dtype).eps)
        assert not np.allclose(p["P"], p["reverse.P"])


def test_projections_are_penalised():
    network = Network(2, 1, (4,), proj_size=2)
    marks = np.zeros(network.layout.size)
    for part in network.penalized(marks):
        part[:] = 1
    assert network.layout.views(marks)["layer_0.P"].all()


@pytest.mark.parametrize("bad", [{"proj_size": 4}, {"proj_size": 9}, {"cell": "gru", "proj_size": 2}, {"proj_size": -1}])
def test_networks_that_cannot_be_built(bad):
    with pytest.raises(ValueError, match="proj_size must be"):
        Network(2, 1, (8, 4), **bad)


# ---- estimators ----


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, 8, 3))


def labels(X):
    return np.array(["low", "high"])[(X[:, :, 0].sum(axis=1) > 0).astype(int)]


@each_cell
def test_weights_of_a_fit(X, cell):
    model = LSTMClassifier(
        (9, 6), proj_size=4, cell=cell, bidirectional=True, max_iter=2, initial_state="learned", random_state=0
    )
    model.fit(X, labels(X))
    shapes = {name: value.shape for name, value in model.weights_.items()}
    G = len(CELLS[cell].gates)
    for k, (H, width) in enumerate([(9, 3), (6, 8)]):
        for prefix in (f"layer_{k}.", f"layer_{k}.reverse."):
            own = {name: shapes[f"{prefix}{name}"] for name in ("W", "R", "b", "P", "h0", "c0")}
            assert own == {"W": (width, G * H), "R": (4, G * H), "b": (G * H,), "P": (H, 4), "h0": (4,), "c0": (H,)}
    assert model.encode(X).shape == (60, 8)
    model.set_weights({"layer_0.P": 2 * model.weights_["layer_0.P"]})
    alone = np.vstack([model.predict_proba(X[i : i + 1]) for i in range(5)])
    assert_same_rows(alone, model.predict_proba(X)[:5])


def test_it_learns_what_its_units_can(rng):
    # Which of 6 symbols was the first of ten: through 4 values of 24 units.
    X = rng.integers(6, size=(600, 10)).astype(float)
    model = LSTMClassifier(24, proj_size=4, categorical_features="all", max_iter=30, random_state=0)
    assert model.fit(X[:500], X[:500, 0]).score(X[500:], X[500:, 0]) > 0.95


def test_bits_do_not_depend_on_shards_and_threads(X, monkeypatch):
    monkeypatch.setattr(batching, "SHARD_FLOPS", 1.0)
    model = LSTMRegressor(200, proj_size=20, batch_size=60, max_iter=2, random_state=0)
    rows, lengths = np.arange(60), np.full(60, 8)
    assert len(batching.shards(rows, lengths, Network(3, 1, (200,), proj_size=20))) == 2  # no team could share its units
    expected = model.fit(X, X[:, 0, 0])._theta
    for n_jobs in (2, 3):
        again = clone(model).set_params(n_jobs=n_jobs).fit(X, X[:, 0, 0])
        np.testing.assert_array_equal(again._theta, expected)
        np.testing.assert_array_equal(again.predict(X[:3]), model.predict(X[:3]))


@each_cell
def test_states_of_gates_and_streams(X, cell):
    model = LSTMRegressor(6, proj_size=4, cell=cell, num_layers=2, max_iter=2, random_state=0).fit(X, X[:, 0, 0])
    found = gate_activations(model, X[:3])
    assert {name: values.n_channels for name, values in found.items()} == dict.fromkeys(CELLS[cell].gates + "c", 6) | {"h": 4}
    stream = model.stream("encode")
    for t in range(8):
        h = stream.step(X[:3, t])
        np.testing.assert_allclose(h, [own[t] for own in found["h"].to_list()], rtol=1e-10, atol=1e-12)
        c = [own[t] for own in found["c"].to_list()]
        np.testing.assert_allclose(stream.state["layer_1.c"], c, rtol=1e-10, atol=1e-12)
    assert stream.state["layer_0.h"].shape == (3, 4)
    if cell == "lstm":
        p = reference.part(model.weights_, "layer_1.")
        o, c = (np.vstack(found[name].to_list()) for name in "oc")
        np.testing.assert_allclose(np.vstack(found["h"].to_list()), (o * np.tanh(c)) @ p["P"], rtol=1e-12, atol=1e-14)


def test_attributions_are_complete(X):
    model = LSTMRegressor(6, proj_size=3, max_iter=3, pooling="mean", random_state=0).fit(X, X[:, 0, 0])
    explained = integrated_gradients(model, X[:4])
    sums = [own.sum() for own in explained.attributions.to_list()]
    np.testing.assert_allclose(sums, explained.outputs - explained.baseline_outputs, rtol=0, atol=1e-3)


def test_search_over_widths(X):
    search = GridSearchCV(LSTMClassifier(6, max_iter=2, random_state=0), {"proj_size": [0, 2, 4]}, cv=2).fit(X, labels(X))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.weights_["layer_0.R"].shape[0] == (search.best_params_["proj_size"] or 6)


def test_warm_start_continues(X):
    whole = LSTMRegressor(6, proj_size=3, max_iter=4, learning_rate="constant", random_state=0).fit(X, X[:, 0, 0])
    half = LSTMRegressor(6, proj_size=3, max_iter=2, learning_rate="constant", random_state=0, warm_start=True)
    half.fit(X, X[:, 0, 0])
    before = half.loss_curve_[-1]
    half.fit(X, X[:, 0, 0])
    assert half.loss_curve_[-1] < before
    assert half.loss_curve_[-1] == pytest.approx(whole.loss_curve_[-1], rel=0.2)


@pytest.mark.parametrize("attention", ["dot", "additive", None])
def test_encoder_and_decoder(rng, attention):
    X = ["".join(rng.choice(list("ab"), rng.integers(1, 4))) for _ in range(80)]
    y = [text[::-1] for text in X]
    model = LSTMSeq2Seq(16, proj_size=6, attention=attention, bidirectional=True, max_iter=60, random_state=0).fit(X, y)
    assert np.mean([found == expected for found, expected in zip(model.predict(X), y, strict=True)]) > 0.8
    assert model.weights_["bridge.layer_0.Wh"].shape == (12, 6)
    assert model.weights_["bridge.layer_0.Wc"].shape == (32, 16)


def test_detector_and_forecaster(rng):
    wave = np.sin(np.arange(400) / 5) + 0.05 * rng.normal(size=400)
    for target in ("next", "reconstruct"):
        detector = LSTMOutlierDetector(8, proj_size=3, target=target, alarm_rate=0.1, max_iter=3, random_state=0).fit([wave])
        assert any(name.endswith("layer_0.P") for name in detector.weights_)
        assert np.isfinite(detector.score_samples([wave])).all()
    forecaster = LSTMForecaster(2, proj_size=3, max_iter=2, n_estimators=1, random_state=0).fit(wave)
    assert forecaster.regressors_[0].weights_["layer_0.P"].shape == (16, 3)
    assert np.isfinite(forecaster.predict()).all()


ESTIMATORS = [LSTMClassifier, LSTMRegressor, LSTMSeq2Seq, LSTMOutlierDetector]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"cell": "gru", "proj_size": 2},
            ["proj_size=2", "'lstm', 'peephole', 'coupled', 'layernorm'", "cell='gru'", "proj_size=0"],
        ),
        ({"cell": "rnn", "proj_size": 2}, ["cell='rnn'"]),
        ({"hidden_size": (8, 4), "proj_size": 4}, ["proj_size=4", "4 units", "layer 1", "proj_size=0"]),
        ({"hidden_size": 4, "proj_size": 5}, ["proj_size=5", "layer 0"]),
        ({"proj_size": -1}, ["proj_size", "-1"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_is_refused(X, Estimator, parameters, words):
    with pytest.raises(ValueError) as caught:
        Estimator(**parameters).fit(X, list(X[:, :, 0].round()))
    for word in words:
        assert word in str(caught.value)
