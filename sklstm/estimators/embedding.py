"""Widths of the vectors that stand for categories."""

import reprlib
from numbers import Integral

import numpy as np

from ..network.checks import is_count

MAX_AUTO_WIDTH = 600
EXPECTED = "embedding_dim must be 'auto', an int of at least 1, or one of these per categorical channel"


def embedding_widths(embedding_dim, vocabularies):
    """Width of the vectors of each categorical channel.

    "auto" is ``round(1.6 n**0.56)`` for n values, at most 600: the rule of thumb of Howard and Gugger's fastai library.
    """
    if isinstance(embedding_dim, str):
        return [min(MAX_AUTO_WIDTH, max(1, round(1.6 * len(values) ** 0.56))) for values in vocabularies]
    if isinstance(embedding_dim, Integral):
        return [int(embedding_dim)] * len(vocabularies)
    if not isinstance(embedding_dim, (list, tuple)) and np.ndim(embedding_dim) != 1:
        raise ValueError(f"{EXPECTED}, got {reprlib.repr(embedding_dim)}.")
    if len(embedding_dim) != len(vocabularies):
        raise ValueError(
            f"embedding_dim={reprlib.repr(embedding_dim)} has {len(embedding_dim)} entries, but there are {len(vocabularies)}"
            " categorical channels. Give one width for each, one int for all, or 'auto'."
        )
    for width in embedding_dim:
        if not is_count(width, 1):
            raise ValueError(f"{EXPECTED}, got {width!r}.")
    return [int(width) for width in embedding_dim]
