"""`FitInputs`: everything that a fit has read and computed before it trains."""

from dataclasses import dataclass, replace

import numpy as np

from ..network import LOSSES, ConstantBias, Network, TimescaleBias
from ..training import CRITERIA, Data, Scaling, TrainingState, Validation, best_epoch, digest
from .target import Target

# Parameters that the weights do not depend on, or that are compared by what they lead to.
NOT_IDENTIFYING = {"checkpoint", "n_jobs", "random_state", "verbose", "warm_start"}


@dataclass(frozen=True, eq=False)
class FitInputs:
    """Everything that was read and computed for a fit.

    Attributes
    ----------
    spec : dict
        Description of the network, as plain values.
    network : Network
    form : dict
        Fitted attributes that describe X.
    target : Target
    data : Data
        What is trained on.
    validation : Validation or None
    scaling : Scaling
        Units that the network is trained in.
    moments : dict
        Statistics that those come from.
    stops_early : bool
        Whether validation data decide when to stop and what to keep.
    scoring : {"loss", "score"}
        What is compared on them.
    groups : ndarray of int of shape (n_sequences,) or None
        Sequences of one group are held out together.
    calibrate : callable or None
        ``calibrate(network, theta) -> dict``: further attributes that weights in the units of the data lead to.
    """

    spec: dict
    network: Network
    form: dict
    target: Target
    data: Data
    validation: Validation | None
    scaling: Scaling
    moments: dict
    stops_early: bool
    scoring: str
    groups: np.ndarray | None = None
    calibrate: object = None

    def initial_state(self, estimator, optimizer, rng, previous, *, one_epoch):
        """The state that training begins with: a new one, or a copy of that of an earlier fit in the units of this one."""
        state = self._initial_state(estimator, optimizer, rng, previous, one_epoch=one_epoch)
        temperature = vars(estimator).get("temperature", "auto")
        if not isinstance(temperature, str) and LOSSES[self.target.loss].decide is not None:
            state.temperature = float(temperature)
        return state

    def _initial_state(self, estimator, optimizer, rng, previous, *, one_epoch):
        network, solver = self.network, estimator.solver
        if previous is None:
            theta = self.initial_theta(estimator, rng)
            return TrainingState(theta, solver, optimizer.init(theta), rng)
        state = replace(previous.state.copy(), rng=rng)
        state.start_fit(keep_schedule=one_epoch and not previous.stopped_early)
        if one_epoch:
            state.theta = previous.scaling(network).convert_to(network, state.theta, self.scaling)
            self.scaling.write_means(network, state.theta)
        if state.solver != solver:
            state.solver, state.optimizer = solver, optimizer.init(state.theta)
        return state

    def initial_theta(self, estimator, rng):
        """Parameters that a fit begins with."""
        theta = self.network.initialize(rng, self.data.sequences.values.dtype, self._initial_bias(estimator.forget_bias))
        self.scaling.write_means(self.network, theta)
        self.scaling.write_constants(self.network, theta)
        first_scores = LOSSES[self.target.loss].first_scores
        if first_scores:
            self.network.bind(theta)["head"]["b"][...] = first_scores(self.network.output_size, self.target.targets.shape[1])
        return theta

    def _initial_bias(self, forget_bias):
        """What the biases of the gates begin with."""
        if not isinstance(forget_bias, str):
            return ConstantBias(forget_bias)
        return TimescaleBias(forget_bias, int(self.data.sequences.lengths[self.data.rows].max()))

    def attributes(self, state):
        """The fitted attributes that a state of training makes."""
        history, validated = state.history, self.validation is not None
        losses = [row["loss"] for row in history]
        scores = [row["validation_score"] for row in history if "validation_score" in row]
        epoch = best_epoch(state, CRITERIA[self.scoring]) if self.stops_early else None
        if self.stops_early:
            best = next((row["validation_score"] for row in history if row["epoch"] == epoch), np.nan)
        else:
            best = max(filter(np.isfinite, scores), default=np.nan)
        report = {
            "history_": history,
            "n_iter_": state.n_epochs,
            "t_": state.n_samples,
            "n_outputs_": self.spec["output_size"],
            "loss_curve_": losses,
            "best_epoch_": epoch,
            "best_loss_": None if self.stops_early else min(losses, default=None),
            "validation_loss_curve_": (
                [row["validation_loss"] for row in history if "validation_loss" in row] if validated else None
            ),
            "validation_scores_": scores if validated else None,
            "best_validation_score_": best if validated and np.isfinite(best) else None,
            "_network_spec": self.spec,
            "max_iter_trials_": state.trials,
            "_moments": self.moments,
            "_state": state,
            "_theta": self.scaling.fold_into_weights(self.network, state.theta, state.temperature),
        }
        if LOSSES[self.spec["loss"]].decide is not None:
            report["temperature_"] = state.temperature
        calibrated = {} if self.calibrate is None else self.calibrate(self.network, report["_theta"])
        return self.form | self.target.attributes | report | calibrated

    def attributes_so_far(self, state):
        """The same while training continues, and of a copy."""
        state = state.copy()
        if self.stops_early:
            state.theta = state.best_theta
        state.best_theta = None
        return self.attributes(state)

    def predicts_finitely(self, theta, n_threads):
        """Whether the model that weights become gives finite predictions for all sequences that it is trained on."""
        folded = self.scaling.fold_into_weights(self.network, theta)
        with np.errstate(over="ignore", invalid="ignore"):
            scores = self.target.scores(self.network, folded, self.data.sequences, self.data.rows, self.scaling, n_threads)
            predicted = LOSSES[self.spec["loss"]].inverse_link(scores)
        return bool(np.isfinite(folded).all() and np.isfinite(predicted).all())

    def identity(self, estimator, rng, state):
        """What a checkpoint of this fit is compared with.

        Parameters
        ----------
        estimator : BaseRecurrent
        rng : Generator
            As it was when the fit began.
        state : TrainingState
            The initial state.

        Returns
        -------
        dict of str to dict of str to str
        """
        parameters = {name: value for name, value in estimator.get_params(deep=False).items() if name not in NOT_IDENTIFYING}
        identity = {
            "parameters": {name: repr(_plain(value)) for name, value in parameters.items()},
            "start": {"random_state": digest(repr(rng.bit_generator.state)), "initial weights": digest(state.theta)},
            "data": self.data.digests(),
        }
        if self.groups is not None:
            identity["data"]["groups"] = digest(self.groups)
        if self.validation is not None:
            identity["validation data"] = self.validation.data.digests()
        return identity


def _plain(value):
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
