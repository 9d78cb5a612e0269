"""`Backtest`: forecasts of the end of series from several origins, and how good they are."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.base import clone

from ..network.checks import is_count
from .means import mean_of_known


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts of the last steps of series, made from several origins without knowledge of what follows, and their errors.

    ``pandas.DataFrame(backtest.to_dict())`` is the table that is printed.

    Parameters
    ----------
    series : list
        Identifier of each series, or its number.
    targets : list
        Name of each target, or its number.
    mase : ndarray of shape (n_series, n_targets)
        Mean absolute scaled error: the mean absolute error over that of the seasonal naive forecast within the steps before the
        first origin.
    naive_mase : ndarray of shape (n_series, n_targets)
        The same of the seasonal naive forecasts of the same steps: the values of one season ago.
    pinball : ndarray of shape (n_series, n_targets)
        Mean pinball loss of both ends of the interval and of the forecast as a median, over the same error.
    coverage : ndarray of shape (n_series, n_targets)
        Share of the values that lie in their intervals.
    nominal_coverage : float
        What it should be.
    y_true, forecasts, lower, upper : ndarray of shape (n_windows, n_series, horizon, n_targets)
        What happened, what was forecast, and the ends of the intervals, NaN if too few errors are known for those.

    See Also
    --------
    LSTMForecaster.backtest : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMForecaster
    >>> forecaster = LSTMForecaster(2, n_estimators=1, n_splits=1, max_iter=5, random_state=0)
    >>> backtest = forecaster.backtest([np.arange(50.0), np.arange(40.0)], n_windows=3)
    >>> list(backtest.to_dict())
    ['series', 'mase', 'naive_mase', 'pinball', 'coverage']
    >>> backtest.forecasts.shape
    (3, 2, 2, 1)
    """

    series: list
    targets: list
    mase: np.ndarray
    naive_mase: np.ndarray
    pinball: np.ndarray
    coverage: np.ndarray
    nominal_coverage: float
    y_true: np.ndarray
    forecasts: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def to_dict(self):
        """Return the table as columns by their names.

        Returns
        -------
        dict of str to list
            A row for each series and target.
        """
        n_series, n_targets = self.mase.shape
        columns = {"series": [name for name in self.series for _ in range(n_targets)]}
        if n_targets > 1:
            columns["target"] = self.targets * n_series
        return columns | {name: getattr(self, name).ravel().tolist() for name in ("mase", "naive_mase", "pinball", "coverage")}

    def __repr__(self):
        rows = [[*row] for row in zip(*self.to_dict().values(), strict=True)]
        cells = [[*self.to_dict()], *([f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)


def run_backtest(forecaster, data, n_windows, step, refit, coverage):
    """As `LSTMForecaster.backtest`, of `Data`."""
    horizon = int(forecaster.horizon)
    step = horizon if step is None else step
    for name, value in {"n_windows": n_windows, "step": step}.items():
        if not is_count(value, 1):
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    data.check_finite(forecaster.missing != "error")
    lengths, held_out = data.lengths, horizon + (n_windows - 1) * step
    if lengths.min() <= held_out:
        i = int(lengths.argmin())
        raise ValueError(
            f"Nothing is left to fit on: {data.series.what(i)} has {lengths[i]} steps, and n_windows={n_windows}, step={step} and"
            f" horizon={horizon} hold out the last {held_out}. Set them lower, or pass more steps."
        )
    first, found = lengths - held_out, []
    model = _copy(forecaster, 0)._fit(data.until(first))
    scale = model.naive_errors_
    for w in range(n_windows):
        origins = first + w * step
        if refit and w:
            model = _copy(forecaster, w)._fit(data.until(origins))
        model._learn(data.between(model._n_steps, origins))
        after = data.between(origins, origins + horizon)
        forecasts, of_windows = model._continue(horizon, None if data.known is None else np.stack(after.known))
        lower, upper = np.moveaxis(model._interval(coverage, forecasts, of_windows), -1, 0)
        true = np.stack(after.series.values)[:, :, model._targets]
        found.append((true, forecasts, lower, upper, _seasonal_naive(data.until(origins), forecaster, model._targets)))
    names = data.series.names or list(range(data.series.n_channels))
    ids = list(range(len(data.series))) if data.series.ids is None else data.series.ids.tolist()
    return _judged(ids, [names[j] for j in model._targets], scale, coverage, *map(np.stack, zip(*found, strict=True)))


def _copy(forecaster, window):
    """A clone, whose checkpoints are files of its own."""
    copy = clone(forecaster)
    return copy if copy.checkpoint is None else copy.set_params(checkpoint=f"{copy.checkpoint}.backtest{window}")


def _seasonal_naive(data, forecaster, targets):
    """The values of one season ago (n_series, horizon, n_targets)."""
    period = forecaster.season_length or 1
    ago = np.arange(forecaster.horizon) % period - period
    return np.stack([values[ago][:, targets] for values in data.series.values])


def _judged(ids, targets, scale, coverage, y_true, forecasts, lower, upper, naive):
    """A `Backtest` of arrays (n_windows, n_series, horizon, n_targets)."""
    levels = {0.5: forecasts, (1 - coverage) / 2: lower, (1 + coverage) / 2: upper}
    losses = [np.maximum(level * (y_true - of), (level - 1) * (y_true - of)) for level, of in levels.items()]
    mean = partial(mean_of_known, axis=(0, 2))  # over windows and steps ahead
    inside = np.where(np.isnan(y_true + lower + upper), np.nan, (lower <= y_true) & (y_true <= upper))
    return Backtest(
        series=ids,
        targets=targets,
        mase=mean(np.abs(y_true - forecasts)) / scale,
        naive_mase=mean(np.abs(y_true - naive)) / scale,
        pinball=mean(np.mean(losses, axis=0)) / scale,
        coverage=mean(inside),
        nominal_coverage=float(coverage),
        y_true=y_true,
        forecasts=forecasts,
        lower=lower,
        upper=upper,
    )
