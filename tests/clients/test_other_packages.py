"""docs/other_packages.md: its examples run, it names every client, and what it says of scikit-learn's tools and of JSON is so."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from clients.easy import MARKS, D, N, T, classifier, flattened, problem
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.semi_supervised import SelfTrainingClassifier

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of other packages among each other

TEXT = (Path(__file__).parent.parent.parent / "docs" / "other_packages.md").read_text()
BLOCKS = {
    title: code
    for title, body in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
    for code in re.findall(r"```python\n(.*?)```", body, flags=re.DOTALL)
}
PACKAGES = re.findall(r"^\| ([\w-]+)", TEXT, flags=re.MULTILINE)[1:]
CLIENTS = (Path(__file__).parent / "requirements.txt").read_text().partition("\n\n")[0]

few = {"max_iter": 2}


@pytest.mark.parametrize("title", BLOCKS)
def test_examples_run(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS[title], {"__name__": "example"})


def test_every_client_is_named_and_every_link_leads_somewhere():
    required = re.findall(r"^([\w-]+?)(?:-skinny|-integration)?==", CLIENTS.lower(), flags=re.MULTILINE)
    assert {name.lower() for name in PACKAGES} | {"gunicorn", "uvicorn"} == set(required)
    titles = {title.lower().replace(" ", "-") for title in re.findall(r"^## (.*)$", TEXT, flags=re.MULTILINE)}
    assert set(re.findall(r"\]\(#(.*?)\)", TEXT)) <= titles


def test_the_paths_of_classes_are_there():
    for package, name in re.findall(r"`(sklstm(?:\.\w+)*)\.(\w+)`", TEXT):
        module = __import__(package, fromlist=[name])
        assert hasattr(module, name), f"{package}.{name}"


def two_labels(X):
    return np.stack([X[:, -1, 0] > 0, X[:, 0, 0] > 0], axis=1).astype(int)


def stacked(final, X, y):
    first = [("linear", LogisticRegression())]
    return StackingClassifier(first, final_estimator=final, passthrough=True, cv=2).fit(X, y).final_estimator_


APPENDING = {
    "chain": lambda model, X: ClassifierChain(model).fit(flattened(X), two_labels(X)).estimators_[1],
    "stack": lambda model, X: stacked(model, flattened(X), two_labels(X)[:, 0]),
}


@pytest.mark.parametrize("tool", APPENDING)
def test_tools_that_append_columns_append_steps(tool):
    X, _, _ = problem()
    assert APPENDING[tool](classifier(**few), X).n_features_in_ == T * D + 1
    with pytest.raises(ValueError, match=f"multiple of n_channels={D}, got {T * D + 1} columns"):
        APPENDING[tool](classifier(n_channels=D, **few), X)


def test_tools_that_remove_columns_break_steps():
    X, y, _ = problem()
    ones = RFE(classifier(**few), importance_getter=lambda model: np.arange(model.n_features_in_), n_features_to_select=5)
    assert ones.fit(flattened(X), y).estimator_.n_features_in_ == 5
    selector = SequentialFeatureSelector(classifier(n_channels=D, **few), direction="backward", n_features_to_select=10, cv=2)
    with pytest.raises(ValueError, match="fits failed"):
        selector.fit(flattened(X), y)


TAKE_3D = {
    "one against the rest": OneVsRestClassifier,
    "calibration": CalibratedClassifierCV,
    "voting": lambda model: VotingClassifier([("lstm", model)], voting="soft"),
}
WANT_2D = {
    "one against one": lambda model, X, y: OneVsOneClassifier(model).fit(X, y),
    "bagging": lambda model, X, y: BaggingClassifier(model).fit(X, y),
    "chain": lambda model, X, y: ClassifierChain(model).fit(X, np.stack([y, y], axis=1)),
    "self-training": lambda model, X, y: SelfTrainingClassifier(model).fit(X, np.where(np.arange(N) % 3, y, -1)),
    "permutation": lambda model, X, y: permutation_importance(model.fit(X, y), X, y, n_repeats=1),
    "backward": lambda model, X, y: SequentialFeatureSelector(model, cv=2).fit(X, y),
    "RFE": lambda model, X, y: RFE(model, importance_getter=lambda model: np.ones(model.n_features_in_)).fit(X, y),
}


@pytest.mark.parametrize("tool", TAKE_3D)
def test_tools_that_take_three_dimensions(tool):
    X, y, _ = problem()
    assert TAKE_3D[tool](classifier()).fit(X, y).score(X, y) > 0.8


@pytest.mark.parametrize("tool", WANT_2D)
def test_tools_that_want_two_dimensions(tool):
    X, y, _ = problem()
    with pytest.raises(ValueError, match=r"dim(ensions)? 3|dim <= 2"):
        WANT_2D[tool](classifier(**few), X, (y == "rises").astype(int))


def test_rows_from_json_are_made_an_array():
    X, y, _ = problem()
    model = classifier(n_channels=D, **few).fit(flattened(X), y)
    rows = json.loads(json.dumps(flattened(X).tolist()))
    np.testing.assert_array_equal(model.predict_proba(np.asarray(rows)), model.predict_proba(X))
    with pytest.raises(ValueError, match=r"list of univariate sequences.*np\.asarray\(X\)"):
        model.predict(rows)
    np.testing.assert_array_equal(model.predict_proba(X.tolist()), model.predict_proba(X))
