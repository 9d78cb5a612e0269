"""Arrays of NumPy without its C API: where their elements are.

The buffer of an array takes 40 nanoseconds, a tenth of a step of a small network; its attributes take more.
"""
from libc.stdint cimport uintptr_t

import numpy as np

cdef extern from "ndarray.h":
    ctypedef struct sklstm_ndarray:
        char *data
        int nd
        Py_ssize_t *dimensions
        void *descr
        int flags
    enum:
        SKLSTM_C_CONTIGUOUS
        SKLSTM_ALIGNED

cdef object ndarray = np.ndarray


cdef bint is_as_declared() except -1:
    """Whether an array has the fields of ndarray.h where they say."""
    whole = np.zeros((3, 4, 5), np.float32)
    cdef sklstm_ndarray *a
    for array, flags in ((whole, SKLSTM_C_CONTIGUOUS | SKLSTM_ALIGNED), (whole[1:, :, 2:], SKLSTM_ALIGNED)):
        a = <sklstm_ndarray *> <void *> array
        if <uintptr_t> a.data != array.__array_interface__["data"][0] or a.nd != 3 or a.descr != <void *> array.dtype:
            return False
        if a.flags & (SKLSTM_C_CONTIGUOUS | SKLSTM_ALIGNED) != flags or tuple([a.dimensions[k] for k in range(3)]) != array.shape:
            return False
    return True


cdef bint declared = is_as_declared()


cdef char *address(object array) except? NULL:
    """Where the elements of an array begin; it has to be kept by the caller, and to be one of NumPy."""
    if declared:
        return (<sklstm_ndarray *> <void *> array).data
    return <char *> <uintptr_t> array.__array_interface__["data"][0]


cdef const void *step_of(object x, object dtype, Py_ssize_t n, Py_ssize_t D):
    """The elements of x where it is an array (n, D), or (D,) of one sequence, in C order and of that very dtype; else NULL."""
    cdef sklstm_ndarray *a = <sklstm_ndarray *> <void *> x
    if type(x) is not ndarray or not declared:
        return NULL
    if a.descr != <void *> dtype or a.flags & (SKLSTM_C_CONTIGUOUS | SKLSTM_ALIGNED) != SKLSTM_C_CONTIGUOUS | SKLSTM_ALIGNED:
        return NULL
    if a.nd == 2:
        return a.data if a.dimensions[0] == n and a.dimensions[1] == D else NULL
    return a.data if a.nd == 1 and n == 1 and a.dimensions[0] == D else NULL
