"""The whole model as a spec: recurrent stack -> pooling -> head."""

from dataclasses import dataclass

import numpy as np

from .dense import Dense
from .params import ParamLayout
from .pooling import POOLINGS, PoolingWorkspace, end_states
from .recurrent import RecurrentLayer
from .workspace import aligned_empty


@dataclass(frozen=True)
class Network:
    """Spec of a network. It holds no arrays; parameters are views of a flat vector, activations live in a workspace.

    Parameters
    ----------
    input_size : int
        Channels of a step.
    output_size : int
        Scores of a sequence.
    hidden_sizes : tuple of int
        Units of each layer, per direction.
    cell, bidirectional, merge_mode
        As in `RecurrentLayer`.
    pooling : {"last", "mean", "max"}
    """

    input_size: int
    output_size: int
    hidden_sizes: tuple
    cell: str = "lstm"
    bidirectional: bool = False
    merge_mode: str = "concat"
    pooling: str = "last"

    def __post_init__(self):
        layers, width = [], self.input_size
        for hidden_size in self.hidden_sizes:
            layers.append(RecurrentLayer(width, hidden_size, self.cell, self.bidirectional, self.merge_mode))
            width = layers[-1].output_size
        # A frozen dataclass sets what it derives this way.
        object.__setattr__(self, "layers", tuple(layers))
        object.__setattr__(self, "head", Dense(width, self.output_size))
        parts = {f"layer_{k}": layer for k, layer in enumerate(layers)} | {"head": self.head}
        object.__setattr__(self, "parts", parts)
        shapes = {f"{name}.{key}": shape for name, part in parts.items() for key, shape in part.param_shapes().items()}
        object.__setattr__(self, "layout", ParamLayout(shapes))

    @property
    def flops_per_row(self):
        """Multiplications and additions of one training step per row."""
        return sum(layer.flops_per_row for layer in self.layers)

    def bind(self, vector):
        """The parameters (or gradients) in a flat vector: one dict of views per part, the head's last."""
        views = self.layout.views(vector)
        return [
            {key.removeprefix(f"{name}."): view for key, view in views.items() if key.startswith(f"{name}.")}
            for name in self.parts
        ]

    def initialize(self, rng, dtype):
        """A flat vector of initial parameters. The random numbers are drawn in float64, so both dtypes begin alike."""
        theta = np.empty(self.layout.size)
        for part, p in zip(self.parts.values(), self.bind(theta), strict=True):
            part.initialize(p, rng)
        return theta.astype(dtype)

    def penalized(self, vector):
        """Views of the parameters that the L2 penalty falls on: the weights, not the biases."""
        return [vector[self.layout.slices[name]] for name, shape in self.layout.shapes.items() if len(shape) > 1]

    def workspace(self, n_sequences, n_rows, dtype, backward):
        """Buffers for batches of up to that many sequences and rows."""
        return NetworkWorkspace(self, n_sequences, n_rows, dtype, backward)

    def forward(self, params, packed, ws):
        """Scores of each sequence of the batch, in its order: an array (n_sequences, output_size) in the workspace."""
        self.run_layers(params, packed, ws)
        POOLINGS[self.pooling].forward(self.layers[-1], packed, ws.layers[-1], ws.pool)
        n = packed.n_sequences
        self.head.forward(params[-1], ws.pool.out[:n], ws.scores[:n], ws.head)
        return ws.scores[:n]

    def end_states(self, params, packed, ws):
        """State in which the last layer ends each sequence: (n_sequences, its output_size), in the workspace."""
        self.run_layers(params, packed, ws)
        out = ws.pool.out[: packed.n_sequences]
        end_states(self.layers[-1], packed, ws.layers[-1], out)
        return out

    def run_layers(self, params, packed, ws):
        x = packed.values
        for layer, p, layer_ws in zip(self.layers, params, ws.layers, strict=False):
            x = layer.forward(p, packed, x, layer_ws)

    def backward(self, params, grads, packed, ws, dscores, dx=None):
        """Add the gradients to those in `grads`, after `forward` on the same batch.

        Parameters
        ----------
        params, grads : list of dict of str to ndarray
            From `bind`.
        packed : Packed
        ws : workspace
        dscores : ndarray of shape (n_sequences, output_size)
            Gradient with respect to the scores.
        dx : ndarray of shape (>= n_rows, input_size), default=None
            Overwritten by the gradient with respect to the input, if given.
        """
        n = packed.n_sequences
        self.head.backward(params[-1], grads[-1], ws.pool.out[:n], dscores, ws.pool.dout[:n], ws.head)
        arriving = POOLINGS[self.pooling].backward(packed, ws.pool)
        for k in reversed(range(len(self.layers))):
            x = ws.layers[k - 1].y if k else packed.values
            passed_on = ws.dx[k] if k else dx
            self.layers[k].backward(params[k], grads[k], packed, x, ws.layers[k], dx=passed_on, **arriving)
            arriving = {"dy": passed_on}


class NetworkWorkspace:
    """Every buffer that a network writes for batches of up to `n_sequences` sequences and `n_rows` rows."""

    def __init__(self, network, n_sequences, n_rows, dtype, backward):
        self.n_sequences = n_sequences
        self.n_rows = n_rows
        self.values = aligned_empty((n_rows, network.input_size), dtype)
        self.layers = [layer.workspace(n_sequences, n_rows, dtype, backward) for layer in network.layers]
        width = network.layers[-1].output_size
        self.pool = PoolingWorkspace(network.pooling, n_sequences, n_rows, width, dtype, backward)
        self.head = network.head.workspace(n_sequences, dtype)
        self.scores = aligned_empty((n_sequences, network.output_size), dtype)
        if backward:
            self.dscores = aligned_empty((n_sequences, network.output_size), dtype)
            # dx[k]: gradient with respect to the input of layer k, for all but the first.
            self.dx = [None, *(aligned_empty((n_rows, layer.input_size), dtype) for layer in network.layers[1:])]

    def holds(self, n_sequences, n_rows):
        """Whether a batch of that size fits."""
        return n_sequences <= self.n_sequences and n_rows <= self.n_rows
