"""Speed of another version of sklstm compared with this one: whether a change has made anything slower.

    pip install --no-deps --target OTHER <the other version's checkout>
    python benchmarks/versions.py OTHER          the package in OTHER, and the installed one
    python benchmarks/versions.py OTHER --this FOLDER

Every round starts one process for each version, in alternating order, pinned to one CPU and one thread. A process reports the
fastest of its repeats. The table has the medians over the rounds, and the median of the ratios within each round.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from inspect import signature
from pathlib import Path
from time import perf_counter

from machine import ONE_THREAD, pin_to_one_cpu, table

os.environ.update(ONE_THREAD)

import numpy as np
import pandas as pd

N, T, D = 512, 40, 3
ROWS, STEPS = 200_000, 50  # of the long table, and of each of its sequences


def cases():
    """Name -> a call, and the number of calls that are timed together."""
    from sklearn.preprocessing import StandardScaler

    from sklstm import LSTMClassifier, Sequences, load, save
    from sklstm.preprocessing import PerStep, make_windows

    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, T, D)).astype(np.float32)
    y = (X[:, :, 0].sum(axis=1) > 0).astype(int)
    ragged = [x[: rng.integers(T // 4, T + 1)] for x in X]
    sequences = Sequences.from_list(ragged)
    model, wide = (LSTMClassifier(H, pooling="last", max_iter=1, random_state=0).fit(X, y) for H in (32, 128))
    one, step = X[:1].copy(), X[0, :1].copy()
    streams = [model.stream("predict_proba"), wide.stream()]
    for stream in streams:
        stream.step(step)
    scaler = PerStep(StandardScaler()).fit(X)
    who, hour = np.divmod(np.arange(ROWS), STEPS)
    long = pd.DataFrame({"id": who, "t": pd.to_datetime(hour, unit="h"), **{f"c{k}": rng.normal(size=ROWS) for k in range(8)}})
    parameters = signature(Sequences.from_long).parameters
    hourly = {"freq" if "freq" in parameters else "spacing": pd.Timedelta("1h")}  # as earlier versions call it
    words = long[["id", "t"]].assign(word=np.array([f"w{k}" for k in range(5000)])[rng.integers(0, 5000, ROWS)])
    file = Path(tempfile.mkdtemp()) / "model"
    return {
        "fit, H = 16, 4 epochs": (lambda: LSTMClassifier(16, pooling="last", max_iter=4, random_state=0).fit(X, y), 1),
        "fit, H = 64, ragged, 2 epochs": (
            lambda: LSTMClassifier(64, pooling="last", max_iter=2, random_state=0).fit(sequences, y),
            1,
        ),
        "predict_proba, 1 sequence": (lambda: model.predict_proba(one), 500),
        f"predict_proba, {N}, 3-D": (lambda: model.predict_proba(X), 3),
        f"predict_proba, {N}, Sequences": (lambda: model.predict_proba(sequences), 3),
        f"predict_proba, {N}, list": (lambda: model.predict_proba(ragged), 3),
        f"score, {N}": (lambda: model.score(X, y), 3),
        "stream, probabilities, H = 32": (lambda: streams[0].step(step), 3000),
        "stream, label, H = 128": (lambda: streams[1].step(step), 3000),
        f"from_list, {N}": (lambda: Sequences.from_list(ragged), 10),
        f"PerStep.transform, {N}": (lambda: scaler.transform(X), 10),
        f"from_long, {ROWS} rows": (lambda: Sequences.from_long(long, id="id", time="t"), 1),
        "from_long with freq": (lambda: Sequences.from_long(long, id="id", time="t", **hourly), 1),
        "from_long of texts": (lambda: Sequences.from_long(words, id="id", time="t"), 1),
        f"make_windows, {ROWS} steps": (lambda: make_windows(long["c0"].to_numpy(), window=24), 10),
        "save": (lambda: save(wide, file), 3),
        "load": (lambda: load(file), 3),
    }


def measure(repeats):
    """Name -> seconds per call, the fastest of the repeats."""
    pin_to_one_cpu()
    warnings.simplefilter("ignore")
    found = {}
    for name, (call, n_calls) in cases().items():
        call()
        found[name] = min(timed(call, n_calls) for _ in range(repeats))
    return found


def timed(call, n_calls):
    begin = perf_counter()
    for _ in range(n_calls):
        call()
    return (perf_counter() - begin) / n_calls


def measure_in(folder, repeats):
    """Run `measure` in a new process, with the package in a folder; None means the installed one."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if folder is not None:
        environment["PYTHONPATH"] = str(Path(folder).resolve())
    command = [sys.executable, __file__, "--measure", "--repeats", str(repeats)]
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", nargs="?", help="folder with the other version of the package")
    parser.add_argument("--this", help="folder with this version (default: the installed one)")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.repeats)))
        return
    if options.other is None:
        parser.error("Name the folder with the other version.")
    rounds = []
    for k in range(options.rounds):
        sides = [("other", options.other), ("this", options.this)]
        rounds.append({side: measure_in(folder, options.repeats) for side, folder in (sides if k % 2 else sides[::-1])})
    rows = [["what", "", "other, us", "this, us", "this / other"]]
    for name in rounds[0]["this"]:
        other, this = (np.array([each[side][name] for each in rounds]) for side in ("other", "this"))
        rows.append([name, "", *(f"{1e6 * np.median(side):.4g}" for side in (other, this)), f"{np.median(this / other):.3f}"])
    print(table(rows))


if __name__ == "__main__":
    main()
