"""Buffers for the kernels."""

import numpy as np

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


def aligned_empty(shape, dtype):
    """`np.empty` whose data begin at a multiple of 64 bytes."""
    dtype = np.dtype(dtype)
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(n_bytes + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + n_bytes].view(dtype).reshape(shape)
