"""The linear head: products with a small right-hand side; where they are not BLAS calls, a row does not depend on the others."""
from libc.stdint cimport uint64_t

from ._ftz cimport ftz_enter, ftz_leave
from ._product cimport add_product_of_transpose, make_operand, multiply, operand, packed_size
from ._real cimport real
from ._simd cimport simd


def forward(const real[:, ::1] x, const real[:, ::1] V, const real[::1] b, real[:, ::1] out, real[::1] scratch):
    """out := x V + b, with x (n, F), V (F, K), b (K,), out (n, K) and scratch from `scratch_size`, aligned to 64 bytes."""
    cdef uint64_t mode
    cdef operand op_V
    with nogil:
        mode = ftz_enter()
        make_operand(&op_V, 0 if real is float else 1, False, V.shape[0], V.shape[1], &V[0, 0], V.shape[1], &scratch[0])
        affine(&op_V, &b[0], x.shape[0], &x[0, 0], &out[0, 0])
        ftz_leave(mode)


cdef void affine(const operand *op, const real *b, Py_ssize_t n, const real *x, real *out) noexcept nogil:
    """out (n, K) := x V + b, with x (n, F) and V as an operand"""
    cdef Py_ssize_t r, k, K = op.columns
    multiply(op, n, x, op.rows, out, K, False)
    for r in range(n):
        for k in range(K):
            out[r * K + k] += b[k]


def backward(
    const real[:, ::1] x, const real[:, ::1] V, const real[:, ::1] dout, real[:, ::1] dV, real[::1] db, real[:, ::1] dx,
    real[::1] scratch,
):
    """dV += x' dout, db += sum of dout over rows, dx := dout V'"""
    cdef uint64_t mode
    cdef operand op_dout, op_Vt
    cdef Py_ssize_t n = x.shape[0], F = x.shape[1], K = V.shape[1]
    cdef int dtype = 0 if real is float else 1
    with nogil:
        mode = ftz_enter()
        make_operand(&op_dout, dtype, False, n, K, &dout[0, 0], K, &scratch[0])
        add_product_of_transpose(&op_dout, 0, n, K, F, &x[0, 0], F, &dV[0, 0], K)
        simd().add_row_sums[dtype](n, K, &dout[0, 0], K, &db[0])
        make_operand(&op_Vt, dtype, True, K, F, &V[0, 0], K, &scratch[0])
        multiply(&op_Vt, n, &dout[0, 0], K, &dx[0, 0], F, False)
        ftz_leave(mode)


def scratch_size(Py_ssize_t n, Py_ssize_t F, Py_ssize_t K, Py_ssize_t itemsize):
    """Elements of scratch for n rows of F inputs and K outputs."""
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    return max(1, packed_size(F, K, dtype), packed_size(K, F, dtype), packed_size(n, K, dtype))
