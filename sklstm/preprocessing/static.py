"""`with_static`: sequences in any form, with static features."""

import numpy as np

from ..sequences import Sequences
from ..sequences.flattened import check_columns, is_tabular
from ..sequences.refusals import refused_as
from ..sequences.steps import Steps
from ..sequences.validation import X_FORMATS, array_or_list


def with_static(X, table, *, n_channels=1):
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
        X = array_or_list(X)
        if isinstance(X, Sequences):
            return X.with_static(table)
        if is_tabular(X):
            rows = np.asarray(X)
            check_columns(rows.shape[1], n_channels)
            X = rows.reshape(len(rows), -1, n_channels)
        if isinstance(X, (list, tuple)):
            return Sequences.from_list(X).with_static(table)
        steps = Steps.from_sequences(X)
        return Sequences(steps.values, steps.offsets, channel_names=steps.names).with_static(table)
