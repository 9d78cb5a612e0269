"""`make_windows`: series cut into windows and the values that follow them."""

from numbers import Integral

import numpy as np

from ..compat import Interval, StrOptions, validate_params
from ..sequences import Sequences
from ..sequences.refusals import refused_as
from .blocks import blocks_of
from .levels import LEVELS, subtract_levels
from .series import read_series
from .targets import is_one, read_targets


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
        "relative": [StrOptions(set(LEVELS)), None],
        "n_blocks": [Interval(Integral, 2, None, closed="left"), None],
        "return_level": ["boolean"],
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
    relative=None,
    n_blocks=None,
    return_level=False,
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
        What to do with a series of fewer than ``window + horizon`` steps, or of fewer than ``window + horizon + stride - 1`` per
        block: raise an error, or leave it out.
    missing : {"keep", "drop"}, default="keep"
        What to do with a window in which X or y has a missing value (NaN): keep it, or leave it out. With "drop", X and y are
        copies.
    relative : {"last", "mean"}, default=None
        Level of each window that is subtracted from it: the last value of each channel, or the mean of its values in the window.
        The level of a target is subtracted from y, too. Missing values do not count. Channels in `known_future` remain as they
        are. None subtracts nothing.
    n_blocks : int, default=None
        Number of blocks into which the steps of each series are divided, all but equally long, for validation. Windows that
        cross the border between two blocks are left out, so that windows of different blocks have no step in common.
    return_level : bool, default=False
        Whether to return what was subtracted from y, too. Requires `relative`.
    return_index : bool, default=False
        Whether to return the index of the first step of each forecast, too.

    Returns
    -------
    X : ndarray of shape (n_windows, window, n_channels)
        The windows. For a single series that is an array, and without `known_future`, a read-only view of it in which windows
        overlap; otherwise a copy, and so with `relative`. If series are `Sequences` with static features or
        times, X are such, too.
    y : ndarray of shape (n_windows, horizon) or (n_windows, horizon, n_targets)
        The values that follow each window, of the first shape if `target` is a single channel, or None and there is only one. A
        view where X is one.
    groups : ndarray of shape (n_windows,)
        Group of each window. Only if `groups` is given.
    blocks : ndarray of int of shape (n_windows,)
        Block of each window, from 0 to ``n_blocks - 1`` in the order of time. Only if `n_blocks` is given.
    level : ndarray of shape (n_windows, 1) or (n_windows, 1, n_targets)
        Level that was subtracted from the y of each window; ``y + level`` is what y is without `relative`. NaN where the window
        has no value of a target. Only if `return_level` is True.
    index : ndarray of int of shape (n_windows,)
        The first step of each forecast: its row in the table, or for several series its number in the series. Only if
        `return_index` is True.

    Raises
    ------
    ValueError
        If a series is too short; if every window has a missing value and these are dropped; if a channel does not exist or does
        not hold numbers (texts are refused, even if they look like numbers); if `groups` has the wrong length; or if an index
        contradicts the order of steps; or if `return_level` is set without `relative`.

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
    sklearn.model_selection.GroupKFold : Validation on blocks, which are its groups.
    RelativeRegressor : Forecasts from relative windows in the units of the series.

    Notes
    -----
    To forecast beyond the end, pass the last `window` steps as X. With `known_future`, extend the last ``window + horizon`` steps
    by NaN in the channels that are not known, and cut that into its only window.

    Estimators refuse missing values. Leave such windows out by ``missing="drop"``, or impute X by ``PerStep(SimpleImputer())``;
    missing values in y are unknown targets, which no imputer can replace.

    Networks do not extrapolate: a series with a trend leaves the range of values on which they were trained. Windows relative to
    their last value or their mean have no level that could leave it. ES-RNN [1]_ divides windows by a level, which is the same
    for the logarithms of a series; NLinear [2]_ subtracts the last value. For a series that grows by a percentage, take the
    logarithm first. Alternatively forecast differences, and add these up.

    The level depends on the window only, so nothing leaks into training. Absolute and squared errors of relative forecasts are
    those of the forecasts plus `level`. `RelativeRegressor` does both, in `fit` and in `predict`.

    Windows overlap: a random split puts steps of the validation windows into training. Blocks do not; pass them as groups to
    `GroupKFold`, `GridSearchCV.fit` and the like. Block k is the k-th part of each series, so that series which begin and end at
    the same time are also divided at the same times. Each border costs ``window + horizon - 1`` windows: with few steps take few
    blocks. For many short series use `groups`, which keep a series together, instead.

    References
    ----------
    .. [1] S. Smyl (2020), "A hybrid method of exponential smoothing and recurrent neural networks for time series forecasting",
       International Journal of Forecasting 36(1).
    .. [2] A. Zeng, M. Chen, L. Zhang and Q. Xu (2023), "Are transformers effective for time series forecasting?", AAAI 37.

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

    A trend, with windows relative to their last value:

    >>> trend = np.arange(1.0, 101)
    >>> X, y, level = make_windows(trend, window=4, horizon=3, relative="last", return_level=True)
    >>> X[0, :, 0], y[0], level[0]
    (array([-3., -2., -1.,  0.]), array([1., 2., 3.]), array([4.]))
    >>> model = LSTMRegressor(4, max_iter=50, random_state=0).fit(X, y)
    >>> trend[-1] + model.predict([trend[-4:] - trend[-1]]).round(1)
    array([[101., 102., 103.]])

    The same by its differences, which are added up:

    >>> X, y = make_windows(np.diff(trend), window=4)
    >>> model = LSTMRegressor(4, max_iter=5, random_state=0).fit(X, y[:, 0])
    >>> steps = np.diff(trend[-5:]).tolist()
    >>> for _ in range(3):
    ...     steps.append(model.predict(np.reshape(steps[-4:], (1, 4, 1)))[0])
    >>> (trend[-1] + np.cumsum(steps[4:])).round(6)
    array([101., 102., 103.])

    Validation on blocks of time:

    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> X, y, blocks = make_windows(series, window=20, n_blocks=4)
    >>> np.bincount(blocks)
    array([30, 30, 30, 30])
    >>> cross_val_score(model, X, y[:, 0], groups=blocks, cv=GroupKFold(4)).shape
    (4,)

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
    if return_level and relative is None:
        raise ValueError("return_level=True returns what relative subtracts, got relative=None. Set relative='last' or 'mean'.")
    values, names, offsets, rows, labels = read_series(series, groups)
    targets, known = read_targets(target, known_future, names, values.shape[1])
    if known and window < horizon:
        raise ValueError(
            f"With known_future, a window must be at least as long as the horizon, got window={window}, horizon={horizon}. Set"
            " window higher."
        )
    starts, group = _place(offsets, window, horizon, stride, n_blocks, on_short, labels if groups is not None else None)
    past = values
    if known:
        past = np.concatenate([values[:-horizon], values[horizon:, known]], axis=1)
    if missing == "drop":
        whole = _are_whole(past, starts, window) & _are_whole(values[:, targets], starts + window, horizon)
        if not whole.any():
            raise ValueError(
                f"All {len(whole)} windows have a missing value, in the {window} steps of X or the {horizon} of y. Set window and"
                " horizon lower, or impute series before."
            )
        starts, group = starts[whole], group[whole]
    windows = np.lib.stride_tricks.sliding_window_view(past, window, axis=0).transpose(0, 2, 1)
    future = np.lib.stride_tricks.sliding_window_view(values, horizon, axis=0).transpose(0, 2, 1)
    single = len(targets) == 1 and (target is None or is_one(target))
    # A slice of channels is a view.
    future = future[:, :, targets[0] if single else slice(None) if targets == list(range(values.shape[1])) else targets]
    if len(offsets) == 2 and missing == "keep" and n_blocks is None:
        X, y = windows[::stride][: len(starts)], future[window::stride][: len(starts)]
    else:
        X, y = windows[starts], future[starts + window]

    if relative is not None:
        X, y, level = _relative(relative, X, y, targets, [j for j in range(values.shape[1]) if j not in known])
    returned = [_with_facts(X, series, group, starts), y]
    if groups is not None:
        returned.append(labels[group])
    if n_blocks is not None:
        returned.append(blocks_of(starts, window + horizon, group, offsets, n_blocks))
    if return_level:
        returned.append(level)
    if return_index:
        returned.append(starts + window if rows is None else rows[starts + window])
    return tuple(returned)


def _with_facts(X, series, group, starts):
    """The windows; if series have static features or times as `Sequences`, in which each window has those of its series."""
    if not isinstance(series, Sequences) or (series.static is None and series.times is None):
        return X
    n_windows, window, n_channels = X.shape
    static = None if series.static is None else series._static[group]
    times = None if series.times is None else series._times[(starts[:, np.newaxis] + np.arange(window)).ravel()]
    return Sequences(X.reshape(-1, n_channels), window * np.arange(n_windows + 1), static=static, times=times)


def _place(offsets, window, horizon, stride, n_blocks, on_short, labels):
    """Row at which each window starts, and number of its series; raises where a series is too short.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_series + 1,)
    window, horizon, stride, n_blocks, on_short
        As in `make_windows`.
    labels : ndarray of shape (n_series,) or None
        What an error calls the series, if not by their numbers.
    """
    length, arguments = window + horizon, f"window={window} and horizon={horizon}"
    needed = length
    if n_blocks is not None:
        needed = int(n_blocks) * (length + stride - 1)  # so that every block has a window
        arguments = f"window={window}, horizon={horizon}, stride={stride} and n_blocks={n_blocks}"
    _check_lengths(offsets, needed, arguments, on_short, labels)
    n_steps = np.diff(offsets)
    counts = np.where(n_steps < needed, 0, (n_steps - length) // stride + 1)
    group = np.repeat(np.arange(len(counts)), counts)
    starts = offsets[:-1][group] + stride * (np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts))
    if n_blocks is not None:
        inside = blocks_of(starts, length, group, offsets, n_blocks) >= 0
        starts, group = starts[inside], group[inside]
    return starts, group


def _relative(relative, X, y, targets, channels):
    """X and y less the levels of these channels of X, and the levels in the shape in which they are subtracted from y."""
    n_windows, window, n_channels = X.shape
    values, offsets = X.reshape(-1, n_channels), window * np.arange(n_windows + 1)
    # What can be written to is a copy already; a view of the series cannot.
    values, levels = subtract_levels(relative, values, offsets, channels, copy=not values.flags.writeable)
    level = levels[:, np.newaxis, [channels.index(j) for j in targets]]
    level = level.reshape(n_windows, 1) if y.ndim == 2 else level
    return values.reshape(X.shape), y - level, level


def _are_whole(values, starts, length):
    """Whether each block of rows, by where it starts, has no missing value."""
    if values.dtype.kind != "f":
        return np.ones(len(starts), dtype=bool)
    n_missing = np.concatenate([[0], np.cumsum(np.isnan(values).any(axis=1))])
    return n_missing[starts + length] == n_missing[starts]


def _check_lengths(offsets, needed, arguments, on_short, labels):
    """Raise if a series has fewer steps than the arguments need; with "drop", only if all have."""
    n_steps = np.diff(offsets)
    short = np.flatnonzero(n_steps < needed)
    if not len(short) or (on_short == "drop" and len(short) < len(n_steps)):
        return
    i = short[0]
    which = "The series" if len(n_steps) == 1 else f"Series {i}" if labels is None else f"Series {labels.tolist()[i]!r}"
    if on_short == "drop" and len(n_steps) > 1:
        which = f"All {len(n_steps)} series are too short: {which}"
    remedy = ", or leave such series out by on_short='drop'" if len(short) < len(n_steps) else ""
    raise ValueError(
        f"{which} has {n_steps[i]} steps, but {arguments} need {needed}. Set them lower, or pass more steps{remedy}."
    )
