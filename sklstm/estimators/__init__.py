"""The estimators: scikit-learn's contract around `training` and `network`."""

from .classifier import LSTMClassifier
from .regressor import LSTMRegressor
from .streaming import Stream

__all__ = ["LSTMClassifier", "LSTMRegressor", "Stream"]
