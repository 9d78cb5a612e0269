"""The losses, by name: value and gradient on the head's scores, and the link to what an estimator predicts.

Targets are one array (n_samples, width) of the scores' dtype. Formulas stand at the kernels in `_losses.pyx`.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit, log_softmax

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
    units : {"affine", "log"} or None
        How scores follow when targets are measured in other units: as targets do; by the logarithm of their scale; or
        targets have no units.
    """

    value_and_gradient: callable
    inverse_link: callable
    log_inverse_link: callable = None
    units: str | None = None


def _both_classes(scores):
    out = np.empty((len(scores), 2), scores.dtype)
    _losses.both_classes(scores, out)
    return out


def _softmax(scores):
    out = np.empty_like(scores)
    _losses.softmax(scores, out)
    return out


def _as_they_are(scores):
    return scores


def _in_order(scores):
    # Quantiles that cross are put in order, which takes them closer to the true ones (Chernozhukov, Fernandez-Val and
    # Galichon 2010, "Quantile and probability curves without crossing", Econometrica 78).
    return np.sort(scores, axis=1)


# 95 % efficiency for normal errors of unit scale (Huber 1964; Holland and Welsch 1977).
HUBER_DELTA = 1.345

LOSSES = {
    "binary_log_loss": Loss(
        _losses.binary_log_loss, _both_classes, lambda scores: np.hstack([log_expit(-scores), log_expit(scores)])
    ),
    "multilabel_log_loss": Loss(_losses.binary_log_loss, expit, log_expit),
    "multinomial_log_loss": Loss(
        _losses.multinomial_log_loss, _softmax, lambda scores: log_softmax(scores, axis=1)
    ),
    "squared_error": Loss(_losses.squared_error, _as_they_are, units="affine"),
    "absolute_error": Loss(_losses.absolute_error, _as_they_are, units="affine"),
    "huber": Loss(partial(_losses.huber, delta=HUBER_DELTA), _as_they_are, units="affine"),
    "quantile": Loss(partial(_losses.quantile, quantiles=np.array([0.5])), _as_they_are, units="affine"),
    "quantiles": Loss(partial(_losses.quantile, quantiles=np.array([0.1, 0.5, 0.9])), _in_order, units="affine"),
    "poisson": Loss(partial(_losses.poisson, factors=np.ones(1)), np.exp, units="log"),
}


def make_loss(name, **parameters):
    """The loss of that name with other parameters than its own.

    Parameters
    ----------
    name : str
    **parameters
        ``smoothing`` (float) of the log-losses; ``quantiles`` (list of float, ascending) of the quantile losses: one for
        all outputs with "quantile", one per score with "quantiles"; ``factors`` (list of float) of "poisson", which
        multiply the loss of each output.
    """
    loss = LOSSES[name]
    if not parameters:
        return loss
    arrays = {key: np.array(value) if isinstance(value, list) else value for key, value in parameters.items()}
    return loss._replace(value_and_gradient=partial(loss.value_and_gradient, **arrays))
