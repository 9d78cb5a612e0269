"""Optimisers compared with PyTorch's, schedules with those of scikit-learn's MLP and PyTorch, and both in the estimators."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.estimators.solvers import SOLVERS, training_config
from sklstm.training import SCHEDULES, SGD, Adam, RMSprop
from sklstm.training.schedules import ADAPTIVE_LOWEST, Epoch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RATE = 0.05
DECAY = 0.1
# Ours, and the class of torch.optim with the same numbers.
TWINS = {
    "sgd": (SGD(0.9, False), "SGD", {"momentum": 0.9}),
    "nesterov": (SGD(0.9, True), "SGD", {"momentum": 0.9, "nesterov": True}),
    "rmsprop": (RMSprop(0.9, 1e-8), "RMSprop", {"alpha": 0.9, "eps": 1e-8}),
    "adam": (Adam(0.9, 0.999, 1e-8), "Adam", {}),
    "adamw": (Adam(0.9, 0.999, 1e-8, weight_decay=DECAY), "AdamW", {"weight_decay": DECAY}),
}


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("name", TWINS)
def test_optimizers_equal_torchs(name, dtype, tolerance, rng):
    torch = pytest.importorskip("torch")
    ours, theirs, options = TWINS[name]
    start = rng.normal(size=37).astype(dtype)
    theta, parameter = start.copy(), torch.tensor(start, requires_grad=True)
    doubled, optimizer = np.empty_like(theta), getattr(torch.optim, theirs)([parameter], lr=RATE, **options)
    step = ours.bind(theta, doubled, ours.init(theta), [theta])
    for _ in range(20):
        grad = rng.normal(size=37).astype(dtype)
        parameter.grad = torch.tensor(grad)
        optimizer.step()
        doubled[:] = 2 * grad
        step.take(RATE, 0.5)
    np.testing.assert_allclose(theta, parameter.detach().numpy(), rtol=tolerance, atol=tolerance)


def rates_of(schedule, n_steps, warmup=0.0):
    return [SCHEDULES[schedule].within((k + 0.5) / n_steps, warmup) for k in range(n_steps)]


def test_cosine_rises_and_falls():
    rates = np.array(rates_of("cosine", 1000, warmup=0.1))
    np.testing.assert_allclose(rates[:100], (np.arange(100) + 0.5) / 100, rtol=1e-12)
    progress = (np.arange(100, 1000) - 100 + 0.5) / 900
    np.testing.assert_allclose(rates[100:], (1 + np.cos(np.pi * progress)) / 2, atol=1e-12)


def test_onecycle_is_that_of_torch():
    torch = pytest.importorskip("torch")
    n = 10_000
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=n)
    theirs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(n - 1):
            group = optimizer.param_groups[0]
            theirs.append((group["lr"], group["momentum"]))
            schedule.step()
    ours = [(rate, SCHEDULES["onecycle"].momentum((k + 0.5) / n)) for k, rate in enumerate(rates_of("onecycle", n)[:-1])]
    # Their phases begin at whole steps, ours at shares of the fit: a step apart.
    np.testing.assert_allclose(ours, theirs, atol=3e-4)


def test_invscaling_is_that_of_the_mlp():
    theirs = SGDOptimizer([], learning_rate_init=0.3, lr_schedule="invscaling", power_t=0.4)
    for n_samples in (100, 1000):
        theirs.iteration_ends(n_samples)
        factor = SCHEDULES["invscaling"].after(1.0, Epoch(0.3, n_samples, 0, 10), 0.4)
        np.testing.assert_allclose(0.3 * factor, theirs.learning_rate)


def test_adaptive_is_that_of_the_mlp():
    theirs = SGDOptimizer([], learning_rate_init=0.3, lr_schedule="adaptive")
    schedule, factor, ended = SCHEDULES["adaptive"], 1.0, False
    while not ended:
        epoch = Epoch(0.3 * factor, 0, 11, 10)
        ended = schedule.ends(epoch)
        factor = schedule.after(factor, epoch, 0.5)
        assert theirs.trigger_stopping("", False) == ended
        if not ended:
            np.testing.assert_allclose(0.3 * factor, theirs.learning_rate)
    assert 0.3 * factor < ADAPTIVE_LOWEST


def test_plateau_halves_twice_within_the_patience():
    factors, factor = [], 1.0
    for since in range(12):
        factor = SCHEDULES["plateau"].after(factor, Epoch(1.0, 0, since, 10), 0.5)
        factors.append(factor)
    assert factors == [1] * 5 + [0.5] * 5 + [0.25] * 2
    assert SCHEDULES["plateau"].after(1.0, Epoch(1.0, 0, 5, np.inf), 0.5) == 1.0


@pytest.fixture
def problem(rng):
    X = [rng.normal(size=(rng.integers(3, 7), 2)) for _ in range(120)]
    return X, np.array([x[:, 0].sum() - x[:, 1].sum() for x in X])


STEP = {"sgd": 0.1, "lbfgs": 1.0}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
def test_every_solver_learns_with_every_schedule(problem, solver, schedule):
    X, y = problem
    # invscaling divides by the root of the number of samples after the first epoch already.
    step = STEP.get(solver, 0.01) * (10 if schedule == "invscaling" else 1)
    model = LSTMRegressor(8, solver=solver, learning_rate=schedule, learning_rate_init=step, max_iter=60, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.8
    rows = model.history_
    assert [row["epoch"] for row in rows] == list(range(1, model.n_iter_ + 1))
    assert all((row["learning_rate"] is None) == (solver == "lbfgs") for row in rows)


def test_rates_in_the_history(problem):
    X, y = problem
    base = LSTMRegressor(4, learning_rate_init=5e-3, max_iter=40, n_iter_no_change=4, tol=1e300, random_state=0)

    def rates(**parameters):
        return np.array([row["learning_rate"] for row in base.set_params(**parameters).fit(X, y).history_])

    assert len(rates(learning_rate="constant")) == 6  # one that improved on nothing, and 5 more than n_iter_no_change
    np.testing.assert_array_equal(rates(learning_rate="plateau"), 5e-3 * np.array([1, 1, 1, 0.5, 0.5, 0.25]))
    down = rates(learning_rate="adaptive", max_iter=200)
    assert len(down) == 6 + 6 * 5  # 5e-3 / 5^6 is below 1e-6
    ratios = np.array([b / a for a, b in pairwise(np.unique(down))])
    np.testing.assert_allclose(ratios, 5, rtol=1e-12)
    cosine = rates(learning_rate="cosine", max_iter=40, tol=0, n_iter_no_change=100)
    assert len(cosine) == 40 and np.all(np.diff(cosine)[3:] < 0) and cosine[-1] < 1e-5


def test_adamw_decays_weights_and_not_biases(problem):
    X, y = problem
    common = dict(max_iter=1, learning_rate="constant", learning_rate_init=1e-12, random_state=0, standardize=False)
    still = LSTMRegressor(4, solver="adamw", alpha=0.0, **common).fit(X, y).weights_
    # The step is negligible, the decay is not: 4 minibatches of 30.
    shrunk = LSTMRegressor(4, solver="adamw", alpha=0.1 / 1e-12, batch_size=30, **common).fit(X, y).weights_
    np.testing.assert_allclose(shrunk["layer_0.W"], 0.9**4 * still["layer_0.W"], rtol=1e-6)
    np.testing.assert_allclose(shrunk["layer_0.b"], still["layer_0.b"], atol=1e-9)


def test_lbfgs_is_scipys_on_the_whole_loss(problem):
    X, y = problem
    parameters = {"solver": "lbfgs", "alpha": 0.04, "random_state": 0}
    model = LSTMRegressor(6, max_iter=500, tol=1e-5, n_iter_no_change=np.inf, **parameters).fit(X, y)
    losses = model.loss_curve_
    assert all(b <= a for a, b in pairwise(losses))
    assert model.n_iter_ < 500 and model.history_[-1]["gradient_norm"] < 1e-3
    assert sum(row["evaluations"] for row in model.history_) >= model.n_iter_
    # Another batch_size is nothing to it, and chunks of sequences are no more than that.
    from sklstm.training import lbfgs

    before, lbfgs.CHUNK = lbfgs.CHUNK, 50
    try:
        chunked = LSTMRegressor(6, max_iter=5, batch_size=7, **parameters).fit(X, y)
    finally:
        lbfgs.CHUNK = before
    np.testing.assert_allclose(chunked.loss_curve_, losses[:5], rtol=1e-6)


def test_lbfgs_stops_by_the_validation_loss(problem):
    X, y = problem
    model = LSTMRegressor(8, solver="lbfgs", early_stopping=True, n_iter_no_change=3, random_state=0).fit(X, y)
    assert model.n_iter_ < 200
    assert model.best_epoch_ == 1 + np.argmin(model.validation_loss_curve_)


def test_lbfgs_refuses(problem):
    X, y = problem
    for parameters, word in [({"dropout": 0.1}, "dropout=0.1"), ({"recurrent_dropout": 0.2}, "recurrent_dropout=0.2")]:
        with pytest.raises(ValueError, match=word):
            LSTMRegressor(solver="lbfgs", **parameters).fit(X, y)
    with pytest.raises(ValueError, match="checkpoint=None"):
        LSTMRegressor(solver="lbfgs", checkpoint="never-written").fit(X, y)
    assert not hasattr(LSTMRegressor(solver="lbfgs"), "partial_fit")
    assert not hasattr(LSTMClassifier(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_partial_fit_does_not_know_the_end_of_a_schedule(problem, schedule):
    X, y = problem
    ours, constant = (LSTMRegressor(4, learning_rate=name, random_state=0) for name in (schedule, "constant"))
    for _ in range(3):
        assert np.array_equal(ours.partial_fit(X, y)._theta, constant.partial_fit(X, y)._theta)
    assert {row["learning_rate"] for row in ours.history_} == {ours.learning_rate_init}


def test_partial_fit_goes_on_with_a_schedule(problem):
    X, y = problem
    whole = LSTMRegressor(4, learning_rate="invscaling", max_iter=5, random_state=0).fit(X, y)
    chunks = LSTMRegressor(4, learning_rate="invscaling", random_state=0)
    for _ in range(5):
        chunks.partial_fit(X, y)
    assert [row["learning_rate"] for row in chunks.history_] == [row["learning_rate"] for row in whole.history_]
    # The statistics of y are merged from chunk to chunk, in other roundings.
    np.testing.assert_allclose(whole.loss_curve_, chunks.loss_curve_, rtol=1e-9)
    worse = LSTMRegressor(4, learning_rate="adaptive", learning_rate_init=5e-3, n_iter_no_change=2, tol=1e300, random_state=0)
    for _ in range(9):
        worse.partial_fit(X, y)
    rates = np.array([row["learning_rate"] for row in worse.history_])
    assert rates[0] == 5e-3 and rates[-1] < 5e-3


def test_what_auto_means():
    def of(n_samples, **parameters):
        config = training_config(LSTMClassifier(**parameters), n_samples, one_epoch=False, early_stopping=False)
        return config.batch_size, config.max_iter, config.n_iter_no_change

    assert of(3) == (3, 500, 500) and of(32) == (32, 500, 500)
    assert of(40) == (5, 250, 63)
    assert of(270) == (32, 223, 56)  # 9 minibatches an epoch
    assert of(1347) == (32, 50, 12)
    assert of(100_000) == (32, 50, 10)
    assert of(270, batch_size=270) == (270, 500, 500)
    assert of(270, max_iter=7, n_iter_no_change=3) == (32, 7, 3)
    assert of(270, solver="lbfgs")[1:] == (200, 10)


def test_a_further_fit_begins_its_schedule_again(problem):
    X, y = problem
    model = LSTMRegressor(4, learning_rate="cosine", max_iter=10, warm_start=True, random_state=0).fit(X, y)
    model.fit(X, y)
    rates = [row["learning_rate"] for row in model.history_]
    assert len(rates) == 20 and rates[:10] == rates[10:]


@pytest.mark.parametrize("solver", ["rmsprop", "adamw"])
def test_solvers_diverge_gracefully(problem, solver):
    X, y = problem
    with pytest.warns(ConvergenceWarning, match="non-finite"):
        model = LSTMRegressor(4, solver=solver, learning_rate_init=1e200, random_state=0).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("exponent", [-20, -7, 20])
@pytest.mark.parametrize(
    "parameters", [{"solver": s} for s in SOLVERS] + [{"early_stopping": True}, {"learning_rate": "plateau"}], ids=str
)
def test_units_of_two_change_no_bit(problem, parameters, exponent):
    X, y = problem
    step = {"sgd": 0.1}.get(parameters.get("solver"), 0.02)
    model = LSTMRegressor(4, max_iter=8, learning_rate_init=step, random_state=0, **parameters).fit(X, y)
    factor = 2.0**exponent
    scaled = [x * [1, factor] for x in X]
    moved = clone(model).fit(scaled, factor * y)
    assert np.array_equal(moved.predict(scaled), factor * model.predict(X))
    assert moved.loss_curve_ == model.loss_curve_
