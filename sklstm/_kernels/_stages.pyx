"""The stages of a network that is bound to its weights and to buffers.

A stage is a part of a network (input layer, recurrent layer, dropout, pooling, head) with pointers to its parameters, to what it
reads and to what it writes. They are bound once, when the workspace is made: what changes from minibatch to minibatch is in the
struct `batch`, and no Python object is touched while stages run. Whatever a stage points to, it keeps.

Of each minibatch the steps are all in one chunk, or in several. Over them a network calls its stages in order:

    begin       once, before the first chunk
    forward     for each chunk
    finish      once, after the last chunk
    recompute   before the backward pass of a chunk whose forward pass is not the last one: what `backward` reads, once more
    backward    for each chunk, in the opposite order of the stages, after the gradient of what they write is known
    carry       after a chunk that sequences continue beyond: keep their states for the next

Parameters of a stage are views of one flat vector, theta, and their gradients are added to another one of the same layout, which
comes with the batch: several gradients can be computed with the same weights.
"""
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer

from ._given cimport native_type
from ._real cimport real


cdef class Stage:
    """What the stages share. Each method does nothing unless a stage has its own."""

    cdef int bind(self, theta) except -1:
        """Begin to bind: parameters will be views of this vector, and all buffers have its dtype."""
        if theta.dtype.char not in "fd":
            raise TypeError(f"Weights are float32 or float64, got {theta.dtype}.")
        self.itemsize = theta.dtype.itemsize
        self.dtype = 0 if self.itemsize == sizeof(float) else 1
        self.kept = []
        self.theta = <const char *> self.hold(theta, len(theta), 0)
        return 0

    cdef void *hold(
        self, array, Py_ssize_t rows, Py_ssize_t columns, bint writable=False, Py_ssize_t *ld=NULL,
    ) except? NULL:
        """Where an array begins, which is kept; NULL for None.

        It has at least so many rows, of so many columns, and with columns 0 so many elements. Rows may lie apart where the caller
        wants to know by how many elements, `ld`.
        """
        cdef Py_buffer view
        cdef bint fits
        if array is None:
            return NULL
        PyObject_GetBuffer(array, &view, PyBUF_STRIDES | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0))
        fits = view.ndim == (2 if columns else 1) and view.itemsize == self.itemsize and view.shape[0] >= rows
        fits = fits and native_type(view.format) == (c"f" if self.dtype == 0 else c"d")
        if fits and columns:
            fits = view.shape[1] == columns and (columns == 1 or view.strides[1] == view.itemsize)
            if ld != NULL:
                ld[0] = view.strides[0] // view.itemsize if view.shape[0] > 1 else columns
            elif view.shape[0] > 1:
                fits = fits and view.strides[0] == columns * view.itemsize
        elif fits:
            fits = view.shape[0] < 2 or view.strides[0] == view.itemsize
        PyBuffer_Release(&view)
        if not fits:
            raise ValueError(
                f"An array must have {rows} rows of {columns or 1} columns or more, C order and the dtype of the weights, got shape"
                f" {array.shape} and {array.dtype}."
            )
        self.kept.append(array)
        return view.buf

    cdef void begin(self, const batch *b) noexcept nogil:
        pass

    cdef int forward(self, const batch *b) except -1 nogil:
        return 0

    cdef int recompute(self, const batch *b) except -1 nogil:
        return self.forward(b)

    cdef void finish(self, const batch *b) noexcept nogil:
        pass

    cdef void backward(self, const batch *b) noexcept nogil:
        pass

    cdef void carry(self, const batch *b) noexcept nogil:
        pass


cdef class Dropout(Stage):
    """out := x mask; the mask is drawn in Python, before the forward pass.

    Parameters
    ----------
    theta : (n_params,) array
    x : (n_rows, width) array, or None for what the first stage reads
    mask, out : (n_rows, width) arrays
    dx : (n_rows, width) array
        Gradient of out, and after the backward pass of x.
    """

    def __init__(self, theta, x, mask, out, dx):
        cdef Py_ssize_t n_rows
        self.bind(theta)
        n_rows, self.width = out.shape
        self.x = self.hold(x, n_rows, self.width)
        self.mask = self.hold(mask, n_rows, self.width)
        self.out = self.hold(out, n_rows, self.width, True)
        self.dx = self.hold(dx, n_rows, self.width, True)

    cdef int forward(self, const batch *b) except -1 nogil:
        cdef const void *x = self.x if self.x != NULL else b.values
        if self.dtype == 0:
            multiply_by(b.n_rows * self.width, <const float *> x, <const float *> self.mask, <float *> self.out)
        else:
            multiply_by(b.n_rows * self.width, <const double *> x, <const double *> self.mask, <double *> self.out)
        return 0

    cdef void backward(self, const batch *b) noexcept nogil:
        if self.dtype == 0:
            multiply_by(b.n_rows * self.width, <const float *> self.dx, <const float *> self.mask, <float *> self.dx)
        else:
            multiply_by(b.n_rows * self.width, <const double *> self.dx, <const double *> self.mask, <double *> self.dx)


cdef void multiply_by(Py_ssize_t n, const real *x, const real *mask, real *out) noexcept nogil:
    """out (n,) := x mask; out may be x"""
    cdef Py_ssize_t j
    for j in range(n):
        out[j] = x[j] * mask[j]
