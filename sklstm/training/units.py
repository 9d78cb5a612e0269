"""Training in standard units, whatever those of the data are."""

from dataclasses import dataclass

import numpy as np

from ..network import rescale
from .moments import merge_moments, standard_deviation, weighted_moments


@dataclass(frozen=True, eq=False)
class Units:
    """The affine maps between the units of the data and those the network is trained in.

    Attributes
    ----------
    shift, factor : ndarray of shape (n_channels,)
        A channel enters the network as ``(x - shift) * factor``; a constant channel has the factor 0, which leaves it
        out.
    target_shift, target_scale : ndarray of shape (n_outputs,)
        A target is ``target_scale * score + target_shift``.
    """

    shift: np.ndarray
    factor: np.ndarray
    target_shift: np.ndarray
    target_scale: np.ndarray

    @classmethod
    def from_moments(cls, moments, n_channels, n_outputs):
        """From ``{"x": moments or None, "y": moments or None}``; None leaves the units as they are."""
        shift, factor = np.zeros(n_channels), np.ones(n_channels)
        if moments["x"] is not None:
            deviation = standard_deviation(moments["x"])
            shift, factor = moments["x"]["mean"], np.divide(1, deviation, out=np.zeros(n_channels), where=deviation > 0)
        target_shift, target_scale = np.zeros(n_outputs), np.ones(n_outputs)
        if moments["y"] is not None:
            deviation = standard_deviation(moments["y"])
            target_shift, target_scale = moments["y"]["mean"], np.where(deviation > 0, deviation, 1.0)
        return cls(shift, factor, target_shift, target_scale)

    def to_scores(self, targets):
        """Targets in the units of the head's scores."""
        return (targets - self.target_shift) / self.target_scale

    def folded(self, network, theta):
        """Parameters of the network that takes and answers the units of the data."""
        return rescale(network, theta, self.factor, -self.shift * self.factor, self.target_scale, self.target_shift)

    def carried_over(self, network, theta, new):
        """Parameters that compute in `new` units what theta computes in these.

        A channel that was left out here keeps its initial weights: what it will mean, training has to find out.
        """
        known = self.factor > 0
        scale = np.ones_like(self.factor)
        np.divide(self.factor, new.factor, out=scale, where=known)
        offset = np.where(known, (new.shift - self.shift) * self.factor, 0.0)
        target_scale = self.target_scale / new.target_scale
        target_offset = (self.target_shift - new.target_shift) / new.target_scale
        return rescale(network, theta, scale, offset, target_scale, target_offset)


def updated_moments(known, key, values, weights):
    """Moments of the new rows, merged into ``known[key]`` if there are any before them."""
    fresh = weighted_moments(values, weights)
    return fresh if known is None else merge_moments(known[key], fresh)
