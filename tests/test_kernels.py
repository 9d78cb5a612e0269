"""The C loops compared with NumPy: vector maths, products on packed operands, pooling, losses and optimiser steps."""

import os
import subprocess
import sys

import numpy as np
import pytest
from problems import LOSSES_OF_SAMPLES, Problem
from reference import LOSSES as REFERENCE_LOSSES
from reference import relative_error
from reference import scores as reference_scores

from sklstm._kernels import _minibatch, _optim, _pooling, _simd
from sklstm.network import LOSSES, Network, apply
from sklstm.sequences import Packed

FINE = np.longdouble  # 64 bits of mantissa on x86-64, enough to judge float64


def ulps(ours, exact, dtype):
    return np.abs(ours.astype(FINE) - exact) / np.spacing(np.abs(exact).astype(dtype))


def points(dtype):
    """From the smallest normal numbers over the range of the exponential to saturation, both signs, and 0."""
    largest = 87 if dtype == np.float32 else 708
    magnitudes = np.concatenate([np.geomspace(1e-30, largest, 200_001), np.linspace(0, 30, 100_001)])
    return np.concatenate([magnitudes, -magnitudes]).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_within_some_ulp(dtype):
    x = points(dtype)
    out = np.empty_like(x)
    _simd.tanh(x, out)
    # In float32 a quotient of polynomials; without fused multiply-adds (baseline) they round twice as often.
    bound = 3 if dtype == np.float64 else 7 if _simd.level() == "baseline" else 5
    assert ulps(out, np.tanh(x.astype(FINE)), dtype).max() <= bound
    assert np.abs(out).max() == 1


def input_gate(x, H=32):
    """Of an LSTM of H units and one step, with W_i the identity and R = b = 0: sigmoid(x), of shape (n,) as x."""
    n = -(-len(x) // H)
    network = Network(H, 1, (H,))
    theta = np.zeros(network.layout.size, x.dtype)
    network.layout.views(theta)["layer_0.W"][:, :H] = np.eye(H)
    rows = np.zeros((n, H), x.dtype)
    rows.reshape(-1)[: len(x)] = x
    ws = network.workspace(theta, n, n)
    ws.forward(Packed(np.arange(n), np.ones(n, np.intp), np.array([0, n]), rows))
    return ws.layers[0].gates[0][:, :H].reshape(-1)[: len(x)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_of_a_gate_within_3_ulp(dtype):
    x = points(dtype)
    assert ulps(input_gate(x), 1 / (1 + np.exp(-x.astype(FINE))), dtype).max() <= 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e4, -1e4], dtype=dtype)
    out = np.empty_like(x)
    _simd.tanh(x, out)
    np.testing.assert_array_equal(out, np.array([np.nan, 1, -1, 0, -0.0, 1, -1], dtype=dtype))
    assert np.signbit(out[4]) and not np.signbit(out[3])
    gate = input_gate(x, H=1)
    assert np.isnan(gate[0])
    np.testing.assert_allclose(gate[1:], [1, 0, 0.5, 0.5, 1, 0], atol=1e-37)


@pytest.mark.parametrize("at", [0, 2, 4])
def test_max_pooling_shows_a_nan(at):
    y = np.array([[1.0], [3.0], [2.0], [5.0], [4.0]])
    y[at] = np.nan
    theta, out, argmax, dout = np.zeros(1), np.empty((1, 1)), np.empty((1, 1), dtype=np.intp), np.ones((1, 1))
    pooling = _pooling.Max(argmax, None, theta, y, out, dout, np.empty((5, 1)))
    _minibatch.BoundNetwork(theta, [pooling], [], 1, 5, y, y, y).run(np.arange(6), np.array([5]), y)
    assert np.isnan(out[0, 0])


def test_position_in_the_vector_does_not_matter():
    # Tails of every length compute the same bits as full vectors.
    x = np.random.default_rng(0).normal(size=67).astype(np.float32)
    whole = np.empty_like(x)
    _simd.tanh(x, whole)
    for start in range(20):
        part = np.empty_like(x[start : start + 37])
        _simd.tanh(x[start : start + 37], part)
        np.testing.assert_array_equal(part, whole[start : start + 37])


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("direction", [{}, {"bidirectional": True}, {"bidirectional": True, "merge_mode": "sum"}])
@pytest.mark.parametrize("hidden_sizes", [(1,), (3,), (17, 17)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
def test_network_equals_its_slow_twin(ragged, pooling, direction, hidden_sizes, dtype, training):
    problem = Problem(ragged, "multinomial_log_loss", hidden_sizes, dtype, pooling=pooling, **direction)
    weights = {name: view.astype(np.float64) for name, view in problem.network.layout.views(problem.theta).items()}
    sequences = [x.astype(dtype).astype(np.float64) for x in ragged]
    expected = reference_scores(weights, sequences, len(hidden_sizes), pooling=pooling, **direction)
    # Rounding of some dozen operations per step over seven steps.
    order = problem.packed.order
    scores = problem.scores() if training else apply(problem.network, problem.theta, problem.sequences)[order]
    assert relative_error(scores, expected[order]) < (1e-5 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("loss", LOSSES_OF_SAMPLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_equals_its_slow_twin(ragged, loss, dtype):
    problem = Problem(ragged, loss, dtype=dtype)
    order, weights = problem.packed.order, problem.weights
    value = problem.mean_loss()
    losses = REFERENCE_LOSSES[loss](problem.scores().astype(np.float64), problem.targets[order].astype(np.float64))
    assert value == pytest.approx(losses @ weights[order] / weights.sum(), rel=1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("loss", ["binary_log_loss", "multinomial_log_loss"])
def test_log_loss_of_extreme_scores_is_finite(loss):
    scores = np.array([[800.0, -800.0], [-800.0, 800.0]])
    targets = np.array([[1.0, 0.0], [1.0, 0.0]]) if loss == "binary_log_loss" else np.array([[0.0], [0.0]])
    gradient = np.empty_like(scores)
    value = LOSSES[loss].value_and_gradient(scores, targets, np.ones(2), 2.0, gradient)
    assert value == pytest.approx(1600)
    assert np.isfinite(gradient).all()


def test_sum_of_squares():
    rng = np.random.default_rng(0)
    for n in (1, 15, 16, 17, 1000):
        for dtype in (np.float32, np.float64):
            x = rng.normal(size=n).astype(dtype)
            assert _optim.sum_of_squares(x) == pytest.approx((x.astype(np.float64) ** 2).sum(), rel=1e-14)
    for bad in (np.nan, np.inf):
        x = np.ones(40)
        x[33] = bad
        assert not np.isfinite(_optim.sum_of_squares(x))


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_step(rng, nesterov):
    theta, velocity = rng.normal(size=(2, 37))
    expected_theta, expected_velocity = theta.copy(), velocity.copy()
    for _ in range(3):
        grad = rng.normal(size=37)
        _optim.Step("sgd", theta, grad, {"velocity": velocity}, {"momentum": 0.9, "nesterov": nesterov}).take(0.1, 0.5)
        step = -0.1 * 0.5 * grad
        expected_velocity = 0.9 * expected_velocity + step
        expected_theta += 0.9 * expected_velocity + step if nesterov else expected_velocity
    np.testing.assert_allclose(theta, expected_theta, rtol=1e-13)


def test_adam_step(rng):
    theta, grad, state = rng.normal(size=37), np.empty(37), {"m": np.zeros(37), "v": np.zeros(37), "t": 0}
    expected, mean, square = theta.copy(), np.zeros(37), np.zeros(37)
    step = _optim.Step("adam", theta, grad, state, {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8})
    for t in range(1, 4):
        grad[:] = rng.normal(size=37)
        step.take(0.01, 0.5)
        assert state["t"] == t
        g = 0.5 * grad
        mean, square = 0.9 * mean + 0.1 * g, 0.99 * square + 0.01 * g**2
        expected -= 0.01 * (mean / (1 - 0.9**t)) / (np.sqrt(square / (1 - 0.99**t)) + 1e-8)
    np.testing.assert_allclose(theta, expected, rtol=1e-12)


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, env=os.environ | environment
    )


SCORES = """
import numpy as np, sys
sys.path[:0] = sys.argv[1:]
from problems import Problem
rng = np.random.default_rng(0)
sequences = [rng.normal(size=(n, 3)) for n in (3, 1, 9, 9, 2, 30)]
problem = Problem(sequences, "multinomial_log_loss", (21, 21), bidirectional=True)
print(repr(problem.gradients()[0].tolist()))
"""


@pytest.mark.parametrize("level", _simd.LEVELS)
def test_every_instruction_set_gives_the_same_gradient(level):
    # Fused multiply-add, vector width and (at the baseline) BLAS round differently: equal up to rounding.
    code = f"import sys; sys.argv[1:] = [{os.path.dirname(__file__)!r}]\n{SCORES}"
    here, forced = run_python(code), run_python(code, SKLSTM_SIMD=level)
    assert not here.stderr
    if "is not available on this machine" in forced.stderr:
        pytest.skip(f"this machine has no {level}")
    assert relative_error(np.array(eval(here.stdout)), np.array(eval(forced.stdout))) < 1e-13


@pytest.mark.slow
@pytest.mark.parametrize("level", sorted(set(_simd.LEVELS) - {_simd.level()}))
def test_other_instruction_sets_pass_the_elementwise_tests(level):
    # Those that this process does not run, in a process of their own.
    if "is not available on this machine" in run_python("import sklstm", SKLSTM_SIMD=level).stderr:
        pytest.skip(f"this machine has no {level}")
    chosen = "ulp or special or position or slow_twin or step or squares"
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, __file__]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"SKLSTM_SIMD": level})
    assert result.returncode == 0, result.stdout


def test_unknown_instruction_set_is_refused():
    assert "SKLSTM_SIMD must be one of baseline, avx2, avx512" in run_python("import sklstm", SKLSTM_SIMD="sse9").stderr
