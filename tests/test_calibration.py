"""The temperature of scores: the minimum that a search finds, what it is invariant to, and its limits."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss

from sklstm.network import LOSSES
from sklstm.training.calibration import fit_temperature

KINDS = {"binary_log_loss": 1, "multinomial_log_loss": 4, "multilabel_log_loss": 3}
each_loss = pytest.mark.parametrize("loss", KINDS)


def drawn(loss, n=300, temperature=1.0, seed=0):
    """Scores, targets that follow the scores divided by a temperature, and weights."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=3, size=(n, KINDS[loss]))
    if loss == "multinomial_log_loss":
        cumulative = softmax(scores / temperature, axis=1).cumsum(axis=1)
        targets = (rng.uniform(size=(n, 1)) > cumulative[:, :-1]).sum(axis=1)
    else:
        targets = (rng.uniform(size=scores.shape) < expit(scores / temperature)).astype(int)
    return scores, targets, rng.uniform(size=n)


def slow(loss, scores, targets, weights, log_temperatures, prior):
    """What is minimised, in NumPy."""
    scaled = scores / np.exp(log_temperatures)[:, np.newaxis, np.newaxis]
    if loss == "multinomial_log_loss":
        losses = np.logaddexp.reduce(scaled, axis=2) - scaled[:, np.arange(len(scores)), targets]
    else:
        losses = (np.logaddexp(0, scaled) - targets.reshape(scores.shape) * scaled).sum(axis=2)
    return losses @ weights + prior * log_temperatures**2


@each_loss
@pytest.mark.parametrize("prior", [0.0, 1.0, 50.0])
@pytest.mark.parametrize("n", [1, 5, 300])
@pytest.mark.parametrize("temperature", [0.3, 1, 6])
def test_it_is_the_minimum_of_the_log_loss_and_the_prior(loss, prior, n, temperature):
    data = drawn(loss, n, temperature)
    grid = np.linspace(-np.log(20), np.log(20), 3001)
    values = slow(loss, *data, grid, prior)
    found = np.array([np.log(fit_temperature(LOSSES[loss], *data, prior=prior))])
    # On the bound itself the search ends within its tolerance, where the function is not flat.
    assert slow(loss, *data, found, prior)[0] <= values.min() + 1e-4 * np.ptp(values) / 6 + 1e-12
    if 0 < values.argmin() < len(grid) - 1:
        assert found[0] == pytest.approx(grid[values.argmin()], abs=0.002)


@each_loss
@pytest.mark.parametrize("temperature", [0.5, 1, 4])
def test_it_finds_the_temperature_that_the_targets_follow(loss, temperature):
    data = drawn(loss, 20_000, temperature)
    assert fit_temperature(LOSSES[loss], *data) == pytest.approx(temperature, rel=0.05)


@each_loss
def test_weights_equal_repetitions(loss):
    scores, targets, _ = drawn(loss, 40, 3)
    counts = np.random.default_rng(1).integers(0, 4, 40)
    repeated = np.repeat(scores, counts, axis=0), np.repeat(targets, counts, axis=0), np.ones(counts.sum())
    # The sums differ in the order of their terms; the minimum is flat.
    found = fit_temperature(LOSSES[loss], scores, targets, counts)
    assert found == pytest.approx(fit_temperature(LOSSES[loss], *repeated), rel=1e-5)


@each_loss
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_it_takes_any_layout_and_changes_no_array(loss, dtype, order):
    scores, targets, weights = drawn(loss, 50, 2)
    given = np.array(scores, dtype, order=order), np.array(targets, np.int8, order=order), weights.astype(dtype)
    before = [array.copy() for array in given]
    temperature = fit_temperature(LOSSES[loss], *given)
    plain = fit_temperature(LOSSES[loss], scores, targets, weights)
    assert type(temperature) is float and temperature == pytest.approx(plain, rel=1e-5)
    for array, old in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("margin", [1e-3, 1, 30, 1e6])
def test_samples_that_are_all_right_or_all_wrong_give_finite_temperatures(margin):
    targets, weights = np.arange(40) % 2, np.ones(40)
    right = np.where(targets == 1, margin, -margin)[:, np.newaxis]
    for prior, low, high in [(0.0, 0.05, 0.05 if margin < 10 else 20), (1.0, 0.05, 1.0)]:
        temperature = fit_temperature(LOSSES["binary_log_loss"], right, targets, weights, prior=prior)
        assert low * 0.999 <= temperature <= high * 1.001
    assert 1 - 1e-3 < fit_temperature(LOSSES["binary_log_loss"], -right, targets, weights) <= 20
    if margin >= 1:
        assert fit_temperature(LOSSES["binary_log_loss"], -right, targets, weights, prior=0) == pytest.approx(20, rel=1e-3)


@each_loss
def test_without_weight_it_is_that_of_the_prior(loss):
    scores, targets, _ = drawn(loss, 5)
    assert fit_temperature(LOSSES[loss], scores, targets, np.zeros(5)) == pytest.approx(1, abs=1e-4)


class _Scores(ClassifierMixin, BaseEstimator):
    """A classifier whose rows of X are the scores."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X[:, 0] if X.shape[1] == 1 else X

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0).astype(int) if X.shape[1] == 1 else X.argmax(axis=1)]


HAS_TEMPERATURE = "temperature" in CalibratedClassifierCV._parameter_constraints["method"][0].options


# Older ones, which are supported too, have nothing to compare with; the brute-force search above runs with all.
@pytest.mark.skipif(not HAS_TEMPERATURE, reason="scikit-learn has temperatures from 1.8 on")
@pytest.mark.filterwarnings("ignore:Since FrozenEstimator does not appear to accept sample_weight")
@pytest.mark.parametrize("loss", ["binary_log_loss", "multinomial_log_loss"])
@pytest.mark.parametrize("temperature", [0.4, 5])
def test_it_is_that_of_scikit_learn(loss, temperature):
    scores, targets, weights = drawn(loss, 300, temperature)
    targets = targets.ravel()
    model = FrozenEstimator(_Scores().fit(scores, targets))
    calibrated = CalibratedClassifierCV(model, method="temperature").fit(scores, targets, sample_weight=weights)
    scaled = scores / fit_temperature(LOSSES[loss], scores, targets, weights, prior=0)
    expected = expit(np.hstack([-scaled, scaled])) if scaled.shape[1] == 1 else softmax(scaled, axis=1)
    np.testing.assert_allclose(calibrated.predict_proba(scores), expected, atol=1e-5)
    before = expit(np.hstack([-scores, scores])) if scaled.shape[1] == 1 else softmax(scores, axis=1)
    assert log_loss(targets, expected, sample_weight=weights) < log_loss(targets, before, sample_weight=weights)
