"""One call per optimiser step on the flat parameter vector; the loops are in optim_impl.h."""
from libc.stdint cimport uint64_t

from ._ftz cimport ftz_enter, ftz_leave
from ._real cimport real
from ._simd cimport optimizer_entry, optimizer_step, simd


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
    cdef uint64_t mode
    cdef optimizer_step step
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
    with nogil:
        mode = ftz_enter()
        entry.step[0 if real is float else 1](&step)
        ftz_leave(mode)
