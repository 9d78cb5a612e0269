"""Reading X and sample_weight for an estimator, without touching the estimator before everything is read."""

import numpy as np
from sklearn.utils.validation import _check_sample_weight, _num_samples, check_array, validate_data

from ..sequences import as_sequences
from ..sequences.faults import channels_first_hint, name_of, raise_if_not_finite
from ..sequences.validation import FORMS, array_or_list, check_columns, from_rows, is_tabular, locate_non_number
from .categories import categorical_channels, encode, encode_columns

LONG = "If X is a table with one row per step, pass Sequences.from_long(X, id=..., time=...)."
DTYPES = [np.float64, np.float32]  # anything else is converted to the first


def stand_in_for(estimator):
    """A shallow copy that may be written to, so that a fit which fails leaves nothing behind on the estimator."""
    stand_in = object.__new__(type(estimator))
    stand_in.__dict__ = vars(estimator).copy()
    return stand_in


def at_this_moment(estimator):
    """The estimator as it is now, whatever another thread fits meanwhile; not to be written to. A fit puts new attributes in the
    place of the old ones, which stay as they are for whoever has them."""
    moment = object.__new__(type(estimator))
    moment.__dict__ = estimator.__dict__
    return moment


def read_X(estimator, X, *, reset):
    """Any accepted X as `Sequences`, and the attributes that describe its form.

    Parameters
    ----------
    estimator : BaseRecurrent
        Gives its parameters, the fitted attributes that X is held against and its name for messages. Not changed.
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
        raise ValueError(f"X must hold numbers, got {X.dtype}. Convert times to numbers first, and records to columns.")
    if is_tabular(X, lists_are_ragged=not reset and not estimator._flat):
        if len(getattr(X, "shape", (0, 0))) == 1:
            raise ValueError(
                f"Expected 2D array, got 1D array instead: X has shape {X.shape}. {FORMS} Reshape your data: one univariate"
                " sequence is X.reshape(1, -1)."
            )
        table = _read_table(estimator, X, form, reset)
        sequences = from_rows(table, _channels_of(estimator, table, reset))
    else:
        sequences = as_sequences(X)
        form.update(_flat=False, n_features_in_=sequences.n_channels)
        names = channel_names(estimator, sequences.channel_names, reset)
        if reset and names is not None:
            form["feature_names_in_"] = names
    if not reset and sequences.n_channels != estimator._network_spec["input_size"]:
        raise ValueError(
            f"X has {sequences.n_channels} channels per step, but {type(estimator).__name__} is expecting"
            f" {estimator._network_spec['input_size']} channels as input, as in fit. Pass the same channels in the same order"
            + (
                f"; a 2-D X is read as one flattened sequence per row, with n_channels={estimator.n_channels}: pass a single"
                " sequence x as [x]."
                if form.get("_flat")
                else "." + _channels_first_hint(sequences, estimator._network_spec["input_size"])
            )
        )
    if "categories_" not in form:
        chosen, names = estimator.categorical_features, sequences.channel_names
        form["_categorical"] = categorical_channels(chosen, sequences.n_channels, names) if reset else estimator._categorical
        _refuse_unnamed_categories(sequences, form["_categorical"])
        sequences, form["categories_"] = encode(sequences, form["_categorical"], known)
    return sequences, form


def _channels_first_hint(sequences, n_channels):
    """What to say where every sequence has as many steps as there were channels in fit."""
    lengths = set(sequences.lengths.tolist())
    return channels_first_hint(lengths, "X.transpose(0, 2, 1) or [x.T for x in X]") if lengths == {n_channels} else ""


def channel_names(estimator, names, reset):
    """Names of the channels as scikit-learn has those of features, None if they are not all texts; raises if fit's are others.

    Parameters
    ----------
    estimator : estimator with the attributes of `read_X`
    names : list or None
    reset : bool
        Whether there is no fit to hold them against.
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
    """A 2-D X by scikit-learn's own validation, finiteness apart: that error is to name the step."""
    names = _column_names(X)
    if names is not None and len(names) == 0:
        raise ValueError("Found array with 0 feature(s): X is a DataFrame without columns, at least one is needed.")
    if names:
        n_channels = estimator.n_channels
        chosen = estimator.categorical_features
        channels = categorical_channels(chosen, n_channels, names) if reset else estimator._categorical
        _refuse_other_categories(X, names, channels, n_channels)
        if channels:
            check_columns(len(names), n_channels)
            if not reset and n_channels != estimator._network_spec["input_size"]:
                raise ValueError(
                    f"X is read with n_channels={n_channels} channels per step, but {type(estimator).__name__} is expecting"
                    f" {estimator._network_spec['input_size']} channels as input, as in fit. Set n_channels, or pass X as in fit."
                )
            return _read_columns(estimator, X, channels, form, reset)
    stand_in = stand_in_for(estimator)  # takes what validate_data writes
    try:
        if reset or estimator._flat:
            table = validate_data(stand_in, X, reset=reset, dtype=DTYPES, order="C", ensure_all_finite=False)
        else:
            table = check_array(X, dtype=DTYPES, order="C", ensure_all_finite=False, estimator=estimator, input_name="X")
    except (TypeError, ValueError, OverflowError) as error:
        where = locate_non_number(X, estimator.n_channels)
        if where is None:
            raise
        # scikit-learn tells a cell that is no string (TypeError) from a string that is no number (ValueError).
        hint = f" {LONG}" if names else ""
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{where} ({error}){hint}") from error
    form.update(_flat=True, n_features_in_=table.shape[1])
    if reset and hasattr(X, "columns") and hasattr(stand_in, "feature_names_in_"):
        form["feature_names_in_"] = stand_in.feature_names_in_
    return table


def _read_columns(estimator, X, channels, form, reset):
    """A DataFrame with categorical channels: names and their number by scikit-learn, the values column by column."""
    stand_in = stand_in_for(estimator)
    if reset or estimator._flat:
        validate_data(stand_in, X, reset=reset, skip_check_array=True)
    columns = {name: np.asarray(X[name]) for name in X.columns}
    known = None if reset else estimator.categories_
    own = {name for name in columns if _category_kind(X[name])}
    table, vocabularies = encode_columns(columns, own, channels, estimator.n_channels, known)
    form.update(_flat=True, n_features_in_=table.shape[1], categories_=vocabularies, _categorical=channels)
    if reset and hasattr(stand_in, "feature_names_in_"):
        form["feature_names_in_"] = stand_in.feature_names_in_
    return check_array(table, dtype=DTYPES, order="C", ensure_all_finite=False, estimator=estimator, input_name="X")


def _column_names(X):
    """Names of the columns of a DataFrame, as texts; None for what is none."""
    columns = getattr(X, "columns", None)
    return None if columns is None or not hasattr(X, "__getitem__") else [str(name) for name in columns]


def _category_kind(column):
    """Name of the type of a column that is categories by its type; empty for others."""
    kind = str(getattr(column, "dtype", "")).lower()
    return kind if kind.startswith(("category", "categorical", "enum")) else ""


def _refuse_other_categories(X, names, channels, n_channels):
    """Raise if a column of categories belongs to a channel that is read as numbers."""
    for j, (name, column) in enumerate(zip(names, X.columns, strict=True)):
        kind = _category_kind(X[column])
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


def check_one_per_sequence(name, values, n_sequences, entries=PER_SEQUENCE, most_dimensions=2):
    """Raise unless `values` has one entry for each sequence of X; `entries` says what else is expected of them."""
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


def read_sample_weight(sample_weight, n_samples):
    """Weights as a float64 array (n_samples,), ones for None.

    Raises
    ------
    ValueError
        If their number is another, one is negative, NaN or infinite, or all are zero.
    """
    weights = _check_sample_weight(sample_weight, np.empty((n_samples, 0)), dtype=np.float64)
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        raise ValueError(
            f"Negative values in sample_weight: sample {negative[0]} has {weights[negative[0]]}. Expected weights of at least 0."
        )
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not np.isfinite(total):
        raise ValueError("The sum of sample_weight is too large: it overflows to infinity. Pass smaller weights.")
    if not weights.any():
        raise ValueError("All values of sample_weight are zero: there is no sample to learn from. At least one must be positive.")
    return weights
