"""Gradients of a fitted network with respect to what its first layer reads, in float64."""

from dataclasses import replace

import numpy as np

from .._kernels._pack import unpack
from ..sequences import Batch
from .forward_pass import ForwardPass


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


class InputGradient:
    """The function from sequences to the gradients of their scores.

    Parameters
    ----------
    network : Network
        Without categories.
    theta : ndarray of shape (n_params,), float64
    """

    def __init__(self, network, theta):
        self.network = network
        self._forward_pass = ForwardPass(network, theta)
        self._grads = network.bind(np.zeros_like(theta))  # of the weights: not used

    def __call__(self, sequences, dscores):
        """Gradient of ``(scores * dscores).sum()``.

        Parameters
        ----------
        sequences : Sequences
            In float64 and C order.
        dscores : ndarray of shape (n_sequences, n_scores), or (total_steps, n_scores) for scores of every step

        Returns
        -------
        ndarray of shape (total_steps, input_size)
        """
        rows = np.arange(len(sequences))
        packed = self._forward_pass.forward(sequences, rows)
        if self.network.returns_sequences:
            zeros, ones, arriving = np.zeros(dscores.shape[1]), np.ones(dscores.shape[1]), np.empty_like(dscores)
            Batch(sequences.offsets, rows).pack(dscores, 0, packed.n_steps, zeros, ones, arriving)
        else:
            arriving = dscores[packed.order]
        dx, out = np.empty_like(sequences.values), np.empty_like(sequences.values)
        self.network.backward(self._forward_pass.params, self._grads, packed, self._forward_pass.workspace, arriving, dx=dx)
        unpack(packed.starts, sequences.offsets[packed.order], dx, out)
        return out
