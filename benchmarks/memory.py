"""Peak memory of training: `LSTMClassifier.fit` compared with a bare PyTorch loop.

    python benchmarks/memory.py
    python benchmarks/memory.py --warm      after a fit of a tiny problem
    python benchmarks/memory.py --json memory.json --picture memory.png

Training runs two epochs of two minibatches with Adam and the log-loss over 10 classes, in float32 on one thread. Every figure
comes from a fresh process: its peak resident memory during the fit, minus the resident memory after the libraries were
imported and the data were made. It includes what a library allocates at its first step (code that is loaded or compiled,
pools of buffers), unless `--warm` lets both train a tiny network before.

sklstm        LSTMClassifier.fit, which also keeps what early stopping and a later fit after an interrupt need.
torch         nn.LSTM, a linear head, torch.optim.Adam. Ragged minibatches are padded by pad_sequence.

Lengths of a ragged batch are uniform from T/4 to T. This benchmark needs Linux: other systems do not report the peak of
resident memory since a given moment.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from machine import ONE_THREAD, describe, report, table

os.environ.update(ONE_THREAD)

import numpy as np

# (B, T, D, H)
SHAPES = (
    (1, 20, 8, 8),
    (1, 1000, 8, 64),
    (1, 100, 64, 512),
    (32, 20, 8, 16),
    (32, 100, 16, 64),
    (32, 1000, 16, 64),
    (64, 100, 32, 128),
    (64, 100, 64, 256),
    (64, 50, 128, 512),
    (256, 100, 8, 8),
    (256, 1000, 8, 32),
    (256, 100, 32, 128),
    (256, 50, 64, 512),
)
TINY = (4, 5, 2, 3)
N_CLASSES, N_BATCHES, N_EPOCHS, LEARNING_RATE = 10, 2, 2, 1e-3


def draw_data(shape, ragged):
    """Sequences and classes: a list of arrays (n_steps, D), or one array (n, T, D), and (n,)."""
    B, T, D, _ = shape
    rng = np.random.default_rng(0)
    y = np.arange(N_BATCHES * B) % N_CLASSES
    if not ragged:
        return rng.standard_normal((len(y), T, D), dtype=np.float32), y
    return [rng.standard_normal((length, D), dtype=np.float32) for length in rng.integers(max(T // 4, 1), T + 1, size=len(y))], y


def sklstm_fit():
    from sklstm import LSTMClassifier

    def fit(shape, X, y):
        B, _, _, H = shape
        model = LSTMClassifier(H, pooling="last", batch_size=B, max_iter=N_EPOCHS, random_state=0)
        model.set_params(learning_rate_init=LEARNING_RATE).fit(X, y)

    return fit


def torch_fit():
    import torch

    torch.set_num_threads(1)

    def fit(shape, X, y):
        B, _, D, H = shape
        layer, head = torch.nn.LSTM(D, H, batch_first=True), torch.nn.Linear(H, N_CLASSES)
        optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], LEARNING_RATE)
        dense = isinstance(X, np.ndarray)
        sequences = torch.from_numpy(X) if dense else [torch.from_numpy(x) for x in X]
        ends, targets = torch.tensor([len(x) - 1 for x in X]), torch.from_numpy(y)
        for _ in range(N_EPOCHS):
            for k in range(0, len(y), B):
                optimizer.zero_grad(set_to_none=True)
                batch = sequences[k : k + B] if dense else torch.nn.utils.rnn.pad_sequence(sequences[k : k + B], batch_first=True)
                outputs, (h, _) = layer(batch)
                last = h[0] if dense else outputs[torch.arange(len(batch)), ends[k : k + B]]
                torch.nn.functional.cross_entropy(head(last), targets[k : k + B]).backward()
                optimizer.step()

    return fit


CONTENDERS = {"sklstm": sklstm_fit, "torch": torch_fit}


def resident(field):
    """VmRSS, the resident memory, or VmHWM, the largest since `forget_peak`, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def forget_peak():
    Path("/proc/self/clear_refs").write_text("5")


def run(name, shape, ragged, warm):
    """Increase of the peak in bytes, in this process."""
    import warnings

    warnings.simplefilter("ignore")  # the convergence warning after two epochs
    fit = CONTENDERS[name]()
    if warm:
        fit(TINY, *draw_data(TINY, ragged))
    X, y = draw_data(shape, ragged)
    forget_peak()
    before = resident("VmRSS")
    fit(shape, X, y)
    return resident("VmHWM") - before


def run_apart(name, shape, ragged, warm):
    """`run` in a fresh process."""
    command = [sys.executable, __file__, "--run", name, ",".join(map(str, shape))]
    command += ["--ragged"] * ragged + ["--warm"] * warm
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return int(done.stdout)


def table_rows(results):
    """Header and rows of the table."""
    rows = [["batch", "B,T,D,H", *(f"{name} MB" for name in CONTENDERS), "torch / sklstm"]]
    for result in results:
        sizes = [result["bytes"][name] for name in CONTENDERS]
        cells = [*(f"{size / 1e6:.2f}" for size in sizes), f"{sizes[1] / sizes[0]:.1f}" if sizes[0] else "-"]
        rows.append([result["batch"], ",".join(map(str, result["shape"])), *cells])
    return rows


def draw(results, path):
    """Peak of torch over that of sklstm, both in MB."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4.5), layout="constrained")
    for kind, marker in (("dense", "o"), ("ragged", "x")):
        chosen = [result["bytes"] for result in results if result["batch"] == kind]
        axes.plot(*([1e-6 * sizes[name] for sizes in chosen] for name in CONTENDERS), marker, label=kind)
    low, high = axes.get_xlim()
    line = np.array([max(low, 0.1), high])
    axes.plot(line, line, color="0.7", zorder=0, label="as much")
    axes.plot(line, 2 * line, "--", color="0.7", zorder=0, label="twice as much")
    axes.set(xscale="log", yscale="log", xlabel="sklstm, peak (MB)", ylabel="torch, peak (MB)")
    axes.legend()
    figure.savefig(path, dpi=150)


def read_shape(text):
    """(B, T, D, H) from its text."""
    B, T, D, H = map(int, text.split(","))
    return B, T, D, H


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", type=read_shape, default=SHAPES, metavar="B,T,D,H")
    parser.add_argument("--warm", action="store_true", help="train a tiny network first")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to this file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the peaks into this PNG file")
    parser.add_argument("--run", nargs=2, metavar=("NAME", "B,T,D,H"), help="print the bytes of one contender on one shape")
    parser.add_argument("--ragged", action="store_true", help="with --run: sequences of different lengths")
    options = parser.parse_args()
    if not Path("/proc/self/clear_refs").exists():
        raise SystemExit("This benchmark reads /proc, which only Linux has.")
    if options.run:
        print(run(options.run[0], read_shape(options.run[1]), options.ragged, options.warm))
        return

    results = []
    for ragged in (False, True):
        for shape in options.shapes:
            print(f"{'ragged' if ragged else 'dense'} {shape} ...", file=sys.stderr)
            sizes = {name: run_apart(name, shape, ragged, options.warm) for name in CONTENDERS}
            results.append({"batch": "ragged" if ragged else "dense", "shape": shape, "bytes": sizes})
    facts = describe()
    print(table(table_rows(results)))
    print(f"\nIncrease of the resident memory, {'after a tiny fit' if options.warm else 'after import'}.\n")
    print(report(facts))
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "warm": options.warm, "results": results}, indent=1) + "\n")
    if options.picture:
        draw(results, options.picture)


if __name__ == "__main__":
    main()
