"""Ranges of what a network computes, and numbers of 16 and 8 bits that stand for its weights.

A number v with the exponent e is round(2^e v). States have the largest exponent with which the largest value of the calibration
data, and a quarter more, has 16 bits; tanh and gates have 15, sums of a gate 16.
"""

import warnings
from typing import NamedTuple

import numpy as np

from ...inspection import gate_activations
from ...sequences import Sequences

FEW = 20  # steps
FAR = 16  # times the range of calibration data, or a deviation of those of training: further away are outliers
MARGIN = 1.25  # of what is calibrated: data of another day are larger
SUM_EXPONENT = 16
MOST = 2**15 - 1  # of sums with the exponent 16, in 32 bits
MOST_SUM = 65000  # of the magnitudes of a row of integers of 15 bits, which is multiplied by such: 31 bits


def exponent_of(largest, what, most=15, least=1):
    """The largest exponent with which numbers up to `largest` have 16 bits."""
    if not np.isfinite(largest):
        raise ValueError(f"{what} is not finite for X_calibration. Pass data as those that the model was fitted on.")
    exponent = most if largest == 0 else int(np.floor(np.log2(32767 / (MARGIN * largest))))
    if exponent < least:
        raise ValueError(
            f"{what} is up to {largest:.3g} for X_calibration, which 16 bits cannot hold precisely. Use dtype='float32', or fit"
            " with activation='tanh'."
        )
    return min(exponent, most)


class Ranges(NamedTuple):
    """Largest magnitudes over calibration data.

    Attributes
    ----------
    inputs : tuple of ndarray of shape (n_inputs,)
        Lowest and highest values that the first layer reads in each of its columns.
    read : ndarray of shape (n_rows, n_inputs)
        What it reads of the calibration data.
    sequences : Sequences
        These data.
    outputs, states : list of float
        Of h and of c (0 for cells without) of each layer, also before the first step, and of the candidates of relu that are
        kept like these: where a gate is nearly closed, they are larger.
    residual : list of float
        Of the outputs of each layer, with its input where that is added.
    """

    inputs: tuple
    read: np.ndarray
    sequences: Sequences
    outputs: list
    states: list
    residual: list


def ranges(model, X):
    """The `Ranges` of an `Exported` over X."""
    network, estimator = model.network, model.model
    sequences = estimator._read_fitted(X)
    entry, p = network.input_layer, model.params.get("input")
    values = sequences.values.astype(np.float64)
    _warn_of_few(values)
    if entry is not None:
        tables = [p[f"E{channel}"][values[:, channel].astype(int)] for channel, _, _ in entry.categories]
        values = np.hstack([p["scale"] * values[:, entry.numeric] + p["offset"], *tables])
    low, high = values.min(axis=0), values.max(axis=0)
    low, high = _widened(model, low, high)
    read, outputs, states, residual = values, [], [], []
    for k, layer in enumerate(network.layers):
        kept, first = gate_activations(estimator, X, layer=k), model.params[f"layer_{k}"]
        h = kept["h"].values
        largest = {letter: float(np.abs(kept[letter].values).max()) for letter in "hcgn" if letter in kept}
        for letter in "hc":
            if f"{letter}0" in first:
                largest[letter] = max(largest[letter], float(np.abs(first[f"{letter}0"]).max()))
        if network.activation == "relu":
            state = "c" if "c" in kept else "h"
            largest[state] = max(largest[letter] for letter in (state, *"gn") if letter in largest)
        outputs.append(largest["h"])
        states.append(largest.get("c", 0.0))
        values = h + values if layer.has_skip else h
        residual.append(float(np.abs(values).max()))
    return Ranges((low, high), read, sequences, outputs, states, residual)


def _warn_of_few(values):
    """Warn of calibration data (n_steps, n_channels) with so few different steps that they show no range."""
    n = len(values) if (values != values[0]).any() else 1
    if n < FEW:
        warnings.warn(
            f"X_calibration has {n} different step{'s' if n > 1 else ''}, which hardly show the ranges of channels and states."
            " Pass some hundred steps of data like those of fit.",
            UserWarning,
            stacklevel=6,
        )


def _widened(model, low, high):
    """Ranges of what the first layer reads that contain what training had, unless that is far outside: outliers."""
    moments = (vars(model.model).get("_moments") or {}).get("x") or {}
    if not {"low", "high", "mean", "deviation"} <= moments.keys():
        return low, high
    entry, p = model.network.input_layer, model.params.get("input")
    numeric = np.arange(len(low)) if entry is None else entry.numeric
    ends = [np.asarray(moments[name], dtype=np.float64)[numeric] for name in ("low", "high", "mean", "deviation")]
    ends = np.array([*ends[:2], ends[2] - ends[3], ends[2] + ends[3]])
    if entry is not None:
        ends = p["scale"] * ends + p["offset"]
    ends, usual = ends[:2], np.abs(ends[2:]).max(axis=0)
    seen = np.isfinite(ends).all(axis=0)
    most = np.maximum(np.maximum(np.abs(low), np.abs(high))[: len(numeric)], np.where(np.isfinite(usual), usual, 0))
    inside = seen & ((np.abs(ends).max(axis=0) <= FAR * most) | (most == 0))
    low[: len(numeric)] = np.where(inside, np.minimum(low[: len(numeric)], ends.min(axis=0)), low[: len(numeric)])
    high[: len(numeric)] = np.where(inside, np.maximum(high[: len(numeric)], ends.max(axis=0)), high[: len(numeric)])
    return low, high


class Matrix(NamedTuple):
    """A matrix in integers, by which a vector of integers is multiplied row by row.

    Attributes
    ----------
    values : ndarray of int of shape (n_rows, n)
    scale : ndarray of int of shape (n_rows,) or None
        What sums are multiplied by, times 2^-15; None for nothing.
    shift : int
        By which they are shifted to the right after that, to have the exponent 16.
    bounds : ndarray of shape (n_rows,)
        Largest magnitudes that the products can have, whatever the vector.
    """

    values: np.ndarray
    scale: np.ndarray | None
    shift: int

    @property
    def bounds(self):
        factor = 1 if self.scale is None else np.abs(self.scale) / 2.0**15
        return np.abs(self.values).sum(axis=1) * factor * 2.0 ** (15 - self.shift - SUM_EXPONENT)


def check_sums(bounds, what):
    """Raise a ValueError where sums with these bounds, in units of the model, may overflow 32 bits."""
    largest = np.max(bounds, initial=0.0)
    if largest >= MOST:
        raise ValueError(
            f"Sums of {what} may be up to {largest:.3g} where states are as large as 16 bits hold, and 32 bits cannot hold more"
            f" than {MOST}. Use dtype='float32', or fit with activation='tanh', standardize=True and a larger alpha."
        )


def quantized(matrix, exponent, dtype, what):
    """The `Matrix` of rows (n_rows, n) that multiply vectors with some exponent."""
    largest = np.abs(matrix).max(initial=0.0)
    if largest > 60:
        raise ValueError(
            f"{what} of the model is up to {largest:.3g}, in units of the range of what it multiplies, which integers cannot hold"
            " beside the small ones. Use dtype='float32', or fit with standardize=True and a larger alpha."
        )
    return (_of_16_bits if dtype == "q15" else _of_8_bits)(matrix, exponent)


def _of_16_bits(matrix, exponent):
    sums = np.abs(matrix).sum(axis=1).max(initial=0.0)
    bound = max(np.abs(matrix).max(initial=0.0) / 32767, sums / MOST_SUM, 2.0**-22)
    own = int(np.floor(-np.log2(bound)))
    return Matrix(np.rint(matrix * 2.0**own).astype(int), None, own + exponent - SUM_EXPONENT)


def _of_8_bits(matrix, exponent):
    largest = np.abs(matrix).max(axis=1, initial=0.0)
    sums = np.abs(matrix).sum(axis=1)
    units = np.maximum(np.maximum(largest / 127, sums / MOST_SUM), 2.0**-20)  # of each row
    values = np.rint(matrix / units[:, np.newaxis]).astype(int)
    factors = units * 2.0 ** (SUM_EXPONENT - exponent)
    shift = int(np.floor(np.log2(32767 / factors.max()))) - 15
    return Matrix(values, np.rint(factors * 2.0 ** (15 + shift)).astype(int), shift)


def of_32_bits(values, what):
    """Numbers with the exponent 16."""
    if np.abs(values).max(initial=0.0) >= 8192:
        raise ValueError(f"{what} of the model is up to {np.abs(values).max():.3g}: too large for integers. Use dtype='float32'.")
    return np.rint(np.asarray(values) * 2.0**SUM_EXPONENT).astype(int)


def of_16_bits(values, most=22):
    """Numbers in 16 bits, and the largest exponent that they can have."""
    largest = np.abs(values).max(initial=0.0)
    exponent = most if largest == 0 else min(most, int(np.floor(np.log2(32767 / largest))))
    return np.rint(np.asarray(values) * 2.0**exponent).astype(int), exponent
