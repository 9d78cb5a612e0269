"""`TrainingConfig`: how to train."""

from dataclasses import dataclass

import numpy as np

from .schedules import SCHEDULES
from .stopping import CRITERIA, TRAINING_LOSS


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. The caller has checked the values.

    Attributes
    ----------
    max_iter : int
        Maximum number of epochs.
    batch_size : int
        Number of sequences in a minibatch.
    learning_rate : float
        Initial step size; `schedule` and its parameters `power` and `warmup` change it.
    learning_rate_schedule : str
        Name in the table of schedules.
    power, warmup : float
        Parameters of the schedule.
    shuffle : bool
        Whether each epoch has the sequences in another order.
    alpha : float
        Strength of the L2 penalty.
    max_grad_norm : float or None
        Euclidean norm that gradients are clipped to; None disables clipping.
    tol : float
        Improvements up to this count as none.
    n_iter_no_change : int or inf
        Stop after more than so many epochs in which the criterion improved by no more than `tol`.
    early_stopping : bool
        Stop by validation data, and end with the weights that were the best there.
    scoring : {"loss", "score"}
        What `early_stopping` compares: the validation loss or the validation score.
    bptt_steps : int or None
        Number of steps that the gradient reaches back; None is all.
    n_threads : int
        Maximum number of threads.
    warn_unconverged : bool
        Whether the fit is whole, so that reaching `max_iter` and having learned nothing deserve a warning.
    """

    max_iter: int
    batch_size: int
    learning_rate: float = 1e-3
    learning_rate_schedule: str = "constant"
    power: float = 0.5
    warmup: float = 0.0
    shuffle: bool = True
    alpha: float = 0.0
    max_grad_norm: float | None = None
    tol: float = 0.0
    n_iter_no_change: float = np.inf
    early_stopping: bool = False
    scoring: str = "loss"
    bptt_steps: int | None = None
    n_threads: int = 1
    warn_unconverged: bool = False

    @property
    def schedule(self):
        """The schedule of the learning rate."""
        return SCHEDULES[self.learning_rate_schedule]

    @property
    def criterion(self):
        """What tells which epoch is the best."""
        return CRITERIA[self.scoring] if self.early_stopping else TRAINING_LOSS
