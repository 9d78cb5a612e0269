"""`Target`: what an estimator makes of y."""

from dataclasses import dataclass, field, replace
from functools import cmp_to_key
from itertools import groupby, pairwise
from math import fsum

import numpy as np

from ..network import LOSSES, apply, make_loss
from ..sequences import Sequences
from ..training import Data, clipped, weighted_moments

BLOCK = 1024  # numbers of two sequences that are compared at a time


@dataclass(frozen=True, eq=False)
class Target:
    """What an estimator makes of y.

    Attributes
    ----------
    loss : str
        Name in the table of losses.
    n_outputs : int
        Units of the head.
    targets : ndarray of shape (n_samples, width), float64
        As the loss wants them, in the units of y; samples are sequences, or with `offsets` their steps.
    weights : ndarray of shape (n_samples,)
        Sample weights times class weights.
    attributes : dict
        Fitted attributes that describe y; `_read_y` reads a later y by them.
    strata : ndarray of shape (n_sequences,) or None
        Groups whose proportions a validation split keeps.
    loss_parameters : dict
        Of the loss, other than its own.
    offsets : ndarray of int of shape (n_sequences + 1,) or None
        Where the steps of each sequence begin, if every step has a target.
    order : ndarray of int or None
        The sequences with a positive weight, in the order of training; None is that of the sequences.
    """

    loss: str
    n_outputs: int
    targets: np.ndarray
    weights: np.ndarray
    attributes: dict
    strata: np.ndarray | None = None
    loss_parameters: dict = field(default_factory=dict)
    offsets: np.ndarray | None = None
    order: np.ndarray | None = None

    @property
    def units(self):
        """How the scores follow the units of y; None if y has none."""
        return LOSSES[self.loss].units

    def make_loss(self, scaling):
        """The loss to train with, for targets in standard units."""
        return make_loss(self.loss, **self.loss_parameters, **scaling.loss_parameters())

    def make_plain_loss(self, scaling):
        """The loss to compare fits by: without label smoothing."""
        parameters = {name: value for name, value in self.loss_parameters.items() if name != "smoothing"}
        return make_loss(self.loss, **parameters, **scaling.loss_parameters())

    def with_loss_of(self, other):
        """This target with the loss of another."""
        return replace(self, loss=other.loss, loss_parameters=other.loss_parameters)

    def weighted_targets(self):
        """Targets (n, width) with a positive weight, and those weights (n,)."""
        weighted = self.weighted_samples()
        return self.targets[weighted], self.weights[weighted]

    def moments(self):
        """What the targets are standardised by: their moments, for an output with a robust loss without far outliers."""
        y, weights = self.weighted_targets()
        is_robust = np.isfinite(self.loss_parameters.get("deltas", np.inf))
        return weighted_moments(np.where(is_robust, clipped(y, weights), y) if np.any(is_robust) else y, weights)

    def over_steps(self, left_out, offsets, form):
        """This target, made of the steps that are not left out, for all steps: those have the weight 0.

        To a loss of whole sequences it makes a difference whether a step has a label: those without have the target -1.
        """
        unlabelled = -1 if LOSSES[self.loss].is_structured else 0
        targets, weights = self.targets.copy(), self.weights
        if left_out.any():
            targets, weights = np.zeros((len(left_out), targets.shape[1])), np.zeros(len(left_out))
            targets[~left_out], weights[~left_out] = self.targets, self.weights
        targets[weights == 0] = unlabelled  # what a step of weight 0 holds is not to overflow either
        attributes = self.attributes | {"_y_format": form}
        return replace(self, targets=targets, weights=weights, strata=None, offsets=offsets, attributes=attributes)

    @property
    def sequence_weights(self):
        """Weight of each sequence: for targets of steps, the mean over those with a weight."""
        if self.offsets is None:
            return self.weights
        totals, counts = (np.add.reduceat(x, self.offsets[:-1]) for x in (self.weights, (self.weights > 0).astype(float)))
        return np.divide(totals, counts, out=np.zeros(len(totals)), where=counts > 0)

    @property
    def n_weighted(self):
        """Number of targets with a positive weight."""
        return int(np.count_nonzero(self.weights > 0))

    def weighted_rows(self):
        """Sequences with a positive weight; raises a ValueError if there is none.

        A sequence of weight 0 is ignored, also in the statistics and in the size of the minibatches.
        """
        if self.order is not None:
            return self.order
        rows = np.flatnonzero(self.sequence_weights > 0)
        if len(rows) == 0:
            raise ValueError(
                "sample_weight and class_weight exclude all samples: all weights are zero. At least one must be positive."
            )
        return rows

    def weighted_samples(self):
        """Mask of the targets with a positive weight, or with an order their places in it."""
        if self.order is None:
            return self.weights > 0
        if self.offsets is None:
            return self.order
        places = np.concatenate([np.arange(self.offsets[row], self.offsets[row + 1]) for row in self.order])
        return places[self.weights[places] > 0]

    def only(self, rows):
        """This target for the sequences `rows`: the others have the weight 0, and targets that do not overflow."""
        if len(rows) == len(self.sequence_weights):
            return self
        kept = np.zeros(len(self.sequence_weights), dtype=bool)
        kept[rows] = True
        if self.offsets is not None:
            kept = np.repeat(kept, np.diff(self.offsets))
        return replace(self, targets=np.where(kept[:, np.newaxis], self.targets, 0.0), weights=np.where(kept, self.weights, 0.0))

    def take(self, sequences, rows):
        """Copies of some sequences and of their part of the target; no copies where they are all."""
        if len(rows) == len(sequences):
            return sequences, self
        chosen = sequences[rows]
        if self.offsets is None:
            return chosen, replace(self, targets=self.targets[rows], weights=self.weights[rows], strata=None)
        targets = Sequences(self.targets, self.offsets)[rows]
        weights = Sequences(self.weights[:, np.newaxis], self.offsets)[rows].values[:, 0]
        return chosen, replace(self, targets=targets.values, weights=weights, strata=None, offsets=targets.offsets)

    def merged(self, sequences):
        """This target with equal sequences of equal targets merged: the first has the sum of their weights, the others have 0.

        The rows are then ordered by their numbers. Where a minibatch holds all of them, a fit has the same bits whether sequences
        are repeated or weighted, and in whichever order they are. Nothing less keeps such fits together: training at a high rate
        can multiply a difference in the last bits by 2 per step (measured: from 1e-16 to 1e-1 in 100 steps, while the loss of
        memorised sequences falls and spikes). The weights are summed with a single rounding.
        """
        ends = range(len(sequences) + 1) if self.offsets is None else self.offsets.tolist()
        samples = [slice(*bounds) for bounds in pairwise(ends)]
        bounds, before, keys = sequences.offsets.tolist(), cmp_to_key(_compare), {}
        static = [()] * len(sequences) if sequences.static is None else sequences.static.tolist()
        for row in self.weighted_rows().tolist():
            numbers = sequences.values[bounds[row] : bounds[row + 1]].ravel()
            if np.isnan(numbers).any():
                numbers = np.where(np.isnan(numbers), -np.inf, numbers)  # which is equal to itself, and no value
            keys[row] = numbers[:4].tolist(), before(numbers), before(self.targets[samples[row]].ravel()), static[row]
        groups = [list(group) for _, group in groupby(sorted(keys, key=keys.__getitem__), keys.__getitem__)]
        weights = self.weights.copy()
        for first, *others in groups:
            for row in others:
                weights[samples[row]] = 0
            if others:
                parts = (self.weights[samples[row]] for row in (first, *others))
                weights[samples[first]] = [fsum(part) for part in zip(*parts, strict=True)]
        return replace(self, weights=weights, order=np.array([group[0] for group in groups]))

    def score(self, data, scores, scaling, chain=None):
        """Score of the network's outputs for the targets of `data`, both in standard units; more is better.

        `chain` is that of the scores of a network with a structure.
        """
        loss, targets, weights = LOSSES[self.loss], data.targets, data.weights
        if loss.decide:
            targets = targets[:, 0].astype(np.intp) if loss.contrast else targets
            if chain is None:
                return loss.score(targets, loss.decide(scores), weights, self.loss_parameters)
            predicted = make_loss(self.loss, **self.loss_parameters).value_and_gradient.paths(scores, chain)
            return loss.score(targets, predicted, weights, self.loss_parameters)
        used = weights > 0
        if loss.distribution:
            distribution = loss.distribution.from_scores(scores[used], targets.shape[1], 1.0)
            score = loss.score(targets[used], distribution, weights[used], self.loss_parameters)
            return score - float(np.log(scaling.target_scale).sum())  # in the units of y
        if np.count_nonzero(used) < 2:
            return np.nan  # the variance of a single target is 0
        return loss.score(targets[used], loss.inverse_link(scores[used]), weights[used], self.loss_parameters)

    def scores(self, network, theta, sequences, rows, scaling, n_threads):
        """Outputs, in the units of the data, of a network whose parameters are in those of the data, for the sequences `rows`."""
        return apply(network, theta, sequences if len(rows) == len(sequences) else sequences[rows], n_threads=n_threads)

    def data(self, sequences, scaling):
        """`Data` to train or validate on, those sequences that have a weight, in the dtype of all."""
        dtype = sequences.values.dtype
        return Data(
            sequences,
            scaling.to_scores(self.targets).astype(dtype),
            self.weights,
            scaling.shift.astype(dtype),
            scaling.factor.astype(dtype),
            self.weighted_rows(),
            per_step=self.offsets is not None,
            static_shift=scaling.static_shift.astype(dtype),
            static_factor=scaling.static_factor.astype(dtype),
        )


def _compare(a, b):
    """Negative, 0 or positive as the numbers of a come before, with or after those of b; the shorter one first if all agree."""
    for first in range(0, min(len(a), len(b)), BLOCK):
        x, y = a[first : first + BLOCK], b[first : first + BLOCK]
        n = min(len(x), len(y))
        differing = np.flatnonzero(x[:n] != y[:n])
        if len(differing):
            return -1 if x[differing[0]] < y[differing[0]] else 1
    return len(a) - len(b)
