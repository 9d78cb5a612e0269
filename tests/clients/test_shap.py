"""shap: its model-agnostic explainers take two dimensions; the columns of flattened sequences are steps and channels."""

import numba
import numpy as np
import pytest
from clients.easy import MARKS, D, T, classifier, flattened, problem, regressor

numba.config.DISABLE_JIT = True  # its loops are compiled for longer than they run here
import shap  # noqa: E402

numba.config.DISABLE_JIT = False

pytestmark = MARKS

N_EXPLAINED = 8


def of_classifier():
    X, y, _ = problem()
    return classifier(n_channels=D, max_iter=40).fit(flattened(X), y).predict_proba, flattened(X)


def of_regressor():
    X, _, y = problem()
    return regressor(n_channels=D, max_iter=40).fit(flattened(X), y).predict, flattened(X)


OUTPUTS = {"classifier": of_classifier, "regressor": of_regressor}


def assert_explains(values, base, predict, X):
    """That attributions (n, T * D[, n_classes]) add up to the outputs, and go to the channel and with the sign that count."""
    np.testing.assert_allclose(values.sum(axis=1) + base, predict(X), atol=1e-8)
    by_step = values.reshape(len(X), T, D, -1)[..., -1]  # of the class "rises", or of the rise itself
    sizes = np.abs(by_step).mean(axis=(0, 1))
    assert sizes[0] > 5 * sizes[1]
    # The rise is that of the second half over the first: what a value adds goes with it, with the sign of its half.
    values_in = X.reshape(len(X), T, D)[:, :, 0]
    for steps, sign in ((slice(0, T // 2), -1), (slice(T // 2, T), 1)):
        assert sign * np.corrcoef(values_in[:, steps].ravel(), by_step[:, steps, 0].ravel())[0, 1] > 0.5


@pytest.mark.parametrize("name", OUTPUTS)
def test_permutation_explainer(name):
    predict, X = OUTPUTS[name]()
    explainer = shap.PermutationExplainer(predict, shap.maskers.Independent(X, max_samples=30), seed=0)
    explanation = explainer(X[:N_EXPLAINED])
    assert explanation.values.shape[:2] == (N_EXPLAINED, T * D)
    assert_explains(explanation.values, explanation.base_values, predict, X[:N_EXPLAINED])


@pytest.mark.parametrize("name", OUTPUTS)
def test_kernel_explainer(name):
    predict, X = OUTPUTS[name]()
    background = X[:30]
    explainer = shap.KernelExplainer(predict, background, seed=0)
    # l1_reg=False: it is not to leave any column out.
    values = explainer.shap_values(X[:N_EXPLAINED], nsamples=400, l1_reg=False, silent=True)
    np.testing.assert_allclose(explainer.expected_value, predict(background).mean(axis=0))
    assert_explains(values, explainer.expected_value, predict, X[:N_EXPLAINED])
