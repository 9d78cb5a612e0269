"""y of an encoder-decoder as a `Target`: its own sequences of tokens, or of numbers."""

import reprlib
from dataclasses import dataclass

import numpy as np

from ..sequences import Sequences
from ..sequences.agreement import seen_lengths
from ..sequences.alignment import in_order_of
from ..sequences.errors import locate
from ..sequences.outputs import FORMS, TOKENS, read_outputs
from ..sequences.parts import offsets_of
from ..sequences.refusals import refused_as
from ..sequences.targets import as_array, code_of_each, literals, read_sample_weight, refuse_other_kind, sorted_labels
from ..training import PairedData
from .beam import END
from .class_targets import agreed_classes
from .target import Target

# Losses of tokens, by the name that the hyper-parameter has for them, and of numbers; the first of these is what "auto" takes.
OF_TOKENS = {"log_loss": "multinomial_log_loss"}
OF_NUMBERS = ("squared_error", "absolute_error")
Y_AND_WEIGHTS = f"{FORMS} Weights are one number for each sequence."


@dataclass(frozen=True, eq=False)
class OutputTarget(Target):
    """A `Target` whose samples are the steps of the outputs: `offsets` are those of the outputs, with the end of each if they
    hold tokens."""

    def scores(self, network, theta, sequences, rows, scaling, n_threads):
        """Outputs, in the units of the data, of a network whose parameters are in those of the data, for the sequences `rows`."""
        chosen, own = self.take(sequences, rows)
        return paired(chosen, own.targets, own.offsets, scaling.target_shift).scores(network, theta, n_threads)

    def data(self, sequences, scaling):
        """`PairedData` to train or validate on, those sequences that have a weight, in the dtype of X."""
        scales = {name: getattr(scaling, name) for name in ("shift", "factor", "static_shift", "static_factor")}
        targets = scaling.to_scores(self.targets)
        return paired(sequences, targets, self.offsets, 0.0, self.weights, self.weighted_rows(), **scales)


def paired(sequences, targets, offsets, start, weights=None, rows=None, **scales):
    """`PairedData` in the dtype of X.

    Parameters
    ----------
    sequences : Sequences
    targets : ndarray of shape (total_target_steps, width)
    offsets : ndarray of int of shape (n_sequences + 1,)
        Where those of each sequence begin.
    start : float, ndarray of shape (width,) or None
        What the decoder reads first; None for one that reads no outputs.
    weights : ndarray of shape (total_target_steps,), default=None
        None is 1 for each.
    rows : ndarray of int, default=None
        Sequences to train on. None is all.
    **scales : ndarray
        Shifts and factors of channels and static features; none leaves them as they are.
    """
    dtype, n_channels = sequences.values.dtype, sequences.n_channels
    scales = {"shift": np.zeros(n_channels), "factor": np.ones(n_channels)} | scales
    return PairedData(
        sequences=sequences,
        inputs=decoder_inputs(targets.astype(dtype), offsets, start),
        targets=targets.astype(dtype),
        weights=np.ones(len(targets)) if weights is None else weights,
        rows=np.arange(len(sequences)) if rows is None else rows,
        **{name: scale.astype(dtype) for name, scale in scales.items()},
    )


def decoder_inputs(targets, offsets, start=0.0):
    """What the decoder reads as `Sequences`: first the start, then each target but the last; with None zeros."""
    if start is None:
        return Sequences(np.zeros((len(targets), 1), targets.dtype), offsets)
    inputs = np.roll(targets, 1, axis=0)
    inputs[offsets[:-1]] = start
    return Sequences(inputs, offsets)


@refused_as("y or sample_weight", Y_AND_WEIGHTS)
def read_output_target(estimator, y, sample_weight, sequences, role, known, classes=None):
    """y and the sample weights as an `OutputTarget`; parameters as in `BaseNetworkEstimator._read_target`."""
    outputs = read_outputs(y, sequences, estimator.tokens, _meaning(estimator, known))
    weights = read_sample_weight(in_order_of(sequences.ids, "sample_weight", sample_weight), len(sequences))
    if known is not None:
        check_same_meaning(outputs, known)
    attributes = {"_y_format": outputs.form if known is None or role == "fit" else known["_y_format"]}
    attributes |= _lengths(estimator, outputs, role, known)
    read = _numbers if outputs.form["is_numeric"] else _tokens
    return read(estimator, outputs, weights, attributes, known, classes)


def _meaning(estimator, known):
    """What y holds, where that does not depend on y."""
    if known is not None:
        return meaning_of(known)
    return None if estimator.loss == "auto" else "tokens" if estimator.loss in OF_TOKENS else "numbers"


def meaning_of(attributes):
    """What a later y holds, by the attributes of a fitted model; None where floats would be no tokens of it."""
    if attributes["_y_format"]["is_numeric"]:
        return "numbers"
    return "tokens" if attributes["classes_"].dtype.kind == "f" else None


def check_same_meaning(outputs, known):
    """Raise a ValueError where y holds numbers in place of tokens, or more or fewer numbers for each step."""
    if outputs.form["is_numeric"] and not known["_y_format"]["is_numeric"]:
        raise ValueError(
            f"y holds floats, which are numbers and no tokens, such as {outputs.values.ravel()[0]!s}, but the model was fitted on"
            f" the tokens {reprlib.repr(literals(known['classes_']))}. Pass y as in fit."
        )
    if not outputs.form["is_numeric"]:
        refuse_other_kind(outputs.values, known["classes_"])
    if outputs.form["is_numeric"] and outputs.values.shape[1] != known["_n_targets"]:
        raise ValueError(
            f"y has {outputs.values.shape[1]} numbers for each step, but the model was fitted on {known['_n_targets']}. Pass as"
            " many."
        )


def _lengths(estimator, outputs, role, known):
    """Attributes that say how long outputs are."""
    longest = estimator.max_length if isinstance(estimator.max_length, (int, np.integer)) else None
    if longest is not None and outputs.lengths.max() > longest:
        i = int(outputs.lengths.argmax())
        raise ValueError(
            f"y of sequence {i} has {outputs.lengths[i]} steps, more than max_length={longest}. Shorten it, or set max_length to"
            " 'auto' or more."
        )
    if role == "validation":
        return {name: known[name] for name in ("max_length_", "_target_lengths")}
    lengths = seen_lengths(outputs.lengths, None if known is None else known["_target_lengths"])
    return {"max_length_": int(max(lengths) if longest is None else longest), "_target_lengths": lengths}


def _numbers(estimator, outputs, weights, attributes, known, classes):
    if classes is not None:
        raise ValueError("classes announces tokens, but y holds numbers. Leave classes out.")
    if estimator.beam_width > 1:
        raise ValueError(
            f"beam_width={estimator.beam_width} is for tokens, but y holds numbers, of which only the prediction is continued."
            " Set beam_width=1; if y holds tokens, set loss='log_loss'."
        )
    n_outputs = outputs.values.shape[1]
    return OutputTarget(
        loss=OF_NUMBERS[0] if estimator.loss == "auto" else estimator.loss,
        n_outputs=n_outputs,
        targets=outputs.values,
        weights=np.repeat(weights, outputs.lengths),
        attributes=attributes | {"_n_targets": n_outputs},
        offsets=outputs.offsets,
    )


def _tokens(estimator, outputs, weights, attributes, known, classes):
    tokens = _known_tokens(outputs, known, TOKENS[estimator.tokens][0](classes) if isinstance(classes, str) else classes)
    codes, offsets = codes_of_outputs(outputs, tokens, estimator.unknown)
    return OutputTarget(
        loss=OF_TOKENS["log_loss"],
        n_outputs=len(tokens) + 1 + (estimator.unknown == "map"),
        targets=codes[:, np.newaxis].astype(np.float64),
        weights=np.repeat(weights, np.diff(offsets)),
        attributes=attributes | {"classes_": tokens},
        loss_parameters={"smoothing": float(estimator.label_smoothing)} if estimator.label_smoothing else {},
        offsets=offsets,
    )


def _known_tokens(outputs, known, classes):
    """The tokens (n_tokens,), sorted: of an earlier fit, those that are announced, or those of y."""
    announced = None
    if classes is not None:
        announced = as_array("classes", classes)
        if announced.ndim != 1:
            raise ValueError(f"classes must be a 1-D array of tokens, got shape {announced.shape}. Pass a list of all tokens.")
        announced = sorted_labels("classes", announced)
    found = sorted_labels("y", outputs.values) if known is None and announced is None else None
    return agreed_classes(found, known, announced)


def codes_of_outputs(outputs, tokens, unknown="error"):
    """Codes from 1 of the tokens of y, with the end behind each sequence, and where sequences begin.

    Parameters
    ----------
    outputs : Outputs
    tokens : ndarray of shape (n_tokens,)
    unknown : {"error", "map"}
        What to do with a token that is none of those: raise an error, or give it the code that is the last.

    Returns
    -------
    codes : ndarray of int of shape (total_steps + n_sequences,)
    offsets : ndarray of int of shape (n_sequences + 1,)
    """
    found = code_of_each(outputs.values, tokens) + 1
    unseen = np.flatnonzero(found == 0)
    if len(unseen) and unknown == "error":
        sequence, step = locate(outputs.offsets, unseen[0])
        token = literals(outputs.values[unseen[:1]])[0]
        raise ValueError(
            f"y has the token {token!r} at sequence {sequence}, step {step}, which did not occur in the first fit; the tokens are"
            f" {reprlib.repr(literals(tokens))}. Drop such sequences, pass all tokens as classes to the first partial_fit, or set"
            " unknown='map'."
        )
    found[unseen] = len(tokens) + 1
    offsets = offsets_of(outputs.lengths + 1)
    codes = np.full(offsets[-1], END)
    ends = np.zeros(len(codes), dtype=bool)
    ends[offsets[1:] - 1] = True
    codes[~ends] = found
    return codes, offsets
