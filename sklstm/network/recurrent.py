"""A recurrent layer of one or two directions."""

from dataclasses import dataclass

import numpy as np

from .._kernels import _inference, _recurrent, _scan, _simd
from .cached import cached
from .cells import CELLS
from .orthogonal import write_orthogonal_blocks
from .workspace import aligned_empty

ACTIVATIONS = _simd.ACTIVATIONS

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
    activation : {"tanh", "relu"}
        Of the candidate and the state.
    bidirectional : bool
        A second direction walks each sequence from its last step to its first.
    merge_mode : {"concat", "sum"}
        How the outputs of two directions become one.
    residual : bool
        Add the input to the output, where they are equally wide.
    learned_state : bool
        Begin with parameters instead of zeros.
    static_width : int
        Width of the static vector s of a sequence; 0 for none.
    proj_size : int
        Width of h, which then is m P with m (H,) what the cell makes of its state: less than H, and for cells with a state c
        alone (Sak, Senior and Beaufays 2014). 0 for h = m.

    Notes
    -----
    Parameters of each direction: ``W`` (D, n_input H), ``R`` (N, n_recurrent H), ``b`` (n_bias H,), in blocks of H
    columns, with N = H or `proj_size`, and where the cell, `proj_size` or `learned_state` asks for them ``p`` or ``norm``
    (n_extra, H), ``P`` (H, N), ``h0`` (N,) and ``c0`` (H,); and with static vectors ``S`` (static_width, N), for ``s S`` that is
    added to h0; those of the reverse direction have the prefix ``reverse.``.
    """

    input_size: int
    hidden_size: int
    cell: str = "lstm"
    activation: str = "tanh"
    bidirectional: bool = False
    merge_mode: str = "concat"
    residual: bool = False
    learned_state: bool = False
    static_width: int = 0
    proj_size: int = 0

    # Cached: small minibatches feel every microsecond.

    @cached
    def directions(self):
        """Prefix of the parameter names of each direction."""
        return ("", "reverse.") if self.bidirectional else ("",)

    @property
    def output_size(self):
        return self.state_sizes[0] * (MERGE_MODES[self.merge_mode] if self.bidirectional else 1)

    @property
    def state_sizes(self):
        """Widths of the states h and, where the cell has one, c."""
        return (self.proj_size or self.hidden_size, self.hidden_size)[: self.n_states]

    @cached
    def has_skip(self):
        """Whether the input is added to the output."""
        return self.residual and self.input_size == self.output_size

    @property
    def folds_input_scale(self):
        """Whether an affine map of the input can be moved into W and b."""
        return CELLS[self.cell].is_affine_in_x and not self.has_skip

    @property
    def flops_per_row(self):
        """Multiplications and additions of one training step per row: three products with R, and with P, and two with W."""
        cell, H, N = CELLS[self.cell], self.hidden_size, self.state_sizes[0]
        of_P = 3 * self.proj_size
        return len(self.directions) * 2 * H * (3 * N * cell.n_recurrent + of_P + 2 * self.input_size * cell.n_input)

    @cached
    def kernel(self):
        """Index of the cell and of the activation in the kernels' tables."""
        return CELLS[self.cell].index, ACTIVATIONS.index(self.activation)

    @property
    def n_states(self):
        """2 for h and c, 1 for h alone."""
        return CELLS[self.cell].n_states

    @cached
    def states(self):
        """Names of the initial states, if they are learned."""
        return ("h0", "c0")[: CELLS[self.cell].n_states] if self.learned_state else ()

    def param_shapes(self):
        """Dict of parameter name to shape."""
        cell, H, N = CELLS[self.cell], self.hidden_size, self.state_sizes[0]
        shapes = {}
        for prefix in self.directions:
            shapes[f"{prefix}W"] = (self.input_size, cell.n_input * H)
            shapes[f"{prefix}R"] = (N, cell.n_recurrent * H)
            shapes[f"{prefix}b"] = (cell.n_bias * H,)
            if cell.extra:
                shapes[f"{prefix}{cell.extra.name}"] = (cell.n_extra, H)
            if self.proj_size:
                shapes[f"{prefix}P"] = (H, N)
            shapes |= {f"{prefix}{state}": (size,) for state, size in zip(self.states, self.state_sizes, strict=False)}
            if self.static_width:
                shapes[f"{prefix}S"] = (self.static_width, N)
        return shapes

    def initialize(self, p, rng):
        """Write initial parameters.

        W is uniform (Glorot and Bengio 2010), R orthogonal block by block (Saxe et al. 2014), with `proj_size` the first rows of
        such blocks, and P the first columns of one. Further parameters are as in the table of cells, b (for which see
        `initialize_biases`), states and S 0: a network begins as one without static features. Measured: on problems that need
        them S like W, or a tenth of that, trains no faster.
        """
        H, D = self.hidden_size, self.input_size
        for prefix in self.directions:
            bound = np.sqrt(6 / (D + H))
            p[f"{prefix}W"][...] = rng.uniform(-bound, bound, size=p[f"{prefix}W"].shape)
            write_orthogonal_blocks(p[f"{prefix}R"], rng, H)
            p[f"{prefix}b"][...] = 0
            extra = CELLS[self.cell].extra
            if extra:
                p[f"{prefix}{extra.name}"][...] = np.array(extra.initial)[:, np.newaxis]
            if self.proj_size:
                P = p[f"{prefix}P"]
                transpose = np.empty(P.shape[::-1], P.dtype)
                write_orthogonal_blocks(transpose, rng, H)
                P[...] = transpose.T
            for state in self.states:
                p[f"{prefix}{state}"][...] = 0
            if self.static_width:
                p[f"{prefix}S"][...] = 0

    def initialize_biases(self, p, rng, bias):
        """Write what a ConstantBias or TimescaleBias draws."""
        for prefix in self.directions:
            p[f"{prefix}b"][...] = bias.draw(self.cell, self.hidden_size, rng)

    def pack(self, p, k=0):
        """Direction k with its parameters packed for inference."""
        W, *others = self._of_cell(p, self.directions[k])
        size = _inference.pack_size(self.kernel[0], self.input_size, self.hidden_size, self.state_sizes[0], W.itemsize)
        return _inference.pack(*self.kernel, W, *others, aligned_empty((size,), W.dtype))

    def workspace(self, n_sequences, n_rows, dtype, *, carries=False):
        """Buffers for batches of up to that size; with `carries` those for a state from an earlier chunk too."""
        return _LayerWorkspace(self, n_sequences, n_rows, dtype, carries)

    def bind(
        self, theta, p, ws, x, *, dy=None, d_end=None, dx=None, dropout=None, masks=None, static=None, begins=False, d_ends=()
    ):
        """The stage that runs the layer in training: what the backward pass reads is kept.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
        p : dict of str to ndarray
            Parameters, views of theta.
        ws : workspace
            Its `y` has the outputs of every step.
        x : ndarray of shape (n_rows, D), or None for what the first stage reads
            Input.
        dy : ndarray of shape (n_rows, output_size), default=None
            Gradient with respect to the output of every step; None is zero.
        d_end : ndarray of shape (n_sequences, output_size), default=None
            Gradient with respect to the output where the walk of each direction ends; None is zero.
        dx : ndarray of shape (n_rows, D), or None for what comes with the batch
            Overwritten by the gradient with respect to x.
        dropout : Dropout, default=None
            Stage of the dropout of the input, which a residual layer does not add to its output.
        masks : list of ndarray of shape (n_sequences, N), default=None
            For each direction, what multiplies h on its way into R.
        static : tuple of two ndarray of shape (n_sequences, static_width), default=None
            Static vectors, and their gradient.
        begins : bool, default=False
            Whether another stage writes the states that sequences begin with; the workspace has a place for them with `carries`.
        d_ends : list of dict of str to ndarray of shape (n_sequences, N or H), default=()
            For each direction "dh_end" and "dc_end", gradients of the states where its walk ends, beside those of outputs.

        Returns
        -------
        Layer
        """
        directions = []
        for k, prefix in enumerate(self.directions):
            W, R, b, extra, P = self._of_cell(p, prefix)
            states = {state: p.get(f"{prefix}{state}") for state in (*self.states, "S")}
            buffers = {"gates": ws.gates[k], "c": ws.c[k], "h": ws.h[k], "h_first": ws.h0[k], "c_first": ws.c0[k]}
            mask = None if masks is None else masks[k]
            own = {"W": W, "R": R, "b": b, "extra": extra, "P": P, "m": ws.m[k]}
            directions.append(own | {"mask": mask, "begins": begins} | states | buffers)
            if d_ends:
                directions[-1] |= d_ends[k]
        scratch = ws.dh, ws.dc, ws.zeros, ws.scratch
        return _recurrent.Layer(theta, self.kernel, directions, x, ws.y, dy, d_end, dx, *scratch, self.has_skip, dropout, static)

    def _of_cell(self, p, prefix):
        """W, R, b, the further parameters and P (or None) of a direction."""
        extra = CELLS[self.cell].extra
        return *(p[f"{prefix}{name}"] for name in "WRb"), p[f"{prefix}{extra.name}"] if extra else None, p.get(f"{prefix}P")

    def part(self, y, k):
        """The columns of an output that belong to direction k."""
        if len(self.directions) == 1 or self.merge_mode == "sum":
            return y
        N = self.state_sizes[0]
        return y[:, k * N : (k + 1) * N]


class _LayerWorkspace:
    """What a layer writes for one batch: gates, c and h of every step, kept for `backward`, and scratch."""

    def __init__(self, layer, n_sequences, n_rows, dtype, carries):
        H, D, N = layer.hidden_size, layer.input_size, layer.state_sizes[0]
        cell, directions = CELLS[layer.cell], range(len(layer.directions))
        self.gates = [aligned_empty((n_rows, cell.n_blocks * H), dtype) for _ in directions]
        self.c = [aligned_empty((n_rows if cell.n_states == 2 else 1, H), dtype) for _ in directions]
        self.y = aligned_empty((n_rows, layer.output_size), dtype)
        self.m = [aligned_empty((n_rows, H), dtype) if layer.proj_size else None for _ in directions]
        # The recurrence reads its own outputs again: what is added to them goes elsewhere.
        outputs = self.y
        if layer.bidirectional and layer.merge_mode == "sum":
            self.h = [aligned_empty((n_rows, N), dtype) for _ in directions]
        else:
            if layer.has_skip:
                outputs = aligned_empty((n_rows, layer.output_size), dtype)
            self.h = [layer.part(outputs, k) for k in directions]
        begins = layer.learned_state or layer.static_width or carries
        self.h0 = [aligned_empty((n_sequences, N), dtype) if begins else None for _ in directions]
        self.c0 = [aligned_empty((n_sequences, H), dtype) if begins and cell.n_states == 2 else None for _ in directions]
        self.dh = aligned_empty((n_sequences, N), dtype)
        self.dc = aligned_empty((n_sequences, H), dtype)
        self.zeros = np.zeros(H, dtype=dtype)
        size = _scan.scratch_size(cell.index, n_sequences, n_rows, D, H, N, np.dtype(dtype).itemsize)
        self.scratch = aligned_empty((size,), dtype)
