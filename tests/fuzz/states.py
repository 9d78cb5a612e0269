"""Estimators and streams whose pickles hold another state than a fit leaves: an error of any kind, or they work; no crash."""

import contextlib
import copy
import io
import pickle
import warnings

import numpy as np

from .models import RECIPES, data, fitted

SCALARS = [0, -1, 1, 2**31, 2**62, 1.5, float("nan"), None, "abc", True, [], {}, [0], [1, 2], (), "lstm", "gru", "mean"]


def _other_array(rng, a):
    choices = [
        lambda: a[:0],
        lambda: a[: len(a) // 2],
        lambda: np.concatenate([a, a]),
        lambda: a.astype(rng.choice(["f4", "f8", "i8", "O", "U5", ">f8", "f2"])),
        lambda: np.repeat(a, 2, axis=0)[::2],
        lambda: np.full_like(a, np.nan) if a.dtype.kind == "f" else a - 10**6,
        lambda: np.full(a.shape, 2**62, a.dtype) if a.dtype.kind in "iu" else a * 1e300,
        lambda: a[None],
        lambda: a.tolist(),
        lambda: None,
        lambda: np.array(3),
        lambda: (lambda b: (b.setflags(write=False), b)[1])(a.copy()),
    ]
    return choices[rng.integers(len(choices))]()


def _places(node, path=()):
    yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in items:
        yield from _places(value, (*path, key))


def _replaced(node, path, value):
    if not path:
        return value
    node = dict(node) if isinstance(node, dict) else list(node)
    node[path[0]] = _replaced(node[path[0]], path[1:], value)
    return node


def edited(rng, state):
    """The state with one thing replaced or left out, and which."""
    places = [(path, node) for path, node in _places(state) if path]
    arrays = [place for place in places if isinstance(place[1], np.ndarray) and place[1].ndim]
    path, node = _pick(rng, places, arrays)
    if isinstance(node, np.ndarray) and node.ndim:
        return _replaced(state, path, _other_array(rng, node)), path
    return _replaced(state, path, SCALARS[rng.integers(len(SCALARS))]), path


def _pick(rng, places, arrays):
    chosen = arrays if arrays and rng.integers(2) else places
    return chosen[rng.integers(len(chosen))]


class _Editing(pickle.Pickler):
    """Writes another state into the pickle of one object."""

    def __init__(self, file, target, state):
        super().__init__(file, protocol=5)
        self._target, self._state = target, state

    def reducer_override(self, obj):
        if obj is not self._target:
            return NotImplemented
        function, arguments, *_ = obj.__reduce_ex__(4)
        return function, arguments, self._state


def through_pickle(obj, state):
    file = io.BytesIO()
    _Editing(file, obj, state).dump(obj)
    return pickle.loads(file.getvalue())


def _operations(rng, X, y):
    for name in rng.permutation(["predict", "encode", "partial_fit", "warm_start", "stream", "save", "one", "repr", "deepcopy"])[
        :4
    ]:
        yield (
            name,
            {
                "predict": lambda m: m.predict(X),
                "encode": lambda m: m.encode(X),
                "partial_fit": lambda m: m.partial_fit(X, y),
                "warm_start": lambda m: m.set_params(warm_start=True).fit(X, y),
                "stream": lambda m: m.stream().step(np.asarray(X[0][0])),
                "save": lambda m: pickle.loads(pickle.dumps(m)),
                "one": lambda m: m.predict(X[:1]),
                "repr": repr,
                "deepcopy": copy.deepcopy,
            }[name],
        )


def direct(seed):
    """The same with attributes that are edited, which no check of a pickle sees."""
    return trial(seed, direct=True)


def trial(seed, direct=False):
    """One edited state: what it was, and nothing, as long as the process lives."""
    rng = np.random.default_rng(seed)
    recipe = list(RECIPES)[rng.integers(len(RECIPES))]
    X, y = data(recipe)
    model = fitted(recipe)
    streams = recipe not in ("bidirectional", "attention", "flat") and rng.integers(3) == 0
    if streams:
        model = model.stream("encode" if rng.integers(2) else "predict")
        model.step(X[0][0])
    state, path = edited(rng, model.__getstate__())
    what = f"{'stream' if streams else 'estimator'} {recipe}, {path}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if direct and not streams:
                vars(model).clear()
                vars(model).update(state)
            else:
                model = through_pickle(model, state)
        except Exception:
            return what, ""
        operations = (
            [
                ("step", lambda s: s.step(X[0][0])),
                ("state", lambda s: s.state),
                ("reset", lambda s: s.reset()),
                ("step", lambda s: s.step(X[0][0])),
            ]
            if streams
            else _operations(rng, X, y)
        )
        for _, operation in operations:
            with contextlib.suppress(Exception):
                operation(model)
    return what, ""
