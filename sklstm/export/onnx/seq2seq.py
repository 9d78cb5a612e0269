"""Encoders and decoders in ONNX: one graph that reads sequences and writes others, each step from the one before."""

import numpy as np

from ...estimators.beam import END
from .network import add_inputs, add_stack
from .outputs import KINDS, tensor_of
from .recurrent import add_layer
from .steps import LOWEST, Steps


class Source(Steps):
    """Steps of sequences that are encoded: the states in which layers end are kept."""

    wants_states = True

    def __init__(self, g, X, has_lengths):
        super().__init__(g, X, has_lengths)
        self.ends = []

    def end(self, k, states):
        self.ends.append(states)


class OneStep(Steps):
    """A step of a decoder, in the body of a loop."""

    is_single = wants_states = True


def add_written(g, of, *, lengths, **_):
    """Add the inputs and outputs of an encoder-decoder: tokens of the likeliest outputs (greedy search), or numbers.

    Parameters
    ----------
    g : Graph
    of : Fitted
    lengths : bool
        Whether the sequences have lengths.
    """
    network, params = of.network, of.params
    x, s, steps = add_inputs(g, of, Source, lengths)
    attends = network.cross is not None
    memory, _ = add_stack(g, network.layers, params, x, s, steps, () if attends else ("last",))
    own = network.of_decoder(params)
    states = [(one, "float") for one in _first_states(g, network, params, steps)]
    decoder = _Decoder(g, network, params, own, memory, steps)
    add = _add_tokens if network.token_width else _add_numbers
    add(g, of.model, own, states, decoder, steps)


def _first_states(g, network, params, steps):
    """What layers of the decoder begin with, (n_sequences, H): affine maps of the states in which those of the encoder end."""
    found = []
    for k, (layer, ends) in enumerate(zip(network.layers, steps.ends, strict=True)):
        p = params[f"bridge.layer_{k}"]
        for name in "hc"[: layer.n_states]:
            ended = g.add("Reshape", g.transposed(ends[name], (1, 0, 2)), [-1, len(p[f"W{name}"])])
            found.append(g.add("Add", g.add("MatMul", ended, p[f"W{name}"]), p[f"b{name}"]))
    return found


class _Decoder:
    """The nodes of a step of the decoder.

    Parameters
    ----------
    g : Graph
        Around the loop.
    network : EncoderDecoder
    params, own : dict
        All parameters, and those of the decoder.
    memory : str or None
        Outputs of the encoder, (n_steps, n_sequences, F).
    steps : Steps
        Of the encoder.
    """

    def __init__(self, g, network, params, own, memory, steps):
        self.network, self.own, self.memory, self.active = network, own, memory, steps.active
        self.p, self.keys = params.get("attention"), memory
        if self.p is not None and "B" in self.p:
            self.keys = g.add("MatMul", memory, self.p["B"])

    def step(self, g, x, states):
        """Scores (n_sequences, K) and the next states, from what the first layer reads, (n_sequences, width)."""
        x, states, after = g.over("Unsqueeze", x, 0), list(states), []
        for k, layer in enumerate(self.network.target.layers):
            names = "hc"[: layer.n_states]
            first = {name: g.over("Unsqueeze", states.pop(0), 0) for name in names}
            x, _, ends = add_layer(g, layer, self.own[f"layer_{k}"], x, OneStep(g, x, False), first, True, False)
            after += [g.over("Squeeze", ends[name], 0) for name in names]
        d, head = g.over("Squeeze", x, 0), self.own["head"]
        read = d if self.p is None else self._attended(g, d)
        return g.add("Add", g.add("MatMul", read, head["V"]), head["b"]), after

    def _attended(self, g, d):
        """tanh([c; d] C + b), with the mean c of the encoder's outputs by the weights of the attention."""
        p = self.p
        asked = g.over("Unsqueeze", g.add("MatMul", d, p["A"]), 0)
        if "B" in p:
            logits = g.add("MatMul", g.add("Tanh", g.add("Add", asked, self.keys)), p["v"][:, np.newaxis])
        else:
            logits = g.over("Unsqueeze", g.reduced("ReduceSum", g.add("Mul", asked, self.keys), -1), -1)
        if self.active is not None:
            logits = g.add("Where", self.active, logits, LOWEST)
        context = g.reduced("ReduceSum", g.add("Mul", g.add("Softmax", logits, axis=0), self.memory), 0)
        return g.add("Tanh", g.add("Add", g.add("MatMul", g.concat([context, d]), p["C"]), p["b"]))


def _add_tokens(g, model, own, states, decoder, steps):
    n, K = len(model.classes_), decoder.network.output_size
    not_end = np.zeros(n + 1, np.float32)
    not_end[END] = LOWEST

    def step(body, t, code, *states):
        scores, states = decoder.step(body, body.add("Gather", own["input"]["E0"], body.over("Squeeze", code, 1), axis=0), states)
        scores = body.columns(scores, range(n + 1), K)  # a token that stands for all unknown ones is never written
        scores = body.add("Where", body.add("Equal", t, 0), body.add("Add", scores, not_end), scores)
        chosen = body.add("ArgMax", scores, axis=1, keepdims=1)
        has_ended = body.add("And", body.add("Equal", code, END), body.add("Greater", t, 0))
        chosen = body.add("Where", has_ended, END, chosen)
        goes_on = body.add("Greater", body.reduced("ReduceMax", chosen, (0, 1)), END)  # until all have ended
        return [goes_on, chosen, *states, chosen]

    start = (g.cast(steps.zeros(1), "int64"), "int64")
    codes = g.loop(step, int(model.max_length_), [start, *states], [("int64", 1)])[-1]
    codes = steps.leave(g.over("Squeeze", codes, 2), 2)
    tokens = tensor_of(model.classes_)
    none = np.array([""], dtype=object) if tokens.dtype == object else np.full(1, -1).astype(tokens.dtype)
    label, shape = g.add("Gather", np.concatenate([none, tokens]), codes, axis=0), ["N", "L"]
    g.output(label, "label", KINDS[model.classes_.dtype.kind], shape, "tokens of each output, and behind them fillers")
    counts = g.reduced("ReduceSum", g.cast(g.add("Greater", codes, END), "int64"), 1)
    g.output(counts, "n_labels", "int64", ["N"], "how many tokens each output has")


def _add_numbers(g, model, own, states, decoder, steps):
    scale, offset = own["input"]["scale"], own["input"]["offset"]
    shortest, longest = model._target_lengths
    n_steps = longest if shortest == longest else g.input("n_steps", "int64", [], "how many steps to predict")

    def step(body, before, *states):
        x = body.add("Add", body.add("Mul", before, scale), offset)
        predicted, states = decoder.step(body, x, states)
        return [predicted, *states, predicted]

    def step_of(body, *tensors):
        return step(body, *tensors[:-1])  # without the number of the step

    start = g.add("Add", steps.zeros(len(scale)), -offset / scale)
    items = [(g.add("Range", 0, n_steps, 1), "int64")]
    predicted = g.scan(step_of, [(start, "float"), *states], items, [("float", len(scale))])[-1]
    shape = ["N", "L" if shortest != longest else int(longest), len(scale)]
    g.output(steps.leave(predicted, 3), "variable", "float", shape, "predictions in the units of y")
