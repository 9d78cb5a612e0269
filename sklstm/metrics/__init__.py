"""Scorers of steps, and what scikit-learn does not measure: calibration of several classes and labels, coverage of quantiles."""

from ..public import publish
from .calibration import expected_calibration_error
from .coverage import interval_coverage, quantile_coverage
from .scorers import _StepScorer, step_scorer

__all__ = ["expected_calibration_error", "interval_coverage", "quantile_coverage", "step_scorer"]

publish(globals())
_StepScorer.__module__ = __name__  # pickles of scorers name this path
