"""Displays in the style of scikit-learn; matplotlib is imported when one is drawn."""

from .attention import AttentionDisplay
from .forecast import ForecastDisplay
from .gates import GateDisplay
from .importance import StepImportanceDisplay
from .saliency import SaliencyDisplay
from .training import TrainingHistoryDisplay

__all__ = [
    "AttentionDisplay",
    "ForecastDisplay",
    "GateDisplay",
    "SaliencyDisplay",
    "StepImportanceDisplay",
    "TrainingHistoryDisplay",
]
