"""`ForecastDisplay`."""

import numpy as np

from ...estimators import LSTMRegressor
from ..fitted import fitted_network, one_sequence
from .canvas import GREEN, VERMILION, check_matplotlib, make_axes

MEDIAN = 0.5


class ForecastDisplay:
    """A series, what is forecast of it, with bands between quantiles, and what came.

    Make one with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    history : array-like of shape (n_history,)
        The series up to the forecast.
    forecast : array-like of shape (horizon,) or None
        The values to come.
    quantiles : dict of float to array-like of shape (horizon,), default=None
        Forecasts of quantiles. Those that lie symmetrically, such as 0.1 and 0.9, are the edges of a band, the others curves; 0.5
        is the forecast where there is no other.
    y_true : array-like of shape (horizon,), default=None
        What came.
    times : array-like of shape (n_history + horizon,), default=None
        Numbers or dates. None counts steps, with 0 for the last of the history.
    time_name : str, default=None
        Label of the times, with their unit.
    value_name : str, default="Value"
        Label of the values, with their unit.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    history_line_ : Line2D
    forecast_line_ : Line2D or None
    true_line_ : Line2D or None
    bands_ : dict of float to PolyCollection, or of one step to LineCollection
        By what share of the values is to lie within.
    quantile_lines_ : dict of float to Line2D
        Of quantiles that belong to no band.

    See Also
    --------
    sklstm.LSTMRegressor : What forecasts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.inspection import ForecastDisplay
    >>> series = np.sin(0.3 * np.arange(40))
    >>> display = ForecastDisplay.from_predictions(
    ...     series[:30], np.column_stack([series[30:] - 1, series[30:], series[30:] + 1]), quantiles=[0.1, 0.5, 0.9]
    ... )
    >>> [f"{share:.0%}" for share in display.bands_]
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
        y_true=None,
        times=None,
        time_name=None,
        value_name="Value",
        ax=None,
        **kwargs,
    ):
        """Forecast what follows a sequence, and draw.

        Parameters
        ----------
        estimator : LSTMRegressor or list of LSTMRegressor
            Fitted to the values that follow: y of shape (n_sequences,) for one step ahead or (n_sequences, horizon) for several.
            Of a list those with ``loss="quantile"`` are the edges of bands, and at most one with another loss is the forecast.
            One with several quantiles forecasts one step.
        X : any accepted form of sequences
            With the channels of fit.
        sequence : int, default=0
            Which sequence of X.
        channel : int, default=0
            Which channel of X is the series.
        y_true : array-like of shape (horizon,), default=None
            What came.
        times : array-like of shape (n_history + horizon,), default=None
            Numbers or dates. None counts steps, with 0 for the last of the sequence.
        time_name : str, default=None
            Label of the times, with their unit.
        value_name : str, default="Value"
            Label of the values, with their unit.
        ax : Axes, default=None
            None makes a figure.
        **kwargs : dict
            As in `plot`.

        Returns
        -------
        ForecastDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        TypeError
            If an estimator is no LSTMRegressor.
        ValueError
            If an estimator answers for every step, X does not fit it, or the forecasts differ in length.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        models = list(estimator) if isinstance(estimator, (list, tuple)) else [estimator]
        if not models:
            raise ValueError("The list of estimators is empty. Pass at least one.")
        for model in models:
            _check_forecasts(model, f"{cls.__name__}.from_estimator")
        x = one_sequence(X, sequence)
        history = models[0]._read_fitted(x).values
        if not isinstance(channel, (int, np.integer)) or not 0 <= channel < history.shape[1]:
            raise ValueError(f"channel must be one of the channels of X, 0 to {history.shape[1] - 1}, got {channel!r}.")
        forecast, quantiles = None, {}
        for model in models:
            levels, answer = model._network_spec["loss_parameters"].get("quantiles"), model.predict(x)
            if levels is None:
                if forecast is not None:
                    raise ValueError("Two of the estimators have no quantile: which is the forecast? Pass one such.")
                forecast = answer.ravel()
            elif len(levels) == 1:
                quantiles[levels[0]] = answer.ravel()
            else:
                quantiles |= dict(zip(levels, np.sort(answer.ravel())[:, np.newaxis], strict=True))
        names = {"y_true": y_true, "times": times, "time_name": time_name, "value_name": value_name}
        return cls(history[:, channel], forecast, quantiles=quantiles, **names).plot(ax, **kwargs)

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
        """Draw forecasts.

        Parameters
        ----------
        history : array-like of shape (n_history,)
            The series up to the forecast.
        y_pred : array-like of shape (horizon,) or (horizon, n_quantiles)
            The values to come, or their quantiles.
        quantiles : array-like of float of shape (n_quantiles,), default=None
            Which quantiles the columns of `y_pred` are.
        y_true : array-like of shape (horizon,), default=None
            What came.
        times : array-like of shape (n_history + horizon,), default=None
            Numbers or dates. None counts steps, with 0 for the last of the history.
        time_name : str, default=None
            Label of the times, with their unit.
        value_name : str, default="Value"
            Label of the values, with their unit.
        ax : Axes, default=None
            None makes a figure.
        **kwargs : dict
            As in `plot`.

        Returns
        -------
        ForecastDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        ValueError
            If arrays do not fit each other.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        y_pred, forecast, by_level = np.asarray(y_pred), None, None
        if quantiles is None:
            forecast = y_pred
        else:
            levels = np.atleast_1d(np.asarray(quantiles, dtype=float))
            columns = y_pred.reshape(len(y_pred), -1) if y_pred.ndim else y_pred
            if columns.ndim != 2 or columns.shape[1:] != levels.shape or not ((levels > 0) & (levels < 1)).all():
                raise ValueError(
                    f"quantiles must be a number between 0 and 1 for each column of y_pred, got {levels.tolist()} for y_pred of"
                    f" shape {y_pred.shape}."
                )
            by_level = dict(zip(levels.tolist(), columns.T, strict=True))
        names = {"y_true": y_true, "times": times, "time_name": time_name, "value_name": value_name}
        return cls(history, forecast, quantiles=by_level, **names).plot(ax, **kwargs)

    def plot(self, ax=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.
        **kwargs : dict
            For ``Axes.plot``, for the forecast.

        Returns
        -------
        ForecastDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        ValueError
            If arrays do not fit each other.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        from matplotlib import rcParams
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        curves = {level: np.asarray(values, dtype=float) for level, values in sorted((self.quantiles or {}).items())}
        forecast = curves.get(MEDIAN) if self.forecast is None else np.asarray(self.forecast, dtype=float)
        history = np.asarray(self.history, dtype=float)
        horizon = _horizon(forecast, curves, self.y_true)
        if history.ndim != 1:
            raise ValueError(f"history must be a 1-D array, got shape {history.shape}.")
        past, future = self._times(len(history), horizon)
        (self.ax_,) = make_axes(ax, [3.0])
        self.figure_ = self.ax_.figure
        self.forecast_line_ = self.true_line_ = None
        marker = "o" if horizon == 1 else None
        (self.history_line_,) = self.ax_.plot(past, history, color=rcParams["text.color"], label="history")
        self.bands_, self.quantile_lines_ = {}, {}
        pairs = _symmetric(curves)
        for (share, (low, high)), alpha in zip(pairs.items(), np.linspace(0.3, 0.6, len(pairs) + 1)[:-1], strict=True):
            style = {"color": VERMILION, "alpha": alpha, "label": f"{share:.0%} interval"}
            band = self.ax_.fill_between(future, low, high, linewidth=0, **style) if horizon > 1 else None
            self.bands_[share] = self.ax_.vlines(future, low, high, linewidth=8, **style) if band is None else band
        for level in curves.keys() - {MEDIAN} - {level for share in pairs for level in _edges(curves, share)}:
            (line,) = self.ax_.plot(future, curves[level], "--", color=VERMILION, marker=marker, label=f"quantile {level:g}")
            self.quantile_lines_[level] = line
        if forecast is not None:
            style = {"color": VERMILION, "marker": marker, "label": "forecast"}
            (self.forecast_line_,) = self.ax_.plot(future, forecast, **style | kwargs)
        if self.y_true is not None:
            (self.true_line_,) = self.ax_.plot(future, self.y_true, "--", color=GREEN, marker=marker, label="observed")
        self.ax_.set(xlabel=self.time_name or ("Step (0: last known)" if self.times is None else "Time"), ylabel=self.value_name)
        self.ax_.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
        locator = self.ax_.xaxis.get_major_locator()
        if isinstance(locator, AutoDateLocator):
            self.ax_.xaxis.set_major_formatter(ConciseDateFormatter(locator))
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


def _check_forecasts(model, caller):
    """Raise unless an estimator predicts what follows a sequence."""
    network, _ = fitted_network(model, caller)
    if not isinstance(model, LSTMRegressor):
        raise TypeError(f"{caller} needs an LSTMRegressor, got {type(model).__name__}. Classes have no quantities to draw.")
    if network.per_step:
        raise ValueError(
            "A model with return_sequences=True predicts for the steps of X, not for those that follow. Draw its predictions by"
            " ForecastDisplay.from_predictions."
        )


def _horizon(forecast, curves, y_true):
    """Steps of the forecasts, which all have as many."""
    arrays = {} if forecast is None else {"the forecast": forecast}
    arrays |= {f"quantile {level:g}": values for level, values in curves.items()}
    arrays |= {} if y_true is None else {"y_true": np.asarray(y_true)}
    shapes = {name: values.shape for name, values in arrays.items()}
    if not curves and forecast is None:
        raise ValueError("There is no forecast. Pass one, or quantiles.")
    if len(set(shapes.values())) > 1 or len(next(iter(shapes.values()))) != 1:
        raise ValueError(f"Forecasts must be 1-D arrays with a value for each step ahead, equally long, got the shapes {shapes}.")
    return len(next(iter(arrays.values())))


def _symmetric(curves):
    """Share of the values -> lower and upper edge, for the quantiles that lie symmetrically; the widest first."""
    pairs = {}
    for low in curves:
        high = next((level for level in curves if np.isclose(low + level, 1)), None)
        if high is not None and low < high:
            pairs[round(high - low, 10)] = curves[low], curves[high]
    return pairs


def _edges(curves, share):
    return [level for level in curves if np.isclose(abs(2 * level - 1), share)]
