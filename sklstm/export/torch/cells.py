"""Recurrent layers that torch lacks, as modules of PyTorch, step by step. Imported by `torch_modules` alone: it imports torch."""

import torch
from torch import nn

from ..._kernels._simd import LAYERNORM_EPSILON
from .names import suffix_of, weights_of_cell

ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}

# ---- cells: (h, c) after one step, from x W; those without c pass it on ----


def affine(p, block, x, h):
    """W x + R h + b of one block of columns."""
    H = p["R"].shape[0]
    columns = slice(block * H, (block + 1) * H)
    return x[:, columns] + h @ p["R"][:, columns] + p["b"][columns]


def lstm(p, act, x, h, c):
    i, f, g, o = (x + h @ p["R"] + p["b"]).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * act(g)
    return torch.sigmoid(o) * act(c), c


def peephole(p, act, x, h, c):
    i, f, g, o = (x + h @ p["R"] + p["b"]).chunk(4, dim=1)
    p_i, p_f, p_o = p["p"]
    c_next = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * act(g)
    return torch.sigmoid(o + p_o * c_next) * act(c_next), c_next


def coupled(p, act, x, h, c):
    f, g, o = (x + h @ p["R"] + p["b"]).chunk(3, dim=1)
    f = torch.sigmoid(f)
    c = f * c + (1 - f) * act(g)
    return torch.sigmoid(o) * act(c), c


def normalized(v):
    return nn.functional.layer_norm(v, v.shape[-1:], eps=LAYERNORM_EPSILON)


def layernorm(p, act, x, h, c):
    norm = p["norm"]
    pre = norm[:4].ravel() * normalized(x) + norm[4:8].ravel() * normalized(h @ p["R"]) + p["b"]
    i, f, g, o = pre.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * act(g)
    return torch.sigmoid(o) * act(norm[8] * normalized(c) + norm[9]), c


def gru(p, act, x, h, c):
    H = h.shape[1]
    r, z = (torch.sigmoid(affine(p, block, x, h)) for block in (0, 1))
    n = act(x[:, 2 * H :] + p["b"][2 * H : 3 * H] + r * (h @ p["R"][:, 2 * H :] + p["b"][3 * H :]))
    return (1 - z) * n + z * h, c


def gru_reset_before(p, act, x, h, c):
    r, z = (torch.sigmoid(affine(p, block, x, h)) for block in (0, 1))
    n = act(affine(p, 2, x, r * h))
    return (1 - z) * n + z * h, c


def rnn(p, act, x, h, c):
    return act(x + h @ p["R"] + p["b"]), c


STEPS = {
    "lstm": lstm, "peephole": peephole, "coupled": coupled, "layernorm": layernorm, "gru": gru,
    "gru_reset_before": gru_reset_before, "rnn": rnn,
}  # fmt: skip


def flipped(x, lengths):
    """Each sequence from its last step to its first."""
    steps = torch.arange(x.shape[1], device=x.device)
    places = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return torch.take_along_dim(x, places[..., None], dim=1)


class SteppedLayer(nn.Module):
    """A recurrent layer of one or two directions, one step after the other, with or without a projection."""

    def __init__(self, layer):
        super().__init__()
        self.cell, self.activation = layer.cell, layer.activation
        self.has_c = layer.n_states == 2
        self.suffixes = [suffix_of(prefix) for prefix in layer.directions]
        for name, shape in weights_of_cell(layer).items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    def forward(self, x, lengths, states):
        """y (N, T, n_directions H) and the last h of each direction (n_directions, N, H), from states (h, c) of that shape."""
        outputs, ends = [], []
        for k, suffix in enumerate(self.suffixes):
            y, end = self.walk(suffix, flipped(x, lengths) if k else x, lengths, [state[k] for state in states])
            outputs.append(flipped(y, lengths) if k else y)
            ends.append(end)
        return torch.cat(outputs, dim=2), torch.stack(ends)

    def walk(self, suffix, x, lengths, state):
        """Outputs of every step, and the last one, of one direction."""
        p = {name: getattr(self, f"{name}{suffix}", None) for name in ("W", "R", "b", "p", "norm", "P")}
        products, step, act = x @ p["W"], STEPS[self.cell], ACTIVATIONS[self.activation]
        h, c = state[0], state[1] if self.has_c else None
        outputs = []
        for t in range(x.shape[1]):
            h_next, c_next = step(p, act, products[:, t], h, c)
            h_next = h_next if p["P"] is None else h_next @ p["P"]
            goes_on = (t < lengths)[:, None]
            h = torch.where(goes_on, h_next, h)
            c = torch.where(goes_on, c_next, c) if self.has_c else None
            outputs.append(h)
        return torch.stack(outputs, dim=1), h
