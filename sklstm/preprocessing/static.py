"""`with_static`: sequences in any form, with static features."""

import numpy as np

from ..sequences import Sequences
from ..sequences.flattened import check_columns, is_tabular, names_of_columns
from ..sequences.order import channels_of_names, refuse_other_order
from ..sequences.padding import check_padding
from ..sequences.refusals import refused_as
from ..sequences.steps import Steps
from ..sequences.unsupported import foreign
from ..sequences.validation import X_FORMATS, array_or_list, check_not_empty, from_dense, holds_arrays, refuse_lists_of_rows


def with_static(X, table, *, n_channels=1, padding=None):
    """Attach static features to sequences in any accepted form.

    Parameters
    ----------
    X : array-like of shape (n_sequences, n_steps, n_channels), list of arrays (n_steps, n_channels), Sequences, column of \
lists, or 2-D array-like of numbers of shape (n_sequences, n_steps * n_channels)
        The sequences.
    table : 2-D array-like, DataFrame, dict of columns or list of rows
        One row for each sequence. Columns of texts, categories or booleans are categorical.
    n_channels : int, default=1
        Channels of a 2-D X, whose rows are flattened sequences.
    padding : float, default=None
        Value of padding in a 2-D or 3-D X. Steps at either end of a sequence whose channels all have it are left out, as by the
        parameter `padding` of the estimators, which does not apply to what is returned. None keeps all steps.

    Returns
    -------
    Sequences
        The sequences with `static`, which splitters and estimators cut and read together.

    Raises
    ------
    ValueError
        If X has no accepted form, or the table has another number of rows or columns of neither numbers nor categories.

    See Also
    --------
    sklstm.Sequences.with_static : The same as a method.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.preprocessing import with_static
    >>> rng = np.random.default_rng(0)
    >>> steps, age, site = rng.normal(size=(60, 5, 2)), rng.normal(60, 10, size=60), rng.choice(["north", "south"], size=60)
    >>> X = with_static(steps, {"age": age, "site": site})
    >>> X
    Sequences(60 sequences of 5 steps, 2 channels, 2 static features, float64)
    >>> model = LSTMClassifier(8, max_iter=5, random_state=0).fit(X, site == "north")
    >>> model.predict(X[:3]).shape
    (3,)
    """
    with refused_as("X", X_FORMATS):
        X = _sequences(array_or_list(X), n_channels, padding)
    return X.with_static(table)


def _sequences(X, n_channels, padding):
    """X, as `array_or_list` returns it, as `Sequences`."""
    if padding is not None:
        check_padding(padding)
    if isinstance(X, Sequences):
        return X
    refuse_lists_of_rows(X, n_channels)
    if isinstance(X, (list, tuple)):
        return Sequences.from_list(X)
    if holds_arrays(X):
        steps = Steps.from_sequences(X)
        return Sequences(steps.values, steps.offsets, channel_names=steps.names)
    names = None
    if is_tabular(X):
        X, names = _flattened(X, n_channels)
    sequences = from_dense(np.asarray(X, order="C"), padding)
    check_not_empty(sequences.lengths, sequences.n_channels)
    sequences.channel_names = names
    return sequences


def _flattened(X, n_channels):
    """A 2-D X as an array of three dimensions, and the names of channels that those of its columns tell; None for none."""
    known = foreign(X)
    if known is not None:
        raise ValueError(f"X must be an array, but {known.advice('X')}")
    names, rows = names_of_columns(X), np.asarray(X)
    check_columns(rows.shape[1], n_channels)
    if names is not None:
        refuse_other_order(X, names, n_channels)
        names = channels_of_names(names, n_channels)
    return rows.reshape(len(rows), rows.shape[1] // n_channels, n_channels), names
