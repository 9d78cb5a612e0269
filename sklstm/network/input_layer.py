"""What comes before the first layer: vectors for categories, what stands for missing values, units that cannot be in weights."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _embedding, _missing
from .workspace import aligned_empty

UNKNOWN = 0  # row of a table for what was not seen in training
HIDDEN_SHARE = 0.01  # of the codes that training replaces by UNKNOWN, so that its vector learns too

# What may stand for missing values of numeric channels -> whether it decays at rates that are learned.
MISSING = {"error": False, "indicator": False, "decay": True}
INITIAL_RATE = 0.1  # of decay: after ten steps a value counts for a third


@dataclass(frozen=True)
class InputLayer:
    """Spec of the stage between the packed channels and the first recurrent layer.

    Its output holds the numeric channels, each as ``scale x + offset``, and then one vector per categorical channel,
    whose values are rows of its table. Where numeric channels may have missing values, NaN, columns that say which they are
    stand beside them: see the kernel `Missing`. Where times are known, the last columns say how far away the step before is and,
    of a bidirectional network, the next one: log2(1 + gap).

    Parameters
    ----------
    n_channels : int
        Channels of a step.
    categories : tuple of (int, int, int)
        Channel, rows of its table and width of its vectors, for each categorical channel, in ascending order.
    missing : str
        Name in the table `MISSING`; with "error" no value is missing.
    bidirectional : bool
        Whether missing values are also looked for from the end of the sequence on.
    gap : int, default=None
        Channel with the time since the step before, in units of its median; 1 at the first step. None without times.

    Notes
    -----
    Parameters: ``scale``, ``offset`` (n_numeric,), which are not trained; where values may be missing ``mean``, which stands for
    a channel before its first value, and ``known``, 0 for a channel that is to be ignored, which are not trained either;
    ``w`` and ``b`` (n_numeric,) of the rates of decay, those of the reverse direction with the prefix ``reverse.``;
    ``E<channel>`` (rows, width), row 0 for the unknown.
    """

    n_channels: int
    categories: tuple = ()
    missing: str = "error"
    bidirectional: bool = False
    gap: int | None = None

    @property
    def numeric(self):
        """Channels that are no categories and no gap."""
        others = {self.gap, *(channel for channel, _, _ in self.categories)}
        return np.array([k for k in range(self.n_channels) if k not in others], dtype=np.intp)

    @property
    def allows_missing(self):
        return self.missing != "error"

    @property
    def decays(self):
        """Whether a value that was seen counts less, the longer ago that was."""
        return MISSING[self.missing]

    @property
    def directions(self):
        """Prefix of the parameter names of each direction in which missing values are looked for, and gaps are measured."""
        return ("", "reverse.") if self.bidirectional else ("",)

    @property
    def n_blocks(self):
        """Number of columns for each numeric channel."""
        return 1 + 2 * len(self.directions) if self.allows_missing else 1

    @property
    def channels_of_columns(self):
        """For each column of the output, the channel that it comes from."""
        vectors = [np.full(width, channel) for channel, _, width in self.categories]
        gaps = np.full(self.n_gaps, self.gap if self.n_gaps else -1)
        return np.concatenate([np.tile(self.numeric, self.n_blocks), *vectors, gaps])

    @property
    def n_gaps(self):
        """Number of columns for the gaps."""
        return 0 if self.gap is None else len(self.directions)

    @property
    def output_size(self):
        return len(self.numeric) * self.n_blocks + sum(width for _, _, width in self.categories) + self.n_gaps

    def param_shapes(self):
        n = len(self.numeric)
        shapes = {name: (n,) for name in ("scale", "offset", *(("mean", "known") if self.allows_missing else ()))}
        shapes |= {f"{prefix}{rate}": (n,) for prefix in self.directions * self.decays for rate in ("w", "b")}
        return shapes | {f"E{channel}": (rows, width) for channel, rows, width in self.categories}

    def initialize(self, p, rng):
        """Vectors are standard normal, like the numeric channels beside them."""
        for name, value in {"scale": 1, "offset": 0, "mean": 0, "known": 1}.items():
            if name in p:
                p[name][...] = value
        for prefix in self.directions * self.decays:
            p[f"{prefix}w"][...], p[f"{prefix}b"][...] = INITIAL_RATE, 0
        for channel, rows, width in self.categories:
            p[f"E{channel}"][...] = rng.standard_normal((rows, width))

    def workspace(self, n_sequences, n_rows, dtype):
        """Buffers for batches of up to that size."""
        return InputWorkspace(self, n_sequences, n_rows, dtype)

    def bind(self, theta, p, ws, dx=None):
        """The stage that runs the layer; p are views of theta, dx (n_rows, output_size) is the gradient of its output, if any."""
        tables = [(channel, p[f"E{channel}"], codes) for (channel, _, _), codes in zip(self.categories, ws.codes, strict=True)]
        ws.p, units, gap = p, (p["scale"], p["offset"]), -1 if self.gap is None else self.gap
        if self.allows_missing:
            rates = [(p.get(f"{prefix}w"), p.get(f"{prefix}b")) for prefix in self.directions]
            ws.missing = _missing.Missing(
                theta, self.n_channels, ws.numeric, *units, p["mean"], p["known"], rates, ws.states, ws.x, dx, gap
            )
        ws.stage = _embedding.InputLayer(
            theta, self.n_channels, ws.numeric, *units, tables, ws.x, dx, ws.missing, gap, len(self.directions)
        )
        return ws.stage

    def forward(self, p, packed, ws):
        """Output of every row, for predictions; the parameters do not change as long as the workspace is used."""
        if ws.p is not p:
            self.bind(p["scale"], p, ws)
        ws.stage.apply(packed.values, packed.starts, packed.first)
        return ws.x


class InputWorkspace:
    """Buffers of an `InputLayer` for batches of up to some size, and the stage that is bound to them.

    Attributes
    ----------
    x : ndarray of shape (n_rows, output_size)
    codes : list of ndarray of int of shape (n_rows,)
        Of the categorical channels.
    states : list of tuple of ndarray
        Where values may be missing, for each direction: the last values and the time since then, (n_sequences, n_numeric), and
        the time at each row, (n_rows, n_numeric).
    """

    def __init__(self, layer, n_sequences, n_rows, dtype):
        self.numeric = layer.numeric
        self.x = aligned_empty((n_rows, layer.output_size), dtype)
        self.codes = [np.empty(n_rows, dtype=np.intp) for _ in layer.categories]
        self.p = self.stage = self.missing = None
        sizes, directions = (n_sequences, n_sequences, n_rows), layer.directions if layer.allows_missing else ()
        self.states = [tuple(np.zeros((size, len(self.numeric)), dtype) for size in sizes) for _ in directions]

    @property
    def remembered(self):
        """What later steps depend on, for each sequence of a network of one direction: last values and the time since then."""
        return self.states[0][:2] if self.states else ()

    def remember(self, arrays):
        """Continue from a copy of that."""
        for own, array in zip(self.remembered, arrays, strict=True):
            own[...] = array

    def begin(self, first, stop):
        """Let sequences first .. stop - 1 be such that have had no step."""
        if self.missing is not None:
            self.missing.reset(first, stop)

    def hide(self, rng, rate, values):
        """Overwrite values (n_rows, n_channels) of numeric channels by NaN with probability `rate`."""
        rows, columns = np.nonzero(rng.random((len(values), len(self.numeric)), dtype=np.float32) < rate)
        values[rows, self.numeric[columns]] = np.nan

    def draw(self, rng, n):
        """Which of n rows have the vector of the unknown in the next forward pass."""
        for k in range(len(self.codes)):
            self.stage.hide(k, rng.integers(n, size=rng.binomial(n, HIDDEN_SHARE)))
