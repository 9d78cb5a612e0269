"""Random orthogonal matrices: what QR decompositions of Gaussian matrices are, without the decomposition."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import kstest

from sklstm.network import orthogonal
from sklstm.network.orthogonal import random_orthogonal, write_orthogonal_blocks

TOLERANCE = {"float32": 3e-6, "float64": 1e-14}  # some ten times the rounding errors of 130 reflections


def blocks(n_blocks, size, rng, dtype):
    """(n_blocks, size, size)"""
    out = np.empty((size, n_blocks * size), dtype)
    write_orthogonal_blocks(out, rng)
    return out.reshape(size, n_blocks, size).transpose(1, 0, 2)


def by_reflections(size, rng):
    """The same by one reflection after the other."""
    q, signs = np.eye(size), np.empty(size)
    for k in range(size):
        x = np.zeros(size)
        x[k:] = rng.standard_normal(size - k)
        signs[k] = -1 if x[k] > 0 else 1
        v = x.copy()
        v[k] -= signs[k] * np.linalg.norm(x)
        q = q @ (np.eye(size) - 2 * np.outer(v, v) / (v @ v))
    return (q * signs).T


def by_qr(size, rng):
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    return q * np.sign(np.diag(r))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 65, 130])
def test_blocks_are_orthogonal(size, dtype):
    for q in blocks(3, size, np.random.default_rng(0), dtype):
        assert q.dtype == dtype
        assert_allclose(q.astype(np.float64).T @ q, np.eye(size), rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [1, 2, 5, 65])
def test_equals_the_product_of_reflections(size, dtype):
    q = random_orthogonal(size, np.random.default_rng(0), np.dtype(dtype))
    assert_allclose(q, by_reflections(size, np.random.default_rng(0)), rtol=0, atol=TOLERANCE[dtype])


# What a matrix is measured by, under which the distributions are compared.
MEASURES = {
    "first entry": lambda q: q[0, 0],
    "last entry": lambda q: q[-1, -1],
    "entry beside the diagonal": lambda q: q[0, -1],
    "trace": lambda q: q.trace(),
    "trace of the square": lambda q: (q @ q).trace(),
    "product of four entries": lambda q: q[0, 0] * q[-1, -1] * q[0, -1] * q[-1, 0],
}


@pytest.fixture(scope="module", params=[0, 3], ids=["one shuffled", "one by one"])
def drawn(request):
    """(n_matrices, 2, 3, 3): two blocks each; and as many by QR."""
    rng, n = np.random.default_rng(0), 1500
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orthogonal, "DRAWN_ALONE", request.param)
        return np.array([blocks(2, 3, rng, np.float64) for _ in range(n)]), np.array([by_qr(3, rng) for _ in range(n)])


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_is_distributed_as_by_qr(measure, drawn):
    found, expected = drawn
    expected = list(map(measure, expected))
    for k in range(2):
        assert kstest(list(map(measure, found[:, k])), expected).pvalue > 0.01


def test_determinants_of_both_signs_and_moments(drawn):
    """Of matrices that are uniformly distributed: mean 0, E q_ij^2 = 1 / n, E q_ij^4 = 3 / (n (n + 2)), det 1 as often as -1."""
    q, n = drawn[0], 3
    error = 4 / np.sqrt(len(q))  # standard errors of a quantity of the order of 1
    assert_allclose(np.linalg.det(q).mean(axis=0), 0, atol=error)
    assert_allclose(q.mean(axis=0), 0, atol=error)
    assert_allclose((q**2).mean(axis=0), 1 / n, atol=error)
    assert_allclose((q**4).mean(axis=0), 3 / (n * (n + 2)), atol=error)


def test_blocks_are_uncorrelated(drawn):
    first, second = drawn[0].reshape(len(drawn[0]), 2, -1).transpose(1, 0, 2)
    assert_allclose(first.T @ second / len(first), 0, atol=4 / 3 / np.sqrt(len(first)))
