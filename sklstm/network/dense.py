"""The linear head."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _dense
from .workspace import aligned_empty


@dataclass(frozen=True)
class Dense:
    """scores = x V + b, with V (input_size, output_size)."""

    input_size: int
    output_size: int

    def param_shapes(self):
        return {"V": (self.input_size, self.output_size), "b": (self.output_size,)}

    def initialize(self, p, rng):
        """V uniform (Glorot and Bengio 2010), b 0."""
        bound = np.sqrt(6 / (self.input_size + self.output_size))
        p["V"][...] = rng.uniform(-bound, bound, size=p["V"].shape)
        p["b"][...] = 0

    def bind(self, theta, p, x, dx, scores, dscores):
        """The stage that computes the scores of rows x, and in the backward pass dx from dscores; p are views of theta."""
        size = _dense.scratch_size(len(scores), self.input_size, self.output_size, theta.itemsize)
        return _dense.Dense(theta, p["V"], p["b"], x, dx, scores, dscores, aligned_empty((size,), theta.dtype))
