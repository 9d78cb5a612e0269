"""A whole network over whole sequences in one call: what reads them in both directions, or weighs all steps by attention.

Each layer runs over all steps before the next one, so there are rows for all of them: for short sequences, whose way through
Python would take longer than their arithmetic. The bits are those of `inference.apply`.
"""
from cpython.buffer cimport PyBuffer_Release
from libc.math cimport INFINITY
from libc.stdint cimport uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from ._ftz cimport ftz_enter, ftz_leave
from ._given cimport Given, acquire, all_finite, hold, pack_steps, sequence
from ._inference cimport packed_direction, run_steps, scratch_elements, state_elements
from ._pooling cimport attend, score_rows
from ._product cimport multiply
from ._real cimport real
from ._simd cimport simd
from ._weights cimport Weights, apply_head, layer_weights

POOLINGS = ("last", "mean", "max", "attention")

cdef enum:
    LAST
    MEAN
    MAX
    ATTENTION
    ALIGNMENT = 64          # bytes
    N_PARTS = 13


cdef struct buffers:
    void *x             # (n_rows, D)
    void *y[2]          # (n_rows, F) of the widest layer: outputs of a layer, and of the one before
    void *other         # (n_rows, H): outputs of the reverse direction, where two are added
    void *state         # of one direction
    void *scratch
    void *pooled        # (n, F)
    void *end           # (n, H)
    void *u             # (n_rows, F)
    void *e             # (n_rows,)
    double *top         # (n,)
    double *norm
    Py_ssize_t *starts  # (n_steps + 1,): row at which each step begins


cdef class WholeEngine:
    """Runs a network; for one thread at a time.

    Parameters
    ----------
    weights : Weights
        Shared with any number of engines.
    pooling : {"last", "mean", "max", "attention"}
    """
    cdef:
        readonly Weights weights
        int pooling
        Py_ssize_t n_bytes
        void *memory
        buffers b

    def __cinit__(self, Weights weights not None, pooling):
        self.weights = weights
        self.pooling = POOLINGS.index(pooling)
        if weights.attends != (self.pooling == ATTENTION):
            raise ValueError("Attention has weights of its own, and no other pooling has.")

    def __dealloc__(self):
        free(self.memory)

    cdef int make_room(self, Py_ssize_t n, Py_ssize_t n_rows, Py_ssize_t n_steps) except -1:
        """Buffers for so many sequences, rows and steps; kept for the next ones."""
        cdef Weights w = self.weights
        cdef layer_weights *layer
        cdef packed_direction *d
        cdef Py_ssize_t k, widest = 0, highest = 0, state = 0, scratch = 0, n_bytes = ALIGNMENT
        cdef Py_ssize_t[N_PARTS] sizes
        cdef uintptr_t place
        for k in range(w.n_layers):
            layer = &w.layers[k]
            d = layer.directions[0]
            widest, highest = max(widest, layer.F), max(highest, layer.H)
            state, scratch = max(state, state_elements(d, n)), max(scratch, scratch_elements(d, n, n_rows))
        sizes[0] = n_rows * w.input_size
        sizes[1] = sizes[2] = n_rows * widest
        sizes[3] = n_rows * highest
        sizes[4], sizes[5], sizes[6], sizes[7] = state, scratch, n * w.F, n * highest
        sizes[8] = n_rows * w.F if w.attends else 0
        sizes[9] = n_rows if w.attends else 0
        for k in range(10):
            sizes[k] *= w.itemsize
        sizes[10] = sizes[11] = n * sizeof(double)
        sizes[12] = (n_steps + 1) * sizeof(Py_ssize_t)
        for k in range(N_PARTS):
            sizes[k] = (sizes[k] + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
            n_bytes += sizes[k]
        if n_bytes > self.n_bytes:
            free(self.memory)
            self.n_bytes = 0
            self.memory = malloc(n_bytes)
            if not self.memory:
                raise MemoryError
            self.n_bytes = n_bytes
        place = (<uintptr_t> self.memory + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
        for k in range(N_PARTS):
            (<void **> &self.b)[k] = <void *> place
            place += sizes[k]
        return 0

    def predict(self, X, out):
        """Run whole sequences; as `Engine.predict`, with any number of them."""
        cdef Weights w = self.weights
        cdef Given given = hold(X, w.dtype, w.input_size)
        cdef Py_buffer result
        cdef bint done
        self.make_room(given.n, given.n_rows, given.sequences[0].length)
        acquire(out, &result, w.dtype, given.n * w.K, True)
        with nogil:
            done = all_finite(given, w.input_size, w.dtype)
            if done and w.dtype == 0:
                run_whole(self, given.n, given.sequences, <float *> result.buf)
            elif done:
                run_whole(self, given.n, given.sequences, <double *> result.buf)
        PyBuffer_Release(&result)
        return done


cdef void run_whole(WholeEngine e, Py_ssize_t n, const sequence *sequences, real *out) noexcept nogil:
    """Scores (n, K) of sequences, the longest first."""
    cdef:
        Py_ssize_t T = sequences[0].length, active = n, k
        real *x = <real *> e.b.x
        real *y
        uint64_t mode
    pack_steps(sequences, &active, 0, T, e.weights.input_size * sizeof(real), x, e.b.starts)
    mode = ftz_enter()
    for k in range(e.weights.n_layers):
        if k == e.weights.n_layers - 1 and e.pooling == LAST:
            find_ends(e, &e.weights.layers[k], n, sequences, T, x)
        else:
            y = <real *> e.b.y[k & 1]
            run_layer(e, &e.weights.layers[k], n, T, x, y)
            x = y
    if e.pooling != LAST:
        pool(e, n, sequences, T, x)
    apply_head(e.weights, n, <const real *> e.b.pooled, out)
    ftz_leave(mode)


cdef void run_direction(
    WholeEngine e, const layer_weights *layer, int k, Py_ssize_t n, Py_ssize_t T, const real *x, real *y, Py_ssize_t ld_y, real *ends,
    Py_ssize_t ld_ends,
) noexcept nogil:
    """Direction k of a layer over all steps, from its initial states."""
    cdef:
        const packed_direction *d = layer.directions[k]
        Py_ssize_t r, row, units = d.units
        int part
        real *state = <real *> e.b.state
        const void *initial
    memset(state, 0, state_elements(d, n) * sizeof(real))
    for part in range(d.layer.cell.n_states):
        initial = layer.c0[k] if part else layer.h0[k]
        if initial != NULL:
            # In both rows of the pair: a reverse walk begins the shorter sequences later.
            for r in range(2 * n):
                row = 2 * part * n + r
                memcpy(state + row * units, initial, layer.H * sizeof(real))
    run_steps(d, k == 1, e.b.starts, T, 0, x, state, n, 0, y, ld_y, ends, ld_ends, <real *> e.b.scratch)


cdef void run_layer(WholeEngine e, const layer_weights *layer, Py_ssize_t n, Py_ssize_t T, const real *x, real *y) noexcept nogil:
    """y (n_rows, F) := outputs of every step"""
    cdef Py_ssize_t j, F = layer.F, H = layer.H, n_rows = e.b.starts[T]
    cdef real *other = <real *> e.b.other
    run_direction(e, layer, 0, n, T, x, y, F, <real *> NULL, 0)
    if layer.n_directions == 2 and not layer.sums:
        run_direction(e, layer, 1, n, T, x, y + H, F, <real *> NULL, 0)
    elif layer.n_directions == 2:
        run_direction(e, layer, 1, n, T, x, other, H, <real *> NULL, 0)
        for j in range(n_rows * H):
            y[j] += other[j]
    if layer.adds_input:
        for j in range(n_rows * F):
            y[j] += x[j]


cdef void find_ends(
    WholeEngine e, const layer_weights *layer, Py_ssize_t n, const sequence *sequences, Py_ssize_t T, const real *x,
) noexcept nogil:
    """pooled (n, F) := output where each direction's walk ends; as `RecurrentLayer.end_states`, in its order."""
    cdef:
        Py_ssize_t r, j, row, H = layer.H, F = layer.F
        int k
        bint added
        real *end
        real *pooled = <real *> e.b.pooled
    for k in range(layer.n_directions):
        added = k == 1 and layer.sums
        end = <real *> e.b.end if added else pooled + k * H
        run_direction(e, layer, k, n, T, x, <real *> NULL, 0, end, H if added else F)
        for r in range(n):
            row = r if k == 1 else e.b.starts[sequences[r].length - 1] + r
            if added:
                for j in range(H):
                    pooled[r * F + j] += end[r * H + j]
            elif layer.adds_input:
                for j in range(H):
                    pooled[r * F + k * H + j] += x[row * F + k * H + j]


cdef void pool(WholeEngine e, Py_ssize_t n, const sequence *sequences, Py_ssize_t T, const real *y) noexcept nogil:
    """pooled (n, F) of y (n_rows, F)"""
    cdef Py_ssize_t t, r, j, F = e.weights.F
    cdef real *pooled = <real *> e.b.pooled
    cdef real factor
    for j in range(n * F):
        pooled[j] = <real> (-INFINITY if e.pooling == MAX else 0)
    if e.pooling == ATTENTION:
        find_attention(e, n, T, y)
    elif e.pooling == MEAN:
        for t in range(T):
            for j in range((e.b.starts[t + 1] - e.b.starts[t]) * F):
                pooled[j] += y[e.b.starts[t] * F + j]
        for r in range(n):
            factor = <real> (1.0 / sequences[r].length)
            for j in range(F):
                pooled[r * F + j] *= factor
    else:
        for t in range(T):
            for j in range((e.b.starts[t + 1] - e.b.starts[t]) * F):
                factor = y[e.b.starts[t] * F + j]
                if factor > pooled[j] or factor != factor:
                    pooled[j] = factor


cdef void find_attention(WholeEngine e, Py_ssize_t n, Py_ssize_t T, const real *y) noexcept nogil:
    """pooled (n, F) := sum of y weighted by the softmax of v tanh(y A + b)"""
    cdef:
        Py_ssize_t r, j, F = e.weights.F, n_rows = e.b.starts[T]
        real *u = <real *> e.b.u
        real *pooled = <real *> e.b.pooled
        const real *b = <const real *> e.weights.A_b
        real norm
    for r in range(n):
        e.b.top[r] = -INFINITY
        e.b.norm[r] = 0
    multiply(&e.weights.op_A, n_rows, y, F, u, F, False)
    for r in range(n_rows):
        for j in range(F):
            u[r * F + j] += b[j]
    simd().tanh_array[e.weights.dtype](n_rows * F, u, u)
    score_rows(u, <const real *> e.weights.v, <real *> e.b.e, n_rows, F)
    attend(e.b.starts, T, <const real *> e.b.e, y, e.b.top, e.b.norm, pooled, F)
    for r in range(n):
        norm = <real> e.b.norm[r]
        for j in range(F):
            pooled[r * F + j] /= norm
