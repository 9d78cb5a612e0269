"""Prefix beam search: labels by the probabilities of steps (Graves 2012; Hannun et al. 2014, "First-pass large vocabulary continuous
speech recognition using bi-directional recurrent DNNs").

A prefix is a sequence of labels of the steps so far. Its probability is the sum over all alignments of these steps that have it,
in two parts: of those that end with blank (b), and with its last label (y). The `width` likeliest prefixes are kept:

    b' = p[blank] (b + y),    y' = p[last] (y + what comes from the prefix without the last label)
    from a prefix to the one with label k behind it:  p[k] (b + y),  or p[k] b where k is its last label

A beam that holds all prefixes finds the likeliest labels. Prefixes are nodes of a tree, each with its labels on the way to the root.
"""
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from ._alignments cimport find_probabilities, log_probability_of
from ._real cimport real


cdef struct prefixes:
    Py_ssize_t K, width         # scores of a step, the last of which is that of blank; prefixes that are kept
    Py_ssize_t n, n_nodes       # prefixes in the beam, nodes of the tree
    # Of nodes; -1 for none:
    Py_ssize_t *parent
    Py_ssize_t *label
    Py_ssize_t *child           # one of its children
    Py_ssize_t *sibling         # the next child of its parent
    Py_ssize_t *place           # where it is in the beam
    # Of the beam, and of the one that follows:
    Py_ssize_t *node
    Py_ssize_t *next_node
    double *b
    double *y
    double *next_b
    double *next_y
    # Of what may follow prefix i: place i K + k with label k behind it, place i K + K - 1 the prefix itself.
    double *value               # (width K,)
    Py_ssize_t *heap            # (width,) the largest, the smallest of those first
    Py_ssize_t *labels          # (T,) the result
    void *integers
    void *numbers


cdef inline void free_prefixes(prefixes *s) noexcept nogil:
    free(s.integers)
    free(s.numbers)


cdef inline int make_prefixes(prefixes *s, Py_ssize_t K, Py_ssize_t T, Py_ssize_t width) noexcept nogil:
    """Memory for T steps at most; -1 where there is none."""
    cdef Py_ssize_t n = 1 + T * width
    cdef Py_ssize_t *place
    s.K, s.width = K, width
    s.integers = malloc((5 * n + 3 * width + T) * sizeof(Py_ssize_t))
    s.numbers = malloc((4 * width + width * K) * sizeof(double))
    if not s.integers or not s.numbers:
        return -1
    place = <Py_ssize_t *> s.integers
    s.parent, s.label, s.child, s.sibling, s.place = place, place + n, place + 2 * n, place + 3 * n, place + 4 * n
    place += 5 * n
    s.node, s.next_node, s.heap, s.labels = place, place + width, place + 2 * width, place + 3 * width
    s.b = <double *> s.numbers
    s.y, s.next_b, s.next_y, s.value = s.b + width, s.b + 2 * width, s.b + 3 * width, s.b + 4 * width
    return 0


cdef inline Py_ssize_t new_node(prefixes *s, Py_ssize_t parent, Py_ssize_t label) noexcept nogil:
    cdef Py_ssize_t node = s.n_nodes
    s.parent[node], s.label[node], s.child[node], s.sibling[node], s.place[node] = parent, label, -1, -1, -1
    if parent >= 0:
        s.sibling[node], s.child[parent] = s.child[parent], node
    s.n_nodes += 1
    return node


cdef inline Py_ssize_t node_behind(prefixes *s, Py_ssize_t parent, Py_ssize_t label) noexcept nogil:
    """The child of a node with a label; it may have left the beam before."""
    cdef Py_ssize_t node = s.child[parent]
    while node >= 0 and s.label[node] != label:
        node = s.sibling[node]
    return node if node >= 0 else new_node(s, parent, label)


cdef inline bint is_less(const double *value, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    return value[i] < value[j] or (value[i] == value[j] and i > j)


cdef inline Py_ssize_t largest(prefixes *s, Py_ssize_t n_values) noexcept nogil:
    """heap := places of the largest positive values, of equal ones the first; returns their number."""
    cdef Py_ssize_t i, at, up, down, n = 0
    cdef Py_ssize_t *heap = s.heap
    cdef const double *value = s.value
    for i in range(n_values):
        if not value[i] > 0 or (n == s.width and not is_less(value, heap[0], i)):
            continue
        if n < s.width:
            at, n = n, n + 1
            while at > 0:
                up = (at - 1) // 2
                if not is_less(value, i, heap[up]):
                    break
                heap[at] = heap[up]
                at = up
        else:
            at, down = 0, 1
            while down < n:
                if down + 1 < n and is_less(value, heap[down + 1], heap[down]):
                    down += 1
                if not is_less(value, heap[down], i):
                    break
                heap[at] = heap[down]
                at, down = down, 2 * down + 1
        heap[at] = i
    return n


cdef inline void follow(prefixes *s, const double *p) noexcept nogil:
    """next_b, next_y and values := of what may follow the beam by the probabilities p (K,) of a step."""
    cdef Py_ssize_t i, j, k, K = s.K, last
    cdef double total
    for i in range(s.n):
        last, total = s.label[s.node[i]], s.b[i] + s.y[i]
        for k in range(K - 1):
            s.value[i * K + k] = p[k] * (s.b[i] if k == last else total)
        s.next_b[i] = p[K - 1] * total
        s.next_y[i] = p[last] * s.y[i] if last >= 0 else 0
    for i in range(s.n):
        if s.parent[s.node[i]] >= 0:
            j = s.place[s.parent[s.node[i]]]
            if j >= 0:  # this prefix follows another one in the beam
                k = j * K + s.label[s.node[i]]
                s.next_y[i] += s.value[k]
                s.value[k] = 0
    for i in range(s.n):
        s.value[i * K + K - 1] = s.next_b[i] + s.next_y[i]


cdef inline void keep(prefixes *s, Py_ssize_t n) noexcept nogil:
    """The beam := the n prefixes that the heap names, scaled to the largest value 1."""
    cdef Py_ssize_t i, j, k, K = s.K
    cdef double top = 0, scale
    for i in range(s.n):
        s.place[s.node[i]] = -1
    for i in range(n):
        top = max(top, s.value[s.heap[i]])
    scale = 1 / top
    for i in range(n):
        j, k = s.heap[i] // K, s.heap[i] % K
        s.next_node[i] = s.node[j] if k == K - 1 else node_behind(s, s.node[j], k)
    for i in range(n):
        j, k = s.heap[i] // K, s.heap[i] % K
        s.b[i] = scale * s.next_b[j] if k == K - 1 else 0
        s.y[i] = scale * (s.next_y[j] if k == K - 1 else s.value[s.heap[i]])
        s.place[s.next_node[i]] = i
    s.node, s.next_node = s.next_node, s.node
    s.n = n


cdef inline Py_ssize_t search(prefixes *s, const double *p, Py_ssize_t T) noexcept nogil:
    """labels := those of the likeliest prefix after T steps of probabilities p (T, K); returns their number."""
    cdef Py_ssize_t t, i, n, node, best = 0
    s.n_nodes = 0
    s.node[0] = new_node(s, -1, -1)
    s.place[0], s.n, s.b[0], s.y[0] = 0, 1, 1, 0
    for t in range(T):
        follow(s, p + t * s.K)
        n = largest(s, s.n * s.K)
        if n == 0:  # of probabilities that are NaN
            break
        keep(s, n)
    for i in range(s.n):
        if s.b[i] + s.y[i] > s.b[best] + s.y[best]:
            best = i
    n, node = 0, s.node[best]
    while s.parent[node] >= 0:
        n, node = n + 1, s.parent[node]
    i, node = n, s.node[best]
    while i > 0:
        i -= 1
        s.labels[i], node = s.label[node], s.parent[node]
    return n


cdef inline Py_ssize_t best_path(Py_ssize_t K, const real *scores, Py_ssize_t T, Py_ssize_t *codes) noexcept nogil:
    """codes := the labels of the alignment with the highest probability; returns their number."""
    cdef Py_ssize_t t, k, best, last = K - 1, n = 0
    for t in range(T):
        best = 0
        for k in range(1, K):
            if scores[t * K + k] > scores[t * K + best]:
                best = k
        if best != last and best != K - 1:
            codes[n] = best
            n += 1
        last = best
    return n


cdef inline Py_ssize_t likelier_labels(
    prefixes *found, const double *s, Py_ssize_t T, double *p, Py_ssize_t *codes, Py_ssize_t n,
) noexcept nogil:
    """Labels that the search finds into codes, if they are likelier than the n that are there; returns the number of those that
    are there then, or -1 where there is no memory."""
    cdef Py_ssize_t m
    cdef double before = 0, after = 0
    find_probabilities(p, s, found.K, T, False)
    m = search(found, p, T)
    if m == n and memcmp(found.labels, codes, n * sizeof(Py_ssize_t)) == 0:
        return n
    if log_probability_of(s, found.K, T, codes, n, &before) < 0 or log_probability_of(s, found.K, T, found.labels, m, &after) < 0:
        return -1
    if not after > before:
        return n
    memcpy(codes, found.labels, m * sizeof(Py_ssize_t))
    return m
