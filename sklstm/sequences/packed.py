"""`Packed`: the sequences of a minibatch as the kernels read them, whole or a chunk of steps at a time."""

from dataclasses import dataclass, replace

import numpy as np

from .._kernels import _pack


@dataclass(frozen=True, eq=False)
class Packed:
    """Steps of a minibatch, sorted by length and laid out step by step, without padding.

    Step t is the rows ``starts[t]:starts[t + 1]``, one for each sequence that still has that step; row r of a step
    continues row r of the step before.

    Attributes
    ----------
    order : ndarray of int of shape (n_sequences,)
        Which sequence each row r is, longest first.
    lengths : ndarray of int of shape (n_sequences,)
        Steps of each from the first of these on, in that order.
    starts : ndarray of int of shape (n_steps + 1,)
    values : ndarray of shape (>= n_rows, n_channels)
        The rows; what lies beyond ``n_rows`` is not theirs.
    first : int
        Steps before these: 0 unless this is a later chunk of longer sequences.
    n_continuing : int
        Number of sequences that continue after these steps. They are the first rows.
    static : ndarray of shape (n_sequences, n_static) or None
        Static features of the sequences, in that order.
    """

    order: np.ndarray
    lengths: np.ndarray
    starts: np.ndarray
    values: np.ndarray
    first: int = 0
    n_continuing: int = 0
    static: np.ndarray | None = None

    @property
    def n_sequences(self):
        return len(self.order)

    @property
    def n_rows(self):
        return int(self.starts[-1])

    @property
    def n_steps(self):
        return len(self.starts) - 1

    @classmethod
    def gather(cls, sequences, rows, shift, factor, allocate):
        """All steps of the sequences `rows` of a `Sequences`, each channel as ``(x - shift) * factor``.

        Parameters
        ----------
        sequences : Sequences
            With values in C order, float32 or float64, every length at least 1.
        rows : ndarray of int
        shift, factor : ndarray of shape (n_channels,), dtype of the values
        allocate : callable
            ``allocate(n_sequences, n_rows)`` returns an array of at least ``n_rows`` rows to write to.
        """
        batch = Batch(sequences.offsets, rows)
        values = allocate(batch.n_sequences, batch.n_rows)
        packed = batch.chunk(0, batch.n_steps, batch.pack(sequences.values, 0, batch.n_steps, shift, factor, values))
        return packed if sequences.static is None else replace(packed, static=sequences.static[batch.order])


class Batch:
    """Which rows of a packed minibatch are which steps, before any of them is copied.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_samples + 1,)
        Of the `Sequences` that the minibatch is taken from.
    rows : ndarray of int
        Which of those are in it.

    Attributes
    ----------
    order, lengths, starts : ndarray of int
        As in `Packed`, for all steps.
    """

    def __init__(self, offsets, rows):
        self.order, self.lengths, self.offsets, self.starts = _pack.arrange(offsets, rows)
        self.n_sequences, self.n_steps = len(rows), len(self.starts) - 1

    @property
    def n_rows(self):
        return int(self.starts[-1])

    def bounds(self, chunk_steps):
        """Steps at which chunks of `chunk_steps` begin and end, counted back from the end; None makes it one chunk."""
        if chunk_steps is None or chunk_steps >= self.n_steps:
            return [0, self.n_steps]
        return [0, *range((self.n_steps - 1) % chunk_steps + 1, self.n_steps + 1, chunk_steps)]

    def active(self, step):
        """Number of sequences that have a step; 0 after the last."""
        return int(self.starts[step + 1] - self.starts[step]) if step < self.n_steps else 0

    def pack(self, values, first, last, shift, factor, out):
        """out := rows of steps first .. last - 1 of values (total_steps, d), as ``(x - shift) * factor``."""
        whole = first == 0 and last == self.n_steps
        starts, begins = (self.starts, self.offsets) if whole else (self.starts[first : last + 1], self.offsets + first)
        _pack.pack(starts, begins, values, shift, factor, out)
        return out

    def chunk(self, first, last, values):
        """`Packed` of steps first .. last - 1, whose rows have been packed into values."""
        if first == 0 and last == self.n_steps:
            return Packed(self.order, self.lengths, self.starts, values)
        n = self.active(first)
        starts = self.starts[first : last + 1] - self.starts[first]
        return Packed(self.order[:n], self.lengths[:n] - first, starts, values, first, self.active(last))
