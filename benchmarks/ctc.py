"""Training step of a bidirectional LSTM with `loss="ctc"`, and its loss alone, compared with PyTorch.

    python benchmarks/ctc.py [--check]

"loss" is the loss and its gradient with respect to the scores of the head, softmax included; "step" a training step: forward
pass, loss, backward pass and a step of Adam with clipping. Both have the same weights and the same minibatch, dense or ragged:
PyTorch then gets packed sequences. "paths" reads the labels of the likeliest paths, and "beam" those of a prefix beam search of
width 10, which PyTorch does not have. Before the timing the losses and the gradients of all weights must agree; --check does no
more than that.

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

from sklstm.network import LOSSES, Chain, Network, apply
from sklstm.parallel import Threads
from sklstm.sequences import Sequences
from sklstm.training import Data
from sklstm.training.gradient import GradientComputer
from sklstm.training.optimizers import Adam

SHAPES = ((32, 100, 13, 128, 28, 20), (32, 400, 13, 128, 28, 80), (32, 40, 8, 64, 11, 5))  # B, T, D, H, scores, labels
RATE, MAX_GRAD_NORM, BEAM_WIDTH = 1e-3, 0.25, 10


class Problem:
    """Weights and a minibatch; if ragged, lengths are from half of T to T, and there are fewer labels accordingly."""

    def __init__(self, shape, ragged, dtype):
        rng = np.random.default_rng(0)
        B, T, D, H, K, L = self.shape = shape
        self.lengths = rng.integers(T // 2, T + 1, size=B) if ragged else np.full(B, T)
        self.lengths[0] = T
        self.X = [rng.normal(size=(length, D)).astype(dtype) for length in self.lengths]
        self.y = [rng.integers(K - 1, size=L * length // T) for length in self.lengths]
        self.network = Network(D, K, (H,), bidirectional=True, pooling=None, structure="ctc")
        self.theta = self.network.initialize(rng, dtype)
        self.scores = rng.normal(size=(self.lengths.sum(), K)).astype(dtype)


class Sklstm:
    def __init__(self, problem):
        B, _, D, _, _, _ = problem.shape
        dtype, self.theta = problem.theta.dtype, problem.theta.copy()
        self.sequences, self.scores, self.network = Sequences.from_list(problem.X), problem.scores, problem.network
        y = np.full((len(self.scores), 1), -1, dtype)
        for start, labels in zip(self.sequences.offsets, problem.y, strict=False):
            y[start : start + len(labels), 0] = labels
        data = Data(self.sequences, y, np.ones(len(y)), np.zeros(D, dtype), np.ones(D, dtype), np.arange(B), per_step=True)
        self.data, self.function = data, LOSSES["ctc_log_loss"].value_and_gradient
        self.chain, self.dscores = Chain(None, self.sequences.lengths), np.empty_like(self.scores)
        self.gradient = GradientComputer(self.network, LOSSES["ctc_log_loss"], data, self.theta, 0.0, Threads(1))
        optimizer = Adam(0.9, 0.999, 1e-8)
        self.update = optimizer.bind(self.theta, self.gradient.grad, optimizer.init(self.theta))

    def loss_and_gradients(self):
        total, weight = self.gradient(np.arange(len(self.sequences)), None)
        return total / weight, self.network.layout.views(self.gradient.grad.copy())

    def loss(self):
        data = self.data
        return self.function(self.scores, data.targets, data.weights, float(len(data.weights)), self.dscores, self.chain)

    def step(self):
        self.gradient(np.arange(len(self.sequences)), None)
        norm = self.update.norm()
        self.update.take(RATE, MAX_GRAD_NORM / norm if norm > MAX_GRAD_NORM else 1.0)

    def paths(self):
        return self.function.paths(apply(self.network, self.theta, self.sequences), self.chain)

    def beam(self):
        return self.function.paths(self.scores, self.chain, BEAM_WIDTH)


class Torch:
    def __init__(self, problem):
        import torch

        torch.set_num_threads(1)
        _, T, D, H, K, _ = problem.shape
        self.torch, dtype = torch, getattr(torch, str(problem.theta.dtype))
        w = {name: torch.from_numpy(view.copy()) for name, view in problem.network.layout.views(problem.theta).items()}
        self.lstm = torch.nn.LSTM(D, H, bidirectional=True, dtype=dtype)
        self.head = torch.nn.Linear(2 * H, K, dtype=dtype)
        state = {}
        for prefix, suffix in (("", ""), ("reverse.", "_reverse")):
            state[f"weight_ih_l0{suffix}"], state[f"weight_hh_l0{suffix}"] = w[f"layer_0.{prefix}W"].T, w[f"layer_0.{prefix}R"].T
            state[f"bias_ih_l0{suffix}"] = w[f"layer_0.{prefix}b"]
            state[f"bias_hh_l0{suffix}"] = torch.zeros_like(w[f"layer_0.{prefix}b"])
        self.lstm.load_state_dict(state)
        self.head.load_state_dict({"weight": w["head.V"].T, "bias": w["head.b"]})
        pad = torch.nn.utils.rnn.pad_sequence
        self.lengths, self.n_labels = torch.from_numpy(problem.lengths), torch.tensor([len(y) for y in problem.y])
        self.is_dense = bool((problem.lengths == T).all())
        self.X, self.y = pad([torch.from_numpy(x) for x in problem.X]), torch.from_numpy(np.concatenate(problem.y))
        self.scores = pad([torch.from_numpy(s) for s in np.split(problem.scores, np.cumsum(problem.lengths)[:-1])])
        self.blank, self.n_steps = K - 1, int(problem.lengths.sum())
        self.parameters = [p for module in (self.lstm, self.head) for p in module.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, RATE)

    def forward(self):
        if self.is_dense:
            return self.head(self.lstm(self.X)[0])
        utils = self.torch.nn.utils.rnn
        packed = utils.pack_padded_sequence(self.X, self.lengths, enforce_sorted=False)
        return self.head(utils.pad_packed_sequence(self.lstm(packed)[0])[0])

    def loss_of(self, scores):
        ctc = self.torch.nn.functional.ctc_loss
        log_p = scores.log_softmax(2)
        return ctc(log_p, self.y, self.lengths, self.n_labels, blank=self.blank, reduction="sum") / self.n_steps

    def loss_and_gradients(self):
        loss = self.loss_of(self.forward())
        loss.backward()
        g = {name: p.grad.numpy() for name, p in self.lstm.named_parameters()}
        found = {"head.V": self.head.weight.grad.numpy().T, "head.b": self.head.bias.grad.numpy()}
        for prefix, suffix in (("", ""), ("reverse.", "_reverse")):
            for name, peer in (("W", "weight_ih"), ("R", "weight_hh"), ("b", "bias_ih")):
                found[f"layer_0.{prefix}{name}"] = g[f"{peer}_l0{suffix}"].T
        return loss.item(), found

    def loss(self):
        self.loss_of(self.scores.detach().requires_grad_()).backward()

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss_of(self.forward()).backward()
        self.torch.nn.utils.clip_grad_norm_(self.parameters, MAX_GRAD_NORM)
        self.optimizer.step()

    def paths(self):
        with self.torch.no_grad():
            best = self.forward().argmax(2).T
        labels = [self.torch.unique_consecutive(row[:length]) for row, length in zip(best, self.lengths, strict=True)]
        return [row[row != self.blank] for row in labels]


def check(shape, ragged):
    """Compare loss, gradients and labels in float64."""
    ours, peer = (kind(Problem(shape, ragged, np.float64)) for kind in (Sklstm, Torch))
    (loss, gradients), (peer_loss, peer_gradients) = ours.loss_and_gradients(), peer.loss_and_gradients()
    errors = {"loss": abs(loss - peer_loss) / abs(loss)}
    for name, gradient in gradients.items():
        errors[name] = np.linalg.norm(gradient - peer_gradients[name]) / np.linalg.norm(gradient)
    worst = max(errors, key=errors.get)
    codes = ours.paths()
    if errors[worst] > 1e-6 or not np.array_equal(codes[codes >= 0], np.concatenate(peer.paths())):
        raise SystemExit(f"{shape}: {worst} differs by {errors[worst]:.2g}, or labels do.")
    return errors[worst]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare results with PyTorch, and measure nothing")
    parser.add_argument("--seconds", type=float, default=4, help="per row (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of turns at least (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    options = parser.parse_args()
    pin_to_one_cpu()

    results, rows = [], [["task", "B, T, D, H, scores, labels", "sklstm ms", "PyTorch ms", "PyTorch / sklstm"]]
    for shape in SHAPES:
        for ragged in (False, True):
            print(f"{shape}{', ragged' * ragged}: largest relative error {check(shape, ragged):.1e}", file=sys.stderr)
            if options.check:
                continue
            problem = Problem(shape, ragged, np.float32)
            contenders = {"PyTorch": Torch(problem), "sklstm": Sklstm(problem)}
            for task in ("loss", "step", "paths", "beam"):
                calls = {name: getattr(contender, task) for name, contender in contenders.items() if hasattr(contender, task)}
                result = take_turns(calls, options.seconds, options.repeats)
                results.append(result | {"task": task, "shape": shape, "ragged": ragged})
                times = {name: f"{1e3 * part['median']:.2f}" for name, part in result["seconds"].items()}
                ratio = f"{1 / result['ratio']['sklstm']['median']:.1f}" if len(calls) > 1 else ""
                sizes = ", ".join(map(str, shape)) + ", ragged" * ragged
                rows.append([task, sizes, times["sklstm"], times.get("PyTorch", ""), ratio])
    if options.check:
        return
    print(table(rows))
    facts = describe()
    print(f"\nfloat32, one thread.\n\n{report(facts)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
