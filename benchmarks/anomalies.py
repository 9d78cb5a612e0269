"""Anomalies: `LSTMOutlierDetector` compared with the LSTMs of PyOD and TSB-AD and with a PCA of windows.

    python benchmarks/anomalies.py calibration     alarms on clean data, which should be one step in a hundred; twenty minutes
    python benchmarks/anomalies.py injected        series of `make_anomalies`; ten minutes
    python benchmarks/anomalies.py real            labelled series of the Numenta Anomaly Benchmark; ten minutes
    python benchmarks/anomalies.py real NAB        all of its series, from a checkout; half an hour
    python benchmarks/anomalies.py speed           scores of 1,000,000 steps of 8 channels; a minute

Needs ``pip install pyod numba pandas statsmodels matplotlib torch torchinfo tqdm`` and ``pip install --no-deps vus TSB-AD``:
these two ask for packages that nothing here uses, and for NumPy 1. All detectors have their defaults, unless this says something
else, and run on one thread. Seconds are CPU time. Scores of anomalies are compared by VUS-PR (Paparrizos et al. 2022), computed
by the package vus: the area under the precision-recall curve, averaged over widths of a buffer around each anomaly, from 0 to
`BUFFER` steps. Points are not adjusted; docs/anomalies.md says why.

calibration  Detectors are fitted to 10,000 clean steps, or `--steps`, and asked about the 10,000 that follow. PyOD's LSTMAD gets
             contamination=0.01, and has fewer seeds, because it takes minutes to fit.
injected     Detectors are fitted to the clean first half, 2,500 steps, and scored on the second, one type of anomaly at a time.
             "PCA" is PyOD's PCA of windows of 50 steps, centred, which is what TSB-AD calls Sub-PCA.
real         nab.npz, beside this file, has every third of the series with anomalies of at most 8,000 steps in
             https://github.com/numenta/NAB (copyright Numenta Inc., MIT licence in nab_license.txt): values, and in
             "<name>.labels" whether a step is in one of the windows of anomalies. NAB is a checkout, of which data/ and
             labels/combined_windows.json are read. As in TSB-AD, detectors are fitted to the first quarter
             of a series, but at least 500 steps, and scored on all of it. The window of PCA and the buffer have the length of the
             season that vus finds. The series art_daily_* are reported apart: no default was chosen by them. TSB-AD's LSTMAD
             reads the values in their own units, "standardised" is the same detector behind a StandardScaler.

The column "smoothing=0" is `LSTMOutlierDetector(smoothing=0)`.
"""

import argparse
import contextlib
import io
import json
import os
import warnings
from pathlib import Path
from time import perf_counter, process_time

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table

os.environ.update(ONE_THREAD)

import numpy as np
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMOutlierDetector
from sklstm.datasets import ANOMALY_TYPES, make_anomalies

KINDS = ("ar", "ou", "seasonal")
BUFFER = 25  # steps at most, of the made series
N_CLEAN = 2500
WINDOW = 50  # of PyOD's LSTMAD, its default, and of the PCA
LONGEST = 8000  # of the real series


# ---- the detectors: fit(train) and abnormality(X), of arrays (n_steps, n_channels) ----


class Ours:
    def __init__(self, seed, window=None, **options):
        self.detector = LSTMOutlierDetector(random_state=seed, **options)

    def fit(self, train):
        self.detector.fit(train[np.newaxis])
        return self

    def abnormality(self, X):
        return -np.ravel(self.detector.score_steps(X[np.newaxis]))

    def alarms(self, X):
        return np.ravel(self.detector.predict_steps(X[np.newaxis])) == -1


class OursUnsmoothed(Ours):
    def __init__(self, seed, window=None, **options):
        super().__init__(seed, window, **options | {"smoothing": 0})


class PyodLSTM:
    def __init__(self, seed, window=None):
        import torch
        from pyod.models.ts_lstm import LSTMAD

        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.detector = LSTMAD(window_size=WINDOW, contamination=0.01)

    def fit(self, train):
        self.detector.fit(train)
        return self

    def abnormality(self, X):
        return self.detector.decision_function(X)

    def alarms(self, X):
        return self.detector.decision_function(X) > self.detector.threshold_


class TsbLSTM:
    """TSB-AD's, with the settings of its list of best ones."""

    standardised = False

    def __init__(self, seed, window=None):
        import torch

        np.Inf = np.inf  # noqa: NPY201 - TSB-AD is written for NumPy 1
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self.seed = seed

    def fit(self, train):
        from TSB_AD.models.LSTMAD import LSTMAD

        self.scaler = StandardScaler(with_mean=self.standardised, with_std=self.standardised).fit(train)
        with _silent():
            self.detector = LSTMAD(window_size=100 if train.shape[1] == 1 else 150, lr=0.0008, feats=train.shape[1])
            self.detector.fit(self.scaler.transform(train))
        return self

    def abnormality(self, X):
        with _silent():
            return self.detector.decision_function(self.scaler.transform(X))


class TsbLSTMStandardised(TsbLSTM):
    standardised = True


class WindowPCA:
    """PCA of all windows of a fixed length; the score of a step is that of the window around it."""

    def __init__(self, seed, window=WINDOW):
        self.window = window

    def fit(self, train):
        from pyod.models.pca import PCA

        self.detector = PCA(n_components=None if train.shape[1] == 1 else 0.25).fit(self._windows(train))
        return self

    def abnormality(self, X):
        score = self.detector.decision_function(self._windows(X))
        before = self.window // 2
        return np.pad(score, (before, len(X) - len(score) - before), mode="edge")

    def _windows(self, X):
        windows = np.lib.stride_tricks.sliding_window_view(X, self.window, axis=0)
        return windows.reshape(len(windows), -1)


CONTENDERS = {
    "sklstm": Ours,
    "smoothing=0": OursUnsmoothed,
    "PyOD LSTMAD": PyodLSTM,
    "TSB-AD LSTMAD": TsbLSTM,
    "TSB-AD, standardised": TsbLSTMStandardised,
    "PCA": WindowPCA,
}


@contextlib.contextmanager
def _silent():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def vus_pr(y, abnormality, buffer):
    """VUS-PR of the truth (n_steps,) and the scores, of which those that are NaN count as the most normal."""
    from vus.utils.metrics import metricor

    scores = np.where(np.isfinite(abnormality), abnormality, np.nanmin(abnormality))
    with np.errstate(all="ignore"):
        return float(metricor().RangeAUC_volume_opt_mem(labels_original=y, score=scores, windowSize=buffer)[-1])


def fitted(name, train, seed, window, **options):
    """A detector and the seconds of its fit."""
    begun = process_time()
    detector = CONTENDERS[name](seed, window, **options).fit(train)
    return detector, process_time() - begun


# ---- calibration ----


def calibration(arguments):
    """Fractions of steps of clean new data at which there is an alarm."""
    found, seconds = {}, {}
    for kind in KINDS:
        for name, n_seeds in (("sklstm", arguments.seeds), ("PyOD LSTMAD", arguments.peer_seeds)):
            for seed in range(n_seeds):
                n = arguments.steps
                x = make_anomalies(n_steps=n + 10_000, kind=kind, rate=0, random_state=seed)[0][0]
                detector, took = fitted(name, x[:n], seed, WINDOW, **_options(arguments, name))
                found.setdefault((kind, name), []).append(float(np.mean(detector.alarms(x[n:]))))
                seconds.setdefault((kind, name), []).append(took)
    rows = [["series", "detector", "seeds", "mean", "least", "most", "within 0.005 to 0.02", "seconds a fit"]]
    for (kind, name), of in found.items():
        of = np.array(of)
        good = np.mean((of >= 0.005) & (of <= 0.02))
        rows.append([kind, name, str(len(of)), *(f"{v:.4f}" for v in (of.mean(), of.min(), of.max()))])
        rows[-1] += [f"{good:.0%}", f"{np.mean(seconds[kind, name]):.1f}"]
    return {", ".join(key): of for key, of in found.items()}, rows


# ---- injected ----


def injected(arguments):
    """VUS-PR of each type of anomaly in each kind of series."""
    found, seconds = {}, {}
    names = _names(arguments, ("sklstm", "smoothing=0", "PyOD LSTMAD", "PCA"))
    for seed in range(arguments.peer_seeds):
        for kind in KINDS:
            for n_channels in (1, 4):
                options = dict(n_steps=2 * N_CLEAN, n_channels=n_channels, kind=kind, rate=0.03, random_state=seed)
                clean = make_anomalies(**options | {"rate": 0})[0][0, :N_CLEAN]  # also the first half of each of the others
                for name in names:
                    detector, took = fitted(name, clean, seed, WINDOW, **_options(arguments, name))
                    seconds.setdefault(name, []).append(took)
                    for type_ in ANOMALY_TYPES[1:]:
                        if type_ == "correlation" and n_channels == 1:
                            continue
                        X, y = make_anomalies(anomalies=type_, **options)
                        score = vus_pr(y[0, N_CLEAN:], detector.abnormality(X[0])[N_CLEAN:], BUFFER)
                        found.setdefault((kind, n_channels, type_), {}).setdefault(name, []).append(score)
                means = {
                    name: np.mean([of[name] for key, of in found.items() if key[:2] == (kind, n_channels)]) for name in names
                }
                print(kind, n_channels, {name: round(float(mean), 3) for name, mean in means.items()}, flush=True)
    rows = [["series", "channels", "anomalies", *names]]
    for (kind, n_channels, type_), of in found.items():
        rows.append([kind, str(n_channels), type_, *(f"{np.mean(of[name]):.3f}" for name in names)])
    rows.append(["mean", "", "", *(f"{np.mean([of[name] for of in found.values()]):.3f}" for name in names)])
    rows.append(["seconds a fit", "", "", *(f"{np.mean(seconds[name]):.1f}" for name in names)])
    return {"vus_pr": {", ".join(map(str, key)): of for key, of in found.items()}, "seconds": seconds}, rows


# ---- real ----


def read_nab(folder):
    """Names, values (n_steps, 1) and labels (n_steps,) of the series with anomalies, in a checkout or in the file kept here."""
    if folder is None:
        with np.load(Path(__file__).with_name("nab.npz")) as kept:
            for name in kept.files[::2]:
                yield name, kept[name][:, np.newaxis], kept[f"{name}.labels"].astype(int)
        return
    import pandas as pd

    windows = json.loads((Path(folder) / "labels" / "combined_windows.json").read_text())
    for name, spans in sorted(windows.items()):
        frame = pd.read_csv(Path(folder) / "data" / name, parse_dates=["timestamp"])
        y = np.zeros(len(frame), int)
        for begin, end in spans:
            y[frame["timestamp"].between(pd.Timestamp(begin), pd.Timestamp(end))] = 1
        if y.any() and len(frame) <= LONGEST:
            yield Path(name).stem, frame["value"].to_numpy(float)[:, np.newaxis], y


def real(arguments):
    """VUS-PR of labelled series."""
    from vus.utils.slidingWindows import find_length

    names = _names(arguments, ("sklstm", "smoothing=0", "TSB-AD LSTMAD", "TSB-AD, standardised", "PCA"))
    found = {}
    for i, (series, x, y) in enumerate(read_nab(arguments.nab)):
        if i % arguments.every:
            continue
        buffer, n_train = int(find_length(x[:, 0])), max(500, len(x) // 4)
        for name in names:
            scores = []
            for seed in range(arguments.peer_seeds):
                detector, _ = fitted(name, x[:n_train], seed, buffer, **_options(arguments, name))
                scores.append(vus_pr(y, detector.abnormality(x), buffer))
            found.setdefault(series, {})[name] = scores
        print(series, {name: round(float(np.mean(of)), 3) for name, of in found[series].items()}, flush=True)
    rows = [["series", *names]]
    apart = [series for series in found if series.startswith("art_daily")]
    parts = {"mean": [series for series in found if series not in apart], "art_daily": apart}
    for series, of in found.items():
        rows.append([series, *(f"{np.mean(of[name]):.3f}" for name in names)])
    for part, of in parts.items():
        if of:
            rows.append([f"{part}, {len(of)} series", *(f"{np.mean([found[s][name] for s in of]):.3f}" for name in names)])
    return found, rows


# ---- speed ----


def speed(arguments):
    """Seconds of the scores of a long series, and microseconds of a step of a stream."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1, 1_000_000, 8)).astype(np.float32)
    found = {}
    for dtype in (np.float32, np.float64):
        typed = X.astype(dtype)
        detector = LSTMOutlierDetector(hidden_size=32, max_iter=3, random_state=0).fit(typed[:, :2000])
        for channels in (False, True):
            begun = perf_counter()
            detector.score_steps(typed, channels=channels)
            found[f"{np.dtype(dtype)}, {'each channel' if channels else 'score_steps'}, s"] = perf_counter() - begun
        stream = detector.stream()
        stream.step(typed[0, 0])
        begun = perf_counter()
        for x in typed[0, 1:20_001]:
            stream.step(x)
        found[f"{np.dtype(dtype)}, a step of a stream, us"] = (perf_counter() - begun) / 20_000 * 1e6
    return found, [["what", "time"], *([name, f"{value:.2f}"] for name, value in found.items())]


PARTS = {"calibration": calibration, "injected": injected, "real": real, "speed": speed}


def _options(arguments, name):
    return arguments.set if issubclass(CONTENDERS[name], Ours) else {}


def _names(arguments, names):
    return [name for name in names if issubclass(CONTENDERS[name], Ours) or arguments.peers]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("nab", nargs="?", help="checkout of the Numenta Anomaly Benchmark, for real")
    parser.add_argument("--seeds", type=int, default=20, help="of sklstm in calibration (%(default)s)")
    parser.add_argument("--peer-seeds", type=int, default=1, help="of the others, and of the other parts (%(default)s)")
    parser.add_argument("--steps", type=int, default=10_000, help="of the training part of calibration (%(default)s)")
    parser.add_argument("--every", type=int, default=1, help="take one of so many of the real series (%(default)s)")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave the other packages out")
    parser.add_argument("--set", type=json.loads, default={}, help="other parameters of sklstm, such as '{\"horizon\": 5}'")
    parser.add_argument("--json", help="file for the measurements")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    pin_to_one_cpu()
    measured, rows = PARTS[arguments.part](arguments)
    facts = describe()
    print(f"\n{table(rows)}\n\n{report(facts)}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"measured": measured, "machine": facts, "options": arguments.set}, file, indent=1)


if __name__ == "__main__":
    main()
