"""The estimators: scikit-learn's contract around `training` and `network`."""

from .classifier import LSTMClassifier
from .outlier_detector import LSTMOutlierDetector
from .regressor import LSTMRegressor
from .score_stream import ScoreStream
from .seq2seq import LSTMSeq2Seq
from .streaming import Stream

__all__ = ["LSTMClassifier", "LSTMOutlierDetector", "LSTMRegressor", "LSTMSeq2Seq", "ScoreStream", "Stream"]
