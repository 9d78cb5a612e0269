"""When to stop, which weights were the best, and how the learning rate continues: decided after every epoch."""

import math

from .schedules import Epoch


def update_best(state, config, row):
    """Compare the newest row of the history with the best so far.

    Parameters
    ----------
    state : TrainingState
        Gets `best`, `best_theta` and `n_stalled`.
    config : TrainingConfig
    row : dict
    """
    value = row["validation_score"] if config.early_stopping else row["loss"]
    sign = 1 if config.early_stopping else -1
    if not math.isfinite(value):
        gain = -math.inf  # no improvement, not even on none
    else:
        gain = math.inf if math.isnan(state.best) else sign * (value - state.best)
    state.n_stalled = 0 if gain > config.tol else state.n_stalled + 1
    if gain > 0:
        state.best = value
        state.best_theta[:] = state.theta


def follow_schedule(state, config):
    """Decide whether training is done, and set the rate of the next epoch, by the number of epochs without improvement."""
    schedule = config.schedule
    # A schedule with an end runs to it: what it does to the loss it does last.
    stalled = state.n_stalled > config.n_iter_no_change and (config.early_stopping or not schedule.needs_end)
    epoch = Epoch(config.learning_rate * state.rate_factor, state.n_samples, state.n_stalled, config.n_iter_no_change)
    state.done = stalled and (schedule.ends is None or schedule.ends(epoch))
    if schedule.after is not None:
        state.rate_factor = float(schedule.after(state.rate_factor, epoch, config.power))
    if stalled and not state.done:
        state.n_stalled = 0
