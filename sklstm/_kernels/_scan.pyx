"""The recursion over time, forward and backward, for any cell of the table, over a packed ragged batch.

Packed means: sequences sorted by length, longest first, and stored time-major, so that step t is the contiguous block of
rows starts[t] .. starts[t + 1] and its row r continues row r of the step before. No padding is stored or multiplied.
The reverse direction walks the same rows from the last step to the first, with more and more rows active.

A cell is an entry of the table in simd_level.h: how wide a row of `a` is, which products with R fill which of its blocks,
and the elementwise bodies before and after. What is kept for the backward pass is a, h and, where the cell has one, c: for the
LSTM 6 H words per row and step. tanh(c) is computed again, and dz is written over the gates. Products with x are hoisted out
of the recursion, and the weight gradients are one product each, both over chunks of time that stay in the second-level cache:

    forward     a = x W                for a chunk, then step by step    a_t += h_prev R,   cell
    backward    cell -> dz_t,          dh_prev = dz_t R'                 step by step, then for the chunk
                dW += x' dz,           dR += h_prev' dz,                 db += sum dz,      dx += dz W'

A mask (dropout of the recurrence, one row per sequence) multiplies what enters R: h_prev, or the block of `a` that is read.
"""
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from ._ftz cimport ftz_enter, ftz_leave
from ._product cimport add_product_of_transpose, make_operand, multiply, operand, packed_size
from ._real cimport real
from ._simd cimport FROM_H, MAX_PRODUCTS, cell_entry, cell_step, recurrent_product, simd


# Bytes of gates per chunk of time: a quarter of a common second-level cache of 1 MB, the rest being for R, x and h.
cdef enum:
    CHUNK_BYTES = 1 << 18


cdef enum:
    # Elements that each part of the scratch is padded to, so that the next is aligned to 64 bytes.
    ALIGNED = 16


cdef inline Py_ssize_t padded(Py_ssize_t n) noexcept nogil:
    return (n + ALIGNED - 1) // ALIGNED * ALIGNED


cdef inline Py_ssize_t chunk_rows(Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t width, Py_ssize_t itemsize) noexcept nogil:
    """Upper bound on the rows of a chunk of time, for `width` words per row."""
    return min(n_rows, max(CHUNK_BYTES // (width * itemsize), n_sequences))


cdef struct walk:
    # The order in which a direction visits the steps.
    const Py_ssize_t *starts    # (n_steps + 1,)
    Py_ssize_t n_steps
    bint reverse


cdef inline Py_ssize_t rows_at(const walk *w, Py_ssize_t t) noexcept nogil:
    return w.starts[t + 1] - w.starts[t]


cdef inline Py_ssize_t step_before(const walk *w, Py_ssize_t t) noexcept nogil:
    return t + 1 if w.reverse else t - 1


cdef inline Py_ssize_t rows_continued(const walk *w, Py_ssize_t t) noexcept nogil:
    """How many rows of step t have a step before; the others start here, from the initial state."""
    if w.reverse:
        return rows_at(w, t + 1) if t + 1 < w.n_steps else 0
    return rows_at(w, t) if t > 0 else 0


cdef inline Py_ssize_t chunk_steps(const walk *w, Py_ssize_t width, Py_ssize_t itemsize) noexcept nogil:
    """Steps per chunk of time, from the rows of the first (widest) step and the words per row."""
    cdef Py_ssize_t steps = CHUNK_BYTES // (rows_at(w, 0) * width * itemsize)
    return steps if steps > 1 else 1


cdef struct direction:
    # One direction of one layer and its input; all arrays IN, of the dtype of the pass.
    const cell_entry *cell
    int activation
    walk w
    Py_ssize_t D, H
    const void *x           # (n_rows, D)
    const void *W           # (D, n_input H)
    const void *R           # (H, n_recurrent H)
    const void *b           # (n_bias H,)
    const void *extra       # (n_extra H,)
    const void *h0          # (n_sequences, H) state to begin with, NULL for zeros
    const void *c0          # the same of c, NULL for zeros
    const void *mask        # (n_sequences, H), NULL for none
    const void *zeros       # (H,)


cdef void masked(
    Py_ssize_t rows, Py_ssize_t H, const real *x, Py_ssize_t ld, const real *mask, real *out, Py_ssize_t ld_out,
) noexcept nogil:
    """out := x mask, (rows, H) each; out may be x"""
    cdef Py_ssize_t r, j
    for r in range(rows):
        for j in range(H):
            out[r * ld_out + j] = x[r * ld + j] * mask[r * H + j]


cdef void multiply_recurrent(
    const direction *d, int stage, const operand *ops, Py_ssize_t rows, const real *h_prev, Py_ssize_t ld_h_prev, const real *mask,
    real *a, real *masked_h,
) noexcept nogil:
    """The products with R before a stage of the cell: a[target] (+)= source R[first ..]; masked_h (rows, H) is scratch."""
    cdef Py_ssize_t p, H = d.H, Z = d.cell.n_blocks * H
    cdef const recurrent_product *product
    cdef const real *source
    cdef Py_ssize_t ld
    if stage == 0 and mask != NULL:
        masked(rows, H, h_prev, ld_h_prev, mask, masked_h, H)
        h_prev = masked_h
        ld_h_prev = H
    for p in range(d.cell.n_products):
        product = &d.cell.products[p]
        if product.stage != stage:
            continue
        source = h_prev
        ld = ld_h_prev
        if product.source != FROM_H:
            source = a + product.source * H
            ld = Z
            if mask != NULL:
                masked(rows, H, source, Z, mask, a + product.source * H, Z)
        multiply(&ops[p], rows, source, ld, a + product.target * H, Z, product.add)


cdef void clear_targets(const cell_entry *cell, Py_ssize_t rows, Py_ssize_t H, real *a) noexcept nogil:
    """The blocks of a that only a product with R writes := 0, for rows that begin with zeros."""
    cdef Py_ssize_t p, r
    for p in range(cell.n_products):
        if not cell.products[p].add:
            for r in range(rows):
                memset(a + (r * cell.n_blocks + cell.products[p].target) * H, 0, cell.products[p].n * H * sizeof(real))


cdef void forward_steps(const direction *d, real *a, real *c, real *h, Py_ssize_t ld_h, bint keep, real *scratch) noexcept nogil:
    cdef:
        const cell_entry *cell = d.cell
        const walk *w = &d.w
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, T = w.n_steps, B = rows_at(w, 0)
        Py_ssize_t per_chunk = chunk_steps(w, Z, sizeof(real)), Hc = H if cell.n_states == 2 else 0
        Py_ssize_t done = 0, first, last, k, p, t, before, rows, continued
        int stage, dtype = 0 if real is float else 1
        const real *x = <const real *> d.x
        const real *h0 = <const real *> d.h0
        const real *c0 = <const real *> d.c0
        const real *mask = <const real *> d.mask
        const real *c_before = <const real *> d.zeros
        const real *mask_rest
        real *a_chunk
        real *a_t
        real *c_t
        real *masked_h
        cell_step step, start
        operand op_W
        operand[MAX_PRODUCTS] ops
    make_operand(&op_W, False, D, cell.n_input * H, <const real *> d.W, cell.n_input * H, scratch)
    scratch += padded(packed_size(D, cell.n_input * H, dtype))
    for p in range(cell.n_products):
        make_operand(&ops[p], False, H, cell.products[p].n * H, <const real *> d.R + cell.products[p].first * H, cell.n_recurrent * H,
                     scratch)
        scratch += padded(packed_size(H, cell.products[p].n * H, dtype))
    memset(&step, 0, sizeof(step))
    step.hidden = H
    step.bias = d.b
    step.extra = d.extra
    step.ld_h = ld_h
    step.ld_h_prev = ld_h
    step.ld_c_prev = H
    step.scratch = scratch
    masked_h = scratch + padded(8 * H)
    # Rows that start at a step: from h0 and c0, or from a row of zeros.
    start = step
    start.ld_h_prev = H if h0 != NULL else 0
    start.ld_c_prev = H if c0 != NULL else 0
    while done < T:
        # Steps first .. last - 1 of the sequence, whichever way they are walked.
        first = done if not w.reverse else max(T - done - per_chunk, 0)
        last = min(done + per_chunk, T) if not w.reverse else T - done
        a_chunk = a + w.starts[first] * Z if keep else a
        # a := x W
        multiply(&op_W, w.starts[last] - w.starts[first], x + w.starts[first] * D, D, a_chunk, Z, False)
        for k in range(last - first):
            t = last - 1 - k if w.reverse else first + k
            rows = rows_at(w, t)
            continued = rows_continued(w, t)
            before = step_before(w, t) if continued else t
            a_t = a_chunk + (w.starts[t] - w.starts[first]) * Z
            # Without `keep`, c is two blocks of B rows, written in turn.
            c_t = c + w.starts[t] * Hc if keep else c + ((done + k) & 1) * B * Hc
            step.rows = continued
            step.a = a_t
            step.c = c_t
            step.h = h + w.starts[t] * ld_h
            step.h_prev = h + w.starts[before] * ld_h
            step.c_prev = c_before
            start.rows = rows - continued
            start.a = a_t + continued * Z
            start.c = c_t + continued * Hc
            start.h = h + (w.starts[t] + continued) * ld_h
            start.h_prev = d.zeros if h0 == NULL else h0 + continued * H
            start.c_prev = d.zeros if c0 == NULL else c0 + continued * H
            for stage in range(cell.n_stages):
                if continued:
                    multiply_recurrent(d, stage, ops, continued, <const real *> step.h_prev, ld_h, mask, a_t, masked_h)
                    cell.forward[stage][d.activation][dtype](&step)
                if rows > continued:
                    if h0 != NULL:
                        mask_rest = mask + continued * H if mask != NULL else NULL
                        multiply_recurrent(d, stage, ops, rows - continued, <const real *> start.h_prev, H, mask_rest,
                                           <real *> start.a, masked_h)
                    elif stage == 0:
                        clear_targets(cell, rows - continued, H, <real *> start.a)
                    cell.forward[stage][d.activation][dtype](&start)
            c_before = c_t
        done += last - first


cdef void gather_h_prev(
    const direction *d, Py_ssize_t first, Py_ssize_t last, const real *h, Py_ssize_t ld_h, real *out,
) noexcept nogil:
    """out := the h that entered R for each row of steps first .. last - 1, in the order of the rows: masked, and h0 or 0 where
    a row starts."""
    cdef Py_ssize_t t, r, rows, continued, H = d.H
    cdef const real *source
    cdef const real *h0 = <const real *> d.h0
    for t in range(first, last):
        rows = rows_at(&d.w, t)
        continued = rows_continued(&d.w, t)
        if continued:
            source = h + d.w.starts[step_before(&d.w, t)] * ld_h
            for r in range(continued):
                memcpy(out + r * H, source + r * ld_h, H * sizeof(real))
        if h0 == NULL:
            memset(out + continued * H, 0, (rows - continued) * H * sizeof(real))
        else:
            memcpy(out + continued * H, h0 + continued * H, (rows - continued) * H * sizeof(real))
        if d.mask != NULL:
            masked(rows, H, out, H, <const real *> d.mask, out, H)
        out += rows * H


cdef void add_recurrent_gradient(
    const direction *d, Py_ssize_t first, Py_ssize_t last, const recurrent_product *product, const real *a, const real *h,
    Py_ssize_t ld_h, const operand *op_dz, real *dR, real *h_prev,
) noexcept nogil:
    """dR[first ..] += source' dz over the rows of steps first .. last - 1, which op_dz holds; a is their first row, and h_prev
    scratch for them."""
    cdef:
        const walk *w = &d.w
        Py_ssize_t H = d.H, Z = d.cell.n_blocks * H, N = product.n * H, ldR = d.cell.n_recurrent * H
        Py_ssize_t lo = first, hi = last, skipped
    dR += product.first * H
    if product.source != FROM_H:
        add_product_of_transpose(op_dz, 0, w.starts[last] - w.starts[first], N, H, a + product.source * H, Z, dR, ldR)
        return
    if d.h0 == NULL:
        # The step without a predecessor adds nothing; leaving it out often makes the rest one block of equal steps.
        if w.reverse and hi == w.n_steps:
            hi -= 1
        elif not w.reverse and lo == 0:
            lo = 1
        if lo >= hi:
            return
    skipped = w.starts[lo] - w.starts[first]
    if (d.h0 == NULL and d.mask == NULL
            and rows_at(w, lo if w.reverse else lo - 1) == rows_at(w, hi if w.reverse else hi - 1)):
        # Equally many rows throughout: the h that entered them already lie in their order, one step away.
        add_product_of_transpose(op_dz, skipped, w.starts[hi] - w.starts[lo], N, H, h + w.starts[step_before(w, lo)] * ld_h, ld_h, dR, ldR)
    else:
        gather_h_prev(d, lo, hi, h, ld_h, h_prev)
        add_product_of_transpose(op_dz, skipped, w.starts[hi] - w.starts[lo], N, H, h_prev, H, dR, ldR)


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
    real *dW, real *dR, real *db, real *d_extra, real *dx, bint accumulate_dx, real *scratch,
) noexcept nogil:
    cdef:
        const cell_entry *cell = d.cell
        const walk *w = &d.w
        Py_ssize_t D = d.D, H = d.H, Z = cell.n_blocks * H, n_input = cell.n_input * H, T = w.n_steps, B = rows_at(w, 0)
        Py_ssize_t per_chunk = chunk_steps(w, Z, sizeof(real)), Hc = H if cell.n_states == 2 else 0
        Py_ssize_t done = 0, first, last, k, p, t, before, rows, continued, n_rows
        int stage, dtype = 0 if real is float else 1
        const real *x = <const real *> d.x
        const real *W = <const real *> d.W
        const real *h0 = <const real *> d.h0
        const real *c0 = <const real *> d.c0
        real *a_t
        real *d_source
        real *masked_dh
        real *h_prev
        real *packed_dz
        cell_step step, start
        operand op_dz, op_target, op_Wt = operand(0, 0, False, NULL, 0, NULL)
        operand[MAX_PRODUCTS] ops
    for p in range(cell.n_products):
        make_operand(&ops[p], True, cell.products[p].n * H, H, <const real *> d.R + cell.products[p].first * H, cell.n_recurrent * H,
                     scratch)
        scratch += padded(packed_size(cell.products[p].n * H, H, dtype))
    if dx != NULL:
        make_operand(&op_Wt, True, n_input, D, W, n_input, scratch)
        scratch += padded(packed_size(n_input, D, dtype))
    memset(&step, 0, sizeof(step))
    step.hidden = H
    step.bias = d.b
    step.d_bias = db
    step.extra = d.extra
    step.d_extra = d_extra
    step.scratch = scratch
    d_source = scratch + padded(8 * H)
    masked_dh = d_source + padded(B * H)
    h_prev = masked_dh + padded(B * H)
    packed_dz = h_prev + padded(chunk_rows(B, w.starts[T], Z, sizeof(real)) * H)
    step.ld_h = ld_h
    step.ld_h_prev = ld_h
    step.ld_c_prev = H
    step.ld_dy = ld_dy
    step.d_source = d_source
    step.dh = dh
    step.dc = dc
    start = step
    start.ld_h_prev = H if h0 != NULL else 0
    start.ld_c_prev = H if c0 != NULL else 0
    while done < T:
        # The walk of the forward pass, backwards.
        first = done if w.reverse else max(T - done - per_chunk, 0)
        last = min(done + per_chunk, T) if w.reverse else T - done
        for k in range(last - first):
            t = first + k if w.reverse else last - 1 - k
            rows = rows_at(w, t)
            continued = rows_continued(w, t)
            before = step_before(w, t) if continued else t
            a_t = a + w.starts[t] * Z
            step.rows = continued
            step.a = a_t
            step.c = <void *> (c + w.starts[t] * Hc)
            step.h = <void *> (h + w.starts[t] * ld_h)
            step.dy = d.zeros if dy == NULL else dy + w.starts[t] * ld_dy
            step.h_prev = h + w.starts[before] * ld_h
            step.c_prev = c + w.starts[before] * Hc
            start.rows = rows - continued
            start.a = a_t + continued * Z
            start.c = <void *> (c + (w.starts[t] + continued) * Hc)
            start.h = <void *> (h + (w.starts[t] + continued) * ld_h)
            start.dy = d.zeros if dy == NULL else dy + (w.starts[t] + continued) * ld_dy
            start.dh = dh + continued * H
            start.dc = dc + continued * Hc
            start.d_source = d_source + continued * H
            start.h_prev = d.zeros if h0 == NULL else h0 + continued * H
            start.c_prev = d.zeros if c0 == NULL else c0 + continued * H
            for stage in range(cell.n_stages - 1, -1, -1):
                if continued:
                    cell.backward[stage][d.activation][dtype](&step)
                if rows > continued:
                    cell.backward[stage][d.activation][dtype](&start)
                if h0 == NULL and stage and rows > continued:
                    # What this stage's product read was r h_prev = 0.
                    memset(d_source + continued * H, 0, (rows - continued) * H * sizeof(real))
                # Nothing asks for the gradient of an initial state of zeros.
                multiply_back(d, stage, ops, rows if h0 != NULL else continued, a_t, dh, d_source, masked_dh)
        a_t = a + w.starts[first] * Z
        n_rows = w.starts[last] - w.starts[first]
        make_operand(&op_dz, False, n_rows, n_input, a_t, Z, packed_dz)
        # dW += x' dz
        add_product_of_transpose(&op_dz, 0, n_rows, n_input, D, x + w.starts[first] * D, D, dW, n_input)
        # dR += h_prev' dz, from the blocks that each product filled; those from block 0 on are packed already
        for p in range(cell.n_products):
            if cell.products[p].target == 0:
                add_recurrent_gradient(d, first, last, &cell.products[p], a_t, h, ld_h, &op_dz, dR, h_prev)
        if dx != NULL:
            # dx := dz W', or += for the second direction of a layer
            multiply(&op_Wt, n_rows, a_t, Z, dx + w.starts[first] * D, D, accumulate_dx)
        for p in range(cell.n_products):
            if cell.products[p].target != 0:
                make_operand(&op_target, False, n_rows, cell.products[p].n * H, a_t + cell.products[p].target * H, Z, packed_dz)
                add_recurrent_gradient(d, first, last, &cell.products[p], a_t, h, ld_h, &op_target, dR, h_prev)
        if cell.sums_bias:
            # db += sum of dz over rows
            simd().add_row_sums[dtype](n_rows, cell.n_bias * H, a_t, Z, db)
        done += last - first


cdef const void *pointer(const real[:, ::1] rows) noexcept:
    """Where rows begin, NULL for None."""
    cdef const real *first = NULL
    if rows is not None:
        first = &rows[0, 0]
    return first


def forward(
    int cell, int activation, bint reverse, const Py_ssize_t[::1] starts, const real[:, ::1] x, const real[:, ::1] W,
    const real[:, ::1] R, const real[::1] b, const real[:, ::1] extra, const real[:, ::1] h0, const real[:, ::1] c0,
    const real[:, ::1] mask, real[:, ::1] gates, real[:, ::1] c, real[:, :] h, const real[::1] zeros, bint keep, real[::1] scratch,
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
    gates : (>= n_rows, n_blocks H) OUT, or (`gate_rows(...)`, n_blocks H) scratch without `keep`
    c : (>= n_rows, H) OUT, or (2 starts[1], H) scratch without `keep`
        In the latter case step t is in row block t modulo 2, counted as walked. Not used by cells whose only state is h.
    h : (>= n_rows, H) OUT
        Its rows may lie apart, as the halves of a concatenated output do.
    zeros : (>= H,) IN
        Zeros.
    keep : bool
        Keep gates and c of every step, for `backward`.
    scratch : (`scratch_size(...)`,), aligned to 64 bytes
    """
    cdef direction d
    cdef uint64_t mode
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
    with nogil:
        mode = ftz_enter()
        forward_steps(&d, &gates[0, 0], &c[0, 0], &h[0, 0], h.strides[0] // sizeof(real), keep, &scratch[0])
        ftz_leave(mode)


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
        As in `forward`, run with `keep`.
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
    cdef uint64_t mode
    cdef const real *dy_pointer = NULL
    cdef real *dx_pointer = NULL
    cdef real *d_extra_pointer = NULL
    cdef Py_ssize_t ld_dy = 0
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
    if dy is not None:
        dy_pointer = &dy[0, 0]
        ld_dy = dy.strides[0] // sizeof(real)
    if d_extra is not None:
        d_extra_pointer = &d_extra[0, 0]
    if dx is not None:
        dx_pointer = &dx[0, 0]
    with nogil:
        mode = ftz_enter()
        backward_steps(&d, &gates[0, 0], &c[0, 0], &h[0, 0], h.strides[0] // sizeof(real), dy_pointer, ld_dy, &dh[0, 0], &dc[0, 0],
                       &dW[0, 0], &dR[0, 0], &db[0], d_extra_pointer, dx_pointer, accumulate_dx, &scratch[0])
        ftz_leave(mode)


def gate_rows(Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t width, Py_ssize_t itemsize):
    """Rows of gates that `forward` needs without `keep`.

    Parameters
    ----------
    n_sequences, n_rows : int
        Sequences and rows of the packed batch.
    width : int
        Words per row, n_blocks H.
    itemsize : int
        Bytes per word.
    """
    return chunk_rows(n_sequences, n_rows, width, itemsize)


def scratch_size(
    int cell, Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t D, Py_ssize_t H, Py_ssize_t itemsize, bint backward,
):
    """Elements of scratch that `forward`, or `forward` and `backward`, need for a layer of D inputs and H units."""
    cdef const cell_entry *entry = &simd().cells[cell]
    cdef Py_ssize_t rows = chunk_rows(n_sequences, n_rows, entry.n_blocks * H, itemsize), n_input = entry.n_input * H
    cdef Py_ssize_t p, n, state = padded(n_sequences * H), forward_size, backward_size, packed_dz
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    forward_size = padded(packed_size(D, n_input, dtype)) + padded(8 * H) + state
    backward_size = padded(packed_size(n_input, D, dtype)) + padded(8 * H) + 2 * state + padded(rows * H)
    packed_dz = packed_size(rows, n_input, dtype)
    for p in range(entry.n_products):
        n = entry.products[p].n * H
        forward_size += padded(packed_size(H, n, dtype))
        backward_size += padded(packed_size(n, H, dtype))
        packed_dz = max(packed_dz, packed_size(rows, n, dtype))
    return max(forward_size, backward_size + packed_dz if backward else 0)
