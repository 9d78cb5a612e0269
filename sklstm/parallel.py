"""Running independent pieces of work on plain Python threads, with BLAS held to one thread meanwhile.

The kernels release the GIL, so ordinary threads run them in parallel. No OpenMP: bundled runtimes collide on macOS, and
libgomp's spinning threads fight OpenBLAS's where both alternate.
"""

import multiprocessing
import os
import sys
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from weakref import WeakKeyDictionary, ref

import joblib
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController

# Guards the counts below, and is held while the process forks: a child finds neither a count half changed nor BLAS's own lock
# taken by a thread that the child does not have. Reentrant, because the garbage collector may end a hold of the thread that has
# it.
_lock = threading.RLock()


class _BlasLimit:
    """Holds the process's BLAS libraries at one thread while at least one caller is inside.

    The number of BLAS threads belongs to the process: the first caller in saves and sets it, the last one out puts it back,
    whichever threads those are.
    """

    def __init__(self):
        self._inside = {}  # id of a hold -> thread that has it, and a weak reference to it
        self._libraries = None
        self._before = None  # (library, number of threads) while a limit is set
        self._complete = False

    def enter(self, hold):
        """The hold counts until it leaves, or until it is gone without having left."""
        key = id(hold)
        with _lock:
            self._inside[key] = threading.get_ident(), ref(hold, lambda _: self._remove(key))
            if self._complete:
                return
            if self._before is None:
                if self._libraries is None:  # scans the loaded libraries: once per process
                    self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                self._before = [(library, library.num_threads) for library in self._libraries]
            for library, _ in self._before:
                _set_num_threads(library, 1)
            self._complete = True

    def leave(self, hold):
        """Nothing happens if the hold has left; if an interrupt came half-way, leaving again completes it."""
        self._remove(id(hold))

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
        """Keep, in a child, the holds of the thread that forked: the child has no other."""
        own = threading.get_ident()
        self._inside = {key: (thread, hold) for key, (thread, hold) in self._inside.items() if thread == own}
        if not self._inside:
            self._lift()


def _set_num_threads(library, n_threads):
    # From version 3.7 on, threadpoolctl lets only the thread that holds a limit set another and ignores all others, silently.
    # What counts here are the callers of all threads together, so the rule is passed by where there is one.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(n_threads)


_blas_limit = _BlasLimit()


class single_threaded_blas:
    """Context in which BLAS runs on one thread, for all threads of the process.

    An interrupt at any moment leaves BLAS as it was. One that comes before the first line of `__exit__` cannot be caught there:
    then the limit ends with this object, as soon as the traceback is let go.
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
    return joblib.cpu_count()  # a tenth of a millisecond: it reads what a container may use


def _usable_cpus():
    """CPUs for the threads of this process: all, or within a worker of joblib or dask what that sets aside for each.

    A worker process of joblib says so by the variable it sets for OpenMP: ``n_cpus // n_workers``, or
    ``inner_max_num_threads`` of :func:`joblib.parallel_config`. The threads of a process are counted by `_Cpus`.
    """
    if _inside_dask_worker():
        return 1
    if multiprocessing.parent_process() is not None and get_active_backend()[0].nesting_level:
        given = os.environ.get("OMP_NUM_THREADS", "1")
        return min(_cpu_count(), int(given)) if given.isdecimal() else 1
    return _cpu_count()


def _inside_dask_worker():
    distributed = sys.modules.get("distributed")  # whoever is inside one has imported it
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True


class _Cpus:
    """Counts the threads of this process that work, so that calls from several that may have helpers share the CPUs."""

    def __init__(self):
        self.after_fork()

    def after_fork(self):
        # Helpers do not survive a fork. By their owner, which an interrupt may keep from giving them back before it is gone.
        self._busy = WeakKeyDictionary()

    @property
    def n_busy(self):
        return sum(self._busy.values())

    def take(self, owner, wanted, n_cpus):
        """The owner begins to work; how many helpers it may have, `wanted` at most."""
        with _lock:
            self._busy.pop(owner, None)
            helpers = max(0, min(wanted, n_cpus - self.n_busy - 1))
            self._busy[owner] = 1 + helpers
            return helpers

    def give_back(self, owner):
        with _lock:
            self._busy.pop(owner, None)


_cpus = _Cpus()


def _after_fork_in_child():
    global _lock
    _lock = threading.RLock()
    _blas_limit.after_fork()
    _cpus.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_after_fork_in_child
    )


class Threads:
    """The caller's thread and helpers, for calls that are independent of each other.

    Parameters
    ----------
    n_threads : int
        The caller's and at most so many less one. Fewer help where CPUs are missing or busy with calls from other threads;
        with 1, no thread is started.
    """

    def __init__(self, n_threads):
        self._n_cpus = _usable_cpus() if n_threads > 1 else 1
        self.n_threads = max(1, min(n_threads, self._n_cpus))
        self._pool = ThreadPoolExecutor(self.n_threads - 1) if self.n_threads > 1 else None
        self._ending = None

    def map(self, function, items):
        """[function(item) for item in items]; every call has ended when this returns or raises.

        Calls begin in the order of the items, each on the first thread that is free.
        """
        if self._pool is None:  # not counted, which would cost a small minibatch a hundredth
            return [function(item) for item in items]
        try:
            n_helpers = _cpus.take(self, min(self.n_threads, len(items)) - 1, self._n_cpus)
            return self._share(function, items, n_helpers) if n_helpers > 0 else [function(item) for item in items]
        finally:
            _cpus.give_back(self)

    def _share(self, function, items, n_helpers):
        """The same on this thread and, as they wake up, that many helpers."""
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
            self._call_helpers(work, n_helpers, futures)
            work()
            for future in futures:
                if not future.cancel():  # one that has not begun finds nothing left
                    future.result()
            if self._pool is None or errors:
                self._end()
        except BaseException:  # an interrupt
            waiting.clear()
            for future in futures:
                future.cancel()
            self._end()
            raise
        if errors:
            raise errors[0]
        return results

    def _call_helpers(self, work, n_helpers, futures):
        """Append a future for each helper that there is.

        Where the system has no thread to give (it is out of them, or the interpreter is about to end), the pool is given up, and
        the caller continues alone, now and in calls to come.
        """
        try:
            for _ in range(n_helpers):
                futures.append(self._pool.submit(work))
        except (RuntimeError, MemoryError):
            self._ending, self._pool = self._pool, None

    def _end(self):
        """Wait for the threads of the pool. What is left in its queue finds nothing to do."""
        for pool in (self._pool, self._ending):
            if pool is not None:
                pool.shutdown(wait=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._end()
