"""A fitted network in ONNX, from the inputs of a graph to scores."""

from dataclasses import dataclass

import numpy as np

from ...estimators.architecture import build
from ...estimators.times import LONGEST, n_channels_of
from ...network import rescale
from .inputs import Inputs, read_layer
from .outputs import add_head
from .recurrent import add_layer, first_states, is_loop

FAR = 100  # standard deviations from 0, beyond which float32 has too few digits for what is in between
EXACT = 1 << 24  # below which float32 holds integers
TIMES = "Times of the steps, which increase along a sequence: {}"
UNITS = {"seconds": "seconds since any moment", "numbers": "in the unit that they had in fit"}


@dataclass(frozen=True)
class Fitted:
    """What a graph is made of.

    Attributes
    ----------
    model : estimator
        Fitted.
    network : Network or EncoderDecoder
    params : dict of str to dict of str to ndarray
        Parameters, in float32, of the network that reads channels and static features less their shifts.
    shifts : dict of str to (ndarray or None)
        What is subtracted from "X" and "static" in float64, where float32 holds too few digits; None where it holds enough.
    """

    model: object
    network: object
    params: dict
    shifts: dict

    def kind(self, name):
        """The type of an input: float, or double where that holds too few digits."""
        needs_digits = _needs_digits(self.model) if name == "X" else _need_digits(vars(self.model).get("static_categories_", ()))
        return "double" if self.shifts[name] is not None or needs_digits else "float"


def fitted(model):
    """The `Fitted` of a model; raises a ValueError where a weight overflows float32."""
    network, theta = build(model._network_spec), model._theta
    shifts = {name: _shift_of(model, key) for name, key in (("X", "x"), ("static", "static"))}
    if any(shift is not None for shift in shifts.values()):
        sizes = network.input_size, vars(model)["_network_spec"].get("static_size", 0)
        of_x, of_static = (np.zeros(n) if v is None else v for v, n in zip(shifts.values(), sizes, strict=True))
        offset = -np.tile(of_x[model._channels], network.output_size // len(model._channels)) if predicts_channels(model) else 0.0
        theta = rescale(network, theta, np.ones(sizes[0]), of_x, 1.0, offset, (np.ones(sizes[1]), of_static))
    with np.errstate(over="ignore"):
        theta = theta.astype(np.float32)
    if not np.isfinite(theta).all():
        raise ValueError(
            "A weight of the model overflows float32, the type in which ONNX computes. Bring the channels of X, or y, to other"
            " units, and fit the model again."
        )
    return Fitted(model, network, network.bind(theta), shifts)


def predicts_channels(model):
    """Whether the outputs are channels of X, of a detector, which are compared with them."""
    return "_channels" in vars(model)


def _shift_of(model, key):
    """The means of columns that are far from 0, in standard deviations, and 0 of others; None for a model in float32."""
    moments = model._moments.get(key)
    if moments is None or model._theta.dtype == np.float32:
        return None
    mean, deviation = moments["mean"], moments["deviation"]
    is_far = (deviation > 0) & (np.abs(mean) > FAR * deviation)
    return np.where(is_far, mean, 0.0) if is_far.any() else None


def _needs_digits(model):
    """Whether X has times, or codes of categories, that float32 does not hold."""
    has_times = model._network_spec.get("gap_channel") is not None and model._time_channel is not None
    return (has_times and model._theta.dtype == np.float64) or _need_digits(model.categories_)


def _need_digits(vocabularies):
    """Whether float32 does not tell the categories of some column from each other, or from integers next to them."""
    numbers = [values for values in vocabularies if values.dtype.kind == "f" and len(values)]
    with np.errstate(over="ignore"):
        alike = any(len(np.unique(values.astype(np.float32))) < len(values) for values in numbers)
    return alike or any(np.abs(values).max() >= EXACT for values in numbers)


def add_scores(g, of, steps_of, wants_lengths):
    """Add the inputs of a model and all of its network.

    Parameters
    ----------
    g : Graph
    of : Fitted
    steps_of : type
        `Steps`, or one for steps that come one by one.
    wants_lengths : bool

    Returns
    -------
    scores : str
        (n_sequences, K), or of each step (n_steps, n_sequences, K).
    steps : Steps
    """
    network, params = of.network, of.params
    x, s, steps = add_inputs(g, of, steps_of, wants_lengths)
    y, ends = add_stack(g, network.layers, params, x, s, steps, network.poolings)
    if network.returns_sequences:
        return add_head(g, network, params, y, s), steps
    features = g.concat([steps.pooled(name, params.get("attention"), y, ends) for name in network.poolings])
    return add_head(g, network, params, features, s), steps


def add_inputs(g, of, steps_of, wants_lengths):
    """Add the inputs: what the first layer reads (n_steps, n_sequences, D), static vectors or None, and the steps."""
    model, kind = of.model, of.kind("X")
    vocabularies = dict(zip(model._categorical, model.categories_, strict=True))
    names = None if model._flat else getattr(model, "feature_names_in_", None)
    names = None if names is None else list(names)
    n = n_channels_of(model)
    inputs = Inputs(g, "X", n, vocabularies, names, "channel", kind, steps_of.axes, of.shifts["X"])
    steps = steps_of(g, inputs.any, wants_lengths)
    if all(is_loop(layer) for layer in of.network.layers):
        steps.check_lengths()
    if inputs.numbers is not None:
        steps.numbers = steps.masked(steps.enter(inputs.numbers, 3), np.zeros((), _dtype(kind)))
    steps.inputs, layer = inputs, of.network.input_layer
    if layer is None:
        x = inputs.floats(steps.numbers, range(n))
    else:
        gaps = None
        if of.network.gap_channel is not None:
            gap = steps.gaps(_times(g, model, inputs, steps.numbers, steps), model.median_gap_, LONGEST)
            gaps = steps.of_directions(gap, len(layer.directions))
        x = read_layer(layer, of.params["input"], inputs, steps.numbers, steps.enter, gaps, steps)
    return x, _static_vectors(g, of), steps


def _dtype(kind):
    return np.float32 if kind == "float" else np.float64


def _times(g, model, inputs, numbers, steps):
    """Times in float64, (n_steps, n_sequences)."""
    channel = model._time_channel
    if channel is not None:
        return g.cast(g.add("Gather", numbers, inputs.columns.index(channel), axis=-1), "double")
    doc = TIMES.format(UNITS[model._time_unit])
    return steps.enter(g.input(steps.name_of_times, "double", list(steps.axes), doc), len(steps.axes))


def _static_vectors(g, of):
    """Static vectors (n_sequences, width); None without static features."""
    model, network = of.model, of.network
    if network.static is None:
        return None
    vocabularies = dict(zip(model._static_categorical, model.static_categories_, strict=True))
    names = getattr(model, "static_names_in_", None)
    names = None if names is None else list(names)
    size, kind, shift = network.static.size, of.kind("static"), of.shifts["static"]
    inputs = Inputs(g, "static", size, vocabularies, names, "static", kind, ("N",), shift)
    return read_layer(network.static.entry, of.params["static"], inputs, inputs.numbers, lambda tensor, n_axes: tensor)


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
