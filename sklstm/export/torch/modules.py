"""Fitted networks as modules of PyTorch. Imported by `to_torch` alone, since it imports torch.

Tensors are padded: x (N, T, D) with lengths (N,), and what lies behind the length of a sequence has no effect.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from .cells import SteppedLayer, flipped
from .names import CLASSES, REVERSE, has_module, is_one_module, suffix_of

# ---- what is before the recurrent layers ----


class InputLayer(nn.Module):
    """Scaled numeric channels, what stands for missing values, vectors of categories, and logarithms of gaps."""

    def __init__(self, layer):
        super().__init__()
        self.numeric, self.gap, self.bidirectional = layer.numeric.tolist(), layer.gap, layer.bidirectional
        self.allows_missing, self.decays = layer.allows_missing, layer.decays
        self.channels = [channel for channel, _, _ in layer.categories]
        for name, shape in layer.param_shapes().items():
            plain = name.removeprefix("reverse.")
            if plain in ("scale", "offset", "mean", "known"):  # which are not trained
                self.register_buffer(plain, torch.zeros(shape))
            elif not name.startswith("E"):
                self.register_parameter(f"{plain}{suffix_of(plain != name)}", nn.Parameter(torch.zeros(shape)))
        self.embedding = nn.ModuleDict({str(channel): nn.Embedding(rows, width) for channel, rows, width in layer.categories})

    def forward(self, x, lengths):
        numbers = x[..., self.numeric] * self.scale + self.offset
        gaps = torch.ones_like(x[..., :1]) if self.gap is None else x[..., [self.gap]]
        # To the next step; 1 at the last one.
        later = flipped(torch.cat([torch.ones_like(gaps[:, :1]), flipped(gaps, lengths)[:, :-1]], dim=1), lengths)
        columns = [numbers]
        if self.allows_missing:
            columns = self.columns_of_missing(numbers, gaps, later, lengths)
        columns += [self.embedding[str(channel)](x[..., channel].long()) for channel in self.channels]
        if self.gap is not None:
            columns += [torch.log2(1 + part) for part in (gaps, later)[: 1 + self.bidirectional]]
        return torch.cat(columns, dim=2)

    def columns_of_missing(self, numbers, gaps, later, lengths):
        seen, is_known = ~torch.isnan(numbers), self.known != 0
        values, times = self.stand_ins(numbers, gaps, "")
        columns = [values, seen.to(numbers.dtype), times]
        if self.bidirectional:
            back = self.stand_ins(flipped(numbers, lengths), flipped(later, lengths), REVERSE)
            columns += [flipped(part, lengths) for part in back]
        return [torch.where(is_known, column, 0.0) for column in columns]

    def stand_ins(self, numbers, gaps, suffix):
        """Values, by the input decay of GRU-D from the last one towards the mean, and log2(1 + time since that)."""
        mean = self.mean * self.scale + self.offset
        last, elapsed, values, times = mean.expand_as(numbers[:, 0]), torch.zeros_like(numbers[:, 0]), [], []
        for t in range(numbers.shape[1]):
            value, elapsed = numbers[:, t], elapsed + gaps[:, t]
            seen, stand_in = ~torch.isnan(value), last
            if self.decays:
                w, b = getattr(self, f"w{suffix}"), getattr(self, f"b{suffix}")
                stand_in = mean + torch.exp(-torch.relu(w * elapsed + b)) * (last - mean)
            values.append(torch.where(seen, value, stand_in))
            times.append(torch.log2(1 + elapsed))
            last, elapsed = torch.where(seen, value, last), torch.where(seen, 0.0, elapsed)
        return torch.stack(values, dim=1), torch.stack(times, dim=1)


class Static(InputLayer):
    """The vector s of the static features of each sequence, what it adds to the initial states, and to the scores."""

    def __init__(self, static, layers):
        super().__init__(static.entry)
        self.head = nn.Linear(static.width, static.n_scores, bias=False)
        for k, layer in enumerate(layers):
            for prefix in layer.directions:
                weight = nn.Parameter(torch.zeros(layer.param_shapes()[f"{prefix}S"][::-1]))
                self.register_parameter(f"state_l{k}{suffix_of(prefix)}", weight)

    def vectors(self, features):
        n = torch.ones(len(features), dtype=torch.long, device=features.device)
        return self(features[:, None], n)[:, 0]

    def of_state(self, s, k, n_directions):
        """(n_directions, N, H)"""
        return torch.stack([s @ getattr(self, f"state_l{k}{suffix}").T for suffix in ("", REVERSE)[:n_directions]])


class Chain(nn.Module):
    """Scores of neighbouring labels, of which some are not allowed."""

    def __init__(self, n_labels, allowed):
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(n_labels, n_labels))
        self.start_transitions, self.end_transitions = (nn.Parameter(torch.zeros(n_labels)) for _ in range(2))
        self.register_buffer("allowed", torch.tensor(allowed), persistent=False)

    def scores(self):
        """Of pairs (K, K), of the first label and of the last; -inf where something is not allowed."""
        given = torch.vstack([self.transitions, self.start_transitions, self.end_transitions])
        *pairs, start, end = torch.where(self.allowed, given, -torch.inf)
        return torch.stack(pairs), start, end

    def marginals(self, scores, lengths):
        """Probabilities (N, T, K) of the labels of each step, by the forward-backward algorithm."""
        pairs, start, end = self.scores()
        n, steps = scores.shape[0], range(scores.shape[1])
        forward, backward = [start + scores[:, 0]], [end.expand(n, -1)]
        for t in steps[1:]:
            forward.append(scores[:, t] + torch.logsumexp(forward[-1][:, :, None] + pairs, dim=1))
        for t in reversed(steps[1:]):
            after = torch.logsumexp(pairs + (scores[:, t] + backward[0])[:, None], dim=2)
            backward.insert(0, torch.where((t < lengths)[:, None], after, end))
        return torch.softmax(torch.stack(forward, dim=1) + torch.stack(backward, dim=1), dim=2)


# ---- what scores mean, by the loss ----

LINKS = {
    "binary_log_loss": lambda scores: torch.sigmoid(torch.cat([-scores, scores], dim=-1)),
    "multilabel_log_loss": torch.sigmoid,
    "multinomial_log_loss": lambda scores: torch.softmax(scores, dim=-1),
    "ctc_log_loss": lambda scores: torch.softmax(scores, dim=-1),
    "quantiles": lambda scores: torch.sort(scores, dim=-1).values,
    "poisson": torch.exp,
}


@dataclass
class OutputTransform:
    """What scores mean.

    Attributes
    ----------
    loss : str
    columns : int, list of int or None
        Columns of the results that are predicted; None for all.
    n_components : int
        Components of a mixture of distributions, whose mean is predicted; 0 without a mixture.
    """

    loss: str
    columns: object = None
    n_components: int = 0

    def of(self, scores):
        if self.n_components:
            c = self.n_components
            means = scores[..., c : c + (scores.shape[-1] - c) // 2].unflatten(-1, (c, -1))
            scores = (torch.softmax(scores[..., :c], dim=-1)[..., None] * means).sum(dim=-2)
        result = LINKS.get(self.loss, lambda same: same)(scores)
        return result if self.columns is None else result[..., self.columns]


# ---- the network ----


@dataclass
class LayerSizes:
    """Sizes of a recurrent layer, and what is done with its outputs."""

    hidden_size: int
    state_size: int
    n_directions: int
    sums: bool
    has_skip: bool
    n_states: int


def padded(x, lengths):
    """x (N, T, D), and lengths (N,), of these or of a PackedSequence."""
    if isinstance(x, PackedSequence):
        return pad_packed_sequence(x, batch_first=True)
    if x.ndim != 3 or not x.shape[0] or not x.shape[1]:
        raise ValueError(f"x must have the shape (n_sequences, n_steps, n_channels), without zeros, got {tuple(x.shape)}.")
    n, n_steps, _ = x.shape
    lengths = torch.full((n,), n_steps) if lengths is None else torch.as_tensor(lengths)
    if lengths.shape != (n,) or lengths.is_floating_point() or lengths.min() < 1 or lengths.max() > n_steps:
        raise ValueError(f"lengths must be {n} integers from 1 to {n_steps}, one for each sequence of x.")
    return x, lengths


def merged(y, sizes):
    """Outputs of a layer from those of its directions (..., n_directions H): side by side, or summed."""
    return y[..., : sizes.state_size] + y[..., sizes.state_size :] if sizes.sums else y


def run(module, x, lengths, states):
    """y (N, T, n_directions H), and the last h (n_layers n_directions, N, H) of a module."""
    if isinstance(module, SteppedLayer):
        return module(x, lengths.to(x.device), states)
    state, n_steps = tuple(states) if len(states) > 1 else states[0], x.shape[1]
    if (lengths == n_steps).all():
        y, last = module(x, state)
    else:
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        y, last = module(packed, state)
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=n_steps)
    return y, last[0] if len(states) > 1 else last


class RecurrentNetwork(nn.Module):
    """A fitted network of sklstm.

    Its weights have the names and shapes of `sklstm.export.to_state_dict`, if PyTorch has the cell.
    """

    def __init__(self, network, allowed, transform, reader):
        super().__init__()
        self.transform, self.reader, self.poolings = transform, reader, network.poolings
        self.sizes = [
            LayerSizes(
                layer.hidden_size,
                layer.state_sizes[0],
                len(layer.directions),
                layer.output_size < len(layer.directions) * layer.state_sizes[0],
                layer.has_skip,
                layer.n_states,
            )
            for layer in network.layers
        ]
        self.input = None if network.input_layer is None else InputLayer(network.input_layer)
        self.n_channels = network.input_size if network.input_layer is None else network.input_layer.n_channels
        self.n_static = 0 if network.static is None else network.static.entry.n_channels
        self.rnn = recurrent(network)
        for state in network.layers[0].states:
            setattr(self, state, self.states_to_learn(state))
        self.static = None if network.static is None else Static(network.static, network.layers)
        size = network.layers[-1].output_size
        if "attention" in network.poolings:
            self.attention = nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Linear(size, 1, bias=False))
        self.dropout, self.head = nn.Dropout(network.dropout), nn.Linear(network.head.input_size, network.output_size)
        self.crf = None if allowed is None else Chain(network.output_size, allowed)

    def read(self, X):
        """Return ``x, lengths, static`` for `forward`, of an X of any form that the estimator takes.

        For X of numbers without missing values, times or static features this is padding, and X itself will do. Else these are
        the numbers that the network reads: codes of categories, gaps between times.
        """
        sequences, like = self.reader._read_fitted(X), self.head.weight
        arrays = sequences.to_padded(0.0), sequences.lengths, sequences.static
        x, lengths, static = (None if array is None else torch.tensor(array, device=like.device) for array in arrays)
        return x.to(like.dtype), lengths, None if static is None else static.to(like.dtype)

    def forward(self, x, lengths=None, static=None):
        """Return the scores of sequences.

        Parameters
        ----------
        x : Tensor of shape (N, T, n_channels) or PackedSequence
            Sequences in the units of the data, padded at the end by anything.
        lengths : Tensor of int of shape (N,), default=None
            Numbers of steps; None if all have T, or of a PackedSequence.
        static : Tensor of shape (N, n_static), default=None
            Static features, of a model that has such.

        Returns
        -------
        Tensor of shape (N, n_scores) or (N, T, n_scores)
            Log-odds or logits of classes, or what the loss of a regressor compares with y. With scores for every step, those
            behind the last one of a sequence are 0.
        """
        x, lengths = padded(x, lengths)
        self.check(x, static)
        is_step = (torch.arange(x.shape[1]) < lengths.cpu()[:, None])[..., None].to(x.device)
        x, s = torch.where(is_step, x, 0.0), None if self.static is None else self.static.vectors(static)
        if self.input is not None:
            x = self.input(x, lengths.to(x.device))
        y, end = self.run_layers(x, lengths, s)
        pooled = torch.cat([self.pool(name, y, end, is_step) for name in self.poolings], dim=1) if self.poolings else y
        scores = self.head(self.dropout(pooled))
        if s is not None:
            scores = scores + (self.static.head(s) if self.poolings else self.static.head(s)[:, None])
        return scores if self.poolings else torch.where(is_step, scores, 0.0)

    def check(self, x, static):
        """Raise a ValueError where numbers of channels or static features are not those of the network."""
        if x.shape[2] != self.n_channels:
            raise ValueError(f"x must have {self.n_channels} channels, got {x.shape[2]}. Pass what module.read(X) returns.")
        if self.static is None:
            if static is not None:
                raise ValueError("static was passed, but the model has no static features. Leave it out.")
            return
        expected, got = (len(x), self.n_static), None if static is None else tuple(static.shape)
        if got != expected:
            raise ValueError(
                f"The model has static features: static must have the shape {expected}, got {got}. Pass"
                " x, lengths, static = module.read(X)."
            )

    def outputs(self, x, lengths=None, static=None):
        """Return what the scores mean, as the estimator does: probabilities of classes, or predictions of a regressor.

        Parameters and shapes are those of `forward`, with the columns of `predict_proba` or `predict`.
        """
        scores = self(x, lengths, static)
        if self.crf is None:
            return self.transform.of(scores)
        return self.crf.marginals(scores, padded(x, lengths)[1].to(scores.device))

    def run_layers(self, x, lengths, s):
        """Outputs of every step of the last layer, and those where its directions end."""
        first = 0
        for module in self.rnn if isinstance(self.rnn, nn.ModuleList) else [self.rnn]:
            n_layers = len(self.sizes) if module is self.rnn else 1
            states, own = self.initial_states(first, n_layers, x, s), self.sizes[first + n_layers - 1]
            y, last = run(module, x if first == 0 else self.dropout(x), lengths, states)
            y, end = merged(y, own), merged(torch.cat(list(last[-own.n_directions :]), dim=1), own)
            if own.has_skip:
                H, ends = own.state_size, x[torch.arange(len(x)), lengths - 1]
                y, end = y + x, end + torch.cat([ends[:, :H], x[:, 0, H:]], dim=1)
            x, first = y, first + n_layers
        return x, end

    def initial_states(self, first, n_layers, x, s):
        """h, and c if there is one, of some layers: (n_layers n_directions, N, H) each."""
        parts = self.sizes[first : first + n_layers]
        n, own = len(parts) * parts[0].n_directions, parts[0]
        states = [x.new_zeros(n, len(x), size) for size in (own.state_size, own.hidden_size)[: own.n_states]]
        for k, name in enumerate(("h0", "c0")[: own.n_states]):
            if hasattr(self, name):
                learned = getattr(self, name)
                states[k] = states[k] + (learned if isinstance(learned, nn.Parameter) else learned[str(first)])
        if s is not None:
            added = [self.static.of_state(s, k, own.n_directions) for k in range(first, first + n_layers)]
            states[0] = states[0] + torch.cat(added)
        return states

    def states_to_learn(self, state):
        """Of one module a parameter (n_layers n_directions, 1, H); of several a dict of them."""
        sizes = [own.state_size if state == "h0" else own.hidden_size for own in self.sizes]
        n = self.sizes[0].n_directions
        if not isinstance(self.rnn, nn.ModuleList) or len(self.rnn) == 1:
            return nn.Parameter(torch.zeros(n * len(sizes), 1, sizes[0]))
        return nn.ParameterDict({str(k): nn.Parameter(torch.zeros(n, 1, size)) for k, size in enumerate(sizes)})

    def pool(self, name, y, end, is_step):
        """(N, F) of outputs y (N, T, F)."""
        return POOLINGS[name](self, y, end, is_step)


def weighted(module, y, is_step):
    weights = torch.softmax(torch.where(is_step, module.attention(y), -torch.inf), dim=1)
    return (weights * torch.where(is_step, y, 0.0)).sum(dim=1)


# Module, outputs (N, T, F), those where directions end (N, F), and which are steps (N, T, 1) -> (N, F).
POOLINGS = {
    "last": lambda module, y, end, is_step: end,
    "mean": lambda module, y, end, is_step: torch.where(is_step, y, 0.0).sum(dim=1) / is_step.sum(dim=1),
    "max": lambda module, y, end, is_step: torch.where(is_step, y, -torch.inf).amax(dim=1),
    "attention": lambda module, y, end, is_step: weighted(module, y, is_step),
}


def recurrent(network):
    """One module of torch for all layers, or a list of modules of one layer each."""
    if not has_module(network):
        return nn.ModuleList([SteppedLayer(layer) for layer in network.layers])
    first, is_one = network.layers[0], is_one_module(network)
    options = {"batch_first": True, "bidirectional": first.bidirectional}
    options |= {"proj_size": first.proj_size} if first.proj_size else {}
    options |= {"nonlinearity": network.activation} if len(CLASSES[network.cell][1]) > 1 else {}
    make = getattr(nn, CLASSES[network.cell][0])
    if not is_one:
        return nn.ModuleList([make(layer.input_size, layer.hidden_size, **options) for layer in network.layers])
    n_layers = len(network.layers)
    options |= {"dropout": network.dropout} if n_layers > 1 else {}
    return make(first.input_size, first.hidden_size, n_layers, **options)
