"""A header compiled and run on sequences, and what the model predicts for them."""

import os
import shutil
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...estimators.responses import respond
from ...estimators.structure import StreamFilter
from ...network import STRUCTURES
from .categories import numbers_of, raw_numbers
from .outputs import has_classes, n_outputs
from .text import render

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic")

# Reads the number of sequences as a float, and for each its number of steps and its samples; writes outputs and classes.
BEGIN = "        @_init(&state);\n"
BEGIN_STATIC = """\
        float features[@@_STATIC];
        for (k = 0; k < @@_STATIC; k++)
            features[k] = number();
        @_init(&state, features);
"""
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
$begin        for (t = 0; t < n_steps; t++) {
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


def expected_outputs(exported, sequences):
    """What the model predicts: outputs (n, n_outputs), and codes of classes (n,), label indicators (n, n_labels) or None."""
    scores = exported.model._apply(sequences)
    if exported.network.structure in STRUCTURES:  # as its stream
        outputs = []
        for first, last in pairwise(sequences.offsets):
            chain = StreamFilter(exported.model, "predict_proba", 1)
            outputs += [chain.answer(scores[row : row + 1]) for row in range(first, last)]
        outputs = np.concatenate(outputs)
        return outputs, outputs.argmax(axis=1)
    lengths = sequences.lengths if exported.network.returns_sequences else None
    method = "predict" if exported.classes is None else "predict_proba"
    outputs = respond(exported.model, method, scores, lengths)
    labels = None if exported.classes is None else exported.loss.decide(scores)
    return outputs.reshape(len(outputs), -1), labels


def samples(exported, sequences):
    """What a device reads of sequences, (n_rows, n_channels) in float32."""
    values = sequences.values.astype(np.float32)
    gap = exported.network.gap_channel
    if gap is not None:
        values[:, gap] = sequences.values[:, gap] * exported.model.median_gap_
    _name_categories(values, exported.network.categories, exported.model.categories_)
    return values


def static_features(exported, sequences):
    """The static features of sequences for a device, (n_sequences, n_features) in float32; None for a network without any."""
    static = exported.network.static
    if static is None:
        return None
    values = sequences.static.astype(np.float32)
    _name_categories(values, static.categories, exported.model.static_categories_)
    return values


def _name_categories(values, categories, vocabularies):
    """Overwrite codes of categories by the numbers that stand for them."""
    for (column, *_), numbers in zip(categories, numbers_of(vocabularies), strict=True):
        values[:, column] = raw_numbers(values[:, column].astype(int), numbers)


def run(text, name, exported, values, offsets, path, *, static=None, each_step=None, command=None):
    """Outputs (n, n_outputs + 1) of a header; the last column has the numbers of classes.

    Parameters
    ----------
    text, name : str
        The header, and what names in it begin with.
    exported : Exported
    values : ndarray of float32 of shape (n_rows, n_channels)
        Samples.
    offsets : ndarray of int of shape (n_sequences + 1,)
    path : str
        Of the header, for messages.
    static : ndarray of float32 of shape (n_sequences, n_features), default=None
        Static features, of a network that has such.
    each_step : bool, default=None
        Whether there is an output for every step; None as for the model.
    command : list of str, default=None
        The compiler and its flags.
    """
    n, each_step = n_outputs(exported), exported.network.returns_sequences if each_step is None else each_step
    stdin = [np.array([len(offsets) - 1])]
    for k, (first, last) in enumerate(pairwise(offsets.tolist())):
        stdin += [np.array([last - first]), *(() if static is None else (static[k],)), values[first:last].ravel()]
    label = "(float)@_label(&state)" if has_classes(exported) else "0.0f"
    source = PROGRAM.replace("$header", "header.h").replace("$label", label)
    source = source.replace("$begin", BEGIN if static is None else BEGIN_STATIC)
    source = render(source.replace("$each_step", str(int(each_step))), name)
    command = command or [*compiler(), *FLAGS]
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, part) for part in ("header.h", "main.c", "main.exe")]
        for own, content in zip(paths, (text, source), strict=False):
            Path(own).write_text(content, encoding="ascii")
        done = subprocess.run([*command, paths[1], "-o", paths[2], "-lm"], capture_output=True, text=True)
        if done.returncode:
            said = done.stderr[:2000].strip() or f"it ended with status {done.returncode}"
            raise RuntimeError(f"{command[0]} cannot compile {path}: {said}")
        if not os.path.exists(paths[2]):
            raise RuntimeError(f"{' '.join(command)} wrote no program of {path}. Name a C compiler in the variable CC.")
        done = subprocess.run(paths[2:], input=np.concatenate(stdin).astype(np.float32).tobytes(), capture_output=True)
    if done.returncode:
        raise RuntimeError(
            f"The compiled {path} ended with status {done.returncode}:\n{done.stderr[:2000].decode(errors='replace')}"
        )
    return np.frombuffer(done.stdout, np.float32).reshape(-1, n + 1)
