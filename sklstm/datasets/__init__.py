"""Generators of problems on which to try a recurrent network: `make_*` as in `sklearn.datasets`.

A side door: users import it, no layer does.
"""

from ..public import publish
from .anomalies import ANOMALY_TYPES, make_anomalies
from .memory import make_adding_problem, make_copy_memory, make_temporal_order
from .reber import REBER_SYMBOLS, make_embedded_reber, reber_legal_next
from .series import make_seasonal, make_sine_mixture

__all__ = [
    "ANOMALY_TYPES",
    "REBER_SYMBOLS",
    "make_adding_problem",
    "make_anomalies",
    "make_copy_memory",
    "make_embedded_reber",
    "make_seasonal",
    "make_sine_mixture",
    "make_temporal_order",
    "reber_legal_next",
]

publish(globals())
