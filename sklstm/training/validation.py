"""`Validation`: what is measured on held-out data after every epoch."""

from dataclasses import dataclass

import numpy as np

from ..network import constant_chain, constant_scores, constant_scores_of_labels, loss_of_chain, loss_of_constant
from ..network.losses import Loss
from .data import Data
from .gradient import NonFinite

# The first plateau are validation losses that are lower than that of a constant by this share, or higher by that one. To both
# comes one over the number of validation sequences: about what the constant of a few of them is better by chance than that of
# the others.
LOWER, HIGHER = 0.01, 0.25


@dataclass(frozen=True, eq=False)
class Validation:
    """Held-out data, and how to score the outputs of the network for them.

    Attributes
    ----------
    data : Data
    loss : Loss
        Of the targets as they are, without label smoothing.
    score : callable
        ``score(scores, chain) -> float``, larger is better; `chain` is None for a network without a structure.
    """

    data: Data
    loss: Loss
    score: callable

    def measure(self, network, theta, n_threads):
        """Loss and score as entries of the history. Raises NonFinite if the outputs are not finite."""
        data = self.data
        scores, chain = data.scores(network, theta, n_threads), data.chain(network, theta)
        if not np.isfinite(scores).all():
            raise NonFinite
        weight = float(data.weights.sum())
        total = self.loss.value_and_gradient(scores, data.targets, data.weights, weight, np.empty_like(scores), chain)
        with np.errstate(over="ignore", invalid="ignore"):
            score = self.score(scores, chain)
        return {"validation_loss": total / weight, "validation_score": score}

    def plateau(self, network, training, tol):
        """Lowest and highest validation loss of a network that has learned nothing from X yet, right or wrong.

        Parameters
        ----------
        network : Network
        training : Data
            Whose targets the constant prediction is made of.
        tol : float
            Constants with a loss up to this are as good as a network can be; there is no plateau then.

        Returns
        -------
        tuple of float or None
        """
        data = self.data
        level = loss_of_best_constant(network, self.loss, training, data.targets, data.weights, data.sequences.lengths)
        if abs(level) <= tol:
            return None
        return level - (LOWER + 1 / len(data)) * abs(level), level + (HIGHER + 1 / len(data)) * abs(level)


def loss_of_best_constant(network, loss, training, targets, weights, lengths):
    """Mean loss, for some targets, of what a network predicts that has learned nothing from the X of training data.

    Parameters
    ----------
    network : Network
    loss : Loss
    training : Data
    targets, weights : ndarray of shape (n_samples, width) and (n_samples,)
    lengths : ndarray of int of shape (n_sequences,)
        For a loss of whole sequences, that of each of them.
    """
    if loss.is_unaligned:
        known = training.targets, training.weights, training.sequences.lengths
        return loss_of_constant(loss, constant_scores_of_labels(loss, *known, network.output_size), targets, weights, lengths)
    if loss.is_structured:  # which may learn how labels follow each other without any X
        structure = constant_chain(training.targets, training.weights, training.sequences.lengths, network.output_size)
        return loss_of_chain(loss, structure, targets, weights, lengths)
    used = training.weights > 0
    scores = constant_scores(loss, training.targets[used], training.weights[used], network.output_size)
    return loss_of_constant(loss, scores, targets, weights)
