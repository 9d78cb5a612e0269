"""skrub: tables that hold a flattened sequence in each row; what adds columns to a table adds steps."""

import numpy as np
import pandas as pd
import pytest
from clients.easy import MARKS, D, T, classifier, flattened, problem, regressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from skrub import SquashingScaler, TableVectorizer, tabular_pipeline

pytestmark = MARKS

NAMES = [f"step{t}_channel{d}" for t in range(T) for d in range(D)]
ESTIMATORS = {"classifier": (classifier, 1), "regressor": (regressor, 2)}


def table(n, seed, which):
    data = problem(n, seed)
    return pd.DataFrame(flattened(data[0]).copy(), columns=NAMES), data[which]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_ready_made_pipeline(name):
    make, which = ESTIMATORS[name]
    (X, y), (X_test, y_test) = table(240, 0, which), table(500, 1, which)
    model = tabular_pipeline(make(n_channels=D)).fit(X, y)
    assert model.score(X_test, y_test) > 0.8 and model[-1].n_features_in_ == len(NAMES)
    assert cross_val_score(tabular_pipeline(make(n_channels=D)), X, y, cv=3, error_score="raise").mean() > 0.7


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_vectorizer_keeps_columns_and_their_names(name):
    make, which = ESTIMATORS[name]
    X, y = table(240, 0, which)
    model = make_pipeline(TableVectorizer(), make(n_channels=D)).fit(X, y)
    assert list(model[-1].feature_names_in_) == NAMES
    np.testing.assert_array_equal(model.predict(X), make(n_channels=D).fit(X.astype(np.float32), y).predict(X.astype(np.float32)))


def test_columns_that_say_what_is_missing_are_steps():
    X, y = table(240, 0, 1)
    X.loc[::7, "step1_channel0"] = np.nan
    with pytest.raises(ValueError, match="multiple of n_channels=2, got 13 columns"):
        tabular_pipeline(classifier(n_channels=D)).fit(X, y)
    assert tabular_pipeline(classifier()).fit(X, y)[-1].n_features_in_ == 13
    # Without them:
    model = make_pipeline(TableVectorizer(), SimpleImputer(), SquashingScaler(), classifier(n_channels=D)).fit(X, y)
    assert model[-1].n_features_in_ == len(NAMES) and model.score(X, y) > 0.8


def test_texts_as_categories_of_steps():
    X, y = table(240, 0, 1)
    words = X[NAMES[::D]].gt(0).replace({True: "up", False: "down"})
    # The vectorizer writes one column for each word; the estimator reads the words themselves.
    assert TableVectorizer().fit_transform(words).shape == (240, T)
    assert classifier(categorical_features="all").fit(words, y).score(words, y) > 0.75
