"""y and weights for every step, from those of the steps or of the sequences."""

import numpy as np

from ..estimators.inputs import one_per_sequence, read_sample_weight
from ..estimators.steps import read_step_weights, read_steps
from ..estimators.targets import as_array
from ..sequences import Sequences
from ..sequences.alignment import in_order_of


def y_of_steps(y, steps):
    """y with one entry or row for every step: its own, or that of its sequence."""
    y = in_order_of(steps.ids, "y", y)
    if _holds_steps(y) and not _is_table(y, steps):
        return read_steps("y", y, steps)[0]
    y = one_per_sequence("y", y, len(steps), None)
    rows = as_array("y", list(y) if _holds_steps(y) else y)
    return np.repeat(rows, steps.lengths, axis=0)


def _is_table(y, steps):
    """Whether a list of lists has a row of outputs per sequence: all equally long, and not as long as the sequences are."""
    if isinstance(y, Sequences) or getattr(y, "ndim", 1) > 2 or any(np.ndim(row) != 1 for row in y):
        return False
    lengths = [np.size(row) for row in y]
    return len(set(lengths)) == 1 and not np.array_equal(lengths, steps.lengths)


def weights_of_steps(sample_weight, steps):
    """The weight of every step: its own, or that of its sequence."""
    sample_weight = in_order_of(steps.ids, "sample_weight", sample_weight)
    if _holds_steps(sample_weight):
        return read_step_weights(sample_weight, steps)
    return np.repeat(read_sample_weight(sample_weight, len(steps)), steps.lengths)


def _holds_steps(values):
    """Whether values have entries for every step: Sequences, a list of arrays, or a 3-D array."""
    if isinstance(values, Sequences):
        return True
    if not isinstance(values, (list, tuple)):
        values = np.asarray(values)
        if values.ndim != 1 or values.dtype != object:
            return values.ndim > 2
    return len(values) > 0 and np.ndim(values[0]) > 0
