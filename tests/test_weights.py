"""`weights_` are read-only, `set_weights` sets them: predictions, streams and training continue from what was set."""

import copy

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from sklstm import LSTMClassifier, LSTMRegressor

OPTIONS = {
    "lstm": {},
    "two layers": {"num_layers": 2, "bidirectional": True},
    "input layer": {"cell": "layernorm", "initial_state": "learned"},
    "not standardized": {"standardize": False},
    "early stopping": {"early_stopping": True},
    "poisson": {"loss": "poisson"},
}
each_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())


@pytest.fixture
def X(rng):
    return 5 + 3 * rng.normal(size=(24, 6, 2))


def fitted(X, **options):
    return LSTMRegressor(4, max_iter=2, random_state=0, **options).fit(X, np.abs(X[:, 0, 0]))


def test_weights_are_read_only(X):
    model = fitted(X)
    for view in model.weights_.values():
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True
        assert not view.base.flags.writeable


@each_option
def test_what_was_set_is_read_and_predicts(X, rng, options):
    model, other = fitted(X, **options), fitted(X, **options)
    drawn = {name: view + 0.1 * rng.normal(size=view.shape) for name, view in model.weights_.items()}
    before = model.predict(X)
    held = model.weights_
    assert model.set_weights({name: values.tolist() for name, values in drawn.items()}) is model
    for name, view in model.weights_.items():
        np.testing.assert_array_equal(view, drawn[name])
        assert not np.array_equal(view, held[name])  # views of the old weights stay
    assert not np.array_equal(model.predict(X), before)
    np.testing.assert_array_equal(other.set_weights(drawn).predict(X), model.predict(X))
    np.testing.assert_array_equal(other.set_weights(held).predict(X), before)


def test_some_of_them(X):
    model = fitted(X)
    before = {name: view.copy() for name, view in model.weights_.items()}
    model.set_weights({"head.V": np.zeros((8, 1)), "head.b": np.array([2], np.int8)})
    np.testing.assert_array_equal(model.predict(X), 2)
    for name in before.keys() - {"head.V", "head.b"}:
        np.testing.assert_array_equal(model.weights_[name], before[name])
    changed = model.predict(X)
    np.testing.assert_array_equal(model.set_weights({}).predict(X), changed)


def test_streams_and_copies_keep_theirs(X):
    model = fitted(X)
    stream, alike, expected = model.stream(), copy.copy(model), model.predict(X[:, :1])
    model.set_weights({"head.b": [9.0]})
    np.testing.assert_array_equal(stream.step(X[:, 0]), expected)
    np.testing.assert_array_equal(alike.predict(X[:, :1]), expected)
    np.testing.assert_array_equal(model.stream().step(X[:, 0]), model.predict(X[:, :1]))


@each_option
@pytest.mark.parametrize("way", ["partial_fit", "warm_start"])
def test_training_continues_from_them(X, options, way):
    # With a learning rate of almost nothing training stays where it begins.
    model = fitted(X, solver="sgd", learning_rate_init=1e-12, **options)
    scaled = {name: view if name.startswith("input.") else 0.9 * view for name, view in model.weights_.items()}
    model.set_weights(scaled)
    expected = model.predict(X)
    y = np.abs(X[:, 0, 0])
    if way == "partial_fit":
        model.partial_fit(X[:0:-1], y[:0:-1])
    else:
        model.set_params(warm_start=True, max_iter=1).fit(X, y)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "rmsprop", "lbfgs"])
def test_the_optimiser_starts_anew(X, solver):
    model = fitted(X, solver=solver)
    model.set_weights(model.weights_)
    y = np.abs(X[:, 0, 0])
    model.set_params(warm_start=True).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert model.n_iter_ > 2


@pytest.mark.parametrize(
    "weights, error, words",
    [
        ([1.0], TypeError, "weights must be a dict of names to arrays, got list"),
        ({"head.W": np.zeros((4, 3))}, ValueError, "no weights 'head.W'; their names are layer_0.W"),
        ({0: np.zeros(3)}, ValueError, "no weights 0"),
        ({"head.V": np.zeros((3, 4))}, ValueError, r"weights\['head.V'\] must have shape \(8, 3\), got \(3, 4\)"),
        ({"head.b": 0.0}, ValueError, r"must have shape \(3,\), got \(\)"),
        ({"head.b": ["a", "b", "c"]}, ValueError, "must be an array of numbers"),
        ({"head.b": [1j, 0, 0]}, ValueError, "must be an array of numbers, got complex128"),
        ({"head.b": [None] * 3}, ValueError, "must be an array of numbers"),
        ({"head.b": [[1], [1, 2]]}, ValueError, "head.b"),
        ({"head.b": np.ma.array([1.0, 2, 3], mask=[0, 1, 0])}, ValueError, "a masked array"),
        ({"head.b": [0, np.nan, 0]}, ValueError, "must be finite in float32, got nan"),
        ({"head.b": [0, 1e300, 0]}, ValueError, "must be finite in float32, got inf"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(X, weights, error, words):
    X = X.astype(np.float32)
    model = LSTMClassifier(4, max_iter=1, random_state=0).fit(X, np.arange(24) % 3)
    before, state = model.predict_proba(X), vars(model).copy()
    with pytest.raises(error, match=words):
        model.set_weights({"layer_0.b": np.ones(16)} | weights if isinstance(weights, dict) else weights)
    assert vars(model) == state
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_not_before_fit():
    with pytest.raises(NotFittedError):
        LSTMRegressor().set_weights({})
    with pytest.raises(NotFittedError):
        _ = LSTMRegressor().weights_


def test_a_model_that_was_changed_is_refused(X):
    for name, wrong, words in [("_state", None, "no TrainingState"), ("_theta", np.zeros(3), "weights are not those")]:
        model = fitted(X)
        setattr(model, name, wrong)
        with pytest.raises(ValueError, match=words):
            model.set_weights({"head.b": [0.5]})


def test_the_history_stays_that_of_the_state(X):
    model = fitted(X).set_weights({"head.b": [0.5]})
    assert model.history_ is model._state.history
