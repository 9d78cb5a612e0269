"""`loss="ctc"`: labels of sequences without their steps, what is trained on and what is predicted."""

from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from ..network import CTC, LOSSES, Chain
from ..sequences.alignment import in_order_of
from ..sequences.label_sequences import read_label_sequences
from ..sequences.refusals import refused_as
from ..sequences.step_targets import holds_steps
from ..sequences.targets import code_of_each, kind_of_labels, known_codes, read_sample_weight, refuse_other_kind
from .class_targets import classes_and_codes
from .step_predictions import refuse_scorers_of_arrays
from .structure import refuse_contradictions
from .target import Target

Y_AND_WEIGHTS = "Expected the labels of each sequence, and one weight for each."
MOST_BEAMS = 1_000_000  # label sequences that are pursued
LOSS_NAME = next(name for name, loss in LOSSES.items() if loss.is_unaligned)
SCORER = "sklstm.metrics.sequence_scorer(sklstm.metrics.exact_match_score)"


def asks_for_labels(estimator):
    """Whether an estimator is to be fitted to labels without their steps."""
    return vars(estimator).get("loss") == CTC


def predicts_labels(model):
    """Whether a fitted model predicts labels without their steps."""
    return LOSSES[model._network_spec["loss"]].is_unaligned


# ---- hyper-parameters ----


def check_unaligned(estimator):
    """Raise a ValueError where other hyper-parameters contradict `loss`."""
    if not asks_for_labels(estimator):
        if estimator.beam_width != 1:
            raise ValueError(
                f'beam_width={estimator.beam_width} is for loss="ctc", which looks for label sequences. Set that, or'
                " beam_width=1."
            )
        return
    connects = "it connects labels of steps, and here labels have none. Set structure=None"
    others = [(f"structure={estimator.structure!r}", estimator.structure is not None, connects)]
    refuse_contradictions(estimator, 'loss="ctc"', "it needs probabilities of labels at every step", others)


# ---- y ----


def target_of_label_sequences(estimator, y, sample_weight, sequences, role, known, announced):
    """y and the sample weights of label sequences as a `Target`; parameters as in `read_target`.

    The targets of the first steps of a sequence are its labels, and -1 those of the others; its weight is that of all its steps.
    """
    y = read_label_sequences(y, len(sequences), sequences.ids, estimator._masked)
    if sample_weight is not None and not np.isscalar(sample_weight) and holds_steps(sample_weight, 2):
        raise ValueError('With loss="ctc" the labels of a sequence are one outcome. Pass one sample_weight for each sequence.')
    weights = read_sample_weight(in_order_of(sequences.ids, "sample_weight", sample_weight), len(sequences))
    if len(y.labels) == 0 and role == "fit":
        raise ValueError("No sequence of y has a label, so there is nothing to learn from. Pass at least one label.")
    if role == "partial_fit" and known is None and announced is None:
        raise ValueError("classes must be passed on the first call to partial_fit: later chunks may have others.")
    kind_of_labels(y.labels, y.places)
    classes, codes = classes_and_codes(y.labels, known, announced, y.places)
    used = weights > 0
    least = steps_needed(codes, y.offsets)
    impossible = np.flatnonzero(used & (least > sequences.lengths))
    if len(impossible):
        i = impossible[0]
        raise ValueError(
            f"Sequence {i} of X has {sequences.lengths[i]} steps, but its {y.lengths[i]} labels in y need {least[i]} or more:"
            " one for each, and one between equal neighbours. Pass longer sequences or fewer labels, or leave the sequence out."
        )
    return Target(
        loss=LOSS_NAME,
        n_outputs=len(classes) + 1,
        targets=at_first_steps(codes, y.offsets, sequences.offsets, used)[:, np.newaxis].astype(np.float64),
        weights=np.repeat(weights, sequences.lengths),
        attributes={
            "classes_": classes,
            "_multilabel": False,
            "_class_totals": np.bincount(codes, np.repeat(weights, y.lengths), minlength=len(classes)),
            "_y_format": {"kind": y.kind, "column": False},
        },
        offsets=sequences.offsets,
    )


def steps_needed(codes, offsets):
    """How many steps (n_sequences,) the labels of each sequence need at least."""
    repeats = np.zeros(len(codes) + 1, dtype=np.intp)
    repeats[1:-1] = codes[1:] == codes[:-1]
    repeats[offsets[:-1]] = 0
    return np.diff(offsets) + np.diff(np.concatenate([[0], np.cumsum(repeats[:-1])])[offsets])


def at_first_steps(codes, label_offsets, offsets, used):
    """Codes (total_steps,) at the first steps of each sequence that is used, and -1 elsewhere."""
    targets, lengths = np.full(offsets[-1], -1, dtype=np.intp), np.diff(label_offsets)
    kept = np.repeat(used, lengths)
    places = np.arange(len(codes)) + np.repeat(offsets[:-1] - label_offsets[:-1], lengths)
    targets[places[kept]] = codes[kept]
    return targets


# ---- predictions ----


def found_codes(model, scores, lengths):
    """Codes of the labels of each sequence, a list of arrays, by scores of its steps."""
    loss, ends = LOSSES[model._network_spec["loss"]].value_and_gradient, np.cumsum(lengths)
    beam_width = check_scalar(model.beam_width, "beam_width", Integral, min_val=1, max_val=MOST_BEAMS)
    codes = loss.paths(scores, Chain(None, np.ascontiguousarray(lengths, np.intp)), int(beam_width))
    return [part[part >= 0] for part in np.split(codes, ends[:-1])]


def found_labels(model, scores, sequences):
    """What `predict` returns: texts if y had texts, else a list of arrays."""
    refuse_scorers_of_arrays(True, "label sequences", SCORER)
    labels = [model.classes_[codes] for codes in found_codes(model, scores, sequences.lengths)]
    return ["".join(one.tolist()) for one in labels] if model._y_format["kind"] == "texts" else labels


@refused_as("y or sample_weight", Y_AND_WEIGHTS)
def share_of_right_sequences(model, sequences, y, sample_weight):
    """What `score` returns."""
    y = read_label_sequences(y, len(sequences), sequences.ids, model._masked)
    weights = read_sample_weight(in_order_of(sequences.ids, "sample_weight", sample_weight), len(sequences))
    if len(y.labels):
        refuse_other_kind(y.labels, model.classes_)
    codes = code_of_each(y.labels, model.classes_)
    found = found_codes(model, model._apply(sequences), sequences.lengths)
    right = [np.array_equal(codes[slice(*part)], one) for part, one in zip(pairwise(y.offsets), found, strict=True)]
    return float(np.average(right, weights=weights))


@refused_as("y", Y_AND_WEIGHTS)
def label_log_likelihoods(model, sequences, y):
    """Logarithms (n_sequences,) of the probabilities of label sequences, -inf of those that have no alignment."""
    y = read_label_sequences(y, len(sequences), sequences.ids, model._masked)
    codes = known_codes(y.labels, model.classes_, y.places)
    possible = steps_needed(codes, y.offsets) <= sequences.lengths
    targets = at_first_steps(codes, y.offsets, sequences.offsets, possible)[:, np.newaxis]
    scores, result = model._apply(sequences), np.full(len(sequences), -np.inf)
    loss, dtype = LOSSES[model._network_spec["loss"]].value_and_gradient, scores.dtype
    for i in np.flatnonzero(possible):
        part = slice(*sequences.offsets[i : i + 2])
        ones, chain = np.ones(part.stop - part.start), Chain(None, sequences.lengths[i : i + 1])
        result[i] = -loss(scores[part], targets[part].astype(dtype), ones, 1.0, np.empty_like(scores[part]), chain)
    return result
