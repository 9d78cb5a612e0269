"""C := A op(B) (+ C) for a B that many A are multiplied by: our packed kernels where the instruction set has them, else BLAS.

The rule, and why (float32, one core of a Zen 5, GFLOP/s, 32 rows, K = H, N = 4 H):

    H                                                        64   128   256   512
    SciPy's OpenBLAS 0.3.30, its AVX-512 (SkylakeX) kernels 162   123   101   114
    packed tiles, AVX-512                                   247   247   243   190
    SciPy's OpenBLAS 0.3.30, its AVX2 (Haswell) kernels      75    76    75    72
    packed tiles, AVX2                                      120   120   121   102

OpenBLAS reaches 215 (AVX-512) and 115 (AVX2) on large square matrices here; at these shapes it spends the rest on packing.
The tiles win at every size, for the hoisted and the weight-gradient products too (A or its transpose, both by strides), and only with
them a row's result does not depend on how many there are. So they take every product, at the baseline (SSE2, NEON) too. BLAS is for
compilers without vectors as a language extension (MSVC).
"""
from ._blas cimport gemm
from ._real cimport real
from ._simd cimport simd


cdef struct operand:
    # op(B) (rows, columns): packed, or as it lies
    Py_ssize_t rows, columns
    bint transpose
    const void *B
    Py_ssize_t ldb
    void *packed        # NULL: leave it to BLAS


cdef bint uses_tiles() noexcept nogil


cdef inline Py_ssize_t packed_size(Py_ssize_t rows, Py_ssize_t columns, int dtype) noexcept nogil:
    """Elements of the buffer that `make_operand` packs into."""
    return simd().packed_size[dtype](rows, columns) if uses_tiles() else 0


cdef inline void pack_operand(operand *self, real *buffer) noexcept nogil:
    self.packed = buffer
    simd().pack[0 if real is float else 1](self.transpose, self.rows, self.columns, self.B, self.ldb, buffer)


cdef inline void make_operand(
    operand *self, bint transpose, Py_ssize_t rows, Py_ssize_t columns, const real *B, Py_ssize_t ldb, real *buffer,
) noexcept nogil:
    """op(B) (rows, columns) with B of row stride ldb; `buffer` (packed_size,), aligned to 64 bytes, is written."""
    self.rows = rows
    self.columns = columns
    self.transpose = transpose
    self.B = B
    self.ldb = ldb
    self.packed = NULL
    if uses_tiles():
        pack_operand(self, buffer)


cdef inline void multiply(
    const operand *b, Py_ssize_t m, const real *A, Py_ssize_t lda, real *C, Py_ssize_t ldc, bint add,
) noexcept nogil:
    """C (m, columns) := A op(B), or += if add, with A (m, rows)"""
    if b.packed != NULL:
        simd().multiply[0 if real is float else 1](m, b.columns, b.rows, A, lda, 1, b.packed, b.rows, b.columns, 0, C, ldc, add)
    else:
        gemm(False, b.transpose, m, b.columns, b.rows, <real> 1, A, lda, <const real *> b.B, b.ldb, <real> (1 if add else 0), C, ldc)


cdef inline void add_product_of_transpose(
    const operand *b, Py_ssize_t first_row, Py_ssize_t n_rows, Py_ssize_t columns, Py_ssize_t m, const real *A, Py_ssize_t lda,
    real *C, Py_ssize_t ldc,
) noexcept nogil:
    """C (m, columns) += A' B over rows first_row .. first_row + n_rows - 1 and the first columns of an untransposed B,
    with A (n_rows, m)"""
    if b.packed != NULL:
        simd().multiply[0 if real is float else 1](m, columns, n_rows, A, 1, lda, b.packed, b.rows, b.columns, first_row, C, ldc, True)
    else:
        gemm(True, False, m, columns, n_rows, <real> 1, A, lda, <const real *> b.B + first_row * b.ldb, b.ldb, <real> 1, C, ldc)
