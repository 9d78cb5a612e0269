"""Reading the X of an encoder-decoder: as of any estimator, and texts, whose tokens are categories."""

import reprlib

import numpy as np

from ..sequences import Sequences
from ..sequences.channels import codes_of
from ..sequences.outputs import TOKENS, one_dimensional, texts_of, tokens_of
from ..sequences.parts import offsets_of
from ..sequences.refusals import refused_as
from ..sequences.texts import holds_texts
from ..sequences.validation import X_FORMATS, in_dtype
from .copies import with_attributes
from .inputs import read_X


@refused_as("X", X_FORMATS)
def read_source(estimator, X, *, reset):
    """As `read_X`, for texts and for lists of tokens too. Their codes, which have no dtype to follow, are float32."""
    if isinstance(X, str):
        raise ValueError(f"X must have a text for each sequence, got a single one, {reprlib.repr(X)}. Pass it in a list: [X].")
    texts = texts_of("X", X)
    if texts is not None:
        X = coded_texts(texts, estimator.tokens)
    elif (array := one_dimensional("X", X)) is not None and is_list_of_tokens(array):
        X = array
    holds_tokens = texts is not None or is_list_of_tokens(X)
    if reset and estimator.categorical_features is None and holds_tokens:
        estimator = with_attributes(estimator, vars(estimator) | {"categorical_features": "all"})
    sequences, form = read_X(estimator, X, reset=reset)
    return (in_dtype(sequences, np.float32, allows_missing=True) if holds_tokens else sequences), form


def is_list_of_tokens(X):
    """Whether X is a list of sequences of one channel, in which there are texts."""
    is_list = isinstance(X, (list, tuple)) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    return is_list and all(np.ndim(sequence) == 1 for sequence in X) and holds_texts(X)


def coded_texts(texts, tokens):
    """Texts as `Sequences` of categories; one without any token is a single unknown one."""
    parts = list(map(TOKENS[tokens][0], texts))
    values = tokens_of(parts)
    codes, categories = codes_of(values, np.zeros(len(values), dtype=bool))
    lengths = np.array(list(map(len, parts)))
    offsets = offsets_of(np.maximum(lengths, 1))
    all_codes = np.full(offsets[-1], -1.0)
    has_token = np.repeat(lengths > 0, np.maximum(lengths, 1))
    all_codes[has_token] = codes
    return Sequences(all_codes[:, np.newaxis], offsets, categories={0: categories})
