"""The page of examples/strokes in headless Chromium: it finds in strokes what the estimator and the C header do.

    python tests/scripts/stroke_page.py

Needs a compiler of WebAssembly (ziglang of PyPI, or clang and lld), one of C, and Chromium, a package of Debian; the former is
installed by `make test-browser`, which runs this. A network is trained for some seconds and its page written; events of a pointer
draw strokes in it that the generator makes. Labels and hidden states of every step and the whole state at the end have to be
those of the same header compiled here, bit for bit. Labels have to be those of the estimator in 99 % of steps, and probabilities
near its own. The page has to show the label of a stroke, play its examples, be cleared by Escape, and load nothing.
"""

import argparse
import ctypes
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from browser import from_browser
from sklearn.exceptions import ConvergenceWarning

from sklstm.export.c.run import compiler

FOLDER = Path(__file__).parents[2] / "examples" / "strokes"
sys.path.append(str(FOLDER))

from make_page import page  # noqa: E402 - of that folder
from strokes import directions, strokes, trained  # noqa: E402 - likewise

N = 100
# Of labels, and deviations of probabilities: integers of 16 bits have the largest at corners, where all change within a step.
AGREEMENT, LARGEST, MEAN = 0.99, 5e-2, 1e-3

DRIVER = """<!DOCTYPE html><meta charset="utf-8"><iframe src="strokes.html" width="1100" height="1000"></iframe><script>
const wait = (time) => new Promise((done) => setTimeout(done, time));
const frame = document.querySelector("iframe");

async function until(test, what) {
  for (let k = 0; k < 300; k++, await wait(50)) if (test()) return;
  throw new Error(`The page did not ${what}.`);
}

async function all() {
  const view = frame.contentWindow, inside = (id) => view.document.getElementById(id), get = (name) => view.eval(name);
  await get("ready");
  const pad = inside("pad"), box = pad.getBoundingClientRect(), result = () => inside("result").textContent;
  const send = (type, [x, y]) => pad.dispatchEvent(new view.PointerEvent(type, {
    pointerId: 1, clientX: box.left + x, clientY: box.top + y, bubbles: true, isPrimary: true}));
  const strokes = [];
  for (const points of await (await fetch("strokes.json")).json()) {
    send("pointerdown", points[0]);
    for (const point of points.slice(1)) send("pointermove", point);
    send("pointerup", points.at(-1));
    const steps = get("stroke.steps").map((step) => ({
      label: step.label, probabilities: Array.from(step.probabilities), hidden: Array.from(step.hidden)}));
    strokes.push({steps, state: Array.from(get("network.state()")), result: result()});
  }
  await until(() => inside("verdict").textContent.startsWith(strokes.at(-1).result.split(",")[0]), "show its verdict");
  const examples = [];
  for (const button of view.document.querySelectorAll("#classes button")) {
    button.click();
    await until(result, "finish an example");
    examples.push([button.querySelector(".name").textContent, result().split(",")[0]]);
  }
  view.dispatchEvent(new view.KeyboardEvent("keydown", {key: "Escape"}));
  await until(() => !inside("verdict").textContent && !result(), "become empty by Escape");
  const loaded = view.performance.getEntriesByType("resource").map((entry) => entry.name);
  return {strokes, examples, loaded, browser: navigator.userAgent};
}

frame.addEventListener("load", () => all().catch((error) => ({error: String(error && error.stack || error)})).then(
  (found) => fetch("done", {method: "POST", body: JSON.stringify(found)})));
</script>"""


def on_host(folder):
    """A function of directions (n_steps, 3) that returns labels (n_steps,), hidden states, and bytes of the state at the end."""
    shutil.copy(FOLDER / "stroke.c", folder)
    flags = ["-std=c99", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "stroke.c", "-o", "stroke.so", "-lm"]
    subprocess.run([*compiler(), *flags], cwd=folder, check=True)
    library = ctypes.CDLL(folder / "stroke.so")
    for function in (library.input, library.hidden, library.whole_state):
        function.restype = ctypes.c_void_p

    def run(x, n_units):
        at = np.ctypeslib.as_array((ctypes.c_float * x.shape[1]).from_address(library.input()))
        h = np.ctypeslib.as_array((ctypes.c_int16 * n_units).from_address(library.hidden()))
        labels, hidden = [], []
        library.begin()
        for row in x:
            at[:] = row
            labels.append(library.step())
            hidden.append(h.copy())
        return np.array(labels), np.array(hidden), ctypes.string_at(library.whole_state(), library.size_of_state())

    return run


def problems(posted, model, X, run):
    """What is wrong with what the page posted, in words; prints how far it is from the estimator."""
    labels, probabilities = [], []
    for stroke, x in zip(posted["strokes"], X, strict=True):
        found = {name: np.array([step[name] for step in stroke["steps"]]) for name in ("label", "probabilities", "hidden")}
        on_host_labels, hidden, state = run(x, model.hidden_size)
        if len(found["label"]) != len(x):
            yield f"a stroke has {len(found['label'])} steps, not {len(x)}"
            return
        if not (np.array_equal(found["label"], on_host_labels) and np.array_equal(found["hidden"], hidden)):
            yield "labels or hidden states are not those of the header on this machine"
        if bytes(stroke["state"]) != state:
            yield "the state at the end is not that of the header on this machine"
        if stroke["result"].split(",")[0] != model.classes_[found["label"][-1]]:
            yield f"{stroke['result']!r} is shown, not {model.classes_[found['label'][-1]]}"
        labels.append(found["label"])
        probabilities.append(found["probabilities"])
    agreement = np.mean(model.classes_[np.concatenate(labels)] == np.concatenate(model.predict(X)))
    deviations = np.abs(np.concatenate(probabilities) - np.concatenate(model.predict_proba(X)))
    n_steps = sum(map(len, labels))
    print(f"{len(X)} strokes, {n_steps} steps: labels of the estimator {agreement:.2%};", end=" ")
    print(f"probabilities {deviations.max():.1e} off at most, {deviations.mean():.1e} on average")
    if agreement < AGREEMENT or deviations.max() > LARGEST or deviations.mean() > MEAN:
        yield "it is too far from the estimator"
    if [name for name, _ in posted["examples"]] != model.classes_.tolist():
        yield f"there are no examples of all classes: {posted['examples']}"
    n_right = sum(name == result for name, result in posted["examples"])
    print(f"examples that are recognised: {n_right} of {len(posted['examples'])}")
    if n_right < len(model.classes_) - 1:
        yield f"examples are not recognised: {posted['examples']}"
    if posted["loaded"]:
        yield f"it loads {posted['loaded']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    arguments = parser.parse_args()
    if not arguments.chromium:
        sys.exit("No Chromium is found. Install it (apt-get install chromium), or name it by --chromium.")
    warnings.simplefilter("ignore", ConvergenceWarning)
    model, X = trained(n=1500, max_iter=15)
    drawings, _ = strokes(N, seed=3)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "strokes.html").write_text(page(model, X, header=folder / "stroke.h"))
        (folder / "strokes.json").write_text(str([points.tolist() for points in drawings]))
        (folder / "index.html").write_text(DRIVER)
        posted = from_browser(folder, arguments.chromium)
        print(posted["browser"])
        found = list(problems(posted, model, [directions(points) for points in drawings], on_host(folder)))
    sys.exit("\n".join(dict.fromkeys(found)) or 0)


if __name__ == "__main__":
    main()
