"""lime: explanations of sequences, which it perturbs as flat rows or as arrays (n, T, D)."""

import numpy as np
import pytest
from clients.easy import MARKS, D, T, classifier, flattened, problem, regressor
from lime.lime_tabular import LimeTabularExplainer, RecurrentTabularExplainer

pytestmark = MARKS

STEPS = [f"step{t}_channel{d}" for t in range(T) for d in range(D)]
HOW = {"discretize_continuous": False, "random_state": 0}


def assert_right(weights, of_channel):
    """What the first channel adds outweighs the second, against "rises" before the half, and for it after."""
    first, second = of_channel(weights, 0), of_channel(weights, 1)
    assert first[: T // 2].mean() < 0 < first[T // 2 :].mean()
    assert np.abs(first).mean() > 2 * np.abs(second).mean()


def of_rows(weights, channel):
    return np.array([weights[f"step{t}_channel{channel}"] for t in range(T)])


def test_flat_rows_of_a_classifier():
    X, y, _ = problem()
    model = classifier(n_channels=D).fit(flattened(X), y)
    explainer = LimeTabularExplainer(flattened(X), feature_names=STEPS, class_names=list(model.classes_), **HOW)
    explanation = explainer.explain_instance(flattened(X)[0], model.predict_proba, num_features=T * D, num_samples=500)
    assert_right(dict(explanation.as_list()), of_rows)
    assert explanation.predict_proba[1] == pytest.approx(model.predict_proba(X[:1])[0, 1])


def test_flat_rows_of_a_regressor():
    X, _, y = problem()
    model = regressor(n_channels=D).fit(flattened(X), y)
    explainer = LimeTabularExplainer(flattened(X), feature_names=STEPS, mode="regression", **HOW)
    explanation = explainer.explain_instance(flattened(X)[0], model.predict, num_features=T * D, num_samples=500)
    assert_right(dict(explanation.as_list()), of_rows)


def test_sequences():
    X, y, _ = problem()
    model = classifier().fit(X, y)
    names = [f"channel{d}" for d in range(D)]
    explainer = RecurrentTabularExplainer(
        X, training_labels=np.searchsorted(model.classes_, y), feature_names=names, class_names=list(model.classes_), **HOW
    )
    explanation = explainer.explain_instance(X[0], model.predict_proba, num_features=T * D, num_samples=500)
    # "channel0_t-5" is the first of six steps.
    weights = dict(explanation.as_list())
    assert_right(weights, lambda weights, d: np.array([weights[f"channel{d}_t-{T - 1 - t}"] for t in range(T)]))
