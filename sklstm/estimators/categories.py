"""Categorical channels: which they are, what values they have, and the rows of the embedding that stand for them."""

import reprlib
from numbers import Integral, Real

import numpy as np

from ..network.checks import is_count
from ..sequences import Sequences
from ..sequences.columns import KINDS, is_missing
from ..sequences.faults import locate
from ..sequences.items import exactly_joined, is_exact
from ..sequences.padding import real_steps

MAX_AUTO_WIDTH = 600


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
    if not all(is_count(entry) and entry < n_channels for entry in entries):
        raise ValueError(
            f"categorical_features must hold channels from 0 to {n_channels - 1} or names of columns, or be 'all',"
            f" got {entries!r}."
        )
    return [int(entry) for entry in entries]


def _known_names(entries, columns):
    """The entries; raises unless they are names of columns."""
    if columns is None:
        raise ValueError(
            f"categorical_features={entries!r} are names of columns, but X is no DataFrame with such. Pass a DataFrame, or the"
            " numbers of the channels."
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


def embedding_widths(embedding_dim, vocabularies):
    """Width of the vectors of each categorical channel.

    "auto" is ``round(1.6 n**0.56)`` for n values, at most 600: the rule of thumb of Howard and Gugger's fastai library.
    """
    if isinstance(embedding_dim, str):
        return [min(MAX_AUTO_WIDTH, max(1, round(1.6 * len(values) ** 0.56))) for values in vocabularies]
    if isinstance(embedding_dim, Integral):
        return [int(embedding_dim)] * len(vocabularies)
    if not isinstance(embedding_dim, (list, tuple)) and np.ndim(embedding_dim) != 1:
        raise ValueError(
            "embedding_dim must be 'auto', an int of at least 1, or one such per categorical channel, got"
            f" {reprlib.repr(embedding_dim)}."
        )
    if len(embedding_dim) != len(vocabularies):
        raise ValueError(
            f"embedding_dim={reprlib.repr(embedding_dim)} has {len(embedding_dim)} entries, but there are {len(vocabularies)}"
            " categorical channels. Give one width for each, one int for all, or 'auto'."
        )
    for width in embedding_dim:
        if not is_count(width, 1):
            raise ValueError(
                f"embedding_dim must be 'auto', an int of at least 1, or one such per categorical channel, got {width!r}."
            )
    return [int(width) for width in embedding_dim]


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
    for k, channel in enumerate(channels):
        _check_codes(sequences, channel)
        codes, categories = sequences.values[:, channel], sequences.categories.get(channel)
        values[:, channel], vocabulary = _rows_of_codes(codes, categories, None if known is None else known[k], channel)
        vocabularies.append(vocabulary)
    return Sequences(values, sequences.offsets, ids=sequences.ids, channel_names=sequences.channel_names), vocabularies


def seen_only(sequences, channels, vocabularies, rows):
    """`encode`, as if only the sequences `rows` had been there: what only others have becomes unknown.

    Overwrites the values, which are not the user's: `encode` and `encode_columns` copied them.
    """
    if not channels:
        return sequences, vocabularies
    values, chosen = sequences.values, sequences[rows].values
    seen = []
    for channel, vocabulary in zip(channels, vocabularies, strict=True):
        used = np.unique(chosen[:, channel]).astype(np.intp)
        used = used[used > 0]
        new_rows = np.zeros(len(vocabulary) + 1, dtype=values.dtype)
        new_rows[used] = np.arange(1, len(used) + 1)
        values[:, channel] = new_rows[values[:, channel].astype(np.intp)]
        seen.append(vocabulary[used - 1])
    return sequences, seen


ADVICE = (
    "Expected codes from 0 on, or negative ones for what is unknown: encode with sklearn.preprocessing.OrdinalEncoder, convert a"
    " column of a DataFrame to categories, or leave the channel out of categorical_features."
)


def find_bad_code(codes):
    """Index of a code that is no integer exact in its dtype, and what is wrong with it; None if there is none."""
    largest = 1 << np.finfo(codes.dtype).nmant + 1
    for faulty, fault in (
        (codes != np.floor(codes), "no integer"),
        (np.abs(codes) >= largest, f"too large: {codes.dtype} holds integers exactly below {largest}"),
    ):
        if faulty.any():
            at = int(faulty.argmax())
            return at, f"{codes[at]:.10g}, which is {fault}"
    return None


def _check_codes(sequences, channel):
    """Raise unless a channel holds integers that are exact in its dtype, and codes of its categories if it has such."""
    codes, categories = sequences.values[:, channel], sequences.categories.get(channel)
    bad = find_bad_code(codes)
    if not bad and categories is not None and codes.max() >= len(categories):
        row = int(codes.argmax())
        bad = row, f"{codes[row]:.10g}, but the channel has {len(categories)} categories"
    if bad:
        row, fault = bad
        sequence, step = locate(sequences.offsets, row)
        raise ValueError(f"Channel {channel} of X is categorical, but sequence {sequence}, step {step} is {fault}. {ADVICE}")


def _rows_of_codes(codes, categories, vocabulary, channel):
    """`rows_of` the categories that codes stand for; None: of the codes themselves. A negative code is unknown."""
    if categories is None:
        return rows_of(codes, vocabulary, channel, unknown=codes < 0)
    rows, vocabulary = rows_of(in_own_type(categories), vocabulary, channel)
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
        return _objects(items, values.shape)
    if values.dtype.kind in "fb" or (values.dtype.kind in "iu" and is_exact(values.ravel(), np.dtype(np.float64))):
        return values.astype(np.float64)
    return values


def _is_exact(number):
    try:
        return float(number) == number
    except OverflowError:
        return False


def _objects(items, shape):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def rows_of(values, vocabulary, channel, unknown=None):
    """Rows of the table for some values, 0 for those that the vocabulary does not have, and the vocabulary.

    Parameters
    ----------
    values : ndarray
        Of a type that `in_own_type` gives.
    vocabulary : ndarray or None
        None takes the values themselves.
    channel : int
        For messages.
    unknown : ndarray of bool of the same shape, default=None
        Values that stand for the unknown.
    """
    known = values if unknown is None or not unknown.any() else values[~unknown]
    if vocabulary is None:
        try:
            vocabulary = np.unique(known)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Channel {channel} of X mixes categories that cannot be sorted: {error}. Convert them to text."
            ) from error
    if vocabulary.size and known.size and _nature(vocabulary) != _nature(known):
        raise ValueError(
            f"Channel {channel} of X was fitted on categories that are {_nature(vocabulary)}, such as {vocabulary[0]!r}, but got"
            f" {known.ravel()[0]!r}. Pass the same kind of categories as in fit."
        )
    rows = _positions(values, vocabulary, channel)
    return (rows if unknown is None else np.where(unknown, 0, rows)), vocabulary


def _positions(values, vocabulary, channel):
    """Where values are in the sorted vocabulary, from 1 on, compared exactly; 0 where they are not."""
    kinds = {values.dtype.kind, vocabulary.dtype.kind}
    if vocabulary.size == 0:
        return np.zeros(values.shape, np.intp)
    if len(kinds) == 1 and "O" not in kinds:
        at = np.searchsorted(vocabulary, values).clip(max=len(vocabulary) - 1)
        return np.where(vocabulary[at] == values, at + 1, 0)
    # NumPy would convert integers to floats; Python compares them, and finds them in a dict, as the numbers that they are.
    try:
        numbers = {value: row for row, value in enumerate(vocabulary.tolist(), start=1)}
        rows = [numbers.get(value, 0) for value in values.ravel().tolist()]
    except TypeError as error:
        raise ValueError(f"Channel {channel} of X holds what is no category: {error}. Convert it to text or numbers.") from error
    return np.array(rows, np.intp).reshape(values.shape)


def _nature(values):
    """What kind of values an array holds, in words."""
    if values.dtype.kind == "O" and isinstance(values.ravel()[0], Real):
        return "numbers"
    return "texts" if values.dtype.kind in "OS" else KINDS[values.dtype.kind]


def encode_columns(columns, own, channels, n_channels, known):
    """A table of floats from the columns of a DataFrame, with rows of embedding tables for those of categorical channels.

    Parameters
    ----------
    columns : dict of str to ndarray of shape (n_sequences,)
    own : set of str
        Columns that are categories by their type, whose values may be any numbers.
    channels : tuple of int
    n_channels, known
        As in `categorical_channels` and `encode`.

    Returns
    -------
    table : ndarray of shape (n_sequences, n_columns), object where a column is
    vocabularies : list of ndarray
    """
    names, arrays, vocabularies = list(columns), list(columns.values()), []
    numeric = [array.dtype for j, array in enumerate(arrays) if j % n_channels not in channels]
    dtype = np.float32 if numeric and all(kind == np.float32 for kind in numeric) else np.float64
    for k, channel in enumerate(channels):
        unknown = []
        for name, array in zip(names[channel::n_channels], arrays[channel::n_channels], strict=True):
            missing = is_missing(array)
            if missing.any():
                raise ValueError(
                    f"Input X contains NaN: the categorical column {name!r} has no value in row {missing.argmax()}."
                    " Fill such, for instance with a category of their own."
                )
            is_code = array.dtype.kind in "fiub" and name not in own
            bad = find_bad_code(array.astype(np.float64)) if is_code else None
            if bad:
                raise ValueError(f"Column {name!r} of X is categorical, but row {bad[0]} is {bad[1]}. {ADVICE}")
            unknown.append(array < 0 if is_code else np.zeros(len(array), dtype=bool))
        values = in_own_type(exactly_joined(arrays[channel::n_channels])).reshape(len(unknown), -1)
        rows, vocabulary = rows_of(values, None if known is None else known[k], channel, np.stack(unknown))
        arrays[channel::n_channels] = list(rows.astype(dtype))
        vocabularies.append(vocabulary)
    return np.stack(arrays, axis=1), vocabularies


def fill_padding(columns, channels, n_channels, padding):
    """Columns of a table that have categories where there was padding, and where that was.

    Parameters
    ----------
    columns : dict of str to ndarray of shape (n_sequences,)
    channels : tuple of int
        The categorical ones: in padding they get a value that they have elsewhere.
    n_channels : int
    padding : float or None

    Returns
    -------
    columns : dict of str to ndarray of shape (n_sequences,)
    is_padding : ndarray of bool of shape (n_sequences, n_columns), or None
    """
    if padding is None:
        return columns, None
    arrays = list(columns.values())
    same = [is_missing(array) if padding != padding else np.asarray(array == padding, dtype=bool) for array in arrays]
    same = np.stack(same, axis=1).reshape(len(arrays[0]), -1, n_channels)
    first, last = real_steps(same, True, "both")
    steps = np.arange(same.shape[1])
    is_padding = (steps < first[:, np.newaxis]) | (steps >= last[:, np.newaxis])
    is_padding = np.repeat(is_padding, n_channels, axis=1)
    filled = dict(columns)
    for channel in channels:
        names = list(columns)[channel::n_channels]
        real = [columns[name][~is_padding[:, j]] for name, j in zip(names, range(channel, len(arrays), n_channels), strict=True)]
        example = next((values[0] for values in real if len(values)), None)
        for name, j in zip(names, range(channel, len(arrays), n_channels), strict=True):
            if is_padding[:, j].any() and example is not None:
                filled[name] = np.where(is_padding[:, j], np.array(example, dtype=columns[name].dtype), columns[name])
    return filled, is_padding
