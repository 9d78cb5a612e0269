"""Predicted probabilities beside observed frequencies, for classes, labels and quantiles."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import log_loss
from sklearn.utils import Bunch, check_array, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ..compat import Interval, StrOptions, validate_params
from ..metrics.calibration import bin_means, calibration_error, read_events
from ..metrics.coverage import interval_coverage, quantile_coverage
from ..metrics.scorers import in_rows, model_inside
from ..sequences.targets import read_sample_weight
from .documentation import document
from .fitted import list_of_estimators
from .intervals import central_intervals, share_interval

HISTOGRAM_BINS = 20
CHECKS = {
    "n_bins": [Interval(Integral, 1, None, closed="left")],
    "strategy": [StrOptions({"uniform", "quantile"})],
    "per_class": ["boolean"],
    "confidence_level": [Interval(Real, 0, 1, closed="neither")],
}


@document()
@validate_params(CHECKS, prefer_skip_nested_validation=True)
def reliability_curves(
    estimator,
    X,
    y,
    *,
    n_bins=10,
    strategy="uniform",
    pos_label=None,
    per_class=False,
    sample_weight=None,
    confidence_level=0.95,
):
    """Compute with which frequency that happens which a fitted estimator predicts with some probability.

    Parameters
    ----------
    <<calibrated estimator>>
    <<reliability>>
    <<bins>>

    Returns
    -------
    dict of str to Bunch
        For classes and labels, what is predicted -> its curve: "class ..." of two classes, "predicted class" of more, or with
        `per_class` each of them, and "label ..." for each label. For quantiles: "quantiles", and "central intervals" if there
        are symmetric pairs of them. In a curve, arrays of shape (n_points,): ``prob_pred``, the mean predicted probability in
        a bin, the level of a quantile, or the nominal coverage of an interval; ``prob_true``, the observed frequency; ``lower``
        and ``upper``, the ends of its confidence interval; ``weight``, the weight of the samples. Besides, ``calibration_error``,
        the weighted mean of abs(prob_true - prob_pred); and of classes and labels ``log_loss``, in nats, and ``histogram``, the
        weight of the samples in 20 equal parts of the probabilities.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is neither a classifier nor a regressor of quantiles.
    ValueError
        If X or y does not fit the estimator.

    See Also
    --------
    ReliabilityDisplay : Plot of the curves.
    sklstm.metrics.expected_calibration_error : The calibration error alone.
    sklearn.calibration.calibration_curve : Such a curve of two classes, of their probabilities.

    Notes
    -----
    The confidence intervals are Wilson's [1]_. They take samples for independent, which neighbouring steps of a sequence or
    windows that overlap are not: the true ones are wider then. With weights w, a bin counts as (sum w)^2 / sum w^2 samples.

    References
    ----------
    .. [1] E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import reliability_curves
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 6, 1))
    >>> y = X[:, 0, 0] + rng.normal(size=600) > 0
    >>> model = LSTMClassifier(8, max_iter=10, random_state=0).fit(X[:300], y[:300])
    >>> curves = reliability_curves(model, X[300:], y[300:], n_bins=5, strategy="quantile")
    >>> list(curves)
    ['class True']
    >>> curves["class True"].prob_true.shape
    (5,)
    """
    options = {"n_bins": n_bins, "strategy": strategy, "pos_label": pos_label, "per_class": per_class}
    return curves_of_estimator(estimator, X, y, sample_weight, confidence_level, **options)


def curves_of_estimator(estimator, X, y, sample_weight, confidence_level, **options):
    """What `reliability_curves` returns; `options` are those of `curves_of_classes`."""
    models = list_of_estimators(estimator)
    for model in models:
        check_is_fitted(model)
    if len(models) == 1 and is_classifier(models[0]) and hasattr(models[0], "predict_proba"):
        rows, y_true, weights = in_rows(models[0], X, y, sample_weight, "predict_proba")
        labels = None if isinstance(rows.classes_, list) else rows.classes_
        return curves_of_classes(y_true, rows.predict_proba(X), labels, weights, confidence_level, **options)
    found = [(_levels(model), *in_rows(model, X, y, sample_weight, "predict")) for model in models]
    columns = [
        predicted if len(levels) > 1 else predicted[..., np.newaxis]
        for levels, rows, _, _ in found
        for predicted in [np.asarray(rows.predict(X))]
    ]
    levels = np.concatenate([levels for levels, *_ in found])
    return curves_of_quantiles(found[0][2], np.concatenate(columns, axis=-1), levels, found[0][3], confidence_level)


def _levels(estimator):
    """Levels of the quantiles that the columns of an estimator's predictions are."""
    model = model_inside(estimator)
    quantiles = None if model is None else getattr(model, "_network_spec", {}).get("loss_parameters", {}).get("quantiles")
    if quantiles is None:
        raise TypeError(
            'Reliability is that of one classifier with predict_proba, or of regressors with loss="quantile", got'
            f" {type(estimator).__name__}. Fit such an estimator, or draw predictions by ReliabilityDisplay.from_predictions."
        )
    return np.array(quantiles)[model._quantile_ranks] if len(quantiles) > 1 else np.array(quantiles)


def curves_of_classes(y_true, y_prob, labels, sample_weight, confidence_level, *, n_bins, strategy, pos_label, per_class):
    """Curves of probabilities, by what happens with them."""
    events = read_events(y_true, y_prob, labels=labels, pos_label=pos_label, per_class=per_class)
    weights = read_sample_weight(sample_weight, len(events[0].happened))
    curves = {}
    for event in events:
        weight, frequency, probability, n_effective = bin_means(event, weights, n_bins, strategy)
        if event.name == "predicted class":
            loss = log_loss(y_true, y_prob, sample_weight=weights, labels=labels)
        else:
            loss = log_loss(event.happened, event.probability, sample_weight=weights, labels=[False, True])
        lower, upper = share_interval(frequency, n_effective, confidence_level)
        curves[event.name] = Bunch(
            prob_pred=probability,
            prob_true=frequency,
            lower=lower,
            upper=upper,
            weight=weight,
            calibration_error=calibration_error(weight, frequency, probability),
            log_loss=loss,
            histogram=np.histogram(event.probability, HISTOGRAM_BINS, (0, 1), weights=weights)[0],
        )
    return curves


def curves_of_quantiles(y_true, y_pred, quantiles, sample_weight, confidence_level):
    """Curves of quantiles (n_samples, n_quantiles) or (n_samples, n_outputs, n_quantiles), and of the intervals between them."""
    y_true = check_array(y_true, ensure_2d=False, dtype=np.float64)
    y_pred = check_array(y_pred, ensure_2d=False, allow_nd=True, dtype=np.float64)
    levels = np.atleast_1d(np.asarray(quantiles, dtype=np.float64))
    if y_pred.shape == y_true.shape and len(levels) == 1:
        y_pred = y_pred[..., np.newaxis]
    if y_true.shape[1:] == (1,):
        y_true, y_pred = y_true[:, 0], y_pred[:, 0] if y_pred.ndim == 3 else y_pred
    check_consistent_length(y_true, y_pred)
    if not (levels.ndim == 1 and y_pred.shape == (*y_true.shape, len(levels)) and ((levels > 0) & (levels < 1)).all()):
        raise ValueError(
            "quantiles must be numbers between 0 and 1, one for each entry of the last axis of y_pred, got"
            f" {levels.tolist()} for y_pred of shape {y_pred.shape} and y_true of shape {y_true.shape}."
        )
    weights = read_sample_weight(sample_weight, len(y_true))
    by_level = {level: y_pred[..., k] for k, level in sorted(enumerate(levels.tolist()), key=lambda pair: pair[1])}
    curves = {"quantiles": {level: quantile_coverage(y_true, q, sample_weight=weights) for level, q in by_level.items()}}
    pairs = {nominal: [by_level[level] for level in pair] for nominal, pair in central_intervals(by_level).items()}
    if pairs:
        ends = sorted(pairs.items())
        curves["central intervals"] = {n: interval_coverage(y_true, *pair, sample_weight=weights) for n, pair in ends}
    # The outputs of a sample are not independent, so that they do not count as more samples.
    n_effective = weights.sum() ** 2 / (weights**2).sum()
    return {name: _coverage_curve(shares, weights.sum(), n_effective, confidence_level) for name, shares in curves.items()}


def _coverage_curve(shares, weight, n_effective, confidence_level):
    """Curve of nominal probability -> share, or shares of several outputs."""
    nominal, observed = np.array(list(shares)), np.array([np.mean(share) for share in shares.values()])
    lower, upper = share_interval(observed, n_effective, confidence_level)
    weights = np.full(len(nominal), weight)
    error = calibration_error(weights, observed, nominal)
    return Bunch(prob_pred=nominal, prob_true=observed, lower=lower, upper=upper, weight=weights, calibration_error=error)
