"""Sequences that are continued by labels drawn from their predicted probabilities."""

import numpy as np
import pytest
from rows import assert_same_rows
from scipy.stats import chisquare
from sklearn.exceptions import NotFittedError

from sklstm import LSTMClassifier
from sklstm.preprocessing import with_static

LETTERS = np.array(list("abcd"))
OPTIONS = {"hidden_size": 5, "return_sequences": True, "categorical_features": "all", "max_iter": 3, "random_state": 0}


def chain(rng, n=40, T=9):
    """Sequences of codes in which each is likely to be followed by the next one."""
    return (rng.integers(4, size=(n, 1)) + np.cumsum(rng.random((n, T)) < 0.7, axis=1)) % 4


@pytest.fixture
def codes(rng):
    return chain(rng)


@pytest.fixture
def model(codes):
    return LSTMClassifier(**OPTIONS).fit(codes[:, :-1, np.newaxis], codes[:, 1:])


def probabilities(model, X):
    """Of the label after each sequence."""
    return np.stack([p[-1] for p in model.predict_proba(X)])


def counts(drawn, n_classes=4):
    return np.bincount(drawn, minlength=n_classes)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_first_and_second_label_have_the_predicted_probabilities(model, temperature):
    n = 20_000
    drawn = model.sample([[0, 1]] * n, 2, temperature=temperature, random_state=0)
    for X, second in (([[0, 1]], drawn[:, 0]), ([[0, 1, 2]], drawn[drawn[:, 0] == 2, 1])):
        p = probabilities(model, X)[0] ** (1 / temperature)
        assert chisquare(counts(second), p / p.sum() * len(second)).pvalue > 1e-3


def test_top_k_draws_among_the_most_likely(model):
    p = probabilities(model, [[0, 1]])[0]
    drawn = counts(model.sample([[0, 1]] * 5000, 1, top_k=2, random_state=0).ravel())
    best = np.argsort(-p)[:2]
    assert drawn[best].sum() == 5000
    assert chisquare(drawn[best], p[best] / p[best].sum() * 5000).pvalue > 1e-3
    assert (model.sample([[0, 1]] * 50, 3, top_k=1, random_state=0) == model.sample([[0, 1]] * 50, 3, temperature=0)).all()
    assert (model.sample([[0]], 9, top_k=4, random_state=0) == model.sample([[0]], 9, random_state=0)).all()


def test_greedy_labels_are_those_that_predict_returns(model, codes):
    X = [row[:length] for row, length in zip(codes, (3, 1, 5, 2), strict=False)]
    for x, continuation in zip(X, model.sample(X, 6, temperature=0), strict=True):
        for label in continuation:
            assert model.predict([x])[0][-1] == label
            x = np.append(x, label)


def test_a_low_temperature_is_greedy(model):
    assert (model.sample([[0], [1, 2]], 9, temperature=1e-300) == model.sample([[0], [1, 2]], 9, temperature=0)).all()


def test_sequences_of_any_lengths_and_forms(model, codes):
    X = [row[:length] for row, length in zip(codes, (3, 1, 5, 3, 2), strict=False)]
    drawn = model.sample(X, 7, random_state=3)
    assert drawn.shape == (5, 7) and drawn.dtype == model.classes_.dtype
    assert (model.sample([x[:, np.newaxis] for x in X], 7, random_state=3) == drawn).all()
    assert (model.sample(X[:2], 7, random_state=3) == drawn[:2]).all()  # whatever sequences come after


@pytest.mark.parametrize("options", [{"num_layers": 2, "cell": "gru"}, {"missing": "indicator", "categorical_features": None}])
def test_state_after_sequences_is_that_of_a_stream(codes, options):
    model = LSTMClassifier(**OPTIONS | options).fit(codes[:, :-1, np.newaxis].astype(np.float32), codes[:, 1:])
    X = [row[:length, np.newaxis].astype(np.float32) for row, length in zip(codes, (2, 4, 2), strict=False)]
    drawn = model.sample(X, 5, temperature=0)
    extended = [np.append(x, row[:-1, np.newaxis].astype(np.float32), axis=0) for x, row in zip(X, drawn, strict=True)]
    assert_same_rows(np.array([row[-5:] for row in model.predict(extended)]), drawn)


def test_static_features_of_each_sequence(codes):
    table = {"site": np.where(np.arange(len(codes)) % 2, "up", "down")}
    steps = np.where(np.array(table["site"])[:, np.newaxis] == "up", 1, -1)
    y = (codes[:, :1] + steps * np.arange(9)) % 4
    options = OPTIONS | {"max_iter": 150, "hidden_size": 16, "learning_rate_init": 0.01}
    model = LSTMClassifier(**options).fit(with_static(y[:, :-1, np.newaxis], table), y[:, 1:])
    X = with_static([[0], [0, 1], [0], [0, 3]], {"site": ["up", "up", "down", "down"]})
    assert model.sample(X, 3, temperature=0).tolist() == [[1, 2, 3], [2, 3, 0], [3, 2, 1], [2, 1, 0]]


def test_texts_continue_texts(codes):
    letters = LETTERS[codes]
    X, y = [list(row[:-1]) for row in letters], [list(row[1:]) for row in letters]
    model = LSTMClassifier(**OPTIONS).fit(X, y)
    twin = LSTMClassifier(**OPTIONS).fit(codes[:, :-1, np.newaxis], codes[:, 1:])
    expected = LETTERS[twin.sample([[0], [1, 2]], 6, random_state=0)]
    assert (model.sample([["a"], ["b", "c"]], 6, random_state=0) == expected).all()


def test_two_classes(codes):
    model = LSTMClassifier(**OPTIONS).fit(codes[:, :-1, np.newaxis] % 2, codes[:, 1:] % 2)
    p = probabilities(model, [[0, 1]])[0]
    drawn = counts(model.sample([[0, 1]] * 5000, 1, random_state=0).ravel(), 2)
    assert chisquare(drawn, p * 5000).pvalue > 1e-3


def test_random_state(model):
    again = model.sample([[0]], 50, random_state=1)
    assert (model.sample([[0]], 50, random_state=1) == again).all()
    assert (model.sample([[0]], 50, random_state=np.random.RandomState(1)) == again).all()
    assert (model.sample([[0]], 50, random_state=2) != again).any()


def test_models_that_were_pickled_before_there_were_times(model):
    expected = model.sample([[0]], 9, random_state=0)
    model._network_spec = {key: value for key, value in model._network_spec.items() if key not in ("gap_channel", "time_feature")}
    assert (model.sample([[0]], 9, random_state=0) == expected).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "n_steps == 0, must be >= 1"),
        ({"n_steps": 2.0}, TypeError, "n_steps must be an instance of"),
        ({"temperature": -1}, ValueError, "temperature == -1, must be >= 0"),
        ({"temperature": np.inf}, ValueError, "temperature must be finite"),
        ({"temperature": np.nan}, ValueError, "temperature must be finite"),
        ({"top_k": 0}, ValueError, "top_k == 0, must be >= 1"),
        ({"random_state": "seed"}, ValueError, "'seed' cannot be used to seed"),
        ({"X": [[[0, 1]]]}, ValueError, "2 channels"),
    ],
)
def test_bad_arguments(model, arguments, error, message):
    with pytest.raises(error, match=message):
        model.sample(**{"X": [[0]], "n_steps": 3} | arguments)


def test_models_that_cannot_continue(codes):
    X, y = codes[:, :-1, np.newaxis], codes[:, 1:]
    with pytest.raises(NotFittedError):
        LSTMClassifier(**OPTIONS).sample(X, 2)
    assert not hasattr(LSTMClassifier(), "sample")
    assert not hasattr(LSTMClassifier(4, max_iter=1).fit(X, y[:, -1]), "sample")
    for own, labels, message in (
        (X.repeat(2, axis=2), y, "needs a model with one channel"),
        (X, np.stack([y > 1, y > 2], axis=2), "needs one label per step"),
        (X, LETTERS[y], "cannot be read as steps of X"),
        (X, y + 10, "none of .* occurred in X"),
    ):
        model = LSTMClassifier(**OPTIONS).fit(own, labels)
        with pytest.raises(ValueError, match=message):
            model.sample(own[:1], 2)
    model = LSTMClassifier(**OPTIONS, bidirectional=True).fit(X, y)
    with pytest.raises(ValueError, match="bidirectional model cannot stream"):
        model.sample(X[:1], 2)
