"""Categorical channels: which they are, what values they have, and the rows of the embedding that stand for them."""

from numbers import Real
from warnings import warn

import numpy as np

from .channels import positions_in
from .columns import KIND_NAMES
from .container import Sequences
from .convert import is_exact
from .errors import name_of, place_of
from .parts import is_channel
from .targets import literals


def categorical_channels(categorical_features, n_channels, columns=None):
    """Channels that `categorical_features` means, in ascending order.

    Parameters
    ----------
    categorical_features : "all", array-like of int or str, or None
    n_channels : int
    columns : list of str, default=None
        Names of the columns of a DataFrame, of which column j belongs to channel j modulo n_channels.

    Raises
    ------
    ValueError
        If a channel does not exist or is named twice, or if only some columns of a channel are named.
    """
    if categorical_features is None:
        return ()
    if isinstance(categorical_features, str):  # "all": other strings do not get here
        return tuple(range(n_channels))
    entries = list(categorical_features)
    of_columns = any(isinstance(entry, str) for entry in entries)
    entries = _known_names(entries, columns) if of_columns else _known_channels(entries, n_channels)
    if len(set(entries)) < len(entries):
        raise ValueError(f"categorical_features names a channel twice, got {entries}. Name each once.")
    return _channels_of_names(entries, n_channels, columns) if of_columns else tuple(sorted(entries))


def _known_channels(entries, n_channels):
    """The entries as ints; raises unless they are channels."""
    if not all(is_channel(entry, n_channels) for entry in entries):
        raise ValueError(
            f"categorical_features must hold channels from 0 to {n_channels - 1} or names of columns, or be 'all',"
            f" got {entries!r}."
        )
    return [int(entry) for entry in entries]


def _known_names(entries, columns):
    """The entries; raises unless they are names of columns."""
    if columns is None:
        raise ValueError(
            f"categorical_features={entries!r} are names of columns, but X is no DataFrame with named columns. Pass a"
            " DataFrame, or the numbers of the channels."
        )
    unknown = [entry for entry in entries if entry not in columns]
    if unknown:
        raise ValueError(f"categorical_features names {unknown[0]!r}, which is no column of X; the columns are {list(columns)}.")
    return entries


def _channels_of_names(names, n_channels, columns):
    """Channels of some columns; raises unless each has all of its columns among them."""
    channels = sorted({columns.index(name) % n_channels for name in names})
    for channel in channels:
        missing = [column for column in columns[channel::n_channels] if column not in names]
        if missing:
            raise ValueError(
                f"Channel {channel} is categorical in some steps and numeric in others: with n_channels={n_channels} it has the"
                f" columns {columns[channel::n_channels]}, of which categorical_features leaves out {missing[0]!r}."
                " Name all or none."
            )
    return tuple(channels)


def refuse_unnamed_categories(sequences, channels):
    """Raise if a channel whose values are codes of categories is read as numbers."""
    for channel, categories in sequences.categories.items():
        if channel not in channels:
            name = name_of(channel, sequences.channel_names)
            raise ValueError(
                f"Channel {channel}{name} of X holds categories, such as {_first_literal(categories)}, but is read as numbers."
                " Name it in categorical_features, or leave it out."
            )


def _first_literal(values):
    return repr(values[:1].tolist()[0]) if len(values) else "none"


def encode(sequences, channels, known):
    """The sequences with the values of categorical channels replaced by rows of their tables, and the values of each.

    Parameters
    ----------
    sequences : Sequences
        Whose categorical channels hold integer codes: of its categories where it has some, else values themselves.
    channels : tuple of int
    known : list of ndarray or None
        Values seen in an earlier fit; None learns them.

    Returns
    -------
    sequences : Sequences
        Row 0 for a value that is not known.
    vocabularies : list of ndarray
        Values of each channel, in the order of its rows from 1.
    """
    if not channels:
        return sequences, []
    values, vocabularies = sequences.values.copy(), []
    names = {"ids": sequences.ids, "channel_names": sequences.channel_names}
    for k, channel in enumerate(channels):
        _check_codes(sequences, channel)
        codes, categories = sequences.values[:, channel], sequences.categories.get(channel)
        known_here, what = None if known is None else known[k], f"Channel {channel} of X"
        values[:, channel], vocabulary = rows_of_codes(codes, categories, known_here, what)
        vocabularies.append(vocabulary)
        if known is not None and categories is None and not values[:, channel].any():
            _warn_of_codes(sequences, channel, vocabulary)
    return Sequences(values, sequences.offsets, **names, static=sequences._static, times=sequences._times), vocabularies


def _warn_of_codes(sequences, channel, vocabulary):
    """Warn where no value of a channel is known, and all may be codes of the categories that fit had by their values."""
    codes = sequences.values[:, channel]
    if not len(vocabulary) or codes.max() >= len(vocabulary):
        return
    warn(
        f"All values of channel {channel}{name_of(channel, sequences.channel_names)} of X are unknown: fit had categories such as"
        f" {vocabulary[:1].tolist()[0]!r}, X has {codes[0]:.10g}. If these are codes of the categories, pass Sequences that have"
        " the categories, as X[[0]] of Sequences X has; arrays and lists hold the categories themselves.",
        UserWarning,
        stacklevel=2,
    )


def seen_only(sequences, channels, vocabularies, rows):
    """`encode`, as if only the sequences `rows` had been there: what only others have becomes unknown.

    Overwrites the values, which are not the user's: `encode` copied them.
    """
    if not channels:
        return sequences, vocabularies
    return sequences, forget_unseen(sequences.values, sequences[rows].values, channels, vocabularies)


def forget_unseen(values, chosen, channels, vocabularies):
    """Let what `chosen`, a part of the values, does not have become unknown in them; returns the vocabularies of the rest."""
    seen = []
    for channel, vocabulary in zip(channels, vocabularies, strict=True):
        used = np.unique(chosen[:, channel]).astype(np.intp)
        used = used[used > 0]
        new_rows = np.zeros(len(vocabulary) + 1, dtype=values.dtype)
        new_rows[used] = np.arange(1, len(used) + 1)
        values[:, channel] = new_rows[values[:, channel].astype(np.intp)]
        seen.append(vocabulary[used - 1])
    return seen


ADVICE = (
    "Expected codes from 0 on, or negative ones for what is unknown: encode with sklearn.preprocessing.OrdinalEncoder, convert a"
    " column of a DataFrame to categories, or leave the channel out of categorical_features."
)


def find_bad_code(codes):
    """Index of a code that is no integer exact in its dtype, and what is wrong with it; None if there is none."""
    largest = 1 << np.finfo(codes.dtype).nmant + 1
    for is_bad, problem in (
        (codes != np.floor(codes), "no integer"),
        (np.abs(codes) >= largest, f"too large: {codes.dtype} holds integers exactly below {largest}"),
    ):
        if is_bad.any():
            at = int(is_bad.argmax())
            return at, f"{codes[at]:.10g}, which is {problem}"
    return None


def _check_codes(sequences, channel):
    """Raise unless a channel holds integers that are exact in its dtype, and codes of its categories if it has such."""
    codes, categories = sequences.values[:, channel], sequences.categories.get(channel)
    bad = find_bad_code(codes)
    if not bad and categories is not None and codes.max() >= len(categories):
        row = int(codes.argmax())
        bad = row, f"{codes[row]:.10g}, but the channel has {len(categories)} categories"
    if bad:
        row, problem = bad
        place = place_of(sequences.offsets, row)
        if np.isnan(codes[row]):
            raise ValueError(
                f"Channel {channel} of X is categorical, but {place} is missing (NaN). Fill missing categories in X, for instance"
                " with a code of their own."
            )
        raise ValueError(f"Channel {channel} of X is categorical, but {place} is {problem}. {ADVICE}")


# ---- vocabularies: the values that a channel has, and the row of the embedding for each ----


def rows_of_codes(codes, categories, vocabulary, what):
    """`rows_of` the categories that codes stand for; None: of the codes themselves. A negative code is unknown."""
    if categories is None:
        return rows_of(codes, vocabulary, what, unknown=codes < 0)
    rows, vocabulary = rows_of(in_own_type(categories), vocabulary, what)
    return np.append(rows, 0)[np.maximum(codes, -1).astype(np.intp)], vocabulary


def in_own_type(values):
    """Categories in one of the types in which they are compared: numbers in float64 where that holds each exactly.

    Other numbers stay what they are, as Python objects where NumPy has no type for all of them; texts and times do, too.
    """
    if values.dtype.kind == "O":
        kinds = set(map(type, values.ravel().tolist()))
        if not kinds or not all(issubclass(kind, Real) for kind in kinds):
            return values
        items = [value.item() if isinstance(value, np.generic) else value for value in values.ravel().tolist()]
        if all(_is_exact(item) for item in items):
            return np.array(items, np.float64).reshape(values.shape)
        return np.fromiter(items, object, len(items)).reshape(values.shape)
    if values.dtype.kind in "fb" or (values.dtype.kind in "iu" and is_exact(values.ravel(), np.dtype(np.float64))):
        return values.astype(np.float64)
    return values


def _is_exact(number):
    try:
        return float(number) == number
    except OverflowError:
        return False


def rows_of(values, vocabulary, what, unknown=None):
    """Rows of the table for some values, 0 for those that the vocabulary does not have, and the vocabulary.

    Parameters
    ----------
    values : ndarray
        Of a type that `in_own_type` gives.
    vocabulary : ndarray or None
        None takes the values themselves.
    what : str
        What holds them, for messages.
    unknown : ndarray of bool of the same shape, default=None
        Values that stand for the unknown.
    """
    known = values if unknown is None or not unknown.any() else values[~unknown]
    if vocabulary is None:
        try:
            vocabulary = np.unique(known)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{what} mixes categories that cannot be sorted: {error}. Convert them to text."
            ) from error
    if vocabulary.size and known.size and _kind_name(vocabulary) != _kind_name(known):
        raise ValueError(
            f"{what} was fitted on categories that are {_kind_name(vocabulary)}, such as {literals(vocabulary[:1])[0]!r},"
            f" but got {literals(known.ravel()[:1])[0]!r}. Pass the same kind of categories as in fit."
        )
    rows = positions_in(vocabulary, values) + 1
    return (rows if unknown is None else np.where(unknown, 0, rows)), vocabulary


def _kind_name(values):
    """What kind of values an array holds, in words."""
    if values.dtype.kind == "O" and isinstance(values.ravel()[0], Real):
        return "numbers"
    return "texts" if values.dtype.kind in "OS" else KIND_NAMES[values.dtype.kind]
