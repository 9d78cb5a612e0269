"""Looking into fitted models: functions that return numbers, and displays in scikit-learn's manner that draw them."""

from .attention import attention_weights
from .curves import training_curves
from .displays import GateDisplay, SaliencyDisplay, TrainingDisplay
from .gates import gate_activations
from .integrated import integrated_gradients

__all__ = [
    "GateDisplay",
    "SaliencyDisplay",
    "TrainingDisplay",
    "attention_weights",
    "gate_activations",
    "integrated_gradients",
    "training_curves",
]
