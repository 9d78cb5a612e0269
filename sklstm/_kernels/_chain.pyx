"""Losses of whole sequences.

Linear chains: the labels of a sequence as one outcome, whose score is a sum over its steps and over pairs of neighbours.

    score(y) = start[y_0] + sum_t s_t[y_t] + sum_t transitions[y_t-1, y_t] + end[y_T-1],    P(y) = exp(score(y)) / Z

with the scores s of the head and a structure (K + 2, K): the transitions, then start, then end (Lafferty, McCallum and Pereira 2001,
"Conditional random fields"). Sums over all label sequences are made by the messages of `_messages`.

Labels without their steps: -log P(labels) by the sums over all alignments of `_alignments`, and labels by the search of `_prefixes`.
"""
from libc.math cimport INFINITY, log
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from ._alignments cimport alignments, make_alignments, n_labels, read_scores, spread_labels, turn_to
from ._given cimport pointer
from ._losses cimport LossFunction, layout, lengths_of, row_of, scored
from ._messages cimport chain, log_sum, make, marginal, messages, read_structure, run_chain
from ._prefixes cimport best_path, free_prefixes, likelier_labels, make_prefixes, prefixes
from ._real cimport real

import numpy as np


cdef double path_score(chain *c, const Py_ssize_t *y, Py_ssize_t T, double factor) noexcept nogil:
    """The score of one label sequence, whose numbers, times the factor, are added to the counts."""
    cdef Py_ssize_t t, place, K = c.K
    cdef double score = 0
    for t in range(T):
        place = y[t] + K * (y[t - 1] if t else K)
        score += c.s[t * K + y[t]] + c.scores[place]
        c.counts[place] += factor
    place = y[T - 1] + K * (K + 1)
    c.counts[place] += factor
    return score + c.scores[place]


cdef double label_sequence(
    chain *c, const real *scores, const real *targets, Py_ssize_t width, const double *weights, const layout *rows, Py_ssize_t T,
    double total_weight, Py_ssize_t *y, real *dscores,
) noexcept nogil:
    """Weight times -log P(labels of a sequence), where steps of weight 0 have none: over their labels P is summed.

    dscores := its gradient over the total weight, P(y_t = k) - P(y_t = k | the labels); y (T,) is scratch.
    """
    cdef Py_ssize_t t, k, row, n_labelled = 0, K = c.K
    cdef double weight = 0, scale, loss, known
    cdef messages m
    for t in range(T):
        row = row_of(rows, t)
        y[t] = -1
        if weights[row] > 0:
            weight, y[t] = weights[row], <Py_ssize_t> targets[row * width]
            n_labelled += 1
    if n_labelled == 0:
        for t in range(T):
            memset(dscores + row_of(rows, t) * K, 0, K * sizeof(real))
        return 0
    scale = weight / total_weight
    read_scores(c.s, scores, rows, c.K, T)
    m = run_chain(c, T, scale)
    loss = m.log_Z
    for t in range(T):
        for k in range(K):
            dscores[row_of(rows, t) * K + k] = <real> (scale * (marginal(c, &m, t * K + k) - (k == y[t])))
    if n_labelled == T:
        return weight * (loss - path_score(c, y, T, -scale))
    for t in range(T):
        for k in range(K):
            if y[t] >= 0 and k != y[t]:
                c.s[t * K + k] = -INFINITY
    m = run_chain(c, T, -scale)
    for t in range(T):
        row = row_of(rows, t)
        for k in range(K if y[t] < 0 else 0):
            known = scale * marginal(c, &m, t * K + k)
            dscores[row * K + k] = <real> (dscores[row * K + k] - known)
    return weight * (loss - m.log_Z)


cdef double label_sequences(
    const scored *all, const double *allowed, const real *scores, const real *structure, real *dstructure,
) except? -1 nogil:
    cdef Py_ssize_t i, t = 0, K = all.K
    cdef double total = 0
    cdef chain c
    cdef layout rows
    cdef Py_ssize_t *y
    for i in range(all.n_sequences):
        t = max(t, all.lengths[i])
    y = <Py_ssize_t *> malloc(t * sizeof(Py_ssize_t))
    if not y or make(&c, K, t) < 0:
        free(y)
        with gil:
            raise MemoryError
    read_structure(&c, structure, allowed)
    rows.first, rows.starts = 0, all.starts
    for i in range(all.n_sequences):
        total += label_sequence(&c, scores, <const real *> all.targets, all.width, all.weights, &rows, all.lengths[i],
                                all.total_weight, y, <real *> all.dscores)
        rows.first += 1 if rows.starts != NULL else all.lengths[i]
    for i in range((K + 2) * K if dstructure != NULL else 0):
        if c.scores[i] > -INFINITY:
            dstructure[i] += <real> (c.counts[i] + (c.pairs[i] * c.M[i] if i < K * K else 0))
    free(c.memory)
    free(y)
    return total


cdef void find_marginals(chain *c, const real *scores, const layout *rows, Py_ssize_t T, bint logs, real *out) noexcept nogil:
    """out (rows, K) := P(y_t = k), or its logarithm"""
    cdef Py_ssize_t t, k, place
    cdef messages m
    read_scores(c.s, scores, rows, c.K, T)
    m = run_chain(c, T, 0)
    for t in range(T):
        for k in range(c.K):
            place = t * c.K + k
            if not logs:
                out[row_of(rows, t) * c.K + k] = <real> marginal(c, &m, place)
            elif m.are_logs:
                out[row_of(rows, t) * c.K + k] = <real> (c.alpha[place] + c.beta[place])
            else:
                out[row_of(rows, t) * c.K + k] = <real> (log(c.alpha[place]) + log(c.beta[place]))


cdef void find_path(chain *c, const real *scores, const layout *rows, Py_ssize_t T, Py_ssize_t *codes) noexcept nogil:
    """codes (rows,) := the label sequence with the highest score (Viterbi 1967); of equal ones the first label at the last step
    that differs."""
    cdef Py_ssize_t t, i, j, best, K = c.K
    cdef const double *before
    cdef double *a
    cdef double high
    cdef const double *L = c.scores
    read_scores(c.s, scores, rows, c.K, T)
    for j in range(K):
        c.alpha[j] = c.s[j] + L[K * K + j]
    for t in range(1, T):
        before, a = c.alpha + (t - 1) * K, c.alpha + t * K
        for j in range(K):
            best, high = 0, before[0] + L[j]
            for i in range(1, K):
                if before[i] + L[i * K + j] > high:
                    best, high = i, before[i] + L[i * K + j]
            c.beta[t * K + j] = best
            a[j] = high + c.s[t * K + j]
    a, best = c.alpha + (T - 1) * K, 0
    for j in range(1, K):
        if a[j] + L[(K + 1) * K + j] > a[best] + L[(K + 1) * K + best]:
            best = j
    for t in range(T - 1, -1, -1):
        codes[row_of(rows, t)] = best
        if t:
            best = <Py_ssize_t> c.beta[t * K + best]


cdef int decode(
    const double *allowed, Py_ssize_t n_sequences, const Py_ssize_t *lengths, Py_ssize_t K, const real *scores, const real *structure,
    bint logs, real *out, Py_ssize_t *codes,
) noexcept nogil:
    """The path of every sequence into codes, or without codes the marginals into out; -1 where there is no memory."""
    cdef Py_ssize_t i, longest = 0
    cdef chain c
    cdef layout rows
    for i in range(n_sequences):
        longest = max(longest, lengths[i])
    if make(&c, K, longest) < 0:
        return -1
    read_structure(&c, structure, allowed)
    rows.first, rows.starts = 0, NULL
    for i in range(n_sequences):
        if codes != NULL:
            find_path(&c, scores, &rows, lengths[i], codes)
        else:
            find_marginals(&c, scores, &rows, lengths[i], logs, out)
        rows.first += lengths[i]
    free(c.memory)
    return 0


cdef class ChainLogLoss(LossFunction):
    """l = -log P(labels of a sequence), with targets (n, 1) the label of each step, and weights of steps

    Steps of weight 0 have no label: P is then summed over all labels that they may have. The others have the weight of their
    sequence. A sequence without any label has the loss 0.

    Parameters
    ----------
    allowed : (K + 2, K) array, default=None
        Whether a label may follow another one, may be the first, and may be the last; None allows everything.
    """

    def __init__(self, *, allowed=None):
        LossFunction.__init__(self, 0, None if allowed is None else np.array(allowed, dtype=np.float64).ravel())
        self.is_structured = self.has_structure = True

    cdef int check(self, Py_ssize_t K, const void *structure, bint whole=True) except -1:
        LossFunction.check(self, K, structure, whole)
        if self.n_numbers and self.n_numbers != (K + 2) * K:
            raise ValueError(f"What is allowed must have shape ({K + 2}, {K}), got {self.n_numbers} numbers.")
        return 0

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return label_sequences(s, self.numbers, <const float *> s.scores, <const float *> s.structure, <float *> s.dstructure)
        return label_sequences(s, self.numbers, <const double *> s.scores, <const double *> s.structure, <double *> s.dstructure)

    def paths(self, scores, of):
        """The likeliest label sequences: codes (n,) for scores (n, K) of the sequences of a `Chain`."""
        codes = np.empty(len(scores), np.intp)
        self._decode(scores, of, False, None, codes)
        return codes

    def marginals(self, scores, of, bint logs=False):
        """Probabilities (n, K) of the labels of each step, or their logarithms."""
        out = np.empty_like(scores)
        self._decode(scores, of, logs, out, None)
        return out

    def _decode(self, scores, of, bint logs, out, codes):
        cdef Py_ssize_t n = scores.shape[0], K = scores.shape[1], n_sequences = len(of.lengths)
        cdef int dtype = 0 if scores.dtype.itemsize == sizeof(float) else 1, done
        cdef const Py_ssize_t *lengths = lengths_of(of.lengths, n)
        cdef const void *given = pointer(scores, dtype, n, K)
        cdef const void *structure = pointer(of.structure, dtype, K + 2, K)
        cdef void *result = pointer(out, dtype, n, K, True)
        cdef Py_ssize_t *found = <Py_ssize_t *> pointer(codes, 2, n, 0, True)
        self.check(K, structure)
        with nogil:
            if dtype == 0:
                done = decode(self.numbers, n_sequences, lengths, K, <const float *> given, <const float *> structure, logs,
                              <float *> result, found)
            else:
                done = decode(self.numbers, n_sequences, lengths, K, <const double *> given, <const double *> structure, logs,
                              <double *> result, found)
        if done < 0:
            raise MemoryError

    def allowed_scores(self, structure):
        """The structure (K + 2, K) in float64, -inf for what is not allowed."""
        cdef Py_ssize_t k, K = structure.shape[1]
        scores = np.array(structure, np.float64, order="C")
        cdef double *places = <double *> pointer(scores, 1, K + 2, K, True)
        self.check(K, places)
        for k in range(self.n_numbers):
            if self.numbers[k] == 0:
                places[k] = -INFINITY
        return scores


cdef class Filter:
    """What is known of the label of the last step of some sequences, step by step: P(y_t | x_0 .. x_t).

    It is alpha_t of the chain over the steps so far, without the scores of the end.

    Parameters
    ----------
    loss : ChainLogLoss
    structure : (K + 2, K) array
    n : int
        Number of sequences, none of which has begun.

    Attributes
    ----------
    logs : (n, K) array of float64
        Logarithms of these probabilities; 0 for sequences that have not begun.
    begun : (n,) array of intp
        Whether each has.
    """
    cdef:
        const double *L
        double *a
        Py_ssize_t *has_begun
        Py_ssize_t n, K
        object scores
        readonly object logs, begun, spare

    def __init__(self, ChainLogLoss loss not None, structure, Py_ssize_t n):
        self.scores = loss.allowed_scores(structure)
        self.n, self.K = n, structure.shape[1]
        self.logs, self.begun, self.spare = np.zeros((n, self.K)), np.zeros(n, np.intp), np.empty(self.K)
        self.L = <const double *> pointer(self.scores, 1, self.K + 2, self.K)
        self.a = <double *> pointer(self.logs, 1, n, self.K, True)
        self.has_begun = <Py_ssize_t *> pointer(self.begun, 2, n, 0, True)

    def step(self, scores):
        """Take the scores (n, K) of the next step of each sequence; `logs` are after it."""
        if scores.dtype.itemsize == sizeof(float):
            self.advance(<const float *> pointer(scores, 0, self.n, self.K))
        else:
            self.advance(<const double *> pointer(scores, 1, self.n, self.K))

    cdef void advance(self, const real *scores):
        cdef Py_ssize_t r, j, K = self.K
        cdef double *a
        cdef double *after = <double *> pointer(self.spare, 1, K, 0, True)
        cdef double norm
        for r in range(self.n):
            a = self.a + r * K
            for j in range(K):
                after[j] = scores[r * K + j] + (log_sum(K, a, self.L + j, K) if self.has_begun[r] else self.L[K * K + j])
            norm = log_sum(K, after, ZEROS, 0)
            for j in range(K):
                a[j] = after[j] - norm
            self.has_begun[r] = True


cdef double[1] ZEROS = [0.0]


# ---- labels without their steps ----


cdef double spread_sequence(
    alignments *a, const scored *all, const real *scores, const layout *rows, Py_ssize_t T, real *dscores,
) noexcept nogil:
    """Weight times -log P(labels), the targets of the first steps up to one that is no label.

    dscores := its gradient over the total weight, softmax(s_t) - P(step t has each label, or blank | labels). Labels that have no
    alignment have an infinite loss, and a gradient of 0.
    """
    cdef Py_ssize_t t, k, K = all.K, L = 0
    cdef double weight = all.weights[row_of(rows, 0)], scale = weight / all.total_weight, log_P = -INFINITY
    cdef const real *targets = <const real *> all.targets
    cdef real *ds
    if weight > 0:
        L = n_labels(targets, all.width, rows, T, K)
        for t in range(L):
            a.y[t] = <Py_ssize_t> targets[row_of(rows, t) * all.width]
        if turn_to(a, T, L):
            read_scores(a.s, scores, rows, K, T)
            log_P = spread_labels(a)
    for t in range(T):
        ds = dscores + row_of(rows, t) * K
        for k in range(K):
            ds[k] = <real> (scale * (a.p[t * K + k] - a.shares[t * K + k])) if log_P != -INFINITY else 0
    return weight * -log_P if weight > 0 else 0


cdef double spread_all(const scored *all, const real *scores) except? -1 nogil:
    cdef Py_ssize_t i, T = 0, L = 0
    cdef double total = 0
    cdef alignments a
    cdef layout rows
    rows.first, rows.starts = 0, all.starts
    for i in range(all.n_sequences):
        T = max(T, all.lengths[i])
        if all.weights[row_of(&rows, 0)] > 0:
            L = max(L, n_labels(<const real *> all.targets, all.width, &rows, all.lengths[i], all.K))
        rows.first += 1 if rows.starts != NULL else all.lengths[i]
    if make_alignments(&a, all.K, T, L) < 0:
        with gil:
            raise MemoryError
    rows.first = 0
    for i in range(all.n_sequences):
        total += spread_sequence(&a, all, scores, &rows, all.lengths[i], <real *> all.dscores)
        rows.first += 1 if rows.starts != NULL else all.lengths[i]
    free(a.memory)
    return total


cdef int read_labels(
    Py_ssize_t n_sequences, const Py_ssize_t *lengths, Py_ssize_t K, Py_ssize_t beam_width, const real *scores, Py_ssize_t *codes,
) noexcept nogil:
    """Labels of every sequence into codes, -1 behind them; -1 where there is no memory."""
    cdef Py_ssize_t i, n = 0, longest = 0
    cdef prefixes found
    cdef layout rows
    cdef double *s = NULL
    memset(&found, 0, sizeof(found))
    for i in range(n_sequences):
        longest = max(longest, lengths[i])
    if beam_width > 1:
        s = <double *> malloc(2 * longest * K * sizeof(double))
        if not s or make_prefixes(&found, K, longest, beam_width) < 0:
            free(s)
            free_prefixes(&found)
            return -1
    rows.first, rows.starts = 0, NULL
    for i in range(n_sequences):
        n = best_path(K, scores + rows.first * K, lengths[i], codes + rows.first)
        if beam_width > 1:
            read_scores(s, scores, &rows, K, lengths[i])
            n = likelier_labels(&found, s, lengths[i], s + longest * K, codes + rows.first, n)
            if n < 0:
                break
        while n < lengths[i]:
            codes[rows.first + n] = -1
            n += 1
        rows.first += lengths[i]
    free(s)
    free_prefixes(&found)
    return -1 if n < 0 else 0


cdef class CTCLogLoss(LossFunction):
    """l = -log P(labels of a sequence), summed over all alignments of its labels with its steps

    The targets (n, 1) of a sequence are its labels at its first steps, and -1 at the others: the last of K scores is that of blank.
    All steps of a sequence have one weight.
    """

    def __init__(self):
        LossFunction.__init__(self)
        self.is_structured = True

    cdef double evaluate(self, const scored *s) except? -1 nogil:
        if s.dtype == 0:
            return spread_all(s, <const float *> s.scores)
        return spread_all(s, <const double *> s.scores)

    def paths(self, scores, of, Py_ssize_t beam_width=1):
        """Labels by scores (n, K) of the steps of the sequences of a `Chain`: codes (n,) as targets are.

        With a beam width of 1 these are the labels of the likeliest alignment. Else a prefix beam search looks for the likeliest
        labels, and those two are compared.
        """
        cdef Py_ssize_t n = scores.shape[0], K = scores.shape[1], n_sequences = len(of.lengths)
        cdef int dtype = 0 if scores.dtype.itemsize == sizeof(float) else 1, done
        cdef const Py_ssize_t *lengths = lengths_of(of.lengths, n)
        cdef const void *given = pointer(scores, dtype, n, K)
        codes = np.empty(n, np.intp)
        cdef Py_ssize_t *found = <Py_ssize_t *> pointer(codes, 2, n, 0, True)
        with nogil:
            if dtype == 0:
                done = read_labels(n_sequences, lengths, K, beam_width, <const float *> given, found)
            else:
                done = read_labels(n_sequences, lengths, K, beam_width, <const double *> given, found)
        if done < 0:
            raise MemoryError
        return codes
