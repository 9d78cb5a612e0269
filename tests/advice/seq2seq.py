"""Sequences from sequences."""

import numpy as np

from sklstm import LSTMClassifier, LSTMRegressor, LSTMSeq2Seq
from sklstm.inspection import AlignmentDisplay
from sklstm.metrics import exact_match_score, sequence_scorer, step_scorer, token_accuracy_score

from .case import RAGGED, N, X, case, quick

TEXTS = ["ab", "b", "aab", "ba", "bb", "a"]
NUMBERS = X[:, :2, 0]
OF_NUMBERS = [y[: 1 + i % 2] for i, y in enumerate(NUMBERS)]
NEW = ["z", *TEXTS[1:]]
OF_SCORERS = {"sequence_scorer": sequence_scorer, "token_accuracy_score": token_accuracy_score}  # names in advice


def translate(y=TEXTS, X=X, weight=None, **params):
    return quick(LSTMSeq2Seq, params).fit(X, y, weight)


CASES = [
    case(
        lambda: translate(["ab", *OF_NUMBERS[1:]]),
        "Pass a text for each sequence, or a list of tokens for each",
        lambda: translate(),
        lambda: translate(list(map(list, TEXTS))),
    ),
    case(
        lambda: translate(X=["ab", *RAGGED[1:]]),
        "Pass a text for each sequence, or a list of tokens for each",
        lambda: translate(X=TEXTS),
        lambda: translate(X=list(map(list, TEXTS))),
    ),
    case(
        lambda: translate(X=TEXTS).predict("ab"),
        r"Pass it in a list: (\[X\])",
        lambda code: translate(X=TEXTS).predict(eval(code, {"X": "ab"})),
    ),
    case(
        lambda: translate(OF_NUMBERS).attention_weights(X),
        "pass y, the outputs that the decoder reads",
        lambda: translate(OF_NUMBERS).attention_weights(X, OF_NUMBERS),
    ),
    case(
        lambda: exact_match_score("ab", "ab"),
        "Pass a list of texts, lists or arrays, a 2-D array",
        lambda: exact_match_score(["ab"], ["ab"]),
        lambda: exact_match_score([["a", "b"]], [np.array(["a", "b"])]),
        lambda: exact_match_score(np.array([["a", "b"]]), np.array([["a", "b"]])),
    ),
    case(
        lambda: translate(["", *TEXTS[1:]]),
        "Drop such sequences from X and y, or give them a token of their own",
        lambda: translate(TEXTS[1:], X[1:]),
        lambda: translate([["none"], *map(list, TEXTS[1:])]),
    ),
    case(
        lambda: translate(np.arange(N)),
        "use LSTMClassifier or LSTMRegressor",
        lambda: quick(LSTMClassifier, {}).fit(X, np.arange(N) % 2),
        lambda: quick(LSTMRegressor, {}).fit(X, np.arange(N)),
    ),
    case(
        lambda: translate(max_length=2),
        "Shorten it, or set max_length to 'auto' or more",
        lambda: translate([text[:2] for text in TEXTS], max_length=2),
        lambda: translate(),
        lambda: translate(max_length=3),
    ),
    case(
        lambda: translate().partial_fit(X, OF_NUMBERS),
        "Pass y as in fit",
        lambda: translate().partial_fit(X, TEXTS),
    ),
    case(
        lambda: translate(NUMBERS).partial_fit(X, X[:, :2]),
        "Pass as many",
        lambda: translate(NUMBERS).partial_fit(X, NUMBERS),
    ),
    case(
        lambda: quick(LSTMSeq2Seq, {}).partial_fit(X, NUMBERS, classes="ab"),
        "Leave classes out",
        lambda: quick(LSTMSeq2Seq, {}).partial_fit(X, NUMBERS),
    ),
    case(
        lambda: quick(LSTMSeq2Seq, {}).partial_fit(X, TEXTS, classes=[["a", "b"]]),
        "Pass a list of all tokens",
        lambda: quick(LSTMSeq2Seq, {}).partial_fit(X, TEXTS, classes=["a", "b"]),
    ),
    case(
        lambda: translate().partial_fit(X, TEXTS, classes="abc"),
        "Pass the same, or leave classes out",
        lambda: translate().partial_fit(X, TEXTS, classes="ab"),
        lambda: translate().partial_fit(X, TEXTS),
    ),
    case(
        lambda: translate(NUMBERS, beam_width=2),
        "Set beam_width=1; if y holds tokens, set (loss='log_loss')",
        lambda code: translate(NUMBERS, beam_width=1),
        lambda code: translate(np.round(NUMBERS), beam_width=2, **eval(f"dict({code})")),
    ),
    case(
        lambda: translate().partial_fit(X, NEW),
        "Drop such sequences, pass all tokens as classes to the first partial_fit, or set (unknown='map')",
        lambda code: translate().partial_fit(X[1:], NEW[1:]),
        lambda code: quick(LSTMSeq2Seq, {}).partial_fit(X, TEXTS, classes="abz").partial_fit(X, NEW),
        lambda code: translate(**eval(f"dict({code})")).partial_fit(X, NEW),
    ),
    case(
        lambda: translate(NUMBERS).predict(X, n_best=2),
        "this model predicts numbers. Leave it out",
        lambda: translate(NUMBERS).predict(X),
    ),
    case(
        lambda: translate().predict(X, n_steps=2),
        "Leave n_steps out",
        lambda: translate().predict(X),
    ),
    case(
        lambda: translate(OF_NUMBERS).predict(X),
        "pass n_steps, the number of steps to predict, or one for each sequence",
        lambda: translate(OF_NUMBERS).predict(X, n_steps=2),
        lambda: translate(OF_NUMBERS).predict(X, n_steps=list(map(len, OF_NUMBERS))),
    ),
    case(
        lambda: translate(attention=None).attention_weights(X),
        'Fit with (attention="dot") or "additive"',
        lambda code: translate(**eval(f"dict({code})")).attention_weights(X),
        lambda code: translate(attention="additive").attention_weights(X),
    ),
    case(
        lambda: translate(NUMBERS).log_likelihood(X, NUMBERS),
        "this one predicts numbers. Use score",
        lambda: translate(NUMBERS).score(X, NUMBERS),
    ),
    case(
        lambda: translate(scheduled_sampling=0.5, solver="lbfgs"),
        "Set (scheduled_sampling=0), or take another solver",
        lambda code: translate(solver="lbfgs", **eval(f"dict({code})")),
        lambda code: translate(scheduled_sampling=0.5),
    ),
    case(
        lambda: step_scorer("accuracy")(translate(), X, TEXTS),
        r"Use (sequence_scorer\(token_accuracy_score\)), or another metric",
        lambda code: eval(code, OF_SCORERS)(translate(), X, TEXTS),
        lambda code: sequence_scorer(exact_match_score)(translate(), X, TEXTS),
    ),
    case(
        lambda: AlignmentDisplay.from_predictions(translate().attention_weights(X)[0][0]),
        "Pass the weights of one sequence, an entry of what attention_weights returns",
        lambda: AlignmentDisplay.from_predictions(translate().attention_weights(X)[0]),
    ),
]
