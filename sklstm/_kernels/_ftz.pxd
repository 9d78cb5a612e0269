"""Flush-to-zero around a kernel; ftz.h says how."""
from libc.stdint cimport uint64_t


cdef extern from "ftz.h" nogil:
    uint64_t ftz_enter()
    void ftz_leave(uint64_t mode)
