"""Inspection of fitted models: functions that return numbers, and displays in the style of scikit-learn that draw them.

A new display is a file in `displays`, and its import and its name in `__all__` here.
"""

from ..public import publish
from .attention import attention_weights
from .curves import training_curves
from .displays.alignment import AlignmentDisplay
from .displays.anomaly import AnomalyDisplay
from .displays.attention import AttentionDisplay
from .displays.forecast import ForecastDisplay
from .displays.gates import GateDisplay
from .displays.importance import StepImportanceDisplay
from .displays.reliability import ReliabilityDisplay
from .displays.saliency import SaliencyDisplay
from .displays.training import TrainingHistoryDisplay
from .displays.transitions import TransitionDisplay
from .gates import gate_activations
from .importance import step_importance
from .integrated import integrated_gradients
from .reliability import reliability_curves

__all__ = [
    "AlignmentDisplay",
    "AnomalyDisplay",
    "AttentionDisplay",
    "ForecastDisplay",
    "GateDisplay",
    "ReliabilityDisplay",
    "SaliencyDisplay",
    "StepImportanceDisplay",
    "TrainingHistoryDisplay",
    "TransitionDisplay",
    "attention_weights",
    "gate_activations",
    "integrated_gradients",
    "reliability_curves",
    "step_importance",
    "training_curves",
]

publish(globals())
