"""fairlearn: its reductions fit with weights of samples; its metrics compare groups."""

import numpy as np
import pytest
from clients.easy import FORMS, MARKS, D, N, classifier, flattened, problem
from fairlearn.metrics import MetricFrame, demographic_parity_difference, selection_rate
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import DemographicParity, ExponentiatedGradient
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = MARKS

# Its post-processing makes an array of X.
EVERY_FORM = {"3-D": FORMS["3-D"], "list": FORMS["list"], "flat": flattened}


def unequal():
    """X, 0/1 labels, and the group that each sample belongs to: "a" has more ones than "b"."""
    X, y, _ = problem()
    y = (y == "rises").astype(int)
    return X, y, np.where(np.random.default_rng(0).random(N) < 0.3 + 0.5 * y, "a", "b")


@pytest.mark.parametrize("name", EVERY_FORM)
def test_selection_with_equal_rates(name):
    X, y, groups = unequal()
    X, n_channels = EVERY_FORM[name](X), D if name == "flat" else 1
    plain = classifier(n_channels=n_channels).fit(X, y).predict(X)
    fair = ThresholdOptimizer(estimator=classifier(n_channels=n_channels), predict_method="predict_proba")
    fair.fit(X, y, sensitive_features=groups)
    fair = fair.predict(X, sensitive_features=groups, random_state=0)
    before, after = (demographic_parity_difference(y, each, sensitive_features=groups) for each in (plain, fair))
    assert before > 0.3 and after < 0.15


@pytest.mark.parametrize("form", [np.asarray, flattened], ids=["3-D", "flat"])
def test_reductions(form):
    X, y, groups = unequal()
    model = classifier(n_channels=D if form is flattened else 1)
    before = demographic_parity_difference(y, model.fit(form(X), y).predict(form(X)), sensitive_features=groups)
    fair = ExponentiatedGradient(model, DemographicParity(), max_iter=5)
    fair.fit(form(X), y, sensitive_features=groups)
    predicted = fair.predict(form(X), random_state=0)
    assert demographic_parity_difference(y, predicted, sensitive_features=groups) < 0.5 * before


def test_a_pipeline_takes_the_weights_by_a_name_of_its_own():
    X, y, groups = unequal()
    model = make_pipeline(StandardScaler(), classifier(n_channels=D))
    with pytest.raises((TypeError, ValueError), match="sample_weight"):
        ExponentiatedGradient(model, DemographicParity(), max_iter=1).fit(flattened(X), y, sensitive_features=groups)
    named = ExponentiatedGradient(model, DemographicParity(), max_iter=3, sample_weight_name="lstmclassifier__sample_weight")
    assert np.mean(named.fit(flattened(X), y, sensitive_features=groups).predict(flattened(X), random_state=0) == y) > 0.5


def test_metrics_by_group():
    X, y, groups = unequal()
    frame = MetricFrame(
        metrics={"accuracy": accuracy_score, "rate": selection_rate},
        y_true=y,
        y_pred=classifier().fit(X, y).predict(X),
        sensitive_features=groups,
    )
    assert (frame.by_group["accuracy"] > 0.8).all() and frame.difference()["rate"] > 0.3
