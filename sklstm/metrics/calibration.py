"""How far predicted probabilities are from observed frequencies: the events, their bins, and the mean over those."""

from collections import namedtuple
from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from ..compat import Interval, StrOptions, validate_params
from ..sequences.targets import as_array, read_sample_weight

# What is predicted with a probability: a name, whether it happened (n,), and the probability (n,).
Event = namedtuple("Event", "name happened probability")


@validate_params(
    {
        "y_true": ["array-like"],
        "y_prob": ["array-like"],
        "labels": ["array-like", None],
        "sample_weight": ["array-like", None],
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"uniform", "quantile"})],
        "per_class": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def expected_calibration_error(
    y_true, y_prob, *, labels=None, sample_weight=None, n_bins=10, strategy="uniform", per_class=False
):
    """Compute how far predicted probabilities are from observed frequencies, on average.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_labels)
        True classes, or 0/1 indicators of several labels.
    y_prob : array-like of shape (n_samples,), (n_samples, n_classes) or (n_samples, n_labels)
        Predicted probabilities, as from ``predict_proba``; 1-D ones are those of the second of two classes.
    labels : array-like of shape (n_classes,), default=None
        The classes, whose sorted order is that of the columns of `y_prob`. None takes the classes in `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.
    n_bins : int, default=10
        Number of bins between the probabilities 0 and 1.
    strategy : {"uniform", "quantile"}, default="uniform"
        Whether bins have the same width, or the same number of samples.
    per_class : bool, default=False
        Whether to average over the probabilities of all classes. If not, only the probability of the predicted class counts, if
        there are more than two. Several labels are always averaged.

    Returns
    -------
    float
        From 0 for probabilities that are right in every bin, to 1.

    Raises
    ------
    ValueError
        If the arrays do not match, or if a probability is not between 0 and 1.

    See Also
    --------
    sklstm.inspection.ReliabilityDisplay : Plot of the bins.
    sklearn.calibration.calibration_curve : The bins of two classes.
    sklearn.metrics.log_loss : Loss that also rewards probabilities that tell the classes apart.

    Notes
    -----
    It is sum_b w_b / w abs(f_b - p_b) over the bins b, with the share f_b of the samples for which the class is right, their mean
    predicted probability p_b, and their weight w_b [1]_. It is not 0 for true probabilities either, since few samples in a bin
    deviate by chance. A constant can be calibrated well: compare the log-loss, too.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger (2017), "On calibration of modern neural networks", ICML.

    Examples
    --------
    >>> from sklstm.metrics import expected_calibration_error
    >>> round(expected_calibration_error([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9]), 3)
    0.2
    """
    events = read_events(y_true, y_prob, labels=labels, per_class=per_class)
    weights = read_sample_weight(sample_weight, len(events[0].happened))
    return float(np.mean([calibration_error(*bin_means(event, weights, n_bins, strategy)[:3]) for event in events]))


def read_events(y_true, y_prob, *, labels=None, pos_label=None, per_class=False):
    """The events whose probabilities are predicted.

    Parameters
    ----------
    y_true, y_prob, labels, per_class
        As in `expected_calibration_error`.
    pos_label : label, default=None
        Which of two classes to take. Of 1-D probabilities it is the one that they belong to.

    Returns
    -------
    list of Event
        One, or for several labels and with `per_class` one for each column of `y_prob`.
    """
    y_true, y_prob = as_array("y_true", y_true), check_array(y_prob, ensure_2d=False, dtype=[np.float64, np.float32])
    check_consistent_length(y_true, y_prob)
    if y_prob.min() < 0 or y_prob.max() > 1:
        raise ValueError("y_prob has values outside [0, 1]. Pass probabilities, such as those of predict_proba.")
    if y_true.ndim == 2 and y_true.shape[1] > 1:
        if y_true.shape != y_prob.shape or not np.isin(y_true, [0, 1]).all():
            raise ValueError(
                "A 2-D y_true must hold 0 and 1 for each label, in the shape of y_prob, got shape"
                f" {y_true.shape} and probabilities of shape {y_prob.shape}."
            )
        return [Event(f"label {j}", y_true[:, j] == 1, y_prob[:, j]) for j in range(y_true.shape[1])]
    y_true, classes = column_or_1d(y_true), np.unique(y_true if labels is None else labels)
    unknown = np.setdiff1d(y_true, classes)
    if len(unknown):
        raise ValueError(f"y_true has {unknown.tolist()[0]!r}, which is not among the labels {classes.tolist()}.")
    if y_prob.ndim == 1 or y_prob.shape[1] < 3:
        return [_event_of_two(y_true, y_prob, classes, pos_label)]
    if len(classes) != y_prob.shape[1]:
        raise ValueError(
            f"y_prob has {y_prob.shape[1]} columns for {len(classes)} classes. Pass labels=..., with the class of each column."
        )
    if per_class:
        return [Event(f"class {label}", y_true == label, y_prob[:, k]) for k, label in enumerate(classes)]
    return [Event("predicted class", y_true == classes[y_prob.argmax(axis=1)], y_prob.max(axis=1))]


def _event_of_two(y_true, y_prob, classes, pos_label):
    if len(classes) == 1 and pos_label is None and classes[0] in (0, 1):
        classes = np.array([0, 1], classes.dtype)
    if len(classes) != 2 and (pos_label is None or y_prob.ndim > 1):
        raise ValueError(
            f"Probabilities of two classes need two, got {classes.tolist()} in y_true. Pass labels=..., with both of them."
        )
    positive = classes[-1] if pos_label is None else pos_label
    if len(classes) == 2 and positive not in classes.tolist():
        raise ValueError(f"pos_label={pos_label!r} is not one of the classes {classes.tolist()}.")
    if y_prob.ndim > 1:
        y_prob = y_prob[:, np.flatnonzero(classes == positive)[0] if y_prob.shape[1] > 1 else 0]
    return Event(f"class {positive}", y_true == positive, y_prob)


def bin_means(event, weights, n_bins, strategy):
    """Means over bins of the predicted probability; bins without weight are left out.

    Returns
    -------
    weight : ndarray of shape (n_found,)
    frequency : ndarray of shape (n_found,)
        Share in which the event happened.
    probability : ndarray of shape (n_found,)
        Mean predicted probability.
    n_effective : ndarray of shape (n_found,)
        Number of samples of equal weight whose mean would vary as much as that of the bin.
    """
    p, levels = event.probability, np.linspace(0, 1, n_bins + 1)
    edges = levels if strategy == "uniform" else np.quantile(p[weights > 0], levels)
    bins = np.searchsorted(edges[1:-1], p)  # as in scikit-learn, an edge belongs to the bin below
    columns = (weights, weights * event.happened, weights * p, weights**2)
    weight, happened, predicted, squares = (np.bincount(bins, column, minlength=n_bins) for column in columns)
    found = weight > 0
    weight = weight[found]
    return weight, happened[found] / weight, predicted[found] / weight, weight**2 / squares[found]


def calibration_error(weight, frequency, probability):
    """Weighted mean distance of frequencies from probabilities."""
    return float(np.average(np.abs(frequency - probability), weights=weight))
