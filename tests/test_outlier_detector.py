"""The outlier detector: what it predicts and holds out, its scores and thresholds, and streams of them."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from reference import exponential_mean, squared_distance
from scipy.stats import chi2, expon, norm, spearmanr, uniform
from sklearn.base import clone
from sklearn.covariance import LedoitWolf
from sklearn.exceptions import NotFittedError
from sklearn.metrics import d2_absolute_error_score, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_bad_input import refuses

from sklstm import LSTMOutlierDetector, Sequences, load, save
from sklstm._kernels import _distances
from sklstm.estimators.error_model import ERROR_MODELS, fit_error_model, standardised
from sklstm.estimators.series_target import next_steps
from sklstm.estimators.step_scores import kept, threshold_of_steps
from sklstm.network import LOSSES
from sklstm.preprocessing import PerStep, with_static

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"hidden_size": 4, "max_iter": 3, "random_state": 0}
error_models = pytest.mark.parametrize("error_model", ERROR_MODELS)


def detector(**parameters):
    """A quick one, whose scores are those of single steps unless `smoothing` is given."""
    return LSTMOutlierDetector(**QUICK | {"smoothing": 0} | parameters)


def ar2(n, rng):
    """A series x_t = 1.2 x_{t-1} - 0.5 x_{t-2} + e_t, and its innovations e."""
    e, x = rng.normal(size=n + 100), np.zeros(n + 100)
    for t in range(2, n + 100):
        x[t] = 1.2 * x[t - 1] - 0.5 * x[t - 2] + e[t]
    return x[100:], e[100:]


def ornstein_uhlenbeck(n, rng):
    e, x = rng.normal(size=n + 100), np.zeros(n + 100)
    for t in range(1, n + 100):
        x[t] = np.exp(-0.1) * x[t - 1] + np.sqrt(1 - np.exp(-0.2)) * e[t]
    return x[100:]


def seasonal(n, rng):
    t = np.arange(n) + rng.integers(100)
    return np.sin(2 * np.pi * t / 24) + 0.5 * np.sin(2 * np.pi * t / 12 + 1) + 0.2 * rng.normal(size=n)


def two_channels(n, rng):
    """Two channels that follow each other."""
    x = ornstein_uhlenbeck(n, rng)
    return np.column_stack([x, 2 * x]) + 0.1 * rng.normal(size=(n, 2))


@pytest.fixture
def X(rng):
    return [rng.normal(size=(n, 2)).cumsum(axis=0) for n in (30, 7, 25, 12, 40)]


# ---- kernels ----


@pytest.mark.parametrize("m", [1, 2, 7])
def test_distances_equal_those_of_the_slow_twin(rng, m):
    root = rng.normal(size=(m, m + 2))
    S, z = root @ root.T, rng.normal(size=(60, m))
    z[rng.random(z.shape) < 0.3] = np.nan
    z[5:9] = np.nan
    d, parts = np.empty(60), np.empty((60, m))
    _distances.squared_distances(z, S, d, parts)
    np.testing.assert_allclose(d, [squared_distance(row, S) for row in z], rtol=1e-9)
    np.testing.assert_array_equal(np.isnan(parts), np.isnan(z))
    known = ~np.isnan(d)
    np.testing.assert_allclose(np.nansum(parts[known], axis=1), d[known], rtol=1e-9, atol=1e-12)
    alone = np.empty(1)
    for i in range(60):  # not by a bit does it matter what else there is
        _distances.squared_distances(z[i : i + 1].copy(), S, alone)
        np.testing.assert_array_equal(alone, d[i : i + 1])


@pytest.mark.parametrize(("k", "m"), [(1, 8), (3, 8), (7, 8), (1, 2)])
def test_distances_over_fewer_errors_are_as_probable_as_over_all(k, m):
    p = np.array([0.5, 0.1, 0.01, 0.001])
    z = np.full((4, m), np.nan)
    z[:, :k] = np.sqrt(chi2(k).isf(p) / k)[:, np.newaxis]
    d = np.empty(4)
    _distances.squared_distances(z, np.eye(m), d)
    np.testing.assert_allclose(chi2(m).sf(d), p, rtol=0.35)  # the error of Wilson and Hilferty's approximation for k = 1


def test_smoothing_equals_that_of_the_slow_twin(rng):
    values = rng.normal(size=20)
    values[[0, 1, 7, 12]] = np.nan
    offsets, last = np.array([0, 5, 5, 20]), np.array([np.nan, 3.0, 2.0])
    expected = [exponential_mean(values[a:b], 0.7, s) for a, b, s in zip(offsets, offsets[1:], last, strict=False)]
    smoothed = values.copy()
    _distances.smooth(smoothed, offsets, 0.7, last)
    np.testing.assert_array_equal(smoothed, np.concatenate(expected))
    assert last[1] == 3.0 and last[0] == smoothed[4] and last[2] == smoothed[19]


def test_kernels_refuse_what_is_not_theirs():
    with pytest.raises(ValueError, match="shape"):
        _distances.squared_distances(np.zeros((3, 2)), np.eye(3), np.zeros(3))
    with pytest.raises(ValueError, match="offsets"):
        _distances.smooth(np.zeros(3), np.array([0, 4]), 0.5, np.zeros(1))


@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "huber"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_missing_target_has_no_loss(rng, name, dtype):
    scores, targets = rng.normal(size=(2, 6, 3)).astype(dtype)
    weights, loss = rng.random(6), LOSSES[name].value_and_gradient
    holes = rng.random(targets.shape) < 0.4
    with_holes = np.where(holes, dtype(np.nan), targets)
    gradient, expected = np.empty_like(scores), np.empty_like(scores)
    value = loss(scores, with_holes, weights, 2.0, gradient)
    # As if they were predicted perfectly.
    assert value == pytest.approx(loss(np.where(holes, targets, scores), targets, weights, 2.0, expected), rel=1e-6)
    np.testing.assert_array_equal(gradient, np.where(holes, 0, expected))


# ---- what is predicted, and what is held out ----


@pytest.mark.parametrize("horizon", [1, 3, 8])
def test_targets_are_the_next_steps(rng, horizon):
    X = Sequences.from_list([rng.normal(size=(n, 3)) for n in (5, 1, 9)])
    X.values[3, 2] = np.nan
    weights = [rng.random(n) for n in (5, 1, 9)]
    weights[2][4] = 0
    target = next_steps(detector(horizon=horizon), weights, X, [0, 2])
    flat = np.concatenate(weights)
    for i, (first, last) in enumerate(zip(X.offsets, X.offsets[1:], strict=False)):
        for t in range(first, last):
            own = []
            for k in range(1, horizon + 1):
                expected = X.values[t + k, [0, 2]] if t + k < last and flat[t + k] > 0 else [np.nan, np.nan]
                np.testing.assert_array_equal(target.targets[t, 2 * (k - 1) : 2 * k], expected, err_msg=f"{i} {t} {k}")
                own += [flat[t + k]] if t + k < last and flat[t + k] > 0 else []
            assert target.weights[t] == pytest.approx(np.mean(own) if own else 0)


@pytest.mark.parametrize("parameters", [{}, {"horizon": 4}, {"window": None}, {"early_stopping": True}])
def test_nothing_is_trained_on_the_held_out_ends(rng, parameters):
    X = [ar2(n, rng)[0] for n in (200, 300, 150)]
    changed = [x.copy() for x in X]
    for x in changed:
        x[len(x) - round(0.2 * len(x)) :] = rng.normal(size=round(0.2 * len(x))) * 50
    if "early_stopping" in parameters:  # which epoch is kept is all that they may say
        parameters = parameters | {"tol": 0.0, "n_iter_no_change": 10, "max_iter": 1}
    a, b = detector(**parameters).fit(X), detector(**parameters).fit(changed)
    np.testing.assert_array_equal(a._theta, b._theta)
    assert (b.scale_ > 5 * a.scale_).all() and b.step_offset_ != a.step_offset_


def test_whole_short_sequences_are_held_out(rng):
    X = rng.normal(size=(40, 12))
    fitted = detector().fit(X)
    assert len(fitted._held_out_scores) == 8 and len(fitted._step_scores) == 8 * 11 and len(fitted._sequence_scores) == 40


def test_errors_are_learned_from_given_sequences(rng):
    x, wide = ar2(600, rng)[0], 30 * ar2(300, rng)[0]
    a, b = detector().fit([x], X_val=[x[:300]]), detector().fit([x], X_val=[wide])
    np.testing.assert_array_equal(a._theta, b._theta)
    assert b.scale_ > 10 * a.scale_ and b.validation_loss_curve_[0] > a.validation_loss_curve_[0]


def test_steps_of_weight_0_are_not_learned_from(rng):
    x = ar2(300, rng)[0]
    weights, changed = np.ones(300), x.copy()
    changed[239] = 1e3  # the last that is trained on, which only the held-out steps read
    weights[239] = 0
    # Statistics of what is read include it, so that the units are those of the data.
    a, b = (detector(standardize=False).fit([each], sample_weight=[weights]) for each in (x, changed))
    np.testing.assert_array_equal(a._theta, b._theta)


def test_sequences_of_weight_0_are_left_out(X):
    held_out = [x[:20] for x in X]
    a = detector().fit(X, sample_weight=[1, 1, 0, 1, 1], X_val=held_out)
    b = detector().fit([*X[:2], *X[3:]], X_val=held_out)
    assert_same_detector(a, b, X)


# ---- the model of the errors ----


def test_gaussian_errors_are_those_of_ledoit_and_wolf(rng):
    errors = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 3
    model = fit_error_model("gaussian", errors, np.full(4, 1e-9))
    z = standardised(model, errors)
    np.testing.assert_allclose(model["covariance_"], LedoitWolf(assume_centered=True).fit(z).covariance_, rtol=1e-9)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axis=0), 1)


def test_robust_errors_are_those_of_the_middle(rng):
    errors = rng.multivariate_normal([1, -2], [[4, 3], [3, 9]], size=4000)
    clean = fit_error_model("robust", errors, np.zeros(2))
    errors[:200] += 1000
    model = fit_error_model("robust", errors, np.zeros(2))
    np.testing.assert_allclose(model["location_"], [1, -2], atol=0.4)
    gaussian = fit_error_model("gaussian", errors, np.zeros(2))
    assert (gaussian["scale_"] > 50).all()
    # The least share of the standard deviation, that of 5 % outliers 1000 away, is 22.
    np.testing.assert_allclose(clean["scale_"], [2, 3], rtol=0.05)
    np.testing.assert_allclose(model["scale_"], gaussian["scale_"] / 10, rtol=1e-9)
    np.testing.assert_allclose(clean["covariance_"][0, 1], 0.5, atol=0.05)


def test_quantiles_make_skewed_errors_normal(rng):
    errors = rng.exponential(size=(5000, 1)) ** 2
    z = standardised(fit_error_model("quantile", errors, np.full(1, 1e-9)), rng.exponential(size=(20_000, 1)) ** 2)[:, 0]
    for q in (0.005, 0.1, 0.5, 0.9, 0.995):
        assert norm.cdf(np.quantile(z, q)) == pytest.approx(q, rel=0.25, abs=0.004)


@pytest.mark.parametrize("n", [10, 20, 50, 200, 2000, 5000])
def test_normal_scores_are_linear_between_quantiles_and_beyond_them(rng, n):
    model = fit_error_model("quantile", rng.normal(size=(n, 1)), np.full(1, 1e-9))
    errors = model["location_"] + model["scale_"] * model["quantiles_"][0]
    knots = standardised(model, errors[:, np.newaxis])[:, 0]
    np.testing.assert_allclose(np.diff(knots), 0.1, rtol=1e-6)
    np.testing.assert_allclose(knots, -knots[::-1], atol=1e-6)
    beyond = errors[[0, -1]] + np.array([-1e-9, 1e-9]) * model["scale_"]
    np.testing.assert_allclose(standardised(model, beyond[:, np.newaxis])[:, 0], knots[[0, -1]], atol=1e-6)


@error_models
def test_errors_of_a_constant_channel_have_a_scale(error_model):
    X = np.column_stack([np.sin(np.arange(300.0)), np.full(300, 5.0)])
    fitted = detector(error_model=error_model).fit([X])
    changed = X.copy()
    changed[200, 1] = 6
    scores = fitted.score_steps([changed])[0]
    assert np.nanargmin(scores) == 200 and np.isfinite(scores[1:]).all()
    assert fitted.score_steps([changed], channels=True)[0][200].argmin() == 1


@pytest.mark.parametrize("parameters", [{}, {"target": "reconstruct"}, {"horizon": 2, "dropout": 0.5}], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_channel_that_never_changes_is_predicted_exactly(rng, parameters, dtype):
    X = np.column_stack([rng.normal(size=300), np.full(300, 5.1)]).astype(dtype)
    fitted = detector(**parameters).fit([X])
    assert fitted.location_[1::2] == pytest.approx(0, abs=float(5.1 * np.finfo(dtype).eps))
    assert fitted.scale_[1::2] == pytest.approx(5.1e-3, rel=1e-6)
    X[200:, 1] += 0.05
    assert (fitted.predict_steps([X])[0][200:] == -1).all()


# ---- scores ----


@pytest.mark.parametrize("error_model", ["robust", "gaussian"])
def test_scores_tend_to_the_squared_innovations(rng, error_model):
    (x, _), (new, e) = ar2(4000, rng), ar2(3000, rng)
    fitted = LSTMOutlierDetector(16, error_model=error_model, smoothing=0, random_state=0).fit([x])
    scores = -fitted.score_steps([new])[0][20:]
    assert spearmanr(scores, e[20:] ** 2).statistic >= 0.98
    # As good as if the innovations were known, where a value is wrong.
    wrong = rng.random(3000) < 0.02
    shifted, innovation = new + 3 * wrong, (e + 3 * wrong) ** 2
    scores = -fitted.score_steps([shifted])[0]
    used = np.r_[20:3000]
    used = used[~(wrong[used - 1] | wrong[used - 2])]
    assert roc_auc_score(wrong[used], scores[used]) >= roc_auc_score(wrong[used], innovation[used]) - 0.01


def rate_of_alarms(make, seed, **parameters):
    rng = np.random.default_rng(seed)
    fitted = LSTMOutlierDetector(8, random_state=0, **parameters).fit([make(5000, rng)])
    predicted = fitted.predict_steps([make(20_000, rng)])[0]
    return (predicted == -1).mean()


SERIES = [lambda n, rng: ar2(n, rng)[0], ornstein_uhlenbeck, seasonal]


@pytest.mark.slow
@pytest.mark.parametrize("make", SERIES, ids=["ar2", "ou", "seasonal"])
def test_the_rate_of_alarms_is_as_asked_over_seeds(make):
    rates = [rate_of_alarms(make, seed, smoothing=0) for seed in range(20)]
    assert 0.005 <= min(rates) and max(rates) <= 0.02


@error_models
def test_the_rate_of_alarms_is_as_asked(error_model):
    assert 0.005 <= rate_of_alarms(SERIES[0], 1, error_model=error_model) <= 0.02


@error_models
@pytest.mark.parametrize("horizon", [1, 2])
def test_a_broken_correlation_is_found(rng, error_model, horizon):
    fitted = LSTMOutlierDetector(16, horizon=horizon, error_model=error_model, random_state=0).fit([two_channels(3000, rng)])
    new = two_channels(1000, rng)
    new[500:520, 1] = new[500:520, 1].mean() + new[500:520, 0].mean() - new[500:520, 0]
    normal = two_channels(1000, rng)
    assert fitted.score_steps([new])[0][500:520].mean() < 3 * np.nanmean(fitted.score_steps([normal])[0])


def test_blame_adds_up_and_is_that_of_the_channel(rng):
    fitted = LSTMOutlierDetector(8, max_iter=40, smoothing=0, random_state=0).fit([rng.normal(size=(1500, 3))])
    new = rng.normal(size=(100, 3))
    new[50, 1] += 12
    scores, blame = fitted.score_steps([new])[0], fitted.score_steps([new], channels=True)[0]
    assert blame.shape == (100, 3) and blame[50].argmin() == 1 and blame[50, 1] < 0.8 * scores[50]
    np.testing.assert_allclose(blame.sum(axis=1), scores, rtol=1e-9)
    smoothed = fitted.set_params(smoothing=0.5).fit([rng.normal(size=(1500, 3))])
    scores, blame = smoothed.score_steps([new])[0], smoothed.score_steps([new], channels=True)[0]
    sums = blame.sum(axis=1)
    np.testing.assert_allclose(scores[2:], 0.5 * scores[1:-1] + 0.5 * sums[2:], rtol=1e-9)


@pytest.mark.parametrize("parameters", [{}, {"horizon": 3}, {"smoothing": 0.5}, {"error_model": "quantile"}])
def test_scores_do_not_depend_on_the_batch_or_on_what_follows(rng, X, parameters):
    fitted = detector(**parameters).fit(X)
    scores = fitted.score_steps(X)
    for i, x in enumerate(X):
        np.testing.assert_array_equal(fitted.score_steps([x])[0], scores[i])
        np.testing.assert_array_equal(fitted.score_steps([x[:6]])[0], scores[i][:6])
    order = rng.permutation(len(X))
    np.testing.assert_array_equal(fitted.score_samples([X[i] for i in order]), fitted.score_samples(X)[order])


def test_scores_have_the_form_of_X(rng):
    table = rng.normal(size=(12, 10))
    fitted = detector().fit(table)
    flat = fitted.score_steps(table)
    assert flat.shape == (12, 10) and np.isnan(flat[:, 0]).all() and not np.isnan(flat[:, 1:]).any()
    of_list = fitted.score_steps([row[:, np.newaxis] for row in table])
    of_sequences = fitted.score_steps(Sequences.from_list(list(table)))
    assert isinstance(of_list, list) and isinstance(of_sequences, Sequences)
    np.testing.assert_array_equal(np.stack(of_list), flat)
    np.testing.assert_array_equal(of_sequences.values[:, 0], flat.ravel())
    np.testing.assert_array_equal(fitted.score_steps(table[:, :, np.newaxis]), flat)
    assert fitted.score_steps(table, channels=True).shape == (12, 10, 1)
    named = Sequences.from_list(list(rng.normal(size=(4, 20, 2))))
    named.channel_names = ["rpm", "oil"]
    assert detector().fit(named).score_steps(named, channels=True).channel_names == ["rpm", "oil"]
    steps = fitted.predict_steps(table)
    assert set(np.unique(steps)) <= {-1, 1} and (steps[:, 0] == 1).all()
    np.testing.assert_array_equal(steps == -1, flat < fitted.step_offset_)


@pytest.mark.parametrize("aggregation", ["mean", "max", "top"])
def test_scores_of_sequences_are_those_of_their_steps(X, aggregation):
    fitted = detector(aggregation=aggregation).fit(X)
    parts = [np.sort(scores[~np.isnan(scores)]) for scores in fitted.score_steps(X)]
    slow = {"mean": np.mean, "max": np.min, "top": lambda s: s[: int(np.ceil(0.1 * len(s)))].mean()}[aggregation]
    np.testing.assert_allclose(fitted.score_samples(X), [slow(part) for part in parts])
    np.testing.assert_array_equal(fitted.decision_function(X), fitted.score_samples(X) - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(X), np.where(fitted.decision_function(X) < 0, -1, 1))


@pytest.mark.parametrize("missing", ["indicator", "decay"])
def test_missing_values_have_no_error(rng, missing):
    def with_holes(n):
        x = two_channels(n, rng)
        x[rng.random(x.shape) < 0.2] = np.nan
        return x

    fitted = LSTMOutlierDetector(8, missing=missing, smoothing=0, random_state=0).fit([with_holes(3000)])
    new = two_channels(300, rng)
    new[100, 0], new[101] = np.nan, np.nan
    scores, blame = fitted.score_steps([new])[0], fitted.score_steps([new], channels=True)[0]
    assert np.isnan(scores[[0, 101]]).all() and np.isfinite(scores[[100, 102]]).all()
    assert np.isnan(blame[100, 0]) and blame[100, 1] == pytest.approx(scores[100])
    x = with_holes(10_000)
    alarms, lacks = fitted.predict_steps([x])[0] == -1, np.isnan(x).any(axis=1)
    assert 0.004 < alarms.mean() < 0.02 and alarms[lacks].mean() < 0.03 and alarms[~lacks].mean() < 0.03


def test_score_is_the_share_of_deviations_that_is_explained(rng):
    x = two_channels(400, rng)
    fitted = detector().fit([x])
    errors = fitted._errors([x])[2][1:, 0]
    assert fitted.score([x]) == pytest.approx(d2_absolute_error_score(x[1:], x[1:] - errors))
    assert fitted.score([x], y="ignored") == fitted.score([x])


# ---- thresholds ----


@pytest.mark.parametrize("distribution", [chi2(1), chi2(8), expon(), uniform()])
def test_a_threshold_of_steps_is_a_quantile_of_what_they_are_drawn_from(rng, distribution):
    scores = -distribution.rvs(20_000, random_state=rng)
    for rate in (0.002, 0.01, 0.05, 0.2):
        assert distribution.sf(-threshold_of_steps(*kept(scores), rate)) == pytest.approx(rate, rel=0.2)
    assert threshold_of_steps(*kept(-np.ones(1000)), 0.01) == -1
    assert threshold_of_steps(*kept(-np.arange(99.0)), 0.01) == -98


def test_contamination_is_the_share_of_training_sequences(rng):
    X = rng.normal(size=(50, 8)).cumsum(axis=1)
    for contamination in (0.02, 0.1, 0.5):
        assert (detector(contamination=contamination).fit_predict(X) == -1).sum() == 50 * contamination


def test_a_threshold_is_set_without_training(rng):
    X, new = rng.normal(size=(50, 8)).cumsum(axis=1), rng.normal(size=(30, 8)).cumsum(axis=1)
    fitted = detector(contamination=0.1).fit(X)
    before, parameters = copy.deepcopy(vars(fitted)), fitted.get_params()
    assert fitted.set_threshold(contamination=0.2) is fitted
    assert (fitted.predict(X) == -1).sum() == 10 and fitted.step_offset_ == before["step_offset_"]
    fitted.set_threshold(new, contamination=0.5, alarm_rate=0.2)
    assert (fitted.predict(new) == -1).sum() == 15
    assert (fitted.predict_steps(new) == -1).mean() == pytest.approx(0.2 * 7 / 8, abs=0.01)
    again = clone(fitted).set_params(contamination=0.2, alarm_rate=0.05).fit(X)
    fitted.set_threshold(contamination=0.2, alarm_rate=0.05)
    assert (fitted.offset_, fitted.step_offset_) == (again.offset_, again.step_offset_)
    fitted.set_threshold()
    for name, value in before.items():
        if name != "_state":
            np.testing.assert_equal(vars(fitted)[name], value, err_msg=name)
    assert fitted.get_params() == parameters


# ---- streams ----


def series_of_all_kinds(rng, dtype):
    """Numbers with holes, a category, static features and times."""
    lengths = (30, 1, 14, 25, 40)
    values = rng.normal(size=(sum(lengths), 3)).astype(dtype)
    values[:, 1] = rng.integers(4, size=len(values))
    values[rng.random(len(values)) < 0.2, 2] = np.nan
    X = Sequences(values, np.r_[0, np.cumsum(lengths)], times=np.arange(len(values)) ** 1.5)
    return with_static(X, {"age": np.arange(5.0)})


def assert_streams(fitted, X):
    for x, expected in zip(X, fitted.score_steps(X), strict=True):
        stream = fitted.stream()
        got = np.concatenate([stream.step(x_t) for x_t in x])
        np.testing.assert_array_equal(got, np.ravel(expected))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"horizon": 3, "smoothing": 0.5, "num_layers": 2}, {"error_model": "quantile", "cell": "gru", "standardize": False}],
)
def test_a_stream_has_the_bits_of_the_batch(X, dtype, parameters):
    X = [x.astype(dtype) for x in X]
    assert_streams(detector(**parameters).fit(X), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_of_all_kinds_has_the_bits_of_the_batch(rng, dtype):
    X = series_of_all_kinds(rng, dtype)
    fitted = detector(categorical_features=[1], missing="indicator", horizon=2, smoothing=0.2).fit(X)
    assert fitted.score_steps(X, channels=True).n_channels == 2
    scores = fitted.score_steps(X)
    for i in range(len(X)):
        stream = fitted.stream(static={"age": float(i)})
        first = X.offsets[i]
        for t, x_t in enumerate(X[i]):
            np.testing.assert_array_equal(stream.step(x_t, time=X.times[first + t]), scores[i][t])


def test_streams_side_by_side_restart_copy_and_pickle(rng):
    X = rng.normal(size=(4, 20, 2))
    fitted = detector(horizon=2, smoothing=0.4).fit(X)
    expected = fitted.score_steps(X)
    stream = fitted.stream()
    assert stream.state is None and stream.n_streams is None
    for t in range(10):
        np.testing.assert_array_equal(stream.step(X[:, t]), expected[:, t])
    others = [copy.deepcopy(stream), pickle.loads(pickle.dumps(stream)), fitted.stream()]
    others[2].state = stream.state
    stream.reset([1])
    for t in range(10, 20):
        got = stream.step(np.vstack([X[0, t], X[1, t - 10], X[2:, t]]))
        np.testing.assert_array_equal(got[[0, 2, 3]], expected[[0, 2, 3], t])
        np.testing.assert_array_equal(got[1], expected[1, t - 10])
        for other in others:
            np.testing.assert_array_equal(other.step(X[:, t]), expected[:, t])
    stream.reset()
    np.testing.assert_array_equal(stream.step(X[0, 0]), [np.nan])


def test_a_refused_step_leaves_the_stream_as_it_was(X):
    fitted = detector().fit(X)
    stream, expected = fitted.stream(), fitted.score_steps(X)[0]
    for t, x_t in enumerate(X[0][:5]):
        for wrong in ([np.nan, 0.0], [0.0], "text"):
            with pytest.raises(ValueError):
                stream.step(wrong)
        np.testing.assert_array_equal(stream.step(x_t), expected[t])
    state = stream.state
    of_shape, infinite = {"detector.predictions": np.zeros((1, 1))}, {"detector.smoothed": np.array([-np.inf])}
    for wrong in ({}, {"n_steps": [1]}, state | of_shape, state | infinite, 5):
        with pytest.raises(ValueError):
            stream.state = wrong
    np.testing.assert_array_equal(stream.step(X[0][5]), expected[5])


# ---- the estimator ----


def assert_same_detector(a, b, X):
    np.testing.assert_array_equal(a._theta, b._theta)
    for method in ("score_samples", "predict", "decision_function"):
        np.testing.assert_array_equal(getattr(a, method)(X), getattr(b, method)(X))
    for one, other in zip(a.score_steps(X), b.score_steps(X), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (a.offset_, a.step_offset_) == (b.offset_, b.step_offset_)


@error_models
def test_saved_and_pickled_detectors_are_the_same(X, tmp_path, error_model):
    fitted = detector(error_model=error_model, warm_start=True).fit(X)
    save(fitted, tmp_path / "model.npz")
    for other in (load(tmp_path / "model.npz"), pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert_same_detector(fitted, other, X)
        assert_same_detector(copy.deepcopy(fitted).fit(X), other.fit(X), X)
    del fitted.covariance_
    with pytest.raises(ValueError, match="could not be loaded again"):
        save(fitted, tmp_path / "model.npz")


def test_bits_do_not_depend_on_threads(rng):
    X = [rng.normal(size=(n, 3)) for n in (400, 900, 700)]
    a, b = (LSTMOutlierDetector(32, max_iter=2, n_jobs=n_jobs, random_state=0).fit(X) for n_jobs in (1, 2))
    assert_same_detector(a, b, X)


def test_a_checkpoint_continues(X, tmp_path, monkeypatch):
    path, whole = tmp_path / "fit.npz", detector(max_iter=6).fit(X)
    interrupted = detector(max_iter=6, checkpoint=path, verbose=2)
    import sklstm.training.loop

    run_epoch = sklstm.training.loop._run_epoch

    def interrupt(gradient, optimizer, state, config, epoch):
        if epoch == 3:
            raise KeyboardInterrupt
        return run_epoch(gradient, optimizer, state, config, epoch)

    monkeypatch.setattr(sklstm.training.loop, "_run_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(X)
    assert interrupted.n_iter_ == 3 and len(interrupted.score_samples(X)) == len(X)  # whole, with thresholds
    monkeypatch.setattr(sklstm.training.loop, "_run_epoch", run_epoch)
    assert_same_detector(detector(max_iter=6, checkpoint=path).fit(X), whole, X)


def test_warm_start_continues(X):
    fitted = detector(warm_start=True).fit(X)
    assert fitted.fit(X).n_iter_ == 6
    with pytest.raises(ValueError, match="cannot continue"):
        fitted.set_params(horizon=2).fit(X)


def test_chunks_are_trained_on(rng):
    chunks = [[10 * ar2(300, rng)[0] + 5] for _ in range(6)]
    fitted = detector()
    for chunk in chunks:
        fitted.partial_fit(chunk)
    assert fitted.n_iter_ == 6 and fitted.score(chunks[0]) > detector().partial_fit(chunks[0]).score(chunks[0])
    again = detector().partial_fit(chunks[0])
    refuses(again, lambda: again.partial_fit([np.zeros((50, 2))]), ["2 channels", "1 channels"])


def test_in_searches_and_pipelines(rng):
    X = [ar2(200, rng)[0][:, np.newaxis] for _ in range(4)]
    pipeline = make_pipeline(PerStep(StandardScaler()), detector())
    search = GridSearchCV(pipeline, {"lstmoutlierdetector__hidden_size": [2, 4]}, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == (4,) and search.best_estimator_.score_samples(X).shape == (4,)


def test_the_length_of_a_fit_is_chosen_on_what_is_held_out(rng):
    fitted = LSTMOutlierDetector(4, random_state=0).fit([ar2(1500, rng)[0]])
    assert len(fitted.max_iter_trials_) >= 1 and fitted.n_iter_ in [trial["max_iter"] for trial in fitted.max_iter_trials_]


def test_parameters_are_those_of_the_regressor():
    from sklstm import LSTMRegressor

    own, of_regressor = (inspect.signature(estimator).parameters for estimator in (LSTMOutlierDetector, LSTMRegressor))
    different = {name for name in own.keys() & of_regressor.keys() if own[name].default != of_regressor[name].default}
    assert different == {"hidden_size", "learning_rate_init", "loss", "validation_fraction"}
    assert of_regressor.keys() - own.keys() == {"pooling", "return_sequences", "quantile", "n_components", "bptt_steps"}


# ---- bad input ----


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"contamination": 0.0}, ["contamination", "0.0"]),
        ({"contamination": 0.6}, ["contamination", "0.6"]),
        ({"contamination": "half"}, ["contamination", "half"]),
        ({"alarm_rate": 0.0}, ["alarm_rate"]),
        ({"horizon": 0}, ["horizon", "0"]),
        ({"window": 1}, ["window", "1"]),
        ({"smoothing": 1.0}, ["smoothing"]),
        ({"target": "last"}, ["target", "next"]),
        ({"aggregation": "sum"}, ["aggregation", "mean"]),
        ({"error_model": "student"}, ["error_model", "robust"]),
        ({"bidirectional": True}, ["bidirectional=False", "next"]),
    ],
)
def test_wrong_parameters_are_refused(X, parameters, says):
    estimator = detector(**parameters)
    refuses(estimator, lambda: estimator.fit(X), says)


def test_what_cannot_be_learned_from_is_refused(rng, X):
    estimator = detector()
    refuses(estimator, lambda: estimator.fit([x[:1] for x in X]), ["1 step", "at least 2 steps"])
    refuses(estimator, lambda: estimator.fit([rng.normal(size=(3, 2))]), ["too short", "3 steps", "X_val"])
    refuses(estimator, lambda: estimator.fit(X, sample_weight=[0] * 5), ["sample_weight"])
    refuses(estimator, lambda: estimator.fit(X, X_val=[x[:1] for x in X]), ["X_val", "at least 2 steps"])
    refuses(estimator, lambda: estimator.fit(X, sample_weight_val=[1] * 5), ["X_val is not given"])
    far = detector(horizon=40)
    refuses(far, lambda: far.fit(X), ["horizon=40", "40", "smaller"])
    category = detector(categorical_features="all")
    refuses(category, lambda: category.fit([rng.integers(3, size=30)]), ["no numeric channel"])
    for method in ("score_samples", "predict", "score_steps", "predict_steps", "decision_function", "set_threshold", "score"):
        with pytest.raises(NotFittedError):
            getattr(detector(), method)(X)
    with pytest.raises(NotFittedError):
        detector().stream()


def test_what_cannot_be_scored_is_refused(rng, X):
    fitted = detector().fit(X)
    refuses(fitted, lambda: fitted.score_samples([X[0], X[1][:1]]), ["Sequence 1", "1 step"])
    refuses(fitted, lambda: fitted.score_steps([rng.normal(size=(9, 3))]), ["3 channels", "2 channels"])
    refuses(fitted, lambda: fitted.set_threshold(contamination=0.7), ["contamination", "0.7"])
    refuses(fitted, lambda: fitted.set_threshold([X[0][:1]], alarm_rate=0.1), ["no step"])
    assert np.isnan(fitted.score_steps([X[0][:1]])[0]).all() and (fitted.predict_steps([X[0][:1]])[0] == 1).all()
