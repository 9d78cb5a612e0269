"""Models as files that run no code when they are read: `save` and `load`."""

import os
import re
from dataclasses import fields

import numpy as np
import sklearn

from .archive import OWN_VERSION, read_archive, write_archive
from .estimators import LSTMClassifier, LSTMRegressor
from .estimators.architecture import NON_NETWORK_KEYS, build
from .estimators.classifier import DECISIONS
from .estimators.solvers import SOLVERS
from .files import name_of
from .network import LOSSES, Network
from .network.checks import is_count
from .training import TrainingState, check_moments

__all__ = ["load", "save"]

CLASSES = {"LSTMClassifier": LSTMClassifier, "LSTMRegressor": LSTMRegressor}

# Attributes that scikit-learn sets for callbacks and during a fit: objects of any kind.
SKIPPED_ATTRIBUTES = re.compile("_skl_callbacks.*|_parent_callback_ctx|_callback_fit_ctx|_metadata_request")

# What is raised of a model that is not as a fit leaves it.
UNSOUND = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def save(estimator, path):
    """Save an estimator to a file that is safe to load.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Estimator, fitted or not.
    path : str, path-like or binary file
        Path of the file; a leading ``~`` is the home directory. An existing file is replaced, once the new one is complete. An
        open file, such as `io.BytesIO`, is written to from its position, without seeking, and is not closed.

    Raises
    ------
    TypeError
        If the estimator is of another class, if a hyper-parameter or an attribute is neither a plain value nor an array, or if an
        open file is in text mode.
    ValueError
        If the path is empty, or if attributes were changed since `fit`, so that the model could not be loaded again.
    OSError
        If the file cannot be written, such as to a directory or device. An existing file is left as it was.

    See Also
    --------
    load : Load such a file.

    Notes
    -----
    The file holds the hyper-parameters, the fitted attributes, the state that training continues from (`warm_start`,
    `partial_fit`) and scikit-learn's metadata requests, bit for bit. Callbacks (``set_callbacks``) are left out, and a
    hyper-parameter that is a `pathlib.Path` becomes a str. ``numpy.load(path, allow_pickle=False)`` opens it, too: it has the
    arrays by name, and all else as JSON in ``tree.json``.

    A file that is replaced leaves its permissions and, where the system allows it, its owner to the new one. A symbolic link
    stays, and the file that it points to is replaced; other hard links keep the old file.

    For a `Pipeline`, a search or a subclass of your own use skops, whose files do not run code unasked either::

        skops.io.dump(pipeline, "pipeline.skops")
        types = skops.io.get_untrusted_types(file="pipeline.skops")  # to be read by you
        pipeline = skops.io.load("pipeline.skops", trusted=types)

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, persistence
    >>> X = np.random.default_rng(0).normal(size=(50, 4, 2))
    >>> model = LSTMRegressor(hidden_size=4, tol=0.01, random_state=0).fit(X, X[:, -1, 0])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
    >>> persistence.save(model, path)
    >>> bool((persistence.load(path).predict(X) == model.predict(X)).all())
    True
    """
    name = type(estimator).__name__
    if CLASSES.get(name) is not type(estimator):
        raise TypeError(_what_to_do_instead(estimator))
    parameters = estimator.get_params(deep=False)
    names = [key for key in vars(estimator) if key not in parameters and not SKIPPED_ATTRIBUTES.fullmatch(key)]
    attributes = {key: vars(estimator)[key] for key in names}
    try:
        if "_state" in attributes:
            attributes["_state"] = attributes["_state"].to_dict()
        _check(estimator, attributes)
    except UNSOUND as error:
        raise ValueError(f"This {name} could not be loaded again: {_said(error)}. Fit it afresh.") from error
    if "_state" in attributes and attributes["history_"] is attributes["_state"]["history"]:
        del attributes["history_"]
    tree = {
        "class": name,
        "parameters": {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in parameters.items()},
        "attributes": attributes,
        "metadata_requests": _metadata_requests(estimator),
        "versions": {"sklstm": OWN_VERSION, "numpy": np.__version__, "scikit-learn": sklearn.__version__},
    }
    write_archive(path, tree, "model")


def load(path):
    """Load an estimator that `save` saved. No code from the file is run.

    Parameters
    ----------
    path : str, path-like or binary file
        Path of the file; a leading ``~`` is the home directory. An open file is read from its position to the end of the model,
        without seeking.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
        Estimator whose predictions, and further training with `warm_start` and `partial_fit`, have the same bits as those of the
        saved one.

    Raises
    ------
    OSError
        If there is no such file, if it cannot be read, or if it is a directory, device, FIFO or socket.
    ValueError
        If the file was not written by sklstm, is damaged, was written by a newer version, or does not hold a model.

    See Also
    --------
    save : Save such a file.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.persistence import load, save
    >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
    >>> save(LSTMClassifier(hidden_size=(32, 16)), path)
    >>> load(path)
    LSTMClassifier(hidden_size=(32, 16))
    """
    tree = read_archive(path, "model")
    try:
        return _estimator(tree)
    except UNSOUND as error:
        fault = f"{name_of(path)} holds no model: {_said(error)}"
        raise ValueError(f"{fault}. Restore a copy of the file, or save the model again.") from error


def _said(error):
    """The message of an error, with its type where it is not of ours."""
    return f"{error!s:.400}".rstrip(".") if type(error) is ValueError else f"{error!r:.400}"


def _what_to_do_instead(estimator):
    got = "a class, not an object" if isinstance(estimator, type) else type(estimator).__name__
    advice = "Save other estimators, and pipelines and searches as a whole, by skops.io.dump or joblib.dump"
    if isinstance(estimator, tuple(CLASSES.values())):
        got, advice = f"{got}, a subclass", "Its code is not part of a file: use skops.io.dump or joblib.dump"
    for attribute in ("best_estimator_", "steps"):
        if hasattr(estimator, attribute):
            advice += f", or save the part that is one of sklstm's (see its `{attribute}`)"
    return f"save takes an object of the class {' or '.join(CLASSES)}, got {got}. {advice}."


def _metadata_requests(estimator):
    """Method -> metadata -> whether it is requested, or under which name; those that the user has set."""
    requests = vars(estimator).get("_metadata_request")
    setters = (re.fullmatch("set_(.+)_request", name) for name in dir(type(estimator)) if requests is not None)
    return {found[1]: dict(getattr(requests, found[1]).requests) for found in setters if found}


def _estimator(tree):
    parts = ["class", "parameters", "attributes", "metadata_requests", "versions"]
    if not isinstance(tree, dict) or not tree.keys() >= set(parts):
        raise ValueError(f"expected {parts}")
    cls, parameters, attributes = CLASSES[tree["class"]], tree["parameters"], tree["attributes"]
    unknown = sorted(map(str, parameters.keys() - cls().get_params(deep=False).keys()))
    if unknown:
        raise ValueError(
            f"it has hyper-parameters that this version of sklstm ({OWN_VERSION}) does not know: {unknown[:5]}; version"
            f" {tree['versions'].get('sklstm')!s:.20} wrote it, load it by that or a later one"
        )
    estimator = cls(**parameters)
    if "_state" in attributes:
        attributes = {"history_": attributes["_state"]["history"]} | attributes
    state = _check(estimator, attributes)
    vars(estimator).update(attributes if state is None else attributes | {"_state": state})
    with sklearn.config_context(enable_metadata_routing=True):
        for method, requests in tree["metadata_requests"].items():
            setter = getattr(estimator, f"set_{method}_request")
            if requests != {}:
                setter(**requests)
    return estimator


def _check(estimator, attributes):
    """The state of the training; raises one of UNSOUND unless an estimator can have attributes as a fit leaves them, or none."""
    parameters = estimator.get_params(deep=False)
    for name in attributes:
        if type(name) is not str or name in parameters or hasattr(type(estimator), name) or SKIPPED_ATTRIBUTES.fullmatch(name):
            raise ValueError(f"{name!r:.60} is no attribute of a model")
    if attributes.keys().isdisjoint({"_theta", "_network_spec", "_state"}):
        return None
    spec, theta, state, moments = (attributes[name] for name in ("_network_spec", "_theta", "_state", "_moments"))
    if spec.keys() != {*NON_NETWORK_KEYS, *(field.name for field in fields(Network))}:
        raise ValueError(f"its network is specified by {list(spec)}")
    network = build(spec)
    network.bind(theta)
    check_moments(moments, network.input_size)
    state = TrainingState.from_dict(state, network, theta.dtype, SOLVERS[state["solver"]](estimator))
    of_class = _facts_of_classifier if isinstance(estimator, LSTMClassifier) else _facts_of_regressor
    facts = _facts(attributes, state, spec) | of_class(attributes, spec)
    for name, holds in facts.items():
        if not holds:
            raise ValueError(f"its {name} is not what a fit leaves")
    return state


def _facts(a, state, spec):
    """Attribute -> whether it agrees with the network and with others."""
    columns, names, categories = a["n_features_in_"], a.get("feature_names_in_"), spec["categories"]
    standardized, has_units = spec["standardize"], LOSSES[spec["loss"]].units is not None
    has_moments = {"x": standardized, "y": standardized and has_units}
    return {
        "_moments": {name: part is not None for name, part in a["_moments"].items()} == has_moments,
        "_n_steps": len(a["_n_steps"]) == 2 and all(map(is_count, a["_n_steps"])),
        "_flat": isinstance(a["_flat"], bool),
        "n_features_in_": is_count(columns, 1) and (a["_flat"] or columns == spec["input_size"]),
        "feature_names_in_": names is None or [type(name) for name in names] == [str] * columns,
        "_categorical": all(map(is_count, a["_categorical"])) and list(a["_categorical"]) == [one[0] for one in categories],
        "categories_": [len(set(values.tolist())) + 1 for values in a["categories_"]] == [one[1] for one in categories],
        "_y_form": spec["pooling"] is not None or a["_y_form"]["kind"] in ("list", "array", "Sequences"),
        "n_outputs_": a["n_outputs_"] == spec["output_size"],
        "n_iter_": a["n_iter_"] == state.n_epochs,
        "loss_curve_": a["loss_curve_"] == [row["loss"] for row in a["history_"]],
        "best_loss_": a["best_loss_"] in (None, min(a["loss_curve_"], default=None)),
    }


def _facts_of_classifier(a, spec):
    classes, n_classes = a["classes_"], LOSSES[spec["loss"]].inverse_link(np.zeros((1, spec["output_size"]))).shape[1]
    return {
        "loss": spec["loss"] in DECISIONS and spec["loss_parameters"].keys() <= {"smoothing"},
        "classes_": classes.shape == (n_classes,) and len(set(classes.tolist())) == n_classes,
        "_multilabel": isinstance(a["_multilabel"], bool),
        "_class_totals": a["_class_totals"].shape == ((n_classes, 2) if a["_multilabel"] else (n_classes,)),
    }


def _facts_of_regressor(a, spec):
    n_outputs, quantiles = spec["output_size"], spec["loss_parameters"].get("quantiles", [])
    has_ranks, ranks = "_quantile_ranks" in a, list(range(n_outputs))
    return {
        "loss": spec["loss"] not in DECISIONS and all(0 < quantile < 1 for quantile in quantiles),
        "_quantile_ranks": not has_ranks or (sorted(a["_quantile_ranks"]) == ranks and len(quantiles) == n_outputs),
        "_n_targets": a["_n_targets"] == (1 if has_ranks else n_outputs),
        "_one_dimensional": isinstance(a["_one_dimensional"], bool) and (not a["_one_dimensional"] or a["_n_targets"] == 1),
    }
