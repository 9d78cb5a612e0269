"""Changing the units of a network's input and output without changing the function, by an affine map of its weights."""

import numpy as np


def rescale(network, theta, input_scale, input_offset, output_scale, output_offset):
    """Parameters of the network that maps x to ``output_scale f(input_scale x + input_offset) + output_offset``.

    Parameters
    ----------
    network : Network
    theta : ndarray of shape (n_params,)
        Parameters of f.
    input_scale, input_offset : ndarray of shape (input_size,)
    output_scale, output_offset : ndarray of shape (output_size,), or float

    Returns
    -------
    ndarray of shape (n_params,)
        In theta's dtype, computed in float64.

    Notes
    -----
    With a = x W + b in the first layer, ``(s x + o) W + b = x (s W) + (b + o W)``; with y = h V + c in the head, ``s y
    + o = h (V s) + (s c + o)``.
    """
    result = theta.astype(np.float64)
    params = network.bind(result)
    first, head = params[0], params[-1]
    for prefix in network.layers[0].directions:
        first[f"{prefix}b"] += input_offset @ first[f"{prefix}W"]
        first[f"{prefix}W"] *= input_scale[:, np.newaxis]
    head["V"] *= output_scale
    head["b"] *= output_scale
    head["b"] += output_offset
    return result.astype(theta.dtype)
