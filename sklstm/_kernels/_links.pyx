"""From the scores of a network to what it predicts: probabilities, their logarithms, quantiles in order, and codes of classes.

A link and a decision are functions of arrays in Python, and of pointers for the module that answers the steps of streams. Both are
the same loops, so that their results have the same bits.
"""
from cpython.buffer cimport PyBuffer_Release
from libc.math cimport exp, expf, isnan, log, log1p, log1pf
from libc.string cimport memcpy

from ._given cimport acquire, pointer
from ._real cimport real

import numpy as np


# ---- links: out (n, K or 2 K) := a function of scores (n, K) ----


cdef void identity(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    memcpy(out, scores, n * K * sizeof(real))


cdef void both_classes(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    """1 / (1 + exp(s)), 1 / (1 + exp(-s)) for each score s: not 1 - p, which rounds a small probability away."""
    cdef Py_ssize_t i
    for i in range(n * K):
        out[2 * i] = <real> (1 / (1 + exp(scores[i])))
        out[2 * i + 1] = <real> (1 / (1 + exp(-scores[i])))


cdef inline real log_expit_at(real s) noexcept nogil:
    """-log(1 + exp(-s)), without overflow"""
    if real is float:
        return s - log1pf(expf(s)) if s < 0 else -log1pf(expf(-s))
    else:
        return s - log1p(exp(s)) if s < 0 else -log1p(exp(-s))


cdef void log_both_classes(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    """Logarithms of `both_classes`"""
    cdef Py_ssize_t i
    for i in range(n * K):
        out[2 * i] = log_expit_at(-scores[i])
        out[2 * i + 1] = log_expit_at(scores[i])


cdef inline real expit_at(real s) noexcept nogil:
    """1 / (1 + exp(-s)), with each operation in the precision of s"""
    cdef real one = 1, e
    if real is float:
        e = expf(-s)
    else:
        e = exp(-s)
    e += one
    return one / e


cdef void expit(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n * K):
        out[i] = expit_at(scores[i])


cdef void log_expit(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n * K):
        out[i] = log_expit_at(scores[i])


cdef enum:
    FEW = 32    # scores of a row, whose exponentials are kept


cdef double largest(Py_ssize_t K, const real *s) noexcept nogil:
    cdef double top = s[0]
    cdef Py_ssize_t k
    for k in range(1, K):
        top = max(top, s[k])
    return top


cdef void softmax(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    """exp(s_k) / sum of exp(s), of the scores s of each row"""
    cdef Py_ssize_t i, k
    cdef double top, norm
    cdef double[FEW] kept
    cdef const real *s
    for i in range(n):
        s = scores + i * K
        top, norm = largest(K, s), 0
        if K <= FEW:
            for k in range(K):
                kept[k] = exp(s[k] - top)
                norm += kept[k]
            for k in range(K):
                out[i * K + k] = <real> (kept[k] / norm)
            continue
        for k in range(K):
            norm += exp(s[k] - top)
        for k in range(K):
            out[i * K + k] = <real> (exp(s[k] - top) / norm)


cdef void log_softmax(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    """s_k - log of the sum of exp(s), of the scores s of each row"""
    cdef Py_ssize_t i, k
    cdef double top, norm
    cdef const real *s
    for i in range(n):
        s = scores + i * K
        top, norm = largest(K, s), 0
        for k in range(K):
            norm += exp(s[k] - top)
        norm = log(norm)
        for k in range(K):
            out[i * K + k] = <real> (s[k] - top - norm)


cdef void exponential(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n * K):
        out[i] = <real> exp(scores[i])


cdef void ascending(Py_ssize_t n, Py_ssize_t K, const real *scores, real *out) noexcept nogil:
    """The scores of each row, sorted; NaN last. They are few, and mostly in order."""
    cdef Py_ssize_t i, k, place
    cdef real s
    cdef real *row
    for i in range(n):
        row = out + i * K
        for k in range(K):
            s, place = scores[i * K + k], k
            while place > 0 and (row[place - 1] > s or isnan(row[place - 1]) and not isnan(s)):
                row[place] = row[place - 1]
                place -= 1
            row[place] = s


# ---- decisions: codes (n,) or (n, K) := of scores (n, K) ----


cdef void likelier_class(Py_ssize_t n, Py_ssize_t K, const real *scores, Py_ssize_t *codes) noexcept nogil:
    """1 where the second probability of `both_classes` is more than a half"""
    cdef Py_ssize_t i
    for i in range(n * K):
        codes[i] = <real> (1 / (1 + exp(-scores[i]))) > 0.5


cdef void likelier_labels(Py_ssize_t n, Py_ssize_t K, const real *scores, Py_ssize_t *codes) noexcept nogil:
    """1 where `expit` is more than a half"""
    cdef Py_ssize_t i
    for i in range(n * K):
        codes[i] = expit_at(scores[i]) > 0.5


cdef void likeliest_class(Py_ssize_t n, Py_ssize_t K, const real *scores, Py_ssize_t *codes) noexcept nogil:
    """The first of the largest scores of each row; NaN counts as the largest."""
    cdef Py_ssize_t i, k, best
    cdef const real *s
    for i in range(n):
        s, best = scores + i * K, 0
        for k in range(1, K):
            if s[k] > s[best] or isnan(s[k]) and not isnan(s[best]):
                best = k
        codes[i] = best


cdef link_entry[9] LINKS = [
    link_entry(b"identity", 1, identity[float], identity[double]),
    link_entry(b"both_classes", 2, both_classes[float], both_classes[double]),
    link_entry(b"log_both_classes", 2, log_both_classes[float], log_both_classes[double]),
    link_entry(b"expit", 1, expit[float], expit[double]),
    link_entry(b"log_expit", 1, log_expit[float], log_expit[double]),
    link_entry(b"softmax", 1, softmax[float], softmax[double]),
    link_entry(b"log_softmax", 1, log_softmax[float], log_softmax[double]),
    link_entry(b"exp", 1, exponential[float], exponential[double]),
    link_entry(b"ascending", 1, ascending[float], ascending[double]),
]
cdef decision_entry[3] DECISIONS = [
    decision_entry(b"likelier_class", False, 2, likelier_class[float], likelier_class[double]),
    decision_entry(b"likelier_labels", True, 2, likelier_labels[float], likelier_labels[double]),
    decision_entry(b"likeliest_class", False, 0, likeliest_class[float], likeliest_class[double]),
]


cdef class Link:
    """A function of scores (n, K), float32 or float64, with results of that dtype.

    Parameters
    ----------
    name : {"identity", "both_classes", "log_both_classes", "expit", "log_expit", "softmax", "log_softmax", "exp", "ascending"}
        "identity" returns the scores themselves.
    """

    def __cinit__(self, str name not None):
        cdef bytes wanted = name.encode()
        cdef int k
        for k in range(9):
            if LINKS[k].name == wanted:
                self.entry = &LINKS[k]
                return
        raise ValueError(f"There is no link {name!r}.")

    cdef void apply(self, int dtype, Py_ssize_t n, Py_ssize_t K, const void *scores, void *out) noexcept nogil:
        if dtype == 0:
            self.entry.of_floats(n, K, <const float *> scores, <float *> out)
        else:
            self.entry.of_doubles(n, K, <const double *> scores, <double *> out)

    def __call__(self, scores):
        if self.entry == &LINKS[0]:
            return scores
        scores = np.ascontiguousarray(scores)
        cdef Py_ssize_t n = scores.shape[0], K = scores.shape[1]
        cdef int dtype = scores.dtype.char == "d"
        cdef Py_buffer given, result
        out = np.empty((n, self.entry.widening * K), scores.dtype)
        acquire(scores, &given, dtype, n * K, False)
        acquire(out, &result, dtype, n * K * self.entry.widening, True)
        with nogil:
            self.apply(dtype, n, K, given.buf, result.buf)
        PyBuffer_Release(&result)
        PyBuffer_Release(&given)
        return out

    def __reduce__(self):
        return Link, (self.entry.name.decode(),)


cdef class Decision:
    """A function of scores (n, K), float32 or float64, that returns codes: integers (n,), or (n, K) where each score has one.

    Parameters
    ----------
    name : {"likelier_class", "likelier_labels", "likeliest_class"}
    """

    def __cinit__(self, str name not None):
        cdef bytes wanted = name.encode()
        cdef int k
        for k in range(3):
            if DECISIONS[k].name == wanted:
                self.entry = &DECISIONS[k]
                return
        raise ValueError(f"There is no decision {name!r}.")

    cdef void apply(self, int dtype, Py_ssize_t n, Py_ssize_t K, const void *scores, Py_ssize_t *codes) noexcept nogil:
        if dtype == 0:
            self.entry.on_floats(n, K, <const float *> scores, codes)
        else:
            self.entry.on_doubles(n, K, <const double *> scores, codes)

    def __call__(self, scores):
        scores = np.ascontiguousarray(scores)
        cdef Py_ssize_t n = scores.shape[0], K = scores.shape[1]
        cdef int dtype = scores.dtype.char == "d"
        cdef Py_buffer given
        codes = np.empty(scores.shape[: 2 if self.entry.of_each else 1], np.intp)
        acquire(scores, &given, dtype, n * K, False)
        cdef Py_ssize_t *found = <Py_ssize_t *> pointer(codes, 2, n, K if self.entry.of_each else 0, True)
        with nogil:
            self.apply(dtype, n, K, given.buf, found)
        PyBuffer_Release(&given)
        return codes

    def __reduce__(self):
        return Decision, (self.entry.name.decode(),)
