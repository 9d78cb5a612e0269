"""The choice of the matrix products, made at import; _product.pxd says what the kinds are, and the rule.

The environment variable ``SKLSTM_PRODUCTS`` ("both", "tiles" or "blas") forces one, as ``SKLSTM_SIMD`` forces an instruction set.
"""
from ._real cimport real
from ._simd cimport simd

from .choices import choose, is_accelerate

CHOICES = ("both", "tiles", "blas")
KINDS = ("tiles", "blas") if simd().multiply[0] != NULL else ("blas",)      # in this build

cdef bint tiles = False
cdef bint blas = False


cdef bint uses_tiles() noexcept nogil:
    return tiles


cdef bint uses_blas() noexcept nogil:
    return blas


def _choose():
    global tiles, blas
    available = CHOICES if "tiles" in KINDS else KINDS
    wanted = choose("SKLSTM_PRODUCTS", CHOICES, available, "blas" if is_accelerate() else available[0])
    tiles = wanted != "blas"
    blas = wanted != "tiles"


_choose()


def products():
    """Name of the choice: "tiles", "blas", or "both" where each takes the products that it is faster at."""
    return "both" if tiles and blas else "tiles" if tiles else "blas"


def packed_elements(Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t itemsize):
    """Elements of the buffer that `multiply_by` needs for tiles, with op(B) (rows, columns)."""
    return simd().packed_size[0 if itemsize == sizeof(float) else 1](rows, columns) if "tiles" in KINDS else 0


def multiply_by(
    str kind, const real[:, ::1] A, const real[:, ::1] B, real[:, ::1] C, real[::1] buffer, bint transpose_a, bint transpose_b,
    Py_ssize_t n_times, bint packs,
):
    """C := A op(B) or, with transpose_a, C += A' B, by the kind that is named, whichever is in use: a door for tests and benchmarks.

    Parameters
    ----------
    kind : {"tiles", "blas"}
    A : (m, k), or (k, m) if transpose_a; IN
    B : (k, n), or (n, k) if transpose_b; IN
    C : (m, n) OUT, IN/OUT if transpose_a
    buffer : (`packed_elements(k, n, ...)`,) scratch of tiles, aligned to 64 bytes
    n_times : int
        How many times over.
    packs : bool
        Pack B for each product, as where it is a gradient; else `buffer` holds it from an earlier call, as where it is weights.
    """
    cdef Py_ssize_t _i, k = B.shape[1 if transpose_b else 0], n = C.shape[1]
    cdef bint by_tiles = kind == "tiles"
    cdef operand b = operand(k, n, transpose_b, &B[0, 0], B.shape[1], NULL)
    with nogil:
        if by_tiles:
            b.packed = &buffer[0]
        for _i in range(n_times):
            if by_tiles and packs:
                pack_operand(&b, 0 if real is float else 1, &buffer[0])
            if transpose_a:
                add_product_of_transpose(&b, 0, k, n, A.shape[1], &A[0, 0], A.shape[1], &C[0, 0], n)
            else:
                multiply(&b, A.shape[0], &A[0, 0], A.shape[1], &C[0, 0], n, False)
