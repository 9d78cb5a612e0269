"""Losses on the head's scores, value and gradient in one pass.

Everywhere: scores (n, K) IN; targets (n, width) IN; weights (n,) IN, in double; dscores (n, K) OUT. The gradient is that of
sum_i w_i l_i / total_weight, and the value returned is sum_i w_i l_i, accumulated in double. Losses of several outputs are means
over them.
"""
from libc.math cimport exp, fabs, log, log1p

from ._real cimport real


def binary_log_loss(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    double smoothing=0,
):
    """l = sum over outputs of log(1 + exp(s)) - t' s, with targets t in [0, 1]: one unit, or one per label

    t' = (1 - smoothing) t + smoothing / 2. log(1 + exp(s)) is max(s, 0) + log1p(exp(-|s|)), which neither overflows nor cancels.
    """
    cdef Py_ssize_t i, k
    cdef double total = 0, loss, s, e, p, t
    with nogil:
        for i in range(scores.shape[0]):
            loss = 0
            for k in range(scores.shape[1]):
                s = scores[i, k]
                e = exp(-fabs(s))
                p = (1 if s >= 0 else e) / (1 + e)
                t = (1 - smoothing) * targets[i, k] + smoothing / 2
                loss += (s if s > 0 else 0) + log1p(e) - t * s
                dscores[i, k] = <real> (weights[i] / total_weight * (p - t))
            total += weights[i] * loss
    return total


def multinomial_log_loss(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    double smoothing=0,
):
    """l = log(sum_k exp(s_k)) - sum_k t'_k s_k, with targets (n, 1) the class index t

    t'_k = (1 - smoothing) [k = t] + smoothing / K. The largest score is taken out of the sum, so that no exponential overflows.
    """
    cdef Py_ssize_t i, k, target, K = scores.shape[1]
    cdef double total = 0, top, norm, scale, mean, share = smoothing / K
    with nogil:
        for i in range(scores.shape[0]):
            target = <Py_ssize_t> targets[i, 0]
            top = scores[i, 0]
            for k in range(1, scores.shape[1]):
                if scores[i, k] > top:
                    top = scores[i, k]
            norm = 0
            mean = 0
            for k in range(K):
                dscores[i, k] = <real> exp(scores[i, k] - top)
                norm += dscores[i, k]
                mean += share * scores[i, k]
            scale = weights[i] / total_weight
            for k in range(K):
                dscores[i, k] = <real> (scale * (dscores[i, k] / norm - (1 - smoothing) * (k == target) - share))
            total += weights[i] * (top + log(norm) - (1 - smoothing) * scores[i, target] - mean)
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


def absolute_error(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
):
    """l = |s - t|"""
    cdef Py_ssize_t i, k, K = scores.shape[1]
    cdef double total = 0, loss, difference
    with nogil:
        for i in range(scores.shape[0]):
            loss = 0
            for k in range(K):
                difference = <double> scores[i, k] - targets[i, k]
                loss += fabs(difference)
                dscores[i, k] = <real> (weights[i] / total_weight * ((difference > 0) - (difference < 0)) / K)
            total += weights[i] * loss / K
    return total


def huber(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    double delta=1.345,
):
    """l = 1/2 r^2 for r = s - t of at most delta, beyond delta (|r| - delta / 2)"""
    cdef Py_ssize_t i, k, K = scores.shape[1]
    cdef double total = 0, loss, r, clipped
    with nogil:
        for i in range(scores.shape[0]):
            loss = 0
            for k in range(K):
                r = <double> scores[i, k] - targets[i, k]
                clipped = delta if r > delta else -delta if r < -delta else r
                loss += clipped * (r - clipped / 2)
                dscores[i, k] = <real> (weights[i] / total_weight * clipped / K)
            total += weights[i] * loss / K
    return total


def quantile(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    const double[::1] quantiles,
):
    """l = q (t - s) for t > s, else (1 - q) (s - t), with one q for all outputs, or one target for several q"""
    cdef Py_ssize_t i, k, K = scores.shape[1]
    cdef bint several_q = quantiles.shape[0] > 1, several_t = targets.shape[1] > 1
    cdef double total = 0, loss, q, difference
    with nogil:
        for i in range(scores.shape[0]):
            loss = 0
            for k in range(K):
                q = quantiles[k if several_q else 0]
                difference = <double> targets[i, k if several_t else 0] - scores[i, k]
                loss += q * difference if difference > 0 else (q - 1) * difference
                dscores[i, k] = <real> (weights[i] / total_weight * ((difference < 0) * (1 - q) - (difference > 0) * q) / K)
            total += weights[i] * loss / K
    return total


def poisson(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    const double[::1] factors,
):
    """l = factor (exp(s) - t + t (log(t) - s)), half the Poisson deviance of the mean exp(s), with a factor (n_outputs,) or (1,)"""
    cdef Py_ssize_t i, k, K = scores.shape[1]
    cdef bint several = factors.shape[0] > 1
    cdef double total = 0, loss, mean, t, factor
    with nogil:
        for i in range(scores.shape[0]):
            loss = 0
            for k in range(K):
                t = targets[i, k]
                mean = exp(scores[i, k])
                factor = factors[k if several else 0]
                loss += factor * (mean - t + (t * (log(t) - scores[i, k]) if t > 0 else 0))
                dscores[i, k] = <real> (weights[i] / total_weight * factor * (mean - t) / K)
            total += weights[i] * loss / K
    return total


def softmax(const real[:, ::1] scores, real[:, ::1] out):
    """out[i, k] := exp(s_k) / sum of exp(s), of the scores s of row i"""
    cdef Py_ssize_t i, k, K = scores.shape[1]
    cdef double top, norm
    with nogil:
        for i in range(scores.shape[0]):
            top = scores[i, 0]
            for k in range(1, K):
                top = max(top, scores[i, k])
            norm = 0
            for k in range(K):
                norm += exp(scores[i, k] - top)
            for k in range(K):
                out[i, k] = <real> (exp(scores[i, k] - top) / norm)


def both_classes(const real[:, ::1] scores, real[:, ::1] out):
    """out[i] := 1 / (1 + exp(s)), 1 / (1 + exp(-s)) for the score s of row i: not 1 - p, which rounds a small probability away."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(scores.shape[0]):
            out[i, 0] = <real> (1 / (1 + exp(scores[i, 0])))
            out[i, 1] = <real> (1 / (1 + exp(-scores[i, 0])))
