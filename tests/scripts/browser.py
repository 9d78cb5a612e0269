"""Models of `to_onnx` in a web browser: onnxruntime-web in headless Chromium predicts what the estimators do.

    python tests/scripts/browser.py --runtime build/browser/node_modules/onnxruntime-web

The folder is what ``npm install onnxruntime-web`` makes; Chromium is a package of Debian. `make test-browser` installs the former
and runs this. Every cell, direction, pooling and kind of output is run on sequences of different lengths, and the graph of single
steps over 1,000 steps. Prints the largest deviations and the share of labels that agree, and fails where probabilities differ by
more than 1e-5, or those of the 1,000th step by more than 1e-4.
"""

import argparse
import functools
import http.server
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import numpy as np
from onnx.helper import tensor_dtype_to_np_dtype
from sklearn.exceptions import ConvergenceWarning

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.export import to_onnx
from sklstm.network import CELLS

N, T, D, N_STEPS = 20, 9, 3, 1000
TOLERANCE = {"sequences": 1e-5, "stream": 1e-4}
TIMEOUT = 180  # seconds

PAGE = """<!DOCTYPE html><meta charset="utf-8"><script src="runtime/ort.wasm.min.js"></script><script>
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("runtime/", location.href).href;
const kinds = {float32: Float32Array, float64: Float64Array, int64: BigInt64Array};

function tensor({kind, shape, values}) {
  return new ort.Tensor(kind, kinds[kind].from(values, (value) => kind === "int64" ? BigInt(value) : value ?? NaN), shape);
}

const plain = (found) => Array.from(found.data, (value) => typeof value === "bigint" ? Number(value) : value);

async function sequences(session, one) {
  const feeds = Object.fromEntries(Object.entries(one.feeds).map(([name, value]) => [name, tensor(value)]));
  const found = await session.run(feeds);
  return Object.fromEntries(one.outputs.map((name) => [name, plain(found[name])]));
}

async function stream(session, one) {
  let state = Object.fromEntries(Object.entries(one.state).map(([name, value]) => [name, tensor(value)])), found;
  for (const x of one.steps) {
    found = await session.run({X: new ort.Tensor("float32", Float32Array.from(x), [1, x.length]), ...state});
    for (const name in state) state[name] = found[name.replace("state_in_", "state_out_")];
  }
  return Object.fromEntries(one.outputs.map((name) => [name, plain(found[name])]));
}

async function all() {
  const results = {};
  for (const one of await (await fetch("cases.json")).json()) {
    const session = await ort.InferenceSession.create(one.model, {executionProviders: ["wasm"], logSeverityLevel: 3});
    results[one.name] = await {sequences, stream}[one.kind](session, one);
  }
  return {results, browser: navigator.userAgent};
}

all().catch((error) => ({error: String(error && error.stack || error)})).then(
  (found) => fetch("done", {method: "POST", body: JSON.stringify(found)}));
</script>"""


def problem():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, D)).astype(np.float32) for length in [T, *rng.integers(1, T + 1, size=N - 1)]]
    return X, np.array(["left", "right", "up"])[np.arange(N) % 3], [np.arange(len(x)) % 3 for x in X]


def cases():
    """Name -> class, options and y."""
    X, labels, steps = problem()
    found = {
        f"{cell}{', both directions' if both else ''}": (LSTMClassifier, {"cell": cell, "bidirectional": both}, labels)
        for cell in CELLS
        for both in (False, True)
    }
    poolings = ("last", "max", "mean", "attention")
    found["all poolings, learned states"] = (LSTMClassifier, {"pooling": poolings, "initial_state": "learned"}, labels)
    layers = {"num_layers": 3, "residual": True, "bidirectional": True, "merge_mode": "sum"}
    found["residual layers, summed"] = (LSTMClassifier, layers, labels)
    found["missing values"] = (LSTMClassifier, {"missing": "decay"}, labels)
    found["relu"] = (LSTMClassifier, {"activation": "relu"}, labels)
    found["steps"] = (LSTMClassifier, {"return_sequences": True}, steps)
    found["crf"] = (LSTMClassifier, {"return_sequences": True, "structure": "crf"}, steps)
    found["regressor"] = (LSTMRegressor, {}, np.arange(N) / N)
    quantiles = {"loss": "quantile", "quantile": [0.9, 0.1, 0.5]}
    return X, found | {"quantiles": (LSTMRegressor, quantiles, np.arange(N) / N)}


def as_json(array):
    return {"kind": array.dtype.name, "shape": list(array.shape), "values": array.ravel().tolist()}


def written(folder):
    """Write models and what they are fed; returns what is expected: name -> output -> values."""
    X, found = cases()
    described, expected = [], {}
    padded, lengths = np.zeros((N, T, D), np.float32), np.array([len(x) for x in X])
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    for k, (name, (kind, options, y)) in enumerate(found.items()):
        own = padded.copy()
        if "missing" in options:
            own[::2, 1::2, 0] = np.nan
        own_X = [row[:length] for row, length in zip(own, lengths, strict=True)]
        model = kind(6, max_iter=3, random_state=0, **options).fit(own_X, y)
        to_onnx(model, folder / f"{k}.onnx")
        is_classifier = kind is LSTMClassifier
        outputs = ["label", "probabilities"] if is_classifier else ["variable"]
        expected[name] = [model.predict(own_X), model.predict_proba(own_X)] if is_classifier else [model.predict(own_X)]
        values = as_json(own)
        values["values"] = [None if value != value else value for value in values["values"]]  # NaN is no JSON
        feeds = {"X": values, "lengths": as_json(lengths)}
        described.append({"name": name, "kind": "sequences", "model": f"{k}.onnx", "feeds": feeds, "outputs": outputs})
    steps = np.random.default_rng(1).normal(size=(N_STEPS, D)).astype(np.float32)
    for k, cell in enumerate(CELLS):
        model = LSTMClassifier(6, cell=cell, pooling=("last", "mean"), max_iter=3, random_state=0).fit(X, found["lstm"][2])
        proto = to_onnx(model, folder / f"stream{k}.onnx", streaming=True)
        stream, state = model.stream("predict_proba"), {}
        for value in proto.graph.input:
            if value.name != "X":
                shape = [1, *(dim.dim_value for dim in value.type.tensor_type.shape.dim[1:])]
                state[value.name] = as_json(np.zeros(shape, tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)))
        name = f"{cell}, step by step"
        expected[name] = [[stream.step(x) for x in steps][-1]]
        one = {"name": name, "kind": "stream", "model": f"stream{k}.onnx", "state": state, "steps": steps.tolist()}
        described.append(one | {"outputs": ["probabilities"]})
    (folder / "cases.json").write_text(json.dumps(described))
    (folder / "index.html").write_text(PAGE)
    return expected, lengths


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and takes what the page posts."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript", ".wasm": "application/wasm",
    }  # fmt: skip

    def do_POST(self):
        self.server.posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.is_done.set()

    def log_message(self, *_):
        pass


def from_browser(folder, chromium):
    """What the page posts."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    server.is_done, server.posted = threading.Event(), None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = Path(folder) / "profile"
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_port}/index.html"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not server.is_done.wait(TIMEOUT):
            sys.exit(f"{chromium} sent nothing within {TIMEOUT} s.")
    finally:
        browser.terminate()
        browser.wait(30)
        server.shutdown()
    if "error" in server.posted:
        sys.exit(f"The page failed: {server.posted['error']}")
    return server.posted


def rows_of(values, expected, lengths):
    """What the browser returned, flat, as rows for sequences or for all of their steps; and what is expected, the same way."""
    if isinstance(expected, list):
        expected = np.concatenate(expected)
    if len(expected) == lengths.sum() and len(expected) != N:
        is_step = np.arange(T) < lengths[:, np.newaxis]
        return np.reshape(values, (N, T, *expected.shape[1:]))[is_step], expected
    return np.reshape(values, np.shape(expected)), np.asarray(expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtime", type=Path, required=True, help="folder of the package onnxruntime-web")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments = parser.parse_args()
    if not arguments.chromium:
        sys.exit("No Chromium is found. Install it (apt-get install chromium), or name it by --chromium.")
    if not (arguments.runtime / "dist").is_dir():
        sys.exit(f"{arguments.runtime} has no folder dist. Install onnxruntime-web by npm, and pass its folder.")
    warnings.simplefilter("ignore", ConvergenceWarning)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        expected, lengths = written(Path(folder))
        (Path(folder) / "runtime").symlink_to((arguments.runtime / "dist").resolve())
        posted = from_browser(folder, arguments.chromium)
    print(posted["browser"])
    for name, found in posted["results"].items():
        numbers, agree = 0.0, 1.0
        for values, wanted in zip(found.values(), expected[name], strict=True):
            got, wanted = rows_of(values, wanted, lengths)
            if wanted.dtype.kind == "f":
                numbers = max(numbers, float(np.abs(got.astype(float) - wanted).max()))
            else:
                agree = float((got == wanted).mean())
        is_right = numbers <= TOLERANCE["stream" if "step by step" in name else "sequences"] and agree >= 0.99
        failed |= not is_right
        print(f"{name:34} {numbers:8.1e}  {agree:6.1%}{'' if is_right else '  FAILED'}")
    sys.exit(failed or len(posted["results"]) != len(expected))


if __name__ == "__main__":
    main()
