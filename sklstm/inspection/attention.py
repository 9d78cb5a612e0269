"""How much each step weighs in the pooling of a sequence."""

from ..estimators.documentation import document
from .fitted import fitted_network


@document()
def attention_weights(estimator, X):
    """Return the attention weight of each step, for models with ``pooling="attention"``, alone or in a tuple.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Fitted with ``pooling="attention"``.
    <<X>>

    Returns
    -------
    Sequences
        Attention weights, in one channel. The weights of a sequence are positive and sum to 1.

    Raises
    ------
    TypeError
        If the estimator is of another type.
    ValueError
        If the model has another pooling, or X does not fit the model.

    See Also
    --------
    AttentionDisplay : Plot of these weights.
    sklstm.LSTMClassifier.attention : The method of the estimator.

    Notes
    -----
    The weights apply to the outputs of the last layer. The output at a step also depends on the steps before it and, in a
    bidirectional model, on those after it. A large weight therefore does not mean that the step alone determines the
    prediction; see :func:`integrated_gradients` and :func:`step_importance` for that.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import attention_weights
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 2))
    >>> model = LSTMClassifier(4, pooling="attention", max_iter=3, random_state=0).fit(X, X[:, 0, 0] > 0)
    >>> weights = attention_weights(model, [X[0], X[1, :3]])
    >>> float(weights[1].sum().round(6))
    1.0
    """
    network, _ = fitted_network(estimator, "attention_weights")
    if "attention" not in network.poolings:
        how = "predicts for every step and has no pooling" if network.returns_sequences else f"has pooling={network.pooling!r}"
        raise ValueError(f"This model {how}: its steps have no attention weights. Fit with pooling='attention'.")
    return estimator.attention(X)
