"""When to stop, which weights were the best, and how the learning rate continues: decided after every epoch."""

import math
from dataclasses import dataclass

from .schedules import Epoch


@dataclass(frozen=True)
class Criterion:
    """What tells which epoch of a fit is the best.

    Attributes
    ----------
    entry : str
        Name of its value in a row of the history.
    sign : int
        1 where more is better, -1 where less is.
    keeps_later : bool
        Whether the later one of two epochs with the same value is the better one.
    waits : bool
        Whether epochs without improvement do not count on the first plateau.
    """

    entry: str
    sign: int
    keeps_later: bool = False
    waits: bool = False


TRAINING_LOSS = Criterion("loss", -1)

# By the name that `scoring` has for it: with early stopping.
CRITERIA = {
    "loss": Criterion("validation_loss", -1, keeps_later=True, waits=True),
    "score": Criterion("validation_score", 1),
}


def update_best(state, config, row, plateau=None):
    """Compare the newest row of the history with the best so far.

    Parameters
    ----------
    state : TrainingState
        Gets `best`, `best_theta` and `n_stalled`.
    config : TrainingConfig
    row : dict
    plateau : tuple of float, default=None
        Lowest and highest validation loss of a network that has learned nothing yet, for a criterion that waits. As long as none
        was lower, epochs without improvement do not count, unless their own is higher: then the network memorises.
    """
    criterion = config.criterion
    value = row[criterion.entry]
    if not math.isfinite(value):
        gain = -math.inf  # no improvement, not even on none
    else:
        gain = math.inf if math.isnan(state.best) else criterion.sign * (value - state.best)
    if gain > 0 or (gain == 0 and criterion.keeps_later):
        state.best = value
        state.best_theta[:] = state.theta
    waits = plateau is not None and state.best >= plateau[0] and value <= plateau[1]
    state.n_stalled = 0 if gain > config.tol or waits else state.n_stalled + 1


def best_epoch(state, criterion):
    """Number of the epoch whose weights `update_best` kept, of all epochs since the first fit; None if it kept none."""
    epochs = [row["epoch"] for row in state.history if row["epoch"] > state.first_epoch and row[criterion.entry] == state.best]
    return epochs[-1 if criterion.keeps_later else 0] if epochs else None


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
