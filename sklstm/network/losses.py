"""The losses, by name: value and gradient on the head's scores, and the link to what an estimator answers.

Targets are one array (n_samples, width) of the scores' dtype. Formulas stand at the kernels in `_losses.pyx`.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax

from .._kernels import _losses


class Loss(NamedTuple):
    """A loss.

    Attributes
    ----------
    value_and_gradient : callable
        ``(scores, targets, weights, total_weight, dscores) -> float``: the weighted sum of the losses; dscores is
        overwritten by the gradient of that sum over ``total_weight``.
    inverse_link : callable
        Scores to probabilities, or to predictions.
    log_inverse_link : callable or None
        Scores to logarithms of probabilities, without the rounding to 0 in between.
    """

    value_and_gradient: callable
    inverse_link: callable
    log_inverse_link: callable = None


def _both_classes(scores):
    # Not 1 - p, which rounds a small probability away.
    return np.hstack([expit(-scores), expit(scores)])


LOSSES = {
    "binary_log_loss": Loss(
        _losses.binary_log_loss, _both_classes, lambda scores: np.hstack([log_expit(-scores), log_expit(scores)])
    ),
    "multilabel_log_loss": Loss(_losses.binary_log_loss, expit, log_expit),
    "multinomial_log_loss": Loss(
        _losses.multinomial_log_loss, lambda scores: softmax(scores, axis=1), lambda scores: log_softmax(scores, axis=1)
    ),
    "squared_error": Loss(_losses.squared_error, lambda scores: scores),
}
