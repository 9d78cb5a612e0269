"""`TrainingState`: its copies, its dict and its checks; what a fit leaves behind of an earlier one."""

import ast
import copy
import pickle
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import sklstm
from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.estimators.fitted_state import fitted_attributes
from sklstm.network import Network
from sklstm.training import SGD, Adam, LastEpoch, TrainingState

NETWORK = Network(2, 1, (3,))
ADAM = Adam(0.9, 0.999, 1e-8)
ROW = {"epoch": 1, "loss": 0.5, "learning_rate": 0.1, "gradient_norm": 1.0, "seconds": 0.01}


@pytest.fixture
def state():
    rng = np.random.default_rng(0)
    theta = rng.normal(size=NETWORK.layout.size)
    state = TrainingState(theta, "adam", ADAM.init(theta), rng, n_epochs=1, n_samples=8, history=[ROW], best_theta=theta.copy())
    state.optimizer["m"][:] = 1
    return state


def arrays(state):
    return [state.theta, state.best_theta, state.optimizer["m"], state.optimizer["v"]]


def same(a, b):
    a, b = a.to_dict(), b.to_dict()
    for one in (a, b):
        one["rng"] = one["rng"].bit_generator.state
    np.testing.assert_equal(a, b)
    return True


def test_a_copy_shares_nothing_but_rows(state):
    other, before = state.copy(), state.rng.bit_generator.state
    assert same(state, other) and other.history[0] is ROW
    for array in arrays(other):
        array += 1
    other.rng.random()
    other.history.append(ROW)
    other.optimizer["t"] += 1
    assert len(state.history) == 1 and state.optimizer["t"] == 0
    assert not any(np.shares_memory(a, b) for a, b in zip(arrays(state), arrays(other), strict=True))
    assert state.rng.bit_generator.state == before


def test_copies_are_written_into_the_arrays_that_are_there(state):
    other = state.copy()
    held, rng = arrays(other), other.rng
    for array in arrays(state):
        array *= 2
    state.rng.random(5)
    state.n_epochs, state.best, state.done = 7, 0.25, True
    state.copy_into(other)
    assert same(state, other)
    assert all(a is b for a, b in zip(held, arrays(other), strict=True)) and other.rng is rng


def test_the_last_epoch_is_kept(state):
    last = LastEpoch()
    assert last.n_epochs == 0
    last.keep(state)
    state.n_epochs += 1
    state.theta += 1
    assert last.n_epochs == 0 and last.state.n_epochs == 1
    last.keep(state)
    assert last.n_epochs == 1 and same(last.state, state) and last.state is not state


def test_a_dict_and_back(state):
    mapping = state.to_dict()
    assert list(mapping) == [field.name for field in fields(TrainingState)]
    assert same(TrainingState.from_dict(mapping, NETWORK, np.float64, ADAM), state)
    assert same(pickle.loads(pickle.dumps(state)), state) and same(copy.deepcopy(state), state)


@pytest.mark.parametrize("keep_schedule", [False, True])
def test_a_further_fit(state, keep_schedule):
    state.best, state.n_stalled, state.rate_factor, state.done = 0.5, 3, 0.1, True
    state.start_fit(keep_schedule=keep_schedule)
    assert state.first_epoch == state.n_epochs == 1 and not state.done and state.best_theta is None
    expected = (0.5, 3, 0.1) if keep_schedule else (np.nan, 0, 1.0)
    np.testing.assert_equal((state.best, state.n_stalled, state.rate_factor), expected)


OTHERS = {
    "theta": [None, np.zeros(3), np.zeros(NETWORK.layout.size, np.float32), np.zeros((1, NETWORK.layout.size))],
    "solver": [None, 3],
    "optimizer": [None, {}, {"m": None, "v": None, "t": 0}, SGD(0.9, True).init(np.zeros(NETWORK.layout.size))],
    "rng": [None, 3, np.random.RandomState(0)],
    "n_epochs": [-1, 1.5, True, None, 2**100],
    "n_samples": [-1, "8"],
    "history": [None, (), [1], [{}], [{"loss": 1.0}], [ROW | {"loss": None}], [ROW | {"validation_loss": "low"}]],
    "best_theta": [np.zeros(3), 0.0],
    "best": [None, "low"],
    "n_stalled": [None, -1],
    "first_epoch": [-1, 2],
    "rate_factor": [None, "1"],
    "done": [None, 0],
    "max_iter": [None, -1, 0.5],
    "trials": [None, (), [1], [{}], [{"max_iter": 1, "loss": 0.5}], [{"max_iter": 1, "loss": "low", "temperature": 1.0}]],
    "temperature": [None, 0.0, -1.0, np.inf, np.nan, "warm"],
}


@pytest.mark.parametrize("name, value", [(name, value) for name, values in OTHERS.items() for value in values], ids=str)
def test_what_no_fit_leaves_is_named(state, name, value):
    with pytest.raises(ValueError, match=f"its {name} is"):
        TrainingState.from_dict(state.to_dict() | {name: value}, NETWORK, np.float64, ADAM)
    setattr(state, name, value)
    with pytest.raises(ValueError, match=f"its {name} is"):
        state.check(NETWORK, np.float64, ADAM)


def test_the_fields_are_these_and_no_others(state):
    assert set(OTHERS) == state.to_dict().keys()
    for mapping in (None, [], {}, state.to_dict() | {"more": 1}, {k: v for k, v in state.to_dict().items() if k != "rng"}):
        with pytest.raises(ValueError, match="expected a dict of"):
            TrainingState.from_dict(mapping, NETWORK, np.float64, ADAM)
    del state.rng
    with pytest.raises(ValueError, match="its rng is missing"):
        state.check(NETWORK, np.float64, ADAM)


def test_that_of_another_solver_is_not_compared(state):
    state.check(NETWORK, np.float64, None)


def test_no_code_reads_a_field_by_a_string():
    package = Path(sklstm.__file__).parent
    for path in (*package.glob("training/*.py"), *package.glob("estimators/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value in OTHERS:
                # A checkpoint has a generator of its own, beside the state.
                assert ast.unparse(node) in ("saved['rng']", "self._saved['rng']"), f"{path.name}: {ast.unparse(node)}"


# ---- what a fit leaves of an earlier one ----

X = np.random.default_rng(0).normal(size=(12, 4, 2))
Y = X[:, :, 0].sum(axis=1)
FITS = {
    LSTMRegressor: [
        ({"loss": "quantile", "quantile": [0.2, 0.8]}, X, Y),
        ({"return_sequences": True}, X, X[:, :, 0]),
        ({"early_stopping": True}, X.reshape(12, 8), Y),
        ({}, X, Y),
    ],
    LSTMClassifier: [({"return_sequences": True}, X, (X[:, :, 0] > 0).astype(int)), ({}, X, Y > 0)],
}


@pytest.mark.parametrize("Estimator", FITS)
def test_a_fresh_fit_leaves_nothing_of_an_earlier_one(Estimator):
    model = Estimator(3, max_iter=2, random_state=0)
    known, defaults = set(vars(model)), model.get_params()
    model.note, model.note_ = "the user's own", "a subclass's own"
    for parameters, X_fit, y in FITS[Estimator]:
        model.set_params(**defaults | parameters).fit(X_fit, y)
        fresh = Estimator(3, max_iter=2, random_state=0).set_params(**parameters).fit(X_fit, y)
        assert vars(model).keys() == vars(fresh).keys() | {"note", "note_"}
        own = {name for name in vars(fresh) if name not in known and "callback" not in name}
        assert own == fitted_attributes(fresh).keys()
