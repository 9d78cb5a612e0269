"""The order in which a direction of `_scan` visits the steps and chunks of time of a packed batch, and the rows of a step.

The products with R before a stage of a cell are those of `_inference` too.
"""
from libc.string cimport memset

from ._real cimport real
from ._shares cimport multiply_slices, share, slices
from ._simd cimport FROM_H, cell_entry, cell_step, recurrent_product
from ._team cimport team_member


# Bytes of gates per chunk of time: a quarter of a common second-level cache of 1 MB, the rest being for R, x and h.
cdef enum:
    CHUNK_BYTES = 1 << 18
    # Rows that a chunk has where T allows, so that streaming W and the gradients of wide layers is shared by enough of them.
    CHUNK_ROWS = 128


cdef inline Py_ssize_t chunk_rows(Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t width, Py_ssize_t itemsize) noexcept nogil:
    """Upper bound on the rows of a chunk of time, for `width` words per row and that many sequences or fewer."""
    return min(n_rows, max(CHUNK_BYTES // (width * itemsize), n_sequences + CHUNK_ROWS - 1))


cdef struct walk:
    # The order in which a direction visits the steps.
    const Py_ssize_t *starts    # (n_steps + 1,)
    Py_ssize_t n_steps
    bint reverse


cdef inline Py_ssize_t rows_at(const walk *w, Py_ssize_t t) noexcept nogil:
    return w.starts[t + 1] - w.starts[t]


cdef inline Py_ssize_t step_before(const walk *w, Py_ssize_t t) noexcept nogil:
    """The step walked before t; t itself where the walk begins."""
    return min(t + 1, w.n_steps - 1) if w.reverse else max(t - 1, 0)


cdef inline Py_ssize_t rows_continued(const walk *w, Py_ssize_t t) noexcept nogil:
    """How many rows of step t have a step before; the others start here, from the initial state."""
    cdef Py_ssize_t before = step_before(w, t)
    return 0 if before == t else min(rows_at(w, t), rows_at(w, before))


cdef inline Py_ssize_t chunk_steps(const walk *w, Py_ssize_t width, Py_ssize_t itemsize) noexcept nogil:
    """Steps per chunk of time, from the rows of the first (widest) step and the words per row."""
    cdef Py_ssize_t rows = rows_at(w, 0)
    return max(CHUNK_BYTES // (rows * width * itemsize), (CHUNK_ROWS + rows - 1) // rows)


cdef struct chunk:
    # Steps first .. last - 1, visited upwards or downwards.
    Py_ssize_t first, last
    bint upwards


cdef inline chunk chunk_after(Py_ssize_t done, Py_ssize_t n_steps, Py_ssize_t per_chunk, bint upwards) noexcept nogil:
    """The next chunk where `done` steps have been visited."""
    if upwards:
        return chunk(done, min(done + per_chunk, n_steps), upwards)
    return chunk(max(n_steps - done - per_chunk, 0), n_steps - done, upwards)


cdef inline Py_ssize_t step_number(const chunk *steps, Py_ssize_t k) noexcept nogil:
    """The k-th step of a chunk as it is visited."""
    return steps.first + k if steps.upwards else steps.last - 1 - k


cdef struct direction:
    # One direction of one layer and its input; all arrays IN, of the dtype of the pass.
    const cell_entry *cell
    int activation
    walk w
    Py_ssize_t D, H, N, itemsize    # N is the width of h: H, or less where it is projected
    const void *x           # (n_rows, D)
    const void *W           # (D, n_input H)
    const void *R           # (N, n_recurrent H)
    const void *b           # (n_bias H,)
    const void *extra       # (n_extra H,)
    const void *P           # (H, N) for h = m P, where m is what the cell makes; NULL for h = m, with N = H
    const void *h0          # (n_sequences, N) state to begin with, NULL for zeros
    const void *c0          # (n_sequences, H), the same of c
    const void *mask        # (n_sequences, N), NULL for none
    const void *zeros       # (H,)


cdef struct gradients:
    # What the backward pass of a direction adds to, in the shapes of the parameters, and its gradient of x.
    void *dW
    void *dR
    void *db
    void *d_extra           # NULL where the cell has none
    void *dP                # NULL where h is not projected
    void *dx                # (n_rows, D) OUT, IN/OUT with `accumulate_dx`; NULL where it is not wanted
    bint accumulate_dx


cdef inline cell_step continuing_rows(const direction *d, Py_ssize_t ld_h, real *scratch) noexcept nogil:
    """What is the same at every step, for rows that continue the step before; ld_h is the row stride of h."""
    cdef inline cell_step step
    memset(&step, 0, sizeof(step))
    step.hidden = step.last = d.H
    step.ld_a = d.cell.n_blocks * d.H
    step.ld_c = d.H
    step.bias = d.b
    step.extra = d.extra
    step.ld_h = ld_h if d.P == NULL else d.H
    step.ld_h_prev = ld_h
    step.ld_c_prev = d.H
    step.scratch = scratch
    return step


cdef inline cell_step starting_rows(const direction *d, const cell_step *step) noexcept nogil:
    """The same for rows that start at a step: from h0 and c0, or from a row of zeros."""
    cdef inline cell_step start = step[0]
    start.ld_h_prev = d.N if d.h0 != NULL else 0
    start.ld_c_prev = d.H if d.c0 != NULL else 0
    return start


cdef inline void set_pointers(
    const direction *d, Py_ssize_t t, real *a_t, real *c_t, const real *c_before, const real *h, real *made, cell_step *step,
    cell_step *start,
) noexcept nogil:
    """step := the rows of step t that continue, start := the others, which follow them; a_t, c_t and c_before point to the first
    row of this step and of the one before, h to the first of all, and so does what the cell makes, which is h or m."""
    cdef:
        const walk *w = &d.w
        Py_ssize_t H = d.H, Z = d.cell.n_blocks * H, Hc = H if d.cell.n_states == 2 else 0
        Py_ssize_t continued = rows_continued(w, t)
    step.rows = continued
    step.a = a_t
    step.c = c_t
    step.h = made + w.starts[t] * step.ld_h
    step.h_prev = h + w.starts[step_before(w, t)] * step.ld_h_prev
    step.c_prev = c_before
    start.rows = rows_at(w, t) - continued
    start.a = a_t + continued * Z
    start.c = c_t + continued * Hc
    start.h = made + (w.starts[t] + continued) * step.ld_h
    start.h_prev = d.zeros if d.h0 == NULL else <const real *> d.h0 + continued * d.N
    start.c_prev = d.zeros if d.c0 == NULL else <const real *> d.c0 + continued * H


cdef inline void advance_rows(const direction *d, cell_step *step, Py_ssize_t n) noexcept nogil:
    """step := its rows from row n on, in all that `set_pointers` and the backward pass set; rows of step apart."""
    cdef Py_ssize_t Hc = d.H if d.cell.n_states == 2 else 0, itemsize = d.itemsize
    step.a = <char *> step.a + n * step.ld_a * itemsize
    step.h = <char *> step.h + n * step.ld_h * itemsize
    step.h_prev = <const char *> step.h_prev + n * step.ld_h_prev * itemsize
    step.c = <char *> step.c + n * Hc * itemsize
    step.c_prev = <const char *> step.c_prev + n * (step.ld_c_prev if Hc else 0) * itemsize
    step.dy = <const char *> step.dy + n * step.ld_dy * itemsize
    step.dh = <char *> step.dh + n * d.N * itemsize
    step.dc = <char *> step.dc + n * Hc * itemsize
    step.d_source = <const char *> step.d_source + n * d.H * itemsize


cdef inline void keep_rows(const direction *d, share own, cell_step *step, cell_step *start) noexcept nogil:
    """step and start := what of them is in a member's rows."""
    cdef Py_ssize_t continued = step.rows, rows = continued + start.rows
    cdef Py_ssize_t first = min(own.first, continued), begin = min(max(own.first, continued), rows)
    advance_rows(d, step, first)
    step.rows = min(own.last, continued) - first
    advance_rows(d, start, begin - continued)
    start.rows = max(min(own.last, rows) - begin, 0)


cdef inline Py_ssize_t rows_of_work(const walk *w, const chunk *steps, Py_ssize_t work) noexcept nogil:
    """How many rows, from the first on, have so many steps in a chunk together."""
    cdef Py_ssize_t n = steps.last - steps.first, rows = 0
    while work > 0:
        while rows_at(w, steps.first + n - 1) <= rows:
            n -= 1
        work -= n
        rows += 1
    return rows


cdef inline share rows_of(const walk *w, const chunk *steps, const team_member *me) noexcept nogil:
    """A member's rows in each step of a chunk: those of about as many steps as another has."""
    cdef Py_ssize_t work = w.starts[steps.last] - w.starts[steps.first]
    return share(rows_of_work(w, steps, work * me.number // me.size), rows_of_work(w, steps, work * (me.number + 1) // me.size))


cdef inline void masked(
    Py_ssize_t rows, share units, Py_ssize_t H, const real *x, Py_ssize_t ld, const real *mask, real *out, Py_ssize_t ld_out,
) noexcept nogil:
    """out := x mask, (rows, H) each, in some units; out may be x"""
    cdef Py_ssize_t r, j
    for r in range(rows):
        for j in range(units.first, units.last):
            out[r * ld_out + j] = x[r * ld + j] * mask[r * H + j]


cdef inline void clear_targets(const cell_entry *cell, Py_ssize_t rows, share units, Py_ssize_t H, real *a) noexcept nogil:
    """The blocks of a that only a product with R writes := 0, in some units, for rows that begin with zeros."""
    cdef Py_ssize_t p, r, b, target
    for p in range(cell.n_products):
        if not cell.products[p].add:
            target = cell.products[p].target
            for r in range(rows):
                for b in range(target, target + cell.products[p].n):
                    memset(a + (r * cell.n_blocks + b) * H + units.first, 0, (units.last - units.first) * sizeof(real))


cdef inline const real *masked_sources(
    const direction *d, int stage, Py_ssize_t rows, share units, const real *h_prev, Py_ssize_t ld_h_prev, const real *mask, real *a,
    real *masked_h,
) noexcept nogil:
    """What the products with R before a stage read, through the mask: h_prev in masked_h (rows, N), blocks of a in place."""
    cdef const cell_entry *cell = d.cell
    cdef Py_ssize_t p, H = d.H, Z = cell.n_blocks * H
    cdef const recurrent_product *product
    if stage == 0:
        masked(rows, units, d.N, h_prev, ld_h_prev, mask, masked_h, d.N)
    for p in range(cell.n_products):
        product = &cell.products[p]
        if product.stage == stage and product.source != FROM_H:
            masked(rows, units, H, a + product.source * H, Z, mask, a + product.source * H, Z)
    return masked_h


cdef inline void multiply_recurrent(
    const cell_entry *cell, Py_ssize_t H, int stage, const slices *ops, Py_ssize_t rows, const real *h_prev, Py_ssize_t ld_h_prev, real *a,
) noexcept nogil:
    """The products with R before a stage of the cell: a[target] (+)= source R[first ..]."""
    cdef Py_ssize_t p, Z = cell.n_blocks * H
    cdef const recurrent_product *product
    for p in range(cell.n_products):
        product = &cell.products[p]
        if product.stage != stage:
            continue
        if product.source == FROM_H:
            multiply_slices(&ops[p], rows, h_prev, ld_h_prev, a + product.target * H, Z, product.add)
        else:
            multiply_slices(&ops[p], rows, a + product.source * H, Z, a + product.target * H, Z, product.add)
