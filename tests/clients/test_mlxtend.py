"""mlxtend: feature selection, stacking, voting, bootstraps and plots."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from clients.easy import FORMS, MARKS, D, T, classifier, flattened, problem, ragged, regressor
from mlxtend.classifier import EnsembleVoteClassifier, StackingClassifier, StackingCVClassifier
from mlxtend.evaluate import bias_variance_decomp, bootstrap_point632_score, feature_importance_permutation, paired_ttest_5x2cv
from mlxtend.feature_selection import ExhaustiveFeatureSelector, SequentialFeatureSelector
from mlxtend.plotting import plot_decision_regions, plot_learning_curves
from mlxtend.regressor import StackingCVRegressor, StackingRegressor
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from sklstm import Sequences

matplotlib.use("Agg")

pytestmark = MARKS

# A list of sequences of different lengths would not do for StackingCVClassifier, which makes an array of lists.
ALL_FORMS = FORMS | {"ragged": lambda X: Sequences.from_list(ragged(X))}


# ---- selection of features ----


@pytest.mark.parametrize("forward", [True, False])
def test_sequential_selection_finds_the_channel_that_matters(forward):
    X, y, _ = problem()
    # One channel at a time, with all its steps: without groups it would take single columns.
    channels = [[t * D + d for t in range(T)] for d in range(D)]
    model = classifier(n_channels=1)
    selector = SequentialFeatureSelector(model, k_features=1, forward=forward, cv=2, feature_groups=channels)
    selector.fit(flattened(X), y)
    assert list(selector.k_feature_idx_) == channels[0]
    assert selector.k_score_ > 0.85
    assert selector.transform(flattened(X)).shape == (len(X), T)


def test_sequential_selection_of_steps():
    X, _, y = problem()
    y = X[:, 1, 0] - X[:, 4, 0]
    steps = [list(range(t * D, (t + 1) * D)) for t in range(T)]
    model = regressor(n_channels=D)
    selector = SequentialFeatureSelector(model, k_features=2, cv=2, feature_groups=steps).fit(flattened(X), y)
    assert sorted({column // D for column in selector.k_feature_idx_}) == [1, 4]
    assert selector.k_score_ > 0.8


def test_exhaustive_selection_of_steps():
    X, _, _ = problem()
    y = X[:, 1, 0] - X[:, 4, 0]
    steps = [list(range(t * D, (t + 1) * D)) for t in range(T)]
    model = regressor(n_channels=D, max_iter=10)
    selector = ExhaustiveFeatureSelector(
        model, min_features=2, max_features=2, scoring="r2", cv=2, feature_groups=steps, print_progress=False
    ).fit(flattened(X), y)
    assert len(selector.subsets_) == T * (T - 1) / 2
    assert sorted({column // D for column in selector.best_idx_}) == [1, 4]


# ---- several models as one ----


@pytest.mark.parametrize("form", ALL_FORMS)
@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_voting_in_any_form(voting, form):
    read = ALL_FORMS[form]
    (X, y, _), (X_test, y_test, _) = problem(), problem(500, 1)
    models = [classifier(), classifier(cell="gru"), classifier(cell="rnn")]
    vote = EnsembleVoteClassifier(models, voting=voting).fit(read(X), y)
    assert vote.score(read(X_test), y_test) > 0.85
    if voting == "soft":
        alone = np.mean([model.fit(read(X), y).predict_proba(read(X_test)) for model in models], axis=0)
        np.testing.assert_allclose(vote.predict_proba(read(X_test)), alone, rtol=1e-12)


@pytest.mark.parametrize("form", ALL_FORMS)
@pytest.mark.parametrize("Stacking", [StackingClassifier, StackingCVClassifier])
def test_stacked_classifiers_in_any_form(Stacking, form):
    read = ALL_FORMS[form]
    (X, y, _), (X_test, y_test, _) = problem(), problem(500, 1)
    models = [classifier(), classifier(cell="gru")]
    arguments = {"cv": 2, "random_state": 0} if Stacking is StackingCVClassifier else {}
    stack = Stacking(models, meta_classifier=LogisticRegression(), use_probas=True, **arguments).fit(read(X), y)
    assert stack.score(read(X_test), y_test) > 0.85


@pytest.mark.parametrize("Stacking", [StackingClassifier, StackingCVClassifier])
def test_stacked_classifiers_beside_others(Stacking):
    (X, y, _), (X_test, y_test, _) = problem(), problem(500, 1)
    models = [classifier(n_channels=D), DummyClassifier()]
    arguments = {"cv": 2, "random_state": 0} if Stacking is StackingCVClassifier else {}
    stack = Stacking(
        models, meta_classifier=LogisticRegression(), use_probas=True, use_features_in_secondary=True, **arguments
    ).fit(flattened(X), y)
    assert stack.score(flattened(X_test), y_test) > 0.85


@pytest.mark.parametrize("Stacking", [StackingRegressor, StackingCVRegressor])
def test_stacked_regressors(Stacking):
    # They take no more than two dimensions.
    (X, _, y), (X_test, _, y_test) = problem(), problem(500, 1)
    models = [regressor(n_channels=D), regressor(n_channels=D, cell="gru")]
    arguments = {"cv": 2, "random_state": 0} if Stacking is StackingCVRegressor else {}
    stack = Stacking(models, meta_regressor=Ridge(), **arguments).fit(flattened(X), y)
    best = max(model.fit(flattened(X), y).score(flattened(X_test), y_test) for model in models)
    assert stack.score(flattened(X_test), y_test) > best - 0.02


# ---- evaluation ----


def test_bias_and_variance():
    (X, _, y), (X_test, _, y_test) = problem(), problem(500, 1)
    loss, bias, variance = bias_variance_decomp(
        regressor(n_channels=D), flattened(X), y, flattened(X_test), y_test, loss="mse", num_rounds=5, random_seed=0
    )
    np.testing.assert_allclose(loss, bias + variance)
    assert 0 < variance < bias + variance < 0.15 * y_test.var()


def test_permuted_columns():
    (X, y, _), (X_test, y_test, _) = problem(), problem(500, 1)
    model = classifier(n_channels=D).fit(flattened(X), y)
    importances, _ = feature_importance_permutation(
        flattened(X_test), y_test, model.predict, metric="accuracy", num_rounds=3, seed=0
    )
    by_channel = importances.reshape(T, D).sum(axis=0)
    assert by_channel[0] > 4 * abs(by_channel[1])


def test_comparisons_and_bootstraps():
    X, y, _ = problem()
    t, p = paired_ttest_5x2cv(classifier(n_channels=D), DummyClassifier(), flattened(X), y, random_seed=0)
    assert t > 0 and p < 0.05
    scores = bootstrap_point632_score(classifier(n_channels=D), flattened(X), y, n_splits=5, random_seed=0)
    assert scores.mean() > 0.85


# ---- pictures ----


def test_decision_regions():
    X, y, _ = problem()
    X, codes = X[:, [0, -1], 0], (y == "rises").astype(int)
    model = classifier().fit(X, codes)
    figure, ax = plt.subplots()
    plot_decision_regions(X, codes, clf=model, ax=ax)
    plt.close(figure)
    # The line that it draws is where the prediction changes: below and above it are others.
    (boundary,) = [path.vertices for path in ax.collections[1].get_paths() if len(path.vertices)]
    shift = np.array([0.0, 0.05])
    assert np.mean(model.predict(boundary - shift) < model.predict(boundary + shift)) > 0.99


def test_learning_curves():
    (X, y, _), (X_test, y_test, _) = problem(), problem(500, 1)
    figure = plt.figure()
    errors_train, errors_test = plot_learning_curves(X, y, X_test, y_test, classifier(), print_model=False)
    plt.close(figure)
    assert len(errors_train) == 10 and errors_test[-1] < 0.15 < errors_test[0]
