"""Time of class probabilities of a batch of sequences: sklstm compared with PyTorch and ONNX Runtime.

    python benchmarks/predict.py                 LSTM
    python benchmarks/predict.py --cell gru      another cell that the other packages have

sklstm        `predict_proba` of a fitted `LSTMClassifier`, validation of X included.
torch         nn.LSTM (nn.GRU, nn.RNN), a linear head and softmax under inference_mode, on a tensor made before the timing.
              Ragged: the faster of pad_sequence and pack_sequence(enforce_sorted=False), within the call.
ONNX Runtime  The operators LSTM (GRU, RNN), Gemm and Softmax in one graph, on a time-major array made before the timing. Ragged:
              padded within the call, with the operator's sequence_lens. float32 only.

The contenders have the same weights and take turns in one process, on one thread and, where the system allows it, on one CPU.
Their probabilities must agree. A ratio is the median of the ratios within each round. Lengths of a ragged batch are uniform
from T/4 to T. GFLOP/s counts only the products with W and R.
"""
import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path

from machine import ONE_THREAD, describe, large_product, pin_to_one_cpu, report, table, take_turns

os.environ.update(ONE_THREAD)

import numpy as np
from pictures import draw
from train_step import N_CLASSES, PEERS, Packs, TorchNetwork, read_shape

from sklstm import LSTMClassifier
from sklstm.parallel import single_threaded_blas

SHAPES = tuple(
    (B, 100, D, H) for B in (1, 32, 256) for D, H in ((8, 8), (8, 16), (8, 32), (16, 64), (32, 128), (64, 256), (128, 512))
)
# Largest difference of a probability. In float32 5e-7 was measured at most.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
# Blocks of rows of the operator's W and R as blocks of columns of ours: i o f c, z r h.
ONNX_BLOCKS = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "rnn": (0,)}


def fitted(shape, dtype, cell):
    """Classifier for sequences of this shape; its weights do not matter."""
    _, _, D, H = shape
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2 * N_CLASSES, 3, D)).astype(dtype)
    return LSTMClassifier(H, cell=cell, pooling="last", max_iter=1, random_state=0).fit(X, np.arange(len(X)) % N_CLASSES)


def weights_of(model):
    names = {"W": "layer_0.W", "R": "layer_0.R", "b": "layer_0.b", "V": "head.V", "d": "head.b"}
    return {short: np.array(model.weights_[name]) for short, name in names.items()}


class Sklstm:
    """`predict_proba` of this package."""

    name = "sklstm"

    def __init__(self, model, sequences, ragged):
        self.model = model
        self.X = sequences if ragged else np.stack(sequences)

    def run(self):
        return self.model.predict_proba(self.X)


class Torch(TorchNetwork):
    """The network and softmax in PyTorch, without gradients."""

    name = "torch"

    def __init__(self, model, sequences, ragged):
        super().__init__(weights_of(model), model.cell, sequences, ragged)

    def run(self):
        with self.torch.inference_mode():
            return self.torch.softmax(self.head(self.last_h()), dim=1).numpy()


class TorchPacked(Packs, Torch):
    """The same on a PackedSequence."""


class OnnxRuntime:
    """The operator in ONNX Runtime."""

    name = "ONNX Runtime"

    def __init__(self, model, sequences, ragged):
        self.lengths = np.array([len(x) for x in sequences], dtype=np.int32)
        self.sequences, self.ragged = sequences, ragged
        self.X = np.zeros((self.lengths.max(), len(sequences), sequences[0].shape[1]), dtype=sequences[0].dtype)
        for r, x in enumerate(sequences):
            self.X[: len(x), r] = x
        self.session = onnx_session(weights_of(model), model.cell, with_lengths=ragged)

    def run(self):
        if not self.ragged:
            return self.session.run(None, {"X": self.X})[0]
        X = np.zeros_like(self.X)
        for r, x in enumerate(self.sequences):
            X[: len(x), r] = x
        return self.session.run(None, {"X": X, "lengths": self.lengths})[0]


def onnx_session(p, cell, with_lengths=False, with_state=False):
    """X (T, B, D)[, lengths][, h, c] -> probabilities (B, K)[, h, c], as a session on as many threads as OMP_NUM_THREADS says.

    Parameters
    ----------
    p : dict of str to ndarray
        From `weights_of`.
    cell : str
    with_lengths : bool
        Sequences of different lengths.
    with_state : bool
        The state goes in and comes out, (1, B, H) each.
    """
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    H, blocks = len(p["R"]), ONNX_BLOCKS[cell]

    def arranged(columns):
        return np.vstack([columns[:, k * H : (k + 1) * H].T for k in blocks])

    bias_ih, bias_hh = PEERS[cell].split_bias(p["b"], H)
    bias = np.vstack([arranged(b[np.newaxis]) for b in (bias_ih, bias_hh)])[:, 0]
    constants = {name: arranged(p[name])[np.newaxis] for name in "WR"} | {"B": bias[np.newaxis], "V": p["V"], "d": p["d"]}
    states = ["h", "c"][: 2 if cell == "lstm" else 1] if with_state else []
    inputs = ["X", "W", "R", "B", "lengths" if with_lengths else "", *states]
    attributes = {"linear_before_reset": 1} if cell == "gru" else {}
    ends = ["", "h_end", *(["c_end"] if "c" in states else [])]
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [-1, H])
    nodes = [
        helper.make_node(PEERS[cell].module, inputs, ends, hidden_size=H, **attributes),
        helper.make_node("Reshape", ["h_end", "shape"], ["last"]),
        helper.make_node("Gemm", ["last", "V", "d"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    value = partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)
    given = [value("X", shape=[None, None, len(p["W"])]), *(value(name, shape=[1, None, H]) for name in states)]
    if with_lengths:
        given.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [None]))
    results = [value("probabilities", shape=[None, len(p["d"])]), *(value(f"{name}_end", shape=[1, None, H]) for name in states)]
    arrays = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "classifier", given, results, [*arrays, shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = int(os.environ["OMP_NUM_THREADS"]), 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def measure(shape, ragged, dtype, cell, contenders, seconds, repeats):
    """Time the contenders on a shape; returns the result of `take_turns` and the problem, as plain values."""
    B, T, D, _ = shape
    model, rng = fitted(shape, dtype, cell), np.random.default_rng(1)
    lengths = rng.integers(max(T // 4, 1), T + 1, size=B) if ragged else np.full(B, T)
    sequences = [rng.standard_normal((length, D)).astype(dtype) for length in lengths]
    runners = [contender(model, sequences, ragged) for contender in contenders]
    expected = runners[0].run()
    for runner in runners[1:]:
        error = np.abs(runner.run() - expected).max()
        if not error <= TOLERANCE[dtype]:
            raise SystemExit(f"{runner.name} does different work: a probability differs by {error:.1e}.")
    gemm, gemm_flops = large_product(dtype)
    turns = take_turns({runner.name: runner.run for runner in runners} | {"gemm": gemm}, seconds, repeats)
    flops = int(lengths.sum()) * 2 * sum(weights_of(model)[name].size for name in "WR")
    return turns | {
        "batch": "ragged" if ragged else "dense",
        "shape": shape,
        "fastest peer": min((turns["ratio"][runner.name]["median"], runner.name) for runner in runners[1:]),
        "GFLOP/s": 1e-9 * flops / turns["seconds"]["sklstm"]["median"],
        "% of gemm": 100 * flops / gemm_flops * turns["ratio"]["gemm"]["median"],
    }


def table_rows(results, names):
    rows = [["batch", "B,T,D,H", "sklstm ms", *(f"{name} /" for name in names), "% of gemm"]]
    for result in results:
        ratios = (result["ratio"].get(name, {"median": np.nan})["median"] for name in names)
        cells = ("-" if np.isnan(x) else f"{x:.2f}" for x in ratios)
        shape, own = ",".join(map(str, result["shape"])), f"{1e3 * result['seconds']['sklstm']['median']:#.3g}"
        rows.append([result["batch"], shape, own, *cells, f"{result['% of gemm']:.0f}"])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cell", choices=PEERS, default="lstm", help="which cell (default: %(default)s)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--shapes", nargs="+", type=read_shape, default=SHAPES, metavar="B,T,D,H")
    parser.add_argument("--batches", nargs="+", choices=("dense", "ragged"), default=("dense", "ragged"))
    parser.add_argument("--seconds", type=float, default=3, help="time per shape and kind of batch (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=7, help="minimum number of rounds (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, with quartiles, to this file")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios to this file")
    options = parser.parse_args()
    pin_to_one_cpu()

    onnx = [OnnxRuntime] if options.dtype == "float32" else []
    results = []
    with single_threaded_blas():
        for batch in options.batches:
            for shape in options.shapes:
                print(f"{batch} {shape} ...", file=sys.stderr)
                contenders = [Sklstm, Torch, *([TorchPacked] if batch == "ragged" else []), *onnx]
                results.append(
                    measure(shape, batch == "ragged", options.dtype, options.cell, contenders, options.seconds, options.repeats)
                )
        facts = describe()
    print(table(table_rows(results, [peer.name for peer in (Torch, TorchPacked, *onnx)])))
    share = min(result["share of the CPU"] for result in results)
    print(f"\n{options.cell}, {options.dtype}, one thread; this process had at least {100 * share:.0f} % of its CPU.\n")
    print(report(facts))
    drawn = {"picture": "ratio_lines", "title": f"Prediction: {options.cell}, {options.dtype}", "results": results}
    record = {"cell": options.cell, "dtype": options.dtype, "machine": facts} | drawn
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if options.picture:
        draw(record, options.picture)


if __name__ == "__main__":
    main()
