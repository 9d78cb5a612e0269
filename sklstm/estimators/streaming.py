"""`Stream`: predictions of a fitted estimator for sequences that arrive step by step."""

import reprlib

import numpy as np

from .._kernels._answers import Steps
from ..network.inference import with_one_blas_thread
from ..sequences.errors import refuse_mask
from ..sequences.flattened import refuse_converted
from ..sequences.refusals import array_of, refused_as
from .clock import Clock
from .engines import served
from .inputs import read_channels
from .responses import RESPONSES
from .states import OF_MISSING, OF_STRUCTURE, TIME, parts_of, read_state
from .structure import StreamFilter
from .times import gaps_in_channel, n_channels_of
from .unaligned import predicts_labels


class Stream(Steps):
    """Step-by-step predictions of a fitted estimator, created by its method ``stream``.

    Each call of `step` takes the next step of one sequence, or of several independent sequences. It returns what the response
    method returns for the steps so far, with the same bits. Its cost does not depend on the number of previous steps. A
    stream keeps the weights that the model had when the stream was created. Streams of one model share these weights, so each
    needs little more memory than its state. A pickle contains the weights but no training state. Streams in one pickle share
    their weights, and so do a copy and its original. Use a stream in one thread at a time.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Fitted.
    response_method : {"predict", "predict_proba", "predict_log_proba", "encode"}
        Method whose output each step returns.
    static : array-like, dict, Series or DataFrame, default=None
        Static features, of a model that was fitted with such: one row for all streams, or a table with one row for each.

    Attributes
    ----------
    state : dict of str to ndarray, or None
        Copies of everything that predictions for further steps depend on: ``n_steps`` (n_streams,), for each layer
        ``layer_<k>.h`` and, where the cell has one, ``layer_<k>.c`` (n_streams, hidden_size), with `proj_size` h (n_streams,
        proj_size), and with ``pooling="mean"`` or ``"max"`` the sums or maxima ``pooled``, among several poolings
        ``pooled.mean`` and ``pooled.max``. Models that allow missing values have ``input.last``, the last value of each numeric
        channel in standard units, and ``input.elapsed``, the time since then in steps or median gaps, (n_streams, n_numeric),
        models with times ``input.time`` (n_streams,), the last ones, and models with static features ``static``, what the
        network makes of those. Models with ``structure="crf"`` have ``crf.filtered``, logarithms of the probabilities of the
        labels of the last step (n_streams, n_classes). None before the first step. Can be assigned to this stream or to another
        one of the same model. Wrong shapes, values that are not finite and invalid numbers of steps are errors.
    n_streams : int or None
        Number of sequences; None before the first step.

    See Also
    --------
    sklstm.LSTMClassifier.stream : Creates a stream.

    Examples
    --------
    Two streams with the same first step and different second steps:

    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> X = np.random.default_rng(0).normal(size=(50, 20, 3))
    >>> model = LSTMClassifier(8, max_iter=5, random_state=0).fit(X, X[:, :, 0].sum(axis=1) > 0)
    >>> stream = model.stream("predict_proba")
    >>> first = stream.step([X[0, 0], X[0, 0]])
    >>> bool((first[0] == first[1]).all())
    True
    >>> second = stream.step([X[0, 1], X[1, 1]])
    >>> bool((second == model.predict_proba([X[0, :2], X[[0, 1], [0, 1]]])).all())
    True
    >>> stream.state["n_steps"]
    array([2, 2])
    """

    def __init__(self, estimator, response_method, static=None):
        model = self._serve(estimator, response_method)
        self._static = model.static_vectors(static)

    @classmethod
    def _of_vectors(cls, estimator, response, vectors):
        """A stream that returns any of `RESPONSES`, with what the network makes of static features (1 or n_streams, width); None
        without any."""
        stream = cls.__new__(cls)
        stream._attach(served(estimator), response)
        stream._static = vectors
        return stream

    def _serve(self, estimator, response_method):
        """Begin with what an estimator is now, which is returned."""
        known = [name for name in RESPONSES if hasattr(estimator, name)]
        if not isinstance(response_method, str) or response_method not in known:
            got = reprlib.repr(response_method)
            raise ValueError(f"response_method must be one of {', '.join(map(repr, known))}, got {got}.")
        model = served(estimator)
        if response_method == "predict" and predicts_labels(model.model):
            raise ValueError(
                'With loss="ctc" the labels of a sequence are known after its last step only. Pass'
                ' response_method="predict_proba", for the probabilities of labels and of blank at each step.'
            )
        self._attach(model, response_method)
        return model

    def _attach(self, model, response_method):
        network = model.network
        if network.bidirectional:
            raise ValueError(
                "A bidirectional model cannot stream: its reverse direction begins at the end of a sequence, so that every new"
                " step changes all outputs. Fit with bidirectional=False."
            )
        if not network.is_causal:
            raise ValueError(
                f"pooling={network.pooling!r} cannot stream: 'attention' weights all steps again at every step. Fit with"
                " pooling='last', 'mean' or 'max'."
            )
        self._served = model  # shared with other streams: what the estimator was, whatever becomes of it
        self._response_method = response_method
        self._encoded = response_method == "encode"
        self._meaning = model.meaning(response_method)
        self._decode = self._meaning.decode
        self._dtype = model.model._theta.dtype
        self._end()

    step = with_one_blas_thread(Steps.step)

    def _step_converted(self, x_t, time):
        """The same for what is no array of the model's dtype, not finite, or has a time: it is converted, or is refused."""
        begun = self._begun
        x = self._read(x_t, None if begun is None else begun[0].n_sequences)
        clock = self._clock or self._new_clock(len(x))
        if clock is not None:
            times = clock.read(x, time)
            x = gaps_in_channel(x, clock.channel, clock.gaps(times))
        elif time is not None:
            raise ValueError("The model was fitted without times. Leave the argument time out.")
        answer = self._process(x, begun)
        if clock is not None:
            clock.advance(times)
            self._clock = clock
        return answer

    def _process(self, x, begun):
        """The answers to a step (n_streams, n_channels) as the network reads it, after what has begun, if anything."""
        _, answers, entry, _ = begun or self._begin(len(x))
        x = x.astype(self._dtype, copy=False)
        if entry is None:
            return answers.step(x)
        before = [array.copy() for array in entry.remembered]
        answer = answers.step(self._served.enter(x, entry))
        if answer is None:
            entry.remember(before)
            largest = f"{np.abs(x).max():.3g}"
            raise ValueError(
                f"x_t holds {largest}, which overflows {self._dtype} in the units of the network. The stream is unchanged."
            )
        return answer

    def reset(self, streams=None, *, static=None):
        """Start new sequences.

        Parameters
        ----------
        streams : int or array-like of int, default=None
            Numbers of the streams to reset. None resets all streams, and the next step may have another number of them.
        static : array-like, dict, Series or DataFrame, default=None
            Static features of the new sequences: one row for all of them, or one for each. None keeps those that a stream has.

        Raises
        ------
        ValueError
            If a stream does not exist, or before the first step, or if static features are not those of fit.
        """
        vectors = None if static is None else self._served.static_vectors(static)
        if streams is None:
            self._end()
            self._static = self._static if vectors is None else vectors
            return
        begun = self._begun
        if begun is None:
            raise ValueError("No step has come yet, so there are no streams to reset. Call step first.")
        n = begun[0].n_sequences
        chosen = np.atleast_1d(array_of("streams", streams, f"Pass numbers of streams, 0 to {n - 1}."))
        if chosen.dtype.kind not in "iu" or chosen.ndim != 1 or not ((chosen >= 0) & (chosen < n)).all():
            raise ValueError(f"streams must be numbers of streams, 0 to {n - 1}, got {reprlib.repr(streams)}.")
        rows = _rows_of_streams(vectors, len(chosen), "streams to reset")
        if rows is not None:
            self._static = _rows_of_streams(self._static, n, "streams").copy()  # copies of this stream have the same array
            self._static[chosen] = rows
        for k, stream in enumerate(chosen.tolist()):
            begun[0].restart(stream, None if rows is None else rows[k : k + 1])
            if begun[2] is not None:
                begun[2].begin(stream, stream + 1)
            if self._clock is not None:
                self._clock.restart(stream)
            if begun[3] is not None:
                begun[3].restart(stream)
            self._forget(stream)

    def _forget(self, stream):
        """Forget what else is remembered of a stream that is reset."""

    @property
    def n_streams(self):
        """Number of sequences; None before the first step."""
        begun = self._begun
        return None if begun is None else begun[0].n_sequences

    @property
    def state(self):
        """Copies of the state of the sequences, as a dict of str to ndarray; None before the first step."""
        begun = self._begun
        if begun is None:
            return None
        engine, _, entry, chain = begun
        arrays = {name: np.empty((engine.n_sequences, *shape), dtype) for name, (shape, dtype) in self._parts().items()}
        engine.get_state(_of_engine(arrays))
        if TIME in arrays:
            arrays[TIME] = self._clock.last.copy()
        for name, array in zip(OF_MISSING, () if entry is None else entry.remembered, strict=False):
            arrays[name][...] = array
        if chain is not None:
            arrays[OF_STRUCTURE][...] = chain.state
        return arrays

    @state.setter
    def state(self, state):
        if state is None:
            self.reset()
            return
        arrays = read_state(state, self._parts(), self._served.network.poolings)
        begun, n, static = self._begun, len(arrays["n_steps"]), arrays.get("static")
        clock = self._new_clock(n)
        if clock is not None:
            clock.set(arrays[TIME], arrays["n_steps"] > 0)
        engine, _, entry, chain = begun if begun is not None and begun[0].n_sequences == n else self._begin(n, static)
        engine.begin(n, static)
        if static is not None:
            self._static = static[:1] if (static == static[0]).all() else static
        engine.set_state(_of_engine(arrays))
        if entry is not None:
            entry.remember([arrays[name] for name in OF_MISSING if name in arrays])
        if chain is not None:
            chain.remember(arrays[OF_STRUCTURE], arrays["n_steps"])
        self._clock = clock

    def _parts(self):
        known = self._served.parts
        if self._encoded not in known:
            known[self._encoded] = parts_of(self._served.network, self._dtype, pooled=not self._encoded)
        return known[self._encoded]

    def _begin(self, n_streams, static=None):
        """An engine, what answers with it, the buffers of the input layer where there is one, and what connects labels where
        something does; with these static vectors, or (None) those that were passed."""
        engine, entry = self._served.engine(n_streams, self._encoded), self._served.network.input_layer
        engine.begin(n_streams, _rows_of_streams(self._static, n_streams, "streams") if static is None else static)
        answers = self._meaning.answers(engine)
        if entry is not None:
            entry = self._served.entry(n_streams)
        chain = None
        if OF_STRUCTURE in self._parts():
            chain = StreamFilter(self._served.model, self._response_method, n_streams)
            self._decode = chain.answer
        self._clock = self._new_clock(n_streams)
        self._begun = engine, answers, entry, chain
        self._direct = answers if entry is None else None
        return self._begun

    def _new_clock(self, n_streams):
        """A clock of as many streams, none of which has begun; None for a network without times."""
        return None if self._served.network.gap_channel is None else Clock(self._served.model, n_streams)

    def _end(self):
        self._begun = self._direct = self._clock = None

    def _read(self, x_t, n):
        """x_t as rows of the model's dtype, or in float64, for n streams, or any number of them (None)."""
        D = n_channels_of(self._served.model)
        wanted = f"({D},) for one stream or (n_streams, {D})" if n is None else f"({n}, {D})" + (f" or ({D},)" if n == 1 else "")
        refuse_mask(x_t, "x_t")
        if hasattr(x_t, "columns"):
            with refused_as("x_t", f"Pass an array of shape {wanted}."):
                refuse_converted(x_t, D)
        x = array_of("x_t", x_t, f"Pass an array of shape {wanted}.")
        shape = x.shape
        if x.ndim == 1 and n in (None, 1):
            x = x[np.newaxis]
        if x.ndim != 2 or x.shape[1] != D or (x.shape[0] != n if n else x.shape[0] == 0):
            hint = " Pass a single number x as [x]." if shape == () and D == 1 and n in (None, 1) else ""
            hint += " To change the number of streams, call reset()." if n else ""
            raise ValueError(f"x_t must have shape {wanted}: one step, with the channels of fit. It has shape {shape}.{hint}")
        if x.dtype == self._dtype and x.flags.c_contiguous and not self._served.network.categories and np.isfinite(x).all():
            return x
        # As X of so many sequences of one step, with its checks and its messages.
        return read_channels(self._served.model, x[:, np.newaxis, :], reset=False)[0].values

    def __copy__(self):
        other = type(self).__new__(type(self))
        other._attach(self._served, self._response_method)
        other._static = self._static
        other.state = self.state
        return other

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __getstate__(self):
        saved = {"model": self._served.model, "response_method": self._response_method, "state": self.state}
        return saved if self._static is None else saved | {"static": self._static}

    def __setstate__(self, saved):
        expected = ["model", "response_method", "state"]
        known = isinstance(saved, dict) and sorted({"static", *saved}) == [*expected, "static"]
        if not known or "_theta" not in getattr(saved["model"], "__dict__", {}):
            raise ValueError(f"The pickled stream must have {', '.join(expected)}, and a fitted model. Make a new stream.")
        network = self._serve(saved["model"], saved["response_method"]).network
        self._static = saved.get("static")
        if (self._static is None) != (network.static is None) or not _are_vectors(self._static, network, self._dtype):
            raise ValueError("The static features of the pickled stream are not those of its model. Make a new stream.")
        self.state = saved["state"]


def _of_engine(arrays):
    """Those parts of a state that the engine has, not the input layer or what connects labels."""
    return [array for name, array in arrays.items() if not name.startswith("input.") and name != OF_STRUCTURE]


def _are_vectors(static, network, dtype):
    """Whether they are None, or finite static vectors of a network."""
    if static is None:
        return True
    sound = isinstance(static, np.ndarray) and static.ndim == 2 and static.shape[1] == network.static.width
    return sound and len(static) > 0 and static.dtype == dtype and bool(np.isfinite(static).all())


def _rows_of_streams(vectors, n, what):
    """Static vectors of n streams, from one row for all or one for each; None for None."""
    if vectors is None or len(vectors) == n:
        return vectors
    if len(vectors) > 1:
        raise ValueError(f"static has {len(vectors)} rows, but there are {n} {what}. Pass one row for all, or one for each.")
    return np.repeat(vectors, n, axis=0)
