"""Checks of the parts of `Sequences`: offsets, ids, names of channels, categories, and what chooses some of the sequences."""

import numbers
import reprlib
from collections.abc import Mapping
from functools import partial

import numpy as np

from .convert import exact_array, unmixed
from .errors import repeated
from .refusals import array_of, list_of, refused_as

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


def one_each(name, entries, n, of_what):
    """The entries; raises unless there are n."""
    shape = (len(entries),) if isinstance(entries, list) else entries.shape
    if shape != (n,):
        raise ValueError(f"{name} must hold {n} entries, one per {of_what}, got shape {shape}.")
    return entries


def chosen_rows(key, n):
    """Numbers of the sequences that a mask or an array of integers chooses from n."""
    try:
        key = np.asarray(key)
    except Exception as error:  # of the library that it is of
        raise IndexError(f"Index sequences by an array of integers, got {type(key).__name__}: {error}") from error
    if key.size == 0 and key.ndim == 1:
        key = key.astype(bool if key.dtype == bool else np.intp)
    if key.ndim != 1 or key.dtype.kind not in "iub":
        raise IndexError(
            f"Index sequences by an int, a slice, a boolean mask or an array of integers, got {key.dtype} of shape {key.shape}."
        )
    if key.dtype.kind == "b" and len(key) != n:
        raise IndexError(f"A boolean mask must have an entry for each of the {n} sequences, got {len(key)}.")
    if key.dtype.kind != "b":
        outside = key[(key < -n) | (key >= n)]
        if len(outside):
            raise IndexError(f"Sequence {outside[0]} of {n}.")
    return np.arange(n)[key]


def read_names(names, n_channels, what="channel_names", of_what="channel"):
    """Names of channels as a list; raises unless they have an order, and each is another."""
    if isinstance(names, (str, bytes, dict, set, frozenset)) or hasattr(names, "columns"):
        raise ValueError(f"{what} must be a list with a name for each {of_what}, got {type(names).__name__}.")
    names = list_of(what, names, f"Pass a list with a name for each {of_what}.")
    one_each(what, names, n_channels, of_what)
    refuse_repeated(what, names)
    return names


def refuse_repeated(what, values):
    """Raise where a value is there twice, or cannot be looked up."""
    try:
        twice = repeated(values)
    except TypeError as error:
        raise ValueError(f"{what} must be hashable, such as texts and numbers: {error}.") from error
    if twice:
        raise ValueError(f"{what} has {twice[0]!r} twice. Name each once.")


def read_ids(ids, n_sequences):
    """Ids as an array, in which texts among other values, and tuples, stay what they are."""
    if isinstance(ids, (str, bytes, dict, set, frozenset)) or hasattr(ids, "columns"):
        raise ValueError(f"ids must be a list or an array with an id for each sequence, got {type(ids).__name__}.")
    return one_each("ids", unmixed(ids, partial(array_of, "ids")), n_sequences, "sequence")


def is_channel(channel, n_channels):
    """Whether it is the number of a channel."""
    return isinstance(channel, numbers.Integral) and not isinstance(channel, bool) and 0 <= channel < n_channels


def read_categories(categories, n_channels):
    """The categories as 1-D arrays; raises where there is no such channel."""
    if not isinstance(categories, Mapping):
        raise ValueError(
            f"categories must be a dict of the number of a channel to its values, got {type(categories).__name__}. Pass a dict."
        )
    unknown = [channel for channel in categories if not is_channel(channel, n_channels)]
    if unknown:
        raise ValueError(f"categories must be those of channels from 0 to {n_channels - 1}, got {reprlib.repr(unknown[0])}.")
    with refused_as("categories", "Pass a list of the values that the codes 0, 1, ... stand for."):
        arrays = {int(channel): exact_array(values) for channel, values in categories.items()}
    for channel, values in arrays.items():
        if values.ndim != 1:
            raise ValueError(f"Categories must be 1-D, an entry for each code, got shape {values.shape} for channel {channel}.")
        refuse_repeated(f"categories of channel {channel}", values.tolist())
    return arrays
