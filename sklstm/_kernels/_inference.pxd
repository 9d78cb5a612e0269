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
    int dtype
    Py_ssize_t units                    # width of a row of state: H, or more where it is padded


cdef class Direction:
    cdef packed_direction packed
    cdef object kept                    # the arrays that it points into


cdef Py_ssize_t scratch_elements(const packed_direction *d, Py_ssize_t n_sequences, Py_ssize_t n_rows) noexcept nogil

cdef Py_ssize_t state_elements(const packed_direction *d, Py_ssize_t n_sequences) noexcept nogil

cdef struct recursion:
    # A direction over the steps of a packed batch; arrays of the dtype of the direction.
    const packed_direction *d
    bint reverse                # walk from the last step of each sequence to its first
    const Py_ssize_t *starts    # (T + 1,) row at which each step begins
    Py_ssize_t T
    Py_ssize_t n_continuing     # how many sequences do not end with these steps
    const void *x               # (n_rows, D) IN
    # (2 or 4, n_sequences, units) IN/OUT. IN: in state[parity], and for c in state[2 + parity], what each row begins with; if
    # `reverse`, in both rows of the pair. OUT: in state[(parity + T) % 2] the state of the sequences that continue.
    void *state
    Py_ssize_t n_sequences
    int parity                  # 0 or 1
    void *y                     # (n_rows, H), row stride ld_y, OUT or NULL: h of every step
    Py_ssize_t ld_y
    void *ends                  # (n_sequences, H), row stride ld_ends, OUT or NULL: h in which the walk of each that ends here ends
    Py_ssize_t ld_ends
    void *scratch               # (`scratch_elements(...)`,), aligned to 64 bytes


cdef void run_steps(const recursion *s) noexcept nogil
