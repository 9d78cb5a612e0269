"""`make_windows`: series cut into windows and the values that follow them."""

import reprlib
from numbers import Integral

import numpy as np

from ..compat import Interval, StrOptions, _is_arraylike_not_scalar, validate_params
from ..sequences import Sequences
from ..sequences.convert import is_missing, numbers_of_steps, unmixed
from ..sequences.errors import describe_non_number, name_of
from ..sequences.grouping import number_ids
from ..sequences.index import check_regular_index
from ..sequences.numerals import describe_numerals
from ..sequences.refusals import list_of, refused_as
from ..sequences.steps import Steps
from ..sequences.unsupported import foreign
from ..sequences.validation import array_or_list, holds_arrays


@refused_as("An argument of make_windows", "Pass a series of numbers, and integers of Python.")
@validate_params(
    {
        "series": "no_validation",
        "window": [Interval(Integral, 1, None, closed="left")],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "stride": [Interval(Integral, 1, None, closed="left")],
        "target": [Integral, str, "array-like", None],
        "known_future": [Integral, str, "array-like", None],
        "groups": [str, "array-like", None],
        "on_short": [StrOptions({"raise", "drop"})],
        "missing": [StrOptions({"keep", "drop"})],
        "return_index": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_windows(
    series,
    window,
    horizon=1,
    stride=1,
    *,
    target=None,
    known_future=None,
    groups=None,
    on_short="raise",
    missing="keep",
    return_index=False,
):
    """Cut series into windows X and the values that follow each of them, y.

    This makes training data for forecasts: of all steps of the horizon at once (direct), or, with ``horizon=1``, of one step that
    is then appended to the window of the next (recursive). The examples show both.

    Parameters
    ----------
    series : array-like or DataFrame of shape (n_steps,) or (n_steps, n_channels), or list of those
        One series; or several, as a list (tuple, object array), as `Sequences`, as a 3-D array of shape (n_series, n_steps,
        n_channels), or as one table with `groups`. The steps of each are in the order of time and equally far apart: an index of
        dates, periods or durations that falls or repeats is an error, and one in which steps are missing causes a warning. A list
        of lists is several series.
    window : int
        Number of steps in a window, from which a forecast is made.
    horizon : int, default=1
        Number of steps after the window that are to be forecast.
    stride : int, default=1
        Number of steps from the beginning of one window to that of the next. The first window begins at the first step of a
        series.
    target : int, str or list of those, default=None
        Channels to forecast, by number or by name of a column. None takes all that are not in `known_future`. The other channels
        are exogenous: X has their past.
    known_future : int, str or list of those, default=None
        Channels whose future is known in advance, such as the calendar or a price that was fixed. X has them a second time, as
        its last channels, shifted by `horizon` steps: the last `horizon` steps of a window then hold their values over the
        horizon, which must not be longer than the window.
    groups : array-like of shape (n_steps,) or (n_series,), or str, default=None
        Series to which each row of a table belongs, or the name of the column that says so, which is then not a channel. Rows
        of different groups may be mixed. For several series, the group of each. Groups serve for splits that keep a group
        together.
    on_short : {"raise", "drop"}, default="raise"
        What to do with a series of fewer than ``window + horizon`` steps: raise an error, or leave it out.
    missing : {"keep", "drop"}, default="keep"
        What to do with a window in which X or y has a missing value (NaN): keep it, or leave it out. With "drop", X and y are
        copies.
    return_index : bool, default=False
        Whether to return the index of the first step of each forecast, too.

    Returns
    -------
    X : ndarray of shape (n_windows, window, n_channels)
        The windows. For a single series that is an array, and without `known_future`, a read-only view of it in which windows
        overlap; otherwise a copy.
    y : ndarray of shape (n_windows, horizon) or (n_windows, horizon, n_targets)
        The values that follow each window, of the first shape if `target` is a single channel, or None and there is only one. A
        view where X is one.
    groups : ndarray of shape (n_windows,)
        Group of each window. Only if `groups` is given.
    index : ndarray of int of shape (n_windows,)
        The first step of each forecast: its row in the table, or for several series its number in the series. Only if
        `return_index` is True.

    Raises
    ------
    ValueError
        If a series is too short; if every window has a missing value and these are dropped; if a channel does not exist or does
        not hold numbers (texts are refused, even if they look like numbers); if `groups` has the wrong length; or if an index
        contradicts the order of steps.

    Warns
    -----
    UserWarning
        If steps are missing in an index of dates, periods or durations, so that two are more than 1.5 times the smallest distance
        apart. Weekends do not count as missing if no day of the series is one, nor does a single weekday (a holiday). Also if an
        index of numbers neither rises nor falls.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : Validation on later data. Windows overlap, so with a stride of 1 set its ``gap`` to
        ``window + horizon - 1``.

    Notes
    -----
    To forecast beyond the end, pass the last `window` steps as X. With `known_future`, extend the last ``window + horizon`` steps
    by NaN in the channels that are not known, and cut that into its only window.

    Estimators refuse missing values. Leave such windows out by ``missing="drop"``, or impute X by ``PerStep(SimpleImputer())``;
    missing values in y are unknown targets, which no imputer can replace.

    Networks do not extrapolate: a series with a trend leaves the range of values on which they were trained. Forecast its
    differences, and add these up, as in the examples.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.preprocessing import make_windows
    >>> X, y = make_windows(np.arange(6.0), window=3, horizon=2)
    >>> X[:, :, 0]
    array([[0., 1., 2.],
           [1., 2., 3.]])
    >>> y
    array([[3., 4.],
           [4., 5.]])

    All steps of the horizon at once:

    >>> from sklstm import LSTMRegressor
    >>> series = np.sin(np.arange(200) / 3)
    >>> X, y = make_windows(series, window=20, horizon=5)
    >>> model = LSTMRegressor(8, max_iter=5, random_state=0)
    >>> model.fit(X, y).predict(series[np.newaxis, -20:, np.newaxis]).shape  # what comes after the end
    (1, 5)

    Step by step, each forecast appended to the window of the next:

    >>> X, y = make_windows(series, window=20)
    >>> model, seen = model.fit(X, y[:, 0]), list(series[-20:])
    >>> for _ in range(5):
    ...     seen.append(model.predict(np.array(seen[-20:]).reshape(1, -1, 1))[0])
    >>> len(seen)
    25

    A trend, forecast by its differences:

    >>> trend = np.arange(1.0, 101)
    >>> X, y = make_windows(np.diff(trend), window=4)
    >>> model = LSTMRegressor(4, max_iter=5, random_state=0).fit(X, y[:, 0])
    >>> steps = np.diff(trend[-5:]).tolist()
    >>> for _ in range(3):
    ...     steps.append(model.predict(np.reshape(steps[-4:], (1, 4, 1)))[0])
    >>> (trend[-1] + np.cumsum(steps[4:])).round(6)
    array([101., 102., 103.])

    Sales of two shops with a price that is known in advance:

    >>> table = {"shop": ["a"] * 4 + ["b"] * 4, "sold": [5, 6, 2, 8, 1, 0, 3, 2], "price": [2, 2, 3, 1, 9, 9, 7, 8]}
    >>> steps = np.column_stack([table["sold"], table["price"]])
    >>> X, y, shop = make_windows(steps, window=2, target=0, known_future=1, groups=table["shop"])
    >>> X[0], y[0]  # sold, price, price of the step after
    (array([[5, 2, 2],
           [6, 2, 3]]), array([2]))
    >>> shop.tolist()
    ['a', 'a', 'b', 'b']
    """
    window, horizon, stride = int(window), int(horizon), int(stride)
    values, names, offsets, rows, labels = _read(series, groups)
    targets, known = _read_channels(target, known_future, names, values.shape[1])
    if known and window < horizon:
        raise ValueError(
            f"With known_future, a window must be at least as long as the horizon, got window={window}, horizon={horizon}. Set"
            " window higher."
        )
    counts = np.diff(offsets) - (window + horizon) + 1  # windows of each series with a stride of 1
    _check_lengths(offsets, counts, window, horizon, on_short, labels if groups is not None else None)
    counts = -(-counts.clip(0) // stride)

    past = values
    if known:
        past = np.concatenate([values[:-horizon], values[horizon:, known]], axis=1)
    group = np.repeat(np.arange(len(counts)), counts)  # of each window
    nth = np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = offsets[:-1][group] + stride * nth
    if missing == "drop":
        whole = _are_whole(past, starts, window) & _are_whole(values[:, targets], starts + window, horizon)
        starts, group = starts[whole], group[whole]
        if not len(starts):
            raise ValueError(
                f"All {len(whole)} windows have a missing value, in the {window} steps of X or the {horizon} of y. Set window and"
                " horizon lower, or impute series before."
            )
    windows = np.lib.stride_tricks.sliding_window_view(past, window, axis=0).transpose(0, 2, 1)
    future = np.lib.stride_tricks.sliding_window_view(values, horizon, axis=0).transpose(0, 2, 1)
    single = len(targets) == 1 and (target is None or _is_one(target))
    # A slice of channels is a view.
    chosen = targets[0] if single else slice(None) if targets == list(range(values.shape[1])) else targets
    future = future[:, :, chosen]

    if len(counts) == 1 and missing == "keep":
        count = int(counts[0])
        X, y = windows[::stride][:count], future[window::stride][:count]
    else:
        X, y = windows[starts], future[starts + window]
    returned = [X, y]
    if groups is not None:
        returned.append(labels[group])
    if return_index:
        returned.append(starts + window if rows is None else rows[starts + window])
    return tuple(returned)


@refused_as("series or groups", "Expected an array of shape (n_steps, n_channels), a DataFrame, or a list of such.")
def _read(series, groups):
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
    _refuse_no_series(series)
    series = array_or_list(series)
    several = isinstance(series, Sequences) or holds_arrays(series) or len(getattr(series, "shape", ())) == 3
    if several or (isinstance(series, (list, tuple)) and any(np.ndim(item) > 0 for item in series)):
        return _read_several(series, groups)
    return _read_table(series, groups)


def _read_several(series, groups):
    """What `_read` returns, of sequences or a list of series."""
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
    """What `_read` returns, of a single series or a table of several."""
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


def _refuse_no_series(series):
    """Raise unless an argument holds values; the message says how to get them."""
    expected = "series must be an array, a DataFrame, sklstm.Sequences or a list of arrays"
    found = foreign(series)
    if found is not None:
        raise ValueError(f"{expected}, got {type(series).__name__}: {found.advice('series')}")
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


def _are_whole(values, starts, length):
    """Whether each block of rows, by where it starts, has no missing value."""
    if values.dtype.kind != "f":
        return np.ones(len(starts), dtype=bool)
    n_missing = np.concatenate([[0], np.cumsum(np.isnan(values).any(axis=1))])
    return n_missing[starts + length] == n_missing[starts]


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
        texts = {entry.decode("latin-1") if isinstance(entry, bytes) else entry for entry in column.tolist() if is_text(entry)}
        name = "series" if names is None else f"series[{names[channel]!r}]"
        what = f"Channel {channel}{name_of(channel, names)} of series"
        if texts:
            raise ValueError(
                describe_numerals(sorted(texts), what, name, codes_remedy="")
                or describe_non_number(offsets, values, names=names, what="series")
            )


def _is_one(entries):
    is_scalar = isinstance(entries, (str, bytes)) or getattr(entries, "shape", None) == ()
    return is_scalar or not hasattr(entries, "__iter__")


def is_text(entry):
    return isinstance(entry, (str, bytes))


def _read_channels(target, known_future, names, n_channels):
    """Numbers of the channels to forecast, and of those whose future is known."""
    known = _channels("known_future", known_future, names, n_channels)
    default = [j for j in range(n_channels) if j not in known] if target is None else target
    targets = _channels("target", default, names, n_channels)
    if not targets or set(targets) & set(known):
        raise ValueError(
            f"A channel to forecast is not known in advance: got target={target!r}, known_future={known_future!r}. Name a channel"
            " in one only, and leave at least one to forecast."
        )
    return targets, known


def _channels(parameter, entries, names, n_channels):
    """Numbers of the channels in a parameter."""
    expected = "Pass the number of a channel, or a list of such."
    entries = [] if entries is None else [entries] if _is_one(entries) else list_of(parameter, entries, expected)
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


def _check_lengths(offsets, counts, window, horizon, on_short, labels):
    """Raise if a series is shorter than a window and its horizon; with "drop", only if all are."""
    none = np.flatnonzero(counts < 1)
    if not len(none) or (on_short == "drop" and len(none) < len(counts)):
        return
    i, n_steps = none[0], np.diff(offsets)
    which = "The series" if len(counts) == 1 else f"Series {i}" if labels is None else f"Series {labels.tolist()[i]!r}"
    if on_short == "drop" and len(counts) > 1:
        which = f"All {len(counts)} series are too short: {which}"
    remedy = ", or leave such series out by on_short='drop'" if len(none) < len(counts) else ""
    raise ValueError(
        f"{which} has {n_steps[i]} steps, but window={window} and horizon={horizon} need {window + horizon}. Set them lower, or"
        f" pass more steps{remedy}."
    )
