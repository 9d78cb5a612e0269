"""`SequenceTokenizer`: texts as sequences of integer codes."""

from collections.abc import Mapping
from itertools import chain, pairwise
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from ..compat import Interval, StrOptions, _fit_context
from ..sequences import Sequences
from ..sequences.convert import as_floats
from ..sequences.errors import describe_non_number, locate
from ..sequences.refusals import refused_as
from ..sequences.steps import Steps
from ..sequences.validation import array_or_list

# Parameters of CountVectorizer, which does the work that they steer.
ANALYSIS = (
    "input", "encoding", "decode_error", "strip_accents", "lowercase", "preprocessor", "tokenizer", "stop_words", "token_pattern",
    "analyzer",
)  # fmt: skip
COUNTING = ("lowercase", "max_df", "min_df", "max_features", "vocabulary")
THEIRS = CountVectorizer._parameter_constraints

# The largest integer up to which a dtype of a kind holds all.
LARGEST = {
    "i": lambda dtype: np.iinfo(dtype).max,
    "u": lambda dtype: np.iinfo(dtype).max,
    "f": lambda dtype: 2 << np.finfo(dtype).nmant,
}


def _as_they_are(tokens):
    """The analyzer for documents that are tokens already; a function with a name, so that nothing hinders pickling."""
    return tokens


def _with_unknown(tokens, codes, i):
    return [codes.get(token, 0) for token in tokens]


def _without_unknown(tokens, codes, i):
    return [codes[token] for token in tokens if token in codes]


def _all_known(tokens, codes, i):
    try:
        return [codes[token] for token in tokens]
    except KeyError as error:
        raise ValueError(
            f"Document {i} has the unknown word {error.args[0]!r}. Set handle_unknown to 'encode' or 'drop', or fit on documents"
            " that have it."
        ) from None


# What handle_unknown says: from the tokens of document i to codes.
ENCODERS = {"encode": _with_unknown, "drop": _without_unknown, "error": _all_known}


class SequenceTokenizer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    r"""Texts to sequences of integer codes, one for each word or character, in their order.

    The codes are what `LSTMClassifier` and `LSTMRegressor` learn vectors for, with ``categorical_features="all"``. The parameters
    have the names and meanings of :class:`sklearn.feature_extraction.text.CountVectorizer`, whose analyzer this uses.

    Parameters
    ----------
    input : {"content", "filename", "file"}, default="content"
        What a document is: text (str or bytes), the name of a file, or an object with a `read` method.
    encoding : str, default="utf-8"
        How bytes and files are decoded.
    decode_error : {"strict", "ignore", "replace"}, default="strict"
        What to do with bytes that cannot be decoded.
    strip_accents : {"ascii", "unicode"} or callable, default=None
        Remove accents; None keeps them.
    lowercase : bool, default=True
        Convert to lower case before all else.
    preprocessor : callable, default=None
        Instead of `strip_accents` and `lowercase`: from a document to a text.
    tokenizer : callable, default=None
        Instead of `token_pattern`: from a text to a list of words.
    stop_words : {"english"} or list of str, default=None
        Words that are left out. A network that reads words in their order is mostly better off with all of them.
    token_pattern : str or None, default=r"(?u)\b\w+\b"
        Regular expression of a word; CountVectorizer's leaves out words of one letter.
    analyzer : {"word", "char"} or callable, default="word"
        Whether tokens are words or characters; or a function from a document to a list of tokens.
    max_df, min_df : float or int, default=1.0, 1
        Words that are in more, or in fewer documents get no code of their own: a share (float) or a number (int) of documents.
    max_features : int, default=None
        Only so many words, the most frequent, get a code of their own.
    vocabulary : mapping or iterable, default=None
        The words that have codes, instead of those of the documents: a mapping to codes, 1 to their number, such as
        `vocabulary_` of another tokenizer; or words in the order of their codes. With it there is nothing to fit.
    handle_unknown : {"encode", "drop", "error"}, default="encode"
        Words without a code of their own become code 0, are left out, or are an error.
    unknown_token : str, default="<unknown>"
        What `inverse_transform` writes for code 0.
    max_length : int, default=None
        Longer documents are cut to so many tokens.
    keep : {"first", "last"}, default="first"
        Which of the tokens of a longer document are kept.
    dtype : dtype, default=numpy.int64
        Of the codes. The estimators compute in float64 for integers; ``numpy.float32`` makes them compute in that.

    Attributes
    ----------
    vocabulary_ : dict
        From word to code, 1 and up in alphabetical order.

    Raises
    ------
    ValueError
        If a text is passed where documents are expected, if a document is no text, if no word is left, or if `dtype` cannot hold
        the codes.

    See Also
    --------
    sklearn.feature_extraction.text.CountVectorizer : Words counted, not kept in order.

    Notes
    -----
    A document without any token becomes a single code 0, as a sequence must have a step. Code 0 is a category like any
    other to an estimator, which learns a vector for it where rare words (`min_df`, `max_features`) made it common in training;
    where its fit has not seen it, it takes the vector that it keeps for categories it does not know.

    Examples
    --------
    >>> from sklstm.preprocessing import SequenceTokenizer
    >>> tokenizer = SequenceTokenizer()
    >>> X = tokenizer.fit_transform(["the dog bit the man", "A man!"])
    >>> X
    Sequences(2 sequences of 2 to 5 steps, 1 channel, int64)
    >>> X[0].ravel(), tokenizer.vocabulary_
    (array([5, 3, 2, 5, 4]), {'a': 1, 'bit': 2, 'dog': 3, 'man': 4, 'the': 5})
    >>> tokenizer.inverse_transform(tokenizer.transform(["the cat bit"]))
    [array(['the', '<unknown>', 'bit'], dtype=object)]

    A classifier of texts:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklstm import LSTMClassifier
    >>> texts, labels = ["not good", "good", "not bad", "bad"] * 8, ["-", "+", "+", "-"] * 8
    >>> model = make_pipeline(SequenceTokenizer(), LSTMClassifier(8, categorical_features="all", max_iter=100, random_state=0))
    >>> model.fit(texts, labels).predict(["bad", "not bad"]).tolist()
    ['-', '+']

    Characters:

    >>> letters = SequenceTokenizer(analyzer="char", max_length=4).fit(["hello"])
    >>> "".join(letters.inverse_transform(letters.transform(["hollow"]))[0])
    'holl'
    """

    _parameter_constraints: ClassVar = {
        **{name: THEIRS[name] for name in (*ANALYSIS, *COUNTING)},
        "analyzer": [StrOptions({"word", "char"}), callable],
        "handle_unknown": [StrOptions({"encode", "drop", "error"})],
        "unknown_token": [str],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "keep": [StrOptions({"first", "last"})],
        "dtype": "no_validation",
    }

    def __init__(
        self,
        *,
        input="content",
        encoding="utf-8",
        decode_error="strict",
        strip_accents=None,
        lowercase=True,
        preprocessor=None,
        tokenizer=None,
        stop_words=None,
        token_pattern=r"(?u)\b\w+\b",
        analyzer="word",
        max_df=1.0,
        min_df=1,
        max_features=None,
        vocabulary=None,
        handle_unknown="encode",
        unknown_token="<unknown>",
        max_length=None,
        keep="first",
        dtype=np.int64,
    ):
        self.input = input
        self.encoding = encoding
        self.decode_error = decode_error
        self.strip_accents = strip_accents
        self.lowercase = lowercase
        self.preprocessor = preprocessor
        self.tokenizer = tokenizer
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.analyzer = analyzer
        self.max_df = max_df
        self.min_df = min_df
        self.max_features = max_features
        self.vocabulary = vocabulary
        self.handle_unknown = handle_unknown
        self.unknown_token = unknown_token
        self.max_length = max_length
        self.keep = keep
        self.dtype = dtype

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn which words there are.

        Parameters
        ----------
        X : iterable of str, bytes, file names or files
            One entry per document.
        y : None
            Not used.

        Returns
        -------
        self
            The fitted tokenizer.
        """
        self._learn(self._analyzed(X))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Learn which words there are, and convert the documents, which are read once.

        Parameters
        ----------
        X : iterable of str, bytes, file names or files
            One entry per document.
        y : None
            Not used.

        Returns
        -------
        Sequences of n_documents sequences with one channel
            The codes.
        """
        documents = self._analyzed(X)
        self._learn(documents)
        return self._encoded(documents)

    def transform(self, X):
        """Convert documents.

        Parameters
        ----------
        X : iterable of str, bytes, file names or files
            One entry per document.

        Returns
        -------
        Sequences of n_documents sequences with one channel
            The codes.
        """
        self._codes()  # which raises if there is nothing to convert with
        return self._encoded(self._analyzed(X))

    def inverse_transform(self, X):
        """The words that codes stand for.

        Parameters
        ----------
        X : Sequences, list of arrays of shape (n_steps,) or (n_steps, 1), or array of shape (n_documents, n_steps[, 1])
            Codes.

        Returns
        -------
        list of ndarray of str of shape (n_steps,)
            The tokens of each document, for ``" ".join`` or, of characters, ``"".join``.
        """
        names = self.get_vocabulary()
        with refused_as("X", "Pass what transform returned."):
            X = array_or_list(X)
            steps = Steps.from_table(np.asarray(X), 1) if len(getattr(X, "shape", ())) == 2 else Steps.from_sequences(X)
        if steps.categories:
            raise ValueError("X holds categories or texts, whose codes are those of other values. Pass what transform returned.")
        if steps.n_channels != 1:
            raise ValueError(f"X must have one channel of codes, got {steps.n_channels}. Pass the channel that has them.")
        values = np.asarray(steps.values)
        if values.dtype.kind == "c":
            raise ValueError("Complex data not supported: X must hold codes. Pass what transform returned.")
        try:
            codes = values[:, 0] if values.dtype.kind in "fiub" else as_floats(values[:, 0])
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(describe_non_number(steps.offsets, values)) from error
        with np.errstate(invalid="ignore"):
            whole = codes.astype(np.intp)
        bad = np.flatnonzero((whole != codes) | (whole < 0) | (whole >= len(names)))
        if len(bad):
            sequence, step = locate(steps.offsets, bad[0])
            raise ValueError(
                f"X must hold codes from 0 to {len(names) - 1}: sequence {sequence}, step {step} is {codes[bad[0]]}. Pass what"
                " transform returned, or codes of this tokenizer."
            )
        return [names[whole[first:last]] for first, last in pairwise(steps.offsets)]

    def get_feature_names_out(self, input_features=None):
        """Name of the one channel that `transform` returns, for what comes after it in a Pipeline.

        Parameters
        ----------
        input_features : None
            Not used.

        Returns
        -------
        ndarray of str of shape (1,)
            "token".
        """
        self._codes()
        return np.array(["token"], dtype=object)

    def get_vocabulary(self):
        """The word of each code.

        Returns
        -------
        ndarray of str of shape (n_codes,)
            Entry k is the word of code k; the first is `unknown_token`.
        """
        codes = self._codes()
        names = np.empty(len(codes) + 1, dtype=object)
        names[0] = self.unknown_token
        names[list(codes.values())] = list(codes)
        return names

    def __sklearn_is_fitted__(self):
        return hasattr(self, "vocabulary_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = self.vocabulary is None
        return tags

    # ---- from documents to tokens to codes ----

    def _analyzed(self, raw_documents):
        """The tokens of each document, as lists."""
        if isinstance(raw_documents, (str, bytes)):
            raise ValueError(
                "Iterable over raw text documents expected, string object received. Pass a single document as a list of one."
            )
        shape = getattr(raw_documents, "shape", (0,))
        shape = shape if hasattr(shape, "__len__") else ()  # of a class
        if not hasattr(raw_documents, "__iter__") or isinstance(raw_documents, Mapping) or len(shape) != 1:
            got = f"{type(raw_documents).__name__} of shape {tuple(shape)}" if len(shape) != 1 else type(raw_documents).__name__
            raise ValueError(f"Iterable over raw text documents expected, got {got}. Pass a list, or one column of a table.")
        analyze = CountVectorizer(**{name: getattr(self, name) for name in ANALYSIS}).build_analyzer()
        texts_only = self.input == "content" and not callable(self.analyzer) and self.preprocessor is None
        documents = []
        for i, document in enumerate(raw_documents):
            if texts_only and not isinstance(document, (str, bytes)):
                raise ValueError(
                    f"Document {i} is {document!r} ({type(document).__name__}), expected text. Drop it, or fill it with ''."
                )
            documents.append(list(analyze(document)))
        if not documents:
            raise ValueError("Found array with 0 sample(s): there is no document, at least one is needed.")
        return documents

    def _learn(self, documents):
        """Give codes to the words of analysed documents, or to those of `vocabulary`."""
        counting = {name: getattr(self, name) for name in COUNTING} | {"vocabulary": self._terms()}
        indices = CountVectorizer(analyzer=_as_they_are, **counting).fit(documents).vocabulary_
        codes = {term: int(index) + 1 for term, index in sorted(indices.items(), key=lambda item: item[1])}
        self._check_dtype(codes)
        self.vocabulary_ = codes

    def _terms(self):
        """Words of the given vocabulary in the order of their codes; None if none is given."""
        vocabulary = self.vocabulary
        if vocabulary is None:
            return None
        terms = list(vocabulary)
        if isinstance(vocabulary, Mapping):
            terms.sort(key=vocabulary.get)
            if [vocabulary[term] for term in terms] != list(range(1, len(terms) + 1)):
                raise ValueError(
                    f"vocabulary must map words to the codes 1 to {len(terms)}, each once; 0 stands for unknown words. Of a"
                    " CountVectorizer, pass what get_feature_names_out returns."
                )
        elif isinstance(vocabulary, (set, frozenset)):
            terms.sort()
        if not terms or len(set(terms)) < len(terms):
            raise ValueError(f"vocabulary must hold at least one word, and each once, got {len(terms)} words. Pass others.")
        return terms

    def _codes(self):
        """Word to code, of what was fitted or else given."""
        if self.vocabulary is None or self.__sklearn_is_fitted__():
            check_is_fitted(self)
            return self.vocabulary_
        return {term: code for code, term in enumerate(self._terms(), start=1)}

    def _check_dtype(self, codes):
        """Raise unless `dtype` holds the codes exactly."""
        dtype = np.dtype(self.dtype)
        if dtype.kind not in LARGEST or LARGEST[dtype.kind](dtype) < len(codes):
            raise ValueError(f"dtype={dtype} cannot hold the codes 0 to {len(codes)}. Set a wider one, or max_features.")

    def _encoded(self, documents):
        """Analysed documents as `Sequences` of codes."""
        codes = self._codes()
        self._check_dtype(codes)
        encode = ENCODERS[self.handle_unknown]
        rows = [encode(tokens, codes, i) for i, tokens in enumerate(documents)]
        if self.max_length is not None:
            cut = slice(self.max_length) if self.keep == "first" else slice(-self.max_length, None)
            rows = [row[cut] for row in rows]
        rows = [row or [0] for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
        values = np.fromiter(chain.from_iterable(rows), dtype=self.dtype, count=offsets[-1])
        return Sequences(values[:, np.newaxis], offsets)
