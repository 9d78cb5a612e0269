"""`Validation`: what is measured on held-out data after every epoch."""

from dataclasses import dataclass

import numpy as np

from ..network import apply
from .data import Data
from .gradient import NonFinite


@dataclass(frozen=True, eq=False)
class Validation:
    """Held-out data, and how to score the outputs of the network for them.

    Attributes
    ----------
    data : Data
    score : callable
        ``score(scores) -> float``, larger is better.
    """

    data: Data
    score: callable

    def measure(self, network, loss, theta, n_threads):
        """Loss and score as entries of the history. Raises NonFinite if the outputs are not finite."""
        data = self.data
        scores = apply(network, theta, data.sequences, shift=data.shift, factor=data.factor, n_threads=n_threads)
        if not np.isfinite(scores).all():
            raise NonFinite
        weight = float(data.weights.sum())
        total = loss.value_and_gradient(scores, data.targets, data.weights, weight, np.empty_like(scores))
        with np.errstate(over="ignore", invalid="ignore"):
            score = self.score(scores)
        return {"validation_loss": total / weight, "validation_score": score}
