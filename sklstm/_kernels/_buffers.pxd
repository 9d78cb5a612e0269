"""How memory is laid out: scratch of the cells' drivers, and rows that lie apart."""
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy

from ._real cimport real


cdef enum:
    # Elements that each part of a buffer is padded to, so that the next is aligned to 64 bytes.
    ALIGNED = 16
    ALIGNMENT = 64      # the same in bytes
    # Blocks of H in the scratch of a cell (simd.h).
    CELL_SCRATCH = 8


cdef inline Py_ssize_t padded(Py_ssize_t n) noexcept nogil:
    return (n + ALIGNED - 1) // ALIGNED * ALIGNED


cdef inline uintptr_t round_up(uintptr_t n) noexcept nogil:
    return (n + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef inline void copy_rows(
    Py_ssize_t rows, Py_ssize_t n, const real *source, Py_ssize_t ld, real *out, Py_ssize_t ld_out,
) noexcept nogil:
    """out := source, (rows, n) each"""
    cdef Py_ssize_t r
    for r in range(rows):
        memcpy(out + r * ld_out, source + r * ld, n * sizeof(real))


cdef inline void take_rows(Py_ssize_t n, Py_ssize_t n_bytes, const Py_ssize_t *rows, const char *source, char *out) noexcept nogil:
    """out := the rows of the source with these numbers, of n_bytes each; nothing where a row has none"""
    cdef Py_ssize_t k
    for k in range(n if n_bytes else 0):
        memcpy(out + k * n_bytes, source + rows[k] * n_bytes, n_bytes)
