"""An encoder and a decoder with every buffer that they write, for batches of pairs of sequences."""

import numpy as np
from scipy.special import softmax

from .._kernels import _minibatch, _pairs
from .dropout import Draws, Dropout
from .mixture import draw_columns
from .stack import StackWorkspace
from .workspace import aligned_empty


class DecoderStack(StackWorkspace):
    """That of a decoder, which reads what it has written: no code of it is unknown."""

    hides_codes = False


class PairedWorkspace:
    """An `EncoderDecoder` bound to its parameters and to every buffer that it writes, for batches of up to some size.

    Parameters
    ----------
    network : EncoderDecoder
    theta : ndarray of shape (n_params,)
    n_sequences : int
    n_rows : tuple of (int, int, int)
        As in `EncoderDecoder.workspace`.
    of_input : bool

    Attributes
    ----------
    encoder, decoder : StackWorkspace
    scores, dscores : ndarray of shape (n_rows[1], output_size)
        Packed.
    attention : dict of str to ndarray, or None
        As in `CrossAttention.workspace`; "weights" has those of the last batch, for each target a block (its steps, those of its
        source).
    bound : BoundPair
        What runs.
    bridge : BoundPair
        The encoder and the bridge alone, for targets of one step.
    """

    def __init__(self, network, theta, n_sequences, n_rows, of_input=False):
        dtype, (n_source_rows, n_target_rows, n_weights) = theta.dtype, n_rows
        self.network, self.n_sequences, self.n_rows = network, n_sequences, tuple(n_rows)
        self.encoder = StackWorkspace(network.source, n_sequences, n_source_rows, dtype, of_input=of_input)
        self.decoder = DecoderStack(network.target, n_sequences, n_target_rows, dtype, carries=True)
        self.dvalues = self.encoder.dvalues
        self.scores, self.dscores = (aligned_empty((n_target_rows, network.output_size), dtype) for _ in range(2))
        self.dy = aligned_empty((n_target_rows, network.target.layers[-1].output_size), dtype)
        self.attention = self.out = self.dout = self.de = None
        if network.cross is not None:
            self.attention = network.cross.workspace(n_sequences, n_source_rows, n_target_rows, n_weights, dtype)
            self.out, self.dout = (aligned_empty(self.dy.shape, dtype) for _ in range(2))
            self.de = aligned_empty((n_source_rows, network.layers[-1].output_size), dtype)
        if network.dropout:
            self.decoder.head_dropout = Dropout(network.dropout, n_target_rows, network.head.input_size, dtype)
        self._bind(theta)

    def _bind(self, theta):
        network, params, n = self.network, self.network.bind(theta), self.n_sequences
        n_layers, n_source_rows, n_target_rows = len(network.layers), *self.n_rows[:2]

        def d_ends_of(sizes):
            return {f"d{state}_end": aligned_empty((n, size), theta.dtype) for state, size in zip("hc", sizes, strict=False)}

        d_ends = [[d_ends_of(layer.state_sizes) for _ in layer.directions] for layer in network.layers]
        stages, e = self.encoder.bind_stack(theta, params, self.de, None, d_ends=d_ends)
        features = None if self.encoder.static is None else self.encoder.static.features
        source = _minibatch.BoundNetwork(theta, stages, [], n, n_source_rows, self.encoder.values, e, self.de, features)
        bridges = []
        for k, stage in enumerate(stages[-n_layers:]):
            spec, p = network.parts[f"bridge.layer_{k}"], params[f"bridge.layer_{k}"]
            bridges += spec.bind(theta, p, stage, self.decoder.layers[k], d_ends[k])
        stages, x = self.decoder.bind_stack(theta, network.of_decoder(params), self.dy, None, begins=[True] * n_layers)
        stages, dx = bridges + stages, self.dy
        if network.cross is not None:
            p = params["attention"]
            stages.append(network.cross.bind(theta, p, self.attention, e, self.de, x, dx, self.out, self.dout))
            x, dx = self.out, self.dout
        if self.decoder.head_dropout is not None:
            stages.append(self.decoder.head_dropout.bind(theta, x, dx))
            x = self.decoder.head_dropout.out
        stages.append(network.head.bind(theta, params["head"], x, dx, self.scores, self.dscores))
        target = _minibatch.BoundNetwork(theta, stages, [], n, n_target_rows, self.decoder.values, self.scores, self.dscores)
        self.bound = _pairs.BoundPair(source, target, self.n_rows[2])
        self.nothing = np.zeros((n, 1), theta.dtype)
        ends = _minibatch.BoundNetwork(theta, bridges, [], n, n, self.nothing, self.nothing, None)
        self.bridge = _pairs.BoundPair(source, ends, n_source_rows)

    def holds(self, n_sequences, n_rows):
        """Whether a batch of that size fits."""
        return n_sequences <= self.n_sequences and all(rows <= own for rows, own in zip(n_rows, self.n_rows, strict=True))

    def at_least(self, n_sequences, n_rows):
        """Sizes of one that holds such a batch too."""
        return max(n_sequences, self.n_sequences), tuple(map(max, n_rows, self.n_rows))

    def gradient(self, minibatch, total_weight, gradient, rng):
        """Loss and gradient of what a minibatch has turned to; `rng` is None for networks that draw no random numbers."""
        draws = None if rng is None else PairedDraws(self, rng, minibatch)
        return minibatch.gradient(self.bound, total_weight, gradient, draws, self.network.scheduled_sampling > 0)

    def forward(self, source, target, rng=None):
        """Scores of each row of the target, given batches of the same sequences, `Packed`; with `rng` as in training, but for
        scheduled sampling."""
        if rng is not None:
            draws = PairedDraws(self, rng, None)
            draws.begin(source.n_sequences)
            draws.chunk(source.n_rows)
            draws.end(target.n_rows)
        self.bound.run(arguments(source), arguments(target), pairs_of(source.order, target.order))
        return self.scores[: target.n_rows]

    def backward(self, grad, dscores, dstatic=None):
        """Add the gradients of the parameters to `grad` (n_params,), and overwrite `dvalues`, as `NetworkWorkspace.backward`."""
        self.dscores[: len(dscores)] = dscores
        self.bound.run_backward(grad, self.dvalues, dstatic)

    def encode(self, source):
        """Outputs of every row of the source, packed, and the states that decoders begin with, in the order of the batch."""
        n = source.n_sequences
        once = np.array([0, n], np.intp), np.ones(n, np.intp), self.nothing[:n], None
        self.bridge.run(arguments(source), once, np.arange(n))
        states = [first[0][:n] for ws in self.decoder.layers for first in (ws.h0, ws.c0) if first[0] is not None]
        return self.encoder.layers[-1].y[: source.n_rows], states


def arguments(packed):
    """Those of `BoundNetwork.run`."""
    return packed.starts, packed.lengths, packed.values, packed.static


def pairs_of(source_order, target_order):
    """For each sequence in the order of the target, its position in that of the source."""
    place = np.empty(source_order.max() + 1, np.intp)
    place[source_order] = np.arange(len(source_order))
    return place[target_order]


class PairedDraws:
    """The random numbers of a minibatch of pairs, as `Draws`.

    Parameters
    ----------
    ws : PairedWorkspace
    rng : Generator
    minibatch : PairedMinibatch or None
        For scheduled sampling.
    """

    def __init__(self, ws, rng, minibatch):
        self.ws, self.rng, self.minibatch = ws, rng, minibatch
        self.source, self.target = Draws(ws.encoder, rng), Draws(ws.decoder, rng)

    def begin(self, n_sequences):
        """Before both sides."""
        self.source.begin(n_sequences)
        self.target.begin(n_sequences)

    def chunk(self, n_rows):
        """Before the encoder."""
        self.source.chunk(n_rows)

    def end(self, n_rows):
        """Before the decoder."""
        self.target.chunk(n_rows)

    def again(self):
        """Replace some inputs of the decoder by what it predicted for the step before.

        All steps are predicted at once, given the true inputs (Duckworth et al. 2019; Mihaylova and Martins 2019).
        """
        starts, network = self.minibatch.target_starts(), self.ws.network
        later = np.arange(starts[1], starts[-1])
        before = later - np.repeat(np.diff(starts)[:-1], np.diff(starts)[1:])  # the same sequence, a step earlier
        chosen = self.rng.random(len(later)) < network.scheduled_sampling
        scores, uniform = self.ws.scores[before[chosen]], self.rng.random(int(chosen.sum()))
        if not network.reads_numbers:
            scores = draw_columns(softmax(scores.astype(np.float64), axis=1), uniform)[:, np.newaxis]
        self.ws.decoder.values[later[chosen]] = scores
