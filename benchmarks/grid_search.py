"""Time of a search over 12 networks with scikit-learn's GridSearchCV on two cores: `LSTMClassifier` compared with skorch.

    python benchmarks/grid_search.py

The grid has hidden sizes 8, 16, 32, 64 and one, two or three layers. With three folds, n_jobs=2 and the final fit on all the
training data, a search runs 37 fits of ten epochs. The data are scikit-learn's digits: 1347 images as sequences of 8 rows of
8 pixels, float32, in minibatches of 32. The other 450 images test the best network. Both contenders use Adam with the same
constant rate and clip the gradient's norm at 1, without weight decay or validation data. Each draws its own weights and
orders, so scores agree roughly.

Each search runs in its own process, in turns, and twice there. The first run also starts the two workers, which import the
packages, as in a script; the second one reuses them. Times are wall-clock times of `fit`. A ratio is the median of the ratios
within each round. Every process computes on one thread. "% of gemm" is the speed of the operations in the products, without
those of the last fit, as a share of that of a large product by SciPy's BLAS on each core, for the second run.

sklstm                 LSTMClassifier(standardize=False), with the pixels divided by 16 before, in processes, joblib's default.
sklstm, threads        The same in threads of one process, ``joblib.parallel_config("threading")``.
sklstm, n_jobs=-1      In processes, with n_jobs=-1 of the estimator, too, which is to start no more threads than there are CPUs.
sklstm, threads, n_jobs=-1
skorch                 NeuralNetClassifier of nn.LSTM and a linear head on the last state, without validation split or printing.
"""

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from time import perf_counter

from machine import ONE_THREAD, describe, quartiles, report, table

os.environ.update(ONE_THREAD)

import numpy as np
from joblib import parallel_config
from pictures import draw
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split

from sklstm import LSTMClassifier
from sklstm.network import Network

HIDDEN_SIZES, NUM_LAYERS = [8, 16, 32, 64], [1, 2, 3]
N_TRAIN = 1347
EPOCHS, BATCH, LEARNING_RATE, MAX_GRAD_NORM = 10, 32, 1e-2, 1.0
TOLERANCE = 0.03  # largest difference of the two test accuracies; more would mean different work


def sklstm_estimator(epochs):
    """Estimator and the names of its hidden size and number of layers."""
    estimator = LSTMClassifier(
        pooling="last",
        batch_size=BATCH,
        learning_rate="constant",
        learning_rate_init=LEARNING_RATE,
        max_grad_norm=MAX_GRAD_NORM,
        alpha=0.0,
        standardize=False,
        max_iter=epochs,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    return estimator, "hidden_size", "num_layers"


def skorch_estimator(epochs):
    """Estimator of skorch and the names of its parameters."""
    import torch
    from skorch import NeuralNetClassifier
    from skorch.callbacks import GradientNormClipping

    class Digits(torch.nn.Module):
        def __init__(self, hidden_size=64, num_layers=1):
            super().__init__()
            self.lstm = torch.nn.LSTM(8, hidden_size, num_layers, batch_first=True)
            self.head = torch.nn.Linear(hidden_size, 10)

        def forward(self, x):
            return self.head(self.lstm(x)[1][0][-1])

    torch.manual_seed(0)
    net = NeuralNetClassifier(
        Digits,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        max_epochs=epochs,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        callbacks=[GradientNormClipping(MAX_GRAD_NORM)],
    )
    return net, "module__hidden_size", "module__num_layers"


# Name -> estimator, backend of joblib, parameters of the estimator
CONTENDERS = {
    "sklstm": (sklstm_estimator, "loky", {}),
    "sklstm, threads": (sklstm_estimator, "threading", {}),
    "sklstm, n_jobs=-1": (sklstm_estimator, "loky", {"n_jobs": -1}),
    "sklstm, threads, n_jobs=-1": (sklstm_estimator, "threading", {"n_jobs": -1}),
    "skorch": (skorch_estimator, "loky", {}),
}


def run(name, epochs):
    """Search twice.

    Returns
    -------
    dict
        Plain values: ``seconds`` of both searches; ``hidden_size``, ``num_layers``, ``score`` in cross-validation and ``test
        accuracy`` of the best; ``mean score`` of all candidates.
    """
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32).reshape(-1, 8, 8)
    X, X_test, y, y_test = train_test_split(X, y, train_size=N_TRAIN, random_state=0, stratify=y)
    make, backend, parameters = CONTENDERS[name]
    estimator, hidden_size, num_layers = make(epochs)
    estimator.set_params(**parameters)
    candidates = {hidden_size: HIDDEN_SIZES, num_layers: NUM_LAYERS}
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    seconds = []
    for _ in range(2):
        search = GridSearchCV(estimator, candidates, cv=folds, n_jobs=2)
        begun = perf_counter()
        with parallel_config(backend):
            search.fit(X, y)
        seconds.append(perf_counter() - begun)
    return {
        "seconds": seconds,
        "hidden_size": search.best_params_[hidden_size],
        "num_layers": search.best_params_[num_layers],
        "score": float(search.best_score_),
        "mean score": float(np.mean(search.cv_results_["mean_test_score"])),
        "test accuracy": float(search.score(X_test, y_test)),
    }


def run_apart(name, epochs):
    """`run` in a new process."""
    command = [sys.executable, __file__, "--run", name, "--epochs", str(epochs)]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}  # the convergence warning after ten epochs
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(names, epochs, rounds):
    """Run the searches in turns.

    Returns
    -------
    results : list of dict
        One for the first search in a process and one for the second, for `pictures.bars`.
    runs : dict of str to list of dict
        What `run` returned in each round.
    """
    runs = {name: [] for name in names}
    for k in range(rounds):
        for name in names:
            print(f"round {k + 1} of {rounds}: {name} ...", file=sys.stderr)
            runs[name].append(run_apart(name, epochs))
    results = []
    for k, batch in enumerate(("first search", "second search")):
        seconds = {name: np.array([r["seconds"][k] for r in runs[name]]) for name in names}
        ratio = {name: quartiles(seconds[name] / seconds[names[0]]) for name in names}
        results.append({"batch": batch, "seconds": {name: quartiles(seconds[name]) for name in names}, "ratio": ratio})
    accuracies = [np.mean([r["test accuracy"] for r in runs[name]]) for name in names]
    if max(accuracies) - min(accuracies) > TOLERANCE and epochs == EPOCHS:
        raise SystemExit(f"Test accuracies {accuracies} of {names}: the contenders do not do the same work.")
    return results, runs


def flops(epochs):
    """Operations of the products of a search, as train_step.py counts them: every candidate trains on two thirds, three times."""
    networks = [Network(8, 10, (H,) * layers, "lstm") for H, layers in product(HIDDEN_SIZES, NUM_LAYERS)]
    return 2 * epochs * 8 * N_TRAIN * sum(network.flops_per_row for network in networks)


def table_rows(results, runs, peak_seconds):
    """Header and rows of strings; peak_seconds is the time of the operations of a search as large products on both cores."""
    kinds = [column for result in results for column in (f"s, {result['batch']}", "ratio")]
    rows = [["search", "best of the last round", *kinds, "% of gemm", "its score", "mean of all 12", "test accuracy"]]
    for name, of_name in runs.items():
        last = of_name[-1]
        figures = [f"{result[key][name]['median']:.2f}" for result in results for key in ("seconds", "ratio")]
        best = f"hidden_size={last['hidden_size']}, num_layers={last['num_layers']}"
        scores = (np.median([r[key] for r in of_name]) for key in ("score", "mean score", "test accuracy"))
        share = f"{100 * peak_seconds / results[-1]['seconds'][name]['median']:.1f}"
        rows.append([name, best, *figures, share, *(f"{score:.3f}" for score in scores)])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="epochs of every fit (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the seconds into this .png or .svg")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, metavar="NAME", help="contenders (default: all)")
    parser.add_argument("--run", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(run(options.run, options.epochs)))
        return
    names = [name for name in options.only or CONTENDERS if name != "skorch" or find_spec(name)]
    if not options.only and len(names) < len(CONTENDERS):
        print("skorch is not installed: pip install 'sklstm[bench]'\n")
    results, runs = compare(names, options.epochs, options.rounds)
    facts = describe()
    peak_seconds = 1e-9 * flops(options.epochs) / (2 * facts["gemm GFLOP/s"]["float32"])
    print(table(table_rows(results, runs, peak_seconds)))
    n_fits = 3 * len(HIDDEN_SIZES) * len(NUM_LAYERS) + 1
    print(f"\n{n_fits} fits of {options.epochs} epochs, n_jobs=2, medians of {options.rounds} rounds.\n\n{report(facts)}")
    record = {"machine": facts, "picture": "bars", "title": f"GridSearchCV, {n_fits} fits on digits by rows, n_jobs=2"}
    record |= {"results": results, "runs": runs}
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if options.picture:
        draw(record, options.picture)


if __name__ == "__main__":
    main()
