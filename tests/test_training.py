"""The training loop, through the estimators: stopping, validation, warm starts, chunks, output."""

import itertools
import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss, r2_score

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.estimators.target import Target

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def problem(rng):
    """Ragged sequences whose class is the sign of the sum of their first channel."""
    X = [rng.normal(size=(length, 2)) for length in rng.integers(2, 8, size=120)]
    return X, np.array([x[:, 0].sum() > 0 for x in X])


def same_model(a, b):
    return all(np.array_equal(a.weights_[name], b.weights_[name]) for name in a.weights_)


SGD = {"solver": "sgd", "learning_rate_init": 0.3}


@pytest.mark.parametrize("solver", [{}, SGD, SGD | {"nesterovs_momentum": False}])
def test_solvers_learn(problem, solver):
    X, y = problem
    model = LSTMClassifier(hidden_size=8, max_iter=60, random_state=0, **solver).fit(X[:80], y[:80])
    assert model.score(X[80:], y[80:]) > 0.8  # of 40 held-out samples; chance is 0.5
    assert model.loss_curve_[-1] < 0.3 * model.loss_curve_[0]


def test_attributes_of_a_fit(problem):
    X, y = problem
    model = LSTMClassifier(hidden_size=4, max_iter=7, random_state=0).fit(X, y)
    assert (model.n_iter_, model.t_, model.n_outputs_, model.n_features_in_) == (7, 7 * 120, 1, 2)
    assert model.best_loss_ == min(model.loss_curve_)
    assert model.validation_scores_ is model.validation_loss_curve_ is model.best_validation_score_ is None
    assert [row["epoch"] for row in model.history_] == list(range(1, 8))
    assert [row["loss"] for row in model.history_] == model.loss_curve_
    assert all(
        0 < row["learning_rate"] <= model.learning_rate_init and row["gradient_norm"] > 0 and row["seconds"] > 0
        for row in model.history_
    )
    shapes = {name: view.shape for name, view in model.weights_.items()}
    assert shapes == {"layer_0.W": (2, 16), "layer_0.R": (4, 16), "layer_0.b": (16,), "head.V": (8, 1), "head.b": (1,)}
    assert model.encode(X).shape == (120, 4)
    assert clone(model).set_params(bidirectional=True, num_layers=2).fit(X, y).encode(X).shape == (120, 8)


def test_reaching_max_iter_warns_and_says_what_to_do(problem):
    with pytest.warns(ConvergenceWarning, match="maximum of 2 epochs is reached. Increase max_iter"):
        LSTMClassifier(hidden_size=4, max_iter=2, learning_rate="constant").fit(*problem)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        LSTMClassifier(hidden_size=4, max_iter=2, learning_rate="cosine").fit(*problem)  # which is to end there


def test_stops_when_the_loss_does_not_improve(problem):
    X, y = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        parameters = dict(tol=10.0, n_iter_no_change=5, learning_rate="constant")
        model = LSTMClassifier(hidden_size=4, random_state=0, **parameters).fit(X, y)
    # The first epoch improves on nothing; then more than 5 without improvement.
    assert model.n_iter_ == 7


def test_max_grad_norm_scales_the_step(problem):
    # One step of plain gradient descent moves the weights by learning rate times the clipped norm.
    X, y = problem
    sgd = {
        "solver": "sgd",
        "momentum": 0.0,
        "learning_rate": "constant",
        "learning_rate_init": 1.0,
        "batch_size": 120,
        "max_iter": 1,
        "alpha": 0.0,
        "standardize": False,
    }
    model = LSTMClassifier(hidden_size=4, random_state=0, max_grad_norm=1e-3, **sgd).fit(X, y)
    # A rate of almost nothing leaves the initial weights to compare with.
    start = LSTMClassifier(hidden_size=4, random_state=0, **sgd | {"learning_rate_init": 1e-300}).fit(X, y)
    moved = np.sqrt(sum(np.sum((model.weights_[name] - start.weights_[name]) ** 2) for name in model.weights_))
    assert moved == pytest.approx(1e-3, rel=1e-9)
    assert model.history_[0]["gradient_norm"] > 1e-3


def test_early_stopping_restores_the_best_weights(problem):
    X, y = problem
    X_val, y_val, weights = X[80:], y[80:], np.linspace(0.5, 2, 40)
    model = LSTMClassifier(
        16, learning_rate_init=0.05, early_stopping=True, n_iter_no_change=5, max_iter=100, temperature=1.0, random_state=0
    )
    model.fit(X[:80], y[:80], X_val=X_val, y_val=y_val, sample_weight_val=weights)
    assert model.n_iter_ < model.max_iter
    assert model.best_loss_ is None
    best = int(np.argmin(model.validation_loss_curve_))
    assert model.best_epoch_ == best + 1
    assert model.best_validation_score_ == model.validation_scores_[best]
    assert accuracy_score(y_val, model.predict(X_val), sample_weight=weights) == pytest.approx(
        model.best_validation_score_
    )
    assert log_loss(y_val, model.predict_proba(X_val), sample_weight=weights) == pytest.approx(
        model.validation_loss_curve_[best]
    )


def test_validation_data_without_early_stopping_are_only_recorded(problem):
    X, y = problem
    model = LSTMRegressor(hidden_size=4, max_iter=5, random_state=0)
    plain = clone(model).fit(X[:80], y[:80])
    validated = model.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    assert same_model(plain, validated)
    assert validated.validation_scores_[-1] == pytest.approx(r2_score(y[80:], validated.predict(X[80:])))
    assert len(validated.validation_loss_curve_) == 5


def test_split_of_early_stopping_is_stratified(problem, monkeypatch):
    X, _ = problem
    y = np.repeat(["a", "b", "c"], [80, 30, 10])
    seen = []
    monkeypatch.setattr(Target, "score", lambda self, data, scores, scaling, chain: seen.append(data.targets[:, 0]) or 0.0)
    LSTMClassifier(hidden_size=2, max_iter=1, early_stopping=True, validation_fraction=0.2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(np.bincount(seen[0].astype(int)), [16, 6, 2])


@pytest.mark.parametrize(
    ("labels", "early_stopping", "class_weight", "weighted", "partial"),
    list(
        itertools.product(
            ["strings", "integers", "booleans", "objects"],
            [False, True],
            [None, "balanced"],
            [False, True],
            [False, True],
        )
    ),
)
def test_combinations_work_together(problem, labels, early_stopping, class_weight, weighted, partial):
    X, y = problem
    names = {
        "strings": ["no", "yes"],
        "integers": [7, -3],
        "booleans": [False, True],
        "objects": np.array(["no", "yes"], dtype=object),
    }
    y = np.asarray(names[labels])[y.astype(int)]
    weights = np.linspace(0, 2, len(y)) if weighted else None
    model = LSTMClassifier(
        hidden_size=4, max_iter=3, early_stopping=early_stopping, class_weight=class_weight, random_state=0
    )
    if partial:
        for k in (0, 60):
            model.partial_fit(
                X[k : k + 60],
                y[k : k + 60],
                classes=np.unique(y),
                sample_weight=None if weights is None else weights[k : k + 60],
            )
        assert model.n_iter_ == 2
    else:
        model.fit(X, y, sample_weight=weights)
    assert set(model.predict(X)) <= set(y)
    assert model.predict(X).dtype == y.dtype


@pytest.mark.parametrize("outputs", ["multilabel", "multiclass", "regression"])
def test_kinds_of_y(problem, rng, outputs):
    X, _ = problem
    sums = np.array([x.sum(axis=0) for x in X])
    if outputs == "multilabel":
        y = (sums > 0).astype(int)
        model = LSTMClassifier(hidden_size=8, max_iter=60, early_stopping=True, random_state=0).fit(X, y)
        assert model.predict(X).shape == model.predict_proba(X).shape == y.shape
        assert model.score(X, y) > 0.6
        np.testing.assert_array_equal(model.classes_, [0, 1])
    elif outputs == "multiclass":
        y = np.array(["ll", "lr", "rl", "rr"])[(sums > 0) @ [2, 1]]
        model = LSTMClassifier(hidden_size=8, max_iter=60, random_state=0).fit(X, y)
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))
        assert model.score(X, y) > 0.8
    else:
        model = LSTMRegressor(hidden_size=8, max_iter=60, random_state=0).fit(X, sums * [1, 1000] + [0, 5])
        assert model.score(X, sums * [1, 1000] + [0, 5]) > 0.8
        column = LSTMRegressor(hidden_size=8, max_iter=3, random_state=0)
        with pytest.warns(match="A column-vector y was passed"):
            column.fit(X, sums[:, :1])
        assert column.predict(X).shape == (120,)


def test_warm_start_continues(problem):
    X, y = problem
    common = dict(hidden_size=4, learning_rate="constant", tol=0, random_state=0)
    whole = LSTMClassifier(max_iter=6, **common).fit(X, y)
    parts = LSTMClassifier(max_iter=2, warm_start=True, **common)
    for _ in range(3):
        parts.fit(X, y)
    # Weights, solver and random numbers go on exactly where they stopped.
    assert same_model(whole, parts)
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == 6


def test_warm_start_with_another_network_is_refused(problem):
    X, y = problem
    model = LSTMClassifier(hidden_size=4, max_iter=2, warm_start=True, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="Keep the hyper-parameters of the network"):
        model.set_params(hidden_size=5).fit(X, y)
    np.testing.assert_array_equal(model.set_params(hidden_size=4).predict_proba(X), before)


def test_partial_fit_on_everything_is_an_epoch_of_fit(problem):
    X, y = problem
    fitted = LSTMClassifier(hidden_size=4, max_iter=1, learning_rate="constant", random_state=0).fit(X, y)
    partial = LSTMClassifier(hidden_size=4, random_state=0).partial_fit(X, y, classes=[False, True])
    assert same_model(fitted, partial)


@pytest.mark.parametrize("estimator", [LSTMClassifier, LSTMRegressor])
def test_partial_fit_learns_from_chunks(problem, estimator):
    X, y = problem
    model = estimator(hidden_size=8, random_state=0)
    for _ in range(40):
        for k in range(0, 80, 20):
            classes = {"classes": [False, True]} if estimator is LSTMClassifier else {}
            model.partial_fit(X[k : k + 20], y[k : k + 20], **classes)
    # Accuracy, where chance is 0.5, or R^2, where the mean has 0; 40 held-out samples.
    assert model.score(X[80:], y[80:]) > (0.8 if estimator is LSTMClassifier else 0.4)


def test_partial_fit_keeps_the_function_when_statistics_move(problem):
    # A chunk in other units changes the standardisation; with a rate of almost nothing, predictions must not move with
    # it.
    X, _ = problem
    y = np.array([x[:, 0].sum() for x in X])
    model = LSTMRegressor(hidden_size=4, max_iter=20, random_state=0).fit(X, y)
    before = model.predict(X)
    model.set_params(learning_rate_init=1e-300, alpha=0).partial_fit([5 + 3 * x for x in X], 100 * y - 7)
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-9, atol=1e-9)
    total = np.concatenate([*X, *(5 + 3 * x for x in X)])
    np.testing.assert_allclose(model._moments["x"]["mean"], total.mean(axis=0))
    np.testing.assert_allclose(model._moments["x"]["deviation"], total.std(axis=0))


def test_channel_that_is_constant_in_the_first_chunk_counts_later(problem):
    X, y = problem
    flag = [np.column_stack([x, np.zeros(len(x))]) for x in X]
    model = LSTMClassifier(hidden_size=8, random_state=0).partial_fit(flag, y, classes=[False, True])
    for x, label in zip(flag, y, strict=True):
        x[:, 2] = label
    for _ in range(40):
        model.partial_fit(flag, y)
    assert model.score(flag, y) == 1.0


def test_sequences_of_weight_zero_are_absent(problem):
    X, y = problem
    weights = np.ones(120)
    weights[::3] = 0
    weighted = LSTMClassifier(hidden_size=4, max_iter=4, random_state=0).fit(X, y, sample_weight=weights)
    kept = np.flatnonzero(weights)
    dropped = LSTMClassifier(hidden_size=4, max_iter=4, random_state=0).fit([X[i] for i in kept], y[kept])
    assert same_model(weighted, dropped)


def test_shuffle_and_random_state(problem):
    X, y = problem
    model = LSTMClassifier(hidden_size=4, max_iter=3, random_state=0)
    assert same_model(clone(model).fit(X, y), clone(model).fit(X, y))
    assert not same_model(clone(model).fit(X, y), clone(model).set_params(random_state=1).fit(X, y))
    assert not same_model(clone(model).fit(X, y), clone(model).set_params(shuffle=False).fit(X, y))
    state = np.random.RandomState(0)
    first, second = (clone(model).set_params(random_state=state).fit(X, y) for _ in range(2))
    assert not same_model(first, second)


def test_float32_stays_float32(problem):
    X, y = problem
    single = [x.astype(np.float32) for x in X]
    model = LSTMClassifier(hidden_size=4, max_iter=3, random_state=0).fit(single, y)
    assert model.predict_proba(single).dtype == np.float32
    assert model.predict_proba(X).dtype == np.float32  # the fitted model computes in the dtype of its weights
    double = LSTMClassifier(hidden_size=4, max_iter=3, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(single), double.predict_proba(X), rtol=1e-4)


def test_class_weight_of_multilabel_y_multiplies_over_the_labels(problem, rng):
    X, _ = problem
    y = (rng.random(size=(120, 2)) < [0.2, 0.7]).astype(int)
    share = y.mean(axis=0)
    weights = np.prod(np.where(y == 1, 0.5 / share, 0.5 / (1 - share)), axis=1)
    model = LSTMClassifier(hidden_size=4, max_iter=3, random_state=0)
    by_sample = clone(model).fit(X, y, sample_weight=weights).predict_proba(X)
    balanced = clone(model).set_params(class_weight="balanced").fit(X, y).predict_proba(X)
    listed = clone(model).set_params(class_weight=[{0: 0.5 / (1 - p), 1: 0.5 / p} for p in share]).fit(X, y)
    np.testing.assert_allclose(balanced, by_sample, rtol=1e-10)
    np.testing.assert_allclose(listed.predict_proba(X), by_sample, rtol=1e-10)


def test_log_probabilities_do_not_round_to_minus_infinity(problem):
    X, y = problem
    for target in (y, y.astype(int) + (np.arange(120) % 2), np.column_stack([y, ~y]).astype(int)):
        model = LSTMClassifier(hidden_size=4, max_iter=3, random_state=0).fit([x.astype(np.float32) for x in X], target)
        model._theta *= 1000  # saturates every score
        assert np.isfinite(model.predict_log_proba(X)).all()
        np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-5, atol=1e-30)


def test_balanced_weights_of_a_further_fit_are_those_of_its_own_data(problem):
    X, y = problem
    skewed = np.arange(120) % 10 == 0
    model = LSTMClassifier(hidden_size=4, max_iter=1, class_weight="balanced", warm_start=True, random_state=0).fit(X, y)
    model.fit(X, skewed)
    np.testing.assert_array_equal(model._class_totals, [108, 12])
    chunks = LSTMClassifier(hidden_size=4, class_weight="balanced", random_state=0)
    chunks.partial_fit(X, y, classes=[False, True]).partial_fit(X, skewed)
    np.testing.assert_array_equal(chunks._class_totals, np.add(np.bincount(y), [108, 12]))


def test_best_validation_score_is_that_of_the_weights_after_a_warm_start_too(problem):
    X, y = problem
    settings = {"hidden_size": 4, "max_iter": 5, "early_stopping": True, "warm_start": True, "random_state": 0}
    model = LSTMClassifier(**settings).fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    model.set_params(learning_rate_init=30, max_grad_norm=None).fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    assert model.best_validation_score_ == model.score(X[80:], y[80:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("chunks", [False, True])
def test_constant_channel_in_long_data_and_chunks_is_ignored(rng, dtype, chunks):
    # 0.1 has no exact sum: its mean is off by a rounding error that grows with the number of steps.
    X = rng.normal(size=(4000, 50, 2)).astype(dtype)
    X[:, :, 1] = 0.1
    y = X[:, -1, 0]
    model = LSTMRegressor(hidden_size=2, max_iter=1, random_state=0)
    if chunks:
        bounds = np.cumsum([0, 53, 250, 120, 1000, 77, 2500])
        for start, stop in itertools.pairwise(bounds):
            model.partial_fit(X[start:stop], y[start:stop])
    else:
        model.fit(X, y)
    assert np.all(model.weights_["layer_0.W"][1] == 0)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_scores_that_are_not_finite_stop_training_and_keep_no_weights(problem, monkeypatch, value):
    X, y = problem
    monkeypatch.setattr(Target, "score", lambda *arguments: value)
    settings = {"early_stopping": True, "scoring": "score", "n_iter_no_change": 3, "max_iter": 9}
    model = LSTMClassifier(hidden_size=2, random_state=0, **settings).fit(X, y)
    assert model.n_iter_ == 4
    assert model.best_validation_score_ is model.best_epoch_ is None
    by_loss = clone(model).set_params(scoring="loss").fit(X, y)
    assert by_loss.best_epoch_ == 1 + int(np.argmin(by_loss.validation_loss_curve_))
    assert by_loss.best_validation_score_ is None


def test_standardize_cannot_change_on_the_way(problem):
    X, y = problem
    model = LSTMClassifier(hidden_size=2, max_iter=1, warm_start=True, random_state=0).fit(X, y).set_params(standardize=False)
    for again in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="cannot continue"):
            again(X, y)


def peak_memory(n_steps, bptt_steps, pooling):
    """Bytes that a fit allocates at most, beside X and y."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(32, n_steps, 4)).astype(np.float32), rng.normal(size=32)
    model = LSTMRegressor(hidden_size=32, bptt_steps=bptt_steps, pooling=pooling, max_iter=1, batch_size=32, random_state=0)
    tracemalloc.start()
    model.fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_truncated_bptt_needs_memory_for_one_chunk(pooling):
    peak_memory(10, 5, pooling)  # what is imported on first use
    assert peak_memory(10_000, 50, pooling) <= 1.5 * peak_memory(50, None, pooling)
