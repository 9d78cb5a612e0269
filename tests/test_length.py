"""How long a fit is, and how sure of its predictions the network, as held-out sequences say."""

import numpy as np
import pytest
from rows import assert_same_rows
from scipy.special import logit

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.estimators import fitting, solvers
from sklstm.estimators.callbacks import CallbackContext
from sklstm.estimators.splitting import hold_out
from sklstm.network import LOSSES
from sklstm.training.length import BLOCKS, LengthSearch, _Comparison

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6, 2))
MEAN = X[:, :, 0].mean(axis=1)
CLEAN = (MEAN > 0).astype(int)
NOISE = np.random.default_rng(1).integers(2, size=60)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A tenth of the steps."""
    monkeypatch.setattr(solvers, "STEPS", 400)
    monkeypatch.setattr(solvers, "EPOCHS", (8, 80))


def classifier(**params):
    return LSTMClassifier(**{"hidden_size": 4, "random_state": 0} | params)


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 4, "random_state": 0} | params)


# ---------------------------------------------------------------------------------------------------------------- held out


@pytest.mark.parametrize("n", [10, 37])
def test_each_class_is_held_out_in_proportion(n):
    rows, strata = np.arange(n) * 2, np.arange(n) % 3
    training, held_out = hold_out(rows, strata, None, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(np.r_[training, held_out]), rows)
    counts = np.bincount(strata[held_out // 2], minlength=3)
    assert counts.max() - counts.min() <= 1
    assert abs(len(held_out) - n / 4) <= 1


def test_no_more_are_held_out_than_are_needed():
    training, held_out = hold_out(np.arange(100_000), np.arange(100_000) % 2, None, np.random.default_rng(0))
    assert (len(training), len(held_out)) == (90_000, 10_000)


def test_what_is_held_out_depends_on_the_generator():
    parts = [hold_out(np.arange(40), None, None, np.random.default_rng(seed))[1].tolist() for seed in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2]


def test_groups_are_not_split():
    groups = np.repeat(np.arange(7), [9, 1, 5, 3, 2, 6, 4])
    training, held_out = hold_out(np.arange(30), None, groups, np.random.default_rng(0))
    assert not set(groups[training]) & set(groups[held_out])
    assert 5 <= len(held_out) <= 10


def test_a_single_group_is_not_split():
    assert hold_out(np.arange(30), None, np.zeros(30, dtype=int), np.random.default_rng(0)) is None
    model = classifier().fit(X, CLEAN, groups=["one"] * 60)
    assert model.max_iter_trials_ == []
    assert model.n_iter_ == solvers.training_config(model, 60, one_epoch=False, early_stopping=False).max_iter


def test_a_class_of_one_group_is_trained_on():
    y = np.arange(30) % 3
    assert hold_out(np.arange(30), y, y, np.random.default_rng(0)) is None


def test_the_only_sequence_of_a_class_is_trained_on():
    strata = np.r_[np.arange(39) % 2, 2]
    training, held_out = hold_out(np.arange(40), strata, None, np.random.default_rng(0))
    assert 39 in training and 39 not in held_out


def test_a_large_group_is_not_held_out():
    groups = np.r_[np.zeros(80, dtype=int), np.repeat([1, 2, 3, 4], 5)]
    _, held_out = hold_out(np.arange(100), None, groups, np.random.default_rng(0))
    assert 5 <= len(held_out) <= 20


def test_checkpoints_of_other_groups_are_refused(tmp_path):
    path, groups = tmp_path / "checkpoint.npz", np.arange(60) // 5
    regressor(checkpoint=path).fit(X, MEAN, groups=groups)
    with pytest.raises(ValueError, match="it differs in groups"):
        regressor(checkpoint=path).fit(X, MEAN, groups=groups[::-1])


# -------------------------------------------------------------------------------------------------------------- comparison


def test_the_loss_of_a_length_and_its_standard_error_are_those_of_the_blocks(rng=RNG):
    n = 4 * BLOCKS
    targets, weights = rng.integers(2, size=(n, 1)).astype(float), rng.uniform(0.5, 2, size=n)
    comparison = _Comparison(LOSSES["binary_log_loss"], targets, weights, [slice(4 * k, 4 * k + 4) for k in range(BLOCKS)])
    scores, others = rng.normal(size=(2, n, 1))

    def blocks_of(scores):
        losses = weights * np.logaddexp(0, np.where(targets == 1, -scores, scores))[:, 0] / weights.sum()
        return losses.reshape(BLOCKS, 4).sum(axis=1)

    tried, other = (comparison.judged(7, s, None) for s in (scores, others))
    np.testing.assert_allclose(tried.losses, blocks_of(scores))
    assert (tried.max_iter, tried.temperature) == (7, 1.0)
    differences = blocks_of(others) - blocks_of(scores)
    assert comparison.excess(other, tried) == pytest.approx(differences.sum() / (differences.std(ddof=1) * np.sqrt(BLOCKS)))
    assert comparison.excess(tried, tried) == 0


def test_lengths_that_are_not_finite_lose():
    comparison = _Comparison(LOSSES["squared_error"], np.zeros((4, 1)), np.ones(4), [slice(0, 2), slice(2, 4)])
    good, bad = (comparison.judged(1, np.full((4, 1), value), None) for value in (1.0, np.nan))
    assert comparison.excess(bad, good) == np.inf


@pytest.mark.parametrize("per_step", [False, True])
def test_blocks_are_made_of_whole_sequences(per_step):
    model = classifier(return_sequences=per_step, pooling="last")
    lengths = np.arange(1, 61) % 5 + 1
    ragged = Sequences.from_list([x[:n] for x, n in zip(X, lengths, strict=True)])
    y = [np.arange(n) % 2 for n in lengths] if per_step else CLEAN
    seen = []

    def spy(self, *args):
        seen.append(_Comparison.of(self.held_out, self.plain_loss).blocks)
        seen.append(self.held_out.sequences)
        return run(self, *args)

    run = LengthSearch.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LengthSearch, "run", spy)
        model.fit(ragged, y)
    blocks, held_out = seen
    sizes = np.array([block.stop - block.start for block in blocks])
    n_held_out = sum(len(x) for x in held_out) if per_step else len(held_out)
    assert len(blocks) == min(BLOCKS, len(held_out)) and sizes.sum() == n_held_out
    assert [block.start for block in blocks[1:]] == [block.stop for block in blocks[:-1]]


# -------------------------------------------------------------------------------------------------------------- the length


@pytest.fixture
def many():
    """More sequences, whose first channel says what the labels are, and labels without a pattern."""
    rng = np.random.default_rng(3)
    clean, noise = rng.integers(2, size=(2, 240))
    sequences = rng.normal(size=(240, 6, 2))
    sequences[:, 2, 0] = 2 * clean - 1
    return sequences, clean, noise


def test_what_can_be_learned_is_trained_for_longer_than_noise(many):
    sequences, clean, noise = many
    long, short = (classifier(hidden_size=16).fit(sequences, y) for y in (clean, noise))
    assert short.n_iter_ < long.n_iter_
    for model in (long, short):
        assert model.n_iter_ in [trial["max_iter"] for trial in model.max_iter_trials_]
        assert len(model.loss_curve_) == model.n_iter_
        assert [trial["max_iter"] for trial in model.max_iter_trials_] == sorted(t["max_iter"] for t in model.max_iter_trials_)


def test_a_network_without_a_pattern_to_learn_is_not_sure(many):
    sequences, _, noise = many
    fitted = classifier(hidden_size=16).fit(sequences, noise)
    sure = classifier(hidden_size=16, early_stopping=False).fit(sequences, noise)
    new = np.random.default_rng(5).normal(size=(200, 6, 2))
    assert np.abs(fitted.predict_proba(new) - 0.5).mean() < 0.5 * np.abs(sure.predict_proba(new) - 0.5).mean()


@pytest.mark.parametrize("model, y", [(classifier(), CLEAN), (regressor(), MEAN)])
def test_other_units_orders_of_threads_and_forms_of_x_change_nothing(model, y):
    fitted = model.fit(X, y)
    trials, weights = fitted.max_iter_trials_, fitted.weights_["head.V"].copy()
    for other in (X.copy(), list(X), Sequences.from_list(list(X))):
        again = model.set_params(n_jobs=2).fit(other, y)
        assert again.max_iter_trials_ == trials
        np.testing.assert_array_equal(again.weights_["head.V"], weights)
    scaled = model.fit(X * [1000.0, 0.01] + [5, -3], y)
    assert [t["max_iter"] for t in scaled.max_iter_trials_] == [t["max_iter"] for t in trials]


def test_the_given_length_and_no_choice_are_all_epochs():
    fixed, none, auto = (classifier(max_iter=5, early_stopping=stop).fit(X, CLEAN) for stop in (False, False, "auto"))
    np.testing.assert_array_equal(fixed._theta, auto._theta)
    np.testing.assert_array_equal(fixed._theta, none._theta)
    assert auto.max_iter_trials_ == [] and auto.temperature_ == 1
    assert classifier().fit(X[:9], CLEAN[:9]).max_iter_trials_ == []


@pytest.mark.parametrize("y", [CLEAN, NOISE])
def test_a_fit_that_continues_has_the_chosen_length(y):
    model = classifier(warm_start=True).fit(X, y)
    n, temperature = model.n_iter_, model.temperature_
    for k in (2, 3):
        model.fit(X, y)
        assert model.n_iter_ == k * n
        assert model.max_iter_trials_ == [] and model.temperature_ == temperature


def test_a_fit_that_continues_an_interrupted_one_has_what_is_left(monkeypatch):
    whole = classifier().fit(X, CLEAN)
    model = classifier()

    def interrupted(self, last, attributes):
        if attributes()["n_iter_"] == 2:
            raise KeyboardInterrupt
        return False

    with monkeypatch.context() as patch:
        patch.setattr(CallbackContext, "after_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, CLEAN)
    assert model.n_iter_ == 2
    model.set_params(warm_start=True).fit(X, CLEAN)
    assert model.n_iter_ == whole.n_iter_


def test_validation_data_take_the_place_of_a_part(monkeypatch):
    seen = []
    run = LengthSearch.run

    def spy(self, *args):
        seen.append(self)
        return run(self, *args)

    monkeypatch.setattr(LengthSearch, "run", spy)
    model = classifier().fit(X[:40], CLEAN[:40], X_val=X[40:], y_val=CLEAN[40:])
    (search,) = seen
    assert len(search.training) == 40 and len(search.held_out) == 20
    assert len(model.validation_loss_curve_) == model.n_iter_


def test_groups_are_held_out_together(monkeypatch):
    seen = []
    run = LengthSearch.run
    monkeypatch.setattr(LengthSearch, "run", lambda self, *args: (seen.append(self), run(self, *args))[1])
    groups = np.arange(60) // 5
    regressor().fit(X, MEAN, groups=groups)
    (search,) = seen
    held_out = {tuple(x[0]) for x in search.held_out.sequences}
    assert {groups[k] for k in range(60) if tuple(X[k, 0]) in held_out}.isdisjoint(groups[search.training.rows])


def test_lbfgs_chooses_its_iterations(monkeypatch):
    monkeypatch.setattr(solvers, "ITERATIONS", 40)
    model = classifier(solver="lbfgs").fit(X, NOISE)
    assert [trial["max_iter"] for trial in model.max_iter_trials_][:2] == [1, 5]
    assert model.n_iter_ <= 20


def test_progress_names_the_lengths(capsys):
    classifier(verbose=2).fit(X, CLEAN)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Held-out sequences  1 epochs  loss 0.")


def test_an_interrupt_of_the_choice_changes_nothing(monkeypatch):
    def interrupted(self, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(LengthSearch, "run", interrupted)
    model = classifier()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, CLEAN)
    assert not hasattr(model, "n_iter_")


def test_a_checkpoint_remembers_the_choice(monkeypatch, tmp_path):
    whole = classifier(checkpoint=tmp_path / "whole.npz").fit(X, CLEAN)
    path = tmp_path / "part.npz"

    def broken(row, last):
        if row["epoch"] == 2:
            raise RuntimeError("the machine stops")
        return False

    with monkeypatch.context() as patch:
        patch.setattr(CallbackContext, "after_epoch", lambda self, last, get: broken(get()["history_"][-1], last))
        with pytest.raises(RuntimeError, match="the machine stops"):
            classifier(checkpoint=path).fit(X, CLEAN)
    monkeypatch.setattr(LengthSearch, "run", None)  # not needed any more
    resumed = classifier(checkpoint=path).fit(X, CLEAN)
    np.testing.assert_array_equal(resumed._theta, whole._theta)
    assert resumed.max_iter_trials_ == whole.max_iter_trials_
    assert resumed.temperature_ == whole.temperature_


def test_a_start_that_led_nowhere_is_not_taken_again(monkeypatch):
    """With a penalty that nothing can be learned with; the same data and seed begin at the same other start."""
    starts = []
    train = fitting.train

    def spy(network, loss, optimizer, state, *args, **kwargs):
        starts.append(state.theta.copy())
        return train(network, loss, optimizer, state, *args, **kwargs)

    monkeypatch.setattr(fitting, "train", spy)
    stuck, again, free = (regressor(pooling="last", alpha=alpha).fit(X, MEAN) for alpha in (10.0, 10.0, 0.0))
    np.testing.assert_array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])
    assert stuck.n_iter_ == stuck.max_iter_trials_[-1]["max_iter"]
    assert len(free.max_iter_trials_) == 3 and free.score(X, MEAN) > 0.5 > stuck.score(X, MEAN)
    np.testing.assert_array_equal(stuck._theta, again._theta)


# --------------------------------------------------------------------------------------------------------- the temperature


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_temperature_divides_the_scores(n_classes):
    y = np.arange(60) % n_classes
    cold, warm = (classifier(max_iter=3, temperature=t).fit(X, y) for t in (1.0, 4.0))
    np.testing.assert_array_equal(cold.predict(X), warm.predict(X))
    log_odds = [np.diff(model.predict_log_proba(X), axis=1) for model in (cold, warm)]
    np.testing.assert_allclose(log_odds[0], 4 * log_odds[1], rtol=1e-9, atol=1e-12)
    assert (cold.temperature_, warm.temperature_) == (1.0, 4.0)
    np.testing.assert_array_equal(cold._state.theta, warm._state.theta)


def test_labels_of_several_kinds_have_one_too():
    Y = np.column_stack([CLEAN, NOISE])
    cold, warm = (classifier(max_iter=3, temperature=t).fit(X, Y) for t in (1, 4))
    np.testing.assert_allclose(logit(cold.predict_proba(X)), 4 * logit(warm.predict_proba(X)), rtol=1e-9)
    steps = (X[:, :, 0] > 0).astype(int)
    assert classifier(return_sequences=True).fit(X, steps).temperature_ != 1


def test_a_temperature_survives_what_comes_after_the_fit(tmp_path):
    model = classifier(temperature=3.0, max_iter=3).fit(X, CLEAN)
    expected = model.predict_proba(X)
    save(model, tmp_path / "model.npz")
    again = load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    assert again.temperature_ == 3.0
    stream = model.stream("predict_proba")
    assert_same_rows([stream.step(x) for x in X[0]][-1], expected[:1])
    model.set_weights(model.weights_)
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    before, after = (one.partial_fit(X, CLEAN).predict_proba(X) for one in (again, model))
    assert np.abs(before - expected).max() < 0.3  # the scores of one epoch more, divided by the same number
    assert again.temperature_ == model.temperature_ == 3.0
    assert np.isfinite(after).all()


@pytest.mark.parametrize("params", [{"early_stopping": True, "validation_fraction": 0.4}, {"max_iter": 30}])
def test_validation_data_calibrate(params):
    """The temperature is that with the lowest log-loss on them."""
    held_out = {"X_val": X[40:], "y_val": NOISE[40:]} if "max_iter" in params else {}
    rows = slice(40) if held_out else slice(None)
    model = classifier(**params).fit(X[rows], NOISE[rows], **held_out)
    assert model.temperature_ > 1.05
    assert classifier(temperature=1.0, **params).fit(X[rows], NOISE[rows], **held_out).temperature_ == 1
    if held_out:
        odds = logit(model.predict_proba(X[40:])[:, 1])
        sign = np.where(NOISE[40:] == 1, -1, 1)

        def loss(factor):
            temperature = factor * model.temperature_
            return np.logaddexp(0, sign * odds / factor).sum() + np.log(temperature) ** 2

        assert loss(1) < min(loss(0.9), loss(1.1))


@pytest.mark.parametrize("value", [0, -1.0, 1e-9, 1e9, np.nan, "warm", None])
def test_other_temperatures_are_refused(value):
    with pytest.raises(ValueError, match="temperature"):
        classifier(temperature=value).fit(X, CLEAN)
