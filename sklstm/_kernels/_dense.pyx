"""The linear head: products with a small right-hand side; where they are not BLAS calls, a row does not depend on the others."""
from libc.stdint cimport uint64_t

from ._ftz cimport ftz_enter, ftz_leave
from ._given cimport pointer
from ._product cimport add_product_of_transpose, make_operand, multiply, operand, packed_size
from ._real cimport real
from ._simd cimport simd
from ._stages cimport Stage, batch, gradient_of

import numpy as np


cdef enum:
    PRODUCT_ROWS = 192      # of x at a time in a product
    GRADIENT_ROWS = 256     # and in a weight gradient, where they are read by columns, of which tiles copy so many rows at most


cdef class Dense(Stage):
    """The head, bound: out := x V + b.

    Parameters
    ----------
    theta : (n_params,) array
    V, b : (F, K) and (K,) views of theta
    x, dx : (n, F) arrays
        What it reads, and the gradient of that; a batch has as many rows or fewer.
    out, dout : (n, K) arrays
        Scores, and their gradient.
    scratch : (`scratch_size(n, F, K, ...)`,) array, aligned to 64 bytes
    """
    cdef:
        Py_ssize_t F, K
        const void *V
        const void *b
        const void *x
        void *dx
        void *out
        const void *dout
        void *scratch

    def __init__(self, theta, V, b, x, dx, out, dout, scratch):
        cdef Py_ssize_t n = len(out)
        self.bind(theta)
        self.F, self.K = V.shape
        self.V = self.hold(V, self.F, self.K)
        self.b = self.hold(b, self.K, 0)
        self.x = self.hold(x, n, self.F)
        self.dx = self.hold(dx, n, self.F, True)
        self.out = self.hold(out, n, self.K, True)
        self.dout = self.hold(dout, n, self.K)
        self.scratch = self.hold(scratch, 1, 0, True)

    cdef int forward(self, const batch *b) except -1 nogil:
        if self.dtype == 0:
            project(b.n_rows, self.F, self.K, <const float *> self.x, <const float *> self.V, <const float *> self.b,
                    <float *> self.out, <float *> self.scratch)
        else:
            project(b.n_rows, self.F, self.K, <const double *> self.x, <const double *> self.V, <const double *> self.b,
                    <double *> self.out, <double *> self.scratch)
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        cdef void *dV = gradient_of(self, b, self.V)
        cdef void *db = gradient_of(self, b, self.b)
        if self.dtype == 0:
            add_gradients(b.n_rows, self.F, self.K, <const float *> self.x, <const float *> self.V, <const float *> self.dout,
                          <float *> dV, <float *> db, <float *> self.dx, <float *> self.scratch)
        else:
            add_gradients(b.n_rows, self.F, self.K, <const double *> self.x, <const double *> self.V, <const double *> self.dout,
                          <double *> dV, <double *> db, <double *> self.dx, <double *> self.scratch)


cdef void project(
    Py_ssize_t n, Py_ssize_t F, Py_ssize_t K, const real *x, const real *V, const real *b, real *out, real *scratch,
) noexcept nogil:
    """out := x V + b, with x (n, F), V (F, K), b (K,), out (n, K)"""
    cdef operand op_V
    cdef uint64_t mode = ftz_enter()
    make_operand(&op_V, 0 if real is float else 1, False, F, K, V, K, scratch)
    affine(&op_V, b, n, x, out)
    ftz_leave(mode)


cdef void multiply_rows(
    const operand *op, Py_ssize_t m, const real *A, Py_ssize_t lda, real *C, Py_ssize_t ldc, bint add,
) noexcept nogil:
    """What `multiply` does, of many rows some at a time, which stay in the second-level cache for all columns"""
    cdef Py_ssize_t first = 0, rows
    while first < m:
        rows = min(m - first, PRODUCT_ROWS)
        multiply(op, rows, A + first * lda, lda, C + first * ldc, ldc, add)
        first += rows


cdef void affine(const operand *op, const real *b, Py_ssize_t n, const real *x, real *out) noexcept nogil:
    """out (n, K) := x V + b, with x (n, F) and V as an operand"""
    cdef Py_ssize_t r, k, K = op.columns
    multiply_rows(op, n, x, op.rows, out, K, False)
    for r in range(n):
        for k in range(K):
            out[r * K + k] += b[k]


cdef void add_gradients(
    Py_ssize_t n, Py_ssize_t F, Py_ssize_t K, const real *x, const real *V, const real *dout, real *dV, real *db, real *dx, real *scratch,
    bint adds=False,
) noexcept nogil:
    """dV += x' dout, db += sum of dout over rows unless it is NULL, dx := dout V', or with `adds` += that"""
    cdef operand op_dout, op_Vt
    cdef int dtype = 0 if real is float else 1
    cdef Py_ssize_t first = 0, rows
    cdef uint64_t mode = ftz_enter()
    make_operand(&op_dout, dtype, False, n, K, dout, K, scratch)
    while first < n:
        rows = min(n - first, GRADIENT_ROWS)
        add_product_of_transpose(&op_dout, first, rows, K, F, x + first * F, F, dV, K)
        first += rows
    if db != NULL:
        simd().add_row_sums[dtype](n, K, dout, K, db)
    make_operand(&op_Vt, dtype, True, K, F, V, K, scratch)
    multiply_rows(&op_Vt, n, dout, K, dx, F, adds)
    ftz_leave(mode)


def scratch_size(Py_ssize_t n, Py_ssize_t F, Py_ssize_t K, Py_ssize_t itemsize):
    """Elements of scratch for n rows of F inputs and K outputs."""
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    return max(1, packed_size(F, K, dtype), packed_size(K, F, dtype), packed_size(n, K, dtype))


def project_rows(x, V, b, scratch):
    """x V + b (n, K) of rows x (n, F), with V (F, K) and b (K,); scratch (`scratch_size(1, F, K, ...)`,), aligned to 64 bytes."""
    cdef Py_ssize_t n = len(x), F = V.shape[0], K = V.shape[1]
    cdef int dtype = 0 if V.dtype.itemsize == sizeof(float) else 1
    cdef const void *rows = pointer(x, dtype, n, F)
    cdef const void *matrix = pointer(V, dtype, F, K)
    cdef const void *offset = pointer(b, dtype, K, 0)
    cdef void *place = pointer(scratch, dtype, len(scratch), 0, True)
    result = np.empty((n, K), V.dtype)
    cdef void *out = pointer(result, dtype, n, K, True)
    if len(scratch) < packed_size(F, K, dtype):
        raise ValueError("The scratch is too small.")
    with nogil:
        if dtype == 0:
            project(n, F, K, <const float *> rows, <const float *> matrix, <const float *> offset, <float *> out, <float *> place)
        else:
            project(n, F, K, <const double *> rows, <const double *> matrix, <const double *> offset, <double *> out, <double *> place)
    return result
