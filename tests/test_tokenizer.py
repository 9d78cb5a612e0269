"""`SequenceTokenizer`: the words of CountVectorizer, in the order of the text."""

import io
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import LSTMClassifier, Sequences
from sklstm.preprocessing import PerStep, SequenceTokenizer

TEXTS = [
    "The dog bit the man. The man, a café owner, bit back!",
    "A man is a man",
    "Dogs and men; MEN and dogs",
    "the café",
]


def tokenizer_of(*, handle_unknown="encode", unknown_token="<unknown>", max_length=None, truncate="end", dtype=np.int64, **words):
    """A tokenizer with these parameters of its vectorizer, whose words may have one letter."""
    pattern = {} if "analyzer" in words else {"token_pattern": r"(?u)\b\w+\b"}
    vectorizer = CountVectorizer(**pattern | words)
    return SequenceTokenizer(
        vectorizer,
        handle_unknown=handle_unknown,
        unknown_token=unknown_token,
        max_length=max_length,
        truncate=truncate,
        dtype=dtype,
    )


def codes_of(X):
    assert isinstance(X, Sequences) and X.n_channels == 1
    return [x.ravel().tolist() for x in X.to_list()]


# ---- the words of CountVectorizer ----

OPTIONS = {
    "default": {},
    "min_df": {"min_df": 2},
    "max_df": {"max_df": 0.6},
    "max_features": {"max_features": 3},
    "stop words": {"stop_words": "english"},
    "own stop words": {"stop_words": ["the", "a"]},
    "accents": {"strip_accents": "unicode"},
    "case": {"lowercase": False},
    "pattern": {"token_pattern": r"(?u)\b\w\w+\b"},
    "characters": {"analyzer": "char"},
    "frequent characters": {"analyzer": "char", "max_features": 8},
    "analyzer": {"analyzer": str.split},
    "tokenizer": {"tokenizer": str.split, "token_pattern": None},
    "preprocessor": {"preprocessor": str.upper},
}


@pytest.mark.parametrize("handle_unknown", ["encode", "drop"])
@pytest.mark.parametrize("name", OPTIONS)
def test_the_words_of_count_vectorizer_in_their_order(name, handle_unknown):
    tokenizer = tokenizer_of(handle_unknown=handle_unknown, **OPTIONS[name])
    counter = clone(tokenizer.vectorizer).fit(TEXTS)
    X = tokenizer.fit_transform(TEXTS)
    assert tokenizer.vocabulary_ == {word: index + 1 for word, index in counter.vocabulary_.items()}
    assert tokenizer.get_vocabulary().tolist() == ["<unknown>", *counter.get_feature_names_out()]
    words = [counter.build_analyzer()(text) for text in TEXTS]
    if handle_unknown == "encode":
        expected = [[tokenizer.vocabulary_.get(word, 0) for word in document] for document in words]
    else:
        expected = [[tokenizer.vocabulary_[word] for word in document if word in tokenizer.vocabulary_] for document in words]
    expected = [document or [0] for document in expected]
    assert codes_of(X) == codes_of(tokenizer.transform(TEXTS)) == codes_of(tokenizer.fit(TEXTS).transform(TEXTS)) == expected
    # And counted they are CountVectorizer's counts.
    counts = np.array([np.bincount(document, minlength=len(counter.vocabulary_) + 1)[1:] for document in expected])
    np.testing.assert_array_equal(counts, counter.transform(TEXTS).toarray())


@pytest.mark.parametrize(
    "container", [list, tuple, iter, np.array, lambda texts: np.array(texts, dtype=object), "pandas", "polars"]
)
def test_documents_in_any_iterable(container):
    make = pytest.importorskip(container).Series if isinstance(container, str) else container
    assert codes_of(SequenceTokenizer().fit_transform(make(TEXTS))) == codes_of(SequenceTokenizer().fit_transform(TEXTS))


def test_documents_in_bytes_and_files(tmp_path):
    expected = codes_of(SequenceTokenizer().fit_transform(TEXTS))
    encoded = [text.encode("latin-1") for text in TEXTS]
    assert codes_of(tokenizer_of(encoding="latin-1").fit_transform(encoded)) == expected
    with pytest.raises(UnicodeDecodeError):
        SequenceTokenizer().fit(encoded)
    tokenizer_of(decode_error="ignore").fit(encoded)
    paths = [tmp_path / f"{i}.txt" for i in range(len(TEXTS))]
    for path, text in zip(paths, TEXTS, strict=True):
        path.write_text(text, encoding="utf-8")
    assert codes_of(tokenizer_of(input="filename").fit_transform(paths)) == expected
    assert codes_of(tokenizer_of(input="file").fit_transform([io.StringIO(text) for text in TEXTS])) == expected


# ---- unknown words, empty documents, long documents ----


def test_unknown_words():
    texts = ["dog bites man", "cat"]
    tokenizer = SequenceTokenizer().fit(["man dog bites"])
    assert codes_of(tokenizer.transform(texts)) == [[2, 1, 3], [0]]
    assert codes_of(tokenizer.transform(["dog bites cat"])) == [[2, 1, 0]]
    tokenizer.set_params(handle_unknown="drop")
    assert codes_of(tokenizer.transform(["dog bites cat"])) == [[2, 1]]
    assert codes_of(tokenizer.transform(["cat"])) == [[0]]
    tokenizer.set_params(handle_unknown="error")
    assert codes_of(tokenizer.transform(["dog"])) == [[2]]
    with pytest.raises(ValueError, match=r"Document 1 has the unknown word 'cat'\. Set handle_unknown"):
        tokenizer.transform(texts)


@pytest.mark.parametrize("handle_unknown", ["encode", "drop", "error"])
def test_a_document_without_words_is_one_step(handle_unknown):
    tokenizer = SequenceTokenizer(handle_unknown=handle_unknown)
    assert codes_of(tokenizer.fit_transform(["", "dog", "..."])) == [[0], [1], [0]]


def test_long_documents():
    text = ["a b c d e"]
    assert codes_of(SequenceTokenizer(max_length=2).fit_transform(text)) == [[1, 2]]
    assert codes_of(SequenceTokenizer(max_length=2, truncate="start").fit_transform(text)) == [[4, 5]]
    assert codes_of(SequenceTokenizer(max_length=9, truncate="start").fit_transform(text)) == [[1, 2, 3, 4, 5]]
    # What is left out does not count.
    tokenizer = tokenizer_of(max_length=2, handle_unknown="drop", vocabulary=["a", "d", "e"])
    assert codes_of(tokenizer.fit_transform(text)) == [[1, 2]]


# ---- a vocabulary that is given ----


@pytest.mark.parametrize("vocabulary", [["man", "dog"], ("man", "dog"), {"dog": 1, "man": 0}, np.array(["man", "dog"])])
def test_given_vocabulary(vocabulary):
    tokenizer = tokenizer_of(vocabulary=vocabulary)
    assert codes_of(tokenizer.transform(["dog bites man"])) == [[2, 0, 1]]  # with nothing to fit
    assert tokenizer.get_vocabulary().tolist() == ["<unknown>", "man", "dog"]
    assert codes_of(tokenizer.fit_transform(["dog bites man"])) == [[2, 0, 1]]
    assert tokenizer.vocabulary_ == {"man": 1, "dog": 2}


def test_a_set_is_sorted():
    assert tokenizer_of(vocabulary={"man", "dog"}).get_vocabulary().tolist() == ["<unknown>", "dog", "man"]


def test_the_vocabulary_of_another():
    one = tokenizer_of(max_features=4).fit(TEXTS)
    for vocabulary in (one.get_vocabulary()[1:], one.vectorizer_.vocabulary_, one.vectorizer_.get_feature_names_out()):
        assert codes_of(tokenizer_of(vocabulary=vocabulary).transform(TEXTS)) == codes_of(one.transform(TEXTS))


@pytest.mark.parametrize("vocabulary", [[], {}, ["a", "a"], {"a": 0, "b": 2}, {"a": 1, "b": 1}])
def test_bad_vocabularies(vocabulary):
    for call in (SequenceTokenizer.fit, SequenceTokenizer.transform):
        with pytest.raises(ValueError, match=r"empty vocabulary|in vocabulary|Vocabulary (contains repeated|of size)"):
            call(tokenizer_of(vocabulary=vocabulary), TEXTS)


# ---- and back ----


def test_inverse():
    tokenizer = tokenizer_of(min_df=2, unknown_token="?")
    X = tokenizer.fit_transform(TEXTS)
    back = [" ".join(tokens) for tokens in tokenizer.inverse_transform(X)]
    assert back == ["the ? ? the man the man a café ? ? ?", "a man ? a man", "? ? ? ? ? ?", "the café"]
    for same in (X.to_list(), [x.ravel() for x in X.to_list()], Sequences(X.values.astype(np.float32), X.offsets)):
        assert [" ".join(tokens) for tokens in tokenizer.inverse_transform(same)] == back
    table = np.array([[1, 2], [0, 3]])
    words = tokenizer.get_vocabulary()
    for form in (table, table[:, :, np.newaxis], table.tolist()):
        assert [tokens.tolist() for tokens in tokenizer.inverse_transform(form)] == words[table].tolist()
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    for form in (pandas.DataFrame(table), pyarrow.array(table.tolist())):
        assert [tokens.tolist() for tokens in tokenizer.inverse_transform(form)] == words[table].tolist()
    with pytest.raises(ValueError, match="must hold numbers: sequence 1, step 0, channel 0 is 'man'"):
        tokenizer.inverse_transform([np.array([1], dtype=object), np.array(["man"], dtype=object)])


def test_inverse_of_characters():
    tokenizer = tokenizer_of(analyzer="char", lowercase=False).fit(TEXTS)
    assert ["".join(tokens) for tokens in tokenizer.inverse_transform(tokenizer.transform(TEXTS))] == TEXTS


@pytest.mark.parametrize("code", [-1, 4, 0.5, np.nan])
def test_inverse_refuses_what_is_no_code(code):
    tokenizer = SequenceTokenizer().fit(["a b c"])
    with pytest.raises(ValueError, match=r"codes from 0 to 3: sequence 1, step 2 is"):
        tokenizer.inverse_transform([np.array([1.0, 2.0]), np.array([0.0, 3.0, code])])
    with pytest.raises(ValueError, match="one channel of codes, got 2"):
        tokenizer.inverse_transform(np.ones((2, 3, 2)))


# ---- dtypes ----


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, np.float32, "float64"])
def test_dtype(dtype):
    X = SequenceTokenizer(dtype=dtype).fit_transform(TEXTS)
    assert X.dtype == dtype and codes_of(X) == codes_of(SequenceTokenizer().fit_transform(TEXTS))


@pytest.mark.parametrize("dtype", [np.int8, np.float16, bool, "U3"])
def test_a_dtype_must_hold_the_codes(dtype):
    words = [f"w{i}" for i in range(5000)]
    for call in (SequenceTokenizer.fit, SequenceTokenizer.transform):
        with pytest.raises(ValueError, match=r"cannot hold the codes 0 to 5000\. Set a wider one"):
            call(tokenizer_of(dtype=dtype, vocabulary=words), words)


# ---- as an estimator ----


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")  # most are for tables
@parametrize_with_checks([SequenceTokenizer()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_clone_and_pickle():
    tokenizer = tokenizer_of(max_features=4).fit(TEXTS)
    again = pickle.loads(pickle.dumps(tokenizer))
    assert codes_of(again.transform(TEXTS)) == codes_of(tokenizer.transform(TEXTS))
    twin = clone(tokenizer)
    assert twin.vectorizer.max_features == 4 and twin.vectorizer is not tokenizer.vectorizer
    reads = lambda: twin.transform(TEXTS), lambda: twin.inverse_transform([[1]])
    methods = *reads, twin.get_vocabulary, twin.get_feature_names_out
    for call in methods:
        with pytest.raises(NotFittedError):
            call()


@pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")
def test_a_classifier_learns_the_order_of_words():
    """Which a bag of words cannot: both classes have the same words."""
    rng = np.random.default_rng(0)
    subjects, objects = ["dog", "man", "cat"], ["fish", "bird", "mouse"]
    texts, labels = [], []
    for _ in range(120):
        pair = [rng.choice(subjects), rng.choice(objects)]
        flipped = rng.random() < 0.5
        texts.append(" eats ".join(pair[::-1] if flipped else pair))
        labels.append("odd" if flipped else "fine")
    model = make_pipeline(SequenceTokenizer(), LSTMClassifier(8, categorical_features="all", max_iter=20, random_state=0))
    assert model.fit(texts[:80], labels[:80]).score(texts[80:], labels[80:]) > 0.95
    assert model.predict(["horse eats bird"]).shape == (1,)  # with a word it has not seen
    vectorizer = "sequencetokenizer__vectorizer__"
    grid = {f"{vectorizer}max_features": [2, None], f"{vectorizer}analyzer": ["word", "char"]}
    model.set_params(lstmclassifier__max_iter=2)
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(texts, labels)
    assert len(search.cv_results_["params"]) == 4


def test_one_hot_instead_of_vectors():
    n_codes = len(SequenceTokenizer().fit(TEXTS).get_vocabulary())
    encoder = OneHotEncoder(categories=[range(n_codes)])
    pipe = make_pipeline(SequenceTokenizer(), PerStep(encoder))
    X = pipe.fit_transform(TEXTS)
    assert X.n_channels == n_codes
    assert pipe.get_feature_names_out().tolist() == [f"token_{code}" for code in range(n_codes)]
    np.testing.assert_array_equal(X.values.argmax(axis=1), SequenceTokenizer().fit_transform(TEXTS).values[:, 0])


def test_a_column_of_a_table():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": TEXTS, "stars": [1, 2, 3, 4]})
    assert len(SequenceTokenizer().fit_transform(frame["text"])) == 4
    with pytest.raises(ValueError, match=r"got DataFrame of shape \(4, 2\)\. Pass a list, or one column"):
        SequenceTokenizer().fit(frame)
    columns = ColumnTransformer([("words", tokenizer_of(), "text")])
    assert columns.get_params()["words__vectorizer__max_df"] == 1.0


# ---- what is refused ----

REFUSED = {
    "text": ({}, "one text", "Iterable over raw text documents expected, string object received.*list of one"),
    "bytes": ({}, b"one text", "string object received"),
    "number": ({}, 3, "documents expected, got int"),
    "nothing": ({}, None, "documents expected, got NoneType"),
    "mapping": ({}, {"a": "b"}, "documents expected, got dict"),
    "table": ({}, np.array([["a", "b"]]), r"got ndarray of shape \(1, 2\)"),
    "no document": ({}, [], r"0 sample\(s\).*no document"),
    "NaN": ({}, ["a", np.nan], r"Document 1 is nan \(float\), expected text\. Drop it"),
    "None": ({}, [None], r"Document 0 is None \(NoneType\)"),
    "a list of words": ({}, [["a", "b"]], r"Document 0 is \['a', 'b'\] \(list\)"),
    "only stop words": ({"stop_words": ["a"]}, ["a", "a a"], "empty vocabulary"),
    "nothing left": ({"min_df": 3}, ["a", "b"], r"no terms remain|max_df corresponds to < documents than min_df"),
    "analyzer": ({"analyzer": "letters"}, TEXTS, "'analyzer' parameter of CountVectorizer"),
    "n-grams of several lengths": ({"ngram_range": (1, 2)}, TEXTS, r"ngram_range=\(1, 2\) has .* no common order"),
    "handle_unknown": ({"handle_unknown": "ignore"}, TEXTS, "'handle_unknown' parameter"),
    "max_length": ({"max_length": 0}, TEXTS, "'max_length' parameter"),
    "truncate": ({"truncate": "middle"}, TEXTS, "'truncate' parameter"),
    "min_df": ({"min_df": -1}, TEXTS, "'min_df' parameter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    parameters, documents, words = REFUSED[name]
    for call in (SequenceTokenizer.fit, SequenceTokenizer.fit_transform):
        with pytest.raises(ValueError, match=words):
            call(tokenizer_of(**parameters), documents)
    if not parameters:
        with pytest.raises(ValueError, match=words):
            SequenceTokenizer().fit(TEXTS).transform(documents)


def test_lists_of_words_by_an_analyzer():
    assert codes_of(tokenizer_of(analyzer=list).fit_transform([["b", "a"], ["a"]])) == [[2, 1], [1]]


# ---- the vectorizer ----


def test_the_default_has_words_of_one_letter_and_that_of_scikit_learn_has_not():
    assert "a" in SequenceTokenizer().fit(TEXTS).vocabulary_
    assert "a" not in SequenceTokenizer(CountVectorizer()).fit(TEXTS).vocabulary_


def test_parameters_of_the_default_vectorizer_can_be_set():
    tokenizer = SequenceTokenizer().set_params(vectorizer__min_df=2, max_length=3)
    assert codes_of(tokenizer.fit_transform(TEXTS)) == codes_of(tokenizer_of(min_df=2, max_length=3).fit_transform(TEXTS))
    assert clone(tokenizer).vectorizer.min_df == 2 and SequenceTokenizer().vectorizer is None
    other = SequenceTokenizer().set_params(vectorizer=CountVectorizer(), vectorizer__lowercase=False)
    assert other.vectorizer.token_pattern == CountVectorizer().token_pattern and not other.vectorizer.lowercase
    with pytest.raises(ValueError, match="Invalid parameter 'no_such' for estimator CountVectorizer"):
        SequenceTokenizer().set_params(vectorizer__no_such=1)


def test_a_vectorizer_is_not_changed():
    vectorizer = CountVectorizer(max_features=3)
    before = dict(vars(vectorizer))
    tokenizer = SequenceTokenizer(vectorizer).fit(TEXTS)
    assert vars(vectorizer) == before and tokenizer.vectorizer is vectorizer
    given = CountVectorizer(vocabulary=["man"])
    before = dict(vars(given))
    SequenceTokenizer(given).transform(TEXTS)
    assert vars(given) == before


@pytest.mark.parametrize("name", OPTIONS)
def test_the_fitted_vectorizer_counts(name):
    tokenizer = tokenizer_of(**OPTIONS[name]).fit(TEXTS)
    expected = clone(tokenizer.vectorizer).fit_transform(TEXTS).toarray()
    np.testing.assert_array_equal(tokenizer.vectorizer_.transform(TEXTS).toarray(), expected)


def test_n_grams_of_one_length_in_their_order():
    tokenizer = SequenceTokenizer(CountVectorizer(ngram_range=(2, 2)))
    X = tokenizer.fit_transform(["dog bites man", "man bites dog bites"])
    words = [tokens.tolist() for tokens in tokenizer.inverse_transform(X)]
    assert words == [["dog bites", "bites man"], ["man bites", "bites dog", "dog bites"]]
    # A callable analyzer makes its own tokens, and n-grams of any lengths are its matter.
    SequenceTokenizer(CountVectorizer(analyzer=str.split, ngram_range=(1, 2))).fit(TEXTS)


class Halves(CountVectorizer):
    """Documents that are pairs of texts, whose tokens are tuples: the half of a word, and the word."""

    def build_analyzer(self):
        return lambda pair: [(half, word) for half, text in enumerate(pair) for word in text.split()]


def test_a_subclass_with_an_analyzer_of_its_own():
    tokenizer = SequenceTokenizer(Halves())
    X = tokenizer.fit_transform([("a b", "a"), ("b", "b")])
    assert codes_of(X) == [[1, 2, 3], [2, 4]]
    assert tokenizer.get_vocabulary().tolist() == ["<unknown>", (0, "a"), (0, "b"), (1, "a"), (1, "b")]
    assert codes_of(tokenizer.transform([("c", "a")])) == [[0, 3]]


@pytest.mark.parametrize(
    ("vectorizer", "words"),
    [
        (TfidfVectorizer(), "TfidfVectorizer, but a sequence of codes has no weights. Pass a CountVectorizer"),
        (HashingVectorizer(), "'vectorizer' parameter .* must be an instance of '.*CountVectorizer' or None"),
        (CountVectorizer, "'vectorizer' parameter"),
        ("char", "'vectorizer' parameter"),
        (CountVectorizer(token_pattern=3), "'token_pattern' parameter of CountVectorizer"),
    ],
)
def test_other_vectorizers_are_refused(vectorizer, words):
    for call in (SequenceTokenizer.fit, SequenceTokenizer.fit_transform):
        with pytest.raises(ValueError, match=words):
            call(SequenceTokenizer(vectorizer), TEXTS)


def test_a_wrong_parameter_of_the_vectorizer_changes_nothing():
    tokenizer = SequenceTokenizer()
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        tokenizer.set_params(vectorizer__nothing=1)
    assert tokenizer.vectorizer is None
