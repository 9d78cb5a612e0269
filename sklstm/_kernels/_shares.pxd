"""What of a direction's work is whose, where a team runs it; a member that is alone has all.

Steps are split by units, so that each member keeps its columns of R in its own cache, or by rows, so that none needs in a chunk of
time what another makes in it. Every element is the same chain of multiply-adds either way, whoever makes it.
"""
from ._product cimport (
    add_product_of_transpose, blas_makes_gradient, make_gradient_operand, multiply, operand, packed_size, uses_tiles,
)
from ._real cimport real
from ._simd cimport simd
from ._team cimport team_member


cdef enum:
    LINE_BYTES = 64     # a slice of units begins at a multiple: whole vectors, and whole lines of the cache
    PANELS = 32         # columns of an operand that are packed together: whole panels at every level


cdef struct share:
    Py_ssize_t first, last


cdef inline share share_of(Py_ssize_t n, Py_ssize_t step, const team_member *me) noexcept nogil:
    """A member's part of 0 .. n - 1, from a multiple of `step` on."""
    cdef Py_ssize_t steps = (n + step - 1) // step
    return share(min(n, steps * me.number // me.size * step), min(n, steps * (me.number + 1) // me.size * step))


cdef inline share units_of(Py_ssize_t H, Py_ssize_t itemsize, const team_member *me) noexcept nogil:
    """A member's units of H."""
    return share_of(H, LINE_BYTES // itemsize, me)


cdef struct slices:
    # The same columns of each of n blocks of H columns of an operand; or all columns, as one.
    operand op              # of the first block
    Py_ssize_t n, H
    Py_ssize_t first        # column of a block
    Py_ssize_t size         # elements packed for a block
    bint whole


cdef inline Py_ssize_t slices_size(Py_ssize_t rows, Py_ssize_t n, Py_ssize_t H, int dtype) noexcept nogil:
    """Elements of the buffer for the slices of all members."""
    return n * packed_size(rows, H, dtype)


cdef inline void pack_slices(
    slices *self, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t n_most, share own, const real *B, Py_ssize_t ldb, real *buffer,
) noexcept nogil:
    """The units `own` of n blocks of B; `buffer` has room for n_most blocks of all units."""
    cdef Py_ssize_t b, H = self.H, width = own.last - own.first
    cdef int dtype = 0 if real is float else 1
    self.n = n
    self.first = own.first
    self.size = packed_size(rows, width, dtype)
    self.whole = False
    buffer += n_most * rows * own.first
    self.op = operand(rows, width, False, B, ldb, buffer)
    for b in range(n):
        simd().pack[dtype](False, rows, width, B + b * H + own.first, ldb, buffer + b * self.size)


cdef inline void make_weights(
    slices *self, bint by_units, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t H, const real *B, Py_ssize_t ldb, real *buffer,
    const team_member *me,
) noexcept nogil:
    """B (rows, n H): a member's units of each block; or all, packed by all members, who then have to meet."""
    cdef share own
    self.H = H
    if by_units:
        pack_slices(self, rows, n, n, units_of(H, sizeof(real), me), B, ldb, buffer)
        return
    self.n = 1
    self.first = self.size = 0
    self.whole = True
    self.op = operand(rows, n * H, False, B, ldb, NULL)
    if uses_tiles():
        self.op.packed = buffer
        own = share_of(n * H, PANELS, me)
        simd().pack[0 if real is float else 1](False, rows, own.last - own.first, B + own.first, ldb, buffer + rows * own.first)


cdef inline void make_transpose(
    slices *self, bint by_units, Py_ssize_t rows, Py_ssize_t H, const real *B, Py_ssize_t ldb, real *buffer, const team_member *me,
) noexcept nogil:
    """The same of B' (rows, H), with B (H, rows)."""
    cdef share own = units_of(H, sizeof(real), me) if by_units else share_of(H, PANELS, me)
    self.n = 1
    self.H = H
    self.first = own.first if by_units else 0
    self.whole = not by_units
    self.op = operand(rows, own.last - own.first if by_units else H, True, B, ldb, NULL)
    if uses_tiles():
        self.op.packed = buffer + rows * self.first
        simd().pack[0 if real is float else 1](True, rows, own.last - own.first, B + own.first * ldb, ldb, buffer + rows * own.first)


cdef inline void make_gradient(
    slices *self, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t n_most, Py_ssize_t H, const real *dz, Py_ssize_t ldz, real *buffer,
    const team_member *me,
) noexcept nogil:
    """dz (rows, n H) as what weight gradients are made of: a member's units of each block; or all, where BLAS makes them."""
    cdef int dtype = 0 if real is float else 1
    self.H = H
    if me.size > 1 and not blas_makes_gradient(n * H, dtype):
        pack_slices(self, rows, n, n_most, units_of(H, sizeof(real), me), dz, ldz, buffer)
        return
    self.n = 1
    self.first = 0
    self.whole = True
    make_gradient_operand(&self.op, dtype, rows, n * H, dz, ldz, buffer)


cdef inline void multiply_slices(
    const slices *b, Py_ssize_t m, const real *A, Py_ssize_t lda, real *C, Py_ssize_t ldc, bint add,
) noexcept nogil:
    """C := A op(B), or += if add, in the columns of the slices"""
    cdef operand op
    cdef Py_ssize_t k
    C += b.first
    multiply(&b.op, m, A, lda, C, ldc, add)
    if b.n > 1:
        op = b.op
        for k in range(1, b.n):
            op.packed = <real *> b.op.packed + k * b.size
            multiply(&op, m, A, lda, C + k * b.H, ldc, add)


cdef inline void add_slices_of_transpose(
    const slices *b, Py_ssize_t n, Py_ssize_t first_row, Py_ssize_t n_rows, Py_ssize_t m, const real *A, Py_ssize_t lda, real *C,
    Py_ssize_t ldc, const team_member *me,
) noexcept nogil:
    """C += A' B over rows first_row .. first_row + n_rows - 1, in the columns of the slices of the first n blocks"""
    cdef operand op = b.op
    cdef Py_ssize_t k
    if b.whole:
        if me.number == 0:
            add_product_of_transpose(&op, first_row, n_rows, n * b.H, m, A, lda, C, ldc)
        return
    for k in range(n):
        op.packed = <real *> b.op.packed + k * b.size
        add_product_of_transpose(&op, first_row, n_rows, op.columns, m, A, lda, C + b.first + k * b.H, ldc)
