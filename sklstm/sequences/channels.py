"""Channels as the columns of one array, and categories as the codes that a channel holds."""

import numpy as np

from .convert import is_missing
from .errors import name_of, place_of

EXACT_CODES = 1 << 24  # as many codes as float32 tells apart


def stack_channels(channels, rows=None, positions=None, n_rows=None):
    """Channels as the columns of one array.

    Parameters
    ----------
    channels : list of (ndarray of shape (n_table_rows,), ndarray or None)
        Numbers, and the categories that they are codes of.
    rows : ndarray of int of shape (n_taken,), default=None
        Which rows to take, in which order; None takes all.
    positions : ndarray of int of shape (n_taken,), default=None
        Rows of the result to write them to; None leaves no gap.
    n_rows : int, default=None
        Rows of the result, if there are positions. Those without a value are NaN.

    Returns
    -------
    values : ndarray of shape (n_rows, n_channels)
        In the dtype of the channels of numbers if they share one that can hold everything, else in float64.
    categories : dict of int to ndarray
        By number of the channel.
    """
    categories = {j: known for j, (_, known) in enumerate(channels) if known is not None}
    dtypes = {numbers.dtype for j, (numbers, _) in enumerate(channels) if j not in categories}
    dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float64)
    longest = max(map(len, categories.values()), default=0)
    if (categories or positions is not None) and (dtype != np.float32 or longest > EXACT_CODES):
        dtype = np.dtype(np.float64)
    if positions is None:
        values = np.empty((len(channels[0][0]) if rows is None else len(rows), len(channels)), dtype)
    else:
        values = np.full((n_rows, len(channels)), np.nan, dtype)
    for j, (numbers, _) in enumerate(channels):
        values[slice(None) if positions is None else positions, j] = numbers if rows is None else numbers[rows]
    return values, categories


def codes_of(values, missing, what="X", is_sorted=True):
    """Codes (n,) of values, -1 where missing, and the categories that they stand for: all values that occur.

    Parameters
    ----------
    values : ndarray of shape (n,)
    missing : ndarray of bool of shape (n,)
    what : str, default="X"
        What holds them, for messages.
    is_sorted : bool, default=True
        Whether categories are sorted, and objects that cannot be are refused; else objects are in the order of their first
        appearance.
    """
    codes, present = np.full(len(values), -1), values[~missing]
    if values.dtype.kind != "O":
        categories = np.unique(present)
        codes[~missing] = np.searchsorted(categories, present)
        return codes, categories
    entries = present.tolist()
    try:
        categories = dict.fromkeys(entries)
    except TypeError as error:
        raise ValueError(f"{what} holds a value that cannot be a category: {error}. Convert it to text or numbers.") from error
    try:
        number = {category: code for code, category in enumerate(sorted(categories) if is_sorted else categories)}
    except TypeError as error:
        raise ValueError(f"{what} mixes categories that cannot be sorted: {error}. Convert them to texts.") from error
    codes[~missing] = np.fromiter(map(number.__getitem__, entries), np.intp, len(entries))
    return codes, np.fromiter(number, object, len(number))


def positions_in(vocabulary, values):
    """Where values are in a sorted vocabulary, compared exactly; -1 where they are not."""
    if vocabulary.size == 0:
        return np.full(values.shape, -1)
    if values.dtype.kind == vocabulary.dtype.kind != "O":
        at = np.searchsorted(vocabulary, values).clip(max=len(vocabulary) - 1)
        return np.where(vocabulary[at] == values, at, -1)
    # NumPy would convert integers to floats; Python compares them, and finds them in a dict, as the numbers that they are.
    number = {value: position for position, value in enumerate(vocabulary.tolist())}
    positions = (number.get(value, -1) for value in values.ravel().tolist())
    return np.fromiter(positions, np.intp, values.size).reshape(values.shape)


def decoded(sequences, channel):
    """The categories (total_steps,) that the codes in a channel of `Sequences` stand for, NaN where a code is missing.

    Raises
    ------
    ValueError
        If a code is not a number of a category.
    """
    codes, categories = sequences.values[:, channel], sequences.categories[channel]
    missing = is_missing(codes)
    known = np.isin(codes, np.arange(len(categories)))
    bad = np.flatnonzero(~(known | missing))
    if len(bad):
        name = name_of(channel, sequences.channel_names)
        raise ValueError(
            f"Channel {channel}{name} of X holds codes of {len(categories)} categories, but"
            f" {place_of(sequences.offsets, bad[0])} is {codes[bad[0]]}. Pass integers from 0 to {len(categories) - 1}, NaN where"
            " there is none, or X without categories."
        )
    if not missing.any():
        return categories[codes.astype(np.intp)]
    values = np.full(len(codes), np.nan, categories.dtype if categories.dtype.kind == "f" else object)
    values[~missing] = categories[codes[~missing].astype(np.intp)]
    return values
