"""Losses on the head's scores, value and gradient in one pass.

Everywhere: scores (n, K) IN; targets (n, width) IN; weights (n,) IN, in double; dscores (n, K) OUT. The gradient is that of
sum_i w_i l_i / total_weight, and the value returned is sum_i w_i l_i, accumulated in double.

Most losses are sums of l(s, t) over the scores of a sample. Each of these is a point function, which `sum_points` inlines into its
loop, and the function that Python calls.
"""
from libc.math cimport exp, fabs, log, log1p

from ._real cimport real


cdef struct point:
    double loss     # l(s, t)
    double slope    # dl/ds

ctypedef point (*point_function)(double s, double t, double parameter) noexcept nogil


cdef inline double sum_points(
    point_function l, const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight,
    real[:, ::1] dscores, double divisor,
    const double *parameters=NULL, Py_ssize_t n_parameters=1, const double *factors=NULL, Py_ssize_t n_factors=1,
) noexcept:
    """l_i = sum_k factor_k l(s_ik, t_ik, parameter_k) / divisor

    Targets, parameters and factors are K each, or one for all k; without parameters they are 0, without factors 1.
    """
    cdef Py_ssize_t i, k, K = scores.shape[1]
    cdef Py_ssize_t t_step = targets.shape[1] > 1, parameter_step = n_parameters > 1, factor_step = n_factors > 1
    cdef double total = 0, loss, scale, parameter = 0, factor = 1
    cdef const real *s
    cdef const real *t
    cdef real *ds
    cdef point at
    with nogil:
        for i in range(scores.shape[0]):
            s, t, ds = &scores[i, 0], &targets[i, 0], &dscores[i, 0]
            loss, scale = 0, weights[i] / total_weight
            for k in range(K):
                if parameters != NULL:
                    parameter = parameters[k * parameter_step]
                if factors != NULL:
                    factor = factors[k * factor_step]
                at = l(s[k], t[k * t_step], parameter)
                loss += factor * at.loss
                ds[k] = <real> (scale * factor * at.slope / divisor)
            total += weights[i] * loss / divisor
    return total


cdef inline point log_loss_at(double s, double t, double smoothing) noexcept nogil:
    cdef double e = exp(-fabs(s)), p = (1 if s >= 0 else e) / (1 + e)
    t = (1 - smoothing) * t + smoothing / 2
    return point((s if s > 0 else 0) + log1p(e) - t * s, p - t)


def binary_log_loss(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    double smoothing=0,
):
    """l = sum over outputs of log(1 + exp(s)) - t' s, with targets t in [0, 1]: one unit, or one per label

    t' = (1 - smoothing) t + smoothing / 2. log(1 + exp(s)) is max(s, 0) + log1p(exp(-|s|)), which neither overflows nor cancels.
    """
    return sum_points(log_loss_at, scores, targets, weights, total_weight, dscores, 1, &smoothing)


cdef inline point squared_error_at(double s, double t, double _) noexcept nogil:
    return point((s - t) * (s - t) / 2, s - t)


def squared_error(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
):
    """l = 1/2 mean over outputs of (s - t)^2"""
    return sum_points(squared_error_at, scores, targets, weights, total_weight, dscores, scores.shape[1])


cdef inline point absolute_error_at(double s, double t, double _) noexcept nogil:
    return point(fabs(s - t), (s > t) - (s < t))


def absolute_error(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
):
    """l = mean over outputs of |s - t|"""
    return sum_points(absolute_error_at, scores, targets, weights, total_weight, dscores, scores.shape[1])


cdef inline point huber_at(double s, double t, double delta) noexcept nogil:
    cdef double r = s - t, clipped = delta if r > delta else -delta if r < -delta else r
    return point(clipped * (r - clipped / 2), clipped)


def huber(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    const double[::1] deltas,
):
    """l = mean over outputs of 1/2 r^2 for r = s - t of at most delta, beyond delta (|r| - delta / 2)

    There is a delta for each output, or one for all; where it is infinite, l is half the squared error.
    """
    cdef Py_ssize_t n = deltas.shape[0], K = scores.shape[1]
    return sum_points(huber_at, scores, targets, weights, total_weight, dscores, K, &deltas[0], n)


cdef inline point quantile_at(double s, double t, double q) noexcept nogil:
    return point(q * (t - s) if t > s else (q - 1) * (t - s), (t < s) * (1 - q) - (t > s) * q)


def quantile(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    const double[::1] quantiles,
):
    """l = mean over outputs of q (t - s) for t > s, else (1 - q) (s - t), with one q for all outputs, or one target for several q"""
    cdef Py_ssize_t n = quantiles.shape[0], K = scores.shape[1]
    return sum_points(quantile_at, scores, targets, weights, total_weight, dscores, K, &quantiles[0], n)


cdef inline point poisson_at(double s, double t, double _) noexcept nogil:
    cdef double mean = exp(s)
    return point(mean - t + (t * (log(t) - s) if t > 0 else 0), mean - t)


def poisson(
    const real[:, ::1] scores, const real[:, ::1] targets, const double[::1] weights, double total_weight, real[:, ::1] dscores,
    const double[::1] factors,
):
    """l = mean over outputs of factor (exp(s) - t + t (log(t) - s)), half the Poisson deviance of the mean exp(s)

    There is a factor for each output, or one for all.
    """
    cdef Py_ssize_t n = factors.shape[0], K = scores.shape[1]
    return sum_points(poisson_at, scores, targets, weights, total_weight, dscores, K, NULL, 1, &factors[0], n)


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
