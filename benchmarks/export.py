"""Models in ONNX: time of the conversion, size of the file, and predictions of ONNX Runtime compared with those of sklstm.

    python benchmarks/export.py

Each model has layers of 64 units and 6 channels; predictions are for sequences of 100 steps, 256 of them and a single one.
Outputs must agree before the timing. Contenders take turns on one thread.
"""
import argparse
import os
import sys

from machine import ONE_THREAD, describe, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
import onnxruntime

from sklstm import LSTMClassifier
from sklstm.export import to_onnx

MODELS = {
    "LSTM": {},
    "LSTM, two layers": {"num_layers": 2},
    "LSTM, bidirectional, attention": {"bidirectional": True, "pooling": "attention"},
    "GRU": {"cell": "gru"},
    "layer normalisation": {"cell": "layernorm"},
    'missing="decay"': {"missing": "decay"},
    'structure="crf"': {"return_sequences": True, "structure": "crf"},
}


def measure(name, seconds, repeats):
    """A row of the table."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(256, 100, 6)).astype(np.float32), np.arange(256) % 3
    y = np.repeat(y[:, np.newaxis], 100, axis=1) if "structure" in MODELS[name] else y
    model = LSTMClassifier(64, max_iter=1, random_state=0, **MODELS[name]).fit(X[:32], y[:32])
    data = to_onnx(model).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(n):
        return session.run(["probabilities"], {"X": X[:n], "lengths": np.full(n, 100)})[0]

    # Both round in float32, and layer normalisation enlarges that: each is by 1e-5 beside a model in float64.
    if not np.allclose(run(256), model.predict_proba(X), rtol=0, atol=1e-4):
        raise SystemExit(f"{name}: ONNX Runtime predicts something else.")
    calls = {"convert": lambda: to_onnx(model)}
    calls |= {f"onnxruntime {n}": lambda n=n: run(n) for n in (256, 1)}
    calls |= {f"sklstm {n}": lambda n=n: model.predict_proba(X[:n]) for n in (256, 1)}
    found = take_turns(calls, seconds, repeats)["seconds"]
    n_weights = sum(value.size for value in model.weights_.values())
    times = [f"{1e3 * found[call]['median']:.2f}" for call in calls]
    return [name, f"{n_weights:,}", f"{len(data) - 4 * n_weights:,}", *times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3, help="per row (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of turns at least (default: %(default)s)")
    options = parser.parse_args()
    pin_to_one_cpu()
    rows = [["model", "weights", "further bytes", "conversion ms", "onnxruntime 256 ms", "1", "sklstm 256 ms", "1"]]
    for name in MODELS:
        print(f"{name} ...", file=sys.stderr)
        rows.append(measure(name, options.seconds, options.repeats))
    print(table(rows))
    print(f"\n{report(describe())}")


if __name__ == "__main__":
    main()
