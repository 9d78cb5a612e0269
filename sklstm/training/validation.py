"""`Validation`: what is measured on held-out data after every epoch."""

from dataclasses import dataclass

import numpy as np

from ..network import constant_scores, loss_of_constant
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
        ``score(scores) -> float``, larger is better.
    """

    data: Data
    loss: Loss
    score: callable

    def measure(self, network, theta, n_threads):
        """Loss and score as entries of the history. Raises NonFinite if the outputs are not finite."""
        data = self.data
        scores = data.scores(network, theta, n_threads)
        if not np.isfinite(scores).all():
            raise NonFinite
        weight = float(data.weights.sum())
        total = self.loss.value_and_gradient(scores, data.targets, data.weights, weight, np.empty_like(scores))
        with np.errstate(over="ignore", invalid="ignore"):
            score = self.score(scores)
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
        used, data = training.weights > 0, self.data
        scores = constant_scores(self.loss, training.targets[used], training.weights[used], network.output_size)
        level = loss_of_constant(self.loss, scores, data.targets, data.weights)
        if abs(level) <= tol:
            return None
        return level - (LOWER + 1 / len(data)) * abs(level), level + (HIGHER + 1 / len(data)) * abs(level)
