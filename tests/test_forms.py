"""The type of X alone determines its form, and a model of sequences never reads one sequence as many."""

import warnings

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.inspection import step_importance
from sklstm.preprocessing import PerStep, make_windows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

EVENTS = [[1, 2, 3]] * 6 + [[1, 2]] * 2
LABELS = [0, 1] * 4


def classifier(**params):
    return LSTMClassifier(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | params)


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | params)


# ---- lists of lists of numbers ----

CONTAINERS = {
    "lists": lambda rows: [list(row) for row in rows],
    "tuples": lambda rows: tuple(tuple(row) for row in rows),
    "lists of tuples": lambda rows: [tuple(row) for row in rows],
    "ranges": lambda rows: [row if isinstance(row, range) else list(row) for row in rows],
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("features", [None, "all"])
def test_equally_long_lists_are_the_arrays_that_they_stand_for(container, features):
    for rows in (EVENTS, EVENTS[:6]):
        labels, arrays = LABELS[: len(rows)], [np.array(row) for row in rows]
        model = classifier(categorical_features=features).fit(container(rows), labels)
        expected = classifier(categorical_features=features).fit(arrays, labels)
        assert model.n_features_in_ == 1 and not model._flat
        for asked in ([[1, 2]], [[2, 1, 1, 3]], [[3], [1]], [[1, 2, 3]]):
            found = model.predict_proba(container(asked))
            np.testing.assert_array_equal(found, expected.predict_proba([np.array(x) for x in asked]))
        assert model.score(container(rows), labels) == expected.score(arrays, labels)
        model.partial_fit(container(EVENTS[6:]), LABELS[6:])
        expected.partial_fit([np.array([1, 2])] * 2, LABELS[6:])
        np.testing.assert_array_equal(model.encode(arrays), expected.encode(arrays))


def test_folds_of_lists_that_happen_to_be_equally_long():
    arrays = [np.array(x) for x in EVENTS]
    for model in (classifier(), *(make_pipeline(PerStep(inner), classifier()) for inner in (StandardScaler(), OneHotEncoder()))):
        found = cross_val_score(model, EVENTS, LABELS, cv=KFold(4), error_score="raise")
        np.testing.assert_array_equal(found, cross_val_score(model, arrays, LABELS, cv=KFold(4)))
        np.testing.assert_array_equal(
            cross_val_predict(model, EVENTS, LABELS, cv=KFold(4)), cross_val_predict(model, arrays, LABELS, cv=KFold(4))
        )


def test_lists_as_validation_data():
    losses = [
        classifier().fit(EVENTS, LABELS, X_val=form, y_val=[0, 1]).validation_loss_curve_
        for form in ([[1, 2], [3, 1]], [np.array([1, 2]), np.array([3, 1])])
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("scaler", [StandardScaler(), OneHotEncoder(handle_unknown="ignore")])
def test_lists_of_numbers_per_step(scaler):
    arrays = [np.array(x) for x in EVENTS]
    per_step, expected = PerStep(scaler).fit(EVENTS[:6]), PerStep(scaler).fit(arrays[:6])
    assert per_step.n_features_in_ == 1
    for rows in (EVENTS[:6], EVENTS, [[1, 2]]):
        found, wanted = per_step.transform(rows), expected.transform([np.array(x) for x in rows])
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)


def test_lists_in_the_inspection_of_steps():
    model = classifier().fit(EVENTS, LABELS)
    found = step_importance(model, EVENTS[:6], LABELS[:6], random_state=0)
    expected = step_importance(model, [np.array(x) for x in EVENTS[:6]], LABELS[:6], random_state=0)
    np.testing.assert_array_equal(found.importances, expected.importances)


def test_a_table_is_an_array():
    rows = np.array(EVENTS[:6])
    model = classifier().fit(rows, LABELS[:6])
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match="X has 2 features, but LSTMClassifier is expecting 3"):
        model.predict(rows[:, :2])
    # A list asks a model of tables what it asks one of sequences.
    np.testing.assert_array_equal(model.predict_proba([[1, 2]]), classifier().fit(EVENTS[:6], LABELS[:6]).predict_proba([[1, 2]]))


# ---- one sequence ----

SINE, TARGETS = make_windows(np.sin(np.arange(60) / 4), window=10)
ONE = {
    "array": lambda x: x,
    "float32": lambda x: x.astype(np.float32),
    "DataFrame": lambda x: pytest.importorskip("pandas").DataFrame(x),
    "polars": lambda x: pytest.importorskip("polars").DataFrame(x),
    "Fortran order": np.asfortranarray,
}
FITTED_ON = {
    "3-D": lambda X: X,
    "list": list,
    "Sequences": Sequences.from_list,
    "ragged": lambda X: [x[: 1 + 3 * (k % 4)] for k, x in enumerate(X)],
    "lists": lambda X: X[:, :, 0].tolist(),
}


@pytest.mark.parametrize("fitted_on", FITTED_ON.values(), ids=FITTED_ON)
@pytest.mark.parametrize("form", ONE.values(), ids=ONE)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_a_single_sequence_is_not_taken_for_many(fitted_on, form, n_channels):
    X = np.concatenate([SINE] * n_channels, axis=2) if fitted_on is not FITTED_ON["lists"] else SINE
    n_channels = X.shape[2]
    model = classifier(n_channels=n_channels, pooling="attention").fit(fitted_on(X), np.arange(len(X)) % 2)
    one, y = form(X[-1]), np.zeros(10)
    methods = (model.predict, model.predict_proba, model.predict_log_proba, model.encode, model.attention)
    fits = (lambda X: model.partial_fit(X, y), lambda X: model.set_params(warm_start=True).fit(X, y))
    for call in (*methods, lambda X: model.score(X, y), *fits):
        with pytest.raises(ValueError, match=r"pass a single sequence x as \[x\]"):
            call(one)
    assert model.predict([X[-1]]).shape == (1,)


def test_a_single_sequence_of_a_model_of_steps():
    model = classifier(return_sequences=True).fit(SINE, (SINE[:, :, 0] > 0).astype(int))
    with pytest.raises(ValueError, match=r"pass a single sequence x as \[x\]"):
        model.predict(SINE[-1])
    np.testing.assert_array_equal(model.predict([SINE[-1]])[0], model.predict(SINE)[-1])


def test_a_single_sequence_per_step():
    per_step = PerStep(StandardScaler()).fit(SINE)
    with pytest.raises(ValueError, match=r"pass a single sequence x as \[x\]"):
        per_step.transform(SINE[-1])
    np.testing.assert_array_equal(per_step.transform([SINE[-1]])[0], per_step.transform(SINE)[-1])
    pipe = make_pipeline(PerStep(SimpleImputer()), regressor()).fit(SINE, TARGETS[:, 0])
    with pytest.raises(ValueError, match=r"pass a single sequence x as \[x\]"):
        pipe.predict(SINE[-1])


def test_rows_as_long_as_sequences_in_fit_are_sequences():
    model = regressor().fit(SINE, TARGETS[:, 0])
    np.testing.assert_array_equal(model.predict(SINE[:, :, 0]), model.predict(SINE))
    longer = np.concatenate([SINE, SINE], axis=1)
    with pytest.raises(ValueError, match=r"expecting sequences of 10 steps.*X\.reshape\(len\(X\), -1, 1\)"):
        model.predict(longer[:, :, 0])
    X = longer[:, :, 0]
    np.testing.assert_array_equal(model.predict(X.reshape(len(X), -1, 1)), model.predict(longer))
    # One row may be nothing else; and chunks add to what was seen.
    np.testing.assert_array_equal(model.predict(longer[:1, :, 0]), model.predict(longer[:1]))
    model.partial_fit(longer, TARGETS[:, 0])
    np.testing.assert_array_equal(model.predict(longer[:, :, 0]), model.predict(longer))


def test_models_of_single_steps_read_tables():
    X = SINE[:, :1]
    model = regressor().fit(X, TARGETS[:, 0])
    np.testing.assert_array_equal(model.predict(X[:, :, 0]), model.predict(X))


# ---- one step of many channels ----


@pytest.mark.parametrize("form", [lambda X: X, list, Sequences.from_list], ids=["3-D", "list", "Sequences"])
def test_sequences_of_one_step_and_many_channels_are_warned_of(form):
    X, y = np.random.default_rng(0).normal(size=(20, 1, 8)), np.arange(20) % 2
    with pytest.warns(UserWarning, match=r"one step, of 8 channels.*X\.transpose\(0, 2, 1\)") as caught:
        model = classifier().fit(form(X), y)
    assert len([w for w in caught if w.category is UserWarning]) == 1
    with pytest.raises(ValueError, match=r"All sequences have 1 step, as in fit.*X\.transpose\(0, 2, 1\)"):
        model.predict(form(X[:, :, :5]))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.predict(form(X))
        classifier().fit(form(X.transpose(0, 2, 1)), y).predict(form(X[:, :, :5].transpose(0, 2, 1)))
        classifier().fit(form(X[:, :, :1]), y)
        classifier().fit(X[:, 0], y)


def test_few_channels_of_many_steps_get_the_hint_when_the_lengths_differ():
    X = np.random.default_rng(0).normal(size=(20, 3, 8))
    model = classifier().fit(X, np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"All sequences have 3 steps, as in fit.*transpose"):
        model.predict(X[:, :, :5])
    with pytest.raises(ValueError) as caught:
        model.predict(X[:, :2, :5])
    assert "transpose" not in str(caught.value)


# ---- arrays that are not computed yet ----


class Lazy:
    """As an array of dask is: it knows its shape, and computes its values whenever they are asked for."""

    def __init__(self, values):
        self.values, self.n_computed = values, 0
        self.shape, self.ndim, self.dtype = values.shape, values.ndim, values.dtype

    def __len__(self):
        return len(self.values)

    def __dask_graph__(self):
        return {}

    def __array__(self, dtype=None, copy=None):
        self.n_computed += 1
        return self.values.astype(dtype or self.dtype)


@pytest.mark.parametrize("n_dimensions", [2, 3])
def test_lazy_arrays_of_known_shape_are_computed_once(n_dimensions, rng):
    X, y = rng.normal(size=(8, 3, 2)), np.array(LABELS)
    X = X.reshape(8, 6) if n_dimensions == 2 else X
    expected, lazy = classifier(n_channels=2).fit(X, y), Lazy(X)
    model = classifier(n_channels=2).fit(lazy, y)
    assert lazy.n_computed == 1
    np.testing.assert_array_equal(model.predict_proba(Lazy(X)), expected.predict_proba(X))
    assert model.score(lazy, Lazy(y)) == expected.score(X, y) and lazy.n_computed == 2


def test_lazy_arrays_in_a_list(rng):
    items, y = [rng.normal(size=(n, 2)) for n in (3, 2, 4, 3)], [0, 1, 0, 1]
    model = classifier().fit([Lazy(x) for x in items], y)
    np.testing.assert_array_equal(model.predict_proba(items), classifier().fit(items, y).predict_proba(items))


def test_one_sequence_as_a_list_of_lists_of_one_number_is_warned_of():
    X = np.random.default_rng(0).normal(size=(12, 5, 1))
    model = LSTMRegressor(2, max_iter=1, random_state=0).fit(X, X.sum(axis=(1, 2)))
    x = X[0].tolist()
    with pytest.warns(UserWarning, match=r"list of 5 lists of one step each.*pass it as \[x\]"):
        assert model.predict(x).shape == (5,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(model.predict([x]), model.predict(X[:1]))
        model.predict([X[0, :1], X[1, :1]])  # arrays of one step are what they are
