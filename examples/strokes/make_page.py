"""
Strokes in a web page
=====================

A network recognises strokes while they are drawn, in a web page that is one file: trained here, exported as C in integers, and
compiled to WebAssembly. Run it with a path for the page; it needs ``pip install ziglang``, or clang with wasm-ld::

    python examples/strokes/make_page.py strokes.html
"""

import argparse
import base64
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from operator import itemgetter
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from strokes import SPACING, directions, sequences, strokes, trained

from sklstm.export import to_c
from sklstm.inspection import gate_activations

FOLDER = Path(__file__).parent
N_EXAMPLES = 3  # of each class
LONGEST = 200, 260  # pixels: of the longer side of an example
SURE = 0.97  # probability of an example, at least, where there are such
APART = 6  # pixels between its points, at least

# WebAssembly without a library has no math.h; JavaScript has the exponential.
MATH = '__attribute__((import_module("math"), import_name("exp"))) float expf(float);\n'
FLAGS = "-O2 -s -nostdlib -std=c99 -I. -Wl,--no-entry -Wl,-z,stack-size=4096 stroke.c -o stroke.wasm".split()


def compiler():
    """A command that compiles C to WebAssembly."""
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding"]
    if shutil.which("clang") and shutil.which("wasm-ld"):
        return ["clang", "--target=wasm32", "-ffreestanding"]
    sys.exit("No compiler of WebAssembly is found. Install one: pip install ziglang, or Debian's packages clang and lld.")


def compiled(model, X, header=None):
    """The network as WebAssembly; the header is kept at a path, if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        to_c(model, folder / "stroke.h", name="stroke", dtype="q15", X_calibration=X[:500])
        if header is not None:
            shutil.copy(folder / "stroke.h", header)
        shutil.copy(FOLDER / "stroke.c", folder)
        (folder / "math.h").write_text(MATH)
        subprocess.run([*compiler(), *FLAGS], cwd=folder, check=True)
        return (folder / "stroke.wasm").read_bytes()


def in_order(model, X):
    """Numbers of the units, of which those that do the same are beside each other."""
    hidden = np.concatenate(list(gate_activations(model, X[:100])["h"]))
    return leaves_list(linkage(hidden.T, method="average", metric="correlation", optimal_ordering=True)).tolist()


def thinned(points):
    """Whole numbers of pixels, some apart from each other."""
    kept = [np.rint(points[0])]
    for point in np.rint(points[1:]):
        if np.hypot(*(point - kept[-1])) >= APART:
            kept.append(point)
    return np.array(kept)


def examples(model):
    """Of each class some strokes of which the network is sure, as differences of a byte each, in base64."""
    found = {name: [] for name in model.classes_}
    for points, name in zip(*strokes(1000, seed=2, roughness=0.4), strict=True):
        points = thinned(points)
        steps = np.diff(points, axis=0)
        if LONGEST[0] <= np.ptp(points, axis=0).max() <= LONGEST[1] and np.abs(steps).max() < 128:
            sure = model.predict_proba([directions(points)])[0][-1][model.classes_ == name].item()
            found[name].append((max(SURE - sure, 0), base64.b64encode(steps.astype(np.int8).tobytes()).decode()))
    return [[text for _, text in sorted(of_class, key=itemgetter(0))[:N_EXAMPLES]] for of_class in found.values()]


def page(model, X, header=None):
    """The text of the page, of a network and what it was trained on."""
    module = compiled(model, X, header)
    X_new, y_new = sequences(1000, seed=1)
    is_right = [labels[-1] == names[-1] for labels, names in zip(model.predict(X_new), y_new, strict=True)]
    n_units = model.hidden_size
    facts = {
        "classes": model.classes_.tolist(),
        "n_units": n_units,
        "spacing": SPACING,
        "order": in_order(model, X),
        "examples": examples(model),
        "module": base64.b64encode(module).decode(),
    }
    parts = {
        "css": (FOLDER / "page.css").read_text().strip(),
        "js": (FOLDER / "page.js").read_text().strip(),
        "facts": json.dumps(facts, separators=(",", ":")),
        "spacing": f"{SPACING:g}",
        "n_units": str(n_units),
        "n_bytes": f"{len(module):,}",
        "accuracy": f"{100 * np.mean(is_right):.1f} %",
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], (FOLDER / "page.html").read_text())


def main():
    parser = argparse.ArgumentParser(description="Write a web page that recognises strokes while they are drawn.")
    parser.add_argument("path", nargs="?", type=Path, default=Path("strokes.html"), help="default: strokes.html")
    path = parser.parse_args().path
    compiler()  # before the training, which takes half a minute
    if not path.absolute().parent.is_dir() or path.is_dir():
        sys.exit(f"{path} cannot be written. Pass the path of a file in a folder that is there.")
    text = page(*trained())
    path.write_text(text)
    print(f"{path}: {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
