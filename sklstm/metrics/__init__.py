"""Scorers of steps and of label sequences, and what scikit-learn does not measure: whole label sequences, alarms and events,
calibration of several classes and labels, coverage of quantiles."""

from ..public import publish
from .calibration import expected_calibration_error
from .coverage import interval_coverage, quantile_coverage
from .events import event_f1_score, event_precision_score, event_recall_score, false_alarm_rate
from .scorers import _SequenceScorer, _StepScorer, sequence_scorer, step_scorer
from .sequences import edit_distance_rate, exact_match_score, token_accuracy_score

__all__ = [
    "edit_distance_rate",
    "event_f1_score",
    "event_precision_score",
    "event_recall_score",
    "exact_match_score",
    "expected_calibration_error",
    "false_alarm_rate",
    "interval_coverage",
    "quantile_coverage",
    "sequence_scorer",
    "step_scorer",
    "token_accuracy_score",
]

publish(globals())
_StepScorer.__module__ = _SequenceScorer.__module__ = __name__  # pickles of scorers name this path
