"""Integrated gradients: compared with differences of predictions; their sum, and what they find."""

import pickle

import numpy as np
import pandas as pd
import pytest
from reference import central_differences, relative_error
from scipy.special import logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from test_bad_input import state_of

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.inspection import forward_pass, integrated, integrated_gradients, path
from sklstm.network import CELLS

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")

LENGTHS = [5, 3, 7, 4, 3, 6, 8, 3, 5, 4, 6, 5]
SCALES, MEANS = np.array([1.0, 1000.0, 0.01]), np.array([5.0, -2000.0, 0.0])  # of channels in all kinds of units

ARCHITECTURES = {
    "plain": {},
    "attention": {"bidirectional": True, "pooling": "attention"},
    "residual": {"num_layers": 2, "residual": True, "pooling": "mean", "recurrent_dropout": 0.2, "dropout": 0.2},
    "summed": {"bidirectional": True, "merge_mode": "sum", "num_layers": 2, "initial_state": "learned"},
}
# Whose gradient has kinks or jumps.
KINKED = {"max": {"pooling": "max"}, "relu": {"activation": "relu", "pooling": "mean", "alpha": 1e-4}}
each_cell = pytest.mark.parametrize("cell", CELLS)


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 3, "max_iter": 3, "pooling": "last", "random_state": 0} | params)


def classifier(**params):
    return LSTMClassifier(**{"hidden_size": 3, "max_iter": 3, "pooling": "last", "random_state": 0} | params)


@pytest.fixture
def X(rng):
    return [MEANS + SCALES * rng.normal(size=(length, 3)) for length in LENGTHS]


def quantity(X):
    return np.array([x[2, 0] * x[0, 1] for x in X])


def sums(explained):
    return np.add.reduceat(explained.attributions.values.sum(axis=1), explained.attributions.offsets[:-1])


def assert_complete(explained, unit=1.0):
    np.testing.assert_allclose(sums(explained), explained.outputs - explained.baseline_outputs, rtol=0, atol=1e-3 * unit)


# ---- against central differences, in the units of X ----


def gradient_of(model, sequence, scales=SCALES, **options):
    """Gradient of a model's output at a sequence, by units of the scales: of a tiny path, by its length."""
    units = 1e-5 * np.where(np.arange(sequence.size).reshape(sequence.shape) % 2, 1, -1)
    explained = integrated_gradients(model, [sequence + units * scales], baseline=[sequence - units * scales], **options)
    return explained.attributions[0] / (2 * units)


def numeric_gradient(function, sequence, scales=SCALES):
    """The same by central differences of a function of the sequence."""
    units = (sequence / scales).ravel()
    return central_differences(lambda: function(units.reshape(sequence.shape) * scales), units, 1e-4).reshape(sequence.shape)


@each_cell
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("standardize", [True, False])
def test_gradients_are_those_of_predict_in_the_units_of_X(X, cell, architecture, standardize):
    scales = SCALES if standardize else np.array([1, 2, 0.5])
    scaled = X if standardize else [(x - MEANS) / SCALES * scales for x in X]
    model = regressor(cell=cell, standardize=standardize, **ARCHITECTURES[architecture]).fit(scaled, quantity(X) / 1e3)
    numeric = numeric_gradient(lambda x: model.predict([x])[0], scaled[1], scales)
    # Rounding, of 1e-15 over paths of 1e-5, is what remains.
    assert relative_error(gradient_of(model, scaled[1], scales), numeric) < 1e-6


@pytest.mark.parametrize(("n_classes", "target"), [(2, 0), (2, 1), (3, 2)])
def test_gradients_of_a_class_are_those_of_its_centred_log_probability(X, n_classes, target):
    model = classifier().fit(X, np.arange(len(X)) % n_classes)

    def output(sequence):
        log_p = model.predict_log_proba([sequence])[0]
        return log_p[target] - (log_p[1 - target] if n_classes == 2 else log_p.mean())

    assert relative_error(gradient_of(model, X[2], target=target), numeric_gradient(output, X[2])) < 1e-6
    assert integrated_gradients(model, X[2:3], target=target).outputs[0] == pytest.approx(output(X[2]), abs=1e-12)


def test_gradients_of_labels_outputs_quantiles_and_rates(X, rng):
    labels = rng.integers(2, size=(len(X), 3))
    two = np.column_stack([quantity(X), rng.normal(size=len(X))])
    cases = [
        (classifier().fit(X, labels), 2, lambda model, x: logit(model.predict_proba([x])[0, 2])),
        (regressor().fit(X, two), 1, lambda model, x: model.predict([x])[0, 1]),
        (regressor(loss="poisson").fit(X, rng.poisson(3, size=len(X))), None, lambda model, x: np.log(model.predict([x])[0])),
        # Quantiles as asked for, not in order.
        (regressor(loss="quantile", quantile=[0.9, 0.1]).fit(X, two[:, 1]), 0, lambda model, x: model.predict([x])[0, 0]),
        (regressor(loss="quantile", quantile=[0.9, 0.1]).fit(X, two[:, 1]), 1, lambda model, x: model.predict([x])[0, 1]),
    ]
    for model, target, output in cases:
        numeric = numeric_gradient(lambda x, model=model, output=output: output(model, x), X[2])
        assert relative_error(gradient_of(model, X[2], target=target), numeric) < 1e-6
        outputs = integrated_gradients(model, X, target=target).outputs
        np.testing.assert_allclose(outputs, [output(model, x) for x in X], rtol=1e-9)


def test_gradients_of_an_answer_for_a_step(X):
    model = regressor(return_sequences=True, bidirectional=True).fit(X, [x[:, 0] * x[:, 1] for x in X])
    for step in (1, -1):
        numeric = numeric_gradient(lambda x, step=step: model.predict([x])[0][step], X[2])
        assert relative_error(gradient_of(model, X[2], step=step), numeric) < 1e-6
        explained = integrated_gradients(model, X, step=step)
        np.testing.assert_allclose(explained.outputs, [answer[step] for answer in model.predict(X)], rtol=1e-9)
        assert_complete(explained, np.concatenate([x[:, 0] * x[:, 1] for x in X]).std())
    own = integrated_gradients(model, X, step=[len(x) - 1 for x in X])
    np.testing.assert_array_equal(own.attributions.values, explained.attributions.values)


# ---- the sum ----


@each_cell
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_contributions_sum_to_the_difference_of_the_outputs(X, cell, architecture):
    y = quantity(X)
    model = regressor(cell=cell, max_iter=20, **ARCHITECTURES[architecture]).fit(X, y)
    explained = integrated_gradients(model, X)
    np.testing.assert_allclose(explained.outputs, model.predict(X), rtol=1e-9)
    means = [np.tile(np.concatenate(X).mean(axis=0), (len(x), 1)) for x in X]
    np.testing.assert_allclose(explained.baseline_outputs, model.predict(means), rtol=1e-6, atol=1e-6 * y.std())
    assert_complete(explained, y.std())


@each_cell
@pytest.mark.parametrize("kink", KINKED)
def test_kinks_cost_points_not_accuracy(X, cell, kink):
    y = quantity(X)
    model = regressor(cell=cell, max_iter=20, **KINKED[kink]).fit(X, y)
    explained = integrated_gradients(model, X)
    assert_complete(explained, y.std())
    assert explained.n_points.max() > 16


def test_in_float32_as_in_float64(X):
    single = [x.astype(np.float32) for x in X]
    model = classifier().fit(single, np.arange(len(X)) % 3)
    explained = integrated_gradients(model, single)
    assert explained.attributions.dtype == np.float64
    assert_complete(explained)
    log_p = model.predict_log_proba(single).astype(float)
    centred = (log_p - log_p.mean(axis=1, keepdims=True)).max(axis=1)
    np.testing.assert_allclose(explained.outputs, centred, atol=1e-5)


def test_too_few_points_are_warned_of(X):
    model = regressor(pooling="max", max_iter=20).fit(X, quantity(X))
    with pytest.warns(ConvergenceWarning, match="With 16 points .* Raise max_points or tol"):
        explained = integrated_gradients(model, X, max_points=16, tol=1e-9)
    assert (explained.n_points == 16).all()
    more = integrated_gradients(model, X, tol=1e-4)
    assert (more.n_points >= 16).all() and more.n_points.max() > 16
    assert_complete(more, 0.1 * quantity(X).std())


def test_many_sequences_are_explained_as_each_alone(X, rng, monkeypatch):
    model = regressor(pooling="max").fit(X, quantity(X))
    whole = integrated_gradients(model, X)
    monkeypatch.setattr(path, "ROWS", 100)
    monkeypatch.setattr(forward_pass.groups, "__defaults__", (10,))
    parts = integrated_gradients(model, X)
    # Other batches: equal up to rounding.
    np.testing.assert_allclose(parts.attributions.values, whole.attributions.values, rtol=1e-9, atol=1e-9 * quantity(X).std())
    np.testing.assert_array_equal(parts.n_points, whole.n_points)


# ---- what they find ----


@pytest.mark.parametrize("ragged", [False, True])
def test_planted_steps_and_channels_are_found(rng, ragged):
    lengths = rng.integers(5, 10, size=1100) if ragged else np.full(1100, 8)
    X = [SCALES * rng.normal(size=(length, 3)) for length in lengths]
    y = np.array([x[1, 0] + x[3, 2] / 0.01 for x in X])
    model = regressor(hidden_size=16, max_iter=100).fit(X[:1000], y[:1000])
    explained = integrated_gradients(model, X[1000:])
    sizes = [np.abs(a) for a in explained.attributions]
    mean = sum(size[:5] for size in sizes) / len(sizes)
    top = {tuple(int(k) for k in np.unravel_index(k, mean.shape)) for k in np.argsort(mean.ravel())[-2:]}
    assert top == {(1, 0), (3, 2)}
    planted = sum(size[1, 0] + size[3, 2] for size in sizes)
    assert planted > 0.8 * sum(size.sum() for size in sizes)
    # Of a sum, the parts.
    assert np.corrcoef([a[1, 0] for a in explained.attributions], [x[1, 0] for x in X[1000:]])[0, 1] > 0.95


def test_what_the_model_cannot_see_contributes_nothing(X):
    constant = [np.column_stack([x, np.full(len(x), 7.0)]) for x in X]
    model = regressor(return_sequences=True).fit(constant, [x[:, 0] for x in X])
    changed = [x + np.array([0, 0, 0, 1]) for x in constant]
    explained = integrated_gradients(model, changed, step=2)
    for contributions in explained.attributions:
        assert (contributions[:, 3] == 0).all()  # a channel that never varied
        assert (contributions[3:] == 0).all()  # steps after the explained one
        assert (contributions[:3, :3] != 0).any()


def test_classes_share_out_the_contributions(X):
    model = classifier().fit(X, np.array(list("abc"))[np.arange(len(X)) % 3])
    by_class = [integrated_gradients(model, X, target=label, tol=1e-6).attributions.values for label in "abc"]
    np.testing.assert_allclose(sum(by_class), 0, atol=1e-12)
    default = integrated_gradients(model, X, tol=1e-6)
    np.testing.assert_array_equal(default.targets, model.predict(X))
    mixed = integrated_gradients(model, X, target=model.predict(X), tol=1e-6)
    np.testing.assert_array_equal(mixed.attributions.values, default.attributions.values)
    two = classifier().fit(X, np.arange(len(X)) % 2)
    one, other = (integrated_gradients(two, X, target=k).attributions.values for k in (0, 1))
    np.testing.assert_array_equal(one, -other)


# ---- forms ----


def test_forms_of_X_give_the_same_bits(rng):
    X = rng.normal(size=(10, 5, 3))
    model = regressor(n_channels=3).fit(X, X[:, 0, 0])
    expected = integrated_gradients(model, X)
    flat = X.reshape(10, 15)
    for form in (list(X), tuple(X), Sequences.from_list(X), flat, pd.DataFrame(flat)):
        explained = integrated_gradients(model, form)
        assert isinstance(explained.attributions, Sequences)
        np.testing.assert_array_equal(explained.attributions.to_padded(), expected.attributions.to_padded())


def test_forms_of_the_baseline(X):
    y = quantity(X)
    model = regressor().fit(X, y)
    value = MEANS + SCALES
    forms = [value, list(value), tuple(value), [np.tile(value, (len(x), 1)) for x in X]]
    forms.append(Sequences.from_list(forms[-1]))
    expected = integrated_gradients(model, X, baseline=value)
    for form in forms:
        explained = integrated_gradients(model, X, baseline=form)
        np.testing.assert_array_equal(explained.attributions.values, expected.attributions.values)
    one = integrated_gradients(model, X, baseline=2.0)
    np.testing.assert_array_equal(
        one.attributions.values, integrated_gradients(model, X, baseline=[2.0] * 3).attributions.values
    )
    # A sequence compared with itself.
    assert (integrated_gradients(model, X, baseline=X).attributions.values == 0).all()
    plain = regressor(standardize=False).fit([(x - MEANS) / SCALES for x in X], y / y.std())
    scaled = [(x - MEANS) / SCALES for x in X]
    zero = integrated_gradients(plain, scaled, baseline=0)
    np.testing.assert_array_equal(integrated_gradients(plain, scaled).attributions.values, zero.attributions.values)


def test_a_model_that_was_loaded_or_refitted_in_chunks(X, tmp_path):
    model = regressor(pooling="attention").fit(X, quantity(X)).partial_fit(X[:6], quantity(X)[:6])
    save(model, tmp_path / "model")
    for other in (load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        wanted, found = integrated_gradients(model, X), integrated_gradients(other, X)
        np.testing.assert_array_equal(found.attributions.values, wanted.attributions.values)
    assert_complete(wanted, quantity(X).std())


# ---- categories ----


@pytest.fixture
def coded(rng):
    """A numeric channel between two of codes, 10 to 12 and 0 to 3; the target is of both."""
    X = [
        np.column_stack([rng.integers(10, 13, size=n), 100 * rng.normal(size=n), rng.integers(4, size=n)])
        for n in rng.integers(3, 7, size=400)
    ]
    return X, np.array([(x[1, 0] == 11) * 3 + x[0, 1] / 100 + 0.1 * x[2, 2] for x in X])


@pytest.mark.parametrize("cell", ["lstm", "layernorm"])
def test_categories_are_explained_through_their_vectors(coded, cell):
    X, y = coded
    model = regressor(hidden_size=8, cell=cell, categorical_features=[0, 2], max_iter=60).fit(X, y)
    X, y = X[:50], y[:50]
    explained = integrated_gradients(model, X)
    assert_complete(explained, y.std())
    np.testing.assert_allclose(explained.outputs, model.predict(X), rtol=1e-9)
    unseen = [np.column_stack([np.full(len(x), 99), np.zeros(len(x)), np.full(len(x), 98)]) for x in X]
    mean = model._moments["x"]["mean"][1]
    np.testing.assert_allclose(
        explained.baseline_outputs, model.predict([u + np.array([0, mean, 0]) for u in unseen]), rtol=1e-6, atol=1e-6
    )
    # A category that was not seen is the baseline.
    odd = [x.copy() for x in X]
    odd[0][:, 0] = 50
    assert (integrated_gradients(model, odd).attributions[0][:, 0] == 0).all()
    if cell == "lstm":
        size = np.mean([np.abs(a[:3]) for a in explained.attributions], axis=0)
        assert {tuple(int(k) for k in np.unravel_index(k, size.shape)) for k in np.argsort(size.ravel())[-2:]} == {(1, 0), (0, 1)}


def test_a_baseline_may_name_categories(coded):
    X, y = coded
    model = regressor(categorical_features=[0, 2]).fit(X, y)
    baseline = [11, 0.0, 2]
    explained = integrated_gradients(model, X, baseline=baseline)
    expected = model.predict([np.tile(baseline, (len(x), 1)) for x in X])
    np.testing.assert_allclose(explained.baseline_outputs, expected, rtol=1e-9)
    same = [x.copy() for x in X]
    same[0][:, 0] = 11
    assert (integrated_gradients(model, same, baseline=baseline).attributions[0][:, 0] == 0).all()


def test_texts_of_a_data_frame(rng):
    frame = pd.DataFrame({"a": rng.choice(["x", "y"], 40), "b": rng.choice(["x", "y", "z"], 40)})
    model = classifier(categorical_features="all").fit(frame, (frame["a"] == frame["b"]).astype(int))
    explained = integrated_gradients(model, frame)
    assert_complete(explained)
    assert explained.attributions.to_padded().shape == (40, 2, 1)


# ---- errors ----


def fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 4, 2))
    ragged = [x[: 2 + i % 3] for i, x in enumerate(X)]
    return {
        "X": ragged,
        "regressor": regressor().fit(ragged, X[:, 0, 0]),
        "two": regressor().fit(ragged, X[:, 0]),
        "classes": classifier().fit(ragged, np.array(["up", "down"])[np.arange(12) % 2]),
        "labels": classifier().fit(ragged, rng.integers(2, size=(12, 3))),
        "steps": regressor(return_sequences=True).fit(ragged, [x[:, 0] for x in ragged]),
    }


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("two", {}, ["has 2 outputs", "target=", "0 to 1"]),
        ("two", {"target": 2}, ["one of the 2 outputs, 0 to 1", "got 2"]),
        ("two", {"target": -1}, ["one of the 2 outputs"]),
        ("two", {"target": 0.5}, ["one of the 2 outputs"]),
        ("labels", {}, ["has 3 labels", "target="]),
        ("classes", {"target": "left"}, ["class label", r"\['down', 'up'\]", "'left'"]),
        ("classes", {"target": ["up"] * 3}, ["one for each of the 12 sequences", r"\(3,\)"]),
        ("steps", {}, ["return_sequences=True", "step=", "step=-1"]),
        ("steps", {"step": 2}, ["Sequence 0 of X has 2 steps and no step 2"]),
        ("steps", {"step": -4}, ["no step -4"]),
        ("steps", {"step": 0.5}, ["step must be an int"]),
        ("regressor", {"step": 1}, ["step=1 is for models", "Leave it out"]),
        ("regressor", {"baseline": [1.0]}, ["In the baseline", "1 channels per step"]),
        ("regressor", {"baseline": [np.nan, 0]}, ["In the baseline", "NaN"]),
        ("regressor", {"baseline": np.inf}, ["baseline must be a finite number"]),
        ("regressor", {"baseline": np.zeros((12, 4, 2))}, ["sequences of a baseline", "lengths of those of X"]),
        ("regressor", {"tol": 0}, ["'tol' parameter"]),
        ("regressor", {"max_points": 15}, ["'max_points' parameter", r"\[16, inf\)"]),
    ],
)
def test_bad_options_are_refused_before_any_work(model, options, words, monkeypatch):
    models = fitted()
    before = state_of(models[model])
    monkeypatch.setattr(integrated, "apply", lambda *args: pytest.fail("The network was run before the options were refused."))
    for word in words:
        with pytest.raises(ValueError, match=word):
            integrated_gradients(models[model], models["X"], **options)
    assert state_of(models[model]) == before


def test_other_estimators_and_bad_X_are_refused():
    models = fitted()
    with pytest.raises(TypeError, match=r"needs a fitted LSTMClassifier or LSTMRegressor, got Pipeline.* last\s+step"):
        integrated_gradients(make_pipeline(models["regressor"]), models["X"])
    with pytest.raises(ValueError, match="not fitted"):
        integrated_gradients(regressor(), models["X"])
    with pytest.raises(ValueError, match="3 channels per step"):
        integrated_gradients(models["regressor"], np.zeros((2, 4, 3)))
    with pytest.raises(ValueError, match="NaN: sequence 1, step 2, channel 0"):
        integrated_gradients(models["regressor"], [np.zeros((3, 2)), np.array([[0, 0], [0, 0], [np.nan, 0]])])
