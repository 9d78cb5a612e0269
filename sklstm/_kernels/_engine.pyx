"""A whole forward-only network from steps to scores in one call: layers, pooling and head, with two rows of state per layer.

What predicts short sequences and streams: a call costs a microsecond or two beside its arithmetic. Sequences come as packed
chunks of steps (see `_scan`); the layers of a chunk run one after the other, so that each keeps its weights in cache.
"""
from cpython.buffer cimport PyBuffer_Release
from libc.math cimport INFINITY
from libc.stdint cimport uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from ._ftz cimport ftz_enter, ftz_leave
from ._given cimport Given, acquire, all_finite, hold, is_finite, pack_steps, pointer, sequence
from ._inference cimport packed_direction, run_steps, scratch_elements, state_elements
from ._real cimport real
from ._weights cimport Weights, apply_head, layer_weights

import numpy as np

POOLINGS = ("last", "mean", "max")
MOST_STEPS = 1 << 62    # of a state that is set, so that a stream never counts beyond its integers

cdef enum:
    LAST
    MEAN
    MAX
    ALIGNMENT = 64          # bytes
    STACK_BYTES = 1 << 14   # scratch of a step that lies on the stack, so that no stream has its own

cdef object ndarray = np.ndarray


cdef struct layer_state:
    void *state                 # as in `_inference.state_shape`
    void *y                     # (n_rows, H): outputs of a chunk, NULL where nobody reads them


cdef class Engine:
    """Runs a network; for one thread at a time.

    Parameters
    ----------
    weights : Weights
        Of one direction; shared with any number of engines.
    pooling : {"last", "mean", "max"}
    n_sequences : int
        At most.
    n_rows : int
        Of a chunk, at most; 0 for an engine that takes single steps of all sequences only.
    """
    cdef:
        readonly Weights weights
        layer_state *layers
        int pooling, turn
        readonly Py_ssize_t n_sequences, n_rows
        Py_ssize_t active                   # sequences that have begun
        Py_ssize_t *lengths                 # (active,): steps that each has had, where `step` counts them
        Py_ssize_t *starts                  # (n_rows + 1,)
        void *memory
        void *pooled                        # (n_sequences, F): last outputs, sums or maxima
        void *means                         # (n_sequences, F)
        void *x                             # (n_rows, D)
        void *scratch                       # NULL where a step has its own on the stack

    def __cinit__(self, Weights weights not None, pooling, Py_ssize_t n_sequences, Py_ssize_t n_rows):
        cdef Py_ssize_t k, itemsize = weights.itemsize, most_scratch = 0
        cdef layer_weights *layer
        cdef list sizes = []
        cdef bint wanted
        self.weights = weights
        self.pooling = POOLINGS.index(pooling)
        if n_sequences < 1 or n_rows < 0 or 0 < n_rows < n_sequences:
            raise ValueError(f"An engine needs a sequence, and a row for each, got {n_sequences} and {n_rows}.")
        self.n_sequences = n_sequences
        self.n_rows = n_rows
        self.layers = <layer_state *> calloc(weights.n_layers, sizeof(layer_state))
        if not self.layers:
            raise MemoryError
        for k in range(weights.n_layers):
            layer = &weights.layers[k]
            if layer.n_directions != 1:
                raise ValueError("An engine runs networks of one direction.")
            wanted = k < weights.n_layers - 1 or self.pooling != LAST or layer.adds_input
            sizes += [
                state_elements(layer.directions[0], n_sequences) * itemsize,
                max(n_rows, n_sequences) * layer.H * itemsize if wanted else 0,
            ]
            most_scratch = max(most_scratch, scratch_elements(layer.directions[0], n_sequences, max(n_rows, n_sequences)) * itemsize)
        sizes += [
            n_sequences * weights.F * itemsize,
            n_sequences * weights.F * itemsize if self.pooling == MEAN else 0,
            n_rows * weights.input_size * itemsize,
            most_scratch if n_rows or most_scratch > STACK_BYTES else 0,
            n_sequences * sizeof(Py_ssize_t),
            (n_rows + 1) * sizeof(Py_ssize_t) if n_rows else 0,
        ]
        self.allocate(sizes)

    cdef int allocate(self, list sizes) except -1:
        """One piece of memory for parts of so many bytes, each aligned; NULL for those of 0."""
        cdef Py_ssize_t k, n_bytes = ALIGNMENT
        cdef uintptr_t place
        cdef list places = []
        for size in sizes:
            n_bytes += round_up(size)
        self.memory = malloc(n_bytes)
        if not self.memory:
            raise MemoryError
        place = round_up(<uintptr_t> self.memory)
        for size in sizes:
            places.append(place if size else 0)
            place += round_up(size)
        for k in range(self.weights.n_layers):
            self.layers[k].state = <void *> <uintptr_t> places[2 * k]
            self.layers[k].y = <void *> <uintptr_t> places[2 * k + 1]
        k = 2 * self.weights.n_layers
        self.pooled = <void *> <uintptr_t> places[k]
        self.means = <void *> <uintptr_t> places[k + 1]
        self.x = <void *> <uintptr_t> places[k + 2]
        self.scratch = <void *> <uintptr_t> places[k + 3]
        self.lengths = <Py_ssize_t *> <uintptr_t> places[k + 4]
        self.starts = <Py_ssize_t *> <uintptr_t> places[k + 5]
        return 0

    def __dealloc__(self):
        free(self.layers)
        free(self.memory)

    def begin(self, Py_ssize_t n_sequences):
        """Begin so many sequences; n_sequences is at most what this was made for."""
        cdef Py_ssize_t r
        if not 1 <= n_sequences <= self.n_sequences:
            raise ValueError(f"n_sequences must be in 1 .. {self.n_sequences}, got {n_sequences}.")
        self.active = n_sequences
        self.turn = 0
        for r in range(n_sequences):
            self.restart(r)

    cpdef restart(self, Py_ssize_t r):
        """Begin sequence r anew."""
        if not 0 <= r < self.active:
            raise IndexError(f"There are {self.active} sequences, and none is number {r}.")
        if self.weights.dtype == 0:
            begin_sequence(self, r, <float *> NULL)
        else:
            begin_sequence(self, r, <double *> NULL)

    def advance(self, const Py_ssize_t[::1] starts, Py_ssize_t n_continuing, const real[:, ::1] x):
        """Run the next steps of the sequences that have begun.

        Parameters
        ----------
        starts : (n_steps + 1,) memoryview
            Row at which each step begins, from 0 on; at most `n_rows` in all.
        n_continuing : int
            How many sequences go on after these steps.
        x : (>= starts[-1], D) IN
        """
        check_chunk(self, 0 if real is float else 1, starts, n_continuing, x.shape[0], x.shape[1])
        with nogil:
            run_chunk(self, &starts[0], starts.shape[0] - 1, n_continuing, &x[0, 0], <real *> self.scratch)

    def scores(self, const Py_ssize_t[::1] lengths, real[:, ::1] out):
        """out (n_sequences, K) := scores of the sequences, which have had `lengths` steps."""
        cdef Weights w = self.weights
        if out.shape[0] != self.active or out.shape[1] != w.K or lengths.shape[0] != self.active or out.itemsize != w.itemsize:
            raise ValueError(f"out must be ({self.active}, {w.K}), got ({out.shape[0]}, {out.shape[1]}).")
        with nogil:
            find_scores(self, &lengths[0], 1, &out[0, 0])

    def outputs(self, real[:, ::1] out):
        """out (n_sequences, F) := last outputs, sums or maxima of the sequences."""
        cdef Weights w = self.weights
        if out.shape[0] != self.active or out.shape[1] != w.F or out.itemsize != w.itemsize:
            raise ValueError(f"out must be ({self.active}, {w.F}), got ({out.shape[0]}, {out.shape[1]}).")
        memcpy(&out[0, 0], self.pooled, self.active * w.F * sizeof(real))

    def step(self, x, out, bint encoded=False):
        """Run one step of all sequences.

        Parameters
        ----------
        x : buffer (n_sequences, D), or (D,) of one sequence
        out : buffer (n_sequences, K) OUT
            Scores for the steps so far; if `encoded`, the pooled outputs (n_sequences, F).

        Returns
        -------
        bool
            False, without a step, where x has a NaN or infinite number.
        """
        cdef Py_buffer given, result
        cdef Weights w = self.weights
        cdef Py_ssize_t n = self.active
        cdef bint done = False
        if type(x) is not ndarray and hasattr(x, "mask"):
            raise TypeError("x must not hide values behind a mask.")
        acquire(x, &given, w.dtype, n * w.input_size, False)
        try:
            if given.shape[given.ndim - 1] != w.input_size or not (given.ndim == 2 or given.ndim == 1 and n == 1):
                raise ValueError(f"x must be ({n}, {w.input_size}).")
            acquire(out, &result, w.dtype, n * (w.F if encoded else w.K), True)
            # What lends a buffer may have run code of its own.
            if self.active == n:
                if w.dtype == 0:
                    done = take_step(self, <const float *> given.buf, <float *> result.buf, encoded)
                else:
                    done = take_step(self, <const double *> given.buf, <double *> result.buf, encoded)
            PyBuffer_Release(&result)
        finally:
            PyBuffer_Release(&given)
        return done

    def predict(self, X, out):
        """Run whole sequences.

        Parameters
        ----------
        X : array (n, T, D), or list of n arrays (T_i, D), the longest first
            C-contiguous, of the dtype of the weights; at most as many sequences as this was made for.
        out : array (n, K) OUT
            Their scores.

        Returns
        -------
        bool
            False, and nothing is computed, where X has a NaN or infinite number.
        """
        cdef Weights w = self.weights
        cdef Given given = hold(X, w.dtype, w.input_size)
        cdef Py_buffer result
        cdef bint done
        if given.n > min(self.n_sequences, self.n_rows):
            raise ValueError(f"X must have 1 .. {min(self.n_sequences, self.n_rows)} sequences, got {given.n}.")
        acquire(out, &result, w.dtype, given.n * w.K, True)
        with nogil:
            done = all_finite(given, w.input_size, w.dtype)
            if done and w.dtype == 0:
                predict_sequences(self, given.n, given.sequences, <float *> result.buf)
            elif done:
                predict_sequences(self, given.n, given.sequences, <double *> result.buf)
        PyBuffer_Release(&result)
        return done

    def exchange_state(self, list arrays, bint write):
        """What the next step depends on, copied to `arrays`, or from them if `write`.

        Parameters
        ----------
        arrays : list of C-contiguous arrays
            The steps that each sequence has had, (n_sequences,) of intp; for each layer h, and where the cell has one c,
            (n_sequences, H) each; last, unless the pooling is that of the last output, the sums or maxima (n_sequences, F).
        """
        cdef Weights w = self.weights
        cdef Py_ssize_t n = self.active, itemsize = w.itemsize, k, r, H, units, n_arrays = 1 + (self.pooling != LAST)
        cdef int part
        cdef packed_direction *d
        cdef char *state
        cdef Py_ssize_t *lengths
        for k in range(w.n_layers):
            n_arrays += w.layers[k].directions[0].layer.cell.n_states
        if len(arrays) != n_arrays:
            raise ValueError(f"There must be {n_arrays} arrays, got {len(arrays)}.")
        lengths = <Py_ssize_t *> pointer(arrays[0], 2, n, 0, not write)
        for r in range(n if write else 0):
            if not 0 <= lengths[r] <= MOST_STEPS:
                raise ValueError(f"A number of steps must be in 0 .. {MOST_STEPS}, got {lengths[r]}.")
        shapes = [w.layers[k].H for k in range(w.n_layers) for _ in range(w.layers[k].directions[0].layer.cell.n_states)]
        shapes += [w.F] * (self.pooling != LAST)
        places = [<uintptr_t> pointer(array, w.dtype, n, H, not write) for array, H in zip(arrays[1:], shapes)]
        copy_state(n, sizeof(Py_ssize_t), <char *> self.lengths, sizeof(Py_ssize_t), <char *> lengths, write)
        place = iter(places)
        for k in range(w.n_layers):
            d = w.layers[k].directions[0]
            H, units = d.layer.H * itemsize, d.units * itemsize
            for part in range(d.layer.cell.n_states):
                state = <char *> self.layers[k].state + (2 * part + self.turn) * self.n_sequences * units
                copy_state(n, H, state, units, <char *> <uintptr_t> next(place), write)
        if self.pooling != LAST:
            H = w.F * itemsize
            copy_state(n, H, <char *> self.pooled, H, <char *> <uintptr_t> next(place), write)


cdef void copy_state(Py_ssize_t rows, Py_ssize_t n_bytes, char *state, Py_ssize_t stride, char *array, bint write) noexcept nogil:
    cdef Py_ssize_t r
    for r in range(rows):
        if write:
            memcpy(state + r * stride, array + r * n_bytes, n_bytes)
        else:
            memcpy(array + r * n_bytes, state + r * stride, n_bytes)


cdef inline uintptr_t round_up(uintptr_t n) noexcept nogil:
    return (n + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef int check_chunk(
    Engine e, int dtype, const Py_ssize_t[::1] starts, Py_ssize_t n_continuing, Py_ssize_t rows_of_x, Py_ssize_t D,
) except -1:
    """Raise unless a chunk is one of steps that fewer and fewer of the sequences have, and fits."""
    cdef Py_ssize_t T = starts.shape[0] - 1, t, rows = e.active
    cdef bint falling
    if dtype != e.weights.dtype:
        raise TypeError("Arrays must have the dtype of the weights.")
    falling = T >= 1 and starts[0] == 0
    for t in range(T if falling else 0):
        falling = falling and 1 <= starts[t + 1] - starts[t] <= rows
        rows = starts[t + 1] - starts[t]
    if not falling or not 0 <= n_continuing <= rows:
        raise ValueError("starts must begin at 0, and each step have as many rows as the one before or fewer.")
    if starts[T] > e.n_rows or starts[T] > rows_of_x or D != e.weights.input_size:
        raise ValueError(f"x must have {e.weights.input_size} columns and at most {e.n_rows} rows, got ({rows_of_x}, {D}).")
    return 0


cdef bint take_step(Engine e, const real *x, real *out, bint encoded) noexcept nogil:
    cdef char[STACK_BYTES + ALIGNMENT] stack
    cdef Py_ssize_t[2] starts = [0, e.active]
    cdef Py_ssize_t r
    cdef real *scratch = <real *> e.scratch
    if not is_finite(x, e.active * e.weights.input_size, e.weights.dtype):
        return False
    if scratch == NULL:
        scratch = <real *> round_up(<uintptr_t> stack)
    for r in range(e.active):
        e.lengths[r] += 1
    run_chunk(e, starts, 1, 0, x, scratch)
    if encoded:
        memcpy(out, e.pooled, e.active * e.weights.F * sizeof(real))
    else:
        find_scores(e, e.lengths, 1, out)
    return True


cdef void predict_sequences(Engine e, Py_ssize_t n, const sequence *sequences, real *out) noexcept nogil:
    """Scores of sequences, the longest first."""
    cdef Py_ssize_t first = 0, active = n, n_steps, r
    e.active = n
    e.turn = 0
    for r in range(n):
        begin_sequence(e, r, <real *> NULL)
    while active:
        n_steps = min(e.n_rows // active, sequences[0].length - first)
        pack_steps(sequences, &active, first, n_steps, e.weights.input_size * sizeof(real), e.x, e.starts)
        first += n_steps
        run_chunk(e, e.starts, n_steps, active, <const real *> e.x, <real *> e.scratch)
    find_scores(e, &sequences[0].length, sizeof(sequence) // sizeof(Py_ssize_t), out)


cdef void begin_sequence(Engine e, Py_ssize_t r, real *dtype) noexcept nogil:
    cdef Py_ssize_t k, j, units, size
    cdef int part
    cdef real *state
    cdef layer_weights *layer
    cdef const void *initial
    e.lengths[r] = 0
    for k in range(e.weights.n_layers):
        layer = &e.weights.layers[k]
        units = layer.directions[0].units
        size = e.n_sequences * units
        for part in range(layer.directions[0].layer.cell.n_states):
            state = <real *> e.layers[k].state + (2 * part + e.turn) * size + r * units
            initial = layer.c0[0] if part else layer.h0[0]
            memset(state, 0, units * sizeof(real))
            if initial != NULL:
                memcpy(state, initial, layer.H * sizeof(real))
    for j in range(e.weights.F):
        (<real *> e.pooled)[r * e.weights.F + j] = <real> (-INFINITY if e.pooling == MAX else 0)


cdef void run_chunk(
    Engine e, const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t n_continuing, const real *x, real *scratch,
) noexcept nogil:
    """Layers and pooling over the next T steps; n_continuing as in `advance`."""
    cdef:
        Py_ssize_t k, j, t, n, F = e.weights.F
        layer_weights *layer
        real *y = NULL
        real *pooled = <real *> e.pooled
        bint ends
        uint64_t mode = ftz_enter()
    for k in range(e.weights.n_layers):
        layer = &e.weights.layers[k]
        y = <real *> e.layers[k].y
        F = layer.H
        ends = k == e.weights.n_layers - 1 and y == NULL
        run_steps(layer.directions[0], False, starts, T, n_continuing, x, <real *> e.layers[k].state, e.n_sequences, e.turn, y, F,
                  pooled if ends else NULL, F, scratch)
        if layer.adds_input:
            for j in range(starts[T] * F):
                y[j] += x[j]
        x = y
    e.turn = (e.turn + T) & 1
    for t in range(T if y != NULL else 0):
        n = starts[t + 1] - starts[t]
        if e.pooling == LAST:
            memcpy(pooled, y + starts[t] * F, n * F * sizeof(real))
        elif e.pooling == MEAN:
            add_to(n * F, y + starts[t] * F, pooled)
        else:
            enlarge(n * F, y + starts[t] * F, pooled)
    ftz_leave(mode)


cdef void add_to(Py_ssize_t n, const real *x, real *out) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        out[j] += x[j]


cdef void enlarge(Py_ssize_t n, const real *x, real *out) noexcept nogil:
    """out := max(out, x), a NaN of either stays"""
    cdef Py_ssize_t j
    for j in range(n):
        if x[j] > out[j] or x[j] != x[j]:
            out[j] = x[j]


cdef void find_scores(Engine e, const Py_ssize_t *lengths, Py_ssize_t stride, real *out) noexcept nogil:
    """out (active, K); the length of row r is lengths[r * stride]."""
    cdef Py_ssize_t r, j, F = e.weights.F
    cdef real *source = <real *> e.pooled
    cdef real factor
    cdef uint64_t mode = ftz_enter()
    if e.pooling == MEAN:
        for r in range(e.active):
            factor = <real> (1.0 / lengths[r * stride])
            for j in range(F):
                (<real *> e.means)[r * F + j] = source[r * F + j] * factor
        source = <real *> e.means
    apply_head(e.weights, e.active, source, out)
    ftz_leave(mode)
