"""The errors of detectors and the thresholds that they lead to, where values are few or missing, or rates are low."""

import numpy as np
import pytest
from scipy.stats import chi2
from test_outlier_detector import ar2, detector

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


# ---- thresholds ----


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
