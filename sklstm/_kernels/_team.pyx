"""Helpers of the calling thread: who they are, and how they come and go; team.h says how they work together."""
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint64_t

from ._product cimport uses_tiles


cdef extern from "team.h" nogil:
    team *team_active           # of the thread
    uint64_t team_generation

    team *team_new(int n_helpers)
    void team_free(team *t)
    void team_activate(team *t, PyObject *owner)
    void team_serve(team *t, int64_t patience)
    void team_open(team *t, int open)
    int team_rouse(team *t, int most)
    void team_await(team *t, int n, int64_t patience)
    void team_run(team *t, int most, team_function function, void *argument)
    void team_meet(team_member *me)

# Microseconds: how long helpers stay ready where nobody calls them, which is how long they may outlive an interrupted master, and how
# long a master waits for helpers that are to come.
cdef enum:
    PATIENCE = 20000
    WELCOME = 300


cdef team *active_team() noexcept nogil:
    """That of the calling thread, NULL where it works alone."""
    cdef team *t = team_active
    return t if t != NULL and t.generation == team_generation else NULL


cdef void run_together(int most, team_function function, void *argument) noexcept nogil:
    """Run function(argument, member) on the calling thread and on helpers of its team, by `most` threads at most."""
    team_run(active_team() if most > 1 else NULL, most, function, argument)


cdef void meet(team_member *me) noexcept nogil:
    """A barrier among the members of a job."""
    team_meet(me)


def available():
    """Whether calls can be shared: with products by tiles, whose bits do not depend on how columns are dealt out."""
    return HAS_TEAMS and uses_tiles()


def after_fork():
    """In a child: helpers exist in the parent only."""
    global team_generation
    team_generation += 1


cdef class Team:
    """The calling thread and up to `n_helpers` others, each in a call of `serve`."""
    cdef team *handle

    def __cinit__(self, int n_helpers):
        self.handle = team_new(n_helpers)
        if self.handle == NULL:
            raise MemoryError("There is no memory for a team of threads.")

    def __dealloc__(self):
        team_free(self.handle)

    @property
    def is_left_behind(self):
        """Whether this process has been forked off since: the helpers exist in the parent only."""
        return self.handle.generation != team_generation

    def serve(self):
        """Help, until `dismiss`, or until nobody has asked for some time."""
        with nogil:
            team_serve(self.handle, PATIENCE)

    def admit(self):
        """Let helpers stay: those that come before this leave at once."""
        with nogil:
            team_open(self.handle, 1)

    def welcome(self, int n):
        """Wait a short time for so many helpers."""
        with nogil:
            team_await(self.handle, n, WELCOME)

    def dismiss(self):
        """Let the helpers go."""
        with nogil:
            team_open(self.handle, 0)

    def n_ready(self, int most):
        """How many helpers are ready, of so many at most; those that sleep are woken."""
        return team_rouse(self.handle, most)

    def activate(self, int most):
        """Share the calls of this thread with so many helpers at most, until `deactivate`."""
        self.handle.most = most + 1
        team_activate(self.handle, <PyObject *> self)

    def deactivate(self):
        """Let this thread work alone again."""
        team_activate(NULL, NULL)

    def take_times(self):
        """Nanoseconds of shared calls since the last time, and for how long of them this thread slept because others were late."""
        times = self.handle.together, self.handle.waited
        self.handle.together = self.handle.waited = 0
        return times

    @property
    def n_shared(self):
        """How many calls so far helpers had a part in."""
        return self.handle.n_shared
