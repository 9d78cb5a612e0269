"""Mixture density networks: their loss, what they predict, and what is drawn from them."""

import pickle

import numpy as np
import pytest
from reference import central_differences, relative_error
from scipy.special import logsumexp
from scipy.stats import kstest, norm
from sklearn.base import clone

import sklstm
from sklstm import LSTMRegressor
from sklstm.inspection import integrated_gradients
from sklstm.metrics import interval_coverage
from sklstm.network import LOSSES, GaussianMixture, n_scores_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_size": 5, "loss": "gaussian_mixture", "max_iter": 5, "random_state": 0}


def regressor(**params):
    return LSTMRegressor(**QUICK | params)


@pytest.fixture
def y(ragged, rng):
    return np.array([50 + 20 * x.sum() for x in ragged]) + rng.normal(size=len(ragged))


def log_density(p, means, deviations, t):
    """Of one target t of each sample."""
    return logsumexp(np.log(p) + norm.logpdf(t[:, np.newaxis], means, deviations), axis=1)


# ---- the loss ----


@pytest.mark.parametrize(("n_components", "n_targets"), [(1, 1), (3, 1), (2, 3)])
def test_gradient_of_the_loss(rng, n_components, n_targets):
    scores = rng.normal(size=(4, n_scores_of(n_components, n_targets)))
    scores[0, -1] = -20.0  # a deviation at the smallest
    targets, weights, loss = rng.normal(size=(4, n_targets)), rng.uniform(size=4), LOSSES["gaussian_mixture"].value_and_gradient
    targets[0] = scores[0, n_components : n_components + n_targets]
    gradient, ignored = np.empty_like(scores), np.empty_like(scores)
    loss(scores, targets, weights, 1.0, gradient)
    numeric = central_differences(lambda: loss(scores, targets, weights, 1.0, ignored), scores.ravel()).reshape(scores.shape)
    assert relative_error(gradient, numeric) < 1e-10


def test_far_targets_have_a_finite_loss():
    loss, scores = LOSSES["gaussian_mixture"].value_and_gradient, np.array([[0.0, -900.0, 1.0, 5.0, -2.0, -30.0]])
    gradient = np.empty_like(scores)
    value = loss(scores, np.array([[1e4]]), np.ones(1), 1.0, gradient)
    expected = -norm.logpdf(1e4, 1.0, np.hypot(np.exp(-2), 1e-3))
    assert value == pytest.approx(expected, rel=1e-12)
    assert np.isfinite(gradient).all()


# ---- distributions ----


@pytest.fixture
def mixture(rng):
    weights = rng.dirichlet(np.ones(3), size=50)
    return GaussianMixture(weights, rng.normal(scale=3, size=(50, 3, 2)), rng.uniform(0.1, 2, size=(50, 3, 2)))


def test_density_and_mean(mixture, rng):
    targets = rng.normal(size=(50, 2))
    direct = [
        sum(w * norm.pdf(t, m, s).prod() for w, m, s in zip(*parts, strict=True))
        for t, *parts in zip(targets, mixture.weights, mixture.means, mixture.deviations, strict=True)
    ]
    np.testing.assert_allclose(mixture.log_likelihood(targets), np.log(direct), rtol=1e-10)
    np.testing.assert_allclose(mixture.mean, (mixture.weights[:, :, np.newaxis] * mixture.means).sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize("q", [1e-6, 0.1, 0.5, 0.999])
def test_quantiles_invert_the_distribution_function(mixture, q):
    np.testing.assert_allclose(mixture.cdf(mixture.quantile(q)), q, rtol=1e-9)


def test_samples_of_a_known_mixture(rng):
    parts = np.array([0.2, 0.5, 0.3]), np.array([-4.0, 0.0, 1.0]), np.array([0.5, 1.0, 0.1])
    n = 20_000
    repeated = [np.tile(part, (n, 1)) for part in parts]
    mixture = GaussianMixture(repeated[0], repeated[1][:, :, np.newaxis], repeated[2][:, :, np.newaxis])
    drawn = mixture.draw(rng.random(n), rng.normal(size=(n, 1)))[:, 0]
    one = GaussianMixture(*(part[:1] for part in (mixture.weights, mixture.means, mixture.deviations)))
    assert kstest(drawn, lambda t: np.array([one.cdf(np.array([[value]]))[0, 0] for value in t])).pvalue > 1e-3


# ---- estimators ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("standardize", [True, False])
def test_score_is_the_log_likelihood_of_the_predicted_mixture(ragged, y, dtype, standardize):
    X, weights = [x.astype(dtype) for x in ragged], np.arange(len(y), dtype=float)
    model = regressor(standardize=standardize).fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
    p, means, deviations = model.predict_mixture(X)
    assert p.shape == means.shape == deviations.shape == (len(X), 3) and p.dtype == dtype
    direct = np.average(log_density(*(part.astype(float) for part in (p, means, deviations)), y), weights=weights)
    rel = 1e-4 if dtype == np.float32 else 1e-10
    assert model.score(X, y, weights) == pytest.approx(direct, rel=rel)
    assert model.validation_scores_[-1] == pytest.approx(direct, rel=rel)
    np.testing.assert_allclose(model.predict(X), (p * means).sum(axis=1), rtol=rel)
    deviation = y.std() if standardize else 1
    assert model.validation_loss_curve_[-1] == pytest.approx(-direct - np.log(deviation), rel=rel)


def test_units_of_y_change_nothing_else(ragged, y):
    plain, other = regressor().fit(ragged, y), regressor().fit(ragged, 1000 * y - 7)
    np.testing.assert_allclose(other.predict(ragged), 1000 * plain.predict(ragged) - 7, rtol=1e-9)
    np.testing.assert_allclose(other.predict_interval(ragged), 1000 * plain.predict_interval(ragged) - 7, rtol=1e-9)
    assert other.score(ragged, 1000 * y - 7) == pytest.approx(plain.score(ragged, y) - np.log(1000), rel=1e-9)


def test_repeated_targets_have_the_least_deviation(ragged):
    y = np.array([0.0, 0, 0, 1, 1, 1, 1]) * 1e6
    model = regressor(hidden_size=16, max_iter=300).fit(ragged, y)
    deviations = model.predict_mixture(ragged)[2]
    assert deviations.min() >= 1e-3 * y.std() * (1 - 1e-9)
    assert np.isfinite(model.score(ragged, y))


def test_several_outputs_and_steps(ragged, y):
    Y = np.column_stack([y, -y])
    model = regressor(n_components=2).fit(ragged, Y)
    assert model.predict(ragged).shape == Y.shape
    p, means, deviations = model.predict_mixture(ragged)
    assert p.shape == (7, 2) and means.shape == deviations.shape == (7, 2, 2)
    assert model.predict_quantile(ragged, 0.5).shape == (7, 2)
    assert model.predict_quantile(ragged, [0.1, 0.5, 0.9]).shape == (7, 2, 3)
    joint = p * norm.pdf(Y[:, np.newaxis], means, deviations).prod(axis=2)
    assert model.score(ragged, Y) == pytest.approx(np.log(joint.sum(axis=1)).mean(), rel=1e-10)
    steps = [x[:, :2] for x in ragged]
    model = regressor(return_sequences=True).fit(ragged, steps)
    parts = model.predict_mixture(ragged)
    assert [len(part) for part in parts[1]] == [len(x) for x in ragged]
    assert parts[1][0].shape == (3, 3, 2) and model.predict_interval(ragged)[0].shape == (3, 2, 2)
    assert regressor(return_sequences=True).fit(ragged, [x[:, 0] for x in ragged]).predict_quantile(ragged, 0.5)[0].shape == (3,)


def test_streams_copies_and_files(ragged, y, tmp_path):
    model = regressor().fit(ragged, y)
    stream = model.stream()
    for x_t in ragged[2]:
        answer = stream.step(x_t)
    assert answer == model.predict(ragged[2:3])
    sklstm.save(model, tmp_path / "model.npz")
    for other in (pickle.loads(pickle.dumps(model)), sklstm.load(tmp_path / "model.npz")):
        np.testing.assert_array_equal(other.predict_interval(ragged), model.predict_interval(ragged))
        assert other.score(ragged, y) == model.score(ragged, y)
    once = regressor(learning_rate="constant", max_iter=6).fit(ragged, y)
    twice = regressor(learning_rate="constant", max_iter=3, warm_start=True).fit(ragged, y).fit(ragged, y)
    np.testing.assert_array_equal(once.predict(ragged), twice.predict(ragged))


def test_partial_fit_in_new_units_goes_on_with_the_same_function(ragged, y):
    model = regressor(learning_rate_init=1e-12).partial_fit(ragged, y)
    before = model.predict(ragged), model.predict_mixture(ragged)[0]
    model.partial_fit(ragged, 5 * y + 3)
    np.testing.assert_allclose(model.predict(ragged), before[0], rtol=1e-6)
    np.testing.assert_allclose(model.predict_mixture(ragged)[0], before[1], rtol=1e-6)


def test_log_likelihood_and_coverage_of_a_series_that_jumps():
    # The next value is one of two functions of the last one, with noise: a mean says little of it.
    rng = np.random.default_rng(0)
    x = np.zeros((300, 41))
    for t in range(40):
        x[:, t + 1] = 0.8 * x[:, t] + np.where(rng.random(300) < 0.3, -2, 1) + 0.3 * rng.normal(size=300)
    X, y = x[:, :-1, np.newaxis], x[:, 1:]
    model = LSTMRegressor(8, loss="gaussian_mixture", n_components=2, return_sequences=True, max_iter=100, random_state=0)
    model.fit(X[:200], y[:200])
    means = 0.8 * X[200:, :, 0]
    best = np.log(0.3 * norm.pdf(y[200:], means - 2, 0.3) + 0.7 * norm.pdf(y[200:], means + 1, 0.3)).mean()
    assert model.score(X[200:], y[200:]) > best - 0.02
    interval = model.predict_interval(X[200:], 0.8)
    assert interval_coverage(y[200:].ravel(), *interval.reshape(-1, 2).T) == pytest.approx(0.8, abs=0.02)


# ---- drawn steps ----


@pytest.fixture
def walk(rng):
    """A model of two channels that go up or down by 1, and sequences of it."""
    X = np.cumsum(rng.choice([-1.0, 1.0], size=(40, 12, 2)), axis=1)
    return regressor(return_sequences=True, max_iter=20).fit(X[:, :-1], X[:, 1:]), X


def test_first_and_second_step_have_the_predicted_distribution(walk):
    model, X = walk
    n = 4000
    drawn = model.sample(np.repeat(X[:1, :5], n, axis=0), 2, random_state=0)
    p, means, deviations = (part[0, -1] for part in model.predict_mixture(X[:1, :5]))
    for j in range(2):
        assert kstest(drawn[:, 0, j], lambda t, j=j: norm.cdf(t[:, np.newaxis], means[:, j], deviations[:, j]) @ p).pvalue > 1e-3
    extended = np.concatenate([np.repeat(X[:1, :5], n, axis=0), drawn[:, :1]], axis=1)
    p, means, deviations = (part[:, -1] for part in model.predict_mixture(extended))
    uniform = (norm.cdf(drawn[:, 1, :1], means[:, :, 0], deviations[:, :, 0]) * p).sum(axis=1)
    assert kstest(uniform, "uniform").pvalue > 1e-3


def test_temperature(walk):
    model, X = walk
    p, means, _ = (part[:, -1] for part in model.predict_mixture(X[:9, :5]))
    greedy = model.sample(X[:9, :5], 1, temperature=0, random_state=0)
    np.testing.assert_allclose(greedy[:, 0], means[np.arange(9), p.argmax(axis=1)], rtol=1e-12)
    cold = model.sample(X[:9, :5], 3, temperature=1e-14)
    np.testing.assert_allclose(cold, model.sample(X[:9, :5], 3, temperature=0), atol=1e-5)
    spread = [model.sample(X[:1, :5].repeat(500, axis=0), 1, temperature=t, random_state=0).std() for t in (0.1, 1, 4)]
    assert spread[0] < spread[1] < spread[2]


def test_random_state_and_ragged_sequences(walk):
    model, X = walk
    sequences = [x[:length] for x, length in zip(X, (3, 1, 6, 3), strict=False)]
    drawn = model.sample(sequences, 7, random_state=1)
    np.testing.assert_array_equal(model.sample(sequences, 7, random_state=1), drawn)
    np.testing.assert_array_equal(model.sample(sequences[:2], 7, random_state=1), drawn[:2])
    assert (model.sample(sequences, 7, random_state=2) != drawn).any()


# ---- bad input ----


def test_bad_arguments(ragged, y, walk):
    model = regressor().fit(ragged, y)
    for quantile in (0, 1.0, [0.5, 2], [], np.nan, "median", [[0.5]], None):
        with pytest.raises(ValueError, match="quantile must be"):
            model.predict_quantile(ragged, quantile)
    for coverage in (0, 1, np.nan, 1 - 1e-16):
        with pytest.raises(ValueError, match="coverage must be between 0 and 1"):
            model.predict_interval(ragged, coverage)
    with pytest.raises(ValueError, match="n_components"):
        regressor(n_components=0).fit(ragged, y)
    with pytest.raises(ValueError, match="go together"):
        regressor(quantile=0.5).fit(ragged, y)
    with pytest.raises(ValueError, match="cannot continue with other parameters"):
        model.set_params(warm_start=True, n_components=4).fit(ragged, y)
    with pytest.raises(ValueError, match="describes a distribution"):
        integrated_gradients(model, ragged)
    for name in ("predict_quantile", "predict_interval", "predict_mixture", "sample"):
        assert not hasattr(LSTMRegressor(), name)
    assert not hasattr(model, "sample")
    one = clone(walk[0]).fit(walk[1][:, :-1], walk[1][:, 1:, 0])
    with pytest.raises(ValueError, match="X has 2 channels, 0 of them categorical, and y had 1 outputs"):
        one.sample(walk[1][:1], 2)
    for other in (np.column_stack([y, y]), np.column_stack([y, y, y])):
        with pytest.raises(ValueError, match="was fitted on 1 outputs"):
            model.score(ragged, other)
    with pytest.raises(ValueError, match="was fitted on 2 outputs"):
        walk[0].score(walk[1][:, :-1], walk[1][:, 1:, 0])
    X = walk[1].astype(np.float32)
    with pytest.raises(ValueError, match=r"overflows float32. Pass a lower temperature"):
        clone(walk[0]).fit(X[:, :-1], X[:, 1:]).sample(X, 3, temperature=1e100)
