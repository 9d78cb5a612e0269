"""`Prepared`: what a fit knows before it trains."""

import copy
from dataclasses import dataclass

import numpy as np

from ..network import LOSSES, Network, apply
from ..training import Data, Units, Validation, digest
from .task import Task

# Parameters that the weights do not depend on, or that are compared by what they lead to.
NOT_IDENTIFYING = {"checkpoint", "n_jobs", "random_state", "verbose", "warm_start"}


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that was read and computed for a fit.

    Attributes
    ----------
    spec : dict
        Of the network, as plain values.
    network : Network
    form : dict
        Fitted attributes that describe X.
    task : Task
    data : Data
        To train on.
    validation : Validation or None
    units : Units
        That the network is trained in.
    moments : dict
        Statistics that those come from.
    stops_early : bool
        Whether the validation score decides when to stop and what to keep.
    """

    spec: dict
    network: Network
    form: dict
    task: Task
    data: Data
    validation: Validation | None
    units: Units
    moments: dict
    stops_early: bool

    def attributes(self, state):
        """The fitted attributes that a state of training makes."""
        history, validated = state["history"], self.validation is not None
        losses = [row["loss"] for row in history]
        scores = [row["validation_score"] for row in history if "validation_score" in row]
        best = state["course"]["best"] if self.stops_early else max(filter(np.isfinite, scores), default=-np.inf)
        report = {
            "history_": history,
            "n_iter_": state["n_epochs"],
            "t_": state["n_samples"],
            "n_outputs_": self.spec["output_size"],
            "loss_curve_": losses,
            "best_loss_": None if self.stops_early else min(losses, default=None),
            "validation_loss_curve_": (
                [row["validation_loss"] for row in history if "validation_loss" in row] if validated else None
            ),
            "validation_scores_": scores if validated else None,
            "best_validation_score_": best if validated and np.isfinite(best) else None,
            "_network_spec": self.spec,
            "_moments": self.moments,
            "_state": state,
            "_theta": self.units.folded(self.network, state["theta"]),
        }
        return self.form | self.task.attributes | report

    def predicts_finitely(self, theta, n_threads):
        """Whether the model that weights become gives finite predictions for all sequences that it is trained on."""
        folded, sequences, rows = self.units.folded(self.network, theta), self.data.sequences, self.data.rows
        chosen = sequences if len(rows) == len(sequences) else sequences[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            predicted = LOSSES[self.spec["loss"]].inverse_link(apply(self.network, folded, chosen, n_threads=n_threads))
        return bool(np.isfinite(folded).all() and np.isfinite(predicted).all())

    def attributes_so_far(self, state):
        """The same while training goes on, and of a copy."""
        state = copy.deepcopy(state)
        best_theta = state.pop("best_theta")
        if self.stops_early:
            state["theta"] = best_theta
        return self.attributes(state)

    def identity(self, estimator, rng, state):
        """What a checkpoint of this fit is compared with.

        Parameters
        ----------
        estimator : BaseRecurrent
        rng : Generator
            As it was when the fit began.
        state : dict
            The initial state.

        Returns
        -------
        dict of str to dict of str to str
        """
        parameters = {name: value for name, value in estimator.get_params(deep=False).items() if name not in NOT_IDENTIFYING}
        identity = {
            "parameters": {name: repr(_plain(value)) for name, value in parameters.items()},
            "start": {"random_state": digest(repr(rng.bit_generator.state)), "initial weights": digest(state["theta"])},
            "data": self.data.digests(),
        }
        if self.validation is not None:
            identity["validation data"] = self.validation.data.digests()
        return identity


def _plain(value):
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
