"""Names of the losses and scores of an estimator for the axes of displays, with their units."""

from ...estimators.base import BaseRecurrent
from ...network import LOSSES


def loss_name(estimator):
    """Name of what training minimised."""
    if LOSSES[estimator._network_spec["loss"]].units is None:
        return "Loss (nats)"
    return "Loss (y in\nstandard units)" if estimator._network_spec["standardize"] else "Loss (units of y)"


def score_name(estimator):
    """Name of what the method `score` returns."""
    if not isinstance(estimator, BaseRecurrent):
        return "score"
    return LOSSES[estimator._network_spec["loss"]].score_name
