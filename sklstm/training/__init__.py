"""Epochs, minibatches, optimisers and stopping, over a `network` and `sequences`; it knows no estimator."""

from .data import Data
from .loop import Plan, Validation, train
from .optimizers import SGD, Adam
from .units import Units, updated_moments

__all__ = ["SGD", "Adam", "Data", "Plan", "Units", "Validation", "train", "updated_moments"]
