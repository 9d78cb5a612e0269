"""One call per optimiser step on the flat parameter vector; the loops are in optim_impl.h."""
from libc.stdint cimport uint64_t

from ._ftz cimport ftz_enter, ftz_leave
from ._real cimport real
from ._shares cimport share, share_of
from ._simd cimport optimizer_entry, optimizer_step, simd
from ._team cimport run_together, team_member

cdef enum:
    # Weights from which on another thread is worth its call, some 50 microseconds' worth of Adam.
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


def add_scaled(double factor, const real[::1] x, real[::1] out):
    """out += factor x, both (n,)"""
    cdef uint64_t mode
    cdef Py_ssize_t i
    cdef real factor_ = <real> factor
    check_length(out.shape[0], x.shape[0], "x")
    with nogil:
        mode = ftz_enter()
        for i in range(x.shape[0]):
            out[i] += factor_ * x[i]
        ftz_leave(mode)


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
    const optimizer_entry *entry
    optimizer_step whole
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


def step(str name, real[::1] theta, const real[::1] grad, dict state, double learning_rate, double grad_scale, dict rates):
    """One step of an optimiser of the table in optim_impl.h, on grad_scale * grad.

    Parameters
    ----------
    name : str
    theta : (n,) IN/OUT
    grad : (n,) IN
    state : dict of str to (n,) IN/OUT
        Has the arrays that the table names.
    learning_rate, grad_scale : float
    rates : dict of str to float
        Has the numbers that the table names.
    """
    cdef shared_step shared
    cdef optimizer_step *step = &shared.whole
    cdef real[::1] array
    cdef int index, k
    cdef tuple state_names, rate_names
    index, state_names, rate_names = OPTIMIZERS[name]
    cdef const optimizer_entry *entry = simd().optimizers + index
    check_length(theta.shape[0], grad.shape[0], "the gradient")
    step.n = theta.shape[0]
    step.theta = &theta[0]
    step.grad = &grad[0]
    step.learning_rate = learning_rate
    step.grad_scale = grad_scale
    for k in range(len(state_names)):
        array = state[state_names[k]]
        check_length(step.n, array.shape[0], state_names[k])
        step.states[k] = &array[0]
    for k in range(len(rate_names)):
        step.rates[k] = rates[rate_names[k]]
    shared.entry = entry
    shared.dtype = 0 if real is float else 1
    with nogil:
        run_together(<int> min(step.n // MEMBER_WEIGHTS, 1 << 10), step_of_member, &shared)
