"""What connects the scores of the steps of a sequence: the scores of pairs of labels of a linear chain, or alignments."""

from dataclasses import dataclass, replace

import numpy as np

# Structures with parameters: scores of pairs of neighbouring labels.
STRUCTURES = ("crf",)
# The structure of labels whose steps are not known, which are aligned with the steps in any way. It has no parameters.
CTC = "ctc"


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
    """The sequences that rows of scores belong to, and the parameters of a chain.

    Attributes
    ----------
    structure : ndarray of shape (n_labels + 2, n_labels) or None
        Transitions, and below them start and end; None where there are none, as for alignments.
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
        if self.structure is None:
            return self
        return replace(self, structure=self.structure / self.structure.dtype.type(temperature))

    def in_dtype(self, dtype):
        """The chain with parameters of a dtype."""
        return self if self.structure is None else replace(self, structure=self.structure.astype(dtype))
