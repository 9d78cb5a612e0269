"""From X, y, weights and validation data, as `fit` gets them, to `FitInputs`."""

import numpy as np
from sklearn.utils import get_tags

from ..sequences.agreement import seen_lengths
from ..sequences.alignment import in_order_of, one_per_sequence
from ..sequences.categories import seen_only
from ..sequences.refusals import refused_as
from ..sequences.step_targets import read_step_weights, read_steps
from ..sequences.targets import Places, read_groups, read_sample_weight
from ..sequences.validation import in_dtype
from ..training import Scaling, Validation, check_range, observed_moments, updated_moments, weighted_moments
from .architecture import LATER_KEYS, MUTABLE_KEYS, build
from .fit_inputs import FitInputs
from .fitted_state import unscaled, with_fitted_attributes
from .solvers import is_one_minibatch, stops_early
from .static import seen_static_only, static_spec
from .times import gap_channel, with_median_gap
from .unaligned import asks_for_labels, target_of_label_sequences
from .warned import warn_of_few, warn_of_unseen

Y_AND_WEIGHTS = "Expected an array or a list with one entry for each sequence, or with return_sequences for every step."
GROUPS = "one label for each sequence."


def read_fit_inputs(estimator, X, y, sample_weight, rng, previous, *, one_epoch=False, held_out=None, groups=None, classes=None):
    """Read and compute everything that a fit needs before it trains.

    Parameters
    ----------
    estimator : BaseRecurrent
        Not changed.
    X, y, sample_weight
        As the user passes them.
    rng : Generator
        Draws the split of early stopping.
    previous : FittedState or None
        What the fit continues from.
    one_epoch : bool, default=False
        Whether X and y are a chunk for `partial_fit`.
    held_out : tuple (X, y, sample_weight), default=None
        Validation data.
    groups : array-like, default=None
        Of the sequences that early stopping keeps together.
    classes : array-like, default=None
        Classes announced to `partial_fit`.

    Returns
    -------
    FitInputs
    """
    sequences, form = estimator._read_X(X, reset=previous is None)
    form["_n_steps"] = seen_lengths(sequences.lengths, None if previous is None else previous.attributes.get("_n_steps"))
    if y is None and get_tags(estimator).target_tags.required:
        raise ValueError(f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None.")
    known = None if previous is None else previous.attributes
    target = estimator._read_target(y, sample_weight, sequences, "partial_fit" if one_epoch else "fit", known, classes, form)
    groups = None if groups is None else _read_groups(groups, sequences)
    early_stopping, is_given = stops_early(estimator, one_epoch=one_epoch), held_out is not None
    split = estimator._split(target, sequences, groups, rng, early_stopping=early_stopping, is_given=is_given)
    rows, fitted = split.rows, None if previous is None else previous.network_spec
    target = estimator._settle_loss(split.training, fitted, one_epoch=one_epoch)
    if previous is None:
        sequences, form["categories_"] = seen_only(sequences, form["_categorical"], form["categories_"], rows)
        sequences, form = seen_static_only(sequences, form, rows)
        sequences, form = with_median_gap(sequences, form, target.weighted_rows(), target.sequence_weights)
    spec = _agreed_spec(estimator, sequences, target, form, previous)
    dtype = sequences.values.dtype if previous is None else previous.theta.dtype
    allows_missing = estimator.missing != "error"
    sequences = in_dtype(sequences, dtype, allows_missing)

    if is_given:
        reader = estimator if previous is not None else with_fitted_attributes(estimator, form | {"_network_spec": spec})
        held_out = _read_held_out(reader, *held_out, target, dtype)
    elif (held_out := split.held_out(sequences)) is not None:
        _refuse_too_few(estimator, held_out[1])
    if held_out is not None and early_stopping:
        warn_of_few(held_out[1].n_weighted, estimator._unit)
    calibrate = estimator._calibration(sequences, split, held_out if is_given else None)
    sequences, target = split.cut(sequences, target)
    if groups is None and is_one_minibatch(estimator, len(target.weighted_rows())):
        target = target.merged(sequences)

    moments = _moments(estimator, sequences, target, previous, one_epoch)
    network = build(spec)
    sizes = network.input_size, network.static_size
    scaling = Scaling.from_moments(moments, *sizes, target.units, *unscaled(form, spec), bool(estimator.standardize))
    scaling.raise_if_out_of_range(dtype)
    if allows_missing and previous is None:
        warn_of_unseen(scaling.known, sequences.channel_names)
    if target.units:
        check_range("y", target.targets, dtype)
    validation = None if held_out is None else _validation(held_out[0], held_out[1].with_loss_of(target), scaling)
    data = target.data(sequences, scaling)
    return FitInputs(
        spec, network, form, target, data, validation, scaling, moments, early_stopping, estimator.scoring, groups, calibrate
    )


@refused_as("y or sample_weight", Y_AND_WEIGHTS)
def read_target(estimator, y, sample_weight, sequences, role, known, classes=None):
    """y and the sample weights, of sequences or of their steps, as a `Target`; parameters as in `_read_y`."""
    if not estimator.return_sequences:
        y = one_per_sequence("y", y, len(sequences), sequences.ids)
        weights = read_sample_weight(in_order_of(sequences.ids, "sample_weight", sample_weight), len(sequences))
        return estimator._read_y(y, weights, role, known, classes)
    if asks_for_labels(estimator):
        return target_of_label_sequences(estimator, y, sample_weight, sequences, role, known, classes)
    flat, form = read_steps("y", y, sequences)
    weights = read_step_weights(sample_weight, sequences)
    used = estimator._labelled(flat, "learn from")
    places = Places(sequences.offsets, np.flatnonzero(used))
    target = estimator._read_y(flat[used], weights[used], role, known, classes, places)
    target = target.over_steps(~used, sequences.offsets, form)
    estimator._check_steps(target)
    return target


@refused_as("groups", f"Expected {GROUPS}")
def _read_groups(groups, sequences):
    """Numbers (n_sequences,) of the groups that the sequences belong to."""
    return read_groups(one_per_sequence("groups", groups, len(sequences), sequences.ids, GROUPS, 1))


def _agreed_spec(estimator, sequences, target, form, previous):
    """The spec of the network, which a fit that continues an earlier one must not change."""
    spec = estimator._make_spec(sequences.n_channels, target, form) | static_spec(estimator, sequences, form)
    spec["gap_channel"] = gap_channel(form, sequences)
    fitted = spec if previous is None else LATER_KEYS | previous.network_spec
    either = [key for key in fitted | spec if key not in MUTABLE_KEYS]
    changed = {key: (fitted.get(key), spec.get(key)) for key in either if fitted.get(key) != spec.get(key)}
    if changed:
        raise ValueError(
            f"The fitted network cannot continue with other parameters (fitted, requested): {changed}. Keep the"
            " hyper-parameters of the network and the kind of y, or fit afresh with warm_start=False."
        )
    return spec


def _read_held_out(reader, X, y, weights, target, dtype):
    """Sequences and target of `X_val`, checked against X and y by an estimator that has what they leave."""
    try:
        sequences, form = reader._read_X(X, reset=False)
        sequences = in_dtype(sequences, dtype, reader.missing != "error")
        held_out = reader._read_target(y, weights, sequences, "validation", target.attributes, form=form)
        rows = held_out.weighted_rows()
        _refuse_too_few(reader, held_out)
        if target.units:
            check_range("y_val", held_out.targets, dtype)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"In the validation data (X_val, y_val): {error}") from error
    return held_out.take(sequences, rows)


def _refuse_too_few(estimator, held_out):
    """A coefficient of determination needs two targets."""
    if stops_early(estimator, one_epoch=False) and held_out.units and held_out.n_weighted < 2:
        raise ValueError(
            f"early_stopping needs at least two {estimator._unit} with a y to score. Pass more, or set early_stopping=False."
        )


def _validation(sequences, target, scaling):
    data = target.data(sequences, scaling)
    return Validation(data, target.make_plain_loss(scaling), lambda scores, chain: target.score(data, scores, scaling, chain))


def _moments(estimator, sequences, target, previous, one_epoch):
    """Statistics of X and y: of this fit, of an earlier one that it continues, or of all chunks so far."""
    if previous is not None and not one_epoch:
        return previous.moments
    known, rows = None if previous is None else previous.moments, target.weighted_rows()
    moments = {"x": None, "y": None} | ({} if sequences.static is None else {"static": None})
    if estimator.standardize or estimator.missing != "error":  # the means of channels stand for what is missing
        compute = weighted_moments if estimator.missing == "error" else observed_moments
        of_x = compute(sequences.values, target.sequence_weights, sequences.offsets, rows)
        moments["x"] = updated_moments(known, "x", of_x)
    if estimator.standardize and target.units:
        moments["y"] = updated_moments(known, "y", target.moments())
    if estimator.standardize and sequences.static is not None:
        fresh = weighted_moments(sequences.static[rows].astype(np.float64), target.sequence_weights[rows])
        moments["static"] = updated_moments(known, "static", fresh)
    return moments
