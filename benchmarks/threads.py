"""Whole teams of threads: sklstm, PyTorch, JAX and ONNX Runtime with one thread and with all of the machine.

    python benchmarks/threads.py                 a few shapes: some minutes
    python benchmarks/threads.py --all           every shape
    python benchmarks/threads.py --tasks fit     one of the tasks: fit, step, predict, row
    python benchmarks/threads.py --busy          while another process keeps one core busy
    python benchmarks/threads.py --at-once 4     so many fits of sklstm at the same time

fit      A whole fit of three minibatches. sklstm: `LSTMClassifier.fit` with `n_jobs`, all that users get. torch: the module, Adam
         and the usual loop, on tensors made before the timing. JAX: arrays of weights and three calls of a function that was
         compiled before the timing.
step     The training step of train_step.py on one minibatch.
predict  Class probabilities of a batch, as in predict.py; JAX: jit of lax.scan and softmax, compiled before the timing.
row      The same of one sequence.

Every contender and number of threads has a process of its own, since some libraries read their number of threads once. The
processes take turns: one computes, the others wait for their pipes. Those with one thread, and their libraries, stay on the last
CPU that this process may use; those with more are free. The load of --busy stays on the first CPU, and ends with this process.
With --at-once, only fits of sklstm are timed: some at the same time, each in a process of its own with as many threads as there
are CPUs, and one with one thread. "at once / sum" is the time of all over that of as many with one thread, divided by the CPUs.

Losses, gradients and probabilities of the contenders must agree before the timing. Times are medians of wall-clock times, ratios
are medians of the ratios within each round: "2 / 1" is the speed-up of a contender by more threads, and the other columns are
times of the peers with as many threads as sklstm, over the times of sklstm. Contenders that are not installed are left out. The
figures mean something only where the machine has nothing else to do.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import product
from math import exp, log
from pathlib import Path

from machine import ONE_THREAD, describe, quartiles, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
import predict
from contenders import TASKS
from train_step import DW_TOLERANCE, LOSS_TOLERANCE, read_shape

# (B, T, D, H); a fit has three minibatches of B
FITS = (
    (32, 100, 8, 32),
    (32, 100, 16, 64),
    (32, 100, 32, 128),
    (32, 50, 64, 256),
    (64, 50, 64, 256),
    (32, 25, 128, 512),
    (64, 25, 128, 512),
    (128, 25, 128, 512),
)
# H -> T, D
OF_WIDTH = {32: (100, 8), 64: (100, 16), 128: (100, 32), 256: (50, 64), 512: (25, 128)}
GRID = tuple((B, *OF_WIDTH[H], H) for B, H in product((16, 32, 64), OF_WIDTH))
SHAPES = {  # task -> all shapes, and those of a short run
    "fit": ((*dict.fromkeys(FITS + GRID),), (FITS[0], FITS[2], FITS[3], FITS[6])),
    "step": ((*dict.fromkeys(FITS + GRID),), (FITS[0], FITS[2], FITS[3])),
    "predict": (tuple((B, 100, D, H) for B in (32, 256, 1024) for H, (_, D) in OF_WIDTH.items()), ((256, 100, 32, 128),)),
    "row": (tuple((1, 100, D, H) for H, (_, D) in OF_WIDTH.items()), ((1, 100, 64, 256), (1, 100, 128, 512))),
}
PACKAGES = {"sklstm": ("sklstm",), "torch": ("torch",), "JAX": ("jax",), "ONNX Runtime": ("onnxruntime", "onnx")}
OF_PROBABILITIES = predict.TOLERANCE["float32"]
TOLERANCES = {"step": (LOSS_TOLERANCE, DW_TOLERANCE), "predict": OF_PROBABILITIES, "row": OF_PROBABILITIES}
PROGRAM = Path(__file__).with_name("contenders.py")


# ---- processes that take turns ----


class Contender:
    """A library with a number of threads, in another process.

    Parameters
    ----------
    name : str
    n_threads : int
    """

    def __init__(self, name, n_threads):
        self.name, self.n_threads = name, n_threads
        command = [sys.executable, str(PROGRAM), name, str(n_threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def prepare(self, task, shape):
        """Get ready; returns the numbers that contenders must agree in, or None."""
        return self.ask((task, shape))

    def seconds_per_call(self, count):
        return self.ask(count)

    def __call__(self):
        self.ask(1)

    def ask(self, what):
        self.send(what)
        return self.receive()

    def send(self, what):
        try:
            pickle.dump(what, self.process.stdin)
            self.process.stdin.flush()
        except OSError:  # its process has ended, which `receive` says
            pass

    def receive(self):
        try:
            answer = pickle.load(self.process.stdout)
        except (EOFError, OSError):
            answer = RuntimeError("its process has ended")
        if isinstance(answer, Exception):
            raise SystemExit(f"{self.name} with {self.n_threads} threads failed: {answer}")
        return answer

    def close(self):
        self.process.kill()
        self.process.communicate()


class AtOnce:
    """Contenders that compute at the same time, as one: a call is a call of each.

    Parameters
    ----------
    members : list of Contender
    """

    def __init__(self, members):
        self.members = members

    def __call__(self):
        self.seconds_per_call(1)

    def seconds_per_call(self, count):
        for member in self.members:
            member.send(count)
        return max([member.receive() for member in self.members])


@contextmanager
def contenders(names, numbers):
    """A process for each name and number of threads."""
    running = []
    try:
        for name, n in product(names, numbers):
            running.append(Contender(name, n))
        yield running
    finally:
        for contender in running:
            contender.close()


@contextmanager
def load(wanted):
    """Another process that computes, where it is wanted, as long as this context."""
    process = subprocess.Popen([sys.executable, str(PROGRAM), "busy", "1"]) if wanted else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


# ---- measurements ----


def measure(task, shape, running, seconds, repeats):
    """Time the contenders of a task; returns plain values."""
    running = [contender for contender in running if contender.name in TASKS[task]]
    expected = None
    for contender in running:
        numbers = contender.prepare(task, shape)
        expected = numbers if expected is None else expected
        if numbers is not None and not agree(numbers, expected, TOLERANCES[task]):
            raise SystemExit(f"{contender.name} with {contender.n_threads} threads does different work: {task}, {shape}.")
    turns = take_turns({f"{c.name} {c.n_threads}": c for c in running}, seconds, repeats)
    return {"task": task, "shape": shape, "seconds": turns["seconds"], "rounds": turns["rounds"], "times": turns["times"]}


def agree(numbers, expected, tolerance):
    """Whether numbers differ by no more than a tolerance, relative to those that are more than 1."""
    errors = np.abs(np.subtract(numbers, expected)) / np.maximum(1, np.abs(expected))
    return bool((errors <= tolerance).all())


def ratio(result, above, below):
    """Median, over the rounds, of the ratio of two contenders' times; NaN where one is missing."""
    times = result["times"]
    if above not in times or below not in times:
        return np.nan
    return quartiles(np.divide(times[above], times[below]))["median"]


def table_rows(results, names, numbers):
    """Header and rows of the table: own times, speed-ups by more threads, and peers over sklstm."""
    more, peers = numbers[1:], names[1:]
    header = ["task", "B,T,D,H", *(f"sklstm {n} ms" for n in numbers)]
    header += [f"{name} {n} / 1" for n in more for name in names] + [f"{peer} / sklstm, {n}" for n in numbers for peer in peers]
    rows = [header]
    for result in results:
        cells = [f"{1e3 * result['seconds'][f'sklstm {n}']['median']:#.3g}" for n in numbers]
        found = [ratio(result, f"{name} 1", f"{name} {n}") for n in more for name in names]
        found += [ratio(result, f"{peer} {n}", f"sklstm {n}") for n in numbers for peer in peers]
        cells += ["-" if np.isnan(value) else f"{value:.2f}" for value in found]
        rows.append([result["task"], ",".join(map(str, result["shape"])), *cells])
    return rows


def summary(results, names, numbers):
    """Smallest and geometric mean of the ratios to each peer, of each task."""
    lines = []
    for task, peer, n in product(SHAPES, names[1:], numbers):
        found = [(ratio(result, f"{peer} {n}", f"sklstm {n}"), result["shape"]) for result in results if result["task"] == task]
        found = [(value, shape) for value, shape in found if not np.isnan(value)]
        if found:
            least, shape = min(found)
            mean = exp(sum(log(value) for value, _ in found) / len(found))
            lines.append(f"- {task}, {peer} / sklstm with {n} each: geometric mean {mean:.2f}, at least {least:.2f} ({shape})")
    return "\n".join(lines)


def compare(shapes, numbers, busy, seconds, repeats):
    """Measure tasks, a dict of task -> shapes; returns the results and the names of the contenders."""
    names = [name for name, packages in PACKAGES.items() if all(map(find_spec, packages))]
    for name in PACKAGES.keys() - set(names):
        print(f"{name} is not installed and is left out.", file=sys.stderr)
    results = []
    with load(busy), contenders(names, numbers) as running:
        for task, shape in [(task, shape) for task, several in shapes.items() for shape in several]:
            print(f"{task} {shape} ...", file=sys.stderr)
            results.append(measure(task, shape, running, seconds, repeats))
    return results, names


def measure_at_once(shapes, count, n_threads, seconds, repeats):
    """Header and rows of the table of so many fits at once."""
    rows = [["task", "B,T,D,H", "sklstm 1 ms", f"{count} at once, {n_threads} threads each, ms", "at once / sum"]]
    with contenders(["sklstm"], [1, *[n_threads] * count]) as (one, *several):
        for shape in shapes:
            print(f"{count} fits {shape} ...", file=sys.stderr)
            for contender in (one, *several):
                contender.prepare("fit", shape)
            turns = take_turns({"one": one, "at once": AtOnce(several)}, seconds, repeats)
            times = {name: 1e3 * time["median"] for name, time in turns["seconds"].items()}
            share = turns["ratio"]["at once"]["median"] * os.cpu_count() / count
            rows.append(["fit", ",".join(map(str, shape)), *(f"{time:#.3g}" for time in times.values()), f"{share:.2f}"])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--all", action="store_true", help="every shape")
    parser.add_argument("--shapes", nargs="+", type=read_shape, metavar="B,T,D,H", help="these, for each of the tasks")
    parser.add_argument("--threads", nargs="+", type=int, help="numbers of threads, 1 first (default: 1 and all CPUs)")
    parser.add_argument("--busy", action="store_true", help="while another process keeps one core busy")
    parser.add_argument("--at-once", type=int, metavar="N", help="so many fits of sklstm at the same time, each with all threads")
    parser.add_argument("--seconds", type=float, default=3, help="time per task and shape (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="minimum number of rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to this file")
    options = parser.parse_args()
    numbers = options.threads or sorted({1, os.cpu_count()})
    if options.at_once:
        chosen = options.shapes or SHAPES["fit"][0 if options.all else 1]
        print(table(measure_at_once(chosen, options.at_once, numbers[-1], options.seconds, options.repeats)))
        return print(f"\nlstm, float32.\n\n{report(describe())}")
    shapes = {task: options.shapes or SHAPES[task][0 if options.all else 1] for task in options.tasks}
    results, names = compare(shapes, numbers, options.busy, options.seconds, options.repeats)
    facts = describe()
    print(table(table_rows(results, names, numbers)))
    print(f"\n{summary(results, names, numbers)}\n")
    print(f"lstm, float32{', one core busy with another process' if options.busy else ''}.\n\n{report(facts)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "busy": options.busy, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
