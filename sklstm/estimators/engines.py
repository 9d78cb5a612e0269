"""Networks made ready to predict, kept beside the estimators that they belong to."""

import math
from contextlib import contextmanager
from weakref import WeakKeyDictionary, WeakValueDictionary, ref

import numpy as np
from joblib import effective_n_jobs

from ..network.inference import CHUNK_SEQUENCES, CHUNK_WORDS, THREAD_FLOPS, with_one_blas_thread
from ..sequences import Packed
from .architecture import build
from .copies import for_prediction, stand_in_for
from .plain import in_c_order, plain_arrays
from .responses import RESPONSES

# Estimator -> its `_Ready`, while nobody uses it. Not in the estimator: what is there is plain values.
_idle = WeakKeyDictionary()
# Estimator -> the `Served` of its newest stream.
_served = WeakKeyDictionary()
# Weights that somebody may write to, by their identity. Engines have the weights packed, and pack these again at each call.
_handed_out = WeakValueDictionary()


def hand_out(theta):
    """Return theta, to somebody who may write to it."""
    _handed_out[id(theta)] = theta
    return theta


class _Ready:
    """An engine for batches of up to so many sequences, and `most_rows` steps."""

    def __init__(self, model, n_sequences, weights=None):
        self.spec, self.theta = model._network_spec, model._theta
        network = build(self.spec)
        self.n_sequences = n_sequences
        self.n_outputs = network.output_size
        self.flops_per_row = network.flops_per_row
        self.most_rows = math.inf
        if network.entry is not None or network.per_step:
            self.engine, self.most_rows = None, 0
            return
        weights = network.weights(network.bind(self.theta)) if weights is None else weights
        if network.runs_forward:
            widest = max(network.input_size, *network.hidden_sizes)
            self.engine = network.engine(weights, n_sequences, max(CHUNK_WORDS // widest, n_sequences))
        else:
            self.engine = network.whole_engine(weights)
            self.n_sequences = CHUNK_SEQUENCES
            self.most_rows = CHUNK_WORDS // max(network.input_size, *(layer.output_size for layer in network.layers))

    @with_one_blas_thread
    def scores(self, X, n):
        """Scores of an array or a list of n sequences; None if a value is not finite."""
        out = np.empty((n, self.n_outputs), self.theta.dtype)
        if type(X) is np.ndarray or n == 1:
            return out if self.engine.predict(X, out) else None
        lengths = [len(x) for x in X]
        order = sorted(range(n), key=lengths.__getitem__, reverse=True)
        if not self.engine.predict([X[k] for k in order], out):
            return None
        scores = np.empty_like(out)
        scores[order] = out
        return scores

    def made_of(self, model):
        return model._theta is self.theta and model._network_spec is self.spec


def _ready_for(estimator, model, n):
    """The engine beside an estimator, or a new one where that is of other weights or of fewer sequences; for the caller alone."""
    ready = _idle.pop(estimator, None)
    if ready is None or not ready.made_of(model):
        return _Ready(model, n)
    return ready if n <= ready.n_sequences or ready.engine is None else _Ready(model, n, ready.engine.weights)


def quick_scores(estimator, model, X):
    """Scores of an X that is plain arrays, by the shortest way: over `Sequences`, short ones would spend most of the time on the
    way. None where X is something else, or is to be refused. The bits are the same.

    Parameters
    ----------
    estimator : BaseRecurrent
        Whose engine is kept.
    model : BaseRecurrent
        It, as it was at one moment.
    X : object
    """
    theta = vars(model).get("_theta")
    try:
        arrays = None if theta is None else plain_arrays(model, X)
    except (AttributeError, KeyError, TypeError):  # of a model that was changed since it was fitted
        return None
    n = 0 if arrays is None else len(arrays)
    if not 0 < n <= CHUNK_SEQUENCES:
        return None
    n_rows = n * arrays.shape[1] if type(arrays) is np.ndarray else sum([len(x) for x in arrays])
    ready, scores = _ready_for(estimator, model, n), None
    if n_rows <= ready.most_rows and (n_rows * ready.flops_per_row < 2 * THREAD_FLOPS or effective_n_jobs(model.n_jobs) == 1):
        arrays = in_c_order(arrays, theta.dtype)
        if arrays is not None:
            if _handed_out and id(theta) in _handed_out:
                ready.engine.weights.reload()
            scores = ready.scores(arrays, n)
    _idle[estimator] = ready
    return scores


@contextmanager
def lent_engine(estimator, moment):
    """Let the same estimator at one moment predict with the engine that is kept for it."""
    ready = _idle.pop(estimator, None)
    if ready is not None:
        _idle[moment] = ready
    try:
        yield
    finally:
        ready = _idle.pop(moment, None)
        if ready is not None:
            _idle[estimator] = ready


class Served:
    """What the streams of a model share: all that predictions need, as it was at one moment, and the weights packed.

    Parameters
    ----------
    model : BaseRecurrent
        As it was at that moment.
    """

    def __init__(self, model):
        self.theta = ref(model._theta)
        self.model = for_prediction(model)
        self.n_attributes = len(vars(model))
        self.attributes = {name: value for name, value in vars(self.model).items() if name != "_theta"}
        theta = self.model._theta = model._theta.copy()
        self.model.padding = None  # in single steps
        self.network = build(model._network_spec)
        if theta.shape != (self.network.layout.size,) or theta.dtype.char not in "fd":
            raise ValueError(
                f"The weights must be {self.network.layout.size} numbers, float32 or float64, got {theta.dtype} {theta.shape}."
                " Fit the estimator again, or load it from a file that is whole."
            )
        self.params = self.network.bind(theta)
        self.weights = None
        self.responses, self.parts = {}, {}

    def response(self, method):
        """What turns scores into what a response method returns."""
        if method not in self.responses:
            self.responses[method] = RESPONSES[method](self.model)
        return self.responses[method]

    def engine(self, n_streams, pooled):
        if self.weights is None:
            self.weights = self.network.weights(self.params)
        return self.network.engine(self.weights, n_streams, 0, pooled=pooled)

    def enter(self, x, buffers):
        """What the input layer makes of one step of some sequences."""
        n = len(x)
        packed = Packed(np.arange(n), np.ones(n, np.intp), np.array([0, n]), x)
        return self.network.entry.forward(self.params["input"], packed, buffers)[:n]

    def is_of(self, model):
        """Whether the model still is what it was."""
        if self.theta() is not model._theta:
            return False
        now = vars(model)
        if len(now) != self.n_attributes or any([now.get(name, self) is not value for name, value in self.attributes.items()]):
            return False
        # Weights that somebody may have written to, bit by bit.
        return id(model._theta) not in _handed_out or model._theta.tobytes() == self.model._theta.tobytes()


def served(estimator):
    """The `Served` of an estimator as it is now: of its earlier streams, or a new one."""
    model = stand_in_for(estimator)
    known = _served.get(estimator)
    if known is None or not known.is_of(model):
        known = _served[estimator] = Served(model)
    return known
