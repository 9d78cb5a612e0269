"""The training loop: epochs over one flat parameter vector, and what happens after each. It knows no estimator."""

import copy
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._kernels import _optim
from ..network import apply
from ..network.checks import is_count
from ..parallel import Threads
from .data import Data
from .descent import NonFinite
from .gradient import GradientComputer
from .schedules import SCHEDULES, Epoch
from .stopping import Stopping


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes
    ----------
    max_iter : int
        Epochs at most.
    batch_size : int
    learning_rate : float
        Initial step size; `schedule` and its numbers `power` and `warmup` change it.
    schedule : str
        Name in the table of schedules.
    power, warmup : float
    shuffle : bool
    alpha : float
        L2 penalty.
    max_grad_norm : float or None
        Gradients of a larger norm are scaled down to it.
    tol : float
    n_iter_no_change : int or inf
        Stop after more than so many epochs in which the loss (or, with `early_stopping`, the validation score) improved
        by no more than `tol`.
    early_stopping : bool
        Stop by the validation score, and end with the weights that had the best one.
    bptt_steps : int or None
        Steps that the gradient reaches back over; None is all.
    n_threads : int
    warn_unconverged : bool
        Whether reaching `max_iter` deserves a warning.
    """

    max_iter: int
    batch_size: int
    learning_rate: float = 1e-3
    schedule: str = "constant"
    power: float = 0.5
    warmup: float = 0.0
    shuffle: bool = True
    alpha: float = 0.0
    max_grad_norm: float | None = None
    tol: float = 0.0
    n_iter_no_change: float = np.inf
    early_stopping: bool = False
    bptt_steps: int | None = None
    n_threads: int = 1
    warn_unconverged: bool = False

    def __post_init__(self):
        for name in ("max_iter", "batch_size", "bptt_steps"):
            value = getattr(self, name)
            if not (is_count(value, 1) or (name == "bptt_steps" and value is None)):
                raise ValueError(f"{name} must be an int of at least 1, got {value!r}.")


@dataclass(frozen=True, eq=False)
class Validation:
    """Held-out data, and how to score the network's outputs on them.

    Attributes
    ----------
    data : Data
    score : callable
        ``score(scores) -> float``, larger is better.
    """

    data: Data
    score: callable


def train(
    network,
    loss,
    optimizer,
    state,
    data,
    plan,
    *,
    validation=None,
    on_epoch=None,
    checkpoint=None,
    is_sound=None,
    last_epoch=None,
):
    """Train in place.

    Parameters
    ----------
    network : Network
    loss : Loss
    optimizer : SGD, RMSprop, Adam or LBFGS
    state : dict
        Where training stands: ``theta`` (n_params,), ``optimizer`` (from its `init`), ``rng`` (a Generator),
        ``n_epochs`` and ``n_samples`` (so far), ``history`` (a list of one dict per epoch), and between the epochs of one
        course ``course`` (a dict of numbers) and ``best_theta``: with those, training continues the course, without them
        it begins one. Updated in place: it ends as it was when the last epoch ended, but with the ``theta`` of the best epoch
        under early stopping and after divergence. Where something is raised, it is of no use; see `last_epoch`.
    data : Data
    plan : Plan
    validation : Validation, default=None
    on_epoch : callable, default=None
        ``on_epoch(row, last) -> bool``: called with the newest row of the history and whether training ends with it; it ends
        when True is returned.
    checkpoint : callable, default=None
        Called with the state after every epoch.
    is_sound : callable, default=None
        ``is_sound(theta) -> bool``: whether weights give finite predictions for the training data. Called after divergence alone.
    last_epoch : LastEpoch, default=None
        Holds the state when the last epoch ended, for a caller who is to keep it when an interrupt ends this function.

    Warns
    -----
    ConvergenceWarning
        If a loss, gradient or weight becomes NaN or infinite, or the last epoch left weights that do not give finite predictions:
        training ends, and the best weights that do are restored; the warning says which, or that there are none. If `max_iter` is
        reached, where the plan asks for that warning.
    """
    course = Course(network, loss, state, plan, validation, on_epoch, checkpoint, last_epoch or LastEpoch())
    diverged_in, began_with = None, state["theta"].copy()
    try:
        with Threads(plan.n_threads) as threads:
            gradient = GradientComputer(network, loss, data, state["theta"], plan.alpha, threads, plan.bptt_steps)
            if not state["course"]["ended"]:
                optimizer.run(gradient, state, plan, course.end_epoch)
    except NonFinite:
        course.restore()
        diverged_in = state["n_epochs"] + 1
    if diverged_in is None and is_sound is not None and _looks_diverged(state):
        kept = state["best_theta"] if plan.early_stopping else state["theta"]
        diverged_in = None if is_sound(kept) else state["n_epochs"]
    if diverged_in is not None:
        _end_diverged(diverged_in, state, began_with, is_sound)
    elif plan.early_stopping:
        state["theta"][:] = state["best_theta"]
    if plan.warn_unconverged and course.is_unfinished:
        warnings.warn(
            f"Training has not converged: the maximum of {plan.max_iter} epochs is reached. Increase max_iter, or raise"
            " tol to be content earlier.",
            ConvergenceWarning,
            stacklevel=2,
        )
    del state["best_theta"]


class LastEpoch:
    """A copy of the state as it was when the last epoch ended: an interrupt of the next one finds it whole."""

    def __init__(self):
        self._began = 0
        self._state = self._copy = None

    def keep(self, state):
        """Copy the state of an epoch that has ended, or of the start, over that of the one before."""
        if self._state is None:
            self._began, self._state = state["n_epochs"], state
        copied, self._copy = self._copy, None  # an interrupt that finds the copy half written finds the state whole
        self._copy = _copied(state, copied)

    @property
    def state(self):
        return self._state if self._copy is None else self._copy

    @property
    def n_epochs(self):
        """Epochs that have ended since the start."""
        return 0 if self.state is None else self.state["n_epochs"] - self._began


class Course:
    """What happens when an epoch has ended: validation, history, stopping, the schedule, the checkpoint."""

    def __init__(self, network, loss, state, plan, validation, on_epoch, checkpoint, last_epoch):
        self.network = network
        self.loss = loss
        self.state = state
        self.plan = plan
        self.validation = validation
        self.on_epoch = on_epoch
        self.checkpoint = checkpoint
        self.stopping = Stopping(1 if plan.early_stopping else -1, plan.tol, state)
        fresh = {"began": state["n_epochs"], "rate_factor": 1.0, "ended": False}
        state["course"] = fresh | state["course"]
        self.last_epoch = last_epoch
        last_epoch.keep(state)

    def restore(self):
        """Put the state back to what it was when the last epoch ended."""
        self.state.update(self.last_epoch.state)

    @property
    def reached_max_iter(self):
        return self.state["n_epochs"] - self.state["course"]["began"] >= self.plan.max_iter

    @property
    def is_unfinished(self):
        """Whether only `max_iter` ended it, and no schedule asked for that end."""
        return self.reached_max_iter and not self.state["course"]["ended"] and not SCHEDULES[self.plan.schedule].needs_end

    def end_epoch(self, row):
        """Take in the row of an epoch; whether to stop. Raises NonFinite if the validation data cannot be scored."""
        state, plan = self.state, self.plan
        if self.validation is not None:
            row = row | self._validated()
        state["history"].append(row)
        since = self.stopping.update(row["validation_score"] if plan.early_stopping else row["loss"])
        state["course"] |= self._scheduled(since)
        self.last_epoch.keep(state)
        if self.checkpoint is not None:
            self.checkpoint(state)
        ended = state["course"]["ended"]
        stopped = self.on_epoch is not None and self.on_epoch(row, ended or self.reached_max_iter)
        return bool(stopped) or ended

    def _scheduled(self, since):
        """What the schedule makes of the epochs since the last improvement."""
        course, plan, schedule = self.state["course"], self.plan, SCHEDULES[self.plan.schedule]
        factor = course["rate_factor"]
        # A schedule with an end runs to it: what it does to the loss it does last.
        stalled = since > plan.n_iter_no_change and (plan.early_stopping or not schedule.needs_end)
        epoch = Epoch(plan.learning_rate * factor, self.state["n_samples"], since, plan.n_iter_no_change)
        ended = stalled and (schedule.ends is None or schedule.ends(epoch))
        if schedule.after is not None:
            factor = float(schedule.after(factor, epoch, plan.power))
        return {"rate_factor": factor, "ended": ended, "since": 0 if stalled and not ended else since}

    def _validated(self):
        """Loss and score of the validation data."""
        data = self.validation.data
        theta, n_threads = self.state["theta"], self.plan.n_threads
        scores = apply(self.network, theta, data.sequences, shift=data.shift, factor=data.factor, n_threads=n_threads)
        if not np.isfinite(scores).all():
            raise NonFinite
        weight = float(data.weights.sum())
        total = self.loss.value_and_gradient(scores, data.targets, data.weights, weight, np.empty_like(scores))
        with np.errstate(over="ignore", invalid="ignore"):
            score = self.validation.score(scores)
        return {"validation_loss": total / weight, "validation_score": score}


def _copied(value, over):
    """A copy of a part of the state, in the arrays of an earlier copy; None is no earlier copy."""
    if isinstance(value, dict):
        return {key: _copied(part, None if over is None else over[key]) for key, part in value.items()}
    if isinstance(value, np.ndarray) and over is not None:
        np.copyto(over, value)
        return over
    # Rows of the history are never changed, so the list alone is copied.
    return copy.copy(value) if isinstance(value, list) else copy.deepcopy(value)


# In standard units weights are of the order of 1, and so are losses: what is so far beyond, a last step may have thrown there.
WILD_WEIGHT, WILD_LOSS = 1e3, 1e10


def _looks_diverged(state):
    """Whether weights, by their root mean square, or the loss of the last epoch are such that predictions may overflow."""
    theta, history = state["theta"], state["history"]
    wild = _optim.sum_of_squares(theta) > WILD_WEIGHT**2 * len(theta)
    return wild or (len(history) > 0 and history[-1]["loss"] > WILD_LOSS)


def _end_diverged(epoch, state, began_with, is_sound):
    """Put the best weights that give finite predictions in place, and warn of what happened.

    The loss of an epoch is summed while the weights change, so a small loss does not show that the last weights are good.
    """
    candidates = {
        "the best weights before it": state["best_theta"],
        "the weights of the last epoch before it that give finite predictions": state["theta"].copy(),
        "the weights that it began with": began_with,
    }
    for name, theta in candidates.items():
        is_first = np.array_equal(theta, began_with)
        if (name == "the weights that it began with" or not is_first) and (is_sound is None or is_sound(theta)):
            state["theta"][:] = theta
            end = f"{name} are restored."
            break
    else:
        state["theta"][:] = began_with
        end = (
            "the weights that it began with are restored. Neither they nor any of its epochs give finite predictions for all"
            " training sequences."
        )
    warnings.warn(
        f"Training became non-finite in epoch {epoch} and was stopped there; {end} Try a smaller learning_rate_init, a smaller"
        " max_grad_norm, standardize=True, or X and y without extreme values.",
        ConvergenceWarning,
        stacklevel=3,
    )
