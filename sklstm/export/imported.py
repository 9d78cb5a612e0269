"""Estimators that are fitted by weights from elsewhere."""

import inspect
import reprlib
import sys
from collections.abc import Mapping

import numpy as np

from ..estimators import LSTMClassifier, LSTMRegressor
from ..estimators.architecture import build
from ..estimators.constraints import check_types
from ..estimators.fit_inputs import FitInputs
from ..estimators.solvers import SOLVERS, check_solver_params
from ..estimators.unaligned import asks_for_labels
from ..network import LOSSES
from ..network.checks import is_count
from ..sequences import Sequences
from ..sequences.categories import in_own_type
from ..sequences.targets import as_array, sorted_labels
from ..training import Scaling, TrainingState

OF_HEAD = ("head.V", "head.b")
KINDS = (LSTMClassifier, LSTMRegressor)

# Parameters that weights from elsewhere decide, or that need what only a fit knows.
DECIDED = {"hidden_size", "num_layers", "standardize", "initial_state", "proj_size"}
OF_FIT = {"missing", "input_dropout", "time_feature"}


class Table:
    """Vectors of categories, in the order in which an estimator has them.

    Parameters
    ----------
    vectors : ndarray of shape (n_categories, width)
    categories : array-like of shape (n_categories,) or None
        What the vectors are of; None means 0, 1, and so on.
    unknown : ndarray of shape (width,), default=None
        Vector of other categories; None is the mean.

    Attributes
    ----------
    values : ndarray of shape (n_categories,)
        The categories, sorted.
    rows : ndarray of shape (n_categories + 1, width)
        That of the unknown, and those of `values`.
    parameters : dict
        Hyper-parameters of an estimator with these.
    """

    def __init__(self, vectors, categories, unknown=None):
        n = len(vectors)
        given = np.arange(n) if categories is None else as_array("categories", categories)
        self.values = in_own_type(sorted_labels("categories", given)) if given.ndim == 1 else given
        if given.ndim != 1 or not len(given) == len(self.values) == n:
            got = reprlib.repr(categories)
            raise ValueError(f"categories must be {n} different values, one for each row of the table of vectors, got {got}.")
        unknown = vectors.mean(axis=0, dtype=np.float64).astype(vectors.dtype) if unknown is None else unknown
        self.rows = np.vstack([unknown, vectors[np.argsort(given)]])
        self.parameters = {"categorical_features": [0], "embedding_dim": vectors.shape[1]}

    @classmethod
    def none(cls, categories):
        """No table; raises a ValueError if there are categories all the same."""
        if categories is not None:
            raise ValueError("categories are of a table of vectors before the first layer, but there is none. Leave them out.")


class Draft:
    """An estimator that is to become fitted.

    Parameters
    ----------
    kind : type
        Class of the estimator.
    parameters : dict
        Its hyper-parameters as far as the caller gives them.
    decided : dict
        Those that the weights decide.
    n_channels : int
    n_scores : int
        Rows of the head.
    classes : array-like of shape (n_classes,) or None
        Of a classifier, in the order of the scores.
    multilabel : bool
        Whether each score is that of a label by itself.
    table : Table or None
        Vectors of the categories that are the only channel.
    blank : int
        Of the scores, that of blank with ``loss="ctc"``.

    Attributes
    ----------
    network : Network
    """

    def __init__(self, kind, parameters, decided, n_channels, n_scores, classes, multilabel, table=None, blank=0):
        if not (inspect.isclass(kind) and issubclass(kind, KINDS)):
            raise TypeError(
                f"estimator must be the class LSTMClassifier or LSTMRegressor, or a fitted model, got {reprlib.repr(kind)}."
            )
        _check_parameters(kind, parameters, decided)
        own_loss = {"loss": "squared_error", "huber_delta": 1.0} if issubclass(kind, LSTMRegressor) else {}  # as elsewhere
        estimator = self.estimator = kind(**{"pooling": "last"} | own_loss | parameters | decided | {"standardize": False})
        estimator._validate_params()
        check_types(estimator)
        estimator._check_architecture()
        estimator._check_parameters()
        check_solver_params(estimator)
        self._order = None
        if not issubclass(kind, LSTMClassifier):
            if classes is not None or multilabel:
                raise ValueError("classes and multilabel are for an LSTMClassifier, but the estimator is an LSTMRegressor.")
            n_targets = _n_targets(estimator, n_scores)
            y = np.ones(2 if n_targets == 1 else (2, n_targets))
            target = estimator._read_y(y, np.ones(len(y)), "fit")
        elif asks_for_labels(estimator):
            target = self._target_of_sequences(classes, n_scores, n_channels, blank)
        else:
            y = _indicators(classes, n_scores) if multilabel else self._labels(classes, n_scores, max(n_scores, 2))
            target = estimator._read_y(y, np.ones(len(y)), "fit")
            self._set_order(target, list(range(len(y))))
        if "_class_totals" in target.attributes:  # of no samples yet
            target.attributes["_class_totals"] = np.zeros_like(target.attributes["_class_totals"], dtype=np.float64)
        if estimator.return_sequences:
            target.attributes["_y_format"] = {"kind": "list", "column": False}
        if estimator.loss == "auto":
            raise ValueError("loss='auto' depends on y. Pass the loss of the network's training, such as loss='squared_error'.")
        self.target = estimator._settle_loss(target, None, one_epoch=False)
        self.form = {"n_features_in_": n_channels, "_flat": False}
        self.form |= {"_categorical": (), "categories_": []}
        if table is not None:
            self.form |= {"_categorical": (0,), "categories_": [table.values]}
        self.form["_n_steps"] = (1, sys.maxsize)  # sequences of any length
        self.spec = estimator._make_spec(n_channels, self.target, self.form) | {"gap_channel": None}
        self.network = build(self.spec)
        self.two_scores = self.network.output_size == 1 and n_scores == 2
        if self.network.output_size != n_scores and not self.two_scores:
            raise ValueError(
                f"The linear layer has {n_scores} outputs, but the loss {self.target.loss!r} of this"
                f" {kind.__name__} needs {self.network.output_size}. Pass the parameters of the estimator for this loss."
            )

    def _labels(self, classes, n_scores, n_classes):
        """The classes, in the order of the scores."""
        classes = np.arange(n_classes) if classes is None else np.asarray(classes)
        if classes.ndim != 1 or len(classes) != n_classes or len(set(classes.tolist())) < n_classes:
            order = "the second has the log-odds that are the output" if n_scores == 1 else "in the order of the outputs"
            raise ValueError(
                f"The linear layer has {n_scores} outputs, so classes must be {n_classes} different labels, {order}, got"
                f" {reprlib.repr(classes.tolist())}."
            )
        self._given = classes.tolist()
        return classes

    def _set_order(self, target, columns):
        """Find out in which order to bring scores, given those of the classes in the order in which they were given."""
        if not target.attributes["_multilabel"]:
            self._order = [columns[self._given.index(label)] for label in target.attributes["classes_"].tolist()]

    def _target_of_sequences(self, classes, n_scores, n_channels, blank):
        """The target of sequences of labels without their steps, of which blank is the last score."""
        if not is_count(blank, -n_scores) or blank >= n_scores:
            raise ValueError(f"blank must be one of the {n_scores} outputs of the linear layer, from 0 on, got {blank!r}.")
        columns = [k for k in range(n_scores) if k != blank % n_scores]
        labels = self._labels(classes, n_scores, n_scores - 1)
        steps = Sequences.from_list([np.zeros((max(len(labels), 1), n_channels))])
        target = self.estimator._read_target([labels.tolist()], None, steps, "fit", None)
        self._set_order(target, columns)
        self._order.append(blank % n_scores)
        return target

    def adapted(self, weights):
        """Weights for the scores of the estimator, from those for scores in the order of `classes`."""
        if self._order is None:
            return weights
        order, (V, b) = self._order, map(weights.get, OF_HEAD)
        if len(b) == 1:  # the log-odds of the class that was given second
            V, b = (V, b) if order == [0, 1] else (-V, -b)
        elif self.two_scores:  # whose difference decides
            V, b = np.diff(V[:, order]), np.diff(b[order])
        else:
            V, b = V[:, order], b[order]
        chain = {name: weights[name][np.ix_(*[order] * weights[name].ndim)] for name in weights if name.startswith("crf.")}
        return weights | chain | dict(zip(OF_HEAD, (V, b), strict=True))

    def fitted(self, weights, dtype):
        """The estimator with weights by their names in the network."""
        network, estimator = self.network, self.estimator
        theta = np.zeros(network.layout.size, dtype)
        for name, view in network.layout.views(theta).items():
            view[...] = weights[name]
        solver = estimator.solver
        rng, moments = estimator._generator(None, None), {"x": None, "y": None}
        state = TrainingState(theta, solver, SOLVERS[solver](estimator).init(theta), rng)
        scaling = Scaling.from_moments(moments, network.input_size, 0, LOSSES[self.spec["loss"]].units)
        parts = self.spec, network, self.form, self.target, None, None, scaling, moments, False, estimator.scoring
        estimator._become(FitInputs(*parts).attributes(state), None)
        return estimator


def _indicators(classes, n_labels):
    """A y with each label by itself, and with all."""
    if classes is not None:
        raise ValueError("classes are not for multilabel=True, whose labels are the columns of y. Leave classes out.")
    return np.vstack([np.eye(n_labels, dtype=int), np.ones((1, n_labels), int)])


def _check_parameters(kind, parameters, decided):
    known = inspect.signature(kind).parameters
    for name in decided.keys() - known:
        raise ValueError(f"{kind.__name__} has no parameter {name}, but the network with these weights has {decided[name]!r}.")
    for name in parameters:
        if name not in known:
            raise TypeError(f"{kind.__name__} has no parameter {name!r}; its parameters are {', '.join(known)}.")
        if name in DECIDED | decided.keys():
            of_units = "cannot be used: weights keep the units of their training"
            reason = of_units if name == "standardize" else "is that of the weights"
            raise ValueError(f"{name} {reason}. Leave it out.")
        if name in OF_FIT:
            raise ValueError(f"{name} needs what only a fit on data knows: leave it out, or fit the estimator afresh.")


def _n_targets(estimator, n_scores):
    """Columns of y for so many scores."""
    if isinstance(estimator.quantile, (list, tuple, np.ndarray)):
        return 1
    if LOSSES.get(estimator.loss) is not None and LOSSES[estimator.loss].distribution:
        return max(1, (n_scores // max(1, estimator.n_components) - 1) // 2)
    return n_scores


def read_array(what, value):
    """Real, finite numbers in an array, float64 or float32, of an array or a tensor; `what` is its name in messages."""
    if isinstance(value, Mapping):
        raise ValueError(f"{what} must be an array of numbers, got a dict, which may be the dict of weights itself.")
    try:
        array = np.asarray(_without_torch(value))
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{what} must be an array of numbers, and cannot be read: {error}") from error
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{what} must be an array of real numbers, got {reprlib.repr(value)} of {array.dtype}.")
    array = array if array.dtype == np.float64 else array.astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite, got {array[~np.isfinite(array)][0]}. Pass weights without NaN or infinity.")
    return array


def _without_torch(value):
    """An array of a tensor, of which NumPy lacks some dtypes; other values as they are."""
    if not hasattr(value, "detach"):
        return value
    value = value.detach().cpu()
    return value.float().numpy() if str(value.dtype) == "torch.bfloat16" else value.numpy()
