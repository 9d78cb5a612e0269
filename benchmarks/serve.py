"""Time of `predict_proba` for one sequence, in the forms that servers and explainers send: compared with scikit-learn's MLP.

    python benchmarks/serve.py                  40 steps of 3 channels, 32 units

3-D            An array (1, 40, 3) of the model's dtype in C order. The other forms are compared with it.
list, other dtype, not contiguous, flat, DataFrame
               The same sequence as a list with one array, in float64 (for a float32 model, or the other way round), as every
               second channel of a wider array, as a row of 120 columns for a model fitted on such rows, and as a pandas
               DataFrame with one row.
bidirectional, attention
               The 3-D array, for a bidirectional model and for one with attention pooling.
MLP            scikit-learn's MLPClassifier with as many units, on the same DataFrame and on its values.

All take turns in one process, on one thread and, where the system allows it, on one CPU. A ratio is the median of the ratios
within each round.
"""
import argparse
import json
import os
import warnings
from pathlib import Path

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from sklstm import LSTMClassifier

N_TRAIN, N_STEPS, N_CHANNELS, N_CLASSES = 60, 40, 3, 3


def contenders(H, dtype):
    """Name -> function that predicts one sequence."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((N_TRAIN, N_STEPS, N_CHANNELS)).astype(dtype), np.arange(N_TRAIN) % N_CLASSES
    rows = X.reshape(N_TRAIN, -1)
    frame = pd.DataFrame(rows, columns=[f"x{k}" for k in range(rows.shape[1])])

    def fitted(data, **options):
        return LSTMClassifier(H, max_iter=1, random_state=0, **{"pooling": "last"} | options).fit(data, y)

    dense, flat, named = fitted(X), fitted(rows, n_channels=N_CHANNELS), fitted(frame, n_channels=N_CHANNELS)
    both, attention = fitted(X, bidirectional=True), fitted(X, pooling="attention")
    x, row, one = X[:1].copy(), rows[:1].copy(), frame.iloc[[0]]
    other = x.astype("float64" if dtype == "float32" else "float32")
    wider = np.zeros((1, N_STEPS, 2 * N_CHANNELS), dtype)
    wider[:, :, ::2] = x
    mlp, mlp_of_arrays = (MLPClassifier(H, max_iter=2, random_state=0).fit(data, y) for data in (frame, rows))
    return {
        "3-D": lambda: dense.predict_proba(x),
        "list": lambda: dense.predict_proba([x[0]]),
        "other dtype": lambda: dense.predict_proba(other),
        "not contiguous": lambda: dense.predict_proba(wider[:, :, ::2]),
        "flat": lambda: flat.predict_proba(row),
        "DataFrame": lambda: named.predict_proba(one),
        "bidirectional": lambda: both.predict_proba(x),
        "attention": lambda: attention.predict_proba(x),
        "MLP, DataFrame": lambda: mlp.predict_proba(one),
        "MLP, array": lambda: mlp_of_arrays.predict_proba(row),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hidden", type=int, default=32, help="number of units (default: %(default)s)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--seconds", type=float, default=10, help="time for all together (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=15, help="minimum number of rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    options = parser.parse_args()
    pin_to_one_cpu()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        turns = take_turns(contenders(options.hidden, options.dtype), options.seconds, options.repeats)
    rows = [["form", "", "µs", "/ 3-D"]]
    for name, seconds in turns["seconds"].items():
        rows.append([name, "", f"{1e6 * seconds['median']:.1f}", f"{turns['ratio'][name]['median']:.2f}"])
    print(table(rows))
    share, facts = turns["share of the CPU"], describe()
    print(f"\nH = {options.hidden}, {options.dtype}, one thread; this process had {100 * share:.0f} % of its CPU.\n")
    print(report(facts))
    if options.json:
        record = {"machine": facts, "hidden": options.hidden, "dtype": options.dtype} | turns
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
