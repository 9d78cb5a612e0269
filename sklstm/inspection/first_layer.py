"""What the first layer of a fitted network reads, and the network from there on, in float64."""

from dataclasses import replace

import numpy as np

from .._kernels._pack import unpack
from ..sequences import Packed


def behind_input_layer(network, theta):
    """The network without its input layer and dropout, and its weights; it reads what `layer_inputs` makes of the channels."""
    inner = replace(
        network.without_dropout(), input_size=network.layers[0].input_size, categories=(), missing="error", gap_channel=None
    )
    weights, inner_theta = network.layout.views(theta), np.zeros(inner.layout.size)
    for name, view in inner.layout.views(inner_theta).items():
        # Where the first layer cannot take over a scale of its input, there is an input layer still: the identity.
        view[...] = weights[name] if not name.startswith("input.") else float(name == "input.scale")
    return inner, inner_theta


def layer_inputs(network, theta, sequences):
    """What the first layer reads of sequences in float64: an array (total_steps, width)."""
    layer = network.input_layer
    if layer is None:
        return sequences.values
    d, rows = network.input_size, np.arange(len(sequences))
    packed = Packed.gather(sequences, rows, np.zeros(d), np.ones(d), lambda _, n_rows: np.empty((n_rows, d)))
    buffers = layer.workspace(len(rows), packed.n_rows, np.float64)
    x = layer.forward(network.bind(theta.astype(np.float64))["input"], packed, buffers)
    out = np.empty_like(x)
    unpack(packed.starts, sequences.offsets[packed.order], x, out)
    return out


def channels_of_inputs(network):
    """For each column of `layer_inputs`, which channel it comes from."""
    return np.arange(network.input_size) if network.input_layer is None else network.input_layer.channels_of_columns
