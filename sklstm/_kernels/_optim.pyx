"""What is between the gradient of a minibatch and the next minibatch, on flat vectors: penalty, norm and the step of an optimiser.

The loops of the optimisers are in optim_impl.h.
"""
from libc.math cimport sqrt
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from ._ftz cimport ftz_enter, ftz_leave
from ._given cimport pointer
from ._real cimport real
from ._shares cimport share, share_of
from ._simd cimport optimizer_entry, optimizer_step, simd
from ._team cimport run_together, team_member

cdef enum:
    # Weights of a thread at least: 11 microseconds of Adam in float32.
    MEMBER_WEIGHTS = 1 << 15


def sum_of_squares(const real[::1] x):
    """Sum of the squares of x (n,), accumulated in double; not finite exactly where x is not, or where it overflows double."""
    cdef uint64_t mode
    cdef double total
    with nogil:
        mode = ftz_enter()
        total = simd().sum_of_squares[0 if real is float else 1](x.shape[0], &x[0])
        ftz_leave(mode)
    return total


cdef int check_length(Py_ssize_t n, Py_ssize_t length, name) except -1:
    """Raise a ValueError unless an array is as long as the weights, and those are not empty."""
    if n < 1 or length != n:
        raise ValueError(f"An optimiser needs arrays as long as the {n} weights, got {length} entries of {name}.")
    return 0


cdef struct part:
    Py_ssize_t n
    void *weights       # (n,)
    void *gradient


cdef class Penalty:
    """The L2 penalty alpha / 2 ||weights||^2, bound to the weights and to the gradient that its own is added to.

    Parameters
    ----------
    alpha : float
    weights, gradients : list of (n,) array
        Views of the weights that it falls on, IN, and of their gradients, IN/OUT.
    """
    cdef:
        double alpha
        int dtype, n_parts
        part *parts
        list kept

    def __init__(self, double alpha, list weights, list gradients):
        self.alpha = alpha
        self.kept = [weights, gradients]
        self.dtype = dtype_of(weights[0])
        self.parts = <part *> calloc(len(weights), sizeof(part))
        if not self.parts:
            raise MemoryError
        for values, gradient in zip(weights, gradients, strict=True):
            check_length(len(values), len(gradient), "the gradient")
            self.parts[self.n_parts] = part(
                len(values), pointer(values, self.dtype, len(values), 0), pointer(gradient, self.dtype, len(values), 0, True),
            )
            self.n_parts += 1

    def __dealloc__(self):
        free(self.parts)

    def add(self, double total, double total_weight):
        """Add to the gradients; returns the total plus total_weight times the penalty."""
        cdef int k
        cdef uint64_t mode
        cdef part *p
        with nogil:
            mode = ftz_enter()
            for k in range(self.n_parts):
                p = &self.parts[k]
                total += total_weight * (0.5 * self.alpha * simd().sum_of_squares[self.dtype](p.n, p.weights))
                if self.dtype == 0:
                    add_scaled(p.n, <float> self.alpha, <const float *> p.weights, <float *> p.gradient)
                else:
                    add_scaled(p.n, self.alpha, <const double *> p.weights, <double *> p.gradient)
            ftz_leave(mode)
        return total


cdef int dtype_of(array) except -1:
    """0 for float32, 1 for float64"""
    if array.dtype.char not in "fd":
        raise TypeError(f"Weights are float32 or float64, got {array.dtype}.")
    return 0 if array.dtype.itemsize == sizeof(float) else 1


cdef void add_scaled(Py_ssize_t n, real factor, const real *x, real *out) noexcept nogil:
    """out += factor x, both (n,)"""
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += factor * x[i]


cdef void scale(Py_ssize_t n, real factor, real *x) noexcept nogil:
    """x := factor x, (n,)"""
    cdef Py_ssize_t i
    for i in range(n):
        x[i] *= factor


cdef tuple names(const char **first):
    """The strings up to a NULL."""
    found = []
    while first[0] != NULL:
        found.append(first[0].decode())
        first += 1
    return tuple(found)


cdef dict read_table():
    cdef const optimizer_entry *entry = simd().optimizers
    table = {}
    while entry.name != NULL:
        table[entry.name.decode()] = len(table), names(entry.states), names(entry.rates)
        entry += 1
    return table


# Name -> index in the kernels' table, names of the arrays of its state, names of its rates.
OPTIMIZERS = read_table()


cdef struct shared_step:
    optimizer_step whole
    const optimizer_entry *entry
    int dtype


cdef void step_of_member(void *argument, team_member *me) noexcept nogil:
    """The step of a member's weights."""
    cdef shared_step *shared = <shared_step *> argument
    cdef optimizer_step step = shared.whole
    cdef share own = share_of(step.n, MEMBER_WEIGHTS // 8, me)
    cdef Py_ssize_t k = 0, first_byte = own.first * (sizeof(float) if shared.dtype == 0 else sizeof(double))
    cdef uint64_t mode = ftz_enter()
    step.n = own.last - own.first
    step.theta = <char *> step.theta + first_byte
    step.grad = <const char *> step.grad + first_byte
    while shared.entry.states[k] != NULL:
        step.states[k] = <char *> step.states[k] + first_byte
        k += 1
    shared.entry.step[shared.dtype](&step)
    ftz_leave(mode)


cdef class Step:
    """An optimiser of the table in optim_impl.h, bound to the weights, to their gradient and to its state.

    Parameters
    ----------
    name : str
    theta : (n,) array IN/OUT
    grad : (n,) array IN
    state : dict
        Has the arrays (n,), IN/OUT, that the table names; and where it names the rate "t", how many steps have been taken.
    rates : dict of str to float
        Has the other numbers that the table names.
    momentum : str, default=None
        Name of the rate that a momentum takes the place of.
    decayed : sequence of views of theta
        Weights that `decay` shrinks.
    decay : float, default=0
    """
    cdef:
        shared_step bound
        int dtype, time, momentum, n_decayed
        double decay
        part *decayed
        dict state
        list kept

    def __init__(self, str name, theta, grad, dict state, dict rates, str momentum=None, decayed=(), double decay=0):
        cdef int index, k
        index, state_names, rate_names = OPTIMIZERS[name]
        check_length(len(theta), len(grad), "the gradient")
        self.bound.entry = simd().optimizers + index
        self.state, self.decay = state, decay
        self.dtype = self.bound.dtype = dtype_of(theta)
        self.bound.whole.n = len(theta)
        self.bound.whole.theta = pointer(theta, self.dtype, self.bound.whole.n, 0, True)
        self.bound.whole.grad = pointer(grad, self.dtype, self.bound.whole.n, 0)
        self.kept = [theta, grad, decayed]
        for k, own in enumerate(state_names):
            check_length(self.bound.whole.n, len(state[own]), own)
            self.bound.whole.states[k] = pointer(state[own], self.dtype, self.bound.whole.n, 0, True)
            self.kept.append(state[own])
        self.time = rate_names.index("t") if "t" in rate_names else -1
        self.momentum = rate_names.index(momentum) if momentum is not None else -1
        for k, own in enumerate(rate_names):
            self.bound.whole.rates[k] = 0 if own == "t" else rates[own]
        self.decayed = <part *> calloc(max(len(decayed), 1), sizeof(part))
        if not self.decayed:
            raise MemoryError
        for weights in decayed:
            self.decayed[self.n_decayed] = part(len(weights), pointer(weights, self.dtype, len(weights), 0, True), NULL)
            self.n_decayed += 1

    def __dealloc__(self):
        free(self.decayed)

    def norm(self):
        """Euclidean norm of the gradient; not finite exactly where the gradient is not, or where its square overflows double."""
        cdef uint64_t mode
        cdef double total
        with nogil:
            mode = ftz_enter()
            total = simd().sum_of_squares[self.dtype](self.bound.whole.n, self.bound.whole.grad)
            ftz_leave(mode)
        return sqrt(total)

    def take(self, double learning_rate, double grad_scale=1, momentum=None):
        """Shrink the weights that decay, and take a step on grad_scale times the gradient.

        Parameters
        ----------
        learning_rate, grad_scale : float
        momentum : float, default=None
            From now on, in place of the optimiser's own.
        """
        cdef int k
        cdef double factor = 1 - learning_rate * self.decay
        if self.time >= 0:
            self.state["t"] += 1
            self.bound.whole.rates[self.time] = self.state["t"]
        if momentum is not None and self.momentum >= 0:
            self.bound.whole.rates[self.momentum] = momentum
        self.bound.whole.learning_rate, self.bound.whole.grad_scale = learning_rate, grad_scale
        with nogil:
            for k in range(self.n_decayed):
                if self.dtype == 0:
                    scale(self.decayed[k].n, <float> factor, <float *> self.decayed[k].weights)
                else:
                    scale(self.decayed[k].n, factor, <double *> self.decayed[k].weights)
            run_together(<int> min(self.bound.whole.n // MEMBER_WEIGHTS, 1 << 10), step_of_member, &self.bound)
