"""Changing the units of a network's input and output without changing the function, by an affine map of its weights."""

import numpy as np

from .encoder_decoder import EncoderDecoder


def rescale(network, theta, input_scale, input_offset, output_scale, output_offset, static=None):
    """Parameters of the network that maps x to ``output_scale f(input_scale x + input_offset) + output_offset``.

    Parameters
    ----------
    network : Network
    theta : ndarray of shape (n_params,)
        Parameters of f.
    input_scale, input_offset : ndarray of shape (input_size,)
        Scale and offset of each channel; those of categorical channels are not used.
    output_scale, output_offset : ndarray of shape (output_size,), or float
        Scale and offset of each score.
    static : tuple of two ndarray of shape (static_size,), default=None
        Scale and offset of each static feature, of a network that has such.

    Returns
    -------
    ndarray of shape (n_params,)
        Parameters in theta's dtype, computed in float64.

    Notes
    -----
    With a = x W + b in the first layer, ``(s x + o) W + b = x (s W) + (b + o W)``; with y = h V + c in the head, ``s y
    + o = h (V s) + (s c + o)``. The input layer has a scale and an offset of its own where those of x cannot be folded into the
    first layer: a layer-normalised cell is not affine in x, and a residual connection passes x on. Scores of pairs of labels have
    the scale of those of labels.
    """
    result = theta.astype(np.float64)
    params = network.bind(result)
    _rescale_input(network, params, input_scale, input_offset)
    if network.static is not None:
        own, numeric = params["static"], network.static.entry.numeric
        own["offset"] += static[1][numeric] * own["scale"]
        own["scale"] *= static[0][numeric]
        if "V" in own:
            own["V"] *= output_scale
    if isinstance(network, EncoderDecoder) and network.reads_numbers:
        inverse = 1 / np.asarray(output_scale), -np.asarray(output_offset) / output_scale
        # y = s f + o, which the decoder reads again: f = (y - o) / s.
        _rescale_input(network.target, network.of_decoder(params), *(np.broadcast_to(v, network.output_size) for v in inverse))
    head = params["head"]
    head["V"] *= output_scale
    head["b"] *= output_scale
    head["b"] += output_offset
    for value in params.get("crf", {}).values():
        value *= output_scale
    return result.astype(theta.dtype)


def _rescale_input(network, params, scale, offset):
    """Change what reads the channels of a network, or of a part of one, to read ``scale x + offset``; params are overwritten."""
    first = params["layer_0"]
    numeric = np.arange(network.input_size) if network.input_layer is None else network.input_layer.numeric
    s, o = scale[numeric], offset[numeric]
    if network.folds_input_scale:
        # The numeric channels come first; the vectors of categories keep their weights.
        rows = slice(len(numeric))
        for prefix in network.layers[0].directions:
            first[f"{prefix}b"][: first[f"{prefix}W"].shape[1]] += o @ first[f"{prefix}W"][rows]
            first[f"{prefix}W"][rows] *= s[:, np.newaxis]
    else:
        p = params["input"]
        p["offset"] += o * p["scale"]
        p["scale"] *= s
        if "mean" in p:
            # Where s is 0 any mean does; the one that is 0 in the units of f has no rounding errors.
            p["mean"][...] = np.divide(p["mean"] - o, s, out=np.zeros_like(s), where=s != 0)
