"""Attributes of a fitted forecaster that come from anywhere, such as a file."""

import numpy as np

from ..estimators import LSTMRegressor
from ..network.checks import is_count
from ..preprocessing.levels import LEVELS
from .adjustment import SCALES
from .calendars import KINDS
from .collection import RESTORE
from .data import Data
from .strategies import STRATEGIES

# Attributes that a fit sets.
FITTED = {"window_", "regressors_", "errors_", "tails_", "naive_errors_", "_described", "_ends", "_n_steps", "_n_fitted"}


def check_attributes(attributes):
    """Raise a ValueError, or what Python and NumPy raise, unless a forecaster could predict with these attributes.

    Its regressors are checked by themselves.
    """
    if attributes.keys() != FITTED:
        raise ValueError(f"its attributes are {sorted(attributes)}")
    described, state = attributes["_described"], Data.from_dict(attributes["_ends"])
    series, targets, horizon = state.series, described["targets"], described["horizon"]
    n_channels, size = series.n_channels, attributes["window_"] + described["differences"]
    shape = (len(series), len(targets))
    sound = {
        "window_": is_count(attributes["window_"], 1),
        "regressors_": attributes["regressors_"] and all(map(_is_fitted, attributes["regressors_"])),
        "errors_": attributes["errors_"].shape[1:] == (horizon, len(targets)) and attributes["errors_"].dtype.kind == "f",
        "tails_": attributes["tails_"].shape == (horizon, len(targets)),
        "naive_errors_": attributes["naive_errors_"].shape == shape,
        "horizon": is_count(horizon, 1) and is_count(described["differences"]),
        "targets": all(is_count(j) and j < n_channels for j in targets) and len(set(targets)) == len(targets) > 0,
        "strategy": described["strategy"] in STRATEGIES and described["scale"] in {*SCALES, None},
        "relative": described["relative"] in {*LEVELS, None},
        "season_length": described["season_length"] is None or 4 <= 2 * described["season_length"] <= attributes["window_"],
        "form": series.form["kind"] in RESTORE,
        "calendar": series.calendar is None or (series.calendar["kind"] in KINDS and len(series.times) == len(series)),
        "series": all(_is_table(one, n_channels) and len(one) >= size for one in series.values),
        "known": state.known is None or all(len(of) >= len(v) for of, v in zip(state.known, series.values, strict=True)),
        "static": state.static is None or len(state.static) == len(series),
        "_n_steps": np.shape(attributes["_n_steps"]) == (len(series),),
        "_n_fitted": np.shape(attributes["_n_fitted"]) == (len(series),)
        and (attributes["_n_fitted"] <= attributes["_n_steps"]).all(),
    }
    for name, agrees in sound.items():
        if not agrees:
            raise ValueError(f"its {name} is not what a fit leaves")


def _is_fitted(regressor):
    return type(regressor) is LSTMRegressor and regressor.__sklearn_is_fitted__()


def _is_table(values, n_channels):
    return isinstance(values, np.ndarray) and values.dtype.kind == "f" and values.shape[1:] == (n_channels,)
