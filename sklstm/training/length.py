"""How long to train: schedules of several lengths compared on held-out sequences, before the network is trained on all."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..network import Network
from ..network.losses import Loss
from .calibration import fit_temperature
from .config import TrainingConfig
from .data import Data
from .loop import train
from .outcome import stuck_losses

# The standard error of a difference between two lengths is that of its parts for so many blocks of sequences at most.
BLOCKS = 25
# None that is longer is tried once a length is worse than the best by so many standard errors.
SURELY_WORSE = 2.0


@dataclass(frozen=True, eq=False)
class LengthSearch:
    """Fits of several lengths that are to be compared.

    Every fit begins at the same weights as the one that is to follow, and has a whole schedule of its own, because it is a
    network at the end of its schedule that will be used. For classes the losses compared are those after calibration: a network
    that is only too sure of itself has not been trained for too long.

    Attributes
    ----------
    network : Network
    loss : Loss
        To train with.
    plain_loss : Loss
        To compare by.
    training, held_out : Data
        Sequences to train on, and others to compare on.
    n_samples : int
        Number of all sequences.
    config : TrainingConfig
        Of the longest fit, on all of them.
    fractions : tuple of float
        Lengths in ascending order as fractions of that.
    calibrates : bool
        Whether scores are divided by a temperature, which is fitted to all held-out sequences.
    tied : float
        A longer schedule is taken unless its loss is higher than the lowest by more than so many standard errors.
    """

    network: Network
    loss: Loss
    plain_loss: Loss
    training: Data
    held_out: Data
    n_samples: int
    config: TrainingConfig
    fractions: tuple
    calibrates: bool
    tied: float

    def run(self, optimizer, state, seed, report=None):
        """Train and compare.

        Parameters
        ----------
        optimizer : Optimizer
        state : TrainingState
            What each fit begins with; not changed.
        seed : int
            Of the order of the minibatches, and of dropout.
        report : callable, default=None
            ``report(max_iter, loss)``: called with each length when it has been tried.

        Returns
        -------
        max_iter : int
            Epochs that the fit on all sequences is to have.
        temperature : float
        trials : list of dict of str to number
            For each length that was tried: its "max_iter", the mean "loss" on held-out sequences, and the "temperature".
        is_stuck : bool
            Whether the longest fit has learned nothing from X, so that another start may do better.
        """
        comparison = _Comparison.of(self.held_out, self.plain_loss)
        tried = []
        for fraction in self.fractions:
            max_iter = max(1, round(self.config.max_iter * fraction))
            fitted, config = self._fitted(optimizer, state, max_iter, seed)
            with np.errstate(over="ignore", invalid="ignore"):
                scores = self.held_out.scores(self.network, fitted.theta, config.n_threads)
            chain = self.held_out.chain(self.network, fitted.theta)
            tried.append(comparison.judged(max_iter, scores, self.calibrates, chain))
            if report is not None:
                report(max_iter, tried[-1].loss)
            if comparison.excess(tried[-1], min(tried, key=_loss)) > SURELY_WORSE:
                break
        best = min(tried, key=_loss)
        chosen = [one for one in tried[tried.index(best) :] if one is best or comparison.excess(one, best) <= self.tied][-1]
        names = ("max_iter", "loss", "temperature")
        trials = [{name: getattr(one, name) for name in names} for one in tried]
        is_stuck = len(tried) == len(self.fractions) and (
            stuck_losses(self.network, self.loss, fitted, self.training, config) is not None
        )
        return chosen.max_iter, chosen.temperature, trials, is_stuck

    def _fitted(self, optimizer, state, max_iter, seed):
        """State and configuration of a fit with as many steps as `max_iter` epochs of all sequences have."""
        batch_size, n_epochs = self.config.batch_size, max_iter
        if not optimizer.needs_all_samples:
            n_steps = max_iter * -(-self.n_samples // batch_size)
            n_epochs = max(1, round(n_steps / -(-len(self.training) // batch_size)))
        config = replace(self.config, max_iter=n_epochs, early_stopping=False, warn_unconverged=False)
        state = state.copy()
        state.rng = np.random.default_rng(seed)
        train(self.network, self.loss, optimizer, state, self.training, config)
        return state, config


@dataclass(frozen=True, eq=False)
class _Tried:
    """A length, and the losses of the blocks of held-out sequences as shares of the mean loss."""

    max_iter: int
    losses: np.ndarray
    temperature: float

    @property
    def loss(self):
        return float(self.losses.sum())


def _loss(tried):
    return tried.loss if np.isfinite(tried.loss) else np.inf


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Held-out samples on which lengths are compared, cut into blocks of whole sequences.

    `blocks` are slices of the samples, `rows` of the sequences.
    """

    loss: Loss
    targets: np.ndarray
    weights: np.ndarray
    blocks: list
    rows: list | None = None

    @classmethod
    def of(cls, data, loss):
        ends = data.ends
        stops = np.ceil(np.linspace(0, len(ends), min(len(ends), BLOCKS) + 1)[1:]).astype(int)
        edges = pairwise(np.r_[0, ends[stops - 1]]), pairwise(np.r_[0, stops])
        return cls(loss, data.targets, data.weights, *([slice(*edge) for edge in of_each] for of_each in edges))

    def judged(self, max_iter, scores, calibrates, chain=None):
        """A length by the scores of its fits; with `calibrates` after a temperature is fitted."""
        temperature = 1.0
        if calibrates and np.isfinite(scores).all():
            temperature = fit_temperature(self.loss, scores, self.targets, self.weights, chain=chain)
        scores = scores / scores.dtype.type(temperature)
        chains = [None] * len(self.blocks)
        if chain is not None:
            chains = [chain.divided_by(temperature).of(rows) for rows in self.rows]
        value, total = self.loss.value_and_gradient, float(self.weights.sum())
        with np.errstate(over="ignore", invalid="ignore"):
            losses = [
                value(scores[block], self.targets[block], self.weights[block], total, np.empty_like(scores[block]), part) / total
                for block, part in zip(self.blocks, chains, strict=True)
            ]
        return _Tried(max_iter, np.array(losses), temperature)

    def excess(self, tried, best):
        """By how many standard errors the loss of a length is higher than that of another."""
        differences = tried.losses - best.losses
        if not np.isfinite(differences).all():
            return 0.0 if tried is best else np.inf
        error = differences.std(ddof=1) * np.sqrt(len(differences)) if len(differences) > 1 else 0.0
        total = differences.sum()
        return total / error if error > 0 else np.inf if total > 0 else 0.0
