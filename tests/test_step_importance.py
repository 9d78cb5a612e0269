"""Permutation importance of steps and channels."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_bad_input import state_of

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.inspection import step_importance

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")


class Reads(ClassifierMixin, BaseEstimator):
    """Answers what is at one step and channel, and remembers what it was asked."""

    def __init__(self, step=1, channel=0):
        self.step, self.channel = step, channel

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.asked_ = []
        return self

    def predict(self, X):
        self.asked_.append([np.array(x) for x in X])
        return np.array([x[self.step, self.channel] for x in X])


def numbered(lengths, n_channels=2):
    """Sequences in which every value is another: that of sequence i, step t, channel d is 100 i + 10 t + d."""
    return [100 * i + 10 * np.arange(n)[:, np.newaxis] + np.arange(n_channels) for i, n in enumerate(lengths)]


LENGTHS = [3, 4, 2, 5, 3]


def reader(step=1, channel=0):
    X = numbered(LENGTHS)
    y = np.array([x[step, channel] for x in X])
    return Reads(step, channel).fit(X, y), X, y


def test_values_are_exchanged_among_the_sequences_that_have_the_step():
    model, X, y = reader()
    found = step_importance(model, X, y, n_repeats=3, random_state=0)
    assert found.importances.shape == (5, 2, 3)
    np.testing.assert_array_equal(found.edges, np.arange(6))
    asked = iter(model.asked_)
    assert all((a == x).all() for a, x in zip(next(asked), X, strict=True))
    for step in range(4):  # one sequence alone has the last
        there = [i for i, n in enumerate(LENGTHS) if n > step]
        for _ in range(3):
            for channel in range(2):
                changed = next(asked)
                values = [int(changed[i][step, channel]) for i in there]
                assert sorted(values) == [X[i][step, channel] for i in there]
                assert all(value != X[i][step, channel] for value, i in zip(values, there, strict=True))
                for i, x in enumerate(X):
                    same = np.ones(x.shape, dtype=bool)
                    same[step : step + 1, channel] = False
                    assert (changed[i] == x)[same].all()
    assert next(asked, None) is None
    # What is read is needed for every answer, all else for none; of a step that one sequence has, nothing can be said.
    assert (found.importances[1, 0] == 1).all() and np.isnan(found.importances[4]).all()
    assert found.importances[:4].sum() == 3 and found.score == 1
    np.testing.assert_array_equal(found.importances_mean, found.importances.mean(axis=2))
    np.testing.assert_array_equal(found.importances_std, found.importances.std(axis=2))


def test_a_block_takes_its_steps_from_one_sequence_as_long_as_it_lasts():
    model, X, y = reader()
    step_importance(model, X, y, steps=[1, 5], n_repeats=20, random_state=0)
    for changed in model.asked_[1::2]:
        for i, x in enumerate(changed):
            sources = x[1:, 0] // 100
            assert (np.diff([LENGTHS[int(k)] for k in sources]) >= 0).all()  # later steps from longer ones
            for t in range(2, len(x)):
                assert sources[t - 1] == sources[t - 2] or LENGTHS[int(sources[t - 2])] == t
            assert x[0, 0] == 100 * i and (x[1:, 0] % 100 == 10 * np.arange(1, len(x))).all()


def test_blocks():
    model, X, y = reader(step=-1)

    def edges(**options):
        return step_importance(model, X, y, n_repeats=1, random_state=0, **options).edges.tolist()

    assert edges(steps=2) == [0, 2, 4, 5]
    assert edges(steps=9) == [0, 5]
    assert edges(steps=[1, 3]) == [1, 3]
    assert edges(steps=2, align="end") == [-5, -4, -2, 0]
    assert edges(steps=[-2, -1], align="end") == [-2, -1]


def test_steps_counted_from_the_end():
    model, X, y = reader(step=-2, channel=1)
    found = step_importance(model, X, y, align="end", n_repeats=2, random_state=0)
    assert (found.importances[3, 1] == 1).all() and np.nansum(found.importances) == 2
    np.testing.assert_array_equal(found.edges, np.arange(-5, 1))
    # From the start, every step is the last but one of some sequence.
    assert (np.nan_to_num(step_importance(model, X, y, n_repeats=2, random_state=0).importances_mean[:3, 1]) > 0).any()


def test_channels_together():
    model, X, y = reader()
    found = step_importance(model, X, y, channels=[[0, 1], 1], n_repeats=2, random_state=0)
    assert found.importances.shape == (5, 2, 2)
    assert (found.importances[1, 0] == 1).all() and (found.importances[1, 1] == 0).all()
    for changed in model.asked_[1:3:2]:
        assert all((x[:, 1] - x[:, 0] == 1).all() for x in changed)


def test_random_state():
    model, X, y = reader()
    # NumPy's global generator, which the linter would have nobody use, is to be left alone.
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    asked = []
    for seed in (0, 0, 1, None, None):
        del model.asked_[:]
        step_importance(model, X, y, n_repeats=5, random_state=seed)
        asked.append(np.concatenate([np.concatenate(X) for X in model.asked_]).ravel())
    np.testing.assert_array_equal(asked[0], asked[1])
    assert all(not np.array_equal(a, b) for a, b in ((asked[0], asked[2]), (asked[3], asked[4])))
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_scoring_and_weights():
    model, X, y = reader()
    weights = np.array([0, 0, 1, 0, 0])
    named = step_importance(model, X, y, scoring="accuracy", sample_weight=weights, n_repeats=2, random_state=0)
    own = step_importance(model, X, y, n_repeats=2, random_state=0)
    np.testing.assert_array_equal(named.importances, own.importances)

    def halved(estimator, X, y):
        return accuracy_score(y, estimator.predict(X)) / 2

    called = step_importance(model, X, y, scoring=halved, n_repeats=2, random_state=0)
    np.testing.assert_array_equal(called.importances, own.importances / 2)


# ---- with our estimators ----


@pytest.mark.parametrize("ragged", [False, True])
def test_planted_steps_and_channels_are_found(rng, ragged):
    lengths = rng.integers(5, 10, size=1100) if ragged else np.full(1100, 8)
    X = [rng.normal(size=(length, 3)) * [1, 1000, 0.01] for length in lengths]
    y = np.array([x[1, 0] + x[3, 2] / 0.01 for x in X])
    model = LSTMRegressor(16, max_iter=100, random_state=0).fit(X[:1000], y[:1000])
    mean = step_importance(model, X[1000:], y[1000:], n_repeats=2, random_state=0).importances_mean
    assert mean[1, 0] > 0.5 and mean[3, 2] > 0.5
    mean[1, 0] = mean[3, 2] = 0
    assert np.nanmax(mean) < 0.15
    # In blocks of two steps they lie in the first and in the second.
    mean = step_importance(model, X[1000:], y[1000:], steps=2, n_repeats=2, random_state=0).importances_mean
    assert mean[0, 0] > 0.5 and mean[1, 2] > 0.5


def test_forms_of_X_give_the_same_numbers(rng):
    X = rng.normal(size=(20, 5, 3))
    y = np.arange(20) % 2
    model = LSTMClassifier(3, n_channels=3, max_iter=2, random_state=0).fit(X, y)
    before = state_of(model)
    expected = step_importance(model, X, y, random_state=0).importances
    flat = X.reshape(20, 15)
    for form in (list(X), Sequences.from_list(X), flat):
        np.testing.assert_array_equal(step_importance(model, form, y, random_state=0).importances, expected)
    assert state_of(model) == before
    named = LSTMClassifier(3, n_channels=3, max_iter=2, random_state=0).fit(pd.DataFrame(flat).add_prefix("c"), y)
    found = step_importance(named, pd.DataFrame(flat).add_prefix("c"), y, random_state=0)  # without a warning
    np.testing.assert_array_equal(found.importances, expected)


@pytest.mark.parametrize("kind", ["texts", "numbers"])
def test_categories_are_exchanged_and_not_their_codes(rng, kind):
    moods = np.array(["calm", "fine", "sad"] if kind == "texts" else [30, 10, 20])
    codes, values = rng.integers(3, size=(300, 4)), rng.normal(size=(300, 4))
    y = (codes[:, 1] == 0).astype(int)

    def sequences(order):
        """The same data under other codes."""
        of_code = np.argsort(order)
        channels = np.stack([values, of_code[codes].astype(float)], axis=2)
        names = {"channel_names": ["v", "mood"], "categories": {1: moods[order]}}
        return Sequences(channels.reshape(-1, 2), 4 * np.arange(301), **names)

    model = LSTMClassifier(8, categorical_features=["mood"], random_state=0).fit(sequences([0, 1, 2]), y)
    one, two = (step_importance(model, sequences(order), y, n_repeats=2, random_state=0) for order in ([0, 1, 2], [2, 0, 1]))
    np.testing.assert_array_equal(one.importances, two.importances)
    assert one.importances_mean[1, 1] > 0.3 and np.delete(one.importances_mean.ravel(), 3).max() < 0.1


def test_columns_of_lists(rng):
    pyarrow = pytest.importorskip("pyarrow")
    X = [rng.normal(size=n) for n in (3, 4, 2, 5)]
    y = np.arange(4.0)
    model = LSTMRegressor(3, max_iter=2, random_state=0).fit(X, y)
    expected = step_importance(model, X, y, random_state=0).importances
    lists = pyarrow.array([x.tolist() for x in X])
    for column in (lists, pyarrow.table({"v": lists})):
        np.testing.assert_array_equal(step_importance(model, column, y, random_state=0).importances, expected)


def test_X_is_left_as_it_is(rng):
    X = rng.normal(size=(20, 5, 3))
    model = LSTMClassifier(3, max_iter=2, random_state=0).fit(X, np.arange(20) % 2)
    forms = X, Sequences.from_list(X), X.reshape(20, 15)
    kept = X.copy()
    for form in forms[:2]:
        step_importance(model, form, np.arange(20) % 2, n_repeats=1)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(forms[1].to_padded(), kept)


def test_answers_for_every_step_and_categories(rng):
    X = [np.column_stack([rng.integers(5, 8, size=n), rng.normal(size=n)]) for n in rng.integers(3, 6, size=60)]
    y = [(x[:, 0] == 6).astype(int) for x in X]
    model = LSTMClassifier(8, categorical_features=[0], return_sequences=True, random_state=0).fit(X, y)
    mean = step_importance(model, X, y, random_state=0).importances_mean
    assert (mean[:3, 0] > 0.05).all() and (np.abs(mean[:3, 1]) < 0.05).all()


def test_a_pipeline(rng):
    X = rng.normal(size=(40, 4, 2))
    y = (X[:, 2, 1] > 0).astype(int)
    pipeline = make_pipeline(FunctionTransformer(lambda X: X * 2), LSTMClassifier(8, random_state=0)).fit(X, y)
    mean = step_importance(pipeline, X, y, random_state=0).importances_mean
    assert np.unravel_index(mean.argmax(), mean.shape) == (2, 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, ["'steps' parameter"]),
        ({"steps": [0]}, ["ascending ints from 0 to 5"]),
        ({"steps": [2, 1]}, ["ascending ints from 0 to 5", r"got \[2, 1\]"]),
        ({"steps": [0, 6]}, ["ascending ints from 0 to 5"]),
        ({"steps": [0, 1], "align": "end"}, ["ascending ints from -5 to 0"]),
        ({"steps": [0.0, 1.0]}, ["ascending ints"]),
        ({"channels": [2]}, ["channels must be a list of ints from 0 to 1", "got"]),
        ({"channels": []}, ["channels must be a list"]),
        ({"channels": [[]]}, ["channels must be a list"]),
        ({"align": "left"}, ["'align' parameter"]),
        ({"n_repeats": 0}, ["'n_repeats' parameter"]),
        ({"scoring": "no such"}, ["scoring"]),
    ],
)
def test_bad_options_are_refused_before_any_work(options, words):
    model, X, y = reader()
    for word in words:
        with pytest.raises(ValueError, match=word):
            step_importance(model, X, y, **options)
    assert not model.asked_


def test_bad_X_is_refused(rng):
    X = rng.normal(size=(20, 4, 2))
    y = np.arange(20) % 2
    model = LSTMClassifier(3, max_iter=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="3 channels per step"):
        step_importance(model, rng.normal(size=(20, 4, 3)), y)
    with pytest.raises(ValueError, match=r"Pass\s+X as a 3-D array"):
        step_importance(make_pipeline(model), X.reshape(20, 8), y)
    with pytest.raises(ValueError, match=r"no array of numbers.* Encode categories"):
        step_importance(model, pd.DataFrame({"a": ["x", "y"]}), [0, 1])
    with pytest.raises(ValueError, match="X must be an array or a list of arrays, got str"):
        step_importance(model, "X", y)
    with pytest.raises(ValueError, match="inconsistent"):
        step_importance(model, X, y[:-1])
    with pytest.raises(ValueError, match="not fitted"):
        step_importance(LSTMClassifier(), X, y)
