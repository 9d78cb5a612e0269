"""Random orthogonal matrices, which recurrent weights begin with."""

import numpy as np
from scipy.linalg.lapack import get_lapack_funcs

DRAWN_ALONE = 64  # rows of blocks that are independent of each other
BLOCK = 64  # columns that LAPACK reflects at a time, at most: it has no use for more workspace


def random_orthogonal(size, rng, dtype):
    """A matrix (size, size) that is uniformly distributed over the orthogonal ones.

    Notes
    -----
    The QR decomposition of a Gaussian matrix gives one, if the diagonal of R is made positive. Q is then a product of
    reflections, each of which takes a Gaussian vector, one shorter than the last, to a multiple of the first unit vector.
    Drawing these vectors saves the decomposition, and half of the numbers (Stewart 1980). They are float64 for either dtype.
    """
    vectors = np.zeros((size, size))
    for k in range(size):
        vectors[k, k:] = rng.standard_normal(size - k)
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    first = np.einsum("ii->i", vectors)  # a view
    signs = np.copysign(1.0, first)
    # x -> -sign(x_0) |x| e_0 by I - tau v v', where v = (x + sign(x_0) |x| e_0) / v_0 and tau = |x_0 + sign(x_0) |x|| / |x|
    first += signs * norms
    tau = np.abs(first) / norms
    vectors /= first[:, np.newaxis].copy()
    multiply = get_lapack_funcs("orgqr", dtype=dtype)
    q, _, _ = multiply(vectors.astype(dtype).T, tau.astype(dtype), lwork=BLOCK * size, overwrite_a=True)
    return (q * -signs.astype(dtype)).T  # in C order, and distributed alike


def write_orthogonal_blocks(out, rng, size=None):
    """Overwrite each of the square blocks of `out` (size, n_blocks * size) with a matrix that is distributed like that.

    With `size`, blocks of so many columns have fewer rows, the first ones of such matrices.

    Small blocks are drawn one by one, as Q of QR decompositions. Large ones are one matrix with its rows and its columns in
    random orders and its columns with random signs, which leaves the distribution as it is: entries of different blocks are
    uncorrelated, but the blocks are not independent. Of four blocks of 64, 512 and 1024 rows in float32 the decompositions take
    0.6, 117 and 630 ms, one matrix for all 0.2, 9 and 56 ms; two epochs of 50 sequences of 20 steps take 5, 180 and 850.
    """
    n_rows, size = len(out), len(out) if size is None else size
    blocks = out.reshape(n_rows, -1, size).transpose(1, 0, 2)
    if size <= DRAWN_ALONE:
        for block in blocks:
            q, r = np.linalg.qr(rng.standard_normal((size, size)))
            block[...] = (q * np.where(np.diag(r) < 0, -1, 1))[:n_rows]
        return
    q = random_orthogonal(size, rng, out.dtype)
    orders = rng.permuted(np.broadcast_to(np.arange(size), (len(blocks), 2, size)), axis=2)
    signs = (1 - 2 * rng.integers(2, size=(len(blocks), size))).astype(out.dtype)
    for block, (rows, columns), sign in zip(blocks, orders, signs, strict=True):
        np.multiply(np.take(q[rows[:n_rows]], columns, axis=1), sign, out=block)
