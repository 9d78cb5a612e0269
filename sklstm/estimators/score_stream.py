"""`ScoreStream`: scores of the steps of sequences that arrive one step at a time."""

import numpy as np

from .._kernels import _distances
from .engines import served
from .error_model import distances, error_model_of
from .series_target import of_channels
from .states import read_numbers
from .streaming import Stream

PREDICTIONS, SMOOTHED = "detector.predictions", "detector.smoothed"


class ScoreStream(Stream):
    """Step-by-step scores of a fitted detector, created by its method ``stream``.

    Each call of `step` takes the next step of one sequence, or of several independent ones, and returns their scores: those of
    :meth:`LSTMOutlierDetector.score_steps <sklstm.LSTMOutlierDetector.score_steps>`, with the same bits, NaN where there is not
    enough past. All else is as in :class:`~sklstm.Stream`.

    Parameters
    ----------
    estimator : LSTMOutlierDetector
        Fitted.
    static : array-like, dict, Series or DataFrame, default=None
        Static features, of a model that was fitted with such: one row for all streams, or a table with one row for each.

    Attributes
    ----------
    state : dict of str to ndarray, or None
        As in :class:`~sklstm.Stream`, with ``detector.predictions`` (n_streams, n_leads, n_leads, n_channels), what was predicted
        1, 2, ... steps before for the steps after those, NaN where there was no such step, and ``detector.smoothed``
        (n_streams,), the last score.
    n_streams : int or None
        Number of sequences; None before the first step.

    See Also
    --------
    sklstm.LSTMOutlierDetector.stream : Creates a stream.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMOutlierDetector
    >>> x = np.sin(np.arange(400) / 5)
    >>> detector = LSTMOutlierDetector(8, max_iter=20, random_state=0).fit([x])
    >>> stream = detector.stream()
    >>> for x_t in x[:100]:
    ...     score = stream.step([x_t])
    >>> bool(stream.step([x[100] + 1]) < detector.step_offset_)
    True
    """

    def __init__(self, estimator, static=None):
        model = self._serve(estimator, "scores")
        self._static = model.static_vectors(static)

    def _serve(self, estimator, response_method):
        model = served(estimator)
        self._attach(model, response_method)
        return model

    def _attach(self, model, response_method):
        self._channels, self._smoothing = model.model._channels, model.model._smoothing
        self._errors = error_model_of(model.model)
        super()._attach(model, response_method)

    def _process(self, x, begun):
        predicted = super()._process(x, begun)
        if predicted is None:
            return None
        n, memory = len(x), self._memory
        x = of_channels(x.astype(self._dtype, copy=False), self._channels)
        errors = x[:, np.newaxis] - np.einsum("nkkc->nkc", memory)
        if memory.shape[1] > 1:
            memory[:, 1:] = memory[:, :-1].copy()
        memory[:, 0] = predicted.reshape(memory[:, 0].shape)
        scores = -distances(self._errors, errors.reshape(n, -1))[0]
        if self._smoothing:
            _distances.smooth(scores, np.arange(n + 1), self._smoothing, self._smoothed)
        return scores

    def _begin(self, n_streams, static=None):
        begun = super()._begin(n_streams, static)
        self._direct = None  # which would return predictions
        self._memory = np.full((n_streams, self._n_leads, self._n_leads, len(self._channels)), np.nan)
        self._smoothed = np.full(n_streams, np.nan)
        return begun

    @property
    def _n_leads(self):
        return len(self._errors["location_"]) // len(self._channels)

    def _forget(self, stream):
        self._memory[stream], self._smoothed[stream] = np.nan, np.nan

    @property
    def state(self):
        """Copies of the state of the sequences, as a dict of str to ndarray; None before the first step."""
        state = super().state
        return state if state is None else state | {PREDICTIONS: self._memory.copy(), SMOOTHED: self._smoothed.copy()}

    @state.setter
    def state(self, state):
        if state is None:
            self.reset()
            return
        own = {}
        for name, like in ((PREDICTIONS, "predictions"), (SMOOTHED, "the last scores")):
            if not hasattr(state, "keys") or name not in state:
                raise ValueError(f"The state must have {name!r}, {like} of the detector. Pass a state of a stream of this model.")
            own[name] = read_numbers(f"{name!r} of the state", state[name], "Pass a state of a stream.").astype(np.float64)
        rest = {name: array for name, array in state.items() if name not in own}
        n_channels, n_leads, n = len(self._channels), self._n_leads, len(own[SMOOTHED]) if own[SMOOTHED].ndim == 1 else -1
        if own[PREDICTIONS].shape != (n, n_leads, n_leads, n_channels) or len(np.atleast_1d(rest.get("n_steps", 0))) != n:
            raise ValueError(
                f"{PREDICTIONS!r} of the state must have shape (n_streams, {n_leads}, {n_leads}, {n_channels}) and {SMOOTHED!r}"
                f" (n_streams,), got {own[PREDICTIONS].shape} and {own[SMOOTHED].shape}. Pass a state of a stream of this model."
            )
        for name, array in own.items():
            if np.isinf(array).any():
                raise ValueError(f"{name!r} of the state must be numbers or NaN, got infinity. Start anew with reset().")
        Stream.state.fset(self, rest)
        self._memory, self._smoothed = own[PREDICTIONS], own[SMOOTHED]
