"""Recurrent layers in ONNX: an operator for each cell that has one, and a loop for that with layer normalisation."""

from dataclasses import dataclass, field

import numpy as np

from ..._kernels._simd import LAYERNORM_EPSILON
from ...network.cells import CELLS
from ..gates import ORDERS, gates_in_order

GATES = ORDERS["onnx"]
LSTM, GRU, RNN = ("Sigmoid", None, None), ("Sigmoid", None), (None,)
ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu"}
PEEPHOLES = (0, 2, 1)  # i o f, of the rows i f o
EPSILON = {} if LAYERNORM_EPSILON == 1e-5 else {"epsilon": LAYERNORM_EPSILON}  # of which that is the default
STORED_ZEROS = 1024  # bytes of biases that are 0 which a file has at most for a layer; more are made when it is run


@dataclass(frozen=True)
class Operator:
    """A cell as a recurrent operator.

    Attributes
    ----------
    name : {"LSTM", "GRU", "RNN"}
    letters : str
        For each block of the operator, the gate of the cell that it holds; empty for a cell without gates.
    activations : tuple of (str or None)
        Of the operator; None is that of the candidate and the state.
    attributes : dict
    negates_first : bool
        Whether the first block has the other sign.
    """

    name: str
    letters: str
    activations: tuple
    attributes: dict = field(default_factory=dict)
    negates_first: bool = False


# Cell -> its operator; None for one that is a loop.
OPERATORS = {
    "lstm": Operator("LSTM", GATES["lstm"], LSTM),
    "peephole": Operator("LSTM", GATES["lstm"], LSTM),
    # ONNX has i = sigmoid(a_i) and f = 1 - i, ours are f = sigmoid(a_f) and i = 1 - f = sigmoid(-a_f). Its block f is not read.
    "coupled": Operator("LSTM", "fofg", LSTM, {"input_forget": 1}, negates_first=True),
    "layernorm": None,
    "gru": Operator("GRU", GATES["gru"], GRU, {"linear_before_reset": 1}),
    "gru_reset_before": Operator("GRU", GATES["gru"], GRU, {"linear_before_reset": 0}),
    "rnn": Operator("RNN", GATES["rnn"], RNN),
}


def add_layer(g, layer, p, x, steps, first, wants_steps, wants_ends):
    """Add a recurrent layer.

    Parameters
    ----------
    g : Graph
    layer : RecurrentLayer
    p : dict of str to ndarray
        Its parameters, in float32.
    x : str
        (n_steps, n_sequences, D)
    steps : Steps
    first : dict of str to str
        For "h" and "c", states (n_directions, n_sequences, H) that sequences begin with; zeros where there is none.
    wants_steps, wants_ends : bool

    Returns
    -------
    y : str or None
        Outputs (n_steps, n_sequences, F) of every step, if they are wanted; any values behind the end of a sequence.
    ends : str or None
        Outputs (n_sequences, F) where the walk of each direction ends.
    states : dict of str to str
        For "h" and "c", last states (n_directions, n_sequences, H), if the steps want them.
    """
    run = _add_loops if is_loop(layer) else _add_operator
    y, ends, states = run(g, layer, p, x, steps, first, wants_steps, wants_ends)
    if layer.has_skip:
        y = g.add("Add", y, x) if wants_steps else None
        ends = g.add("Add", ends, _input_at_ends(g, layer, x, steps)) if wants_ends else None
    return y, ends, states


def is_loop(layer):
    """Whether a layer has no operator."""
    return OPERATORS[layer.cell] is None or layer.proj_size > 0


def _is_sum(layer):
    """Whether the outputs of two directions are added."""
    return layer.bidirectional and layer.merge_mode == "sum"


def _of_steps(g, layer, y):
    """y (n_steps, n_directions, n_sequences, H) as outputs (n_steps, n_sequences, F)."""
    if not layer.bidirectional:
        return g.over("Squeeze", y, 1)
    if _is_sum(layer):
        return g.reduced("ReduceSum", y, 1)
    return g.add("Reshape", g.transposed(y, (0, 2, 1, 3)), [0, 0, layer.output_size])


def _of_ends(g, layer, h):
    """Last states (n_directions, n_sequences, H) as outputs (n_sequences, F)."""
    if not layer.bidirectional:
        return g.over("Squeeze", h, 0)
    if _is_sum(layer):
        return g.reduced("ReduceSum", h, 0)
    return g.add("Reshape", g.transposed(h, (1, 0, 2)), [-1, layer.output_size])


def _input_at_ends(g, layer, x, steps):
    """Input (n_sequences, D) where the walk of each direction ends, in its columns; of a sum, where the forward one does."""
    F, last = layer.output_size, steps.last(x)
    if not layer.bidirectional or _is_sum(layer):
        return last
    first = g.add("Gather", x, 0, axis=0)
    return g.concat([g.columns(last, range(F // 2), F), g.columns(first, range(F // 2, F), F)])


def first_states(g, layer, p, s, n_sequences):
    """States that sequences begin with, as in `add_layer`: those that are learned, with what static vectors add to h.

    Parameters
    ----------
    g, layer, p
        As in `add_layer`.
    s : str or None
        Static vectors (n_sequences, width).
    n_sequences : str
        Their number, (1,).
    """
    first = {}
    for state, width in zip(layer.states, layer.state_sizes, strict=False):
        learned = np.stack([p[f"{prefix}{state}"] for prefix in layer.directions])[:, np.newaxis]
        if s is None or state != "h0":
            shape = g.concat([g.constant([len(learned)]), n_sequences, g.constant([width])], axis=0)
            first[state[0]] = g.add("Expand", learned, shape)
        else:
            first["h"] = learned
    if s is not None:
        h = g.add("MatMul", s, np.stack([p[f"{prefix}S"] for prefix in layer.directions]))
        first["h"] = g.add("Add", h, first["h"]) if "h" in first else h
    return first


# ---- operators ----


def _add_operator(g, layer, p, x, steps, first, wants_steps, wants_ends):
    """As `add_layer`, without what a residual layer adds."""
    operator = OPERATORS[layer.cell]
    inputs = [x, *operator_weights(g, layer, p), steps.lengths32 or "", first.get("h", ""), first.get("c", "")]
    if layer.n_states == 1:
        inputs.pop()
    elif "p" in p:
        inputs.append(np.stack([p[f"{prefix}p"][list(PEEPHOLES)].ravel() for prefix in layer.directions]))
    activations = [name or ACTIVATIONS[layer.activation] for name in operator.activations]
    y, *states = (g.name(name) for name in ("Y", "Y_h", "Y_c")[: 1 + layer.n_states])
    # Some readers take the end of the padding for that of a sequence, of which Y_h is then the state; the steps before are right.
    reads_last = wants_ends and not layer.bidirectional and steps.lengths32 is not None
    y = y if wants_steps or reads_last else ""
    g.add(
        operator.name,
        *inputs,
        into=[y, *states],
        name=g.name(operator.name),
        hidden_size=layer.hidden_size,
        direction="bidirectional" if layer.bidirectional else "forward",
        activations=activations * len(layer.directions),
        **operator.attributes,
    )
    ends = None if not wants_ends else steps.last(y) if reads_last else _of_ends(g, layer, states[0])
    return _of_steps(g, layer, y) if wants_steps else None, ends, dict(zip("hc", states, strict=False))


def operator_weights(g, layer, p):
    """W, R and B of the operator of a layer: constants, or made of such where the operator has blocks more than the cell.

    Parameters
    ----------
    g, layer, p
        As in `add_layer`.

    Returns
    -------
    list of str
    """
    prefixes = layer.directions
    W, R = (_in_order(g, layer, np.stack([p[f"{prefix}{name}"].T for prefix in prefixes])) for name in "WR")
    biases = np.stack([p[f"{prefix}b"] for prefix in prefixes])
    n = p["W"].shape[1]
    b = _in_order(g, layer, biases[:, :n])
    # Where b is longer than W has blocks, the rest (b_m of the GRU) is that of the last blocks of R, also in the operator.
    rest = biases[:, n:]
    width = layer.hidden_size * max(len(OPERATORS[layer.cell].letters), 1) - rest.shape[1]
    zeros = np.zeros((len(prefixes), width), np.float32)
    parts = [b, zeros, rest]
    if zeros.nbytes > STORED_ZEROS:
        parts[1] = g.add("ConstantOfShape", list(zeros.shape))
    if all(isinstance(part, np.ndarray) for part in parts):
        return [W, R, np.concatenate(parts, axis=1)]
    return [W, R, g.concat([part if isinstance(part, str) else g.constant(part) for part in parts if np.size(part)], axis=1)]


def _in_order(g, layer, rows):
    """Rows (n_directions, n H, ...) in the blocks of the cell, in those of its operator: an array, or a tensor of such."""
    operator = OPERATORS[layer.cell]

    def blocks(letters):
        return np.ascontiguousarray(np.moveaxis(gates_in_order(np.moveaxis(rows, 1, -1), layer.cell, letters), -1, 1))

    if not operator.negates_first:
        return blocks(operator.letters)
    parts = {letter: g.constant(blocks(letter)) for letter in CELLS[layer.cell].gates}
    first, *others = operator.letters
    return g.concat([g.add("Neg", parts[first]), *(parts[letter] for letter in others)], axis=1)


# ---- what has no operator, layer normalisation and projections: loops ----


def _add_loops(g, layer, p, x, steps, first, wants_steps, wants_ends):
    """The same as `_add_operator` does, by a loop for each direction, or for a single step without one."""
    if steps.is_single:
        return _add_step(g, layer, p, x, first)
    outputs, ends, last = [], [], []
    for k, prefix in enumerate(layer.directions):
        of_x, w = _of_loop(layer, p, prefix)
        start = [
            g.add("Gather", first[name], k, axis=0) if name in first else steps.zeros(width)
            for name, width in zip("hc", layer.state_sizes, strict=True)
        ]
        items = [(of_x(g, x), "float")] + ([] if steps.active is None else [(steps.active, "bool")])

        def step(body, h, c, a, active=None, w=w):
            new_h, new_c = _next(body, layer, a, h, c, w)
            if active is not None:
                new_h, new_c = (body.add("Where", active, new, old) for new, old in ((new_h, h), (new_c, c)))
            return [new_h, new_c] + [new_h] * wants_steps

        results = [("float", layer.state_sizes[0])] * wants_steps
        h, c, *y = g.scan(step, [(one, "float") for one in start], items, results, reverse=k == 1)
        last.append({"h": h, "c": c})
        ends.append(h)
        outputs += y
    y, ends = (_merged(g, layer, parts) if wanted else None for parts, wanted in ((outputs, wants_steps), (ends, wants_ends)))
    wanted = "hc" if steps.wants_states else ""
    states = {name: g.concat([g.over("Unsqueeze", end[name], 0) for end in last], axis=0) for name in wanted}
    return y, ends, states


def _add_step(g, layer, p, x, first):
    of_x, w = _of_loop(layer, p, "")
    h, c = (g.over("Squeeze", first[name], 0) for name in "hc")
    h, c = _next(g, layer, g.over("Squeeze", of_x(g, x), 0), h, c, w)
    y = g.over("Unsqueeze", h, 0)
    return y, h, {"h": y, "c": g.over("Unsqueeze", c, 0)}


def _merged(g, layer, parts):
    """One output, of those of each direction."""
    return g.add("Sum", *parts) if _is_sum(layer) else g.concat(parts)


def _of_loop(layer, p, prefix):
    """What makes a = x W + b of x, in the order of `LOOPS`, and the weights of the body of a direction.

    The layer-normalised cell has ``gain_x N(x W) + b`` there.
    """
    letters, _ = LOOPS[layer.cell]
    own = {name.removeprefix(prefix): value for name, value in p.items() if name.startswith(prefix)}
    W, R, b = (gates_in_order(own[name], layer.cell, letters) for name in "WRb")
    w = {name: own[name] for name in ("p", "P") if name in own} | {"R": R}
    if "norm" not in own:
        return lambda g, x: g.add("Add", g.add("MatMul", x, W), b), w
    gain_x, gain_h = (gates_in_order(gains.ravel(), layer.cell, letters) for gains in (own["norm"][:4], own["norm"][4:8]))
    return lambda g, x: _normalized(g, g.add("MatMul", x, W), gain_x, b), w | {"gain_h": gain_h, "of_c": own["norm"][8:]}


def _normalized(g, v, gain, offset=""):
    return g.add("LayerNormalization", v, gain, offset, **EPSILON)


def _next(g, layer, a, h, c, w):
    """The next h and c, by a (n_sequences, n H) and the weights of a direction."""
    _, cell = LOOPS[layer.cell]
    of_h = g.add("MatMul", h, w["R"])
    of_h = _normalized(g, of_h, w["gain_h"]) if "gain_h" in w else of_h
    activation = ACTIVATIONS[layer.activation]
    c, o = cell(g, g.add("Add", a, of_h), c, w, layer.hidden_size, activation)
    m = g.add("Mul", o, g.add(activation, _normalized(g, c, *w["of_c"]) if "of_c" in w else c))
    return (g.add("MatMul", m, w["P"]) if "P" in w else m), c


def _lstm(g, pre, c, w, H, activation):
    """The next c, and o, from what the gates are functions of, i f o g."""
    gates, candidate = g.add("Split", pre, [3 * H, H], n_outputs=2, axis=-1)
    i, f, o = g.add("Split", g.add("Sigmoid", gates), [H] * 3, n_outputs=3, axis=-1)
    return g.add("Add", g.add("Mul", f, c), g.add("Mul", i, g.add(activation, candidate))), o


def _peephole(g, pre, c, w, H, activation):
    i, f, o, candidate = g.add("Split", pre, [H] * 4, n_outputs=4, axis=-1)
    i, f = (g.add("Sigmoid", g.add("Add", gate, g.add("Mul", c, of_c))) for gate, of_c in ((i, w["p"][0]), (f, w["p"][1])))
    c = g.add("Add", g.add("Mul", f, c), g.add("Mul", i, g.add(activation, candidate)))
    return c, g.add("Sigmoid", g.add("Add", o, g.add("Mul", c, w["p"][2])))


def _coupled(g, pre, c, w, H, activation):
    gates, candidate = g.add("Split", pre, [2 * H, H], n_outputs=2, axis=-1)
    f, o = g.add("Split", g.add("Sigmoid", gates), [H] * 2, n_outputs=2, axis=-1)
    added = g.add("Mul", g.add("Sub", 1.0, f), g.add(activation, candidate))
    return g.add("Add", g.add("Mul", f, c), added), o


# Cell -> the order of its gates in a loop, and what makes the next c and o.
LOOPS = {"lstm": ("ifog", _lstm), "peephole": ("ifog", _peephole), "coupled": ("fog", _coupled), "layernorm": ("ifog", _lstm)}
