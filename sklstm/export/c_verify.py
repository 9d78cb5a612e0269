"""`verify`: a header compiled, run on sequences, and compared with the model."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from ..estimators.responses import respond
from ..files import open_regular
from .c_header import MARKED
from .c_inputs import values_of_categories
from .c_model import read_model
from .c_outputs import has_classes, n_outputs
from .c_text import render

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic")

# Reads the number of sequences as a float, and for each its number of steps and its samples; writes outputs, and classes as floats.
PROGRAM = """\
#include "$header"
#include <stdio.h>
#include <stdlib.h>

static @_state state;

static float number(void)
{
    float value;
    if (fread(&value, sizeof value, 1, stdin) != 1)
        exit(2);
    return value;
}

static void answer(void)
{
    float y[@@_OUTPUTS + 1];
    @_output(&state, y);
    y[@@_OUTPUTS] = $label;
    if (fwrite(y, sizeof y, 1, stdout) != 1)
        exit(3);
}

int main(void)
{
    long n = (long)number(), i, t, k;
    float x[@@_CHANNELS];
    for (i = 0; i < n; i++) {
        long n_steps = (long)number();
        @_init(&state);
        for (t = 0; t < n_steps; t++) {
            for (k = 0; k < @@_CHANNELS; k++)
                x[k] = number();
            @_step(&state, x);
            if ($each_step || t == n_steps - 1)
                answer();
        }
    }
    return 0;
}
"""


def compiler():
    """The command of a C compiler: what the environment variable CC names, or one that is there."""
    given = os.environ.get("CC")
    found = given.split() if given else next(([name] for name in COMPILERS if shutil.which(name)), None)
    if not found or not shutil.which(found[0]):
        what = f"CC={given!r} is no command that can be run" if given else f"none of {', '.join(COMPILERS)} was found"
        raise RuntimeError(f"verify needs a C compiler, but {what}. Install one, such as gcc, or name it in the variable CC.")
    return found


def read_header(path):
    """The text of a header, the name that names in it begin with, and the dtype."""
    with open_regular(path) as file:
        text = file.read().decode("ascii", "replace")
    found = MARKED.search(text[:2000])
    if not found:
        raise ValueError(f"{os.fsdecode(path)} is no header that to_c wrote. Pass the path of one, and the model that it is of.")
    return text, found[1], found[2]


def verify(path, model, X):
    text, name, dtype = read_header(path)
    exported = read_model(model, dtype)
    sequences = model._read_fitted(X)
    for what, value in {"CHANNELS": exported.n_channels, "OUTPUTS": n_outputs(exported)}.items():
        found = re.search(rf"^#define {name.upper()}_{what} (\d+)", text, flags=re.MULTILINE)
        if not found or int(found[1]) != value:
            raise ValueError(f"{os.fsdecode(path)} is of another model: it has {found and found[1]} {what.lower()}, not {value}.")
    values = samples(exported, sequences)
    outputs = run(text, name, exported, values, sequences.offsets)
    scores = exported.model._apply(sequences)
    lengths = sequences.lengths if exported.network.returns_sequences else None
    expected = respond(exported.model, "predict_proba" if exported.classes is not None else "predict", scores, lengths)
    deviations = np.abs(outputs[:, :-1] - expected.reshape(len(outputs), -1))
    result = {"deviation": float(deviations.max()), "mean_deviation": float(deviations.mean()), "n_outputs": len(outputs)}
    if has_classes(exported):
        labels = exported.loss.decide(scores)
        result["agreement"] = float(np.mean(outputs[:, -1] == labels))
    elif exported.classes is not None:
        result["agreement"] = float(np.mean((outputs[:, :-1] > 0.5) == (expected > 0.5)))
    return result


def samples(exported, sequences):
    """What a device reads of sequences, (n_rows, n_channels) in float32."""
    values = sequences.values[:, : exported.n_channels].astype(np.float32)
    for (channel, *_), numbers in zip(exported.network.categories, values_of_categories(exported), strict=True):
        codes = sequences.values[:, channel].astype(int)
        unknown = max(numbers.max(), 0) + 1 if len(numbers) else 0
        values[:, channel] = np.r_[unknown, numbers][codes]
    return values


def run(text, name, exported, values, offsets, command=None):
    """Outputs (n, n_outputs + 1) of a header for samples; the last column has the numbers of classes."""
    n = n_outputs(exported)
    stdin = [np.float32(len(offsets) - 1)]
    for first, last in zip(offsets[:-1], offsets[1:], strict=True):
        stdin += [np.float32(last - first), values[first:last].ravel()]
    label = "(float)@_label(&state)" if has_classes(exported) else "0.0f"
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "header.h").write_text(text)
        source = PROGRAM.replace("$header", "header.h").replace("$label", label)
        source = source.replace("$each_step", str(int(exported.network.returns_sequences)))
        (folder / "main.c").write_text(render(source, name))
        call = [*(command or [*compiler(), *FLAGS]), str(folder / "main.c"), "-o", str(folder / "main"), "-lm"]
        done = subprocess.run(call, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(call[:2])} cannot compile the header: {done.stderr[:1000]}")
        done = subprocess.run([str(folder / "main")], input=np.concatenate([np.atleast_1d(a) for a in stdin]).tobytes(), capture_output=True)
        if done.returncode:
            raise RuntimeError(f"The compiled header ended with {done.returncode}: {done.stderr[-1000:].decode(errors='replace')}")
    return np.frombuffer(done.stdout, np.float32).reshape(-1, n + 1)
