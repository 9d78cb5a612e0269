"""`ForecastDisplay`."""

import numpy as np

from ...estimators import LSTMRegressor
from ...estimators.distributions import describes_distributions
from ...forecasting import LSTMForecaster
from ..documentation import document
from ..fitted import fitted_network, list_of_estimators, one_sequence
from ..intervals import central_intervals
from .canvas import GREEN, VERMILION, begin_plot, check_matplotlib, concise_dates

MEDIAN = 0.5


@document(display="ForecastDisplay", artists="``Axes.plot``, for the curve of the forecast")
class ForecastDisplay:
    """Forecast of a series, with bands between quantiles, after its history and beside the observed values.

    Use :meth:`from_forecaster`, :meth:`from_estimator` or :meth:`from_predictions` to create a display.

    Parameters
    ----------
    history : array-like of shape (n_history,)
        Values of the series before the forecast.
    forecast : array-like of shape (horizon,) or None
        Predictions for the steps after the history.
    quantiles : dict of float to array-like of shape (horizon,), default=None
        Predicted quantiles. A symmetric pair, such as 0.1 and 0.9, is drawn as a band, any other as a curve; 0.5 takes the place
        of a `forecast` that is None.
    <<labels of forecasts>>

    Attributes
    ----------
    <<ax_>>
    history_line_ : Line2D
        Curve of the history.
    forecast_line_ : Line2D or None
        Curve of the forecast; None if there are quantiles only.
    true_line_ : Line2D or None
        Curve of the observed values; None without `y_true`.
    bands_ : dict of float to PolyCollection, or to LineCollection for a single step
        Bands by their nominal coverage, the probability that a value lies in them.
    quantile_lines_ : dict of float to Line2D
        Curves of the quantiles that belong to no band.

    See Also
    --------
    sklstm.LSTMForecaster : The forecaster of series.
    sklstm.LSTMRegressor : The estimator that makes forecasts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.inspection import ForecastDisplay
    >>> series = np.sin(0.3 * np.arange(40))
    >>> display = ForecastDisplay.from_predictions(
    ...     series[:30], np.column_stack([series[30:] - 1, series[30:], series[30:] + 1]), quantiles=[0.1, 0.5, 0.9]
    ... )
    >>> [f"{coverage:.0%}" for coverage in display.bands_]
    ['80%']
    """

    def __init__(self, history, forecast, *, quantiles=None, y_true=None, times=None, time_name=None, value_name="Value"):
        self.history = history
        self.forecast = forecast
        self.quantiles = quantiles
        self.y_true = y_true
        self.times = times
        self.time_name = time_name
        self.value_name = value_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        sequence=0,
        channel=0,
        coverage=(0.5, 0.9),
        y_true=None,
        times=None,
        time_name=None,
        value_name="Value",
        ax=None,
        **kwargs,
    ):
        """Forecast the steps after a sequence by fitted estimators, and draw the forecast.

        Parameters
        ----------
        estimator : LSTMRegressor or list of LSTMRegressor
            Estimators fitted to the values that follow each sequence: y of shape (n_sequences,) for one step or (n_sequences,
            horizon) for several. In a list, those with ``loss="quantile"`` predict the edges of bands, and at most one with
            another loss predicts the forecast itself. An estimator of several quantiles forecasts a single step. One with
            ``loss="gaussian_mixture"`` predicts the forecast, its mean, and bands.
        <<X as in fit>>
        <<sequence>>
        channel : int, default=0
            Channel of X that is the series.
        coverage : float or sequence of float, default=(0.5, 0.9)
            Probabilities of the central intervals that are drawn as bands for an estimator of distributions, each between 0
            and 1. Ignored for other estimators.
        <<labels of forecasts>>
        <<ax>>
        <<kwargs>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        TypeError
            If an estimator is not an LSTMRegressor.
        ValueError
            If an estimator predicts every step of a sequence, if X does not fit it, or if the forecasts differ in length.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        models = list_of_estimators(estimator)
        for model in models:
            _check_forecasts(model, f"{cls.__name__}.from_estimator")
        x = one_sequence(X, sequence)
        history = models[0]._read_fitted(x).values
        if not isinstance(channel, (int, np.integer)) or not 0 <= channel < history.shape[1]:
            raise ValueError(f"channel must be one of the channels of X, 0 to {history.shape[1] - 1}, got {channel!r}.")
        forecast, quantiles = None, {}
        for model in models:
            levels, predicted = model._network_spec["loss_parameters"].get("quantiles"), model.predict(x)
            if describes_distributions(model):
                quantiles |= _quantiles_of_intervals(model, x, coverage)
            if levels is None:
                if forecast is not None:
                    raise ValueError(
                        "Two of the estimators have no quantile, but only one can be the forecast. Pass only one such estimator."
                    )
                forecast = predicted.ravel()
            elif len(levels) == 1:
                quantiles[levels[0]] = predicted.ravel()
            else:
                quantiles |= dict(zip(levels, np.sort(predicted.ravel())[:, np.newaxis], strict=True))
        names = {"y_true": y_true, "times": times, "time_name": time_name, "value_name": value_name}
        return cls(history[:, channel], forecast, quantiles=quantiles, **names).plot(ax, **kwargs)

    @classmethod
    def from_forecaster(
        cls,
        forecaster,
        *,
        series=0,
        target=0,
        horizon=None,
        coverage=(0.5, 0.8),
        future=None,
        y_true=None,
        time_name=None,
        value_name=None,
        ax=None,
        **kwargs,
    ):
        """Draw the forecast of one of the series that a fitted forecaster continues, with its prediction intervals.

        Parameters
        ----------
        forecaster : LSTMForecaster
            The fitted forecaster. The history is the end of the series that it keeps.
        series : int, default=0
            Number of the series.
        target : int, default=0
            Number of the target.
        horizon : int, default=None
            Number of steps ahead. None takes that of the forecaster.
        coverage : float or sequence of float, default=(0.5, 0.8)
            Probabilities of the intervals that are drawn as bands, each between 0 and 1.
        future : array-like, Series, DataFrame or list of those, default=None
            Channels that are known in advance, as for `LSTMForecaster.predict`.
        y_true : array-like of shape (horizon,), default=None
            Observed values in the steps of the forecast.
        time_name : str, default=None
            Label of the time axis, with its unit. None is "Time", or "Step" for series without times.
        value_name : str, default=None
            Label of the values, with their unit. None is the name of the target, or "Value".
        <<ax>>
        <<kwargs>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        TypeError
            If the forecaster is not an LSTMForecaster.
        ValueError
            If there is no such series or target, or as in `LSTMForecaster.predict_interval`.
        """
        check_matplotlib(f"{cls.__name__}.from_forecaster")
        if not isinstance(forecaster, LSTMForecaster):
            raise TypeError(
                f"{cls.__name__}.from_forecaster needs an LSTMForecaster, got {type(forecaster).__name__}. Pass other estimators"
                f" to {cls.__name__}.from_estimator."
            )
        forecasts, scale = forecaster._forecast(horizon, future)
        for name, number, n in (("series", series, len(forecasts)), ("target", target, forecasts.shape[2])):
            if not isinstance(number, (int, np.integer)) or not 0 <= number < n:
                raise ValueError(f"{name} must be a number from 0 to {n - 1}, got {number!r}.")
        quantiles = {}
        for share in np.atleast_1d(coverage).tolist():
            share = forecaster._coverage(share)
            ends = forecaster._interval(share, forecasts, scale, strict=True)[series, :, target]
            quantiles |= dict(zip(((1 - share) / 2, (1 + share) / 2), ends.T, strict=True))
        history, times, name = forecaster._to_draw(series, target, forecasts.shape[1])
        value_name = value_name if value_name is not None else "Value" if name is None else str(name)
        labels = {"time_name": time_name, "value_name": value_name}
        display = cls(history, forecasts[series, :, target], quantiles=quantiles, y_true=y_true, times=times, **labels)
        return display.plot(ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        history,
        y_pred,
        *,
        quantiles=None,
        y_true=None,
        times=None,
        time_name=None,
        value_name="Value",
        ax=None,
        **kwargs,
    ):
        """Draw a forecast from predictions.

        Parameters
        ----------
        history : array-like of shape (n_history,)
            Values of the series before the forecast.
        y_pred : array-like of shape (horizon,) or (horizon, n_quantiles)
            Predictions for the steps after the history, or quantiles of them.
        quantiles : array-like of float of shape (n_quantiles,), default=None
            Levels of the quantiles in the columns of `y_pred`. None if these are the forecast itself.
        <<labels of forecasts>>
        <<ax>>
        <<kwargs>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If the shapes of the arrays do not match.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        y_pred, by_level = np.asarray(y_pred), None
        if quantiles is not None:
            levels = np.atleast_1d(np.asarray(quantiles, dtype=float))
            columns = y_pred.reshape(len(y_pred), -1) if y_pred.ndim else y_pred
            if columns.ndim != 2 or columns.shape[1:] != levels.shape or not ((levels > 0) & (levels < 1)).all():
                raise ValueError(
                    f"quantiles must be a number between 0 and 1 for each column of y_pred, got {levels.tolist()} for y_pred of"
                    f" shape {y_pred.shape}."
                )
            by_level = dict(zip(levels.tolist(), columns.T, strict=True))
        names = {"y_true": y_true, "times": times, "time_name": time_name, "value_name": value_name}
        return cls(history, y_pred if quantiles is None else None, quantiles=by_level, **names).plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw the forecast.

        Parameters
        ----------
        <<ax>>
        <<kwargs>>

        Returns
        -------
        <<the display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If the shapes of the arrays do not match.
        """
        curves = {level: np.asarray(values, dtype=float) for level, values in sorted((self.quantiles or {}).items())}
        forecast = curves.get(MEDIAN) if self.forecast is None else np.asarray(self.forecast, dtype=float)
        history = np.asarray(self.history, dtype=float)
        horizon = _horizon(forecast, curves, self.y_true)
        if history.ndim != 1:
            raise ValueError(f"history must be a 1-D array, got shape {history.shape}.")
        past, future = self._times(len(history), horizon)
        self.figure_, (self.ax_,) = begin_plot(self, ax, [3.0])
        from matplotlib import rcParams

        self.forecast_line_ = self.true_line_ = None
        marker = "o" if horizon == 1 else None
        (self.history_line_,) = self.ax_.plot(past, history, color=rcParams["text.color"], label="history")
        self.bands_, self.quantile_lines_ = {}, {}
        pairs = central_intervals(curves)
        for (coverage, levels), alpha in zip(pairs.items(), np.linspace(0.3, 0.6, len(pairs) + 1)[:-1], strict=True):
            low, high = (curves[level] for level in levels)
            style = {"color": VERMILION, "alpha": alpha, "label": f"{coverage:.0%} interval"}
            band = self.ax_.fill_between(future, low, high, linewidth=0, **style) if horizon > 1 else None
            self.bands_[coverage] = self.ax_.vlines(future, low, high, linewidth=8, **style) if band is None else band
        for level in curves.keys() - {MEDIAN} - {level for levels in pairs.values() for level in levels}:
            (line,) = self.ax_.plot(future, curves[level], "--", color=VERMILION, marker=marker, label=f"quantile {level:g}")
            self.quantile_lines_[level] = line
        if forecast is not None:
            style = {"color": VERMILION, "marker": marker, "label": "forecast"}
            (self.forecast_line_,) = self.ax_.plot(future, forecast, **style | kwargs)
        if self.y_true is not None:
            (self.true_line_,) = self.ax_.plot(future, self.y_true, "--", color=GREEN, marker=marker, label="observed")
        self.ax_.set(xlabel=self.time_name or ("Step (0: last known)" if self.times is None else "Time"), ylabel=self.value_name)
        self.ax_.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
        concise_dates(self.ax_)
        return self

    def _times(self, n_history, horizon):
        if self.times is None:
            return np.arange(1 - n_history, 1), np.arange(1, horizon + 1)
        times = np.asarray(self.times)
        if times.shape != (n_history + horizon,):
            raise ValueError(
                f"times must be those of the {n_history} steps of the history and of the {horizon} of the forecast, got shape"
                f" {times.shape}."
            )
        return np.split(times, [n_history])


def _quantiles_of_intervals(model, x, coverage):
    """Level -> quantiles (horizon,), of the ends of central intervals of the distributions that a model predicts."""
    levels = {}
    for share in np.atleast_1d(coverage).tolist():
        ends = model.predict_interval(x, share).reshape(-1, 2)  # which refuses a share that is none
        levels |= dict(zip(((1 - share) / 2, (1 + share) / 2), ends.T, strict=True))
    return levels


def _check_forecasts(model, caller):
    """Raise unless an estimator predicts the steps after a sequence."""
    network, _ = fitted_network(model, caller)
    if not isinstance(model, LSTMRegressor):
        raise TypeError(f"{caller} needs an LSTMRegressor, got {type(model).__name__}. Classes have no quantities to draw.")
    if network.returns_sequences:
        raise ValueError(
            "A model with return_sequences=True predicts for the steps of X, not for those that follow. Draw its predictions by"
            " ForecastDisplay.from_predictions."
        )


def _horizon(forecast, curves, y_true):
    """Number of steps of the forecasts, which must be the same for all."""
    arrays = {"the forecast": forecast, **{f"quantile {level:g}": values for level, values in curves.items()}, "y_true": y_true}
    shapes = {name: np.shape(values) for name, values in arrays.items() if values is not None}
    if not curves and forecast is None:
        raise ValueError("There is no forecast. Pass one, or quantiles.")
    first = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1 or len(first) != 1:
        raise ValueError(f"Forecasts must be 1-D arrays with a value for each step ahead, equally long, got the shapes {shapes}.")
    return first[0]
