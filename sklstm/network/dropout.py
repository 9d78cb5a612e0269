"""Dropout: random entries are set to zero in training, the others scaled up, so that nothing changes on average."""

import numpy as np

from .workspace import aligned_empty


def draw_mask(rng, rate, out):
    """out := 0 with probability `rate`, else ``1 / (1 - rate)``."""
    kept = rng.random(out.shape, dtype=np.float32) >= rate
    np.multiply(kept, out.dtype.type(1 / (1 - rate)), out=out)


class Dropout:
    """A mask per row (Srivastava et al. 2014), and the rows that it was applied to.

    Owned by a workspace, with buffers for up to `n_rows` rows; without a generator rows pass as they are.
    """

    def __init__(self, rate, n_rows, width, dtype):
        self.rate = rate
        self.mask, self.out = aligned_empty((n_rows, width), dtype), aligned_empty((n_rows, width), dtype)
        self.active = False

    def forward(self, x, n, rng):
        """The first n rows of x, masked; x itself without a generator."""
        self.active = rng is not None
        if not self.active:
            return x
        draw_mask(rng, self.rate, self.mask[:n])
        np.multiply(x[:n], self.mask[:n], out=self.out[:n])
        return self.out

    def backward(self, dx, n):
        """dx := dx times the mask, in place."""
        if self.active:
            dx[:n] *= self.mask[:n]
