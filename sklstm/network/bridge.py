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
    sizes : tuple of int
        Widths of h and, where the cell has one, c of either layer, per direction.

    Notes
    -----
    Parameters of each state: ``Wh`` and ``Wc`` (n_directions * size, size), ``bh`` and ``bc`` (size,).
    """

    n_directions: int
    sizes: tuple

    def param_shapes(self):
        states = zip("hc", self.sizes, strict=False)
        return {name: shape for s, H in states for name, shape in ((f"W{s}", (self.n_directions * H, H)), (f"b{s}", (H,)))}

    def initialize(self, p, rng):
        """A decoder begins with the mean of the states in which the directions end."""
        for state, size in zip("hc", self.sizes, strict=False):
            p[f"W{state}"][...] = np.tile(np.eye(size) / self.n_directions, (self.n_directions, 1))
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
        stages, n = [], len(target.dh)
        firsts, gradients = (target.h0[0], target.c0[0]), (target.dh, target.dc)
        for k, (state, H) in enumerate(zip("hc", self.sizes, strict=False)):
            width = self.n_directions * H
            scratch = aligned_empty((_dense.scratch_size(n, width, H, theta.itemsize),), theta.dtype)
            ends, dends = (aligned_empty((n, width), theta.dtype) for _ in range(2))
            own = [one[f"d{state}_end"] for one in d_ends]
            p_state = p[f"W{state}"], p[f"b{state}"]
            stages.append(_bridge.Bridge(theta, source, k, *p_state, ends, dends, firsts[k], gradients[k], own, scratch))
        return stages
