"""Texts in categorical channels of arrays, lists and `Sequences`: read as a DataFrame of them is, as categories by value."""

import numpy as np

from .channels import codes_of, stack_channels
from .columns import Column
from .container import Sequences
from .convert import numbers_of_channel
from .errors import holds_no_numbers, place_of
from .padding import without_padding
from .steps import Steps
from .validation import checked


def holds_texts(X):
    """Whether there are texts among the values of an X that is no DataFrame, as far as types tell."""
    if isinstance(X, (list, tuple)):
        return _items_hold_texts(X)
    values = X.values if isinstance(X, Sequences) else X
    if not isinstance(values, np.ndarray):
        return False
    return _items_hold_texts(values) if values.dtype.kind == "O" and values.ndim == 1 else _array_holds_texts(values)


def _array_holds_texts(values):
    return holds_no_numbers(values, (str, bytes), "UST")


def _items_hold_texts(items):
    """The same of sequences that are arrays or lists, of which there may be many."""
    kinds = set()
    for item in items:
        if isinstance(item, np.ndarray):
            if _array_holds_texts(item):
                return True
        elif isinstance(item, (list, tuple)):
            own = set(map(type, item))
            if not own.isdisjoint((list, tuple)):
                own.update(*(map(type, step) for step in item if isinstance(step, (list, tuple))))
            kinds |= own
    return any(issubclass(kind, (str, bytes)) for kind in kinds)


def read_texts(X, padding, channels_of, allows_missing=False):
    """An X with texts in channels that are to be categories: these become codes.

    Parameters
    ----------
    X : 3-D array, Sequences, list or tuple
    padding : float or None
        Leave steps out at either end of the rows of an array whose channels all have this value.
    channels_of : callable
        The categorical channels, by the number of all and their names.
    allows_missing : bool, default=False
        Whether numeric channels may have NaN.

    Raises
    ------
    ValueError
        If a categorical channel has texts and numbers, or another one a value that is not a number.
    """
    if padding is not None and hasattr(X, "shape") and len(X.shape) == 3:
        X = Sequences(*without_padding(np.asarray(X), padding))
    steps = Steps.from_sequences(X)
    channels = channels_of(steps.n_channels, steps.names)
    read = [_read_channel(values, channel, steps, channel in channels) for channel, values in enumerate(steps.columns())]
    values, categories = stack_channels(read)
    names = {"ids": steps.ids, "channel_names": steps.names}
    sequences = Sequences(values, steps.offsets, **names, categories=categories, static=steps.static, times=steps.times)
    return checked(sequences, allows_missing)


def _read_channel(values, channel, steps, is_categorical):
    """Numbers (total_steps,) of a channel, and the categories that they are codes of, or None."""
    column = Column.of(values)
    kinds = {type(value) for value in values[~column.missing].tolist()} if is_categorical else set()
    of_texts = [kind for kind in kinds if issubclass(kind, (str, bytes))]
    if not of_texts:
        return numbers_of_channel(values, steps.offsets, channel, steps.names), None
    if len(of_texts) < len(kinds):
        is_text = np.array([isinstance(value, (str, bytes)) for value in values])
        raise ValueError(
            f"Channel {channel} of X is categorical and mixes texts and numbers:"
            f" {_place(values, is_text & ~column.missing, steps)}, {_place(values, ~is_text & ~column.missing, steps)}."
            " Encode all of the channel as texts, or as numbers."
        )
    codes, categories = codes_of(values, column.missing, f"Channel {channel} of X")
    return Column(codes, column.missing, categories).numbers(channel)


def _place(values, chosen, steps):
    row = int(chosen.argmax())
    return f"{place_of(steps.offsets, row)} is {values[row]!r}"
