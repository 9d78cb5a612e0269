"""`ForwardPass`: a network run forward over whole sequences, with all that it computes kept."""

import numpy as np

from ..sequences import Packed

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
    """Buffers for a network and its weights.

    Attributes
    ----------
    network : Network
    params : dict of str to dict of str to ndarray
    workspace : NetworkWorkspace
        Of the last batch, with what its backward pass reads; None before the first.
    """

    def __init__(self, network, theta):
        self.network, self.params, self.dtype = network, network.bind(theta), theta.dtype
        self.workspace = None

    def forward(self, sequences, rows):
        """Run over the sequences `rows` of some; returns them as `Packed`."""
        d = self.network.input_size
        shift, factor = np.zeros(d, self.dtype), np.ones(d, self.dtype)
        packed = Packed.gather(sequences, rows, shift, factor, self._allocate)
        self.network.forward(self.params, packed, self.workspace)
        return packed

    def _allocate(self, n_sequences, n_rows):
        if self.workspace is None or not self.workspace.holds(n_sequences, n_rows):
            self.workspace = self.network.workspace(n_sequences, n_rows, self.dtype)
        return self.workspace.values
