"""What must hold for saved models: they answer and go on with the same bits, and no file makes `load` do anything else."""

import copy
import doctest
import io
import json
import os
import pathlib
import pickle
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from test_archive import edit_array, of_version, same, with_members

import sklstm.archive as archive
import sklstm.persistence as persistence
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.archive import read_archive, write_archive
from sklstm.persistence import load, save

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]

GOLDEN = pathlib.Path(__file__).parent / "golden"
N, T = 24, 4


def classifier(**params):
    return LSTMClassifier(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | params)


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | params)


def numbers(dtype=np.float64):
    return np.random.default_rng(0).normal(size=(N, T, 2)).astype(dtype)


def codes():
    X = numbers()
    X[:, :, 0] = np.random.default_rng(1).integers(5, size=(N, T))
    return X


def frame():
    words = np.random.default_rng(1).choice(["fig", "kiwi", "plum"], size=(N, T))
    values = numbers()[:, :, 1]
    columns = {}
    for t in range(T):
        columns[f"fruit {t}"] = pd.Categorical(words[:, t], categories=["fig", "kiwi", "plum"])
        columns[f"weight {t}"] = values[:, t]
    return pd.DataFrame(columns)


def ragged():
    return [x[: 1 + k % T] for k, x in enumerate(numbers())]


BINARY, CLASSES = np.arange(N) % 2, np.arange(N) % 3
LABELS = np.array(["no", "yes", "perhaps"])[CLASSES]
INDICATORS = np.stack([BINARY, CLASSES == 1, CLASSES == 2], axis=1).astype(int)
QUANTITY = np.random.default_rng(2).normal(size=N) * 100
QUANTITIES = np.random.default_rng(3).normal(size=(N, 2)) + np.array([5, 1e6])


def labels_of_steps(X):
    return [np.arange(len(x)) % 3 for x in X]


# Name -> estimator, X, y.
MODELS = {
    "binary": (classifier(), numbers(), BINARY),
    "three classes": (classifier(), numbers(), CLASSES),
    "float32": (classifier(), numbers(np.float32), CLASSES),
    "texts": (classifier(class_weight={"no": 2, "yes": 0.5}), numbers(), LABELS),
    "objects": (classifier(class_weight="balanced"), numbers(), LABELS.astype(object)),
    "bool": (classifier(label_smoothing=0.1), numbers(), BINARY.astype(bool)),
    "negative int8": (classifier(class_weight={-1: 2.0, np.int64(0): 3}), numbers(), (CLASSES - 1).astype(np.int8)),
    "uint": (classifier(), numbers(), CLASSES.astype(np.uint8)),
    "float labels": (classifier(), numbers(), CLASSES.astype(float)),
    "multilabel": (classifier(class_weight=[{0: 1, 1: 2}, None, "balanced"]), numbers(), INDICATORS),
    "ragged": (classifier(pooling="attention", cell="peephole"), ragged(), LABELS),
    "Sequences": (classifier(pooling="max", cell="coupled"), Sequences.from_list(ragged()), LABELS),
    "labels of steps": (classifier(return_sequences=True), ragged(), labels_of_steps(ragged())),
    "labels of steps, array": (classifier(return_sequences=True), numbers(), np.arange(N * T).reshape(N, T) % 2),
    "quantity": (regressor(), numbers(), QUANTITY),
    "float32 quantities": (regressor(num_layers=2, bidirectional=True), numbers(np.float32), QUANTITIES),
    "column": (regressor(), numbers(), QUANTITIES[:, :1]),
    "tuple of sizes": (regressor(hidden_size=(4, np.int64(3), 2), merge_mode="sum", bidirectional=True), numbers(), QUANTITY),
    "list of sizes": (regressor(hidden_size=[3, 2], num_layers=2), numbers(), QUANTITY),
    "gru": (regressor(cell="gru", residual=True, num_layers=3, dropout=0.2, recurrent_dropout=0.1), numbers(), QUANTITY),
    "projection": (regressor(hidden_size=(5, 4), proj_size=3, initial_state="learned", bidirectional=True), numbers(), QUANTITY),
    "layernorm": (regressor(cell="layernorm", initial_state="learned"), numbers(), QUANTITY),
    "gru_reset_before": (regressor(cell="gru_reset_before", activation="relu"), numbers(), QUANTITY),
    "rnn": (regressor(cell="rnn", solver="sgd", nesterovs_momentum=False), numbers(), QUANTITY),
    "bptt": (regressor(bptt_steps=2, pooling="mean"), ragged(), QUANTITY),
    "not standardized": (regressor(standardize=False), numbers(), QUANTITIES),
    "constant channel": (regressor(), numbers() * [0, 1], np.ones(N)),
    "one quantile": (regressor(loss="quantile", quantile=0.9), numbers(), QUANTITIES),
    "quantiles": (regressor(loss="quantile", quantile=np.array([0.9, 0.1, 0.5])), numbers(), QUANTITY),
    "tuple of quantiles": (regressor(loss="quantile", quantile=(0.1, 0.5)), numbers(), QUANTITY),
    "poisson": (regressor(loss="poisson"), numbers(), np.abs(QUANTITIES)),
    "huber": (regressor(loss="huber"), numbers(), QUANTITY),
    "quantities of steps": (regressor(return_sequences=True), numbers(), numbers()),
    "steps in Sequences": (regressor(return_sequences=True), Sequences.from_list(ragged()), Sequences.from_list(ragged())),
    "flat": (regressor(n_channels=2), numbers().reshape(N, -1), QUANTITY),
    "frame of numbers": (regressor(n_channels=2), pd.DataFrame(numbers().reshape(N, -1)).add_prefix("c"), QUANTITY),
    "frame": (regressor(n_channels=2, categorical_features=[f"fruit {t}" for t in range(T)]), frame(), QUANTITY),
    "missing": (classifier(missing="decay"), numbers(), LABELS),
    "codes": (classifier(categorical_features=[0], embedding_dim=3), codes(), LABELS),
    "all codes": (classifier(categorical_features="all", embedding_dim=(2,)), codes()[:, :, :1], LABELS),
    "array of codes": (regressor(categorical_features=np.array([0])), codes(), QUANTITY),
    "random state": (classifier(random_state=np.random.RandomState(3)), numbers(), CLASSES),
    "no random state": (classifier(random_state=None), numbers(), CLASSES),
    "NumPy parameters": (regressor(alpha=np.float32(0.1), max_iter=np.int32(2), tol=np.float64(1e-3)), numbers(), QUANTITY),
    "rmsprop": (regressor(solver="rmsprop", learning_rate="invscaling"), numbers(), QUANTITY),
    "adamw": (regressor(solver="adamw", learning_rate="plateau", n_iter_no_change=2, max_iter=5), numbers(), QUANTITY),
    "adaptive": (regressor(solver="sgd", learning_rate="adaptive", tol=1.0, n_iter_no_change=1, max_iter=9), numbers(), QUANTITY),
    "onecycle": (regressor(learning_rate="onecycle"), numbers(), QUANTITY),
    "lbfgs": (regressor(solver="lbfgs"), numbers(), QUANTITY),
    "early stopping": (classifier(early_stopping=True, validation_fraction=0.3, n_iter_no_change=np.inf), numbers(), CLASSES),
}


def fitted(name):
    model, X, y = MODELS[name]
    return clone(model).fit(X, y), X, y


def saved(model, tmp_path):
    path = tmp_path / "model.npz"
    assert save(model, path) is None
    return load(path)


def state_of(model):
    """What an estimator holds; rows of the history without their times."""
    held = {key: value for key, value in vars(model).items() if key != "_metadata_request"}
    if "history_" in held:
        rows = [{key: value for key, value in row.items() if key != "seconds"} for row in held["history_"]]
        held |= {"history_": rows, "_state": held["_state"].to_dict() | {"history": rows}}
    return dict(sorted(held.items()))


def assert_same(a, b):
    assert type(a) is type(b)
    a, b = state_of(a), state_of(b)
    assert a.keys() == b.keys()
    for key in a:
        assert same(a[key], b[key]), (key, a[key], b[key])


def assert_same_answers(a, b, X):
    for method in ("predict", "predict_proba", "predict_log_proba", "encode", "attention"):
        assert hasattr(a, method) == hasattr(b, method)
        if hasattr(a, method):
            one, other = getattr(a, method)(X), getattr(b, method)(X)
            if isinstance(one, Sequences):
                one, other = vars(one), vars(other)
            assert same(one, other), method


# ---- the same bits ----


@pytest.mark.parametrize("name", MODELS)
def test_loaded_models_are_the_same_and_go_on_alike(name, tmp_path):
    model, X, y = fitted(name)
    before = copy.deepcopy(model)
    other = saved(model, tmp_path)
    assert_same(before, model)
    assert_same(model, other)
    assert_same_answers(model, other, X)
    in_chunks = model.solver != "lbfgs" and model.learning_rate != "onecycle"
    for goes_on in (
        lambda m: m.partial_fit(X, y) if in_chunks else m,
        lambda m: m.set_params(warm_start=True, max_iter=1).fit(X, y),
        lambda m: m.partial_fit(X, y) if in_chunks else m,
    ):
        goes_on(model), goes_on(other)
        assert_same(model, other)
        other = saved(other, tmp_path)
    assert_same_answers(model, other, X)


@pytest.mark.parametrize("name", ["texts", "frame", "random state"])
def test_fresh_fits_of_loaded_models_are_alike(name, tmp_path):
    model, X, y = fitted(name)
    other = saved(model, tmp_path)
    for _ in range(2):  # a RandomState goes on from fit to fit
        assert_same(model.fit(X, y), other.fit(X, y))


@pytest.mark.parametrize("name", MODELS)
def test_unfitted(name, tmp_path):
    model = MODELS[name][0]
    other = saved(clone(model), tmp_path)
    assert not other.__sklearn_is_fitted__()
    assert_same(clone(model), other)


def test_chunk_by_chunk(tmp_path):
    X, y = numbers(), LABELS
    model = classifier(early_stopping=True)
    for k in range(4):
        rows = slice(6 * k, 6 * k + 6)
        model.partial_fit(X[rows], y[rows], classes=np.unique(y))
        if k == 1:
            other = saved(model, tmp_path)
        elif k > 1:
            other = saved(other.partial_fit(X[rows], y[rows]), tmp_path)
    assert_same(model, other)
    assert_same_answers(model, other, X)


def test_validation_data_and_weights(tmp_path):
    X, y = numbers(), QUANTITY
    model = regressor(early_stopping=True, warm_start=True)
    model.fit(X, y, np.arange(N), X_val=X[:9], y_val=y[:9])
    other = saved(model, tmp_path)
    assert other.validation_scores_ == model.validation_scores_
    assert other.history_ is other._state.history  # as after a fit
    assert_same(*(m.fit(X, y, np.arange(N), X_val=X[:9], y_val=y[:9]) for m in (model, other)))


def test_in_a_process_of_its_own(tmp_path):
    model, X, _ = fitted("texts")
    save(model, tmp_path / "model.npz")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import numpy as np; from sklstm.persistence import load;"
        "m, X = load('model.npz'), np.load('X.npy'); np.save('p.npy', m.predict_proba(X)); print(m.predict(X).tolist())"
    )
    out = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True).stdout
    assert out.strip() == str(model.predict(X).tolist())
    assert same(np.load(tmp_path / "p.npy"), model.predict_proba(X))


def test_models_that_were_pickled_before(tmp_path):
    model = fitted("objects")[0]
    assert_same(model, saved(pickle.loads(pickle.dumps(copy.deepcopy(model))), tmp_path))


def test_parameters_that_fit_would_refuse_are_kept(tmp_path):
    model, X, _ = fitted("binary")
    model.set_params(learning_rate_init="fast", hidden_size=-1, n_jobs=3, verbose=2)
    other = saved(model, tmp_path)
    assert_same(model, other)
    assert_same_answers(model, other, X)


def test_paths_become_texts(tmp_path):
    assert saved(classifier(checkpoint=pathlib.Path("a") / "b"), tmp_path).checkpoint == str(pathlib.Path("a") / "b")


def test_attributes_of_the_user_are_kept(tmp_path):
    model = fitted("binary")[0]
    model.notes = {"author": "me", "thresholds": np.array([0.2, 0.8])}
    assert same(saved(model, tmp_path).notes, model.notes)


# ---- scikit-learn's own attributes ----


def test_metadata_requests(tmp_path):
    model = fitted("binary")[0]
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True, X_val="held_out", y_val=False).set_score_request(sample_weight="w")
    other = saved(model, tmp_path)
    assert str(other.get_metadata_routing()) == str(model.get_metadata_routing())
    assert str(clone(other).get_metadata_routing()) == str(model.get_metadata_routing())
    assert "_metadata_request" not in vars(saved(classifier(), tmp_path))
    with sklearn.config_context(enable_metadata_routing=True):
        assert str(saved(model, tmp_path).get_metadata_routing()) == str(model.get_metadata_routing())
    assert not sklearn.get_config()["enable_metadata_routing"]


def test_callbacks_are_left_out(tmp_path):
    model = fitted("binary")[0]
    for name in ("_skl_callbacks", "_parent_callback_ctx", "_callback_fit_ctx", "_skl_callbacks_to_teardown"):
        other = copy.deepcopy(model)
        setattr(other, name, [lambda: None])
        assert_same(model, saved(other, tmp_path))


# ---- what cannot be saved ----


class Subclass(LSTMClassifier):
    pass


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (Subclass(), "got Subclass, a subclass. Its code is not part of a file: use skops.io.dump or joblib.dump"),
        (LSTMClassifier, "got a class, not an object"),
        (make_pipeline(LSTMClassifier()), "got Pipeline. .*skops.io.dump or joblib.dump.*`steps`"),
        (GridSearchCV(LSTMClassifier(), {}), "got GridSearchCV"),
        (None, "got NoneType"),
    ],
)
def test_other_estimators_are_refused(estimator, words, tmp_path):
    classes = "LSTMClassifier, LSTMRegressor, LSTMSeq2Seq, LSTMOutlierDetector or LSTMForecaster"
    with pytest.raises(TypeError, match=f"save takes an object of the class {classes}, {words}"):
        save(estimator, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_search_is_told_of_its_best_estimator(tmp_path):
    search = GridSearchCV(classifier(), {"hidden_size": [2]}, cv=2).fit(numbers(), BINARY)
    with pytest.raises(TypeError, match="best_estimator_"):
        save(search, tmp_path / "model")
    assert_same(search.best_estimator_, saved(search.best_estimator_, tmp_path))


def test_values_that_cannot_be_saved_are_named(tmp_path):
    model = fitted("binary")[0]
    model.set_params(class_weight={0: 1, 1: object()})
    with pytest.raises(TypeError, match=r"\['parameters'\]\['class_weight'\]\[1\] is a object"):
        save(model, tmp_path / "model")
    model = fitted("binary")[0]
    model.plot = len
    with pytest.raises(TypeError, match=r"\['attributes'\]\['plot'\] is a builtin_function"):
        save(model, tmp_path / "model")
    model = fitted("binary")[0]
    model._theta = model._theta[:-1]
    with pytest.raises(ValueError, match=r"This LSTMClassifier could not be loaded again: .*weights.*Fit it afresh"):
        save(model, tmp_path / "model")


# ---- files that were not saved by `save` ----


def trees():
    """What is in a file, for models of several kinds."""
    for name in ("texts", "multilabel", "frame", "quantiles", "huber", "labels of steps", "rnn"):
        model, X, y = fitted(name)
        yield name, model, X, y


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Name -> tree of a file, model, X, y."""
    path, result = tmp_path_factory.mktemp("contents") / "model", {}
    for name, model, X, y in trees():
        save(model, path)
        result[name] = read_archive(path, "model"), model, X, y
    return result


def raises_at_load(tree, tmp_path, words=""):
    path = tmp_path / "crafted.npz"
    write_archive(path, tree, "model")
    with pytest.raises(ValueError, match=words or "holds no model") as error:
        load(path)
    message = str(error.value)
    assert message.startswith(f"{path} holds no model: ") and len(message) < 800
    assert "Restore a copy of the file" in message


def put(*path, value):
    """A change of a tree: another value at a path."""

    def change(tree):
        *outer, last = path
        for key in outer:
            tree = tree[key]
        tree[last] = value

    return change


def attribute(*path, value):
    return put("attributes", *path, value=value)


def drop(*path):
    def change(tree):
        *outer, last = path
        for key in outer:
            tree = tree[key]
        del tree[last]

    return change


LONG = np.zeros(10)
LIES = {
    "another class": put("class", value="SVC"),
    "a class of another module": put("class", value="os.system"),
    "class no text": put("class", value=[]),
    "the other class": put("class", value="LSTMRegressor"),
    "no class": drop("class"),
    "no parameters": drop("parameters"),
    "parameters a list": put("parameters", value=[]),
    "unknown parameter": put("parameters", "quantum", value=1),
    "a parameter that is no text": put("parameters", 1, value=1),
    "requests of no method": put("metadata_requests", "dance", value={}),
    "requests of nothing": put("metadata_requests", "fit", value={"y_hat": True}),
    "requests that are numbers": put("metadata_requests", "fit", value={"sample_weight": 3.5}),
    "requests without names": put("metadata_requests", "fit", value={1: True}),
    "requests a list": put("metadata_requests", "fit", value=[]),
    "hides a method": attribute("predict", value=1),
    "hides a property": attribute("weights_", value={}),
    "hides a parameter": attribute("hidden_size", value=3),
    "an attribute without name": attribute(1, value=1),
    "callbacks": attribute("_skl_callbacks", value=[1]),
    "no theta": drop("attributes", "_theta"),
    "no state": drop("attributes", "_state"),
    "no spec": drop("attributes", "_network_spec"),
    "no classes": drop("attributes", "classes_"),
    "theta long": attribute("_theta", value=LONG),
    "theta float16": lambda tree: attribute("_theta", value=tree["attributes"]["_theta"].astype(np.float16))(tree),
    "theta int": lambda tree: attribute("_theta", value=tree["attributes"]["_theta"].astype(int))(tree),
    "theta 2-D": lambda tree: attribute("_theta", value=tree["attributes"]["_theta"][:, np.newaxis])(tree),
    "theta a list": lambda tree: attribute("_theta", value=tree["attributes"]["_theta"].tolist())(tree),
    "theta empty": attribute("_theta", value=np.zeros(0)),
    "state's theta": attribute("_state", "theta", value=LONG),
    "state's theta float32": lambda tree: attribute("_state", "theta", value=tree["attributes"]["_theta"].astype("f4"))(tree),
    "optimizer short": attribute("_state", "optimizer", "m", value=LONG),
    "optimizer t": attribute("_state", "optimizer", "t", value=-1),
    "optimizer without v": drop("attributes", "_state", "optimizer", "v"),
    "optimizer None": attribute("_state", "optimizer", value=None),
    "optimizer of another solver": attribute("_state", "solver", value="sgd"),
    "unknown solver": attribute("_state", "solver", value="newton"),
    "solver no text": attribute("_state", "solver", value={}),
    "rng a number": attribute("_state", "rng", value=3),
    "rng a RandomState": attribute("_state", "rng", value=np.random.RandomState(0)),
    "epochs a text": attribute("_state", "n_epochs", value="many"),
    "epochs negative": attribute("_state", "n_epochs", value=-1),
    "epochs huge": attribute("_state", "n_epochs", value=2**100),
    "best loss gone": drop("attributes", "_state", "best"),
    "best loss a dict": attribute("_state", "best", value={}),
    "best loss a text": attribute("_state", "best", value="low"),
    "history of numbers": attribute("_state", "history", value=[1]),
    "history without loss": attribute("_state", "history", value=[{"epoch": 1}]),
    "history of texts": attribute("_state", "history", value=[{"loss": "low"}]),
    "an array in the state that is not as long as theta": attribute("_state", "average", value=LONG),
    "input_size huge": attribute("_network_spec", "input_size", value=2**40),
    "input_size 2**70": attribute("_network_spec", "input_size", value=2**70),
    "input_size negative": attribute("_network_spec", "input_size", value=-1),
    "input_size 1": attribute("_network_spec", "input_size", value=1),
    "input_size true": attribute("_network_spec", "input_size", value=True),
    "input_size float": attribute("_network_spec", "input_size", value=2.0),
    "output_size huge": attribute("_network_spec", "output_size", value=2**62),
    "output_size 0": attribute("_network_spec", "output_size", value=0),
    "hidden_sizes huge": attribute("_network_spec", "hidden_sizes", value=[2**31]),
    # Products of such wrap around in 64 bits.
    "hidden_sizes that overflow": attribute("_network_spec", "hidden_sizes", value=[2**32, 2**32]),
    "hidden_sizes empty": attribute("_network_spec", "hidden_sizes", value=[]),
    "hidden_sizes many": attribute("_network_spec", "hidden_sizes", value=[1] * 100_000),
    "hidden_sizes a number": attribute("_network_spec", "hidden_sizes", value=3),
    "hidden_sizes zeros": attribute("_network_spec", "hidden_sizes", value=[0, 0]),
    "unknown cell": attribute("_network_spec", "cell", value="perceptron"),
    "another cell": attribute("_network_spec", "cell", value="gru"),
    "cell no text": attribute("_network_spec", "cell", value=[]),
    "unknown activation": attribute("_network_spec", "activation", value="exp"),
    "unknown pooling": attribute("_network_spec", "pooling", value="min"),
    "bidirectional": attribute("_network_spec", "bidirectional", value=True),
    "bidirectional 1": attribute("_network_spec", "bidirectional", value=1),
    "unknown merge_mode": attribute("_network_spec", "merge_mode", value="max"),
    "dropout 1": attribute("_network_spec", "dropout", value=1.0),
    "dropout NaN": attribute("_network_spec", "dropout", value=np.nan),
    "dropout negative": attribute("_network_spec", "recurrent_dropout", value=-0.5),
    "categories too many": attribute("_network_spec", "categories", value=[[0, 2, 1]]),
    "categories huge": attribute("_network_spec", "categories", value=[[0, 2**62, 2**62]]),
    "categories a text": attribute("_network_spec", "categories", value="all"),
    "categories short": attribute("_network_spec", "categories", value=[[0]]),
    "unknown loss": attribute("_network_spec", "loss", value="hinge"),
    "loss of the other class": attribute("_network_spec", "loss", value="poisson"),
    "loss of more scores": attribute("_network_spec", "loss", value="binary_log_loss"),
    "loss parameters": attribute("_network_spec", "loss_parameters", value={"quantiles": [0.5] * 100}),
    "unknown loss parameters": attribute("_network_spec", "loss_parameters", value={"delta": 1}),
    "spec with a key too many": attribute("_network_spec", "order", value=1),
    "spec without a key": drop("attributes", "_network_spec", "cell"),
    "spec a list": attribute("_network_spec", value=[]),
    "not standardized": attribute("_network_spec", "standardize", value=False),
    "moments None": attribute("_moments", value=None),
    "moments of more channels": attribute("_moments", "x", "mean", value=LONG),
    "moments float32": attribute("_moments", "x", "deviation", value=np.zeros(2, "f4")),
    "moments without mean": drop("attributes", "_moments", "x", "mean"),
    "moments of a y without units": lambda tree: attribute("_moments", "y", value=tree["attributes"]["_moments"]["x"])(tree),
    "channels": attribute("n_features_in_", value=5),
    "channels 0": attribute("n_features_in_", value=0),
    "names": attribute("feature_names_in_", value=np.array(["a"])),
    "names that are numbers": attribute("feature_names_in_", value=np.array([1, 2], dtype=object)),
    "flat a text": attribute("_flat", value="no"),
    "categories_ too many": attribute("categories_", value=[np.arange(3)]),
    "categories_ None": attribute("categories_", value=None),
    "_categorical": attribute("_categorical", value=(0,)),
    "n_outputs_": attribute("n_outputs_", value=2),
    "n_iter_": attribute("n_iter_", value=None),
    "loss_curve_": attribute("loss_curve_", value=["a"]),
    "best_loss_": attribute("best_loss_", value="low"),
    "classes too few": attribute("classes_", value=np.array(["a"])),
    "classes a list": attribute("classes_", value=["no", "perhaps", "yes"]),
    "classes 2-D": attribute("classes_", value=np.array([["a"], ["b"], ["c"]])),
    "classes unhashable": attribute("classes_", value=np.array([{}, {}, {}], dtype=object)),
    "class totals": attribute("_class_totals", value=np.zeros(2)),
    "multilabel": attribute("_multilabel", value=True),
    "attributes of an unfitted model": put("attributes", value={"_state": {}}),
}


@pytest.mark.parametrize("name", LIES)
def test_crafted_files_are_refused(name, contents, tmp_path):
    tree = copy.deepcopy(contents["texts"][0])
    LIES[name](tree)
    raises_at_load(tree, tmp_path)


OTHER_LIES = {
    "quantile ranks": ("quantiles", attribute("_quantile_ranks", value=np.array([0, 1, 5]))),
    "quantile ranks twice": ("quantiles", attribute("_quantile_ranks", value=np.array([0, 1, 1]))),
    "quantile ranks gone": ("quantiles", drop("attributes", "_quantile_ranks")),
    "quantiles too few": ("quantiles", attribute("_network_spec", "loss_parameters", "quantiles", value=[0.5])),
    "quantiles of others": ("quantiles", attribute("_network_spec", "loss_parameters", "quantiles", value=[0.5, 2, 3])),
    "quantiles gone": ("quantiles", attribute("_network_spec", "loss_parameters", value={})),
    "deltas too many": ("huber", attribute("_network_spec", "loss_parameters", "deltas", value=[1.0] * 3)),
    "delta negative": ("huber", attribute("_network_spec", "loss_parameters", "deltas", value=[-1.0])),
    "delta NaN": ("huber", attribute("_network_spec", "loss_parameters", "deltas", value=[np.nan])),
    "delta of the squared error": ("huber", attribute("_network_spec", "loss", value="squared_error")),
    "targets": ("quantiles", attribute("_n_targets", value=3)),
    "one-dimensional": ("rnn", attribute("_one_dimensional", value=None)),
    "moments of y": ("rnn", attribute("_moments", "y", "mean", value=np.zeros(3))),
    "moments of y None": ("rnn", attribute("_moments", "y", value=None)),
    "velocity": ("rnn", attribute("_state", "optimizer", "velocity", value=LONG)),
    "class totals of labels": ("multilabel", attribute("_class_totals", value=np.zeros((3, 3)))),
    "values of categories": ("frame", attribute("categories_", value=[np.array(["fig"])])),
    "values of categories are lists": ("frame", attribute("categories_", value=[np.array([[], {}, ()], dtype=object)])),
    "table of categories": ("frame", attribute("_network_spec", "categories", value=[[0, 4, 40]])),
    "channel of categories": ("frame", attribute("_network_spec", "categories", value=[[2, 4, 3]])),
    "categories twice": ("frame", attribute("_network_spec", "categories", value=[[0, 4, 3], [0, 4, 3]])),
    "categorical by floats": ("frame", attribute("_categorical", value=(0.0,))),
    "names too few": ("frame", attribute("feature_names_in_", value=np.array(["a"], dtype=object))),
    "form of y": ("labels of steps", attribute("_y_format", "kind", value="table")),
    "form of y gone": ("labels of steps", drop("attributes", "_y_format")),
    "form of y empty": ("labels of steps", attribute("_y_format", value={})),
}


@pytest.mark.parametrize("name", OTHER_LIES)
def test_crafted_files_of_other_models_are_refused(name, contents, tmp_path):
    model, change = OTHER_LIES[name]
    tree = copy.deepcopy(contents[model][0])
    change(tree)
    raises_at_load(tree, tmp_path)


@pytest.mark.parametrize("tree", [None, [], {}, {"class": "LSTMClassifier"}, np.zeros(3), {1: 2}], ids=str)
def test_files_of_other_trees_are_refused(tree, tmp_path):
    raises_at_load(tree, tmp_path, "expected \\['class', 'parameters'")


def places(tree, path=()):
    yield path
    if isinstance(tree, (dict, list)):
        for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield from places(value, (*path, key))


PLAIN = [None, True, -1, 0, 2**62, 10**30, 1.5, np.nan, "", "lstm", b"x", [], {}, (), [0]]
VALUES = [*PLAIN, LONG, np.zeros(0), np.array("a"), np.str_("b")]


def at(tree, path):
    return at(tree[path[0]], path[1:]) if path else tree


def another(value, rng):
    """Another value, of any kind or of the same."""
    if rng.random() < 0.5 and (isinstance(value, (float, int)) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")):
        return value + 1
    return copy.deepcopy(VALUES[rng.integers(len(VALUES))])


@pytest.mark.parametrize("name", ["texts", "multilabel", "frame", "quantiles", "labels of steps", "rnn"])
def test_models_from_any_file_answer_and_go_on_or_are_refused(name, contents, tmp_path):
    original, _, X, y = contents[name]
    path = tmp_path / "crafted.npz"
    rng = np.random.default_rng(0)
    # Hyper-parameters are held against what they may be by fit, which says so; the values of a parameter are the user's.
    where = [p for p in places(original) if p and p[0] not in ("parameters", "versions")]
    n_loaded = 0
    for _ in range(60):
        tree = copy.deepcopy(original)
        for _ in range(rng.integers(1, 3)):
            place = where[rng.integers(len(where))]
            try:
                put(*place, value=another(at(original, place), rng))(tree)
            except (TypeError, LookupError):
                continue  # another change took the place away
        write_archive(path, tree, "model")
        try:
            other = load(path)
        except ValueError as error:
            assert str(error).startswith(f"{path} holds no model")
            continue
        n_loaded += 1
        other.predict(X), other.encode(X)
        try:
            other.partial_fit(X, y)
        except (TypeError, ValueError):
            pass  # where classes or categories have become others than those of X and y
    assert n_loaded


# ---- other versions ----


def test_parameters_that_a_file_lacks_are_the_defaults(contents, tmp_path):
    tree, model, *_ = contents["rnn"]
    tree = copy.deepcopy(tree)
    del tree["parameters"]["momentum"], tree["parameters"]["alpha"], tree["parameters"]["epsilon"]
    path = tmp_path / "older.npz"
    write_archive(path, tree, "model")
    assert_same(load(path), model)


def test_parameters_of_a_newer_version_are_refused(contents, tmp_path):
    tree = copy.deepcopy(contents["rnn"][0])
    tree["parameters"]["quantum"] = 1
    tree["versions"]["sklstm"] = "99.0"
    raises_at_load(tree, tmp_path, r"hyper-parameters that this version .* does not know: \['quantum'\]; version 99.0 wrote it")


def test_a_newer_format_is_refused(contents, tmp_path):
    path = tmp_path / "newer.npz"
    write_archive(path, contents["rnn"][0], "model")
    path.write_bytes(of_version(path.read_bytes(), archive.FORMAT_VERSION + 1))
    with pytest.raises(ValueError, match="written by a newer sklstm"):
        load(path)


def test_other_versions_of_the_dependencies_are_no_error(contents, tmp_path):
    tree, model, *_ = contents["rnn"]
    tree = tree | {"versions": {"sklstm": "0.0.1", "numpy": "99.0", "scikit-learn": "99.0"}}
    write_archive(tmp_path / "model", tree, "model")
    assert_same(load(tmp_path / "model"), model)


def golden():
    return sorted(GOLDEN.glob("*/*.json"))


@pytest.mark.parametrize("expected", golden(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_files_of_earlier_versions(expected, tmp_path):
    content = json.loads(expected.read_text())
    model = load(expected.with_suffix(".npz"))
    assert type(model).__name__ == content["class"]
    dtype = np.dtype(content["dtype"])
    X = [np.array(x, dtype=dtype) for x in content["X"]]
    # Other processors and BLAS libraries round in other places.
    tolerance = {"rtol": 1e-6 if dtype == np.float64 else 1e-5, "atol": 1e-6}
    for method, answers in content["answers"].items():
        found = getattr(model, method)(X)
        assert np.shape(found) == np.shape(answers)
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, np.array(answers), **tolerance)
        else:
            assert found.tolist() == answers
    # It goes on, and comes back.
    epochs = model.n_iter_
    model.partial_fit(X, np.array(content["y"]))
    assert model.n_iter_ == epochs + 1 and np.isfinite(model.loss_curve_).all()
    assert_same(model, saved(model, tmp_path))


def test_there_are_files_of_earlier_versions():
    assert len(golden()) >= 4
    assert all(path.with_suffix(".npz").stat().st_size < 20_000 for path in golden())


# ---- beside other tools ----


@pytest.mark.parametrize("name", ["texts", "frame", "quantiles", "labels of steps", "random state"])
def test_skops_trusts_all_but_the_class(name):
    skops_io = pytest.importorskip("skops.io")
    model, X, _ = fitted(name)
    dumped = skops_io.dumps(model)
    cls = f"{type(model).__module__}.{type(model).__qualname__}"
    assert skops_io.get_untrusted_types(data=dumped) == [cls]
    other = skops_io.loads(dumped, trusted=[cls])
    assert_same_answers(model, other, X)
    assert same(model._theta, other._theta)


def test_numpy_finds_the_weights(tmp_path):
    model = fitted("float32")[0]
    save(model, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert same(arrays["attributes._theta"], model._theta)
        assert same(arrays["attributes._state.optimizer.m"], model._state.optimizer["m"])
        assert json.loads(arrays["tree.json"])["tree"]["parameters"]["hidden_size"] == 3


def test_the_file_is_small(tmp_path):
    model = regressor(hidden_size=64, max_iter=100).fit(numbers(np.float32), QUANTITY)
    save(model, tmp_path / "model")
    # Four vectors of weights (twice theta, two moments), and less than 300 bytes for an epoch.
    assert (tmp_path / "model").stat().st_size < 4 * model._theta.nbytes + 300 * 100 + 10_000


@pytest.mark.parametrize("function", [save, load])
def test_examples_in_docstrings(function):
    runner = doctest.DocTestRunner()
    tests = doctest.DocTestFinder(recurse=False).find(function, globs={})
    assert tests and all(runner.run(test).failed == 0 for test in tests)


def test_one_flipped_bit_of_a_model_is_found(contents, tmp_path):
    path = tmp_path / "model"
    write_archive(path, contents["frame"][0], "model")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\1\2") - 1] ^= 1  # of the last array
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"is damaged: its array .* does not have the checksum"):
        load(path)
    # With a right checksum it is a file that says something else.
    flip = edit_array(lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    write_archive(path, contents["frame"][0], "model")
    path.write_bytes(with_members(path.read_bytes(), flip))
    load(path)


# ---- paths, open files, other interpreters ----


def labels_of(*two):
    return np.array(two)[BINARY]


KINDS_OF_LABELS = {
    "dates": labels_of("2024-01-01", "2024-01-02").astype("M8[D]"),
    "times of a table": pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02"]))[BINARY].reset_index(drop=True),
    "durations": labels_of(1, 60).astype("m8[s]"),
    "half precision": labels_of(1, 2).astype(np.float16),
    "large": labels_of(1, 2**63).astype(np.uint64),
    "big-endian": BINARY.astype(">i4"),
    "categories": pd.Categorical(labels_of("x", "y")),
    "nullable": pd.Series(BINARY).astype("Int64"),
    "texts of a table": pd.Series(labels_of("x", "y")).astype("string"),
}


@pytest.mark.parametrize("name", KINDS_OF_LABELS)
def test_models_of_all_kinds_of_labels_that_fit_takes(name, tmp_path):
    model = classifier(max_iter=1).fit(numbers(), KINDS_OF_LABELS[name])
    other = saved(model, tmp_path)
    assert other.classes_.dtype == model.classes_.dtype.newbyteorder("=")
    assert (other.predict(numbers()) == model.predict(numbers())).all()


def test_open_files():
    model = fitted("texts")[0]
    file = io.BytesIO()
    assert save(model, file) is None
    save(model, file)
    file.seek(0)
    for _ in range(2):
        assert_same(model, load(file))
    with pytest.raises(ValueError, match="The file is no sklstm file: expected a model"):
        load(file)
    assert not file.closed


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("", ValueError, "The path '' is empty. Pass the path of a file."),
        ("\0", ValueError, "null character"),
        (".", IsADirectoryError, "Expected the path of a file, got a directory: '.'"),
        (io.StringIO(), TypeError, "text mode"),
        (3, TypeError, "Expected a str, a path-like object or a binary file, got int"),
    ],
)
def test_paths_to_which_nothing_can_be_saved(path, error, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (lambda: save(classifier(), path), lambda: load(path)):
        if isinstance(path, io.StringIO):
            path.write("text"), path.seek(0)
        with pytest.raises(error, match=re.escape(words)):
            call()
    assert not list(tmp_path.parent.glob("*.tmp")) and not list(tmp_path.iterdir())


def test_home_directories(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(classifier(), "~/model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert_same(load("~/model"), classifier())
    assert_same(load(pathlib.Path("~") / "model"), classifier())


WORK = """
import warnings, io, numpy as np, sklstm
from sklstm import LSTMClassifier, LSTMRegressor, load, save
X = np.random.default_rng(0).normal(size=(20, 4, 2))
for model, y in ((LSTMClassifier(2, max_iter=1, random_state=0), X[:, 0, 0] > 0), (LSTMRegressor(2, max_iter=1), X[:, 0, 0])):
    file = io.BytesIO()
    save(model.fit(X, y), file)
    file.seek(0)
    assert (load(file).predict(X) == model.predict(X)).all()
    model.partial_fit(X, y).score(X, y)
    help(type(model))
    help(type(model).fit)
import sklstm.datasets, sklstm.inspection, sklstm.preprocessing, sklstm.persistence
print("done")
"""


OPTIONS = {
    "no docstrings": ([], {"PYTHONOPTIMIZE": "2"}),
    "no assertions, isolated": (["-O", "-I"], {}),
    "warnings are errors": (["-W", "error", "-X", "dev"], {}),
}


@pytest.mark.parametrize("options, variables", OPTIONS.values(), ids=OPTIONS)
def test_options_of_the_interpreter(options, variables, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONOPTIMIZE"} | variables
    path = str(pathlib.Path(persistence.__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {path!r})\n{WORK}" if "-I" in options else WORK  # that ignores PYTHONPATH
    command = [sys.executable, *options, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL)
    assert result.returncode == 0 and result.stdout.endswith("done\n"), result.stderr
    assert "ResourceWarning" not in result.stderr
