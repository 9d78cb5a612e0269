"""Advice of messages about `structure="crf"` and label sequences."""

import numpy as np

from sklstm.inspection import TransitionDisplay
from sklstm.metrics import exact_match_score, sequence_scorer

from .case import STEPS, N, X, case, classify, value

TAGS = np.where(STEPS == 1, "B-x", "O")
WEIGHTS = np.ones(STEPS.shape)
WEIGHTS[2, 1] = 2


def crf(y=STEPS, weight=None, **params):
    return classify(X, y, weight, **{"return_sequences": True, "structure": "crf"} | params)


def changed(code, **params):
    return crf(**params | value(f"dict({code})"))


CASES = [
    case(
        lambda: exact_match_score([[1], [2]], [[1]]),
        "Pass one prediction for each sequence",
        lambda: exact_match_score([[1], [2]], [[1], [1]]),
    ),
    case(
        lambda: exact_match_score([[-100]], [[1]]),
        "Label at least one step of a sequence with a positive weight",
        lambda: exact_match_score([[1]], [[1]]),
    ),
    case(
        lambda: sequence_scorer(exact_match_score)(crf(), X),
        "A scorer of sequences needs y. Pass the targets that the predictions are compared with",
        lambda: sequence_scorer(exact_match_score)(crf(), X, STEPS),
    ),
    case(
        lambda: TransitionDisplay.from_estimator(crf(structure=None)),
        r'Fit an LSTMClassifier with (structure="crf")',
        lambda code: TransitionDisplay.from_estimator(changed(code)),
    ),
    case(lambda: crf(return_sequences=False), "Set (return_sequences=True)", changed),
    case(lambda: crf(bptt_steps=2), "Set (bptt_steps=None)", changed),
    case(lambda: crf(label_smoothing=0.1), "Set (label_smoothing=0)", changed),
    case(
        lambda: crf(class_weight="balanced"),
        "Set (class_weight=None); sample_weight weights sequences",
        lambda code: crf(weight=np.arange(1.0, len(X) + 1), **value(f"dict({code})")),
    ),
    case(
        lambda: crf(structure=None, allowed_transitions="bio"),
        r'allowed_transitions is for (structure="crf"), .* Set that, or leave this at None',
        lambda code: crf(TAGS, allowed_transitions="bio", **value(f"dict({code})")),
        lambda code: crf(TAGS, structure=None, allowed_transitions=None),
    ),
    case(
        lambda: crf(allowed_transitions="bio"),
        "Rename the labels, or pass a dict",
        lambda: crf(TAGS, allowed_transitions="bio"),
        lambda: crf(allowed_transitions={0: [0, 1]}),
    ),
    case(
        lambda: crf(allowed_transitions=[[0, 1], [0, 0]]),
        "Let a label follow each label that others lead to",
        lambda: crf(np.tile([0, 1, 1], (N, 1)), allowed_transitions=[[0, 1], [0, 1]]),
    ),
    case(
        lambda: crf(np.tile([0, 1, 0], (N, 1)), allowed_transitions={1: 1}),
        "Allow it, or change y",
        lambda: crf(np.tile([0, 1, 0], (N, 1)), allowed_transitions={1: [0, 1]}),
        lambda: crf(np.tile([0, 1, 1], (N, 1)), allowed_transitions={1: 1}),
    ),
    case(
        lambda: crf([["a", "b", None]] * 6, allowed_transitions={"b": []}),
        "Allow more, or change y",
        lambda: crf([["a", "b", None]] * 6, allowed_transitions={"b": ["a"]}),
        lambda: crf([["a", "a", "b"]] * 6, allowed_transitions={"b": []}),
    ),
    case(
        lambda: crf(weight=WEIGHTS),
        "Pass one weight for each sequence; a step of weight 0 counts as not labelled",
        lambda: crf(weight=WEIGHTS[:, 0]),
        lambda: crf(weight=WEIGHTS % 2),
    ),
    case(
        lambda: crf(np.stack([STEPS, 1 - STEPS], axis=2)),
        "Pass class labels, or set (structure=None)",
        lambda code: crf(),
        lambda code: changed(code, y=np.stack([STEPS, 1 - STEPS], axis=2)),
    ),
]
