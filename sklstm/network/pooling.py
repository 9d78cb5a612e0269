"""From the outputs of every step to one vector per sequence, chunk of steps by chunk of steps.

A pooling is a spec like a layer. For each batch ``begin(n_sequences, ws)`` is called, ``update`` for every chunk of
steps and ``finish`` when all have passed; ``ws.out`` then holds the result. ``backward`` takes the gradient in
``ws.dout`` and returns the keyword arguments by which the last layer's `backward` learns of it, for a chunk whose
`update` or `recompute` came last. Several poolings side by side write to columns of one array, and add to one gradient.
"""

from dataclasses import dataclass

import numpy as np

from .._kernels import _dense, _pooling, _simd
from .cached import cached
from .workspace import aligned_empty


@dataclass(frozen=True)
class Pooling:
    """What the poolings share; `size` is the width of the last layer's output."""

    size: int
    gradient_per_step = True  # what `backward` returns: dy, one row per step, or d_end, one per sequence
    parts = ()  # of several poolings

    @property
    def output_size(self):
        return self.size

    def param_shapes(self):
        return {}

    def initialize(self, p, rng):
        """Nothing to learn."""

    def workspace(self, n_sequences, n_rows, dtype):
        """Buffers for batches of up to that size."""
        out, dout = (aligned_empty((n_sequences, self.output_size), dtype) for _ in range(2))
        dy = aligned_empty((n_rows, self.size), dtype) if self.gradient_per_step else None
        return PoolingWorkspace(self, n_rows, out, dout, dy)

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

    def backward(self, p, g, packed, y, ws, add=False):
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

    def backward(self, p, g, packed, y, ws, add=False):
        _pooling.mean_backward(packed.starts, ws.lengths, ws.dout, ws.dy, add)
        return {"dy": ws.dy}


class Max(Pooling):
    """The largest value of each unit over the steps."""

    def update(self, p, packed, layer, x, layer_ws, ws):
        _pooling.maximum(packed.starts, packed.first, layer_ws.y, ws.largest, ws.argmax)

    def finish(self, lengths, ws):
        if ws.largest is not ws.out:
            ws.out[: len(lengths)] = ws.largest[: len(lengths)]

    def backward(self, p, g, packed, y, ws, add=False):
        _pooling.maximum_backward(packed.starts, packed.first, ws.argmax, ws.dout, ws.dy, add)
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

    def backward(self, p, g, packed, y, ws, add=False):
        n = packed.n_rows
        alpha = ws.e[:n]
        _pooling.attention_weights(packed.starts, ws.top, ws.norm, ws.e)
        _pooling.attention_backward(packed.starts, alpha, y, p["v"], ws.out, ws.dout, ws.u, g["v"])
        _dense.backward(y[:n], p["A"], ws.u[:n], g["A"], g["b"], ws.dy[:n], ws.scratch)
        _pooling.add_weighted(packed.starts, alpha, ws.dout, ws.dy)
        return {"dy": ws.dy}


POOLINGS = {"last": Last, "mean": Mean, "max": Max, "attention": Attention}


@dataclass(frozen=True)
class SideBySide(Pooling):
    """Several poolings, whose outputs are put side by side (Howard and Ruder 2018); its parameters are the attention's."""

    names: tuple

    @cached
    def parts(self):
        return tuple(POOLINGS[name](self.size) for name in self.names)

    @cached
    def backward_order(self):
        """Numbers of the parts: the attention does not add to dy, so it comes first."""
        return sorted(range(len(self.parts)), key=lambda k: self.names[k] != "attention")

    @property
    def gradient_per_step(self):
        return any(part.gradient_per_step for part in self.parts)

    @property
    def output_size(self):
        return self.size * len(self.parts)

    def param_shapes(self):
        return {name: shape for part in self.parts for name, shape in part.param_shapes().items()}

    def initialize(self, p, rng):
        for part in self.parts:
            part.initialize(p, rng)

    def begin(self, n_sequences, ws):
        for part, part_ws in zip(self.parts, ws.parts, strict=True):
            part.begin(n_sequences, part_ws)

    def recompute(self, p, packed, y, ws):
        for part, part_ws in zip(self.parts, ws.parts, strict=True):
            part.recompute(p, packed, y, part_ws)

    def update(self, p, packed, layer, x, layer_ws, ws):
        for part, part_ws in zip(self.parts, ws.parts, strict=True):
            part.update(p, packed, layer, x, layer_ws, part_ws)

    def finish(self, lengths, ws):
        for part, part_ws in zip(self.parts, ws.parts, strict=True):
            part.finish(lengths, part_ws)

    def backward(self, p, g, packed, y, ws, add=False):
        gradients = {}
        for k in self.backward_order:
            gradients |= self.parts[k].backward(p, g, packed, y, ws.parts[k], "dy" in gradients)
        return gradients


def pooling_names(pooling):
    """A tuple of the names of one pooling, of several, or of none (None)."""
    if pooling is None:
        return ()
    return tuple(pooling) if isinstance(pooling, (tuple, list)) else (pooling,)


def pooling_of(names, size):
    """The pooling of some names, of a layer of that width; None without a name."""
    return SideBySide(size, names) if len(names) > 1 else POOLINGS[names[0]](size) if names else None


class PoolingWorkspace:
    """Buffers of a pooling over batches of up to `n_rows` rows.

    Of `out` and `dout` (n_sequences, output_size), the results and their gradient, the rows may lie apart; `dy` (n_rows, size) is
    None where there is no gradient per step. Those of several poolings are columns of `out` and `dout`, and share `dy`.
    """

    def __init__(self, pooling, n_rows, out, dout, dy):
        size, n_sequences, dtype = pooling.size, len(out), out.dtype
        self.out, self.dout, self.dy = out, dout, dy
        if isinstance(pooling, Max):
            # So far, in rows without gaps: one loop for all sequences of a step is faster than one for each.
            self.largest = out if out.flags.c_contiguous else aligned_empty(out.shape, dtype)
            self.argmax = np.empty(out.shape, dtype=np.intp)
        self.lengths = None
        if isinstance(pooling, Attention):
            self.top, self.norm = np.empty(n_sequences), np.empty(n_sequences)
            self.u, self.e = aligned_empty((n_rows, size), dtype), aligned_empty((n_rows,), dtype)
            self.scratch = aligned_empty((_dense.scratch_size(n_rows, size, size, dtype.itemsize),), dtype)
        columns = [slice(k * size, (k + 1) * size) for k in range(len(pooling.parts))]
        self.parts = [
            PoolingWorkspace(part, n_rows, out[:, own], dout[:, own], dy)
            for part, own in zip(pooling.parts, columns, strict=True)
        ]
