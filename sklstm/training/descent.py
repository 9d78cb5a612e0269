"""Epochs of minibatches, for optimisers that take one step on each."""

from time import perf_counter

import numpy as np

from .._kernels import _optim
from .batching import minibatches
from .schedules import SCHEDULES


class NonFinite(ArithmeticError):
    """A loss, gradient or weight became NaN or infinite."""


def descend(gradient, optimizer, state, plan, end_epoch):
    """Run epochs until `end_epoch` says to stop or the plan is done.

    Parameters
    ----------
    gradient : GradientComputer
    optimizer : SGD, RMSprop or Adam
    state : dict
        As in `train`.
    plan : Plan
    end_epoch : callable
        ``end_epoch(row) -> bool``: takes a row of the history; whether to stop.
    """
    schedule = SCHEDULES[plan.schedule]
    while state["n_epochs"] - state["course"]["began"] < plan.max_iter:
        if end_epoch(_epoch(gradient, optimizer, state, plan, schedule)):
            return


def _epoch(gradient, optimizer, state, plan, schedule):
    """One pass over the data; its row for the history."""
    theta, started = state["theta"], perf_counter()
    total, total_weight, norms, n_samples = 0.0, 0.0, [], 0
    highest = rate = plan.learning_rate * state["course"]["rate_factor"]
    momentum = None
    decayed = gradient.network.penalized(theta) if optimizer.weight_decay else ()
    rows_of_data = gradient.data.rows
    batches = minibatches(gradient.lengths[rows_of_data], plan.batch_size, state["rng"] if plan.shuffle else None)
    n_before = (state["n_epochs"] - state["course"]["began"]) * len(batches)
    for k, batch in enumerate(batches):
        rows = rows_of_data[batch]
        batch_total, batch_weight = gradient(rows, state["rng"])
        norm = np.sqrt(_optim.sum_of_squares(gradient.grad))
        if not (np.isfinite(norm) and np.isfinite(batch_total)):
            raise NonFinite
        scale = plan.max_grad_norm / norm if plan.max_grad_norm is not None and norm > plan.max_grad_norm else 1.0
        if schedule.within is not None:
            progress = (n_before + k + 0.5) / (plan.max_iter * len(batches))
            rate = highest * schedule.within(progress, plan.warmup)
            momentum = None if schedule.momentum is None else schedule.momentum(progress)
        for weights in decayed:
            weights *= float(1 - rate * optimizer.weight_decay)  # a NumPy float would compute in float64
        optimizer.step(theta, gradient.grad, state["optimizer"], rate, scale, momentum)
        total += batch_total
        total_weight += batch_weight
        norms.append(norm)
        n_samples += len(rows)
    if not np.isfinite(_optim.sum_of_squares(theta)):
        raise NonFinite
    state["n_epochs"] += 1
    state["n_samples"] += n_samples
    return {
        "epoch": state["n_epochs"],
        "loss": total / total_weight,
        "learning_rate": float(rate),
        "gradient_norm": float(np.mean(norms)),
        "seconds": perf_counter() - started,
    }
