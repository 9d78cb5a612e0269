"""A recurrent layer of one or two directions."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _scan, _simd
from .workspace import aligned_empty

CELLS = _simd.cells()  # name -> (index in the kernels' table, n_gates, n_states)

# What the bias of each gate begins with: 1 for an LSTM's forget gate, so that states are kept until training says
# otherwise (Gers et al. 2000; Jozefowicz et al. 2015).
INITIAL_BIASES = {"lstm": (0, 1, 0, 0)}

# How many times as wide as one direction the output of a bidirectional layer is.
MERGE_MODES = {"concat": 2, "sum": 1}


@dataclass(frozen=True)
class RecurrentLayer:
    """Spec of a layer; it holds no arrays, so it may be shared between threads.

    Parameters
    ----------
    input_size : int
        D, channels of its input.
    hidden_size : int
        H, units per direction.
    cell : str
        Name in the table of cells.
    bidirectional : bool
        A second direction walks each sequence from its last step to its first.
    merge_mode : {"concat", "sum"}
        How the outputs of two directions become one.

    Notes
    -----
    Parameters of each direction: ``W`` (D, G H), ``R`` (H, G H), ``b`` (G H,), the G gates one block of H columns each;
    those of the reverse direction have the prefix ``reverse.``.
    """

    input_size: int
    hidden_size: int
    cell: str = "lstm"
    bidirectional: bool = False
    merge_mode: str = "concat"

    @property
    def directions(self):
        """Prefix of the parameter names of each direction."""
        return ("", "reverse.") if self.bidirectional else ("",)

    @property
    def output_size(self):
        return self.hidden_size * (MERGE_MODES[self.merge_mode] if self.bidirectional else 1)

    @property
    def flops_per_row(self):
        """Multiplications and additions of one training step per row: three products with R and two with W."""
        n_gates = CELLS[self.cell][1]
        return len(self.directions) * 2 * n_gates * self.hidden_size * (3 * self.hidden_size + 2 * self.input_size)

    def param_shapes(self):
        """Dict of parameter name to shape."""
        width = CELLS[self.cell][1] * self.hidden_size
        shapes = {}
        for prefix in self.directions:
            shapes[f"{prefix}W"] = (self.input_size, width)
            shapes[f"{prefix}R"] = (self.hidden_size, width)
            shapes[f"{prefix}b"] = (width,)
        return shapes

    def initialize(self, p, rng):
        """Write initial parameters.

        W is uniform (Glorot and Bengio 2010), R orthogonal gate by gate (Saxe et al. 2014), b as in INITIAL_BIASES.
        """
        H, D = self.hidden_size, self.input_size
        n_gates = CELLS[self.cell][1]
        for prefix in self.directions:
            bound = np.sqrt(6 / (D + H))
            p[f"{prefix}W"][...] = rng.uniform(-bound, bound, size=(D, n_gates * H))
            for gate in range(n_gates):
                q, r = np.linalg.qr(rng.standard_normal((H, H)))
                # The signs of r's diagonal make the distribution uniform over the orthogonal matrices.
                p[f"{prefix}R"][:, gate * H : (gate + 1) * H] = q * np.where(np.diag(r) < 0, -1, 1)
            p[f"{prefix}b"][...] = np.repeat(INITIAL_BIASES[self.cell], H)

    def workspace(self, n_sequences, n_rows, dtype, backward):
        """Buffers for batches of up to that size; with `backward`, those that `backward` needs too."""
        return _LayerWorkspace(self, n_sequences, n_rows, dtype, backward)

    def forward(self, p, packed, x, ws):
        """Outputs of every step.

        Parameters
        ----------
        p : dict of str to ndarray
            Parameters.
        packed : Packed
            Which rows are which steps.
        x : ndarray of shape (>= n_rows, D)
        ws : workspace

        Returns
        -------
        ndarray of shape (>= n_rows, output_size)
            Lives in the workspace.
        """
        index = CELLS[self.cell][0]
        for k, prefix in enumerate(self.directions):
            _scan.forward(
                index,
                k == 1,
                packed.starts,
                x,
                p[f"{prefix}W"],
                p[f"{prefix}R"],
                p[f"{prefix}b"],
                ws.gates[k],
                ws.c[k],
                ws.h[k],
                ws.zeros,
                ws.keep,
                ws.scratch,
            )
        if ws.summed is not None:
            n = packed.n_rows
            np.add(ws.h[0][:n], ws.h[1][:n], out=ws.summed[:n])
        return ws.y

    def backward(self, p, g, packed, x, ws, dy=None, d_end=None, dx=None):
        """Add to the gradients, after `forward` on the same arguments.

        Parameters
        ----------
        p, g : dict of str to ndarray
            Parameters, and their gradients (added to).
        packed, x, ws
            As in `forward`; the gates in the workspace are overwritten.
        dy : ndarray of shape (>= n_rows, output_size), default=None
            Gradient with respect to the output of every step.
        d_end : ndarray of shape (n_sequences, output_size), default=None
            Gradient with respect to `end_states`.
        dx : ndarray of shape (>= n_rows, D), default=None
            Overwritten by the gradient with respect to x; None where it is not wanted.
        """
        index = CELLS[self.cell][0]
        n = packed.n_sequences
        for k, prefix in enumerate(self.directions):
            ws.dc[:n] = 0
            ws.dh[:n] = 0 if d_end is None else self.part(d_end, k)
            _scan.backward(
                index,
                k == 1,
                packed.starts,
                x,
                p[f"{prefix}W"],
                p[f"{prefix}R"],
                ws.gates[k],
                ws.c[k],
                ws.h[k],
                None if dy is None else self.part(dy, k),
                ws.dh,
                ws.dc,
                g[f"{prefix}W"],
                g[f"{prefix}R"],
                g[f"{prefix}b"],
                dx,
                k == 1,
                ws.zeros,
                ws.scratch,
            )

    def part(self, y, k):
        """The columns of an output that belong to direction k."""
        if len(self.directions) == 1 or self.merge_mode == "sum":
            return y
        return y[:, k * self.hidden_size : (k + 1) * self.hidden_size]


class _LayerWorkspace:
    """What a layer writes for one batch: gates and c (kept for `backward`, or a chunk of them), h, and scratch."""

    def __init__(self, layer, n_sequences, n_rows, dtype, backward):
        H, D = layer.hidden_size, layer.input_size
        _, n_gates, _ = CELLS[layer.cell]
        itemsize = np.dtype(dtype).itemsize
        width = n_gates * H
        self.keep = backward
        gate_rows = n_rows if backward else _scan.gate_rows(n_sequences, n_rows, width, itemsize)
        c_rows = n_rows if backward else 2 * n_sequences
        directions = range(len(layer.directions))
        # Without `backward` the directions take turns in one chunk of gates.
        buffers = len(directions) if backward else 1
        gates = [aligned_empty((gate_rows, width), dtype) for _ in range(buffers)]
        c = [aligned_empty((c_rows, H), dtype) for _ in range(buffers)]
        self.gates = [gates[k % buffers] for k in directions]
        self.c = [c[k % buffers] for k in directions]
        self.summed = None
        if layer.bidirectional and layer.merge_mode == "sum":
            self.h = [aligned_empty((n_rows, H), dtype) for _ in directions]
            self.y = self.summed = aligned_empty((n_rows, H), dtype)
        else:
            self.y = aligned_empty((n_rows, layer.output_size), dtype)
            self.h = [layer.part(self.y, k) for k in directions]
        if backward:
            self.dh = aligned_empty((n_sequences, H), dtype)
            self.dc = aligned_empty((n_sequences, H), dtype)
        self.zeros = np.zeros(H, dtype=dtype)
        self.scratch = aligned_empty(
            (_scan.scratch_size(n_sequences, n_rows, D, H, n_gates, itemsize, backward),), dtype
        )
