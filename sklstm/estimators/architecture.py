"""From hyper-parameters to the spec of a network as plain values, and from that to the network."""

import numpy as np

from ..network import CELLS, CTC, LOSSES, MAX_LAYERS, POOLINGS, TIMESCALES, EncoderDecoder, Network, pooling_names
from ..network.checks import is_count
from .embedding import embedding_widths

# What may change when a fit continues an earlier one.
MUTABLE_KEYS = ("dropout", "recurrent_dropout", "input_dropout", "scheduled_sampling", "loss_parameters")

# What of the spec is not the network's own.
NON_NETWORK_KEYS = ("categorical_features", "time_feature", "loss", "loss_parameters", "standardize")

# What of the network the spec has only where there are static features, where steps are connected by a structure, and where a
# decoder reads no outputs.
STATIC_KEYS = ("static_size", "static_categories")
STRUCTURE_KEYS = ("structure",)
CONSTANT_KEYS = ("reads_outputs",)

# What the spec of an encoder-decoder has in place of a pooling.
DECODER_KEYS = {"attention", "token_width", "scheduled_sampling"}

# What a spec that an earlier version saved does not name, and what it means there.
LATER_KEYS = {"missing": "error", "input_dropout": 0.0, "time_feature": None, "gap_channel": None, "proj_size": 0}


def hidden_sizes(estimator):
    """Units of each layer; raises a ValueError where `hidden_size` and `num_layers` do not go together."""
    sizes, num_layers = estimator.hidden_size, estimator.num_layers
    if not is_count(num_layers, 1) or num_layers > MAX_LAYERS:
        raise ValueError(f"num_layers must be an int from 1 to {MAX_LAYERS}, got {num_layers!r}.")
    if is_count(sizes, 1):
        return [int(sizes)] * int(num_layers)
    if not isinstance(sizes, (tuple, list)) or not 0 < len(sizes) <= MAX_LAYERS or not all(is_count(size, 1) for size in sizes):
        raise ValueError(f"hidden_size must be an int of at least 1 or a tuple of such, one per layer, got {sizes!r}.")
    if num_layers not in (1, len(sizes)):
        raise ValueError(
            f"hidden_size={sizes!r} gives the widths of {len(sizes)} layers, but num_layers is {num_layers}. Leave num_layers"
            f" at 1, or set it to {len(sizes)}."
        )
    return [int(size) for size in sizes]


def check_poolings(estimator):
    """Raise a ValueError where `pooling` is neither one of the known names nor several different ones."""
    names = pooling_names(estimator.pooling)
    known = [name for name in names if isinstance(name, str) and name in POOLINGS]
    if not names or len(known) < len(names) or len(set(known)) < len(known):
        raise ValueError(
            f"pooling must be one of {', '.join(map(repr, POOLINGS))}, or a tuple of different ones, got {estimator.pooling!r}."
        )


def check_stack(estimator):
    """Raise a ValueError where hyper-parameters of the recurrent layers contradict each other."""
    sizes = hidden_sizes(estimator)
    if isinstance(estimator.forget_bias, str) and estimator.forget_bias not in TIMESCALES:
        raise ValueError(f"forget_bias must be a number or one of {sorted(TIMESCALES)}, got {estimator.forget_bias!r}.")
    if estimator.input_dropout and estimator.missing == "error":
        raise ValueError(
            f"input_dropout={estimator.input_dropout} makes values missing in training, which missing='error' does not allow. Set"
            " missing='indicator' or 'decay', or input_dropout=0."
        )
    check_projection(estimator, sizes)
    if estimator.residual and len(set(sizes)) > 1 and not estimator.proj_size:
        raise ValueError(
            "residual=True adds the input of a layer to its output, so the layers after the first must be as wide as the one"
            f" before, got hidden_size={estimator.hidden_size!r}. Use one width, or residual=False."
        )


def check_projection(estimator, sizes):
    """Raise a ValueError where the units of a layer, given the units of each, or the cell allow no `proj_size`."""
    size, cells = estimator.proj_size, [name for name, cell in CELLS.items() if cell.can_project]
    if not is_count(size):
        raise ValueError(f"proj_size must be an int of at least 0, got {size!r}.")
    if size and estimator.cell not in cells:
        raise ValueError(
            f"proj_size={size} is for cells with a cell state, which are {', '.join(map(repr, cells))}, got"
            f" cell={estimator.cell!r}. Set one of these cells, or proj_size=0."
        )
    for k, hidden_size in enumerate(sizes):
        if size >= hidden_size:
            raise ValueError(
                f"proj_size must be less than the number of units of each layer, got proj_size={size} and {hidden_size} units in"
                f" layer {k}. Set a smaller proj_size or a larger hidden_size, or proj_size=0 for no projection."
            )


def check_reduction(estimator):
    """Raise a ValueError where hyper-parameters of the pooling, or of truncated back-propagation, contradict others."""
    check_poolings(estimator)
    if estimator.bptt_steps is not None and estimator.bidirectional:
        raise ValueError(
            f"bptt_steps={estimator.bptt_steps} walks through a sequence in chunks and carries the state along, which the reverse"
            " direction of a bidirectional network cannot do: it begins at the end. Set bidirectional=False or bptt_steps=None."
        )


def network_spec(estimator, n_channels, target, form):
    """The network that the hyper-parameters, X and y ask for; parameters as in `stack_spec`."""
    poolings = list(pooling_names(estimator.pooling))
    widths = embedding_widths(estimator.embedding_dim, form["categories_"])
    spec = stack_spec(estimator, n_channels, target, form, widths)
    spec["pooling"] = None if estimator.return_sequences else poolings if len(poolings) > 1 else poolings[0]
    return spec | ({"structure": structure_of(estimator, target)} if LOSSES[target.loss].is_structured else {})


def stack_spec(estimator, n_channels, target, form, widths):
    """What every network has, as far as the hyper-parameters, X and y ask for it.

    Parameters
    ----------
    estimator : BaseNetworkEstimator
    n_channels : int
    target : Target
    form : dict
        As from `read_X`.
    widths : list of int
        Of the embeddings of categorical channels.

    Returns
    -------
    dict of plain values
    """
    time, tables = estimator.time_feature, zip(form["_categorical"], form["categories_"], widths, strict=True)
    return {
        "input_size": n_channels,
        "output_size": target.n_outputs,
        "hidden_sizes": hidden_sizes(estimator),
        "cell": estimator.cell,
        "activation": estimator.activation,
        "bidirectional": bool(estimator.bidirectional),
        "merge_mode": estimator.merge_mode,
        "dropout": float(estimator.dropout),
        "recurrent_dropout": float(estimator.recurrent_dropout),
        "residual": bool(estimator.residual),
        "proj_size": int(estimator.proj_size),
        "learned_state": estimator.initial_state == "learned",
        "categories": [[channel, len(values) + 1, width] for channel, values, width in tables],
        "missing": estimator.missing,
        "input_dropout": float(estimator.input_dropout),
        "categorical_features": _plain(estimator.categorical_features),
        "time_feature": time if time is None or isinstance(time, str) else int(time),
        "loss": target.loss,
        "loss_parameters": target.loss_parameters,
        "standardize": bool(estimator.standardize),
    }


def structure_of(estimator, target):
    """What connects the scores of steps, for a loss of whole sequences."""
    return CTC if LOSSES[target.loss].is_unaligned else estimator.structure


def encoder_decoder_spec(estimator, n_channels, target, form):
    """The encoder-decoder that the hyper-parameters, X and y ask for; parameters as in `stack_spec`."""
    tokens = target.attributes.get("classes_")
    vocabularies = [*form["categories_"], *([] if tokens is None else [tokens])]
    widths = embedding_widths(estimator.embedding_dim, vocabularies)
    spec = stack_spec(estimator, n_channels, target, form, widths[: len(form["categories_"])])
    return spec | {
        "attention": estimator.attention,
        "token_width": 0 if tokens is None else widths[-1],
        "scheduled_sampling": float(estimator.scheduled_sampling),
    }


def reconstruction_spec(estimator, n_channels, target, form):
    """The encoder-decoder whose decoder reads nothing but the states that it begins with; parameters as in `stack_spec`."""
    widths = embedding_widths(estimator.embedding_dim, form["categories_"])
    spec = stack_spec(estimator, n_channels, target, form, widths)
    return spec | {"attention": None, "token_width": 0, "scheduled_sampling": 0.0, "reads_outputs": False}


def _plain(values):
    """A list of an array-like; texts and None as they are."""
    return values if values is None or isinstance(values, str) else np.asarray(values, dtype=object).ravel().tolist()


# Text of a spec -> its network, of those that were used last: to check and build one takes longer than many a prediction.
_networks = {}
MAX_NETWORKS = 16


def build(spec):
    """The network of a spec, wherever that comes from; raises a ValueError if it is none."""
    text = repr(spec)
    network = _networks.get(text)
    if network is None:
        network = _build(spec)
        if len(_networks) >= MAX_NETWORKS:
            _networks.clear()
        _networks[text] = network
    return network


def _build(spec):
    try:
        for name in ("hidden_sizes", "categories", *({"static_categories"} & spec.keys())):
            if not isinstance(spec[name], (list, tuple)):
                raise TypeError(f"{name} is a {type(spec[name]).__name__}, no list")
        architecture = {key: value for key, value in spec.items() if key not in NON_NETWORK_KEYS}
        tuples = {
            "hidden_sizes": tuple(spec["hidden_sizes"]),
            "categories": tuple(tuple(category) for category in spec["categories"]),
            "static_categories": tuple(tuple(category) for category in spec.get("static_categories", ())),
        }
        if DECODER_KEYS <= spec.keys():
            return EncoderDecoder(**architecture | tuples)
        tuples["pooling"] = tuple(spec["pooling"]) if isinstance(spec["pooling"], list) else spec["pooling"]
        return Network(**architecture | tuples)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"The network of this estimator was changed since it was fitted: {error}. Fit it afresh.") from error
