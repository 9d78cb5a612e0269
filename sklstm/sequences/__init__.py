"""Sequence data: the ragged container, the reading of any accepted X into it, and packed minibatches."""

from .container import Sequences
from .packed import Batch, Packed
from .validation import as_sequences

__all__ = ["Batch", "Packed", "Sequences", "as_sequences"]
