"""Equality with PyTorch's recurrent networks on the same weights: outputs, end states, all gradients, whole and truncated."""

from itertools import pairwise

import numpy as np
import pytest
from problems import Problem
from reference import relative_error

from sklstm.network import POOLINGS, apply
from sklstm.parallel import Threads
from sklstm.training.gradient import GradientComputer

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # tensors this small are faster without

# Sums of up to some hundred products in another order, some of which nearly cancel: measured up to 3e-13 and 2e-6.
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}

# PyTorch's class and its own arguments, and the arguments of the network that is the same.
CELLS = {
    "lstm": (torch.nn.LSTM, {}, {"cell": "lstm"}),
    "lstm projected": (torch.nn.LSTM, {"proj_size": 2}, {"cell": "lstm", "proj_size": 2}),
    "gru": (torch.nn.GRU, {}, {"cell": "gru"}),
    "rnn tanh": (torch.nn.RNN, {"nonlinearity": "tanh"}, {"cell": "rnn", "activation": "tanh"}),
    "rnn relu": (torch.nn.RNN, {"nonlinearity": "relu"}, {"cell": "rnn", "activation": "relu"}),
}
each_cell = pytest.mark.parametrize("cell", CELLS)


def attention(y, p):
    return torch.softmax(torch.tanh(y @ p["attention.A"] + p["attention.b"]) @ p["attention.v"], dim=0) @ y


# Outputs of every step and their end -> what the head sees.
TORCH_POOLINGS = {
    "last": lambda y, end, p: end,
    "mean": lambda y, end, p: y.mean(dim=0),
    "max": lambda y, end, p: y.max(dim=0).values,
    "attention": lambda y, end, p: attention(y, p),
    None: lambda y, end, p: y,
}


class Twin:
    """A problem's network in PyTorch.

    PyTorch's weights are made of `p`, tensors under our names, so that gradients arrive there under our names too.
    """

    def __init__(self, problem, cell):
        make, arguments, _ = CELLS[cell]
        network = self.network = problem.network
        first = network.layers[0]
        self.p = {name: torch.tensor(view, requires_grad=True) for name, view in network.layout.views(problem.theta).items()}
        self.rnn = make(first.input_size, first.hidden_size, len(network.layers), bidirectional=first.bidirectional, **arguments)
        self.weights = {}
        for k in range(len(network.layers)):
            for prefix in first.directions:
                W, R, b = (self.p[f"layer_{k}.{prefix}{name}"] for name in "WRb")
                # Where b is longer than the input has blocks (b_m of the GRU), the rest is that of the last blocks of R.
                n, rest = W.shape[1], b[W.shape[1] :]
                bias_hh = torch.cat([torch.zeros(n - len(rest), dtype=b.dtype), rest])
                suffix = f"_l{k}" + ("_reverse" if prefix else "")
                for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (W.T, R.T, b[:n], bias_hh), strict=True):
                    self.weights[name + suffix] = value
                if first.proj_size:
                    self.weights["weight_hr" + suffix] = self.p[f"layer_{k}.{prefix}P"].T

    def initial_state(self, n_sequences):
        """None, or the learned states: h0, or the pair (h0, c0), each (num_layers n_directions, n_sequences, H)."""
        layers = [f"layer_{k}.{prefix}" for k in range(len(self.network.layers)) for prefix in self.network.layers[0].directions]
        states = [
            torch.stack([self.p[f"{layer}{state}"] for layer in layers])[:, np.newaxis].expand(-1, n_sequences, -1)
            for state in self.network.layers[0].states
        ]
        return None if not states else states[0] if len(states) == 1 else tuple(states)

    def run(self, x, state):
        return torch.func.functional_call(self.rnn, self.weights, (x, state))

    def run_packed(self, inputs):
        """Outputs of every sequence, and their ends, of a list of tensors (n_steps, n_channels), all at once."""
        output, states = self.run(torch.nn.utils.rnn.pack_sequence(inputs, enforce_sorted=False), self.initial_state(len(inputs)))
        h = states[0] if isinstance(states, tuple) else states
        ends = torch.cat([h[-2], h[-1]], dim=1) if self.network.layers[0].bidirectional else h[-1]
        return torch.nn.utils.rnn.unpack_sequence(output), ends

    def run_chunks(self, x, bounds):
        """Outputs of one sequence; gradients do not pass the bounds."""
        outputs, state = [], self.initial_state(1)
        for first, last in pairwise(bounds):
            if first < len(x):
                y, state = self.run(x[first:last, np.newaxis], state)
                state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
                outputs.append(y[:, 0])
        return torch.cat(outputs)

    def scores(self, outputs, ends):
        """(n_sequences, n_outputs), or (total_steps, n_outputs) where scores are per step."""
        pool = TORCH_POOLINGS[self.network.pooling]
        pooled = torch.vstack([pool(y, end, self.p) for y, end in zip(outputs, ends, strict=True)])
        return pooled @ self.p["head.V"] + self.p["head.b"]

    def gradients(self):
        """By the names of our parameters."""
        return {name: value.grad.numpy() for name, value in self.p.items()}


def mean_loss(problem, scores):
    weights, targets = torch.tensor(problem.weights.astype(problem.dtype)), torch.tensor(problem.targets)
    return (weights * 0.5 * ((scores - targets) ** 2).mean(dim=1)).sum() / weights.sum()


def assert_gradients_equal(problem, grad, twin, tolerance):
    ours, theirs = problem.network.layout.views(grad), twin.gradients()
    for name in ours:
        assert relative_error(ours[name], theirs[name]) < tolerance, name


@each_cell
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("hidden_size", [3, 16, 37])
@pytest.mark.parametrize("lengths", [[3, 1, 5, 5, 2, 1, 7], [6] * 14], ids=["ragged", "equal"])
@pytest.mark.parametrize("learned_state", [False, True])
def test_equals_torch_packed(rng, cell, dtype, bidirectional, num_layers, hidden_size, lengths, learned_state):
    sequences = [rng.normal(size=(length, 4)).astype(dtype) for length in lengths]
    options = CELLS[cell][2] | {"bidirectional": bidirectional, "learned_state": learned_state}
    problem = Problem(sequences, "squared_error", (hidden_size,) * num_layers, dtype, **options)
    # The wider, the smaller, as in practice: where R expands (tanh, 37 units, standard deviation 0.5) it makes 2e-5 of
    # float32's rounding, in PyTorch's gradients as in ours, both against float64.
    problem.theta *= min(1, 2 / np.sqrt(hidden_size))
    twin = Twin(problem, cell)
    inputs = [torch.tensor(x, requires_grad=True) for x in sequences]
    outputs, ends = twin.run_packed(inputs)
    scores = twin.scores(outputs, ends)
    mean_loss(problem, scores).backward()

    tolerance = TOLERANCE[dtype]
    grad, dx = problem.gradients()
    packed = problem.packed
    assert relative_error(problem.scores(), scores.detach().numpy()[packed.order]) < tolerance
    y = problem.ws.layers[-1].y
    for r, i in enumerate(packed.order):
        ours = y[packed.starts[: packed.lengths[r]] + r]
        assert relative_error(ours, outputs[i].detach().numpy()) < tolerance
    end_states = apply(problem.network, problem.theta, problem.sequences, "end_states")
    assert relative_error(end_states, ends.detach().numpy()) < tolerance
    assert_gradients_equal(problem, grad, twin, tolerance)
    assert relative_error(dx, np.concatenate([x.grad.numpy() for x in inputs])) < tolerance


@each_cell
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("learned_state", [False, True])
@pytest.mark.parametrize("pooling", [*POOLINGS, None])
@pytest.mark.parametrize("bptt_steps", [1, 3, 5, 20])
def test_truncated_gradient_equals_torch_with_detached_states(rng, ragged, cell, num_layers, learned_state, pooling, bptt_steps):
    options = CELLS[cell][2] | {"learned_state": learned_state, "pooling": pooling}
    problem = Problem(ragged, "squared_error", (5,) * num_layers, **options)
    twin = Twin(problem, cell)
    # Counted back from the end of the longest: the steps that are too few for a chunk are the first.
    bounds = sorted({0, *range(max(map(len, ragged)), 0, -bptt_steps)})
    outputs = [twin.run_chunks(torch.tensor(x), bounds) for x in ragged]
    loss = mean_loss(problem, twin.scores(outputs, [y[-1] for y in outputs]))
    loss.backward()

    gradient = GradientComputer(problem.network, problem.loss, problem.data(), problem.theta, 0.0, Threads(1), bptt_steps)
    total, total_weight = gradient(rng.permutation(len(ragged)), rng)
    assert total / total_weight == pytest.approx(loss.item(), rel=TOLERANCE[np.float64])
    assert_gradients_equal(problem, gradient.grad, twin, TOLERANCE[np.float64])


def stand_ins(p, prefix, x, gaps):
    """Of a sequence x (n_steps, n_channels) in units of the first layer: what stands for its values and log2(1 + d), by the input
    decay of GRU-D (Che et al. 2018): exp(-max(0, w d + b)), from the last value towards the mean; gaps (n_steps, 1)."""
    mean = (p["input.mean"] * p["input.scale"] + p["input.offset"]).detach()
    last, d, values, times = mean, torch.zeros_like(mean), [], []
    for x_t, gap in zip(x, gaps, strict=True):
        seen, d = ~torch.isnan(x_t), d + gap
        decay = torch.exp(-torch.relu(p[f"input.{prefix}w"] * d + p[f"input.{prefix}b"]))
        values.append(torch.where(seen, x_t, mean + decay * (last - mean)))
        times.append(torch.log2(1 + d))
        last, d = torch.where(seen, x_t, last), torch.where(seen, 0, d)
    return torch.stack(values), torch.stack(times)


def columns_of_missing(p, x, bidirectional, timed):
    x, gaps = (torch.tensor(x[:, :-1]), torch.tensor(x[:, -1:])) if timed else (torch.tensor(x), torch.ones(len(x), 1))
    x, gaps = x * p["input.scale"].detach() + p["input.offset"].detach(), gaps.to(x.dtype)
    later = torch.vstack([gaps[1:], torch.ones_like(gaps[:1])])  # to the next step
    values, times = stand_ins(p, "", x, gaps)
    columns = [values, (~torch.isnan(x)).to(x.dtype), times]
    if bidirectional:
        columns += [column.flip(0) for column in stand_ins(p, "reverse.", x.flip(0), later.flip(0))]
    if timed:
        columns += [torch.log2(1 + part) for part in (gaps, later)[: 1 + bidirectional]]
    return torch.hstack(columns)


@each_cell
@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_decay_of_missing_values_equals_torch(rng, ragged, cell, timed, bidirectional, dtype):
    options = CELLS[cell][2] | {"bidirectional": bidirectional, "missing": "decay", "timed": timed}
    problem = Problem(ragged, "squared_error", (5,), dtype, **options, pooling="last")
    problem.theta *= 0.5  # else the relu expands, and float32's rounding with it
    views = problem.network.layout.views(problem.theta)
    # Rates are positive, as those of a fit mostly are; one channel stops to decay after a while.
    for name in [name for name in views if name.startswith("input.")]:
        views[name][...] = 1 if name == "input.known" else rng.uniform(0.1, 1, size=len(views[name]))
    views["input.w"][0], views["input.b"][0] = -0.4, 0.7
    twin = Twin(problem, cell)
    outputs, ends = twin.run_packed([columns_of_missing(twin.p, x, bidirectional, timed) for x in problem.sequences.to_list()])
    scores = twin.scores(outputs, ends)
    mean_loss(problem, scores).backward()

    grad, _ = problem.gradients()
    assert relative_error(problem.scores(), scores.detach().numpy()[problem.packed.order]) < TOLERANCE[dtype]
    ours = problem.network.layout.views(grad)
    rates = {"input.w", "input.b"} | ({"input.reverse.w", "input.reverse.b"} if bidirectional else set())
    theirs = {name: value.grad.numpy() for name, value in twin.p.items() if value.grad is not None}
    assert rates < theirs.keys() and all(np.count_nonzero(theirs[name]) > 1 for name in rates)
    for name, expected in theirs.items():
        assert relative_error(ours[name], expected) < TOLERANCE[dtype], name
