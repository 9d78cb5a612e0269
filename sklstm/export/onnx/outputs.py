"""From the scores of a network to the outputs of a graph, which are named as those of scikit-learn's converters."""

import numpy as np

from ..._kernels._losses import LEAST_DEVIATION
from ...network import LOSSES
from ...network.mixture import n_components
from ...training import scale_of_targets
from .graph import ML_DOMAIN, element_type
from .structures import Chain, aligned_labels

SHOWN = 20  # classes that a description names


def add_head(g, network, params, features, s):
    """Scores of features (n, F), or (n_steps, n, F), with the part of static vectors s (n, width), if there are any."""
    head = params["head"]
    scores = g.add("Add", g.add("MatMul", features, head["V"]), head["b"])
    return scores if s is None else g.add("Add", scores, g.add("MatMul", s, params["static"]["V"]))


def name_of_link(function):
    """The name of a `Link` or `Decision`."""
    _, (name,) = function.__reduce__()
    return name


# ---- links: from scores (..., K) ----


def _both_classes(g, scores, K):
    return g.concat([g.add("Sigmoid", g.add("Neg", scores)), g.add("Sigmoid", scores)])


def _ascending(g, scores, K):
    return scores if K == 1 else g.add("TopK", scores, [K], n_outputs=2, axis=-1, largest=0)[0]


# `Link` -> function of a graph, scores and their number.
LINKS = {
    "identity": lambda g, scores, K: scores,
    "both_classes": _both_classes,
    "expit": lambda g, scores, K: g.add("Sigmoid", scores),
    "softmax": lambda g, scores, K: g.add("Softmax", scores, axis=-1),
    "exp": lambda g, scores, K: g.add("Exp", scores),
    "ascending": _ascending,
}


# ---- decisions: from scores (..., K) and what the link makes of them to codes of classes ----


def _likelier_class(g, scores, probabilities):
    second = g.add("Gather", probabilities, 1, axis=-1)
    return g.cast(g.add("Greater", second, 0.5), "int64")


def _likelier_labels(g, scores, probabilities):
    return g.cast(g.add("Greater", probabilities, 0.5), "int64")


def _likeliest_class(g, scores, probabilities):
    return g.add("ArgMax", scores, axis=-1, keepdims=0)


DECISIONS = {"likelier_class": _likelier_class, "likelier_labels": _likelier_labels, "likeliest_class": _likeliest_class}

# Type of class labels, by its letter -> kind of the output.
KINDS = {"i": "int64", "u": "int64", "b": "bool", "f": "double", "U": "string", "O": "string"}


def add_outputs(g, of, scores, steps, *, probabilities, zipmap):
    """Add the outputs of a classifier or a regressor.

    Parameters
    ----------
    g : Graph
    of : Fitted
    scores : str
        (n_sequences, K), or (n_steps, n_sequences, K).
    steps : Steps
    probabilities : bool
        Whether a classifier has them as an output.
    zipmap : bool
        Whether they are dicts of class to probability.
    """
    model, network = of.model, of.network
    loss, per_step = LOSSES[model._network_spec["loss"]], network.returns_sequences
    axes = list(steps.axes) if per_step else ["N"]
    if loss.is_structured:
        add = _add_aligned if loss.is_unaligned else _add_chain
        add(g, model, scores, steps, axes, probabilities)
        return
    scores = steps.leave(scores, 3) if per_step else scores
    if loss.distribution is not None:
        _add_mixture(g, model, scores, axes)
        return
    linked = LINKS[name_of_link(loss.inverse_link)](g, scores, network.output_size)
    if loss.decide is None:
        _add_variable(g, model, loss, linked, axes)
        return
    codes = DECISIONS[name_of_link(loss.decide)](g, scores, linked)
    if loss.contrast is None:
        g.output(codes, "label", "int64", [*axes, len(model.classes_)], "0 or 1 for each label")
    else:
        _add_label(g, model.classes_, codes, axes)
    if probabilities:
        _add_probabilities(g, model.classes_, linked, axes, zipmap)


def _add_chain(g, model, scores, steps, axes, probabilities):
    """Labels and probabilities of steps that a linear chain connects; step by step, those given the steps so far."""
    chain = Chain(g, model, scores, steps)
    if steps.is_moment:
        logs = steps.filtered(chain, steps.leave(scores, 3))
        codes, linked = g.add("ArgMax", logs, axis=-1, keepdims=0), g.add("Exp", logs)
    else:
        codes = steps.leave(chain.paths(), 2)
        linked = steps.leave(chain.marginals(), 3) if probabilities else None
    _add_label(g, model.classes_, codes, axes)
    if probabilities:
        _add_probabilities(g, model.classes_, linked, axes, False)


def _add_aligned(g, model, scores, steps, axes, probabilities):
    """Labels that have no steps, in front of as many of them, and the probabilities of each step with that of blank."""
    if not steps.is_moment:
        codes, counts = aligned_labels(g, scores, steps)
        labels = tensor_of(model.classes_)
        # Behind the labels there is one that stands for none.
        none = np.array([""], dtype=object) if labels.dtype == object else np.full(1, -1).astype(labels.dtype)
        codes = g.add("Where", g.add("Less", codes, 0), len(labels), codes)
        label = g.add("Gather", np.concatenate([labels, none]), steps.leave(codes, 2), axis=0)
        g.output(label, "label", KINDS[model.classes_.dtype.kind], axes, "labels of each sequence, and behind them fillers")
        g.output(counts, "n_labels", "int64", ["N"], "how many labels each sequence has")
    if probabilities:
        linked = g.add("Softmax", steps.leave(scores, 3), axis=-1)
        doc = f"{_of_classes(model.classes_)}, and of blank"
        g.output(linked, "probabilities", "float", [*axes, len(model.classes_) + 1], doc)


def _add_label(g, classes, codes, shape):
    label = codes if _are_codes(classes) else g.add("Gather", tensor_of(classes), codes, axis=0)
    g.output(label, "label", KINDS[classes.dtype.kind], shape, "class labels")


def _are_codes(classes):
    return classes.dtype.kind in "iu" and np.array_equal(classes, np.arange(len(classes)))


def tensor_of(classes):
    """Class labels as an array of a type that ONNX has."""
    kind = classes.dtype.kind
    if kind in "UO":
        return np.array([str(label) for label in classes], dtype=object)
    return classes.astype({"i": np.int64, "u": np.int64, "b": np.bool_, "f": np.float64}[kind])


def _add_probabilities(g, classes, linked, axes, zipmap):
    if not zipmap:
        g.output(linked, "probabilities", "float", [*axes, len(classes)], _of_classes(classes))
        return
    of_texts = classes.dtype.kind in "UO"
    known = tensor_of(classes).tolist()
    names = {"classlabels_strings": known} if of_texts else {"classlabels_int64s": known}
    g.add("ZipMap", linked, into="probabilities", domain=ML_DOMAIN, **names)
    g.outputs.append(_sequence_of_maps("string" if of_texts else "int64"))


def _of_classes(classes):
    shown = [str(label) for label in classes[:SHOWN].tolist()]
    return f"of the classes {', '.join(shown)}" + (", ..." if len(classes) > SHOWN else "")


def _sequence_of_maps(key):
    from onnx import helper

    entry = helper.make_map_type_proto(element_type(key), helper.make_tensor_type_proto(element_type("float"), []))
    return helper.make_value_info("probabilities", helper.make_sequence_type_proto(entry))


def _add_variable(g, model, loss, linked, axes):
    n = model._n_targets
    if loss.is_ordered:
        ranks = model._quantile_ranks
        n, linked = len(ranks), g.columns(linked, ranks, len(ranks))
    g.output(linked, "variable", "float", [*axes, n], "predictions in the units of y")


def _add_mixture(g, model, scores, axes):
    """The mean of mixtures of normal distributions, and their weights, means and deviations."""
    d, K = model._n_targets, model._network_spec["output_size"]
    c = n_components(K, d)
    moments = model._moments["y"]
    scale = np.ones(d) if moments is None else scale_of_targets(moments)
    logits, means, logs = g.add("Split", scores, [c, c * d, c * d], n_outputs=3, axis=-1)
    weights, shape = g.add("Softmax", logits, axis=-1), [0] * len(axes) + [c, d]
    means = g.add("Reshape", means, shape)
    least = (LEAST_DEVIATION * scale).astype(np.float32) ** 2
    variances = g.add("Add", g.add("Exp", g.add("Mul", g.add("Reshape", logs, shape), 2.0)), least)
    parts = g.add("Mul", means, g.over("Unsqueeze", weights, -1))
    g.output(g.reduced("ReduceSum", parts, -2), "variable", "float", [*axes, d], "means of the predicted distributions")
    g.output(weights, "weights", "float", [*axes, c], "of the components")
    g.output(means, "means", "float", [*axes, c, d], "within the components")
    g.output(g.add("Sqrt", variances), "deviations", "float", [*axes, c, d], "standard deviations within the components")
