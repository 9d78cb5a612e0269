"""`ForwardPass`: a network run over whole sequences, forward with all that it computes kept, and backward to its input."""

import numpy as np

from .._kernels._pack import unpack
from ..sequences import Batch, Packed

# Rows that are run together: their gates, of six words for each unit, stay in a cache of the second or third level.
ROWS = 1 << 12


def groups(lengths, most=ROWS):
    """Slices of consecutive sequences that have `most` rows together, or of one that has more."""
    stops, first, done = np.cumsum(lengths), 0, 0
    while first < len(lengths):
        stop = max(int(np.searchsorted(stops, done + most, side="right")), first + 1)
        yield slice(first, stop)
        first, done = stop, stops[stop - 1]


class ForwardPass:
    """Buffers for a network and its weights; with `of_input` for the gradient with respect to the input too.

    Attributes
    ----------
    network : Network
    params : dict of str to dict of str to ndarray
    workspace : NetworkWorkspace
        Of the last batch, with what its backward pass reads; None before the first.
    """

    def __init__(self, network, theta, *, of_input=False):
        self.network, self.theta, self.dtype = network.without_dropout(), theta, theta.dtype
        self.params, self._of_input = network.bind(theta), of_input
        self.workspace = None
        self._grad = np.zeros_like(theta)  # of the weights: not used

    def forward(self, sequences, rows):
        """Run over the sequences `rows` of some; returns them as `Packed`."""
        d = self.network.input_size
        shift, factor = np.zeros(d, self.dtype), np.ones(d, self.dtype)
        packed = Packed.gather(sequences, rows, shift, factor, self._allocate)
        self.workspace.forward(packed)
        return packed

    def gradient(self, sequences, dscores):
        """Gradient of ``(scores * dscores).sum()`` with respect to the sequences, for a network without categories.

        Parameters
        ----------
        sequences : Sequences
            In float64 and C order.
        dscores : ndarray of shape (n_sequences, n_scores), or (total_steps, n_scores) for scores of every step

        Returns
        -------
        ndarray of shape (total_steps, input_size)
        """
        rows = np.arange(len(sequences))
        packed = self.forward(sequences, rows)
        if self.network.returns_sequences:
            zeros, ones, arriving = np.zeros(dscores.shape[1]), np.ones(dscores.shape[1]), np.empty_like(dscores)
            Batch(sequences.offsets, rows).pack(dscores, 0, packed.n_steps, zeros, ones, arriving)
        else:
            arriving = dscores[packed.order]
        self.workspace.backward(self._grad, arriving)
        out = np.empty_like(sequences.values)
        unpack(packed.starts, sequences.offsets[packed.order], self.workspace.dvalues, out)
        return out

    def _allocate(self, n_sequences, n_rows):
        if self.workspace is None or not self.workspace.holds(n_sequences, n_rows):
            self.workspace = self.network.workspace(self.theta, n_sequences, n_rows, of_input=self._of_input)
        return self.workspace.values
