"""A network that runs, for the module that answers steps."""
from ._forward cimport buffers
from ._weights cimport Weights


cdef class Engine:
    cdef:
        readonly Weights weights
        buffers b
        bint bidirectional
        Py_ssize_t width                    # of a result
        void *memory

    cdef int reserve(self, Py_ssize_t n_sequences, Py_ssize_t n_rows) except -1


cdef bint run_step(Engine e, object x, Py_ssize_t n, void *out) except -1

cdef bint run_step_at(Engine e, const void *x, Py_ssize_t n, void *out) noexcept
