"""Whether a fit has learned anything from X: its training loss beside that of the best constant, and what to try otherwise."""

import math
from dataclasses import dataclass

import numpy as np

from .._kernels import _optim
from ..network import Network
from .validation import loss_of_best_constant

# A fit has learned something when its training loss is lower than that of the best constant by this share.
CLEARLY = 0.01
# Steps of the optimiser, or iterations of L-BFGS that has not converged, after which a fit should have.
ENOUGH_STEPS = 200
# The penalty is to blame when recurrent weights have less than this share of the norm that they begin with. Measured: up to 0.03
# in fits that a penalty had taken to the level of a constant, above 1 in slow fits without a penalty.
SHRUNK = 0.5


@dataclass(frozen=True)
class Stuck:
    """A fit that ended at the level of a constant.

    Attributes
    ----------
    network : Network
    alpha : float
        Strength of the penalty, or of the weight decay.
    has_rate : bool
        Whether the optimiser has a learning rate.
    is_shrunk : bool
        Whether the penalty has shrunk the weights.
    is_robust : bool
        Whether the loss pays little attention to targets that are far from the others.
    """

    network: Network
    alpha: float
    has_rate: bool
    is_shrunk: bool
    is_robust: bool


# What to try, in the order in which it is worth trying, and for which fits.
REMEDIES = (
    ("a smaller alpha (it is {alpha:g})", lambda stuck: stuck.is_shrunk),
    ('loss="squared_error"', lambda stuck: stuck.is_robust and not stuck.is_shrunk),
    ('cell="gru"', lambda stuck: not stuck.network.cell.startswith("gru")),
    ('pooling=("last", "max")', lambda stuck: stuck.network.poolings == ("last",)),
    ("another random_state", lambda stuck: True),
    ("a lower learning_rate_init", lambda stuck: stuck.has_rate),
)


def learned_nothing(network, loss, optimizer, state, data, config):
    """What to tell the user of a whole fit that ended at the level of a constant: a list of one text, or of none.

    Parameters
    ----------
    network : Network
    loss : Loss
    optimizer : Optimizer
    state : TrainingState
        With the weights that the fit ends with.
    data : Data
    config : TrainingConfig

    Returns
    -------
    list of str

    Notes
    -----
    The loss of the last epoch, which dropout, the penalty and the change of the weights raise, says that most fits have learned
    something; the others are evaluated on all training data.
    """
    losses = stuck_losses(network, loss, state, data, config) if _is_whole(optimizer, state, data, config) else None
    if losses is None:
        return []
    mean, level = losses
    alpha = optimizer.weight_decay or config.alpha
    is_shrunk = alpha > 0 and _recurrent_norm(network, state.theta) < SHRUNK
    stuck = Stuck(network, alpha, not optimizer.needs_all_samples, is_shrunk, loss.is_robust)
    remedies = [text.format(alpha=alpha) for text, applies in REMEDIES if applies(stuck)]
    blame = " The penalty has shrunk the weights." if stuck.is_shrunk else ""
    return [
        f"The network has learned nothing from X: its training loss is {mean:.4g}, and that of the best constant {level:.4g}."
        f"{blame} Try, in this order, {', '.join(remedies)}. If nothing helps, y may not depend on X."
    ]


def stuck_losses(network, loss, state, data, config):
    """The training loss, and that of the best constant, where it is not clearly lower than that; else None."""
    level = _level(network, loss, data)
    highest = (1 - CLEARLY) * level
    size = sum(map(_optim.sum_of_squares, network.penalized(state.theta)))
    if not level > config.tol or not state.history or state.history[-1]["loss"] - 0.5 * config.alpha * size < highest:
        return None
    mean = _training_loss(network, loss, state, data, config)
    return (mean, level) if mean >= highest else None


def _level(network, loss, data):
    """Mean loss of the best constant."""
    used = data.weights > 0 if not loss.is_structured else slice(None)
    targets, weights = data.targets[used], data.weights[used]
    with np.errstate(over="ignore", invalid="ignore"):
        return float(loss_of_best_constant(network, loss, data, targets, weights, data.sequences.lengths))


def _training_loss(network, loss, state, data, config):
    """Mean loss of the trained network, without dropout and penalty."""
    total_weight = float(data.weights.sum())
    with np.errstate(over="ignore", invalid="ignore"):
        scores, chain = data.scores(network, state.theta, config.n_threads), data.chain(network, state.theta)
    dscores = np.empty_like(scores)
    return loss.value_and_gradient(scores, data.targets, data.weights, total_weight, dscores, chain) / total_weight


def _recurrent_norm(network, theta):
    """Norm of all R over that with which they begin, when rows have the norm 1 in each block of H columns."""
    views = network.layout.views(theta)
    parts = {name: R for name, R in views.items() if name.endswith(".R")}
    n_rows = sum(R.size // len(views.get(f"{name[:-1]}P", R)) for name, R in parts.items())  # of all blocks
    return math.sqrt(sum(float(np.vdot(R, R)) for R in parts.values()) / n_rows)


def _is_whole(optimizer, state, data, config):
    """Whether a fit has had the steps that it was to have, and enough of them."""
    n_epochs = state.n_epochs - state.first_epoch
    if not config.warn_unconverged or not (state.done or n_epochs >= config.max_iter):
        return False
    if state.trials:  # fits of every length that was worth trying
        return True
    if optimizer.needs_all_samples:
        return state.done or n_epochs >= ENOUGH_STEPS
    return n_epochs * -(-len(data) // config.batch_size) >= ENOUGH_STEPS
