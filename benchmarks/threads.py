"""Speed-up of a training step by threads: sklstm with one thread, two, and as many as there are CPUs.

    python benchmarks/threads.py
    python benchmarks/threads.py --json threads.json --picture threads.png

A step is the same as in train_step.py: packing of the minibatch, forward, backward, clipping and Adam, in float32. The
numbers of threads take turns in one process. Times are medians of wall-clock times, and the speed-up is the median of the
ratios within each round. Other load on the machine makes it smaller.

"shards" is the number of parts that a minibatch is divided into, and the largest number of threads that can help. If it is 1,
the second thread is not used, and the ratio shows the noise of the measurement.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter

import machine
from machine import ONE_THREAD, describe, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
from train_step import Problem, Sklstm, read_shape

from sklstm.parallel import Threads, single_threaded_blas
from sklstm.training.batching import shards

# (B, T, D, H)
SHAPES = (
    *((B, 100, 8, 16) for B in (1, 64, 256)),
    *((B, 100, 8, 32) for B in (64, 256)),
    *((B, 100, 16, 64) for B in (1, 16, 64, 256)),
    *((B, 100, 32, 128) for B in (32, 64, 256)),
    *((B, 50, 64, 256) for B in (1, 64, 256)),
    *((B, 25, 128, 512) for B in (1, 64, 128, 256)),
)


def step_with(problem, n_threads):
    """A training step with its own weights and buffers."""
    runner = Sklstm(problem)
    runner.gradient.threads = Threads(n_threads)
    return runner.step


def measure(shape, ragged, numbers, seconds, repeats):
    """Time a step with each number of threads; returns plain values."""
    problem = Problem.draw(shape, ragged, np.float32, "lstm")
    lengths = np.array([len(sequence) for sequence in problem.sequences])
    turns = take_turns({str(n): step_with(problem, n) for n in numbers}, seconds, repeats)
    return turns | {
        "batch": "ragged" if ragged else "dense",
        "shape": shape,
        "shards": len(shards(np.arange(len(lengths)), lengths, problem.network)),
        "speed-up": {name: 1 / ratio["median"] for name, ratio in turns["ratio"].items()},
    }


def table_rows(results, numbers):
    """Header and rows of the table."""
    rows = [["batch", "B,T,D,H", "shards", "ms, 1 thread", *(f"speed-up by {n}" for n in numbers[1:])]]
    for result in results:
        speedups = (f"{result['speed-up'][str(n)]:.2f}" for n in numbers[1:])
        milliseconds = f"{1e3 * result['seconds']['1']['median']:#.3g}"
        rows.append([result["batch"], ",".join(map(str, result["shape"])), str(result["shards"]), milliseconds, *speedups])
    return rows


def draw(results, numbers, path):
    """Speed-up over the time of a step on one thread."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for n in numbers[1:]:
        for kind, marker in (("dense", "o"), ("ragged", "x")):
            chosen = [result for result in results if result["batch"] == kind]
            times = [1e3 * result["seconds"]["1"]["median"] for result in chosen]
            axes.plot(times, [result["speed-up"][str(n)] for result in chosen], marker, label=f"{n} threads, {kind}")
    axes.axhline(1, color="0.7", zorder=0)
    axes.set(xscale="log", xlabel="training step with one thread (ms)", ylabel="speed-up", ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", type=read_shape, default=SHAPES, metavar="B,T,D,H")
    parser.add_argument("--seconds", type=float, default=3, help="time per shape and kind of batch (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="minimum number of rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the speed-ups into this PNG file")
    options = parser.parse_args()
    machine.clock = perf_counter  # the CPU time of the process is the sum over its threads

    numbers = sorted({1, 2, os.cpu_count()})
    results = []
    with single_threaded_blas():
        for ragged in (False, True):
            for shape in options.shapes:
                print(f"{'ragged' if ragged else 'dense'} {shape} ...", file=sys.stderr)
                results.append(measure(shape, ragged, numbers, options.seconds, options.repeats))
        facts = describe()
    print(table(table_rows(results, numbers)))
    print(f"\nlstm, float32; load of the machine at the end {facts['load average']}.\n")
    print(report(facts))
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")
    if options.picture:
        draw(results, numbers, options.picture)


if __name__ == "__main__":
    main()
