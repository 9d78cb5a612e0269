"""Training step and label sequences of a bidirectional LSTM with a linear chain, compared with PyTorch and pytorch-crf.

    python benchmarks/crf.py [--check]

Both have the same weights and the same minibatch, dense or ragged: pytorch-crf gets a mask, and the LSTM of PyTorch packed
sequences. A training step is forward pass, loss, backward pass and a step of Adam with clipping. Before the timing the losses,
the gradients of all weights and the label sequences must agree; --check does no more than that.

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

from sklstm.network import LOSSES, Network, apply
from sklstm.parallel import Threads
from sklstm.sequences import Sequences
from sklstm.training import Data
from sklstm.training.gradient import GradientComputer
from sklstm.training.optimizers import Adam

SHAPES = ((32, 30, 50, 64, 9), (32, 50, 16, 64, 9), (32, 50, 100, 128, 17), (32, 200, 8, 32, 4))  # B, T, D, H, labels
RATE, MAX_GRAD_NORM = 1e-3, 0.25


class Problem:
    """Weights and a minibatch; lengths are from half of T to T if ragged."""

    def __init__(self, shape, ragged, dtype):
        rng = np.random.default_rng(0)
        B, T, D, H, K = self.shape = shape
        self.lengths = rng.integers(T // 2, T + 1, size=B) if ragged else np.full(B, T)
        self.lengths[0] = T
        self.X = [rng.normal(size=(length, D)).astype(dtype) for length in self.lengths]
        self.y = [rng.integers(K, size=length) for length in self.lengths]
        self.network = Network(D, K, (H,), bidirectional=True, pooling=None, structure="crf")
        self.theta = self.network.initialize(rng, dtype)
        for name in ("transitions", "start", "end"):
            p = self.network.bind(self.theta)["crf"][name]
            p[...] = rng.normal(size=p.shape)


class Sklstm:
    def __init__(self, problem):
        B, _, D, _, _ = problem.shape
        dtype, self.problem, self.theta = problem.theta.dtype, problem, problem.theta.copy()
        self.sequences, y = Sequences.from_list(problem.X), np.concatenate(problem.y)[:, np.newaxis].astype(dtype)
        data = Data(self.sequences, y, np.ones(len(y)), np.zeros(D, dtype), np.ones(D, dtype), np.arange(B), per_step=True)
        self.loss, self.network = LOSSES["chain_log_loss"], problem.network
        self.gradient = GradientComputer(self.network, self.loss, data, self.theta, 0.0, Threads(1))
        optimizer = Adam(0.9, 0.999, 1e-8)
        self.update = optimizer.bind(self.theta, self.gradient.grad, optimizer.init(self.theta))

    def loss_and_gradients(self):
        total, weight = self.gradient(np.arange(len(self.sequences)), None)
        return total / weight, self.network.layout.views(self.gradient.grad.copy())

    def step(self):
        self.gradient(np.arange(len(self.sequences)), None)
        norm = self.update.norm()
        self.update.take(RATE, MAX_GRAD_NORM / norm if norm > MAX_GRAD_NORM else 1.0)

    def _scored(self):
        return apply(self.network, self.theta, self.sequences), self.network.chain(self.theta, self.sequences.lengths)

    def paths(self):
        return self.loss.value_and_gradient.paths(*self._scored())


class Torch:
    def __init__(self, problem):
        import torch
        from torchcrf import CRF

        torch.set_num_threads(1)
        _, T, D, H, K = problem.shape
        self.torch, self.problem, dtype = torch, problem, getattr(torch, str(problem.theta.dtype))
        w = {name: torch.from_numpy(view.copy()) for name, view in problem.network.layout.views(problem.theta).items()}
        self.lstm = torch.nn.LSTM(D, H, batch_first=True, bidirectional=True, dtype=dtype)
        self.head, self.crf = torch.nn.Linear(2 * H, K, dtype=dtype), CRF(K, batch_first=True).to(dtype)
        state = {}
        for prefix, suffix in (("", ""), ("reverse.", "_reverse")):
            state[f"weight_ih_l0{suffix}"], state[f"weight_hh_l0{suffix}"] = w[f"layer_0.{prefix}W"].T, w[f"layer_0.{prefix}R"].T
            state[f"bias_ih_l0{suffix}"] = w[f"layer_0.{prefix}b"]
            state[f"bias_hh_l0{suffix}"] = torch.zeros_like(w[f"layer_0.{prefix}b"])
        self.lstm.load_state_dict(state)
        self.head.load_state_dict({"weight": w["head.V"].T, "bias": w["head.b"]})
        of_chain = {"transitions": "transitions", "start": "start_transitions", "end": "end_transitions"}
        self.crf.load_state_dict({peer: w[f"crf.{name}"] for name, peer in of_chain.items()})
        self.lengths = torch.from_numpy(problem.lengths)
        self.is_dense = bool((problem.lengths == T).all())
        self.X = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(x) for x in problem.X], batch_first=True)
        self.y = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(y) for y in problem.y], batch_first=True)
        self.mask = torch.arange(T)[None] < self.lengths[:, None]
        self.parameters = [p for module in (self.lstm, self.head, self.crf) for p in module.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, RATE)

    def emissions(self):
        if self.is_dense:
            return self.head(self.lstm(self.X)[0])
        utils = self.torch.nn.utils.rnn
        packed = utils.pack_padded_sequence(self.X, self.lengths, batch_first=True, enforce_sorted=False)
        return self.head(utils.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0])

    def loss(self):
        return -self.crf(self.emissions(), self.y, mask=self.mask, reduction="token_mean")

    def loss_and_gradients(self):
        loss = self.loss()
        loss.backward()
        g = {name: p.grad.numpy() for name, p in self.lstm.named_parameters()}
        found = {"head.V": self.head.weight.grad.numpy().T, "head.b": self.head.bias.grad.numpy()}
        for prefix, suffix in (("", ""), ("reverse.", "_reverse")):
            for name, peer in (("W", "weight_ih"), ("R", "weight_hh"), ("b", "bias_ih")):
                found[f"layer_0.{prefix}{name}"] = g[f"{peer}_l0{suffix}"].T
        for name, p in self.crf.named_parameters():
            found[f"crf.{name.removesuffix('_transitions')}"] = p.grad.numpy()
        return loss.item(), found

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss().backward()
        self.torch.nn.utils.clip_grad_norm_(self.parameters, MAX_GRAD_NORM)
        self.optimizer.step()

    def paths(self):
        with self.torch.no_grad():
            return np.concatenate(self.crf.decode(self.emissions(), mask=self.mask))


def check(shape, ragged):
    """Compare loss, gradients and label sequences in float64."""
    ours, peer = (kind(Problem(shape, ragged, np.float64)) for kind in (Sklstm, Torch))
    (loss, gradients), (peer_loss, peer_gradients) = ours.loss_and_gradients(), peer.loss_and_gradients()
    errors = {"loss": abs(loss - peer_loss) / abs(loss)}
    for name, gradient in gradients.items():
        errors[name] = np.linalg.norm(gradient - peer_gradients[name]) / np.linalg.norm(gradient)
    worst = max(errors, key=errors.get)
    if errors[worst] > 1e-6 or not np.array_equal(ours.paths(), peer.paths()):
        raise SystemExit(f"{shape}: {worst} differs by {errors[worst]:.2g}, or label sequences do.")
    return errors[worst]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare results with pytorch-crf, and measure nothing")
    parser.add_argument("--seconds", type=float, default=4, help="per row (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of turns at least (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    options = parser.parse_args()
    pin_to_one_cpu()

    results, rows = [], [["task", "B, T, D, H, labels", "sklstm ms", "PyTorch ms", "PyTorch / sklstm"]]
    for shape in SHAPES:
        for ragged in (False, True):
            print(f"{shape}{', ragged' * ragged}: largest relative error {check(shape, ragged):.1e}", file=sys.stderr)
            if options.check:
                continue
            problem = Problem(shape, ragged, np.float32)
            contenders = {"PyTorch": Torch(problem), "sklstm": Sklstm(problem)}
            for task in ("step", "paths"):
                calls = {name: getattr(contender, task) for name, contender in contenders.items()}
                result = take_turns(calls, options.seconds, options.repeats)
                results.append(result | {"task": task, "shape": shape, "ragged": ragged})
                times = {name: 1e3 * part["median"] for name, part in result["seconds"].items()}
                ratio = 1 / result["ratio"]["sklstm"]["median"]
                sizes = ", ".join(map(str, shape)) + ", ragged" * ragged
                rows.append([task, sizes, f"{times['sklstm']:.2f}", f"{times['PyTorch']:.2f}", f"{ratio:.1f}"])
    if options.check:
        return
    print(table(rows))
    facts = describe()
    print(f"\nfloat32, one thread.\n\n{report(facts)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
