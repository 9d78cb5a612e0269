"""Tampering: modified containers, modified private state of models, and parameters whose validation is skipped.

Each case is an error or the right value; one that reaches a kernel unchecked ends the process.
"""

import copy
import pickle
import threading

import numpy as np
import pytest
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm._kernels import _optim, _pack
from sklstm.inspection import gate_activations, integrated_gradients, step_importance
from sklstm.network import CELLS, MAX_LAYERS, Network
from sklstm.preprocessing import PerStep, make_windows

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Setting the (shape|dtype|strides):DeprecationWarning"),
]

RNG = np.random.default_rng(0)
VALUES, OFFSETS = RNG.normal(size=(72, 2)), np.arange(13) * 6
Y = np.arange(12.0)
Y_STEPS = Sequences(VALUES[:, ::-1].copy(), OFFSETS)


def make():
    return Sequences(VALUES.copy(), OFFSETS, ids=np.arange(12), channel_names=["a", "b"])


def fitted(**parameters):
    y = Y_STEPS if parameters.get("return_sequences") else Y
    return LSTMRegressor(2, max_iter=1, random_state=0, **parameters).fit(make(), y)


MODEL, PER_STEP, ATTENTION = fitted(), fitted(return_sequences=True), fitted(pooling="attention")
BIDIRECTIONAL = fitted(bidirectional=True)


# ---- containers ----

DOORS = {
    "predict": MODEL.predict,
    "bidirectional": BIDIRECTIONAL.predict,
    "steps": lambda X: PER_STEP.predict(X).values,
    "encode": MODEL.encode,
    "attention": lambda X: ATTENTION.attention(X).values,
    "score": lambda X: MODEL.score(X, Y),
    "fit": lambda X: fitted().fit(X, Y).predict(make()),
    "partial_fit": lambda X: copy.deepcopy(MODEL).partial_fit(X, Y).predict(make()),
    "X_val": lambda X: fitted().fit(make(), Y, X_val=X, y_val=Y).validation_scores_,
    "y of steps": lambda X: PER_STEP.score(make(), X),
    "PerStep": lambda X: PerStep(StandardScaler()).fit_transform(X).values,
    "windows": lambda X: make_windows(X, 3)[0],
    "gates": lambda X: gate_activations(MODEL, X)["h"].values,
    "gradients": lambda X: integrated_gradients(MODEL, X).attributions.values,
    "importance": lambda X: step_importance(MODEL, X, Y, steps=2, n_repeats=1, random_state=0).importances_mean,
    "to_padded": Sequences.to_padded,
    "to_list": lambda X: np.array(X.to_list()),
    "iteration": lambda X: np.array(list(X)),
    "array": lambda X: np.array(list(np.asarray(X))),
    "rows": lambda X: X[[3, 1]].values,
    "mask": lambda X: X[np.arange(12) < 5].values,
    "take": lambda X: np.take(X, [3, 1]).values,
    "pickle": lambda X: pickle.loads(pickle.dumps(X)).values,
    "copy": lambda X: copy.copy(X).values,
    "deepcopy": lambda X: copy.deepcopy(X).values,
}


def offsets_with(change):
    def tamper(X):
        offsets = np.array(X.offsets)
        changed = change(offsets)
        vars(X)["_offsets"] = offsets if changed is None else changed

    return tamper


def entry(i, value):
    return offsets_with(lambda offsets: offsets.__setitem__(i, value))


def private(name, value):
    return lambda X: vars(X).__setitem__(name, value)


def fields(name, field, value):
    return lambda X: setattr(getattr(X, name), field, value)


BROKEN = {
    "shifted up": offsets_with(lambda offsets: offsets + 100_000),
    "shifted down": offsets_with(lambda offsets: offsets - 100_000),
    "shifted by one": offsets_with(lambda offsets: offsets + 1),
    "last beyond": entry(-1, 10**8),
    "middle beyond": entry(5, 10**8),
    "middle huge": entry(5, 2**62),
    "first negative": entry(0, -50),
    "middle negative": entry(5, -50),
    "decreasing": entry(5, 3),
    "appended": offsets_with(lambda offsets: np.append(offsets, 10**7)),
    "one less": offsets_with(lambda offsets: offsets[:-1]),
    "none": private("_offsets", None),
    "empty": offsets_with(lambda offsets: offsets[:0]),
    "2-D": offsets_with(lambda offsets: offsets[np.newaxis]),
    "0-D": private("_offsets", np.array(72)),
    "floats": offsets_with(lambda offsets: offsets.astype(float)),
    "objects": offsets_with(lambda offsets: offsets.astype(object)),
    "booleans": offsets_with(lambda offsets: offsets.astype(bool)),
    "int8 that wraps": private("_offsets", np.array([0, 120, -10, 72], np.int8)),
    "uint64 that wraps": private("_offsets", np.array([0, 2**63 + 5, 72], np.uint64)),
    "strided": private("_offsets", np.arange(0, 150, 6)[::2]),
    "dtype of offsets": lambda X: setattr(X._offsets, "dtype", np.int32),
    "values shorter": private("_values", VALUES[:3].copy()),
    "values empty": private("_values", VALUES[:0]),
    "values 1-D": private("_values", VALUES.ravel()),
    "values 3-D": private("_values", VALUES[:, np.newaxis]),
    "values none": private("_values", None),
    "shape in place": fields("values", "shape", (36, 4)),
    "ndim in place": fields("values", "shape", (72, 2, 1)),
    "resize in place": lambda X: X.values.resize((3, 2), refcheck=False),
    "ids": private("_ids", np.arange(3)),
    "names": private("_channel_names", ["a"]),
    "categories": private("_categories", {7: np.array([1])}),
    "nothing left": lambda X: vars(X).clear(),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_container_is_an_error_at_every_door(kind):
    for name, door in DOORS.items():
        X = make()
        BROKEN[kind](X)
        with pytest.raises((ValueError, AttributeError, TypeError)):
            door(X)
            pytest.fail(f"{name} took it")


@pytest.mark.parametrize("door", ["predict", "fit", "score", "to_list", "rows", "PerStep"])
def test_the_error_says_that_the_container_was_changed(door):
    X = make()
    BROKEN["middle beyond"](X)
    with pytest.raises(ValueError, match=r"Sequences were changed since they were made.*100000000.*X\.with_values\(values\)"):
        DOORS[door](X)


# What leaves a container whole, or is no change at all: the value is that of an untouched one.
HARMLESS = {
    "offsets as a list": offsets_with(list),
    "offsets in int32": offsets_with(lambda offsets: offsets.astype(np.int32)),
    "shape of a view of offsets": lambda X: setattr(X.offsets, "shape", (13, 1)),
    "values in Fortran order": lambda X: vars(X).__setitem__("_values", np.asfortranarray(X.values)),
    "a matrix": lambda X: vars(X).__setitem__("_values", np.asmatrix(X.values)),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_harmless_change_changes_no_value(kind):
    for name, door in DOORS.items():
        X = make()
        HARMLESS[kind](X)
        np.testing.assert_array_equal(door(X), door(make()), err_msg=name)


@pytest.mark.parametrize("attribute", ["values", "offsets"])
def test_what_cannot_be_set_says_what_to_do(attribute):
    X = make()
    with pytest.raises(AttributeError, match=f"{attribute} of Sequences cannot be set"):
        setattr(X, attribute, getattr(X, attribute)[:3])
    assert len(X) == 12 and X.with_values(X.values * 2)[0].shape == (6, 2)


def test_offsets_are_a_copy_that_nobody_can_write_to():
    offsets = OFFSETS.copy()
    X = Sequences(VALUES, offsets)
    expected = MODEL.predict(X)
    offsets += 100_000
    for offsets in (X.offsets, X[2:].offsets, pickle.loads(pickle.dumps(X)).offsets, X._offsets):
        with pytest.raises(ValueError, match="read-only"):
            offsets[5] = 10**8
        with pytest.raises(ValueError, match="WRITEABLE"):
            offsets.setflags(write=True)
    np.testing.assert_array_equal(MODEL.predict(X), expected)


def test_values_stay_the_users_buffer():
    values = VALUES.copy()
    X = Sequences(values, OFFSETS)
    assert X.values is values
    before = MODEL.predict(X)
    X.values[:] *= 2
    assert not np.array_equal(MODEL.predict(X), before)
    np.testing.assert_array_equal(MODEL.predict(X), MODEL.predict(Sequences(2 * VALUES, OFFSETS)))


@pytest.mark.parametrize(
    ("attribute", "value", "words"),
    [
        ("ids", [1, 2], "ids must hold 12 entries"),
        ("channel_names", ["a"], "channel_names must hold 2 entries"),
        ("categories", {2: ["x"]}, "channels from 0 to 1"),
        ("categories", {0: [["x"]]}, "must be 1-D"),
    ],
)
def test_names_that_do_not_fit_cannot_be_set(attribute, value, words):
    X = make()
    before = getattr(X, attribute)
    with pytest.raises(ValueError, match=words):
        setattr(X, attribute, value)
    assert getattr(X, attribute) is before


@pytest.mark.parametrize("state", [None, {}, {"values": VALUES}, {"values": VALUES[:3], "offsets": OFFSETS}])
def test_a_pickle_of_something_else_is_refused(state):
    others = {"ids": None, "channel_names": None, "categories": {}} if state and "offsets" in state else {}
    with pytest.raises(ValueError, match=r"not the state of pickled Sequences|end with the number of steps"):
        Sequences.__new__(Sequences).__setstate__(state if state is None else state | others)


def test_a_pickle_of_before_is_read_and_further_attributes_stay():
    X = Sequences.__new__(Sequences)
    X.__setstate__({"values": VALUES, "offsets": OFFSETS, "ids": None, "channel_names": ["a", "b"], "categories": {}})
    X.note = "kept"
    again = pickle.loads(pickle.dumps(X))
    assert again.note == "kept" and again.channel_names == ["a", "b"]
    np.testing.assert_array_equal(again.values, VALUES)


@pytest.mark.parametrize("race", ["offsets", "values"])
def test_another_thread_cannot_change_what_was_checked(race):
    X, done = make(), threading.Event()
    expected = MODEL.predict(make())
    good, bad = np.array(X.offsets), np.array(X.offsets)
    bad[5] = 10**8

    def tamper():
        while not done.is_set():
            if race == "offsets":
                vars(X)["_offsets"] = bad
                vars(X)["_offsets"] = good
            else:
                X.values.shape = (36, 4)
                X.values.shape = (72, 2)

    thread = threading.Thread(target=tamper)
    thread.start()
    try:
        for _ in range(200):
            try:
                predicted = MODEL.predict(X)
            except ValueError:
                continue
            np.testing.assert_array_equal(predicted, expected)
    finally:
        done.set()
        thread.join()


# ---- kernels ----


def test_kernels_refuse_rows_that_are_not_there():
    offsets, rows = np.array([0, 2, 5]), np.array([0, 1])
    for bad_offsets, bad_rows in [
        ([0, 2, 5], [0, 2]), ([0, 2, 5], [-1]), ([0, 0, 5], [0]), ([0, 9, 5], [0]), ([-4, 2, 5], [0]), ([0, 2, 5], []), ([], [0]),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match="offsets of these sequences"):
            _pack.arrange(np.array(bad_offsets, np.intp), np.array(bad_rows, np.intp))
    _, _, first_rows, starts = _pack.arrange(offsets, rows)
    values, zero, one = np.ones((5, 2)), np.zeros(2), np.ones(2)
    _pack.pack(starts, first_rows, values, zero, one, np.empty((5, 2)))
    for arguments in [
        (starts, first_rows + 1, values, zero, one, np.empty((5, 2))),
        (starts, first_rows - 3, values, zero, one, np.empty((5, 2))),
        (starts, first_rows, values[:4], zero, one, np.empty((5, 2))),
        (starts, first_rows, values, zero, one, np.empty((4, 2))),
        (starts, first_rows[:1], values, zero, one, np.empty((5, 2))),
        (starts[::-1].copy(), first_rows, values, zero, one, np.empty((5, 2))),
        (starts[:0], first_rows, values, zero, one, np.empty((5, 2))),
        (starts, first_rows, values, zero[:1], one, np.empty((5, 2))),
        (starts, first_rows, values, zero, one[:1], np.empty((5, 2))),
        (starts, first_rows, values, zero, one, np.empty((5, 3))),
    ]:
        with pytest.raises(ValueError, match=r"not those of its sequences|has others"):
            _pack.pack(*arguments)
    for arguments in [
        (starts, first_rows + 1, values, np.empty((5, 2))),
        (starts, first_rows, values[:4], np.empty((5, 2))),
        (starts - 1, first_rows, values, np.empty((5, 2))),
        (starts, first_rows, values, np.empty((4, 2))),
        (starts, first_rows, values, np.empty((5, 3))),
    ]:
        with pytest.raises(ValueError, match=r"not those of its sequences|unpacked"):
            _pack.unpack(*arguments)


@pytest.mark.parametrize("n", [(3, 2, 3), (3, 3, 2), (2, 3, 3), (0, 0, 0)])
def test_optimisers_refuse_arrays_of_other_lengths(n):
    theta, grad, state = map(np.ones, n)
    for name, (_, states, rates) in _optim.OPTIMIZERS.items():
        with pytest.raises(ValueError, match="arrays as long as"):
            _optim.Step(name, theta, grad, dict.fromkeys(states, state), dict.fromkeys(rates, 0.5))


# ---- private state ----

X3 = VALUES.reshape(12, 6, 2)


def of_optimizer(change):
    def tamper(model):
        optimizer = model._state.optimizer
        optimizer.update({name: change(array) for name, array in optimizer.items() if isinstance(array, np.ndarray)})

    return tamper


def of_state(name, change):
    return lambda model: setattr(model._state, name, change(getattr(model._state, name)))


RESUMING = {
    "short": of_optimizer(lambda array: array[:3].copy()),
    "long": of_optimizer(lambda array: np.tile(array, 2)),
    "empty": of_optimizer(lambda array: array[:0]),
    "other dtype": of_optimizer(lambda array: array.astype(np.float32)),
    "2-D": of_optimizer(lambda array: array[np.newaxis]),
    "strided": of_optimizer(lambda array: np.repeat(array, 2)[::2]),
    "no array": of_optimizer(lambda array: None),
    "nothing": lambda model: model._state.optimizer.clear(),
    "weights short": of_state("theta", lambda theta: theta[:3].copy()),
    "weights of another dtype": of_state("theta", lambda theta: theta.astype(np.float32)),
    "no generator": of_state("rng", lambda rng: None),
    "no history": of_state("history", lambda history: None),
    "no best loss": of_state("best", lambda best: {}),
    "negative epochs": of_state("n_epochs", lambda n: -3),
    "no state": lambda model: setattr(model, "_state", None),
    "no theta": lambda model: delattr(model._state, "theta"),
    "moments": lambda model: model._moments["x"].__setitem__("mean", np.zeros(9)),
    "no moments": lambda model: setattr(model, "_moments", 3),
}


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize("kind", RESUMING)
def test_a_fit_does_not_continue_from_a_tampered_state(solver, kind):
    fresh = LSTMRegressor(2, max_iter=1, solver=solver, warm_start=True, random_state=0).fit(X3, Y)
    for act in (lambda model: model.partial_fit(X3, Y), lambda model: model.fit(X3, Y)):
        model = copy.deepcopy(fresh)
        RESUMING[kind](model)
        with pytest.raises(ValueError, match=r"changed since it was fitted.*[Ff]it it afresh"):
            act(model)
        np.testing.assert_array_equal(model.predict(X3), fresh.predict(X3))
        model.set_params(warm_start=False).fit(X3, Y)  # what the message says to do


def of_spec(name, value):
    return lambda model: model._network_spec.__setitem__(name, value)


def of_theta(change):
    return lambda model: setattr(model, "_theta", change(model._theta))


PREDICTING = {
    "no unit": of_spec("hidden_sizes", [0]),
    "negative": of_spec("hidden_sizes", [-2]),
    "no layer": of_spec("hidden_sizes", []),
    "fractions": of_spec("hidden_sizes", [2.0]),
    "huge": of_spec("hidden_sizes", [2**40]),
    "overflowing": of_spec("hidden_sizes", [2**32]),
    "another size": of_spec("hidden_sizes", [3]),
    "many layers": of_spec("hidden_sizes", [1] * (MAX_LAYERS + 1)),
    "no sizes": of_spec("hidden_sizes", None),
    "cell": of_spec("cell", "no such"),
    "cell of another size": of_spec("cell", "gru"),
    "activation": of_spec("activation", "no such"),
    "projection as wide as the units": of_spec("proj_size", 2),
    "projection that the weights do not fit": of_spec("proj_size", 1),
    "fraction of a projection": of_spec("proj_size", 0.5),
    "pooling": of_spec("pooling", ["last", "last"]),
    "poolings that the weights do not fit": of_spec("pooling", ["last", "mean", "max"]),
    "merge mode": of_spec("merge_mode", None),
    "no channel": of_spec("input_size", 0),
    "no output": of_spec("output_size", 0),
    "category of no channel": of_spec("categories", [[7, 3, 2]]),
    "category without rows": of_spec("categories", [[1, 0, 2]]),
    "category without width": of_spec("categories", [[1, 3, -1]]),
    "half a category": of_spec("categories", [[1]]),
    "unknown key": of_spec("no such", 1),
    "weights short": of_theta(lambda theta: theta[:5].copy()),
    "weights long": of_theta(lambda theta: np.tile(theta, 2)),
    "weights of integers": of_theta(lambda theta: theta.astype(int)),
    "weights of another byte order": of_theta(lambda theta: theta.astype(theta.dtype.newbyteorder())),
    "weights strided": of_theta(lambda theta: np.repeat(theta, 2)[::2]),
    "weights in 2-D": of_theta(lambda theta: theta[np.newaxis]),
}


@pytest.mark.parametrize("kind", PREDICTING)
def test_a_tampered_network_is_an_error(kind):
    model = copy.deepcopy(MODEL)
    PREDICTING[kind](model)
    X = make()
    for act in (
        lambda: model.predict(X), lambda: model.encode(X), lambda: model.partial_fit(X, Y), lambda: model.weights_["head.b"],
    ):  # fmt: skip
        with pytest.raises(ValueError):
            act()


def test_categories_that_the_network_does_not_know_are_no_read_beyond_its_table():
    codes = np.arange(24.0).reshape(4, 3, 2) % 3
    model = LSTMRegressor(2, max_iter=1, categorical_features="all").fit(codes, Y[:4])
    model.categories_ = [np.arange(10**5), np.arange(10**5)]
    with pytest.raises(ValueError, match="the network knows codes from 0 to 3"):
        model.predict(codes + 90_000)


def test_binding_takes_time_linear_in_layers():
    # Quadratic in layers it did some ten million comparisons here.
    network = Network(1, 1, (1,) * 3000)
    theta = np.arange(float(network.layout.size))
    params = network.bind(theta)
    assert list(params) == list(network.parts)
    assert np.array_equal(np.concatenate([view.ravel() for p in params.values() for view in p.values()]), theta)


# ---- hyper-parameters, where their validation is skipped ----

FORBIDDEN = {
    "hidden_size": [0, -1, True, None, 2.5, "2", [], [0], [2, -1], 2**40, [2**32], 10**30],
    "num_layers": [0, -1, None, 1.5, MAX_LAYERS + 1, 10**9],
    "cell": ["no such", None, 3],
    "activation": ["no such", None],
    "proj_size": [-1, 2, 2**40, True, None, 1.5, "1", [1]],
    "merge_mode": ["no such", None],
    "pooling": ["no such", 3, [], ["last", 3], [["last"], "max"]],
    "dropout": [-1, 1.0, np.nan, np.inf],
    "recurrent_dropout": [-1, 1.0, np.nan],
    "n_channels": [0, -1, 1.5, None],
    "solver": ["no such", None],
    "learning_rate": ["no such", None, 3],
    "forget_bias": ["no such"],
    "batch_size": [0, -5, 2.5, None, "all"],
    "bptt_steps": [0, -1, 2.5, "all"],
    "max_iter": [0, -1, 2.5, None],
}


@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
@pytest.mark.parametrize("name", FORBIDDEN)
def test_skipped_validation_lets_nothing_reach_a_kernel(Estimator, name):
    y = np.arange(12) % 2
    flat = X3.reshape(12, 12)
    for value in FORBIDDEN[name]:
        with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
            model = Estimator(**{"hidden_size": 2, "max_iter": 1} | {name: value})
            # partial_fit is one epoch, whatever max_iter is.
            for act in (model.fit, model.partial_fit)[: 1 if name == "max_iter" else 2]:
                with pytest.raises(ValueError):
                    act(flat, y)
                    pytest.fail(f"{name}={value!r} was taken")


@pytest.mark.parametrize("name", ["bidirectional", "residual", "shuffle", "standardize", "nesterovs_momentum"])
def test_skipped_validation_takes_the_truth_of_a_switch(name):
    with sklearn.config_context(skip_parameter_validation=True):
        model = LSTMRegressor(2, max_iter=1, random_state=0, **{name: 1}).fit(X3, Y)
    expected = LSTMRegressor(2, max_iter=1, random_state=0, **{name: True}).fit(X3, Y)
    np.testing.assert_array_equal(model.predict(X3), expected.predict(X3))


def test_assumed_finiteness_is_checked_all_the_same():
    X = X3.copy()
    X[3, 2, 1] = np.nan
    with sklearn.config_context(assume_finite=True):
        for act in (lambda: MODEL.predict(X), lambda: fitted().fit(X, Y), lambda: MODEL.predict(list(X))):
            with pytest.raises(ValueError, match="NaN: sequence 3, step 2, channel 1"):
                act()
        with pytest.raises(ValueError):
            fitted().fit(X3, Y, sample_weight=np.full(12, np.nan))


# ---- chunks that leave a channel out, and divergence ----

TARGETS = {LSTMClassifier: np.arange(12) % 2, LSTMRegressor: Y}


def assert_good(model, *Xs):
    assert all(np.isfinite(weights).all() for weights in model.weights_.values())
    assert np.isfinite(model._state.theta).all()
    for X in Xs:
        assert np.isfinite(model.predict_proba(X) if isinstance(model, LSTMClassifier) else model.predict(X)).all()


CHUNKS = {
    "zero": (lambda X: X * 0, 1e20),
    "one": (lambda X: X * 0 + 1, 1e20),
    "one channel": (lambda X: X * [0, 1], 1e20),
    "nearly constant": (lambda X: X * 1e-12, 1e25),
    "far off": (lambda X: X * 0 + 1e10, 1e30),
    "infinite total": (lambda X: X * 0, 1e306),
    "large and infinite total": (lambda X: X, 1e306),
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("Estimator", TARGETS)
@pytest.mark.parametrize("kind", CHUNKS)
def test_a_chunk_that_makes_a_channel_constant_leaves_the_model_good(cell, Estimator, kind):
    change, weight = CHUNKS[kind]
    for dtype in (np.float64, np.float32):
        X = X3.astype(dtype)
        X2 = change(X).astype(dtype)
        model = Estimator(2, max_iter=1, cell=cell, random_state=0).fit(X, TARGETS[Estimator])
        for chunk, weights in ((X2, np.full(12, weight)), (X, None)):
            before = model.predict(X)
            try:
                model.partial_fit(chunk, TARGETS[Estimator], sample_weight=weights)
            except ValueError as error:  # where the common standard deviation is too small for the dtype
                assert "too small for float32" in str(error) and weight == 1e306
                np.testing.assert_array_equal(model.predict(X), before)
            assert_good(model, X, X2)


@pytest.mark.parametrize("residual", [False, True])
def test_a_channel_that_is_left_out_later_is_replaced_by_its_mean(residual):
    # As in fit, where a constant channel does not enter: the function is the one for that constant.
    parameters = {"hidden_size": (2, 2), "residual": residual, "alpha": 0, "learning_rate_init": 1e-300, "random_state": 0}
    model = LSTMRegressor(max_iter=1, **parameters).fit(X3, Y)
    constant = X3 * [1, 0] + [0, X3[:, :, 1].mean()]
    before = model.predict(constant)
    y_weights = np.full(12, 1e25)
    model.partial_fit(X3 * [1, 0] + [0, X3[:, :, 1].mean()], Y, sample_weight=y_weights)
    np.testing.assert_allclose(model.predict(X3), before, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("spread", [3e-15, 5e-15, 1e-14])
def test_a_channel_of_rounding_errors_that_becomes_constant(spread):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 6, 2))
    X[:, :, 1] = 1 + spread * rng.choice([-1, 1], size=(12, 6))
    model = LSTMRegressor(2, max_iter=1, random_state=0).fit(X, Y)
    rest = np.tile(X, (60, 1, 1))
    rest[:, :, 1] = 1
    model.partial_fit(rest, np.tile(Y, 60))
    assert_good(model, X, rest)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson", "quantile"])
@pytest.mark.parametrize("value", [0.0, 5.0])
def test_a_y_that_becomes_constant(loss, value):
    model = LSTMRegressor(2, max_iter=1, loss=loss, quantile=0.5 if loss == "quantile" else None, random_state=0).fit(X3, Y)
    model.partial_fit(X3, np.full(12, value), sample_weight=np.full(12, 1e30))
    assert_good(model, X3)


def test_means_that_overflow_together_are_an_error_that_leaves_the_model():
    X = X3 * 1e290 + 1.5e308
    model = LSTMRegressor(2, max_iter=1, random_state=0).fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="X, channel 0 has values too far from those of earlier calls"):
        model.partial_fit(-X, Y)
    np.testing.assert_array_equal(model.predict(X), before)


DIVERGING = {
    "gradient descent": {"solver": "sgd", "learning_rate_init": 1e3},
    "the first epoch": {"solver": "sgd", "learning_rate_init": 1e200},
    "Adam": {"learning_rate_init": 1e20},
    "the last step": {"solver": "sgd", "learning_rate_init": 1e6, "max_iter": 1, "batch_size": 12},
    "early stopping": {"solver": "sgd", "learning_rate_init": 1e3, "early_stopping": True, "validation_fraction": 0.3},
}


@pytest.mark.parametrize("Estimator", TARGETS)
@pytest.mark.parametrize("kind", DIVERGING)
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_after_divergence_predictions_are_finite_or_the_fit_says_that_none_are(Estimator, kind, cell, dtype):
    for scale, standardize in ((1, True), (1e25, False)):
        X = (X3 * scale).astype(dtype)
        parameters = {"max_iter": 4, "activation": "relu", "max_grad_norm": None, "standardize": standardize, "random_state": 0}
        model = Estimator(4, cell=cell, **parameters | DIVERGING[kind])
        with np.errstate(over="ignore", invalid="ignore"), pytest.warns(ConvergenceWarning) as caught:
            model.set_params(learning_rate="constant").fit(X, TARGETS[Estimator])
            predicted = model.predict_proba(X) if Estimator is LSTMClassifier else model.predict(X)
        messages = " ".join(str(warning.message) for warning in caught)
        assert np.isfinite(predicted).all() or "Neither they nor any of its epochs give finite predictions" in messages


def test_the_warning_says_which_weights_are_restored():
    parameters = {"solver": "sgd", "max_grad_norm": None, "learning_rate": "constant", "random_state": 0}
    model = LSTMRegressor(2, learning_rate_init=1e200, **parameters)
    with pytest.warns(ConvergenceWarning, match="in epoch 1 .*the initial weights are restored"):
        model.fit(X3, Y)
    good = LSTMRegressor(2, learning_rate_init=1e-3, max_iter=1, warm_start=True, **parameters).fit(X3, Y)
    before = good.predict(X3)
    with pytest.warns(ConvergenceWarning, match="in epoch 2 .*the initial weights are restored"):
        good.set_params(learning_rate_init=1e200).fit(X3, Y)
    np.testing.assert_array_equal(good.predict(X3), before)
