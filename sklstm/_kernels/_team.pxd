"""Threads that share the work of a kernel's call; team.h says how."""

from libc.stdint cimport int64_t, uint64_t


cdef extern from "team.h" nogil:
    bint HAS_TEAMS

    ctypedef struct team:
        int most
        uint64_t generation
        int64_t together, waited, n_shared

    ctypedef struct team_member:
        int number, size

    ctypedef void (*team_function)(void *argument, team_member *me) noexcept


cdef team *active_team() noexcept nogil

cdef void run_together(int most, team_function function, void *argument) noexcept nogil

cdef void meet(team_member *me) noexcept nogil
