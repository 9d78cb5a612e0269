"""Losses on the head's scores, value and gradient in one pass.

Everywhere: scores (n, K) IN; targets (n, width) IN; weights (n,) IN, in double; dscores (n, K) OUT. The gradient is that of
sum_i w_i l_i / total_weight, and the value returned is sum_i w_i l_i, accumulated in double.

A loss is an object, to be called from Python, or from kernels without the GIL by `evaluate`. Most are sums of l(s, t) over the
scores of a sample. Each of these is a point function, which `sum_points` inlines into its loop, and the class of the loss. Losses
of whole sequences of samples are in `_chain`.
"""
from libc.math cimport M_PI as pi, exp, fabs, log, log1p
from libc.string cimport memset

from ._given cimport pointer
from ._real cimport real

cdef double LOG_2_PI = log(2 * pi)


cdef class LossFunction:
    """What the losses share.

    Parameters
    ----------
    smoothing : float, default=0
        Of the log-losses.
    numbers : (m,) array of float64, default=None
        Parameters of the other losses, one for each score or one for all.
    """

    def __init__(self, double smoothing=0, numbers=None):
        self.smoothing = smoothing
        self.kept = numbers
        self.is_structured = self.has_structure = False
        self.n_numbers = 0 if numbers is None else len(numbers)
        self.numbers = <const double *> pointer(numbers, 1, self.n_numbers, 0)

    def __call__(self, scores, targets, weights, double total_weight, dscores, chain=None, dstructure=None):
        """The sum of the weighted losses; dscores is overwritten.

        A loss of whole sequences needs a `Chain`, and adds the gradient of its structure, if any, to `dstructure` (K + 2, K).
        """
        cdef scored s
        cdef double total
        memset(&s, 0, sizeof(s))
        s.n, s.K = scores.shape
        s.width = targets.shape[1]
        s.dtype = 0 if scores.dtype.itemsize == sizeof(float) else 1
        s.scores = pointer(scores, s.dtype, s.n, s.K)
        s.targets = pointer(targets, s.dtype, s.n, s.width)
        s.weights = <const double *> pointer(weights, 1, s.n, 0)
        s.dscores = pointer(dscores, s.dtype, s.n, s.K, True)
        s.total_weight = total_weight
        if chain is not None:
            s.n_sequences = len(chain.lengths)
            s.lengths = lengths_of(chain.lengths, s.n)
            s.structure = pointer(chain.structure, s.dtype, s.K + 2, s.K)
            s.dstructure = pointer(dstructure, s.dtype, s.K + 2, s.K, True)
        elif self.is_structured:
            raise ValueError("The loss needs a structure, or the lengths of sequences.")
        self.check(s.K, s.structure)
        with nogil:
            total = self.evaluate(&s)
        return total

    cdef int check(self, Py_ssize_t K, const void *structure, bint whole=True) except -1:
        """Raise unless the loss can be evaluated for so many scores and this structure, and for whole sequences or parts of them."""
        if self.has_structure != (structure != NULL):
            raise ValueError(f"The loss {'needs' if self.has_structure else 'has no use for'} a structure.")
        if self.is_structured and not whole:
            raise ValueError("A loss of whole sequences needs all their steps in one chunk.")
        return 0

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        """The same for kernels."""
        return 0


cdef const Py_ssize_t *lengths_of(array, Py_ssize_t n) except NULL:
    """The lengths of sequences that have n samples together."""
    cdef Py_ssize_t n_sequences = len(array), i, total = 0
    cdef const Py_ssize_t *lengths = <const Py_ssize_t *> pointer(array, 2, n_sequences, 0)
    for i in range(n_sequences):
        total = -1 if total < 0 or lengths[i] < 1 or lengths[i] > n - total else total + lengths[i]
    if n_sequences == 0 or total != n:
        raise ValueError(f"Sequences of at least one sample must have {n} samples together.")
    return lengths


cdef struct point:
    double loss     # l(s, t)
    double slope    # dl/ds

ctypedef point (*point_function)(double s, double t, double parameter) noexcept nogil


cdef inline double sum_points(
    const real *scores, point_function l, const scored *all, double divisor,
    const double *parameters=NULL, Py_ssize_t n_parameters=1, const double *factors=NULL, Py_ssize_t n_factors=1,
) noexcept nogil:
    """l_i = sum_k factor_k l(s_ik, t_ik, parameter_k) / divisor

    Targets, parameters and factors are K each, or one for all k; without parameters they are 0, without factors 1. A target that
    is NaN is missing, and has no loss.
    """
    cdef Py_ssize_t i, k, K = all.K
    cdef Py_ssize_t t_step = all.width > 1, parameter_step = n_parameters > 1, factor_step = n_factors > 1
    cdef double total = 0, loss, scale, parameter = 0, factor = 1
    cdef const real *s
    cdef const real *t
    cdef real *ds
    cdef point at
    for i in range(all.n):
        s, t, ds = scores + i * K, <const real *> all.targets + i * all.width, <real *> all.dscores + i * K
        loss, scale = 0, all.weights[i] / all.total_weight
        for k in range(K):
            if t[k * t_step] != t[k * t_step]:
                ds[k] = 0
                continue
            if parameters != NULL:
                parameter = parameters[k * parameter_step]
            if factors != NULL:
                factor = factors[k * factor_step]
            at = l(s[k], t[k * t_step], parameter)
            loss += factor * at.loss
            ds[k] = <real> (scale * factor * at.slope / divisor)
        total += all.weights[i] * loss / divisor
    return total


cdef inline point log_loss_at(double s, double t, double smoothing) noexcept nogil:
    cdef double e = exp(-fabs(s)), p = (1 if s >= 0 else e) / (1 + e)
    t = (1 - smoothing) * t + smoothing / 2
    return point((s if s > 0 else 0) + log1p(e) - t * s, p - t)


cdef class BinaryLogLoss(LossFunction):
    """l = sum over outputs of log(1 + exp(s)) - t' s, with targets t in [0, 1]: one unit, or one per label

    t' = (1 - smoothing) t + smoothing / 2. log(1 + exp(s)) is max(s, 0) + log1p(exp(-|s|)), which neither overflows nor cancels.
    """

    def __init__(self, *, double smoothing=0):
        LossFunction.__init__(self, smoothing)

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return sum_points(<const float *> s.scores, log_loss_at, s, 1, &self.smoothing)
        return sum_points(<const double *> s.scores, log_loss_at, s, 1, &self.smoothing)


cdef inline point squared_error_at(double s, double t, double _) noexcept nogil:
    return point((s - t) * (s - t) / 2, s - t)


cdef class SquaredError(LossFunction):
    """l = 1/2 mean over outputs of (s - t)^2"""

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return sum_points(<const float *> s.scores, squared_error_at, s, s.K)
        return sum_points(<const double *> s.scores, squared_error_at, s, s.K)


cdef inline point absolute_error_at(double s, double t, double _) noexcept nogil:
    return point(fabs(s - t), (s > t) - (s < t))


cdef class AbsoluteError(LossFunction):
    """l = mean over outputs of |s - t|"""

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return sum_points(<const float *> s.scores, absolute_error_at, s, s.K)
        return sum_points(<const double *> s.scores, absolute_error_at, s, s.K)


cdef inline point huber_at(double s, double t, double delta) noexcept nogil:
    cdef double r = s - t, clipped = delta if r > delta else -delta if r < -delta else r
    return point(clipped * (r - clipped / 2), clipped)


cdef class Huber(LossFunction):
    """l = mean over outputs of 1/2 r^2 for r = s - t of at most delta, beyond delta (|r| - delta / 2)

    There is a delta for each output, or one for all; where it is infinite, l is half the squared error.
    """

    def __init__(self, *, deltas):
        LossFunction.__init__(self, 0, deltas)

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return sum_points(<const float *> s.scores, huber_at, s, s.K, self.numbers, self.n_numbers)
        return sum_points(<const double *> s.scores, huber_at, s, s.K, self.numbers, self.n_numbers)


cdef inline point quantile_at(double s, double t, double q) noexcept nogil:
    return point(q * (t - s) if t > s else (q - 1) * (t - s), (t < s) * (1 - q) - (t > s) * q)


cdef class Quantile(LossFunction):
    """l = mean over outputs of q (t - s) for t > s, else (1 - q) (s - t), with one q for all outputs, or one target for several q"""

    def __init__(self, *, quantiles):
        LossFunction.__init__(self, 0, quantiles)

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return sum_points(<const float *> s.scores, quantile_at, s, s.K, self.numbers, self.n_numbers)
        return sum_points(<const double *> s.scores, quantile_at, s, s.K, self.numbers, self.n_numbers)


cdef inline point poisson_at(double s, double t, double _) noexcept nogil:
    cdef double mean = exp(s)
    return point(mean - t + (t * (log(t) - s) if t > 0 else 0), mean - t)


cdef class Poisson(LossFunction):
    """l = mean over outputs of factor (exp(s) - t + t (log(t) - s)), half the Poisson deviance of the mean exp(s)

    There is a factor for each output, or one for all.
    """

    def __init__(self, *, factors):
        LossFunction.__init__(self, 0, factors)

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return sum_points(<const float *> s.scores, poisson_at, s, s.K, NULL, 1, self.numbers, self.n_numbers)
        return sum_points(<const double *> s.scores, poisson_at, s, s.K, NULL, 1, self.numbers, self.n_numbers)


cdef class GaussianMixture(LossFunction):
    """l = -log sum_k p_k prod_j N(t_j; m_kj, d_kj), the negative log-likelihood of a mixture of normal distributions

    Of d targets, c components have the scores (c (1 + 2 d)): c logarithms a of weights, p = softmax(a); c d means m; and c d
    logarithms s of deviations, d_kj^2 = exp(2 s_kj) + LEAST_DEVIATION^2.
    """

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return gaussian_mixture(<const float *> s.scores, s)
        return gaussian_mixture(<const double *> s.scores, s)


cdef double least = 1e-3     # without a least deviation the likelihood has no bound where targets repeat

LEAST_DEVIATION = least      # in the units of the scores


cdef inline double log_density(const real *m, const real *s, const real *t, Py_ssize_t d) noexcept nogil:
    """log prod_j N(t_j; m_j, d_j)"""
    cdef double sum = 0, z, variance
    cdef Py_ssize_t j
    for j in range(d):
        variance = exp(2 * s[j]) + least * least
        z = t[j] - m[j]
        sum -= (z * z / variance + log(variance) + LOG_2_PI) / 2
    return sum


cdef double gaussian_mixture(const real *scores, const scored *all) noexcept nogil:
    cdef Py_ssize_t i, j, k, d = all.width, c = all.K // (1 + 2 * d)
    cdef double total = 0, top, joint_top, norm, joint, log_joint, r, scale, variance, free, z
    cdef const real *a
    cdef const real *m
    cdef const real *s
    cdef const real *t
    cdef real *ds
    for i in range(all.n):
        a, t, ds = scores + i * all.K, <const real *> all.targets + i * d, <real *> all.dscores + i * all.K
        m, s = a + c, a + c * (1 + d)
        top = a[0]
        for k in range(1, c):
            top = max(top, a[k])
        norm, joint, joint_top = 0, 0, a[0] + log_density(m, s, t, d)
        for k in range(c):
            norm += exp(a[k] - top)
            log_joint = a[k] + log_density(m + k * d, s + k * d, t, d)
            if log_joint > joint_top:
                joint, joint_top = joint * exp(joint_top - log_joint), log_joint
            joint += exp(log_joint - joint_top)
        scale = all.weights[i] / all.total_weight
        for k in range(c):
            log_joint = a[k] + log_density(m + k * d, s + k * d, t, d)
            r = exp(log_joint - joint_top) / joint
            ds[k] = <real> (scale * (exp(a[k] - top) / norm - r))
            for j in range(d):
                free = exp(2 * s[k * d + j])
                variance = free + least * least
                z = t[j] - m[k * d + j]
                ds[c + k * d + j] = <real> (-scale * r * z / variance)
                ds[c * (1 + d) + k * d + j] = <real> (scale * r * (1 - z * z / variance) * free / variance)
        total += all.weights[i] * (top + log(norm) - joint_top - log(joint))
    return total


cdef class MultinomialLogLoss(LossFunction):
    """l = log(sum_k exp(s_k)) - sum_k t'_k s_k, with targets (n, 1) the class index t

    t'_k = (1 - smoothing) [k = t] + smoothing / K. The largest score is taken out of the sum, so that no exponential overflows.
    """

    def __init__(self, *, double smoothing=0):
        LossFunction.__init__(self, smoothing)

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return multinomial(<const float *> s.scores, s, self.smoothing)
        return multinomial(<const double *> s.scores, s, self.smoothing)


cdef double multinomial(const real *scores, const scored *all, double smoothing) noexcept nogil:
    cdef Py_ssize_t i, k, target, K = all.K
    cdef double total = 0, top, norm, scale, mean, share = smoothing / K
    cdef const real *s
    cdef real *ds
    for i in range(all.n):
        s, ds = scores + i * K, <real *> all.dscores + i * K
        target = <Py_ssize_t> (<const real *> all.targets)[i * all.width]
        top = s[0]
        for k in range(1, K):
            if s[k] > top:
                top = s[k]
        norm = 0
        mean = 0
        for k in range(K):
            ds[k] = <real> exp(s[k] - top)
            norm += ds[k]
            mean += share * s[k]
        scale = all.weights[i] / all.total_weight
        for k in range(K):
            ds[k] = <real> (scale * (ds[k] / norm - (1 - smoothing) * (k == target) - share))
        total += all.weights[i] * (top + log(norm) - (1 - smoothing) * s[target] - mean)
    return total
