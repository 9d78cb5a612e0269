"""Sums over all alignments of labels with steps (connectionist temporal classification, Graves et al. 2006).

An alignment gives each step a label or blank, the last of K scores, with p_t = softmax(s_t): its labels are those that remain where
equal neighbours are merged and blanks removed. Labels y_0 .. y_L-1 have the states b_0 y_0 b_1 y_1 ... b_L, with a blank before and
after each label:

    alpha_t(b_j) = p_t[blank] (alpha_t-1(b_j) + alpha_t-1(y_j-1))
    alpha_t(y_j) = p_t[y_j] (alpha_t-1(y_j) + alpha_t-1(b_j) + [y_j != y_j-1] alpha_t-1(y_j-1))
    beta_t(s) = sum over states s' after s of p_t+1[s'] beta_t+1(s'),    sum_s alpha_t(s) beta_t(s) = P(labels) at every t

All is computed in double. alpha is scaled to the sum 1 at every step, and beta such that sum_s alpha_t(s) beta_t(s) = 1. What alpha
loses where it is smaller than the smallest double then is, of P, at most that times beta: negligible unless beta is huge, which is
watched. Where it is, the sequence is computed again with logarithms. States from which the last label cannot be reached any more
are left out, or they would have most of the sum.
"""
from libc.math cimport INFINITY, exp, log
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from ._losses cimport layout, row_of
from ._real cimport real


cdef extern from *:
    """
    /* Smallest sum of alpha at a step before it is scaled, and largest beta, of scaled passes: 1e-308 / 1e-50 * 1e200 = 1e-58. */
    #define LEAST_SUM 1e-50
    #define MOST_BETA 1e200
    """
    double LEAST_SUM, MOST_BETA


cdef struct alignments:
    Py_ssize_t K                # scores of a step; the last is that of blank
    Py_ssize_t T, L             # steps and labels, of the sequence that it turned to
    Py_ssize_t *y               # (L,) labels
    Py_ssize_t *before          # (L,) least number of steps before that of a label
    Py_ssize_t *first           # (T + 1,) first label that a step may have
    Py_ssize_t *after           # (T + 1,) behind the last label that the step before may have
    double *differs             # (L + 1,) 1 for a label that differs from the one before, else 0
    double *s                   # (T, K) scores
    double *p                   # (T, K) probabilities, or their logarithms
    double *sums                # (T,) of alpha, before it is scaled
    double *alpha               # (T, 2 (L + 1)): of b_0 .. b_L, then of nothing and y_0 .. y_L-1; or its logarithms
    double *beta                # (2, L + 2): of b_0 .. b_L and y_0 .. y_L-1 with what follows them, or its logarithms
    double *v                   # (2, L + 2): p beta of the step behind, scaled
    double *shares              # (T, K) P(step has each label, or blank | labels of the sequence)
    void *memory


cdef inline int make_alignments(alignments *a, Py_ssize_t K, Py_ssize_t T, Py_ssize_t L) noexcept nogil:
    """Memory for so many scores, and for steps and labels at most; -1 where there is none."""
    cdef Py_ssize_t n_integers = 2 * L + 2 * (T + 1), n_numbers = (L + 1) + 3 * T * K + T + 2 * T * (L + 1) + 4 * (L + 2)
    cdef double *place
    a.memory = malloc(n_integers * sizeof(Py_ssize_t) + n_numbers * sizeof(double))
    if not a.memory:
        return -1
    a.K = K
    place = <double *> a.memory
    a.s, a.p, a.shares, a.sums = place, place + T * K, place + 2 * T * K, place + 3 * T * K
    place += 3 * T * K + T
    a.differs, a.beta, a.v = place, place + L + 1, place + L + 1 + 2 * (L + 2)
    place += L + 1 + 4 * (L + 2)
    a.alpha = place
    a.y = <Py_ssize_t *> (place + 2 * T * (L + 1))
    a.before = a.y + L
    a.first = a.before + L
    a.after = a.first + T + 1
    return 0


cdef inline Py_ssize_t n_labels(const real *targets, Py_ssize_t width, const layout *rows, Py_ssize_t T, Py_ssize_t K) noexcept nogil:
    """How many steps of a sequence, from the first, have a label as their target."""
    cdef Py_ssize_t n = 0
    while n < T and targets[row_of(rows, n) * width] >= 0 and targets[row_of(rows, n) * width] < K - 1:
        n += 1
    return n


cdef inline void read_scores(double *out, const real *scores, const layout *rows, Py_ssize_t K, Py_ssize_t T) noexcept nogil:
    """out (T, K) := the scores of each step"""
    cdef Py_ssize_t t, k
    cdef const real *s
    for t in range(T):
        s = scores + row_of(rows, t) * K
        for k in range(K):
            out[t * K + k] = s[k]


cdef inline void find_probabilities(double *p, const double *s, Py_ssize_t K, Py_ssize_t T, bint logs) noexcept nogil:
    """p (T, K) := softmax of the scores of each step, or its logarithm"""
    cdef Py_ssize_t _, k
    cdef double top, norm
    for _ in range(T):
        top, norm = s[0], 0
        for k in range(1, K):
            if s[k] > top:
                top = s[k]
        for k in range(K):
            p[k] = exp(s[k] - top)
            norm += p[k]
        if logs:
            norm = top + log(norm)
            for k in range(K):
                p[k] = s[k] - norm
        else:
            norm = 1 / norm
            for k in range(K):
                p[k] *= norm
        s += K
        p += K


cdef inline bint turn_to(alignments *a, Py_ssize_t T, Py_ssize_t L) noexcept nogil:
    """Find out which of the labels y of a sequence each step may have; whether there is an alignment."""
    cdef Py_ssize_t t, j, low = 0, high = 0, place = -1
    a.T, a.L = T, L
    for j in range(L):
        a.differs[j] = j > 0 and a.y[j] != a.y[j - 1]
        place += 2 if j > 0 and a.y[j] == a.y[j - 1] else 1
        a.before[j] = place
    a.differs[L] = 0
    if place >= T:
        return False
    a.after[0] = 0
    for t in range(T):
        while low < L and a.before[low] < place - (T - 1 - t):
            low += 1
        while high < L and a.before[high] <= t:
            high += 1
        a.first[t], a.after[t + 1] = low, high
    a.first[T] = L
    return True


cdef inline bint scaled_alpha(alignments *a, double *log_P) noexcept nogil:
    """alpha and log P(labels), by scaling; False where a sum was too small for that."""
    cdef Py_ssize_t t, j, width = 2 * (a.L + 1), blank = a.K - 1
    cdef double total = 0, sum, other, p_blank
    cdef const double *p
    cdef double *b = a.alpha
    cdef double *y
    cdef const double *b_before = NULL
    cdef const double *y_before = NULL
    memset(a.alpha, 0, a.T * width * sizeof(double))
    for t in range(a.T):
        p, y = a.p + t * a.K, b + a.L + 2
        sum, other, p_blank = 0, 0, p[blank]
        if t == 0:
            if a.first[1] == 0:
                b[0] = sum = p_blank
            if a.L and a.first[0] == 0:
                y[0] = p[a.y[0]]
                sum += y[0]
        else:
            for j in range(a.first[t + 1], a.after[t] + 1):
                b[j] = p_blank * (b_before[j] + y_before[j - 1])
                sum += b[j]
            for j in range(a.first[t], a.after[t + 1]):
                y[j] = p[a.y[j]] * (y_before[j] + b_before[j] + a.differs[j] * y_before[j - 1])
                other += y[j]
            sum += other
        if not sum >= LEAST_SUM:
            return False
        a.sums[t] = sum
        total += log(sum)
        sum = 1 / sum
        for j in range(a.first[t + 1], a.after[t] + 1):
            b[j] *= sum
        for j in range(a.first[t], a.after[t + 1]):
            y[j] *= sum
        b_before, y_before = b, y
        b += width
    log_P[0] = total
    return True


cdef inline void find_shares(alignments *a, Py_ssize_t t, bint logs, double log_P) noexcept nogil:
    """The shares of step t, by alpha and beta."""
    cdef Py_ssize_t j
    cdef double *shares = a.shares + t * a.K
    cdef double total = 0
    cdef const double *b = a.alpha + t * 2 * (a.L + 1)
    cdef const double *y = b + a.L + 2
    cdef const double *after_b = a.beta
    cdef const double *after_y = a.beta + a.L + 2
    memset(shares, 0, a.K * sizeof(double))
    for j in range(a.first[t + 1], a.after[t] + 1):
        total += exp(b[j] + after_b[j] - log_P) if logs else b[j] * after_b[j]
    shares[a.K - 1] = total
    for j in range(a.first[t], a.after[t + 1]):
        shares[a.y[j]] += exp(y[j] + after_y[j] - log_P) if logs else y[j] * after_y[j]


cdef inline void last_beta(alignments *a, bint logs) noexcept nogil:
    """beta of the last step, at which there are two states, and 1, or the logarithm of that."""
    cdef Py_ssize_t j
    for j in range(2 * (a.L + 2)):
        a.beta[j] = a.v[j] = -INFINITY if logs else 0
    a.beta[a.L] = a.beta[2 * a.L + 1] = 0 if logs else 1


cdef inline bint scaled_beta(alignments *a, Py_ssize_t t) noexcept nogil:
    """beta of step t := by that of step t + 1; False where a number was too large for that."""
    cdef Py_ssize_t j, L = a.L
    cdef double most = 0
    cdef const double *p = a.p + (t + 1) * a.K
    cdef double inverse = 1 / a.sums[t + 1], p_blank = p[a.K - 1] * inverse
    cdef double *b = a.beta
    cdef double *y = a.beta + L + 2
    cdef double *v_b = a.v
    cdef double *v_y = a.v + L + 2
    memset(a.v, 0, 2 * (L + 2) * sizeof(double))
    for j in range(a.first[t + 2], a.after[t + 1] + 1):
        v_b[j] = p_blank * b[j]
    for j in range(a.first[t + 1], a.after[t + 2]):
        v_y[j] = inverse * p[a.y[j]] * y[j]
    for j in range(a.first[t + 1], a.after[t] + 1):
        b[j] = v_b[j] + v_y[j]
        most = max(most, b[j])
    for j in range(a.first[t], a.after[t + 1]):
        y[j] = v_y[j] + v_b[j + 1] + a.differs[j + 1] * v_y[j + 1]
        most = max(most, y[j])
    return most <= MOST_BETA


cdef inline double log_sum_of(double x, double y, double z) noexcept nogil:
    """log(exp(x) + exp(y) + exp(z))"""
    cdef double top = max(x, y, z)
    return top if top == -INFINITY else top + log(exp(x - top) + exp(y - top) + exp(z - top))


cdef inline double log_alpha(alignments *a) noexcept nogil:
    """alpha, with logarithms, for any probabilities; returns log P(labels)."""
    cdef Py_ssize_t t, j, L = a.L, width = 2 * (a.L + 1), blank = a.K - 1
    cdef const double *p
    cdef double *b = a.alpha
    cdef double *y
    for j in range(a.T * width):
        a.alpha[j] = -INFINITY
    for t in range(a.T):
        p, y = a.p + t * a.K, b + L + 2
        if t == 0:
            if a.first[1] == 0:
                b[0] = p[blank]
            if L and a.first[0] == 0:
                y[0] = p[a.y[0]]
        else:
            for j in range(a.first[t + 1], a.after[t] + 1):
                b[j] = p[blank] + log_sum_of(b[j - width], y[j - 1 - width], -INFINITY)
            for j in range(a.first[t], a.after[t + 1]):
                y[j] = p[a.y[j]] + log_sum_of(
                    y[j - width], b[j - width], y[j - 1 - width] if a.differs[j] != 0 else -INFINITY)
        b += width
    b -= width
    return log_sum_of(b[L], b[2 * L + 1], -INFINITY)


cdef inline void log_beta(alignments *a, Py_ssize_t t) noexcept nogil:
    """beta of step t := by that of step t + 1, with logarithms."""
    cdef Py_ssize_t j, L = a.L
    cdef const double *p = a.p + (t + 1) * a.K
    cdef double *b = a.beta
    cdef double *y = a.beta + L + 2
    cdef double *v_b = a.v
    cdef double *v_y = a.v + L + 2
    for j in range(2 * (L + 2)):
        a.v[j] = -INFINITY
    for j in range(a.first[t + 2], a.after[t + 1] + 1):
        v_b[j] = p[a.K - 1] + b[j]
    for j in range(a.first[t + 1], a.after[t + 2]):
        v_y[j] = p[a.y[j]] + y[j]
    for j in range(a.first[t + 1], a.after[t] + 1):
        b[j] = log_sum_of(v_b[j], v_y[j], -INFINITY)
    for j in range(a.first[t], a.after[t + 1]):
        y[j] = log_sum_of(v_y[j], v_b[j + 1], v_y[j + 1] if a.differs[j + 1] != 0 else -INFINITY)


cdef inline double log_probability(alignments *a, bint *logs) noexcept nogil:
    """log P of the labels that there is an alignment of, with alpha; `logs` := whether it is in logarithms."""
    cdef double log_P = 0
    find_probabilities(a.p, a.s, a.K, a.T, False)
    logs[0] = not scaled_alpha(a, &log_P)
    if logs[0]:
        find_probabilities(a.p, a.s, a.K, a.T, True)
        log_P = log_alpha(a)
    return log_P


cdef inline bint scaled_shares(alignments *a) noexcept nogil:
    """The shares of all steps, after alpha; False where a number was too large for that."""
    cdef Py_ssize_t t
    last_beta(a, False)
    for t in range(a.T - 1, -1, -1):
        if t < a.T - 1 and not scaled_beta(a, t):
            return False
        find_shares(a, t, False, 0)
    return True


cdef inline double spread_labels(alignments *a) noexcept nogil:
    """log P of the labels that there is an alignment of, and the shares. p has the probabilities, not their logarithms, at the end."""
    cdef Py_ssize_t t
    cdef bint logs
    cdef double log_P = log_probability(a, &logs)
    if not logs and scaled_shares(a):
        return log_P
    if not logs:
        find_probabilities(a.p, a.s, a.K, a.T, True)
        log_P = log_alpha(a)
    if log_P == -INFINITY:
        return log_P
    last_beta(a, True)
    for t in range(a.T - 1, -1, -1):
        if t < a.T - 1:
            log_beta(a, t)
        find_shares(a, t, True, log_P)
    find_probabilities(a.p, a.s, a.K, a.T, False)
    return log_P


cdef inline int log_probability_of(
    const double *s, Py_ssize_t K, Py_ssize_t T, const Py_ssize_t *codes, Py_ssize_t L, double *log_P,
) noexcept nogil:
    """log P of labels that there is an alignment of, by scores s (T, K); -1 where there is no memory."""
    cdef alignments a
    cdef bint logs
    if make_alignments(&a, K, T, L) < 0:
        return -1
    memcpy(a.y, codes, L * sizeof(Py_ssize_t))
    memcpy(a.s, s, T * K * sizeof(double))
    turn_to(&a, T, L)
    log_P[0] = log_probability(&a, &logs)
    free(a.memory)
    return 0
