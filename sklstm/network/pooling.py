"""From the outputs of every step to one vector per sequence, chunk of steps by chunk of steps.

A pooling is a spec like a layer. For each batch ``begin(n_sequences, ws)`` is called, ``update`` for every chunk of
steps and ``finish`` when all have passed; ``ws.out`` then holds the result. ``backward`` takes the gradient in
``ws.dout`` and returns the keyword arguments by which the last layer's `backward` learns of it, for a chunk whose
`update` or `recompute` came last.
"""

from dataclasses import dataclass

import numpy as np

from .._kernels import _dense, _pooling, _simd
from .workspace import aligned_empty


@dataclass(frozen=True)
class Pooling:
    """What the poolings share; `size` is the width of the last layer's output."""

    size: int
    gradient_per_step = True  # what `backward` returns: dy, one row per step, or d_end, one per sequence

    def param_shapes(self):
        return {}

    def initialize(self, p, rng):
        """Nothing to learn."""

    def workspace(self, n_sequences, n_rows, dtype):
        return PoolingWorkspace(self, n_sequences, n_rows, dtype)

    def begin(self, n_sequences, ws):
        """Before the first chunk."""

    def recompute(self, p, packed, y, ws):
        """What `backward` needs of a chunk whose outputs have been computed again."""

    def finish(self, lengths, ws):
        """After the last chunk; `lengths` are those of the sequences."""


class Last(Pooling):
    """The state in which each direction's walk ends."""

    gradient_per_step = False

    def update(self, p, packed, layer, x, layer_ws, ws):
        layer.end_states(packed, x, layer_ws, ws.out)

    def backward(self, p, g, packed, y, ws):
        return {"d_end": ws.dout[: packed.n_sequences]}


class Mean(Pooling):
    """The mean over the steps."""

    def begin(self, n_sequences, ws):
        ws.out[:n_sequences] = 0

    def update(self, p, packed, layer, x, layer_ws, ws):
        _pooling.add_steps(packed.starts, layer_ws.y, ws.out)

    def finish(self, lengths, ws):
        ws.lengths = lengths
        _pooling.mean(lengths, ws.out)

    def backward(self, p, g, packed, y, ws):
        _pooling.mean_backward(packed.starts, ws.lengths, ws.dout, ws.dy)
        return {"dy": ws.dy}


class Max(Pooling):
    """The largest value of each unit over the steps."""

    def update(self, p, packed, layer, x, layer_ws, ws):
        _pooling.maximum(packed.starts, packed.first, layer_ws.y, ws.out, ws.argmax)

    def backward(self, p, g, packed, y, ws):
        _pooling.maximum_backward(packed.starts, packed.first, ws.argmax, ws.dout, ws.dy)
        return {"dy": ws.dy}


class Attention(Pooling):
    """Additive attention: the mean over the steps with learned weights alpha (Bahdanau, Cho and Bengio 2015).

    e_t = v tanh(y_t A + b),   alpha = softmax of e over the steps,   out = sum_t alpha_t y_t, with A (size, size).
    """

    def param_shapes(self):
        return {"A": (self.size, self.size), "b": (self.size,), "v": (self.size,)}

    def initialize(self, p, rng):
        """A and v uniform (Glorot and Bengio 2010), b 0."""
        bound = np.sqrt(3 / self.size)
        p["A"][...] = rng.uniform(-bound, bound, size=p["A"].shape)
        bound = np.sqrt(6 / (self.size + 1))
        p["v"][...] = rng.uniform(-bound, bound, size=p["v"].shape)
        p["b"][...] = 0

    def begin(self, n_sequences, ws):
        ws.top[:n_sequences] = -np.inf
        ws.norm[:n_sequences] = 0
        ws.out[:n_sequences] = 0

    def recompute(self, p, packed, y, ws):
        n = packed.n_rows
        _dense.forward(y[:n], p["A"], p["b"], ws.u[:n], ws.scratch)
        flat = ws.u[:n].reshape(-1)
        _simd.tanh(flat, flat)
        _pooling.attention_scores(ws.u, p["v"], ws.e, n)

    def update(self, p, packed, layer, x, layer_ws, ws):
        self.recompute(p, packed, layer_ws.y, ws)
        _pooling.attention(packed.starts, ws.e, layer_ws.y, ws.top, ws.norm, ws.out)

    def finish(self, lengths, ws):
        _pooling.attention_mean(ws.norm, ws.out, len(lengths))

    def backward(self, p, g, packed, y, ws):
        n = packed.n_rows
        alpha = ws.e[:n]
        _pooling.attention_weights(packed.starts, ws.top, ws.norm, ws.e)
        _pooling.attention_backward(packed.starts, alpha, y, p["v"], ws.out, ws.dout, ws.u, g["v"])
        _dense.backward(y[:n], p["A"], ws.u[:n], g["A"], g["b"], ws.dy[:n], ws.scratch)
        _pooling.add_weighted(packed.starts, alpha, ws.dout, ws.dy)
        return {"dy": ws.dy}


POOLINGS = {"last": Last, "mean": Mean, "max": Max, "attention": Attention}


class PoolingWorkspace:
    """Buffers of a pooling over batches of up to that size."""

    def __init__(self, pooling, n_sequences, n_rows, dtype):
        size = pooling.size
        self.out = aligned_empty((n_sequences, size), dtype)
        self.argmax = np.empty((n_sequences, size), dtype=np.intp) if isinstance(pooling, Max) else None
        self.lengths = None
        if isinstance(pooling, Attention):
            self.top, self.norm = np.empty(n_sequences), np.empty(n_sequences)
            self.u, self.e = aligned_empty((n_rows, size), dtype), aligned_empty((n_rows,), dtype)
            self.scratch = aligned_empty((_dense.scratch_size(n_rows, size, size, np.dtype(dtype).itemsize),), dtype)
        self.dout = aligned_empty((n_sequences, size), dtype)
        self.dy = aligned_empty((n_rows, size), dtype) if pooling.gradient_per_step else None
