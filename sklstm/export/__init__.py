"""Fitted models in the formats of other programs."""

from ..public import publish
from .state_dict import from_state_dict, to_state_dict

__all__ = ["from_state_dict", "to_state_dict"]

publish(globals())
