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

    The number of BLAS threads belongs to the process. Two overlapping fits that each saved and restored it would leave
    the later one's "before" (one thread) behind for good; counting the callers restores it once, when the last one
    leaves.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self._controller = None
        self._limiter = None

    def enter(self):
        with self._lock:
            if self._n_inside == 0:
                if self._controller is None:
                    self._controller = ThreadpoolController()  # scans the loaded libraries: once per process
                self._limiter = self._controller.limit(limits=1, user_api="blas")
            self._n_inside += 1

    def leave(self):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._limiter.restore_original_limits()
                self._limiter = None


_blas_limit = _BlasLimit()


@contextmanager
def single_threaded_blas():
    """Context in which BLAS runs on the calling thread only."""
    _blas_limit.enter()
    try:
        yield
    finally:
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
        futures = [self._pool.submit(function, item) for item in items]
        try:
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
