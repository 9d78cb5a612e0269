"""Time of one step of one sequence from Python: sklstm compared with ONNX Runtime and PyTorch.

    python benchmarks/stream.py
    python benchmarks/stream.py --kinds             every kind of y and response method, compared with the kernel alone, H = 16
    python benchmarks/stream.py --streams 10000     memory of many streams of one model, time to create one and to set its state

sklstm        `stream.step(x_t)` of a fitted model: probabilities ("predict_proba") or the label ("predict") of an
              `LSTMClassifier`, or the value of an `LSTMRegressor`.
ONNX Runtime  session.run on a graph of the operators LSTM (GRU, RNN), Gemm and Softmax, with the state as input and output.
torch         nn.LSTM (nn.GRU, nn.RNN) on one step with its state, a linear head and softmax, under inference_mode.

With --kinds, "kernel" is the `step(x, out)` of the same engine, from an array of a step to one of scores, both made beforehand,
with nothing in Python between, and without what is made of the scores.

The contenders have the same weights and steps and take turns in one process, on one thread and, where the system allows it,
on one CPU. Their probabilities must agree. A ratio is the median of the ratios within each round.
"""
import argparse
import json
import os
import pickle
import sys
from functools import partial
from pathlib import Path

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
from pictures import ratio_lines
from predict import Torch, fitted, onnx_session, weights_of
from train_step import PEERS

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.estimators.responses import RESPONSES

N_CHANNELS, HIDDEN = 8, (8, 16, 32, 64, 128, 256, 512)
TOLERANCE = 1e-5


class Sklstm:
    """`stream.step` of this package."""

    def __init__(self, model, response_method):
        self.stream = model.stream(response_method)

    def step(self, x):
        return self.stream.step(x)


class OnnxRuntime:
    """The operator in ONNX Runtime, with its state as input and output."""

    def __init__(self, model):
        self.session = onnx_session(weights_of(model), model.cell, with_state=True)
        names = [given.name for given in self.session.get_inputs()][1:]
        self.state = {name: np.zeros((1, 1, model.hidden_size), np.float32) for name in names}

    def step(self, x):
        probabilities, *ends = self.session.run(None, {"X": x.reshape(1, 1, -1), **self.state})
        self.state = dict(zip(self.state, ends, strict=True))
        return probabilities


class TorchStep(Torch):
    """The layer in PyTorch on one step, with its state."""

    def __init__(self, model):
        super().__init__(model, [np.zeros((1, N_CHANNELS), np.float32)], ragged=False)
        self.state = None

    def step(self, x):
        with self.torch.inference_mode():
            outputs, self.state = self.layer(self.torch.from_numpy(x.reshape(1, 1, -1)), self.state)
            return self.torch.softmax(self.head(outputs[:, -1]), dim=1).numpy()


def measure_many(n_streams, H, cell, seconds, repeats):
    """Memory of many streams of one model, without the model, and times to create and set a stream, for both dtypes."""
    rows = [["dtype", "", "MB", "KB each", "begin µs", "set state µs", "pickle KB"]]
    kept = []
    for dtype in ("float32", "float64"):
        model, x = fitted((1, 1, N_CHANNELS, H), dtype, cell), np.ones(N_CHANNELS, dtype)
        model.stream("predict_proba").step(x)
        before = resident_bytes()
        streams = [model.stream("predict_proba") for _ in range(n_streams)]
        for stream in streams:
            stream.step(x)
        used = resident_bytes() - before
        stream, state = streams[0], streams[0].state

        def begin(model=model, x=x):
            model.stream("predict_proba").step(x)

        def step(stream=stream, x=x):
            stream.step(x)

        def set_state(stream=stream, state=state):
            stream.state = state

        took = take_turns({"step": step, "begin": begin, "set state": set_state}, seconds, repeats)["seconds"]
        times = (1e6 * (took["begin"]["median"] - took["step"]["median"]), 1e6 * took["set state"]["median"])
        figures = [f"{used / 1e6:.1f}", f"{used / n_streams / 1e3:.1f}", *(f"{time:.1f}" for time in times)]
        rows.append([dtype, "", *figures, f"{len(pickle.dumps(stream)) / 1e3:.0f}"])
        kept.append(streams)  # otherwise the next streams would reuse the memory of these
    return rows


def kinds_of_y(X):
    """Kind -> estimator class, y, and parameters."""
    total, k = X.sum(axis=(1, 2)), np.arange(len(X))
    return {
        "binary": (LSTMClassifier, total > 0, {}),
        "binary, numbers": (LSTMClassifier, k % 2, {}),
        "binary, strings": (LSTMClassifier, np.array(["no", "yes"])[k % 2], {}),
        "binary, objects": (LSTMClassifier, np.array(["no", "yes"], object)[k % 2], {}),
        "3 classes": (LSTMClassifier, k % 3, {}),
        "3 classes, strings": (LSTMClassifier, np.array(["high", "low", "middle"])[k % 3], {}),
        "10 classes": (LSTMClassifier, k % 10, {}),
        "3 labels": (LSTMClassifier, np.stack([k % 2, k % 3 == 0, total > 0], axis=1).astype(int), {}),
        "value": (LSTMRegressor, total, {}),
        "3 values": (LSTMRegressor, np.stack([total, -total, total**2], axis=1), {}),
        "quantile": (LSTMRegressor, total, {"loss": "quantile", "quantile": 0.9}),
        "3 quantiles": (LSTMRegressor, total, {"loss": "quantile", "quantile": [0.9, 0.1, 0.5]}),
        "counts": (LSTMRegressor, np.abs(total).round(), {"loss": "poisson"}),
    }


def measure_kinds(H, cell, n_streams, seconds, repeats):
    """Rows of a table: times of a step of so many streams for every kind of y and response method."""
    rows = [["y", "method", "us", "kernel us", "ratio"]]
    X = np.random.default_rng(0).standard_normal((30, 3, N_CHANNELS)).astype(np.float32)
    for kind, (estimator, y, parameters) in kinds_of_y(X).items():
        model = estimator(H, cell=cell, pooling="last", max_iter=1, random_state=0, **parameters).fit(X, y)
        for method in [method for method in RESPONSES if hasattr(model, method)]:
            stream, x = model.stream(method), X[:n_streams, 0].copy()
            stream.step(x)
            engine, *_ = stream._begun
            width = H if method == "encode" else model._network_spec["output_size"]
            steps = {"kernel": partial(engine.step, x, np.empty((n_streams, width), np.float32)), "step": partial(stream.step, x)}
            turns = take_turns(steps, seconds, repeats)
            times = (f"{1e6 * turns['seconds'][name]['median']:.2f}" for name in ("step", "kernel"))
            rows.append([kind, method, *times, f"{turns['ratio']['step']['median']:.2f}"])
    return rows


def resident_bytes():
    """Memory of this process, as reported by Linux."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(H, cell, peers, seconds, repeats):
    """Time the contenders for one width; returns the result of `take_turns` and the width, as plain values."""
    model = fitted((1, 1, N_CHANNELS, H), "float32", cell)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 3, N_CHANNELS)).astype(np.float32)
    regressor = LSTMRegressor(H, cell=cell, pooling="last", max_iter=1, random_state=0).fit(X, X.sum(axis=(1, 2)))
    makers = {
        "sklstm": lambda: Sklstm(model, "predict_proba"),
        "ONNX Runtime": lambda: OnnxRuntime(model),
        "torch": lambda: TorchStep(model),
    }
    runners = {name: make() for name, make in makers.items() if name in ("sklstm", *peers)}
    steps = rng.standard_normal((50, N_CHANNELS)).astype(np.float32)
    for x in steps:
        answers = {name: runner.step(x) for name, runner in runners.items()}
    for name, answer in answers.items():
        error = np.abs(answer - answers["sklstm"]).max()
        if not error <= TOLERANCE:
            raise SystemExit(f"{name} does different work: a probability differs by {error:.1e}.")
    runners |= {"sklstm, label": Sklstm(model, "predict"), "sklstm, value": Sklstm(regressor, "predict")}
    x = steps[0].copy()
    turns = take_turns({name: lambda runner=runner: runner.step(x) for name, runner in runners.items()}, seconds, repeats)
    return turns | {"batch": "dense", "shape": (1, 1, N_CHANNELS, H)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cell", choices=PEERS, default="lstm", help="which cell (default: %(default)s)")
    parser.add_argument("--hidden", nargs="+", type=int, default=HIDDEN)
    parser.add_argument("--seconds", type=float, default=3, help="time per width (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="minimum number of rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios to this file")
    parser.add_argument("--kinds", type=int, nargs="?", const=1, metavar="N", help="every kind of y, for N streams at once (1)")
    parser.add_argument("--streams", type=int, metavar="N", help="measure N streams of one model at H = 128 instead")
    options = parser.parse_args()
    pin_to_one_cpu()
    if options.streams:
        print(table(measure_many(options.streams, 128, options.cell, options.seconds, options.repeats)))
        print(f"\n{options.streams} streams of one model, H = 128, {options.cell}.\n\n{report(describe())}")
        return

    if options.kinds:
        print(table(measure_kinds(16, options.cell, options.kinds, options.seconds / 30, options.repeats)))
        print(f"\nA step of {options.kinds} streams, H = 16, {options.cell}, float32, one thread.\n\n{report(describe())}")
        return

    peers = ("ONNX Runtime", "torch")
    results = []
    for H in options.hidden:
        print(f"H = {H} ...", file=sys.stderr)
        results.append(measure(H, options.cell, peers, options.seconds, options.repeats))
    own = ("sklstm", "sklstm, label", "sklstm, value")
    rows = [["H", "", *(f"{name} µs" for name in (*own, *peers)), *(f"{name} / sklstm" for name in peers)]]
    for result in results:
        times = (f"{1e6 * result['seconds'][name]['median']:.2f}" for name in (*own, *peers))
        ratios = (f"{result['ratio'][name]['median']:.1f}" for name in peers)
        rows.append([str(result["shape"][3]), "", *times, *ratios])
    print(table([[row[0], *row[2:]] for row in rows]))
    share = min(result["share of the CPU"] for result in results)
    facts = describe()
    print(f"\n{options.cell}, float32, one thread; this process had at least {100 * share:.0f} % of its CPU.\n")
    print(report(facts))
    if options.json:
        record = {"cell": options.cell, "machine": facts, "results": results}
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if options.picture:
        ratio_lines(results, options.picture, f"One step of one sequence: {options.cell}, float32", names=list(peers))


if __name__ == "__main__":
    main()
