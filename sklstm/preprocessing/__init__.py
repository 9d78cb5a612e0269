"""Preparation of data: transformers for steps and padding, windows of series and regressors of them, texts as codes.

The layer below the estimators, which need not know of it; users import from it.
"""

from ..public import publish
from .padding import PaddingRemover
from .per_step import PerStep
from .relative import RelativeRegressor
from .tokenizer import SequenceTokenizer
from .windows import make_windows

__all__ = ["PaddingRemover", "PerStep", "RelativeRegressor", "SequenceTokenizer", "make_windows"]

publish(globals())
