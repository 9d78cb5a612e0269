"""`to_onnx`: fitted estimators as models of ONNX."""

import json
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ...archive import OWN_VERSION
from ...compat import validate_params
from ...estimators import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq
from ...estimators.copies import at_this_moment
from ...files import check_replaceable, is_file_object, replacing, write_all
from .detector import add_detection
from .graph import MOST_BYTES, Graph
from .network import add_scores, fitted
from .outputs import add_outputs
from .refusals import check_class, check_model, check_options
from .seq2seq import add_written
from .steps import Steps
from .stream import Moment

LEAST_OPSET = 14  # from which on operators are as they are used here
LEAST_ONNX = (1, 14)
FLAGS = {name: ["boolean"] for name in ("lengths", "streaming", "zipmap", "probabilities")}


@validate_params(FLAGS, prefer_skip_nested_validation=True)
def to_onnx(model, path=None, *, target_opset=17, lengths=True, streaming=False, zipmap=False, probabilities=True):
    """Convert a fitted estimator to a model of ONNX, for ONNX Runtime and other programs; requires the package onnx.

    The model has everything that predictions need: recurrent layers, pooling, embeddings of categories, missing values, times,
    static features, class labels and units of y. It computes in float32.

    Parameters
    ----------
    model : LSTMClassifier, LSTMRegressor, LSTMOutlierDetector or LSTMSeq2Seq
        Fitted estimator.
    path : str, path-like or binary file, default=None
        Where to write the model. An existing file is replaced, once the new one is complete. None writes no file.
    target_opset : int, default=17
        Version of the operators of ONNX, at least 14. ``cell="layernorm"`` requires 17.
    lengths : bool, default=True
        Whether the model has an input with the number of steps of each sequence. False is for sequences that are all as long as
        the array.
    streaming : bool, default=False
        Whether the model takes one step of each sequence, with the states between steps as inputs and outputs.
    zipmap : bool, default=False
        Whether probabilities are a list of dicts from class to probability, as in converters of scikit-learn. False is an array,
        also for what has no such dict: steps, and several labels.
    probabilities : bool, default=True
        Whether a classifier has the output ``probabilities`` beside ``label``.

    Returns
    -------
    onnx.ModelProto
        The model.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    ImportError
        If onnx is not installed, or is too old.
    TypeError
        If `model` is no estimator.
    ValueError
        If the estimator or an option cannot be exported. The message says what can be exported instead. No file is written.
    OSError
        If the file cannot be written. An existing file is left as it was.

    See Also
    --------
    sklstm.save : Write a file that `sklstm.load` reads.

    Notes
    -----
    N is the number of sequences, T that of steps, d of channels and k of classes or outputs. N and T are free, and at
    least 1: programs may not be able to compute with no sequence at all.

    ======================  ==========================  ===================================================================
    input                   type and shape              content
    ======================  ==========================  ===================================================================
    ``X``                   float (N, T, d)             channels, without those that hold texts
    ``lengths``             int64 (N,)                  steps of each sequence, from 1 to T
    name, or ``channel_k``  string (N, T)               for each categorical channel of texts
    ``times``               double (N, T)               times of the steps, of models that were fitted with times beside X
    ``static``              float (N, m)                static features, without those that are texts
    name, or ``static_k``   string (N,)                 for each static feature of texts
    ======================  ==========================  ===================================================================

    ======================  ==========================  ===================================================================
    output                  type and shape              content
    ======================  ==========================  ===================================================================
    ``label``               type of the classes (N,)    of classifiers; (N, k) indicators if y was multilabel
    ``probabilities``       float (N, k)                of classifiers, in the order of `classes_`
    ``variable``            float (N, k)                of regressors; k is 1 for one output
    ======================  ==========================  ===================================================================

    A length above T is an error, and the outputs for one below 1 have no meaning. What stands behind the end of a sequence is
    ignored. A missing value is NaN. ``X`` and ``static`` are double where float holds too few digits: for categories that it
    does not tell apart, such as codes above 16,777,216; and of models that were fitted on float64 if a column holds times, or its
    mean was more than 100 standard deviations from 0. Outputs for every step (``return_sequences=True``) have the shapes (N, T)
    and (N, T, k); those behind the end of a sequence have no meaning.

    With ``streaming=True`` inputs and outputs have no axis T, and each state s is an input ``state_in_s`` and an output
    ``state_out_s``. To begin a sequence pass zeros for all states; for the next step pass what the step before returned. A
    sequence begins wherever ``state_in_n_steps`` is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.export import to_onnx
    >>> X = np.random.default_rng(0).normal(size=(50, 20, 3))
    >>> model = LSTMClassifier(8, max_iter=5, random_state=0).fit(X, X[:, :, 0].sum(axis=1) > 0)
    >>> exported = to_onnx(model)  # doctest: +SKIP
    >>> [output.name for output in exported.graph.output]  # doctest: +SKIP
    ['label', 'probabilities']
    """
    check_class(model)
    check_is_fitted(model)
    options = {"lengths": lengths, "streaming": streaming, "zipmap": zipmap, "probabilities": probabilities}
    _check_onnx(target_opset)
    model = at_this_moment(model)
    check_model(model)
    check_options(model, target_opset, **options)
    if path is not None and not is_file_object(path, "write"):
        check_replaceable(path)
    exported = _converted(model, target_opset, **options)
    if path is None:
        return exported
    data = exported.SerializeToString()
    if is_file_object(path, "write"):
        write_all(path, [data])
    else:
        with replacing(path) as file:
            file.write(data)
    return exported


def _check_onnx(target_opset):
    try:
        import onnx
    except ImportError as error:
        raise ImportError("to_onnx requires the package onnx. Install it: pip install onnx.") from error
    found = tuple(int(part) for part in onnx.__version__.split(".")[:2])
    if found < LEAST_ONNX:
        least = ".".join(map(str, LEAST_ONNX))
        raise ImportError(f"to_onnx requires onnx {least} or later, found {onnx.__version__}. Upgrade it: pip install -U onnx.")
    known = onnx.defs.onnx_opset_version()
    if not isinstance(target_opset, Integral) or isinstance(target_opset, bool) or not LEAST_OPSET <= target_opset <= known:
        raise ValueError(
            f"target_opset must be an int from {LEAST_OPSET} to {known}, the newest that onnx {onnx.__version__} knows, got"
            f" {target_opset!r}."
        )


def _converted(model, target_opset, **options):
    g, of = Graph(int(target_opset)), fitted(model)
    if 4 * of.network.layout.size > MOST_BYTES:
        raise ValueError(f"The model has {of.network.layout.size} weights, but a file of ONNX holds 2 GB. Fit a smaller network.")
    add = next(add for cls, add in CONVERTERS.items() if isinstance(model, cls))
    add(g, of, **options)
    name = type(model).__name__
    return g.to_model(name, f"{name} of sklstm" + ", step by step" * bool(options["streaming"]), _metadata(model))


def _add_predictions(g, of, *, lengths, streaming, **options):
    """Add the network, and the outputs that it has for each sequence or step."""
    scores, steps = add_scores(g, of, Moment if streaming else Steps, lengths)
    add = add_detection if isinstance(of.model, LSTMOutlierDetector) else add_outputs
    add(g, of, scores, steps, **options)


# Class -> what adds an estimator to a graph.
CONVERTERS = {
    LSTMClassifier: _add_predictions,
    LSTMRegressor: _add_predictions,
    LSTMOutlierDetector: _add_predictions,
    LSTMSeq2Seq: add_written,
}


def _metadata(model):
    """What describes the model, as texts."""
    spec = model._network_spec
    found = {"cell": spec["cell"], "loss": spec["loss"], "classes": getattr(model, "classes_", None)}
    found |= {"feature_names": getattr(model, "feature_names_in_", None), "quantiles": spec["loss_parameters"].get("quantiles")}
    found["categories"] = dict(zip(map(str, model._categorical), model.categories_, strict=True)) or None
    static = vars(model).get("_static_categorical", ())
    found["static_names"] = getattr(model, "static_names_in_", None)
    found["static_categories"] = dict(zip(map(str, static), vars(model).get("static_categories_", ()), strict=True)) or None
    known = {name: value for name, value in found.items() if value is not None}
    known = {name: value if isinstance(value, str) else json.dumps(_plain(value)) for name, value in known.items()}
    return {"sklstm_version": OWN_VERSION, "estimator": type(model).__name__} | known


def _plain(value):
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value
