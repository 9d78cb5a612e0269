"""Row-major BLAS over SciPy's, for C-ordered matrices.

BLAS is column-major, and a row-major matrix read column-major is its transpose, so C = op(A) op(B) is asked for as
C' = op(B)' op(A)'. `blas_int` is the integer type of the installed SciPy's `cython_blas` (64 bits wide where SciPy is
built with ILP64); setup.py finds it out.
"""
from scipy.linalg.cython_blas cimport dgemm, sgemm

from ._real cimport real

include "_blas_int.pxi"


cdef inline void gemm(
    bint transpose_a, bint transpose_b, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
    real alpha, const real *A, Py_ssize_t lda, const real *B, Py_ssize_t ldb, real beta, real *C, Py_ssize_t ldc,
) noexcept nogil:
    """C := alpha op(A) op(B) + beta C with op(A) (m, k), op(B) (k, n) and C (m, n); lda, ldb, ldc are row strides."""
    cdef:
        char ta = 84 if transpose_a else 78     # "T", "N"
        char tb = 84 if transpose_b else 78
        blas_int m_ = <blas_int> m, n_ = <blas_int> n, k_ = <blas_int> k
        blas_int lda_ = <blas_int> lda, ldb_ = <blas_int> ldb, ldc_ = <blas_int> ldc
    if m == 0 or n == 0:
        return
    if real is float:
        sgemm(&tb, &ta, &n_, &m_, &k_, &alpha, <float *> B, &ldb_, <float *> A, &lda_, &beta, C, &ldc_)
    else:
        dgemm(&tb, &ta, &n_, &m_, &k_, &alpha, <double *> B, &ldb_, <double *> A, &lda_, &beta, C, &ldc_)
