"""Advice of messages about sequences that are continued by labels."""

import numpy as np

from .case import case, classify

CODES = np.array([[0, 1, 2, 0, 1], [1, 2, 0, 1, 2]] * 2)
BEFORE, AFTER = CODES[:, :-1, np.newaxis], CODES[:, 1:]
LETTERS = np.array(["a", "b", "c"])


def sample(X=BEFORE, y=AFTER):
    return classify(X, y, return_sequences=True, categorical_features="all").sample(X, 2)


CASES = [
    case(lambda: sample(BEFORE.repeat(2, axis=2)), "Fit on X and y that are the same sequence, y one step later", sample),
    case(lambda: sample(y=np.stack([AFTER > 0, AFTER > 1], axis=2)), "Fit with one label for each set of labels", sample),
    case(
        lambda: sample(y=LETTERS[AFTER]),
        "Fit on y with the values of X, one step later",
        lambda: sample(LETTERS[BEFORE], LETTERS[AFTER]),
    ),
    case(lambda: sample(y=AFTER + 10), "Fit on y with the values of X, one step later", sample),
]
