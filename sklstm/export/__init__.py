"""Fitted models in the formats of other programs."""

from ..public import publish
from .c.to_c import to_c, verify
from .keras import from_keras_weights, keras_weights
from .onnx.skl2onnx import register_when_imported
from .onnx.to_onnx import to_onnx
from .torch.state_dict import from_state_dict, to_state_dict
from .torch.to_torch import to_torch

__all__ = ["from_keras_weights", "from_state_dict", "keras_weights", "to_c", "to_onnx", "to_state_dict", "to_torch", "verify"]

publish(globals())
register_when_imported()
