"""Fitted models in the formats of other programs."""

from ..public import publish
from .onnx import to_onnx

__all__ = ["to_onnx"]

publish(globals())
