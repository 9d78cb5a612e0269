"""What stands between an encoder and a decoder: the bridge between their states, and attention over the steps of the source."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _attention, _dense
from .workspace import aligned_empty

# Name -> whether the logits are additive.
ATTENTIONS = {"dot": False, "additive": True}


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
            stages.append(_attention.Bridge(theta, source, k, *p_state, ends, dends, firsts[k], gradients[k], own, scratch))
        return stages


@dataclass(frozen=True)
class CrossAttention:
    """Spec of attention of a decoder's outputs d_t (H,) over the outputs e_s (F,) of the steps of its source.

    The weights of the steps are softmax of the logits over s, and ``tanh([c_t; d_t] C + b)``, with the weighted mean c_t of the
    e_s, is what the head reads (Luong, Pham and Manning 2015).

    Parameters
    ----------
    source_size, hidden_size : int
        F and H.
    name : {"dot", "additive"}
        The logits are ``(d_t A) e_s``, or ``v tanh(d_t A + e_s B)`` (Bahdanau, Cho and Bengio 2015).

    Notes
    -----
    Parameters: ``A`` (H, F), or for "additive" ``A`` (H, H), ``B`` (F, H) and ``v`` (H,); ``C`` (F + H, H) and ``b`` (H,).
    """

    source_size: int
    hidden_size: int
    name: str

    @property
    def width(self):
        """Of what logits are made of."""
        return self.hidden_size if ATTENTIONS[self.name] else self.source_size

    def param_shapes(self):
        F, H = self.source_size, self.hidden_size
        shapes = {"A": (H, self.width)} | ({"B": (F, H), "v": (H,)} if ATTENTIONS[self.name] else {})
        return shapes | {"C": (F + H, H), "b": (H,)}

    def initialize(self, p, rng):
        """Uniform (Glorot and Bengio 2010), b 0."""
        for name, value in p.items():
            bound = np.sqrt(6 / (sum(value.shape) if value.ndim == 2 else len(value) + 1))
            value[...] = 0 if name == "b" else rng.uniform(-bound, bound, size=value.shape)

    def parameters(self, p):
        """In the order of the kernel; None for what there is not."""
        return tuple(p.get(name) for name in ("A", "B", "v", "C", "b"))

    def scratch(self, n_source_rows, n_rows, dtype):
        size = _attention.scratch_size(
            n_source_rows, n_rows, self.source_size, self.hidden_size, self.width, np.dtype(dtype).itemsize
        )
        return aligned_empty((size,), dtype)

    def workspace(self, n_sequences, n_source_rows, n_rows, n_weights, dtype):
        """Buffers for batches of up to that size; n_weights are the pairs of steps of all sequences."""
        F, H, M = self.source_size, self.hidden_size, self.width
        shapes = {"E": (n_source_rows, F), "D": (n_rows, H), "state": (n_rows, H), "P": (n_rows, M), "context": (n_rows, F)}
        shapes |= {"weights": (n_weights,)} | ({"Q": (n_source_rows, M)} if ATTENTIONS[self.name] else {})
        buffers = {f"{d}{name}": aligned_empty(shape, dtype) for name, shape in shapes.items() for d in ("", "d")}
        buffers |= {name: np.zeros(n_sequences + 1, np.intp) for name in ("rows", "offsets")}
        return buffers | {"scratch": self.scratch(n_source_rows, n_rows, dtype)}

    def bind(self, theta, p, ws, e, de, d, dd, out, dout):
        """The stage; e (n_source_rows, F), d, out (n_rows, H), all packed, with their gradients."""
        return _attention.CrossAttention(theta, *self.parameters(p), e, de, d, dd, out, dout, ws)
