"""Channels that a parameter names, by number or by name."""

import reprlib
from numbers import Integral

import numpy as np

from ..sequences.refusals import list_of


def is_one(entries):
    is_scalar = isinstance(entries, (str, bytes)) or getattr(entries, "shape", None) == ()
    return is_scalar or not hasattr(entries, "__iter__")


def read_targets(target, known_future, names, n_channels):
    """Numbers of the channels to forecast, and of those whose future is known."""
    known = named_channels("known_future", known_future, names, n_channels)
    default = [j for j in range(n_channels) if j not in known] if target is None else target
    targets = named_channels("target", default, names, n_channels)
    if not targets or set(targets) & set(known):
        raise ValueError(
            f"A channel to forecast is not known in advance: got target={target!r}, known_future={known_future!r}. Name a channel"
            " in one only, and leave at least one to forecast."
        )
    return targets, known


def named_channels(parameter, entries, names, n_channels):
    """Numbers of the channels in a parameter."""
    expected = "Pass the number of a channel, or a list of such."
    entries = [] if entries is None else [entries] if is_one(entries) else list_of(parameter, entries, expected)
    channels = []
    for entry in entries:
        number = names.index(entry) if isinstance(entry, str) and names is not None and entry in names else entry
        is_number = isinstance(number, Integral) and not isinstance(number, (bool, np.timedelta64))
        if not is_number or not -n_channels <= number < n_channels:
            columns = "" if names is None else f" or one of the columns {list(names)}"
            raise ValueError(f"{parameter} must name channels from 0 to {n_channels - 1}{columns}, got {reprlib.repr(entry)}.")
        channels.append(int(number) % n_channels)
    if len(set(channels)) < len(channels):
        raise ValueError(f"{parameter} names a channel twice, got {entries}. Name each once.")
    return channels
