"""The two passes over the steps of a direction, as every member of a team runs them; _scan.pyx says what they do.

By units, members meet after each stage of a step: forward to hand over h, or what the next stage reads, on the way back dz. By rows
they meet once or twice in a chunk of time.
"""
from libc.string cimport memset

from ._buffers cimport CELL_SCRATCH, padded
from ._gradients cimport add_projection_gradient, add_weight_gradients
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
    const void *h           # (n_rows, N), row stride ld_h; likewise
    Py_ssize_t ld_h
    const void *m           # (n_rows, H), what is projected; likewise; NULL where h is not projected
    void *scratch           # (`_scan.scratch_size(...)`,), aligned to 64 bytes
    # Backward:
    const void *dy          # (n_rows, N), row stride ld_dy, the gradient with respect to h of every step; NULL with stride 0 for zero
    Py_ssize_t ld_dy
    # (n_sequences, N) and (n_sequences, H) IN the gradient with respect to the end state of each sequence, in the order walked; OUT,
    # where there is h0, that with respect to h0 and c0, else scratch.
    void *dh
    void *dc
    const gradients *g


cdef inline real *pack_recurrent(
    const direction *d, bint transpose, bint by_units, slices *ops, real *scratch, const team_member *me,
) noexcept nogil:
    """ops := what each product with R reads of it, or the transpose of that; returns the scratch that they leave."""
    cdef Py_ssize_t p, n, H = d.H, N = d.N, ldR = d.cell.n_recurrent * H
    cdef const real *R
    cdef int dtype = 0 if real is float else 1
    for p in range(d.cell.n_products):
        n = d.cell.products[p].n
        R = <const real *> d.R + d.cell.products[p].first * H
        if transpose:
            make_transpose(&ops[p], by_units, n * H, N, R, ldR, scratch, me)
            scratch += padded(slices_size(n * H, 1, N, dtype))
        else:
            make_weights(&ops[p], by_units, N, n, H, R, ldR, scratch, me)
            scratch += padded(slices_size(N, n, H, dtype))
    return scratch


cdef inline real *pack_projection(
    const direction *d, bint transpose, slices *op, real *scratch, const team_member *me,
) noexcept nogil:
    """op := P, or its transpose, where h is projected; returns the scratch that it leaves."""
    cdef int dtype = 0 if real is float else 1
    if d.P == NULL:
        return scratch
    if transpose:
        make_transpose(op, False, d.N, d.H, <const real *> d.P, d.N, scratch, me)
        return scratch + padded(slices_size(d.N, 1, d.H, dtype))
    make_weights(op, False, d.H, 1, d.N, <const real *> d.P, d.N, scratch, me)
    return scratch + padded(slices_size(d.H, 1, d.N, dtype))


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
        Py_ssize_t H = d.H, N = d.N, Z = cell.n_blocks * H, ld = s.ld_h, row, start_row
        const real *mask = <const real *> d.mask
        const real *sources = <const real *> step.h_prev
        const real *start_sources = <const real *> start.h_prev
        bint starts = start.rows and d.h0 != NULL
        share own
    if mask != NULL:
        row, start_row = (<const real *> step.a - a_t) // Z, (<const real *> start.a - a_t) // Z
        own = units if d.P == NULL else share(0, N)
        sources = masked_sources(d, stage, step.rows, own, sources, ld, mask + row * N, <real *> step.a, masked_h + row * N)
        if starts:
            start_sources = masked_sources(d, stage, start.rows, own, start_sources, N, mask + start_row * N, <real *> start.a,
                                           masked_h + start_row * N)
        ld = N
        if s.by_units:
            meet(me)
    if step.rows:
        multiply_recurrent(cell, H, stage, ops, step.rows, sources, ld, <real *> step.a)
    if starts:
        multiply_recurrent(cell, H, stage, ops, start.rows, start_sources, N, <real *> start.a)
    elif start.rows and stage == 0:
        clear_targets(cell, start.rows, units, H, <real *> start.a)


cdef inline void project(
    const direction *d, const slices *op_P, const cell_step *step, const cell_step *start, const real *m, real *h, Py_ssize_t ld_h,
) noexcept nogil:
    """h := m P, in the rows of a step"""
    cdef const real *first = <const real *> (step.h if step.rows else start.h)
    multiply_slices(op_P, step.rows + start.rows, first, d.H, h + (first - m) // d.H * ld_h, ld_h, False)


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
        real *made = h if d.P == NULL else <real *> s.m
        real *scratch = <real *> s.scratch
        real *masked_h
        chunk steps
        cell_step step, start
        share units = units_of(H, sizeof(real), me) if by_units else share(0, H), rows
        slices op_W, op_P
        slices[MAX_PRODUCTS] ops
    make_weights(&op_W, by_units, D, cell.n_input, H, <const real *> d.W, cell.n_input * H, scratch, me)
    scratch = pack_recurrent(d, False, by_units, ops, scratch + padded(slices_size(D, cell.n_input, H, dtype)), me)
    memset(&op_P, 0, sizeof(op_P))
    scratch = pack_projection(d, False, &op_P, scratch, me)
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
            set_pointers(d, t, a + w.starts[t] * Z, c + w.starts[t] * Hc, c + w.starts[step_before(w, t)] * Hc, h, made, &step, &start)
            if by_rows:
                keep_rows(d, rows, &step, &start)
            for stage in range(cell.n_stages):
                multiply_forward(s, stage, ops, units, &step, &start, a + w.starts[t] * Z, masked_h, me)
                if by_units and cell.whole_rows:
                    meet(me)
                run_cell(s, stage, False, &step, &start, me)
                if by_units:
                    meet(me)
            if d.P != NULL:
                project(d, &op_P, &step, &start, made, h, s.ld_h)
        done += steps.last - steps.first


cdef inline void multiply_back(
    const direction *d, int stage, const slices *ops, share units, Py_ssize_t rows, const cell_step *step, real *dh, const real *mask,
    real *masked_dh,
) noexcept nogil:
    """The products with R', after a stage of the cell, for rows from those of step on and a member's units: d_source := dz R' for
    what an earlier stage made; for h_prev, dh := dz R', or += where the cell left a part of it. Each through the mask."""
    cdef:
        const cell_entry *cell = d.cell
        const recurrent_product *product
        Py_ssize_t p, r, j, H = d.H, N = d.N, Z = cell.n_blocks * H
        bint add = cell.direct and mask == NULL, any_from_h = False
        const real *a = <const real *> step.a
        real *d_source = <real *> step.d_source
        real *target = dh if mask == NULL else masked_dh
    for p in range(cell.n_products):
        product = &cell.products[p]
        if product.stage != stage:
            continue
        if product.source == FROM_H:
            multiply_slices(&ops[p], rows, a + product.target * H, Z, target, N, add)
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
            masked(rows, units if d.P == NULL else share(0, N), N, masked_dh, N, mask, dh, N)


cdef inline void project_back(
    const direction *d, const slices *op_Pt, cell_step *step, cell_step *start, Py_ssize_t row, real *dh, real *dm,
) noexcept nogil:
    """dh (rows, N) := the whole gradient of h in the rows of a step, dm (n_sequences, H), from a row on, := dh P', and the cell's dh
    := dm"""
    cdef:
        const cell_step *first = step if step.rows else start
        const real *later = <const real *> first.dh
        const real *dy = <const real *> first.dy
        Py_ssize_t rows = step.rows + start.rows, N = d.N, H = d.H, r, j
    for r in range(rows):
        for j in range(N):
            dh[r * N + j] = later[r * N + j] + dy[r * step.ld_dy + j]
    multiply_slices(op_Pt, rows, dh, N, dm + row * H, H, False)
    step.dh, start.dh = dm + row * H, dm + (row + step.rows) * H
    step.dy = start.dy = d.zeros
    step.ld_dy = start.ld_dy = 0


cdef inline void step_back(
    const scan *s, const slices *ops, const slices *op_Pt, share units, cell_step *step, cell_step *start, real *masked_dh,
    Py_ssize_t dh_row, real *whole_dh, real *dm, team_member *me,
) noexcept nogil:
    """A step of the backward pass: dz, and through R' the gradient of h of the step before. Where h is projected, the whole gradients
    of this step begin in row dh_row of those that are kept."""
    cdef:
        const direction *d = s.d
        Py_ssize_t H = d.H, N = d.N, r, rows, row
        int stage
        bint by_units = s.by_units and me.size > 1
        const real *mask = <const real *> d.mask
        cell_step *first = step if step.rows else start
        real *dh = <real *> first.dh
    row = (dh - <real *> s.dh) // N
    if d.P != NULL:
        project_back(d, op_Pt, step, start, row, whole_dh + (dh_row + row) * N, dm)
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
        if rows:
            multiply_back(d, stage, ops, units, rows, first, dh, mask if mask == NULL else mask + row * N, masked_dh + row * N)


cdef inline void run_backward(const scan *s, real *a, team_member *me) noexcept nogil:
    cdef:
        const direction *d = s.d
        const cell_entry *cell = d.cell
        const walk *w = &d.w
        const gradients *g = s.g
        Py_ssize_t D = d.D, H = d.H, N = d.N, Z = cell.n_blocks * H, n_input = cell.n_input * H, T = w.n_steps, B = rows_at(w, 0)
        Py_ssize_t per_chunk = chunk_steps(w, Z, sizeof(real)), Hc = H if cell.n_states == 2 else 0
        Py_ssize_t done = 0, k, t, first_row, n_rows = chunk_rows(B, w.starts[T], Z, sizeof(real))
        int dtype = 0 if real is float else 1
        bint by_units = s.by_units and me.size > 1, by_rows = not s.by_units and me.size > 1
        real *c = <real *> s.c
        real *h = <real *> s.h
        real *made = h if d.P == NULL else <real *> s.m
        const real *dy = <const real *> s.dy
        real *scratch = <real *> s.scratch
        real *d_source
        real *masked_dh
        real *h_prev
        real *packed_dz
        real *dm = NULL
        real *whole_dh = NULL
        real *packed_dh = NULL
        chunk steps
        cell_step step, start
        share units = units_of(H, sizeof(real), me) if by_units else share(0, H), rows
        slices op_Wt, op_Pt
        slices[MAX_PRODUCTS] ops
    memset(&op_Wt, 0, sizeof(op_Wt))
    memset(&op_Pt, 0, sizeof(op_Pt))
    scratch = pack_recurrent(d, True, by_units, ops, scratch, me)
    if g.dx != NULL:
        make_transpose(&op_Wt, False, n_input, D, <const real *> d.W, n_input, scratch, me)
        scratch += padded(slices_size(n_input, 1, D, dtype))
    scratch = pack_projection(d, True, &op_Pt, scratch, me)
    d_source = scratch + padded(CELL_SCRATCH * H)
    masked_dh = d_source + padded(B * H)
    h_prev = masked_dh + padded(B * N)
    packed_dz = h_prev + padded(n_rows * N)
    if d.P != NULL:
        dm = packed_dz + padded(slices_size(n_rows, cell.n_blocks, H, dtype))
        whole_dh = dm + padded(B * H)
        packed_dh = whole_dh + padded(n_rows * N)
    step = continuing_rows(d, s.ld_h, scratch)
    if not cell.whole_rows:
        step.first, step.last = units.first, units.last
    step.d_bias = g.db
    step.d_extra = g.d_extra
    start = starting_rows(d, &step)
    meet(me)
    while done < T:
        # The walk of the forward pass, backwards.
        steps = chunk_after(done, T, per_chunk, w.reverse)
        first_row = w.starts[steps.first]
        if by_rows:
            rows = rows_of(w, &steps, me)
        for k in range(steps.last - steps.first):
            t = step_number(&steps, k)
            set_pointers(d, t, a + w.starts[t] * Z, c + w.starts[t] * Hc, c + w.starts[step_before(w, t)] * Hc, h, made, &step, &start)
            step.ld_dy = start.ld_dy = s.ld_dy
            step.dy = d.zeros if dy == NULL else dy + w.starts[t] * s.ld_dy
            start.dy = d.zeros if dy == NULL else dy + (w.starts[t] + step.rows) * s.ld_dy
            step.dh, start.dh = s.dh, <real *> s.dh + step.rows * N
            step.dc, start.dc = s.dc, <real *> s.dc + step.rows * Hc
            step.d_source, start.d_source = d_source, d_source + step.rows * H
            if by_rows:
                keep_rows(d, rows, &step, &start)
            step_back(s, ops, &op_Pt, units, &step, &start, masked_dh, w.starts[t] - first_row, whole_dh, dm, me)
        if by_rows:
            meet(me)
        add_weight_gradients(d, &steps, a + first_row * Z, h, s.ld_h, &op_Wt.op, g, h_prev, packed_dz, me)
        if d.P != NULL:
            n_rows = w.starts[steps.last] - first_row
            add_projection_gradient(d, n_rows, <const real *> s.m + first_row * H, whole_dh, g, packed_dh, me)
            if by_rows:
                meet(me)  # the next chunk writes over them
        done += steps.last - steps.first
