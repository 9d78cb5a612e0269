"""Speed-up of a training step by a team of 2 to 64 threads, from a model of the cost whose parts are measured on this machine.

    python benchmarks/cost_model.py
    python benchmarks/cost_model.py --shapes 32,25,128,512 --threads 2 64
    python benchmarks/cost_model.py --barrier 0.4 --handover 20    microseconds, and GB/s, instead of measured ones

A team splits the units of a layer: each of k threads has H / k units, and so 4 H / k columns of W and R. With B sequences, T
steps and D channels, an LSTM's step of training takes

    t(k) = T (forward(k) + back(k)) + weights(k) + rest / k + 2 T (barrier(k) + handover(k)) + alone

forward(k)   (B, H) times (H, 4 H / k) and (B, D) times (D, 4 H / k), with packed weights. Measured at these widths, as the
             next two.
back(k)      (B, 4 H) times (4 H, H / k): a thread needs all of dz for the dh of its units.
weights(k)   dR and dW in chunks of ROWS rows, (H, rows) times (rows, 4 H / k) and (D, rows) times (rows, 4 H / k).
rest         What a whole step with one thread takes beyond these products and `alone`: gates, packing, the optimiser. Measured,
             and assumed to be shared evenly.
alone        What is not shared: Python and the head. Measured as the step of one sequence, step, channel and unit.
barrier(k)   Measured with two threads that spin, and assumed to grow as log2(k), as that of a tree does.
handover(k)  A thread reads what the others have written: B H elements of h, and on the way back B 4 H of dz, (k - 1) / k of
             them, from other caches. The rate is measured with two threads, and assumed to be the same however many threads read.

Further assumptions: each core is as fast as this one is with one thread, although clocks fall where all compute; H is a multiple
of k; each slice of the weights has a second-level cache of its own, as it has where it is measured. "measured, 2" is the speed-up
of train_step.py's step by two threads in the same run, with the team or the shards that the plan of this version chooses.

The costs of a barrier and of handing over are measured by handover.c, which needs a C compiler (the variable CC, or cc), and
more than one CPU. Without, or with --barrier and --handover, they are numbers.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from math import log2
from pathlib import Path
from time import perf_counter

import machine
from machine import describe, report, table, take_turns

# isort: split
import numpy as np
from products import multipliers
from train_step import Problem, Sklstm, read_shape

SHAPES = (32, 100, 16, 64), (32, 100, 32, 128), (32, 50, 64, 256), (32, 25, 128, 512), (64, 25, 128, 512), (1, 100, 128, 512)
THREADS = 2, 4, 8, 16, 32, 64
ROWS = 512  # of a chunk of time, at most
BARRIER, HANDOVER = 0.2e-6, 10e9  # seconds and bytes per second, where they cannot be measured
ROUNDS = 20_000


def handover_costs(shape):
    """Seconds of a barrier of two threads, and bytes per second that one reads of what the other has written.

    Parameters
    ----------
    shape : tuple (B, T, D, H)
        Of which h, float32, is handed over.

    Returns
    -------
    tuple of float, or None
        None where there is no compiler, or one CPU.
    """
    if (os.cpu_count() or 1) < 2:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "handover.so"
        source = Path(__file__).with_name("handover.c")
        command = [os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-pthread", "-o", library, source]
        try:
            subprocess.run(command, check=True, capture_output=True)
            run = ctypes.CDLL(str(library)).seconds_per_round
        except (OSError, subprocess.CalledProcessError):
            return None
        run.restype = ctypes.c_double
        B, _, _, H = shape
        n_bytes = max(4 * B * H // 128 * 128, 128)
        barrier = min(run(2, ROUNDS, 0) for _ in range(5))
        # Beside the barrier a round writes and reads; one thread alone does that too, without another's caches.
        both, one = (min(run(k, ROUNDS // 10, n_bytes) for _ in range(5)) for k in (2, 1))
    seconds = both - barrier - one / 2  # of half of the bytes, which are the other's
    return barrier, n_bytes / 2 / max(seconds, 1e-9)


def product_times(shape, threads, seconds, repeats):
    """Seconds of forward, back and weights for each number of threads, 1 included, as in the formula."""
    B, T, D, H = shape
    total, rows = B * T, min(B * T, ROWS)
    times = dict.fromkeys((1, *threads), 0.0)
    for count, of_width in [
        (T, lambda k: (B, H, 4 * H // k, False, False)),
        (T, lambda k: (B, D, 4 * H // k, False, False)),
        (T, lambda k: (B, 4 * H, H // k, False, True)),
        (total / rows, lambda k: (H, rows, 4 * H // k, True, False)),
        (total / rows, lambda k: (D, rows, 4 * H // k, True, False)),
    ]:
        steps, calls = {}, {}
        for k in times:
            m, depth, n, *transposes = of_width(k)
            kinds, flops = multipliers(m, depth, n, *transposes, "float32")
            steps[k] = kinds["tiles" if "tiles" in kinds else "blas"]
            calls[k] = flops / (2 * m * depth * n)
        turns = take_turns(steps, seconds, repeats)["seconds"]
        for k in times:
            times[k] += count * turns[k]["median"] / calls[k]
    return times


def model(shape, threads, costs, seconds, repeats):
    """Parts of the cost on this machine, and speed-ups for each number of threads that divides H; plain values."""
    B, T, _, H = shape
    threads = [k for k in threads if H % k == 0]
    barrier, rate = costs
    problem = Problem.draw(shape, False, np.float32, "lstm")
    steps = {"one": Sklstm(problem).step, "alone": Sklstm(Problem.draw((1, 1, 1, 1), False, np.float32, "lstm")).step}
    if (os.cpu_count() or 1) > 1:
        steps["two"] = Sklstm(problem, 2).step
    whole = {name: time["median"] for name, time in take_turns(steps, seconds, repeats)["seconds"].items()}
    products = product_times(shape, threads, seconds / 10, repeats)
    rest = max(whole["one"] - products[1] - whole["alone"], 0.0)
    speedups, waiting = {}, {}
    for k in threads:
        bytes_read = 4 * B * (H + 4 * H) * (k - 1) / k  # forward and back
        waiting[k] = T * (2 * barrier * log2(k) + bytes_read / rate)
        speedups[k] = whole["one"] / (products[k] + rest / k + waiting[k] + whole["alone"])
    measured = whole["one"] / whole["two"] if "two" in whole else None
    parts = {"one thread": whole["one"], "products": products, "rest": rest, "alone": whole["alone"], "waiting": waiting}
    result = {"shape": shape, "seconds": parts, "speed-up": speedups, "measured, 2": measured}
    return result | {"barrier": barrier, "bytes per second": rate}


def table_rows(results, threads):
    """Header and rows of the table."""
    header = ["B,T,D,H", "", "ms, 1 thread", "% products", "% rest", "us barrier", "GB/s"]
    rows = [[*header, *(f"{k} threads" for k in threads), "measured, 2"]]
    for result in results:
        parts, one = result["seconds"], result["seconds"]["one thread"]
        shares = [f"{1e3 * one:#.3g}", f"{100 * parts['products'][1] / one:.0f}", f"{100 * parts['rest'] / one:.0f}"]
        shares += [f"{1e6 * result['barrier']:.2f}", f"{1e-9 * result['bytes per second']:.1f}"]
        speedups = (f"{result['speed-up'][k]:.2f}" if k in result["speed-up"] else "-" for k in threads)
        measured = "-" if result["measured, 2"] is None else f"{result['measured, 2']:.2f}"
        rows.append([",".join(map(str, result["shape"])), "", *shares, *speedups, measured])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", type=read_shape, default=SHAPES, metavar="B,T,D,H")
    parser.add_argument("--threads", nargs="+", type=int, default=THREADS)
    parser.add_argument("--barrier", type=float, metavar="US", help="microseconds of a barrier of two threads")
    parser.add_argument("--handover", type=float, metavar="GB/S", help="rate of reading what other threads wrote")
    parser.add_argument("--seconds", type=float, default=2, help="time per shape for whole steps (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="minimum number of rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to this file")
    options = parser.parse_args()
    machine.clock = perf_counter  # the CPU time of the process is the sum over its threads
    results = []
    for shape in options.shapes:
        print(f"{shape} ...", file=sys.stderr)
        barrier, rate = handover_costs(shape) or (BARRIER, HANDOVER)
        barrier = barrier if options.barrier is None else 1e-6 * options.barrier
        rate = rate if options.handover is None else 1e9 * options.handover
        results.append(model(shape, options.threads, (barrier, rate), options.seconds, options.repeats))
    print(table(table_rows(results, options.threads)))
    facts = describe()
    print(f"\nA training step, LSTM, float32; speed-ups by the model.\n\n{report(facts)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
