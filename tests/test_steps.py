"""Properties of models that predict a target for every step (`return_sequences=True`)."""

import pickle

import numpy as np
import pytest
from reference import relative_error
from reference import scores as reference_scores
from rows import assert_same_rows
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score, train_test_split
from test_bad_input import refuses

import sklstm.estimators.fitting
import sklstm.training.gradient
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.metrics import step_scorer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# With a constant rate a fit of four epochs is two of two, or four partial ones.
QUICK = {"hidden_size": 4, "max_iter": 4, "learning_rate": "constant", "return_sequences": True, "random_state": 0}


def classifier(**params):
    return LSTMClassifier(**QUICK | params)


def regressor(**params):
    return LSTMRegressor(**QUICK | params)


# Kind of y -> the y of one sequence x (n_steps, 3), with every class in steps that are not masked below.
KINDS = {
    "numbers": lambda x: x[:, 0] + 0.1,
    "two numbers": lambda x: x[:, :2] * [1, 30],
    "binary": lambda x: (x[:, 0] > 0).astype(int),
    "texts": lambda x: np.where(x[:, 0] > 0, "up", "down"),
    "floats": lambda x: np.where(x[:, 0] > 0, 1.0, 0.0),
    "multiclass": lambda x: 3 + (x[:, 0] > 0) + (x[:, 1] > 0),
    "multilabel": lambda x: (x > 0).astype(int),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def model_of(kind, **params):
    return (regressor if "numbers" in kind else classifier)(**params)


def targets(kind, X):
    return [KINDS[kind](x) for x in X]


def as_sequences(arrays):
    """`Sequences` of any dtype: `from_list` is for numbers."""
    values = np.concatenate(arrays)
    return Sequences(values.reshape(len(values), -1), np.concatenate([[0], np.cumsum([len(a) for a in arrays])]))


def flatten(answers):
    """Answers in any form, as one array (total_steps, n_outputs)."""
    arrays = answers.to_list() if isinstance(answers, Sequences) else list(answers)
    return np.concatenate([np.reshape(a, (len(a), -1)) for a in arrays])


def answers(model, X):
    """All that a model answers, by method."""
    methods = ["predict"] if isinstance(model, LSTMRegressor) else ["predict", "predict_proba", "predict_log_proba"]
    return {method: getattr(model, method)(X) for method in methods}


def assert_same_bits(a, b, X):
    for method, expected in answers(a, X).items():
        assert_same_rows(flatten(getattr(b, method)(X)), flatten(expected))
    assert a.loss_curve_ == b.loss_curve_
    assert a.validation_scores_ == b.validation_scores_


@pytest.fixture
def dense(rng):
    """Sequences (10, 5, 3) of equal length."""
    return rng.normal(size=(10, 5, 3))


# ---- forms ----


@kinds
def test_forms_of_y_give_the_same_bits_and_answers_come_in_them(dense, kind):
    y = np.stack(targets(kind, dense))
    one_output = y.ndim == 2
    objects = np.empty(len(y), dtype=object)
    objects[:] = list(y)
    forms = {
        "list": (list(y), list),
        "tuple": (tuple(y), list),
        "nested lists": (y.tolist(), list),
        "object array": (objects, list),
        "array": (y, np.ndarray),
        "Sequences": (as_sequences(y), Sequences),
    }
    if one_output:
        forms |= {"list of columns": (list(y[:, :, np.newaxis]), list), "columns": (y[:, :, np.newaxis], np.ndarray)}
    expected = model_of(kind).fit(dense, y)
    for name, (form, kind_of_answer) in forms.items():
        model = model_of(kind).fit(dense, form)
        assert_same_bits(expected, model, dense)
        predicted = model.predict(dense)
        assert isinstance(predicted, kind_of_answer), name
        width = () if one_output and "column" not in name else (flatten(y).shape[1],)
        if isinstance(predicted, Sequences):
            np.testing.assert_array_equal(predicted.lengths, np.full(10, 5))
            assert predicted.values.dtype == y.dtype or kind == "multilabel"
        else:
            assert len(predicted) == 10
            assert all(answer.shape == (5, *width) for answer in predicted), name
        for method, answer in answers(model, dense).items():
            if method != "predict":
                assert isinstance(answer, kind_of_answer), (name, method)
                assert flatten(answer).shape == (50, len(model.classes_))
        assert model.score(dense, form) == expected.score(dense, y)


@kinds
def test_ragged_X_gets_a_list_where_y_was_an_array(dense, ragged, kind):
    model = model_of(kind).fit(dense, np.stack(targets(kind, dense)))
    for method, answer in answers(model, ragged).items():
        assert isinstance(answer, list), method
        assert [len(a) for a in answer] == [len(x) for x in ragged]
    assert isinstance(model.predict(ragged[2:4]), np.ndarray)  # both of 5 steps


@pytest.mark.parametrize("n_channels", [1, 3])
def test_encodings_of_X_give_the_same_bits(dense, n_channels):
    X = np.ascontiguousarray(dense[:, :, :n_channels])
    y = X.sum(axis=2)
    model = regressor(n_channels=n_channels)
    expected = model.fit(X, y).predict(X)
    for form in (X, list(X), Sequences.from_list(X), X.reshape(len(X), -1)):
        fitted = clone(model).fit(form, y)
        np.testing.assert_array_equal(fitted.predict(form), expected)
        np.testing.assert_array_equal(fitted.predict(X), expected)


@kinds
def test_classes_and_probabilities_go_together(ragged, kind):
    model = model_of(kind).fit(ragged, targets(kind, ragged))
    if "numbers" in kind:
        return
    proba, log_proba, predicted = (flatten(answer) for answer in (
        model.predict_proba(ragged), model.predict_log_proba(ragged), model.predict(ragged)
    ))  # fmt: skip
    np.testing.assert_allclose(np.exp(log_proba), proba, rtol=1e-12)
    if kind == "multilabel":
        np.testing.assert_array_equal(predicted, proba > 0.5)
    else:
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_array_equal(predicted[:, 0], model.classes_[proba.argmax(axis=1)])


# ---- what is learnt and answered ----

CONFIGURATIONS = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"cell": "gru", "bidirectional": True, "merge_mode": "sum"},
    {"cell": "layernorm", "initial_state": "learned"},
    {"cell": "peephole", "hidden_size": (3, 3), "residual": True},
    {"activation": "relu", "dropout": 0.3, "recurrent_dropout": 0.3},
]
configurations = pytest.mark.parametrize("params", CONFIGURATIONS, ids=str)


@configurations
def test_predictions_are_those_of_the_named_weights(ragged, params):
    shifted = [100 + 7 * x for x in ragged]
    y = [1000 + 50 * x[:, :2] for x in ragged]
    model = regressor(**params).fit(shifted, y)
    options = {key: params[key] for key in ("cell", "activation", "bidirectional", "merge_mode", "residual") if key in params}
    num_layers = params.get("num_layers", len(params.get("hidden_size", (0,))))
    expected = reference_scores(model.weights_, shifted, num_layers, pooling=None, **options)
    assert relative_error(flatten(model.predict(shifted)), expected) < 1e-12


@configurations
def test_each_sequence_is_answered_as_if_it_were_alone(ragged, params):
    # Not the same bits: BLAS sums in another order for another number of rows.
    model = regressor(**params).fit(ragged, targets("two numbers", ragged))
    for x, together in zip(ragged, model.predict(ragged), strict=True):
        np.testing.assert_allclose(model.predict([x])[0], together, rtol=1e-11, atol=1e-13)


@configurations
def test_forward_models_are_causal_and_bidirectional_ones_are_not(ragged, params):
    model = regressor(**params).fit(ragged, targets("numbers", ragged))
    x = ragged[-1]
    before = model.predict([x])[0]
    for t in range(1, len(x)):
        later = x.copy()
        later[t:] += 3
        after = model.predict([later])[0]
        if params.get("bidirectional"):
            assert (after != before).all()
        else:
            np.testing.assert_array_equal(after[:t], before[:t])
            assert (after[t:] != before[t:]).all()


def test_the_answer_at_the_last_step_of_a_prefix_is_that_of_the_whole(ragged):
    model = classifier().fit(ragged, targets("multiclass", ragged))
    x = ragged[-1]
    whole = model.predict_proba([x])[0]
    for t in range(len(x)):
        np.testing.assert_allclose(model.predict_proba([x[: t + 1]])[0][-1], whole[t], rtol=1e-12)


@kinds
def test_sequences_of_one_step_are_their_steps(rng, kind):
    X = rng.normal(size=(20, 1, 3))
    y = np.stack(targets(kind, X))
    by_step = model_of(kind).fit(X, y)
    by_sequence = model_of(kind, return_sequences=False, pooling="last").fit(X, y[:, 0])
    for method, answer in answers(by_step, X).items():
        np.testing.assert_array_equal(answer[:, 0], getattr(by_sequence, method)(X))
    assert by_step.score(X, y) == by_sequence.score(X, y[:, 0])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_with_labels_at_the_last_steps_only_it_is_a_model_of_sequences(ragged, rng, cell):
    # One gradient, computed on another path: equal up to rounding, which a few epochs of Adam hardly magnify. Without
    # standardisation, whose weights of the steps are the same here.
    y = rng.normal(size=len(ragged))
    steps = [np.append(np.full(len(x) - 1, np.nan), value) for x, value in zip(ragged, y, strict=True)]
    by_step = regressor(cell=cell).fit(ragged, steps)
    by_sequence = regressor(cell=cell, return_sequences=False, pooling="last").fit(ragged, y)
    np.testing.assert_allclose([answer[-1] for answer in by_step.predict(ragged)], by_sequence.predict(ragged), rtol=1e-7)
    np.testing.assert_allclose(by_step.loss_curve_, by_sequence.loss_curve_, rtol=1e-9)


def manual_loss(kind, model, X, y, weights):
    """Mean loss over the steps, from what the model answers."""
    flat = flatten(y)
    if "numbers" in kind:
        losses = 0.5 * ((flatten(model.predict(X)) - flat) ** 2).mean(axis=1)
    else:
        log_proba, proba = flatten(model.predict_log_proba(X)), flatten(model.predict_proba(X))
        if kind == "multilabel":
            losses = -(flat * np.log(proba) + (1 - flat) * np.log1p(-proba)).sum(axis=1)
        else:
            losses = -log_proba[np.arange(len(flat)), np.searchsorted(model.classes_, flat[:, 0])]
    return np.average(losses, weights=weights)


@kinds
def test_the_loss_is_the_mean_over_the_steps(ragged, rng, kind):
    y = targets(kind, ragged)
    weights = [rng.uniform(size=len(x)) for x in ragged]
    weights[2][:2] = 0
    model = model_of(kind, standardize=False)
    if kind not in ("numbers", "two numbers"):
        model.set_params(temperature=1.0)  # of what is recorded while it trains
    model.fit(ragged, y, X_val=ragged, y_val=y, sample_weight_val=weights)
    expected = manual_loss(kind, model, ragged, y, np.concatenate(weights))
    np.testing.assert_allclose(model.validation_loss_curve_[-1], expected, rtol=1e-12)


def test_it_learns_a_task_of_steps():
    # The running parity of the sign changes: a state of one bit that has to be kept over all steps.
    rng = np.random.default_rng(0)
    X = [rng.integers(2, size=(rng.integers(3, 9), 1)).astype(float) for _ in range(200)]
    y = [np.cumsum(x[:, 0]).astype(int) % 2 for x in X]
    model = classifier(hidden_size=8, max_iter=150, learning_rate_init=0.02).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.95


# ---- the mask ----

# Kind of mask -> kind of y, and y of a sequence with some entries masked; a mask of None turns y into objects.
MASKS = {
    "-100 among integers": ("multiclass", lambda y, m: np.where(m, -100, y)),
    "-100 among int8": ("binary", lambda y, m: np.where(m, -100, y).astype(np.int8)),
    "NaN among floats": ("floats", lambda y, m: np.where(m, np.nan, y)),
    "None among texts": ("texts", lambda y, m: np.where(m, None, y.astype(object))),
    "NaN among texts": ("texts", lambda y, m: np.where(m, np.nan, y.astype(object))),
    "None among texts in lists": ("texts", lambda y, m: np.where(m, None, y.astype(object)).tolist()),
    "NaN among texts in lists": ("texts", lambda y, m: np.where(m, np.nan, y.astype(object)).tolist()),
    "None among integers": ("multiclass", lambda y, m: np.where(m, None, y.astype(object))),
    "NaN among numbers": ("numbers", lambda y, m: np.where(m, np.nan, y)),
    "None among numbers": ("numbers", lambda y, m: np.where(m, None, y.astype(object))),
    "NaN among rows of numbers": ("two numbers", lambda y, m: np.where(m[:, np.newaxis], np.nan, y)),
    "-100 among rows of labels": ("multilabel", lambda y, m: np.where(m[:, np.newaxis], -100, y)),
    "NaN among rows of labels": ("multilabel", lambda y, m: np.where(m[:, np.newaxis], np.nan, y)),
}
masks = pytest.mark.parametrize("mask", MASKS)
CHOSEN = [(0, 1), (2, 0), (2, 4), (5, 0), (6, 3)]  # sequence and step; sequence 5 has no other


def masked(mask, X):
    """y without a mask, with one, and weights that are 0 where it is."""
    kind, put = MASKS[mask]
    y = targets(kind, X)
    hidden = [np.array([(i, t) in CHOSEN for t in range(len(x))]) for i, x in enumerate(X)]
    return kind, y, [put(a, m) for a, m in zip(y, hidden, strict=True)], [1.0 - m for m in hidden]


@masks
@pytest.mark.parametrize("params", [{}, {"standardize": False, "batch_size": 2}, {"dropout": 0.3, "bptt_steps": 2}], ids=str)
def test_a_masked_step_is_left_out_like_one_of_weight_zero(ragged, mask, params):
    kind, y, with_mask, weights = masked(mask, ragged)
    left_out = model_of(kind, **params).fit(ragged, with_mask)
    weighted = model_of(kind, **params).fit(ragged, y, sample_weight=weights)
    if "numbers" not in kind:
        np.testing.assert_array_equal(left_out.classes_, weighted.classes_)
    assert_same_bits(left_out, weighted, ragged)
    # Sums with and without zeros in them round in another order.
    assert left_out.score(ragged, with_mask) == pytest.approx(weighted.score(ragged, y, sample_weight=weights))
    left_out.partial_fit(ragged, with_mask)
    weighted.partial_fit(ragged, y, sample_weight=weights)
    assert_same_bits(left_out, weighted, ragged)


@masks
def test_a_mask_in_an_array_or_in_Sequences_is_the_same(rng, mask):
    X = rng.normal(size=(7, 5, 3))
    kind, _, with_mask, _ = masked(mask, X)
    if "lists" in mask:
        return  # those of arrays are the others
    from_list = model_of(kind).fit(X, with_mask)
    assert_same_bits(from_list, model_of(kind).fit(X, np.stack(with_mask)), X)
    assert_same_bits(from_list, model_of(kind).fit(X, as_sequences(with_mask)), X)


def test_a_mask_of_minus_100_survives_from_list(ragged):
    # `Sequences.from_list` makes floats of integers. Otherwise -100 would silently become a class.
    _, _, with_mask, _ = masked("-100 among integers", ragged)
    model = classifier().fit(ragged, Sequences.from_list(with_mask))
    np.testing.assert_array_equal(model.classes_, [3, 4, 5])


@pytest.mark.parametrize("kind", ["numbers", "two numbers"])
@pytest.mark.parametrize("value", [-7.0, 1e10, 1e200])
@pytest.mark.parametrize("standardize", [True, False])
def test_what_y_holds_at_a_step_of_weight_zero_changes_nothing(ragged, kind, value, standardize):
    mask = "NaN among numbers" if kind == "numbers" else "NaN among rows of numbers"
    _, y, with_mask, weights = masked(mask, ragged)
    other = [np.where(np.isnan(a), value, a) for a in with_mask]
    expected = model_of(kind, standardize=standardize).fit(ragged, y, sample_weight=weights)
    assert_same_bits(expected, model_of(kind, standardize=standardize).fit(ragged, other, sample_weight=weights), ragged)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_label_at_a_step_of_weight_zero_changes_nothing(ragged, kind):
    y, weights = targets(kind, ragged), [(np.arange(len(x)) > 0).astype(float) for x in ragged]
    classes = np.unique(np.concatenate([a[1:] for a in y]))
    other = [np.append(classes[-1], a[1:]) for a in y]
    y = [np.append(classes[0], a[1:]) for a in y]
    for class_weight in (None, "balanced"):
        model = model_of(kind, class_weight=class_weight)
        a, b = (clone(model).fit(ragged, form, sample_weight=weights) for form in (y, other))
        assert_same_bits(a, b, ragged)


def test_X_of_a_masked_step_still_counts(ragged):
    # The network reads it on its way to later steps.
    _, _, with_mask, _ = masked("NaN among numbers", ragged)
    changed = [x.copy() for x in ragged]
    changed[2][0] += 1
    a, b = (regressor(standardize=False).fit(X, with_mask).predict(ragged[:1])[0] for X in (ragged, changed))
    assert (a != b).all()


def test_a_sequence_that_is_masked_altogether_is_as_good_as_absent(ragged):
    _, _, with_mask, _ = masked("NaN among numbers", ragged)
    assert np.isnan(with_mask[5]).all()
    rows = [i for i in range(len(ragged)) if i != 5]
    assert_same_bits(
        regressor().fit(ragged, with_mask),
        regressor().fit([ragged[i] for i in rows], [with_mask[i] for i in rows]),
        ragged,
    )


# ---- weights ----


@kinds
def test_weights_of_steps_come_in_the_forms_of_y(dense, rng, kind):
    y = np.stack(targets(kind, dense))
    weights = rng.uniform(size=(10, 5))
    expected = model_of(kind).fit(dense, y, sample_weight=weights)
    score = expected.score(dense, y, sample_weight=weights)
    for form in (list(weights), weights.tolist(), weights[:, :, np.newaxis], as_sequences(weights)):
        assert_same_bits(expected, model_of(kind).fit(dense, y, sample_weight=form), dense)
        assert expected.score(dense, y, sample_weight=form) == score


@kinds
def test_the_weight_of_a_sequence_is_that_of_each_of_its_steps(ragged, rng, kind):
    y, weights = targets(kind, ragged), rng.uniform(0.5, 2, size=len(ragged))
    weights[3] = 0
    steps = [np.full(len(x), weight) for x, weight in zip(ragged, weights, strict=True)]
    by_sequence = model_of(kind).fit(ragged, y, sample_weight=weights)
    by_step = model_of(kind).fit(ragged, y, sample_weight=steps)
    if "numbers" in kind:
        # The mean over the steps of a sequence may round its weight, by which X is standardised.
        np.testing.assert_allclose(flatten(by_sequence.predict(ragged)), flatten(by_step.predict(ragged)), rtol=1e-9)
    else:
        assert_same_bits(by_sequence, by_step, ragged)
    assert by_sequence.score(ragged, y, sample_weight=weights) == by_sequence.score(ragged, y, sample_weight=steps)


def test_weights_equal_repetitions(ragged, rng):
    y = targets("two numbers", ragged)
    weights = np.array([1, 2, 0, 1, 3, 1, 2])
    rows = np.repeat(np.arange(len(ragged)), weights)
    weighted = regressor(max_iter=30).fit(ragged, y, sample_weight=weights)
    repeated = regressor(max_iter=30).fit([ragged[i] for i in rows], [y[i] for i in rows])
    # One minibatch in both cases: the same gradients up to rounding.
    np.testing.assert_allclose(flatten(weighted.predict(ragged)), flatten(repeated.predict(ragged)), rtol=1e-8)


@pytest.mark.parametrize("kind", ["texts", "multiclass"])
@pytest.mark.parametrize("weighted", [False, True])
def test_balanced_class_weights_are_those_of_the_steps(ragged, rng, kind, weighted):
    y = targets(kind, ragged)
    own = [rng.uniform(0.5, 2, size=len(x)) if weighted else np.ones(len(x)) for x in ragged]
    flat, flat_own = np.concatenate(y), np.concatenate(own)
    classes = np.unique(flat)
    factors = {c: flat_own.sum() / (len(classes) * flat_own[flat == c].sum()) for c in classes.tolist()}
    steps = [w * [factors[c] for c in a.tolist()] for w, a in zip(own, y, strict=True)]
    balanced = model_of(kind, class_weight="balanced").fit(ragged, y, sample_weight=own)
    by_dict = model_of(kind, class_weight=factors).fit(ragged, y, sample_weight=own)
    by_step = model_of(kind).fit(ragged, y, sample_weight=steps)
    # The sums of the weights may round in another order.
    for other in (by_dict, by_step):
        np.testing.assert_allclose(
            flatten(balanced.predict_proba(ragged)), flatten(other.predict_proba(ragged)), rtol=1e-9
        )


# ---- scores and validation ----


@kinds
def test_the_score_is_over_the_steps(ragged, rng, kind):
    y, weights = targets(kind, ragged), [rng.uniform(size=len(x)) for x in ragged]
    model = model_of(kind).fit(ragged, y)
    metric = r2_score if "numbers" in kind else accuracy_score
    flat, predicted = flatten(y), flatten(model.predict(ragged))
    assert model.score(ragged, y) == pytest.approx(metric(flat, predicted))
    flat_weights = np.concatenate(weights)
    assert model.score(ragged, y, sample_weight=weights) == pytest.approx(
        metric(flat, predicted, sample_weight=flat_weights)
    )


@masks
@pytest.mark.parametrize("early_stopping", [True, False])
def test_validation_scores_are_those_of_score(ragged, rng, mask, early_stopping):
    kind, y, with_mask, _ = masked(mask, ragged)
    weights = [rng.uniform(size=len(x)) for x in ragged]
    model = model_of(kind, early_stopping=early_stopping, max_iter=8)
    model.fit(ragged, y, X_val=ragged, y_val=with_mask, sample_weight_val=weights)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    expected = model.best_validation_score_ if early_stopping else model.validation_scores_[-1]
    assert model.score(ragged, with_mask, sample_weight=weights) == pytest.approx(expected)


@kinds
def test_early_stopping_sets_sequences_aside(rng, kind):
    X = [rng.normal(size=(length, 3)) for length in rng.integers(1, 7, size=30)]
    model = model_of(kind, early_stopping=True, validation_fraction=0.2, max_iter=6).fit(X, targets(kind, X))
    assert model.t_ == 24 * 6
    assert model.best_validation_score_ == model.validation_scores_[model.best_epoch_ - 1]


def test_too_few_steps_to_stop_by_are_refused(ragged, monkeypatch):
    # The variance of one target is 0: every score would be NaN, and the initial weights be taken for the best.
    one_step = [np.append(np.full(len(ragged[-1]) - 1, np.nan), 1.0)]
    model = regressor(early_stopping=True)
    y = targets("numbers", ragged)
    refused(
        monkeypatch, model, lambda: model.fit(ragged, y, X_val=ragged[-1:], y_val=one_step), ["early_stopping", "at least two"]
    )


@kinds
def test_warm_start_goes_on_with_the_same_bits(ragged, kind):
    y = targets(kind, ragged)
    twice = model_of(kind, warm_start=True, max_iter=3, dropout=0.2)
    twice.fit(ragged, y).fit(ragged, y)
    assert_same_bits(model_of(kind, max_iter=6, dropout=0.2).fit(ragged, y), twice, ragged)


@kinds
def test_partial_fits_are_epochs(ragged, kind):
    # Without standardisation, whose statistics `partial_fit` merges with rounding.
    y = targets(kind, ragged)
    chunks = model_of(kind, standardize=False)
    if kind in ("numbers", "two numbers", "multilabel"):
        extra = {}
    else:
        extra = {"classes": np.unique(np.concatenate(y))}
    for _ in range(4):
        chunks.partial_fit(ragged, y, **extra)
    assert_same_bits(model_of(kind, standardize=False).fit(ragged, y), chunks, ragged)


def test_partial_fit_takes_chunks_of_other_lengths_and_forms(ragged, dense):
    classes = [3, 4, 5]
    model = classifier().partial_fit(ragged, targets("multiclass", ragged), classes=classes)
    model.partial_fit(dense, np.stack(targets("multiclass", dense)))
    model.partial_fit(ragged[:1], as_sequences(targets("multiclass", ragged[:1])))
    assert model.n_iter_ == 3
    np.testing.assert_array_equal(model.classes_, classes)


# ---- tools of scikit-learn ----


def containers(kind, X):
    y = targets(kind, X)
    return {"lists": (X, y), "Sequences": (Sequences.from_list(X), as_sequences(y))}


@pytest.fixture
def thirty(rng):
    return [rng.normal(size=(length, 3)) for length in rng.integers(1, 7, size=30)]


@kinds
@pytest.mark.parametrize("container", ["lists", "Sequences"])
@pytest.mark.parametrize("cv", [3, KFold(3)], ids=["cv=3", "KFold"])
def test_cross_validation_equals_its_loop(thirty, kind, container, cv):
    X, y = containers(kind, thirty)[container]
    model = model_of(kind, max_iter=2)
    expected = []
    for train, test in KFold(3).split(np.zeros(30)):
        cut = [[a[i] for i in rows] for a in containers(kind, thirty)["lists"] for rows in (train, test)]
        expected.append(clone(model).fit(cut[0], cut[2]).score(cut[1], cut[3]))
    np.testing.assert_array_equal(cross_val_score(model, X, y, cv=cv, error_score="raise"), expected)


@pytest.mark.parametrize("container", ["lists", "Sequences"])
def test_grid_search(thirty, container):
    X, y = containers("numbers", thirty)[container]
    search = GridSearchCV(regressor(), {"cell": ["lstm", "gru"], "max_iter": [1, 3]}, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert isinstance(search.predict(X), Sequences if container == "Sequences" else list)


def test_cross_val_predict_and_train_test_split(thirty, dense):
    assert cross_val_predict(regressor(), dense, dense[:, :, 0], cv=2).shape == (10, 5)
    X, y = containers("texts", thirty)["Sequences"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert 0 <= classifier().fit(X_train, y_train).score(X_test, y_test) <= 1


@kinds
def test_copies_answer_and_go_on_with_the_same_bits(ragged, kind):
    y = targets(kind, ragged)
    model = model_of(kind).fit(ragged, y)
    copied = pickle.loads(pickle.dumps(model))
    assert_same_bits(model, copied, ragged)
    assert type(copied.predict(ragged)) is type(model.predict(ragged))
    assert_same_bits(model.partial_fit(ragged, y), copied.partial_fit(ragged, y), ragged)
    assert_same_bits(model_of(kind).fit(ragged, y), clone(model).fit(ragged, y), ragged)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(rng, dtype, monkeypatch):
    # More work than one shard takes (2 x 1e8 multiplications and additions), masks and dropout in it.
    counts = []
    original = sklstm.training.gradient.shards
    monkeypatch.setattr(
        sklstm.training.gradient, "shards", lambda *a: counts.append(len(original(*a))) or original(*a)
    )
    X = [rng.normal(size=(length, 4)).astype(dtype) for length in rng.integers(80, 161, size=96)]
    y = [np.where(rng.random(len(x)) < 0.2, -100, (x[:, 0] > 0).astype(int)) for x in X]
    fitted = [
        classifier(hidden_size=32, batch_size=96, max_iter=2, dropout=0.2, recurrent_dropout=0.2, n_jobs=n_jobs).fit(X, y)
        for n_jobs in (1, 2)
    ]
    assert max(counts) > 1
    assert_same_bits(*fitted, X[:20])
    assert flatten(fitted[1].predict_proba(X)).dtype == dtype


@pytest.mark.parametrize("params", [{}, {"num_layers": 2, "dropout": 0.3}, {"cell": "gru", "initial_state": "learned"}], ids=str)
def test_bptt_over_all_steps_has_the_bits_of_none(ragged, params):
    y = targets("multiclass", ragged)
    longest = max(len(x) for x in ragged)
    whole = classifier(**params).fit(ragged, y)
    for steps in (longest, longest + 5):
        assert_same_bits(whole, classifier(bptt_steps=steps, **params).fit(ragged, y), ragged)


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_truncation_changes_gradients_but_no_loss(ragged, steps):
    # The loss of the first epoch, of one minibatch, is that of the initial weights.
    y = targets("numbers", ragged)
    whole, truncated = (regressor(bptt_steps=b, max_iter=2).fit(ragged, y) for b in (None, steps))
    np.testing.assert_allclose(truncated.loss_curve_[0], whole.loss_curve_[0], rtol=1e-12)
    assert truncated.loss_curve_[1] != whole.loss_curve_[1]


# ---- ids ----


def named(values, ids):
    return Sequences(values.reshape(-1, values.shape[2]), 5 * np.arange(11), ids=ids)


def test_targets_in_another_order_are_aligned_by_their_ids(dense):
    ids, order = np.array(list("abcdefghij")), [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]
    X, y, weights = named(dense, ids), named(dense[:, :, :1], ids), named(dense[:, :, 1:2] ** 2, ids)
    expected = regressor().fit(X, y, sample_weight=weights)
    assert_same_bits(expected, regressor().fit(X, y[order], sample_weight=weights[order]), X)
    assert expected.score(X, y[order]) == expected.score(X, y)


def test_targets_of_other_sequences_are_refused(dense, monkeypatch):
    ids = list("abcdefghij")
    X, other = named(dense, ids), [*ids[:3], "x", *ids[4:]]
    model = regressor(max_iter=1)
    words = ["y must have the sequences of X", "sequence 3 of X has the id 'd'", "the ids of y", "Pass y"]
    refused(monkeypatch, model, lambda: model.fit(X, named(dense[:, :, :1], other)), words)
    words = ["sample_weight must have the sequences of X", "sequence 3"]
    y, weights = named(dense[:, :, :1], ids), np.ones((10, 5, 1))
    refused(monkeypatch, model, lambda: model.fit(X, y, sample_weight=named(weights, other)), words)


def test_answers_have_the_ids_of_X(dense):
    X = Sequences(dense.reshape(50, 3), 5 * np.arange(11), ids=list("abcdefghij"))
    y = Sequences(X.values[:, :1], X.offsets, ids=X.ids)
    model = regressor(max_iter=1).fit(X, y)
    assert model.predict(X[[7, 2]]).ids.tolist() == ["h", "c"]
    assert regressor(max_iter=1).fit(dense, Sequences(y.values, y.offsets)).predict(dense).ids is None


# ---- bad input ----


def refused(monkeypatch, estimator, call, words):
    """That `call` raises with the words before training begins, and leaves the estimator as it was."""
    monkeypatch.setattr(sklstm.estimators.fitting, "train", lambda *a, **k: pytest.fail("Training began."))
    refuses(estimator, call, words)


STEPS = "Expected a list with one array per sequence"
NONSENSE = {
    "one per sequence": (lambda y: np.arange(len(y)) % 2, ["every step", STEPS, "return_sequences=False"]),
    "one per sequence in a list": (lambda y: [i % 2 for i in range(len(y))], ["every step", STEPS, "return_sequences=False"]),
    "one text per sequence": (lambda y: ["a", "b"] * 3 + ["a"], ["every step", STEPS, "return_sequences=False"]),
    "a step too many": (lambda y: [*y[:-1], np.append(y[-1], 1)], ["sequence 6 has 7 steps, but 8", STEPS]),
    "a step too few": (lambda y: [y[0][:-1], *y[1:]], ["sequence 0 has 3 steps, but 2", STEPS]),
    "too few sequences": (lambda y: y[:-1], ["7 sequences", "6", "Pass|Expected"]),
    "too many sequences": (lambda y: [*y, y[0]], ["7 sequences", "8", "Pass|Expected"]),
    "Sequences of other lengths": (lambda y: as_sequences([y[1], y[0], *y[2:]]), ["sequence 0 has 3 steps, but 1", STEPS]),
    "too few Sequences": (lambda y: as_sequences(y[:-1]), ["7 sequences", "6", "Pass|Expected"]),
    "an array for ragged X": (lambda y: np.ones((7, 3), dtype=int), ["sequence 1 has 1 steps, but 3", STEPS]),
    "4-D": (lambda y: np.ones((7, 3, 1, 1), dtype=int), ["dim 4", "3-D"]),
    "3-D of one sequence": (lambda y: [np.ones((len(a), 1, 1), dtype=int) for a in y], ["sequence 0", "axes", STEPS]),
    "outputs that change": (lambda y: [np.ones((3, 2), dtype=int), *y[1:]], ["sequence 1", "unlike sequence 0", STEPS]),
    "steps that differ": (lambda y: [[[1], [1, 2], [1]], *y[1:]], ["sequence 0", "differ in shape", STEPS]),
    "None": (lambda y: None, ["requires y"]),
    "a number": (lambda y: 3, ["one entry", "Pass"]),
    "a text": (lambda y: "labels", ["one entry", "Pass"]),
    "a dict": (lambda y: dict(enumerate(y)), ["y", "in the order of X"]),
    "NaN only": (lambda y: [np.full(len(a), np.nan) for a in y], ["mask", "Label at least one step"]),
    "None only": (lambda y: [[None] * len(a) for a in y], ["mask", "Label at least one step"]),
    "infinity": (lambda y: [np.where(np.arange(len(a)) == 0, np.inf, a) for a in y], ["inf"]),
    "complex": (lambda y: [a * 1j for a in y], ["[cC]omplex"]),
}


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("name", NONSENSE)
def test_bad_y(ragged, make, name, monkeypatch):
    bad, words = NONSENSE[name]
    y = targets("binary", ragged)
    model, fitted = make(), make(warm_start=True).fit(ragged, y)
    fresh_classes = {"classes": [0, 1]} if make is classifier else {}
    refused(monkeypatch, model, lambda: model.fit(ragged, bad(y)), words)
    refused(monkeypatch, model, lambda: model.partial_fit(ragged, bad(y), **fresh_classes), words)
    refused(monkeypatch, fitted, lambda: fitted.fit(ragged, bad(y)), words)
    if name != "None":
        refused(monkeypatch, model, lambda: model.fit(ragged, y, X_val=ragged, y_val=bad(y)), [*words, "validation data"])


@pytest.mark.parametrize("name", ["one per sequence", "a step too many", "too few sequences", "NaN only"])
@pytest.mark.parametrize("make", [classifier, regressor])
def test_score_of_bad_y(ragged, make, name):
    bad, words = NONSENSE[name]
    y = targets("binary", ragged)
    model = make().fit(ragged, y)
    refuses(model, lambda: model.score(ragged, bad(y)), words)


def test_only_minus_100(ragged, monkeypatch):
    model = classifier()
    refused(monkeypatch, model, lambda: model.fit(ragged, [np.full(len(x), -100) for x in ragged]), ["Label at least one"])


def test_regressors_want_numbers(ragged, monkeypatch):
    model = regressor()
    refused(monkeypatch, model, lambda: model.fit(ragged, targets("texts", ragged)), ["numbers", "LSTMClassifier"])


def test_a_row_that_is_masked_in_part(ragged, monkeypatch):
    # Which of the outputs count is not a property of the step.
    model, y = regressor(), targets("two numbers", ragged)
    y[0][1, 0] = np.nan
    refused(monkeypatch, model, lambda: model.fit(ragged, y), ["NaN"])


def test_labels_that_come_later_are_refused(ragged, monkeypatch):
    y = targets("multiclass", ragged)
    model = classifier().fit(ragged, y)
    refused(monkeypatch, model, lambda: model.partial_fit(ragged, [a + 1 for a in y]), ["6", "known classes"])


BAD_WEIGHTS = {
    "a step too many": (lambda w: [*w[:-1], np.ones(8)], ["sample_weight", "sequence 6 has 7 steps, but 8"]),
    "too few sequences": (lambda w: w[:-1], ["sample_weight", "7 sequences", "6"]),
    "an array for ragged X": (lambda w: np.ones((7, 3)), ["sample_weight", "sequence 1 has 1 steps"]),
    "two per step": (lambda w: [np.ones((len(a), 2)) for a in w], ["[sS]ample.weight", "1D"]),
    "negative": (lambda w: [*w[:-1], -w[-1]], ["[nN]egative", "sample_weight"]),
    "NaN": (lambda w: [*w[:-1], w[-1] * np.nan], ["NaN"]),
    "zeros": (lambda w: [a * 0 for a in w], ["zero", "at least one"]),
    "one per step of one sequence": (lambda w: w[0], ["3|7"]),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights(ragged, name, monkeypatch):
    bad, words = BAD_WEIGHTS[name]
    model, y, weights = regressor(), targets("numbers", ragged), [np.ones(len(x)) for x in ragged]
    refused(monkeypatch, model, lambda: model.fit(ragged, y, sample_weight=bad(weights)), words)


def test_all_labelled_steps_have_no_weight(ragged, monkeypatch):
    _, _, with_mask, weights = masked("NaN among numbers", ragged)
    model = regressor()
    refused(monkeypatch, model, lambda: model.fit(ragged, with_mask, sample_weight=[1 - w for w in weights]), ["zero"])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_probabilities_are_those_of_the_named_weights(ragged, kind):
    model = model_of(kind).fit(ragged, targets(kind, ragged))
    scores = reference_scores(model.weights_, ragged, 1, pooling=None)
    if kind == "multiclass":
        np.testing.assert_allclose(flatten(model.predict_proba(ragged)), softmax(scores, axis=1), rtol=1e-10)
        np.testing.assert_allclose(flatten(model.predict_log_proba(ragged)), log_softmax(scores, axis=1), rtol=1e-10)
    else:
        np.testing.assert_allclose(flatten(model.predict_proba(ragged))[:, -scores.shape[1] :], expit(scores), rtol=1e-10)


def test_encode_is_the_state_after_the_last_step(ragged):
    model = regressor().fit(ragged, targets("numbers", ragged))
    weights = model.weights_
    last = np.array([answer[-1] for answer in model.predict(ragged)])
    encoded = model.encode(ragged)
    assert encoded.shape == (len(ragged), 4)
    np.testing.assert_allclose((encoded @ weights["head.V"] + weights["head.b"])[:, 0], last, rtol=1e-12)


@pytest.mark.parametrize("score", [lambda model, *data: model.score(*data), lambda model, *data: step_scorer("r2")(model, *data)])
def test_weights_of_steps_without_a_y_are_no_weights(score):
    X, y, weights = np.zeros((3, 4, 1)), np.ones((3, 4)), np.zeros((3, 4))
    y[:, 0], weights[:, 0] = np.nan, 1.0
    model = LSTMRegressor(2, return_sequences=True, max_iter=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="All values of sample_weight are zero"):
        score(model, X, y, weights)
