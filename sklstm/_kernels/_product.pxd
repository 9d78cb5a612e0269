"""C := A op(B) (+ C) for a B that many A are multiplied by, in two kinds: packed tiles of our own (gemm_impl.h), and SciPy's BLAS.

The rule is per platform the faster. Where the compiler has vectors as a language extension, tiles take every product but the
gradients of wide weights in float64, which are those of BLAS; where it has none (MSVC), and where SciPy's BLAS is Apple's Accelerate
with its matrix units, BLAS takes all. SKLSTM_PRODUCTS forces one kind for all. Why (one core of a Zen 4 with AVX-512, SciPy's OpenBLAS
0.3.30 and its SkylakeX kernels, GFLOP/s of tiles and of BLAS, from benchmarks/products.py; 128 rows, D = 32):

                                              float32, H =                        float64, H =
                                           32     64    128    256    512      32     64    128    256    512
    recurrent         h R              99 105 105 86 108 88 107 80 102 75   48 48  53 47  54 49  51 48  44 47
    input             x W              95 103  98 79 102 82 101 76  96 73   50 53  50 44  48 42  46 41  45 41
    weight gradient   dR += h' dz      91 103  99 79 102 93  97 92  85 85   45 53  48 46  49 50  47 50  44 48

With 16 rows tiles are up to 3.7 times as fast in products with R, since BLAS packs R again at each step; below a million
multiplications, where this BLAS has kernels that pack nothing, both are equal. Weight gradients have another B each time, which has
to be packed for tiles too, and a large C. A team of threads shares the products that tiles make, and leaves those of BLAS to one.

Only with tiles a row's result does not depend on how many there are. So what is promised about bits (a prediction does not depend on
the sequences beside it) holds where tiles make the predictions; with BLAS for all, it holds up to rounding. That fits have the same
bits for any n_jobs holds within each choice.
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
cdef bint uses_blas() noexcept nogil        # both are true where each takes the products that it is faster at


cdef enum:
    # Columns of dz in float64 from which on BLAS adds weight gradients: those of 128 units of an LSTM.
    BLAS_COLUMNS = 512


cdef inline Py_ssize_t packed_size(Py_ssize_t rows, Py_ssize_t columns, int dtype) noexcept nogil:
    """Elements of the buffer that `make_operand` packs into."""
    return simd().packed_size[dtype](rows, columns) if uses_tiles() else 0


cdef inline void pack_operand(operand *self, int dtype, void *buffer) noexcept nogil:
    self.packed = buffer
    simd().pack[dtype](self.transpose, self.rows, self.columns, self.B, self.ldb, buffer)


cdef inline void make_operand(
    operand *self, int dtype, bint transpose, Py_ssize_t rows, Py_ssize_t columns, const void *B, Py_ssize_t ldb, void *buffer,
) noexcept nogil:
    """op(B) (rows, columns) with B of row stride ldb; `buffer` (packed_size,), aligned to 64 bytes, is written."""
    self.rows = rows
    self.columns = columns
    self.transpose = transpose
    self.B = B
    self.ldb = ldb
    self.packed = NULL
    if uses_tiles():
        pack_operand(self, dtype, buffer)


cdef inline bint blas_makes_gradient(Py_ssize_t columns, int dtype) noexcept nogil:
    return uses_blas() and dtype == 1 and columns >= BLAS_COLUMNS


cdef inline void make_gradient_operand(
    operand *self, int dtype, Py_ssize_t rows, Py_ssize_t columns, const void *B, Py_ssize_t ldb, void *buffer,
) noexcept nogil:
    """The same for a B that weight gradients alone are made of. There no row has to have its bits alone, so the faster kind may
    take them whatever the number of rows is."""
    if blas_makes_gradient(columns, dtype):
        self[0] = operand(rows, columns, False, B, ldb, NULL)
    else:
        make_operand(self, dtype, False, rows, columns, B, ldb, buffer)


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
