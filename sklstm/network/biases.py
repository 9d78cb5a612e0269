"""What the biases begin with: gates that keep a state until training says otherwise."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _simd

CELLS = _simd.cells()  # name -> dict: index in the kernels' table, numbers of blocks

# Blocks of b: of the gate that keeps the state, and of the one that admits what is new, where that is another.
FORGET_BLOCKS = {"lstm": 1, "peephole": 1, "coupled": 0, "layernorm": 1}
UPDATE_BLOCKS = {"gru": 1, "gru_reset_before": 1}
INPUT_BLOCKS = {"lstm": 0, "peephole": 0, "layernorm": 0}


@dataclass(frozen=True)
class ConstantBias:
    """One value for every forget gate (Gers et al. 2000; Jozefowicz et al. 2015); a GRU has none."""

    value: float

    def draw(self, cell, hidden_size, rng):
        """Biases (n_bias hidden_size,)."""
        b = np.zeros((CELLS[cell]["n_bias"], hidden_size))
        if cell in FORGET_BLOCKS:
            b[FORGET_BLOCKS[cell]] = self.value
        return b.ravel()


def chrono(longest, size, rng):
    """Times uniform up to that of the sequences, and the bias log(t) (Tallec and Ollivier 2018)."""
    return np.log(rng.uniform(1, max(longest - 1, 1), size=size))


def multiscale(longest, size, rng):
    """Times whose logarithms are uniform, and the bias with which a gate decays by exp(-1/t) per step (Mahto et al. 2021).

    The bias -log(exp(1/t) - 1) is not let below 0.
    """
    times = np.exp(rng.uniform(0, np.log(max(longest, 1)), size=size))
    return np.maximum(-np.log(np.expm1(1 / times)), 0)


TIMESCALES = {"chrono": chrono, "multiscale": multiscale}


@dataclass(frozen=True)
class TimescaleBias:
    """Memories of all lengths up to that of the sequences, as the function of that name in TIMESCALES says."""

    name: str
    longest: int

    def draw(self, cell, hidden_size, rng):
        """Biases (n_bias hidden_size,)."""
        b = np.zeros((CELLS[cell]["n_bias"], hidden_size))
        keeping = FORGET_BLOCKS.get(cell, UPDATE_BLOCKS.get(cell))
        if keeping is not None:
            b[keeping] = TIMESCALES[self.name](self.longest, hidden_size, rng)
        if cell in INPUT_BLOCKS:
            b[INPUT_BLOCKS[cell]] = -b[keeping]
        return b.ravel()
