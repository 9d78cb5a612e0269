"""The errors of detectors and the thresholds that they lead to, where values are few or missing, or rates are low."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import chi2
from test_bad_input import refuses
from test_outlier_detector import ar2, detector

from sklstm.estimators.error_calibration import Calibration
from sklstm.estimators.error_model import distances, fit_error_model
from sklstm.estimators.step_scores import kept, threshold_of_steps

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# ---- missing values ----


def test_channels_that_are_seldom_there_together_have_a_covariance_that_can_be_inverted(rng):
    def series(n, holes):
        x = rng.normal(size=(n, 1)) + 0.2 * rng.normal(size=(n, 3))
        if holes:
            x[::2, 1], x[1::2, 2] = np.nan, np.nan
        return x

    fitted = detector(missing="indicator").fit([series(2000, holes=True)])
    assert np.linalg.eigvalsh(fitted.covariance_).min() > 0
    assert (fitted.predict_steps([series(5000, holes=False)])[0] == -1).mean() < 0.1  # whose correlation nobody has seen


@pytest.mark.parametrize("n_steps", [1, 2, 3, 5])
def test_sequences_shorter_than_the_horizon_are_scored_alone(rng, n_steps):
    fitted = detector(horizon=5).fit([ar2(300, rng)[0]])
    x = ar2(n_steps, rng)[0]
    scores = fitted.score_steps([x])[0]
    np.testing.assert_array_equal(scores, fitted.score_steps([x, ar2(30, rng)[0]])[0])
    assert len(scores) == n_steps and np.isfinite(scores[1:]).all()


# ---- few held-out errors ----


def test_a_channel_that_is_silent_at_the_end_is_scored_by_the_errors_before(rng):
    X = np.column_stack([ar2(800, rng)[0], rng.normal(size=800)])
    X[600:, 1] = np.nan
    with pytest.warns(UserWarning, match="channel 1: their scale is that of the errors in all of X"):
        fitted = detector(missing="indicator").fit([X])
    new = np.column_stack([ar2(2000, rng)[0], rng.normal(size=2000)])
    assert 0.5 < fitted.scale_[1] < 2 and (fitted.predict_steps([new])[0] == -1).mean() < 0.05


@pytest.mark.parametrize("error_model", ["robust", "gaussian", "quantile"])
def test_a_channel_with_few_values_is_left_out(rng, error_model):
    x, laboratory = ar2(700, rng)[0], np.full(700, np.nan)
    laboratory[50::100] = 10 + rng.normal(size=7)
    with pytest.warns(UserWarning, match="channel 1: and too few in all of X, they are left out"):
        fitted = detector(missing="indicator", error_model=error_model).fit([np.column_stack([x, laboratory])])
    new = np.column_stack([ar2(300, rng)[0], np.full(300, 10.0)])
    scores, parts = fitted.score_steps([new])[0], fitted.score_steps([new], channels=True)[0]
    assert np.isnan(fitted.scale_[1]) and np.isnan(parts[:, 1]).all()
    np.testing.assert_allclose(parts[1:, 0], scores[1:])
    assert (fitted.predict_steps([new])[0] == -1).mean() < 0.1
    stream = fitted.stream()
    np.testing.assert_array_equal([stream.step(x_t)[0] for x_t in new[:20]], scores[:20])


def test_leads_that_are_never_trained_are_refused(rng):
    x = ar2(100, rng)[0]
    refuses(estimator := detector(horizon=90), lambda: estimator.fit([x]), ["horizon=90", "more than 79 steps", "horizon=79"])
    assert np.isfinite(detector(horizon=79).fit([x]).step_offset_)


def test_what_has_too_few_errors_is_refused(rng):
    estimator, x = detector(missing="indicator"), ar2(800, rng)[0]
    refuses(estimator, lambda: estimator.fit([x[:10]]), ["9 errors", "longer sequences"])
    x[640:] = np.nan
    refuses(estimator, lambda: estimator.fit([x]), ["too few values", "0 to learn the size of errors", "X_val"])


# ---- thresholds ----


def test_few_held_out_steps_are_scored_by_models_of_the_others(rng):
    mixing = rng.normal(size=(20, 20))
    errors = rng.normal(size=(300, 20)) @ mixing
    own = fit_error_model("gaussian", errors, np.zeros(20))
    calibration = SimpleNamespace(error_model="gaussian")
    scores = Calibration._unseen_scores(calibration, own, errors, np.arange(300), errors, np.zeros(20))
    new = -distances(own, rng.normal(size=(20_000, 20)) @ mixing)[0]
    assert (new < np.quantile(-distances(own, errors)[0], 0.05)).mean() > 0.07
    assert (new < np.quantile(scores, 0.05)).mean() < 0.06


def test_rates_that_need_more_held_out_steps_are_warned_of(rng):
    x = ar2(600, rng)[0]
    with pytest.warns(UserWarning, match="alarm_rate=0.001 needs the scores of 999 held-out steps, got 120"):
        fitted = detector(alarm_rate=0.001).fit([x])
    with pytest.warns(UserWarning, match="got 599"):
        fitted.set_threshold([x], alarm_rate=0.001)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        fitted.set_threshold([x], alarm_rate=0.002)


def test_few_held_out_sequences_call_few_new_ones_abnormal(rng):
    def series(n):
        return rng.normal(size=(n, 58)) + 0.3 * rng.normal(size=(n, 58)).cumsum(axis=1)

    rates = [(detector(max_iter=1).fit(series(50)).predict(series(200)) == -1).mean() for _ in range(6)]
    assert np.median(rates) < 0.04  # below the lowest of 10 would be 1 / 11



@pytest.mark.parametrize("n", [100, 9_999, 200_000])
def test_low_rates_are_exact_for_many_scores(rng, n):
    scores = -rng.chisquare(3, size=n)
    for rate in np.logspace(np.log10(2 / n), -0.3, 10):
        threshold = threshold_of_steps(*kept(scores), rate)
        if rate * n >= 100:
            assert threshold == pytest.approx(np.quantile(scores, rate, method="weibull"), rel=1e-3)
        assert chi2(3).sf(-threshold) == pytest.approx(rate, rel=0.25, abs=2 / n)


def test_scores_and_thresholds_are_by_the_parameters_of_the_fit(rng):
    X, new = rng.normal(size=(40, 12)), rng.normal(size=(200, 12))
    fitted = detector(smoothing=0.3, contamination=0.1).fit(X)
    scores, predicted = fitted.score_samples(new), fitted.predict(new)
    fitted.set_params(aggregation="max", smoothing=0.9)
    np.testing.assert_array_equal(fitted.score_samples(new), scores)
    np.testing.assert_array_equal(fitted.set_threshold().predict(new), predicted)
    stream = fitted.stream()
    np.testing.assert_array_equal([stream.step([x_t])[0] for x_t in new[0]], fitted.score_steps(new[:1])[0])
