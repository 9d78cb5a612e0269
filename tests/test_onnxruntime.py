"""Equality with ONNX Runtime's recurrent operators on the same weights: an implementation of its own, also of peepholes, coupled
gates, and the GRU that resets before its product."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from problems import Problem
from reference import relative_error

from sklstm.network import apply

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Sums of some dozen products in another order, and an exponential that may differ by some units in the last place.
TOLERANCE = 1e-5
OPSET, IR_VERSION = 14, 8  # old enough for every ONNX Runtime in use, new enough for all that is used here


@dataclass(frozen=True)
class Mapping:
    """A cell as an operator of ONNX.

    Parameters
    ----------
    operator : {"LSTM", "GRU", "RNN"}
    cell : str
    blocks : tuple of int
        For each block of rows of the operator's W and R, which block of columns of ours it is.
    attributes : dict
        Of the operator.
    negated : tuple of int
        Blocks of the operator that are those of ours with the other sign.
    """

    operator: str
    cell: str
    blocks: tuple
    attributes: dict = field(default_factory=dict)
    negated: tuple = ()


LSTM_BLOCKS = (0, 3, 1, 2)  # ONNX: i o f c
GRU_BLOCKS = (1, 0, 2)  # ONNX: z r h
MAPPINGS = {
    "lstm": Mapping("LSTM", "lstm", LSTM_BLOCKS),
    "peephole": Mapping("LSTM", "peephole", LSTM_BLOCKS),
    # ONNX has i = sigmoid(a_i) and f = 1 - i, ours are f = sigmoid(a_f) and i = 1 - f = sigmoid(-a_f). Its block f is not read.
    "coupled": Mapping("LSTM", "coupled", (0, 2, 0, 1), {"input_forget": 1}, negated=(0,)),
    "gru": Mapping("GRU", "gru", GRU_BLOCKS, {"linear_before_reset": 1}),
    "gru_reset_before": Mapping("GRU", "gru_reset_before", GRU_BLOCKS, {"linear_before_reset": 0}),
    "rnn": Mapping("RNN", "rnn", (0,)),
}
PEEPHOLES = (0, 2, 1)  # ONNX: i o f
ACTIVATIONS = {"tanh": "Tanh", "relu": "Relu"}
# Activations of an operator, given that of the candidate and the state.
OPERATORS = {"LSTM": ("Sigmoid", None, None), "GRU": ("Sigmoid", None), "RNN": (None,)}


def onnx_weights(mapping, layer, p):
    """W, R, B and, where there are such, P, initial_h and initial_c of a layer, whose parameters are `p`."""
    H = layer.hidden_size
    signs = np.ones(len(mapping.blocks))
    signs[list(mapping.negated)] = -1

    def arranged(columns):
        """(width, n H) in our blocks -> (n H, width) in those of the operator."""
        return np.vstack([sign * columns[:, k * H : (k + 1) * H].T for k, sign in zip(mapping.blocks, signs, strict=True)])

    result = {"W": [], "R": [], "B": []}
    for prefix in layer.directions:
        W, R, b = (p[f"{prefix}{name}"] for name in "WRb")
        # Where b is longer than W has blocks (b_m of the GRU), the rest is that of the last blocks of R.
        n, rest = W.shape[1], b[W.shape[1] :]
        bias_of_R = np.concatenate([np.zeros(n - len(rest)), rest])
        result["W"].append(arranged(W))
        result["R"].append(arranged(R))
        result["B"].append(np.vstack([arranged(b[np.newaxis, :n]), arranged(bias_of_R[np.newaxis])])[:, 0])
        if "p" in p:
            result.setdefault("P", []).append(p[f"{prefix}p"][list(PEEPHOLES)].ravel())
        for state in layer.states:
            result.setdefault(f"initial_{state[0]}", []).append(p[f"{prefix}{state}"])
    return {name: np.array(directions, dtype=np.float32) for name, directions in result.items()}


def onnx_model(mapping, layer, p, n_sequences):
    """X (n_steps, n_sequences, n_channels), lengths -> Y (n_steps, n_directions, n_sequences, H), Y_h without n_steps."""
    helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT
    weights = onnx_weights(mapping, layer, p)
    for name in {"initial_h", "initial_c"} & weights.keys():
        weights[name] = np.repeat(weights[name][:, np.newaxis], n_sequences, axis=1)
    names = ["X", "W", "R", "B", "lengths", "initial_h", "initial_c", "P"]
    inputs = [name if name in weights.keys() | {"X", "lengths"} else "" for name in names]
    while not inputs[-1]:
        inputs.pop()
    activations = [name or ACTIVATIONS[layer.activation] for name in OPERATORS[mapping.operator]]
    node = helper.make_node(
        mapping.operator,
        inputs,
        ["Y", "Y_h"],
        hidden_size=layer.hidden_size,
        direction="bidirectional" if layer.bidirectional else "forward",
        activations=activations * len(layer.directions),
        **mapping.attributes,
    )
    ends = [len(layer.directions), n_sequences, layer.hidden_size]
    graph = helper.make_graph(
        [node],
        "layer",
        [
            helper.make_tensor_value_info("X", FLOAT, [None, n_sequences, layer.input_size]),
            helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, [n_sequences]),
        ],
        [helper.make_tensor_value_info("Y", FLOAT, [None, *ends]), helper.make_tensor_value_info("Y_h", FLOAT, ends)],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def run(model, sequences):
    """Outputs of every step of each sequence, and their ends (n_sequences, width). Padding is not zero: it must not matter."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    lengths = np.array([len(x) for x in sequences], dtype=np.int32)
    X = np.ones((lengths.max(), len(sequences), sequences[0].shape[1]), dtype=np.float32)
    for i, x in enumerate(sequences):
        X[: len(x), i] = x
    Y, Y_h = session.run(None, {"X": X, "lengths": lengths})
    # Directions side by side.
    Y, ends = Y.transpose(0, 2, 1, 3).reshape(*X.shape[:2], -1), Y_h.transpose(1, 0, 2).reshape(len(sequences), -1)
    return [Y[:length, i] for i, length in enumerate(lengths)], ends


@pytest.mark.parametrize("mapping", MAPPINGS.values(), ids=MAPPINGS.keys())
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("learned_state", [False, True])
@pytest.mark.parametrize("hidden_size", [3, 16, 37])
@pytest.mark.parametrize("lengths", [[3, 1, 5, 5, 2, 1, 7], [6] * 14, [4]], ids=["ragged", "equal", "one"])
def test_equals_onnxruntime(rng, mapping, activation, bidirectional, learned_state, hidden_size, lengths):
    sequences = [rng.normal(size=(length, 4)).astype(np.float32) for length in lengths]
    problem = Problem(
        sequences,
        hidden_sizes=(hidden_size,),
        dtype=np.float32,
        cell=mapping.cell,
        activation=activation,
        bidirectional=bidirectional,
        learned_state=learned_state,
    )
    # The wider, the smaller, as in practice: a recurrence that expands would leave less of its digits.
    problem.theta *= min(1, 2 / np.sqrt(hidden_size))
    params, packed = problem.network.bind(problem.theta), problem.packed
    outputs, ends = run(onnx_model(mapping, problem.network.layers[0], params["layer_0"], len(sequences)), sequences)
    problem.scores()
    y = problem.ws.layers[0].y
    for r, i in enumerate(packed.order):
        assert relative_error(y[packed.starts[: packed.lengths[r]] + r], outputs[i]) < TOLERANCE
    assert relative_error(apply(problem.network, problem.theta, problem.sequences, "end_states"), ends) < TOLERANCE
