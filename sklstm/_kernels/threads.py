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
from contextlib import contextmanager
from functools import cache

import joblib
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController


class _BlasLimit:
    """Holds the process's BLAS libraries at one thread while at least one caller is inside.

    The number of BLAS threads belongs to the process, so the callers are counted: the first one in saves and sets it, the
    last one out puts it back, whichever threads those are.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self._libraries = None
        self._before = []

    def enter(self, entered):
        """`entered` gets an entry as soon as the caller counts, so that an interrupt after that still finds its way out."""
        with self._lock:
            self._n_inside += 1
            entered.append(True)
            if self._n_inside == 1:
                if self._libraries is None:  # scans the loaded libraries: once per process
                    self._libraries = ThreadpoolController().select(user_api="blas").lib_controllers
                self._before = [(library, library.num_threads) for library in self._libraries]
                for library in self._libraries:
                    _set_num_threads(library, 1)

    def leave(self):
        with self._lock:
            try:
                self._restore_if_last()
            except BaseException:  # an interrupt half-way
                self._restore_if_last()
                raise
            finally:
                self._n_inside -= 1

    def _restore_if_last(self):
        if self._n_inside == 1:
            for library, n_threads in self._before:
                _set_num_threads(library, n_threads)


def _set_num_threads(library, n_threads):
    # From version 3.7 on, threadpoolctl lets only the thread that holds a limit set another and ignores all others, silently.
    # What counts here are the callers of all threads together, so the rule is passed by where there is one.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(n_threads)


_blas_limit = _BlasLimit()


@contextmanager
def single_threaded_blas():
    """Context in which BLAS runs on one thread, for all threads of the process."""
    entered = []
    try:
        _blas_limit.enter(entered)
        yield
    finally:
        if entered:
            _blas_limit.leave()


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
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self):
        self._lock = threading.Lock()
        self._n_busy = 0

    def take(self, wanted, n_cpus):
        """The caller begins to work; how many helpers it may have, `wanted` at most."""
        with self._lock:
            helpers = max(0, min(wanted, n_cpus - self._n_busy - 1))
            self._n_busy += 1 + helpers
            return helpers

    def give_back(self, helpers):
        with self._lock:
            self._n_busy -= 1 + helpers


_cpus = _Cpus()


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

    def map(self, function, items):
        """[function(item) for item in items]; every call has ended when this returns or raises.

        Calls begin in the order of the items, each on the first thread that is free.
        """
        if self._pool is None:  # not counted, which would cost a small minibatch a hundredth
            return [function(item) for item in items]
        n_helpers = _cpus.take(min(self.n_threads, len(items)) - 1, self._n_cpus)
        try:
            return self._share(function, items, n_helpers) if n_helpers > 0 else [function(item) for item in items]
        finally:
            _cpus.give_back(n_helpers)

    def _share(self, function, items, n_helpers):
        """The same on this thread and, as they wake up, that many helpers."""
        results, waiting = [None] * len(items), deque(enumerate(items))

        def work():
            try:
                while waiting:
                    try:
                        k, item = waiting.popleft()
                    except IndexError:  # another thread was first
                        return
                    results[k] = function(item)
            except BaseException:
                waiting.clear()
                raise

        futures = []
        try:
            futures += [self._pool.submit(work) for _ in range(n_helpers)]
            work()
            for future in futures:
                if not future.cancel():  # one that has not begun finds nothing left
                    future.result()
            return results
        except BaseException:
            for future in futures:
                future.cancel()
            self._pool.shutdown(wait=True)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self._pool is not None:
            self._pool.shutdown(wait=True)
