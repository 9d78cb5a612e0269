"""imbalanced-learn: its samplers take two dimensions, so X is flattened and `n_channels` says how to read it again."""

import numpy as np
import pytest
from clients.easy import MARKS, D, T, classifier, flattened, problem, ragged, regressor
from imblearn import FunctionSampler
from imblearn.combine import SMOTEENN
from imblearn.ensemble import BalancedBaggingClassifier, EasyEnsembleClassifier
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline, make_pipeline
from imblearn.under_sampling import InstanceHardnessThreshold, RandomUnderSampler, TomekLinks
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV, cross_val_predict

from sklstm import Sequences

pytestmark = MARKS

SAMPLERS = {
    "RandomOverSampler": RandomOverSampler(random_state=0),
    "RandomUnderSampler": RandomUnderSampler(random_state=0),
    "SMOTE": SMOTE(random_state=0),
    "ADASYN": ADASYN(random_state=0),
    "SMOTEENN": SMOTEENN(random_state=0),
}


def imbalanced(n, seed):
    """X, labels of which one in ten is "rises", at random for one sequence in ten."""
    X, y, _ = problem(n, seed)
    rng = np.random.default_rng(seed)
    keep = (y == "falls") | (rng.random(n) < 0.1)
    X, y = X[keep], y[keep]
    X[:, :, 0] += rng.normal(scale=1.0, size=(len(X), T))  # so that a fit without a sampler prefers the many
    return X, y


def minority_recall(model, X, y):
    return recall_score(y, model.predict(X), pos_label="rises")


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_in_a_pipeline_find_more_of_the_minority(name):
    X, y = imbalanced(600, 0)
    X_test, y_test = imbalanced(2000, 1)
    plain = classifier(n_channels=D).fit(flattened(X), y)
    model = Pipeline([("sampler", SAMPLERS[name]), ("lstm", classifier(n_channels=D))]).fit(flattened(X), y)
    assert minority_recall(model, flattened(X_test), y_test) > minority_recall(plain, flattened(X_test), y_test) + 0.1
    # The sampler worked on the fit alone, and what came out of it is what the estimator saw.
    resampled, y_resampled = SAMPLERS[name].fit_resample(flattened(X), y)
    assert len(resampled) != len(X)
    alone = classifier(n_channels=D).fit(resampled.reshape(-1, T, D), y_resampled)
    np.testing.assert_array_equal(model.predict_proba(flattened(X_test)), alone.predict_proba(X_test))


def test_pipelines_are_searched_and_cross_validated():
    X, y = imbalanced(600, 0)
    pipeline = make_pipeline(TomekLinks(), SMOTE(random_state=0), classifier(n_channels=D))
    grid = {"smote__k_neighbors": [3, 5], "lstmclassifier__hidden_size": [2, 4]}
    search = GridSearchCV(pipeline, grid, cv=3, scoring="balanced_accuracy", error_score="raise").fit(flattened(X), y)
    assert search.best_score_ > 0.7
    assert cross_val_predict(pipeline, flattened(X), y, cv=3, method="predict_proba").shape == (len(X), 2)


@pytest.mark.parametrize("Ensemble", [BalancedBaggingClassifier, EasyEnsembleClassifier])
def test_balanced_ensembles_of_classifiers(Ensemble):
    X, y = imbalanced(600, 0)
    X_test, y_test = imbalanced(2000, 1)
    plain = classifier(n_channels=D).fit(flattened(X), y)
    model = Ensemble(estimator=plain, n_estimators=3, random_state=0).fit(flattened(X), y)
    assert minority_recall(model, flattened(X_test), y_test) > minority_recall(plain, flattened(X_test), y_test) + 0.1


def test_a_sampler_asks_a_classifier_what_is_hard():
    X, y = imbalanced(600, 0)
    codes = (y == "rises").astype(int)  # the sampler takes labels for columns of predict_proba
    sampler = InstanceHardnessThreshold(estimator=classifier(n_channels=D), random_state=0, cv=2)
    resampled, codes_resampled = sampler.fit_resample(flattened(X), codes)
    assert len(resampled) < len(X) and codes_resampled.sum() == codes.sum()
    # Of the many, those went that look like the few: the rest is told apart better.
    X_test, y_test = imbalanced(2000, 1)
    model = classifier(n_channels=D).fit(resampled, codes_resampled)
    plain = classifier(n_channels=D).fit(flattened(X), codes)
    codes_test = (y_test == "rises").astype(int)
    recalls = [recall_score(codes_test, each.predict(flattened(X_test))) for each in (model, plain)]
    assert recalls[0] > recalls[1] + 0.1


@pytest.mark.parametrize("Sampler", [RandomOverSampler, RandomUnderSampler])
def test_samplers_choose_among_ragged_sequences_by_their_numbers(Sampler):
    X, y = imbalanced(600, 0)
    sequences = Sequences.from_list(ragged(X))
    rows, y_resampled = Sampler(random_state=0).fit_resample(np.arange(len(X))[:, np.newaxis], y)
    model = classifier().fit(sequences[rows.ravel()], y_resampled)
    plain = classifier().fit(sequences, y)
    X_test, y_test = imbalanced(2000, 1)
    assert minority_recall(model, ragged(X_test), y_test) > minority_recall(plain, ragged(X_test), y_test) + 0.1


def test_functions_sample_three_dimensions():
    def without_outliers(X, y):
        usual = np.abs(y) < 10
        return X[usual], y[usual]

    X, _, y = problem()
    spoiled = y.copy()
    spoiled[::10] += 100.0
    model = make_pipeline(FunctionSampler(func=without_outliers, validate=False), regressor()).fit(X, spoiled)
    clean = np.arange(len(X)) % 10 != 0
    np.testing.assert_array_equal(model.predict(X), regressor().fit(X[clean], y[clean]).predict(X))
    assert model.score(X, y) > 0.8


def test_weights_of_classes_do_without_a_sampler():
    X, y = imbalanced(600, 0)
    X_test, y_test = imbalanced(2000, 1)
    weighted, plain = classifier(class_weight="balanced").fit(X, y), classifier().fit(X, y)
    assert minority_recall(weighted, X_test, y_test) > minority_recall(plain, X_test, y_test) + 0.1
