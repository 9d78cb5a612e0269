"""cleanlab: wrong labels are found by the probabilities that cross-validation predicts."""

import numpy as np
import pytest
from cleanlab.classification import CleanLearning
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from clients.easy import FORMS, MARKS, D, N, classifier, flattened, problem, ragged
from sklearn.model_selection import cross_val_predict

pytestmark = MARKS

WRONG = np.random.default_rng(0).choice(N, 20, replace=False)


def mislabelled():
    """X, class codes of which those of WRONG are wrong, and the right ones."""
    X, y, _ = problem()
    right = (y == "rises").astype(int)
    given = right.copy()
    given[WRONG] = 1 - given[WRONG]
    return X, given, right


def assert_found(found):
    """Most that are wrong are among those that were found, and no more than a few others."""
    assert np.isin(WRONG, found).mean() > 0.8 and len(found) < 3 * len(WRONG)


@pytest.mark.parametrize("form", [*FORMS.values(), ragged], ids=[*FORMS, "ragged"])
def test_wrong_labels_are_found(form):
    X, given, _ = mislabelled()
    probabilities = cross_val_predict(classifier(), form(X), given, cv=5, method="predict_proba")
    assert_found(find_label_issues(given, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1))
    scores = get_label_quality_scores(given, probabilities)
    assert scores[WRONG].mean() < 0.5 * np.delete(scores, WRONG).mean()


@pytest.mark.parametrize("form", [np.asarray, flattened], ids=["3-D", "flat"])
def test_learning_without_wrong_labels(form):
    X, given, _ = mislabelled()
    X_test, y_test, _ = problem(500, 1)
    y_test = (y_test == "rises").astype(int)
    n_channels = D if form is flattened else 1
    model = CleanLearning(classifier(n_channels=n_channels), cv_n_folds=3, seed=0, find_label_issues_kwargs={"n_jobs": 1})
    model.fit(form(X), given)
    assert_found(np.flatnonzero(model.get_label_issues()["is_label_issue"]))
    assert model.score(form(X_test), y_test) > 0.85
    assert model.predict_proba(form(X_test)).shape == (500, 2)


def test_weights_of_samples_are_passed_on():
    X, given, _ = mislabelled()
    model = CleanLearning(classifier(), cv_n_folds=3, seed=0, find_label_issues_kwargs={"n_jobs": 1})
    weights = np.where(np.isin(np.arange(N), WRONG), 0.0, 1.0)
    assert model.fit(X, given, sample_weight=weights).score(X, given) > 0.8
