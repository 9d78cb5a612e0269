"""A linear chain: scores of pairs of neighbouring labels, beside those that the head gives each label of a step."""

from dataclasses import dataclass, replace

import numpy as np

# Names of what a network can have such a structure of.
STRUCTURES = ("crf",)


@dataclass(frozen=True)
class LinearChain:
    """Spec of the parameters of a chain, all of which begin with 0: a network begins as if labels did not depend on each other.

    Parameters
    ----------
    n_labels : int

    Notes
    -----
    Parameters: ``transitions`` (n_labels, n_labels), from the row to the column; ``start`` and ``end`` (n_labels,).
    """

    n_labels: int

    def param_shapes(self):
        return {"transitions": (self.n_labels, self.n_labels), "start": (self.n_labels,), "end": (self.n_labels,)}

    def initialize(self, p, rng):
        for value in p.values():
            value[...] = 0


@dataclass(frozen=True, eq=False)
class Chain:
    """The parameters of a chain, and the sequences that rows of scores belong to.

    Attributes
    ----------
    structure : ndarray of shape (n_labels + 2, n_labels)
        Transitions, and below them start and end.
    lengths : ndarray of int of shape (n_sequences,)
        Rows of each sequence, which are consecutive.
    """

    structure: np.ndarray
    lengths: np.ndarray

    def of(self, rows):
        """The chain of a slice of the sequences."""
        return replace(self, lengths=self.lengths[rows])

    def divided_by(self, temperature):
        """The chain of scores that are divided by a temperature."""
        return replace(self, structure=self.structure / self.structure.dtype.type(temperature))
