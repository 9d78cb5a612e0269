"""Number of instructions that the kernels execute: a check for slower code that does not depend on a clock.

    python benchmarks/instructions.py             print the table
    python benchmarks/instructions.py --check     also fail if a count has grown compared with instructions.json
    python benchmarks/instructions.py --record    also write instructions.json

Valgrind's callgrind counts the instructions, with avx2, because it does not support AVX-512. Each count is for one call of a
kernel in float32, after one call that warms up.

The number of instructions is not the time. It does not show cache misses, assists for subnormal numbers, or how many
instructions run at once.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which

from machine import ONE_THREAD, table

RECORD = Path(__file__).with_suffix(".json")
ENVIRONMENT = ONE_THREAD | {"SKLSTM_SIMD": "avx2", "PYTHONHASHSEED": "0"}
# Largest allowed growth, with the compiler of the record and with another one.
SAME_COMPILER, OTHER_COMPILER = 0.03, 0.15
# A function of the C library that nothing else calls; callgrind dumps its counters at each call.
MARK = "ctermid"

B, T, D, H = 16, 24, 8, 64
ROWS, COLUMNS, N_PARAMETERS = 480, 96, 20_000
FUSED = 32, 16  # sequences and channels of the fused forward pass


def recurrence(cell, backward):
    """Forward or backward pass of one layer over a dense batch, and its number of rows and steps."""
    import numpy as np

    from sklstm._kernels import _minibatch
    from sklstm.network.params import ParamLayout
    from sklstm.network.recurrent import RecurrentLayer

    rng, layer = np.random.default_rng(0), RecurrentLayer(D, H, cell)
    x, dy, dx = (rng.standard_normal((B * T, width)).astype(np.float32) for width in (D, H, D))
    layout = ParamLayout(layer.param_shapes())
    theta = 0.3 * rng.standard_normal(layout.size).astype(np.float32)
    grad, ws = np.zeros_like(theta), layer.workspace(B, B * T, np.float32)
    stage = layer.bind(theta, layout.views(theta), ws, x, dy=dy, dx=dx)
    bound = _minibatch.BoundNetwork(theta, [stage], [], B, B * T, x, ws.y, dy)
    starts, lengths = np.arange(0, B * T + 1, B), np.full(B, T)

    def forward_pass():
        bound.run(starts, lengths, x)

    def backward_pass():
        bound.run_backward(grad)

    forward_pass()  # the backward pass uses its results
    return backward_pass if backward else forward_pass, B * T


def inference():
    """Forward pass for predictions of a network of one LSTM layer, and its number of rows and steps."""
    import numpy as np

    n, d = FUSED
    engine, rng = lstm_engine(d, n, n * T)
    x, starts = rng.standard_normal((n * T, d)).astype(np.float32), np.arange(0, n * T + 1, n)
    engine.begin(n)
    return lambda: engine.advance(starts, 0, x), n * T


def stream():
    """One step of one sequence through a whole network, and the number of steps, 1."""
    import numpy as np

    engine, rng = lstm_engine(D, 1, 1)
    x, out = rng.standard_normal((1, D)).astype(np.float32), np.empty((1, 1), np.float32)
    engine.begin(1)
    return lambda: engine.step(x, out), 1


def lstm_engine(d, n_sequences, n_rows):
    """What runs a network of d channels with random weights, and the generator."""
    import numpy as np

    from sklstm.network import Network

    rng, network = np.random.default_rng(0), Network(d, 1, (H,))
    theta = 0.3 * rng.standard_normal(network.layout.size).astype(np.float32)
    return network.engine(network.weights(network.bind(theta)), n_sequences, n_rows), rng


def product():
    """x V + b, mostly a product of packed operands, and the number of rows of x."""
    import numpy as np

    from sklstm._kernels import _minibatch
    from sklstm.network.dense import Dense
    from sklstm.network.params import ParamLayout

    rng, head = np.random.default_rng(0), Dense(H, COLUMNS)
    layout = ParamLayout(head.param_shapes())
    x, dx = rng.standard_normal((2, ROWS, H)).astype(np.float32)
    theta = rng.standard_normal(layout.size).astype(np.float32)
    out, dout = np.empty((2, ROWS, COLUMNS), np.float32)
    stage = head.bind(theta, layout.views(theta), x, dx, out, dout)
    bound = _minibatch.BoundNetwork(theta, [stage], [], ROWS, ROWS, x, out, dout)
    starts, lengths = np.array([0, ROWS]), np.ones(ROWS, np.intp)
    return lambda: bound.run(starts, lengths, x), ROWS


def adam():
    """An optimiser step, and the number of parameters."""
    import numpy as np

    from sklstm._kernels import _optim

    theta, grad, m, v = np.random.default_rng(0).random((4, N_PARAMETERS)).astype(np.float32)
    rates = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    step = _optim.Step("adam", theta, grad, {"m": m, "v": v, "t": 10}, rates)
    return lambda: step.take(1e-3), N_PARAMETERS


# Name -> function that returns a call of the kernel and its number of units, and the unit. Memory is warm.
KERNELS = {
    "LSTM forward": (lambda: recurrence("lstm", False), "row and step"),
    "LSTM backward": (lambda: recurrence("lstm", True), "row and step"),
    "GRU forward": (lambda: recurrence("gru", False), "row and step"),
    "GRU backward": (lambda: recurrence("gru", True), "row and step"),
    "fused LSTM forward": (inference, "row and step"),
    "step of a stream": (stream, "step"),
    "packed product": (product, "row"),
    "Adam step": (adam, "parameter"),
}


def run():
    """Call every kernel with a mark before and after it; callgrind runs this function."""
    mark = getattr(os, MARK)
    units = {}
    for name, (make, _) in KERNELS.items():
        call, units[name] = make()
        call()
        mark()  # ends what came before
        mark()  # ends an interval that contains the cost of a mark
        call()
        mark()  # ends the call
    print(json.dumps(units))


def count():
    """Dict of kernel name to instructions per unit."""
    with tempfile.TemporaryDirectory() as folder:
        dumps = Path(folder, "counts")
        tool = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={dumps}", f"--dump-before={MARK}"]
        command = [*tool, sys.executable, __file__, "--run"]
        result = subprocess.run(command, capture_output=True, text=True, env=os.environ | ENVIRONMENT)
        if result.returncode:
            raise SystemExit(f"The kernels did not run under callgrind:\n{result.stdout}{result.stderr}")
        units = json.loads(result.stdout)
        totals = [_instructions(Path(f"{dumps}.{k + 1}")) for k in range(3 * len(units))]
    pairs = zip(totals[1::3], totals[2::3], strict=True)
    return {name: (call - empty) / units[name] for name, (empty, call) in zip(units, pairs, strict=True)}


def _instructions(dump):
    return int(re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), flags=re.MULTILINE).group(1))


def compiler():
    """Compiler of the kernels, as recorded in them."""
    from sklstm._kernels import _simd

    found = re.search(rb"GCC: [\w(). +~:-]+|clang version [\d.]+", Path(_simd.__file__).read_bytes())
    return found.group().decode() if found else "unknown"


def judge(counts, record, compiled_by):
    """Rows of the table, and a sentence for each count that has grown too much."""
    same = record.get("compiler") == compiled_by
    limit = SAME_COMPILER if same else OTHER_COMPILER
    rows, complaints = [["kernel", "instructions per", "count", "record", "growth, %"]], []
    for name, found in counts.items():
        recorded = record.get("counts", {}).get(name)
        growth = None if recorded is None else found / recorded - 1
        known = ["-", "-"] if growth is None else [f"{recorded:.2f}", f"{100 * growth:+.2f}"]
        rows.append([name, KERNELS[name][1], f"{found:.2f}", *known])
        if growth is None:
            complaints.append(f"{name} is not in the record. Add it with --record.")
        elif growth > limit:
            complaints.append(f"{name}: {100 * growth:.1f} % more instructions than recorded; the limit is {100 * limit:.0f} %.")
    return rows, complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="fail if a count has grown compared with the record")
    action.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    action.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        return run()
    if which("valgrind") is None:
        raise SystemExit("valgrind is not installed.")
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    counts, compiled_by = count(), compiler()
    rows, complaints = judge(counts, record, compiled_by)
    print(f"{table(rows)}\n\ncompiled by {compiled_by}")
    if record and record["compiler"] != compiled_by:
        print(f"recorded with {record['compiler']}: counts may grow by {100 * OTHER_COMPILER:.0f} %")
    if options.record:
        kept = {name: round(value, 2) for name, value in counts.items()}
        RECORD.write_text(json.dumps({"compiler": compiled_by, "counts": kept}, indent=1) + "\n")
    elif options.check and complaints:
        raise SystemExit("\n".join(complaints))


if __name__ == "__main__":
    main()
