"""Equality with PyTorch's LSTM on the same weights: outputs, end states and all gradients."""

import numpy as np
import pytest
from problems import Problem
from reference import relative_error

torch = pytest.importorskip("torch")

# Sums of up to some hundred products, in another order: a few hundred units in the last place.
TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}


def torch_twin(problem):
    """torch.nn.LSTM and the head with the weights of a problem's network."""
    network = problem.network
    layer = network.layers[0]
    dtype = torch.float64 if problem.dtype == np.float64 else torch.float32
    twin = torch.nn.LSTM(
        layer.input_size, layer.hidden_size, len(network.layers), bidirectional=layer.bidirectional, dtype=dtype
    )
    head = torch.nn.Linear(network.head.input_size, network.head.output_size, dtype=dtype)
    params = network.bind(problem.theta)
    with torch.no_grad():
        for k in range(len(network.layers)):
            p = params[f"layer_{k}"]
            for prefix in layer.directions:
                suffix = f"_l{k}" + ("_reverse" if prefix else "")
                getattr(twin, f"weight_ih{suffix}").copy_(torch.from_numpy(p[f"{prefix}W"].T.copy()))
                getattr(twin, f"weight_hh{suffix}").copy_(torch.from_numpy(p[f"{prefix}R"].T.copy()))
                getattr(twin, f"bias_ih{suffix}").copy_(torch.from_numpy(p[f"{prefix}b"].copy()))
                getattr(twin, f"bias_hh{suffix}").zero_()
        head.weight.copy_(torch.from_numpy(params["head"]["V"].T.copy()))
        head.bias.copy_(torch.from_numpy(params["head"]["b"].copy()))
    return twin, head


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("hidden_size", [3, 16, 37])
@pytest.mark.parametrize("lengths", [[3, 1, 5, 5, 2, 1, 7], [6] * 14], ids=["ragged", "equal"])
def test_equals_torch_packed_lstm(rng, dtype, bidirectional, num_layers, hidden_size, lengths):
    sequences = [rng.normal(size=(length, 4)).astype(dtype) for length in lengths]
    problem = Problem(sequences, "squared_error", (hidden_size,) * num_layers, dtype, bidirectional=bidirectional)
    twin, head = torch_twin(problem)
    inputs = [torch.from_numpy(x).requires_grad_() for x in sequences]
    packed_output, (h, _) = twin(torch.nn.utils.rnn.pack_sequence(inputs, enforce_sorted=False))
    output = torch.nn.utils.rnn.unpack_sequence(packed_output)
    ends = torch.cat([h[-2], h[-1]], dim=1) if bidirectional else h[-1]
    scores = head(ends)
    weights = torch.from_numpy(problem.weights.astype(dtype))
    targets = torch.from_numpy(problem.targets)
    loss = (weights * 0.5 * ((scores - targets) ** 2).mean(dim=1)).sum() / weights.sum()
    loss.backward()

    tolerance = TOLERANCE[dtype]
    grad, dx = problem.gradients()
    packed = problem.packed
    assert relative_error(problem.scores(), scores.detach().numpy()[packed.order]) < tolerance
    y = problem.ws.layers[-1].y
    for r, i in enumerate(packed.order):
        ours = y[packed.starts[: packed.lengths[r]] + r]
        assert relative_error(ours, output[i].detach().numpy()) < tolerance
    end_states = problem.network.end_states(problem.network.bind(problem.theta), packed, problem.ws)
    assert relative_error(end_states, ends.detach().numpy()[packed.order]) < tolerance

    grads = problem.network.bind(grad)
    for k in range(num_layers):
        g = grads[f"layer_{k}"]
        for prefix in problem.network.layers[0].directions:
            suffix = f"_l{k}" + ("_reverse" if prefix else "")
            assert relative_error(g[f"{prefix}W"].T, getattr(twin, f"weight_ih{suffix}").grad.numpy()) < tolerance
            assert relative_error(g[f"{prefix}R"].T, getattr(twin, f"weight_hh{suffix}").grad.numpy()) < tolerance
            assert relative_error(g[f"{prefix}b"], getattr(twin, f"bias_hh{suffix}").grad.numpy()) < tolerance
    g = grads["head"]
    assert relative_error(g["V"].T, head.weight.grad.numpy()) < tolerance
    assert relative_error(g["b"], head.bias.grad.numpy()) < tolerance
    assert relative_error(dx, np.concatenate([x.grad.numpy() for x in inputs])) < tolerance
