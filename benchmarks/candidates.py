"""Candidates for the defaults: parameters of the estimators that differ from them, and other changes that hold during a fit."""

import inspect
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from unittest.mock import patch

import numpy as np
from averaging import mean_of_last_epochs, moving_average
from problems import Fitted

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.estimators import length as chosen_length
from sklstm.estimators import solvers
from sklstm.training import fit_temperature
from sklstm.training import length as search_for_length


@dataclass(frozen=True)
class Candidate:
    """A difference from the defaults.

    Attributes
    ----------
    group : str
        What it is about.
    parameters : dict
        Those that differ. Those that an estimator does not have are left out; where all are, it is the same as the defaults.
    around : callable
        ``around() -> context manager`` for each fit, which changes what no parameter does.
    n_fits : int
        Number of fits with seeds of their own, whose predictions are averaged.
    """

    group: str
    parameters: dict = field(default_factory=dict)
    around: Callable = nullcontext
    n_fits: int = 1

    def takes(self, problem):
        return True

    def differs(self, problem):
        """Whether it is not the same as the defaults there."""
        return bool(self._differing(problem)) or self.around is not nullcontext or self.n_fits > 1

    def is_supported(self):
        """Whether this version has the parameters and their values."""
        known = _signature(True).keys() | _signature(False).keys()
        if not known.issuperset(self.parameters):
            return False
        X, y = np.random.default_rng(0).normal(size=(40, 3, 1)), np.arange(40) % 2
        small = {"hidden_size": 2, "max_iter": 1, "random_state": 0}
        try:
            for has_classes in (True, False):
                own = {name: value for name, value in self.parameters.items() if name in _signature(has_classes)}
                with warnings.catch_warnings(action="ignore"):
                    _estimator_class(has_classes)(**own | small).fit(X, y)
        except ValueError:  # InvalidParameterError of scikit-learn is one
            return False
        return True

    def estimator(self, problem, n_sequences, seed):
        """The estimator for a problem of so many sequences."""
        return _estimator_class(problem.has_classes)(random_state=seed, **self._differing(problem) | problem.parameters)

    def fit(self, problem, X, y, seed):
        """A `Fitted` model."""
        models = []
        for k in range(self.n_fits):
            with self.around():
                models.append(self.estimator(problem, len(y), seed + 1_000_000 * k).fit(X, y))
        method = "predict_proba" if problem.has_classes else "predict"

        def predict(X):
            predicted = [problem.flat_predictions(getattr(model, method)(X)) for model in models]
            mean = predicted[0] if len(models) == 1 else np.mean(predicted, axis=0)
            return [mean] if problem.per_step else mean

        return Fitted(predict, float(np.mean([model.n_iter_ for model in models])))

    def _differing(self, problem):
        """Its parameters that the estimator for a problem has, where they are not the defaults."""
        known = _signature(problem.has_classes)
        differing = {name: value for name, value in self.parameters.items() if name in known and known[name].default != value}
        if problem.per_step:  # has no pooling, and the task says whether a step may see later ones
            differing = {name: value for name, value in differing.items() if name not in ("pooling", "bidirectional")}
        return differing


@dataclass(frozen=True)
class Before(Candidate):
    """Earlier defaults, whose penalty was divided by the sum of the weights of a minibatch."""

    divided_alpha: float = 1e-3

    def is_supported(self):
        return True  # what there was not yet is left out

    def differs(self, problem):
        return True

    def estimator(self, problem, n_sequences, seed):
        estimator = super().estimator(problem, n_sequences, seed)
        batch_size = min(solvers._batch_size(estimator, n_sequences), n_sequences)
        return estimator.set_params(alpha=self.divided_alpha / batch_size)


def values_of_defaults():
    """The default of every parameter, and what "auto" is made of."""
    values = {"STEPS": solvers.STEPS, "EPOCHS": solvers.EPOCHS}
    for has_classes in (False, True):
        estimator = _estimator_class(has_classes).__name__
        values |= {f"{name} of {estimator}": parameter.default for name, parameter in _signature(has_classes).items()}
    return values


def _estimator_class(has_classes):
    return LSTMClassifier if has_classes else LSTMRegressor


@cache
def _signature(has_classes):
    return inspect.signature(_estimator_class(has_classes)).parameters


def _lengths(factor):
    """Fits so many times as long as with "auto"."""
    epochs = tuple(max(1, int(factor * n)) for n in solvers.EPOCHS)
    return partial(patch.multiple, solvers, STEPS=int(factor * solvers.STEPS), EPOCHS=epochs)


def _tied(n_errors):
    """Fits whose length is the longest that is not worse than the best by more than so many standard errors."""
    return partial(patch.object, chosen_length, "tied", lambda n_sequences: n_errors)


def _prior(strength):
    """Fits whose temperature is pulled to 1 as by so many observations."""
    return partial(patch.object, search_for_length, "fit_temperature", partial(fit_temperature, prior=strength))


DEFAULTS = "defaults"
STOPPED = {"early_stopping": True, "scoring": "loss"}
CONSTANT = {"learning_rate": "constant", "learning_rate_init": 5e-3}
TO_THE_END = {"early_stopping": False, "n_iter_no_change": np.inf}
# A value that is the default is the same as the defaults, and costs nothing: the list need not change with them.
CANDIDATES = {
    DEFAULTS: Candidate("defaults"),
    # cell
    "gru": Candidate("cell", {"cell": "gru"}),
    "coupled": Candidate("cell", {"cell": "coupled"}),
    "layer norm": Candidate("cell", {"cell": "layernorm"}),
    # pooling
    "last": Candidate("pooling", {"pooling": "last"}),
    "max": Candidate("pooling", {"pooling": "max"}),
    "mean": Candidate("pooling", {"pooling": "mean"}),
    "attention": Candidate("pooling", {"pooling": "attention"}),
    "last and max": Candidate("pooling", {"pooling": ("last", "max")}),
    "last and mean": Candidate("pooling", {"pooling": ("last", "mean")}),
    "last, mean and max": Candidate("pooling", {"pooling": ("last", "mean", "max")}),
    # directions
    "bidirectional": Candidate("bidirectional", {"bidirectional": True}),
    "bidirectional, last and max": Candidate("bidirectional", {"bidirectional": True, "pooling": ("last", "max")}),
    # initial biases
    "forget 1": Candidate("initial biases", {"forget_bias": 1.0}),
    "multiscale": Candidate("initial biases", {"forget_bias": "multiscale"}),
    "chrono": Candidate("initial biases", {"forget_bias": "chrono"}),
    # learning rate and schedule
    "rate 0.005": Candidate("schedule", {"learning_rate_init": 5e-3}),
    "rate 0.01": Candidate("schedule", {"learning_rate_init": 1e-2}),
    "rate 0.02": Candidate("schedule", {"learning_rate_init": 2e-2}),
    "warm-up 0.2": Candidate("schedule", {"warmup_fraction": 0.2}),
    "one cycle": Candidate("schedule", {"learning_rate": "onecycle"}),
    "constant 0.005": Candidate("schedule", CONSTANT),
    "plateau 0.01": Candidate("schedule", {"learning_rate": "plateau", "learning_rate_init": 1e-2}),
    "clip 1": Candidate("schedule", {"max_grad_norm": 1.0}),
    # penalty
    "alpha 0": Candidate("penalty", {"alpha": 0.0}),
    "alpha 0.00003": Candidate("penalty", {"alpha": 3e-5}),
    "alpha 0.0001": Candidate("penalty", {"alpha": 1e-4}),
    "alpha 0.0003": Candidate("penalty", {"alpha": 3e-4}),
    "alpha 0.001": Candidate("penalty", {"alpha": 1e-3}),
    "alpha 0.003": Candidate("penalty", {"alpha": 3e-3}),
    "adamw 0.01": Candidate("penalty", {"solver": "adamw", "alpha": 1e-2}),
    "adamw 0.1": Candidate("penalty", {"solver": "adamw", "alpha": 1e-1}),
    # dropout
    "dropout 0.2": Candidate("dropout", {"dropout": 0.2}),
    "recurrent dropout 0.1": Candidate("dropout", {"recurrent_dropout": 0.1}),
    "recurrent dropout 0.25": Candidate("dropout", {"recurrent_dropout": 0.25}),
    "recurrent dropout 0.5": Candidate("dropout", {"recurrent_dropout": 0.5}),
    "recurrent dropout 0.25, alpha 0.0001": Candidate("dropout", {"recurrent_dropout": 0.25, "alpha": 1e-4}),
    "recurrent dropout 0.25, smoothing 0.05": Candidate("dropout", {"recurrent_dropout": 0.25, "label_smoothing": 0.05}),
    "both dropouts 0.2": Candidate("dropout", {"dropout": 0.2, "recurrent_dropout": 0.2}),
    # probabilities
    "smoothing 0.05": Candidate("probabilities", {"label_smoothing": 0.05}),
    "smoothing 0.2": Candidate("probabilities", {"label_smoothing": 0.2}),
    "temperature 1": Candidate("probabilities", {"temperature": 1.0}),
    "temperature auto": Candidate("probabilities", {"temperature": "auto"}),
    "prior of 4": Candidate("probabilities", around=_prior(4.0)),
    # stopping
    "not stopped": Candidate("stopping", {"early_stopping": False}),
    "stopped by loss": Candidate("stopping", STOPPED),
    "stopped by loss, a fifth": Candidate("stopping", STOPPED | {"validation_fraction": 0.2}),
    "stopped by score": Candidate("stopping", {"early_stopping": True, "scoring": "score"}),
    "stopping auto": Candidate("stopping", {"early_stopping": "auto"}),
    "stopping and temperature auto": Candidate("stopping", {"early_stopping": "auto", "temperature": "auto"}),
    # lengths
    "the best length": Candidate("lengths", around=_tied(0.0)),
    "tied within 1": Candidate("lengths", around=_tied(1.0)),
    "a quarter of the steps": Candidate("lengths", around=_lengths(0.25)),
    "half of the steps": Candidate("lengths", around=_lengths(0.5)),
    "twice the steps": Candidate("lengths", around=_lengths(2)),
    # averages of weights
    "mean of weights": Candidate("averages", TO_THE_END, partial(mean_of_last_epochs, 0.25)),
    "mean of weights, constant 0.005": Candidate("averages", TO_THE_END | CONSTANT, partial(mean_of_last_epochs, 0.25)),
    "moving average 0.99": Candidate("averages", TO_THE_END, partial(moving_average, 0.99)),
    "moving average 0.999": Candidate("averages", TO_THE_END, partial(moving_average, 0.999)),
    # ensembles
    "ensemble of 3": Candidate("ensembles", n_fits=3),
    "ensemble of 3, half of the steps": Candidate("ensembles", around=_lengths(0.5), n_fits=3),
    # loss of regressors
    "squared error": Candidate("loss", {"loss": "squared_error"}),
    "absolute error": Candidate("loss", {"loss": "absolute_error"}),
    "huber": Candidate("loss", {"loss": "huber"}),
    "loss auto": Candidate("loss", {"loss": "auto"}),
}

# For `test` only: what the README shows beside the defaults.
LARGER = Candidate("more units", {"bidirectional": True, "hidden_size": 100, "max_iter": 100})
BEFORE = Before(
    "before",
    {
        "pooling": "last",
        "early_stopping": False,
        "temperature": 1.0,
        "loss": "squared_error",
        "forget_bias": "multiscale",
        "learning_rate_init": 2e-2,
        "max_grad_norm": 0.25,
        "warmup_fraction": 0.05,
        "label_smoothing": 0.0,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
    },
)
