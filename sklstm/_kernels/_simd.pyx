"""The one owner of the C loops: chooses the instruction set at import and lends its table to the other modules.

The environment variable ``SKLSTM_SIMD`` ("baseline", "avx2" or "avx512") forces a level, for tests and for telling whether
a difference in the last bits comes from the instruction set.
"""
from ._real cimport real

from .choices import choose

LEVELS = ("baseline", "avx2", "avx512")
ACTIVATIONS = ("tanh", "relu")      # in the order of simd_level.h
LAYERNORM_EPSILON = _LAYERNORM_EPSILON

cdef const simd_table *active = NULL


cdef const simd_table *simd() noexcept nogil:
    return active


def _choose():
    global active
    active = simd_choose(NULL)
    available = [level for level in LEVELS if simd_choose(level.encode()) != NULL]
    wanted = choose("SKLSTM_SIMD", LEVELS, available, active.level.decode()).encode()
    active = simd_choose(wanted)


_choose()


def level():
    """Name of the instruction set in use: "baseline", "avx2" or "avx512"."""
    return active.level.decode()


def cells():
    """Dict of the cell table: name -> dict of its index and what simd.h has under the same names."""
    cdef const cell_entry *cell = active.cells
    table = {}
    while cell.name != NULL:
        table[cell.name.decode()] = {
            "index": len(table),
            "n_blocks": cell.n_blocks,
            "n_input": cell.n_input,
            "n_recurrent": cell.n_recurrent,
            "n_bias": cell.n_bias,
            "n_extra": cell.n_extra,
            "n_states": cell.n_states,
            "fused": cell.fused,
        }
        cell += 1
    return table


def tanh(const real[::1] x, real[::1] out):
    """out := tanh(x), the vector tanh that the cells use; x and out of shape (n,). out may be x."""
    if x.shape[0] != out.shape[0]:
        raise ValueError(f"x and out must be equally long, got {x.shape[0]} and {out.shape[0]}.")
    if x.shape[0]:
        with nogil:
            active.tanh_array[0 if real is float else 1](x.shape[0], &x[0], &out[0])
