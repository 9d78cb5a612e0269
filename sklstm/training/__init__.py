"""Epochs, minibatches, optimisers and stopping, over a `network` and `sequences`; it knows no estimator."""

from .checkpoint import Checkpoint, digest
from .data import Data
from .lbfgs import LBFGS
from .loop import LastEpoch, Plan, Validation, train
from .optimizers import SGD, Adam, RMSprop
from .resuming import check_moments, check_state
from .schedules import SCHEDULES
from .units import Units, check_range, updated_moments

__all__ = [
    "LBFGS",
    "SCHEDULES",
    "SGD",
    "Adam",
    "Checkpoint",
    "Data",
    "LastEpoch",
    "Plan",
    "RMSprop",
    "Units",
    "Validation",
    "check_moments",
    "check_range",
    "check_state",
    "digest",
    "train",
    "updated_moments",
]
