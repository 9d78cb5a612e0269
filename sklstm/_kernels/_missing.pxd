"""What stands for values that are missing."""
from ._stages cimport Stage, batch


cdef class Missing(Stage):
    cdef:
        Py_ssize_t n_channels, n, width, n_sequences, n_rows, n_directions, gap
        bint decays
        const Py_ssize_t *channels
        const void *scale
        const void *offset
        const void *mean
        const void *known
        void *w[2]
        void *b[2]
        void *last[2]
        void *elapsed[2]
        void *deltas[2]
        void *x
        const void *dx
