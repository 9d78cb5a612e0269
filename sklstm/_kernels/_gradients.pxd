"""What a chunk of time adds to the gradients of the weights, by one product each."""
from libc.string cimport memcpy, memset

from ._buffers cimport copy_rows
from ._product cimport multiply, operand
from ._real cimport real
from ._shares cimport add_slices_of_transpose, make_gradient, share, share_of, slices, units_of
from ._simd cimport FROM_H, cell_entry, recurrent_product, simd
from ._team cimport meet, team_member
from ._walk cimport chunk, direction, gradients, masked, rows_at, rows_continued, step_before, walk


cdef inline void gather_h_prev(
    const direction *d, Py_ssize_t first, Py_ssize_t last, const real *h, Py_ssize_t ld_h, real *out,
) noexcept nogil:
    """out := the h that entered R for each row of steps first .. last - 1, in the order of the rows: masked, and h0 or 0 where
    a row starts."""
    cdef Py_ssize_t t, rows, continued, N = d.N
    cdef const real *h0 = <const real *> d.h0
    for t in range(first, last):
        rows = rows_at(&d.w, t)
        continued = rows_continued(&d.w, t)
        copy_rows(continued, N, h + d.w.starts[step_before(&d.w, t)] * ld_h, ld_h, out, N)
        if h0 == NULL:
            memset(out + continued * N, 0, (rows - continued) * N * sizeof(real))
        else:
            memcpy(out + continued * N, h0 + continued * N, (rows - continued) * N * sizeof(real))
        if d.mask != NULL:
            masked(rows, share(0, N), N, out, N, <const real *> d.mask, out, N)
        out += rows * N


cdef struct recurrent_input:
    # The h that entered R in the rows of a chunk but the first `skipped`, where they lie.
    Py_ssize_t skipped, n_rows
    const void *h           # (n_rows, N), row stride ld
    Py_ssize_t ld


cdef inline recurrent_input locate_h_prev(
    const direction *d, const chunk *steps, const real *h, Py_ssize_t ld_h, real *gathered, team_member *me,
) noexcept nogil:
    """In h itself, or put together by all members in `gathered` (rows of the chunk, N)."""
    cdef:
        const walk *w = &d.w
        Py_ssize_t lo = steps.first, hi = steps.last
        recurrent_input found
        share own
    if d.h0 == NULL:
        # Nothing entered where the walk begins; leaving that step out often makes the rest one block of equal steps.
        if w.reverse and hi == w.n_steps:
            hi -= 1
        elif not w.reverse and lo == 0:
            lo = 1
    found.skipped = w.starts[lo] - w.starts[steps.first]
    found.n_rows = w.starts[hi] - w.starts[lo]
    if (d.h0 == NULL and d.mask == NULL and lo < hi
            and rows_at(w, lo if w.reverse else lo - 1) == rows_at(w, hi if w.reverse else hi - 1)):
        # Equally many rows throughout: they already lie in their order, one step away.
        found.h = h + w.starts[step_before(w, lo)] * ld_h
        found.ld = ld_h
    else:
        own = share_of(hi - lo, 1, me)
        gather_h_prev(d, lo + own.first, lo + own.last, h, ld_h, gathered + (w.starts[lo + own.first] - w.starts[lo]) * d.N)
        meet(me)
        found.h = gathered
        found.ld = d.N
    return found


cdef inline void add_weight_gradients(
    const direction *d, const chunk *steps, const real *a, const real *h, Py_ssize_t ld_h, const operand *op_Wt, const gradients *g,
    real *h_prev, real *packed_dz, team_member *me,
) noexcept nogil:
    """A member's columns of the gradients but dP, and its rows of dx; a is the chunk's first row of dz, of which all are known, h_prev
    and packed_dz are scratch."""
    cdef:
        const cell_entry *cell = d.cell
        const recurrent_product *product
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, n_input = cell.n_input * H, ldR = cell.n_recurrent * H, most = cell.n_blocks
        Py_ssize_t first_row = d.w.starts[steps.first], n_rows = d.w.starts[steps.last] - first_row, p, b, packed_block = 0
        int dtype = 0 if real is float else 1
        real *dR
        slices dz
        share own
        recurrent_input before = locate_h_prev(d, steps, h, ld_h, h_prev, me)
    # dW += x' dz
    make_gradient(&dz, n_rows, cell.n_input, most, H, a, Z, packed_dz, me)
    add_slices_of_transpose(&dz, cell.n_input, 0, n_rows, D, <const real *> d.x + first_row * D, D, <real *> g.dW, n_input, me)
    # dR += source' dz, from the blocks that each product filled; those from block 0 on are packed already
    for p in range(cell.n_products):
        product = &cell.products[p]
        dR = <real *> g.dR + product.first * H
        if product.target != packed_block:
            packed_block = product.target
            make_gradient(&dz, n_rows, product.n, most, H, a + packed_block * H, Z, packed_dz, me)
        if product.source != FROM_H:
            add_slices_of_transpose(&dz, product.n, 0, n_rows, H, a + product.source * H, Z, dR, ldR, me)
        elif before.n_rows:
            add_slices_of_transpose(&dz, product.n, before.skipped, before.n_rows, d.N, <const real *> before.h, before.ld, dR, ldR, me)
    if g.dx != NULL:
        # dx := dz W', or += for the second direction of a layer
        own = share_of(n_rows, 1, me)
        multiply(op_Wt, own.last - own.first, a + own.first * Z, Z, <real *> g.dx + (first_row + own.first) * D, D, g.accumulate_dx)
    if cell.sums_bias:
        # db += sum of dz over rows
        own = units_of(H, sizeof(real), me)
        if me.size == 1:
            simd().add_row_sums[dtype](n_rows, cell.n_bias * H, a, Z, g.db)
        else:
            for b in range(cell.n_bias):
                simd().add_row_sums[dtype](n_rows, own.last - own.first, a + b * H + own.first, Z, <real *> g.db + b * H + own.first)


cdef inline void add_projection_gradient(
    const direction *d, Py_ssize_t n_rows, const real *m, const real *dh, const gradients *g, real *packed_dh, team_member *me,
) noexcept nogil:
    """A member's columns of dP += m' dh, with m (n_rows, H) and dh (n_rows, N), the whole gradients of h, of a chunk; packed_dh is
    scratch."""
    cdef slices columns
    make_gradient(&columns, n_rows, 1, 1, d.N, dh, d.N, packed_dh, me)
    add_slices_of_transpose(&columns, 1, 0, n_rows, d.H, m, d.H, <real *> g.dP, d.N, me)
