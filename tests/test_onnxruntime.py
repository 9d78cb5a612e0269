"""Equality with ONNX Runtime's recurrent operators on the same weights: an implementation of its own, also of peepholes, coupled
gates, and the GRU that resets before its product."""

import numpy as np
import pytest
from problems import Problem
from reference import relative_error

from sklstm.export.onnx.graph import Graph
from sklstm.export.onnx.recurrent import ACTIVATIONS, OPERATORS, add_layer, first_states
from sklstm.export.onnx.steps import Steps
from sklstm.network import apply

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Sums of some dozen products in another order, and an exponential that may differ by some units in the last place.
TOLERANCE = 1e-5
OPSET = 17


def onnx_model(layer, params):
    """X (n_sequences, n_steps, n_channels), lengths -> outputs (n_steps, n_sequences, F), and ends (n_sequences, F)."""
    g = Graph(OPSET)
    X = g.input("X", "float", ["N", "T", layer.input_size])
    steps = Steps(g, X, True)
    x, p = steps.enter(X, 3), params["layer_0"]
    if "input" in params:  # of a cell that is not affine in x
        x = g.add("Add", g.add("Mul", x, params["input"]["scale"]), params["input"]["offset"])
    first = first_states(g, layer, p, None, steps.n_sequences)
    y, ends, _ = add_layer(g, layer, p, x, steps, first, True, True)
    g.output(y, "y", "float", ["T", "N", layer.output_size])
    g.output(ends, "ends", "float", ["N", layer.output_size])
    model = g.to_model("layer", "", {})
    onnx.checker.check_model(model)
    return model


def run(model, sequences):
    """Outputs of every step of each sequence, and their ends (n_sequences, width). Padding is not zero: it must not matter."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    lengths = np.array([len(x) for x in sequences])
    X = np.ones((len(sequences), lengths.max(), sequences[0].shape[1]), dtype=np.float32)
    for i, x in enumerate(sequences):
        X[i, : len(x)] = x
    y, ends = session.run(None, {"X": X, "lengths": lengths})
    return [y[:length, i] for i, length in enumerate(lengths)], ends


@pytest.mark.parametrize("cell", OPERATORS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("learned_state", [False, True])
@pytest.mark.parametrize("hidden_size", [3, 16, 37])
@pytest.mark.parametrize("lengths", [[3, 1, 5, 5, 2, 1, 7], [6] * 14, [4]], ids=["ragged", "equal", "one"])
def test_equals_onnxruntime(rng, cell, activation, bidirectional, learned_state, hidden_size, lengths):
    sequences = [rng.normal(size=(length, 4)).astype(np.float32) for length in lengths]
    problem = Problem(
        sequences,
        hidden_sizes=(hidden_size,),
        dtype=np.float32,
        cell=cell,
        activation=activation,
        bidirectional=bidirectional,
        learned_state=learned_state,
    )
    # The wider, the smaller, as in practice: a recurrence that expands would leave less of its digits.
    problem.theta *= min(1, 2 / np.sqrt(hidden_size))
    params, packed = problem.network.bind(problem.theta), problem.packed
    outputs, ends = run(onnx_model(problem.network.layers[0], params), sequences)
    problem.scores()
    y = problem.ws.layers[0].y
    for r, i in enumerate(packed.order):
        assert relative_error(y[packed.starts[: packed.lengths[r]] + r], outputs[i]) < TOLERANCE
    assert relative_error(apply(problem.network, problem.theta, problem.sequences, "end_states"), ends) < TOLERANCE
