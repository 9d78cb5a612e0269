"""What a minibatch calls Python back for: interrupts, and the random numbers of networks that draw any."""
from cpython.exc cimport PyErr_CheckSignals


cdef enum:
    BEGIN, REMEMBER, CHUNK, END, AGAIN      # what random numbers are drawn for, see `Minibatch.gradient`


cdef inline int heed_signals() except -1 nogil:
    """Raise what an interrupt asks for."""
    with gil:
        return PyErr_CheckSignals()


cdef inline int draw(draws, int event, Py_ssize_t n) except -1 nogil:
    """Call back for random numbers, if there is something to call."""
    if draws is None:
        return 0
    with gil:
        if event == BEGIN:
            draws.begin(n)
        elif event == REMEMBER:
            draws.remember()
        elif event == CHUNK:
            draws.chunk(n)
        elif event == END:
            draws.end(n)
        else:
            draws.again()
    return 0
