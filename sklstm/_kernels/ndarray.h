/* Where an array of NumPy keeps what: the first fields of PyArrayObject, which the macros of its C API have read since NumPy 1.0, so
   that they are part of its binary interface. Read without its headers, which no build needs then; _arrays.pyx checks them at import. */
#ifndef SKLSTM_NDARRAY_H
#define SKLSTM_NDARRAY_H

#include <Python.h>

typedef struct {
    PyObject_HEAD
    char *data;
    int nd;
    Py_ssize_t *dimensions;     /* (nd,) */
    Py_ssize_t *strides;        /* (nd,), bytes */
    PyObject *base;
    PyObject *descr;            /* the dtype */
    int flags;
} sklstm_ndarray;

enum { SKLSTM_C_CONTIGUOUS = 0x1, SKLSTM_ALIGNED = 0x100 };

#endif
