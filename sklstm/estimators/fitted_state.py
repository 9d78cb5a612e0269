"""`FittedState`: what an earlier fit left on an estimator, for one that continues it or takes its place."""

from dataclasses import dataclass

import numpy as np

from ..network import LOSSES
from ..training import Scaling, TrainingState, check_moments
from .architecture import build
from .copies import with_attributes

CHANGED = "The state of training of this estimator was changed since it was fitted: {}. Fit it afresh, or load it again."

# Attributes that a fit sets, beside those whose names end with an underscore.
PRIVATE = {
    "_categorical", "_class_totals", "_flat", "_moments", "_multilabel", "_n_steps", "_n_targets", "_network_spec",
    "_one_dimensional", "_quantile_ranks", "_state", "_theta", "_y_form",
}  # fmt: skip


def fitted_attributes(estimator):
    """The attributes that a fit sets, as a new dict."""
    return {name: value for name, value in vars(estimator).items() if _is_fitted(name)}


def _is_fitted(name):
    return name in PRIVATE or (name.endswith("_") and not name.startswith("_"))


def with_fitted_attributes(estimator, attributes):
    """An estimator with the same parameters and other fitted attributes."""
    own = {name: value for name, value in vars(estimator).items() if not _is_fitted(name)}
    return with_attributes(estimator, own | attributes)


@dataclass(frozen=True, eq=False)
class FittedState:
    """What an earlier fit left.

    Attributes
    ----------
    network_spec : dict
    theta : ndarray of shape (n_params,)
        The parameters, in the units of the data.
    moments : dict
        Statistics of X and y.
    state : TrainingState
    attributes : dict
        All fitted attributes by their names, those that describe the form of X and y among them.
    """

    network_spec: dict
    theta: np.ndarray
    moments: dict
    state: TrainingState
    attributes: dict

    @classmethod
    def of(cls, estimator):
        """That of an estimator; None if it is not fitted."""
        if not estimator.__sklearn_is_fitted__():
            return None
        e = estimator
        return cls(e._network_spec, e._theta, e._moments, e._state, fitted_attributes(e))

    def check(self, solver, optimizer):
        """Raise a ValueError unless training by an optimiser of this name can continue from here."""
        network = build(self.network_spec)
        network.bind(self.theta)
        try:
            if not isinstance(self.state, TrainingState):
                raise ValueError(f"it is a {type(self.state).__name__}, no TrainingState")
            same_solver = vars(self.state).get("solver") == solver  # the state of another begins anew
            self.state.check(network, self.theta.dtype, optimizer if same_solver else None)
            check_moments(self.moments, network.input_size)
        except ValueError as error:
            raise ValueError(CHANGED.format(error)) from error

    @property
    def stopped_early(self):
        """Whether the validation score decided which weights were the best."""
        return self.attributes["best_loss_"] is None

    def scaling(self, network):
        """The scaling that it was trained with."""
        units = LOSSES[self.network_spec["loss"]].units
        return Scaling.from_moments(self.moments, network.input_size, units, self.attributes["_categorical"])
