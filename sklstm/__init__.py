"""Recurrent networks as scikit-learn estimators.

A module imports only from the layers below its own:

    estimators   LSTMClassifier, LSTMRegressor: scikit-learn's contract
    training     epochs, minibatches, optimisers, stopping
    network      the model as a spec: recurrent stack -> pooling -> head, forward and backward
    sequences    any accepted X -> Sequences -> packed minibatch
    _kernels     C speed without the GIL: the recursion over time, products, losses, optimiser steps

The path of one fit: LSTMClassifier.fit -> train -> Network.backward -> _scan.backward -> lstm_backward.
"""

from importlib.metadata import version as _version

from .estimators import LSTMClassifier, LSTMRegressor
from .sequences import Sequences
from .versions import show_versions

__version__ = _version("sklstm")
__all__ = ["LSTMClassifier", "LSTMRegressor", "Sequences", "__version__", "show_versions"]
