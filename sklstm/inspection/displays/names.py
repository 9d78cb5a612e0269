"""What the losses and scores of an estimator are called, with their units."""

from ...estimators.base import BaseRecurrent
from ...network import LOSSES


def loss_name(estimator):
    """Of what training minimised."""
    if LOSSES[estimator._network_spec["loss"]].units is None:
        return "Loss (nats)"
    return "Loss (y in\nstandard units)" if estimator._network_spec["standardize"] else "Loss (units of y)"


def score_name(estimator):
    """Of its ``score``."""
    if not isinstance(estimator, BaseRecurrent):
        return "score"
    loss = estimator._network_spec["loss"]
    if LOSSES[loss].units is None:
        return "accuracy"
    return "share of pinball\nloss explained" if "quantile" in loss else "$R^2$"
