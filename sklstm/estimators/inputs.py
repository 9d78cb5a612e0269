"""Reading X for an estimator, without touching the estimator before everything is read."""

from functools import partial

from sklearn.utils.validation import validate_data

from ..sequences import as_sequences
from ..sequences.agreement import (
    channel_names,
    refuse_single_sequence,
    warn_of_rows_that_are_steps,
    warn_of_single_steps,
    warn_of_steps_as_sequences,
)
from ..sequences.categories import categorical_channels, encode, refuse_unnamed_categories
from ..sequences.errors import channels_first_hint
from ..sequences.flattened import (
    check_columns,
    from_rows,
    is_tabular,
    names_of_columns,
    numeric_table,
    read_frame,
    refuse_other_categories,
)
from ..sequences.order import channels_of_names, names_are_levels, refuse_other_order
from ..sequences.refusals import refused_as
from ..sequences.texts import holds_texts, read_texts
from ..sequences.validation import X_FORMATS, array_or_list, refuse_lists_of_rows, refuse_times_and_records
from .copies import shallow_copy
from .static import read_static_features
from .times import n_channels_of, read_times, time_channel


@refused_as("X", X_FORMATS)
def read_X(estimator, X, *, reset):
    """Any accepted X as `Sequences`, and the attributes that describe its format.

    Parameters
    ----------
    estimator : BaseRecurrent
        Gives its parameters, the fitted attributes that X is compared with and its name for messages. Not changed.
    X : any accepted format
    reset : bool
        Whether X defines what later X must look like.

    Returns
    -------
    sequences : Sequences
    format : dict
        ``n_features_in_``; ``feature_names_in_`` for a DataFrame or channels with names; ``_flat``: whether X was 2-D;
        ``categories_``: values of the categorical channels; ``_categorical``: those channels; and of `read_times` and of
        `read_static_features`.
    """
    sequences, format = read_channels(estimator, X, reset=reset)
    sequences, of_times = read_times(estimator, sequences, format.pop("_time_channel"), reset)
    sequences, of_static = read_static_features(estimator, sequences, reset)
    return sequences, format | of_times | of_static


def read_channels(estimator, X, *, reset):
    """`read_X` as far as the channels go, with ``_time_channel``: the one that holds times, or None."""
    X = array_or_list(X)
    refuse_times_and_records(X)
    sequences, format = (_read_rows if is_tabular(X) else _read_sequences)(estimator, X, reset)
    if not reset:
        _check_channels(estimator, X, sequences, format["_flat"])
    refuse_unnamed_categories(sequences, format["_categorical"])
    known = None if reset else estimator.categories_
    sequences, format["categories_"] = encode(sequences, format["_categorical"], known)
    return sequences, format


def _allows_missing(estimator, reset):
    """Whether numeric channels may have missing values: in `fit` by the parameter, and then as in fit."""
    return (estimator.missing if reset else estimator._network_spec["missing"]) != "error"


def _read_rows(estimator, X, reset):
    """A 2-D X, and the attributes that describe it."""
    if reset:
        warn_of_rows_that_are_steps(X)
    n_channels, names, allows_missing = estimator.n_channels, names_of_columns(X), _allows_missing(estimator, reset)
    channels = _categorical_channels(estimator, reset, n_channels, names)
    if names is not None:
        refuse_other_categories(X, names, channels, n_channels)
        if reset or not estimator._flat or names_are_levels(X):
            refuse_other_order(X, names, n_channels)
    stand_in = shallow_copy(estimator)  # takes what validate_data writes
    if channels and (names is not None or (holds_texts(X) and X.size)):
        check_columns(X.shape[1], n_channels)
        if reset or estimator._flat:
            validate_data(stand_in, X, reset=reset, skip_check_array=True)
        if names is None:
            sequences = read_texts(X.reshape(len(X), -1, n_channels), estimator.padding, lambda *_: channels, allows_missing)
        else:
            sequences = read_frame(X, channels, n_channels, estimator.padding, allows_missing)
    else:
        table = numeric_table(stand_in, X, n_channels, reset if reset or estimator._flat else None)
        sequences = from_rows(table, _channels_of(estimator, table, reset), estimator.padding, allows_missing)
    format = {"_flat": True, "n_features_in_": X.shape[1], "_categorical": channels}
    of_channels = None if names is None else channels_of_names(names, n_channels)
    format["_time_channel"] = _time_channel(estimator, reset, n_channels, of_channels, channels)
    if reset and names is not None and hasattr(stand_in, "feature_names_in_"):
        format["feature_names_in_"] = stand_in.feature_names_in_
    return sequences, format


def _read_sequences(estimator, X, reset):
    """An X that is not 2-D, and the attributes that describe it."""
    chosen = estimator.categorical_features if reset else estimator._categorical
    allows_missing = _allows_missing(estimator, reset)
    if chosen is not None and len(chosen) and holds_texts(X):
        sequences = read_texts(X, estimator.padding, partial(_categorical_channels, estimator, reset), allows_missing)
    else:
        sequences = as_sequences(X, estimator.padding, allows_missing)
    refuse_lists_of_rows(X, estimator.n_channels)
    names = channel_names(estimator, sequences.channel_names, reset)
    if reset:
        warn_of_single_steps(sequences)
    else:
        warn_of_steps_as_sequences(estimator, X, sequences)
    channels = _categorical_channels(estimator, reset, sequences.n_channels, sequences.channel_names)
    format = {"_flat": False, "n_features_in_": sequences.n_channels, "_categorical": channels}
    format["_time_channel"] = _time_channel(estimator, reset, sequences.n_channels, sequences.channel_names, channels)
    if reset and names is not None:
        format["feature_names_in_"] = names
    return sequences, format


def _categorical_channels(estimator, reset, n_channels, names):
    """The categorical channels: those that `categorical_features` names, or those of fit."""
    return categorical_channels(estimator.categorical_features, n_channels, names) if reset else estimator._categorical


def _time_channel(estimator, reset, n_channels, names, categorical):
    """The channel that holds times, by `time_feature`, or that of fit; None if there is none."""
    if not reset:
        return vars(estimator).get("_time_channel")
    return time_channel(estimator.time_feature, n_channels, names, categorical)


def _channels_of(estimator, table, reset):
    """Channels per step of a 2-D X.

    To a model of sequences, one row of as many columns as it has channels is a sequence of one step however it is read: as a
    flattened sequence, or as steps. Tools ask for predictions of ``np.zeros((1, n_features_in_))`` to learn whether a model is
    fitted, and of what type its predictions are.
    """
    if not reset and not estimator._flat and table.shape == (1, estimator.n_features_in_):
        return estimator.n_features_in_
    return estimator.n_channels


def _check_channels(estimator, X, sequences, flat):
    """Raise a ValueError where the channels are not those of fit, or a 2-D X seems to be a single sequence."""
    expected = n_channels_of(estimator)
    if sequences.n_channels != expected:
        advice = (
            f"; a 2-D X is read as one flattened sequence per row, with n_channels={estimator.n_channels}. Set"
            " n_channels, or pass X as in fit; pass a single sequence x as [x]."
        )
        raise ValueError(
            f"X has {sequences.n_channels} channels per step, but {type(estimator).__name__} is expecting {expected} channels as"
            " input, as in fit. Pass the same channels in the same order"
            + (advice if flat else "." + _channels_first_hint(estimator, sequences))
        )
    if flat:
        refuse_single_sequence(estimator, X.shape, sequences.n_channels)


def _channels_first_hint(estimator, sequences):
    """What to say where sequences have as many steps as there were channels in fit, or all as many as all of fit."""
    lengths, seen = set(sequences.lengths.tolist()), vars(estimator).get("_n_steps")
    if lengths == {n_channels_of(estimator)}:
        return channels_first_hint(lengths, "X.transpose(0, 2, 1) or [x.T for x in X]")
    if seen is not None and lengths == set(seen) and len(lengths) == 1 and seen[0] < sequences.n_channels:
        return (
            f" All sequences have {seen[0]} step{'s' * (seen[0] > 1)}, as in fit: if that is the number of channels, transpose"
            " them in fit and here: X.transpose(0, 2, 1) or [x.T for x in X]."
        )
    return ""
