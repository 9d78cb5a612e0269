"""The inference form of a direction, for the modules that run it."""
from ._product cimport operand
from ._real cimport real
from ._shares cimport slices
from ._simd cimport MAX_PRODUCTS, fused_layer


cdef struct packed_direction:
    fused_layer layer                   # cell, sizes, and what a fused step reads
    bint fused                          # else whole rows of products, by the operands:
    operand op_W
    slices[MAX_PRODUCTS] ops
    operand op_P                        # where h is projected, to N values; else N is H
    Py_ssize_t N
    int dtype
    Py_ssize_t units                    # width of a row of state: H, or more where it is padded; h has N values in it


cdef class Direction:
    cdef packed_direction packed
    cdef object kept                    # the arrays that it points into


cdef Py_ssize_t state_width(const packed_direction *d, int part) noexcept nogil

cdef Py_ssize_t scratch_elements(const packed_direction *d, Py_ssize_t n_sequences, Py_ssize_t n_rows) noexcept nogil

cdef Py_ssize_t state_elements(const packed_direction *d, Py_ssize_t n_sequences) noexcept nogil

cdef void run_steps(
    const packed_direction *d, bint reverse, const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t n_continuing, const real *x,
    real *state, Py_ssize_t n_sequences, int parity, real *y, Py_ssize_t ld_y, real *ends, Py_ssize_t ld_ends, real *scratch,
) noexcept nogil
