"""Forks of a process in which another thread fits or predicts: the child's fits end, with the right bits, and BLAS as before."""

import multiprocessing
import os
import signal
import threading
import time
import warnings

import numpy as np
import threadpoolctl

from sklstm import LSTMClassifier

from .models import bits

SECONDS = 20  # for a child
X, y = np.random.default_rng(0).normal(size=(40, 5, 2)), np.arange(40) % 2


def _work(n_jobs=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LSTMClassifier(4, max_iter=2, batch_size=10, random_state=0, n_jobs=n_jobs).fit(X, y)
    return bits(model.predict_proba(X)), bits(model.predict_proba(X[:1]))


def _blas():
    return [library.num_threads for library in threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers]


class Busy:
    """Threads that fit and predict meanwhile."""

    def __init__(self):
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n_jobs,), daemon=True) for n_jobs in (None, 2)]

    def _run(self, n_jobs):
        while not self._stop.is_set():
            _work(n_jobs)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        time.sleep(0.2)

    def __exit__(self, *exc_info):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def _ended(child):
    """Status of a child; None if it had to be ended."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


WRONG = {
    None: "the child hung",
    1: "an exception in the child",
    2: "other bits in the child",
    3: "BLAS with other threads in the child",
}


def forks(seeds):
    """For each seed one fork, all while the same threads work; yields what it was and what is wrong."""
    blas, expected = _blas(), _work()
    with Busy():
        for seed in seeds:
            time.sleep(np.random.default_rng(seed).uniform(0, 0.01))
            n_jobs = 2 if seed % 3 == 0 else None
            if (child := os.fork()) == 0:
                status = 1
                try:
                    status = 2 if _work(n_jobs) != expected else 3 if _blas() != blas else 0
                finally:
                    os._exit(status)
            code = _ended(child)
            yield f"fork, n_jobs={n_jobs}", "" if code == 0 else WRONG.get(code, f"the child ended by {code}")
    if _blas() != blas:
        yield "after all forks", "BLAS with other threads in the parent"


def _of_pool(n_jobs):
    return _work(n_jobs), _blas()


def pools(seeds):
    """For each seed one pool of forked workers, made while threads work."""
    blas, expected = _blas(), _work()
    context = multiprocessing.get_context("fork")
    with Busy():
        for _ in seeds:
            pool = context.Pool(2)
            try:
                results = pool.map_async(_of_pool, [None, 2, None]).get(SECONDS)
                right = all(got == expected and threads == blas for got, threads in results)
                yield "pool", "" if right else "other bits, or BLAS with other threads, in a worker"
            except multiprocessing.TimeoutError:
                yield "pool", "a worker hung"
            except Exception as error:
                yield "pool", f"{type(error).__name__} in a worker: {error}"
            finally:
                pool.terminate()
                pool.join()
