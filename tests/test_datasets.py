"""The generators of `sklstm.datasets`, each compared with a second, slow implementation, and their common properties."""

import doctest
import inspect
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.utils._param_validation import InvalidParameterError
from test_docs import documented

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, datasets
from sklstm.datasets import (
    ANOMALY_TYPES,
    REBER_SYMBOLS,
    make_adding_problem,
    make_anomalies,
    make_copy_memory,
    make_embedded_reber,
    make_seasonal,
    make_sine_mixture,
    make_temporal_order,
    reber_legal_next,
)
from sklstm.datasets.memory import MASK_VALUE
from sklstm.estimators.classifier import MASK_VALUE as MASK_VALUE_OF_CLASSIFIER

GENERATORS = [getattr(datasets, name) for name in datasets.__all__ if name.startswith("make_")]
RAGGED = [make_adding_problem, make_copy_memory, make_sine_mixture, make_temporal_order]
forms = pytest.mark.parametrize("ragged", [False, True], ids=["dense", "ragged"])


def arrays(data):
    """What a generator returned, as a list of plain arrays."""
    parts = data if isinstance(data, tuple) else (data,)
    return [array for part in parts for array in ([part.values, part.offsets] if isinstance(part, Sequences) else [part])]


# ---- what they have in common ----


@pytest.mark.parametrize("make", GENERATORS)
def test_random_state_determines_the_data(make):
    first, again, other = (arrays(make(200, random_state=seed)) for seed in (3, np.random.RandomState(3), 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    fresh, fresher = arrays(make(200)), arrays(make(200))
    assert not all(np.array_equal(a, b) for a, b in zip(fresh, fresher, strict=True))


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("make", GENERATORS)
def test_global_random_state_is_not_touched(make, seed):
    before = np.random.get_state()  # noqa: NPY002
    make(100, random_state=seed)
    after = np.random.get_state()  # noqa: NPY002
    assert before[2] == after[2] and np.array_equal(before[1], after[1])


@pytest.mark.parametrize("make", RAGGED)
def test_shapes_types_and_lengths(make):
    name, longest = ("lag", 21) if make is make_copy_memory else ("n_steps", 21)
    X, y = make(500, **{name: longest}, random_state=0)
    extra = X.shape[1] - longest  # of copy memory: what is shown and recalled
    assert X.ndim == 3 and len(X) == len(y) == 500 and X.dtype == np.float64 and extra == (20 if name == "lag" else 0)
    X_ragged, y_ragged = make(500, **{name: longest}, ragged=True, random_state=0)
    assert isinstance(X_ragged, Sequences) and X_ragged.n_channels == X.shape[2] and X_ragged.dtype == np.float64
    assert len(X_ragged) == len(y_ragged) == 500 and y_ragged.dtype == y.dtype
    # Half of 21 is rounded up, for "at least half" to be true; all lengths occur in 500 draws.
    assert set(X_ragged.lengths - extra) == set(range(11, 22))


@pytest.mark.parametrize(
    ("make", "least"), [(make_adding_problem, 2), (make_copy_memory, 1), (make_temporal_order, 10), (make_sine_mixture, 1)]
)
@forms
def test_the_shortest_sequences(make, least, ragged):
    name = "lag" if make is make_copy_memory else "n_steps"
    X, y = make(5, **{name: least}, ragged=ragged, random_state=0)
    n_steps = least + 20 if name == "lag" else least
    assert len(y) == 5 and all(len(x) == n_steps for x in X)
    with pytest.raises(ValueError, match=f"'{name}' parameter of {make.__name__} must be"):
        make(5, **{name: least - 1}, ragged=ragged)


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        *((make, next(iter(inspect.signature(make).parameters)), 0) for make in GENERATORS),
        *((make, "random_state", "seed") for make in GENERATORS),
        *((make, "ragged", "yes") for make in RAGGED),
        (make_adding_problem, "n_steps", 10.0),
        (make_copy_memory, "n_copy", 0),
        (make_copy_memory, "n_symbols", 1),
        (make_copy_memory, "masked", None),
        (make_temporal_order, "n_bits", 4),
        (make_temporal_order, "encode", "no"),
        (make_embedded_reber, "targets", "next"),
        (make_embedded_reber, "encode", None),
        (make_sine_mixture, "n_channels", 0),
        (make_sine_mixture, "n_classes", 1),
        (make_sine_mixture, "n_components", 0),
        (make_sine_mixture, "noise", -0.1),
        (make_sine_mixture, "targets", "phase"),
        (make_anomalies, "n_steps", 0),
        (make_anomalies, "kind", "arma"),
        (make_anomalies, "anomalies", "shift"),
        (make_anomalies, "rate", 0.6),
        (make_anomalies, "size", -1),
        (make_anomalies, "duration", 1),
        (make_anomalies, "period", 8),
        (make_anomalies, "correlation", 1.1),
        (make_anomalies, "missing", None),
        (make_anomalies, "clean_fraction", 1),
        (make_anomalies, "targets", "kinds"),
        (make_seasonal, "n_harmonics", 0),
        (make_seasonal, "period", 2),
        (make_seasonal, "period", None),
        (make_seasonal, "trend", np.inf),
        (make_seasonal, "noise", -1),
        (make_seasonal, "window", 0),
        (make_seasonal, "horizon", 0),
    ],
)
def test_a_wrong_parameter_is_named(make, name, value):
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of {make.__name__} must be .* Got"):
        make(**{name: value})


@pytest.mark.parametrize("make", GENERATORS)
def test_options_are_keywords(make):
    assert [p.kind for p in inspect.signature(make).parameters.values()][1:].count(inspect.Parameter.KEYWORD_ONLY) == (
        len(inspect.signature(make).parameters) - 1
    )


@pytest.mark.parametrize("make", [*GENERATORS, reber_legal_next])
def test_docstrings_describe_the_parameters_and_their_examples_run(make):
    parameters = inspect.signature(make).parameters
    assert documented(make, "Parameters") == list(parameters)
    for name, parameter in parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            (line,) = re.findall(rf"^\s*{name} : .*$", make.__doc__, flags=re.MULTILINE)
            assert line.endswith(f"default={parameter.default}".replace("'", '"')) or f'default="{parameter.default}"' in line
    runner = doctest.DocTestRunner()
    (test,) = doctest.DocTestFinder(recurse=False).find(make, make.__name__, globs={})
    assert test.examples and runner.run(test).failed == 0


def test_public_names():
    assert {name for name in datasets.__all__ if name.startswith("make_")} == {make.__name__ for make in GENERATORS}
    assert all(hasattr(datasets, name) for name in datasets.__all__) and datasets.__all__ == sorted(datasets.__all__)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("data", "model"),
    [
        (lambda: make_adding_problem(40, n_steps=6, ragged=True), LSTMRegressor()),
        (lambda: make_copy_memory(40, lag=3, n_copy=2), LSTMClassifier(return_sequences=True, categorical_features="all")),
        (
            lambda: make_copy_memory(40, lag=3, n_copy=2, masked=False, ragged=True),
            LSTMClassifier(return_sequences=True, categorical_features="all"),
        ),
        (lambda: make_temporal_order(40, n_steps=12, n_bits=2), LSTMClassifier()),
        (lambda: make_temporal_order(40, n_steps=12, n_bits=2, encode="ordinal"), LSTMClassifier(categorical_features="all")),
        (lambda: make_embedded_reber(40), LSTMClassifier(return_sequences=True)),
        (
            lambda: make_embedded_reber(40, targets="legal", encode="ordinal"),
            LSTMClassifier(return_sequences=True, categorical_features="all"),
        ),
        (lambda: make_sine_mixture(40, n_steps=5, ragged=True), LSTMClassifier()),
        (lambda: make_sine_mixture(40, n_steps=5, targets="amplitude"), LSTMRegressor()),
        (lambda: make_seasonal(60, window=12, horizon=2), LSTMRegressor()),
        (
            lambda: make_anomalies(40, n_steps=30, n_channels=2, duration=5, clean_fraction=0, random_state=0),
            LSTMClassifier(return_sequences=True),
        ),
    ],
)
def test_estimators_and_splitters_take_them(data, model):
    X, y = data()
    model = clone(model).set_params(hidden_size=4, max_iter=1)
    assert np.isfinite(cross_val_score(model, X, y, cv=2, error_score="raise")).all()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    answers = model.fit(X_train, y_train).predict(X_test)
    assert type(answers) is type(y_test) and len(answers) == len(y_test)


# ---- the problems, each by a rule of its own ----


@forms
def test_adding_problem(ragged):
    X, y = make_adding_problem(2000, n_steps=21, ragged=ragged, random_state=0)
    for x, total in zip(X, y, strict=True):
        marked = [t for t in range(len(x)) if x[t, 1] == 1]
        assert len(marked) == 2 and marked[0] < len(x) // 2 <= marked[1] and x[:, 1].sum() == 2
        assert total == x[marked[0], 0] + x[marked[1], 0]
    numbers = np.concatenate([x[:, 0] for x in X])
    assert numbers.min() >= 0 and numbers.max() < 1
    # The variance of y has a standard deviation of about 0.0044 in 2000 samples, the mean of the numbers of at most 0.002.
    assert abs(y.var() - 1 / 6) < 0.02 and abs(numbers.mean() - 0.5) < 0.01
    if not ragged:  # every place of either half is marked
        assert (X[:, :, 1].sum(axis=0) > 0).all()


@forms
@pytest.mark.parametrize("masked", [True, False])
def test_copy_memory(ragged, masked):
    X, y = make_copy_memory(300, lag=9, n_copy=4, n_symbols=3, masked=masked, ragged=ragged, random_state=0)
    shown_to_all = []
    for x, answers in zip(X, y, strict=True):
        codes, answers = x[:, 0].tolist(), answers.ravel().tolist()
        lag = len(codes) - 8
        shown = codes[:4]
        assert set(shown) <= {0, 1, 2}
        assert codes[4:] == [3] * (lag - 1) + [4] + [3] * 4, "blanks, the delimiter, blanks"
        assert answers == [MASK_VALUE if masked else 3] * (lag + 4) + shown
        shown_to_all.append(shown)
    frequencies = np.bincount(np.ravel(shown_to_all).astype(int)) / 1200
    assert np.abs(frequencies - 1 / 3).max() < 0.06  # four standard deviations


def test_the_mask_is_that_of_the_classifier():
    assert MASK_VALUE == MASK_VALUE_OF_CLASSIFIER


def read(x):
    """A sequence of the temporal order problem, in letters."""
    return "".join("EBabcdXY"[int(row[0]) if len(row) == 1 else row.tolist().index(1)] for row in x)


@forms
@pytest.mark.parametrize("n_bits", [2, 3])
def test_temporal_order(ragged, n_bits):
    X, y = make_temporal_order(400, n_steps=30, n_bits=n_bits, ragged=ragged, random_state=0)
    orders = {}
    for x, label in zip(X, y, strict=True):
        text = read(x)
        assert x.shape[1] == 8 and re.fullmatch(rf"E[abcd]*([XY][abcd]*){{{n_bits}}}B", text), text
        orders.setdefault(re.sub("[^XY]", "", text), set()).add(int(label))
    # The classes are numbered in the order of the alphabet.
    assert [orders[order] for order in sorted(orders)] == [{label} for label in range(2**n_bits)]


@pytest.mark.parametrize(("n_bits", "places"), [(2, [(10, 20), (50, 60)]), (3, [(10, 20), (33, 43), (66, 76)])])
def test_temporal_order_has_the_places_of_the_paper(n_bits, places):
    X, _ = make_temporal_order(1000, n_bits=n_bits, random_state=0)
    found = np.array([[t for t, symbol in enumerate(read(x)) if symbol in "XY"] for x in X])
    for column, (first, last) in zip(found.T, places, strict=True):
        assert set(column) == set(range(first, last + 1))


@pytest.mark.parametrize("n_steps", range(10, 45))
def test_temporal_order_keeps_its_places_apart(n_steps):
    X, _ = make_temporal_order(100, n_steps=n_steps, random_state=0)
    assert all(re.fullmatch("E[abcd]*([XY][abcd]*){3}B", read(x)) for x in X)


def test_temporal_order_in_codes_is_the_same():
    (X, y), (codes, y_codes) = (make_temporal_order(50, encode=encode, random_state=0) for encode in ("onehot", "ordinal"))
    np.testing.assert_array_equal(X.argmax(axis=2), codes[:, :, 0])
    np.testing.assert_array_equal(y, y_codes)


# Reber's grammar as an expression. T S* X ends with S, or joins with X the loop that P leads to; P X goes round that again.
LOOP = "T*V"
INNER = f"B(?:TS*XS|(?:TS*XX|P){LOOP}(?:PX{LOOP})*(?:PS|V))E"
STRING = re.compile(f"B(?:T{INNER}T|P{INNER}P)E")


def reber_strings(X, y):
    """Whole strings in letters: X and the last symbol of y."""
    for x, following in zip(X, y, strict=True):
        codes = x.argmax(axis=1) if x.shape[1] == 7 else x[:, 0].astype(int)
        assert codes[1:].tolist() == following[:-1, 0].tolist()
        yield "".join(REBER_SYMBOLS[code] for code in [*codes, following[-1, 0]])


@pytest.mark.parametrize("encode", ["onehot", "ordinal"])
def test_embedded_reber_strings_are_those_of_the_grammar(encode):
    X, y = make_embedded_reber(2000, encode=encode, random_state=0)
    strings = list(reber_strings(X, y))
    assert all(STRING.fullmatch(string) for string in strings)
    assert X.n_channels == (1 if encode == "ordinal" else 7) and y.n_channels == 1 and y.dtype.kind == "i"
    assert min(map(len, strings)) == 9
    # The commonest ones are those with the fewest choices: B x B TXS E x E and B x B PVV E x E, 1 in 16 each.
    for string in ("BTBTXSETE", "BPBTXSEPE", "BTBPVVETE", "BPBPVVEPE"):
        assert abs(strings.count(string) / 2000 - 1 / 16) < 0.022  # four standard deviations


def test_legal_symbols_are_those_that_a_string_can_go_on_with():
    # By enumeration: what strings of the grammar begin like this one, and how do they go on? All strings up to 14 symbols.
    whole, open_ = [], ["B"]
    while open_:
        open_ = [text + symbol for text in open_ for symbol in REBER_SYMBOLS if may_begin(text + symbol)]
        whole += [text for text in open_ if STRING.fullmatch(text)]
        open_ = [text for text in open_ if len(text) < 14]
    assert len(whole) > 50
    follows = {}
    for text in whole:
        for t in range(len(text)):
            follows.setdefault(text[:t], set()).add(text[t])
    for text in whole:
        if len(text) <= 10:  # short enough that all ways to go on end within 14 symbols
            for legal, t in zip(reber_legal_next(text[:-1]), range(1, len(text)), strict=True):
                assert {symbol for symbol, may in zip(REBER_SYMBOLS, legal, strict=True) if may} == follows[text[:t]]


def may_begin(text):
    """Whether a string of the grammar begins with the text: one of the ways to end it leads to a whole string."""
    inner = ["", "E", "SE", "XSE", "TXSE", "XVVE", "VVE", "PVVE", "BPVVE", "PSE", "VE"]
    outer = [a + b for a in [*inner, "TBPVVE", "PBPVVE"] for b in ("", "E", "TE", "PE")]
    return any(STRING.fullmatch(text + end) for end in outer)


def test_legal_targets():
    X, symbols = make_embedded_reber(200, random_state=0)
    same, legal = make_embedded_reber(200, targets="legal", random_state=0)
    np.testing.assert_array_equal(X.values, same.values)
    assert legal.n_channels == 7 and set(np.unique(legal.values)) == {0, 1} and legal.dtype.kind == "i"
    assert legal.values[np.arange(len(legal.values)), symbols.values[:, 0]].all(), "what came was legal"
    assert set(legal.values.sum(axis=1)) == {1, 2}
    for x, rows, following in zip(X, legal, symbols, strict=True):
        # The second symbol is the last but one, and only that is legal there.
        assert rows[-2].sum() == 1 and following[-2, 0] == x[1].argmax() and rows[-1].tolist() == [0] * 6 + [1]


def test_a_string_in_any_form():
    X, _ = make_embedded_reber(1, random_state=0)
    codes = X[0].argmax(axis=1)
    text = "".join(REBER_SYMBOLS[code] for code in codes)
    expected = reber_legal_next(text)
    assert expected.dtype == bool and expected.shape == (len(codes), 7)
    for form in (X[0], codes, codes.tolist(), codes[:, np.newaxis].astype(float)):
        np.testing.assert_array_equal(reber_legal_next(form), expected)
    assert reber_legal_next("").shape == (0, 7)
    assert not reber_legal_next("BTBTXSETE")[-1].any()


@pytest.mark.parametrize(
    ("string", "words"),
    [
        ("BTBTXSEPE", "symbol 7 .* is 'P', legal is T. Pass"),
        ("TBT", "symbol 0 .* is 'T', legal is B"),
        ("BTBPX", "symbol 4 .* is 'X', legal is T or V"),
        ("BTBTXSETEB", "symbol 9 .* legal is none: the string is at its end"),
        ("BTb", "has the symbol 'b'; the symbols are B, T, S"),
        ([0, 7], "neither text nor codes nor channels.*Pass text, codes"),
        ([0.5], "neither text nor codes"),
        (np.zeros((2, 7)), "neither text nor codes nor channels, got float64 of shape"),
        (np.zeros((2, 3)), "of shape .2, 3"),
        (["B", "T"], "neither text nor codes"),
    ],
)
def test_what_is_no_string_of_the_grammar(string, words):
    with pytest.raises(ValueError, match=words):
        reber_legal_next(string)


@forms
def test_sine_mixture_without_noise_is_what_the_rule_says(ragged):
    options = dict(n_steps=40, n_channels=2, n_classes=3, n_components=2, noise=0.0, ragged=ragged)
    X, y = make_sine_mixture(100, **options, random_state=0)
    assert set(y) == {0, 1, 2} and y.dtype.kind == "i"
    for x, label in zip(X, y, strict=True):
        # Sines and cosines of the class's frequencies span each channel, those of another class do not.
        left = [residual(x, [0.25 * (j * 3 + k + 1) / 6 for j in range(2)]) for k in range(3)]
        assert left[label] < 1e-10 and np.delete(left, label).min() > 0.01


@forms
def test_amplitudes_of_a_sine_mixture(ragged):
    options = dict(n_steps=40, n_channels=2, n_components=3, noise=0.0, targets="amplitude", ragged=ragged)
    X, y = make_sine_mixture(100, **options, random_state=0)
    assert y.shape == (100, 3) and y.min() > 0.5 and y.max() < 1.5
    for x, amplitudes in zip(X, y, strict=True):
        frequencies = [0.25 / 3, 0.5 / 3, 0.25]
        assert residual(x, frequencies) < 1e-10
        waves = np.linalg.lstsq(basis(len(x), frequencies), x, rcond=None)[0].reshape(2, 3, 2)
        np.testing.assert_allclose(np.hypot(*waves), np.repeat(amplitudes[:, np.newaxis], 2, axis=1), atol=1e-10)
    assert make_sine_mixture(7, n_components=1, targets="amplitude")[1].shape == (7,)


def basis(n_steps, frequencies):
    turns = 2 * np.pi * np.outer(np.arange(n_steps), frequencies)
    return np.hstack([np.sin(turns), np.cos(turns)])


def residual(x, frequencies):
    """Mean square of what sines of these frequencies leave of a sequence."""
    A = basis(len(x), frequencies)
    return np.mean((x - A @ np.linalg.lstsq(A, x, rcond=None)[0]) ** 2)


def test_noise_of_a_sine_mixture():
    X, _ = make_sine_mixture(200, n_steps=100, n_components=1, noise=0.5, targets="amplitude", random_state=0)
    left = np.mean([residual(x, [0.25]) for x in X])
    assert abs(left / (0.25 * 98 / 100) - 1) < 0.05, "the variance, less the two numbers fitted to 100"


def test_sine_classes_do_not_depend_on_the_seed():
    for seed in range(3):
        X, y = make_sine_mixture(30, noise=0.0, random_state=seed)
        assert all(residual(x, [0.25 * (k + 1) / 6, 0.25 * (k + 4) / 6]) < 1e-10 for x, k in zip(X, y, strict=True))


def test_seasonal_series_without_noise_is_a_line_and_its_seasons():
    series = make_seasonal(840, period=(7, 12.5), n_harmonics=3, trend=-0.02, noise=0, random_state=0)
    assert series.shape == (840,) and series.dtype == np.float64
    left = series + 0.02 * np.arange(840)
    for period in (7, 12.5):
        A = basis(840, [k / period for k in (1, 2, 3)])
        season = A @ np.linalg.lstsq(A, left, rcond=None)[0]
        # The other season is not orthogonal to the last digit over these 840 steps.
        assert abs(season.std() - 1) < 0.05, "a standard deviation of 1 in each season"
    both = np.hstack([basis(840, [k / period for k in (1, 2, 3)]) for period in (7, 12.5)])
    np.testing.assert_allclose(both @ np.linalg.lstsq(both, left, rcond=None)[0], left, atol=1e-10)


def test_a_season_repeats_and_has_a_standard_deviation_of_one():
    for seed in range(5):
        series = make_seasonal(240, n_harmonics=5, trend=0, noise=0, random_state=seed)
        np.testing.assert_allclose(series[24:], series[:-24], atol=1e-12)
        assert abs(series.std() - 1) < 1e-12 and abs(series.mean()) < 1e-12


def test_trend_and_noise_of_a_seasonal_series():
    quiet, noisy = (make_seasonal(20000, noise=noise, random_state=0) for noise in (0, 0.5))
    assert abs((noisy - quiet).std() / 0.5 - 1) < 0.03
    flat = make_seasonal(20000, trend=0, noise=0.5, random_state=0)
    np.testing.assert_allclose(noisy - flat, 0.001 * np.arange(20000), atol=1e-12)


@pytest.mark.parametrize("horizon", [1, 3])
def test_windows_of_a_seasonal_series(horizon):
    series = make_seasonal(50, random_state=0)
    X, y = make_seasonal(50, window=10, horizon=horizon, random_state=0)
    n = 50 - 10 - horizon + 1
    assert X.shape == (n, 10, 1) and y.shape == ((n,) if horizon == 1 else (n, horizon))
    for i in range(n):
        np.testing.assert_array_equal(X[i, :, 0], series[i : i + 10])
        np.testing.assert_array_equal(np.atleast_1d(y[i]), series[i + 10 : i + 10 + horizon])
    X[0] = 0  # windows are arrays of their own
    assert (X[1:] != 0).all()


def test_a_window_may_be_the_whole_series():
    X, y = make_seasonal(10, window=7, horizon=3)
    assert X.shape == (1, 7, 1) and y.shape == (1, 3)
    with pytest.raises(ValueError, match=r"need a series of at least 11 steps, got n_steps=10\. Raise"):
        make_seasonal(10, window=8, horizon=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(period=(24, 2)), "more than 2 . n_harmonics = 2 steps, got period=.24, 2.. Lower"),
        (dict(period=6, n_harmonics=3), "more than 2 . n_harmonics = 6 steps"),
        (dict(period=[24, np.nan]), "more than 2"),
        (dict(period=[]), "period must be a number of steps or a list of such"),
        (dict(period=["day"]), "period must be a number of steps"),
        (dict(period=[[24, 168]]), "period must be a number of steps"),
    ],
)
def test_wrong_periods(options, words):
    with pytest.raises(ValueError, match=words):
        make_seasonal(**options)


# ---- anomalies ----

KINDS = ("ar", "ou", "seasonal")
FIRST = 1000  # step that may be an anomaly, of 2000


def stretches(codes):
    """First steps, lengths and codes of the runs of equal codes (n_steps,) that are not 0."""
    edges = np.flatnonzero(np.diff(codes, prepend=0, append=0))
    starts = [a for a in edges if a < len(codes) and codes[a]]
    return [(int(a), int(min(b for b in edges if b > a) - a), int(codes[a])) for a in starts]


@pytest.mark.parametrize("kind", KINDS)
def test_anomalies_are_where_the_truth_says_and_nowhere_else(kind):
    options = dict(n_steps=2000, n_channels=3, kind=kind, duration=40, random_state=0)
    clean, none = make_anomalies(30, rate=0, **options)
    X, channels = make_anomalies(30, rate=0.1, targets="channels", **options)
    _, steps = make_anomalies(30, rate=0.1, **options)
    _, types = make_anomalies(30, rate=0.1, targets="types", **options)
    assert not none.any() and not types[:, :FIRST].any() and X.shape == channels.shape == (30, 2000, 3)
    np.testing.assert_array_equal(X[channels == 0], clean[channels == 0])
    assert (X[channels == 1] != clean[channels == 1]).all()
    np.testing.assert_array_equal(steps, channels.max(axis=2))
    np.testing.assert_array_equal(steps, types > 0)
    assert channels.sum(axis=2).max() == 1 and channels.any(axis=(0, 1)).all(), "one channel at a time, each of them some time"
    share = steps[:, FIRST:].mean(axis=1)
    assert (share <= 0.1).all() and (share > 0.1 - 40 / 1000).all()
    found = [stretch for row in types for stretch in stretches(row)]
    spikes, periods = ({n for _, n, code in found if (ANOMALY_TYPES[code] == "spike") == is_spike} for is_spike in (True, False))
    # Runs of adjacent anomalies cannot be: they are 40 steps apart, which is room enough here.
    assert spikes == {1} and periods <= set(range(20, 41)) and len(periods) > 15
    assert {ANOMALY_TYPES[code] for _, _, code in found} == set(ANOMALY_TYPES) - {"normal"}
    starts = [[a for a, _, _ in stretches(row)] for row in types]
    assert all(min(np.diff(of), default=40) >= 40 for of in starts) and np.std(np.concatenate(starts)) > 200


@pytest.mark.parametrize("kind", KINDS)
def test_what_each_type_of_anomaly_does(kind):
    options = dict(n_steps=2000, n_channels=2, kind=kind, duration=40, random_state=0)
    clean, _ = make_anomalies(20, rate=0, **options)
    for name, height in (("spike", 3.0), ("level_shift", 3.0), ("missing", None)):
        X, y = make_anomalies(20, anomalies=name, size=3, targets="channels", **options)
        if height:
            np.testing.assert_allclose(np.abs(X - clean)[y == 1], height, rtol=1e-12)
            assert set(np.sign(X - clean)[y == 1]) == {-1, 1}
        for i, channel in np.ndindex(20, 2):
            for a, n, _ in stretches(y[i, :, channel]):
                assert n == 1 or name != "spike"
                shift = X[i, a : a + n, channel] - (X[i, a - 1, channel] if name == "missing" else clean[i, a : a + n, channel])
                np.testing.assert_allclose(shift, shift[0], atol=1e-12)
                assert name != "missing" or shift[0] == 0, "the last value, again and again"
    holes, y = make_anomalies(20, anomalies=["missing"], missing="nan", targets="channels", **options)
    np.testing.assert_array_equal(np.isnan(holes), y == 1)


def test_clean_processes_have_unit_variance_and_the_autocorrelations_of_their_definition():
    rng_free = dict(n_steps=400, rate=0, n_channels=2, correlation=0.6, random_state=0)
    theory = {"ou": np.exp(-np.arange(1, 5) / 25), "ar": autocorrelations(np.exp((-1 + 2j * np.pi) / 25), 4)}
    for kind, expected in theory.items():
        X, _ = make_anomalies(2000, kind=kind, **rng_free)
        # 2000 independent series: a mean over them has a standard error of 1 / sqrt(2000) = 0.022 at most. At all times the same.
        for t in (0, 1, 395):
            products = [np.mean(X[:, t] * X[:, t + k], axis=0) for k in range(5)]
            np.testing.assert_allclose(products[0], 1, atol=0.13)  # the variance of a square is 2: four standard errors
            np.testing.assert_allclose(np.mean(products[1:], axis=1), expected, atol=0.13)
        np.testing.assert_allclose(np.mean(X[:, :, 0] * X[:, :, 1]), 0.6, atol=0.05)


def autocorrelations(pole, n):
    """Those of an autoregression of order 2 with this pole and its conjugate, at lags 1 to n, by the Yule-Walker equations."""
    phi_1, phi_2 = 2 * pole.real, -(abs(pole) ** 2)
    rho = [1.0, phi_1 / (1 - phi_2)]
    for _ in range(n - 1):
        rho.append(phi_1 * rho[-1] + phi_2 * rho[-2])
    return np.array(rho[1:])


@pytest.mark.parametrize("kind", ["ar", "ou"])
def test_a_frequency_anomaly_has_the_dynamics_of_twice_the_speed(kind):
    options = dict(n_steps=1000, n_channels=2, kind=kind, duration=200, clean_fraction=0, rate=0.2, random_state=0)
    X, y = make_anomalies(300, anomalies="frequency", targets="channels", **options)
    coefficients = {"ou": np.array([np.exp(-2 / 25), 0]), "ar": two_coefficients(np.exp((-1 + 2j * np.pi) / 12.5))}[kind]
    past, now = lags_within(X, y)
    found = np.linalg.lstsq(past, now, rcond=None)[0]
    # Some 30,000 steps: the coefficients have standard errors of 0.006 at most.
    np.testing.assert_allclose(found, coefficients, atol=0.03)
    assert abs(now.var() - 1) < 0.15, "the variance stays"


def two_coefficients(pole):
    return np.array([2 * pole.real, -(abs(pole) ** 2)])


def lags_within(X, y):
    """The two values before each step of an anomaly (n, 2), the newer one first, and the value of the step."""
    i, t, channel = np.nonzero(y)
    return np.stack([X[i, t - 1, channel], X[i, t - 2, channel]], axis=1), X[i, t, channel]


def test_a_broken_correlation_leaves_each_channel_alone():
    options = dict(n_steps=1000, n_channels=2, kind="ar", duration=200, clean_fraction=0, rate=0.2, random_state=0)
    X, y = make_anomalies(300, anomalies="correlation", targets="channels", **options)
    coefficients = two_coefficients(np.exp((-1 + 2j * np.pi) / 25))
    innovations = X[:, 2:] - coefficients[0] * X[:, 1:-1] - coefficients[1] * X[:, :-2]
    broken = y[:, 2:].any(axis=2)
    # The steps after an anomaly join what was before with what would have been.
    after = np.zeros_like(broken)
    for k in (1, 2):
        after[:, k:] |= broken[:, :-k] & ~broken[:, k:]
    inside, outside = (np.corrcoef(innovations[which].T)[0, 1] for which in (broken, ~broken & ~after))
    assert abs(inside) < 0.03 and abs(outside - 0.8) < 0.01
    past, now = lags_within(X, y)
    np.testing.assert_allclose(np.linalg.lstsq(past, now, rcond=None)[0], coefficients, atol=0.03)


def test_seasons_at_another_pace_or_another_time():
    options = dict(n_steps=600, n_channels=2, kind="seasonal", period=20, noise=0, duration=80, random_state=0)
    clean, _ = make_anomalies(20, rate=0, **options)
    np.testing.assert_allclose(clean[:, 20:], clean[:, :-20], atol=1e-10)
    for name, same_after in (("frequency", 10), ("correlation", 20)):
        X, y = make_anomalies(20, anomalies=name, targets="channels", **options)
        for i, channel in np.ndindex(20, 2):
            for a, n, _ in stretches(y[i, :, channel]):
                x = X[i, a : a + n, channel]
                np.testing.assert_allclose(x[same_after:], x[:-same_after], atol=1e-10)
                if name == "frequency":
                    assert abs(x[0] - clean[i, a, channel]) < 1e-12, "it begins where the season is"


def test_an_anomaly_in_every_series_however_low_the_rate():
    _, y = make_anomalies(50, n_steps=300, duration=20, rate=1e-6, targets="types", random_state=0)
    assert all(len(stretches(row)) == 1 for row in y)
    with pytest.raises(ValueError, match=r"need at least 100 steps after the 90 clean ones, got n_steps=180\. Raise"):
        make_anomalies(n_steps=180)
    assert not make_anomalies(n_steps=2, rate=0)[1].any()


@pytest.mark.parametrize(
    ("anomalies", "words"),
    [
        (["spikes"], "names among 'spike', 'level_shift', .*, got .'spikes'.. Pass"),
        (["normal"], "names among"),
        ([], "names among"),
        ([[1]], "names among"),
        (["spike", "correlation"], "'correlation' need at least two channels, got n_channels=1. Raise"),
        ("correlation", "need at least two channels"),
    ],
)
def test_wrong_types_of_anomalies(anomalies, words):
    with pytest.raises(ValueError, match=words):
        make_anomalies(anomalies=anomalies)
