"""Weights to and from the recurrent layers of Keras, without Keras."""

import numpy as np

from ..estimators import LSTMClassifier
from ..estimators.base import BaseRecurrent
from ..inspection.fitted import fitted_network
from ..network.cells import CELLS
from .entries import Entry, arrays_from_other, arrays_to_other, expected_shapes, same
from .gates import ORDERS, gates_from_order, gates_in_order
from .imported import Draft, Table, read_array

# Cell -> class of keras.layers, and its name in the orders of gates. Of a GRU the one has reset_after=True, as by default.
LAYERS = {
    "lstm": ("LSTM", "lstm"),
    "gru": ("GRU", "gru"),
    "gru_reset_before": ("GRU", "gru"),
    "rnn": ("SimpleRNN", "rnn"),
}
# Blocks of columns, and axes of the bias -> cell.
CELLS_OF_SHAPES = {(4, 1): "lstm", (3, 2): "gru", (3, 1): "gru_reset_before", (1, 1): "rnn"}
NUMBERS_OF_BLOCKS = {n_blocks for n_blocks, _ in CELLS_OF_SHAPES}

ELSE = "Use to_torch or to_onnx."


def keras_weights(model):
    """Return the weights of a fitted model as Keras has them, without Keras.

    Parameters
    ----------
    model : LSTMClassifier or LSTMRegressor
        Fitted, with ``cell="lstm"``, "gru", "gru_reset_before" or "rnn".

    Returns
    -------
    list of ndarray
        For ``set_weights`` of a Keras model with the same layers, in this order: for each layer kernel, recurrent kernel and
        bias, of both directions if it is bidirectional; then kernel and bias of the head. Tables of categorical channels
        precede them, and with ``pooling="attention"`` the weights of ``Dense(F, "tanh")`` and ``Dense(1, use_bias=False)`` follow
        the layers.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model is of another class.
    ValueError
        If layers of Keras do not compute what the model does. The message says why, and what can export it.

    See Also
    --------
    from_keras_weights : The reverse.

    Notes
    -----
    The weights take X in the units of the data. The layers are `keras.layers.LSTM`, `GRU` (with ``reset_after=False`` for
    "gru_reset_before") or `SimpleRNN`, with the activation of the model, in a `Bidirectional` with its `merge_mode`; the head is
    a `Dense`. All but the last layer, or with another pooling than "last" all, have ``return_sequences=True``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import keras_weights
    >>> X = np.random.default_rng(0).normal(size=(50, 20, 2))
    >>> model = LSTMClassifier(8, pooling="last", max_iter=2, random_state=0).fit(X, X.sum(axis=(1, 2)) > 0)
    >>> [weights.shape for weights in keras_weights(model)]  # of Sequential([LSTM(8), Dense(1, "sigmoid")])
    [(2, 32), (8, 32), (32,), (8, 1), (1,)]
    """
    network, theta = fitted_network(model, "keras_weights", BaseRecurrent)
    own = network.layout.views(theta)
    _check_layers(network, own)
    return list(arrays_to_other(_entries(network), own).values())


def from_keras_weights(
    weights, estimator=LSTMClassifier, *, bidirectional=False, classes=None, categories=None, multilabel=False, blank=0,
    **parameters,
):
    """Return a fitted model with weights of Keras, without Keras.

    Parameters
    ----------
    weights : list of ndarray
        As from ``get_weights()`` of a model of recurrent layers of one kind and a `Dense`. Missing biases
        (``use_bias=False``) are 0.
    estimator : type, default=LSTMClassifier
        The class :class:`~sklstm.LSTMClassifier` or :class:`~sklstm.LSTMRegressor`.
    bidirectional : bool, default=False
        Whether the layers are `keras.layers.Bidirectional`.
    classes : array-like of shape (n_classes,), default=None
        Labels of a classifier, in the order of the outputs of the `Dense`; None means 0, 1, and so on. Of two classes the `Dense`
        has two outputs, or one, for the second class.
    categories : array-like of shape (n_categories,), default=None
        Values of X that the rows of the table of an `Embedding` are of, which is before the layers; None means 0, 1, and so on.
        A category that the table does not have gets the mean of its vectors.
    multilabel : bool, default=False
        Whether each output is for a label by itself, with the activation "sigmoid".
    blank : int, default=0
        Output of the `Dense` that stands for blank, which `classes` do not name. Ignored unless ``loss="ctc"`` is among the
        parameters.
    **parameters : object
        Other hyper-parameters of the class: ``pooling`` (here "last" unless given), ``return_sequences``, ``loss``,
        ``activation``, ``merge_mode``, and all that training continues with. Layers, units and ``cell`` are those of
        the weights. Only for `GRU` layers with ``use_bias=False`` must ``cell`` be passed, as their weights have the same shapes:
        "gru" for ``reset_after=True``, the default of Keras, or "gru_reset_before" for ``reset_after=False``.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
        Fitted. It predicts what the model of Keras does, and ``set_params(warm_start=True).fit(X, y)`` continues its training.

    Raises
    ------
    TypeError
        If `weights` is no list of arrays, or the class has no such parameter.
    ValueError
        If the arrays are not those of such layers or may be those of two cells, or a hyper-parameter is invalid.

    See Also
    --------
    keras_weights : The reverse.
    from_state_dict : The same for PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.export import from_keras_weights
    >>> rng = np.random.default_rng(0)
    >>> weights = [rng.normal(size=shape) for shape in [(2, 32), (8, 32), (32,), (8, 3), (3,)]]  # such as model.get_weights()
    >>> model = from_keras_weights(weights, classes=["run", "sit", "walk"])
    >>> model.predict_proba(rng.normal(size=(2, 20, 2))).shape
    (2, 3)
    """
    if not isinstance(weights, (list, tuple)):
        raise TypeError(f"weights must be a list of arrays, got {type(weights).__name__}. Pass model.get_weights().")
    arrays = [read_array(f"weights[{k}]", value) for k, value in enumerate(weights)]
    has_table = _has_table(arrays)
    table = Table(arrays[0], categories) if has_table else Table.none(categories)
    parts, rest = _parts(arrays[has_table:])
    directions = 2 if bidirectional else 1
    if not parts or len(parts) % directions:
        what = "kernel, recurrent kernel and bias of each layer" + (", forward and backward" if bidirectional else "")
        raise ValueError(f"weights must begin with {what}, got {_shapes(arrays)}. Pass model.get_weights() of such layers.")
    sizes, cell = [part[1].shape[0] for part in parts[::directions]], _cell_of_all(parts, parameters.pop("cell", None))
    decided = {"bidirectional": bool(bidirectional), "cell": cell, "hidden_size": tuple(sizes)}
    if len(set(sizes)) == 1:
        decided |= {"hidden_size": sizes[0], "num_layers": len(sizes)}
    if not rest or any(array.ndim == 0 for array in rest):
        raise ValueError(f"weights must end with those of a Dense, got {_shapes(arrays)}. Pass the weights of the whole model.")
    if rest[-1].ndim != 1:  # a Dense without a bias
        rest.append(np.zeros(rest[-1].shape[-1], np.float32))
    n_channels = parts[0][0].shape[0]
    if table is not None:
        n_channels, decided = 1, decided | table.parameters
    draft = Draft(estimator, parameters, decided, n_channels, len(rest[-1]), classes, multilabel, table, blank)
    _check_layers(draft.network, {})
    entries = _entries(draft.network)
    shapes = expected_shapes(draft.network, entries)
    shapes["head kernel"], shapes["head bias"] = (draft.network.head.input_size, len(rest[-1])), (len(rest[-1]),)
    biases = [shape for name, shape in shapes.items() if name.endswith("bias") and name.startswith("layer")]
    given = [] if table is None else [table.rows]
    given += [array for part, shape in zip(parts, biases, strict=True) for array in (*part, *_no_bias(part, shape))] + rest
    for (name, shape), array in zip(shapes.items(), given, strict=False):
        if array.shape != shape:
            raise ValueError(
                f"Expected the {name} of shape {shape}, got {array.shape}: weights have the shapes {_shapes(arrays)}. Pass the"
                " pooling that the model has, bidirectional=True or merge_mode='sum', or weights of such layers alone."
            )
    if len(given) != len(shapes):
        raise ValueError(
            f"Expected {len(shapes)} arrays, {', '.join(shapes)}, got {_shapes(arrays)}. Pass weights of these layers alone."
        )
    named = arrays_from_other(entries, dict(zip(shapes, given, strict=True)))
    named |= {name: np.zeros(0) for name in ("input.scale", "input.offset")}  # of no numeric channel
    return draft.fitted(draft.adapted(named), np.result_type(np.float32, *arrays))


def _parts(arrays):
    """Lists of kernel, recurrent kernel and, if there is one, bias; and the arrays that follow."""
    parts, k = [], 0
    while k + 1 < len(arrays) and _are_kernels(arrays[k], arrays[k + 1]):
        H, n = arrays[k + 1].shape
        has_bias = k + 2 < len(arrays) and arrays[k + 2].shape in ((n,), (2, n) if n == 3 * H else (n,))
        parts.append(arrays[k : k + 2 + has_bias])
        k += 2 + has_bias
    return parts, arrays[k:]


def _has_table(arrays):
    """Whether the first array is the table of an Embedding. A table of as many columns as the kernel of an LSTM looks like the
    kernel of a SimpleRNN, whose recurrent kernel would follow without a bias."""
    if len(arrays) < 4 or not _are_kernels(*arrays[1:3]) or arrays[0].shape[-1:] != arrays[1].shape[:1] or arrays[0].ndim != 2:
        return False
    is_gated = arrays[2].shape[1] > arrays[2].shape[0]
    return not _are_kernels(*arrays[:2]) or is_gated or arrays[3].ndim == 1


def _are_kernels(W, R):
    is_pair = W.ndim == R.ndim == 2 and W.shape[1] == R.shape[1] and R.size > 0
    return is_pair and R.shape[1] in [n_blocks * R.shape[0] for n_blocks in NUMBERS_OF_BLOCKS]


def _cells_of(part):
    """The cells that the arrays of one direction of a layer may be of: those of a GRU without a bias are alike."""
    n_blocks = part[1].shape[1] // part[1].shape[0]
    axes_of_bias = {part[2].ndim} if len(part) > 2 else {1, 2}
    return [cell for (n, n_axes), cell in CELLS_OF_SHAPES.items() if n == n_blocks and n_axes in axes_of_bias]


def _cell_of_all(parts, given):
    """The cell of all layers; `given` is that of the caller, or None."""
    if given is not None and (not isinstance(given, str) or given not in LAYERS):
        raise ValueError(f"cell must be one of {', '.join(map(repr, LAYERS))}, got {given!r:.80}, or be left out.")
    options = [_cells_of(part) for part in parts]
    common = [cell for cell in options[0] if all(cell in others for others in options)]
    if not common:
        found = sorted({cell for cells in options for cell in cells})
        raise ValueError(f"The layers have cell={found}, but those of an estimator have one. Pass layers of one kind.")
    if given is None and len(common) > 1:
        raise ValueError(
            "The layers are GRU without biases, whose weights do not tell reset_after. Pass cell='gru' for reset_after=True, the"
            " default of Keras, or cell='gru_reset_before' for reset_after=False."
        )
    if given is not None and given not in common:
        raise ValueError(f"cell={given!r} has weights of other shapes: these are of cell={common[0]!r}. Leave cell out.")
    return common[0] if given is None else given


def _no_bias(part, shape):
    return [] if len(part) > 2 else [np.zeros(shape, np.float32)]


def _shapes(arrays):
    return ", ".join(str(array.shape) for array in arrays) or "none"


def _check_layers(network, own):
    """Raise a ValueError where layers of Keras do not compute what a network does."""
    if network.cell not in LAYERS:
        raise ValueError(f"Keras has no layer with cell={network.cell!r}, only {', '.join(map(repr, LAYERS))}. {ELSE}")
    scaled = any((own[name] != value).any() for name, value in {"input.scale": 1, "input.offset": 0}.items() if name in own)
    reasons = {
        "initial_state='learned': layers of Keras begin with zeros": bool(network.layers[0].states),
        f"missing={network.missing!r}: Keras has no layer that fills in values": network.missing != "error",
        "times of steps: Keras has no layer that reads gaps": network.gap_channel is not None,
        "static features: layers of Keras do not begin with them": network.static is not None,
        "structure='crf': Keras has no such layer": "crf" in network.parts,
        "a projection: layers of Keras have none": network.proj_size > 0,
        "a residual first layer that reads scaled channels: its weights do not contain the scale": scaled,
    }
    for reason, holds in reasons.items():
        if holds:
            raise ValueError(f"The model has {reason}. {ELSE}")


# ---- entries ----


def _entries(network):
    """In the order in which a model of Keras has its weights."""
    tables = [same(f"input.E{channel}", f"table of channel {channel}") for channel, _, _ in network.categories]
    layers = [
        _direction(layer, f"layer_{k}.{prefix}", f"layer {k}{', backward,' if prefix else ''}")
        for k, layer in enumerate(network.layers)
        for prefix in layer.directions
    ]
    pool, head = [], [same("head.V", "head kernel"), same("head.b", "head bias")]
    if "attention" in network.parts:
        column = Entry(("attention.v",), ("attention's second kernel",), lambda v: (v[:, None],), lambda v: (v[:, 0],))
        pool = [same("attention.A", "attention's first kernel"), same("attention.b", "attention's bias"), column]
    return [*tables, *layers, *pool, *head]


def _direction(layer, own, other):
    """W, R, b: the bias of a GRU that resets after its product has a second row, for R."""
    cell, letters = layer.cell, ORDERS["keras"][LAYERS[layer.cell][1]]
    n = CELLS[cell].n_input * layer.hidden_size
    apart = CELLS[cell].n_bias * layer.hidden_size - n  # columns of which both biases are kept

    def to_other(W, R, b):
        rows = [b[:n]] if not apart else [b[:n], np.concatenate([np.zeros(n - apart, b.dtype), b[n:]])]
        W, R, *rows = (gates_in_order(part, cell, letters) for part in (W, R, *rows))
        return W, R, np.stack(rows) if apart else rows[0]

    def from_other(W, R, b):
        W, R, b, *of_R = (gates_from_order(part, cell, letters) for part in (W, R, *np.atleast_2d(b)))
        if apart:
            b = np.concatenate([b[: n - apart] + of_R[0][: n - apart], b[n - apart :], of_R[0][n - apart :]])
        return W, R, b

    names = ("kernel", "recurrent kernel", "bias")
    return Entry(tuple(own + name for name in "WRb"), tuple(f"{other} {name}" for name in names), to_other, from_other)
