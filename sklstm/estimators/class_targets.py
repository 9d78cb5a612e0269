"""y of a classifier as a `Target`: one class for each sample, or any number of labels."""

import reprlib

import numpy as np
from scipy.sparse import issparse

from ..network import loss_of_classes
from ..sequences.targets import known_codes, literals, sorted_labels
from .class_weights import class_factors, class_totals
from .structure import loss_parameters, read_allowed
from .target import Target


def target_of_classes(estimator, y, weights, role, known, announced, places):
    """One class per sequence, or per step.

    Parameters
    ----------
    estimator : LSTMClassifier
    y : ndarray of shape (n_samples,)
    weights, role, known, places
        As in `BaseRecurrent._read_y`.
    announced : ndarray of shape (n_classes,) or None
        Classes that were passed to `partial_fit`.
    """
    if known is not None and known["_multilabel"]:
        raise ValueError(
            "y holds one class per sequence, but the classifier was fitted on multilabel y. Pass label indicators"
            " of shape (n_sequences, n_labels)."
        )
    classes, codes = classes_and_codes(y, known, announced, places)
    if len(classes) < 2:
        raise ValueError(
            "This solver needs samples of at least 2 classes in the data, but the data contains only one class:"
            f" {literals(classes)[0]!r}. Pass samples of the other classes too."
        )
    if isinstance(estimator.class_weight, list):
        raise ValueError("class_weight is a list, which is for multilabel y. Pass a dict of class label to weight.")
    totals = class_totals(np.bincount(codes, weights, minlength=len(classes)), role, known)
    loss, n_scores = loss_of_classes(len(classes))
    parameters = _smoothing(estimator)
    if estimator.structure is not None:
        loss, n_scores = "chain_log_loss", len(classes)
        parameters = loss_parameters(read_allowed(estimator.allowed_transitions, classes))
    return Target(
        loss=loss,
        n_outputs=n_scores,
        targets=codes[:, np.newaxis].astype(np.float64),
        weights=weights * class_factors(estimator.class_weight, classes, totals)[codes],
        attributes={"classes_": classes, "_multilabel": False, "_class_totals": totals},
        strata=codes,
        loss_parameters=parameters,
    )


def classes_and_codes(y, known, announced, places):
    """The classes, sorted, and the number of the class of each label (n_samples,); parameters as in `target_of_classes`."""
    chosen = None if announced is None else sorted_labels("classes", announced)
    found = sorted_labels("y", y)
    classes = agreed_classes(found, known, chosen)
    return classes, known_codes(y, classes, places)


def agreed_classes(found, known, announced):
    """The classes, sorted: of an earlier fit, those that are announced to `partial_fit`, or those that are found in y."""
    if known is None:
        return found if announced is None else announced
    if announced is not None and not np.array_equal(known["classes_"], announced):
        raise ValueError(
            f"classes={reprlib.repr(literals(announced))} is not the same as at the first call of partial_fit,"
            f" {reprlib.repr(literals(known['classes_']))}. Pass the same, or leave classes out."
        )
    return known["classes_"]


def target_of_labels(estimator, y, weights, role, known, announced):
    """Any number of labels per sequence or step, as 0/1 indicators; parameters as in `target_of_classes`."""
    if estimator.structure is not None:
        raise ValueError(
            'structure="crf" is for one label per step, but y holds indicators of several. Pass class labels, or set'
            " structure=None."
        )
    y = (y.toarray() if issparse(y) else y).astype(np.intp)
    if np.any((y != 0) & (y != 1)):
        raise ValueError(f"Multilabel y must be indicators of 0 and 1, got the values {np.unique(y).tolist()}. Convert them.")
    n_labels = y.shape[1]
    if known is not None and not (known["_multilabel"] and len(known["classes_"]) == n_labels):
        raise ValueError(
            f"y has {n_labels} label columns, but the classifier was fitted on classes" f" {known['classes_'].tolist()}."
        )
    if announced is not None and len(announced) != n_labels:
        raise ValueError(f"classes has {len(announced)} entries, but y has {n_labels} label columns.")
    totals = class_totals(np.array([np.bincount(column, weights, minlength=2) for column in y.T]), role, known)
    per_label = estimator.class_weight if isinstance(estimator.class_weight, list) else [estimator.class_weight] * n_labels
    if len(per_label) != n_labels:
        raise ValueError(f"class_weight has {len(per_label)} entries, but y has {n_labels} label columns.")
    factors = np.ones(len(y))
    for class_weight, column, column_totals in zip(per_label, y.T, totals, strict=True):
        factors *= class_factors(class_weight, np.arange(2), column_totals)[column]
    return Target(
        loss="multilabel_log_loss",
        n_outputs=n_labels,
        targets=y.astype(np.float64),
        weights=weights * factors,
        attributes={"classes_": np.arange(n_labels), "_multilabel": True, "_class_totals": totals},
        loss_parameters=_smoothing(estimator),
    )


def _smoothing(estimator):
    return {"smoothing": float(estimator.label_smoothing)} if estimator.label_smoothing else {}
