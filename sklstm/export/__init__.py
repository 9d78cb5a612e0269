"""Fitted models in the formats of other programs."""

from ..public import publish
from .c import to_c, verify

__all__ = ["to_c", "verify"]

publish(globals())
