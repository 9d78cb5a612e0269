"""Estimators, containers and streams, called in any order with anything: no crash, only errors of ours, nothing lost."""

import contextlib
import faulthandler
import os
import pickle
import threading
import time
import warnings
from itertools import pairwise

import numpy as np
import sklearn
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sklearn.base import clone

from sklstm import Sequences, load, save
from sklstm.preprocessing import make_windows

from . import containers, states
from .doors import DOORS
from .errors import REFUSALS, complaint
from .grid import outcome
from .models import RECIPES, bits, data, fitted, state_of, unfitted
from .objects import OBJECTS

CALLS = {"made": 0}  # in this process
SECONDS = 120  # for a call; then it hangs, and the process ends with a traceback
LOG = os.environ.get("SKLSTM_FUZZ_LOG")  # a file that gets each call before it is made: the last one is where a crash was

seeds = st.integers(0, 2**32 - 1)
objects = st.sampled_from(list(OBJECTS))
recipes = st.sampled_from(list(RECIPES))
other_doors = st.sampled_from([name for name, door in DOORS.items() if door.model is None])
ODD_PARAMETERS = {
    "hidden_size": [0, -1, (), (0,), (2, 0), 2.5, None, "a", (3, 3)],
    "num_layers": [0, -1, 2.0, None],
    "cell": ["", "LSTM", None],
    "pooling": ["sum", None],
    "merge_mode": ["x", None],
    "batch_size": [0, -1, 1.5, None],
    "bptt_steps": [0, -1, 1],
    "n_channels": [0, -1, 3],
    "dropout": [1.0, -1.0, np.nan, 0.99],
    "learning_rate_init": [0, -1.0, np.inf, np.nan, 1e300],
    "max_grad_norm": [0, -1, np.nan, np.inf],
    "embedding_dim": [0, -1, [], [0]],
    "max_iter": [0, -1, 1.5],
    "n_jobs": [0, -1, 2, 10_000, 1.5],
    "alpha": [-1, np.inf, np.nan],
    "beta_1": [1.0, -1, np.nan],
    "epsilon": [0, -1.0],
    "forget_bias": [np.nan, np.inf, "x"],
    "categorical_features": [[0], [7], [-1], "all", [True, False], []],
    "validation_fraction": [0, 1, 2, np.nan],
    "activation": ["x", None],
    "initial_state": ["x", None],
    "power_t": [-1, np.inf],
    "n_iter_no_change": [0, -1, 1.5],
}
odd_parameters = st.sampled_from([(name, value) for name, values in ODD_PARAMETERS.items() for value in values])

ODD_KEYS = [None, 1.5, "a", (0, 1), (0, ...), ..., np.int8(1), np.uint64(2), np.float64(1), np.zeros((2, 2), int), [[0]], [0.5]]
keys = st.one_of(
    st.integers(-8, 8),
    st.slices(6),
    st.lists(st.integers(-7, 7), max_size=5),
    st.lists(st.booleans(), max_size=7),
    st.sampled_from(ODD_KEYS),
)


class Hostile(RuleBasedStateMachine):
    """One fitted model, one container, one stream, and whatever is done with them."""

    @initialize(recipe=recipes)
    def begin(self, recipe):
        self.recipe = recipe
        self.X, self.y = data(recipe)
        self.model = fitted(recipe)
        self.make_container([3, 0, 2], "f8", True)
        self.stream, self.steps = None, []
        if self._streams():
            self.begin_stream("predict", 2)
        self._expect()

    def _expect(self):
        """The predictions that the model has from now on."""
        self.expected = bits(self.model.predict(self.X))
        self.before = state_of(self.model)

    def _call(self, name, call, allowed=REFUSALS):
        """The result, or None of what was refused, as it should be."""
        self._begin_call(name)
        return self._checked(name, call, allowed)

    def _begin_call(self, name):
        CALLS["made"] += 1
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        if LOG:
            with open(LOG, "a") as file:
                print(f"{getattr(self, 'recipe', '')}: {name}", file=file)

    @staticmethod
    def _checked(name, call, allowed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return call()
            except Exception as error:
                found = complaint(error, allowed)
                if found:
                    raise AssertionError(f"{name}: {found}") from error
        return None

    @invariant()
    def the_model_is_as_it_was(self):
        if hasattr(self, "model"):
            assert state_of(self.model) == self.before
            assert bits(self.model.predict(self.X)) == self.expected

    # ---- estimators ----

    @rule(door=st.sampled_from(["predict", "encode", "score X", "score y", "score sample_weight"]), name=objects)
    def ask_with_anything(self, door, name):
        calls = {
            "predict": lambda o: self.model.predict(o),
            "encode": lambda o: self.model.encode(o),
            "score X": lambda o: self.model.score(o, self.y),
            "score y": lambda o: self.model.score(self.X, o),
            "score sample_weight": lambda o: self.model.score(self.X, self.y, o),
        }
        self._call(f"{door} of {name}", lambda: calls[door](OBJECTS[name]()))

    @rule(method=st.sampled_from(["fit", "partial_fit"]), place=st.integers(0, 2), name=objects, warm=st.booleans())
    def train_with_anything(self, method, place, name, warm):
        arguments = [self.X, self.y, None]
        arguments[place] = OBJECTS[name]()
        twin = fitted(self.recipe) if method == "fit" and not warm else pickle.loads(pickle.dumps(self.model))
        before = state_of(twin.set_params(warm_start=warm))
        X, y, sample_weight = arguments
        done = self._call(
            f"{method} of {name} as {place}, {warm}", lambda: getattr(twin, method)(X, y, sample_weight=sample_weight)
        )
        if done is None:
            assert state_of(twin) == before, "the refused fit left the model changed"

    @rule(method=st.sampled_from(["fit", "partial_fit", "warm_start"]), weighted=st.booleans(), seed=seeds)
    def train(self, method, weighted, seed):
        weights = np.random.default_rng(seed).integers(1, 4, 6).astype(float) if weighted else None
        call = self.model.partial_fit if method == "partial_fit" else self.model.fit
        self.model.set_params(warm_start=method == "warm_start")
        self._call(method, lambda: call(self.X, self.y, sample_weight=weights), ())
        self.model.set_params(warm_start=False)
        self.stream = None
        self._expect()

    @rule()
    def copies_are_the_same(self):
        self._begin_call("copies")
        assert bits(pickle.loads(pickle.dumps(self.model)).predict(self.X)) == self.expected
        one, other = (clone(self.model).fit(self.X, self.y) for _ in range(2))
        assert bits(one.predict(self.X)) == bits(other.predict(self.X))
        one = clone(self.model)
        vars(one).update(vars(pickle.loads(pickle.dumps(self.model))))
        assert bits(one.predict(self.X)) == self.expected

    @rule()
    def files_are_the_same(self):
        path = f"/tmp/sklstm-fuzz-{os.getpid()}"
        self._call("save", lambda: save(self.model, path), ())
        try:
            assert bits(self._call("load", lambda: load(path), ()).predict(self.X)) == self.expected
        finally:
            os.unlink(path)

    @rule(
        changes=st.lists(odd_parameters, min_size=1, max_size=2),
        skip=st.booleans(),
        method=st.sampled_from(["fit", "partial_fit"]),
    )
    def odd_parameters(self, changes, skip, method):
        estimator = unfitted(self.recipe, **dict(changes))
        call = getattr(estimator, method)
        if not skip:
            self._call(f"{method} with {changes}", lambda: call(self.X, self.y))
            return
        with sklearn.config_context(skip_parameter_validation=True, assume_finite=True), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._begin_call(f"{method} with {changes}, unchecked")
            with contextlib.suppress(Exception):  # whoever skips validation gets any error, but no crash
                call(self.X, self.y).predict(self.X)

    @rule(seed=seeds)
    def edited_pickles(self, seed):
        self._begin_call(f"edited pickle {seed}")
        states.trial(seed)

    @rule(door=other_doors, name=objects)
    def any_other_door(self, door, name):
        self._begin_call(f"{door} of {name}")
        found = outcome(door, name)
        assert not found, found

    # ---- containers ----

    @rule(lengths=st.lists(st.integers(0, 4), max_size=6), dtype=st.sampled_from(["f4", "f8", "i8", "?"]), named=st.booleans())
    def make_container(self, lengths, dtype, named):
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=int)])
        values = (np.arange(2 * offsets[-1]).reshape(-1, 2) % 7).astype(dtype)
        ids = [f"p{k}" for k in range(len(lengths))] if named else None
        self.container = self._call("Sequences", lambda: Sequences(values, offsets, ids=ids), ())
        self.arrays = [values[start:stop] for start, stop in pairwise(offsets)]

    @rule(key=keys)
    def index(self, key):
        got = self._call(f"index {key!r}", lambda: self.container[key], (*REFUSALS, IndexError))
        if got is None:
            return
        if isinstance(key, tuple):
            key = key[0]
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            assert bits(got) == bits(self.arrays[int(key)])
            return
        rows = np.arange(len(self.arrays))[key if isinstance(key, slice) else np.asarray(key, None if len(key) else int)]
        assert [bits(x) for x in got.to_list()] == [bits(self.arrays[row]) for row in rows]

    @precondition(lambda self: len(self.arrays))
    @rule(padding=st.sampled_from([np.nan, 0, -1, 300, 1e300, True]))
    def there_and_back(self, padding):
        padded = self._call("to_padded", lambda: self.container.to_padded(padding), ())
        back = Sequences.from_padded(padded, lengths=self.container.lengths)
        assert all((a == b).all() and a.shape == b.shape for a, b in zip(back, self.arrays, strict=True))
        assert bits(pickle.loads(pickle.dumps(self.container))) == bits(self.container)
        assert bits(self.container.with_values(self.container.values)) == bits(self.container)

    @rule(method=st.sampled_from(["predict", "encode", "partial_fit", "attention"]))
    def ask_with_the_container(self, method):
        model = pickle.loads(pickle.dumps(self.model))
        if hasattr(model, method):
            arguments = [np.arange(len(self.container)) % 2] if method == "partial_fit" else []
            self._call(f"{method} of a container", lambda: getattr(model, method)(self.container, *arguments))

    @rule(window=st.integers(1, 4), stride=st.integers(1, 3), short=st.sampled_from(["raise", "drop"]))
    def windows(self, window, stride, short):
        self._call("windows", lambda: make_windows(self.container, window=window, stride=stride, on_short=short))

    @rule(seed=seeds)
    def tampered(self, seed):
        self._begin_call(f"tampered {seed}")
        what, found = containers.trial(seed)
        assert not found, f"{what}: {found}"

    # ---- streams ----

    def teardown(self):
        faulthandler.cancel_dump_traceback_later()

    def _streams(self):
        return not {"bidirectional", "attention"} & {self.recipe}

    @precondition(_streams)
    @rule(method=st.sampled_from(["predict", "encode"]), n=st.integers(1, 3))
    def begin_stream(self, method, n):
        self.stream = self._call("stream", lambda: self.model.stream(method), ())
        self.method, self.n, self.steps = method, n, []

    @precondition(lambda self: self.stream is not None)
    @rule(
        seed=seeds,
        form=st.sampled_from(
            ["array", "list", "strided", "Fortran", "float32", "float64", "big-endian", "read-only", "memoryview"]
        ),
    )
    def step(self, seed, form):
        D = self.model._network_spec["input_size"]
        x = np.random.default_rng(seed).integers(0, 3, size=(self.n, D)).astype(self.model._theta.dtype)
        given = {
            "array": lambda: x,
            "list": x.tolist,
            "strided": lambda: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
            "Fortran": lambda: np.asfortranarray(x),
            "float32": lambda: x.astype("f4"),
            "float64": lambda: x.astype("f8"),
            "big-endian": lambda: x.astype(x.dtype.newbyteorder()),
            "read-only": lambda: (x.setflags(write=False), x)[1],
            "memoryview": lambda: memoryview(x),
        }[form]()
        got = self._call(f"step of {form}", lambda: self.stream.step(given), ())
        self.steps.append(x)
        so_far = np.stack(self.steps, axis=1)
        right = getattr(self.model, self.method)(list(so_far))
        right = [part[-1] for part in right] if isinstance(right, list) and self.method == "predict" else right
        assert np.array_equal(np.asarray(got), np.asarray(right))

    @precondition(lambda self: self.stream is not None)
    @rule(name=objects, place=st.sampled_from(["step", "state", "n_steps", "layer_0.h", "reset"]))
    def anything_to_a_stream(self, name, place):
        before, given = self.stream.state, OBJECTS[name]()
        if before is None and place in ("n_steps", "layer_0.h"):
            return
        copy = pickle.loads(pickle.dumps(self.stream))
        calls = {
            "step": lambda: copy.step(given),
            "state": lambda: setattr(copy, "state", given) or True,
            "n_steps": lambda: setattr(copy, "state", before | {"n_steps": given}) or True,
            "layer_0.h": lambda: setattr(copy, "state", before | {"layer_0.h": given}) or True,
            "reset": lambda: copy.reset(given) or True,
        }
        if self._call(f"{place} of {name}, after {len(self.steps)} steps", calls[place]) is None:
            assert bits_of_state(copy.state) == bits_of_state(before), "the refused call left the stream changed"

    @precondition(lambda self: self.stream is not None and self.steps)
    @rule(how=st.sampled_from(["state", "pickle", "other"]))
    def carry_over(self, how):
        state = self.stream.state
        if how == "pickle":
            self.stream = self._call("pickle", lambda: pickle.loads(pickle.dumps(self.stream)), ())
        else:
            if how == "other":
                self.stream = self.model.stream(self.method)
            self._call("state", lambda: setattr(self.stream, "state", state), ())
        assert bits_of_state(self.stream.state) == bits_of_state(state)

    @precondition(lambda self: self.stream is not None and self.steps)
    @rule()
    def reset(self):
        self._call("reset", self.stream.reset, ())
        self.steps = []

    # ---- threads ----

    @precondition(lambda self: self.stream is not None and self.steps)
    @rule()
    def threads_step_one_stream(self):
        copy = pickle.loads(pickle.dumps(self.stream))
        self._begin_call("threads step")
        self._together(
            [lambda: copy.step(self.steps[0])] * 2 + [lambda: copy.state, lambda: setattr(copy, "state", self.stream.state)],
            0.005,
        )

    @rule()
    def predict_while_fitting(self):
        model = pickle.loads(pickle.dumps(self.model))
        other = clone(model)
        shape = np.shape(model.predict(self.X)) if "per step" not in self.recipe else None

        self._begin_call("predict while fitting")

        def ask():
            got = model.predict(self.X)
            assert shape is None or np.shape(got) == shape

        self._together([lambda: model.fit(self.X, self.y), lambda: other.fit(self.X, self.y), ask, ask], 0.01)

    @rule(seed=seeds)
    def edit_while_predicting(self, seed):
        self._begin_call(f"race {seed}")
        found = containers.race(seed, 0.005)
        assert not found, found

    def _together(self, calls, seconds):
        stop, wrong = time.monotonic() + seconds, []

        def run(call):
            while time.monotonic() < stop and not wrong:
                try:
                    self._checked("in a thread", call, REFUSALS)
                except BaseException as error:
                    wrong.append(error)

        threads = [threading.Thread(target=run, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads), "a thread hangs"
        if wrong:
            raise wrong[0]


def bits_of_state(state):
    return None if state is None else {name: bits(array) for name, array in state.items()}
