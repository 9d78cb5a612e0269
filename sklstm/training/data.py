"""What a fit trains on."""

from dataclasses import dataclass

import numpy as np

from ..sequences import Sequences


@dataclass(frozen=True, eq=False)
class Data:
    """Sequences with their targets and weights, and how channels are standardised on the way into a minibatch.

    Attributes
    ----------
    sequences : Sequences
        Checked, in the dtype of the computation.
    targets : ndarray of shape (n_samples, width)
    weights : ndarray of shape (n_samples,), float64
        Positive.
    shift, factor : ndarray of shape (n_channels,)
        A channel enters the network as ``(x - shift) * factor``.
    """

    sequences: Sequences
    targets: np.ndarray
    weights: np.ndarray
    shift: np.ndarray
    factor: np.ndarray

    def __len__(self):
        return len(self.sequences)
