"""Training step of an encoder and a decoder with attention, compared with PyTorch.

    python benchmarks/seq2seq.py [--check]

Bidirectional LSTM, decoder that begins with affine maps of its states, attention over its steps (products), cross-entropy of the
tokens. Both have the same weights and the same minibatch: 64 sources of 20 to 30 tokens with targets of 10 to 20. PyTorch runs
the encoder over packed sequences, and once more over padded ones, where its reverse direction walks over the padding first:
the faster one counts. A training step is forward pass, loss, backward pass and a step of Adam with clipping. Before the timing
the loss and the gradients of all weights must agree; --check does no more than that.

Contenders take turns on one thread. A ratio is the median of the ratios within each round.
"""
import argparse
import json
import os
import sys
from pathlib import Path

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np

from sklstm.network import LOSSES, EncoderDecoder, input_layer
from sklstm.parallel import Threads
from sklstm.sequences import Sequences
from sklstm.training import Adam, PairedData
from sklstm.training.gradient import GradientComputer

WIDTHS = 64, 128, 256
B, SOURCE, TARGET, TOKENS, VECTOR = 64, (20, 30), (10, 20), 30, 32  # sequences, steps, tokens, width of their vectors
RATE, MAX_GRAD_NORM = 1e-3, 0.25
input_layer.HIDDEN_SHARE = 0.0  # PyTorch learns nothing of unknown tokens


class Problem:
    """Weights and a minibatch."""

    def __init__(self, H, dtype):
        rng = np.random.default_rng(0)
        self.X, self.y = (
            [rng.integers(1, TOKENS + 1, size=n) for n in rng.integers(low, high + 1, size=B)] for low, high in (SOURCE, TARGET)
        )
        codes = ((0, TOKENS + 1, VECTOR),)
        self.network = EncoderDecoder(1, TOKENS + 1, (H,), bidirectional=True, categories=codes, token_width=VECTOR)
        self.theta = self.network.initialize(rng, dtype)


def _shifted(y):
    """What the decoder reads, and what it is to say."""
    return [np.append(0, part) for part in y], [np.append(part, 0) for part in y]


class Sklstm:
    def __init__(self, problem):
        dtype, self.network, self.theta = problem.theta.dtype, problem.network, problem.theta.copy()
        X, inputs, targets = (
            Sequences.from_list([part[:, np.newaxis].astype(dtype) for part in parts])
            for parts in (problem.X, *_shifted(problem.y))
        )
        units = np.zeros(1, dtype), np.ones(1, dtype)
        data = PairedData(X, targets.values, np.ones(len(targets.values)), *units, np.arange(B), inputs=inputs)
        self.gradient = GradientComputer(self.network, LOSSES["multinomial_log_loss"], data, self.theta, 0.0, Threads(1))
        optimizer = Adam(0.9, 0.999, 1e-8)
        self.update = optimizer.bind(self.theta, self.gradient.grad, optimizer.init(self.theta))
        self.rng = np.random.default_rng(0)

    def loss_and_gradients(self):
        total, weight = self.gradient(np.arange(B), self.rng)
        return total / weight, self.network.layout.views(self.gradient.grad.copy())

    def step(self):
        self.gradient(np.arange(B), self.rng)
        norm = self.update.norm()
        self.update.take(RATE, MAX_GRAD_NORM / norm if norm > MAX_GRAD_NORM else 1.0)


class Torch:
    def __init__(self, problem, packs=True):
        import torch

        torch.set_num_threads(1)
        self.torch, self.packs, dtype, nn = torch, packs, getattr(torch, str(problem.theta.dtype)), torch.nn
        w = {name: torch.from_numpy(view.copy()) for name, view in problem.network.layout.views(problem.theta).items()}
        H = problem.network.hidden_sizes[0]
        self.modules = nn.ModuleDict(
            {
                "source": nn.Embedding(TOKENS + 1, VECTOR),
                "encoder": nn.LSTM(VECTOR, H, batch_first=True, bidirectional=True),
                "bridge_h": nn.Linear(2 * H, H),
                "bridge_c": nn.Linear(2 * H, H),
                "target": nn.Embedding(TOKENS + 1, VECTOR),
                "decoder": nn.LSTM(VECTOR, H, batch_first=True),
                "A": nn.Linear(H, 2 * H, bias=False),
                "C": nn.Linear(3 * H, H),
                "head": nn.Linear(H, TOKENS + 1),
            }
        ).to(dtype)
        # Our name -> name there, and whether it is transposed.
        self.names = {"encoder.input.E0": "source.weight", "decoder.input.E0": "target.weight", "attention.A": "A.weight"}
        self.names |= {"attention.C": "C.weight", "attention.b": "C.bias", "head.V": "head.weight", "head.b": "head.bias"}
        for state in "hc":
            for name, peer in (("W", "weight"), ("b", "bias")):
                self.names[f"bridge.layer_0.{name}{state}"] = f"bridge_{state}.{peer}"
        for part, prefix, suffix in (("encoder", "", ""), ("encoder", "reverse.", "_reverse"), ("decoder", "", "")):
            for name, peer in (("W", "weight_ih"), ("R", "weight_hh"), ("b", "bias_ih")):
                self.names[f"{part}.layer_0.{prefix}{name}"] = f"{part}.{peer}_l0{suffix}"
        parameters = dict(self.modules.named_parameters())
        with torch.no_grad():
            for p in parameters.values():
                p.zero_()
            for name, peer in self.names.items():
                parameters[peer].copy_(w[name].T if w[name].ndim == 2 and not name.endswith("E0") else w[name])
        self.parameters = list(parameters.values())
        padded = [
            nn.utils.rnn.pad_sequence([torch.from_numpy(part) for part in parts], batch_first=True, padding_value=value)
            for parts, value in zip((problem.X, *_shifted(problem.y)), (0, 0, -100), strict=True)
        ]
        self.X, self.inputs, self.targets = padded
        self.lengths = torch.tensor([len(part) for part in problem.X])
        self.mask = torch.where(torch.arange(self.X.shape[1])[None] < self.lengths[:, None], 0.0, -torch.inf).to(dtype)[:, None]
        self.optimizer = torch.optim.Adam(self.parameters, RATE)

    def loss(self):
        torch, m, utils = self.torch, self.modules, self.torch.nn.utils.rnn
        x = m["source"](self.X)
        if self.packs:
            packed = utils.pack_padded_sequence(x, self.lengths, batch_first=True, enforce_sorted=False)
            e, ends = m["encoder"](packed)
            e = utils.pad_packed_sequence(e, batch_first=True)[0]
        else:
            e, ends = m["encoder"](x)
        h, c = (m[f"bridge_{name}"](torch.cat([end[0], end[1]], dim=1))[None] for name, end in zip("hc", ends, strict=True))
        d, _ = m["decoder"](m["target"](self.inputs), (h, c))
        weights = torch.softmax(torch.baddbmm(self.mask, m["A"](d), e.transpose(1, 2)), dim=2)
        out = torch.tanh(m["C"](torch.cat([torch.bmm(weights, e), d], dim=2)))
        return torch.nn.functional.cross_entropy(m["head"](out).flatten(0, 1), self.targets.flatten())

    def loss_and_gradients(self):
        loss = self.loss()
        loss.backward()
        g = {name: p.grad.numpy() for name, p in self.modules.named_parameters()}
        return loss.item(), {name: g[peer] if name.endswith("E0") else g[peer].T for name, peer in self.names.items()}

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss().backward()
        self.torch.nn.utils.clip_grad_norm_(self.parameters, MAX_GRAD_NORM)
        self.optimizer.step()


def check(H):
    """Compare loss and gradients in float64."""
    ours, peer = (kind(Problem(H, np.float64)) for kind in (Sklstm, Torch))
    (loss, gradients), (peer_loss, peer_gradients) = ours.loss_and_gradients(), peer.loss_and_gradients()
    errors = {"loss": abs(loss - peer_loss) / abs(loss)}
    for name, gradient in peer_gradients.items():
        errors[name] = np.linalg.norm(gradient - gradients[name]) / np.linalg.norm(gradient)
    worst = max(errors, key=errors.get)
    if errors[worst] > 1e-9:
        raise SystemExit(f"H = {H}: {worst} differs by {errors[worst]:.2g}.")
    return errors[worst]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare results with PyTorch, and measure nothing")
    parser.add_argument("--seconds", type=float, default=8, help="per row (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of turns at least (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    options = parser.parse_args()
    pin_to_one_cpu()

    results, rows = [], [["H", "sklstm ms", "PyTorch packed ms", "PyTorch padded ms", "faster PyTorch / sklstm"]]
    for H in WIDTHS:
        print(f"H = {H}: largest relative error {check(H):.1e}", file=sys.stderr)
        if options.check:
            continue
        problem = Problem(H, np.float32)
        contenders = {"packed": Torch(problem), "padded": Torch(problem, packs=False), "sklstm": Sklstm(problem)}
        result = take_turns({name: one.step for name, one in contenders.items()}, options.seconds, options.repeats)
        results.append(result | {"hidden_size": H})
        times = {name: 1e3 * part["median"] for name, part in result["seconds"].items()}
        faster = min("packed", "padded", key=times.get)
        ratio = np.median(np.divide(result["times"][faster], result["times"]["sklstm"]))
        rows.append([str(H), *(f"{times[name]:.2f}" for name in ("sklstm", "packed", "padded")), f"{ratio:.2f}"])
    if options.check:
        return
    print(table(rows))
    facts = describe()
    print(f"\nfloat32, one thread.\n\n{report(facts)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
