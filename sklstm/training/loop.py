"""The training loop: epochs of minibatches over one flat parameter vector. It knows no estimator."""

import copy
import warnings
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._kernels import _optim
from .._kernels.threads import Threads
from ..network import apply
from .batching import minibatches
from .data import Data
from .gradient import GradientComputer
from .stopping import Stopping


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes
    ----------
    max_iter : int
        Epochs at most.
    batch_size : int
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
    shuffle: bool = True
    alpha: float = 0.0
    max_grad_norm: float | None = None
    tol: float = 0.0
    n_iter_no_change: float = np.inf
    early_stopping: bool = False
    bptt_steps: int | None = None
    n_threads: int = 1
    warn_unconverged: bool = False


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


def train(network, loss, optimizer, state, data, plan, *, validation=None, on_epoch=None):
    """Train in place.

    Parameters
    ----------
    network : Network
    loss : Loss
    optimizer : SGD or Adam
    state : dict
        Where training stands: ``theta`` (n_params,), ``optimizer`` (from its `init`), ``rng`` (a Generator),
        ``n_epochs`` and ``n_samples`` (so far), ``history`` (a list of one dict per epoch). Updated in place; what it
        was when an epoch ended is what it is when this function returns, however it returns; but ``theta`` is that of the
        best epoch under early stopping and after divergence.
    data : Data
    plan : Plan
    validation : Validation, default=None
    on_epoch : callable, default=None
        Called with the newest row of the history.

    Returns
    -------
    Stopping
        With the best value of the loss, or of the validation score under early stopping.

    Warns
    -----
    ConvergenceWarning
        If a loss, gradient or weight becomes NaN or infinite: training ends, and the best weights that were finite are
        restored. If `max_iter` is reached, where the plan asks for that warning.
    RuntimeWarning
        On KeyboardInterrupt after the first epoch: the epochs that are done are kept. During the first epoch it is
        raised.
    """
    theta = state["theta"]
    stopping = Stopping(1 if plan.early_stopping else -1, plan.tol, plan.n_iter_no_change, theta)
    before = _snapshot(state)
    n_epochs_before = state["n_epochs"]
    converged = interrupted = False
    try:
        with Threads(plan.n_threads) as threads:
            gradient = GradientComputer(network, loss, data, theta, plan.alpha, threads, plan.bptt_steps)
            while state["n_epochs"] - n_epochs_before < plan.max_iter and not converged:
                row = _epoch(gradient, optimizer, state, plan)
                if row is not None and validation is not None:
                    row = _validated(row, network, loss, theta, validation, plan.n_threads)
                if row is None:
                    _restore(state, before)
                    state["theta"][:] = stopping.best_theta
                    _warn_diverged(state["n_epochs"] + 1)
                    break
                state["history"].append(row)
                converged = stopping.update(row["validation_score"] if plan.early_stopping else row["loss"], theta)
                before = _snapshot(state)
                if on_epoch is not None:
                    on_epoch(row)
    except KeyboardInterrupt:
        _restore(state, before)
        if state["n_epochs"] == n_epochs_before:
            raise
        warnings.warn(
            f"Training interrupted by the user: the {state['n_epochs']} epochs that are done are kept.",
            RuntimeWarning,
            stacklevel=2,
        )
        interrupted = True
    if plan.early_stopping:
        state["theta"][:] = stopping.best_theta
    if plan.warn_unconverged and not converged and not interrupted and state["n_epochs"] - n_epochs_before >= plan.max_iter:
        warnings.warn(
            f"Training has not converged: the maximum of {plan.max_iter} epochs is reached. Increase max_iter, or raise"
            " tol to be content earlier.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return stopping


def _epoch(gradient, optimizer, state, plan):
    """One pass over the data; the row for the history, or None if something became NaN or infinite."""
    theta, started = state["theta"], perf_counter()
    total, total_weight, norms, n_samples = 0.0, 0.0, [], 0
    for rows in minibatches(gradient.lengths, plan.batch_size, state["rng"] if plan.shuffle else None):
        batch_total, batch_weight = gradient(rows, state["rng"])
        norm = np.sqrt(_optim.sum_of_squares(gradient.grad))
        if not (np.isfinite(norm) and np.isfinite(batch_total)):
            return None
        scale = plan.max_grad_norm / norm if plan.max_grad_norm is not None and norm > plan.max_grad_norm else 1.0
        optimizer.step(theta, gradient.grad, state["optimizer"], scale)
        total += batch_total
        total_weight += batch_weight
        norms.append(norm)
        n_samples += len(rows)
    if not np.isfinite(_optim.sum_of_squares(theta)):
        return None
    state["n_epochs"] += 1
    state["n_samples"] += n_samples
    return {
        "epoch": state["n_epochs"],
        "loss": total / total_weight,
        "learning_rate": optimizer.learning_rate,
        "gradient_norm": float(np.mean(norms)),
        "seconds": perf_counter() - started,
    }


def _validated(row, network, loss, theta, validation, n_threads):
    """The row with loss and score of the validation data, or None if the network's outputs are not finite."""
    data = validation.data
    scores = apply(network, theta, data.sequences, shift=data.shift, factor=data.factor, n_threads=n_threads)
    if not np.isfinite(scores).all():
        return None
    weight = float(data.weights.sum())
    total = loss.value_and_gradient(scores, data.targets, data.weights, weight, np.empty_like(scores))
    with np.errstate(over="ignore", invalid="ignore"):
        score = validation.score(scores)
    return row | {"validation_loss": total / weight, "validation_score": score}


def _snapshot(state):
    # Rows of the history are never changed, so the list alone is copied.
    return {key: copy.copy(value) if key == "history" else copy.deepcopy(value) for key, value in state.items()}


def _restore(state, snapshot):
    state.clear()
    state.update(snapshot)


def _warn_diverged(epoch):
    warnings.warn(
        f"Training became non-finite in epoch {epoch} and was stopped there; the best weights before it are restored."
        " Try a smaller learning_rate_init, a smaller max_grad_norm, standardize=True, or X and y without extreme"
        " values.",
        ConvergenceWarning,
        stacklevel=3,
    )
