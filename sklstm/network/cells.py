"""The recurrent cells, by name: facts that Python needs beside those in the kernels' table.

A new cell is an entry in that table with its forward and backward pass, in one of _kernels/cells_*_impl.h, and an entry here. A
new file of this kind also needs its #include and its name in CELLS, both in cells_impl.h.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from .._kernels import _simd

# Letter of a gate, a candidate or a state, in the equations of the estimators' notes -> what it is. Gates lie between 0 and 1.
QUANTITIES = {
    "i": "input gate",
    "f": "forget gate",
    "g": "candidate",
    "o": "output gate",
    "r": "reset gate",
    "z": "update gate",
    "n": "candidate",
    "c": "cell state",
    "h": "hidden state",
}

ACTIVATION_FUNCTIONS = {"tanh": np.tanh, "relu": lambda v: np.maximum(v, 0)}


class Extra(NamedTuple):
    """Further parameters (n_extra, H) of a cell.

    Attributes
    ----------
    name : str
        Name of the parameter.
    initial : tuple of float
        Initial value of each row.
    is_weight : bool
        Whether the L2 penalty falls on them, as on weights, or not, as on gains.
    """

    name: str
    initial: tuple
    is_weight: bool


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A recurrent cell.

    Attributes
    ----------
    index, n_blocks, n_input, n_recurrent, n_bias, n_extra, n_states : int
        Position in the kernels' table, and numbers of blocks of H columns, which simd.h describes.
    gates : str
        Letters (see QUANTITIES) of the gates and the candidate, in the order of their blocks; empty for a cell without gates.
    forget_gate, update_gate, input_gate : str or None
        Letters of the gate that keeps the cell state, of the gate that keeps the hidden state, and of the gate that admits the
        candidate, for their initial biases; None where the cell has no such gate.
    extra : Extra or None
        Further parameters.
    fused : int
        Whether predictions make a step in one go, which threads can share.
    is_affine_in_x : bool
        Whether x enters as x W + b alone, so that a scale and an offset of x can be folded into W and b.
    restore_gates : callable or None
        ``restore_gates(blocks, extra, b, activation)``: gates (n_rows, len(gates) H) from the blocks (n_rows, n_blocks H) that
        the forward pass keeps, where these are not the gates; for a cell with `extra`.
    """

    index: int
    n_blocks: int
    n_input: int
    n_recurrent: int
    n_bias: int
    n_extra: int
    n_states: int
    fused: int
    gates: str
    forget_gate: str | None = None
    update_gate: str | None = None
    input_gate: str | None = None
    extra: Extra | None = None
    is_affine_in_x: bool = True
    restore_gates: Callable | None = None

    @property
    def can_project(self):
        """Whether h can be a projection of what the cell makes of its state: no cell does that is made of h itself."""
        return self.n_states == 2

    def block(self, gate):
        """Which block is that of a gate."""
        return self.gates.index(gate)


def _normalized(v):
    return (v - v.mean(axis=1, keepdims=True)) / np.sqrt(v.var(axis=1, keepdims=True) + _simd.LAYERNORM_EPSILON)


def _normalized_gates(products, gains, b, activation):
    """i f g o from W x and R h_prev (n_rows, 2 * 4H), which are what the layer-normalised cell keeps.

    pre = gain_x N(W x) + gain_h N(R h_prev) + b
    """
    H = gains.shape[1]
    gain_x, gain_h = gains[:4].ravel(), gains[4:8].ravel()
    pre = gain_x * _normalized(products[:, : 4 * H]) + gain_h * _normalized(products[:, 4 * H :]) + b
    gates = expit(pre)
    candidate = slice(2 * H, 3 * H)
    gates[:, candidate] = ACTIVATION_FUNCTIONS[activation](pre[:, candidate])
    return gates


_LSTM = {"gates": "ifgo", "forget_gate": "f", "input_gate": "i"}
_GRU = {"gates": "rzn", "update_gate": "z"}

# Name -> facts that the kernels' table does not have. The estimators' notes have the equations and the references.
_FACTS = {
    "lstm": _LSTM,
    "peephole": _LSTM | {"extra": Extra("p", (0,) * 3, is_weight=True)},
    "coupled": {"gates": "fgo", "forget_gate": "f"},
    "layernorm": _LSTM
    | {
        "extra": Extra("norm", (1,) * 9 + (0,), is_weight=False),  # gains, and the offset of the cell state
        "is_affine_in_x": False,
        "restore_gates": _normalized_gates,
    },
    "gru": _GRU,
    "gru_reset_before": _GRU,
    "rnn": {"gates": ""},
}

CELLS = {name: Cell(**entry, **_FACTS[name]) for name, entry in _simd.cells().items()}
