"""Forecasts from many origins, one after the other, and their errors."""

import numpy as np


def naive_errors(values, period, channels):
    """Mean absolute error of the seasonal naive forecast within each series (n_series, n_channels); NaN where it has none.

    Parameters
    ----------
    values : list of ndarray of shape (n_steps, n_channels)
    period : int
        Number of steps of a season, 1 without one.
    channels : list of int
    """
    found = np.full((len(values), len(channels)), np.nan)
    for i, of_series in enumerate(values):
        errors = np.abs(of_series[period:, channels] - of_series[:-period, channels])
        n_known = (~np.isnan(errors)).sum(axis=0)
        total = np.nansum(errors, axis=0, dtype=np.float64)
        found[i] = np.where((n_known > 0) & (total > 0), total / np.maximum(n_known, 1), np.nan)
    return found


def errors_by_origin(networks, data, first, begin, horizon, size, late=None):
    """Errors of forecasts of the last steps of series.

    Parameters
    ----------
    networks : Networks
    data : Data
        The series, and what is known of them.
    first : ndarray of int of shape (n_series,)
        First step of each series of which errors are wanted.
    begin : ndarray of int of shape (n_series,)
        First step that is an origin, the first that is forecast.
    horizon : int
    size : int
        Number of steps that a forecast is made from.
    late : tuple of ndarray of int of shape (n_series,), default=None
        Last origin of each series whose known channels were known before, and the first step of which errors of later origins are
        wanted: those that were not wanted before, since the known channels were missing.

    Returns
    -------
    errors : ndarray of shape (n_origins, horizon, n_targets)
        What happened less what was forecast, NaN for steps before the first and after the end of the series.
    scale : ndarray of shape (n_origins, n_targets)
    series : ndarray of int of shape (n_origins,)
    origins : ndarray of int of shape (n_origins,)
        Step of the series that is forecast first.
    """
    lengths, needed = data.lengths, -(-horizon // networks.block) * networks.block
    places = []
    for i, length in enumerate(lengths):
        last = length if data.known is None else min(length, len(data.known[i]) - needed + 1)
        places += [(i, origin) for origin in range(max(int(begin[i]), size), last)]
    series, origins = np.array(places, dtype=int).reshape(-1, 2).T
    if not len(series):
        n_targets = len(networks.targets)
        return np.empty((0, horizon, n_targets)), np.empty((0, n_targets)), series, origins
    values = data.series.values
    past = np.stack([values[i][origin - size : origin] for i, origin in places])
    known = None
    if data.known is not None:
        known = np.stack([data.known[i][origin - size : origin + needed] for i, origin in places])
    forecasts, scale = networks.forecast(past, known, series, horizon)
    true = np.full(forecasts.shape, np.nan)
    for k, (i, origin) in enumerate(places):
        wanted = first[i] if late is None or origin <= late[0][i] else late[1][i]
        skipped = max(int(wanted) - origin, 0)
        of_origin = values[i][origin + skipped : origin + horizon, networks.targets]
        true[k, skipped : skipped + len(of_origin)] = of_origin
    return true - forecasts, scale, series, origins


def errors_by_step(errors, series, origins, n_series):
    """Errors step by step, each an array (n_series, horizon, n_targets): of forecasts one step ahead, two steps ahead and so on.

    Parameters
    ----------
    errors : ndarray of shape (n_origins, horizon, n_targets)
        NaN for what is not known.
    series, origins : ndarray of int of shape (n_origins,)
        Origins from the first step on.
    """
    steps = origins[:, np.newaxis] + np.arange(errors.shape[1])
    for step in range(int(steps.max(initial=-1)) + 1):
        rows, ahead = np.nonzero(steps == step)
        found = np.full((n_series, *errors.shape[1:]), np.nan)
        found[series[rows], ahead] = errors[rows, ahead]
        if not np.isnan(found).all():
            yield found


def relative_errors(errors, scale):
    """Errors (n, horizon, n_targets) over the scales (n, n_targets) of their windows; NaN for constant windows."""
    scale = np.where(scale > 0, scale, np.nan)[:, np.newaxis]
    return errors / scale
