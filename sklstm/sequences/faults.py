"""What is wrong with a value, and in which sequence, step and channel it is."""

import reprlib

import numpy as np

IMPUTE = (
    "Impute or drop missing values first: sklstm.preprocessing.PerStep(SimpleImputer()) before the estimator in a Pipeline"
    " imputes them step by step."
)


def locate(offsets, row):
    """(sequence, step) of a row of the values."""
    sequence = int(np.searchsorted(offsets, row, side="right")) - 1
    return sequence, int(row - offsets[sequence])


def raise_if_not_finite(offsets, values, infinity="infinity (inf)"):
    """Raise a ValueError that says where the first NaN or infinity is; `infinity` is what to call the latter."""
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
                f"Input X contains {name}: sequence {sequence}, step {step}, channel {channel}. Expected finite numbers only."
                f" {remedy}"
            )


def describe_non_number(offsets, values, first=0):
    """What to say of the first value that is no number, None if there is none; `first` numbers the first sequence."""
    for row, step_values in enumerate(values):
        for channel, value in enumerate(step_values):
            try:
                float(value)
            except (TypeError, ValueError, OverflowError):
                sequence, step = locate(offsets, row)
                return (
                    f"X must hold numbers: sequence {first + sequence}, step {step}, channel {channel} is {reprlib.repr(value)}"
                    f" ({type(value).__name__}). Encode categories and texts as numbers first."
                )
    return None


def channels_first_hint(lengths, remedy):
    """What to say beside an error about channels of sequences whose lengths look like a number of channels: are the same."""
    if len(lengths) != 1:
        return ""
    return f" All sequences have {next(iter(lengths))} steps: if that is the number of channels, transpose them: {remedy}."
