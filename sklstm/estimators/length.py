"""How long a fit is to be, and how sure of its predictions the network: chosen on held-out sequences."""

import numpy as np

from ..network import LOSSES
from ..training import LengthSearch, fit_temperature
from .solvers import FRACTIONS
from .splitting import SEEDS, hold_out


def calibrates(estimator, inputs):
    """Whether a temperature is fitted where there are held-out sequences: to scores that mean probabilities, if it is "auto"."""
    return LOSSES[inputs.spec["loss"]].decide is not None and isinstance(estimator.temperature, str)


def choose_length(estimator, inputs, optimizer, state, config, report):
    """Set the number of epochs of a fit, and its temperature, by fits on a part of the sequences; none where groups leave none.

    Parameters
    ----------
    estimator : BaseRecurrent
    inputs : FitInputs
    optimizer : Optimizer
    state : TrainingState
        Initial state of the fit, which gets `max_iter`, `trials` and `temperature`, and other initial weights where those that
        it has led nowhere; its generator is drawn from.
    config : TrainingConfig
        Of the longest fit.
    report : callable
        As in `LengthSearch.run`.
    """
    parts = _parts(inputs, state.rng)
    if parts is None:
        return
    search = LengthSearch(
        network=inputs.network,
        loss=inputs.target.make_loss(inputs.scaling),
        plain_loss=inputs.target.make_plain_loss(inputs.scaling),
        training=parts[0],
        held_out=parts[1],
        n_samples=len(inputs.data),
        config=config,
        fractions=FRACTIONS,
        calibrates=calibrates(estimator, inputs),
        tied=estimator._tied(len(inputs.data)),
    )
    state.max_iter, temperature, state.trials, is_stuck = search.run(optimizer, state, int(state.rng.integers(SEEDS)), report)
    if is_stuck:  # what was found out is about that start
        state.theta, state.max_iter, temperature = inputs.initial_theta(estimator, state.rng), config.max_iter, 1.0
    if search.calibrates:
        state.temperature = temperature


def validated_temperature(inputs, state, n_threads):
    """The temperature that suits the validation data."""
    data = inputs.validation.data
    scores, chain = data.scores(inputs.network, state.theta, n_threads), data.chain(inputs.network, state.theta)
    if not np.isfinite(scores).all():
        return 1.0
    return fit_temperature(inputs.validation.loss, scores, data.targets, data.weights, chain=chain)


def _parts(inputs, rng):
    """Data to train on and to compare on; None where groups leave none."""
    data = inputs.data
    if inputs.validation is not None:  # from the user
        return data, inputs.validation.data
    has_classes = LOSSES[inputs.spec["loss"]].contrast is not None and not data.per_step
    strata = data.targets[data.rows, 0] if has_classes else None
    groups = None if inputs.groups is None else inputs.groups[data.rows]
    parts = hold_out(data.rows, strata, groups, rng)
    return None if parts is None else (data.only(parts[0]), data.take(parts[1]))
