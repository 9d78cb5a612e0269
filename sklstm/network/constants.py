"""The constant scores with the smallest loss: what a network predicts that has learned nothing from X."""

import numpy as np
from scipy.optimize import minimize


def constant_scores(loss, targets, weights, n_scores):
    """The scores that, predicted for all samples, have the smallest loss.

    These are the log-odds of the class frequencies, the weighted mean, the median, the quantiles and so on. They are searched
    for by gradients, so that this holds for every loss.

    Parameters
    ----------
    loss : Loss
    targets : ndarray of shape (n_samples, width)
    weights : ndarray of shape (n_samples,)
        Positive in sum.
    n_scores : int

    Returns
    -------
    ndarray of shape (n_scores,)
    """
    if loss.decide:  # few targets are different
        which = targets[:, 0] if targets.shape[1] == 1 else np.unique(targets, axis=0, return_inverse=True)[1].ravel()
        _, first, which = np.unique(which, return_index=True, return_inverse=True)
        targets, weights = targets[first], np.bincount(which, weights)
    total_weight, gradient = weights.sum(), np.empty((len(targets), n_scores), targets.dtype)

    def mean_loss(scores):
        rows = np.broadcast_to(scores.astype(targets.dtype), gradient.shape)
        total = loss.value_and_gradient(np.ascontiguousarray(rows), targets, weights, total_weight, gradient)
        return total / total_weight, gradient.sum(axis=0, dtype=np.float64)

    start = np.zeros(n_scores) if loss.first_scores is None else loss.first_scores(n_scores, targets.shape[1])
    return minimize(mean_loss, start, method="L-BFGS-B", jac=True).x


def loss_of_constant(loss, scores, targets, weights):
    """Weighted mean of the loss where all samples have the same scores (n_scores,)."""
    rows = np.tile(scores.astype(targets.dtype), (len(targets), 1))
    return loss.value_and_gradient(rows, targets, weights, weights.sum(), np.empty_like(rows)) / weights.sum()
