"""`Timeline`: the times of the steps of all sequences, checked, and put on a grid where steps are missing."""

import numpy as np

from .columns import Column
from .frequency import calendar_hint, ruler
from .times import OrderedTimes

# A distance of floating times counts as a multiple of `freq` up to this part of it.
TOLERANCE = 1e-3

# More steps than both of these are taken for a mistake in `freq`: they would fill the memory with NaN.
MOST_STEPS = 10**7
MOST_STEPS_PER_ROW = 1000


class Timeline:
    """The times of all sequences in order, and which row of the table each is of.

    Parameters
    ----------
    ids : ndarray of shape (n_sequences,)
    offsets : ndarray of int of shape (n_sequences + 1,)
    rows : ndarray of int of shape (n_rows,) or None
        In which order; None leaves that of the table.
    times : Times
        In the order of the table.
    """

    def __init__(self, ids, offsets, rows, times):
        self.ids, self.offsets, self.rows = Column.of(ids), offsets, rows
        self.order = OrderedTimes.of(times, rows, offsets)

    def _rows_at(self, step):
        """The rows of two consecutive steps."""
        return tuple(int(row) for row in (np.arange(step, step + 2) if self.rows is None else self.rows[step : step + 2]))

    def _id_at(self, step):
        return self.ids.literal(self.ids.values[np.searchsorted(self.offsets, step, side="right") - 1])

    def refuse_two_at_a_time(self):
        times = self.order.times
        twice = np.flatnonzero(self.order.continues & (times.values[1:] == times.values[:-1]))
        if len(twice):
            who, (first, second) = self._id_at(twice[0]), self._rows_at(twice[0])
            raise ValueError(
                f"Sequence {who} has two rows at time {times.literal(twice[0])}, rows {first} and {second} of the frame:"
                " their order is unknown. Drop or merge one."
            )

    def on_grid(self, freq, name):
        """Where each step is if none were missing between the first and the last of its sequence, and the offsets of these steps.

        `name` is that of the column of times, for messages.
        """
        times, continues = self.order.times, self.order.continues
        measured = ruler(freq, times, self.offsets, name)
        count = _count_floats if isinstance(measured.unit, float) else _count_integers
        multiples, unit, off = count(measured, continues)
        if measured.phase is not None:
            off |= np.diff(measured.phase)[continues] != 0
        if off.any():
            step = np.flatnonzero(continues)[off.argmax()]
            who, (first, second) = self._id_at(step), self._rows_at(step)
            raise ValueError(
                f"The times of sequence {who} are on no grid with freq={freq}: rows {first} and {second} of the"
                f" frame follow each other at {times.literal(step)} and {times.literal(step + 1)}. Round the times,"
                f" or leave freq out.{calendar_hint(freq, times)}"
            )
        n_missing = multiples.sum(dtype=np.float64) * min(unit, 10**300) - len(multiples)
        n_steps = len(times) + n_missing
        if n_steps > max(MOST_STEPS, MOST_STEPS_PER_ROW * len(times)):
            raise ValueError(
                f"With freq={freq!r} the {len(times)} rows of the frame would become {n_steps:.3g} steps, nearly all"
                " missing. Pass the distance of two consecutive steps, cut sequences where they pause, or leave freq out."
            )
        advances = np.ones(len(times), dtype=np.intp)
        advances[1:][continues] = multiples.astype(np.intp) * unit
        positions = np.cumsum(advances) - 1
        return positions, np.append(positions, advances.sum())[self.offsets]


def _count_floats(measured, continues):
    """The distances between consecutive steps in multiples of the frequency (floats, times an int), and where they are none."""
    with np.errstate(invalid="ignore", over="ignore"):  # infinite times, tiny frequencies
        ratio = np.diff(measured.marks)[continues] / measured.unit
        multiples = np.rint(ratio)
        return multiples, 1, ~(np.abs(ratio - multiples) <= TOLERANCE) | (multiples < 1)


def _count_integers(measured, continues):
    """The same of integers, exactly: a frequency of p / q units makes the distance a multiple of p, which has q times as many."""
    p, q = measured.unit.numerator, measured.unit.denominator
    distances = np.diff(measured.marks).view(np.uint64)[continues]  # which holds the distance of any two int64
    if p > np.iinfo(np.uint64).max:
        return distances, q, np.ones(len(distances), dtype=bool)
    multiples, rest = np.divmod(distances, np.uint64(p))
    return multiples, q, (rest != 0) | (multiples == 0)
