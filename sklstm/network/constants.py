"""The constant scores with the smallest loss: what a network predicts that has learned nothing from X."""

import numpy as np
from scipy.optimize import minimize

from .structure import Chain


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


def loss_of_constant(loss, scores, targets, weights, lengths=None):
    """Weighted mean of the loss where all samples have the same scores (n_scores,), in sequences of these lengths if it is one of
    whole sequences."""
    rows = np.tile(scores.astype(targets.dtype), (len(targets), 1))
    chain = None if lengths is None else Chain(None, np.ascontiguousarray(lengths, np.intp))
    return loss.value_and_gradient(rows, targets, weights, weights.sum(), np.empty_like(rows), chain) / weights.sum()


def constant_chain(targets, weights, lengths, n_labels):
    """The structure of a chain that says how often labels follow each other, whatever X is.

    Its scores are the logarithms of the frequencies with which labels begin sequences and follow each other, after one more
    observation each of the frequencies of all labels.

    Parameters
    ----------
    targets : ndarray of shape (n_samples, 1)
    weights : ndarray of shape (n_samples,)
        0 where there is no label.
    lengths : ndarray of int of shape (n_sequences,)
    n_labels : int

    Returns
    -------
    ndarray of shape (n_labels + 2, n_labels)
    """
    codes, is_first = targets[:, 0].astype(np.intp), np.zeros(len(targets), dtype=bool)
    is_first[np.r_[0, np.cumsum(lengths)[:-1]]] = True
    counts = np.zeros((n_labels + 2, n_labels))
    begins, pairs = is_first & (weights > 0), (weights[1:] > 0) & (weights[:-1] > 0) & ~is_first[1:]
    np.add.at(counts[n_labels], codes[begins], weights[begins])
    np.add.at(counts, (codes[:-1][pairs], codes[1:][pairs]), weights[1:][pairs])
    labelled = weights > 0
    frequencies = np.bincount(codes[labelled], weights[labelled], minlength=n_labels) / weights[labelled].mean() + 1e-3
    counts[:-1] = counts[:-1] / weights[labelled].mean() + frequencies / frequencies.sum()
    counts[:-1] /= counts[:-1].sum(axis=1, keepdims=True)
    return np.vstack([np.log(counts[:-1]), np.zeros(n_labels)]).astype(targets.dtype)


def loss_of_chain(loss, structure, targets, weights, lengths):
    """Weighted mean of a loss of whole sequences where all scores but those of the structure are 0."""
    scores = np.zeros((len(targets), structure.shape[1]), targets.dtype)
    chain = Chain(structure, np.ascontiguousarray(lengths, np.intp))
    return loss.value_and_gradient(scores, targets, weights, weights.sum(), np.empty_like(scores), chain) / weights.sum()


# Sequences of which a constant is made, and rounds of expectation and maximisation, the likelihood of which hardly rises further.
MOST_SEQUENCES, ROUNDS = 256, 20


def constant_scores_of_labels(loss, targets, weights, lengths, n_scores):
    """The scores of every step with the smallest loss of labels without their steps, whatever X is.

    Their probabilities are the expected shares of the labels and of blank in the alignments that they make likely, which is
    repeated from equal ones (Dempster, Laird and Rubin 1977).

    Parameters
    ----------
    loss : Loss
    targets : ndarray of shape (n_samples, 1)
    weights : ndarray of shape (n_samples,)
    lengths : ndarray of int of shape (n_sequences,)
    n_scores : int

    Returns
    -------
    ndarray of shape (n_scores,)
    """
    ends = np.cumsum(lengths)
    weighted = np.flatnonzero(weights[ends - lengths] > 0)
    chosen = weighted[:: -(-len(weighted) // MOST_SEQUENCES)]
    rows = np.concatenate([np.arange(ends[i] - lengths[i], ends[i]) for i in chosen])
    targets, weights = targets[rows].astype(np.float64), weights[rows]
    chain, gradient = Chain(None, np.ascontiguousarray(lengths[chosen], np.intp)), np.empty((len(rows), n_scores))
    p = np.full(n_scores, 1 / n_scores)
    for _ in range(ROUNDS):
        scores = np.tile(np.log(p), (len(rows), 1))
        loss.value_and_gradient(scores, targets, weights, weights.sum(), gradient, chain)
        p = np.maximum(p - gradient.sum(axis=0), 1e-6)  # the gradient is p minus those shares
        p /= p.sum()
    return np.log(p)
