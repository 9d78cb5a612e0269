"""Which network an estimator of scikit-learn predicts with, as code for messages."""

from sklearn.pipeline import Pipeline

# Attributes of estimators that hold the one which predicts.
INNER = ("best_estimator_", "estimator_", "regressor_")


def code_of(part, value, exported):
    """Code for the network that an attribute is, or is the last step of; None if there is none of the classes `exported`."""
    if isinstance(value, exported):
        return part
    return f"{part}[-1]" if isinstance(value, Pipeline) and isinstance(value.steps[-1][1], exported) else None


def inner_network(model, exported):
    """Code for the network that a fitted estimator predicts with; None if there is none of the classes `exported`."""
    return next((code for part in INNER if (code := code_of(part, vars(model).get(part), exported))), None)
