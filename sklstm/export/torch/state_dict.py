"""Weights to and from the state dicts of torch's modules, without torch."""

import numpy as np
from sklearn.exceptions import NotFittedError

from ...estimators import LSTMClassifier
from ...estimators.base import BaseRecurrent
from ...estimators.copies import shallow_copy
from ...inspection.fitted import fitted_network
from ..entries import arrays_from_other, arrays_to_other, expected_shapes
from ..imported import Draft, Table
from .names import CLASSES, entries_of, has_module, places_of_layers
from .state import OF_LAYER, OWN_TABLE, architecture_of, found_matrices, found_places, listed, matrix_of, prefix_of, read_state


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
    from_state_dict : The reverse, and from any such network of PyTorch.
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
    entries = entries_of(network, places_of_layers(network, prefix_of("rnn", rnn)), prefix_of("head", head))
    return arrays_to_other(entries, network.layout.views(theta))


def from_state_dict(
    state, estimator=LSTMClassifier, *, classes=None, categories=None, multilabel=False, rnn=None, head=None,
    embedding=None, blank=0, **parameters,
):
    """Return a fitted model with the weights of a state dict of PyTorch, without PyTorch.

    Parameters
    ----------
    state : dict of str to ndarray or tensor
        As from ``module.state_dict()`` of a module with a `torch.nn.LSTM`, `torch.nn.GRU` or `torch.nn.RNN` and a
        `torch.nn.Linear`, from `to_state_dict`, or from a file of weights. Missing biases (``bias=False``) are 0.
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
        Name of a `torch.nn.Embedding` that the recurrent layers read. None finds it, if its name contains "emb". The estimator
        then has one channel, of categories; a category that the table does not have gets the mean of its vectors.
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
    to_state_dict : The reverse.

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
    arrays = read_state(state)
    if not isinstance(estimator, type):
        given = {"classes": classes, "categories": categories, "multilabel": multilabel or None, "embedding": embedding}
        _refuse_parameters(given | parameters)
        return _with_weights(estimator, arrays, rnn, head)
    places = found_places(arrays, rnn)
    embedding, head = found_matrices(arrays, places, embedding, head)
    n_channels, decided = architecture_of(arrays, places)
    table = _table(arrays, embedding, categories)
    if table is not None:
        n_channels, decided = 1, decided | table.parameters
        of_no_number = dict.fromkeys(("input.scale", "input.offset"), np.zeros(0, np.float32))
        arrays |= {f"{OWN_TABLE}weight": table.rows} | of_no_number
    n_scores = matrix_of(arrays, f"{head}weight", 2).shape[0]
    draft = Draft(estimator, parameters, decided, n_channels, n_scores, classes, multilabel, table, blank)
    network = draft.network
    check_cell(network)
    _check_width(arrays[f"{head}weight"], f"{head}weight", network)
    entries = entries_of(network, places, head)
    shapes = expected_shapes(network, entries)
    shapes |= {f"{head}weight": (n_scores, network.head.input_size), f"{head}bias": (n_scores,)}
    _fill_biases(arrays, shapes, head)
    _check(arrays, shapes)
    return draft.fitted(draft.adapted(arrays_from_other(entries, arrays)), np.result_type(np.float32, *arrays.values()))


def _table(arrays, embedding, categories):
    """The `Table` of the categories, if there is one; that of `to_state_dict` has the vector of the unknown in its first row."""
    is_own = embedding == OWN_TABLE and not arrays.get("input.scale", np.zeros(0)).size and len(arrays[f"{OWN_TABLE}weight"]) > 1
    if any(name.startswith("input.") for name in arrays) and not is_own:
        raise ValueError(
            "The state is of a model of sklstm that reads more than numbers or one channel of categories, so that only a copy of"
            " that model can have these weights: from_state_dict(state, model)."
        )
    if embedding is None:
        return Table.none(categories)
    vectors = arrays.pop(f"{embedding}weight")
    return Table(vectors[1:], categories, vectors[0]) if is_own else Table(vectors, categories)


def _with_weights(model, arrays, rnn, head):
    """A copy of a fitted model with other weights."""
    if isinstance(model, BaseRecurrent) and not model.__sklearn_is_fitted__():
        raise NotFittedError(
            f"estimator is a {type(model).__name__} that is not fitted. Pass the class, and its hyper-parameters beside it:"
            f" from_state_dict(state, {type(model).__name__}, pooling=...)."
        )
    network, _ = fitted_network(model, "from_state_dict", BaseRecurrent)
    if has_module(network):
        places = found_places(arrays, rnn)
        _, head = found_matrices(arrays, places, None, head)
    else:  # a module of `to_torch`, with names of its own
        places = places_of_layers(network, prefix_of("rnn", "rnn" if rnn is None else rnn))
        head = prefix_of("head", "head" if head is None else head)
    if len(places) != len(network.layers):
        raise ValueError(f"The state has {len(places)} recurrent layers, but the model has {len(network.layers)}.")
    entries = entries_of(network, places, head)
    shapes = expected_shapes(network, entries)
    _fill_biases(arrays, shapes, head)
    _check(arrays, shapes)
    return shallow_copy(model).set_weights(arrays_from_other(entries, arrays))


def _refuse_parameters(parameters):
    given = [name for name, value in parameters.items() if value is not None]
    if given:
        raise ValueError(
            f"{', '.join(given)} of a fitted model cannot be changed. Leave them out, or pass its class to get a new model."
        )


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


def _fill_biases(arrays, shapes, head):
    """Write zeros for the biases of recurrent modules that have none (``bias=False``), and for that of the head."""
    found = {name: OF_LAYER.search(name) for name in {*arrays, *shapes}}
    modules = {name: name[: at.start()] for name, at in found.items() if at and at[1].startswith("bias")}
    with_biases = {module for name, module in modules.items() if name in arrays}
    for name, shape in shapes.items():
        if name == f"{head}bias" or modules.get(name) not in {None, *with_biases}:
            arrays.setdefault(name, np.zeros(shape, np.float32))


def _check(arrays, shapes):
    """Raise a ValueError that names what is missing, unknown or of another shape."""
    missing, unknown = [name for name in shapes if name not in arrays], [name for name in arrays if name not in shapes]
    if missing or unknown:
        parts = [f"has no {listed(f'{name!r} of shape {shapes[name]}' for name in missing)}"] if missing else []
        parts += [f"has {listed(map(repr, unknown))}, which this network does not have"] if unknown else []
        raise ValueError(
            f"The state {' and '.join(parts)}. Expected are {listed(shapes, 40)}. Pass these alone; rnn and head name modules."
        )
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name!r} must have shape {shape} in this network, got {arrays[name].shape}.")
