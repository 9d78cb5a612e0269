"""Epochs, minibatches, optimisers and stopping, over a `network` and `sequences`; it knows no estimator."""

from .data import Data
from .loop import Plan, Validation, train
from .optimizers import SGD, Adam
from .units import Units, check_range, updated_moments

__all__ = ["SGD", "Adam", "Data", "Plan", "Units", "Validation", "check_range", "train", "updated_moments"]
