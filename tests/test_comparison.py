"""How benchmarks/defaults.py compares candidates: ranks, worst cases, what is dropped, and averages of weights."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from sklstm import LSTMRegressor

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 5, 1)), RNG.normal(size=12)
SMALL = {"hidden_size": 3, "max_iter": 8, "batch_size": 4, "random_state": 0}


def of_benchmarks(name):
    """A module of the benchmarks, whose names are those of some modules of the tests."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


comparison, averaging = of_benchmarks("comparison"), of_benchmarks("averaging")


def record(problem, candidate, score, split=0, fit=0, **entries):
    trial = {"problem": problem, "split": split, "fit": fit, "candidate": candidate}
    return trial | {"score": score, "seconds": 1.0, "epochs": 1} | entries


def records(**scores):
    """Records of candidates with a score for each problem."""
    return [record(f"p{k}", name, score) for name, row in scores.items() for k, score in enumerate(row)]


def test_ranks_are_means_over_the_measures_and_ties_share_theirs():
    trials = [record("a", "first", 0.5, log_loss=0.1), record("a", "second", 0.9, log_loss=0.3), record("b", "first", 1.0)]
    trials.append(record("b", "second", 1.0))
    found = comparison.Comparison.of(trials, ["first", "second"])
    np.testing.assert_array_equal(found.ranks(), [[1.5, 1.5], [1.5, 1.5]])
    np.testing.assert_array_equal(found.ranks("score"), [[2, 1], [1.5, 1.5]])
    np.testing.assert_array_equal(found.ranks("log_loss"), [[1, 2]])


def test_differences_are_paired_by_split_with_the_mean_over_its_fits():
    rows = [(0, 0, 0.5, 0.6), (0, 1, 0.7, 1.0), (1, 0, 0.2, 0.2), (2, 0, 0.9, None)]
    trials = [record("a", "first", first, split, fit) for split, fit, first, _ in rows]
    trials += [record("a", "second", second, split, fit) for split, fit, _, second in rows if second is not None]
    found = comparison.Comparison.of(trials, ["first", "second"])
    mean, error = found.difference("score", "a", "second")
    assert found.n_fits == 3
    assert mean == pytest.approx(np.mean([0.2, 0.0]))
    assert error == pytest.approx(np.std([0.2, 0.0], ddof=1) / np.sqrt(2))


def test_a_failure_counts_as_the_worst_value():
    failed = {"problem": "a", "split": 0, "fit": 0, "candidate": "second", "error": "ValueError: no"}
    found = comparison.Comparison.of([record("a", "first", 0.5), record("a", "third", 0.7), failed], ["first", "second", "third"])
    np.testing.assert_array_equal(found.values["score"]["a"].ravel(), [0.5, 0.5, 0.7])


def test_what_loses_clearly_is_dropped_unless_its_worst_tenth_is_better():
    first = np.linspace(0.5, 0.9, 20)
    worse, safer = first - 0.1, first - 0.01
    first[0] = 0.0  # where the safer one is good
    trials = records(first=first, worse=worse - 0.5, safer=safer)
    losers = comparison.Comparison.of(trials, ["first", "worse", "safer"]).losers()
    assert losers.keys() == {"worse"}
    assert losers["worse"]["why"] == comparison.CLEARLY


def test_the_best_are_kept_by_mean_rank_and_by_the_worst_tenth():
    scores = {"first": 0.5, "better": 0.6, "steady": 0.65}
    trials = records(best=np.r_[0.0, 0.0, np.full(18, 0.7)], **{name: np.full(20, score) for name, score in scores.items()})
    losers = comparison.Comparison.of(trials, ["first", "better", "best", "steady"]).losers(most=1)
    assert losers.keys() == {"better"}
    assert losers["better"]["why"] == "not among the best 1"


def thetas_of(around):
    """Weights after each step of a fit, and those that it ends with."""
    seen = []
    with averaging.after_each_step(lambda theta: seen.append(theta.copy())), around:
        model = LSTMRegressor(**SMALL).fit(X, Y)
    return np.array(seen), model._state.theta


def test_the_mean_of_the_last_epochs():
    seen, theta = thetas_of(averaging.mean_of_last_epochs(0.25))
    np.testing.assert_allclose(theta, seen[2::3][-2:].mean(axis=0), rtol=1e-12)  # three steps an epoch


def test_the_moving_average():
    seen, theta = thetas_of(averaging.moving_average(0.9))
    weights = 0.9 ** np.arange(len(seen))[::-1]
    np.testing.assert_allclose(theta, weights @ seen / weights.sum(), rtol=1e-6, atol=1e-9)
