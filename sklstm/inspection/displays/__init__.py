"""Displays in scikit-learn's manner; matplotlib is imported when one is drawn."""

from .gates import GateDisplay
from .saliency import SaliencyDisplay
from .training import TrainingDisplay

__all__ = ["GateDisplay", "SaliencyDisplay", "TrainingDisplay"]
