"""From the outputs of every step to one vector per sequence.

A pooling is a pair of functions. ``forward(layer, packed, ws, pool)`` fills ``pool.out``; ``backward(packed, pool)``
returns the keyword arguments by which the layer's `backward` learns the gradient ``pool.dout``.
"""

from typing import NamedTuple

import numpy as np

from .._kernels import _pooling
from .workspace import aligned_empty


def end_states(layer, packed, ws, out):
    """out := the state in which each direction's walk ends, merged as the outputs are.

    The forward direction ends at a sequence's last step, the reverse direction at its first.
    """
    for k in range(len(layer.directions)):
        if k == 1 and layer.merge_mode == "sum":
            out += ws.h[1][: len(out)]
        else:
            _pooling.last_step(packed.starts, packed.lengths, ws.h[k], layer.part(out, k), k == 1)


def _last(layer, packed, ws, pool):
    end_states(layer, packed, ws, pool.out[: packed.n_sequences])


def _last_backward(packed, pool):
    return {"d_end": pool.dout[: packed.n_sequences]}


def _mean(layer, packed, ws, pool):
    _pooling.mean(packed.starts, packed.lengths, ws.y, pool.out)


def _mean_backward(packed, pool):
    _pooling.mean_backward(packed.starts, packed.lengths, pool.dout, pool.dy)
    return {"dy": pool.dy}


def _max(layer, packed, ws, pool):
    _pooling.maximum(packed.starts, ws.y, pool.out, pool.argmax)


def _max_backward(packed, pool):
    _pooling.maximum_backward(packed.starts, pool.argmax, pool.dout, pool.dy)
    return {"dy": pool.dy}


class Pooling(NamedTuple):
    forward: callable
    backward: callable
    per_step: bool  # whether the gradient is one row per step


POOLINGS = {
    "last": Pooling(_last, _last_backward, per_step=False),
    "mean": Pooling(_mean, _mean_backward, per_step=True),
    "max": Pooling(_max, _max_backward, per_step=True),
}


class PoolingWorkspace:
    """Buffers of a pooling over batches of up to that size, `width` columns wide."""

    def __init__(self, name, n_sequences, n_rows, width, dtype, backward):
        self.out = aligned_empty((n_sequences, width), dtype)
        self.argmax = np.empty((n_sequences, width), dtype=np.intp) if name == "max" else None
        if backward:
            self.dout = aligned_empty((n_sequences, width), dtype)
            self.dy = aligned_empty((n_rows, width), dtype) if POOLINGS[name].per_step else None
