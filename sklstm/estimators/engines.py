"""Networks made ready to predict, kept beside the estimators that they belong to."""

from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
from joblib import effective_n_jobs

from ..network.inference import CHUNK_SEQUENCES, CHUNK_WORDS, THREAD_FLOPS
from .architecture import build

# Estimator -> its `_Ready`, while nobody uses it. Not in the estimator: what is there is plain values.
_idle = WeakKeyDictionary()
# Weights that somebody may write to, by their identity. Engines have the weights packed, and pack these again at each call.
_handed_out = WeakValueDictionary()


def hand_out(theta):
    """Return theta, to somebody who may write to it."""
    _handed_out[id(theta)] = theta
    return theta


class _Ready:
    """An engine for batches of up to so many equally long sequences."""

    def __init__(self, estimator, n_sequences):
        self.spec, self.theta = estimator._network_spec, estimator._theta
        network = build(self.spec)
        self.serves = network.runs_forward and network.entry is None and not network.per_step
        self.n_sequences = n_sequences
        self.n_outputs = network.output_size
        self.flops_per_row = network.flops_per_row
        if self.serves:
            widest = max(network.input_size, *network.hidden_sizes)
            self.engine = network.engine(network.bind(self.theta), n_sequences, max(CHUNK_WORDS // widest, n_sequences))

    def scores(self, X, n):
        """Scores of an array or a list of n sequences; None if a value is not finite."""
        out = np.empty((n, self.n_outputs), self.theta.dtype)
        if type(X) is not list:
            return out if self.engine.predict(X, out) else None
        lengths = [len(x) for x in X]
        order = sorted(range(n), key=lengths.__getitem__, reverse=True)
        if not self.engine.predict([X[k] for k in order], out):
            return None
        scores = np.empty_like(out)
        scores[order] = out
        return scores

    def belongs_to(self, estimator, n_sequences):
        return estimator._theta is self.theta and estimator._network_spec is self.spec and n_sequences <= self.n_sequences


def quick_scores(estimator, X):
    """Scores of an X that needs no conversion, by the shortest way: over `Sequences`, short ones would spend most of the time on
    the way. None where X is no such array or list of arrays, or is to be refused. The bits are the same."""
    theta = vars(estimator).get("_theta")
    if theta is None or estimator.padding is not None:
        return None
    arrays = X if type(X) is list else (X,)
    n_dimensions, n_channels = 2 if type(X) is list else 3, estimator._network_spec["input_size"]
    if not 0 < len(arrays) <= CHUNK_SEQUENCES or not all(_is_ready(x, theta.dtype, n_dimensions, n_channels) for x in arrays):
        return None
    n, n_rows = len(X), sum([x.shape[-2] for x in arrays]) * (len(X) if n_dimensions == 3 else 1)
    if not 0 < n <= CHUNK_SEQUENCES:
        return None
    ready = _idle.pop(estimator, None)  # whoever has it has it alone
    if ready is None or not ready.belongs_to(estimator, n):
        ready = _Ready(estimator, n)
    scores = None
    if ready.serves and (n_rows * ready.flops_per_row < 2 * THREAD_FLOPS or effective_n_jobs(estimator.n_jobs) == 1):
        if id(theta) in _handed_out:
            ready.engine.reload()
        scores = ready.scores(X, n)
    _idle[estimator] = ready
    return scores


def _is_ready(x, dtype, n_dimensions, n_channels):
    return (
        type(x) is np.ndarray
        and x.ndim == n_dimensions
        and x.dtype == dtype
        and x.flags.c_contiguous
        and x.shape[-1] == n_channels
        and x.shape[-2] > 0
    )
