"""Recurrent networks as scikit-learn estimators.

A module imports only from the layers below its own, and from the ground:

    forecasting     LSTMForecaster: windows of series, regressors of these, intervals
    estimators      LSTMClassifier, LSTMRegressor, LSTMSeq2Seq, LSTMOutlierDetector: scikit-learn's contract
    preprocessing   transformers for steps, windows of series, texts as codes; knows `sequences` only
    training        epochs, minibatches, optimisers, schedules, stopping, checkpoints
    network         the model as a spec: recurrent stack -> pooling -> head, forward and backward
    sequences       any accepted X, y and weights -> Sequences -> packed minibatch
    _kernels        C speed without the GIL: the recursion over time, products, losses, optimiser steps
    the ground      archive, files, parallel, compat, docstrings: modules that import from no layer but the kernels

Beside them, for users and imported by no layer: `datasets` (sequence problems to try things on), `metrics` (scorers of steps,
calibration, coverage), `inspection` (what a fitted model does, as numbers and pictures), `export` (fitted models for ONNX, C,
PyTorch and Keras) and `persistence`.

A fit, from call to call, for the backward pass of one minibatch:

    fit (estimators/fitting.py)
    _fit (estimators/fitting.py)
    train (training/loop.py)
    _run_epoch (training/loop.py)
    GradientComputer.__call__ (training/gradient.py)
    _Shard.run (training/gradient.py)
    gradient (_kernels/_minibatch.pyx)
    whole_sequences (_kernels/_minibatch.pyx)
    backward (_kernels/_minibatch.pyx)
    backward_layer (_kernels/_recurrent.pyx)
    backward_steps (_kernels/_scan.pyx)
    lstm_backward (_kernels/cells_lstm_impl.h)
    lstm_backward_row (_kernels/cells_lstm_impl.h)

A prediction, for an array or a list of arrays:

    predict (estimators/predicting.py)
    _respond (estimators/predicting.py)
    fast_path_scores (estimators/engines.py)
    CachedEngine.scores (estimators/engines.py)
    Engine.predict (_kernels/_engine.pyx)
    predict_sequences (_kernels/_engine.pyx)
    run_chunk (_kernels/_forward.pyx)
    run_layer (_kernels/_forward.pyx)
    run_steps (_kernels/_inference.pyx)
    step (_kernels/_inference.pyx)
    fused_step (_kernels/fused_impl.h)
    fused_body (_kernels/fused_impl.h)
    lstm_forward (_kernels/cells_lstm_impl.h)

What is no such array is read by `read_X` and goes through `Network` by `apply` (network/inference.py), on the same kernels.
"""

from importlib.metadata import version as _version

from .estimators import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq, ScoreStream, Stream
from .forecasting import Backtest, LSTMForecaster
from .persistence import load, save
from .public import publish
from .sequences import Sequences
from .versions import show_versions

__version__ = _version("sklstm")
__all__ = [
    "Backtest",
    "LSTMClassifier",
    "LSTMForecaster",
    "LSTMOutlierDetector",
    "LSTMRegressor",
    "LSTMSeq2Seq",
    "ScoreStream",
    "Sequences",
    "Stream",
    "__version__",
    "load",
    "save",
    "show_versions",
]

publish(globals())
