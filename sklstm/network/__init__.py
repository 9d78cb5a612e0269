"""The model as a spec of layers, with forward and backward passes; it knows no training loop and no estimator."""

from .biases import CELLS, TIMESCALES, ConstantBias, TimescaleBias
from .checks import MAX_LAYERS
from .inference import apply
from .losses import HUBER_DELTA, LOSSES, make_loss
from .model import Network
from .pooling import POOLINGS
from .recurrent import ACTIVATIONS, MERGE_MODES
from .rescaling import rescale

__all__ = [
    "ACTIVATIONS",
    "CELLS",
    "HUBER_DELTA",
    "LOSSES",
    "MAX_LAYERS",
    "MERGE_MODES",
    "POOLINGS",
    "TIMESCALES",
    "ConstantBias",
    "Network",
    "TimescaleBias",
    "apply",
    "make_loss",
    "rescale",
]
