"""Models as files that run no code when they are read: `save` and `load`."""

import os
import re
from dataclasses import fields
from importlib.metadata import version
from itertools import pairwise
from math import prod
from numbers import Integral, Real

import numpy as np
from sklearn import config_context

from .archive import name_of, read_archive, write_archive
from .estimators import LSTMClassifier, LSTMRegressor
from .estimators.architecture import NON_NETWORK_KEYS, build
from .estimators.classifier import DECISIONS
from .estimators.solvers import SOLVERS
from .network import ACTIVATIONS, CELLS, LOSSES, MAX_LAYERS, MERGE_MODES, POOLINGS, Network
from .training import TrainingState

__all__ = ["load", "save"]

CLASSES = {"LSTMClassifier": LSTMClassifier, "LSTMRegressor": LSTMRegressor}

# What a file means that lacks a hyper-parameter, where that is not the constructor's default:
# name -> function of the hyper-parameters that it has.
FORMERLY = {}

# Attributes that scikit-learn sets for callbacks and for a fit that runs: objects of any kind.
LEFT_OUT = re.compile("_skl_callbacks.*|_parent_callback_ctx|_callback_fit_ctx|_metadata_request")


VERSIONS = ("sklstm", "numpy", "scikit-learn")


def save(estimator, path):
    """Save an estimator to a file that is safe to load.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Fitted or not.
    path : str, path-like or binary file
        A leading ``~`` is the home directory. An existing file is replaced, once the new one is complete. An open file, such as
        `io.BytesIO`, is written to from where it stands, without seeking, and is not closed.

    Raises
    ------
    TypeError
        If the estimator is of another class, if a hyper-parameter or an attribute is neither a plain value nor an array (the
        message says which), or if an open file is not in binary mode.
    ValueError
        If the path is empty, or if attributes were changed since `fit`, so that the model could not be loaded again.
    OSError
        If the file cannot be written; one that was there before is left as it was. If the path is that of a directory, device,
        FIFO or socket.

    See Also
    --------
    load : The way back.

    Notes
    -----
    The file holds the hyper-parameters, the fitted attributes, the state that training continues from (`warm_start`,
    `partial_fit`) and scikit-learn's metadata requests, bit for bit. Callbacks (``set_callbacks``) are left out, and a
    hyper-parameter that is a `pathlib.Path` comes back as a str. It is a valid *safetensors* file: other tools can read the
    arrays in it.

    A file that is replaced leaves its permissions and, where the system allows it, its owner to the new one. A symbolic link
    stays, and what it points to is replaced; other hard links keep the old file.

    For a `Pipeline`, a search or a subclass of your own use `skops.io` or `joblib`; the latter runs whatever code a file
    holds.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor, persistence
    >>> X = np.random.default_rng(0).normal(size=(50, 4, 2))
    >>> model = LSTMRegressor(hidden_size=4, tol=0.01, random_state=0).fit(X, X[:, -1, 0])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.sklstm")
    >>> persistence.save(model, path)
    >>> bool((persistence.load(path).predict(X) == model.predict(X)).all())
    True
    """
    name = type(estimator).__name__
    if CLASSES.get(name) is not type(estimator):
        raise TypeError(_what_to_do_instead(estimator))
    parameters = estimator.get_params(deep=False)
    own = {key: value for key, value in vars(estimator).items() if key not in parameters and not LEFT_OUT.fullmatch(key)}
    if isinstance(own.get("_state"), TrainingState):
        own["_state"] = own["_state"].to_dict()
    try:
        _check_attributes(type(estimator), own)
    except _Fault as fault:
        raise ValueError(f"This {name} could not be loaded again: {fault}. Fit it afresh.") from None
    tree = {
        "class": name,
        "parameters": {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in parameters.items()},
        "attributes": _without_twins(own),
        "metadata_requests": _metadata_requests(estimator),
        "versions": {package: version(package) for package in VERSIONS},
    }
    write_archive(path, tree, "model")


def load(path):
    """Load an estimator that `save` saved. No code from the file is run.

    Parameters
    ----------
    path : str, path-like or binary file
        A leading ``~`` is the home directory. An open file is read from where it stands to the end of the model, without seeking.

    Returns
    -------
    LSTMClassifier or LSTMRegressor
        Its predictions, and further training with `warm_start` and `partial_fit`, have the same bits as those of the saved one.

    Raises
    ------
    OSError
        If there is no such file, if it cannot be read, or if it is a directory, device, FIFO or socket.
    ValueError
        If the file was not written by sklstm, is damaged, was written by a newer version, or does not hold what makes a model.

    See Also
    --------
    save : Write such a file, and an example.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.persistence import load, save
    >>> path = os.path.join(tempfile.mkdtemp(), "model.sklstm")
    >>> save(LSTMClassifier(hidden_size=(32, 16)), path)
    >>> load(path)
    LSTMClassifier(hidden_size=(32, 16))
    """
    tree = read_archive(path, "model")
    try:
        return _estimator(tree)
    except (_Fault, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as fault:
        name, cause = name_of(path), None if isinstance(fault, _Fault) else fault
        raise ValueError(f"{name} holds no model: {fault}. Restore a copy of the file, or save the model again.") from cause


class _Fault(ValueError):
    """What is not as the estimators leave it."""


def _expect(condition, fault):
    if not condition:
        raise _Fault(fault)


# ---- what is saved ----


def _what_to_do_instead(estimator):
    got = "a class, not an object" if isinstance(estimator, type) else type(estimator).__name__
    advice = "Save other estimators, and pipelines and searches as a whole, by skops.io.dump or joblib.dump"
    if isinstance(estimator, tuple(CLASSES.values())):
        got, advice = f"{got}, a subclass", "Its code is not part of a file: use skops.io.dump or joblib.dump"
    for attribute in ("best_estimator_", "steps"):
        if hasattr(estimator, attribute):
            advice += f", or save the part that is one of sklstm's (see its `{attribute}`)"
    return f"save takes an object of the class {' or '.join(CLASSES)}, got {got}. {advice}."


def _without_twins(attributes):
    """The attributes without the history, where it is that of the state."""
    state = attributes.get("_state")
    if state is not None and attributes.get("history_") is state["history"]:
        return {key: value for key, value in attributes.items() if key != "history_"}
    return attributes


def _request_setters(cls):
    """Method -> name of the method of scikit-learn that sets which metadata it requests."""
    found = (re.fullmatch("set_(.+)_request", name) for name in dir(cls))
    return {match.group(1): match.group() for match in found if match}


def _metadata_requests(estimator):
    """Method -> metadata -> whether it is requested, or under which name; of what the user has set."""
    requests = vars(estimator).get("_metadata_request")
    if requests is None:
        return {}
    return {method: dict(getattr(requests, method).requests) for method in _request_setters(type(estimator))}


# ---- what is loaded ----


def _estimator(tree):
    parts = {"class": str, "parameters": dict, "attributes": dict, "metadata_requests": dict, "versions": dict}
    _expect(type(tree) is dict and parts.keys() <= tree.keys(), f"expected {list(parts)}")
    for name, kind in parts.items():
        _expect(type(tree[name]) is kind, f"its {name} should be a {kind.__name__}")
    _expect(tree["class"] in CLASSES, f"its class is {tree['class'][:60]!r}, expected one of {list(CLASSES)}")
    cls, attributes = CLASSES[tree["class"]], tree["attributes"]
    if type(attributes.get("_state")) is dict and "history" in attributes["_state"]:
        attributes = {"history_": attributes["_state"]["history"]} | attributes
    _check_attributes(cls, attributes)
    estimator = cls(**_parameters(cls, tree["parameters"], tree["versions"]))
    if "_state" in attributes:
        attributes = attributes | {"_state": TrainingState(**attributes["_state"])}
    vars(estimator).update(attributes)
    _request_metadata(estimator, tree["metadata_requests"])
    return estimator


def _parameters(cls, saved, versions):
    """The hyper-parameters in a file; those that its version did not know yet as what it did."""
    known = cls().get_params(deep=False)
    unknown = sorted(map(str, saved.keys() - known.keys()))
    _expect(
        not unknown,
        f"it has hyper-parameters that this version of sklstm ({version('sklstm')}) does not know: {unknown[:5]}; version"
        f" {str(versions.get('sklstm'))[:20]} wrote it, load it by that or a later one",
    )
    missing = {name: FORMERLY[name](saved) for name in known.keys() - saved.keys() if name in FORMERLY}
    return saved | missing


def _request_metadata(estimator, requests):
    setters = _request_setters(type(estimator))
    for method, values in requests.items():
        _expect(method in setters and type(values) is dict, "its metadata requests are of no method of the estimator")
        if not values:
            continue
        try:
            with config_context(enable_metadata_routing=True):
                getattr(estimator, setters[method])(**values)
        except (TypeError, ValueError) as error:
            raise _Fault(f"its metadata requests are none ({error})") from None


# ---- what must hold for a fitted model, so that it answers and goes on ----


def _check_attributes(cls, attributes):
    """Raise a _Fault unless attributes are those that a fit of this class leaves, in agreement with each other."""
    known = cls().get_params(deep=False).keys() | set(dir(cls))
    for name in attributes:
        own = type(name) is str and name not in known and not LEFT_OUT.fullmatch(name)
        _expect(own, f"{_shown(name)} is no attribute of a model")
    if "_theta" not in attributes:
        _expect("_state" not in attributes and "_network_spec" not in attributes, "_theta, the weights, is missing")
        return
    checks = FITTED | OF_CLASS[cls]
    missing = [name for name in checks if name not in attributes]
    _expect(not missing, f"its attributes {missing} are missing")
    a = _Attributes(attributes)
    for name, check in (checks | {name: OPTIONAL[name] for name in OPTIONAL.keys() & attributes.keys()}).items():
        _expect(check(attributes[name], a), f"its {name} is not as a fit leaves it, {_shown(attributes[name])}")


class _Attributes:
    """The attributes that others are held against. They are checked in an order in which these come first."""

    def __init__(self, attributes):
        self.theta = attributes["_theta"]
        self.spec = attributes["_network_spec"]
        self.all = attributes


def _shown(value):
    """A short description of a value."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    if isinstance(value, (dict, list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, (str, bytes)):
        return repr(value[:60])
    return repr(value) if isinstance(value, (float, bool)) or value is None else f"a {type(value).__name__}"


def _is_bool(value, a=None):
    return isinstance(value, (bool, np.bool_))


def _is_count(value, a=None, low=0, high=2**62):
    return isinstance(value, Integral) and not _is_bool(value) and low <= value <= high


def _is_size(value, a):
    """Sizes of parts of a network: each unit, channel and score has at least one weight."""
    return _is_count(value, low=1, high=a.theta.size)


def _is_number(value, a=None):
    return isinstance(value, Real) and not _is_bool(value) and (not isinstance(value, Integral) or abs(value) < 2**64)


def _is_rate(value, a=None):
    return _is_number(value) and 0 <= value < 1


def _is_number_or_none(value, a=None):
    return value is None or _is_number(value)


def _are_numbers(value, a=None):
    return type(value) is list and all(map(_is_number, value))


def _are_numbers_or_none(value, a=None):
    return value is None or _are_numbers(value)


def _is_array(value, shape, kinds="f"):
    return type(value) is np.ndarray and value.shape == shape and value.dtype.kind in kinds


def _is_float64(value, shape):
    return _is_array(value, shape) and value.dtype == np.float64


def _is_like_theta(value, a):
    return _is_array(value, a.theta.shape) and value.dtype == a.theta.dtype


def _is_plain(value, a=None):
    return value is None or isinstance(value, (bool, int, float, str, np.generic))


def _is_one_of(names):
    return lambda value, a: isinstance(value, str) and value in names


def _is_theta(value, a):
    return type(value) is np.ndarray and value.ndim == 1 and value.size > 0 and value.dtype in (np.float32, np.float64)


# ---- the network ----


def _are_categories(value, a):
    """[channel, rows of its table, width] of each categorical channel."""
    if type(value) is not list or any(type(entry) is not list or len(entry) != 3 for entry in value):
        return False
    last = a.spec["input_size"] - 1
    if not all(_is_count(channel, high=last) and _is_size(rows, a) and _is_size(width, a) for channel, rows, width in value):
        return False
    return all(one[0] < other[0] for one, other in pairwise(value))


def _are_hidden_sizes(value, a):
    return type(value) is list and 0 < len(value) <= MAX_LAYERS and all(_is_size(size, a) for size in value)


def _are_channels_or_names(value, a):
    return value is None or isinstance(value, str) or (type(value) is list and all(map(_is_plain, value)))


def _are_loss_parameters(value, a):
    if type(value) is not dict or not value.keys() <= {"smoothing", "quantiles"}:
        return False
    n_quantiles = {"quantile": 1, "quantiles": a.spec["output_size"]}.get(a.spec["loss"])
    quantiles = value.get("quantiles")
    if n_quantiles is None:
        return quantiles is None and _is_rate(value.get("smoothing", 0.0))
    return _are_numbers(quantiles) and len(quantiles) == n_quantiles and all(0 < q < 1 for q in quantiles)


SPEC = {
    "input_size": _is_size,
    "output_size": _is_size,
    "hidden_sizes": _are_hidden_sizes,
    "cell": _is_one_of(CELLS),
    "activation": _is_one_of(ACTIVATIONS),
    "bidirectional": _is_bool,
    "merge_mode": _is_one_of(MERGE_MODES),
    "pooling": lambda value, a: value is None or _is_one_of(POOLINGS)(value, a),
    "dropout": _is_rate,
    "recurrent_dropout": _is_rate,
    "residual": _is_bool,
    "learned_state": _is_bool,
    "categories": _are_categories,
    "categorical_features": _are_channels_or_names,
    "loss": _is_one_of(LOSSES),
    "loss_parameters": _are_loss_parameters,
    "standardize": _is_bool,
}


def _is_spec(value, a):
    expected = {field.name for field in fields(Network)} | set(NON_NETWORK_KEYS)
    if type(value) is not dict or value.keys() != expected:
        raise _Fault(f"its _network_spec should have the keys {sorted(expected)}")
    for key in sorted(expected, key=[*SPEC, *expected].index):
        _expect(SPEC.get(key, _is_plain)(value[key], a), f"its _network_spec has the {key} {_shown(value[key])}")
    try:
        shapes = build(value).layout.shapes.values()
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise _Fault(f"its _network_spec makes no network ({error})") from None
    size = sum(map(prod, shapes))  # in Python's integers, which do not overflow
    _expect(size == a.theta.size, f"its network has {size} weights, but _theta {a.theta.size}")
    return True


# ---- where training stands ----


def _is_state(value, a):
    solver = value.get("solver") if type(value) is dict else None
    _expect(_is_one_of(SOLVERS)(solver, a), f"its _state has the solver {_shown(solver)}")
    try:
        TrainingState.from_dict(value, build(a.spec), a.theta.dtype, SOLVERS[solver](LSTMRegressor()))
    except ValueError as error:
        raise _Fault(f"its _state is not as a fit leaves it: {error}") from None
    return True


def _is_history(value, a):
    return type(value) is list and all(map(_is_row, value))


def _is_row(row):
    """Numbers of an epoch by name; those that become attributes are not None."""
    if type(row) is not dict or not all(isinstance(key, str) and _is_number_or_none(item) for key, item in row.items()):
        return False
    return "loss" in row and not any(row.get(key, 0) is None for key in ("loss", "validation_loss", "validation_score"))


MOMENTS = {"weight", "mean", "deviation", "low", "high"}


def _are_moments(value, a):
    """Those of X, and of a y that has units; None where nothing is standardised."""
    if type(value) is not dict or value.keys() != {"x", "y"}:
        return False
    standardized = a.spec["standardize"]
    has_units = LOSSES[a.spec["loss"]].units is not None
    n_targets = 1 if a.spec["loss"] == "quantiles" else a.spec["output_size"]
    return _are_moments_of(value["x"], a.spec["input_size"] if standardized else None) and _are_moments_of(
        value["y"], n_targets if standardized and has_units else None
    )


def _are_moments_of(value, n_columns):
    if value is None or n_columns is None:
        return value is None and n_columns is None
    return (
        type(value) is dict
        and value.keys() == MOMENTS
        and _is_number(value["weight"])
        and 0 < value["weight"] < np.inf
        and all(_is_float64(value[key], (n_columns,)) and np.isfinite(value[key]).all() for key in MOMENTS - {"weight"})
        and (value["deviation"] >= 0).all()
    )


# ---- X and y ----


def _are_feature_counts(value, a):
    """Columns of a table, or channels."""
    names = a.all.get("feature_names_in_")
    if not _is_count(value, low=1) or not (names is None or _is_array(names, (value,), "OU")):
        return False
    if names is not None and not all(isinstance(name, str) for name in names.tolist()):
        return False
    return bool(a.all["_flat"]) or value == a.spec["input_size"]


def _are_vocabularies(value, a):
    """Values of each categorical channel, one for each row of its table but the first."""
    categories = a.spec["categories"]
    return (
        type(value) is list
        and len(value) == len(categories)
        and all(_is_vocabulary(values, rows) for values, (_, rows, _) in zip(value, categories, strict=True))
    )


def _is_vocabulary(values, n_rows):
    return _is_array(values, (n_rows - 1,), "fiubUSOmM") and _are_hashable(values)


def _are_hashable(values):
    try:
        return values.dtype != object or bool(set(values.tolist()) or True)
    except TypeError:
        return False


def _are_categorical_channels(value, a):
    if type(value) is not tuple or not all(map(_is_count, value)):
        return False
    return list(value) == [channel for channel, _, _ in a.spec["categories"]]


def _is_form_of_y(attributes):
    form = attributes.get("_y_form")
    return (
        type(form) is dict
        and form.keys() == {"kind", "column"}
        and form["kind"] in ("list", "array", "Sequences")
        and _is_bool(form["column"])
    )


def _is_flat(value, a):
    _expect(a.spec["pooling"] is not None or _is_form_of_y(a.all), "its _y_form is not as a fit leaves it")
    return _is_bool(value)


# In an order in which each can rely on those before.
FITTED = {
    "_theta": _is_theta,
    "_network_spec": _is_spec,
    "_state": _is_state,
    "_moments": _are_moments,
    "_flat": _is_flat,
    "n_features_in_": _are_feature_counts,
    "categories_": _are_vocabularies,
    "_categorical": _are_categorical_channels,
    "n_outputs_": lambda value, a: _is_count(value) and value == a.spec["output_size"],
    "n_iter_": _is_count,
    "t_": _is_count,
    "history_": _is_history,
    "loss_curve_": _are_numbers,
    "best_loss_": _is_number_or_none,
    "validation_loss_curve_": _are_numbers_or_none,
    "validation_scores_": _are_numbers_or_none,
    "best_validation_score_": _is_number_or_none,
}


def _is_multilabel(value, a):
    return a.spec["loss"] in DECISIONS and _is_bool(value) and value == (a.spec["loss"] == "multilabel_log_loss")


def _n_classes(a):
    return 2 if a.spec["loss"] == "binary_log_loss" else a.spec["output_size"]


def _are_classes(value, a):
    if a.spec["loss"] == "binary_log_loss" and a.spec["output_size"] != 1:
        return False
    return _is_array(value, (_n_classes(a),), "fiubUSOmM") and _are_hashable(value)


def _are_class_totals(value, a):
    return _is_float64(value, (_n_classes(a), 2) if a.all["_multilabel"] else (_n_classes(a),))


def _is_number_of_targets(value, a):
    return _is_count(value) and value == (1 if a.spec["loss"] == "quantiles" else a.spec["output_size"])


def _is_one_dimensional(value, a):
    if a.spec["loss"] in DECISIONS or not _is_bool(value) or (value and a.all["_n_targets"] != 1):
        return False
    if a.spec["loss"] != "quantiles":
        return True
    ranks, n = a.all.get("_quantile_ranks"), a.spec["output_size"]
    return _is_array(ranks, (n,), "iu") and np.array_equal(np.sort(ranks), np.arange(n))


def _are_lengths(value, a):
    """Numbers of steps of the shortest and the longest sequence that the model learned from."""
    return type(value) is tuple and len(value) == 2 and all(_is_count(n, low=1) for n in value) and value[0] <= value[1]


# Those that older files do not have.
OPTIONAL = {"_n_steps": _are_lengths}

OF_CLASS = {
    LSTMClassifier: {"_multilabel": _is_multilabel, "classes_": _are_classes, "_class_totals": _are_class_totals},
    LSTMRegressor: {"_n_targets": _is_number_of_targets, "_one_dimensional": _is_one_dimensional},
}
