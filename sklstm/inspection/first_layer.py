"""What the first layer of a fitted network reads, and the network from there on, in float64."""

from dataclasses import replace

import numpy as np


def behind_input_layer(network, theta):
    """The network without its input layer and dropout, and its weights; it reads what `layer_inputs` makes of the channels."""
    inner = replace(
        network, input_size=network.layers[0].input_size, categories=(), dropout=0.0, recurrent_dropout=0.0
    )
    weights, inner_theta = network.layout.views(theta), np.zeros(inner.layout.size)
    for name, view in inner.layout.views(inner_theta).items():
        # Where the first layer cannot take over a scale of its input, there is an input layer still: the identity.
        view[...] = weights[name] if not name.startswith("input.") else float(name == "input.scale")
    return inner, inner_theta


def layer_inputs(network, theta, values):
    """What the first layer reads of channels (total_steps, n_channels): an array (total_steps, width)."""
    if network.input_layer is None:
        return values
    p = {name: weight.astype(np.float64) for name, weight in network.bind(theta)["input"].items()}
    vectors = [p[f"E{channel}"][values[:, channel].astype(np.intp)] for channel, _, _ in network.categories]
    return np.hstack([values[:, network.input_layer.numeric] * p["scale"] + p["offset"], *vectors])


def channels_of_inputs(network):
    """For each column of `layer_inputs`, which channel it comes from."""
    if network.input_layer is None:
        return np.arange(network.input_size)
    return np.concatenate([network.input_layer.numeric, *(np.full(width, channel) for channel, _, width in network.categories)])
