"""A whole network from steps to scores, with two rows of state per sequence and direction: what predictions and streams run on.

A call costs a microsecond or two beside its arithmetic. Memory is that of a chunk of steps, however long the sequences are; only a
network of two directions has to have whole sequences in one.
"""
from cpython.buffer cimport PyBuffer_Release
from libc.stdint cimport uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from ._buffers cimport ALIGNMENT, round_up
from ._dense cimport affine
from ._forward cimport ATTENTION, MAX, MEAN, N_POOLINGS, STACK_BYTES, begin_sequences, find_results, lay_out, run_chunk
from ._ftz cimport ftz_enter, ftz_leave
from ._given cimport Given, acquire, all_finite, hold, is_finite, pack_steps, pointer, sequence
from ._inference cimport packed_direction, state_width
from ._pooling cimport weigh
from ._real cimport real
from ._static cimport add_static
from ._weights cimport Weights

import numpy as np

POOLINGS = ("last", "mean", "max", "attention")     # in the order of `_forward`
MOST_STEPS = 1 << 62    # of a state that is set, so that a stream never counts beyond its integers

cdef object ndarray = np.ndarray


cdef class Engine:
    """Runs a network; for one thread at a time.

    Parameters
    ----------
    weights : Weights
        Shared with any number of engines.
    poolings : tuple of {"last", "mean", "max", "attention"}
        Different ones, whose outputs are side by side. None at all is "last", with the outputs of every step of a chunk.
    n_sequences : int
        Sequences at most; `predict` makes room for more.
    n_rows : int
        Rows of a chunk at most; 0 for an engine that takes single steps of all sequences only.
    encodes : bool, default=False
        Whether results are the pooled outputs instead of the scores (n_sequences, K).
    """
    def __cinit__(
        self, Weights weights not None, tuple poolings not None, Py_ssize_t n_sequences, Py_ssize_t n_rows, bint encodes=False,
    ):
        cdef int k
        cdef tuple names = poolings or ("last",)
        if len(set(names).intersection(POOLINGS)) < len(names):
            raise ValueError(f"Poolings must be different ones of {POOLINGS}, got {names}.")
        self.weights = weights
        for k in range(N_POOLINGS):
            self.b.column[k] = names.index(POOLINGS[k]) * weights.F if POOLINGS[k] in names else -1
        self.b.width = len(names) * weights.F
        self.b.keeps_steps = poolings != ("last",)
        self.b.encodes = encodes
        self.width = self.b.width if encodes else weights.K
        if not encodes and self.b.width != weights.n_features:
            raise ValueError(f"The head reads {weights.n_features} features, but gets {self.b.width}.")
        if n_sequences < 1 or n_rows < 0 or 0 < n_rows < n_sequences:
            raise ValueError(f"An engine needs a sequence, and a row for each, got {n_sequences} and {n_rows}.")
        if self.b.column[ATTENTION] >= 0 and not weights.attends:
            raise ValueError("Attention needs weights of its own, and these have none.")
        for k in range(weights.n_layers):
            self.bidirectional = self.bidirectional or weights.layers[k].n_directions == 2
        self.b.states = <void **> calloc(weights.n_layers, sizeof(void *))
        if not self.b.states:
            raise MemoryError
        self.reserve(n_sequences, n_rows)

    def __dealloc__(self):
        free(self.b.states)
        free(self.memory)

    cdef int reserve(self, Py_ssize_t n_sequences, Py_ssize_t n_rows) except -1:
        """Make room for so many; no sequence has begun then."""
        self.b.active = self.b.chunk_rows = 0
        self.b.n_sequences, self.b.n_rows = n_sequences, n_rows
        free(self.memory)
        self.memory = malloc(lay_out(self.weights, &self.b, 0) + ALIGNMENT)
        if not self.memory:
            self.b.n_sequences = self.b.n_rows = 0
            raise MemoryError
        lay_out(self.weights, &self.b, round_up(<uintptr_t> self.memory))
        return 0

    @property
    def n_sequences(self):
        """Sequences at most."""
        return self.b.n_sequences

    # ---- chunk by chunk ----

    def begin(self, Py_ssize_t n_sequences, static=None):
        """Begin so many sequences; n_sequences is at most what this was made for.

        `static`, of a network that has static features, are their static vectors, an array (n_sequences, k).
        """
        if not 1 <= n_sequences <= self.b.n_sequences:
            raise ValueError(f"n_sequences must be in 1 .. {self.b.n_sequences}, got {n_sequences}.")
        self.b.active = 0
        read_static(self, static, 0, n_sequences)
        self.b.active = n_sequences
        self.b.parity = self.b.chunk_rows = 0
        begin_sequences(self.weights, &self.b, 0, n_sequences)

    def restart(self, Py_ssize_t r, static=None):
        """Begin sequence r anew, with its static vector, or with another one (1, k)."""
        if not 0 <= r < self.b.active:
            raise IndexError(f"There are {self.b.active} sequences, and none is number {r}.")
        if static is not None:
            read_static(self, static, r, 1)
        begin_sequences(self.weights, &self.b, r, r + 1)

    def advance(self, const Py_ssize_t[::1] starts, Py_ssize_t n_continuing, const real[:, ::1] x):
        """Run the next steps of the sequences that have begun.

        Parameters
        ----------
        starts : (n_steps + 1,) memoryview
            Row at which each step begins, from 0 on; at most `n_rows` in all.
        n_continuing : int
            How many sequences continue after these steps; 0 with two directions.
        x : (>= starts[-1], D) IN
        """
        check_chunk(self, 0 if real is float else 1, starts, n_continuing, x.shape[0], x.shape[1])
        with nogil:
            run_chunk(self.weights, &self.b, &starts[0], starts.shape[0] - 1, n_continuing, &x[0, 0], <real *> self.b.scratch)

    def results(self, real[:, ::1] out):
        """out (n_sequences, width) := scores, or pooled outputs, of the sequences after the steps so far"""
        check_rows(self, self.b.active, self.width, out.shape[0], out.shape[1], out.itemsize)
        with nogil:
            find_results(self.weights, &self.b, &out[0, 0])

    def step_scores(self, real[:, ::1] out, const Py_ssize_t[::1] starts=None):
        """out (>= rows of the last chunk, K) := scores of each of its steps; with static features `starts` are those of the chunk"""
        cdef Weights w = self.weights
        cdef real *y = <real *> self.b.y[(w.n_layers - 1) & 1]
        cdef Py_ssize_t t, n_steps = 0
        cdef uint64_t mode
        check_rows(self, self.b.chunk_rows if self.b.keeps_steps else 0, w.K, out.shape[0], out.shape[1], out.itemsize)
        if w.n_static:
            check_chunk(self, w.dtype, starts, 0, out.shape[0], w.input_size)
            n_steps = starts.shape[0] - 1
            if starts[n_steps] != self.b.chunk_rows:
                raise ValueError(f"starts must be those of the last chunk, of {self.b.chunk_rows} rows, got {starts[n_steps]}.")
        with nogil:
            mode = ftz_enter()
            affine(&w.op_V, <const real *> w.b, self.b.chunk_rows, y, &out[0, 0])
            for t in range(n_steps):
                add_static(starts[t + 1] - starts[t], w.n_static, w.K, <const real *> self.b.s, <const real *> w.static_V,
                           &out[starts[t], 0], w.K)
            ftz_leave(mode)

    def attention_logits(self, real[:, ::1] out):
        """out (>= rows of the last chunk, 1) := what the softmax of the attention is taken of"""
        check_rows(self, self.b.chunk_rows if self.b.e != NULL else 0, 1, out.shape[0], out.shape[1], out.itemsize)
        memcpy(&out[0, 0], self.b.e, self.b.chunk_rows * sizeof(real))

    def attention_weights(self, const Py_ssize_t[::1] first_rows, real[:, ::1] out):
        """out (total, 1) := softmax, over the steps of each sequence, of the logits in it; first_rows (n_sequences,) are the rows
        of the first steps."""
        cdef Py_ssize_t r, row
        cdef uint64_t mode
        check_rows(self, first_rows.shape[0] if self.b.e != NULL else 0, 1, out.shape[0], out.shape[1], out.itemsize)
        for r in range(self.b.active):
            if first_rows.shape[0] != self.b.active or not 0 <= first_rows[r] <= out.shape[0] - self.b.lengths[r]:
                raise ValueError("The rows are not those of the sequences that have begun.")
        with nogil:
            mode = ftz_enter()
            for r in range(self.b.active):
                for row in range(first_rows[r], first_rows[r] + self.b.lengths[r]):
                    out[row, 0] = weigh(out[row, 0], self.b.top[r], self.b.norm[r])
            ftz_leave(mode)

    # ---- whole sequences ----

    def predict(self, X, out):
        """Run whole sequences, however many and however long.

        Parameters
        ----------
        X : array (n, T, D), or list of n arrays (T_i, D), the longest first
            C-contiguous, of the dtype of the weights.
        out : array (n, width) OUT
            As of `results`.

        Returns
        -------
        bool
            False, and nothing is computed, where X has a NaN or infinite number.
        """
        cdef Weights w = self.weights
        if w.n_static:
            raise ValueError("Whole sequences are run in one call by networks without static features alone.")
        cdef Given given = hold(X, w.dtype, w.input_size)
        cdef Py_ssize_t n_rows = given.n_rows if self.bidirectional else given.n
        cdef Py_buffer result
        cdef bint done
        if given.n > self.b.n_sequences or n_rows > self.b.n_rows:
            self.reserve(max(given.n, self.b.n_sequences), max(n_rows, self.b.n_rows))
        acquire(out, &result, w.dtype, given.n * self.width, True)
        with nogil:
            done = all_finite(given, w.input_size, w.dtype)
            if done and w.dtype == 0:
                predict_sequences(self, given.n, given.sequences, <float *> result.buf)
            elif done:
                predict_sequences(self, given.n, given.sequences, <double *> result.buf)
        PyBuffer_Release(&result)
        return done

    # ---- step by step, of one direction and without attention ----

    def step(self, x, out):
        """Run one step of all sequences.

        Parameters
        ----------
        x : buffer (n_sequences, D), or (D,) of one sequence
        out : buffer (n_sequences, width) OUT
            As of `results`, after this step.

        Returns
        -------
        bool
            False, without a step, where x has a NaN or infinite number.
        """
        cdef Py_buffer result
        cdef Py_ssize_t n = self.b.active
        acquire(out, &result, self.weights.dtype, n * self.width, True)
        try:
            return run_step(self, x, n, result.buf)
        finally:
            PyBuffer_Release(&result)

    def get_state(self, list arrays):
        """Copy what the next step depends on to `arrays`.

        Parameters
        ----------
        arrays : list of C-contiguous arrays
            The steps that each sequence has had, (n_sequences,) of intp; for each layer h (n_sequences, N), and where the cell has
            one c (n_sequences, H); where they are pooled, the sums and the maxima (n_sequences, F); last, with static features, the
            static vectors (n_sequences, k).
        """
        exchange_state(self, arrays, False)

    def set_state(self, list arrays):
        """Continue from such arrays."""
        exchange_state(self, arrays, True)


cdef bint run_step(Engine e, object x, Py_ssize_t n, void *out) except -1:
    """`Engine.step` with out (n, width) as a pointer; False also where not n sequences have begun."""
    cdef Py_buffer given
    cdef Weights w = e.weights
    cdef bint fits, done = False
    if type(x) is not ndarray and hasattr(x, "mask"):
        raise TypeError("x must not hide values behind a mask.")
    if e.bidirectional:
        raise ValueError("Single steps need a network of one direction.")
    acquire(x, &given, w.dtype, n * w.input_size, False)
    fits = given.shape[given.ndim - 1] == w.input_size and (given.ndim == 2 or given.ndim == 1 and n == 1)
    if fits:
        done = run_step_at(e, given.buf, n, out)  # what lends a buffer may have run code of its own
    PyBuffer_Release(&given)
    if not fits:
        raise ValueError(f"x must be ({n}, {w.input_size}).")
    return done


cdef bint run_step_at(Engine e, const void *x, Py_ssize_t n, void *out) noexcept:
    """The same with x (n, D) as a pointer, of an engine of one direction."""
    if e.b.active != n:
        return False
    if e.weights.dtype == 0:
        return take_step(e, <const float *> x, <float *> out)
    return take_step(e, <const double *> x, <double *> out)


cdef int exchange_state(Engine e, list arrays, bint write) except -1:
    cdef Weights w = e.weights
    cdef Py_ssize_t n = e.b.active, itemsize = w.itemsize, k, r, width, units
    cdef int part
    cdef packed_direction *d
    cdef char *state
    cdef Py_ssize_t *lengths
    widths = []
    for k in range(w.n_layers):
        d = w.layers[k].directions[0]
        widths += [state_width(d, part) for part in range(d.layer.cell.n_states)]
    widths += [w.F for k in (MEAN, MAX) if e.b.column[k] >= 0] + ([w.n_static] if w.n_static else [])
    if len(arrays) != 1 + len(widths):
        raise ValueError(f"There must be {1 + len(widths)} arrays, got {len(arrays)}.")
    lengths = <Py_ssize_t *> pointer(arrays[0], 2, n, 0, not write)
    for r in range(n if write else 0):
        if not 0 <= lengths[r] <= MOST_STEPS:
            raise ValueError(f"A number of steps must be in 0 .. {MOST_STEPS}, got {lengths[r]}.")
    place = iter([<uintptr_t> pointer(array, w.dtype, n, width, not write) for array, width in zip(arrays[1:], widths)])
    exchange_rows(n, sizeof(Py_ssize_t), <char *> e.b.lengths, sizeof(Py_ssize_t), <char *> lengths, write)
    for k in range(w.n_layers):
        d = w.layers[k].directions[0]
        units = d.units * itemsize
        for part in range(d.layer.cell.n_states):
            state = <char *> e.b.states[k] + (2 * part + e.b.parity) * e.b.n_sequences * units
            exchange_rows(n, state_width(d, part) * itemsize, state, units, <char *> <uintptr_t> next(place), write)
    for k in (MEAN, MAX):
        if e.b.column[k] >= 0:
            state = <char *> e.b.pooled + e.b.column[k] * itemsize
            exchange_rows(n, w.F * itemsize, state, e.b.width * itemsize, <char *> <uintptr_t> next(place), write)
    if w.n_static:
        exchange_rows(n, w.n_static * itemsize, <char *> e.b.s, w.n_static * itemsize, <char *> <uintptr_t> next(place), write)
    return 0


cdef int read_static(Engine e, object static, Py_ssize_t first, Py_ssize_t n) except -1:
    """The static vectors of n sequences, from `first` on."""
    cdef Weights w = e.weights
    cdef Py_ssize_t n_bytes = w.n_static * w.itemsize
    cdef const void *s
    if (static is None) != (w.n_static == 0):
        raise ValueError(f"Each sequence must have a static vector of {w.n_static} numbers, or none where that is 0.")
    s = pointer(static, w.dtype, n, w.n_static)
    if s != NULL:
        memcpy(<char *> e.b.s + first * n_bytes, s, n * n_bytes)
    return 0


cdef void exchange_rows(Py_ssize_t rows, Py_ssize_t n_bytes, char *state, Py_ssize_t stride, char *array, bint write) noexcept nogil:
    cdef Py_ssize_t r
    for r in range(rows):
        if write:
            memcpy(state + r * stride, array + r * n_bytes, n_bytes)
        else:
            memcpy(array + r * n_bytes, state + r * stride, n_bytes)


cdef int check_rows(Engine e, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t n, Py_ssize_t columns, Py_ssize_t itemsize) except -1:
    """Raise unless there are rows, and an array (n, columns) has room for them."""
    if rows < 1 or n < rows or columns != width or itemsize != e.weights.itemsize:
        raise ValueError(f"out must be ({rows}, {width}) of the dtype of the weights, got ({n}, {columns}).")
    return 0


cdef int check_chunk(
    Engine e, int dtype, const Py_ssize_t[::1] starts, Py_ssize_t n_continuing, Py_ssize_t rows_of_x, Py_ssize_t D,
) except -1:
    """Raise unless a chunk is one of steps that fewer and fewer of the sequences have, and fits."""
    cdef Py_ssize_t T = starts.shape[0] - 1, t, rows = e.b.active
    cdef bint falling
    if dtype != e.weights.dtype:
        raise TypeError("Arrays must have the dtype of the weights.")
    falling = T >= 1 and starts[0] == 0
    for t in range(T if falling else 0):
        falling = falling and 1 <= starts[t + 1] - starts[t] <= rows
        rows = starts[t + 1] - starts[t]
    if not falling or not 0 <= n_continuing <= (0 if e.bidirectional else rows):
        raise ValueError("starts must begin at 0, and each step have as many rows as the one before or fewer.")
    if starts[T] > e.b.n_rows or starts[T] > rows_of_x or D != e.weights.input_size:
        raise ValueError(f"x must have {e.weights.input_size} columns and at most {e.b.n_rows} rows, got ({rows_of_x}, {D}).")
    return 0


cdef bint take_step(Engine e, const real *x, real *out) noexcept nogil:
    cdef char[STACK_BYTES + ALIGNMENT] stack
    cdef Py_ssize_t[2] starts = [0, e.b.active]
    cdef real *scratch = <real *> e.b.scratch
    if not is_finite(x, e.b.active * e.weights.input_size, e.weights.dtype):
        return False
    if scratch == NULL:
        scratch = <real *> round_up(<uintptr_t> stack)
    run_chunk(e.weights, &e.b, starts, 1, 0, x, scratch)
    find_results(e.weights, &e.b, out)
    return True


cdef void predict_sequences(Engine e, Py_ssize_t n, const sequence *sequences, real *out) noexcept nogil:
    """Results for sequences, the longest first."""
    cdef Py_ssize_t first = 0, active = n, n_steps
    e.b.active = n
    e.b.parity = 0
    begin_sequences(e.weights, &e.b, 0, n)
    while active:
        n_steps = sequences[0].length - first
        if not e.bidirectional:
            n_steps = min(e.b.n_rows // active, n_steps)
        pack_steps(sequences, &active, first, n_steps, e.weights.input_size * sizeof(real), e.b.x, e.b.starts)
        first += n_steps
        run_chunk(e.weights, &e.b, e.b.starts, n_steps, active, <const real *> e.b.x, <real *> e.b.scratch)
    find_results(e.weights, &e.b, out)
