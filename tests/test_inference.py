"""Prediction: the kernel that keeps two rows of state, chunks of any size, the fast path without `Sequences`, memory, threads."""

import copy
import ctypes
import gc
import itertools
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import warnings
import weakref
from contextlib import contextmanager

import numpy as np
import pytest
import reference
from problems import Problem
from reference import relative_error
from rows import assert_same_rows
from sklearn.base import clone

import sklstm.estimators.base as base_module
import sklstm.estimators.engines as engines_module
import sklstm.estimators.predicting as predicting_module
import sklstm.network.inference as inference_module
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm._kernels import _scan
from sklstm.estimators.copies import at_this_moment
from sklstm.network import ACTIVATIONS, CELLS, POOLINGS, Network
from sklstm.network.inference import apply
from sklstm.network.recurrent import RecurrentLayer

each_cell = pytest.mark.parametrize("cell", CELLS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


# ---- the recursion: as that of training ----

UNITS = (1, 7, 8, 16, 37, 64)
N_SEQUENCES = (1, 2, 3, 4, 13, 32)


@each_cell
@each_activation
@each_dtype
def test_predictions_have_the_bits_of_the_forward_pass_of_training(rng, cell, activation, dtype):
    for H, n_sequences, bidirectional in itertools.product(UNITS, N_SEQUENCES, (False, True)):
        sequences = draw(rng, rng.integers(1, 10, size=n_sequences))
        for pooling in (None, "last"):
            options = {"pooling": pooling, "bidirectional": bidirectional, "learned_state": True}
            problem = Problem(sequences, hidden_sizes=(H,), dtype=dtype, cell=cell, activation=activation, **options)
            problem.theta /= dtype(max(1, np.sqrt(H) / 4))
            assert_same_rows(apply(problem.network, problem.theta, problem.sequences)[problem.order], problem.scores())


@each_cell
@pytest.mark.parametrize("H", [8, 128, 512])
def test_a_workspace_has_room_for_fewer_sequences_too(cell, H):
    # Chunks of time are so many steps of the sequences there are: 2 of 93, but 1 of 163.
    table, n_rows = CELLS[cell], 1000
    for n in (1, 15, 16, 128, 163, 256):
        ws = RecurrentLayer(5, H, cell).workspace(n, n_rows, np.float32)
        for fewer in range(1, n + 1):
            assert ws.scratch.size >= _scan.scratch_size(table.index, fewer, n_rows, 5, H, H, 4)


# ---- a network on many sequences ----

LENGTHS = [3, 1, 40, 5, 2, 17, 17, 1, 40, 9, 26, 7, 33]
STACKS = {"one": (3,), "two": (3, 3), "three": (3, 17, 17)}


def draw(rng, lengths=LENGTHS):
    return [rng.normal(size=(length, 3)) for length in lengths]


def make(rng, lengths=LENGTHS, **options):
    """A network and its sequences; a recurrence that shrinks, so that long sequences keep their digits."""
    problem = Problem(draw(rng, lengths), **options)
    problem.theta *= problem.dtype(0.6)
    return problem


def outputs_of(problem):
    """What `apply` can be asked for."""
    return ["scores", "end_states", *(["attention"] if problem.network.pooling == "attention" else [])]


def rows_of(problem, output, k):
    """Where the answer for sequence k is."""
    if output == "attention" or (output == "scores" and problem.network.returns_sequences):
        return slice(*problem.sequences.offsets[k : k + 2])
    return slice(k, k + 1)


def assert_equals_twin(problem):
    network, sequences = problem.network, problem.sequences
    weights = {name: view.astype(np.float64) for name, view in network.layout.views(problem.theta).items()}
    arrays = np.split(sequences.values.astype(np.float64), sequences.offsets[1:-1])
    names = ("cell", "activation", "bidirectional", "merge_mode", "residual")
    options = {"num_layers": len(network.layers)} | {name: getattr(network, name) for name in names}
    outputs, ends = zip(*(reference.outputs(weights, x, **options) for x in arrays), strict=True)
    expected = {"scores": reference.scores(weights, arrays, pooling=network.pooling, **options), "end_states": np.array(ends)}
    if network.pooling == "attention":
        alphas = [reference.attention(reference.part(weights, "attention."), y) for y in outputs]
        expected["attention"] = np.concatenate(alphas)[:, np.newaxis]
    for output, value in expected.items():
        error = relative_error(apply(network, problem.theta, sequences, output), value)
        assert error < 200 * np.finfo(problem.dtype).eps, output


DIRECTIONS = {
    "forward": {},
    "concat": {"bidirectional": True, "merge_mode": "concat"},
    "sum": {"bidirectional": True, "merge_mode": "sum"},
}
each_direction = pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS.keys())
each_pooling = pytest.mark.parametrize("pooling", [*POOLINGS, None])


@each_cell
@each_pooling
@each_direction
@each_dtype
def test_apply_equals_the_twin(rng, cell, pooling, direction, dtype):
    switches = itertools.product((False, True), repeat=2) if not direction else [(False, False), (True, True)]
    for stack, (residual, learned_state) in itertools.product(STACKS.values(), switches):
        options = {"hidden_sizes": stack, "residual": residual, "learned_state": learned_state}
        assert_equals_twin(make(rng, LENGTHS[:6], cell=cell, pooling=pooling, dtype=dtype, **options, **direction))


@pytest.mark.parametrize("categories", [((1, 5, 2),), ((0, 4, 2), (2, 3, 1))])
@each_pooling
@each_direction
def test_apply_with_categories_equals_the_twin(rng, categories, pooling, direction):
    assert_equals_twin(make(rng, hidden_sizes=(4, 4), categories=categories, pooling=pooling, **direction))


@each_cell
@each_pooling
@each_direction
@pytest.mark.parametrize("dtype", [np.float32])
def test_an_answer_depends_neither_on_the_others_nor_on_chunks_nor_on_threads(rng, cell, pooling, direction, dtype, monkeypatch):
    stacks = [("two", False), ("three", True)]
    for stack, learned in stacks:
        options = {"hidden_sizes": STACKS[stack], "residual": learned, "learned_state": learned}
        problem = make(rng, cell=cell, pooling=pooling, dtype=dtype, **options, **direction)
        network, theta, sequences, n = problem.network, problem.theta, problem.sequences, len(problem.sequences)
        for output in outputs_of(problem):
            whole = apply(network, theta, sequences, output)
            for k in range(n):
                assert_same_rows(apply(network, theta, sequences[[k]], output), whole[rows_of(problem, output, k)])
            some = rng.permutation(n)[: n // 2]
            picked = np.concatenate([whole[rows_of(problem, output, k)] for k in some])
            assert_same_rows(apply(network, theta, sequences[some], output), picked)
            with monkeypatch.context() as patch:
                patch.setattr(inference_module, "THREAD_FLOPS", 1.0)
                for words, most, rows, n_threads in [(1, 256, 1, 1), (100, 4, 50, 1), (500, 3, 100, 2), (9999, 256, 9999, 3)]:
                    patch.setattr(inference_module, "CHUNK_WORDS", words)
                    patch.setattr(inference_module, "CHUNK_SEQUENCES", most)
                    patch.setattr(inference_module, "CHUNK_ROWS", rows)
                    assert_same_rows(apply(network, theta, sequences, output, n_threads=n_threads), whole)


@pytest.mark.parametrize("pooling", ["last", "mean", "attention", None])
def test_standardization_on_the_way_in(rng, pooling):
    problem, shift, factor = make(rng, pooling=pooling), np.array([1.0, -2.0, 0.5]), np.array([2.0, 0.25, 3.0])
    standardized = Sequences((problem.values - shift) * factor, problem.sequences.offsets)
    expected = apply(problem.network, problem.theta, standardized)
    assert_same_rows(apply(problem.network, problem.theta, problem.sequences, shift=shift, factor=factor), expected)


# ---- memory ----


def test_memory_of_a_long_sequence_and_of_many_is_bounded():
    # The high-water mark of a process, since tracemalloc does not see what the kernels allocate.
    pytest.importorskip("resource")
    script = """
        import resource, sys
        import numpy as np
        from sklstm.network import Network
        from sklstm.network.inference import apply
        from sklstm.sequences import Sequences

        unit = 1 if sys.platform == "darwin" else 1024
        values, rng = np.zeros((200_000, 4), np.float32), np.random.default_rng(0)
        long = Sequences(values, np.array([0, len(values)]))
        many = Sequences(values, np.arange(0, len(values) + 1, 10))
        short = Sequences(values[:300], np.array([0, 300]))
        for pooling in ("last", "mean", "max", "attention", None):
            network = Network(4, 2, (32, 32), pooling=pooling)
            theta = network.initialize(rng, np.float32)
            apply(network, theta, short)
            for sequences in (long, many):
                for output in ("scores", "end_states", *(["attention"] if pooling == "attention" else [])):
                    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                    answer = apply(network, theta, sequences, output)
                    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
                    print(pooling, len(sequences), output, grown - answer.nbytes)
    """
    command = [sys.executable, "-P", "-c", textwrap.dedent(script)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    # One layer's output alone would be 25 MB. Chunks are 0.5 MB of channels and as much for each layer.
    assert len(lines) == 22
    for line in lines:
        assert int(line.split()[-1]) < 12e6, line


# ---- estimators ----


N_FIT = 12


@contextmanager
def long_way():
    """Estimators do not take the short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predicting_module, "fast_path_scores", lambda estimator, model, X: None)
        yield


def dense(rng, n=N_FIT, dtype=np.float32):
    return rng.normal(size=(n, 9, 3)).astype(dtype)


def fitted(Estimator, rng, **options):
    """An estimator on float32, fitted for two epochs."""
    X = dense(rng)
    y = np.arange(len(X)) % 3 if Estimator is LSTMClassifier else rng.normal(size=len(X))
    return Estimator(5, max_iter=2, random_state=0, **options).fit(X, y)


def methods(estimator):
    return [getattr(estimator, name) for name in ("predict", "predict_proba", "encode") if hasattr(estimator, name)]


MODELS = {
    "classifier": (LSTMClassifier, {}),
    "regressor": (LSTMRegressor, {}),
    "mean": (LSTMRegressor, {"cell": "gru", "pooling": "mean"}),
    "max": (LSTMClassifier, {"pooling": "max", "num_layers": 2, "residual": True, "initial_state": "learned"}),
    "attention": (LSTMClassifier, {"pooling": "attention"}),
    "bidirectional": (LSTMRegressor, {"bidirectional": True}),
}
each_model = pytest.mark.parametrize("Estimator, options", MODELS.values(), ids=MODELS.keys())


@each_model
def test_every_form_of_x_has_the_same_answer(rng, Estimator, options):
    estimator, X = fitted(Estimator, rng, **options), dense(rng, 7)
    wider = np.zeros((7, 9, 6), np.float32)
    wider[:, :, ::2] = X
    forms = [
        list(X),
        [x.tolist() for x in X],
        Sequences.from_list(list(X)),
        X.astype(np.float64),
        list(X.astype(np.float64)),
        [X[0].astype(np.float64), *X[1:]],
        wider[:, :, ::2],
        np.asfortranarray(X),
        X.astype(X.dtype.newbyteorder()),
    ]
    read_only = X.copy()
    read_only.flags.writeable = False
    for method in methods(estimator):
        with long_way():
            expected = method(X)
        for form in [X, *forms, read_only]:
            assert_same_rows(method(form), expected)
        assert_same_rows(np.concatenate([method(X[k : k + 1]) for k in range(len(X))]), expected)
        assert_same_rows(np.concatenate([method([x]) for x in X]), expected)


@each_model
def test_ragged_lists_take_the_short_way_in_any_order(rng, Estimator, options):
    estimator, X = fitted(Estimator, rng, **options), [x.astype(np.float32) for x in draw(rng)]
    order = rng.permutation(len(X))
    for method in methods(estimator):
        with long_way():
            expected = method(X)
        assert_same_rows(method(X), expected)
        assert_same_rows(method([X[k] for k in order]), expected[order])
        assert_same_rows(method(Sequences.from_list(X)), expected)


def test_more_sequences_and_longer_ones_after_few(rng):
    estimator = fitted(LSTMClassifier, rng)
    for n, length in [(1, 2), (3, 400), (40, 9), (2, 1), (300, 5), (256, 700), (1, 30_000)]:
        X = rng.normal(size=(n, length, 3)).astype(np.float32)
        with long_way():
            expected = estimator.predict_proba(X)
        assert_same_rows(estimator.predict_proba(X), expected)


def message(function, *args):
    with pytest.raises(ValueError) as caught:
        function(*args)
    return str(caught.value)


def spoiled(X, value):
    X = X.copy()
    X[4, 6, 1] = value
    return X


REFUSED = {
    "NaN": lambda X: spoiled(X, np.nan),
    "infinity": lambda X: spoiled(X, -np.inf),
    "NaN in a list": lambda X: list(spoiled(X, np.nan)),
    "infinity in a list": lambda X: list(spoiled(X, np.inf)),
    "channels": lambda X: X[:, :, :2].copy(),
    "channels of a list": lambda X: [*X[:3], X[3, :, :2].copy()],
    "no channels": lambda X: X[:, :, :0].copy(),
    "no steps": lambda X: X[:, :0].copy(),
    "a sequence without steps": lambda X: [*X[:3], X[3, :0].copy()],
    "no sequences": lambda X: X[:0].copy(),
    "an empty list": lambda X: [],
    "two dimensions": lambda X: X[0, 0].copy(),
    "four dimensions": lambda X: X[np.newaxis].copy(),
    "four dimensions in a list": lambda X: [X[:2], X[2:4]],
}


@each_model
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_refused_with_the_same_message(rng, Estimator, options, kind):
    estimator, X = fitted(Estimator, rng, **options), dense(rng)
    expected = estimator.predict(X)
    bad = REFUSED[kind](X)
    for method in methods(estimator):
        with long_way():
            words = message(method, bad)
        assert message(method, bad) == words
    assert_same_rows(estimator.predict(X), expected)


def test_an_estimator_that_is_not_fitted_says_so(rng):
    with pytest.raises(Exception, match="not fitted"):
        LSTMClassifier().predict(dense(rng))


@each_model
def test_weights_that_are_set_take_effect(rng, Estimator, options):
    estimator, X = fitted(Estimator, rng, **options), dense(rng)
    before, alike = estimator.predict(X), copy.copy(estimator)
    expected = {method.__name__: method(X) for method in methods(estimator)}
    for factor in (1.5, 0.5, 1.75):
        alike.set_weights({name: factor * weights for name, weights in alike.weights_.items()})
        for method in methods(alike):
            with long_way():
                changed = method(X)
            assert_same_rows(method(X), changed)
        for method in methods(estimator):  # a shallow copy shares the weights until they are set
            assert_same_rows(method(X), expected[method.__name__])
    if Estimator is not LSTMClassifier:
        assert not np.array_equal(alike.predict(X), before)


@each_model
def test_a_refit_after_predict_uses_the_new_weights(rng, Estimator, options):
    estimator, X = fitted(Estimator, rng, **options), dense(rng)
    before = methods(estimator)[-2](X)
    y = np.arange(len(X)) % 4 if Estimator is LSTMClassifier else rng.normal(size=(len(X), 2))
    for refit in (estimator.set_params(hidden_size=4).fit, estimator.partial_fit):
        refit(X, y)
        for method in methods(estimator):
            with long_way():
                expected = method(X)
            assert_same_rows(method(X), expected)
    assert methods(estimator)[-2](X).shape != before.shape


@each_model
def test_copies_after_predict(rng, Estimator, options):
    estimator, X = fitted(Estimator, rng, **options), dense(rng)
    expected = [method(X) for method in methods(estimator)]
    state = set(vars(estimator))
    for other in (copy.deepcopy(estimator), copy.copy(estimator), pickle.loads(pickle.dumps(estimator))):
        for _ in range(2):
            for method, answer in zip(methods(other), expected, strict=True):
                assert_same_rows(method(X), answer)
        assert set(vars(other)) == state
    fresh = clone(estimator)
    with pytest.raises(Exception, match="not fitted"):
        fresh.predict(X)
    # A copy's weights are its own.
    other = copy.deepcopy(estimator)
    other.predict(X)
    other.set_weights({name: np.zeros_like(weights) for name, weights in other.weights_.items()})
    for method, answer in zip(methods(estimator), expected, strict=True):
        assert_same_rows(method(X), answer)


@each_model
def test_an_estimator_that_has_predicted_can_be_collected(rng, Estimator, options):
    estimator = fitted(Estimator, rng, **options)
    for method in methods(estimator):
        method(dense(rng))
    known, theta = weakref.ref(estimator), weakref.ref(estimator._theta)
    del estimator, method
    gc.collect()
    assert known() is None
    assert theta() is None
    assert not [key for key in engines_module._idle if key is known()]


@each_model
@pytest.mark.parametrize("n", [1, 12])
def test_threads_that_predict_with_one_estimator(rng, Estimator, options, n):
    estimator = fitted(Estimator, rng, **options)
    inputs = [rng.normal(size=(n, length, 3)).astype(np.float32) for length in (3, 50, 51, 200)]
    expected = [methods(estimator)[-2](X) for X in inputs]
    barrier, wrong = threading.Barrier(len(inputs)), []

    def work(k):
        barrier.wait()
        for _ in range(30):
            if not np.array_equal(methods(estimator)[-2](inputs[k]), expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@each_model
def test_n_jobs_changes_no_bit(rng, Estimator, options, monkeypatch):
    estimator, X = fitted(Estimator, rng, **options), [x.astype(np.float32) for x in draw(rng)]
    expected = [method(X) for method in methods(estimator)]
    monkeypatch.setattr(engines_module, "THREAD_FLOPS", 1.0)
    monkeypatch.setattr(inference_module, "THREAD_FLOPS", 1.0)
    for n_jobs in (2, 3, -1):
        estimator.set_params(n_jobs=n_jobs)
        for method, answer in zip(methods(estimator), expected, strict=True):
            assert_same_rows(method(X), answer)


@each_model
def test_predict_leaves_x_as_it_is(rng, Estimator, options):
    estimator, X = fitted(Estimator, rng, **options), dense(rng)
    before = X.copy()
    for method in methods(estimator):
        first = method(X)
        kept = first.copy()
        method(dense(rng))
        np.testing.assert_array_equal(first, kept)  # an answer is no buffer that the next one writes to
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("short", [True, False])
def test_another_thread_goes_on_during_a_prediction(rng, short):
    estimator, X = fitted(LSTMRegressor, rng), rng.normal(size=(1, 500_000, 3)).astype(np.float32)
    estimator.predict(X[:, :9])
    ticks, ended, begun = [0], threading.Event(), threading.Event()

    def tick():
        while not ended.is_set():
            ticks[0] += 1
            begun.set()
            time.sleep(1e-4)

    # Python takes the lock away from nobody: the other thread has it only where a prediction lets go of it.
    interval, thread = sys.getswitchinterval(), threading.Thread(target=tick)
    thread.start()
    begun.wait()
    sys.setswitchinterval(1000)
    try:
        before = ticks[0]
        if short:
            scores = engines_module.fast_path_scores(estimator, at_this_moment(estimator), X)
        else:
            scores = estimator._apply(Sequences(X[0], [0, X.shape[1]]))
        during = ticks[0] - before
    finally:
        sys.setswitchinterval(interval)
        ended.set()
        thread.join()
    assert scores.shape == (1, 1)
    assert during > 0


# ---- the quick way: what takes it, and that it changes nothing ----


@contextmanager
def only_the_quick_way():
    """`read_X` is not called."""

    def fail(*args, **kwargs):
        raise AssertionError("X went the long way.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_module, "read_X", fail)
        yield


def both_ways(estimator, X, quick):
    """Predictions of the long way, which those of the other one equal; whether it is the quick one is asserted too."""
    methods_of = [name for name in ("predict", "predict_proba", "predict_log_proba") if hasattr(estimator, name)]
    for name in methods_of:
        with long_way():
            expected = getattr(estimator, name)(X)
        assert_same_rows(getattr(estimator, name)(X), expected)
        if quick:
            with only_the_quick_way():
                assert_same_rows(getattr(estimator, name)(X), expected)
    return expected


def numbers(rng, dtype, n=N_FIT):
    """Arrays of a dtype; integers that float32 has not."""
    X = dense(rng, n).astype(np.float64)
    return (X * 2**40).astype(dtype) if np.dtype(dtype) == np.int64 else (10 * X).astype(dtype)


@each_model
@pytest.mark.parametrize("model_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", ">f8", "i1", "i8", "u2", ">i4"])
def test_other_dtypes_and_strides_take_the_quick_way(rng, Estimator, options, model_dtype, dtype):
    estimator = Estimator(5, max_iter=1, random_state=0, **options)
    estimator.fit(dense(rng).astype(model_dtype), np.arange(N_FIT) % 3)
    X = numbers(rng, np.dtype(dtype).newbyteorder("="), 4).astype(dtype)
    for form in (X, np.asfortranarray(X), X[::-1, ::2, ::-1], list(X), [X[0], X[1][::-1].astype(float), X[2, :3]], [X[0]]):
        both_ways(estimator, form, quick=True)
    both_ways(estimator, X.astype(np.longdouble), quick=False)
    both_ways(estimator, X > 0, quick=False)


@each_model
def test_arrays_whose_order_of_bytes_is_named(rng, Estimator, options):
    """Equal to the native dtype, but lent with another format: what ctypes and some readers of files make."""
    estimator, X = fitted(Estimator, rng, **options), dense(rng, 2)
    kind = ctypes.c_float * X.shape[2] * X.shape[1] * X.shape[0]
    named = np.asarray(kind.from_buffer_copy(X.tobytes()))
    assert named.dtype == X.dtype
    for form in (named, list(named)):
        both_ways(estimator, form, quick=True)
    assert_same_rows(estimator.predict(named), estimator.predict(X))


@each_model
def test_flat_arrays_take_the_quick_way(rng, Estimator, options):
    X = dense(rng)
    estimator = Estimator(5, n_channels=3, max_iter=1, random_state=0, **options).fit(X.reshape(N_FIT, -1), np.arange(N_FIT) % 3)
    flat = X.reshape(N_FIT, -1)
    for form in (flat, flat[:1], flat.astype(np.float64), np.asfortranarray(flat), flat[::3], np.repeat(flat, 2, axis=1)[:, ::2]):
        both_ways(estimator, form, quick=True)
    assert_same_rows(estimator.predict(flat), estimator.predict(X))
    assert "np.asarray(X)" in message(estimator.predict, flat.tolist())  # lists are sequences of one channel
    for wrong in (flat[:, :-3], flat[:, :-1], flat[:0], flat[:, :0], np.where(flat > 1, np.nan, flat)):
        with long_way():
            words = message(estimator.predict, wrong)
        assert message(estimator.predict, wrong) == words
    for n_channels in (1, 9, 27):
        estimator.set_params(n_channels=n_channels)
        assert "expecting 3 channels" in message(estimator.predict, flat)


def test_a_model_of_sequences_reads_2d_by_the_long_way_only(rng):
    estimator = fitted(LSTMRegressor, rng, n_channels=3)
    with pytest.raises(AssertionError), only_the_quick_way():
        estimator.predict(dense(rng).reshape(N_FIT, -1))


def table_of(kind, values, names):
    library = pytest.importorskip(kind)
    return library.DataFrame(values, columns=names) if kind == "pandas" else library.DataFrame(values, schema=names)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("order", ["steps", "plain"])
def test_tables_with_the_columns_of_fit_take_the_quick_way(rng, kind, order):
    X = dense(rng).astype(np.float64)
    names = [f"{c}_{t}" for t in range(9) for c in "abc"] if order == "steps" else [f"x{k}" for k in range(27)]
    table = table_of(kind, X.reshape(N_FIT, -1), names)
    estimator = LSTMClassifier(5, n_channels=3, max_iter=1, random_state=0).fit(table, np.arange(N_FIT) % 3)
    both_ways(estimator, table, quick=True)
    both_ways(estimator, table[2:3], quick=True)
    assert_same_rows(estimator.predict_proba(table), estimator.predict_proba(X))
    library = pytest.importorskip(kind)
    if kind == "pandas":
        single, integer = table.astype(np.float32), table.astype({names[1]: np.int64, names[2]: np.float32})
        others = [table.iloc[::-1, :].set_axis(range(N_FIT)), table.astype("Float64"), table.astype("float64[pyarrow]")]
    else:
        single = table.cast(library.Float32)
        integer = table.with_columns(table[names[1]].cast(library.Int64), table[names[2]].cast(library.Float32))
        others = []
    for form in (single, integer):
        both_ways(estimator, form, quick=True)
    for form in others:
        both_ways(estimator, form, quick=False)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(table[names[::-1]])
    with pytest.warns(UserWarning, match="valid feature names"):
        estimator.predict(X.reshape(N_FIT, -1))


@pytest.mark.parametrize("dtype", ["category", "bool", "object", "datetime64[ns]", "timedelta64[ns]", "str", "Int64"])
@pytest.mark.parametrize("some", [True, False])
def test_tables_of_something_else_take_the_long_way(rng, dtype, some):
    pandas = pytest.importorskip("pandas")
    names = ["p", "q", "r"]
    table = pandas.DataFrame(rng.integers(0, 2, size=(N_FIT, 3)).astype(float), columns=names)
    estimator = LSTMRegressor(3, max_iter=1, random_state=0).fit(table, np.arange(N_FIT))
    other = table.astype(np.int64).astype({"q": dtype} if some else dtype)
    with pytest.raises(AssertionError), only_the_quick_way():
        estimator.predict(other)


def test_too_large_for_the_model_is_refused_by_its_place(rng):
    estimator, X = fitted(LSTMRegressor, rng), dense(rng, 2).astype(np.float64)
    X[1, 2, 0] = 1e300
    for form in (X, list(X)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            words = message(estimator.predict, form)
        assert "sequence 1, step 2, channel 0" in words
        assert "too large for float32" in words


WHOLE = list(itertools.product(["concat", "sum", None], [False, True], [False, True], [*POOLINGS]))


@each_cell
@each_dtype
def test_whole_networks_equal_the_long_way(rng, cell, dtype):
    """Both directions, every pooling, residual layers, learned states; dense, ragged and single sequences."""
    X = [x.astype(dtype) for x in draw(rng)]
    for merge_mode, residual, learned, pooling in WHOLE:
        if merge_mode is None and pooling != "attention":
            continue
        directions = {} if merge_mode is None else {"bidirectional": True, "merge_mode": merge_mode}
        estimator = LSTMRegressor(
            6,
            num_layers=2,
            cell=cell,
            pooling=pooling,
            residual=residual,
            initial_state="learned" if learned else "zeros",
            max_iter=1,
            random_state=0,
            **directions,
        ).fit(X, np.arange(len(X)))
        drawn = {name: rng.normal(scale=0.1, size=weights.shape).astype(dtype) for name, weights in estimator.weights_.items()}
        estimator.set_weights({name: weights + drawn[name] for name, weights in estimator.weights_.items()})
        for form in (X, X[2:3], [x[:1] for x in X], np.stack([X[2], X[8]])):
            both_ways(estimator, form, quick=cell != "layernorm")


def test_longer_and_more_sequences_after_short_ones_in_both_directions(rng):
    estimator = fitted(LSTMClassifier, rng, bidirectional=True)
    for n, length in [(1, 2), (3, 40), (40, 9), (2, 1), (300, 5), (256, 70), (1, 30_000), (1, 3)]:
        both_ways(estimator, rng.normal(size=(n, length, 3)).astype(np.float32), quick=False)


# ---- the engines: nothing unchecked gets into them ----


def network_and_params(rng, **options):
    network = Network(3, 2, (5, 4), **options)
    return network, network.bind(network.initialize(rng, np.float64))


def test_an_engine_refuses_arrays_that_do_not_fit(rng):
    network, params = network_and_params(rng, pooling="mean")
    engine = network.engine(network.weights(params), 2, 6)
    engine.begin(2)
    x, starts, out, double = np.zeros((6, 3)), np.array([0, 2, 4]), np.zeros((2, 2)), np.float64
    engine.advance(starts, 2, x)
    state = [np.zeros(2, np.intp), *(np.zeros((2, n)) for n in (5, 5, 4, 4, 4))]
    engine.get_state(state)
    engine.set_state(state)
    refused = [
        lambda: engine.begin(3),
        lambda: engine.begin(0),
        lambda: engine.advance(np.array([0, 2, 5]), 2, x),  # more rows than sequences
        lambda: engine.advance(np.array([0, 1, 3]), 1, x),  # growing
        lambda: engine.advance(np.array([0, 2, 1]), 1, x),
        lambda: engine.advance(np.array([-2, 0, 2]), 1, x),
        lambda: engine.advance(np.array([1, 2]), 1, x),
        lambda: engine.advance(np.array([0]), 1, x),
        lambda: engine.advance(np.array([], np.intp), 1, x),
        lambda: engine.advance(starts, 3, x),
        lambda: engine.advance(starts, -1, x),
        lambda: engine.advance(starts, 2, x[:3]),
        lambda: engine.advance(starts, 2, x[:, :2].copy()),
        lambda: engine.advance(starts, 2, x.astype(np.float32)),
        lambda: engine.results(out[:1]),
        lambda: engine.results(np.zeros((2, 3))),
        lambda: engine.results(out.astype(np.float32)),
        lambda: engine.step_scores(out[:1]),
        lambda: engine.step_scores(np.zeros((6, 3))),
        lambda: engine.step_scores(np.zeros((6, 2), np.float32)),
        lambda: engine.attention_logits(np.zeros((6, 1))),
        lambda: engine.attention_weights(np.array([0, 1]), np.zeros((6, 1))),
        lambda: engine.get_state(state[:-1]),
        lambda: engine.set_state([*state[:-1], np.zeros((2, 3))]),
        lambda: engine.set_state([*state[:-1], np.zeros((4, 2)).T]),
        lambda: engine.set_state([*state[:-1], np.zeros((2, 4), np.float32)]),
        lambda: engine.set_state([np.zeros(2), *state[1:]]),
        lambda: engine.set_state([np.full(2, 2**63 - 1), *state[1:]]),
        lambda: engine.set_state([np.full(2, -1), *state[1:]]),
        lambda: engine.step(x[:1], out),
        lambda: engine.step(x[:2], out[:1]),
        lambda: engine.step(double(1), out),
        lambda: engine.predict(x[:4].reshape(2, 2, 3), double(1)),
        lambda: engine.predict(x, out),
        lambda: engine.predict(double(1), out),
        lambda: engine.predict([x[:1], x[:2]], out),  # the longest is not first
        lambda: engine.predict([x[:1]] * 3, out),
        lambda: engine.predict([x[:0]], out[:1]),
        lambda: engine.predict([], out[:0]),
        lambda: network.engine(engine.weights, 0, 0),
        lambda: network.engine(engine.weights, 3, 2),
    ]
    for call in refused:
        with pytest.raises((ValueError, TypeError, BufferError)):
            call()
    out.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        engine.step(x[:2], out)


def test_weights_that_do_not_fit_make_no_engine(rng):
    network, params = network_and_params(rng, pooling="attention")
    other, wide = network_and_params(rng)[1], network_and_params(rng, bidirectional=True)
    for part, name, array in [
        ("head", "V", np.zeros((3, 2))),
        ("head", "b", np.zeros(3)),
        ("head", "b", np.zeros(2, np.float32)),
        ("head", "V", np.zeros((4, 2), int)),
        ("attention", "A", np.zeros((4, 3))),
        ("attention", "v", np.zeros(8)[::2]),
        ("layer_1", "W", np.zeros((4, 16))),
    ]:
        with pytest.raises((ValueError, TypeError)):
            network.weights(params | {part: params[part] | {name: array}})
    engine, x = wide[0].engine(wide[0].weights(wide[1]), 1, 2), np.zeros((2, 3))
    engine.begin(1)
    with pytest.raises(ValueError, match="one direction"):
        engine.step(x[:1], np.zeros((1, 2)))
    with pytest.raises(ValueError, match="starts must"):
        engine.advance(np.array([0, 1]), 1, x)  # both directions need whole sequences
    with pytest.raises(ValueError, match="Attention needs weights"):
        network.engine(Network(3, 2, (5, 4)).weights(other), 1, 1)
    engine = network.engine(network.weights(params), 2, 6)
    engine.begin(2)
    engine.advance(np.array([0, 2, 4]), 0, np.zeros((4, 3)))
    for rows in ([0], [0, 3], [-1, 2], [0, 2, 4]):
        with pytest.raises(ValueError, match="rows"):
            engine.attention_weights(np.array(rows), np.zeros((4, 1)))


# ---- a refit under readers ----


@pytest.mark.parametrize("form", ["quick", "long"])
def test_a_refit_in_another_thread_never_mixes_two_fits(rng, form):
    """From 4 classes to 2 and back: each prediction is of the one fit or of the other."""
    X = dense(rng)
    estimator = LSTMClassifier(2, max_iter=1, random_state=0)
    labels = [np.array(list("abcd"))[np.arange(N_FIT) % 4], np.array(["no", "yes"])[np.arange(N_FIT) % 2]]
    data = X[:2] if form == "quick" else Sequences.from_list(list(X[:2]))
    known, wrong, ended = [], [], threading.Event()
    for y in labels:
        estimator.fit(X, y)
        known.append({name: getattr(estimator, name)(data) for name in ("predict", "predict_proba", "predict_log_proba")})
        known[-1] |= {"weights_": sorted((name, view.shape) for name, view in estimator.weights_.items())}
        known[-1] |= {"score": estimator.score(data, y[:2]), "stream": estimator.stream("predict").step(X[0, 0])}

    def read():
        while not ended.is_set():
            for name in ("predict", "predict_proba", "predict_log_proba"):
                got = getattr(estimator, name)(data)
                if not any(np.array_equal(got, fit[name]) for fit in known):
                    wrong.append((name, got))
            views = sorted((name, view.shape) for name, view in estimator.weights_.items())
            step = estimator.stream("predict").step(X[0, 0])
            if views not in [fit["weights_"] for fit in known] or step not in [fit["stream"] for fit in known]:
                wrong.append((views, step))

    interval, threads = sys.getswitchinterval(), [threading.Thread(target=read) for _ in range(2)]
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for k in range(40):
            estimator.fit(X, labels[k % 2])
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert not wrong


def test_a_fit_takes_its_attributes_at_one_moment(rng):
    """So that no interrupt leaves half of them: whoever had the old ones has them all."""
    X = dense(rng)
    estimator = LSTMClassifier(2, max_iter=1, random_state=0).fit(X, np.arange(N_FIT) % 4)
    moment, before = at_this_moment(estimator), vars(estimator).copy()
    estimator.fit(X, np.arange(N_FIT) % 2)
    assert vars(moment) == before
    assert len(moment.classes_) == 4
    assert len(estimator.classes_) == 2
