"""Scorers of steps, scikit-learn's scorers for models that predict every step, calibration and coverage."""

import copy
import pickle

import numpy as np
import pytest
import sklearn
from scipy.special import softmax
from sklearn.base import clone
from sklearn.calibration import calibration_curve
from sklearn.inspection import permutation_importance
from sklearn.metrics import fbeta_score, get_scorer, make_scorer, mean_pinball_loss
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.metrics import (
    edit_distance_rate,
    exact_match_score,
    expected_calibration_error,
    interval_coverage,
    quantile_coverage,
    sequence_scorer,
    step_scorer,
)
from sklstm.preprocessing import PerStep

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STEPS = {"hidden_size": 3, "max_iter": 3, "return_sequences": True, "random_state": 0}
N, T = 24, 5
X = np.random.default_rng(0).normal(size=(N, T, 2))
LENGTHS = np.random.default_rng(1).integers(2, T + 1, N)
RAGGED = [x[:n] for x, n in zip(X, LENGTHS, strict=True)]


def cut(y):
    """y of the steps of `RAGGED`."""
    return [a[:n] for a, n in zip(y, LENGTHS, strict=True)]


def container(y):
    flat = np.concatenate(y)
    return Sequences(flat.reshape(len(flat), -1), np.cumsum([0, *map(len, y)]))


BINARY = (X[:, :, 0] > 0).astype(int)
TEXTS = np.where(BINARY, "up", "down")
MANY = BINARY + (X[:, :, 1] > 0)
SEVERAL = (X > 0).astype(int)
NUMBERS = X[:, :, 0] + X[:, :, 1]
CASES = [
    ("accuracy", BINARY), ("f1", BINARY), ("roc_auc", BINARY), ("average_precision", BINARY), ("neg_log_loss", BINARY),
    ("f1_macro", TEXTS), ("balanced_accuracy", TEXTS), ("f1_macro", MANY), ("roc_auc_ovr", MANY), ("neg_log_loss", MANY),
    ("accuracy", SEVERAL), ("f1_macro", SEVERAL), ("roc_auc", SEVERAL), ("average_precision", SEVERAL),
    ("r2", NUMBERS), ("neg_mean_squared_error", NUMBERS), ("neg_root_mean_squared_error", NUMBERS),
    ("neg_max_error", NUMBERS), ("d2_absolute_error_score", NUMBERS), ("r2", X), ("neg_mean_absolute_error", X),
]  # fmt: skip


def model_for(y):
    return (LSTMRegressor if y.dtype.kind == "f" else LSTMClassifier)(**STEPS)


class Flat:
    """A model of rows, whose predictions are known: what a scorer of steps amounts to."""

    def __init__(self, model, X):
        self._estimator_type = "regressor" if isinstance(model, LSTMRegressor) else "classifier"
        if self._estimator_type == "classifier":
            several = np.ndim(model.predict(X)[0]) == 2
            self.classes_ = [np.arange(2)] * len(model.classes_) if several else model.classes_
            self.predict_proba = self._method(model, "predict_proba")
        self.predict, self.tags = self._method(model, "predict"), model.__sklearn_tags__()

    def _method(self, model, name):
        def method(X):
            return np.concatenate(list(getattr(model, name)(X)))

        method.__name__ = name
        return method

    def __sklearn_tags__(self):
        return self.tags


@pytest.mark.parametrize(("name", "y"), CASES)
def test_it_is_the_metric_of_all_steps_one_after_the_other(name, y):
    labels, weights = cut(y), [np.random.default_rng(2).uniform(size=n) for n in LENGTHS]
    model, scorer = model_for(y).fit(RAGGED, labels), step_scorer(name)
    expected = get_scorer(name)(Flat(model, RAGGED), RAGGED, np.concatenate(labels))
    assert scorer(model, RAGGED, labels) == expected
    in_sequences = clone(model).fit(RAGGED, container(labels))
    assert scorer(in_sequences, Sequences.from_list(RAGGED), container(labels)) == expected
    if scorer._scorer._accept_sample_weight() and name != "neg_max_error":
        weighted = get_scorer(name)(Flat(model, RAGGED), RAGGED, np.concatenate(labels), sample_weight=np.concatenate(weights))
        assert scorer(model, RAGGED, labels, sample_weight=weights) == weighted
    # Of equal length, an array.
    dense = model_for(y).fit(X, y)
    assert scorer(dense, X, y) == get_scorer(name)(Flat(dense, X), X, y.reshape(N * T, *y.shape[2:]))


@pytest.mark.parametrize(("y", "mask"), [(BINARY, -100), (TEXTS, None), (NUMBERS, np.nan), (X, np.nan)])
def test_masked_steps_are_left_out(y, mask):
    name = "r2" if y.dtype.kind == "f" else "accuracy"
    labels = [a.astype(object) if mask is None else a.copy() for a in cut(y)]
    model = model_for(y).fit(RAGGED, labels)
    weights = [np.ones(n) for n in LENGTHS]
    expected_from = step_scorer(name)(model, RAGGED, cut(y))
    for i in range(0, N, 2):
        labels[i][0], weights[i][0] = mask, 0
    score = step_scorer(name)(model, RAGGED, labels)
    assert score == model.score(RAGGED, labels) == pytest.approx(step_scorer(name)(model, RAGGED, cut(y), sample_weight=weights))
    assert score != expected_from
    with pytest.raises(ValueError, match="nothing to score"):
        step_scorer(name)(model, RAGGED, [np.full(a.shape, mask, a.dtype) for a in labels])


@pytest.mark.parametrize("y", [BINARY, TEXTS, SEVERAL, NUMBERS, X], ids=["binary", "texts", "multilabel", "numbers", "rows"])
@pytest.mark.parametrize("form", ["array", "lists", "Sequences"])
def test_cross_validation_gives_what_score_gives(y, form):
    data, labels = {
        "array": (X, y), "lists": (RAGGED, cut(y)), "Sequences": (Sequences.from_list(RAGGED), container(cut(y)))
    }[form]  # fmt: skip
    model, name = model_for(y), "r2" if y.dtype.kind == "f" else "accuracy"
    settings = {"cv": KFold(3), "error_score": "raise"}
    expected = cross_val_score(model, data, labels, **settings)
    np.testing.assert_array_equal(cross_val_score(model, data, labels, scoring=step_scorer(name), **settings), expected)
    for scoring in (name, make_scorer(get_scorer(name)._score_func)):
        with pytest.raises(ValueError, match=r"cannot score steps.*step_scorer\(") as caught:
            cross_val_score(model, data, labels, scoring=scoring, **settings)
    # The advice works.
    scoring = eval(str(caught.value).split("scoring=")[1].split(", or")[0].replace("sklstm.metrics.", ""), {
        "step_scorer": step_scorer, "scorer": scoring
    })  # fmt: skip
    np.testing.assert_array_equal(cross_val_score(model, data, labels, scoring=scoring, **settings), expected)


@pytest.mark.parametrize("name", ["f1_macro", "neg_log_loss", "roc_auc", "average_precision", "balanced_accuracy"])
@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: make_pipeline(PerStep(StandardScaler()), m)], ids=["bare", "pipeline"])
def test_scikit_learns_scorers_of_classes_are_refused(name, wrap):
    model = wrap(LSTMClassifier(**STEPS)).fit(X, BINARY)
    with pytest.raises(ValueError, match=f"cannot score steps.*step_scorer\\('{name}'\\)"):
        get_scorer(name)(model, X, BINARY)
    assert np.isfinite(step_scorer(name)(model, X, BINARY))


@pytest.mark.parametrize("name", ["neg_mean_squared_error", "neg_mean_absolute_error", "neg_mean_absolute_percentage_error"])
def test_means_over_all_steps_may_be_taken_by_scikit_learn(name):
    model = LSTMRegressor(**STEPS).fit(X, NUMBERS)
    assert get_scorer(name)(model, X, NUMBERS) == pytest.approx(step_scorer(name)(model, X, NUMBERS), rel=1e-12)
    with pytest.raises(ValueError, match="cannot score steps"):
        get_scorer(name)(model, RAGGED, cut(NUMBERS))


def test_scorers_that_users_wrote_get_the_predictions():
    def share(y, predicted):
        return float(np.mean(y == predicted))

    class LastStep(LSTMClassifier):
        def predict(self, X):
            return super().predict(X)[:, -1]

    model = LSTMClassifier(**STEPS).fit(X, BINARY)
    assert make_scorer(share)(model, X, BINARY) == model.score(X, BINARY)
    last = LastStep(**STEPS).fit(X, BINARY)
    assert get_scorer("accuracy")(last, X, BINARY[:, -1]) == np.mean(last.predict(X) == BINARY[:, -1])


def test_a_search_does_not_pick_by_nan_without_a_word():
    search = GridSearchCV(LSTMClassifier(**STEPS), {"max_iter": [1, 2]}, cv=2, scoring="f1")
    with pytest.warns(UserWarning) as caught:
        search.fit(RAGGED, cut(BINARY))
    said = " ".join(str(warning.message) for warning in caught)
    assert "non-finite" in said and "cannot score steps" in said and "step_scorer('f1')" in said


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_grid_search(n_jobs):
    scoring = {"f1": step_scorer("f1_macro"), "loss": step_scorer("neg_log_loss")}
    grid = {"max_iter": [1, 3]}
    search = GridSearchCV(LSTMClassifier(**STEPS), grid, cv=2, scoring=scoring, refit="f1", n_jobs=n_jobs, error_score="raise")
    search.fit(RAGGED, cut(BINARY))
    assert np.isfinite(search.cv_results_["mean_test_loss"]).all()
    assert search.score(RAGGED, cut(BINARY)) == step_scorer("f1_macro")(search, RAGGED, cut(BINARY))


def test_copies_are_the_same_scorer():
    model = LSTMClassifier(**STEPS).fit(RAGGED, cut(BINARY))
    scorer = step_scorer(fbeta_score, beta=2, average="macro")
    expected = scorer(model, RAGGED, cut(BINARY))
    in_a_search = clone(GridSearchCV(model, {}, scoring=scorer)).scoring
    for other in (pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer), in_a_search):
        assert other(model, RAGGED, cut(BINARY)) == expected
        assert repr(other) == "step_scorer('fbeta_score', beta=2, average='macro')"
    assert repr(step_scorer("f1")) == "step_scorer('f1')"


def test_functions_and_scorers_as_the_metric():
    regressor = LSTMRegressor(**STEPS).fit(RAGGED, cut(NUMBERS))
    loss = step_scorer(mean_pinball_loss, alpha=0.9)(regressor, RAGGED, cut(NUMBERS))
    positive = step_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=True)
    assert loss == -positive(regressor, RAGGED, cut(NUMBERS)) < 0
    classifier = LSTMClassifier(**STEPS).fit(RAGGED, cut(BINARY))
    expected = step_scorer(fbeta_score, beta=2)(classifier, RAGGED, cut(BINARY))
    assert step_scorer(make_scorer(fbeta_score, beta=2))(classifier, RAGGED, cut(BINARY)) == expected
    assert step_scorer(make_scorer(fbeta_score, beta=1), beta=2)(classifier, RAGGED, cut(BINARY)) == expected

    def mean_probability(y, proba):
        return float(np.mean(proba[np.arange(len(y)), y]))

    by_function = step_scorer(mean_probability, response_method="predict_proba")
    with pytest.raises(IndexError):  # of two classes, scikit-learn hands over the probability of the second only
        by_function(classifier, RAGGED, cut(BINARY))
    three = LSTMClassifier(**STEPS).fit(RAGGED, cut(MANY))
    assert 0 < by_function(three, RAGGED, cut(MANY)) < 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: step_scorer("f1_makro"), "not the name of a scorer"),
        (lambda: step_scorer(3), "must be the name of a scorer or a function"),
        (lambda: step_scorer("r2", greater_is_better=False), "sign of its own"),
        (lambda: step_scorer(make_scorer(fbeta_score, beta=2), response_method="predict"), "sign of its own"),
    ],
)
def test_what_is_no_metric(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_models_of_sequences_are_scored_as_usual():
    y = TEXTS[:, -1]
    model = LSTMClassifier(hidden_size=3, max_iter=3, random_state=0).fit(X, y)
    for name in ("accuracy", "roc_auc", "f1_macro"):
        assert step_scorer(name)(model, X, y) == get_scorer(name)(model, X, y)
    weights = np.arange(N) + 1.0
    assert step_scorer("f1_macro")(model, X, y, sample_weight=weights) == get_scorer("f1_macro")(
        model, X, y, sample_weight=weights
    )
    named = Sequences(X.reshape(-1, 2), T * np.arange(N + 1), ids=np.arange(N) + 100)
    by_id = {int(who): label for who, label in zip(named.ids[::-1], y[::-1], strict=True)}
    assert step_scorer("accuracy")(model, named, by_id) == model.score(X, y)


def test_metadata_routing():
    weights = [np.random.default_rng(3).uniform(size=n) for n in LENGTHS]
    data = {"X": RAGGED, "y": cut(BINARY), "cv": KFold(2), "params": {"sample_weight": weights}, "error_score": "raise"}
    with sklearn.config_context(enable_metadata_routing=True):
        model = LSTMClassifier(**STEPS).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        expected = cross_validate(model, **data)["test_score"]
        weighted = step_scorer("accuracy").set_score_request(sample_weight=True)
        np.testing.assert_array_equal(cross_validate(model, scoring=weighted, **data)["test_score"], expected)
        unweighted = step_scorer("accuracy").set_score_request(sample_weight=False)
        assert (cross_validate(model, scoring=unweighted, **data)["test_score"] != expected).any()
        with pytest.raises(ValueError, match="sample_weight"):
            cross_validate(model, scoring=step_scorer("accuracy"), **data)


def test_other_tools_of_scikit_learn():
    model, y = LSTMClassifier(**STEPS), cut(BINARY)
    scores = learning_curve(model, RAGGED, y, cv=2, train_sizes=[0.5, 1.0], scoring=step_scorer("accuracy"))[2]
    np.testing.assert_array_equal(scores, learning_curve(model, RAGGED, y, cv=2, train_sizes=[0.5, 1.0])[2])
    flat = LSTMClassifier(**STEPS).fit(X[:, :, 0], BINARY)
    settings = {"n_repeats": 2, "random_state": 0}
    by_scorer = permutation_importance(flat, X[:, :, 0], BINARY, scoring=step_scorer("accuracy"), **settings)
    np.testing.assert_array_equal(by_scorer.importances, permutation_importance(flat, X[:, :, 0], BINARY, **settings).importances)
    predicted = cross_val_predict(model, X, BINARY, cv=KFold(2))
    assert predicted.shape == BINARY.shape
    halves = [slice(N // 2, N), slice(N // 2)]
    expected = np.concatenate([clone(model).fit(X[half], BINARY[half]).predict(X[other]) for half, other in zip(
        halves, halves[::-1], strict=True
    )])  # fmt: skip
    np.testing.assert_array_equal(predicted, expected)


# ---- calibration ----

DRAWN = np.random.default_rng(3)
PROBABILITIES = DRAWN.uniform(size=500)
HAPPENED = (DRAWN.uniform(size=500) < PROBABILITIES**2).astype(int)
ROWS = softmax(2 * DRAWN.normal(size=(500, 3)), axis=1)
CLASSES = np.array(["a", "b", "c"])[DRAWN.integers(0, 3, 500)]


def slow_error(happened, probabilities, weights, n_bins):
    """The definition, bin by bin."""
    total = 0.0
    for b in range(n_bins):
        inside = (probabilities > b / n_bins) & (probabilities <= (b + 1) / n_bins)
        total += abs(np.sum(weights[inside] * (happened[inside] - probabilities[inside])))
    return total / weights.sum()


@pytest.mark.parametrize("n_bins", [1, 5, 10, 37])
def test_the_calibration_error_is_its_definition(n_bins):
    weights = np.random.default_rng(0).uniform(size=500)
    found = expected_calibration_error(HAPPENED, PROBABILITIES, sample_weight=weights, n_bins=n_bins)
    assert found == pytest.approx(slow_error(HAPPENED, PROBABILITIES, weights, n_bins), rel=1e-12)
    top = expected_calibration_error(CLASSES, ROWS, n_bins=n_bins)
    right = CLASSES == np.array(["a", "b", "c"])[ROWS.argmax(axis=1)]
    assert top == pytest.approx(slow_error(right, ROWS.max(axis=1), np.ones(500), n_bins), rel=1e-12)
    each = [slow_error(CLASSES == label, ROWS[:, k], np.ones(500), n_bins) for k, label in enumerate("abc")]
    assert expected_calibration_error(CLASSES, ROWS, n_bins=n_bins, per_class=True) == pytest.approx(np.mean(each), rel=1e-12)
    indicators = CLASSES[:, np.newaxis] == ["a", "b", "c"]
    assert expected_calibration_error(indicators.astype(int), ROWS, n_bins=n_bins) == pytest.approx(np.mean(each), rel=1e-12)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_the_bins_are_those_of_scikit_learn(strategy):
    frequency, probability = calibration_curve(HAPPENED, PROBABILITIES, n_bins=7, strategy=strategy)
    edges = np.linspace(0, 1, 8) if strategy == "uniform" else np.quantile(PROBABILITIES, np.linspace(0, 1, 8))
    counts = np.bincount(np.searchsorted(edges[1:-1], PROBABILITIES))
    expected = np.average(np.abs(frequency - probability), weights=counts)
    assert expected_calibration_error(HAPPENED, PROBABILITIES, n_bins=7, strategy=strategy) == pytest.approx(expected, rel=1e-12)


def test_two_columns_are_the_probability_of_the_second_class():
    both = np.column_stack([1 - PROBABILITIES, PROBABILITIES])
    expected = expected_calibration_error(HAPPENED, PROBABILITIES)
    assert expected_calibration_error(HAPPENED, both) == expected
    assert expected_calibration_error(np.where(HAPPENED, "yes", "no"), both) == expected
    assert expected_calibration_error(HAPPENED == 1, both[:, 1:]) == expected
    assert expected_calibration_error([1, 1], [0.25, 0.75]) == 0.5  # the other class is 0
    assert expected_calibration_error(["no"], [0.25], labels=["yes", "no"]) == 0.25  # in sorted order, "yes" is the second


def test_samples_without_weight_are_ignored_and_weights_equal_repetitions():
    counts = np.random.default_rng(1).integers(0, 3, 500)
    repeated = expected_calibration_error(np.repeat(HAPPENED, counts), np.repeat(PROBABILITIES, counts))
    assert expected_calibration_error(HAPPENED, PROBABILITIES, sample_weight=counts) == pytest.approx(repeated, rel=1e-12)
    kept = counts > 0
    for strategy in ("uniform", "quantile"):
        alone = expected_calibration_error(HAPPENED[kept], PROBABILITIES[kept], strategy=strategy)
        weighted = expected_calibration_error(HAPPENED, PROBABILITIES, sample_weight=1.0 * kept, strategy=strategy)
        assert weighted == pytest.approx(alone, rel=1e-12)


def test_the_calibration_error_scores_steps():
    model = model_for(MANY).fit(X, MANY)
    scorer = step_scorer(expected_calibration_error, response_method="predict_proba", n_bins=4)
    expected = expected_calibration_error(MANY.ravel(), model.predict_proba(X).reshape(N * T, -1), n_bins=4)
    assert scorer(model, X, MANY) == -expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expected_calibration_error([0, 1], [0.5, 1.5]), r"outside \[0, 1\]"),
        (lambda: expected_calibration_error([0, 1], [0.5, np.nan]), "NaN"),
        (lambda: expected_calibration_error([0, 1, 1], [0.5, 0.5]), "inconsistent numbers of samples"),
        (lambda: expected_calibration_error([0, 1, 2], [0.5, 0.5, 0.5]), r"need two, got \[0, 1, 2\]"),
        (lambda: expected_calibration_error(["a"], [0.5]), r"need two, got \['a'\]"),
        (lambda: expected_calibration_error(["a", "b"], ROWS[:2]), "3 columns for 2 classes"),
        (lambda: expected_calibration_error(["a", "d"], ROWS[:2], labels=["a", "b", "c"]), "'d'.*not among the labels"),
        (lambda: expected_calibration_error([[0, 1], [2, 1]], [[0.5, 0.5], [0.5, 0.5]]), "must hold 0 and 1"),
        (lambda: expected_calibration_error([[0, 1], [0, 1]], [0.5, 0.5]), "in the shape of y_prob"),
        (lambda: quantile_coverage([1.0, 2.0], [[1.0], [2.0], [3.0]]), "inconsistent numbers of samples"),
        (lambda: quantile_coverage([[1.0, 2.0]], [[1.0, 2.0, 3.0]]), r"same shape, got \(1, 2\), \(1, 3\)"),
        (lambda: interval_coverage([1.0, 2.0], [0.0, 0.0], [1.0]), r"same shape, got \(2,\), \(2,\), \(1,\)"),
        (lambda: interval_coverage([1.0], [0.0], [1.0], sample_weight=[-1.0]), "Negative values in sample_weight"),
    ],
)
def test_arrays_that_do_not_match_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- coverage ----


def test_coverage_is_the_weighted_share():
    rng = np.random.default_rng(0)
    y, weights = rng.normal(size=400), rng.integers(0, 3, 400)
    quantiles = np.array([-1.2816, 0.0, 1.2816])  # of the levels 0.1, 0.5 and 0.9
    predicted = np.tile(quantiles, (400, 1))
    found = quantile_coverage(y, predicted, sample_weight=weights)
    np.testing.assert_allclose(found, quantile_coverage(np.repeat(y, weights), np.repeat(predicted, weights, axis=0)), rtol=1e-12)
    np.testing.assert_allclose(found, [0.1, 0.5, 0.9], atol=0.08)  # 400 draws: three standard errors
    assert quantile_coverage(y, predicted[:, 1]) == np.mean(y <= 0) == quantile_coverage(y[:, np.newaxis], predicted[:, 1:2])[0]
    inside = interval_coverage(y, predicted[:, 0], predicted[:, 2], sample_weight=weights)
    assert inside == pytest.approx(found[2] - found[0], rel=1e-12)
    several = interval_coverage(y.reshape(-1, 2), np.full((200, 2), -1.0), np.full((200, 2), 1.0))
    np.testing.assert_array_equal(several, (np.abs(y) <= 1).reshape(-1, 2).mean(axis=0))
    assert quantile_coverage([1.0], [1.0]) == interval_coverage([1.0], [1.0], [2.0]) == 1  # the ends belong to the interval


def test_a_scorer_keeps_its_path_in_pickles():
    assert b"sklstm.metrics" in (dumped := pickle.dumps(step_scorer("f1_macro"), protocol=0)) and b"scorers" not in dumped


# ---- label sequences ----


def distance(a, b):
    """Levenshtein's distance by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))


def test_edit_distances_are_those_of_the_definition(rng):
    true = [list(rng.choice(list("abc"), size=rng.integers(1, 6))) for _ in range(40)]
    found = [list(rng.choice(list("abc"), size=rng.integers(0, 6))) for _ in range(40)]
    distances = np.array([distance(a, b) for a, b in zip(true, found, strict=True)])
    assert edit_distance_rate(true, found) == pytest.approx(distances.sum() / sum(map(len, true)))
    weights = rng.uniform(size=40)
    expected = weights @ distances / (weights @ [len(a) for a in true])
    assert edit_distance_rate(true, found, sample_weight=weights) == pytest.approx(expected)
    assert exact_match_score(true, found, sample_weight=weights) == pytest.approx(weights @ (distances == 0) / weights.sum())


def test_a_table_of_labels_has_a_row_for_each_sequence():
    pandas = pytest.importorskip("pandas")
    true, found = [["x", "y"], ["y", "y"], ["x", "x"]], [["x", "y"], ["x", "y"], ["x", "x"]]
    tables = (pandas.DataFrame(labels, columns=["a", "b"]) for labels in (true, found))
    assert exact_match_score(*tables) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="y_pred must have the labels of each sequence, got None"):
        exact_match_score(true, None)


def test_labels_of_steps_that_are_masked_do_not_count():
    masked, found = [[1, -100, 2], [np.nan, 0.0], [-100]], [[1, 5, 2], [3, 1], [7]]
    assert exact_match_score(masked, found) == 0.5
    assert edit_distance_rate(masked, found) == pytest.approx(1 / 3)
    assert exact_match_score([["a", None]], [["a", "b"]]) == 1
    assert exact_match_score(container(cut(BINARY)), cut(BINARY)) == 1
    assert edit_distance_rate(BINARY, 1 - BINARY) > 0.3


@pytest.mark.parametrize(
    ("y", "found", "message"),
    [
        ([[1], [2]], [[1]], "y_true has 2 sequences, but y_pred has 1. Pass one prediction"),
        ([[-100]], [[1]], "No sequence of y_true has a label. Label at least one step"),
        ([[[1, 0]]], [[1]], r"y_true must have one label for each step, got shape \(1, 2\) for sequence 0"),
    ],
)
@pytest.mark.parametrize("metric", [exact_match_score, edit_distance_rate])
def test_sequences_that_cannot_be_compared_are_refused(metric, y, found, message):
    with pytest.raises(ValueError, match=message):
        metric(y, found)


def test_scorers_of_sequences_in_searches(rng):
    model = LSTMClassifier(**STEPS)
    y = cut(TEXTS)
    by_hand = model.fit(RAGGED, y).predict(RAGGED)
    scorers = {"exact": sequence_scorer(exact_match_score), "edits": sequence_scorer(edit_distance_rate)}
    assert scorers["exact"](model, RAGGED, y) == exact_match_score(y, by_hand)
    weights = rng.uniform(size=N)
    expected = -edit_distance_rate(y, by_hand, sample_weight=weights)
    assert scorers["edits"](model, RAGGED, y, sample_weight=weights) == expected
    named = Sequences(np.concatenate(RAGGED), container(RAGGED).offsets, ids=[f"k{i}" for i in range(N)])
    shuffled = {f"k{i}": y[i] for i in reversed(range(N))}
    assert scorers["exact"](model, named, shuffled) == exact_match_score(y, by_hand)
    grid = {"lstmclassifier__structure": [None, "crf"]}
    search = GridSearchCV(make_pipeline(PerStep(StandardScaler()), model), grid, cv=3, scoring=scorers, refit="exact")
    search.fit(RAGGED, y)
    assert 0 <= search.best_score_ <= 1 and (search.cv_results_["mean_test_edits"] <= 0).all()
    again = pickle.loads(pickle.dumps(clone(scorers["edits"], safe=False)))
    assert again(model, RAGGED, y) == scorers["edits"](model, RAGGED, y)
    assert repr(again) == "sequence_scorer(edit_distance_rate, greater_is_better=False)"
    with pytest.raises(ValueError, match="metric must be a function"):
        sequence_scorer("exact_match")
    with pytest.raises(ValueError, match="needs y"):
        again(model, RAGGED)
