"""The whole model as a spec: input layer -> recurrent stack -> pooling -> head."""

from dataclasses import dataclass, replace

import numpy as np

from .._kernels import _engine, _minibatch, _weights
from .bias_init import ConstantBias
from .cached import cached
from .cells import CELLS
from .checks import check_layout, check_network
from .dense import Dense
from .dropout import Draws, Dropout
from .input_layer import InputLayer
from .params import ParamLayout
from .pooling import pooling_names, pooling_of
from .recurrent import RecurrentLayer
from .stack import StackWorkspace
from .static import StaticFeatures
from .structure import STRUCTURES, Chain, LinearChain
from .workspace import aligned_empty

FORGET_BIAS = ConstantBias(1.0)

# Parameters that the L2 penalty falls on, by their own name: not biases, gains, initial states or category vectors,
# most of which a minibatch does not use.
WEIGHTS = {"W", "R", "P", "S", "A", "B", "C", "v", "V", "Wh", "Wc", "transitions", "start", "end"}
WEIGHTS |= {cell.extra.name for cell in CELLS.values() if cell.extra and cell.extra.is_weight}


def penalized(layout, vector):
    """Views of the parameters in a flat vector that the L2 penalty falls on."""
    return [vector[part] for name, part in layout.slices.items() if name.rpartition(".")[2] in WEIGHTS]


@dataclass(frozen=True)
class Network:
    """Spec of a network. It holds no arrays; parameters are views of a flat vector, activations live in a workspace.

    Parameters
    ----------
    input_size : int
        Channels of a step.
    output_size : int
        Scores of a sequence, or of a step.
    hidden_sizes : tuple of int
        Units of each layer, per direction.
    cell, activation, bidirectional, merge_mode, residual, learned_state
        As in `RecurrentLayer`.
    pooling : {"last", "mean", "max", "attention"}, tuple of such, or None
        The head sees the outputs of several side by side. None gives scores for every step.
    dropout : float
        Rate on the input of every layer but the first, and before the head.
    recurrent_dropout : float
        Rate on what enters R, with one mask per sequence.
    categories : tuple of (int, int, int)
        As in `InputLayer`.
    missing : {"error", "indicator", "decay"}
        As in `InputLayer`.
    gap_channel : int or None
        Channel with the time since the step before, as in `InputLayer`.
    input_dropout : float
        Rate at which values of numeric channels are missing in training.
    static_size : int
        Static features of a sequence; 0 for a network that has none.
    static_categories : tuple of (int, int, int)
        As in `StaticFeatures`.
    structure : {"crf", "ctc"} or None
        With "crf", scores of every step are part of those of a `LinearChain`. With "ctc" they are those of the labels of a
        sequence, aligned with its steps in any way, and of blank.
    proj_size : int
        Width of h in every layer, as in `RecurrentLayer`; 0 for that of the units.

    Raises
    ------
    ValueError
        If one of these is not as described: kernels trust a network.
    """

    input_size: int
    output_size: int
    hidden_sizes: tuple
    cell: str = "lstm"
    activation: str = "tanh"
    bidirectional: bool = False
    merge_mode: str = "concat"
    pooling: str | tuple | None = "last"
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    residual: bool = False
    learned_state: bool = False
    categories: tuple = ()
    missing: str = "error"
    input_dropout: float = 0.0
    static_size: int = 0
    static_categories: tuple = ()
    gap_channel: int | None = None
    structure: str | None = None
    proj_size: int = 0

    cross = None  # no attention to another sequence
    keeps_units = False  # whether the input layer scales numeric channels even where the first layer could

    def __post_init__(self):
        check_network(self)
        input_layer = InputLayer(self.input_size, self.categories, self.missing, self.bidirectional, self.gap_channel)
        static = StaticFeatures(self.static_size, self.static_categories, self.output_size) if self.static_size else None
        layers, width = [], input_layer.output_size
        options = (self.cell, self.activation, self.bidirectional, self.merge_mode, self.residual, self.learned_state)
        options = (*options, static.width if static is not None else 0, self.proj_size)
        for hidden_size in self.hidden_sizes:
            layers.append(RecurrentLayer(width, hidden_size, *options))
            width = layers[-1].output_size
        folds_input_scale = layers[0].folds_input_scale and not (input_layer.allows_missing or self.keeps_units)
        if not self.categories and folds_input_scale and self.gap_channel is None:
            input_layer = None
        poolings = pooling_names(self.pooling)
        pool = pooling_of(poolings, width)
        parts = {} if input_layer is None else {"input": input_layer}
        if static is not None:
            parts["static"] = static
        parts |= {f"layer_{k}": layer for k, layer in enumerate(layers)}
        if pool is not None and pool.param_shapes():
            parts["attention"] = pool
        head = Dense(width if pool is None else pool.output_size, self.output_size)
        parts["head"] = head
        if self.structure in STRUCTURES:
            parts["crf"] = LinearChain(self.output_size)
        shapes = {f"{name}.{key}": shape for name, part in parts.items() for key, shape in part.param_shapes().items()}
        layout = ParamLayout(shapes)
        check_layout(layout, self)
        # A frozen dataclass sets what it derives this way.
        derived = dict(input_layer=input_layer, static=static, layers=tuple(layers), poolings=poolings, pool=pool, head=head)
        derived |= dict(parts=parts, layout=layout, folds_input_scale=folds_input_scale)
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @cached
    def returns_sequences(self):
        """Whether there are scores for every step."""
        return self.pool is None

    @cached
    def is_causal(self):
        """Whether the outputs so far need the steps so far alone, and of those a state of fixed size."""
        return not self.bidirectional and "attention" not in self.poolings

    def weights(self, params):
        """What engines read, packed: of the layers, the attention and the head, not of the input layer.

        Parameters
        ----------
        params : dict of str to dict of str to ndarray
            From `bind`; not to be written to any more.

        Returns
        -------
        Weights
        """
        layers = []
        for k, layer in enumerate(self.layers):
            p = params[f"layer_{k}"]
            states = [tuple(p.get(f"{prefix}{state}") for state in ("h0", "c0", "S")) for prefix in layer.directions]
            directions = [layer.pack(p, j) for j in range(len(layer.directions))]
            layers.append((directions, states, self.bidirectional and self.merge_mode == "sum", layer.has_skip))
        p = params.get("attention")
        attention = None if p is None else (p["A"], p["b"], p["v"])
        static_V = None if self.static is None else params["static"]["V"]
        return _weights.Weights(layers, params["head"]["V"], params["head"]["b"], attention, static_V)

    def engine(self, weights, n_sequences, n_rows, *, encodes=False):
        """The kernel that runs the network, after its input layer, for predictions.

        Parameters
        ----------
        weights : Weights
        n_sequences, n_rows : int
            Of a chunk of steps, at most; no rows for an engine that takes single steps only.
        encodes : bool, default=False
            Whether results are the last outputs, whatever the pooling, instead of the scores.

        Returns
        -------
        Engine
        """
        return _engine.Engine(weights, ("last",) if encodes else self.poolings, n_sequences, n_rows, encodes)

    @cached
    def flops_per_row(self):
        """Multiplications and additions of one training step per row."""
        return sum(layer.flops_per_row for layer in self.layers)

    @cached
    def is_stochastic(self):
        """Whether training draws random numbers beside those of the minibatches."""
        rates = self.dropout or self.recurrent_dropout or self.input_dropout
        return bool(rates or self.categories or self.static_categories)

    def bind(self, vector):
        """The parameters (or gradients) in a flat vector: for each part a dict of views."""
        parts = {name: {} for name in self.parts}
        for name, view in self.layout.views(vector).items():
            part, _, own = name.partition(".")
            parts[part][own] = view
        return parts

    def chain(self, theta, lengths):
        """The `Chain` for the scores of sequences of these lengths (n_sequences,); None for a network without a structure."""
        return None if self.structure is None else Chain(self._structure(theta), np.ascontiguousarray(lengths, np.intp))

    def _structure(self, vector):
        """The view (n_labels + 2, n_labels) of a chain in a flat vector; None without one."""
        if "crf" not in self.parts:
            return None
        first, last = (self.layout.slices[f"crf.{name}"] for name in ("transitions", "end"))
        return vector[first.start : last.stop].reshape(-1, self.output_size)

    def initialize(self, rng, dtype, bias=FORGET_BIAS):
        """A flat vector of initial parameters. The random numbers are drawn in float64, so both dtypes begin alike."""
        theta = np.empty(self.layout.size, dtype)
        params = self.bind(theta)
        for name, p in params.items():
            self.parts[name].initialize(p, rng)
        for k, layer in enumerate(self.layers):
            layer.initialize_biases(params[f"layer_{k}"], rng, bias)
        return theta

    def penalized(self, vector):
        """Views of the parameters that the L2 penalty falls on: the weights, not the biases."""
        return penalized(self.layout, vector)

    def workspace(self, theta, n_sequences, n_rows, *, carries=False, of_input=False):
        """The network bound to its parameters, with buffers for batches of up to that many sequences and rows.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            It may change in place.
        n_sequences, n_rows : int
        carries : bool, default=False
            Whether batches can be chunks of longer sequences.
        of_input : bool, default=False
            Whether the backward pass computes the gradient with respect to the channels too.
        """
        return NetworkWorkspace(self, theta, n_sequences, n_rows, carries, of_input)

    def without_dropout(self):
        """The same network for use outside training."""
        return replace(self, dropout=0.0, recurrent_dropout=0.0, input_dropout=0.0)


class NetworkWorkspace(StackWorkspace):
    """A network bound to its parameters and to every buffer that it writes, for batches of up to some size.

    Attributes beside those of `StackWorkspace`:

    Attributes
    ----------
    bound : BoundNetwork
        What runs: stages with pointers to all this.
    """

    def __init__(self, network, theta, n_sequences, n_rows, carries, of_input):
        dtype = theta.dtype
        super().__init__(network, n_sequences, n_rows, dtype, carries=carries, of_input=of_input)
        self.pool = None if network.pool is None else network.pool.workspace(n_sequences, n_rows, dtype)
        n_scores = n_rows if network.returns_sequences else n_sequences
        self.scores, self.dscores = (aligned_empty((n_scores, network.output_size), dtype) for _ in range(2))
        self.dy = aligned_empty((n_rows, network.layers[-1].output_size), dtype) if network.returns_sequences else None
        if network.dropout:
            self.head_dropout = Dropout(network.dropout, n_scores, network.head.input_size, dtype)
        self.bound = self._bind(theta)

    def _bind(self, theta):
        network, params = self.network, self.network.bind(theta)
        of_steps = (self.dy, None) if self.pool is None else (self.pool.dy, self.pool.d_end)
        (stages, x), ends, dx = self.bind_stack(theta, params, *of_steps), [], self.dy
        if self.pool is not None:
            stages += network.pool.bind(theta, params.get("attention"), self.pool, stages[-1], x)
            x, dx = self.pool.out, self.pool.dout
        head = stages if network.returns_sequences else ends
        if self.head_dropout is not None:
            head.append(self.head_dropout.bind(theta, x, dx))
            x = self.head_dropout.out
        head.append(network.head.bind(theta, params["head"], x, dx, self.scores, self.dscores))
        features = None
        if self.static is not None:
            head.append(self.static.bind_scores(theta, params["static"], self.scores, self.dscores))
            features = self.static.features
        structure = network._structure(theta)
        buffers = self.values, self.scores, self.dscores, features, structure
        return _minibatch.BoundNetwork(theta, stages, ends, self.n_sequences, self.n_rows, *buffers)

    def holds(self, n_sequences, n_rows):
        """Whether a batch of that size fits."""
        return n_sequences <= self.n_sequences and n_rows <= self.n_rows

    def at_least(self, n_sequences, n_rows):
        """Sizes of one that holds such a batch too."""
        return max(n_sequences, self.n_sequences), max(n_rows, self.n_rows)

    def gradient(self, minibatch, total_weight, gradient, rng):
        """Loss and gradient of what a minibatch has turned to; `rng` is None for networks that draw no random numbers."""
        return minibatch.gradient(self.bound, total_weight, gradient, None if rng is None else Draws(self, rng))

    def forward(self, packed, rng=None):
        """Scores of each sequence of a batch, or of each of its rows: an array (n, output_size) in the workspace.

        With `rng` as in training, where some categories are hidden; a network with dropout needs it.
        """
        n = packed.n_rows if self.network.returns_sequences else packed.n_sequences
        if rng is not None:
            draws = Draws(self, rng)
            draws.begin(packed.n_sequences)
            draws.chunk(packed.n_rows)
            draws.end(packed.n_sequences)
        self.bound.run(packed.starts, packed.lengths, packed.values, packed.static)
        return self.scores[:n]

    def backward(self, grad, dscores, dstatic=None):
        """Add the gradients of the parameters to `grad` (n_params,), and overwrite `dvalues`, after `forward`.

        dscores (n, output_size) is the gradient with respect to the scores; dstatic (n_sequences, static_size) is overwritten by
        that with respect to the static features.
        """
        self.dscores[: len(dscores)] = dscores
        self.bound.run_backward(grad, self.dvalues, dstatic)
