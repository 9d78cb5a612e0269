"""The linear head."""

from dataclasses import dataclass

import numpy as np


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

    def forward(self, p, x, out):
        np.matmul(x, p["V"], out=out)
        out += p["b"]

    def backward(self, p, g, x, dout, dx):
        """g += gradients, dx := gradient with respect to x."""
        g["V"] += x.T @ dout
        g["b"] += dout.sum(axis=0)
        np.matmul(dout, p["V"].T, out=dx)
