"""What callers hand over, checked and as pointers: nothing else of theirs reaches a kernel.

A typed memoryview would check the same in ten times the time.
"""
from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy


cdef char native_type(const char *format) noexcept nogil:
    """The letter of a format of one number in the machine's order of bytes, which may be named; 0 of any other."""
    cdef int one = 1
    if format == NULL:  # bytes
        return 0
    if format[0] in (c"@", c"=") or format[0] == (c"<" if (<char *> &one)[0] else c">"):
        format += 1
    return format[0] if format[0] != 0 and format[1] == 0 else 0


cdef int acquire(object array, Py_buffer *view, int dtype, Py_ssize_t size, bint writable) except -1:
    """The buffer of a C-contiguous array with so many elements (any number: -1) of float (dtype 0) or double (1), native."""
    cdef Py_ssize_t itemsize = sizeof(float) if dtype == 0 else sizeof(double), elements = 1
    cdef bint fits
    cdef int k
    PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0))
    # What has no dimension (a scalar) has no shape either.
    fits = view.ndim > 0 and view.shape != NULL and view.buf != NULL and view.suboffsets == NULL and view.itemsize == itemsize
    fits = fits and native_type(view.format) == (c"f" if dtype == 0 else c"d")
    if fits:
        for k in range(view.ndim):
            elements *= view.shape[k]
        fits = view.len == elements * itemsize and (size < 0 or elements == size)
    if not fits:
        PyBuffer_Release(view)
        expected = "" if size < 0 else f"{size} "
        raise ValueError(f"An array must have {expected}elements of the dtype of the weights, and at least one dimension.")
    return 0


cdef void *pointer(object array, int kind, Py_ssize_t rows, Py_ssize_t columns, bint writable=False) except? NULL:
    """Where the elements of a C-contiguous array begin, of shape (rows, columns), or (rows,) with columns 0; NULL for None. It
    has to be kept by the caller. The kind is 0 for float, 1 for double, 2 for the integers that count."""
    cdef Py_buffer view
    cdef Py_ssize_t size
    cdef bint fits
    cdef char letter
    if array is None:
        return NULL
    PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0))
    size = sizeof(float) if kind == 0 else sizeof(double) if kind == 1 else sizeof(Py_ssize_t)
    fits = view.ndim == (2 if columns else 1) and view.shape[0] == rows and (columns == 0 or view.shape[1] == columns)
    fits = fits and view.itemsize == size
    letter = native_type(view.format)
    fits = fits and (letter in (c"l", c"q", c"n") if kind == 2 else letter == (c"f" if kind == 0 else c"d"))
    PyBuffer_Release(&view)
    if not fits:
        raise ValueError(f"An array must have shape ({rows}, {columns or ''}), C order and the dtype of the weights.")
    return view.buf


cdef bint is_finite(const void *x, Py_ssize_t n, int dtype) noexcept nogil:
    """Whether none of x (n,) is NaN or infinite: has an exponent of ones."""
    cdef Py_ssize_t k
    cdef uint32_t found_32 = 0
    cdef uint64_t found_64 = 0
    if dtype == 0:
        for k in range(n):
            found_32 |= ((<const uint32_t *> x)[k] & 0x7f800000U) == 0x7f800000U
    else:
        for k in range(n):
            found_64 |= ((<const uint64_t *> x)[k] & 0x7ff0000000000000ULL) == 0x7ff0000000000000ULL
    return not (found_32 or found_64)


cdef class Given:
    """Some sequences; their buffers are held while this lives."""

    def __dealloc__(self):
        cdef Py_ssize_t k
        for k in range(self.n_views):
            PyBuffer_Release(&self.views[k])
        free(self.views)
        free(self.sequences)


cdef Given hold(object X, int dtype, Py_ssize_t D):
    """An array (n, T, D), or a list of arrays (T_i, D), the longest first: C-contiguous and of that dtype, as in `acquire`."""
    cdef:
        Given given = Given.__new__(Given)
        list items = list(X) if isinstance(X, list) else [X]  # nobody else's, who might shorten it
        int ndim = 2 if isinstance(X, list) else 3
        Py_ssize_t n_views = len(items), itemsize = sizeof(float) if dtype == 0 else sizeof(double), r, n
        Py_buffer *view
    if n_views == 0:
        raise ValueError("There must be a sequence.")
    given.views = <Py_buffer *> calloc(n_views, sizeof(Py_buffer))
    if not given.views:
        raise MemoryError
    for r in range(n_views):
        view = &given.views[r]
        acquire(items[r], view, dtype, -1, False)
        given.n_views += 1
        if view.ndim != ndim or view.shape[ndim - 1] != D or view.shape[ndim - 2] == 0 or view.shape[0] == 0:
            raise ValueError(f"A sequence must be (n_steps, {D}), with at least one step.")
        if view.shape[ndim - 2] > given.views[max(r - 1, 0)].shape[ndim - 2]:
            raise ValueError("The longest sequence must be first.")
    n = n_views if ndim == 2 else given.views[0].shape[0]
    given.sequences = <sequence *> calloc(n, sizeof(sequence))
    if not given.sequences:
        raise MemoryError
    for r in range(n):
        view = &given.views[r if ndim == 2 else 0]
        given.sequences[r].length = view.shape[ndim - 2]
        given.sequences[r].values = view.buf if ndim == 2 else <char *> view.buf + r * view.shape[1] * D * itemsize
        given.n_rows += given.sequences[r].length
    given.n = n
    return given


cdef bint all_finite(Given given, Py_ssize_t D, int dtype) noexcept nogil:
    cdef Py_ssize_t r
    for r in range(given.n):
        if not is_finite(given.sequences[r].values, given.sequences[r].length * D, dtype):
            return False
    return True


cdef Py_ssize_t pack_steps(
    const sequence *sequences, Py_ssize_t *active, Py_ssize_t first, Py_ssize_t n_steps, Py_ssize_t n_bytes, void *x,
    Py_ssize_t *starts,
) noexcept nogil:
    """The steps from `first` on into rows of x, of n_bytes each; returns the number of rows.

    active : IN/OUT, sequences that have not ended
    starts : (n_steps + 1,) OUT, the row at which each step begins
    """
    cdef Py_ssize_t n_rows = 0, t, r
    for t in range(n_steps):
        starts[t] = n_rows
        for r in range(active[0]):
            memcpy(<char *> x + (n_rows + r) * n_bytes, <const char *> sequences[r].values + (first + t) * n_bytes, n_bytes)
        n_rows += active[0]
        while active[0] and sequences[active[0] - 1].length == first + t + 1:
            active[0] -= 1
    starts[n_steps] = n_rows
    return n_rows
