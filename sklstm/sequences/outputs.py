"""y with a sequence of its own for each sequence of X: texts, lists of tokens, or numbers; and predictions in the same form."""

import reprlib
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from .alignment import in_order_of, one_per_sequence
from .channels import decoded
from .container import Sequences, snapshot
from .convert import exactly_joined
from .errors import refuse_mask
from .parts import offsets_of
from .refusals import array_of
from .targets import Places, as_array, read_labels, read_numbers

# How texts become tokens, and tokens texts.
TOKENS = {"characters": (list, "".join), "words": (str.split, " ".join)}

FORMS = (
    "Expected texts, lists of tokens, or arrays of numbers of shape (n_steps,) or (n_steps, n_outputs): one for each sequence"
    " of X."
)


@dataclass(frozen=True, eq=False)
class Outputs:
    """The steps of all y, one after the other.

    Attributes
    ----------
    values : ndarray of shape (total_steps,) of tokens, or of shape (total_steps, n_outputs) of numbers, float64
    offsets : ndarray of int of shape (n_sequences + 1,)
    form : dict
        ``kind`` "texts", "list", "array" or "Sequences"; ``is_list``: whether it is a list of those, and ``of_lists``: whether
        its entries are lists; ``column``: whether there was an axis of one output; ``is_numeric``: whether values are numbers.
    """

    values: np.ndarray
    offsets: np.ndarray
    form: dict

    @property
    def lengths(self):
        return np.diff(self.offsets)


def texts_of(name, values):
    """A list of the texts of a list or 1-D array of such; None of anything else.

    Raises
    ------
    ValueError
        If only some of the entries are texts.
    """
    if isinstance(values, (list, tuple)):
        entries = list(values)
    else:
        array = one_dimensional(name, values)
        entries = [] if array is None or array.dtype.kind not in "OUT" else array.astype(object).tolist()
    is_text = [isinstance(entry, str) for entry in entries]
    if not any(is_text):
        return None
    if not all(is_text):
        i = is_text.index(False)
        raise ValueError(
            f"{name} mixes texts with others: sequence {i} is {reprlib.repr(entries[i])} ({type(entries[i]).__name__}). Pass a"
            " text for each sequence, or a list of tokens for each."
        )
    return entries


def one_dimensional(name, values):
    """A 1-D array of what is one, such as a Series or an array of pyarrow; None of anything else, also of lists."""
    if isinstance(values, Sequences) or not hasattr(values, "__array__") or len(getattr(values, "shape", (0,))) != 1:
        return None
    array = array_of(name, values, "Pass a list.")
    return array if array.ndim == 1 else None


def read_outputs(y, sequences, tokens, meaning=None):
    """y, checked.

    Parameters
    ----------
    y : list of str, list of array-likes, array-like of shape (n_sequences, n_steps[, n_outputs]) or Sequences
    sequences : Sequences
        X.
    tokens : {"characters", "words"}
        How texts are split.
    meaning : {"tokens", "numbers"}, default=None
        What y holds. None takes floats for numbers, and everything else for tokens.

    Returns
    -------
    Outputs

    Raises
    ------
    ValueError
        If y has not a sequence for each sequence of X, if one is empty, or has a missing or infinite value, or what is no token.
    """
    values, offsets, form = _flattened(_aligned(y, sequences), tokens)
    empty = np.flatnonzero(np.diff(offsets) == 0)
    if len(empty):
        raise ValueError(
            f"y of sequence {empty[0]} is empty: expected at least one token or number. Drop such sequences from X and y, or give"
            " them a token of their own."
        )
    places = Places(offsets)
    form["is_numeric"] = values.dtype.kind == "f" if meaning is None else meaning == "numbers"
    if form["is_numeric"]:
        values = read_numbers("y", values, places).astype(np.float64)
        values = values.reshape(len(values), -1)
    elif values.ndim > 1:
        raise ValueError(f"y must have one token for each step, got {values.shape[1]}. {FORMS}")
    else:
        values = read_labels(values, places)
    return Outputs(values, offsets, form)


def _aligned(y, sequences):
    """y with an entry for each sequence of X, in its order."""
    if isinstance(y, Sequences):
        y = in_order_of(sequences.ids, "y", snapshot(y))
    return one_per_sequence("y", y, len(sequences), sequences.ids, "with a sequence for each sequence of X.", most_dimensions=3)


def _flattened(y, tokens):
    """Values, offsets and form; an axis of one output is taken off."""
    form = {"kind": "list", "is_list": isinstance(y, (list, tuple)), "of_lists": False, "column": False}
    texts = texts_of("y", y)
    if texts is not None:
        parts = list(map(TOKENS[tokens][0], texts))
        return tokens_of(parts), offsets_of(list(map(len, parts))), form | {"kind": "texts"}
    if isinstance(y, Sequences):
        values, offsets, form["kind"] = decoded(y, 0) if _has_categories(y) else y.values, y.offsets, "Sequences"
    else:
        values, offsets, of_lists = _stacked(y)
        form |= {"kind": "array" if of_lists is None else "list", "of_lists": bool(of_lists)}
    if values.ndim == 2 and values.shape[1] == 1:
        values, form["column"] = values[:, 0], True
    return values, offsets, form


def _has_categories(y):
    return bool(y.categories) and y.n_channels == 1


def _stacked(y):
    """Values and offsets of lists or arrays, and whether the entries are lists; None for an array of equally long ones."""
    if not isinstance(y, (list, tuple)):
        refuse_mask(y, "y")
        y = as_array("y", y) if getattr(y, "ndim", 0) != 1 else y
        if len(y.shape) > 1:
            return y.reshape(-1, *y.shape[2:]), y.shape[1] * np.arange(len(y) + 1), None
        y = list(y)
    for i, entry in enumerate(y):
        if not (isinstance(entry, (list, tuple)) or len(getattr(entry, "shape", ())) in (1, 2)):
            raise ValueError(
                f"y needs a sequence for each sequence of X, got {reprlib.repr(entry)} for sequence {i}. {FORMS} For one label or"
                " number for each sequence use LSTMClassifier or LSTMRegressor."
            )
    of_lists = all(isinstance(entry, (list, tuple)) for entry in y)
    offsets = offsets_of(list(map(len, y)))
    if of_lists:
        return tokens_of(y), offsets, True
    arrays = [as_array("y", entry) for entry in y]
    arrays = [array for array in arrays if len(array)] or arrays[:1]
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"y has sequences of different shapes per step: {sorted(shapes)[:2]}. {FORMS}")
    return exactly_joined(arrays) if arrays[0].ndim == 1 else np.concatenate(arrays), offsets, False


def tokens_of(parts, name="y"):
    """The entries of lists, one after the other, as an array; objects where NumPy would change them. `name` is for messages."""
    entries = list(chain.from_iterable(parts))
    kinds = set(map(type, entries))
    exact = not any(issubclass(kind, tuple) for kind in kinds) and not (kinds == {str} and any("\0" in one for one in entries))
    return as_array(name, entries) if exact else np.fromiter(entries, object, len(entries))


def restored(values, offsets, form, ids=None, tokens="characters", classes=None):
    """Predictions in the form of y.

    Parameters
    ----------
    values : ndarray of shape (total_steps,) or (total_steps, n_outputs)
        Numbers, or with `classes` their codes, from 0.
    offsets : ndarray of int of shape (n_sequences + 1,)
    form : dict
        Of `Outputs`.
    ids : ndarray of shape (n_sequences,), default=None
        Of X.
    tokens : {"characters", "words"}
        How texts are joined.
    classes : ndarray of shape (n_classes,), default=None
        The tokens.

    Returns
    -------
    list, ndarray or Sequences
        An array becomes a list where lengths differ.
    """
    if form["kind"] == "Sequences":
        is_coded = classes is not None and classes.dtype.kind not in "iubf"
        kept = values if classes is None or is_coded else classes[values]
        return Sequences(kept.reshape(len(kept), -1), offsets, ids=ids, categories={0: classes} if is_coded else None)
    values = values if classes is None else classes[values]
    if form["column"]:
        values = values.reshape(len(values), 1)
    elif values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    lengths = np.diff(offsets)
    if form["kind"] == "array" and len(lengths) and (lengths == lengths[0]).all():
        return values.reshape(len(lengths), lengths[0], *values.shape[1:])
    parts = [values[first:last] for first, last in pairwise(offsets.tolist())]
    if form["kind"] == "texts":
        parts = [TOKENS[tokens][1](part.tolist()) for part in parts]
    elif form["of_lists"]:
        parts = [part.tolist() for part in parts]
    return parts if form["is_list"] or form["kind"] == "array" else np.fromiter(parts, object, len(parts))


def read_n_steps(n_steps, n_sequences):
    """Numbers of steps (n_sequences,) to predict.

    Raises
    ------
    ValueError
        Unless it is an int of at least 1, or one for each sequence.
    """
    expected = f"Expected an int of at least 1, or one for each of the {n_sequences} sequences."
    array = array_of("n_steps", n_steps, expected)
    if array.dtype.kind not in "iu" or array.shape not in ((), (n_sequences,)) or (array < 1).any():
        raise ValueError(f"n_steps holds {reprlib.repr(array.tolist())}. {expected}")
    return np.full(n_sequences, array) if array.ndim == 0 else array.astype(np.intp)
