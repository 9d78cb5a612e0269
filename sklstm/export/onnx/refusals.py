"""What cannot be exported to ONNX, with the reason and the nearest thing that can, found before any work."""

import numpy as np
from sklearn.base import BaseEstimator

from ...estimators import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq
from ...network import LOSSES, pooling_names
from ..inner import code_of, inner_network
from .outputs import KINDS
from .recurrent import OPERATORS

EXPORTED = (LSTMClassifier, LSTMRegressor, LSTMOutlierDetector, LSTMSeq2Seq)
OPSET_OF_LOOPS = 17  # which has LayerNormalization
LARGEST = np.iinfo(np.int64).max  # of classes that are integers

# Other class -> why it is not exported, and what to export instead.
OTHERS = {
    "RelativeRegressor": "It takes levels away in Python. Export its `regressor_`, which predicts what is relative to them",
    "LSTMForecaster": "A forecaster builds windows, calendars and intervals in Python. Export its networks, `regressors_`",
    "Pipeline": "Only its last step is a network. Export model[-1], which reads what the other steps make of X",
}


def check_class(model):
    """Raise where an object, fitted or not, is none that can be exported: a TypeError where it is no estimator, a ValueError
    where it is another one."""
    if isinstance(model, EXPORTED):
        return
    known, name = ", ".join(cls.__name__ for cls in EXPORTED), type(model).__name__
    if isinstance(model, type):
        raise TypeError(f"to_onnx takes one of {known}, got the class {model.__name__}. Pass a fitted instance.")
    if not isinstance(model, BaseEstimator):
        raise TypeError(f"to_onnx takes one of {known}, got {model!r:.80}. Pass a fitted estimator.")
    inner = inner_network(model, EXPORTED)
    advice = OTHERS.get(name) or (f"Export its `{inner}`" if inner else "It is no network of sklstm")
    searched = "refit" in vars(model) and code_of("best_estimator_", model.estimator, EXPORTED)
    if searched and not inner:
        advice = f"Fit it with refit=True, and export its `{searched}`"
    raise ValueError(f"to_onnx takes one of {known}, got {name}. {advice}.")


def check_model(model):
    """Raise a ValueError where a fitted estimator cannot be exported."""
    if vars(model).get("_target") == "reconstruct":
        raise ValueError(
            "A detector with target='reconstruct' is not exported: it cuts sequences into pieces, which its decoder writes"
            " backwards. Fit with target='next'."
        )
    for what, values in _categories_of(model):
        kind = _kind_of_category(values)
        if kind is not None:
            raise ValueError(
                f"{what} has categories that are {kind}, such as {values[:1].tolist()[0]!r}, which ONNX cannot look up. Encode"
                " them as texts or as integers, and fit the model again."
            )
    classes = getattr(model, "classes_", None)
    if classes is not None and (classes.dtype.kind not in KINDS or not _are_texts(classes)):
        raise ValueError(
            f"The classes are of type {classes.dtype}, such as {classes[:1].tolist()[0]!r}, which ONNX does not have. Encode them"
            " as texts or as integers, and fit the model again."
        )
    if classes is not None and classes.dtype.kind == "u" and classes.max() > LARGEST:
        raise ValueError(
            f"The classes have integers above {LARGEST}, the largest in ONNX, such as {classes.max()}. Encode them as texts or as"
            " smaller integers, and fit the model again."
        )


def _categories_of(model):
    for channel, values in zip(model._categorical, model.categories_, strict=True):
        yield f"Channel {channel} of X", values
    static = vars(model)
    for column, values in zip(static.get("_static_categorical", ()), static.get("static_categories_", ()), strict=True):
        yield f"Static feature {column}", values


def _kind_of_category(values):
    """What kind of categories ONNX does not have, in words; None for texts and floats."""
    if len(values) and values.dtype.kind == "O" and not _are_texts(values):
        return "large integers or of several types"
    return {"S": "bytes", "M": "dates", "m": "durations", "i": "large integers", "u": "large integers"}.get(values.dtype.kind)


def _are_texts(values):
    return values.dtype.kind != "O" or all(isinstance(value, str) for value in values.tolist())


def check_options(model, target_opset, *, lengths, streaming, zipmap, probabilities):
    """Raise a ValueError where the options of `to_onnx` do not fit a fitted estimator."""
    spec = model._network_spec
    loss, poolings = LOSSES[spec["loss"]], pooling_names(spec.get("pooling"))
    if OPERATORS[spec["cell"]] is None and target_opset < OPSET_OF_LOOPS:
        raise ValueError(
            f"cell={spec['cell']!r} needs target_opset={OPSET_OF_LOOPS} or later, which has layer normalisation, got"
            f" {target_opset}. Leave it at its default."
        )
    if not streaming and not lengths and getattr(model, "padding", None) is not None:
        raise ValueError(
            f"padding={model.padding!r} cuts off steps, which the exported model is told by the input lengths. Set lengths=True."
        )
    if isinstance(model, LSTMSeq2Seq):
        _check_seq2seq(model, streaming)
    if streaming and spec["bidirectional"]:
        raise ValueError(
            "A bidirectional model cannot stream: its reverse direction begins at the end of a sequence. Export it with"
            " streaming=False, or fit with bidirectional=False."
        )
    if streaming and "attention" in poolings:
        raise ValueError(
            f"pooling={spec['pooling']!r} cannot stream: 'attention' weights all steps again at every step. Export it with"
            " streaming=False, or fit with pooling='last', 'mean' or 'max'."
        )
    if loss.is_unaligned:
        _check_unaligned(model, streaming, probabilities)
    if zipmap and not (probabilities and loss.contrast is not None and not loss.is_unaligned and poolings):
        raise ValueError(
            "zipmap=True is for the probabilities of one label per sequence, of a classifier. Set zipmap=False, for arrays."
        )
    if zipmap and model.classes_.dtype.kind not in "iuUO":
        raise ValueError(
            f"zipmap=True needs classes that are texts or integers, got {model.classes_.dtype}. Set zipmap=False, for arrays."
        )


def _check_seq2seq(model, streaming):
    if streaming:
        raise ValueError(
            "An encoder-decoder reads a sequence as a whole before it writes. Export it with streaming=False, or an"
            " LSTMClassifier or LSTMRegressor with return_sequences=True."
        )
    if model.beam_width > 1:
        raise ValueError(
            f"beam_width={model.beam_width} pursues several outputs, and the exported model one, the likeliest token by token."
            " Call set_params(beam_width=1) on the model."
        )


def _check_unaligned(model, streaming, probabilities):
    if model.beam_width > 1 and not streaming:
        raise ValueError(
            f"beam_width={model.beam_width} pursues label sequences in Python; the exported model finds the labels of the"
            " likeliest path. Call set_params(beam_width=1) on the model, or search in its output probabilities."
        )
    if streaming and not probabilities:
        raise ValueError(
            'With loss="ctc" the labels of a sequence are known after its last step only. Export it with probabilities=True.'
        )
