"""Running independent pieces of work on plain Python threads, with BLAS held to one thread meanwhile.

The kernels release the GIL, so ordinary threads run them in parallel. No OpenMP: bundled runtimes collide on macOS, and
libgomp's spinning threads fight OpenBLAS's where both alternate.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

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


class Threads:
    """A fixed number of threads for calls that are independent of each other.

    Parameters
    ----------
    n_threads : int
        With 1, calls run on the caller's thread and no thread is started.
    """

    def __init__(self, n_threads):
        self._pool = ThreadPoolExecutor(n_threads) if n_threads > 1 else None

    def map(self, function, items):
        """[function(item) for item in items]; every call has ended when this returns or raises."""
        if self._pool is None or len(items) == 1:
            return [function(item) for item in items]
        futures = []
        try:
            futures += [self._pool.submit(function, item) for item in items]
            return [future.result() for future in futures]
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
