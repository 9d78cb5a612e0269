"""Cost of subnormal numbers: training steps on a problem whose numbers decay, compared with an ordinary problem.

    python benchmarks/decay.py                    LSTM, float32
    python benchmarks/decay.py --cell gru --dtype float64

Both problems have the same shapes and do the same work: forward, backward and Adam. In the ordinary one every step has an
input, and weights and moments have typical sizes. In the other one only the first step has an input, the weights are small
and the gates half open. Its states halve from step to step, and so do its gradients on the way back. Over 1,000 steps they
pass through the subnormal numbers to 0. Adam's moments are subnormal before every step. An operation on a subnormal number
can cost as much as a hundred others. Where the kernels flush them to 0, the ratio of the times is 1. The two problems take
turns on one thread and, where the system allows it, on one CPU. The ratio is the median of the ratios within each round.
"""

import argparse
import json
import os

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np

from sklstm import Sequences
from sklstm._kernels import _optim
from sklstm.network import CELLS, LOSSES, POOLINGS, Network
from sklstm.parallel import Threads
from sklstm.training import Data
from sklstm.training.gradient import GradientComputer

B, T, D, H, N_CLASSES = 16, 1000, 8, 32, 4
BETA_1, BETA_2, EPSILON, LEARNING_RATE = 0.9, 0.999, 1e-8, 0.0  # a rate of 0: every step has the same weights


class Problem:
    """A training step that is repeated on the same numbers."""

    def __init__(self, decays, cell, pooling, dtype):
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((B, T, D)).astype(dtype), rng.integers(N_CLASSES, size=(B, 1)).astype(dtype)
        network = Network(D, N_CLASSES, (H,), cell, pooling=pooling)
        self.theta = network.initialize(rng, dtype)
        if decays:
            X[:, 1:] = 0
            self.theta *= dtype(0.1)
            network.layout.views(self.theta)["layer_0.b"][:] = 0
        data = Data(Sequences.from_list(list(X)), y, np.ones(B), np.zeros(D, dtype), np.ones(D, dtype), np.arange(B))
        self.gradient = GradientComputer(network, LOSSES["multinomial_log_loss"], data, self.theta, 0.0, Threads(1))
        self.moments = np.empty((2, len(self.theta)), dtype)
        self.moment = 0.9 * np.finfo(dtype).tiny if decays else 0.1
        m, v = self.moments
        rates = {"beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON}
        self.update = _optim.Step("adam", self.theta, self.gradient.grad, {"m": m, "v": v, "t": 1000}, rates)

    def step(self):
        self.gradient(np.arange(B), None)
        self.moments[:] = self.moment
        self.update.take(LEARNING_RATE)


def compare(cell, dtype, seconds, repeats):
    """Print the table and return the measurements, one dict per pooling."""
    rows, results = [["pooling", "cell", "ordinary, ms", "decaying, ms", "ratio (quartiles)"]], {}
    for pooling in POOLINGS:
        steps = {name: Problem(decays, cell, pooling, dtype).step for name, decays in (("ordinary", False), ("decaying", True))}
        results[pooling] = timed = take_turns(steps, seconds, repeats)
        times, ratio = (f"{1e3 * timed['seconds'][name]['median']:.2f}" for name in steps), timed["ratio"]["decaying"]
        spread = f"{ratio['median']:.2f} ({ratio['lower quartile']:.2f} to {ratio['upper quartile']:.2f})"
        rows.append([pooling, cell, *times, spread])
    print(f"{B} sequences of {T} steps, {D} channels, {H} units, {np.dtype(dtype)}\n\n{table(rows)}")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", default="lstm", choices=CELLS)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64"])
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each pooling")
    parser.add_argument("--repeats", type=int, default=15, help="minimum number of rounds")
    parser.add_argument("--json", help="file for the measurements")
    options = parser.parse_args()
    pin_to_one_cpu()
    measured = compare(options.cell, getattr(np, options.dtype), options.seconds, options.repeats)
    facts = describe()
    print(f"\n{report(facts)}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"measured": measured, "machine": facts}, file, indent=1)


if __name__ == "__main__":
    main()
