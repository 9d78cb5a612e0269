"""Reading the state dict of a module of torch: its arrays, and which recurrent and other layers it has."""

import re
import reprlib
from collections.abc import Mapping

from ...network.cells import CELLS
from ..imported import read_array
from .names import CLASSES, REVERSE

# The end of the name of a weight of a recurrent layer.
OF_LAYER = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)_l(\d+)(_reverse)?$")
# Gates, the candidate included -> cell.
CELLS_BY_GATES = {max(len(CELLS[cell].gates), 1): cell for cell in CLASSES}
# What wraps a module (`torch.nn.DataParallel`, `torch.compile`) and puts in front of all names.
WRAPPERS = ("module.", "_orig_mod.")
# In what `to_state_dict` returns, the table of a model whose only channel is one of categories.
OWN_TABLE = "input.embedding.0."
# Beginnings of the names of other matrices than those of the head, in what `to_state_dict` returns.
OTHERS = ("attention.", "input.", "static.")


# ---- arrays ----


def read_state(state):
    """Name -> array of real, finite numbers."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"state must be a dict of names to arrays, got {type(state).__name__}. Pass module.state_dict() of a module."
        )
    arrays = {_checked_name(name): read_array(repr(name), value) for name, value in state.items()}
    while arrays and any(all(name.startswith(wrapper) for name in arrays) for wrapper in WRAPPERS):
        arrays = {name.partition(".")[2]: array for name, array in arrays.items()}
    return arrays


def _checked_name(name):
    if not isinstance(name, str):
        raise TypeError(f"Names in a state dict must be texts, got {reprlib.repr(name)}.")
    return name


def matrix_of(arrays, name, n_axes):
    """The array of a name, which must be there and have so many axes."""
    if name not in arrays:
        raise ValueError(f"The state has no {name!r}. {its_names(arrays)}")
    if arrays[name].ndim != n_axes or not arrays[name].size:
        raise ValueError(f"{name!r} must have {n_axes} axes, and at least one number, got shape {arrays[name].shape}.")
    return arrays[name]


def its_names(arrays):
    return f"Its names are {listed(arrays)}." if arrays else "It is empty."


def listed(names, most=12):
    """Names as a text, a dozen at most."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


# ---- which modules there are ----


def prefix_of(parameter, name):
    if not isinstance(name, str):
        raise TypeError(f"{parameter} must be the name of a module, got {reprlib.repr(name)}.")
    while name.startswith(WRAPPERS):
        name = name.partition(".")[2]
    return name if name == "" or name.endswith(".") else f"{name}."


def found_places(arrays, rnn):
    """As from `places_of_layers`, for the modules that are named, or that are there."""
    found = {}
    for name in arrays:
        match = OF_LAYER.search(name)
        if match:
            found.setdefault(name[: match.start()], set()).add(int(match[2]))
    modules = _found_modules(arrays, found) if rnn is None else [prefix_of("rnn", one) for one in _several(rnn)]
    for module in modules:
        if module not in found:
            raise ValueError(f"The state has no {module + 'weight_ih_l0'!r}, which rnn={rnn!r} means. {its_names(arrays)}")
    for module in modules:
        missing = next(k for k in range(len(found[module]) + 1) if k not in found[module])
        if missing < len(found[module]):
            raise ValueError(f"The state has no {module + f'weight_ih_l{missing}'!r}, but layers above it. {its_names(arrays)}")
    return [(module, k) for module in modules for k in range(len(found[module]))]


def _several(rnn):
    names = list(rnn) if isinstance(rnn, (list, tuple)) else [rnn]
    if not names or len(set(map(str, names))) < len(names):
        raise ValueError(f"rnn must be the name of a module, or a list of different ones, at least one, got {rnn!r}.")
    return names


def _found_modules(arrays, found):
    if not found:
        raise ValueError(
            "The state has no recurrent layer: expected names like 'rnn.weight_ih_l0', of torch.nn.LSTM, GRU or RNN."
            f" {its_names(arrays)}"
        )
    modules = list(found)
    if len(modules) > 1:
        numbers = [re.fullmatch(r"(.*?)(\d+)\.", module, re.DOTALL) for module in modules]
        if all(numbers) and len({match[1] for match in numbers}) == 1:
            by_number = sorted(numbers, key=lambda match: int(match[2]))
            names = [match[0] for match in by_number]
            widths = {arrays[f"{name}weight_ih_l0"].shape[1:] for name in names if f"{name}weight_ih_l0" in arrays}
            # Several of one width may stand side by side; those of `to_state_dict` do not.
            is_stack = len(widths) > 1 or names[0] == "rnn.0."
            if is_stack and [int(match[2]) for match in by_number] == list(range(len(modules))):
                return names
        raise ValueError(
            f"The state has {len(modules)} recurrent modules: {', '.join(map(repr, modules))}. Name one by rnn, or several in the"
            " order in which they read each other, and pass no weights of others."
        )
    return modules


def found_matrices(arrays, places, embedding, head):
    """Prefixes of the table of vectors, or None, and of the linear layer."""
    embedding = None if embedding is None else prefix_of("embedding", embedding)
    head = None if head is None else prefix_of("head", head)
    for name in filter(None, (embedding, head)):
        if name.startswith(OTHERS) and name != OWN_TABLE:
            raise ValueError(f"{name!r} is no table or linear layer of a whole network, but a part of a model of sklstm.")
        matrix_of(arrays, f"{name}weight", 2)
    matrices = [name for name, array in arrays.items() if array.ndim == 2 and re.fullmatch(r"(.*\.)?weight", name, re.DOTALL)]
    found = [name.removesuffix("weight") for name in matrices if not name.startswith(OTHERS)]
    found = [name for name in found if name not in (embedding, head)]
    width = matrix_of(arrays, "{}weight_ih_l{}".format(*places[0]), 2).shape[1]
    if embedding is None and f"{OWN_TABLE}weight" in arrays:
        embedding = OWN_TABLE
    elif embedding is None:
        tables = [name for name in found if arrays[f"{name}weight"].shape[1] == width and f"{name}bias" not in arrays]
        tables = [name for name in tables if "emb" in name.lower()]  # a linear layer without a bias looks the same
        if len(tables) == 1 and len(found) == 1 + (head is None):
            embedding = tables[0]
            found.remove(embedding)
    if head is None:
        if len(found) != 1:
            what = f"{len(found)} linear layers: {', '.join(map(repr, found))}" if found else "no linear layer"
            raise ValueError(
                f"The state has {what}, but one is expected, which makes scores of what the recurrent layers return, with names"
                f" like 'head.weight' and 'head.bias'. Name it by head, or a table of vectors by embedding, and pass no weights"
                f" of others. {its_names(arrays)}"
            )
        head = found[0]
    return embedding, head


def architecture_of(arrays, places):
    """Number of channels, and the hyper-parameters that the shapes decide."""
    sizes, cells, projections = [], set(), set()
    bidirectional = any(f"{module}weight_ih_l{k}{REVERSE}" in arrays for module, k in places)
    for module, k in places:
        _, weight_hh = (matrix_of(arrays, f"{module}{name}_l{k}", 2) for name in ("weight_ih", "weight_hh"))
        projection = arrays.get(f"{module}weight_hr_l{k}")
        size = weight_hh.shape[1] if projection is None else matrix_of(arrays, f"{module}weight_hr_l{k}", 2).shape[1]
        n_gates, rest = divmod(weight_hh.shape[0], size or 1)
        if rest or n_gates not in CELLS_BY_GATES:
            raise ValueError(
                f"{module + f'weight_hh_l{k}'!r} has shape {weight_hh.shape}, but an LSTM of {size} units has {4 * size} rows"
                f" there, a GRU {3 * size} and an RNN {size}."
            )
        sizes.append(size)
        cells.add(CELLS_BY_GATES[n_gates])
        projections.add(0 if projection is None else projection.shape[0])
    if len(cells) > 1 or len(projections) > 1:
        raise ValueError(
            f"The recurrent layers have cell={sorted(cells)} and proj_size={sorted(projections)}, but all layers of an estimator"
            " have the same. Pass a network of one kind of layer."
        )
    (cell,), (projection,) = cells, projections
    decided = {"cell": cell, "bidirectional": bidirectional, "hidden_size": tuple(sizes)}
    if len(set(sizes)) == 1:
        decided |= {"hidden_size": sizes[0], "num_layers": len(sizes)}
    if any(name in arrays for name in ("h0", "h0.0")):
        decided["initial_state"] = "learned"
    if projection:
        decided["proj_size"] = projection
    module, k = places[0]
    return arrays[f"{module}weight_ih_l{k}"].shape[1], decided
