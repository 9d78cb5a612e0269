"""Networks made ready to predict, kept beside the estimators that they belong to."""

import math
from contextlib import contextmanager
from weakref import WeakKeyDictionary, ref

import numpy as np
from joblib import effective_n_jobs

from ..network.inference import CHUNK_SEQUENCES, CHUNK_WORDS, THREAD_FLOPS, shares_steps, with_one_blas_thread
from ..parallel import Threads
from ..sequences import Packed
from .architecture import build
from .copies import for_prediction, shallow_copy
from .plain import in_c_order, plain_arrays
from .responses import Meaning
from .static import static_vectors

# Estimator -> its `CachedEngine`, while nobody uses it. Not in the estimator: what is there is plain values.
_idle = WeakKeyDictionary()
# Estimator -> the `Served` of its newest stream.
_served = WeakKeyDictionary()


class CachedEngine:
    """An engine for a model as it was at one moment.

    Attributes
    ----------
    network : Network
    engine : Engine or None
        None where the fast path does not serve the network.
    most_rows : int or float
        Steps of all sequences that it runs at once.
    """

    def __init__(self, model):
        self.spec, self.theta = model._network_spec, model._theta
        network = self.network = build(self.spec)
        self.n_outputs = network.output_size
        self.flops_per_row = network.flops_per_row
        self.engine, self.most_rows = None, 0
        if network.input_layer is None and network.static is None and not network.returns_sequences:
            n_rows = max(CHUNK_WORDS // max(network.input_size, *(layer.output_size for layer in network.layers)), 1)
            # In both directions all rows lie in one chunk, for which the engine makes room as they come.
            self.engine = network.engine(network.weights(network.bind(self.theta)), 1, 1 if network.bidirectional else n_rows)
            self.most_rows = n_rows if network.bidirectional else math.inf

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

    def is_of(self, model):
        """Whether the model still is what it was."""
        return model._theta is self.theta and model._network_spec is self.spec


def fast_path_scores(estimator, model, X):
    """Scores for an X that is plain arrays, without making `Sequences` of it, which takes longer than short sequences do.

    None where X is something else, or is to be refused. The bits are the same.

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
    cached, scores = _idle.pop(estimator, None), None  # for this caller alone
    if cached is None or not cached.is_of(model):
        cached = CachedEngine(model)
    n_threads = 1 if n_rows * cached.flops_per_row < 2 * THREAD_FLOPS else effective_n_jobs(model.n_jobs)
    if n_rows <= cached.most_rows and (n_threads == 1 or shares_steps(cached.network, n, n_threads)):
        arrays = in_c_order(arrays, theta.dtype)
        if arrays is not None:
            scores = cached.scores(arrays, n) if n_threads == 1 else Threads(n_threads).together(cached.scores, arrays, n)
    _idle[estimator] = cached
    return scores


@contextmanager
def lent_engine(estimator, moment):
    """Let the same estimator at one moment predict with the engine that is kept for it."""
    cached = _idle.pop(estimator, None)
    if cached is not None:
        _idle[moment] = cached
    try:
        yield
    finally:
        cached = _idle.pop(moment, None)
        if cached is not None:
            _idle[estimator] = cached


class Served:
    """What the streams of a model share: all that predictions need, as it was at one moment, and the weights packed.

    Parameters
    ----------
    model : BaseRecurrent
        As it was at that moment.
    """

    def __init__(self, model):
        self.model = for_prediction(model)
        self.n_attributes = len(vars(model))
        self.theta = ref(model._theta)
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
        self.parts, self.meanings = {}, {}

    def meaning(self, response_method):
        """The `Meaning` of what a network returns, for a response method."""
        if response_method not in self.meanings:
            encodes = response_method == "encode"
            width = self.network.layers[-1].output_size if encodes else self.network.output_size
            self.meanings[response_method] = Meaning(self.model, response_method, width)
        return self.meanings[response_method]

    def static_vectors(self, table):
        """What the network makes of static features, of one row for all streams or of one row for each; None without any."""
        return static_vectors(self.model, self.network, self.params, table)

    def engine(self, n_streams, encodes):
        if self.weights is None:
            self.weights = self.network.weights(self.params)
        return self.network.engine(self.weights, n_streams, 0, encodes=encodes)

    def entry(self, n_streams):
        """Buffers of the input layer for as many streams, none of which has had a step."""
        layer, p = self.network.input_layer, self.params["input"]
        buffers = layer.workspace(n_streams, n_streams, self.params["head"]["V"].dtype)
        layer.bind(p["scale"], p, buffers)
        buffers.begin(0, n_streams)
        return buffers

    def enter(self, x, buffers):
        """What the input layer makes of one step of some sequences, which continue what the buffers remember."""
        n = len(x)
        packed = Packed(np.arange(n), np.ones(n, np.intp), np.array([0, n], np.intp), x, first=1)
        return self.network.input_layer.forward(self.params["input"], packed, buffers)[:n]

    def is_of(self, model):
        """Whether the model still is what it was."""
        now = vars(model)
        if self.theta() is not model._theta:
            return False
        return len(now) == self.n_attributes and all([now.get(name, self) is value for name, value in self.attributes.items()])


def served(estimator):
    """The `Served` of an estimator as it is now: of its earlier streams, or a new one."""
    model = shallow_copy(estimator)
    known = _served.get(estimator)
    if known is None or not known.is_of(model):
        known = _served[estimator] = Served(model)
    return known
