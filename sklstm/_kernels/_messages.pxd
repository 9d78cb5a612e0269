"""Messages forward and backward along a chain, by which sums over all label sequences take T K^2 operations:

    alpha_t[j] = exp(s_t[j]) sum_i alpha_t-1[i] exp(transitions[i, j])
    beta_t[i] = sum_j exp(transitions[i, j] + s_t+1[j]) beta_t+1[j]

All is computed in double. Messages are scaled to the sum 1 at every step (Rabiner 1989), which needs no exponential for a pair of
labels. That is exact as long as no number gets close to the smallest double, which is watched: else the sequence is computed again
with logarithms. A score of -inf is a label, or a pair, that is not allowed.
"""
from libc.math cimport INFINITY, exp, log
from libc.stdlib cimport malloc
from libc.string cimport memset

from ._real cimport real


cdef enum:
    N_STEP_ARRAYS = 4       # of doubles for every step and label

cdef extern from *:
    """
    /* Smallest factor of a message, and smallest message, of scaled passes: products of all that are multiplied are above 1e-300. */
    #define LEAST_FACTOR 1e-80
    #define LEAST_MESSAGE 1e-100
    """
    double LEAST_FACTOR, LEAST_MESSAGE


cdef struct chain:
    Py_ssize_t K, T             # labels, and steps at most
    double *scores              # (K + 2, K) the structure; -inf for what is not allowed
    double *M                   # (K, K) exp(transitions - top)
    double *Mt                  # (K, K) its transpose
    double *start               # (K,) exp(start - start_top)
    double *end                 # (K,) exp(end - end_top)
    double top, start_top, end_top
    bint scales                 # whether all of these factors are large enough for scaled passes
    double *pairs               # (K, K) sum of what is to be multiplied by M to become expected numbers of pairs
    double *counts              # (K + 2, K) expected numbers of pairs, first labels and last labels
    # Of a sequence, (T, K) each:
    double *s                   # scores
    double *w                   # exp(s - its maximum)
    double *alpha               # or its logarithms
    double *beta                # the same, such that sum_k alpha_t[k] beta_t[k] = 1
    void *memory


cdef inline int make(chain *c, Py_ssize_t K, Py_ssize_t T) noexcept nogil:
    """Memory for K labels and T steps; -1 where there is none."""
    cdef double *place
    c.K, c.T = K, T
    c.memory = malloc((2 * (K + 2) * K + 3 * K * K + 2 * K + N_STEP_ARRAYS * T * K) * sizeof(double))
    if not c.memory:
        return -1
    place = <double *> c.memory
    c.scores, c.counts = place, place + (K + 2) * K
    place += 2 * (K + 2) * K
    c.M, c.Mt, c.pairs = place, place + K * K, place + 2 * K * K
    place += 3 * K * K
    c.start, c.end = place, place + K
    place += 2 * K
    c.s, c.w, c.alpha, c.beta = place, place + T * K, place + 2 * T * K, place + 3 * T * K
    memset(c.pairs, 0, K * K * sizeof(double))
    memset(c.counts, 0, (K + 2) * K * sizeof(double))
    return 0


cdef inline bint exponentials(Py_ssize_t n, const double *scores, double *out, double *top) noexcept nogil:
    """out := exp(scores - top) with their maximum; whether all are large enough, or 0 for -inf."""
    cdef Py_ssize_t k
    cdef double high = -INFINITY
    cdef bint large = True
    for k in range(n):
        if scores[k] > high:
            high = scores[k]
    top[0] = high
    if high == -INFINITY:
        return False
    for k in range(n):
        out[k] = exp(scores[k] - high)
        large = large and (out[k] >= LEAST_FACTOR or scores[k] == -INFINITY)
    return large


cdef inline void read_structure(chain *c, const real *structure, const double *allowed) noexcept nogil:
    """The tables of a chain; allowed (K + 2, K) is 0 for what is not, NULL for a chain that allows everything."""
    cdef Py_ssize_t K = c.K, n = (K + 2) * K, i, j
    for i in range(n):
        c.scores[i] = structure[i] if allowed == NULL or allowed[i] != 0 else -INFINITY
    c.scales = exponentials(K * K, c.scores, c.M, &c.top)
    c.scales = exponentials(K, c.scores + K * K, c.start, &c.start_top) and c.scales
    c.scales = exponentials(K, c.scores + (K + 1) * K, c.end, &c.end_top) and c.scales
    for i in range(K):
        for j in range(K):
            c.Mt[j * K + i] = c.M[i * K + j]


cdef inline void multiply_vector(Py_ssize_t K, const double *x, const double *A, double *out) noexcept nogil:
    """out (K,) := x A"""
    cdef Py_ssize_t i, j
    cdef double x_i
    for j in range(K):
        out[j] = x[0] * A[j]
    for i in range(1, K):
        x_i = x[i]
        for j in range(K):
            out[j] += x_i * A[i * K + j]


cdef inline bint scaled_pass(chain *c, Py_ssize_t T, double factor, double *log_Z) noexcept nogil:
    """Messages and log Z of the scores of a sequence, by scaling; `factor` times the pairs are added to those to be multiplied by M.

    False, with nothing added, where a number was too small.
    """
    cdef Py_ssize_t t, k, i, j, K = c.K
    cdef double *a
    cdef double *b
    cdef double *w
    cdef double *v
    cdef double top, norm, total = (T - 1) * c.top + c.start_top + c.end_top
    cdef bint sound = c.scales
    for t in range(T):
        a, w = c.alpha + t * K, c.w + t * K
        sound = exponentials(K, c.s + t * K, w, &top) and sound
        if not sound:
            return False
        if t == 0:
            for k in range(K):
                a[k] = c.start[k]
        else:
            multiply_vector(K, a - K, c.M, a)
        norm = 0
        for k in range(K):
            a[k] *= w[k]
            norm += a[k]
        for k in range(K):
            a[k] /= norm
            sound = sound and (a[k] >= LEAST_MESSAGE or a[k] == 0)
        for k in range(K):
            w[k] /= norm
        total += top + log(norm)
        sound = sound and norm >= LEAST_MESSAGE
        if not sound:
            return False
    a, norm = c.alpha + (T - 1) * K, 0
    for k in range(K):
        norm += a[k] * c.end[k]
    if not norm >= LEAST_MESSAGE:
        return False
    log_Z[0] = total + log(norm)
    b = c.beta + (T - 1) * K
    for k in range(K):
        b[k] = c.end[k] / norm if a[k] > 0 else 0
    for t in range(T - 2, -1, -1):
        # v := w_t+1 beta_t+1 over the norm of alpha_t+1, in place of w; beta_t = M v
        v, b, a = c.w + (t + 1) * K, c.beta + t * K, c.alpha + t * K
        for k in range(K):
            v[k] *= b[K + k]
        multiply_vector(K, v, c.Mt, b)
        for k in range(K):
            b[k] = b[k] if a[k] > 0 else 0
            sound = sound and (b[k] >= LEAST_MESSAGE or b[k] == 0)
    if not sound:
        return False
    for t in range(T - 1 if factor != 0 else 0):
        a, v = c.alpha + t * K, c.w + (t + 1) * K
        for i in range(K):
            norm = factor * a[i]
            for j in range(K):
                c.pairs[i * K + j] += norm * v[j]
    return True


cdef inline double log_sum(Py_ssize_t K, const double *x, const double *y, Py_ssize_t step) noexcept nogil:
    """log sum_k exp(x[k] + y[k step])"""
    cdef Py_ssize_t k
    cdef double top = -INFINITY, total = 0
    for k in range(K):
        if not x[k] + y[k * step] <= top:
            top = x[k] + y[k * step]
    if top == -INFINITY:
        return top
    for k in range(K):
        total += exp(x[k] + y[k * step] - top)
    return top + log(total)


cdef inline double log_pass(chain *c, Py_ssize_t T, double factor) noexcept nogil:
    """The same with logarithms of the messages, for scores of any range; `factor` times the pairs are added to the counts."""
    cdef Py_ssize_t t, i, j, K = c.K
    cdef double *a
    cdef double *b
    cdef double *w
    cdef double log_Z
    cdef const double *L = c.scores
    for t in range(T):
        a = c.alpha + t * K
        for j in range(K):
            a[j] = c.s[t * K + j] + (log_sum(K, a - K, L + j, K) if t else L[K * K + j])
    log_Z = log_sum(K, c.alpha + (T - 1) * K, L + (K + 1) * K, 1)
    for j in range(K):
        c.beta[(T - 1) * K + j] = L[(K + 1) * K + j] - log_Z
    for t in range(T - 2, -1, -1):
        a, b, w = c.alpha + t * K, c.beta + t * K, c.w + (t + 1) * K
        for j in range(K):
            w[j] = c.s[(t + 1) * K + j] + b[K + j]
        for i in range(K):
            b[i] = log_sum(K, w, L + i * K, 1)
            for j in range(K if factor != 0 else 0):
                c.counts[i * K + j] += factor * exp(a[i] + L[i * K + j] + w[j])
    return log_Z


cdef struct messages:
    double log_Z
    bint are_logs


cdef inline messages run_chain(chain *c, Py_ssize_t T, double factor) noexcept nogil:
    """Messages of the scores of a sequence, whose expected numbers, times the factor, are added to pairs and counts."""
    cdef messages m
    cdef Py_ssize_t k, K = c.K
    m.are_logs = not scaled_pass(c, T, factor, &m.log_Z)
    if m.are_logs:
        m.log_Z = log_pass(c, T, factor)
    for k in range(K if factor != 0 else 0):
        c.counts[K * K + k] += factor * marginal(c, &m, k)
        c.counts[(K + 1) * K + k] += factor * marginal(c, &m, (T - 1) * K + k)
    return m


cdef inline double marginal(const chain *c, const messages *m, Py_ssize_t place) noexcept nogil:
    """P(y_t = k) at place t K + k"""
    return exp(c.alpha[place] + c.beta[place]) if m.are_logs else c.alpha[place] * c.beta[place]
