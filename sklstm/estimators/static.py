"""Static features of X, read as the network takes them, and compared with those of fit."""

from collections.abc import Mapping
from warnings import warn

import numpy as np

from ..sequences import Sequences
from ..sequences.categories import forget_unseen, rows_of_codes
from ..sequences.channels import codes_of
from ..sequences.errors import name_of
from ..sequences.static import StaticTable, check_static, read_static, static_in_dtype
from .embedding import embedding_widths

LOSES = 0.01  # of the standard deviation: rounding by more is worth a warning
ATTACH = "sklstm.preprocessing.with_static(X, table)"


def read_static_features(estimator, sequences, reset):
    """The sequences with static features as numbers, categories as rows of their vectors, and the attributes that describe them.

    Parameters
    ----------
    estimator : BaseRecurrent
        Gives the fitted attributes that the features are compared with.
    sequences : Sequences
    reset : bool
        Whether they define what later ones must look like.

    Returns
    -------
    sequences : Sequences
    form : dict
        Empty without static features; else ``static_categories_``: values of the categorical ones; ``_static_categorical``: the
        numbers of those; ``static_names_in_`` where they have names.
    """
    static = sequences._static
    if not reset:
        static = _as_in_fit(estimator, static)
    if static is None:
        return sequences, {}
    check_static(static)
    columns = tuple(sorted(static.categories))
    values, vocabularies = static.values.astype(np.float64), []
    for k, column in enumerate(columns):
        known = None if reset else estimator.static_categories_[k]
        what = f"Static feature {column}{name_of(column, static.names)}"
        codes, categories = static.values[:, column], static.categories[column]
        values[:, column], vocabulary = rows_of_codes(codes, categories, known, what)
        vocabularies.append(vocabulary)
    form = {"static_categories_": vocabularies, "_static_categorical": columns}
    if reset and static.names is not None and all(isinstance(name, str) for name in static.names):
        form["static_names_in_"] = np.array(static.names, dtype=object)
    read, dtype = StaticTable(values, static.names, {}), sequences.values.dtype
    if reset:
        _warn_of_lost_digits(read, dtype)
    return static_in_dtype(sequences.with_static(read), dtype), form


def _warn_of_lost_digits(static, dtype):
    """Warn where numbers vary by so little that few of their digits, or none, are left in the dtype of X."""
    if dtype == static.values.dtype:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        rounding = np.abs(static.values.astype(dtype) - static.values).max(axis=0)
        varies = static.values.min(axis=0) < static.values.max(axis=0)
        lost = np.flatnonzero(varies & (rounding > LOSES * static.values.std(axis=0)))
    if len(lost):
        warn(
            f"Static feature {lost[0]}{name_of(lost[0], static.names)} varies by little compared with its size, and X is {dtype}:"
            f" rounded to that, it changes by up to {rounding[lost[0]]:.3g}, and its standard deviation is"
            f" {static.values[:, lost[0]].std():.3g}. Subtract a constant from it, such as its mean, or pass X in float64.",
            UserWarning,
            stacklevel=2,
        )


def _as_in_fit(estimator, static):
    """The static features of the kinds that they had in fit; raises unless there are as many, of the same names and kinds."""
    _check_agreement(estimator, static)
    if static is None:
        return None
    known = dict(zip(estimator._static_categorical, estimator.static_categories_, strict=True))
    static = _categories_of_numbers(static, known)
    for column in range(static.values.shape[1]):
        kinds = ["categories" if column in categories else "numbers" for categories in (known, static.categories)]
        if kinds[0] != kinds[1]:
            raise ValueError(
                f"Static feature {column}{name_of(column, static.names)} held {kinds[0]} in fit, but holds {kinds[1]}. Pass the"
                " same kind: texts, booleans and categorical types are categories, everything else is numbers."
            )
    return static


def _categories_of_numbers(static, known):
    """Static features, in which numbers are categories where those of fit, `known` by column, were numbers, and nothing but
    missing values is missing categories."""
    values, categories = static.values.astype(np.float64), static.categories.copy()
    for column, vocabulary in known.items():
        missing = np.isnan(values[:, column])
        if column not in categories and (missing.all() or vocabulary.dtype.kind == "f"):
            codes, categories[column] = codes_of(values[:, column], missing)
            values[:, column] = np.where(missing, np.nan, codes)
    return StaticTable(values, static.names, categories)


def _check_agreement(estimator, static):
    """Raise a ValueError unless there are as many static features as in fit, of the same names."""
    name, expected = type(estimator).__name__, estimator._network_spec.get("static_size", 0)
    got = 0 if static is None else static.values.shape[1]
    if got and not expected:
        raise ValueError(
            f"X has {got} static features, but {name} was fitted without any. Pass X.with_static(None), or fit with them."
        )
    if expected and not got:
        raise ValueError(f"X has no static features, but {name} is expecting {expected}, as in fit. Attach them: {ATTACH}.")
    if got != expected:
        raise ValueError(f"X has {got} static features, but {name} is expecting {expected}, as in fit. Pass the same table.")
    fitted = vars(estimator).get("static_names_in_")
    if got and fitted is not None and static.names is not None and list(fitted) != list(static.names):
        raise ValueError(
            f"The names of static features should match those that were passed during fit, in the same order: X has"
            f" {static.names}, {name} is expecting {list(fitted)}. Choose them in this order, such as table[{list(fitted)}]."
        )


def static_spec(estimator, sequences, form):
    """What the spec of a network says of static features; nothing where there are none."""
    if sequences.static is None:
        return {}
    given = estimator.embedding_dim
    widths = embedding_widths(given if np.ndim(given) == 0 else "auto", form["static_categories_"])
    tables = zip(form["_static_categorical"], form["static_categories_"], widths, strict=True)
    return {
        "static_size": sequences.static.shape[1],
        "static_categories": [[column, len(values) + 1, width] for column, values, width in tables],
    }


def seen_static_only(sequences, form, rows):
    """The sequences and their form, in which categories of static features that only others than `rows` have are unknown."""
    if sequences.static is None:
        return sequences, form
    values, columns = sequences.static.copy(), form["_static_categorical"]
    seen = forget_unseen(values, values[rows], columns, form["static_categories_"])
    static = StaticTable(values, sequences.static_names, {})
    return sequences.with_static(static), form | {"static_categories_": seen}


def static_vectors(model, network, params, table):
    """What a network makes of the static features of some streams: vectors (n, width), of one row or a table of them.

    Parameters
    ----------
    model : BaseRecurrent
    network : Network
    params : dict of str to dict of str to ndarray
    table : one row (list, 1-D array, Series or dict), or anything that `Sequences` take as `static`
    """
    if table is None and network.static is not None:
        raise ValueError(
            f"A stream needs the {network.static_size} static features that {type(model).__name__} was fitted with. Pass one row"
            " of them, or a table with one for each stream: stream(static=...)."
        )
    coded = vars(model).get("_static_categorical", ())
    static = None if table is None else read_static(_as_table(table), None, coded=coded)
    n = 1 if static is None else len(static)
    rows = Sequences(np.zeros((n, 1)), np.arange(n + 1), static=static)
    if n == 0:
        raise ValueError("static has no row. Pass one row, or one for each stream.")
    read = static_in_dtype(read_static_features(model, rows, reset=False)[0], model._theta.dtype)
    return None if network.static is None else network.static.vectors(params["static"], read.static)


def _as_table(row):
    """One row as a table of one; a table as it is."""
    if hasattr(row, "to_frame") and hasattr(row, "index"):  # a Series of pandas
        row = dict(zip(row.index.tolist(), row.tolist(), strict=True))
    if isinstance(row, Mapping):
        return {name: [value] if np.ndim(value) == 0 else value for name, value in row.items()}
    if isinstance(row, (list, tuple)):
        return [list(row)] if all(np.ndim(value) == 0 for value in row) else row
    return row[np.newaxis] if np.ndim(row) == 1 and isinstance(row, np.ndarray) else row
