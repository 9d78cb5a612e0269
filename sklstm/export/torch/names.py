"""Weights of a network under the names, in the shapes and in the order of gates of torch's modules, and back."""

import numpy as np

from ...network.cells import CELLS
from ..entries import Entry, same, transposed
from ..gates import ORDERS, gates_from_order, gates_in_order

# Cell -> class of torch.nn, and the activations that it has.
CLASSES = {"lstm": ("LSTM", ("tanh",)), "gru": ("GRU", ("tanh",)), "rnn": ("RNN", ("tanh", "relu"))}
REVERSE = "_reverse"


# ---- modules ----


def suffix_of(is_reverse):
    """End of the names of weights of a direction."""
    return REVERSE if is_reverse else ""


def has_module(network):
    """Whether torch has a class that computes what the cell of a network does."""
    return network.cell in CLASSES and network.activation in CLASSES[network.cell][1]


def is_one_module(network):
    """Whether one module of torch holds all layers: they are of one width, and each reads the layer before as it is."""
    first, *others = network.layers
    one_width = all(layer.hidden_size == first.hidden_size for layer in others)
    side_by_side = first.output_size == len(first.directions) * first.state_sizes[0]
    return one_width and (side_by_side or not others) and not any(layer.has_skip for layer in network.layers)


def places_of_layers(network, rnn):
    """For each layer the prefix of its module and its number within that, if the module or list of modules is `rnn`."""
    if has_module(network) and is_one_module(network):
        return [(rnn, k) for k in range(len(network.layers))]
    return [(f"{rnn}{k}.", 0) for k in range(len(network.layers))]


# ---- parts ----


def entries_of(network, places, head):
    """All weights of a network.

    Parameters
    ----------
    network : Network
    places : list of (str, int)
        As from `places_of_layers`.
    head : str
        Prefix of the linear layer that makes scores.

    Returns
    -------
    list of Entry
        In the order in which torch has them.
    """
    if has_module(network):
        layers = [_layer(layer, k, *places[k]) for k, layer in enumerate(network.layers)]
    else:
        layers = [_stepped(layer, k, places[k][0]) for k, layer in enumerate(network.layers)]
    others = _states(network, places), _attention(network), _head(head), _static(network), _crf(network)
    return [entry for part in (_input(network), *layers, *others) for entry in part]


def _layer(layer, k, module, number):
    suffixes = {prefix: f"_l{number}{suffix_of(prefix)}" for prefix in layer.directions}
    return [_direction(layer, f"layer_{k}.{prefix}", f"{module}{{}}{suffix}") for prefix, suffix in suffixes.items()]


def weights_of_cell(layer):
    """Name in a module of one layer that computes step by step -> shape; as ours, but for the suffix of the reverse direction."""
    others = {"h0", "c0", "S"}
    named = ((name.rpartition("."), shape) for name, shape in layer.param_shapes().items())
    return {f"{own}{suffix_of(prefix)}": shape for (prefix, _, own), shape in named if own not in others}


def _stepped(layer, k, module):
    shapes = weights_of_cell(layer)
    own = {name: f"reverse.{name.removesuffix(REVERSE)}" if name.endswith(REVERSE) else name for name in shapes}
    return [same(f"layer_{k}.{own[name]}", f"{module}{name}") for name in shapes]


def _direction(layer, own, other):
    """W, R, b and of a projection P: torch adds two biases, of which the second multiplies the candidate's part of a GRU."""
    names = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", *(["weight_hr"] if layer.proj_size else [])]
    cell, letters = layer.cell, ORDERS["torch"][layer.cell]
    n = CELLS[cell].n_input * layer.hidden_size

    def to_other(W, R, b, *P):
        # Where b is longer than W has columns, the rest is that of the last block of R.
        bias_hh = np.concatenate([np.zeros(n - (len(b) - n), b.dtype), b[n:]])
        arrays = [gates_in_order(a, cell, letters).T for a in (W, R, b[:n], bias_hh)]
        return *arrays, *(part.T for part in P)

    def from_other(weight_ih, weight_hh, bias_ih, bias_hh, *weight_hr):
        W, R, b, c = (gates_from_order(a.T, cell, letters) for a in (weight_ih, weight_hh, bias_ih, bias_hh))
        apart = CELLS[cell].n_bias * layer.hidden_size - n  # columns of which both biases are kept
        b = np.concatenate([b[: n - apart] + c[: n - apart], b[n - apart :], c[n - apart :]])
        return W, R, b, *(part.T for part in weight_hr)

    own_names = ("W", "R", "b", *(["P"] if layer.proj_size else []))
    return Entry(tuple(own + name for name in own_names), tuple(map(other.format, names)), to_other, from_other)


def _states(network, places):
    """Learned initial states (n_layers n_directions, 1, H) of each module, as torch's modules take them."""
    entries = []
    for module in dict.fromkeys(module for module, _ in places):
        inside = [k for k, place in enumerate(places) if place[0] == module]
        for state in network.layers[0].states:
            own = tuple(f"layer_{k}.{prefix}{state}" for k in inside for prefix in network.layers[k].directions)
            to_other, from_other = lambda *a: (np.stack(a)[:, np.newaxis],), lambda a: tuple(a[:, 0])
            entries.append(Entry(own, (state if len(inside) == len(places) else f"{state}.{inside[0]}",), to_other, from_other))
    return entries


def _head(head):
    return [transposed("head.V", f"{head}weight"), same("head.b", f"{head}bias")]


def _attention(network):
    """That of ``Sequential(Linear(F, F), Tanh(), Linear(F, 1, bias=False))``, whose softmax weights the steps."""
    if "attention" not in network.parts:
        return []
    row = Entry(("attention.v",), ("attention.2.weight",), lambda v: (v[np.newaxis],), lambda v: (v[0],))
    return [transposed("attention.A", "attention.0.weight"), same("attention.b", "attention.0.bias"), row]


def _input(network):
    if network.input_layer is None:
        return []
    return _of_input_layer(network.input_layer, "input.")


def _of_input_layer(layer, part):
    """Scales, what stands for missing values, and the tables of categories."""
    tables = {f"E{channel}": channel for channel, _, _ in layer.categories}
    entries = []
    for name in layer.param_shapes():
        plain = name.removeprefix("reverse.")
        other = f"embedding.{tables[name]}.weight" if name in tables else f"{plain}{suffix_of(plain != name)}"
        entries.append(same(f"{part}{name}", f"{part}{other}"))
    return entries


def _static(network):
    if network.static is None:
        return []
    entries = _of_input_layer(network.static.entry, "static.")
    entries.append(transposed("static.V", "static.head.weight"))
    for k, layer in enumerate(network.layers):
        for prefix in layer.directions:
            entries.append(transposed(f"layer_{k}.{prefix}S", f"static.state_l{k}{suffix_of(prefix)}"))
    return entries


def _crf(network):
    """As in the package pytorch-crf."""
    names = {"transitions": "transitions", "start": "start_transitions", "end": "end_transitions"}
    return [same(f"crf.{own}", f"crf.{other}") for own, other in names.items()] if "crf" in network.parts else []
