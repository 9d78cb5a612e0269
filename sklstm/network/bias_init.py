"""Initial biases: gates that keep a state until training says otherwise."""

from dataclasses import dataclass

import numpy as np

from .cells import CELLS


@dataclass(frozen=True)
class ConstantBias:
    """One value for every forget gate (Gers et al. 2000; Jozefowicz et al. 2015); a GRU has none."""

    value: float

    def draw(self, cell, hidden_size, rng):
        """Biases (n_bias hidden_size,)."""
        cell = CELLS[cell]
        b = np.zeros((cell.n_bias, hidden_size))
        if cell.forget_gate:
            b[cell.block(cell.forget_gate)] = self.value
        return b.ravel()


def chrono(longest, size, rng):
    """The bias log(t) of times t that are uniform up to the length of the longest sequence (Tallec and Ollivier 2018)."""
    return np.log(rng.uniform(1, max(longest - 1, 1), size=size))


def multiscale(longest, size, rng):
    """The bias with which a gate decays by exp(-1/t) per step, of times t whose logarithms are uniform (Mahto et al. 2021).

    The bias -log(exp(1/t) - 1) is clipped at 0 from below.
    """
    times = np.exp(rng.uniform(0, np.log(max(longest, 1)), size=size))
    return np.maximum(-np.log(np.expm1(1 / times)), 0)


TIMESCALES = {"chrono": chrono, "multiscale": multiscale}


@dataclass(frozen=True)
class TimescaleBias:
    """Memories of all lengths up to that of the longest sequence, distributed as the function of that name in TIMESCALES says."""

    name: str
    longest: int

    def draw(self, cell, hidden_size, rng):
        """Biases (n_bias hidden_size,)."""
        cell = CELLS[cell]
        b = np.zeros((cell.n_bias, hidden_size))
        signs = {cell.forget_gate or cell.update_gate: 1, cell.input_gate: -1}  # of a gate that keeps, and of one that admits
        gates = {gate: sign for gate, sign in signs.items() if gate}
        bias = TIMESCALES[self.name](self.longest, hidden_size, rng) if gates else 0
        for gate, sign in gates.items():
            b[cell.block(gate)] = sign * bias
        return b.ravel()
