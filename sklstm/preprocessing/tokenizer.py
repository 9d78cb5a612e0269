"""`SequenceTokenizer`: texts as sequences of integer codes."""

from collections.abc import Mapping
from itertools import chain, pairwise
from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.utils.validation import check_is_fitted

from ..compat import Interval, StrOptions, _fit_context, validate_parameter_constraints
from ..sequences import Sequences
from ..sequences.convert import numbers_of_steps
from ..sequences.errors import locate
from ..sequences.refusals import refused_as
from ..sequences.steps import Steps
from ..sequences.validation import array_or_list

WORDS = r"(?u)\b\w+\b"  # CountVectorizer's own pattern leaves out words of one letter
SELECTION = ("lowercase", "max_df", "min_df", "max_features", "vocabulary")  # parameters that choose the words


def _as_they_are(tokens):
    """The analyzer for documents that are tokens already; a function with a name, so that it can be pickled."""
    return tokens


class SequenceTokenizer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Convert texts to sequences of integer codes, one for each word or character, in their order.

    Estimators with ``categorical_features="all"`` learn a vector for each code. A
    :class:`~sklearn.feature_extraction.text.CountVectorizer` splits the texts into words and selects the vocabulary; this
    transformer keeps the order of the words, instead of counting them.

    Parameters
    ----------
    vectorizer : CountVectorizer, default=None
        How texts become words, and which words get a code: preprocessing, tokenisation, n-grams, stop words, ``min_df``,
        ``max_df``, ``max_features`` and ``vocabulary``. The vectorizer itself is not changed; a clone of it is fitted. None is a
        CountVectorizer whose words may have a single letter, ``CountVectorizer(token_pattern=r"(?u)\\b\\w+\\b")``, since
        scikit-learn's default leaves out words such as "a" and "I".
    handle_unknown : {"encode", "drop", "error"}, default="encode"
        What to do with words that have no code: encode them as 0, leave them out, or raise an error.
    unknown_token : str, default="<unknown>"
        Text that `inverse_transform` writes for code 0.
    max_length : int, default=None
        Largest number of tokens in a sequence. Longer documents are truncated; None keeps all tokens.
    truncate : {"end", "start"}, default="end"
        Side of a long document at which tokens are removed.
    dtype : dtype, default=numpy.int64
        Type of the codes. Estimators compute in float64 for integers, and in float32 for ``numpy.float32``.

    Attributes
    ----------
    vectorizer_ : CountVectorizer
        The fitted clone of `vectorizer`.
    vocabulary_ : dict
        Code of each word, from 1 up: in alphabetical order, or in the order of a ``vocabulary`` that the vectorizer was given.

    Raises
    ------
    ValueError
        If `vectorizer` is not a CountVectorizer, if a single text is passed where documents are expected, if a document is not a
        text, if no word is left, or if `dtype` cannot hold the codes.

    See Also
    --------
    sklearn.feature_extraction.text.CountVectorizer : Counts of words, without their order.

    Notes
    -----
    A document without any token becomes a single code 0, as a sequence must have a step. An estimator treats code 0 like any
    other category: it learns a vector for it if rare words (`min_df`, `max_features`) made it occur in training, and otherwise
    uses its vector for unknown categories.

    Keep stop words: a network that reads words in their order mostly predicts better with them. n-grams must have a single
    length, such as ``ngram_range=(2, 2)``, because n-grams of several lengths have no common order. The parameters `binary` and
    `dtype` of the vectorizer have no effect.

    With a ``vocabulary``, there is nothing to fit: `transform` can be called right away. To give another tokenizer the same
    codes, pass it the words in their order: ``CountVectorizer(vocabulary=tokenizer.get_vocabulary()[1:])``.

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

    Characters, and parameters of the vectorizer in a search:

    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.model_selection import GridSearchCV
    >>> letters = SequenceTokenizer(CountVectorizer(analyzer="char"), max_length=4).fit(["hello"])
    >>> "".join(letters.inverse_transform(letters.transform(["hollow"]))[0])
    'holl'
    >>> search = GridSearchCV(
    ...     make_pipeline(SequenceTokenizer(), LSTMClassifier(categorical_features="all")),
    ...     {"sequencetokenizer__vectorizer__analyzer": ["word", "char"], "sequencetokenizer__max_length": [50, 100]},
    ... )
    """

    _parameter_constraints: ClassVar = {
        "vectorizer": [CountVectorizer, None],
        "handle_unknown": [StrOptions({"encode", "drop", "error"})],
        "unknown_token": [str],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "truncate": [StrOptions({"end", "start"})],
        "dtype": "no_validation",
    }

    def __init__(
        self,
        vectorizer=None,
        *,
        handle_unknown="encode",
        unknown_token="<unknown>",
        max_length=None,
        truncate="end",
        dtype=np.int64,
    ):
        self.vectorizer = vectorizer
        self.handle_unknown = handle_unknown
        self.unknown_token = unknown_token
        self.max_length = max_length
        self.truncate = truncate
        self.dtype = dtype

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn the vocabulary.

        Parameters
        ----------
        X : iterable of str, bytes, file names or files
            Documents, in the format that the vectorizer's ``input`` says.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted tokenizer.
        """
        self._fit(X)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y=None):
        """Learn the vocabulary, and convert the documents; each is read once.

        Parameters
        ----------
        X : iterable of str, bytes, file names or files
            Documents, in the format that the vectorizer's ``input`` says.
        y : None
            Ignored.

        Returns
        -------
        Sequences of n_documents sequences with one channel
            The codes.
        """
        return self._encoded(self._fit(X), self.vocabulary_)

    def transform(self, X):
        """Convert documents.

        Parameters
        ----------
        X : iterable of str, bytes, file names or files
            Documents, in the format that the vectorizer's ``input`` says.

        Returns
        -------
        Sequences of n_documents sequences with one channel
            The codes.
        """
        vectorizer, codes = self._fitted()
        return self._encoded(_analyzed(vectorizer, X), codes)

    def set_params(self, **params):
        """Set parameters of this transformer and of its vectorizer.

        Parameters
        ----------
        **params : dict
            Parameters by name. Those of the vectorizer have the prefix ``vectorizer__``; if `vectorizer` is None, they change the
            CountVectorizer that it stands for.

        Returns
        -------
        self
            The transformer itself.
        """
        before = self.vectorizer
        if before is None and "vectorizer" not in params and any(name.startswith("vectorizer__") for name in params):
            self.vectorizer = CountVectorizer(token_pattern=WORDS)
        try:
            return super().set_params(**params)
        except ValueError:
            self.vectorizer = before
            raise

    def inverse_transform(self, X):
        """Convert codes back to words.

        Parameters
        ----------
        X : Sequences, list of arrays of shape (n_steps,) or (n_steps, 1), or array of shape (n_documents, n_steps[, 1])
            Codes, as `transform` returns them.

        Returns
        -------
        list of ndarray of str of shape (n_steps,)
            Tokens of each document, to be joined by ``" ".join``, or ``"".join`` if they are characters.
        """
        names = self.get_vocabulary()
        with refused_as("X", "Pass what transform returned."):
            X = array_or_list(X)
            steps = Steps.from_table(np.asarray(X), 1) if len(getattr(X, "shape", ())) == 2 else Steps.from_sequences(X)
        if steps.categories:
            raise ValueError("X holds categories or texts, whose codes have another meaning. Pass what transform returned.")
        if steps.n_channels != 1:
            raise ValueError(f"X must have one channel of codes, got {steps.n_channels}. Pass the channel that has them.")
        values = np.asarray(steps.values)
        if values.dtype.kind == "c":
            raise ValueError("Complex data not supported: X must hold codes. Pass what transform returned.")
        codes = numbers_of_steps(values, steps.offsets)[:, 0]
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
        """Name the channel that `transform` returns, for the next step of a Pipeline.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str of shape (1,)
            The name "token".
        """
        self._fitted()  # raises if there is no vocabulary yet
        return np.array(["token"], dtype=object)

    def get_vocabulary(self):
        """Return the word of each code.

        Returns
        -------
        ndarray of str of shape (n_codes,)
            Words in the order of their codes; the first, for code 0, is `unknown_token`.
        """
        codes = self._fitted()[1]
        words = np.empty(len(codes) + 1, dtype=object)
        words[:] = [self.unknown_token, *codes]
        return words

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = getattr(self.vectorizer, "vocabulary", None) is None
        return tags

    # ---- from documents to tokens to codes ----

    def _fit(self, X):
        """Learn the vocabulary, and return the tokens of each document."""
        vectorizer = self._new_vectorizer()
        documents = _analyzed(vectorizer, X)
        # Counted from the tokens, so that documents are analysed once, and files and iterators read once.
        selection = {name: getattr(vectorizer, name) for name in SELECTION}
        counted = CountVectorizer(analyzer=_as_they_are, **selection).fit(documents)
        vectorizer.vocabulary_, vectorizer.fixed_vocabulary_ = counted.vocabulary_, counted.fixed_vocabulary_
        codes = _codes_of(vectorizer)
        self._check_dtype(codes)
        self.vectorizer_, self.vocabulary_ = vectorizer, codes
        return documents

    def _new_vectorizer(self):
        """An unfitted vectorizer with valid parameters."""
        vectorizer = CountVectorizer(token_pattern=WORDS) if self.vectorizer is None else clone(self.vectorizer)
        if isinstance(vectorizer, TfidfVectorizer):
            raise ValueError(
                "vectorizer is a TfidfVectorizer, but a sequence of codes has no weights. Pass a CountVectorizer with the same"
                " parameters."
            )
        validate_parameter_constraints(
            vectorizer._parameter_constraints, vectorizer.get_params(deep=False), caller_name=type(vectorizer).__name__
        )
        if len(set(vectorizer.ngram_range)) > 1 and not callable(vectorizer.analyzer):
            raise ValueError(
                f"ngram_range={vectorizer.ngram_range} has n-grams of several lengths, which have no common order. Set a single"
                " length, such as ngram_range=(2, 2)."
            )
        return vectorizer

    def _fitted(self):
        """The fitted vectorizer and the codes; those of a given vocabulary need no fit."""
        if hasattr(self, "vectorizer_") or getattr(self.vectorizer, "vocabulary", None) is None:
            check_is_fitted(self)
            return self.vectorizer_, self.vocabulary_
        vectorizer = self._new_vectorizer()
        vectorizer.get_feature_names_out()  # checks `vocabulary` and sets `vocabulary_`
        return vectorizer, _codes_of(vectorizer)

    def _check_dtype(self, codes):
        """Raise unless `dtype` holds the codes exactly."""
        dtype = np.dtype(self.dtype)
        if dtype.kind == "f":
            largest = 2 << np.finfo(dtype).nmant
        else:
            largest = np.iinfo(dtype).max if dtype.kind in "iu" else -1
        if largest < len(codes):
            raise ValueError(
                f"dtype={dtype} cannot hold the codes 0 to {len(codes)}. Set a wider one, or max_features of the vectorizer."
            )

    def _encoded(self, documents, codes):
        """Analysed documents as `Sequences` of codes."""
        self._check_dtype(codes)
        rows = [[codes.get(token, 0) for token in tokens] for tokens in documents]
        if self.handle_unknown == "drop":
            rows = [[code for code in row if code] for row in rows]
        for i, row in enumerate(rows if self.handle_unknown == "error" else ()):
            if 0 in row:
                raise ValueError(
                    f"Document {i} has the unknown word {documents[i][row.index(0)]!r}. Set handle_unknown to 'encode' or 'drop',"
                    " or fit on documents that have it."
                )
        if self.max_length is not None:
            kept = slice(self.max_length) if self.truncate == "end" else slice(-self.max_length, None)
            rows = [row[kept] for row in rows]
        rows = [row or [0] for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
        values = np.fromiter(chain.from_iterable(rows), dtype=self.dtype, count=offsets[-1])
        return Sequences(values[:, np.newaxis], offsets)


def _codes_of(vectorizer):
    """Word to code, which is 1 more than the word's column in the counts of a vectorizer."""
    columns = vectorizer.vocabulary_
    return {word: code for code, word in enumerate(sorted(columns, key=columns.get), start=1)}


def _analyzed(vectorizer, documents):
    """The tokens of each document, as lists."""
    if isinstance(documents, (str, bytes)):
        raise ValueError(
            "Iterable over raw text documents expected, string object received. Pass a single document as a list of one."
        )
    shape = getattr(documents, "shape", (0,))
    shape = shape if hasattr(shape, "__len__") else ()  # of a class
    if not hasattr(documents, "__iter__") or isinstance(documents, Mapping) or len(shape) != 1:
        got = f"{type(documents).__name__} of shape {tuple(shape)}" if len(shape) != 1 else type(documents).__name__
        raise ValueError(f"Iterable over raw text documents expected, got {got}. Pass a list, or one column of a table.")
    analyze = vectorizer.build_analyzer()
    texts_only = (
        type(vectorizer) is CountVectorizer  # subclasses may read anything
        and vectorizer.input == "content"
        and not callable(vectorizer.analyzer)
        and vectorizer.preprocessor is None
    )
    analyzed = []
    for i, document in enumerate(documents):
        if texts_only and not isinstance(document, (str, bytes)):
            raise ValueError(
                f"Document {i} is {document!r} ({type(document).__name__}), expected text. Drop it, or fill it with ''."
            )
        analyzed.append(list(analyze(document)))
    if not analyzed:
        raise ValueError("Found array with 0 sample(s): there is no document, at least one is needed.")
    return analyzed
