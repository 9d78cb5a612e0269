"""The losses, by name: the function that training minimises, and its consequences for predictions, scores and explanations.

A new loss is an entry here, and a point function with the class that calls it in `_kernels/_losses.pyx`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score

from .._kernels import _losses
from .._kernels._chain import ChainLogLoss, CTCLogLoss
from .._kernels._links import Decision, Link
from .mixture import GaussianMixture, first_scores
from .structure import CTC

# 95 % efficiency for normal errors of unit scale (Huber 1964; Holland and Welsch 1977).
HUBER_DELTA = 1.345


_IDENTITY = Link("identity")


def _r2(targets, predicted, weights, parameters):
    return r2_score(targets, predicted, sample_weight=weights)


@dataclass(frozen=True)
class Loss:
    """A loss. The defaults are those of a loss of quantities, which the scores predict.

    Attributes
    ----------
    value_and_gradient : LossFunction
        ``(scores, targets, weights, total_weight, dscores, chain=None) -> float``: the weighted sum of the losses; dscores is
        overwritten by the gradient of that sum over ``total_weight``. Targets are an array (n_samples, width) in the scores'
        dtype. A loss of whole sequences needs the `Chain` of their scores.
    inverse_link : callable
        Function of the scores that returns probabilities, or predictions.
    log_inverse_link : callable or None
        Function of the scores that returns logarithms of probabilities, without rounding to 0 in between.
    decide : callable or None
        Function of the scores that returns codes of classes, or label indicators; None for quantities.
    contrast : callable or None
        ``(codes, n_scores) -> coefficients``: linear combinations (n, n_scores) of the scores that tell a class from the others;
        None where samples do not have one class each.
    targets : {"outputs", "classes", "labels"}
        Plural noun for the targets of a sample.
    output_name : str
        Name, for an axis, of a score or a contrast of scores; ``{}`` stands for the class, label, output or quantile.
    score : callable
        ``(targets, predicted, weights, parameters) -> float``: value of the method `score` and of validation; more is better.
        `parameters` are those of `make_loss`.
    score_name : str
        Name of that score, for an axis.
    units : {"affine", "log", "distribution"} or None
        How scores follow when targets are measured in other units: "affine" if they change as targets do, "log" if they change
        by the logarithm of the scale, "distribution" if they describe one, None if targets have no units.
    nonnegative_targets : str or None
        Plural noun for targets that must not be negative; None where they may be.
    for_several_quantiles : str or None
        Name of the loss for a list of quantiles; None for a loss that does not need the hyper-parameter `quantile`.
    is_ordered : bool
        Whether the scores are several quantiles of one output in ascending order, in whichever order they were asked for.
    is_robust : bool
        Whether it is linear beyond a delta for each output.
    distribution : type or None
        What scores describe where that is a distribution of the targets; `score` then takes one in place of predictions.
    first_scores : callable or None
        ``(n_scores, n_targets) -> ndarray``: scores to begin with, where nothing tells those of 0 apart; None for 0.
    is_structured : bool
        Whether it is one of whole sequences, whose steps a `Chain` connects. What the functions above make of scores is then that
        of each step by itself; `value_and_gradient` has methods ``paths``, and for chains ``marginals``, for all of them.
    is_unaligned : bool
        Whether labels of a sequence have no steps. Targets have them at the first steps of the sequence, and -1 at the others;
        the last score of a step is that of blank, which is no label.
    """

    value_and_gradient: Callable
    inverse_link: Callable = _IDENTITY
    log_inverse_link: Callable | None = None
    decide: Callable | None = None
    contrast: Callable | None = None
    targets: str = "outputs"
    output_name: str = "prediction {}"
    score: Callable = _r2
    score_name: str = "$R^2$"
    units: str | None = "affine"
    nonnegative_targets: str | None = None
    for_several_quantiles: str | None = None
    is_ordered: bool = False
    is_robust: bool = False
    distribution: type | None = None
    first_scores: Callable | None = None
    is_structured: bool = False
    is_unaligned: bool = False


def _for_or_against(codes, n_scores):
    return np.where(codes == 1, 1.0, -1.0)[:, np.newaxis]


def _against_mean(codes, n_scores):
    return np.eye(n_scores)[codes] - 1 / n_scores


def _accuracy(targets, predicted, weights, parameters):
    return accuracy_score(targets, predicted, sample_weight=weights)


def _explained_pinball_loss(targets, predicted, weights, parameters):
    """Mean over the quantiles of 1 minus pinball loss over that of the quantile of y itself, like a coefficient of
    determination.

    Parameters
    ----------
    targets : ndarray of shape (n_samples,), (n_samples, 1) or (n_samples, n_outputs)
    predicted : ndarray of shape (n_samples,), (n_samples, n_quantiles) or (n_samples, n_outputs)
    weights : ndarray of shape (n_samples,) or None
    parameters : dict
        Its "quantiles" are one for each column of the predictions, or one for all.

    Returns
    -------
    float
    """
    targets, predicted = (array.reshape(len(array), -1) for array in (targets, predicted))
    n, quantiles = predicted.shape[1], parameters["quantiles"]
    columns = zip(
        targets.T if targets.shape[1] == n else np.repeat(targets.T, n, axis=0),
        predicted.T,
        quantiles if len(quantiles) == n else quantiles * n,
        strict=True,
    )
    return float(np.mean([d2_pinball_score(t, column, sample_weight=weights, alpha=q) for t, column, q in columns]))


def _mean_log_likelihood(targets, distribution, weights, parameters):
    return float(np.average(distribution.log_likelihood(targets), weights=weights))


_OF_LABELS = {"score": _accuracy, "score_name": "accuracy", "units": None, "targets": "labels"}
_OF_CLASSES = _OF_LABELS | {"targets": "classes"}
_OF_QUANTILES = {"score": _explained_pinball_loss, "score_name": "share of pinball\nloss explained"}

LOSSES = {
    "binary_log_loss": Loss(
        _losses.BinaryLogLoss(),
        Link("both_classes"),
        Link("log_both_classes"),
        decide=Decision("likelier_class"),
        contrast=_for_or_against,
        output_name="log-odds of class {}",
        **_OF_CLASSES,
    ),
    "multilabel_log_loss": Loss(
        _losses.BinaryLogLoss(),
        Link("expit"),
        Link("log_expit"),
        decide=Decision("likelier_labels"),
        output_name="log-odds of label {}",
        **_OF_LABELS,
    ),
    "multinomial_log_loss": Loss(
        _losses.MultinomialLogLoss(),
        Link("softmax"),
        Link("log_softmax"),
        decide=Decision("likeliest_class"),
        contrast=_against_mean,
        output_name="score of class {}",
        **_OF_CLASSES,
    ),
    "chain_log_loss": Loss(
        ChainLogLoss(),
        Link("softmax"),
        Link("log_softmax"),
        decide=Decision("likeliest_class"),
        contrast=_against_mean,
        output_name="score of class {}",
        is_structured=True,
        **_OF_CLASSES,
    ),
    "ctc_log_loss": Loss(
        CTCLogLoss(),
        Link("softmax"),
        Link("log_softmax"),
        decide=Decision("likeliest_class"),
        output_name="score {}",
        score=_accuracy,
        score_name="share of sequences\nwithout an error",
        units=None,
        is_structured=True,
        is_unaligned=True,
    ),
    "squared_error": Loss(_losses.SquaredError()),
    "absolute_error": Loss(_losses.AbsoluteError()),
    "huber": Loss(_losses.Huber(deltas=np.array([HUBER_DELTA])), is_robust=True),
    "quantile": Loss(
        _losses.Quantile(quantiles=np.array([0.5])), for_several_quantiles="quantiles", **_OF_QUANTILES
    ),
    "quantiles": Loss(
        _losses.Quantile(quantiles=np.array([0.1, 0.5, 0.9])),
        # Quantiles that cross are put in order, which takes them closer to the true ones (Chernozhukov, Fernandez-Val and
        # Galichon 2010, "Quantile and probability curves without crossing", Econometrica 78).
        Link("ascending"),
        output_name="quantile {}",
        is_ordered=True,
        **_OF_QUANTILES,
    ),
    "poisson": Loss(
        _losses.Poisson(factors=np.ones(1)),
        Link("exp"),
        output_name="logarithm of prediction {}",
        units="log",
        nonnegative_targets="counts and rates",
    ),
    "gaussian_mixture": Loss(
        _losses.GaussianMixture(),
        score=_mean_log_likelihood,
        score_name="log-likelihood",
        units="distribution",
        distribution=GaussianMixture,
        first_scores=first_scores,
    ),
}

# Losses that a regressor's parameter `loss` may name.
REGRESSION_LOSSES = {name: loss for name, loss in LOSSES.items() if loss.decide is None and not loss.is_ordered}

# What a classifier's parameter `loss` may be: labels of sequences or of steps, or labels of sequences without their steps.
CLASSIFICATION_LOSSES = ("log_loss", CTC)


def loss_of_classes(n_classes):
    """Name and number of scores of the loss for samples with one of `n_classes` classes each."""
    return ("binary_log_loss", 1) if n_classes == 2 else ("multinomial_log_loss", n_classes)


def make_loss(name, **parameters):
    """The loss of a name, with parameters in place of its own.

    Parameters
    ----------
    name : str
    **parameters
        ``smoothing`` (float) of the log-losses; ``quantiles`` (list of float, ascending) of the quantile losses: one for
        all outputs with "quantile", one per score with "quantiles"; ``deltas`` (list of float) of "huber", one per output, in
        the units of the scores; ``factors`` (list of float) of losses with the units "log", which multiply the loss of each
        output; ``allowed`` (list of str) of "chain_log_loss": for each label, for the start and for the end a text of "0" and
        "1", which says of every label whether it may follow, begin or end.
    """
    loss = LOSSES[name]
    if not parameters:
        return loss
    arrays = {key: np.array(value) if isinstance(value, list) else value for key, value in parameters.items()}
    if "allowed" in arrays:
        arrays["allowed"] = np.array([list(map(int, row)) for row in parameters["allowed"]])
    return replace(loss, value_and_gradient=type(loss.value_and_gradient)(**arrays))
