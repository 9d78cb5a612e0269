"""Threads for independent calls, and for calls that share each kernel, with the threads of BLAS limited to one meanwhile.

The kernels release the GIL, so Python's threads run them in parallel. OpenMP is not used: bundled runtimes collide on macOS, and
the busy waiting of libgomp's threads slows those of OpenBLAS down where both alternate.
"""

import multiprocessing
import os
import sys
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
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


def _after_fork_in_child():
    global _lock
    _lock = threading.RLock()
    _blas_limit.after_fork()
    _cpus.after_fork()
    _team.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_after_fork_in_child
    )


# Helpers leave a team, and come again, after so long: an interpreter that ends waits for the threads of its pools.
TEAM_SECONDS = 0.1
# One that does not come where it was waited for is not waited for again for so long.
HELPER_SECONDS = 0.005
# A team whose master waits for so much of its time has threads that do not run, for others have the CPUs: it is given up for so
# many times as long as was lost, which bounds what a busy machine can cost. Times are judged as soon as they add up to some
# milliseconds: in a shorter call, a helper that had to wake would count as one that is hindered.
HINDERED = 0.4
TIMES_ALONE = 16
JUDGED_NANOSECONDS = 3_000_000


class Threads:
    """Pool of the caller's thread and of helpers, for independent calls (`map`) and for shared ones (`together`).

    Parameters
    ----------
    n_threads : int
        Largest number of threads, that of the caller included. Fewer are used where CPUs are missing, or busy with calls from
        other threads; with 1, no thread is started.
    """

    def __init__(self, n_threads):
        self._n_cpus = _usable_cpus() if n_threads > 1 else 1
        self.n_threads = max(1, min(n_threads, self._n_cpus))
        self._pool = ThreadPoolExecutor(self.n_threads - 1) if self.n_threads > 1 else None
        self._abandoned = None
        self._team = None  # made when it is first asked for
        self._serving = []  # a future for each helper that is in it, or is to be
        self._team_since = 0.0
        self._together = self._waited = 0  # nanoseconds since the team was last judged
        self._alone_until = 0.0  # until when the team is given up

    def together(self, function, *args):
        """Return ``function(*args)``, the kernels of which share their work with helpers where that is of use.

        Bits do not depend on how many helpers there are, so nothing is lost where some come late.
        """
        if self._pool is None or not _team.available():
            return function(*args)
        if perf_counter() < self._alone_until:
            return function(*args)
        try:
            n_helpers = _cpus.acquire(self, self.n_threads - 1, self._n_cpus)
            if n_helpers == 0:
                return function(*args)
            self._gather(n_helpers)
            self._team.activate(n_helpers)
            result = function(*args)
            self._judge_team()
            return result
        finally:
            if self._team is not None:
                self._team.deactivate()
            _cpus.release(self)

    def _judge_team(self):
        """Give the team up for a while if it was hindered, or no helper is there yet."""
        together, waited = self._team.take_times()
        self._together, self._waited = self._together + together, self._waited + waited
        if not together and self._team.n_ready(1) == 0:
            self._alone_until = perf_counter() + HELPER_SECONDS
        elif self._together > JUDGED_NANOSECONDS:
            if self._waited > HINDERED * self._together:
                self._alone_until = perf_counter() + TIMES_ALONE * 1e-9 * self._waited
            self._together = self._waited = 0

    def _gather(self, n_helpers):
        """See to it that so many helpers are ready, or soon are."""
        self._forget_helpers_of_the_parent()
        if self._team is None:
            self._team = _team.Team(self.n_threads - 1)
        elif perf_counter() - self._team_since > TEAM_SECONDS:
            self._dismiss()
        if self._team.n_ready(n_helpers) < n_helpers:
            self._serving = [future for future in self._serving if not future.done()]
            if not self._serving:
                self._team_since = perf_counter()
            n_missing = n_helpers - len(self._serving)
            if n_missing > 0:
                self._team.admit()
                self._submit(self._team.serve, n_missing, self._serving)
                self._team.welcome(n_helpers)

    def _dismiss(self):
        """Have the helpers of the team leave it, and wait until they have."""
        self._forget_helpers_of_the_parent()
        if self._team is not None:
            self._team.dismiss()
            for future in self._serving:
                if not future.cancel():
                    future.result()
            self._serving = []

    def _forget_helpers_of_the_parent(self):
        """In a child that goes on with a fit: whoever waited for them would wait for ever."""
        if self._team is not None and self._team.is_left_behind:
            self._team, self._serving = None, []

    def map(self, function, items):
        """Return ``[function(item) for item in items]``. All calls have ended when this returns or raises.

        Calls begin in the order of the items, each on the first thread that is free.
        """
        if self._pool is None:  # not counted: that would take a hundredth of the time of a small minibatch
            return [function(item) for item in items]
        try:
            n_helpers = _cpus.acquire(self, min(self.n_threads, len(items)) - 1, self._n_cpus)
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

        futures = []
        try:
            self._dismiss()
            self._submit(work, n_helpers, futures)
            work()
            for future in futures:
                if not future.cancel():  # a call that has not begun has nothing left to do
                    future.result()
            if self._pool is None or errors:
                self._shut_down()
        except BaseException:  # an interrupt
            waiting.clear()
            for future in futures:
                future.cancel()
            self._shut_down()
            raise
        if errors:
            raise errors[0]
        return results

    def _submit(self, work, n_helpers, futures):
        """Append a future for each helper that is available.

        If no thread can be started (the system has no more, or the interpreter is about to end), the pool is abandoned, and the
        caller continues alone, now and in later calls.
        """
        if self._pool is None:
            return
        try:
            for _ in range(n_helpers):
                futures.append(self._pool.submit(work))
        except (RuntimeError, MemoryError):
            self._abandoned, self._pool = self._pool, None

    def _shut_down(self):
        """Wait for the threads of the pool. Calls that are left in its queue have nothing to do."""
        if self._team is not None:
            self._team.dismiss()
        for pool in (self._pool, self._abandoned):
            if pool is not None:
                pool.shutdown(wait=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._shut_down()
