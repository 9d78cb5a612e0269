"""How much memory streams take beyond their model."""

import gc
import os
import resource

import numpy as np

from sklstm import LSTMRegressor

LIMIT = 100e6  # bytes, for 10,000


def _resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def streams(count, hidden_size=128):
    """What they took, and what is wrong with it."""
    X = np.random.default_rng(0).normal(size=(20, 4, 3))
    model = LSTMRegressor(hidden_size, max_iter=1, random_state=0).fit(X, X[:, 0, 0])
    expected = model.predict(X[:1, :2])
    model.stream().step(X[0, 0])
    gc.collect()
    before, held = _resident(), []
    for _ in range(count):
        stream = model.stream()
        stream.step(X[0, 0])
        held.append(stream)
        if _resident() - before > 10 * LIMIT:
            return f"{len(held)} streams take {(_resident() - before) / 1e6:.0f} MB", "more than 10 times the limit"
    taken = _resident() - before
    right = all((stream.step(X[0, 1]) == expected).all() for stream in held)
    what = f"{count} streams of {hidden_size} units take {taken / 1e6:.0f} MB (process {os.getpid()})"
    return what, "other bits" if not right else f"more than {LIMIT / 1e6:.0f} MB" if taken > LIMIT * count / 10_000 else ""
