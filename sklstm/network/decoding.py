"""Predictions of an encoder and a decoder: given the targets of the steps before, or step by step."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _attention, _dense, _engine
from .._kernels._pack import unpack
from ..parallel import Threads
from ..sequences import Packed
from .inference import THREAD_FLOPS, with_one_blas_thread
from .workspace import aligned_empty

# Sequences that are run together, and steps of either side and pairs of steps that they have, unless a single one has more.
CHUNK_SEQUENCES, CHUNK_STEPS, CHUNK_WEIGHTS = 128, 1 << 13, 1 << 18


def _chunks(sizes):
    """Sequences of similar length together; sizes (n_sequences, 3) are steps of the source and of the target, and their product.
    Without attention they are (n_sequences, 2), without a target (n_sequences, 1)."""
    limits, order = np.array((CHUNK_STEPS, CHUNK_STEPS, CHUNK_WEIGHTS))[: sizes.shape[1]], np.lexsort(-sizes.T[::-1])
    chunks, start = [], 0
    while start < len(order):
        totals = np.cumsum(sizes[order[start : start + CHUNK_SEQUENCES]], axis=0)
        fits = int(np.argmin(np.append((totals <= limits).all(axis=1), False)))
        chunks.append(order[start : start + max(fits, 1)])
        start += len(chunks[-1])
    return chunks


def _run_chunks(network, theta, sizes, n_threads, run):
    """Call ``run(ws, rows)`` for chunks of sequences on several threads, each with a workspace."""
    n_threads = max(1, min(n_threads, int(sizes[:, :2].sum() * network.flops_per_row / THREAD_FLOPS)))
    chunks = _chunks(sizes if network.cross is not None else sizes[:, :2])

    def run_some(own):
        if own:
            totals = [sizes[rows].sum(axis=0) for rows in own]
            totals = np.max([total if len(total) == 3 else (total[0], 1, 0) for total in totals], axis=0)
            rows = max(max(map(len, own)), totals[1])
            ws = network.workspace(theta, max(map(len, own)), (int(totals[0]), int(rows), int(totals[2])))
            for part in own:
                run(ws, part)

    Threads(n_threads).map(run_some, [chunks[k::n_threads] for k in range(n_threads)])


@with_one_blas_thread
def apply_pairs(network, theta, sequences, inputs, *, shift=None, factor=None, n_threads=1, attends=False):
    """Scores of every step of the targets, given the steps before; those of one pair do not depend on the others.

    Parameters
    ----------
    network : EncoderDecoder
    theta : ndarray of shape (n_params,)
    sequences : Sequences
        Sources, checked, in theta's dtype.
    inputs : Sequences
        What the decoder reads, in theta's dtype: codes (total_steps, 1), or numbers.
    shift, factor : ndarray of shape (n_channels,), default=None
        Channels of the sources enter as ``(x - shift) * factor``.
    n_threads : int, default=1
        Threads at most.
    attends : bool, default=False
        Whether the weights of the attention are returned too.

    Returns
    -------
    scores : ndarray of shape (total_steps, output_size)
    weights : list of ndarray of shape (n_steps, n_source_steps), or None
    """
    network, dtype = network.without_dropout(), theta.dtype
    shift = np.zeros(network.input_size, dtype) if shift is None else shift
    factor = np.ones(network.input_size, dtype) if factor is None else factor
    units = np.zeros(inputs.n_channels, dtype), np.ones(inputs.n_channels, dtype)
    scores = np.empty((len(inputs.values), network.output_size), dtype)
    weights = [None] * len(sequences) if attends else None
    sizes = np.column_stack([sequences.lengths, inputs.lengths, sequences.lengths * inputs.lengths])

    def run(ws, rows):
        source = Packed.gather(sequences, rows, shift, factor, lambda n, n_rows: ws.encoder.values)
        target = Packed.gather(inputs, rows, *units, lambda n, n_rows: ws.decoder.values)
        unpack(target.starts, inputs.offsets[target.order], ws.forward(source, target), scores)
        if attends:
            n_steps, n_source_steps = inputs.lengths[target.order], sequences.lengths[target.order]
            blocks = np.split(ws.attention["weights"], np.cumsum(n_steps * n_source_steps))
            for row, block, *shape in zip(target.order, blocks, n_steps, n_source_steps, strict=False):
                weights[row] = block.reshape(shape).copy()

    _run_chunks(network, theta, sizes, n_threads, run)
    return scores, weights


@dataclass(frozen=True, eq=False)
class Memory:
    """What a decoder has of some sources.

    Attributes
    ----------
    values : ndarray of shape (total_steps, F)
        Outputs of the encoder, sequence by sequence.
    offsets : ndarray of int of shape (n_sequences + 1,)
    states : list of ndarray of shape (n_sequences, H)
        That decoders begin with: of each layer h, and where the cell has one c.
    keys : ndarray of shape (total_steps, H) or None
        What additive attention makes of the values.
    """

    values: np.ndarray
    offsets: np.ndarray
    states: list
    keys: np.ndarray | None = None


class Decoder:
    """Runs a decoder step by step; it does not change, so that several threads can use it.

    Parameters
    ----------
    network : EncoderDecoder
    theta : ndarray of shape (n_params,)
        Not to be written to any more.
    """

    def __init__(self, network, theta):
        self.network, self.theta = network.without_dropout(), theta
        params = network.bind(theta)
        own = network.of_decoder(params)
        self._entry, self._head = own["input"], (own["head"]["V"], own["head"]["b"])
        self._weights = network.target.weights(own)
        self._attention = None if network.cross is None else network.cross.parameters(params["attention"])

    def start(self, n):
        """What the first step of n targets reads: codes (n,) of 0, or the numbers (n, q) that are 0 in standard units. A decoder
        that reads no outputs has a single one, at every step."""
        if self.network.token_width:
            return np.zeros(n, np.intp)
        return np.tile(-self._entry["offset"] / self._entry["scale"], (n, 1))

    @with_one_blas_thread
    def encode(self, sequences, n_threads=1):
        """The `Memory` of sources (Sequences, checked, in theta's dtype)."""
        network, dtype = self.network, self.theta.dtype
        values = np.empty((len(sequences.values), network.layers[-1].output_size), dtype)
        sizes = [size for layer in network.target.layers for size in layer.state_sizes]
        states = [np.empty((len(sequences), size), dtype) for size in sizes]
        units = np.zeros(network.input_size, dtype), np.ones(network.input_size, dtype)

        def run(ws, rows):
            source = Packed.gather(sequences, rows, *units, lambda n, n_rows: ws.encoder.values)
            y, firsts = ws.encode(source)
            unpack(source.starts, sequences.offsets[source.order], y, values)
            for state, first in zip(states, firsts, strict=True):
                state[source.order] = first

        _run_chunks(network, self.theta, sequences.lengths[:, np.newaxis], n_threads, run)
        keys = None
        if self._attention is not None and self._attention[1] is not None:
            B = self._attention[1]
            keys = self._project(values, B, np.zeros(B.shape[1], dtype))
        return Memory(values, sequences.offsets, states, keys)

    @with_one_blas_thread
    def step(self, memory, sources, states, inputs, *, return_weights=False):
        """One step of m targets, each by itself: bits do not depend on the others.

        Parameters
        ----------
        memory : Memory
        sources : ndarray of int of shape (m,)
            Which source each has; attention is faster where those of one source follow each other.
        states : list of ndarray of shape (m, H)
            As in `Memory`: rows of its states to begin with, and then what this returns.
        inputs : ndarray of shape (m,) or (m, q)
            Codes, or numbers.
        return_weights : bool, default=False

        Returns
        -------
        scores : ndarray of shape (m, output_size)
        states : list of ndarray of shape (m, H)
        weights : list of ndarray of shape (n_source_steps,)
            Of the attention, if asked for.
        """
        m, dtype, attends = len(sources), self.theta.dtype, self._attention is not None
        if m == 0:
            return (np.empty((0, self.network.output_size), dtype), states, *([[]] if return_weights else []))
        engine = _engine.Engine(self._weights, ("last",), m, m, attends)
        engine.begin(m)
        engine.set_state([np.zeros(m, np.intp), *(np.ascontiguousarray(state, dtype) for state in states)])
        engine.advance(np.array([0, m], np.intp), 0, self._read(inputs))
        # With attention the engine stops below the head, at the states of the last layer.
        target = self.network.target
        out = np.empty((m, target.layers[-1].output_size if attends else target.output_size), dtype)
        engine.results(out)
        states = [np.empty(state.shape, dtype) for state in states]
        engine.get_state([np.empty(m, np.intp), *states])
        if not attends:
            return out, states
        sources, weights = np.ascontiguousarray(sources, np.intp), None
        scratch = self.network.cross.scratch(len(memory.values), m, dtype)
        out, weights = _attention.read_source(
            self._attention, memory.values, memory.keys, memory.offsets, sources, out, scratch
        )
        scores = self._project(out, *self._head)
        if not return_weights:
            return scores, states
        return scores, states, np.split(weights, np.cumsum(np.diff(memory.offsets)[sources])[:-1])

    def attention(self, sequences, inputs, n_threads=1):
        """Weights of the steps of each source for each step of its target: a list of ndarray (n_steps, n_source_steps)."""
        if self._attention is None:
            raise ValueError("The network has no attention.")
        return apply_pairs(self.network, self.theta, sequences, inputs, n_threads=n_threads, attends=True)[1]

    def scores(self, sequences, inputs, n_threads=1):
        """Scores (total_steps, output_size) of every step of the targets, given those before."""
        return apply_pairs(self.network, self.theta, sequences, inputs, n_threads=n_threads)[0]

    def _read(self, inputs):
        """What the first layer reads (m, width)."""
        if self.network.token_width == 0:
            return np.ascontiguousarray(inputs * self._entry["scale"] + self._entry["offset"], self.theta.dtype)
        codes = np.asarray(inputs, np.intp)
        if len(codes) and not 0 <= codes.min() <= codes.max() < self.network.output_size:
            raise ValueError(f"Codes must be from 0 to {self.network.output_size - 1}, got {codes.min()} to {codes.max()}.")
        return self._entry["E0"][codes]

    def _project(self, rows, V, b):
        size = _dense.scratch_size(1, *V.shape, V.itemsize)
        return _dense.project_rows(rows, V, b, aligned_empty((size,), V.dtype))
