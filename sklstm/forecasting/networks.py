"""`Networks`: regressors of adjusted windows, whose mean prediction is the forecast, and how they continue series."""

from dataclasses import dataclass

import numpy as np

from ..estimators import LSTMRegressor
from ..sequences import Sequences
from .adjustment import Adjustment
from .windows import length_groups

FEWEST_GROUPS = 8  # of stretches of time, for the choice of a length on whole ones


@dataclass(frozen=True, eq=False)
class Networks:
    """Fitted regressors.

    Attributes
    ----------
    regressors : list of LSTMRegressor
    adjustment : Adjustment
    block : int
        Number of steps that are predicted at once.
    targets : list of int
        Channels that are forecast.
    static : StaticTable or None
        Static features of the series.
    """

    regressors: list
    adjustment: Adjustment
    block: int
    targets: list
    static: object

    @classmethod
    def fit(cls, regressors, windows, adjustment, static, targets):
        """Fit regressors in place to windows, whose y has the block of steps that are predicted at once."""
        block = windows.y.shape[1]
        self = cls(regressors, adjustment, block, targets, static)
        reference = adjustment.of(windows.past)
        y = reference.targets(windows.y, targets)
        usable = ~np.isnan(y).any(axis=(1, 2))
        varying = usable & (reference.scale[:, targets] > 0).all(axis=1)  # no number of scales leads from a constant elsewhere
        usable = varying if varying.any() else usable
        if not usable.any():
            raise ValueError(
                f"All {len(usable)} windows are followed by a missing value within {block} steps. Fill the series, or set horizon"
                " lower."
            )
        X = self._inputs(reference, windows.known, 0, windows.series)[usable]
        y = y[usable].reshape(len(X), -1)
        groups = length_groups(windows[usable], windows.past.shape[1] + block)
        several = len(np.unique(groups)) >= FEWEST_GROUPS
        for regressor in regressors:
            regressor.fit(X, y[:, 0] if y.shape[1] == 1 else y, groups=groups if several else None)
        return self

    def forecast(self, past, known, series, n_ahead):
        """Continue windows.

        Parameters
        ----------
        past : ndarray of shape (n, window, n_channels)
        known : ndarray of shape (n, at least window + n_ahead, n_known) or None
            With as many steps as whole blocks need.
        series : ndarray of int of shape (n,)
        n_ahead : int

        Returns
        -------
        forecasts : ndarray of float64 of shape (n, n_ahead, n_targets)
        scale : ndarray of shape (n, n_targets)
            Of the windows.
        """
        window, forecasts, scale = past.shape[1], [], None
        n_blocks = -(-n_ahead // self.block)
        for b in range(n_blocks):
            reference = self.adjustment.of(past[:, past.shape[1] - window :])
            scale = reference.scale[:, self.targets] if scale is None else scale
            X = self._inputs(reference, known, b * self.block, series)
            predicted = np.mean([regressor.predict(X) for regressor in self.regressors], axis=0, dtype=np.float64)
            values = reference.restored(predicted.reshape(len(past), self.block, -1), self.targets)
            forecasts.append(values)
            if b + 1 < n_blocks:
                values = values[:, :, np.argsort(self.targets)]
                past = np.concatenate([past[:, self.block :], values.astype(past.dtype)], axis=1)[:, -window:]
        return np.concatenate(forecasts, axis=1)[:, :n_ahead], scale

    def _inputs(self, reference, known, first, series):
        """What the regressors read, of windows whose known channels begin at a step."""
        X = reference.windows.astype(reference.adjusted.dtype, copy=False)
        if known is not None:
            d, window = self.adjustment.differences, X.shape[1] + self.adjustment.differences
            own, ahead = (known[:, start + d : start + window] for start in (first, first + self.block))
            X = np.concatenate([X, own, ahead], axis=2, dtype=X.dtype)
        if self.static is None:
            return X
        n, n_steps, n_channels = X.shape
        return Sequences(X.reshape(-1, n_channels), n_steps * np.arange(n + 1), static=self.static[series])


def make_regressors(parameters, seeds, first):
    """Regressors that differ in their seed, and in the file of their checkpoint.

    Parameters
    ----------
    parameters : dict
        Of LSTMRegressor.
    seeds : list of int or None
    first : int
        Number of the first, for the names of checkpoints.
    """
    made = []
    for k, seed in enumerate(seeds):
        own = {"random_state": seed}
        if parameters.get("checkpoint") is not None:
            own["checkpoint"] = f"{parameters['checkpoint']}.{first + k}"
        made.append(LSTMRegressor(**parameters | own))
    return made
