"""`PredictMixin`: what a fitted forecaster does."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..network.checks import is_count
from ..sequences.refusals import array_of
from .adjustment import Adjustment
from .backtest import run_backtest
from .calendars import advance, times_to_draw
from .calibration import adapted, error_quantiles
from .collection import restore
from .data import Data, known_ahead, read_new
from .documentation import document
from .networks import Networks
from .rolling import errors_by_origin, errors_by_step, relative_errors
from .strategies import STRATEGIES


class PredictMixin:
    """Methods of a fitted forecaster."""

    @document()
    def predict(self, horizon=None, *, future=None):
        """Forecast the steps after the end of each series.

        Parameters
        ----------
        <<horizon>>
        <<future>>

        Returns
        -------
        <<forecasts>>

        Raises
        ------
        <<errors>>
        """
        return self._restored(self._forecast(horizon, future)[0])

    @document()
    def predict_quantile(self, quantile, horizon=None, *, future=None):
        """Forecast quantiles of the steps after the end of each series.

        Parameters
        ----------
        quantile : float or array-like of shape (n_quantiles,)
            Between 0 and 1, both excluded.
        <<horizon>>
        <<future>>

        Returns
        -------
        same form as `predict`
            With a last axis for several quantiles, or in tables a column for each, whose name ends in the quantile.

        Raises
        ------
        <<errors>>
        """
        levels = array_of("quantile", quantile, "Expected a number between 0 and 1, or several.")
        if levels.dtype.kind not in "fiu" or levels.ndim > 1 or not levels.size or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"quantile must be a number between 0 and 1, both excluded, or several, got {quantile!r}.")
        if len(np.unique(levels)) < levels.size:
            raise ValueError(f"quantile must have each number once, got {quantile!r}.")
        found = self._quantiles(levels.ravel(), *self._forecast(horizon, future))
        if levels.ndim == 0:
            return self._restored(found[..., 0])
        short = [f"{level:g}" for level in levels.tolist()]
        return self._restored(found, short if len(set(short)) == len(short) else [str(level) for level in levels.tolist()])

    @document()
    def predict_interval(self, horizon=None, *, coverage=None, future=None):
        """Forecast central intervals that contain the values after the end of each series with some probability.

        Parameters
        ----------
        <<horizon>>
        coverage : float, default=None
            Probability that a value lies in its interval, between 0 and 1. None takes that of the constructor.
        <<future>>

        Returns
        -------
        same form as `predict`
            With a last axis for the lower and the upper end, or in tables two columns, whose names end in "lower" and "upper".

        Raises
        ------
        <<errors>>
        """
        coverage = self._coverage(coverage)
        return self._restored(self._interval(coverage, *self._forecast(horizon, future), strict=True), ["lower", "upper"])

    @document()
    def update(self, new, *, future=None):
        """Continue the series by steps that have been observed, without fitting.

        Later forecasts begin after these steps. The errors of the forecasts that would have been made of them count for quantiles
        and intervals from then on.

        Parameters
        ----------
        <<new>>
        <<future of new>>

        Returns
        -------
        self
            The forecaster.

        Raises
        ------
        <<errors>>
        """
        check_is_fitted(self)
        self._learn(self._read_new(new, future))
        return self

    @document()
    def score(self, new, y=None, *, future=None):
        """Return the negative mean absolute scaled error of forecasts of steps that follow the series.

        Every step of `new` is an origin once, from which the steps after it are forecast as far as `new` has them, and if there
        are known channels, as long as `future` has them for the whole horizon. Networks are not fitted to them. Errors are
        divided by `naive_errors_`; a series for which that is NaN is left out. The forecaster does not change.

        Parameters
        ----------
        <<new>>
        y : None
            Ignored, for scikit-learn.
        <<future of new>>

        Returns
        -------
        float
            At most 0; -1 is the score of errors as large as those of the seasonal naive forecast of one step in `fit`.

        Raises
        ------
        <<errors>>
        """
        check_is_fitted(self)
        state = self._state
        extended, lengths = state.continued(self._read_new(new, future)), state.lengths
        errors, _, series, _ = errors_by_origin(self._networks(state), extended, lengths, lengths, self._horizon, self._size)
        if np.isnan(errors).all():
            ahead = "" if state.known is None else f", and future for at least {self._horizon} steps"
            raise ValueError(f"new has no step to compare with a forecast. Pass at least one whose value is known{ahead}.")
        scaled = np.abs(errors) / self.naive_errors_[series][:, np.newaxis]
        if np.isnan(scaled).all():
            raise ValueError(
                "The mean absolute scaled error is not defined: the seasonal naive forecast has no error in the series of fit,"
                " which are constant. Fit to series that vary."
            )
        return -float(np.nanmean(scaled))

    @document()
    def backtest(self, series, n_windows=5, *, step=None, refit=False, coverage=None, future=None, static=None):
        """Forecast the last steps of series from several origins, as if what follows was not known, and compare.

        A clone is fitted to what comes before the first origin, and then updated from origin to origin.

        Parameters
        ----------
        <<series>>
        n_windows : int, default=5
            Number of origins.
        step : int, default=None
            Number of steps from one origin to the next. None takes `horizon`.
        refit : bool, default=False
            Whether to fit again at each origin, instead of only at the first.
        coverage : float, default=None
            Of the intervals. None takes that of the constructor.
        future : array-like, Series, DataFrame or list of those, default=None
            Channels that are known in advance, as in `fit`.
        static : 2-D array-like, DataFrame or dict of columns, default=None
            Features of whole series, as in `fit`.

        Returns
        -------
        Backtest
            Errors of each series, which print as a table, and the forecasts.

        Raises
        ------
        ValueError
            If a series is too short for so many windows, or as in `fit`.
        """
        self._validate_params()
        coverage = self._coverage(coverage)
        return run_backtest(self, Data.read(series, future, static, self.id, self.time), n_windows, step, refit, coverage)

    def __sklearn_is_fitted__(self):
        return "_ends" in vars(self)

    # ---- the state ----

    @property
    def _state(self):
        """The ends of the series as `Data`."""
        return Data.from_dict(self._ends)

    @property
    def _horizon(self):
        return self._described["horizon"]

    @property
    def _targets(self):
        return self._described["targets"]

    @property
    def _size(self):
        """Number of steps that a forecast is made from."""
        return self.window_ + self._described["differences"]

    def _networks(self, state):
        d = self._described
        adjustment = Adjustment(d["differences"], d["season_length"], d["relative"], d["scale"])
        return Networks(self.regressors_, adjustment, STRATEGIES[d["strategy"]](d["horizon"]), d["targets"], state.static)

    def _keep(self, data, n_steps):
        """Keep the ends of series which have so many steps, and what is known of them."""
        self._ends = data.last(self._size + self._horizon).copy().to_dict()
        self._n_steps = n_steps

    def _read_new(self, new, future):
        d = self._described
        return read_new(new, future, self._state, d["id"], d["time"], d["allow_missing"])

    def _learn(self, new):
        """Continue the series by `Data` of later steps."""
        n_new = new.lengths
        if not n_new.any():
            return
        state = self._state
        extended, lengths = state.continued(new), state.lengths
        begin = lengths - self._horizon + 1
        late = None  # origins that had to wait for known channels
        if state.known is not None:
            late = np.array([len(of) for of in state.known]) - self._horizon, lengths - (self._n_steps - self._n_fitted)
        networks = self._networks(state)
        found, scale, series, origins = errors_by_origin(networks, extended, lengths, begin, self._horizon, self._size, late)
        errors, tails = self.errors_, self.tails_
        for at_step in errors_by_step(relative_errors(found, scale), series, origins - begin[series], len(lengths)):
            tails = adapted(tails, errors, at_step, self.coverage)
            errors = np.concatenate([errors, at_step[~np.isnan(at_step).all(axis=(1, 2))]])
        self.errors_, self.tails_ = errors, tails
        self._keep(extended, self._n_steps + n_new)

    # ---- forecasts ----

    def _to_draw(self, number, target, horizon):
        """History (n_steps,) of a target of a series, its times with those of a forecast, or None, and the name of the target."""
        series, channel = self._state.series, self._targets[target]
        times = None
        if series.times is not None:
            ahead = advance(series.times[number], series.calendar, horizon, series.what(number))
            times = times_to_draw(np.concatenate([series.times[number], ahead]), series.calendar)
        return series.values[number][:, channel], times, None if series.names is None else series.names[channel]

    def _forecast(self, horizon, future):
        """Forecasts (n_series, horizon, n_targets), and the scales of the windows (n_series, n_targets)."""
        check_is_fitted(self)
        horizon = self._horizon if horizon is None else horizon
        if not is_count(horizon, 1):
            raise ValueError(f"horizon must be an integer of at least 1, got {horizon!r}.")
        state = self._state
        if horizon > self._horizon and len(self._targets) < state.series.n_channels:
            raise ValueError(
                f"horizon={horizon} is longer than in fit ({self._horizon}), which needs forecasts of channels that are not in"
                " target. Fit with a longer horizon."
            )
        block = self._networks(state).block
        return self._continue(
            int(horizon), known_ahead(future, state, -(-horizon // block) * block, self._described["id"], self._described["time"])
        )

    def _continue(self, horizon, ahead):
        """As `_forecast`, with the known channels ahead (n_series, at least horizon, n_known), or None."""
        state = self._state
        values = state.series.values
        past, known = np.stack([of[-self._size :] for of in values]), None
        if ahead is not None:
            own = [of[: len(steps)][-self._size :] for of, steps in zip(state.known, values, strict=True)]
            known = np.concatenate([np.stack(own), ahead], axis=1)
        return self._networks(state).forecast(past, known, np.arange(len(past)), horizon)

    def _coverage(self, coverage):
        coverage = self.coverage if coverage is None else coverage
        if not isinstance(coverage, Real) or not 0 < coverage < 1:
            raise ValueError(f"coverage must be a number between 0 and 1, both excluded, got {coverage!r}.")
        return float(coverage)

    def _interval(self, coverage, forecasts, scale, strict=False):
        """Lower and upper ends (n_series, horizon, n_targets, 2); NaN for too few errors, which raise if that is strict."""
        return self._quantiles(np.array([(1 - coverage) / 2, (1 + coverage) / 2]), forecasts, scale, strict)

    def _quantiles(self, levels, forecasts, scale, strict=True):
        """Quantiles (n_series, horizon, n_targets, n_levels)."""
        horizon = forecasts.shape[1]
        if horizon > self._horizon:
            raise ValueError(
                f"Errors of forecasts are known for {self._horizon} steps ahead, the horizon of fit, but not for {horizon}."
                " Fit with a longer horizon."
            )
        varying = scale[:, np.newaxis, :, np.newaxis] > 0  # a window that is constant continues as it is
        needed = strict & varying.any(axis=(0, 1, 3))
        errors = error_quantiles(self.errors_[:, :horizon], levels, self.tails_[:horizon], needed)
        return forecasts[..., np.newaxis] + np.where(varying, scale[:, np.newaxis, :, np.newaxis] * errors, 0)

    def _restored(self, forecasts, suffixes=None):
        """Forecasts in the form of the series."""
        series, horizon, times = self._state.series, forecasts.shape[1], None
        if series.times is not None:
            times = [advance(of, series.calendar, horizon, series.what(i)) for i, of in enumerate(series.times)]
        names = [None if series.names is None else series.names[j] for j in self._targets]
        forecasts = forecasts.astype(np.result_type(*{values.dtype for values in series.values}), copy=False)
        return restore(series.form, list(forecasts), times, series.calendar, series.ids, names, suffixes)
