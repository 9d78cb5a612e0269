"""The choice between the two kinds of product, made at import; _product.pxd says what they are, and the rule.

The environment variable ``SKLSTM_PRODUCTS`` ("tiles" or "blas") forces one, as ``SKLSTM_SIMD`` forces an instruction set.
"""
from ._real cimport real
from ._simd cimport simd

from .choices import choose, is_accelerate

PRODUCTS = ("tiles", "blas")
AVAILABLE = PRODUCTS if simd().multiply[0] != NULL else ("blas",)

cdef bint tiles = False


cdef bint uses_tiles() noexcept nogil:
    return tiles


def _choose():
    global tiles
    default = "blas" if is_accelerate() else AVAILABLE[0]
    tiles = choose("SKLSTM_PRODUCTS", PRODUCTS, AVAILABLE, default) == "tiles"


_choose()


def products():
    """Name of the products in use: "tiles" or "blas"."""
    return "tiles" if tiles else "blas"


def packed_elements(Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t itemsize):
    """Elements of the buffer that `multiply_by` needs for tiles, with op(B) (rows, columns)."""
    return simd().packed_size[0 if itemsize == sizeof(float) else 1](rows, columns) if "tiles" in AVAILABLE else 0


def multiply_by(
    str kind, const real[:, ::1] A, const real[:, ::1] B, real[:, ::1] C, real[::1] buffer, bint transpose_a, bint transpose_b,
    Py_ssize_t n_times, bint pack_each_time,
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
    pack_each_time : bool
        Pack B for each product, as where it is a gradient, instead of once, as where it is weights.
    """
    cdef Py_ssize_t i, k = B.shape[1 if transpose_b else 0], n = C.shape[1]
    cdef bint packs = kind == "tiles"
    cdef operand b = operand(k, n, transpose_b, &B[0, 0], B.shape[1], NULL)
    with nogil:
        if packs:
            pack_operand(&b, &buffer[0])
        for i in range(n_times):
            if packs and pack_each_time and i:
                pack_operand(&b, &buffer[0])
            if transpose_a:
                add_product_of_transpose(&b, 0, k, n, A.shape[1], &A[0, 0], A.shape[1], &C[0, 0], n)
            else:
                multiply(&b, A.shape[0], &A[0, 0], A.shape[1], &C[0, 0], n, False)
