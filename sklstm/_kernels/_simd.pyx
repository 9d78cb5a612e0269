"""The one owner of the C loops: chooses the instruction set at import and lends its table to the other modules.

The environment variable ``SKLSTM_SIMD`` ("baseline", "avx2" or "avx512") forces a level, for tests and for telling whether
a difference in the last bits comes from the instruction set.
"""
import os

from ._real cimport real

LEVELS = ("baseline", "avx2", "avx512")
ACTIVATIONS = ("tanh", "relu")      # in the order of simd_level.h
LAYERNORM_EPSILON = _LAYERNORM_EPSILON

cdef const simd_table *active = NULL


cdef const simd_table *simd() noexcept nogil:
    return active


def _choose():
    global active
    wanted = os.environ.get("SKLSTM_SIMD")
    if wanted is None or wanted == "":
        active = simd_choose(NULL)
        return
    if wanted not in LEVELS:
        raise ImportError(f"SKLSTM_SIMD must be one of {', '.join(LEVELS)} or unset, got {wanted!r}.")
    name = wanted.encode()
    active = simd_choose(name)
    if active == NULL:
        active = simd_choose(NULL)
        raise ImportError(f"SKLSTM_SIMD={wanted} is not available on this machine or in this build; "
                          f"the best level here is {active.level.decode()}.")


_choose()


def level():
    """Name of the instruction set in use: "baseline", "avx2" or "avx512"."""
    return active.level.decode()


def has_products():
    """Whether the instruction set in use has products on packed operands; without them products are BLAS calls."""
    return active.multiply[0] != NULL


def cells():
    """Dict of the cell table: name -> dict of its index and its numbers of blocks (simd.h says what each means)."""
    return {
        active.cells[k].name.decode(): {
            "index": k,
            "n_blocks": active.cells[k].n_blocks,
            "n_input": active.cells[k].n_input,
            "n_recurrent": active.cells[k].n_recurrent,
            "n_bias": active.cells[k].n_bias,
            "n_extra": active.cells[k].n_extra,
            "n_states": active.cells[k].n_states,
        }
        for k in range(N_CELLS)
    }


ctypedef void (*elementwise)(Py_ssize_t n, const void *x, void *y) noexcept nogil


cdef int apply(elementwise function, const real[::1] x, real[::1] out) except -1:
    if x.shape[0] != out.shape[0]:
        raise ValueError(f"x and out must be equally long, got {x.shape[0]} and {out.shape[0]}.")
    if x.shape[0]:
        with nogil:
            function(x.shape[0], &x[0], &out[0])
    return 0


def tanh(const real[::1] x, real[::1] out):
    """out := tanh(x), the vector tanh that the cells use; x and out of shape (n,). out may be x."""
    apply(active.tanh_array[0 if real is float else 1], x, out)


def sigmoid(const real[::1] x, real[::1] out):
    """out := 1 / (1 + exp(-x)), the vector sigmoid that the cells use; x and out of shape (n,). out may be x."""
    apply(active.sigmoid_array[0 if real is float else 1], x, out)
