"""`Packed`: the sequences of a minibatch as the kernels read them."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _pack


@dataclass(frozen=True, eq=False)
class Packed:
    """A minibatch, sorted by length and laid out step by step, without padding.

    Step t is the rows ``starts[t]:starts[t + 1]``, one for each sequence that still has that step; row r of a step
    continues row r of the step before.

    Attributes
    ----------
    order : ndarray of int of shape (n_sequences,)
        Which sequence each row r is, longest first.
    lengths : ndarray of int of shape (n_sequences,)
        Steps of each, in that order.
    starts : ndarray of int of shape (longest + 1,)
    values : ndarray of shape (>= n_rows, n_channels)
        The rows; what lies beyond ``n_rows`` is not theirs.
    """

    order: np.ndarray
    lengths: np.ndarray
    starts: np.ndarray
    values: np.ndarray

    @property
    def n_sequences(self):
        return len(self.order)

    @property
    def n_rows(self):
        return int(self.starts[-1])

    @classmethod
    def gather(cls, sequences, rows, shift, factor, allocate):
        """Pack the sequences `rows` of a `Sequences`, each channel as ``(x - shift) * factor``.

        Parameters
        ----------
        sequences : Sequences
            With values in C order, float32 or float64, every length at least 1.
        rows : ndarray of int
        shift, factor : ndarray of shape (n_channels,), dtype of the values
        allocate : callable
            ``allocate(n_sequences, n_rows)`` returns an array of at least ``n_rows`` rows to write to.
        """
        lengths = sequences.offsets[rows + 1] - sequences.offsets[rows]
        by_length = np.argsort(-lengths, kind="stable")
        order, lengths = rows[by_length], lengths[by_length]
        # Active rows at step t: sequences longer than t.
        ended = np.cumsum(np.bincount(lengths))[:-1]
        starts = np.zeros(lengths[0] + 1, dtype=np.intp)
        np.cumsum(len(rows) - ended, out=starts[1:])
        values = allocate(len(rows), int(starts[-1]))
        _pack.pack(starts, sequences.offsets[order], sequences.values, shift, factor, values)
        return cls(order, lengths, starts, values)
