"""Whether X agrees with the X of fit, or looks like something else than it is read as."""

from warnings import warn

import numpy as np


def seen_lengths(lengths, earlier=None):
    """Numbers of steps of the shortest and of the longest sequence that a model learned from, in this fit and in earlier ones."""
    shortest, longest = int(lengths.min()), int(lengths.max())
    return (shortest, longest) if earlier is None else (min(shortest, earlier[0]), max(longest, earlier[1]))


def refuse_single_sequence(estimator, shape, n_channels):
    """Raise where a table may be one sequence for a model that learned from sequences, and not many that are flattened.

    Parameters
    ----------
    estimator : estimator
        With ``_n_steps``, of `seen_lengths`, and ``_flat``, if it is a model of 2-D arrays, which has its own number of columns.
    shape : tuple of int
        Of the table.
    n_channels : int
    """
    seen = vars(estimator).get("_n_steps")
    n_rows, n_steps = shape[0], shape[1] // n_channels
    if seen is None or estimator._flat or n_rows < 2:
        return
    may_be_padded = getattr(estimator, "padding", None) is not None
    if (n_steps == 1 and seen[1] > 1) or not (seen[0] <= n_steps <= seen[1] or may_be_padded):
        learned = f"{seen[0]}" if seen[0] == seen[1] else f"{seen[0]} to {seen[1]}"
        raise ValueError(
            f"X has shape {shape}, and each row of a 2-D X is read as a flattened sequence, with n_channels={n_channels}: here as"
            f" one of {n_steps} step{'s' * (n_steps != 1)}, but {type(estimator).__name__} is expecting sequences of {learned}"
            " steps, as in fit. If X is one sequence, pass a single sequence x as [x]; pass many of other lengths as a 3-D array,"
            f" X.reshape(len(X), -1, {n_channels})."
        )


def warn_of_single_steps(sequences):
    """Warn where nothing recurs, but there may be steps among the channels."""
    if sequences.n_channels > 1 and sequences.lengths.max() == 1:
        warn(
            f"Every sequence of X has one step, of {sequences.n_channels} channels: recurrence has no effect. If X has the shape"
            " (n_sequences, n_channels, n_steps), as in aeon and sktime, pass X.transpose(0, 2, 1), or [x.T for x in X] of a"
            " list. If these are tables of features, any other estimator will do.",
            UserWarning,
            stacklevel=2,
        )


def warn_of_steps_as_sequences(estimator, X, sequences):
    """Warn where a list of lists of one number each may be one sequence, of a model that was fitted on longer ones."""
    seen = vars(estimator).get("_n_steps")
    if seen is None or seen[0] == 1 or len(X) < 2 or not (isinstance(X, (list, tuple)) and isinstance(X[0], (list, tuple))):
        return
    if sequences.lengths.max() == 1:
        warn(
            f"X is a list of {len(X)} lists of one step each, and is read as {len(X)} sequences, but {type(estimator).__name__}"
            f" was fitted on sequences of {seen[0]} steps or more. If X is one sequence x, pass it as [x].",
            UserWarning,
            stacklevel=2,
        )


def channel_names(estimator, names, reset):
    """Names of the channels as scikit-learn has those of features, None if they are not all texts; raises if fit's are others.

    Parameters
    ----------
    estimator : estimator with the attributes of `read_X`
    names : list or None
    reset : bool
        Whether there is no fit to compare them with.
    """
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    fitted = None if reset or estimator._flat else vars(estimator).get("feature_names_in_")
    if fitted is not None and list(fitted) != names:
        raise ValueError(
            f"The feature names should match those that were passed during fit, in the same order: X has the channels {names},"
            f" {type(estimator).__name__} is expecting {list(fitted)}. Choose them: Sequences.from_long(..., columns=[...]), or"
            " x[[...]] of each DataFrame x."
        )
    return np.array(names, dtype=object)


def warn_of_rows_that_are_steps(X):
    """Warn where the index of a DataFrame has levels, as that of a table with one row per step."""
    index = getattr(X, "index", None)
    if getattr(index, "nlevels", 1) != 2 or not index.is_unique or index.get_level_values(0).is_unique:
        return
    warn(
        "X is a DataFrame whose index has two levels, and several rows have the same value in the first: each row is"
        " read as a sequence. If rows are steps, pass Sequences.from_long(X.rename_axis([\"who\", \"when\"]).reset_index(),"
        " id=\"who\", time=\"when\"), with a y for each sequence; if they are sequences, X.reset_index(drop=True).",
        UserWarning,
        stacklevel=2,
    )
