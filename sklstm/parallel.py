"""Threads for independent calls, and for calls that share each kernel, with the threads of BLAS limited to one meanwhile.

The kernels release the GIL, so Python's threads run them in parallel. OpenMP is not used: bundled runtimes collide on macOS, and
the busy waiting of libgomp's threads slows those of OpenBLAS down where both alternate.
"""

import multiprocessing
import os
import sys
import threading
from collections import deque
from functools import cache
from time import perf_counter
from weakref import WeakKeyDictionary, ref

import joblib
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController

from ._kernels import _team

# Guards the counts below, and is held while the process forks: a child finds no count half changed, and no lock of BLAS that is
# held by a thread which the child does not have. Reentrant, because the garbage collector may end a context of the thread that
# holds it.
_lock = threading.RLock()


class _BlasLimit:
    """Limit of one thread on the BLAS libraries of the process, while at least one context is active.

    The number of BLAS threads belongs to the process: the first context to be entered saves and sets it, the last one to be left
    restores it, in whichever threads those are.
    """

    def __init__(self):
        self._inside = {}  # id of an active context -> its thread, and a weak reference to it
        self._libraries = None
        self._before = None  # (library, number of threads) while a limit is set
        self._complete = False

    def enter(self, context):
        """Activate a context until it is left, or until it is garbage without having been left."""
        key = id(context)
        with _lock:
            self._inside[key] = threading.get_ident(), ref(context, lambda _: self._remove(key))
            if self._complete:
                return
            if self._before is None:
                if self._libraries is None:  # once per process: this scans the loaded libraries
                    self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                self._before = [(library, library.num_threads) for library in self._libraries]
            for library, _ in self._before:
                _set_num_threads(library, 1)
            self._complete = True

    def leave(self, context):
        """Deactivate a context. To leave it again changes nothing, but completes what an interrupt stopped half-way."""
        self._remove(id(context))

    def _remove(self, key):
        with _lock:
            self._inside.pop(key, None)
            if not self._inside:
                self._lift()

    def _lift(self):
        self._complete = False
        for library, n_threads in self._before or ():
            _set_num_threads(library, n_threads)
        self._before = None

    def after_fork(self):
        """Keep, in a child, the contexts of the thread that forked: the child has no other thread."""
        own = threading.get_ident()
        self._inside = {key: (thread, context) for key, (thread, context) in self._inside.items() if thread == own}
        if not self._inside:
            self._lift()


def _set_num_threads(library, n_threads):
    # Since version 3.7, threadpoolctl silently ignores a limit that is set by another thread than the one that set the first.
    # Here the contexts of all threads count together, so the function without that rule is called, where there is one.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(n_threads)


_blas_limit = _BlasLimit()


class single_threaded_blas:
    """Context in which BLAS runs on one thread, for all threads of the process.

    An interrupt at any moment leaves BLAS as it was. One before the first line of `__exit__` cannot be caught there: then the
    limit ends with this object, as soon as the traceback is deleted.
    """

    def __enter__(self):
        try:
            _blas_limit.enter(self)
        except BaseException:  # an interrupt half-way
            _blas_limit.leave(self)
            raise

    def __exit__(self, *exc_info):
        try:
            _blas_limit.leave(self)
        except BaseException:  # an interrupt half-way
            _blas_limit.leave(self)
            raise


@cache
def _cpu_count():
    return joblib.cpu_count()  # takes a tenth of a millisecond: it reads the limits of a container


def _usable_cpus():
    """Number of CPUs for the threads of this process: all of them, or the share of a worker of joblib or dask.

    A worker process of joblib has its share in the variable that is set for OpenMP: ``n_cpus // n_workers``, or
    ``inner_max_num_threads`` of :func:`joblib.parallel_config`. `_CpuBudget` counts the threads of a process.
    """
    if _inside_dask_worker():
        return 1
    if multiprocessing.parent_process() is not None and get_active_backend()[0].nesting_level:
        given = os.environ.get("OMP_NUM_THREADS", "1")
        return min(_cpu_count(), int(given)) if given.isdecimal() else 1
    return _cpu_count()


def _inside_dask_worker():
    distributed = sys.modules.get("distributed")  # a worker has imported it
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True


class _CpuBudget:
    """Number of busy threads of this process, so that calls from several threads share the CPUs among their helpers."""

    def __init__(self):
        self.after_fork()

    def after_fork(self):
        # Helpers do not survive a fork. References are weak, because an interrupt may keep an owner from releasing its threads.
        self._busy = WeakKeyDictionary()

    @property
    def n_busy(self):
        return sum(self._busy.values())

    def acquire(self, owner, wanted, n_cpus):
        """Count the owner as busy, and return the number of helpers that it may have, at most `wanted`."""
        with _lock:
            self._busy.pop(owner, None)
            helpers = max(0, min(wanted, n_cpus - self.n_busy - 1))
            self._busy[owner] = 1 + helpers
            return helpers

    def release(self, owner):
        with _lock:
            self._busy.pop(owner, None)


_cpus = _CpuBudget()

# Teams of helpers that sleep until a call takes one of them for itself.
_idle_teams = []


def _after_fork_in_child():
    global _lock
    _lock = threading.RLock()
    _blas_limit.after_fork()
    _cpus.after_fork()
    _team.after_fork()
    _idle_teams.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_after_fork_in_child
    )


# A team whose master waits for so much of its time has threads that do not run, for others have the CPUs: no team works for some
# times as long as was lost, four times as many each time that this happens again, up to the last number. That bounds what a
# busy machine can cost, and costs little where something else ran for a moment. Times are judged as soon as they add up to some
# milliseconds: in a shorter call, a helper that had to wake would count as one that is hindered.
HINDERED = 0.4
TIMES_ALONE, MOST_TIMES_ALONE = 1, 16
JUDGED_NANOSECONDS = 3_000_000


class _Hindrance:
    """Whether helpers get CPUs, from what the calls of all teams of the process have lost."""

    def __init__(self):
        self._together = self._waited = 0  # nanoseconds since it was last judged
        self._alone_until = 0.0
        self._times = TIMES_ALONE

    @property
    def is_lasting(self):
        return perf_counter() < self._alone_until

    def judge(self, together, waited):
        """Take in the times of a call: how long it was shared, and how long its master slept because others were late."""
        self._together, self._waited = together, waited = self._together + together, self._waited + waited
        if together > JUDGED_NANOSECONDS:
            if waited > HINDERED * together:
                self._alone_until = perf_counter() + self._times * 1e-9 * waited
                self._times = min(4 * self._times, MOST_TIMES_ALONE)
            else:
                self._times = TIMES_ALONE
            self._together = self._waited = 0


_hindrance = _Hindrance()


def _call_in_new_threads(work, n_helpers):
    """For builds without teams: call a function on this thread and on so many others, or fewer where they cannot be started."""
    helpers = []
    try:
        for _ in range(n_helpers):
            helper = threading.Thread(target=work, daemon=True)
            helper.start()
            helpers.append(helper)
    except (RuntimeError, MemoryError):
        pass
    try:
        work()
    finally:
        for helper in helpers:
            helper.join()


class Threads:
    """The caller's thread and helpers, for independent calls (`map`) and for shared ones (`together`).

    Helpers are started where they are first needed, and outlive this object: they sleep until a call, of whichever thread, takes
    their team for itself. They end with the process; a child that is forked off has none.

    Parameters
    ----------
    n_threads : int
        Largest number of threads, that of the caller included. Fewer are used where CPUs are missing, or busy with calls from
        other threads; with 1, no thread is started.
    """

    def __init__(self, n_threads):
        self._n_cpus = _usable_cpus() if n_threads > 1 else 1
        self.n_threads = max(1, min(n_threads, self._n_cpus))
        self._most_helpers = self.n_threads - 1  # fewer where no thread can be started

    def together(self, function, *args):
        """Return ``function(*args)``, the kernels of which share their work with helpers where that is of use.

        Bits do not depend on how many helpers there are, so nothing is lost where some come late.
        """
        if self._most_helpers == 0 or not _team.available() or _hindrance.is_lasting:
            return function(*args)
        team = None
        try:
            n_helpers = _cpus.acquire(self, self._most_helpers, self._n_cpus)
            if n_helpers == 0:
                return function(*args)
            team = self._take_team(n_helpers)
            team.activate(n_helpers)
            result = function(*args)
            _hindrance.judge(*team.take_times())
            return result
        finally:
            if team is not None:
                team.deactivate()
                _idle_teams.append(team)
            _cpus.release(self)

    def map(self, function, items):
        """Return ``[function(item) for item in items]``. All calls have ended when this returns or raises.

        Calls begin in the order of the items, each on the first thread that is free.
        """
        if self._most_helpers == 0:  # not counted: that would take a hundredth of the time of a small minibatch
            return [function(item) for item in items]
        try:
            n_helpers = _cpus.acquire(self, min(self._most_helpers, len(items) - 1), self._n_cpus)
            return self._map_with_helpers(function, items, n_helpers) if n_helpers > 0 else [function(item) for item in items]
        finally:
            _cpus.release(self)

    def _map_with_helpers(self, function, items, n_helpers):
        """Do the same on this thread and on so many helpers, as soon as they wake up."""
        results, waiting, errors = [None] * len(items), deque(enumerate(items)), []

        def work():
            try:
                while waiting:
                    try:
                        k, item = waiting.popleft()
                    except IndexError:  # another thread was first
                        return
                    results[k] = function(item)
            except BaseException as error:
                waiting.clear()
                errors.append(error)

        if _team.can_call():
            team = self._take_team(n_helpers)
            team.call(work, n_helpers)
            _idle_teams.append(team)
        else:
            _call_in_new_threads(work, n_helpers)
        if errors:
            raise errors[0]
        return results

    def _take_team(self, n_helpers):
        """A team that nobody else has, with so many helpers, who are awake; with fewer where no thread can be started."""
        try:
            team = _idle_teams.pop()
        except IndexError:
            team = None
        if team is None or team.is_left_behind or team.n_seats < n_helpers:
            team = _team.Team(max(n_helpers, _cpu_count() - 1))
        try:
            while team.n_helpers < n_helpers:
                threading.Thread(target=team.seats.serve, name="sklstm helper", daemon=True).start()
                team.n_helpers += 1
        except (RuntimeError, MemoryError):  # the system has no more, or the interpreter is about to end
            self._most_helpers = team.n_helpers
        team.rouse(n_helpers)
        return team
