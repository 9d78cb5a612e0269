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

    def workspace(self, n_sequences, dtype):
        """Scratch for batches of up to that many sequences."""
        size = _dense.scratch_size(n_sequences, self.input_size, self.output_size, np.dtype(dtype).itemsize)
        return aligned_empty((size,), dtype)

    def forward(self, p, x, out, ws):
        _dense.forward(x, p["V"], p["b"], out, ws)

    def backward(self, p, g, x, dout, dx, ws):
        """g += gradients, dx := gradient with respect to x."""
        _dense.backward(x, p["V"], dout, g["V"], g["b"], dx, ws)
