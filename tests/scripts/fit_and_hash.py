"""Print, as JSON, what a fresh process computes: hashes of fitted weights, and whether subnormal numbers still exist."""
import json
import sys
import threading

import numpy as np


def subnormals_exist(dtype=np.float32):
    """Whether this thread keeps subnormal numbers, as results and as operands."""
    info = np.finfo(dtype)
    tiny, smallest = np.full(64, info.tiny, dtype=dtype), np.full(64, info.smallest_subnormal, dtype=dtype)
    half = tiny * dtype(0.5)
    back = smallest * dtype(2.0**20)
    return bool((half > 0).all() and (back > 0).all())


def in_a_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def problem(dtype):
    """Ragged sequences, classes and targets; large enough for several shards in a minibatch."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 3)).astype(dtype) for n in rng.integers(10, 40, size=300)]
    y = np.array([x.sum() for x in X])
    return X, y


def fits():
    import warnings

    import joblib

    from sklstm import LSTMClassifier, LSTMRegressor

    warnings.simplefilter("ignore")
    hashes = {}
    for dtype in (np.float32, np.float64):
        X, y = problem(dtype)
        for model, target in [
            (LSTMRegressor(hidden_size=64, max_iter=2, batch_size=200, random_state=0), y),
            (LSTMClassifier(hidden_size=8, max_iter=2, bidirectional=True, early_stopping=True, random_state=3), y > 0),
        ]:
            model.fit(X, target)
            outputs = model.predict(X) if isinstance(model, LSTMRegressor) else model.predict_proba(X)
            # Sorted lists of plain arrays: nothing in them depends on the process.
            weights = [np.array(value) for _, value in sorted(model.weights_.items())]
            hashes[f"{type(model).__name__} {np.dtype(dtype)}"] = joblib.hash([*weights, outputs])
    return hashes


if __name__ == "__main__":
    report = {"before import": subnormals_exist()}
    import sklstm  # noqa: F401

    report["after import"] = subnormals_exist() and subnormals_exist(np.float64)
    report["after import, in a thread"] = in_a_thread(subnormals_exist)
    report["hashes"] = fits()
    report["after fit"] = subnormals_exist() and subnormals_exist(np.float64)
    report["after fit, in a thread"] = in_a_thread(subnormals_exist)
    json.dump(report, sys.stdout)
