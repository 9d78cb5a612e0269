"""Which output of a fitted estimator is explained, as a linear combination of the scores of its head; names for axes."""

import reprlib

import numpy as np

from ..estimators.base import BaseRecurrent
from ..network import LOSSES
from ..sequences.refusals import array_of, refused_as
from ..training import scale_of_targets


def read_target(estimator, target, n):
    """Which output of each of n sequences is explained.

    Parameters
    ----------
    estimator : BaseRecurrent
    target : label, int, array-like of such of shape (n,), or None
    n : int

    Returns
    -------
    ndarray of int of shape (n,), or None
        Codes of classes, or numbers of labels or outputs; None for the predicted class of each.
    """
    spec = estimator._network_spec
    loss = LOSSES[spec["loss"]]
    if target is not None:
        target = _one_per_sequence("target", target, n)
    if loss.distribution:
        raise ValueError(
            f"loss={spec['loss']!r} describes a distribution, no output of which is a linear function of the network's scores, so"
            " that none can be explained. Fit with another loss, such as 'squared_error'."
        )
    if loss.contrast:
        return None if target is None else _class_codes(estimator.classes_, target)
    return _column_numbers(target, n, spec["output_size"], loss.targets)


def output_coefficients(estimator, codes, scores):
    """Outputs as linear combinations of the scores.

    Parameters
    ----------
    estimator : BaseRecurrent
    codes : ndarray of int of shape (n,), or None
        From `read_target`.
    scores : ndarray of shape (n, n_scores)
        Of the sequences, or of the explained step of each.

    Returns
    -------
    targets : ndarray of shape (n,)
        Class labels, or numbers of labels or outputs.
    coefficients : ndarray of shape (n, n_scores)
        The output is their product with the scores, summed.
    """
    loss, n_scores = LOSSES[estimator._network_spec["loss"]], scores.shape[1]
    if loss.contrast:
        codes = loss.decide(scores) if codes is None else codes
        return estimator.classes_[codes], loss.contrast(codes, n_scores)
    # Several quantiles are predicted in the order in which they were asked for, and are scores in ascending order.
    return codes, np.eye(n_scores)[estimator._quantile_ranks[codes] if loss.is_ordered else codes]


def describe_output(estimator, target):
    """Name of an output, for an axis."""
    spec = estimator._network_spec
    loss = LOSSES[spec["loss"]]
    if loss.is_ordered:
        return loss.output_name.format(spec["loss_parameters"]["quantiles"][estimator._quantile_ranks[target]])
    is_one_of_several = loss.contrast or spec["output_size"] > 1
    return loss.output_name.format(target if is_one_of_several else "").strip()


def loss_name(estimator):
    """Name of what training minimised."""
    if LOSSES[estimator._network_spec["loss"]].units in (None, "distribution"):
        return "Loss (nats)"
    return "Loss (y in\nstandard units)" if estimator._network_spec["standardize"] else "Loss (units of y)"


def score_name(estimator):
    """Name of what the method `score` returns."""
    if not isinstance(estimator, BaseRecurrent):
        return "score"
    return LOSSES[estimator._network_spec["loss"]].score_name


def output_units(estimator, coefficients):
    """Unit of each explained output: 1 for scores, the standard deviation of y for predictions; None where it is not known."""
    loss, moments = LOSSES[estimator._network_spec["loss"]], estimator._moments["y"]
    if loss.units != "affine":  # scores are no predictions then
        return np.ones(len(coefficients))
    if moments is None:
        return None
    return coefficients @ np.broadcast_to(scale_of_targets(moments), coefficients.shape[1:])


def read_step(step, sequences):
    """Row of the explained step of each sequence among the steps of all."""
    if step is None:
        raise ValueError(
            "The model predicts for every step (return_sequences=True). Set step=... to the step whose output to explain, such"
            " as step=-1 for the last."
        )
    steps, lengths = _one_per_sequence("step", step, len(sequences)), sequences.lengths
    if steps.dtype.kind not in "iu":
        raise ValueError(f"step must be an int, or one for each sequence, got {reprlib.repr(step)}.")
    wrong = np.flatnonzero((steps < -lengths) | (steps >= lengths))
    if len(wrong):
        at = wrong[0]
        raise ValueError(f"Sequence {at} of X has {lengths[at]} steps and no step {steps[at]}. Pass one that every sequence has.")
    return sequences.offsets[:-1] + np.where(steps < 0, steps + lengths, steps)


def refuse_step(step):
    """Raise where a step is named for a model that has one output for each sequence."""
    if step is not None:
        raise ValueError(
            f"step={reprlib.repr(step)} is for models that predict for every step (return_sequences=True); this one has one"
            " output for each sequence. Leave it out."
        )


def _one_per_sequence(name, values, n):
    values = array_of(name, values, f"Pass one value, or one for each of the {n} sequences.")
    if values.shape not in ((), (n,)):
        raise ValueError(f"{name} must be one value, or one for each of the {n} sequences, got shape {values.shape}.")
    return np.broadcast_to(values, (n,))


def _class_codes(classes, labels):
    known = {label: code for code, label in enumerate(classes.tolist())}
    with refused_as("target", f"Pass a class label, one of {classes.tolist()}."):
        unknown = [label for label in labels.tolist() if label not in known]
    if unknown:
        raise ValueError(f"target must be a class label, one of {classes.tolist()}, got {unknown[0]!r}.")
    return np.array([known[label] for label in labels.tolist()])


def _column_numbers(target, n, n_columns, what):
    if target is None:
        if n_columns > 1:
            raise ValueError(f"The model has {n_columns} {what}: say with target=... which to explain, 0 to {n_columns - 1}.")
        return np.zeros(n, dtype=np.intp)
    wrong = [number for number in target.tolist() if not (isinstance(number, int) and 0 <= number < n_columns)]
    if wrong:
        raise ValueError(f"target must be the number of one of the {n_columns} {what}, 0 to {n_columns - 1}, got {wrong[0]!r}.")
    return target.astype(np.intp)
