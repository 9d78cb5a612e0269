"""A process that forks while another thread fits leaves a child that fits, predicts and has BLAS as it was."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

import sklstm.parallel as threads_module
import sklstm.training.batching as batching_module
from sklstm import LSTMClassifier
from sklstm.estimators.progress import Progress
from sklstm.network.cached import cached
from sklstm.parallel import Threads, single_threaded_blas

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Python 3.12 and later warn of forks beside threads
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X = np.random.default_rng(0).normal(size=(24, 5, 2))
Y = X[:, :, 0].sum(axis=1) > 0


def model(**parameters):
    return LSTMClassifier(**{"hidden_size": 3, "max_iter": 1, "random_state": 0} | parameters)


def fitted():
    return model().fit(X, Y)


def blas_threads():
    with single_threaded_blas():  # finds the libraries
        pass
    return [library.num_threads for library in threads_module._blas_limit._libraries]


def child(work):
    """A fork that works; its exit status is 0 if that returns something true."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return pid


def status(pid, timeout=60):
    """Exit status of a child; one that hangs is ended."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, result = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(result)
        time.sleep(1e-3)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "it hangs"


class Beside:
    """Context in which another thread does something again and again."""

    def __init__(self, work):
        self.work, self.ended, self.n_done = work, threading.Event(), 0
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.is_set():
            self.work()
            self.n_done += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc_info):
        self.ended.set()
        self.thread.join()


def fork_beside(work, in_child, n_forks, at_a_time=10):
    """Exit statuses of forks while another thread works."""
    statuses = []
    with Beside(work) as beside:
        while len(statuses) < n_forks:
            children = [child(in_child) for _ in range(at_a_time)]
            statuses += map(status, children)
    assert beside.n_done > 0
    return statuses


def right_bits_and_blas():
    """What a child has to find."""
    expected, before = fitted(), blas_threads()
    probabilities = expected.predict_proba(X)

    def check():
        again = fitted()
        return (
            again._theta.tobytes() == expected._theta.tobytes()
            and np.array_equal(expected.predict_proba(X), probabilities)
            and np.array_equal(again.set_params(n_jobs=2).predict_proba(X), probabilities)
            and [library.num_threads for library in threads_module._blas_limit._libraries] == before
        )

    return check


def test_forks_while_another_thread_fits():
    before = blas_threads()
    assert fork_beside(fitted, right_bits_and_blas(), 50) == [0] * 50
    assert blas_threads() == before and not threads_module._blas_limit._inside


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [{}, {"n_jobs": 2, "batch_size": 24}, {"solver": "lbfgs"}], ids=str)
def test_a_thousand_forks(parameters, monkeypatch):
    monkeypatch.setattr(batching_module, "SHARD_FLOPS", 1.0)
    before, n = blas_threads(), 1000 if not parameters else 200
    assert fork_beside(lambda: model(**parameters).fit(X, Y), right_bits_and_blas(), n) == [0] * n
    assert blas_threads() == before and not threads_module._blas_limit._inside


def fit_in_a_pool(k):
    return fitted()._theta.tobytes(), blas_threads()


def check_pools(n_pools):
    expected = fit_in_a_pool(0)
    fork = multiprocessing.get_context("fork")
    with Beside(fitted):
        for _ in range(n_pools):
            with fork.Pool(2) as pool:
                assert pool.map_async(fit_in_a_pool, range(4), chunksize=1).get(60) == [expected] * 4


def test_pools_while_another_thread_fits():
    check_pools(3)


@pytest.mark.slow
def test_a_hundred_pools():
    check_pools(100)


def test_forks_while_the_libraries_are_sought(monkeypatch):
    # Once per process; under the lock, for tens of milliseconds.
    controller, check = threads_module.ThreadpoolController, right_bits_and_blas()

    def slow():
        time.sleep(0.02)
        return controller()

    def fit_anew():
        threads_module._blas_limit._libraries = None
        fitted()

    monkeypatch.setattr(threads_module, "ThreadpoolController", slow)
    assert fork_beside(fit_anew, check, 10, at_a_time=2) == [0] * 10


def test_forks_while_a_property_is_computed():
    entered = threading.Event()

    class Spec:
        @cached
        def slow(self):
            """As in the network's specs."""
            entered.set()
            time.sleep(0.2)
            return 1

    assert Spec.slow.__doc__ == "As in the network's specs."
    with Beside(lambda: Spec().slow):
        assert entered.wait(30)
        assert status(child(lambda: Spec().slow == 1)) == 0
    spec = Spec()
    assert spec.slow == 1 and vars(spec) == {"slow": 1}


def test_forks_while_helpers_work():
    # The child has none of them, and none of their CPUs are taken.
    entered, may_end = threading.Event(), threading.Event()

    def occupy(item):
        entered.set()
        return may_end.wait(30)

    def work():
        threads = Threads(2)
        threads.map(occupy, range(2))

    def in_child():
        threads = Threads(2)
        return threads_module._cpus.n_busy == 0 and threads.map(abs, [-1, -2, -3]) == [1, 2, 3]

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert entered.wait(30)
        assert [status(child(in_child)) for _ in range(3)] == [0] * 3
    finally:
        may_end.set()
        thread.join()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fit_that_forks_is_the_same_in_parent_and_child(n_jobs, monkeypatch):
    # From a callback, say: the child is inside the fit, too, and BLAS held to one thread until it ends.
    monkeypatch.setattr(batching_module, "SHARD_FLOPS", 1.0)
    parameters = {"max_iter": 3, "batch_size": 24, "n_jobs": n_jobs}
    expected, before, children = model(**parameters).fit(X, Y), blas_threads(), []

    def show(progress, row):
        if row["epoch"] == 2:
            children.append(os.fork())
            limited = [library.num_threads for library in threads_module._blas_limit._libraries]
            assert max(limited, default=1) == 1

    monkeypatch.setattr(Progress, "show", show)
    is_child = True
    try:
        again = model(**parameters).fit(X, Y)
        is_child = children[0] == 0
        right = again._theta.tobytes() == expected._theta.tobytes() and blas_threads() == before
        if is_child:
            os._exit(0 if right else 1)
    finally:
        if is_child and children and children[0] == 0:
            os._exit(2)
    assert right and status(children[0]) == 0
