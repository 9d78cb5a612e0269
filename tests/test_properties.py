"""Properties of fitted models for any data."""

import numpy as np
import pytest
from problems import Problem
from reference import relative_error
from reference import scores as reference_scores
from sklearn.base import clone
from sklearn.metrics import accuracy_score

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.network import CELLS, apply

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CONFIGURATIONS = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"bidirectional": True, "merge_mode": "sum"},
    {"pooling": "mean"},
    {"pooling": "max", "bidirectional": True},
    {"pooling": ("last", "max", "attention"), "bidirectional": True},
    {"pooling": "attention"},
    *({"cell": cell} for cell in CELLS if cell != "lstm"),
    {"cell": "layernorm", "bidirectional": True, "num_layers": 2},
    {"cell": "gru", "activation": "relu", "residual": True, "num_layers": 2},
    {"cell": "peephole", "initial_state": "learned"},
]
configurations = pytest.mark.parametrize("parameters", CONFIGURATIONS, ids=str)


def encodings(X):
    """One data set (n, T, d) in five forms, and what n_channels reads it."""
    n, T, d = X.shape
    padded = np.full((n, T + 3, d), np.nan, dtype=X.dtype)
    padded[:, :T] = X
    objects = np.empty(n, dtype=object)
    objects[:] = list(X)
    return {
        "3-D": X,
        "list": list(X),
        "object array": objects,
        "from_padded": Sequences.from_padded(padded, padding=np.nan),
        "flattened": X.reshape(n, T * d),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", [LSTMClassifier, LSTMRegressor])
def test_five_encodings_give_the_same_bits(rng, dtype, estimator):
    X = rng.normal(size=(60, 6, 2)).astype(dtype)
    y = (X[:, :, 0].sum(axis=1) > 0).astype(int)
    model = estimator(hidden_size=7, max_iter=4, n_channels=2, random_state=0)
    fits = {name: clone(model).fit(form, y) for name, form in encodings(X).items()}
    expected = fits["3-D"].predict(X) if estimator is LSTMRegressor else fits["3-D"].predict_proba(X)
    for fitted_on, fitted in fits.items():
        assert expected.dtype == dtype
        for name, form in encodings(X).items():
            answer = fitted.predict(form) if estimator is LSTMRegressor else fitted.predict_proba(form)
            np.testing.assert_array_equal(answer, expected, err_msg=f"fitted on {fitted_on}, asked with {name}")


@configurations
def test_padding_changes_nothing(ragged, rng, parameters):
    y = rng.normal(size=len(ragged))
    model = LSTMRegressor(hidden_size=5, max_iter=3, random_state=0, **parameters)
    plain = model.fit(ragged, y).predict(ragged)
    for extra in (1, 9):
        longest = max(len(x) for x in ragged) + extra
        padded = np.stack([np.vstack([x, np.full((longest - len(x), 3), -7.0)]) for x in ragged])
        X = Sequences.from_padded(padded, lengths=[len(x) for x in ragged])
        np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), plain)


@configurations
def test_every_step_matters(ragged, rng, parameters):
    # A recurrence along the batch, or one that reads only the last step, would leave some outputs as they were.
    model = LSTMRegressor(hidden_size=8, max_iter=5, random_state=0, **parameters).fit(
        ragged, rng.normal(size=len(ragged))
    )
    before = model.predict(ragged)
    for i, x in enumerate(ragged):
        for t in range(len(x)):
            changed = [sequence.copy() for sequence in ragged]
            changed[i][t] += 3
            after = model.predict(changed)
            assert after[i] != before[i], (i, t)


@configurations
def test_other_rows_and_their_order_change_nothing_beyond_rounding(ragged, rng, parameters):
    model = LSTMRegressor(hidden_size=8, max_iter=5, random_state=0, **parameters).fit(
        ragged, rng.normal(size=len(ragged))
    )
    before = model.predict(ragged)
    order = rng.permutation(len(ragged))
    np.testing.assert_allclose(model.predict([ragged[i] for i in order]), before[order], rtol=1e-12)
    for i, x in enumerate(ragged):
        others = [rng.normal(size=(length, 3)) for length in (1, 4, 9, 2)]
        np.testing.assert_allclose(model.predict([*others, x])[-1], before[i], rtol=1e-12)
        np.testing.assert_allclose(model.predict([x])[0], before[i], rtol=1e-12)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_reversed_sequences_with_swapped_directions(ragged, pooling):
    # Reading backwards with the directions' weights exchanged is the same computation, read from the other side.
    problem = Problem(ragged, hidden_sizes=(4,), bidirectional=True, pooling=pooling)
    mirrored = Problem([x[::-1] for x in ragged], hidden_sizes=(4,), bidirectional=True, pooling=pooling)
    p, q = problem.network.bind(problem.theta), mirrored.network.bind(mirrored.theta)
    for key in ("W", "R", "b"):
        q["layer_0"][key][...], q["layer_0"][f"reverse.{key}"][...] = p["layer_0"][f"reverse.{key}"], p["layer_0"][key]
    q["head"]["V"][...] = np.vstack([p["head"]["V"][4:], p["head"]["V"][:4]])
    q["head"]["b"][...] = p["head"]["b"]
    np.testing.assert_allclose(mirrored.scores(), problem.scores(), rtol=1e-12)


def test_backward_direction_ends_at_the_first_step(ragged):
    # Read at the last step, as output[:, -1] does, it would have seen one step only.
    problem = Problem(ragged, hidden_sizes=(4,), bidirectional=True, pooling="last")
    ends = apply(problem.network, problem.theta, problem.sequences, "end_states")[problem.packed.order]
    problem.scores()
    y = problem.ws.layers[0].y
    for r, length in enumerate(problem.packed.lengths):
        np.testing.assert_array_equal(ends[r, 4:], y[r, 4:])
        np.testing.assert_array_equal(ends[r, :4], y[problem.packed.starts[length - 1] + r, :4])


@configurations
def test_predictions_are_those_of_the_named_weights(ragged, rng, parameters):
    # Standardisation is folded into weights_: the slow twin on raw data answers as the model does.
    shifted = [100 + 7 * x for x in ragged]
    y = 1000 + 50 * rng.normal(size=(len(ragged), 2))
    model = LSTMRegressor(hidden_size=4, max_iter=10, random_state=0, **parameters).fit(shifted, y)
    network = {"num_layers": 1, **parameters}
    network.pop("initial_state", None)  # the twin sees it by the weights' names
    assert relative_error(model.predict(shifted), reference_scores(model.weights_, shifted, **network)) < 1e-12


@pytest.mark.parametrize("exponent", [-20, -3, 5, 20])
def test_units_that_are_powers_of_two_change_no_bit(ragged, rng, exponent):
    y = rng.normal(size=len(ragged))
    factor = 2.0**exponent
    plain = LSTMRegressor(hidden_size=4, max_iter=10, random_state=0).fit(ragged, y)
    scaled = [x * [factor, 1, 1] for x in ragged]
    np.testing.assert_array_equal(clone(plain).fit(scaled, y).predict(scaled), plain.predict(ragged))
    np.testing.assert_array_equal(clone(plain).fit(ragged, y * factor).predict(ragged), plain.predict(ragged) * factor)


@pytest.mark.parametrize(("factor", "shift"), [(1e6, 0), (1e-6, 0), (3.7, 1e6), (1, -1e6)])
def test_units_do_not_change_the_fit(ragged, rng, factor, shift):
    y = rng.normal(size=len(ragged))
    plain = LSTMRegressor(hidden_size=4, max_iter=10, random_state=0).fit(ragged, y)
    moved = [x * factor + shift for x in ragged]
    # A shift by 1e6 leaves 10 digits of the data in float64, and training multiplies such differences.
    np.testing.assert_allclose(clone(plain).fit(moved, y).predict(moved), plain.predict(ragged), atol=1e-6)
    np.testing.assert_allclose(
        (clone(plain).fit(ragged, y * factor + shift).predict(ragged) - shift) / factor,
        plain.predict(ragged),
        atol=1e-6,
    )


def test_constant_channel_is_ignored(rng):
    X = rng.normal(size=(40, 5, 2))
    y = X[:, -1, 0]
    constant = np.concatenate([X, np.full((40, 5, 1), 0.1)], axis=2)
    model = LSTMRegressor(hidden_size=4, max_iter=5, random_state=0).fit(constant, y)
    before = model.predict(constant)
    constant[:, :, 2] = 1e3
    np.testing.assert_array_equal(model.predict(constant), before)


def test_weights_equal_repetitions(ragged, rng):
    y = rng.normal(size=len(ragged))
    weights = np.array([1, 2, 0, 1, 3, 1, 2])
    weighted = LSTMRegressor(hidden_size=4, max_iter=30, random_state=0).fit(ragged, y, sample_weight=weights)
    repeated = LSTMRegressor(hidden_size=4, max_iter=30, random_state=0)
    rows = np.repeat(np.arange(len(ragged)), weights)
    repeated.fit([ragged[i] for i in rows], y[rows])
    # One minibatch in both cases: the same gradients up to rounding.
    np.testing.assert_allclose(weighted.predict(ragged), repeated.predict(ragged), rtol=1e-9)


def test_balanced_class_weight_equals_its_sample_weights(ragged, rng):
    y = np.array(list("aabaaba"))
    weights = np.where(y == "a", 7 / (2 * 5), 7 / (2 * 2))
    by_class = LSTMClassifier(hidden_size=4, max_iter=10, class_weight="balanced", random_state=0).fit(ragged, y)
    by_sample = LSTMClassifier(hidden_size=4, max_iter=10, random_state=0).fit(ragged, y, sample_weight=weights)
    by_dict = LSTMClassifier(hidden_size=4, max_iter=10, class_weight={"a": 0.7, "b": 1.75}, random_state=0).fit(
        ragged, y
    )
    np.testing.assert_array_equal(by_class.predict_proba(ragged), by_sample.predict_proba(ragged))
    np.testing.assert_allclose(by_dict.predict_proba(ragged), by_sample.predict_proba(ragged), rtol=1e-12)


def test_digits_by_rows_with_the_defaults(digits):
    from sklearn.model_selection import train_test_split

    X, y = digits
    scores = []
    for seed in range(3):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
        model = LSTMClassifier(random_state=seed).fit(X_train, y_train)
        scores.append(accuracy_score(y_test, model.predict(X_test)))
    assert np.mean(scores) >= 0.97, scores
