"""The training loop: epochs of minibatches over one flat parameter vector. It knows no estimator."""

import math
from time import perf_counter

import numpy as np

from .._kernels import _optim
from ..parallel import Threads
from .batching import minibatches
from .gradient import GradientComputer, NonFinite
from .lbfgs import run_lbfgs
from .outcome import learned_nothing
from .state import LastEpoch
from .stopping import follow_schedule, update_best

# Bytes of theta from which on an update repays more than one thread. On two cores of a Zen 4, Adam takes 0.36 ms for 4 MB of
# float32 on one thread and 0.20 on two, but 0.55 where the helper has gone to sleep since the gradient.
SHARED_BYTES = 1 << 22


def train(
    network,
    loss,
    optimizer,
    state,
    data,
    config,
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
    optimizer : Optimizer
    state : TrainingState
        Updated in place: it ends as it was when the last epoch ended, but with the `theta` of the best epoch under early
        stopping and after divergence. Where something is raised, it is of no use; see `last_epoch`.
    data : Data
    config : TrainingConfig
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

    Returns
    -------
    list of str
        What the user is to be warned of. A loss, gradient or weight became NaN or infinite, or the last epoch left weights that
        do not give finite predictions: training ended, and the best weights that do were restored; the text says which, or that
        there are none. Or `max_iter` was reached, where the configuration asks for that warning. Or the network has learned
        nothing, see `learned_nothing`.
    """
    last_epoch = LastEpoch() if last_epoch is None else last_epoch
    initial_theta, diverged_in = state.theta.copy(), None
    if state.best_theta is None:
        state.best_theta = initial_theta.copy()
    last_epoch.keep(state)
    plateau = validation.plateau(network, data, config.tol) if config.criterion.waits else None

    def after_epoch(row):
        """Take in the row of an epoch; whether to stop."""
        if validation is not None:
            row = row | validation.measure(network, state.theta, config.n_threads)
        state.history.append(row)
        update_best(state, config, row, plateau)
        follow_schedule(state, config)
        last_epoch.keep(state)
        if checkpoint is not None:
            checkpoint(state)
        stopped = on_epoch is not None and on_epoch(row, state.done or _has_reached_max_iter(state, config))
        return stopped or state.done

    try:
        gradient = GradientComputer(network, loss, data, state.theta, config.alpha, Threads(config.n_threads), config.bptt_steps)
        if optimizer.needs_all_samples:
            run_lbfgs(gradient, state, config, after_epoch)
        elif not state.done:
            for epoch in range(state.n_epochs - state.first_epoch, config.max_iter):
                if after_epoch(_run_epoch(gradient, optimizer, state, config, epoch)):
                    break
    except NonFinite:
        last_epoch.state.copy_into(state)
        diverged_in = state.n_epochs + 1
    is_regular = diverged_in is None and not _looks_diverged(state)
    problems = _finish(state, config, initial_theta, diverged_in, is_sound)
    return problems + (learned_nothing(network, loss, optimizer, state, data, config) if is_regular else [])


def _run_epoch(gradient, optimizer, state, config, epoch):
    """One pass over the data, the `epoch`-th of this fit counted from 0; returns its row of the history."""
    theta, rng, schedule = state.theta, state.rng, config.schedule
    start, total, total_weight, norms, n_samples = perf_counter(), 0.0, 0.0, [], 0
    initial_rate = rate = config.learning_rate * state.rate_factor
    largest_norm = math.inf if config.max_grad_norm is None else config.max_grad_norm
    momentum = None
    decayed = gradient.network.penalized(theta) if optimizer.weight_decay else ()
    step = optimizer.bind(theta, gradient.grad, state.optimizer, decayed)
    batches = minibatches(gradient.lengths[gradient.data.rows], config.batch_size, rng if config.shuffle else None)
    for k, batch in enumerate(batches):
        rows = gradient.data.rows[batch]
        batch_total, batch_weight = gradient(rows, rng)
        norm = step.norm()
        if not (math.isfinite(norm) and math.isfinite(batch_total)):
            raise NonFinite
        if schedule.within is not None:
            progress = (epoch * len(batches) + k + 0.5) / (config.max_iter * len(batches))
            rate = initial_rate * schedule.within(progress, config.warmup)
            momentum = None if schedule.momentum is None else schedule.momentum(progress)
        update = rate, largest_norm / norm if norm > largest_norm else 1.0, momentum
        if theta.nbytes < SHARED_BYTES:
            step.take(*update)
        else:
            gradient.threads.together(step.take, *update)
        total += batch_total
        total_weight += batch_weight
        norms.append(norm)
        n_samples += len(rows)
    if not math.isfinite(_optim.sum_of_squares(theta)):
        raise NonFinite
    state.n_epochs += 1
    state.n_samples += n_samples
    return {
        "epoch": state.n_epochs,
        "loss": total / total_weight,
        "learning_rate": float(rate),
        "gradient_norm": float(np.mean(norms)),
        "seconds": perf_counter() - start,
    }


def _has_reached_max_iter(state, config):
    return state.n_epochs - state.first_epoch >= config.max_iter


def _finish(state, config, initial_theta, diverged_in, is_sound):
    """Put the weights that training ends with in place; returns what the user is to be warned of."""
    warnings = []
    if diverged_in is None and is_sound is not None and _looks_diverged(state):
        kept = state.best_theta if config.early_stopping else state.theta
        diverged_in = None if is_sound(kept) else state.n_epochs
    if diverged_in is not None:
        end = _restore_sound_weights(state, initial_theta, is_sound)
        warnings.append(
            f"Training became non-finite in epoch {diverged_in} and was stopped there; {end} Try a smaller learning_rate_init, a"
            " smaller max_grad_norm, standardize=True, or X and y without extreme values."
        )
    elif config.early_stopping:
        state.theta[:] = state.best_theta
    state.best_theta = None
    # A schedule with an end asks for the last epoch, and a number of epochs that was chosen is to be reached.
    is_to_end = state.done or state.max_iter or config.schedule.needs_end
    if config.warn_unconverged and _has_reached_max_iter(state, config) and not is_to_end:
        warnings.append(
            f"Training has not converged: the maximum of {config.max_iter} epochs is reached. Increase max_iter, or raise"
            " tol to stop earlier."
        )
    return warnings


# In standard units weights are of the order of 1, and so are losses: what is so far beyond, a last step may have thrown there.
WILD_WEIGHT, WILD_LOSS = 1e3, 1e10


def _looks_diverged(state):
    """Whether weights, by their root mean square, or the loss of the last epoch are such that predictions may overflow."""
    wild = _optim.sum_of_squares(state.theta) > WILD_WEIGHT**2 * len(state.theta)
    return wild or (len(state.history) > 0 and state.history[-1]["loss"] > WILD_LOSS)


def _restore_sound_weights(state, initial_theta, is_sound):
    """Put the best weights that give finite predictions in place, and say which they are.

    The loss of an epoch is summed while the weights change, so a small loss does not show that the last weights are good.
    """
    candidates = {
        "the best weights before it": state.best_theta,
        "the weights of the last epoch before it that give finite predictions": state.theta.copy(),
    }
    for name, theta in candidates.items():
        if not np.array_equal(theta, initial_theta) and (is_sound is None or is_sound(theta)):
            state.theta[:] = theta
            return f"{name} are restored."
    state.theta[:] = initial_theta
    end = "the initial weights are restored."
    if is_sound is None or is_sound(initial_theta):
        return end
    return f"{end} Neither they nor any of its epochs give finite predictions for all training sequences."
