"""A whole forward-only network from steps to scores in one call: layers, pooling and head, with two rows of state per layer.

What predicts short sequences and streams: a call costs a microsecond or two beside its arithmetic. Sequences come as packed
chunks of steps (see `_scan`); the layers of a chunk run one after the other, so that each keeps its weights in cache.
"""
from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport INFINITY
from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from ._ftz cimport ftz_enter, ftz_leave
from ._inference cimport Direction, fill, packed_direction, run_steps
from ._product cimport make_operand, multiply, operand, packed_size
from ._real cimport real

from ._inference import scratch_size, state_shape

POOLINGS = ("last", "mean", "max")

cdef enum:
    LAST
    MEAN
    MAX
    ALIGNMENT = 64      # bytes


cdef struct sequence:
    const void *values          # (length, D)
    Py_ssize_t length


cdef struct layer_entry:
    packed_direction *direction
    bint adds_input
    const void *h0              # (H,) or NULL
    const void *c0
    void *state                 # as in `_inference.state_shape`
    void *y                     # (n_rows, H): outputs of a chunk, NULL where nobody reads them


cdef inline bint not_finite(const real *x, Py_ssize_t n) noexcept nogil:
    """Whether any of x (n,) is NaN or infinite: has an exponent of ones."""
    cdef Py_ssize_t k
    cdef uint32_t found_32 = 0
    cdef uint64_t found_64 = 0
    if real is float:
        for k in range(n):
            found_32 |= ((<const uint32_t *> x)[k] & 0x7f800000U) == 0x7f800000U
    else:
        for k in range(n):
            found_64 |= ((<const uint64_t *> x)[k] & 0x7ff0000000000000ULL) == 0x7ff0000000000000ULL
    return found_32 or found_64


cdef class Engine:
    """Runs a network; for one thread at a time.

    Parameters
    ----------
    directions : list of Direction
        Of each layer.
    cells : list of int
        Index of the cell of each.
    adds_input : list of bool
        Whether the layer is residual, its input being as wide as its output.
    states : list of tuple
        ``(h0, c0)`` of each: arrays (H,) or None for zeros.
    pooling : {"last", "mean", "max"}
    V, b : (F, K) and (K,) arrays
        The head.
    n_sequences, n_rows : int
        Of a chunk, at most.
    """
    cdef:
        layer_entry *layers
        int n_layers, pooling, dtype, turn
        Py_ssize_t itemsize, K
        readonly Py_ssize_t n_sequences, n_rows, input_size, F
        Py_ssize_t active                   # sequences that have begun
        Py_ssize_t *lengths                 # (active,): steps that each has had, where `step` counts them
        void *memory
        void *pooled                        # (n_sequences, F): last outputs, sums or maxima
        void *means                         # (n_sequences, F)
        void *x                             # (n_rows, D)
        void *scratch
        void *packed_V
        const void *V
        const void *b
        Py_ssize_t *starts                  # (n_rows + 1,)
        operand op_V
        object kept

    def __cinit__(self, directions, cells, adds_input, states, pooling, V, b, Py_ssize_t n_sequences, Py_ssize_t n_rows):
        cdef Direction direction
        cdef Py_ssize_t k, H, D, size, n_bytes, most_scratch = 0
        cdef list sizes = []
        self.dtype = 0 if V.dtype.itemsize == sizeof(float) else 1
        self.itemsize = V.dtype.itemsize
        self.kept = (directions, states, V, b)
        self.n_layers = len(directions)
        self.pooling = POOLINGS.index(pooling)
        self.n_sequences = n_sequences
        self.n_rows = n_rows
        self.F, self.K = V.shape
        self.layers = <layer_entry *> malloc(self.n_layers * sizeof(layer_entry))
        self.starts = <Py_ssize_t *> malloc((n_rows + 1) * sizeof(Py_ssize_t))
        self.lengths = <Py_ssize_t *> malloc(n_sequences * sizeof(Py_ssize_t))
        if not (self.layers and self.starts and self.lengths):
            raise MemoryError
        for k in range(self.n_layers):
            direction = directions[k]
            D, H = direction.packed.layer.D, direction.packed.layer.H
            if k == 0:
                self.input_size = D
            self.layers[k].direction = &direction.packed
            self.layers[k].adds_input = adds_input[k]
            self.layers[k].h0 = address(states[k][0])
            self.layers[k].c0 = address(states[k][1])
            shape = state_shape(cells[k], n_sequences, H, self.itemsize)
            wanted = k < self.n_layers - 1 or self.pooling != LAST or adds_input[k]
            sizes += [shape[0] * shape[1] * shape[2], n_rows * H if wanted else 0]
            most_scratch = max(most_scratch, scratch_size(cells[k], n_sequences, D, H, self.itemsize))
        sizes += [n_sequences * self.F, n_sequences * self.F, n_rows * self.input_size, most_scratch,
                  packed_size(self.F, self.K, self.dtype)]
        n_bytes = sum([round_up(size * self.itemsize) for size in sizes])
        self.memory = malloc(n_bytes + ALIGNMENT)
        if not self.memory:
            raise MemoryError
        places, place = [], round_up(<uintptr_t> self.memory)
        for size in sizes:
            places.append(place if size else 0)
            place += round_up(size * self.itemsize)
        for k in range(self.n_layers):
            self.layers[k].state = <void *> <uintptr_t> places[2 * k]
            self.layers[k].y = <void *> <uintptr_t> places[2 * k + 1]
        k = 2 * self.n_layers
        self.pooled = <void *> <uintptr_t> places[k]
        self.means = <void *> <uintptr_t> places[k + 1]
        self.x = <void *> <uintptr_t> places[k + 2]
        self.scratch = <void *> <uintptr_t> places[k + 3]
        self.packed_V = <void *> <uintptr_t> places[k + 4]
        self.V = address(V)
        self.b = address(b)
        self.read_head()

    def __dealloc__(self):
        free(self.layers)
        free(self.starts)
        free(self.lengths)
        free(self.memory)

    cdef void read_head(self) noexcept nogil:
        if self.dtype == 0:
            make_operand(&self.op_V, False, self.F, self.K, <const float *> self.V, self.K, <float *> self.packed_V)
        else:
            make_operand(&self.op_V, False, self.F, self.K, <const double *> self.V, self.K, <double *> self.packed_V)

    def reload(self):
        """Read the weights again, where they were when this was made."""
        cdef int k
        with nogil:
            for k in range(self.n_layers):
                if self.dtype == 0:
                    fill(self.layers[k].direction, <float *> self.layers[k].direction.buffer)
                else:
                    fill(self.layers[k].direction, <double *> self.layers[k].direction.buffer)
            self.read_head()

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
        if self.dtype == 0:
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
        check(self, 0 if real is float else 1, starts[starts.shape[0] - 1], x.shape[0], x.shape[1])
        with nogil:
            run_chunk(self, &starts[0], starts.shape[0] - 1, n_continuing, &x[0, 0])

    def scores(self, const Py_ssize_t[::1] lengths, real[:, ::1] out):
        """out (n_sequences, K) := scores of the sequences, which have had `lengths` steps."""
        if out.shape[0] != self.active or out.shape[1] != self.K or lengths.shape[0] != self.active:
            raise ValueError(f"out must be ({self.active}, {self.K}), got ({out.shape[0]}, {out.shape[1]}).")
        with nogil:
            find_scores(self, &lengths[0], 1, &out[0, 0])

    def outputs(self, real[:, ::1] out):
        """out (n_sequences, F) := last outputs, sums or maxima of the sequences."""
        if out.shape[0] != self.active or out.shape[1] != self.F:
            raise ValueError(f"out must be ({self.active}, {self.F}), got ({out.shape[0]}, {out.shape[1]}).")
        memcpy(&out[0, 0], self.pooled, self.active * self.F * sizeof(real))

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
        cdef bint done
        acquire(self, x, &given, self.active * self.input_size, False)
        try:
            if given.shape[given.ndim - 1] != self.input_size or not (given.ndim == 2 or given.ndim == 1 and self.active == 1):
                raise ValueError(f"x must be ({self.active}, {self.input_size}).")
            acquire(self, out, &result, self.active * (self.F if encoded else self.K), True)
            if self.dtype == 0:
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
        cdef:
            Py_buffer result
            Py_ssize_t n = len(X), n_held = 0, r, T
            list items = X if isinstance(X, list) else None
            Py_buffer *held
            sequence *sequences
            bint done
        if not 0 < n <= min(self.n_sequences, self.n_rows):
            raise ValueError(f"X must have 1 .. {self.n_sequences} sequences, got {n}.")
        acquire(self, out, &result, n * self.K, True)
        sequences = <sequence *> malloc(n * sizeof(sequence))
        held = <Py_buffer *> malloc(n * sizeof(Py_buffer))
        try:
            if not (sequences and held):
                raise MemoryError
            if items is None:
                T = X.shape[1]
                acquire(self, X, &held[0], n * T * self.input_size, False)
                n_held = 1
                for r in range(n):
                    sequences[r].length = T
                    sequences[r].values = <char *> held[0].buf + r * T * self.input_size * self.itemsize
            else:
                for r in range(n):
                    acquire(self, items[r], &held[r], -1, False)
                    n_held += 1
                    if held[r].ndim != 2 or held[r].shape[1] != self.input_size:
                        raise ValueError(f"A sequence must be (n_steps, {self.input_size}).")
                    sequences[r].length = held[r].shape[0]
                    sequences[r].values = held[r].buf
                    if sequences[r].length == 0 or sequences[r].length > sequences[max(r - 1, 0)].length:
                        raise ValueError("Sequences must have a step, and the longest must be first.")
            with nogil:
                if self.dtype == 0:
                    done = predict_sequences(self, n, sequences, <float *> result.buf)
                else:
                    done = predict_sequences(self, n, sequences, <double *> result.buf)
        finally:
            for r in range(n_held):
                PyBuffer_Release(&held[r])
            PyBuffer_Release(&result)
            free(sequences)
            free(held)
        return done

    def exchange_state(self, list arrays, bint write):
        """What the next step depends on, copied to `arrays`, or from them if `write`.

        Parameters
        ----------
        arrays : list of C-contiguous arrays
            The steps that each sequence has had, (n_sequences,) of intp; for each layer h, and where the cell has one c,
            (n_sequences, H) each; last, unless the pooling is that of the last output, the sums or maxima (n_sequences, F).
        """
        cdef Py_ssize_t k, place = 1, units, size, H, part
        cdef packed_direction *d
        cdef char *state
        H = sizeof(Py_ssize_t)
        copy_state(self.active, H, <char *> self.lengths, H, <char *> address(arrays[0]), write)
        for k in range(self.n_layers):
            d = self.layers[k].direction
            H, units, size = d.layer.H, d.units, self.n_sequences * d.units
            for part in range(d.layer.cell.n_states):
                state = <char *> self.layers[k].state + (2 * part + self.turn) * size * self.itemsize
                copy_state(self.active, H * self.itemsize, state, units * self.itemsize, <char *> address(arrays[place]), write)
                place += 1
        if self.pooling != LAST:
            H = self.F * self.itemsize
            copy_state(self.active, H, <char *> self.pooled, H, <char *> address(arrays[place]), write)


cdef void copy_state(Py_ssize_t rows, Py_ssize_t n_bytes, char *state, Py_ssize_t stride, char *array, bint write) noexcept nogil:
    cdef Py_ssize_t r
    for r in range(rows):
        if write:
            memcpy(state + r * stride, array + r * n_bytes, n_bytes)
        else:
            memcpy(array + r * n_bytes, state + r * stride, n_bytes)


cdef inline uintptr_t round_up(uintptr_t n) noexcept nogil:
    return (n + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef void *address(array) except? NULL:
    """Where a contiguous array of float32 or float64 begins, NULL for None."""
    return NULL if array is None else <void *> <uintptr_t> array.ctypes.data


cdef int check(Engine e, int dtype, Py_ssize_t n_rows, Py_ssize_t rows_of_x, Py_ssize_t D) except -1:
    if dtype != e.dtype:
        raise TypeError("Arrays must have the dtype of the weights.")
    if n_rows > e.n_rows or n_rows > rows_of_x or D != e.input_size:
        raise ValueError(f"x must have {e.input_size} columns and at most {e.n_rows} rows, got ({rows_of_x}, {D}).")
    return 0


cdef int acquire(Engine e, array, Py_buffer *view, Py_ssize_t size, bint writable) except -1:
    """The buffer of a C-contiguous array of that many elements (any number: -1) of the engine's dtype. A typed argument would do
    the same in ten times the time."""
    PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0))
    if (size >= 0 and view.len != size * e.itemsize) or view.format[0] != (c"f" if e.dtype == 0 else c"d") or view.format[1] != 0:
        PyBuffer_Release(view)
        raise ValueError(f"An array must have {size} elements of the dtype of the weights.")
    return 0


cdef bint take_step(Engine e, const real *x, real *out, bint encoded) noexcept nogil:
    cdef Py_ssize_t[2] starts = [0, e.active]
    cdef Py_ssize_t r
    if not_finite(x, e.active * e.input_size):
        return False
    for r in range(e.active):
        e.lengths[r] += 1
    run_chunk(e, starts, 1, 0, x)
    if encoded:
        memcpy(out, e.pooled, e.active * e.F * sizeof(real))
    else:
        find_scores(e, e.lengths, 1, out)
    return True


cdef bint predict_sequences(Engine e, Py_ssize_t n, const sequence *sequences, real *out) noexcept nogil:
    """Scores of sequences, the longest first; whether all are finite."""
    cdef:
        Py_ssize_t D = e.input_size, first = 0, active = n, n_steps, n_rows, t, r
        real *x = <real *> e.x
    for r in range(n):
        if not_finite(<const real *> sequences[r].values, sequences[r].length * D):
            return False
    e.active = n
    e.turn = 0
    for r in range(n):
        begin_sequence(e, r, <real *> NULL)
    while active:
        n_steps = min(e.n_rows // active, sequences[0].length - first)
        n_rows = 0
        for t in range(n_steps):
            e.starts[t] = n_rows
            for r in range(active):
                memcpy(x + (n_rows + r) * D, <const real *> sequences[r].values + (first + t) * D, D * sizeof(real))
            n_rows += active
            while active and sequences[active - 1].length == first + t + 1:
                active -= 1
        e.starts[n_steps] = n_rows
        first += n_steps
        run_chunk(e, e.starts, n_steps, active, <const real *> x)
    find_scores(e, &sequences[0].length, sizeof(sequence) // sizeof(Py_ssize_t), out)
    return True


cdef void begin_sequence(Engine e, Py_ssize_t r, real *dtype) noexcept nogil:
    cdef Py_ssize_t k, j, units, size
    cdef int part
    cdef real *state
    cdef packed_direction *d
    cdef const void *initial
    e.lengths[r] = 0
    for k in range(e.n_layers):
        d = e.layers[k].direction
        units, size = d.units, e.n_sequences * d.units
        for part in range(d.layer.cell.n_states):
            state = <real *> e.layers[k].state + (2 * part + e.turn) * size + r * units
            initial = e.layers[k].c0 if part else e.layers[k].h0
            memset(state, 0, units * sizeof(real))
            if initial != NULL:
                memcpy(state, initial, d.layer.H * sizeof(real))
    for j in range(e.F):
        (<real *> e.pooled)[r * e.F + j] = <real> (-INFINITY if e.pooling == MAX else 0)


cdef void run_chunk(Engine e, const Py_ssize_t *starts, Py_ssize_t T, Py_ssize_t n_continuing, const real *x) noexcept nogil:
    """Layers and pooling over the next T steps; n_continuing as in `advance`."""
    cdef:
        Py_ssize_t k, j, t, n, F = e.F
        layer_entry *layer
        real *y = NULL
        real *pooled = <real *> e.pooled
        bint ends
        uint64_t mode = ftz_enter()
    for k in range(e.n_layers):
        layer = &e.layers[k]
        y = <real *> layer.y
        F = layer.direction.layer.H
        ends = k == e.n_layers - 1 and y == NULL
        run_steps(layer.direction, False, starts, T, n_continuing, x, <real *> layer.state, e.n_sequences, e.turn, y, F,
                  pooled if ends else NULL, F, <real *> e.scratch)
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
    cdef Py_ssize_t r, j, F = e.F, K = e.K
    cdef const real *b = <const real *> e.b
    cdef real *source = <real *> e.pooled
    cdef real factor
    cdef uint64_t mode = ftz_enter()
    if e.pooling == MEAN:
        for r in range(e.active):
            factor = <real> (1.0 / lengths[r * stride])
            for j in range(F):
                (<real *> e.means)[r * F + j] = source[r * F + j] * factor
        source = <real *> e.means
    multiply(&e.op_V, e.active, source, F, out, K, False)
    for r in range(e.active):
        for j in range(K):
            out[r * K + j] += b[j]
    ftz_leave(mode)
