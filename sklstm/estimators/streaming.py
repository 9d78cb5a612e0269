"""`Stream`: what a fitted estimator answers for sequences that arrive step by step."""

import numpy as np

from ..network import LOSSES
from ..sequences import Packed
from .architecture import build
from .inputs import read_X, stand_in_for

# Response method -> from an estimator to what turns scores into the answer.
ANSWERS = {
    "predict": lambda model: model._decode,
    "predict_proba": lambda model: LOSSES[model._network_spec["loss"]].inverse_link,
    "predict_log_proba": lambda model: LOSSES[model._network_spec["loss"]].log_inverse_link,
    "encode": lambda model: lambda outputs: outputs,
}


class Stream:
    """Answers of a fitted estimator, step by step; made by its method ``stream``.

    Every call of `step` takes the next step of one sequence, or of several independent ones side by side, and returns what the
    response method returns for the steps so far, to the bit. A step costs the same however many came before. The stream has the
    weights of the moment in which it was made. It is for one thread at a time.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Fitted.
    response_method : {"predict", "predict_proba", "predict_log_proba", "encode"}
        Whose answers.

    Attributes
    ----------
    state : dict of str to ndarray, or None
        What the answers to further steps depend on, as copies: ``n_steps`` (n_streams,), for each layer ``layer_<k>.h`` and,
        where the cell has one, ``layer_<k>.c`` (n_streams, hidden_size), and with ``pooling="mean"`` or ``"max"`` the sums or
        maxima ``pooled``. None before the first step. May be set, on this stream or another one of the same model.
    n_streams : int or None
        How many sequences there are; None before the first step.

    See Also
    --------
    sklstm.LSTMClassifier.stream : What makes one.

    Examples
    --------
    Two streams, whose first step is the same and second is not:

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

    def __init__(self, estimator, response_method):
        known = [name for name in ANSWERS if hasattr(estimator, name)]
        if response_method not in known:
            raise ValueError(f"response_method must be one of {', '.join(map(repr, known))}, got {response_method!r}.")
        network = build(estimator._network_spec)
        if network.bidirectional:
            raise ValueError(
                "A bidirectional model cannot stream: its reverse direction begins at the end of a sequence, so that every new"
                " step changes all outputs. Fit with bidirectional=False."
            )
        if not network.runs_forward:
            raise ValueError(
                f"pooling={network.pooling!r} cannot stream: it weighs all steps again whenever one comes. Fit with"
                " pooling='last', 'mean' or 'max'."
            )
        self._model = stand_in_for(estimator)  # what it has now, whatever becomes of the estimator
        self._model._theta = estimator._theta.copy()
        self._model.padding = None  # a step is one
        self._response_method = response_method
        self._network = network
        self._params = network.bind(self._model._theta)
        self._encoded = response_method == "encode"
        self._answer = ANSWERS[response_method](self._model)
        self._width = network.layers[-1].output_size if self._encoded else network.output_size
        self._dtype = self._model._theta.dtype
        self._direct = network.entry is None
        self.n_streams = None
        self._engine = None

    def step(self, x_t):
        """Take the next step.

        Parameters
        ----------
        x_t : array-like of shape (n_streams, n_channels), or (n_channels,) for one stream
            The first step, or the first after `reset`, decides how many streams there are. An array of the model's dtype in C
            order is read as it is.

        Returns
        -------
        ndarray of shape (n_streams,) or (n_streams, n_outputs)
            What the response method returns for the sequences of the steps so far. Of a model fitted with `return_sequences` what
            it returns for this step.

        Raises
        ------
        ValueError
            If x_t has another shape, is no number, NaN or infinite. The stream is then as it was before.
        """
        if self._direct and self._engine is not None:
            out = np.empty((self.n_streams, self._width), self._dtype)
            try:
                if self._engine.step(x_t, out, self._encoded):
                    return self._answer(out)
            except (ValueError, TypeError, BufferError):
                pass  # to be converted, or refused with the reason
        x = self._read(x_t)
        if self._engine is None:
            self._begin(len(x))
        if not self._direct:
            x = self._network.entry.forward(self._params["input"], self._packed(x), self._entry)
        out = np.empty((self.n_streams, self._width), self._dtype)
        self._engine.step(x[: self.n_streams], out, self._encoded)
        return self._answer(out)

    def reset(self, streams=None):
        """Begin anew.

        Parameters
        ----------
        streams : int or array-like of int, default=None
            Which of the streams; None is all, and the next step may then have another number of them.

        Raises
        ------
        ValueError
            If there is no such stream, or if none has begun yet.
        """
        if streams is None:
            self.n_streams = self._engine = None
            return
        if self._engine is None:
            raise ValueError("No step has come yet, so there are no streams to begin anew.")
        chosen = np.atleast_1d(np.asarray(streams))
        if chosen.dtype.kind not in "iu" or chosen.ndim != 1 or not ((chosen >= 0) & (chosen < self.n_streams)).all():
            raise ValueError(f"streams must be numbers of streams, 0 to {self.n_streams - 1}, got {streams!r}.")
        for stream in chosen.tolist():
            self._engine.restart(stream)

    @property
    def state(self):
        """What the answers to further steps depend on, as copies: a dict of str to ndarray, or None before the first step."""
        if self._engine is None:
            return None
        arrays = {name: np.empty((self.n_streams, *shape), dtype) for name, (shape, dtype) in self._parts().items()}
        self._engine.exchange_state(list(arrays.values()), False)
        return arrays

    @state.setter
    def state(self, state):
        if state is None:
            self.reset()
            return
        parts = self._parts()
        if not isinstance(state, dict) or state.keys() != parts.keys():
            found = ", ".join(map(str, state)) if isinstance(state, dict) else type(state).__name__
            raise ValueError(f"The state of this stream is a dict of {', '.join(parts)}; got {found}.")
        n = len(np.atleast_1d(state["n_steps"]))
        arrays = []
        for name, (shape, dtype) in parts.items():
            array = np.ascontiguousarray(state[name], dtype)
            if array.shape != (n, *shape):
                raise ValueError(f"{name!r} of the state must have shape {(n, *shape)}, got {array.shape}.")
            arrays.append(array)
        if n == 0 or (arrays[0] < 0).any():
            raise ValueError("'n_steps' of the state must have a number of steps, 0 or more, for each stream.")
        self._begin(n)
        self._engine.exchange_state(arrays, True)

    def _parts(self):
        """Name -> shape of a row and dtype of each array of the state, in the engine's order."""
        parts = {"n_steps": ((), np.dtype(np.intp))}
        for k, layer in enumerate(self._network.layers):
            parts |= {f"layer_{k}.{name}": ((layer.hidden_size,), self._dtype) for name in ("h", "c")[: layer.n_states]}
        if self._network.pooling in ("mean", "max") and not self._encoded:
            parts["pooled"] = ((self._network.layers[-1].output_size,), self._dtype)
        return parts

    def _begin(self, n_streams):
        self._engine = self._network.engine(self._params, n_streams, n_streams, pooled=not self._encoded)
        self._engine.begin(n_streams)
        self.n_streams = n_streams
        if not self._direct:
            self._entry = self._network.entry.workspace(n_streams, self._dtype, backward=False)

    def _packed(self, values):
        n = len(values)
        return Packed(np.arange(n), np.ones(n, np.intp), np.array([0, n]), values)

    def _read(self, x_t):
        """x_t as rows of the model's dtype."""
        D, n = self._network.input_size, self.n_streams
        x = x_t if hasattr(x_t, "shape") and hasattr(x_t, "dtype") else np.asarray(x_t)
        wanted = f"({D},) for one stream or (n_streams, {D})" if n is None else f"({n}, {D})" + (f" or ({D},)" if n == 1 else "")
        if len(x.shape) == 1 and n in (None, 1):
            x = x[np.newaxis]
        if len(x.shape) != 2 or x.shape[1] != D or (x.shape[0] != n if n else x.shape[0] == 0):
            hint = " To begin with another number of streams, call reset()." if n else ""
            raise ValueError(
                f"x_t must have shape {wanted}: one step, with the channels of fit. It has shape {np.shape(x_t)}.{hint}"
            )
        # As X of so many sequences of one step, with its checks and its messages.
        return read_X(self._model, np.asarray(x)[:, np.newaxis, :], reset=False)[0].values.astype(self._dtype, copy=False)

    def __getstate__(self):
        return {"model": self._model, "response_method": self._response_method, "state": self.state}

    def __setstate__(self, saved):
        self.__init__(saved["model"], saved["response_method"])
        self.state = saved["state"]
