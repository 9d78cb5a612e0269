"""Dropout: random entries are set to zero in training, the others scaled up, so that nothing changes on average."""

from copy import deepcopy

import numpy as np

from .._kernels import _stages
from .workspace import aligned_empty


def draw_mask(rng, rate, out):
    """out := 0 with probability `rate`, else ``1 / (1 - rate)``."""
    kept = rng.random(out.shape, dtype=np.float32) >= rate
    np.multiply(kept, out.dtype.type(1 / (1 - rate)), out=out)


class Dropout:
    """A mask per row (Srivastava et al. 2014), and the rows that it was applied to, for up to `n_rows` rows."""

    def __init__(self, rate, n_rows, width, dtype):
        self.rate = rate
        self.mask, self.out = aligned_empty((n_rows, width), dtype), aligned_empty((n_rows, width), dtype)

    def draw(self, rng, n):
        """The mask of the first n rows."""
        draw_mask(rng, self.rate, self.mask[:n])

    def bind(self, theta, x, dx):
        """The stage that reads x (n_rows, width), None for what the first stage reads, and multiplies dx by the mask."""
        return _stages.Dropout(theta, x, self.mask, self.out, dx)


class Draws:
    """The random numbers of a minibatch: what a kernel calls before it computes what they are for.

    Parameters
    ----------
    ws : StackWorkspace
    rng : Generator
    """

    def __init__(self, ws, rng):
        self.ws, self.rng = ws, rng

    def begin(self, n_sequences):
        """Before the first chunk."""
        for masks in self.ws.recurrent_masks:
            for mask in masks or ():
                draw_mask(self.rng, self.ws.network.recurrent_dropout, mask[:n_sequences])
        if self.ws.static is not None:
            self.ws.static.entry.draw(self.rng, n_sequences)

    def chunk(self, n_rows):
        """Before a chunk."""
        if self.ws.input is not None and self.ws.hides_codes:
            self.ws.input.draw(self.rng, n_rows)
        if self.ws.network.input_dropout:
            self.ws.input.hide(self.rng, self.ws.network.input_dropout, self.ws.values[:n_rows])
        for dropout in self.ws.dropouts:
            if dropout is not None:
                dropout.draw(self.rng, n_rows)
        if self.ws.network.returns_sequences:
            self._draw_head(n_rows)

    def end(self, n_sequences):
        """After the last chunk, where there is one score for each sequence."""
        if not self.ws.network.returns_sequences:
            self._draw_head(n_sequences)

    def _draw_head(self, n):
        if self.ws.head_dropout is not None:
            self.ws.head_dropout.draw(self.rng, n)

    def remember(self):
        """Before the first of several chunks that are to be drawn `again`."""
        self._replay = deepcopy(self.rng)

    def again(self):
        self.rng = self._replay
