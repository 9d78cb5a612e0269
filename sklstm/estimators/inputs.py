"""Reading X and sample_weight for an estimator, without touching the estimator before everything is read."""

from contextlib import nullcontext
from numbers import Real
from warnings import warn

import numpy as np
from sklearn import config_context, get_config
from sklearn.utils.validation import check_array, validate_data

from ..compat import _num_samples
from ..sequences import Sequences, as_sequences
from ..sequences.alignment import in_order_of
from ..sequences.faults import TIMES_AMONG_NUMBERS, channels_first_hint, holds_no_numbers, name_of, raise_if_not_finite
from ..sequences.foreign import foreign
from ..sequences.items import category_kind, column_names, column_types
from ..sequences.padding import without_padding
from ..sequences.refusals import refused_as
from ..sequences.steps import of_sequences
from ..sequences.validation import (
    FORMS,
    array_or_list,
    check_columns,
    checked,
    from_rows,
    is_tabular,
    locate_non_number,
    refuse_converted,
    refuse_lists_of_rows,
    refuse_one_dimension,
)
from .categories import categorical_channels, encode, encode_columns, fill_padding
from .copies import stand_in_for
from .order import names_are_levels, refuse_other_order
from .targets import ONE_EACH, read_numbers
from .texts import holds_texts, with_categories

LONG = "If X is a table with one row per step, pass Sequences.from_long(X, id=..., time=...)."
DTYPES = [np.float64, np.float32]  # anything else is converted to the first


def numpy_alone():
    """A context in which scikit-learn reads arrays of any library as NumPy's, also where it is told to dispatch to their own."""
    return config_context(array_api_dispatch=False) if get_config()["array_api_dispatch"] else nullcontext()


@refused_as("X", FORMS)
def read_X(estimator, X, *, reset):
    """Any accepted X as `Sequences`, and the attributes that describe its form.

    Parameters
    ----------
    estimator : BaseRecurrent
        Gives its parameters, the fitted attributes that X is compared with and its name for messages. Not changed.
    X : any accepted form
    reset : bool
        Whether X defines what later X must look like.

    Returns
    -------
    sequences : Sequences
    form : dict
        ``n_features_in_``; ``feature_names_in_`` for a DataFrame or channels with names; ``_flat``: whether X was 2-D;
        ``categories_``: values of the categorical channels; ``_categorical``: those channels.
    """
    form = {}
    known = None if reset else estimator.categories_
    X = array_or_list(X)
    if isinstance(X, np.ndarray) and X.dtype.kind in "mMV":
        advice = "Convert records to columns first." if X.dtype.kind == "V" else TIMES_AMONG_NUMBERS
        raise ValueError(f"X must hold numbers, got {X.dtype}. {advice}")
    if is_tabular(X):
        refuse_one_dimension(X)
        if reset:
            _warn_of_rows_that_are_steps(X)
        if _is_of_texts(estimator, X, reset):
            sequences = _read_texts(estimator, X, form, reset)
        else:
            table, padding = _read_table(estimator, X, form, reset)
            sequences = from_rows(table, _channels_of(estimator, table, reset), padding)
    else:
        sequences = _read_sequences(estimator, X, reset)
        refuse_lists_of_rows(X, estimator.n_channels)
        form.update(_flat=False, n_features_in_=sequences.n_channels)
        names = channel_names(estimator, sequences.channel_names, reset)
        if reset:
            _warn_of_single_steps(sequences)
            if names is not None:
                form["feature_names_in_"] = names
        else:
            _warn_of_steps_as_sequences(estimator, X, sequences)
    if not reset and sequences.n_channels != estimator._network_spec["input_size"]:
        raise ValueError(
            f"X has {sequences.n_channels} channels per step, but {type(estimator).__name__} is expecting"
            f" {estimator._network_spec['input_size']} channels as input, as in fit. Pass the same channels in the same order"
            + (
                f"; a 2-D X is read as one flattened sequence per row, with n_channels={estimator.n_channels}: pass a single"
                " sequence x as [x]."
                if form.get("_flat")
                else "." + _channels_first_hint(estimator, sequences)
            )
        )
    if not reset and form["_flat"]:
        refuse_single_sequence(estimator, X.shape, sequences.n_channels)
    if "categories_" not in form:
        chosen, names = estimator.categorical_features, sequences.channel_names
        form["_categorical"] = categorical_channels(chosen, sequences.n_channels, names) if reset else estimator._categorical
        _refuse_unnamed_categories(sequences, form["_categorical"])
        sequences, form["categories_"] = encode(sequences, form["_categorical"], known)
    return sequences, form


def _read_sequences(estimator, X, reset):
    """An X that is not 2-D; channels that are to be categories may hold texts."""
    chosen = estimator.categorical_features if reset else estimator._categorical
    if chosen is None or len(chosen) == 0 or not holds_texts(X):
        return as_sequences(X, estimator.padding)
    if estimator.padding is not None and hasattr(X, "shape") and len(X.shape) == 3:
        X = Sequences(*without_padding(np.asarray(X), estimator.padding))
    steps = of_sequences(X)
    channels = categorical_channels(chosen, steps.n_channels, steps.names) if reset else chosen
    return checked(with_categories(steps, channels))


def _is_of_texts(estimator, X, reset):
    """Whether a 2-D array has texts, and channels that are to be categories."""
    chosen = estimator.categorical_features if reset else estimator._categorical
    return isinstance(X, np.ndarray) and X.ndim == 2 and X.size > 0 and chosen is not None and len(chosen) > 0 and holds_texts(X)


def _read_texts(estimator, X, form, reset):
    """A 2-D array with texts in channels that are categories, as the 3-D array that it stands for."""
    if reset or estimator._flat:
        validate_data(stand_in_for(estimator), X, reset=reset, skip_check_array=True)
    check_columns(X.shape[1], estimator.n_channels)
    form.update(_flat=True, n_features_in_=X.shape[1])
    return _read_sequences(estimator, X.reshape(len(X), -1, estimator.n_channels), reset)


# ---- one sequence, and one step ----


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


def _warn_of_single_steps(sequences):
    """Warn where nothing recurs, but there may be steps among the channels."""
    if sequences.n_channels > 1 and sequences.lengths.max() == 1:
        warn(
            f"Every sequence of X has one step, of {sequences.n_channels} channels: there is nothing to recur. If X has the shape"
            " (n_sequences, n_channels, n_steps), as in aeon and sktime, pass X.transpose(0, 2, 1), or [x.T for x in X] of a"
            " list. If these are tables of features, any other estimator will do.",
            UserWarning,
            stacklevel=2,
        )


def _warn_of_steps_as_sequences(estimator, X, sequences):
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


def _warn_of_rows_that_are_steps(X):
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


def _channels_first_hint(estimator, sequences):
    """What to say where sequences have as many steps as there were channels in fit, or all as many as all of fit."""
    lengths, seen = set(sequences.lengths.tolist()), vars(estimator).get("_n_steps")
    if lengths == {estimator._network_spec["input_size"]}:
        return channels_first_hint(lengths, "X.transpose(0, 2, 1) or [x.T for x in X]")
    if seen is not None and lengths == set(seen) and len(lengths) == 1 and seen[0] < sequences.n_channels:
        return (
            f" All sequences have {seen[0]} step{'s' * (seen[0] > 1)}, as in fit: if that is the number of channels, transpose"
            " them in fit and here: X.transpose(0, 2, 1) or [x.T for x in X]."
        )
    return ""


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


def _refuse_unnamed_categories(sequences, channels):
    """Raise if a channel whose values are codes of categories is read as numbers."""
    for channel, categories in sequences.categories.items():
        if channel not in channels:
            name = name_of(channel, sequences.channel_names)
            raise ValueError(
                f"Channel {channel}{name} of X holds categories, such as {_first_literal(categories)}, but is read as numbers."
                " Name it in categorical_features, or leave it out."
            )


def _first_literal(values):
    return repr(values[:1].tolist()[0]) if len(values) else "none"


def _channels_of(estimator, table, reset):
    """Channels per step of a 2-D X.

    To a model of sequences, one row of as many columns as it has channels is a sequence of one step however it is read: as a
    flattened sequence, or as steps. Tools ask for predictions of ``np.zeros((1, n_features_in_))`` to learn whether a model is
    fitted, and of what type its predictions are.
    """
    if not reset and not estimator._flat and table.shape == (1, estimator.n_features_in_):
        return estimator.n_features_in_
    return estimator.n_channels


def _read_table(estimator, X, form, reset):
    """A 2-D X by scikit-learn's own validation, finiteness apart: that error is to name the step; and what is padding in it."""
    names = _column_names(X)
    if names is not None and len(names) == 0:
        raise ValueError("Found array with 0 feature(s): X is a DataFrame without columns, at least one is needed.")
    if names:
        n_channels = estimator.n_channels
        chosen = estimator.categorical_features
        channels = categorical_channels(chosen, n_channels, names) if reset else estimator._categorical
        _refuse_other_categories(X, names, channels, n_channels)
        if reset or not estimator._flat or names_are_levels(X):
            refuse_other_order(X, names, n_channels)
        if channels:
            check_columns(X.shape[1], n_channels)
            if not reset and n_channels != estimator._network_spec["input_size"]:
                raise ValueError(
                    f"X is read with n_channels={n_channels} channels per step, but {type(estimator).__name__} is expecting"
                    f" {estimator._network_spec['input_size']} channels as input, as in fit. Set n_channels, or pass X as in fit."
                )
            return _read_columns(estimator, X, channels, form, reset)
    stand_in = stand_in_for(estimator)  # takes what validate_data writes
    table = numeric_table(stand_in, X, estimator.n_channels, reset if reset or estimator._flat else None)
    form.update(_flat=True, n_features_in_=table.shape[1])
    if reset and hasattr(X, "columns") and hasattr(stand_in, "feature_names_in_"):
        form["feature_names_in_"] = stand_in.feature_names_in_
    return table, estimator.padding


def numeric_table(estimator, X, n_channels, reset=None):
    """A 2-D X by scikit-learn's own validation, finiteness apart; of a value that is no number an error says where it is.

    Parameters
    ----------
    estimator : estimator
        Which gets `n_features_in_` and `feature_names_in_`, or has those that X is compared with, unless `reset` is None.
    X : 2-D
    n_channels : int
    reset : bool or None, default=None
    """
    check = {"dtype": DTYPES, "order": "C", "ensure_all_finite": False}
    try:
        if reset is None:
            table = check_array(X, **check, estimator=estimator, input_name="X")
        else:
            table = validate_data(estimator, X, **check, reset=reset)
    except (TypeError, ValueError, OverflowError) as error:
        where = locate_non_number(X, n_channels)
        if where is None:
            raise
        # scikit-learn tells a cell that is no string (TypeError) from a string that is no number (ValueError).
        hint = f" {LONG}" if hasattr(X, "columns") else ""
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{where} ({error}){hint}") from error
    refuse_converted(X, n_channels)
    return table


def _read_columns(estimator, X, channels, form, reset):
    """`_read_table` of a DataFrame with categorical channels: names by scikit-learn, the values column by column."""
    stand_in = stand_in_for(estimator)
    if reset or estimator._flat:
        validate_data(stand_in, X, reset=reset, skip_check_array=True)
    columns = {name: np.asarray(X[name]) for name in column_names(X)}
    own = {name for name, dtype in zip(columns, column_types(X), strict=True) if category_kind(dtype)}
    known = None if reset else estimator.categories_
    columns, is_padding = fill_padding(columns, channels, estimator.n_channels, estimator.padding)
    table, vocabularies = encode_columns(columns, own, channels, estimator.n_channels, known)
    if table.dtype == object and holds_no_numbers(table):
        raise ValueError(locate_non_number(table, estimator.n_channels))
    form.update(_flat=True, n_features_in_=table.shape[1], categories_=vocabularies, _categorical=channels)
    if reset and hasattr(stand_in, "feature_names_in_"):
        form["feature_names_in_"] = stand_in.feature_names_in_
    table = check_array(table, dtype=DTYPES, order="C", ensure_all_finite=False, estimator=estimator, input_name="X")
    if is_padding is None:
        return table, None
    return np.where(is_padding, np.nan, table), np.nan  # rows of the embedding may look like padding


def _column_names(X):
    """Names of the columns of a DataFrame, as texts; None for what is none."""
    return [str(name) for name in column_names(X)] if hasattr(X, "columns") and hasattr(X, "__getitem__") else None


def _refuse_other_categories(X, names, channels, n_channels):
    """Raise if a column of categories belongs to a channel that is read as numbers."""
    for j, (name, dtype) in enumerate(zip(names, column_types(X), strict=True)):
        kind = category_kind(dtype)
        if kind and j % n_channels not in channels:
            raise ValueError(
                f"Column {name!r} of X holds categories ({kind}), but its channel {j % n_channels} is read as numbers. Name it in"
                f" categorical_features, or convert the column to numbers. {LONG}"
            )


def in_dtype(sequences, dtype):
    """The sequences in the dtype that a model computes in; raises a ValueError where a value is too large for it."""
    if sequences.values.dtype == dtype:
        return sequences
    with np.errstate(over="ignore"):
        values = sequences.values.astype(dtype)
    infinity = f"a number too large for {dtype}, which the fitted model computes in"
    raise_if_not_finite(sequences.offsets, values, sequences.channel_names, infinity)
    return sequences.with_values(values)


PER_SEQUENCE = "one entry (or one row of outputs) per sequence. For targets of every step set return_sequences=True."


def one_per_sequence(name, values, n_sequences, ids, entries=PER_SEQUENCE, most_dimensions=2):
    """Values with one entry for each sequence of X, in its order; raises where they are not.

    Parameters
    ----------
    name : str
        For messages.
    values : array-like, or what carries ids
    n_sequences : int
    ids : ndarray of shape (n_sequences,) or None
        Of the sequences of X.
    entries : str
        What else is expected of them.
    most_dimensions : int
    """
    values = in_order_of(ids, name, values)
    check_one_per_sequence(name, values, n_sequences, entries, most_dimensions)
    return values


def check_one_per_sequence(name, values, n_sequences, entries=PER_SEQUENCE, most_dimensions=2):
    """Raise unless `values` has one entry for each sequence of X; `entries` says what else is expected of them."""
    known = None if type(values) in (list, np.ndarray) else foreign(values)
    if known is not None and known.family == "lazy":
        raise ValueError(f"{name} must be an array with one entry per sequence, but {known.advice(name)}")
    holds_entries = hasattr(values, "__len__") or hasattr(values, "__array__")
    if not holds_entries or isinstance(values, (str, bytes, dict, set)) or getattr(values, "shape", None) == ():
        raise ValueError(f"{name} must be an array with one entry per sequence, got {values!r}. Pass {n_sequences} entries.")
    if not isinstance(values, (list, tuple)) and len(getattr(values, "shape", (0,))) > most_dimensions:
        dimensions = "1-D or 2-D" if most_dimensions == 2 else f"at most {most_dimensions}-D"
        raise ValueError(f"Found array with dim {len(values.shape)}: {name} must be {dimensions}, {entries}")
    n_entries = _num_samples(values)
    if n_entries != n_sequences:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_sequences} sequences, {name} has"
            f" {n_entries} entries ([{n_sequences}, {n_entries}]). Pass one entry of {name} for each sequence of X."
            + (f" {LONG}" if n_entries < n_sequences else "")
        )


def read_sample_weight(sample_weight, n_samples, places=ONE_EACH):
    """Weights as a float64 array (n_samples,), ones for None.

    Raises
    ------
    ValueError
        If their number is another, one is negative, NaN or infinite, or all are zero.
    """
    if sample_weight is None or (isinstance(sample_weight, Real) and not isinstance(sample_weight, np.timedelta64)):
        sample_weight = np.full(n_samples, 1.0 if sample_weight is None else sample_weight, dtype=np.float64)
    weights = read_numbers("sample_weight", sample_weight, places).astype(np.float64)
    if weights.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar: sample_weight has shape {weights.shape}. Pass one weight for each"
            " sequence or step."
        )
    if len(weights) != n_samples:
        raise ValueError(f"sample_weight has {len(weights)} entries, expected {n_samples}. Pass one for each.")
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        raise ValueError(
            f"Negative values in sample_weight: {places.name(negative[0])} has {weights[negative[0]]}. Expected weights of at"
            " least 0."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError("The sum of sample_weight is too large: it overflows to infinity. Pass smaller weights.")
    if not weights.any():
        raise ValueError("All values of sample_weight are zero: no sample is left. Pass at least one positive weight.")
    return weights
