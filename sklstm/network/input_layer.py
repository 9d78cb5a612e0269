"""What comes before the first layer: vectors for categorical channels, and units that cannot be moved into weights."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _embedding
from .workspace import aligned_empty

UNKNOWN = 0  # row of a table for what was not seen in training
HIDDEN_SHARE = 0.01  # of the codes that training replaces by UNKNOWN, so that its vector learns too


@dataclass(frozen=True)
class InputLayer:
    """Spec of the stage between the packed channels and the first recurrent layer.

    Its output holds the numeric channels, each as ``scale x + offset``, and then one vector per categorical channel,
    whose values are rows of its table.

    Parameters
    ----------
    n_channels : int
        Channels of a step.
    categories : tuple of (int, int, int)
        Channel, rows of its table and width of its vectors, for each categorical channel, in ascending order.

    Notes
    -----
    Parameters: ``scale``, ``offset`` (n_numeric,), which are not trained; ``E<channel>`` (rows, width), row 0 for the
    unknown.
    """

    n_channels: int
    categories: tuple = ()

    @property
    def numeric(self):
        """Channels that are no categories."""
        categorical = {channel for channel, _, _ in self.categories}
        return np.array([k for k in range(self.n_channels) if k not in categorical], dtype=np.intp)

    @property
    def output_size(self):
        return len(self.numeric) + sum(width for _, _, width in self.categories)

    def param_shapes(self):
        n = len(self.numeric)
        tables = {f"E{channel}": (rows, width) for channel, rows, width in self.categories}
        return {"scale": (n,), "offset": (n,)} | tables

    def initialize(self, p, rng):
        """Vectors are standard normal, like the numeric channels beside them."""
        p["scale"][...] = 1
        p["offset"][...] = 0
        for channel, rows, width in self.categories:
            p[f"E{channel}"][...] = rng.standard_normal((rows, width))

    def workspace(self, n_rows, dtype):
        return InputWorkspace(self, n_rows, dtype)

    def bind(self, theta, p, ws, dx=None):
        """The stage that runs the layer; p are views of theta, dx (n_rows, output_size) is the gradient of its output, if any."""
        tables = [(channel, p[f"E{channel}"], codes) for (channel, _, _), codes in zip(self.categories, ws.codes, strict=True)]
        ws.p = p
        ws.stage = _embedding.InputLayer(theta, self.n_channels, ws.numeric, p["scale"], p["offset"], tables, ws.x, dx)
        return ws.stage

    def forward(self, p, packed, ws):
        """Output of every row, for predictions; the parameters do not change as long as the workspace is used."""
        if ws.p is not p:
            self.bind(p["scale"], p, ws)
        ws.stage.apply(packed.values, packed.n_rows)
        return ws.x


class InputWorkspace:
    """Buffers of an `InputLayer` for batches of up to `n_rows` rows, and the stage that is bound to them."""

    def __init__(self, layer, n_rows, dtype):
        self.numeric = layer.numeric
        self.x = aligned_empty((n_rows, layer.output_size), dtype)
        self.codes = [np.empty(n_rows, dtype=np.intp) for _ in layer.categories]
        self.p = self.stage = None

    def draw(self, rng, n):
        """Which of n rows have the vector of the unknown in the next forward pass."""
        for k in range(len(self.codes)):
            self.stage.hide(k, rng.integers(n, size=rng.binomial(n, HIDDEN_SHARE)))
