"""A team of threads inside a time step: who takes part, how a step is split, and that bits depend on neither."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import sklstm.parallel as parallel
import sklstm.training.batching as batching
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm._kernels import _optim, _scan, _team
from sklstm.estimators.architecture import build
from sklstm.network.cells import CELLS
from sklstm.parallel import Threads

pytestmark = [
    # Without vectors, or with products by BLAS, threads have sequences of their own: bits would depend on how columns are cut.
    pytest.mark.skipif(not _team.available(), reason="a build without teams"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

# How a step is split -> arguments of `share_from` under which it is always split so where that is possible.
SPLITS = {"units": (0, 0, 1), "rows": (0, 1 << 40, 1)}


@pytest.fixture
def split(monkeypatch):
    """Sets how steps are split, and lets a team have every minibatch, however late helpers are."""
    before = _scan.share_from(*SPLITS["units"])
    monkeypatch.setattr(batching, "TEAM_FLOPS", 0)
    monkeypatch.setattr(parallel, "HINDERED", 2.0)
    monkeypatch.setattr(parallel, "_hindrance", parallel._Hindrance())
    yield lambda how: _scan.share_from(*SPLITS[how])
    _scan.share_from(*before)


@pytest.fixture
def cpus(monkeypatch):
    """Sets the number of CPUs that the machine seems to have."""
    return lambda n: monkeypatch.setattr(parallel, "_cpu_count", lambda: n)


def sequences(rng, dtype, ragged, n=9):
    lengths = rng.integers(1, 8, n) if ragged else np.full(n, 5)
    X = [rng.normal(size=(length, 3)).astype(dtype) for length in lengths]
    return Sequences.from_list(X), np.array([x[:, 0].sum() for x in X])


def n_shared():
    """How many calls helpers have had a part in, of all teams of this process."""
    return sum(team.n_shared for team in parallel._idle_teams)


def until(is_done, act):
    """Do something once, and again until that has happened: a helper that comes late on a busy machine is not waited for."""
    deadline = time.monotonic() + 30
    act()
    while not is_done():
        assert time.monotonic() < deadline, "no helper has taken part"
        act()


def in_shared_calls(n_threads, function):
    """What `function` returns with a team of so many threads of which helpers had a part in some call, tried until they had."""
    results, before = [], n_shared()
    until(lambda: n_shared() > before, lambda: results.append(Threads(n_threads).together(function)))
    return results[-1]


# ---- bits ----

OPTIONS = [
    dict(),
    dict(bidirectional=True, num_layers=2, merge_mode="sum", pooling="mean"),
    dict(bidirectional=True, recurrent_dropout=0.3, dropout=0.2, pooling=("max", "attention")),
    dict(initial_state="learned", bptt_steps=3, num_layers=2, recurrent_dropout=0.3),
    dict(num_layers=2, residual=True, activation="relu"),
]


# Units that are no multiple of a vector, and fewer than a slice for each member; then several slices for each.
@pytest.mark.parametrize(
    "hidden_size, ragged, plans",
    [(21, False, [(2, "units"), (3, "rows"), (5, "units")]), (70, True, [(2, "rows"), (3, "units"), (5, "rows")])],
)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", CELLS)
def test_bits_do_not_depend_on_threads_and_splits(cell, dtype, options, hidden_size, ragged, plans, split, cpus, rng):
    X, y = sequences(rng, dtype, ragged)
    model = LSTMRegressor(hidden_size, cell=cell, batch_size=5, max_iter=1, random_state=0, **options)
    expected = model.fit(X, y)._theta.copy()

    def fit_by_all_plans():
        for n_jobs, how in plans:
            cpus(n_jobs)
            split(how)
            model.set_params(n_jobs=n_jobs).fit(X, y)
            np.testing.assert_array_equal(model._theta, expected, err_msg=f"{n_jobs} threads, by {how}")

    before = n_shared()
    until(lambda: n_shared() > before, fit_by_all_plans)


@pytest.mark.parametrize("cell", [name for name, cell in CELLS.items() if cell.can_project])
@pytest.mark.parametrize("options", [dict(bidirectional=True, recurrent_dropout=0.3), dict(initial_state="learned")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_projected_states(cell, options, dtype, split, cpus, rng, monkeypatch):
    # They are split by rows, where that is possible, else not at all; in several chunks of time, which use the same scratch.
    monkeypatch.setattr(batching, "SHARD_FLOPS", 1e12)
    X, y = sequences(rng, dtype, True, 40)
    X, y = Sequences.from_list([np.tile(x, (20, 1)) for x in X.to_list()]), y
    model = LSTMRegressor(70, proj_size=21, num_layers=2, cell=cell, batch_size=40, max_iter=1, random_state=0, **options)
    expected = model.fit(X, y)._theta.copy()

    def fit_by_all_plans():
        for n_jobs, how in [(2, "rows"), (3, "units"), (5, "rows")]:
            cpus(n_jobs)
            split(how)
            np.testing.assert_array_equal(model.set_params(n_jobs=n_jobs).fit(X, y)._theta, expected, err_msg=f"{n_jobs}, {how}")

    before = n_shared()
    until(lambda: n_shared() > before or CELLS[cell].n_extra, fit_by_all_plans)


@pytest.mark.parametrize("how", SPLITS)
@pytest.mark.parametrize("n_sequences", [1, 9])
def test_labels_of_steps_and_categories(how, n_sequences, split, cpus, rng):
    split(how)
    cpus(3)
    X, _ = sequences(rng, "float32", True, n_sequences)
    X.values[:, 2] = rng.integers(0, 4, len(X.values))
    y = [rng.integers(0, 2, length) for length in X.lengths]
    y[0][0], y[-1][-1] = 0, 1
    model = LSTMClassifier(40, return_sequences=True, categorical_features=[2], batch_size=4, max_iter=3, random_state=0)
    expected = model.fit(X, y)._theta.copy()
    np.testing.assert_array_equal(model.set_params(n_jobs=3).fit(X, y)._theta, expected)


@pytest.mark.parametrize("how", SPLITS)
def test_weights_so_wide_that_blas_makes_their_gradients(how, split, cpus, rng):
    split(how)
    X, y = sequences(rng, "float64", False)
    model = LSTMRegressor(130, max_iter=2, random_state=0)
    expected = model.fit(X, y)._theta.copy()
    cpus(3)
    np.testing.assert_array_equal(model.set_params(n_jobs=3).fit(X, y)._theta, expected)


@pytest.mark.parametrize("n_shards", [1, 4])
def test_a_plan_of_teams_and_one_of_shards_are_the_same_for_any_number_of_threads(n_shards, split, cpus, rng, monkeypatch):
    monkeypatch.setattr(batching, "SHARD_FLOPS", 1.0)
    monkeypatch.setattr(batching, "LEAST_SHARDS", 2 if n_shards > 1 else 1000)
    monkeypatch.setattr(batching, "TEAM_UNITS", 1)
    X = rng.normal(size=(64, 5, 2)).astype(np.float32)
    y = X[:, :, 0].sum(axis=1)
    model = LSTMRegressor(40, batch_size=64, max_iter=3, random_state=0)
    expected = model.fit(X, y)._theta.copy()
    assert len(batching.shards(np.arange(64), np.full(64, 5), build(model._network_spec))) == n_shards
    for n_jobs in (2, 3, 5):
        cpus(n_jobs)
        np.testing.assert_array_equal(model.set_params(n_jobs=n_jobs).fit(X, y)._theta, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", _optim.OPTIMIZERS)
def test_updates_have_the_same_bits_for_any_number_of_threads(name, dtype, cpus, rng):
    _, states, rates = _optim.OPTIMIZERS[name]
    n = 3 * (1 << 15) + 77

    def updated(n_threads):
        rng = np.random.default_rng(0)
        theta, grad = rng.normal(size=(2, n)).astype(dtype)
        arrays = {state: rng.random(n).astype(dtype) for state in states}
        values = dict.fromkeys(rates, 0.9) | {"nesterov": 1, "epsilon": 1e-8}
        step = _optim.Step(name, theta, grad, arrays | {"t": 0}, {rate: values[rate] for rate in rates if rate != "t"})
        threads = Threads(n_threads)
        for _ in range(3):
            threads.together(step.take, 0.01, 0.7)
        return np.concatenate([theta, *arrays.values()])

    for n_threads in (2, 3, 5):
        cpus(n_threads)
        np.testing.assert_array_equal(updated(n_threads), updated(1))


# ---- who takes part ----


@pytest.fixture
def problem(split, cpus, rng):
    """X, y, a regressor for two threads, and what it learns."""
    cpus(2)
    X, y = sequences(rng, "float32", True, 24)
    model = LSTMRegressor(40, batch_size=8, max_iter=3, random_state=0)
    expected = model.fit(X, y)._theta.copy()
    return X, y, model.set_params(n_jobs=2), expected


def fit_alone(problem):
    """The same fit, on whatever team the calling thread has."""
    X, y, model, _ = problem
    return type(model)(**model.get_params() | {"n_jobs": 1}).fit(X, y)._theta


def test_helpers_take_part(problem):
    np.testing.assert_array_equal(in_shared_calls(2, lambda: fit_alone(problem)), problem[-1])


def test_nobody_shares_what_the_calling_thread_does_not(problem):
    def fit_elsewhere():
        results = []
        thread = threading.Thread(target=lambda: results.append(fit_alone(problem)))
        thread.start()
        thread.join(60)
        return results[0]

    before = n_shared()
    np.testing.assert_array_equal(Threads(2).together(fit_elsewhere), problem[-1])
    assert n_shared() == before


def test_a_team_serves_steps_and_shards(problem):
    met = threading.Barrier(2)

    def who(item):
        met.wait(30)
        return threading.get_ident()

    threads = Threads(2)
    for _ in range(3):
        np.testing.assert_array_equal(threads.together(fit_alone, problem), problem[-1])
        assert len(set(threads.map(who, range(2)))) == 2


def test_helpers_outlive_a_fit(problem):
    X, y, model, expected = problem
    in_shared_calls(2, lambda: fit_alone(problem))
    before, teams = set(threading.enumerate()), list(parallel._idle_teams)
    for _ in range(3):
        np.testing.assert_array_equal(model.fit(X, y)._theta, expected)
    assert set(threading.enumerate()) == before and parallel._idle_teams == teams


def test_helpers_end_with_their_team():
    teams = [parallel._team.Team(2)]
    helpers = [threading.Thread(target=teams[0].seats.serve) for _ in range(2)]
    for helper in helpers:
        helper.start()
    until(lambda: teams[0].rouse(2) == 2, lambda: time.sleep(1e-3))
    teams.clear()
    for helper in helpers:
        helper.join(30)
        assert not helper.is_alive()


def test_a_helper_that_has_not_begun_is_not_waited_for():
    team = parallel._team.Team(2)
    helper = threading.Thread(target=team.seats.serve, daemon=True)
    helper.start()
    until(lambda: team.rouse(2) == 1, lambda: time.sleep(1e-3))
    taken = []
    for _ in range(200):  # so short that the helper is often called back
        team.call(lambda: taken.append(threading.get_ident()), 2)
    assert taken.count(threading.get_ident()) == 200 and set(taken) <= {threading.get_ident(), helper.ident}


def test_an_error_gives_the_team_back(problem):
    with pytest.raises(ZeroDivisionError):
        Threads(2).together(lambda: 1 / 0)
    assert parallel._cpus.n_busy == 0
    np.testing.assert_array_equal(fit_alone(problem), problem[-1])


def test_no_helper_while_the_cpus_are_busy(problem):
    other, before = Threads(2), n_shared()
    parallel._cpus.acquire(other, 1, 2)
    np.testing.assert_array_equal(Threads(2).together(fit_alone, problem), problem[-1])
    assert n_shared() == before


def test_interrupted_fits(problem):
    X, y, model, expected = problem
    for k in range(20):
        timer = threading.Timer(k / 5000, signal.raise_signal, [signal.SIGINT])
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            while True:
                model.fit(X, y)
        timer.join()
        np.testing.assert_array_equal(model.fit(X, y)._theta, expected)
    gc.collect()
    assert parallel._cpus.n_busy == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_is_forked_inside_a_team_works_alone(problem):
    def fork_and_fit():
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if np.array_equal(fit_alone(problem), problem[-1]) else 1)
            finally:
                os._exit(2)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert in_shared_calls(2, lambda: (fit_alone(problem), fork_and_fit())[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_has_helpers_of_its_own(problem):
    threads = Threads(2)
    in_shared_calls(2, lambda: fit_alone(problem))
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(30)  # which ends a child that waits for them
            right = not parallel._idle_teams and np.array_equal(in_shared_calls(2, lambda: fit_alone(problem)), problem[-1])
            os._exit(0 if right and threads.map(abs, range(3)) == [0, 1, 2] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


SCRIPT = """
import threading, time, warnings
warnings.simplefilter("ignore")
import numpy as np
import sklstm.parallel as parallel, sklstm.training.batching as batching
from sklstm import LSTMRegressor
from sklstm._kernels import _scan
parallel._cpu_count = lambda: 2
batching.TEAM_FLOPS = 0
_scan.share_from(0, 0, 1)
X = np.random.default_rng(0).normal(size=(16, 6, 2)); y = X[:, :, 0].sum(axis=1)
fit = LSTMRegressor(32, max_iter=10**9, n_iter_no_change=10**9, n_jobs=2).fit
threading.Thread(target=fit, args=(X, y), daemon=True).start()
time.sleep(0.3)
print("ends")
"""


def test_a_fit_in_a_daemon_thread_does_not_keep_the_interpreter():
    result = subprocess.run([sys.executable, "-P", "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (0, "ends\n"), result.stderr


@pytest.mark.slow
def test_threaded_fits_where_that_is_hardest():
    script = Path(__file__).parent / "scripts" / "threaded_fits.py"
    result = subprocess.run([sys.executable, "-P", script], capture_output=True, text=True, timeout=400)
    assert result.returncode == 0 and result.stdout.endswith("ends\n"), result.stdout + result.stderr


@pytest.mark.slow
def test_the_protocol_has_no_races():
    script = Path(__file__).parent / "scripts" / "team_races.py"
    result = subprocess.run([sys.executable, "-P", script], capture_output=True, text=True, timeout=400)
    assert result.returncode == 0, result.stdout + result.stderr
