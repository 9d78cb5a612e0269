"""Networks made ready to predict, kept beside the estimators that they belong to."""

from weakref import WeakKeyDictionary

import numpy as np
from joblib import effective_n_jobs

from ..network.inference import CHUNK_SEQUENCES, CHUNK_WORDS, THREAD_FLOPS
from .architecture import build

# Estimator -> its `_Ready`, while nobody uses it. Not in the estimator: what is there is plain values.
_idle = WeakKeyDictionary()


class _Ready:
    """An engine for batches of up to so many equally long sequences."""

    def __init__(self, estimator, n_sequences):
        self.spec, self.theta = estimator._network_spec, estimator._theta
        network = build(self.spec)
        self.serves = network.runs_forward and network.entry is None and not network.per_step
        self.n_sequences = n_sequences
        self.flops_per_row = network.flops_per_row
        if self.serves:
            widest = max(network.input_size, *network.hidden_sizes)
            self.engine = network.engine(network.bind(self.theta), n_sequences, max(CHUNK_WORDS // widest, n_sequences))

    def belongs_to(self, estimator, n_sequences):
        return estimator._theta is self.theta and estimator._network_spec is self.spec and n_sequences <= self.n_sequences


def quick_scores(estimator, X):
    """Scores of a dense batch that needs no conversion, by the shortest way: over `Sequences`, short ones would spend most of the
    time on the way. None where X is no such batch, or is to be refused. The bits are the same."""
    theta = vars(estimator).get("_theta")
    if theta is None or type(X) is not np.ndarray or X.ndim != 3 or X.dtype != theta.dtype or not X.flags.c_contiguous:
        return None
    n, n_steps, n_channels = X.shape
    if not 0 < n <= CHUNK_SEQUENCES or n_steps == 0 or n_channels != estimator._network_spec["input_size"]:
        return None
    ready = _idle.pop(estimator, None)  # whoever has it has it alone
    if ready is None or not ready.belongs_to(estimator, n):
        ready = _Ready(estimator, n)
    scores = None
    if ready.serves and (n * n_steps * ready.flops_per_row < 2 * THREAD_FLOPS or effective_n_jobs(estimator.n_jobs) == 1):
        ready.engine.reload()
        scores = np.empty((n, estimator._network_spec["output_size"]), theta.dtype)
        if not ready.engine.predict(X, scores):
            scores = None
    _idle[estimator] = ready
    return scores
