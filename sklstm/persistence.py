"""Models as files that run no code when they are read: `save` and `load`."""

import os
import re

import numpy as np
import sklearn

from .archive import OWN_VERSION, read_archive, write_archive
from .estimators import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq
from .estimators.architecture import LATER_KEYS
from .estimators.fitted_state import check_attributes
from .files import name_of
from .forecasting import LSTMForecaster
from .forecasting.fitted_state import check_attributes as check_forecaster

__all__ = ["load", "save"]

CLASSES = {cls.__name__: cls for cls in (LSTMClassifier, LSTMRegressor, LSTMSeq2Seq, LSTMOutlierDetector, LSTMForecaster)}

# Attribute of a forecaster that holds estimators.
REGRESSORS = "regressors_"

# Attributes that scikit-learn sets for callbacks and during a fit: objects of any kind.
SKIPPED_ATTRIBUTES = re.compile("_skl_callbacks.*|_parent_callback_ctx|_callback_fit_ctx|_metadata_request")

# What is raised of a model that is not as a fit leaves it.
UNSOUND = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def save(estimator, path):
    """Save an estimator to a file from which loading runs no code.

    Parameters
    ----------
    estimator : LSTMClassifier, LSTMRegressor, LSTMSeq2Seq, LSTMOutlierDetector or LSTMForecaster
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

    For a `Pipeline`, a search or a subclass of your own use skops, which asks before it loads a class::

        skops.io.dump(pipeline, "pipeline.skops")
        types = skops.io.get_untrusted_types(file="pipeline.skops")  # read them
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
    if CLASSES.get(type(estimator).__name__) is not type(estimator):
        raise TypeError(_what_to_do_instead(estimator))
    versions = {"sklstm": OWN_VERSION, "numpy": np.__version__, "scikit-learn": sklearn.__version__}
    tree = _tree(estimator) | {"versions": versions}
    write_archive(path, tree, "model")


def _tree(estimator):
    """An estimator as plain values and arrays."""
    name = type(estimator).__name__
    parameters = estimator.get_params(deep=False)
    names = [key for key in vars(estimator) if key not in parameters and not SKIPPED_ATTRIBUTES.fullmatch(key)]
    attributes = {key: vars(estimator)[key] for key in names}
    try:
        if "_state" in attributes:
            attributes["_state"] = attributes["_state"].to_dict()
        _check(estimator, attributes)
        if REGRESSORS in attributes:
            attributes[REGRESSORS] = [_tree(regressor) for regressor in attributes[REGRESSORS]]
    except UNSOUND as error:
        raise ValueError(f"This {name} could not be loaded again: {_said(error)}. Fit it afresh.") from error
    if "_state" in attributes and attributes["history_"] is attributes["_state"]["history"]:
        del attributes["history_"]
    return {
        "class": name,
        "parameters": {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in parameters.items()},
        "attributes": attributes,
        "metadata_requests": _metadata_requests(estimator),
    }


def load(path):
    """Load an estimator that `save` wrote, without running code from the file.

    Parameters
    ----------
    path : str, path-like or binary file
        Path of the file; a leading ``~`` is the home directory. An open file is read from its position to the end of the model,
        without seeking.

    Returns
    -------
    LSTMClassifier, LSTMRegressor, LSTMSeq2Seq, LSTMOutlierDetector or LSTMForecaster
        Estimator whose predictions, and further training with `warm_start` and `partial_fit`, have the same bits as those of the
        saved one.

    Raises
    ------
    OSError
        If the file does not exist or cannot be read, or if it is a directory, device, FIFO or socket.
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
        problem = f"{name_of(path)} holds no model: {_said(error)}"
        raise ValueError(f"{problem}. Restore a copy of the file, or save the model again.") from error


def _said(error):
    return f"{error!s:.400}".rstrip(".") if type(error) is ValueError else f"{error!r:.400}"


def _what_to_do_instead(estimator):
    got = "a class, not an object" if isinstance(estimator, type) else type(estimator).__name__
    advice = "Save other estimators, and pipelines and searches as a whole, by skops.io.dump or joblib.dump"
    if isinstance(estimator, tuple(CLASSES.values())):
        got, advice = f"{got}, a subclass", "Its code is not part of a file: use skops.io.dump or joblib.dump"
    for attribute in ("best_estimator_", "steps"):
        if hasattr(estimator, attribute):
            advice += f", or save the part that is one of sklstm's (see its `{attribute}`)"
    *others, last = CLASSES
    return f"save takes an object of the class {', '.join(others)} or {last}, got {got}. {advice}."


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
    if REGRESSORS in attributes:
        regressors = [_estimator(part | {"versions": tree["versions"]}) for part in attributes[REGRESSORS]]
        attributes = attributes | {REGRESSORS: regressors}
    if "_state" in attributes:
        attributes = {"history_": attributes["_state"]["history"]} | attributes
    if "_network_spec" in attributes:
        spec = attributes["_network_spec"]
        later = {key: value for key, value in LATER_KEYS.items() if key not in spec}
        attributes = attributes | {"_network_spec": spec | later}
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
    if isinstance(estimator, LSTMForecaster):
        return check_forecaster(attributes) if attributes else None
    is_fitted = not attributes.keys().isdisjoint({"_theta", "_network_spec", "_state"})
    return check_attributes(estimator, attributes) if is_fitted else None
