"""The state of a stream as plain arrays: what it consists of, and its checks before a kernel reads it."""

import numpy as np

from .._kernels._engine import MOST_STEPS
from ..network import STRUCTURES
from ..sequences.refusals import array_of

# What a stream remembers of numeric channels that may have missing values.
OF_MISSING = ("input.last", "input.elapsed")
# What it remembers of times: the last one, of the type that times have.
TIME = "input.time"
# What it remembers where labels depend on those before: logarithms of probabilities, -inf of labels that are not possible.
OF_STRUCTURE = "crf.filtered"
# Pooling of which a stream has a state, in the engine's order -> that state before the first step.
UNBEGUN = {"mean": 0.0, "max": -np.inf}


def parts_of(network, dtype, pooled):
    """Name -> shape of a row and dtype (None for times of any) of each array of the state, in the engine's order.

    Parameters
    ----------
    network : Network
    dtype : dtype
    pooled : bool
        Whether the steps so far are pooled, or scored.
    """
    parts = {"n_steps": ((), np.dtype(np.intp))}
    if network.missing != "error":
        n_numeric = len(network.input_layer.numeric)
        parts |= {name: ((n_numeric,), dtype) for name in OF_MISSING}
    if network.gap_channel is not None:
        parts[TIME] = ((), None)
    for k, layer in enumerate(network.layers):
        parts |= {f"layer_{k}.{name}": ((size,), dtype) for name, size in zip("hc", layer.state_sizes, strict=False)}
    if network.structure in STRUCTURES and pooled:
        parts[OF_STRUCTURE] = ((network.output_size,), np.dtype(np.float64))
    for name in UNBEGUN if pooled else ():
        if name in network.poolings:
            of_several = len(network.poolings) > 1
            parts[f"pooled.{name}" if of_several else "pooled"] = ((network.layers[-1].output_size,), dtype)
    return parts if network.static is None else parts | {"static": ((network.static.width,), dtype)}


def read_state(state, parts, poolings):
    """Name -> copy of each part of a state, in C order, of its dtype, and in the order of the parts.

    Parameters
    ----------
    state : dict of str to array-like
    parts : dict
        From `parts_of`.
    poolings : tuple of str
        Of the network.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If it has other parts, other shapes, or values that no state has.
    """
    if not isinstance(state, dict) or state.keys() != parts.keys():
        found = ", ".join(map(str, state)) if isinstance(state, dict) else type(state).__name__
        raise ValueError(f"The state of this stream is a dict of {', '.join(parts)}; got {found}.")
    advice = "Pass it as it was read."
    arrays = {
        name: read_numbers(f"{name!r} of the state", state[name], advice, "iufmM" if name == TIME else "iuf") for name in parts
    }
    n_steps = arrays["n_steps"] = np.atleast_1d(arrays["n_steps"])
    counts = n_steps.ndim == 1 and n_steps.dtype.kind in "iu" and len(n_steps) > 0
    if not counts or (n_steps < 0).any() or (n_steps > MOST_STEPS).any():
        raise ValueError(
            "'n_steps' of the state must hold the number of steps of each stream, integers of 0 or more and at most 2**62, got"
            f" {_shown(n_steps)}."
        )
    n = len(n_steps)
    for name, (shape, dtype) in parts.items():
        array = arrays[name]
        if array.shape != (n, *shape):
            raise ValueError(f"{name!r} of the state must have shape {(n, *shape)}, got {array.shape}.")
        with np.errstate(over="ignore"):
            arrays[name] = array if dtype is None else array.astype(dtype)
    for name in parts:
        if name.startswith("pooled"):
            _check_unbegun(name, arrays[name], n_steps, UNBEGUN[name.partition(".")[2] or poolings[0]])
    for name, array in arrays.items():
        _check_finite(name, array, n_steps)
    return arrays


def read_numbers(what, values, advice, kinds="iuf"):
    """An array of integers or floats, or of other kinds of dtypes; a copy, which nobody changes after its checks."""
    array = np.array(array_of(what, values, advice), order="C", subok=False)
    if array.dtype.kind not in kinds or np.ma.isMaskedArray(values):
        kind = "a masked array" if np.ma.isMaskedArray(values) else array.dtype
        raise ValueError(f"{what} must be an array of numbers, got {kind}. {advice}")
    return array


def _check_unbegun(name, pooled, n_steps, empty):
    """Raise if a stream that has had no step has a sum or maximum of some."""
    wrong = np.flatnonzero((n_steps == 0) & (pooled != empty).any(axis=1))
    if len(wrong):
        raise ValueError(
            f"'n_steps' of the state says that stream {wrong[0]} has had no step, so {name!r} must be {empty:g} there, got"
            f" {_shown(pooled[wrong[0]])}. Call reset() to start a new sequence."
        )


def _check_finite(name, array, n_steps):
    """Raise if a value is NaN or infinite; a maximum over no steps is."""
    is_time = name == "input.elapsed"
    wrong = ~np.isfinite(array) | (array < 0 if is_time else False)
    if name == OF_STRUCTURE:
        wrong &= array != -np.inf
    if name.startswith("pooled"):
        wrong &= n_steps[:, np.newaxis] > 0
    if wrong.any():
        stream = np.argwhere(wrong)[0, 0]
        raise ValueError(
            f"{name!r} of the state must be finite{', and not negative' * is_time}, got {_shown(array[stream])} for stream"
            f" {stream}. A stream cannot continue from there: start a new sequence with reset()."
        )


def _shown(array):
    values = array.ravel()
    return str(values[:3].tolist())[:-1] + (", ...]" if len(values) > 3 else "]")
