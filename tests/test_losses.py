"""Properties of the losses, of label smoothing, and of options of the network, for fitted models."""

from itertools import pairwise

import numpy as np
import pytest
from reference import attention as reference_attention
from reference import outputs, part, relative_error, robust_deviation
from reference import scores as reference_scores
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import d2_pinball_score, mean_pinball_loss, mean_poisson_deviance, r2_score
from test_bad_input import refuses

import sklstm.estimators.fitting
import sklstm.training.gradient
from sklstm import LSTMClassifier, LSTMRegressor, Sequences

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# With a constant rate a fit of six epochs is two of three, or six partial ones.
QUICK = {"hidden_size": 4, "max_iter": 6, "learning_rate": "constant", "random_state": 0}


def regressor(**params):
    return LSTMRegressor(**QUICK | params)


def classifier(**params):
    return LSTMClassifier(**QUICK | params)


def assert_same_bits(a, b, X):
    method = "predict_proba" if isinstance(a, LSTMClassifier) else "predict"
    np.testing.assert_array_equal(getattr(a, method)(X), getattr(b, method)(X))
    assert a.loss_curve_ == b.loss_curve_


# Loss -> its parameters.
LOSSES = {
    "squared_error": {"loss": "squared_error"},
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "quantile 0.9": {"loss": "quantile", "quantile": 0.9},
    "quantiles": {"loss": "quantile", "quantile": [0.8, 0.1, 0.5]},
    "poisson": {"loss": "poisson"},
}
AFFINE = [name for name in LOSSES if name != "poisson"]
losses = pytest.mark.parametrize("name", LOSSES)
affine_losses = pytest.mark.parametrize("name", AFFINE)
standardizes = pytest.mark.parametrize("standardize", [True, False])


def huber(residuals, delta=1.345):
    size = np.abs(residuals)
    return np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))


def pinball(q):
    return lambda t, s: np.maximum(q * (t - s), (q - 1) * (t - s))


# Loss -> each entry's part of it, of targets t and predictions s (n, k).
FORMULAS = {
    "squared_error": lambda t, s: (t - s) ** 2 / 2,
    "absolute_error": lambda t, s: np.abs(t - s),
    "huber": lambda t, s: huber(t - s),
    "quantile 0.9": pinball(0.9),
    "quantiles": lambda t, s: pinball(np.array([0.1, 0.5, 0.8]))(t, s),
    "poisson": lambda t, s: s - t + np.where(t > 0, t * np.log(np.where(t > 0, t, 1) / s), 0),
}


def answers(name, model, X):
    """Predictions (n, k) as the loss sees them: quantiles in ascending order, before those that cross are put in order."""
    if name == "quantiles":
        return reference_scores(model.weights_, X, 1)
    return model.predict(X).reshape(len(X), -1).astype(np.float64)


def counts(X, n_outputs=1):
    """Counts from 0 on, (n,) or (n, n_outputs)."""
    totals = [np.abs(x).sum(axis=0)[:n_outputs] * 2 for x in X]
    y = np.floor(totals)
    y[0] = 0
    return y[:, 0] if n_outputs == 1 else y


# ---- the losses are what they say ----


@losses
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_is_its_formula(ragged, rng, name, n_outputs, dtype):
    if name == "quantiles" and n_outputs > 1:
        pytest.skip("several quantiles are for one output")
    X = [x.astype(dtype) for x in ragged]
    y, weights = counts(X, n_outputs), rng.uniform(size=len(X))
    weights[3] = 0
    model = regressor(standardize=False, **LOSSES[name]).fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
    assert model.predict(X).dtype == dtype
    t, s = y.reshape(len(y), -1), answers(name, model, X)
    expected = np.average(FORMULAS[name](t, s).mean(axis=1), weights=weights)
    # float32: predictions have 7 digits, and the loss is a difference of them.
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=tolerance)


@affine_losses
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_loss_of_standardised_targets_is_in_their_units(ragged, rng, name, n_outputs):
    if name == "quantiles" and n_outputs > 1:
        pytest.skip("several quantiles are for one output")
    y, weights = 100 + 30 * counts(ragged, n_outputs), rng.uniform(0.5, 2, size=len(ragged))
    model = regressor(**LOSSES[name]).fit(ragged, y, sample_weight=weights, X_val=ragged, y_val=y)
    t, s = y.reshape(len(y), -1), answers(name, model, ragged)
    mean = np.average(t, axis=0, weights=weights)
    deviation = np.sqrt(np.average((t - mean) ** 2, axis=0, weights=weights))
    expected = FORMULAS[name]((t - mean) / deviation, (s - mean) / deviation).mean()
    if name == "huber":  # whose delta is in robust standard deviations
        robust = np.array([robust_deviation(column, weights) for column in t.T])
        expected = huber((t - s) / deviation, 1.345 * robust / deviation).mean()
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-10)


@losses
@standardizes
def test_weights_equal_repetitions(ragged, name, standardize):
    y, weights = counts(ragged), np.array([1, 2, 0, 1, 3, 1, 2])
    rows = np.repeat(np.arange(len(ragged)), weights)
    model = regressor(max_iter=20, standardize=standardize, **LOSSES[name])
    weighted = clone(model).fit(ragged, y, sample_weight=weights)
    repeated = clone(model).fit([ragged[i] for i in rows], y[rows])
    # One minibatch in both cases: the same gradients up to rounding.
    np.testing.assert_allclose(weighted.predict(ragged), repeated.predict(ragged), rtol=1e-8, atol=1e-10)


@losses
def test_a_sequence_of_weight_zero_is_as_good_as_absent(ragged, name):
    y = counts(ragged)
    y[2] = 1e6
    rows = [i for i in range(len(ragged)) if i != 2]
    weights = np.ones(len(ragged))
    weights[2] = 0
    model = regressor(**LOSSES[name]).fit(ragged, y, sample_weight=weights)
    assert_same_bits(model, regressor(**LOSSES[name]).fit([ragged[i] for i in rows], y[rows]), ragged)


@losses
def test_steps_of_one_step_are_sequences(rng, name):
    X = rng.normal(size=(20, 1, 3))
    y = counts(X)
    by_step = regressor(return_sequences=True, **LOSSES[name]).fit(X, y[:, np.newaxis])
    by_sequence = regressor(pooling="last", **LOSSES[name]).fit(X, y)
    np.testing.assert_array_equal(by_step.predict(X)[:, 0], by_sequence.predict(X))
    assert by_step.score(X, y[:, np.newaxis]) == by_sequence.score(X, y)


@losses
def test_a_masked_step_has_the_bits_of_one_without_weight(ragged, name):
    y = [np.floor(3 * np.abs(x[:, 0])) for x in ragged]
    hidden = [np.arange(len(x)) % 3 == 1 for x in ragged]
    with_mask = [np.where(m, np.nan, a) for a, m in zip(y, hidden, strict=True)]
    model = regressor(return_sequences=True, **LOSSES[name])
    left_out = clone(model).fit(ragged, with_mask)
    weighted = clone(model).fit(ragged, y, sample_weight=[1.0 - m for m in hidden])
    assert left_out.loss_curve_ == weighted.loss_curve_
    for a, b in zip(left_out.predict(ragged), weighted.predict(ragged), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.shape[1:] == ((3,) if name == "quantiles" else ())


@losses
def test_shapes(ragged, name):
    n = len(ragged)
    model = regressor(**LOSSES[name]).fit(ragged, counts(ragged))
    assert model.predict(ragged).shape == ((n, 3) if name == "quantiles" else (n,))
    if name != "quantiles":
        assert regressor(**LOSSES[name]).fit(ragged, counts(ragged, 2)).predict(ragged).shape == (n, 2)


@losses
def test_predictions_continue_and_copy(ragged, name):
    y = counts(ragged)
    once = regressor(**LOSSES[name]).fit(ragged, y)
    twice = regressor(warm_start=True, max_iter=3, **LOSSES[name]).fit(ragged, y).fit(ragged, y)
    assert_same_bits(once, twice, ragged)
    chunks = regressor(standardize=False, **LOSSES[name])
    for _ in range(6):
        chunks.partial_fit(ragged, y)
    assert_same_bits(regressor(standardize=False, **LOSSES[name]).fit(ragged, y), chunks, ragged)


@losses
def test_partial_fit_in_new_units_goes_on_with_the_same_function(ragged, name):
    # The statistics move with every chunk, the trained function does not: with a tiny step it stays what it was.
    y = counts(ragged)
    model = regressor(learning_rate_init=1e-12, **LOSSES[name]).partial_fit(ragged, y)
    before = model.predict(ragged)
    model.partial_fit([5 * x + 1 for x in ragged], 10 * y + 3)
    np.testing.assert_allclose(model.predict(ragged), before, rtol=1e-8, atol=1e-8)


# ---- units of y ----


@affine_losses
@pytest.mark.parametrize(("factor", "shift"), [(1e4, 0), (1e-4, 5), (3.7, 1e4)])
def test_standardised_fits_follow_the_units_of_y(ragged, rng, name, factor, shift):
    y = rng.normal(size=len(ragged))
    plain = regressor(max_iter=10, **LOSSES[name]).fit(ragged, y)
    moved = clone(plain).fit(ragged, y * factor + shift)
    # A shift by 5 in units of 1e-4 leaves 11 digits of the data, and training multiplies such differences.
    np.testing.assert_allclose((moved.predict(ragged) - shift) / factor, plain.predict(ragged), atol=1e-7)
    assert moved.score(ragged, y * factor + shift) == pytest.approx(plain.score(ragged, y), abs=1e-6)


@losses
@pytest.mark.parametrize("exponent", [-20, 20])
def test_units_that_are_powers_of_two(ragged, name, exponent):
    y, factor = counts(ragged) + 1, 2.0**exponent
    plain = regressor(**LOSSES[name]).fit(ragged, y)
    scaled = clone(plain).fit(ragged, y * factor)
    if name == "poisson":  # the logarithm of the unit is added to the scores, with rounding
        np.testing.assert_allclose(scaled.predict(ragged) / factor, plain.predict(ragged), rtol=1e-12)
    else:
        np.testing.assert_array_equal(scaled.predict(ragged), plain.predict(ragged) * factor)


@pytest.mark.parametrize("factor", [1e-6, 7.3, 1e6])
def test_poisson_follows_the_scale_of_y(ragged, factor):
    # Each output by itself.
    y = counts(ragged, 2)
    plain = regressor(loss="poisson", max_iter=20).fit(ragged, y)
    factors = np.array([factor, 1])
    scaled = clone(plain).fit(ragged, y * factors)
    np.testing.assert_allclose(scaled.predict(ragged) / factors, plain.predict(ragged), rtol=1e-8)


@losses
def test_units_of_X_do_not_change_the_fit(ragged, name):
    y = counts(ragged)
    plain = regressor(max_iter=10, **LOSSES[name]).fit(ragged, y)
    moved = [x * 1e4 + 1e5 for x in ragged]
    np.testing.assert_allclose(clone(plain).fit(moved, y).predict(moved), plain.predict(ragged), atol=1e-7)


# ---- relations between losses ----

# A step of SGD without momentum and clipping is proportional to the gradient.
PLAIN_SGD = {"solver": "sgd", "momentum": 0, "nesterovs_momentum": False, "max_grad_norm": None, "alpha": 0}


@standardizes
def test_the_median_is_half_the_absolute_error(ragged, rng, standardize):
    y = rng.normal(size=(len(ragged), 2))
    params = PLAIN_SGD | {"standardize": standardize}
    absolute = regressor(loss="absolute_error", learning_rate_init=0.125, **params).fit(ragged, y)
    median = regressor(loss="quantile", quantile=0.5, learning_rate_init=0.25, **params).fit(ragged, y)
    np.testing.assert_array_equal(median.predict(ragged), absolute.predict(ragged))
    np.testing.assert_array_equal(2 * np.array(median.loss_curve_), absolute.loss_curve_)


def test_huber_of_small_residuals_is_the_squared_error(ragged, rng):
    y = rng.uniform(-0.5, 0.5, size=len(ragged))
    small, squared = (regressor(loss=loss, standardize=False).fit(ragged, y) for loss in ("huber", "squared_error"))
    np.testing.assert_allclose(small.predict(ragged), squared.predict(ragged), rtol=1e-10)
    np.testing.assert_allclose(small.loss_curve_, squared.loss_curve_, rtol=1e-10)


def test_huber_of_large_residuals_is_the_absolute_error(ragged):
    y = np.linspace(1e3, 2e3, len(ragged))
    params = PLAIN_SGD | {"standardize": False}
    large = regressor(loss="huber", learning_rate_init=0.01, **params).fit(ragged, y)
    absolute = regressor(loss="absolute_error", learning_rate_init=0.01345, **params).fit(ragged, y)
    np.testing.assert_allclose(large.predict(ragged), absolute.predict(ragged), rtol=1e-10)


def test_several_quantiles_come_in_the_order_asked_for_and_never_cross(rng):
    X, y = rng.normal(size=(40, 3, 2)), rng.normal(size=40)
    params = {"loss": "quantile", "max_iter": 3}
    ascending = regressor(quantile=[0.1, 0.4, 0.5, 0.9], **params).fit(X, y)
    expected = ascending.predict(X)
    assert (np.diff(expected, axis=1) >= 0).all()
    for quantiles in ([0.9, 0.1, 0.5, 0.4], (0.5, 0.9, 0.1, 0.4), np.array([0.4, 0.9, 0.5, 0.1])):
        model = regressor(quantile=quantiles, **params).fit(X, y)
        columns = np.searchsorted([0.1, 0.4, 0.5, 0.9], quantiles)
        np.testing.assert_array_equal(model.predict(X), expected[:, columns])
        assert model.score(X, y) == ascending.score(X, y)


def test_one_quantile_in_a_list(ragged, rng):
    y = rng.normal(size=len(ragged))
    number, listed = (regressor(loss="quantile", quantile=q).fit(ragged, y) for q in (0.9, [0.9]))
    np.testing.assert_array_equal(listed.predict(ragged).ravel(), number.predict(ragged))
    assert listed.score(ragged, y) == pytest.approx(d2_pinball_score(y, listed.predict(ragged).ravel(), alpha=0.9))
    early = regressor(loss="quantile", quantile=[0.9], early_stopping=True).fit(ragged, y, X_val=ragged, y_val=y)
    assert early.best_validation_score_ == pytest.approx(early.score(ragged, y))


@pytest.mark.parametrize("per_step", [False, True])
def test_the_score_of_several_quantiles_is_the_mean_share_explained(ragged, rng, per_step):
    y = [rng.normal(size=len(x)) for x in ragged] if per_step else rng.normal(size=len(ragged))
    weights = [rng.uniform(size=len(x)) for x in ragged] if per_step else rng.uniform(size=len(ragged))
    quantiles = [0.8, 0.1, 0.5]
    model = regressor(loss="quantile", quantile=quantiles, return_sequences=per_step, early_stopping=True)
    model.fit(ragged, y, X_val=ragged, y_val=y, sample_weight_val=weights)
    predicted = model.predict(ragged)
    flat = [np.concatenate(a) if per_step else a for a in (y, predicted, weights)]
    scores = [
        d2_pinball_score(flat[0], column, sample_weight=flat[2], alpha=q)
        for q, column in zip(quantiles, flat[1].T, strict=True)
    ]
    assert model.score(ragged, y, sample_weight=weights) == pytest.approx(np.mean(scores))
    assert model.best_validation_score_ == pytest.approx(np.mean(scores))


@losses
def test_validation_scores_are_those_of_score(ragged, rng, name):
    y, weights = counts(ragged) + 1, rng.uniform(size=len(ragged))
    model = regressor(early_stopping=True, **LOSSES[name])
    model.fit(ragged, y, X_val=ragged, y_val=y, sample_weight_val=weights)
    assert model.score(ragged, y, sample_weight=weights) == pytest.approx(model.best_validation_score_)
    if "quantile" not in name:
        assert model.score(ragged, y) == pytest.approx(r2_score(y, model.predict(ragged)))


# ---- what they are for ----


@pytest.fixture(scope="module")
def noisy():
    """Sequences (2000, 2, 1) and a y with skewed noise that grows with the last value."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(2000, 2, 1))
    return X, 10 + X[:, 1, 0] + (0.5 + X[:, 1, 0]) * rng.exponential(size=2000)


@standardizes
def test_quantiles_cover_their_share(noisy, standardize):
    # The share below a fitted quantile has a standard deviation of sqrt(0.9 0.1 / 2000) = 0.007 in new data, and
    # training that stops early moves it by about as much.
    X, y = noisy
    y = y if standardize else y - 10
    params = {"loss": "quantile", "max_iter": 30, "batch_size": 100, "learning_rate": "cosine", "standardize": standardize}
    single = regressor(quantile=0.9, **params).fit(X, y)
    assert np.mean(y <= single.predict(X)) == pytest.approx(0.9, abs=0.03)
    several = regressor(quantile=[0.9, 0.1], **params).fit(X, y).predict(X)
    np.testing.assert_allclose(np.mean(y[:, np.newaxis] <= several, axis=0), [0.9, 0.1], atol=0.03)
    constant = np.quantile(y, 0.9)
    assert mean_pinball_loss(y, single.predict(X), alpha=0.9) < 0.97 * mean_pinball_loss(y, np.full(2000, constant), alpha=0.9)


def test_robust_losses_ignore_outliers(noisy):
    X, _ = noisy
    y = X[:400, 1, 0].copy()
    y[::20] += 50
    errors = {}
    for loss in ("squared_error", "huber", "absolute_error"):
        model = regressor(loss=loss, max_iter=60, learning_rate_init=0.02).fit(X[:400], y)
        errors[loss] = np.abs(model.predict(X[400:]) - X[400:, 1, 0]).mean()
    # The mean is off by 50 / 20 = 2.5; the median of 20 is not.
    assert errors["absolute_error"] < 0.5 < 1.5 < errors["squared_error"]
    assert errors["huber"] < errors["squared_error"]


@standardizes
def test_poisson_rates_are_positive_and_right_in_sum(noisy, standardize):
    # Where the gradient with respect to the bias is 0, the sum of the rates is that of the counts.
    X, _ = noisy
    rng = np.random.default_rng(1)
    rates = np.exp(2 * X[:, 1, 0] - 1)
    y = rng.poisson(rates)
    model = regressor(loss="poisson", max_iter=20, batch_size=100, learning_rate_init=0.02, standardize=standardize).fit(X, y)
    predicted = model.predict(X)
    assert (predicted > 0).all()
    assert predicted.sum() == pytest.approx(y.sum(), rel=0.05)
    assert mean_poisson_deviance(rates, predicted) < 0.03
    assert mean_poisson_deviance(y, predicted) < 0.9 * mean_poisson_deviance(y, np.full(2000, y.mean()))


@standardizes
def test_counts_that_are_all_zero(ragged, standardize):
    model = regressor(loss="poisson", standardize=standardize).fit(ragged, np.zeros((len(ragged), 2)))
    predicted = model.predict(ragged)
    assert np.isfinite(predicted).all()
    assert (predicted > 0).all()
    model.partial_fit(ragged, counts(ragged, 2))
    assert np.isfinite(model.predict(ragged)).all()


@losses
def test_constant_targets(ragged, name):
    # A standard deviation of 0 is none to divide by.
    model = regressor(max_iter=100, n_iter_no_change=100, **LOSSES[name]).fit(ragged, np.full(len(ragged), 5.0))
    np.testing.assert_allclose(model.predict(ragged), 5, atol=0.5)


# ---- label smoothing ----

LABELS = {
    "binary": lambda rng, n: np.resize([0, 1], n),
    "multiclass": lambda rng, n: np.resize([0, 1, 2], n),
    "multilabel": lambda rng, n: np.column_stack([np.resize([0, 1], n), np.resize([0, 0, 1], n)]),
}
labels = pytest.mark.parametrize("kind", LABELS)


@labels
def test_smoothing_of_zero_is_none(ragged, rng, kind):
    y = LABELS[kind](rng, len(ragged))
    assert_same_bits(classifier().fit(ragged, y), classifier(label_smoothing=0.0).fit(ragged, y), ragged)


@labels
@pytest.mark.parametrize("per_step", [False, True])
def test_the_smoothed_loss_is_its_formula(ragged, rng, kind, per_step):
    y = LABELS[kind](rng, sum(map(len, ragged)) if per_step else len(ragged))
    offsets = np.cumsum([0, *map(len, ragged)])
    steps = [y[a:b] for a, b in pairwise(offsets)] if per_step else y
    still = {"learning_rate_init": 1e-300, "max_iter": 1, "alpha": 0}  # the loss of the epoch is that of the weights it leaves
    model = classifier(label_smoothing=0.2, return_sequences=per_step, **still).fit(ragged, steps)
    proba = model.predict_proba(ragged)
    proba = np.concatenate(proba) if per_step else proba
    if kind == "multilabel":
        t = 0.8 * y + 0.1
        expected = -(t * np.log(proba) + (1 - t) * np.log1p(-proba)).sum(axis=1).mean()
    else:
        t = 0.8 * np.eye(len(model.classes_))[y] + 0.2 / len(model.classes_)
        expected = -(t * np.log(proba)).sum(axis=1).mean()
    assert model.loss_curve_[-1] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_smoothed_labels_are_a_mixture_of_samples(ragged, rng, kind):
    # The loss is linear in the target: a sample and its smoothed label equal one sample per class, with these weights.
    y = LABELS[kind](rng, len(ragged))
    n_classes, smoothing = len(np.unique(y)), 0.3
    smoothed = classifier(label_smoothing=smoothing).fit(ragged, y)
    repeated = [x for x in ragged for _ in range(n_classes)]
    classes = np.tile(np.arange(n_classes), len(ragged))
    weights = smoothing / n_classes + (1 - smoothing) * (classes == np.repeat(y, n_classes))
    mixed = classifier().fit(repeated, classes, sample_weight=weights)
    # One minibatch in both cases: the same gradients up to rounding.
    np.testing.assert_allclose(smoothed.predict_proba(ragged), mixed.predict_proba(ragged), rtol=1e-8)
    np.testing.assert_allclose(smoothed.loss_curve_, mixed.loss_curve_, rtol=1e-9)


@labels
def test_smoothing_bounds_the_confidence(ragged, rng, kind):
    # Learnt by heart the probability of the label becomes 1, or with a share s for all K classes 1 - s + s / K.
    y = LABELS[kind](rng, len(ragged))
    params = {"hidden_size": 16, "max_iter": 300, "n_iter_no_change": 300, "learning_rate_init": 0.02, "alpha": 0}
    plain, smoothed = (classifier(label_smoothing=s, **params).fit(ragged, y) for s in (0.0, 0.3))

    def of_label(model):
        proba = model.predict_proba(ragged)
        return np.where(y == 1, proba, 1 - proba) if kind == "multilabel" else proba[np.arange(len(y)), y]

    n_classes = 2 if kind == "multilabel" else len(plain.classes_)
    assert of_label(plain).min() > 0.97
    np.testing.assert_allclose(of_label(smoothed), 0.7 + 0.3 / n_classes, atol=0.02)


# ---- attention ----


@pytest.mark.parametrize("params", [{}, {"num_layers": 2, "bidirectional": True}, {"cell": "gru", "dropout": 0.3}], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_attention_weighs_the_steps(ragged, rng, params, dtype):
    X = [x.astype(dtype) for x in ragged]
    model = regressor(pooling="attention", **params).fit(X, rng.normal(size=len(X)))
    weights = model.attention(X)
    assert isinstance(weights, Sequences)
    assert weights.n_channels == 1
    assert weights.dtype == dtype
    np.testing.assert_array_equal(weights.lengths, [len(x) for x in X])
    assert (weights.values > 0).all()
    np.testing.assert_allclose([w.sum() for w in weights], 1, rtol=1e-6 if dtype == np.float32 else 1e-12)
    fitted = {name: np.asarray(value, dtype=np.float64) for name, value in model.weights_.items()}
    options = {key: params[key] for key in ("cell", "bidirectional") if key in params}
    for x, w in zip(X, weights, strict=True):
        y, _ = outputs(fitted, x.astype(np.float64), params.get("num_layers", 1), **options)
        expected = reference_attention(part(fitted, "attention."), y)
        np.testing.assert_allclose(w[:, 0], expected, rtol=1e-4 if dtype == np.float32 else 1e-10)
    flattened = [x[:2].ravel() for x in X if len(x) > 1]
    two_steps = model.set_params(n_channels=3).attention(np.stack(flattened))
    np.testing.assert_array_equal(two_steps.lengths, 2)


def test_attention_to_one_step_is_whole(rng):
    X = rng.normal(size=(6, 1, 2))
    model = regressor(pooling="attention").fit(X, rng.normal(size=6))
    np.testing.assert_array_equal(model.attention(X).values, 1)


@pytest.mark.parametrize("params", [{"pooling": p} for p in ("last", "mean", "max")] + [{"return_sequences": True}], ids=str)
def test_without_attention_there_is_no_attention(ragged, params):
    y = [x[:, 0] for x in ragged] if "return_sequences" in params else [x[0, 0] for x in ragged]
    for model in (regressor(**params), regressor(**params).fit(ragged, y)):
        assert not hasattr(model, "attention")
        with pytest.raises(AttributeError, match="attention"):
            model.attention(ragged)


def test_attention_before_fit(ragged):
    with pytest.raises(NotFittedError):
        regressor(pooling="attention").attention(ragged)


def test_attention_is_that_of_the_fitted_network(ragged, rng):
    # `set_params` after fit does not change what was fitted; asking must not end in an error from inside.
    y = rng.normal(size=len(ragged))
    model = regressor(pooling="last").fit(ragged, y).set_params(pooling="attention")
    with pytest.raises((AttributeError, ValueError), match="attention"):
        model.attention(ragged)


def test_attention_finds_the_step_that_matters():
    # A flag marks the step whose value is asked for.
    rng = np.random.default_rng(0)
    X = np.zeros((400, 6, 2))
    X[:, :, 0] = rng.normal(size=(400, 6))
    marked = rng.integers(6, size=400)
    X[np.arange(400), marked, 1] = 1
    y = X[np.arange(400), marked, 0]
    model = regressor(hidden_size=8, pooling="attention", max_iter=40, learning_rate_init=0.02).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.8


# ---- options of the network ----

OPTIONS = [
    {"initial_state": "learned"},
    {"initial_state": "learned", "bidirectional": True, "cell": "gru"},
    {"residual": True, "num_layers": 3},
    {"residual": True, "hidden_size": 3},
    {"residual": True, "hidden_size": 3, "bidirectional": True, "merge_mode": "sum", "pooling": "max"},
    {"hidden_size": (5, 2, 3)},
    {"hidden_size": [3, 4], "bidirectional": True},
    {"activation": "relu", "pooling": "mean"},
    {"cell": "layernorm", "pooling": "attention"},
    {"cell": "rnn", "activation": "relu", "initial_state": "learned"},
    {"dropout": 0.5, "num_layers": 2},
    {"recurrent_dropout": 0.5},
    {"dropout": 0.3, "recurrent_dropout": 0.3, "bptt_steps": 2, "cell": "peephole"},
    {"cell": "coupled", "bptt_steps": 3, "pooling": "attention"},
    {"cell": "gru_reset_before", "bptt_steps": 2, "pooling": "max"},
]
options = pytest.mark.parametrize("params", OPTIONS, ids=str)


@options
def test_predictions_are_those_of_the_named_weights(ragged, rng, params):
    # Units are folded into the weights, and dropout is off.
    shifted = [100 + 7 * x for x in ragged]
    y = 1000 + 50 * rng.normal(size=(len(ragged), 2))
    model = regressor(**params).fit(shifted, y)
    known = ("cell", "activation", "bidirectional", "merge_mode", "residual", "pooling")
    sizes = params.get("hidden_size", 4)
    num_layers = params.get("num_layers", 1) if isinstance(sizes, int) else len(sizes)
    expected = reference_scores(model.weights_, shifted, num_layers, **{k: params[k] for k in known if k in params})
    assert relative_error(model.predict(shifted), expected) < 1e-12
    np.testing.assert_array_equal(model.predict(shifted), model.predict(shifted))


@options
def test_fits_are_reproducible_and_independent_of_units_of_two(ragged, rng, params):
    y = rng.normal(size=len(ragged))
    plain = regressor(**params).fit(ragged, y)
    assert_same_bits(plain, regressor(**params).fit(ragged, y), ragged)
    scaled = [x * [1024, 1, 0.25] for x in ragged]
    np.testing.assert_array_equal(clone(plain).fit(scaled, y).predict(scaled), plain.predict(ragged))
    assert (regressor(**params | {"random_state": 1}).fit(ragged, y).predict(ragged) != plain.predict(ragged)).any()


@options
def test_constant_channel_is_ignored(ragged, rng, params):
    if params.get("residual"):
        return  # a further channel decides there whether the first layer takes part
    y = rng.normal(size=len(ragged))
    constant = [np.column_stack([x, np.full(len(x), 0.1)]) for x in ragged]
    model = regressor(**params).fit(constant, y)
    before = model.predict(constant)
    changed = [x * [1, 1, 1, 1e4] for x in constant]
    np.testing.assert_array_equal(model.predict(changed), before)


@options
def test_training_continues_with_the_same_bits(ragged, rng, params):
    y = rng.normal(size=len(ragged))
    once = regressor(**params).fit(ragged, y)
    twice = regressor(warm_start=True, **params | {"max_iter": 3}).fit(ragged, y).fit(ragged, y)
    assert_same_bits(once, twice, ragged)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize(
    "params",
    [{}, {"num_layers": 2, "dropout": 0.3}, {"recurrent_dropout": 0.3, "initial_state": "learned"}, {"cell": "rnn"}],
    ids=str,
)
def test_bptt_over_all_steps_has_the_bits_of_none(ragged, rng, pooling, params):
    y = rng.normal(size=len(ragged))
    whole = regressor(pooling=pooling, **params).fit(ragged, y)
    for steps in (max(map(len, ragged)), 1000):
        assert_same_bits(whole, regressor(pooling=pooling, bptt_steps=steps, **params).fit(ragged, y), ragged)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_truncation_changes_gradients_but_no_loss(ragged, rng, pooling, steps):
    # The loss of the first epoch, of one minibatch, is that of the initial weights.
    y = rng.normal(size=len(ragged))
    whole, truncated = (regressor(pooling=pooling, bptt_steps=b, max_iter=2).fit(ragged, y) for b in (None, steps))
    np.testing.assert_allclose(truncated.loss_curve_[0], whole.loss_curve_[0], rtol=1e-12)
    assert truncated.loss_curve_[1] != whole.loss_curve_[1]


def test_truncation_needs_one_direction(ragged, rng, monkeypatch):
    model = regressor(bptt_steps=2, bidirectional=True)
    monkeypatch.setattr(sklstm.estimators.fitting, "train", lambda *a, **k: pytest.fail("Training began."))
    refuses(model, lambda: model.fit(ragged, rng.normal(size=len(ragged))), ["bptt_steps=2", "bidirectional=False"])


def test_a_tuple_gives_each_layer_its_width(ragged, rng):
    y = rng.normal(size=len(ragged))
    expected = regressor(hidden_size=4, num_layers=2).fit(ragged, y)
    for params in ({"hidden_size": (4, 4)}, {"hidden_size": [4, 4], "num_layers": 2}, {"hidden_size": (np.int64(4), 4)}):
        assert_same_bits(expected, regressor(**params).fit(ragged, y), ragged)
    assert_same_bits(regressor(hidden_size=4).fit(ragged, y), regressor(hidden_size=(4,)).fit(ragged, y), ragged)
    weights = regressor(hidden_size=(5, 2)).fit(ragged, y).weights_
    assert [weights[f"layer_{k}.R"].shape[0] for k in range(2)] == [5, 2]


def test_learned_states_begin_at_zero_or_move(ragged, rng):
    y = rng.normal(size=len(ragged))
    weights = regressor(initial_state="learned", bidirectional=True).fit(ragged, y).weights_
    for name in ("layer_0.h0", "layer_0.c0", "layer_0.reverse.h0", "layer_0.reverse.c0"):
        assert weights[name].shape == (4,)
        assert (weights[name] != 0).all()
    assert not any(name.endswith(("h0", "c0")) for name in regressor().fit(ragged, y).weights_)
    assert "layer_0.c0" not in regressor(cell="gru", initial_state="learned").fit(ragged, y).weights_


@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_of_nothing_is_none_and_of_something_is_not(ragged, rng, option):
    y = rng.normal(size=len(ragged))
    plain = regressor(num_layers=2).fit(ragged, y)
    assert_same_bits(plain, regressor(num_layers=2, **{option: 0.0}).fit(ragged, y), ragged)
    dropped = regressor(num_layers=2, **{option: 0.5}).fit(ragged, y)
    assert (dropped.predict(ragged) != plain.predict(ragged)).all()


@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout"])
def test_dropout_does_not_apply_to_validation(ragged, rng, option):
    y = rng.normal(size=len(ragged))
    model = regressor(**{option: 0.5}).fit(ragged, y, X_val=ragged, y_val=y)
    assert model.validation_scores_[-1] == pytest.approx(model.score(ragged, y))


@pytest.mark.parametrize("params", [{}, {"pooling": "attention", "bptt_steps": 50}, LOSSES["quantiles"]], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(rng, params, dtype, monkeypatch):
    # More work than one shard takes: 2 x 1e8 multiplications and additions.
    shard_counts = []
    original = sklstm.training.gradient.shards
    monkeypatch.setattr(
        sklstm.training.gradient, "shards", lambda *a: shard_counts.append(len(original(*a))) or original(*a)
    )
    X = rng.normal(size=(96, 120, 3)).astype(dtype)
    y = X[:, :, 0].mean(axis=1)
    params = {"hidden_size": 32, "batch_size": 96, "max_iter": 2, "dropout": 0.2, "recurrent_dropout": 0.2} | params
    fitted = [regressor(n_jobs=n_jobs, **params).fit(X, y) for n_jobs in (1, 2)]
    assert max(shard_counts) > 1
    assert_same_bits(*fitted, X)


def test_early_stopping_of_a_quantile_follows_the_pinball_loss(rng):
    # Stopped by the coefficient of determination, the 0.9 quantile would end near the mean.
    X = rng.normal(size=(300, 4, 1))
    y = X[:, -1, 0] + rng.exponential(scale=3, size=300)
    models = [
        LSTMRegressor(hidden_size=4, loss="quantile", quantile=q, early_stopping=True, max_iter=30, random_state=0).fit(X, y)
        for q in (0.9, [0.9])
    ]
    assert models[0].validation_scores_ == models[1].validation_scores_
    np.testing.assert_array_equal(models[0].predict(X), models[1].predict(X)[:, 0])
    assert models[0].score(X, y) == models[1].score(X, y)


def test_a_continued_fit_may_change_its_dropout(ragged, rng):
    y = rng.normal(size=len(ragged))
    model = LSTMRegressor(hidden_size=3, max_iter=2, warm_start=True, random_state=0).fit(ragged, y)
    model.set_params(dropout=0.5, recurrent_dropout=0.5).fit(ragged, y)
    assert model.n_iter_ == 4


# ---- targets that never change ----


@pytest.mark.parametrize(
    "parameters",
    [{}, {"loss": "absolute_error"}, {"loss": "huber"}, {"loss": "quantile", "quantile": [0.1, 0.9]}, {"solver": "sgd"}],
    ids=str,
)
@pytest.mark.parametrize("value", [5.1, 0.0, 0.3, -1e9])
def test_a_target_with_a_single_value_is_predicted_exactly(rng, parameters, value):
    X = rng.normal(size=(40, 6, 2))
    y = np.full(40, value)
    y[::2] = np.nextafter(value, np.inf) if value else 0.0  # of which the last bit may differ
    model = LSTMRegressor(4, max_iter=5, random_state=0, **parameters).fit(X, y)
    np.testing.assert_allclose(model.predict(X), np.full_like(model.predict(X), value), rtol=1e-14, atol=0)


def test_a_target_that_changes_later_is_learned(rng):
    X = rng.normal(size=(200, 6, 2))
    y = np.column_stack([X[:, 0, 0], np.zeros(200)])
    model = LSTMRegressor(8, learning_rate="constant", random_state=0)
    for _ in range(3):
        model.partial_fit(X, y)
    assert not np.ptp(model.predict(X)[:, 1])
    y[:, 1] = X[:, -1, 1]
    for _ in range(60):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.8
