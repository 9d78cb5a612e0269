"""Robust regression: which y has heavy tails, what ``loss="auto"`` makes of it, and in which units "huber" is."""

import pickle

import numpy as np
import pytest
from reference import LOSSES as REFERENCE
from reference import central_differences, robust_deviation
from sklearn.base import clone

from sklstm import LSTMRegressor, load, save
from sklstm.network import make_loss
from sklstm.training import clipped, has_heavy_tails, robust_ratios

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def mixture(share, of, rest):
    """Draws of which a share are from one distribution."""
    return lambda rng, n: np.where(rng.random(n) < share, of(rng, n), rest(rng, n))


def normal(scale=1.0, mean=0.0):
    return lambda rng, n: rng.normal(mean, scale, size=n)


def signs(rng, n):
    return rng.choice([-1.0, 1.0], size=n)


LIGHT_OR_SKEWED = {
    "normal": normal(),
    "uniform": lambda rng, n: rng.uniform(size=n),
    "logistic": lambda rng, n: rng.logistic(size=n),
    "log-normal": lambda rng, n: rng.lognormal(size=n),
    "wide log-normal": lambda rng, n: rng.lognormal(sigma=2, size=n),
    "gamma": lambda rng, n: rng.gamma(0.5, size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "Gumbel": lambda rng, n: rng.gumbel(size=n),
    "counts": lambda rng, n: rng.poisson(1, size=n).astype(float),
    "two clusters": mixture(0.5, normal(mean=10), normal()),
    "a small cluster": mixture(0.1, normal(mean=20), normal()),
    "mostly 0": mixture(0.9, lambda rng, n: np.zeros(n), normal()),
    "values on one side are wild": mixture(0.05, lambda rng, n: np.abs(30 * rng.normal(size=n)), normal()),
    "signal and skewed noise": lambda rng, n: 3 * rng.normal(size=n) + rng.lognormal(sigma=1.5, size=n),
    "skewed, with Laplace noise": lambda rng, n: rng.laplace(size=n) + rng.lognormal(sigma=1.5, size=n),
    "constant": lambda rng, n: np.full(n, 3.7),
    "rounding errors": lambda rng, n: 1e9 + 1e-7 * rng.standard_t(1.5, size=n),
    "two values": lambda rng, n: rng.integers(2, size=n).astype(float),
}

HEAVY = {
    "Student's t, 2 degrees of freedom": lambda rng, n: rng.standard_t(2, size=n),
    "Student's t, 1.5 degrees of freedom": lambda rng, n: rng.standard_t(1.5, size=n),
    "Cauchy": lambda rng, n: rng.standard_t(1, size=n),
    "signal and noise of 1.5 degrees of freedom": lambda rng, n: rng.normal(size=n) + rng.standard_t(1.5, size=n),
    "5 % of the values are wild": mixture(0.05, normal(30), normal()),
    "1 % of the values are wild": mixture(0.01, normal(30), normal()),
}


def share_found(draw, n, repeats=40):
    rng = np.random.default_rng(0)
    return np.mean([has_heavy_tails(draw(rng, n)[:, np.newaxis], np.ones(n))[0] for _ in range(repeats)])


@pytest.mark.parametrize("n", [1, 2, 5, 24, 100, 1000])
@pytest.mark.parametrize("name", LIGHT_OR_SKEWED)
def test_light_or_skewed_tails_are_not_heavy(name, n):
    # Of 24 values one on each side may be far out by chance, but most samples have none.
    assert share_found(LIGHT_OR_SKEWED[name], n) <= (0.05 if n == 24 else 0)


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_tails_are_found_in_a_thousand_values(name):
    assert share_found(HEAVY[name], 1000) >= 0.9


def test_tails_between():
    # The tails of the Laplace distribution are a little lighter than the limit, those of t(3) a little heavier.
    assert share_found(lambda rng, n: rng.laplace(size=n), 20_000, 5) == 0
    assert share_found(lambda rng, n: rng.standard_t(3, size=n), 20_000, 5) == 1


def test_an_outlier_that_is_alone_on_its_side_by_chance_is_enough():
    centre = np.linspace(-2, 2, 192)  # a robust standard deviation of 1.5
    outliers = np.append(np.linspace(15, 40, 7), -20)
    assert has_heavy_tails(np.append(centre, outliers)[:, np.newaxis], np.ones(200))[0]
    skewed = np.append(np.where(centre > 0, 2 * centre, centre), 2 * outliers)
    assert not has_heavy_tails(skewed[:, np.newaxis], np.ones(200))[0]


@pytest.fixture
def values(rng):
    """Values (400, 3), of which the columns 0 and 2 have heavy tails."""
    return np.column_stack([rng.standard_t(1.5, size=400), rng.normal(size=400), HEAVY["5 % of the values are wild"](rng, 400)])


def statistics(values, weights):
    return has_heavy_tails(values, weights), robust_ratios(values, weights), clipped(values, weights)


def assert_statistics(found, expected, **tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize(("factor", "shift"), [(1e-5, 0), (-3.7, 100), (1e150, 0), (1e-150, 0)])
def test_statistics_follow_the_units(values, factor, shift):
    heavy, ratios, inside = statistics(values, np.ones(400))
    assert heavy.tolist() == [True, False, True]
    found = statistics(values * factor + shift, np.ones(400))
    assert_statistics(found, (heavy, ratios, inside * factor + shift), rtol=1e-10)


@pytest.mark.parametrize("scale", [1, 1e-3, 2.0**1000])
def test_a_weight_of_two_is_a_value_twice_in_any_order(values, rng, scale):
    weights, order = rng.integers(4, size=400), rng.permutation(400)
    used = weights > 0
    heavy, ratios, inside = statistics(values[used], scale * weights[used])
    rows = np.repeat(np.arange(400), weights)
    repeated = statistics(values[rows], np.full(len(rows), float(scale)))
    assert_statistics(repeated, (heavy, ratios, np.repeat(inside, weights[used], axis=0)), rtol=1e-14)
    moved = statistics(values[order][used[order]], scale * weights[order][used[order]])
    np.testing.assert_array_equal(moved[0], heavy)
    np.testing.assert_allclose(moved[1], ratios, rtol=1e-14)


def test_ratios_are_their_formula(values, rng):
    weights = rng.uniform(0.1, 1, size=400)
    inside = clipped(values, weights)
    scales = np.array([robust_deviation(column, weights) for column in values.T])
    medians = np.array([column[np.argsort(column)][np.searchsorted(weights[np.argsort(column)].cumsum(), weights.sum() / 2)]
                        for column in values.T])  # fmt: skip
    np.testing.assert_allclose(inside, np.clip(values, medians - 20 * scales, medians + 20 * scales), rtol=1e-12)
    mean = np.average(inside, axis=0, weights=weights)
    deviations = np.sqrt(np.average((inside - mean) ** 2, axis=0, weights=weights))
    np.testing.assert_allclose(robust_ratios(values, weights), scales / deviations, rtol=1e-12)


@pytest.mark.parametrize("huge", [[1e308, -1e308, 0, 1, 2] * 9, [-1e308, 1e308] * 20, [1.7e308] * 5])
def test_numbers_near_overflow_have_no_heavy_tails(huge):
    values, weights = np.array(huge, dtype=float)[:, np.newaxis], np.full(len(huge), 1e308)
    assert not has_heavy_tails(values, weights)[0]


# ---- the kernel ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_output_has_its_delta_and_an_infinite_one_is_the_squared_error(rng, dtype):
    deltas = [0.5, np.inf, 2.0]
    scores, targets = (rng.normal(scale=3, size=(9, 3)).astype(dtype) for _ in range(2))
    weights, slopes = rng.uniform(0.5, 2, size=9), np.empty((9, 3), dtype)
    call = make_loss("huber", deltas=deltas).value_and_gradient
    value = call(scores, targets, weights, 1.0, slopes)
    per_output = [REFERENCE["huber"](scores[:, [k]], targets[:, [k]], delta) for k, delta in enumerate([0.5, 1e9, 2.0])]
    assert value == pytest.approx(weights @ np.mean(per_output, axis=0), rel=1e-6)
    assert make_loss("huber", deltas=[np.inf]).value_and_gradient(scores, targets, weights, 1.0, np.empty_like(slopes)) == (
        pytest.approx(weights @ REFERENCE["squared_error"](scores, targets), rel=1e-6)
    )
    if dtype == np.float64:
        unused = np.empty_like(slopes)
        numeric = central_differences(lambda: call(scores, targets, weights, 1.0, unused), scores.reshape(-1))
        np.testing.assert_allclose(slopes.ravel(), numeric, rtol=1e-8, atol=1e-8)


# ---- estimators ----


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 2, "max_iter": 2, "random_state": 0} | params)


@pytest.fixture
def X(rng):
    return rng.normal(size=(400, 2, 1))


def assert_same_predictions(a, b, X):
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


@pytest.mark.parametrize("column", [0, 1, 2])
def test_auto_is_the_loss_that_it_takes(X, values, column):
    y = values[:, column]
    auto, expected = regressor().fit(X, y), ["huber", "squared_error", "huber"][column]
    assert auto.loss == "auto"
    assert auto.loss_name_ == expected
    assert_same_predictions(auto, regressor(loss=expected).fit(X, y), X)


def test_outputs_without_heavy_tails_keep_the_squared_error(X, values):
    model = regressor().fit(X, values)
    assert model.loss_name_ == "huber"
    assert np.isfinite(model._network_spec["loss_parameters"]["deltas"]).tolist() == [True, False, True]
    assert regressor().fit(X, values[:, [1]].repeat(2, axis=1)).loss_name_ == "squared_error"


@pytest.mark.parametrize("per_step", [False, True])
def test_only_training_data_decide(X, values, per_step):
    # What is masked, has no weight or is for validation has no say.
    y, wild = values[:, 1].copy(), np.arange(400) % 10 == 0
    y[wild] = 1e3 * np.resize([-1, 1], wild.sum())
    model = regressor(return_sequences=per_step)
    if not per_step:
        assert clone(model).fit(X, y).loss_name_ == "huber"
        assert clone(model).fit(X, y, sample_weight=1.0 - wild).loss_name_ == "squared_error"
        held_out = clone(model).fit(X[~wild], y[~wild], X_val=X[wild], y_val=y[wild])
        assert held_out.loss_name_ == "squared_error"
        return
    y = np.column_stack([y, np.where(wild, np.nan, y)])
    assert clone(model).fit(X, y).loss_name_ == "huber"
    assert clone(model).fit(X, np.where(wild[:, np.newaxis], np.nan, y)).loss_name_ == "squared_error"


def test_a_split_fit_is_that_with_its_parts(X, values):
    # The delta is that of the training part too.
    y, seen = values[:, 0], {}
    split = regressor(early_stopping=True, learning_rate="constant", n_iter_no_change=np.inf)
    train, rest = None, None
    original = LSTMRegressor._settle_loss

    class Spy(LSTMRegressor):
        def _settle_loss(self, target, fitted, *, one_epoch):
            seen["weights"] = target.weights.copy()
            return original(self, target, fitted, one_epoch=one_epoch)

    Spy(**split.get_params()).fit(X, y)
    train, rest = seen["weights"] > 0, seen["weights"] == 0
    assert 0 < rest.sum() < 100
    fitted = split.fit(X, y)
    deltas = fitted._network_spec["loss_parameters"]["deltas"]
    assert deltas == regressor().fit(X[train], y[train])._network_spec["loss_parameters"]["deltas"]


def test_the_validation_loss_is_that_of_training(X, values):
    y = values[:, 0]
    model = regressor().fit(X, y, X_val=X[:50], y_val=y[:50])
    deviation, (delta,) = model._moments["y"]["deviation"][0], model._network_spec["loss_parameters"]["deltas"]
    assert delta == pytest.approx(1.345 * robust_deviation(y, np.ones(400)) / deviation)
    expected = REFERENCE["huber"]((model.predict(X[:50]) / deviation)[:, None], (y[:50] / deviation)[:, None], delta).mean()
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


@pytest.mark.parametrize("factor", [2.0**-30, 2.0**30])
def test_fits_follow_the_units_of_y(X, values, factor):
    plain, scaled = regressor().fit(X, values), regressor().fit(X, values * factor)
    np.testing.assert_array_equal(scaled.predict(X), plain.predict(X) * factor)


def test_a_weight_of_two_is_a_sequence_twice(X, values):
    weights = np.arange(400) % 3
    rows = np.repeat(np.arange(400), weights)
    model = regressor(batch_size=1000)
    weighted = clone(model).fit(X, values, sample_weight=weights)
    assert_same_predictions(weighted, clone(model).fit(X[rows], values[rows]), X)


def test_far_outliers_do_not_move_the_units_of_training(X, values):
    near, far = values[:, 2].copy(), values[:, 2].copy()
    far[np.abs(near) > 15] *= 1e6
    near[np.abs(near) > 15] *= 2
    assert regressor().fit(X, far)._moments["y"]["deviation"] < 1.01 * regressor().fit(X, near)._moments["y"]["deviation"]


def test_a_continued_fit_keeps_its_loss(X, values, tmp_path):
    heavy, light = values[:, :2], values[:, [1, 1]]
    for first, second, expected in ((heavy, light, "huber"), (light, heavy, "squared_error")):
        model = regressor(warm_start=True).fit(X, first)
        save(model, tmp_path / "model")
        loaded, unpickled = load(tmp_path / "model"), pickle.loads(pickle.dumps(model))
        assert loaded.loss == "auto"
        assert loaded._network_spec == model._network_spec
        for copy in (loaded, unpickled):
            assert copy.fit(X, second).partial_fit(X, second).loss_name_ == expected
        assert_same_predictions(loaded, unpickled, X)
        assert_same_predictions(model.fit(X, second).partial_fit(X, second), loaded, X)
        assert clone(model).fit(X, second).loss_name_ != expected


def test_warm_starts_and_chunks_are_one_fit(X, values):
    once = regressor(max_iter=4, learning_rate="constant").fit(X, values)
    twice = regressor(learning_rate="constant", warm_start=True).fit(X, values).fit(X, values)
    assert_same_predictions(once, twice, X)


def test_partial_fit_begins_with_the_squared_error(X, values):
    model = regressor().partial_fit(X, values)
    assert model.loss_name_ == "squared_error"
    assert model.fit(X, values).loss_name_ == "huber"
    deltas = model._network_spec["loss_parameters"]["deltas"]
    assert model.partial_fit(X[:1], values[:1])._network_spec["loss_parameters"]["deltas"] == deltas


@pytest.mark.parametrize("n_first", [1, 2, 50])
def test_huber_in_chunks(X, values, n_first):
    y, model = values[:, 0], regressor(loss="huber")
    for rows in (slice(0, n_first), slice(n_first, 200), slice(200, 400)):
        model.partial_fit(X[rows], y[rows])
    assert model.loss_name_ == "huber"
    assert np.isfinite(model.predict(X)).all()


def test_another_loss_does_not_continue_an_automatic_one(X, values):
    model = regressor(warm_start=True).fit(X, values[:, 0])
    with pytest.raises(ValueError, match="'loss': \\('huber', 'squared_error'\\)"):
        model.set_params(loss="squared_error").fit(X, values[:, 0])
    assert model.set_params(loss="huber").fit(X, values[:, 0]).n_iter_ == 4


def test_a_large_delta_is_the_squared_error(X, rng):
    y = rng.normal(size=400)  # in which nothing is clipped
    large = regressor(loss="huber", huber_delta=1e6).fit(X, y)
    np.testing.assert_allclose(large.predict(X), regressor(loss="squared_error").fit(X, y).predict(X), rtol=1e-9)


def test_delta_is_in_units_of_y_without_standardize(X, values):
    model = regressor(loss="huber", huber_delta=0.7, standardize=False).fit(X, values)
    assert model._network_spec["loss_parameters"] == {"deltas": [0.7] * 3}


def test_the_name_of_a_loss(X, values):
    assert regressor(loss="quantile", quantile=[0.1, 0.9]).fit(X, values[:, 0]).loss_name_ == "quantile"
    assert not hasattr(regressor(), "loss_name_")


def test_heavy_tails_at_the_first_try(rng):
    X = rng.normal(size=(400, 3, 1))
    clean, errors = X[:, -1, 0], {}
    y = clean + 0.3 * HEAVY["5 % of the values are wild"](rng, 400)
    for loss in ("auto", "squared_error"):
        model = LSTMRegressor(4, loss=loss, max_iter=40, random_state=0).fit(X, y)
        errors[loss] = np.mean((model.predict(X) - clean) ** 2)
    assert errors["auto"] < 0.05 < 0.2 < errors["squared_error"]
