"""The two passes over the steps of a direction, as every member of a team runs them; _scan.pyx says what they do.

By units, members meet after each stage of a step: forward to hand over h, or what the next stage reads, on the way back dz. By rows
they meet once or twice in a chunk of time.
"""
from libc.string cimport memset

from ._buffers cimport CELL_SCRATCH, padded
from ._gradients cimport add_weight_gradients
from ._real cimport real
from ._shares cimport make_transpose, make_weights, multiply_slices, share, share_of, slices, slices_size, units_of
from ._simd cimport FROM_H, MAX_PRODUCTS, cell_entry, cell_function, cell_step, recurrent_product
from ._team cimport meet, team_member
from ._walk cimport (
    chunk, chunk_after, chunk_rows, chunk_steps, clear_targets, continuing_rows, direction, gradients, keep_rows, masked, masked_sources,
    multiply_recurrent, rows_at, rows_of, set_pointers, starting_rows, step_before, step_number, walk,
)


cdef struct scan:
    # A pass over a direction. What a member does of it: its units of every step, where `by_units`, else its rows.
    const direction *d
    bint by_units
    void *a                 # (n_rows, n_blocks H) OUT; backward IN/OUT, overwritten by dz
    const void *c           # (n_rows, H) OUT, not used by cells whose only state is h; backward IN
    const void *h           # (n_rows, H), row stride ld_h; likewise
    Py_ssize_t ld_h
    void *scratch           # (`_scan.scratch_size(...)`,), aligned to 64 bytes
    # Backward:
    const void *dy          # (n_rows, H), row stride ld_dy, the gradient with respect to h of every step; NULL with stride 0 for zero
    Py_ssize_t ld_dy
    # (n_sequences, H) IN the gradient with respect to the end state of each sequence, in the order walked; OUT, where there is h0, that
    # with respect to h0 and c0, else scratch.
    void *dh
    void *dc
    const gradients *g


cdef inline real *pack_recurrent(
    const direction *d, bint transpose, bint by_units, slices *ops, real *scratch, const team_member *me,
) noexcept nogil:
    """ops := what each product with R reads of it, or the transpose of that; returns the scratch that they leave."""
    cdef Py_ssize_t p, n, H = d.H, ldR = d.cell.n_recurrent * H
    cdef const real *R
    cdef int dtype = 0 if real is float else 1
    for p in range(d.cell.n_products):
        n = d.cell.products[p].n
        R = <const real *> d.R + d.cell.products[p].first * H
        if transpose:
            make_transpose(&ops[p], by_units, n * H, H, R, ldR, scratch, me)
            scratch += padded(slices_size(n * H, 1, H, dtype))
        else:
            make_weights(&ops[p], by_units, H, n, H, R, ldR, scratch, me)
            scratch += padded(slices_size(H, n, H, dtype))
    return scratch


cdef inline void run_cell(
    const scan *s, int stage, bint back, const cell_step *step, const cell_step *start, const team_member *me,
) noexcept nogil:
    """The elementwise bodies of a stage."""
    cdef const cell_entry *cell = s.d.cell
    cdef int dtype = 0 if s.d.itemsize == sizeof(float) else 1
    cdef cell_function body
    if cell.whole_rows and me.number:
        return
    body = cell.backward[stage][s.d.activation][dtype] if back else cell.forward[stage][s.d.activation][dtype]
    if step.rows:
        body(step)
    if start.rows:
        body(start)


cdef inline void multiply_forward(
    const scan *s, int stage, const slices *ops, share units, const cell_step *step, const cell_step *start, const real *a_t,
    real *masked_h, team_member *me,
) noexcept nogil:
    """The products with R before a stage, in a member's units and rows; a_t is the first row of the step."""
    cdef:
        const direction *d = s.d
        const cell_entry *cell = d.cell
        Py_ssize_t H = d.H, Z = cell.n_blocks * H, ld = s.ld_h, row, start_row
        const real *mask = <const real *> d.mask
        const real *sources = <const real *> step.h_prev
        const real *start_sources = <const real *> start.h_prev
        bint starts = start.rows and d.h0 != NULL
    if mask != NULL:
        row, start_row = (<const real *> step.a - a_t) // Z, (<const real *> start.a - a_t) // Z
        sources = masked_sources(cell, stage, step.rows, units, H, sources, ld, mask + row * H, <real *> step.a, masked_h + row * H)
        if starts:
            start_sources = masked_sources(cell, stage, start.rows, units, H, start_sources, H, mask + start_row * H, <real *> start.a,
                                           masked_h + start_row * H)
        ld = H
        if s.by_units:
            meet(me)
    if step.rows:
        multiply_recurrent(cell, H, stage, ops, step.rows, sources, ld, <real *> step.a)
    if starts:
        multiply_recurrent(cell, H, stage, ops, start.rows, start_sources, H, <real *> start.a)
    elif start.rows and stage == 0:
        clear_targets(cell, start.rows, units, H, <real *> start.a)


cdef inline void run_forward(const scan *s, real *a, team_member *me) noexcept nogil:
    cdef:
        const direction *d = s.d
        const cell_entry *cell = d.cell
        const walk *w = &d.w
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, T = w.n_steps
        Py_ssize_t per_chunk = chunk_steps(w, Z, sizeof(real)), Hc = H if cell.n_states == 2 else 0
        Py_ssize_t done = 0, first_row, k, t
        int stage, dtype = 0 if real is float else 1
        bint by_units = s.by_units and me.size > 1, by_rows = not s.by_units and me.size > 1
        real *c = <real *> s.c
        real *h = <real *> s.h
        real *scratch = <real *> s.scratch
        real *masked_h
        chunk steps
        cell_step step, start
        share units = units_of(H, sizeof(real), me) if by_units else share(0, H), rows
        slices op_W
        slices[MAX_PRODUCTS] ops
    make_weights(&op_W, by_units, D, cell.n_input, H, <const real *> d.W, cell.n_input * H, scratch, me)
    scratch = pack_recurrent(d, False, by_units, ops, scratch + padded(slices_size(D, cell.n_input, H, dtype)), me)
    step = continuing_rows(d, s.ld_h, scratch)
    if not cell.whole_rows:
        step.first, step.last = units.first, units.last
    start = starting_rows(d, &step)
    masked_h = scratch + padded(CELL_SCRATCH * H)
    meet(me)
    while done < T:
        steps = chunk_after(done, T, per_chunk, not w.reverse)
        first_row = w.starts[steps.first]
        rows = share(0, w.starts[steps.last] - first_row)
        if by_rows:
            rows = share_of(rows.last, 1, me)
        # a := x W
        multiply_slices(&op_W, rows.last - rows.first, <const real *> d.x + (first_row + rows.first) * D, D,
                        a + (first_row + rows.first) * Z, Z, False)
        if by_rows:
            meet(me)
            rows = rows_of(w, &steps, me)
        for k in range(steps.last - steps.first):
            t = step_number(&steps, k)
            set_pointers(d, t, a + w.starts[t] * Z, c + w.starts[t] * Hc, c + w.starts[step_before(w, t)] * Hc, h, &step, &start)
            if by_rows:
                keep_rows(d, rows, &step, &start)
            for stage in range(cell.n_stages):
                multiply_forward(s, stage, ops, units, &step, &start, a + w.starts[t] * Z, masked_h, me)
                if by_units and cell.whole_rows:
                    meet(me)
                run_cell(s, stage, False, &step, &start, me)
                if by_units:
                    meet(me)
        done += steps.last - steps.first


cdef inline void multiply_back(
    const direction *d, int stage, const slices *ops, share units, Py_ssize_t rows, const cell_step *step, const real *mask,
    real *masked_dh,
) noexcept nogil:
    """The products with R', after a stage of the cell, for rows from those of step on and a member's units: d_source := dz R' for
    what an earlier stage made; for h_prev, dh := dz R', or += where the cell left a part of it. Each through the mask."""
    cdef:
        const cell_entry *cell = d.cell
        const recurrent_product *product
        Py_ssize_t p, r, j, H = d.H, Z = cell.n_blocks * H
        bint add = cell.direct and mask == NULL, any_from_h = False
        const real *a = <const real *> step.a
        real *dh = <real *> step.dh
        real *d_source = <real *> step.d_source
        real *target = dh if mask == NULL else masked_dh
    for p in range(cell.n_products):
        product = &cell.products[p]
        if product.stage != stage:
            continue
        if product.source == FROM_H:
            multiply_slices(&ops[p], rows, a + product.target * H, Z, target, H, add)
            add = any_from_h = True
        else:
            multiply_slices(&ops[p], rows, a + product.target * H, Z, d_source, H, False)
            if mask != NULL:
                masked(rows, units, H, d_source, H, mask, d_source, H)
    if any_from_h and mask != NULL:
        if cell.direct:
            for r in range(rows):
                for j in range(units.first, units.last):
                    dh[r * H + j] += masked_dh[r * H + j] * mask[r * H + j]
        else:
            masked(rows, units, H, masked_dh, H, mask, dh, H)


cdef inline void step_back(
    const scan *s, const slices *ops, share units, const cell_step *step, const cell_step *start, real *masked_dh, team_member *me,
) noexcept nogil:
    """A step of the backward pass: dz, and through R' the gradient of h of the step before."""
    cdef:
        const direction *d = s.d
        Py_ssize_t H = d.H, r, rows, row
        int stage
        bint by_units = s.by_units and me.size > 1
        const real *mask = <const real *> d.mask
        const cell_step *first = step if step.rows else start
    for stage in range(d.cell.n_stages - 1, -1, -1):
        if by_units and d.cell.whole_rows:
            meet(me)
        run_cell(s, stage, True, step, start, me)
        if d.h0 == NULL and stage:
            # What this stage's product read was r h_prev = 0.
            for r in range(start.rows):
                memset(<real *> start.d_source + r * H + units.first, 0, (units.last - units.first) * sizeof(real))
        if by_units:
            meet(me)
        # Nothing asks for the gradient of an initial state of zeros.
        rows = step.rows if d.h0 == NULL else step.rows + start.rows
        row = (<real *> first.dh - <real *> s.dh) // H
        if rows:
            multiply_back(d, stage, ops, units, rows, first, mask if mask == NULL else mask + row * H, masked_dh + row * H)


cdef inline void run_backward(const scan *s, real *a, team_member *me) noexcept nogil:
    cdef:
        const direction *d = s.d
        const cell_entry *cell = d.cell
        const walk *w = &d.w
        const gradients *g = s.g
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, n_input = cell.n_input * H, T = w.n_steps, B = rows_at(w, 0)
        Py_ssize_t per_chunk = chunk_steps(w, Z, sizeof(real)), Hc = H if cell.n_states == 2 else 0
        Py_ssize_t done = 0, k, t
        int dtype = 0 if real is float else 1
        bint by_units = s.by_units and me.size > 1, by_rows = not s.by_units and me.size > 1
        real *c = <real *> s.c
        real *h = <real *> s.h
        const real *dy = <const real *> s.dy
        real *scratch = <real *> s.scratch
        real *d_source
        real *masked_dh
        real *h_prev
        real *packed_dz
        chunk steps
        cell_step step, start
        share units = units_of(H, sizeof(real), me) if by_units else share(0, H), rows
        slices op_Wt
        slices[MAX_PRODUCTS] ops
    memset(&op_Wt, 0, sizeof(op_Wt))
    scratch = pack_recurrent(d, True, by_units, ops, scratch, me)
    if g.dx != NULL:
        make_transpose(&op_Wt, False, n_input, D, <const real *> d.W, n_input, scratch, me)
        scratch += padded(slices_size(n_input, 1, D, dtype))
    d_source = scratch + padded(CELL_SCRATCH * H)
    masked_dh = d_source + padded(B * H)
    h_prev = masked_dh + padded(B * H)
    packed_dz = h_prev + padded(chunk_rows(B, w.starts[T], Z, sizeof(real)) * H)
    step = continuing_rows(d, s.ld_h, scratch)
    if not cell.whole_rows:
        step.first, step.last = units.first, units.last
    step.d_bias = g.db
    step.d_extra = g.d_extra
    step.ld_dy = s.ld_dy
    start = starting_rows(d, &step)
    meet(me)
    while done < T:
        # The walk of the forward pass, backwards.
        steps = chunk_after(done, T, per_chunk, w.reverse)
        if by_rows:
            rows = rows_of(w, &steps, me)
        for k in range(steps.last - steps.first):
            t = step_number(&steps, k)
            set_pointers(d, t, a + w.starts[t] * Z, c + w.starts[t] * Hc, c + w.starts[step_before(w, t)] * Hc, h, &step, &start)
            step.dy = d.zeros if dy == NULL else dy + w.starts[t] * s.ld_dy
            start.dy = d.zeros if dy == NULL else dy + (w.starts[t] + step.rows) * s.ld_dy
            step.dh, start.dh = s.dh, <real *> s.dh + step.rows * H
            step.dc, start.dc = s.dc, <real *> s.dc + step.rows * Hc
            step.d_source, start.d_source = d_source, d_source + step.rows * H
            if by_rows:
                keep_rows(d, rows, &step, &start)
            step_back(s, ops, units, &step, &start, masked_dh, me)
        if by_rows:
            meet(me)
        add_weight_gradients(d, &steps, a + w.starts[steps.first] * Z, h, s.ld_h, &op_Wt.op, g, h_prev, packed_dz, me)
        done += steps.last - steps.first
