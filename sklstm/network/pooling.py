"""From the outputs of every step to one vector per sequence, chunk of steps by chunk of steps.

A pooling is a spec like a layer. Its stages write the result to ``ws.out``, and take its gradient from ``ws.dout``. They pass it
on to the last layer as the gradient of every step, ``ws.dy``, or of the outputs where its walks end, ``ws.d_end``; None is zero.
Several poolings side by side write to columns of one array, and add to one gradient.
"""

from dataclasses import dataclass

import numpy as np

from .._kernels import _dense, _pooling
from .cached import cached
from .workspace import aligned_empty


@dataclass(frozen=True)
class Pooling:
    """What the poolings share; `size` is the width of the last layer's output."""

    size: int
    gradient_per_step = True  # whether there is a dy
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

    def bind(self, theta, p, ws, layer, y, add=False):
        """List of the stages of a pooling, in the order of the forward pass.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
        p : dict of str to ndarray or None
            Parameters, views of theta.
        ws : PoolingWorkspace
        layer : Layer
            Stage of the last layer.
        y : ndarray of shape (n_rows, size)
            Its outputs.
        add : bool, default=False
            Whether the gradient of every step is added to one that is there.
        """
        return [self._stage(theta, p, ws, layer, (theta, y, ws.out, ws.dout, ws.dy, add))]


class Last(Pooling):
    """The state in which each direction's walk ends."""

    gradient_per_step = False

    def _stage(self, theta, p, ws, layer, common):
        return _pooling.Last(layer, *common)


class Mean(Pooling):
    """The mean over the steps."""

    def _stage(self, theta, p, ws, layer, common):
        return _pooling.Mean(*common)


class Max(Pooling):
    """The largest value of each unit over the steps."""

    def _stage(self, theta, p, ws, layer, common):
        return _pooling.Max(ws.argmax, ws.largest, *common)


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

    def _stage(self, theta, p, ws, layer, common):
        return _pooling.Attention(p["A"], p["b"], p["v"], ws.top, ws.norm, ws.u, ws.e, ws.scratch, *common)


POOLINGS = {"last": Last, "mean": Mean, "max": Max, "attention": Attention}


@dataclass(frozen=True)
class SideBySide(Pooling):
    """Several poolings, whose outputs are put side by side (Howard and Ruder 2018); its parameters are the attention's."""

    names: tuple

    @cached
    def parts(self):
        return tuple(POOLINGS[name](self.size) for name in self.names)

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

    def bind(self, theta, p, ws, layer, y, add=False):
        # In the backward pass, which is the other way round, the attention is first: it does not add to dy.
        order = sorted(range(len(self.parts)), key=lambda k: self.names[k] != "attention")
        stages, has_dy = [], False
        for k in order:
            stages = self.parts[k].bind(theta, p, ws.parts[k], layer, y, has_dy) + stages
            has_dy = has_dy or self.parts[k].gradient_per_step
        return stages


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
    None where there is no gradient per step, and `d_end` (n_sequences, size) where there is none of the ends. Those of several
    poolings are columns of `out` and `dout`, and share `dy`.
    """

    def __init__(self, pooling, n_rows, out, dout, dy):
        size, n_sequences, dtype = pooling.size, len(out), out.dtype
        self.out, self.dout, self.dy = out, dout, dy
        if isinstance(pooling, Max):
            # So far, in rows without gaps: one loop for all sequences of a step is faster than one for each.
            self.largest = None if out.flags.c_contiguous else aligned_empty(out.shape, dtype)
            self.argmax = np.empty(out.shape, dtype=np.intp)
        if isinstance(pooling, Attention):
            self.top, self.norm = np.empty(n_sequences), np.empty(n_sequences)
            self.u, self.e = aligned_empty((n_rows, size), dtype), aligned_empty((n_rows,), dtype)
            self.scratch = aligned_empty((_dense.scratch_size(n_rows, size, size, dtype.itemsize),), dtype)
        columns = [slice(k * size, (k + 1) * size) for k in range(len(pooling.parts))]
        self.parts = [
            PoolingWorkspace(part, n_rows, out[:, own], dout[:, own], dy)
            for part, own in zip(pooling.parts, columns, strict=True)
        ]
        ends = [part.d_end for part in self.parts if part.d_end is not None]
        self.d_end = dout if isinstance(pooling, Last) else ends[0] if ends else None
