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

Where h is projected to N < H values, the cell makes m instead, which is kept too:

    forward     h_t = m_t P            after the cell, step by step
    backward    dm_t = dh_t P'         before it, with the whole dh_t, then for the chunk     dP += m' dh

A mask (dropout of the recurrence, one row per sequence) multiplies what enters R: h_prev, or the block of `a` that is read.
"""
from libc.stdint cimport uint64_t

from ._buffers cimport CELL_SCRATCH, padded
from ._ftz cimport ftz_enter, ftz_leave
from ._passes cimport run_backward, run_forward, scan
from ._product cimport uses_tiles
from ._shares cimport LINE_BYTES, slices_size
from ._simd cimport cell_entry, simd
from ._team cimport run_together, team_member
from ._walk cimport chunk_rows, direction, rows_at


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
cdef double shared_flops = 1e6
# A step is split by rows where R has so many bytes at most, for it then is in the cache of every member, and each has so many rows.
cdef Py_ssize_t shared_bytes = 1 << 19, member_rows = 8


def share_from(double flops, Py_ssize_t n_bytes, Py_ssize_t rows):
    """Set the three numbers above, and return what they were: a door for tests and benchmarks. Bits do not depend on them."""
    global shared_flops, shared_bytes, member_rows
    before = shared_flops, shared_bytes, member_rows
    shared_flops, shared_bytes, member_rows = flops, n_bytes, rows
    return before


cdef int plan_members(scan *s, bint back) noexcept nogil:
    """Decide how a pass is split, and return how many members may share it; its bits are the same whatever it is."""
    cdef const direction *d = s.d
    cdef const cell_entry *cell = d.cell
    cdef Py_ssize_t R_bytes = d.N * cell.n_recurrent * d.H * d.itemsize, B = rows_at(&d.w, 0)
    s.by_units = True
    if not uses_tiles() or 2.0 * d.w.starts[d.w.n_steps] * d.H * (cell.n_recurrent * d.N + cell.n_input * d.D) < shared_flops:
        return 1
    # Cells with gradients of their own add them up row by row.
    if R_bytes <= shared_bytes and B >= 2 * member_rows and not cell.whole_rows and not (back and cell.n_extra):
        s.by_units = False
        return <int> (B // member_rows)
    if d.P != NULL:
        return 1  # each needs all of m
    return <int> ((d.H * d.itemsize + LINE_BYTES - 1) // LINE_BYTES)


cdef void forward_steps(scan *s, int dtype) noexcept nogil:
    """Run one direction of one layer over a packed batch."""
    run_together(plan_members(s, False), forward_float if dtype == 0 else forward_double, s)


cdef void backward_steps(scan *s, int dtype) noexcept nogil:
    """Back-propagate through `forward_steps`, adding to the weight gradients."""
    run_together(plan_members(s, True), backward_float if dtype == 0 else backward_double, s)


def scratch_size(int cell, Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t D, Py_ssize_t H, Py_ssize_t N, Py_ssize_t itemsize):
    """Elements of scratch that `forward_steps` and `backward_steps` need for a layer of D inputs and H units, with h of N values."""
    cdef const cell_entry *entry = &simd().cells[cell]
    cdef Py_ssize_t rows = chunk_rows(n_sequences, n_rows, entry.n_blocks * H, itemsize), n_input = entry.n_input * H
    cdef Py_ssize_t p, n, state = padded(n_sequences * H), forward_size, backward_size
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    forward_size = padded(slices_size(D, entry.n_input, H, dtype)) + padded(CELL_SCRATCH * H) + state
    backward_size = padded(slices_size(n_input, 1, D, dtype)) + padded(CELL_SCRATCH * H) + 2 * state + padded(rows * N)
    for p in range(entry.n_products):
        n = entry.products[p].n
        forward_size += padded(slices_size(N, n, H, dtype))
        backward_size += padded(slices_size(n * H, 1, N, dtype))
    if N < H:
        forward_size += padded(slices_size(H, 1, N, dtype))
        backward_size += padded(slices_size(N, 1, H, dtype)) + state + padded(rows * N) + padded(slices_size(rows, 1, N, dtype))
    return max(forward_size, backward_size + padded(slices_size(rows, entry.n_blocks, H, dtype)))
