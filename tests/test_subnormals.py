"""Subnormal numbers become 0 in the kernels, because an operation on them can cost as much as a hundred others.

That the mode ends with the kernel is in test_ecosystem.py.
"""

import numpy as np
import pytest
from problems import Problem

from sklstm._kernels import _dense, _minibatch, _optim, _pooling
from sklstm.network import CELLS, POOLINGS
from sklstm.network.workspace import aligned_empty

TINY = {np.float32: 1e-30, np.float64: 1e-300}  # normal, and so small that a product with SMALL is not
SMALL = 1e-10

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def subnormals(values):
    """How many there are; compared as bits, which no mode of the processor changes."""
    values = np.ascontiguousarray(values)
    bits = values.view(np.uint32 if values.dtype == np.float32 else np.uint64)
    mantissa_bits = 23 if values.dtype == np.float32 else 52
    exponent_bits = 8 if values.dtype == np.float32 else 11
    exponent = (bits >> mantissa_bits) & (2**exponent_bits - 1)
    return int(((exponent == 0) & (bits << 1 != 0)).sum())


@each_dtype
def test_subnormals_are_counted(dtype):
    info = np.finfo(dtype)
    values = [0, -0.0, 1, info.tiny, info.smallest_subnormal, -info.smallest_subnormal, info.tiny / 2, np.nan, np.inf]
    assert subnormals(np.array(values, dtype)) == 3


@each_dtype
@pytest.mark.parametrize("pooling", [*POOLINGS, None])
@pytest.mark.parametrize("cell", CELLS)
def test_states_and_gradients_that_decay(rng, cell, pooling, dtype):
    # One input, then none: with gates half open, or small weights, the state halves at each step at least, and so does the
    # gradient on the way back. Both pass through the range of subnormal numbers on the way to 0.
    n_steps = 200 if dtype == np.float32 else 1200
    sequences = [np.zeros((n_steps, 3)) for _ in range(5)]
    for x in sequences:
        x[0] = rng.normal(size=3)
    problem = Problem(sequences, "multinomial_log_loss", (17,), dtype, cell=cell, pooling=pooling)
    weights = problem.network.layout.views(problem.theta)
    problem.theta *= dtype(0.1)
    weights["layer_0.b"][:] = 0
    grad, dx = problem.gradients()
    layer = problem.ws.layers[0]
    if cell != "layernorm":  # which makes large what is small
        np.testing.assert_array_equal(layer.h[0][-5:], 0)
        assert pooling != "last" or (dx[0] == 0).all()
    states = [layer.h[0], layer.gates[0], layer.dh] + [layer.c[0], layer.dc] * (CELLS[cell].n_states == 2)
    for values in (problem.scores(), problem.dscores, grad, dx, *states):
        assert subnormals(values) == 0


@each_dtype
@pytest.mark.parametrize("columns", [1, 3, 40])
def test_head(rng, dtype, columns):
    n, F = 9, 21
    x = rng.uniform(1, 2, size=(n, F)).astype(dtype) * dtype(TINY[dtype])
    V = rng.uniform(1, 2, size=(F, columns)).astype(dtype) * dtype(SMALL)
    out, b = np.ones((n, columns), dtype), np.zeros(columns, dtype)
    dV_and_db, dx, dout = np.zeros(V.size + columns, dtype), np.ones_like(x), np.full_like(out, SMALL)
    theta = np.concatenate([V.reshape(-1), b])
    V, b = theta[: V.size].reshape(V.shape), theta[V.size :]
    scratch = aligned_empty((_dense.scratch_size(n, F, columns, x.itemsize),), dtype)
    head = bound(theta, _dense.Dense(theta, V, b, x, dx, out, dout, scratch), [n])
    head()
    np.testing.assert_array_equal(out, 0)
    V *= dtype(TINY[dtype] / SMALL)
    head(dV_and_db)
    np.testing.assert_array_equal(dV_and_db[: V.size], 0)
    np.testing.assert_array_equal(dx, 0)


def bound(theta, stage, sizes):
    """A function that runs a stage over steps of so many rows each, and with a gradient backward too."""
    n_rows, n = sum(sizes), sizes[0]
    values, scores = np.zeros((n_rows, 1), theta.dtype), np.zeros((n_rows, 1), theta.dtype)
    network = _minibatch.BoundNetwork(theta, [stage], [], n, n_rows, values, scores, scores)
    starts, lengths = np.cumsum([0, *sizes]), np.array([sum(size > r for size in sizes) for r in range(n)])

    def run(grad=None):
        network.run(starts, lengths, values)
        if grad is not None:
            network.run_backward(grad)

    return run


@each_dtype
def test_mean(dtype):
    info, theta = np.finfo(dtype), np.zeros(1, dtype)
    y, out = np.full((4, 3), info.smallest_subnormal), np.zeros((2, 3), dtype)
    dout, dy = np.full_like(out, info.tiny), np.ones_like(y)
    bound(theta, _pooling.Mean(theta, y, out, dout, dy), [2, 2])(theta.copy())
    np.testing.assert_array_equal(out, 0)
    np.testing.assert_array_equal(dy, 0)


@each_dtype
@pytest.mark.parametrize(
    "u, v, e", [("TINY", "SMALL", [0, 0]), ("SMALL", "SMALL", None), (1, "vanishing", None), (1, -23.0, None)]
)
def test_attention(dtype, u, v, e):
    """Two steps of a sequence, over the second of which u is as given, and e = 2 u v."""
    tiny, small = dtype(TINY[dtype]), dtype(SMALL)
    # exp(-95) is below the normal numbers of float32, exp(-720) below those of float64.
    known = {"TINY": tiny, "SMALL": small, "vanishing": dtype(-95 if dtype == np.float32 else -720) / 2}
    u, v = known.get(u, u), known.get(v, v)
    theta = np.zeros(8, dtype)
    A, b, v_ = theta[:4].reshape(2, 2), theta[4:6], theta[6:]
    y = np.array([[0, 0], [1, 1]], dtype)
    A[0, :], v_[:] = np.arctanh(min(u, 1 - 1e-7)) if u < 1 else 100, v
    out, top, norm, grad = np.zeros((1, 2), dtype), np.empty(1), np.empty(1), np.zeros_like(theta)
    rows, alpha, scratch = np.empty((2, 2), dtype), np.empty(2, dtype), aligned_empty((1 << 12,), dtype)
    dout, dy = np.full_like(out, tiny), np.ones_like(y)
    run = bound(theta, _pooling.Attention(A, b, v_, top, norm, rows, alpha, scratch, theta, y, out, dout, dy), [1, 1])
    run()
    if e is not None:
        np.testing.assert_array_equal(alpha, e)
    run(grad)
    for values in (rows, alpha, out, grad, dy):
        assert subnormals(values) == 0
    if v == known["vanishing"]:
        np.testing.assert_array_equal(alpha, [1, 0])
        np.testing.assert_array_equal(out, 0)


@each_dtype
def test_moments_of_optimisers_and_sums(dtype):
    info, n = np.finfo(dtype), 37
    zero, theta = np.zeros(n, dtype), np.ones(n, dtype)
    m, v = np.full((2, n), info.tiny)
    rates = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    _optim.Step("adam", theta, zero, {"m": m, "v": v, "t": 1000}, rates).take(1e-3)
    assert (m == 0).all() and (v == 0).all()
    velocity = np.full(n, info.tiny)
    _optim.Step("sgd", theta, zero, {"velocity": velocity}, {"momentum": 0.9, "nesterov": True}).take(0.1)
    assert (velocity == 0).all()
    v = np.full(n, info.tiny)
    _optim.Step("rmsprop", theta, zero, {"v": v}, {"rho": 0.9, "epsilon": 1e-8}).take(1e-3)
    assert (v == 0).all()
    out = np.zeros(n, dtype)
    _optim.Penalty(0.5, [np.full(n, info.tiny)], [out]).add(0, 1)
    assert (out == 0).all()
    assert _optim.sum_of_squares(np.full(n, info.smallest_subnormal)) == 0
