"""What missing values, times and static features are worth: `missing="indicator"` and "decay" compared with what else people do.

    python benchmarks/missing.py check       equality with PyPOTS' GRU-D on the same weights; seconds
    python benchmarks/missing.py process     a process seen at random times, whose best prediction is known; three minutes
    python benchmarks/missing.py pattern     a label that depends only on which channel is missing; a minute
    python benchmarks/missing.py random      waves of which values are missing at random; four minutes
    python benchmarks/missing.py patients    two-year survival at irregular visits, cross-validated; five minutes
    python benchmarks/missing.py ward        a simulated table of intensive care, beside PyPOTS' GRU-D; four minutes

All networks have the defaults, unless a row says something else. "imputed" is the same network behind
``PerStep(SimpleImputer())``, "filled" behind the last value of the sequence (0 before the first), "flagged" behind
``PerStep(SimpleImputer(add_indicator=True))``. Everything runs on one thread.

check      Hidden decay is 0. Times of PyPOTS begin at 0, those of sklstm at 1, so before the first value of a channel
           theirs are less by one; the mean stands for the value there, which does not decay, so that outputs are the same.
process    Targets are the values of an Ornstein-Uhlenbeck process of variance 1 where they are missing. The best prediction is
           the last value, times exp(-kappa gap). Errors are divided by its error. In "later" columns the gaps of the test are
           four times as long as in training, or a quarter.
pattern    Channels are noise, and each sequence has one hole; in which of two channels is the class.
random     Sums of two sines with noise (`make_sine_mixture`), whose frequencies show their class.
patients   patients.py says what is predicted. Ten times repeated 5-fold cross-validation by patients, stratified by deaths. The
           AUC is that over the visits of a fold. "boosting" is HistGradientBoostingClassifier on last values, slopes and counts.
ward       ward.py makes the table. PyPOTS' GRU-D has its own defaults, the same number of units, and values in standard units.
           As its documentation recommends, it has a validation set, a fifth of the patients, by which it chooses an epoch.
"""

import argparse
import json
import os
import warnings
from functools import partial
from itertools import product
from time import process_time

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table

os.environ.update(ONE_THREAD)

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from ward import make_ward

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.datasets import make_sine_mixture
from sklstm.preprocessing import PerStep

FOLDS = 5


class LastValue(TransformerMixin, BaseEstimator):
    """Fill missing values of an array (n_sequences, n_steps, n_channels) by the last ones, 0 before the first."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        seen = np.where(np.isnan(X), 0, np.arange(X.shape[1])[:, np.newaxis])
        return np.nan_to_num(np.take_along_axis(X, np.maximum.accumulate(seen, axis=1), axis=1))


def ways(Network, **options):
    """Functions of the seed, by name."""
    return {
        "decay": lambda seed: Network(missing="decay", random_state=seed, **options),
        "indicator": lambda seed: Network(missing="indicator", random_state=seed, **options),
        "imputed": lambda seed: make_pipeline(PerStep(SimpleImputer()), Network(random_state=seed, **options)),
        "filled": lambda seed: make_pipeline(LastValue(), Network(random_state=seed, **options)),
        "flagged": lambda seed: make_pipeline(PerStep(SimpleImputer(add_indicator=True)), Network(random_state=seed, **options)),
    }


def mean_and_error(values, digits=3):
    """Mean, and its standard error from the spread of the values."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):.{digits}f} ± {error:.{digits}f}"


# ---- check ----


def check(arguments):
    """Largest difference between our end states and those of `BackboneGRUD`, by share of missing values."""
    import torch
    from pypots.data.utils import _parse_delta_torch
    from pypots.nn.modules.grud import BackboneGRUD

    from sklstm.network import Network, apply

    n, n_steps, n_channels, n_units = 50, 30, 4, 8
    torch.manual_seed(0)
    theirs = BackboneGRUD(n_steps, n_channels, n_units).double()
    network = Network(n_channels, 1, (n_units,), "gru", missing="decay", pooling="last")
    theta = network.initialize(np.random.default_rng(0), np.float64)
    with torch.no_grad():
        theirs.temp_decay_h.W.zero_(), theirs.temp_decay_h.b.zero_()  # the hidden decay, which sklstm has not
        theirs.rnn_cell.weight_ih[:, n_channels : n_channels + n_units] = 0  # where the cell reads its own state once more
        _copy_weights(theirs, network.layout.views(theta), n_channels, n_units)
        found = {}
        for share in (0.0, 0.2, 0.8):
            rng = np.random.default_rng(1)
            X = rng.normal(2, 1, size=(n, n_steps, n_channels))
            X[rng.random(X.shape) < share] = np.nan
            mean = np.nanmean(X, axis=(0, 1))
            network.layout.views(theta)["input.mean"][...] = mean
            seen = torch.tensor(~np.isnan(X)).double()
            # Before the first value the mean, where PyPOTS' data set takes the first value from the future.
            filled = np.where(np.logical_or.accumulate(~np.isnan(X), axis=1), LastValue().transform(X), mean)
            deltas = _parse_delta_torch(seen)
            values = torch.tensor(np.nan_to_num(X))
            _, end = theirs(values, seen, deltas, torch.tensor(mean), torch.tensor(filled))
            ours = apply(network, theta, Sequences.from_list(list(X)), "end_states")
            found[share] = float(np.abs(ours - end.numpy()).max())
    if max(found.values()) > 1e-6:
        raise SystemExit(f"End states differ from those of PyPOTS: {found}")
    rows = [[f"{share:.0%}", str(n), f"{difference:.1e}"] for share, difference in found.items()]
    return found, [["missing", "sequences", "largest difference"], *rows]


def _copy_weights(theirs, views, n_channels, n_units):
    """Weights of a `BackboneGRUD` to those of the network; the columns with times have weight 0."""
    cell, decay = theirs.rnn_cell, theirs.temp_decay_x
    W, n = cell.weight_ih.numpy().T, n_channels
    views["layer_0.W"][...] = np.vstack([W[:n], W[n + n_units :], np.zeros_like(W[:n])])
    views["layer_0.R"][...] = cell.weight_hh.numpy().T
    b, b_hidden = cell.bias_ih.numpy().copy(), cell.bias_hh.numpy()
    b[: 2 * n_units] += b_hidden[: 2 * n_units]
    views["layer_0.b"][...] = np.concatenate([b, b_hidden[2 * n_units :]])
    views["input.w"][...], views["input.b"][...] = np.diag(decay.W.numpy()), decay.b.numpy()


# ---- process ----

PROCESSES = {  # kappa, and a function that draws gaps
    "Poisson visits": (0.2, lambda rng, shape: rng.exponential(size=shape)),
    "bursts and pauses": (0.05, lambda rng, shape: rng.lognormal(0, 2, size=shape)),
}
LATER = {"same gaps": 1.0, "later: 4 times": 4.0, "later: a quarter": 0.25}


def draw_process(n, kappa, draw_gaps, factor, seed, n_steps=20):
    """X with times, of which every second value is missing, y with the missing ones, and the best predictions (n, n_steps)."""
    rng = np.random.default_rng(seed)
    gaps = factor * draw_gaps(rng, (n, n_steps))
    x, keep = rng.normal(size=(n, n_steps)), np.exp(-kappa * gaps)
    for t in range(1, n_steps):
        x[:, t] = keep[:, t] * x[:, t - 1] + np.sqrt(1 - keep[:, t] ** 2) * x[:, t]
    seen = rng.random(x.shape) < 0.5
    best, last = np.zeros_like(x), np.zeros(n)
    for t in range(n_steps):
        best[:, t] = last = keep[:, t] * last
        last = np.where(seen[:, t], x[:, t], last)
    values, offsets = np.where(seen, x, np.nan).reshape(-1, 1), n_steps * np.arange(n + 1)
    return Sequences(values, offsets, times=gaps.cumsum(axis=1).ravel()), np.where(seen, np.nan, x), best


def process(arguments):
    """Errors of predictions of missing values, divided by the smallest possible error."""
    networks, found = ways(LSTMRegressor, return_sequences=True), {}
    contenders = [(way, timed) for timed in (True, False) for way in ("decay", "indicator", "imputed")]
    for (name, (kappa, draw_gaps)), seed in product(PROCESSES.items(), range(arguments.seeds)):
        X, y, _ = draw_process(arguments.sequences, kappa, draw_gaps, 1.0, seed)
        tests = {part: draw_process(2000, kappa, draw_gaps, factor, 1000 + seed) for part, factor in LATER.items()}
        for way, timed in contenders:
            as_read = (lambda X: X) if timed else (lambda X: Sequences(X.values, X.offsets))
            model = networks[way](seed).fit(as_read(X), list(y))
            for part, (X_test, y_test, best) in tests.items():
                predicted = np.stack(model.predict(as_read(X_test))).reshape(y_test.shape)
                ratio = np.nanmean((predicted - y_test) ** 2) / np.nanmean((best - y_test) ** 2)
                found.setdefault((name, way if timed else f"{way}, no times", part), []).append(float(ratio))
    names = dict.fromkeys(key[:2] for key in found)
    rows = [["gaps", "network", *LATER]]
    rows += [[*name, *(mean_and_error(found[*name, part]) for part in LATER)] for name in names]
    return {", ".join(key): of for key, of in found.items()}, rows


# ---- pattern ----


def pattern(arguments):
    """AUC where the class is the channel that has a hole."""
    found = {}
    for seed, (way, make) in product(range(arguments.seeds), ways(LSTMClassifier).items()):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(2000, 10, 2)), rng.integers(2, size=2000)
        X[np.arange(len(y)), rng.integers(10, size=len(y)), y] = np.nan
        model = make(seed).fit(X[:600], y[:600])
        found.setdefault(way, []).append(float(roc_auc_score(y[600:], model.predict_proba(X[600:])[:, 1])))
    return found, [["network", "seeds", "AUC"], *([way, str(len(of)), mean_and_error(of)] for way, of in found.items())]


# ---- random ----

SHARES = (0.05, 0.5)


def random(arguments):
    """Accuracy of the recognition of waves of which values are missing at random."""
    found = {}
    for seed, share in product(range(arguments.seeds), SHARES):
        X, y = make_sine_mixture(1600, n_steps=40, n_classes=4, noise=0.3, random_state=seed)
        X[np.random.default_rng(seed).random(X.shape) < share] = np.nan
        for way, make in ways(LSTMClassifier).items():
            found.setdefault((way, share), []).append(float(make(seed).fit(X[:600], y[:600]).score(X[600:], y[600:])))
    names = dict.fromkeys(way for way, _ in found)
    rows = [["network", "seeds", *(f"{share:.0%} missing" for share in SHARES)]]
    rows += [[way, str(arguments.seeds), *(mean_and_error(found[way, share]) for share in SHARES)] for way in names]
    return {f"{way}, {share}": of for (way, share), of in found.items()}, rows


# ---- patients ----


class Visits:
    """The visits, as sequences and as a table, and the score of a model on some patients."""

    def __init__(self):
        import patients

        visits = patients.load_visits()
        self.died = patients.died(visits)
        self.read = partial(patients.as_sequences, visits)
        self.table, self.rows_of = patients.as_table(visits), visits["id"].factorize()[0]
        self.y = visits["y"].to_numpy()

    def of_network(self, make, **options):
        X, y = self.read(**options)

        def auc(train, test, seed):
            model = make(seed).fit(X[train], [y[i] for i in train])
            predicted = np.concatenate([p[:, 1] for p in model.predict_proba(X[test])])
            return self._auc(np.concatenate([y[i] for i in test]), predicted)

        return auc

    def of_boosting(self, train, test, seed):
        rows, known = self.rows_of, np.isfinite(self.y)
        learn, ask = np.isin(rows, train) & known, np.isin(rows, test)
        model = HistGradientBoostingClassifier(random_state=seed).fit(self.table[learn], self.y[learn])
        return self._auc(self.y[ask], model.predict_proba(self.table[ask])[:, 1])

    @staticmethod
    def _auc(y, predicted):
        known = np.isfinite(y)
        return float(roc_auc_score(y[known], predicted[known]))


def patients(arguments):
    """AUC of deaths within two years, in repeated cross-validation."""
    visits, networks = Visits(), ways(LSTMClassifier, return_sequences=True)
    contenders = {name: visits.of_network(networks[name]) for name in ("indicator", "decay", "imputed")}
    contenders["boosting"] = visits.of_boosting
    contenders["indicator, no times"] = visits.of_network(networks["indicator"], elapsed=False)
    contenders["indicator, no static"] = visits.of_network(networks["indicator"], static=False)
    contenders["imputed, no times, no static"] = visits.of_network(networks["imputed"], elapsed=False, static=False)
    found, seconds = {name: [] for name in contenders}, dict.fromkeys(contenders, 0.0)
    for repeat in range(arguments.first, arguments.first + arguments.repeats):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat).split(visits.died, visits.died)
        for fold, (train, test) in enumerate(folds):
            for name, auc in contenders.items():
                begun = process_time()
                found[name].append(auc(train, test, FOLDS * repeat + fold))
                seconds[name] += process_time() - begun
    rows = [["model", "fits", "AUC", "minus imputed", "minus boosting", "seconds a fit"]]
    for name, of in found.items():
        differences = (mean_and_error(_of_repeats(np.subtract(of, found[other]))) for other in ("imputed", "boosting"))
        rows.append([name, str(len(of)), mean_and_error(_of_repeats(of)), *differences, f"{seconds[name] / len(of):.2f}"])
    return {"auc": found, "seconds": seconds}, rows


def _of_repeats(values):
    """Means over the folds of each repeat; those of one repeat depend on each other less than repeats of one fold do."""
    return np.reshape(values, (-1, FOLDS)).mean(axis=1)


# ---- ward ----


def ward(arguments):
    """Fit time and AUC beside PyPOTS' GRU-D."""
    X, y = make_ward(arguments.patients + 4000, seed=0)
    train, test = slice(arguments.patients), slice(arguments.patients, None)
    n, gru = arguments.epochs, {"missing": "decay", "cell": "gru", "pooling": "last"}
    stopping = {"max_iter": n, "early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": n}
    names = {"decay": {"missing": "decay"}, "indicator": {"missing": "indicator"}, "decay, GRU": gru}
    names |= {f"decay, GRU, {n} epochs": gru | stopping}
    contenders = {name: partial(_fit_ours, **options) for name, options in names.items()}
    if arguments.pypots:
        contenders[f"PyPOTS GRU-D, {arguments.epochs} epochs"] = partial(_fit_grud, epochs=arguments.epochs)
    found = {}
    for name, fit in contenders.items():
        begun = process_time()
        predict, epochs = fit(X[train], y[train])
        seconds = process_time() - begun
        found[name] = {"seconds": seconds, "epochs": epochs, "auc": float(roc_auc_score(y[test], predict(X[test])))}
    slowest = max(of["seconds"] for of in found.values())
    rows = [["model", "epochs", "seconds", "times as fast", "AUC"]]
    for name, of in found.items():
        rows.append([name, str(of["epochs"]), f"{of['seconds']:.1f}", f"{slowest / of['seconds']:.1f}", f"{of['auc']:.4f}"])
    print(f"{np.isnan(X).mean():.0%} of the values are missing, and {y.mean():.1%} of the patients die.")
    return found, rows


def _fit_ours(X, y, **options):
    model = LSTMClassifier(**options, random_state=0).fit(X, y)
    return lambda X: model.predict_proba(X)[:, 1], model.n_iter_


def _fit_grud(X, y, epochs):
    import torch
    from pypots.classification import GRUD

    torch.manual_seed(0)
    mean, scale = np.nanmean(X, axis=(0, 1)), np.nanstd(X, axis=(0, 1))
    X, cut = (X - mean) / scale, len(X) * 4 // 5
    model = GRUD(X.shape[1], X.shape[2], 2, LSTMClassifier().hidden_size, epochs=epochs, device="cpu", verbose=False)
    model.fit({"X": X[:cut], "y": y[:cut]}, {"X": X[cut:], "y": y[cut:]})
    return lambda X: model.predict({"X": (X - mean) / scale})["classification_proba"][:, 1], epochs


PARTS = {function.__name__: function for function in (check, process, pattern, random, patients, ward)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--seeds", type=int, default=3, help="of process, pattern and random (%(default)s)")
    parser.add_argument("--sequences", type=int, default=1000, help="of the training part of process (%(default)s)")
    parser.add_argument("--repeats", type=int, default=10, help="of the cross-validation of patients (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first repeat, to run them in pieces (%(default)s)")
    parser.add_argument("--patients", type=int, default=1500, help="of the training part of ward (%(default)s)")
    parser.add_argument("--epochs", type=int, default=100, help="of PyPOTS, whose default this is (%(default)s)")
    parser.add_argument("--no-pypots", dest="pypots", action="store_false", help="leave PyPOTS out of ward")
    parser.add_argument("--json", help="file for the measurements")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if arguments.part == "ward":
        pin_to_one_cpu()
    measured, rows = PARTS[arguments.part](arguments)
    facts = describe()
    print(f"\n{table(rows)}\n\n{report(facts)}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"measured": measured, "machine": facts}, file, indent=1)


if __name__ == "__main__":
    main()
