"""Fits whose helpers outlive them, where that is hardest: from many threads at once, interrupted, before a fork, at the end.

    python tests/scripts/threaded_fits.py                                      a short run
    python tests/scripts/threaded_fits.py --fits 200 --interrupts 1000

Each fit has `n_jobs=2` and must have the bits of one with one thread: one kind shares time steps, the other is cut into shards,
and predictions share time steps. The process ends while a thread that it does not wait for still fits.
"""

import argparse
import faulthandler
import os
import random
import signal
import threading
import time
import warnings

import numpy as np

import sklstm.estimators.engines as engines
import sklstm.network.inference as inference
import sklstm.parallel as parallel
import sklstm.training.batching as batching
from sklstm import LSTMRegressor
from sklstm._kernels import _inference, _scan

N_THREADS = 8
PARAMETERS = {  # kind of fit -> parameters
    "steps": {"hidden_size": 40, "batch_size": 16},
    "shards": {"hidden_size": 4, "batch_size": 64},
}
SECONDS = 300  # after which a run that hangs is ended, with the stacks of all threads


def share_everything():
    """However small it is, and however busy the machine, which seems to have CPUs for all."""
    parallel._cpu_count = lambda: 2 * N_THREADS
    parallel.HINDERED = 2.0
    batching.SHARD_FLOPS, batching.TEAM_FLOPS = 1.0, 0
    inference.THREAD_FLOPS = engines.THREAD_FLOPS = 1e-9
    _scan.share_from(0, 0, 1)
    _inference.share_from(0, 0)


class Fits:
    """Fits and predictions of one kind, with the bits that they must have."""

    def __init__(self, kind):
        self.parameters = PARAMETERS[kind] | {"max_iter": 3, "random_state": 0}
        self.X = np.random.default_rng(0).normal(size=(64, 6, 2)).astype(np.float32)
        self.y = self.X[:, :, 0].sum(axis=1)
        self.expected = self.results(1)

    def results(self, n_jobs):
        model = LSTMRegressor(n_jobs=n_jobs, **self.parameters).fit(self.X, self.y)
        return model._theta.tobytes(), model.predict(self.X[:1]).tobytes()

    def check(self):
        assert self.results(2) == self.expected, "A fit has other bits than with one thread."


def check_many_at_once(kinds, n_fits):
    """So many fits of each kind from eight threads."""
    failures = []

    def run(fits, n):
        try:
            for _ in range(n):
                fits.check()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(kinds[k % 2], -(-2 * n_fits // N_THREADS))) for k in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert parallel._cpus.n_busy == 0


def check_interrupts(kinds, n):
    """Fits that are interrupted at random moments, each followed by one that is not; returns how many interrupts were met."""
    rng, met = random.Random(0), 0
    for k in range(n):
        fits = kinds[k % 2]
        try:
            try:
                # And again a second later, where Python has ignored it in a destructor.
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-4, 0.02), 1.0)
                while True:
                    fits.check()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            met += 1
        fits.check()
    return met


def check_fork(kinds):
    """A child after threaded fits fits with threads of its own."""
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(SECONDS)
            for fits in kinds:
                fits.check()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "A forked child failed."


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fits", type=int, default=20, help="from eight threads, of each kind")
    parser.add_argument("--interrupts", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    share_everything()
    kinds = [Fits(kind) for kind in PARAMETERS]
    check_many_at_once(kinds, options.fits)
    shared = sum(team.n_shared for team in parallel._idle_teams)
    assert shared, "No helper took part."
    print(f"{options.fits} fits of each kind from {N_THREADS} threads, {shared} calls of kernels shared")
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        print(f"{check_interrupts(kinds, options.interrupts)} interrupts")
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if hasattr(os, "fork"):
        check_fork(kinds)
        print("forked")

    def fit_for_ever():
        while True:
            kinds[0].check()

    threading.Thread(target=fit_for_ever, daemon=True).start()
    time.sleep(0.05)
    print("ends")


if __name__ == "__main__":
    main()
