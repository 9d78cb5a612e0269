"""Preparation of data: transformers for steps and padding, windows of series, texts as codes.

A side door: users import it, no layer does.
"""

from ..public import publish
from .padding import PaddingRemover
from .per_step import PerStep
from .tokenizer import SequenceTokenizer
from .windows import make_windows

__all__ = ["PaddingRemover", "PerStep", "SequenceTokenizer", "make_windows"]

publish(globals())
