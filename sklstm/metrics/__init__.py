"""Scorers of steps and of label sequences, and what scikit-learn does not measure: whole label sequences, calibration of several
classes and labels, coverage of quantiles."""

from ..public import publish
from .calibration import expected_calibration_error
from .coverage import interval_coverage, quantile_coverage
from .scorers import _SequenceScorer, _StepScorer, sequence_scorer, step_scorer
from .sequences import edit_distance_rate, exact_match_score, token_accuracy_score

__all__ = [
    "edit_distance_rate",
    "exact_match_score",
    "expected_calibration_error",
    "interval_coverage",
    "quantile_coverage",
    "sequence_scorer",
    "step_scorer",
    "token_accuracy_score",
]

publish(globals())
_StepScorer.__module__ = _SequenceScorer.__module__ = __name__  # pickles of scorers name this path
