"""Channels as the columns of one array, and categories as the codes that a channel holds."""

import numpy as np

from .errors import locate, name_of
from .missing import is_missing

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


def codes_of(values, missing, what):
    """Codes (n,) of values, NaN where missing, and the categories that they stand for: all values that occur, sorted; `what`
    begins a message."""
    try:
        categories, codes = np.unique(values[~missing], return_inverse=True)
    except TypeError as error:
        raise ValueError(f"{what} mixes categories that cannot be sorted: {error}. Convert them to texts.") from error
    return _spread(codes, missing), categories


def codes_by_appearance(values, missing, what):
    """The same of values that need not be sortable, in the order in which they first appear."""
    present = values[~missing].tolist()
    try:
        number = {value: code for code, value in enumerate(dict.fromkeys(present))}
    except TypeError as error:
        raise ValueError(f"{what} holds what is no category: {error}. Convert it to text or numbers.") from error
    codes = np.fromiter(map(number.__getitem__, present), np.intp, len(present))
    return _spread(codes, missing), np.fromiter(number, object, len(number))


def _spread(codes, missing):
    numbers = np.full(len(missing), np.nan)
    numbers[~missing] = codes
    return numbers


def decoded(sequences, channel):
    """The categories (total_steps,) that the codes in a channel of `Sequences` stand for, NaN where a code is missing.

    Raises
    ------
    ValueError
        If a code is no number of a category.
    """
    codes, categories = sequences.values[:, channel], sequences.categories[channel]
    missing = is_missing(codes)
    known = np.isin(codes, np.arange(len(categories)))
    bad = np.flatnonzero(~(known | missing))
    if len(bad):
        sequence, step = locate(sequences.offsets, bad[0])
        name = name_of(channel, sequences.channel_names)
        raise ValueError(
            f"Channel {channel}{name} of X holds codes of {len(categories)} categories, but sequence {sequence}, step {step} is"
            f" {codes[bad[0]]}. Pass integers from 0 to {len(categories) - 1}, NaN where there is none, or X without categories."
        )
    if not missing.any():
        return categories[codes.astype(np.intp)]
    values = np.full(len(codes), np.nan, categories.dtype if categories.dtype.kind == "f" else object)
    values[~missing] = categories[codes[~missing].astype(np.intp)]
    return values
