"""Choice of the defaults: candidates compared by cross-validation inside the training data of small and larger problems.

    python benchmarks/defaults.py                           every candidate on every set: half an hour
    python benchmarks/defaults.py --quick                   one seed and two folds: a few minutes
    python benchmarks/defaults.py --sets gunpoint digits --candidates defaults "rate 0.01"
    python benchmarks/defaults.py --test                    score the test data once, with the defaults and a PyTorch recipe

The name of a candidate says how it differs from the defaults. All candidates use the same folds and seeds, so they are
compared fold by fold. Each difference from the defaults is printed with its standard error. Ranks are those of the mean
scores on a set; 1 is the best. Scores are accuracies or, for quantities, R2 (cut off at -1). Folds of forecasts follow time.
The sets of aeon, with the official splits, are skipped if aeon is not installed. Never choose by --test.

The PyTorch recipe of --test is a common first one: nn.LSTM(64), the last state, a linear head, Adam(1e-3), minibatches of 32
(16 for up to 100 sequences) and 200 epochs. Channels and quantities are standardised, and ragged sequences are packed.
"""
import argparse
import json
import os
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from time import process_time
from unittest.mock import patch

from machine import ONE_THREAD, describe, report, table

os.environ.update(ONE_THREAD)

import numpy as np
from scipy.stats import rankdata
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit, train_test_split
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.datasets import make_adding_problem, make_seasonal, make_sine_mixture, make_temporal_order
from sklstm.estimators import solvers

SEEDS = 3
TINY = 100  # training sequences


def of_aeon(name):
    """Loader of a set in aeon's package, where arrays are (n, channels, steps)."""

    def load():
        import aeon.datasets

        def part(split):
            X, y = getattr(aeon.datasets, f"load_{name}")(split=split)
            X = [np.ascontiguousarray(x.T, dtype=np.float32) for x in X]
            return (np.stack(X) if len({len(x) for x in X}) == 1 else Sequences.from_list(X)), y

        return *part("train"), *part("test")

    return load


def of_tables(load, shape):
    """Loader of a table of scikit-learn, whose rows are sequences; a quarter is test data."""

    def split():
        X, y = load(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, random_state=0)
        if shape[-1] == 1:  # one channel for columns of different units
            scaler = StandardScaler().fit(X)
            X, X_test = scaler.transform(X), scaler.transform(X_test)
        return X.reshape(-1, *shape).astype(np.float32), y, X_test.reshape(-1, *shape).astype(np.float32), y_test

    return split


def of_generator(make, n_samples, **parameters):
    """Loader of a generated problem, with as many test as training sequences."""

    def draw(seed):
        X, y = make(n_samples, random_state=seed, **parameters)
        return (Sequences(X.values.astype(np.float32), X.offsets) if isinstance(X, Sequences) else X.astype(np.float32)), y

    return lambda: (*draw(0), *draw(1))


def forecast():
    """Daily and weekly patterns in noise: forecasts of 12 steps from 48. The test data are later and share no steps."""
    X, y = make_seasonal(1200, period=(24, 168), n_harmonics=3, noise=0.3, window=48, horizon=12, random_state=0)
    X = X.astype(np.float32)
    return X[:700], y[:700], X[760:], y[760:]


@dataclass(frozen=True)
class DataSet:
    """A problem: how to get it, and how to score candidates on its training data.

    Attributes
    ----------
    load : callable
        ``load() -> X, y, X_test, y_test``
    folds : int
        Of the cross-validation of each seed; 1 is a random quarter.
    regression : bool
    forward : bool
        Whether samples are in the order of time: validation is on what follows.
    needs : str or None
        Package without which the set is left out.
    """

    load: Callable
    folds: int = 5
    regression: bool = False
    forward: bool = False
    needs: str | None = None

    def splits(self, y, seed, folds=None):
        """Rows to train on and rows to score."""
        n_splits = min(folds or self.folds, self.folds)
        if self.forward:  # the gap: windows do not overlap those of training
            return TimeSeriesSplit(n_splits, test_size=len(y) // 6, gap=60).split(y)
        if n_splits == 1:
            return ShuffleSplit(1, test_size=0.25, random_state=seed).split(y)
        kind = KFold if self.regression else StratifiedKFold
        return kind(n_splits, shuffle=True, random_state=seed).split(np.zeros(len(y)), y)

    def score(self, y, predicted):
        return max(r2_score(y, predicted), -1.0) if self.regression else accuracy_score(y, predicted)

    def estimator(self, parameters, seed):
        return (LSTMRegressor if self.regression else LSTMClassifier)(random_state=seed, **parameters)


AEON = {"needs": "aeon"}
SETS = {
    "japanese vowels": DataSet(of_aeon("japanese_vowels"), **AEON),
    "basic motions": DataSet(of_aeon("basic_motions"), **AEON),
    "italy power": DataSet(of_aeon("italy_power_demand"), **AEON),
    "gunpoint": DataSet(of_aeon("gunpoint"), **AEON),
    "arrow head": DataSet(of_aeon("arrow_head"), 3, **AEON),
    "digits": DataSet(of_tables(load_digits, (8, 8)), 3),
    "wine": DataSet(of_tables(load_wine, (13, 1))),
    "ragged sines": DataSet(of_generator(make_sine_mixture, 400, n_steps=40, noise=0.5, ragged=True), 3),
    "many sines": DataSet(of_generator(make_sine_mixture, 4000, n_steps=20, noise=0.5, n_classes=5), 1),
    "temporal order": DataSet(of_generator(make_temporal_order, 1000, n_steps=60, n_bits=2), 1),
    "adding": DataSet(of_generator(make_adding_problem, 1000, n_steps=100), 1, regression=True),
    "forecast": DataSet(forecast, 2, regression=True, forward=True),
    "diabetes": DataSet(of_tables(load_diabetes, (10, 1)), 3, regression=True),
}


@dataclass(frozen=True)
class Candidate:
    """Parameters that differ from the defaults, and other patches: (module or class, name, value)."""

    parameters: dict = field(default_factory=dict)
    patches: tuple = ()

    def fitted(self, data_set, X, y, seed):
        """Fitted estimator, and the seconds of CPU time of the fit."""
        with ExitStack() as stack, warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            for target, name, value in self.patches:
                stack.enter_context(patch.object(target, name, value))
            estimator = data_set.estimator(self.parameters, seed)
            started = process_time()
            return estimator.fit(X, y), process_time() - started


CANDIDATES = {
    "defaults": Candidate(),
    # The earlier defaults: a constant rate until the loss stalls for ten epochs.
    "until it stalls": Candidate(
        {
            "learning_rate": "constant",
            "learning_rate_init": 5e-3,
            "batch_size": 32,
            "max_iter": 200,
            "n_iter_no_change": 10,
            "max_grad_norm": 1.0,
            "forget_bias": 1.0,
        }
    ),
    # The same, with at least 500 steps and ten epochs and the minibatches of the defaults.
    "patient": Candidate({"learning_rate": "constant", "learning_rate_init": 5e-3, "forget_bias": 1.0}),
    "rate 0.01": Candidate({"learning_rate_init": 1e-2}),
    "forget 1": Candidate({"forget_bias": 1.0}),
    "chrono": Candidate({"forget_bias": "chrono"}),
    "alpha 0.005": Candidate({"alpha": 5e-3}),
    "clip 1": Candidate({"max_grad_norm": 1.0}),
    "4000 steps": Candidate(patches=((solvers, "STEPS", 4000),)),
}


def cross_validated(name, candidates, seeds, folds=None):
    """Every candidate on every fold of a set.

    Returns
    -------
    dict
        Candidate -> list of dicts ``score``, ``seconds``, ``epochs``, one per fold and seed.
    """
    data_set = SETS[name]
    X, y, *_ = data_set.load()
    rows = {candidate: [] for candidate in candidates}
    for seed in range(seeds):
        for k, (train, validate) in enumerate(data_set.splits(y, seed, folds)):
            for candidate in candidates:  # in turns, so that other load on the machine affects all
                model, seconds = CANDIDATES[candidate].fitted(data_set, X[train], y[train], 100 * seed + k)
                score = data_set.score(y[validate], model.predict(X[validate]))
                rows[candidate].append({"score": score, "seconds": seconds, "epochs": model.n_iter_})
    return rows


def compared(results, candidates):
    """Two tables: scores of the first candidate and differences of the others, a row per set; and a row per candidate."""
    first, *others = candidates
    lines, means = [["set", f"{first} (deviation)", *others]], []
    for name, rows in results.items():
        scores = {c: 100 * np.array([row["score"] for row in rows[c]]) for c in candidates}
        differences = [scores[c] - scores[first] for c in others]
        cells = [f"{change.mean():+.1f} ± {_standard_error(change):.1f}" for change in differences]
        lines.append([name, f"{scores[first].mean():.1f} ({scores[first].std():.1f})", *cells])
        means.append([scores[c].mean() for c in candidates])
    ranks = np.mean([rankdata([-mean for mean in row]) for row in means], axis=0)
    summary = [["candidate", "mean score", "mean rank", "s per fit", "epochs"]]
    for c, mean, rank in zip(candidates, np.mean(means, axis=0), ranks, strict=True):
        fits = [[np.mean([row[key] for row in rows[c]]) for key in ("seconds", "epochs")] for rows in results.values()]
        seconds, epochs = np.mean(fits, axis=0)
        summary.append([c, f"{mean:.2f}", f"{rank:.1f}", f"{seconds:.2f}", f"{epochs:.0f}"])
    return f"{table(lines)}\n\n{table(summary)}"


def _standard_error(values):
    return values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan


@dataclass(frozen=True)
class Test:
    """A test of --test: a set, parameters that differ from the defaults, and the number of seeds."""

    name: str
    parameters: dict = field(default_factory=dict)
    seeds: int = 3


TESTS = [
    Test("japanese vowels"),
    Test("japanese vowels", {"bidirectional": True, "hidden_size": 100, "max_iter": 100}),
    Test("basic motions", seeds=10),
    Test("italy power", seeds=10),
    Test("gunpoint", seeds=10),
    Test("arrow head", seeds=10),
    Test("digits"),
    Test("ragged sines"),
    Test("temporal order"),
    Test("adding"),
    Test("forecast"),
]


def tested(names, quick):
    """Table of the test scores of the defaults and, if torch is installed, of the PyTorch recipe."""
    has_torch = find_spec("torch") is not None
    lines = [["set", "parameters", "sequences", "test score", "s per fit", *(("torch", "s per fit") if has_torch else ())]]
    records = []
    for test in TESTS:
        if test.name not in names:
            continue
        data_set = SETS[test.name]
        X, y, X_test, y_test = data_set.load()
        runs = {"sklstm": [], "torch": []}
        for seed in range(1 if quick else test.seeds):
            model, seconds = Candidate(test.parameters).fitted(data_set, X, y, seed)
            runs["sklstm"].append((data_set.score(y_test, model.predict(X_test)), seconds))
            if has_torch and not test.parameters:
                predicted, seconds = torch_recipe(X, y, X_test, data_set.regression, seed)
                runs["torch"].append((data_set.score(y_test, predicted), seconds))
        parameters = ", ".join(f"{key}={value}" for key, value in test.parameters.items())
        cells = [cell for name in ("sklstm", "torch")[: 1 + has_torch] for cell in _mean_and_deviation(runs[name])]
        lines.append([test.name, parameters, str(len(y)), *cells])
        print(*lines[-1], sep="  ", flush=True)
        records.append({"set": test.name, "parameters": test.parameters, "runs": runs})
    print()
    return table(lines), records


def _mean_and_deviation(runs):
    if not runs:
        return "-", "-"
    scores, seconds = np.array(runs).T
    return f"{scores.mean():.3f} ± {scores.std():.3f}", f"{seconds.mean():.2f}"


def torch_recipe(X, y, X_test, regression, seed, hidden_size=64, learning_rate=1e-3, epochs=200):
    """Predictions for X_test, and the seconds of CPU time that training took."""
    import torch
    from torch.nn.utils.rnn import pack_sequence

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    scaler = StandardScaler().fit(np.concatenate(list(X)))
    X, X_test = ([torch.from_numpy(scaler.transform(x)) for x in sequences] for sequences in (X, X_test))
    if regression:
        targets = np.reshape(y, (len(y), -1))
        mean, scale = targets.mean(axis=0), targets.std(axis=0)
        classes, n_outputs, loss = None, targets.shape[1], torch.nn.MSELoss()
        targets = torch.from_numpy(((targets - mean) / scale).astype(np.float32))
    else:
        classes, codes = np.unique(y, return_inverse=True)
        n_outputs, loss, targets = len(classes), torch.nn.CrossEntropyLoss(), torch.from_numpy(codes)
    ragged = len({len(x) for x in X}) > 1
    lstm, head = torch.nn.LSTM(X[0].shape[1], hidden_size, batch_first=True), torch.nn.Linear(hidden_size, n_outputs)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=learning_rate)
    stacked = X if ragged else torch.stack(X)

    def scores(sequences):
        batch = pack_sequence(sequences, enforce_sorted=False) if isinstance(sequences, list) else sequences
        return head(lstm(batch)[1][0][0])

    started = process_time()
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(16 if len(X) <= TINY else 32):
            optimizer.zero_grad()
            batch = [X[k] for k in rows] if ragged else stacked[rows]
            loss(scores(batch), targets[rows]).backward()
            optimizer.step()
    seconds = process_time() - started
    with torch.no_grad():
        outputs = scores(X_test).numpy()
    if regression:
        return np.reshape(outputs * scale + mean, (len(X_test), *np.shape(y)[1:])), seconds
    return classes[outputs.argmax(axis=1)], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="NAME", help=", ".join(SETS))
    parser.add_argument(
        "--candidates",
        nargs="+",
        choices=CANDIDATES,
        default=list(CANDIDATES),
        metavar="NAME",
        help=f"candidates; all others are compared with the first: {', '.join(CANDIDATES)}",
    )
    parser.add_argument("--quick", action="store_true", help="use one seed and two folds")
    parser.add_argument("--test", action="store_true", help="score the test data once, with the defaults")
    parser.add_argument("--json", metavar="FILE", help="write every score to this file")
    arguments = parser.parse_args()

    missing = [name for name in arguments.sets if SETS[name].needs and find_spec(SETS[name].needs) is None]
    if missing:
        print(f"Left out, because aeon is not installed (pip install '.[bench]'): {', '.join(missing)}\n")
    names = [name for name in arguments.sets if name not in missing]
    if arguments.test:
        text, results = tested(names, arguments.quick)
    else:
        results = {}
        for name in names:
            folds = 2 if arguments.quick else None
            results[name] = cross_validated(name, arguments.candidates, 1 if arguments.quick else SEEDS, folds)
            seconds = sum(row["seconds"] for rows in results[name].values() for row in rows)
            print(f"{name}: {seconds:.0f} s", flush=True)
        text = "\n" + compared(results, arguments.candidates)
    facts = describe()
    print(text, report(facts), sep="\n\n")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"machine": facts, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
