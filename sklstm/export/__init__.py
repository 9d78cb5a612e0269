"""Fitted models in the formats of other programs."""

from ..public import publish

__all__ = []

publish(globals())
