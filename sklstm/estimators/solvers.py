"""From hyper-parameters to an optimiser and a configuration of the training."""

import math
import sys

from joblib import effective_n_jobs

from ..network.checks import is_count
from ..training import CRITERIA, SCHEDULES, SOLVERS, TrainingConfig

# What "auto" means; benchmarks/defaults.py has what these were chosen from. Small data need small minibatches and many epochs to
# be given enough steps of the optimiser at all.
MINIBATCHES = 8  # per epoch at least, where that leaves minibatches of SMALLEST_BATCH sequences
SMALLEST_BATCH, LARGEST_BATCH = 4, 32
STEPS = 2000  # per fit at least
EPOCHS = (50, 500)  # per fit at least, and at most
ITERATIONS = 200  # of L-BFGS
PATIENCE_STEPS, PATIENCE_EPOCHS = 500, 10  # without improvement, at least


# The choice of a length: from how many sequences on, the longest as a share of one that is not chosen, so that all fits together
# cost about as much as that, and lengths as fractions of the longest.
SMALLEST_CHOICE = 10
SHARE = 1 / 2
FRACTIONS = (1 / 16, 1 / 4, 1)
# Standard errors by which the loss of a longer fit may be higher than the lowest, by the number of sequences up to which they are
# for: a quarter of few sequences says little.
TIED = {60: 1.0, math.inf: 0.5}


def check_solver_params(estimator):
    """Raise a ValueError where hyper-parameters of the training contradict each other, or have an unknown name."""
    for name, known in (("solver", SOLVERS), ("learning_rate", SCHEDULES), ("scoring", CRITERIA)):
        value = getattr(estimator, name)
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{name} must be one of {sorted(known)}, got {value!r}.")
    if not SOLVERS[estimator.solver](estimator).needs_all_samples:
        return
    if estimator.dropout or estimator.recurrent_dropout or estimator.input_dropout:
        raise ValueError(
            f"solver={estimator.solver!r} compares losses of the same function, which dropout={estimator.dropout},"
            f" recurrent_dropout={estimator.recurrent_dropout} and input_dropout={estimator.input_dropout} change at every call."
            " Set them to 0, or take another solver."
        )
    if getattr(estimator, "scheduled_sampling", 0):
        raise ValueError(
            f"solver={estimator.solver!r} compares losses of the same function, which"
            f" scheduled_sampling={estimator.scheduled_sampling} changes at every call. Set scheduled_sampling=0, or take another"
            " solver."
        )
    if estimator.checkpoint is not None:
        raise ValueError(
            f"solver={estimator.solver!r} cannot continue from a checkpoint: SciPy does not expose the state of its L-BFGS-B."
            " Set checkpoint=None, or take another solver."
        )


def stops_early(estimator, *, one_epoch):
    """Whether a fit sets validation data aside, unless it is given them, and ends with the weights that are the best there."""
    return not _is_auto(estimator.early_stopping) and bool(estimator.early_stopping) and not one_epoch


def chooses_length(estimator, n_samples):
    """Whether the length of a fit on that many sequences is chosen on some that are held out."""
    return _is_auto(estimator.early_stopping) and _is_auto(estimator.max_iter) and n_samples >= SMALLEST_CHOICE


def tied(n_samples):
    """The entry of `TIED` for that many sequences."""
    return next(errors for largest, errors in TIED.items() if n_samples <= largest)


def training_config(estimator, n_samples, *, one_epoch, early_stopping, share=1.0):
    """The configuration for a fit on that many sequences, or of one as long as a share of that; `early_stopping` is what
    `stops_early` says.
    """
    optimizer = SOLVERS[estimator.solver](estimator)
    batch_size = min(_batch_size(estimator, n_samples), n_samples)
    n_batches = None if optimizer.needs_all_samples else -(-n_samples // batch_size)
    has_end, bptt_steps = SCHEDULES[estimator.learning_rate].needs_end, getattr(estimator, "bptt_steps", None)
    return TrainingConfig(
        max_iter=1 if one_epoch else _max_iter(estimator, n_batches, share),
        batch_size=batch_size,
        learning_rate=estimator.learning_rate_init,
        learning_rate_schedule="constant" if one_epoch and has_end else estimator.learning_rate,
        power=estimator.power_t,
        warmup=estimator.warmup_fraction,
        shuffle=estimator.shuffle,
        alpha=0.0 if optimizer.weight_decay else estimator.alpha,  # weight decay takes the place of the penalty
        max_grad_norm=estimator.max_grad_norm,
        tol=estimator.tol,
        n_iter_no_change=_patience(estimator, n_batches),
        early_stopping=early_stopping,
        scoring=estimator.scoring,
        bptt_steps=None if bptt_steps is None else min(_count("bptt_steps", bptt_steps, "None"), sys.maxsize),
        n_threads=effective_n_jobs(estimator.n_jobs),
        warn_unconverged=not one_epoch,
    )


def is_one_minibatch(estimator, n_samples):
    """Whether a minibatch holds that many sequences."""
    return n_samples <= _batch_size(estimator, n_samples)


def _is_auto(value):
    return isinstance(value, str) and value == "auto"


def _count(name, value, alternative="'auto'"):
    """The value as an int; raises a ValueError unless it is one of at least 1, however the hyper-parameters were validated."""
    if not is_count(value, 1):
        raise ValueError(f"{name} must be {alternative} or an int of at least 1, got {value!r}.")
    return int(value)


def _batch_size(estimator, n_samples):
    if not _is_auto(estimator.batch_size):
        return _count("batch_size", estimator.batch_size)
    if n_samples <= LARGEST_BATCH:
        return n_samples  # all at once: then a sequence of weight 2 is the sequence twice, see `Target.merged`
    return min(max(n_samples // MINIBATCHES, SMALLEST_BATCH), LARGEST_BATCH)


def _max_iter(estimator, n_batches, share):
    if not _is_auto(estimator.max_iter):
        return _count("max_iter", estimator.max_iter)
    longest = ITERATIONS if n_batches is None else min(max(-(-STEPS // n_batches), EPOCHS[0]), EPOCHS[1])
    return max(1, round(share * longest))


def _patience(estimator, n_batches):
    """Epochs without improvement after which to stop; `n_batches` is None for a solver without minibatches."""
    if estimator.n_iter_no_change != "auto":
        return estimator.n_iter_no_change
    return PATIENCE_EPOCHS if n_batches is None else max(-(-PATIENCE_STEPS // n_batches), PATIENCE_EPOCHS)
