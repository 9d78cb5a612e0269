"""Advice of messages about sequences that are continued by labels."""

import numpy as np

from sklstm import Sequences
from sklstm.inspection import integrated_gradients

from .case import Unreadable, X, case, classify, regress, value

CODES = np.array([[0, 1, 2, 0, 1], [1, 2, 0, 1, 2]] * 2)
BEFORE, AFTER = CODES[:, :-1, np.newaxis], CODES[:, 1:]
LETTERS = np.array(["a", "b", "c"])


TIMES = np.arange(17)


def sample(X=BEFORE, y=AFTER, **params):
    return classify(X, y, return_sequences=True, categorical_features="all", **params).sample(X, 2)


def draw(y=X[:, 1:], dtype=float, **options):
    model = regress(X[:, :-1].astype(dtype), y, return_sequences=True, loss="gaussian_mixture")
    return model.sample(X, 2, **options)


CASES = [
    case(lambda: draw(X[:, 1:, 0]), "Fit on y with all channels of X, one step later", draw),
    case(
        lambda: draw(dtype=np.float32, temperature=1e100),
        "Pass a lower temperature",
        lambda: draw(dtype=np.float32, temperature=10),
    ),
    case(
        lambda: regress(loss="gaussian_mixture").predict_quantile(X, Unreadable()),
        "Pass a number between 0 and 1, or several",
        lambda: regress(loss="gaussian_mixture").predict_quantile(X, 0.5),
        lambda: regress(loss="gaussian_mixture").predict_quantile(X, [0.1, 0.9]),
    ),
    case(
        lambda: integrated_gradients(regress(loss="gaussian_mixture"), X),
        r"Fit with another loss, such as ('squared_error')",
        lambda loss: integrated_gradients(regress(loss=value(loss)), X),
    ),
    case(lambda: sample(BEFORE.repeat(2, axis=2)), "Fit on X and y that are the same sequence, y one step later", sample),
    case(lambda: sample(y=np.stack([AFTER > 0, AFTER > 1], axis=2)), "Fit with one label for each set of labels", sample),
    case(
        lambda: sample(y=LETTERS[AFTER]),
        "Fit on y with the values of X, one step later",
        lambda: sample(LETTERS[BEFORE], LETTERS[AFTER]),
    ),
    case(lambda: sample(structure="crf"), "Fit without it", sample),
    case(lambda: sample(Sequences(BEFORE.reshape(-1, 1), TIMES[::4], times=TIMES[:-1])), "Fit without times", sample),
    case(lambda: sample(y=AFTER + 10), "Fit on y with the values of X, one step later", sample),
]
