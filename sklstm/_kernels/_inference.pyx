"""The recursion forward without anything kept for a backward pass: two rows of state per sequence, taken in turns.

Weights are packed once (`pack`) and read by any number of threads. The cells that the table calls fused, at levels with tiles,
go through time by fused_impl.h: products and gates of a few units at once, so that gates are never stored. The others, and those
whose h is projected, compute whole rows of products into scratch and run the same bodies as `_scan` does.

x W is made within each step, where a row of x is read once for all gates; for one to three sequences it is made for many steps
at once before, since then the weights are what has to be moved. Both give the same bits.

A team shares each fused step by units, and meets once in it: h of one step is read in the next one, and overwritten after that.
"""
from libc.stdint cimport uint64_t, uintptr_t
from libc.string cimport memset

from ._buffers cimport ALIGNMENT, CELL_SCRATCH, copy_rows, padded, round_up
from ._ftz cimport ftz_enter, ftz_leave
from ._product cimport make_operand, multiply, packed_size, uses_tiles
from ._real cimport real
from ._shares cimport LINE_BYTES, make_weights, share, share_of
from ._simd cimport FEW_ROWS, MOST_TILE_BYTES, cell_entry, cell_step, fused_layer, fused_rows, simd
from ._team cimport meet, run_together, team_member
from ._walk cimport multiply_recurrent


cdef enum:
    # For few sequences, x W is made before the recursion, in so many bytes at a time.
    INPUT_BYTES = 1 << 16


# Multiplications and additions of a member in a step at least, half a microsecond or so, and of all in a call.
cdef double member_flops = 5e4, shared_flops = 2e6


def share_from(double member, double shared):
    """Set the two numbers above, and return what they were: a door for tests and benchmarks. Bits do not depend on them."""
    global member_flops, shared_flops
    before = member_flops, shared_flops
    member_flops, shared_flops = member, shared
    return before


cdef inline bint is_fused(const cell_entry *cell, bint projects) noexcept nogil:
    return cell.fused and not projects and uses_tiles()


cdef inline Py_ssize_t units_of(const cell_entry *cell, Py_ssize_t H, bint projects, int dtype) noexcept nogil:
    return simd().padded_units[dtype](H) if is_fused(cell, projects) else H


cdef Py_ssize_t state_width(const packed_direction *d, int part) noexcept nogil:
    """Of h (part 0) or c (1)"""
    return d.layer.H if part else d.N


cdef class Direction:
    """One direction of one layer with its weights packed; made by `pack`."""


def pack(
    int cell, int activation, const real[:, ::1] W, const real[:, ::1] R, const real[::1] b, const real[:, ::1] extra,
    const real[:, ::1] P, real[::1] buffer,
):
    """The inference form of a direction.

    Parameters
    ----------
    cell, activation, W, R, b, extra, P
        As in `_recurrent.Layer`. Where there are tiles, they are read here only.
    buffer : (`pack_size(...)`,) OUT, aligned to 64 bytes
        Belongs to the result.

    Returns
    -------
    Direction
    """
    cdef Direction direction = Direction.__new__(Direction)
    cdef packed_direction *d = &direction.packed
    direction.kept = (W, R, b, extra, P, buffer)
    d.layer.cell = &simd().cells[cell]
    d.layer.activation = activation
    d.layer.D = W.shape[0]
    d.N = R.shape[0]
    d.layer.H = d.N if P is None else P.shape[0]
    d.dtype = 0 if real is float else 1
    d.fused = is_fused(d.layer.cell, P is not None)
    d.units = d.layer.units = units_of(d.layer.cell, d.layer.H, P is not None, d.dtype)
    pack_into(d, &W[0, 0], &R[0, 0], &b[0], &extra[0, 0] if extra is not None else NULL, &P[0, 0] if P is not None else NULL, &buffer[0])
    return direction


cdef void pack_into(
    packed_direction *d, const real *W, const real *R, const real *b, const real *extra, const real *P, real *free,
) noexcept nogil:
    cdef:
        const cell_entry *cell = d.layer.cell
        Py_ssize_t D = d.layer.D, H = d.layer.H, N = d.N, ldR = cell.n_recurrent * H, p, n
        const real *R_p
        team_member alone
    alone.number, alone.size = 0, 1
    d.layer.bias = b
    d.layer.extra = extra
    if d.fused:
        simd().interleave[d.dtype](cell.n_blocks, D, cell.n_input, H, W, cell.n_input * H, free)
        d.layer.W = free
        free += padded(D * cell.n_input * d.units)
    else:
        make_operand(&d.op_W, d.dtype, False, D, cell.n_input * H, W, cell.n_input * H, free)
        free += padded(packed_size(D, cell.n_input * H, d.dtype))
    for p in range(cell.n_products):
        n = cell.products[p].n
        R_p = R + cell.products[p].first * H
        if d.fused:
            simd().interleave[d.dtype](cell.n_blocks, H, n, H, R_p, ldR, free)
            d.layer.R[p] = free
            free += padded(H * n * d.units)
        else:
            make_weights(&d.ops[p], False, N, n, H, R_p, ldR, free, &alone)
            free += padded(packed_size(N, n * H, d.dtype))
    if P != NULL:
        make_operand(&d.op_P, d.dtype, False, H, N, P, N, free)
        free += padded(packed_size(H, N, d.dtype))
    if d.fused:
        simd().interleave[d.dtype](cell.n_blocks, 1, cell.n_bias, H, b, 0, free)
        d.layer.bias = free
        free += padded(cell.n_bias * d.units)
        if cell.n_extra:
            simd().interleave[d.dtype](cell.n_blocks, 1, cell.n_extra, H, extra, 0, free)
            d.layer.extra = free


def pack_size(int cell, Py_ssize_t D, Py_ssize_t H, Py_ssize_t N, Py_ssize_t itemsize):
    """Elements of the buffer that `pack` needs for a layer of D inputs and H units; as in `_scan.scratch_size`."""
    cdef const cell_entry *entry = &simd().cells[cell]
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    cdef bint fused = is_fused(entry, N < H)
    cdef Py_ssize_t units = units_of(entry, H, N < H, dtype), p, n, size
    size = padded(D * entry.n_input * units if fused else packed_size(D, entry.n_input * H, dtype))
    for p in range(entry.n_products):
        n = entry.products[p].n
        size += padded(H * n * units if fused else packed_size(N, n * H, dtype))
    if N < H:
        size += padded(packed_size(H, N, dtype))
    return size + padded(entry.n_bias * units) + padded(entry.n_extra * units)


cdef Py_ssize_t scratch_elements(const packed_direction *d, Py_ssize_t n_sequences, Py_ssize_t n_rows) noexcept nogil:
    """Elements of scratch, aligned to 64 bytes, for chunks of so many sequences and rows at most."""
    cdef Py_ssize_t Z = d.layer.cell.n_blocks * d.units, itemsize = sizeof(float) if d.dtype == 0 else sizeof(double)
    if not d.fused:
        return padded(n_sequences * Z) + padded(CELL_SCRATCH * d.units) + (n_sequences * d.layer.H if d.N < d.layer.H else 0)
    return max(simd().fused_scratch[d.dtype](&d.layer), min(input_rows(&d.layer, itemsize), n_rows) * Z)


cdef Py_ssize_t state_elements(const packed_direction *d, Py_ssize_t n_sequences) noexcept nogil:
    """Elements of the state of so many sequences: two rows of h for each, taken in turns, and where the cell has one two of c."""
    return 2 * d.layer.cell.n_states * n_sequences * d.units


cdef inline Py_ssize_t input_rows(const fused_layer *layer, Py_ssize_t itemsize) noexcept nogil:
    """Rows of x W that are made at once."""
    return max(INPUT_BYTES // (layer.cell.n_blocks * layer.units * itemsize), FEW_ROWS)


cdef inline void step(
    const packed_direction *d, Py_ssize_t rows, share own, const real *x, real *z, real *state, Py_ssize_t n_sequences, int parity,
) noexcept nogil:
    """One step of the first rows, in some units: state[parity] -> state[1 - parity], and so for c; z is scratch, or x W if x is NULL."""
    cdef:
        Py_ssize_t size = n_sequences * d.units
        fused_rows s
        real *c = state + 2 * size if d.layer.cell.n_states == 2 else state
    if not d.fused:
        plain_step(d, rows, x, state + parity * size, c + parity * size, state + (1 - parity) * size, c + (1 - parity) * size, z)
        return
    s.rows = rows
    s.first, s.last = own.first, own.last
    s.x = x
    s.ld_x = d.layer.D
    s.h_prev = state + parity * size
    s.c_prev = c + parity * size
    s.h = state + (1 - parity) * size
    s.c = c + (1 - parity) * size
    s.z = z
    simd().fused_step[d.dtype](&d.layer, &s)


cdef void plain_step(
    const packed_direction *d, Py_ssize_t rows, const real *x, const real *h_prev, const real *c_prev, real *h, real *c, real *a,
) noexcept nogil:
    cdef:
        const cell_entry *cell = d.layer.cell
        Py_ssize_t H = d.layer.H, Z = cell.n_blocks * H
        int stage
        bint projects = d.N < H
        cell_step s
    memset(&s, 0, sizeof(s))
    s.rows = rows
    s.hidden = s.last = s.ld_h = s.ld_h_prev = s.ld_c = s.ld_c_prev = H
    s.a = a
    s.ld_a = Z
    s.bias = d.layer.bias
    s.extra = d.layer.extra
    s.h_prev = h_prev
    s.c_prev = c_prev
    s.scratch = a + padded(rows * Z)
    s.h = h if not projects else <real *> s.scratch + padded(CELL_SCRATCH * H)
    s.c = c
    multiply(&d.op_W, rows, x, d.layer.D, a, Z, False)
    for stage in range(cell.n_stages):
        multiply_recurrent(cell, H, stage, d.ops, rows, h_prev, H, a)
        cell.forward[stage][d.layer.activation][d.dtype](&s)
    if projects:
        # h := m P
        multiply(&d.op_P, rows, <const real *> s.h, H, h, H, False)


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
    void *y                     # (n_rows, N), row stride ld_y, OUT or NULL: h of every step
    Py_ssize_t ld_y
    void *ends                  # (n_sequences, N), row stride ld_ends, OUT or NULL: h in which the walk of each that ends here ends
    Py_ssize_t ld_ends
    void *scratch               # (`scratch_elements(...)`,), aligned to 64 bytes


cdef inline void walk_steps(const recursion *s, const real *x, real *scratch, team_member *me) noexcept nogil:
    """What a member does of all steps: its units."""
    cdef:
        const packed_direction *d = s.d
        const Py_ssize_t *starts = s.starts
        Py_ssize_t D = d.layer.D, N = d.N, units = d.units, size = s.n_sequences * units, Z = d.layer.cell.n_blocks * units
        Py_ssize_t k, t, T = s.T, rows, following, first = 0, last = 0, per_input = input_rows(&d.layer, sizeof(real)) // starts[1]
        int parity = s.parity
        bint ahead = d.fused and starts[1] <= FEW_ROWS
        share own = share(0, units)
        char[MOST_TILE_BYTES + ALIGNMENT] stack
        real *tile = scratch
        real *z
        real *state = <real *> s.state
        real *y = <real *> s.y
        real *ends = <real *> s.ends
        const real *x_t
        const real *h
    if me.size > 1:
        own = share_of(units, unit_step(d), me)
        tile = <real *> round_up(<uintptr_t> stack)
    N = min(N, own.last) - own.first
    for k in range(T):
        t = T - 1 - k if s.reverse else k
        rows = starts[t + 1] - starts[t]
        x_t = x + starts[t] * D
        z = scratch if rows <= FEW_ROWS else tile
        if ahead:
            # The steps first .. last - 1 have their x W in scratch.
            if not first <= t < last:
                first, last = (max(t + 1 - per_input, 0), t + 1) if s.reverse else (t, min(t + per_input, T))
                simd().fused_input[d.dtype](&d.layer, starts[last] - starts[first], own.first, own.last, x + starts[first] * D, D, scratch)
            z = scratch + (starts[t] - starts[first]) * Z
            x_t = NULL
        step(d, rows, own, x_t, z, state, s.n_sequences, parity)
        parity = 1 - parity
        h = state + parity * size + own.first
        if y != NULL:
            copy_rows(rows, N, h, units, y + starts[t] * s.ld_y + own.first, s.ld_y)
        if ends != NULL:
            if s.reverse:
                following = rows if t else 0
            else:
                following = starts[t + 2] - starts[t + 1] if t + 1 < T else s.n_continuing
            copy_rows(rows - following, N, h + following * units, units, ends + following * s.ld_ends + own.first, s.ld_ends)
        if me.size > 1:
            meet(me)


cdef inline Py_ssize_t unit_step(const packed_direction *d) noexcept nogil:
    """A member's units begin at a multiple of so many: whole groups of fused_impl.h at every level."""
    return (2 * LINE_BYTES if d.layer.cell.n_blocks == 1 else LINE_BYTES) // (sizeof(float) if d.dtype == 0 else sizeof(double))


cdef void walk_float(void *pass_, team_member *me) noexcept nogil:
    cdef const recursion *s = <const recursion *> pass_
    cdef uint64_t mode = ftz_enter()
    walk_steps(s, <const float *> s.x, <float *> s.scratch, me)
    ftz_leave(mode)


cdef void walk_double(void *pass_, team_member *me) noexcept nogil:
    cdef const recursion *s = <const recursion *> pass_
    cdef uint64_t mode = ftz_enter()
    walk_steps(s, <const double *> s.x, <double *> s.scratch, me)
    ftz_leave(mode)


cdef inline int plan_members(const packed_direction *d, const Py_ssize_t *starts, Py_ssize_t T) noexcept nogil:
    """How many members may share the steps; the bits are the same whatever it is."""
    cdef const cell_entry *cell = d.layer.cell
    cdef double flops
    if not d.fused:
        return 1
    flops = 2.0 * starts[1] * d.layer.H * (cell.n_recurrent * d.layer.H + cell.n_input * d.layer.D)
    if flops * T < shared_flops:
        return 1
    return <int> min(max(flops / max(member_flops, 1.0), 1.0), (d.units + unit_step(d) - 1) // unit_step(d))


cdef void share_steps(int most, recursion s) noexcept nogil:
    run_together(most, walk_float if s.d.dtype == 0 else walk_double, &s)


cdef void run_steps(
    const packed_direction *d, bint reverse, const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t n_continuing, const real *x,
    real *state, Py_ssize_t n_sequences, int parity, real *y, Py_ssize_t ld_y, real *ends, Py_ssize_t ld_ends, real *scratch,
) noexcept nogil:
    """Run a direction over the steps of a packed batch; `recursion` says what each argument is."""
    cdef recursion s = recursion(d, reverse, starts, T, n_continuing, x, state, n_sequences, parity, y, ld_y, ends, ld_ends, scratch)
    cdef team_member alone
    cdef int most = plan_members(d, starts, T) if T > 1 else 1
    if most > 1:
        share_steps(most, s)
        return
    alone.number, alone.size = 0, 1
    walk_steps(&s, x, scratch, &alone)
