"""Subnormal numbers become 0 in the kernels, because an operation on them can cost as much as a hundred others.

That the mode ends with the kernel is in test_ecosystem.py.
"""

import numpy as np
import pytest
from problems import Problem

from sklstm._kernels import _dense, _optim, _pooling
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
    scratch = aligned_empty((_dense.scratch_size(n, F, columns, x.itemsize),), dtype)
    _dense.forward(x, V, b, out, scratch)
    np.testing.assert_array_equal(out, 0)
    dV, db, dx, dout = np.zeros_like(V), np.zeros_like(b), np.ones_like(x), np.full_like(out, SMALL)
    _dense.backward(x, V * dtype(TINY[dtype] / SMALL), dout, dV, db, dx, scratch)
    np.testing.assert_array_equal(dV, 0)
    np.testing.assert_array_equal(dx, 0)


@each_dtype
def test_pooling(dtype):
    tiny, small = dtype(TINY[dtype]), dtype(SMALL)
    starts, lengths = np.array([0, 2, 4], dtype=np.intp), np.array([2, 2], dtype=np.intp)
    rows, sequences = np.full((4, 3), tiny), np.full((2, 3), tiny)

    dy = np.ones_like(rows)
    _pooling.mean_backward(starts, lengths, np.full_like(sequences, np.finfo(dtype).tiny), dy)
    np.testing.assert_array_equal(dy, 0)

    alpha, dy = np.full(4, small), np.zeros_like(rows)
    _pooling.add_weighted(starts, alpha, sequences, dy)
    np.testing.assert_array_equal(dy, 0)

    e = np.ones(4, dtype)
    _pooling.attention_scores(rows, np.full(3, small), e, 4)
    np.testing.assert_array_equal(e, 0)

    # exp(-95) is below the normal numbers of float32, exp(-720) below those of float64.
    e = np.array([0, 0, -95, -95], dtype) if dtype == np.float32 else np.array([0.0, 0.0, -720.0, -720.0])
    top, norm, out = np.full(2, -np.inf), np.zeros(2), np.zeros_like(sequences)
    _pooling.attention(starts, e, np.vstack([0 * sequences, 0 * sequences + 1]).astype(dtype), top, norm, out)
    np.testing.assert_array_equal(out, 0)
    _pooling.attention_weights(starts, top, norm, e)
    np.testing.assert_array_equal(e, [1, 1, 0, 0])

    u, dv, v = np.full((4, 3), small), np.zeros(3, dtype), np.full(3, small)
    _pooling.attention_backward(starts, np.ones(4, dtype), rows, v, sequences * 0, np.ones_like(sequences), u, dv)
    np.testing.assert_array_equal(dv, 0)
    np.testing.assert_array_equal(u, 0)

    out = np.zeros_like(sequences)
    _pooling.add_steps(starts, np.full_like(rows, np.finfo(dtype).smallest_subnormal), out)
    np.testing.assert_array_equal(out, 0)


@each_dtype
def test_moments_of_optimisers_and_sums(dtype):
    info, n = np.finfo(dtype), 37
    zero, theta = np.zeros(n, dtype), np.ones(n, dtype)
    m, v = np.full((2, n), info.tiny)
    rates = {"t": 1000, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    _optim.step("adam", theta, zero, {"m": m, "v": v}, 1e-3, 1.0, rates)
    assert (m == 0).all() and (v == 0).all()
    velocity = np.full(n, info.tiny)
    _optim.step("sgd", theta, zero, {"velocity": velocity}, 0.1, 1.0, {"momentum": 0.9, "nesterov": True})
    assert (velocity == 0).all()
    v = np.full(n, info.tiny)
    _optim.step("rmsprop", theta, zero, {"v": v}, 1e-3, 1.0, {"rho": 0.9, "epsilon": 1e-8})
    assert (v == 0).all()
    out = np.zeros(n, dtype)
    _optim.add_scaled(0.5, np.full(n, info.tiny), out)
    assert (out == 0).all()
    assert _optim.sum_of_squares(np.full(n, info.smallest_subnormal)) == 0
