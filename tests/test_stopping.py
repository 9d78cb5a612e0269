"""Early stopping: what is compared, which epoch is kept, when patience begins, and which sequences are set aside."""

import warnings

import numpy as np
import pytest
import sklearn
from problems import LOSSES_OF_SAMPLES
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate

import sklstm.estimators.splitting as splitting
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.estimators.splitting import split_rows
from sklstm.network import constant_scores, loss_of_constant, make_loss
from sklstm.training import TrainingConfig, TrainingState, best_epoch
from sklstm.training.stopping import follow_schedule, update_best

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def run(values, *, patience=2, plateau=None, schedule="constant", **settings):
    """The state after epochs with these validation losses (or scores), whose weights are the numbers of the epochs."""
    config = TrainingConfig(
        99, 1, n_iter_no_change=patience, learning_rate_schedule=schedule, tol=0.01, early_stopping=True, **settings
    )
    state = TrainingState(np.zeros(1), "adam", {}, None, best_theta=np.zeros(1))
    for epoch, value in enumerate(values, 1):
        row = {"epoch": epoch, "validation_loss": value, "validation_score": value, "loss": 1.0}
        state.n_epochs, state.theta[0] = epoch, epoch
        state.history.append(row)
        update_best(state, config, row, plateau)
        follow_schedule(state, config)
        if state.done:
            break
    assert state.best_theta[0] == (best_epoch(state, config.criterion) or 0)
    return state


def test_the_lowest_loss_is_kept_and_of_equal_ones_the_last():
    assert run([0.5, 0.3, 0.4]).best_theta[0] == 2
    assert run([0.5, 0.3, 0.4, 0.3]).best_theta[0] == 4
    assert run([0.3, 0.3, 0.3, 0.3, 0.3]).n_epochs == 4  # a tie is no improvement


def test_the_highest_score_is_kept_and_of_equal_ones_the_first():
    state = run([0.5, 0.7, 0.6, 0.7], scoring="score")
    assert (state.best, state.best_theta[0]) == (0.7, 2)
    assert run([0.5, 0.7, 0.7, 0.7, 0.7, 0.7], scoring="score").n_epochs == 5


def test_patience_never_begins_on_the_first_plateau():
    plateau = [0.7] * 20
    assert run(plateau, plateau=(0.69, 0.9)).n_epochs == 20
    state = run([*plateau, 0.3, 0.31, 0.32, 0.33, 0.34], plateau=(0.69, 0.9))
    assert (state.n_epochs, state.best_theta[0]) == (24, 21)  # more than two epochs after the best one
    # What memorises is no plateau, until it is one again.
    assert run([0.7, *[1.0] * 9], plateau=(0.69, 0.9)).n_epochs == 4
    assert run([0.7, 1.0, 1.0, 0.7, 1.0, 1.0, 0.7], plateau=(0.69, 0.9)).n_epochs == 7
    # Once left, it is left for good.
    assert run([0.7, 0.6, 0.7, 0.7, 0.7, 0.7], plateau=(0.69, 0.9)).n_epochs == 5


def test_patience_counts_losses_that_are_not_finite():
    assert run([np.nan] * 9, plateau=(0.69, 0.9)).n_epochs == 3
    state = run([0.7, np.nan, np.nan, np.nan, np.nan], plateau=(0.69, 0.9))
    assert (state.n_epochs, state.best_theta[0]) == (4, 1)


def test_a_schedule_that_follows_the_loss_waits_too():
    assert run([0.7] * 20, plateau=(0.69, 0.9), schedule="plateau").rate_factor == 1
    assert run([0.7] * 30, patience=40, schedule="plateau").rate_factor < 1


TARGETS = {
    "binary_log_loss": lambda rng: (rng.random((40, 1)) < 0.3).astype(float),
    "multilabel_log_loss": lambda rng: (rng.random((40, 3)) < [0.2, 0.5, 0.9]).astype(float),
    "multinomial_log_loss": lambda rng: rng.choice(3, size=(40, 1), p=[0.6, 0.3, 0.1]).astype(float),
    "poisson": lambda rng: rng.poisson(2, size=(40, 1)).astype(float),
}


@pytest.mark.parametrize("name", LOSSES_OF_SAMPLES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_constant_has_a_smaller_loss_than_the_one_that_is_found(name, dtype, rng):
    targets = TARGETS.get(name, lambda rng: rng.standard_t(2, size=(40, 1)))(rng).astype(dtype)
    weights = rng.integers(0, 3, size=40).astype(float)
    n_scores = {"multinomial_log_loss": 3, "quantiles": 3, "gaussian_mixture": 9}.get(name, targets.shape[1])
    loss = make_loss(name)
    found = constant_scores(loss, targets[weights > 0], weights[weights > 0], n_scores)
    lowest = loss_of_constant(loss, found, targets, weights)
    for other in found + rng.normal(scale=[[1], [0.3], [0.1], [0.03]] * 50, size=(200, n_scores)):
        assert lowest <= loss_of_constant(loss, other, targets, weights) * (1 + 1e-4)


def test_constants_are_those_of_the_textbook(rng):
    y, weights = rng.exponential(size=(101, 1)), rng.uniform(size=101)
    codes = np.repeat([0.0, 1.0, 2.0], [60, 30, 11])[:, np.newaxis]
    mean = np.average(y[:, 0], weights=weights)
    assert constant_scores(make_loss("squared_error"), y, weights, 1) == pytest.approx(mean)
    assert np.exp(constant_scores(make_loss("poisson"), y, weights, 1)) == pytest.approx(mean, rel=1e-3)
    quantiles = constant_scores(make_loss("quantiles", quantiles=[0.1, 0.5, 0.9]), y, np.ones(101), 3)
    assert quantiles == pytest.approx(np.quantile(y, [0.1, 0.5, 0.9]), abs=0.1)
    scores = constant_scores(make_loss("multinomial_log_loss"), codes, weights, 3)
    frequencies = np.bincount(codes[:, 0].astype(int), weights) / weights.sum()
    np.testing.assert_allclose(np.exp(scores) / np.exp(scores).sum(), frequencies, rtol=1e-3)


@pytest.fixture
def noise(rng):
    """Sequences that tell nothing about their classes."""
    return rng.normal(size=(60, 4, 2)), np.arange(60) % 2


def test_a_fit_that_memorises_ends(noise):
    X, y = noise
    settings = {"max_iter": 200, "n_iter_no_change": 5, "alpha": 0, "early_stopping": True, "random_state": 0}
    model = LSTMClassifier(16, learning_rate="constant", **settings).fit(X[:24], y[:24], X_val=X[24:], y_val=y[24:])
    assert model.n_iter_ < 100 and model.validation_loss_curve_[-1] > 0.9


def test_where_nothing_is_learned_a_fit_uses_its_epochs(noise):
    X, y = noise
    settings = {"max_iter": 30, "n_iter_no_change": 2, "early_stopping": True, "alpha": 1e3, "random_state": 0}
    assert LSTMClassifier(4, **settings).fit(X, y).n_iter_ == 30
    assert LSTMClassifier(4, scoring="score", **settings).fit(X, y).n_iter_ < 30
    # A constant y has no plateau that could be left.
    constant = LSTMRegressor(4, **settings | {"tol": 0.1}).fit(X, np.ones(60))
    assert constant.n_iter_ < 30


def test_the_validation_loss_is_plain(noise):
    X, y = noise
    settings = {"max_iter": 3, "early_stopping": True, "temperature": 1.0, "random_state": 0}
    settings |= {"alpha": 0.5, "label_smoothing": 0.3}
    model = LSTMClassifier(4, **settings).fit(X, y, X_val=X, y_val=y)
    assert log_loss(y, model.predict_proba(X)) == pytest.approx(min(model.validation_loss_curve_))
    assert model.loss_curve_[0] > model.validation_loss_curve_[0]


def test_by_the_score_fits_are_those_of_earlier_versions():
    # Computed before there was another criterion.
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in rng.integers(2, 8, size=60)]
    sums = np.array([x.sum() for x in X])
    settings = {"max_iter": 40, "early_stopping": True, "scoring": "score", "random_state": 0}
    settings |= {"pooling": "last", "alpha": 1e-3 / 6}  # the penalty was that over the size of a minibatch
    patient = settings | {"learning_rate": "constant", "n_iter_no_change": 3}
    expected = [
        (LSTMClassifier(4, **settings), sums > 0, 40, 0.8333333333333334, [-0.539516767319, 0.892224152413]),
        (LSTMClassifier(4, **patient), sums > 0, 11, 0.8333333333333334, [-0.556921681019, 0.861240622658]),
        (LSTMRegressor(4, **settings), sums, 40, 0.6628662127584092, [-0.491247304259, 0.435039622461]),
        (LSTMRegressor(4, **patient), sums, 33, 0.7993721067949603, [-0.232915226162, -0.054294991854]),
    ]
    for model, y, n_iter, score, weights in expected:
        model.fit(X, y)
        assert model.n_iter_ == n_iter
        assert model.best_validation_score_ == pytest.approx(score)
        np.testing.assert_allclose(model.weights_["layer_0.W"].ravel()[:2], weights, rtol=1e-6)  # products differ by platform


# ---- groups ----


@pytest.mark.parametrize("seed", range(20))
def test_groups_are_never_split(seed):
    rng = np.random.default_rng(seed)
    n_groups = int(rng.integers(3, 40))
    groups = rng.integers(n_groups, size=rng.integers(3 * n_groups, 400))
    rows = np.flatnonzero(rng.random(len(groups)) < 0.9)
    strata = None if seed % 2 else (rng.random(len(groups)) < 0.3).astype(int)
    training, held_out = split_rows(0.2, rows, strata, groups, rng)
    assert not set(groups[training]) & set(groups[held_out])
    np.testing.assert_array_equal(np.sort([*training, *held_out]), rows)
    largest = np.bincount(groups[rows]).max()
    assert abs(len(held_out) - 0.2 * len(rows)) <= max(largest, 2)
    if strata is not None:
        assert set(strata[training]) == set(strata[rows])


def test_classes_are_kept_in_proportion_as_far_as_groups_allow(rng):
    # Of 40 persons with five sequences each, a quarter is ill: that two of four who are set aside are so is not the best.
    groups = np.repeat(np.arange(40), 5)
    ill = (groups % 4 == 0).astype(int)
    for _ in range(5):
        assert ill[split_rows(0.1, np.arange(200), ill, groups, rng)[1]].sum() == 5


def test_a_class_of_one_group_is_trained_on(rng):
    groups = np.repeat(np.arange(6), 4)
    for _ in range(5):
        assert 5 not in groups[split_rows(0.3, np.arange(24), (groups == 5).astype(int), groups, rng)[1]]


@pytest.fixture
def split(monkeypatch):
    """The parts of the splits that fits draw, as they are drawn."""
    parts = []

    def recorded(*arguments):
        parts.append(split_rows(*arguments))
        return parts[-1]

    monkeypatch.setattr(splitting, "split_rows", recorded)
    return parts


@pytest.mark.parametrize("kind", [str, int, float, object])
@pytest.mark.parametrize("per_step", [False, True])
def test_fit_sets_whole_groups_aside(noise, split, kind, per_step):
    X, y = noise
    groups = np.array([f"{k % 10}" for k in range(60)]).astype(kind)
    targets = np.repeat(y[:, np.newaxis], 4, axis=1) if per_step else y
    model = LSTMClassifier(2, max_iter=1, early_stopping=True, return_sequences=per_step, validation_fraction=0.2, random_state=0)
    model.fit(X, targets, groups=groups.tolist())
    (training, held_out), = split
    assert len(held_out) == 12 and not set(groups[training]) & set(groups[held_out])
    assert model.t_ == 48


def test_groups_with_ids_are_in_the_order_of_X(noise, split):
    pandas = pytest.importorskip("pandas")
    X, y = noise
    names = [f"s{k}" for k in range(60)]
    series = pandas.Series(np.arange(60) // 6, index=names)
    sequences = Sequences(X.reshape(-1, 2), np.arange(0, 241, 4), ids=names)
    model = LSTMRegressor(2, max_iter=1, early_stopping=True, random_state=0)
    for groups in (series, series.iloc[::-1], series[::-1].to_dict(), series.to_numpy()):
        model.fit(sequences, y.astype(float), groups=groups)
    assert all(np.array_equal(held_out, split[0][1]) for _, held_out in split)


def test_groups_are_ignored_where_nothing_is_set_aside(noise, split):
    X, y = noise
    groups = np.zeros(60)
    model = LSTMClassifier(2, max_iter=1, random_state=0)
    np.testing.assert_array_equal(model.fit(X, y, groups=groups).predict_proba(X), model.fit(X, y).predict_proba(X))
    model.set_params(early_stopping=True).fit(X, y, X_val=X, y_val=y, groups=groups)
    assert not split


BAD_GROUPS = {
    "one group": (np.zeros(60), "groups holds a single one. Set another validation_fraction, pass X_val"),
    "too few": (np.arange(59), "X has 60 sequences, groups has 59 entries"),
    "two dimensions": (np.zeros((60, 2)), "groups must be"),
    "NaN": (np.array([*range(59), np.nan]), "groups contains NaN: sequence 59"),
    "None": ([*"ab" * 29, "c", None], "groups contains NaN"),
    "mixed": ([*range(59), "a"], "labels in groups cannot be sorted"),
    "one class per group": (np.arange(60) % 2, "none of it to train on"),
    "a text": ("person", "one entry per sequence"),
}


@pytest.mark.parametrize("name", BAD_GROUPS)
def test_bad_groups_are_refused(noise, name):
    groups, message = BAD_GROUPS[name]
    model = LSTMClassifier(2, max_iter=1, early_stopping=True)
    with pytest.raises(ValueError, match=message):
        model.fit(*noise, groups=groups)
    assert not model.__sklearn_is_fitted__()


def test_groups_are_routed_through_searches_and_cross_validation(noise, split):
    X, y = noise
    groups = np.repeat(np.arange(15), 4)
    model = LSTMClassifier(2, max_iter=1, early_stopping=True, validation_fraction=0.25, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_fit_request(groups=True)
        cross_validate(model, X, y, cv=GroupKFold(3), params={"groups": groups}, error_score="raise")
        GridSearchCV(model, {"alpha": [0, 1]}, cv=GroupKFold(3), refit=False, error_score="raise").fit(X, y, groups=groups)
    folds = [train for train, _ in GroupKFold(3).split(X, y, groups)]
    assert len(split) == 9
    for (training, held_out), fold in zip(split, folds + folds * 2, strict=True):
        own = groups[fold]
        assert len(held_out) == 8 and not set(own[training]) & set(own[held_out])


# ---- warnings ----


@pytest.mark.parametrize("per_step", [False, True])
def test_few_validation_targets_are_warned_of(noise, per_step):
    X, y = noise
    targets = np.repeat(y[:, np.newaxis], 4, axis=1) if per_step else y
    model = LSTMClassifier(2, max_iter=1, early_stopping=True, return_sequences=per_step, random_state=0)
    enough = 5 if per_step else 20
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(X, targets, X_val=X[:enough], y_val=targets[:enough])
        clone(model).set_params(early_stopping=False).fit(X, targets, X_val=X[:2], y_val=targets[:2])
    with pytest.warns(UserWarning, match=f"early_stopping has {16 if per_step else 19} {'steps' if per_step else 'seq'}"):
        model.fit(X, targets, X_val=X[: enough - 1], y_val=targets[: enough - 1])


def test_memorising_is_warned_of_where_it_costs_something(noise):
    X, y = noise
    model = LSTMClassifier(16, max_iter=60, alpha=0, dropout=0.1, random_state=0)
    with pytest.warns(UserWarning, match="memorised training data.*: early_stopping=True, label_smoothing=0.1.$"):
        clone(model).fit(X[:24], y[:24], X_val=X[24:], y_val=y[24:])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        clone(model).set_params(early_stopping=True).fit(X[:24], y[:24], X_val=X[24:], y_val=y[24:])
        clear = X[:, -1, 0] > 0
        clone(model).fit(X[:24], clear[:24], X_val=X[:24], y_val=clear[:24])
    as_error = clone(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with pytest.raises(UserWarning):
            as_error.fit(X[:24], y[:24], X_val=X[24:], y_val=y[24:])
    assert not as_error.__sklearn_is_fitted__()
