"""A fitted network in ONNX, from the inputs of a graph to scores."""

import numpy as np

from ..estimators.architecture import build
from ..estimators.times import LONGEST, n_channels_of
from .onnx_inputs import Inputs, as_floats, read_layer
from .onnx_outputs import add_head
from .onnx_recurrent import add_layer, first_states

TIMES = "Times of the steps, which increase along a sequence: {}"
UNITS = {"seconds": "seconds since any moment", "numbers": "in the unit that they had in fit"}


def parameters_of(model):
    """The network of a fitted model, and its parameters as nested dicts of float32 arrays; raises where they overflow that."""
    network = build(model._network_spec)
    with np.errstate(over="ignore"):
        theta = model._theta.astype(np.float32)
    if not np.isfinite(theta).all():
        raise ValueError(
            "A weight of the model overflows float32, the type in which ONNX computes. Bring the channels of X, or y, to other"
            " units, and fit the model again."
        )
    return network, network.bind(theta)


def add_scores(g, model, network, params, steps_of, *, wants_lengths=True, kind="float"):
    """Add the inputs of a model and all of its network.

    Parameters
    ----------
    g : Graph
    model, network, params
        As from `parameters_of`.
    steps_of : type
        `Steps`, or one for steps that come one by one.
    wants_lengths : bool, default=True
    kind : {"float", "double"}
        Of the numbers in X.

    Returns
    -------
    scores : str
        (n_sequences, K), or of each step (n_steps, n_sequences, K).
    steps : Steps
    """
    inputs = inputs_of_steps(g, model, steps_of.axes, kind)
    steps = steps_of(g, inputs.any, wants_lengths)
    x, s = first_layer_input(g, model, network, params, inputs, steps), static_vectors(g, model, network, params)
    y, ends = add_stack(g, network.layers, params, x, s, steps, network.poolings)
    if network.returns_sequences:
        return add_head(g, network, params, y, s), steps
    features = g.concat([steps.pooled(name, params.get("attention"), y, ends) for name in network.poolings])
    return add_head(g, network, params, features, s), steps


def inputs_of_steps(g, model, axes, kind):
    """The input X of a model, and one for each channel that holds texts."""
    vocabularies = dict(zip(model._categorical, model.categories_, strict=True))
    names = None if model._flat else getattr(model, "feature_names_in_", None)
    names = None if names is None else list(names)
    return Inputs(g, "X", n_channels_of(model), vocabularies, names, "channel", kind, axes)


def first_layer_input(g, model, network, params, inputs, steps):
    """(n_steps, n_sequences, D)"""
    numbers = None if inputs.numbers is None else steps.masked(steps.enter(inputs.numbers, 3), np.zeros((), _dtype(inputs.kind)))
    steps.inputs, steps.numbers = inputs, numbers
    if network.input_layer is None:
        return as_floats(g, numbers, inputs.kind)
    gaps = None
    if network.gap_channel is not None:
        gap = steps.gaps(_times(g, model, inputs, numbers, steps), model.median_gap_, LONGEST)
        gaps = steps.of_directions(gap, len(network.input_layer.directions))
    return read_layer(network.input_layer, params["input"], inputs, numbers, steps.enter, gaps, steps)


def _dtype(kind):
    return np.float32 if kind == "float" else np.float64


def _times(g, model, inputs, numbers, steps):
    """Times in float64, (n_steps, n_sequences)."""
    channel = model._time_channel
    if channel is not None:
        return g.cast(g.add("Gather", numbers, inputs.columns.index(channel), axis=-1), "double")
    doc = TIMES.format(UNITS[model._time_unit])
    return steps.enter(g.input(steps.name_of_times, "double", list(steps.axes), doc), len(steps.axes))


def static_vectors(g, model, network, params):
    """Static vectors (n_sequences, width); None without static features."""
    if network.static is None:
        return None
    vocabularies = dict(zip(model._static_categorical, model.static_categories_, strict=True))
    names = getattr(model, "static_names_in_", None)
    names = None if names is None else list(names)
    inputs = Inputs(g, "static", network.static_size, vocabularies, names, "static", "float", ("N",))
    return read_layer(network.static.entry, params["static"], inputs, inputs.numbers, lambda tensor, n_axes: tensor)


def add_stack(g, layers, params, x, s, steps, poolings):
    """Add recurrent layers.

    Parameters
    ----------
    g : Graph
    layers : tuple of RecurrentLayer
    params : dict
        With the parameters of "layer_0" and so on.
    x : str
        Input of the first, (n_steps, n_sequences, D).
    s : str or None
        Static vectors.
    steps : Steps
    poolings : tuple of str
        What reads the outputs of the last layer; none for all of them.

    Returns
    -------
    y, ends : str or None
        As of `add_layer`, of the last layer, as far as a pooling reads them.
    """
    for k, layer in enumerate(layers):
        p, is_last = params[f"layer_{k}"], k == len(layers) - 1
        start = steps.begin(k, layer, first_states(g, layer, p, s, steps.n_sequences))
        wants_steps = not is_last or set(poolings) != {"last"}
        x, ends, states = add_layer(g, layer, p, x, steps, start, wants_steps, is_last and "last" in poolings)
        steps.end(k, states)
    return x, ends
