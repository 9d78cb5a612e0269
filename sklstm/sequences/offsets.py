"""Where sequences begin and end in the buffer of their steps: checked, and out of reach of anybody who could change it."""

import numpy as np

from .refusals import array_of

FROM_0 = "offsets must begin with 0, never decrease and end with the number of steps,"


def offsets_of(lengths):
    """Offsets of sequences of some numbers of steps."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.intp)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def own_offsets(offsets, n_steps):
    """Offsets as integers that nobody can write to; raises unless they cut `n_steps` steps into sequences."""
    given = array_of("offsets", offsets, "Pass n_sequences + 1 integers.")[...]  # a view, whose shape nobody else can change
    if given.ndim != 1 or len(given) == 0 or given.dtype.kind not in "iu":
        raise ValueError(f"offsets must be a 1-D array of n_sequences + 1 integers, got shape {given.shape}, {given.dtype}.")
    if given.dtype == np.intp and given.flags.c_contiguous and given.flags.aligned and type(_owner(given)) is bytes:
        own = given  # bytes cannot be made writeable: no copy is needed
    else:
        copied = np.array(given)  # before anything is compared: another thread may write to what was given
        for one in (copied.min(), copied.max()):
            if not 0 <= one <= n_steps:  # and what is beyond intp would wrap
                raise ValueError(f"{FROM_0} {n_steps}, got {one}.")
        own = np.frombuffer(copied.astype(np.intp).tobytes(), np.intp)
    if own[0] != 0 or own[-1] != n_steps:
        raise ValueError(f"{FROM_0} {n_steps}, got {own[0]} and {own[-1]}.")
    decreases = own[1:] < own[:-1]
    if decreases.any():
        i = int(decreases.argmax())
        raise ValueError(f"{FROM_0} {n_steps}: offsets[{i}] is {own[i]}, offsets[{i + 1}] is {own[i + 1]}.")
    return own


def _owner(array):
    """What the memory of an array belongs to."""
    while type(array) is np.ndarray:
        array = array.base
    return array
