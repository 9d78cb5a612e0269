"""The layers, the pooling and the head of a network over a chunk of steps: what an engine runs.

Sequences are the packed rows of `_scan`. The layers run one after the other, so that each keeps its weights in cache. Of two
directions each has to have whole sequences, in one chunk.
"""
from libc.math cimport INFINITY
from libc.stdint cimport uint64_t, uintptr_t
from libc.string cimport memcpy, memset

from ._buffers cimport copy_rows, round_up
from ._dense cimport affine
from ._ftz cimport ftz_enter, ftz_leave
from ._inference cimport run_steps, scratch_elements, state_elements, state_width
from ._pooling cimport attend, divide_by_lengths, divide_by_norms, score_rows, sum_steps
from ._real cimport real
from ._simd cimport simd
from ._static cimport add_static
from ._weights cimport Weights, layer_weights


cdef void *take(uintptr_t *free, Py_ssize_t n_bytes) noexcept nogil:
    """The next so many bytes, aligned; NULL for none."""
    cdef uintptr_t place = free[0]
    free[0] += round_up(n_bytes)
    return <void *> place if n_bytes else NULL


cdef uintptr_t lay_out(Weights w, buffers *b, uintptr_t begin) noexcept:
    """Let the buffers lie one behind the other from an address on; returns their bytes."""
    cdef:
        Py_ssize_t n = b.n_sequences, rows = max(b.n_rows, n), size = w.itemsize, F = w.F, k
        Py_ssize_t scratch = 0, reverse = 0, summed = 0
        Py_ssize_t[2] widths = [0, 0]
        bint attends = b.column[ATTENTION] >= 0, divides = b.column[MEAN] >= 0 or attends
        layer_weights *layer
        uintptr_t place = begin
    for k in range(w.n_layers):
        layer = &w.layers[k]
        b.states[k] = take(&place, state_elements(layer.directions[0], n) * size)
        scratch = max(scratch, scratch_elements(layer.directions[0], n, rows) * size)
        if b.keeps_steps or k < w.n_layers - 1:
            widths[k & 1] = max(widths[k & 1], layer.F)
        if layer.n_directions == 2:
            reverse = max(reverse, state_elements(layer.directions[1], n))
            summed = max(summed, layer.N if layer.sums else 0)
    b.reverse_state = take(&place, reverse * size)
    b.y[0] = take(&place, rows * widths[0] * size)
    b.y[1] = take(&place, rows * widths[1] * size)
    b.summand = take(&place, rows * summed * size)
    b.end_summand = take(&place, n * summed * size)
    b.pooled = take(&place, n * b.width * size)
    b.means = take(&place, n * b.width * size if divides else 0)
    b.u = take(&place, rows * F * size if attends else 0)
    b.e = take(&place, rows * size if attends else 0)
    b.top = <double *> take(&place, n * sizeof(double) if attends else 0)
    b.norm = <double *> take(&place, n * sizeof(double) if attends else 0)
    b.x = take(&place, b.n_rows * w.input_size * size)
    b.s = take(&place, n * w.n_static * size)
    b.scratch = take(&place, scratch if b.n_rows or scratch > STACK_BYTES else 0)
    b.lengths = <Py_ssize_t *> take(&place, n * sizeof(Py_ssize_t))
    b.starts = <Py_ssize_t *> take(&place, (b.n_rows + 1) * sizeof(Py_ssize_t) if b.n_rows else 0)
    return place - begin


cdef void begin_direction(
    Weights w, const buffers *b, const layer_weights *layer, int d, char *state, int parity, Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """state[parity], and for c state[2 + parity], of rows first .. last - 1 := what direction d begins with"""
    cdef Py_ssize_t r, units = layer.directions[d].units, n_bytes = units * w.itemsize, k = w.n_static
    cdef int part
    cdef char *rows
    cdef const void *initial
    for part in range(layer.directions[d].layer.cell.n_states):
        rows = state + (2 * part + parity) * b.n_sequences * n_bytes
        initial = layer.c0[d] if part else layer.h0[d]
        memset(rows + first * n_bytes, 0, (last - first) * n_bytes)
        for r in range(first, last if initial != NULL else first):
            memcpy(rows + r * n_bytes, initial, state_width(layer.directions[d], part) * w.itemsize)
        if k and part == 0:
            # h0 += s S
            if w.dtype == 0:
                add_static(last - first, k, layer.N, <const float *> b.s + first * k, <const float *> layer.S[d],
                           <float *> rows + first * units, units)
            else:
                add_static(last - first, k, layer.N, <const double *> b.s + first * k, <const double *> layer.S[d],
                           <double *> rows + first * units, units)


cdef void begin_sequences(Weights w, buffers *b, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t k, r, row_bytes = b.width * w.itemsize
    for k in range(w.n_layers):
        begin_direction(w, b, &w.layers[k], 0, <char *> b.states[k], b.parity, first, last)
    memset(<char *> b.pooled + first * row_bytes, 0, (last - first) * row_bytes)
    for r in range(first, last):
        b.lengths[r] = 0
        for k in range(r * b.width + b.column[MAX], r * b.width + b.column[MAX] + (w.F if b.column[MAX] >= 0 else 0)):
            if w.dtype == 0:
                (<float *> b.pooled)[k] = <float> -INFINITY
            else:
                (<double *> b.pooled)[k] = -INFINITY
        if b.column[ATTENTION] >= 0:
            b.top[r] = -INFINITY
            b.norm[r] = 0


cdef void run_chunk(
    Weights w, buffers *b, const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t n_continuing, const real *x, real *scratch,
) noexcept nogil:
    """Layers and pooling over the next T steps; n_continuing as in `advance`."""
    cdef:
        Py_ssize_t k, last = w.n_layers - 1
        real *y = NULL
        real *ends
        uint64_t mode = ftz_enter()
    for k in range(last + 1):
        y = <real *> b.y[k & 1] if k < last or b.keeps_steps else NULL
        ends = <real *> b.pooled + b.column[LAST] if k == last and b.column[LAST] >= 0 else NULL
        run_layer(w, b, k, starts, T, n_continuing, x, y, ends, scratch)
        x = y
    b.parity = (b.parity + T) & 1
    b.chunk_rows = starts[T]
    count_steps(starts, T, b.lengths)
    pool(w, b, starts, T, y)
    ftz_leave(mode)


cdef inline void count_steps(const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t *lengths) noexcept nogil:
    """lengths[r] += the steps of sequence r among these"""
    cdef Py_ssize_t t, r = 0
    for t in range(T, 0, -1):
        while r < starts[t] - starts[t - 1]:
            lengths[r] += t
            r += 1


cdef inline void run_layer(
    Weights w, buffers *b, Py_ssize_t k, const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t n_continuing, const real *x, real *y,
    real *ends, real *scratch,
) noexcept nogil:
    """y (n_rows, F) := outputs of layer k, ends (n_sequences, F), in rows of `pooled`, := those where the walk of each direction
    ends, of the sequences that end here; either NULL where it is not wanted. The reverse direction begins with these steps."""
    cdef:
        const layer_weights *layer = &w.layers[k]
        Py_ssize_t N = layer.N, F = layer.F, n = starts[1], r
        int d
        bint added
        real *state = <real *> b.states[k]
        real *y_d
        real *ends_d
    for d in range(layer.n_directions):
        added = d == 1 and layer.sums
        if d == 1:
            # In both rows of the pair: a reverse walk begins the shorter sequences later.
            state = <real *> b.reverse_state
            begin_direction(w, b, layer, 1, <char *> state, 0, 0, n)
            begin_direction(w, b, layer, 1, <char *> state, 1, 0, n)
        y_d = NULL if y == NULL else <real *> b.summand if added else y + d * N
        ends_d = NULL if ends == NULL else <real *> b.end_summand if added else ends + d * N
        run_steps(layer.directions[d], d == 1, starts, T, n_continuing, x, state, b.n_sequences, 0 if d else b.parity, y_d,
                  N if added else F, ends_d, N if added else b.width, scratch)
        if added:
            add(0 if y == NULL else starts[T] * N, y_d, y)
            for r in range(0 if ends == NULL else n):
                add(N, ends_d + r * N, ends + r * b.width)
        elif layer.has_skip and ends != NULL:
            add_input_at_ends(layer, d, starts, T, n_continuing, x, ends, b.width)
    if layer.has_skip and y != NULL:
        add(starts[T] * F, x, y)


cdef void add(Py_ssize_t n, const real *x, real *out) noexcept nogil:
    """out (n,) += x"""
    cdef Py_ssize_t j
    for j in range(n):
        out[j] += x[j]


cdef void add_input_at_ends(
    const layer_weights *layer, int d, const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t n_continuing, const real *x, real *ends,
    Py_ssize_t ld_ends,
) noexcept nogil:
    """ends (n_sequences, F), row stride ld_ends, += x where direction d ends its walk, in the columns of that direction"""
    cdef Py_ssize_t t, r, F = layer.F, column = d * layer.N
    for t in range(T):
        for r in range(starts[t + 2] - starts[t + 1] if t + 1 < T else n_continuing, starts[t + 1] - starts[t]):
            add(layer.N, x + (r if d == 1 else starts[t] + r) * F + column, ends + r * ld_ends + column)


cdef void pool(Weights w, buffers *b, const Py_ssize_t *starts, Py_ssize_t T, const real *y) noexcept nogil:
    """The outputs (n_rows, F) of a chunk into `pooled`"""
    cdef:
        Py_ssize_t F = w.F, ld = b.width
        real *pooled = <real *> b.pooled
        real *u = <real *> b.u
    if b.column[MEAN] >= 0:
        sum_steps(starts, T, F, y, pooled + b.column[MEAN], ld)
    if b.column[MAX] >= 0:
        simd().enlarge[w.dtype](starts, T, F, 0, y, pooled + b.column[MAX], ld, NULL)
    if b.column[ATTENTION] >= 0:
        affine(&w.op_A, <const real *> w.A_b, starts[T], y, u)
        simd().tanh_array[w.dtype](starts[T] * F, u, u)
        score_rows(u, <const real *> w.v, <real *> b.e, starts[T], F)
        attend(starts, T, <const real *> b.e, y, b.top, b.norm, F, pooled + b.column[ATTENTION], ld)


cdef void divide_sums(Weights w, buffers *b, const real *pooled, real *means) noexcept nogil:
    """means (active, width) := pooled, with sums divided by what they are sums of"""
    cdef Py_ssize_t p, column, F = w.F, ld = b.width
    for p in range(N_POOLINGS):
        column = b.column[p]
        if column < 0:
            continue
        elif p == MEAN:
            divide_by_lengths(b.active, F, b.lengths, pooled + column, means + column, ld)
        elif p == ATTENTION:
            divide_by_norms(b.active, F, b.norm, pooled + column, means + column, ld)
        else:
            copy_rows(b.active, F, pooled + column, ld, means + column, ld)


cdef void find_results(Weights w, buffers *b, real *out) noexcept nogil:
    """out (active, width) := what `results` says"""
    cdef real *source = <real *> b.pooled
    cdef uint64_t mode = ftz_enter()
    if b.means != NULL:
        divide_sums(w, b, source, <real *> b.means)
        source = <real *> b.means
    if b.encodes:
        memcpy(out, source, b.active * b.width * sizeof(real))
    else:
        affine(&w.op_V, <const real *> w.b, b.active, source, out)
        if w.n_static:
            add_static(b.active, w.n_static, w.K, <const real *> b.s, <const real *> w.static_V, out, w.K)
    ftz_leave(mode)
