"""The whole model as a spec: input layer -> recurrent stack -> pooling -> head."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _engine, _weights
from .bias_init import ConstantBias
from .cached import cached
from .cells import CELLS
from .checks import check_layout, check_network
from .dense import Dense
from .dropout import Dropout, draw_mask
from .input_layer import InputLayer
from .params import ParamLayout
from .pooling import pooling_names, pooling_of
from .recurrent import RecurrentLayer
from .workspace import aligned_empty

FORGET_BIAS = ConstantBias(1.0)

# Parameters that the L2 penalty falls on, by their own name: not biases, gains, initial states or category vectors,
# most of which a minibatch does not use.
WEIGHTS = {"W", "R", "A", "v", "V"} | {cell.extra.name for cell in CELLS.values() if cell.extra and cell.extra.is_weight}


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

    def __post_init__(self):
        check_network(self)
        input_layer = InputLayer(self.input_size, self.categories)
        layers, width = [], input_layer.output_size
        options = (self.cell, self.activation, self.bidirectional, self.merge_mode, self.residual, self.learned_state)
        for hidden_size in self.hidden_sizes:
            layers.append(RecurrentLayer(width, hidden_size, *options))
            width = layers[-1].output_size
        if not self.categories and layers[0].folds_input_scale:
            input_layer = None
        poolings = pooling_names(self.pooling)
        pool = pooling_of(poolings, width)
        parts = {} if input_layer is None else {"input": input_layer}
        parts |= {f"layer_{k}": layer for k, layer in enumerate(layers)}
        if pool is not None and pool.param_shapes():
            parts["attention"] = pool
        head = Dense(width if pool is None else pool.output_size, self.output_size)
        parts["head"] = head
        shapes = {f"{name}.{key}": shape for name, part in parts.items() for key, shape in part.param_shapes().items()}
        layout = ParamLayout(shapes)
        check_layout(layout, self)
        # A frozen dataclass sets what it derives this way.
        derived = dict(input_layer=input_layer, layers=tuple(layers), poolings=poolings, pool=pool, head=head)
        for name, value in (derived | dict(parts=parts, layout=layout)).items():
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
            states = [tuple(p.get(f"{prefix}{state}") for state in ("h0", "c0")) for prefix in layer.directions]
            directions = [layer.pack(p, j) for j in range(len(layer.directions))]
            layers.append((directions, states, self.bidirectional and self.merge_mode == "sum", layer.has_skip))
        p = params.get("attention")
        attention = None if p is None else (p["A"], p["b"], p["v"])
        return _weights.Weights(layers, params["head"]["V"], params["head"]["b"], attention)

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
        return bool(self.dropout or self.recurrent_dropout or self.categories)

    def bind(self, vector):
        """The parameters (or gradients) in a flat vector: for each part a dict of views."""
        parts = {name: {} for name in self.parts}
        for name, view in self.layout.views(vector).items():
            part, _, own = name.partition(".")
            parts[part][own] = view
        return parts

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
        return [vector[part] for name, part in self.layout.slices.items() if name.rpartition(".")[2] in WEIGHTS]

    def workspace(self, n_sequences, n_rows, dtype, *, carries=False):
        """Buffers for batches of up to that many sequences and rows, or with `carries` for chunks of longer ones."""
        return NetworkWorkspace(self, n_sequences, n_rows, dtype, carries)

    # ---- a whole batch ----

    def forward(self, params, packed, ws, rng=None):
        """Scores of each sequence of the batch, or of each of its rows: an array (n, output_size) in the workspace.

        With `rng` as in training: with dropout, and with some categories hidden.
        """
        self.begin(packed.n_sequences, ws, rng)
        self.forward_chunk(params, packed, ws, rng)
        if self.returns_sequences:
            return self.step_scores(params, packed, ws, rng)
        return self.scores(params, packed.lengths, ws, rng)

    def backward(self, params, grads, packed, ws, dscores, dx=None):
        """Add the gradients to those in `grads`, after `forward` on the same batch.

        Parameters
        ----------
        params, grads : dict of str to dict of str to ndarray
            From `bind`.
        packed : Packed
        ws : workspace
        dscores : ndarray of shape (n, output_size)
            Gradient with respect to the scores.
        dx : ndarray of shape (>= n_rows, input_size), default=None
            Overwritten by the gradient with respect to the input, if given.
        """
        if not self.returns_sequences:
            self.backward_scores(params, grads, ws, dscores)
        self.backward_chunk(params, grads, packed, ws, dscores if self.returns_sequences else None, dx)

    # ---- chunk of steps by chunk of steps ----

    def begin(self, n_sequences, ws, rng):
        """Before the first chunk of a batch."""
        for masks in ws.recurrent_masks if self.recurrent_dropout else ():
            for mask in masks:
                if rng is None:
                    mask[:n_sequences] = 1
                else:
                    draw_mask(rng, self.recurrent_dropout, mask[:n_sequences])
        if self.pool is not None:
            self.pool.begin(n_sequences, ws.pool)

    def forward_chunk(self, params, packed, ws, rng=None):
        """Run the layers over a chunk, and hand their outputs to the pooling."""
        self._run_layers(params, packed, ws, rng)
        if self.pool is not None:
            self.pool.update(params.get("attention"), packed, self.layers[-1], ws.skips[-1], ws.layers[-1], ws.pool)

    def recompute_chunk(self, params, packed, ws, rng=None):
        """Compute again what `backward_chunk` reads of a chunk that the pooling has had."""
        y = self._run_layers(params, packed, ws, rng)
        if self.pool is not None:
            self.pool.recompute(params.get("attention"), packed, y, ws.pool)

    def _run_layers(self, params, packed, ws, rng):
        """Outputs of the last layer."""
        x = packed.values if self.input_layer is None else self.input_layer.forward(params["input"], packed, ws.input, rng)
        for k, layer in enumerate(self.layers):
            ws.skips[k] = x
            ws.inputs[k] = x if ws.dropouts[k] is None else ws.dropouts[k].forward(x, packed.n_rows, rng)
            masks = None if rng is None else ws.recurrent_masks[k]
            x = layer.forward(params[f"layer_{k}"], packed, ws.inputs[k], ws.layers[k], skip=x, masks=masks)
        return x

    def carry(self, packed, ws):
        """Keep the states for the sequences that continue in the next chunk."""
        for layer, layer_ws in zip(self.layers, ws.layers, strict=True):
            layer.carry(packed, layer_ws)

    def scores(self, params, lengths, ws, rng=None):
        """Scores of each sequence, after the last chunk."""
        n = len(lengths)
        self.pool.finish(lengths, ws.pool)
        return self._head(params, ws.pool.out[:n], ws, rng)

    def step_scores(self, params, packed, ws, rng=None):
        """Scores of each row of a chunk."""
        return self._head(params, ws.layers[-1].y[: packed.n_rows], ws, rng)

    def _head(self, params, x, ws, rng):
        n = len(x)
        ws.head_input = (x if ws.head_dropout is None else ws.head_dropout.forward(x, n, rng))[:n]
        self.head.forward(params["head"], ws.head_input, ws.scores[:n], ws.head)
        return ws.scores[:n]

    def backward_scores(self, params, grads, ws, dscores):
        """From the scores of the sequences to the pooling."""
        self._backward_head(params, grads, ws, dscores, ws.pool.dout)

    def _backward_head(self, params, grads, ws, dscores, dx):
        n = len(dscores)
        self.head.backward(params["head"], grads["head"], ws.head_input, dscores, dx[:n], ws.head)
        if ws.head_dropout is not None:
            ws.head_dropout.backward(dx, n)

    def backward_chunk(self, params, grads, packed, ws, dscores=None, dx=None):
        """Add the gradients of a chunk, after `forward_chunk` on it; dscores where scores are per step."""
        if self.returns_sequences:
            self._backward_head(params, grads, ws, dscores, ws.dy)
            grad_output = {"dy": ws.dy}
        else:
            p, g = params.get("attention"), grads.get("attention")
            grad_output = self.pool.backward(p, g, packed, ws.layers[-1].y, ws.pool)
        for k in reversed(range(len(self.layers))):
            layer, name = self.layers[k], f"layer_{k}"
            wanted = dx is not None or self.categories  # of the input layer
            grad_input = dx if self.input_layer is None and k == 0 else ws.dx[k] if k or wanted else None
            p, g = params[name], grads[name]
            layer.backward(p, g, packed, ws.inputs[k], ws.layers[k], dx=grad_input, masks=ws.recurrent_masks[k], **grad_output)
            if ws.dropouts[k] is not None:
                ws.dropouts[k].backward(grad_input, packed.n_rows)
            if layer.has_skip and grad_input is not None:
                layer.backward_skip(packed, dx=grad_input, **grad_output)
            grad_output = {"dy": grad_input}
        if self.input_layer is not None:
            self.input_layer.backward(params["input"], grads["input"], packed, ws.dx[0], ws.input, dx)


class NetworkWorkspace:
    """Every buffer that a network writes for batches of up to `n_sequences` sequences and `n_rows` rows."""

    def __init__(self, network, n_sequences, n_rows, dtype, carries):
        self.n_sequences = n_sequences
        self.n_rows = n_rows
        layers = network.layers
        self.values = aligned_empty((n_rows, network.input_size), dtype)
        self.input = None if network.input_layer is None else network.input_layer.workspace(n_rows, dtype)
        self.layers = [layer.workspace(n_sequences, n_rows, dtype, carries=carries) for layer in layers]
        # What each layer reads, and what it adds to its output: the same before dropout.
        self.inputs, self.skips = [None] * len(layers), [None] * len(layers)
        self.pool = None if network.pool is None else network.pool.workspace(n_sequences, n_rows, dtype)
        n_scores = n_rows if network.returns_sequences else n_sequences
        self.head = network.head.workspace(n_scores, dtype)
        self.scores = aligned_empty((n_scores, network.output_size), dtype)
        self.dropouts, self.head_dropout, self.recurrent_masks = [None] * len(layers), None, [None] * len(layers)
        self.dscores = aligned_empty((n_scores, network.output_size), dtype)
        # dx[k]: gradient with respect to the input of layer k; that of the first is the network's own without an input layer.
        self.dx = [aligned_empty((n_rows, layer.input_size), dtype) for layer in layers[1:]]
        self.dx.insert(0, None if network.input_layer is None else aligned_empty((n_rows, layers[0].input_size), dtype))
        self.dy = aligned_empty((n_rows, layers[-1].output_size), dtype) if network.returns_sequences else None
        if network.dropout:
            self.dropouts[1:] = [Dropout(network.dropout, n_rows, layer.input_size, dtype) for layer in layers[1:]]
            self.head_dropout = Dropout(network.dropout, n_scores, network.head.input_size, dtype)
        if network.recurrent_dropout:
            self.recurrent_masks = [
                [aligned_empty((n_sequences, layer.hidden_size), dtype) for _ in layer.directions] for layer in layers
            ]

    def holds(self, n_sequences, n_rows):
        """Whether a batch of that size fits."""
        return n_sequences <= self.n_sequences and n_rows <= self.n_rows
