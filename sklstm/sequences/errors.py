"""What is wrong with a value, and in which sequence, step and channel it is."""

import reprlib
from datetime import date, time, timedelta

import numpy as np

IMPUTE = (
    "Impute or drop missing values first: sklstm.preprocessing.PerStep(SimpleImputer()) before the estimator in a Pipeline"
    " imputes them step by step. missing=\"indicator\" of the estimator takes them as they are, and tells the network which they"
    " are; missing=\"decay\" also lets older values count less."
)
IMPUTE_CATEGORIES = (
    "Impute or drop missing categories first: sklstm.preprocessing.PerStep(SimpleImputer(strategy=\"most_frequent\")) before the"
    " estimator in a Pipeline, or fill them with a category of their own before."
)
LEAVE_OUT_PADDING = (
    "If the NaN are padding, leave them out: Sequences.from_padded(X, padding=np.nan, side=\"both\") of a padded array, or"
    " padding=np.nan of the estimator. Else impute"
)

PASS_LONG_TABLE = "If X is a table with one row per step, pass Sequences.from_long(X, id=..., time=...)."

TIMES = (date, time, timedelta, np.datetime64, np.timedelta64)  # of which NumPy's become a number of whatever unit they have

# What NumPy converts to numbers, or may, and is none.
NO_NUMBERS = (str, bytes, bytearray, *TIMES)


def holds_no_numbers(values, types=NO_NUMBERS, kinds="mMVUST"):
    """Whether an array has texts, times or records, some of which NumPy would convert to numbers; or some of these types only."""
    if values.dtype.kind == "O":
        return any(issubclass(kind, types) for kind in set(map(type, values.ravel().tolist())))
    return values.dtype.kind in kinds


def repeated(values):
    """Those of some hashable values that occur earlier in them, too."""
    seen = set()
    return [value for value in values if value in seen or seen.add(value)]


def two_columns(name):
    """The error for two columns of X that have one name."""
    return ValueError(f"X has two columns called {name!r}. Rename one, or pass X.to_numpy().")


def locate(offsets, row):
    """(sequence, step) of a row of the values."""
    sequence = int(np.searchsorted(offsets, row, side="right")) - 1
    return sequence, int(row - offsets[sequence])


def place_of(offsets, row):
    """The same in words."""
    return "sequence {}, step {}".format(*locate(offsets, row))


def refuse_mask(values, what, entries="steps"):
    """Raise a ValueError where an array hides values behind a mask; `what` names it, and `entries` what to drop."""
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        raise ValueError(
            f"{what} is a masked array, and masked values have no meaning here. Fill them (.filled), or drop such {entries}."
        )


def name_of(channel, names):
    """What to write after the number of a channel: its name in brackets, nothing if there are no names."""
    if names is None:
        return ""
    name = names[channel]
    return f" ({name.item() if isinstance(name, np.generic) else name!r})"


def raise_if_not_finite(offsets, values, names=None, infinity="infinity (inf)", categorical=(), allows_missing=False):
    """Raise a ValueError that says where the first NaN or infinity is.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_sequences + 1,)
    values : ndarray of shape (total_steps, n_channels)
    names : list, default=None
        Of the channels.
    infinity : str, default="infinity (inf)"
        What to call it.
    categorical : container of int, default=()
        Channels that hold codes of categories.
    allows_missing : bool, default=False
        Whether the others may have NaN.
    """
    # In blocks, to keep the temporary small.
    block = 1 << 16
    for start in range(0, len(values), block):
        some = values[start : start + block]
        is_bad = ~np.isfinite(some)
        if allows_missing:
            is_bad &= ~np.isnan(some) | np.isin(np.arange(values.shape[1]), list(categorical))
        bad = np.argwhere(is_bad)
        if len(bad):
            row, channel = int(bad[0, 0]) + start, int(bad[0, 1])
            sequence, step = locate(offsets, row)
            if np.isnan(values[row, channel]):
                name, remedy = "NaN", IMPUTE_CATEGORIES if channel in categorical else IMPUTE
                if _looks_like_padding(values[offsets[sequence] : offsets[sequence + 1]], step):
                    remedy = f"{LEAVE_OUT_PADDING}{remedy.removeprefix('Impute')}"
            else:
                name, remedy = infinity, "Clip or drop such values first."
            raise ValueError(
                f"Input X contains {name}: sequence {sequence}, step {step}, channel {channel}{name_of(channel, names)}."
                f" Expected finite numbers only. {remedy}"
            )


def _looks_like_padding(values, step):
    """Whether all channels of a sequence (n_steps, n_channels) are NaN from its beginning to that step, or from it to the end."""
    empty = np.isnan(values).all(axis=1)
    return bool(empty[: step + 1].all() or empty[step:].all())


def describe_non_number(offsets, values, first=0, names=None, first_channel=0, what="X"):
    """What to say of the first value that is not a number, None if there is none.

    A value that has nothing of a number comes before a text that is one, and this before one that is missing. `first` numbers
    the first sequence, `first_channel` the first channel, `names` are those of the channels, and `what` is the argument.
    """
    found = missing = None
    for row, step_values in enumerate(values):
        for channel, value in enumerate(step_values):
            try:
                float(value)
            except (TypeError, ValueError, OverflowError):
                if value is not None and type(value).__name__ != "NAType":
                    return _describe(offsets, row, channel + first_channel, value, first, names, what)
                missing = missing or (row, channel + first_channel, value)
            if found is None and isinstance(value, NO_NUMBERS):
                found = row, channel + first_channel, value
    found = found or missing
    return None if found is None else _describe(offsets, *found, first, names, what)


def _describe(offsets, row, channel, value, first, names, what):
    sequence, step = locate(offsets, row)
    remedy = _remedy(value, what)
    value = value.item() if isinstance(value, np.flexible) else value
    return (
        f"{what} must hold numbers: sequence {first + sequence}, step {step}, channel {channel}{name_of(channel, names)}"
        f" is {reprlib.repr(value)} ({type(value).__name__}). {remedy}"
    )


def _remedy(value, what):
    """What to do about a value that is not a number."""
    if isinstance(value, TIMES) or hasattr(value, "ordinal"):  # a Period of pandas
        return TIMES_AMONG_NUMBERS
    if isinstance(value, (str, bytes, bytearray)):
        if what != "X":  # codes of categories are none of its numbers
            return f"Leave the channel out of {what}, or write NaN where a value is missing."
        return TEXTS_OF_NUMBERS if converts(float, value) else TEXTS
    if isinstance(value, (list, tuple, np.ndarray)) or hasattr(value, "to_numpy"):
        return (
            "Where each cell of a table holds a series, put those of a row side by side:"
            f" [np.column_stack(list(row)) for row in {what}.to_numpy()]."
        )
    return "Encode it as a number first."


def converts(convert, text):
    """Whether a function takes a text."""
    try:
        convert(text)
    except ValueError:
        return False
    return True


TIMES_AMONG_NUMBERS = (
    "Convert times to numbers first, such as (times - times[0]) / np.timedelta64(1, \"D\"), or leave them out. In a table with"
    " one row per step Sequences.from_long(..., time=...) takes them to sort the steps, and elapsed=True keeps them."
)
TEXTS = (
    "Encode categories and texts as numbers first: sklstm.preprocessing.SequenceTokenizer makes sequences of codes of"
    " documents, Sequences.from_long of a column of a table, and categorical_features names channels that hold categories."
)
TEXTS_OF_NUMBERS = (
    "Convert texts to numbers first: X.astype(float) of an array or a DataFrame, [np.asarray(x, dtype=float) for x in X] of a"
    " list; or read them as numbers, as by pandas.read_csv with decimal, thousands and na_values. If they are categories, name"
    " their channel in categorical_features."
)


def channels_first_hint(lengths, remedy):
    """What to add to an error about channels, where all sequences have one length, which may be the number of channels."""
    if len(lengths) != 1:
        return ""
    return f" All sequences have {next(iter(lengths))} steps: if that is the number of channels, transpose them: {remedy}."
