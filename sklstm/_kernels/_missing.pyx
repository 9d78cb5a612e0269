"""What stands for values that are missing: the last one that was seen, whether there is one, and how long ago the last one was.

Let x be a channel in the units of the first layer, m 1 where it has a value and 0 where it has none (NaN), and mu its training mean.
With d the time since the step before that has a value, or since the one before the first step,

    last := the value at that step, or mu where there is none
    gamma = exp(-max(0, w d + b)), or 1 where nothing decays
    out = m x + (1 - m) (mu + gamma (last - mu)),  m,  log2(1 + d)

The time between two steps is 1, or where their times are known the gap (`_gaps`), so that on data without holes, at regular times, m
and log2(1 + d) are 1. Of two directions the reverse one counts from the end of the sequence, and both read what stands for missing
values in both.
"""
from libc.math cimport exp, expf
from libc.stdint cimport uint64_t
from libc.string cimport memset

from ._ftz cimport ftz_enter, ftz_leave
from ._gaps cimport begins, gap_before, log2_of_1_plus
from ._given cimport pointer
from ._real cimport real
from ._stages cimport Stage, batch, gradient_of


cdef class Missing(Stage):
    """Columns of the first layer's input, from numeric channels that may be NaN.

    Of n channels the columns are: n values, n times m, and n times log2(1 + d); of the reverse direction n values and n times
    log2(1 + d) follow.

    Parameters
    ----------
    theta : (n_params,) array
    n_channels : int
        Width of the values of a batch.
    channels : (n,) array of int
        The numeric ones.
    scale, offset, mean, known : (n,) views of theta
        A channel enters as ``scale x + offset``, and so does its mean; the columns of one that is not known (0, not 1) are 0.
    rates : list of tuple (w, b)
        Of each direction, views of theta (n,), or None where nothing decays.
    states : list of tuple (last, elapsed, deltas)
        Of each direction: (n_sequences, n) arrays with the last values, in units of the first layer, and the time since then; and
        an (n_rows, n) array for the times d.
    x : (n_rows, width) array
        With the columns in front.
    dx : (n_rows, width) array or None
        Gradient of x.
    gap : int, default=-1
        Channel with the time since the step before; -1 for steps that are 1 apart.
    """

    def __init__(
        self, theta, n_channels, channels, scale, offset, mean, known, list rates, list states, x, dx=None, Py_ssize_t gap=-1
    ):
        cdef Py_ssize_t k
        self.bind(theta)
        self.n_channels, self.n, self.n_directions = n_channels, len(channels), len(states)
        self.n_rows, self.width = x.shape
        self.gap = gap
        if not -1 <= gap < self.n_channels:
            raise ValueError(f"There are {self.n_channels} channels, none of them {gap}.")
        self.kept.append(channels)
        self.channels = <const Py_ssize_t *> pointer(channels, 2, self.n, 0)
        self.scale, self.offset = self.hold(scale, self.n, 0), self.hold(offset, self.n, 0)
        self.mean, self.known = self.hold(mean, self.n, 0), self.hold(known, self.n, 0)
        self.x = self.hold(x, self.n_rows, self.width, True)
        self.dx = self.hold(dx, self.n_rows, self.width)
        if not 0 < self.n_directions <= 2 or len(rates) != self.n_directions:
            raise ValueError(f"There are one or two directions, got {self.n_directions}.")
        if self.width < self.n * (1 + 2 * self.n_directions):
            raise ValueError(f"{self.n} channels need {1 + 2 * self.n_directions} columns each, got {self.width}.")
        self.n_sequences = len(states[0][0])
        for k in range(self.n_directions):
            w, b = rates[k]
            last, elapsed, deltas = states[k]
            self.decays = w is not None
            self.w[k], self.b[k] = self.hold(w, self.n, 0), self.hold(b, self.n, 0)
            if self.n:
                self.last[k] = self.hold(last, self.n_sequences, self.n, True)
                self.elapsed[k] = self.hold(elapsed, self.n_sequences, self.n, True)
                self.deltas[k] = self.hold(deltas, self.n_rows, self.n, True)

    def reset(self, Py_ssize_t first, Py_ssize_t last):
        """Let sequences first .. last - 1 be such that have had no step."""
        cdef Py_ssize_t r
        for r in range(max(first, 0), min(last, self.n_sequences)):
            if self.dtype == 0:
                begin_sequence[float](self, 0, r, NULL)
            else:
                begin_sequence[double](self, 0, r, NULL)

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef Py_ssize_t k
        if b.n_steps and b.starts[1] - b.starts[0] > self.n_sequences:
            with gil:
                raise ValueError(f"There are states of {self.n_sequences} sequences, got {b.starts[1] - b.starts[0]}.")
        for k in range(self.n_directions):
            if self.dtype == 0:
                fill(self, b, k, <const float *> b.values, <float *> self.x)
            else:
                fill(self, b, k, <const double *> b.values, <double *> self.x)
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        """The gradients of the rates; overwrites that of the values, where it is wanted."""
        cdef Py_ssize_t k
        if self.dx == NULL:
            return
        if b.dvalues != NULL:
            memset(b.dvalues, 0, b.n_rows * self.n_channels * self.itemsize)
        for k in range(self.n_directions if self.n else 0):
            if self.dtype == 0:
                fill_backward(self, b, k, <const float *> b.values, <const float *> self.dx, <float *> b.dvalues)
            else:
                fill_backward(self, b, k, <const double *> b.values, <const double *> self.dx, <double *> b.dvalues)


cdef inline real exponential(real x) noexcept nogil:
    return expf(x) if real is float else exp(x)


cdef inline real bounded(real x) noexcept nogil:
    """x, or the largest value that products with weights do not take to infinity: no network tells such values apart."""
    cdef real most = 1e15 if real is float else 1e150
    return min(max(x, -most), most)


cdef inline real centre(Missing self, Py_ssize_t k, const real *like) noexcept nogil:
    """The mean of channel k in the units of the first layer."""
    return (<const real *> self.scale)[k] * (<const real *> self.mean)[k] + (<const real *> self.offset)[k]


cdef inline void begin_sequence(Missing self, int direction, Py_ssize_t r, const real *like) noexcept nogil:
    cdef real *last = <real *> self.last[direction]
    cdef real *elapsed = <real *> self.elapsed[direction]
    cdef Py_ssize_t k
    for k in range(self.n):
        last[r * self.n + k] = centre(self, k, like)
        elapsed[r * self.n + k] = 0


cdef inline Py_ssize_t column_of(Missing self, int direction, bint of_values) noexcept nogil:
    """The first of the columns with values, or with times."""
    return (0 if of_values else 2 * self.n) if direction == 0 else (3 if of_values else 4) * self.n


cdef void fill(Missing self, const batch *b, int direction, const real *values, real *x) noexcept nogil:
    """The columns of a direction; those with m are written in the forward direction."""
    cdef Py_ssize_t i, t, r, k, row, n = self.n
    cdef Py_ssize_t value = column_of(self, direction, True), time = column_of(self, direction, False)
    cdef const real *scale = <const real *> self.scale
    cdef const real *offset = <const real *> self.offset
    cdef const real *known = <const real *> self.known
    cdef real *out
    cdef real *last
    cdef real *elapsed
    cdef real *deltas
    cdef real v, d, gap
    cdef bint seen
    for i in range(b.n_steps):
        t = i if direction == 0 else b.n_steps - 1 - i
        for r in range(b.starts[t + 1] - b.starts[t]):
            if begins(b, direction, t, r):
                begin_sequence(self, direction, r, values)
            row = b.starts[t] + r
            gap = gap_before(b, values, self.n_channels, self.gap, direction, t, r)
            out = x + row * self.width
            last = <real *> self.last[direction] + r * n
            elapsed = <real *> self.elapsed[direction] + r * n
            deltas = <real *> self.deltas[direction] + row * n
            for k in range(n):
                v = values[row * self.n_channels + self.channels[k]]
                seen = v == v
                d = deltas[k] = elapsed[k] + gap
                if seen:
                    last[k] = v = bounded(scale[k] * v + offset[k])
                else:
                    v = stand_in(self, direction, k, d, last[k])
                elapsed[k] = 0 if seen else d
                # A channel without a value in training has random weights, which are not to be used.
                out[value + k] = v if known[k] != 0 else 0
                out[time + k] = log2_of_1_plus(d) if known[k] != 0 else 0
                if direction == 0:
                    out[n + k] = 1 if seen and known[k] != 0 else 0


cdef inline real stand_in(Missing self, int direction, Py_ssize_t k, real d, real last) noexcept nogil:
    """mu + gamma (last - mu)"""
    cdef real mu
    if not self.decays:
        return last
    mu = centre(self, k, &last)
    return mu + gamma(self, direction, k, d) * (last - mu)


cdef inline real gamma(Missing self, int direction, Py_ssize_t k, real d) noexcept nogil:
    cdef real u = exponent(self, direction, k, d)
    return exponential(-u) if u > 0 else 1


cdef inline real exponent(Missing self, int direction, Py_ssize_t k, real d) noexcept nogil:
    return (<const real *> self.w[direction])[k] * d + (<const real *> self.b[direction])[k]


cdef void fill_backward(
    Missing self, const batch *b, int direction, const real *values, const real *dx, real *dvalues,
) noexcept nogil:
    """dw += -(out - mu) dout d and db += -(out - mu) dout where out decays; dvalues += scale times the gradient of all that a value
    stands for, unless it is NULL. The gradients of the last values are where those were."""
    cdef Py_ssize_t i, t, r, k, row, n = self.n, value = column_of(self, direction, True)
    cdef const real *scale = <const real *> self.scale
    cdef const real *known = <const real *> self.known
    cdef const real *x = <const real *> self.x
    cdef const real *deltas
    cdef real *dw = <real *> gradient_of(self, b, self.w[direction])
    cdef real *db = <real *> gradient_of(self, b, self.b[direction])
    cdef real *dlast
    cdef real dout, s
    cdef uint64_t mode = ftz_enter()
    if dvalues != NULL:
        memset(self.last[direction], 0, b.n_sequences * n * sizeof(real))
    for i in range(b.n_steps):
        t = b.n_steps - 1 - i if direction == 0 else i
        for r in range(b.starts[t + 1] - b.starts[t]):
            row = b.starts[t] + r
            deltas = <const real *> self.deltas[direction] + row * n
            dlast = <real *> self.last[direction] + r * n
            for k in range(n):
                dout = dx[row * self.width + value + k] if known[k] != 0 else 0
                if values[row * self.n_channels + self.channels[k]] == values[row * self.n_channels + self.channels[k]]:
                    if dvalues != NULL:
                        dvalues[row * self.n_channels + self.channels[k]] += scale[k] * (dout + dlast[k])
                        dlast[k] = 0
                    continue
                if self.decays and exponent(self, direction, k, deltas[k]) > 0:
                    s = -(x[row * self.width + value + k] - centre(self, k, values)) * dout
                    dw[k] += s * deltas[k]
                    db[k] += s
                if dvalues != NULL:
                    dlast[k] += (gamma(self, direction, k, deltas[k]) if self.decays else 1) * dout
    ftz_leave(mode)
