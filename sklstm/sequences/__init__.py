"""Sequence data: the ragged container, the reading of any accepted X into it, and packed minibatches."""

from .container import Sequences
from .packed import Packed
from .validation import as_sequences

__all__ = ["Packed", "Sequences", "as_sequences"]
