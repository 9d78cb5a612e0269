"""What a fit of `LSTMClassifier` spends outside its minibatches: before the first, between two epochs, and after the last.

    python benchmarks/overhead.py

A fit of two epochs is timed as a whole, and the time of the two is subtracted. What is left is given in milliseconds and as a
percentage of the two epochs: the initial weights, reading and checking X and y, their means and standard deviations, copies of
the state after every epoch, and the fitted attributes. The sequences are an array (n_sequences, 50, 8) of random numbers, the
first channel of which is higher in one of the two classes. Rows of the table are numbers of units, columns numbers of sequences.
A cell is the median of several fits on one thread. It is empty where two epochs take much more than a second: what a fit spends
outside them grows with the number of sequences at most as they do. The last column is the time of the initial weights alone.

With --defaults, fits have the default `max_iter`, which compares several lengths, and the epochs of all of them count as such;
that is for small networks and few sequences.
"""

import argparse
import json
import os
import warnings
from pathlib import Path
from statistics import median
from unittest.mock import patch

from machine import ONE_THREAD, clock, describe, pin_to_one_cpu, report, table

os.environ.update(ONE_THREAD)

import numpy as np

import sklstm.training.loop
from sklstm import LSTMClassifier
from sklstm.network import Network

HIDDEN_SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
N_SEQUENCES = (50, 500, 5_000, 50_000, 100_000)
N_STEPS, N_CHANNELS = 50, 8
MOST_FLOPS = 2e11  # of two epochs; some two seconds
ENOUGH_SECONDS = 1.0  # of fits of a cell, of which there are at least LEAST and at most MOST
LEAST, MOST = 3, 21


def problem(n_sequences, dtype):
    """X and y."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_sequences, N_STEPS, N_CHANNELS)).astype(dtype)
    y = np.arange(n_sequences) % 2
    X[:, :, 0] += y[:, np.newaxis]
    return X, y


def flops(hidden_size, n_sequences):
    """Of the products of two epochs."""
    return 2 * n_sequences * N_STEPS * Network(N_CHANNELS, 1, (hidden_size,)).flops_per_row


def timed_fit(estimator, X, y):
    """Seconds of a fit outside its epochs, and inside them."""
    inside, run_epoch = 0.0, sklstm.training.loop._run_epoch

    def run_timed(*args):
        nonlocal inside
        begun = clock()
        row = run_epoch(*args)
        inside += clock() - begun
        return row

    with patch("sklstm.training.loop._run_epoch", run_timed):
        begun = clock()
        estimator.fit(X, y)
        return clock() - begun - inside, inside


def measure(hidden_size, n_sequences, dtype, parameters):
    """Medians of the seconds outside and inside the epochs of a fit."""
    X, y = problem(n_sequences, dtype)
    estimator = LSTMClassifier(hidden_size, random_state=0, **parameters)
    fits, begun = [], clock()
    while len(fits) < LEAST or (len(fits) < MOST and clock() - begun < ENOUGH_SECONDS):
        fits.append(timed_fit(estimator, X, y))
    outside, inside = map(median, zip(*fits[1:], strict=True))
    return {"outside": outside, "inside": inside}


def initial_weights(hidden_size, dtype):
    """Seconds of the initial weights, the least of five."""
    network, seconds = Network(N_CHANNELS, 1, (hidden_size,)), []
    for seed in range(5):
        begun = clock()
        network.initialize(np.random.default_rng(seed), np.dtype(dtype))
        seconds.append(clock() - begun)
    return min(seconds)


def cell(result):
    """Milliseconds outside, and their percentage of those inside."""
    return f"{1e3 * result['outside']:.2f} ({100 * result['outside'] / result['inside']:.1f} %)" if result else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden-sizes", type=int, nargs="+", default=HIDDEN_SIZES, metavar="H")
    parser.add_argument("--sequences", type=int, nargs="+", default=N_SEQUENCES, metavar="N")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--defaults", action="store_true", help="default hyper-parameters instead of two epochs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to this file")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # two epochs do not converge
    pin_to_one_cpu()
    parameters = {} if options.defaults else {"max_iter": 2, "early_stopping": False}
    results = {
        H: {n: measure(H, n, options.dtype, parameters) if flops(H, n) <= MOST_FLOPS else None for n in options.sequences}
        for H in options.hidden_sizes
    }
    rows = [["H", *(f"n = {n}" for n in options.sequences), "initial weights"]]
    for H, of_size in results.items():
        rows.append([str(H), *map(cell, of_size.values()), f"{1e3 * initial_weights(H, options.dtype):.2f}"])
    what = "default hyper-parameters" if options.defaults else "two epochs"
    facts = describe()
    print(f"{table(rows)}\n\nMilliseconds outside the epochs (% of those inside), {what}, {options.dtype}.\n\n{report(facts)}")
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
