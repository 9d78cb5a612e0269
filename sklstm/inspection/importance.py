"""Importance of steps and channels for a score, by permutation."""

import reprlib
from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state

from ..compat import Interval, StrOptions, validate_params
from ..sequences import Sequences
from ..sequences.container import snapshot
from ..sequences.convert import as_floats
from ..sequences.flattened import is_tabular
from ..sequences.padding import without_padding
from ..sequences.refusals import array_of, list_of, refused_as
from ..sequences.steps import Steps
from ..sequences.validation import X_FORMATS, array_or_list
from .documentation import document


@document()
@validate_params(
    {
        "steps": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "align": [StrOptions({"start", "end"})],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def step_importance(
    estimator,
    X,
    y,
    *,
    scoring=None,
    steps=1,
    align="start",
    channels=None,
    n_repeats=5,
    sample_weight=None,
    random_state=None,
):
    """Compute how much a score decreases when the values of a channel at some steps are permuted among the sequences.

    Parameters
    ----------
    <<any estimator>>
    <<X>>
    <<permutation>>

    Returns
    -------
    Bunch
        ``importances``, ndarray of shape (n_blocks, n_channels, n_repeats), the decreases of the score, NaN for steps that fewer
        than two sequences have; ``importances_mean`` and ``importances_std``, ndarray of shape (n_blocks, n_channels); ``score``,
        the score of X as it is; ``edges``, ndarray of int of shape (n_blocks + 1,), the edges of the blocks.

    Raises
    ------
    ValueError
        If X does not fit the estimator, or `steps` or `channels` do not fit X.

    See Also
    --------
    StepImportanceDisplay : Draw the importances.
    integrated_gradients : Contributions of the steps to a single prediction.
    sklearn.inspection.permutation_importance : Importance of the columns of a table.

    Notes
    -----
    This is the permutation importance of columns [1]_ for the steps of sequences of any lengths. At each step, the sequences that
    have it exchange their values by a random cyclic permutation, so that none keeps its own and each value stays at its step.
    Within a block a sequence takes its values from the same other one, as far as that one has the steps. Information that is
    redundant in a sequence is not missed: two channels that hold the same can both seem unimportant.

    X is predicted 1 + n_blocks n_channels n_repeats times. Static features and times stay with their sequence; the importance of
    a channel that `time_feature` names is NaN.

    References
    ----------
    .. [1] L. Breiman (2001), "Random forests", Machine Learning 45(1).

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.inspection import step_importance
    >>> X = np.random.default_rng(0).normal(size=(400, 6, 2))
    >>> y = X[:, 2, 1]  # the second channel of the third step
    >>> model = LSTMRegressor(16, random_state=0).fit(X[:300], y[:300])
    >>> found = step_importance(model, X[300:], y[300:], n_repeats=2, random_state=0)
    >>> found.importances_mean.shape
    (6, 2)
    >>> [int(k) for k in np.unravel_index(found.importances_mean.argmax(), (6, 2))]
    [2, 1]
    """
    if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise ValueError(f"scoring must be the name of a scorer, a callable or None, got {type(scoring).__name__}.")
    scorer = check_scoring(estimator, scoring=scoring)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    sequences, in_form = _ragged(estimator, X)
    edges = _read_edges(steps, sequences.lengths, align)
    groups = _read_channels(channels, sequences.n_channels)
    time = vars(estimator).get("_time_channel")
    if channels is not None and any(time in group for group in groups):
        raise ValueError(f"Channel {time} holds the times of the steps, by time_feature, and is not permuted. Leave it out.")
    score = float(scorer(estimator, X, y, **weights))
    rng = np.random.RandomState() if random_state is None else check_random_state(random_state)
    permutations = [rng.permutation(len(sequences)) for _ in range(n_repeats)]
    importances = np.full((len(edges) - 1, len(groups), n_repeats), np.nan)
    for block, (first, last) in enumerate(pairwise(edges)):
        for repeat, permutation in enumerate(permutations):
            to, source = _exchanged_rows(sequences, permutation, range(first, last))
            if len(to) == 0:
                continue
            for k, group in enumerate(groups):
                if time in group:
                    continue
                values = sequences.values.copy()
                values[np.ix_(to, group)] = sequences.values[np.ix_(source, group)]
                importances[block, k, repeat] = score - scorer(estimator, in_form(values), y, **weights)
    return Bunch(
        importances=importances,
        importances_mean=importances.mean(axis=2),
        importances_std=importances.std(axis=2),
        score=score,
        edges=edges,
    )


@refused_as("X", X_FORMATS)
def _ragged(estimator, X):
    """X as `Sequences`, and a function that makes an X for the estimator of other values; the estimator checks the values."""
    X, padding = array_or_list(X), getattr(estimator, "padding", None)
    if is_tabular(X):
        n_channels = getattr(estimator, "n_channels", None)
        table = _numbers(X)
        if n_channels is None or table.shape[1] % n_channels:
            raise ValueError(
                f"The rows of a 2-D X are flattened sequences, which {type(estimator).__name__} with n_channels={n_channels} does"
                " not divide into steps. Pass X as a 3-D array (n_sequences, n_steps, n_channels)."
            )
        steps = Steps.from_table(table, n_channels)
        # Not as a table, whose column names are lost.
        X = Sequences(steps.values, steps.offsets) if padding is None else table.reshape(len(table), -1, n_channels)
    if padding is not None and len(getattr(X, "shape", ())) == 3:
        X = Sequences(*without_padding(np.asarray(X), padding))
    if isinstance(X, Sequences):
        X = snapshot(X)
        return X, X.with_values
    steps = Steps.from_sequences(X)
    sequences = Sequences(np.asarray(steps.values), steps.offsets, channel_names=steps.names)
    return sequences, steps.restore_format if steps.names is None else sequences.with_values


def _numbers(X):
    """A table as an array of numbers."""
    try:
        table = np.asarray(X)
        return table if table.dtype.kind in "fiub" else as_floats(table)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"X is a table but no array of numbers, so that its steps cannot be permuted: {error}. Encode categories as"
            " integers, and pass X as a 3-D array or as sklstm.Sequences."
        ) from error


def _read_edges(steps, lengths, align):
    """Steps at which blocks begin and end; negative where they are counted from the end."""
    longest = int(lengths.max(initial=0))
    if isinstance(steps, Integral):
        edges = np.append(np.arange(0, longest, steps), longest)
        return edges if align == "start" else -edges[::-1]
    edges = array_of("steps", steps, "Pass an int, or ascending ints.")
    low, high = (0, longest) if align == "start" else (-longest, 0)
    ascending = edges.ndim == 1 and len(edges) > 1 and edges.dtype.kind in "iu" and (np.diff(edges) > 0).all()
    if not ascending or edges[0] < low or edges[-1] > high:
        raise ValueError(
            f"steps must be an int, or ascending ints from {low} to {high}, where blocks begin and end, got {edges.tolist()}."
        )
    return edges.astype(np.intp)


def _read_channels(channels, n_channels):
    """Lists of channels that are permuted together."""
    if channels is None:
        return [[channel] for channel in range(n_channels)]
    expected = f"channels must be a list of ints from 0 to {n_channels - 1}, or of lists of such"
    groups = [list(np.atleast_1d(array_of("channels", group))) for group in list_of("channels", channels, f"{expected}.")]
    if not groups or not all(group and all(_is_channel(channel, n_channels) for channel in group) for group in groups):
        raise ValueError(f"{expected}, got {reprlib.repr(channels)}.")
    return groups


def _is_channel(channel, n_channels):
    return isinstance(channel, Integral) and 0 <= channel < n_channels


def _exchanged_rows(sequences, permutation, steps):
    """Rows of the values at some steps, and the rows whose values they take, of the predecessor in the permutation."""
    to, source = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
    for step in steps:
        long_enough = permutation[(step if step >= 0 else -step - 1) < sequences.lengths[permutation]]
        rows = (sequences.offsets[:-1] if step >= 0 else sequences.offsets[1:])[long_enough] + step
        if len(rows) > 1:
            to.append(rows)
            source.append(np.roll(rows, 1))
    return np.concatenate(to), np.concatenate(source)
