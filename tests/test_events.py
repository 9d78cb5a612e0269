"""Metrics of alarms and events: against slow twins, in all forms of labels, as scorers, and what they refuse."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMOutlierDetector, Sequences
from sklstm.metrics import (
    event_f1_score,
    event_precision_score,
    event_recall_score,
    false_alarm_rate,
    sequence_scorer,
)
from sklstm.preprocessing import PerStep

METRICS = (event_recall_score, event_precision_score, event_f1_score, false_alarm_rate)


def runs_of(flags):
    """Lists of the consecutive steps of which it is true."""
    runs = []
    for t, flag in enumerate(flags):
        if flag:
            if t == 0 or not flags[t - 1]:
                runs.append([])
            runs[-1].append(t)
    return runs


def slow(true, found, weights, tolerance):
    """Recall, precision, F1 and rate of false alarms by their definitions, step by step; NaN in `true` is masked."""
    hit = events = right = runs = false = normal = 0.0
    for y, predicted, weight in zip(true, found, weights, strict=True):
        in_event = [value == 1 for value in y]
        alarms = [value == -1 and not np.isnan(label) for value, label in zip(predicted, y, strict=True)]
        covered = set()
        for event in runs_of(in_event):
            own = set(event)
            for late in range(event[-1] + 1, min(event[-1] + 1 + tolerance, len(y))):
                if in_event[late]:
                    break
                own.add(late)
            hit += weight * any(alarms[t] for t in own)
            events += weight
            covered |= own
        for run in runs_of(alarms):
            right += weight * np.mean([t in covered for t in run])
            runs += weight
        for t, label in enumerate(y):
            if label == 0 and t not in covered:
                normal += weight
                false += weight * alarms[t]
    recall, precision = hit / events, right / runs if runs else 0.0
    return recall, precision, 2 * recall * precision / (recall + precision) if hit else 0.0, false / normal


def test_a_tolerance_beyond_all_sequences_is_that_of_their_length():
    y_true, y_pred = [[0, 1, 0, 0, 0]], [[1, 1, 1, 1, -1]]
    assert event_recall_score(y_true, y_pred, tolerance=10**30) == event_recall_score(y_true, y_pred, tolerance=9) == 1


@pytest.mark.parametrize("tolerance", [0, 1, 3, 50])
def test_the_metrics_are_their_definitions(tolerance):
    rng = np.random.default_rng(tolerance)
    for _ in range(40):
        lengths = rng.integers(1, 30, rng.integers(1, 6))
        sticky = [np.cumsum(rng.random(n) < 0.3) for n in lengths]
        true = [np.where(rng.random(n) < 0.1, np.nan, s % 2) for n, s in zip(lengths, sticky, strict=True)]
        true.append(np.array([0.0, 0, 0, 1, 1]))  # so that there is an event and a normal step
        found = [np.where(rng.random(len(y)) < 0.3, -1, 1) for y in true]
        weights = rng.integers(0, 3, len(true)) + (np.arange(len(true)) == len(true) - 1)
        expected = slow(true, found, weights, max(tolerance, 0))
        options = {"tolerance": tolerance, "sample_weight": weights}
        np.testing.assert_allclose([metric(true, found, **options) for metric in METRICS], expected, rtol=1e-12)


def test_all_forms_of_labels_give_the_same():
    rng = np.random.default_rng(0)
    true = np.repeat(rng.integers(0, 2, (4, 6)), 3, axis=1)
    found = np.where(rng.random((4, 18)) < 0.2, -1, 1)
    pandas = pytest.importorskip("pandas")
    offsets = np.arange(0, 73, 18)
    forms = [
        (true.tolist(), found.tolist()),
        (true.astype(bool), found == -1),
        (list(true.astype(float)), [found[0] == -1, *found[1:]]),
        (Sequences(true.reshape(-1, 1).astype(float), offsets), Sequences(found.reshape(-1, 1).astype(float), offsets)),
        (pandas.DataFrame(true), pandas.DataFrame(found)),
    ]
    for metric in METRICS:
        wanted = metric(true, found)
        assert [metric(*form) for form in forms] == [wanted] * len(forms)
        alone = metric(true[:1], found[:1])
        assert alone == metric(true[0], found[0]) == metric(true[0].tolist(), pandas.Series(found[0]))


def test_alarms_at_random_or_everywhere_get_no_high_score():
    # The reason for these metrics: with point adjustment, random alarms have an F1 score near 1 where events are long.
    rng = np.random.default_rng(0)
    true = np.zeros((1, 10000), int)
    for start in range(500, 10000, 1000):
        true[0, start : start + 100] = 1
    at_random, everywhere = rng.random((1, 10000)) < 0.02, np.ones((1, 10000), bool)
    assert event_recall_score(true, at_random) > 0.5 and event_f1_score(true, at_random) < 0.25
    assert event_recall_score(true, everywhere) == 1 and event_precision_score(true, everywhere) == 0.1
    assert false_alarm_rate(true, everywhere) == 1 and 0.015 < false_alarm_rate(true, at_random) < 0.025
    assert event_precision_score(true, ~everywhere) == event_f1_score(true, ~everywhere) == 0
    assert [metric(true, true == 1) for metric in METRICS] == [1, 1, 1, 0]


class Threshold(OutlierMixin, BaseEstimator):
    """A detector with a method for steps: alarms where the first channel is above `level`."""

    def __init__(self, level=1.0):
        self.level = level

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.ones(len(X))

    def predict_steps(self, X):
        return [np.where(np.asarray(x)[:, 0] > self.level, -1, 1) for x in X]


def test_scorers_take_the_steps_of_a_detector_in_pipelines_and_searches():
    rng = np.random.default_rng(0)
    X = [10 + rng.normal(size=(n, 1)) for n in (30, 20, 40, 30)]
    y = [np.zeros(len(x), int) for x in X]
    for x, labels in zip(X, y, strict=True):
        x[5:8], labels[5:8] = 16, 1
    model = make_pipeline(PerStep(StandardScaler()), Threshold())
    scorer = sequence_scorer(event_f1_score, tolerance=1)
    search = GridSearchCV(model, {"threshold__level": [-1.0, 2.0, 50.0]}, cv=2, scoring=scorer).fit(X, y)
    assert search.best_params_ == {"threshold__level": 2.0} and search.best_score_ == 1
    assert scorer(search, X, y) == 1  # whose best estimator is the Pipeline
    assert scorer(Threshold(9.0), X, y) == event_f1_score(y, Threshold(9.0).predict_steps(X), tolerance=1)
    false = sequence_scorer(false_alarm_rate)
    assert false(Threshold(9.0), X, y) == -false_alarm_rate(y, Threshold(9.0).predict_steps(X)) < -0.5
    weights = [1.0, 0.0, 0.0, 2.0]
    assert false(Threshold(10.5), X, y, sample_weight=weights) == -false_alarm_rate(
        y, Threshold(10.5).predict_steps(X), sample_weight=weights
    )


@pytest.mark.parametrize("target", ["next", "reconstruct"])
def test_alarms_of_a_detector_are_scored(target):
    wave = np.sin(np.arange(900) / 4)
    new, y = wave[500:].copy(), np.zeros(400, int)
    new[200:206] += 3
    y[200:206] = 1
    detector = LSTMOutlierDetector(8, target=target, max_iter=40, random_state=0).fit([wave[:500]])
    for X in ([new], new[np.newaxis], Sequences.from_list([new])):
        assert sequence_scorer(event_recall_score)(detector, X, [y]) == 1
        own = false_alarm_rate([y], detector.predict_steps(X), tolerance=40)
        assert sequence_scorer(false_alarm_rate, tolerance=40)(detector, X, [y]) == -own > -0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: event_recall_score([[0, 2]], [[1, 1]]), "got 2 at sequence 0, step 1"),
        (lambda: event_recall_score([[0, 1], [1, -1]], [[1, 1], [1, 1]]), r"got -1 at sequence 1, step 1\. If -1 marks"),
        (lambda: false_alarm_rate([[0, 1]], [[1, 0]]), "got 0 at sequence 0, step 1. If 1 marks the alarms"),
        (lambda: false_alarm_rate([["a", "b"]], [[1, 1]]), "y_true must be 1 in an event and 0 outside, got a"),
        (lambda: event_f1_score([[0, 1]], [[1, 1], [1, 1]]), "y_true has 1 sequences, but y_pred has 2"),
        (lambda: event_f1_score([[0, 1]], [[1, 1, 1]]), "Sequence 0 of y_true has 2 steps, but y_pred has 3"),
        (lambda: event_recall_score([[0, 0]], [[1, -1]]), "y_true has no event"),
        (lambda: event_recall_score([[0, 0], [0, 1]], [[1, -1]] * 2, sample_weight=[1, 0]), "y_true has no event"),
        (lambda: false_alarm_rate([[1, 1]], [[1, -1]]), "y_true has no normal step"),
        (lambda: event_recall_score([[0, 1]], [[1, 1]], tolerance=-1), "tolerance must be a number of steps, .* got -1"),
        (lambda: event_recall_score([[0, 1]], [[1, 1]], tolerance=0.5), "got 0.5"),
        (lambda: event_recall_score([[0, 1]], [[1, 1]], sample_weight=[-1]), "Negative values in sample_weight"),
        (lambda: event_recall_score(None, [[1, 1]]), "y_true must have the labels of each sequence, got None"),
        (lambda: event_recall_score([[[0, 1]]], [[1, 1]]), "one label for each step, got shape"),
    ],
)
def test_labels_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
