"""An encoder and a decoder: gradients, equality with slow and with other implementations, and decoding step by step."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import reference
from paired_problems import CODES, NUMBERS, PairedProblem
from reference import central_differences, relative_error
from test_gradients import FAR_OFF, SMALLEST_STEP, STEPS, agrees_along_a_direction, assert_close, closest, projections, trained

from sklstm._kernels import _product, _team
from sklstm.network import ACTIVATIONS, ATTENTIONS, CELLS, MISSING, EncoderDecoder, input_layer
from sklstm.network import paired as paired_module
from sklstm.parallel import Threads
from sklstm.sequences import Sequences
from sklstm.training import Scaling, batching
from sklstm.training.gradient import GradientComputer

AXES = {
    "attention": [{"attention": name} for name in [*ATTENTIONS, None]],
    "direction": [{}, {"bidirectional": True, "merge_mode": "concat"}, {"bidirectional": True, "merge_mode": "sum"}],
    "cell": [{"cell": cell, "activation": activation} for cell in CELLS for activation in ACTIVATIONS],
    "tokens": [{"tokens": True}, {"tokens": False}, {"tokens": False, "reads_outputs": False}],
    "depth": [{"hidden_sizes": (3,)}, {"hidden_sizes": (3, 4)}, {"residual": True, "hidden_sizes": (3, 3)}],
    "dropout": [{}, {"dropout": 0.3, "recurrent_dropout": 0.3, "training_seed": 2}],
    "embedding": [{}, {"categories": ((1, 5, 2),)}],
    "missing": [{"missing": name} for name in MISSING],
    "timed": [{}, {"timed": True}],
    "state": [{}, {"learned_state": True}],
    "static": [{}, {"static_size": 2, "static_categories": ((1, 3, 1),)}],
}
FIRST = [AXES[axis] for axis in ("attention", "direction", "cell")]
OTHERS = [axis for axis in AXES if axis not in ("attention", "direction", "cell")]
SOURCES, TARGETS = [3, 1, 5, 5, 2], [2, 4, 1, 3, 3]


def architecture(choice):
    return {key: value for part in choice for key, value in part.items()}


def some_architectures(step):
    """One in so many of all attentions, directions and cells; the other axes are drawn, once for all."""
    rng = np.random.default_rng(0)
    for first in list(itertools.product(*FIRST))[::step]:
        rest = [AXES[axis][rng.integers(len(AXES[axis]))] for axis in OTHERS]
        yield architecture([*first, *rest, projections(first[-1]["cell"])[rest[-1] == AXES[OTHERS[-1]][0]]])


def sequences(rng, lengths=SOURCES, width=2):
    return [rng.normal(size=(length, width)) for length in lengths]


@pytest.mark.parametrize("options", list(some_architectures(18)))
def test_every_entry_of_the_gradient(rng, options):
    problem = PairedProblem(sequences(rng), TARGETS, **options)
    grad, dx, dstatic = problem.gradients()
    slices, loss = problem.network.layout.slices, problem.mean_loss()
    numeric = [central_differences(problem.mean_loss, problem.theta, step) for step in STEPS]
    errors = np.abs(closest(numeric, grad) - grad)
    if any(trained(name) and (errors[part] > FAR_OFF).any() for name, part in slices.items()):
        numeric.append(central_differences(problem.mean_loss, problem.theta, SMALLEST_STEP))
    for name, part in slices.items():
        if trained(name):
            assert_close(grad[part], [differences[part] for differences in numeric], loss, name)
    entry = problem.network.input_layer
    for channel in range(dx.shape[1]) if entry is None else entry.numeric:
        column = problem.sources.values[:, channel]
        assert_close(dx[:, channel], [central_differences(problem.mean_loss, column, step) for step in STEPS], loss, channel)
    if dstatic is not None:
        column = problem.static[:, 0]
        assert_close(dstatic[:, 0], [central_differences(problem.mean_loss, column, step) for step in STEPS], loss, "static")


def has_right_gradient(rng, options):
    """Whether it agrees with differences; a kink near some weights is a matter of chance."""
    for seed in range(4):
        problem = PairedProblem(sequences(rng), TARGETS, seed=seed, **options)
        loss, (grad, *_) = problem.mean_loss(), problem.gradients()
        if loss < 1e3 and grad.any() and any(agrees_along_a_direction(problem, grad, loss, rng) for _ in range(3)):
            return True
    return False


@pytest.mark.parametrize("options", list(some_architectures(3)))
def test_gradient_along_a_direction(rng, options):
    assert has_right_gradient(rng, options)


OTHER = [architecture(c) for c in itertools.product(*(AXES[axis] for axis in OTHERS))]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(list(itertools.product(*FIRST)))))
def test_gradient_over_the_whole_product(rng, number):
    # Of the other axes, one combination in 19: with 19 networks of different first axes every one.
    first = architecture(list(itertools.product(*FIRST))[number])
    for others in OTHER[number % 19 :: 19]:
        assert has_right_gradient(rng, first | others), first | others


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("options", list(some_architectures(7)))
def test_scores_and_attention_are_those_of_the_slow_twin(rng, options, dtype):
    options = {name: value for name, value in options.items() if name not in ("dropout", "recurrent_dropout", "training_seed")}
    problem = PairedProblem(sequences(rng), TARGETS, dtype=dtype, **options)
    network = problem.network
    scores = problem.data.scores(network, problem.theta, 1)
    weights = {name: view.astype(np.float64) for name, view in network.layout.views(problem.theta).items()}
    names = ("cell", "activation", "bidirectional", "merge_mode", "residual")
    own = {name: getattr(network, name) for name in names}
    found = [] if network.attention is None else network.decoder(problem.theta).attention(problem.sources, problem.inputs)
    for i in range(len(SOURCES)):
        x, d = problem.sources[i].astype(np.float64), problem.inputs[i].astype(np.float64)
        s = problem.sources.static
        s = s if s is None else reference.entry(reference.part(weights, "encoder.static."), s[i : i + 1].astype(np.float64))[0]
        gaps = None
        if network.gap_channel is not None:
            x, gaps = x[:, :-1], x[:, -1]
        expected, alpha = reference.scores_of_pair(weights, x, d, len(network.layers), s, gaps, **own)
        own_scores = scores[problem.inputs.offsets[i] : problem.inputs.offsets[i + 1]]
        np.testing.assert_allclose(own_scores, expected, rtol=0, atol=1000 * np.finfo(dtype).eps * max(1, np.abs(expected).max()))
        if found:
            np.testing.assert_allclose(found[i], alpha, rtol=0, atol=1000 * np.finfo(dtype).eps)
            np.testing.assert_allclose(found[i].sum(axis=1), 1, rtol=10 * np.finfo(dtype).eps)


class TorchTwin:
    """The network of a problem of LSTM cells with tokens, pair by pair, in PyTorch; gradients arrive under our names."""

    def __init__(self, problem):
        self.torch = torch = pytest.importorskip("torch")
        self.network = problem.network
        self.p = {name: torch.tensor(view, requires_grad=True) for name, view in self.network.layout.views(problem.theta).items()}

    def lstm(self, part, x, state=None):
        torch, sizes = self.torch, self.network.hidden_sizes
        states, ends = {}, []
        directions = ("", "reverse.")[: 1 + (part == "encoder" and self.network.bidirectional)]
        for k, H in enumerate(sizes):
            rnn = torch.nn.LSTM(x.shape[1], H, bidirectional=len(directions) == 2)
            for prefix in directions:
                W, R, b = (self.p[f"{part}.layer_{k}.{prefix}{name}"] for name in "WRb")
                suffix = "_l0" + ("_reverse" if prefix else "")
                states |= {f"weight_ih{suffix}": W.T, f"weight_hh{suffix}": R.T, f"bias_ih{suffix}": b}
                states[f"bias_hh{suffix}"] = torch.zeros_like(b)
            x, end = torch.func.functional_call(rnn, states, (x, None if state is None else state[k]))
            ends.append(end)
        return x, ends

    def scores(self, x, inputs):
        """Of a source (n, D) and what the decoder reads (n_steps,)."""
        torch, p = self.torch, self.p
        e, ends = self.lstm("encoder", x)
        bridge = [
            tuple((pair[j].flatten() @ p[f"{layer}.W{state}"] + p[f"{layer}.b{state}"])[None] for j, state in enumerate("hc"))
            for layer, pair in ((f"bridge.layer_{k}", pair) for k, pair in enumerate(ends))
        ]
        d, _ = self.lstm("decoder", p["decoder.input.E0"][inputs], bridge)
        if self.network.attention is not None:
            logits = d @ p["attention.A"]
            if "attention.v" in p:
                logits = torch.tanh(logits[:, None] + (e @ p["attention.B"])[None]) @ p["attention.v"]
            else:
                logits = logits @ e.T
            c = torch.softmax(logits, dim=1) @ e
            d = torch.tanh(torch.cat([c, d], dim=1) @ p["attention.C"] + p["attention.b"])
        return d @ p["head.V"] + p["head.b"]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
@pytest.mark.parametrize("options", [architecture(c) for c in itertools.product(AXES["attention"], AXES["direction"][:2])])
def test_scores_and_gradients_are_those_of_torch(rng, options, dtype, tolerance):
    torch = pytest.importorskip("torch")
    lengths, targets = rng.integers(1, 9, size=20), rng.integers(1, 9, size=20)
    problem = PairedProblem(sequences(rng, lengths, 3), targets, (7, 5), dtype=dtype, **options)
    twin = TorchTwin(problem)
    grad, *_ = problem.gradients()
    pairs = [
        (torch.tensor(problem.sources[i]), torch.tensor(problem.inputs[i][:, 0].astype(int))) for i in range(len(lengths))
    ]
    scores = torch.vstack([twin.scores(*pair) for pair in pairs])
    weights, codes = torch.tensor(problem.weights.astype(dtype)), torch.tensor(problem.targets[:, 0].astype(int))
    loss = (weights * torch.nn.functional.cross_entropy(scores, codes, reduction="none")).sum() / weights.sum()
    loss.backward()
    assert relative_error(problem.data.scores(problem.network, problem.theta, 1), scores.detach().numpy()) < tolerance
    # What all steps add to a key of the softmax cancels, in PyTorch as here, by hundreds of times where logits hardly differ.
    least = 0.01 * np.linalg.norm(grad)
    for name, own in problem.network.layout.views(grad).items():
        if trained(name):
            theirs = twin.p[name].grad.numpy()
            assert np.linalg.norm(own - theirs) < tolerance * max(np.linalg.norm(theirs), least), name


def larger(rng, n=60, **options):
    lengths = rng.integers(1, 12, size=n), rng.integers(1, 9, size=n)
    options = {"hidden_sizes": (16, 16), "bidirectional": True, "learned_state": True} | options
    return PairedProblem(sequences(rng, lengths[0]), lengths[1], dtype=np.float32, **options)


@pytest.mark.parametrize(
    "options", [{"attention": "dot", "dropout": 0.2, "scheduled_sampling": 0.3}, {"attention": "additive", "tokens": False}]
)
@pytest.mark.parametrize("flops", [1.0, 1e8])
def test_bits_do_not_depend_on_the_number_of_threads(rng, monkeypatch, options, flops):
    # In shards, and as a minibatch that a team shares.
    problem, rows, found = larger(rng, **options), rng.permutation(60), set()
    monkeypatch.setattr(batching, "SHARD_FLOPS", flops)
    monkeypatch.setattr(batching, "TEAM_FLOPS", 1.0)
    assert len(batching.shards(rows, problem.data.lengths, problem.network)) == (1 if flops > 1 else 2)
    for n_threads in (1, 2, 3):
        computer = GradientComputer(problem.network, problem.loss, problem.data, problem.theta, 0.1, Threads(n_threads))
        total = computer(rows, np.random.default_rng(1))
        found.add((total, computer.grad.tobytes(), problem.data.scores(problem.network, problem.theta, n_threads).tobytes()))
    assert len(found) == 1 or not _team.available()


@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
def test_scores_do_not_depend_on_the_batch(rng, attention):
    problem = larger(rng, attention=attention)
    network, theta, tolerance = problem.network, problem.theta, 0 if _product.products() == "tiles" else 1e-5
    scores = problem.data.scores(network, theta, 1)
    for i in (0, 17, 59):
        own = network.scores(theta, problem.sources[[i]], problem.inputs[[i]])
        batch = scores[problem.inputs.offsets[i] : problem.inputs.offsets[i + 1]]
        np.testing.assert_allclose(own, batch, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
def test_decoding_step_by_step_is_teacher_forcing(rng, attention, cell, tokens):
    options = {"attention": attention, "cell": cell, "tokens": tokens, "residual": True, "bidirectional": True}
    problem = PairedProblem(sequences(rng), TARGETS, (3, 3), **options)
    decoder, inputs = problem.network.decoder(problem.theta), problem.inputs
    memory, scores = decoder.encode(problem.sources), decoder.scores(problem.sources, inputs)
    sources, states = np.arange(len(TARGETS)), memory.states
    for t in range(max(TARGETS)):
        active = np.flatnonzero(inputs.lengths[sources] > t)
        sources, states = sources[active], [state[active] for state in states]
        given = inputs.values[inputs.offsets[sources] + t]
        step, states = decoder.step(memory, sources, states, given[:, 0] if tokens else given)
        np.testing.assert_allclose(step, scores[inputs.offsets[sources] + t], rtol=0, atol=1e-12)


@pytest.mark.parametrize("attention", [*ATTENTIONS, None])
def test_hypotheses_do_not_depend_on_each_other(rng, attention):
    problem = PairedProblem(sequences(rng), TARGETS, (5, 17), dtype=np.float32, attention=attention)
    decoder = problem.network.decoder(problem.theta)
    memory = decoder.encode(problem.sources)
    sources, codes = np.array([2, 2, 0, 4, 2, 2, 2]), np.array([1, 2, 3, 0, 1, 1, 0])
    states = [state[sources] for state in memory.states]
    together = decoder.step(memory, sources, states, codes)
    tolerance = 0 if _product.products() == "tiles" else 1e-5
    for i in range(len(sources)):
        alone = decoder.step(memory, sources[[i]], [state[[i]] for state in states], codes[[i]])
        for whole, own in zip([together[0], *together[1]], [alone[0], *alone[1]], strict=True):
            np.testing.assert_allclose(own, whole[[i]], rtol=tolerance, atol=tolerance)
    own = decoder.encode(problem.sources[[2]])
    for whole, part in zip(memory.states, own.states, strict=True):
        np.testing.assert_allclose(part, whole[[2]], rtol=tolerance, atol=tolerance)


def test_weights_of_a_step_are_those_of_the_whole_target(rng):
    problem = PairedProblem(sequences(rng), TARGETS, attention="additive")
    decoder = problem.network.decoder(problem.theta)
    memory, sources = decoder.encode(problem.sources), np.arange(5)
    *_, weights = decoder.step(memory, sources, memory.states, decoder.start(5), return_weights=True)
    for own, whole in zip(weights, decoder.attention(problem.sources, problem.inputs), strict=True):
        np.testing.assert_allclose(own, whole[0], atol=1e-14)


def test_a_network_without_attention_has_no_weights(rng):
    problem = PairedProblem(sequences(rng), TARGETS, attention=None)
    with pytest.raises(ValueError, match="no attention"):
        problem.network.decoder(problem.theta).attention(problem.sources, problem.inputs)


@pytest.mark.parametrize(("tokens", "reads_outputs"), [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("cell", ["lstm", "layernorm"])
def test_weights_take_the_units_of_the_data(rng, cell, tokens, reads_outputs):
    options = {"cell": cell, "tokens": tokens, "reads_outputs": reads_outputs, "missing": "indicator", "static_size": 2}
    problem = PairedProblem(sequences(rng), TARGETS, **options)
    network, K = problem.network, NUMBERS if tokens is False else CODES
    entry = network.bind(problem.theta)["decoder.input"]
    entry["scale"][...], entry["offset"][...] = 1, 0  # which training does not change
    scale = (rng.uniform(0.5, 3, size=K), rng.normal(size=K)) if not tokens else (np.ones(1), np.zeros(1))
    shift, factor = rng.normal(size=2), rng.uniform(0.5, 2, size=2)
    static = rng.normal(size=2), rng.uniform(0.5, 2, size=2)
    scaling = Scaling(shift, factor, scale[1], scale[0], None if tokens else "affine", None, *static, np.zeros(2), np.ones(2))
    theta = problem.theta.copy()
    scaling.write_means(network, theta)
    data = replace(problem.data, shift=shift, factor=factor, static_shift=static[0], static_factor=static[1])
    standard = data.scores(network, theta, 1)
    folded = scaling.fold_into_weights(network, theta)
    inputs = problem.inputs
    if network.reads_numbers:
        inputs = Sequences(inputs.values * scale[0] + scale[1], inputs.offsets)
        np.testing.assert_allclose(network.decoder(folded).start(1)[0], scale[1], atol=1e-14)
    raw = network.scores(folded, problem.sources, inputs)
    np.testing.assert_allclose(raw, standard * scale[0] + scale[1], atol=1e-11)
    back = Scaling(np.zeros(2), np.ones(2), np.zeros(1), np.ones(1), scaling.units, None, np.zeros(2), np.ones(2))
    again = back.fold_into_weights(network, scaling.convert_to(network, theta, back))
    np.testing.assert_allclose(network.scores(again, problem.sources, inputs), raw, atol=1e-11)


@pytest.mark.parametrize("tokens", [True, False])
def test_scheduled_sampling_reads_predictions_of_a_first_pass(rng, monkeypatch, tokens):
    problem = PairedProblem(sequences(rng), TARGETS, tokens=tokens, scheduled_sampling=0.5)
    network, rows, read = problem.network, np.arange(5), []
    again = paired_module.PairedDraws.again

    def watched(self):
        again(self)
        starts, order = self.minibatch.target_starts(), np.argsort(-problem.inputs.lengths, kind="stable")
        counts = np.diff(starts)
        place = np.concatenate([problem.inputs.offsets[order[:count]] + t for t, count in enumerate(counts)])
        values = np.empty_like(problem.inputs.values)
        values[place] = self.ws.decoder.values[: starts[-1]]
        read.append(values)

    monkeypatch.setattr(paired_module.PairedDraws, "again", watched)
    computer = GradientComputer(network, problem.loss, problem.data, problem.theta, 0.0, Threads(1))
    totals = computer(rows, np.random.default_rng(3))
    # The same as training on what was read; first steps are never replaced, and of the others about half.
    changed = (read[0] != problem.inputs.values).any(axis=1)
    assert not changed[problem.inputs.offsets[:-1]].any() and 0 < changed.sum() < len(changed) - 5
    if not tokens:
        predicted = problem.data.scores(network, problem.theta, 1)
        np.testing.assert_allclose(read[0][changed], predicted[np.flatnonzero(changed) - 1], rtol=1e-12)
    data = replace(problem.data, inputs=Sequences(read[0], problem.inputs.offsets))
    plain = GradientComputer(network.without_dropout(), problem.loss, data, problem.theta, 0.0, Threads(1))
    assert plain(rows, None) == pytest.approx(totals, rel=1e-14)
    np.testing.assert_allclose(plain.grad, computer.grad, rtol=1e-12, atol=1e-15)


def test_the_rate_of_scheduled_sampling(rng):
    problem = PairedProblem(sequences(rng, [2] * 300), [6] * 300, tokens=False, scheduled_sampling=0.3)
    computer = GradientComputer(problem.network, problem.loss, problem.data, problem.theta, 0.0, Threads(1))
    shard = computer._shards.take()
    shard.run(np.arange(300), 1.0, np.random.default_rng(0), computer.grad)
    starts = shard.minibatch.target_starts()
    true = problem.inputs.values.reshape(300, 6, NUMBERS).swapaxes(0, 1).reshape(-1, NUMBERS)
    changed = (shard.ws.decoder.values[: starts[-1]] != true).any(axis=1)
    assert not changed[:300].any()
    assert changed[300:].mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 1500))  # four standard errors


def test_training_hides_codes_of_the_source_alone(rng, monkeypatch):
    monkeypatch.setattr(input_layer, "HIDDEN_SHARE", 1.0)
    problem = PairedProblem(sequences(rng), TARGETS, categories=((1, 5, 2),))
    computer = GradientComputer(problem.network, problem.loss, problem.data, problem.theta, 0.0, Threads(1))
    computer(np.arange(5), np.random.default_rng(0))
    gradients = problem.network.layout.views(computer.grad)
    used = np.isin(np.arange(CODES), problem.inputs.values)
    assert (np.abs(gradients["decoder.input.E0"]).max(axis=1) > 0).tolist() == used.tolist()
    assert np.abs(gradients["encoder.input.E1"][0]).max() > 0


def test_data_of_some_pairs(rng):
    problem = PairedProblem(sequences(rng), TARGETS)
    data, network, theta = problem.data, problem.network, problem.theta
    rows = np.array([4, 1])
    taken, only = data.take(rows), data.only(rows)
    whole = np.split(data.scores(network, theta, 1), problem.inputs.offsets[1:-1])
    np.testing.assert_allclose(taken.scores(network, theta, 1), np.vstack([whole[4], whole[1]]), rtol=1e-13)
    np.testing.assert_array_equal(taken.total_weights, data.total_weights[rows])
    np.testing.assert_array_equal(np.flatnonzero(only.total_weights), [1, 4])
    assert data.lengths.tolist() == np.add(SOURCES, TARGETS).tolist()
    other = replace(data, inputs=Sequences(1 - problem.inputs.values, problem.inputs.offsets))
    digests = data.digests(), other.digests()
    assert digests[0]["X"] == digests[1]["X"] and digests[0]["y"] != digests[1]["y"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention": "general"}, "attention must be one of"),
        ({"token_width": -1}, "token_width must be an int"),
        ({"scheduled_sampling": 1.5}, "scheduled_sampling must be a number from 0 to 1"),
        ({"output_size": 0}, "output_size must be an int"),
        ({"reads_outputs": 1}, "reads_outputs must be a boolean"),
        ({"reads_outputs": False, "token_width": 2}, "a decoder that reads no outputs has neither"),
        ({"reads_outputs": False, "scheduled_sampling": 0.5}, "a decoder that reads no outputs has neither"),
        ({"cell": "nas"}, "cell must be one of"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, message):
    with pytest.raises(ValueError, match=f"A network cannot be built: {message}"):
        EncoderDecoder(**{"input_size": 2, "output_size": 4, "hidden_sizes": (3,)} | changes)


def test_what_does_not_fit_is_refused(rng):
    problem = PairedProblem(sequences(rng), TARGETS)
    network, theta, minibatch = problem.network, problem.theta, problem.data.minibatch(problem.loss.value_and_gradient)
    grad, sizes = np.empty_like(theta), minibatch.arrange(np.arange(5))
    assert sizes == (16, 13, 3 * 2 + 4 + 5 + 15 + 6)
    for k in range(3):
        small = network.workspace(theta, 5, [size - (j == k) for j, size in enumerate(sizes)])
        with pytest.raises(ValueError, match="does not fit into the buffers"):
            minibatch.gradient(small.bound, 1.0, grad)
    with pytest.raises(ValueError, match="5 sequences"):
        minibatch.gradient(network.workspace(theta, 4, sizes).bound, 1.0, grad)
    with pytest.raises(ValueError, match="another dtype"):
        minibatch.gradient(network.workspace(theta.astype(np.float32), 5, sizes).bound, 1.0, grad)
    with pytest.raises(ValueError, match="reaches back over all steps"):
        problem.data.minibatch(problem.loss.value_and_gradient, 3)
    bound = network.workspace(theta, 5, sizes).bound
    with pytest.raises(ValueError, match="comes after a forward pass"):
        bound.run_backward(grad)
    problem.scores()
    packed = [paired_module.arguments(side) for side in (problem.source, problem.target)]
    with pytest.raises(ValueError, match="There are 5 sources"):
        bound.run(*packed, np.array([0, 1, 2, 3, 5]))
    with pytest.raises(ValueError, match="pairs of steps"):
        bound.run(*packed, np.zeros(5, np.intp))
    with pytest.raises(ValueError, match="Codes must be from 0 to 3"):
        decoder = network.decoder(theta)
        memory = decoder.encode(problem.sources)
        decoder.step(memory, np.zeros(1, np.intp), [state[:1] for state in memory.states], np.array([CODES]))
    with pytest.raises(ValueError, match="There are 5 sources"):
        decoder.step(memory, np.full(1, 5), [state[:1] for state in memory.states], np.array([0]))
