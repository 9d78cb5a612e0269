"""`Task`: what an estimator makes of y."""

from dataclasses import dataclass

import numpy as np

from ..training import Data


@dataclass(frozen=True, eq=False)
class Task:
    """What an estimator makes of y.

    Attributes
    ----------
    loss : str
        Name in the table of losses.
    n_outputs : int
        Units of the head.
    targets : ndarray of shape (n_samples, width), float64
        As the loss wants them, in the units of y.
    weights : ndarray of shape (n_samples,)
        Sample weights times class weights.
    attributes : dict
        Fitted attributes that describe y; `_read_y` reads a later y by them.
    strata : ndarray of shape (n_samples,) or None
        Groups whose proportions a validation split keeps.
    has_units : bool
        Whether the targets are quantities, to be standardised.
    """

    loss: str
    n_outputs: int
    targets: np.ndarray
    weights: np.ndarray
    attributes: dict
    strata: np.ndarray | None = None
    has_units: bool = False

    def weighted_rows(self):
        """Samples with a positive weight; raises a ValueError if there is none.

        A sequence of weight 0 is as good as absent: for the statistics and the size of the minibatches, too.
        """
        rows = np.flatnonzero(self.weights > 0)
        if len(rows) == 0:
            raise ValueError(
                "sample_weight and class_weight leave no sample: all weights are zero, at least one must be positive."
            )
        return rows

    def take(self, sequences, rows):
        """Sequences, targets and weights of some samples; without a copy where they are all."""
        if len(rows) == len(sequences):
            return sequences, self.targets, self.weights
        return sequences[rows], self.targets[rows], self.weights[rows]

    def data(self, sequences, targets, weights, units):
        """`Data` to train or validate on, from what `take` returns, in the dtype of the sequences."""
        dtype = sequences.values.dtype
        return Data(
            sequences,
            (units.to_scores(targets) if self.has_units else targets).astype(dtype),
            weights,
            units.shift.astype(dtype),
            units.factor.astype(dtype),
        )
