"""Steps of streams from Python to Python: a step in, a new array of predictions out, and nothing else on the way."""
cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memcpy

from ._arrays cimport address, step_of
from ._engine cimport Engine, run_step, run_step_at
from ._given cimport pointer
from ._links cimport Decision, Link
from ._real cimport real

import numpy as np

PLAIN = "?biufcSUmM"    # letters of the kinds of dtype whose elements are nothing but their bytes

cdef object empty = np.empty


cdef class Answers:
    """Runs an engine step by step and returns what it predicts.

    Parameters
    ----------
    engine : Engine
        Of one direction, of which all sequences have begun.
    function : Link or Decision
        Function of the results of the engine.
    dtype : dtype
    shape : tuple of int
        Of the predictions: (n_sequences,) or (n_sequences, n_outputs).
    choices : ndarray, default=None
        With a decision, the labels that its codes stand for, of that dtype. With a link, the numbers (intp) of the columns that are
        predicted, in their order; None for all.
    """
    cdef:
        Engine engine
        Link link               # one of the two is None
        Decision decision
        Py_ssize_t n            # sequences
        Py_ssize_t K            # results of each
        Py_ssize_t D            # channels
        Py_ssize_t size         # predictions of all
        Py_ssize_t n_columns    # results of the link of each
        Py_ssize_t itemsize     # bytes of a prediction
        object dtype, shape, dtype_of_x
        object choices
        const char *chosen      # their elements; NULL where those are neither plain nor objects
        bint are_objects
        void *memory            # of the three that follow
        void *scores            # (n, K)
        void *linked            # (n, n_columns)
        Py_ssize_t *codes       # (size,)

    def __cinit__(self, Engine engine not None, function not None, dtype not None, tuple shape not None, choices=None):
        cdef Py_ssize_t itemsize = engine.weights.itemsize
        self.engine, self.dtype, self.shape = engine, dtype, shape
        self.dtype_of_x = np.dtype("f" if engine.weights.dtype == 0 else "d")
        self.n, self.K, self.D = engine.b.active, engine.width, engine.weights.input_size
        self.size, self.itemsize = shape[0] * (shape[1] if len(shape) == 2 else 1), dtype.itemsize
        if self.n < 1 or self.n != engine.b.n_sequences or engine.b.n_rows or engine.bidirectional or shape[0] != self.n:
            raise ValueError("Answers need an engine of single steps in one direction, all of whose sequences have begun.")
        if isinstance(function, Decision):
            self.decision = function
            read_labels(self, choices)
        else:
            self.link = function
            self.n_columns = self.K * self.link.entry.widening
            read_columns(self, choices)
        self.memory = PyMem_Malloc(self.n * (self.K + self.n_columns) * itemsize + self.size * sizeof(Py_ssize_t))
        if not self.memory:
            raise MemoryError
        self.codes = <Py_ssize_t *> self.memory
        self.scores = self.codes + self.size
        self.linked = <char *> self.scores + self.n * self.K * itemsize

    def __dealloc__(self):
        PyMem_Free(self.memory)

    cpdef step(self, x):
        """The predictions after one step of all sequences, as a new array.

        Parameters
        ----------
        x : buffer (n_sequences, D), or (D,) of one sequence
            As in `Engine.step`.

        Returns
        -------
        ndarray or None
            None, without a step, where x has a NaN or infinite number.
        """
        cdef const void *values = step_of(x, self.dtype_of_x, self.n, self.D)
        cdef bint done
        if values != NULL:
            done = run_step_at(self.engine, values, self.n, self.scores)
        else:
            done = run_step(self.engine, x, self.n, self.scores)
        if not done:
            return None
        predictions = empty(self.shape, self.dtype)
        if self.decision is not None:
            self.decision.apply(self.engine.weights.dtype, self.n, self.K, self.scores, self.codes)
            choose(self, predictions)
        elif self.choices is None:
            self.link.apply(self.engine.weights.dtype, self.n, self.K, self.scores, address(predictions))
        else:
            self.link.apply(self.engine.weights.dtype, self.n, self.K, self.scores, self.linked)
            if self.engine.weights.dtype == 0:
                take_columns(self, <const float *> self.linked, <float *> address(predictions))
            else:
                take_columns(self, <const double *> self.linked, <double *> address(predictions))
        return predictions


@cython.auto_pickle(False)
cdef class Steps:
    """What a stream inherits: its method `step`, which calls nothing in Python where a step is an array of the model's dtype.

    Attributes
    ----------
    _direct : Answers or None
        What takes such a step; None where nothing does.
    _decode : callable or None
        Function of what it returns.
    """
    cdef public Answers _direct
    cdef public object _decode

    def step(self, x_t, time=None):
        """Process the next step.

        Parameters
        ----------
        x_t : array-like of shape (n_streams, n_channels), or (n_channels,) for one stream
            Next step of each stream. The first step, also the first after `reset`, determines the number of streams. An array
            of the model's dtype in C order is not converted.
        time : number, datetime, timedelta, text in ISO 8601 or array-like of shape (n_streams,), default=None
            Time of the step, or of that of each stream, of a model that was fitted with `times`. It comes after that of the step
            before.

        Returns
        -------
        ndarray of shape (n_streams,) or (n_streams, n_outputs)
            Output of the response method for the steps so far or, with `return_sequences`, for this step.

        Raises
        ------
        ValueError
            If x_t has a wrong shape, is not numeric, or contains infinity, or NaN that `missing` does not allow, or if a time
            does not increase, or is not what the model was fitted with. The stream is unchanged.
        """
        cdef Answers direct = self._direct
        answer = None
        if direct is not None and time is None:
            try:
                answer = direct.step(x_t)
            except (ValueError, TypeError, BufferError):
                pass  # to be converted, or refused with the reason
        if answer is None:
            answer = self._step_converted(x_t, time)
        return answer if self._decode is None else self._decode(answer)


cdef int read_labels(Answers a, choices) except -1:
    """Check and keep the labels of the codes."""
    cdef Py_ssize_t wanted = a.K if a.decision.entry.n_codes == 0 else a.decision.entry.n_codes
    if choices.ndim != 1 or choices.dtype != a.dtype or choices.shape[0] < wanted:
        raise ValueError(f"Codes need {wanted} labels of dtype {a.dtype}, got {choices.shape} of {choices.dtype}.")
    if a.size != a.n * (a.K if a.decision.entry.of_each else 1):
        raise ValueError(f"{a.n} sequences have not so many labels: {a.shape}.")
    a.choices = choices.copy()  # nobody else's, who might change it
    a.are_objects = choices.dtype.kind == "O"
    if a.are_objects or choices.dtype.kind in PLAIN:
        a.chosen = address(a.choices)
    elif len(a.shape) != 1:
        raise ValueError(f"Labels of dtype {choices.dtype} must be one for each sequence.")
    return 0


cdef int read_columns(Answers a, choices) except -1:
    """Check and keep the columns of what is predicted."""
    cdef Py_ssize_t width = a.size // a.n, k
    cdef const Py_ssize_t *columns
    if a.dtype != a.dtype_of_x:
        raise ValueError(f"Predictions have the dtype of the weights, {a.dtype_of_x}, got {a.dtype}.")
    if choices is None:
        if width != a.n_columns:
            raise ValueError(f"{a.n_columns} columns are predicted, but there is room for {width}.")
        return 0
    a.choices = choices.copy()
    columns = <const Py_ssize_t *> pointer(a.choices, 2, width, 0)
    for k in range(width):
        if not 0 <= columns[k] < a.n_columns:
            raise ValueError(f"Columns must be in 0 .. {a.n_columns - 1}, got {columns[k]}.")
    a.chosen = <const char *> columns
    return 0


cdef int choose(Answers a, predictions) except -1:
    """predictions := the labels of the codes"""
    cdef Py_ssize_t k
    cdef char *out
    if a.chosen == NULL:
        for k in range(a.size):
            predictions[k] = a.choices[a.codes[k]]
        return 0
    out = address(predictions)
    if a.are_objects:
        for k in range(a.size):
            replace(<PyObject **> out + k, (<PyObject **> a.chosen)[a.codes[k]])
    else:
        for k in range(a.size):
            memcpy(out + k * a.itemsize, a.chosen + a.codes[k] * a.itemsize, a.itemsize)
    return 0


cdef inline void replace(PyObject **place, PyObject *label) noexcept:
    """An object in an array by another one"""
    cdef PyObject *before = place[0]
    Py_INCREF(<object> label)
    place[0] = label
    Py_XDECREF(before)


cdef void take_columns(Answers a, const real *linked, real *out) noexcept:
    """out (n, width) := the chosen columns of linked (n, n_columns)"""
    cdef Py_ssize_t r, k, width = a.size // a.n
    for r in range(a.n):
        for k in range(width):
            out[r * width + k] = linked[r * a.n_columns + (<const Py_ssize_t *> a.chosen)[k]]
