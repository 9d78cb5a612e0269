"""The recursion over time, forward and backward, for any cell of the table, over a packed ragged batch.

Packed means: sequences sorted by length, longest first, and stored time-major, so that step t is the contiguous block of
rows starts[t] .. starts[t + 1] and its row r continues row r of the step before. No padding is stored or multiplied.
The reverse direction walks the same rows from the last step to the first, with more and more rows active.

A cell is an entry of the table, in one of cells_*_impl.h: how wide a row of `a` is, which products with R fill which of its blocks,
and the elementwise bodies before and after. What is kept for the backward pass is a, h and, where the cell has one, c: for the
LSTM 6 H words per row and step. tanh(c) is computed again, and dz is written over the gates. Products with x are hoisted out
of the recursion, and the weight gradients are one product each, both over chunks of time that stay in the second-level cache:

    forward     a = x W                for a chunk, then step by step    a_t += h_prev R,   cell
    backward    cell -> dz_t,          dh_prev = dz_t R'                 step by step, then for the chunk
                dW += x' dz,           dR += h_prev' dz,                 db += sum dz,      dx += dz W'

A mask (dropout of the recurrence, one row per sequence) multiplies what enters R: h_prev, or the block of `a` that is read.
"""
from libc.string cimport memcpy, memset

from ._buffers cimport CELL_SCRATCH, copy_rows, padded
from ._product cimport add_product_of_transpose, make_gradient_operand, make_operand, multiply, operand, packed_size
from ._real cimport real
from ._simd cimport FROM_H, MAX_PRODUCTS, cell_entry, cell_step, recurrent_product, simd
from ._walk cimport (
    chunk, chunk_after, chunk_rows, chunk_steps, clear_targets, continuing_rows, direction, gradients, masked, multiply_recurrent,
    rows_at, rows_continued, set_pointers, starting_rows, step_before, step_number, walk,
)


cdef real *pack_recurrent(const direction *d, bint transpose, operand *ops, real *scratch) noexcept nogil:
    """ops := what each product with R reads of it, or the transpose of that; returns the scratch that they leave."""
    cdef Py_ssize_t p, n, rows, columns, H = d.H, ldR = d.cell.n_recurrent * H
    cdef int dtype = 0 if real is float else 1
    cdef const recurrent_product *product
    for p in range(d.cell.n_products):
        product = &d.cell.products[p]
        n = product.n * H
        rows, columns = (n, H) if transpose else (H, n)
        make_operand(&ops[p], dtype, transpose, rows, columns, <const real *> d.R + product.first * H, ldR, scratch)
        scratch += padded(packed_size(rows, columns, dtype))
    return scratch


cdef void forward_steps(const direction *d, real *a, real *c, real *h, Py_ssize_t ld_h, real *scratch) noexcept nogil:
    """Run one direction of one layer over a packed batch.

    a (n_rows, n_blocks H), c (n_rows, H) and h (n_rows, H), of row stride ld_h, are OUT; c is not used by cells whose only state
    is h. scratch (`scratch_size(...)`,) is aligned to 64 bytes.
    """
    cdef:
        const cell_entry *cell = d.cell
        const walk *w = &d.w
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, T = w.n_steps
        Py_ssize_t per_chunk = chunk_steps(w, Z, sizeof(real)), Hc = H if cell.n_states == 2 else 0
        Py_ssize_t done = 0, first_row, k, t
        int stage, dtype = 0 if real is float else 1
        const real *mask = <const real *> d.mask
        const real *mask_rest
        real *a_t
        real *masked_h
        chunk steps
        cell_step step, start
        operand op_W
        operand[MAX_PRODUCTS] ops
    make_operand(&op_W, dtype, False, D, cell.n_input * H, d.W, cell.n_input * H, scratch)
    scratch = pack_recurrent(d, False, ops, scratch + padded(packed_size(D, cell.n_input * H, dtype)))
    step = continuing_rows(d, ld_h, scratch)
    start = starting_rows(d, &step)
    masked_h = scratch + padded(CELL_SCRATCH * H)
    while done < T:
        steps = chunk_after(done, T, per_chunk, not w.reverse)
        first_row = w.starts[steps.first]
        # a := x W
        multiply(&op_W, w.starts[steps.last] - first_row, <const real *> d.x + first_row * D, D, a + first_row * Z, Z, False)
        for k in range(steps.last - steps.first):
            t = step_number(&steps, k)
            a_t = a + w.starts[t] * Z
            set_pointers(d, t, a_t, c + w.starts[t] * Hc, c + w.starts[step_before(w, t)] * Hc, h, &step, &start)
            for stage in range(cell.n_stages):
                if step.rows:
                    multiply_recurrent(cell, H, stage, ops, step.rows, <const real *> step.h_prev, ld_h, mask, a_t, masked_h)
                    cell.forward[stage][d.activation][dtype](&step)
                if start.rows:
                    if d.h0 != NULL:
                        mask_rest = mask + step.rows * H if mask != NULL else NULL
                        multiply_recurrent(cell, H, stage, ops, start.rows, <const real *> start.h_prev, H, mask_rest, <real *> start.a,
                                           masked_h)
                    elif stage == 0:
                        clear_targets(cell, start.rows, H, <real *> start.a)
                    cell.forward[stage][d.activation][dtype](&start)
        done += steps.last - steps.first


cdef void gather_h_prev(
    const direction *d, Py_ssize_t first, Py_ssize_t last, const real *h, Py_ssize_t ld_h, real *out,
) noexcept nogil:
    """out := the h that entered R for each row of steps first .. last - 1, in the order of the rows: masked, and h0 or 0 where
    a row starts."""
    cdef Py_ssize_t t, rows, continued, H = d.H
    cdef const real *h0 = <const real *> d.h0
    for t in range(first, last):
        rows = rows_at(&d.w, t)
        continued = rows_continued(&d.w, t)
        copy_rows(continued, H, h + d.w.starts[step_before(&d.w, t)] * ld_h, ld_h, out, H)
        if h0 == NULL:
            memset(out + continued * H, 0, (rows - continued) * H * sizeof(real))
        else:
            memcpy(out + continued * H, h0 + continued * H, (rows - continued) * H * sizeof(real))
        if d.mask != NULL:
            masked(rows, H, out, H, <const real *> d.mask, out, H)
        out += rows * H


cdef struct recurrent_input:
    # The h that entered R in the rows of a chunk but the first `skipped`, where they lie.
    Py_ssize_t skipped, n_rows
    const void *h           # (n_rows, H), row stride ld
    Py_ssize_t ld


cdef recurrent_input locate_h_prev(const direction *d, const chunk *steps, const real *h, Py_ssize_t ld_h, real *gathered) noexcept nogil:
    """In h itself, or put together in `gathered` (rows of the chunk, H)."""
    cdef:
        const walk *w = &d.w
        Py_ssize_t lo = steps.first, hi = steps.last
        recurrent_input found
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
        gather_h_prev(d, lo, hi, h, ld_h, gathered)
        found.h = gathered
        found.ld = d.H
    return found


cdef void add_weight_gradients(
    const direction *d, const chunk *steps, const real *a, const real *h, Py_ssize_t ld_h, const operand *op_Wt, const gradients *g,
    real *h_prev, real *packed_dz,
) noexcept nogil:
    """What a chunk adds to the gradients, by one product each; a is its first row of dz, h_prev and packed_dz are scratch."""
    cdef:
        const cell_entry *cell = d.cell
        const recurrent_product *product
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, n_input = cell.n_input * H, ldR = cell.n_recurrent * H
        Py_ssize_t first_row = d.w.starts[steps.first], n_rows = d.w.starts[steps.last] - first_row, p, n, packed_block = 0
        int dtype = 0 if real is float else 1
        real *dR
        operand op_dz
        recurrent_input before = locate_h_prev(d, steps, h, ld_h, h_prev)
    # dW += x' dz
    make_gradient_operand(&op_dz, dtype, n_rows, n_input, a, Z, packed_dz)
    add_product_of_transpose(&op_dz, 0, n_rows, n_input, D, <const real *> d.x + first_row * D, D, <real *> g.dW, n_input)
    # dR += source' dz, from the blocks that each product filled; those from block 0 on are packed already
    for p in range(cell.n_products):
        product = &cell.products[p]
        n = product.n * H
        dR = <real *> g.dR + product.first * H
        if product.target != packed_block:
            packed_block = product.target
            make_gradient_operand(&op_dz, dtype, n_rows, n, a + packed_block * H, Z, packed_dz)
        if product.source != FROM_H:
            add_product_of_transpose(&op_dz, 0, n_rows, n, H, a + product.source * H, Z, dR, ldR)
        elif before.n_rows:
            add_product_of_transpose(&op_dz, before.skipped, before.n_rows, n, H, <const real *> before.h, before.ld, dR, ldR)
    if g.dx != NULL:
        # dx := dz W', or += for the second direction of a layer
        multiply(op_Wt, n_rows, a, Z, <real *> g.dx + first_row * D, D, g.accumulate_dx)
    if cell.sums_bias:
        # db += sum of dz over rows
        simd().add_row_sums[dtype](n_rows, cell.n_bias * H, a, Z, g.db)


cdef void multiply_back(
    const direction *d, int stage, const operand *ops, Py_ssize_t rows, const real *a, real *dh, real *d_source, real *masked_dh,
) noexcept nogil:
    """The products with R', after a stage of the cell: d_source := dz R' for what an earlier stage made; for h_prev,
    dh := dz R', or += where the cell left a part of it. Each through the mask."""
    cdef:
        const cell_entry *cell = d.cell
        const recurrent_product *product
        const real *mask = <const real *> d.mask
        Py_ssize_t p, k, H = d.H, Z = cell.n_blocks * H
        bint add = cell.direct and mask == NULL, any_from_h = False
        real *target = dh if mask == NULL else masked_dh
    for p in range(cell.n_products):
        product = &cell.products[p]
        if product.stage != stage:
            continue
        if product.source == FROM_H:
            multiply(&ops[p], rows, a + product.target * H, Z, target, H, add)
            add = any_from_h = True
        else:
            multiply(&ops[p], rows, a + product.target * H, Z, d_source, H, False)
            if mask != NULL:
                masked(rows, H, d_source, H, mask, d_source, H)
    if any_from_h and mask != NULL:
        if cell.direct:
            for k in range(rows * H):
                dh[k] += masked_dh[k] * mask[k]
        else:
            masked(rows, H, masked_dh, H, mask, dh, H)


cdef void backward_steps(
    const direction *d, real *a, const real *c, const real *h, Py_ssize_t ld_h, const real *dy, Py_ssize_t ld_dy, real *dh, real *dc,
    const gradients *g, real *scratch,
) noexcept nogil:
    """Back-propagate through `forward_steps`, adding to the weight gradients.

    a (IN/OUT) is overwritten by dz. dy (n_rows, H), of row stride ld_dy, is the gradient with respect to h of every step, NULL with
    stride 0 for zero. dh, dc (n_sequences, H) are IN the gradient with respect to the end state of each sequence, in the order
    walked, and OUT, where there is h0, that with respect to h0 and c0; else scratch.
    """
    cdef:
        const cell_entry *cell = d.cell
        const walk *w = &d.w
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, n_input = cell.n_input * H, T = w.n_steps, B = rows_at(w, 0)
        Py_ssize_t per_chunk = chunk_steps(w, Z, sizeof(real)), Hc = H if cell.n_states == 2 else 0
        Py_ssize_t done = 0, k, t, continued
        int stage, dtype = 0 if real is float else 1
        real *a_t
        real *d_source
        real *masked_dh
        real *h_prev
        real *packed_dz
        chunk steps
        cell_step step, start
        operand op_Wt = operand(0, 0, False, NULL, 0, NULL)
        operand[MAX_PRODUCTS] ops
    scratch = pack_recurrent(d, True, ops, scratch)
    if g.dx != NULL:
        make_operand(&op_Wt, dtype, True, n_input, D, d.W, n_input, scratch)
        scratch += padded(packed_size(n_input, D, dtype))
    d_source = scratch + padded(CELL_SCRATCH * H)
    masked_dh = d_source + padded(B * H)
    h_prev = masked_dh + padded(B * H)
    packed_dz = h_prev + padded(chunk_rows(B, w.starts[T], Z, sizeof(real)) * H)
    step = continuing_rows(d, ld_h, scratch)
    step.d_bias = g.db
    step.d_extra = g.d_extra
    step.ld_dy = ld_dy
    step.d_source = d_source
    step.dh = dh
    step.dc = dc
    start = starting_rows(d, &step)
    while done < T:
        # The walk of the forward pass, backwards.
        steps = chunk_after(done, T, per_chunk, w.reverse)
        for k in range(steps.last - steps.first):
            t = step_number(&steps, k)
            a_t = a + w.starts[t] * Z
            set_pointers(d, t, a_t, <real *> c + w.starts[t] * Hc, c + w.starts[step_before(w, t)] * Hc, <real *> h, &step, &start)
            continued = step.rows
            step.dy = d.zeros if dy == NULL else dy + w.starts[t] * ld_dy
            start.dy = d.zeros if dy == NULL else dy + (w.starts[t] + continued) * ld_dy
            start.dh = dh + continued * H
            start.dc = dc + continued * Hc
            start.d_source = d_source + continued * H
            for stage in range(cell.n_stages - 1, -1, -1):
                if continued:
                    cell.backward[stage][d.activation][dtype](&step)
                if start.rows:
                    cell.backward[stage][d.activation][dtype](&start)
                    if d.h0 == NULL and stage:
                        # What this stage's product read was r h_prev = 0.
                        memset(d_source + continued * H, 0, start.rows * H * sizeof(real))
                # Nothing asks for the gradient of an initial state of zeros.
                multiply_back(d, stage, ops, rows_at(w, t) if d.h0 != NULL else continued, a_t, dh, d_source, masked_dh)
        add_weight_gradients(d, &steps, a + w.starts[steps.first] * Z, h, ld_h, &op_Wt, g, h_prev, packed_dz)
        done += steps.last - steps.first


def scratch_size(int cell, Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t D, Py_ssize_t H, Py_ssize_t itemsize):
    """Elements of scratch that `forward_steps` and `backward_steps` need for a layer of D inputs and H units."""
    cdef const cell_entry *entry = &simd().cells[cell]
    cdef Py_ssize_t rows = chunk_rows(n_sequences, n_rows, entry.n_blocks * H, itemsize), n_input = entry.n_input * H
    cdef Py_ssize_t p, n, state = padded(n_sequences * H), forward_size, backward_size, packed_dz
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    forward_size = padded(packed_size(D, n_input, dtype)) + padded(CELL_SCRATCH * H) + state
    backward_size = padded(packed_size(n_input, D, dtype)) + padded(CELL_SCRATCH * H) + 2 * state + padded(rows * H)
    packed_dz = packed_size(rows, n_input, dtype)
    for p in range(entry.n_products):
        n = entry.products[p].n * H
        forward_size += padded(packed_size(H, n, dtype))
        backward_size += padded(packed_size(n, H, dtype))
        packed_dz = max(packed_dz, packed_size(rows, n, dtype))
    return max(forward_size, backward_size + packed_dz)
