"""Epochs, minibatches, optimisers and stopping, over a `network` and `sequences`; it knows no estimator."""

from .calibration import fit_temperature
from .checkpoint import Checkpoint
from .config import TrainingConfig
from .data import Data, digest
from .length import LengthSearch
from .loop import train
from .moments import check_moments, observed_moments, weighted_moments
from .optimizers import LBFGS, SGD, SOLVERS, Adam, RMSprop
from .paired_data import PairedData
from .robust import clipped, has_heavy_tails, robust_ratios
from .scaling import Scaling, check_range, scale_of_targets, updated_moments
from .schedules import SCHEDULES
from .state import LastEpoch, TrainingState
from .stopping import CRITERIA, best_epoch
from .validation import Validation
