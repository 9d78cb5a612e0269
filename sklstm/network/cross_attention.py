"""Attention of a decoder over the steps of its source."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _attention
from .workspace import aligned_empty

# Name -> whether the logits are additive.
ATTENTIONS = {"dot": False, "additive": True}


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
