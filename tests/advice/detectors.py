"""Outlier detectors."""

import numpy as np
import pandas as pd

from sklstm import LSTMOutlierDetector

from .case import case, quick

SERIES = [np.sin(np.arange(60.0) + i) for i in range(3)]
MANY = np.sin(np.arange(120.0)).reshape(12, 10)


def detect(X=SERIES, weight=None, X_val=None, groups=None, **params):
    return quick(LSTMOutlierDetector, params).fit(X, None, weight, X_val, groups=groups)


def streamed():
    stream = detect().stream()
    stream.step([0.0])
    return stream


def assigned(**changed):
    state = streamed().state | changed
    streamed().state = {name: array for name, array in state.items() if array is not None}


def table():
    return pd.DataFrame(np.sin(np.arange(1200.0)).reshape(600, 2))


CASES = [
    case(
        lambda: detect(horizon=60),
        "Set a smaller horizon, or pass longer sequences",
        lambda: detect(horizon=10),
        lambda: detect([np.tile(SERIES[0], 3)], horizon=60),
    ),
    case(
        lambda: detect(bidirectional=True),
        "Set bidirectional=False, or target=.reconstruct.",
        lambda: detect(bidirectional=False),
        lambda: detect(bidirectional=True, target="reconstruct"),
    ),
    case(
        lambda: detect(target="reconstruct", horizon=2),
        "Set horizon=1",
        lambda: detect(target="reconstruct", horizon=1),
    ),
    case(
        lambda: detect(target="reconstruct").stream(),
        "Fit with target='next'",
        lambda: detect(target="next").stream(),
    ),
    case(
        lambda: detect([SERIES[0][:3]]),
        "Pass more or longer sequences, or X_val",
        lambda: detect([SERIES[0][:30]]),
        lambda: detect([x[:3] for x in SERIES] * 9),
        lambda: detect([SERIES[0][:3]], X_val=SERIES),
    ),
    case(
        lambda: detect(MANY, validation_fraction=0.99),
        "Set another validation_fraction, or pass X_val",
        lambda: detect(MANY, validation_fraction=0.5),
        lambda: detect(MANY, validation_fraction=0.99, X_val=MANY),
    ),
    case(
        lambda: detect([x[:1] for x in SERIES]),
        "Pass sequences of at least 2 steps, with values and positive weights",
        lambda: detect(),
    ),
    case(
        lambda: detect(MANY, np.ones_like(MANY)),
        r"Pass (list\(sample_weight\)) for weights of steps",
        lambda code: detect(MANY, eval(code, {"sample_weight": np.ones_like(MANY)})),
    ),
    case(
        lambda: detect([[x] for x in SERIES[0]]),
        r"Pass one series x as (\[x\])",
        lambda code: detect(eval(code, {"x": SERIES[0]})),
    ),
    case(
        lambda: detect(table()),
        r"pass (\[X\]), or for a DataFrame (\[X.to_numpy\(\)\])",
        lambda array, _: detect(eval(array, {"X": table().to_numpy()})),
        lambda _, frame: detect(eval(frame, {"X": table()})),
    ),
    case(
        lambda: detect([np.arange(20) % 3], categorical_features="all"),
        "all are categorical, or times. Add one",
        lambda: detect([np.column_stack([np.arange(20) % 3, np.arange(20) % 7])], categorical_features=[0]),
    ),
    case(
        lambda: detect().score_samples([SERIES[0], SERIES[1][:1]]),
        "Leave the sequence out, or pass more of it",
        lambda: detect().score_samples(SERIES[:1]),
        lambda: detect().score_samples([SERIES[0], SERIES[1][:2]]),
    ),
    case(
        lambda: detect().set_threshold([x[:1] for x in SERIES]),
        "Pass longer sequences",
        lambda: detect().set_threshold(SERIES),
    ),
    case(
        lambda: assigned(**{"detector.smoothed": None}),
        "Pass a state of a stream of this model",
        lambda: assigned(),
    ),
    case(
        lambda: assigned(**{"detector.predictions": np.zeros(1)}),
        "Pass a state of a stream of this model",
        lambda: assigned(),
    ),
    case(
        lambda: assigned(**{"detector.predictions": np.full((1, 1, 1, 1), np.inf)}),
        r"Start anew with reset\(\)",
        lambda: streamed().reset(),
    ),
]
