"""dask: dask-ml's wrappers on arrays in blocks, and scikit-learn's searches on a cluster, through joblib."""

import dask.array as da
import joblib
import numpy as np
import pytest
from clients.easy import FORMS, MARKS, D, classifier, flattened, problem, ragged, regressor
from dask.distributed import Client
from dask_ml.wrappers import Incremental, ParallelPostFit
from sklearn.model_selection import GridSearchCV

pytestmark = MARKS

ESTIMATORS = {"classifier": (classifier, 1), "regressor": (regressor, 2)}
BLOCK = 60  # sequences


def in_blocks(name):
    """X flattened and y, as dask arrays: dask-ml finds the blocks of a 3-D array by two numbers, which is one too few."""
    data = problem()
    X, y = flattened(data[0]), data[ESTIMATORS[name][1]]
    return da.from_array(X, chunks=(BLOCK, X.shape[1])), da.from_array(y, chunks=BLOCK)


def classes_of(name, y):
    return {"classes": np.unique(y)} if name == "classifier" else {}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_incremental_trains_block_by_block(name):
    X, y = in_blocks(name)
    model = Incremental(ESTIMATORS[name][0](n_channels=D), shuffle_blocks=False)
    by_hand = ESTIMATORS[name][0](n_channels=D)
    for _ in range(12):
        model.partial_fit(X, y, **classes_of(name, y))
        for first in range(0, len(X), BLOCK):
            rows = slice(first, first + BLOCK)
            by_hand.partial_fit(X[rows].compute(), y[rows].compute(), **classes_of(name, y))
    np.testing.assert_array_equal(model.predict(X).compute(), by_hand.predict(X.compute()))
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("name", ESTIMATORS)
def test_incremental_begins_anew_with_every_fit(name):
    X, y = in_blocks(name)
    model = Incremental(ESTIMATORS[name][0](n_channels=D), shuffle_blocks=False)
    first, second = (model.fit(X, y, **classes_of(name, y)).predict(X).compute() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert model.estimator_.n_iter_ == len(X) / BLOCK


@pytest.mark.parametrize("name", ESTIMATORS)
def test_parallel_post_fit_predicts_block_by_block(name):
    X, y = in_blocks(name)
    model = ParallelPostFit(ESTIMATORS[name][0](n_channels=D)).fit(X.compute(), y.compute())
    alone = ESTIMATORS[name][0](n_channels=D).fit(X.compute(), y.compute())
    for method in ("predict", "predict_proba") if name == "classifier" else ("predict",):
        lazy = getattr(model, method)(X)
        expected = getattr(alone, method)(X.compute())
        assert lazy.chunks[0] == X.chunks[0] and lazy.dtype.kind == expected.dtype.kind
        np.testing.assert_array_equal(lazy.compute(), expected)
    if name == "classifier":  # the logarithms of the probabilities, not what the model's own method says
        np.testing.assert_array_equal(model.predict_log_proba(X).compute(), np.log(alone.predict_proba(X.compute())))
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("name", ESTIMATORS)
def test_blocks_of_sequences_are_predicted_by_hand(name):
    data = problem()
    model = ESTIMATORS[name][0]().fit(data[0], data[ESTIMATORS[name][1]])
    X = da.from_array(data[0], chunks=(BLOCK, -1, -1))
    predicted = X.map_blocks(model.predict, drop_axis=(1, 2), dtype=data[ESTIMATORS[name][1]].dtype)
    np.testing.assert_array_equal(predicted.compute(), model.predict(data[0]))


@pytest.fixture(scope="module", params=["threads", "processes"])
def cluster(request, tmp_path_factory):
    where = {"processes": request.param == "processes", "local_directory": str(tmp_path_factory.mktemp("dask"))}
    with Client(n_workers=1, threads_per_worker=2, dashboard_address=":0", **where) as client:
        yield client


@pytest.mark.parametrize("form", [*FORMS, "ragged"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_grid_search_on_a_cluster(name, form, cluster):
    data = problem()
    X, y = (FORMS | {"ragged": ragged})[form](data[0]), data[ESTIMATORS[name][1]]
    search = GridSearchCV(ESTIMATORS[name][0](), {"hidden_size": [2, 4]}, cv=2, error_score="raise")
    alone = search.fit(X, y)
    expected, results = alone.predict(X), alone.cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="dask"):
        search.fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], results)
    np.testing.assert_array_equal(search.predict(X), expected)
    assert search.score(X, y) > 0.85


def test_the_workers_did_the_work(cluster):
    X, y, _ = problem()
    before = len(cluster.get_task_stream())
    with joblib.parallel_config(backend="dask"):
        GridSearchCV(classifier(), {"hidden_size": [2, 3, 4]}, cv=2).fit(X, y)
    assert len(cluster.get_task_stream()) > before
