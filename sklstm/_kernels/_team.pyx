"""Helpers of the calling thread: who they are, and how they come and go; team.h says how they work together."""
cimport cython
from cpython.pylifecycle cimport Py_IsInitialized
from cpython.ref cimport PyObject
from libc.stdint cimport uint64_t

from ._product cimport uses_tiles


cdef extern from "team.h" nogil:
    team *team_active           # of the thread
    uint64_t team_generation

    team *team_new(int n_helpers)
    void team_free(team *t)
    void team_activate(team *t, PyObject *owner)
    void team_serve(team *t)
    void team_dismiss(team *t)
    int team_rouse(team *t, int most)
    void team_run(team *t, int most, int meets, team_function function, void *argument)
    void team_meet(team_member *me)


cdef team *active_team() noexcept nogil:
    """That of the calling thread, NULL where it works alone."""
    cdef team *t = team_active
    return t if t != NULL and t.generation == team_generation else NULL


cdef void run_together(int most, team_function function, void *argument) noexcept nogil:
    """Run function(argument, member) on the calling thread and on helpers of its team, by `most` threads at most."""
    team_run(active_team() if most > 1 else NULL, most, True, function, argument)


cdef void meet(team_member *me) noexcept nogil:
    """A barrier among the members of a job."""
    team_meet(me)


def can_call():
    """Whether there are teams at all, for the calls of `Team.call`."""
    return HAS_TEAMS


def available():
    """Whether calls can be shared: with products by tiles, whose bits do not depend on how columns are dealt out."""
    return HAS_TEAMS and uses_tiles()


def after_fork():
    """In a child: helpers exist in the parent only."""
    global team_generation
    team_generation += 1


cdef class Seats:
    """Where the helpers of a team are; it lasts as long as the last of them."""
    cdef team *handle

    def __cinit__(self, int n_helpers):
        self.handle = team_new(n_helpers)
        if self.handle == NULL:
            raise MemoryError("There is no memory for a team of threads.")

    def __dealloc__(self):
        team_free(self.handle)

    def serve(self):
        """Help until the team ends."""
        with nogil:
            team_serve(self.handle)


cdef class SharedCall:
    """A Python function that each member of a job calls."""
    cdef object function, error


cdef void call_function(void *call, team_member *me) noexcept nogil:
    with gil:
        try:
            (<SharedCall> call).function()
        except BaseException as error:
            (<SharedCall> call).error = error


@cython.no_gc_clear
cdef class Team:
    """A thread and up to `n_helpers` others, each in a call of ``seats.serve``. They leave when the team is garbage."""
    cdef:
        readonly Seats seats
        readonly int n_seats
        public int n_helpers        # that have been sent

    def __cinit__(self, int n_helpers):
        self.n_seats = n_helpers
        self.seats = Seats(n_helpers)

    def __dealloc__(self):
        # While the interpreter ends, helpers are left where they sleep: they could not return to Python.
        if self.seats is not None and Py_IsInitialized() and self.seats.handle.generation == team_generation:
            team_dismiss(self.seats.handle)

    @property
    def is_left_behind(self):
        """Whether this process has been forked off since: the helpers exist in the parent only."""
        return self.seats.handle.generation != team_generation

    def rouse(self, int most):
        """Wake so many helpers at most, where they sleep; returns how many are ready."""
        return team_rouse(self.seats.handle, most)

    def activate(self, int most):
        """Share the calls of this thread with so many helpers at most, until `deactivate`."""
        self.seats.handle.most = most + 1
        team_activate(self.seats.handle, <PyObject *> self)

    def deactivate(self):
        """Let this thread work alone again."""
        team_activate(NULL, NULL)

    def call(self, function, int most):
        """Call a function on this thread, and on so many helpers at most while this thread does; all have ended when this returns."""
        cdef SharedCall call = SharedCall.__new__(SharedCall)
        cdef team *t = self.seats.handle
        call.function = function
        t.most = most + 1
        with nogil:
            team_run(t, most + 1, False, call_function, <void *> call)
        if call.error is not None:
            raise call.error

    def take_times(self):
        """Nanoseconds of shared calls since the last time, and for how long of them this thread slept because others were late."""
        cdef team *t = self.seats.handle
        times = t.together, t.waited
        t.together = t.waited = 0
        return times

    @property
    def n_shared(self):
        """How many calls of kernels so far helpers had a part in."""
        return self.seats.handle.n_shared
