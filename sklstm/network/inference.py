"""Outputs of a network for many sequences, in chunks of bounded memory."""

from functools import wraps
from itertools import pairwise

import numpy as np

from .._kernels import _product
from .._kernels._pack import unpack
from ..parallel import Threads, single_threaded_blas
from ..sequences import Batch

# Sequences that are run together: enough to feed the kernels.
CHUNK_SEQUENCES = 256
# Words of channels or outputs that a chunk of steps has at most (more where a single step has): half a megabyte or one, so that
# what a layer writes is in cache when the next one reads it.
CHUNK_WORDS = 1 << 17
# Rows per unit of the widest layer that a chunk of steps has at least where its weights are packed for each: little beside them.
PACKING_ROWS = 4
# Rows of sequences that are run whole, where a network reads them in both directions.
CHUNK_ROWS = 1 << 14
# Multiplications and additions below which another thread does not repay its start.
THREAD_FLOPS = 1e7


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
    per_step = output == "attention" or (output == "scores" and network.per_step)
    shift = np.zeros(network.input_size, theta.dtype) if shift is None else shift
    factor = np.ones(network.input_size, theta.dtype) if factor is None else factor
    out = np.empty((len(sequences.values) if per_step else len(sequences), width), dtype=theta.dtype)
    n_threads = max(1, min(n_threads, int(len(sequences.values) * network.flops_per_row / THREAD_FLOPS)))
    chunks = _chunks(sequences.lengths, CHUNK_ROWS if network.bidirectional else None, n_threads)
    pooled = output == "end_states" or network.pooling != "attention"
    run = _run_engine if pooled and not per_step and not network.bidirectional else _run_layers
    run = run(network, network.bind(theta), sequences, output, shift, factor, out)
    with Threads(n_threads) as threads:
        threads.map(run, [chunks[k::n_threads] for k in range(n_threads)])
    return out


def _chunks(lengths, max_rows, n_threads):
    """Sequences of similar length together: at most CHUNK_SEQUENCES, an even share for each thread, and where they are several
    `max_rows` rows."""
    order = np.argsort(-lengths, kind="stable")
    most = min(CHUNK_SEQUENCES, -(-len(order) // n_threads))
    chunks, start = [], 0
    while start < len(order):
        size = most if max_rows is None else max(1, min(most, max_rows // int(lengths[order[start]])))
        chunks.append(order[start : start + size])
        start += size
    return chunks


def _run_engine(network, params, sequences, output, shift, factor, out):
    """A function that runs a list of chunks, some steps at a time, on an engine and buffers of its own."""
    weights = network.weights(params)
    widths = [layer.hidden_size for layer in network.layers] if len(network.layers) > 1 or network.pooling != "last" else []
    widest = max(network.input_size, network.layers[0].input_size, *widths)

    def run(chunks):
        n_sequences = max(map(len, chunks), default=0)
        if n_sequences == 0:
            return
        most = max(int(sequences.lengths[rows].sum()) for rows in chunks)
        n_rows = min(max(CHUNK_WORDS // widest, n_sequences), most)
        values = np.empty((n_rows, network.input_size), out.dtype)
        entry = None if network.entry is None else network.entry.workspace(n_rows, out.dtype, backward=False)
        engine = network.engine(weights, n_sequences, n_rows, pooled=output == "scores")
        for rows in chunks:
            batch = Batch(sequences.offsets, rows)
            engine.begin(batch.n_sequences)
            for first, last in pairwise(batch.bounds(n_rows // batch.n_sequences)):
                x = batch.pack(sequences.values, first, last, shift, factor, values)
                packed = batch.chunk(first, last, x)
                if entry is not None:
                    x = network.entry.forward(params["input"], packed, entry)
                engine.advance(packed.starts, packed.n_continuing, x)
            result = np.empty((batch.n_sequences, out.shape[1]), out.dtype)
            if output == "scores":
                engine.scores(batch.lengths, result)
            else:
                engine.outputs(result)
            out[batch.order] = result

    return run


def _run_layers(network, params, sequences, output, shift, factor, out):
    """The same for what no engine does, layer by layer: some steps at a time, or whole sequences where the network reads them in
    both directions."""
    widest = max(network.input_size, *(max(layer.input_size, layer.output_size) for layer in network.layers))
    zero, one = np.zeros(1, out.dtype), np.ones(1, out.dtype)

    def run(chunks):
        n_sequences = max(map(len, chunks), default=0)
        if n_sequences == 0:
            return
        n_rows = most = max(int(sequences.lengths[rows].sum()) for rows in chunks)
        if not network.bidirectional:
            n_rows = min(max(CHUNK_WORDS // widest, PACKING_ROWS * widest, n_sequences), most)
        ws = network.workspace(n_sequences, n_rows, out.dtype, backward=False, carries=n_rows < most)
        for rows in chunks:
            # Weights close to the largest number may overflow; the result says so.
            with np.errstate(over="ignore", invalid="ignore"):
                run_chunk(Batch(sequences.offsets, rows), n_rows, ws)

    def run_chunk(batch, n_rows, ws):
        offsets, bounds = sequences.offsets, batch.bounds(None if batch.n_rows <= n_rows else n_rows // batch.n_sequences)
        network.begin(batch.n_sequences, ws, None)
        for first, last in pairwise(bounds):
            packed = batch.chunk(first, last, batch.pack(sequences.values, first, last, shift, factor, ws.values))
            network.forward_chunk(params, packed, ws, keep=False, pooled=None if output == "end_states" else True)
            if packed.n_continuing:
                network.carry(packed, ws)
            if output == "attention":
                unpack(packed.starts, offsets[packed.order] + first, ws.pool.e[:, np.newaxis], out)
            elif output == "scores" and network.per_step:
                unpack(packed.starts, offsets[packed.order] + first, network.step_scores(params, packed, ws), out)
        if output == "attention":
            # What a step weighs is known after the last one; until then out has the logarithms, up to a constant.
            for first, last in pairwise(bounds):
                batch.pack(out, first, last, zero, one, ws.pool.e[:, np.newaxis])
                packed = batch.chunk(first, last, None)
                unpack(packed.starts, offsets[packed.order] + first, network.pool.weights(packed, ws.pool)[:, np.newaxis], out)
        elif output == "end_states":
            network.layers[-1].end_states(packed, ws.skips[-1], ws.layers[-1], ws.ends)
            out[batch.order] = ws.ends[: batch.n_sequences]
        elif not network.per_step:
            out[batch.order] = network.scores(params, batch.lengths, ws)

    return run
