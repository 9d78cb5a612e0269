"""Use within scikit-learn, joblib and a larger program: every form of X works, bits are the same, nothing else is changed."""

import contextlib
import copy
import importlib.util
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from rows import assert_same_rows
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

try:
    import cloudpickle
except ImportError:  # older joblib brings its own
    from joblib.externals import cloudpickle

import sklstm.estimators.fitting
import sklstm.training.gradient
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.estimators.progress import Progress

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")

SCRIPTS = Path(__file__).parent / "scripts"
N, T, D = 60, 6, 2


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fit_and_hash = load_script("fit_and_hash")


# A few steps are enough for the easy problem if they are large to the end.
QUICK = {
    "hidden_size": 4,
    "max_iter": 15,
    "learning_rate": "constant",
    "learning_rate_init": 0.05,
    "batch_size": 32,
    "random_state": 0,
}


def classifier(**params):
    return LSTMClassifier(**QUICK | params)


def regressor(**params):
    return LSTMRegressor(**QUICK | params)


# ---- the data: an easy problem on the first channel, the second is noise ----


def some_arrays(ragged, n=N):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(T, D)) for _ in range(n)]
    for k, x in enumerate(arrays):
        x[:, 0] += 1.5 * (-1) ** k
    return [x[: 1 + T // 2 + k % (T // 2)] if ragged else x for k, x in enumerate(arrays)]


def object_array(arrays):
    array = np.empty(len(arrays), dtype=object)
    array[:] = arrays
    return array


FORMS = {"3-D": np.stack, "list": list, "object array": object_array, "Sequences": Sequences.from_list}
KINDS = {"dense": list(FORMS), "ragged": [form for form in FORMS if form != "3-D"]}


def targets(ragged=False):
    arrays = some_arrays(ragged)
    return np.array(["no", "yes"])[np.arange(N) % 2], np.array([x[:, 0].mean() for x in arrays])


def flat_X():
    return np.stack(some_arrays(ragged=False)).reshape(N, T * D)


# ---- meta-estimators on sequences ----


def halving(estimator):
    grid = {"hidden_size": [2, 4], "num_layers": [1, 2]}
    return HalvingGridSearchCV(estimator, grid, cv=2, min_resources=20, factor=2, random_state=0, error_score="raise")


CLASSIFIERS = {
    "Pipeline": lambda c: Pipeline([("same", FunctionTransformer()), ("lstm", c)]),
    "Pipeline to Sequences": lambda c: make_pipeline(FunctionTransformer(Sequences.from_list), c),
    "GridSearchCV": lambda c: GridSearchCV(c, {"hidden_size": [2, 4], "num_layers": [1, 2]}, cv=2, error_score="raise"),
    "HalvingGridSearchCV": halving,
    "CalibratedClassifierCV": lambda c: CalibratedClassifierCV(c, cv=2),
    "CalibratedClassifierCV, together": lambda c: CalibratedClassifierCV(c, cv=2, ensemble=False, method="isotonic"),
    "StackingClassifier": lambda c: StackingClassifier([("a", c), ("b", clone(c).set_params(pooling="mean"))], cv=2),
    "VotingClassifier, soft": lambda c: VotingClassifier([("a", c), ("b", clone(c).set_params(pooling="max"))], voting="soft"),
    "VotingClassifier, hard": lambda c: VotingClassifier([("a", c), ("b", clone(c).set_params(pooling="max"))]),
    "TunedThresholdClassifierCV": lambda c: TunedThresholdClassifierCV(c, scoring="balanced_accuracy", cv=2),
    "deep": lambda c: GridSearchCV(
        make_pipeline(FunctionTransformer(), CalibratedClassifierCV(c, cv=2)),
        {"calibratedclassifiercv__estimator__hidden_size": [2, 4]},
        cv=2,
        error_score="raise",
    ),
}
REGRESSORS = {
    "Pipeline": lambda r: Pipeline([("same", FunctionTransformer()), ("lstm", r)]),
    "GridSearchCV": lambda r: GridSearchCV(r, {"hidden_size": [2, 4], "num_layers": [1, 2]}, cv=2, error_score="raise"),
    "HalvingGridSearchCV": halving,
    "StackingRegressor": lambda r: StackingRegressor([("a", r), ("b", clone(r).set_params(pooling="mean"))], Ridge(), cv=2),
    "VotingRegressor": lambda r: VotingRegressor([("a", r), ("b", clone(r).set_params(pooling="max"))]),
    "TransformedTargetRegressor": lambda r: TransformedTargetRegressor(r, transformer=StandardScaler()),
}


def outputs(model, X):
    """What a fitted model has to say, most of it first."""
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    return getattr(model, method)(X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_go_anywhere_in_any_form(kind, name):
    arrays, y = some_arrays(kind == "ragged"), targets()[0]
    results = {}
    for form in KINDS[kind]:
        X = FORMS[form](arrays)
        model = CLASSIFIERS[name](classifier()).fit(X, y)
        assert model.score(X, y) > 0.9
        results[form] = outputs(model, X)
    for result in results.values():
        np.testing.assert_array_equal(result, results["list"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_go_anywhere_in_any_form(kind, name):
    arrays, y = some_arrays(kind == "ragged"), targets(kind == "ragged")[1]
    results = {}
    for form in KINDS[kind]:
        X = FORMS[form](arrays)
        model = REGRESSORS[name](regressor()).fit(X, y)
        assert model.score(X, y) > 0.8
        results[form] = outputs(model, X)
    for result in results.values():
        np.testing.assert_array_equal(result, results["list"])


PROCEDURES = {
    "cross_val_predict": lambda c, X, y: cross_val_predict(c, X, y, cv=3, method="predict_proba"),
    "cross_val_score": lambda c, X, y: cross_val_score(c, X, y, cv=3, scoring="roc_auc", error_score="raise"),
    "cross_validate": lambda c, X, y: cross_validate(c, X, y, cv=2, return_train_score=True, error_score="raise")["train_score"],
    "learning_curve": lambda c, X, y: np.hstack(
        learning_curve(c, X, y, cv=2, train_sizes=[0.5, 1.0], shuffle=True, random_state=0, error_score="raise")[1:]
    ),
    "train_test_split": lambda c, X, y: split_and_score(c, X, y),
    "encode": lambda c, X, y: LogisticRegression().fit(c.fit(X, y).encode(X), y).coef_,
}


def split_and_score(c, X, y):
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    assert (len(X_train), len(X_test)) == (45, 15)
    return c.fit(X_train, y_train).score(X_test, y_test)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PROCEDURES)
def test_procedures_cut_any_form(kind, name):
    arrays, y = some_arrays(kind == "ragged"), targets()[0]
    results = {form: PROCEDURES[name](classifier(), FORMS[form](arrays), y) for form in KINDS[kind]}
    for result in results.values():
        np.testing.assert_array_equal(result, results["list"])


def test_grid_search_equals_the_loops_it_stands_for():
    X, y = Sequences.from_list(some_arrays(ragged=True)), targets()[0]
    cv = StratifiedKFold(3)
    search = GridSearchCV(classifier(max_iter=3), {"hidden_size": [2, 5], "num_layers": [1, 2]}, cv=cv).fit(X, y)
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        scores = [
            classifier(max_iter=3, **params).fit(X[train], y[train]).score(X[test], y[test]) for train, test in cv.split(X, y)
        ]
        assert np.mean(scores) == score


@pytest.mark.parametrize("kind", KINDS)
def test_processes_give_the_same_bits(kind):
    arrays, y = some_arrays(kind == "ragged"), targets()[0]
    for form in KINDS[kind]:
        X = FORMS[form](arrays)
        one, two = (
            GridSearchCV(
                make_pipeline(FunctionTransformer(), classifier(max_iter=3)),
                {"lstmclassifier__hidden_size": [2, 4], "lstmclassifier__num_layers": [1, 2]},
                cv=2,
                n_jobs=n_jobs,
                error_score="raise",
            ).fit(X, y)
            for n_jobs in (1, 2)
        )
        np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
        np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_backends_and_inputs_that_it_maps_to_files(backend):
    # Arrays of more than 1 MB reach workers as read-only memmaps, those inside a container, too.
    rng = np.random.default_rng(0)
    X = Sequences(rng.normal(size=(40_000, 4)), np.arange(0, 40_001, 100))
    y = np.arange(400) % 2
    assert X.values.nbytes > 1e6
    model = classifier(hidden_size=2, max_iter=1)
    alone = cross_val_predict(model, X, y, cv=2, method="predict_proba")
    with joblib.parallel_config(backend=backend):
        together = cross_val_predict(model, X, y, cv=2, method="predict_proba", n_jobs=2)
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("kind", KINDS)
def test_tools_may_ask_for_the_smallest_prediction(kind, make):
    # What MAPIE and others do to learn whether a model is fitted.
    model = make(max_iter=1).fit(some_arrays(kind == "ragged"), targets()[make is regressor])
    probe = np.ones((1, model.n_features_in_))
    np.testing.assert_array_equal(model.predict(probe), model.predict([probe]))
    assert model.predict(probe.astype(np.float32)).shape == (1,)
    with pytest.raises(ValueError, match=r"pass a single sequence x as \[x\]"):
        model.predict(np.ones((2, D)))  # two steps, or two sequences?
    with pytest.raises(ValueError, match=r"pass a single sequence x as \[x\]"):
        model.set_params(n_channels=D).predict(np.ones((2, D)))


# ---- meta-estimators on flattened sequences ----

FLAT_CLASSIFIERS = {
    "BaggingClassifier": lambda c: BaggingClassifier(c, n_estimators=3, random_state=0),
    "BaggingClassifier, samples": lambda c: BaggingClassifier(c, n_estimators=3, max_samples=0.5, bootstrap=False),
    "AdaBoostClassifier": lambda c: AdaBoostClassifier(c, n_estimators=3, random_state=0),
    "ColumnTransformer": lambda c: make_pipeline(ColumnTransformer([("rows", "passthrough", slice(0, T * D))]), c),
    "ColumnTransformer, scaled": lambda c: make_pipeline(ColumnTransformer([("rows", StandardScaler(), slice(0, T * D))]), c),
    "StandardScaler": lambda c: make_pipeline(StandardScaler(), c),
    "FeatureUnion": lambda c: make_pipeline(FeatureUnion([("first", FunctionTransformer()), ("again", StandardScaler())]), c),
    "OneVsRestClassifier": lambda c: OneVsRestClassifier(c),
    "OneVsOneClassifier": lambda c: OneVsOneClassifier(c),
    "VotingClassifier": lambda c: VotingClassifier([("lstm", c), ("linear", LogisticRegression())], voting="soft"),
    "StackingClassifier, passthrough": lambda c: StackingClassifier([("lstm", c)], cv=2, passthrough=True),
}
FLAT_REGRESSORS = {
    "BaggingRegressor": lambda r: BaggingRegressor(r, n_estimators=3, random_state=0),
    "AdaBoostRegressor": lambda r: AdaBoostRegressor(r, n_estimators=3, random_state=0),
    "StandardScaler": lambda r: make_pipeline(StandardScaler(), r),
    "StackingRegressor, passthrough": lambda r: StackingRegressor([("lstm", r)], Ridge(), cv=2, passthrough=True),
}


@pytest.mark.parametrize("name", FLAT_CLASSIFIERS)
def test_classifiers_go_anywhere_flattened(name):
    X, y = flat_X(), targets()[0]
    model = FLAT_CLASSIFIERS[name](classifier(n_channels=D)).fit(X, y)
    assert model.score(X, y) > 0.9
    np.testing.assert_array_equal(model.classes_, ["no", "yes"])


@pytest.mark.parametrize("name", FLAT_REGRESSORS)
def test_regressors_go_anywhere_flattened(name):
    X, y = flat_X(), targets()[1]
    assert FLAT_REGRESSORS[name](regressor(n_channels=D)).fit(X, y).score(X, y) > 0.8


@pytest.mark.parametrize("Wrapper", [OneVsRestClassifier, OneVsOneClassifier])
def test_three_classes_one_against_the_others(Wrapper):
    X, y = flat_X(), targets()[1]
    y = np.digitize(y, [-1, 1])
    assert Wrapper(classifier(n_channels=D, max_iter=60)).fit(X, y).score(X, y) > 0.8


def test_several_outputs_by_one_estimator_each():
    X, y = flat_X(), np.column_stack([np.arange(N) % 2, 1 - np.arange(N) % 2])
    several = MultiOutputClassifier(classifier(n_channels=D)).fit(X, y)
    for k, proba in enumerate(several.predict_proba(X)):
        np.testing.assert_array_equal(proba, classifier(n_channels=D).fit(X, y[:, k]).predict_proba(X))
    Y = np.column_stack([targets()[1], 3 - targets()[1]])
    several = MultiOutputRegressor(regressor(n_channels=D)).fit(X, Y, sample_weight=1 + np.arange(N) % 3)
    for k in range(2):
        alone = regressor(n_channels=D).fit(X, Y[:, k], sample_weight=1 + np.arange(N) % 3)
        np.testing.assert_array_equal(several.predict(X)[:, k], alone.predict(X))
    several.partial_fit(X, Y)
    assert several.predict(X).shape == (N, 2)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_scaling_before_changes_nothing(make):
    # Standardisation is built in: scaling before it does nothing, as long as all columns of a channel are scaled alike.
    X = flat_X()
    y = targets()[make is regressor]
    shift, scale = np.tile([3.0, -1.0], T), np.tile([10.0, 0.01], T)
    plain, scaled = make(n_channels=D).fit(X, y), make(n_channels=D).fit((X - shift) / scale, y)
    # 15 steps of Adam magnify what is rounded differently.
    np.testing.assert_allclose(outputs(scaled, (X - shift) / scale), outputs(plain, X), rtol=1e-8, atol=1e-10)


def test_permutation_importance_finds_the_channel_that_matters():
    X, y = flat_X(), targets()[0]
    model = classifier(n_channels=D).fit(X, y)
    importances = permutation_importance(model, X, y, n_repeats=3, random_state=0, scoring="neg_log_loss").importances_mean
    assert importances[0::2].sum() > 5 * abs(importances[1::2].sum())
    parallel = permutation_importance(model, X, y, n_repeats=3, random_state=0, scoring="neg_log_loss", n_jobs=2)
    np.testing.assert_array_equal(parallel.importances_mean, importances)


# ---- DataFrames ----


def named_frame():
    names = [f"step{t}_channel{d}" for t in range(T) for d in range(D)]
    return pytest.importorskip("pandas").DataFrame(flat_X(), columns=names)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_pandas_output_of_the_step_before(make):
    frame, y = named_frame(), targets()[make is regressor]
    plain = make_pipeline(StandardScaler(), make(n_channels=D)).fit(frame, y)
    pandas = make_pipeline(StandardScaler(), make(n_channels=D)).set_output(transform="pandas").fit(frame, y)
    np.testing.assert_array_equal(outputs(pandas, frame), outputs(plain, frame))
    assert not hasattr(plain[-1], "feature_names_in_")
    np.testing.assert_array_equal(pandas[-1].feature_names_in_, frame.columns)
    np.testing.assert_array_equal(pandas.feature_names_in_, frame.columns)
    assert pandas[-1].n_features_in_ == T * D


def test_column_transformer_on_names():
    frame, y = named_frame(), targets()[0]
    frame.insert(3, "site", "A")
    steps = ColumnTransformer([("rows", "passthrough", [c for c in frame if c != "site"])], verbose_feature_names_out=False)
    model = make_pipeline(steps.set_output(transform="pandas"), classifier(n_channels=D)).fit(frame, y)
    plain = classifier(n_channels=D).fit(flat_X(), y)
    np.testing.assert_array_equal(model.predict_proba(frame), plain.predict_proba(flat_X()))
    assert list(model[-1].feature_names_in_) == [c for c in frame if c != "site"]


@pytest.mark.filterwarnings("error:X (does not have|has) .*feature names:UserWarning")
def test_names_of_an_earlier_fit_are_forgotten():
    frame, X, y = named_frame(), flat_X(), targets()[0]
    model = classifier(n_channels=D).fit(frame, y)
    # Neither the data nor the validation data of a new fit are held against the old names.
    model.fit(X, y, X_val=X[:9], y_val=y[:9])
    assert not hasattr(model, "feature_names_in_")
    model.predict(X)
    model.fit(frame, y)
    renamed = frame.add_prefix("x")
    model.fit(renamed, y, X_val=renamed[:9], y_val=y[:9])
    assert list(model.feature_names_in_) == list(renamed.columns)
    with pytest.raises(UserWarning, match="feature names"):
        model.predict(X)


# ---- array-likes ----


class NoArray:
    """What can be converted to an array, and nothing more."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype=dtype)


ARRAY_LIKES = {
    "nothing but __array__": NoArray,
    "masked without a mask": np.ma.asarray,
    "torch": lambda array: pytest.importorskip("torch").from_numpy(array),
}


@pytest.mark.parametrize("convert", ARRAY_LIKES)
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_array_likes_are_read_as_the_arrays_they_are(convert, flat, make):
    convert = ARRAY_LIKES[convert]
    X = flat_X() if flat else np.stack(some_arrays(ragged=False))
    y, w = (targets()[1] if make is regressor else np.arange(N) % 2), WEIGHTS.astype(np.float64)
    plain = make(n_channels=D).fit(X, y, sample_weight=w)
    same = make(n_channels=D).fit(convert(X), convert(y), sample_weight=convert(w))
    np.testing.assert_array_equal(outputs(same, convert(X)), outputs(plain, X))


Y_CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "pandas Series": lambda y: pytest.importorskip("pandas").Series(y, index=np.arange(N)[::-1]),
    "pandas Categorical": lambda y: pytest.importorskip("pandas").Categorical(y, categories=np.unique(y)[::-1]),
    "pandas nullable": lambda y: pytest.importorskip("pandas").Series(y).convert_dtypes(),
    "polars Series": lambda y: pytest.importorskip("polars").Series(y.tolist()),
    "object": lambda y: y.astype(object),
}
LABELS = {
    "bool": np.arange(N) % 2 == 1,
    "int": np.arange(N) % 3 - 1,
    "float": np.arange(N) % 3 * 2.0,
    "str": np.array(["b", "a", "é"])[np.arange(N) % 3],
}


# scikit-learn takes objects for texts only.
LABEL_CASES = [(container, labels) for container in Y_CONTAINERS for labels in LABELS if container != "object" or labels == "str"]


@pytest.mark.parametrize(("container", "labels"), LABEL_CASES)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("class_weight", [None, "balanced", "dict"])
def test_any_labels_in_any_container(container, labels, early_stopping, class_weight):
    X, y = some_arrays(ragged=True), LABELS[labels]
    classes = np.unique(y)
    if class_weight == "dict":
        class_weight = {classes[0].item(): 2.0}
    settings = {"max_iter": 3, "early_stopping": early_stopping, "class_weight": class_weight}
    plain = classifier(**settings).fit(X, np.searchsorted(classes, y), WEIGHTS) if not isinstance(class_weight, dict) else None
    model = classifier(**settings).fit(X, Y_CONTAINERS[container](y), WEIGHTS)
    assert model.classes_.tolist() == classes.tolist()
    assert set(model.predict(X)) <= set(classes)
    if plain is not None:
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    # And on: a chunk of some of the classes, by the same names.
    model.partial_fit(X[:2], Y_CONTAINERS[container](y)[:2])
    assert model.classes_.tolist() == classes.tolist()
    assert 0 <= model.score(X, Y_CONTAINERS[container](y)) <= 1


# ---- metadata routing ----


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


WEIGHTS = np.where(np.arange(N) % 5 == 0, 0, 1 + np.arange(N) % 3)


def test_routing_of_weights_and_validation_data_through_a_pipeline(routing):
    X, y = flat_X() * 100 + 5, targets()[0]
    train, val = slice(0, 40), slice(40, N)
    lstm = classifier(n_channels=D, early_stopping=True, standardize=False)
    lstm.set_fit_request(sample_weight=True, X_val=True, y_val=True, sample_weight_val=True)
    scale = StandardScaler().set_fit_request(sample_weight=False)
    model = Pipeline([("scale", scale), ("lstm", lstm)], transform_input=["X_val"])
    data = {"sample_weight": WEIGHTS[train], "X_val": X[val], "y_val": y[val], "sample_weight_val": 1 + WEIGHTS[val]}
    model.fit(X[train], y[train], **data)

    scaler = StandardScaler().fit(X[train])
    by_hand = classifier(n_channels=D, early_stopping=True, standardize=False)
    by_hand.fit(scaler.transform(X[train]), y[train], **data | {"X_val": scaler.transform(X[val])})
    assert model[-1].validation_scores_ == by_hand.validation_scores_
    assert model[-1].validation_loss_curve_ == by_hand.validation_loss_curve_
    np.testing.assert_array_equal(model.predict_proba(X), by_hand.predict_proba(scaler.transform(X)))
    # Each of them arrives: without it the fit is another.
    for name in data:
        without = {"X_val", "y_val", "sample_weight_val"} if name in ("X_val", "y_val") else {name}
        another = clone(model).fit(X[train], y[train], **{key: value for key, value in data.items() if key not in without})
        assert another[-1].validation_loss_curve_ != model[-1].validation_loss_curve_
    # Without the request the weights do not get there, and that is an error, not silence.
    with pytest.raises(Exception, match="sample_weight"):
        Pipeline([("lstm", classifier(n_channels=D))]).fit(X, y, sample_weight=WEIGHTS)


@pytest.mark.parametrize("form", FORMS)
def test_routing_of_validation_data_in_any_form(routing, form):
    arrays, y = some_arrays(ragged=form != "3-D"), targets()[0]
    X, X_val = FORMS[form](arrays[:40]), FORMS[form](arrays[40:])
    lstm = classifier(early_stopping=True).set_fit_request(X_val=True, y_val=True)
    model = Pipeline([("same", FunctionTransformer()), ("lstm", lstm)], transform_input=["X_val"])
    model.fit(X, y[:40], X_val=X_val, y_val=y[40:])
    by_hand = classifier(early_stopping=True).fit(X, y[:40], X_val=X_val, y_val=y[40:])
    assert model[-1].validation_scores_ == by_hand.validation_scores_
    np.testing.assert_array_equal(model.predict_proba(X), by_hand.predict_proba(X))


def test_routing_of_weights_through_a_search(routing):
    X, y = Sequences.from_list(some_arrays(ragged=True)), targets()[0]
    lstm = classifier(max_iter=3).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = GridSearchCV(lstm, {"hidden_size": [2, 4]}, cv=2, error_score="raise").fit(X, y, sample_weight=WEIGHTS)
    scores = []
    for train, test in StratifiedKFold(2).split(X, y):
        model = classifier(max_iter=3, hidden_size=2).fit(X[train], y[train], sample_weight=WEIGHTS[train])
        scores.append(model.score(X[test], y[test], sample_weight=WEIGHTS[test]))
    assert search.cv_results_["mean_test_score"][0] == np.mean(scores)
    predicted = cross_val_predict(lstm, X, y, cv=2, method="predict_proba", params={"sample_weight": WEIGHTS})
    model = classifier(max_iter=3).fit(X[train], y[train], sample_weight=WEIGHTS[train])
    np.testing.assert_array_equal(predicted[test], model.predict_proba(X[test]))


def test_routing_through_ensembles(routing):
    X, y = flat_X(), targets()[0]
    lstm = classifier(n_channels=D).set_fit_request(sample_weight=True)
    for model in (
        VotingClassifier([("a", lstm)], voting="soft"),
        StackingClassifier([("a", lstm)], LogisticRegression().set_fit_request(sample_weight=False), cv=2),
        CalibratedClassifierCV(lstm, cv=2),
        BaggingClassifier(lstm, n_estimators=2, random_state=0),
    ):
        assert model.fit(X, y, sample_weight=WEIGHTS).score(X, y) > 0.9


# ---- copies ----

# What makes the state of an estimator differ in kind.
MODELS = {
    "Adam": lambda: classifier(max_iter=3, warm_start=True),
    "SGD, two layers": lambda: regressor(max_iter=3, warm_start=True, solver="sgd", num_layers=2, bidirectional=True),
    "early stopping": lambda: classifier(max_iter=3, warm_start=True, early_stopping=True, class_weight="balanced"),
    "unfolded": lambda: regressor(max_iter=3, warm_start=True, standardize=False, pooling="max", random_state=None),
    "RandomState": lambda: classifier(max_iter=3, warm_start=True, random_state=np.random.RandomState(5)),
}


def through_a_file(model, path, compress=0, mmap_mode=None):
    joblib.dump(model, path, compress=compress)
    return joblib.load(path, mmap_mode=mmap_mode)


ROUND_TRIPS = {
    **{
        f"pickle protocol {p}": lambda model, path, p=p: pickle.loads(pickle.dumps(model, protocol=p))
        for p in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "joblib": through_a_file,
    "joblib compressed": lambda model, path: through_a_file(model, path, compress=3),
    "joblib mapped": lambda model, path: through_a_file(model, path, mmap_mode="r"),
    "deepcopy": lambda model, path: copy.deepcopy(model),
    "cloudpickle": lambda model, path: cloudpickle.loads(cloudpickle.dumps(model)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("round_trip", ROUND_TRIPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_predict_and_go_on_with_the_same_bits(name, round_trip, dtype, tmp_path):
    model = MODELS[name]()
    X = Sequences.from_list([x.astype(dtype) for x in some_arrays(ragged=True)])
    y = targets(ragged=True)[isinstance(model, LSTMRegressor)]
    model.fit(X, y)
    before = joblib.hash(vars(model))
    twin = ROUND_TRIPS[round_trip](model, tmp_path / "model.joblib")
    assert joblib.hash(vars(model)) == before, "copying changed the original"
    np.testing.assert_array_equal(outputs(twin, X), outputs(model, X))
    assert outputs(twin, X).dtype == dtype
    assert twin.get_params().keys() == model.get_params().keys()
    # Further training: the same, and none sees the other's.
    twin.partial_fit(X, y)
    assert joblib.hash(vars(model)) == before, "the copy shares arrays with the original"
    model.partial_fit(X, y)
    np.testing.assert_array_equal(outputs(twin, X), outputs(model, X))
    for one in (twin, model):
        one.fit(X, y)
    np.testing.assert_array_equal(outputs(twin, X), outputs(model, X))
    assert twin.loss_curve_ == model.loss_curve_
    assert twin.n_iter_ == 7


def test_state_is_plain():
    """Arrays, scalars, strings, lists, dicts and NumPy's generators: what any way of storing can take."""

    def walk(value, path):
        if isinstance(value, dict):
            for key, item in value.items():
                assert isinstance(key, str), path
                walk(item, f"{path}.{key}")
        elif isinstance(value, (list, tuple)):
            for k, item in enumerate(value):
                walk(item, f"{path}[{k}]")
        else:
            assert isinstance(value, (np.ndarray, np.generic, np.random.Generator, int, float, str, bool, type(None))), path

    X, y = named_frame(), targets()[0]
    walk(classifier(n_channels=D, early_stopping=True).fit(X, y).partial_fit(X, y).__getstate__(), "self")


@pytest.mark.parametrize("name", MODELS)
def test_clone_is_unfitted_and_fits_alike(name):
    model = MODELS[name]()
    X, y = some_arrays(ragged=True), targets(ragged=True)[isinstance(model, LSTMRegressor)]
    parameters = dict(vars(model))
    twin = clone(model.fit(X, y))
    assert vars(twin).keys() == parameters.keys()
    if name not in ("unfolded", "RandomState"):  # whose randomness is not an int
        np.testing.assert_array_equal(outputs(twin.fit(X, y), X), outputs(model, X))


def test_worker_processes_fit_and_predict_the_same_bits():
    X, y = some_arrays(ragged=True), targets()[0]
    model = classifier(max_iter=3, warm_start=True).fit(X, y)
    calls = [joblib.delayed(model.predict_proba)(X), joblib.delayed(copy.deepcopy(model).fit)(X, y)]
    predicted, continued = joblib.Parallel(n_jobs=2)(calls)
    np.testing.assert_array_equal(predicted, model.predict_proba(X))
    np.testing.assert_array_equal(continued.predict_proba(X), model.fit(X, y).predict_proba(X))


def run_script(name, tmp_path, **environment):
    command = [sys.executable, SCRIPTS / f"{name}.py"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert os.listdir(tmp_path) == [], "something was written into the working directory"
    return done.stdout


def test_classes_of_main_in_worker_processes(tmp_path):
    assert run_script("grid_search_in_main", tmp_path).strip() == "same"


# ---- the same bits ----


@pytest.fixture
def shard_counts(monkeypatch):
    """The number of shards of every minibatch from here on."""
    counts = []

    def count(rows, lengths, network):
        parts = original(rows, lengths, network)
        counts.append(len(parts))
        return parts

    original = sklstm.training.gradient.shards
    monkeypatch.setattr(sklstm.training.gradient, "shards", count)
    return counts


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("params", [{}, {"bidirectional": True, "num_layers": 2, "hidden_size": 32, "pooling": "mean"}], ids=str)
def test_any_number_of_threads_gives_the_same_bits(dtype, params, shard_counts):
    X, y = fit_and_hash.problem(dtype)
    params = {"hidden_size": 64, "max_iter": 2, "batch_size": 200} | params
    fitted = {}
    for n_jobs in (1, 2, 3, -1, None):
        model = regressor(n_jobs=n_jobs, **params).fit(X, y)
        fitted[n_jobs] = (model.weights_, model.predict(X), model.loss_curve_)
    with joblib.parallel_config(n_jobs=2):
        model = regressor(**params).fit(X, y)
        fitted["parallel_config"] = (model.weights_, model.predict(X), model.loss_curve_)
    assert max(shard_counts) > 2, "this is to be a problem of several shards"
    for weights, predicted, losses in fitted.values():
        for name, value in fitted[1][0].items():
            np.testing.assert_array_equal(weights[name], value)
        assert_same_rows(predicted, fitted[1][1])
        assert losses == fitted[1][2]


def test_more_threads_than_work(shard_counts):
    X, y = some_arrays(ragged=True), targets()[0]
    one, many = classifier(n_jobs=1).fit(X, y), classifier(n_jobs=64).fit(X, y)
    assert set(shard_counts) == {1}
    np.testing.assert_array_equal(one.predict_proba(X), many.predict_proba(X))


def test_a_fresh_process_gives_the_same_bits_and_keeps_subnormals(tmp_path):
    here = fit_and_hash.fits()
    for environment in ({"PYTHONHASHSEED": "1", "OPENBLAS_NUM_THREADS": "1"}, {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "4"}):
        report = json.loads(run_script("fit_and_hash", tmp_path, **environment))
        assert report.pop("hashes") == here
        assert all(report.values()), report


# ---- what is not ours is left alone ----


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("random_state", [None, 0, "RandomState"])
def test_global_random_state_is_neither_changed_nor_read(make, random_state):
    X, y = some_arrays(ragged=True), targets(ragged=True)[make is regressor]

    def run():
        state = np.random.RandomState(0) if random_state == "RandomState" else random_state
        model = make(random_state=state, max_iter=2, early_stopping=True).fit(X, y)
        outputs(model, X)
        model.encode(X)
        return outputs(model.partial_fit(X, y), X)

    results = []
    for seed in (0, 1):
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        before = np.random.get_state(), random.getstate()  # noqa: NPY002
        results.append(run())
        after = np.random.get_state(), random.getstate()  # noqa: NPY002
        for one, other in zip(before[0], after[0], strict=True):
            np.testing.assert_array_equal(one, other)
        assert before[1] == after[1]
    assert np.array_equal(*results) == (random_state is not None)


def test_without_random_state_every_fit_is_another():
    X, y = some_arrays(ragged=True), targets()[0]
    np.random.seed(0)  # noqa: NPY002
    one = classifier(random_state=None).fit(X, y).predict_proba(X)
    np.random.seed(0)  # noqa: NPY002
    assert not np.array_equal(one, classifier(random_state=None).fit(X, y).predict_proba(X))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_user_s_data_are_not_changed(form, dtype):
    X = FORMS[form]([x.astype(dtype) for x in some_arrays(ragged=False)])
    y, w = targets()[0], WEIGHTS.astype(np.float64)
    before = joblib.hash((X, y, w))
    model = classifier(early_stopping=True).fit(X, y, sample_weight=w)
    model.fit(X, y, X_val=X, y_val=y, sample_weight_val=w)
    model.partial_fit(X, y, sample_weight=w).predict(X)
    assert joblib.hash((X, y, w)) == before


def test_nothing_is_written_to_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = some_arrays(ragged=True), targets()[0]
    model = classifier(verbose=True, early_stopping=True, n_jobs=2).fit(X, y)
    model.partial_fit(X, y).predict(X)
    repr(model)
    model._repr_html_()
    pickle.dumps(model)
    assert os.listdir(tmp_path) == []


def test_verbose_is_the_only_thing_that_prints(capsys):
    X, y = some_arrays(ragged=True), targets()[0]
    classifier(max_iter=3).fit(X, y).predict(X)
    assert capsys.readouterr() == ("", "")
    classifier(max_iter=3, verbose=2).fit(X, y).predict(X)
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (3, "")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_subnormal_numbers_survive_in_every_thread(dtype, n_jobs, monkeypatch, shard_counts):
    kept, threads = [], set()

    def run(self, *args):
        result = original(self, *args)
        kept.append(fit_and_hash.subnormals_exist(np.float32) and fit_and_hash.subnormals_exist(np.float64))
        threads.add(threading.get_ident())
        return result

    original = sklstm.training.gradient._Shard.run
    monkeypatch.setattr(sklstm.training.gradient._Shard, "run", run)
    X, y = fit_and_hash.problem(dtype)
    model = regressor(hidden_size=64, max_iter=2, batch_size=200, n_jobs=n_jobs).fit(X, y)
    model.predict(X)
    assert max(shard_counts) > 1
    assert threading.get_ident() in threads
    assert all(kept)
    for there in (lambda function: function(), fit_and_hash.in_a_thread):
        assert there(lambda: fit_and_hash.subnormals_exist(np.float32))
        assert there(lambda: fit_and_hash.subnormals_exist(np.float64))


def blas_threads():
    return {library["filepath"]: library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


BLAS_THREADS = blas_threads()
ONE_THREAD = max(BLAS_THREADS.values(), default=1) == 1
need_blas_threads = pytest.mark.skipif(ONE_THREAD, reason="BLAS has one thread, with and without a limit")


@pytest.fixture
def free_blas():
    """BLAS as after import, held by no thread: before the test, and after one that has failed."""

    def free():
        for library in ThreadpoolController().select(user_api="blas").lib_controllers:
            for _ in range(2):
                if hasattr(library, "clear_controlling_thread"):
                    library.clear_controlling_thread(force=True)
                if library.num_threads != BLAS_THREADS[library.filepath]:
                    library.set_num_threads(BLAS_THREADS[library.filepath])

    free()
    yield
    free()


@pytest.fixture
def limits_inside(free_blas, monkeypatch):
    """The largest number of BLAS threads at the end of every epoch from here on, by name of the thread that fits."""
    inside = {}

    def report(row):
        inside[threading.current_thread().name] = max(blas_threads().values())

    monkeypatch.setattr(Progress, "show", lambda progress, row: report(row))
    return inside


def on_thread(function, name="other"):
    thread = threading.Thread(target=function, name=name)
    thread.start()
    thread.join(60)


@need_blas_threads
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_blas_threads_are_what_they_were(n_jobs, limits_inside, monkeypatch):
    X, y = some_arrays(ragged=True), targets()[0]
    model = classifier(n_jobs=n_jobs, max_iter=1, verbose=True)
    model.fit(X, y)
    assert list(limits_inside.values()) == [1]
    assert blas_threads() == BLAS_THREADS
    model.predict(X)
    assert blas_threads() == BLAS_THREADS
    with pytest.raises(ValueError, match="NaN"):
        model.fit([x * np.nan for x in X], y)
    assert blas_threads() == BLAS_THREADS

    def fail(row):
        raise MemoryError

    monkeypatch.setattr(Progress, "show", lambda progress, row: fail(row))
    with pytest.raises(MemoryError):
        model.fit(X, y)
    assert blas_threads() == BLAS_THREADS


@need_blas_threads
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_blas_is_limited_whatever_thread_fits(n_jobs, limits_inside):
    # threadpoolctl >= 3.7 lets only the thread that first set a limit set another, until it is released; to all others limits do
    # nothing, silently.
    X, y = some_arrays(ragged=True), targets()[0]

    def fit():
        classifier(n_jobs=n_jobs, max_iter=1, verbose=True).fit(X, y)

    fit()
    on_thread(fit, "second")
    on_thread(fit, "third")
    fit()
    assert limits_inside == {threading.current_thread().name: 1, "second": 1, "third": 1}
    assert blas_threads() == BLAS_THREADS


@need_blas_threads
def test_limits_of_others_still_work_after_a_fit(free_blas):
    inside = []

    def limited():
        with threadpool_limits(1, user_api="blas"):
            inside.append(max(blas_threads().values()))

    on_thread(limited)
    classifier(max_iter=1).fit(some_arrays(ragged=True), targets()[0])
    on_thread(limited)
    limited()
    assert inside == [1, 1, 1]
    assert blas_threads() == BLAS_THREADS


@need_blas_threads
@pytest.mark.parametrize("limit", [1, 2])
def test_a_limit_of_the_caller_is_kept_and_ours_holds_meanwhile(limit, limits_inside):
    # The caller's thread, the main one, now holds threadpoolctl's right to set limits.
    def fit():
        classifier(max_iter=1, verbose=True).fit(some_arrays(ragged=True), targets()[0])

    with threadpool_limits(limit, user_api="blas"):
        before = blas_threads()
        assert set(before.values()) == {limit}
        fit()
        assert blas_threads() == before
        on_thread(fit, "other")
        assert blas_threads() == before
    assert limits_inside == {threading.current_thread().name: 1, "other": 1}
    assert blas_threads() == BLAS_THREADS


@need_blas_threads
@pytest.mark.parametrize("ends_first", ["first", "second"])
@pytest.mark.parametrize("begins_on_main", [True, False])
def test_blas_threads_are_what_they_were_after_overlapping_fits(ends_first, begins_on_main, free_blas, monkeypatch):
    # The first fit begins, then the second; one ends, then the other. BLAS is limited until both have ended, and not any longer,
    # while both threads are still alive.
    X, y = some_arrays(ragged=True), targets()[0]
    names = ["first", "second"]
    arrived, may_end, ended = ({name: threading.Event() for name in names} for _ in range(3))
    may_leave = threading.Event()
    inside, results, after = [], {}, []

    def report(row):
        name = row_of[threading.get_ident()]
        inside.append(max(blas_threads().values()))
        arrived[name].set()
        assert may_end[name].wait(30)
        inside.append(max(blas_threads().values()))

    def fit(name):
        row_of[threading.get_ident()] = name
        results[name] = classifier(max_iter=1, verbose=True).fit(X, y).encode(X)
        ended[name].set()

    def fit_and_stay(name):
        fit(name)
        may_leave.wait(30)

    def conduct():
        """Lets the fits begin and end in order."""
        assert arrived["first"].wait(30)
        second.start()
        assert arrived["second"].wait(30)
        for name in [ends_first, *(name for name in names if name != ends_first)]:
            may_end[name].set()
            assert ended[name].wait(30)
        after.append(blas_threads())
        may_leave.set()

    row_of = {}
    monkeypatch.setattr(Progress, "show", lambda progress, row: report(row))
    second = threading.Thread(target=fit_and_stay, args=["second"])
    conductor = threading.Thread(target=conduct)
    conductor.start()
    if begins_on_main:
        fit_and_stay("first")
    else:
        on_thread(lambda: fit_and_stay("first"))
    conductor.join(60)
    second.join(60)
    assert inside == [1, 1, 1, 1]
    assert after == [BLAS_THREADS]
    assert blas_threads() == BLAS_THREADS
    np.testing.assert_array_equal(results["first"], results["second"])


@need_blas_threads
@pytest.mark.parametrize("when", ["as the limit is set", "as it is lifted"])
def test_an_interrupt_does_not_leave_blas_limited(when, free_blas, monkeypatch):
    # Ctrl-C at the worst moments of a fit, whichever thread sets the limit.
    controller = next((item for item in ThreadpoolController().lib_controllers if item.internal_api == "openblas"), None)
    if controller is None:
        pytest.skip("This is about OpenBLAS.")
    name = "_real_set_num_threads" if hasattr(controller, "_real_set_num_threads") else "set_num_threads"
    original, fired = getattr(type(controller), name), []

    def set_num_threads(self, num_threads):
        result = original(self, num_threads)
        if not fired and (num_threads == 1) == (when == "as the limit is set"):
            fired.append(num_threads)
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.01)  # on another thread: until it has arrived on the main one
        return result

    before = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr(type(controller), name, set_num_threads)
        with contextlib.suppress(KeyboardInterrupt):
            classifier(max_iter=1).fit(some_arrays(ragged=True), targets()[0])
    assert fired
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before
    assert blas_threads() == BLAS_THREADS
    # And the next fit finds everything in order.
    classifier(max_iter=1).fit(some_arrays(ragged=True), targets()[0])
    assert blas_threads() == BLAS_THREADS


def test_fits_and_predictions_in_many_threads_are_those_of_one():
    # Estimators share nothing: not a workspace, not a generator.
    X, y = some_arrays(ragged=True), targets()[0]
    shared = classifier(max_iter=3).fit(X, y)
    alone = [classifier(max_iter=5, random_state=k).fit(X, y).predict_proba(X) for k in range(8)]

    def work(k):
        return classifier(max_iter=5, random_state=k, n_jobs=2).fit(X, y).predict_proba(X), shared.predict_proba(X)

    together = joblib.Parallel(n_jobs=4, backend="threading")(joblib.delayed(work)(k) for k in range(8))
    expected = shared.predict_proba(X)
    for (fitted, predicted), one in zip(together, alone, strict=True):
        np.testing.assert_array_equal(fitted, one)
        np.testing.assert_array_equal(predicted, expected)


def test_no_thread_is_left_behind():
    before = set(threading.enumerate())
    X, y = fit_and_hash.problem(np.float32)
    regressor(hidden_size=64, max_iter=1, batch_size=200, n_jobs=4).fit(X, y).predict(X)
    assert set(threading.enumerate()) <= before
