"""Outputs of a network for many sequences, in chunks of bounded memory."""

from functools import wraps
from itertools import pairwise

import numpy as np

from .._kernels import _product
from .._kernels._pack import unpack
from ..parallel import Threads, single_threaded_blas
from ..sequences import Batch
from .cells import CELLS

# Sequences that are run together: enough to feed the kernels.
CHUNK_SEQUENCES = 256
# Words of channels or outputs that a chunk of steps has at most (more where a single step has): half a megabyte or one, so that
# what a layer writes is in cache when the next one reads it.
CHUNK_WORDS = 1 << 17
# Rows of sequences that are run whole, where a network reads them in both directions.
CHUNK_ROWS = 1 << 14
# Multiplications and additions below which another thread does not repay its wake.
THREAD_FLOPS = 1e7
# Up to so many sequences for each thread, threads share each time step; of more, each thread has some. Of layers so wide that
# their weights leave the second-level cache, a thread that shares steps reads its part of the weights alone.
ROWS_OF_STEPS, ROWS_OF_WIDE_STEPS = 2, 16
WIDE_UNITS = 192


def with_one_blas_thread(function):
    """Where products are BLAS calls, hold BLAS at one thread while a function predicts, as training does."""
    if _product.products() != "blas":
        return function

    @wraps(function)
    def limited(*args, **kwargs):
        with single_threaded_blas():
            return function(*args, **kwargs)

    return limited


@with_one_blas_thread
def apply(network, theta, sequences, output="scores", *, shift=None, factor=None, n_threads=1):
    """Apply a network to every sequence. The output for one does not depend on the others, nor on the number of threads.

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
        Threads at most; fewer where more do not help.

    Returns
    -------
    ndarray of shape (n_sequences, width) or (total_steps, width)
    """
    width = {"scores": network.output_size, "end_states": network.layers[-1].output_size, "attention": 1}[output]
    per_step = output == "attention" or (output == "scores" and network.returns_sequences)
    shift = np.zeros(network.input_size, theta.dtype) if shift is None else shift
    factor = np.ones(network.input_size, theta.dtype) if factor is None else factor
    out = np.empty((len(sequences.values) if per_step else len(sequences), width), dtype=theta.dtype)
    n_threads = max(1, min(n_threads, int(len(sequences.values) * network.flops_per_row / THREAD_FLOPS)))
    chunks = _chunks(sequences.lengths, CHUNK_ROWS if network.bidirectional else None, n_threads)
    run = _runner(network, network.bind(theta), sequences, output, per_step, shift, factor, out)
    if shares_steps(network, len(sequences), n_threads):
        Threads(n_threads).together(run, chunks)
    else:
        Threads(n_threads).map(run, [chunks[k::n_threads] for k in range(n_threads)])
    return out


def shares_steps(network, n_sequences, n_threads):
    """Whether so many sequences are so few that threads share each time step, if any; else each has sequences of its own."""
    wide, is_shared = max(network.hidden_sizes) >= WIDE_UNITS, CELLS[network.cell].fused and not network.proj_size
    return n_sequences <= n_threads * (ROWS_OF_WIDE_STEPS if wide else ROWS_OF_STEPS) and is_shared


def _chunks(lengths, max_rows, n_threads):
    """Sequences of similar length together: at most CHUNK_SEQUENCES, an even share for each thread, and where they are several
    `max_rows` rows."""
    order = np.argsort(-lengths, kind="stable")
    # With BLAS the bits of a row may depend on the rows beside it: on no account on the number of threads.
    most = CHUNK_SEQUENCES if _product.products() == "blas" else min(CHUNK_SEQUENCES, -(-len(order) // n_threads))
    chunks, start = [], 0
    while start < len(order):
        size = most if max_rows is None else max(1, min(most, max_rows // int(lengths[order[start]])))
        chunks.append(order[start : start + size])
        start += size
    return chunks


def _runner(network, params, sequences, output, per_step, shift, factor, out):
    """A function that runs a list of chunks on an engine and buffers of its own: some steps at a time, or whole sequences where
    the network reads them in both directions."""
    weights, encodes, offsets = network.weights(params), output == "end_states", sequences.offsets
    static = None if network.static is None else network.static.vectors(params["static"], sequences.static)
    steps = len(network.layers) > 1 or (network.poolings != ("last",) and not encodes)  # outputs of steps are written
    widest = max(network.input_size, network.layers[0].input_size, *(layer.output_size for layer in network.layers if steps))

    def run(chunks):
        n_sequences = max(map(len, chunks), default=0)
        if n_sequences == 0:
            return
        n_rows = max(int(sequences.lengths[rows].sum()) for rows in chunks)
        if not network.bidirectional:
            n_rows = min(max(CHUNK_WORDS // widest, n_sequences), n_rows)
        values = np.empty((n_rows, network.input_size), out.dtype)
        entry = None if network.input_layer is None else network.input_layer.workspace(n_sequences, n_rows, out.dtype)
        engine = network.engine(weights, n_sequences, n_rows, encodes=encodes)
        result = np.empty((n_rows if per_step else n_sequences, out.shape[1]), out.dtype)
        for rows in chunks:
            batch = Batch(offsets, rows)
            engine.begin(batch.n_sequences, None if static is None else static[batch.order])
            for first, last in pairwise(batch.bounds(None if network.bidirectional else n_rows // batch.n_sequences)):
                x = batch.pack(sequences.values, first, last, shift, factor, values)
                packed = batch.chunk(first, last, x)
                if entry is not None:
                    x = network.input_layer.forward(params["input"], packed, entry)
                engine.advance(packed.starts, packed.n_continuing, x)
                if per_step:
                    if output == "scores":
                        engine.step_scores(result, packed.starts)
                    else:
                        engine.attention_logits(result)
                    unpack(packed.starts, offsets[packed.order] + first, result, out)
            if output == "attention":
                # What a step weighs is known after the last one.
                engine.attention_weights(batch.offsets, out)
            elif not per_step:
                engine.results(result[: batch.n_sequences])
                out[batch.order] = result[: batch.n_sequences]

    return run
