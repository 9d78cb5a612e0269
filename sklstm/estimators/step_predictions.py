"""Predictions for every step, in the format that y had, and who must not score them."""

import sys
from itertools import pairwise

import numpy as np
from sklearn.metrics import get_scorer, get_scorer_names

from ..sequences import Sequences

# Metrics whose mean over the steps of equally long sequences is that over the columns of an array (n_sequences, n_steps).
MEANS = {
    "mean_squared_error", "mean_absolute_error", "mean_squared_log_error", "mean_absolute_percentage_error"
}  # fmt: skip


def refuse_scorers_of_arrays(is_array, what="steps", instead=None):
    """Raise where scikit-learn calls for predictions of steps to score them by a metric of its own.

    Its scorers compare the user's y with the predictions as arrays: labels (n_sequences, n_steps) would be taken for
    indicators of several labels, numbers for several outputs, and the score be another one, without a word. Neither y nor the
    metric passes through the estimator, so the only way to tell is to look who calls. Frames of other packages and of users
    end the search: what they do with the predictions is their affair.

    Parameters
    ----------
    is_array : bool
        Whether the predictions are an array (n_sequences, n_steps).
    what : str
        What is predicted.
    instead : str, default=None
        Code of the scorer to pass; None is that of the same metric over the steps.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(PASSING_ON):
        if frame.f_code.co_name == "_score" and frame.f_globals["__name__"] == "sklearn.metrics._scorer":
            scorer = frame.f_locals.get("self")
            metric = getattr(scorer, "_score_func", None)
            metric = getattr(metric, "func", metric)  # of a partial
            name = getattr(metric, "__name__", "")
            if not getattr(metric, "__module__", "").startswith("sklearn.") or (is_array and name in MEANS):
                return
            scoring = instead or f"sklstm.metrics.step_scorer({_scorer_name(scorer)})"
            raise ValueError(
                f"scikit-learn's {name} compares y with the predictions as arrays, one row for each sequence, and cannot score"
                f" {what}: the score would be another one. Pass scoring={scoring}, or scoring=None for that of `score`."
            )
        frame = frame.f_back


PASSING_ON = ("sklstm.estimators.", "sklearn.", "imblearn.")


def _scorer_name(scorer):
    """What to pass to `step_scorer` for a scorer of scikit-learn."""
    for name in get_scorer_names():
        known = get_scorer(name)
        if vars(known) == vars(scorer):
            return repr(name)
    return "scorer"


def restore_format(flat, sequences, format, channel_names=None):
    """Predictions for every step (total_steps, ...), in the format that y had; an array is a list where lengths differ.

    `channel_names` are those of a result that is a `Sequences`.
    """
    if format["column"] and flat.ndim == 1:
        flat = flat[:, np.newaxis]
    offsets, lengths = sequences.offsets, sequences.lengths
    is_array = format["kind"] == "array" and (lengths == lengths[0]).all()
    refuse_scorers_of_arrays(is_array and flat.ndim == 1)
    if format["kind"] == "Sequences":
        return Sequences(flat.reshape(len(flat), -1), offsets, ids=sequences.ids, channel_names=channel_names)
    if is_array:
        return flat.reshape(len(lengths), lengths[0], *flat.shape[1:])
    return [flat[first:last] for first, last in pairwise(offsets)]
