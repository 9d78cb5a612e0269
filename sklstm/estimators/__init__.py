"""The estimators: scikit-learn's contract around `training` and `network`."""

from .classifier import LSTMClassifier
from .regressor import LSTMRegressor
from .seq2seq import LSTMSeq2Seq
from .streaming import Stream

__all__ = ["LSTMClassifier", "LSTMRegressor", "LSTMSeq2Seq", "Stream"]
