"""Weights of classes: what `class_weight` multiplies the sample weights by."""

from numbers import Real

import numpy as np

from ..sequences.targets import literals


def class_totals(totals, role, known):
    """Total weights of the classes that "balanced" balances: of this y, of all chunks so far, or of the training data."""
    if role == "validation":
        return known["_class_totals"]
    if role == "partial_fit" and known is not None:
        return totals + known["_class_totals"]
    return totals


def class_factors(class_weight, classes, totals):
    """What `class_weight` multiplies the weight of each class by.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
    classes : ndarray of shape (n_classes,)
    totals : ndarray of shape (n_classes,)
        Total sample weight of each class.

    Returns
    -------
    ndarray of shape (n_classes,)
    """
    factors = np.ones(len(classes))
    if class_weight is None:
        return factors
    if isinstance(class_weight, str):
        # A class without weight so far has no samples to be weighted either.
        return np.divide(totals.sum(), len(classes) * totals, out=factors, where=totals > 0)
    if not isinstance(class_weight, dict):
        raise ValueError(f"class_weight must be a dict of class label to weight, got {class_weight!r}.")
    for label, factor in class_weight.items():
        at = [k for k, known in enumerate(classes) if known == label]
        if not at:
            raise ValueError(
                f"class_weight has the class {label!r}, which is not in y; the classes are {literals(classes)}."
            )
        if not (isinstance(factor, Real) and 0 <= factor < np.inf):
            raise ValueError(f"class_weight must be finite and not negative, got {factor!r} for the class {label!r}.")
        factors[at[0]] = factor
    return factors
