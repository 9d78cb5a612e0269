"""A recurrent layer of one or two directions as a stage: the recursion of `_scan`, and what is around it."""
from libc.string cimport memcpy, memset

from ._buffers cimport copy_rows
from ._pack cimport sum_pairwise
from ._passes cimport scan
from ._real cimport real
from ._scan cimport backward_steps, forward_steps
from ._simd cimport cell_entry, simd
from ._stages cimport Dropout, Stage, batch, gradient_of
from ._static cimport add_static, add_static_gradients
from ._walk cimport direction, gradients


cdef class Layer(Stage):
    """A layer, bound.

    Blocks (n_blocks, n_input, n_recurrent, n_bias, n_extra) are those of the cell table, each H columns wide.

    Parameters
    ----------
    theta : (n_params,) array
    kernel : tuple of (int, int)
        Index in the cell table, and in ACTIVATIONS that of the candidate and the state.
    directions : list of dict of str to array
        One or two; the second walks from the last step of each sequence to its first. Views of theta are "W" (D, n_input H), "R"
        (N, n_recurrent H), "b" (n_bias H,), "extra" (n_extra, H), "P" (H, N) where h is projected to N < H values, else N is H, and,
        where they are learned, the initial states "h0" (N,) and "c0" (H,).
        Buffers are "gates" (n_rows, n_blocks H); "c" (n_rows, H), not used by cells whose only state is h; "h" (n_rows, N), whose
        rows may lie apart as the halves of a concatenated output do; "m" (n_rows, H), what is projected; and where they are not always
        zeros the states that a batch begins with, "h_first" (n_sequences, N) and "c_first" (n_sequences, H). With `static` the state h
        that a sequence begins with has s S added, where "S" (k, N) is a view of theta. With "begins" another stage has written the
        states that a batch begins with, and reads their gradients in `dh` and `dc`. "mask" (n_sequences, N) multiplies what enters R,
        row by row. "dh_end" (n_sequences, N) and "dc_end" (n_sequences, H) are gradients of h and c where the walk ends, beside those
        of the outputs. What a layer does not have is missing or None.
    x : (n_rows, D) array, or None for what the first stage reads
    y : (n_rows, F) array
        The output, F wide: N, or two directions side by side.
    dy : (n_rows, F) array or None
        Gradient with respect to the output of every step; None is zero.
    d_end : (n_sequences, F) array or None
        Gradient with respect to `end_states`; its rows may lie apart.
    dx : (n_rows, D) array, or None for what comes with the batch
        Overwritten by the gradient with respect to x.
    dh, dc : (n_sequences, N) and (n_sequences, H) arrays
    zeros : (H,) array of zeros
    scratch : (`_scan.scratch_size(...)`,) array, aligned to 64 bytes
    has_skip : bool
        Whether the input is added to the output.
    dropout : Dropout, default=None
        Of the input; what is added to the output is the input before it.
    static : tuple of two (n_sequences, k) arrays, default=None
        Static vectors s of the sequences, and their gradient, which is added to.
    """

    def __init__(
        self, theta, kernel, directions, x, y, dy, d_end, dx, dh, dc, zeros, scratch, bint has_skip, Dropout dropout=None, static=None,
    ):
        cdef Py_ssize_t n_rows = len(y), n_sequences = len(dh)
        cdef int k
        self.bind(theta)
        self.n_directions = len(directions)
        self.D, self.H, self.N = len(directions[0]["W"]), directions[0]["c"].shape[1], len(directions[0]["R"])
        self.F = y.shape[1]
        self.sums = self.n_directions == 2 and self.F == self.N
        self.has_skip = has_skip
        self.dropout = dropout
        self.x = self.hold(x, n_rows, self.D)
        self.y = self.hold(y, n_rows, self.F, True)
        self.dy = self.hold(dy, n_rows, self.F)
        self.d_end = self.hold(d_end, n_sequences, self.F, False, &self.ld_d_end)
        self.dx = self.hold(dx, n_rows, self.D, True)
        self.dh = self.hold(dh, n_sequences, self.N, True)
        self.dc = self.hold(dc, n_sequences, self.H, True)
        self.scratch = self.hold(scratch, 1, 0, True)
        if static is not None:
            self.n_static = static[0].shape[1]
            self.s = self.hold(static[0], n_sequences, self.n_static)
            self.ds = self.hold(static[1], n_sequences, self.n_static, True)
        for k in range(self.n_directions):
            self.bind_direction(&self.directions[k], kernel, directions[k], n_rows, n_sequences)
            self.directions[k].d.w.reverse = k == 1
            self.directions[k].d.zeros = self.hold(zeros, self.H, 0)

    cdef int bind_direction(
        self, bound_direction *bound, tuple kernel, dict arrays, Py_ssize_t n_rows, Py_ssize_t n_sequences,
    ) except -1:
        cdef const cell_entry *cell = &simd().cells[<int> kernel[0]]
        cdef direction *d = &bound.d
        cdef Py_ssize_t D = self.D, H = self.H, N = self.N
        d.cell = cell
        d.activation = kernel[1]
        d.D, d.H, d.N, d.itemsize = D, H, N, self.itemsize
        d.W = self.hold(arrays["W"], D, cell.n_input * H)
        d.R = self.hold(arrays["R"], N, cell.n_recurrent * H)
        d.b = self.hold(arrays["b"], cell.n_bias * H, 0)
        d.extra = self.hold(arrays["extra"] if cell.n_extra else None, cell.n_extra, H)
        d.P = self.hold(arrays.get("P"), H, N)
        d.mask = self.hold(arrays.get("mask"), n_sequences, N)
        bound.gates = self.hold(arrays["gates"], n_rows, cell.n_blocks * H, True)
        bound.c = self.hold(arrays["c"], n_rows if cell.n_states == 2 else 1, H, True)
        bound.h = self.hold(arrays["h"], n_rows, N, True, &bound.ld_h)
        bound.m = self.hold(arrays.get("m"), n_rows, H, True)
        bound.learned[0] = self.hold(arrays.get("h0"), N, 0)
        bound.learned[1] = self.hold(arrays.get("c0"), H, 0)
        bound.S = self.hold(arrays.get("S"), self.n_static, N)
        bound.first[0] = self.hold(arrays.get("h_first"), n_sequences, N, True)
        bound.first[1] = self.hold(arrays.get("c_first"), n_sequences, H, True)
        bound.d_ends[0] = self.hold(arrays.get("dh_end"), n_sequences, N)
        bound.d_ends[1] = self.hold(arrays.get("dc_end") if cell.n_states == 2 else None, n_sequences, H)
        bound.begins = bound.learned[0] != NULL or bound.S != NULL or bool(arrays.get("begins"))
        if bound.begins and (bound.first[0] == NULL or (cell.n_states == 2) != (bound.first[1] != NULL)):
            raise ValueError("States that are not zeros need arrays for the states that a batch begins with.")
        if (d.P != NULL) != (N < H) or (d.P == NULL) != (bound.m == NULL) or N > H or (N < H and cell.n_states != 2):
            raise ValueError("What is projected needs weights, a place, and a cell whose state is not h alone.")
        if (bound.S == NULL) != (self.s == NULL):
            raise ValueError("Static vectors need weights, and weights of static vectors these.")
        return 0

    cdef Py_ssize_t state_width(self, int state) noexcept nogil:
        """That of h (state 0) or c (1)"""
        return self.H if state else self.N

    cdef const void *input(self, const batch *b) noexcept nogil:
        """x before dropout"""
        return self.x if self.x != NULL else b.values

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef const void *x = self.input(b)
        if self.dropout is not None:
            self.dropout.forward(b)
            x = self.dropout.out
        if self.dtype == 0:
            forward_layer(self, b, <const float *> x)
        else:
            forward_layer(self, b, <const double *> x)
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        cdef void *dx = self.dx if self.dx != NULL else b.dvalues if self.x == NULL else NULL
        if self.dtype == 0:
            backward_layer(self, b, <float *> dx)
        else:
            backward_layer(self, b, <double *> dx)
        if self.dropout is not None:
            self.dropout.backward(b)
        if self.has_skip and dx != NULL:
            if self.dtype == 0:
                backward_skip(self, b, <float *> dx)
            else:
                backward_skip(self, b, <double *> dx)

    cdef void carry(self, const batch *b) noexcept nogil:
        if self.dtype == 0:
            carry_states(self, b, <float *> self.directions[0].h)
        else:
            carry_states(self, b, <double *> self.directions[0].h)

    cdef void end_states(self, const batch *b, void *out, Py_ssize_t ld) noexcept nogil:
        """out (n_sequences, F), row stride ld, := the output where each direction's walk ends, merged as outputs are, for the
        sequences that end here: the forward direction ends at a sequence's last step, the reverse direction at its first."""
        if self.dtype == 0:
            gather_ends(self, b, <float *> out, ld)
        else:
            gather_ends(self, b, <double *> out, ld)

    cdef void end_of_walk(
        self, const batch *b, int k, int state, const Py_ssize_t *which, Py_ssize_t n, void *out, Py_ssize_t ld,
    ) noexcept nogil:
        """out (n, its width), row stride ld, := h (state 0) or c (1) where direction k ends its walk over some sequences, which end here"""
        cdef bound_direction *bound = &self.directions[k]
        cdef Py_ssize_t i, n_bytes = self.state_width(state) * self.itemsize, stride = (self.H if state else bound.ld_h) * self.itemsize
        cdef const char *rows = <const char *> (bound.c if state else bound.h)
        for i in range(n):
            memcpy(<char *> out + i * ld * self.itemsize, rows + end_row(b, which[i], k) * stride, n_bytes)


cdef void begin_states(Layer self, bound_direction *bound, const batch *b, const real *x) noexcept nogil:
    """The direction of this batch: its walk, its input x and the states that it begins with, NULL for zeros."""
    cdef Py_ssize_t r, width
    cdef int state
    cdef direction *d = &bound.d
    d.x = x
    d.w.starts = b.starts
    d.w.n_steps = b.n_steps
    if b.first == 0:
        for state in range(2):
            width = self.state_width(state)
            for r in range(b.n_sequences if bound.learned[state] != NULL else 0):
                memcpy(<real *> bound.first[state] + r * width, bound.learned[state], width * sizeof(real))
            if bound.S != NULL and bound.learned[state] == NULL and bound.first[state] != NULL:
                memset(bound.first[state], 0, b.n_sequences * width * sizeof(real))
        if bound.S != NULL:
            # h0 += s S
            add_static(b.n_sequences, self.n_static, self.N, <const real *> self.s, <const real *> bound.S, <real *> bound.first[0], self.N)
    d.h0 = bound.first[0] if b.first or bound.begins else NULL
    d.c0 = bound.first[1] if b.first or bound.begins else NULL


cdef inline scan scan_of(Layer self, bound_direction *bound) noexcept nogil:
    """What both passes over a direction read and write."""
    cdef scan s
    memset(&s, 0, sizeof(s))
    s.d = &bound.d
    s.a, s.c, s.h, s.ld_h, s.m, s.scratch = bound.gates, bound.c, bound.h, bound.ld_h, bound.m, self.scratch
    return s


cdef void forward_layer(Layer self, const batch *b, const real *x) noexcept nogil:
    """y := outputs of every step; what the backward pass reads is kept."""
    cdef Py_ssize_t j, n = b.n_rows * self.F
    cdef int k
    cdef bound_direction *bound
    cdef const real *skip = <const real *> self.input(b)
    cdef const real *h = <const real *> self.directions[0].h
    cdef const real *h_reverse = <const real *> self.directions[1].h
    cdef real *y = <real *> self.y
    cdef scan s
    for k in range(self.n_directions):
        bound = &self.directions[k]
        begin_states(self, bound, b, x)
        s = scan_of(self, bound)
        forward_steps(&s, self.dtype)
    if self.sums:
        for j in range(n):
            y[j] = h[j] + h_reverse[j]
        h = y
    if self.has_skip:
        for j in range(n):
            y[j] = h[j] + skip[j]


cdef void backward_layer(Layer self, const batch *b, real *dx) noexcept nogil:
    """Add to the gradients of the parameters; dx := gradient with respect to x, unless it is NULL."""
    cdef:
        Py_ssize_t H = self.H, N = self.N, n = b.n_sequences, continuing = b.n_continuing
        int k
        Py_ssize_t column
        bound_direction *bound
        gradients g
        scan s
        real *dh = <real *> self.dh
        real *dc = <real *> self.dc
    for k in range(self.n_directions):
        bound = &self.directions[k]
        column = 0 if self.sums else k * N
        memset(dc, 0, n * H * sizeof(real))
        memset(dh, 0, (n if self.d_end == NULL else continuing) * N * sizeof(real))
        if self.d_end != NULL:
            copy_rows(n - continuing, N, <const real *> self.d_end + continuing * self.ld_d_end + column, self.ld_d_end,
                      dh + continuing * N, N)
        add_rows((n - continuing) * N, <const real *> bound.d_ends[0], continuing * N, dh)
        add_rows((n - continuing) * H, <const real *> bound.d_ends[1], continuing * H, dc)
        g.dW = gradient_of(self, b, bound.d.W)
        g.dR = gradient_of(self, b, bound.d.R)
        g.db = gradient_of(self, b, bound.d.b)
        g.d_extra = gradient_of(self, b, bound.d.extra)
        g.dP = gradient_of(self, b, bound.d.P)
        g.dx = dx
        g.accumulate_dx = k == 1
        s = scan_of(self, bound)
        s.g = &g
        s.dh, s.dc = dh, dc
        if self.dy != NULL:
            s.dy = <const real *> self.dy + column
            s.ld_dy = self.F
        backward_steps(&s, self.dtype)
        if b.first == 0:
            add_sum(n, N, dh, <real *> gradient_of(self, b, bound.learned[0]))
            add_sum(n, H, dc, <real *> gradient_of(self, b, bound.learned[1]))
            if bound.S != NULL:
                add_static_gradients(n, self.n_static, N, <const real *> self.s, <const real *> bound.S, dh,
                                     <real *> gradient_of(self, b, bound.S), <real *> self.ds)


cdef inline void add_rows(Py_ssize_t n, const real *rows, Py_ssize_t first, real *out) noexcept nogil:
    """out += rows, n elements of each from the first on; nothing where rows is NULL"""
    cdef Py_ssize_t j
    for j in range(first, first + n if rows != NULL else first):
        out[j] += rows[j]


cdef void add_sum(Py_ssize_t n, Py_ssize_t H, const real *rows, real *out) noexcept nogil:
    """out (H,) += sum of rows (n, H), unless it is NULL"""
    cdef Py_ssize_t r, j
    cdef real total
    if out == NULL:
        return
    if H == 1:
        out[0] += sum_pairwise(rows, NULL, n)
        return
    for j in range(H):
        total = 0
        for r in range(n):
            total += rows[r * H + j]
        out[j] += total


cdef void backward_skip(Layer self, const batch *b, real *dx) noexcept nogil:
    """dx += the gradient that comes past the recurrence of a residual layer"""
    cdef:
        Py_ssize_t F = self.F, r, j
        int k
        const real *dy = <const real *> self.dy
        const real *d_end = <const real *> self.d_end
        real *dx_r
    if dy != NULL:
        for j in range(b.n_rows * F):
            dx[j] += dy[j]
    for k in range(0 if d_end == NULL else 1 if self.sums else self.n_directions):
        for r in range(b.n_continuing, b.n_sequences):
            dx_r = dx + end_row(b, r, k) * F + k * self.N
            for j in range(self.N):
                dx_r[j] += d_end[r * self.ld_d_end + k * self.N + j]


cdef inline Py_ssize_t end_row(const batch *b, Py_ssize_t r, int k) noexcept nogil:
    """The row where direction k ends its walk over sequence r: that of its last step or, in the reverse direction, of its first."""
    return r if k == 1 else b.starts[b.lengths[r] - b.first - 1] + r


cdef void carry_states(Layer self, const batch *b, const real *h) noexcept nogil:
    cdef bound_direction *bound = &self.directions[0]
    cdef Py_ssize_t row = b.starts[b.n_steps - 1], H = self.H
    copy_rows(b.n_continuing, self.N, h + row * bound.ld_h, bound.ld_h, <real *> bound.first[0], self.N)
    if bound.first[1] != NULL:
        copy_rows(b.n_continuing, H, <const real *> bound.c + row * H, H, <real *> bound.first[1], H)


cdef void gather_ends(Layer self, const batch *b, real *out, Py_ssize_t ld) noexcept nogil:
    cdef:
        Py_ssize_t N = self.N, F = self.F, r, row, column, j
        int k
        bound_direction *bound
        const real *h
        const real *skip = <const real *> self.input(b)
        real *out_r
        bint summed
    for k in range(self.n_directions):
        bound = &self.directions[k]
        summed = k == 1 and self.sums
        column = 0 if self.sums else k * N
        for r in range(b.n_continuing, b.n_sequences):
            row = end_row(b, r, k)
            h = <const real *> bound.h + row * bound.ld_h
            out_r = out + r * ld + column
            for j in range(N):
                out_r[j] = out_r[j] + h[j] if summed else h[j]
            if self.has_skip and not summed:
                for j in range(N):
                    out_r[j] = out_r[j] + skip[row * F + column + j]
