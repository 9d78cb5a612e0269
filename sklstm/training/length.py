"""How long to train: lengths of the whole schedule compared on held-out sequences, before the network is trained on all."""

from dataclasses import dataclass, replace

import numpy as np

from ..network import apply
from .calibration import fit_temperature
from .loop import train

# Differences between lengths are judged by those of so many parts of the held-out sequences at most.
BLOCKS = 25
# A longer schedule is taken unless its loss is higher than the lowest by more than so many standard errors, and none longer than
# it is tried once that is sure.
TIED, SURELY_WORSE = 1.0, 2.0


@dataclass(frozen=True, eq=False)
class Fold:
    """Sequences to train on, and others to validate on.

    Attributes
    ----------
    training, held_out : Data
        `held_out` has no sequences but those that are validated on.
    """

    training: object
    held_out: object


@dataclass(frozen=True)
class Length:
    """The outcome of a comparison.

    Attributes
    ----------
    max_iter : int
        Epochs of the fit on all sequences.
    temperature : float
        What the scores of the network are to be divided by.
    results : dict of str to list
        For each length that was tried: "max_iter", the mean "loss" on held-out sequences, its "standard_error" and the
        "temperature".
    """

    max_iter: int
    temperature: float
    results: dict


def choose_length(network, losses, optimizer, state, folds, config, fractions, *, calibrates, seed):
    """Compare fits of several lengths, the shortest first, on held-out sequences.

    Every fit begins at the same weights as the one that is to follow, and has a whole schedule of its own, because it is a
    network at the end of its schedule that will be used. For classes the losses compared are those after calibration: a network
    that is only too sure of itself has not been trained for too long.

    Parameters
    ----------
    network : Network
    losses : tuple of (Loss, Loss, str)
        To train with, to compare by, and the name of the latter.
    optimizer : Optimizer
    state : TrainingState
        What each fit begins with; not changed.
    folds : list of Fold
        Whose losses are pooled.
    config : TrainingConfig
        Of the longest fit on all sequences.
    fractions : list of float
        Lengths in ascending order, as fractions of the longest; the last is 1.
    calibrates : bool
        Whether the scores are divided by a temperature, which is fitted on all held-out sequences.
    seed : int
        Of the fits.

    Returns
    -------
    Length
    """
    training_loss, plain_loss, name = losses
    targets = np.concatenate([fold.held_out.targets for fold in folds])
    weights = np.concatenate([fold.held_out.weights for fold in folds])
    blocks = _blocks([fold.held_out for fold in folds])
    tried = []
    for fraction in fractions:
        scores = [
            _held_out_scores(network, training_loss, optimizer, state, fold, _config(config, fraction, fold), [seed, k])
            for k, fold in enumerate(folds)
        ]
        scores = np.concatenate(scores)
        temperature = fit_temperature(name, scores, targets, weights) if calibrates and np.isfinite(scores).all() else 1.0
        tried.append((_losses(plain_loss, scores / temperature, targets, weights, blocks), temperature))
        if _excess(tried[-1][0], _best(tried)[0]) > SURELY_WORSE:
            break
    best = _best(tried)
    chosen = max(k for k, (values, _) in enumerate(tried) if k == tried.index(best) or _excess(values, best[0]) <= TIED)
    chosen = max(chosen, tried.index(best))
    lengths = [max(1, round(config.max_iter * fraction)) for fraction in fractions[: len(tried)]]
    results = {
        "max_iter": lengths,
        "loss": [float(values.sum()) for values, _ in tried],
        "standard_error": [float(_error(values)) for values, _ in tried],
        "temperature": [temperature for _, temperature in tried],
    }
    return Length(lengths[chosen], tried[chosen][1], results)
