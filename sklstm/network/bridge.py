"""The bridge from the last states of an encoder to the first states of a decoder."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _bridge, _dense
from .workspace import aligned_empty


@dataclass(frozen=True)
class Bridge:
    """Spec of the affine maps from the end states of a layer of the encoder to the first states of one of the decoder.

    Parameters
    ----------
    n_directions : int
        Of the encoder's layer.
    hidden_size : int
        H, units of either layer, per direction.
    states : tuple of str
        Of "h" and "c".

    Notes
    -----
    Parameters of each state: ``Wh`` and ``Wc`` (n_directions H, H), ``bh`` and ``bc`` (H,).
    """

    n_directions: int
    hidden_size: int
    states: tuple

    def param_shapes(self):
        H = self.hidden_size
        return {name: shape for s in self.states for name, shape in ((f"W{s}", (self.n_directions * H, H)), (f"b{s}", (H,)))}

    def initialize(self, p, rng):
        """A decoder begins with the mean of the states in which the directions end."""
        for state in self.states:
            p[f"W{state}"][...] = np.tile(np.eye(self.hidden_size) / self.n_directions, (self.n_directions, 1))
            p[f"b{state}"][...] = 0

    def bind(self, theta, p, source, target, d_ends):
        """List of the stages of a bridge.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
        p : dict of str to ndarray
            Parameters, views of theta.
        source : Layer
            Stage of the encoder's layer.
        target : workspace
            Of the decoder's layer.
        d_ends : list of dict of str to ndarray
            For each direction gradients of the end states, as in `RecurrentLayer.bind`.
        """
        stages, (n, H), width = [], target.dh.shape, self.n_directions * self.hidden_size
        firsts, gradients = (target.h0[0], target.c0[0]), (target.dh, target.dc)
        for k, state in enumerate(self.states):
            scratch = aligned_empty((_dense.scratch_size(n, width, H, theta.itemsize),), theta.dtype)
            ends, dends = (aligned_empty((n, width), theta.dtype) for _ in range(2))
            own = [one[f"d{state}_end"] for one in d_ends]
            p_state = p[f"W{state}"], p[f"b{state}"]
            stages.append(_bridge.Bridge(theta, source, k, *p_state, ends, dends, firsts[k], gradients[k], own, scratch))
        return stages
