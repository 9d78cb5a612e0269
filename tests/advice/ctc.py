"""Advice of messages about `loss="ctc"`."""

import numpy as np

import sklstm.metrics
from sklstm.metrics import step_scorer

from .case import RAGGED, STEPS, N, X, case, classify, value

TEXTS = ["ab", "", "b", "a", "ba", "b"]  # sequences have three steps


def ctc(y=TEXTS, X=X, weight=None, **params):
    return classify(X, y, weight, **{"return_sequences": True, "loss": "ctc"} | params)


def changed(code, **params):
    return ctc(**params | value(f"dict({code})"))


def of_steps(y=STEPS, X=X, **params):
    return classify(X, y, **{"return_sequences": True} | params)


CASES = [
    case(
        lambda: ctc(["ab", ["a"], *TEXTS[2:]]),
        "Other sequences have lists or arrays: pass the same for all",
        lambda: ctc(TEXTS),
        lambda: ctc(list(map(list, TEXTS))),
    ),
    case(lambda: ctc(return_sequences=False), "Set (return_sequences=True)", changed),
    case(lambda: ctc(structure="crf"), "Set (structure=None)", changed),
    case(lambda: ctc(bptt_steps=2), "Set (bptt_steps=None)", changed),
    case(lambda: ctc(label_smoothing=0.1), "Set (label_smoothing=0)", changed),
    case(
        lambda: ctc(class_weight="balanced"),
        "Set (class_weight=None); sample_weight weights sequences",
        lambda code: ctc(weight=np.arange(1.0, N + 1), **value(f"dict({code})")),
    ),
    case(
        lambda: of_steps(beam_width=2),
        'is for (loss="ctc"), .* Set that, or (beam_width=1)',
        lambda loss, _: changed(loss, beam_width=2),
        lambda _, width: of_steps(**value(f"dict({width})")),
    ),
    case(
        lambda: ctc(weight=[np.ones(len(x)) for x in X]),
        "Pass one sample_weight for each sequence",
        lambda: ctc(weight=np.ones(N)),
    ),
    case(lambda: ctc([""] * N), "Pass at least one label", ctc),
    case(
        lambda: ctc([*TEXTS[:5], "bb"], [*RAGGED[:5], X[5][:2]]),
        "Pass longer sequences or fewer labels, or leave the sequence out",
        lambda: ctc([*"abbab", "bb"], [*X[:5], X[5]]),
        lambda: ctc([*"abbab", "b"], [*RAGGED[:5], X[5][:2]]),
        lambda: ctc([*"abbab"], RAGGED[:5]),
    ),
    case(
        lambda: ctc([["a", None, "b"], *map(list, TEXTS[1:])]),
        "Only the end of a sequence may be padded; leave out what is no label",
        lambda: ctc([["a", "b", None], *map(list, TEXTS[1:])]),
        lambda: ctc([["a", "b"], *map(list, TEXTS[1:])]),
    ),
    case(
        lambda: step_scorer("accuracy")(ctc(), X, TEXTS),
        "Use (sequence_scorer.exact_match_score.) or (sequence_scorer.edit_distance_rate.) of sklstm.metrics",
        lambda *codes: [eval(code, vars(sklstm.metrics))(ctc(), X, TEXTS) for code in codes],
    ),
    case(
        lambda: ctc().stream(),
        '(response_method="predict_proba")',
        lambda code: ctc().stream(**value(f"dict({code})")).step(X[0, 0]),
    ),
    case(
        lambda: ctc(X=X[:, :, :1]).sample(X[:1, :, :1], 2),
        'Fit with (loss="log_loss")',
        lambda code: of_steps(X[:, :, 0].astype(int), X[:, :, :1], **value(f"dict({code})")).sample(X[:1, :, :1], 2),
    ),
]
