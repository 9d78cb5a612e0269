"""`WeightsMixin`: the fitted parameters by their names, to read and to set."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..network import LOSSES
from ..training import SOLVERS, Scaling
from .architecture import build
from .copies import at_this_moment
from .fitted_state import FittedState
from .solvers import check_solver_params
from .states import read_numbers

ADVICE = "weights_ shows the names and shapes."


class WeightsMixin:
    """`weights_` and `set_weights` of an estimator."""

    @property
    def weights_(self):
        """Fitted parameters by their names, a dict of str to ndarray; read-only, `set_weights` sets them."""
        check_is_fitted(self)
        model = at_this_moment(self)
        network = build(model._network_spec)
        network.bind(model._theta)  # raises where they are not those of the network
        # Of a buffer that lends itself for reading only, so that no flag makes the views writable.
        return network.layout.views(np.frombuffer(memoryview(model._theta).toreadonly(), model._theta.dtype))

    def set_weights(self, weights):
        """Set some or all fitted parameters.

        Later predictions use the new values; existing streams keep the old ones. `warm_start` and `partial_fit` continue from
        the new values and reset the averages of the optimiser. Attributes that describe the fit, such as `history_` and
        `best_loss_`, do not change.

        Parameters
        ----------
        weights : dict of str to array-like
            New values, by the names and in the shapes of `weights_`. They are copied and converted to the dtype of the model.
            Other parameters keep their values.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If weights is not a dict.
        ValueError
            If a name is unknown, or if an array has a wrong shape, is not numeric, or is not finite in the dtype of the
            model. The estimator is unchanged.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 20, 2))
        >>> model = LSTMRegressor(4, max_iter=2, random_state=0).fit(X, X[:, :, 0].sum(axis=1))
        >>> model.weights_["head.V"].shape
        (8, 1)
        >>> model.set_weights({"head.V": np.zeros((8, 1)), "head.b": [0.5]}).predict(X[:2])
        array([0.5, 0.5])
        """
        check_is_fitted(self)
        model = at_this_moment(self)
        check_solver_params(model)
        optimizer, previous = SOLVERS[model.solver](model), FittedState.of(model)
        previous.check(model.solver, optimizer)
        network, theta = build(previous.network_spec), previous.theta.copy()
        views = network.layout.views(theta)
        if not isinstance(weights, dict):
            raise TypeError(f"weights must be a dict of names to arrays, got {type(weights).__name__}. {ADVICE}")
        for name, values in weights.items():
            if name not in views:
                raise ValueError(f"The model has no weights {name!r}; their names are {', '.join(views)}.")
            views[name][...] = _read(f"weights[{name!r}]", values, views[name])
        state = _state_from(previous, network, theta, model.solver, optimizer)
        attributes = {"_theta": theta, "_state": state, "history_": state.history}
        self.__dict__ = vars(self).copy() | attributes  # all at one moment
        return self


def _read(what, values, like):
    """Values as a finite array of the shape and dtype of another one."""
    array = read_numbers(what, values, ADVICE)
    if array.shape != like.shape:
        raise ValueError(f"{what} must have shape {like.shape}, got {array.shape}. {ADVICE}")
    with np.errstate(over="ignore"):
        array = array.astype(like.dtype)
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite in {like.dtype}, got {array[~np.isfinite(array)][0]}. Pass finite numbers.")
    return array


def _state_from(previous, network, theta, solver, optimizer):
    """Where training continues from weights that were set: the optimiser and the best loss so far were of others."""
    loss_units = LOSSES[previous.network_spec["loss"]].units
    of_data = Scaling.from_moments({"x": None, "y": None}, network.input_size, network.static_size, loss_units)
    state = previous.state.copy()
    theta = of_data.fold_into_weights(network, theta, 1 / state.temperature)  # whose scores will be divided by it again
    state.theta = of_data.convert_to(network, theta, previous.scaling(network))
    state.solver, state.optimizer = solver, optimizer.init(state.theta)
    state.start_fit()
    return state
