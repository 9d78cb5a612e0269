"""Inputs of a graph, and what the first layer reads: numbers, vectors of categories, what stands for missing values, gaps."""

from math import log

import numpy as np

from ...sequences.errors import name_of
from ..limits import BOUND
from .graph import ML_DOMAIN

# Names of other inputs and outputs.
RESERVED = {
    "X", "deviations", "label", "lengths", "means", "n_labels", "n_steps", "probabilities", "scores", "static", "step_labels",
    "step_scores", "time", "times", "variable", "weights",
}  # fmt: skip
MOST_CODE = 1 << 63  # below which int64 holds integers
SPARSE = 4  # rows of a dense table of codes, for each code that there is, up to which there is one


class Inputs:
    """The inputs of a graph for steps, or for static features.

    Parameters
    ----------
    g : Graph
    name : str
        Of the input that holds the numbers.
    n : int
        Columns of it, and of those that hold texts.
    vocabularies : dict of int to ndarray
        Of each categorical column its values.
    names : list of str or None
        Of the columns.
    what : str
        What a column is called where it has no name.
    kind : {"float", "double"}
        Of the numbers.
    axes : tuple of str
        The first sizes.
    shift : ndarray, default=None
        What is subtracted from each column, in float64, before it is a float.

    Attributes
    ----------
    numbers : str or None
        The input.
    texts : dict of int to str
        Column -> input of its own.
    """

    def __init__(self, g, name, n, vocabularies, names, what, kind, axes, shift=None):
        self.shift = shift
        self.g, self.vocabularies, self.kind, self.n_axes = g, vocabularies, kind, len(axes)
        of_texts = [k for k, values in vocabularies.items() if values.dtype.kind in "OU"]
        self.columns = [k for k in range(n) if k not in of_texts]
        self.numbers, self.texts = None, {}
        if self.columns:
            doc = f"{what}: {', '.join(_label(k, names) for k in self.columns)}"
            self.numbers = g.input(name, kind, [*axes, len(self.columns)], doc)
        for k in of_texts:
            own = "" if names is None else str(names[k])
            is_free = own and own not in RESERVED | {value.name for value in g.inputs} and not own.startswith(("_", "state_"))
            own = own if is_free else f"{what}_{k}"
            self.texts[k] = g.input(own, "string", list(axes), f"{what}: {_label(k, names)}, texts")

    @property
    def any(self):
        """One of them, which has all the first sizes."""
        return self.numbers or next(iter(self.texts.values()))

    def shifted(self, numbers, chosen):
        """Some columns of the numbers (..., n), less their shift."""
        own = self.g.columns(numbers, [self.columns.index(k) for k in chosen], len(self.columns))
        return own if self.shift is None else self.g.add("Sub", own, self.shift[list(chosen)])

    def floats(self, numbers, chosen):
        """The same as floats."""
        own = self.shifted(numbers, chosen)
        return own if self.kind == "float" else self.g.cast(own, "float")


def _label(k, names):
    return f"{k}{name_of(k, names)}"


def read_layer(layer, p, inputs, numbers, enter, gaps=None, steps=None):
    """What the first layer, or static vectors, are made of.

    Parameters
    ----------
    layer : InputLayer
    p : dict of str to ndarray
        Its parameters, in float32.
    inputs : Inputs
    numbers : str or None
        The numbers of them, (..., n), with the axes of the graph.
    enter : callable
        ``(tensor, n_axes) -> tensor``: makes the axes of what users pass those of the graph.
    gaps : list of str, default=None
        Of each direction, of a layer that reads times.
    steps : Steps, default=None
        Of a layer that has missing values or times.

    Returns
    -------
    str
    """
    g, parts = inputs.g, []
    if len(layer.numeric):
        x = inputs.floats(numbers, layer.numeric)
        affine = g.add("Add", g.add("Mul", x, p["scale"]), p["offset"])
        parts += _with_missing(layer, p, x, affine, gaps, steps) if layer.allows_missing else [affine]
    for channel, _, _ in layer.categories:
        rows = _rows_of(inputs, channel, numbers, enter)
        parts.append(g.add("Gather", p[f"E{channel}"], rows, axis=0))
    for gap in gaps or []:
        parts.append(_log2_of_1_plus(g, gap))
    return g.concat(parts)


def _log2_of_1_plus(g, d):
    return g.add("Mul", g.add("Log", g.add("Add", d, 1.0)), 1 / log(2))


# ---- categories ----


def _rows_of(inputs, channel, numbers, enter):
    """Rows of the table of vectors for a categorical column, 0 for what is unknown; int64, without the last axis."""
    g, values = inputs.g, inputs.vocabularies[channel]
    rows = np.arange(1, len(values) + 1)
    if channel in inputs.texts:
        texts = [str(value) for value in values]
        known = dict(keys_strings=texts, values_int64s=rows.tolist(), default_int64=0)
        return enter(g.add("LabelEncoder", inputs.texts[channel], domain=ML_DOMAIN, **known), inputs.n_axes)
    x = g.add("Gather", numbers, inputs.columns.index(channel), axis=-1)
    if not len(values):
        return g.cast(g.add("Greater", g.cast(x, "float"), float("inf")), "int64")
    are_integers = (values == np.floor(values)).all() and np.abs(values).max() < MOST_CODE
    if are_integers and values[0] >= 0 and values[-1] <= SPARSE * len(values):
        return _rows_of_dense(g, x, values, rows)
    known = dict(values_int64s=rows.tolist(), default_int64=0)
    if are_integers:
        found = g.add("LabelEncoder", g.cast(x, "int64"), domain=ML_DOMAIN, keys_int64s=values.astype(np.int64).tolist(), **known)
        return g.add("Where", _is_integer(g, x), found, 0)
    if inputs.kind == "float":
        return g.add("LabelEncoder", x, domain=ML_DOMAIN, keys_floats=values.astype(np.float32).tolist(), **known)
    # There is no table of doubles: values below tell the row in which x is, if it is known.
    below = g.cast(g.add("Less", values, g.over("Unsqueeze", x, -1)), "int64")
    place = g.add("Min", g.reduced("ReduceSum", below, -1), len(values) - 1)
    is_known = g.add("Equal", g.add("Gather", values, place, axis=0), x)
    return g.add("Where", is_known, g.add("Add", place, 1), 0)


def _is_integer(g, x):
    """Where numbers are integers that int64 holds: a cast leaves them as they are."""
    return g.add("Equal", g.add("Floor", x), x)


def _rows_of_dense(g, x, values, rows):
    """The rows of integers from 0 on with few gaps, by a table or by counting."""
    # Codes from 1 on, and 0 for those that are none.
    first, last = int(values[0]), int(values[-1])
    codes = g.add("Sub", g.cast(x, "int64"), first - 1)
    known = g.add("And", g.add("GreaterOrEqual", codes, 1), g.add("LessOrEqual", codes, last - first + 1))
    codes = g.add("Where", g.add("And", known, _is_integer(g, x)), codes, 0)
    if last - first + 1 == len(values):
        return codes
    table = np.zeros(last - first + 2, np.int64)
    table[values.astype(np.intp) - first + 1] = rows
    return g.add("Gather", table, codes, axis=0)


# ---- missing values ----


def _with_missing(layer, p, x, affine, gaps, steps):
    """The columns of numeric channels that may be missing, as the kernel `Missing` describes them."""
    g, known = steps.g, p["known"]
    seen = g.add("Not", g.add("IsNaN", x))
    if steps.active is not None:
        seen = g.add("And", seen, steps.active)
    own = g.add("Clip", g.add("Where", seen, affine, 0.0), -BOUND, BOUND)
    centre = p["scale"] * p["mean"] + p["offset"]
    blocks = []
    for k, prefix in enumerate(layer.directions):
        last, d = steps.carried(own, seen, None if gaps is None else gaps[k], centre, k)
        value = last
        if layer.decays:
            exponent = g.add("Add", g.add("Mul", d, p[f"{prefix}w"]), p[f"{prefix}b"])
            gamma = g.add("Exp", g.add("Neg", g.add("Relu", exponent)))
            decayed = g.add("Add", g.add("Mul", gamma, g.add("Sub", last, centre)), centre)
            value = g.add("Where", seen, own, decayed)
        blocks += [value, *([g.cast(seen, "float")] if k == 0 else []), _log2_of_1_plus(g, d)]
    # A channel without a value in training has random weights, which are not to be used.
    return blocks if known.all() else [g.add("Mul", block, known) for block in blocks]
