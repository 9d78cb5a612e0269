"""Fitted models in the formats of other programs."""

from ..public import publish
from .state_dict import from_state_dict, to_state_dict
from .to_torch import to_torch

__all__ = ["from_state_dict", "to_state_dict", "to_torch"]

publish(globals())
