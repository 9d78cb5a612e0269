"""`SamplingMixin`: sequences continued by labels that are drawn from the probabilities that a model predicts for them.

`continuation` is for anything that is drawn from what a model predicts, and is its next step.
"""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..network import draw_columns
from ..network.inference import with_one_blas_thread
from ..sequences.targets import literals
from .architecture import build
from .copies import at_this_moment
from .documentation import document
from .streaming import Stream
from .structure import is_structured
from .unaligned import predicts_labels


def predicts_steps(estimator):
    """Whether the fitted network, or the one that will be fitted, predicts something for every step."""
    return estimator._per_step if vars(estimator).get("_network_spec") else estimator.return_sequences


class SamplingMixin:
    """A method of classifiers of steps whose inputs are their own outputs."""

    @available_if(predicts_steps)
    @document()
    def sample(self, X, n_steps, *, temperature=1.0, top_k=None, random_state=None):
        """Continue sequences by labels drawn at random; requires ``return_sequences=True`` and one channel.

        The model must predict the next step: in `fit`, y is X one step later, as in a language model. Each label is drawn from
        the probabilities predicted for it, and is the next step that the model reads; a label that did not occur in X is read as
        an unknown category. The network runs step by step, as in `stream`.

        Parameters
        ----------
        <<X>>
        n_steps : int
            Number of labels to draw for each sequence.
        temperature : float, default=1.0
            Probabilities are raised to the power ``1 / temperature`` and normalised. With less than 1, likely labels are
            drawn more often; with 0, the most likely label is always taken (greedy decoding).
        top_k : int, default=None
            Draw among this number of most likely labels. None draws among all.
        random_state : int, RandomState instance or None, default=None
            Determines the random numbers. Pass an int for the same labels in each call. What is drawn for a sequence then
            does not depend on the sequences after it, but on `n_steps`.

        Returns
        -------
        ndarray of shape (n_sequences, n_steps)
            Labels that continue each sequence, from `classes_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid or has several channels, if y had several labels per step, if labels cannot be read as steps of
            X, if labels depend on each other (``structure="crf"``), or if the model is bidirectional or reads times.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMClassifier
        >>> words = [list("abcabcabcabc"), list("bcabcabcabca"), list("cabcabcabcab")] * 10
        >>> X, y = [word[:-1] for word in words], [word[1:] for word in words]
        >>> model = LSTMClassifier(8, return_sequences=True, categorical_features="all", max_iter=100, random_state=0).fit(X, y)
        >>> model.sample([["a"], ["b", "c"]], 4, temperature=0)
        array([['b', 'c', 'a', 'b'],
               ['a', 'b', 'c', 'a']], dtype='<U1')
        """
        check_is_fitted(self)
        n_steps = check_n_steps(n_steps)
        check_temperature(temperature)
        if top_k is not None:
            check_scalar(top_k, "top_k", Integral, min_val=1)
        rng = check_random_state(random_state)
        model = at_this_moment(self)
        refuse_unknown_steps(model)
        sequences = model._read_fitted(X)
        steps = _steps_of_labels(model)
        uniform = rng.random_sample((len(sequences), n_steps))
        codes = np.empty(uniform.shape, dtype=np.intp)

        def draw(t, log_proba):
            codes[:, t] = _drawn(log_proba, uniform[:, t], temperature, top_k)
            return steps[codes[:, t]]

        continuation(model, "predict_log_proba", sequences, n_steps, draw)
        return model.classes_[codes]


def refuse_unknown_steps(model):
    """Raise where the steps that follow cannot be known from what a model predicts by itself."""
    if model._network_spec.get("gap_channel") is not None:
        raise ValueError("sample does not know the times of the steps that it draws, which the model reads. Fit without times.")


def check_n_steps(n_steps):
    """It as an int; raises unless it is a whole number of at least 1."""
    check_scalar(n_steps, "n_steps", Integral, min_val=1)
    return int(n_steps)


def check_temperature(temperature):
    """Raise unless it is a finite number that is not negative."""
    check_scalar(temperature, "temperature", Real, min_val=0)
    if not np.isfinite(temperature):
        raise ValueError(f"temperature must be finite, got {temperature}.")


def _steps_of_labels(model):
    """The step (1 channel) that the network reads where a label was drawn, for each label; raises where there is no such step."""
    if model._network_spec["input_size"] != 1:
        raise ValueError(
            f"sample needs a model with one channel, whose values are labels: this one has {model._network_spec['input_size']}"
            " channels. Fit on X and y that are the same sequence, y one step later."
        )
    if predicts_labels(model):
        raise ValueError('sample needs a label for every step, but with loss="ctc" they have none. Fit with loss="log_loss".')
    if is_structured(model):
        raise ValueError('sample draws label by label, but structure="crf" predicts label sequences as a whole. Fit without it.')
    if model._multilabel:
        raise ValueError("sample needs one label per step, but y had several. Fit with one label for each set of labels.")
    labels, stream = model.classes_, Stream._of_vectors(model, "predict_log_proba", None)
    try:
        steps = stream._read(labels[:, np.newaxis], None)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample passes labels on as steps, but those of y, such as {labels[:1].tolist()[0]!r}, cannot be read as steps of X."
            f" Fit on y with the values of X, one step later. ({error})"
        ) from error
    if model._categorical and not steps.any():
        raise ValueError(
            f"sample passes labels on as steps, but none of {literals(labels)} occurred in X. Fit on y with the values of X, one"
            " step later."
        )
    return steps


@with_one_blas_thread
def continuation(model, response, sequences, n_steps, draw):
    """Continue some sequences step by step.

    Parameters
    ----------
    model : BaseRecurrent
        Of steps.
    response : str
        Name in `RESPONSES`.
    sequences : Sequences
        As the network reads them.
    n_steps : int
    draw : callable
        ``draw(t, outputs) -> step``: from the outputs of the last step to the next step (n_sequences, n_channels), as the network
        reads it; called with t from 0 to n_steps - 1.
    """
    stream, outputs = _after(model, response, sequences)
    for t in range(n_steps):
        step = draw(t, outputs)
        if t + 1 < n_steps:
            outputs = stream._process(step, stream._begun)


def _after(model, response, sequences):
    """A stream that has processed some sequences, and the outputs of their last steps."""
    lengths, static, parts = sequences.lengths, _static_vectors(model, sequences), []
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        stream = Stream._of_vectors(model, response, None if static is None else static[rows])
        for t in range(length):
            outputs = stream._process(sequences.values[sequences.offsets[rows] + t], stream._begun)
        parts.append((rows, stream.state, outputs))
    order = np.argsort(np.concatenate([rows for rows, _, _ in parts]))
    stream.state = {name: np.concatenate([state[name] for _, state, _ in parts])[order] for name in parts[0][1]}
    return stream, np.concatenate([outputs for _, _, outputs in parts])[order]


def _static_vectors(model, sequences):
    """What the network makes of the static features of each sequence; None without any."""
    network = build(model._network_spec)
    if network.static is None:
        return None
    return network.static.vectors(network.bind(model._theta)["static"], sequences.static)


def _drawn(log_proba, uniform, temperature, top_k):
    """Number of the class that each row's uniform random number chooses."""
    if temperature == 0:
        return log_proba.argmax(axis=1)
    p = np.exp((log_proba - log_proba.max(axis=1, keepdims=True)).astype(np.float64) / temperature)
    if top_k is not None and top_k < p.shape[1]:
        least_likely = np.argsort(-p, axis=1, kind="stable")[:, top_k:]
        np.put_along_axis(p, least_likely, 0, axis=1)
    return draw_columns(p, uniform)
