"""Series to be cut into windows: reading arrays, tables and lists of them."""

import numpy as np

from ..compat import _is_arraylike_not_scalar
from ..sequences import Sequences
from ..sequences.convert import is_missing, numbers_of_steps, unmixed
from ..sequences.errors import describe_non_number, name_of
from ..sequences.grouping import number_ids
from ..sequences.index import check_regular_index
from ..sequences.numerals import describe_numerals
from ..sequences.refusals import refused_as
from ..sequences.steps import Steps
from ..sequences.unsupported import foreign
from ..sequences.validation import array_or_list, holds_arrays


@refused_as("series or groups", "Expected an array of shape (n_steps, n_channels), a DataFrame, or a list of such.")
def read_series(series, groups):
    """The steps of all series one after the other, and which series they belong to.

    Returns
    -------
    values : ndarray of numbers of shape (total_steps, n_channels)
    names : list of str or None
        Names of the channels.
    offsets : ndarray of int of shape (n_series + 1,)
    rows : ndarray of int of shape (total_steps,) or None
        Number of each step for the caller; None if that is its place in `values`.
    labels : ndarray of shape (n_series,)
        Group of each series; its number if there are none.
    """
    refuse_no_series(series)
    series = array_or_list(series)
    several = isinstance(series, Sequences) or holds_arrays(series) or len(getattr(series, "shape", ())) == 3
    if several or (isinstance(series, (list, tuple)) and any(np.ndim(item) > 0 for item in series)):
        return _read_several(series, groups)
    return _read_table(series, groups)


def _read_several(series, groups):
    """What `read_series` returns, of sequences or a list of series."""
    if isinstance(groups, str):
        raise ValueError(f"groups={groups!r} names a column, but series are several. Pass the group of each series.")
    for i, one in enumerate(series if isinstance(series, (list, tuple)) or holds_arrays(series) else ()):
        check_regular_index(one, f"series {i}")
    steps = Steps.from_sequences(series, may_be_empty=True)  # `on_short` says what to do with an empty one
    names = steps.names
    for channel in steps.categories:
        raise ValueError(
            f"Channel {channel}{name_of(channel, names)} of series holds categories, whose codes have no meaning in windows."
            " Encode it before by PerStep(ColumnTransformer(...)) with an OneHotEncoder for it, or leave it out of series."
        )
    rows = np.arange(steps.offsets[-1]) - np.repeat(steps.offsets[:-1], steps.lengths)
    labels = np.arange(len(steps)) if groups is None else _labels(groups, len(steps), "series")
    return _numbers(steps.values, steps.offsets, names), names, steps.offsets, rows, labels


def _read_table(series, groups):
    """What `read_series` returns, of a single series or a table of several."""
    table = series
    names = list(series.columns) if hasattr(series, "columns") else None
    if isinstance(groups, str):
        if names is None or groups not in names:
            raise ValueError(f"groups={groups!r} is no column of series; its columns are {names}. Pass an array, or a column.")
        column, names = groups, [name for name in names if name != groups]
        groups, series = np.asarray(series[column]), series[names]
    n_steps = len(series)
    if n_steps == 0:
        raise ValueError("Found array with 0 sample(s): the series has no step. Pass at least window + horizon.")
    values = _numbers(series, np.array([0, n_steps]), names)
    if groups is None:
        check_regular_index(table, "series")
        return values, names, np.array([0, n_steps]), None, np.arange(1)
    groups = _labels(groups, n_steps, "rows")
    number, _ = number_ids(groups)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(number))])
    rows = np.argsort(number, kind="stable")
    in_order = (np.diff(number) >= 0).all()
    check_regular_index(table, "series", rows, offsets)
    return values if in_order else values[rows], names, offsets, rows, groups[rows[offsets[:-1]]]


def refuse_no_series(series, name="series"):
    """Raise unless an argument holds values; the message says how to get them."""
    expected = f"{name} must be an array, a DataFrame, sklstm.Sequences or a list of arrays"
    found = foreign(series)
    if found is not None:
        raise ValueError(f"{expected}, got {type(series).__name__}: {found.advice(name)}")
    if not _is_arraylike_not_scalar(series):
        raise ValueError(f"{expected}, got {series!r}.")


def _labels(groups, n, what):
    """Groups as an array with one entry for each of n series or rows, none missing."""
    try:
        groups = unmixed(groups)
    except ValueError as error:
        raise ValueError(f"groups must have one entry for each of the {n} {what}, but holds lists of several lengths.") from error
    if groups.shape != (n,):
        raise ValueError(f"groups must have one entry for each of the {n} {what}, got shape {groups.shape}. Pass as many.")
    missing = np.flatnonzero(is_missing(groups))
    if len(missing):
        raise ValueError(f"The group in entry {missing[0]} is missing. Drop such {what}, or fill it.")
    return groups


def _numbers(table, offsets, names):
    """A table as an array of numbers (n_steps, n_channels), without a copy where it is one."""
    for name in getattr(table, "columns", ()):
        kind = np.asarray(table[name]).dtype
        if kind.kind in "mMUSV":
            raise ValueError(f"Column {name!r} holds no numbers ({kind}). Leave it out of series, or name it in groups.")
    values = np.asarray(table)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(
            f"A series must be an array of shape (n_steps,) or (n_steps, n_channels), got shape {values.shape}. Pass several"
            " series as a list."
        )
    if values.dtype.kind in "fiub":
        return values
    if values.dtype.kind not in "OUST":
        raise ValueError(f"A series must hold real numbers, got {values.dtype}. Convert it to numbers.")
    _refuse_texts(values, offsets, names)
    return numbers_of_steps(values, offsets, names, what="series")


def _refuse_texts(values, offsets, names):
    """Raise if there are texts, even if they look like numbers."""
    for channel, column in enumerate(values.T):
        texts = {entry.decode("latin-1") if isinstance(entry, bytes) else entry for entry in column.tolist() if _is_text(entry)}
        name = "series" if names is None else f"series[{names[channel]!r}]"
        what = f"Channel {channel}{name_of(channel, names)} of series"
        if texts:
            raise ValueError(
                describe_numerals(sorted(texts), what, name, codes_remedy="")
                or describe_non_number(offsets, values, names=names, what="series")
            )


def _is_text(entry):
    return isinstance(entry, (str, bytes))
