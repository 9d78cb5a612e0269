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
from libc.stdint cimport uint64_t
from libc.string cimport memset

from ._buffers cimport CELL_SCRATCH, padded
from ._ftz cimport ftz_enter, ftz_leave
from ._gradients cimport add_weight_gradients
from ._product cimport uses_tiles
from ._real cimport real
from ._shares cimport (
    LINE_BYTES, make_transpose, make_weights, multiply_slices, share, share_of, slices, slices_size, units_of,
)
from ._simd cimport FROM_H, MAX_PRODUCTS, cell_entry, cell_function, cell_step, recurrent_product, simd
from ._team cimport meet, run_together, team_member
from ._walk cimport (
    chunk, chunk_after, chunk_rows, chunk_steps, clear_targets, continuing_rows, direction, gradients, keep_rows, masked, masked_sources,
    multiply_recurrent, rows_at, rows_of, set_pointers, starting_rows, step_before, step_number, walk,
)


cdef struct scan:
    # A pass over a direction. What a member does of it: its units of every step, where `by_units`, else its rows.
    const direction *d
    bint by_units
    void *a
    const void *c
    const void *h
    Py_ssize_t ld_h
    void *scratch
    # Backward:
    const void *dy          # NULL for zeros
    Py_ssize_t ld_dy
    void *dh
    void *dc
    const gradients *g


cdef real *pack_recurrent(
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
    const scan *s, int stage, const slices *ops, share units, const cell_step *step, const cell_step *start, const real *a_t, real *masked_h,
    team_member *me,
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


cdef void run_forward(const scan *s, real *a, team_member *me) noexcept nogil:
    cdef:
        const direction *d = s.d
        const cell_entry *cell = d.cell
        const walk *w = &d.w
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, T = w.n_steps
        Py_ssize_t per_chunk = chunk_steps(w, Z, sizeof(real)), Hc = H if cell.n_states == 2 else 0
        Py_ssize_t done = 0, first_row, k, t
        int stage, dtype = 0 if real is float else 1
        bint by_units = s.by_units and me.size > 1, by_rows = not s.by_units and me.size > 1
        const real *mask = <const real *> d.mask
        const real *sources
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


cdef void multiply_back(
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


cdef void run_backward(const scan *s, real *a, team_member *me) noexcept nogil:
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


cdef void forward_float(void *pass_, team_member *me) noexcept nogil:
    cdef uint64_t mode = ftz_enter()
    run_forward(<const scan *> pass_, <float *> (<const scan *> pass_).a, me)
    ftz_leave(mode)


cdef void forward_double(void *pass_, team_member *me) noexcept nogil:
    cdef uint64_t mode = ftz_enter()
    run_forward(<const scan *> pass_, <double *> (<const scan *> pass_).a, me)
    ftz_leave(mode)


cdef void backward_float(void *pass_, team_member *me) noexcept nogil:
    cdef uint64_t mode = ftz_enter()
    run_backward(<const scan *> pass_, <float *> (<const scan *> pass_).a, me)
    ftz_leave(mode)


cdef void backward_double(void *pass_, team_member *me) noexcept nogil:
    cdef uint64_t mode = ftz_enter()
    run_backward(<const scan *> pass_, <double *> (<const scan *> pass_).a, me)
    ftz_leave(mode)


# Multiplications and additions of a call below which it is not shared.
SHARED_FLOPS = 1e6
# Bytes of R up to which every member may read all of it, and the rows that it then needs.
SHARED_BYTES = 1 << 19
MEMBER_ROWS = 8

cdef double shared_flops = SHARED_FLOPS
cdef Py_ssize_t shared_bytes = SHARED_BYTES, member_rows = MEMBER_ROWS


def set_costs(double flops, Py_ssize_t n_bytes, Py_ssize_t rows):
    global shared_flops, shared_bytes, member_rows
    shared_flops, shared_bytes, member_rows = flops, n_bytes, rows


cdef int plan_members(scan *s, bint back) noexcept nogil:
    """Decide how a pass is split, and return how many members may share it; its bits are the same whatever it is."""
    cdef const direction *d = s.d
    cdef const cell_entry *cell = d.cell
    cdef Py_ssize_t R_bytes = d.H * cell.n_recurrent * d.H * d.itemsize, B = rows_at(&d.w, 0)
    s.by_units = True
    if not uses_tiles() or 2.0 * d.w.starts[d.w.n_steps] * d.H * (cell.n_recurrent * d.H + cell.n_input * d.D) < shared_flops:
        return 1
    # Cells with gradients of their own add them up row by row.
    if R_bytes <= shared_bytes and B >= 2 * member_rows and not cell.whole_rows and not (back and cell.n_extra):
        s.by_units = False
        return <int> (B // member_rows)
    return <int> ((d.H * d.itemsize + LINE_BYTES - 1) // LINE_BYTES)


cdef const void *pointer(const real[:, ::1] rows) noexcept:
    """Where rows begin, NULL for None."""
    cdef const real *first = NULL
    if rows is not None:
        first = &rows[0, 0]
    return first


cdef void fill_direction(
    direction *d, int cell, int activation, bint reverse, const Py_ssize_t[::1] starts, const real[:, ::1] x, const real[:, ::1] W,
    const real[:, ::1] R, const real[::1] b, const real[:, ::1] extra, const real[:, ::1] h0, const real[:, ::1] c0,
    const real[:, ::1] mask, const real[::1] zeros,
) noexcept:
    """d := what `forward` and `backward` are given alike, see there."""
    d.cell = &simd().cells[cell]
    d.activation = activation
    d.w.starts = &starts[0]
    d.w.n_steps = starts.shape[0] - 1
    d.w.reverse = reverse
    d.D = W.shape[0]
    d.H = R.shape[0]
    d.x = &x[0, 0]
    d.W = &W[0, 0]
    d.R = &R[0, 0]
    d.b = &b[0]
    d.extra = pointer(extra)
    d.h0 = pointer(h0)
    d.c0 = pointer(c0)
    d.mask = pointer(mask)
    d.zeros = &zeros[0]
    d.itemsize = sizeof(real)


def forward(
    int cell, int activation, bint reverse, const Py_ssize_t[::1] starts, const real[:, ::1] x, const real[:, ::1] W,
    const real[:, ::1] R, const real[::1] b, const real[:, ::1] extra, const real[:, ::1] h0, const real[:, ::1] c0,
    const real[:, ::1] mask, real[:, ::1] gates, real[:, ::1] c, real[:, :] h, const real[::1] zeros, real[::1] scratch,
):
    """Run one direction of one layer over a packed batch.

    Blocks (n_blocks, n_input, n_recurrent, n_bias, n_extra) are those of the cell table, each H columns wide.

    Parameters
    ----------
    cell : int
        Index in the cell table.
    activation : int
        Index in ACTIVATIONS, of the candidate and the state.
    reverse : bool
        Walk from the last step of each sequence to its first.
    starts : (n_steps + 1,) memoryview
        Row at which each step begins.
    x : (>= n_rows, D) IN
    W : (D, n_input H) IN
    R : (H, n_recurrent H) IN
    b : (n_bias H,) IN
    extra : (n_extra, H) IN, or None where the cell has none
    h0, c0 : (>= n_sequences, H) IN, or None for zeros
        State that each row of the batch begins with.
    mask : (>= n_sequences, H) IN, or None
        Multiplies what enters R, row by row.
    gates : (>= n_rows, n_blocks H) OUT
    c : (>= n_rows, H) OUT
        Not used by cells whose only state is h.
    h : (>= n_rows, H) OUT
        Its rows may lie apart, as the halves of a concatenated output do.
    zeros : (>= H,) IN
        Zeros.
    scratch : (`scratch_size(...)`,), aligned to 64 bytes
    """
    cdef direction d
    cdef scan s
    fill_direction(&d, cell, activation, reverse, starts, x, W, R, b, extra, h0, c0, mask, zeros)
    s.d = &d
    s.a = &gates[0, 0]
    s.c = &c[0, 0]
    s.h = &h[0, 0]
    s.ld_h = h.strides[0] // sizeof(real)
    s.scratch = &scratch[0]
    with nogil:
        run_together(plan_members(&s, False), forward_float if real is float else forward_double, &s)


def backward(
    int cell, int activation, bint reverse, const Py_ssize_t[::1] starts, const real[:, ::1] x, const real[:, ::1] W,
    const real[:, ::1] R, const real[::1] b, const real[:, ::1] extra, const real[:, ::1] h0, const real[:, ::1] c0,
    const real[:, ::1] mask, real[:, ::1] gates, const real[:, ::1] c, const real[:, :] h, const real[:, :] dy, real[:, ::1] dh,
    real[:, ::1] dc, real[:, ::1] dW, real[:, ::1] dR, real[::1] db, real[:, ::1] d_extra, real[:, ::1] dx, bint accumulate_dx,
    const real[::1] zeros, real[::1] scratch,
):
    """Back-propagate through `forward`, adding to the weight gradients.

    Parameters
    ----------
    cell, activation, reverse, starts, x, W, R, b, extra, h0, c0, mask, c, h, zeros
        As in `forward`.
    gates : (>= n_rows, n_blocks H) IN/OUT
        What `forward` left; overwritten by dz.
    dy : (>= n_rows, H) IN or None
        Gradient with respect to h of every step; None is zero.
    dh, dc : (>= n_sequences, H) IN/OUT
        IN: gradient with respect to the end state of each sequence (in the order walked). OUT: with h0, that with respect
        to h0 and c0; else scratch.
    dW, dR, db, d_extra : shapes of W, R, b, extra; IN/OUT
    dx : (>= n_rows, D) OUT or None
        Gradient with respect to x, if it is wanted.
    accumulate_dx : bool
        Add to dx instead of overwriting it.
    scratch : (`scratch_size(...)`,), aligned to 64 bytes
    """
    cdef direction d
    cdef gradients g
    cdef scan s
    fill_direction(&d, cell, activation, reverse, starts, x, W, R, b, extra, h0, c0, mask, zeros)
    g.dW = &dW[0, 0]
    g.dR = &dR[0, 0]
    g.db = &db[0]
    g.d_extra = <void *> pointer(d_extra)
    g.dx = <void *> pointer(dx)
    g.accumulate_dx = accumulate_dx
    s.d = &d
    s.a = &gates[0, 0]
    s.c = &c[0, 0]
    s.h = &h[0, 0]
    s.ld_h = h.strides[0] // sizeof(real)
    s.scratch = &scratch[0]
    s.dy = NULL
    s.ld_dy = 0
    if dy is not None:
        s.dy = &dy[0, 0]
        s.ld_dy = dy.strides[0] // sizeof(real)
    s.dh = &dh[0, 0]
    s.dc = &dc[0, 0]
    s.g = &g
    with nogil:
        run_together(plan_members(&s, True), backward_float if real is float else backward_double, &s)


def scratch_size(int cell, Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t D, Py_ssize_t H, Py_ssize_t itemsize):
    """Elements of scratch that `forward` and `backward` need for a layer of D inputs and H units."""
    cdef const cell_entry *entry = &simd().cells[cell]
    cdef Py_ssize_t rows = chunk_rows(n_sequences, n_rows, entry.n_blocks * H, itemsize), n_input = entry.n_input * H
    cdef Py_ssize_t p, n, state = padded(n_sequences * H), forward_size, backward_size
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    forward_size = padded(slices_size(D, entry.n_input, H, dtype)) + padded(CELL_SCRATCH * H) + state
    backward_size = padded(slices_size(n_input, 1, D, dtype)) + padded(CELL_SCRATCH * H) + 2 * state + padded(rows * H)
    for p in range(entry.n_products):
        n = entry.products[p].n
        forward_size += padded(slices_size(H, n, H, dtype))
        backward_size += padded(slices_size(n * H, 1, H, dtype))
    return max(forward_size, backward_size + slices_size(rows, entry.n_blocks, H, dtype))
