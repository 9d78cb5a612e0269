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

    Notes
    -----
    Parameters of each direction: ``W`` (D, n_input H), ``R`` (H, n_recurrent H), ``b`` (n_bias H,), in blocks of H
    columns, and where the cell or `learned_state` asks for them ``p`` or ``norm`` (n_extra, H), ``h0`` and ``c0`` (H,);
    and with static vectors ``S`` (static_width, H), for ``s S`` that is added to h0; those of the reverse direction have the
    prefix ``reverse.``.
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

    # Cached: small minibatches feel every microsecond.

    @cached
    def directions(self):
        """Prefix of the parameter names of each direction."""
        return ("", "reverse.") if self.bidirectional else ("",)

    @property
    def output_size(self):
        return self.hidden_size * (MERGE_MODES[self.merge_mode] if self.bidirectional else 1)

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
        """Multiplications and additions of one training step per row: three products with R and two with W."""
        cell, H = CELLS[self.cell], self.hidden_size
        return len(self.directions) * 2 * H * (3 * H * cell.n_recurrent + 2 * self.input_size * cell.n_input)

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
        cell, H = CELLS[self.cell], self.hidden_size
        shapes = {}
        for prefix in self.directions:
            shapes[f"{prefix}W"] = (self.input_size, cell.n_input * H)
            shapes[f"{prefix}R"] = (H, cell.n_recurrent * H)
            shapes[f"{prefix}b"] = (cell.n_bias * H,)
            if cell.extra:
                shapes[f"{prefix}{cell.extra.name}"] = (cell.n_extra, H)
            shapes |= {f"{prefix}{state}": (H,) for state in self.states}
            if self.static_width:
                shapes[f"{prefix}S"] = (self.static_width, H)
        return shapes

    def initialize(self, p, rng):
        """Write initial parameters.

        W is uniform (Glorot and Bengio 2010), R orthogonal block by block (Saxe et al. 2014), further parameters are as in the
        table of cells, b (for which see `initialize_biases`), states and S 0: a network begins as one without static features.
        Measured: on problems that need them S like W, or a tenth of that, trains no faster.
        """
        H, D = self.hidden_size, self.input_size
        for prefix in self.directions:
            bound = np.sqrt(6 / (D + H))
            p[f"{prefix}W"][...] = rng.uniform(-bound, bound, size=p[f"{prefix}W"].shape)
            write_orthogonal_blocks(p[f"{prefix}R"], rng)
            p[f"{prefix}b"][...] = 0
            extra = CELLS[self.cell].extra
            if extra:
                p[f"{prefix}{extra.name}"][...] = np.array(extra.initial)[:, np.newaxis]
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
        size = _inference.pack_size(self.kernel[0], self.input_size, self.hidden_size, W.itemsize)
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
        masks : list of ndarray of shape (n_sequences, H), default=None
            For each direction, what multiplies h on its way into R.
        static : tuple of two ndarray of shape (n_sequences, static_width), default=None
            Static vectors, and their gradient.
        begins : bool, default=False
            Whether another stage writes the states that sequences begin with; the workspace has a place for them with `carries`.
        d_ends : list of dict of str to ndarray of shape (n_sequences, H), default=()
            For each direction "dh_end" and "dc_end", gradients of the states where its walk ends, beside those of outputs.

        Returns
        -------
        Layer
        """
        directions = []
        for k, prefix in enumerate(self.directions):
            W, R, b, extra = self._of_cell(p, prefix)
            states = {state: p.get(f"{prefix}{state}") for state in (*self.states, "S")}
            buffers = {"gates": ws.gates[k], "c": ws.c[k], "h": ws.h[k], "h_first": ws.h0[k], "c_first": ws.c0[k]}
            mask = None if masks is None else masks[k]
            directions.append({"W": W, "R": R, "b": b, "extra": extra, "mask": mask, "begins": begins} | states | buffers)
            if d_ends:
                directions[-1] |= d_ends[k]
        scratch = ws.dh, ws.dc, ws.zeros, ws.scratch
        return _recurrent.Layer(theta, self.kernel, directions, x, ws.y, dy, d_end, dx, *scratch, self.has_skip, dropout, static)

    def _of_cell(self, p, prefix):
        """W, R, b and the further parameters (or None) of a direction."""
        extra = CELLS[self.cell].extra
        return p[f"{prefix}W"], p[f"{prefix}R"], p[f"{prefix}b"], p[f"{prefix}{extra.name}"] if extra else None

    def part(self, y, k):
        """The columns of an output that belong to direction k."""
        if len(self.directions) == 1 or self.merge_mode == "sum":
            return y
        return y[:, k * self.hidden_size : (k + 1) * self.hidden_size]


class _LayerWorkspace:
    """What a layer writes for one batch: gates, c and h of every step, kept for `backward`, and scratch."""

    def __init__(self, layer, n_sequences, n_rows, dtype, carries):
        H, D = layer.hidden_size, layer.input_size
        cell, directions = CELLS[layer.cell], range(len(layer.directions))
        self.gates = [aligned_empty((n_rows, cell.n_blocks * H), dtype) for _ in directions]
        self.c = [aligned_empty((n_rows if cell.n_states == 2 else 1, H), dtype) for _ in directions]
        self.y = aligned_empty((n_rows, layer.output_size), dtype)
        # The recurrence reads its own outputs again: what is added to them goes elsewhere.
        outputs = self.y
        if layer.bidirectional and layer.merge_mode == "sum":
            self.h = [aligned_empty((n_rows, H), dtype) for _ in directions]
        else:
            if layer.has_skip:
                outputs = aligned_empty((n_rows, layer.output_size), dtype)
            self.h = [layer.part(outputs, k) for k in directions]
        begins = layer.learned_state or layer.static_width or carries
        self.h0 = [aligned_empty((n_sequences, H), dtype) if begins else None for _ in directions]
        self.c0 = [aligned_empty((n_sequences, H), dtype) if begins and cell.n_states == 2 else None for _ in directions]
        self.dh = aligned_empty((n_sequences, H), dtype)
        self.dc = aligned_empty((n_sequences, H), dtype)
        self.zeros = np.zeros(H, dtype=dtype)
        size = _scan.scratch_size(cell.index, n_sequences, n_rows, D, H, np.dtype(dtype).itemsize)
        self.scratch = aligned_empty((size,), dtype)
