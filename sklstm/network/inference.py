"""Outputs of a network for many sequences, in chunks of bounded memory."""

from contextlib import nullcontext

import numpy as np

from .._kernels import _simd
from .._kernels._pack import unpack
from .._kernels.threads import Threads, single_threaded_blas
from ..sequences import Packed

# Rows (steps of all sequences) per chunk: enough to feed the kernels, few enough to keep a chunk's activations to some
# megabytes.
CHUNK_ROWS = 1 << 14
# Sequences per chunk.
CHUNK_SEQUENCES = 256


def apply(network, theta, sequences, output="scores", *, shift=None, factor=None, n_threads=1):
    """Apply a network to every sequence.

    Parameters
    ----------
    network : Network
    theta : ndarray of shape (n_params,)
    sequences : Sequences
        Checked, in theta's dtype.
    output : {"scores", "end_states", "attention"}
        "attention", and "scores" of a network that has them for every step, are one row per step.
    shift, factor : ndarray of shape (n_channels,), default=None
        Channels enter as ``(x - shift) * factor``.
    n_threads : int, default=1

    Returns
    -------
    ndarray of shape (n_sequences, width) or (total_steps, width)
    """
    method = {"scores": network.forward, "end_states": network.end_states, "attention": network.attention}[output]
    width = {"scores": network.output_size, "end_states": network.layers[-1].output_size, "attention": 1}[output]
    per_step = output == "attention" or (output == "scores" and network.per_step)
    dtype = theta.dtype
    shift = np.zeros(network.input_size, dtype) if shift is None else shift
    factor = np.ones(network.input_size, dtype) if factor is None else factor
    out = np.empty((len(sequences.values) if per_step else len(sequences), width), dtype=dtype)
    params = network.bind(theta)
    lengths, offsets = sequences.lengths, sequences.offsets

    def run(rows):
        # A chunk's workspace is its own: chunks run on several threads.
        n_rows = int(lengths[rows].sum())
        ws = network.workspace(len(rows), n_rows, dtype, backward=False)
        packed = Packed.gather(sequences, rows, shift, factor, lambda n_sequences, n_rows: ws.values)
        # Weights close to the largest number may overflow; the result says so.
        with np.errstate(over="ignore", invalid="ignore"):
            result = method(params, packed, ws)
            if per_step:
                unpack(packed.starts, offsets[packed.order], result, out)
            else:
                out[packed.order] = result

    with nullcontext() if _simd.has_products() else single_threaded_blas(), Threads(n_threads) as threads:
        threads.map(run, _chunks(lengths))
    return out


def _chunks(lengths):
    """Sequences of similar length together: at most CHUNK_SEQUENCES and, where they are several, CHUNK_ROWS rows."""
    order = np.argsort(-lengths, kind="stable")
    chunks, start = [], 0
    while start < len(order):
        size = max(1, min(CHUNK_SEQUENCES, CHUNK_ROWS // int(lengths[order[start]])))
        chunks.append(order[start : start + size])
        start += size
    return chunks
