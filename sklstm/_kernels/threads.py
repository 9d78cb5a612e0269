"""Running independent pieces of work on plain Python threads, with BLAS held to one thread meanwhile.

The kernels release the GIL, so ordinary threads run them in parallel. No OpenMP: bundled runtimes collide on macOS, and
libgomp's spinning threads fight OpenBLAS's where both alternate.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

from threadpoolctl import ThreadpoolController


class _BlasLimit:
    """Holds the process's BLAS libraries at one thread while at least one caller is inside.

    The number of BLAS threads belongs to the process, and threadpoolctl (from 3.7) lets only one thread at a time change
    it: to all others limits do nothing, silently. So a thread of its own sets the limit when the first caller enters, and
    puts back what was before when the last one has left, whichever threads those are.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_inside = 0
        self._controller = None
        self._holder = None
        self._over = None

    def enter(self):
        with self._lock:
            if self._n_inside == 0:
                if self._controller is None:
                    self._controller = ThreadpoolController()  # scans the loaded libraries: once per process
                held, self._over = threading.Event(), threading.Event()
                self._holder = threading.Thread(target=self._hold, args=(held, self._over), daemon=True)
                self._holder.start()
                held.wait()
            self._n_inside += 1

    def _hold(self, held, over):
        with self._controller.limit(limits=1, user_api="blas"):
            held.set()
            over.wait()

    def on_this_thread(self):
        """A context that limits from the calling thread, where that already holds a limit of its own."""
        if any(library.num_threads > 1 for library in self._controller.lib_controllers if library.user_api == "blas"):
            return self._controller.limit(limits=1, user_api="blas")
        return nullcontext()

    def leave(self):
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._over.set()
                self._holder.join()


_blas_limit = _BlasLimit()


@contextmanager
def single_threaded_blas():
    """Context in which BLAS runs on one thread, for all threads of the process."""
    _blas_limit.enter()
    try:
        with _blas_limit.on_this_thread():
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
