"""How training went, as arrays."""

import numpy as np

from ..estimators.base import BaseNetworkEstimator
from .fitted import fitted_network


def training_curves(estimator):
    """Return the history of a fit, as one array per quantity.

    Parameters
    ----------
    estimator : LSTMClassifier, LSTMRegressor or LSTMSeq2Seq
        Fitted.

    Returns
    -------
    dict of str to ndarray of shape (n_epochs,)
        The columns of `history_`, in its order: ``epoch``, ``loss``, ``learning_rate``, ``gradient_norm``, ``seconds``, and
        with validation data ``validation_loss`` and ``validation_score``. Epochs without an entry have NaN.

    Raises
    ------
    TypeError
        If the estimator is of another type.

    See Also
    --------
    TrainingHistoryDisplay : Plot of these curves.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import training_curves
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 2))
    >>> model = LSTMClassifier(4, max_iter=3, random_state=0).fit(X, X[:, 0, 0] > 0)
    >>> curves = training_curves(model)
    >>> list(curves)
    ['epoch', 'loss', 'learning_rate', 'gradient_norm', 'seconds']
    >>> bool((curves["loss"] == model.loss_curve_).all())
    True
    """
    fitted_network(estimator, "training_curves", BaseNetworkEstimator)
    names = dict.fromkeys(name for row in estimator.history_ for name in row)
    columns = {name: [row.get(name) for row in estimator.history_] for name in names}
    return {name: np.array([np.nan if value is None else value for value in column]) for name, column in columns.items()}
