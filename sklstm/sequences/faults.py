"""What is wrong with a value, and in which sequence, step and channel it is."""

import reprlib

import numpy as np

from .numerals import NO_NUMBERS, as_float

IMPUTE = (
    "Impute or drop missing values first: sklstm.preprocessing.PerStep(SimpleImputer()) before the estimator in a Pipeline"
    " imputes them step by step."
)


def locate(offsets, row):
    """(sequence, step) of a row of the values."""
    sequence = int(np.searchsorted(offsets, row, side="right")) - 1
    return sequence, int(row - offsets[sequence])


def refuse_mask(values, what):
    """Raise a ValueError where an array hides values behind a mask; `what` names it."""
    if np.ma.isMaskedArray(values) and np.ma.is_masked(values):
        raise ValueError(
            f"{what} is a masked array, and masked values have no meaning here. Fill them (.filled), or drop such steps."
        )


def name_of(channel, names):
    """What to write after the number of a channel: its name in brackets, nothing if there are no names."""
    if names is None:
        return ""
    name = names[channel]
    return f" ({name.item() if isinstance(name, np.generic) else name!r})"


def raise_if_not_finite(offsets, values, names=None, infinity="infinity (inf)"):
    """Raise a ValueError that says where the first NaN or infinity is.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_sequences + 1,)
    values : ndarray of shape (total_steps, n_channels)
    names : list, default=None
        Of the channels.
    infinity : str, default="infinity (inf)"
        What to call it.
    """
    # In blocks, to keep the temporary small.
    block = 1 << 16
    for start in range(0, len(values), block):
        bad = np.argwhere(~np.isfinite(values[start : start + block]))
        if len(bad):
            row, channel = bad[0]
            sequence, step = locate(offsets, start + row)
            missing = np.isnan(values[start + row, channel])
            name, remedy = ("NaN", IMPUTE) if missing else (infinity, "Clip or drop such values first.")
            raise ValueError(
                f"Input X contains {name}: sequence {sequence}, step {step}, channel {channel}{name_of(channel, names)}."
                f" Expected finite numbers only. {remedy}"
            )


def describe_non_number(offsets, values, first=0, names=None):
    """What to say of the first value that is no number, None if there is none.

    `first` numbers the first sequence, and `names` are those of the channels.
    """
    for row, step_values in enumerate(values):
        for channel, value in enumerate(step_values):
            try:
                as_float(value)
            except (TypeError, ValueError, OverflowError):
                sequence, step = locate(offsets, row)
                value = value.item() if isinstance(value, np.flexible) else value
                return (
                    f"X must hold numbers: sequence {first + sequence}, step {step}, channel {channel}{name_of(channel, names)}"
                    f" is {reprlib.repr(value)} ({type(value).__name__}). {_remedy(value)}"
                )
    return None


def _remedy(value):
    """What to do about a value that is no number."""
    if isinstance(value, (str, bytes)):
        return (
            "Encode categories and texts as numbers first: sklstm.preprocessing.SequenceTokenizer makes sequences of codes of"
            " documents, Sequences.from_long of a column of a table, and categorical_features names channels that hold such."
        )
    if isinstance(value, NO_NUMBERS):
        return (
            "It is a time: leave it out, or convert it to a number, such as the seconds since the first step:"
            " (times - times[0]) / np.timedelta64(1, 's')."
        )
    if isinstance(value, (list, tuple, np.ndarray)) or hasattr(value, "to_numpy"):
        return (
            "Where each cell of a table holds a series, put those of a row side by side:"
            " [np.column_stack(list(row)) for row in X.to_numpy()]."
        )
    return "Encode it as a number first."


def channels_first_hint(lengths, remedy):
    """What to say beside an error about channels of sequences whose lengths look like a number of channels: are the same."""
    if len(lengths) != 1:
        return ""
    return f" All sequences have {next(iter(lengths))} steps: if that is the number of channels, transpose them: {remedy}."
