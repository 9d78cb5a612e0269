"""`SeriesTarget`: what the network of a detector predicts of the channels of X itself, some of which may be missing."""

from dataclasses import replace

import numpy as np

from ..network import LOSSES
from ..sequences.refusals import refused_as
from ..sequences.step_targets import read_step_weights
from ..training import clipped, robust_ratios, weighted_moments
from .target import Target

WEIGHTS = "one weight for each sequence, or a list of arrays or Sequences with one for each step."
UNSEEN = {"weight": 0.0} | {name: np.zeros(1) for name in ("mean", "deviation", "low", "high")}


class SeriesTarget(Target):
    """A `Target` for every step, whose outputs are NaN where there is nothing to predict."""

    def columns(self):
        """Of each output, the targets (n,) that are there and have a positive weight, and the weights."""
        targets, weights = self.weighted_targets()
        for column in targets.T:
            is_there = ~np.isnan(column)
            yield column[is_there], weights[is_there]

    def predicted_steps(self):
        """Which steps (total_steps,) have a value that is predicted from the step before, and a weight."""
        n_channels = len(self.attributes["_channels"])
        is_predicted = np.zeros(len(self.targets), dtype=bool)
        is_predicted[1:] = ~np.isnan(self.targets[:-1, :n_channels]).all(axis=1)
        return is_predicted

    def with_deltas(self, huber_delta, standardize):
        """This target with the deltas of a robust loss: `huber_delta` in robust standard deviations of each output."""
        if not LOSSES[self.loss].is_robust:
            return self
        ratios = [robust_ratios(y[:, np.newaxis], w)[0] if standardize and len(y) else 1.0 for y, w in self.columns()]
        return replace(self, loss_parameters={"deltas": [float(huber_delta * ratio) for ratio in ratios]})

    def moments(self):
        is_robust = LOSSES[self.loss].is_robust
        parts = []
        for y, weights in self.columns():
            y = y[:, np.newaxis]
            parts.append(weighted_moments(clipped(y, weights) if is_robust else y, weights) if len(y) else UNSEEN)
        return {name: np.hstack([part[name] for part in parts]) for name in UNSEEN}

    def merged(self, sequences):
        missing = np.isnan(self.targets)
        comparable = replace(self, targets=np.where(missing, -np.inf, self.targets))
        merged = Target.merged(comparable, sequences)
        return replace(merged, targets=self.targets)

    def score(self, data, scores, scaling, chain=None):
        used = data.weights > 0
        return explained(data.targets[used], scores[used])


def of_channels(values, channels):
    """Some columns of values (n, n_columns); no copy where they are all."""
    return values if len(channels) == values.shape[1] else values[:, channels]


def explained(targets, predicted):
    """Share of the absolute deviation from the median that predictions explain, the mean over the columns; NaN without any.

    Parameters
    ----------
    targets, predicted : ndarray of shape (n, n_columns)
        NaN in either is left out.
    """
    shares = []
    for y, of_y in zip(targets.T, predicted.T, strict=True):
        is_there = ~(np.isnan(y) | np.isnan(of_y))
        y, of_y = y[is_there].astype(np.float64), of_y[is_there].astype(np.float64)
        total = np.abs(y - np.median(y)).sum() if len(y) else 0.0
        if total > 0:
            shares.append(1 - np.abs(y - of_y).sum() / total)
    return float(np.mean(shares)) if shares else np.nan


@refused_as("sample_weight", WEIGHTS)
def read_weights(sample_weight, sequences):
    """The weights (total_steps,) of steps, from one for each sequence or each step."""
    if getattr(sample_weight, "ndim", 1) > 1:
        raise ValueError(
            f"sample_weight has shape {sample_weight.shape}. Expected {WEIGHTS} Pass list(sample_weight) for weights of steps."
        )
    return read_step_weights(sample_weight, sequences)


def weighted_values(sample_weight, sequences, channels):
    """Values (total_steps, n_channels) of some channels, NaN at steps without a weight, and the weights (total_steps,)."""
    weights = read_weights(sample_weight, sequences)
    return np.where(weights[:, np.newaxis] > 0, sequences.values[:, channels].astype(np.float64), np.nan), weights


def next_steps(estimator, sample_weight, sequences, channels):
    """The target at each step: the numeric channels of the next `horizon` steps, and the mean weight of those.

    Parameters
    ----------
    estimator : LSTMOutlierDetector
    sample_weight
        As `fit` got it; a step of weight 0 is not predicted.
    sequences : Sequences
    channels : list of int
        The channels to predict.

    Returns
    -------
    SeriesTarget
        With the outputs (horizon, n_channels) of each step in one row.

    Raises
    ------
    ValueError
        If a weight is invalid, or if no sequence is longer than the horizon.
    """
    x, weights = weighted_values(sample_weight, sequences, channels)
    horizon, longest = estimator.horizon, int(sequences.lengths.max())
    if 1 < longest <= horizon:
        raise ValueError(
            f"horizon={horizon} needs a sequence of more than {horizon} steps, but the longest has {longest}. Set a smaller"
            " horizon, or pass longer sequences."
        )
    to_come = np.repeat(sequences.offsets[1:], sequences.lengths) - np.arange(len(x))  # steps, this one included
    targets = np.full((len(x), horizon, len(channels)), np.nan)
    totals, counts = np.zeros(len(x)), np.zeros(len(x))
    for k in range(min(horizon, len(x) - 1)):
        lead = k + 1
        targets[:-lead, k] = x[lead:]
        targets[to_come <= lead, k] = np.nan
        is_there = ~np.isnan(targets[:-lead, k]).all(axis=1)
        totals[:-lead] += np.where(is_there, weights[lead:], 0.0)
        counts[:-lead] += is_there
    return SeriesTarget(
        loss=estimator.loss,
        n_outputs=horizon * len(channels),
        targets=targets.reshape(len(x), -1),
        weights=np.divide(totals, counts, out=np.zeros(len(x)), where=counts > 0),
        attributes={"_channels": list(channels)},
        offsets=sequences.offsets,
    )
