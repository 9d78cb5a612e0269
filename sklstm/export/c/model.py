"""What can be written in C: the fitted network as arrays, or the reason why not."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ...estimators import LSTMClassifier, LSTMRegressor
from ...estimators.architecture import build
from ...estimators.copies import at_this_moment
from ...estimators.times import n_channels_of
from ...network import LOSSES
from ..inner import inner_network
from .fixed_cells import FIXED_CELLS

DTYPES = ("float32", "q15", "int8")
FLOAT = ("float32",)


class Limit(NamedTuple):
    """What cannot be exported.

    Attributes
    ----------
    what : str
        Hyper-parameter or estimator, as code.
    applies : callable
        Of an `Exported`, whether it has that.
    dtypes : tuple of str
        Which can have it all the same.
    reason, instead : str
        Why the others cannot, and the nearest thing that can be exported.
    """

    what: str
    applies: Callable
    dtypes: tuple
    reason: str
    instead: str


LIMITS = (
    Limit(
        "bidirectional=True",
        lambda model: model.network.bidirectional,
        (),
        "its reverse direction begins at the last sample, so that a device would have to keep the whole sequence",
        "fit with bidirectional=False, or use to_onnx",
    ),
    Limit(
        'structure="crf"',
        lambda model: model.network.structure == "crf",
        FLOAT,
        "its probabilities are products of exponentials, whose range integers of 16 bits do not hold",
        'dtype="float32", or fit with structure=None',
    ),
    Limit(
        "static features",
        lambda model: model.network.static is not None,
        FLOAT,
        "they are read once for a sequence, in units of their own",
        'dtype="float32", or pass them as channels that are the same at every step',
    ),
    Limit(
        "times",
        lambda model: model.network.gap_channel is not None,
        FLOAT,
        "logarithms of times have no range that integers of 16 bits hold",
        'dtype="float32", or the time since the sample before as a channel, clipped',
    ),
    Limit(
        'missing="indicator" or "decay"',
        lambda model: model.network.missing != "error",
        FLOAT,
        "there is no integer for a value that is missing, and none for the logarithm of the time since it was there",
        'dtype="float32", or fit with missing="error", and repeat the last value on the device',
    ),
    Limit(
        "proj_size",
        lambda model: "P" in model.params["layer_0"],
        FLOAT,
        "projected outputs have no bound, as those of tanh have",
        'dtype="float32", or fit with proj_size=0',
    ),
    Limit(
        'cell="layernorm"',
        lambda model: model.network.cell not in FIXED_CELLS,
        FLOAT,
        "it divides by standard deviations of its products, whose range integers of 16 bits do not hold",
        'dtype="float32", or fit with another cell',
    ),
)

# Class -> why it is not exported, and what is instead.
OTHERS = {
    "LSTMSeq2Seq": ("its decoder writes outputs of any length by a search", "use to_onnx"),
    "LSTMOutlierDetector": (
        "its scores are distances of errors by their covariance",
        "an LSTMRegressor that forecasts a step, or use to_onnx",
    ),
    "LSTMForecaster": ("it reads calendars and scales of series", "export one of its regressors_, which read windows"),
}
SEARCHES = (GridSearchCV, RandomizedSearchCV)  # and what has a best_estimator_


def refuse(what, reason, instead):
    """Raise the error of a model that cannot be exported."""
    raise ValueError(f"A model with {what} cannot be exported to C: {reason}. What can be exported: {instead}.")


@dataclass(frozen=True, eq=False)
class Exported:
    """A fitted estimator, as it was at one moment.

    Attributes
    ----------
    model : LSTMClassifier or LSTMRegressor
    network : Network
    params : dict of str to dict of str to ndarray of float64
        Of each part of the network.
    """

    model: object
    network: object
    params: dict

    @cached_property
    def loss_name(self):
        return self.model._network_spec["loss"]

    @property
    def loss(self):
        return LOSSES[self.loss_name]

    @cached_property
    def checksum(self):
        """CRC-32 in hexadecimal digits of the weights in float32, and of what the model does with them."""
        fitted = vars(self.model)
        vocabularies = [fitted.get(name, ()) for name in ("categories_", "static_categories_")]
        kinds = [type(self.model).__name__, float(fitted.get("median_gap_") or 0.0)]
        kinds += [[[str(value) for value in values.tolist()] for values in one] for one in vocabularies]
        kinds.append(json.dumps(self.model._network_spec, sort_keys=True, default=lambda value: np.asarray(value).tolist()))
        weights = self.model._theta.astype("<f4").tobytes()
        return f"{zlib.crc32(weights, zlib.crc32(repr(kinds).encode())):08x}"

    @cached_property
    def n_channels(self):
        """Numbers in a sample; with times, that since the sample before is one more channel, or takes the place of the time."""
        return self.network.input_size

    @cached_property
    def channel_names(self):
        """Names of the channels, if they have any."""
        names = getattr(self.model, "feature_names_in_", None)
        if names is None or len(names) != n_channels_of(self.model):
            return None
        return [str(name) for name in names] + ["time since the sample before"] * (self.n_channels - len(names))

    @cached_property
    def classes(self):
        """Names of the classes or labels that the model predicts; None for quantities."""
        return [str(label) for label in self.model.classes_.tolist()] if self.loss.decide is not None else None


def read_model(model, dtype):
    """The parts of a fitted estimator, or an error that says why it cannot be exported.

    Raises
    ------
    NotFittedError
    TypeError, ValueError
    """
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(map(repr, DTYPES))}, got {dtype!r:.80}.")
    if isinstance(model, Pipeline):
        refuse(
            "a Pipeline",
            "the header has the network alone",
            "its last step, model[-1], for channels that were transformed before",
        )
    if not isinstance(model, BaseEstimator):
        raise TypeError(f"to_c takes a fitted LSTMClassifier or LSTMRegressor, got {model!r:.80}.")
    if not isinstance(model, (LSTMClassifier, LSTMRegressor)):
        name = type(model).__name__
        inner = inner_network(model, (LSTMClassifier, LSTMRegressor))
        if name not in OTHERS and inner:
            refuse(name, "the header has the network alone, which it predicts with", f"its {inner}")
        if name not in OTHERS and (hasattr(model, "best_estimator_") or isinstance(model, SEARCHES)):
            refuse(name, "it is a search", "its best_estimator_, if that is one of sklstm's")
        refuse(name, *OTHERS.get(name, ("it has no recurrent network of sklstm", "an LSTMClassifier or LSTMRegressor")))
    check_is_fitted(model)
    model = at_this_moment(model)
    network = build(model._network_spec)
    theta = model._theta.astype(np.float64)
    if not np.isfinite(theta.astype(np.float32)).all():
        raise ValueError("The weights of the model are not finite numbers of float32. Fit it afresh, with data in smaller units.")
    exported = Exported(model, network, network.bind(theta))
    for limit in LIMITS:
        if limit.applies(exported) and dtype not in limit.dtypes:
            with_dtype = f"{limit.what}{f' and dtype={dtype!r}' if limit.dtypes else ''}"
            refuse(with_dtype, limit.reason, limit.instead)
    return exported
