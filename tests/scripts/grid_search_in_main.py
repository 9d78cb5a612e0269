"""Run as __main__: a grid search with processes over classes and functions that only this script defines."""
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklstm import LSTMClassifier, Sequences


class HalvedClassifier(LSTMClassifier):
    """A subclass with a parameter list of its own."""

    def __init__(self, hidden_size=4, max_iter=3, random_state=0):
        super().__init__(hidden_size, max_iter=max_iter, random_state=random_state)

    def predict_proba(self, X):
        return super().predict_proba(X) / 2


def ignore_convergence(X):
    # Runs in the worker, whose warnings nobody filters.
    warnings.simplefilter("ignore", ConvergenceWarning)
    return X


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    X = Sequences.from_list([rng.normal(size=(n, 2)) for n in rng.integers(1, 6, size=40)])
    y = np.arange(40) % 2
    results = []
    for n_jobs in (1, 2):
        model = make_pipeline(FunctionTransformer(ignore_convergence), HalvedClassifier())
        search = GridSearchCV(model, {"halvedclassifier__hidden_size": [2, 4]}, cv=2, n_jobs=n_jobs, error_score="raise")
        search.fit(X, y)
        results.append((search.cv_results_["mean_test_score"], search.best_estimator_[-1].weights_, search.predict_proba(X)))
    (scores, weights, proba), (scores_2, weights_2, proba_2) = results
    np.testing.assert_array_equal(scores, scores_2)
    np.testing.assert_array_equal(proba, proba_2)
    np.testing.assert_allclose(proba.sum(axis=1), 0.5, rtol=1e-12)
    for name in weights:
        np.testing.assert_array_equal(weights[name], weights_2[name])
    print("same")


if __name__ == "__main__":
    main()
