"""Optuna: OptunaSearchCV over any form of X; with pruning, hopeless trials end early by way of `partial_fit`."""

import numpy as np
import optuna
import pytest
from clients.easy import FORMS, MARKS, classifier, problem, ragged, regressor
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from optuna_integration import OptunaSearchCV
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, cross_val_score

from sklstm.metrics import step_scorer

pytestmark = [
    *MARKS,
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore:`optuna.terminator` module has been deprecated:FutureWarning"),  # by its own integration
]

ESTIMATORS = {"classifier": (classifier, 1), "regressor": (regressor, 2)}
RATES = {"learning_rate_init": CategoricalDistribution([0.05, 0.04, 1e-7, 1e-8])}  # two of them learn nothing
N_EPOCHS = 8
CV = KFold(2)


def study_of(rates, **params):
    """A study that tries the rates in their order."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0), **params)
    for rate in rates:
        study.enqueue_trial({"learning_rate_init": rate})
    return study


def search_with_pruning(estimator, study):
    return OptunaSearchCV(
        estimator, RATES, cv=CV, enable_pruning=True, max_iter=N_EPOCHS, n_trials=4, study=study, error_score="raise"
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_hopeless_trials_are_pruned(name, form):
    make, which = ESTIMATORS[name]
    X, y = problem()[0], problem()[which]
    study = study_of([0.05, 0.04, 1e-7, 1e-8], pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=3))
    search = search_with_pruning(make(), study).fit(FORMS[form](X), y)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2 + [TrialState.PRUNED] * 2
    assert [len(trial.intermediate_values) for trial in study.trials] == [N_EPOCHS, N_EPOCHS, 4, 4]
    assert search.best_params_["learning_rate_init"] > 0.01
    assert search.score(FORMS[form](X), y) > 0.9
    # What it reported is what a loop over the epochs and the folds finds.
    trial = study.trials[0]
    known = {"classes": np.unique(y)} if is_classifier(make()) else {}
    models = [clone(make(learning_rate_init=0.05)) for _ in range(2)]
    for value in trial.intermediate_values.values():
        scores = [
            model.partial_fit(X[train], y[train], **known).score(X[test], y[test])
            for model, (train, test) in zip(models, CV.split(X), strict=True)
        ]
        assert value == np.mean(scores)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_ragged_sequences(name):
    make, which = ESTIMATORS[name]
    X, y = ragged(problem()[0]), problem()[which]
    study = study_of([0.05, 0.04, 1e-7, 1e-8], pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=3))
    search = search_with_pruning(make(), study).fit(X, y)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2 + [TrialState.PRUNED] * 2
    assert search.predict(X).shape == (len(X),)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_search_without_pruning(name):
    make, which = ESTIMATORS[name]
    X, y = problem()[0], problem()[which]
    space = {
        "hidden_size": IntDistribution(2, 8),
        "learning_rate_init": FloatDistribution(1e-4, 0.1, log=True),
        "cell": CategoricalDistribution(["lstm", "gru"]),
        "bidirectional": CategoricalDistribution([False, True]),
    }
    search = OptunaSearchCV(make(), space, cv=3, n_trials=6, random_state=0, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.85
    assert {trial.state for trial in search.trials_} == {TrialState.COMPLETE}
    best = make(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict(X), best.predict(X))


@pytest.mark.parametrize("form", [np.asarray, ragged], ids=["3-D", "ragged"])
def test_scores_of_steps(form):
    X = form(problem(60)[0])
    y = [(x[:, 0].cumsum() > 0).astype(int) for x in X]
    space, scoring = {"hidden_size": CategoricalDistribution([2, 4])}, step_scorer("f1_macro")
    model = classifier(return_sequences=True, max_iter=2)
    search = OptunaSearchCV(model, space, cv=CV, n_trials=3, random_state=0, scoring=scoring, error_score="raise").fit(X, y)
    best = model.set_params(**search.best_params_)
    assert search.best_score_ == cross_val_score(best, X, y, cv=CV, scoring=scoring).mean()
