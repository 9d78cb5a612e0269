"""Response methods: from the results of a network to what an estimator returns."""

import numpy as np

from .._kernels._answers import Answers
from .._kernels._links import Decision, Link
from ..network import LOSSES
from .structure import has_transitions, structured_response

# Response method, or "scores" -> from an estimator to the function that turns its network's scores into what that returns.
RESPONSES = {
    "predict": lambda model: model._decode,
    "predict_proba": lambda model: LOSSES[model._network_spec["loss"]].inverse_link,
    "predict_log_proba": lambda model: LOSSES[model._network_spec["loss"]].log_inverse_link,
    "encode": lambda model: Link("identity"),
    "scores": lambda model: Link("identity"),
}


def respond(model, method, scores, lengths=None):
    """What a response method of a model returns for scores.

    Parameters
    ----------
    model : BaseRecurrent
    method : str
    scores : ndarray of shape (n, n_scores)
    lengths : ndarray of int of shape (n_sequences,), default=None
        For scores of steps, the lengths of the sequences that they belong to.
    """
    if lengths is not None and has_transitions(model):
        return structured_response(model, method, scores, lengths)
    return RESPONSES[method](model)(scores)


class Meaning:
    """What the results of a network mean, for a response method of a model.

    Attributes
    ----------
    function, choices : Link or Decision, and ndarray or None
        As in `Answers`: their result is a prediction.
    dtype, shape : dtype and tuple of int
        Of the prediction for one sequence.
    decode : callable or None
        What makes predictions of such results where no kernel does.
    """

    def __init__(self, model, response_method, width):
        response, scores = RESPONSES[response_method](model), np.zeros((1, width), model._theta.dtype)
        if has_transitions(model) and response_method != "encode":  # what connects labels makes predictions of the scores
            self.function, self.choices, response = Link("identity"), None, Link("identity")
        elif response_method == "predict":
            self.function, self.choices = model._predicted()
        else:
            self.function, self.choices = response, None
        self.decode = None if isinstance(self.function, (Link, Decision)) else response
        if self.decode is not None:
            self.function, self.choices, response = Link("identity"), None, Link("identity")
        like = response(scores)
        self.dtype, self.shape = like.dtype, like.shape[1:]

    def answers(self, engine):
        """What runs an engine, all of whose sequences have begun, and answers."""
        return Answers(engine, self.function, self.dtype, (engine.n_sequences, *self.shape), self.choices)
