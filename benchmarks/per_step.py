"""Time of a transformer in `PerStep` on sequences of each form, compared with the bare transformer on the table of their steps.

    python benchmarks/per_step.py

bare        the transformer on a 2-D array of all steps
3-D         `PerStep` on a 3-D array
Sequences   `PerStep` on `sklstm.Sequences`
list        `PerStep` on a list of arrays, which it joins into one table and splits again
by hand     the same list with np.concatenate, the bare transformer, and slices

All have the same steps, and results must be equal before the timing. Contenders take turns on one thread. A ratio is the
median of the ratios within each round.
"""
import argparse
import json
import os
import sys
from itertools import pairwise
from pathlib import Path

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from sklstm import Sequences
from sklstm.preprocessing import PerStep

SHAPES = ((100, 20, 8), (10_000, 20, 8), (1000, 200, 8), (200, 1000, 32))  # sequences, steps, channels
TRANSFORMERS = {"StandardScaler": StandardScaler(), "SimpleImputer": SimpleImputer(), "PCA": PCA(4, random_state=0)}


def by_hand(transformer, arrays):
    """Equivalent code without PerStep, with slices instead of np.split, which is slow."""
    offsets = np.cumsum([0, *map(len, arrays)]).tolist()
    values = transformer.transform(np.concatenate(arrays))
    return [values[first:last] for first, last in pairwise(offsets)]


def fit_by_hand(transformer, arrays):
    transformer.fit(np.concatenate(arrays))
    return arrays


def steps_of(X):
    return X.values if isinstance(X, Sequences) else np.concatenate(list(X))


def measure(name, shape, seconds, repeats):
    """Time fit and transform; returns the result of `take_turns` and the problem, as plain values."""
    X = np.random.default_rng(0).standard_normal(shape)
    if name == "SimpleImputer":
        X[np.random.default_rng(1).random(shape) < 0.01] = np.nan
    arrays = [x.copy() for x in X]
    forms = {"3-D": X, "Sequences": Sequences.from_list(arrays), "list": arrays}
    bare = clone(TRANSFORMERS[name]).fit(X.reshape(-1, shape[2]))
    steps = X.reshape(-1, shape[2])
    fitted = {form: PerStep(TRANSFORMERS[name]).fit(forms[form]) for form in forms}
    for form, per_step in fitted.items():
        if not np.array_equal(steps_of(per_step.transform(forms[form])), bare.transform(steps)):
            raise SystemExit(f"PerStep({name}) has other bits on {form}.")
    results = []
    for method in ("fit", "transform"):
        hand = by_hand if method == "transform" else fit_by_hand
        calls = {"bare": lambda method=method: getattr(bare, method)(steps)}
        calls |= {form: lambda form=form, method=method: getattr(fitted[form], method)(forms[form]) for form in forms}
        calls["by hand"] = lambda hand=hand: hand(bare, arrays)
        results.append(take_turns(calls, seconds, repeats) | {"transformer": name, "method": method, "shape": shape})
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3, help="per row (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=9, help="rounds of turns at least (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    options = parser.parse_args()
    pin_to_one_cpu()

    results = []
    for name in TRANSFORMERS:
        for shape in SHAPES:
            print(f"{name}, {shape} ...", file=sys.stderr)
            results += measure(name, shape, options.seconds, options.repeats)
    contenders = ("3-D", "Sequences", "list", "by hand")
    rows = [["transformer", "sequences, steps, channels", "bare ms", *(f"{name} / bare" for name in contenders)]]
    for result in results:
        ratios = (f"{result['ratio'][name]['median']:.2f}" for name in contenders)
        first = f"{result['transformer']}.{result['method']}"
        rows.append([first, ", ".join(map(str, result["shape"])), f"{1e3 * result['seconds']['bare']['median']:.2f}", *ratios])
    print(table(rows))
    share = min(result["share of the CPU"] for result in results)
    facts = describe()
    print(f"\nfloat64, one thread; this process had at least {100 * share:.0f} % of its CPU.\n")
    print(report(facts))
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
