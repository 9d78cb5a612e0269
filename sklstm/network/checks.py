"""Checks that the kernels rely on: every part of a network has a valid size, and the weights fit the network.

Estimators validate hyper-parameters before, but that can be switched off, and nobody has validated the contents of a pickle.
"""

from itertools import pairwise
from numbers import Integral, Real

import numpy as np

from .cells import CELLS
from .cross_attention import ATTENTIONS
from .input_layer import MISSING
from .pooling import POOLINGS
from .recurrent import ACTIVATIONS, MERGE_MODES
from .structure import CTC, STRUCTURES

# Layers are Python objects: that many take a second to build.
MAX_LAYERS = 10_000
# Largest number of channels, units and scores, some of which are listed one by one.
MAX_SIZE = 1 << 24
# Eight terabytes of weights, far below where sizes in bytes or numbers of columns overflow.
MAX_PARAMETERS = 1 << 40


def is_count(value, low=0):
    """Whether a value is an integer of at least `low`, and not a boolean."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_)) and value >= low


def _is_size(value):
    return is_count(value, 1) and value <= MAX_SIZE


def _is_rate(value):
    return isinstance(value, Real) and 0 <= value < 1


def _is_one_of(names):
    return lambda value: isinstance(value, str) and value in names


def _are_sizes(values):
    return isinstance(values, (tuple, list)) and 0 < len(values) <= MAX_LAYERS and all(map(_is_size, values))


def _are_poolings(values):
    if values is None or _is_one_of(POOLINGS)(values):
        return True
    several = isinstance(values, (tuple, list)) and len(values) > 0 and all(map(_is_one_of(POOLINGS), values))
    return several and len(set(values)) == len(values)


def _are_categories(values):
    if not isinstance(values, (tuple, list)) or not all(isinstance(one, (tuple, list)) and len(one) == 3 for one in values):
        return False
    sound = all(is_count(channel) and is_count(rows, 1) and is_count(width, 1) for channel, rows, width in values)
    return sound and all(one[0] < other[0] for one, other in pairwise(values))


CATEGORIES = "a {}, in ascending order, its number of codes and the width of its vectors (see embedding_dim), each at least 1"

# Attribute of a network -> description of a valid value, and a test of one.
EXPECTED = {
    "input_size": (f"an int from 1 to {MAX_SIZE}", _is_size),
    "output_size": (f"an int from 1 to {MAX_SIZE}", _is_size),
    "hidden_sizes": (f"1 to {MAX_LAYERS} ints from 1 to {MAX_SIZE}, one per layer (hidden_size, num_layers)", _are_sizes),
    "cell": (f"one of {sorted(CELLS)}", _is_one_of(CELLS)),
    "activation": (f"one of {sorted(ACTIVATIONS)}", _is_one_of(ACTIVATIONS)),
    "merge_mode": (f"one of {sorted(MERGE_MODES)}", _is_one_of(MERGE_MODES)),
    "pooling": (f"one of {sorted(POOLINGS)}, a tuple of different ones, or None", _are_poolings),
    "dropout": ("a number of at least 0 and below 1", _is_rate),
    "recurrent_dropout": ("a number of at least 0 and below 1", _is_rate),
    "categories": (CATEGORIES.format("channel"), _are_categories),
    "input_dropout": ("a number of at least 0 and below 1", _is_rate),
    "missing": (f"one of {sorted(MISSING)}", _is_one_of(MISSING)),
    "gap_channel": ("None or the number of a channel", lambda value: value is None or is_count(value)),
    "static_size": (f"an int from 0 to {MAX_SIZE}", lambda value: is_count(value) and value <= MAX_SIZE),
    "static_categories": (CATEGORIES.format("static feature"), _are_categories),
    "structure": (
        f"one of {[*STRUCTURES, CTC]} or None", lambda value: value is None or _is_one_of((*STRUCTURES, CTC))(value)
    ),
    "proj_size": (f"an int from 0 to {MAX_SIZE}", lambda value: is_count(value) and value <= MAX_SIZE),
}


def check_network(network):
    """Raise a ValueError if a network cannot be built from its attributes."""
    _check(network, EXPECTED)
    if network.input_dropout and network.missing == "error":
        raise ValueError("A network cannot be built: input_dropout makes values missing, which missing='error' does not allow.")
    if network.structure is not None and network.pooling is not None:
        raise ValueError("A network cannot be built: a structure connects the scores of steps, so that pooling must be None.")
    if network.proj_size and not (CELLS[network.cell].can_project and network.proj_size < min(network.hidden_sizes)):
        raise ValueError(
            "A network cannot be built: proj_size must be less than each of hidden_sizes, and 0 for a cell with no state but h,"
            f" got {network.proj_size} for cell={network.cell!r} and hidden_sizes={_shown(network.hidden_sizes)}."
        )
    sizes = {"categories": (network.input_size, "channel"), "static_categories": (network.static_size, "static feature")}
    for name, (size, what) in sizes.items():
        for column, _, _ in getattr(network, name):
            if column >= size:
                raise ValueError(f"A network cannot be built: {name} are of {what} {column}, but it has {size} {what}s.")
    gap = network.gap_channel
    if gap is not None and (gap >= network.input_size or gap in {channel for channel, _, _ in network.categories}):
        size = network.input_size
        raise ValueError(f"A network cannot be built: gap_channel is {gap}, which is no numeric one of the {size} channels.")


# The same of an encoder and a decoder, beside what the encoder has of a network.
EXPECTED_OF_DECODER = {
    "output_size": EXPECTED["output_size"],
    "attention": (f"one of {sorted(ATTENTIONS)} or None", lambda value: value is None or _is_one_of(ATTENTIONS)(value)),
    "token_width": (f"an int from 0 to {MAX_SIZE}", lambda value: is_count(value) and value <= MAX_SIZE),
    "scheduled_sampling": ("a number from 0 to 1", lambda value: isinstance(value, Real) and 0 <= value <= 1),
    "reads_outputs": ("a boolean", lambda value: isinstance(value, bool)),
}


def check_encoder_decoder(network):
    """Raise a ValueError if the decoder of an `EncoderDecoder` cannot be built; the encoder is checked by itself."""
    _check(network, EXPECTED_OF_DECODER)
    if not network.reads_outputs and (network.token_width or network.scheduled_sampling):
        raise ValueError(
            "A network cannot be built: a decoder that reads no outputs has neither vectors of tokens (token_width) nor"
            " scheduled_sampling."
        )


def check_layout(layout, network):
    """Raise a ValueError if there are more parameters than fit into the memory of any machine."""
    if layout.size > MAX_PARAMETERS:
        raise ValueError(
            f"A network cannot be built: it would have {layout.size:.3g} weights, more than any machine holds, by"
            f" hidden_sizes={_shown(network.hidden_sizes)}. Set a smaller hidden_size, num_layers or embedding_dim."
        )


def check_vector(vector, size):
    """Raise a ValueError unless a vector can hold the `size` parameters of a network."""
    if not isinstance(vector, np.ndarray):
        got = type(vector).__name__
    elif vector.shape != (size,) or vector.dtype not in (np.float32, np.float64):
        got = f"shape {vector.shape}, {vector.dtype}"
    elif not (vector.flags.c_contiguous and vector.flags.aligned):
        got = "an array that is not contiguous, or not aligned"
    else:
        return
    raise ValueError(
        f"The weights are not those of the network: expected {size} numbers, float32 or float64, in a contiguous array, got"
        f" {got}. The estimator was changed since it was fitted: fit it afresh, or load it again."
    )


def _check(network, expected):
    for name, (what, is_sound) in expected.items():
        value = getattr(network, name)
        if not is_sound(value):
            raise ValueError(f"A network cannot be built: {name} must be {what}, got {_shown(value)}.")


def _shown(value):
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
