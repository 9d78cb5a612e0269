"""`Sequences` that were tampered with, and what is done with them.

Whatever an operation makes of one must be what it makes of a container built afresh of the values and offsets that can be read
from it: the same bits, or an error. So nothing can come from memory that is not the container's.
"""

import copy
import io
import pickle
import threading

import numpy as np

from sklstm import Sequences

from .errors import complaint, origin
from .models import bits, fitted, state_of, unfitted

REFUSED = (ValueError, TypeError, IndexError, AttributeError)


def _container(rng, n_channels=2, dtype=float):
    """A sound container, with the arrays that it was made of."""
    lengths = rng.integers(1, 6, size=rng.integers(3, 9))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    values = rng.normal(size=(offsets[-1], n_channels)).astype(dtype)
    return Sequences(values, offsets), values, offsets


# ---- arrays that are wrong ----


def _shifted(rng, a):
    return a + rng.choice([-(10**9), -100_000, -7, -1, 1, 7, 100_000, 10**9])


def _one_off(rng, a):
    a = a.copy()
    a[rng.integers(len(a))] = rng.choice([-(2**62), -(2**31), -1000, -1, 0, 1, 1000, 2**31, 2**40, 2**62])
    return a


def _decreasing(rng, a):
    return a[::-1].copy()


def _appended(rng, a):
    return np.append(a, rng.choice([-1, 0, a[-1], a[-1] + 1, 10**8]))


def _prepended(rng, a):
    return np.concatenate([[rng.choice([-5, -1, 0, 1])], a])


def _cut(rng, a):
    return a[: rng.integers(0, len(a))]


def _cut_front(rng, a):
    return a[rng.integers(1, len(a) + 1) :]


def _wrapping(rng, a):
    """Differences that overflow."""
    b = a.astype(np.int64)
    b[1:-1] = rng.choice([2**62 + 2**61, -(2**62), 2**63 - 1, -(2**63)], size=len(b) - 2)
    return b


def _narrow(rng, a):
    return a.astype(rng.choice(["i1", "i2", "i4", "u1", "u8", "f8", "O", ">i8", "M8[s]", "c16", "U5"]))


def _shaped(rng, a):
    shapes = (1, -1), (-1, 1), (1, 1, -1)
    return a.reshape(shapes[rng.integers(3)])


def _nothing(rng, a):
    return [None, [], (), np.array(3), np.zeros(0, np.intp), "abc", a.tolist(), object(), {}, a[::2][:1]][rng.integers(10)]


def _strided(rng, a):
    return np.repeat(a, 2)[::2] if rng.integers(2) else np.repeat(a, 3)[::3][::-1]


WRONG_OFFSETS = [
    _shifted, _one_off, _decreasing, _appended, _prepended, _cut, _cut_front, _wrapping, _narrow, _shaped, _nothing, _strided,
]  # fmt: skip


def _fewer(rng, v):
    return v[: rng.integers(0, len(v))]


def _more(rng, v):
    return np.concatenate([v, v])


def _other_width(rng, v):
    return [v[:, :1], v[:, :0], np.hstack([v, v]), v.ravel(), v[..., None], np.float64(3)][rng.integers(6)]


def _other_dtype(rng, v):
    return v.astype(rng.choice(["f2", "f4", ">f8", "i8", "O", "U8", "c16", "?", "g", "M8[s]"]))


def _not_contiguous(rng, v):
    return np.asfortranarray(v) if rng.integers(2) else np.repeat(v, 2, axis=0)[::-2]


def _not_finite(rng, v):
    v = np.array(v, float)
    v[rng.integers(len(v))] = rng.choice([np.nan, np.inf, 1e308])
    return v


def _foreign(rng, v):
    return [v.tolist(), None, "abc", memoryview(np.ascontiguousarray(v)), np.ma.masked_greater(v, 0), v.view(np.matrix)][
        rng.integers(6)
    ]


WRONG_VALUES = [_fewer, _more, _other_width, _other_dtype, _not_contiguous, _not_finite, _foreign]


# ---- ways to bring them in ----


def _assign(X, name, array, rng):
    setattr(X, name, array)
    return X


def _in_vars(X, name, array, rng):
    """Past any property: under every name of an attribute that is alike."""
    held = vars(X) if hasattr(X, "__dict__") else {}
    for key in [key for key in held if name in key] or [name]:
        held[key] = array
    return X


def _by_object(X, name, array, rng):
    for key in (name, f"_{name}"):
        try:
            object.__setattr__(X, key, array)
        except AttributeError:
            continue
    return X


class _Editing(pickle.Pickler):
    """Writes other arrays into the pickle of a container."""

    def __init__(self, file, edit):
        super().__init__(file, protocol=5)
        self._edit = edit

    def reducer_override(self, obj):
        if type(obj) is not Sequences:
            return NotImplemented
        function, arguments, *rest = obj.__reduce_ex__(4)
        return function, *(self._edit(part) for part in (arguments, *rest[:1])), *rest[1:]


def edited_pickle(X, edit):
    """Through a pickle whose arguments and state `edit` changed."""
    file = io.BytesIO()
    _Editing(file, edit).dump(X)
    return pickle.loads(file.getvalue())


def _by_pickle(X, name, array, rng):
    original = getattr(X, name)

    def edit(part):
        if isinstance(part, dict):
            return {key: edit(value) for key, value in part.items()}
        if isinstance(part, (tuple, list)):
            return type(part)(map(edit, part))
        same = isinstance(part, np.ndarray) and part.shape == original.shape and part.dtype == original.dtype
        return array if same and (part == original).all() else part

    return edited_pickle(X, edit)


def _by_constructor(X, name, array, rng):
    return Sequences(**{"values": X.values, "offsets": X.offsets} | {name: array})


def _by_flags(X, name, array, rng):
    held = getattr(X, name)
    held.setflags(write=True)
    source = np.asarray(array)
    if held.ndim != source.ndim:
        raise ValueError("not of the shape to write")
    n = min(len(held), len(source))
    held[:n] = source[:n]
    return X


def _resize(X, name, array, rng):
    held = getattr(X, name)
    held.resize((rng.integers(0, 3 * len(held)), *held.shape[1:]), refcheck=False)
    return X


def _by_new(X, name, array, rng):
    new = Sequences.__new__(Sequences)
    parts = vars(X) | {key: array for key in vars(X) if name in key}
    if hasattr(new, "__setstate__"):
        new.__setstate__(parts)
    else:
        vars(new).update(parts)
    return new


# Past the read-only properties. The container's own methods are NumPy's then, which checks bounds: they may do what they like,
# but estimators look at what they are given.
PRIVATE = [_in_vars, _by_object, _by_flags, _resize, _by_new]
WAYS = [_assign, _by_pickle, _by_constructor, *PRIVATE]


def _users_own(values, offsets, rng):
    """The arrays that the container was made of, edited in place afterwards."""
    if rng.integers(2):
        offsets += rng.choice([-3, 1, 100_000])
    else:
        offsets[rng.integers(len(offsets))] = rng.choice([-(10**6), 10**8])


def tampered(rng, n_channels=2, dtype=float):
    """A container, what was done to it, and whether past its properties. Raises what the container raises at once."""
    X, values, offsets = _container(rng, n_channels, dtype)
    if rng.integers(8) == 0:
        _users_own(values, offsets, rng)
        return X, "the user's own arrays", False
    name, kinds = [("offsets", WRONG_OFFSETS), ("values", WRONG_VALUES)][int(rng.integers(4) == 0)]
    kind, way = kinds[rng.integers(len(kinds))], WAYS[rng.integers(len(WAYS))]
    array = kind(rng, offsets if name == "offsets" else values)
    return way(X, name, array, rng), f"{name} by {way.__name__}, {kind.__name__}", way in PRIVATE


# ---- what is done with them ----


def _y(X):
    return np.arange(len(X)) % 2


MODEL_OPERATIONS = {
    "predict": lambda model, X: model.predict(X),
    "encode": lambda model, X: model.encode(X),
    "score": lambda model, X: model.score(X, _y(X)),
    "partial_fit": lambda model, X: model.partial_fit(X, _y(X)).predict(X),
    "warm_start": lambda model, X: model.set_params(warm_start=True).fit(X, _y(X)).predict(X),
    "X_val": lambda model, X: model.fit(*_sound(), X_val=X, y_val=_y(X)).validation_loss_curve_,
}
KINDS = ["lstm", "gru", "bidirectional", "attention", "mean", "categorical", "float32", "layernorm"]
OPERATIONS = {
    "fit": lambda X: unfitted("lstm").fit(X, _y(X)).predict(X),
    "y": lambda X: unfitted("per step").fit(X, X.with_values(np.asarray(X.values)[:, :1] > 0)).predict(X),
    "index": lambda X: [X[i] for i in range(len(X))],
    "slice": lambda X: X[1:3],
    "rows": lambda X: X[np.arange(len(X))[::-1]],
    "mask": lambda X: X[np.arange(len(X)) % 2 == 0],
    "to_padded": lambda X: X.to_padded(),
    "to_list": lambda X: X.to_list(),
    "repr": repr,
    "lengths": lambda X: X.lengths,
    "array": np.asarray,
    "with_values": lambda X: X.with_values(np.asarray(X.values) * 2),
    "copy": copy.deepcopy,
    "pickle": lambda X: pickle.loads(pickle.dumps(X)),
}


def _sound():
    rng = np.random.default_rng(3)
    return [rng.normal(size=(3, 2)) for _ in range(4)], [0, 1, 0, 1]


def _operation(rng):
    """A name, and a function of a container and a model or None; the recipe of that."""
    if rng.integers(2):
        name = list(OPERATIONS)[rng.integers(len(OPERATIONS))]
        return name, lambda model, X: OPERATIONS[name](X), None
    kind, name = KINDS[rng.integers(len(KINDS))], list(MODEL_OPERATIONS)[rng.integers(len(MODEL_OPERATIONS))]
    return f"{name} of {kind}", MODEL_OPERATIONS[name], kind


def result(value):
    """To be compared."""
    if isinstance(value, Sequences):
        return bits(value.values), bits(value.offsets)
    return value if isinstance(value, str) else bits(value)


def trial(seed):
    """One container and one operation: what was done, and what is wrong with the outcome (empty if nothing is)."""
    rng = np.random.default_rng(seed)
    name, operation, kind = _operation(rng)
    dtype = np.float32 if kind == "float32" else float
    try:
        X, how, private = tampered(rng, dtype=dtype)
    except (*REFUSED, OverflowError, BufferError) as error:
        return f"{name}: refused when made", "" if _by_numpy(error) else complaint(error, REFUSED)
    what, lenient = f"{name}; {how}", private and kind is None and name not in ("fit", "y")
    model = None if kind is None else fitted(kind)
    before = None if kind is None else state_of(model.set_params(warm_start=False))
    twin = None if kind is None else fitted(kind)
    try:
        got = result(operation(model, X))
    except Exception as error:
        found = "" if private or _by_these_tests(error) else complaint(error, REFUSED)
        if not found and model is not None and state_of(model.set_params(warm_start=False)) != before:
            found = "the refused call left the model changed"
        return what, found
    try:
        expected = result(operation(twin, Sequences(np.array(X.values), np.array(X.offsets))))
    except Exception as error:
        if lenient:
            return what, ""
        return (
            what,
            f"taken, but a new container of its values and offsets is refused: {type(error).__name__}: {str(error)[:100]}",
        )
    return what, "" if got == expected or lenient else "another result than that of a new container of its values and offsets"


def _by_numpy(error):
    """Whether NumPy refused to make the wrong array, or to write it."""
    return not origin(error)[0].startswith("sklstm")


def _by_these_tests(error):
    """Whether a container without a length, or the like, stopped what is done here with it."""
    return origin(error)[0].startswith("fuzz")


def race(seed, seconds=0.05):
    """Operations on a container while another thread edits it; what is wrong, empty if nothing is."""
    rng = np.random.default_rng(seed)
    X, _, offsets = _container(rng)
    model, stop, found = fitted("lstm"), threading.Event(), []
    right = bits(model.predict(X))

    def edit():
        sound = offsets.copy()
        while not stop.is_set():
            for target in (offsets, getattr(X, "offsets", None)):
                for wrong in (10**8, -(10**6)):
                    try:
                        target[len(sound) // 2] = wrong
                        target[len(sound) // 2] = sound[len(sound) // 2]
                    except (ValueError, TypeError):
                        pass

    thread = threading.Thread(target=edit)
    thread.start()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    while not stop.is_set():
        try:
            if bits(model.predict(X)) != right:
                found.append("other predictions while offsets are edited")
        except Exception as error:
            found.append(complaint(error, REFUSED))
    thread.join()
    return next(filter(None, found), "")
