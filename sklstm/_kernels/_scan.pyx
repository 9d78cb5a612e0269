"""The recursion over time, forward and backward, for any cell of the table, over a packed ragged batch.

Packed means: sequences sorted by length, longest first, and stored time-major, so that step t is the contiguous block of
rows starts[t] .. starts[t + 1] and its row r continues row r of the step before. No padding is stored or multiplied.
The reverse direction walks the same rows from the last step to the first, with more and more rows active.

What is kept for the backward pass is 6 H words per row and step: the gates (4 H), c and h. tanh(c) is computed again,
and dz is written over the gates. Products with x are hoisted out of the recursion, and the weight gradients are one
product each, both over chunks of time that stay in the second-level cache:

    forward     a = x W                for a chunk, then step by step    a_t += h_prev R,   cell
    backward    cell -> dz_t,          dh_prev = dz_t R'                 step by step, then for the chunk
                dW += x' dz,           dR += h_prev' dz,                 db += sum dz,      dx += dz W'
"""
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from ._ftz cimport ftz_enter, ftz_leave
from ._product cimport add_product_of_transpose, make_operand, multiply, operand, packed_size
from ._real cimport real
from ._simd cimport cell_entry, cell_step, simd


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


cdef void forward_steps(
    const cell_entry *cell, const walk *w, Py_ssize_t D, Py_ssize_t H, const real *x, const real *W, const real *R, const real *b,
    real *a, real *c, real *h, Py_ssize_t ld_h, const real *zeros, bint keep, real *scratch,
) noexcept nogil:
    cdef:
        Py_ssize_t Z = cell.n_gates * H, T = w.n_steps, B = rows_at(w, 0), per_chunk = chunk_steps(w, Z, sizeof(real))
        Py_ssize_t done = 0, first, last, k, t, rows, continued
        int dtype = 0 if real is float else 1
        real *a_chunk
        real *a_t
        real *c_t
        const real *c_before = zeros
        cell_step step
        operand op_W, op_R
    make_operand(&op_W, False, D, Z, W, Z, scratch)
    make_operand(&op_R, False, H, Z, R, Z, scratch + padded(packed_size(D, Z, dtype)))
    memset(&step, 0, sizeof(step))
    step.hidden = H
    step.bias = b
    step.ld_h = ld_h
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
            a_t = a_chunk + (w.starts[t] - w.starts[first]) * Z
            # Without `keep`, c is two blocks of B rows, written in turn.
            c_t = c + w.starts[t] * H if keep else c + ((done + k) & 1) * B * H
            step.a = a_t
            step.c = c_t
            step.h = h + w.starts[t] * ld_h
            if continued:
                # a_t += h_prev R
                multiply(&op_R, continued, h + w.starts[step_before(w, t)] * ld_h, ld_h, a_t, Z, True)
                step.rows = continued
                step.h_prev = h + w.starts[step_before(w, t)] * ld_h
                step.ld_h_prev = ld_h
                step.c_prev = c_before
                step.ld_c_prev = H
                cell.forward[dtype](&step)
            if rows > continued:
                step.rows = rows - continued
                step.a = a_t + continued * Z
                step.c = c_t + continued * H
                step.h = h + (w.starts[t] + continued) * ld_h
                step.h_prev = zeros
                step.ld_h_prev = 0
                step.c_prev = zeros
                step.ld_c_prev = 0
                cell.forward[dtype](&step)
            c_before = c_t
        done += last - first


cdef void gather_h_prev(
    const walk *w, Py_ssize_t first, Py_ssize_t last, Py_ssize_t H, const real *h, Py_ssize_t ld_h, real *out,
) noexcept nogil:
    """out := the h that entered each row of steps first .. last - 1, in the order of the rows; 0 for rows that start there."""
    cdef Py_ssize_t t, r, rows, continued
    cdef const real *source
    for t in range(first, last):
        rows = rows_at(w, t)
        continued = rows_continued(w, t)
        if continued:
            source = h + w.starts[step_before(w, t)] * ld_h
            for r in range(continued):
                memcpy(out + r * H, source + r * ld_h, H * sizeof(real))
        memset(out + continued * H, 0, (rows - continued) * H * sizeof(real))
        out += rows * H


cdef void add_recurrent_gradient(
    const walk *w, Py_ssize_t first, Py_ssize_t last, Py_ssize_t H, Py_ssize_t Z, const real *h, Py_ssize_t ld_h, const operand *op_dz,
    real *dR, real *h_prev,
) noexcept nogil:
    """dR += h_prev' dz over the rows of steps first .. last - 1, which op_dz holds; h_prev is scratch for them."""
    cdef Py_ssize_t lo = first, hi = last, skipped
    # The step without a predecessor adds nothing; leaving it out often makes the rest one block of equal steps.
    if w.reverse and hi == w.n_steps:
        hi -= 1
    elif not w.reverse and lo == 0:
        lo = 1
    if lo >= hi:
        return
    skipped = w.starts[lo] - w.starts[first]
    if rows_at(w, lo if w.reverse else lo - 1) == rows_at(w, hi if w.reverse else hi - 1):
        # Equally many rows throughout: the h that entered them already lie in their order, one step away.
        add_product_of_transpose(op_dz, skipped, w.starts[hi] - w.starts[lo], H, h + w.starts[step_before(w, lo)] * ld_h, ld_h, dR, Z)
    else:
        gather_h_prev(w, lo, hi, H, h, ld_h, h_prev)
        add_product_of_transpose(op_dz, skipped, w.starts[hi] - w.starts[lo], H, h_prev, H, dR, Z)


cdef void backward_steps(
    const cell_entry *cell, const walk *w, Py_ssize_t D, Py_ssize_t H, const real *x, const real *W, const real *R,
    real *a, const real *c, const real *h, Py_ssize_t ld_h, const real *dy, Py_ssize_t ld_dy,
    real *dh, real *dc, real *dW, real *dR, real *db, real *dx, bint accumulate_dx, const real *zeros, real *scratch,
) noexcept nogil:
    cdef:
        Py_ssize_t Z = cell.n_gates * H, T = w.n_steps, per_chunk = chunk_steps(w, Z, sizeof(real))
        Py_ssize_t done = 0, first, last, k, t, rows, continued, n_rows
        int dtype = 0 if real is float else 1
        real *a_t
        const real *c_t
        cell_step step
        operand op_Rt, op_dz, op_Wt = operand(0, 0, False, NULL, 0, NULL)
        real *h_prev = scratch
        real *packed_dz
    scratch += padded(chunk_rows(rows_at(w, 0), w.starts[T], Z, sizeof(real)) * H)
    make_operand(&op_Rt, True, Z, H, R, Z, scratch)
    scratch += padded(packed_size(Z, H, dtype))
    if dx != NULL:
        make_operand(&op_Wt, True, Z, D, W, Z, scratch)
        scratch += padded(packed_size(Z, D, dtype))
    packed_dz = scratch
    memset(&step, 0, sizeof(step))
    step.hidden = H
    step.ld_dy = ld_dy
    while done < T:
        # The walk of the forward pass, backwards.
        first = done if w.reverse else max(T - done - per_chunk, 0)
        last = min(done + per_chunk, T) if w.reverse else T - done
        for k in range(last - first):
            t = first + k if w.reverse else last - 1 - k
            rows = rows_at(w, t)
            continued = rows_continued(w, t)
            a_t = a + w.starts[t] * Z
            c_t = c + w.starts[t] * H
            step.dy = zeros if dy == NULL else dy + w.starts[t] * ld_dy
            step.a = a_t
            step.c = <void *> c_t
            step.dh = dh
            step.dc = dc
            if continued:
                step.rows = continued
                step.h_prev = h + w.starts[step_before(w, t)] * ld_h
                step.ld_h_prev = ld_h
                step.c_prev = c + w.starts[step_before(w, t)] * H
                step.ld_c_prev = H
                cell.backward[dtype](&step)
            if rows > continued:
                step.rows = rows - continued
                step.a = a_t + continued * Z
                step.c = <void *> (c_t + continued * H)
                step.dy = zeros if dy == NULL else dy + (w.starts[t] + continued) * ld_dy
                step.dh = dh + continued * H
                step.dc = dc + continued * H
                step.h_prev = zeros
                step.ld_h_prev = 0
                step.c_prev = zeros
                step.ld_c_prev = 0
                cell.backward[dtype](&step)
            if continued:
                # dh_prev := dz_t R'
                multiply(&op_Rt, continued, a_t, Z, dh, H, False)
        a_t = a + w.starts[first] * Z
        n_rows = w.starts[last] - w.starts[first]
        make_operand(&op_dz, False, n_rows, Z, a_t, Z, packed_dz)
        # dW += x' dz
        add_product_of_transpose(&op_dz, 0, n_rows, D, x + w.starts[first] * D, D, dW, Z)
        # dR += h_prev' dz
        add_recurrent_gradient(w, first, last, H, Z, h, ld_h, &op_dz, dR, h_prev)
        # db += sum of dz over rows
        simd().add_row_sums[dtype](n_rows, Z, a_t, db)
        if dx != NULL:
            # dx := dz W', or += for the second direction of a layer
            multiply(&op_Wt, n_rows, a_t, Z, dx + w.starts[first] * D, D, accumulate_dx)
        done += last - first


def forward(
    int cell, bint reverse, const Py_ssize_t[::1] starts, const real[:, ::1] x, const real[:, ::1] W, const real[:, ::1] R,
    const real[::1] b, real[:, ::1] gates, real[:, ::1] c, real[:, :] h, const real[::1] zeros, bint keep,
    real[::1] scratch,
):
    """Run one direction of one layer over a packed batch.

    Parameters
    ----------
    cell : int
        Index in the cell table.
    reverse : bool
        Walk from the last step of each sequence to its first.
    starts : (n_steps + 1,) memoryview
        Row at which each step begins.
    x : (>= n_rows, D) IN
    W : (D, G H) IN
    R : (H, G H) IN
    b : (G H,) IN
    gates : (>= n_rows, G H) OUT, or (`gate_rows(...)`, G H) scratch without `keep`
    c : (>= n_rows, H) OUT, or (2 starts[1], H) scratch without `keep`
    h : (>= n_rows, H) OUT
        Its rows may lie apart, as the halves of a concatenated output do.
    zeros : (>= H,) IN
        Zeros: the initial state.
    keep : bool
        Keep gates and c of every step, for `backward`.
    scratch : (`scratch_size(...)`,), aligned to 64 bytes
    """
    cdef walk w
    cdef uint64_t mode
    w.starts = &starts[0]
    w.n_steps = starts.shape[0] - 1
    w.reverse = reverse
    with nogil:
        mode = ftz_enter()
        forward_steps(&simd().cells[cell], &w, W.shape[0], R.shape[0], &x[0, 0], &W[0, 0], &R[0, 0], &b[0], &gates[0, 0],
                      &c[0, 0], &h[0, 0], h.strides[0] // sizeof(real), &zeros[0], keep, &scratch[0])
        ftz_leave(mode)


def backward(
    int cell, bint reverse, const Py_ssize_t[::1] starts, const real[:, ::1] x, const real[:, ::1] W, const real[:, ::1] R,
    real[:, ::1] gates, const real[:, ::1] c, const real[:, :] h, const real[:, :] dy, real[:, ::1] dh, real[:, ::1] dc,
    real[:, ::1] dW, real[:, ::1] dR, real[::1] db, real[:, ::1] dx, bint accumulate_dx, const real[::1] zeros, real[::1] scratch,
):
    """Back-propagate through `forward`, adding to the weight gradients.

    Parameters
    ----------
    cell, reverse, starts, x, W, R, c, h, zeros
        As in `forward`, run with `keep`.
    gates : (>= n_rows, G H) IN/OUT
        What `forward` left; overwritten by dz.
    dy : (>= n_rows, H) IN or None
        Gradient with respect to h of every step; None is zero.
    dh, dc : (>= starts[1], H) IN/OUT
        IN: gradient with respect to the end state of each sequence (in the order walked). Scratch afterwards.
    dW, dR, db : shapes of W, R, b; IN/OUT
    dx : (>= n_rows, D) OUT or None
        Gradient with respect to x, if it is wanted.
    accumulate_dx : bool
        Add to dx instead of overwriting it.
    scratch : (`scratch_size(...)`,), aligned to 64 bytes
    """
    cdef walk w
    cdef uint64_t mode
    cdef const real *dy_pointer = NULL
    cdef real *dx_pointer = NULL
    cdef Py_ssize_t ld_dy = 0
    w.starts = &starts[0]
    w.n_steps = starts.shape[0] - 1
    w.reverse = reverse
    if dy is not None:
        dy_pointer = &dy[0, 0]
        ld_dy = dy.strides[0] // sizeof(real)
    if dx is not None:
        dx_pointer = &dx[0, 0]
    with nogil:
        mode = ftz_enter()
        backward_steps(&simd().cells[cell], &w, W.shape[0], R.shape[0], &x[0, 0], &W[0, 0], &R[0, 0], &gates[0, 0], &c[0, 0],
                       &h[0, 0], h.strides[0] // sizeof(real), dy_pointer, ld_dy, &dh[0, 0], &dc[0, 0], &dW[0, 0], &dR[0, 0],
                       &db[0], dx_pointer, accumulate_dx, &zeros[0], &scratch[0])
        ftz_leave(mode)


def gate_rows(Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t width, Py_ssize_t itemsize):
    """Rows of gates that `forward` needs without `keep`.

    Parameters
    ----------
    n_sequences, n_rows : int
        Sequences and rows of the packed batch.
    width : int
        Words per row, G H.
    itemsize : int
        Bytes per word.
    """
    return chunk_rows(n_sequences, n_rows, width, itemsize)


def scratch_size(
    Py_ssize_t n_sequences, Py_ssize_t n_rows, Py_ssize_t D, Py_ssize_t H, Py_ssize_t n_gates, Py_ssize_t itemsize, bint backward,
):
    """Elements of scratch that `forward`, or `forward` and `backward`, need for a layer of D inputs and H units."""
    cdef Py_ssize_t Z = n_gates * H, rows = chunk_rows(n_sequences, n_rows, Z, itemsize), size
    cdef int dtype = 0 if itemsize == sizeof(float) else 1
    size = padded(packed_size(D, Z, dtype)) + padded(packed_size(H, Z, dtype))
    if backward:
        size = max(size, padded(rows * H) + padded(packed_size(Z, H, dtype)) + padded(packed_size(Z, D, dtype))
                   + padded(packed_size(rows, Z, dtype)))
    return max(size, 1)
