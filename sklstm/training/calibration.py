"""The temperature that calibrates probabilities."""

from math import exp, log

import numpy as np
from scipy.optimize import minimize_scalar

HOTTEST = 20.0  # temperatures are from 1 / HOTTEST to HOTTEST
TOLERANCE = 1e-4  # of the logarithm of the temperature


def fit_temperature(loss, scores, targets, weights, *, chain=None, prior=1.0):
    """The temperature that minimises the log-loss of scores divided by it.

    Parameters
    ----------
    loss : Loss
        One of the log-losses, without label smoothing: of the targets as they are.
    scores : ndarray of shape (n_samples, n_scores)
        Scores of samples that took no part in training.
    targets : ndarray of shape (n_samples,) or (n_samples, width)
        As the loss wants them: codes of classes, or label indicators.
    weights : ndarray of shape (n_samples,)
    chain : Chain, default=None
        Of the scores, for a loss of whole sequences; its scores are divided by the temperature too.
    prior : float, default=1.0
        Strength of the pull to the temperature 1, in observations of weight 1. With 0, samples whose scores are all right get the
        lowest temperature.

    Returns
    -------
    float
        From 1/20 to 20. Probabilities get closer to each other if it is above 1, and further apart if it is below.

    Notes
    -----
    Over log(T), the function minimised is sum_i w_i l(s_i / T, t_i) + prior log(T)^2, where l is the log-loss [1]_. The sum has
    one minimum. Where it disagrees with the prior, the function can have two: a grid finds the cell of the lower one.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger (2017), "On calibration of modern neural networks", ICML.
    """
    scores = np.ascontiguousarray(scores, dtype=np.float64)
    targets = np.ascontiguousarray(np.reshape(targets, (len(scores), -1)), dtype=np.float64)
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    value, scaled, dscores = loss.value_and_gradient, np.empty_like(scores), np.empty_like(scores)
    chain = None if chain is None else chain.in_dtype(np.float64)

    def penalized(log_temperature):
        np.multiply(scores, exp(-log_temperature), out=scaled)
        scaled_chain = None if chain is None else chain.divided_by(exp(log_temperature))
        return value(scaled, targets, weights, 1.0, dscores, scaled_chain) + prior * log_temperature**2

    grid = np.linspace(-log(HOTTEST), log(HOTTEST), 7)
    best = int(np.argmin([penalized(x) for x in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return exp(minimize_scalar(penalized, bounds=bounds, method="bounded", options={"xatol": TOLERANCE}).x)
