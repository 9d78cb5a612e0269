"""Threads: the division into shards, the threads that compute them, and other users of the CPUs."""

import gc
import heapq
import linecache
import subprocess
import sys
import threading
import time

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import sklstm.parallel as threads_module
import sklstm.training.batching as batching_module
import sklstm.training.gradient as gradient_module
import sklstm.training.loop as loop_module
from sklstm import LSTMRegressor
from sklstm._kernels import _team
from sklstm.network import EncoderDecoder, Network
from sklstm.parallel import Threads
from sklstm.training.batching import MAX_SHARDS, SHARD_FLOPS, shards
from sklstm.training.gradient import _SumInOrder

N_SEQUENCES, N_THREADS = 1024, 64


# ---- the plan ----


def share_of_busy_threads(parts, lengths, n_threads):
    """Work over what the threads could have done by the time the last one ends; the next that is free takes the next shard."""
    free_at, total = [0] * n_threads, 0
    for part in parts:
        work = int(lengths[part].sum())
        heapq.heapreplace(free_at, free_at[0] + work)
        total += work
    return total / (n_threads * max(free_at))


# Relative to their mean; of the last two the longest sequences are some nine times that.
LENGTHS = {
    "dense": lambda rng: np.ones(N_SEQUENCES),
    "uniform": lambda rng: rng.uniform(0.25, 1.0, N_SEQUENCES),
    "down to 1 step": lambda rng: rng.uniform(0.0, 1.0, N_SEQUENCES),
    "half short": lambda rng: np.repeat([0.1, 1.0], N_SEQUENCES // 2),
    "log-normal": lambda rng: np.exp(rng.normal(0.0, 1.0, N_SEQUENCES)),
    "exponential": lambda rng: rng.exponential(1.0, N_SEQUENCES),
}


@pytest.mark.parametrize("kind", LENGTHS)
@pytest.mark.parametrize("hidden_size", [8, 16, 32, 64, 128, 256, 512])
def test_a_large_minibatch_keeps_64_threads_busy(kind, hidden_size, rng):
    network = Network(8, 1, (hidden_size,))
    relative = LENGTHS[kind](rng)
    # Long enough that a shard for each thread is worth it.
    steps = 1.2 * N_THREADS * SHARD_FLOPS / network.flops_per_row / N_SEQUENCES
    lengths = np.maximum(1, steps * relative / relative.mean()).astype(int) + 20
    rows = rng.permutation(N_SEQUENCES)
    parts = shards(rows, lengths, network)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(N_SEQUENCES))
    assert share_of_busy_threads(parts, lengths, N_THREADS) >= 0.85
    for fewer in (2, 4, 8, 16, 32):
        assert share_of_busy_threads(parts, lengths, fewer) >= 0.85


@pytest.mark.parametrize("n_sequences", [16, 31, 32, 64, 100, 200, 500, 1024, 3000])
@pytest.mark.parametrize("hidden_size", [8, 64, 512])
def test_shards_are_neither_small_nor_many(n_sequences, hidden_size, rng):
    network, lengths = Network(4, 1, (hidden_size,)), rng.integers(50, 200, size=n_sequences)
    parts = shards(np.arange(n_sequences), lengths, network)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n_sequences))
    work = [int(lengths[part].sum()) for part in parts]
    assert work == sorted(work, reverse=True)
    assert len(parts) <= MAX_SHARDS
    # 2 and 4 threads end together.
    assert len(parts) in (1, 2) or len(parts) % 4 == 0
    if len(parts) > 1:
        assert len(parts) <= n_sequences / 16
        assert sum(work) * network.flops_per_row / len(parts) >= SHARD_FLOPS
        assert share_of_busy_threads(parts, lengths, 2) >= 0.95


@pytest.mark.parametrize(("attention", "n_shards"), [("dot", 2), (None, 1)])
def test_a_minibatch_with_attention_is_cut_where_others_are_left_to_a_team(attention, n_shards):
    network = EncoderDecoder(1, 20, (256,), categories=((0, 20, 8),), token_width=8, attention=attention)
    parts = shards(np.arange(64), np.full(64, 50), network)
    assert len(parts) == (n_shards if _team.available() else 2)


# ---- the sum ----


@pytest.mark.parametrize("n_shards", [1, 2, 3, 4, 5, 7, 8, 12, 64])
def test_gradients_have_the_same_bits_whoever_ends_first(n_shards, rng):
    network = Network(2, 1, (3,))
    vectors = rng.normal(size=(n_shards, network.layout.size)).astype(np.float32)
    vectors *= 10.0 ** rng.integers(-3, 4, size=(n_shards, 1))  # so that the order of the sum shows
    sums, orders = [], [np.arange(n_shards), *(rng.permutation(n_shards) for _ in range(5))]
    for order in orders:
        out = np.zeros(network.layout.size, dtype=np.float32)
        summed = _SumInOrder(out)
        for _ in range(2):  # used again, it begins anew
            summed.start()
            taken = {}
            for k in order:
                taken[k] = summed.take(k)
                taken[k][:] = vectors[k]
            for k in order:
                summed.add(k, taken[k])
        sums.append(out)
    for total in sums:
        np.testing.assert_array_equal(total, sums[0])
    np.testing.assert_allclose(sums[0], vectors.astype(np.float64).sum(axis=0), rtol=0, atol=1e-6 * np.abs(vectors).sum())


def test_one_thread_needs_few_gradients(rng):
    network = Network(2, 1, (3,))
    summed, seen = _SumInOrder(np.zeros(network.layout.size)), []
    for n_shards in (2, 5, 64):
        summed.start()
        for k in range(n_shards):
            gradient = summed.take(k)
            seen.append(gradient)  # alive, so that its id stays its own
            summed.add(k, gradient)
        assert len({id(gradient) for gradient in seen}) == 2


# ---- who computes ----


@pytest.fixture
def cpus(monkeypatch):
    """Sets the number of CPUs that the machine seems to have."""

    def pretend(n):
        monkeypatch.setattr(threads_module, "_cpu_count", lambda: n)

    pretend(2)
    return pretend


def idents(threads, n_items=2, timeout=30):
    """Which threads take part when each call waits for the others; helpers that are new have time to come before."""
    threads.map(time.sleep, [0.05] * n_items)
    together = threading.Barrier(n_items)

    def call(item):
        together.wait(timeout)
        return threading.get_ident()

    return threads.map(call, range(n_items))


def test_the_caller_works_too(cpus):
    cpus(3)
    threads = Threads(3)
    for _ in range(3):
        taken = idents(threads, 3)
        assert len(set(taken)) == 3
        assert threading.get_ident() in taken


def test_results_are_in_the_order_of_the_items(cpus):
    cpus(4)
    threads = Threads(4)
    for n in (0, 1, 2, 50):
        assert threads.map(lambda item: item * item, range(n)) == [k * k for k in range(n)]


def test_no_more_threads_than_cpus(cpus):
    threads = Threads(64)
    assert threads.n_threads == 2
    assert set(threads.map(lambda item: threading.get_ident(), range(1))) == {threading.get_ident()}
    cpus(1)
    threads = Threads(2)
    assert set(threads.map(lambda item: threading.get_ident(), range(9))) == {threading.get_ident()}


@pytest.mark.parametrize("where", ["caller", "helper"])
def test_an_error_ends_all_calls_before_it_is_raised(where, cpus):
    together, caller, running = threading.Barrier(2), threading.get_ident(), []

    def call(item):
        if item < 2:
            running.append(item)
            together.wait(30)
            if (threading.get_ident() == caller) == (where == "caller"):
                raise KeyError(item)
            running.remove(item)
        else:
            running.append(item)

    before = threads_module._cpus.n_busy
    threads = Threads(2)
    with pytest.raises(KeyError) as caught:
        threads.map(call, range(1000))
    assert caught.value.args[0] in running, "the one that failed"
    assert len(running) < 1000, "the others are not begun any more, or few of them"
    assert threads_module._cpus.n_busy == before


def test_calls_from_two_threads_share_the_cpus(cpus):
    # While one call occupies both CPUs, another gets no helper; afterwards it does.
    entered, may_end, taken = threading.Barrier(3), threading.Event(), []

    def occupy(item):
        entered.wait(30)
        assert may_end.wait(30)

    def first_call():
        threads = Threads(2)
        threads.map(occupy, range(2))

    first = threading.Thread(target=first_call)
    first.start()
    entered.wait(30)
    threads = Threads(2)
    taken += threads.map(lambda item: threading.get_ident(), range(20))
    may_end.set()
    first.join(30)
    assert set(taken) == {threading.get_ident()}
    assert len(set(idents(threads))) == 2


# ---- estimators ----


@pytest.fixture
def problem(rng, monkeypatch):
    """X, y and a regressor whose minibatches are cut into 4 shards."""
    monkeypatch.setattr(batching_module, "SHARD_FLOPS", 1.0)
    X = rng.normal(size=(64, 6, 2)).astype(np.float32)
    return X, X[:, :, 0].sum(axis=1), LSTMRegressor(4, batch_size=64, max_iter=3, random_state=0)


@pytest.mark.parametrize(
    "n_jobs, config, expected", [(None, {}, 1), (None, {"n_jobs": 2}, 2), (1, {"n_jobs": 2}, 1), (2, {}, 2), (-1, {}, 3)]
)
def test_n_jobs_means_what_joblib_says(n_jobs, config, expected, problem, cpus, monkeypatch):
    cpus(3)
    asked = []

    def recorded(n_threads):
        asked.append(n_threads)
        return Threads(n_threads)

    monkeypatch.setattr(loop_module, "Threads", recorded)
    X, y, model = problem
    with joblib.parallel_config(**config):
        model.set_params(n_jobs=n_jobs).fit(X, y)
    assert asked == [joblib.cpu_count() if n_jobs == -1 else expected]


def in_a_worker(n_jobs):
    """How many threads a fit or prediction with these n_jobs would have there."""

    @joblib.wrap_non_picklable_objects
    def ask(k):
        from joblib import effective_n_jobs

        from sklstm.parallel import Threads

        threads = Threads(effective_n_jobs(n_jobs))
        return threads.n_threads

    return joblib.delayed(ask)


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
@pytest.mark.parametrize("n_jobs", [None, 2, -1])
def test_worker_processes_share_the_cpus(backend, n_jobs, monkeypatch):
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    n_workers = max(2, joblib.cpu_count())
    with joblib.parallel_config(backend=backend):
        taken = joblib.Parallel(n_jobs=n_workers)(in_a_worker(n_jobs)(k) for k in range(n_workers))
    assert taken == [1] * n_workers


@pytest.mark.skipif(joblib.cpu_count() < 2, reason="needs a second CPU")
def test_a_worker_process_may_be_given_more_threads():
    with joblib.parallel_config(backend="loky", inner_max_num_threads=2):
        taken = joblib.Parallel(n_jobs=2)(in_a_worker(2)(k) for k in range(2))
    assert taken == [2, 2]


def test_a_grid_search_in_threads_does_not_multiply_them(problem, cpus, monkeypatch):
    # Two fits at a time, each with n_jobs=2, on two CPUs: four threads would work without a common count. A fit that begins while
    # another one has a helper still makes it three, for the shard that this helper is busy with.
    X, y, model = problem
    lock, working, most = threading.Lock(), [0], [0]
    original = gradient_module._Shard.run

    def run(self, *args):
        with lock:
            working[0] += 1
            most[0] = max(most[0], working[0])
        time.sleep(2e-3)  # as long as a shard of a real problem takes: whoever may work at the same time does
        try:
            return original(self, *args)
        finally:
            with lock:
                working[0] -= 1

    monkeypatch.setattr(gradient_module._Shard, "run", run)
    search = GridSearchCV(model.set_params(n_jobs=2, max_iter=5), {"hidden_size": [8, 16, 24]}, cv=2, n_jobs=2, refit=False)
    with joblib.parallel_config(backend="threading"):
        search.fit(np.tile(X, (4, 1, 1)), np.tile(y, 4))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert 1 <= most[0] <= 3
    assert threads_module._cpus.n_busy == 0


def test_one_thread_in_a_dask_worker():
    distributed = pytest.importorskip("distributed")
    with distributed.Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as client:

        def ask(n_jobs):
            threads = Threads(n_jobs)
            return threads.n_threads

        assert client.submit(ask, 2).result() == 1


def test_fits_in_two_threads_hold_blas_to_one_thread_until_both_have_ended(problem, cpus, monkeypatch):
    # With shards on helpers of their own.
    cpus(4)
    X, y, model = problem
    original, inside = gradient_module._Shard.run, []
    limit = threads_module._blas_limit

    def run(self, *args):
        inside.append((len(limit._inside), [library.num_threads for library in limit._libraries]))
        return original(self, *args)

    monkeypatch.setattr(gradient_module._Shard, "run", run)
    alone = model.set_params(n_jobs=2).fit(X, y).weights_
    before = [library.num_threads for library in limit._libraries]
    fits = [type(model)(**model.get_params()) for _ in range(2)]
    running = [threading.Thread(target=fit.fit, args=(X, y)) for fit in fits]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    assert inside
    for n_inside, n_threads in inside:
        assert n_inside >= 1
        assert set(n_threads) <= {1}
    assert not limit._inside
    assert [library.num_threads for library in limit._libraries] == before
    for fit in fits:
        for name, value in alone.items():
            np.testing.assert_array_equal(fit.weights_[name], value)


# ---- no helper to be had ----


def refuse_threads(monkeypatch, n_allowed=0):
    """No more than so many threads can be started, and there are no helpers yet."""
    monkeypatch.setattr(threads_module, "_idle_teams", [])
    start, started = threading.Thread.start, []

    def limited(self):
        if len(started) >= n_allowed:
            raise RuntimeError("can't start new thread")
        started.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    return started


@pytest.mark.parametrize("n_allowed", [0, 1, 2])
def test_without_helpers_the_caller_continues_alone(n_allowed, cpus, monkeypatch):
    cpus(4)
    before, started = set(threading.enumerate()), refuse_threads(monkeypatch, n_allowed)
    threads = Threads(4)
    for _ in range(3):
        assert threads.map(lambda item: time.sleep(1e-3) or item * item, range(20)) == [k * k for k in range(20)]
    with pytest.raises(KeyError):
        threads.map({}.__getitem__, range(20))
    assert len(started) == n_allowed and set(threading.enumerate()) == before | set(started)
    assert threads_module._cpus.n_busy == 0


@pytest.mark.parametrize("n_allowed", [0, 1])
def test_fits_and_predictions_without_helpers_have_the_same_bits(problem, cpus, monkeypatch, n_allowed):
    cpus(4)
    X, y, model = problem
    expected = model.set_params(n_jobs=1).fit(X, y)
    theta, predicted = expected._theta.copy(), expected.predict(np.tile(X, (40, 1, 1)))
    with monkeypatch.context() as patch:
        refuse_threads(patch, n_allowed)
        model.set_params(n_jobs=4).fit(X, y)
        np.testing.assert_array_equal(model._theta, theta)
        np.testing.assert_array_equal(model.predict(np.tile(X, (40, 1, 1))), predicted)
    np.testing.assert_array_equal(model.fit(X, y)._theta, theta)


SCRIPT = """
import threading, atexit, resource, time, warnings
warnings.simplefilter("ignore")
import numpy as np, joblib
import sklstm.parallel as threads, sklstm.training.batching as batching
from sklstm import LSTMRegressor
threads._cpu_count = lambda: 2
batching.SHARD_FLOPS = 1.0
X = np.random.default_rng(0).normal(size=(64, 6, 2)); y = X[:, :, 0].sum(axis=1)
def fit(n_jobs):
    return LSTMRegressor(4, batch_size=64, max_iter=3, random_state=0, n_jobs=n_jobs).fit(X, y)._theta.tobytes()
expected = fit(1)
def check(seconds=0.0):
    time.sleep(seconds)
    print(fit(2) == expected, flush=True)
# No memory for stacks: root is not limited in the number of threads.
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
threading.stack_size(1 << 30), resource.setrlimit(resource.RLIMIT_AS, (1 << 32, hard))
check()
threading.stack_size(0), resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
# A thread that outlives the main one, and what is called when all have ended.
threading.Thread(target=check, args=(0.2,)).start(), atexit.register(check)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
def test_fits_where_no_thread_can_be_started(tmp_path):
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert (result.returncode, result.stdout, result.stderr) == (0, "True\n" * 3, "")


# ---- interrupts ----


def interruption(n, module):
    """A trace function that raises KeyboardInterrupt at the n-th line of a module; counts in its attribute."""

    def trace(frame, event, arg):
        if frame.f_code.co_filename != module.__file__:
            return None
        # Tracing sees the end of a with block before the lock is released, where Python lets no signal in.
        released = linecache.getline(module.__file__, frame.f_lineno).strip() == "with _lock:" and module._lock._is_owned()
        trace.n_lines += event in ("call", "line") and not released
        if trace.n_lines == n and not trace.fired:
            trace.fired = True
            raise KeyboardInterrupt
        return trace

    trace.n_lines, trace.fired = 0, False
    return trace


def use_blas(n_threads):
    """What a fit does with this module."""
    threads = Threads(n_threads)
    with threads_module.single_threaded_blas():
        assert threads.together(abs, -1) == threads.together(abs, -1) == 1
        return threads.map(abs, [-1, -2, -3])


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_interrupt_at_any_line_leaves_blas_and_the_cpus_as_they_were(n_threads, cpus, monkeypatch):
    before = set(threading.enumerate())
    monkeypatch.setattr(threads_module, "_idle_teams", [])
    use_blas(n_threads)
    limit, traced = threads_module._blas_limit, sys.gettrace()
    blas = [library.num_threads for library in limit._libraries]
    for n in range(1, 1000):
        trace, interrupted = interruption(n, threads_module), False
        sys.settrace(trace)
        try:
            result = use_blas(n_threads)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            sys.settrace(traced)
        if not trace.fired:
            break
        assert interrupted or result == [1, 2, 3], n  # where a weak reference ends, Python ignores it
        assert [library.num_threads for library in limit._libraries] == blas, n
        assert not limit._inside and not threads_module._lock._is_owned(), n
        assert limit._before is None and not limit._complete, n
        threads = Threads(2)
        assert threads.map(abs, [-1, -2]) == [1, 2]
        assert threads_module._cpus.n_busy == 0, n
        assert use_blas(n_threads) == [1, 2, 3]
    assert n > 50
    # A team that an interrupt has lost ends, and so does one that nobody keeps.
    threads_module._idle_teams.clear()
    gc.collect()
    for helper in set(threading.enumerate()) - before:
        helper.join(30)
    assert set(threading.enumerate()) == before
