"""Preparation of data: transformers for steps and padding, windows of series and regressors of them, texts as codes,
static features.

The layer below the estimators, which need not know of it; users import from it.
"""

from ..public import publish
from .padding import PaddingRemover
from .per_step import PerStep
from .relative import RelativeRegressor
from .static import with_static
from .tokenizer import SequenceTokenizer
from .windows import make_windows

__all__ = ["PaddingRemover", "PerStep", "RelativeRegressor", "SequenceTokenizer", "make_windows", "with_static"]

publish(globals())
