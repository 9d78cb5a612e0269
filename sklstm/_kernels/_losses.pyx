"""Losses on the head's scores, value and gradient in one pass.

Everywhere: scores (n, K) IN; targets (n, width) IN; weights (n,) IN, in double; dscores (n, K) OUT. The gradient is that of
sum_i w_i l_i / total_weight, and the value returned is sum_i w_i l_i, accumulated in double.
"""
from libc.math cimport exp, fabs, log, log1p

from ._real cimport real


def binary_log_loss(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
):
    """l = sum over outputs of log(1 + exp(s)) - t s, with targets t in [0, 1]: one unit, or one per label

    log(1 + exp(s)) is max(s, 0) + log1p(exp(-|s|)), which neither overflows nor cancels.
    """
    cdef Py_ssize_t i, k
    cdef double total = 0, loss, s, e, p
    with nogil:
        for i in range(scores.shape[0]):
            loss = 0
            for k in range(scores.shape[1]):
                s = scores[i, k]
                e = exp(-fabs(s))
                p = (1 if s >= 0 else e) / (1 + e)
                loss += (s if s > 0 else 0) + log1p(e) - targets[i, k] * s
                dscores[i, k] = <real> (weights[i] / total_weight * (p - targets[i, k]))
            total += weights[i] * loss
    return total


def multinomial_log_loss(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
):
    """l = log(sum_k exp(s_k)) - s_t, with targets (n, 1) the class index t

    The largest score is taken out of the sum, so that no exponential overflows.
    """
    cdef Py_ssize_t i, k, target
    cdef double total = 0, top, norm, scale
    with nogil:
        for i in range(scores.shape[0]):
            target = <Py_ssize_t> targets[i, 0]
            top = scores[i, 0]
            for k in range(1, scores.shape[1]):
                if scores[i, k] > top:
                    top = scores[i, k]
            norm = 0
            for k in range(scores.shape[1]):
                dscores[i, k] = <real> exp(scores[i, k] - top)
                norm += dscores[i, k]
            scale = weights[i] / total_weight
            for k in range(scores.shape[1]):
                dscores[i, k] = <real> (scale * (dscores[i, k] / norm - (k == target)))
            total += weights[i] * (top + log(norm) - scores[i, target])
    return total


def squared_error(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
):
    """l = 1/2 mean over outputs of (s - t)^2"""
    cdef Py_ssize_t i, k, K = scores.shape[1]
    cdef double total = 0, loss, difference
    with nogil:
        for i in range(scores.shape[0]):
            loss = 0
            for k in range(K):
                difference = <double> scores[i, k] - targets[i, k]
                loss += difference * difference
                dscores[i, k] = <real> (weights[i] / total_weight * difference / K)
            total += weights[i] * loss / (2 * K)
    return total
