"""Weights to and from the state dicts of torch's modules, without torch."""

import re
import reprlib
from collections.abc import Mapping

import numpy as np
from sklearn.exceptions import NotFittedError

from ..estimators import LSTMClassifier
from ..estimators.base import BaseRecurrent
from ..estimators.copies import shallow_copy
from ..inspection.fitted import fitted_network
from ..network.cells import CELLS
from .entries import expected_shapes, given_back, given_there
from .imported import Draft, Table, read_array
from .torch_names import CLASSES, REVERSE, entries_of, has_module, places_of_layers

# The end of the name of a weight of a recurrent layer.
OF_LAYER = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)_l(\d+)(_reverse)?$")
# Gates, the candidate included -> cell.
CELLS_BY_GATES = {max(len(CELLS[cell].gates), 1): cell for cell in CLASSES}
# Beginnings of the names of other matrices than those of the head, in what `to_state_dict` returns.
OTHERS = ("attention.", "input.", "static.")


def check_cell(network):
    """Raise a ValueError where torch has no class that computes what the cell of a network does."""
    if has_module(network):
        return
    others = "Use sklstm.export.to_torch, whose module computes this step by step."
    if network.cell in CLASSES:
        name, activations = CLASSES[network.cell]
        raise ValueError(
            f"torch.nn.{name} has no activation={network.activation!r}, only {', '.join(map(repr, activations))}. {others}"
        )
    raise ValueError(
        f"torch.nn has no recurrent module with cell={network.cell!r}, so that a state dict would mean another network. It has"
        f" {', '.join(map(repr, CLASSES))}. {others}"
    )


def to_state_dict(model, *, rnn="rnn", head="head"):
    """Return the weights of a fitted model as a state dict of PyTorch, without PyTorch.

    Parameters
    ----------
    model : LSTMClassifier or LSTMRegressor
        Fitted, with ``cell="lstm"``, "gru" or "rnn".
    rnn : str, default="rnn"
        Name of the `torch.nn.LSTM`, `torch.nn.GRU` or `torch.nn.RNN` in the module that is to load the weights. "" is for names
        without a prefix, such as ``weight_ih_l0``.
    head : str, default="head"
        Name of the `torch.nn.Linear` that makes scores of what the recurrent layers return.

    Returns
    -------
    dict of str to ndarray
        In the dtype of the model. ``module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})``
        loads them. See Notes for the names.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model is of another class.
    ValueError
        If PyTorch has no such cell or activation. `to_torch` can export those.

    See Also
    --------
    from_state_dict : The way back, and from any such network of PyTorch.
    to_torch : The whole model as a module of PyTorch.

    Notes
    -----
    The weights take X in the units of the data. Names of the recurrent layers are those of PyTorch: ``rnn.weight_ih_l0``,
    ``rnn.weight_hh_l0``, ``rnn.bias_ih_l0``, ``rnn.bias_hh_l0``, with ``_reverse`` for the second direction, and
    ``rnn.weight_hr_l0`` of a projection. The second bias is 0, apart from that of the candidate of a GRU. Layers of different
    widths, with summed directions or with a residual connection are modules of their own: ``rnn.0.weight_ih_l0``,
    ``rnn.1.weight_ih_l0``. The head is ``head.weight`` and ``head.bias``. Where the model has them there are also

    - ``h0`` and ``c0``, initial states of shape (n_layers n_directions, 1, hidden_size), of modules of their own ``h0.0``,
    - ``attention.0`` and ``attention.2``, of ``Sequential(Linear(F, F), Tanh(), Linear(F, 1, bias=False))``,
    - ``input.embedding.<channel>.weight`` with a row for unknown values and one for each of `categories_`, and other names with
      ``input`` for scales and what stands for missing values,
    - the same with ``static`` for static features, ``static.state_l0`` for what they add to initial states, and ``static.head``,
      and
    - ``crf``, as in the package pytorch-crf.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import to_state_dict
    >>> X = np.random.default_rng(0).normal(size=(50, 20, 2))
    >>> model = LSTMClassifier(8, pooling="last", max_iter=2, random_state=0).fit(X, X.sum(axis=(1, 2)) > 0)
    >>> for name, array in to_state_dict(model, rnn="lstm", head="linear").items():
    ...     print(name, array.shape)
    lstm.weight_ih_l0 (32, 2)
    lstm.weight_hh_l0 (32, 8)
    lstm.bias_ih_l0 (32,)
    lstm.bias_hh_l0 (32,)
    linear.weight (1, 8)
    linear.bias (1,)
    """
    network, theta = fitted_network(model, "to_state_dict", BaseRecurrent)
    check_cell(network)
    entries = entries_of(network, places_of_layers(network, _prefix("rnn", rnn)), _prefix("head", head))
    return given_there(entries, network.layout.views(theta))


def from_state_dict(
    state, estimator=LSTMClassifier, *, classes=None, categories=None, multilabel=False, rnn=None, head=None,
    embedding=None, blank=0, **parameters,
):
    """Return a fitted model with the weights of a state dict of PyTorch, without PyTorch.

    Parameters
    ----------
    state : dict of str to ndarray or tensor
        As from ``module.state_dict()`` of a module with a `torch.nn.LSTM`, `torch.nn.GRU` or `torch.nn.RNN` and a
        `torch.nn.Linear`, from `to_state_dict`, or from a file of weights. Biases that are not there (``bias=False``) are 0.
    estimator : type or fitted estimator, default=LSTMClassifier
        The class :class:`~sklstm.LSTMClassifier` or :class:`~sklstm.LSTMRegressor`. Or a fitted model, of which a copy with
        other weights is returned, such as the one that was exported before it was trained further.
    classes : array-like of shape (n_classes,), default=None
        Labels of a classifier, in the order of the outputs of the linear layer; None means 0, 1, and so on. Of two classes the
        linear layer has two outputs, or one, the log-odds of the second class.
    categories : array-like of shape (n_categories,), default=None
        Values of X that the rows of the table of a `torch.nn.Embedding` are of; None means 0, 1, and so on.
    multilabel : bool, default=False
        Whether each output is the log-odds of a label by itself, as with `torch.nn.BCEWithLogitsLoss`.
    rnn : str or list of str, default=None
        Name of the recurrent module within the module, or names of several, of which each reads the one before. None finds it,
        if it is the only one; "" is the module itself.
    head : str, default=None
        Name of the linear layer. None finds it, if it is the only one.
    embedding : str, default=None
        Name of a `torch.nn.Embedding` that the recurrent layers read. None finds it, by its shape and as it has no bias. The
        estimator then has one channel, of categories; a category that the table does not have gets the mean of its vectors.
    blank : int, default=0
        Output of the linear layer that stands for blank, as in `torch.nn.CTCLoss`. `classes` do not name it. Ignored unless
        ``loss="ctc"`` is among the parameters.
    **parameters : object
        Other hyper-parameters of the class: ``pooling`` (here "last" unless given), ``return_sequences``, ``loss``,
        ``activation``, ``merge_mode``, and all that training continues with. Layers, cell, directions and units are those of the
        state.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
        Fitted. It predicts what the module does, and ``set_params(warm_start=True).fit(X, y)`` continues its training.

    Raises
    ------
    TypeError
        If the state is no dict of arrays, or the class has no such parameter.
    ValueError
        If a name is missing, unknown or ambiguous, an array has another shape than expected or is not finite, or a
        hyper-parameter is invalid. The message has the name.

    See Also
    --------
    to_state_dict : The way there.

    Notes
    -----
    Weights stay in the units that they were trained in, so that the estimator has ``standardize=False``: transform X and y
    as for the module. Its dtype is float64 if an array is, else float32. ``pooling="last"`` is ``h_n`` of the last layer, of two
    directions side by side; ``output[:, -1]`` of a bidirectional module is something else, and is not available. A module
    with other layers, such as normalisation or a second linear layer after the recurrent ones, is none that the estimators have.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.export import from_state_dict
    >>> rng = np.random.default_rng(0)
    >>> shapes = {"lstm.weight_ih_l0": (32, 2), "lstm.weight_hh_l0": (32, 8), "lstm.bias_ih_l0": 32, "lstm.bias_hh_l0": 32}
    >>> shapes |= {"linear.weight": (3, 8), "linear.bias": 3}
    >>> state = {name: rng.normal(size=shape) for name, shape in shapes.items()}  # such as module.state_dict()
    >>> model = from_state_dict(state, classes=["run", "sit", "walk"], pooling="last")
    >>> model.predict_proba(rng.normal(size=(2, 20, 2))).shape
    (2, 3)
    """
    arrays = _read(state)
    places = _places(arrays, rnn)
    embedding, head = _found_matrices(arrays, places, embedding, head)
    if not isinstance(estimator, type):
        _refuse_parameters({"classes": classes, "categories": categories, "multilabel": multilabel or None} | parameters)
        return _with_weights(estimator, arrays, places, head)
    n_channels, decided = _architecture(arrays, places)
    table = Table.none(categories) if embedding is None else Table(arrays.pop(f"{embedding}weight"), categories)
    if table is not None:
        n_channels, decided = 1, decided | table.parameters
        of_no_number = dict.fromkeys(("input.scale", "input.offset"), np.zeros(0, np.float32))
        arrays |= {"input.embedding.0.weight": table.rows} | of_no_number
    n_scores = _array(arrays, f"{head}weight", 2).shape[0]
    draft = Draft(estimator, parameters, decided, n_channels, n_scores, classes, multilabel, table, blank)
    network = draft.network
    _check_width(arrays[f"{head}weight"], f"{head}weight", network)
    entries = entries_of(network, places, head)
    shapes = expected_shapes(network, entries)
    shapes |= {f"{head}weight": (n_scores, network.head.input_size), f"{head}bias": (n_scores,)}
    _fill_biases(arrays, shapes)
    _check(arrays, shapes)
    return draft.fitted(draft.adapted(given_back(entries, arrays)), np.result_type(np.float32, *arrays.values()))


def _with_weights(model, arrays, places, head):
    """A copy of a fitted model with other weights."""
    if isinstance(model, BaseRecurrent) and not model.__sklearn_is_fitted__():
        raise NotFittedError(
            f"estimator is a {type(model).__name__} that is not fitted. Pass the class, and its hyper-parameters beside it:"
            f" from_state_dict(state, {type(model).__name__}, pooling=...)."
        )
    network, _ = fitted_network(model, "from_state_dict", BaseRecurrent)
    check_cell(network)
    if len(places) != len(network.layers):
        raise ValueError(f"The state has {len(places)} recurrent layers, but the model has {len(network.layers)}.")
    entries = entries_of(network, places, head)
    shapes = expected_shapes(network, entries)
    _fill_biases(arrays, shapes)
    _check(arrays, shapes)
    return shallow_copy(model).set_weights(given_back(entries, arrays))


def _refuse_parameters(parameters):
    given = [name for name, value in parameters.items() if value is not None]
    if given:
        raise ValueError(
            f"{', '.join(given)} of a fitted model are what they are: leave them out, or pass its class to get a new model."
        )


# ---- arrays ----


def _read(state):
    """Name -> array of real, finite numbers."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"state must be a dict of names to arrays, got {type(state).__name__}. Pass module.state_dict() of a module."
        )
    return {_checked_name(name): read_array(repr(name), value) for name, value in state.items()}


def _checked_name(name):
    if not isinstance(name, str):
        raise TypeError(f"Names in a state dict must be texts, got {reprlib.repr(name)}.")
    return name


def _array(arrays, name, n_axes):
    """The array of a name, which must be there and have so many axes."""
    if name not in arrays:
        raise ValueError(f"The state has no {name!r}. {_its_names(arrays)}")
    if arrays[name].ndim != n_axes:
        raise ValueError(f"{name!r} must have {n_axes} axes, got shape {arrays[name].shape}.")
    return arrays[name]


def _its_names(arrays):
    return f"Its names are {_listed(arrays)}." if arrays else "It is empty."


def _listed(names, most=12):
    """Names as a text, a dozen at most."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


# ---- which modules there are ----


def _prefix(parameter, name):
    if not isinstance(name, str):
        raise TypeError(f"{parameter} must be the name of a module, got {reprlib.repr(name)}.")
    return name if name == "" or name.endswith(".") else f"{name}."


def _places(arrays, rnn):
    """As from `places_of_layers`, for the modules that are named, or that are there."""
    found = {}
    for name in arrays:
        match = OF_LAYER.search(name)
        if match:
            found.setdefault(name[: match.start()], set()).add(int(match[2]))
    modules = _found_modules(arrays, found) if rnn is None else [_prefix("rnn", one) for one in _several(rnn)]
    for module in modules:
        if module not in found:
            raise ValueError(f"The state has no {module + 'weight_ih_l0'!r}, which rnn={rnn!r} means. {_its_names(arrays)}")
    for module in modules:
        missing = next(k for k in range(len(found[module]) + 1) if k not in found[module])
        if missing < len(found[module]):
            raise ValueError(f"The state has no {module + f'weight_ih_l{missing}'!r}, but layers above it. {_its_names(arrays)}")
    return [(module, k) for module in modules for k in range(len(found[module]))]


def _several(rnn):
    names = list(rnn) if isinstance(rnn, (list, tuple)) else [rnn]
    if not names:
        raise ValueError(f"rnn must be the name of a module, or a list of at least one, got {rnn!r}.")
    return names


def _found_modules(arrays, found):
    if not found:
        raise ValueError(
            "The state has no recurrent layer: expected names like 'rnn.weight_ih_l0', of torch.nn.LSTM, GRU or RNN."
            f" {_its_names(arrays)}"
        )
    modules = list(found)
    if len(modules) > 1:
        numbers = [re.fullmatch(r"(.*?)(\d+)\.", module, re.DOTALL) for module in modules]
        if all(numbers) and len({match[1] for match in numbers}) == 1:
            by_number = sorted(numbers, key=lambda match: int(match[2]))
            if [int(match[2]) for match in by_number] == list(range(len(modules))):
                return [match[0] for match in by_number]
        raise ValueError(
            f"The state has {len(modules)} recurrent modules: {', '.join(map(repr, modules))}. Name one by rnn, or several in the"
            " order in which they read each other, and pass no weights of others."
        )
    return modules


def _found_matrices(arrays, places, embedding, head):
    """Prefixes of the table of vectors, or None, and of the linear layer."""
    embedding, head = (None if name is None else _prefix(what, name) for what, name in (("embedding", embedding), ("head", head)))
    for name in filter(None, (embedding, head)):
        _array(arrays, f"{name}weight", 2)
    matrices = [name for name, array in arrays.items() if array.ndim == 2 and re.fullmatch(r"(.*\.)?weight", name, re.DOTALL)]
    found = [name.removesuffix("weight") for name in matrices if not name.startswith(OTHERS)]
    found = [name for name in found if name not in (embedding, head)]
    width = _array(arrays, "{}weight_ih_l{}".format(*places[0]), 2).shape[1]
    if embedding is None:
        tables = [name for name in found if arrays[f"{name}weight"].shape[1] == width and f"{name}bias" not in arrays]
        if len(tables) == 1 and len(found) == 1 + (head is None):
            embedding = tables[0]
            found.remove(embedding)
    if head is None:
        if len(found) != 1:
            what = f"{len(found)} linear layers: {', '.join(map(repr, found))}" if found else "no linear layer"
            raise ValueError(
                f"The state has {what}, but one is expected, which makes scores of what the recurrent layers return, with names"
                f" like 'head.weight' and 'head.bias'. Name it by head, or a table of vectors by embedding, and pass no weights"
                f" of others. {_its_names(arrays)}"
            )
        head = found[0]
    return embedding, head


def _architecture(arrays, places):
    """Number of channels, and the hyper-parameters that the shapes decide."""
    sizes, cells, projections = [], set(), set()
    bidirectional = any(f"{module}weight_ih_l{k}{REVERSE}" in arrays for module, k in places)
    for module, k in places:
        _, weight_hh = (_array(arrays, f"{module}{name}_l{k}", 2) for name in ("weight_ih", "weight_hh"))
        projection = arrays.get(f"{module}weight_hr_l{k}")
        size = weight_hh.shape[1] if projection is None else _array(arrays, f"{module}weight_hr_l{k}", 2).shape[1]
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


# ---- what is checked ----


def _check_width(weight, name, network):
    """Raise a ValueError where the linear layer does not read what the pooling makes."""
    expected, got = network.head.input_size, weight.shape[1]
    if got != expected:
        pooling = "return_sequences=True" if network.pooling is None else f"pooling={network.pooling!r}"
        raise ValueError(
            f"{name!r} has shape {weight.shape}, so the linear layer reads {got} numbers, but {pooling} of the last layer makes"
            f" {expected}. Pass the pooling that the module has, a tuple for several side by side, or merge_mode='sum' where it"
            " adds the outputs of two directions."
        )


def _fill_biases(arrays, shapes):
    """Write zeros where there are no biases: both of a recurrent layer, or that of a linear one."""
    for name, shape in shapes.items():
        pair = (name, name.replace("bias_ih", "bias_hh")) if "bias_ih" in name else (name,) if name.endswith(".bias") else ()
        if pair and not any(one in arrays for one in pair):
            arrays |= dict.fromkeys(pair, np.zeros(shape, np.float32))


def _check(arrays, shapes):
    """Raise a ValueError that names what is missing, unknown or of another shape."""
    missing, unknown = [name for name in shapes if name not in arrays], [name for name in arrays if name not in shapes]
    if missing or unknown:
        parts = [f"has no {_listed(f'{name!r} of shape {shapes[name]}' for name in missing)}"] if missing else []
        parts += [f"has {_listed(map(repr, unknown))}, which this network does not have"] if unknown else []
        raise ValueError(
            f"The state {' and '.join(parts)}. Expected are {_listed(shapes, 40)}. Pass these alone; rnn and head name modules."
        )
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name!r} must have shape {shape} in this network, got {arrays[name].shape}.")
