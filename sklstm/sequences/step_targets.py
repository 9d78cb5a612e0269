"""y and weights with one entry for every step."""

import numpy as np

from .alignment import in_order_of, one_per_sequence
from .channels import decoded
from .container import Sequences, snapshot
from .convert import is_missing
from .errors import refuse_mask
from .refusals import array_of
from .targets import Places, as_array, read_sample_weight

Y_FORMATS = (
    "Expected a list with one array per sequence, an array of shape (n_sequences, n_steps) or (n_sequences, n_steps, n_outputs),"
    " or sklstm.Sequences."
)


def read_steps(name, values, sequences):
    """Values for every step, one after the other, and the format they came in.

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
    format : dict
        ``kind`` "list", "array" or "Sequences"; ``column``: whether there was an axis of one output.
    """
    if isinstance(values, Sequences):
        values = in_order_of(sequences.ids, name, snapshot(values))
        flat, lengths, kind = values_of_channel(values), values.lengths, "Sequences"
    else:
        entries = "one entry for every step of it."
        values = one_per_sequence(name, values, len(sequences), sequences.ids, entries, most_dimensions=3)
        flat, lengths, kind = _flattened(name, list_or_array(name, values))
    _check_lengths(name, lengths, sequences, lambda: _as_padded(name, values, flat.ndim))
    column = flat.ndim == 2 and flat.shape[1] == 1
    return flat[:, 0] if column else flat, {"kind": kind, "column": column}


def _flattened(name, values):
    """A list or an array as its steps one after the other, their number in each sequence, and which of the two it was."""
    if isinstance(values, list):
        arrays = _step_arrays(name, values)
        return np.concatenate(arrays), [len(array) for array in arrays], "list"
    if values.ndim > 1:
        return values.reshape(-1, *values.shape[2:]), np.full(len(values), values.shape[1]), "array"
    raise ValueError(
        f"return_sequences=True needs {name} for every step, got one per sequence (shape {values.shape}). {Y_FORMATS}"
        " For one entry per sequence set return_sequences=False."
    )


def values_of_channel(sequences):
    """The values; of a single channel of categories these themselves, and None where they are missing."""
    if not sequences.categories or sequences.n_channels > 1:
        return sequences.values
    values = decoded(sequences, 0).astype(object)
    values[is_missing(values)] = None
    return values[:, np.newaxis]


def list_or_array(name, values):
    """A list of what is a list, a tuple or a 1-D array of objects; an array of anything else."""
    if isinstance(values, (list, tuple)):
        return list(values)
    refuse_mask(values, name)
    values = array_of(name, values, Y_FORMATS)
    if values.dtype.kind == "T":
        values = as_array(name, values)
    return list(values) if values.ndim == 1 and values.dtype == object else values


def _step_arrays(name, values):
    """The entries of a list as arrays (n_steps,) or (n_steps, n_outputs) that can be concatenated."""
    arrays = []
    for i, value in enumerate(values):
        try:
            array = as_array(name, value)
        except ValueError as error:
            raise ValueError(f"{name} of sequence {i} is no array: its steps differ in shape. {Y_FORMATS}") from error
        if array.ndim == 0:
            raise ValueError(
                f"return_sequences=True needs {name} for every step, got {value!r} for sequence {i}. {Y_FORMATS}"
                " For one entry per sequence set return_sequences=False."
            )
        if array.ndim > 2 or (arrays and array.shape[1:] != arrays[0].shape[1:]):
            raise ValueError(
                f"{name} of sequence {i} has shape {array.shape}, unlike sequence 0 or with more than two axes. {Y_FORMATS}"
            )
        arrays.append(array)
    return that_can_be_joined(arrays)


def that_can_be_joined(arrays):
    """Arrays that NumPy concatenates without turning numbers into texts, or large integers into floats: of objects if need be."""
    return arrays if _can_be_joined({array.dtype for array in arrays}) else [array.astype(object) for array in arrays]


def _can_be_joined(dtypes):
    kinds = {"n" if dtype.kind in "biuf" else dtype.kind for dtype in dtypes}
    if len(kinds) > 1:
        return kinds <= {"n", "c"} or "O" in kinds
    return kinds != {"n"} or np.result_type(*dtypes).kind != "f" or any(dtype.kind == "f" for dtype in dtypes)


def _as_padded(name, values, n_dimensions):
    """How a user writes values of equally long sequences as a padded array of three axes."""
    if isinstance(values, (list, tuple)) or len(values.shape) == 1:
        array = f"np.stack(list({name}))"
    else:
        array = name if isinstance(values, np.ndarray) else f"np.asarray({name})"
    return array if n_dimensions > 1 else f"{array}[:, :, None]"


def _check_lengths(name, lengths, sequences, as_padded):
    if len(lengths) != len(sequences):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {len(sequences)} sequences, {name} has"
            f" {len(lengths)} ([{len(sequences)}, {len(lengths)}]). Pass one entry of {name} for each sequence of X. {Y_FORMATS}"
        )
    wrong = np.flatnonzero(np.asarray(lengths) != sequences.lengths)
    if len(wrong):
        longest = sequences.lengths.max()
        shortest = sequences.lengths.min()
        if len(set(lengths)) == 1 and lengths[0] >= longest > shortest:
            raise ValueError(
                f"{name} is padded: it has {lengths[0]} entries for each sequence, but the sequences of X have"
                f" {shortest} to {longest} steps; sequence {wrong[0]} has {sequences.lengths[wrong[0]]}. If the parameter padding"
                f" takes it off X, pass a list with the entries of {name} at the steps that remain; else take it off:"
                f" Sequences.from_padded({as_padded()}, lengths=[len(x) for x in X])."
            )
        raise ValueError(
            f"{name} must have one entry for every step of X: sequence {wrong[0]} has {sequences.lengths[wrong[0]]} steps, but"
            f" {lengths[wrong[0]]} entries in {name}. {Y_FORMATS}"
        )


def read_step_weights(sample_weight, sequences, used=None):
    """Weight of every step, from one per step, one per sequence (for each of its steps), or None.

    Parameters
    ----------
    sample_weight : scalar, array-like, Sequences or None
    sequences : Sequences
        X.
    used : ndarray of bool of shape (total_steps,), default=None
        Which steps to return the weights of. None is all.

    Returns
    -------
    ndarray of shape (total_steps,) or (n_used_steps,)

    Raises
    ------
    ValueError
        If a weight is not a number of at least 0, or all are zero: of all steps, or of those that are used.
    """
    weights = _read_step_weights(sample_weight, sequences)
    return weights if used is None else read_sample_weight(weights[used], int(used.sum()))


def _read_step_weights(sample_weight, sequences):
    if sample_weight is None or np.isscalar(sample_weight):
        return read_sample_weight(sample_weight, int(sequences.offsets[-1]))
    if not isinstance(sample_weight, Sequences):
        sample_weight = in_order_of(sequences.ids, "sample_weight", sample_weight)
        if not holds_steps(list_or_array("sample_weight", sample_weight), 2):
            return np.repeat(read_sample_weight(sample_weight, len(sequences)), sequences.lengths)
    flat, _ = read_steps("sample_weight", sample_weight, sequences)
    return read_sample_weight(flat, len(flat), Places(sequences.offsets))


# ---- of steps or of sequences, whichever came ----


def y_of_steps(y, steps):
    """y with one entry or row for every step: its own, or that of its sequence."""
    y = in_order_of(steps.ids, "y", y)
    if holds_steps(y) and not _is_table(y, steps):
        return read_steps("y", y, steps)[0]
    y = one_per_sequence("y", y, len(steps), None)
    rows = as_array("y", list(y) if holds_steps(y) else y)
    return np.repeat(rows, steps.lengths, axis=0)


def _is_table(y, steps):
    """Whether a list of lists has a row of outputs per sequence: all equally long, and not as long as the sequences are."""
    if isinstance(y, Sequences) or getattr(y, "ndim", 1) > 2 or any(np.ndim(row) != 1 for row in y):
        return False
    lengths = [np.size(row) for row in y]
    return len(set(lengths)) == 1 and not np.array_equal(lengths, steps.lengths)


def weights_of_steps(sample_weight, steps):
    """The weight of every step: its own, or that of its sequence."""
    sample_weight = in_order_of(steps.ids, "sample_weight", sample_weight)
    if holds_steps(sample_weight):
        return read_step_weights(sample_weight, steps)
    return np.repeat(read_sample_weight(sample_weight, len(steps)), steps.lengths)


def holds_steps(values, n_dimensions=3):
    """Whether values have entries for every step: Sequences, a list of arrays, or an array of so many dimensions."""
    if isinstance(values, Sequences):
        return True
    if not isinstance(values, (list, tuple)):
        values = np.asarray(values)
        if values.ndim != 1 or values.dtype != object:
            return values.ndim >= n_dimensions
    return len(values) > 0 and np.ndim(values[0]) > 0
