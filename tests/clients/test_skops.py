"""skops: files of estimators, and of pipelines and searches around them, that run nothing unasked when they are read."""

import re

import numpy as np
import pytest
import skops.io
from clients.easy import FORMS, MARKS, D, classifier, flattened, problem, ragged, regressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.card import Card

from sklstm import load, save

pytestmark = MARKS

ESTIMATORS = {"classifier": (classifier, 1), "regressor": (regressor, 2)}


def fitted(name, **params):
    make, which = ESTIMATORS[name]
    data = problem()
    return make(**params).fit(data[0], data[which]), data[0], data[which]


def type_name(model):
    return f"{type(model).__module__}.{type(model).__qualname__}"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_files_hold_models_to_the_bit_that_go_on_alike(name, tmp_path):
    model, X, y = fitted(name)
    skops.io.dump(model, tmp_path / "model.skops")
    assert skops.io.get_untrusted_types(file=tmp_path / "model.skops") == [type_name(model)]
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException, match=type(model).__name__):
        skops.io.load(tmp_path / "model.skops")
    other = skops.io.load(tmp_path / "model.skops", trusted=[type_name(model)])
    for form in FORMS.values():
        np.testing.assert_array_equal(other.predict(form(X)), model.predict(X))
    np.testing.assert_array_equal(other.predict(ragged(X)), model.predict(ragged(X)))
    np.testing.assert_array_equal(other.partial_fit(X, y).predict(X), model.partial_fit(X, y).predict(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_one_format_read_the_other_writes(name, tmp_path):
    model, X, _ = fitted(name)
    save(model, tmp_path / "model.npz")
    skops.io.dump(load(tmp_path / "model.npz"), tmp_path / "model.skops")
    save(skops.io.load(tmp_path / "model.skops", trusted=[type_name(model)]), tmp_path / "again.sklstm")
    assert (tmp_path / "again.sklstm").read_bytes() == (tmp_path / "model.npz").read_bytes()
    np.testing.assert_array_equal(load(tmp_path / "again.sklstm").predict(X), model.predict(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_pipelines_and_searches(name, tmp_path):
    make, which = ESTIMATORS[name]
    X, y = flattened(problem()[0]), problem()[which]
    pipeline = make_pipeline(StandardScaler(), make(n_channels=D))
    grid = {f"{pipeline.steps[-1][0]}__hidden_size": [2, 4]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    skops.io.dump(search, tmp_path / "search.skops")
    trusted = skops.io.get_untrusted_types(file=tmp_path / "search.skops")
    assert [kind for kind in trusted if kind.startswith("sklstm")] == [type_name(make())]
    other = skops.io.load(tmp_path / "search.skops", trusted=trusted)
    np.testing.assert_array_equal(other.predict(X), search.predict(X))
    assert other.best_params_ == search.best_params_
    # save does not take the whole, and says so; the part that is ours it does.
    with pytest.raises(TypeError, match=r"skops\.io\.dump"):
        save(search, tmp_path / "search.sklstm")
    save(other.best_estimator_[-1], tmp_path / "part.sklstm")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_model_cards(name):
    card = Card(fitted(name)[0]).render()
    assert type(fitted(name)[0]).__name__ in card
    assert re.search(r"\| +learning_rate_init +\| +0\.05 +\|", card)
