"""Advice of messages about times of steps."""

import numpy as np
import pandas as pd

from sklstm import Sequences
from sklstm.inspection import step_importance

from .case import T, X, Y, case, classify, long, value

N_STEPS = len(X) * T
HOURS = np.arange(N_STEPS) * 3.0
PLAIN = Sequences.from_list(list(X))
TIMED = PLAIN.with_times(HOURS)
CHANNEL = np.concatenate([X, HOURS.reshape(-1, T, 1)], axis=2)
LATE = CHANNEL + np.array([0, 0, 2e9])
LONG = {"id": [1, 1, 2, 2], "x": [1.0, 2.0, 3.0, 4.0], "t": [1, 3, 0, 5]}


def changed(at, time, dtype=float):
    times = HOURS.astype(dtype)
    times[at] = time
    return times


def streaming(time, model=None, x=X[0, 0], before=0.0):
    """A step of a stream after another one."""
    stream = (classify(TIMED) if model is None else model).stream()
    if before is not None:
        stream.step(x, time=before)
    return stream.step(x, time=time)


def by_channel(X=CHANNEL, **params):
    return classify(X, time_feature=2, **params)


def step_of_channel(time):
    return by_channel().stream().step(CHANNEL[0, 0], time)


CASES = [
    case(lambda: PLAIN.with_times(changed(1, 0)), "Merge or drop one", lambda: PLAIN.with_times(changed(1, 0.5))),
    case(
        lambda: PLAIN.with_times(changed(1, 0)),
        "or pass times with more digits",
        lambda: PLAIN.with_times(changed(1, 0.001)),
    ),
    case(lambda: PLAIN.with_times(changed(1, -9)), "Sort the steps of each sequence by time", lambda: PLAIN.with_times(HOURS)),
    case(
        lambda: by_channel(np.concatenate([CHANNEL, np.zeros((len(X), 2, 3))], axis=1)),
        "leave padding out",
        lambda: by_channel(np.concatenate([CHANNEL + 1, np.zeros((len(X), 2, 3))], axis=1), padding=0),
    ),
    case(lambda: PLAIN.with_times(changed(4, np.inf)), "Drop the step", lambda: PLAIN.with_times(changed(4, 10))),
    case(lambda: PLAIN.with_times(changed(4, np.nan)), "Fill it, or drop the step", lambda: PLAIN.with_times(changed(4, 10))),
    case(lambda: PLAIN.with_times(HOURS[:4]), "Pass as many", lambda: PLAIN.with_times(HOURS)),
    case(
        lambda: PLAIN.with_times(HOURS.astype("m8[M]")),
        "Pass days",
        lambda: PLAIN.with_times(HOURS.astype("m8[D]")),
    ),
    case(
        lambda: PLAIN.with_times(pd.Categorical(np.arange(N_STEPS), ordered=True)),
        "Expected one time for each step: numbers",
        lambda: PLAIN.with_times(np.arange(N_STEPS)),
    ),
    case(lambda: long(LONG, elapsed=True), "Name their column: time=", lambda: long(LONG, elapsed=True, time="t")),
    case(
        lambda: long(LONG, elapsed=True, time="t", freq=1),
        "Leave out one",
        lambda: long(LONG, elapsed=True, time="t"),
        lambda: long(LONG, time="t", freq=1),
    ),
    case(
        lambda: classify(X).predict(TIMED),
        r"Pass (X.with_times\(None\)), or fit with them",
        lambda code: classify(X).predict(value(code, X=TIMED)),
        lambda _: classify(TIMED).predict(TIMED),
    ),
    case(
        lambda: classify(TIMED).predict(X),
        r"Sequences.from_long\(..., time=..., elapsed=True\), X.with_times\(times\), or time_feature",
        lambda: classify(TIMED).predict(PLAIN.with_times(HOURS)),
        lambda: by_channel().predict(CHANNEL),
    ),
    case(
        lambda: classify(TIMED).predict(PLAIN.with_times(HOURS.astype("M8[h]"))),
        "Pass the same kind",
        lambda: classify(TIMED).predict(TIMED),
    ),
    case(
        lambda: classify(Sequences.from_list(list(X[:, :1])).with_times(np.arange(len(X)))),
        "Leave the times out, or pass longer sequences",
        lambda: classify(TIMED),
    ),
    case(
        lambda: by_channel(Sequences.from_list(list(CHANNEL)).with_times(HOURS)),
        r"Pass (X.with_times\(None\))",
        lambda code: by_channel(value(code, X=Sequences.from_list(list(CHANNEL)).with_times(HOURS))),
    ),
    case(lambda: by_channel(categorical_features=[2]), "Leave one out", lambda: by_channel(), lambda: classify(CHANNEL // 3)),
    case(
        lambda: by_channel((LATE).astype(np.float32)),
        "pass X in float64, or smaller times",
        lambda: by_channel(LATE),
        lambda: by_channel(CHANNEL.astype(np.float32)),
    ),
    case(
        lambda: step_importance(by_channel(), CHANNEL, Y, channels=[0, 2]),
        "Leave it out",
        lambda: step_importance(by_channel(), CHANNEL, Y, channels=[0]),
    ),
    case(lambda: streaming([3, 4]), "Pass as many", lambda: streaming([3])),
    case(lambda: streaming("2024-01-01"), "Pass the same kind", lambda: streaming(3)),
    case(lambda: streaming(np.nan), "Pass a finite one", lambda: streaming(3)),
    case(lambda: streaming(0.0), r"reset\(\) starts a new sequence", lambda: streaming(0.0, before=None)),
    case(
        lambda: step_of_channel(3),
        "Leave the argument time out",
        lambda: step_of_channel(None),
    ),
    case(lambda: streaming(None, before=None), r"step\(x_t, time=...\)", lambda: streaming(3, before=None)),
    case(
        lambda: streaming(3, classify(X), before=None),
        "Leave the argument time out",
        lambda: streaming(None, classify(X), before=None),
    ),
]
