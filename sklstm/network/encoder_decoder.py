"""An encoder, and a decoder that begins with its states and reads its outputs: the model of sequences from sequences."""

from dataclasses import dataclass, fields, replace

import numpy as np

from .bias_init import ConstantBias
from .bridge import Bridge
from .cached import cached
from .checks import check_encoder_decoder, check_layout
from .cross_attention import CrossAttention
from .decoding import Decoder, apply_pairs
from .model import FORGET_BIAS, Network, penalized
from .paired import PairedWorkspace
from .params import ParamLayout


class DecoderNetwork(Network):
    """The layers and the head of a decoder, whose inputs keep their units visible: what is 0 in standard units is read first."""

    keeps_units = True


@dataclass(frozen=True)
class EncoderDecoder:
    """Spec of a network that maps sequences to sequences of other lengths; like `Network` it holds no arrays.

    The encoder is the stack of a `Network`. The layers of the decoder, as many and as wide, begin with affine maps of the states
    in which those of the encoder end, and walk over the targets of the steps before: the code 0 and then the codes of tokens, or
    zeros and then numbers in the units of the scores. A decoder that reads no outputs walks over zeros: without attention, all
    that it knows of a source are these first states.

    Parameters
    ----------
    input_size : int
        Channels of a step of the source.
    output_size : int
        K, scores of a step of the target.
    hidden_sizes, cell, activation, bidirectional, merge_mode, dropout, recurrent_dropout, residual, learned_state, categories, \
missing, input_dropout, static_size, static_categories, gap_channel, proj_size
        As in `Network`. Two directions, learned states, and all that is said of the input are those of the encoder.
    attention : {"dot", "additive"} or None
        As in `CrossAttention`; with None the head reads the decoder's outputs.
    token_width : int
        Width of the vectors of the K codes that the decoder reads; 0 if it reads K numbers.
    scheduled_sampling : float
        Rate at which training replaces inputs of the decoder by what the network predicts for the step before.
    reads_outputs : bool
        Whether the decoder reads the targets of the steps before.

    Raises
    ------
    ValueError
        If one of these is not as described.
    """

    input_size: int
    output_size: int
    hidden_sizes: tuple
    cell: str = "lstm"
    activation: str = "tanh"
    bidirectional: bool = False
    merge_mode: str = "concat"
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
    attention: str | None = "dot"
    token_width: int = 0
    scheduled_sampling: float = 0.0
    reads_outputs: bool = True
    proj_size: int = 0

    # What else a `Network` can have.
    pooling, poolings, pool, structure = None, (), None, None
    returns_sequences, is_causal = True, False

    def __post_init__(self):
        check_encoder_decoder(self)
        of_both = ("hidden_sizes", "cell", "activation", "dropout", "recurrent_dropout", "residual", "proj_size")
        of_encoder = {field.name for field in fields(Network)} & {field.name for field in fields(self)} - {"output_size"}
        encoder = Network(output_size=1, pooling=None, **{name: getattr(self, name) for name in of_encoder})
        codes = ((0, self.output_size, self.token_width),) if self.token_width else ()
        decoder = DecoderNetwork(
            self.output_size if self.reads_numbers else 1, self.output_size, categories=codes, pooling=None,
            **{name: getattr(self, name) for name in of_both},
        )  # fmt: skip
        parts = {name: part for name, part in encoder.parts.items() if name != "head"}
        if encoder.static is not None:
            parts["static"] = encoder.static.entry  # it is part of the scores through the states alone
        names = {name: f"encoder.{name}" for name in parts}
        n_directions = 2 if self.bidirectional else 1
        parts |= {f"bridge.layer_{k}": Bridge(n_directions, layer.state_sizes) for k, layer in enumerate(decoder.layers)}
        parts |= {f"decoder.{name}": part for name, part in decoder.parts.items() if name != "head"}
        cross = None
        if self.attention is not None:
            cross = CrossAttention(encoder.layers[-1].output_size, decoder.layers[-1].output_size, self.attention)
            parts["attention"] = cross
        parts["head"] = decoder.head
        places = {
            f"{names.get(name, name)}.{own}": (name, own, shape)
            for name, part in parts.items()
            for own, shape in part.param_shapes().items()
        }
        layout = ParamLayout({name: shape for name, (_, _, shape) in places.items()})
        check_layout(layout, self)
        derived = dict(source=encoder, target=decoder, parts=parts, layout=layout, cross=cross, head=decoder.head)
        derived |= dict(input_layer=encoder.input_layer, static=encoder.static, layers=encoder.layers)
        derived |= dict(folds_input_scale=encoder.folds_input_scale, _places=places)
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @cached
    def flops_per_row(self):
        """Multiplications and additions of one training step per row of either side."""
        F, H, K = self.layers[-1].output_size, self.target.layers[-1].output_size, self.output_size
        beside = 6 * H * K + (0 if self.cross is None else 6 * H * (2 * F + H))
        return (self.source.flops_per_row + self.target.flops_per_row + beside) // 2

    @cached
    def is_stochastic(self):
        """Whether training draws random numbers beside those of the minibatches."""
        return self.source.is_stochastic or bool(self.dropout or self.recurrent_dropout or self.scheduled_sampling)

    @property
    def reads_numbers(self):
        """Whether the decoder reads numbers that the scores predict, and not codes or nothing."""
        return self.token_width == 0 and self.reads_outputs

    def bind(self, vector):
        """The parameters (or gradients) in a flat vector: for each part a dict of views; parts of the encoder have their names in
        a `Network`."""
        parts = {name: {} for name in self.parts}
        for name, view in self.layout.views(vector).items():
            part, own, _ = self._places[name]
            parts[part][own] = view
        return parts

    def of_decoder(self, params):
        """Those of the decoder and of the head, by their names in a `Network`."""
        own = {name.removeprefix("decoder."): p for name, p in params.items() if name.startswith("decoder.")}
        return own | {"head": params["head"]}

    def chain(self, theta, lengths):
        """None: no structure connects the scores."""

    def initialize(self, rng, dtype, bias: ConstantBias = FORGET_BIAS):
        """A flat vector of initial parameters, as in `Network`."""
        theta = np.empty(self.layout.size, dtype)
        params = self.bind(theta)
        for name, p in params.items():
            self.parts[name].initialize(p, rng)
        for prefix in ("", "decoder."):
            for k, layer in enumerate(self.layers if prefix == "" else self.target.layers):
                layer.initialize_biases(params[f"{prefix}layer_{k}"], rng, bias)
        return theta

    def penalized(self, vector):
        """Views of the parameters that the L2 penalty falls on: the weights, not the biases."""
        return penalized(self.layout, vector)

    def workspace(self, theta, n_sequences, n_rows, *, carries=False, of_input=False):
        """The network bound to its parameters, with buffers for batches of up to some size.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
            It may change in place.
        n_sequences : int
        n_rows : tuple of (int, int, int)
            Steps of the sources, of the targets, and products of both summed over the pairs.
        carries : bool, default=False
            Not used: batches are whole sequences.
        of_input : bool, default=False
            Whether the backward pass computes the gradient with respect to the channels of the source too.
        """
        return PairedWorkspace(self, theta, n_sequences, n_rows, of_input)

    def without_dropout(self):
        """The same network for use outside training."""
        return replace(self, dropout=0.0, recurrent_dropout=0.0, input_dropout=0.0, scheduled_sampling=0.0)

    def scores(self, theta, sequences, inputs, *, shift=None, factor=None, n_threads=1):
        """Scores (total target steps, output_size) of every step of the targets, given those before."""
        return apply_pairs(self, theta, sequences, inputs, shift=shift, factor=factor, n_threads=n_threads)[0]

    def decoder(self, theta):
        """A `Decoder` with these parameters, which are not to be written to any more."""
        return Decoder(self, theta)
