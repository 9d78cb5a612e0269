"""How the drivers of the cells lay out their scratch."""


cdef enum:
    # Elements that each part of a buffer is padded to, so that the next is aligned to 64 bytes.
    ALIGNED = 16
    # Blocks of H in the scratch of a cell (simd.h).
    CELL_SCRATCH = 8


cdef inline Py_ssize_t padded(Py_ssize_t n) noexcept nogil:
    return (n + ALIGNED - 1) // ALIGNED * ALIGNED
