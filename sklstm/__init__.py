"""Recurrent networks as scikit-learn estimators.

A module imports only from the layers below its own:

    estimators     LSTMClassifier, LSTMRegressor: scikit-learn's contract
    preprocessing  transformers for steps, windows of series, texts as codes; knows `sequences` only
    training       epochs, minibatches, optimisers, schedules, stopping, checkpoints
    network        the model as a spec: recurrent stack -> pooling -> head, forward and backward
    sequences      any accepted X, y and weights -> Sequences -> packed minibatch
    _kernels       C speed without the GIL: the recursion over time, products, losses, optimiser steps

Beside them, for users and imported by no layer: `datasets` (sequence problems to try things on), `metrics` (scorers of
steps), `inspection` (what a fitted model does, as numbers and pictures) and `persistence`.

The path of one fit: LSTMClassifier.fit -> train -> Network.backward -> _scan.backward -> lstm_backward.
"""

from importlib.metadata import version as _version

from .estimators import LSTMClassifier, LSTMRegressor, Stream
from .persistence import load, save
from .public import publish
from .sequences import Sequences
from .versions import show_versions

__version__ = _version("sklstm")
__all__ = ["LSTMClassifier", "LSTMRegressor", "Sequences", "Stream", "__version__", "load", "save", "show_versions"]

publish(globals())
