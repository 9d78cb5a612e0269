"""How much each step weighs in the pooling of a sequence."""

from ..estimators.documentation import document
from .fitted import fitted_network


@document()
def attention_weights(estimator, X):
    """How much each step weighs in the pooling of its sequence, for models with ``pooling="attention"``.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Fitted with ``pooling="attention"``.
    <<X>>

    Returns
    -------
    Sequences
        Of one channel; the weights of a sequence are positive and sum to 1.

    Raises
    ------
    TypeError
        If the estimator is none of these.
    ValueError
        If the model has another pooling, or X does not fit it.

    See Also
    --------
    AttentionDisplay : A picture of them.
    sklstm.LSTMClassifier.attention : The method of the estimator.

    Notes
    -----
    What the weights are of is the output of the last layer at each step, which has seen the steps before it, and those after it
    in a bidirectional model: a large weight says where the model looks, not that the step alone decides. For that see
    :func:`integrated_gradients` and :func:`step_importance`.

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
    if network.pooling != "attention":
        how = "predicts for every step and has no pooling" if network.per_step else f"has pooling={network.pooling!r}"
        raise ValueError(f"This model {how}: its steps have no attention weights. Fit with pooling='attention'.")
    return estimator.attention(X)
