"""What the functions here ask of an estimator and of its X."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..compat import _safe_indexing
from ..estimators import LSTMOutlierDetector, LSTMSeq2Seq
from ..estimators.architecture import build
from ..estimators.base import BaseNetworkEstimator, BaseRecurrent
from ..estimators.copies import at_this_moment
from ..estimators.inputs import read_channels
from ..sequences.validation import array_or_list, in_dtype, numpy_alone

KINDS = {
    BaseRecurrent: "LSTMClassifier or LSTMRegressor",
    BaseNetworkEstimator: "LSTMClassifier, LSTMRegressor or LSTMSeq2Seq",
    LSTMSeq2Seq: "LSTMSeq2Seq",
    LSTMOutlierDetector: "LSTMOutlierDetector",
}


def fitted_network(estimator, purpose, kind=BaseRecurrent):
    """The network of a fitted estimator of a kind, with its flat vector of weights; `purpose` begins the message for others."""
    if not isinstance(estimator, kind):
        raise TypeError(
            f"{purpose} needs a fitted {KINDS[kind]}, got {type(estimator).__name__}. Of a Pipeline pass the last step, with X as"
            " the steps before transform it; of a search its best_estimator_."
        )
    check_is_fitted(estimator)
    moment = at_this_moment(estimator)
    return build(moment._network_spec), moment._theta


def list_of_estimators(estimator):
    """One estimator or several, as a list of at least one."""
    estimators = list(estimator) if isinstance(estimator, (list, tuple)) else [estimator]
    if not estimators:
        raise ValueError("The list of estimators is empty. Pass at least one estimator.")
    return estimators


def sequences_in_double(estimator, X):
    """X as the fitted network reads it, in float64."""
    sequences = estimator._read_fitted(X)
    return in_dtype(sequences, np.dtype(np.float64), allows_missing=True)  # where it has been allowed


def channels_in_double(estimator, X):
    """The same of the channels alone: X needs no static features."""
    with numpy_alone():
        sequences = read_channels(estimator, X, reset=False)[0].with_static(None)
        return in_dtype(sequences, np.dtype(np.float64), allows_missing=True)


def predicted_channels(detector, X):
    """Of an X of one sequence the channels that a detector predicts (n_steps, n_numeric), their names or None, and the times of
    the steps or None."""
    with numpy_alone():
        sequences = read_channels(detector, X, reset=False)[0]
    names, chosen = sequences.channel_names, detector._channels
    return sequences.values[:, chosen], None if names is None else [names[channel] for channel in chosen], sequences.times


def one_sequence(X, sequence):
    """An X of one sequence of X."""
    X = array_or_list(X)
    n = len(X)
    if not isinstance(sequence, (int, np.integer)) or not -n <= sequence < n:
        raise ValueError(f"sequence must be the number of one of the {n} sequences of X, 0 to {n - 1}, got {sequence!r}.")
    return _safe_indexing(X, [int(sequence) % n])
