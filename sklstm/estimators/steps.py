"""y, weights and answers with one entry for every step."""

from itertools import pairwise

import numpy as np

from ..sequences import Sequences
from ..sequences.columns import decoded, is_missing
from ..sequences.container import snapshot
from .inputs import check_one_per_sequence, read_sample_weight

FORMS = (
    "Expected a list with one array per sequence, an array of shape (n_sequences, n_steps) or (n_sequences, n_steps, n_outputs),"
    " or sklstm.Sequences."
)


def read_steps(name, values, sequences):
    """Values for every step, one after the other, and the form they came in.

    Parameters
    ----------
    name : str
        For messages.
    values : list of array-likes, array-like of shape (n_sequences, n_steps[, n_outputs]) or Sequences
        Of `Sequences` with categories in their channel, the categories count.
    sequences : Sequences
        X.

    Returns
    -------
    flat : ndarray of shape (total_steps,) or (total_steps, n_outputs)
    form : dict
        ``kind`` "list", "array" or "Sequences"; ``column``: whether there was an axis of one output.
    """
    if not isinstance(values, Sequences):
        check_one_per_sequence(name, values, len(sequences), "one entry for every step of it.", most_dimensions=3)
        values = _list_or_array(values)
    if isinstance(values, Sequences):
        values = snapshot(values)
        _check_ids(name, values, sequences)
        flat, lengths, kind = _decoded(values), values.lengths, "Sequences"
    elif isinstance(values, list):
        arrays = _step_arrays(name, values)
        flat, lengths, kind = np.concatenate(arrays), [len(array) for array in arrays], "list"
    elif values.ndim > 1:
        flat, lengths, kind = values.reshape(-1, *values.shape[2:]), np.full(len(values), values.shape[1]), "array"
    else:
        raise ValueError(
            f"return_sequences=True needs {name} for every step, got one per sequence (shape {values.shape}). {FORMS}"
            " For one answer per sequence set return_sequences=False."
        )
    _check_lengths(name, lengths, sequences)
    column = flat.ndim == 2 and flat.shape[1] == 1
    return flat[:, 0] if column else flat, {"kind": kind, "column": column}


def _check_ids(name, values, sequences):
    """Raise where values for every step belong to other sequences than X, or come in another order, by their ids."""
    if values.ids is None or sequences.ids is None or len(values) != len(sequences):
        return
    differs = [i for i, (own, of_X) in enumerate(zip(values.ids.tolist(), sequences.ids.tolist(), strict=True)) if own != of_X]
    if differs:
        i = differs[0]
        raise ValueError(
            f"{name} must have the sequences of X in the same order, but by their ids sequence {i} of X is"
            f" {sequences.ids.tolist()[i]!r}, that of {name} {values.ids.tolist()[i]!r}. Index {name} by the ids of X."
        )


def _decoded(sequences):
    """The values; of a single channel of categories these themselves, and None where they are missing."""
    if not sequences.categories or sequences.n_channels > 1:
        return sequences.values
    values = decoded(sequences, 0).astype(object)
    values[is_missing(values)] = None
    return values[:, np.newaxis]


def _list_or_array(values):
    """A list of what is a list, a tuple or a 1-D array of objects; an array of anything else."""
    if isinstance(values, (list, tuple)):
        return list(values)
    values = np.asarray(values)
    return list(values) if values.ndim == 1 and values.dtype == object else values


def _step_arrays(name, values):
    """The entries of a list as arrays (n_steps,) or (n_steps, n_outputs) that can be concatenated."""
    arrays = []
    for i, value in enumerate(values):
        try:
            array = _labels(value)
        except ValueError as error:
            raise ValueError(f"{name} of sequence {i} is no array: its steps differ in shape. {FORMS}") from error
        if array.ndim == 0:
            raise ValueError(
                f"return_sequences=True needs {name} for every step, got {value!r} for sequence {i}. {FORMS}"
                " For one answer per sequence set return_sequences=False."
            )
        if array.ndim > 2 or (arrays and array.shape[1:] != arrays[0].shape[1:]):
            raise ValueError(
                f"{name} of sequence {i} has shape {array.shape}, unlike sequence 0 or with more than two axes. {FORMS}"
            )
        arrays.append(array)
    texts = {array.dtype.kind in "US" for array in arrays}
    if len(texts) > 1:  # NumPy would turn numbers into texts
        return [array.astype(object) for array in arrays]
    return arrays


def _labels(values):
    """An array; what is no text among texts stays what it is."""
    array = np.asarray(values)
    if array.dtype.kind in "US" and not (hasattr(values, "dtype") or all(isinstance(value, (str, bytes)) for value in values)):
        return np.asarray(values, dtype=object)
    return array


def _check_lengths(name, lengths, sequences):
    if len(lengths) != len(sequences):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {len(sequences)} sequences, {name} has"
            f" {len(lengths)} ([{len(sequences)}, {len(lengths)}]). Pass one entry of {name} for each sequence of X. {FORMS}"
        )
    wrong = np.flatnonzero(np.asarray(lengths) != sequences.lengths)
    if len(wrong):
        raise ValueError(
            f"{name} must have one entry for every step of X: sequence {wrong[0]} has {sequences.lengths[wrong[0]]} steps, but"
            f" {lengths[wrong[0]]} entries in {name}. {FORMS}"
        )


def read_step_weights(sample_weight, sequences):
    """Weight of every step (total_steps,), from one per step, one per sequence (for each of its steps), or None."""
    if _is_per_sequence(sample_weight):
        return np.repeat(read_sample_weight(sample_weight, len(sequences)), sequences.lengths)
    flat, _ = read_steps("sample_weight", sample_weight, sequences)
    return read_sample_weight(flat, len(flat))


def _is_per_sequence(values):
    """Whether there is one value for each sequence (or for all, or None), not an array of values for each."""
    if isinstance(values, Sequences):
        return False
    values = _list_or_array(values)
    if isinstance(values, list):
        return not values or np.ndim(values[0]) == 0
    return values.ndim <= 1


def in_form(flat, sequences, form):
    """Answers for every step (total_steps, ...), in the form that y had; an array is a list where lengths differ."""
    if form["column"] and flat.ndim == 1:
        flat = flat[:, np.newaxis]
    offsets = sequences.offsets
    if form["kind"] == "Sequences":
        return Sequences(flat.reshape(len(flat), -1), offsets, ids=sequences.ids)
    lengths = sequences.lengths
    if form["kind"] == "array" and (lengths == lengths[0]).all():
        return flat.reshape(len(lengths), lengths[0], *flat.shape[1:])
    return [flat[first:last] for first, last in pairwise(offsets)]
