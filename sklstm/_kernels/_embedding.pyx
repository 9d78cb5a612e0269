"""The input layer: the affine map of numeric channels, the vectors of categorical ones with their gradients, and gaps of time."""
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from ._ftz cimport ftz_enter, ftz_leave
from ._gaps cimport gap_before, log2_of_1_plus
from ._given cimport pointer
from ._missing cimport Missing
from ._real cimport real
from ._stages cimport Stage, batch, gradient_of


cdef struct table:
    # The vectors of a categorical channel.
    Py_ssize_t channel, n_codes, width
    const void *E               # (n_codes, width)
    Py_ssize_t *codes           # (n_rows,) OUT, which of them each row has
    const Py_ssize_t *hidden    # (n_hidden,) rows that are given the vector of the unknown, which is row 0
    Py_ssize_t n_hidden


cdef class InputLayer(Stage):
    """The input layer, bound: x[:, k] := scale[k] values[:, channels[k]] + offset[k], behind those a vector for each category, and
    behind these log2(1 + gap) for each direction.

    Parameters
    ----------
    theta : (n_params,) array
    n_channels : int
        Width of the values.
    channels : (n_numeric,) array of int
        The numeric ones.
    scale, offset : (n_numeric,) views of theta
    tables : list of tuple (channel, E, codes)
        Of each categorical channel, with E (n_codes, width), a view of theta, and codes (n_rows,), an array of int.
    x : (n_rows, width) array
    dx : (n_rows, width) array or None
        Gradient of x; without it there is none to compute.
    missing : Missing, default=None
        Stage that writes the columns of the numeric channels, where they may have missing values.
    gap : int, default=-1
        Channel with the time since the step before, as in `_gaps`; -1 where there are no times.
    n_directions : int, default=1
        1 or 2: the gap in the reverse direction is that to the next step.
    """
    cdef:
        Py_ssize_t n_channels, n_numeric, width, n_rows, column, gap, n_directions
        Missing missing
        const Py_ssize_t *channels
        const void *scale
        const void *offset
        table *tables
        Py_ssize_t n_tables
        list hidden
        void *x
        const void *dx

    def __init__(
        self, theta, n_channels, channels, scale, offset, list tables, x, dx=None, Missing missing=None, Py_ssize_t gap=-1,
        Py_ssize_t n_directions=1,
    ):
        cdef Py_ssize_t k
        cdef table *t
        self.bind(theta)
        self.n_channels, self.n_numeric = n_channels, len(channels)
        self.n_rows, self.width = x.shape
        self.kept += [channels, tables]
        self.channels = <const Py_ssize_t *> pointer(channels, 2, self.n_numeric, 0)
        self.scale = self.hold(scale, self.n_numeric, 0)
        self.offset = self.hold(offset, self.n_numeric, 0)
        self.x = self.hold(x, self.n_rows, self.width, True)
        self.dx = self.hold(dx, self.n_rows, self.width)
        self.missing = missing
        self.column = self.n_numeric if missing is None else self.n_numeric * (1 + 2 * missing.n_directions)
        self.hidden = [None] * len(tables)
        self.tables = <table *> calloc(max(len(tables), 1), sizeof(table))
        if not self.tables:
            raise MemoryError
        self.n_tables = len(tables)
        for k in range(self.n_tables):
            t = &self.tables[k]
            t.channel, E, codes = tables[k]
            t.n_codes, t.width = E.shape
            t.E = self.hold(E, t.n_codes, t.width)
            t.codes = <Py_ssize_t *> pointer(codes, 2, self.n_rows, 0, True)
        self.gap, self.n_directions = gap, n_directions
        if not (-1 <= gap < self.n_channels and 1 <= n_directions <= 2):
            raise ValueError(f"There are {self.n_channels} channels, none of them {gap}, in {n_directions} directions.")
        if gap >= 0 and self.width < n_directions:
            raise ValueError(f"The gaps of {n_directions} directions need as many columns, got {self.width}.")

    def __dealloc__(self):
        free(self.tables)

    def hide(self, Py_ssize_t k, rows):
        """In the next forward pass alone, give these rows (n,) the vector of the unknown of table k."""
        self.tables[k].hidden = <const Py_ssize_t *> pointer(rows, 2, len(rows), 0)
        self.tables[k].n_hidden = len(rows)
        self.hidden[k] = rows

    def apply(self, values, starts, Py_ssize_t first=0):
        """The forward pass over some steps: x, which this overwrites.

        Parameters
        ----------
        values : (>= n_rows, n_channels) array
        starts : (n_steps + 1,) array of int
            Row at which each step begins.
        first : int, default=0
            Number of steps before these.
        """
        cdef batch b
        cdef Py_ssize_t t
        memset(&b, 0, sizeof(b))
        b.n_steps, b.first = len(starts) - 1, first
        b.starts = <const Py_ssize_t *> pointer(starts, 2, b.n_steps + 1, 0)
        b.n_rows = b.starts[b.n_steps]
        for t in range(b.n_steps):
            if not 0 <= b.starts[t] <= b.starts[t + 1] or (t and b.starts[t + 1] - b.starts[t] > b.starts[t] - b.starts[t - 1]):
                raise ValueError("The steps of an input layer begin in ascending rows, and none has more than the one before.")
        if not 0 <= b.n_rows <= min(self.n_rows, len(values)):
            raise ValueError(f"An input layer has buffers for {self.n_rows} rows, got {b.n_rows} of {len(values)}.")
        b.values = pointer(values, self.dtype, len(values), self.n_channels)
        self.forward(&b)

    cdef int forward(self, const batch *b) except -1 nogil:
        if self.missing is not None:
            self.missing.forward(b)
        elif self.dtype == 0:
            scale_channels(self, b.n_rows, <const float *> b.values, <float *> self.x)
        else:
            scale_channels(self, b.n_rows, <const double *> b.values, <double *> self.x)
        if self.dtype == 0:
            look_up(self, b.n_rows, <const float *> b.values, <float *> self.x)
            write_gaps(self, b, <const float *> b.values, <float *> self.x)
        else:
            look_up(self, b.n_rows, <const double *> b.values, <double *> self.x)
            write_gaps(self, b, <const double *> b.values, <double *> self.x)
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        if self.dx == NULL:
            return
        if self.dtype == 0:
            look_up_backward(self, b, <const float *> self.dx)
        else:
            look_up_backward(self, b, <const double *> self.dx)
        if self.missing is not None:
            self.missing.backward(b)
        elif b.dvalues != NULL and self.dtype == 0:
            scale_channels_backward(self, b.n_rows, <const float *> self.dx, <float *> b.dvalues)
        elif b.dvalues != NULL:
            scale_channels_backward(self, b.n_rows, <const double *> self.dx, <double *> b.dvalues)


cdef void scale_channels(InputLayer self, Py_ssize_t n_rows, const real *values, real *x) noexcept nogil:
    cdef Py_ssize_t row, k
    cdef const real *scale = <const real *> self.scale
    cdef const real *offset = <const real *> self.offset
    for row in range(n_rows):
        for k in range(self.n_numeric):
            x[row * self.width + k] = scale[k] * values[row * self.n_channels + self.channels[k]] + offset[k]


cdef int look_up(InputLayer self, Py_ssize_t n_rows, const real *values, real *x) except -1 nogil:
    """Raise a ValueError where a code is none of its table."""
    cdef Py_ssize_t row, k, code, d = self.n_channels, width = self.width, column = self.column
    cdef table *t
    for k in range(self.n_tables):
        t = &self.tables[k]
        for row in range(n_rows):
            t.codes[row] = <Py_ssize_t> values[row * d + t.channel]
        for row in range(t.n_hidden):
            t.codes[t.hidden[row]] = 0
        t.n_hidden = 0
        for row in range(n_rows):
            code = t.codes[row]
            if code < 0 or code >= t.n_codes:
                with gil:
                    raise ValueError(f"A category has the code {code}, but the network knows codes from 0 to {t.n_codes - 1}.")
            memcpy(x + row * width + column, <const real *> t.E + code * t.width, t.width * sizeof(real))
        column += t.width
    return 0


cdef void write_gaps(InputLayer self, const batch *b, const real *values, real *x) noexcept nogil:
    """The last columns := log2(1 + gap), of the forward and then of the reverse direction"""
    cdef Py_ssize_t t, r
    cdef int k
    for t in range(b.n_steps if self.gap >= 0 else 0):
        for r in range(b.starts[t + 1] - b.starts[t]):
            for k in range(self.n_directions):
                x[(b.starts[t] + r + 1) * self.width - self.n_directions + k] = log2_of_1_plus(
                    gap_before(b, values, self.n_channels, self.gap, k, t, r)
                )


cdef void look_up_backward(InputLayer self, const batch *b, const real *dx) noexcept nogil:
    """dE[codes] += dx, row by row"""
    cdef Py_ssize_t row, k, j, width = self.width, column = self.column
    cdef real *dE
    cdef table *t
    cdef uint64_t mode = ftz_enter()
    for k in range(self.n_tables):
        t = &self.tables[k]
        dE = <real *> gradient_of(self, b, t.E)
        for row in range(b.n_rows):
            for j in range(t.width):
                dE[t.codes[row] * t.width + j] += dx[row * width + column + j]
        column += t.width
    ftz_leave(mode)


cdef void scale_channels_backward(InputLayer self, Py_ssize_t n_rows, const real *dx, real *dvalues) noexcept nogil:
    """dvalues := the gradient of the channels, 0 for categorical ones"""
    cdef Py_ssize_t row, k, d = self.n_channels
    cdef const real *scale = <const real *> self.scale
    cdef uint64_t mode = ftz_enter()
    memset(dvalues, 0, n_rows * d * sizeof(real))
    for row in range(n_rows):
        for k in range(self.n_numeric):
            dvalues[row * d + self.channels[k]] = scale[k] * dx[row * self.width + k]
    ftz_leave(mode)
