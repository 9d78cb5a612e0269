"""`RelativeRegressor`: a regressor of windows relative to their levels, whose predictions are in the units of the series."""

import copy
from functools import partial
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..compat import HasMethods, Interval, StrOptions, _fit_context
from ..sequences import Sequences
from ..sequences.agreement import channel_names
from ..sequences.alignment import ids_of, in_order_of, one_per_sequence
from ..sequences.convert import numbers_of_steps
from ..sequences.errors import name_of
from ..sequences.flattened import check_columns, is_tabular, numeric_table
from ..sequences.refusals import refused_as
from ..sequences.steps import Steps
from ..sequences.targets import as_array, read_numbers, read_sample_weight
from ..sequences.validation import X_FORMATS, array_or_list, numpy_alone, refuse_lists_of_rows
from .levels import LEVELS, subtract_levels
from .targets import named_channels


def _regressor_has(name):
    """A check for `available_if`: whether the regressor, the fitted one if there is one, has a method."""

    def check(estimator):
        getattr(vars(estimator).get("regressor_", estimator.regressor), name)  # whose AttributeError says why not
        return True

    return check


class RelativeRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Regressor of windows relative to their levels, with predictions in the units of the series.

    `fit` subtracts the level of each window, its last value or its mean, from X and y, and `predict` adds it to the predictions.
    The regressor then has no trend or level to extrapolate. The level depends on the window only, so nothing leaks from
    validation data in a Pipeline or a search.

    Parameters
    ----------
    regressor : regressor
        The regressor, or a Pipeline that ends in one, which is cloned before it is fitted.
    relative : {"last", "mean"} or None, default="last"
        Level of each window: the last value of each channel, or the mean of its values. Missing values do not count. None
        subtracts nothing, so that a search can compare.
    target : int, str or list of those, default=None
        Channels of X that y continues, by number or by name, as for `make_windows`. None takes the only one.
    channels : int, str or list of those, default=None
        Channels of X that are relative, which include those in `target`. None takes all that are not categories. Name them if
        others are facts of their own: the channels that `make_windows` adds for `known_future`, codes, flags.
    n_channels : int, default=1
        Number of channels per step in a 2-D `X`, whose rows are windows flattened step by step. Ignored for any other form of X.

    Attributes
    ----------
    regressor_ : regressor
        The fitted regressor. Its X and predictions are relative.
    n_features_in_ : int
        Number of columns of a 2-D `X`, or of channels of any other.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns or channels of `X`, if it had names.

    Raises
    ------
    ValueError
        By `fit` and `predict`, if X or y does not have one of the forms described, or if a window has no value of a target.

    See Also
    --------
    make_windows : Cut series into X and y. Its parameter `relative` subtracts the same levels.
    sklearn.compose.TransformedTargetRegressor : Transforms y by itself, such as to its logarithm, without regard to X.

    Notes
    -----
    With the last value and a linear network this is NLinear [1]_; ES-RNN [2]_ divides by a level, which is the same for the
    logarithms of a series.

    In `fit`, ``X_val`` and ``y_val`` become relative, too, and other arguments reach the regressor as they are.

    `score` compares predictions in the units of the series, so that scores for different values of `relative` are comparable.

    References
    ----------
    .. [1] A. Zeng, M. Chen, L. Zhang and Q. Xu (2023), "Are transformers effective for time series forecasting?", AAAI 37.
    .. [2] S. Smyl (2020), "A hybrid method of exponential smoothing and recurrent neural networks for time series forecasting",
       International Journal of Forecasting 36(1).

    Examples
    --------
    A trend goes on beyond all values that the network has seen:

    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.preprocessing import RelativeRegressor, make_windows
    >>> trend = np.arange(1.0, 101)
    >>> X, y = make_windows(trend, window=4, horizon=3)
    >>> model = RelativeRegressor(LSTMRegressor(4, max_iter=50, random_state=0)).fit(X, y)
    >>> model.predict([trend[-4:]]).round(1)
    array([[101., 102., 103.]])

    The level and the width of the network, chosen by validation on blocks of time:

    >>> from sklearn.model_selection import GridSearchCV, GroupKFold
    >>> X, y, blocks = make_windows(trend, window=4, horizon=3, n_blocks=4)
    >>> grid = {"relative": [None, "last", "mean"], "regressor__hidden_size": [4, 8]}
    >>> search = GridSearchCV(model, grid, cv=GroupKFold(4), scoring="neg_mean_absolute_error")
    >>> sorted(search.fit(X, y, groups=blocks).best_params_)
    ['regressor__hidden_size', 'relative']
    """

    _parameter_constraints: ClassVar = {
        "regressor": [HasMethods(["fit", "predict"])],
        "relative": [StrOptions(set(LEVELS)), None],
        "target": [Integral, str, "array-like", None],
        "channels": [Integral, str, "array-like", None],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, regressor, relative="last", *, target=None, channels=None, n_channels=1):
        self.regressor = regressor
        self.relative = relative
        self.target = target
        self.channels = channels
        self.n_channels = n_channels

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Subtract the level of each window from X and y, and fit the regressor to them.

        Parameters
        ----------
        X : array-like of shape (n_windows, n_steps, n_channels), list of arrays (n_steps, n_channels), Sequences, or 2-D
            Windows in any form that the estimators accept. Missing values are allowed if the regressor accepts them.
        y : array-like of shape (n_windows,), (n_windows, horizon) or (n_windows, horizon, n_targets)
            What follows each window, as `make_windows` returns it. Several targets may also be flattened to (n_windows,
            horizon * n_targets), step by step; the regressor gets them so.
        **fit_params : dict
            Arguments of the regressor's `fit`.

        Returns
        -------
        self
            The fitted estimator.
        """
        if y is None:
            raise ValueError(
                "RelativeRegressor requires y to be passed, but the target y is None. Pass the values that follow each window."
            )
        stand_in = copy.copy(self)  # a fit that fails changes nothing
        relative, level = stand_in._read(X, reset=True)
        targets, stand_in._y_shape = stand_in._read_y("y", y, level, ids_of(X))
        # A single column is 1-D for the regressor, unless it has only one output, so that it may warn of a column.
        is_single = targets.shape[1] == 1 and (stand_in._y_shape == () or get_tags(self).target_tags.multi_output)
        stand_in._inner_shape = () if is_single else targets.shape[1:]
        targets = stand_in._subtract(targets, level)
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).regressor.fit
        stand_in.regressor_ = clone(self.regressor).fit(relative, targets, **stand_in._relative_arguments(fit_params))
        vars(self).pop("feature_names_in_", None)
        vars(self).update(vars(stand_in))
        return self

    def predict(self, X):
        """Predict from the windows less their levels, and add the levels of the targets.

        Parameters
        ----------
        X : any form that `fit` takes
            Windows with the channels of `fit`.

        Returns
        -------
        ndarray of shape (n_windows,), (n_windows, horizon) or (n_windows, horizon, n_targets)
            Predictions in the units of the series, of the shape of y in `fit`; with one axis more for several quantiles.
        """
        return self._predict(X, lambda regressor, relative: regressor.predict(relative))

    def _predict(self, X, method):
        """What a method of the regressor predicts from relative windows, in the units of the series and the shape of y."""
        check_is_fitted(self)
        relative, level = self._read(X, reset=False)
        n_windows, n_columns = len(level), int(np.prod(self._y_shape))
        predicted = np.asarray(method(self.regressor_, relative))
        columns = predicted.reshape(n_windows, n_columns, -1) + self._for_columns(level, n_columns)[:, :, np.newaxis]
        n_each = columns.shape[2]  # quantiles
        has_quantiles = n_each > 1 or predicted.ndim > 1 + len(self._inner_shape)
        return columns.reshape(n_windows, *self._y_shape, *([n_each] if has_quantiles else []))

    @available_if(_regressor_has("predict_quantile"))
    def predict_quantile(self, X, quantile):
        """Predict quantiles from the windows less their levels, and add the levels of the targets.

        Available if the regressor has this method, as an :class:`~sklstm.LSTMRegressor` with ``loss="gaussian_mixture"``.

        Parameters
        ----------
        X : any form that `fit` takes
            Windows with the channels of `fit`.
        quantile : float or array-like of shape (n_quantiles,)
            Between 0 and 1, both excluded.

        Returns
        -------
        ndarray of shape (n_windows,), (n_windows, horizon) or (n_windows, horizon, n_targets)
            Quantiles in the units of the series, of the shape of y in `fit`; with one axis more for several quantiles.
        """
        return self._predict(X, lambda regressor, relative: regressor.predict_quantile(relative, quantile))

    @available_if(_regressor_has("predict_interval"))
    def predict_interval(self, X, coverage=0.9):
        """Predict central intervals from the windows less their levels, and add the levels of the targets.

        Available if the regressor has this method, as an :class:`~sklstm.LSTMRegressor` with ``loss="gaussian_mixture"``.

        Parameters
        ----------
        X : any form that `fit` takes
            Windows with the channels of `fit`.
        coverage : float, default=0.9
            Probability that a value lies in its interval, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_windows, 2), (n_windows, horizon, 2) or (n_windows, horizon, n_targets, 2)
            Lower and upper end, in the units of the series.
        """
        return self._predict(X, lambda regressor, relative: regressor.predict_interval(relative, coverage))

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination, for quantiles the mean fraction of the pinball loss that is explained.

        Parameters
        ----------
        X : any form that `fit` takes
            Windows with the channels of `fit`.
        y : array-like
            What follows each window, as in `fit`.
        sample_weight : array-like of shape (n_windows,), default=None
            Weights of the windows.

        Returns
        -------
        float
            1 for perfect predictions, 0 for predictions no better than the mean (the quantile) of y, and less for worse ones.
        """
        predicted = self.predict(X)
        y, _ = self._read_y("y", y, predicted, ids_of(X))
        n_columns = int(np.prod(self._y_shape))
        if y.shape[1] != n_columns:
            raise ValueError(f"y has {y.shape[1]} columns, but the regressor was fitted on {n_columns}. Pass y as in fit.")
        if sample_weight is not None:
            with refused_as("sample_weight", "Pass one weight for each window."):
                sample_weight = read_sample_weight(in_order_of(ids_of(X), "sample_weight", sample_weight), len(y))
        predicted = predicted.reshape(len(y), n_columns, -1)
        quantiles = _quantiles_of(self.regressor_)
        if quantiles is None:
            return r2_score(y, predicted[:, :, 0], sample_weight=sample_weight)
        each = zip(np.atleast_1d(quantiles), predicted.transpose(2, 0, 1), strict=True)
        return float(np.mean([d2_pinball_score(y, of_one, sample_weight=sample_weight, alpha=q) for q, of_one in each]))

    def get_metadata_routing(self):
        """Return the routing of metadata: arguments of `fit` reach the `fit` of the regressor.

        Returns
        -------
        MetadataRouter
            The routing.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        return MetadataRouter(owner=self).add(regressor=self.regressor, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if hasattr(self.regressor, "__sklearn_tags__"):
            inner = get_tags(self.regressor)
            tags.input_tags = copy.copy(inner.input_tags)
            tags.target_tags = copy.copy(inner.target_tags)
            tags.non_deterministic = inner.non_deterministic
        tags.regressor_tags.poor_score = True
        tags.input_tags.one_d_array = tags.input_tags.sparse = False
        tags.input_tags.two_d_array = tags.input_tags.three_d_array = True
        return tags

    # ---- levels ----

    @refused_as("X", X_FORMATS)
    def _read(self, X, *, reset):
        """X less its levels, as an array or as `Sequences`, and the levels of the targets (n_windows, n_targets)."""
        X = self._table_of_lists(array_or_list(X), reset)
        with numpy_alone():
            steps, restore, names = self._steps(X, reset)
        values = numbers_of_steps(np.asarray(steps.values), steps.offsets, names)
        if reset:
            self._read_channels(steps, names)
        elif steps.n_channels != self._n_channels:
            raise ValueError(
                f"X has {steps.n_channels} channels per step, but RelativeRegressor is expecting {self._n_channels} channels as"
                " input, as in fit. Pass the same channels in the same order."
            )
        values, levels = subtract_levels(self.relative, values, steps.offsets, self._relative_channels)
        level = levels[:, [self._relative_channels.index(j) for j in self._targets]]
        missing = np.argwhere(np.isnan(level))
        if len(missing):
            window, target = missing[0]
            channel = self._targets[target]
            raise ValueError(
                f"Input X contains NaN: window {window} has no value of the target, channel {channel}{name_of(channel, names)}."
                " Leave such windows out, or impute X before."
            )
        return restore(values), level

    def _steps(self, X, reset):
        """X as `Steps`, a function that gives other values its form, and the names of its channels."""
        if is_tabular(X):
            table = numeric_table(self, X, self.n_channels, reset if reset or self._flat else None)
            check_columns(table.shape[1], self.n_channels)
            steps, names = Steps.from_table(table, self.n_channels), None
            restore, flat = steps.restore_format, True
        else:
            refuse_lists_of_rows(X, self.n_channels)
            is_dense = not isinstance(X, (Sequences, list, tuple)) and len(X.shape) == 3
            steps = Steps.from_sequences(X if isinstance(X, Sequences) or is_dense else Sequences.from_list(X))
            restore, flat, names = steps.restore_format, False, steps.names
            if not is_dense:
                own = {"ids": steps.ids, "channel_names": names, "categories": steps.categories or None}
                restore = partial(Sequences, offsets=steps.offsets, **own, static=steps.static, times=steps.times)
            if reset:
                self.n_features_in_ = steps.n_channels
                vars(self).pop("feature_names_in_", None)
            found = channel_names(self, None if names is None else list(names), reset=reset)
            if reset and found is not None:
                self.feature_names_in_ = found
        if reset:
            self._flat, self._n_channels = flat, steps.n_channels
        return steps, restore, names

    def _table_of_lists(self, X, reset):
        """A list of lists of numbers, as many in each as there were columns in `fit`, as a table; anything else as it is.

        The regressor may be one of tables only, which scikit-learn's checks also pass as such lists.
        """
        if not isinstance(X, (list, tuple)) or not (reset or self._flat):
            return X
        rows = {len(row) if isinstance(row, (list, tuple)) and not any(map(np.iterable, row)) else 0 for row in X}
        is_table = len(rows) == 1 and 0 not in rows and (reset or rows == {self.n_features_in_})
        return np.asarray(X) if is_table else X

    def _read_channels(self, steps, names):
        """Set the numbers of the channels that y continues, and of those that are relative."""
        n_channels, names = steps.n_channels, None if names is None else list(names)
        if self.target is None and n_channels > 1:
            raise ValueError(
                f"X has {n_channels} channels, but target does not say which of them y continues. Set target to the number of a"
                " channel, such as target=0, or to a list of such."
            )
        self._targets = [0] if self.target is None else named_channels("target", self.target, names, n_channels)
        numeric = [j for j in range(n_channels) if j not in steps.categories]
        chosen = numeric if self.channels is None else named_channels("channels", self.channels, names, n_channels)
        wrong = [j for j in self._targets if j not in chosen]
        if not self._targets or wrong:
            raise ValueError(
                f"A target must be one of the relative channels {chosen}, got target={self.target!r}. Set target to one of them,"
                " or add it to channels."
            )
        coded = [j for j in chosen if j in steps.categories]
        if coded:
            raise ValueError(
                f"Channel {coded[0]}{name_of(coded[0], names)} of X holds categories, which have no level. Leave it out of"
                " channels."
            )
        self._relative_channels = chosen

    def _read_y(self, name, y, level, ids):
        """y as an array (n_windows, n_columns), and the shape that it had for each window."""
        with refused_as(name, "Pass one entry or row for each window."):
            y = as_array(name, one_per_sequence(name, y, len(level), ids, most_dimensions=3))
            shape = y.shape[1:]
            y = read_numbers(name, y.reshape(len(y), -1) if y.ndim == 3 and y.dtype.kind in "fiubO" else y)
        return y.reshape(len(y), -1), shape

    def _for_columns(self, level, n_columns):
        """The levels of the targets (n_windows, n_targets) for each column of y, which has them step by step."""
        n_targets = len(self._targets)
        if n_columns % n_targets:
            raise ValueError(
                f"y must have a column for each step of the horizon and each of the {n_targets} channels in target, got"
                f" {n_columns} columns. Set target to the channels that y continues."
            )
        return np.tile(level, (1, n_columns // n_targets))

    def _subtract(self, y, level):
        """y (n_windows, n_columns) less the levels of the targets, in the shape in which the regressor gets it."""
        y = y - self._for_columns(level, y.shape[1])
        return y[:, 0] if self._inner_shape == () and y.shape[1] == 1 else y

    def _relative_arguments(self, fit_params):
        """Arguments of `fit`, in which validation data are relative."""
        arguments = dict(fit_params)
        for name, X_val in fit_params.items():
            if name.split("__")[-1] != "X_val" or X_val is None:
                continue
            arguments[name], level = self._read(X_val, reset=False)
            name_y = f"{name.removesuffix('X_val')}y_val"
            if fit_params.get(name_y) is not None:
                y, _ = self._read_y(name_y, fit_params[name_y], level, ids_of(X_val))
                arguments[name_y] = self._subtract(y, level)
        return arguments


def _quantiles_of(regressor):
    """Quantile or quantiles that a regressor, or the last step of a Pipeline, predicts; None if it predicts none."""
    while hasattr(regressor, "steps"):
        regressor = regressor.steps[-1][1]
    return getattr(regressor, "quantile", None)
