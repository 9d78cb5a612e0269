"""`LSTMForecaster`."""

from itertools import pairwise
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from ..compat import Interval, StrOptions, _fit_context
from ..estimators.constraints import CONSTRAINTS, POSITIVE_INT
from ..preprocessing.levels import LEVELS
from ..preprocessing.targets import named_channels
from .adjustment import SCALES, Adjustment
from .data import Data
from .documentation import document
from .networks import Networks, make_regressors
from .predicting import PredictMixin
from .rolling import naive_errors, relative_errors
from .strategies import STRATEGIES
from .windows import borders, cut

# The automatic length of windows, in seasons and in steps.
N_SEASONS, MIN_WINDOW, MIN_AUTO = 4, 2, 16
MOST = 2 / 3  # of the steps of the shortest series that are left beside the horizon
FEWEST_WINDOWS = 8  # that networks are fitted to for the errors of a held-out block
SEEDS = np.iinfo(np.int32).max
# Parameters of the networks.
OF_NETWORKS = (
    "hidden_size", "num_layers", "cell", "activation", "proj_size", "bidirectional", "merge_mode", "pooling", "dropout",
    "recurrent_dropout", "residual", "embedding_dim", "missing", "input_dropout", "initial_state", "forget_bias", "solver",
    "alpha", "batch_size", "learning_rate", "learning_rate_init", "max_iter", "shuffle", "max_grad_norm", "checkpoint", "n_jobs",
    "random_state", "verbose",
)  # fmt: skip


@document(standardize_y="", stratified="")
class LSTMForecaster(PredictMixin, BaseEstimator):
    """Forecaster of one or many series by recurrent networks, with prediction intervals.

    Series are cut into windows (:func:`~sklstm.preprocessing.make_windows`), each window is measured from its own season, level
    and scale, and :class:`~sklstm.LSTMRegressor` learns what follows from all windows of all series. `predict` continues each
    series from its end. Intervals come from the errors of forecasts of steps that were held out.

    Parameters
    ----------
    horizon : int, default=1
        Number of steps ahead that are forecast.
    window : int or "auto", default="auto"
        Number of steps that a forecast is made from, at least two seasons. "auto" is the largest of four seasons, twice the
        horizon and 16, but at most about two thirds of the shortest series, in whole seasons, and at least two.
    strategy : {"direct", "recursive"}, default="direct"
        How several steps are forecast: all at once, or one at a time, each from those before. For "recursive", every channel of
        `series` must be in `target`.
    season_length : int, default=None
        Number of steps of a season, such as 12 for months with a yearly one. The mean deviation of each phase over the whole
        seasons of a window is subtracted from the window and from what follows. None for no season.
    differences : int, default=0
        How often windows are differenced, so that networks predict changes, which are added up. Use 1 for series whose trend
        changes slowly. Needs ``missing="error"``.
    relative : {"last", "mean"} or None, default="last"
        Level of each window that is subtracted from it and from what follows, as for `make_windows`. None subtracts nothing.
        "last" is the last value that is known, however long ago.
    scale : {"std", "mean", "difference"} or None, default="difference"
        Scale of each window that it and what follows are divided by, so that series of any size are alike: the standard deviation
        of the window, less its season; the mean absolute value; or the mean absolute difference of steps a season apart, or of
        consecutive ones without `season_length`. A window that is constant continues as it is. None divides by nothing.
    target : int, str or list of those, default=None
        Channels to forecast, by number or by name. None takes all channels of `series`. Of the others only the past is used.
    id : str or list of str, default=None
        Columns of a table that say to which series a row belongs.
    time : str, default=None
        Column of a table that says when a row was.
    coverage : float, default=0.8
        Probability that a value lies in its prediction interval, between 0 and 1.
    validation_fraction : float, default=0.3
        Fraction of each series, its end, whose forecasts give the errors for intervals, in [0, 1). The forecasts are made by
        networks that have learned only from what comes before; those for `predict` learn from all. 0 holds out nothing.
    n_splits : int, default=2
        Number of blocks that this part is divided into. Each is forecast by networks of its own, so that a fit takes about as
        many times longer.
    n_estimators : int, default=3
        Number of networks, whose forecasts are averaged. They differ in their random numbers.
    <<hidden_size>>
    <<num_layers>>
    <<cell>>
    <<activation>>
    <<proj_size>>
    <<bidirectional>>
    <<merge_mode>>
    <<pooling>>
    <<dropout>>
    <<recurrent_dropout>>
    <<residual>>
    <<embedding_dim>>
    <<missing>>
    <<input_dropout>>
    <<initial_state>>
    <<forget_bias>>
    loss : {"auto", "squared_error", "absolute_error", "huber"}, default="absolute_error"
        Loss that training minimises, as for :class:`~sklstm.LSTMRegressor`. With "absolute_error" forecasts are medians, with
        "squared_error" means.
    <<solver>>
    <<alpha>>
    <<batch_size>>
    <<learning_rate>>
    <<learning_rate_init>>
    <<max_iter>>
    <<shuffle>>
    <<max_grad_norm>>
    checkpoint : str, path or None, default=None
        Beginning of the names of files in which the fit of each network is saved after every epoch; ".0", ".1" and so on are
        appended, in `backtest` ".backtest0" and so on before that. A later fit of the same data with the same parameters
        continues from them. A fit of other data does not, so that searches need checkpoint=None.
    <<n_jobs>>
    <<random_state>>
    <<verbose>>

    Attributes
    ----------
    window_ : int
        Number of steps that a forecast is made from.
    regressors_ : list of LSTMRegressor
        Fitted networks, whose mean prediction is the forecast of adjusted windows.
    errors_ : ndarray of shape (n_errors, horizon, n_targets)
        What happened less what was forecast for the held-out steps, and for those of `update`, over the scale of the window. NaN
        for what is not known.
    tails_ : ndarray of shape (horizon, n_targets)
        What small probabilities beyond the ends of an interval are multiplied by: 1 after `fit`; `update` makes them smaller
        where more values than there should be were outside the interval of `coverage`.
    naive_errors_ : ndarray of shape (n_series, n_targets)
        Mean absolute error of the seasonal naive forecast within each series of `fit`, by which `score` measures errors.

    See Also
    --------
    LSTMRegressor : The networks.
    sklstm.preprocessing.make_windows : Cuts the windows.
    sklstm.inspection.ForecastDisplay : Draws forecasts.

    Notes
    -----
    Equations of the networks, and papers about them, are in the notes of :class:`~sklstm.LSTMRegressor`.

    Intervals are those of split conformal prediction [1]_: with n errors e of held-out forecasts at a step ahead, each over the
    scale of its window, the quantile q of a forecast is the forecast plus the scale of its window times the error of rank
    (n + 1) q. If errors are exchangeable, an interval between two quantiles contains the value with the probability between
    them. Errors of series are not quite so:

    - They change over time. `update` adds newer ones, and with every step moves the probability beyond the ends of intervals by
      0.05 times the difference between what it should be and whether the value was outside (adaptive conformal inference [4]_).
    - Forecasts h steps ahead from consecutive origins have h - 1 steps in common, so that n errors tell as much as n / h.
      Distances from the median are widened as those of normal errors whose scale is estimated from n / h instead of n
      (Student's t).

    Held-out blocks are forecast by networks fitted to what comes before each block, as in a rolling-origin evaluation [2]_. The
    networks for `predict` are then fitted to everything: they know more than those that made the errors.

    Dividing by the scale of the window is what lets one network learn from series of different sizes [3]_. Nothing that a
    window is measured from depends on other windows or on what follows.

    References
    ----------
    .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani and L. Wasserman (2018), "Distribution-free predictive inference for
       regression", Journal of the American Statistical Association 113(523).
    .. [2] R. Hyndman and G. Athanasopoulos (2021), "Forecasting: principles and practice", 3rd edition, OTexts.
    .. [3] D. Salinas, V. Flunkert, J. Gasthaus and T. Januschowski (2020), "DeepAR: probabilistic forecasting with autoregressive
       recurrent networks", International Journal of Forecasting 36(3).
    .. [4] I. Gibbs and E. Candes (2021), "Adaptive conformal inference under distribution shift", NeurIPS.

    Examples
    --------
    A trend continues beyond all values that the networks have seen:

    >>> import numpy as np
    >>> from sklstm import LSTMForecaster
    >>> forecaster = LSTMForecaster(horizon=3, n_estimators=1, max_iter=20, random_state=0).fit(np.arange(1.0, 101))
    >>> forecaster.predict().round(1)
    array([101., 102., 103.])
    >>> forecaster.update([101, 102]).predict(horizon=1).round(1)
    array([103.])

    Intervals that contain four of five values:

    >>> noisy = np.sin(np.arange(200) / 2) + np.random.default_rng(0).normal(scale=0.1, size=200)
    >>> forecaster.fit(noisy[:190]).predict_interval(coverage=0.8).shape
    (3, 2)

    Forecasts from several origins, as if what follows was not known:

    >>> backtest = forecaster.backtest(noisy, n_windows=5)
    >>> bool(backtest.mase[0, 0] < backtest.naive_mase[0, 0])
    True
    """

    _parameter_constraints: ClassVar = {
        **{name: CONSTRAINTS[name] for name in OF_NETWORKS},
        "loss": [StrOptions({"auto", "squared_error", "absolute_error", "huber"})],
        "horizon": [POSITIVE_INT],
        "window": [StrOptions({"auto"}), POSITIVE_INT],
        "strategy": [StrOptions(set(STRATEGIES))],
        "season_length": [Interval(Integral, 2, None, closed="left"), None],
        "differences": [Interval(Integral, 0, None, closed="left")],
        "relative": [StrOptions(set(LEVELS)), None],
        "scale": [StrOptions(set(SCALES)), None],
        "target": [Integral, str, "array-like", None],
        "id": [str, list, None],
        "time": [str, None],
        "coverage": [Interval(Real, 0, 1, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "n_splits": [POSITIVE_INT],
        "n_estimators": [POSITIVE_INT],
    }

    def __init__(
        self,
        horizon=1,
        window="auto",
        *,
        strategy="direct",
        season_length=None,
        differences=0,
        relative="last",
        scale="difference",
        target=None,
        id=None,
        time=None,
        coverage=0.8,
        validation_fraction=0.3,
        n_splits=2,
        n_estimators=3,
        hidden_size=16,
        num_layers=1,
        cell="lstm",
        activation="tanh",
        proj_size=0,
        bidirectional=False,
        merge_mode="concat",
        pooling=("last", "max"),
        dropout=0.2,
        recurrent_dropout=0.0,
        residual=False,
        embedding_dim="auto",
        missing="error",
        input_dropout=0.0,
        initial_state="zeros",
        forget_bias="multiscale",
        loss="absolute_error",
        solver="adam",
        alpha=1e-3,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=2e-2,
        max_iter=20,
        shuffle=True,
        max_grad_norm=0.25,
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.horizon = horizon
        self.window = window
        self.strategy = strategy
        self.season_length = season_length
        self.differences = differences
        self.relative = relative
        self.scale = scale
        self.target = target
        self.id = id
        self.time = time
        self.coverage = coverage
        self.validation_fraction = validation_fraction
        self.n_splits = n_splits
        self.n_estimators = n_estimators
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cell = cell
        self.activation = activation
        self.proj_size = proj_size
        self.bidirectional = bidirectional
        self.merge_mode = merge_mode
        self.pooling = pooling
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.residual = residual
        self.embedding_dim = embedding_dim
        self.missing = missing
        self.input_dropout = input_dropout
        self.initial_state = initial_state
        self.forget_bias = forget_bias
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.max_grad_norm = max_grad_norm
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @document()
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, series, y=None, *, future=None, static=None):
        """Fit networks to the windows of one or several series.

        Parameters
        ----------
        <<series>>
        y : None
            Must be None: what is forecast are channels of the series.
        future : array-like, Series, DataFrame or list of those, default=None
            Channels that are known in advance, such as prices, holidays or the calendar, in the form of `series`: from the first
            step of each series to its end or beyond. What is beyond the end is known to `predict`. None for no such channels.
        static : 2-D array-like, DataFrame or dict of columns, default=None
            Features of whole series: a table with one row for each. Columns of texts or categories are categorical. A table
            that has the columns of `id`, or a pandas DataFrame whose index has the ids, is brought into the order of the series.

        Returns
        -------
        self
            The fitted forecaster.

        Raises
        ------
        ValueError
            If a series is too short, its times fall, repeat or leave steps out, values are missing, `future` ends too early, or
            a hyper-parameter is invalid. The forecaster is unchanged.
        """
        if y is not None:
            raise ValueError("A forecaster has no y: what it forecasts are channels of series. Leave y out, and set target.")
        return self._fit(Data.read(series, future, static, self.id, self.time))

    def _fit(self, data):
        """Read everything, fit, and only then write to self."""
        data.check_finite(self.missing != "error")
        series, horizon, differences = data.series, int(self.horizon), int(self.differences)
        targets = named_channels("target", self.target, series.names, series.n_channels) or list(range(series.n_channels))
        if self.target is not None and not np.size(self.target):
            raise ValueError(f"target must name at least one channel, got {self.target!r}. None takes all.")
        block = STRATEGIES[self.strategy](horizon)
        if block < horizon and len(targets) < series.n_channels:
            raise ValueError(
                f"strategy={self.strategy!r} continues from its own forecasts, but {series.n_channels - len(targets)} channels of"
                " series are not in target. Pass those that are known in advance as future, or set strategy='direct'."
            )
        if differences and self.missing != "error":
            raise ValueError(
                f"differences={differences} needs every value, but missing={self.missing!r} allows missing ones. Fill those, or"
                " set differences=0."
            )
        size = self._window(data) + differences
        adjustment = Adjustment(differences, self.season_length, self.relative, self.scale)
        windows = cut(series.values, data.known, size, block, targets)
        seeds = [None] * self.n_estimators  # of checkpoints each has its own
        if self.checkpoint is None or self.random_state is not None:
            seeds = check_random_state(self.random_state).randint(SEEDS, size=self.n_estimators).tolist()
        parts = [(windows, None), *self._held_out(data, size, block, targets)]  # the first is for the forecasts
        errors, networks = [np.empty((0, horizon, len(targets)))], None
        for k, (learned, later) in enumerate(parts):
            regressors = make_regressors(self._of_regressors(), seeds, k * self.n_estimators)
            fitted = Networks.fit(regressors, learned, adjustment, data.static, targets)
            networks = networks or fitted
            if later is not None:
                forecasts, scale = fitted.forecast(later.past, later.known, later.series, horizon)
                errors.append(relative_errors(later.y - forecasts, scale))
        self.window_ = size - differences
        self.regressors_ = networks.regressors
        self.errors_ = np.concatenate(errors)
        self.tails_ = np.ones(self.errors_.shape[1:])
        self.naive_errors_ = naive_errors(series.values, self.season_length or 1, targets)
        self._described = {name: getattr(self, name) for name in ("strategy", "season_length", "relative", "scale")}
        self._described |= {"horizon": horizon, "differences": differences, "targets": targets}
        self._described |= {"id": self.id, "time": self.time, "allow_missing": self.missing != "error"}
        self._n_fitted = data.lengths
        self._keep(data, data.lengths)
        return self

    def _held_out(self, data, size, block, targets):
        """Windows before each held-out block, and those that begin in it, where there are enough."""
        values, horizon = data.series.values, int(self.horizon)
        windows, later = (cut(values, data.known, size, n_ahead, targets) for n_ahead in (block, horizon))
        edges = borders(data.lengths, self.validation_fraction, self.n_splits)
        for begin, end in pairwise(edges):
            learned = windows[windows.start + block <= begin[windows.series]]
            held_out = later[(later.start >= begin[later.series]) & (later.start < end[later.series])]
            if len(learned) >= FEWEST_WINDOWS and len(held_out):
                yield learned, held_out

    def _of_regressors(self):
        """Parameters of the regressors."""
        return {name: getattr(self, name) for name in (*OF_NETWORKS, "loss")}

    def _window(self, data):
        """Number of steps of a window; raises where a series is too short for one."""
        lengths, horizon, differences = data.lengths, int(self.horizon), int(self.differences)
        period, window = self.season_length or 1, self.window
        if window == "auto":
            least = max(2 * period if period > 1 else 1, horizon if data.known else 1, MIN_WINDOW)
            most = int(MOST * (int(lengths.min()) - horizon - differences))
            window = max(least, min(max(N_SEASONS * period, 2 * horizon, MIN_AUTO), most // period * period))
        if period > 1 and window < 2 * period:
            raise ValueError(
                f"window={window} is shorter than two seasons of season_length={period}, which season and"
                f" remainder need. Set window to at least {2 * period}."
            )
        if window < MIN_WINDOW and self.scale in ("std", "difference"):
            raise ValueError(f"window={window} has no scale={self.scale!r}. Set window to at least {MIN_WINDOW}, or scale=None.")
        if data.known and window < horizon:
            raise ValueError(f"With future, window must be at least horizon={horizon}, got {window}. Set window higher.")
        needed = window + differences + horizon
        if lengths.min() < needed:
            i = int(lengths.argmin())
            raise ValueError(
                f"Too few steps: {data.series.what(i)} has {lengths[i]}, but window={window}, differences={differences} and"
                f" horizon={horizon} need {needed}. Set them lower, pass more steps, or leave the series out."
            )
        return int(window)
