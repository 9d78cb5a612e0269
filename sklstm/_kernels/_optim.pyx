"""One call per optimiser step on the flat parameter vector; the loops are in vectors_impl.h."""
from libc.stdint cimport uint64_t

from ._ftz cimport ftz_enter, ftz_leave
from ._real cimport real
from ._simd cimport adam_rates, rmsprop_rates, sgd_rates, simd


def sum_of_squares(const real[::1] x):
    """Sum of the squares of x (n,), accumulated in double; not finite exactly where x is not, or where it overflows double."""
    cdef uint64_t mode
    cdef double total
    with nogil:
        mode = ftz_enter()
        total = simd().sum_of_squares[0 if real is float else 1](x.shape[0], &x[0])
        ftz_leave(mode)
    return total


cdef int check_lengths(Py_ssize_t n, Py_ssize_t n_grad, Py_ssize_t n_state) except -1:
    """Raise a ValueError unless theta, its gradient and an array of the optimiser's state are equally long, and not empty."""
    if n < 1 or n_grad != n or n_state != n:
        raise ValueError(f"An optimiser needs arrays as long as the {n} weights, got a gradient of {n_grad} and a state of {n_state}.")
    return 0


def add_scaled(double factor, const real[::1] x, real[::1] out):
    """out += factor x, both (n,)"""
    cdef uint64_t mode
    cdef Py_ssize_t i
    cdef real factor_ = <real> factor
    check_lengths(out.shape[0], x.shape[0], x.shape[0])
    with nogil:
        mode = ftz_enter()
        for i in range(x.shape[0]):
            out[i] += factor_ * x[i]
        ftz_leave(mode)


def sgd_step(
    real[::1] theta, const real[::1] grad, real[::1] velocity, double learning_rate, double grad_scale, double momentum, bint nesterov,
):
    """theta, velocity (n,) IN/OUT: one step of gradient descent with momentum on grad_scale * grad."""
    cdef uint64_t mode
    cdef sgd_rates rates
    rates.learning_rate = learning_rate
    rates.grad_scale = grad_scale
    rates.momentum = momentum
    rates.nesterov = nesterov
    check_lengths(theta.shape[0], grad.shape[0], velocity.shape[0])
    with nogil:
        mode = ftz_enter()
        simd().sgd_step[0 if real is float else 1](theta.shape[0], &theta[0], &grad[0], &velocity[0], &rates)
        ftz_leave(mode)


def adam_step(
    real[::1] theta, const real[::1] grad, real[::1] m, real[::1] v, Py_ssize_t t, double learning_rate, double grad_scale,
    double beta_1, double beta_2, double epsilon,
):
    """theta, m, v (n,) IN/OUT: step number t (from 1) of Adam on grad_scale * grad."""
    cdef uint64_t mode
    cdef adam_rates rates
    rates.learning_rate = learning_rate
    rates.grad_scale = grad_scale
    rates.beta_1 = beta_1
    rates.beta_2 = beta_2
    rates.epsilon = epsilon
    rates.correction_1 = 1 - beta_1 ** t
    rates.correction_2 = 1 - beta_2 ** t
    check_lengths(theta.shape[0], grad.shape[0], m.shape[0])
    check_lengths(theta.shape[0], grad.shape[0], v.shape[0])
    with nogil:
        mode = ftz_enter()
        simd().adam_step[0 if real is float else 1](theta.shape[0], &theta[0], &grad[0], &m[0], &v[0], &rates)
        ftz_leave(mode)


def rmsprop_step(
    real[::1] theta, const real[::1] grad, real[::1] v, double learning_rate, double grad_scale, double rho, double epsilon,
):
    """theta, v (n,) IN/OUT: one step of RMSprop on grad_scale * grad."""
    cdef uint64_t mode
    cdef rmsprop_rates rates
    rates.learning_rate = learning_rate
    rates.grad_scale = grad_scale
    rates.rho = rho
    rates.epsilon = epsilon
    check_lengths(theta.shape[0], grad.shape[0], v.shape[0])
    with nogil:
        mode = ftz_enter()
        simd().rmsprop_step[0 if real is float else 1](theta.shape[0], &theta[0], &grad[0], &v[0], &rates)
        ftz_leave(mode)
