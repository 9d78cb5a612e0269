"""Steps of streams from Python to Python: a step in, a new array of predictions out, and nothing else on the way."""
cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy

from ._engine cimport Engine, run_step
from ._given cimport pointer
from ._links cimport Decision, Link
from ._real cimport real

PLAIN = "?biufcSUmM"    # letters of the kinds of dtype whose elements are nothing but their bytes


cdef class Answers:
    """Runs an engine step by step and returns what it predicts.

    Parameters
    ----------
    engine : Engine
        Of which all sequences have begun.
    function : Link or Decision
        Function of the results of the engine.
    template : ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
        Array of the dtype and shape of the predictions, in C order. It belongs to this object: a prediction is a copy of it, which
        takes less time than a new array and the question where its elements are.
    choices : ndarray, default=None
        With a decision, the labels that its codes stand for. With a link, the numbers (intp) of the columns that are predicted, in
        their order; None for all.
    """
    cdef:
        Engine engine
        Link link               # one of the two is None
        Decision decision
        Py_ssize_t n            # sequences
        Py_ssize_t K            # results of each
        Py_ssize_t size         # predictions of all
        Py_ssize_t n_columns    # results of the link of each
        Py_ssize_t itemsize     # bytes of a prediction
        object template, copy
        char *predictions       # elements of the template; NULL where they are not plain
        object choices
        const char *chosen      # elements of the choices; NULL likewise
        void *memory            # of the three that follow
        void *scores            # (n, K)
        void *linked            # (n, n_columns), or where all are predicted the template
        Py_ssize_t *codes       # (size,)

    def __cinit__(self, Engine engine not None, function not None, template not None, choices=None):
        self.engine, self.template, self.copy = engine, template, template.copy
        self.n, self.K = engine.b.active, engine.width
        self.size, self.itemsize = template.size, template.itemsize
        if self.n < 1 or self.n != engine.b.n_sequences or engine.b.n_rows or not template.flags.c_contiguous:
            raise ValueError("Answers need an engine of single steps, all of whose sequences have begun, and a template in C order.")
        if isinstance(function, Decision):
            self.decision = function
            self.n_columns = 0
            read_labels(self, choices)
        else:
            self.link = function
            self.n_columns = self.K * self.link.entry.widening
            read_columns(self, choices)
        cdef Py_ssize_t itemsize = engine.weights.itemsize
        self.memory = PyMem_Malloc(self.n * (self.K + self.n_columns) * itemsize + self.size * sizeof(Py_ssize_t))
        if not self.memory:
            raise MemoryError
        self.codes = <Py_ssize_t *> self.memory
        self.scores = self.codes + self.size
        self.linked = <char *> self.scores + self.n * self.K * itemsize
        if self.link is not None and self.choices is None:
            self.linked = self.predictions

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
        if not run_step(self.engine, x, self.n, self.scores):
            return None
        if self.decision is not None:
            self.decision.apply(self.engine.weights.dtype, self.n, self.K, self.scores, self.codes)
            choose(self)
        else:
            self.link.apply(self.engine.weights.dtype, self.n, self.K, self.scores, self.linked)
            if self.choices is not None:
                if self.engine.weights.dtype == 0:
                    take_columns(self, <const float *> self.linked, <float *> self.predictions)
                else:
                    take_columns(self, <const double *> self.linked, <double *> self.predictions)
        return self.copy()


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

    def step(self, x_t):
        """Process the next step.

        Parameters
        ----------
        x_t : array-like of shape (n_streams, n_channels), or (n_channels,) for one stream
            Next step of each stream. The first step, also the first after `reset`, determines the number of streams. An array
            of the model's dtype in C order is not converted.

        Returns
        -------
        ndarray of shape (n_streams,) or (n_streams, n_outputs)
            Output of the response method for the steps so far or, with `return_sequences`, for this step.

        Raises
        ------
        ValueError
            If x_t has a wrong shape, is not numeric, or contains NaN or infinity. The stream is unchanged.
        """
        cdef Answers direct = self._direct
        answer = None
        if direct is not None:
            try:
                answer = direct.step(x_t)
            except (ValueError, TypeError, BufferError):
                pass  # to be converted, or refused with the reason
        if answer is None:
            answer = self._step_converted(x_t)
        return answer if self._decode is None else self._decode(answer)


cdef int read_labels(Answers a, choices) except -1:
    """Check and keep the labels of the codes."""
    cdef Py_ssize_t wanted = a.K if a.decision.entry.n_codes == 0 else a.decision.entry.n_codes
    if choices.ndim != 1 or choices.dtype != a.template.dtype or choices.shape[0] < wanted:
        raise ValueError(f"Codes need {wanted} labels of dtype {a.template.dtype}, got {choices.shape} of {choices.dtype}.")
    if a.size != a.n * (a.K if a.decision.entry.of_each else 1):
        raise ValueError(f"{a.n} sequences have not so many labels: {a.template.shape}.")
    a.choices = choices if choices.flags.c_contiguous else choices.copy()
    if choices.dtype.kind in PLAIN:
        a.predictions = <char *> <uintptr_t> a.template.__array_interface__["data"][0]
        a.chosen = <const char *> <uintptr_t> a.choices.__array_interface__["data"][0]
    elif a.template.ndim != 1:
        raise ValueError(f"Labels of dtype {choices.dtype} must be one for each sequence.")
    return 0


cdef int read_columns(Answers a, choices) except -1:
    """Check and keep the columns of what is predicted."""
    cdef Py_ssize_t width = a.size // a.n, k
    cdef const Py_ssize_t *columns
    a.predictions = <char *> pointer(a.template, a.engine.weights.dtype, a.n, width if a.template.ndim == 2 else 0, True)
    if choices is None:
        if width != a.n_columns:
            raise ValueError(f"{a.n_columns} columns are predicted, but there is room for {width}.")
        return 0
    a.choices = choices.copy()  # nobody else's, who might change it
    columns = <const Py_ssize_t *> pointer(a.choices, 2, width, 0)
    for k in range(width):
        if not 0 <= columns[k] < a.n_columns:
            raise ValueError(f"Columns must be in 0 .. {a.n_columns - 1}, got {columns[k]}.")
    a.chosen = <const char *> columns
    return 0


cdef int choose(Answers a) except -1:
    """template := the labels of the codes"""
    cdef Py_ssize_t k
    if a.chosen == NULL:
        for k in range(a.size):
            a.template[k] = a.choices[a.codes[k]]
        return 0
    for k in range(a.size):
        memcpy(a.predictions + k * a.itemsize, a.chosen + a.codes[k] * a.itemsize, a.itemsize)
    return 0


cdef void take_columns(Answers a, const real *linked, real *out) noexcept:
    """out (n, width) := the chosen columns of linked (n, n_columns)"""
    cdef Py_ssize_t r, k, width = a.size // a.n
    for r in range(a.n):
        for k in range(width):
            out[r * width + k] = linked[r * a.n_columns + (<const Py_ssize_t *> a.chosen)[k]]
