"""What a fit warns of although it has done what it was told, and what to try then, in the order in which it works."""

import warnings

import numpy as np

from ..sequences.errors import name_of
from ..training import SOLVERS
from .unaligned import asks_for_labels

# Fewer validation targets leave it to chance which epoch is kept.
FEW = 20
# A network has memorised when its training loss is below this share of the validation loss, and that has risen since its lowest
# value by this factor and by more than this many nats, or in standard units.
MEMORISED, RISEN, RISEN_BY = 0.5, 1.25, 0.05

# What helps against memorising, the best first: parameter -> what to set it to.
AGAINST_MEMORISING = {"early_stopping": True, "dropout": 0.3, "label_smoothing": 0.1}


def warn_of_few(n_targets, unit):
    """Warn where early stopping has so few validation targets that which epoch it keeps is left to chance."""
    if n_targets < FEW:
        warnings.warn(
            f"early_stopping has {n_targets} {unit} to validate on, which leaves it to chance which epoch is the best. Pass X_val"
            f" and y_val with at least {FEW} {unit}, raise validation_fraction, or set early_stopping=False.",
            UserWarning,
            stacklevel=2,
        )


def warn_of_rate(alarm_rate, n):
    """Warn where the lowest of n scores of steps already is above the quantile `alarm_rate`."""
    if alarm_rate * (n + 1) < 1:
        warnings.warn(
            f"alarm_rate={alarm_rate} needs the scores of {int(np.ceil(1 / alarm_rate)) - 1} held-out steps, got {n}: the"
            " threshold is the lowest of them, and there may be more alarms. Call set_threshold(X) with more normal data, or"
            " raise alarm_rate or validation_fraction.",
            UserWarning,
            stacklevel=2,
        )


def warn_of_few_errors(few, counts, least, n_leads, channels, names):
    """Warn of channels whose held-out errors do not tell their scale.

    Parameters
    ----------
    few : ndarray of bool of shape (n_leads * n_channels,)
        Which have fewer held-out errors than `least`.
    counts : ndarray of int of shape (n_leads * n_channels,)
        Number of errors in all of X.
    least, n_leads : int
    channels : list of int
        Numbers of the channels in X.
    names : list of str or None
        Of all channels.
    """
    of_channel = few.reshape(n_leads, -1)
    is_left_out = of_channel & (counts.reshape(n_leads, -1) < least)
    what = {
        "their scale is that of the errors in all of X, most of which training has made small": of_channel & ~is_left_out,
        "and too few in all of X, they are left out of the scores": is_left_out,
    }
    for consequence, which in what.items():
        chosen = [f"{channels[j]}{name_of(channels[j], names)}{_ahead(which[:, j])}" for j in np.flatnonzero(which.any(axis=0))]
        if chosen:
            shown = ", ".join(chosen[:5]) + (", ..." if len(chosen) > 5 else "")
            warnings.warn(
                f"The held-out steps have fewer than {least} errors of prediction of channel {shown}: {consequence}. Pass X_val"
                " with values of them, or another validation_fraction.",
                UserWarning,
                stacklevel=2,
            )


def _ahead(leads):
    """Which of several leads, unless they are all."""
    return "" if leads.all() else f" {', '.join(str(k + 1) for k in np.flatnonzero(leads)[:5])} steps ahead"


def warn_of_unseen(known, names):
    """Warn of channels that have no value in training; `known` (n_channels,) is 0 for them, `names` are those of all, or None."""
    unseen = [f"{channel}{name_of(channel, names)}" for channel in np.flatnonzero(known == 0).tolist()]
    if unseen:
        shown = ", ".join(unseen[:5]) + (", ..." if len(unseen) > 5 else "")
        warnings.warn(
            f"No training sequence has a value in channel {shown}: predictions will ignore it, also where it has values. Leave"
            " the channel out of X.",
            UserWarning,
            stacklevel=2,
        )


def warn_of_memorising(estimator, rows):
    """Warn where the validation loss has risen while the training loss fell.

    Parameters
    ----------
    estimator : BaseRecurrent
    rows : list of dict
        The history of this fit, which had validation data but was not stopped by them.
    """
    if not rows:
        return
    training, validation = rows[-1]["loss"], rows[-1]["validation_loss"]
    best = min(rows, key=lambda row: row["validation_loss"])
    lowest = best["validation_loss"]
    if training < MEMORISED * validation and validation > max(RISEN * lowest, lowest + RISEN_BY):
        parameters = estimator.get_params(deep=False)
        untried = (False, 0, "auto")
        if SOLVERS[estimator.solver](estimator).needs_all_samples:
            parameters["dropout"] = None  # which such a solver refuses
        if parameters.get("structure") is not None or asks_for_labels(estimator):
            parameters["label_smoothing"] = None  # which has no meaning then
        remedies = [f"{name}={value}" for name, value in AGAINST_MEMORISING.items() if parameters.get(name) in untried]
        warnings.warn(
            f"The network has memorised training data: the validation loss was {lowest:.3g} after epoch {best['epoch']} and is"
            f" {validation:.3g} now, the training loss is {training:.3g}. Set, in the order in which it is likely to help:"
            f" {', '.join(remedies)}.",
            UserWarning,
            stacklevel=2,
        )
