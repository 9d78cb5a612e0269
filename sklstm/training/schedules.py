"""How the learning rate changes during a fit: a table of schedules by name.

A rate is the initial one times two factors: one that follows the progress through the fit, step by step, and one that
changes when an epoch has ended.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

# Of "onecycle" (Smith and Topin 2018): the highest rate is reached after this part of the fit, from 1/25 of it; the lowest is
# 1e-4 of the first. Momentum goes from 0.95 to 0.85 and back. The numbers are those of PyTorch's and fastai's schedule.
RISE = 0.3
FIRST_FACTOR = 1 / 25
LAST_FACTOR = FIRST_FACTOR * 1e-4
HIGH_MOMENTUM, LOW_MOMENTUM = 0.95, 0.85

# "adaptive" divides by 5 and ends a fit below 1e-6, as scikit-learn's MLP.
ADAPTIVE_DIVISOR = 5.0
ADAPTIVE_LOWEST = 1e-6
# "plateau" halves the rate when half of the patience with the loss is used up.
PLATEAU_FACTOR = 0.5


@dataclass(frozen=True)
class Epoch:
    """What a schedule is told when an epoch has ended.

    Attributes
    ----------
    rate : float
        Initial rate times the factor so far.
    n_samples : int
        Samples seen since the optimiser began.
    n_stalled : int
        Epochs since the loss (or what early stopping compares) last improved by more than `tol`.
    patience : float
        Epochs without improvement after which a fit ends.
    """

    rate: float
    n_samples: int
    n_stalled: int
    patience: float


@dataclass(frozen=True)
class Schedule:
    """One schedule; what it leaves out does not change.

    Attributes
    ----------
    within : callable
        ``within(progress, warmup)``: factor at a progress in (0, 1) through the fit.
    momentum : callable or None
        ``momentum(progress)``: takes the place of the optimiser's.
    after : callable or None
        ``after(factor, epoch, power)``: factor of the epochs to come.
    ends : callable or None
        ``ends(epoch)``: whether a fit that no longer improves shall end; None says yes.
    needs_end : bool
        Whether the number of epochs must be known.
    """

    within: Callable | None = None
    momentum: Callable | None = None
    after: Callable | None = None
    ends: Callable | None = None
    needs_end: bool = False


def _half_cosine(first, last, progress):
    return last + (first - last) * 0.5 * (1 + np.cos(np.pi * progress))


def cosine(progress, warmup):
    """A linear rise over the part `warmup`, then half a cosine down to 0 (Loshchilov and Hutter 2017, without restarts)."""
    return progress / warmup if progress < warmup else _half_cosine(1.0, 0.0, (progress - warmup) / (1 - warmup))


def onecycle(first, middle, last, progress, warmup=None):
    """Half a cosine from the first value to that in the middle, and one from there to the last."""
    if progress < RISE:
        return _half_cosine(first, middle, progress / RISE)
    return _half_cosine(middle, last, (progress - RISE) / (1 - RISE))


def invscaling(factor, epoch, power):
    """As scikit-learn's MLP: by the number of samples seen."""
    return (epoch.n_samples + 1.0) ** -power


def adaptive(factor, epoch, power):
    """Down whenever the fit would end."""
    return factor / ADAPTIVE_DIVISOR if epoch.n_stalled > epoch.patience else factor


def plateau(factor, epoch, power):
    """Down whenever another half of the patience has passed without improvement."""
    half = max(1.0, np.floor(epoch.patience / 2))
    return factor * PLATEAU_FACTOR if epoch.n_stalled > 0 and epoch.n_stalled % half == 0 else factor


SCHEDULES = {
    "constant": Schedule(),
    "invscaling": Schedule(after=invscaling),
    "adaptive": Schedule(after=adaptive, ends=lambda epoch: epoch.rate <= ADAPTIVE_LOWEST),
    "plateau": Schedule(after=plateau),
    "cosine": Schedule(within=cosine, needs_end=True),
    "onecycle": Schedule(
        within=partial(onecycle, FIRST_FACTOR, 1.0, LAST_FACTOR),
        momentum=partial(onecycle, HIGH_MOMENTUM, LOW_MOMENTUM, HIGH_MOMENTUM),  # low while the rate is high
        needs_end=True,
    ),
}
