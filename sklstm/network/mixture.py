"""`GaussianMixture`: what the scores mean with which a network describes a distribution of its targets.

Such a mixture density network (Bishop 1994, "Mixture density networks", NCRG/94/004) has, for d targets and c components, the
scores (c (1 + 2 d)): c logarithms a of weights, which are softmax(a); c d means; and c d logarithms s of deviations. A deviation
is the root of exp(2 s) + LEAST_DEVIATION^2, in the units that the network was trained in: without a least deviation, the
likelihood would have no bound where targets repeat.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri, softmax

from .._kernels._losses import LEAST_DEVIATION

# Halvings of an interval that contains a quantile: more than float64 has digits.
HALVINGS = 100


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """Mixtures of normal distributions of n samples.

    Attributes
    ----------
    weights : ndarray of shape (n, c)
        Of the components; positive, and 1 in sum.
    means, deviations : ndarray of shape (n, c, d)
        Of each target within a component; targets are independent there.
    """

    weights: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    @classmethod
    def from_scores(cls, scores, n_targets, scale):
        """From scores (n, c (1 + 2 d)), trained on targets divided by `scale` (d,)."""
        n, c = len(scores), n_components(scores.shape[1], n_targets)
        log_weights, means, logs = np.split(scores.astype(np.float64), [c, c * (1 + n_targets)], axis=1)
        deviations = np.hypot(np.exp(logs.reshape(n, c, n_targets)), LEAST_DEVIATION * np.asarray(scale))
        return cls(softmax(log_weights, axis=1), means.reshape(n, c, n_targets), deviations)

    @property
    def mean(self):
        """Expected targets (n, d)."""
        return np.einsum("nc,ncd->nd", self.weights, self.means)

    def log_likelihood(self, targets):
        """Logarithms (n,) of the densities of targets (n, d), in nats."""
        z = (targets[:, np.newaxis] - self.means) / self.deviations
        logs = -(z**2 + np.log(2 * np.pi)) / 2 - np.log(self.deviations)
        with np.errstate(divide="ignore"):
            return logsumexp(np.log(self.weights) + logs.sum(axis=2), axis=1)

    def cdf(self, targets):
        """Probabilities (n, d) that each target is at most as large as these (n, d)."""
        return np.einsum("nc,ncd->nd", self.weights, ndtr((targets[:, np.newaxis] - self.means) / self.deviations))

    def quantile(self, q):
        """Quantiles (n, d) of each target, by bisection."""
        edges = self.means + ndtri(q) * self.deviations  # between the smallest and the largest of the components lies that of all
        low, high = edges.min(axis=1), edges.max(axis=1)
        for _ in range(HALVINGS):
            middle = low + (high - low) / 2
            if ((middle <= low) | (middle >= high)).all():  # no number lies between
                break
            above = self.cdf(middle) > q
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return low + (high - low) / 2

    def draw(self, uniform, normal):
        """A target (n, d) of each sample.

        Parameters
        ----------
        uniform : ndarray of shape (n,)
            Chooses a component: the first with which the sum of weights is larger.
        normal : ndarray of shape (n, d)
            Standard normal.
        """
        rows, chosen = np.arange(len(uniform)), draw_columns(self.weights, uniform)
        return self.means[rows, chosen] + self.deviations[rows, chosen] * normal

    def at_temperature(self, temperature):
        """The mixtures with weights to the power 1 / temperature, and deviations times the square root of the temperature."""
        if temperature == 0:
            weights = np.eye(self.weights.shape[1])[self.weights.argmax(axis=1)]
            return GaussianMixture(weights, self.means, np.zeros_like(self.deviations))
        with np.errstate(divide="ignore"):
            weights = softmax(np.log(self.weights / self.weights.max(axis=1, keepdims=True)) / temperature, axis=1)
        return GaussianMixture(weights, self.means, self.deviations * np.sqrt(temperature))


def draw_columns(weights, uniform):
    """The column (n,) that uniform random numbers (n,) below 1 choose in each row of weights (n, k), in proportion to these."""
    sums = weights.cumsum(axis=1)
    # The product may be rounded up to the whole sum.
    return np.minimum((sums <= uniform[:, np.newaxis] * sums[:, -1:]).sum(axis=1), weights.shape[1] - 1)


def n_components(n_scores, n_targets):
    """Number of components that have so many scores."""
    return n_scores // (1 + 2 * n_targets)


def n_scores_of(n_components, n_targets):
    return n_components * (1 + 2 * n_targets)


def first_scores(n_scores, n_targets):
    """Scores (n_scores,) to begin with: equal weights, deviations of 1, and means that tell components apart, at quantiles of a
    standard normal distribution."""
    c = n_components(n_scores, n_targets)
    scores = np.zeros(n_scores)
    scores[c : c * (1 + n_targets)] = np.repeat(ndtri((np.arange(c) + 0.5) / c), n_targets)
    return scores


def units_of_scores(scale, shift, n_scores):
    """Scale and offset (n_scores,), or floats, that take scores to those of ``scale t + shift`` for targets t."""
    if not ((scale != 1).any() or shift.any()):  # of however many targets
        return 1.0, 0.0
    d = len(scale)
    c = n_components(n_scores, d)
    ones, zeros = np.ones(c), np.zeros(c)
    scales = np.concatenate([ones, np.tile(scale, c), np.ones(c * d)])
    return scales, np.concatenate([zeros, np.tile(shift, c), np.tile(np.log(scale), c)])
